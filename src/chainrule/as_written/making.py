"""NumPy's ways of making arrays, for code in which an array may come to hold tracked numbers.

What they make of tracked numbers is a tensor; and so is what they make of floating point in the user's own code,
because it may be a buffer that tracked numbers are written to. Libraries get plain arrays, as long as nothing tracked
is in them.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.errors import AssignmentError, DtypeError, NoRuleError, ShapeError
from chainrule.overwriting import holds, stacked
from chainrule.tensor import Tensor

__all__ = [
    "MAKERS",
    "VIEWERS",
    "Holding",
    "ListedUfunc",
    "buffered",
    "choosing",
    "follows",
    "holds",
    "instead",
    "is_library",
    "is_own",
    "listed",
    "maker",
    "numbers_of",
    "plain_function",
    "plainly",
    "refusing",
    "settled",
    "stacked",
    "within",
]

_NUMPY = Path(np.__file__).parent
_LIBRARIES = tuple([str(path) for path in (_NUMPY, _NUMPY.parent / "scipy", Path(__file__).parents[1])])
_SCIPY = _LIBRARIES[1]
_POLYNOMIALS = str(_NUMPY / "polynomial")


class Holding:
    """What may hold tracked numbers and is no tensor."""

    __slots__ = ()

    def as_array(self) -> Any:
        """What `np.asarray` makes of it."""
        return self

    @property
    def is_followed(self) -> bool:
        """Whether it does."""
        raise NotImplementedError

    def of_numbers(self) -> Any:
        """The library's own object with the same numbers."""
        raise NotImplementedError


def follows(value: Any) -> bool:
    """Whether something in nested lists and tuples is tracked: a tensor that is not is only a buffer."""
    if isinstance(value, Tensor | Holding):
        return value.is_followed
    return isinstance(value, list | tuple) and any(map(follows, value))


def settled(value: Any) -> Any:
    """The same with plain arrays in the place of tensors that are not tracked."""
    if isinstance(value, Tensor):
        return value if value.is_followed else value.value
    if isinstance(value, Holding):
        return value if value.is_followed else value.of_numbers()
    if type(value) in (list, tuple) and holds(value):
        return type(value)(map(settled, value))
    return value


def plainly(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of SciPy's for plain arrays: what it makes of them in its own code stays plain."""

    @wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        depth, within.depth = within.depth, 0
        try:
            return function(*arguments, **options)
        finally:
            within.depth = depth

    return call


def instead(plain: Any, made: Callable[..., Any]) -> Any:
    """``made`` where something tracked is given, and ``plain`` otherwise."""
    simply = plainly(plain)

    @wraps(plain)
    def call(*arguments: Any, **options: Any) -> Any:
        arguments, options = tuple(map(settled, arguments)), {name: settled(value) for name, value in options.items()}
        if any(map(follows, (*arguments, *options.values()))):
            return made(*arguments, **options)
        return simply(*arguments, **options)

    return call


def choosing(plain: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose results are positions, or choices, which numbers decide."""
    return lambda *arguments, **options: plain(*numbers_of(arguments), **options)


def refusing(message: str) -> Callable[..., Any]:
    """A function that has no rule."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise NoRuleError(message)

    return refuse


def numbers_of(value: Any) -> Any:
    """Results or arguments as plain numbers."""
    if isinstance(value, Holding):
        return value.of_numbers()
    if isinstance(value, Tensor):
        array = np.asarray(value.detach().value)
        return array if array.ndim else array[()]
    if type(value) in (list, tuple):
        return type(value)(map(numbers_of, value))
    return value


def plain_function(module: str, name: str) -> Any:
    """A library's own function, whether another is in its place now or not."""
    function = getattr(sys.modules[module], name)
    return getattr(function, "__wrapped__", function)


def is_library(file: str) -> bool:
    """Whether code in a file has arrays of its own, which are not to become tensors."""
    return file.startswith(_LIBRARIES)


def is_own(file: str) -> bool:
    """Whether code is in this library."""
    return file.startswith(_LIBRARIES[-1])


class _Within(threading.local):
    """Whether SciPy's code is run as it stands too, in this thread."""

    depth = 0


within = _Within()


def _of_user(depth: int) -> bool:
    """Whether the caller is no library; NumPy's polynomials are code as users write it, and count as such."""
    file = sys._getframe(depth).f_code.co_filename
    return not is_library(file) or file.startswith(_POLYNOMIALS) or (within.depth > 0 and file.startswith(_SCIPY))


def _buffer(made: Any) -> Any:
    """A new array as a tensor to be filled, if it can hold what is tracked."""
    return _array(Tensor(made)) if type(made) is np.ndarray and made.dtype.kind in "fc" else made


def buffered(made: Any, depth: int) -> Any:
    """A new array as a tensor to be filled, if code of the user's asked for it, so many calls away."""
    return _buffer(made) if _of_user(depth + 2) else made


def _array(tensor: Any) -> Any:
    """The same tensor, which stands for an array even if it has no axes."""
    tensor.is_array = True
    return tensor


def maker(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that makes an array of shapes and plain numbers."""
    taking_lists = listed(function)

    @wraps(function)
    def make(*arguments: Any, **options: Any) -> Any:
        made = taking_lists(*arguments, **options)
        return _buffer(made) if _of_user(2) else made

    return make


def _of_objects(values: Any) -> Any:
    """A plain array of a tensor's entries, each of which remembers where it came from."""
    made: Any = _EMPTY(values.shape, object)
    for place in np.ndindex(*values.shape):
        made[place] = values[place]
    return made


def _converter(function: Callable[..., Any], copies: bool) -> Callable[..., Any]:
    """A function that makes an array of what it is given: np.array, np.asarray and the like."""

    @wraps(function)
    def convert(value: Any, dtype: Any = None, *rest: Any, **options: Any) -> Any:
        value = value.as_array() if isinstance(value, Holding) else value
        if not holds(value):
            made = function(value, dtype, *rest, **options) if dtype is not None else function(value, *rest, **options)
            return _buffer(made) if made is not value and _of_user(2) else made
        made = stacked(value)
        if dtype is not None and np.dtype(dtype) == object:
            return _of_objects(made)
        if function is _CHECKING:
            function(numbers_of(made))
        order: Any = ORDERS.get(function.__name__, options.get("order", None if made is value else "C"))
        if dtype is not None and np.dtype(dtype) != made.dtype:
            made = made.astype(dtype)
        elif made is value and (
            (copies and options.get("copy", True) is True) or not (made.ndim or made.is_array or made.root is not None)
        ):
            made = np.copy(made)
        array = getattr(made, "value", made)
        if order in ("C", "F") and isinstance(array, np.ndarray) and not array.flags[order]:
            made = np.copy(made, order=order)
        lacking = options.get("ndmin", 0) - made.ndim
        return made[(None,) * lacking] if lacking > 0 else _array(made)

    return convert


_EMPTY, _FULL, _FULL_LIKE, _FROMITER = np.empty, np.full, np.full_like, np.fromiter


@wraps(_FULL)
def _full(shape: Any, fill_value: Any, dtype: Any = None, **options: Any) -> Any:
    if not holds(fill_value):
        made = _FULL(shape, fill_value, dtype, **options)
        return _buffer(made) if _of_user(2) else made
    filled = np.copy(np.broadcast_to(stacked(fill_value), shape), order="C")
    return _array(filled if dtype is None else filled.astype(dtype))


@wraps(_FULL_LIKE)
def _full_like(a: Any, fill_value: Any, dtype: Any = None, *rest: Any, **options: Any) -> Any:
    if not holds(fill_value):
        made = _FULL_LIKE(a, fill_value, dtype, *rest, **options)
        return _buffer(made) if _of_user(2) else made
    shape = options.get("shape")
    return _full(np.shape(a) if shape is None else shape, fill_value, np.result_type(a) if dtype is None else dtype)


@wraps(_FROMITER)
def _fromiter(iterable: Any, dtype: Any, count: int = -1, **options: Any) -> Any:
    entries = list(iterable)
    if not holds(entries):
        made = _FROMITER(entries, dtype, count, **options)
        return _buffer(made) if _of_user(2) else made
    return stacked(entries[: count if count >= 0 else None]).astype(dtype)


class _Rows:
    """`np.r_` and `np.c_`: what is tracked is put together by np.concatenate."""

    def __init__(self, plain: Any, axis: int, rank: int) -> None:
        self.plain, self.axis, self.rank = plain, axis, rank

    def __getitem__(self, key: Any) -> Any:
        entries = key if isinstance(key, tuple) else (key,)
        if not any(map(holds, entries)):
            return self.plain[key]
        parts = [self.part(entry) for entry in entries]
        return np.concatenate(parts, axis=self.axis)

    def part(self, entry: Any) -> Any:
        """One entry with as many axes as all will have."""
        if isinstance(entry, str):
            raise AssignmentError(f"np.r_[{entry!r}, …] with tracked values: write np.concatenate or np.stack instead")
        made = self.plain[entry] if isinstance(entry, slice) else stacked(entry)
        return np.atleast_1d(made) if self.rank == 1 else made[:, None] if made.ndim == 1 else made


def _together(value: Any) -> Any:
    """A list with tensors in it as one tensor; or, where its entries have several shapes, as a list of tensors."""
    if type(value) not in (list, tuple) or not holds(value):
        return value
    try:
        return stacked(value)
    except ShapeError:
        return list(map(stacked, value))


def listed(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of NumPy's that may be given lists with tensors in them."""

    @wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except (AssignmentError, DtypeError):
            if not any([type(value) in (list, tuple) and holds(value) for value in arguments]):
                raise
        return function(*map(_together, arguments), **options)

    return call


class ListedUfunc:
    """The same for a ufunc, which has methods besides."""

    def __init__(self, plain: np.ufunc) -> None:
        self.plain, self.call = plain, listed(plain)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """The ufunc of arrays and of lists."""
        return self.call(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.plain, name)
        return listed(found) if callable(found) else found


_CHECKING = np.asarray_chkfinite
ORDERS = {"ascontiguousarray": "C", "asfortranarray": "F"}
_COPYING = ("array",)
_NOT_COPYING = ("asarray", "asanyarray", "ascontiguousarray", "asfortranarray", "asarray_chkfinite", "require")
_FRESH = ("zeros", "ones", "empty", "eye", "identity", "arange", "linspace", "logspace", "geomspace", "tri")
_LIKE = ("zeros_like", "ones_like", "empty_like", "diag", "tile", "repeat", "fromfunction")

MAKERS: dict[str, Any] = {
    **{name: maker(getattr(np, name)) for name in (*_FRESH, *_LIKE)},
    **{name: _converter(getattr(np, name), True) for name in _COPYING},
    **{name: _converter(getattr(np, name), False) for name in _NOT_COPYING},
    "full": _full,
    "full_like": _full_like,
    "fromiter": _fromiter,
}
"""By NumPy's names, what takes their place."""

VIEWERS: dict[str, Any] = {"r_": _Rows(np.r_, 0, 1), "c_": _Rows(np.c_, -1, 2)}
"""What is indexed, not called."""
