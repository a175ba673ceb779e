"""A mistake in a gradient derived by hand: the function, a random point, the wrong derivation and the right one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = [
    "MISTAKES",
    "Arrays",
    "Case",
    "D",
    "Entry",
    "H",
    "K",
    "N",
    "Right",
    "Stepwise",
    "T",
    "draw",
    "only",
    "positive",
    "slipping",
]

Arrays = dict[str, Any]
"""Arrays by the name of the argument that they belong to."""

# Sizes are primes of which no two are equal: a constant that has to do with one of them can be told from the others.
N, D, K, T, H = 7, 5, 3, 11, 13

MISTAKES = frozenset(
    "transposed shape sign factor missing-sum extra-sum wrong-axis averaged upstream-missing mask-missing wrong-mask"
    " local-factor operand-not-transposed wrong-tensor path-missing path-doubled path-sign diagonal-for-full"
    " jacobian-for-gradient shifted permuted swapped stale conjugate rounding unknown".split()
)
"""What a mistake can be called."""


def draw(**arguments: Any) -> Callable[[np.random.Generator], Arrays]:
    """A function that draws a point: a tuple is the shape of normal numbers, a function draws by itself."""

    def point(rng: np.random.Generator) -> Arrays:
        return {
            name: rng.normal(size=how) if isinstance(how, tuple) else how(rng) if callable(how) else how
            for name, how in arguments.items()
        }

    return point


def positive(*shape: int) -> Callable[[np.random.Generator], Any]:
    """Numbers between 0.3 and 2.3."""
    return lambda rng: rng.uniform(0.3, 2.3, size=shape)


def only(about: tuple[str, ...], backward: Callable[..., Arrays], **slips: Any) -> Callable[..., Arrays]:
    """A derivation of some arguments alone, by a backward pass of which steps, its keywords, may be replaced."""

    def derivation(*arguments: Any, **named: Any) -> Arrays:
        found = backward(*arguments, **named, **slips)
        return {name: found[name] for name in about}

    return derivation


def slipping(
    forward: Callable[..., Any],
    arguments: Callable[[np.random.Generator], Arrays],
    backward: Callable[..., Arrays],
    upstream: bool = False,
) -> Callable[..., Case]:
    """A maker of cases that share a forward and a right backward pass, each with steps of the latter replaced."""

    def case(identity: str, title: str, about: str, accepted: str, /, **slips: Any) -> Case:
        names = tuple(about.split())
        return Case(
            identity,
            title,
            forward,
            arguments,
            upstream=upstream,
            about=names,
            claimed=only(names, backward, **slips),
            right=only(names, backward),
            accepted=tuple(accepted.split()),
        )

    return case


@dataclass(frozen=True)
class Entry:
    """A function, a way to draw its arguments, and whether it returns an array that has an upstream gradient."""

    identity: str
    title: str
    forward: Callable[..., Any]
    arguments: Callable[[np.random.Generator], Arrays]
    upstream: bool = field(default=False, kw_only=True)

    def draw(self, seed: int) -> tuple[Arrays, Arrays]:
        """Arguments by name, in order, and ``{"upstream": …}``, empty for a scalar function, to hand on with **."""
        rng = np.random.default_rng(seed)
        arguments = self.arguments(rng)
        if not self.upstream:
            return arguments, {}
        out = np.asarray(self.forward(**arguments))
        weight = rng.normal(size=out.shape)
        if out.dtype.kind == "c":
            weight = weight + 1j * rng.normal(size=out.shape)
        return arguments, {"upstream": weight.astype(out.dtype)}


@dataclass(frozen=True, kw_only=True)
class Case(Entry):
    """A wrong gradient: ``claimed(**arguments)``, or ``claimed(**arguments, upstream=…)`` of an array-valued forward.

    ``claimed`` and ``right`` return the gradients of the arguments ``about``; both take their parameters in the order
    of ``forward``, the upstream last. ``accepted`` are the names that a fair teacher would give the mistake, the best
    first. ``context(**arguments)`` gives arrays that lie about in such a notebook and took part in the mistake.
    """

    about: tuple[str, ...]
    claimed: Callable[..., Arrays]
    right: Callable[..., Arrays]
    accepted: tuple[str, ...]
    context: Callable[..., Arrays] | None = None


@dataclass(frozen=True, kw_only=True)
class Right(Entry):
    """A right derivation: no checker may call it wrong.

    ``right`` returns the gradients of the arguments ``about``; ``steps`` the adjoints of named values, each under the
    name of the variable with a d before it: those inside, in the order of the way back, and the arguments' own among
    them. At a ``kink`` any slope between those of the sides is right.
    """

    about: tuple[str, ...]
    right: Callable[..., Arrays]
    steps: Callable[..., Arrays] | None = None
    kink: bool = False


@dataclass(frozen=True, kw_only=True)
class Stepwise(Entry):
    """A backward pass written by hand, step by step, in which one step is wrong and the later ones use what it gave.

    ``steps`` returns the adjoints by name (a d before the variable's name) in the order of the way back, those of the
    arguments among them; ``truth`` the right ones. ``culprit`` is the one to blame, and nothing else is: the later ones
    are right, given its value.
    """

    steps: Callable[..., Arrays]
    truth: Callable[..., Arrays]
    culprit: str
    accepted: tuple[str, ...]
