"""Mistakes in whole models: variational autoencoders, mixtures, chains, cameras, policies, physics."""

# ruff: noqa: RET504  (a value has a name before it is returned: checkers speak in the names of variables)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.bank.case import Arrays, D, H, K, N, T, draw, positive, slipping

__all__ = ["BEYOND"]

Step = Callable[..., Any]

NOISE = np.random.default_rng(41).normal(size=(N, 2))
DROPPED = (np.random.default_rng(42).uniform(size=(N, H)) < 0.6) / 0.6
LABELS = np.array([2, 0, 1, 1, 2, 0, 2])
STATES = np.array([1, 0, 2, 2, 1])
ADVANTAGE = np.random.default_rng(43).normal(size=N)
USERS = np.array([0, 1, 2, 1, 0, 3, 2])
ITEMS = np.array([4, 1, 0, 2, 2, 3, 1])
PIXELS = np.random.default_rng(44).normal(size=(N, 2))


def scaled(scale: float, *shape: int) -> Any:
    return lambda rng: scale * rng.normal(size=shape)


def softmax(z: Any, axis: int = -1) -> Any:
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def autoencoder(X: Any, Wm: Any, Ws: Any, Wd: Any) -> Any:
    mu = X @ Wm
    logvar = X @ Ws
    z = mu + np.exp(0.5 * logvar) * NOISE
    R = z @ Wd - X
    kl = 0.5 * np.sum(np.exp(logvar) + mu**2 - 1 - logvar)
    loss = (0.5 * np.sum(R**2) + kl) / len(X)
    return loss


def autoencoder_backward(
    X: Any,
    Wm: Any,
    Ws: Any,
    Wd: Any,
    *,
    noise: Step = lambda dz, logvar: dz * NOISE * 0.5 * np.exp(0.5 * logvar),
    divergence: float = 1,
    sample: float = 1,
    prior: Step = lambda logvar: 0.5 * (np.exp(logvar) - 1),
    code: Step = lambda z, mu: z,
) -> Arrays:
    mu, logvar = X @ Wm, X @ Ws
    z = mu + np.exp(0.5 * logvar) * NOISE
    R = z @ Wd - X
    dz = R @ Wd.T
    dmu = sample * dz + divergence * mu
    dlogvar = noise(dz, logvar) + divergence * prior(logvar)
    n = len(X)
    return {"Wm": X.T @ dmu / n, "Ws": X.T @ dlogvar / n, "Wd": code(z, mu).T @ R / n}


encoding = slipping(
    autoencoder,
    draw(X=(N, D), Wm=scaled(0.5, D, 2), Ws=scaled(0.4, D, 2), Wd=scaled(0.7, 2, D)),
    autoencoder_backward,
)


def dropped_network(X: Any, W1: Any, W2: Any) -> Any:
    h = np.maximum(X @ W1, 0)
    d = h * DROPPED
    logits = d @ W2
    logp = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    loss = -np.mean(logp[np.arange(N), LABELS])
    return loss


def dropped_backward(
    X: Any,
    W1: Any,
    W2: Any,
    *,
    through: Step = lambda dd: dd * DROPPED,
    inputs: Step = lambda h, d: d,
) -> Arrays:
    h = np.maximum(X @ W1, 0)
    d = h * DROPPED
    dlogits = (softmax(d @ W2) - np.eye(K)[LABELS]) / N
    dh = through(dlogits @ W2.T)
    return {"W1": X.T @ (dh * (h > 0)), "W2": inputs(h, d).T @ dlogits}


dropping = slipping(dropped_network, draw(X=(N, D), W1=scaled(0.6, D, H), W2=scaled(0.6, H, K)), dropped_backward)


def mixture(mu: Any, logits: Any, x: Any) -> Any:
    pi = np.exp(logits) / np.exp(logits).sum()
    density = np.exp(-0.5 * (x[:, None] - mu) ** 2) / np.sqrt(2 * np.pi)
    loss = -np.sum(np.log(density @ pi))
    return loss


def mixture_backward(
    mu: Any, logits: Any, x: Any, *, responsible: bool = True, counts: float = N, sign: float = 1
) -> Arrays:
    pi = softmax(logits)
    joint = pi * np.exp(-0.5 * (x[:, None] - mu) ** 2)
    r = joint / joint.sum(axis=1, keepdims=True) if responsible else np.ones_like(joint) * pi
    return {"mu": -sign * (r * (x[:, None] - mu)).sum(axis=0), "logits": -(r.sum(axis=0) - counts * pi)}


mixing = slipping(mixture, draw(mu=(K,), logits=(K,), x=(N,)), mixture_backward)


def chain(emissions: Any, transitions: Any) -> Any:
    """The negative log likelihood of a sequence of states under a linear chain."""
    alpha = emissions[0]
    score = emissions[0, STATES[0]]
    for t in range(1, len(emissions)):
        alpha = np.log(np.exp(alpha[:, None] + transitions).sum(axis=0)) + emissions[t]
        score = score + transitions[STATES[t - 1], STATES[t]] + emissions[t, STATES[t]]
    loss = np.log(np.exp(alpha).sum()) - score
    return loss


def chain_backward(
    emissions: Any,
    transitions: Any,
    *,
    gold: float = 1,
    backwards: bool = True,
    turned: bool = False,
) -> Arrays:
    length = len(emissions)
    alpha, beta = [emissions[0]], [np.zeros(K)]
    for t in range(1, length):
        alpha.append(np.log(np.exp(alpha[-1][:, None] + transitions).sum(axis=0)) + emissions[t])
    for t in reversed(range(1, length)):
        beta.append(np.log(np.exp(transitions + emissions[t] + beta[-1]).sum(axis=1)))
    beta = beta[::-1] if backwards else [np.zeros(K)] * length
    total = np.log(np.exp(alpha[-1]).sum())
    marginals = np.stack([softmax(alpha[t] + beta[t]) for t in range(length)])
    de = marginals.copy()
    dt = np.zeros_like(transitions)
    for t in range(length):
        de[t, STATES[t]] -= gold
        if t:
            pair = np.exp(alpha[t - 1][:, None] + transitions + emissions[t] + beta[t] - total)
            dt += pair.T if turned else pair
            dt[STATES[t - 1], STATES[t]] -= gold
    return {"emissions": de, "transitions": dt}


tagging = slipping(chain, draw(emissions=(5, K), transitions=(K, K)), chain_backward)


def camera(point: Any, focal: Any, centre: Any) -> Any:
    moved = point - centre
    projected = focal * moved[:, :2] / moved[:, 2:]
    loss = 0.5 * np.sum((projected - PIXELS) ** 2)
    return loss


def camera_backward(
    point: Any, focal: Any, centre: Any, *, depth: float = 1, sign: float = -1, power: int = 2, summed: bool = True
) -> Arrays:
    moved = point - centre
    z = moved[:, 2:]
    projected = focal * moved[:, :2] / z
    r = projected - PIXELS
    dz = -depth * (r * focal * moved[:, :2] / z**power).sum(axis=1, keepdims=True)
    dmoved = np.concatenate([r * focal / z, dz], axis=1)
    return {
        "point": dmoved,
        "focal": np.asarray((r * moved[:, :2] / z).sum()),
        "centre": sign * (dmoved.sum(axis=0) if summed else dmoved.mean(axis=0)),
    }


projecting = slipping(
    camera,
    draw(
        point=lambda rng: rng.normal(size=(N, 3)) + [0, 0, 6],
        focal=lambda rng: np.asarray(rng.uniform(1, 2)),
        centre=scaled(0.3, 3),
    ),
    camera_backward,
)


def policy(X: Any, W: Any) -> Any:
    logits = X @ W
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    chosen = np.log(p[np.arange(N), LABELS])
    entropy = -np.sum(p * np.log(p))
    loss = -np.sum(ADVANTAGE * chosen) - 0.1 * entropy
    return loss


def policy_backward(
    X: Any,
    W: Any,
    *,
    weight: Step = lambda a: a[:, None],
    entropy: float = 1,
    full: bool = True,
    chosen: Step = lambda p: p - np.eye(K)[LABELS],
) -> Arrays:
    p = softmax(X @ W)
    inner = np.log(p)
    d = weight(ADVANTAGE) * chosen(p) + entropy * 0.1 * p * (inner - full * (p * inner).sum(axis=1, keepdims=True))
    return {"W": X.T @ d}


acting = slipping(policy, draw(X=(N, D), W=(D, K)), policy_backward)


def recommender(U: Any, V: Any, bu: Any, bi: Any, ratings: Any) -> Any:
    pred = np.sum(U[USERS] * V[ITEMS], axis=1) + bu[USERS] + bi[ITEMS]
    e = pred - ratings
    loss = np.mean(e**2)
    return loss


def recommender_backward(
    U: Any,
    V: Any,
    bu: Any,
    bi: Any,
    ratings: Any,
    *,
    other: Step = lambda U, V: V[ITEMS],
    rows: Any = USERS,
    assign: bool = False,
    divide: float = N,
) -> Arrays:
    e = np.sum(U[USERS] * V[ITEMS], axis=1) + bu[USERS] + bi[ITEMS] - ratings
    g = 2 * e / divide
    dU, dbu = np.zeros_like(U), np.zeros_like(bu)
    if assign:
        dU[rows] = g[:, None] * other(U, V)
        dbu[rows] = g
    else:
        np.add.at(dU, rows, g[:, None] * other(U, V))
        np.add.at(dbu, rows, g)
    return {"U": dU, "bu": dbu}


recommending = slipping(recommender, draw(U=(D, K), V=(D, K), bu=(D,), bi=(D,), ratings=(N,)), recommender_backward)


def springs(x: Any, k: Any) -> Any:
    d = x[1:] - x[:-1]
    length = np.sqrt(np.sum(d**2, axis=1))
    energy = 0.5 * np.sum(k * (length - 1.3) ** 2)
    return energy


def springs_backward(
    x: Any, k: Any, *, unit: Step = lambda d, length: d / length[:, None], left: float = 1, rest: float = 1.3
) -> Arrays:
    d = x[1:] - x[:-1]
    length = np.linalg.norm(d, axis=1)
    f = (k * (length - rest))[:, None] * unit(d, length)
    dx = np.zeros_like(x)
    dx[1:] += f
    dx[:-1] -= left * f
    return {"x": dx}


pulling = slipping(springs, draw(x=(N, 2), k=positive(N - 1)), springs_backward)


def growth(rate: Any, capacity: Any, y: Any) -> Any:
    t = np.arange(T) / 4
    curve = capacity / (1 + np.exp(-rate * t))
    r = curve - y
    loss = r @ r
    return loss


def growth_backward(rate: Any, capacity: Any, y: Any, *, time: Step = lambda t: t, size: Step = lambda c: c) -> Arrays:
    t = np.arange(T) / 4
    s = 1 / (1 + np.exp(-rate * t))
    dcurve = 2 * (capacity * s - y)
    return {
        "rate": np.asarray(np.sum(dcurve * size(capacity) * s * (1 - s) * time(t))),
        "capacity": np.asarray(np.sum(dcurve * s)),
    }


growing = slipping(
    growth,
    draw(
        rate=lambda rng: np.asarray(rng.uniform(0.5, 1.5)),
        capacity=lambda rng: np.asarray(rng.uniform(2, 4)),
        y=positive(T),
    ),
    growth_backward,
)


BEYOND = (
    encoding(
        "X340",
        "VAE: the noise is not multiplied on the way back",
        "Ws",
        "local-factor wrong-tensor",
        noise=lambda dz, logvar: dz * 0.5 * np.exp(0.5 * logvar),
    ),
    encoding(
        "X341",
        "VAE: the ½ of the log-variance forgotten",
        "Ws",
        "factor local-factor path-doubled",
        noise=lambda dz, logvar: dz * NOISE * np.exp(0.5 * logvar),
    ),
    encoding("X342", "VAE: the sample taken for a constant", "Wm", "path-missing", sample=0),
    encoding("X343", "VAE: the divergence from the prior forgotten", "Wm Ws", "path-missing", divergence=0),
    encoding(
        "X344",
        "VAE: the −1 in the divergence forgotten",
        "Ws",
        "path-missing",
        prior=lambda logvar: 0.5 * np.exp(logvar),
    ),
    encoding("X345", "VAE: the decoder sees the mean, not the sample", "Wd", "wrong-tensor", code=lambda z, mu: mu),
    dropping(
        "X346",
        "dropout in a network: the mask forgotten on the way back",
        "W1",
        "mask-missing local-factor",
        through=lambda dd: dd,
    ),
    dropping(
        "X347",
        "dropout in a network: masked, but not scaled up",
        "W1",
        "factor",
        through=lambda dd: dd * (DROPPED > 0),
    ),
    dropping(
        "X348",
        "dropout in a network: the next weight sees the units that were dropped",
        "W2",
        "mask-missing wrong-tensor",
        inputs=lambda h, d: h,
    ),
    mixing(
        "X349", "mixture: the weights for the responsibilities", "mu", "wrong-tensor local-factor", responsible=False
    ),
    mixing("X350", "mixture: the normalisation of the weights forgotten", "logits", "path-missing", counts=0),
    mixing("X351", "mixture: the sign of the distance", "mu", "sign", sign=-1),
    tagging("X352", "chain: the true sequence is not subtracted", "emissions transitions", "path-missing", gold=0),
    tagging(
        "X353",
        "chain: marginals from the forward pass alone",
        "emissions",
        "path-missing wrong-tensor local-factor",
        backwards=False,
    ),
    tagging(
        "X354", "chain: pairs counted from later to earlier", "transitions", "transposed path-missing", turned=True
    ),
    projecting("X355", "camera: the depth taken for a constant", "point", "path-missing", depth=0),
    projecting("X356", "camera: the sign of the depth", "point centre", "path-sign", depth=-1),
    projecting("X357", "camera: the position has the sign of the points", "centre", "sign", sign=1),
    projecting("X358", "camera: divided by the depth, not its square", "point", "local-factor", power=1),
    projecting("X359", "camera: averaged over the points", "centre", "averaged factor", summed=False),
    acting(
        "X360",
        "policy gradient: the advantage is not multiplied",
        "W",
        "local-factor path-doubled",
        weight=lambda a: 1.0,
    ),
    acting("X361", "policy gradient: the entropy forgotten", "W", "path-missing", entropy=0),
    acting("X362", "policy gradient: the sign of the entropy", "W", "path-sign", entropy=-1),
    acting(
        "X363",
        "policy gradient: entropy through softmax's diagonal alone",
        "W",
        "path-missing diagonal-for-full",
        full=False,
    ),
    acting(
        "X364",
        "policy gradient: the action that was taken alone",
        "W",
        "path-missing diagonal-for-full",
        chosen=lambda p: -np.eye(K)[LABELS],
    ),
    recommending("X365", "recommender: a user who rated twice is overwritten", "U bu", "path-missing", assign=True),
    recommending(
        "X366",
        "recommender: the user's own factors for the item's",
        "U",
        "wrong-tensor swapped",
        other=lambda U, V: U[USERS],
    ),
    recommending("X367", "recommender: added at the item's row", "bu", "permuted wrong-tensor shifted", rows=ITEMS),
    recommending("X368", "recommender: the ratings are not averaged", "U bu", "factor", divide=1),
    pulling("X369", "springs: the direction is not of length one", "x", "local-factor", unit=lambda d, length: d),
    pulling("X370", "springs: each pulls at one end only", "x", "path-missing", left=0),
    pulling("X371", "springs: both ends pulled the same way", "x", "path-sign", left=-1),
    pulling("X372", "springs: the length at rest forgotten", "x", "wrong-tensor path-missing local-factor", rest=0),
    growing(
        "X373", "growth curve: the inner derivative by the rate forgotten", "rate", "local-factor", time=np.ones_like
    ),
    growing("X374", "growth curve: the capacity is not multiplied", "rate", "factor local-factor", size=lambda c: 1.0),
)
