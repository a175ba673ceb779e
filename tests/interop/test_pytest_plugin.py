"""The fixture `assert_gradient`: what it says of wrong gradients and weak tests, and the line at the end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.errors import ClaimError, WeakTestError, WrongGradientError
from chainrule.interop.testing import WeakTestWarning, assert_gradient, checked_gradient, drawn

pytest_plugins = "pytester"

TESTS = """
import numpy as np

def layer(X, W):
    return np.tanh(X @ W)

def backward(X, W, upstream):
    d = upstream * (1 - np.tanh(X @ W) ** 2)
    return {{"X": d @ W.T, "W": X.T @ d}}

def test_layer(assert_gradient):
    assert_gradient(layer, {claimed}, {arguments})
"""
LAYER, RANDOM = "backward", '"N D", "D K"'
WRONG = 'lambda X, W, upstream: {"W": X.T @ upstream}'
WEAK = "np.zeros((1, 1)), np.zeros((1, 1))"


def layer(X: Any, W: Any) -> Any:
    return np.tanh(X @ W)


def backward(X: Any, W: Any, upstream: Any) -> dict[str, Any]:
    d = upstream * (1 - np.tanh(X @ W) ** 2)
    return {"X": d @ W.T, "W": X.T @ d}


def run(pytester: pytest.Pytester, claimed: str, arguments: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(TESTS.format(claimed=claimed, arguments=arguments))
    return pytester.runpytest_inprocess("-p", "no:randomly", "-p", "no:cacheprovider", *options)


def test_a_right_gradient(pytester: pytest.Pytester) -> None:
    result = run(pytester, LAYER, RANDOM)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["*2 gradients checked; largest error * units in the last place, test_*.py::test_layer; *notice 100%*"]
    )


def test_a_wrong_gradient(pytester: pytest.Pytester) -> None:
    result = run(pytester, WRONG, RANDOM)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *✗ W  wrong: local-factor*", "E *Fix: multiply*"])
    assert "checked_gradient" not in result.stdout.str()  # no traceback into the plugin


@pytest.mark.parametrize(
    ("options", "outcome"),
    [
        ((), {"failed": 1}),
        (("--weak-gradients=ignore",), {"passed": 1}),
        (("--weak-gradients=warn", "-W", "default"), {"passed": 1, "warnings": 1}),
        (("-o", "weak_gradients=ignore"), {"passed": 1}),
        (("-o", "weak_gradients=ignore", "--weak-gradients=error"), {"failed": 1}),
        (("-o", "weak_gradients=sometimes"), {"errors": 1}),
    ],
)
def test_a_weak_test(pytester: pytest.Pytester, options: tuple[str, ...], outcome: dict[str, int]) -> None:
    result = run(pytester, LAYER, WEAK, *options)
    result.assert_outcomes(**outcome)


def test_no_line_without_gradients(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_nothing(): pass")
    result = pytester.runpytest_inprocess("-p", "no:randomly")
    assert "checked" not in result.stdout.str()


def test_other_sizes_at_the_second_point() -> None:
    seen = []

    def noted(X: Any, W: Any) -> Any:
        seen.append((X.shape, W.shape))
        return layer(X, W)

    assert checked_gradient(noted, backward, "N D", "D K").error == 0.0
    assert {((7, 5), (5, 3)), ((5, 3), (3, 7))} <= set(seen)


def test_arguments_that_are_given() -> None:
    assert np.shape(drawn(["3 N"], 0)[0]) == (3, 7)
    X, W = drawn(["N D", "D K"], 0)
    assert_gradient(layer, backward(X, W, np.ones((7, 3))), X, W, upstream=np.ones((7, 3)), weak="ignore")
    with pytest.raises(ClaimError):
        assert_gradient(layer, {"V": W}, X, W)


def test_steps_are_judged() -> None:
    def loss(X: Any, W: Any) -> Any:
        h = np.tanh(X @ W)
        return np.sum(h**2)

    X, W = drawn(["N D", "D K"], 0)
    h = np.tanh(X @ W)
    with pytest.raises(WrongGradientError, match="dh"):
        assert_gradient(loss, {"W": X.T @ (h * (1 - h**2))}, X, W, steps={"dh": h})


def test_what_a_weak_test_says() -> None:
    zeros = np.zeros((1, 1))
    with pytest.raises(WeakTestError, match=r"the gradient is right here, but this test would notice only \d+% of mis"):
        assert_gradient(layer, backward, zeros, zeros)
    with pytest.warns(WeakTestWarning):
        assert_gradient(layer, backward, zeros, zeros, weak="warn")


@pytest.mark.oracle
def test_a_rule_of_pytorchs() -> None:
    torch = pytest.importorskip("torch")

    class Swish(torch.autograd.Function):  # type: ignore[name-defined,misc]
        factor = 1.0

        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * torch.sigmoid(x)

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            (x,) = ctx.saved_tensors
            s = torch.sigmoid(x)
            return Swish.factor * gradient * (s + x * s * (1 - s))

    def forward(x: Any) -> Any:
        return Swish.apply(torch.tensor(x)).numpy()

    def gradient(x: Any, upstream: Any) -> Any:
        leaf = torch.tensor(x, requires_grad=True)
        Swish.apply(leaf).backward(torch.tensor(upstream))
        return {"x": leaf.grad.numpy()}

    assert_gradient(forward, gradient, "N D")
    Swish.factor = 1.01
    with pytest.raises(WrongGradientError, match="factor"):
        assert_gradient(forward, gradient, "N D")
