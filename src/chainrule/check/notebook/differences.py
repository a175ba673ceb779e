"""Judges gradients that a notebook compares with finite differences, where no tape knows the true ones.

Which side is the finite differences is told by its name (`dx_num`, `gradapprox`, `numerical_grads["W1"]`), by the
variable that was handed to a function like `rel_error(x, y)`, or by the function that computed it
(`eval_numerical_gradient`). They are not exact, so what they can be off is allowed, and where a few entries alone
differ, a kink between the two points may be the reason.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from time import thread_time
from typing import Any

import numpy as np

from chainrule.check.notebook.evidence import scope_of
from chainrule.check.notebook.handed import Source
from chainrule.check.notebook.scene import Scene
from chainrule.check.notebook.sides import Sides
from chainrule.check.rewriting.site import is_derivative_name
from chainrule.check.verdicts.compare import ROUNDED, UNDECIDABLE, WRONG, Judgement, Truth, Value, judge
from chainrule.check.watching.provenance import Provenance

__all__ = ["SLACK_OF_DIFFERENCES", "Differences", "is_numerical"]

NUMERICAL = re.compile(
    r"(?i:numeric|finite|approx|central|(^|_)fd(_|\d|$)|_num(_|\d*$)|^num_?(grad|deriv|jac|g\d*$))|^num_?d[A-Z_]|[a-z]FD$"
)
GRADIENT = re.compile(r"grad|deriv|jac|hess|analytic|backprop|nabla|slope", re.IGNORECASE)
SLACK_OF_DIFFERENCES = 2e-3  # relative: what a gradient by finite differences may be off
SLACK_OF_SINGLE = 2e-2  # the same in single precision
SMALLEST = 1e-8  # absolute: what rounding leaves of a difference of losses about 1
HUGE = 1e3  # how much larger than any claim they are when they are only noise
FEW = 0.02  # the share of entries that kinks may spoil
CLOSE = 1e-5  # relative: how near the others are then
LARGEST_STEP = 2e-2
ROUNDS = 200
LONGEST = 4.0  # seconds that are spent on why gradients differ, in one notebook, before one more is looked at


def is_numerical(name: str) -> bool:
    """Whether a name speaks of finite differences.

    >>> [name for name in ("dx_num", "gradapprox", "num_grad", "numerator", "num_classes") if is_numerical(name)]
    ['dx_num', 'gradapprox', 'num_grad']
    """
    return NUMERICAL.search(name) is not None


@dataclass(frozen=True)
class _Side:
    """One side of a comparison, with everything that it is called."""

    given: Any
    value: Value
    names: tuple[str, ...]
    numerical: bool

    @property
    def is_gradient(self) -> bool:
        """Whether a name of it speaks of a derivative."""
        return any(GRADIENT.search(name) or is_derivative_name(_last(name)) for name in self.names)

    @property
    def name(self) -> str:
        """What to call it: by the name of a derivative if it has one."""
        named = [name for name in self.names if is_derivative_name(_last(name)) or GRADIENT.search(name)]
        return (named or [name for name in self.names if name.isidentifier()] or [*self.names])[0]


class Differences:
    """The judge of comparisons with finite differences in one notebook."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.sides = Sides()
        self.paused = False  # while a function runs whose claims have been judged
        self._visits: Counter[int] = Counter()
        self._spent = 0.0

    def compare(self, index: int, left: Any, right: Any, texts: tuple[str, str]) -> None:
        """Judge a comparison of two values, with their sources, of which one is a gradient by finite differences."""
        self._visits[index] += 1
        if self.paused:
            return
        if self._visits[index] > ROUNDS and self._visits[index].bit_count() > 1:
            return  # a loop that compares without end is looked at ever more rarely
        values = [self._number(side) for side in (left, right)]
        if values[0] is None or values[1] is None or values[0].array.size != values[1].array.size:
            return
        scope = scope_of(sys._getframe(1))
        sides = [
            self._side(given, value, text, scope)
            for given, value, text in zip((left, right), values, texts, strict=True)
            if value is not None
        ]
        if sides[0].numerical == sides[1].numerical or not (sides[0].is_gradient or sides[1].is_gradient):
            return
        approximate, claim = sides if sides[0].numerical else reversed(sides)
        self._judge(index, approximate, claim)

    def show(self, index: int, items: Sequence[tuple[str, Any]]) -> None:
        """Judge what is printed in one line: a gradient next to finite differences; ``items`` are texts and values."""
        shown = [(text, value) for text, value in items if self._number(value) is not None]
        for (text, value), (other, beside) in itertools.pairwise(shown):
            self.compare(index, value, beside, (text, other))

    def approximate(self, result: Any, sources: Sequence[Source] = ()) -> None:
        """Remember that a function returned finite differences, and of what they may be."""
        for part in result if isinstance(result, tuple | list) else [result]:
            if isinstance(part, np.ndarray | np.floating | float) or self.scene.known.owner(part) is not None:
                self.scene.known.set(part, Provenance(numerical=True, sources=tuple(sources)))

    def divided(self, result: Any, step: Any, filled: Sequence[Any]) -> None:
        """Remember that a difference was divided by a step, if that is as small as steps are."""
        try:
            small = 0 < abs(float(step)) <= LARGEST_STEP
        except (TypeError, ValueError):
            return
        if not small:
            return
        self.approximate(result)
        for array in filled:
            if self.scene.known.owner(array) is not None or isinstance(array, np.ndarray):
                sources = self.scene.known.of(array).sources or self.sides.sources()
                self.scene.known.set(array, Provenance(numerical=True, sources=tuple(sources)))

    def _number(self, given: Any) -> Value | None:
        if isinstance(given, list | tuple | int):
            return None
        value = self.scene.value(given)
        return value if value is not None and value.array.size else None

    def _side(self, given: Any, value: Value, text: str, scope: Mapping[str, Any]) -> _Side:
        names = tuple(dict.fromkeys([*_names_of(given, scope), text]))
        numerical = self.scene.known.of(given).numerical or any(is_numerical(_last(name)) for name in names)
        return _Side(given, value, names, numerical)

    def _judge(self, index: int, approximate: _Side, claim: _Side) -> None:
        judgement, truth = judge_difference(claim.value, approximate.value)
        details = judgement.details | {"claim": claim.name, "gradient": approximate.name, "truth": "finite differences"}
        judgement = replace(judgement, details=details)
        evidence = self.scene.gather(judgement, claim.value, truth, [], claim.given)
        told = self.scene.record(
            index, claim.name, judgement, claim.given, id(approximate.given), explicit=True, evidence=evidence
        )
        if told is None or told.verdict != WRONG:
            return
        slack = _slack(claim.value, approximate.value)
        for source in self.scene.known.of(approximate.given).sources:
            if self._spent >= LONGEST:
                break
            start = thread_time()
            explained = source.explain(self.scene, told, claim.value.array, approximate.value.array, slack)
            self._spent += thread_time() - start
            if explained:
                break


def judge_difference(claimed: Value, approximate: Value) -> tuple[Judgement, Truth]:
    """Judge a claim against finite differences; also returns these as the truth.

    >>> exact = Value(np.array([1.0, 2.0, 0.0]), 2.0**-52, "float64")
    >>> judge_difference(exact, replace(exact, array=exact.array + 1e-7))[0].message
    'agrees with the finite differences up to 1e-07'
    >>> judge_difference(exact, replace(exact, array=exact.array * 2))[0].message
    'every element is 0.5 times the finite differences; worst at [1]: 2, true 4'
    """
    largest = float(np.max(np.abs(approximate.array)))
    slack = _slack(claimed, approximate)
    truth = Truth(approximate)
    judgement = judge(replace(claimed, slack=slack, reason="as near as finite differences come"), truth)
    if judgement.ok:
        off = float(np.max(np.abs(claimed.array.reshape(approximate.shape) - approximate.array)))
        told = f"agrees with the finite differences up to {off:.2g}"
        return Judgement(ROUNDED, told, None, {"difference": off}), truth
    if judgement.verdict == WRONG and largest > HUGE * float(np.max(np.abs(claimed.array), initial=0.0)) > 0:
        told = f"the finite differences are huge, up to {largest:.2g}: the function may be random, as with dropout, or"
        told += " the step too small for its precision; draw the same random numbers at both points"
        return Judgement(UNDECIDABLE, told, None, judgement.details), truth
    if judgement.verdict == WRONG and claimed.shape == approximate.shape:
        few = _few_differ(np.abs(claimed.array - approximate.array), slack, largest)
        if few:
            told = f"{few} of {claimed.array.size} elements differ, the others agree closely: a kink between the two"
            told += " points (of relu, max, abs) would do that; try other numbers, or a smaller step"
            return Judgement(UNDECIDABLE, told, None, judgement.details), truth
    told = judgement.message.replace("the true one", "the finite differences")
    return replace(judgement, message=told.replace("true gradient", "finite differences")), truth


def _slack(claimed: Value, approximate: Value) -> float:
    """What finite differences may be off."""
    single = max(claimed.eps, approximate.eps) > 2.0**-40
    largest = float(np.max(np.abs(approximate.array)))
    return (SLACK_OF_SINGLE if single else SLACK_OF_DIFFERENCES) * largest + SMALLEST


def _few_differ(off: Any, slack: float, largest: float) -> int:
    """How many entries are off, if they are few among many that agree far better than they need."""
    spoilt = ~(off <= slack)
    count = int(np.sum(spoilt))
    near = bool(np.all(off[~spoilt] <= CLOSE * largest + SMALLEST))
    return count if near and np.isfinite(off).all() and count <= FEW * off.size else 0


def _names_of(given: Any, scope: Mapping[str, Any]) -> Iterator[str]:
    """The variables that hold this very value, and the places in dictionaries, lists and objects that do."""
    for name, value in list(scope.items()):
        if name.startswith("_"):
            continue
        if value is given:
            yield name
        elif type(value) is dict and len(value) <= 64:
            yield from (f"{name}[{key!r}]" for key, item in value.items() if item is given)
        elif type(value) is list and len(value) <= 64:
            yield from (f"{name}[{place}]" for place, item in enumerate(value) if item is given)
        elif type(value).__module__ == "__main__" and hasattr(value, "__dict__"):
            yield from (f"{name}.{key}" for key, item in vars(value).items() if item is given)


def _last(name: str) -> str:
    """The part of a place that names it: `dW` of `self.dW`, `grads` of `grads["W1"]`."""
    return name.partition("[")[0].rpartition(".")[2]
