"""PyTorch's random numbers of the less usual distributions, made from uniform float64 as its processor kernels do.

(With MKL on Intel's processors PyTorch draws ``bernoulli_(p)``, hence dropout, and ``exponential_`` from a generator of
MKL's instead; these are the bits of all other processors.)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from chainrule.errors import DrawDtypeError, DrawError
from chainrule.torch import dtypes
from chainrule.torch.fused import fused_multiply_add_64, stored_as
from chainrule.torch.random import Generator, Shape, default_generator


def bernoulli(probabilities: NDArray[Any], generator: Generator | None = None) -> NDArray[Any]:
    """Ones with the given probabilities (an array of floats), else zeros, in an array of the same shape and dtype.

    >>> bernoulli(np.array([0.0, 1.0]))
    array([0., 1.])
    """
    source = generator or default_generator
    if probabilities.dtype.kind != "f":
        name = dtypes.from_numpy(probabilities.dtype).scalar_name
        raise DrawDtypeError(
            f"\"bernoulli_tensor_cpu_p_\" not implemented for '{name}'\nProbabilities are floating-point numbers."
        )
    if not np.all((probabilities >= 0) & (probabilities <= 1)):
        raise DrawError(
            "Expected p_in >= 0 && p_in <= 1 to be true, but got false.\nA probability lies between 0 and 1."
        )
    count, shape = probabilities.size, probabilities.shape
    if probabilities.dtype == np.float64:
        return (source.unit_64(count).reshape(shape) < probabilities).astype(np.float64)
    return (source.unit_32(count).reshape(shape) < probabilities).astype(probabilities.dtype)


def bernoulli_number(
    probability: float, shape: Shape, dtype: DTypeLike = np.float32, generator: Generator | None = None
) -> NDArray[Any]:
    """Ones with one probability for all, else zeros: ``Tensor.bernoulli_(p)``, which also makes the mask of dropout."""
    if not 0 <= probability <= 1:
        raise DrawError(
            f"bernoulli_ expects p to be in [0, 1], but got p={probability:g}\nA probability lies between 0 and 1."
        )
    unit = (generator or default_generator).unit_64(math.prod(shape))
    return (unit < probability).astype(dtype).reshape(shape)


def exponential(
    shape: Shape, rate: float = 1.0, dtype: DTypeLike = np.float32, generator: Generator | None = None
) -> NDArray[Any]:
    """Exponentially distributed numbers of mean 1 / rate."""
    if not rate > 0:
        raise DrawError(f"exponential_ expects lambda > 0.0, but found lambda={rate:g}\nGive a positive rate.")
    return _from_unit(lambda unit: -1.0 / rate * math.log1p(-unit), shape, dtype, generator)


def geometric(
    shape: Shape, probability: float, dtype: DTypeLike = np.float32, generator: Generator | None = None
) -> NDArray[Any]:
    """The number of trials up to the first success, each trial succeeding with that probability."""
    if not 0 < probability < 1:
        raise DrawError(
            f"geometric_ expects p to be in (0, 1), but got p={probability:g}\n"
            "A probability other than 0 and 1 is needed."
        )
    scale = math.log1p(-probability)
    return _from_unit(lambda unit: math.ceil(math.log(unit or 5e-324) / scale), shape, dtype, generator)


def cauchy(
    shape: Shape,
    median: float = 0.0,
    width: float = 1.0,
    dtype: DTypeLike = np.float32,
    generator: Generator | None = None,
) -> NDArray[Any]:
    """Numbers of the Cauchy distribution."""
    if not width > 0:
        raise DrawError(f"cauchy_ expects sigma > 0.0, but found sigma={width:g}\nGive a positive width.")
    tangents = _from_unit(lambda unit: math.tan(math.pi * (unit - 0.5)), shape, np.float64, generator)
    return stored_as(dtype, fused_multiply_add_64(tangents, width, median))


def log_normal(
    shape: Shape,
    mean: float = 1.0,
    deviation: float = 2.0,
    dtype: DTypeLike = np.float32,
    generator: Generator | None = None,
) -> NDArray[Any]:
    """The exponential of normal numbers of that mean and deviation, which are drawn one by one."""
    if not deviation > 0:
        raise DrawError(f"log_normal_ expects std > 0.0, but found std={deviation:g}\nGive a positive deviation.")
    unit = (generator or default_generator).unit_normals(math.prod(shape))
    exponents = fused_multiply_add_64(unit, deviation, mean).tolist()
    return stored_as(dtype, np.array([math.exp(each) for each in exponents], dtype=np.float64)).reshape(shape)


def multinomial(
    weights: NDArray[Any], count: int, replacement: bool = False, generator: Generator | None = None
) -> NDArray[np.int64]:
    """Indices drawn with the given weights: (n,) weights give (count,) indices, (m, n) give (m, count).

    >>> multinomial(np.array([0.0, 3.0, 0.0]), 1)
    array([1])
    """
    source = generator or default_generator
    _check_weights(weights, count, replacement)
    if replacement and count > 1:
        rows = [_with_replacement(row, count, source) for row in np.atleast_2d(weights)]
        return np.array(rows, dtype=np.int64).reshape((*weights.shape[:-1], count))
    if np.any(~np.isfinite(weights)) or np.any(weights < 0):
        raise DrawError("probability tensor contains either `inf`, `nan` or element < 0\nGive weights of 0 or more.")
    if np.any(weights.sum(axis=-1) <= 0):
        raise DrawError(_NO_WEIGHT)
    # A race: with exponential waiting times of rate w, the first to arrive is drawn with probability proportional to w.
    speed = weights / exponential(weights.shape, 1.0, weights.dtype, source)
    return np.argsort(-speed, axis=-1, kind="stable")[..., :count].astype(np.int64)


_NO_WEIGHT = "invalid multinomial distribution (sum of probabilities <= 0)\nAt least one weight must be positive."


def _check_weights(weights: NDArray[Any], count: int, replacement: bool) -> None:
    """What PyTorch refuses before it draws."""
    if weights.ndim not in (1, 2):
        raise DrawError(f"prob_dist must be 1 or 2 dim\nGiven weights of shape {weights.shape}.")
    if weights.dtype.kind != "f":
        name = dtypes.from_numpy(weights.dtype).scalar_name
        raise DrawError(
            f"multinomial only supports floating-point dtypes for input, got: {name}\nConvert the weights first."
        )
    if count <= 0:
        raise DrawError(f"cannot sample n_sample <= 0 samples\nGiven {count}.")
    if not replacement and count > weights.shape[-1]:
        raise DrawError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement\n"
            f"Given {count} samples of {weights.shape[-1]} weights; draw fewer, or with replacement=True."
        )


def _with_replacement(weights: NDArray[Any], count: int, source: Generator) -> NDArray[np.int64]:
    """By the inverse of the cumulative distribution, which is summed in the weights' own precision."""
    if not np.all(weights >= 0):
        raise DrawError(
            "invalid multinomial distribution (encountering probability entry < 0)\nGive weights of 0 or more."
        )
    if not np.all(np.isfinite(weights)):
        raise DrawError(
            "invalid multinomial distribution (encountering probability entry = infinity or NaN)\nGive finite weights."
        )
    cumulative = np.cumsum(weights, dtype=np.promote_types(weights.dtype, np.float32))
    if not cumulative[-1] > 0:
        raise DrawError(_NO_WEIGHT)
    cumulative /= cumulative[-1]
    cumulative[-1] = 1
    return np.searchsorted(cumulative.astype(np.float64), source.unit_64(count), side="left").astype(np.int64)


def _from_unit(
    transform: Callable[[float], float], shape: Shape, dtype: DTypeLike, generator: Generator | None
) -> NDArray[Any]:
    """A function of uniform float64 that calls the C library's logarithm or tangent, not NumPy's faster ones."""
    unit = (generator or default_generator).unit_64(math.prod(shape))
    values = np.array([transform(each) for each in unit.tolist()], dtype=np.float64)
    return stored_as(dtype, values).reshape(shape)
