"""Judges functions that are handed over as gradients of others: to `check_grad`, to a minimiser, to `gradcheck`.

Such a call says that a function is the gradient of another at the point that is given. It is checked there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule.check.function.foreign import is_foreign
from chainrule.check.function.promises import (
    Call,
    check_array,
    check_attached,
    check_joint,
    check_pair,
    check_value,
    takes,
)
from chainrule.check.notebook.scene import PLACE, Scene
from chainrule.check.verdicts.compare import UNDECIDABLE, Judgement
from chainrule.check.verdicts.finding import Finding
from chainrule.check.verdicts.report import Report

__all__ = ["Handed", "Source", "sources_of"]

DERIVATIVES = ("jac", "fprime", "grad", "gradient", "grad_fn", "df")
SECOND = ("hess", "fhess", "fprime2")
FUNCTIONS = ("fun", "func", "f", "fn", "function")
POINTS = ("x0", "x", "inputs")
Array = np.ndarray[Any, np.dtype[Any]]
ROUNDS = 20  # how often one place in a loop is judged


class Handed:
    """The judge of functions that are handed over in one notebook."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._visits: Counter[int] = Counter()

    def judge(self, index: int, arguments: Sequence[Any], options: Mapping[str, Any]) -> bool:
        """Judge what a call says of its functions; False if it says nothing that can be judged."""
        self._visits[index] += 1
        if self._visits[index] > ROUNDS:
            return True
        judged = False
        texts = self._texts(index, [*arguments, *options.values()])
        for claim, claimed, report in _reports(arguments, options):
            try:
                with self.scene.aside():
                    findings = report().findings
            except Exception:  # it may not be meant like that, and the user's code may raise anything
                continue
            text = texts.get(id(claim), claimed)
            for finding in findings:
                name = f"{text}, d{finding.name}" if len(findings) > 1 else text
                judged |= self._record(index, claim, name, finding)
        return judged

    def _record(self, index: int, claim: Any, name: str, finding: Finding) -> bool:
        if finding.verdict == UNDECIDABLE and finding.mistake == "unknown":
            return False  # a function that is random, or that writes into its arguments
        details = finding.details | {"truth": "the function", "derivative": f"∂/∂{finding.name}"}
        judgement = Judgement(finding.verdict, finding.message, finding.mistake, details)
        told = self.scene.record(index, name, judgement, claim, hash(name), explicit=True)
        if told is not None:
            told.step, told.fix, told.hint = finding.step, finding.fix, finding.hint
        return True

    def _texts(self, index: int, operands: Sequence[Any]) -> dict[int, str]:
        """What a call calls its operands, where that is the name of a variable."""
        texts = self.scene.sites[index].texts
        named = zip(operands, texts, strict=False) if len(operands) == len(texts) else ()
        return {id(operand): text for operand, text in named if PLACE.fullmatch(text)}


@dataclass(frozen=True, eq=False)
class Source:
    """What finite differences were computed of: a call, at a point of which ``held`` is the array itself."""

    call: Call
    held: Any

    def explain(self, scene: Scene, finding: Finding, claimed: Array, approximate: Array, slack: float) -> bool:
        """Say what is wrong with a gradient that differs from the differences, if that can be seen in the function."""
        try:
            with scene.aside():
                report = check_array(self.call, self.held, claimed, approximate, slack)
        except Exception:  # the user's code may raise anything
            return False
        found = report.findings[0] if report is not None else None
        if found is None or found.ok or found.mistake in {None, "unknown"}:
            return False
        argument = re.compile(rf"\bd{re.escape(found.name)}\b")  # which the notebook's own name is better than

        def renamed(text: str) -> str:
            return argument.sub(lambda _: finding.name, text)

        finding.mistake, finding.step, finding.hint = found.mistake, found.step, found.hint
        finding.message, finding.fix = f"{renamed(found.message)} ({finding.message})", renamed(found.fix)
        finding.details = found.details | finding.details
        return True


def sources_of(arguments: Sequence[Any], options: Mapping[str, Any]) -> list[Source]:
    """What a function that computes finite differences is about to compute them of."""
    call = call_of(arguments, options)
    if call is None or not isinstance(call.point, np.ndarray):
        return []
    return [Source(replace(call, point=call.point.copy()), call.point)]


def _reports(arguments: Sequence[Any], options: Mapping[str, Any]) -> Iterator[tuple[Any, str, Callable[[], Report]]]:
    """What is claimed by a call: the function, what to call it if it has no name, and how it is checked."""
    call = call_of(arguments, options)
    if call is None:
        return
    function, point, more = call.functions[0], call.point, call.more
    if _has_tensors(point):
        inputs = point if isinstance(point, tuple | list) else [point]
        yield function, "the gradient", lambda: check_attached(function, inputs)
        return
    gradient = next((options[name] for name in DERIVATIVES if callable(options.get(name))), None)
    if gradient is None and len(call.functions) > 1:
        gradient = call.functions[1]
    if gradient is not None:
        yield gradient, "jac", lambda: check_pair(function, gradient, point, more)
        second = next((options[name] for name in SECOND if callable(options.get(name))), None)
        if second is not None:
            yield second, "hess", lambda: check_pair(gradient, second, point, more)
        return
    shape = np.shape(point)
    given = next((value for value in call.rest if isinstance(value, np.ndarray) and value.shape == shape), None)
    if given is not None and not any(value is given for value in more):
        yield given, "the gradient", lambda: check_value(function, given, point, more)
    else:
        yield function, "the gradient", lambda: _joint(function, point, more)


def call_of(arguments: Sequence[Any], options: Mapping[str, Any]) -> Call | None:
    """The functions in a call, the point that they are at, and what else they take; None if there are none.

    >>> call = call_of([np.sum, np.ones(2)], {})
    >>> call.functions == [np.sum], call.point
    (True, array([1., 1.]))
    """
    functions = [value for value in arguments if _is_function(value)]
    functions = functions or [options[name] for name in FUNCTIONS if _is_function(options.get(name))]
    rest = [value for value in arguments if not _is_function(value)]
    points = [options[name] for name in POINTS if name in options] or rest[:1]
    if not functions or not points or not _is_numeric(points[0]):
        return None
    rest = rest[1:] if rest and points[0] is rest[0] else rest
    given = options.get("args", rest[0] if len(rest) == 1 and isinstance(rest[0], tuple) else rest)
    more = list(given) if isinstance(given, tuple | list) else [given]
    fitting = [some for some in (more, []) if takes(functions[0], 1 + len(some))]
    return Call(functions, points[0], fitting[0] if fitting else [], rest)


def _is_function(value: Any) -> bool:
    return callable(value) and not isinstance(value, type) and not hasattr(value, "shape")


def _has_tensors(point: Any) -> bool:
    """Whether a point is a tensor, or several things with tensors among them."""
    return any(map(is_foreign, point)) if isinstance(point, tuple | list) else is_foreign(point)


def _is_numeric(point: Any) -> bool:
    if _has_tensors(point):
        return True
    try:
        return np.asarray(point).dtype.kind in "fiu"
    except (ValueError, TypeError):
        return False


def _joint(function: Callable[..., Any], point: Any, more: Sequence[Any]) -> Report:
    """The check of a function, if it returns a number and, next, as many as its argument has."""
    out = function(np.array(point, float), *more)
    several = isinstance(out, tuple | list) and len(out) > 1
    is_joint = several and np.size(out[0]) == 1 and np.size(out[1]) == np.size(point)
    return check_joint(function, point, more) if is_joint else Report([])
