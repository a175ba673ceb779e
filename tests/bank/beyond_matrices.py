"""Mistakes in matrix calculus: inverses, determinants, traces, decompositions, least squares, factorisations."""

# ruff: noqa: RET504  (a value has a name before it is returned: checkers speak in the names of variables)

from __future__ import annotations

from typing import Any

import numpy as np

from tests.bank.case import Arrays, Case, D, K, N, draw, positive, slipping

__all__ = ["BEYOND"]

RIDGE, NOISE = 0.4, 0.2


def regular(rng: np.random.Generator) -> Any:
    """A matrix far from singular, not symmetric, of positive determinant."""
    return rng.normal(size=(D, D)) + 4 * np.eye(D)


def spread(rng: np.random.Generator) -> Any:
    """A symmetric positive definite matrix."""
    B = rng.normal(size=(D, D))
    return B @ B.T + 2 * np.eye(D)


def inverse_form(A: Any, b: Any) -> Any:
    x = np.linalg.solve(A, b)
    L = np.sum(x**2)
    return L


def inverse_form_backward(
    A: Any, b: Any, *, sign: float = -1, back: Any = lambda A, dx: np.linalg.solve(A.T, dx), outer: Any = np.outer
) -> Arrays:
    x = np.linalg.solve(A, b)
    db = back(A, 2 * x)
    return {"A": sign * outer(db, x), "b": db}


solving = slipping(inverse_form, draw(A=regular, b=(D,)), inverse_form_backward)


def inverted(A: Any) -> Any:
    Y = np.linalg.inv(A)
    return Y


def trace_of_product(A: Any, B: Any) -> Any:
    L = np.trace(A @ B)
    return L


def trace_of_square(A: Any) -> Any:
    L = np.trace(A @ A)
    return L


def trace_form(X: Any, A: Any) -> Any:
    L = np.trace(X.T @ A @ X)
    return L


def determinant(A: Any) -> Any:
    L = np.linalg.det(A)
    return L


def frobenius(A: Any, B: Any) -> Any:
    L = np.sqrt(np.sum((A @ B) ** 2))
    return L


def ridge(w: Any, X: Any, y: Any) -> Any:
    r = X @ w - y
    L = r @ r + RIDGE * (w @ w)
    return L


def ridge_backward(
    w: Any,
    X: Any,
    y: Any,
    *,
    two: float = 2,
    penalty: float = 2 * RIDGE,
    back: Any = lambda X, r: X.T @ r,
    target: float = 1,
) -> Arrays:
    return {"w": two * back(X, X @ w - target * y) + penalty * w}


shrinking = slipping(ridge, draw(w=(D,), X=(N, D), y=(N,)), ridge_backward)


def mahalanobis(x: Any, mu: Any, S: Any) -> Any:
    d = x - mu
    P = np.linalg.inv(S)
    L = 0.5 * d @ P @ d
    return L


def gaussian(mu: Any, S: Any, X: Any) -> Any:
    R = X - mu
    quadratic = np.trace(R @ np.linalg.inv(S) @ R.T)
    L = 0.5 * (len(X) * np.log(np.linalg.det(S)) + quadratic)
    return L


def gaussian_backward(
    mu: Any, S: Any, X: Any, *, determinant: float = 1, quadratic: float = 1, count: float = N, summed: float = 1
) -> Arrays:
    P = np.linalg.inv(S)
    R = X - mu
    data = P.T @ R.T @ R @ P.T
    return {
        "mu": -summed * 0.5 * ((P + P.T) @ R.T).sum(axis=1),
        "S": 0.5 * (determinant * count * P.T - quadratic * data),
    }


fitting = slipping(gaussian, draw(mu=(D,), S=spread, X=(N, D)), gaussian_backward)


def process(scale: Any, x: Any, y: Any) -> Any:
    """The negative log likelihood of a Gaussian process, up to a constant."""
    distance = (x[:, None] - x[None, :]) ** 2
    Kxx = np.exp(-distance / (2 * scale**2))
    C = Kxx + NOISE * np.eye(len(x))
    alpha = np.linalg.solve(C, y)
    nll = 0.5 * y @ alpha + 0.5 * np.linalg.slogdet(C)[1]
    return nll


def process_backward(
    scale: Any,
    x: Any,
    y: Any,
    *,
    quadratic: float = 1,
    determinant: float = 1,
    power: int = 3,
    half: float = 0.5,
    matrix: Any = lambda Kxx, C: Kxx,
    diagonal: bool = False,
) -> Arrays:
    distance = (x[:, None] - x[None, :]) ** 2
    Kxx = np.exp(-distance / (2 * scale**2))
    C = Kxx + NOISE * np.eye(len(x))
    alpha = np.linalg.solve(C, y)
    dC = half * (determinant * np.linalg.inv(C) - quadratic * np.outer(alpha, alpha))
    dscale = matrix(Kxx, C) * distance / scale**power
    by_x = dC * Kxx * (x[:, None] - x[None, :]) / scale**2
    return {"scale": np.asarray((dC * dscale).sum()), "x": -by_x.sum(axis=1) + (0 if diagonal else by_x.sum(axis=0))}


regression = slipping(
    process,
    draw(scale=lambda rng: np.asarray(rng.uniform(0.6, 1.2)), x=(N,), y=(N,)),
    process_backward,
)


def factorisation(U: Any, V: Any, M: Any) -> Any:
    R = U @ V.T - M
    L = np.sum(R**2) + RIDGE * (np.sum(U**2) + np.sum(V**2))
    return L


def factorisation_backward(
    U: Any, V: Any, M: Any, *, to_v: Any = lambda R, U: R.T @ U, penalty: float = 2, sign: float = 1
) -> Arrays:
    R = U @ V.T - M
    return {"U": sign * 2 * R @ V + penalty * RIDGE * U, "V": 2 * to_v(R, U) + penalty * RIDGE * V}


factoring = slipping(factorisation, draw(U=(N, K), V=(D, K), M=(N, D)), factorisation_backward)


def gram(X: Any) -> Any:
    G = X.T @ X
    return G


def principal(W: Any, X: Any) -> Any:
    R = X - X @ W @ W.T
    L = np.sum(R**2)
    return L


def principal_backward(W: Any, X: Any, *, first: float = 1, second: float = 1) -> Arrays:
    R = X - X @ W @ W.T
    return {"W": -2 * (first * X.T @ R @ W + second * R.T @ X @ W)}


reducing = slipping(principal, draw(W=(D, K), X=(N, D)), principal_backward)


def cholesky_loss(A: Any) -> Any:
    C = np.linalg.cholesky(A @ A.T + 2 * np.eye(D))
    L = np.sum(np.log(np.diag(C)))
    return L


def sandwich(A: Any, D1: Any, B: Any) -> Any:
    C = A @ np.diag(D1) @ B
    return C


def rayleigh(x: Any, A: Any) -> Any:
    L = (x @ A @ x) / (x @ x)
    return L


def rayleigh_backward(x: Any, A: Any, *, below: float = 1, both: bool = True) -> Arrays:
    q = x @ A @ x / (x @ x)
    above = (A + A.T) @ x if both else 2 * A @ x
    return {"x": (above - below * 2 * q * x) / (x @ x)}


dividing = slipping(rayleigh, draw(x=(D,), A=(D, D)), rayleigh_backward)


def projection(x: Any, A: Any) -> Any:
    p = A @ np.linalg.solve(A.T @ A, A.T @ x)
    L = np.sum((x - p) ** 2)
    return L


def outer_loss(u: Any, v: Any, M: Any) -> Any:
    P = np.outer(u, v)
    L = np.sum((P - M) ** 2)
    return L


BEYOND = (
    solving("X250", "solution of a system: the minus of the inverse's derivative", "A", "sign", sign=1),
    solving(
        "X251",
        "solution of a system: solved again with the matrix, not its transpose",
        "b A",
        "operand-not-transposed",
        back=np.linalg.solve,
    ),
    solving(
        "X252",
        "solution of a system: the outer product turned",
        "A",
        "transposed swapped",
        outer=lambda db, x: np.outer(x, db),
    ),
    solving(
        "X253",
        "solution of a system: multiplied by the matrix, not solved",
        "b",
        "local-factor wrong-tensor",
        back=lambda A, dx: A.T @ dx,
    ),
    Case(
        "X254",
        "inverse: −A⁻¹ dY A⁻¹ without the transposes",
        inverted,
        draw(A=regular),
        about=("A",),
        claimed=lambda A, upstream: {"A": -np.linalg.inv(A) @ upstream @ np.linalg.inv(A)},
        right=lambda A, upstream: {"A": -np.linalg.inv(A).T @ upstream @ np.linalg.inv(A).T},
        accepted=("operand-not-transposed", "transposed"),
        upstream=True,
    ),
    Case(
        "X255",
        "inverse: as for a number, −1/a² of each entry",
        inverted,
        draw(A=regular),
        about=("A",),
        claimed=lambda A, upstream: {"A": -upstream / A**2},
        right=lambda A, upstream: {"A": -np.linalg.inv(A).T @ upstream @ np.linalg.inv(A).T},
        accepted=("diagonal-for-full", "local-factor"),
        upstream=True,
    ),
    Case(
        "X256",
        "trace of a product: B for its transpose",
        trace_of_product,
        draw(A=(D, D), B=(D, D)),
        about=("A",),
        claimed=lambda A, B: {"A": B},
        right=lambda A, B: {"A": B.T},
        accepted=("transposed", "operand-not-transposed"),
    ),
    Case(
        "X257",
        "trace of a product: A and B exchanged",
        trace_of_product,
        draw(A=(D, D), B=(D, D)),
        about=("A", "B"),
        claimed=lambda A, B: {"A": A.T, "B": B.T},
        right=lambda A, B: {"A": B.T, "B": A.T},
        accepted=("wrong-tensor", "swapped"),
    ),
    Case(
        "X258",
        "trace of a square: one factor counted",
        trace_of_square,
        draw(A=(D, D)),
        about=("A",),
        claimed=lambda A: {"A": A.T},
        right=lambda A: {"A": 2 * A.T},
        accepted=("factor", "path-missing"),
    ),
    Case(
        "X259",
        "trace of a square: 2 A for 2 Aᵀ",
        trace_of_square,
        draw(A=(D, D)),
        about=("A",),
        claimed=lambda A: {"A": 2 * A},
        right=lambda A: {"A": 2 * A.T},
        accepted=("transposed", "operand-not-transposed"),
    ),
    Case(
        "X260",
        "trace of Xᵀ A X: 2 A X for a matrix that is not symmetric",
        trace_form,
        draw(X=(D, K), A=(D, D)),
        about=("X",),
        claimed=lambda X, A: {"X": 2 * A @ X},
        right=lambda X, A: {"X": (A + A.T) @ X},
        accepted=("path-missing", "path-doubled", "operand-not-transposed"),
    ),
    Case(
        "X261",
        "trace of Xᵀ A X by A: Xᵀ X",
        trace_form,
        draw(X=(D, D), A=(D, D)),
        about=("A",),
        claimed=lambda X, A: {"A": X.T @ X},
        right=lambda X, A: {"A": X @ X.T},
        accepted=("operand-not-transposed", "transposed", "swapped"),
    ),
    Case(
        "X262",
        "determinant: the transpose of the inverse without the determinant",
        determinant,
        draw(A=regular),
        about=("A",),
        claimed=lambda A: {"A": np.linalg.inv(A).T},
        right=lambda A: {"A": np.linalg.det(A) * np.linalg.inv(A).T},
        accepted=("factor", "local-factor"),
    ),
    Case(
        "X263",
        "determinant: the inverse is not transposed",
        determinant,
        draw(A=regular),
        about=("A",),
        claimed=lambda A: {"A": np.linalg.det(A) * np.linalg.inv(A)},
        right=lambda A: {"A": np.linalg.det(A) * np.linalg.inv(A).T},
        accepted=("transposed", "operand-not-transposed"),
    ),
    Case(
        "X264",
        "norm of a product: not divided by the norm",
        frobenius,
        draw(A=(N, D), B=(D, K)),
        about=("A",),
        claimed=lambda A, B: {"A": A @ B @ B.T},
        right=lambda A, B: {"A": A @ B @ B.T / np.linalg.norm(A @ B)},
        accepted=("factor", "local-factor"),
    ),
    shrinking("X265", "ridge: the penalty without its 2", "w", "factor path-missing", penalty=RIDGE),
    shrinking("X266", "ridge: the penalty forgotten", "w", "path-missing", penalty=0),
    shrinking("X267", "ridge: the right-hand side forgotten", "w", "path-missing wrong-tensor local-factor", target=0),
    shrinking("X268", "ridge: the sign of the right-hand side", "w", "path-sign sign wrong-tensor", target=-1),
    shrinking("X269", "ridge: the 2 of the squares forgotten", "w", "factor path-missing", two=1),
    Case(
        "X270",
        "Mahalanobis distance: the covariance for its inverse",
        mahalanobis,
        draw(x=(D,), mu=(D,), S=spread),
        about=("x",),
        claimed=lambda x, mu, S: {"x": S @ (x - mu)},
        right=lambda x, mu, S: {"x": np.linalg.inv(S) @ (x - mu)},
        accepted=("wrong-tensor", "local-factor"),
    ),
    Case(
        "X271",
        "Mahalanobis distance: the mean has the sign of the point",
        mahalanobis,
        draw(x=(D,), mu=(D,), S=spread),
        about=("mu",),
        claimed=lambda x, mu, S: {"mu": np.linalg.inv(S) @ (x - mu)},
        right=lambda x, mu, S: {"mu": -np.linalg.inv(S) @ (x - mu)},
        accepted=("sign", "path-sign"),
    ),
    fitting("X272", "Gaussian likelihood: the determinant's term lost", "S", "path-missing", determinant=0),
    fitting(
        "X273", "Gaussian likelihood: the determinant counted once, not per row", "S", "factor path-missing", count=1
    ),
    fitting("X274", "Gaussian likelihood: the sign of the data's term", "S", "path-sign", quadratic=-1),
    regression("X275", "Gaussian process: the determinant's term lost", "scale", "path-missing", determinant=0),
    regression("X276", "Gaussian process: the data's term lost", "scale x", "path-missing", quadratic=0),
    regression("X277", "Gaussian process: the sign of the data's term", "x", "path-sign", quadratic=-1),
    regression("X278", "Gaussian process: ℓ² for ℓ³", "scale", "factor local-factor", power=2),
    regression("X279", "Gaussian process: the ½ forgotten", "scale x", "factor", half=1),
    regression(
        "X280", "Gaussian process: each input moves rows only, not columns", "x", "path-missing factor", diagonal=True
    ),
    factoring(
        "X281",
        "matrix factorisation: the penalties without their 2",
        "U V",
        "factor path-missing",
        penalty=1,
    ),
    factoring("X282", "matrix factorisation: the sign of the residual", "U", "path-sign sign", sign=-1),
    Case(
        "X283",
        "matrix factorisation: the second factor's gradient turned",
        factorisation,
        draw(U=(N, K), V=(D, K), M=(N, D)),
        about=("V",),
        claimed=lambda U, V, M: {"V": factorisation_backward(U, V, M)["V"].T},
        right=lambda U, V, M: {"V": factorisation_backward(U, V, M)["V"]},
        accepted=("transposed",),
    ),
    Case(
        "X284",
        "Gram matrix: one of its two factors",
        gram,
        draw(X=(N, D)),
        about=("X",),
        claimed=lambda X, upstream: {"X": X @ upstream},
        right=lambda X, upstream: {"X": X @ (upstream + upstream.T)},
        accepted=("path-missing",),
        upstream=True,
    ),
    Case(
        "X285",
        "Gram matrix: 2 X dG for an upstream that is not symmetric",
        gram,
        draw(X=(N, D)),
        about=("X",),
        claimed=lambda X, upstream: {"X": 2 * X @ upstream},
        right=lambda X, upstream: {"X": X @ (upstream + upstream.T)},
        accepted=("path-doubled", "path-missing", "operand-not-transposed"),
        upstream=True,
    ),
    reducing("X286", "principal components: one use of W", "W", "path-missing", second=0),
    reducing("X287", "principal components: the sign of one use", "W", "path-sign", first=-1),
    Case(
        "X288",
        "log of the Cholesky diagonal: twice the log-determinant's half",
        cholesky_loss,
        draw(A=(D, D)),
        about=("A",),
        claimed=lambda A: {"A": 2 * np.linalg.solve(A @ A.T + 2 * np.eye(D), A)},
        right=lambda A: {"A": np.linalg.solve(A @ A.T + 2 * np.eye(D), A)},
        accepted=("factor", "path-doubled"),
    ),
    Case(
        "X289",
        "diagonal in the middle: the whole product for its diagonal",
        sandwich,
        draw(A=(N, D), D1=positive(D), B=(D, K)),
        about=("D1",),
        claimed=lambda A, D1, B, upstream: {"D1": (A.T @ upstream @ B.T).sum(axis=1)},
        right=lambda A, D1, B, upstream: {"D1": np.diag(A.T @ upstream @ B.T)},
        accepted=("extra-sum", "local-factor", "mask-missing"),
        upstream=True,
    ),
    Case(
        "X290",
        "diagonal in the middle: forgotten in the gradient of its neighbour",
        sandwich,
        draw(A=(N, D), D1=positive(D), B=(D, K)),
        about=("A",),
        claimed=lambda A, D1, B, upstream: {"A": upstream @ B.T},
        right=lambda A, D1, B, upstream: {"A": upstream @ B.T * D1},
        accepted=("local-factor",),
        upstream=True,
    ),
    dividing("X291", "Rayleigh quotient: the denominator taken for a constant", "x", "path-missing", below=0),
    dividing("X292", "Rayleigh quotient: the sign of the quotient rule", "x", "path-sign", below=-1),
    Case(
        "X293",
        "projection: the residual without its 2",
        projection,
        draw(x=(N,), A=(N, K)),
        about=("x",),
        claimed=lambda x, A: {"x": x - A @ np.linalg.solve(A.T @ A, A.T @ x)},
        right=lambda x, A: {"x": 2 * (x - A @ np.linalg.solve(A.T @ A, A.T @ x))},
        accepted=("factor",),
    ),
    Case(
        "X294",
        "projection: the point in place of its residual",
        projection,
        draw(x=(N,), A=(N, K)),
        about=("x",),
        claimed=lambda x, A: {"x": 2 * x},
        right=lambda x, A: {"x": 2 * (x - A @ np.linalg.solve(A.T @ A, A.T @ x))},
        accepted=("path-missing", "wrong-tensor"),
    ),
    Case(
        "X295",
        "outer product: the gradients of its factors exchanged",
        outer_loss,
        draw(u=(D,), v=(D,), M=(D, D)),
        about=("u", "v"),
        claimed=lambda u, v, M: {"u": 2 * (np.outer(u, v) - M).T @ u, "v": 2 * (np.outer(u, v) - M) @ v},
        right=lambda u, v, M: {"u": 2 * (np.outer(u, v) - M) @ v, "v": 2 * (np.outer(u, v) - M).T @ u},
        accepted=("swapped",),
    ),
    Case(
        "X296",
        "outer product: the residual is not transposed for the second factor",
        outer_loss,
        draw(u=(D,), v=(D,), M=(D, D)),
        about=("v",),
        claimed=lambda u, v, M: {"v": 2 * (np.outer(u, v) - M) @ u},
        right=lambda u, v, M: {"v": 2 * (np.outer(u, v) - M).T @ u},
        accepted=("operand-not-transposed",),
    ),
)
