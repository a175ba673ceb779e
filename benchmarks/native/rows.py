"""Every row by its name, at the size that is measured and at one that a test can afford."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from benchmarks.native import adjustment, grids, hands, matrices, models, small, stencils
from benchmarks.native.reasons import REASONS
from benchmarks.native.row import Row

Make = Callable[[], Row]

ROWS: dict[str, tuple[Make, Make]] = {
    **{name: (partial(small.seed, name),) * 2 for name in ("cubic", "linear", "net", "layers")},
    "recurrence": (lambda: small.steps(50), lambda: small.steps(5)),
    **{f"wave{e}": (partial(small.waves, 10**e), partial(small.waves, 2**e + 1)) for e in range(1, 7)},
    "mlp": (lambda: models.mlp(128, 784, 256, 10), lambda: models.mlp(4, 7, 5, 3)),
    "lstm": (lambda: models.lstm(2, 1024, 14), lambda: models.lstm(2, 4, 3)),
    "gmm10": (lambda: models.gmm(10, 25, 1000), lambda: models.gmm(3, 4, 70)),
    "gmm32": (lambda: models.gmm(32, 25, 1000), lambda: models.gmm(2, 3, 9)),
    "adjustment": (lambda: adjustment.adjustment(49, 7776, 31_843), lambda: adjustment.adjustment(2, 5, 12)),
    "hand": (lambda: hands.hand(544, 100), lambda: hands.hand(7, 5)),
    "hand_on_triangles": (lambda: hands.hand_on_triangles(544, 100), lambda: hands.hand_on_triangles(7, 5)),
    "logistic": (lambda: models.logistic(100_000, 50), lambda: models.logistic(70, 3)),
    "convolution": (lambda: grids.convolution(8, 32), lambda: grids.convolution(2, 12)),
    "attention": (lambda: models.attention(128, 64), lambda: models.attention(5, 3)),
    "heat": (lambda: grids.heat(1000, 200)[0], lambda: grids.heat(9, 3)[0]),
    "heat_in_place": (lambda: grids.heat(1000, 200)[1], lambda: grids.heat(9, 3)[1]),
    "jacobi": (lambda: grids.jacobi(150, 50), lambda: grids.jacobi(7, 3)),
    "seidel": (lambda: grids.seidel(50, 7), lambda: grids.seidel(5, 2)),
    "distance": (lambda: grids.distance(100_000), lambda: grids.distance(70)),
    "diagonal": (lambda: grids.diagonal(200), lambda: grids.diagonal(5)),
    "normal": (lambda: grids.normal(400, 500), lambda: grids.normal(4, 5)),
    "heat_3d": (lambda: stencils.heat_3d(25, 24), lambda: stencils.heat_3d(5, 2)),
    "fdtd_2d": (lambda: stencils.fdtd_2d(200, 220, 20), lambda: stencils.fdtd_2d(5, 6, 3)),
    "nbody": (lambda: stencils.nbody(25, 40), lambda: stencils.nbody(4, 3)),
    "mandelbrot": (lambda: stencils.mandelbrot(125, 30), lambda: stencils.mandelbrot(9, 4)),
    "lu": (lambda: matrices.lu(24), lambda: matrices.lu(4)),
    "cholesky": (lambda: matrices.cholesky(24), lambda: matrices.cholesky(4)),
    "trisolv": (lambda: matrices.trisolv(100), lambda: matrices.trisolv(6)),
    "durbin": (lambda: matrices.durbin(100), lambda: matrices.durbin(6)),
    "gemver": (lambda: matrices.gemver(1000), lambda: matrices.gemver(7)),
    "syrk": (lambda: matrices.syrk(16, 12), lambda: matrices.syrk(4, 3)),
    "softmax": (lambda: matrices.softmax(16, 128), lambda: matrices.softmax(2, 5)),
    "smith_waterman": (lambda: matrices.alignment(30, 40), lambda: matrices.alignment(4, 5)),
}


def named(name: str, tiny: bool = False) -> Row:
    """A row with its arrays."""
    return replace(ROWS[name][tiny](), reason=REASONS.get(name, ""))
