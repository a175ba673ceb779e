"""`source`: a function as Python over a namespace ``xp``, to be read, and to run on other libraries' arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import OptionError, ShapeError, SourceError
from chainrule.native.recorded import Recorded, UnsuitableError, key_of, recorded
from chainrule.native.signature import is_identifier
from chainrule.portable.lengths import Growth
from chainrule.portable.namespaces import functions_in, missing_in, namespace_of
from chainrule.portable.rows import Rows, written
from chainrule.portable.writing import RESERVED, Head, module
from chainrule.transforms.made import made_by
from chainrule.transforms.trees import flatten

__all__ = ["Source", "source"]


class Source:
    """A function as Python: ``text`` is a module to be read and kept, and calling this runs it.

    Arguments are arrays of any one library; the namespace is theirs. ``function`` is the function that the text
    defines, whose first argument is the namespace.

    >>> made = source(lambda x: np.sum(x**2))(np.ones(3))
    >>> made, float(made(np.array([1.0, 2.0, 3.0]))), float(made.function(np, np.ones(3)))
    (<source of program, 7 lines>, 14.0, 3.0)
    """

    def __init__(self, name: str, text: str, head: Head, rows: Rows | None) -> None:
        self.text = text
        self.function = _run(name, text)
        self._name, self._head, self._rows = name, head, rows
        self._at: dict[int, Callable[..., Any]] = {}  # the function for some numbers of rows, once it was compared

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<source of {self._name}, {len(self.text.splitlines())} lines>"

    def __call__(self, *arguments: Any) -> Any:
        """What the function gives, in arrays of the library that the arguments are of."""
        xp = namespace_of(flatten(arguments)[0])
        function = self.function if self._rows is None else self._for(self._rows, arguments)
        missing = missing_in(xp, functions_in(function.__doc__ or ""))
        if missing:
            raise SourceError(f"{xp.__name__} has no {', no '.join(missing)}, which {self._name} needs")
        return function(xp, *arguments)

    def _for(self, rows: Rows, arguments: Sequence[Any]) -> Callable[..., Any]:
        """The function for the number of rows of these arguments: another one where other calls are made there."""
        place = self._head.places[0]
        leaves = flatten(arguments[place])[0] if place < len(arguments) else []
        length = next((leaf.shape[0] for leaf in leaves if getattr(leaf, "shape", ())), 0)
        if not isinstance(length, int):  # Dask does not know it before it has computed
            raise ShapeError(f"the number of rows is not known ({length}): call compute_chunk_sizes() before")
        if length < 1:
            raise ShapeError("there are no rows")
        found = self._at.get(length)
        if found is None:
            listing = rows.at(length)
            if rows.template.difference(listing, length) is None:
                found = self.function
            else:
                numbers = [Growth(number) for number in listing.numbers]
                found = _run(self._name, module(self._name, self._head, listing, numbers, rows.structure, str(length)))
            self._at[length] = found
        return found


def _run(name: str, text: str) -> Callable[..., Any]:
    space: dict[str, Any] = {}
    exec(compile(text, f"<source of {name}>", "exec"), space)  # all of the text was written here
    function: Callable[..., Any] = space[name]
    function.__doc__ = text
    return function


def source(function: Callable[..., Any], rows: int | Sequence[int] = ()) -> Callable[..., Source]:
    """A function that takes example arguments and gives ``function`` as Python that runs on other libraries' arrays.

    The Python is in terms of the array API standard: it runs on NumPy, JAX, and through array_api_compat on PyTorch,
    CuPy and Dask. ``function`` may be what `grad`, `value_and_grad` and their kin make. Shapes are those of the
    example. With ``rows`` some arguments may have any number of rows, if the function makes the same calls for any.
    Arrays that the function reads are written out with the numbers that they have.

    Args:
        function: a function of NumPy arrays, and of numbers and containers of both.
        rows: the positions of the arguments whose arrays have rows (their first axis): in any number, the same for all.

    Raises:
        SourceError: what the function does depends on numbers or on the number of rows, or has no form in the standard.
        OptionError: an argument at ``rows`` has an array without rows.

    >>> made = source(lambda w, X: np.mean((X @ w) ** 2), rows=1)(np.ones(2), np.ones((5, 2)))
    >>> print(made.text.partition("def ")[2])
    program(xp, w, X):
        n = X.shape[0]
        if (w.shape, X.shape) != ((2,), (n, 2)):
            raise ValueError("not of the shapes (2,), (n, 2)")
        return xp.sum((X @ w) ** 2) / n
    <BLANKLINE>
    """
    if not callable(function):
        raise OptionError(f"source wants a function; got {type(function).__name__}")
    places = (rows,) if isinstance(rows, int) else tuple(rows)

    @made_by(source, function, rows=rows)
    def example(*arguments: Any) -> Source:
        name = getattr(function, "__name__", "")
        name = name if is_identifier(name) and name not in RESERVED else "program"
        plain = getattr(function, "__wrapped__", function) if hasattr(function, "recordings") else function
        try:
            return _made(plain, name, arguments, places)
        except (SourceError, UnsuitableError) as problem:
            raise SourceError(f"{name} cannot be written: {problem}") from None

    return example


def _made(function: Callable[..., Any], name: str, arguments: Any, places: Sequence[int]) -> Source:
    if hasattr(function, "recorded"):
        raise UnsuitableError("a Jacobian is no array. Write its products, with cr.jvp and cr.vjp")
    leaves: list[Any] = []
    key_of(arguments, leaves)
    head = Head(function, name, arguments, places)
    rows = None
    if places:
        rows = Rows(function, arguments, leaves, head.goes, head.names)
        listing, numbers, structure = rows.template.listing, rows.template.numbers, rows.structure
    else:
        made = recorded(function, arguments, leaves)
        if not isinstance(made, Recorded):
            raise SourceError(made)
        listing, structure = written(made, head.names), made.structure
        numbers = [Growth(number) for number in listing.numbers]
    result = Source(name, module(name, head, listing, numbers, structure, head.length), head, rows)
    difference = None if rows is None else rows.difference
    for example in [arguments, *(() if rows is None else rows.examples())]:
        _check(result.function, function, example, difference or "a call means another thing in the standard")
    return result


def _check(made: Callable[..., Any], function: Callable[..., Any], arguments: Any, problem: str) -> None:
    """Raise SourceError unless on NumPy the program gives what the function does, up to rounding."""
    with np.errstate(all="ignore"):
        expected, found = flatten(function(*arguments))[0], flatten(made(np, *arguments))[0]
    for a, b in zip(map(np.asarray, expected), map(np.asarray, found), strict=True):
        near = np.sqrt(np.finfo(a.dtype).eps) if a.dtype.kind in "fc" else 0.0
        size = np.max(np.abs(a[np.isfinite(a)]), initial=0.0) if near else 0.0
        if a.shape != b.shape or not np.allclose(a, b, rtol=near, atol=near * size, equal_nan=True):
            raise SourceError(f"the program would give other results than the function: {problem}")
