"""Right derivations computed another way are never called wrong, and small mistakes are, over sizes and scales."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr

NETWORK = """
dtype = torch.{tape}
X, Y = torch.randn({rows}, {inputs}, dtype=dtype) * {scale}, torch.randn({rows}, 2, dtype=dtype)
W1 = (torch.randn({inputs}, {hidden}, dtype=dtype) * {weight}).requires_grad_(True)
W2 = (torch.randn({hidden}, 2, dtype=dtype) * {weight}).requires_grad_(True)
c = torch.randn({hidden}, dtype=dtype).requires_grad_(True)
h = torch.{function}(X @ W1 + c)
loss = ((h @ W2 - Y) ** 2).mean()
loss.backward()

x, y, w1, w2, k = (t.detach().numpy().astype(np.{hand}) for t in (X, Y, W1, W2, c))
a = x.dot(w1) + k
out = {formula}
residual = 2 * (np.einsum("ij,jk->ik", out, w2) - y) / y.size
through = residual.dot(w2.T) * ({derivative})
first = {factor} * x.T.dot(through)
second = {factor} * np.einsum("ji,jk->ik", out, residual)
shift = {factor} * through[::-1].sum(0)
print(np.allclose(W1.grad, first), np.allclose(W2.grad, second), np.allclose(c.grad, shift))
"""
FUNCTIONS = {
    "tanh": ("np.tanh(a)", "1 - out**2"),
    "sigmoid": ("1 / (1 + np.exp(-a))", "out * (1 - out)"),
    "relu": ("np.maximum(a, 0)", "a > 0"),
    "exp": ("np.exp(a)", "out"),
}
SIZES: list[dict[str, Any]] = [
    {"rows": 1, "inputs": 1, "hidden": 3, "scale": 1, "weight": 1},
    {"rows": 7, "inputs": 4, "hidden": 5, "scale": 1, "weight": 0.1},
    {"rows": 200, "inputs": 30, "hidden": 20, "scale": 1, "weight": 0.3},
    {"rows": 50, "inputs": 4, "hidden": 3, "scale": 1000, "weight": 0.001},
    {"rows": 50, "inputs": 4, "hidden": 3, "scale": 0.001, "weight": 1},
]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(("tape", "hand"), [("float32", "float32"), ("float32", "float64"), ("float64", "float32")])
def test_only_mistakes_are_called_wrong(audit: Any, function: str, sizes: dict[str, Any], tape: str, hand: str) -> None:
    formula, derivative = FUNCTIONS[function]
    options = sizes | {"function": function, "formula": formula, "derivative": derivative, "tape": tape, "hand": hand}
    right = audit(NETWORK.format(factor=1, **options))
    assert right.outcomes[0].errors == []
    assert [finding.message for finding in right.findings if not finding.ok] == []
    assert len(right.findings) == 3


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("tape", ["float32", "float64"])
def test_a_factor_of_one_in_a_thousand_is_seen(audit: Any, function: str, tape: str) -> None:
    formula, derivative = FUNCTIONS[function]
    options = SIZES[1] | {
        "function": function,
        "formula": formula,
        "derivative": derivative,
        "tape": tape,
        "hand": tape,
    }
    wrong = audit(NETWORK.format(factor=1.001, **options))
    assert [finding.verdict for finding in wrong.findings] == ["wrong"] * 3


def test_where_a_function_saturates_its_derivative_is_mostly_rounding(audit: Any) -> None:
    result = audit(
        """
        x = torch.tensor([8.5, 0.5], requires_grad=True)
        torch.tanh(x).sum().backward()
        exact = 1 / np.cosh(np.array([8.5, 0.5])) ** 2
        print(x.grad, "<>", exact)
        print(x.grad, "<>", exact * [1, 1.01])
        """
    )
    assert [finding.verdict for finding in result.findings] == ["right up to rounding", "wrong"]
    assert result.findings[1].details["index"] == [1]


RECURRENCE = """
W = (torch.randn(24, 24, dtype=torch.float64) * 0.4).requires_grad_(True)
X = torch.randn(30, 5, 24, dtype=torch.float64)
h = torch.zeros(5, 24, dtype=torch.float64)
states = [h.numpy()]
for t in range(30):
    h = torch.tanh(X[t] + h @ W)
    states.append(h.detach().numpy())
loss = (h ** 2).sum()
loss.backward()

w, total = W.detach().numpy(), np.zeros((24, 24))
back = 2 * states[-1]
for t in reversed(range(30)):
    inner = back * (1 - states[t + 1] ** 2)
    total += states[t].T @ inner
    back = inner @ w.T
total[0, 0] *= {factor}
print(np.allclose(W.grad, total))
"""


def test_on_a_long_way_roundings_do_not_conspire(audit: Any) -> None:
    assert audit(RECURRENCE.format(factor=1)).findings[-1].ok
    assert audit(RECURRENCE.format(factor=1.01)).findings[-1].verdict == "wrong"


def test_on_a_long_way_a_wrong_gradient_of_a_function_is_not_taken_for_rounding() -> None:
    random = np.random.default_rng(0)
    X, W = random.normal(size=(30, 5, 24)), 0.4 * random.normal(size=(24, 24))

    def loss(W: Any) -> Any:
        h = np.zeros((5, 24))
        for t in range(30):
            h = np.tanh(X[t] + h @ W)
        return np.sum(h**2)

    gradient = np.asarray(cr.grad(loss)(W))
    assert cr.check(loss, {"W": gradient * (1 + 1e-13 * random.normal(size=W.shape))}, W).ok
    assert [finding.verdict for finding in cr.check(loss, {"W": gradient + 0.01}, W).findings] == ["wrong"]
