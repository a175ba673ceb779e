"""Right derivations where numbers are delicate: nothing is left of a gradient, a kink is hit, float32 rounds."""

# ruff: noqa: RET504  (a value has a name before it is returned: checkers speak in the names of variables)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.bank import beyond_recurrence, classification, normalisation, passes
from tests.bank.case import Arrays, D, H, K, N, Right, T, draw
from tests.bank.right import batch_norm_in_one_line, known, linear_regression, one, row_by_row, softmax

__all__ = ["DELICATE"]

LABELS = np.array([2, 0, 1, 1, 2, 0, 2])
ONE_HOT = np.eye(K)[LABELS]


def single(*shape: int, scale: float = 1.0) -> Callable[[np.random.Generator], Any]:
    """Normal numbers in float32."""
    return lambda rng: (scale * rng.normal(size=shape)).astype(np.float32)


def fixed(*numbers: Any) -> Callable[[np.random.Generator], Any]:
    """The same numbers each time."""
    return lambda rng: np.array(numbers, dtype=float)


# Gradients that are nothing. ------------------------------------------------------------------------------------------


def sum_of_softmax(z: Any) -> Any:
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    total = p.sum()
    return total


def shifted_scores(z: Any, c: Any) -> Any:
    logits = z + c
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(p[np.arange(N), LABELS]))
    return loss


def length_of_unit(x: Any) -> Any:
    u = x / np.sqrt(np.sum(x**2))
    length = np.sum(u**2)
    return length


def scale_before_norm(s: Any, x: Any) -> Any:
    y = s * x
    u = y / np.sqrt(np.sum(y**2))
    loss = np.sum(u**3)
    return loss


def unused(x: Any, unread: Any) -> Any:
    loss = np.sum(x**2) + 0 * np.sum(unread)
    return loss


def centred_sum(x: Any) -> Any:
    c = x - x.mean()
    total = np.sum(c) + np.sum(c**2)
    return total


# Kinks. ---------------------------------------------------------------------------------------------------------------


def rectified(x: Any) -> Any:
    y = np.sum(np.array([1.0, -2.0, 3.0, 0.5, 1.5]) * np.maximum(x, 0))
    return y


AT_ZERO = draw(x=fixed(0.0, 0.0, 1.3, -0.7, 0.0))
WEIGHTS = np.array([1.0, -2.0, 3.0, 0.5, 1.5])


def absolute(x: Any) -> Any:
    y = np.sum(np.abs(x))
    return y


def largest(x: Any) -> Any:
    y = np.max(x)
    return y


TIED = draw(x=fixed(1.2, 3.4, 3.4, -1.0, 3.4))


def larger(a: Any, b: Any) -> Any:
    y = np.sum(np.maximum(a, b))
    return y


def margin(x: Any) -> Any:
    y = np.sum(np.maximum(0, 1 - x))
    return y


def limited(x: Any) -> Any:
    y = np.sum(np.clip(x, -1, 1))
    return y


def length(x: Any) -> Any:
    y = np.linalg.norm(x)
    return y


def pooled(x: Any) -> Any:
    y = np.sum(np.max(x.reshape(-1, 2), axis=1) * np.array([1.0, -2.0, 3.0]))
    return y


def leaky(x: Any) -> Any:
    y = np.sum(np.where(x > 0, x, 0.1 * x))
    return y


def lasso(w: Any, X: Any) -> Any:
    loss = np.sum((X @ w - 1) ** 2) + 0.7 * np.sum(np.abs(w))
    return loss


def dead_unit(X: Any, W: Any) -> Any:
    z = X @ W
    h = np.maximum(z, 0)
    loss = np.sum(h**2 + 2 * h)
    return loss


def spread_of_equal(x: Any) -> Any:
    y = np.max(x) - np.min(x)
    return y


DEAD_X = np.array([[1.0, 2.0], [3.0, -1.0]])
DEAD_W = np.array([[2.0, 0.5], [-1.0, 0.75]])  # the first row of X with the first column of W gives exactly 0


# In float32. ----------------------------------------------------------------------------------------------------------


def small_network(X: Any, W: Any, b: Any, V: Any) -> Any:
    h = np.tanh(X @ W + b)
    logits = h @ V
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(p[np.arange(N), LABELS]))
    return loss


def small_network_gradient(X: Any, W: Any, b: Any, V: Any) -> Arrays:
    h = np.tanh(X @ W + b)
    dlogits = ((softmax(h @ V) - ONE_HOT) / N).astype(X.dtype)
    dz = dlogits @ V.T * (1 - h**2)
    return {"W": X.T @ dz, "b": dz.sum(axis=0), "V": h.T @ dlogits}


NOTHING = (
    one("G51", "the sum of softmax", sum_of_softmax, draw(z=(N, K)), "z", lambda z: {"z": np.zeros_like(z)}),
    one(
        "G52",
        "the sum of softmax, by its rule",
        sum_of_softmax,
        draw(z=(N, K)),
        "z",
        lambda z: {"z": softmax(z) * (1 - softmax(z).sum(axis=1, keepdims=True))},
    ),
    one(
        "G53",
        "a shift of all scores",
        shifted_scores,
        draw(z=(N, K), c=(N, 1)),
        "c",
        lambda z, c: {"c": ((softmax(z + c) - ONE_HOT) / N).sum(axis=1, keepdims=True)},
    ),
    one("G54", "the length of a unit vector", length_of_unit, draw(x=(N,)), "x", lambda x: {"x": np.zeros_like(x)}),
    one(
        "G55",
        "a scale before normalisation",
        scale_before_norm,
        draw(s=lambda rng: np.asarray(rng.uniform(1, 2)), x=(N,)),
        "s",
        lambda s, x: {"s": np.zeros(())},
    ),
    one(
        "G56",
        "an argument that does not matter",
        unused,
        draw(x=(N,), unread=(D,)),
        "x unread",
        lambda x, unread: {"x": 2 * x, "unread": np.zeros_like(unread)},
    ),
    one(
        "G57",
        "a bias before batch norm, claimed to be exactly nothing",
        passes.batch_norm_by_name,
        passes.BATCH_NORM_POINT,
        "b",
        lambda X, W, b, gamma: {"b": np.zeros_like(b)},
    ),
    one("G58", "the sum of what was centred", centred_sum, draw(x=(N,)), "x", lambda x: {"x": 2 * (x - x.mean())}),
)


def kink(identity: str, title: str, forward: Any, arguments: Any, about: str, right: Any) -> Right:
    """A derivation at a point where the slopes of the sides differ."""
    return one(identity, title, forward, arguments, about, right, kink=True)


KINKS = (
    kink("G60", "ReLU at 0: nothing", rectified, AT_ZERO, "x", lambda x: {"x": WEIGHTS * (x > 0)}),
    kink("G61", "ReLU at 0: all", rectified, AT_ZERO, "x", lambda x: {"x": WEIGHTS * (x >= 0)}),
    kink("G62", "ReLU at 0: half", rectified, AT_ZERO, "x", lambda x: {"x": WEIGHTS * np.heaviside(x, 0.5)}),
    kink("G63", "|x| at 0: nothing", absolute, AT_ZERO, "x", lambda x: {"x": np.sign(x)}),
    kink("G64", "|x| at 0: one", absolute, AT_ZERO, "x", lambda x: {"x": np.where(x >= 0, 1.0, -1.0)}),
    kink("G65", "ties: to the first", largest, TIED, "x", lambda x: {"x": 1.0 * (np.arange(len(x)) == x.argmax())}),
    kink("G66", "ties: shared", largest, TIED, "x", lambda x: {"x": (x == x.max()) / np.sum(x == x.max())}),
    kink("G67", "ties: to the last", largest, TIED, "x", lambda x: {"x": np.eye(5)[4]}),
    kink(
        "G68",
        "equal numbers: all to the first",
        larger,
        draw(a=fixed(1.0, 2.0, 3.0), b=fixed(1.0, 0.5, 4.0)),
        "a b",
        lambda a, b: {"a": 1.0 * (a >= b), "b": 1.0 * (b > a)},
    ),
    kink(
        "G69",
        "hinge at a margin of exactly one",
        margin,
        draw(x=fixed(1.0, 0.3, 1.9)),
        "x",
        lambda x: {"x": -1.0 * (x < 1)},
    ),
    kink(
        "G70",
        "clip at an edge: nothing",
        limited,
        draw(x=fixed(-1.0, 0.2, 1.0, 1.7)),
        "x",
        lambda x: {"x": 1.0 * (np.abs(x) < 1)},
    ),
    kink(
        "G71",
        "clip at an edge: all",
        limited,
        draw(x=fixed(-1.0, 0.2, 1.0, 1.7)),
        "x",
        lambda x: {"x": 1.0 * (np.abs(x) <= 1)},
    ),
    kink("G72", "a norm at 0", length, draw(x=fixed(0.0, 0.0, 0.0)), "x", lambda x: {"x": np.zeros_like(x)}),
    kink(
        "G73",
        "max pooling with ties: to the first of each window",
        pooled,
        draw(x=fixed(2.0, 2.0, 1.0, 0.0, 5.0, 5.0)),
        "x",
        lambda x: {"x": np.array([1.0, 0.0, -2.0, 0.0, 3.0, 0.0])},
    ),
    kink("G74", "leaky ReLU at 0", leaky, AT_ZERO, "x", lambda x: {"x": np.where(x >= 0, 1.0, 0.1)}),
    kink(
        "G75",
        "the lasso at weights of 0",
        lasso,
        draw(w=fixed(0.0, 0.4, 0.0), X=(N, 3)),
        "w",
        lambda w, X: {"w": 2 * X.T @ (X @ w - 1) + 0.7 * np.sign(w)},
    ),
    kink(
        "G76",
        "a unit at exactly 0: it passes nothing",
        dead_unit,
        draw(X=lambda rng: DEAD_X.copy(), W=lambda rng: DEAD_W.copy()),
        "W",
        lambda X, W: {"W": X.T @ ((2 * np.maximum(X @ W, 0) + 2) * (X @ W > 0))},
    ),
    kink(
        "G77",
        "a unit at exactly 0: it passes all",
        dead_unit,
        draw(X=lambda rng: DEAD_X.copy(), W=lambda rng: DEAD_W.copy()),
        "W",
        lambda X, W: {"W": X.T @ ((2 * np.maximum(X @ W, 0) + 2) * (X @ W >= 0))},
    ),
    kink(
        "G78",
        "the range of numbers with two largest",
        spread_of_equal,
        draw(x=fixed(0.4, 2.0, 2.0, -1.0)),
        "x",
        lambda x: {"x": np.array([0.0, 1.0, 0.0, -1.0])},
    ),
)

SINGLE = (
    one(
        "G80",
        "a network in float32",
        small_network,
        draw(X=single(N, D), W=single(D, H), b=single(H), V=single(H, K)),
        "W b V",
        small_network_gradient,
    ),
    one(
        "G81",
        "linear regression in float32, row by row",
        linear_regression,
        draw(X=single(N, D), W=single(D, K), b=single(K), targets=single(N, K)),
        "W b",
        row_by_row,
    ),
    one(
        "G82",
        "batch norm in float32",
        normalisation.batch_norm,
        draw(X=single(N, D), gamma=single(D), beta=single(D)),
        "X",
        batch_norm_in_one_line,
        upstream=True,
    ),
    known(
        "G83",
        "an RNN in float32",
        beyond_recurrence.network,
        draw(x=single(T, 2), Wxh=single(2, D, scale=0.6), Whh=single(D, D, scale=0.4), Why=single(D, K), bh=single(D)),
        "Wxh Whh Why bh",
        beyond_recurrence.network_backward,
    ),
    one(
        "G84",
        "softmax and cross-entropy in float32",
        classification.cross_entropy,
        draw(z=single(N, K, scale=3.0)),
        "z",
        lambda z: {"z": ((softmax(z) - ONE_HOT) / N).astype(np.float32)},
    ),
    one(
        "G85",
        "a float64 derivation of a float32 function",
        small_network,
        draw(X=single(N, D), W=single(D, H), b=single(H), V=single(H, K)),
        "W b V",
        lambda X, W, b, V: small_network_gradient(*(np.asarray(a, float) for a in (X, W, b, V))),
    ),
)

DELICATE = NOTHING + KINKS + SINGLE
