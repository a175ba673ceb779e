"""Losses: how far a result is from what it should be."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from chainrule.errors import StandInIndexError, StandInRuntimeError, StandInValueError
from chainrule.ops import elementwise as e
from chainrule.torch.graph import shown_as
from chainrule.torch.messages import listed
from chainrule.torch.picking import gather
from chainrule.torch.pointwise import FUNCTIONS as POINTWISE
from chainrule.torch.pointwise import clamp, where
from chainrule.torch.recording import apply
from chainrule.torch.reducing import log_softmax
from chainrule.torch.shaping import reshape
from chainrule.torch.tensors import Tensor

__all__ = ["FUNCTIONS"]

exp, log = POINTWISE["exp"], POINTWISE["log"]


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
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This will "
            "likely lead to "
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
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is "
            "deprecated. Please "
            "ensure they have the same size."
        )


def binary_cross_entropy(input: Any, target: Any, weight: Any = None, *unused: Any, reduction: str = "mean") -> Any:
    """-(y log p + (1 - y) log(1 - p)), with each logarithm at least -100."""
    _same_sizes(input, target)
    if input.value.size and not (input.value.min() >= 0 and input.value.max() <= 1):
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
            f"Target size ({target.shape}) must be the same as input size ({input.shape})\nUse view or squeeze to "
            "make it so."
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
            f"expected target dtype to be Long or Byte, but got {target.dtype.scalar_name}\nClasses are whole "
            "numbers: y.long()."
        )
    if input.value.ndim == 1 and classes.shape == (1,):
        input = reshape(input, (1, -1))
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
            f"Target {wrong[0]} is out of bounds.\nClasses go from 0 to {input.value.shape[axis] - 1}: dimension "
            f"{axis} of the "
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
                f"expected target dtype to be Long or Byte, but got {target.dtype.scalar_name}\n"
                "Classes are whole numbers (y.long()); class "
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


_SHOWN = {
    "binary_cross_entropy": "BinaryCrossEntropyBackward0",
    "binary_cross_entropy_with_logits": "BinaryCrossEntropyWithLogitsBackward0",
    "cross_entropy": "NllLossBackward0",
    "huber_loss": "HuberLossBackward0",
    "mse_loss": "MseLossBackward0",
    "nll_loss": "NllLossBackward0",
    "smooth_l1_loss": "SmoothL1LossBackward0",
}
FUNCTIONS: dict[str, Any] = {
    name: globals()[name] for name in "hinge_embedding_loss kl_div l1_loss margin_ranking_loss poisson_nll_loss".split()
}
FUNCTIONS |= {name: shown_as(shown)(globals()[name]) for name, shown in _SHOWN.items()}
