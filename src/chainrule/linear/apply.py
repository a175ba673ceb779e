"""A term applied to a vector: forwards is `push`, transposed is `pull`, the one step of every backward pass.

Both look a plan up under the shape of the vector and call it. A plan reads the vector along the row axes, contracts
it with the factors, and lays the result along the column axes; what is not needed is not in the plan.

An axis of a vector is *thin* where it has size 1 and the map's axis is larger: the vector is constant along it. The
cotangent of a sum is never expanded, and the results may be thin in the same sense.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import ShapeError
from chainrule.linear.contract import write_contraction
from chainrule.linear.script import THIN, Script, Value, write_layout
from chainrule.linear.slices import move, slice_of, slices_of
from chainrule.linear.term import Axis, Pattern, pattern

__all__ = ["pull", "pull_batch", "push", "push_batch"]


def pull(pattern: Pattern, cotangent: Any, factors: tuple[Any, ...], tables: tuple[Any, ...]) -> Any:
    """Apply the transposed map: ``result[column] = Σ J[row, column] · cotangent[row]``.

    Args:
        pattern: the structure; it keeps the plans, under the shapes of cotangents.
        cotangent: an array (or NumPy scalar, or tracked tensor) of the rank of ``pattern.row``; an axis may be thin.
        factors: the term's factors.
        tables: the term's index arrays.

    Returns:
        An array of the rank of ``pattern.column``, thin where it is constant by structure. It may be the cotangent
        itself or a view of it or of a factor: copy before writing into it.

    Raises:
        ShapeError: the cotangent's shape is not the row's.

    >>> from chainrule.linear.term import pattern as make
    >>> linear, _ = make([2, 3], [0], [1], [(0, 1)])  # y[i] = Σ_j W[i,j] x[j]
    >>> pull(linear, np.array([1.0, 2.0]), (np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),), ())
    array([ 9., 12., 15.])
    """
    plan = pattern.plans.get(cotangent.shape)
    if plan is None:
        plan = pattern.plans[cotangent.shape] = _plan(pattern, cotangent.shape)
    return plan(cotangent, factors, tables)


def push(pattern: Pattern, tangent: Any, factors: tuple[Any, ...], tables: tuple[Any, ...]) -> Any:
    """Apply the map: ``result[row] = Σ J[row, column] · tangent[column]``; all else as `pull`.

    >>> from chainrule.linear.term import pattern as make
    >>> linear, _ = make([2, 3], [0], [1], [(0, 1)])  # y[i] = Σ_j W[i,j] x[j]
    >>> push(linear, np.array([1.0, 0.0, -1.0]), (np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),), ())
    array([-2., -2.])
    """
    return pull(pattern.transposed(), tangent, factors, tables)


def pull_batch(pattern: Pattern, cotangents: Any, factors: tuple[Any, ...], tables: tuple[Any, ...]) -> Any:
    """`pull` for each of the ``cotangents`` along a leading axis, which leads in the result too.

    >>> from chainrule.linear.term import pattern as make
    >>> linear, _ = make([2, 3], [0], [1], [(0, 1)])
    >>> pull_batch(linear, np.eye(2), (np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),), ())
    array([[1., 2., 3.],
           [4., 5., 6.]])
    """
    return pull(_batched(pattern, cotangents.shape[0]), cotangents, factors, tables)


def push_batch(pattern: Pattern, tangents: Any, factors: tuple[Any, ...], tables: tuple[Any, ...]) -> Any:
    """`push` for each of the ``tangents`` along a leading axis, which leads in the result too."""
    return pull(_batched(pattern.transposed(), tangents.shape[0]), tangents, factors, tables)


def _batched(unbatched: Pattern, count: int) -> Pattern:
    """The same map on ``count`` vectors: one more label, first in the row and in the column."""
    key = "batch", count
    found: Pattern | None = unbatched.plans.get(key)
    if found is None:
        names = range(1, len(unbatched.sizes) + 1)
        lead = Axis(count, (0,), (1,))
        row, column = ([lead, *[axis.renamed(names) for axis in axes]] for axes in (unbatched.row, unbatched.column))
        factors = [factor._replace(labels=tuple([k + 1 for k in factor.labels])) for factor in unbatched.factors]
        tables = [tuple([label + 1 for label in labels]) for labels in unbatched.tables]
        found, _ = pattern((count, *unbatched.sizes), row, column, factors, tables)
        unbatched.plans[key] = found
    return found


def _plan(pattern: Pattern, shape: tuple[int, ...]) -> Callable[..., Any]:
    """Write and compile the plan of `pull` for cotangents of ``shape``."""
    row_shape = pattern.row_shape
    if len(shape) != len(row_shape) or any(n not in (1, size) for n, size in zip(shape, row_shape, strict=True)):
        raise ShapeError(
            f"a cotangent of shape {shape} does not fit the result of shape {row_shape}: "
            f"give one number for each entry of the result (an axis of size 1 stands for equal numbers along it)"
        )
    if 0 in pattern.sizes:
        return _no_entries(pattern.column_shape)
    # What is applied is applied to the whole cotangent: it may look at what it is given.
    applied = {label for factor in pattern.factors if factor.opaque for label in factor.labels}
    lengths = zip(shape, row_shape, pattern.row, strict=True)
    whole = tuple([size if applied.intersection(axis.labels) else n for n, size, axis in lengths])
    if whole != shape:
        plan = _plan(pattern, whole)
        return lambda cotangent, factors, tables: plan(np.broadcast_to(cotangent, whole), factors, tables)
    moved = slices_of(pattern) if shape == row_shape else None
    if moved is not None:
        return move(*moved, pattern.column_shape)
    script = Script("g", "factors", "tables")
    names = [f"f{k}" for k in range(len(pattern.factors))]
    if names:
        script.lines.append(f"{', '.join(names)}{',' * (len(names) == 1)} = factors")
    operands = [
        Value(name, factor.labels, factor.opaque, bool(factor.labels))
        for name, factor in zip(names, pattern.factors, strict=True)
    ]
    sizes = list(pattern.sizes)
    column = _Column(pattern)
    in_factors = {label for factor in pattern.factors for label in factor.labels}
    view = _write_view(script, pattern, shape, in_factors, sizes)
    carried = {label for label in view.labels if sizes[label] == pattern.sizes[label]} | in_factors
    wanted = {label for label in column.labels if label >= 0}
    scale = prod([size for label, size in enumerate(pattern.sizes) if label not in carried | wanted])
    product = write_contraction(script, [view, *operands], column.labels, sizes, scale)
    return script.finish(column.write(script, product, sizes))


def _no_entries(shape: tuple[int, ...]) -> Callable[..., Any]:
    """The plan of a map over an empty range of labels."""

    def plan(cotangent: Any, factors: tuple[Any, ...], tables: tuple[Any, ...]) -> Any:
        return np.zeros(shape, np.result_type(cotangent.dtype, *[getattr(f, "dtype", f) for f in factors]))

    return plan


# --- axes -------------------------------------------------------------------------------------------------------------


class _Place(NamedTuple):
    """One axis, analysed: ``kind`` is "thin", "label", "constant", "slice", "group" or "index"."""

    kind: str
    labels: tuple[int, ...] = ()
    index: Any = slice(None)  # the basic index that reads (or writes) the positions, before a group is split


def _merged(axis: Axis, sizes: Sequence[int]) -> dict[int, int]:
    """The strides of an affine axis by label, without labels that do not move the position."""
    strides: dict[int, int] = {}
    for label, stride in zip(axis.labels, axis.strides, strict=True):
        strides[label] = strides.get(label, 0) + stride
    return {label: stride for label, stride in strides.items() if stride and sizes[label] > 1}


def _place(pattern: Pattern, axis: Axis) -> _Place:
    """Analyse one axis by itself."""
    if pattern.is_bare(axis):
        return _Place("label", axis.labels)
    if axis.size == 1:
        return _Place("thin")
    if axis.table >= 0:
        return _Place("index", axis.labels)
    strides = _merged(axis, pattern.sizes)
    if not strides:
        return _Place("constant", (), axis.offset)
    labels = tuple(sorted(strides, key=lambda label: -strides[label]))
    unit = strides[labels[-1]]
    expected = unit
    for label in labels[::-1]:
        if strides[label] != expected:
            return _Place("index", tuple(strides))
        expected *= pattern.sizes[label]
    index = slice_of(axis.offset, prod([pattern.sizes[label] for label in labels]), unit, axis.size)
    if len(labels) > 1:
        return _Place("group", labels, index)
    return _Place("label" if index == slice(None) else "slice", labels, index)


def _spread(places: list[_Place], shared: bool) -> list[_Place]:
    """Give an index array to every axis that shares a label with one that needs it (and, if ``shared``, with any)."""
    labels = [label for place in places for label in place.labels]
    if all(place.kind != "index" for place in places) and (not shared or len(set(labels)) == len(labels)):
        return places
    counts: dict[int, int] = {}
    for place in places:
        for label in set(place.labels):
            counts[label] = counts.get(label, 0) + 1
    indexed = {label for label, count in counts.items() if shared and count > 1}
    while True:
        found = {
            label
            for place in places
            if place.kind == "index" or indexed.intersection(place.labels)
            for label in place.labels
        }
        if found == indexed:
            break
        indexed = found
    return [_Place("index", place.labels) if indexed.intersection(place.labels) else place for place in places]


def _write_index(
    script: Script, pattern: Pattern, axis: Axis, labels: Sequence[int], sizes: Sequence[int]
) -> tuple[str, list[int]]:
    """The variable of the positions along one axis, to broadcast over ``labels``; and the labels it depends on."""
    if axis.table < 0:
        positions = np.array(axis.offset, np.intp)
        strides = _merged(axis, sizes)
        for label, stride in strides.items():
            steps = np.arange(sizes[label], dtype=np.intp) * stride
            positions = positions + steps.reshape([-1 if other == label else 1 for other in labels])
        return script.constant(positions), list(strides)
    value = Value(f"tables[{axis.table}]", axis.labels)
    for label in set(axis.labels):
        while value.axes.count(label) > 1:
            first = value.axes.index(label)
            second = value.axes.index(label, first + 1)
            rest = [other for k, other in enumerate(value.axes) if k not in (first, second)]
            value = Value(script.let(f"{value.name}.diagonal(0, {first}, {second})"), (*rest, label))
    return script.let(write_layout(script, value, labels, sizes, full=False)), list(value.axes)


# --- the row: reading the cotangent -----------------------------------------------------------------------------------


def _write_view(
    script: Script, pattern: Pattern, shape: tuple[int, ...], in_factors: set[int], sizes: list[int]
) -> Value:
    """Write how the cotangent, of ``shape``, becomes an array with one label for each axis.

    A thin axis keeps its label, with the size 1 in ``sizes``, where no factor and no other axis has that label.
    """
    in_row = [label for axis in pattern.row for label in axis.labels]
    places = []
    for axis, count in zip(pattern.row, shape, strict=True):
        place = _place(pattern, axis)
        if count == 1 and (axis.size != 1 or place.kind != "label"):
            place = _Place("thin")
            if pattern.is_bare(axis) and axis.labels[0] not in in_factors and in_row.count(axis.labels[0]) == 1:
                sizes[axis.labels[0]] = 1
                place = _Place("label", axis.labels)
        places.append(place)
    places = _spread(places, shared=False)
    name = "g"
    index = [place.index for place in places]
    while index and index[-1] == slice(None):
        index.pop()
    if index:
        name = script.let(f"{name}[{script.constant(tuple(index))}]")
    kept = [k for k, place in enumerate(places) if place.kind != "constant"]
    axes: list[tuple[int, ...] | Axis] = [
        pattern.row[k] if places[k].kind == "index" else (THIN,) if places[k].kind == "thin" else places[k].labels
        for k in kept
    ]
    while True:
        position = next((k for k, entry in enumerate(axes) if isinstance(entry, Axis)), None)
        if position is None:
            break
        name, axes = _write_gather(script, pattern, name, axes, position, sizes)
    labels = [label for entry in axes for label in (entry if not isinstance(entry, Axis) else ())]
    if len(labels) != len(axes):
        full = tuple([1 if label == THIN else sizes[label] for label in labels])
        name = script.let(f"{name}.reshape({script.constant(full)})")
    return Value(name, tuple(labels))


def _write_gather(
    script: Script,
    pattern: Pattern,
    name: str,
    axes: list[tuple[int, ...] | Axis],
    position: int,
    sizes: Sequence[int],
) -> tuple[str, list[tuple[int, ...] | Axis]]:
    """Index one axis, and all that share labels with it, by arrays of positions."""
    together = [position]
    labels: list[int] = []
    grown = True
    while grown:
        grown = False
        for k, entry in enumerate(axes):
            if not isinstance(entry, Axis):
                continue
            moving = [
                label for label in dict.fromkeys(entry.labels) if entry.table >= 0 or label in _merged(entry, sizes)
            ]
            if k == position or set(moving) & set(labels):
                if k not in together:
                    together.append(k)
                new = [label for label in moving if label not in labels]
                labels += new
                grown = grown or bool(new)
    together.sort()
    parts = [":"] * len(axes)
    for k in together:
        entry = axes[k]
        assert isinstance(entry, Axis)
        parts[k], _ = _write_index(script, pattern, entry, labels, sizes)
    while parts[-1] == ":":
        parts.pop()
    text = f"{name}[{', '.join(parts)}]"
    if len(together) == 1:
        text = f"{name}.take({parts[-1]}, {position}) if type({name}) is ndarray else {text}"
    where = together[0] if together == list(range(together[0], together[-1] + 1)) else 0
    rest = [entry for k, entry in enumerate(axes) if k not in together]
    before = rest[:where]
    return script.let(text), [*before, *[(label,) for label in labels], *rest[where:]]


# --- the column: laying the result out --------------------------------------------------------------------------------


class _Column:
    """How the result of a contraction is laid along the column axes; ``labels`` are the axes that it needs."""

    def __init__(self, pattern: Pattern) -> None:
        self.pattern = pattern
        places = _spread([_place(pattern, axis) for axis in pattern.column], shared=True)
        self.places = places
        self.indexed = [k for k, place in enumerate(places) if place.kind == "index"]
        self.joint: list[int] = []  # labels of the index arrays, in front
        for k in self.indexed:
            axis = pattern.column[k]
            moving = axis.labels if axis.table >= 0 else tuple(_merged(axis, pattern.sizes))
            self.joint += [label for label in dict.fromkeys(moving) if label not in self.joint]
        self.labels = list(self.joint)
        for place in places:
            if place.kind == "thin":
                self.labels.append(THIN)
            elif place.kind in ("label", "slice", "group"):
                self.labels += place.labels

    def write(self, script: Script, value: Value, sizes: Sequence[int]) -> str:
        """Write the layout of ``value``, whose axes are ``labels`` (thin where it does not carry them)."""
        if all(place.kind in ("label", "thin") for place in self.places):
            return value.name
        whole = self.pattern.sizes
        axes = [label if label >= 0 and sizes[label] == whole[label] else THIN for label in value.axes]
        name, extents = self._write_groups(script, value._replace(axes=tuple(axes)), whole)
        if all(
            place.kind in ("label", "thin") or (place.kind == "group" and place.index == slice(None))
            for place in self.places
        ):
            return name
        return self._write_scatter(script, name, extents, whole)

    def _write_groups(self, script: Script, value: Value, sizes: Sequence[int]) -> tuple[str, list[int]]:
        """Merge the axes of each group, expanded where they are thin in part; return the sizes of all axes."""
        actual = [1 if label == THIN else sizes[label] for label in value.axes]
        expanded, merged = list(actual), actual[: len(self.joint)]
        position = len(self.joint)
        for place in self.places:
            count = {"thin": 1, "label": 1, "slice": 1, "group": len(place.labels)}.get(place.kind, 0)
            if not count:
                continue
            part = slice(position, position + count)
            if place.kind == "group" and any(label != THIN for label in value.axes[part]):
                expanded[part] = [sizes[label] for label in place.labels]
            merged.append(prod(expanded[part]))
            position += count
        name = value.name
        if expanded != actual:
            name = script.let(f"np.broadcast_to({name}, {script.constant(tuple(expanded))})")
        if len(merged) != len(expanded):
            name = script.let(f"{name}.reshape({script.constant(tuple(merged))})")
        return name, merged

    def _write_scatter(self, script: Script, name: str, extents: list[int], sizes: Sequence[int]) -> str:
        """Add the values into zeros, index arrays first; then put the axes back in order."""
        column = self.pattern.column
        order = self.indexed + [k for k in range(len(column)) if k not in self.indexed]
        shape, index = [], []
        full = [sizes[label] for label in self.joint]
        position = len(self.joint)
        for k in order[len(self.indexed) :]:
            place = self.places[k]
            extent = column[k].size
            if place.kind in ("label", "thin") or (place.kind == "group" and place.index == slice(None)):
                extent = extents[position]
            shape.append(extent)
            index.append(place.index)
            if place.kind != "constant":
                start, stop, step = place.index.indices(extent)
                full.append(len(range(start, stop, step)))
                position += 1
        if full != extents:
            name = script.let(
                f"{name} if type({name}) is ndarray else np.broadcast_to({name}, {script.constant(tuple(full))})"
            )
        if not self.indexed:
            while index[-1] == slice(None):
                index.pop()
            return script.let(f"scatter({name}, {script.constant(tuple(shape))}, {script.constant(tuple(index))})")
        outer = [column[k].size for k in self.indexed]
        flat = self._flat_slice(outer)
        if flat is not None:
            # One label along several axes (a diagonal) is a slice of these axes taken as one.
            constants = (script.constant((prod(outer), *shape)), script.constant((flat, *index)))
            name = script.let(f"scatter({name}, {constants[0]}, {constants[1]})")
            name = script.let(f"{name}.reshape({script.constant((*outer, *shape))})")
        else:
            texts = [_write_index(script, self.pattern, column[k], self.joint, sizes)[0] for k in self.indexed]
            texts += [script.constant(entry) for entry in index]
            name = script.let(f"scatter({name}, {script.constant((*outer, *shape))}, ({', '.join(texts)},))")
        back = [order.index(k) for k in range(len(order))]
        return name if back == sorted(back) else script.let(f"{name}.transpose({tuple(back)!r})")

    def _flat_slice(self, outer: Sequence[int]) -> slice | None:
        """The positions of the index arrays as one slice of their axes taken as one, where there is one label."""
        axes = [self.pattern.column[k] for k in self.indexed]
        if len(self.joint) != 1 or any(axis.table >= 0 for axis in axes):
            return None
        (label,) = self.joint
        offset = stride = 0
        for axis, size in zip(axes, outer, strict=True):
            offset = offset * size + axis.offset
            stride = stride * size + _merged(axis, self.pattern.sizes).get(label, 0)
        count = self.pattern.sizes[label]
        return slice_of(offset, count, stride, prod(outer)) if stride else None
