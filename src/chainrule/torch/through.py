"""NumPy's functions under PyTorch's names, and PyTorch's tensors under NumPy's functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.errors import ChainruleError
from chainrule.tape import notify
from chainrule.tensor import Tensor as CoreTensor
from chainrule.torch.messages import reworded
from chainrule.torch.tensors import Tensor, methods

__all__ = ["own", "through", "twin"]


def twin(value: Any) -> Any:
    """The same tensor for NumPy's functions: chainrule's own class. Lists and tuples are searched."""
    if isinstance(value, Tensor):
        vertex = value.vertex
        return CoreTensor(value.value, vertex, vertex is not None)
    if isinstance(value, list | tuple):
        return [twin(item) for item in value] if type(value) is list else tuple([twin(item) for item in value])
    return value


def own(result: Any) -> Any:
    """What a NumPy function returned, as the façade's tensors."""
    if isinstance(result, CoreTensor):
        vertex = result.vertex
        return result if isinstance(result, Tensor) else Tensor(result.value, vertex, vertex is not None)
    if isinstance(result, list | tuple):
        return tuple([own(item) for item in result])
    return Tensor(np.asarray(result), None) if isinstance(result, np.ndarray | np.generic) else result


def through(name: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call one of NumPy's functions on the tensors, as chainrule differentiates it."""
    try:
        result = own(function(*[twin(argument) for argument in arguments], **options))
    except (ChainruleError, IndexError) as problem:
        raise reworded(problem, arguments) from None
    notify(name, arguments, result)
    return result


REFLECTED = {
    np.add: "__radd__",
    np.subtract: "__rsub__",
    np.multiply: "__rmul__",
    np.true_divide: "__rtruediv__",
    np.floor_divide: "__rfloordiv__",
    np.power: "__rpow__",
    np.remainder: "__rmod__",
    np.less: "__gt__",
    np.less_equal: "__ge__",
    np.greater: "__lt__",
    np.greater_equal: "__le__",
    np.equal: "__eq__",
    np.not_equal: "__ne__",
}


def plain(value: Any) -> Any:
    """An argument of a NumPy function as an array; an error if it requires grad."""
    if isinstance(value, Tensor):
        return value.__array__()
    return type(value)([plain(item) for item in value]) if isinstance(value, list | tuple) else value


def array_ufunc(self: Any, function: Any, method: str, *inputs: Any, **options: Any) -> Any:
    """A NumPy ufunc: computed on arrays, its result a tensor; for a number of NumPy's on the left, the operator."""
    # In a comparison NumPy hands its number over as an array without axes.
    number = isinstance(inputs[0], np.generic | np.ndarray) and not inputs[0].ndim
    if method == "__call__" and len(inputs) == 2 and number and function in REFLECTED:
        return getattr(self, REFLECTED[function])(inputs[0].item())  # np.float64(2) * x
    result = getattr(function, method)(*[plain(value) for value in inputs], **options)
    return own(result)


def array_function(self: Any, function: Any, types: Any, arguments: Any, options: Any) -> Any:
    """Another NumPy function: computed on arrays."""
    return function(*plain(arguments), **{name: plain(value) for name, value in options.items()})


def register_hook(self: Any, hook: Callable[[Any], Any]) -> Any:
    """Call ``hook(gradient)`` when the gradient is known; what it returns (if not None) replaces it."""
    try:
        return CoreTensor.register_hook(self, lambda gradient: hook(own(gradient)))
    except ChainruleError as problem:
        raise reworded(problem) from None


methods(__array_ufunc__=array_ufunc, __array_function__=array_function, register_hook=register_hook)
