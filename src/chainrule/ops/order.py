"""Order along axes: the largest and smallest entries, sorting; the Jacobian is a table of positions.

y = max(x)         ∂y/∂x[m] = δ(m, argmax), shared by entries that tie, or as is chosen
y = sort(x)        ∂y[i]/∂x[m] = δ(m, argsort[i])
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from chainrule.errors import OptionError
from chainrule.linear.term import Axis, Term, pattern
from chainrule.op import Call, General, Operation, Sample, define, implements
from chainrule.ops.kinks import chosen_of_ties
from chainrule.ops.options import UNSET, Axes, are_known, plain, plain_axis, plain_keepdims, refuse_out
from chainrule.ops.pick import along_axis, take, take_along_axis
from chainrule.ops.reduce import reduced_axes
from chainrule.ops.shape import lying_as, ravel
from chainrule.ops.writing import alone, calling, literal

__all__ = ["max", "min", "partition", "sort", "topk"]


# --- the largest and the smallest entry ---


def extreme_terms(call: Call, position: int, out: Any, x: Any) -> Iterable[Term]:
    """∂y[r]/∂x[r,s] = 1 at the one s where x[r,s] = y[r]; 1/k where k entries tie and share."""
    out, x = plain(out), plain(x)
    shape = x.shape
    gone = reduced_axes(call.params.get("axis"), len(shape))
    rest = [k for k in range(len(shape)) if k not in gone]
    kept = tuple([1 if k in gone else size for k, size in enumerate(shape)])
    best = np.reshape(out, kept)
    hit = x == best
    if not are_known(hit):
        # The numbers are to come: where the largest will be cannot be part of the structure.
        return () if 0 in shape else (everywhere(call, hit, gone, x.dtype),)
    if x.dtype.kind in "fc" and np.isnan(best).any():
        hit |= np.isnan(x) & np.isnan(best)
    if hit.size:
        hit = chosen_of_ties(hit, gone)
    count = np.count_nonzero(hit, axis=gone, keepdims=True)
    keepdims = call.params.get("keepdims", False)
    if not hit.size:
        return ()
    if np.all(count == 1):
        return (one_each(hit, gone, rest, keepdims),)
    where = np.nonzero(hit)
    share = (1 / count.astype(x.dtype))[tuple([0 if k in gone else w for k, w in enumerate(where)])]
    share = np.full(len(where[0]), share)  # one number where all axes are gone
    column = [Axis(size, (0,), (0,), 0, k) for k, size in enumerate(shape)]
    row = [None if k in gone else column[k] for k in range(len(shape)) if keepdims or k not in gone]
    made, _ = pattern([len(where[0])], row, column, [(0,)], [(0,)] * len(shape))
    return (Term(made, (share,), where),)


class ExtremeRule(General):
    """In a formula, where the largest entry is stays a question: [x = max x], shared where entries tie."""

    def written(self, call: Call, position: int, out: Any, arguments: Sequence[Any]) -> Sequence[Term]:
        (x,) = arguments
        gone = reduced_axes(call.params.get("axis"), len(x.shape))
        kept = tuple([1 if k in gone else size for k, size in enumerate(x.shape)])
        return (everywhere(call, x == np.reshape(out, kept), gone, x.dtype),)


def everywhere(call: Call, hit: Any, gone: Sequence[int], dtype: Any) -> Term:
    """The same with the share of every entry as a factor, most of them 0."""
    shape = call.shapes[0]
    share = chosen_of_ties(hit, tuple(gone)).astype(dtype)
    share = share / np.sum(share, axis=tuple(gone), keepdims=True)
    keepdims = call.params.get("keepdims", False)
    row = [None if k in gone else k for k in range(len(shape)) if keepdims or k not in gone]
    labels = range(len(shape))
    return Term(pattern(shape, row, labels, [tuple(labels)])[0], (share,))


def one_each(hit: Any, gone: Sequence[int], rest: Sequence[int], keepdims: bool) -> Term:
    """The term of one hit for each entry of the result: the axes that stay are labels, the others tables of them."""
    shape = hit.shape
    flat = np.transpose(hit, [*rest, *gone]).reshape([*[shape[k] for k in rest], -1]).argmax(axis=-1)
    sizes = [shape[k] for k in rest] or [1]  # at least one label, for the tables to have
    labels = tuple(range(len(sizes)))
    if not rest:
        flat = flat.reshape(1)
    column: list[Axis | int] = [0] * len(shape)
    row: list[int | None] = []
    tables = np.unravel_index(flat, [shape[k] for k in gone]) if gone else ()
    for axis, size in enumerate(shape):
        if axis in gone:
            column[axis] = Axis(size, labels, (0,) * len(labels), 0, list(gone).index(axis))
            row.extend([None] * keepdims)
        else:
            column[axis] = rest.index(axis)
            row.append(rest.index(axis))
    return Term(pattern(sizes, row, column, (), [labels] * len(gone))[0], (), tuple(tables))


TIES = np.array([[1.0, 3.0, 3.0, 0.0], [3.0, 2.0, 1.0, 1.5]])
EXTREMES = [
    Sample(((3, 4),)),
    Sample(((3, 4),), {"axis": 1, "keepdims": False}),
    Sample(((2, 3, 4),), {"axis": (-1, 0), "keepdims": True}),
    Sample(((2, 1, 3),), {"axis": (0, 1), "keepdims": False}),
    Sample(((2, 3),), {"axis": (), "keepdims": False}),
    Sample(((0, 3),), {"axis": 1, "keepdims": False}),
    Sample(((),)),
]


def _extreme(function: Any) -> Operation:
    return define(
        function.__name__,
        lambda x, axis=None, keepdims=False: function(x, axis=axis, keepdims=keepdims),
        ExtremeRule(extreme_terms, ("out", "x"), ("x",)),
        samples=EXTREMES,
        takes_complex=True,
    )


max, min = _extreme(np.max), _extreme(np.min)
nanmax, nanmin = _extreme(np.nanmax), _extreme(np.nanmin)


def _implement_extreme(function: Any, operation: Operation, choose: Any, worst: float, *other_names: Any) -> None:
    @implements(function, *other_names)
    def adapter(
        a: Any, axis: Axes = None, out: Any = None, keepdims: Any = UNSET, initial: Any = UNSET, where: Any = UNSET
    ) -> Any:
        refuse_out(f"np.{function.__name__}", out)
        if where is not UNSET and where is not True:
            if initial is UNSET:
                raise OptionError(
                    f"np.{function.__name__} with where= needs initial=, the result where nothing is chosen"
                )
            a = np.where(plain(where), a, np.asarray(worst, plain(a).dtype))
        options = {"axis": plain_axis(axis), "keepdims": plain_keepdims(keepdims)}
        if initial is UNSET:
            return operation(a, **options)
        shape = a.shape
        gone = reduced_axes(options["axis"], len(shape))
        if prod([shape[k] for k in gone]) == 0:
            thin = [1 if k in gone else size for k, size in enumerate(shape) if options["keepdims"] or k not in gone]
            return np.full(thin, initial, plain(a).dtype)
        return choose(operation(a, **options), initial)


_implement_extreme(np.max, max, np.maximum, -np.inf, np.amax)
_implement_extreme(np.min, min, np.minimum, np.inf, np.amin)
_implement_extreme(np.nanmax, nanmax, np.fmax, -np.inf)
_implement_extreme(np.nanmin, nanmin, np.fmin, np.inf)


@implements(np.ptp)
def ptp(a: Any, axis: Axes = None, out: Any = None, keepdims: Any = UNSET) -> Any:
    """np.ptp."""
    refuse_out("np.ptp", out)
    options: dict[str, Any] = {"axis": plain_axis(axis), "keepdims": plain_keepdims(keepdims)}
    return max(a, **options) - min(a, **options)


# --- sorting ---


def gathered(order: Callable[..., Any]) -> General:
    """The rule of an operation that puts the entries along an axis in the order of positions that ``order`` gives."""

    def terms(call: Call, position: int, x: Any) -> Iterable[Term]:
        axis = call.params["axis"] % len(call.shape)
        return (along_axis(call, axis, order(plain(x), **call.params)),)

    return General(terms, ("x",), ("x",))


def stable_order(x: Any, axis: int) -> Any:
    """The positions of the entries in order; of equal ones the earlier first."""
    return np.argsort(x, axis=axis, kind="stable")


sort = define(
    "sort",
    lambda x, axis: np.sort(x, axis=axis, kind="stable"),
    gathered(stable_order),
    samples=[
        Sample(((5,),), {"axis": 0}),
        Sample(((3, 4),), {"axis": 0}),
        Sample(((2, 3, 4),), {"axis": -2}),
        Sample(((2, 1),), {"axis": 1}),
        Sample(((0, 2),), {"axis": 0}),
    ],
    takes_complex=True,
)


def _partition_order(x: Any, axis: int, kth: tuple[int, ...]) -> Any:
    return np.argpartition(x, kth, axis=axis)


PARTITIONED = """\
def partitioned(x, kth, axis):
    order = np.argpartition(x, kth, axis=axis)
    return np.take_along_axis(x, order, axis=axis)"""

partition = define(
    "partition",
    lambda x, axis, kth: np.take_along_axis(x, _partition_order(x, axis, kth), axis),
    gathered(_partition_order),
    samples=[Sample(((6,),), {"axis": 0, "kth": (2,)}), Sample(((3, 5),), {"axis": -1, "kth": (0, 3)})],
    notation=("", "", lambda x, axis, kth: f"partitioned({x}, {literal(alone(kth))}, axis={axis})", PARTITIONED),
    takes_complex=True,
)


def _flat_or_along(a: Any, axis: int | None) -> tuple[Any, int]:
    return (ravel(a), 0) if axis is None else (a, normalize_axis_index(axis, len(a.shape)))


@implements(np.sort)
def sort_of(a: Any, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    """np.sort."""
    a, axis = _flat_or_along(a, axis)
    return sort(a, axis=axis)


@implements(np.partition)
def partition_of(a: Any, kth: Any, axis: int | None = -1, kind: str = "introselect", order: Any = None) -> Any:
    """np.partition."""
    a, axis = _flat_or_along(a, axis)
    return lying_as(partition(a, axis=axis, kth=tuple(np.atleast_1d(plain(kth)).tolist())), a)


def topk(x: Any, k: int, axis: int = -1, largest: bool = True, ordered: bool = True) -> tuple[Any, Any]:
    """The ``k`` largest (or smallest) entries along an axis, in order, and their positions (a plain array).

    >>> topk(np.array([1.0, 5.0, 3.0]), 2)
    (array([5., 3.]), array([1, 2]))
    """
    axis = normalize_axis_index(axis, len(x.shape))
    size = x.shape[axis]
    if not 0 <= k <= size:
        raise OptionError(f"topk: k={k} entries of an axis that has {size}; k must lie in 0 … {size}")
    value = plain(x)
    order = np.argsort(-value if largest else value, axis=axis, kind="stable")
    positions = np.take(order, np.arange(k), axis=axis)
    return take_along_axis(x, positions, axis=axis), positions


def _last_best(x: Any, axis: int, accumulated: Any) -> Any:
    """For each prefix of an axis the latest position of its best entry."""
    index = np.arange(x.shape[axis]).reshape([-1 if k == axis else 1 for k in range(x.ndim)])
    hit = (x == accumulated) | (np.isnan(x) & np.isnan(accumulated))
    return np.maximum.accumulate(np.where(hit, index, 0), axis=axis)


def _accumulated(function: Any) -> Operation:
    def order(x: Any, axis: int) -> Any:
        return _last_best(x, axis % x.ndim, function.accumulate(x, axis=axis))

    made = define(
        f"accumulate_{function.__name__}",
        lambda x, axis: function.accumulate(x, axis=axis),
        gathered(order),
        samples=[Sample(((5,),), {"axis": 0}), Sample(((3, 4),), {"axis": -1}), Sample(((2, 0),), {"axis": 1})],
        notation=calling(f"np.{function.__name__}.accumulate", f"cum{function.__name__[:3]}"),
    )

    @implements(function.accumulate)
    def adapter(array: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
        refuse_out(f"np.{function.__name__}.accumulate", out)
        return made(array, axis=int(axis))

    return made


accumulate_maximum, accumulate_minimum = _accumulated(np.maximum), _accumulated(np.minimum)


@implements(np.unique)
def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    **options: Any,
) -> Any:
    """np.unique: of equal entries the first one is taken."""
    find: Any = np.unique
    _, index, *more = find(plain(ar), True, return_inverse, return_counts, axis, **options)
    values = take(ravel(ar) if axis is None else ar, index, 0 if axis is None else axis)
    found = (values, *([index] if return_index else []), *more)
    return found if len(found) > 1 else values
