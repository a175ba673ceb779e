"""PyTorch's random numbers on a processor, bit for bit: read from the same generator in the same way and order.

Normal numbers come in blocks of 16 when there are that many and their place in memory is contiguous, otherwise one by
one, in float64. (PyTorch's own bits depend on the machine in one place: its float32 normal numbers in blocks. These are
those of x86 processors with AVX2.)

Every draw returns a new NumPy array and advances ``default_generator`` or the generator that it is given.

>>> _ = manual_seed(0)
>>> rand((3,))
array([0.4962566 , 0.7682218 , 0.08847743], dtype=float32)
>>> randperm(5)
array([0, 4, 2, 1, 3])
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from chainrule.errors import DrawDtypeError, DrawError, SeedError
from chainrule.torch import dtypes
from chainrule.torch.fused import fused_multiply_add_32, fused_multiply_add_64, stored_as
from chainrule.torch.generator import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from chainrule.torch.normal import BLOCK, normal_blocks_32, normal_blocks_64

__all__ = [
    "Generator",
    "default_generator",
    "fill",
    "fill_normal",
    "fill_uniform",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "normal",
    "rand",
    "randint",
    "randn",
    "random",
    "randperm",
    "seed",
    "set_rng_state",
    "uniform",
]

Shape = Sequence[int]

_WIDE_RANGE = 2**28  # from here on a whole number takes two words
_MANY = (2**32 - 1) // 20  # a permutation this long takes two words per step


def rand(shape: Shape, dtype: DTypeLike = np.float32, generator: Generator | None = None) -> NDArray[Any]:
    """Uniform numbers in [0, 1), of any floating-point or complex dtype."""
    return uniform(shape, 0.0, 1.0, dtype, generator)


def randn(shape: Shape, dtype: DTypeLike = np.float32, generator: Generator | None = None) -> NDArray[Any]:
    """Normal numbers of mean 0 and variance 1 (a complex one has 1/2 in each part)."""
    return normal(shape, 0.0, 1.0, dtype, generator)


def uniform(
    shape: Shape, low: float = 0.0, high: float = 1.0, dtype: DTypeLike = np.float32, generator: Generator | None = None
) -> NDArray[Any]:
    """Uniform numbers in [low, high); a number that rounding lifts to ``high`` becomes ``low``.

    >>> _ = manual_seed(0)
    >>> uniform((2,), -1.0, 1.0)
    array([-0.00748682,  0.5364436 ], dtype=float32)
    """
    kind, source = np.dtype(dtype), generator or default_generator
    if kind.kind == "c":
        return uniform((*shape, 2), low, high, _real(kind), source).view(kind).reshape(shape)
    _require_floats(kind, "check_uniform_bounds")
    largest = float(np.finfo(kind).max)
    _require_between(low, -largest, largest, "from", kind)
    _require_between(high, -largest, largest, "to", kind)
    if not low <= high:
        raise DrawError(
            f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}\n"
            "Give the smaller bound first."
        )
    if high - low > largest:
        raise DrawError(
            f"uniform_ expects to-from <= std::numeric_limits<{dtypes.from_numpy(kind).scalar_name}>::max(), but found "
            f"to={high:g} and from={low:g} which result in to-from to exceed the limit"
        )
    count = math.prod(shape)
    values: NDArray[Any]
    if kind == np.float64:
        unit = source.unit_64(count)
        values = unit if (low, high) == (0.0, 1.0) else fused_multiply_add_64(unit, high - low, low)
    else:
        lower, upper = np.float32(low), np.float32(high)
        values = fused_multiply_add_32(source.unit_32(count), upper - lower, lower).astype(kind)
    values[values >= np.asarray(high, dtype=kind)] = low
    return values.reshape(shape)


def normal(
    shape: Shape,
    mean: float = 0.0,
    deviation: float = 1.0,
    dtype: DTypeLike = np.float32,
    generator: Generator | None = None,
    *,
    contiguous: bool = True,
) -> NDArray[Any]:
    """Normal numbers of that mean and standard deviation.

    ``contiguous=False`` draws them one by one, as PyTorch does when it fills a tensor whose elements do not lie side by
    side; with fewer than 16 elements it always does.
    """
    kind, source = np.dtype(dtype), generator or default_generator
    if not deviation >= 0:
        raise DrawError(
            f"normal expects std >= 0.0, but found std {deviation:g}\nA standard deviation is not negative."
        )
    if kind.kind == "c":
        parts = normal((*shape, 2), mean, deviation / math.sqrt(2.0), _real(kind), source, contiguous=contiguous)
        return parts.view(kind).reshape(shape)
    count = math.prod(shape)
    if count:
        _require_floats(kind, "normal_kernel_cpu")
    if count < BLOCK or not contiguous:
        single = fused_multiply_add_64(source.unit_normals(count), deviation, mean)
        return stored_as(kind, single).reshape(shape)
    return _in_blocks(source, count, mean, deviation, kind).reshape(shape)


def _in_blocks(source: Generator, count: int, mean: float, deviation: float, kind: np.dtype[Any]) -> NDArray[Any]:
    """Blocks of 16 from the start; an incomplete last one is replaced by a fresh block that ends at the end."""
    whole = count - count % BLOCK
    # For the incomplete block numbers are drawn too, and thrown away; except in float16.
    drawn = whole if kind == np.float16 else count
    values = np.empty(count, dtype=kind)
    if kind == np.float64:
        values[:whole] = normal_blocks_64(source.unit_64(drawn)[:whole], mean, deviation)
        if whole < count:
            values[-BLOCK:] = normal_blocks_64(source.unit_64(BLOCK), mean, deviation)
    else:
        values[:whole] = normal_blocks_32(source.unit_32(drawn)[:whole], mean, deviation)
        if whole < count:
            values[-BLOCK:] = normal_blocks_32(source.unit_32(BLOCK), mean, deviation)
    return values


def randint(
    low: int, high: int, shape: Shape, dtype: DTypeLike = np.int64, generator: Generator | None = None
) -> NDArray[Any]:
    """Whole numbers from ``low`` up to but not including ``high``, of any real dtype.

    >>> _ = manual_seed(0)
    >>> randint(0, 10, (5,))
    array([4, 9, 3, 0, 3])
    """
    kind, source = np.dtype(dtype), generator or default_generator
    low, high = operator.index(low), operator.index(high)
    for bound in (low, high):
        if not -(2**63) <= bound < 2**63:
            raise SeedError(f"Overflow when unpacking long long\nGiven {bound}; a bound lies in [-2**63, 2**63).")
    if low >= high:
        raise DrawError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}\n"
            "The upper bound itself is never drawn, so it must be larger than the lower one."
        )
    if kind.kind == "f":
        low, high = _representable(low, kind, lower=True), _representable(high, kind)
        limits = (-int(np.finfo(kind).max), int(np.finfo(kind).max))
    elif kind.kind in "iu":
        limits = (int(np.iinfo(kind).min), int(np.iinfo(kind).max))
    elif kind.kind == "b":
        limits = (0, 1)
    else:
        raise DrawError(
            "check_random_bounds handles only integral, floating-point and boolean types\n"
            f"Given dtype {dtypes.from_numpy(kind)!r}."
        )
    _require_between(low, *limits, "from", kind)
    _require_between(high - 1, *limits, "to - 1", kind)
    size, count = high - low, math.prod(shape)
    words = source.words_64(count) if size >= _WIDE_RANGE else source.words_32(count)
    numbers = (words % np.uint64(size) + np.uint64(low % 2**64)).view(np.int64)
    return numbers.astype(kind).reshape(shape)


def random(shape: Shape, dtype: DTypeLike = np.float32, generator: Generator | None = None) -> NDArray[Any]:
    """Whole numbers from 0 to the largest of an integer dtype, or to the largest up to which a float counts all."""
    kind, source = np.dtype(dtype), generator or default_generator
    if kind.kind == "c":
        raise DrawDtypeError(
            f"\"random_kernel_cpu\" not implemented for '{dtypes.from_numpy(kind).scalar_name}'\n"
            "Complex numbers are not drawn by random_(); use uniform_() or normal_()."
        )
    if kind.kind == "b":
        largest = 1
    else:
        largest = 2 ** (np.finfo(kind).nmant + 1) if kind.kind == "f" else int(np.iinfo(kind).max)
    count = math.prod(shape)
    words = source.words_64(count) if kind.itemsize == 8 else source.words_32(count)
    return (words % np.uint64(largest + 1) if largest < 2**64 - 1 else words).astype(kind).reshape(shape)


def randperm(count: int, dtype: DTypeLike = np.int64, generator: Generator | None = None) -> NDArray[Any]:
    """The numbers 0 … count-1 in random order."""
    kind, source = np.dtype(dtype), generator or default_generator
    if count < 0:
        raise DrawError(f"Trying to create tensor with negative dimension {count}: [{count}]\nGive 0 or more.")
    if kind.kind not in "iuf":
        raise DrawDtypeError(
            f"\"randperm\" not implemented for '{dtypes.from_numpy(kind).scalar_name}'\nUse torch.int64, the default."
        )
    if kind.kind in "iu" and count > int(np.iinfo(kind).max) + 1:
        raise DrawError(f"value cannot be converted to type {kind.name}_t without overflow\nUse torch.int64.")
    steps = max(count - 1, 0)
    words = source.words_32(steps) if count < _MANY else source.words_64(steps)
    offsets = (words % np.arange(count, 1, -1, dtype=np.uint64)).tolist()
    order = list(range(count))
    for place, offset in enumerate(offsets):
        order[place], order[place + offset] = order[place + offset], order[place]
    return np.array(order, dtype=kind)


def fill(array: NDArray[Any], drawn: NDArray[Any]) -> NDArray[Any]:
    """Put drawn numbers into an array in the order of its memory, as PyTorch's in-place draws do. Returns the array.

    >>> transposed = np.zeros((3, 2)).T
    >>> fill(transposed, np.arange(6.0))
    array([[0., 2., 4.],
           [1., 3., 5.]])
    """
    axes = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
    view = array.transpose(axes)
    view[...] = drawn.reshape(view.shape)
    return array


def fill_normal(
    array: NDArray[Any], mean: float = 0.0, deviation: float = 1.0, generator: Generator | None = None
) -> NDArray[Any]:
    """``Tensor.normal_``: normal numbers into an existing array. Returns the array."""
    contiguous = array.flags.c_contiguous
    return fill(array, normal((array.size,), mean, deviation, array.dtype, generator, contiguous=contiguous))


def fill_uniform(
    array: NDArray[Any], low: float = 0.0, high: float = 1.0, generator: Generator | None = None
) -> NDArray[Any]:
    """``Tensor.uniform_``: uniform numbers into an existing array. Returns the array."""
    return fill(array, uniform((array.size,), low, high, array.dtype, generator))


def _real(kind: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of the parts of a complex number."""
    return np.dtype(f"f{kind.itemsize // 2}")


def _require_floats(kind: np.dtype[Any], kernel: str) -> None:
    if kind.kind != "f":
        raise DrawDtypeError(
            f"\"{kernel}\" not implemented for '{dtypes.from_numpy(kind).scalar_name}'\n"
            "These are real numbers: use a floating-point dtype, or torch.randint for whole numbers."
        )


_C_NAMES = {"uint8": "unsigned char", "int8": "signed char", "int16": "short int", "int32": "int", "int64": "long int"}
_C_NAMES |= {"float16": "c10::Half", "float32": "float", "float64": "double"}


def _require_between(value: float, lowest: float, largest: float, name: str, kind: np.dtype[Any]) -> None:
    if not lowest <= value <= largest:
        raise DrawError(
            f"{name} is out of bounds for {_C_NAMES.get(kind.name, kind.name)}\n"
            f"Given {value}; {dtypes.from_numpy(kind)!r} holds {lowest} to {largest}."
        )


def _representable(bound: int, kind: np.dtype[Any], *, lower: bool = False) -> int:
    """The bound moved inwards so far that no number within is rounded onto or, for a lower one, beyond it."""
    sign = -1 if lower else 1
    inner = sign * bound - 1
    with np.errstate(over="ignore"):
        rounded = np.asarray(inner).astype(kind)
    if not np.isfinite(rounded) or int(rounded) < inner + 1 or (lower and int(rounded) == inner + 1):
        return bound
    spacing: int = 2 ** (abs(inner).bit_length() - 1 - int(np.finfo(kind).nmant))
    return sign * (int(rounded) - spacing)
