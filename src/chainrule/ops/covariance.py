"""Covariance and correlation of variables that are the rows (or columns) of a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import ShapeError
from chainrule.op import implements
from chainrule.ops.options import conjugated, is_complex, shape_of
from chainrule.ops.shape import arrayed

__all__ = ["correlation", "covariance"]


def table(m: Any, y: Any, rowvar: bool) -> Any:
    """The variables as rows, those of ``y`` below those of ``m``."""
    parts = []
    for x in (m,) if y is None else (m, y):
        shape = shape_of(x)
        if len(shape) > 2:
            raise ShapeError(f"np.cov: expected a table of at most two axes, got shape {shape}.")
        rows = np.reshape(x, (1, -1)) if len(shape) < 2 else x
        parts.append(np.transpose(rows) if not rowvar and shape_of(rows)[0] != 1 else rows)
    return parts[0] if y is None else np.concatenate(parts, 0)


@implements(np.cov)
def covariance(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    """np.cov."""
    rows = table(m, y, rowvar)
    rows = rows if dtype is None else rows.astype(dtype)
    lost = (0 if bias else 1) if ddof is None else ddof
    weights = None
    for given in (fweights, aweights):
        if given is not None:
            weights = arrayed(given) * 1.0 if weights is None else weights * given
    if weights is None:
        centred = rows - np.mean(rows, axis=1, keepdims=True)
        weighted, degrees = centred, np.float64(max(shape_of(rows)[1] - lost, 0))  # NaN of one observation
    else:
        total = np.sum(weights)
        centred = rows - np.average(rows, axis=1, weights=weights, keepdims=True)
        share = 1.0 if aweights is None else np.sum(weights * aweights) / total
        weighted, degrees = centred * weights, total - lost * share
    return np.squeeze(np.matmul(centred, conjugated(np.transpose(weighted))) / degrees)


@implements(np.corrcoef)
def correlation(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    """np.corrcoef."""
    found = covariance(x, y, rowvar, dtype=dtype)
    if not shape_of(found):
        return found / found
    spread = np.sqrt(np.real(np.diagonal(found)))
    found = found / (spread[:, None] * spread[None, :])
    if is_complex(found):
        return np.clip(np.real(found), -1.0, 1.0) + 1j * np.clip(np.imag(found), -1.0, 1.0)
    return np.clip(found, -1.0, 1.0)
