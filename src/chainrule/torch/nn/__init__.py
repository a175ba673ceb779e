"""``torch.nn``: modules, layers, activations, losses."""

from __future__ import annotations

from chainrule.torch.messages import absent
from chainrule.torch.nn import functional, init, layers, module, parameter, utils
from chainrule.torch.nn.containers import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from chainrule.torch.nn.layers import MODULES
from chainrule.torch.nn.module import Module
from chainrule.torch.nn.parameter import Buffer, Parameter

modules = layers

__all__ = [
    "Buffer",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "Sequential",
    "functional",
    "init",
    "module",
    "modules",
    "parameter",
    "utils",
]
__all__.extend(MODULES)
globals().update(MODULES)


def __getattr__(name: str) -> object:
    raise absent(f"module 'torch.nn' has no attribute {name!r}", name, __all__)
