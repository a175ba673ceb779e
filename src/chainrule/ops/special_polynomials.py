"""Orthogonal polynomials of scipy.special: each derivative is a polynomial of one degree less, of a family near by."""

from __future__ import annotations

from typing import Any

from chainrule.linear._scipy import special
from chainrule.ops.special import INTEGER, UNKNOWN, function

INSIDE = (-0.8, 0.8)
SHIFTED = (0.1, 0.9)
DEGREES = [0, 1, 4]
PARAMETER = (0.3, 1.5)


def lower(n: Any) -> Any:
    """n − 1, but 0 for n = 0, where the derivative has a factor 0."""
    return n - 1 + (n == 0)


# Legendre and Jacobi: P′ = ½ (n + α + β + 1) P of degree n − 1 with α + 1, β + 1
eval_legendre = function(
    "eval_legendre",
    "n x",
    UNKNOWN,
    lambda n, x: (n + 1) / 2 * special.eval_jacobi(lower(n), 1.0, 1.0, x) * (n != 0),
    at=(DEGREES, INSIDE),
    text="P_{0}({1})",
    latex=r"P_{{{0}}}\left({1}\right)",
)
eval_sh_legendre = function(
    "eval_sh_legendre",
    "n x",
    UNKNOWN,
    lambda n, x: (n + 1) * special.eval_jacobi(lower(n), 1.0, 1.0, 2 * x - 1) * (n != 0),
    at=(DEGREES, SHIFTED),
)
eval_jacobi = function(
    "eval_jacobi",
    "n alpha beta x",
    UNKNOWN,
    UNKNOWN,
    UNKNOWN,
    lambda n, alpha, beta, x: (
        (n + alpha + beta + 1) / 2 * special.eval_jacobi(lower(n), alpha + 1, beta + 1, x) * (n != 0)
    ),
    at=(DEGREES, PARAMETER, PARAMETER, INSIDE),
    text="P_{0}^({1},{2})({3})",
    latex=r"P_{{{0}}}^{{\left({1},{2}\right)}}\left({3}\right)",
)
eval_sh_jacobi = function(  # with leading coefficient 1
    "eval_sh_jacobi",
    "n p q x",
    UNKNOWN,
    UNKNOWN,
    UNKNOWN,
    lambda n, p, q, x: n * special.eval_sh_jacobi(lower(n), p + 2, q + 1, x),
    at=(DEGREES, (2.1, 3.0), (1.1, 2.0), SHIFTED),
)
lpmv = function(
    "lpmv",
    "m v x",
    INTEGER,
    UNKNOWN,
    lambda m, v, x, out: (v * x * out - (v + m) * special.lpmv(m, v - 1, x)) / (x * x - 1),
    at=([0, 1, 2], (2.2, 3.7), INSIDE),
    text="P_{1}^{0}({2})",
    latex=r"P_{{{1}}}^{{{0}}}\left({2}\right)",
)

# Chebyshev and Gegenbauer: T′ = n U of degree n − 1, and U is a Gegenbauer polynomial with α = 1
eval_chebyt = function(
    "eval_chebyt",
    "n x",
    UNKNOWN,
    lambda n, x: n * special.eval_chebyu(lower(n), x),
    at=(DEGREES, INSIDE),
    text="T_{0}({1})",
    latex=r"T_{{{0}}}\left({1}\right)",
)
eval_chebyu = function(
    "eval_chebyu",
    "n x",
    UNKNOWN,
    lambda n, x: 2 * special.eval_gegenbauer(lower(n), 2.0, x) * (n != 0),
    at=(DEGREES, INSIDE),
    text="U_{0}({1})",
    latex=r"U_{{{0}}}\left({1}\right)",
)
eval_chebyc = function(
    "eval_chebyc",
    "n x",
    UNKNOWN,
    lambda n, x: n * special.eval_chebys(lower(n), x),
    at=(DEGREES, INSIDE),
)
eval_chebys = function(
    "eval_chebys",
    "n x",
    UNKNOWN,
    lambda n, x: special.eval_gegenbauer(lower(n), 2.0, x / 2) * (n != 0),
    at=(DEGREES, INSIDE),
)
eval_sh_chebyt = function(
    "eval_sh_chebyt",
    "n x",
    UNKNOWN,
    lambda n, x: 2 * n * special.eval_sh_chebyu(lower(n), x),
    at=(DEGREES, SHIFTED),
)
eval_sh_chebyu = function(
    "eval_sh_chebyu",
    "n x",
    UNKNOWN,
    lambda n, x: 4 * special.eval_gegenbauer(lower(n), 2.0, 2 * x - 1) * (n != 0),
    at=(DEGREES, SHIFTED),
)
eval_gegenbauer = function(
    "eval_gegenbauer",
    "n alpha x",
    UNKNOWN,
    UNKNOWN,
    lambda n, alpha, x: 2 * alpha * special.eval_gegenbauer(lower(n), alpha + 1, x) * (n != 0),
    at=(DEGREES, PARAMETER, INSIDE),
    text="C_{0}^({1})({2})",
    latex=r"C_{{{0}}}^{{\left({1}\right)}}\left({2}\right)",
)

# Laguerre and Hermite
eval_laguerre = function(
    "eval_laguerre",
    "n x",
    UNKNOWN,
    lambda n, x: -special.eval_genlaguerre(lower(n), 1.0, x) * (n != 0),
    at=(DEGREES, (0.2, 3.0)),
    text="L_{0}({1})",
    latex=r"L_{{{0}}}\left({1}\right)",
)
eval_genlaguerre = function(
    "eval_genlaguerre",
    "n alpha x",
    UNKNOWN,
    UNKNOWN,
    lambda n, alpha, x: -special.eval_genlaguerre(lower(n), alpha + 1, x) * (n != 0),
    at=(DEGREES, PARAMETER, (0.2, 3.0)),
    text="L_{0}^({1})({2})",
    latex=r"L_{{{0}}}^{{\left({1}\right)}}\left({2}\right)",
)
eval_hermite = function(
    "eval_hermite",
    "n x",
    INTEGER,
    lambda n, x: 2 * n * special.eval_hermite(lower(n), x),
    at=(DEGREES, (-1.5, 1.5)),
    text="H_{0}({1})",
    latex=r"H_{{{0}}}\left({1}\right)",
)
eval_hermitenorm = function(
    "eval_hermitenorm",
    "n x",
    INTEGER,
    lambda n, x: n * special.eval_hermitenorm(lower(n), x),
    at=(DEGREES, (-1.5, 1.5)),
    text="He_{0}({1})",
    latex=r"\mathrm{{He}}_{{{0}}}\left({1}\right)",
)
