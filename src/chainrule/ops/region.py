"""Regions: the places in an array that an index names, as axes of a term.

An index is split into a *template*, which is hashable and says what stands at each place, and its arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from operator import index as whole
from typing import Any, NamedTuple

import numpy as np

from chainrule.linear.functions import steps_of
from chainrule.linear.term import Axis, Pattern, affine, constant, pattern
from chainrule.op import Call
from chainrule.ops.options import is_deferred, plain

__all__ = [
    "ARRAY",
    "ELLIPSIS",
    "FULL",
    "MANY",
    "NEW",
    "Region",
    "Template",
    "build_index",
    "locate",
    "located",
    "parse_index",
    "placed",
    "straight",
    "taken",
]

Template = tuple[tuple[Any, ...], ...]
Index = tuple[Template, tuple[Any, ...]]

ELLIPSIS = ("ellipsis",)
NEW = ("new",)
ARRAY = ("array",)
FULL = ("slice", None, None, None)
MANY = tuple(range(1, 66))  # the positions of index arrays among the arguments: NumPy has at most 64 axes


def parse_index(index: Any) -> Index:
    """Split what stands between the brackets of ``x[…]`` into a hashable template and its arrays.

    >>> parse_index((0, slice(1, None), None))
    ((('int', 0), ('slice', 1, None, None), ('new',)), ())
    >>> parse_index(([0, 2], ...))
    ((('array',), ('ellipsis',)), (array([0, 2]),))
    """
    kind = type(index)
    if kind is int:
        return (("int", index),), ()
    if kind is slice:
        return (_slice(index),), ()
    if kind is not tuple:
        index = (index,)
    template: list[tuple[Any, ...]] = []
    arrays: list[Any] = []
    for entry in index:
        kind = type(entry)
        if kind is int:
            template.append(("int", entry))
        elif kind is slice:
            template.append(_slice(entry))
        elif entry is None:
            template.append(NEW)
        elif entry is Ellipsis:
            template.append(ELLIPSIS)
        else:
            array = plain(entry)
            is_array = kind is np.ndarray or getattr(entry, "is_array", False)  # it chooses a copy, unlike a number
            is_open = is_deferred(array) and array.dtype.kind in "iu"  # how many a mask chooses has to be known
            if not is_open or (is_array and not array.ndim):
                array, is_open = np.asarray(array), False
            if array.size == 0 and isinstance(entry, list):
                array = array.astype(np.intp)
            if array.ndim == 0 and array.dtype.kind in "iu" and not (is_open or is_array):
                template.append(("int", int(array)))
            else:
                template.append(ARRAY)
                arrays.append(array)
    return tuple(template), tuple(arrays)


def _slice(entry: slice) -> tuple[Any, ...]:
    start, stop, step = entry.start, entry.stop, entry.step
    return (
        "slice",
        start if start is None or type(start) is int else whole(plain(start)),
        stop if stop is None or type(stop) is int else whole(plain(stop)),
        step if step is None or type(step) is int else whole(plain(step)),
    )


def build_index(template: Template, arrays: Sequence[Any] = ()) -> tuple[Any, ...]:
    """The index that :func:`parse_index` split, as NumPy takes it.

    >>> build_index((("int", 0), ("slice", 1, None, None)))
    (0, slice(1, None, None))
    """
    following = iter(arrays)
    built: list[Any] = []
    for entry in template:
        kind = entry[0]
        if kind == "int":
            built.append(entry[1])
        elif kind == "slice":
            built.append(slice(entry[1], entry[2], entry[3]))
        elif kind == "new":
            built.append(None)
        elif kind == "ellipsis":
            built.append(Ellipsis)
        else:
            built.append(next(following))
    return tuple(built)


class Region(NamedTuple):
    """Where the entries of ``x[index]`` lie in ``x``.

    ``places`` are the axes of ``x``, ``labels`` names each axis of the region (None: its only position), ``tables``
    are the labels of the index arrays and ``sources`` says of each table: which array, in which shape, for what extent.
    """

    sizes: tuple[int, ...]
    places: tuple[Axis, ...]
    labels: tuple[int | None, ...]
    tables: tuple[tuple[int, ...], ...] = ()
    sources: tuple[tuple[int, tuple[int, ...], int], ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the region."""
        return tuple([1 if label is None else self.sizes[label] for label in self.labels])

    def positions(self, arrays: Sequence[Any]) -> tuple[Any, ...]:
        """The tables: index arrays without the axes along which they are constant, counted from the front."""
        return tuple(
            [
                _from_front(
                    np.broadcast_to(arrays[number].reshape(kept), [self.sizes[label] for label in labels]), size
                )
                for (number, kept, size), labels in zip(self.sources, self.tables, strict=True)
            ]
        )

    def aligned(self, shape: tuple[int, ...]) -> list[int | None]:
        """The labels of an array of ``shape`` that is broadcast to the region."""
        ahead = len(shape) - len(self.labels)
        named: list[int | None] = []
        for place, size in enumerate(shape):
            label = self.labels[place - ahead] if place >= ahead else None
            named.append(None if label is None or (size == 1 and self.sizes[label] != 1) else label)
        return named


def _from_front(array: Any, size: int) -> Any:
    # What a deferred array holds is not known yet.
    return np.where(array < 0, array + size, array) if array.size and (is_deferred(array) or array.min() < 0) else array


def expanded(template: Template, rank: int) -> list[tuple[Any, ...]]:
    """The template with its ellipsis (or its missing end) written as full slices."""
    used = sum([entry is not NEW and entry[0] not in ("new", "ellipsis") for entry in template])
    full = [FULL] * (rank - used)
    for place, entry in enumerate(template):
        if entry[0] == "ellipsis":
            return [*template[:place], *full, *template[place + 1 :]]
    return [*template, *full]


def separated(template: Template) -> bool:
    """Whether something stands between the advanced indices: NumPy then puts their axes first."""
    advanced = [entry[0] in ("int", "array") for entry in template]
    first = advanced.index(True)
    last = len(advanced) - advanced[::-1].index(True)
    return not all(advanced[first:last])


@lru_cache(maxsize=1 << 14)
def region(shape: tuple[int, ...], template: Template, arrays: tuple[tuple[int, ...], ...] = ()) -> Region:
    """The region of an index of integers, slices and integer arrays of the shapes ``arrays``.

    >>> region((5, 4), (("slice", 1, None, 2), ("int", -1))).places[0]
    Axis(size=5, labels=(0,), strides=(2,), offset=1, table=-1)
    """
    sizes: list[int] = []
    places: list[Axis] = []
    labels: list[int | None] = []
    tables: list[tuple[int, ...]] = []
    sources: list[tuple[int, tuple[int, ...], int]] = []
    common = np.broadcast_shapes(*arrays) if arrays else ()
    shared = list(range(len(common)))  # the labels of the axes that the index arrays share
    sizes.extend(common)
    target = 0 if arrays and separated(template) else None  # where these axes stand in the result
    axis = 0
    for entry in expanded(template, len(shape)):
        kind = entry[0]
        if kind == "new":
            labels.append(None)
            continue
        extent = shape[axis]
        axis += 1
        if kind == "int":
            target = len(labels) if target is None else target
            places.append(constant(extent, entry[1] % extent if extent else 0))
        elif kind == "slice":
            start, stop, step = slice(*entry[1:]).indices(extent)
            length = len(range(start, stop, step))
            if length == 1:
                places.append(constant(extent, start))
                labels.append(None)
            else:
                places.append(affine(extent, len(sizes), step if length else 1, start if length else 0))
                labels.append(len(sizes))
                sizes.append(length)
        else:
            target = len(labels) if target is None else target
            given = arrays[len(tables)]
            ahead = len(common) - len(given)
            kept = [k for k, size in enumerate(given) if size != 1 or common[ahead + k] == 1]
            kept = kept or [*range(len(given))][-1:]
            named = tuple([shared[ahead + k] for k in kept])
            places.append(Axis(extent, named, (0,) * len(named), 0, len(tables)))
            sources.append((len(tables), tuple([given[k] for k in kept]), extent))
            tables.append(named)
    if arrays:
        assert target is not None
        labels[target:target] = shared
    return Region(tuple(sizes), tuple(places), tuple(labels), tuple(tables), tuple(sources))


def integers(shape: tuple[int, ...], template: Template, arrays: Sequence[Any]) -> Index:
    """The same index with masks written as the integer arrays of their true positions."""
    if all(array.dtype.kind != "b" for array in arrays):
        return template, tuple(arrays)
    if any(array.ndim == 0 for array in arrays):  # x[True]: one more axis, of size 1 or 0
        flat = np.arange(prod(shape)).reshape(shape)[build_index(template, arrays)]
        return (ARRAY,) * len(shape), tuple(np.unravel_index(flat, shape)) if shape else ()
    following = iter(arrays)
    entries: list[tuple[Any, ...]] = []
    found: list[Any] = []
    for entry in template:
        if entry[0] != "array":
            entries.append(entry)
            continue
        array = next(following)
        parts = array.nonzero() if array.dtype.kind == "b" else (array,)
        entries.extend([ARRAY] * len(parts))
        found.extend(parts)
    return tuple(entries), tuple(found)


def located(call: Call, arrays: Sequence[Any]) -> tuple[Region, tuple[Any, ...]]:
    """The region that a call's index names in its first argument, and its tables."""
    return locate(call.shapes[0], call.params["index"], arrays)


def locate(shape: tuple[int, ...], template: Template, arrays: Sequence[Any]) -> tuple[Region, tuple[Any, ...]]:
    """The region of an index in an array of ``shape``, and its tables."""
    if not shape and arrays:  # only x[True] and x[False] can index an array without axes
        sizes = np.empty(())[build_index(template, arrays)].shape
        return Region(sizes, (), tuple(range(len(sizes)))), ()
    template, arrays = integers(shape, template, arrays)
    found = region(shape, template, tuple([array.shape for array in arrays]))
    return found, found.positions(arrays)


def straight(found: Region, tables: tuple[Any, ...]) -> tuple[Region, tuple[Any, ...]]:
    """The same region and tables, those that are in equal steps (``np.arange(n)``) written as affine axes.

    Entries may share a label then on several axes, as in ``x[np.arange(n), np.arange(n)]``: for reading only.
    """
    lines = tuple([(slot, *line) for slot, line in enumerate(map(_line, tables)) if line is not None])
    if not lines:
        return found, tables
    kept = {slot for slot, _, _ in lines}
    return straightened(found, lines), tuple([table for slot, table in enumerate(tables) if slot not in kept])


def _line(table: Any) -> tuple[int, int] | None:
    """Start and step of a table in equal steps, such as ``np.arange(n)``; None if it is none."""
    if type(table) is not np.ndarray or table.ndim != 1 or len(table) < 2 or table[0] == table[1]:
        return None
    steps = steps_of(table)
    return None if steps is None else (steps[0], steps[1][0])


@lru_cache(maxsize=1 << 14)
def straightened(found: Region, lines: tuple[tuple[int, int, int], ...]) -> Region:
    """The region with tables that are in equal steps (their slot, start and step) written as affine axes.

    >>> once = region((4, 3), (ARRAY, ARRAY), ((4,), (4,)))
    >>> straightened(once, ((0, 0, 1),)).places  # doctest: +ELLIPSIS
    (Axis(size=4, labels=(0,), strides=(1,), ...), Axis(size=3, labels=(0,), strides=(0,), offset=0, table=0))
    """
    known = {slot: (start, step) for slot, start, step in lines}
    kept = [slot for slot in range(len(found.tables)) if slot not in known]
    places = []
    for axis in found.places:
        if axis.table in known:
            start, step = known[axis.table]
            places.append(affine(axis.size, axis.labels[0], step, start))
        else:
            places.append(axis if axis.table < 0 else axis._replace(table=kept.index(axis.table)))
    return found._replace(
        places=tuple(places),
        tables=tuple([found.tables[slot] for slot in kept]),
        sources=tuple([found.sources[slot] for slot in kept]),
    )


def taken(found: Region) -> Pattern:
    """The pattern of reading the region: a row for each of its entries."""
    return pattern(found.sizes, found.labels, found.places, (), found.tables)[0]


def placed(found: Region, shape: tuple[int, ...]) -> Pattern:
    """The pattern of putting an array of ``shape`` there, broadcast to the region."""
    return pattern(found.sizes, found.places, found.aligned(shape), (), found.tables)[0]
