"""The printed source: it takes and returns what the function takes, and is what a person would write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest

import chainrule as cr
from chainrule.explain.derivation import Derivation
from chainrule.explain.derive import derive
from chainrule.explain.shared import with_names
from chainrule.transforms.trees import flatten, skeleton

RNG = np.random.default_rng(0)
X = RNG.normal(size=(7, 4))
T = 5  # a whole number that the functions here do not read, though they read transposes


class Layer(NamedTuple):
    """The parameters of a layer."""

    W: Any
    b: Any


def layer(rows: int, columns: int) -> Layer:
    return Layer(RNG.normal(size=(rows, columns)), RNG.normal(size=columns))


def assert_source_is_the_gradient(function: Callable[..., Any], arguments: Sequence[Any]) -> Derivation:
    """The source computes what `cr.grad` does, in the structure of the arguments; the derivation."""
    derivation = derive(function)(*arguments)
    found = derivation.function()(*derivation.arguments)
    found = found if len(arguments) > 1 else (found,)
    expected = cr.grad(function, argnums=tuple(range(len(arguments))))(*arguments)
    values, structure = flatten(tuple(found))
    right, right_structure = flatten(tuple(expected))
    assert skeleton(structure) == skeleton(right_structure)
    for value, truth in zip(values, right, strict=True):
        np.testing.assert_allclose(value, truth, rtol=1e-9, atol=1e-9)
    return derivation


def of_dicts(params: Any, X: Any) -> Any:
    h = X
    for p in params:
        h = np.tanh(h @ p["W"] + p["b"])
    return np.sum(h**2)


def of_layers(params: Any, X: Any) -> Any:
    h = X
    for p in params:
        h = np.tanh(h @ p.W + p.b)
    return np.sum(h**2)


def of_arrays(Ws: Any, X: Any) -> Any:
    h = X
    for W in Ws:
        h = np.tanh(h @ W)
    return np.sum(h)


def of_pairs(pairs: Any, X: Any) -> Any:
    (W, b), (V, c) = pairs
    return np.sum(np.tanh(X @ W + b) @ V + c)


def of_a_dict(params: Any, X: Any) -> Any:
    return np.sum(np.tanh(X @ params["W1"] + params["b1"]) @ params["layers"][0])


def of_keys(params: Any, X: Any) -> Any:
    return np.sum(X @ params["class"] @ params["out-put"]) + params["lambda"]


DICTS = [layer(4, 5)._asdict(), layer(5, 5)._asdict(), layer(5, 2)._asdict()]
ARRAYS = [RNG.normal(size=(4, 5)), RNG.normal(size=(5, 5)), RNG.normal(size=(5, 2))]
UNUSED = {"W1": RNG.normal(size=(4, 3)), "b1": RNG.normal(size=3), "extra": np.ones(2), "layers": [np.ones((3, 2))]}
KEYS = {"class": RNG.normal(size=(4, 3)), "out-put": RNG.normal(size=(3, 2)), "lambda": 2.0}


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (of_dicts, DICTS),
        (of_layers, (layer(4, 5), layer(5, 2))),
        (of_arrays, ARRAYS),
        (of_arrays, tuple(ARRAYS[:1])),
        (of_pairs, (tuple(layer(4, 5)), list(layer(5, 2)))),
        (of_a_dict, UNUSED),
        (of_keys, KEYS),
    ],
)
def test_containers_come_back_in_their_structure(function: Callable[..., Any], parameters: Any) -> None:
    assert_source_is_the_gradient(function, (parameters, X))


def test_every_entry_has_a_name_of_its_own() -> None:
    derivation = derive(of_dicts)(DICTS, X)
    assert list(derivation.gradients) == [*[f"{key}[{k}]" for k in (1, 2, 3) for key in "Wb"], "X"]
    assert 'return [{"W": dW_0, "b": db_0}, {"W": dW_1, "b": db_1}, {"W": dW_2, "b": db_2}], dX' in derivation.source
    assert list(derive(of_a_dict, 0)(UNUSED, X).gradients) == ["W1", "b1", "layers[0]"]


def test_a_transpose_is_no_name_of_a_number() -> None:
    def descent(w: Any, A: Any) -> Any:
        for _ in range(2):
            w = w - 0.1 * (2 * A.T @ (A @ w))
        return np.sum(w)

    assert "T = 5" not in derive(descent)(np.ones(3), RNG.normal(size=(4, 3))).source


def unnamed(W: Any, V: Any, x: Any) -> Any:
    return np.sum(np.tanh(V @ np.tanh(W @ x)) ** 2)


def test_what_is_computed_twice_gets_a_name() -> None:
    source = assert_source_is_the_gradient(
        unnamed, (RNG.normal(size=(3, 3)), RNG.normal(size=(2, 3)), RNG.normal(size=3))
    )
    assert source.source.partition("(W, V, x):\n")[2] == (
        "    u = np.tanh(W @ x)\n"
        "    v = np.tanh(V @ u)\n"
        "    p = (1 - v ** 2) * v\n"
        "    q = (1 - u ** 2) * (V.T @ p)\n"
        "    dW = 2 * np.outer(q, x)\n"
        "    dV = 2 * np.outer(p, u)\n"
        "    dx = 2 * (W.T @ q)\n"
        "    return dW, dV, dx\n"
    )


def likelihood(S: Any, y: Any) -> Any:
    return y @ np.linalg.inv(S) @ y + np.linalg.slogdet(S)[1]


def test_an_inverse_is_computed_once() -> None:
    S = RNG.normal(size=(3, 3))
    source = assert_source_is_the_gradient(likelihood, (S @ S.T + np.eye(3), RNG.normal(size=3))).source
    assert "S_inv = np.linalg.inv(S)" in source and source.count("np.linalg.inv") == 1


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["a = x @ y", "x = 2 * a", "b = x @ y"], ["a = x @ y", "x = 2 * a", "b = x @ y"]),
        (["s.append(W @ s[-1])", "t = W @ s[-1]"], ["s.append(W @ s[-1])", "t = W @ s[-1]"]),
        (["d += W @ x", "e[t] = 2 * (W @ x)"], ["_ = W @ x", "d += _", "e[t] = 2 * _"]),
        (["for t in s:", "    a = W @ x", "    b = c + W @ x"], ["for t in s:", "    a = W @ x", "    b = c + a"]),
        (["a = np.exp(z)", "b = 1 - np.exp(z)"], ["a = np.exp(z)", "b = 1 - np.exp(z)"]),
    ],
)  # fmt: skip
def test_only_what_stays_the_same_and_is_worth_it_gets_a_name(lines: list[str], told: list[str]) -> None:
    assert with_names(lines, lambda name: name or "_") == told
