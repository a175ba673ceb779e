"""Right derivations, none of which may be called wrong: fused, reordered, in float32, at kinks, with nothing left."""

# ruff: noqa: RET504  (a value has a name before it is returned: checkers speak in the names of variables)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.bank import (
    beyond_attention,
    beyond_convolution,
    beyond_losses,
    beyond_matrices,
    beyond_models,
    beyond_normalisation,
    beyond_recurrence,
    classification,
    normalisation,
    passes,
    passes_through_time,
    recurrence,
)
from tests.bank.case import Arrays, D, H, K, N, Right, T, draw, only, positive
from tests.bank.walk import only_about, walk

__all__ = ["RIGHT"]

LABELS = np.array([2, 0, 1, 1, 2, 0, 2])
ONE_HOT = np.eye(K)[LABELS]
Y = np.array([1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0])


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def softmax(z: Any) -> Any:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def single(*shape: int, scale: float = 1.0) -> Callable[[np.random.Generator], Any]:
    """Normal numbers in float32."""
    return lambda rng: (scale * rng.normal(size=shape)).astype(np.float32)


def fixed(*numbers: Any) -> Callable[[np.random.Generator], Any]:
    """The same numbers each time."""
    return lambda rng: np.array(numbers, dtype=float)


# Losses whose gradient is written in one line. ------------------------------------------------------------------------


def entropy_of_shifted(z: Any) -> Any:
    shifted = z - z.max(axis=1, keepdims=True)
    logsum = np.log(np.exp(shifted).sum(axis=1))
    loss = np.mean(logsum - shifted[np.arange(N), LABELS])
    return loss


def clamped_binary_entropy(z: Any) -> Any:
    p = 1 / (1 + np.exp(-z))
    p = np.clip(p, 1e-7, 1 - 1e-7)
    loss = -np.mean(Y * np.log(p) + (1 - Y) * np.log(1 - p))
    return loss


def guarded_binary_entropy(z: Any) -> Any:
    p = 1 / (1 + np.exp(-z))
    loss = -np.mean(Y * np.log(p + 1e-12) + (1 - Y) * np.log(1 - p + 1e-12))
    return loss


def stable_binary_entropy(z: Any) -> Any:
    loss = np.mean(np.maximum(z, 0) - z * Y + np.log1p(np.exp(-np.abs(z))))
    return loss


def log_softmax(z: Any) -> Any:
    logp = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return logp


def linear_regression(X: Any, W: Any, b: Any, targets: Any) -> Any:
    out = X @ W + b
    loss = np.mean((out - targets) ** 2)
    return loss


def linear_regression_gradient(X: Any, W: Any, b: Any, targets: Any) -> Arrays:
    g = 2 / targets.size * (X @ W + b - targets)
    return {"W": X.T @ g, "b": g.sum(axis=0)}


def row_by_row(X: Any, W: Any, b: Any, targets: Any) -> Arrays:
    """The same, one example and one output at a time, from the last to the first."""
    dW, db = np.zeros_like(W), np.zeros_like(b)
    for n in reversed(range(len(X))):
        for k in range(W.shape[1]):
            e = 2 * (X[n] @ W[:, k] + b[k] - targets[n, k]) / targets.size
            dW[:, k] += e * X[n]
            db[k] += e
    return {"W": dW, "b": db}


def by_einsum(X: Any, W: Any, b: Any, targets: Any) -> Arrays:
    g = 2 / targets.size * (np.einsum("nd,dk->nk", X, W) + b - targets)
    return {"W": np.einsum("nd,nk->dk", X, g), "b": np.einsum("nk->k", g)}


def normal_equations(w: Any, X: Any, y: Any) -> Any:
    r = X @ w - y
    loss = r @ r
    return loss


def mean_of_squares(x: Any) -> Any:
    """A variance in the form that cancels: the mean of squares minus the square of the mean."""
    m = np.mean(x)
    v = np.mean(x**2) - m**2
    return v


def batch_norm_with_bessel(X: Any, gamma: Any, beta: Any) -> Any:
    m = X.mean(axis=0)
    v = X.var(axis=0, ddof=1)
    Yn = gamma * (X - m) / np.sqrt(v + 1e-5) + beta
    return Yn


def bessel_in_one_line(X: Any, gamma: Any, beta: Any, upstream: Any) -> Arrays:
    n = len(X)
    inverse = 1 / np.sqrt(X.var(axis=0, ddof=1) + 1e-5)
    raw = (X - X.mean(axis=0)) * inverse
    inner = n * upstream - upstream.sum(axis=0) - n / (n - 1) * raw * (upstream * raw).sum(axis=0)
    return {"X": gamma * inverse / n * inner, "gamma": (upstream * raw).sum(axis=0), "beta": upstream.sum(axis=0)}


def batch_norm_in_one_line(X: Any, gamma: Any, beta: Any, upstream: Any) -> Arrays:
    n = len(X)
    s = np.sqrt(X.var(axis=0) + 1e-5)
    xhat = (X - X.mean(axis=0)) / s
    return {"X": gamma / (n * s) * (n * upstream - upstream.sum(axis=0) - xhat * (upstream * xhat).sum(axis=0))}


def soft_attention(q: Any, Kx: Any, V: Any) -> Any:
    a = np.exp(Kx @ q) / np.exp(Kx @ q).sum()
    out = a @ V
    return out


def soft_attention_gradient(q: Any, Kx: Any, V: Any, upstream: Any) -> Arrays:
    a = softmax(Kx @ q)
    ds = a * (V @ upstream - a @ V @ upstream)
    return {"q": Kx.T @ ds, "Kx": np.outer(ds, q), "V": np.outer(a, upstream)}


def log_determinant(A: Any) -> Any:
    S = A @ A.T + np.eye(len(A))
    loss = np.linalg.slogdet(S)[1]
    return loss


def trace_of_inverse(A: Any) -> Any:
    loss = np.trace(np.linalg.inv(A))
    return loss


def badly_conditioned(b: Any) -> Any:
    i = np.arange(1, D + 1)
    x = np.linalg.solve(1 / (i[:, None] + i[None, :] - 1), b)
    loss = np.sum(x)
    return loss


def hilbert_by_inverse(b: Any) -> Arrays:
    i = np.arange(1, D + 1)
    return {"b": np.linalg.inv(1 / (i[:, None] + i[None, :] - 1)).T @ np.ones(D)}


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


def one(
    identity: str,
    title: str,
    forward: Callable[..., Any],
    arguments: Any,
    about: str,
    right: Callable[..., Arrays],
    **more: Any,
) -> Right:
    """A right derivation, the names of its arguments in a string."""
    return Right(identity, title, forward, arguments, about=tuple(about.split()), right=right, **more)


def stepwise(identity: str, title: str, forward: Any, arguments: Any, rules: Any, about: str) -> Right:
    """A whole backward pass, all of whose steps are right."""
    names = tuple(about.split())
    steps = walk(forward, rules)
    return Right(identity, title, forward, arguments, about=names, right=only_about(steps, names), steps=steps)


def known(identity: str, title: str, forward: Any, arguments: Any, about: str, backward: Any, **more: Any) -> Right:
    """The right derivation of a function of which the bank has wrong ones."""
    names = tuple(about.split())
    return Right(identity, title, forward, arguments, about=names, right=only(names, backward), **more)


REGRESSION = draw(X=(N, D), W=(D, K), b=(K,), targets=(N, K))
BINARY = draw(z=(N,))

FUSED = (
    one(
        "G1",
        "softmax and cross-entropy: p − y",
        classification.cross_entropy,
        draw(z=(N, K)),
        "z",
        lambda z: {"z": (softmax(z) - ONE_HOT) / N},
    ),
    one(
        "G2",
        "the same, forward with the maximum taken away",
        entropy_of_shifted,
        draw(z=(N, K)),
        "z",
        lambda z: {"z": (softmax(z) - ONE_HOT) / N},
    ),
    one(
        "G3",
        "the same at scores that overflow without it",
        entropy_of_shifted,
        draw(z=lambda rng: 900 + 3 * rng.normal(size=(N, K))),
        "z",
        lambda z: {"z": (softmax(z) - ONE_HOT) / N},
    ),
    one(
        "G4",
        "sigmoid and cross-entropy, a clamp that is not active",
        clamped_binary_entropy,
        BINARY,
        "z",
        lambda z: {"z": (sigmoid(z) - Y) / N},
    ),
    one(
        "G5",
        "sigmoid and cross-entropy, a guard of 1e-12 in the logarithm",
        guarded_binary_entropy,
        BINARY,
        "z",
        lambda z: {"z": (sigmoid(z) - Y) / N},
    ),
    one(
        "G6",
        "sigmoid and cross-entropy in the stable form",
        stable_binary_entropy,
        BINARY,
        "z",
        lambda z: {"z": (sigmoid(z) - Y) / N},
    ),
    one(
        "G7",
        "log of softmax",
        log_softmax,
        draw(z=(N, K)),
        "z",
        lambda z, upstream: {"z": upstream - softmax(z) * upstream.sum(axis=1, keepdims=True)},
        upstream=True,
    ),
    one("G8", "linear regression", linear_regression, REGRESSION, "W b", linear_regression_gradient),
    one("G9", "linear regression, summed row by row", linear_regression, REGRESSION, "W b", row_by_row),
    one("G10", "linear regression by einsum", linear_regression, REGRESSION, "W b", by_einsum),
    one(
        "G11",
        "a batch of one",
        linear_regression,
        draw(X=(1, D), W=(D, 1), b=(1,), targets=(1, 1)),
        "W b",
        linear_regression_gradient,
    ),
    one(
        "G12",
        "least squares, multiplied out",
        normal_equations,
        draw(w=(D,), X=(N, D), y=(N,)),
        "w",
        lambda w, X, y: {"w": 2 * (X.T @ X @ w - X.T @ y)},
    ),
    one(
        "G13",
        "a variance that cancels: mean of squares minus square of the mean",
        mean_of_squares,
        draw(x=lambda rng: 100 + rng.normal(size=T)),
        "x",
        lambda x: {"x": 2 * (x - x.mean()) / len(x)},
    ),
    one(
        "G14",
        "batch norm in one line",
        normalisation.batch_norm,
        normalisation.POINT,
        "X",
        batch_norm_in_one_line,
        upstream=True,
    ),
    one(
        "G15",
        "batch norm with N − 1 in one line",
        batch_norm_with_bessel,
        draw(X=(N, D), gamma=positive(D), beta=(D,)),
        "X gamma beta",
        bessel_in_one_line,
        upstream=True,
    ),
    known(
        "G16",
        "batch norm with N − 1 in steps",
        beyond_normalisation.bessel,
        draw(hprebn=(N, D), gain=positive(D), bias=(D,)),
        "hprebn gain bias",
        beyond_normalisation.bessel_backward,
        upstream=True,
    ),
    known(
        "G17",
        "layer norm in one line",
        normalisation.layer_norm,
        normalisation.POINT,
        "X",
        lambda X, gamma, beta, upstream: normalisation.layer_norm_gradient(X, gamma, upstream),
        upstream=True,
    ),
    known(
        "G18",
        "RMSNorm",
        beyond_normalisation.rms_norm,
        draw(x=(N, D), g=positive(D)),
        "x g",
        beyond_normalisation.rms_backward,
        upstream=True,
    ),
    one(
        "G19",
        "one query's attention",
        soft_attention,
        draw(q=(D,), Kx=(N, D), V=(N, K)),
        "q Kx V",
        soft_attention_gradient,
        upstream=True,
    ),
    known(
        "G20",
        "causal attention",
        beyond_attention.causal,
        draw(Q=(N, D), Kx=(N, D), V=(N, K)),
        "Q Kx V",
        beyond_attention.causal_backward,
        upstream=True,
    ),
    one(
        "G21",
        "log-determinant of a Gram matrix",
        log_determinant,
        draw(A=(D, K)),
        "A",
        lambda A: {"A": 2 * np.linalg.solve(A @ A.T + np.eye(D), A)},
    ),
    one(
        "G22",
        "trace of an inverse",
        trace_of_inverse,
        draw(A=beyond_matrices.regular),
        "A",
        lambda A: {"A": -(np.linalg.inv(A) @ np.linalg.inv(A)).T},
    ),
    one(
        "G23",
        "a badly conditioned system, by its inverse",
        badly_conditioned,
        draw(b=(D,)),
        "b",
        hilbert_by_inverse,
    ),
    known(
        "G24",
        "2-D convolution by loops",
        beyond_convolution.convolution,
        draw(x=(6, 7), w=(2, 3, 3), b=(2,)),
        "x w b",
        beyond_convolution.convolution_backward,
    ),
    known(
        "G25",
        "multiclass hinge",
        beyond_losses.svm,
        draw(X=(N, D), W=(D, K)),
        "W",
        beyond_losses.svm_backward,
    ),
    known(
        "G26",
        "a sequence under a linear chain, by forward and backward",
        beyond_models.chain,
        draw(emissions=(5, K), transitions=(K, K)),
        "emissions transitions",
        beyond_models.chain_backward,
    ),
    known(
        "G27",
        "a mixture by its responsibilities",
        beyond_models.mixture,
        draw(mu=(K,), logits=(K,), x=(N,)),
        "mu logits",
        beyond_models.mixture_backward,
    ),
    known(
        "G28",
        "a camera",
        beyond_models.camera,
        draw(
            point=lambda rng: rng.normal(size=(N, 3)) + [0, 0, 6],
            focal=lambda rng: np.asarray(rng.uniform(1, 2)),
            centre=lambda rng: 0.3 * rng.normal(size=3),
        ),
        "point focal centre",
        beyond_models.camera_backward,
    ),
    known(
        "G29",
        "dropout with a given mask",
        beyond_models.dropped_network,
        draw(X=(N, D), W1=(D, H), W2=(H, K)),
        "W1 W2",
        beyond_models.dropped_backward,
    ),
    known(
        "G30",
        "a Gaussian process",
        beyond_matrices.process,
        draw(scale=lambda rng: np.asarray(rng.uniform(0.6, 1.2)), x=(N,), y=(N,)),
        "scale x",
        beyond_matrices.process_backward,
    ),
)


def through_time(identity: str, title: str, forward: Any, arguments: Any, about: str, backward: Any) -> Right:
    """One of the recurrent derivations that the bank has wrong ones of."""
    return known(identity, title, forward, arguments, about, backward)


def scaled(scale: float, *shape: int) -> Callable[[np.random.Generator], Any]:
    return lambda rng: scale * rng.normal(size=shape)


TIME = (
    through_time(
        "G31", "RNN, the loss at the end", recurrence.last_state, recurrence.POINT, "W", recurrence.through_time
    ),
    through_time(
        "G32",
        "RNN, a loss at each step",
        beyond_recurrence.network,
        draw(x=(T, 2), Wxh=scaled(0.6, 2, D), Whh=scaled(0.4, D, D), Why=(D, K), bh=scaled(0.3, D)),
        "Wxh Whh Why bh",
        beyond_recurrence.network_backward,
    ),
    through_time(
        "G33",
        "LSTM through time",
        beyond_recurrence.memory,
        draw(x=(T, 2), W=(2, 4 * K), U=(K, 4 * K), b=(4 * K,)),
        "W U b",
        beyond_recurrence.memory_backward,
    ),
    through_time(
        "G34",
        "GRU through time",
        beyond_recurrence.gated,
        draw(x=(T, D), h0=(D,), Wz=scaled(0.5, D, D), Wh=scaled(0.5, D, D)),
        "h0 Wz Wh",
        beyond_recurrence.gated_backward,
    ),
    through_time(
        "G35",
        "a Kalman filter, carried forwards",
        beyond_recurrence.kalman,
        draw(r=lambda rng: np.asarray(rng.uniform(0.3, 1)), q=lambda rng: np.asarray(rng.uniform(0.1, 0.6)), y=(T,)),
        "r",
        beyond_recurrence.kalman_sensitivity,
    ),
    through_time(
        "G36",
        "Euler steps",
        beyond_recurrence.integrated,
        draw(x=(D,), A=(D, D)),
        "x A",
        beyond_recurrence.integrated_backward,
    ),
)

STEPS = (
    stepwise(
        "G40",
        "a model of letters in 26 steps",
        passes.model,
        passes.MODEL_POINT,
        passes.MODEL,
        "C W1 b1 W2 b2 bngain bnbias",
    ),
    stepwise(
        "G41",
        "three layers",
        passes.three_layers,
        passes.THREE_LAYERS_POINT,
        passes.THREE_LAYERS,
        "W1 b1 W2 b2 W3 b3",
    ),
    stepwise("G42", "attention", passes.attention, passes.ATTENTION_POINT, passes.ATTENTION, "X Wq Wk Wv"),
    stepwise("G43", "layer norm", passes.layer_norm, passes.LAYER_NORM_POINT, passes.LAYER_NORM, "X gamma beta W"),
    stepwise(
        "G44",
        "a bias before batch norm",
        passes.batch_norm_by_name,
        passes.BATCH_NORM_POINT,
        passes.BATCH_NORM,
        "X W b gamma",
    ),
    stepwise(
        "G45",
        "convolution, ReLU, pooling, a layer",
        passes.convolution,
        passes.CONVOLUTION_POINT,
        passes.CONVOLUTION,
        "image kernel b W",
    ),
    stepwise(
        "G46",
        "three steps of an RNN",
        passes_through_time.recurrent,
        passes_through_time.RECURRENT_POINT,
        passes_through_time.RECURRENT,
        "h0 Wx Wh Wy",
    ),
    stepwise(
        "G47",
        "two steps of an LSTM",
        passes_through_time.memory,
        passes_through_time.MEMORY_POINT,
        passes_through_time.MEMORY,
        "W U b",
    ),
    stepwise(
        "G48",
        "a GRU",
        passes_through_time.gated,
        passes_through_time.GATED_POINT,
        passes_through_time.GATED,
        "x h Wz Wr Wn",
    ),
    stepwise(
        "G49",
        "a Gaussian process",
        passes_through_time.process,
        passes_through_time.PROCESS_POINT,
        passes_through_time.PROCESS,
        "lengthscale variance noise x y",
    ),
    stepwise(
        "G50",
        "a variational autoencoder",
        passes_through_time.autoencoder,
        passes_through_time.AUTOENCODER_POINT,
        passes_through_time.AUTOENCODER,
        "We Wm Ws Wd",
    ),
)

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

RIGHT = FUSED + TIME + STEPS + NOTHING + KINKS + SINGLE
