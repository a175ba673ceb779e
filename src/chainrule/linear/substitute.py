"""Two terms while they become one: labels are replaced in axes, factors and tables, by views where that is possible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.linear.functions import steps_of
from chainrule.linear.recipe import Recipe, Selected, gather_axes
from chainrule.linear.term import Axis

__all__ = ["Equation", "Held", "Joint", "covers"]

Equation = tuple[Axis, Axis]


class Held(NamedTuple):
    """A factor while the equations are solved: the register that holds it, its labels, whether it is opaque."""

    register: int
    labels: tuple[int, ...]
    opaque: bool = False


def covers(axis: Axis, sizes: Sequence[int]) -> bool:
    """Whether an affine axis is a mixed radix: every position exactly once, the first label slowest."""
    expected = 1
    for label, stride in zip(reversed(axis.labels), reversed(axis.strides), strict=True):
        if stride != expected:
            return False
        expected *= sizes[label]
    return axis.table < 0 and axis.offset == 0 and expected == axis.size


class Joint:
    """Two terms on the way to being one: axes, equations still to be solved, factors as registers of a recipe."""

    def __init__(
        self,
        sizes: Sequence[int],
        row: Sequence[Axis],
        column: Sequence[Axis],
        equations: Sequence[Equation],
        factors: Sequence[Held],
        recipe: Recipe,
    ) -> None:
        self.sizes, self.alive = list(sizes), set(range(len(sizes)))
        self.row, self.column, self.equations = list(row), list(column), list(equations)
        self.factors, self.recipe = list(factors), recipe

    def settle(self) -> None:
        """Give every factor and every axis each of its labels once: diagonals taken, strides added."""
        for k, held in enumerate(self.factors):
            register, labels = held.register, held.labels
            if len(set(labels)) == len(labels):
                continue
            if held.opaque:
                register = self.recipe.add("dense", lambda base: base.dense(), [register])
            self.factors[k] = Held(*self._unrepeated(register, labels))
        self.row, self.column = ([self._settled(axis) for axis in axes] for axes in (self.row, self.column))
        self.equations = [(self._settled(left), self._settled(right)) for left, right in self.equations]

    def _unrepeated(self, register: int, labels: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
        names, mapping = list[int](), dict[int, Axis]()
        for label in labels:
            if label in names:
                spare = self.new_label(self.sizes[label])
                self.alive.discard(spare)
                mapping[spare] = self.bare(label)
                names.append(spare)
            else:
                names.append(label)
        return self.gathered(register, tuple(names), mapping)

    def _settled(self, axis: Axis) -> Axis:
        if axis.table >= 0:
            return self.simplest(axis.size, *self._unrepeated(axis.table, axis.labels))
        return self._placed(axis, {label: self.bare(label) for label in axis.labels})

    def copy(self) -> Joint:
        """An independent copy; the recipe is shared."""
        other = Joint(self.sizes, self.row, self.column, self.equations, self.factors, self.recipe)
        other.alive = set(self.alive)
        return other

    def protected(self) -> set[int]:
        """Labels of opaque factors, which had better stay as they are."""
        return {label for held in self.factors if held.opaque for label in held.labels}

    def new_label(self, size: int) -> int:
        """A label that did not exist before."""
        self.sizes.append(size)
        self.alive.add(len(self.sizes) - 1)
        return len(self.sizes) - 1

    def bare(self, label: int) -> Axis:
        """The axis that is just ``label``."""
        return Axis(self.sizes[label], (label,), (1,))

    def is_bare(self, place: Axis) -> bool:
        """Whether ``place`` is one label over its whole range."""
        simple = place.table < 0 and place.strides == (1,) and place.offset == 0
        return simple and self.sizes[place.labels[0]] == place.size

    def substitute(self, mapping: Mapping[int, Axis]) -> None:
        """Replace labels by axes over other labels, everywhere."""
        if not mapping:
            return
        self.row = [self._placed(axis, mapping) for axis in self.row]
        self.column = [self._placed(axis, mapping) for axis in self.column]
        self.equations = [(self._placed(a, mapping), self._placed(b, mapping)) for a, b in self.equations]
        self.factors = [
            self._opaque(held, mapping) if held.opaque else Held(*self.gathered(held.register, held.labels, mapping))
            for held in self.factors
        ]
        self.alive -= mapping.keys()

    def _placed(self, axis: Axis, mapping: Mapping[int, Axis]) -> Axis:
        if not any([label in mapping for label in axis.labels]):
            return axis
        if axis.table >= 0:
            return self.simplest(axis.size, *self.gathered(axis.table, axis.labels, mapping))
        offset, affine, tables = axis.offset, dict[int, int](), []
        for label, stride in zip(axis.labels, axis.strides, strict=True):
            place = mapping.get(label)
            if place is None:
                affine[label] = affine.get(label, 0) + stride
            elif place.table >= 0:
                tables.append((stride, place))
            else:
                offset += stride * place.offset
                for other, step in zip(place.labels, place.strides, strict=True):
                    affine[other] = affine.get(other, 0) + stride * step
        affine = {label: stride for label, stride in affine.items() if stride}
        plain = Axis(axis.size, tuple(affine), tuple(affine.values()), offset)
        return self.summed(plain, tables) if tables else plain

    def summed(self, plain: Axis, tables: Sequence[tuple[int, Axis]]) -> Axis:
        """The axis ``plain + Σ stride·table``, as one table."""
        if len(tables) == 1 and tables[0][0] == 1 and not plain.labels and not plain.offset:
            return tables[0][1]._replace(size=plain.size)
        union = tuple(dict.fromkeys([label for _, place in tables for label in place.labels] + list(plain.labels)))
        addend = self.grid(plain, union)
        strides = tuple([stride for stride, _ in tables])

        def total(*arrays: Any) -> Any:
            return sum([s * array for s, array in zip(strides, arrays, strict=True)], addend)

        registers = [self.expanded(place.table, place.labels, union) for _, place in tables]
        extents = tuple([self.sizes[label] for label in plain.labels])
        places = tuple([union.index(label) for label in plain.labels])
        key = ("total", strides, plain.strides, plain.offset, extents, places, len(union))
        return self.simplest(plain.size, self.recipe.add(key, total, registers), union)

    def grid(self, axis: Axis, labels: Sequence[int]) -> Any:
        """The positions of an affine axis on the grid of ``labels`` (broadcastable)."""
        grid = np.full((1,) * len(labels), axis.offset)
        for label, stride in zip(axis.labels, axis.strides, strict=True):
            shape = [self.sizes[label] if other == label else 1 for other in labels]
            grid = grid + (stride * np.arange(self.sizes[label])).reshape(shape)
        return grid

    def expanded(self, register: int, labels: tuple[int, ...], union: tuple[int, ...]) -> int:
        """A register with its axes in the order of ``union``, axes of size 1 where a label is missing."""
        order = tuple(sorted(range(len(labels)), key=lambda k: union.index(labels[k])))
        shape = tuple([self.sizes[label] if label in labels else 1 for label in union])
        return self.recipe.add(
            ("expand", order, shape), lambda array: np.reshape(np.transpose(array, order), shape), [register]
        )

    def simplest(self, size: int, register: int, labels: tuple[int, ...]) -> Axis:
        """The axis of a table; an affine one if the table is known and turns out to be affine."""
        table = self.recipe.constants.get(register)
        if table is None or 0 in table.shape:
            return Axis(size, labels, (), 0, register)
        steps = steps_of(table)
        if steps is None:
            return Axis(size, labels, (), 0, register)
        offset, strides = steps
        kept = [k for k, stride in enumerate(strides) if stride]
        return Axis(size, tuple([labels[k] for k in kept]), tuple([strides[k] for k in kept]), offset)

    def _index(self, place: Axis, union: tuple[int, ...]) -> int:
        """A register with the positions of ``place`` on the grid of ``union``."""
        if place.table >= 0:
            return self.expanded(place.table, place.labels, union)
        return self.recipe.constant(self.grid(place, union))

    def gathered(
        self, register: int, labels: tuple[int, ...], mapping: Mapping[int, Axis]
    ) -> tuple[int, tuple[int, ...]]:
        """An array whose labels are replaced: renamed, reshaped, sliced (views) or gathered."""
        hit = [k for k, label in enumerate(labels) if label in mapping]
        places = [mapping[label] if label in mapping else self.bare(label) for label in labels]
        if not hit:
            return register, labels
        if all([self.is_bare(places[k]) for k in hit]):
            renamed = tuple([place.labels[0] for place in places])
            if len(set(renamed)) == len(renamed):
                return register, renamed
        union = tuple(dict.fromkeys([label for k in hit for label in places[k].labels]))
        axes = [k for k, label in enumerate(labels) if k in hit or label in union]
        if len(axes) == 1:
            return self._gathered_one(register, labels, axes[0], places[axes[0]])
        rest = [label for k, label in enumerate(labels) if k not in axes]
        if len(axes) == 2 and len(union) == 1 and all([self.is_bare(places[k]) for k in axes]):
            a, b = axes
            step = self.recipe.add(("diagonal", a, b), lambda array: np.diagonal(array, 0, a, b), [register])
            return step, (*rest, union[0])
        before = sum([k not in axes for k in range(axes[0])])
        step = self.recipe.add(
            ("gather", *axes),
            lambda array, *indices: gather_axes(array, axes, indices),
            [register, *[self._index(places[k], union) for k in axes]],
        )
        return step, (*rest[:before], *union, *rest[before:])

    def _gathered_one(
        self, register: int, labels: tuple[int, ...], axis: int, place: Axis
    ) -> tuple[int, tuple[int, ...]]:
        before, after = labels[:axis], labels[axis + 1 :]
        if place.table >= 0:
            step = self.recipe.add(
                ("take", axis), lambda array, index: np.take(array, index, axis=axis), [register, place.table]
            )
            return step, before + place.labels + after
        key: Any
        if not place.labels:
            position = place.offset
            key = (slice(None),) * axis + (position,)
            return self.recipe.add(("at", axis, position), lambda array: array[key], [register]), before + after
        if len(place.labels) == 1 and not self.is_bare(place):
            (label,), (stride,) = place.labels, place.strides
            start, stop = place.offset, place.offset + stride * (self.sizes[label] - 1) + (1 if stride > 0 else -1)
            key = (slice(None),) * axis + (slice(start, None if stop < 0 else stop, stride),)
            step = self.recipe.add(("slice", axis, start, stop, stride), lambda array: array[key], [register])
            return step, before + place.labels + after
        extent = prod([self.sizes[label] for label in place.labels])
        if covers(place._replace(size=extent), self.sizes) and extent == self.sizes[labels[axis]]:
            shape = tuple([self.sizes[label] for label in before + place.labels + after])
            step = self.recipe.add(("reshape", shape), lambda array: np.reshape(array, shape), [register])
            return step, before + place.labels + after
        index = self.recipe.constant(self.grid(place, place.labels))
        step = self.recipe.add(("take", axis), lambda array, index: np.take(array, index, axis=axis), [register, index])
        return step, before + place.labels + after

    def _opaque(self, held: Held, mapping: Mapping[int, Axis]) -> Held:
        """An opaque factor whose labels are replaced: renamed, wrapped so as to select, or made dense as a last way."""
        register, labels, rank = held.register, list(held.labels), len(held.labels)
        new = [mapping[label].labels if label in mapping else (label,) for label in labels]
        flat = [label for part in new for label in part]
        changed = [k for k, label in enumerate(labels) if label in mapping and not self.is_bare(mapping[label])]
        single = all([len(part) == 1 for part in new]) and len(set(flat)) == len(flat)
        if not single or any([k < rank - 2 for k in changed]):
            dense = self.recipe.add("dense", lambda base: base.dense(), [register])
            return Held(*self.gathered(dense, held.labels, mapping))
        for k in changed:
            outputs = k == rank - 2
            index = self._index(mapping[labels[k]], new[k])
            select = partial(Selected, outputs=outputs)
            register = self.recipe.add(("select", outputs), select, [register, index])
        return Held(register, tuple(flat), True)
