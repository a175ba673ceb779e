"""Products built on others: traces, powers, chains of matrices, Kronecker and cross products, convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from chainrule.errors import ShapeError
from chainrule.linear.term import Axis, Factor, Opaque, Pattern, Term, affine, pattern
from chainrule.op import Call, General, Sample, Structural, cached_by_call, define, implements
from chainrule.ops.contract import matmul
from chainrule.ops.linalg import inv, square_shape
from chainrule.ops.options import conjugated, plain, refuse_out, shape_of
from chainrule.ops.shape import arrayed
from chainrule.ops.writing import calling

__all__ = ["convolve", "kron", "matrix_power", "multi_dot", "trace"]


# --- trace ------------------------------------------------------------------------------------------------------------


def trace_terms(call: Call, position: int) -> list[Term]:
    """∂out[b]/∂x[b,i,j] = 1 where j = i + offset: both axes have the label i."""
    shape = call.shapes[0]
    first, second, offset = call.params["axis1"], call.params["axis2"], call.params["offset"]
    start = (max(-offset, 0), max(offset, 0))
    count = max(0, min(shape[first] - start[0], shape[second] - start[1]))
    column: list[Axis | int] = list(range(len(shape)))
    row = [k for k in column if k not in (first, second)]
    sizes = list(shape)
    sizes[first] = count
    column[first] = affine(shape[first], first, 1, start[0])
    column[second] = affine(shape[second], first, 1, start[1])
    return [Term(pattern(sizes, row, column)[0])]


MAIN = {"offset": 0, "axis1": 0, "axis2": 1}
trace = define(
    "trace",
    lambda x, offset, axis1, axis2, dtype: np.trace(x, offset, axis1, axis2, dtype),
    Structural(trace_terms),
    samples=[
        Sample(((3, 3),), {"offset": 0, "axis1": 0, "axis2": 1, "dtype": None}),
        Sample(((3, 4),), {"offset": 1, "axis1": 0, "axis2": 1, "dtype": None}),
        Sample(((4, 2, 3),), {"offset": -1, "axis1": 0, "axis2": 2, "dtype": None}),
        Sample(((2, 2),), {"offset": 5, "axis1": 0, "axis2": 1, "dtype": None}),
    ],
    notation=(
        *calling("np.trace", "tr", defaults=MAIN)[:2],
        calling("np.trace", defaults=MAIN)[2],
    ),
)


@implements(np.trace)
def trace_of(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Any:
    """np.trace."""
    refuse_out("np.trace", out)
    rank = len(shape_of(a))
    first, second = normalize_axis_index(axis1, rank), normalize_axis_index(axis2, rank)
    if first == second:
        raise ShapeError(
            f"np.trace: axis1 and axis2 are both axis {first} of shape {shape_of(a)}; give two different axes."
        )
    return trace(a, offset=int(offset), axis1=first, axis2=second, dtype=dtype)


@implements(np.linalg.trace)
def trace_of_matrices(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """np.linalg.trace: of the last two axes."""
    return trace_of(x, offset, -2, -1, dtype)


@implements(np.linalg.diagonal)
def diagonal_of_matrices(x: Any, /, *, offset: int = 0) -> Any:
    """np.linalg.diagonal: of the last two axes."""
    return np.diagonal(x, offset, -2, -1)


# --- chains and powers ------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def best_order(sizes: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Where to split the product of matrices first…last, for the fewest multiplications: ``order[first][last]``."""
    count = len(sizes) - 1
    cost = [[0] * count for _ in range(count)]
    order = [[0] * count for _ in range(count)]
    for length in range(1, count):
        for first in range(count - length):
            last = first + length
            cost[first][last], order[first][last] = min(
                (cost[first][k] + cost[k + 1][last] + sizes[first] * sizes[k + 1] * sizes[last + 1], k)
                for k in range(first, last)
            )
    return tuple([tuple(row) for row in order])


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Sequence[Any], *, out: Any = None) -> Any:
    """np.linalg.multi_dot: the product of matrices in the best order; the first and the last may be vectors."""
    refuse_out("np.linalg.multi_dot", out)
    arrays = list(arrays)
    if len(arrays) < 2:
        raise ShapeError(f"np.linalg.multi_dot: expected at least two arrays, got {len(arrays)}.")
    shapes = [shape_of(x) for x in arrays]
    sizes = [1 if len(shapes[0]) == 1 else shapes[0][0], *[shape[0] for shape in shapes[1:]]]
    sizes.append(1 if len(shapes[-1]) == 1 else shapes[-1][-1])
    order = best_order(tuple(sizes))

    def chain(first: int, last: int) -> Any:
        if first == last:
            return arrays[first]
        return matmul(chain(first, order[first][last]), chain(order[first][last] + 1, last))

    return chain(0, len(arrays) - 1)


@implements(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Any:
    """np.linalg.matrix_power, by repeated squaring; a negative power is that of the inverse."""
    shape = square_shape("np.linalg.matrix_power", a)
    n = int(n)
    if n == 0:
        return a * 0 + np.eye(shape[-1], dtype=plain(a).dtype)
    if n < 0:
        a, n = inv(a), -n
    result = None
    while True:
        if n & 1:
            result = a if result is None else matmul(result, a)
        n >>= 1
        if not n:
            return result
        a = matmul(a, a)


# --- Kronecker and cross products -------------------------------------------------------------------------------------


@implements(np.kron)
def kron(a: Any, b: Any) -> Any:
    """np.kron: every entry of ``a`` times ``b``."""
    first, second = shape_of(a), shape_of(b)
    rank = max(len(first), len(second))
    first, second = ((1,) * (rank - len(shape)) + tuple(shape) for shape in (first, second))
    left = np.reshape(a, tuple([n for size in first for n in (size, 1)]))
    right = np.reshape(b, tuple([n for size in second for n in (1, size)]))
    return np.reshape(left * right, tuple([m * n for m, n in zip(first, second, strict=True)]))


@implements(np.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """np.cross of vectors of three entries; of two, whose third is 0: then two such vectors make one number."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(arrayed(a), axisa, -1), np.moveaxis(arrayed(b), axisb, -1)
    sizes = {shape_of(a)[-1], shape_of(b)[-1]}
    if not sizes <= {2, 3}:
        raise ShapeError(
            f"np.cross: shapes {shape_of(a)} and {shape_of(b)}: expected vectors of three entries (or two) along the "
            "last axes, or those that axisa and axisb name."
        )
    if sizes == {2}:
        return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    a, b = (np.concatenate([x, x[..., :1] * 0], -1) if shape_of(x)[-1] == 2 else x for x in (a, b))
    after, before = [1, 2, 0], [2, 0, 1]
    result = a[..., after] * b[..., before] - a[..., before] * b[..., after]
    return np.moveaxis(result, -1, axisc)


@implements(np.linalg.cross)
def cross_along(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """np.linalg.cross: vectors of three entries only."""
    if shape_of(x1)[axis] != 3 or shape_of(x2)[axis] != 3:
        raise ShapeError(
            f"np.linalg.cross: shapes {shape_of(x1)} and {shape_of(x2)}: expected three entries along axis {axis}."
        )
    return cross(x1, x2, axis=axis)


# --- convolution ------------------------------------------------------------------------------------------------------


class Toeplitz(Opaque):
    """T[i+k, i] = kernel[k], applied by convolving: where the term itself would read each number many times."""

    def __init__(self, kernel: Any, length: int) -> None:
        self.kernel = kernel
        self.shape = (length + kernel.shape[0] - 1, length)
        self.dtype = kernel.dtype

    def apply(self, vectors: Any) -> Any:
        """Convolve every column with the kernel."""
        return np.stack([np.convolve(vectors[:, k], self.kernel) for k in range(vectors.shape[1])], -1)

    def apply_transposed(self, vectors: Any) -> Any:
        """Correlate every column with the kernel."""
        return np.stack([np.correlate(vectors[:, k], conjugated(self.kernel)) for k in range(vectors.shape[1])], -1)

    def dense(self) -> Any:
        """The banded matrix."""
        return self.apply(np.eye(self.shape[1], dtype=self.dtype))

    @property
    def stored(self) -> int:
        """The entries of the kernel."""
        return int(self.kernel.size)


APPLIED_FROM = 1 << 18  # products of two entries in a convolution from which its map is applied by convolving


def convolve_terms(call: Call, position: int, other: Any) -> list[Term]:
    """∂out[i+k]/∂a[i] = b[k], and ∂out[i+k]/∂b[k] = a[i]: the row's one axis is i + k."""
    (n,), (m,) = call.shapes
    if n * m < APPLIED_FROM:
        made = cached_by_call(_convolve_patterns, call, position, lambda: convolve_pattern(n, m, position))
        return [Term(made, (other,))]
    length = call.shapes[position][0]
    made = pattern((n + m - 1, length), [0], [1], [Factor((0, 1), opaque=True)])[0]
    return [Term(made, (Toeplitz(other, length),))]


def convolve_pattern(n: int, m: int, position: int) -> Pattern:
    """Row (i + k), column (i) or (k), the other operand as factor."""
    return pattern((n, m), [Axis(n + m - 1, (0, 1), (1, 1))], [position], [[1 - position]])[0]


_convolve_patterns: dict[Any, Pattern] = {}

_full = define(
    "convolve",
    np.convolve,
    General(convolve_terms, ("b",), ("a", "b")),
    General(convolve_terms, ("a",), ("a", "b")),
    arguments=("a", "b"),
    samples=[Sample(((5,), (3,))), Sample(((2,), (4,))), Sample(((1,), (3,)))],
    notation=("{0} ∗ {1}", "{0} * {1}"),
    takes_complex=True,
)


@implements(np.convolve)
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """np.convolve: a part of the full convolution."""
    a, v = np.reshape(a, -1), np.reshape(v, -1)
    long, short = max(a.shape[0], v.shape[0]), min(a.shape[0], v.shape[0])
    full = _full(a, v)
    if mode == "full":
        return full
    if mode == "same":
        start = (short - 1) // 2
        return full[start : start + long]
    if mode == "valid":
        return full[short - 1 : long]
    raise ShapeError(f"np.convolve: mode={mode!r}; expected 'full', 'same' or 'valid'.")


@implements(np.correlate)
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """np.correlate: the convolution with ``v`` reversed."""
    a, v = np.reshape(a, -1), np.reshape(v, -1)
    if mode == "same":
        long, short = max(a.shape[0], v.shape[0]), min(a.shape[0], v.shape[0])
        start = (short - 1) // 2 if a.shape[0] >= v.shape[0] else short // 2
        return _full(a, np.conjugate(v)[::-1])[start : start + long]
    return convolve(a, np.conjugate(v)[::-1], mode)
