"""The Hessian of logistic regression, XᵀDX with D = diag(s(1−s)): one symmetric product by BLAS."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg.blas import dsyrk

from benchmarks.structured.problem import Family, Form, Goal, Problem, generator, to_dense


def function(xp: Any, w: Any, X: Any, y: Any) -> Any:
    return xp.sum(xp.log1p(xp.exp(-y * (X @ w))))


def weights(w: Any, X: Any, y: Any) -> Any:
    """The diagonal of D."""
    s = 1 / (1 + np.exp(y * (X @ w)))
    return s * (1 - s)


def general(w: Any, X: Any, y: Any) -> Any:
    """As most people write it: a general product (dgemm)."""
    return X.T @ (weights(w, X, y)[:, None] * X)


def triangle(w: Any, X: Any, y: Any) -> Any:
    """The upper triangle by the symmetric product, which needs half the work."""
    root = X * np.sqrt(weights(w, X, y))[:, None]
    return dsyrk(1.0, root.T)


def mirrored(w: Any, X: Any, y: Any) -> Any:
    """Both triangles."""
    upper = triangle(w, X, y)
    return upper + np.triu(upper, 1).T


def make(n: int) -> Problem:
    m = 2 * n
    draw = generator(n).normal
    X, y = draw(size=(m, n)), np.sign(draw(size=m))
    peers = ("jax", "torch.func", "torch.autograd", *(("casadi", "autograd") if n <= 100 else ()))
    return Problem(
        row="logistic Hessian",
        size=f"n = {n:,}, {m:,} samples",
        function=function,
        order="hessian",
        points=[(draw(size=n) / n**0.5, X, y) for _ in range(3)],
        forms={
            "kept": Form(weights, shown=to_dense, expected=general),
            "dense": Form(
                triangle,
                to_dense,
                expected=general,
                also={"dgemm": general, "dsyrk, mirrored": mirrored},
                goal=Goal(ratio=1.2) if n >= 300 else Goal(),
            ),
        },
        reference=general,
        peers=peers,
        casadi=lambda ca, w, X, y: ca.sum1(ca.log(1 + ca.exp(-y * ca.mtimes(X, w)))),
    )


FAMILIES = {"logistic": Family(make, (100, 300, 1000), (3, 10, 30, 100, 300, 1000, 3000), 5)}
