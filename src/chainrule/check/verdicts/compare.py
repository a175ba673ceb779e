"""How a claimed gradient stands to the true one, judged by what the computation can lose to rounding.

Why no fixed tolerance
----------------------
Two right computations of one number in floating point differ. By how much is not a matter of taste:

* each operation rounds its result by at most half a unit in the last place, a relative error of ``eps / 2``;
* an element of a gradient is a sum of contributions, one for each path through the computation. The rounding errors
  are relative to the contributions, not to their sum: where contributions cancel, the error stays and the sum does not;
* errors of n roundings that do not conspire grow like sqrt(n).

So the allowed difference of an element is ``SAFETY * eps * loss`` (and a few of the smallest numbers, to which tiny
ones are rounded), where ``eps`` belongs to the less precise of the
two sides and ``loss`` says how large the contributions were, grown by the square root of how many operations and
summands there are. Who knows the tape gives ``loss`` (see `Truth`). Without one, the largest magnitude of the true
gradient stands for the contributions.

A mistake can be small, like a factor 1.03. Whenever the allowed difference is so large that such a mistake would pass
(`COARSE`), the verdict is "undecidable", unless both sides are nothing but rounding noise about zero.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

__all__ = ["RIGHT", "Judgement", "Truth", "Value", "judge", "unguarded"]

SAFETY = 16.0
SAFETY_OF_HALVES = 3.0  # of numbers with so few digits that more would allow anything
MOST_UNGUARDED = 2e-4  # relative
COARSE = 1e-2
BARE_GROWTH = 8.0  # sqrt of the number of roundings, when nothing is known about the computation
EXACT, ROUNDED, SHAPE, WRONG, UNDECIDABLE = (
    "right",
    "right up to rounding",
    "right value, wrong shape",
    "wrong",
    "undecidable",
)
RIGHT = frozenset({EXACT, ROUNDED})
Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Value:
    """A number or an array as one side of a comparison.

    ``array`` is in double precision (complex numbers stay complex); ``eps`` is the spacing of the dtype that the value
    was computed in; ``shaped`` is False for Python's numbers, which have no shape to be wrong in; ``slack`` is an
    absolute uncertainty beyond rounding, and ``reason`` says where it is from: few digits, finite differences.
    """

    array: Array
    eps: float
    dtype: str
    shaped: bool = True
    slack: float = 0.0
    reason: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        shape: tuple[int, ...] = self.array.shape
        return shape


@dataclass(frozen=True)
class Truth:
    """A true derivative: its value, and per unit of eps what computing it can lose.

    ``value.array`` has the shape ``rows + columns``; a gradient has ``rows == ()``. ``loss`` broadcasts against it, or
    is None when nothing is known. ``structure`` is one line about the form in which the derivative is kept.
    """

    value: Value
    rows: tuple[int, ...] = ()
    columns: tuple[int, ...] = ()
    loss: Array | None = None
    structure: str = ""


@dataclass(frozen=True)
class Judgement:
    """A verdict with its reason: ``mistake`` is None or one word, ``message`` a sentence, ``details`` numbers."""

    verdict: str
    message: str
    mistake: str | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the claim is right, exactly or up to rounding."""
        return self.verdict in RIGHT


def judge(claimed: Value, truth: Truth) -> Judgement:
    """Compare a claim with the true gradient; shapes must agree too.

    >>> true = Value(np.array([1.0, 2.0, 3.0]), 2.0**-23, "float32")
    >>> judge(replace(true, array=true.array * (1 + 1e-7)), Truth(true)).verdict
    'right up to rounding'
    >>> judge(replace(true, array=true.array * 1.034), Truth(true)).message
    'every element is 1.034 times the true one; worst at [2]: 3.102, true 3'
    >>> judge(replace(true, array=true.array[:, None]), Truth(true)).message
    'shape (3, 1), true gradient (3,): drop the axes of length 1, .reshape(3)'
    """
    true = truth.value
    hopeless = _hopeless(claimed, true)
    if hopeless is not None:
        return hopeless
    if claimed.shape != true.shape and claimed.shaped and true.shaped:
        return _judge_shapes(claimed, truth)
    if claimed.shape != true.shape:
        claimed, truth = _give_shape(claimed, truth)
        true = truth.value
        if claimed.shape != true.shape:
            return _judge_shapes(claimed, truth)
    judgement = _judge_elements(claimed, truth)
    if judgement.verdict == WRONG:
        return _explain_layout(claimed, truth) or judgement
    return judgement


def unguarded(claimed: Value, truth: Truth, guard: float) -> Value:
    """The claim, with what a formula may be off that leaves a tiny constant out, as 1e-12 in `log(p + 1e-12)`."""
    largest = float(np.max(np.abs(truth.value.array), initial=0.0))
    slack = claimed.slack + min(math.sqrt(guard), MOST_UNGUARDED) * largest
    return replace(claimed, slack=slack, reason=f"as near as a formula without the {guard:g} comes")


def allowance(claimed: Value, truth: Truth) -> Array:
    """The largest difference of each element that rounding can explain, with the shape of the truth."""
    true = truth.value.array
    eps = max(claimed.eps, truth.value.eps)
    if truth.loss is not None:
        loss = np.broadcast_to(np.asarray(truth.loss), true.shape) + BARE_GROWTH * np.abs(true)
    else:
        loss = np.full(true.shape, BARE_GROWTH * float(np.max(np.abs(true), initial=0.0)))
    smallest = 2.0**-1022 if eps < 2.0**-40 else 2.0**-126 if eps < 2.0**-20 else 2.0**-14 * eps
    safety = SAFETY if eps < 2.0**-16 else SAFETY_OF_HALVES
    allowed: Array = safety * (eps * loss + smallest) + claimed.slack
    return allowed


def _hopeless(claimed: Value, true: Value) -> Judgement | None:
    if true.array.size == 0 or claimed.array.size == 0:
        return Judgement(UNDECIDABLE, "there is nothing to compare: the gradient or the claim is empty")
    if np.isnan(true.array).any():
        index = _index(np.isnan(true.array))
        return Judgement(UNDECIDABLE, f"the true gradient is NaN{_at(index)}, so no claim can be right or wrong")
    if claimed.shape == true.shape and np.isnan(claimed.array).any():
        index = _index(np.isnan(claimed.array))
        told = f"NaN{_at(index)}, true {_number(true.array[index])}"
        return Judgement(WRONG, told, "unknown", {"index": list(index), "true": _plain(true.array[index])})
    return None


def _give_shape(claimed: Value, truth: Truth) -> tuple[Value, Truth]:
    """Let a Python number stand for an array of one element, or for an array of equal numbers."""
    true = truth.value
    if not claimed.shaped:
        return replace(claimed, array=np.broadcast_to(claimed.array, true.shape)), truth
    if claimed.array.size == 1:
        return replace(claimed, array=claimed.array.reshape(true.shape)), truth
    return claimed, truth


def _judge_elements(claimed: Value, truth: Truth) -> Judgement:
    found, true = claimed.array, truth.value.array
    with np.errstate(invalid="ignore", over="ignore"):
        off = np.where(found == true, 0.0, np.abs(found - true))
    if not off.any():
        return Judgement(EXACT, "equal to the last bit")
    allowed = allowance(claimed, truth)
    largest = float(np.max(np.abs(true)))
    if not bool(np.all(off <= allowed)):
        return _wrong(claimed, truth, off, allowed)
    noise = bool(np.all(np.abs(true) <= allowed) and np.all(np.abs(found) <= allowed))
    if noise:
        told = f"zero up to rounding: at most {_number(max(largest, float(np.max(np.abs(found)))))}"
        return Judgement(ROUNDED, told, "rounding", {"difference": float(np.max(off))})
    if float(np.max(off)) > COARSE * largest:
        told = (
            f"the computation loses so much to rounding that a difference of {_number(float(np.max(off)))} beside"
            f" {_number(largest)} may or may not be a mistake; use a wider dtype"
        )
        return Judgement(UNDECIDABLE, told, "rounding", {"difference": float(np.max(off))})
    units = float(np.max(off)) / (max(claimed.eps, truth.value.eps) * largest)
    told = f"largest difference {_number(float(np.max(off)))}"
    if claimed.slack == 0.0:
        told += f", {_number(units)} units in the last place"
    elif float(np.max(off)) > SAFETY * max(claimed.eps, truth.value.eps) * largest:
        told += f", {claimed.reason}"
    return Judgement(ROUNDED, told, "rounding", {"difference": float(np.max(off)), "units": units})


def _wrong(claimed: Value, truth: Truth, off: Array, allowed: Array) -> Judgement:
    found, true = claimed.array, truth.value.array
    excess = np.where(off <= allowed, -1.0, np.where(np.isfinite(off), off, np.inf))
    worst = _index(excess == np.max(excess))
    told = f"{_number(found[worst])}, true {_number(true[worst])}"
    if true.ndim:
        told = f"worst{_at(worst)}: {told}"
    mistake, relation = _relation(claimed, truth)
    if relation:
        told = f"{relation}; {told}"
    elif true.size > 1:
        told += f"; {int(np.sum(~(off <= allowed)))} of {true.size} elements are off"
    details = {"index": list(worst), "claimed": _plain(found[worst]), "true": _plain(true[worst])}
    return Judgement(WRONG, told, mistake, details | {"difference": _plain(off[worst])})


def _relation(claimed: Value, truth: Truth) -> tuple[str, str]:
    """Name the two relations that a single point shows without doubt: the sign, and a constant factor."""
    found, true = claimed.array, truth.value.array
    if not np.isfinite(found).all() or not np.isfinite(true).all() or not np.any(true):
        return "unknown", ""
    off = np.abs(found - true) > allowance(claimed, truth)
    if np.any(off) and not np.all(off) and not np.any(true[off]):
        return "mask-missing", f"{int(np.sum(off))} elements should be 0, the other {int(np.sum(~off))} are right"
    factor = np.vdot(true, found) / np.vdot(true, true)
    scaled = replace(truth, value=replace(truth.value, array=true * factor), loss=None)
    if np.any(np.abs(found - true * factor) > allowance(claimed, scaled)):
        return "unknown", ""
    if np.max(np.abs(factor + 1)) < 1e-6:
        return "sign", "the sign is wrong everywhere" if true.size > 1 else "the sign is wrong"
    if abs(factor) < 1e-12:
        return "unknown", ""
    if true.size > 1 or abs(factor - 1) > COARSE:
        elements = "every element is" if true.size > 1 else "this is"
        return "factor", f"{elements} {_number(factor)} times the true one"
    return "unknown", ""


def _judge_shapes(claimed: Value, truth: Truth) -> Judgement:
    """The shapes differ: say whether the numbers, laid out another way, are nevertheless right."""
    true = truth.value
    details = {"claimed_shape": list(claimed.shape), "true_shape": list(true.shape)}
    prefix = f"shape {_shape(claimed.shape)}, true gradient {_shape(true.shape)}"
    if _squeezed(claimed.shape) == _squeezed(true.shape):
        inner = _judge_elements(replace(claimed, array=claimed.array.reshape(true.shape)), truth)
        if inner.ok:
            fix = ".squeeze()" if true.shape == () else f".reshape({_arguments(true.shape)})"
            hint = "drop the axes of length 1" if len(claimed.shape) > len(true.shape) else "keep the axes of length 1"
            return Judgement(SHAPE, f"{prefix}: {hint}, {fix}", "shape", details)
    layout = _explain_layout(claimed, truth) or _explain_sum(claimed, truth)
    if layout is not None:
        return layout
    if claimed.array.size == true.array.size:
        inner = _judge_elements(replace(claimed, array=claimed.array.reshape(true.shape)), truth)
        if inner.ok:
            return Judgement(SHAPE, f"{prefix}: .reshape({_arguments(true.shape)})", "shape", details)
    try:
        stretched = np.broadcast_to(claimed.array, true.shape)
    except ValueError:
        return Judgement(WRONG, f"{prefix}: the shapes do not fit", "unknown", details)
    inner = _judge_elements(replace(claimed, array=stretched), truth)
    if inner.ok:
        return Judgement(SHAPE, f"{prefix}: equal only when stretched to it", "shape", details)
    return Judgement(WRONG, f"{prefix}; {inner.message}", inner.mistake, details)


def _explain_layout(claimed: Value, truth: Truth) -> Judgement | None:
    """Recognise the true gradient with its axes in another order."""
    true = truth.value
    if claimed.array.ndim != true.array.ndim or not 2 <= true.array.ndim <= 5:
        return None
    for order in itertools.permutations(range(true.array.ndim)):
        if order == tuple(range(true.array.ndim)):
            continue
        if tuple(claimed.shape[axis] for axis in order) != true.shape:
            continue
        turned = replace(claimed, array=claimed.array.transpose(order))
        if _judge_elements(turned, truth).ok:
            fix = ".T" if true.array.ndim == 2 else f".transpose{_shape(order)}"
            told = f"shape {_shape(claimed.shape)}, true gradient {_shape(true.shape)}: the layout is transposed, {fix}"
            return Judgement(SHAPE, told, "transposed", {"order": list(order)})
    return None


def _explain_sum(claimed: Value, truth: Truth) -> Judgement | None:
    """Recognise a gradient that was not summed over the axes along which its variable was stretched."""
    extra = claimed.array.ndim - truth.value.array.ndim
    if extra < 1:
        return None
    axes = tuple(range(extra))
    summed = claimed.array.sum(axis=axes)
    if summed.shape != truth.value.shape:
        return None
    size = np.abs(claimed.array).sum(axis=axes)
    if not _judge_elements(replace(claimed, array=summed), replace(truth, loss=size)).ok:
        return None
    along = "axis 0" if extra == 1 else f"axes {_shape(axes)}"
    told = f"shape {_shape(claimed.shape)}, true gradient {_shape(truth.value.shape)}: not summed over {along}"
    return Judgement(WRONG, f"{told}, .sum({0 if extra == 1 else _shape(axes)})", "missing-sum", {"axes": list(axes)})


def _index(where: Array) -> tuple[int, ...]:
    """The first index at which ``where`` is true."""
    return tuple(int(position) for position in np.unravel_index(int(np.argmax(where)), where.shape))


def _at(index: tuple[int, ...]) -> str:
    return f" at [{', '.join(map(str, index))}]" if index else ""


def _number(value: Any) -> str:
    return f"{complex(value):.4g}" if np.iscomplexobj(value) else f"{float(value):.4g}"


def _plain(value: Any) -> float | str:
    return str(value) if np.iscomplexobj(value) else float(value)


def _shape(shape: tuple[int, ...]) -> str:
    return f"({shape[0]},)" if len(shape) == 1 else f"({', '.join(map(str, shape))})"


def _arguments(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape)) if shape else "()"


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(length for length in shape if length != 1)
