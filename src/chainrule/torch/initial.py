"""First values of a layer's weights, as ``torch.nn.init`` and the layers of ``torch.nn`` draw them.

>>> from chainrule.torch.random import manual_seed
>>> _ = manual_seed(0)
>>> weight, bias = linear(2, 1)
>>> weight, bias
(array([[-0.00529398,  0.3793229 ]], dtype=float32), array([-0.58198076], dtype=float32))
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from chainrule.errors import InitialisationError
from chainrule.torch.random import Generator, Shape, normal, uniform

Mode = Literal["fan_in", "fan_out"]

_PLAIN = {"linear", "sigmoid", *(f"conv{'_transpose' * turned}{axes}d" for axes in (1, 2, 3) for turned in (0, 1))}


def calculate_gain(nonlinearity: str, parameter: float | None = None) -> float:
    """By how much larger weights must be for a nonlinearity to keep the variance of its input.

    >>> calculate_gain("relu"), calculate_gain("leaky_relu", 1.0)
    (1.4142135623730951, 1.0)
    """
    if nonlinearity in _PLAIN:
        return 1.0
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "selu":
        return 3.0 / 4
    if nonlinearity != "leaky_relu":
        raise InitialisationError(
            f"Unsupported nonlinearity {nonlinearity}\n"
            f"Known are tanh, relu, leaky_relu, selu and, with gain 1, {', '.join(sorted(_PLAIN))}."
        )
    if parameter is None:
        return math.sqrt(2.0 / (1 + 0.01**2))
    if isinstance(parameter, bool) or not isinstance(parameter, int | float):
        raise InitialisationError(f"negative_slope {parameter} not a valid number\nGive a float, for instance 0.01.")
    return math.sqrt(2.0 / (1 + parameter**2))


def fans(shape: Shape) -> tuple[int, int]:
    """How many inputs each output has, and how many outputs each input has, for weights (outputs, inputs, *window)."""
    if len(shape) < 2:
        raise InitialisationError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions\n"
            f"Given shape {tuple(shape)}; weights have shape (outputs, inputs, ...)."
        )
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def xavier_uniform(
    shape: Shape, gain: float = 1.0, dtype: DTypeLike = np.float32, generator: Generator | None = None
) -> NDArray[Any]:
    """Uniform weights of variance 2·gain² / (inputs + outputs)."""
    deviation = gain * math.sqrt(2.0 / float(sum(fans(shape))))
    bound = math.sqrt(3.0) * deviation
    return uniform(shape, -bound, bound, dtype, generator)


def xavier_normal(
    shape: Shape, gain: float = 1.0, dtype: DTypeLike = np.float32, generator: Generator | None = None
) -> NDArray[Any]:
    """Normal weights of variance 2·gain² / (inputs + outputs)."""
    return normal(shape, 0.0, gain * math.sqrt(2.0 / float(sum(fans(shape)))), dtype, generator)


def kaiming_uniform(
    shape: Shape,
    slope: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    dtype: DTypeLike = np.float32,
    generator: Generator | None = None,
) -> NDArray[Any]:
    """Uniform weights of variance gain² / inputs (or outputs), the gain being that of the nonlinearity."""
    if math.prod(shape) == 0:
        return np.empty(tuple(shape), dtype)
    bound = math.sqrt(3.0) * _kaiming_deviation(shape, slope, mode, nonlinearity)
    return uniform(shape, -bound, bound, dtype, generator)


def kaiming_normal(
    shape: Shape,
    slope: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    dtype: DTypeLike = np.float32,
    generator: Generator | None = None,
) -> NDArray[Any]:
    """Normal weights of variance gain² / inputs (or outputs), the gain being that of the nonlinearity."""
    if math.prod(shape) == 0:
        return np.empty(tuple(shape), dtype)
    return normal(shape, 0.0, _kaiming_deviation(shape, slope, mode, nonlinearity), dtype, generator)


def linear(
    inputs: int,
    outputs: int,
    bias: bool = True,
    dtype: DTypeLike = np.float32,
    generator: Generator | None = None,
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """The weight (outputs, inputs) and the bias (outputs,) of a fresh ``nn.Linear``, drawn in this order."""
    return layer((outputs, inputs), bias, dtype, generator)


def layer(
    shape: Shape, bias: bool = True, dtype: DTypeLike = np.float32, generator: Generator | None = None
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """The weight, of shape (outputs, inputs, *window), and the bias (outputs,) of a fresh layer."""
    weight = kaiming_uniform(shape, math.sqrt(5), dtype=dtype, generator=generator)
    if not bias:
        return weight, None
    inputs = fans(shape)[0]
    bound = 1 / math.sqrt(inputs) if inputs > 0 else 0.0
    return weight, uniform((shape[0],), -bound, bound, dtype, generator)


def _kaiming_deviation(shape: Shape, slope: float, mode: str, nonlinearity: str) -> float:
    chosen = mode.lower()
    if chosen not in ("fan_in", "fan_out"):
        raise InitialisationError(
            f"Mode {chosen} not supported, please use one of ['fan_in', 'fan_out']\nfan_in keeps the variance forwards."
        )
    inputs, outputs = fans(shape)
    return calculate_gain(nonlinearity, slope) / math.sqrt(inputs if chosen == "fan_in" else outputs)
