"""Per-sample gradients of a small network, and their norms: for each layer two vectors, never multiplied out."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.structured.problem import Call, Family, Form, Goal, Problem, generator

LAYERS = (784, 128, 128, 10)
WEIGHTS = tuple(range(2 * (len(LAYERS) - 1)))  # the arguments that are differentiated: W₁, b₁, W₂, b₂, …


def function(xp: Any, *point: Any) -> Any:
    """The loss of each example: softmax cross-entropy with a one-hot target, the last of the arguments."""
    *parameters, X, target = point
    a = X
    for k in range(0, len(parameters) - 2, 2):
        a = xp.tanh(a @ parameters[k].T + parameters[k + 1])
    z = a @ parameters[-2].T + parameters[-1]
    return xp.log(xp.sum(xp.exp(z), 1)) - xp.sum(z * target, 1)


def factors(*point: Any) -> tuple[list[Any], list[Any]]:
    """By hand: for each layer δ, ∂loss/∂(its input sum), and a, what comes into it."""
    *parameters, X, target = point
    weights, biases = parameters[::2], parameters[1::2]
    inputs = [X]
    for W, b in zip(weights[:-1], biases[:-1], strict=True):
        inputs.append(np.tanh(inputs[-1] @ W.T + b))
    chance = np.exp(inputs[-1] @ weights[-1].T + biases[-1])
    chance /= chance.sum(1, keepdims=True)
    deltas = [chance - target]
    for W, a in zip(weights[:0:-1], inputs[:0:-1], strict=True):
        deltas.append((deltas[-1] @ W) * (1 - a * a))
    return deltas[::-1], inputs


def ordinary(*point: Any) -> list[Any]:
    """One ordinary gradient, of the sum of the losses."""
    return [part for d, a in zip(*factors(*point), strict=True) for part in (d.T @ a, d.sum(0))]


def materialised(*point: Any) -> list[Any]:
    """Every gradient written out."""
    return [part for d, a in zip(*factors(*point), strict=True) for part in (d[:, :, None] * a[:, None, :], d)]


def norms(*point: Any) -> Any:
    """The norms by hand: ‖δ aᵀ‖² = ‖δ‖²‖a‖², and ‖δ‖² for the bias."""
    squares = [(d * d).sum(1) * ((a * a).sum(1) + 1) for d, a in zip(*factors(*point), strict=True)]
    return np.sqrt(np.sum(squares, axis=0))


def our_norms(blocks: Any) -> Any:
    """The same from the kept maps."""
    return np.sqrt(np.sum([J.row_norms() ** 2 for J in blocks], axis=0))


def all_dense(blocks: Any) -> list[Any]:
    """The maps written out."""
    return [J.dense() for J in blocks]


def points(batch: int) -> list[tuple[Any, ...]]:
    """Three sets of parameters and examples."""
    draw, found = generator(batch), []
    for _ in range(3):
        parameters = []
        for inputs, outputs in pairwise(LAYERS):
            parameters += [draw.normal(size=(outputs, inputs)) / inputs**0.5, 0.1 * draw.normal(size=outputs)]
        target = np.eye(LAYERS[-1])[draw.integers(0, LAYERS[-1], batch)]
        found.append((*parameters, draw.normal(size=(batch, LAYERS[0])), target))
    return found


def mapped_in_jax(square: bool) -> Call:
    """vmap of grad, by JAX, and if wanted the norms of what it gives."""

    def build(problem: Problem, point: Any) -> Any:
        import jax  # noqa: PLC0415
        import jax.numpy as jnp  # noqa: PLC0415

        def one(parameters: Any, x: Any, target: Any) -> Any:
            gradients = jax.grad(lambda p: function(jnp, *p, x[None], target[None])[0])(parameters)
            return jnp.sqrt(sum(jnp.sum(g * g) for g in gradients)) if square else gradients

        mapped = jax.jit(jax.vmap(one, (None, 0, 0)))
        return lambda *point: mapped(point[:-2], *point[-2:])

    return build


def mapped_in_torch(square: bool) -> Call:
    """vmap of grad, by PyTorch."""

    def build(problem: Problem, point: Any) -> Any:
        import torch  # noqa: PLC0415

        def loss(parameters: Any, x: Any, target: Any) -> Any:
            return function(torch, *parameters, x[None], target[None])[0]

        def one(parameters: Any, x: Any, target: Any) -> Any:
            gradients = torch.func.grad(loss)(parameters, x, target)
            return torch.sqrt(sum((g * g).sum() for g in gradients)) if square else gradients

        mapped = torch.func.vmap(one, (None, 0, 0))
        return lambda *point: mapped(tuple(point[:-2]), *point[-2:])

    return build


def as_arrays(result: Any) -> Any:
    """What a peer returned, as NumPy arrays."""
    return [np.asarray(one) for one in result] if isinstance(result, list | tuple) else np.asarray(result)


def problem(batch: int, row: str, forms: dict[str, Form], reference: Call, square: bool) -> Problem:
    """A row on this network; ``square``: whether peers are asked for the norms."""
    return Problem(
        row=row,
        size=f"{'-'.join(map(str, LAYERS))}, batch {batch:,}",
        function=function,
        order="jacobian",
        points=points(batch),
        forms=forms,
        reference=reference,
        argnums=WEIGHTS,
        peers=("jax, vmap(grad)", "torch, vmap(grad)"),
        custom={
            "jax, vmap(grad)": (mapped_in_jax(square), as_arrays),
            "torch, vmap(grad)": (mapped_in_torch(square), as_arrays),
        },
    )


def make(batch: int) -> Problem:
    kept = Form(
        ordinary,
        shown=all_dense,
        expected=materialised,
        also={"factors": factors, "written out": materialised},
        goal=Goal(ratio=1),
    )
    return problem(batch, "per-sample gradients", {"kept": kept}, materialised, square=False)


def make_norms(batch: int) -> Problem:
    forms = {"norms": Form(norms, our_norms, goal=Goal(ratio=1.3))}
    return problem(batch, "per-sample gradient norms", forms, norms, square=True)


GROWTH = (3, 10, 30, 100, 300, 1000, 3000)
FAMILIES = {"per_sample": Family(make, (64,), GROWTH[:5], 3), "norms": Family(make_norms, (64,), GROWTH, 3)}
