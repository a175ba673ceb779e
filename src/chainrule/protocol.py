"""NumPy's calls beyond the plain one: ufuncs with options or methods, and functions that have no rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import AssignmentError, NoRuleError
from chainrule.linear.functions import scatter
from chainrule.op import REGISTRY
from chainrule.ops.special import entered, full_name
from chainrule.overwriting import write
from chainrule.tape import Tracked, enabled

__all__ = ["ASSIGNED", "FLOATED", "ufunc_with_options", "without_rule"]

ASSIGNED = (
    "a tracked tensor cannot become part of a plain NumPy array: the array would forget where the value came from, and "
    "its gradient would silently be missing.\nUse np.stack or np.concatenate to collect results, fill a tensor "
    "(cr.zeros(n)) instead of np.zeros(n), or take x.detach() where no gradient is wanted."
)

FLOATED = (
    "a plain number was wanted of a tracked tensor (float(x), or a function outside that calls it): it would forget "
    "where the value came from, and its gradient would silently be missing.\nLeave float() out, use NumPy's functions, "
    "or take x.detach() where no gradient is wanted."
)


def ufunc_with_options(function: Any, method: str, inputs: Sequence[Any], options: dict[str, Any]) -> Any:
    """A ufunc with ``out``, ``where`` or ``dtype``, or one of its methods."""
    if method == "reduce" and function in _REDUCTIONS:
        known = {name: value for name, value in options.items() if value is not None}
        return REGISTRY[_REDUCTIONS[function]](inputs[0], **{"axis": 0, **known} if "axis" not in options else options)
    if method == "accumulate" and function in _ACCUMULATIONS:
        return REGISTRY[_ACCUMULATIONS[function]](inputs[0], **{"axis": 0, **options})
    if method == "outer":
        a, b = inputs
        rank = np.ndim(b.value if isinstance(b, Tracked) else b)
        return function(a[(..., *[None] * rank)], b, **options)
    operation = entered(function)
    if method == "at" and function in (np.add, np.subtract):
        target, index, values = inputs
        if not isinstance(target, Tracked):
            raise AssignmentError(ASSIGNED)
        positions = index if isinstance(index, tuple) else (index,)
        region = np.broadcast_shapes(np.shape(target.value[index]), values.shape if hasattr(values, "shape") else ())
        added = scatter(np.broadcast_to(values, region), target.value.shape, positions)
        write(target, function(target, added))
        return None
    if method != "__call__" or operation is None:
        return without_rule(function if method == "__call__" else f"{full_name(function)}.{method}", inputs, options)
    out = options.pop("out", None)
    mask = options.pop("where", True)
    dtype = options.pop("dtype", None)
    options = {name: value for name, value in options.items() if name not in ("casting", "order", "subok")}
    if options:
        raise NoRuleError(f"{full_name(function)}: no rule with the options {sorted(options)}")
    if dtype is not None:
        inputs = [value.astype(dtype) if hasattr(value, "astype") else value for value in inputs]
    result = operation(*inputs)
    if out is None:
        if mask is not True:
            raise NoRuleError(
                f"{full_name(function)} with where= leaves the other elements undefined; give out= as well"
            )
        return result
    (target,) = out
    if not isinstance(target, Tracked):
        if result.vertex is not None:
            raise AssignmentError(ASSIGNED)
        np.copyto(target, result.value, where=mask)
        return target
    chosen: Any = result if mask is True else REGISTRY[np.where](mask, result, target)
    return write(target, chosen)


_REDUCTIONS = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.logical_and: np.all,
    np.logical_or: np.any,
}
_ACCUMULATIONS = {
    np.add: np.cumsum,
    np.multiply: np.cumprod,
    np.maximum: np.maximum.accumulate,
    np.minimum: np.minimum.accumulate,
}


def without_rule(function: Any, arguments: Any, options: Any) -> Any:
    """A NumPy function that has no rule: an error for tracked tensors, NumPy's own result for others."""
    name = function if isinstance(function, str) else full_name(function)
    found: list[Tracked] = []
    unwrapped, named = _unwrapped(arguments, found), _unwrapped(options, found)
    if any(value.vertex is not None for value in found) and enabled():
        raise NoRuleError(
            f"{name} has no derivative rule, so its result would silently lose the gradient.\nWrite it with functions "
            "that have one, define an operation with chainrule.define, or pass x.detach() where no gradient is wanted."
        )
    if isinstance(function, str):
        raise NoRuleError(f"{function} is not available on tensors")
    return function(*unwrapped, **named)


def _unwrapped(value: Any, found: list[Tracked]) -> Any:
    """The value with plain arrays for its tensors, which are added to ``found``."""
    if isinstance(value, Tracked):
        found.append(value)
        return value.value
    if isinstance(value, list | tuple):
        return type(value)([_unwrapped(element, found) for element in value])
    return {key: _unwrapped(element, found) for key, element in value.items()} if isinstance(value, dict) else value
