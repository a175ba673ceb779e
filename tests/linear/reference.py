"""Terms at random, of every kind of axis, and the definition of a term written out entry by entry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from chainrule.linear import Axis, Factor, Opaque, Pattern, Term, pattern


class Matrix(Opaque):
    """An opaque map that is a matrix after all."""

    def __init__(self, array: Any) -> None:
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def apply(self, vectors: Any) -> Any:
        return self.array @ vectors

    def apply_transposed(self, vectors: Any) -> Any:
        return np.swapaxes(self.array, -1, -2) @ vectors

    def dense(self) -> Any:
        return self.array


class Recorded(np.lib.mixins.NDArrayOperatorsMixin):
    """A stand-in for a tracked tensor: an array behind NumPy's protocols that notes what was called on it."""

    def __init__(self, array: Any, calls: list[str]) -> None:
        self.array, self.calls = np.asarray(array), calls

    shape = property(lambda self: self.array.shape)
    ndim = property(lambda self: self.array.ndim)
    dtype = property(lambda self: self.array.dtype)
    size = property(lambda self: self.array.size)

    def _wrapped(self, name: str, result: Any) -> Any:
        self.calls.append(name)
        return Recorded(result, self.calls)

    def _bare(self, value: Any) -> Any:
        if isinstance(value, Recorded):
            return value.array
        return type(value)(self._bare(v) for v in value) if type(value) in (tuple, list) else value

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **options: Any) -> Any:
        assert "out" not in options, "written in place"
        return self._wrapped(function.__name__, getattr(function, method)(*self._bare(inputs), **options))

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        assert "out" not in options, "written in place"
        return self._wrapped(function.__name__, function(*self._bare(inputs), **options))

    def __getitem__(self, key: Any) -> Any:
        return self._wrapped("getitem", self.array[key])

    def __getattr__(self, name: str) -> Any:
        if name not in ("reshape", "transpose", "sum", "diagonal", "astype", "take"):
            raise AttributeError(name)
        method = getattr(self.array, name)
        return lambda *inputs, **options: self._wrapped(name, method(*inputs, **options))


def whole(*structure: Any) -> Pattern:
    """The pattern alone."""
    return pattern(*structure)[0]


def written_out(term: Term) -> Any:
    """The dense array of a term, straight from the definition."""
    p = term.pattern
    result = np.zeros(p.row_shape + p.column_shape)
    arrays = [f.dense() if isinstance(f, Opaque) else np.asarray(getattr(f, "array", f)) for f in term.factors]
    for labels in np.ndindex(*p.sizes):
        index = []
        for axis in p.row + p.column:
            values = [labels[label] for label in axis.labels]
            steps = zip(axis.strides, values, strict=axis.table < 0)
            place = axis.offset + sum([stride * value for stride, value in steps])
            index.append(int(term.tables[axis.table][tuple(values)]) if axis.table >= 0 else place)
        value = 1.0
        for (names, _), array in zip(p.factors, arrays, strict=True):
            value *= float(array[tuple([labels[name] for name in names])])
        result[tuple(index)] += value
    return result


def total(terms: Sequence[Term], shape: tuple[int, ...]) -> Any:
    """The dense array of a sum of terms."""
    return sum([written_out(term) for term in terms], np.zeros(shape))


shapes = st.lists(st.sampled_from([0, 1, 2, 2, 3, 3, 4, 4, 5, 6]), max_size=2).map(tuple)


@st.composite
def terms(draw: Any, row_shape: tuple[int, ...], column_shape: tuple[int, ...], opaque: bool = True) -> Term:
    """A term between two shapes: bare, repeated, strided, constant, grouped, windowed and tabulated axes."""
    random = np.random.default_rng(draw(st.integers(0, 1 << 20)))
    sizes: list[int] = []
    tables: list[tuple[int, ...]] = []
    numbers: list[Any] = []

    def label(size: int) -> int:
        sizes.append(size)
        return len(sizes) - 1

    def axis(size: int) -> Axis:
        kind = draw(st.sampled_from(["bare", "again", "strided", "constant", "group", "window", "table", "shifted"]))
        known = [k for k, n in enumerate(sizes) if 0 < n <= size]
        same = [k for k in known if sizes[k] == size]
        if kind == "again" and same:
            return Axis(size, (draw(st.sampled_from(same)),), (1,))
        if kind == "strided" and known:
            k = draw(st.sampled_from(known))
            stride = draw(st.integers(1, max(1, (size - 1) // max(1, sizes[k] - 1))))
            offset = draw(st.integers(0, size - 1 - stride * (sizes[k] - 1)))
            if draw(st.booleans()):
                return Axis(size, (k,), (-stride,), offset + stride * (sizes[k] - 1))
            return Axis(size, (k,), (stride,), offset)
        if kind == "constant" and size:
            return Axis(size, (), (), draw(st.integers(0, size - 1)))
        if kind == "group" and size in (4, 6):
            slow = draw(st.sampled_from([2, size // 2]))
            return Axis(size, (label(slow), label(size // slow)), (size // slow, 1))
        if kind == "window" and size > 2:
            width = draw(st.integers(2, size - 1))
            return Axis(size, (label(size - width + 1), label(width)), (1, 1))
        if kind == "table" and size:
            k = draw(st.sampled_from(known)) if known and draw(st.booleans()) else label(draw(st.integers(1, 4)))
            tables.append((k,))
            numbers.append(random.integers(0, size, sizes[k]))
            return Axis(size, (k,), (), 0, len(tables) - 1)
        if kind == "shifted" and size > 1:
            count = draw(st.integers(1, size - 1))
            return Axis(size, (label(count),), (1,), draw(st.integers(0, size - count)))
        return Axis(size, (label(size),), (1,))

    column = [axis(size) for size in column_shape]
    row = [axis(size) for size in row_shape]
    if draw(st.integers(0, 4)) == 0:
        label(draw(st.integers(1, 3)))
    carried = [
        tuple(draw(st.lists(st.integers(0, len(sizes) - 1), max_size=3))) if sizes else ()
        for _ in range(draw(st.integers(0, 3)))
    ]
    seen = {k for a in row + column for k in a.labels} | {k for labels in carried for k in labels}
    carried += [(k,) for k in range(len(sizes)) if k not in seen]
    factors: list[Any] = []
    kinds = []
    for labels in carried:
        shape = tuple([sizes[k] for k in labels])
        equal = [f for f in factors if isinstance(f, np.ndarray) and f.shape == shape]
        turned = [f for f in factors if isinstance(f, np.ndarray) and len(shape) == 2 and f.shape == shape[::-1]]
        again = draw(st.integers(0, 3))
        if again == 0 and equal:
            factors.append(equal[0])
        elif again == 1 and turned:
            factors.append(turned[0].T)
        else:
            factors.append(random.standard_normal(shape) if shape else float(random.standard_normal()))
        hidden = opaque and len(labels) > 1 and draw(st.integers(0, 4)) == 0
        kinds.append(Factor(labels, hidden))
        if hidden:
            factors[-1] = Matrix(np.ascontiguousarray(factors[-1]))
    return Term(whole(sizes, row, column, kinds, tables), tuple(factors), tuple(numbers))
