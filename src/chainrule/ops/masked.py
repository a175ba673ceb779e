"""Reductions that leave out what is not a number, weighted means, and questions that are answered with the values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.errors import ShapeError
from chainrule.op import REGISTRY, implements
from chainrule.ops.facts import unwrapped
from chainrule.ops.options import UNSET, Axes, plain, plain_axis
from chainrule.ops.product import prod_of
from chainrule.ops.reduce import is_everything, mean_of, reduced_axes, std_of, sum_of, var_of

__all__ = ["average"]


def numbers(a: Any, where: Any) -> Any:
    """Where ``a`` is a number, and chosen."""
    mask = ~np.isnan(plain(a))
    return mask if is_everything(where) else mask & plain(where)


@implements(np.nansum)
def nansum(
    a: Any, axis: Axes = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
    initial: Any = UNSET, where: Any = UNSET,
) -> Any:  # fmt: skip
    """np.nansum."""
    return sum_of(a, axis, dtype, out, keepdims, initial, numbers(a, where))


@implements(np.nanprod)
def nanprod(
    a: Any, axis: Axes = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
    initial: Any = UNSET, where: Any = UNSET,
) -> Any:  # fmt: skip
    """np.nanprod."""
    return prod_of(a, axis, dtype, out, keepdims, initial, numbers(a, where))


@implements(np.nanmean)
def nanmean(
    a: Any, axis: Axes = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = UNSET
) -> Any:
    """np.nanmean."""
    return mean_of(a, axis, dtype, out, keepdims, where=numbers(a, where))


@implements(np.nanvar)
def nanvar(
    a: Any, axis: Axes = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: Any = False,
    *, where: Any = UNSET, mean: Any = UNSET, correction: Any = UNSET,
) -> Any:  # fmt: skip
    """np.nanvar."""
    return var_of(a, axis, dtype, out, ddof, keepdims, where=numbers(a, where), mean=mean, correction=correction)


@implements(np.nanstd)
def nanstd(
    a: Any, axis: Axes = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: Any = False,
    *, where: Any = UNSET, mean: Any = UNSET, correction: Any = UNSET,
) -> Any:  # fmt: skip
    """np.nanstd."""
    return std_of(a, axis, dtype, out, ddof, keepdims, where=numbers(a, where), mean=mean, correction=correction)


@implements(np.average)
def average(a: Any, axis: Axes = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False) -> Any:
    """np.average."""
    axis = plain_axis(axis)
    if weights is None:
        result = mean_of(a, axis, keepdims=keepdims)
        scale: Any = np.full(result.shape, np.size(plain(a)) / max(np.size(plain(result)), 1), result.dtype)
        return (result, scale) if returned else result
    a, weights = (x if hasattr(x, "shape") else np.asarray(x) for x in (a, weights))
    if weights.shape != a.shape and axis is not None:
        axes = reduced_axes(axis, len(a.shape))
        if weights.shape != tuple([a.shape[k] for k in axes]):
            raise unfit_weights(a, weights, axis)
        order = sorted(range(len(axes)), key=lambda k: axes[k])
        shape = [size if k in axes else 1 for k, size in enumerate(a.shape)]
        weights = np.transpose(weights, order).reshape(tuple(shape))
    elif weights.shape != a.shape:
        raise unfit_weights(a, weights, axis)
    total = sum_of(np.broadcast_to(weights, a.shape), axis, keepdims=keepdims)
    if np.any(plain(total) == 0):
        raise ZeroDivisionError("Weights sum to zero, can't be normalized")
    result = sum_of(a * weights, axis, keepdims=keepdims) / total
    return (result, total) if returned else result


def unfit_weights(a: Any, weights: Any, axis: Any) -> ShapeError:
    """What to say of weights of another shape."""
    return ShapeError(
        f"np.average: weights of shape {weights.shape} for an array of shape {a.shape} and axis={axis}: give one "
        "weight for each entry, or name the axes that the weights run along."
    )


def answered(function: Callable[..., Any]) -> Callable[..., Any]:
    """A question about values: it has no derivative, and its answer is a plain one."""

    def ask(*arguments: Any, **options: Any) -> Any:
        named = {name: unwrapped(value) for name, value in options.items()}
        return function(*[unwrapped(argument) for argument in arguments], **named)

    return ask


for _function in (
    np.all,
    np.allclose,
    np.any,
    np.array_equal,
    np.array_equiv,
    np.count_nonzero,
    np.isclose,
    np.linalg.matrix_rank,
):
    REGISTRY[_function] = answered(_function)
