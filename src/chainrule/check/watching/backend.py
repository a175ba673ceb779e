"""What a check needs to know about the library whose tensors a notebook uses: one small protocol."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any, Protocol

import numpy as np

from chainrule.check.verdicts.compare import Truth
from chainrule.explain.computation import Computation

__all__ = ["Backend", "Observer", "note_functions", "note_transforms", "replace_while"]

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

    def loss(self, output: Any, cotangent: Any, argument: Any, off: Array | None = None) -> Array | None:
        """Per unit of eps, what computing this gradient can lose; None when it is not known.

        ``off`` is how far a claim is off: where no rounding could do that, what is lost need not be known closely.
        """

    def bind(self, name: str, value: Any, lent: bool = False) -> None:
        """A variable of the notebook got a value; where results are remembered, so are their names.

        ``lent`` says that it is the variable of a loop, which is as good as no name.
        """

    def guard(self, output: Any) -> float:
        """The largest of the tiny constants on the way to ``output``, like the 1e-12 in `log(p + 1e-12)`; 0 if none."""

    def is_by_hand(self, output: Any) -> bool:
        """Whether a derivative that the user wrote is on the way to ``output``."""

    def name_of(self, tensor: Any) -> str:
        """What the notebook's functions called a tensor; empty if that is not known."""

    def given(self, output: Any, cotangent: Any, argument: Any, known: Sequence[tuple[Any, Array]]) -> Array | None:
        """The gradient by ``argument`` if those by the tensors in ``known`` were as they are said to be."""

    def computation(self, output: Any, scope: Mapping[str, Any]) -> Computation | None:
        """The steps that led to ``output``, named after the variables in ``scope``; None if they are not known."""


def replace_while(undo: ExitStack, owner: Any, name: str, changed: Any) -> None:
    """Set an attribute for as long as ``undo`` is open."""
    undo.callback(setattr, owner, name, getattr(owner, name))
    setattr(owner, name, changed)


def note_functions(undo: ExitStack, observer: Observer, module: Any, names: Iterable[str]) -> None:
    """Have what a module's functions return noted: derivatives, values with derivatives, values with pullbacks.

    Of a pair, the second is the derivative: ``vjp`` gives ``(value, gradient)``.
    """
    for name in names:
        if hasattr(module, name):
            replace_while(undo, module, name, noted(observer, getattr(module, name), 1))


def note_transforms(undo: ExitStack, observer: Observer, module: Any, names: Mapping[str, int | None]) -> None:
    """Have what the functions that a module's transforms return give noted; a name's number is its place in a pair."""
    for name, place in names.items():
        if hasattr(module, name):
            replace_while(undo, module, name, _makes_noted(observer, getattr(module, name), place))


def noted(observer: Observer, function: Callable[..., Any], place: int | None) -> Callable[..., Any]:
    """The function, whose result, or whose result's part at ``place``, is noted as a derivative."""

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        paired = place is not None and isinstance(result, tuple) and len(result) > 1
        if paired and callable(result[1]) and not hasattr(result[1], "shape"):
            return (result[0], noted(observer, result[1], None), *result[2:])
        observer("derivative", args, result[place or 0] if paired else result)
        return result

    return called


def _makes_noted(observer: Observer, transform: Callable[..., Any], place: int | None) -> Callable[..., Any]:
    @functools.wraps(transform)
    def called(*args: Any, **kwargs: Any) -> Any:
        return noted(observer, transform(*args, **kwargs), place)

    return called
