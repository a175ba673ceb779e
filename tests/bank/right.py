"""Right derivations, none of which may be called wrong: in one line, reordered, through time, step by step."""

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

__all__ = ["RIGHT", "batch_norm_in_one_line", "known", "linear_regression", "one", "row_by_row", "softmax"]

LABELS = np.array([2, 0, 1, 1, 2, 0, 2])
ONE_HOT = np.eye(K)[LABELS]
Y = np.array([1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0])


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def softmax(z: Any) -> Any:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


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

RIGHT = FUSED + TIME + STEPS
