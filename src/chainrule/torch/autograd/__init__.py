"""``torch.autograd``: gradients, custom functions, and the switches of recording."""

from __future__ import annotations

from chainrule.torch.autograd import function, functional
from chainrule.torch.autograd.function import Function
from chainrule.torch.autograd.gradcheck import gradcheck, gradgradcheck
from chainrule.torch.autograd.gradients import (
    backward,
    enable_grad,
    grad,
    inference_mode,
    no_grad,
    set_detect_anomaly,
    set_grad_enabled,
)
from chainrule.torch.autograd.variable import Variable
from chainrule.torch.messages import absent

__all__ = [
    "Function",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "function",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]

detect_anomaly = set_detect_anomaly


def __getattr__(name: str) -> object:
    raise absent(f"module 'torch.autograd' has no attribute {name!r}", name, __all__)
