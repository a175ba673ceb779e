"""Functions that are handed over as gradients of others are claims: to a check, to a minimiser, with a backward."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.check.function.fed import Fed
from chainrule.check.function.promises import check_attached
from tests.check.conftest import Audits

OK = {"right", "right up to rounding"}
LOGISTIC = """
import scipy.optimize
from scipy.optimize import check_grad, minimize
rng = np.random.default_rng(0)
X, y, w0 = rng.normal(size=(9, 4)), rng.integers(0, 2, 9), rng.normal(size=4)
def cost(w, X, y):
    p = 1 / (1 + np.exp(-X @ w))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)) + 0.5 * np.sum(w ** 2)
def slope(w, X, y):
    return {}
def both(w, X, y):
    return cost(w, X, y), slope(w, X, y)
def check_gradient(f, x, claimed):
    return [abs((f(x + d) - f(x - d)) / 2e-6 - g) for d, g in zip(1e-6 * np.eye(len(x)), claimed)]
def gradient_check(f, grad, x):
    e = 1e-6 * np.eye(len(x))
    return [np.abs((f(x + d) - f(x - d)) / 2e-6 - g) for d, g in zip(e, grad(x))]
"""
RIGHT = "X.T @ (1 / (1 + np.exp(-X @ w)) - y) / len(y) + w"
CALLS = [
    ("check_grad(cost, slope, w0, X, y)", "slope"),
    ("scipy.optimize.check_grad(lambda w: cost(w, X, y), lambda w: slope(w, X, y), w0)", "jac"),
    ("gradient_check(lambda w: cost(w, X, y), lambda w: slope(w, X, y), w0)", "jac"),
    ("grad = slope(w0, X, y)\ncheck_gradient(lambda w: cost(w, X, y), w0, grad)", "grad"),
    ("minimize(cost, w0, args=(X, y), jac=slope)", "slope"),
    ("minimize(x0=w0, fun=cost, args=(X, y), jac=slope, options=dict(maxiter=3))", "slope"),
    ("minimize(both, w0, args=(X, y), jac=True)", "both"),
    ("scipy.optimize.fmin_bfgs(cost, w0, fprime=slope, args=(X, y), disp=False)", "slope"),
    ("scipy.optimize.fmin_l_bfgs_b(both, list(w0), args=(X, y))", "both"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "name"), CALLS)
def test_a_function_handed_over_as_a_gradient_is_a_claim(audit: Audits, call: str, name: str) -> None:
    right = audit(LOGISTIC.replace("{}", RIGHT), call)
    assert right.only(name).verdict in OK
    assert right.problems == []


@pytest.mark.parametrize(("call", "name"), CALLS)
@pytest.mark.parametrize(
    ("claimed", "mistake"),
    [("X.T @ (1 / (1 + np.exp(-X @ w)) - y) + w", "factor"), (RIGHT.replace("+ w", "- w"), "path-sign")],
)
def test_a_wrong_one_is_named(audit: Audits, call: str, name: str, claimed: str, mistake: str) -> None:
    finding = audit(LOGISTIC.replace("{}", claimed), call).only(name)
    assert (finding.verdict, finding.mistake) == ("wrong", mistake), finding.message


def test_the_line_is_that_of_the_call_and_nothing_is_printed_or_drawn(audit: Audits) -> None:
    cell = """
    from scipy.optimize import check_grad
    def f(x):
        print(np.random.rand())
        return np.sum(x ** 2)
    np.random.seed(3)
    check_grad(f, lambda x: x, np.ones(3))
    drawn = np.random.rand()
    """
    found = audit(cell)
    assert (found.only("jac").line, found.only("jac").mistake) == (7, "factor")
    drawn = np.random.RandomState(3).rand(10)
    printed = [float(line) for line in found.outcomes[0].printed.split()]
    assert printed == list(drawn[: len(printed)])  # by SciPy's calls, and by nobody else's
    assert found.namespace["drawn"] == drawn[len(printed)]


@pytest.mark.parametrize(
    ("jacobian", "expected"),
    [("np.stack([-np.exp(-p[1] * t), p[0] * t * np.exp(-p[1] * t)], 1)", OK), ("np.stack([t, t], 1)", {"wrong"})],
)
def test_the_jacobian_of_residuals(audit: Audits, jacobian: str, expected: set[str]) -> None:
    cell = f"""
    from scipy.optimize import least_squares
    t = np.linspace(0.1, 2, 8)
    y = 3 * np.exp(-t)
    residual = lambda p: y - p[0] * np.exp(-p[1] * t)
    jacobian = lambda p: {jacobian}
    least_squares(residual, [1.0, 2.0], jac=jacobian, max_nfev=3)
    """
    assert audit(cell).only("jacobian").verdict in expected


@pytest.mark.parametrize(("jacobian", "expected"), [("3 * x ** 2", OK), ("3 * x", {"wrong"})])
def test_the_derivative_by_elements_and_the_second(audit: Audits, jacobian: str, expected: set[str]) -> None:
    cell = f"""
    from scipy.optimize import root_scalar
    first = lambda x: {jacobian}
    second = lambda x: 6 * x
    root_scalar(lambda x: x ** 3 - 2, x0=1.5, fprime=first, fprime2=second, method="halley", maxiter=2)
    """
    found = audit(cell)
    assert found.only("first").verdict in expected
    assert found.only("second").verdict in expected


FUNCTION = """
class Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return torch.tanh(x @ w)
    @staticmethod
    def backward(ctx, upstream):
        x, w = ctx.saved_tensors
        d = upstream * (1 - torch.tanh(x @ w) ** 2)
        return d @ w.T, {}
x = torch.randn(5, 3, dtype=torch.double, requires_grad=True)
w = torch.randn(3, 4, dtype=torch.double, requires_grad=True)
scaled = Scaled.apply
try:
    torch.autograd.gradcheck({}, (x, w))
except RuntimeError:
    pass
"""


@pytest.mark.parametrize("called", ["Scaled.apply", "scaled", "lambda x, w: scaled(x, w).sum()"])
@pytest.mark.parametrize(
    ("rule", "mistake"), [("x.T @ d", None), ("-x.T @ d", "sign"), ("x.T @ upstream", "local-factor")]
)
def test_the_backward_of_a_function_of_tensors(audit: Audits, called: str, rule: str, mistake: str | None) -> None:
    found = audit(FUNCTION.format(rule, called))
    name = "the gradient" if " " in called else called
    assert found.only(f"{name}, dx").verdict in OK
    assert (found.only(f"{name}, dw").verdict in OK) == (mistake is None)
    assert mistake in {None, found.only(f"{name}, dw").mistake}
    assert found.problems == []


@pytest.mark.oracle
def test_the_derivative_of_a_function_of_jax() -> None:
    jax = pytest.importorskip("jax")

    @jax.custom_vjp  # type: ignore[untyped-decorator, unused-ignore]
    def half(x: Any) -> Any:
        return jax.numpy.sin(x) / 2

    half.defvjp(lambda x: (half(x), x), lambda x, upstream: (upstream * jax.numpy.cos(x),))
    report = check_attached(lambda x: (half(x) ** 2).sum(), [jax.numpy.arange(1.0, 6.0)])
    assert (report.findings[0].verdict, report.findings[0].mistake) == ("wrong", "factor")


@pytest.mark.parametrize(
    "call",
    [
        "check_grad(lambda x: rng.normal(), lambda x: x, np.ones(3))",
        "check_grad(lambda x: 'text', lambda x: x, np.ones(3))",
        "check_grad(np.sum, np.ones(3), 3)",
        "check_gradients(cost, 3)",
        "minimize(lambda w: cost(w, X, y), w0, jac='2-point')",
        "minimize(lambda w: cost(w, X, y), w0, jac=None)",
    ],
)
def test_what_is_no_claim(audit: Audits, call: str) -> None:
    found = audit(LOGISTIC.replace("{}", RIGHT), call)
    assert found.findings == []
    assert found.problems == []


NET = """
class Layer:
    def __init__(self, W):
        self.W = W
    def forward(self, x):
        self.x = x
        return np.tanh(x @ self.W)
    def backward(self, upstream):
        return {}
rng = np.random.default_rng(0)
x, W = rng.normal(size=(6, 3)), rng.normal(size=(3, 2))
layer = Layer(W)
def numerical_gradient(f, a, h=1e-5):
    g = np.zeros_like(a)
    for i in np.ndindex(*a.shape):
        before = a[i]
        a[i] = before + h
        high = f(a)
        a[i] = before - h
        g[i] = (high - f(a)) / (2 * h)
        a[i] = before
    return g
loss = lambda W: np.sum(layer.forward(x) ** 2)
dW_num = numerical_gradient(loss, layer.W)
out = layer.forward(x)
dW = layer.backward(2 * out)
print(np.abs(dW - dW_num).max())
"""


@pytest.mark.parametrize(
    ("rule", "mistake"),
    [
        ("self.x.T @ (upstream * (1 - np.tanh(self.x @ self.W) ** 2))", None),
        ("self.x.T @ upstream", "local-factor"),
        ("self.x.T @ (upstream * (1 - (self.x @ self.W) ** 2))", "wrong-tensor"),
    ],
)
def test_differences_of_a_function_that_reads_what_is_moved(audit: Audits, rule: str, mistake: str | None) -> None:
    found = audit(NET.format(rule)).only("dW")
    assert (found.verdict in OK) == (mistake is None)
    assert mistake in {None, found.mistake}


def test_differences_of_a_function_of_nothing(audit: Audits) -> None:
    cell = NET.format("self.x.T @ upstream").replace("lambda W: np", "lambda: np").replace("f(a)", "f()")
    assert audit(cell).only("dW").mistake == "local-factor"


FILLED = """
from scipy.optimize import minimize
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(8, 3)), np.eye(2)[rng.integers(0, 2, 8)]
def cost(theta):
    W = theta.reshape(3, 2)
    P = np.zeros((8, 2))
    for i in range(8):
        P[i] = X[i].dot(W)
    P -= P.max(axis=1, keepdims=True)
    P = np.exp(P)
    P /= P.sum(axis=1, keepdims=True)
    grad = np.zeros_like(W)
    for i in range(8):
        grad += np.outer(X[i], P[i] - Y[i])
    return -np.sum(Y * np.log(P)) / 8, {}.ravel()
minimize(cost, rng.normal(size=6), jac=True, options=dict(maxiter=2))
"""


@pytest.mark.parametrize(("gradient", "mistake"), [("(grad / 8)", None), ("grad", "factor"), ("(-grad / 8)", "sign")])
def test_code_that_fills_and_overwrites_arrays_is_followed(audit: Audits, gradient: str, mistake: str | None) -> None:
    found = audit(FILLED.replace("{}", gradient)).only("cost")
    assert (found.verdict in OK) == (mistake is None)
    assert mistake in {None, found.mistake}
    assert "error of differences" not in found.message


ROWS = """
class Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = torch.empty_like(x)
        for row in range(len(x)):
            e = torch.exp(x[row])
            y[row] = e / e.sum()
        ctx.save_for_backward(y)
        return y
    @staticmethod
    def backward(ctx, upstream):
        (y,) = ctx.saved_tensors
        return {}
x = torch.randn(4, 5, dtype=torch.double, requires_grad=True)
g = torch.randn(4, 5, dtype=torch.double)
Softmax.apply(x).backward(g)
dx_mine = x.grad.clone()
x.grad = None
torch.softmax(x, -1).backward(g)
dx_ref = x.grad.clone()
"""


@pytest.mark.parametrize("comparison", ["torch.allclose(dx_mine, dx_ref)", "print((dx_ref - dx_mine).abs().max())"])
@pytest.mark.parametrize(
    ("rule", "expected"), [("y * (upstream - (upstream * y).sum(-1, keepdim=True))", OK), ("y * upstream", {"wrong"})]
)
def test_a_gradient_through_a_backward_by_hand_is_no_truth(
    audit: Audits, comparison: str, rule: str, expected: set[str]
) -> None:
    found = audit(ROWS.replace("{}", rule), comparison)
    assert found.only("dx_mine").verdict in expected
    assert len(found.findings) == 1


def test_a_flat_vector_of_parameters(audit: Audits) -> None:
    cell = """
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    def J(theta):
        T1, T2 = theta[:12].reshape(3, 4), theta[12:].reshape(4, 2)
        return np.sum((np.tanh(X @ T1) @ T2 - Y) ** 2)
    def gradient(theta):
        T1, T2 = theta[:12].reshape(3, 4), theta[12:].reshape(4, 2)
        h = np.tanh(X @ T1)
        d = 2 * (h @ T2 - Y)
        return np.concatenate([(X.T @ (d @ T2.T * (1 - h ** 2))).ravel(), (X @ T1).T.dot(d).ravel()])
    def numericalGradient(J, theta):
        return np.array([(J(theta + e) - J(theta - e)) / 2e-5 for e in 1e-5 * np.eye(len(theta))])
    theta = rng.normal(size=20)
    numgrad = numericalGradient(J, theta)
    grad = gradient(theta)
    print(np.linalg.norm(numgrad - grad) / np.linalg.norm(numgrad + grad))
    """
    found = audit(cell).only("grad")
    assert (found.verdict, found.mistake) == ("wrong", "wrong-tensor"), found.message


def test_a_fed_function_reads_what_it_is_handed_wherever_it_is_held() -> None:
    W = np.ones(3)
    held = {"deep": [W]}
    assert float(Fed(lambda _: np.sum(held["deep"][0]), W, "W")(2 * W)) == 6.0
    assert float(Fed(lambda _: np.sum(held["deep"][0]), np.ones(3), "W")(2 * W)) == 3.0
