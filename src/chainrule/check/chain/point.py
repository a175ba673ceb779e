"""One point at which a wrong claim was made, and what is known there: arrays by shape, numbers, the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from chainrule.check.chain.constants import Quantity
from chainrule.check.chain.phrases import called, expression
from chainrule.check.chain.places import Places
from chainrule.check.chain.reach import Reach
from chainrule.explain.computation import Computation, Step

__all__ = ["Claim", "Known", "Point"]

Array = np.ndarray[Any, np.dtype[Any]]
FEW = 4096  # elements up to which an array of another kind is looked at closely


@dataclass(frozen=True, eq=False)
class Claim:
    """A claimed derivative that is wrong, and all that is known around it.

    Args:
        name: what it is called: "W", or "dW" in a notebook.
        claimed: the claim, of any shape.
        true: the true gradient, in the right shape.
        computation: the steps that led to the output, where they are known.
        target: the step that the gradient is by.
        output: the step that was differentiated; the computation's only output if it is not given.
        upstream: the cotangent of the output; None stands for ones, of an output that is one number.
        pool: further arrays that the user had at hand, by name: variables, earlier gradients, later values.
        again: the same claim at another random point; None if it cannot be made again. Each call gives another one.
        given: cotangents of steps that are taken as they are said to be, in place of what arrives there.
        others: what was claimed for other arguments, by their names; None if it is not known.
        eps: the spacing at 1 of the less precise of the two dtypes.
        allowed: the largest difference that rounding explains.
    """

    name: str
    claimed: Array
    true: Array
    computation: Computation | None = None
    target: Step | None = None
    output: Step | None = None
    upstream: Array | None = None
    pool: Mapping[str, Array] = field(default_factory=dict)
    again: Callable[[], Claim | None] | None = None
    given: Mapping[Step, Array] = field(default_factory=dict)
    others: Mapping[str, Array] | None = None
    eps: float = 2.0**-52
    allowed: float = 0.0


class Known(NamedTuple):
    """An array that is at hand: its name, its kind and its numbers.

    ``kind`` is "value" (of a step), "adjoint" (the true cotangent of a step), "upstream" or "pool"; ``number`` is the
    step's, or -1.
    """

    name: str
    kind: str
    array: Array
    number: int = -1


class Point:
    """A claim with what is derived from it, at need."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.claimed = _wide(claim.claimed)
        self.true = _wide(claim.true)
        largest = float(np.max(np.abs(self.true), initial=0.0))
        loss = claim.allowed / largest if largest > 0 and np.isfinite(claim.allowed) else 0.0
        self.tolerance = float(min(max(1e-9, 256 * claim.eps, 4 * loss), 1e-3))

    @property
    def name(self) -> str:
        """What the claim is called."""
        return self.claim.name

    @property
    def subject(self) -> str:
        """The gradient that is claimed, as messages call it: dW, for a claim called W or dW."""
        target = self.claim.target
        name = self.claim.name
        if target is not None and name == target.name:
            return f"d{name}"
        return name if target is not None or (name.startswith("d") and len(name) > 1) else f"d{name}"

    def near(self, found: Any, expected: Any, among: float = 0.0) -> bool:
        """Whether two arrays of one shape agree, as far as rounding lets one tell; ``among`` is the size of parts."""
        found, expected = np.asarray(found), np.asarray(expected)
        if found.shape != expected.shape or found.size == 0:
            return False
        with np.errstate(all="ignore"):
            off = float(np.max(np.abs(found - expected)))
            size = max(float(np.max(np.abs(expected))), float(np.max(np.abs(found))), among)
        return bool(np.isfinite(off)) and off <= self.tolerance * size

    @cached_property
    def reach(self) -> Reach | None:
        """The way back, if it is known and leads to the true gradient."""
        claim = self.claim
        if claim.computation is None or claim.target is None:
            return None
        output = claim.output
        if output is None and len(claim.computation.outputs) == 1:
            output = claim.computation.output
        seeds = dict(claim.given)
        if output is not None and output not in seeds:
            seeds[output] = np.ones(output.shape) if claim.upstream is None else np.asarray(claim.upstream)
        if not seeds or np.iscomplexobj(self.true) or any(np.iscomplexobj(seed) for seed in seeds.values()):
            return None
        found = Reach(claim.computation, claim.target, seeds)
        return found if self.near(found.true, self.true, 1e-6 * float(np.max(np.abs(self.true), initial=0.0))) else None

    @property
    def sure_reach(self) -> Reach:
        """The way back, where the caller has made sure that it is known."""
        assert self.reach is not None
        return self.reach

    @cached_property
    def places(self) -> Places:
        """Which steps are the same place of the code."""
        return Places(self.sure_reach.steps)

    @cached_property
    def by_shape(self) -> dict[tuple[int, ...], list[int]]:
        """The numbers of the steps of each shape that hold real numbers or truth values."""
        found: dict[tuple[int, ...], list[int]] = {}
        for number, step in enumerate(self.sure_reach.steps):
            if step.value.dtype.kind in "fb":
                found.setdefault(step.shape, []).append(number)
        return found

    # -- what is at hand ----------------------------------------------------------------------------------------------

    @cached_property
    def upstreams(self) -> list[Known]:
        """The cotangents that the way back starts from, if they are not just 1."""
        if self.reach is None:
            return (
                [] if self.claim.upstream is None else [Known("the upstream", "upstream", _wide(self.claim.upstream))]
            )
        found = []
        for number, seed in self.reach.seeds.items():
            if seed.size > 1:
                step = self.reach.steps[number]
                name = f"d{step.called}" if step in self.claim.given else "the upstream"
                found.append(Known(name, "upstream", seed, number))
        return found

    @cached_property
    def values(self) -> list[Known]:
        """The values of the steps, named ones first."""
        if self.claim.computation is None:
            return []
        steps = [
            (number, step)
            for number, step in enumerate(self.claim.computation.steps)
            if step.value.dtype.kind in "fbiu" and step.value.size > 0
        ]
        steps.sort(key=lambda pair: not pair[1].name)
        return [Known(expression(step), "value", _wide(step.value), number) for number, step in steps]

    @cached_property
    def adjoints(self) -> list[Known]:
        """The true cotangents of the steps, named ones first."""
        if self.reach is None:
            return []
        reach = self.reach
        numbers = sorted(reach.adjoints, key=lambda number: not reach.steps[number].name)
        return [
            Known(f"d{called(reach.steps[number])}", "adjoint", reach.adjoints[number], number)
            for number in numbers
            if number not in reach.seeds
        ]

    @cached_property
    def pool(self) -> list[Known]:
        """The user's further arrays that are not among the values already."""
        found = []
        values = [known.array for known in self.values]
        for name, array in self.claim.pool.items():
            array = np.asarray(array)
            if array.dtype.kind not in "fiubc" or array.size == 0 or array.size > 250_000:
                continue
            wide = _wide(array)
            if not any(value.shape == wide.shape and np.array_equal(value, wide) for value in values):
                found.append(Known(name, "pool", wide))
        return found

    def at_hand(self, kinds: Sequence[str] = ("value", "upstream", "adjoint", "pool")) -> Iterator[Known]:
        """All arrays of these kinds."""
        lists = {"value": self.values, "upstream": self.upstreams, "adjoint": self.adjoints, "pool": self.pool}
        for kind in kinds:
            yield from lists[kind]

    # -- numbers ------------------------------------------------------------------------------------------------------

    @cached_property
    def quantities(self) -> list[Quantity]:
        """Numbers that may have become a factor: lengths of axes, numbers in the code, scalars on the way, norms."""
        found: dict[float, Quantity] = {}
        for text, array in self._sized():
            for axis, size in enumerate(array.shape):
                if size > 1:
                    written = f"len({text})" if axis == 0 else f"{text}.shape[{axis}]"
                    found.setdefault(
                        size, Quantity(size, written, _axis_in_words(size, axis, array.ndim, text), "size")
                    )
            if array.ndim > 1:
                what = f"the {array.size} elements of {text}"
                found.setdefault(array.size, Quantity(array.size, f"{text}.size", what, "size"))
        ordered = list(found.values())
        ordered += self._scalars()
        norm = float(np.linalg.norm(self.true))
        largest = float(np.max(np.abs(self.true), initial=0.0))
        ordered.append(Quantity(norm, f"norm({self.subject})", "the norm of the gradient", "value"))
        ordered.append(Quantity(largest, f"max|{self.subject}|", "its largest element", "value"))
        return ordered

    def _sized(self) -> Iterator[tuple[str, Array]]:
        if self.claim.computation is None:
            yield self.subject, self.true
            for known in self.upstreams:
                yield known.name, known.array
            return
        steps = self.claim.computation.steps
        for step in steps:
            if step.name and step.value.ndim and not step.is_constant:
                yield step.called, step.value
        for step in steps:
            if step.value.ndim and (step.name or not step.is_constant):
                yield called(step), step.value

    def _scalars(self) -> Iterator[Quantity]:
        if self.claim.computation is None:
            return
        seen: set[float] = set()
        for step in self.claim.computation.steps:
            if step.value.size != 1 or step.value.dtype.kind not in "fiu":
                continue
            value = float(step.value.reshape(()))
            if value in (0.0, 1.0, -1.0, 2.0) or not np.isfinite(value) or (step.is_constant and value in seen):
                continue
            seen.add(value)
            kind = "number" if step.is_constant else "value"
            yield Quantity(value, called(step), "" if step.is_constant and not step.name else called(step), kind)
        for known in self.values:
            kept = float(np.mean(known.array != 0))
            is_mask = 0 < kept < 1 and len(np.unique(known.array)) == 2  # not an index, not a target
            if is_mask and self.claim.computation.steps[known.number].is_constant:
                yield Quantity(kept, f"mean({known.name} != 0)", f"the share of {known.name} that is not 0", "number")


def _axis_in_words(size: int, axis: int, rank: int, text: str) -> str:
    if rank == 1:
        return f"the {size} elements of {text}"
    if rank == 2:
        return f"the {size} {'rows' if axis == 0 else 'columns'} of {text}"
    return f"the {size} places along axis {axis} of {text}"


def _wide(array: Any) -> Array:
    array = np.asarray(array)
    wide: Array = array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
    return wide
