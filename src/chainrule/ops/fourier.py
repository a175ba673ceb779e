"""Fourier transforms: those of real numbers into real ones; the result of the others is complex, which is an error.

For real numbers `irfft` is a sum of cosines:     n out[k] = Σ_j w[j] x[j] cos(2πjk/n),   w = 1, 2, 2, … (1 at j = n/2)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from chainrule.errors import OptionError
from chainrule.linear.term import Factor, Opaque, Term, pattern
from chainrule.op import REGISTRY, Call, General, Sample, Undefined, define, implements
from chainrule.ops.options import refuse_out, shape_of
from chainrule.ops.shape import arrayed
from chainrule.ops.writing import calling

__all__ = ["irfft"]


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
        weights = np.full((sums.shape[0], 1), 2.0, self.dtype)
        weights[0] = 1
        if count % 2 == 0:
            weights[count // 2 :] = 1
        rest = np.zeros((size - sums.shape[0], vectors.shape[1]), self.dtype)
        return np.concatenate([sums * weights, rest])


def irfft_terms(call: Call, position: int) -> list[Term]:
    """Row (…, k, …), column (…, j, …), a map from j to k."""
    shape, axis = call.shapes[0], call.params["axis"]
    count, j = call.shape[axis], len(shape)
    sizes = [*call.shape, shape[axis]]
    column = [j if k == axis else k for k in range(len(shape))]
    made = pattern(sizes, range(len(shape)), column, [Factor((axis, j), opaque=True)])[0]
    dtype = np.float32 if getattr(call, "dtype", None) == np.float32 else float
    return [Term(made, (Cosines(count, shape[axis], call.params["norm"], dtype),))]


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


def transformed(name: str, a: Any, n: Any, axis: int, norm: str | None, out: Any) -> Any:
    """`irfft` of an array to ``n`` numbers along an axis, or to as many as np.fft.irfft makes by itself."""
    refuse_out(name, out)
    axis = normalize_axis_index(axis, len(shape_of(a)))
    count = 2 * (shape_of(a)[axis] - 1) if n is None else int(n)
    if count < 1:
        raise OptionError(f"{name}: n={count} numbers along axis {axis}; n must be 1 or more.")
    return irfft(a, n=count, axis=axis, norm=norm)


@implements(np.fft.irfft)
def irfft_of(a: Any, n: Any = None, axis: int = -1, norm: str | None = None, out: Any = None) -> Any:
    """np.fft.irfft."""
    return transformed("np.fft.irfft", arrayed(a), n, axis, norm, out)


OTHER_WAY = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}


@implements(np.fft.hfft)
def hfft_of(a: Any, n: Any = None, axis: int = -1, norm: str | None = None, out: Any = None) -> Any:
    """np.fft.hfft: `irfft` of the conjugates, scaled the other way."""
    return transformed("np.fft.hfft", np.conjugate(arrayed(a)), n, axis, OTHER_WAY.get(norm, norm), out)


def _complex(function: Any) -> Callable[..., Any]:
    """A transform whose result is complex, or passes through complex numbers."""
    name = function.__name__
    operation = define(
        name,
        function,
        Undefined(f"np.fft.{name}: complex numbers are not differentiated yet"),
        samples=[Sample(((3, 4),))],
        notation=calling(f"np.fft.{name}"),
    )
    signature = inspect.signature(function)

    def call(*arguments: Any, **options: Any) -> Any:
        given = signature.bind(*arguments, **options).arguments
        refuse_out(f"np.fft.{name}", given.pop("out", None))
        return operation(arrayed(given.pop("a")), **given)

    return call


for _function in (
    np.fft.fft, np.fft.ifft, np.fft.fft2, np.fft.ifft2, np.fft.fftn, np.fft.ifftn, np.fft.rfft, np.fft.rfft2,
    np.fft.rfftn, np.fft.ihfft, np.fft.irfft2, np.fft.irfftn,
):  # fmt: skip
    REGISTRY[_function] = _complex(_function)
