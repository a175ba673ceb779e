"""Functions whose gradients every textbook has; the docstring is what the derivation must say."""

from __future__ import annotations

from typing import Any

import numpy as np

N, D, K = 7, 5, 3
LABELS = np.array([0, 2, 1, 2, 0, 1, 1])
SHAPES: dict[str, tuple[int, ...]] = {
    "X": (N, D), "W": (D, K), "b": (K,), "Y": (N, K), "w": (D,), "y": (N,), "A": (D, D), "x": (D,), "v": (D,),
    "z": (N, K), "gamma": (K,), "beta": (K,), "dy": (N, K), "Q": (N, D), "Kx": (N, D), "V": (N, K), "G": (N, K),
    "M": (D, D), "B": (D, N), "u": (K,),
}  # fmt: skip


def argument(name: str, rng: np.random.Generator) -> Any:
    """A random array of the shape that the name stands for; M is symmetric and definite, y is 0 or 1."""
    value = rng.normal(size=SHAPES[name])
    if name == "M":
        return value @ value.T + np.eye(D)
    return (value > 0) * 1.0 if name == "y" else value


def linear_least_squares(X: Any, W: Any, b: Any, Y: Any) -> Any:
    """
    ∂L/∂W = 2/(N K) Xᵀ (X W + b − Y)
    ∂L/∂b = 2/(N K) 1ᵀ(X W + b − Y)
    ∂L/∂X = 2/(N K) (X W + b − Y) Wᵀ
    """
    L = np.mean((X @ W + b - Y) ** 2)
    return L


def least_squares(X: Any, w: Any, y: Any) -> Any:
    """
    ∂L/∂w = 2 Xᵀ r
    """
    r = X @ w - y
    L = r @ r
    return L


def softmax_cross_entropy(z: Any) -> Any:
    """
    ∂L/∂z = (p − onehot(LABELS))/N
    """
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    L = -np.log(p[np.arange(N), LABELS]).mean()
    return L


def logistic_regression(X: Any, w: Any, y: Any) -> Any:
    """
    ∂L/∂w = Xᵀ (p − y)/N
    """
    p = 1 / (1 + np.exp(-(X @ w)))
    L = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    return L


def quadratic_form(x: Any, A: Any) -> Any:
    """
    ∂L/∂x = (A + Aᵀ) x
    ∂L/∂A = x xᵀ
    """
    L = x @ A @ x
    return L


def log_determinant(A: Any) -> Any:
    """
    ∂L/∂A = A⁻ᵀ
    """
    L = np.linalg.slogdet(A)[1]
    return L


def determinant(A: Any) -> Any:
    """
    ∂L/∂A = L A⁻ᵀ
    """
    L = np.linalg.det(A)
    return L


def trace_of_a_product(A: Any, M: Any) -> Any:
    """
    ∂L/∂A = Mᵀ
    ∂L/∂M = Aᵀ
    """
    L = np.trace(A @ M)
    return L


def trace_of_a_square(B: Any, A: Any) -> Any:
    """
    ∂L/∂B = (A + Aᵀ) B
    ∂L/∂A = B Bᵀ
    """
    L = np.trace(B.T @ A @ B)
    return L


def trace_of_an_inverse(A: Any) -> Any:
    """
    ∂L/∂A = −A⁻ᵀ A⁻ᵀ
    """
    L = np.trace(np.linalg.inv(A))
    return L


def batch_norm(z: Any, gamma: Any, beta: Any, dy: Any) -> Any:
    """
    ∂L/∂z = (N dy − 1ᵀ dy − xhat ⊙ (1ᵀ(dy ⊙ xhat))) ⊙ gamma ⊙ istd / N
    ∂L/∂gamma = 1ᵀ(xhat ⊙ dy)
    ∂L/∂beta = 1ᵀ dy
    """
    centred = z - z.mean(axis=0)
    istd = 1 / np.sqrt((centred**2).mean(axis=0) + 1e-5)
    xhat = centred * istd
    out = gamma * xhat + beta
    L = np.sum(out * dy)
    return L


def attention(Q: Any, Kx: Any, V: Any, G: Any) -> Any:
    """
    ∂L/∂V = Pᵀ G
    ∂L/∂Q = ((G Vᵀ − (G ⊙ O) 1) ⊙ P) Kx / √5
    ∂L/∂Kx = ((G Vᵀ − (G ⊙ O) 1) ⊙ P)ᵀ Q / √5
    """
    S = Q @ Kx.T / np.sqrt(5)
    E = np.exp(S)
    P = E / E.sum(axis=1, keepdims=True)
    O = P @ V
    L = np.sum(O * G)
    return L


def gaussian_process(M: Any, v: Any) -> Any:
    """
    ∂L/∂M = (M⁻ᵀ − M⁻ᵀ v alphaᵀ)/2
    """
    alpha = np.linalg.solve(M, v)
    L = 0.5 * v @ alpha + 0.5 * np.linalg.slogdet(M)[1]
    return L


def norm(x: Any) -> Any:
    """
    ∂L/∂x = x / L
    """
    L = np.sqrt(x @ x)
    return L


def frobenius(A: Any) -> Any:
    """
    ∂L/∂A = 2 A
    """
    L = np.sum(A * A)
    return L


def outer_factorisation(u: Any, v: Any) -> Any:
    """
    ∂L/∂u = 2 R v
    ∂L/∂v = 2 Rᵀ u
    """
    R = np.outer(u, v)
    L = np.sum(R**2)
    return L


GRADIENTS = [
    linear_least_squares, least_squares, softmax_cross_entropy, logistic_regression, quadratic_form, log_determinant,
    determinant, trace_of_a_product, trace_of_a_square, trace_of_an_inverse, batch_norm, attention, gaussian_process,
    norm, frobenius, outer_factorisation,
]  # fmt: skip


def logistic_hessian(w: Any, X: Any, y: Any) -> Any:
    """∂²L/∂w² = Xᵀ D X / 7   where D = diag((1 − p) ⊙ p)"""
    p = 1 / (1 + np.exp(-(X @ w)))
    L = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    return L


def least_squares_hessian(w: Any, X: Any, y: Any) -> Any:
    """∂²L/∂w² = 2 Xᵀ X"""
    r = X @ w - y
    L = r @ r
    return L


def quadratic_hessian(x: Any, A: Any) -> Any:
    """∂²L/∂x² = A + Aᵀ"""
    L = x @ A @ x
    return L


HESSIANS = [logistic_hessian, least_squares_hessian, quadratic_hessian]
