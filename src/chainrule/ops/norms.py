"""Norms of vectors and matrices; at 0, where a norm has no derivative, it is taken to be 0.

out = (Σ |x|ᵖ)^(1/p)        ∂out/∂x[i] = sign(x[i]) |x[i]|ᵖ⁻¹ · out¹⁻ᵖ
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import ShapeError
from chainrule.linear.term import Pattern, Term
from chainrule.op import Call, General, Sample, cached_by_call, define, implements
from chainrule.ops.hermitian import singular_values_of
from chainrule.ops.kinks import length, nonzero
from chainrule.ops.options import Axes, conjugated, plain, plain_axis, plain_keepdims, shape_of
from chainrule.ops.reduce import add_up, reduced_axes, reduction, samples_of, within_range, without_kept
from chainrule.ops.writing import as_latex, as_python, as_text, options

__all__ = ["euclidean_norm", "norm", "power_norm"]


def euclidean_forward(x: Any, axis: Any, keepdims: bool) -> Any:
    """√Σ x²."""
    if axis is None and not keepdims and x.dtype.kind == "f":
        flat = x.reshape(-1)
        return np.sqrt(np.dot(flat, flat))
    return np.sqrt(add_up((np.conjugate(x) * x).real, axis, keepdims=keepdims))


def euclidean_terms(call: Call, position: int, out: Any, x: Any) -> list[Term]:
    """∂out[r]/∂x[r,s] = conj(x[r,s]) / out[r]."""
    made = cached_by_call(_patterns, call, position, lambda: reduction(call, "column", "row"))
    x, out, _ = within_range(call, out, x, lambda x: euclidean_norm(x, **call.params))
    return [Term(made, (conjugated(x), 1 / length(without_kept(call, out))))]


_patterns: dict[Any, Pattern] = {}


euclidean_norm = define(
    "euclidean_norm",
    euclidean_forward,
    General(euclidean_terms, ("out", "x"), ("x",)),
    samples=samples_of((), (1, 1)),
    label="LinalgVectorNorm",
    notation=(
        lambda x, axis, keepdims: f"‖{x}‖" if axis is None else as_text("norm", [x], options({"axis": axis})),
        lambda x, axis, keepdims: (
            rf"\left\|{x}\right\|" if axis is None else as_latex("norm", [x], options({"axis": axis}))
        ),
        lambda x, axis, keepdims: as_python(
            # over more than two axes, np.linalg.norm refuses
            "np.linalg.vector_norm" if isinstance(axis, tuple) and len(axis) > 2 else "np.linalg.norm",
            [x],
            options({"axis": axis, "keepdims": keepdims}),
        ),
    ),
    takes_complex=True,
)


def power_forward(x: Any, axis: Any, keepdims: bool, p: float) -> Any:
    """(Σ |x|ᵖ)^(1/p)."""
    return add_up(np.abs(x) ** p, axis, keepdims=keepdims) ** (1 / p)


def power_terms(call: Call, position: int, out: Any, x: Any) -> list[Term]:
    """∂out[r]/∂x[r,s] = conj(sign(x[r,s])) |x[r,s]|ᵖ⁻¹ · out[r]¹⁻ᵖ."""
    p = call.params["p"]
    x, out, _ = within_range(call, out, x, lambda x: power_norm(x, **call.params), p)
    made = cached_by_call(_power_patterns, call, position, lambda: reduction(call, "column", "row"))
    slope = conjugated(np.sign(x)) * abs(nonzero(x)) ** (p - 1)
    return [Term(made, (slope, length(without_kept(call, out)) ** (1 - p)))]


_power_patterns: dict[Any, Pattern] = {}

power_norm = define(
    "power_norm",
    power_forward,
    General(power_terms, ("out", "x"), ("x",)),
    samples=[*samples_of(p=3), *samples_of(p=1.5)[:2], Sample(((2, 3),), {"axis": 1, "keepdims": False, "p": -2})],
    label="LinalgVectorNorm",
    notation=(
        lambda x, axis, keepdims, p: (
            f"‖{x}‖_{p}" if axis is None else as_text("norm", [x], options({"p": p, "axis": axis}))
        ),
        lambda x, axis, keepdims, p: (
            rf"\left\|{x}\right\|_{{{p}}}" if axis is None else as_latex("norm", [x], options({"p": p, "axis": axis}))
        ),
        lambda x, axis, keepdims, p: as_python(
            "np.linalg.vector_norm", [x], options({"axis": axis, "keepdims": keepdims, "ord": p})
        ),
    ),
    takes_complex=True,
)


# --- NumPy's signatures -----------------------------------------------------------------------------------------------


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Any:
    """np.linalg.norm."""
    keepdims = plain_keepdims(keepdims)
    axis = plain_axis(axis)
    rank = len(shape_of(x))
    if ord is None:
        return euclidean_norm(x, axis=axis, keepdims=keepdims)
    axes = reduced_axes(axis, rank)
    if len(axes) == 1:
        return along(x, axes, ord, keepdims)
    if len(axes) == 2:
        return of_matrices(x, axes, ord, keepdims)
    raise ShapeError(
        f"np.linalg.norm: ord={ord!r} over {len(axes)} axes of shape {shape_of(x)}: expected one axis (vectors) or "
        "two (matrices). Name them by axis=, or use np.linalg.vector_norm."
    )


def along(x: Any, axis: Any, ord: Any, keepdims: bool) -> Any:
    """The p-norm of vectors along ``axis``."""
    if isinstance(ord, str):
        raise ShapeError(f"np.linalg.norm: ord={ord!r} is a norm of matrices, and axis {axis} is one axis of vectors.")
    if ord == 2:
        return euclidean_norm(x, axis=axis, keepdims=keepdims)
    if ord == 1:
        return np.sum(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == np.inf:
        return np.max(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == -np.inf:
        return np.min(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == 0:
        # It counts, and is constant as `np.count_nonzero` is.
        return np.sum(plain(x) != 0, axis=axis, keepdims=keepdims).astype(np.abs(plain(x)).dtype)
    return power_norm(x, axis=axis, keepdims=keepdims, p=float(ord))


def of_matrices(x: Any, axes: tuple[int, int], ord: Any, keepdims: bool) -> Any:
    """A norm of the matrices that two axes hold."""
    rows, columns = axes
    if ord in ("fro", "f"):
        is_whole = len(shape_of(x)) == 2 and not keepdims
        return euclidean_norm(x, axis=None if is_whole else axes, keepdims=keepdims)
    if ord in (1, -1, np.inf, -np.inf):
        first, second = (rows, columns) if ord in (1, -1) else (columns, rows)
        sums = np.sum(np.abs(x), axis=first, keepdims=True)
        result = (np.max if ord > 0 else np.min)(sums, axis=second, keepdims=True)
    elif ord in (2, -2, "nuc"):
        values = singular_values_of(np.moveaxis(x, axes, (-2, -1)))
        result = (np.sum if ord == "nuc" else np.max if ord == 2 else np.min)(values, axis=-1)
        return np.expand_dims(result, sorted(axes)) if keepdims else result
    else:
        raise ShapeError(
            f"np.linalg.norm: ord={ord!r} is no norm of matrices: 1, -1, 2, -2, inf, -inf, 'fro' or 'nuc'."
        )
    return result if keepdims else np.squeeze(result, axes)


@implements(np.linalg.vector_norm)
def vector_norm(x: Any, /, *, axis: Axes = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """np.linalg.vector_norm."""
    return along(x, plain_axis(axis), ord, plain_keepdims(keepdims))


@implements(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """np.linalg.matrix_norm."""
    rank = len(shape_of(x))
    return of_matrices(x, (rank - 2, rank - 1), ord, plain_keepdims(keepdims))


@implements(np.linalg.cond)
def condition(x: Any, p: Any = None) -> Any:
    """np.linalg.cond."""
    if p in (None, 2, -2):
        values = singular_values_of(x)
        first, last = np.max(values, axis=-1), np.min(values, axis=-1)
        return last / first if p == -2 else first / last
    return matrix_norm(x, ord=p) * matrix_norm(np.linalg.inv(x), ord=p)
