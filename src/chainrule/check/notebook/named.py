"""Judges variables that are named after a derivative, against the derivative through the tape."""

from __future__ import annotations

import functools
from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import Any

import numpy as np

from chainrule.check.notebook.evidence import Evidence, Pass, scope_of
from chainrule.check.notebook.scene import Scene, contracted
from chainrule.check.rewriting.names import Reading, derivative_in, readings
from chainrule.check.verdicts.compact import judge_form
from chainrule.check.verdicts.compare import EXACT, WRONG, Judgement, Truth, Value, judge, unguarded
from chainrule.check.watching.containers import entries
from chainrule.check.watching.provenance import Provenance
from chainrule.check.watching.shadow import Assumed

__all__ = ["Named", "Names"]

ROUNDS = 20  # how often one place in a loop is judged
NEARER = 0.5  # how much nearer to a later pass a value must be to be meant for that
ROUNDS_OF_SHADOWS = 6  # the same where nobody asked


@dataclass(frozen=True)
class _Verdict:
    """A judgement, the variable that it is about, and what may tell its cause."""

    judgement: Judgement
    target: Any
    evidence: Evidence | None


@dataclass
class Named:
    """A value that was given a derivative's name, as it was then, with the variables that the name may speak of."""

    index: int
    value: Any
    found: Value
    owner: Any
    scope: ChainMap[str, Any]
    provenance: Provenance
    options: list[Reading] = field(default_factory=list)
    tentative: _Verdict | None = None  # the best verdict so far
    before: Value | None = None  # what it was before a part of it was set to 0


class Names:
    """The judge of names in one notebook.

    A name that has both, ``dloss_dW``, is judged at once, or at the end of its cell if ``loss`` is computed after it. A
    name that has only the variable, ``dW`` or ``x.g``, may be meant for the last `backward` or for the next one: if it
    is wrong for the last, it waits for the next.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._rounds = ROUNDS if scene.shadows is None else ROUNDS_OF_SHADOWS
        self._visits: dict[int, int] = {}
        self._before: dict[tuple[str, int], Value] = {}  # by the name and the frame of its variable
        self._unread: list[Named] = []
        self._pending: list[Named] = []

    def before(self, name: str, value: Any, frame: FrameType) -> None:
        """A variable has a value of which a part is then set to 0."""
        found = self.scene.value(value)
        if found is not None:
            self._before[name, id(frame)] = replace(found, array=found.array.copy())

    def name(self, index: int, value: Any, owner: Any, frame: FrameType) -> None:
        """A variable has its final value; ``owner`` is the object if it is an attribute."""
        site, provenance = self.scene.sites[index], self.scene.known.of(value)
        before = self._before.pop((site.texts[0], id(frame)), None)
        found = self.scene.value(value, site.literals[0])
        if found is None or isinstance(value, list | tuple) or self._visits.get(index, 0) >= self._rounds:
            return
        if provenance.numerical:
            return  # finite differences, to compare with
        scope: ChainMap[str, Any] = ChainMap(dict(frame.f_locals), frame.f_globals)
        if self.scene.shadows is not None:
            scope = scope_of(frame)  # the loss may be a variable of who called, and a parameter in a dictionary
            scope = ChainMap(*scope.maps, self._inside(scope))
        if owner is not None and self.scene.known.owner(owner) is None and hasattr(owner, "__dict__"):
            scope = scope.new_child(dict(vars(owner)))
        self._visits[index] = self._visits.get(index, 0) + 1
        named = Named(index, value, found, owner, scope, provenance, before=before)
        if not self._read(named):
            self._unread.append(named)

    def _inside(self, scope: Mapping[str, Any]) -> dict[str, Any]:
        """What is in dictionaries and objects, by name; of several that which is tracked: `W1` is no gradient."""
        found: dict[str, Any] = {}
        for name, value in entries(scope):
            if name not in found or (self.scene.tracked(value) and not self.scene.tracked(found[name])):
                found[name] = value
        return found

    def leave(self, namespace: Mapping[str, Any]) -> Iterator[tuple[int, functools.partial[bool]]]:
        """A cell has ended: names whose tensors were computed after them can be read now, one call for each."""
        unread, self._unread = self._unread, []
        for named in unread:
            named.scope = ChainMap(dict(namespace), *named.scope.maps)
            yield named.index, functools.partial(self._read, named)

    def finish(self) -> None:
        """The notebook has ended: what waited for a later `backward` gets the verdict that it has."""
        for named in self._pending:
            if named.tentative is not None:
                self._record(named, named.tentative)
        self._pending.clear()

    def ran_backward(self) -> None:
        """Another `backward` ran: a name that was computed before it may have been meant for this one."""
        root, cotangent = self.scene.roots[-1]
        self._pending = [
            named
            for named in self._pending
            if not any(self._settled(named, reading, root, cotangent) for reading in named.options)
        ]

    def _read(self, named: Named) -> bool:
        """Find what a name speaks of and judge it, or let it wait for a backward; False if nothing can be read yet."""
        site = self.scene.sites[named.index]
        if named.owner is not None and self.scene.known.owner(named.owner) is not None:
            options = [Reading(None, named.owner, f"∂/∂{site.texts[0].rpartition('.')[0]}", False)]
        else:
            last = next((assumed.result for assumed in self.scene.passes(named.scope)), None)
            options = list(readings(derivative_in(site.texts[0]), named.scope, self.scene.tracked, last))
        judged = [found for reading in options for found in self._judge_reading(named, reading)]
        best = next((found for found in judged if found.judgement.ok), judged[0] if judged else None)
        named.options = [reading for reading in options if reading.output is None]
        final = not named.options or self.scene.shadows is not None
        if best is not None and (best.judgement.ok or final):
            self._record(named, best)
        elif named.options:
            named.tentative = best
            self._pending.append(named)
        return best is not None or bool(named.options)

    def _judge_reading(self, named: Named, reading: Reading) -> Iterator[_Verdict]:
        if reading.explicit:
            verdict = self._judge(named, reading.output, reading.argument, reading.text, explicit=True)
            if verdict is not None:
                yield verdict
        elif reading.output is not None:
            yield from self._judge_of_result(named, reading)
        else:
            yield from self._judge_of_passes(named, reading)

    def _judge_of_passes(self, named: Named, reading: Reading) -> Iterator[_Verdict]:
        """`dW`: of the latest pass. Where none is known to be meant, of the one that it is right for, or nearest to."""
        nearest: _Verdict | None = None
        passes = list(self.scene.passes(named.scope))
        if self._is_given(named, reading.argument, passes):
            return
        for assumed in passes:
            verdict = self._judge(named, assumed.result, reading.argument, reading.text, cotangent=assumed.cotangent)
            if verdict is None or self._is_convention(verdict, assumed):
                continue
            better = assumed.strict and (
                verdict.judgement.ok or _distance(verdict) < NEARER * _distance(nearest or verdict)
            )
            if nearest is None or better:
                nearest = verdict
            if nearest.judgement.ok or self.scene.shadows is None:
                break
        if nearest is not None:
            yield nearest

    @staticmethod
    def _is_given(named: Named, argument: Any, passes: Sequence[Assumed]) -> bool:
        """Whether a value is what all others start from: `dout`, where there is no loss that it could be derived of."""
        if passes and passes[0].cotangent is None:
            return False
        same = (assumed for assumed in passes if assumed.result is argument and assumed.strict)
        return any(np.array_equal(assumed.cotangent.value, named.found.array) for assumed in same)

    def _judge_of_result(self, named: Named, reading: Reading) -> Iterator[_Verdict]:
        """`grad_mse`: by whichever tensor of that shape it depends on."""
        backend = self.scene.known.owner(reading.output)
        if backend is None or backend.leaf(reading.output) or backend.array(reading.output)[0].size != 1:
            return
        inputs = {id(leaf): leaf for leaf in backend.leaves(reading.output)}
        inputs |= {id(value): value for value in named.scope.values() if self.scene.tracked(value)}
        for argument in inputs.values():
            if argument is reading.output or backend.array(argument)[0].shape != named.found.shape:
                continue
            verdict = self._judge(named, reading.output, argument, reading.text, explicit=True)
            if verdict is not None:
                yield verdict

    def _judge(
        self, named: Named, output: Any, argument: Any, text: str, *, cotangent: Any = None, explicit: bool = False
    ) -> _Verdict | None:
        """Judge a named value, or what it was before it was masked, if that is right."""
        if named.before is not None:
            before = replace(named, found=named.before, before=None)
            verdict = self._judge_value(before, output, argument, text, cotangent=cotangent, explicit=explicit)
            if verdict is not None and verdict.judgement.ok:
                return verdict
        return self._judge_value(named, output, argument, text, cotangent=cotangent, explicit=explicit)

    def _judge_value(
        self, named: Named, output: Any, argument: Any, text: str, *, cotangent: Any = None, explicit: bool = False
    ) -> _Verdict | None:
        """Judge a named value against the derivative through the tape; None if it cannot be a claim about it."""
        backend = self.scene.known.owner(argument)
        if output is argument and cotangent is not None:
            return None  # any gradient is right, given itself
        if backend is None or not backend.owns(output) or id(argument) in named.provenance.targets:
            return None
        truth = backend.derivative(output, argument)
        if truth is None:
            if explicit and not np.any(named.found.array):
                told = "no path on the tape connects the two, so the derivative is zero"
                return _Verdict(Judgement(EXACT, told), argument, None)
            return None
        if not explicit:
            truth = contracted(backend, truth, cotangent)
            literal = self.scene.sites[named.index].literals[0] is not None
            number = self.scene.shadows is not None and not literal and truth.columns == ()
            if not (number or _plausible(named.found, truth)) or named.provenance.random:
                return None
        weigh = judge_form if explicit else judge
        judgement = weigh(named.found, truth)
        single = int(np.prod(truth.rows, dtype=np.int64)) == 1
        sure = judgement.ok and self.scene.shadows is not None  # nobody asked, and it takes long
        if judgement.verdict != EXACT and single and not sure:
            off = None
            if not explicit and named.found.shape == truth.value.shape:
                off = np.abs(named.found.array - truth.value.array)
            loss = backend.loss(output, cotangent, argument, off)
            if loss is not None:
                truth = replace(truth, loss=loss.reshape(truth.value.shape))
                judgement = weigh(named.found, truth)
        guard = backend.guard(output) if judgement.verdict == WRONG and single else 0.0
        if guard:
            judgement = weigh(unguarded(named.found, truth, guard), truth)
        judgement = replace(judgement, details=judgement.details | {"derivative": text})
        passes = [Pass(backend, output, cotangent, argument)] if single else []
        return _Verdict(judgement, argument, self._gather(named, judgement, truth, passes))

    def _is_convention(self, verdict: _Verdict, assumed: Assumed) -> bool:
        """Whether a multiple of a gradient may be meant as it is.

        Where no library tells what is differentiated, people keep the 1/m of a mean, or a sign, for the last step.
        """
        if self.scene.shadows is None or verdict.judgement.mistake not in {"factor", "sign"}:
            return False
        backend = self.scene.known.owner(verdict.target)
        return not assumed.strict or (
            assumed.cotangent is None and backend is not None and not backend.leaf(verdict.target)
        )

    def _gather(self, named: Named, judgement: Judgement, truth: Truth, passes: Sequence[Pass]) -> Evidence | None:
        """What may tell the cause of a verdict, with a loss of shape (1,) or (1, 1) taken for a number."""
        if passes and truth.rows:
            shaped = replace(truth.value, array=truth.value.array.reshape(truth.columns))
            loss = None if truth.loss is None else truth.loss.reshape(truth.columns)
            truth = Truth(shaped, (), truth.columns, loss)
        return self.scene.gather(judgement, named.found, truth, passes, named.value, named.scope)

    def _settled(self, named: Named, reading: Reading, root: Any, cotangent: Any) -> bool:
        best = self._judge(named, root, reading.argument, reading.text, cotangent=cotangent)
        if best is None:
            return False
        earlier = named.tentative
        if not best.judgement.ok and earlier is not None and _distance(earlier) <= _distance(best):
            best = earlier
        self._record(named, best)
        return True

    def _record(self, named: Named, verdict: _Verdict) -> None:
        site = self.scene.sites[named.index]
        if site.accumulates:  # it goes on with a value that was judged too early
            self.scene.forget_unfinished(named.index)
        name, target = site.texts[0], id(verdict.target)
        self.scene.record(
            named.index, name, verdict.judgement, named.value, target, explicit=False, evidence=verdict.evidence
        )


def _plausible(found: Value, truth: Truth) -> bool:
    """A bare name like `dx` is a claim only if its shape is the variable's, in some layout, or unsummed."""
    shape, columns = found.shape, truth.columns
    if not found.shaped:
        return False
    same = sorted(length for length in shape if length > 1) == sorted(length for length in columns if length > 1)
    unsummed = len(shape) == len(columns) + 1 and shape[1:] == columns
    return same or unsummed


def _distance(verdict: _Verdict) -> float:
    return float(verdict.judgement.details.get("difference", np.inf))
