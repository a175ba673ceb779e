"""``nn.Parameter``: a tensor that a module owns and that requires grad."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.torch.construct import finished
from chainrule.torch.tensors import Tensor

__all__ = ["Buffer", "Parameter"]


class Parameter(Tensor):
    """A tensor that, as an attribute of a module, is one of its ``parameters()``; it shares the memory of ``data``.

    What is computed from it is a plain tensor.
    """

    __module__ = "torch.nn.parameter"

    def __new__(cls, data: Any = None, requires_grad: Any = True, tracked: bool = False) -> Any:
        """A parameter; for the tape, which calls it with an array, a plain tensor."""
        if isinstance(data, np.ndarray):
            return Tensor(data, None if isinstance(requires_grad, bool) else requires_grad, tracked)
        return super().__new__(cls)

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        value = np.zeros(0, np.float32) if data is None else data.value
        checked = finished(value, requires_grad)
        super().__init__(value, None, checked.tracked)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"

    def __copy__(self) -> Any:
        return Parameter(Tensor(self.value, None), self.tracked)

    def __deepcopy__(self, memo: Any) -> Any:
        made = Parameter(Tensor(self.value.copy(), None), self.tracked)
        memo[id(self)] = made
        return made

    def __reduce__(self) -> Any:
        return (_restored, (self.value, self.requires_grad))


def _restored(value: Any, requires_grad: bool) -> Parameter:
    return Parameter(Tensor(value, None), requires_grad)


def Buffer(data: Any, persistent: bool = True) -> Any:
    """A tensor that a module keeps but does not learn."""
    return data
