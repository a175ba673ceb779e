"""Backward passes through recurrent networks and other long chains, step by step, each time step by its own names."""

# ruff: noqa: RET504  (a value has a name before it is returned: checkers speak in the names of variables)

from __future__ import annotations

from typing import Any

import numpy as np

from tests.bank.case import D, K, N, T, draw
from tests.bank.walk import Rule

__all__ = [
    "AUTOENCODER",
    "AUTOENCODER_POINT",
    "GATED",
    "GATED_POINT",
    "MEMORY",
    "MEMORY_POINT",
    "PROCESS",
    "PROCESS_POINT",
    "RECURRENT",
    "RECURRENT_POINT",
    "autoencoder",
    "gated",
    "memory",
    "process",
    "recurrent",
]

TARGETS = np.random.default_rng(71).normal(size=(3, K))
SAMPLE = np.random.default_rng(72).normal(size=(N, 2))


def scaled(scale: float, *shape: int) -> Any:
    return lambda rng: scale * rng.normal(size=shape)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def recurrent(x: Any, h0: Any, Wx: Any, Wh: Any, Wy: Any) -> Any:
    h1 = np.tanh(x[0] @ Wx + h0 @ Wh)
    h2 = np.tanh(x[1] @ Wx + h1 @ Wh)
    h3 = np.tanh(x[2] @ Wx + h2 @ Wh)
    y1 = h1 @ Wy
    y2 = h2 @ Wy
    y3 = h3 @ Wy
    loss = np.sum((y1 - TARGETS[0]) ** 2) + np.sum((y2 - TARGETS[1]) ** 2) + np.sum((y3 - TARGETS[2]) ** 2)
    return loss


RECURRENT: dict[str, Rule] = {
    "dy3": lambda v, d: 2 * (v.y3 - TARGETS[2]),
    "dy2": lambda v, d: 2 * (v.y2 - TARGETS[1]),
    "dy1": lambda v, d: 2 * (v.y1 - TARGETS[0]),
    "dh3": lambda v, d: v.Wy @ d.dy3,
    "dh2": lambda v, d: v.Wy @ d.dy2 + v.Wh @ (d.dh3 * (1 - v.h3**2)),
    "dh1": lambda v, d: v.Wy @ d.dy1 + v.Wh @ (d.dh2 * (1 - v.h2**2)),
    "dh0": lambda v, d: v.Wh @ (d.dh1 * (1 - v.h1**2)),
    "dWy": lambda v, d: np.outer(v.h1, d.dy1) + np.outer(v.h2, d.dy2) + np.outer(v.h3, d.dy3),
    "dWh": lambda v, d: (
        np.outer(v.h0, d.dh1 * (1 - v.h1**2))
        + np.outer(v.h1, d.dh2 * (1 - v.h2**2))
        + np.outer(v.h2, d.dh3 * (1 - v.h3**2))
    ),
    "dWx": lambda v, d: v.x.T @ np.stack([d.dh1 * (1 - v.h1**2), d.dh2 * (1 - v.h2**2), d.dh3 * (1 - v.h3**2)]),
}

RECURRENT_POINT = draw(x=(3, 2), h0=(D,), Wx=scaled(0.6, 2, D), Wh=scaled(0.5, D, D), Wy=(D, K))


def memory(x1: Any, x2: Any, W: Any, U: Any, b: Any) -> Any:
    """Two steps of an LSTM whose gates stand side by side: input, forget, output, candidate."""
    z1 = x1 @ W + b
    i1 = sigmoid(z1[:K])
    o1 = sigmoid(z1[2 * K : 3 * K])
    g1 = np.tanh(z1[3 * K :])
    c1 = i1 * g1
    h1 = o1 * np.tanh(c1)
    z2 = x2 @ W + h1 @ U + b
    i2 = sigmoid(z2[:K])
    f2 = sigmoid(z2[K : 2 * K])
    o2 = sigmoid(z2[2 * K : 3 * K])
    g2 = np.tanh(z2[3 * K :])
    c2 = f2 * c1 + i2 * g2
    h2 = o2 * np.tanh(c2)
    loss = np.sum(h2**2) + np.sum(h1)
    return loss


MEMORY: dict[str, Rule] = {
    "dh2": lambda v, d: 2 * v.h2,
    "do2": lambda v, d: d.dh2 * np.tanh(v.c2),
    "dc2": lambda v, d: d.dh2 * v.o2 * (1 - np.tanh(v.c2) ** 2),
    "df2": lambda v, d: d.dc2 * v.c1,
    "di2": lambda v, d: d.dc2 * v.g2,
    "dg2": lambda v, d: d.dc2 * v.i2,
    "dz2": lambda v, d: np.concatenate(
        [
            d.di2 * v.i2 * (1 - v.i2),
            d.df2 * v.f2 * (1 - v.f2),
            d.do2 * v.o2 * (1 - v.o2),
            d.dg2 * (1 - v.g2**2),
        ]
    ),
    "dh1": lambda v, d: v.U @ d.dz2 + np.ones(K),
    "do1": lambda v, d: d.dh1 * np.tanh(v.c1),
    "dc1": lambda v, d: d.dc2 * v.f2 + d.dh1 * v.o1 * (1 - np.tanh(v.c1) ** 2),
    "di1": lambda v, d: d.dc1 * v.g1,
    "dg1": lambda v, d: d.dc1 * v.i1,
    "dz1": lambda v, d: np.concatenate(
        [d.di1 * v.i1 * (1 - v.i1), np.zeros(K), d.do1 * v.o1 * (1 - v.o1), d.dg1 * (1 - v.g1**2)]
    ),
    "dW": lambda v, d: np.outer(v.x1, d.dz1) + np.outer(v.x2, d.dz2),
    "dU": lambda v, d: np.outer(v.h1, d.dz2),
    "db": lambda v, d: d.dz1 + d.dz2,
}

MEMORY_POINT = draw(x1=(2,), x2=(2,), W=scaled(0.8, 2, 4 * K), U=scaled(0.8, K, 4 * K), b=scaled(0.5, 4 * K))


def gated(x: Any, h: Any, Wz: Any, Wr: Any, Wn: Any) -> Any:
    """One step of a GRU, the reset gate before the product."""
    xh = np.concatenate([x, h], axis=1)
    z = sigmoid(xh @ Wz)
    r = sigmoid(xh @ Wr)
    rh = r * h
    xrh = np.concatenate([x, rh], axis=1)
    n = np.tanh(xrh @ Wn)
    out = (1 - z) * n + z * h
    loss = np.sum(np.exp(out))
    return loss


GATED: dict[str, Rule] = {
    "dout": lambda v, d: np.exp(v.out),
    "dz": lambda v, d: d.dout * (v.h - v.n),
    "dn": lambda v, d: d.dout * (1 - v.z),
    "dxrh": lambda v, d: (d.dn * (1 - v.n**2)) @ v.Wn.T,
    "dWn": lambda v, d: v.xrh.T @ (d.dn * (1 - v.n**2)),
    "drh": lambda v, d: d.dxrh[:, 2:],
    "dr": lambda v, d: d.drh * v.h,
    "dxh": lambda v, d: (d.dz * v.z * (1 - v.z)) @ v.Wz.T + (d.dr * v.r * (1 - v.r)) @ v.Wr.T,
    "dWz": lambda v, d: v.xh.T @ (d.dz * v.z * (1 - v.z)),
    "dWr": lambda v, d: v.xh.T @ (d.dr * v.r * (1 - v.r)),
    "dh": lambda v, d: d.dout * v.z + d.drh * v.r + d.dxh[:, 2:],
    "dx": lambda v, d: d.dxrh[:, :2] + d.dxh[:, :2],
}

GATED_POINT = draw(x=(N, 2), h=(N, D), Wz=scaled(0.5, 2 + D, D), Wr=scaled(0.5, 2 + D, D), Wn=scaled(0.5, 2 + D, D))


def process(lengthscale: Any, variance: Any, noise: Any, x: Any, y: Any) -> Any:
    """The negative log likelihood of a Gaussian process, up to a constant."""
    distance = (x[:, None] - x[None, :]) ** 2
    Kxx = variance * np.exp(-distance / (2 * lengthscale**2))
    C = Kxx + noise * np.eye(len(x))
    Cinv = np.linalg.inv(C)
    fit = y @ Cinv @ y
    logdet = np.linalg.slogdet(C)[1]
    nll = 0.5 * fit + 0.5 * logdet
    return nll


PROCESS: dict[str, Rule] = {
    "dfit": lambda v, d: 0.5,
    "dlogdet": lambda v, d: 0.5,
    "dCinv": lambda v, d: d.dfit * np.outer(v.y, v.y),
    "dC": lambda v, d: -v.Cinv.T @ d.dCinv @ v.Cinv.T + d.dlogdet * v.Cinv.T,
    "dnoise": lambda v, d: np.trace(d.dC),
    "dKxx": lambda v, d: d.dC,
    "dvariance": lambda v, d: np.sum(d.dKxx * v.Kxx) / v.variance,
    "dlengthscale": lambda v, d: np.sum(d.dKxx * v.Kxx * v.distance) / v.lengthscale**3,
    "ddistance": lambda v, d: -d.dKxx * v.Kxx / (2 * v.lengthscale**2),
    "dx": lambda v, d: 2 * ((d.ddistance + d.ddistance.T) * (v.x[:, None] - v.x[None, :])).sum(axis=1),
    "dy": lambda v, d: d.dfit * (v.Cinv + v.Cinv.T) @ v.y,
}

PROCESS_POINT = draw(
    lengthscale=lambda rng: np.asarray(rng.uniform(0.6, 1.2)),
    variance=lambda rng: np.asarray(rng.uniform(0.8, 1.5)),
    noise=lambda rng: np.asarray(rng.uniform(0.2, 0.4)),
    x=(N,),
    y=(N,),
)


def autoencoder(X: Any, We: Any, Wm: Any, Ws: Any, Wd: Any) -> Any:
    h = np.tanh(X @ We)
    mu = h @ Wm
    logvar = h @ Ws
    sigma = np.exp(0.5 * logvar)
    z = mu + sigma * SAMPLE
    recon = z @ Wd
    error = 0.5 * np.sum((recon - X) ** 2)
    kl = -0.5 * np.sum(1 + logvar - mu**2 - np.exp(logvar))
    loss = (error + kl) / len(X)
    return loss


AUTOENCODER: dict[str, Rule] = {
    "derror": lambda v, d: 1 / N,
    "dkl": lambda v, d: 1 / N,
    "drecon": lambda v, d: d.derror * (v.recon - v.X),
    "dz": lambda v, d: d.drecon @ v.Wd.T,
    "dWd": lambda v, d: v.z.T @ d.drecon,
    "dsigma": lambda v, d: d.dz * SAMPLE,
    "dlogvar": lambda v, d: d.dsigma * 0.5 * v.sigma + d.dkl * 0.5 * (np.exp(v.logvar) - 1),
    "dmu": lambda v, d: d.dz + d.dkl * v.mu,
    "dWm": lambda v, d: v.h.T @ d.dmu,
    "dWs": lambda v, d: v.h.T @ d.dlogvar,
    "dh": lambda v, d: d.dmu @ v.Wm.T + d.dlogvar @ v.Ws.T,
    "dWe": lambda v, d: v.X.T @ (d.dh * (1 - v.h**2)),
}

AUTOENCODER_POINT = draw(X=(N, D), We=scaled(0.6, D, T), Wm=scaled(0.5, T, 2), Ws=scaled(0.4, T, 2), Wd=(2, D))
