"""Backward passes through feed-forward networks, step by step: each named value has its adjoint."""

# ruff: noqa: RET504  (a value has a name before it is returned: checkers speak in the names of variables)

from __future__ import annotations

from typing import Any

import numpy as np

from tests.bank.case import D, H, K, N, T, draw, positive
from tests.bank.walk import Rule

__all__ = [
    "ATTENTION",
    "ATTENTION_POINT",
    "BATCH_NORM",
    "BATCH_NORM_POINT",
    "CONVOLUTION",
    "CONVOLUTION_POINT",
    "LAYER_NORM",
    "LAYER_NORM_POINT",
    "MODEL",
    "MODEL_POINT",
    "THREE_LAYERS",
    "THREE_LAYERS_POINT",
    "attention",
    "batch_norm_by_name",
    "convolution",
    "layer_norm",
    "model",
    "three_layers",
]

CONTEXT = np.array([[0, 1, 5], [1, 5, 2], [4, 4, 9], [0, 10, 1], [3, 0, 0], [2, 6, 7], [1, 8, 0]])
LABELS = np.array([3, 1, 0, 10, 1, 7, 2])
CLASSES = np.array([2, 0, 1, 1, 2, 0, 2])
ROWS = np.arange(N)
VOCABULARY = 11
MASK = np.where(np.tril(np.ones((N, N))) > 0, 0.0, -1e9)
TARGET = np.random.default_rng(61).normal(size=(N, K))
IMAGE_TARGET = np.random.default_rng(62).normal(size=2)


def scaled(scale: float, *shape: int) -> Any:
    return lambda rng: scale * rng.normal(size=shape)


def one_hot(labels: Any, classes: int) -> Any:
    return np.eye(classes)[labels]


def model(C: Any, W1: Any, b1: Any, W2: Any, b2: Any, bngain: Any, bnbias: Any) -> Any:
    """A model of the next letter: embedding, hidden layer, batch norm with N − 1, tanh, output, cross-entropy."""
    n = len(CONTEXT)
    emb = C[CONTEXT]
    embcat = emb.reshape(n, -1)
    hprebn = embcat @ W1 + b1
    bnmeani = 1 / n * hprebn.sum(axis=0, keepdims=True)
    bndiff = hprebn - bnmeani
    bndiff2 = bndiff**2
    bnvar = 1 / (n - 1) * bndiff2.sum(axis=0, keepdims=True)
    bnvar_inv = (bnvar + 1e-5) ** -0.5
    bnraw = bndiff * bnvar_inv
    hpreact = bngain * bnraw + bnbias
    h = np.tanh(hpreact)
    logits = h @ W2 + b2
    logit_maxes = logits.max(axis=1, keepdims=True)
    norm_logits = logits - logit_maxes
    counts = np.exp(norm_logits)
    counts_sum = counts.sum(axis=1, keepdims=True)
    counts_sum_inv = counts_sum**-1
    probs = counts * counts_sum_inv
    logprobs = np.log(probs)
    loss = -logprobs[ROWS, LABELS].mean()
    return loss


def scattered(demb: Any) -> Any:
    dC = np.zeros((VOCABULARY, demb.shape[-1]))
    np.add.at(dC, CONTEXT, demb)
    return dC


MODEL: dict[str, Rule] = {
    "dlogprobs": lambda v, d: -one_hot(LABELS, VOCABULARY) / N,
    "dprobs": lambda v, d: d.dlogprobs / v.probs,
    "dcounts_sum_inv": lambda v, d: (v.counts * d.dprobs).sum(axis=1, keepdims=True),
    "dcounts_sum": lambda v, d: -(v.counts_sum**-2) * d.dcounts_sum_inv,
    "dcounts": lambda v, d: v.counts_sum_inv * d.dprobs + np.ones_like(v.counts) * d.dcounts_sum,
    "dnorm_logits": lambda v, d: v.counts * d.dcounts,
    "dlogit_maxes": lambda v, d: -d.dnorm_logits.sum(axis=1, keepdims=True),
    "dlogits": lambda v, d: d.dnorm_logits + one_hot(v.logits.argmax(axis=1), VOCABULARY) * d.dlogit_maxes,
    "dh": lambda v, d: d.dlogits @ v.W2.T,
    "dW2": lambda v, d: v.h.T @ d.dlogits,
    "db2": lambda v, d: d.dlogits.sum(axis=0),
    "dhpreact": lambda v, d: (1 - v.h**2) * d.dh,
    "dbngain": lambda v, d: (v.bnraw * d.dhpreact).sum(axis=0, keepdims=True),
    "dbnbias": lambda v, d: d.dhpreact.sum(axis=0, keepdims=True),
    "dbnraw": lambda v, d: v.bngain * d.dhpreact,
    "dbnvar_inv": lambda v, d: (v.bndiff * d.dbnraw).sum(axis=0, keepdims=True),
    "dbnvar": lambda v, d: -0.5 * (v.bnvar + 1e-5) ** -1.5 * d.dbnvar_inv,
    "dbndiff2": lambda v, d: 1 / (N - 1) * np.ones_like(v.bndiff2) * d.dbnvar,
    "dbndiff": lambda v, d: v.bnvar_inv * d.dbnraw + 2 * v.bndiff * d.dbndiff2,
    "dbnmeani": lambda v, d: -d.dbndiff.sum(axis=0, keepdims=True),
    "dhprebn": lambda v, d: d.dbndiff + 1 / N * np.ones_like(v.hprebn) * d.dbnmeani,
    "dembcat": lambda v, d: d.dhprebn @ v.W1.T,
    "dW1": lambda v, d: v.embcat.T @ d.dhprebn,
    "db1": lambda v, d: d.dhprebn.sum(axis=0),
    "demb": lambda v, d: d.dembcat.reshape(v.emb.shape),
    "dC": lambda v, d: scattered(d.demb),
}

MODEL_POINT = draw(
    C=(VOCABULARY, 2),
    W1=scaled(0.7, 6, D),
    b1=scaled(0.1, D),
    W2=scaled(0.5, D, VOCABULARY),
    b2=scaled(0.1, VOCABULARY),
    bngain=positive(1, D),
    bnbias=scaled(0.1, 1, D),
)


def three_layers(X: Any, W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any) -> Any:
    z1 = X @ W1 + b1
    h1 = np.maximum(z1, 0)
    z2 = h1 @ W2 + b2
    h2 = 1 / (1 + np.exp(-z2))
    logits = h2 @ W3 + b3
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(p[ROWS, CLASSES]))
    return loss


THREE_LAYERS: dict[str, Rule] = {
    "dlogits": lambda v, d: (v.p - one_hot(CLASSES, K)) / N,
    "dh2": lambda v, d: d.dlogits @ v.W3.T,
    "dW3": lambda v, d: v.h2.T @ d.dlogits,
    "db3": lambda v, d: d.dlogits.sum(axis=0),
    "dz2": lambda v, d: d.dh2 * v.h2 * (1 - v.h2),
    "dh1": lambda v, d: d.dz2 @ v.W2.T,
    "dW2": lambda v, d: v.h1.T @ d.dz2,
    "db2": lambda v, d: d.dz2.sum(axis=0),
    "dz1": lambda v, d: d.dh1 * (v.z1 > 0),
    "dW1": lambda v, d: v.X.T @ d.dz1,
    "db1": lambda v, d: d.dz1.sum(axis=0),
}

THREE_LAYERS_POINT = draw(
    X=(N, D),
    W1=scaled(0.5, D, H),
    b1=scaled(0.3, H),
    W2=scaled(0.4, H, T),
    b2=scaled(0.3, T),
    W3=scaled(0.5, T, K),
    b3=scaled(0.3, K),
)


def attention(X: Any, Wq: Any, Wk: Any, Wv: Any) -> Any:
    Q = X @ Wq
    Kx = X @ Wk
    V = X @ Wv
    S = Q @ Kx.T / np.sqrt(D)
    M = S + MASK
    E = np.exp(M - M.max(axis=1, keepdims=True))
    P = E / E.sum(axis=1, keepdims=True)
    O = P @ V
    loss = 0.5 * np.sum((O - TARGET) ** 2)
    return loss


ATTENTION: dict[str, Rule] = {
    "dO": lambda v, d: v.O - TARGET,
    "dP": lambda v, d: d.dO @ v.V.T,
    "dV": lambda v, d: v.P.T @ d.dO,
    "dM": lambda v, d: v.P * (d.dP - (d.dP * v.P).sum(axis=1, keepdims=True)),
    "dS": lambda v, d: d.dM,
    "dQ": lambda v, d: d.dS @ v.Kx / np.sqrt(D),
    "dKx": lambda v, d: d.dS.T @ v.Q / np.sqrt(D),
    "dWq": lambda v, d: v.X.T @ d.dQ,
    "dWk": lambda v, d: v.X.T @ d.dKx,
    "dWv": lambda v, d: v.X.T @ d.dV,
    "dX": lambda v, d: d.dQ @ v.Wq.T + d.dKx @ v.Wk.T + d.dV @ v.Wv.T,
}

ATTENTION_POINT = draw(X=(N, K), Wq=scaled(0.7, K, D), Wk=scaled(0.7, K, D), Wv=(K, K))


def layer_norm(X: Any, gamma: Any, beta: Any, W: Any) -> Any:
    mu = X.mean(axis=1, keepdims=True)
    xc = X - mu
    var = (xc**2).mean(axis=1, keepdims=True)
    inv = 1 / np.sqrt(var + 1e-5)
    xhat = xc * inv
    y = gamma * xhat + beta
    out = y @ W
    loss = np.sum(np.sin(out))
    return loss


LAYER_NORM: dict[str, Rule] = {
    "dout": lambda v, d: np.cos(v.out),
    "dW": lambda v, d: v.y.T @ d.dout,
    "dy": lambda v, d: d.dout @ v.W.T,
    "dgamma": lambda v, d: (d.dy * v.xhat).sum(axis=0),
    "dbeta": lambda v, d: d.dy.sum(axis=0),
    "dxhat": lambda v, d: d.dy * v.gamma,
    "dinv": lambda v, d: (d.dxhat * v.xc).sum(axis=1, keepdims=True),
    "dvar": lambda v, d: -0.5 * v.inv**3 * d.dinv,
    "dxc": lambda v, d: d.dxhat * v.inv + 2 * v.xc * d.dvar / v.X.shape[1],
    "dmu": lambda v, d: -d.dxc.sum(axis=1, keepdims=True),
    "dX": lambda v, d: d.dxc + d.dmu / v.X.shape[1],
}

LAYER_NORM_POINT = draw(X=(N, D), gamma=positive(D), beta=(D,), W=(D, K))


def batch_norm_by_name(X: Any, W: Any, b: Any, gamma: Any) -> Any:
    """A bias before batch norm: it is subtracted again with the mean, so its gradient is nothing."""
    z = X @ W + b
    zhat = (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-5)
    a = np.maximum(gamma * zhat, 0)
    loss = np.sum(a**3)
    return loss


BATCH_NORM: dict[str, Rule] = {
    "da": lambda v, d: 3 * v.a**2,
    "dzhat": lambda v, d: d.da * (v.a > 0) * v.gamma,
    "dgamma": lambda v, d: (d.da * (v.a > 0) * v.zhat).sum(axis=0),
    "dz": lambda v, d: (
        (N * d.dzhat - d.dzhat.sum(axis=0) - v.zhat * (d.dzhat * v.zhat).sum(axis=0))
        / (N * np.sqrt(v.z.var(axis=0) + 1e-5))
    ),
    "dW": lambda v, d: v.X.T @ d.dz,
    "db": lambda v, d: d.dz.sum(axis=0),
    "dX": lambda v, d: d.dz @ v.W.T,
}

BATCH_NORM_POINT = draw(X=(N, D), W=(D, K), b=(K,), gamma=positive(K))


def convolution(image: Any, kernel: Any, b: Any, W: Any) -> Any:
    """A 3 × 3 convolution, ReLU, 2 × 2 max pooling and a linear layer, of an image of 6 × 8."""
    patches = np.stack([image[i : i + 3, j : j + 3] for i in range(4) for j in range(6)])
    conv = (patches * kernel).sum(axis=(1, 2)).reshape(4, 6) + b
    act = np.maximum(conv, 0)
    pool = act.reshape(2, 2, 3, 2).max(axis=(1, 3))
    flat = pool.reshape(-1)
    out = flat @ W
    loss = np.sum((out - IMAGE_TARGET) ** 2)
    return loss


def unpooled(act: Any, pool: Any, dpool: Any) -> Any:
    """To the first entry of each window that is the largest."""
    dact = np.zeros_like(act)
    for i in range(pool.shape[0]):
        for j in range(pool.shape[1]):
            window = act[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
            row, column = np.unravel_index(window.argmax(), window.shape)
            dact[2 * i + row, 2 * j + column] += dpool[i, j]
    return dact


def spread_over_image(image: Any, kernel: Any, dconv: Any) -> Any:
    dimage = np.zeros_like(image)
    for i in range(dconv.shape[0]):
        for j in range(dconv.shape[1]):
            dimage[i : i + 3, j : j + 3] += dconv[i, j] * kernel
    return dimage


def kernel_gradient(image: Any, dconv: Any) -> Any:
    rows, columns = dconv.shape
    return np.array([[np.sum(image[i : i + rows, j : j + columns] * dconv) for j in range(3)] for i in range(3)])


CONVOLUTION: dict[str, Rule] = {
    "dout": lambda v, d: 2 * (v.out - IMAGE_TARGET),
    "dW": lambda v, d: np.outer(v.flat, d.dout),
    "dflat": lambda v, d: v.W @ d.dout,
    "dpool": lambda v, d: d.dflat.reshape(2, 3),
    "dact": lambda v, d: unpooled(v.act, v.pool, d.dpool),
    "dconv": lambda v, d: d.dact * (v.conv > 0),
    "dkernel": lambda v, d: kernel_gradient(v.image, d.dconv),
    "db": lambda v, d: d.dconv.sum(),
    "dimage": lambda v, d: spread_over_image(v.image, v.kernel, d.dconv),
}

CONVOLUTION_POINT = draw(image=(6, 8), kernel=(3, 3), b=lambda rng: np.asarray(rng.uniform(1, 2)), W=(6, 2))
