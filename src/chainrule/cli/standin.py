"""Watches chainrule under its own names, and standing in for PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import chainrule
from chainrule import torch as facade
from chainrule.check.watching.backend import Observer, note_functions, note_transforms, replace_while
from chainrule.check.watching.tape import Tape

__all__ = ["StandIn"]

FUNCTIONAL = ("jacobian", "hessian", "vjp", "jvp", "hvp", "vhp")
TRANSFORMS = {"grad": None, "grad_and_value": 0, "jacrev": None, "jacfwd": None, "hessian": None}


class StandIn(Tape):
    """chainrule's tensors, with the functions that differentiate: its own, and those under PyTorch's names."""

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
            note_functions(undo, observer, facade.autograd.functional, FUNCTIONAL)
            note_functions(undo, observer, facade.func, ("vjp", "jvp"))
            note_transforms(undo, observer, facade.func, TRANSFORMS)
            note_functions(undo, observer, chainrule, ("vjp", "jvp", "hvp"))
            note_transforms(undo, observer, chainrule, {"grad": None, "value_and_grad": 1})
            note_functions(undo, observer, chainrule.Jacobian, ("dense",))
            yield
