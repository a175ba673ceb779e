"""`scipy.sparse` for tracked numbers: what makes sparse arrays of them, and what meets them in plain ones.

SciPy's own functions say where the entries of a result are: see `sparse_arrays`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import numpy as np

from chainrule.as_written.making import buffered, follows, instead, maker, numbers_of, settled, stacked
from chainrule.as_written.sparse_arrays import (
    become,
    counted,
    is_summed,
    kind_of,
    lifted,
    moved,
    numbered,
    plain_kind,
    tracked,
)
from chainrule.as_written.sparse_entries import Entries, entries_of, is_sparse
from chainrule.tensor import Tensor

__all__ = ["of_sparse"]


class _Pool:
    """Data of several arrays one after the other, each with numbers in its place."""

    def __init__(self, adds: bool = False) -> None:
        self.adds = adds  # whether entries of one sparse array at one place are added before
        self.parts: list[Any] = []
        self.count = 0
        self.by_value = False

    def numbers(self, value: Any) -> Any:
        """An array or a number of the same shape that says where the data are."""
        value = stacked(value)
        self.by_value = self.by_value or value.ndim == 2  # a block, of which SciPy leaves out zeros
        self.parts.append(value if value.ndim == 1 else np.reshape(value, -1))
        first, self.count = 1 + self.count, self.count + self.parts[-1].size
        numbers = np.reshape(counted(first, self.parts[-1].size), value.shape)
        return numbers if value.ndim else float(numbers)

    def put(self, value: Any) -> Any:
        """The same for what is built of blocks: nested lists, sparse arrays, arrays, numbers."""
        if value is None:
            return None
        if is_sparse(value):
            entries, kind = entries_of(value), plain_kind(value)
            if self.adds or not kind.__name__.startswith("coo"):  # SciPy's other formats are made of numbers by adding
                entries = entries.unique("F" if kind.__name__.startswith("csc") else "C")
            self.by_value = self.by_value or entries.by_value
            self.parts.append(entries.data)
            first, self.count = 1 + self.count, self.count + len(entries.data)
            return numbered(entries, kind, first)
        if isinstance(value, list | tuple):
            return [self.put(entry) for entry in value]
        return self.numbers(value)

    def entries(self) -> Entries:
        """All data, as the entries that `moved` takes from."""
        data = self.parts[0] if len(self.parts) == 1 else np.concatenate(self.parts)
        return Entries((), (), data, self.by_value)


def _placing(plain: Callable[..., Any]) -> Callable[..., Any]:
    """A function that puts the parts of its first argument somewhere."""

    def made(first: Any, *arguments: Any, dtype: Any = None, **options: Any) -> Any:
        for adds in (False, True):
            pool = _Pool(adds)
            found = plain(pool.put(first), *arguments, **options)
            if not is_summed(found):
                break
        found = moved(found, pool.entries())
        return found if dtype is None else found.astype(dtype)

    return made


def _begin(plain: Callable[..., Any]) -> Callable[..., None]:
    """How a new sparse array begins, as SciPy's class is called.

    Data that stand apart in a buffer may get tracked numbers later, and the sparse array with them.
    """

    @wraps(plain)
    def begin(self: Any, arg1: Any, *arguments: Any, **options: Any) -> None:
        is_apart = isinstance(arg1, tuple) and len(arg1) > 1 and not is_sparse(arg1[0])
        if not (follows(arg1) or (is_apart and isinstance(arg1[0], Tensor))):
            plain(self, settled(arg1), *arguments, **options)
            return
        kind, pool, dtype = type(self), _Pool(), options.pop("dtype", None)
        plain(self, (pool.numbers(arg1[0]), *arg1[1:]) if is_apart else pool.put(arg1), *arguments, **options)
        if is_summed(self):  # of entries with their rows and columns, or of an array of such
            whole = kind_of("coo", kind)(arg1, *arguments, **options) if is_apart else arg1
            is_apart, pool = False, _Pool(adds=True)
            plain(self, pool.put(whole))
        pool.by_value = pool.by_value and not is_apart  # apart, all of the data are stored
        entries = entries_of(moved(self, pool.entries(), shares=is_apart and not options.get("copy")))
        become(self, entries if dtype is None else entries._replace(data=entries.data.astype(dtype)), kind)

    return begin


def _copied(plain: Callable[..., Any]) -> Callable[..., Any]:
    """A copy for the user, whose data may get tracked numbers later."""

    @wraps(plain)
    def copy(self: Any) -> Any:
        made = plain(self)
        data = buffered(made.data, 1) if made.format in ("coo", "csr", "csc") else made.data
        return lifted(entries_of(made)._replace(data=data), type(made)) if isinstance(data, Tensor) else made

    return copy


def _meeting(name: str) -> Callable[..., Any]:
    """A method of a plain array that meets tracked numbers."""

    def method(self: Any, *arguments: Any, **options: Any) -> Any:
        return getattr(lifted(entries_of(self), plain_kind(self)), name)(*arguments, **options)

    return method


def _changing(name: str) -> Callable[..., Any]:
    """A method that puts tracked numbers into a plain array."""

    def method(self: Any, *arguments: Any, **options: Any) -> Any:
        return getattr(become(self, entries_of(self), plain_kind(self)), name)(*arguments, **options)

    return method


def _set(self: Any, name: str, value: Any) -> None:
    if name == "data" and follows(value):
        become(self, entries_of(self), plain_kind(self))
    object.__setattr__(self, name, value)


def _kron(A: Any, B: Any, format: Any = None) -> Any:  # noqa: A002 (as in SciPy)
    return tracked(entries_of(A).kron(entries_of(B)), kind_of(format or "coo", plain_kind(A, B)))


def _kronsum(A: Any, B: Any, format: Any = None) -> Any:  # noqa: A002
    eye = sys.modules["scipy.sparse"].eye
    left, right = [entries_of(eye(each.shape[0])) for each in (B, A)]
    whole = left.kron(entries_of(A)).plus(entries_of(B).kron(right))
    return tracked(whole, kind_of(format or "coo", plain_kind(A, B)))


def _find(A: Any) -> Any:
    entries = entries_of(A).unique()
    kept = np.flatnonzero(numbers_of(entries.data))
    return *[each[kept] for each in entries.coords], entries.data[kept]


_PLACING = (
    *("diags", "diags_array", "spdiags", "hstack", "vstack", "bmat", "block_array", "block_diag", "tril", "triu"),
)
_MEETING = (
    *("__matmul__", "__rmatmul__", "dot", "multiply", "__add__", "__radd__", "__sub__", "__rsub__"),
    *("__mul__", "__rmul__", "__truediv__"),
)
_CHANGING = ("__setitem__", "setdiag", "__iadd__", "__isub__", "__imul__", "__itruediv__")
_FORMATS = ("coo", "csr", "csc", "bsr", "dia", "lil", "dok")


def of_sparse(module: Any) -> list[tuple[Any, Mapping[str, Any]]]:
    """What takes the place of functions in `scipy.sparse` and of methods of its arrays."""
    functions: dict[str, Any] = {"kron": _kron, "kronsum": _kronsum, "find": _find}
    functions |= {name: _placing(getattr(module, name)) for name in _PLACING}
    found: list[tuple[Any, Mapping[str, Any]]] = [
        (module, {name: instead(getattr(module, name), made) for name, made in functions.items()})
    ]
    methods = {name: _meeting(name) for name in _MEETING} | {name: _changing(name) for name in _CHANGING}
    formats = [getattr(module, f"{name}_{end}") for name in _FORMATS for end in ("array", "matrix")]
    for kind in dict.fromkeys([each for format_ in formats for each in format_.__mro__]):
        own = vars(kind)
        if not kind.__module__.startswith(module.__name__):
            continue
        made = {name: instead(own[name], method) for name, method in methods.items() if name in own}
        if kind.__name__ == "_spbase":
            made["__setattr__"] = _set
        elif "__init__" in own and kind.__name__ != "_data_matrix":
            made["__init__"] = _begin(own["__init__"])
        made |= {name: maker(own[name]) for name in ("toarray",) if name in own}
        made |= {name: _copied(own[name]) for name in ("copy",) if name in own}
        found.append((kind, made))
    return found
