"""``torch.nn.functional``: activations, losses and layers as functions, all composed of chainrule's operations."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.errors import StandInIndexError, StandInRuntimeError, StandInValueError
from chainrule.op import OPERATIONS
from chainrule.ops import elementwise as e
from chainrule.torch import distributions, dtypes, random
from chainrule.torch.messages import absent, listed
from chainrule.torch.pointwise import FUNCTIONS as POINTWISE
from chainrule.torch.pointwise import clamp, tensor_of, where
from chainrule.torch.reducing import log_softmax, norm, softmax
from chainrule.torch.shaping import gather, reshape, transpose, unsqueeze
from chainrule.torch.tensor import Tensor, apply, overwrite, product, through

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "cosine_similarity",
    "cross_entropy",
    "dropout",
    "elu",
    "embedding",
    "gelu",
    "hardtanh",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "margin_ranking_loss",
    "mish",
    "mse_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pairwise_distance",
    "poisson_nll_loss",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softmin",
    "softplus",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
]

sigmoid, tanh, exp, log = POINTWISE["sigmoid"], POINTWISE["tanh"], POINTWISE["exp"], POINTWISE["log"]


def placed(input: Any, result: Any, inplace: bool) -> Any:
    """The result, written to its argument if so asked."""
    return overwrite(input, result) if inplace else result


# --- activations ---


def relu(input: Any, inplace: bool = False) -> Any:
    """max(x, 0)."""
    return placed(input, apply(e.relu, (tensor_of(input, "relu"),)), inplace)


def relu6(input: Any, inplace: bool = False) -> Any:
    """x between 0 and 6."""
    return placed(input, clamp(input, 0, 6), inplace)


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    """x between two bounds."""
    return placed(input, clamp(input, min_val, max_val), inplace)


def threshold(input: Any, threshold: float, value: float, inplace: bool = False) -> Any:
    """x above a threshold, else a value."""
    return placed(input, where(input > threshold, input, value), inplace)


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """x, and a multiple of it where it is negative."""
    return placed(input, where(input > 0, input, input * negative_slope), inplace)


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """x, and α(eˣ - 1) where it is negative."""
    return placed(input, where(input > 0, input, alpha * apply(e.expm1, (clamp(input, max=0),))), inplace)


def celu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """x, and α(e^(x/α) - 1) where it is negative."""
    return placed(input, where(input > 0, input, alpha * apply(e.expm1, (clamp(input, max=0) / alpha,))), inplace)


def selu(input: Any, inplace: bool = False) -> Any:
    """elu, scaled so that mean 0 and variance 1 are kept."""
    alpha, scale = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
    return placed(input, scale * where(input > 0, input, alpha * apply(e.expm1, (clamp(input, max=0),))), inplace)


def gelu(input: Any, approximate: str = "none") -> Any:
    """x·Φ(x), with the normal distribution function Φ or its approximation by tanh."""
    if approximate == "tanh":
        inner = math.sqrt(2.0 / math.pi) * (input + 0.044715 * input**3)
        return 0.5 * input * (1.0 + tanh(inner))
    return input * 0.5 * (1.0 + POINTWISE["erf"](input * math.sqrt(0.5)))


def silu(input: Any, inplace: bool = False) -> Any:
    """x·σ(x)."""
    return placed(input, input * sigmoid(input), inplace)


swish = silu


def mish(input: Any, inplace: bool = False) -> Any:
    """x·tanh(softplus(x))."""
    return placed(input, input * tanh(softplus(input)), inplace)


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """log(1 + e^(βx))/β; x itself where βx is above the threshold."""
    scaled = input if beta == 1 else input * beta
    smooth = apply(e.softplus, (scaled,))
    smooth = smooth if beta == 1 else smooth / beta
    return where(scaled > threshold, input, smooth) if bool((scaled.value > threshold).any()) else smooth


def softsign(input: Any) -> Any:
    """x/(1 + |x|)."""
    return input / (1 + apply(e.absolute, (input,)))


def tanhshrink(input: Any) -> Any:
    """x - tanh(x)."""
    return input - tanh(input)


def logsigmoid(input: Any) -> Any:
    """log σ(x)."""
    return -apply(e.softplus, (-input,))


def hardsigmoid(input: Any, inplace: bool = False) -> Any:
    """x/6 + 1/2 between 0 and 1."""
    return placed(input, clamp(input / 6 + 0.5, 0, 1), inplace)


def softmin(input: Any, dim: int | None = None, dtype: Any = None) -> Any:
    """softmax(-x)."""
    return softmax(-input, dim, dtype=dtype)


def glu(input: Any, dim: int = -1) -> Any:
    """The first half times σ of the second."""
    first, second = input.chunk(2, dim)
    return first * sigmoid(second)


# --- layers ---


def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    """``x @ weight.T + bias``."""
    turned = apply(OPERATIONS["transpose"], (weight,))
    x = tensor_of(input, "linear")
    if x.value.ndim == 1 and weight.value.ndim == 2 and x.value.shape[0] != weight.value.shape[1]:
        x = unsqueeze(x, 0)  # so that the message speaks of matrices, as PyTorch's does
    made = product(x, turned)
    return made if bias is None else made + bias


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
    random.fill(array, distributions.bernoulli_number((array.size,), p, array.dtype))


def embedding(input: Any, weight: Any, padding_idx: int | None = None, *other: Any, **options: Any) -> Any:
    """The rows of ``weight`` at the positions ``input``."""
    positions = input.value
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
            f"Given normalized_shape={listed(shape)}, expected input with shape [*, {', '.join(map(str, shape))}], but got input "
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


# --- losses ---


def reduced(values: Any, reduction: str) -> Any:
    """The mean, the sum, or all values of a loss."""
    if reduction == "mean":
        return values.mean()
    if reduction == "sum":
        return values.sum()
    if reduction != "none":
        raise StandInValueError(f"{reduction} is not a valid value for reduction\nThere is 'mean', 'sum' and 'none'.")
    return values


def warn_about_sizes(input: Any, target: Any) -> None:
    """Warn where two shapes broadcast although one probably meant them to be equal."""
    if input.value.shape != target.value.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This will likely lead to "
            "incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=3,
        )


def mse_loss(input: Any, target: Any, *unused: Any, reduction: str = "mean", weight: Any = None) -> Any:
    """(x - y)²."""
    warn_about_sizes(input, target)
    squares = apply(e.square, (input - target,))
    return reduced(squares if weight is None else squares * weight, reduction)


def l1_loss(input: Any, target: Any, *unused: Any, reduction: str = "mean") -> Any:
    """|x - y|."""
    warn_about_sizes(input, target)
    return reduced(apply(e.absolute, (input - target,)), reduction)


def smooth_l1_loss(input: Any, target: Any, *unused: Any, reduction: str = "mean", beta: float = 1.0) -> Any:
    """(x - y)²/2β where it is small, |x - y| - β/2 where it is large."""
    warn_about_sizes(input, target)
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)
    size = apply(e.absolute, (input - target,))
    return reduced(where(size < beta, 0.5 * size * size / beta, size - 0.5 * beta), reduction)


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None) -> Any:
    """(x - y)²/2 where it is small, δ(|x - y| - δ/2) where it is large."""
    warn_about_sizes(input, target)
    size = apply(e.absolute, (input - target,))
    values = where(size < delta, 0.5 * size * size, delta * (size - 0.5 * delta))
    return reduced(values if weight is None else values * weight, reduction)


def _same_sizes(input: Any, target: Any) -> None:
    if input.value.shape != target.value.shape:
        raise StandInValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is deprecated. Please "
            "ensure they have the same size."
        )


def binary_cross_entropy(
    input: Any, target: Any, weight: Any = None, *unused: Any, reduction: str = "mean"
) -> Any:
    """-(y log p + (1 - y) log(1 - p)), with each logarithm at least -100."""
    _same_sizes(input, target)
    if input.value.size and not (0 <= input.value.min() and input.value.max() <= 1):
        raise StandInRuntimeError(
            "all elements of input should be between 0 and 1\nThey are probabilities: apply torch.sigmoid first."
        )
    values = -(target * clamp(log(input), min=-100) + (1 - target) * clamp(log(1 - input), min=-100))
    return reduced(values if weight is None else values * weight, reduction)


def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, *unused: Any, reduction: str = "mean", pos_weight: Any = None
) -> Any:
    """The cross entropy of σ(x) and y, from x."""
    if input.value.shape != target.value.shape:
        raise StandInValueError(
            f"Target size ({target.shape}) must be the same as input size ({input.shape})\nUse view or squeeze to make it so."
        )
    if pos_weight is None:
        values = (1 - target) * input + apply(e.softplus, (-input,))
    else:
        values = (1 - target) * input + (1 + (pos_weight - 1) * target) * apply(e.softplus, (-input,))
    return reduced(values if weight is None else values * weight, reduction)


def nll_loss(
    input: Any, target: Any, weight: Any = None, *unused: Any, ignore_index: int = -100, reduction: str = "mean"
) -> Any:
    """Minus the entry of each row that belongs to its class; classes along dimension 1 (0 for a single row)."""
    classes = target.value
    if classes.dtype not in (np.int64, np.uint8):
        raise StandInRuntimeError(
            f"expected target dtype to be Long or Byte, but got {target.dtype.scalar_name}\nClasses are whole numbers: y.long()."
        )
    axis = 0 if input.value.ndim == 1 else 1
    if input.value.ndim > 1 and input.value.shape[0] != classes.shape[0]:
        raise StandInValueError(
            f"Expected input batch_size ({input.value.shape[0]}) to match target batch_size ({classes.shape[0]}).\n"
            f"Shapes {listed(input.value.shape)} and {listed(classes.shape)}."
        )
    counted = classes != ignore_index
    wrong = classes[counted & ((classes < 0) | (classes >= input.value.shape[axis]))]
    if wrong.size:
        raise StandInIndexError(
            f"Target {wrong[0]} is out of bounds.\nClasses go from 0 to {input.value.shape[axis] - 1}: dimension {axis} of the "
            "input has one entry for each."
        )
    places = np.where(counted, classes, 0).astype(np.int64)
    chosen = gather(input, axis, Tensor(np.expand_dims(places, axis), None))
    values = -reshape(chosen, classes.shape)
    shares: Any = np.ones(classes.shape, input.value.dtype) if weight is None else weight.value[places]
    shares = Tensor(np.where(counted, shares, 0).astype(input.value.dtype), None)
    if weight is None and counted.all():
        return reduced(values, reduction)
    weighted = values * shares
    return weighted.sum() / shares.sum() if reduction == "mean" else reduced(weighted, reduction)


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    *unused: Any,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """The cross entropy of softmax(x) and a class, or class probabilities, from x; classes along dimension 1."""
    axis = 0 if input.value.ndim == 1 else 1
    logs = log_softmax(input, axis)
    if target.value.dtype.kind == "f":
        if input.value.shape != target.value.shape:
            raise StandInRuntimeError(
                f"expected scalar type Long but found {target.dtype.scalar_name}\nClasses are whole numbers (y.long()); class "
                f"probabilities have the input's shape, {listed(input.value.shape)}."
            )
        share = target * (1 - label_smoothing) + label_smoothing / input.value.shape[axis]
        values = -(logs * share * (1 if weight is None else weight)).sum(axis)
        count = input.value.shape[0] if input.value.ndim > 1 else 1
        return values.sum() / count if reduction == "mean" else reduced(values, reduction)
    loss = nll_loss(logs, target, weight, ignore_index=ignore_index, reduction=reduction)
    if not label_smoothing:
        return loss
    smooth = reduced(-(logs if weight is None else logs * weight).mean(axis), reduction)
    return (1 - label_smoothing) * loss + label_smoothing * smooth


def kl_div(input: Any, target: Any, *unused: Any, reduction: str = "mean", log_target: bool = False) -> Any:
    """y (log y - x), where x is the logarithm of a probability."""
    if log_target:
        values = exp(target) * (target - input)
    else:
        safe = where(target > 0, target, Tensor(np.ones((), target.value.dtype), None))
        values = where(target > 0, target * log(safe), 0.0) - target * input
    if reduction == "batchmean":
        return values.sum() / input.value.shape[0]
    return reduced(values, reduction)


def poisson_nll_loss(
    input: Any, target: Any, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean"
) -> Any:
    """The negative logarithm of a Poisson probability, without the part that does not depend on x."""
    values = exp(input) - target * input if log_input else input - target * log(input + eps)
    return reduced(values, reduction)


def margin_ranking_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0.0, *unused: Any, reduction: str = "mean"
) -> Any:
    """max(0, -y (x1 - x2) + margin)."""
    return reduced(clamp(-target * (input1 - input2) + margin, min=0), reduction)


def hinge_embedding_loss(input: Any, target: Any, margin: float = 1.0, reduction: str = "mean") -> Any:
    """x where y is 1, max(0, margin - x) where it is -1."""
    return reduced(where(target == 1, input, clamp(margin - input, min=0)), reduction)


def scaled_dot_product_attention(query: Any, key: Any, value: Any, attn_mask: Any = None, is_causal: bool = False) -> Any:
    """softmax(QKᵀ/√d) V."""
    scores = product(query, transpose(key, -2, -1)) * (1 / math.sqrt(query.value.shape[-1]))
    if is_causal:
        mask = np.tril(np.ones(scores.value.shape[-2:], bool))
        scores = where(Tensor(mask, None), scores, float("-inf"))
    if attn_mask is not None:
        scores = where(attn_mask, scores, float("-inf")) if attn_mask.dtype is dtypes.bool_ else scores + attn_mask
    return product(softmax(scores, -1), value)


def _in_place_names() -> dict[str, Callable[..., Any]]:
    def made(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda input, *arguments: function(input, *arguments, inplace=True)

    return {f"{function.__name__}_": made(function) for function in (relu, leaky_relu, elu, selu, hardtanh, threshold)}


globals().update(_in_place_names())


def __getattr__(name: str) -> Any:
    raise absent(f"module 'torch.nn.functional' has no attribute {name!r}", name, __all__)
