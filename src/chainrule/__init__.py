"""Automatic differentiation for NumPy in which every Jacobian is kept in the form a person would write."""

from chainrule import errors
from chainrule.linear.jacobian import Jacobian
from chainrule.ops.custom import define
from chainrule.tensor import Tensor, enable_grad, no_grad, ones, set_grad_enabled, tensor, zeros
from chainrule.transforms.gradient import grad, value_and_grad
from chainrule.transforms.jacobian import hessian, jacobian, tape_jacobian
from chainrule.transforms.products import hvp, jvp, linearize, vjp

__version__ = "0.1.0"

__all__ = [
    "Jacobian",
    "Tensor",
    "define",
    "enable_grad",
    "errors",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "linearize",
    "no_grad",
    "ones",
    "set_grad_enabled",
    "tape_jacobian",
    "tensor",
    "value_and_grad",
    "vjp",
    "zeros",
]
