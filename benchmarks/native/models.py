"""Rows with models that are fitted: networks, a recurrent network, a mixture of Gaussians, logistic regression."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import multigammaln

from benchmarks.native.row import Row

random = np.random.default_rng(2)
draw = random.normal


def classifier(xp: Any, W: Any, b: Any, V: Any, c: Any, X: Any, chosen: Any) -> Any:
    hidden = xp.maximum(X @ W + b, 0)
    z = hidden @ V + c
    most = xp.max(z, axis=1, keepdims=True)
    logs = xp.log(xp.sum(xp.exp(z - most), axis=1)) + most[:, 0]
    return xp.mean(logs - xp.sum(z * chosen, axis=1))


def classifier_by_hand(W: Any, b: Any, V: Any, c: Any, X: Any, chosen: Any) -> list[Any]:
    """With BLAS, and in place where that is possible."""
    hidden = X @ W
    hidden += b
    np.maximum(hidden, 0, out=hidden)
    z = hidden @ V
    z += c
    z -= z.max(axis=1, keepdims=True)
    g = np.exp(z)
    sums = g.sum(axis=1, keepdims=True)
    value = (np.log(sums[:, 0]) - (z * chosen).sum(axis=1)).mean()
    g /= sums
    g -= chosen
    g *= np.float32(1 / len(X))
    back = g @ V.T
    back *= hidden > 0
    return [value, X.T @ back, back.sum(axis=0), hidden.T @ g, g.sum(axis=0)]


def mlp(batch: int, n: int, hidden: int, classes: int) -> Row:
    """Two layers with softmax and cross-entropy, float32."""
    W, V = draw(size=(n, hidden)) / math.sqrt(n), draw(size=(hidden, classes)) / math.sqrt(hidden)
    chosen = np.eye(classes)[random.integers(0, classes, batch)]
    arrays = [W, np.full(hidden, 0.01), V, np.zeros(classes), draw(size=(batch, n)), chosen]
    arguments = tuple(array.astype(np.float32) for array in arrays)
    title = f"MLP {n}-{hidden}-{classes}, batch {batch}, float32"
    cannot, ahead = {"casadi": None}, dict.fromkeys(("jax", "torch", "autograd"), 1)
    return Row(title, classifier, arguments, 4, classifier_by_hand, (), 1.05, cannot, 2e-3, ahead=ahead)


def attend(xp: Any, X: Any, Q: Any, K: Any, V: Any, O: Any, T: Any) -> Any:
    scores = ((X @ Q) @ (X @ K).T) * np.float32(1 / math.sqrt(X.shape[1]))
    weights = xp.exp(scores - xp.max(scores, axis=1, keepdims=True))
    weights = weights / xp.sum(weights, axis=1, keepdims=True)
    residual = (weights @ (X @ V)) @ O - T
    return xp.mean(residual * residual)


def attend_by_hand(X: Any, Q: Any, K: Any, V: Any, O: Any, T: Any) -> list[Any]:
    """With BLAS, and in place where that is possible."""
    scale = np.float32(1 / math.sqrt(X.shape[1]))
    q, k, v = X @ Q, X @ K, X @ V
    A = q @ k.T
    A *= scale
    A -= A.max(axis=1, keepdims=True)
    np.exp(A, out=A)
    A /= A.sum(axis=1, keepdims=True)
    mixed = A @ v
    residual = mixed @ O
    residual -= T
    value = np.vdot(residual, residual) / residual.size
    residual *= np.float32(2 / residual.size)
    back = residual @ O.T
    gv, gA = A.T @ back, back @ v.T
    gA -= (gA * A).sum(axis=1, keepdims=True)
    gA *= A
    gA *= scale
    gq, gk = gA @ k, gA.T @ q
    return [value, gq @ Q.T + gk @ K.T + gv @ V.T, X.T @ gq, X.T @ gk, X.T @ gv, mixed.T @ residual]


def attention(length: int, width: int) -> Row:
    """One head, float32; all of its inputs are differentiated."""
    arrays = [draw(size=(length, width)), *draw(size=(4, width, width)) / math.sqrt(width), draw(size=(length, width))]
    arguments = tuple(array.astype(np.float32) for array in arrays)
    title = f"attention {length}×{width}, float32"
    return Row(title, attend, arguments, 5, attend_by_hand, (), None, {"casadi": None}, 2e-3, ahead={"jax": 1})


def _squash(xp: Any, z: Any) -> Any:
    return 1 / (1 + xp.exp(-z))


def _cell(xp: Any, main: Any, extra: Any, h: list[Any], c: list[Any], x: Any) -> tuple[Any, list[Any], list[Any]]:
    """One step: what is predicted, and the next states. The lists hold an array for each layer."""
    b, x, h, c = len(x), x * extra[0], [*h], [*c]
    for i in range(len(h)):
        W, B = main[2 * i], main[2 * i + 1]
        forget = _squash(xp, x * W[:b] + B[:b])
        take = _squash(xp, h[i] * W[b : 2 * b] + B[b : 2 * b])
        show = _squash(xp, x * W[2 * b : 3 * b] + B[2 * b : 3 * b])
        c[i] = c[i] * forget + take * xp.tanh(h[i] * W[3 * b :] + B[3 * b :])
        x = h[i] = show * xp.tanh(c[i])
    y = x * extra[1] + extra[2]
    return y - xp.log(xp.sum(xp.exp(y)) + 2), h, c


def predict(xp: Any, main: Any, extra: Any, state: Any, text: Any) -> Any:
    h, c, total = [*state[::2]], [*state[1::2]], 0.0
    for t in range(len(text) - 1):
        y, h, c = _cell(xp, main, extra, h, c, text[t])
        total = total + xp.sum(text[t + 1] * y)
    return -total / ((len(text) - 1) * text.shape[1])


def predict_in_jax(jax: Any, main: Any, extra: Any, state: Any, text: Any) -> Any:
    """The loop as `scan`: unrolled, it would take minutes to compile."""
    layers = len(state) // 2

    def step(carried: Any, pair: Any) -> Any:
        y, h, c = _cell(jax.numpy, main, extra, [*carried[:layers]], [*carried[layers:]], pair[0])
        return jax.numpy.stack([*h, *c]), jax.numpy.sum(pair[1] * y)

    start = jax.numpy.concatenate([state[::2], state[1::2]])
    _, totals = jax.lax.scan(step, start, (text[:-1], text[1:]))
    return -jax.numpy.sum(totals) / ((len(text) - 1) * text.shape[1])


def lstm(layers: int, characters: int, width: int) -> Row:
    """ADBench's LSTM (arXiv 1807.10129), whose weights are element by element."""
    arguments = (
        random.random((2 * layers, 4 * width)),
        random.random((3, width)),
        random.random((2 * layers, width)),
        random.integers(0, 2, (characters, width)).astype(float),
    )
    own = {"jax": predict_in_jax, "casadi": None}
    title = f"LSTM of ADBench, l{layers} c{characters}"
    return Row(title, predict, arguments, 2, "lstm", (layers, characters, width), 1.5, own, 1e-8)


def _places(d: int) -> tuple[Any, Any]:
    """Where the entries of a lower triangle stand, packed by columns, and which entries there are."""
    columns, rows = np.triu_indices(d, 1)
    places, there = np.zeros((d, d), int), np.zeros((d, d))
    places[rows, columns], there[rows, columns] = d + np.arange(len(rows)), 1.0
    return places.ravel(), there


def mixture(xp: Any, alphas: Any, means: Any, icf: Any, x: Any, start: Any) -> Any:
    (K, d), n = means.shape, len(x)
    places, there = _places(d)
    logs = icf[:, :d]
    Q, sums = xp.exp(logs), xp.sum(logs, axis=1)
    L = xp.reshape(icf[:, places], (K, d, d)) * xp.asarray(there)
    centred = x[None] - means[:, None]
    y = centred * Q[:, None] + xp.matmul(centred, xp.swapaxes(L, 1, 2))
    main = (alphas + sums)[:, None] - 0.5 * xp.sum(y * y, axis=2)
    most, top = xp.max(main, axis=0), xp.max(alphas)
    each = xp.sum(xp.log(xp.sum(xp.exp(main - most), axis=0)) + most)
    prior = 0.5 * (xp.sum(Q * Q) + xp.sum(icf[:, d:] ** 2))
    return start + each - n * (xp.log(xp.sum(xp.exp(alphas - top))) + top) + prior


def gmm(d: int, K: int, n: int, goal: float | None = 2) -> Row:
    """ADBench's mixture of Gaussians, with its Wishart prior (γ = 1, m = 0)."""
    constant = -(d + 1) * d * 0.5 * math.log(2) - multigammaln(0.5 * (d + 1), d)
    start = float(-n * d * 0.5 * math.log(2 * math.pi) - K * constant)
    points = (draw(size=K), random.random((K, d)), draw(size=(K, d * (d + 1) // 2)), draw(size=(n, d)), start)
    title = f"GMM of ADBench, d = {d}, K = {K}, n = {n:,}"
    return Row(title, mixture, points, 3, "mixture", (d, K, n), goal, {"casadi": None}, 1e-8)


def separate(xp: Any, w: Any, b: Any, X: Any, y: Any, penalty: Any) -> Any:
    return xp.mean(xp.logaddexp(0.0, -y * (X @ w + b))) + 0.5 * penalty * xp.sum(w * w)


def separate_in_torch(torch: Any, w: Any, b: Any, X: Any, y: Any, penalty: Any) -> Any:
    return torch.nn.functional.softplus(-y * (X @ w + b)).mean() + 0.5 * penalty * torch.dot(w, w)


def logistic(n: int, d: int) -> Row:
    """Logistic regression with a penalty."""
    X, truth = draw(size=(n, d)), draw(size=d)
    y = np.sign(X @ truth + draw(size=n))
    arguments = (0.1 * draw(size=d), 0.1, X, y, 1e-3)
    own = {"torch": separate_in_torch, "casadi": None}
    return Row(f"logistic regression {n:,}×{d}", separate, arguments, 2, "logistic", (n, d), 0.7, own)
