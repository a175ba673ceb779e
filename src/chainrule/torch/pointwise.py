"""Functions of each element: PyTorch's names for NumPy's, with PyTorch's dtypes.

Whole numbers become the default float where the result is not whole. Each is a method as well, and with an underscore
works in place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.errors import StandInRuntimeError
from chainrule.op import REGISTRY
from chainrule.ops import elementwise as e
from chainrule.ops import special_error
from chainrule.tape import notify, record
from chainrule.torch import dtypes
from chainrule.torch.graph import shown_as
from chainrule.torch.messages import not_a_tensor
from chainrule.torch.operators import as_operand, cast, common, in_place
from chainrule.torch.recording import apply, overwrite
from chainrule.torch.tensors import Tensor, methods
from chainrule.torch.through import through

__all__ = [
    "add",
    "addcdiv",
    "addcmul",
    "allclose",
    "clamp",
    "clip",
    "div",
    "divide",
    "equal",
    "isclose",
    "lerp",
    "mul",
    "multiply",
    "pow",
    "remainder",
    "sub",
    "subtract",
    "true_divide",
    "where",
]


def tensor_of(value: Any, function: str, argument: str = "input", position: int = 1) -> Any:
    """A tensor argument, checked."""
    if not isinstance(value, Tensor):
        raise not_a_tensor(function, argument, position, value)
    return value


def floats(tensor: Any) -> Any:
    """The tensor in floating-point numbers: whole ones become the default dtype."""
    return tensor if tensor.value.dtype.kind in "fc" else cast(tensor, dtypes.get_default_dtype())


def unary(name: str, operation: Any, floating: bool = True) -> Callable[..., Any]:
    """A function of one tensor."""

    def function(input: Any, *, out: Any = None) -> Any:
        if type(input) is Tensor and out is None and input.value.dtype.kind == "f":  # nothing can go wrong
            return record(operation, (input,))
        tensor = tensor_of(input, name)
        result = apply(operation, (floats(tensor) if floating else tensor,))
        return result if out is None else overwrite(out, result)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"``{operation.name}`` of each element."
    return function


_FLOATING = {
    "acos": e.arccos,
    "acosh": e.arccosh,
    "asin": e.arcsin,
    "asinh": e.arcsinh,
    "atan": e.arctan,
    "atanh": e.arctanh,
    "arccos": e.arccos,
    "arcsin": e.arcsin,
    "arctan": e.arctan,
    "cos": e.cos,
    "cosh": e.cosh,
    "deg2rad": e.deg2rad,
    "erf": special_error.erf,
    "exp": e.exp,
    "exp2": e.exp2,
    "expm1": e.expm1,
    "log": e.log,
    "log10": e.log10,
    "log1p": e.log1p,
    "log2": e.log2,
    "rad2deg": e.rad2deg,
    "reciprocal": e.reciprocal,
    "sigmoid": e.sigmoid,
    "sin": e.sin,
    "sinc": e.sinc,
    "sinh": e.sinh,
    "sqrt": e.sqrt,
    "tan": e.tan,
    "tanh": e.tanh,
}
_KEEPING = {
    "abs": e.absolute,
    "absolute": e.absolute,
    "ceil": e.ceil,
    "fix": e.trunc,
    "floor": e.floor,
    "isfinite": REGISTRY[np.isfinite],
    "isinf": REGISTRY[np.isinf],
    "isnan": REGISTRY[np.isnan],
    "logical_not": REGISTRY[np.logical_not],
    "negative": e.negative,
    "positive": e.positive,
    "relu": e.relu,
    "sign": e.sign,
    "signbit": REGISTRY[np.signbit],
    "square": e.square,
    "trunc": e.trunc,
}
UNARY = {name: unary(name, operation) for name, operation in _FLOATING.items()}
UNARY |= {name: unary(name, operation, floating=False) for name, operation in _KEEPING.items()}


def neg(input: Any) -> Any:
    """``-x``."""
    return -tensor_of(input, "neg")


def bitwise_not(input: Any) -> Any:
    """``~x``: the other truth value, or the other bits."""
    return ~tensor_of(input, "bitwise_not")


def rsqrt(input: Any) -> Any:
    """``1 / sqrt(x)``."""
    return apply(e.reciprocal, (apply(e.sqrt, (floats(tensor_of(input, "rsqrt")),)),))


def frac(input: Any) -> Any:
    """What is behind the point."""
    return input - apply(e.trunc, (tensor_of(input, "frac"),))


def logit(input: Any, eps: float | None = None) -> Any:
    """``log(x / (1 - x))``, of ``x`` kept between ``eps`` and ``1 - eps``."""
    x = floats(tensor_of(input, "logit"))
    x = x if eps is None else clamp(x, eps, 1 - eps)
    return apply(e.log, (x / (1 - x),))


def round(input: Any, *, decimals: int = 0) -> Any:
    """The nearest whole number, or the nearest with so many decimals; halves go to the even one."""
    if decimals:
        scale = 10.0**decimals
        return apply(e.rint, (tensor_of(input, "round") * scale,)) / scale
    return apply(e.rint, (tensor_of(input, "round"),))


def binary(name: str, operator: str, reflected: str | None = None) -> Callable[..., Any]:
    """A function that is an operator."""

    def function(input: Any, other: Any) -> Any:
        if isinstance(input, Tensor):
            result = getattr(Tensor, operator)(input, other)
        elif isinstance(other, Tensor) and reflected is not None:
            result = getattr(Tensor, reflected)(other, input)
        else:
            raise not_a_tensor(name, "input", 1, input)
        if result is NotImplemented:
            raise not_a_tensor(name, "other", 2, other)
        return result

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"``{operator.strip('_')}`` of each pair of elements."
    return function


mul = multiply = binary("mul", "__mul__", "__rmul__")
pow = binary("pow", "__pow__", "__rpow__")
remainder = binary("remainder", "__mod__", "__rmod__")
floor_divide = binary("floor_divide", "__floordiv__", "__rfloordiv__")
eq, ne = binary("eq", "__eq__"), binary("ne", "__ne__")
lt, le = binary("lt", "__lt__"), binary("le", "__le__")
gt, ge = binary("gt", "__gt__"), binary("ge", "__ge__")
bitwise_and = binary("bitwise_and", "__and__", "__rand__")
bitwise_or = binary("bitwise_or", "__or__", "__ror__")
bitwise_xor = binary("bitwise_xor", "__xor__", "__rxor__")
_add = binary("add", "__add__", "__radd__")
_sub = binary("sub", "__sub__", "__rsub__")
_div = binary("div", "__truediv__", "__rtruediv__")


def add(input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Any:
    """``input + alpha * other``."""
    result = _add(input, other if alpha == 1 else other * alpha)
    return result if out is None else overwrite(out, result)


def sub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """``input - alpha * other``."""
    return _sub(input, other if alpha == 1 else other * alpha)


subtract = sub


def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """``other - alpha * input``."""
    return other - (input if alpha == 1 else input * alpha)


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """``input / other``, rounded to a whole number if ``rounding_mode`` is "floor" or "trunc"."""
    if rounding_mode is None:
        return _div(input, other)
    if rounding_mode == "floor":
        return floor_divide(input, other)
    if rounding_mode != "trunc":
        raise StandInRuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    quotient = apply(e.trunc, (_div(input, other),))
    kind = dtypes.result_type(input, other)
    return quotient if kind.is_floating_point else cast(quotient, kind)


divide = true_divide = div


def pair(name: str, operation: Any, floating: bool = True) -> Callable[..., Any]:
    """A function of two tensors (or numbers), in their common dtype."""

    def function(input: Any, other: Any) -> Any:
        first, second = as_operand(input), as_operand(other)
        if not isinstance(first, Tensor) and not isinstance(second, Tensor):
            raise not_a_tensor(name, "input", 1, input)
        if second is NotImplemented or first is NotImplemented:
            raise not_a_tensor(name, "other", 2, other)
        return apply(operation, common(first, second, floating))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"``{operation.name}`` of each pair of elements."
    return function


PAIRS = {
    "atan2": pair("atan2", e.arctan2),
    "arctan2": pair("arctan2", e.arctan2),
    "copysign": pair("copysign", e.copysign),
    "float_power": pair("float_power", e.float_power),
    "fmax": pair("fmax", e.fmax, False),
    "fmin": pair("fmin", e.fmin, False),
    "fmod": pair("fmod", e.fmod, False),
    "heaviside": pair("heaviside", e.heaviside),
    "hypot": pair("hypot", e.hypot),
    "logaddexp": pair("logaddexp", e.logaddexp),
    "logaddexp2": pair("logaddexp2", e.logaddexp2),
    "logical_and": pair("logical_and", REGISTRY[np.logical_and], False),
    "logical_or": pair("logical_or", REGISTRY[np.logical_or], False),
    "logical_xor": pair("logical_xor", REGISTRY[np.logical_xor], False),
    "maximum": pair("maximum", e.maximum, False),
    "minimum": pair("minimum", e.minimum, False),
}


def clamp(input: Any, min: Any = None, max: Any = None) -> Any:
    """Each element kept between ``min`` and ``max``."""
    tensor = tensor_of(input, "clamp")
    if min is None and max is None:
        raise StandInRuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    for operation, bound in ((e.clip_below, min), (e.clip_above, max)):
        if bound is not None:
            tensor = apply(operation, common(tensor, as_operand(bound)))
    return tensor


clip = clamp


def clamp_min(input: Any, min: Any) -> Any:
    """Each element, or ``min`` if it is smaller."""
    return clamp(input, min, None)


def clamp_max(input: Any, max: Any) -> Any:
    """Each element, or ``max`` if it is larger."""
    return clamp(input, None, max)


def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """``input`` where the condition holds, else ``other``; with the condition alone, the positions where it holds."""
    if input is None and other is None:
        return tuple([Tensor(place, None) for place in np.nonzero(condition.value)])
    mask = tensor_of(condition, "where", "condition")
    if mask.value.dtype.kind != "b":
        raise StandInRuntimeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {mask.dtype.scalar_name}\n"
            "Write a comparison: x > 0, or x.bool()."
        )
    first, second = as_operand(input), as_operand(other)
    kind = dtypes.result_type(first, second)
    chosen = []
    for value in (first, second):
        chosen.append(cast(value, kind) if isinstance(value, Tensor) else np.asarray(value, kind.numpy))
    return apply(e.where, (mask, *chosen))


def lerp(input: Any, end: Any, weight: Any) -> Any:
    """``input + weight * (end - input)``."""
    return input + weight * (end - input)


def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """``input + value * tensor1 * tensor2``."""
    return input + (tensor1 * tensor2 if value == 1 else value * (tensor1 * tensor2))


def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """``input + value * tensor1 / tensor2``."""
    return input + (tensor1 / tensor2 if value == 1 else value * (tensor1 / tensor2))


def nan_to_num(input: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Any:
    """Each element, with numbers for nan and for the infinities."""
    return through("nan_to_num", np.nan_to_num, input, nan=nan, posinf=posinf, neginf=neginf)


# --- comparisons of whole tensors ---


def same_dtype(first: Any, second: Any, function: str) -> None:
    """Raise unless two tensors have one dtype."""
    if first.value.dtype != second.value.dtype:
        raise StandInRuntimeError(
            f"{first.dtype.scalar_name} did not match {second.dtype.scalar_name}\n"
            f"{function} compares tensors of one dtype: convert one of them, x.to({second.dtype})."
        )


def isclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    """Where ``|input - other| <= atol + rtol * |other|``."""
    first, second = tensor_of(input, "isclose"), tensor_of(other, "isclose", "other", 2)
    same_dtype(first, second, "isclose")
    return through("isclose", np.isclose, first.detach(), second.detach(), rtol=rtol, atol=atol, equal_nan=equal_nan)


def allclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether ``|input - other| <= atol + rtol * |other|`` everywhere."""
    first, second = tensor_of(input, "allclose"), tensor_of(other, "allclose", "other", 2)
    same_dtype(first, second, "allclose")
    result = bool(np.isclose(first.value, second.value, rtol=rtol, atol=atol, equal_nan=equal_nan).all())
    notify("allclose", (input, other), result)
    return result


def equal(input: Any, other: Any) -> bool:
    """Whether two tensors have the same shape and elements."""
    first, second = tensor_of(input, "equal"), tensor_of(other, "equal", "other", 2)
    result = bool(first.value.shape == second.value.shape and np.array_equal(first.value, second.value))
    notify("equal", (input, other), result)
    return result


@shown_as("MaskedFillBackward0")
def masked_fill(input: Any, mask: Any, value: Any) -> Any:
    """The tensor with ``value`` where the mask is true."""
    if mask.value.dtype.kind != "b":
        raise StandInRuntimeError(
            f"masked_fill_ only supports boolean masks, but got mask with dtype {mask.dtype.scalar_name}"
        )
    filling = cast(value, input.dtype) if isinstance(value, Tensor) else np.asarray(value, input.value.dtype)
    return apply(e.where, (mask, filling, input))


_NAMED: dict[str, Any] = {
    "neg": neg,
    "bitwise_not": bitwise_not,
    "rsqrt": rsqrt,
    "frac": frac,
    "logit": logit,
    "round": round,
    "mul": mul,
    "multiply": mul,
    "pow": pow,
    "remainder": remainder,
    "floor_divide": floor_divide,
    "eq": eq,
    "ne": ne,
    "not_equal": ne,
    "lt": lt,
    "less": lt,
    "le": le,
    "less_equal": le,
    "gt": gt,
    "greater": gt,
    "ge": ge,
    "greater_equal": ge,
    "bitwise_and": bitwise_and,
    "bitwise_or": bitwise_or,
    "bitwise_xor": bitwise_xor,
    "add": add,
    "sub": sub,
    "subtract": sub,
    "div": div,
    "divide": div,
    "true_divide": div,
    "clamp": clamp,
    "clip": clamp,
    "clamp_min": clamp_min,
    "clamp_max": clamp_max,
    "lerp": lerp,
    "addcmul": addcmul,
    "addcdiv": addcdiv,
    "nan_to_num": nan_to_num,
    "masked_fill": masked_fill,
}
_METHODS: dict[str, Any] = {**UNARY, **PAIRS, **_NAMED, "isclose": isclose, "allclose": allclose, "equal": equal}
FUNCTIONS: dict[str, Any] = {**_METHODS, "rsub": rsub, "where": where}


def where_method(self: Any, condition: Any, other: Any) -> Any:
    """The tensor where the condition holds, else ``other``."""
    return where(condition, self, other)


methods(**_METHODS, where=where_method)
methods(**{f"{name}_": in_place(function) for name, function in {**UNARY, **PAIRS, **_NAMED}.items()})
