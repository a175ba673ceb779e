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

from chainrule.torch import (
    autograd,
    construct,
    distributions,
    dtypes,
    func,
    linalg,
    nn,
    optim,
    pointwise,
    printing,
    products,
    random,
    reducing,
    shaping,
    utils,
)
from chainrule.torch.autograd.gradients import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from chainrule.torch.construct import TYPED
from chainrule.torch.device import STRIDED as strided  # noqa: N811 - PyTorch's name
from chainrule.torch.device import device, layout
from chainrule.torch.dtypes import can_cast, dtype, finfo, get_default_dtype, iinfo, promote_types, result_type
from chainrule.torch.dtypes import set_default_dtype
from chainrule.torch.environment import VERSION, backends, cuda, return_types, version
from chainrule.torch.generator import Generator, default_generator, initial_seed, manual_seed, seed
from chainrule.torch.install import install, uninstall
from chainrule.torch.messages import absent
from chainrule.torch.printing import set_printoptions
from chainrule.torch.size import Size
from chainrule.torch.tensor import Tensor

__all__ = ["Tensor", "autograd", "func", "install", "linalg", "nn", "optim", "tensor", "uninstall"]

__version__ = VERSION

from chainrule.torch.construct import tensor

_FUNCTIONS: dict[str, Any] = {
    **pointwise.FUNCTIONS,
    **shaping.FUNCTIONS,
    **reducing.FUNCTIONS,
    **products.FUNCTIONS,
    **construct.FUNCTIONS,
}
globals().update(_FUNCTIONS)
globals().update({kind.name: kind for kind in dtypes.ALL})
