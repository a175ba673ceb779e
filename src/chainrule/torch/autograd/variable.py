"""``autograd.Variable``: the tensor under its name of old notebooks.

>>> from chainrule.torch.tensors import Tensor
>>> Variable(Tensor([1.0, 2.0]), requires_grad=True)
tensor([1., 2.], requires_grad=True)
>>> isinstance(Tensor([1.0]), Variable)
True
"""

from __future__ import annotations

from typing import Any

from chainrule.torch.construct import finished
from chainrule.torch.pointwise import tensor_of
from chainrule.torch.tensors import Tensor

__all__ = ["Variable"]


class VariableMeta(type):
    """Every tensor is a variable; making one gives a tensor that shares the data."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, Tensor)

    def __call__(cls, data: Any, requires_grad: bool = False, volatile: bool = False) -> Any:
        return finished(tensor_of(data, "Variable", "data").value, requires_grad)


class Variable(metaclass=VariableMeta):
    """A tensor."""

    __module__ = "torch.autograd.variable"
