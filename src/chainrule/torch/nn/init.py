"""``torch.nn.init``: first values for weights, drawn as PyTorch draws them."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.torch import initial, random
from chainrule.torch.autograd.gradients import no_grad
from chainrule.torch.initial import calculate_gain
from chainrule.torch.recording import overwrite

__all__ = [
    "calculate_gain",
    "constant_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]


def _set(tensor: Any, value: Any) -> Any:
    """Overwrite a tensor, unrecorded."""
    with no_grad():
        return overwrite(tensor, value)


def uniform_(tensor: Any, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Any:
    """Uniform numbers between ``a`` and ``b``."""
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Any, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Any:
    """Normal numbers."""
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def constant_(tensor: Any, val: float) -> Any:
    """One number everywhere."""
    return _set(tensor, np.full(tensor.value.shape, val, tensor.value.dtype))


def zeros_(tensor: Any) -> Any:
    """Zeros."""
    return constant_(tensor, 0.0)


def ones_(tensor: Any) -> Any:
    """Ones."""
    return constant_(tensor, 1.0)


def eye_(tensor: Any) -> Any:
    """Ones on the diagonal."""
    return _set(tensor, np.eye(*tensor.value.shape, dtype=tensor.value.dtype))


def xavier_uniform_(tensor: Any, gain: float = 1.0, generator: Any = None) -> Any:
    """Uniform weights of variance 2·gain² / (inputs + outputs)."""
    return _set(tensor, initial.xavier_uniform(tensor.value.shape, gain, tensor.value.dtype, generator))


def xavier_normal_(tensor: Any, gain: float = 1.0, generator: Any = None) -> Any:
    """Normal weights of variance 2·gain² / (inputs + outputs)."""
    return _set(tensor, initial.xavier_normal(tensor.value.shape, gain, tensor.value.dtype, generator))


def kaiming_uniform_(
    tensor: Any, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None
) -> Any:
    """Uniform weights that keep the variance through a nonlinearity."""
    drawn = initial.kaiming_uniform(tensor.value.shape, a, mode, nonlinearity, tensor.value.dtype, generator)
    return _set(tensor, drawn)


def kaiming_normal_(
    tensor: Any, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None
) -> Any:
    """Normal weights that keep the variance through a nonlinearity."""
    drawn = initial.kaiming_normal(tensor.value.shape, a, mode, nonlinearity, tensor.value.dtype, generator)
    return _set(tensor, drawn)


def orthogonal_(tensor: Any, gain: float = 1, generator: Any = None) -> Any:
    """An orthogonal matrix."""
    rows = tensor.value.shape[0]
    columns = tensor.value.size // rows
    flat = random.normal((rows, columns), dtype=tensor.value.dtype, generator=generator)
    q, r = np.linalg.qr(flat.T if rows < columns else flat)
    q = q * np.sign(np.diag(r))
    return _set(tensor, gain * (q.T if rows < columns else q).reshape(tensor.value.shape))
