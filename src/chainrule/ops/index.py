"""Indexing: a part of an array read, overwritten or added to; its Jacobian is an index map, affine for basic slices.

y = x[1:-1]            ∂y[i]/∂x[m] = δ(m, i+1)
y = x[p]               ∂y[i]/∂x[m] = δ(m, p[i])
z = x; z[1:-1] = y     ∂z[i]/∂y[m] = δ(i, m+1);  ∂z[i]/∂x[m] = δ(i, m) for i outside 1 … n-2
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from chainrule.linear.functions import overwritten, scatter
from chainrule.linear.term import Term, identity
from chainrule.linear.writing import Writing, spread, written
from chainrule.op import Call, Constant, Rule, Sample, cached_by_call, define, implements
from chainrule.ops.outside import as_slices, last_written, outside, outside_arrays, tabled_identity
from chainrule.ops.region import (
    ARRAY,
    ELLIPSIS,
    FULL,
    MANY,
    NEW,
    Template,
    build_index,
    locate,
    located,
    parse_index,
    placed,
    straight,
    taken,
)
from chainrule.ops.writing import index_in_latex, index_of, literal

__all__ = ["build_index", "getitem", "overwrite", "overwrite_flat", "parse_index", "scatter_add"]

# --- reading ---


class Read(Rule):
    """∂x[index] / ∂x: a delta between the position in the result and the position that it was read from."""

    needs = MANY
    indexed = True

    def __init__(self) -> None:
        self.known: dict[Any, Any] = {}

    def terms(self, call: Call, position: int, out: Any, arguments: Sequence[Any]) -> Sequence[Term]:
        if len(call.shapes) == 1:
            return cached_by_call(self.known, call, 0, lambda: (Term(taken(located(call, ())[0])),))
        found, tables = straight(*located(call, arguments[1:]))
        return (Term(taken(found), (), tables),)


NOTHING = Constant()


def getitem_forward(x: Any, *arrays: Any, index: Template) -> Any:
    """``x[index]``: a view where NumPy gives one."""
    if len(index) == 1 and not arrays:
        entry = index[0]
        if entry[0] == "int":
            return x[entry[1]]
        if entry[0] == "slice":
            return x[entry[1] : entry[2] : entry[3]]
    return x[build_index(index, arrays)]


_read = Read()
getitem = define(
    "getitem",
    getitem_forward,
    variadic=lambda position: _read if position == 0 else NOTHING,
    label="Index",
    samples=[
        Sample(((5,),), {"index": (("int", -2),)}),
        Sample(((5, 3),), {"index": (("slice", 4, None, -2), NEW, ("int", 0))}),
        Sample(((4, 3, 2),), {"index": (("int", 1), ELLIPSIS, ("slice", 1, 1, None))}),
        Sample(((4, 3), np.array([2, -1, 2])), {"index": (ARRAY,)}),
        Sample(((4, 3, 5), np.array([[1], [0]]), np.array([4, 0, 4])), {"index": (ARRAY, FULL, ARRAY)}),
        Sample(((2, 3, 2), np.array([[True, False, True], [False, True, True]])), {"index": (ARRAY,)}),
    ],
    notation=(
        lambda x, *arrays, index: f"{x}[{index_of(index, arrays)}]",
        lambda x, *arrays, index: f"{x}[{index_in_latex(index, arrays)}]",
        lambda x, *arrays, index: f"{x}[{index_of(index, arrays)}]",
    ),
    takes_complex=True,
)


# --- overwriting ---


class Kept(Rule):
    """∂(x with x[index] = y) / ∂x: the identity outside the region, as disjoint boxes."""

    needs = MANY[1:]
    indexed = True

    def __init__(self) -> None:
        self.known: dict[Any, Any] = {}

    def terms(self, call: Call, position: int, out: Any, arguments: Sequence[Any]) -> Sequence[Term]:
        if len(call.shapes) == 2:
            return cached_by_call(self.known, call, 0, lambda: tuple(outside(located(call, ())[0])))
        return tuple(outside_arrays(*located(call, arguments[2:])))


class Written(Rule):
    """∂(x with x[index] = y) / ∂y: one at the place where each entry of ``y`` (the last of several) is put."""

    needs = MANY[1:]
    indexed = True

    def __init__(self) -> None:
        self.known: dict[Any, Any] = {}

    def terms(self, call: Call, position: int, out: Any, arguments: Sequence[Any]) -> Sequence[Term]:
        shape = call.shapes[1]
        if len(call.shapes) == 2:
            return cached_by_call(self.known, call, 1, lambda: (Term(placed(located(call, ())[0], shape)),))
        found, tables = located(call, arguments[2:])
        return () if 0 in found.sizes else (last_written(found, tables, shape),)


def writable(x: Any, y: Any) -> Any:
    """A copy of ``x`` that can take ``y``: floating point if ``y`` is."""
    x, kind = np.asarray(x), getattr(y, "dtype", np.dtype(type(y)))
    return np.array(x, x.dtype if x.dtype.kind in "fc" or kind.kind not in "fc" else np.result_type(x.dtype, kind))


def overwrite_forward(x: Any, y: Any, *arrays: Any, index: Template) -> Any:
    """A copy of ``x`` in which ``x[index]`` is ``y``."""
    return overwritten(x, y, build_index(index, arrays))


OVERWRITTEN = """\
def overwritten(x, index, y):
    result = np.array(x, dtype=np.result_type(x, y))
    result[index] = y
    return result"""

_kept, _written = Kept(), Written()
overwrite = define(
    "overwrite",
    overwrite_forward,
    variadic=lambda position: (_kept, _written)[position] if position < 2 else NOTHING,
    label="CopySlices",
    samples=[
        Sample(((6,), (4,)), {"index": (("slice", 1, -1, None),)}),
        Sample(((6, 4), (3, 1)), {"index": (("slice", 5, None, -2), ("slice", 0, 3, None))}),
        Sample(((9, 2), ()), {"index": (("slice", 1, None, 6), ("int", 1))}),
        Sample(((4, 3), (3, 3), np.array([2, 0, 2])), {"index": (ARRAY,)}),
        Sample(((4, 3, 2), (2,), np.array([2, -1]), np.array([0, 1])), {"index": (ARRAY, ARRAY)}),
        Sample(((3, 2), (1, 2), np.array([True, False, True])), {"index": (ARRAY,)}),
    ],
    notation=(
        lambda x, y, *arrays, index: f"({x} with [{index_of(index, arrays)}] ← {y})",
        lambda x, y, *arrays, index: (
            rf"\left({x} \text{{ with }} [{index_in_latex(index, arrays)}] \leftarrow {y}\right)"
        ),
        lambda x, y, *arrays, index: f"overwritten({x}, np.s_[{index_of(index, arrays)}], {y})",
        OVERWRITTEN,
    ),
    takes_complex=True,
)


def overwrite_flat_forward(x: Any, y: Any, positions: Any) -> Any:
    """A copy of ``x`` in which the entries at ``positions`` of its flat form are ``y``."""
    result = writable(x, y)
    result.reshape(-1)[positions] = y
    return result


class KeptFlat(Rule):
    """∂(x with the flat positions overwritten) / ∂x: the identity elsewhere."""

    needs = (2,)

    def terms(self, call: Call, position: int, out: Any, arguments: Sequence[Any]) -> Sequence[Term]:
        shape, positions = call.shapes[0], np.asarray(arguments[2])
        found = as_slices(shape, positions)
        if found is not None:
            return tuple(outside(found[0]))
        if not shape:
            return () if positions.size else (Term(identity(())),)
        kept = np.ones(prod(shape), bool)
        kept[positions] = False
        index = kept.reshape(shape).nonzero()
        return (tabled_identity(shape, range(len(shape)), index),)


class WrittenFlat(Rule):
    """∂(x with the flat positions overwritten by y) / ∂y."""

    needs = (2,)

    def terms(self, call: Call, position: int, out: Any, arguments: Sequence[Any]) -> Sequence[Term]:
        shape, positions = call.shapes[0], np.asarray(arguments[2])
        found = as_slices(shape, positions)
        if found is not None:
            return (Term(placed(found[0], call.shapes[1])),)
        if not shape or not positions.size:
            return ()
        index = np.unravel_index(positions, shape)
        return (last_written(*locate(shape, (ARRAY,) * len(shape), index), call.shapes[1]),)


OVERWRITTEN_FLAT = """\
def overwritten_flat(x, positions, y):
    result = np.array(x, dtype=np.result_type(x, y), order="C")
    result.reshape(-1)[positions] = y
    return result"""

overwrite_flat = define(
    "overwrite_flat",
    overwrite_flat_forward,
    KeptFlat(),
    WrittenFlat(),
    NOTHING,
    arguments=("x", "y", "positions"),
    label="CopySlices",
    samples=[
        Sample(((5, 4), (3, 2), np.arange(20).reshape(5, 4)[1:4, ::-2])),
        Sample(((5, 4), (4,), np.array([3, 1, 3, 19]))),
        Sample(((3, 2), (2, 3), np.arange(6).reshape(3, 2).T)),
    ],
    notation=(
        "({0} with flat [{2}] ← {1})",
        r"\left({0} \text{{ with flat }} [{2}] \leftarrow {1}\right)",
        "overwritten_flat({0}, {2}, {1})",
        OVERWRITTEN_FLAT,
    ),
    takes_complex=True,
)


# --- adding: the transpose of reading ---


class Added(Rule):
    """∂(zeros with values added at index) / ∂values: the transpose of reading; repeated positions add up."""

    needs = MANY

    def terms(self, call: Call, position: int, out: Any, arguments: Sequence[Any]) -> Sequence[Term]:
        found, tables = locate(call.shape, call.params["index"], arguments[1:])
        return (Term(placed(found, call.shapes[0]), (), tables),)


ADDED_AT = """\
def added_at(shape, index, values):
    result = np.zeros(shape)
    np.add.at(result, index, values)
    return result"""

_added = Added()
scatter_add = define(
    "scatter_add",
    lambda values, *arrays, shape, index: scatter(values, shape, build_index(index, arrays)),
    variadic=lambda position: _added if position == 0 else NOTHING,
    label="IndexPut",
    samples=[
        Sample(((3,),), {"shape": (7,), "index": (("slice", 5, None, -2),)}),
        Sample(((3, 2), np.array([1, 0, 1])), {"shape": (2, 2), "index": (ARRAY,)}),
        Sample(
            ((2, 1), np.array([[1], [0], [1]]), np.array([0, 2])), {"shape": (2, 4, 3), "index": (ARRAY, FULL, ARRAY)}
        ),
    ],
    notation=(
        lambda values, *arrays, shape, index: f"scatter({values} → [{index_of(index, arrays)}])",
        lambda values, *arrays, shape, index: (
            rf"\operatorname{{scatter}}\left({values} \to [{index_in_latex(index, arrays)}]\right)"
        ),
        lambda values, *arrays, shape, index: f"added_at({literal(shape)}, np.s_[{index_of(index, arrays)}], {values})",
        ADDED_AT,
    ),
    takes_complex=True,
)


@implements(written)
def written_adapter(how: Writing, *values: Any) -> Any:
    """`written` on tensors."""
    return spread(how, values)


@implements(scatter)
def scatter_adapter(values: Any, shape: tuple[int, ...], index: Any) -> Any:
    """`scatter` on a tensor."""
    template, arrays = parse_index(index)
    return scatter_add(values, *arrays, shape=tuple([int(size) for size in shape]), index=template)
