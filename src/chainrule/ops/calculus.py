"""Differences, integrals, interpolation and grids, made of other operations: no rule of their own."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from chainrule.errors import OptionError, ShapeError
from chainrule.linear.functions import scatter
from chainrule.op import implements
from chainrule.ops.elementwise import copied
from chainrule.ops.join import concatenate, slice_along
from chainrule.ops.options import are_known, plain
from chainrule.ops.pick import take
from chainrule.ops.repeat import roll_of
from chainrule.ops.shape import arrayed, broadcast_to, integers_of, moveaxis, ravel, reshape

__all__ = ["diff", "gradient", "interp"]


@implements(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """np.diff."""
    if n < 0:
        raise OptionError(f"np.diff: n={n} differences; n must be 0 or more.")
    a = arrayed(a)
    if n == 0:  # NumPy then puts nothing before and behind it
        return a
    axis = normalize_axis_index(axis, len(a.shape))
    given = [None if end is None or end is np._NoValue else arrayed(end) for end in (prepend, append)]
    thin = tuple([1 if k == axis else size for k, size in enumerate(a.shape)])
    ends = [None if end is None else end if end.shape else broadcast_to(end, shape=thin) for end in given]
    parts = [part for part in (ends[0], a, ends[1]) if part is not None]
    if len(parts) > 1:
        a = concatenate(*parts, axis=axis)
    for _ in range(n):
        differ = np.not_equal if plain(a).dtype == bool else np.subtract
        a = differ(slice_along(a, axis, 1, None), slice_along(a, axis, None, -1))
    return a


@implements(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """np.ediff1d."""
    flat = ravel(arrayed(ary))
    parts = [None if part is None else ravel(arrayed(part)) for part in (to_begin, to_end)]
    chosen = [part for part in (parts[0], flat[1:] - flat[:-1], parts[1]) if part is not None]
    return chosen[0] if len(chosen) == 1 else concatenate(*chosen, axis=0)


@implements(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """np.gradient: central differences inside, one-sided ones of order 1 or 2 at the ends."""
    f = arrayed(f)
    axes = tuple(range(len(f.shape))) if axis is None else normalize_axis_tuple(integers_of(axis), len(f.shape))
    if edge_order not in (1, 2):
        raise OptionError(f"np.gradient: edge_order={edge_order}; expected 1 or 2.")
    if len(varargs) not in (0, 1, len(axes)):
        raise OptionError(
            f"np.gradient: {len(varargs)} spacings for {len(axes)} axes; give none, one, or one for each."
        )
    spacings = list(varargs) * (len(axes) if len(varargs) == 1 else 1) or [1.0] * len(axes)
    found = []
    for k, spacing in zip(axes, spacings, strict=True):
        if f.shape[k] < edge_order + 1:
            raise ShapeError(
                f"np.gradient along axis {k}, which has {f.shape[k]} entries, needs at least {edge_order + 1} "
                f"with edge_order={edge_order}"
            )
        found.append(gradient_along(f, arrayed(spacing), k, edge_order))
    return found[0] if len(found) == 1 else tuple(found)


def gradient_along(f: Any, spacing: Any, axis: int, edge_order: int) -> Any:
    """The derivative along one axis, for one distance or for coordinates."""
    size = f.shape[axis]

    def part(start: int | None, stop: int | None) -> Any:
        return slice_along(f, axis, start, stop)

    def column(values: Any) -> Any:
        return reshape(values, shape=tuple([-1 if k == axis else 1 for k in range(len(f.shape))]))

    if not spacing.shape:
        inside = (part(2, None) - part(None, -2)) / (2 * spacing)
        if edge_order == 1:
            first, last = (part(1, 2) - part(0, 1)) / spacing, (part(size - 1, None) - part(size - 2, -1)) / spacing
        else:
            first = -(3 * part(0, 1) - 4 * part(1, 2) + part(2, 3)) / (2 * spacing)
            last = (3 * part(size - 1, None) - 4 * part(size - 2, -1) + part(size - 3, -2)) / (2 * spacing)
        return concatenate(first, inside, last, axis=axis)
    if spacing.shape != (size,):
        raise ShapeError(
            f"np.gradient: coordinates of shape {spacing.shape} for axis {axis}, which has {size} entries: give one "
            "number for each entry, or one distance for all."
        )
    steps = spacing[1:] - spacing[:-1]
    before, after = column(steps[:-1]), column(steps[1:])
    inside = (
        -after / (before * (before + after)) * part(None, -2)
        + (after - before) / (before * after) * part(1, -1)
        + before / (after * (before + after)) * part(2, None)
    )
    if edge_order == 1:
        first, last = (part(1, 2) - part(0, 1)) / steps[0], (part(size - 1, None) - part(size - 2, -1)) / steps[-1]
    else:
        a, b = steps[0], steps[1]
        first = (
            -(2 * a + b) / (a * (a + b)) * part(0, 1) + (a + b) / (a * b) * part(1, 2) - a / (b * (a + b)) * part(2, 3)
        )
        a, b = steps[-2], steps[-1]
        last = (
            b / (a * (a + b)) * part(size - 3, -2)
            - (a + b) / (a * b) * part(size - 2, -1)
            + (2 * b + a) / (b * (a + b)) * part(size - 1, None)
        )
    return concatenate(first, inside, last, axis=axis)


@implements(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """np.trapezoid."""
    y = arrayed(y)
    axis = normalize_axis_index(axis, len(y.shape))
    if x is not None:
        x = arrayed(x)
        if len(x.shape) == 1:
            dx = reshape(diff(x), shape=tuple([-1 if k == axis else 1 for k in range(len(y.shape))]))
        else:
            dx = diff(x, axis=axis)
    return np.sum(dx * (slice_along(y, axis, 1, None) + slice_along(y, axis, None, -1)), axis=axis) / 2.0


@implements(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """np.interp, differentiable in ``x``, ``xp`` and ``fp``; at an inner node with the mean slope of its pieces."""
    x, xp, fp = arrayed(x), arrayed(xp), arrayed(fp)
    if period is not None:
        x, xp, fp = one_period(x, xp, fp, abs(period))
        left = right = None
    at, nodes = plain(x), plain(xp)
    if nodes.ndim != 1 or nodes.shape != plain(fp).shape:
        raise ShapeError(
            f"np.interp: xp of shape {nodes.shape} and fp of shape {fp.shape}; expected one axis and equal length."
        )
    if nodes.size == 0:
        raise ShapeError("np.interp: xp has no entries; expected at least one point to interpolate from.")
    if nodes.size == 1:
        inside = broadcast_to(fp[0], shape=at.shape)
    else:
        after, before = (piece_of(at, nodes, side) for side in ("right", "left"))
        slope = slope_of(xp, fp, after)
        if not are_known(after) or np.any(after != before):
            slope = (slope + slope_of(xp, fp, before)) / 2
        inside = take(fp, after, 0) + slope * (x - take(xp, after, 0))
    below = fp[0] if left is None else left
    above = fp[-1] if right is None else right
    return np.where(at < nodes[0], below, np.where(at > nodes[-1], above, inside))


def piece_of(at: Any, nodes: Any, side: Any) -> Any:
    """Which piece a point lies in; at a node that after it ("right") or before it ("left")."""
    return np.clip(np.searchsorted(nodes, at, side=side) - 1, 0, nodes.size - 2)


def slope_of(xp: Any, fp: Any, piece: Any) -> Any:
    """The slopes of pieces."""
    return (take(fp, piece + 1, 0) - take(fp, piece, 0)) / (take(xp, piece + 1, 0) - take(xp, piece, 0))


def one_period(x: Any, xp: Any, fp: Any, period: Any) -> tuple[Any, Any, Any]:
    """Coordinates within one period, in order, with one more point on each side."""
    x, xp = x % period, xp % period
    order = np.argsort(plain(xp))
    xp, fp = xp[order], fp[order]
    return x, np.concatenate([xp[-1:] - period, xp, xp[:1] + period]), np.concatenate([fp[-1:], fp, fp[:1]])


@implements(np.unwrap)
def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi) -> Any:
    """np.unwrap: how many periods are added is constant."""
    value, length = plain(arrayed(p)), plain(period)
    return p + np.rint((np.unwrap(value, discont, axis, period=length) - value) / length) * period


# --- grids and products ---


@implements(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Any, ...]:
    """np.meshgrid."""
    if indexing not in ("xy", "ij"):
        raise OptionError(f"np.meshgrid: indexing={indexing!r}; expected 'xy' or 'ij'.")
    rank = len(xi)
    places = list(range(rank))
    if indexing == "xy" and rank > 1:
        places[:2] = [1, 0]
    flat = [ravel(arrayed(x)) for x in xi]
    thin = [
        reshape(x, shape=tuple([-1 if k == place else 1 for k in range(rank)]))
        for x, place in zip(flat, places, strict=True)
    ]
    if not sparse:
        shape = np.broadcast_shapes(*[part.shape for part in thin])
        thin = [broadcast_to(part, shape=shape) for part in thin]
    return tuple([copied(part) for part in thin] if copy else thin)  # which may be written to


@implements(np.vander)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """np.vander: the powers of each entry."""
    count = x.shape[0] if N is None else N
    powers = np.arange(count) if increasing else np.arange(count)[::-1]
    return x[:, None] ** powers.astype(plain(x).dtype)


@implements(np.linspace)
def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Any:
    """np.linspace between tensors."""
    start, stop = arrayed(start), arrayed(stop)
    step = (stop - start) / (num - endpoint) if num - endpoint > 0 else (stop - start) * np.nan
    rank = len((stop - start).shape)
    steps = np.arange(num).reshape((-1,) + (1,) * rank).astype(plain(step).dtype)
    result = start + steps * (step if num > 1 else 0 * (stop - start))
    if endpoint and num > 1:
        last = broadcast_to(stop, shape=(1, *result.shape[1:]))
        result = concatenate(result[:-1], last, axis=0)
    result = moveaxis(result, 0, axis)
    result = result if dtype is None else result.astype(np.dtype(dtype))
    return (result, step) if retstep else result


@implements(np.logspace)
def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """np.logspace between tensors; the base may be one too."""
    base = arrayed(base)
    if base.shape:
        start, stop, base = np.broadcast_arrays(arrayed(start), arrayed(stop), base)
        base = np.expand_dims(base, axis)
    result = np.power(base, linspace(start, stop, num, endpoint, axis=axis))
    return result if dtype is None else result.astype(np.dtype(dtype))


@implements(np.geomspace)
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    """np.geomspace between tensors: exactly the ends, and powers of their quotient between them."""
    start, stop = np.broadcast_arrays(arrayed(start), arrayed(stop))
    if np.any(plain(start) * plain(stop) <= 0):
        raise OptionError("np.geomspace: a start and a stop of different signs, or 0; expected two of one sign.")
    quotient = stop / start
    share = np.arange(num).reshape((-1,) + (1,) * len(start.shape)) / max(num - endpoint, 1)
    result = start * np.power(quotient, share.astype(plain(quotient).dtype))
    if endpoint and num > 1:
        result = concatenate(result[:-1], stop[None], axis=0)
    result = moveaxis(result, 0, axis)
    return result if dtype is None else result.astype(np.dtype(dtype))


@implements(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    """np.bincount: linear in the weights."""
    positions = np.asarray(plain(x))
    if weights is None:
        return np.bincount(positions, minlength=minlength)
    count = max(int(positions.max(initial=-1)) + 1, minlength)
    return scatter(arrayed(weights), (count,), (positions,))


@implements(np.fft.fftshift)
def fftshift(x: Any, axes: Any = None) -> Any:
    """np.fft.fftshift."""
    return shifted(x, axes, lambda size: size // 2)


@implements(np.fft.ifftshift)
def ifftshift(x: Any, axes: Any = None) -> Any:
    """np.fft.ifftshift."""
    return shifted(x, axes, lambda size: -(size // 2))


def shifted(x: Any, axes: Any, by: Any) -> Any:
    """Axes rolled by an amount that depends on their size."""
    chosen: Sequence[int] = range(len(x.shape)) if axes is None else integers_of(axes)
    return roll_of(x, tuple([by(x.shape[k]) for k in chosen]), tuple(chosen)) if prod(x.shape) else x
