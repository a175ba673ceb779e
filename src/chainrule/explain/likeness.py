"""The turns of a loop are alike: formulas of two of them, continued to the next, instead of the same work for each.

Values go on to those at the same place of the next turn, and running numbers go on as they run. A turn is like those
after it if its steps are: the same operations, on what stands at the same places, used at the same places. What the
formulas owe to numbers (a sum that is 1, a matrix that is symmetric) is looked at in each turn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.explain.atoms import Adjoint, Result, Value, intern, result_of, scaled_identity
from chainrule.explain.computation import Step
from chainrule.explain.form import ONE, Axes, Factor, Form, Group, Label, Monomial, grouped
from chainrule.explain.ties import Tie, with_offset
from chainrule.explain.turns import Loop

__all__ = ["Continuation", "NotAlikeError"]

Uses = Mapping[Step, Sequence[tuple[Step, int]]]


class NotAlikeError(Exception):
    """Two formulas that differ in more than in what runs."""


class Continuation:
    """Continues formulas of two turns of a loop to the turn that lies as far from the second as that from the first."""

    def __init__(
        self, loop: Loop, is_name: Callable[[Step], bool], is_symmetric: Callable[[Any], bool] = lambda _: False
    ) -> None:
        self.loop = loop
        self._is_name = is_name
        self._is_symmetric = is_symmetric
        self._place: dict[Step, tuple[int, Any]] = dict(loop.place)
        if loop.following is not None:
            self._place |= {s: (turn, ("following", k)) for s, (turn, k) in loop.following.place.items()}
        self._at: dict[tuple[int, Any], Step] = {place: step for step, place in self._place.items()}
        self._atoms: dict[tuple[Any, Any], Any] = {}
        self._place_arguments()

    def _place_arguments(self) -> None:
        """Give what every turn takes from outside, each its own, a place too."""
        for offset, position, taken in self.loop.taken():
            if taken[0] is taken[-1]:
                continue
            for turn, step in enumerate(taken):
                if step not in self._place:
                    self._place[step] = turn, (offset, position)
                    self._at[turn, (offset, position)] = step

    def step(self, first: Step, second: Step) -> Step:
        """The step that follows on two."""
        if first is second:
            return second
        one, two = self._place.get(first), self._place.get(second)
        if one is None or two is None or one[1] != two[1]:
            raise NotAlikeError
        found = self._at.get((2 * two[0] - one[0], two[1]))
        if found is None:
            raise NotAlikeError
        return found

    # -- steps --------------------------------------------------------------------------------------------------------

    def follows(self, first: Step, second: Step, third: Step, uses: Uses | None = None) -> bool:
        """Whether a step is to the second as that is to the first; and its ``uses`` to theirs."""
        try:
            return (
                _kind(second) == _kind(third)
                and self._hands_on(third)
                and _goes_on(first.params, second.params, third.params)
                and all(map(self._argument_follows, first.arguments, second.arguments, third.arguments))
                and (uses is None or self._uses_follow(*[uses.get(step, ()) for step in (first, second, third)]))
            )
        except NotAlikeError:
            return False

    def _argument_follows(self, first: Step, second: Step, third: Step) -> bool:
        if self.step(first, second) is not third or _kind(second) != _kind(third):
            return False
        if second is third or third.is_input or third in self.loop.place:
            return True
        if third.operation is not None:  # it comes from outside, each turn has its own
            return self.follows(first, second, third)
        if not third.shape:
            return bool(np.array_equal(second.value, third.value))
        return scaled_identity(second.value) == scaled_identity(third.value)

    def _hands_on(self, step: Step) -> bool:
        """Whether what a step takes from other turns has names: of what has none, formulas say what it is."""
        turn = self.loop.turn(step)
        return all(self._is_name(a) or self.loop.turn(a) in (turn, None) for a in step.arguments)

    def _uses_follow(self, *uses: Sequence[tuple[Step, int]]) -> bool:
        return len({len(used) for used in uses}) == 1 and all(
            self.step(one[0], two[0]) is three[0] and three[1] == 2 * two[1] - one[1]
            for one, two, three in zip(*uses, strict=True)
        )

    # -- formulas -----------------------------------------------------------------------------------------------------

    def form(self, first: Form, second: Form) -> Form:
        """The formula that follows on two."""
        if first is second:
            return second
        names: dict[Label, Label | None] = {}
        _same_labels(first.axes, second.axes, names)
        if len(first.monomials) != len(second.monomials):
            raise NotAlikeError
        pairs = zip(first.monomials, second.monomials, strict=True)
        return Form(second.axes, tuple([self._monomial(one, two, names) for one, two in pairs]))

    def _monomial(self, first: Monomial, second: Monomial, names: dict[Label, Label | None]) -> Monomial:
        if first.coefficient != second.coefficient or len(first.factors) != len(second.factors):
            raise NotAlikeError
        factors = []
        for one, two in zip(first.factors, second.factors, strict=True):
            if one.exponent != two.exponent:
                raise NotAlikeError
            _same_labels(one.labels, two.labels, names)
            factors.append(Factor(self.atom(one.atom, two.atom), two.labels, two.exponent))
        return replace(second, factors=tuple(factors))

    def atom(self, first: Any, second: Any) -> Any:
        """The atom that follows on two."""
        if first is second:
            return second
        found = self._atoms.get((first, second))
        if found is None:
            if type(first) is not type(second):
                raise NotAlikeError
            found = self._atoms[first, second] = self._continued(first, second)
            if self._is_symmetric(found) != self._is_symmetric(second):
                raise NotAlikeError
        return found

    def _continued(self, first: Any, second: Any) -> Any:
        if isinstance(second, Value):
            step = self.step(first.step, second.step)
            return intern(Value, id(step), step)
        if isinstance(second, Adjoint) and first.prefix == second.prefix:
            step = self.step(first.step, second.step)
            return intern(Adjoint, (id(step), second.prefix), step, second.prefix)
        if isinstance(second, Tie):
            found = with_offset(second, 2 * second.offset - first.offset)
            if found is None or with_offset(first, second.offset) is not second:
                raise NotAlikeError
            return found
        if isinstance(second, Group):
            common, group = grouped(self.form(first.form, second.form))
            if common != ONE:
                raise NotAlikeError
            return group
        if isinstance(second, Result) and first.operation is second.operation and first.shape == second.shape:
            if not _goes_on(first.params, second.params, second.params):
                raise NotAlikeError
            arguments = [self.form(one, two) for one, two in zip(first.arguments, second.arguments, strict=True)]
            return result_of(second.step, tuple(arguments), second.axes)
        raise NotAlikeError


def _same_labels(first: Axes, second: Axes, names: dict[Label, Label | None]) -> None:
    """Note which labels of one formula are those of another."""
    if len(first) != len(second):
        raise NotAlikeError
    for one, two in zip(first, second, strict=True):
        if one is None or two is None:
            if one is not two:
                raise NotAlikeError
        elif one.size != two.size or names.setdefault(one, two) is not two:
            raise NotAlikeError


def _kind(step: Step) -> tuple[Any, ...]:
    """What steps that are alike have in common; an argument in a list has a name of its own."""
    name = "" if step.is_input else step.variable
    return step.operation, name, step.file, step.line, step.shape, step.value.dtype, step.is_tracked, step.is_input


def _goes_on(first: Any, second: Any, third: Any) -> bool:
    """Whether whole numbers in some parameters run from the first to the third, and all else stays as it is."""
    if isinstance(third, bool) or third is None:
        return first is second is third
    if isinstance(third, int):
        return type(first) is type(second) is type(third) and third - second == second - first
    if isinstance(third, slice):
        parts = [(s.start, s.stop, s.step) if isinstance(s, slice) else () for s in (first, second, third)]
        return _goes_on(*parts)
    if isinstance(third, Mapping):
        return first.keys() == second.keys() == third.keys() and all(
            _goes_on(first[key], second[key], third[key]) for key in third
        )
    if isinstance(third, tuple | list):
        return len(first) == len(second) == len(third) and all(map(_goes_on, first, second, third))
    if isinstance(third, np.ndarray):
        return np.array_equal(second, third)
    return bool(type(second) is type(third) and second == third)
