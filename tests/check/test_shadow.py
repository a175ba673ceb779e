"""Plain NumPy code that is differentiated by hand, with nothing that knows the true gradients."""

from __future__ import annotations

import ast
import builtins
import sys
import textwrap
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chainrule.check.notebook.claims import Watcher
from chainrule.check.rewriting.calls import hook_calls
from chainrule.check.rewriting.shadowing import Shadows, hook_shadows, shadows_of
from chainrule.check.rewriting.site import HOOK
from chainrule.check.rewriting.source import instrument
from chainrule.check.watching.shadow import Shadow, blank, dot, plain, stepped, tracked
from chainrule.cli.cells import run_cell
from chainrule.cli.standin import StandIn

Verdicts = dict[str, str]


@pytest.fixture
def verdicts(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Watcher]:
    """A function that runs cells with their parameters tracked, and returns the watcher."""

    def run(*cells: str) -> Watcher:
        texts = [textwrap.dedent(cell) for cell in ("import numpy as np\nrng = np.random.default_rng(0)", *cells)]
        shadows = shadows_of(texts)
        assert shadows is not None
        watcher = Watcher([StandIn()], shadows)
        module = types.ModuleType("__main__")
        monkeypatch.setitem(sys.modules, "__main__", module)
        monkeypatch.setattr(builtins, HOOK, watcher, raising=False)
        with watcher.watching():
            for number, text in enumerate(texts):

                def prepare(tree: ast.Module, number: int = number) -> ast.Module:
                    tree = instrument(hook_shadows(tree, shadows), watcher.sites)
                    watcher.enter(number)
                    return tree

                outcome = run_cell(number, text, module.__dict__, prepare)
                assert outcome.errors == []
                watcher.leave(module.__dict__)
            watcher.finish()
        assert watcher.problems == []
        return watcher

    return run


def told(watcher: Watcher) -> Verdicts:
    """Whether each claim is right, wrong, or follows from another."""
    return {
        finding.name: "right" if finding.ok else "follows" if finding.follows else str(finding.mistake)
        for finding in watcher.findings
    }


LAYERS = """
X, Y = rng.normal(size=(2, 40)), (rng.normal(size=(1, 40)) > 0).astype(float)
def sigmoid(z):
    return 1 / (1 + np.exp(-z))
def initialize():
    W1, b1 = rng.normal(size=(4, 2)), np.zeros((4, 1))
    W2, b2 = rng.normal(size=(1, 4)), np.zeros((1, 1))
    return {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
def forward(X, parameters):
    Z1 = np.dot(parameters["W1"], X) + parameters["b1"]
    A1 = np.tanh(Z1)
    A2 = sigmoid(parameters["W2"].dot(A1) + parameters["b2"])
    return A2, {"A1": A1, "A2": A2}
def compute_cost(A2, Y):
    cost = -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / Y.shape[1]
    return float(np.squeeze(cost))
def backward(parameters, cache, X, Y):
    m = X.shape[1]
    dZ2 = cache["A2"] - Y
    dW2 = 1 / m * np.dot(dZ2, cache["A1"].T)
    db2 = 1 / m * np.sum(dZ2, axis=1, keepdims=True)
    dZ1 = np.dot(parameters["W2"].T, dZ2) * (1 - np.power(cache["A1"], 2))
    dW1 = 1 / m * np.dot(dZ1, X.T)
    db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}
parameters = initialize()
costs = []
for i in range(5):
    A2, cache = forward(X, parameters)
    cost = compute_cost(A2, Y)
    grads = backward(parameters, cache, X, Y)
    for name in ("W1", "b1", "W2", "b2"):
        parameters[name] = parameters[name] - 0.5 * grads["d" + name]
    costs.append(cost)
assert costs[-1] < costs[0]
"""


def test_layers_with_the_mean_left_to_the_last_step(verdicts: Callable[..., Watcher]) -> None:
    found = told(verdicts(LAYERS))
    assert found == dict.fromkeys(("dW2", "db2", "dW1", "db1"), "right")


@pytest.mark.parametrize(
    ("right", "wrong", "name", "mistake"),
    [
        (' * (1 - np.power(cache["A1"], 2))', "", "dW1", "local-factor"),
        ("db1 = 1 / m *", "db1 =", "db1", "factor"),
        ("dW1 = 1 / m * np.dot(dZ1, X.T)", "dW1 = -1 / m * np.dot(dZ1, X.T)", "dW1", "sign"),
    ],
)
def test_layers_with_a_mistake(
    verdicts: Callable[..., Watcher], right: str, wrong: str, name: str, mistake: str
) -> None:
    assert right in LAYERS
    found = told(verdicts(LAYERS.replace(right, wrong)))
    assert found[name] == mistake
    assert found["dW2"] == "right"


NET = """
class Net:
    def __init__(self):
        self.params = {"W1": rng.normal(size=(4, 6)), "b1": np.zeros(6), "W2": rng.normal(size=(6, 3))}
    def loss(self, X, y):
        W1, b1, W2 = self.params["W1"], self.params["b1"], self.params["W2"]
        N = X.shape[0]
        h = np.maximum(0, X.dot(W1) + b1)
        scores = h.dot(W2)
        p = np.exp(scores - scores.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        loss = -np.log(p[np.arange(N), y]).mean()
        grads = {}
        dscores = p
        dscores[np.arange(N), y] -= 1
        dscores /= N
        grads["W2"] = h.T.dot(dscores)
        dh = dscores.dot(W2.T)
        dh[h <= 0] = 0
        grads["W1"] = X.T.dot(dh)
        grads["b1"] = dh.sum(0)
        return loss, grads
net = Net()
X, y = rng.normal(size=(5, 4)), np.array([0, 1, 2, 2, 1])
loss, grads = net.loss(X, y)
"""


def test_a_class_with_dictionaries(verdicts: Callable[..., Watcher]) -> None:
    found = told(verdicts(NET))
    assert {name: found[name] for name in ("grads['W2']", "grads['W1']", "grads['b1']", "dscores")} == dict.fromkeys(
        ("grads['W2']", "grads['W1']", "grads['b1']", "dscores"), "right"
    )
    wrong = told(verdicts(NET.replace("        dh[h <= 0] = 0\n", "")))
    assert (wrong["grads['W1']"], wrong["grads['b1']"]) == ("mask-missing", "follows")


AFFINE = """
def affine_forward(x, w, b):
    out = x.reshape(x.shape[0], -1).dot(w) + b
    return out, (x, w, b)
def affine_backward(dout, cache):
    x, w, b = cache
    dx = dout.dot(w.T).reshape(x.shape)
    dw = x.reshape(x.shape[0], -1).T.dot(dout)
    db = dout.sum(axis=0)
    return dx, dw, db
x, w, b = rng.normal(size=(10, 2, 3)), rng.normal(size=(6, 5)), rng.normal(size=5)
dout = rng.normal(size=(10, 5))
_, cache = affine_forward(x, w, b)
dx, dw, db = affine_backward(dout, cache)
"""


def test_a_layer_whose_upstream_is_given(verdicts: Callable[..., Watcher]) -> None:
    assert told(verdicts(AFFINE)) == {"dx": "right", "dw": "right", "db": "right"}
    wrong = told(verdicts(AFFINE.replace("dout.sum(axis=0)", "dout.mean(axis=0)")))
    assert wrong == {"dx": "right", "dw": "right", "db": "averaged"}


TWO_RESULTS = """
    def step(x, state, W):
        a = x @ W
        gate = 1 / (1 + np.exp(-a[:, :2]))
        change = np.tanh(a[:, 2:])
        state = gate * state + change
        shown = np.tanh(state)
        return shown, state, (x, W, a, gate, change, state, shown)
    def step_back(dshown, dstate, cache, before):
        x, W, a, gate, change, state, shown = cache
        dsum = dstate + dshown * (1 - shown ** 2)
        dgate = dsum * before
        dchange = dsum
        da = np.hstack([dgate * gate * (1 - gate), dchange * (1 - change ** 2)])
        dW = x.T @ da
        return dW
    x, before, W = rng.normal(size=(5, 3)), rng.normal(size=(5, 2)), rng.normal(size=(3, 4))
    shown, state, cache = step(x, before, W)
    dshown, dstate = rng.normal(size=shown.shape), rng.normal(size=state.shape)
    dW = step_back(dshown, dstate, cache, before)
"""


def test_a_step_with_two_results(verdicts: Callable[..., Watcher]) -> None:
    found = told(verdicts(TWO_RESULTS))
    assert {name: found[name] for name in ("dgate", "dchange", "da", "dW")} == dict.fromkeys(
        ("dgate", "dchange", "da", "dW"), "right"
    )
    assert not {"dshown", "dstate"} & set(found)  # they are what one starts from
    wrong = told(verdicts(TWO_RESULTS.replace("(1 - change ** 2)", "(1 - change)")))
    assert wrong["dgate"] == "right"
    assert wrong["dW"] not in {"right"}


def test_a_loop_that_fills_arrays_and_steps_in_place(verdicts: Callable[..., Watcher]) -> None:
    cell = """
    W, xs = 0.5 * rng.normal(size=(3, 3)), rng.normal(size=(4, 3))
    hs = np.zeros((5, 3))
    for t in range(4):
        hs[t + 1] = np.tanh(hs[t] @ W + xs[t])
    loss = np.sum(hs[4] ** 2)
    dW, dh = np.zeros_like(W), 2 * hs[4]
    for t in reversed(range(4)):
        draw = dh * (1 - hs[t + 1] ** 2)
        dW += np.outer(hs[t], draw)
        dh = draw @ W.T
    before = W.copy()
    W -= 0.1 * dW
    assert np.abs(before - W).max() > 0
    """
    assert told(verdicts(cell))["dW"] == "right"
    assert told(verdicts(cell.replace("draw @ W.T", "draw @ W")))["dW"] != "right"


def test_a_corner_of_relu_is_no_mistake(verdicts: Callable[..., Watcher]) -> None:
    cell = """
    X, y = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([[0.0], [1.0], [1.0], [0.0]])
    W1, b1, W2 = rng.normal(size=(2, 5)), np.zeros(5), rng.normal(size=(5, 1))
    z = X @ W1 + b1
    h = np.maximum(0, z)
    loss = np.mean((h @ W2 - y) ** 2)
    dh = 2 / 4 * (h @ W2 - y) @ W2.T
    db1 = (dh * (z > 0)).sum(0)
    """
    assert told(verdicts(cell)) == {"dh": "right", "db1": "right"}
    assert told(verdicts(cell.replace("(z > 0)", "(z > -9)")))["db1"] in {"mask-missing", "local-factor"}


def test_one_factor_is_one_cause(verdicts: Callable[..., Watcher]) -> None:
    cell = """
    X, W, b, y = rng.normal(size=(7, 3)), rng.normal(size=(3, 2)), np.ones(2), np.ones((7, 2))
    cost = np.mean((X @ W + b - y) ** 2)
    e = X @ W + b - y
    dW, db = X.T @ e / 14, e.sum(0) / 14
    """
    found = verdicts(cell)
    assert told(found) == {"dW": "factor", "db": "follows"}
    assert found.findings[1].message == "off by the same factor as dW"


def test_gradients_in_a_dictionary_of_the_same_keys(verdicts: Callable[..., Watcher]) -> None:
    cell = """
    params = {"W": rng.normal(size=(3, 2))}
    X, y, grads = rng.normal(size=(7, 3)), np.ones((7, 2)), {}
    for step in range(3):
        loss = np.mean((X @ params["W"] - y) ** 2)
        grads["W"] = X.T @ (X @ params["W"] - y) / 7
        params["W"] -= 0.1 * grads["W"]
    """
    assert told(verdicts(cell)) == {"grads['W']": "right"}


def test_without_a_loss_nothing_is_claimed(verdicts: Callable[..., Watcher]) -> None:
    cell = """
    W, X, y = rng.normal(size=(3, 1)), rng.normal(size=(7, 3)), np.ones((7, 1))
    difference = y - X @ W
    dW = X.T @ difference
    W += 0.1 * dW
    """
    assert told(verdicts(cell)) == {}


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (["import torch\nW = 1\ndW = 2"], None),
        (["from jax import grad\nW = 1\ndW = 2"], None),
        (["import numpy as np\nx = 1"], None),
        (["W = 1\ndW = 2"], Shadows(frozenset({"W"}), frozenset({"dW"}))),
        (["data = 1\ndiff = 2\ndistance = 3"], None),  # there is no ata
        (["def f(x):\n    return x\ndx = 1"], Shadows(frozenset({"x"}), frozenset({"dx"}))),
        (["grads['W1'] = 1"], Shadows(frozenset({"W1"}), frozenset())),
        (["W = 1", "= broken", "dL_dW = 3"], Shadows(frozenset({"W"}), frozenset({"dL_dW"}))),
    ],
)
def test_which_notebooks_and_variables(sources: list[str], expected: Shadows | None) -> None:
    assert shadows_of(sources) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("W = f()", "W = hook.tracked(f())"),
        ("self.W = f()", "self.W = hook.tracked(f())"),
        ("params['W'] = f()", "params['W'] = hook.tracked(f())"),
        ("params['W' + i] = f()", "params['W' + i] = hook.tracked(f())"),
        ("W[0] = f()", "W[0] = f()"),
        ("W = W - rate * dW", "W = hook.stepped(W - rate * dW)"),
        ("W = W - rate * m", "W = hook.stepped(W - rate * m)"),
        ("W = W + f(x)", "W = hook.tracked(W + f(x))"),
        ("W -= rate * dW", "W -= rate * dW"),
        ("dW = f()", "dW = hook.plain(f())"),
        ("dW = X.T @ dz", "dW = hook.derived(X.T @ dz)"),
        ("dW[i] += f()", "dW[i] += hook.plain(f())"),
        ("grads['W'] = f()", "grads['W'] = hook.plain(f())"),
        ("q = np.zeros(3)", "q = hook.blank(np.zeros(3))"),
        ("W = np.zeros(3)", "W = hook.tracked(hook.blank(np.zeros(3)))"),
        ("W = np.zeros(3)\nW[0] = f()", "W = hook.blank(np.zeros(3))\nW[0] = f()"),
        ("def g():\n    W = np.zeros(3)\n    W[0] = 1", "def g():\n    W = hook.blank(np.zeros(3))\n    W[0] = 1"),
        (
            "W = np.zeros(3)\ndef g():\n    W[0] = 1",
            "W = hook.tracked(hook.blank(np.zeros(3)))\n\ndef g():\n    W[0] = 1",
        ),
        ("q = X.dot(W)", "q = hook.dot(X, W)"),
        ("p = {'W': f(), 'z': g()}", "p = {'W': hook.tracked(f()), 'z': g()}"),
        ("grads = {'W': f()}", "grads = {'W': f()}"),
        ("for i in x:\n    W = f()", "for i in x:\n    W = hook.tracked(f())"),
    ],
)
def test_what_is_rewritten(source: str, expected: str) -> None:
    tree = hook_calls(hook_shadows(ast.parse(source), Shadows(frozenset({"W"}), frozenset({"dW"}))))
    assert ast.unparse(tree).replace(HOOK, "hook") == expected


def test_values() -> None:
    leaf = tracked(np.ones(3))
    assert isinstance(leaf, Shadow) and leaf.requires_grad
    assert tracked(leaf) is leaf
    assert tracked(3) == 3 and isinstance(tracked(3), int)
    assert tracked(blank(np.zeros(2))).requires_grad
    again = stepped(leaf * 2)
    assert again.is_leaf and again.tolist() == [2, 2, 2]
    assert type(plain(leaf)) is np.ndarray and plain("text") == "text"
    product: Any = dot(np.ones((2, 3)), leaf)
    assert product.tolist() == [3, 3] and product.requires_grad
    leaf[0] = 5.0
    leaf *= 2
    assert leaf.is_leaf and leaf.tolist() == [10, 2, 2]
    assert leaf.nbytes == 24 and leaf.searchsorted(5.0) is not None
    with pytest.raises(AttributeError):
        leaf.__no_such__  # noqa: B018
