"""Fourier transforms along one axis, which are maps that are applied by transforming; the others are made of them.

`irfft` is the real part of a sum over half of the frequencies, and of real numbers a sum of cosines:

    n out[k] = Re Σ_j w[j] x[j] exp(2πijk/n),   w = 1, 2, 2, … (1 at j = n/2)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from chainrule.errors import OptionError
from chainrule.linear.term import Factor, Opaque, Term, pattern
from chainrule.op import REGISTRY, Call, General, Operation, Sample, define, implements
from chainrule.ops.options import is_complex, refuse_out, shape_of
from chainrule.ops.shape import arrayed
from chainrule.ops.writing import calling

__all__ = ["irfft"]


def weights_of(count: int, size: int) -> Any:
    """How often each of the first ``size`` frequencies of ``count`` real numbers occurs: 1, 2, 2, … as a column."""
    weights = np.full((min(size, count // 2 + 1), 1), 2.0)
    weights[0] = 1
    if count % 2 == 0:
        weights[count // 2 :] = 1
    return weights


def padded(rows: Any, size: int) -> Any:
    """The rows, and rows of zeros up to ``size``."""
    missing = size - rows.shape[0]
    return np.concatenate([rows, np.zeros((missing, rows.shape[1]), rows.dtype)]) if missing > 0 else rows


class Frequencies(Opaque):
    """`fft` or `ifft` of vectors padded or cut to n numbers, of which the first are kept; symmetric but for that.

    ``weights`` multiply the first entries, and what is beyond them is cut off.
    """

    def __init__(
        self, function: Any, n: int, shape: tuple[int, int], norm: str | None, dtype: Any, weights: Any = None
    ) -> None:
        self.function, self.n, self.norm, self.weights = function, n, norm, weights
        self.shape, self.dtype = shape, dtype

    def apply(self, vectors: Any) -> Any:
        """Transform every column."""
        if self.weights is not None:
            vectors = vectors[: len(self.weights)] * self.weights.astype(vectors.dtype)
        return self.function(vectors, n=self.n, axis=0, norm=self.norm)[: self.shape[0]]

    def apply_transposed(self, vectors: Any) -> Any:
        """The same, with the weights last."""
        found = self.function(vectors, n=self.n, axis=0, norm=self.norm)[: self.shape[1]]
        if self.weights is not None:
            found = found[: len(self.weights)] * self.weights.astype(found.dtype)
        return padded(found, self.shape[1])


def along(call: Call, made: Opaque) -> list[Term]:
    """Row (…, k, …), column (…, j, …), a map from j to k."""
    shape, axis = call.shapes[0], call.params["axis"]
    sizes, j = [*call.shape, shape[axis]], len(shape)
    column = [j if k == axis else k for k in range(j)]
    return [Term(pattern(sizes, range(j), column, [Factor((axis, j), opaque=True)])[0], (made,))]


def lengths(call: Call) -> tuple[int, int]:
    """The numbers along the axis of the result, and of the argument."""
    axis = call.params["axis"]
    return call.shape[axis], call.shapes[0][axis]


def complex_dtype(call: Call) -> Any:
    """The complex dtype of a call's precision."""
    return np.result_type(getattr(call, "dtype", float), np.complex64)


def _along_one_axis(name: str, function: Any, first_half: bool = False) -> Operation:
    """An operation that transforms by `fft` or `ifft`: from the first half of the frequencies, or to what there are."""

    def terms(call: Call, position: int) -> list[Term]:
        count, size = lengths(call)
        weights = weights_of(count, size) if first_half else None
        n, norm = call.params["n"], call.params["norm"]
        return along(call, Frequencies(function, n, (count, size), norm, complex_dtype(call), weights))

    numpy = getattr(np.fft, name)
    options: list[dict[str, Any]] = [
        {"n": 4, "axis": 0, "norm": None},
        {"n": 6, "axis": 1, "norm": "ortho"},
        {"n": 3, "axis": 1, "norm": "forward"},
    ]
    shapes = [(4,), (2, 4), (2, 5, 2)]
    kind = complex if first_half else float
    values = [np.random.default_rng(7).normal(size=shape).astype(kind) for shape in shapes]
    return define(
        f"{name}_of_complex" if first_half else name,
        lambda x, n, axis, norm: numpy(x, n=n, axis=axis, norm=norm),
        General(terms, (), ("x",)),
        notation=calling(f"np.fft.{name}"),
        samples=[Sample((value,), given) for value, given in zip(values, options, strict=True)],
        takes_complex=True,
    )


fft = _along_one_axis("fft", np.fft.fft)
ifft = _along_one_axis("ifft", np.fft.ifft)
rfft = _along_one_axis("rfft", np.fft.fft)
irfft_of_complex = _along_one_axis("irfft", np.fft.ifft, first_half=True)


class Cosines(Opaque):
    """`irfft` of real vectors of ``size`` numbers to ``count`` numbers, applied by transforming."""

    def __init__(self, count: int, size: int, norm: str | None, dtype: Any) -> None:
        self.shape = (count, size)
        self.norm = norm
        self.dtype = dtype

    def apply(self, vectors: Any) -> Any:
        """Sums of cosines, column by column."""
        return irfft(vectors, n=self.shape[0], axis=0, norm=self.norm)

    def apply_transposed(self, vectors: Any) -> Any:
        """Σ_k v[k] cos(2πjk/n), weighted afterwards: the same sums, because v[k] and v[n−k] share one cosine."""
        count, size = self.shape
        half = count // 2 + 1
        mirrored = np.take(vectors, -np.arange(half) % count, 0)
        sums = irfft((vectors[:half] + mirrored) / 2, n=count, axis=0, norm=self.norm)[: min(size, half)]
        return padded(sums * weights_of(count, size).astype(self.dtype), size)


def irfft_terms(call: Call, position: int) -> list[Term]:
    """Row (…, k, …), column (…, j, …), a map from j to k."""
    dtype = np.float32 if getattr(call, "dtype", None) == np.float32 else float
    return along(call, Cosines(*lengths(call), call.params["norm"], dtype))


irfft = define(
    "irfft",
    lambda x, n, axis, norm: np.fft.irfft(x, n, axis, norm),
    General(irfft_terms, (), ("x",)),
    notation=calling("np.fft.irfft"),
    samples=[
        Sample(((4,),), {"n": 6, "axis": 0, "norm": None}),
        Sample(((4,),), {"n": 7, "axis": 0, "norm": "ortho"}),
        Sample(((2, 5, 2),), {"n": 6, "axis": 1, "norm": "forward"}),
        Sample(((2, 3),), {"n": 8, "axis": 1, "norm": None}),
        Sample(((1,),), {"n": 1, "axis": 0, "norm": None}),
    ],
)


def of_one_axis(name: str, operation: Operation, a: Any, n: Any, axis: int, norm: str | None, out: Any) -> Any:
    """A transform along an axis to, or from, ``n`` numbers, or as many as NumPy takes by itself."""
    refuse_out(name, out)
    axis = normalize_axis_index(axis, len(shape_of(a)))
    count = shape_of(a)[axis] if n is None else int(n)
    if n is None and operation in (irfft, irfft_of_complex):
        count = 2 * (count - 1)
    if count < 1:
        raise OptionError(f"{name}: n={count} numbers along axis {axis}; n must be 1 or more.")
    return operation(a, n=count, axis=axis, norm=norm)


@implements(np.fft.fft)
def fft_of(a: Any, n: Any = None, axis: int = -1, norm: str | None = None, out: Any = None) -> Any:
    """np.fft.fft."""
    return of_one_axis("np.fft.fft", fft, arrayed(a), n, axis, norm, out)


@implements(np.fft.ifft)
def ifft_of(a: Any, n: Any = None, axis: int = -1, norm: str | None = None, out: Any = None) -> Any:
    """np.fft.ifft."""
    return of_one_axis("np.fft.ifft", ifft, arrayed(a), n, axis, norm, out)


@implements(np.fft.rfft)
def rfft_of(a: Any, n: Any = None, axis: int = -1, norm: str | None = None, out: Any = None) -> Any:
    """np.fft.rfft."""
    return of_one_axis("np.fft.rfft", rfft, arrayed(a), n, axis, norm, out)


@implements(np.fft.irfft)
def irfft_of(a: Any, n: Any = None, axis: int = -1, norm: str | None = None, out: Any = None) -> Any:
    """np.fft.irfft."""
    a = arrayed(a)
    return of_one_axis("np.fft.irfft", irfft_of_complex if is_complex(a) else irfft, a, n, axis, norm, out)


OTHER_WAY = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}


@implements(np.fft.hfft)
def hfft_of(a: Any, n: Any = None, axis: int = -1, norm: str | None = None, out: Any = None) -> Any:
    """np.fft.hfft: `irfft` of the conjugates, scaled the other way."""
    return irfft_of(np.conjugate(arrayed(a)), n, axis, OTHER_WAY.get(norm, norm), out)


@implements(np.fft.ihfft)
def ihfft_of(a: Any, n: Any = None, axis: int = -1, norm: str | None = None, out: Any = None) -> Any:
    """np.fft.ihfft: the conjugates of `rfft`, scaled the other way."""
    return np.conjugate(rfft_of(a, n, axis, OTHER_WAY.get(norm, norm), out))


# --- along several axes -----------------------------------------------------------------------------------------------

Transform = Callable[..., Any]


def _in_order(transforms: Callable[[int], Sequence[Transform]], is_inverse: bool, axes: Any, name: str) -> Transform:
    """A transform along several axes: NumPy's order of those along one."""

    def call(a: Any, s: Any = None, axes: Any = axes, norm: str | None = None, out: Any = None) -> Any:
        refuse_out(f"np.fft.{name}", out)
        a = arrayed(a)
        shape = shape_of(a)
        if axes is None:
            axes = range(-len(shape if s is None else s), 0)
        counts = [shape[axis] for axis in axes] if s is None else list(s)
        if len(counts) != len(axes):
            raise OptionError(f"np.fft.{name}: s={s!r} for the axes {tuple(axes)}: give one number for each axis.")
        if is_inverse and s is None:
            counts[-1] = 2 * (shape[axes[-1]] - 1)
        counts = [shape[axis] if count == -1 else count for axis, count in zip(axes, counts, strict=True)]
        steps = list(zip(transforms(len(counts)), counts, axes, strict=True))
        for transform, count, axis in steps if is_inverse else steps[::-1]:
            a = transform(a, count, axis, norm)
        return a

    return call


def _all_the_same(transform: Transform) -> Callable[[int], Sequence[Transform]]:
    return lambda count: [transform] * count


def _last_is(last: Transform, others: Transform) -> Callable[[int], Sequence[Transform]]:
    return lambda count: [others] * (count - 1) + [last]


for _name, _transforms, _is_inverse in (
    ("fft", _all_the_same(fft_of), False),
    ("ifft", _all_the_same(ifft_of), False),
    ("rfft", _last_is(rfft_of, fft_of), False),
    ("irfft", _last_is(irfft_of, ifft_of), True),
):
    REGISTRY[getattr(np.fft, f"{_name}2")] = _in_order(_transforms, _is_inverse, (-2, -1), f"{_name}2")
    REGISTRY[getattr(np.fft, f"{_name}n")] = _in_order(_transforms, _is_inverse, None, f"{_name}n")
