"""One wrong step in the middle of a network, where only the gradients of the parameters are handed in."""

# ruff: noqa: RET504  (a value has a name before it is returned: checkers speak in the names of variables)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.bank.case import Arrays, D, H, K, N, T, draw, slipping

__all__ = ["BEYOND"]

LABELS = np.array([2, 0, 1, 1, 2, 0, 2])
ONE_HOT = np.eye(K)[LABELS]
TARGETS = np.random.default_rng(11).normal(size=(N, K))
WEIGHT_DECAY = 0.07

Step = Callable[..., Any]


def scaled(scale: float, *shape: int) -> Any:
    return lambda rng: scale * rng.normal(size=shape)


def classifier(X: Any, W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any) -> Any:
    z1 = X @ W1 + b1
    h1 = np.maximum(z1, 0)
    z2 = h1 @ W2 + b2
    h2 = np.tanh(z2)
    logits = h2 @ W3 + b3
    exps = np.exp(logits)
    probs = exps / exps.sum(axis=1, keepdims=True)
    loss = -np.log(probs[np.arange(len(X)), LABELS]).mean()
    return loss


def classifier_backward(
    X: Any,
    W1: Any,
    b1: Any,
    W2: Any,
    b2: Any,
    W3: Any,
    b3: Any,
    *,
    at_logits: Step = lambda logits, p: (p - ONE_HOT) / len(p),
    to_h2: Step = lambda dlogits, W3: dlogits @ W3.T,
    tanh: Step = lambda dh2, z2, h2: dh2 * (1 - h2**2),
    relu: Step = lambda dh1, z1, h1: dh1 * (z1 > 0),
    weight1: Step = lambda X, dz1: X.T @ dz1,
    weight2: Step = lambda z1, h1, dz2: h1.T @ dz2,
    weight3: Step = lambda z2, h2, dlogits: h2.T @ dlogits,
    bias1: Step = lambda dh1, dz1: dz1.sum(axis=0),
    bias2: Step = lambda dh2, dz2: dz2.sum(axis=0),
) -> Arrays:
    z1 = X @ W1 + b1
    h1 = np.maximum(z1, 0)
    z2 = h1 @ W2 + b2
    h2 = np.tanh(z2)
    logits = h2 @ W3 + b3
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    dlogits = at_logits(logits, exps / exps.sum(axis=1, keepdims=True))
    dh2 = to_h2(dlogits, W3)
    dz2 = tanh(dh2, z2, h2)
    dh1 = dz2 @ W2.T
    dz1 = relu(dh1, z1, h1)
    return {
        "W1": weight1(X, dz1),
        "b1": bias1(dh1, dz1),
        "W2": weight2(z1, h1, dz2),
        "b2": bias2(dh2, dz2),
        "W3": weight3(z2, h2, dlogits),
        "b3": dlogits.sum(axis=0),
    }


classifying = slipping(
    classifier,
    draw(
        X=(N, D),
        W1=scaled(0.5, D, H),
        b1=scaled(0.3, H),
        W2=scaled(0.4, H, T),
        b2=scaled(0.3, T),
        W3=scaled(0.5, T, K),
        b3=scaled(0.3, K),
    ),
    classifier_backward,
)


def regressor(X: Any, W1: Any, W2: Any, W3: Any) -> Any:
    h1 = 1 / (1 + np.exp(-(X @ W1)))
    z2 = h1 @ W2
    h2 = h1 + np.tanh(z2)
    pred = h2 @ W3
    data = ((pred - TARGETS) ** 2).mean()
    penalty = WEIGHT_DECAY * (np.sum(W1**2) + np.sum(W3**2))
    loss = data + penalty
    return loss


def regressor_backward(
    X: Any,
    W1: Any,
    W2: Any,
    W3: Any,
    *,
    at_pred: Step = lambda r: 2 * r / r.size,
    skip: float = 1,
    branch: float = 1,
    back2: Step = lambda dz2, W2: dz2 @ W2.T,
    tanh: Step = lambda dh2, z2: dh2 * (1 - np.tanh(z2) ** 2),
    sigmoid: Step = lambda dh1, h1, h2: dh1 * h1 * (1 - h1),
    decay1: Step = lambda W: 2 * WEIGHT_DECAY * W,
    decay3: Step = lambda W: 2 * WEIGHT_DECAY * W,
    weight2: Step = lambda h1, h2, dz2: h1.T @ dz2,
    weight3: Step = lambda h1, h2, dpred: h2.T @ dpred,
) -> Arrays:
    h1 = 1 / (1 + np.exp(-(X @ W1)))
    z2 = h1 @ W2
    h2 = h1 + np.tanh(z2)
    dpred = at_pred(h2 @ W3 - TARGETS)
    dh2 = dpred @ W3.T
    dz2 = tanh(dh2, z2)
    dh1 = skip * dh2 + branch * back2(dz2, W2)
    dz1 = sigmoid(dh1, h1, h2)
    return {
        "W1": X.T @ dz1 + decay1(W1),
        "W2": weight2(h1, h2, dz2),
        "W3": weight3(h1, h2, dpred) + decay3(W3),
    }


regressing = slipping(
    regressor,
    draw(X=(N, D), W1=scaled(0.6, D, H), W2=scaled(0.5, H, H), W3=scaled(0.5, H, K)),
    regressor_backward,
)


def tied_autoencoder(X: Any, W: Any) -> Any:
    h = np.tanh(X @ W)
    back = h @ W.T
    R = back - X
    L = np.sum(R**2) / len(X)
    return L


def tied_backward(X: Any, W: Any, *, encoder: float = 1, decoder: float = 1, through: Any = None) -> Arrays:
    h = np.tanh(X @ W)
    R = h @ W.T - X
    dR = 2 * R / len(X)
    dh = dR @ W
    dz = dh * (1 - h**2) if through is None else through(dh, h)
    return {"W": encoder * X.T @ dz + decoder * dR.T @ h}


tying = slipping(tied_autoencoder, draw(X=(N, D), W=scaled(0.5, D, K)), tied_backward)


def two_heads(X: Any, W: Any, U: Any, V: Any) -> Any:
    h = np.tanh(X @ W)
    value = h @ V
    logits = h @ U
    error = np.mean((value - TARGETS[:, 0]) ** 2)
    logs = np.log(np.exp(logits).sum(axis=1))
    entropy = np.mean(logs - logits[np.arange(len(X)), LABELS])
    loss = entropy + 0.25 * error
    return loss


def two_heads_backward(
    X: Any,
    W: Any,
    U: Any,
    V: Any,
    *,
    weight: float = 0.25,
    entropy: float = 1,
    error: float = 1,
    to_h: Step = np.outer,
) -> Arrays:
    h = np.tanh(X @ W)
    logits = h @ U
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    dlogits = (p - ONE_HOT) / len(X)
    dvalue = weight * 2 * (h @ V - TARGETS[:, 0]) / len(X)
    dh = entropy * dlogits @ U.T + error * to_h(dvalue, V)
    dz = dh * (1 - h**2)
    return {"W": X.T @ dz, "U": h.T @ dlogits, "V": h.T @ dvalue}


heading = slipping(
    two_heads,
    draw(X=(N, D), W=scaled(0.5, D, H), U=scaled(0.6, H, K), V=scaled(0.6, H)),
    two_heads_backward,
)


BEYOND = (
    classifying(
        "X1",
        "three layers: 1 − z² for 1 − tanh² z",
        "W1",
        "wrong-tensor local-factor",
        tanh=lambda dh2, z2, h2: dh2 * (1 - z2**2),
    ),
    classifying(
        "X2",
        "three layers: the mask of ReLU is missing",
        "W1",
        "mask-missing local-factor",
        relu=lambda dh1, z1, h1: dh1,
    ),
    classifying(
        "X3",
        "three layers: ReLU masked by the sign of the gradient",
        "W1",
        "wrong-mask wrong-tensor",
        relu=lambda dh1, z1, h1: dh1 * (dh1 > 0),
    ),
    classifying(
        "X4",
        "three layers: ReLU's mask upside down",
        "W1 b1",
        "wrong-mask",
        relu=lambda dh1, z1, h1: dh1 * (z1 <= 0),
    ),
    classifying("X5", "three layers: tanh skipped", "W1", "local-factor", tanh=lambda dh2, z2, h2: dh2),
    classifying(
        "X6",
        "three layers: the square of 1 − h² forgotten",
        "W2",
        "local-factor",
        tanh=lambda dh2, z2, h2: dh2 * (1 - h2),
    ),
    classifying(
        "X7",
        "three layers: the pre-activation multiplies the gradient of the next weight",
        "W2",
        "wrong-tensor mask-missing",
        weight2=lambda z1, h1, dz2: z1.T @ dz2,
    ),
    classifying(
        "X8",
        "three layers: the batch divided by a second time in the first weight",
        "W1",
        "factor averaged",
        weight1=lambda X, dz1: X.T @ dz1 / len(X),
    ),
    classifying(
        "X9",
        "three layers: y − p for p − y",
        "W1 b1 W2 b2 W3 b3",
        "sign",
        at_logits=lambda logits, p: (ONE_HOT - p) / len(p),
    ),
    classifying(
        "X10",
        "three layers: the 1 of the true class is not subtracted",
        "W2",
        "path-missing local-factor",
        at_logits=lambda logits, p: p / len(p),
    ),
    classifying(
        "X11",
        "three layers: the scores in place of their softmax",
        "W1",
        "wrong-tensor local-factor",
        at_logits=lambda logits, p: (logits - ONE_HOT) / len(p),
    ),
    classifying(
        "X12",
        "three layers: a bias averaged over the batch",
        "b1 W1",
        "averaged factor",
        bias1=lambda dh1, dz1: dz1.mean(axis=0),
    ),
    classifying(
        "X13",
        "three layers: a bias takes the gradient after the activation",
        "b2",
        "local-factor wrong-tensor",
        bias2=lambda dh2, dz2: dh2.sum(axis=0),
    ),
    classifying(
        "X14",
        "three layers: the derivative of tanh multiplied twice",
        "W1",
        "local-factor",
        tanh=lambda dh2, z2, h2: dh2 * (1 - h2**2) ** 2,
    ),
    classifying(
        "X15",
        "three layers: the mask of another activation, leaky ReLU",
        "W1",
        "wrong-mask local-factor",
        relu=lambda dh1, z1, h1: dh1 * np.where(z1 > 0, 1, 0.2),
    ),
    classifying(
        "X16",
        "three layers: the mean of the loss is not divided",
        "W1 W2 W3",
        "factor",
        at_logits=lambda logits, p: p - ONE_HOT,
    ),
    classifying(
        "X17",
        "three layers: divided by the classes instead of the batch",
        "W3 b3",
        "factor",
        at_logits=lambda logits, p: (p - ONE_HOT) / p.shape[1],
    ),
    classifying(
        "X18",
        "three layers: the derivative of the logistic function for that of tanh",
        "W1 b1",
        "local-factor",
        tanh=lambda dh2, z2, h2: dh2 * h2 * (1 - h2),
    ),
    classifying(
        "X19",
        "three layers: the last weight takes the pre-activation",
        "W3",
        "wrong-tensor local-factor",
        weight3=lambda z2, h2, dlogits: z2.T @ dlogits,
    ),
    regressing("X20", "residual block: the identity path lost", "W1", "path-missing", skip=0),
    regressing("X21", "residual block: the branch lost", "W1", "path-missing", branch=0),
    regressing("X22", "residual block: the identity path counted twice", "W1", "path-doubled", skip=2),
    regressing(
        "X23",
        "residual block: a square weight is not transposed",
        "W1",
        "operand-not-transposed",
        back2=lambda dz2, W2: dz2 @ W2,
    ),
    regressing(
        "X24",
        "residual block: the output of the block in place of its input",
        "W2",
        "wrong-tensor",
        weight2=lambda h1, h2, dz2: h2.T @ dz2,
    ),
    regressing("X25", "weight decay forgotten in one weight", "W1 W2 W3", "path-missing", decay1=np.zeros_like),
    regressing(
        "X26", "weight decay without its 2", "W3", "factor path-missing local-factor", decay3=lambda W: WEIGHT_DECAY * W
    ),
    regressing("X27", "weight decay subtracted", "W1", "path-sign", decay1=lambda W: -2 * WEIGHT_DECAY * W),
    regressing(
        "X28",
        "residual block: rows for elements in the mean",
        "W2",
        "factor",
        at_pred=lambda r: 2 * r / len(r),
    ),
    regressing(
        "X29",
        "residual block: s (1 + s) for s (1 − s)",
        "W1",
        "local-factor path-sign",
        sigmoid=lambda dh1, h1, h2: dh1 * h1 * (1 + h1),
    ),
    regressing(
        "X30",
        "residual block: the sigmoid's derivative at the output of the block",
        "W1",
        "wrong-tensor local-factor",
        sigmoid=lambda dh1, h1, h2: dh1 * h2 * (1 - h2),
    ),
    regressing(
        "X31",
        "residual block: the last weight forgets the identity path",
        "W3",
        "wrong-tensor path-missing",
        weight3=lambda h1, h2, dpred: (h2 - h1).T @ dpred,
    ),
    tying("X32", "tied weights: only the encoder's use", "W", "path-missing", decoder=0),
    tying("X33", "tied weights: only the decoder's use", "W", "path-missing", encoder=0),
    tying("X34", "tied weights: tanh skipped on the way to the encoder", "W", "local-factor", through=lambda dh, h: dh),
    heading("X35", "two heads: one of them sends nothing back", "W", "path-missing", error=0),
    heading("X36", "two heads: the weight of one loss dropped", "W", "factor path-doubled", weight=1),
    heading("X37", "two heads: the sign of one of them", "W", "path-sign", error=-1),
    heading(
        "X38",
        "two heads: the error goes back as if the weight of the head were one",
        "W",
        "local-factor wrong-tensor",
        to_h=lambda dvalue, V: dvalue[:, None] * np.ones_like(V),
    ),
)
