"""Mistakes in what is unrolled through time: gates, filters, integrators, losses at every step."""

# ruff: noqa: RET504  (a value has a name before it is returned: checkers speak in the names of variables)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.bank.case import Arrays, Case, D, K, T, draw, slipping

__all__ = ["BEYOND"]

Step = Callable[..., Any]

Y = np.random.default_rng(31).normal(size=(T, K))


def scaled(scale: float, *shape: int) -> Any:
    return lambda rng: scale * rng.normal(size=shape)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def network(x: Any, Wxh: Any, Whh: Any, Why: Any, bh: Any) -> Any:
    h = np.zeros(D)
    loss = 0
    for t in range(len(x)):
        h = np.tanh(x[t] @ Wxh + h @ Whh + bh)
        y = h @ Why
        loss = loss + np.sum((y - Y[t]) ** 2)
    return loss


def network_backward(
    x: Any,
    Wxh: Any,
    Whh: Any,
    Why: Any,
    bh: Any,
    *,
    onwards: Step = lambda dz, Whh: dz @ Whh.T,
    tanh: Step = lambda dh, h: dh * (1 - h**2),
    previous: int = 0,
    carried: float = 1,
    divide: float = 1,
    bias_assigned: bool = False,
    clip: float = np.inf,
) -> Arrays:
    h = [np.zeros(D)]
    for t in range(len(x)):
        h.append(np.tanh(x[t] @ Wxh + h[-1] @ Whh + bh))
    dWxh, dWhh, dWhy, dbh = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why), np.zeros_like(bh)
    dhnext = np.zeros(D)
    for t in reversed(range(len(x))):
        dy = 2 * (h[t + 1] @ Why - Y[t]) / divide
        dWhy += np.outer(h[t + 1], dy)
        dh = Why @ dy + carried * dhnext
        dz = tanh(dh, h[t + 1])
        dbh = dz if bias_assigned else dbh + dz
        dWxh += np.outer(x[t], dz)
        dWhh += np.outer(h[t + previous], dz)
        dhnext = onwards(dz, Whh)
    return {
        "Wxh": np.clip(dWxh, -clip, clip),
        "Whh": np.clip(dWhh, -clip, clip),
        "Why": np.clip(dWhy, -clip, clip),
        "bh": dbh,
    }


recurring = slipping(
    network,
    draw(x=scaled(0.7, T, 2), Wxh=scaled(0.6, 2, D), Whh=scaled(0.4, D, D), Why=scaled(0.7, D, K), bh=scaled(0.3, D)),
    network_backward,
)


def memory(x: Any, W: Any, U: Any, b: Any) -> Any:
    """An LSTM whose gates stand side by side in the columns of W and U: input, forget, output, candidate."""
    h = np.zeros(K)
    c = np.zeros(K)
    for t in range(len(x)):
        z = x[t] @ W + h @ U + b
        i = 1 / (1 + np.exp(-z[:K]))
        f = 1 / (1 + np.exp(-z[K : 2 * K]))
        o = 1 / (1 + np.exp(-z[2 * K : 3 * K]))
        g = np.tanh(z[3 * K :])
        c = f * c + i * g
        h = o * np.tanh(c)
    loss = np.sum(h**2)
    return loss


def memory_backward(
    x: Any,
    W: Any,
    U: Any,
    b: Any,
    *,
    forget: Step = lambda dc, f: dc * f,
    cell: Step = lambda dh, o, c: dh * o * (1 - np.tanh(c) ** 2),
    carried_cell: float = 1,
    through_output: float = 1,
    old: int = 0,
    candidate: Step = lambda dg, g: dg * (1 - g**2),
    input_gate: Step = lambda di, i: di * i * (1 - i),
    to_input: Step = lambda dc, g, i: dc * g,
    order: tuple[int, ...] = (0, 1, 2, 3),
) -> Arrays:
    h, c, gates = [np.zeros(K)], [np.zeros(K)], []
    for t in range(len(x)):
        z = x[t] @ W + h[-1] @ U + b
        i, f, o = np.split(sigmoid(z[: 3 * K]), 3)
        g = np.tanh(z[3 * K :])
        gates.append((i, f, o, g))
        c.append(f * c[-1] + i * g)
        h.append(o * np.tanh(c[-1]))
    dW, dU, db = np.zeros_like(W), np.zeros_like(U), np.zeros_like(b)
    dh, dc = 2 * h[-1], np.zeros(K)
    for t in reversed(range(len(x))):
        i, f, o, g = gates[t]
        dc = carried_cell * dc + cell(dh, o, c[t + 1])
        do = through_output * dh * np.tanh(c[t + 1]) * o * (1 - o)
        di = input_gate(to_input(dc, g, i), i)
        df = dc * c[t + old] * f * (1 - f)
        dg = candidate(dc * i, g)
        parts = (di, df, do, dg)
        dz = np.concatenate([parts[k] for k in order])
        dW += np.outer(x[t], dz)
        dU += np.outer(h[t], dz)
        db += dz
        dh = dz @ U.T
        dc = forget(dc, f)
    return {"W": dW, "U": dU, "b": db}


remembering = slipping(
    memory,
    draw(x=(5, 2), W=scaled(0.8, 2, 4 * K), U=scaled(0.8, K, 4 * K), b=scaled(0.5, 4 * K)),
    memory_backward,
)


def gated(x: Any, h0: Any, Wz: Any, Wh: Any) -> Any:
    h = h0
    for t in range(len(x)):
        z = 1 / (1 + np.exp(-(x[t] + h @ Wz)))
        n = np.tanh(x[t] + h @ Wh)
        h = (1 - z) * h + z * n
    loss = np.sum(np.sin(h))
    return loss


def gated_backward(
    x: Any,
    h0: Any,
    Wz: Any,
    Wh: Any,
    *,
    kept: float = 1,
    through_gate: float = 1,
    through_candidate: float = 1,
    gate: Step = lambda dh, n, h: dh * (n - h),
    sigmoid_back: Step = lambda dz, z: dz * z * (1 - z),
) -> Arrays:
    h, seen = [h0], []
    for t in range(len(x)):
        z, n = sigmoid(x[t] + h[-1] @ Wz), np.tanh(x[t] + h[-1] @ Wh)
        seen.append((z, n))
        h.append((1 - z) * h[-1] + z * n)
    dWz, dWh, dh = np.zeros_like(Wz), np.zeros_like(Wh), np.cos(h[-1])
    for t in reversed(range(len(x))):
        z, n = seen[t]
        da = sigmoid_back(gate(dh, n, h[t]), z)
        dn = dh * z * (1 - n**2)
        dWz += np.outer(h[t], da)
        dWh += np.outer(h[t], dn)
        dh = kept * dh * (1 - z) + through_gate * da @ Wz.T + through_candidate * dn @ Wh.T
    return {"h0": dh, "Wz": dWz, "Wh": dWh}


gating = slipping(gated, draw(x=(5, D), h0=(D,), Wz=scaled(0.5, D, D), Wh=scaled(0.5, D, D)), gated_backward)


def linear_filter(a: Any, b: Any, u: Any) -> Any:
    s = 0.0
    loss = 0
    for t in range(len(u)):
        s = a * s + b * u[t]
        loss = loss + s**2
    return loss


def linear_filter_backward(a: Any, b: Any, u: Any, *, carry: float = 1, local: float = 1, earlier: int = 0) -> Arrays:
    s = [0.0]
    for t in range(len(u)):
        s.append(a * s[-1] + b * u[t])
    da = db = ds = 0.0
    for t in reversed(range(len(u))):
        ds = carry * ds + local * 2 * s[t + 1]
        da += ds * s[t + earlier]
        db += ds * u[t]
        ds = ds * a
    return {"a": np.asarray(da), "b": np.asarray(db)}


filtering = slipping(
    linear_filter,
    draw(a=lambda rng: np.asarray(rng.uniform(0.5, 0.9)), b=lambda rng: np.asarray(rng.uniform(0.5, 2)), u=(T,)),
    linear_filter_backward,
)


def kalman(r: Any, q: Any, y: Any) -> Any:
    m = 0.0
    P = 1.7
    loss = 0
    for t in range(len(y)):
        P = P + q
        S = P + r
        v = y[t] - m
        loss = loss + 0.5 * (np.log(S) + v**2 / S)
        gain = P / S
        m = m + gain * v
        P = (1 - gain) * P
    return loss


def kalman_sensitivity(
    r: Any, q: Any, y: Any, *, through_mean: float = 1, through_variance: float = 1, log: float = 1, square: float = 1
) -> Arrays:
    """The derivative by r, carried forwards beside the filter."""
    m, P, dm, dP, dr = 0.0, 1.7, 0.0, 0.0, 0.0
    for t in range(len(y)):
        P, S = P + q, P + q + r
        dS = dP + 1
        v, dv = y[t] - m, -dm
        dr += 0.5 * (log * dS / S + 2 * v * dv / S - square * v**2 / S**2 * dS)
        gain, dgain = P / S, dP / S - P / S**2 * dS
        m, dm = m + gain * v, through_mean * (dm + dgain * v + gain * dv)
        P, dP = (1 - gain) * P, through_variance * ((1 - gain) * dP - dgain * P)
    return {"r": np.asarray(dr)}


estimating = slipping(
    kalman,
    draw(r=lambda rng: np.asarray(rng.uniform(0.3, 1.2)), q=lambda rng: np.asarray(rng.uniform(0.1, 0.6)), y=(5,)),
    kalman_sensitivity,
)


def integrated(x: Any, A: Any) -> Any:
    h = 0.1
    for _ in range(5):
        x = x + h * np.tanh(A @ x)
    loss = np.sum(x**2)
    return loss


def integrated_backward(
    x: Any, A: Any, *, identity: float = 1, step: float = 0.1, back: Step = lambda A, g: A.T @ g, start: int = 0
) -> Arrays:
    states = [x]
    for _ in range(5):
        states.append(states[-1] + 0.1 * np.tanh(A @ states[-1]))
    dx, dA = 2 * states[-1], np.zeros_like(A)
    for t in reversed(range(5)):
        dz = step * dx * (1 - np.tanh(A @ states[t]) ** 2)
        dA += np.outer(dz, states[t + start])
        dx = identity * dx + back(A, dz)
    return {"x": dx, "A": dA}


integrating = slipping(integrated, draw(x=(D,), A=(D, D)), integrated_backward)


BEYOND = (
    recurring("X210", "RNN: nothing is carried to the step before", "Whh Wxh", "path-missing", carried=0),
    recurring("X211", "RNN: the state after the step for the one before", "Whh", "wrong-tensor shifted", previous=1),
    recurring("X212", "RNN: the bias of the first step only, = for +=", "bh", "path-missing", bias_assigned=True),
    recurring("X213", "RNN: tanh skipped", "Wxh", "local-factor", tanh=lambda dh, h: dh),
    recurring("X214", "RNN: averaged over the steps", "Why Whh", "averaged factor", divide=T),
    recurring(
        "X215",
        "RNN: the recurrent weight is not transposed",
        "Wxh",
        "operand-not-transposed",
        onwards=lambda dz, Whh: dz @ Whh,
    ),
    recurring(
        "X216",
        "RNN: the state goes back without the recurrent weight",
        "bh",
        "local-factor",
        onwards=lambda dz, Whh: dz,
    ),
    recurring("X217", "RNN: what is carried counted twice", "Wxh", "path-doubled", carried=2),
    remembering("X218", "LSTM: the cell is not carried", "W", "path-missing", carried_cell=0),
    remembering("X219", "LSTM: carried without the forget gate", "U", "local-factor", forget=lambda dc, f: dc),
    remembering("X220", "LSTM: tanh of the cell skipped", "W b", "local-factor", cell=lambda dh, o, c: dh * o),
    remembering("X221", "LSTM: the output gate gets nothing", "b", "path-missing", through_output=0),
    remembering("X222", "LSTM: the new cell in the forget gate's gradient", "U", "wrong-tensor shifted", old=1),
    remembering(
        "X223",
        "LSTM: the candidate's tanh as if it were logistic",
        "W",
        "local-factor",
        candidate=lambda dg, g: dg * g * (1 - g),
    ),
    remembering(
        "X224",
        "LSTM: the gradients of input and forget gate exchanged",
        "b",
        "swapped permuted",
        order=(1, 0, 2, 3),
    ),
    remembering("X225", "LSTM: the input gate's derivative skipped", "W", "local-factor", input_gate=lambda di, i: di),
    remembering(
        "X226",
        "LSTM: the input gate for the candidate",
        "b",
        "wrong-tensor",
        to_input=lambda dc, g, i: dc * i,
    ),
    gating("X227", "GRU: the state that is kept sends nothing back", "h0", "path-missing", kept=0),
    gating("X228", "GRU: no path through the gate", "h0 Wh", "path-missing", through_gate=0),
    gating("X229", "GRU: the gate forgets the state it takes away", "Wz", "path-missing", gate=lambda dh, n, h: dh * n),
    gating("X230", "GRU: h − n for n − h", "Wz", "sign path-sign swapped", gate=lambda dh, n, h: dh * (h - n)),
    gating("X231", "GRU: the gate's derivative skipped", "Wz", "local-factor", sigmoid_back=lambda dz, z: dz),
    filtering("X232", "linear filter: the state taken for a constant", "b", "path-missing", carry=0),
    filtering("X233", "linear filter: the state after the step", "a", "wrong-tensor shifted", earlier=1),
    filtering("X234", "linear filter: the square without its 2", "a b", "factor", local=0.5),
    estimating(
        "X235",
        "Kalman filter: the variance that is carried taken for a constant",
        "r",
        "path-missing",
        through_variance=0,
    ),
    estimating(
        "X236", "Kalman filter: the mean that is carried taken for a constant", "r", "path-missing", through_mean=0
    ),
    estimating("X237", "Kalman filter: the log-determinant's term lost", "r", "path-missing", log=0),
    estimating("X238", "Kalman filter: the sign of the quadratic term", "r", "path-sign", square=-1),
    integrating("X239", "Euler steps: the state itself sends nothing back", "A", "path-missing", identity=0),
    integrating("X240", "Euler steps: the step size forgotten", "x", "factor local-factor path-doubled", step=1.0),
    integrating(
        "X241", "Euler steps: the matrix is not transposed", "x A", "operand-not-transposed", back=lambda A, g: A @ g
    ),
    integrating("X242", "Euler steps: the state after the step", "A", "wrong-tensor shifted", start=1),
    Case(
        "X243",
        "Euler steps: the matrix's gradient turned",
        integrated,
        draw(x=(D,), A=(D, D)),
        about=("A",),
        claimed=lambda x, A: {"A": integrated_backward(x, A)["A"].T},
        right=lambda x, A: {"A": integrated_backward(x, A)["A"]},
        accepted=("transposed",),
    ),
)
