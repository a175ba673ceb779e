"""What a check needs to know about the library whose tensors a notebook uses: one small protocol."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any, Protocol

import numpy as np

from chainrule.check.compare import Truth

__all__ = ["Backend", "Observer", "note_derivatives", "replace_while"]

Array = np.ndarray[Any, np.dtype[Any]]
# An operation happened: its name, its arguments, its result. Reading `x.grad` is the operation "grad" of x; a backward
# pass is "backward" of (root, cotangent or None).
Observer = Callable[[str, tuple[Any, ...], Any], None]


class Backend(Protocol):
    """A library of tensors with a tape, as the check sees it."""

    name: str

    def owns(self, value: object) -> bool:
        """Whether ``value`` is a tensor of this library."""

    def array(self, tensor: Any) -> tuple[Array, str, float]:
        """The tensor's numbers as a plain array, the name of its dtype and that dtype's spacing at 1."""

    def tracked(self, tensor: Any) -> bool:
        """Whether the tensor requires grad."""

    def leaf(self, tensor: Any) -> bool:
        """Whether the tensor was made by the user, not by an operation."""

    def leaves(self, output: Any) -> Sequence[Any]:
        """The leaves that require grad and that ``output`` depends on."""

    def seed(self, number: int) -> None:
        """Seed the library's random numbers."""

    def watch(self, observer: Observer) -> AbstractContextManager[None]:
        """Call ``observer`` for every operation, and keep the graph of every backward pass, while in the context."""

    def derivative(self, output: Any, argument: Any) -> Truth | None:
        """∂output/∂argument through the tape; None if there is no path, or the tape cannot be walked any more."""

    def loss(self, output: Any, cotangent: Any, argument: Any) -> Array | None:
        """Per unit of eps, what computing this gradient can lose; None when it is not known."""


def replace_while(undo: ExitStack, owner: Any, name: str, changed: Any) -> None:
    """Set an attribute for as long as ``undo`` is open."""
    undo.callback(setattr, owner, name, getattr(owner, name))
    setattr(owner, name, changed)


def note_derivatives(undo: ExitStack, observer: Observer, functional: Any, func: Any) -> None:
    """Have what PyTorch's two modules of differentiating functions return noted as gradients.

    ``functional`` holds functions that return derivatives, ``func`` transforms that return such functions.
    """
    for name in ("jacobian", "hessian", "vjp", "jvp", "hvp", "vhp"):
        if hasattr(functional, name):
            replace_while(undo, functional, name, noted(observer, getattr(functional, name)))
    for name in ("grad", "grad_and_value", "jacrev", "jacfwd", "hessian"):
        if hasattr(func, name):
            replace_while(undo, func, name, _makes_noted(observer, getattr(func, name)))
    for name in ("vjp", "jvp"):
        if hasattr(func, name):
            replace_while(undo, func, name, noted(observer, getattr(func, name)))


def noted(observer: Observer, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function; each result is a derivative, or a value and a derivative, or a value and a pullback."""

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        if isinstance(result, tuple) and len(result) > 1 and callable(result[1]) and not hasattr(result[1], "shape"):
            return (result[0], noted(observer, result[1]), *result[2:])
        observer("derivative", args, result)
        return result

    return called


def _makes_noted(observer: Observer, transform: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(transform)
    def called(*args: Any, **kwargs: Any) -> Any:
        return noted(observer, transform(*args, **kwargs))

    return called
