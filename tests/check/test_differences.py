"""Gradients of plain NumPy code that a notebook compares with finite differences."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from chainrule.check.notebook.differences import is_numerical, judge_difference
from chainrule.check.verdicts.compare import Value

SETUP = """
rng = np.random.default_rng(0)
A, t, w = rng.normal(size=(6, 4)), rng.normal(size=6), rng.normal(size=4)
def loss(w):
    return np.sum((A @ w - t) ** 2)
def slopes(f, w, h=1e-5):
    g = np.zeros_like(w)
    for i in range(len(w)):
        e = np.zeros_like(w)
        e[i] = h
        g[i] = (f(w + e) - f(w - e)) / (2 * h)
    return g
def rel_error(x, y):
    return np.max(np.abs(x - y) / np.maximum(1e-8, np.abs(x) + np.abs(y)))
"""
LOOP = """
numerical = dict(W=slopes(loss, w))
grads = dict(W={})
for key in grads:
    print(key, np.abs(grads[key] - numerical[key]).max())
"""
FUNCTION = """
def numerical_gradient(f, x):
    return slopes(f, x)
one, gradient = numerical_gradient(loss, w), {}
assert np.allclose(one, gradient)
"""


@pytest.mark.parametrize(
    ("comparison", "name"),
    [
        ("dw_num = slopes(loss, w)\ndw = {}\nprint(rel_error(dw_num, dw))", "dw"),
        ("dw_num = slopes(loss, w)\ndw = {}\nprint(rel_error(dw, dw_num))", "dw"),
        ("num_grad, grad = slopes(loss, w), {}\nnp.allclose(num_grad, grad)", "grad"),
        ("gradapprox, grad = slopes(loss, w), {}\nerror = np.linalg.norm(grad - gradapprox)", "grad"),
        (LOOP, "grads['W']"),
        (FUNCTION, "gradient"),
        ("g_fd, grad = slopes(loss, w), {}\nprint('fd', g_fd, 'mine', grad)", "grad"),
        ("class Net: pass\nnet = Net()\nnet.dw = {}\ndw_num = slopes(loss, w)\nrel_error(dw_num, net.dw)", "net.dw"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("claimed", "verdict", "mistake"),
    [
        ("2 * A.T @ (A @ w - t)", "right up to rounding", None),
        ("A.T @ (A @ w - t)", "wrong", "factor"),
        ("-2 * A.T @ (A @ w - t)", "wrong", "sign"),
    ],
)
def test_ways_to_compare(
    audit: Any, comparison: str, name: str, claimed: str, verdict: str, mistake: str | None
) -> None:
    result = audit(SETUP, comparison.format(claimed))
    assert result.problems == []
    (finding,) = result.findings
    assert (finding.name, finding.verdict) == (name, verdict)
    if mistake:
        assert finding.mistake == mistake
    assert finding.details["truth"] == "finite differences"


@pytest.mark.parametrize(
    "line",
    [
        "num_classes, labels = np.ones(3), np.zeros(3)\nnp.allclose(num_classes, labels)",
        "approx, exact = np.ones(3), np.zeros(3)\nnp.allclose(approx, exact)",  # no word of gradients
        "numerator, grad = np.ones(3), np.zeros(3)\nnp.allclose(numerator, grad)",
        "dw_num, other_num = slopes(loss, w), slopes(loss, w)\nrel_error(dw_num, other_num)",
        "dw_num, grad = slopes(loss, w), np.ones(7)\nif dw_num.size == grad.size: pass",
        "grad = slopes(loss, w)\nw_new = w - 0.1 * grad\nrel_error(w, w_new)",
    ],
)
def test_what_is_no_such_comparison(audit: Any, line: str) -> None:
    result = audit(SETUP, line)
    assert result.findings == []
    assert result.problems == []


@pytest.mark.parametrize(("claimed", "verdict"), [("x", "right up to rounding"), ("theta", "wrong")])
def test_one_dimension_with_python_numbers(audit: Any, claimed: str, verdict: str) -> None:
    cell = """
    def check(x, theta, epsilon=1e-7):
        gradapprox = ((theta + epsilon) * x - (theta - epsilon) * x) / (2 * epsilon)
        grad = {}
        numerator = np.linalg.norm(grad - gradapprox)
        return numerator
    check(2.0, 4.0)
    """
    assert audit(cell.format(claimed)).only("grad").verdict == verdict


def test_a_loop_over_parameters_names_each(audit: Any) -> None:
    cell = """
    grads = {"W": 2 * A.T @ (A @ w - t), "V": A.T @ (A @ w - t)}
    for name in grads:
        grad_num = slopes(loss, w)
        print(name, rel_error(grad_num, grads[name]))
    """
    assert audit(SETUP, cell).verdicts == {"grads['W']": "right up to rounding", "grads['V']": "wrong"}


def values(size: int) -> tuple[Value, np.ndarray[Any, Any]]:
    numbers = np.random.default_rng(1).normal(size=size)
    return Value(numbers, 2.0**-52, "float64"), numbers


def test_a_kink_is_no_mistake() -> None:
    claimed, numbers = values(100)
    numerical = numbers * (1 + 1e-8)
    numerical[3] += 0.7
    judgement, _ = judge_difference(claimed, replace(claimed, array=numerical))
    assert judgement.verdict == "undecidable"
    assert "1 of 100 elements differ" in judgement.message
    assert "a kink between the two" in judgement.message


def test_differences_of_a_random_function_are_noise() -> None:
    claimed, numbers = values(20)
    noise = np.random.default_rng(2).normal(size=20) / 1e-5
    judgement, _ = judge_difference(claimed, replace(claimed, array=numbers + noise))
    assert judgement.verdict == "undecidable"
    assert "the function may be random" in judgement.message


def test_many_spoilt_entries_are_a_mistake() -> None:
    claimed, numbers = values(100)
    numerical = numbers * (1 + 1e-8)
    numerical[:10] = 0
    judgement, _ = judge_difference(claimed, replace(claimed, array=numerical))
    assert (judgement.verdict, judgement.mistake) == ("wrong", "mask-missing")


def test_few_entries_beside_rough_ones_are_a_mistake() -> None:
    claimed, numbers = values(100)
    numerical = numbers * (1 + 1e-3)
    numerical[3] += 0.7
    assert judge_difference(claimed, replace(claimed, array=numerical))[0].verdict == "wrong"


@pytest.mark.parametrize(("eps", "verdict"), [(2.0**-52, "wrong"), (2.0**-23, "right up to rounding")])
def test_differences_in_single_precision_are_rough(eps: float, verdict: str) -> None:
    claimed, numbers = values(20)
    rough = replace(claimed, array=numbers + 8e-3 * np.max(np.abs(numbers)), eps=eps)
    assert judge_difference(claimed, rough)[0].verdict == verdict


@pytest.mark.parametrize(
    ("name", "expected"),
    [("dx_num", True), ("dw1_num2", True), ("numgrad", True), ("num_grad", True), ("grad_numerical", True),
     ("gradapprox", True), ("g_fd", True), ("fd_grad", True), ("finite_diff", True), ("numdW", True), ("gFD", True),
     ("numeric_grad_W", True), ("numerator", False), ("num_classes", False), ("num_data", False), ("nums", False),
     ("number", False), ("fdr", False), ("grad", False), ("enum_d", False)],
)  # fmt: skip
def test_names_of_finite_differences(name: str, expected: bool) -> None:
    assert is_numerical(name) is expected


QUOTIENTS = """
w = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
s = torch.sin(w)
s.sum().backward()
step = 1e-5
for i in range(2):
    shifted = torch.zeros(2, dtype=torch.float64)
    shifted[i] = step
    s_plus, s_minus = torch.sin(w.detach() + shifted), torch.sin(w.detach() - shifted)
    ds_dw = (s_plus - s_minus) / (2 * step)
"""


def test_what_is_itself_a_difference_quotient_is_no_claim(audit: Any) -> None:
    assert audit(QUOTIENTS).findings == []
    claimed = audit(QUOTIENTS.replace("(s_plus - s_minus) / (2 * step)", "torch.sin(w)"))
    assert claimed.verdicts == {"ds_dw": "wrong"}


def test_the_side_that_was_divided_by_a_step_is_the_numerical_one(audit: Any) -> None:
    named = SETUP.replace("slopes", "by_steps")
    found = audit(named, "guess = by_steps(loss, w)\ndw = A.T @ (A @ w - t)\nprint(np.abs(guess - dw).max())")
    assert found.only("dw").mistake == "factor"


def test_what_is_divided_by_a_large_number_is_no_difference_quotient(audit: Any) -> None:
    named = SETUP.replace("slopes", "by_steps").replace("h=1e-5", "h=0.5")
    assert audit(named, "guess = by_steps(loss, w)\ndw = A.T @ (A @ w - t)\nnp.allclose(guess, dw)").findings == []


INLINE = """
rng = np.random.default_rng(0)
class Model:
    def __init__(self):
        self.w = rng.normal(size=4)
    def loss(self, w, A, t):
        return np.mean((A @ w - t) ** 2) + 0.1 * np.sum(w ** 2)
    def own(self, A, t):
        return self.loss(self.w, A, t)
model, A, t = Model(), rng.normal(size=(6, 4)), rng.normal(size=6)
w, eps, numeric = model.w, 1e-5, np.zeros(4)
for i in range(4):
    {}
analytic = 2 * A.T @ (A @ w - t) / 6 {} 0.2 * w
print(np.abs(analytic - numeric).max())
"""


@pytest.mark.parametrize(
    "loop",
    [
        "e = np.eye(4)[i] * eps; numeric[i] = (model.loss(w + e, A, t) - model.loss(w - e, A, t)) / (2 * eps)",
        "e = np.eye(4)[i] * eps; numeric[i] = (model.loss(w + e, A, t) - model.loss(w, A, t)) / eps",
        ("u = w.copy(); u[i] += eps; loss_plus = model.loss(u, A, t); u[i] -= 2 * eps;"
        " loss_minus = model.loss(u, A, t); numeric[i] = (loss_plus - loss_minus) / (2 * eps)"),
        ("old = w[i]; w[i] = old + eps; up = model.own(A, t); w[i] = old - eps; down = model.own(A, t); w[i] = old;"
        " numeric[i] = (up - down) / (2 * eps)"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("sign", "mistake"), [("+", None), ("-", "path-sign")])
def test_what_is_wrong_is_looked_for_in_the_function_of_a_loop(
    audit: Any, loop: str, sign: str, mistake: str | None
) -> None:
    found = audit(INLINE.format(loop, sign)).only("analytic")
    assert (found.verdict == "wrong") == (mistake is not None)
    assert mistake in {None, found.mistake}
