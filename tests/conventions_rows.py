"""The rows of the table of conventions: an expression, a point where its derivative is a matter of choice, and why.

Each expression is of ``x``, an array, and of NumPy and ``scipy.special``, or JAX's and autograd's twins of them; how
PyTorch spells it stands beside it.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ROWS", "SECTIONS", "Row"]


class Row(NamedTuple):
    """An expression, the point, the reason for what is given, and PyTorch's spelling: "" if it has none."""

    text: str
    point: list[float]
    why: str
    torch: str


SECTIONS: dict[str, list[Row]] = {
    "Ties": [
        Row("np.max(x)", [2, 2, 1], "no entry is better than its equals; `ties`", "x.max()"),
        Row("np.max(x, axis=0)", [2, 2, 1], "the same along an axis; PyTorch's `amax` shares", "x.max(0).values"),
        Row("np.min(x)", [1, 2, 1], "as for max", "x.amin()"),
        Row("np.maximum(x[0], x[1])", [1, 1], "half each; `ties`", "torch.maximum(x[0], x[1])"),
        Row("np.minimum(x[0], x[1])", [1, 1], "half each; `ties`", "torch.minimum(x[0], x[1])"),
        Row("np.fmax(x[0], x[1])", [1, 1], "half each; `ties`", "torch.fmax(x[0], x[1])"),
        Row("np.ptp(x)", [1, 2, 2], "max less min", "x.max() - x.min()"),
        Row(
            "np.maximum(x[0], 0.0)",
            [0],
            "a tie with a constant: ½; 1 or 0 by `ties`",
            "torch.maximum(x[0], x[0].new_zeros(()))",
        ),
        Row("np.median(x)", [1, 2, 2], "that of the sorted order, the earlier of equals first", "x.median()"),
        Row("np.sort(x)[1]", [2, 2, 1], "of equals, the earlier comes first", "x.sort(stable=True).values[1]"),
        Row("np.maximum.accumulate(x)[2]", [2, 2, 1], "the latest of equals", "x.cummax(0).values[2]"),
        Row("np.linalg.norm(x, ord=np.inf)", [2, -2], "a maximum of absolute values", "x.norm(float('inf'))"),
        Row("special.logsumexp(x)", [1, 1], "smooth: nothing is chosen", "x.logsumexp(0)"),
    ],
    "Kinks, edges and steps": [
        Row("np.abs(x[0])", [0], "the middle of −1 and 1; `abs`", "x[0].abs()"),
        Row("np.sign(x[0])", [0], "constant on both sides", "x[0].sign()"),
        Row("np.copysign(x[0], 1.0)", [0], "as abs", "x[0].copysign(torch.tensor(1.0))"),
        Row("np.clip(x[0], 0.0, 1.0)", [0], "within the closed interval; `clip`", "x[0].clip(0.0, 1.0)"),
        Row("np.clip(x[0], 0.0, 1.0)", [1], "within the closed interval; `clip`", "x[0].clip(0.0, 1.0)"),
        Row("np.floor(x[0])", [1], "constant beside the step", "x[0].floor()"),
        Row("np.round(x[0])", [0.5], "constant beside the step", "x[0].round()"),
        Row("np.heaviside(x[0], 0.5)", [0], "constant beside the step", "torch.heaviside(x[0], torch.tensor(0.5))"),
        Row(
            "np.interp(x[0], np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 5.0]))",
            [1],
            "the mean of the slopes beside the node",
            "",
        ),
        Row("np.remainder(x[0], 1.0)", [1], "the slope on both sides", "x[0].remainder(1.0)"),
        Row("np.nan_to_num(x[0])", [float("nan")], "a constant stands there", "x[0].nan_to_num()"),
    ],
    "Lengths at zero": [
        Row("np.linalg.norm(x)", [0, 0], "the middle of all slopes, as for abs; `norm`", "x.norm()"),
        Row("np.linalg.norm(x, ord=1)", [0, 1], "a sum of absolute values", "x.norm(1)"),
        Row("np.linalg.norm(x, ord=3)", [0, 0], "as for the Euclidean norm; `norm`", "x.norm(3)"),
        Row("np.sqrt(np.sum(x**2))", [0, 0], "the root alone is infinite: ∞ · 0 is NaN", "(x**2).sum().sqrt()"),
        Row("np.hypot(x[0], x[1])", [0, 0], "as norm; `norm`", "torch.hypot(x[0], x[1])"),
        Row("np.arctan2(x[0], x[1])", [0, 0], "the angle of nothing turns with nothing", "torch.atan2(x[0], x[1])"),
        Row("np.abs(x[0] + 1j * x[1])", [0, 0], "as norm", "torch.complex(x[0], x[1]).abs()"),
        Row("np.angle(x[0] + 1j * x[1])", [0, 0], "as arctan2", "torch.complex(x[0], x[1]).angle()"),
        Row("np.std(x)", [1, 1, 1], "the middle of all slopes; `norm`", "x.std(correction=0)"),
        Row("np.var(x)", [1, 1, 1], "smooth: nothing is chosen", "x.var(correction=0)"),
    ],
    "Powers, roots and poles": [
        Row("x[0] ** 0.0", [0], "the power is 1 everywhere", "x[0] ** 0.0"),
        Row("x[0] ** x[1]", [0, 0], "in the base as x⁰; in the exponent the limit from above", "x[0] ** x[1]"),
        Row("x[0] ** x[1]", [0, 2], "smooth in the base; 0ʸ is constant for y > 0", "x[0] ** x[1]"),
        Row("x[0] ** 1.0", [0], "smooth: nothing is chosen", "x[0] ** 1.0"),
        Row("np.sqrt(x[0])", [0], "the limit; `roots`", "x[0].sqrt()"),
        Row("np.cbrt(x[0])", [0], "the limit; `roots`", ""),
        Row("x[0] ** 0.5", [0], "the limit; `roots`", "x[0] ** 0.5"),
        Row("np.log(x[0])", [0], "the limit", "x[0].log()"),
        Row("np.arcsin(x[0])", [1], "the limit", "x[0].asin()"),
        Row("np.arccosh(x[0])", [1], "the limit", "x[0].acosh()"),
        Row("1 / x[0]", [0], "the limit on both sides", "1 / x[0]"),
        Row("np.prod(x)", [0, 2, 3], "the product of the others: smooth", "x.prod()"),
        Row("np.prod(x)", [0, 0, 3], "the product of the others: smooth", "x.prod()"),
        Row("np.cumprod(x)[2]", [2, 0, 3], "the product of the others: smooth", "x.cumprod(0)[2]"),
        Row("special.gammaln(x[0])", [0], "the limit of ψ from above is −∞", "x[0].lgamma()"),
        Row("special.xlogy(x[0], x[1])", [0, 0], "the term is 0 for every y", "torch.xlogy(x[0], x[1])"),
        Row("special.entr(x[0])", [0], "the limit", "torch.special.entr(x[0])"),
    ],
    "Smooth, but written with 0/0 or ∞ − ∞": [
        Row("np.sinc(x[0])", [0], "an even function", "x[0].sinc()"),
        Row(
            "np.logaddexp(x[0], x[1])",
            [-float("inf"), -float("inf")],
            "of a sum 0, nothing has a part",
            "torch.logaddexp(x[0], x[1])",
        ),
        Row("np.logaddexp(x[0], x[1])", [float("inf"), 0], "the limit", "torch.logaddexp(x[0], x[1])"),
        Row("special.logsumexp(x)", [-float("inf"), -float("inf")], "of a sum 0, nothing has a part", "x.logsumexp(0)"),
        Row("special.logsumexp(x)", [-float("inf"), 0], "an entry of weight 0", "x.logsumexp(0)"),
        Row(
            "np.linalg.det(x.reshape(2, 2))", [0, 0, 0, 1], "the cofactors: smooth", "torch.linalg.det(x.reshape(2, 2))"
        ),
        Row(
            "np.sum(np.linalg.eigvalsh(x.reshape(2, 2)))",
            [1, 0, 0, 1],
            "the trace: no gauge is seen",
            "torch.linalg.eigvalsh(x.reshape(2, 2)).sum()",
        ),
        Row(
            "np.sum(np.linalg.svd(x.reshape(2, 2), compute_uv=False))",
            [1, 0, 0, 1],
            "no gauge is seen",
            "torch.linalg.svdvals(x.reshape(2, 2)).sum()",
        ),
    ],
    "Paths that are not taken": [
        Row(
            "np.where(x > 0, np.sqrt(x), 0.0)[0]",
            [0],
            "what is not chosen passes nothing",
            "torch.where(x > 0, x.sqrt(), 0.0)[0]",
        ),
        Row(
            "np.where(x > 0, np.log(x), 0.0)[0]",
            [0],
            "what is not chosen passes nothing",
            "torch.where(x > 0, x.log(), 0.0)[0]",
        ),
        Row(
            "np.where(x > 0, 1 / x, 0.0)[0]",
            [0],
            "what is not chosen passes nothing",
            "torch.where(x > 0, 1 / x, 0.0)[0]",
        ),
        Row("np.select([x > 0], [np.sqrt(x)], 0.0)[0]", [0], "what is not chosen passes nothing", ""),
        Row("np.sum(np.sqrt(x), where=x > 0)", [0], "what is not chosen passes nothing", ""),
        Row("(0.0 * np.sqrt(x))[0]", [0], "nor does a factor 0", "(0.0 * x.sqrt())[0]"),
    ],
}
ROWS = [row for rows in SECTIONS.values() for row in rows]
