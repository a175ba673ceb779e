"""An array whose numbers are computed later: NumPy's functions on it are written down, with the shape of the result.

A function that is run on deferred arrays leaves a recording (:mod:`chainrule.program.recording`): what was called
with what, in order. The Jacobian of the function is then worked out from shapes alone, and only what its entries need
is ever computed; and because the recording holds every step from the arguments to the entries, it can be run again at
another point (:mod:`chainrule.program.replay`) without running the function.

Whoever *looks* at numbers (``if x > 0``, ``float(x)``) gets them, and the recording says so: it must not be used
again. Writing into a deferred array is refused: whoever made the recording runs the code on plain arrays instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from chainrule.linear.compose import axes_of
from chainrule.linear.functions import frozen
from chainrule.program.extent import VIEWS, shadow

__all__ = [
    "METHOD",
    "Deferred",
    "NeedsNumbersError",
    "UnrecordableError",
    "is_view",
    "needed",
    "numbers_of",
    "run_step",
]


class Book(Protocol):
    """What a deferred array needs of the recording that it belongs to."""

    count: int
    instead_of: tuple[Deferred, bool] | None

    def write(self, function: Any, arguments: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
        """The deferred result of a step."""

    def call(self, function: Any, arguments: list[Any], options: Mapping[str, Any]) -> Any:
        """The result of a function that takes steps."""

    def look(self, how: str) -> None:
        """Note that somebody looked at numbers."""

    def decides(self, step: Deferred) -> bool:
        """Whether the truth of a step may be asked for: it is noted that what follows holds only if it stays so."""


class NeedsNumbersError(Exception):
    """A function that cannot work on deferred arrays was reached inside one step."""


METHOD = type(np.ndarray.sum)
_REAL, _IMAG = np.real, np.imag  # while code runs as it stands there may be others under these names


def _substituted(value: Any, leaf: Callable[[Deferred], Any]) -> Any:
    """``value`` with ``leaf(array)`` in the place of every deferred array in it."""
    if type(value) is Deferred:
        return leaf(value)
    if type(value) in (tuple, list):
        return type(value)([_substituted(entry, leaf) for entry in value])
    return {name: _substituted(entry, leaf) for name, entry in value.items()} if type(value) is dict else value


def numbers_of(value: Any) -> Any:
    """``value`` with the numbers of every deferred array in it."""
    return _substituted(value, Deferred.numbers)


def run_step(function: Any, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """``function(*arguments, **options)`` on numbers; a method is looked up, because the array may be a scalar."""
    if type(function) is METHOD:
        return getattr(arguments[0], function.__name__)(*arguments[1:], **options)
    return function(*arguments, **options)


def _called(function: Any) -> Callable[..., Any]:
    """An operator, or a method, that is a function of NumPy's."""

    def method(self: Deferred, *arguments: Any, **options: Any) -> Any:
        return self.recording.write(function, (self, *arguments), options)

    return method


def _operator(function: Any, turned: bool = False) -> Callable[[Deferred, Any], Any]:
    """An operator of two arrays, of which this is the first or, ``turned``, the second."""

    def method(self: Deferred, other: Any) -> Any:
        if _is_foreign(type(other)):
            return NotImplemented
        return self.recording.write(function, (other, self) if turned else (self, other), {})

    return method


def _turned(function: Any) -> Callable[[Deferred, Any], Any]:
    return _operator(function, turned=True)


def _is_foreign(kind: type) -> bool:
    """Whether arrays of this kind deal with deferred ones, not the other way round: tracked tensors."""
    return kind is not Deferred and kind is not np.ndarray and hasattr(kind, "__chainrule_record__")


class Deferred:
    """A deferred array: its shape, its dtype, and the step that makes it.

    ``function(*arguments, **options)`` is that step (None for an input); ``known`` are the numbers once computed;
    ``is_measured`` says that the shape was seen, not derived: it may be another one next time.
    """

    __slots__ = (
        "__weakref__",
        "arguments",
        "dtype",
        "function",
        "is_captured",
        "is_measured",
        "is_point",
        "known",
        "number",
        "options",
        "parts",
        "recording",
        "shape",
    )

    __array_priority__ = 100
    __hash__ = object.__hash__

    def __init__(
        self,
        recording: Book,
        function: Any,
        arguments: Sequence[Any],
        options: Mapping[str, Any],
        shape: tuple[int, ...],
        dtype: Any,
    ) -> None:
        self.recording = recording
        self.function = function
        self.arguments = arguments
        self.options = options
        self.shape = shape
        self.dtype = dtype
        self.number = recording.count
        self.known: Any = None
        self.parts: Any = None
        self.is_measured = False
        self.is_captured = False
        self.is_point = False  # whether it is an argument that derivatives are taken at
        recording.count += 1

    # --- what it is ---

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        total = 1
        for size in self.shape:
            total *= size
        return total

    @property
    def itemsize(self) -> int:
        """The bytes of one element."""
        return int(self.dtype.itemsize)

    @property
    def nbytes(self) -> int:
        """The bytes of all elements."""
        return self.size * self.itemsize

    @property
    def T(self) -> Any:  # noqa: N802 (NumPy's name)
        """The array with its axes reversed."""
        return self.transpose()

    @property
    def base(self) -> Any:
        """The array of which NumPy would give a view, if this is one."""
        found, step = None, self
        while type(step) is Deferred and is_view(step.function, step.arguments, step.shape):
            found = step = step.arguments[step.function is np.einsum]
        return found

    @property
    def number_for_good(self) -> float | None:
        """The one number that this is, now and later; None if it is not such a number."""
        array = self.known
        if not self.is_captured or self.shape or self.dtype.kind == "c" or not frozen(array):
            return None
        return float(array)

    @property
    def real(self) -> Any:
        """The real part."""
        return self if self.dtype.kind == "f" else self.recording.write(_REAL, (self,), {})

    @property
    def imag(self) -> Any:
        """The imaginary part."""
        return self.recording.write(_IMAG, (self,), {})

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a number")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        for position in range(len(self)):
            yield self[position]

    def __repr__(self) -> str:
        return f"<deferred array of shape {self.shape}, {self.dtype}>"

    def numbers(self) -> Any:
        """The numbers, computed now with all that they need."""
        pending = [self]
        while pending:
            step = pending[-1]
            if step.known is not None:
                pending.pop()
                continue
            missing = [other for other in needed(step) if other.known is None]
            if missing:
                pending += missing
            else:
                step.known = run_step(step.function, numbers_of(step.arguments), numbers_of(step.options))
        return self.known

    def axes_of(self, other: Any) -> tuple[int, ...] | None:
        """The axes of ``other`` in the order that gives this array, if it is a transpose of it; else None."""
        if type(other) is not Deferred:
            return None
        if self.is_captured and other.is_captured:
            return axes_of(self.known, other.known)
        if self.function in _TRANSPOSES and self.arguments[0] is other and len(self.arguments) < 3 and not self.options:
            chosen = self.arguments[1] if len(self.arguments) > 1 else None
            if isinstance(chosen, tuple | list):
                return tuple([k % self.ndim for k in chosen])
            return tuple(range(self.ndim))[::-1]
        if other.function in _TRANSPOSES and other.arguments[0] is self:
            found = other.axes_of(self)
            return None if found is None else tuple([found.index(k) for k in range(len(found))])
        return None

    # --- looked at ---

    def _looked(self, how: str) -> Any:
        self.recording.look(how)
        return self.numbers()

    def __bool__(self) -> bool:
        if self.recording.decides(self):
            return bool(self.numbers())
        return bool(self._looked("the truth of a value was asked for"))

    def __float__(self) -> float:
        return float(self._looked("float() was called on a value"))

    def __int__(self) -> int:
        return int(self._looked("int() was called on a value"))

    def __index__(self) -> int:
        return int(self._looked("a value was used as an index").__index__())

    def __complex__(self) -> complex:
        return complex(self._looked("complex() was called on a value"))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self._looked("a value was taken as a plain array"), dtype)

    def item(self, *position: int) -> Any:
        """The one element as a Python number."""
        return self._looked("item() was called").item(*position)

    def tolist(self) -> Any:
        """The elements as nested lists."""
        return self._looked("tolist() was called").tolist()

    # --- written to ---

    def __setitem__(self, index: Any, value: Any) -> None:
        self.recording.look("an array was written to")
        raise UnrecordableError("an array was written to")

    # --- NumPy's protocols ---

    @staticmethod
    def __chainrule_record__(operation: Any, arguments: Sequence[Any], params: Mapping[str, Any]) -> Any:
        for value in arguments:
            if _is_foreign(type(value)):  # a tracked tensor, whose value may be deferred
                return type(value).__chainrule_record__(operation, arguments, params)
        first = next(value for value in arguments if type(value) is Deferred)
        return first.recording.call(operation.forward, list(arguments), params)

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if any([_is_foreign(type(value)) for value in inputs]):
            return NotImplemented
        if "out" in options or method == "at":
            raise UnrecordableError(f"np.{function.__name__} was told to write into an array")
        return self.recording.write(function if method == "__call__" else getattr(function, method), inputs, options)

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        if any(map(_is_foreign, types)):
            return NotImplemented
        if function in _ASKING:
            return function(*_substituted(arguments, shadow), **_substituted(options, shadow))
        if function in _WRITERS or options.get("out") is not None:
            raise UnrecordableError(f"np.{function.__name__} was told to write into an array")
        return self.recording.write(function, tuple(arguments), options)

    __add__, __radd__ = _operator(np.add), _turned(np.add)
    __sub__, __rsub__ = _operator(np.subtract), _turned(np.subtract)
    __mul__, __rmul__ = _operator(np.multiply), _turned(np.multiply)
    __truediv__, __rtruediv__ = _operator(np.divide), _turned(np.divide)
    __floordiv__, __rfloordiv__ = _operator(np.floor_divide), _turned(np.floor_divide)
    __mod__, __rmod__ = _operator(np.remainder), _turned(np.remainder)
    __pow__, __rpow__ = _operator(np.power), _turned(np.power)
    __matmul__, __rmatmul__ = _operator(np.matmul), _turned(np.matmul)
    __neg__, __pos__, __abs__, __invert__ = map(_called, (np.negative, np.positive, np.absolute, np.invert))
    __and__, __rand__ = _operator(np.bitwise_and), _turned(np.bitwise_and)
    __or__, __ror__ = _operator(np.bitwise_or), _turned(np.bitwise_or)
    __xor__, __rxor__ = _operator(np.bitwise_xor), _turned(np.bitwise_xor)
    __lt__, __le__, __gt__, __ge__ = map(_operator, (np.less, np.less_equal, np.greater, np.greater_equal))
    __eq__ = _operator(np.equal)
    __ne__ = _operator(np.not_equal)
    __getitem__ = _called(np.ndarray.__getitem__)

    def __getattr__(self, name: str) -> Any:
        """The methods of arrays, by name."""
        function = getattr(np.ndarray, name, None)
        if function is None or name.startswith("_"):
            raise AttributeError(f"a deferred array has no attribute {name!r}")
        if not callable(function):
            raise UnrecordableError(f"the code depends on the {name} of an array")
        if name in _WRITING:
            raise UnrecordableError(f"{name}() was called, which writes into an array")
        return _called(function).__get__(self)


class UnrecordableError(BaseException):
    """What the code does cannot be written down; not an Exception, which the code might catch.

    Whoever made the recording runs the code again on plain arrays.
    """


_GETITEM = np.ndarray.__getitem__


def is_view(function: Any, arguments: Sequence[Any], shape: tuple[int, ...]) -> bool:
    """Whether NumPy gives a view of an array for this call, whose result has that shape."""
    if function is _GETITEM:
        return not _copies(arguments[1], shape)
    return function in _VIEWING or (function is np.einsum and _only_names(arguments))


def _only_names(arguments: Sequence[Any]) -> bool:
    """Whether an einsum is of one array and sums nothing: axes in another order, or a diagonal."""
    if len(arguments) != 2 or not isinstance(arguments[0], str):
        return False
    before, _, after = arguments[0].partition("->")
    return set(before) == set(after)


_VIEWING = VIEWS | {np.ravel, np.ndarray.ravel}


def _copies(index: Any, shape: tuple[int, ...]) -> bool:
    """Whether what an index gives is no view: it has arrays in it, or gives a number."""
    return _has_arrays(index) or (shape == () and not _has_ellipsis(index))


def _has_ellipsis(index: Any) -> bool:
    return index is Ellipsis or (type(index) is tuple and any([entry is Ellipsis for entry in index]))


def _has_arrays(index: Any) -> bool:
    entries = index if type(index) is tuple else (index,)
    return any([type(entry) is list or (hasattr(entry, "dtype") and not _is_integer(entry)) for entry in entries])


def _is_integer(entry: Any) -> bool:
    """An array of one, without axes, is none: what it chooses is a copy."""
    return entry.shape == () and entry.dtype.kind in "iu" and type(entry) is not np.ndarray


_TRANSPOSES = (np.transpose, np.ndarray.transpose)
_ASKING = {np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.iscomplexobj, np.isrealobj, np.common_type}
_WRITERS = {np.copyto, np.put, np.place, np.putmask, np.fill_diagonal, np.put_along_axis}
_WRITING = {"fill", "sort", "partition", "put", "resize", "setfield", "byteswap", "itemset", "setflags"}


def needed(step: Deferred) -> list[Deferred]:
    """The deferred arrays among the arguments of a step."""
    found: list[Deferred] = []
    for value in (*step.arguments, *step.options.values()) if step.options else step.arguments:
        if type(value) is Deferred:
            found.append(value)
        elif type(value) in _CONTAINERS:
            _find(value, found)
    return found


_CONTAINERS = (tuple, list, slice)


def _find(value: Any, found: list[Deferred]) -> None:
    if type(value) is Deferred:
        found.append(value)
    elif type(value) in (tuple, list):
        for entry in value:
            _find(entry, found)
    elif type(value) is slice:
        for entry in (value.start, value.stop, value.step):
            _find(entry, found)
