"""A backward pass step by step: one mistake is one finding, and what comes after it is judged by it."""

# ruff: noqa: RET504  (a value has a name before it is returned: checkers speak in the names of variables)

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr

RANDOM = np.random.default_rng(41)
X, W, V, Y = (RANDOM.normal(size=shape) for shape in ((7, 5), (5, 4), (4, 3), (7, 3)))


def network(X: Any, W: Any, V: Any, Y: Any) -> Any:
    z = X @ W
    h = np.tanh(z)
    out = h @ V
    r = out - Y
    loss = np.sum(r**2)
    return loss


def steps(X: Any, W: Any, V: Any, Y: Any, slope: Any = lambda h: 1 - h**2, keep: bool = False) -> dict[str, Any]:
    z = X @ W
    h = np.tanh(z)
    dr = 2 * (h @ V - Y)
    dout = dr
    dV = h.T @ dout
    dh = dout @ V.T
    dz = dh * slope(h)
    return {"dr": dr, "dout": dout, "dV": dV, "dh": dh, "dz": dz.sum(axis=0) if keep else dz, "dW": X.T @ dz}


def verdicts(report: cr.Report) -> dict[str, bool]:
    return {finding.name: finding.ok for finding in report.findings}


def test_right_steps() -> None:
    report = cr.check(network, None, X, W, V, Y, steps=steps(X, W, V, Y))
    assert verdicts(report) == dict.fromkeys(["dr", "dout", "dV", "dh", "dz", "dW"], True)
    assert report.ok


def test_the_steps_after_a_mistake_are_right_from_what_it_gave() -> None:
    report = cr.check(network, None, X, W, V, Y, steps=steps(X, W, V, Y, slope=lambda h: 1 - h))
    (wrong,) = report.wrong
    assert (wrong.name, wrong.mistake, wrong.step) == ("dz", "local-factor", "h")
    (after,) = (finding for finding in report.findings if finding.name == "dW")
    assert after.ok
    assert after.message == "right, from your own dz, which is wrong"
    assert after.details["follows"] == "dz"


def test_two_mistakes_are_two_findings() -> None:
    found = steps(X, W, V, Y, slope=lambda h: 1 - h)
    found["dW"] = found["dW"] / 7
    report = cr.check(network, None, X, W, V, Y, steps=found)
    assert [(finding.name, finding.mistake) for finding in report.wrong] == [("dz", "local-factor"), ("dW", "factor")]


def test_what_comes_after_a_wrong_shape_is_not_judged() -> None:
    found = steps(X, W, V, Y, keep=True)
    found["dW"] = 2 * found["dW"]
    report = cr.check(network, None, X, W, V, Y, steps=found)
    assert [finding.name for finding in report.wrong] == ["dz"]
    (after,) = (finding for finding in report.findings if finding.name == "dW")
    assert (after.verdict, "after dz" in after.message) == ("undecidable", True)


def test_gradients_of_arguments_are_judged_beside_the_steps() -> None:
    found = steps(X, W, V, Y, slope=lambda h: 1 - h)
    gradient = found.pop("dW")
    report = cr.check(network, {"W": gradient}, X, W, V, Y, steps=found)
    assert [finding.name for finding in report.wrong] == ["dz"]


def test_a_function_that_gives_the_steps_is_called_at_a_second_point() -> None:
    def wrong(**values: Any) -> dict[str, Any]:
        return steps(**values, slope=lambda h: h * (1 - h))

    (finding,) = cr.check(network, None, X, W, V, Y, steps=wrong).wrong
    assert (finding.name, finding.mistake) == ("dz", "local-factor")
    assert "h * (1 - h)" in finding.message


def test_a_variable_that_held_several_values_is_the_last_that_fits() -> None:
    def forward(x: Any) -> Any:
        y = np.sin(x)
        y = y**2
        return np.sum(np.exp(y))

    x = RANDOM.normal(size=5)
    dy = np.exp(np.sin(x) ** 2)
    assert cr.check(forward, None, x, steps={"dy": dy}).ok
    assert cr.check(forward, None, x, steps={"dy[1]": dy * 2 * np.sin(x), "dy[2]": dy}).ok


def test_nan_in_a_step() -> None:
    found = steps(X, W, V, Y)
    found["dh"] = np.full_like(found["dh"], np.nan)
    report = cr.check(network, None, X, W, V, Y, steps=found)
    assert [finding.name for finding in report.wrong] == ["dh"]
    assert "NaN" in report.wrong[0].message
