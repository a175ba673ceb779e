"""Finds the blocks that a formula is put together from: [a; b], [0; g; 0], where summands fill runs of an axis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from chainrule.explain.form import Axes, Factor, Form, Label, Monomial, total
from chainrule.explain.parts import without_deltas
from chainrule.explain.ties import Place, Tie, place_of, position_tie, without_ties

__all__ = ["Block", "Stack", "stacks_of"]


class Block(NamedTuple):
    """Entries ``start``, ``start + step``, … of an axis; ``form`` has an axis for them, or none of several entries."""

    start: int
    step: int
    length: int
    form: Form


class Stack(NamedTuple):
    """Blocks that do not overlap, in their order, along the axis with this number, of this size."""

    axis: int
    size: int
    blocks: tuple[Block, ...]


class _Run(NamedTuple):
    """A summand that fills a part of an axis: the tie that says so, and the place in terms of the summed label."""

    tie: Factor
    place: Place


def stacks_of(form: Form) -> tuple[list[Stack], list[Monomial]]:
    """The blocks of a sum, along the axis that has most of them and then along others, and the other summands."""
    runs = {
        label: [(m, run) for m in form.monomials if (run := _run(m, label, form.axes)) is not None]
        for label, times in Counter(form.axes).items()
        if label is not None and times == 1
    }
    label = max(runs, key=lambda l: len(runs[l]), default=None)
    if label is None or not runs[label]:
        return [], list(form.monomials)
    axis = form.axes.index(label)
    found: dict[tuple[int, int, int], list[Form]] = {}
    for monomial, run in runs[label]:
        key, inner = _inner(monomial, run, label, form.axes)
        found.setdefault(key, []).append(inner)
    blocks = [Block(*key, _together(forms)) for key, forms in sorted(found.items())]
    taken = [monomial for monomial, _ in runs[label]]
    rest = [monomial for monomial in form.monomials if not any(monomial is m for m in taken)]
    whole = Stack(axis, label.size, tuple(blocks))
    stacks = [whole] if _are_apart(blocks) else [Stack(axis, label.size, (block,)) for block in blocks]
    more, rest = stacks_of(Form(form.axes, tuple(rest)))
    return [*stacks, *more], rest


def _together(forms: Sequence[Form]) -> Form:
    return total([form.with_axes(forms[0].axes) for form in forms])


def _are_apart(blocks: Sequence[Block]) -> bool:
    """Whether blocks in the order of their starts do not overlap."""
    ends = [block.start + block.length for block in blocks]
    return all(b.step == 1 for b in blocks) and all(
        block.start >= end for end, block in zip(ends, blocks[1:], strict=False)
    )


def _run(monomial: Monomial, label: Label, axes: Axes) -> _Run | None:
    """The tie that puts a summand into a part of an axis, if there is one."""
    for factor in monomial.factors:
        if not isinstance(factor.atom, Tie) or label not in factor.labels or len(factor.labels) > 2:
            continue
        place = place_of(label, factor)
        others = [f for f in monomial.factors if f is not factor and isinstance(f.atom, Tie)]
        # labels beside another free index, unless that only says where an array is read
        tied = {l for f in others if set(f.labels) & set(axes) and not _reads(f, others, axes) for l in f.labels}
        if place is None or label in tied or set(place.strides) & {*tied, *axes} or not place.lies_in(label):
            continue
        if all(other.size < label.size for other in place.strides):
            return _Run(factor, place)
    return None


def _reads(tie: Factor, ties: Sequence[Factor], axes: Axes) -> bool:
    """Whether a tie says what a summed index is, of which no other tie speaks."""
    for label in tie.labels:
        if label is None or label in axes or any(label in other.labels for other in ties if other is not tie):
            continue
        place = place_of(label, tie)
        if place is not None and place.lies_in(label):
            return True
    return False


def _inner(monomial: Monomial, run: _Run, label: Label, axes: Axes) -> tuple[tuple[int, int, int], Form]:
    """Start, step and length of a run, and the summand as an array that fills it."""
    low, _ = run.place.bounds
    axis = axes.index(label)
    if not run.place.strides:
        inner = Form((*axes[:axis], None, *axes[axis + 1 :]), (monomial,))
        return (low, 1, 1), _short(inner)
    ((other, stride),) = run.place.strides.items()
    along = other
    if stride < 0:  # the entries from the last to the first
        along = Label(other.size)
        turned = position_tie({other: 1, along: 1}, 1 - other.size)
        monomial = Monomial(monomial.coefficient, (*monomial.factors, turned))
    inner = Form((*axes[:axis], along, *axes[axis + 1 :]), (monomial,))
    return (low, abs(stride), other.size), _short(inner)


def _short(form: Form) -> Form:
    """The form without the ties that its axes have made needless."""
    return total(
        [Form(form.axes, tuple(without_ties(without_deltas(m, form.axes), form.axes) for m in form.monomials))]
    )
