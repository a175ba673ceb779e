"""A claim that is the gradient times a constant: the sign, a size, a norm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.check.chain.candidate import Candidate, related, target_of
from chainrule.check.chain.constants import named
from chainrule.check.chain.phrases import axes_in_words
from chainrule.check.chain.point import Point
from chainrule.check.mistakes.layouts import orders, subsets

__all__ = ["ratio_of", "ratios"]

Array = np.ndarray[Any, np.dtype[Any]]


def ratio_of(point: Point, found: Array, true: Array) -> float | None:
    """The constant that ``found`` is times ``true``; None if there is none, or it is 1 or 0."""
    if found.shape != true.shape or np.iscomplexobj(found) or np.iscomplexobj(true):
        return None
    with np.errstate(all="ignore"):
        size = float(np.vdot(true, true))
        ratio = float(np.vdot(true, found)) / size if size > 0 else np.nan
    if not np.isfinite(ratio) or abs(ratio) < 1e-12 or abs(ratio - 1) < 4 * point.tolerance:
        return None
    return ratio if point.near(found, ratio * true) else None


def ratios(point: Point, points: Sequence[Point]) -> Iterator[Candidate]:
    """The gradient with the wrong sign, or times a constant, in this or another layout."""
    found, true, name = _fitted(point), point.true, point.subject
    ratio = ratio_of(point, found, true)
    if ratio is not None:
        yield from _constant(point, points, ratio)
        return
    for order in orders(found, true):
        ratio = ratio_of(point, found.transpose(order), true)
        if ratio is not None:
            text = f"{ratio:.6g}"
            message = f"{name} is the transpose of the gradient, times {text}."
            yield related(
                point, ratios, f"transposed {order} times {text}", "transposed", 3.5, message, f"{name}.T / {text}"
            )


def _fitted(point: Point) -> Array:
    """The claim; a single number in the shape of the gradient."""
    single = point.claimed.size == 1 == point.true.size
    return point.claimed.reshape(point.true.shape) if single else point.claimed


def _constant(point: Point, points: Sequence[Point], ratio: float) -> Iterator[Candidate]:
    name = point.subject
    if abs(ratio + 1) < 4 * point.tolerance:
        message = f"{name} has the wrong sign everywhere."
        yield related(point, ratios, "sign", "sign", 2.0, message, f"-{name}")
        return
    found, where = [ratio], [point]
    for other in points[1:]:
        further = ratio_of(other, _fitted(other), other.true)
        if further is not None:
            found.append(further)
            where.append(other)
    expression = named(found, [other.quantities for other in where], max(point.tolerance, 1e-9))
    lonely = point.true.size == 1 and len(found) < 2
    if expression is None:
        constant = all(abs(further - ratio) <= 1e-6 * abs(ratio) for further in found)
        if lonely or not constant:
            return
        message = (
            f"{name} is the gradient times {ratio:.6g}, a number that no size of the arrays explains: "
            "a learning rate, or a constant of the loss?"
        )
        yield _constant_candidate(point, "factor", 3.8, message, f"divide {name} by {ratio:.6g}", ratio)
        return
    axis = _averaged_axis(point, expression.value) if expression.kind == "size" else None
    what = f" ({expression.what})" if expression.what and expression.what not in expression.text else ""
    message = f"{name} is the gradient times {expression.text}{what}."
    mistake = "factor"
    if axis is not None:
        mistake = "averaged"
        message += f" Over {axis} it is to be summed, not averaged."
    else:
        message += _whence(expression.text, expression.kind, ratio)
    cost = 2.2 + expression.cost + (1.0 if lonely else 0.0)
    yield _constant_candidate(point, mistake, cost, message, _undo(name, expression.text), ratio)


def _constant_candidate(point: Point, mistake: str, cost: float, message: str, fix: str, ratio: float) -> Candidate:
    def holds(other: Point) -> bool:
        return ratio_of(other, _fitted(other), other.true) is not None

    return Candidate("factor", mistake, cost, message, fix, holds, target_of(point), {"factor": ratio})


def _whence(text: str, kind: str, ratio: float) -> str:
    if kind == "size":
        return " A mean divides by the number of its elements, once." if "/" not in text or ratio < 1 else ""
    if kind == "value":
        return " Either it is missing in your formula, or it is there twice."
    return ""


def _undo(name: str, text: str) -> str:
    """What makes it right."""
    if text.startswith("1/") and "/" not in text[2:]:
        return f"{name} * {text[2:]}"
    simple = not any(sign in text for sign in "+-*/ ")
    return f"{name} / {text}" if simple else f"{name} / ({text})"


def _averaged_axis(point: Point, ratio: float) -> str | None:
    """The axis along which the target was stretched and whose length is 1/ratio, if there is one."""
    reach = point.reach
    if reach is None or ratio <= 0 or ratio >= 1:
        return None
    for edge in reach.edges:
        if reach.argument(edge) != reach.target:
            continue
        made = reach.shape(edge.step)
        shape = (1,) * (len(made) - point.true.ndim) + point.true.shape
        if len(shape) != len(made):
            continue
        axes = [axis for axis, (one, many) in enumerate(zip(shape, made, strict=True)) if one == 1 < many]
        stretched = [made[axis] for axis in axes]
        if stretched and not all(one in (1, many) for one, many in zip(shape, made, strict=True)):
            continue
        for chosen in subsets(len(stretched)):
            if abs(ratio * float(np.prod([stretched[k] for k in chosen])) - 1) < 1e-9:
                return axes_in_words([axes[k] for k in chosen])
    return None
