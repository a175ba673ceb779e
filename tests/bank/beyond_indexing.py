"""Mistakes where entries are sorted, clipped, chosen, stacked, turned or counted."""

# ruff: noqa: RET504  (a value has a name before it is returned: checkers speak in the names of variables)

from __future__ import annotations

from typing import Any

import numpy as np

from tests.bank.case import Arrays, Case, D, K, N, T, draw, positive

__all__ = ["BEYOND"]

ORDER = np.array([3, 0, 4, 1, 2])
GROUP = np.array([0, 2, 1, 1, 0, 2, 2])
STEPS = np.arange(T)
CHOSEN = np.array([True, False, True, True, False, True, False])


def sorted_loss(x: Any, w: Any) -> Any:
    s = np.sort(x)
    L = np.sum(w * s)
    return L


def sorted_gradient(x: Any, w: Any) -> Arrays:
    dx = np.zeros_like(x)
    dx[np.argsort(x)] = w
    return {"x": dx}


def permuted(X: Any) -> Any:
    Y = X[:, ORDER]
    return Y


def permuted_gradient(X: Any, upstream: Any) -> Arrays:
    dX = np.zeros_like(X)
    dX[:, ORDER] = upstream
    return {"X": dX}


def selected(x: Any) -> Any:
    y = x[CHOSEN]
    return y


def selected_gradient(x: Any, upstream: Any) -> Arrays:
    dx = np.zeros_like(x)
    dx[CHOSEN] = upstream
    return {"x": dx}


def front(x: Any, upstream: Any) -> Arrays:
    dx = np.zeros_like(x)
    dx[: len(upstream)] = upstream
    return {"x": dx}


def branches(a: Any, b: Any) -> Any:
    y = np.where(a > b, a**2, b**3)
    return y


def branches_gradient(a: Any, b: Any, upstream: Any) -> Arrays:
    return {"a": upstream * (a > b) * 2 * a, "b": upstream * (a <= b) * 3 * b**2}


def larger(a: Any, b: Any) -> Any:
    y = np.maximum(a, b)
    return y


def clipped(x: Any, w: Any) -> Any:
    c = np.clip(x, -0.5, 0.8)
    L = np.sum(c * w)
    return L


def rolled(x: Any) -> Any:
    y = np.roll(x, 2)
    return y


def running_product(x: Any) -> Any:
    y = np.prod(x)
    return y


def concatenated(a: Any, b: Any) -> Any:
    y = np.concatenate([a, b])
    return y


def turned(X: Any, W: Any) -> Any:
    Y = X.T @ W
    return Y


def flattened(X: Any) -> Any:
    y = X.reshape(-1)
    return y


def group_means(x: Any) -> Any:
    totals = np.stack([x[np.flatnonzero(k == GROUP)].sum(axis=0) for k in range(K)])
    y = totals / np.bincount(GROUP)[:, None]
    return y


def upper(A: Any) -> Any:
    L = np.sum(np.triu(A) ** 2)
    return L


def stretched(row: Any, X: Any) -> Any:
    Y = X - row
    L = np.sum(Y**2)
    return L


def column_scaled(d: Any, X: Any) -> Any:
    Y = d[:, None] * X
    return Y


def outer_sum(a: Any, b: Any) -> Any:
    S = np.tanh(a[:, None] + b[None, :])
    return S


def outer_sum_gradient(a: Any, b: Any, upstream: Any, axes: tuple[int, int] = (1, 0)) -> Arrays:
    dS = upstream * (1 - np.tanh(a[:, None] + b[None, :]) ** 2)
    return {"a": dS.sum(axis=axes[0]), "b": dS.sum(axis=axes[1])}


def shared_scale(s: Any, X: Any) -> Any:
    Y = np.exp(s * X)
    return Y


def pairwise(x: Any) -> Any:
    d = x[:, None] - x[None, :]
    L = np.sum(d**4)
    return L


def weighted_mean(w: Any, x: Any) -> Any:
    y = np.sum(w * x) / np.sum(w)
    return y


def later_sum(x: Any) -> Any:
    s = np.cumsum(np.tanh(x))
    L = np.sum(s**2)
    return L


def later_sum_gradient(x: Any, direction: int = -1) -> Arrays:
    ds = 2 * np.cumsum(np.tanh(x))
    return {"x": np.cumsum(ds[::direction])[::direction] * (1 - np.tanh(x) ** 2)}


def discounted(r: Any) -> Any:
    G = 0
    for t in reversed(range(T)):
        G = r[t] + 0.9 * G
    L = G**2
    return L


def discounted_gradient(r: Any, powers: Any = STEPS) -> Arrays:
    G = np.sum(0.9**STEPS * r)
    return {"r": 2 * G * 0.9**powers}


BEYOND = (
    Case(
        "X300",
        "sorting: the weights handed back in sorted order",
        sorted_loss,
        draw(x=(N,), w=(N,)),
        about=("x",),
        claimed=lambda x, w: {"x": w},
        right=sorted_gradient,
        accepted=("permuted", "local-factor"),
    ),
    Case(
        "X301",
        "sorting: the permutation applied again instead of undone",
        sorted_loss,
        draw(x=(N,), w=(N,)),
        about=("x",),
        claimed=lambda x, w: {"x": w[np.argsort(x)]},
        right=sorted_gradient,
        accepted=("permuted", "operand-not-transposed"),
    ),
    Case(
        "X302",
        "columns in another order: ordered again instead of back",
        permuted,
        draw(X=(N, D)),
        about=("X",),
        claimed=lambda X, upstream: {"X": upstream[:, ORDER]},
        right=permuted_gradient,
        accepted=("permuted", "operand-not-transposed"),
        upstream=True,
    ),
    Case(
        "X303",
        "a selection: put back at the front",
        selected,
        draw(x=(N,)),
        about=("x",),
        claimed=front,
        right=selected_gradient,
        accepted=("permuted", "shifted"),
        upstream=True,
    ),
    Case(
        "X304",
        "where: both branches get everything",
        branches,
        draw(a=(N, D), b=(N, D)),
        about=("a", "b"),
        claimed=lambda a, b, upstream: {"a": upstream * 2 * a, "b": upstream * 3 * b**2},
        right=branches_gradient,
        accepted=("mask-missing",),
        upstream=True,
    ),
    Case(
        "X305",
        "where: the branches' masks exchanged",
        branches,
        draw(a=(N, D), b=(N, D)),
        about=("a", "b"),
        claimed=lambda a, b, upstream: {"a": upstream * (a <= b) * 2 * a, "b": upstream * (a > b) * 3 * b**2},
        right=branches_gradient,
        accepted=("wrong-mask", "swapped"),
        upstream=True,
    ),
    Case(
        "X306",
        "the larger of two: masked by what is above zero",
        larger,
        draw(a=(N, D), b=(N, D)),
        about=("a",),
        claimed=lambda a, b, upstream: {"a": upstream * (a > 0)},
        right=lambda a, b, upstream: {"a": upstream * (a > b)},
        accepted=("wrong-mask",),
        upstream=True,
    ),
    Case(
        "X307",
        "clip: the mask is missing",
        clipped,
        draw(x=(N, D), w=(N, D)),
        about=("x",),
        claimed=lambda x, w: {"x": w},
        right=lambda x, w: {"x": w * ((x > -0.5) & (x < 0.8))},
        accepted=("mask-missing",),
    ),
    Case(
        "X308",
        "clip: the gradient clipped, not masked",
        clipped,
        draw(x=(N, D), w=(N, D)),
        about=("x",),
        claimed=lambda x, w: {"x": np.clip(w, -0.5, 0.8)},
        right=lambda x, w: {"x": w * ((x > -0.5) & (x < 0.8))},
        accepted=("wrong-mask", "mask-missing", "local-factor"),
    ),
    Case(
        "X309",
        "roll: in the same direction on the way back",
        rolled,
        draw(x=(N,)),
        about=("x",),
        claimed=lambda x, upstream: {"x": np.roll(upstream, 2)},
        right=lambda x, upstream: {"x": np.roll(upstream, -2)},
        accepted=("shifted", "permuted", "operand-not-transposed"),
        upstream=True,
    ),
    Case(
        "X310",
        "product of all: the whole product for that of the others",
        running_product,
        draw(x=positive(N)),
        about=("x",),
        claimed=lambda x: {"x": np.prod(x) * np.ones_like(x)},
        right=lambda x: {"x": np.prod(x) / x},
        accepted=("local-factor",),
    ),
    Case(
        "X311",
        "concatenation: the parts cut in the wrong order",
        concatenated,
        draw(a=(D,), b=(D,)),
        about=("a", "b"),
        claimed=lambda a, b, upstream: {"a": upstream[D:], "b": upstream[:D]},
        right=lambda a, b, upstream: {"a": upstream[:D], "b": upstream[D:]},
        accepted=("swapped", "permuted", "shifted"),
        upstream=True,
    ),
    Case(
        "X312",
        "transpose before a product: its gradient is not turned back",
        turned,
        draw(X=(N, D), W=(N, K)),
        about=("X",),
        claimed=lambda X, W, upstream: {"X": upstream @ W.T},
        right=lambda X, W, upstream: {"X": W @ upstream.T},
        accepted=("transposed",),
        upstream=True,
    ),
    Case(
        "X313",
        "flattened by rows, restored by columns",
        flattened,
        draw(X=(N, D)),
        about=("X",),
        claimed=lambda X, upstream: {"X": upstream.reshape(D, N).T},
        right=lambda X, upstream: {"X": upstream.reshape(N, D)},
        accepted=("permuted", "transposed"),
        upstream=True,
    ),
    Case(
        "X314",
        "means of groups: not divided by the size of the group",
        group_means,
        draw(x=(N, D)),
        about=("x",),
        claimed=lambda x, upstream: {"x": upstream[GROUP]},
        right=lambda x, upstream: {"x": (upstream / np.bincount(GROUP)[:, None])[GROUP]},
        accepted=("local-factor", "factor"),
        upstream=True,
    ),
    Case(
        "X315",
        "means of groups: divided by the number of groups",
        group_means,
        draw(x=(N, D)),
        about=("x",),
        claimed=lambda x, upstream: {"x": upstream[GROUP] / K},
        right=lambda x, upstream: {"x": (upstream / np.bincount(GROUP)[:, None])[GROUP]},
        accepted=("local-factor", "factor"),
        upstream=True,
    ),
    Case(
        "X316",
        "upper triangle: the lower one gets a gradient too",
        upper,
        draw(A=(D, D)),
        about=("A",),
        claimed=lambda A: {"A": 2 * A},
        right=lambda A: {"A": 2 * np.triu(A)},
        accepted=("mask-missing",),
    ),
    Case(
        "X317",
        "upper triangle: the lower one masked in",
        upper,
        draw(A=(D, D)),
        about=("A",),
        claimed=lambda A: {"A": 2 * np.tril(A)},
        right=lambda A: {"A": 2 * np.triu(A)},
        accepted=("wrong-mask",),
    ),
    Case(
        "X318",
        "a row subtracted from all: neither summed nor turned in sign",
        stretched,
        draw(row=(D,), X=(N, D)),
        about=("row",),
        claimed=lambda row, X: {"row": 2 * (X - row).sum(axis=0)},
        right=lambda row, X: {"row": -2 * (X - row).sum(axis=0)},
        accepted=("sign",),
    ),
    Case(
        "X319",
        "a row subtracted from all: averaged",
        stretched,
        draw(row=(D,), X=(N, D)),
        about=("row",),
        claimed=lambda row, X: {"row": -2 * (X - row).mean(axis=0)},
        right=lambda row, X: {"row": -2 * (X - row).sum(axis=0)},
        accepted=("averaged", "factor"),
    ),
    Case(
        "X320",
        "rows scaled: the scale's gradient without what it scales",
        column_scaled,
        draw(d=(N,), X=(N, D)),
        about=("d",),
        claimed=lambda d, X, upstream: {"d": upstream.sum(axis=1)},
        right=lambda d, X, upstream: {"d": (upstream * X).sum(axis=1)},
        accepted=("local-factor",),
        upstream=True,
    ),
    Case(
        "X321",
        "rows scaled: summed before it is multiplied",
        column_scaled,
        draw(d=(N,), X=(N, D)),
        about=("d",),
        claimed=lambda d, X, upstream: {"d": upstream.sum(axis=1) * X.sum(axis=1)},
        right=lambda d, X, upstream: {"d": (upstream * X).sum(axis=1)},
        accepted=("extra-sum", "local-factor"),
        upstream=True,
    ),
    Case(
        "X322",
        "rows scaled: the scale not multiplied on the way to the rows",
        column_scaled,
        draw(d=(N,), X=(N, D)),
        about=("X",),
        claimed=lambda d, X, upstream: {"X": upstream},
        right=lambda d, X, upstream: {"X": upstream * d[:, None]},
        accepted=("local-factor",),
        upstream=True,
    ),
    Case(
        "X323",
        "a sum table: the axes of the two sums exchanged",
        outer_sum,
        draw(a=(N,), b=(N,)),
        about=("a", "b"),
        claimed=lambda a, b, upstream: outer_sum_gradient(a, b, upstream, axes=(0, 1)),
        right=outer_sum_gradient,
        accepted=("wrong-axis", "swapped"),
        upstream=True,
    ),
    Case(
        "X324",
        "a sum table: not summed for the rows",
        outer_sum,
        draw(a=(N,), b=(D,)),
        about=("a",),
        claimed=lambda a, b, upstream: {"a": upstream * (1 - np.tanh(a[:, None] + b[None, :]) ** 2)},
        right=lambda a, b, upstream: {"a": outer_sum_gradient(a, b, upstream)["a"]},
        accepted=("missing-sum",),
        upstream=True,
    ),
    Case(
        "X325",
        "one scale for all: an array for a number",
        shared_scale,
        draw(s=lambda rng: np.asarray(rng.uniform(0.5, 1.5)), X=(N, D)),
        about=("s",),
        claimed=lambda s, X, upstream: {"s": (upstream * np.exp(s * X) * X).sum(axis=0)},
        right=lambda s, X, upstream: {"s": (upstream * np.exp(s * X) * X).sum()},
        accepted=("missing-sum",),
        upstream=True,
    ),
    Case(
        "X326",
        "one scale for all: the inner derivative forgotten",
        shared_scale,
        draw(s=lambda rng: np.asarray(rng.uniform(0.5, 1.5)), X=(N, D)),
        about=("s",),
        claimed=lambda s, X, upstream: {"s": (upstream * np.exp(s * X)).sum()},
        right=lambda s, X, upstream: {"s": (upstream * np.exp(s * X) * X).sum()},
        accepted=("local-factor",),
        upstream=True,
    ),
    Case(
        "X327",
        "pairs: each point counted as the first of a pair only",
        pairwise,
        draw(x=(N,)),
        about=("x",),
        claimed=lambda x: {"x": 4 * ((x[:, None] - x[None, :]) ** 3).sum(axis=1)},
        right=lambda x: {"x": 8 * ((x[:, None] - x[None, :]) ** 3).sum(axis=1)},
        accepted=("path-missing", "factor"),
    ),
    Case(
        "X328",
        "weighted mean: the weights in the denominator taken for constants",
        weighted_mean,
        draw(w=positive(N), x=(N,)),
        about=("w",),
        claimed=lambda w, x: {"w": x / w.sum()},
        right=lambda w, x: {"w": (x - (w * x).sum() / w.sum()) / w.sum()},
        accepted=("path-missing",),
    ),
    Case(
        "X329",
        "weighted mean: not divided by the sum of the weights",
        weighted_mean,
        draw(w=positive(N), x=(N,)),
        about=("x",),
        claimed=lambda w, x: {"x": w},
        right=lambda w, x: {"x": w / w.sum()},
        accepted=("factor", "local-factor"),
    ),
    Case(
        "X330",
        "running sums in a loss: summed forwards on the way back",
        later_sum,
        draw(x=(T,)),
        about=("x",),
        claimed=lambda x: later_sum_gradient(x, direction=1),
        right=later_sum_gradient,
        accepted=("permuted", "operand-not-transposed", "shifted"),
    ),
    Case(
        "X331",
        "discounted return: the powers in reverse",
        discounted,
        draw(r=(T,)),
        about=("r",),
        claimed=lambda r: discounted_gradient(r, STEPS[::-1]),
        right=discounted_gradient,
        accepted=("permuted",),
    ),
    Case(
        "X332",
        "discounted return: the powers start at one",
        discounted,
        draw(r=(T,)),
        about=("r",),
        claimed=lambda r: discounted_gradient(r, STEPS + 1),
        right=discounted_gradient,
        accepted=("factor", "shifted"),
    ),
)
