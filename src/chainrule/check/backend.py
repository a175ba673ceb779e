"""What a check needs to know about the library whose tensors a notebook uses: one small protocol."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np

from chainrule.check.compare import Truth

__all__ = ["Backend", "Observer"]

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
