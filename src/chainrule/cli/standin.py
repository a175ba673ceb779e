"""Watches a notebook whose `import torch` finds chainrule standing in for PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from chainrule import torch as facade
from chainrule.check.backend import Observer, note_derivatives, replace_while
from chainrule.check.tape import Tape

__all__ = ["StandIn"]


class StandIn(Tape):
    """chainrule's tensors under PyTorch's names: its functions that differentiate are noticed too."""

    def __init__(self) -> None:
        super().__init__(facade.manual_seed)

    @contextmanager
    def watch(self, observer: Observer) -> Iterator[None]:
        """See every operation, every backward pass, and every derivative that a function returns."""
        grad = facade.autograd.grad

        def noticed(outputs: Any, inputs: Any, grad_outputs: Any = None, *args: Any, **kwargs: Any) -> Any:
            result = grad(outputs, inputs, grad_outputs, *args, **kwargs)
            observer("gradient", (outputs, inputs, grad_outputs), result)
            return result

        with ExitStack() as undo, super().watch(observer):
            replace_while(undo, facade.autograd, "grad", noticed)
            note_derivatives(undo, observer, facade.autograd.functional, facade.func)
            yield
