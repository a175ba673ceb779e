"""``torch.nn.functional``: layers, activations and losses as functions, all composed of chainrule's operations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.errors import StandInIndexError, StandInRuntimeError, StandInValueError
from chainrule.op import OPERATIONS
from chainrule.ops import elementwise as e
from chainrule.torch import distributions, dtypes, random
from chainrule.torch.graph import name_step, shown_as
from chainrule.torch.messages import absent, listed
from chainrule.torch.nn import activations, losses
from chainrule.torch.nn.activations import placed
from chainrule.torch.operators import product
from chainrule.torch.pointwise import clamp, tensor_of, where
from chainrule.torch.recording import apply
from chainrule.torch.reducing import log_softmax, norm, softmax
from chainrule.torch.shaping import reshape, transpose, unsqueeze
from chainrule.torch.tensors import Tensor
from chainrule.torch.through import through


def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    """``x @ weight.T + bias``."""
    turned = apply(OPERATIONS["transpose"], (weight,))
    x = tensor_of(input, "linear")
    if x.value.ndim == 1 and weight.value.ndim == 2 and x.value.shape[0] != weight.value.shape[1]:
        x = unsqueeze(x, 0)  # so that the message speaks of matrices, as PyTorch's does
    if bias is not None and x.value.dtype != weight.value.dtype:
        raise StandInRuntimeError(
            f"mat1 and mat2 must have the same dtype, but got {x.dtype.scalar_name} and {weight.dtype.scalar_name}\n"
            f"Convert one of them: x.to({weight.dtype})."
        )
    made = product(x, turned)
    if bias is None:
        return made
    return name_step(made + bias, "AddmmBackward0" if input.value.ndim == 2 else "ViewBackward0")


def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    """``x1 @ weight[k] @ x2`` for each k."""
    made = through("einsum", np.einsum, "...i,kij,...j->...k", input1, weight, input2)
    return made if bias is None else made + bias


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Elements set to 0 with probability ``p`` and the others scaled up, while training."""
    if not 0 <= p <= 1:
        raise StandInValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0:
        return input
    if p == 1:
        return placed(input, input * 0.0, inplace)
    kept = np.zeros_like(input.value)
    from_bernoulli(kept, 1 - p)
    return placed(input, input * Tensor(kept / np.asarray(1 - p, kept.dtype), None), inplace)


def from_bernoulli(array: Any, p: float) -> None:
    """Ones with probability ``p``, drawn as PyTorch draws them."""
    random.fill(array, distributions.bernoulli_number(p, (array.size,), array.dtype))


def embedding(input: Any, weight: Any, padding_idx: int | None = None, *other: Any, **options: Any) -> Any:
    """The rows of ``weight`` at the positions ``input``."""
    positions = input.value
    if positions.dtype.kind not in "iu":
        raise StandInRuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"{input.type()} instead (while checking arguments for embedding)\nPositions are whole numbers: x.long()."
        )
    if positions.size and not 0 <= positions.min() <= positions.max() < weight.value.shape[0]:
        raise StandInIndexError(f"index out of range in self\nThere are {weight.value.shape[0]} rows.")
    return weight[input]


def one_hot(tensor: Any, num_classes: int = -1) -> Any:
    """1 at the position of each class, 0 elsewhere."""
    count = int(tensor.value.max()) + 1 if num_classes == -1 else num_classes
    if tensor.value.size and int(tensor.value.max()) >= count:
        raise StandInRuntimeError("Class values must be smaller than num_classes.")
    return Tensor((tensor.value[..., None] == np.arange(count)).astype(np.int64), None)


def layer_norm(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Each item with mean 0 and variance 1 over its last dimensions, scaled and shifted."""
    shape = tuple(normalized_shape) if isinstance(normalized_shape, tuple | list) else (normalized_shape,)
    if input.value.shape[input.value.ndim - len(shape) :] != shape:
        raise StandInRuntimeError(
            f"Given normalized_shape={listed(shape)}, expected input with shape [*, {', '.join(map(str, shape))}], "
            "but got input "
            f"of size{listed(input.value.shape)}"
        )
    axes = tuple(range(-len(shape), 0))
    centred = input - input.mean(axes, keepdim=True)
    made = centred / apply(e.sqrt, ((centred * centred).mean(axes, keepdim=True) + eps,))
    made = made if weight is None else made * weight
    return made if bias is None else made + bias


def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Each channel (dimension 1) with mean 0 and variance 1 over the batch, or over the running estimates."""
    axes = tuple([axis for axis in range(input.value.ndim) if axis != 1])
    shape = [1, -1] + [1] * (input.value.ndim - 2)
    if training:
        mean = input.mean(axes, keepdim=True)
        centred = input - mean
        variance = (centred * centred).mean(axes, keepdim=True)
        if running_mean is not None:
            count = input.value.size // input.value.shape[1]
            unbiased = variance.value.reshape(-1) * (count / max(count - 1, 1))
            running_mean.value[...] = (1 - momentum) * running_mean.value + momentum * mean.value.reshape(-1)
            running_var.value[...] = (1 - momentum) * running_var.value + momentum * unbiased
    else:
        centred = input - reshape(running_mean, shape)
        variance = reshape(running_var, shape)
    made = centred / apply(e.sqrt, (variance + eps,))
    made = made if weight is None else made * reshape(weight, shape)
    return made if bias is None else made + reshape(bias, shape)


def normalize(input: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Any:
    """Each vector along a dimension divided by its norm."""
    return input / clamp(norm(input, p, dim, True), min=eps)


def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """The cosine of the angle between vectors along a dimension."""
    first, second = clamp(norm(x1, 2, dim, True), min=eps), clamp(norm(x2, 2, dim, True), min=eps)
    return ((x1 / first) * (x2 / second)).sum(dim)


def pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    """The norm of differences along the last dimension."""
    return norm(x1 - x2 + eps, p, -1, keepdim)


def pad(input: Any, pad: Any, mode: str = "constant", value: float | None = None) -> Any:
    """More elements around: pairs of widths from the last dimension on."""
    widths = [(0, 0)] * input.value.ndim
    for number in range(len(pad) // 2):
        widths[-1 - number] = (int(pad[2 * number]), int(pad[2 * number + 1]))
    names = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    options = {"constant_values": value or 0.0} if mode == "constant" else {}
    return through("pad", np.pad, input, widths, mode=names[mode], **options)


def scaled_dot_product_attention(
    query: Any, key: Any, value: Any, attn_mask: Any = None, is_causal: bool = False
) -> Any:
    """softmax(QKᵀ/√d) V."""
    scores = product(query, transpose(key, -2, -1)) * (1 / math.sqrt(query.value.shape[-1]))
    if is_causal:
        mask = np.tril(np.ones(scores.value.shape[-2:], bool))
        scores = where(Tensor(mask, None), scores, float("-inf"))
    if attn_mask is not None:
        scores = where(attn_mask, scores, float("-inf")) if attn_mask.dtype is dtypes.bool_ else scores + attn_mask
    return product(softmax(scores, -1), value)


FUNCTIONS: dict[str, Any] = {
    **activations.FUNCTIONS,
    **losses.FUNCTIONS,
    "batch_norm": shown_as("NativeBatchNormBackward0")(batch_norm),
    "bilinear": bilinear,
    "cosine_similarity": cosine_similarity,
    "dropout": dropout,
    "embedding": embedding,
    "layer_norm": shown_as("NativeLayerNormBackward0")(layer_norm),
    "linear": linear,
    "log_softmax": log_softmax,
    "normalize": normalize,
    "one_hot": one_hot,
    "pad": pad,
    "pairwise_distance": pairwise_distance,
    "scaled_dot_product_attention": scaled_dot_product_attention,
    "softmax": softmax,
}
__all__ = list(FUNCTIONS)
globals().update(FUNCTIONS)


def __getattr__(name: str) -> Any:
    raise absent(f"module 'torch.nn.functional' has no attribute {name!r}", name, __all__)
