"""PyTorch's names, standing in: what teaching notebooks use of PyTorch, on NumPy and chainrule's derivatives.

>>> x = tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> loss = (x**2).mean()
>>> loss.backward()
>>> x.grad
tensor([0.6667, 1.3333, 2.0000])

`install` lets ``import torch`` find this package where PyTorch is not installed.
"""

from __future__ import annotations

from typing import Any

from chainrule.torch import autograd, func, linalg, nn, optim, random, utils
from chainrule.torch.install import install, uninstall
from chainrule.torch.messages import absent
from chainrule.torch.names import NAMES

__all__ = ["autograd", "func", "install", "linalg", "nn", "optim", "random", "uninstall", "utils"]
__all__.extend(NAMES)
globals().update(NAMES)  # last: some of them, such as `tensor` and `normal`, are names of modules here as well
__version__ = NAMES["version"].__version__


def __getattr__(name: str) -> Any:
    raise absent(f"module 'torch' has no attribute {name!r}", name, __all__)
