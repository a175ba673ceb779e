"""Functions whose gradients every textbook has; the docstring is what the derivation must say."""

from __future__ import annotations

from typing import Any

import numpy as np

N, D, K = 7, 5, 3
LABELS = np.array([0, 2, 1, 2, 0, 1, 1])
ONE_HOT = np.eye(K)[LABELS]
DISTANCES = np.subtract.outer(np.arange(7.0), np.arange(7.0)) ** 2
SHAPES: dict[str, tuple[int, ...]] = {
    "X": (N, D), "W": (D, K), "b": (K,), "Y": (N, K), "w": (D,), "y": (N,), "A": (D, D), "x": (D,), "v": (D,),
    "z": (N, K), "gamma": (K,), "beta": (K,), "dy": (N, K), "Q": (N, D), "Kx": (N, D), "V": (N, K), "G": (N, K),
    "M": (D, D), "B": (D, N), "u": (K,), "u7": (N,), "w2": (D,), "scale": (),
}  # fmt: skip


def argument(name: str, rng: np.random.Generator) -> Any:
    """A random array of the shape that the name stands for; M is symmetric and definite, y is 0 or 1."""
    value = rng.normal(size=SHAPES[name])
    if name == "M":
        return value @ value.T + np.eye(D)
    if name in ("w2", "scale"):
        return abs(value) + 0.5
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


def a_norm(Q: Any, x: Any, u7: Any) -> Any:
    """
    ∂L/∂x = Qᵀ (Q x − u7) / L
    """
    L = np.linalg.norm(Q @ x - u7)
    return L


def a_norm_squared(Q: Any, x: Any, u7: Any) -> Any:
    """
    ∂L/∂x = 2 Qᵀ (Q x − u7)
    """
    L = np.linalg.norm(Q @ x - u7) ** 2
    return L


def powers(w2: Any, x: Any) -> Any:
    """
    ∂L/∂w2 = x ⊙ w2^(x − 1)
    ∂L/∂x = w2^x ⊙ log(w2)
    """
    L = np.sum(w2**x)
    return L


def relu_layer(X: Any, W: Any, b: Any, G: Any) -> Any:
    """
    ∂L/∂W = Xᵀ ([z > 0] ⊙ G)
    ∂L/∂b = 1ᵀ([z > 0] ⊙ G)
    """
    z = X @ W + b
    L = np.sum(np.maximum(z, 0) * G)
    return L


def huber(Q: Any, x: Any, u7: Any) -> Any:
    """
    ∂L/∂x = Qᵀ (r ⊙ [|r| < 1] + sign(r) ⊙ (1 − [|r| < 1]))
    """
    r = Q @ x - u7
    L = np.sum(np.where(np.abs(r) < 1, r**2 / 2, np.abs(r) - 0.5))
    return L


def clipped(x: Any, w: Any) -> Any:
    """
    ∂L/∂x = [x ≥ −1] ⊙ w
    """
    L = np.clip(x, -1, None) @ w
    return L


def clipped_both_ways(x: Any, w: Any) -> Any:
    """
    ∂L/∂x = [−1/2 ≤ x ≤ 1/2] ⊙ w
    """
    L = np.clip(x, -0.5, 0.5) @ w
    return L


def hard_tanh(Q: Any, x: Any, u7: Any) -> Any:
    """
    ∂L/∂x = 2 Qᵀ ([−1/2 < z < 1/2] ⊙ z)
    """
    z = Q @ x - u7
    L = np.sum(np.minimum(np.maximum(z, -0.5), 0.5) ** 2)
    return L


def mean_squared_error_by_hand(Q: Any, x: Any, u7: Any) -> Any:
    """
    ∂L/∂x = Qᵀ (Q x − u7)/m
    """
    m = len(u7)
    L = 1 / (2 * m) * np.sum((Q @ x - u7) ** 2)
    return L


def ridge(Q: Any, x: Any, u7: Any) -> Any:
    """
    ∂L/∂x = 2/N Qᵀ (Q x − u7) + 0.4 x
    """
    L = np.sum((Q @ x - u7) ** 2) / Q.shape[0] + 0.2 * x @ x
    return L


def inner_product(Q: Any, x: Any, u7: Any) -> Any:
    """
    ∂L/∂x = Qᵀ u7
    ∂L/∂Q = u7 xᵀ
    """
    L = u7 @ (Q @ x)
    return L


def weighted_length(A: Any, x: Any) -> Any:
    """
    ∂L/∂x = (A + Aᵀ) x / (2 L)
    """
    L = np.sqrt(x @ A @ x)
    return L


def kernel_parameter(u7: Any, scale: Any) -> Any:
    """
    ∂L/∂scale = scale Σ(C ⊙ (K⁻¹ − alpha alphaᵀ))
    """
    C = np.exp(-DISTANCES)
    K = scale**2 * C + 0.1 * np.eye(N)
    alpha = np.linalg.solve(K, u7)
    L = u7 @ alpha / 2 + np.linalg.slogdet(K)[1] / 2
    return L


def layer_norm(z: Any, gamma: Any, G: Any) -> Any:
    """
    ∂L/∂z = (D G ⊙ gamma − G gamma − zhat ⊙ ((G ⊙ zhat) gamma)) / (D √(var + 10⁻⁵))
    ∂L/∂gamma = 1ᵀ(zhat ⊙ G)
    """
    mean, var = z.mean(axis=1, keepdims=True), z.var(axis=1, keepdims=True)
    zhat = (z - mean) / np.sqrt(var + 1e-5)
    L = np.sum(gamma * zhat * G)
    return L


def cross_entropy_of_rows_that_are_shifted(z: Any) -> Any:
    """
    ∂L/∂z = (p − ONE_HOT)/N
    """
    z = z - z.max(axis=1, keepdims=True)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    L = -np.mean(np.sum(ONE_HOT * np.log(p), axis=1))
    return L


def rayleigh_quotient(x: Any, A: Any) -> Any:
    """
    ∂L/∂x = ((A + Aᵀ) x − 2 L x) / (xᵀ x)
    ∂L/∂A = x xᵀ / (xᵀ x)
    """
    L = (x @ A @ x) / (x @ x)
    return L


def cosine(x: Any, v: Any) -> Any:
    """
    ∂L/∂x = v / (‖x‖ ‖v‖) − L x / ‖x‖²
    """
    L = x @ v / (np.linalg.norm(x) * np.linalg.norm(v))
    return L


def return_over_risk(w: Any, v: Any, A: Any) -> Any:
    """
    ∂L/∂w = (2 v − L (A + Aᵀ) w / √(wᵀ A w)) / (2 √(wᵀ A w))
    """
    L = (w @ v) / np.sqrt(w @ A @ w)
    return L


def determinant_and_trace(A: Any, M: Any) -> Any:
    """
    ∂L/∂A = L A⁻ᵀ + det(A) Mᵀ
    ∂L/∂M = det(A) Aᵀ
    """
    L = np.linalg.det(A) * np.trace(M @ A)
    return L


def inverse_of_an_inverse(A: Any) -> Any:
    """
    ∂L/∂A = −A⁻ᵀ
    """
    L = np.log(np.linalg.det(np.linalg.inv(A)))
    return L


def scaled_rows(w: Any, x: Any, A: Any) -> Any:
    """
    ∂L/∂x = (diag(w) A + Aᵀ diag(w)) x
    """
    L = x @ np.diag(w) @ A @ x
    return L


def hinge(Q: Any, w: Any, u7: Any) -> Any:
    """
    ∂L/∂w = −Qᵀ (u7 ⊙ [1 − u7 ⊙ (Q w) > 0])/N
    """
    L = np.mean(np.maximum(0, 1 - u7 * (Q @ w)))
    return L


def mean_of_a_gaussian(Q: Any, v: Any, A: Any) -> Any:
    """
    ∂L/∂v = −(A⁻¹ + A⁻ᵀ) Rᵀ 1
    """
    R = Q - v
    L = np.sum(R @ np.linalg.inv(A) * R)
    return L


def correlation(x: Any, v: Any) -> Any:
    """
    ∂L/∂x = b / (√(aᵀ a) √(bᵀ b)) − L a / (aᵀ a)
    """
    a, b = x - x.mean(), v - v.mean()
    L = a @ b / np.sqrt((a @ a) * (b @ b))
    return L


def elastic_net(Q: Any, w: Any, u7: Any, scale: Any) -> Any:
    """
    ∂L/∂w = 2/N Qᵀ (Q w − u7) + scale sign(w) + 0.6 w
    """
    L = np.mean((Q @ w - u7) ** 2) + scale * np.sum(np.abs(w)) + 0.3 * np.sum(w**2)
    return L


def quadratic_with_a_linear_term(x: Any, A: Any, v: Any) -> Any:
    """
    ∂L/∂x = (A + Aᵀ) x / 2 − v
    """
    L = 0.5 * x @ A @ x - v @ x
    return L


def log_of_sums_of_exponentials(z: Any) -> Any:
    """
    ∂L/∂z = exp(z − m) / (exp(z − m) 1)
    """
    m = z.max(axis=1, keepdims=True)
    L = np.sum(m[:, 0] + np.log(np.exp(z - m).sum(axis=1)))
    return L


def cross_entropy_with_targets_that_vary(z: Any, G: Any) -> Any:
    """
    ∂L/∂z = (p ⊙ (G 1) − G)/N
    """
    e = np.exp(z)
    p = e / e.sum(axis=1, keepdims=True)
    L = -np.mean(np.sum(G * np.log(p), axis=1))
    return L


def largest_of_each_row(z: Any) -> Any:
    """
    ∂L/∂z = [z = max(z, axis=1)]
    """
    L = np.sum(z.max(axis=1))
    return L


GRADIENTS = [
    linear_least_squares, least_squares, softmax_cross_entropy, logistic_regression, quadratic_form, log_determinant,
    determinant, trace_of_a_product, trace_of_a_square, trace_of_an_inverse, batch_norm, attention, gaussian_process,
    norm, frobenius, outer_factorisation, a_norm, a_norm_squared, powers, relu_layer, huber, clipped, clipped_both_ways,
    hard_tanh, mean_squared_error_by_hand, ridge, inner_product, weighted_length, kernel_parameter, layer_norm,
    cross_entropy_of_rows_that_are_shifted,
    rayleigh_quotient, cosine, return_over_risk, determinant_and_trace, inverse_of_an_inverse, scaled_rows, hinge,
    mean_of_a_gaussian, correlation, elastic_net, quadratic_with_a_linear_term, log_of_sums_of_exponentials,
    cross_entropy_with_targets_that_vary, largest_of_each_row,
]  # fmt: skip


def logistic_hessian(w: Any, X: Any, y: Any) -> Any:
    """∂²L/∂w² = Xᵀ D X / N   where D = diag((1 − p) ⊙ p)"""
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
