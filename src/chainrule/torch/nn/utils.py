"""``torch.nn.utils``: clipping gradients, and parameters as one vector."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.torch.autograd.gradients import no_grad
from chainrule.torch.joining import cat
from chainrule.torch.recording import overwrite
from chainrule.torch.shaping import reshape
from chainrule.torch.tensors import Tensor

__all__ = ["clip_grad_norm_", "clip_grad_value_", "parameters_to_vector", "vector_to_parameters"]


def _with_gradients(parameters: Any) -> list[Any]:
    given = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [parameter for parameter in given if parameter._grad is not None]


def clip_grad_norm_(parameters: Any, max_norm: float, norm_type: float = 2.0, **options: Any) -> Any:
    """Scale all gradients so that their norm together is at most ``max_norm``; returns the norm before."""
    chosen = _with_gradients(parameters)
    norms = [np.linalg.norm(parameter._grad.value.ravel(), norm_type) for parameter in chosen]
    total = Tensor(np.asarray(np.linalg.norm(norms, norm_type) if norms else 0.0, np.float32), None)
    factor = min(1.0, float(max_norm) / (float(total.value) + 1e-6))
    for parameter in chosen:
        parameter._grad.value *= factor
    return total


def clip_grad_value_(parameters: Any, clip_value: float, **options: Any) -> None:
    """Keep each entry of the gradients between plus and minus ``clip_value``."""
    for parameter in _with_gradients(parameters):
        np.clip(parameter._grad.value, -clip_value, clip_value, out=parameter._grad.value)


def parameters_to_vector(parameters: Any) -> Any:
    """All parameters end to end."""
    return cat([reshape(parameter, (-1,)) for parameter in parameters])


def vector_to_parameters(vec: Any, parameters: Any) -> None:
    """The parts of a vector as the values of parameters."""
    start = 0
    for parameter in parameters:
        size = parameter.value.size
        with no_grad():
            overwrite(parameter, vec.value[start : start + size].reshape(parameter.value.shape))
        start += size
