"""What was computed is remembered with the names it had, for as long as its graph lives, and can be told again."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli.standin import StandIn
from chainrule.explain.derive import derivation_of


def nothing(name: str, arguments: tuple[Any, ...], result: Any) -> None:
    """An observer that does not care."""


def test_a_computation_is_told_again() -> None:
    backend = StandIn()
    with backend.watch(nothing):
        X, W = np.arange(6.0).reshape(2, 3), cr.tensor(np.ones((3, 2)), requires_grad=True)
        z = X @ W
        h = np.tanh(z)
        loss = np.sum(h)
        loss.backward()
        computation = backend.computation(loss, {"X": X, "W": W, "z": z, "h": h, "loss": loss, "N": 2, "_hidden": h})
    assert computation is not None
    assert {step.called for step in computation.steps} == {"X", "W", "z", "h", "loss"}
    assert list(computation.inputs) == ["W"]
    assert np.array_equal(computation.adjoints()[computation.inputs["W"]], W.grad)
    assert computation.journal.names.integers == {"N": 2}
    assert "∂loss/∂W = Xᵀ" in derivation_of(computation, [computation.inputs["W"]], "loss").text


def test_leaves_and_small_arrays_are_as_they_were() -> None:
    backend = StandIn()
    with backend.watch(nothing):
        x, W = np.ones(3), cr.tensor(np.ones(3), requires_grad=True)
        loss = np.sum(W * x)
        loss.backward()
        with cr.no_grad():
            W -= 0.5
        x += 7
        computation = backend.computation(loss, {"x": x, "W": W})
    assert computation is not None
    (product,) = [
        step for step in computation.steps if step.operation is not None and step.operation.name == "multiply"
    ]
    assert [argument.value.tolist() for argument in product.arguments] == [[1, 1, 1], [1, 1, 1]]


def test_nothing_is_kept_of_a_graph_that_is_gone() -> None:
    backend = StandIn()
    with backend.watch(nothing):
        W = cr.tensor(np.ones(3), requires_grad=True)
        for _ in range(5):
            loss = np.sum(np.tanh(W * 2))
            loss.backward()
        gc.collect()
        assert len(backend._history._notes) == 3  # of the last round only
        del loss
        gc.collect()
        assert len(backend._history._notes) == 0


def test_no_computation_where_notes_are_missing() -> None:
    backend = StandIn()
    W = cr.tensor(np.ones(3), requires_grad=True)
    early = W * 2
    with backend.watch(nothing):
        loss = np.sum(early)
        assert backend.computation(loss, {}) is None
        assert backend.computation(W, {}) is None


RNN = """
x, W = torch.ones(4, 2), torch.eye(2, requires_grad=True)
def act(v):
    result = torch.tanh(v)
    return result
def run():
    h = torch.zeros(2)
    for t in range(4):
        z = h @ W + x[t]
        h = act(z)
    return h
last = run()
loss = last.sum()
for value in [loss, last]:
    value.retain_grad()
"""


def test_names_in_functions_and_loops(audit: Any) -> None:
    result = audit(RNN, "loss.backward()\ndW = -W.grad\nW.grad == dW.clone().detach().numpy()")
    backend = result.backends[0]
    if backend.name != "chainrule":
        pytest.skip("what PyTorch computed is not retold")
    computation = backend.computation(result.namespace["loss"], result.namespace)
    names = [step.called for step in computation.steps if step.operation is not None and step.name]
    assert [name for name in names if name.startswith("z")] == ["z[1]", "z[2]", "z[3]", "z[4]"]
    assert [name for name in names if name.startswith("h")] == ["h[1]", "h[2]", "h[3]"]
    assert {"last", "loss"} <= set(names)
    assert not {"result", "value", "v"} & {name.partition("[")[0] for name in names}


TRAINING = """
X, W = torch.randn(7, 5), torch.randn(5, 3, requires_grad=True)
for step in range({steps}):
    h = torch.tanh(X @ W)
    loss = (h ** 2).mean()
    W.grad = None
    loss.backward()
    with torch.no_grad():
        W -= 0.1 * W.grad
"""


def test_a_training_loop_holds_on_to_the_latest_graphs_only(audit: Any) -> None:
    result = audit(TRAINING.format(steps=100))
    if result.backends[0].name != "chainrule":
        pytest.skip("what PyTorch computed is not remembered")
    gc.collect()
    assert len(result.backends[0]._history._notes) <= 8 * 4  # of four operations each
