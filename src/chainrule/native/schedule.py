"""Statements in loops: each joins the loops that are there as deep as it can, so that what it reads is at hand.

A statement can join a loop if everything that it reads from inside is, at that turn of the loop, complete. An array of
which each turn reads only what the same turn wrote needs no axis for the loop: most arrays end as a single number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from chainrule.native.scalar import Index, Label, Place
from chainrule.native.work import Kept, Work, is_at

__all__ = ["Leaf", "Loop", "Schedule", "is_of_same_turn"]


Needs = list[tuple[Kept, Place | None]]


@dataclass(eq=False)
class Leaf:
    """A statement in its place; ``path`` are the loops around it, and ``loops`` says which label runs in which."""

    statement: Work
    path: list[Loop] = field(default_factory=list)
    loops: dict[Label, Loop] = field(default_factory=dict)

    def label_of(self, loop: Loop) -> Label | None:
        """The statement's own label that runs in a loop."""
        return next((label for label, its in self.loops.items() if loop in (its, its.strip)), None)


@dataclass(eq=False)
class Loop:
    """A loop over ``label``; ``body`` is done in order. A strip is a loop that does ``length`` turns at a time."""

    label: Label
    body: list[Loop | Leaf] = field(default_factory=list)
    length: int = 1
    strip: Loop | None = None  # the loop around it, if it is about the turns of a strip

    @property
    def turns(self) -> int:
        """How often its body is done, each time that it is reached."""
        return self.strip.length if self.strip is not None else -(-self.label.size // self.length)

    def leaves(self) -> Iterator[Leaf]:
        """All statements inside."""
        return _leaves(self.body)


def _leaves(body: Sequence[Loop | Leaf]) -> Iterator[Leaf]:
    for item in body:
        if isinstance(item, Leaf):
            yield item
        else:
            yield from _leaves(item.body)


class Schedule:
    """The loops of a list of statements, in an order in which everything is there when it is read."""

    def __init__(self, statements: Sequence[Work]) -> None:
        self.body: list[Loop | Leaf] = []
        self.leaves: dict[Work, Leaf] = {}
        self.turns: dict[Any, Loop] = {}
        self.writers: dict[Kept, list[Leaf]] = {}
        self.readers: dict[Kept, list[tuple[Leaf, tuple[Index, ...] | None]]] = {}
        for statement in statements:
            self._place(statement)
        done = {leaf: place for place, leaf in enumerate(_leaves(self.body))}
        for leaves in self.writers.values():
            if len(leaves) > 1:
                leaves.sort(key=done.__getitem__)

    def _place(self, statement: Work) -> None:
        leaf = Leaf(statement)
        order = statement.order()
        needs = statement.needs
        body = self.body
        if statement.turns is not None:
            loop = self.turns.get(statement.turns)
            if loop is None:
                loop = self.turns[statement.turns] = Loop(Label(statement.turns.count))
                body.append(loop)
            label = statement.labels[0]
            order.remove(label)
            leaf.path.append(loop)
            leaf.loops[label] = loop
            body = loop.body
        while True:
            found = self._joinable(body, order, needs, leaf)
            if found is None:
                break
            loop, label = found
            order.remove(label)
            leaf.path.append(loop)
            leaf.loops[label] = loop
            body = loop.body
        for label in order:
            made = Loop(Label(label.size))
            body.append(made)
            leaf.path.append(made)
            leaf.loops[label] = made
            body = made.body
        body.append(leaf)
        self.leaves[statement] = leaf
        for target in statement.targets:
            self.writers.setdefault(target, []).append(leaf)
        for source, place in needs:
            self.readers.setdefault(source, []).append((leaf, place))

    def _joinable(
        self, body: list[Loop | Leaf], order: list[Label], needs: Needs, leaf: Leaf
    ) -> tuple[Loop, Label] | None:
        """The latest loop that the statement can join, and the label that would run in it."""
        # Nobody reads a sum before all of it is there, so its terms may come in any order.
        touched = {target for target in leaf.statement.targets if target.combine is None}
        touched.update([source for source, _ in needs])
        before = {item for source in touched for other in self.writers.get(source, ()) for item in (*other.path, other)}
        for item in reversed(body):
            if isinstance(item, Loop):
                for label in order[:-1] or order:  # the innermost is to stay that
                    if label.size == item.label.size and self._fits(item, label, needs, label is order[0]):
                        return item, label
            if item in before:
                return None
        return None

    def _fits(self, loop: Loop, label: Label, needs: Needs, is_first: bool) -> bool:
        tied = False
        for source, place in needs:
            for other in self.writers.get(source, ()):
                if loop not in other.path:
                    continue
                if place is None or not is_of_same_turn(other, place, loop, label):
                    return False
                tied = True
        return tied or is_first


def is_of_same_turn(writer: Leaf, place: tuple[Index, ...], loop: Loop, label: Label) -> bool:
    """Whether what is read at ``place`` in one turn of the loop was completed by the writer in the same turn."""
    own = writer.label_of(loop)
    if own is None or writer.statement.place is None:
        return False
    for written, read in zip(writer.statement.place, place, strict=True):
        if any([mine is own for mine, _ in written.steps]):
            return is_at(written, own) and is_at(read, label) and written.start == read.start
    return False  # it is summed over the loop
