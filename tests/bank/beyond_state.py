"""Mistakes of bookkeeping beyond the listed ones: buffers, points, updates, upstreams, arguments, exchanged results."""

# ruff: noqa: RET504  (a value has a name before it is returned: checkers speak in the names of variables)

from __future__ import annotations

from typing import Any

import numpy as np

from tests.bank.case import Arrays, Case, D, H, K, N, draw

__all__ = ["BEYOND"]

W2_BEFORE = np.random.default_rng(51).normal(size=(H, K))
X_BEFORE = np.random.default_rng(52).normal(size=(N, D))
VELOCITY = np.random.default_rng(53).normal(size=(D, H))
Y_OTHER = np.random.default_rng(54).normal(size=(N, K))


def network(X: Any, Y: Any, W1: Any, W2: Any) -> Any:
    h = np.tanh(X @ W1)
    out = h @ W2
    L = np.mean((out - Y) ** 2)
    return L


def network_backward(X: Any, Y: Any, W1: Any, W2: Any, going_back: Any = None, seen: Any = None) -> Arrays:
    h = np.tanh(X @ W1)
    dout = 2 * (h @ W2 - Y) / Y.size
    dz = dout @ (W2 if going_back is None else going_back).T * (1 - h**2)
    return {"W1": (X if seen is None else seen).T @ dz, "W2": h.T @ dout}


def updated_first(X: Any, Y: Any, W1: Any, W2: Any) -> Arrays:
    dW2 = network_backward(X, Y, W1, W2)["W2"]
    W2_new = W2 - 0.5 * dW2
    return {"W1": network_backward(X, Y, W1, W2, going_back=W2_new)["W1"]}


def multiplied(A: Any, B: Any) -> Any:
    C = A @ B
    return C


def block(X: Any, W: Any) -> Any:
    y = np.tanh(X @ W)
    return y


def difference_of_squares(a: Any, b: Any) -> Any:
    L = np.sum(a**2 - b**2)
    return L


def fraction(u: Any, v: Any) -> Any:
    y = u / v
    return y


POINT = draw(X=(N, D), Y=(N, K), W1=(D, H), W2=(H, K))


def of(name: str, backward: Any) -> Any:
    return lambda X, Y, W1, W2: {name: backward(X, Y, W1, W2)[name]}


BEYOND = (
    Case(
        "X380",
        "two layers: the second weight of the step before",
        network,
        POINT,
        about=("W1",),
        claimed=lambda X, Y, W1, W2: {"W1": network_backward(X, Y, W1, W2, going_back=W2_BEFORE)["W1"]},
        right=of("W1", network_backward),
        accepted=("stale", "wrong-tensor"),
        context=lambda X, Y, W1, W2: {"W2_before": W2_BEFORE},
    ),
    Case(
        "X381",
        "two layers: the batch of the step before",
        network,
        POINT,
        about=("W1",),
        claimed=lambda X, Y, W1, W2: {"W1": network_backward(X, Y, W1, W2, seen=X_BEFORE)["W1"]},
        right=of("W1", network_backward),
        accepted=("stale", "wrong-tensor"),
        context=lambda X, Y, W1, W2: {"X_before": X_BEFORE},
    ),
    Case(
        "X382",
        "two layers: the velocity of the optimiser added",
        network,
        POINT,
        about=("W1",),
        claimed=lambda X, Y, W1, W2: {"W1": network_backward(X, Y, W1, W2)["W1"] + 0.9 * VELOCITY},
        right=of("W1", network_backward),
        accepted=("stale",),
        context=lambda X, Y, W1, W2: {"velocity": VELOCITY},
    ),
    Case(
        "X383",
        "two layers: the second weight was updated before the first one's gradient",
        network,
        POINT,
        about=("W1",),
        claimed=updated_first,
        right=of("W1", network_backward),
        accepted=("stale", "wrong-tensor", "local-factor"),
    ),
    Case(
        "X384",
        "two layers: the targets of another batch",
        network,
        POINT,
        about=("W2",),
        claimed=lambda X, Y, W1, W2: {"W2": network_backward(X, Y_OTHER, W1, W2)["W2"]},
        right=of("W2", network_backward),
        accepted=("stale", "wrong-tensor"),
        context=lambda X, Y, W1, W2: {"Y_other": Y_OTHER},
    ),
    Case(
        "X385",
        "two layers: halved, as if the loss had a ½",
        network,
        POINT,
        about=("W1",),
        claimed=lambda X, Y, W1, W2: {"W1": 0.5 * network_backward(X, Y, W1, W2)["W1"]},
        right=of("W1", network_backward),
        accepted=("factor",),
    ),
    Case(
        "X386",
        "a product: the gradients of the two factors exchanged",
        multiplied,
        draw(A=(D, D), B=(D, D)),
        about=("A", "B"),
        claimed=lambda A, B, upstream: {"A": A.T @ upstream, "B": upstream @ B.T},
        right=lambda A, B, upstream: {"A": upstream @ B.T, "B": A.T @ upstream},
        accepted=("swapped",),
        upstream=True,
    ),
    Case(
        "X387",
        "a product: multiplied from the wrong side",
        multiplied,
        draw(A=(D, D), B=(D, D)),
        about=("A",),
        claimed=lambda A, B, upstream: {"A": B.T @ upstream},
        right=lambda A, B, upstream: {"A": upstream @ B.T},
        accepted=("operand-not-transposed", "swapped", "permuted"),
        upstream=True,
    ),
    Case(
        "X388",
        "a product: the factor's own value in its gradient",
        multiplied,
        draw(A=(D, D), B=(D, D)),
        about=("A",),
        claimed=lambda A, B, upstream: {"A": upstream @ A.T},
        right=lambda A, B, upstream: {"A": upstream @ B.T},
        accepted=("wrong-tensor",),
        upstream=True,
    ),
    Case(
        "X389",
        "a layer: its upstream is the output itself",
        block,
        draw(X=(N, D), W=(D, K)),
        about=("W",),
        claimed=lambda X, W, upstream: {"W": X.T @ (np.tanh(X @ W) * (1 - np.tanh(X @ W) ** 2))},
        right=lambda X, W, upstream: {"W": X.T @ (upstream * (1 - np.tanh(X @ W) ** 2))},
        accepted=("wrong-tensor", "upstream-missing"),
        upstream=True,
    ),
    Case(
        "X390",
        "a layer: ones for the upstream",
        block,
        draw(X=(N, D), W=(D, K)),
        about=("X",),
        claimed=lambda X, W, upstream: {"X": (1 - np.tanh(X @ W) ** 2) @ W.T},
        right=lambda X, W, upstream: {"X": (upstream * (1 - np.tanh(X @ W) ** 2)) @ W.T},
        accepted=("upstream-missing",),
        upstream=True,
    ),
    Case(
        "X391",
        "a layer: the upstream multiplied twice",
        block,
        draw(X=(N, D), W=(D, K)),
        about=("W",),
        claimed=lambda X, W, upstream: {"W": X.T @ (upstream**2 * (1 - np.tanh(X @ W) ** 2))},
        right=lambda X, W, upstream: {"W": X.T @ (upstream * (1 - np.tanh(X @ W) ** 2))},
        accepted=("local-factor", "wrong-tensor"),
        upstream=True,
    ),
    Case(
        "X392",
        "a difference of squares: the second has the sign of the first",
        difference_of_squares,
        draw(a=(N,), b=(N,)),
        about=("a", "b"),
        claimed=lambda a, b: {"a": 2 * a, "b": 2 * b},
        right=lambda a, b: {"a": 2 * a, "b": -2 * b},
        accepted=("sign", "path-sign"),
    ),
    Case(
        "X393",
        "a quotient: numerator and denominator exchanged",
        fraction,
        draw(u=lambda rng: rng.uniform(0.5, 2, size=N), v=lambda rng: rng.uniform(0.5, 2, size=N)),
        about=("u",),
        claimed=lambda u, v, upstream: {"u": upstream / u},
        right=lambda u, v, upstream: {"u": upstream / v},
        accepted=("wrong-tensor", "local-factor", "swapped"),
        upstream=True,
    ),
    Case(
        "X394",
        "a weight's gradient with the axes of a column for a row",
        block,
        draw(X=(N, D), W=(D, K)),
        about=("W",),
        claimed=lambda X, W, upstream: {"W": (X.T @ (upstream * (1 - np.tanh(X @ W) ** 2))).reshape(-1)},
        right=lambda X, W, upstream: {"W": X.T @ (upstream * (1 - np.tanh(X @ W) ** 2))},
        accepted=("shape",),
        upstream=True,
    ),
    Case(
        "X395",
        "the Jacobian of a layer for its gradient",
        block,
        draw(X=(N, D), W=(D, K)),
        about=("X",),
        claimed=lambda X, W, upstream: {"X": np.einsum("nk,dk,nm->nkmd", 1 - np.tanh(X @ W) ** 2, W, np.eye(N))},
        right=lambda X, W, upstream: {"X": (upstream * (1 - np.tanh(X @ W) ** 2)) @ W.T},
        accepted=("jacobian-for-gradient",),
        upstream=True,
    ),
)
