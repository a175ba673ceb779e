"""Checks a gradient that was derived by hand: whether it is right, and if not, what is wrong and at which step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from chainrule.check.chain.point import Point
from chainrule.check.function.again import Again, called_with
from chainrule.check.function.draws import upstream_like
from chainrule.check.function.judging import claim_at, explained, judged, spacing
from chainrule.check.function.kinks import kink_at
from chainrule.check.function.numeric import along
from chainrule.check.function.power import power
from chainrule.check.function.reading import arrays_read_by, as_array, claims_by_name
from chainrule.check.function.remedies import Remedies
from chainrule.check.function.rounding import move_of_guards
from chainrule.check.function.steps import judge_steps
from chainrule.check.function.subject import Run, Subject
from chainrule.check.mistakes.diagnosis import Claim, diagnose
from chainrule.check.mistakes.hints import hint_for
from chainrule.check.verdicts.compare import SHAPE, UNDECIDABLE, WRONG, Judgement, Truth, Value, allowance, judge
from chainrule.check.verdicts.finding import Finding
from chainrule.check.verdicts.report import Report
from chainrule.errors import ClaimError

__all__ = ["Check", "check"]

Array = np.ndarray[Any, np.dtype[Any]]
MOST_ARGUMENTS_FOR_POWER = 6
MOST_ENTRIES = 2000  # of an argument of a function that is only called, above which only some directions are tried
DIRECTIONS = 8


def check(
    f: Callable[..., Any],
    claimed: Any,
    *args: Any,
    upstream: Any = None,
    steps: Any = None,
    argnums: int | Sequence[int] | None = None,
    seed: int = 0,
    pool: Mapping[str, Any] | None = None,
    **options: Any,
) -> Report:
    """Compare gradients that were derived by hand with the true ones, and say what is wrong and at which step.

    How much rounding is allowed follows from what the computation can lose. A wrong gradient is explained by the
    simplest mistake in the derivation that gives it. If ``claimed`` is a function, the explanation is confirmed at a
    second random point.

    Args:
        f: the function; of NumPy arrays, or of arrays of any library (then it is only called, and differences tell).
        claimed: the gradients: a mapping from the names of arguments (``W``, ``dW``, ``dL_dW``, ``grad_W``), a tuple
            along the arguments, one array, or a function of the arguments that gives one of these. If f returns an
            array, such a function takes the upstream too, as ``upstream=`` or last. None if only ``steps`` are given.
            An array of shape ``out.shape + argument.shape`` without an upstream is a Jacobian.
        args: the arguments of f.
        upstream: the cotangent of f's result. If f returns an array and none is given, a random one is drawn for a
            claim that is a function; for others, ones are taken, and the report says so.
        steps: cotangents of values inside f by the names of the variables (``dh``, ``dlogits``), or a function of the
            arguments that gives them. Each is judged by those that came before it on the way back, so that one
            mistake is one finding.
        argnums: which arguments a tuple, or one array, is about.
        seed: of the random points.
        pool: further arrays that were at hand when the gradient was written, by name.
        options: arguments of f by name.

    Returns:
        A :class:`~chainrule.check.verdicts.report.Report`.

    Raises:
        ClaimError: what is claimed belongs to no argument, or is no array of numbers.

    >>> def loss(W, X, Y):
    ...     return np.sum((X @ W - Y) ** 2)
    >>> random = np.random.default_rng(0)
    >>> W, X, Y = random.normal(size=(5, 3)), random.normal(size=(7, 5)), random.normal(size=(7, 3))
    >>> check(loss, {"W": 2 * X.T @ (X @ W - Y)}, W, X, Y).ok
    True
    >>> finding = check(loss, {"W": X.T @ (X @ W - Y)}, W, X, Y).findings[0]
    >>> finding.verdict, finding.mistake, finding.message
    ('wrong', 'factor', 'dW is the gradient times 1/2.')
    """
    with np.errstate(all="ignore"):
        return Check(f, claimed, args, options, upstream, steps, argnums, seed, pool or {}).report()


class Check:
    """One check in the making; ``formulas`` says that what is right is told as Python too, which may take its time."""

    def __init__(
        self,
        function: Callable[..., Any],
        claimed: Any,
        arguments: Sequence[Any],
        options: Mapping[str, Any],
        upstream: Any,
        steps: Any,
        argnums: int | Sequence[int] | None,
        seed: int,
        pool: Mapping[str, Any],
        formulas: bool = True,
    ) -> None:
        self.subject = Subject(function, arguments, options)
        self.claimed, self.steps, self.seed = claimed, steps, seed
        self.formulas = formulas
        self.notes: list[str] = []
        self.problem = ""
        self.names, self.order = self._asked(argnums)
        self.run = self._first_run(upstream)
        self.claims = self._claims()
        self.pool = {name: np.asarray(array) for name, array in pool.items()}
        self.remedies = Remedies(self.run)
        self.again: Again | None = None
        if callable(claimed):
            self.pool = {**arrays_read_by(claimed), **self.pool}
            self.again = Again(self.subject, self.run, claimed, self.names, seed)

    def _asked(self, argnums: int | Sequence[int] | None) -> tuple[list[str], list[str]]:
        """The arguments that a gradient can be by, and all that a tuple goes along."""
        real, subject = self.subject.real, self.subject
        if argnums is None:
            return real, subject.arguments if len(subject.arguments) == len(subject.names) else subject.names
        chosen = [argnums] if isinstance(argnums, int) else list(argnums)
        try:
            names = [subject.arguments[number] for number in chosen]
        except IndexError as problem:
            raise ClaimError(f"argnums is {argnums}; there are {len(subject.arguments)} arguments") from problem
        inside = [name for name in real if name in names]
        return inside, names

    def _first_run(self, upstream: Any) -> Run:
        """Run the function twice, and see that it gives the same and leaves its arguments alone."""
        subject = self.subject
        out = subject.call(subject.leaves)
        if subject.changed:
            self.problem = (
                f"f changes its argument {', '.join(subject.changed)} while it runs, so it is not clear at which value "
                "the gradient is meant: work on a copy inside f"
            )
        seeds = self._upstream(upstream, out)
        run = subject.run(subject.leaves, seeds)
        if not np.isfinite(out).all():
            self.problem = self.problem or f"f is not finite here: it returns {_few(out)}, so there is no gradient"
        elif not self.problem and not _agree(out, subject.call(subject.leaves), 0.0):
            self.problem = (
                "f gives another result each time it is called: draw its random numbers outside, or seed the generator "
                "inside f"
            )
        if subject.is_followed:
            self.notes.append("f was followed in a copy that computes with NumPy and gives the same.")
        if subject.unrecorded:
            self.notes.append(
                f"f could only be called, not followed ({subject.unrecorded:.120}); differences of it tell."
            )
        return run

    def _upstream(self, upstream: Any, out: Array) -> Array | None:
        if upstream is not None:
            given = as_array("the upstream", upstream)
            if given.shape != out.shape:
                raise ClaimError(f"the upstream has the shape {given.shape}; that of f's result is {out.shape}")
            return given
        if out.shape == ():
            return None
        if callable(self.claimed) or callable(self.steps):
            return upstream_like(out, np.random.default_rng(self.seed))
        return np.ones(out.shape)

    def _claims(self) -> dict[str, Any]:
        if self.claimed is None:
            if self.steps is None:
                raise ClaimError("nothing is claimed: give gradients, or steps")
            return {}
        found = called_with(self.claimed, self.subject, self.run) if callable(self.claimed) else self.claimed
        return claims_by_name(found, self.names, self.order)

    # -- the report ---------------------------------------------------------------------------------------------------

    def report(self) -> Report:
        """Judge every claim."""
        if self.problem:
            names = [*self.claims, *(self.steps if isinstance(self.steps, Mapping) else ())]
            return Report([Finding(name, 0, 0, UNDECIDABLE, self.problem, "unknown") for name in names], self.notes)
        if self.steps is not None:
            return self._stepwise()
        findings = [self._finding(name, value) for name, value in self.claims.items()]
        return self._with_power(findings, list(self.claims))

    def _stepwise(self) -> Report:
        if self.run.computation is None:
            raise ClaimError(
                f"steps can only be judged where f can be followed: {self.subject.unrecorded or 'it cannot'}"
            )
        findings = judge_steps(self.run, self.steps, self.claims, self.subject, self.pool, self.seed)
        return self._with_power(findings, list(self.claims))

    def _with_power(self, findings: Sequence[Finding], names: Sequence[str]) -> Report:
        is_ones = self.run.upstream is not None and np.all(self.run.upstream == 1)
        if is_ones and not self._has_jacobians():
            self.notes.append(
                "f returns an array; the upstream was taken to be all ones, which is the gradient of its sum. Give "
                "upstream= for another one: a gradient that forgets to multiply by it does not show."
            )
        if self.run.computation is None:
            return Report(findings, self.notes)
        found = power(list(self._points_for_power(names)))
        notes = self.notes + [note for note in found.notes if not (is_ones and note.startswith("The upstream"))]
        return Report(findings, notes, found.caught, found.tried)

    def _points_for_power(self, names: Sequence[str]) -> Iterator[Point]:
        first: Point | None = None
        for name in list(names)[:MOST_ARGUMENTS_FOR_POWER]:
            true = self.run.gradients[name]
            point = Point(self._claim(name, true, true, 0.0))
            if first is not None and first.reach is not None:
                point.reach = first.reach.towards(self.run.step(name))
            first = first or point
            yield point

    def _has_jacobians(self) -> bool:
        shape = self.run.out.shape
        return any(
            np.shape(value)[: len(shape)] == shape and np.ndim(value) > len(shape) for value in self.claims.values()
        )

    # -- one claim ----------------------------------------------------------------------------------------------------

    def _finding(self, name: str, value: Any) -> Finding:
        claimed = as_array(name, value)
        argument = self.subject.leaves[self.subject.names.index(name)]
        if claimed.dtype.kind == "f" and np.isnan(claimed).any():
            return self._with_nan(name, claimed)
        if self._is_jacobian(claimed, argument):
            return self._jacobian(name, claimed)
        if self.run.computation is None and argument.size > MOST_ENTRIES and claimed.shape == argument.shape:
            return self._along(name, claimed)
        judgement, truth, given = judged(self.run, name, value)
        return self._told(name, judgement, truth, given, kinks=True)

    @staticmethod
    def _with_nan(name: str, claimed: Array) -> Finding:
        where = np.argwhere(np.isnan(claimed))
        place = f" at {[int(k) for k in where[0]]}" if claimed.ndim else ""
        told = f"{len(where)} of its {claimed.size} entries are NaN, the first{place}: something was 0/0 or ∞ − ∞"
        return Finding(name, 0, 0, WRONG, told, "unknown", name, hint=hint_for("unknown"))

    def _is_jacobian(self, claimed: Array, argument: Array) -> bool:
        shape = self.run.out.shape
        ones = self.run.upstream is not None and bool(np.all(self.run.upstream == 1))
        return bool(shape) and ones and claimed.shape == shape + argument.shape and self.run.computation is not None

    def _jacobian(self, name: str, claimed: Array) -> Finding:
        computation = self.run.computation
        assert computation is not None
        size = int(np.prod(self.run.out.shape))
        rows = [
            _with_upstream(self.run, np.eye(size)[row].reshape(self.run.out.shape)).gradients[name]
            for row in range(size)
        ]
        true = np.stack(rows).reshape(claimed.shape)
        eps = max(self.subject.eps(name), spacing(claimed))
        judgement = judge(Value(claimed.astype(float), eps, ""), Truth(Value(true, 2.0**-52, "")))
        finding = Finding(
            name, 0, 0, judgement.verdict, judgement.message, judgement.mistake, details=judgement.details
        )
        if judgement.ok:
            finding.message = f"the Jacobian: {judgement.message}"
            return finding
        found = diagnose(Claim(f"d{name}", claimed, true, pool=self.pool, eps=eps))
        return explained(finding, found)

    def _along(self, name: str, claimed: Array) -> Finding:
        """A large gradient of a function that is only called: its slopes along some random directions."""
        random, run = np.random.default_rng(self.seed), self.run
        point = run.leaf(name).astype(float)
        eps = max(self.subject.eps(name), spacing(claimed))
        slopes, dots, slack = [], [], 0.0

        def loss(moved: Array) -> Array:
            return np.asarray(np.sum(run.seed * run.with_leaf(name, moved)))

        for _ in range(DIRECTIONS):
            direction = np.asarray(random.normal(size=point.shape))
            slope, error = along(loss, point, direction, eps)
            slopes.append(float(slope))
            dots.append(float(np.sum(claimed * direction)))
            slack = max(slack, error)
        given = Value(np.array(dots), eps, "", True, slack, "within the error of differences")
        judgement = judge(given, Truth(Value(np.array(slopes), 2.0**-52, "")))
        finding = Finding(
            name, 0, 0, judgement.verdict, judgement.message, judgement.mistake, details=judgement.details
        )
        if not judgement.ok:
            seen = Claim(f"d{name}", np.array(dots), np.array(slopes), allowed=slack, eps=eps)
            finding = explained(finding, diagnose(seen))
        finding.message += f" (along {DIRECTIONS} random directions, as its {point.size} entries are many)"
        return finding

    def _told(self, name: str, judgement: Judgement, truth: Truth, given: Value, kinks: bool) -> Finding:
        finding = Finding(
            name, 0, 0, judgement.verdict, judgement.message, judgement.mistake, details=judgement.details
        )
        if judgement.verdict not in (WRONG, SHAPE):
            return finding
        allowed = float(np.max(allowance(given, truth))) if given.shape == truth.value.shape else 0.0
        allowed += move_of_guards(self.run, name)
        if kinks and judgement.verdict == WRONG:
            kink = kink_at(self.run, name, given.array, truth.value.array, allowed)
            if kink is not None:
                place = f"[{', '.join(map(str, kink.places[0]))}]" if kink.places[0] else ""
                finding.verdict, finding.mistake = UNDECIDABLE, None
                finding.message = (
                    f"f has a kink here: along {name}{place} its slope is {kink.left:.4g} on the left and "
                    f"{kink.right:.4g} on the right, and what is claimed lies between them, which is as right as any"
                )
                return finding
        found = diagnose(self._claim(name, given.array, truth.value.array, allowed, given.eps))
        return self._with_formula(explained(finding, found))

    def _with_formula(self, finding: Finding) -> Finding:
        """What is right, as Python, beside what is to be done: at the step that is wrong, or of the whole."""
        tail = finding.details.get("tail") or finding.name
        about = finding.verdict == WRONG or finding.mistake == "transposed"
        formula = self.remedies.formula(tail) if about and self.formulas else ""
        if formula:
            finding.details = finding.details | {"formula": formula}
            finding.fix = f"{finding.fix}: {formula}" if finding.fix else formula
        return finding

    def _claim(self, name: str, claimed: Array, true: Array, allowed: float, eps: float = 2.0**-52) -> Claim:
        run = self.run
        others = {other: np.asarray(value) for other, value in self.claims.items() if other != name}
        again = None if self.again is None else partial(next, self._claims_again(name), None)
        return claim_at(run, name, claimed, true, self.pool, others, again, allowed, eps)

    def _claims_again(self, name: str) -> Iterator[Claim]:
        """The same claim at further points."""
        assert self.again is not None
        number = 0
        while True:
            found = self.again.point(number)
            number += 1
            if found is None:
                return
            run, claims = found
            if name in claims:
                others = {other: np.asarray(value) for other, value in claims.items() if other != name}
                claimed, allowed = as_array(name, claims[name]), move_of_guards(run, name)
                yield claim_at(
                    run, name, claimed, run.gradient(name)[0], self.pool, others, None, allowed, spacing(claimed)
                )


def _with_upstream(run: Run, upstream: Array) -> Run:
    """The same run with another cotangent."""
    return Run(run.subject, run.leaves, run.out, upstream, run.computation)


def _agree(one: Array, other: Array, tolerance: float) -> bool:
    return one.shape == other.shape and bool(np.allclose(one, other, rtol=tolerance, atol=0.0, equal_nan=True))


def _few(out: Array) -> str:
    flat = out.reshape(-1)
    bad = flat[~np.isfinite(flat)]
    return str(bad[0]) if out.size == 1 else f"{bad[0]} among {out.size} numbers"
