"""PyTorch's operators: in the usual case, one dtype or a Python number, nothing stands between them and the tape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.errors import ChainruleError, StandInNotImplementedError, StandInRuntimeError
from chainrule.op import REGISTRY
from chainrule.ops import elementwise as e
from chainrule.ops.contract import matmul as matmul_operation
from chainrule.tape import record
from chainrule.tensor import Tensor as CoreTensor
from chainrule.torch import dtypes
from chainrule.torch.from_data import DTYPES
from chainrule.torch.messages import broadcast_message, listed, reworded
from chainrule.torch.recording import apply, overwrite

__all__ = ["OPERATORS", "as_operand", "cast", "common", "in_place", "power", "product"]


def cast(tensor: Any, kind: dtypes.dtype) -> Any:
    """The tensor in another dtype; itself if it has that one."""
    if tensor.value.dtype == kind.numpy:
        return tensor
    return record(e.astype, (tensor,), {"dtype": kind.numpy})


def as_operand(value: Any) -> Any:
    """The other operand of an operator: a tensor or Python number, or NotImplemented (for an array: NumPy computes)."""
    if isinstance(value, CoreTensor):
        return value
    if isinstance(value, bool | int | float | complex):
        return value if type(value) in (bool, int, float, complex) else value.item()  # type: ignore[union-attr]
    return value.item() if isinstance(value, np.generic) else NotImplemented


def common(first: Any, second: Any, floating: bool = False) -> tuple[Any, Any]:
    """Two operands in the dtype of their result; with ``floating``, whole numbers become the default float."""
    kind = dtypes.result_type(first, second)
    if floating and not (kind.is_floating_point or kind.is_complex):
        kind = dtypes.get_default_dtype()
    pair = []
    for value in (first, second):
        if isinstance(value, CoreTensor):
            pair.append(cast(value, kind))
        elif kind.is_floating_point:
            pair.append(float(value))
        else:
            pair.append(value if kind.is_complex else np.asarray(value).astype(kind.numpy)[()])
    return pair[0], pair[1]


def _slow(operation: Any, name: str, first: Any, second: Any, floating: bool) -> Any:
    """An operator with operands of different types."""
    first, second = as_operand(first), as_operand(second)
    if first is NotImplemented or second is NotImplemented:
        return NotImplemented
    check = _CHECKS.get(name)
    if check is not None:
        check(first, second)
    return apply(operation, common(first, second, floating))


def _check_subtract(first: Any, second: Any) -> None:
    if all([isinstance(value, bool) or getattr(value, "dtype", None) is dtypes.bool_ for value in (first, second)]):
        raise StandInRuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` "
            "operator "
            "instead."
        )


def _check_power(base: Any, exponent: Any) -> None:
    if (
        isinstance(exponent, int)
        and exponent < 0
        and not dtypes.result_type(base).is_floating_point
        and isinstance(base, CoreTensor)
    ):
        raise StandInRuntimeError(
            "Integers to negative integer powers are not allowed.\nMake the base a float: x.float() ** -1."
        )


_CHECKS: dict[str, Callable[[Any, Any], None]] = {"subtract": _check_subtract, "power": _check_power}


def _operator(operation: Any, floating: bool = False) -> Callable[[Any, Any], Any]:
    """An operator of PyTorch's: the operation on operands of one type."""

    def method(self: Any, other: Any) -> Any:
        kind = type(other)
        dtype = self.value.dtype
        if kind is type(self):
            same = other.value.dtype is dtype and dtype.kind == "f"
        else:
            same = (kind is float or kind is int) and dtype.kind == "f"
        if not same:
            return _slow(operation, operation.name, self, other, floating)
        try:
            return record(operation, (self, other))
        except ChainruleError as problem:
            raise reworded(problem, (self, other)) from None

    return method


def _reflected(operation: Any, floating: bool = False) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        kind = type(other)
        if (kind is float or kind is int) and self.value.dtype.kind == "f":
            return record(operation, (other, self))
        return _slow(operation, operation.name, other, self, floating)

    return method


def _comparison(operation: Any) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        operand = as_operand(other)
        if operand is NotImplemented:
            return NotImplemented
        if isinstance(operand, CoreTensor) and operand.value.dtype != self.value.dtype:
            return apply(operation, common(self, operand))
        return apply(operation, (self, operand))

    return method


def _bitwise(operation: Any) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        operand = as_operand(other)
        if operand is NotImplemented:
            return NotImplemented
        if dtypes.result_type(self, operand).is_floating_point:
            name = dtypes.result_type(self, operand).scalar_name
            raise StandInNotImplementedError(
                f"\"{operation.name}_cpu\" not implemented for '{name}'\nBitwise operators take whole numbers and "
                "booleans."
            )
        return apply(operation, common(self, operand))

    return method


def in_place(function: Callable[..., Any]) -> Callable[..., Any]:
    """The method with an underscore: the tensor gets the result's value, and its history."""

    def method(self: Any, *arguments: Any, **options: Any) -> Any:
        result = function(self, *arguments, **options)
        return NotImplemented if result is NotImplemented else overwrite(self, result)

    method.__doc__ = function.__doc__
    return method


_add_method, _sub_method = _operator(e.add), _operator(e.subtract)
_mul_method, _div_method = _operator(e.multiply), _operator(e.divide, floating=True)
_power_method, _floor_method = _operator(e.power), _operator(e.floor_divide)
_mod_method = _operator(e.remainder)


def power(base: Any, exponent: Any) -> Any:
    """``base ** exponent``: the square is one operation, without a second factor to keep."""
    if (type(exponent) is int or type(exponent) is float) and exponent == 2 and base.value.dtype.kind == "f":
        return record(e.square, (base,))
    return _power_method(base, exponent)


def _matmul(self: Any, other: Any) -> Any:
    if type(other) is type(self):
        return product(self, other)
    operand = as_operand(other)
    return product(self, operand) if isinstance(operand, CoreTensor) else NotImplemented


def _reflected_matmul(self: Any, other: Any) -> Any:
    operand = as_operand(other)
    return product(operand, self) if isinstance(operand, CoreTensor) else NotImplemented


def _negative(self: Any) -> Any:
    if self.value.dtype.kind == "b":
        raise StandInRuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use "
            "the "
            "`~` or `logical_not()` operator instead."
        )
    return record(e.negative, (self,))


def product(first: Any, second: Any) -> Any:
    """The matrix product, of tensors with one or more dimensions each."""
    a, b = first.value, second.value
    rank = b.ndim
    if a.dtype is not b.dtype or not a.ndim or rank != 2 or a.shape[-1] != b.shape[0]:
        check_product(a, b)
    return record(matmul_operation, (first, second))


_C_NAMES = {
    "float32": "float",
    "float64": "double",
    "int64": "long int",
    "int32": "int",
    "bool": "bool",
    "uint8": "unsigned char",
}


def check_product(a: Any, b: Any) -> None:
    """Raise what PyTorch raises for arrays that cannot be multiplied."""
    if not a.ndim or not b.ndim:
        raise StandInRuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {a.ndim}D and {b.ndim}D\n"
            "Multiply by a number with *."
        )
    inner = b.shape[-2 if b.ndim > 1 else 0]
    shapes = (
        f"Shapes {listed(a.shape)} and {listed(b.shape)}: the last dimension of the first, {a.shape[-1]}, must equal "
    )
    shapes += f"the {'last but one' if b.ndim > 1 else 'only'} of the second, {inner}."
    if a.shape[-1] != inner:
        if a.ndim <= 2 and b.ndim == 1:
            if a.ndim == 1:
                message = (
                    f"inconsistent tensor size, expected tensor [{a.size}] and src [{b.size}] to have the same "
                    "number of "
                    f"elements, but got {a.size} and {b.size} elements respectively"
                )
            else:
                message = f"size mismatch, got input ({a.shape[0]}), mat ({a.shape[0]}x{a.shape[1]}), vec ({b.size})"
        elif (a.ndim <= 2 and b.ndim == 2) or b.ndim == 2:
            rows = int(np.prod(a.shape[:-1]))
            message = f"mat1 and mat2 shapes cannot be multiplied ({rows}x{a.shape[-1]} and {b.shape[0]}x{b.shape[1]})"
        else:
            batch = int(np.prod(b.shape[:-2]))
            message = (
                f"Expected size for first two dimensions of batch2 tensor to be: [{batch}, {a.shape[-1]}] but got: "
                f"[{batch}, {inner}]."
            )
        raise StandInRuntimeError(f"{message}\n{shapes}")
    rank = max(a.ndim, b.ndim) - 2
    batches = [(1,) * (rank - x.ndim + 2) + x.shape[:-2] for x in (a, b)] if min(a.ndim, b.ndim) > 1 else []
    if len(batches) == 2:
        message = broadcast_message(batches)
        if message:
            raise StandInRuntimeError(message)
    if a.dtype != b.dtype:
        first, second = DTYPES[a.dtype], DTYPES[b.dtype]
        if a.ndim == b.ndim == 1:
            found = f"{first.scalar_name} and {second.scalar_name}"
            message = f"dot : expected both vectors to have same dtype, but found {found}"
        else:
            names = [_C_NAMES.get(kind.name, kind.name) for kind in (first, second)]
            message = f"expected m1 and m2 to have the same dtype, but got: {names[0]} != {names[1]}"
        raise StandInRuntimeError(f"{message}\nConvert one of them: x.to({first}).")


OPERATORS: dict[str, Any] = {
    "__add__": _add_method,
    "__radd__": _reflected(e.add),
    "__sub__": _sub_method,
    "__rsub__": _reflected(e.subtract),
    "__mul__": _mul_method,
    "__rmul__": _reflected(e.multiply),
    "__truediv__": _div_method,
    "__rtruediv__": _reflected(e.divide, floating=True),
    "__floordiv__": _floor_method,
    "__rfloordiv__": _reflected(e.floor_divide),
    "__mod__": _mod_method,
    "__rmod__": _reflected(e.remainder),
    "__pow__": power,
    "__rpow__": _reflected(e.power),
    "__matmul__": _matmul,
    "__rmatmul__": _reflected_matmul,
    "__neg__": _negative,
    "__pos__": lambda self: self,
    "__eq__": _comparison(REGISTRY[np.equal]),
    "__ne__": _comparison(REGISTRY[np.not_equal]),
    "__lt__": _comparison(REGISTRY[np.less]),
    "__le__": _comparison(REGISTRY[np.less_equal]),
    "__gt__": _comparison(REGISTRY[np.greater]),
    "__ge__": _comparison(REGISTRY[np.greater_equal]),
    "__and__": _bitwise(REGISTRY[np.bitwise_and]),
    "__or__": _bitwise(REGISTRY[np.bitwise_or]),
    "__xor__": _bitwise(REGISTRY[np.bitwise_xor]),
    "__lshift__": _bitwise(REGISTRY[np.left_shift]),
    "__rshift__": _bitwise(REGISTRY[np.right_shift]),
    "__divmod__": lambda self, other: NotImplemented,
    "__rdivmod__": lambda self, other: NotImplemented,
}
OPERATORS |= {f"__r{name}__": OPERATORS[f"__{name}__"] for name in ("and", "or", "xor")}
OPERATORS |= {
    f"__i{name}__": in_place(OPERATORS[f"__{name}__"])
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor")
}
