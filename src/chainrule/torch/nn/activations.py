"""Activations: functions that bend, between the layers that do not."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from chainrule.ops import elementwise as e
from chainrule.torch.graph import shown_as
from chainrule.torch.pointwise import FUNCTIONS as POINTWISE
from chainrule.torch.pointwise import clamp, tensor_of, where
from chainrule.torch.recording import apply, overwrite
from chainrule.torch.reducing import softmax

__all__ = ["FUNCTIONS", "placed"]

sigmoid, tanh = POINTWISE["sigmoid"], POINTWISE["tanh"]


def placed(input: Any, result: Any, inplace: bool) -> Any:
    """The result, written to its argument if so asked."""
    return overwrite(input, result) if inplace else result


def relu(input: Any, inplace: bool = False) -> Any:
    """max(x, 0)."""
    return placed(input, apply(e.relu, (tensor_of(input, "relu"),)), inplace)


def relu6(input: Any, inplace: bool = False) -> Any:
    """x between 0 and 6."""
    return hardtanh(input, 0.0, 6.0, inplace)


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    """x between two bounds; unlike `clamp` it passes no gradient at the bounds."""
    return placed(input, where(input <= min_val, min_val, where(input >= max_val, max_val, input)), inplace)


def threshold(input: Any, threshold: float, value: float, inplace: bool = False) -> Any:
    """x above a threshold, else a value."""
    return placed(input, where(input > threshold, input, value), inplace)


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """x, and a multiple of it where it is negative."""
    return placed(input, where(input > 0, input, input * negative_slope), inplace)


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """x, and α(eˣ - 1) where it is negative."""
    return placed(input, where(input > 0, input, alpha * apply(e.expm1, (clamp(input, max=0),))), inplace)


def celu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """x, and α(e^(x/α) - 1) where it is negative."""
    return placed(input, where(input > 0, input, alpha * apply(e.expm1, (clamp(input, max=0) / alpha,))), inplace)


def selu(input: Any, inplace: bool = False) -> Any:
    """elu, scaled so that mean 0 and variance 1 are kept."""
    alpha, scale = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
    return placed(input, scale * where(input > 0, input, alpha * apply(e.expm1, (clamp(input, max=0),))), inplace)


def gelu(input: Any, approximate: str = "none") -> Any:
    """x·Φ(x), with the normal distribution function Φ or its approximation by tanh."""
    if approximate == "tanh":
        inner = math.sqrt(2.0 / math.pi) * (input + 0.044715 * input**3)
        return 0.5 * input * (1.0 + tanh(inner))
    return input * 0.5 * (1.0 + POINTWISE["erf"](input * math.sqrt(0.5)))


def silu(input: Any, inplace: bool = False) -> Any:
    """x·σ(x)."""
    return placed(input, input * sigmoid(input), inplace)


def mish(input: Any, inplace: bool = False) -> Any:
    """x·tanh(softplus(x))."""
    return placed(input, input * tanh(softplus(input)), inplace)


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """log(1 + e^(βx))/β; x itself where βx is above the threshold."""
    scaled = input if beta == 1 else input * beta
    smooth = apply(e.softplus, (scaled,))
    smooth = smooth if beta == 1 else smooth / beta
    return where(scaled > threshold, input, smooth) if bool((scaled.value > threshold).any()) else smooth


def softsign(input: Any) -> Any:
    """x/(1 + |x|)."""
    return input / (1 + apply(e.absolute, (input,)))


def tanhshrink(input: Any) -> Any:
    """x - tanh(x)."""
    return input - tanh(input)


def logsigmoid(input: Any) -> Any:
    """log σ(x)."""
    return -apply(e.softplus, (-input,))


def hardsigmoid(input: Any, inplace: bool = False) -> Any:
    """x/6 + 1/2 between 0 and 1."""
    return placed(input, clamp(input / 6 + 0.5, 0, 1), inplace)


def softmin(input: Any, dim: int | None = None, dtype: Any = None) -> Any:
    """softmax(-x)."""
    return softmax(-input, dim, dtype=dtype)


def glu(input: Any, dim: int = -1) -> Any:
    """The first half times σ of the second."""
    first, second = input.chunk(2, dim)
    return first * sigmoid(second)


def _in_place(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with an underscore, which overwrites its argument."""

    def overwriting(input: Any, *arguments: Any) -> Any:
        return function(input, *arguments, inplace=True)

    return overwriting


FUNCTIONS: dict[str, Any] = {
    name: globals()[name]
    for name in "celu glu hardsigmoid relu relu6 selu sigmoid softmin softsign tanh tanhshrink threshold".split()
}
FUNCTIONS |= {
    "elu": shown_as("EluBackward0")(elu),
    "gelu": shown_as("GeluBackward0")(gelu),
    "hardtanh": shown_as("HardtanhBackward0")(hardtanh),
    "leaky_relu": shown_as("LeakyReluBackward0")(leaky_relu),
    "logsigmoid": shown_as("LogSigmoidBackward0")(logsigmoid),
    "mish": shown_as("MishBackward0")(mish),
    "silu": shown_as("SiluBackward0")(silu),
    "softplus": shown_as("SoftplusBackward0")(softplus),
}
FUNCTIONS |= {f"{name}_": _in_place(FUNCTIONS[name]) for name in "elu hardtanh leaky_relu relu selu threshold".split()}
