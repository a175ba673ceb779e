"""SciPy's sparse arrays with tracked numbers in them: what code asks of them, in SciPy's words.

Which entries there are, and in which order, SciPy itself says: it is given the numbers 1, 2, 3, … in the place of the
data. What it makes of these by slicing, stacking or another format says where the data go.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from functools import cache
from typing import Any
from weakref import ref

import numpy as np

from chainrule.as_written.making import follows, numbers_of, stacked
from chainrule.as_written.sparse_arithmetic import Arithmetic
from chainrule.as_written.sparse_entries import Entries, entries_of, is_sparse
from chainrule.as_written.sparse_matrices import DenseMatrix
from chainrule.errors import NoRuleError
from chainrule.program.deferred import UnrecordableError

__all__ = [
    "TrackedSparse",
    "asked",
    "become",
    "counted",
    "is_summed",
    "kind_of",
    "lifted",
    "moved",
    "numbered",
    "plain_kind",
    "put_back",
    "tracked",
]


def kind_of(name: str, like: type) -> type:
    """SciPy's class of a format, as an array or as a matrix, whichever another class is."""
    sparse = sys.modules["scipy.sparse"]
    ending = "matrix" if issubclass(like, sparse.spmatrix) else "array"
    found: type = getattr(sparse, f"{name}_{ending}")
    return getattr(found, "__wrapped__", found)


def plain_kind(*values: Any) -> type:
    """SciPy's class of the first that is a sparse array."""
    first = next((value for value in values if is_sparse(value)), None)
    kind: type = type(first) if first is not None else sys.modules["scipy.sparse"].coo_matrix
    return getattr(kind, "plain_kind", kind)


def numbered(entries: Entries, kind: type, first: int = 1) -> Any:
    """SciPy's sparse array with the entries' own numbers, counted from ``first``, in the place of their data."""
    numbers = counted(first, len(entries.coords[0]))
    return kind_of("coo", kind)((numbers, entries.coords), shape=entries.shape).asformat(_format(kind))


_ONE = 2.0**-20  # added to each number, so that a sum of some says of how many it is


def counted(first: int, count: int) -> Any:
    """Numbers for so many entries."""
    return np.arange(first, first + count) + _ONE


def is_summed(found: Any) -> bool:
    """Whether SciPy added numbered entries, which it does where several are at one place."""
    numbers = np.asarray(found.tocoo().data if is_sparse(found) else found)
    return bool(np.any(numbers % 1.0 > _ONE))


def asked(entries: Entries, kind: type, ask: Callable[[Any], Any], shares: bool = False) -> Any:
    """What SciPy makes of a sparse array; entries at one place are added before where it adds them."""
    if _format(kind) == "coo":
        found = ask(numbered(entries, kind))
        if not is_summed(found):
            return moved(found, entries, shares)
    entries = entries.unique("F" if _format(kind) == "csc" else "C")
    return moved(ask(numbered(entries, kind)), entries, shares)


def _format(kind: type) -> str:
    return kind.__name__[:3]


def moved(found: Any, entries: Entries, shares: bool = False) -> Any:
    """What SciPy made of numbered entries, with their data instead: a sparse array, an array or a number.

    ``shares`` says that it would have the very same array of data, where their order is the same.
    """
    if not is_sparse(found):
        return DenseMatrix(entries.at(found)) if isinstance(found, np.matrix) else entries.at(found)
    places = entries_of(found)
    if np.array_equal(places.data.astype(np.intp), np.arange(1, 1 + len(entries.data))):
        data = entries.data if shares else np.copy(entries.data)
    else:
        data = entries.at(places.data)  # a block of BSR has places for zeros too
    return (lifted if shares else tracked)(
        Entries(places.shape, places.coords, data, entries.by_value), plain_kind(found)
    )


def tracked(entries: Entries, kind: type) -> Any:
    """A sparse array of SciPy's ``kind`` with these entries; plain, if nothing in them is tracked."""
    if not follows(entries.data):
        data = numbers_of(entries.data)
        return kind_of("coo", kind)((data, entries.coords), shape=entries.shape).asformat(_format(kind))
    return lifted(entries, kind)


def lifted(entries: Entries, kind: type) -> Any:
    """The same, also where nothing is tracked yet."""
    made: Any = _tracked_kind(kind)
    return become(made.__new__(made), entries, kind)


class _Here(threading.local):
    """What this thread has let become other than SciPy's, and what it was before, by id."""

    def __init__(self) -> None:
        self.became: dict[int, tuple[Any, type, dict[str, Any]]] = {}


_here = _Here()


def become(array: Any, entries: Entries, kind: type) -> Any:
    """Let a sparse array of SciPy's have these entries from now on, until the code has run."""
    if not isinstance(array, TrackedSparse):
        _here.became[id(array)] = ref(array), type(array), vars(array).copy()
    array.__class__ = _tracked_kind(kind)
    vars(array).clear()
    vars(array)["_entries"] = entries
    return array


def put_back() -> None:
    """Let those that are still there, because code has them outside too, be SciPy's own again, with their numbers.

    Raises:
        UnrecordableError: numbers come only later, in a recording; they are what they were before.
    """
    known, _here.became = _here.became, {}
    problem: UnrecordableError | None = None
    for kept, kind, before in known.values():
        array = kept()
        if not isinstance(array, TrackedSparse):
            continue
        try:
            plain = array.of_numbers()
            kind, before = type(plain), vars(plain)
        except UnrecordableError as unrecordable:
            problem = unrecordable
        array.__class__ = kind
        vars(array).clear()
        vars(array).update(before)
    if problem is not None:
        raise problem


@cache
def _tracked_kind(kind: type) -> type:
    """The class of sparse arrays of a kind of SciPy's that hold tracked numbers; nothing of SciPy's own is left.

    SciPy's class comes first among its bases: only so can an array of that class become one of this.
    """
    if issubclass(kind, TrackedSparse):
        return kind
    spaces = {**vars(Arithmetic), **vars(TrackedSparse)}
    own = {name: value for name, value in spaces.items() if name not in ("__slots__", "__doc__", "__annotations__")}
    others = [name for name in dir(kind) if name not in own and name not in _KEPT and not hasattr(object, name)]
    return type(
        kind.__name__,
        (kind, TrackedSparse),
        {**{name: _refused(kind, name) for name in others}, **own, "plain_kind": kind},
    )


_KEPT = (
    *("format", "__array_priority__", "__class_getitem__", "__parameters__", "__orig_bases__"),
    *("__dict__", "__weakref__", "__abstractmethods__", "_abc_impl", "__slots__"),
)


def _refused(kind: type, name: str) -> Any:
    def refuse(self: Any, *arguments: Any, **options: Any) -> Any:
        if not self.is_followed:
            found = getattr(self.of_numbers(), name)
            return found(*arguments, **options) if is_method else found
        raise NoRuleError(
            f"scipy.sparse.{kind.__name__}.{name} of tracked values has no rule: take the array apart with A.tocoo(), "
            "which has row, col and data, or write A.toarray() and NumPy's functions"
        )

    is_method = callable(getattr(kind, name))
    return refuse if is_method else property(refuse)


def _of_numbers(name: str) -> Callable[..., Any]:
    """What has no derivative: SciPy's own answer for the numbers."""

    def method(self: Any, *arguments: Any, **options: Any) -> Any:
        return getattr(self.of_numbers(), name)(*numbers_of(arguments), **options)

    return method


def _structural(name: str, shares: bool = False) -> Callable[..., Any]:
    """What only says where the entries go: SciPy is asked."""

    def method(self: Any, *arguments: Any, **options: Any) -> Any:
        return asked(self.entries, self.plain_kind, lambda A: getattr(A, name)(*arguments, **options), shares)

    return method


class TrackedSparse(Arithmetic):
    """A sparse array or matrix whose data are a tensor; its places are plain, and stay."""

    __slots__ = ()
    plain_kind: type

    # --- what it is ---

    @property
    def entries(self) -> Entries:
        """Its entries, in SciPy's order."""
        found: Entries = vars(self)["_entries"]
        return found

    @property
    def format(self) -> str:
        """The three letters of the format."""
        return _format(self.plain_kind)

    @property
    def is_followed(self) -> bool:
        """Whether something in it is tracked: numbers may still be put into data that are not."""
        return follows(self.entries.data)

    @property
    def order(self) -> str:
        """Whether entries are in the order of rows or of columns, as in `numpy.asarray`."""
        return "F" if self.format == "csc" else "C"

    @property
    def is_matrix(self) -> bool:
        """Whether ``*`` is the product of matrices, and all results have two axes."""
        return issubclass(self.plain_kind, sys.modules["scipy.sparse"].spmatrix)

    def with_entries(self, entries: Entries, name: str = "") -> Any:
        """Others in the same format, or in the one of this name."""
        return tracked(entries, kind_of(name or self.format, self.plain_kind))

    def become(self, entries: Entries) -> Any:
        """Let it have these entries from now on."""
        return become(self, entries, self.plain_kind)

    def of_numbers(self) -> Any:
        """SciPy's own array of the numbers."""
        entries = self.entries
        return tracked(entries._replace(data=numbers_of(entries.data)), self.plain_kind)

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        return self.entries.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.entries.shape)

    @property
    def dtype(self) -> Any:
        """The dtype of the data."""
        return np.dtype(self.entries.dtype)

    def _stored(self) -> Entries:
        """The entries, if SciPy would have the same."""
        if self.entries.by_value and not np.all(numbers_of(self.entries.data)):
            raise NoRuleError(
                "which entries a sparse array has depends on tracked values here (a dense array or a sum with zeros in "
                "it, which SciPy leaves out): build it of (data, (row, col)), or use A.toarray()"
            )
        return self.entries

    @property
    def data(self) -> Any:
        """What is stored, in SciPy's order."""
        name = self.format
        if name not in ("csr", "csc", "coo"):
            raise NoRuleError(
                f"data of a sparse {name} array of tracked values: write A.tocsr().data or A.tocoo().data"
            )
        return self._stored().data

    @data.setter
    def data(self, value: Any) -> None:
        self.become(self._stored()._replace(data=stacked(value)))

    @property
    def coords(self) -> Any:
        """Where the entries are: an array for each axis."""
        return self._stored().coords

    @property
    def row(self) -> Any:
        """The rows of the entries."""
        return self._stored().coords[0]

    @property
    def col(self) -> Any:
        """The columns of the entries."""
        return self._stored().coords[-1]

    @property
    def indices(self) -> Any:
        """The positions along the axis that is compressed away."""
        return self._stored().coords[0 if self.order == "F" else -1]

    @property
    def indptr(self) -> Any:
        """Where each row (or column) starts among the entries."""
        axis = 1 if self.order == "F" else 0
        counts = np.bincount(self._stored().coords[axis], minlength=self.shape[axis])
        return np.concatenate([[0], np.cumsum(counts)])

    @property
    def nnz(self) -> int:
        """How many numbers are stored."""
        return len(self._stored().data)

    size = nnz
    getnnz, check_format = _of_numbers("getnnz"), _of_numbers("check_format")
    __repr__, __str__, __bool__, __len__ = map(_of_numbers, ("__repr__", "__str__", "__bool__", "__len__"))
    __eq__, __ne__ = _of_numbers("__eq__"), _of_numbers("__ne__")
    __lt__, __le__, __gt__, __ge__ = map(_of_numbers, ("__lt__", "__le__", "__gt__", "__ge__"))
    __hash__ = object.__hash__
    argmax, argmin, nonzero, count_nonzero = map(_of_numbers, ("argmax", "argmin", "nonzero", "count_nonzero"))
    has_sorted_indices = has_canonical_format = True

    # --- formats and parts ---

    tocsr, tocsc, tobsr, tolil, todia, todok = map(_structural, ("tocsr", "tocsc", "tobsr", "tolil", "todia", "todok"))
    transpose = _structural("transpose", shares=True)
    reshape, diagonal = map(_structural, ("reshape", "diagonal"))
    getrow, getcol, __getitem__ = map(_structural, ("getrow", "getcol", "__getitem__"))

    def tocoo(self, copy: bool = False) -> Any:
        """The same with all entries as they are, even several for one place."""
        return self.with_entries(self.entries, "coo")

    def asformat(self, format: str | None, copy: bool = False) -> Any:  # noqa: A002
        """The same in another format."""
        return self if format in (None, self.format) else getattr(self, f"to{format}")()

    def toarray(self, order: Any = None, out: Any = None) -> Any:
        """All of it as a tensor."""
        return self.entries.dense()

    def todense(self, order: Any = None, out: Any = None) -> Any:
        """All of it, as a np.matrix of a matrix."""
        return self.dense_result(self.toarray())

    @property
    def T(self) -> Any:  # noqa: N802
        """The transposed array."""
        return self.transpose()

    def copy(self) -> Any:
        """Another with the same entries."""
        return self.with_entries(self.entries._replace(data=np.copy(self.entries.data)))

    __copy__ = copy

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    def astype(self, dtype: Any, *_: Any, **__: Any) -> Any:
        """The same with numbers of another type."""
        return self.with_entries(self.entries._replace(data=self.entries.data.astype(dtype)))

    def sum_duplicates(self) -> None:
        """Leave one entry for each place."""
        self.become(self.entries.unique("F" if self.format != "csr" else "C"))

    def sort_indices(self) -> None:
        """Let the entries be in order."""
        self.become(self.entries.unique(self.order))

    def eliminate_zeros(self) -> None:
        """Keep all: what is zero now has a derivative."""
        self.become(self.entries._replace(by_value=True))

    def __setitem__(self, key: Any, value: Any) -> None:
        self._written(value, lambda array, numbers: array.__setitem__(key, numbers))

    def setdiag(self, values: Any, k: int = 0) -> None:
        """Overwrite a diagonal."""
        self._written(values, lambda array, numbers: array.setdiag(numbers, k))

    def _written(self, value: Any, write: Callable[[Any, Any], Any]) -> None:
        entries = self.entries.unique(self.order)
        count = len(entries.data)
        if is_sparse(value):
            new = entries_of(value).unique()
            numbers: Any = numbered(new, kind_of("csr", self.plain_kind), 1 + count)
            data = new.data
        else:
            value = stacked(value)
            data = np.reshape(value, -1)
            numbers = np.reshape(counted(1 + count, data.size), value.shape)
        array = numbered(entries, kind_of("lil", self.plain_kind))
        write(array, numbers if np.ndim(numbers) or is_sparse(numbers) else float(numbers))
        all_data = np.concatenate([entries.data, data])
        self.become(entries_of(moved(array.asformat(self.format), entries._replace(data=all_data))))
