"""Least squares, and polynomials fitted by them, made of other operations."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import MatrixError, OptionError, ShapeError
from chainrule.op import implements
from chainrule.ops.contract import matmul
from chainrule.ops.decompositions import pinv_of
from chainrule.ops.hermitian import singular_values_of
from chainrule.ops.linalg import inv
from chainrule.ops.options import plain, shape_of, squared_modulus
from chainrule.ops.shape import arrayed

__all__ = ["lstsq", "polyfit"]


@implements(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[Any, Any, Any, Any]:
    """np.linalg.lstsq: solution, sums of squared residuals, rank and singular values; the rank has no derivative."""
    a, b = arrayed(a), arrayed(b)
    if plain(a).dtype.kind in "iub":
        a = a.astype(float)
    rows, columns = shape_of(a)
    if shape_of(b)[:1] != (rows,):
        raise ShapeError(
            f"np.linalg.lstsq: shapes {shape_of(a)} and {shape_of(b)}: give one right-hand side for each row of the "
            "matrix."
        )
    if not np.isfinite(plain(a)).all():
        raise MatrixError("np.linalg.lstsq: the matrix holds NaN or infinite numbers, so that it has no solution")
    eps = float(np.finfo(plain(a).dtype).eps)
    cut = eps * max(rows, columns) if rcond is None else eps if rcond < 0 else float(rcond)
    values = singular_values_of(a)
    rank = np.sum(plain(values) > cut * np.max(plain(values), initial=0.0))
    solution = matmul(pinv_of(a, cut), b)
    if rows > columns and bool(rank == columns):
        residuals = np.sum(squared_modulus(b - matmul(a, solution)), axis=0, keepdims=len(shape_of(b)) == 1)
    else:
        residuals = np.zeros(0, plain(values).dtype)
    return solution, residuals, rank, values


@implements(np.polyfit)
def polyfit(x: Any, y: Any, deg: Any, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False) -> Any:
    """np.polyfit: the coefficients of the highest power first."""
    x, y = arrayed(x) + 0.0, arrayed(y) + 0.0
    if len(x.shape) != 1 or len(y.shape) not in (1, 2) or x.shape[0] != y.shape[0]:
        raise ShapeError(
            f"np.polyfit: x of shape {tuple(x.shape)} and y of shape {tuple(y.shape)}; expected one axis, and as many "
            "values for each."
        )
    if int(deg) < 0:
        raise OptionError(f"np.polyfit: deg={deg}; a degree is 0 or more.")
    count, order = x.shape[0], int(deg) + 1
    rcond = count * np.finfo(plain(x).dtype).eps if rcond is None else rcond
    powers = np.vander(x, order)
    if w is not None:
        weights = arrayed(w) + 0.0
        powers, y = powers * weights[:, None], y * (weights[:, None] if len(y.shape) == 2 else weights)
    scale = np.sqrt(np.sum(squared_modulus(powers), axis=0))
    found, residuals, rank, values = lstsq(powers / scale, y, rcond)
    found = np.transpose(np.transpose(found) / scale)
    if full:
        return found, residuals, rank, values, rcond
    if not cov:
        return found
    base = inv(matmul(np.transpose(powers / scale), powers / scale)) / np.outer(scale, scale)
    if cov == "unscaled":
        return found, base if len(y.shape) == 1 else base[:, :, None]
    if count <= order:
        raise OptionError(f"np.polyfit with cov=True: {count} points for {order} coefficients; give more points.")
    spread = residuals / (count - order)
    return found, base * spread if len(y.shape) == 1 else base[:, :, None] * spread
