"""What is wrong with the derivatives of a program: both modes, differences, second order, machine code, peers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

import chainrule as cr
from tests.programs.differences import extrapolated, inner
from tests.programs.elsewhere import UnsharedError
from tests.programs.program import Program, weights

__all__ = ["Verdict", "judged"]

SAME = 1e-8  # relative to the size of what is added up
NUMERIC = 1e-6
Peer = Callable[[Program], tuple[Any, Sequence[Any]]]


@dataclass
class Verdict:
    """What disagrees, as (what was compared, how it differs), and what was compared or could not be."""

    wrong: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def compare(self, what: str, found: Any, expected: Any, tolerance: float = SAME, size: float = 1.0) -> None:
        """Note it if two arrays differ by more than a tolerance, relative to a size or to the largest number."""
        if np.shape(found) != np.shape(expected):
            self.wrong.append((what, f"shape {np.shape(found)} instead of {np.shape(expected)}"))
            return
        scale = max(size, float(np.max(np.abs(expected), initial=0.0)))
        if not np.allclose(found, expected, rtol=0, atol=tolerance * scale):
            self.wrong.append((what, f"{np.asarray(found)} instead of {np.asarray(expected)}"))


def copies(arrays: Sequence[Any]) -> list[Any]:
    """The arrays again, for whoever may overwrite them."""
    return [array.copy() for array in arrays]


class Judge:
    """A program with the number made of it, the point, and directions."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.f = program.function()  # which may overwrite what it is given
        self.at = program.arguments
        self.directions = [weights(x.shape, 4.0 + k) for k, x in enumerate(self.at)]
        self.argnums = tuple(range(len(self.at)))
        self.gradient = cr.grad(self.scalar, argnums=self.argnums)
        self.found: Any = None

    def scalar(self, *given: Any) -> Any:
        """A number made of all that the program gives."""
        out = self.f(*given)
        return np.sum(out * weights(np.shape(out), 0.9))

    def slope(self, *given: Any) -> Any:
        """The derivative along the directions, by the reverse mode."""
        return sum(np.sum(g * d) for g, d in zip(self.gradient(*given), self.directions, strict=True))

    def first(self, verdict: Verdict) -> None:
        """Values, gradients, forward against reverse, both against differences."""
        expected = self.f(*copies(self.at))
        value, pullback = cr.vjp(self.f, *self.at)
        verdict.compare("value in reverse", value, expected, 1e-12)
        cotangent = weights(np.shape(expected), 0.9)
        self.found = pullback(cotangent)
        for part, other in zip(self.found, self.gradient(*self.at), strict=True):
            verdict.compare("vjp and grad", part, other, 1e-12)
        value, pushed = cr.jvp(self.f, tuple(self.at), tuple(self.directions))
        verdict.compare("value in forward", value, expected, 1e-12)
        mine = inner(self.found, self.directions)
        size = 1 + sum(float(np.sum(np.abs(g * d))) for g, d in zip(self.found, self.directions, strict=True))
        size += float(np.sum(np.abs(pushed * cotangent)))
        verdict.compare("forward and reverse", float(np.sum(pushed * cotangent)), mine, SAME, size)
        numeric, spread = extrapolated(self.scalar, self.at, self.directions)
        if spread > 1e-5 * max(1.0, abs(numeric)):
            verdict.notes.append("a kink is near")
        else:
            verdict.compare("reverse and differences", mine, numeric, NUMERIC, 1 + 20 * spread / NUMERIC)

    def second(self, verdict: Verdict) -> None:
        """Forward over reverse, reverse over forward, reverse over reverse, and differences of the gradient."""
        at, along = tuple(self.at), tuple(self.directions)
        product = cr.hvp(self.scalar, at, along)
        size = 1 + max(float(np.max(np.abs(part), initial=0.0)) for part in product)
        over_forward = cr.grad(lambda *given: cr.jvp(self.scalar, given, along)[1], argnums=self.argnums)(*at)
        over_reverse = cr.grad(self.slope, argnums=self.argnums)(*at)
        for one, other, third in zip(product, over_forward, over_reverse, strict=True):
            verdict.compare("reverse over forward", other, one, 10 * SAME, size)
            verdict.compare("reverse over reverse", third, one, 10 * SAME, size)
        numeric, spread = extrapolated(self.slope, self.at, self.directions)
        if spread > 1e-5 * max(1.0, abs(numeric)):
            verdict.notes.append("a kink is near the gradient")
        else:
            size += 20 * spread / NUMERIC
            verdict.compare("second order and differences", inner(product, self.directions), numeric, NUMERIC, size)

    def compiled(self, verdict: Verdict) -> None:
        """Value and gradient as machine code."""
        value, gradient = cr.compile(cr.value_and_grad(self.scalar, argnums=self.argnums))(*self.at)
        verdict.compare("compiled value", value, self.scalar(*copies(self.at)), 1e-10)
        for part, expected in zip(gradient, self.found, strict=True):
            verdict.compare("compiled gradient", part, expected, SAME)

    def elsewhere(self, verdict: Verdict, name: str, peer: Peer) -> None:
        """Value and gradient in another library."""
        try:
            value, gradient = peer(self.program)
        except UnsharedError as problem:
            verdict.notes.append(f"{name} has not all of it: {problem}")
            return
        verdict.notes.append(f"{name} compared")
        verdict.compare(f"value in {name}", self.f(*copies(self.at)), value, 1e-10)
        for part, expected in zip(self.found, gradient, strict=True):
            verdict.compare(f"gradient in {name}", part, expected, SAME)


def judged(program: Program, compiled: bool = False, **peers: Peer) -> Verdict:
    """All comparisons of a program; an error where NumPy has none is a disagreement too."""
    verdict = Verdict()
    judge = Judge(program)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for name, compare in _stages(judge, compiled, peers):
            try:
                compare(verdict)
            except Exception as problem:
                verdict.wrong.append((f"error in {name}", f"{type(problem).__name__}: {problem}"))
                if judge.found is None:
                    break
    return verdict


def _stages(judge: Judge, compiled: bool, peers: dict[str, Peer]) -> Iterator[tuple[str, Callable[[Verdict], None]]]:
    yield "first order", judge.first
    yield "second order", judge.second
    if compiled:
        yield "machine code", judge.compiled
    for name, peer in peers.items():
        yield name, partial(judge.elsewhere, name=name, peer=peer)
