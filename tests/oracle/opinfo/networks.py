"""Functions of neural networks for PyTorch's, written in a line or a few of NumPy: PyTorch's arguments, arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from tests.oracle.opinfo.arguments import vector_norm
from tests.oracle.opinfo.reductions import softmax
from tests.oracle.opinfo.windows import channels, windows

__all__ = ["NETWORKS"]

Function = Callable[..., Any]


def loss(function: Function) -> Function:
    """Losses one by one, then their mean, their sum or all of them."""

    def call(x: Any, *arguments: Any, reduction: str = "mean", **options: Any) -> Any:
        found = function(x, *arguments, **options)
        if reduction == "batchmean":
            return np.sum(found) / len(x)
        return np.mean(found) if reduction == "mean" else np.sum(found) if reduction == "sum" else found

    return call


def normalised(x: Any, axes: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5, shape: Any = None) -> Any:
    """Zero mean and unit variance over axes, then the scale and the shift, of the shape that they take."""
    y = (x - np.mean(x, axes, keepdims=True)) / np.sqrt(np.var(x, axes, keepdims=True) + eps)
    return affine(y, weight, bias, shape)


def affine(y: Any, weight: Any, bias: Any, shape: Any = None) -> Any:
    if weight is not None:
        y = y * (weight if shape is None else np.reshape(weight, shape))
    if bias is not None:
        y = y + (bias if shape is None else np.reshape(bias, shape))
    return y


def layer_norm(x: Any, shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    return normalised(x, tuple(range(-len(shape), 0)), weight, bias, eps)


def native_layer_norm(x: Any, shape: Any, weight: Any, bias: Any, eps: float) -> Any:
    axes = tuple(range(-len(shape), 0))
    spread = 1 / np.sqrt(np.var(x, axes, keepdims=True) + eps)
    return layer_norm(x, shape, weight, bias, eps), np.mean(x, axes, keepdims=True), spread


def rms_norm(x: Any, shape: Any, weight: Any = None, eps: Any = None) -> Any:
    eps = np.finfo(x.dtype).eps if eps is None else eps
    mean = np.mean(x**2, tuple(range(-len(shape), 0)), keepdims=True)
    return affine(x / np.sqrt(mean + eps), weight, None)


def group_norm(x: Any, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    parts = np.reshape(x, (x.shape[0], groups, x.shape[1] // groups, *x.shape[2:]))
    y = np.reshape(normalised(parts, tuple(range(2, parts.ndim)), eps=eps), x.shape)
    return affine(y, weight, bias, channels(x))


def instance_norm(
    x: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    if use_input_stats:
        return normalised(x, tuple(range(2, x.ndim)), weight, bias, eps, channels(x))
    return fixed_norm(x, running_mean, running_var, weight, bias, eps)


def fixed_norm(x: Any, mean: Any, variance: Any, weight: Any, bias: Any, eps: float) -> Any:
    shape = channels(x)
    return affine((x - np.reshape(mean, shape)) / np.sqrt(np.reshape(variance, shape) + eps), weight, bias, shape)


def batch_norm(
    x: Any,
    mean: Any,
    variance: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    if training:
        return normalised(x, (0, *range(2, x.ndim)), weight, bias, eps, channels(x))
    return fixed_norm(x, mean, variance, weight, bias, eps)


def local_response_norm(x: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Any:
    around = np.pad(x**2, ((0, 0), (size // 2, (size - 1) // 2), *((0, 0),) * (x.ndim - 2)))
    return x / (k + alpha * np.mean(windows(around, size, axis=1), -1)) ** beta


def normalize(x: Any, p: float = 2.0, dim: Any = 1, eps: float = 1e-12) -> Any:
    return x / np.maximum(vector_norm(x, p, dim, True), eps)


def attention(
    q: Any, k: Any, v: Any, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False, **_: Any
) -> Any:
    scores = q @ np.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1])
    if is_causal:
        attn_mask = np.tri(q.shape[-2], k.shape[-2], dtype=bool)
    if attn_mask is not None:
        scores = np.where(attn_mask, scores, -np.inf) if attn_mask.dtype == bool else scores + attn_mask
    return special.softmax(scores, axis=-1) @ v


def nll(x: Any, target: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean", **_: Any) -> Any:
    """Minus the log-probability of each target; targets that are to be ignored count nothing."""
    logs = np.moveaxis(x, 1 if x.ndim > 1 else 0, -1)
    counts = target != ignore_index
    sure = np.where(counts, target, 0)
    weights = counts * (1.0 if weight is None else weight[sure])
    found = -weights * np.take_along_axis(logs, sure[..., None], -1)[..., 0]
    return np.sum(found) / np.sum(weights) if reduction == "mean" else np.sum(found) if reduction == "sum" else found


def cross_entropy(
    x: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    axis = 1 if x.ndim > 1 else 0
    logs = special.log_softmax(x, axis=axis)
    if target.dtype.kind in "iu" and not label_smoothing:
        return nll(logs, target, weight, ignore_index, reduction)
    count = x.shape[axis]
    kept = np.ones(np.sum(x, axis).shape)
    if target.dtype.kind in "iu":
        kept = target != ignore_index
        target = np.moveaxis((np.where(kept, target, 0)[..., None] == np.arange(count)), -1, axis)
        totals = (
            kept if weight is None else kept * np.moveaxis(weight * np.moveaxis(target, axis, -1), -1, axis).sum(axis)
        )
    else:
        totals = kept
    target = (1 - label_smoothing) * target + label_smoothing / count
    if weight is not None:
        target = np.moveaxis(weight * np.moveaxis(target, axis, -1), -1, axis)
    found = -np.sum(target * logs, axis) * kept
    return np.sum(found) / np.sum(totals) if reduction == "mean" else np.sum(found) if reduction == "sum" else found


def cosine(x: Any, y: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    sizes = [np.maximum(vector_norm(each, 2, dim), eps) for each in np.broadcast_arrays(x, y)]
    return np.sum(x * y, dim if np.ndim(x) else None) / (sizes[0] * sizes[1])


def alike(x: Any, y: Any) -> Any:
    sizes = np.sqrt((np.sum(x * x, -1) + 1e-12) * (np.sum(y * y, -1) + 1e-12))
    return np.sum(x * y, -1) / sizes


def distance(x: Any, y: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    return np.linalg.norm(x - y + eps, p, axis=-1, keepdims=keepdim)


def triplet(
    x: Any, near: Any, far: Any, margin: float = 1.0, p: float = 2, eps: float = 1e-6, swap: bool = False
) -> Any:
    apart = distance(x, far, p, eps)
    if swap:
        apart = np.minimum(apart, distance(near, far, p, eps))
    return np.maximum(margin + distance(x, near, p, eps) - apart, 0)


def gelu(x: Any, approximate: str = "none") -> Any:
    if approximate == "tanh":
        return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return x * special.ndtr(x)


def softplus(x: Any, beta: float = 1, threshold: float = 20) -> Any:
    return np.where(beta * x > threshold, x, np.logaddexp(0, beta * x) / beta)


def elu(x: Any, alpha: float = 1.0) -> Any:
    return np.where(x > 0, x, alpha * np.expm1(np.where(x > 0, 0, x)))


def selu(x: Any) -> Any:
    return 1.0507009873554804934193349852946 * elu(x, 1.6732632423543772848170429916717)


def prelu(x: Any, weight: Any) -> Any:
    return np.where(
        x > 0,
        x,
        x
        * (
            np.reshape(weight, channels(x))
            if weight.ndim and x.ndim > 1
            else np.reshape(weight, -1)[0]
            if not x.ndim
            else weight
        ),
    )


def poisson(x: Any, target: Any, log_input: bool = True, full: bool = False, eps: float = 1e-8) -> Any:
    found = np.exp(x) - target * x if log_input else x - target * np.log(x + eps)
    sure = np.where(target > 1, target, 1)
    stirling = target * np.log(sure) - target + np.log(2 * np.pi * sure) / 2
    return found + np.where(target > 1, stirling, 0) if full else found


def gaussian(x: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6) -> Any:
    var = np.reshape(var, (*var.shape, 1)) if var.ndim == x.ndim - 1 else var
    var = var + np.maximum(eps - var, 0) * 0 if np.all(np.asarray(var) >= eps) else np.maximum(var, eps)
    return (np.log(var) + (x - target) ** 2 / var + full * np.log(2 * np.pi)) / 2


def binary(x: Any, target: Any, weight: Any = None) -> Any:
    found = -(target * np.maximum(np.log(x), -100) + (1 - target) * np.maximum(np.log1p(-x), -100))
    return found if weight is None else found * weight


def binary_of_logits(x: Any, target: Any, weight: Any = None, pos_weight: Any = None) -> Any:
    positive = 1 if pos_weight is None else pos_weight
    found = (1 - target) * x + (1 + (positive - 1) * target) * np.logaddexp(0, -x)
    return found if weight is None else found * weight


def smooth_l1(x: Any, y: Any, beta: float = 1.0) -> Any:
    size = np.abs(x - y)
    return np.where(size < beta, (x - y) ** 2 / (2 * beta or 1), size - beta / 2)


def kl(x: Any, target: Any, log_target: bool = False) -> Any:
    return np.exp(target) * (target - x) if log_target else special.xlogy(target, target) - target * x


def multi_margin(x: Any, target: Any, p: int = 1, margin: float = 1.0, weight: Any = None) -> Any:
    rows, at = np.atleast_2d(x), np.reshape(target, -1)
    right = np.take_along_axis(rows, at[:, None], -1)
    found = np.maximum(margin - right + rows, 0) ** p * (np.arange(rows.shape[1]) != at[:, None])
    found = found if weight is None else found * weight[at][:, None]
    return np.reshape(np.sum(found, -1) / rows.shape[1], target.shape)


def multilabel(x: Any, target: Any, weight: Any = None) -> Any:
    found = -(target * -np.logaddexp(0, -x) + (1 - target) * -np.logaddexp(0, x))
    return np.mean(found if weight is None else found * weight, -1)


def huber(x: Any, y: Any, delta: float = 1.0) -> Any:
    size = np.abs(x - y)
    return np.where(size <= delta, (x - y) ** 2 / 2, delta * (size - delta / 2))


def safe_softmax(x: Any, dim: int, dtype: Any = None) -> Any:
    """Zeros for a row of −∞, of which `softmax` makes NaN."""
    return np.where(np.all(np.isneginf(x), dim if np.ndim(x) else None, keepdims=True), 0, softmax(x, dim, dtype))


def gated(x: Any, gate: Any) -> Any:
    return x, special.expit(gate)


NETWORKS = {
    "nn.functional.relu": lambda x, inplace=False: np.where(x > 0, x, 0),
    "nn.functional.relu6": lambda x, inplace=False: np.clip(x, 0, 6),
    "nn.functional.leaky_relu": lambda x, slope=0.01: np.where(x > 0, x, slope * x),
    "nn.functional.prelu": prelu,
    "nn.functional.elu": elu,
    "nn.functional.celu": lambda x, alpha=1.0: elu(x / alpha, 1.0) * alpha,
    "nn.functional.selu": lambda x, inplace=False: selu(x),
    "nn.functional.silu": lambda x, inplace=False: x * special.expit(x),
    "nn.functional.gelu": gelu,
    "nn.functional.mish": lambda x, inplace=False: x * np.tanh(np.logaddexp(0, x)),
    "nn.functional.softplus": softplus,
    "nn.functional.softsign": lambda x: x / (1 + np.abs(x)),
    "nn.functional.tanhshrink": lambda x: x - np.tanh(x),
    "nn.functional.logsigmoid": special.log_expit,
    "nn.functional.hardsigmoid": lambda x, inplace=False: np.clip(x / 6 + 0.5, 0, 1),
    "nn.functional.hardswish": lambda x, inplace=False: x * np.clip(x / 6 + 0.5, 0, 1),
    "nn.functional.hardtanh": lambda x, min_val=-1.0, max_val=1.0, inplace=False: np.clip(x, min_val, max_val),
    "nn.functional.hardshrink": lambda x, lambd=0.5: np.where(np.abs(x) > lambd, x, 0),
    "nn.functional.softshrink": lambda x, lambd=0.5: np.sign(x) * np.maximum(np.abs(x) - lambd, 0),
    "nn.functional.threshold": lambda x, threshold, value: np.where(x > threshold, x, value),
    "nn.functional.glu": lambda x, dim=-1: np.multiply(*gated(*np.split(x, 2, axis=dim))),
    "nn.functional.softmin": lambda x, dim, dtype=None: softmax(-x, dim, dtype),
    "nn.functional.softmin/with_dtype": lambda x, dim, dtype=None: softmax(-x, dim, dtype),
    "nn.functional.linear": lambda x, weight, bias=None: x @ np.transpose(weight) + (0 if bias is None else bias),
    "nn.functional.bilinear": lambda x, y, weight, bias=None: (
        np.einsum("...i,oij,...j->...o", x, weight, y) + (0 if bias is None else bias)
    ),
    "nn.functional.embedding": lambda table, at, **_: table[at],
    "nn.functional.layer_norm": layer_norm,
    "native_layer_norm": native_layer_norm,
    "nn.functional.rms_norm": rms_norm,
    "nn.functional.group_norm": group_norm,
    "nn.functional.instance_norm": instance_norm,
    "nn.functional.batch_norm": batch_norm,
    "nn.functional.local_response_norm": local_response_norm,
    "nn.functional.normalize": normalize,
    "nn.functional.scaled_dot_product_attention": attention,
    "nn.functional.cosine_similarity": cosine,
    "nn.functional.pairwise_distance": distance,
    "nn.functional.pdist": lambda x, p=2.0: np.linalg.norm((x[:, None] - x[None])[np.triu_indices(len(x), 1)], p, -1),
    "nn.functional.mse_loss": loss(lambda x, y: (x - y) ** 2),
    "nn.functional.l1_loss": loss(lambda x, y: np.abs(x - y)),
    "nn.functional.smooth_l1_loss": loss(smooth_l1),
    "nn.functional.cosine_embedding_loss": loss(
        lambda x, y, z, margin=0.0: np.where(
            z == 1, 1 - alike(x, y), np.where(z == -1, np.maximum(alike(x, y) - margin, 0), 0)
        )
    ),
    "nn.functional.huber_loss": loss(huber),
    "nn.functional.soft_margin_loss": loss(lambda x, y: np.logaddexp(0, -y * x)),
    "nn.functional.margin_ranking_loss": loss(lambda x, y, z, margin=0.0: np.maximum(-z * (x - y) + margin, 0)),
    "nn.functional.hinge_embedding_loss": loss(
        lambda x, y, margin=1.0: np.where(y != -1, x, 0) + np.where(y != 1, np.maximum(margin - x, 0), 0)
    ),
    "nn.functional.multi_margin_loss": loss(multi_margin),
    "nn.functional.multilabel_soft_margin_loss": loss(multilabel),
    "nn.functional.poisson_nll_loss": loss(poisson),
    "nn.functional.gaussian_nll_loss": loss(gaussian),
    "nn.functional.binary_cross_entropy": loss(binary),
    "nn.functional.binary_cross_entropy_with_logits": loss(binary_of_logits),
    "nn.functional.kl_div": loss(kl),
    "nn.functional.triplet_margin_loss": loss(triplet),
    "nn.functional.nll_loss": nll,
    "nn.functional.cross_entropy": cross_entropy,
    "_softmax_backward_data": lambda g, y, dim, dtype=None: (
        y * (g - np.sum(g * y, dim if np.ndim(y) else None, keepdims=True))
    ),
    "torch.ops.aten._safe_softmax.default": safe_softmax,
}
