"""A backward pass step by step: each cotangent is judged by those that the user had before it on the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.check.chain.reach import Reach
from chainrule.check.function.again import called_with
from chainrule.check.function.draws import another, upstream_like
from chainrule.check.function.judging import explained
from chainrule.check.function.reading import as_array, match
from chainrule.check.function.rounding import size_of
from chainrule.check.function.subject import Run, Subject
from chainrule.check.mistakes.diagnosis import Claim, diagnose
from chainrule.check.verdicts.compare import UNDECIDABLE, WRONG, Judgement, Truth, Value, judge
from chainrule.check.verdicts.finding import Finding
from chainrule.errors import ClaimError
from chainrule.explain.computation import Computation, Step

__all__ = ["judge_steps"]

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass
class _Named:
    """A claimed cotangent: what it is called, of which step, and what it is."""

    name: str
    step: Step
    claimed: Array


@dataclass
class _Pass:
    """What is known on the way: cotangents that are taken as the user has them, and what follows from those."""

    run: Run
    given: dict[Step, Array] = field(default_factory=dict)
    blamed: list[str] = field(default_factory=list)
    unusable: dict[str, Step] = field(default_factory=dict)  # claims whose shape does not let one go on

    def __post_init__(self) -> None:
        self._reach: Reach | None = None

    @property
    def computation(self) -> Computation:
        """The recorded run."""
        assert self.run.computation is not None
        return self.run.computation

    def expected(self, step: Step) -> Array:
        """The cotangent of a step, from those that are given."""
        if self._reach is None:
            seeds = {self.computation.output: self.run.seed, **self.given}
            self._reach = Reach(self.computation, self.computation.output, seeds)
        number = self._reach.number_of[step]
        return np.asarray(self._reach.adjoints.get(number, np.zeros(step.shape)))

    def take(self, named: _Named) -> None:
        """From here on, as the user has it."""
        if named.claimed.shape != named.step.shape:
            self.unusable[named.name] = named.step
            return
        self.blamed.append(named.name)
        self.given[named.step] = named.claimed
        self._reach = None

    def spoiled_by(self, step: Step) -> str | None:
        """An earlier claim that cannot be used and that this step's cotangent depends on."""
        for name, later in self.unusable.items():
            if step in _below(later):
                return name
        return None


def judge_steps(
    run: Run, steps: Any, claims: Mapping[str, Any], subject: Subject, pool: Mapping[str, Array], seed: int
) -> list[Finding]:
    """One finding for each claimed cotangent, in the order of the way back."""
    assert run.computation is not None
    found = called_with(steps, subject, run) if callable(steps) else steps
    if not isinstance(found, Mapping):
        raise ClaimError(f"steps are a mapping from names of variables to arrays; got {type(found).__name__}")
    named = _in_order(run.computation, found, claims)
    way = _Pass(run)
    make = _remade(run, steps, subject, seed) if callable(steps) else None
    return [_finding(way, entry, pool, make) for entry in named]


def _below(step: Step) -> set[Step]:
    """The steps that a step was computed from."""
    found: set[Step] = set()
    pending = [step]
    while pending:
        for argument in pending.pop().arguments:
            if argument not in found:
                found.add(argument)
                pending.append(argument)
    return found


def _in_order(computation: Computation, steps: Mapping[str, Any], claims: Mapping[str, Any]) -> list[_Named]:
    """The claims with the steps that they are about, the last step first."""
    number_of = {step: number for number, step in enumerate(computation.steps)}
    by_name: dict[str, list[Step]] = {}
    for step in computation.steps:
        if step.name and step.is_tracked:
            by_name.setdefault(step.called, []).append(step)
            if step.called != step.name:
                by_name.setdefault(step.name, []).append(step)
    found: list[_Named] = []
    for key, value in [*steps.items(), *claims.items()]:
        name = match(str(key), list(by_name))
        if name is None:
            known = ", ".join([step.called for step in computation.steps if step.name and step.is_tracked])
            raise ClaimError(f"a step is claimed for {key!r}, and f has no such variable; it has {known}")
        claimed = as_array(str(key), value).astype(float)
        found.append(_Named(str(key), _best(by_name[name], claimed), claimed))
    return sorted(found, key=lambda named: -number_of[named.step])


def _best(steps: list[Step], claimed: Array) -> Step:
    """Of several values that one variable held, the last one whose shape fits."""
    fitting = [step for step in steps if step.shape == claimed.shape]
    return (fitting or steps)[-1]


def _finding(way: _Pass, named: _Named, pool: Mapping[str, Array], make: Callable[..., Any] | None) -> Finding:
    true = way.expected(named.step)
    judgement = _judged(way, named, true)
    finding = Finding(
        named.name, 0, 0, judgement.verdict, judgement.message, judgement.mistake, details=judgement.details
    )
    if judgement.ok:
        if way.blamed and not np.allclose(true, _Pass(way.run).expected(named.step), rtol=1e-9, atol=0):
            culprits = " and ".join(way.blamed)
            finding.message = f"right, from your own {culprits}, which {'is' if len(way.blamed) == 1 else 'are'} wrong"
            finding.details = finding.details | {"follows": ", ".join(way.blamed)}
            finding.mistake = None
        return finding
    spoiled = way.spoiled_by(named.step)
    if spoiled is not None:
        finding.verdict, finding.mistake = UNDECIDABLE, None
        finding.message = f"not judged: it comes after {spoiled}, whose shape is wrong"
        return finding
    if np.isnan(named.claimed).any():
        finding.verdict, finding.message = WRONG, f"{named.name} has NaN in it"
    else:
        explained(finding, diagnose(_claim(way, named, true, pool, make)))
    if finding.verdict == WRONG:
        way.take(named)
    return finding


def _judged(way: _Pass, named: _Named, true: Array) -> Judgement:
    value = Value(named.claimed, 2.0**-52, "float64")
    judgement = judge(value, Truth(Value(true, 2.0**-52, "float64")))
    if judgement.ok:
        return judgement
    size = size_of(way.run, named.step, way.given)
    loss = None if size is None else 8.0 * size
    return judge(value, Truth(Value(true, 2.0**-52, "float64"), loss=loss))


def _claim(way: _Pass, named: _Named, true: Array, pool: Mapping[str, Array], make: Callable[..., Any] | None) -> Claim:
    again = None
    if make is not None:
        points: Iterator[Claim | None] = make(way, named)
        again = lambda: next(points, None)  # noqa: E731
    return Claim(
        named.name,
        named.claimed,
        true,
        way.computation,
        named.step,
        way.computation.output,
        way.run.upstream,
        pool,
        again,
        dict(way.given),
    )


def _remade(run: Run, steps: Callable[..., Any], subject: Subject, seed: int) -> Callable[..., Any]:
    """The same claim at other points, with the user's own cotangents there."""
    runs: list[tuple[Run, Mapping[str, Any]]] = []
    random = np.random.default_rng(seed + 1)

    def point(number: int) -> tuple[Run, Mapping[str, Any]] | None:
        while len(runs) <= number:
            leaves = [another(leaf, random) if isinstance(leaf, np.ndarray) else leaf for leaf in run.leaves]
            try:
                upstream = None if run.upstream is None else upstream_like(run.out, random)
                other = subject.run(leaves, upstream)
                runs.append((other, called_with(steps, subject, other)))
            except Exception:  # the user's code may raise anything at a point that it was not written for
                return None
        return runs[number]

    def claims(way: _Pass, named: _Named) -> Iterator[Claim | None]:
        numbers = {step: number for number, step in enumerate(way.computation.steps)}
        keys = {step: name for name, step in zip(way.blamed, way.given, strict=False)}
        for number in range(8):
            found = point(number)
            if found is None or found[0].computation is None:
                return
            other, values = found
            if len(other.computation.steps) != len(numbers):  # type: ignore[union-attr]
                return
            there = _Pass(other)
            for step, key in keys.items():
                there.given[there.computation.steps[numbers[step]]] = np.asarray(values[key], dtype=float)
            step = there.computation.steps[numbers[named.step]]
            entry = _Named(named.name, step, np.asarray(values[named.name], dtype=float))
            yield _claim(there, entry, there.expected(step), {}, None)

    return claims
