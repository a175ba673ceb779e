"""A copy of a function of another library's arrays that computes with NumPy, so that it can be followed.

The code stays as it is; in the copy, the library's modules are NumPy (or what bears PyTorch's names here), and its
arrays, wherever the code reads them, are NumPy's. What a derivative of the user's own is attached to
(`jax.custom_vjp`, `torch.autograd.Function`) is followed as the forward computation that it is. Whether the copy
computes the same is for whoever uses it to see.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Container
from functools import wraps
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from chainrule.check.function.foreign import is_foreign, library_of, plain
from chainrule.tape import Tracked
from chainrule.transforms.guard import Reads
from chainrule.transforms.transplant import Transplant

__all__ = ["bare", "twin"]

_WRAPPINGS = 8  # functions around a function that are looked through


def twin(function: Callable[..., Any], libraries: Container[str]) -> Callable[..., Any]:
    """The copy; ``libraries`` are those of the arrays that the function takes.

    It takes NumPy's arrays; it may raise anything if the code needs what there is no counterpart of.
    """
    inner = bare(function)
    made: Callable[..., Any] = _Twins(Reads(inner)).of(inner)
    return _with_torch(made) if "torch" in libraries else made


def bare(function: Any) -> Callable[..., Any]:
    """The function that a library has wrapped: the forward computation alone."""
    for _ in range(_WRAPPINGS):
        owner = getattr(function, "__self__", None)
        if isinstance(owner, type) and getattr(function, "__name__", "") == "apply" and hasattr(owner, "forward"):
            return _forward(owner)
        inner = getattr(function, "__wrapped__", None) or getattr(function, "fun", None)
        if not callable(inner):
            break
        function = inner
    found: Callable[..., Any] = function
    return found


def _forward(owner: Any) -> Callable[..., Any]:
    """The forward computation of a `torch.autograd.Function`, which may have a context to keep things in."""
    forward: Callable[..., Any] = owner.forward
    signature = inspect.signature(forward)
    parameters = list(signature.parameters.values())
    if hasattr(owner, "setup_context") and owner.setup_context is not getattr(owner.__base__, "setup_context", None):
        return forward

    def without_context(*arguments: Any) -> Any:
        return forward(SimpleNamespace(**dict.fromkeys(_KEEPING, _nothing)), *arguments)

    without_context.__signature__ = signature.replace(parameters=parameters[1:])  # type: ignore[attr-defined]
    return without_context


_KEEPING = ("save_for_backward", "save_for_forward", "mark_non_differentiable", "set_materialize_grads")


def _nothing(*_: Any) -> None:
    return None


def _with_torch(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of tensors that have PyTorch's methods."""
    kind = import_module("chainrule.torch").Tensor

    @wraps(function)
    def called(*arguments: Any, **options: Any) -> Any:
        made = [_turned(kind, value) for value in arguments]
        return function(*made, **{name: _turned(kind, value) for name, value in options.items()})

    return called


def _turned(kind: Any, value: Any) -> Any:
    return kind(value.value, value.vertex, value.tracked) if isinstance(value, Tracked) else value


class _Twins(Transplant):
    """Copies with NumPy in the place of other libraries."""

    def __init__(self, reads: Reads) -> None:
        super().__init__(reads, lambda array: array)

    def _of(self, value: Any) -> Any:
        if isinstance(value, ModuleType):
            return _module(value)
        if is_foreign(value) and not isinstance(value, type):
            array = np.asarray(plain(value))
            return import_module("chainrule.torch").from_numpy(array.copy()) if library_of(value) == "torch" else array
        if callable(value) and not inspect.isclass(value):
            other = _function(value)
            if other is not None:
                return other
        inner = _without_derivative(value)
        return super()._of(value) if inner is value else _Twins(Reads(inner)).of(inner)


def _without_derivative(value: Any) -> Any:
    """What bears a derivative of the user's own, as the forward computation that it is."""
    if isinstance(value, type) and hasattr(value, "apply") and hasattr(value, "forward"):
        return SimpleNamespace(apply=_forward(value))
    owner = getattr(value, "__self__", None)
    return bare(value) if isinstance(owner, type) or _is_of("jax", type(value)) else value


def _is_of(library: str, value: Any) -> bool:
    return str(getattr(value, "__module__", "")).partition(".")[0] == library


def _module(module: ModuleType) -> Any:
    """What stands for a module of another library."""
    library, _, rest = module.__name__.partition(".")
    found: Any = {"torch": None, "jax": _JAX}.get(library, module)
    if found is module:
        return module
    found = import_module("chainrule.torch") if found is None else found
    for part in rest.split(".") if rest else ():
        found = getattr(found, part)
    return found


def _function(value: Any) -> Any:
    """What stands for a function of another library, which code may have imported by its name."""
    name = getattr(value, "__name__", "")
    for module, other in (("jax.numpy", np), ("jax.nn", _NN)):
        if getattr(sys.modules.get(module), name, None) is value:
            return getattr(other, name, None)
    return getattr(import_module("chainrule.torch"), name, None) if _is_of("torch", value) else None


def _softmax(x: Any, axis: Any = -1) -> Any:
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def _log_softmax(x: Any, axis: Any = -1) -> Any:
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


_NN = SimpleNamespace(
    relu=lambda x: np.maximum(x, 0),
    sigmoid=lambda x: 1 / (1 + np.exp(-x)),
    softplus=lambda x: np.logaddexp(x, 0),
    silu=lambda x: x / (1 + np.exp(-x)),
    softmax=_softmax,
    log_softmax=_log_softmax,
    one_hot=lambda labels, classes: np.eye(classes)[np.asarray(labels)],
)
_JAX = SimpleNamespace(numpy=np, nn=_NN, jit=lambda function, **_: function)
