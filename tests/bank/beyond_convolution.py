"""Mistakes in convolutions, pooling, stencils and what else moves a window over an array."""

# ruff: noqa: RET504  (a value has a name before it is returned: checkers speak in the names of variables)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.bank.case import Arrays, Case, D, N, T, draw, slipping

__all__ = ["BEYOND"]

Step = Callable[..., Any]
ROWS, COLUMNS, FILTERS = 6, 7, 2


def convolution(x: Any, w: Any, b: Any) -> Any:
    rows, columns = x.shape[0] - w.shape[1] + 1, x.shape[1] - w.shape[2] + 1
    patches = np.stack(
        [x[i : i + w.shape[1], j : j + w.shape[2]].reshape(-1) for i in range(rows) for j in range(columns)]
    )
    y = patches @ w.reshape(len(w), -1).T + b
    L = np.sum(np.tanh(y) ** 2)
    return L


def convolution_backward(
    x: Any,
    w: Any,
    b: Any,
    *,
    kernel: Step = lambda w: w,
    onto: str = "+=",
    bias: Step = lambda dy: dy.sum(axis=(1, 2)),
    offset: int = 0,
    activation: Step = lambda a: 2 * a * (1 - a**2),
    last: bool = True,
) -> Arrays:
    _, height, width = w.shape
    rows, columns = x.shape[0] - height + 1, x.shape[1] - width + 1
    a = np.zeros((len(w), rows, columns))
    for i in range(rows):
        for j in range(columns):
            a[:, i, j] = np.tanh((w * x[i : i + height, j : j + width]).sum(axis=(1, 2)) + b)
    dy = activation(a)
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(rows if last else rows - 1):
        for j in range(columns):
            part = np.einsum("f,fij->ij", dy[:, i, j], kernel(w))
            if onto == "+=":
                dx[i : i + height, j : j + width] += part
            else:
                dx[i : i + height, j : j + width] = part
            r, c = (i + offset) % (rows), (j + offset) % (columns)
            dw += dy[:, i, j, None, None] * x[r : r + height, c : c + width]
    return {"x": dx, "w": dw, "b": bias(dy)}


convolving = slipping(convolution, draw(x=(ROWS, COLUMNS), w=(FILTERS, 3, 3), b=(FILTERS,)), convolution_backward)


def strided(x: Any, k: Any) -> Any:
    y = np.stack([np.sum(x[2 * t : 2 * t + len(k)] * k) for t in range((len(x) - len(k)) // 2 + 1)])
    return y


def strided_gradient(x: Any, k: Any, upstream: Any, stride: int = 2) -> Arrays:
    dx = np.zeros_like(x)
    dk = np.zeros_like(k)
    for t in range(len(upstream)):
        dx[stride * t : stride * t + len(k)] += upstream[t] * k
        dk += upstream[t] * x[stride * t : stride * t + len(k)]
    return {"x": dx, "k": dk}


def max_pool(x: Any) -> Any:
    windows = x.reshape(len(x), -1, 3)
    y = windows.max(axis=2)
    return y


def max_pool_gradient(x: Any, upstream: Any) -> Arrays:
    windows = x.reshape(len(x), -1, 3)
    chosen = windows == windows.max(axis=2, keepdims=True)
    return {"x": (chosen * upstream[:, :, None]).reshape(x.shape)}


def mean_pool(x: Any) -> Any:
    y = x.reshape(len(x), -1, 3).mean(axis=2)
    return y


def global_mean_pool(x: Any, w: Any) -> Any:
    pooled = x.mean(axis=(1, 2))
    L = np.sum(np.tanh(pooled * w))
    return L


def second_difference(u: Any) -> Any:
    lap = u[2:] - 2 * u[1:-1] + u[:-2]
    L = 0.5 * np.sum(lap**2)
    return L


def second_difference_gradient(u: Any, middle: float = -2.0, edges: bool = True) -> Arrays:
    lap = u[2:] - 2 * u[1:-1] + u[:-2]
    du = np.zeros_like(u)
    du[2:] += lap
    du[1:-1] += middle * lap
    if edges:
        du[:-2] += lap
    return {"u": du}


def central_flux(u: Any) -> Any:
    f = u**2 / 2
    y = (np.roll(f, -1) - np.roll(f, 1)) / 2
    return y


def steps_between(x: Any) -> Any:
    d = np.diff(x)
    return d


def padded(x: Any) -> Any:
    y = np.pad(x, 2)
    return y


def upsampled(x: Any) -> Any:
    y = np.repeat(x, 3)
    return y


def smoothed(x: Any) -> Any:
    y = (x[:-2] + x[1:-1] + x[2:]) / 3
    L = np.sum(np.exp(-y))
    return L


def smoothed_gradient(x: Any, shift: int = 0, third: float = 1 / 3) -> Arrays:
    y = (x[:-2] + x[1:-1] + x[2:]) / 3
    dy = -np.exp(-y)
    dx = np.zeros_like(x)
    for offset in range(3):
        dx[offset : offset + len(dy)] += third * dy
    return {"x": np.roll(dx, shift)}


BEYOND = (
    convolving("X180", "2-D convolution: windows overwrite each other", "x", "path-missing", onto="="),
    convolving(
        "X181",
        "2-D convolution: the kernel turned around on the way back",
        "x",
        "permuted operand-not-transposed shifted",
        kernel=lambda w: w[:, ::-1, ::-1],
    ),
    convolving(
        "X182",
        "2-D convolution: the kernel transposed on the way back",
        "x",
        "transposed operand-not-transposed permuted",
        kernel=lambda w: np.swapaxes(w, 1, 2),
    ),
    convolving(
        "X183", "2-D convolution: the bias averaged", "b", "averaged factor", bias=lambda dy: dy.mean(axis=(1, 2))
    ),
    convolving(
        "X184", "2-D convolution: the bias not summed over columns", "b", "missing-sum", bias=lambda dy: dy.sum(axis=1)
    ),
    convolving("X185", "2-D convolution: the kernel's windows are off by one", "w", "shifted permuted", offset=1),
    convolving("X186", "2-D convolution: the last row of windows forgotten", "w x", "path-missing", last=False),
    convolving(
        "X187",
        "2-D convolution: tanh skipped",
        "w",
        "local-factor",
        activation=lambda a: 2 * a,
    ),
    Case(
        "X188",
        "stride two: the way back takes steps of one",
        strided,
        draw(x=(T,), k=(3,)),
        about=("x",),
        claimed=lambda x, k, upstream: {"x": strided_gradient(x, k, upstream, stride=1)["x"]},
        right=lambda x, k, upstream: {"x": strided_gradient(x, k, upstream)["x"]},
        accepted=("shifted", "permuted"),
        upstream=True,
    ),
    Case(
        "X189",
        "max pooling: shared among the window",
        max_pool,
        draw(x=(N, 9)),
        about=("x",),
        claimed=lambda x, upstream: {"x": np.repeat(upstream, 3, axis=1) / 3},
        right=max_pool_gradient,
        accepted=("mask-missing", "wrong-mask", "averaged"),
        upstream=True,
    ),
    Case(
        "X190",
        "max pooling: where the maximum of the whole row is",
        max_pool,
        draw(x=(N, 9)),
        about=("x",),
        claimed=lambda x, upstream: {"x": np.repeat(upstream, 3, axis=1) * (x == x.max(axis=1, keepdims=True))},
        right=max_pool_gradient,
        accepted=("wrong-mask", "path-missing", "wrong-axis"),
        upstream=True,
    ),
    Case(
        "X191",
        "max pooling: to the smallest of the window",
        max_pool,
        draw(x=(N, 9)),
        about=("x",),
        claimed=lambda x, upstream: max_pool_gradient(-x, upstream),
        right=max_pool_gradient,
        accepted=("wrong-mask", "permuted"),
        upstream=True,
    ),
    Case(
        "X192",
        "mean pooling: not divided by the window",
        mean_pool,
        draw(x=(N, 9)),
        about=("x",),
        claimed=lambda x, upstream: {"x": np.repeat(upstream, 3, axis=1)},
        right=lambda x, upstream: {"x": np.repeat(upstream, 3, axis=1) / 3},
        accepted=("factor",),
        upstream=True,
    ),
    Case(
        "X193",
        "mean pooling: tiled where it should be repeated",
        mean_pool,
        draw(x=(N, 9)),
        about=("x",),
        claimed=lambda x, upstream: {"x": np.tile(upstream, 3) / 3},
        right=lambda x, upstream: {"x": np.repeat(upstream, 3, axis=1) / 3},
        accepted=("permuted", "shifted"),
        upstream=True,
    ),
    Case(
        "X194",
        "global mean pooling: divided by one side of the image",
        global_mean_pool,
        draw(x=(2, D, N), w=(2,)),
        about=("x",),
        claimed=lambda x, w: {
            "x": ((1 - np.tanh(x.mean(axis=(1, 2)) * w) ** 2) * w)[:, None, None] * np.ones_like(x) / D
        },
        right=lambda x, w: {
            "x": ((1 - np.tanh(x.mean(axis=(1, 2)) * w) ** 2) * w)[:, None, None] * np.ones_like(x) / (D * N)
        },
        accepted=("factor",),
    ),
    Case(
        "X195",
        "second difference: 2 for −2 in the middle",
        second_difference,
        draw(u=(T,)),
        about=("u",),
        claimed=lambda u: second_difference_gradient(u, middle=2.0),
        right=second_difference_gradient,
        accepted=("path-sign",),
    ),
    Case(
        "X196",
        "second difference: the neighbour on one side forgotten",
        second_difference,
        draw(u=(T,)),
        about=("u",),
        claimed=lambda u: second_difference_gradient(u, edges=False),
        right=second_difference_gradient,
        accepted=("path-missing",),
    ),
    Case(
        "X197",
        "central flux: rolled the same way back as there",
        central_flux,
        draw(u=(T,)),
        about=("u",),
        claimed=lambda u, upstream: {"u": u * (np.roll(upstream, -1) - np.roll(upstream, 1)) / 2},
        right=lambda u, upstream: {"u": u * (np.roll(upstream, 1) - np.roll(upstream, -1)) / 2},
        accepted=("sign", "permuted", "shifted"),
        upstream=True,
    ),
    Case(
        "X198",
        "differences: only the later of the two",
        steps_between,
        draw(x=(T,)),
        about=("x",),
        claimed=lambda x, upstream: {"x": np.concatenate([[0.0], upstream])},
        right=lambda x, upstream: {"x": np.concatenate([[0.0], upstream]) - np.concatenate([upstream, [0.0]])},
        accepted=("path-missing",),
        upstream=True,
    ),
    Case(
        "X199",
        "padding: cut off at one end only",
        padded,
        draw(x=(T,)),
        about=("x",),
        claimed=lambda x, upstream: {"x": upstream[: len(x)]},
        right=lambda x, upstream: {"x": upstream[2:-2]},
        accepted=("shifted",),
        upstream=True,
    ),
    Case(
        "X200",
        "repetition: one of the copies taken, not their sum",
        upsampled,
        draw(x=(N,)),
        about=("x",),
        claimed=lambda x, upstream: {"x": upstream[::3]},
        right=lambda x, upstream: {"x": upstream.reshape(-1, 3).sum(axis=1)},
        accepted=("path-missing", "missing-sum"),
        upstream=True,
    ),
    Case(
        "X201",
        "moving average: shifted by one",
        smoothed,
        draw(x=(T,)),
        about=("x",),
        claimed=lambda x: smoothed_gradient(x, shift=1),
        right=smoothed_gradient,
        accepted=("shifted",),
    ),
    Case(
        "X202",
        "moving average: not divided by three",
        smoothed,
        draw(x=(T,)),
        about=("x",),
        claimed=lambda x: smoothed_gradient(x, third=1.0),
        right=smoothed_gradient,
        accepted=("factor",),
    ),
)
