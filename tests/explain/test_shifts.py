"""Slices, windows, reshapes and blocks: the formulas are those that people write, and their source is right."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import chainrule as cr

SHAPES: dict[str, tuple[int, ...]] = {
    "x": (7,), "w": (3,), "k": (3,), "t": (5,), "u": (7,), "U": (4, 5), "h": (3,), "v": (4,), "W": (5, 7), "a": (3,),
    "b": (4,), "X": (4, 6), "K": (2, 3), "Y": (3, 4), "T": (3, 4), "z": (8,), "c": (4,), "theta": (15,), "s": (6,),
    "C": (2, 3), "B": (2, 4), "V": (7, 2), "N": (2, 3, 6, 5), "F": (4, 3, 3, 2), "q": (12,), "p": (4, 3), "A": (4, 5),
    "H": (5, 4), "O": (4, 6), "y": (7,),
}  # fmt: skip


def difference(x: Any) -> Any:
    """
    ∂L/∂x = 2 ([0; d] − [d; 0])
    """
    d = x[1:] - x[:-1]
    L = np.sum(d**2)
    return L


def second_difference(u: Any) -> Any:
    """
    ∂L/∂u = [r; 0] + [0; r] − 2 [0; r; 0]
    """
    r = u[2:] - 2 * u[1:-1] + u[:-2]
    L = 0.5 * np.sum(r**2)
    return L


def repeated_difference(x: Any) -> Any:
    """
    ∂d/∂x = [I, 0] + [0, I] − 2 [0, I, 0]
    """
    d = np.diff(x, n=2)
    return d


def smoothness(U: Any) -> Any:
    """
    ∂L/∂U = [U[:-1] − U[1:]; 0] + [0; U[1:] − U[:-1]] + [U[:, :-1] − U[:, 1:], 0] + [0, U[:, 1:] − U[:, :-1]]
    """
    L = 0.5 * np.sum((U[1:] - U[:-1]) ** 2) + 0.5 * np.sum((U[:, 1:] - U[:, :-1]) ** 2)
    return L


def running_sum(x: Any, y: Any) -> Any:
    """
    ∂L/∂x = Lᵀ (c − y)
    """
    c = np.cumsum(x)
    return 0.5 * np.sum((c - y) ** 2)


def sum_to_come(x: Any) -> Any:
    """
    ∂L/∂x = 2 T G
    """
    G = np.cumsum(x[::-1])[::-1]
    L = np.sum(G**2)
    return L


def one_cell(h: Any, v: Any, W: Any) -> Any:
    """
    ∂L/∂h = W[:, :3]ᵀ (1 − s²)
    ∂L/∂v = W[:, 3:]ᵀ (1 − s²)
    ∂L/∂W = (1 − s²) zᵀ
    """
    z = np.concatenate([h, v])
    s = np.tanh(W @ z)
    L = s.sum()
    return L


def gates(z: Any, c: Any) -> Any:
    """
    ∂L/∂z = [(1 − i) ⊙ i ⊙ g ⊙ c; (1 − g²) ⊙ i ⊙ c]
    """
    i = 1 / (1 + np.exp(-z[:4]))
    g = np.tanh(z[4:])
    L = np.sum(i * g * c)
    return L


def picked(w: Any) -> Any:
    """
    ∂L/∂w = [w[1]; w[0]; cos(w[2])]
    """
    L = w[0] * w[1] + np.sin(w[2])
    return L


def autoregression(x: Any, a: Any) -> Any:
    """
    ∂L/∂a = −2/N [x[1:-1]ᵀ r; x[:-2]ᵀ r; 0]
    """
    r = x[2:] - a[0] * x[1:-1] - a[1] * x[:-2]
    L = np.mean(r**2)
    return L


def windows(x: Any, k: Any) -> Any:
    """
    ∂L/∂x[i] = Σ_j k[j] (∂L/∂y)[i−j]
    ∂L/∂k[i] = Σ_j x[i+j] (∂L/∂y)[j]
    ∂y[i]/∂x[j] = k[j−i]
    ∂y[i]/∂k[j] = x[i+j]
    """
    y = sliding_window_view(x, 3) @ k
    return y


def convolution(x: Any, w: Any, t: Any) -> Any:
    """
    ∂L/∂x[i] = Σ_j w[j] (y − t)[i+j−2]
    ∂L/∂w[i] = Σ_j x[j−i+2] (y − t)[j]
    """
    y = np.convolve(x, w, mode="valid")
    L = 0.5 * np.sum((y - t) ** 2)
    return L


def convolution_to_the_same_length(x: Any, w: Any, y: Any) -> Any:
    """
    ∂L/∂x[i] = 2 Σ_j w[j] (c − y)[i+j−1]
    """
    c = np.convolve(x, w, mode="same")
    L = np.sum((c - y) ** 2)
    return L


def correlation(x: Any, w: Any) -> Any:
    """
    ∂y[i]/∂x[j] = w[j−i]
    """
    y = np.correlate(x, w)
    return y


def convolution_in_two_dimensions(X: Any, K: Any, T: Any) -> Any:
    """
    ∂L/∂X[i,j] = Σ_kl K[k,l] (Y − T)[i−k,j−l]
    """
    Y = np.einsum("ijkl,kl->ij", sliding_window_view(X, (2, 3)), K)
    L = 0.5 * np.sum((Y - T) ** 2)
    return L


def convolution_with_channels(N: Any, F: Any) -> Any:
    """
    ∂L/∂N[i,j,k,l] = Σ_mna F[m,j,n,a] (1 − Y²)[i,m,k−n,l−a]
    ∂L/∂F[i,j,k,l] = Σ_mna V[m,j,n,a,k,l] (1 − Y[m,i,n,a]²)
    """
    V = sliding_window_view(N, (3, 2), axis=(2, 3))
    Y = np.tanh(np.einsum("ncpqij,ocij->nopq", V, F))
    L = Y.sum()
    return L


def convolution_with_a_step(x: Any, k: Any) -> Any:
    """
    ∂L/∂x[i] = 2 Σ_j k[i−2j] y[j]
    """
    y = sliding_window_view(x, 3)[::2] @ k
    L = y @ y
    return L


def turned(x: Any, y: Any) -> Any:
    """
    ∂L/∂x = x − y[::-1]
    """
    L = 0.5 * np.sum((x[::-1] - y) ** 2)
    return L


def regrouped(q: Any, A: Any) -> Any:
    """
    ∂L/∂q = reshape((1 − S²) Aᵀ, 12)
    """
    Q = q.reshape(3, 4)
    S = np.tanh(Q @ A)
    L = S.sum()
    return L


def layer_in_a_vector(theta: Any, v: Any) -> Any:
    """
    ∂L/∂theta = [reshape(∂L/∂M, 12); ∂L/∂e]
    """
    M, e = theta[:12].reshape(3, 4), theta[12:]
    L = np.sum(np.tanh(M @ v + e))
    return L


def pooled(q: Any) -> Any:
    """
    ∂L/∂q = repeat(exp(m), 4)/K
    """
    m = q.reshape(3, 4).mean(axis=1)
    L = np.exp(m).sum()
    return L


def tiled(b: Any, q: Any) -> Any:
    """
    ∂L/∂b = 1ᵀ reshape(tile(b, 3) − q, 3×4)
    """
    L = 0.5 * np.sum((np.tile(b, 3) - q) ** 2)
    return L


def even_and_odd(x: Any) -> Any:
    """
    ∂L/∂x = 2 scatter(x[::2] → [::2]) + 3 scatter(x[1::2]² → [1::2])
    """
    L = np.sum(x[::2] ** 2) + np.sum(x[1::2] ** 3)
    return L


def beside_each_other(C: Any, B: Any, V: Any) -> Any:
    """
    ∂L/∂C = (1 − S²) V[:3]ᵀ
    ∂L/∂V = [C, B]ᵀ (1 − S²)
    """
    S = np.tanh(np.hstack([C, B]) @ V)
    L = S.sum()
    return L


def bilinear(s: Any, H: Any) -> Any:
    """
    ∂L/∂s = [Hᵀ s[1:]; 0] + [0; H s[:-2]]
    """
    L = s[1:] @ H @ s[:-2]
    return L


def layer(A: Any, H: Any) -> Any:
    """
    ∂Z[i,j]/∂A[k,l] = H[l,j] δ_ik
    ∂Z[i,j]/∂H[k,l] = A[i,k] δ_jl
    """
    Z = A @ H
    return Z


def clash(i: Any, k: Any) -> Any:
    """
    ∂j[l,m]/∂i[n,a] = k[n,m] δ_la
    """
    j = i.T @ k
    return j


SHAPES |= {"i": (3, 2)}
FUNCTIONS = [value for value in list(globals().values()) if inspect.isfunction(value) and value.__doc__]
FUNCTIONS = [f for f in FUNCTIONS if f.__module__ == __name__ and "∂" in (f.__doc__ or "")]


def arguments_of(function: Callable[..., Any]) -> dict[str, Any]:
    random = np.random.default_rng(0)
    shapes = {**SHAPES, "k": (3, 4)} if function is clash else SHAPES
    return {name: random.normal(size=shapes[name]) for name in inspect.signature(function).parameters}


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_formulas_are_as_people_write_them(function: Callable[..., Any]) -> None:
    derivation = cr.derive(function)(*arguments_of(function).values())
    found = [formula.text for formula in [*derivation.gradients.values(), *derivation.jacobians.values()]]
    told = [line.replace(f"∂{function.__name__}/", "∂L/") for line in found]
    expected = [line.strip() for line in (inspect.getdoc(function) or "").splitlines() if line.strip()]
    assert [line for line in expected if line not in told] == [], told


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_the_source_is_right(function: Callable[..., Any]) -> None:
    arguments = arguments_of(function)
    derivation = cr.derive(function)(*arguments.values())
    out, pullback = cr.vjp(function, *arguments.values())
    given = list(derivation.arguments)
    upstream = np.random.default_rng(1).normal(size=np.shape(out))
    if np.size(out) != 1:
        given[-1] = upstream
    else:
        upstream = np.ones_like(out)
    namespace: dict[str, Any] = {"np": np}
    exec(derivation.source.replace("return ", "globals().update(locals()); return "), namespace)
    found = namespace["gradient"](*given)
    expected = dict(zip(arguments, pullback(upstream), strict=True))
    for name, value in zip(derivation.gradients, found if len(derivation.gradients) > 1 else [found], strict=True):
        np.testing.assert_allclose(value, expected[name], rtol=1e-9, atol=1e-12, err_msg=name)
    for name, formula in derivation.jacobians.items():
        value = eval(formula.python.removeprefix("J = "), namespace)
        exact = cr.jacobian(function, list(arguments).index(name))(*arguments.values()).dense()
        np.testing.assert_allclose(value, exact, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_no_program_stands_in_the_latex(function: Callable[..., Any]) -> None:
    derivation = cr.derive(function)(*arguments_of(function).values())
    formulas = [*derivation.gradients.values(), *derivation.jacobians.values()]
    formulas += [local.index for explained in derivation.explained for local in explained.locals]
    for formula in formulas:
        assert formula.latex
        assert r"\text{" not in formula.latex.replace(r"\text{ arrives from further on}", "")
        assert not set("Σ∂δᵀ₁²ⱼ") & set(formula.latex), formula.latex
        assert "<merror" not in formula.mathml
