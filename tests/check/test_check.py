"""check: the forms in which gradients can be claimed, what goes wrong before anything is compared, and verdicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import errors
from chainrule.check.function.reading import match
from tests.interop import provoked

RANDOM = np.random.default_rng(23)
X, W, Y = RANDOM.normal(size=(7, 5)), RANDOM.normal(size=(5, 3)), RANDOM.normal(size=(7, 3))


def loss(X: Any, W: Any, Y: Any) -> Any:
    return np.sum((X @ W - Y) ** 2)


def layer(X: Any, W: Any) -> Any:
    return np.tanh(X @ W)


def gradients(X: Any, W: Any, Y: Any) -> dict[str, Any]:
    R = X @ W - Y
    return {"X": 2 * R @ W.T, "W": 2 * X.T @ R, "Y": -2 * R}


def starred(*arguments: Any) -> dict[str, Any]:
    return gradients(*arguments)


def by_keywords(**arguments: Any) -> dict[str, Any]:
    return gradients(**arguments)


RIGHT = gradients(X, W, Y)

# -- forms of a claim --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["W", "dW", "dL_dW", "dloss_dW", "grad_W", "W_grad", "W.grad", "gW"])
def test_a_gradient_by_any_name(key: str) -> None:
    report = cr.check(loss, {key: RIGHT["W"]}, X, W, Y)
    assert ([finding.name for finding in report.findings], report.ok) == (["W"], True)


def test_an_argument_whose_own_name_begins_with_d() -> None:
    assert match("dx", ["x", "dx"]) == "dx"
    assert cr.check(lambda dx: np.sum(dx**2), {"ddx": 2 * X}, X).ok


@pytest.mark.parametrize(
    "claimed",
    [
        (RIGHT["X"], RIGHT["W"], RIGHT["Y"]),
        [None, RIGHT["W"], None],
        gradients,
        lambda X, W, Y: tuple(gradients(X, W, Y).values()),
        starred,
        by_keywords,
    ],
    ids=["tuple", "list with gaps", "function", "function of a tuple", "starred", "by keywords"],
)
def test_forms_of_claims(claimed: Any) -> None:
    assert cr.check(loss, claimed, X, W, Y).ok


def test_one_array_is_about_the_first_real_argument_or_the_one_asked_for() -> None:
    assert cr.check(lambda n, x: np.sum(x**n), 2 * X, 2, X).ok
    assert cr.check(loss, RIGHT["W"], X, W, Y, argnums=1).ok
    assert cr.check(loss, (RIGHT["Y"], RIGHT["W"]), X, W, Y, argnums=(2, 1)).ok


def test_arguments_by_name_and_in_containers() -> None:
    def forward(params: Any, x: Any, scale: Any = 1.0) -> Any:
        return scale * np.sum(x @ params["W"] + params["b"])

    params = {"W": W, "b": np.zeros(3)}
    claimed = {"W": 2 * X.T @ np.ones((7, 3)), "b": np.full(3, 14.0)}
    assert cr.check(forward, claimed, params, X, scale=2.0).ok
    assert not cr.check(forward, {"b": np.full(3, 7.0)}, params, X, scale=2.0).ok


def test_an_array_valued_function_and_its_upstream() -> None:
    upstream = RANDOM.normal(size=(7, 3))

    def claimed(X: Any, W: Any, upstream: Any) -> dict[str, Any]:
        return {"W": X.T @ (upstream * (1 - np.tanh(X @ W) ** 2))}

    def with_last(X: Any, W: Any, g: Any) -> dict[str, Any]:
        return claimed(X, W, g)

    assert cr.check(layer, claimed, X, W).ok
    assert cr.check(layer, with_last, X, W).ok
    assert cr.check(layer, claimed(X, W, upstream), X, W, upstream=upstream).ok
    ones = cr.check(layer, claimed(X, W, np.ones((7, 3))), X, W)
    assert ones.ok
    assert any("all ones" in note for note in ones.notes)


def test_a_jacobian_is_compared_with_the_jacobian() -> None:
    slope = 1 - np.tanh(X @ W) ** 2
    J = np.einsum("nk,nd,kj->nkdj", slope, X, np.eye(3))
    right, wrong = cr.check(layer, {"W": J}, X, W), cr.check(layer, {"W": -J}, X, W)
    assert right.ok
    assert "Jacobian" in right.findings[0].message
    assert (wrong.findings[0].verdict, wrong.findings[0].mistake) == ("wrong", "sign")
    assert not any("all ones" in note for note in right.notes)


def test_integers_stay_what_they_are() -> None:
    index = np.array([0, 2, 2])
    dx = np.zeros(4)
    np.add.at(dx, index, 1.0)
    assert cr.check(lambda x, i: np.sum(x[i]), {"x": dx}, np.ones(4), index).ok


# -- what is wrong with the question -----------------------------------------------------------------------------------

MESSAGES: list[tuple[Callable[[], Any], list[str]]] = [
    (lambda: cr.check(loss, {"V": W}, X, W, Y), ["'V'", "no such argument", "X, W, Y", "dW"]),
    (lambda: cr.check(loss, {"W": W, "dW": W}, X, W, Y), ["W", "twice"]),
    (lambda: cr.check(loss, {}, X, W, Y), ["nothing is claimed"]),
    (lambda: cr.check(loss, None, X, W, Y), ["nothing is claimed", "steps"]),
    (lambda: cr.check(loss, (W, W), X, W, Y), ["2 gradients", "3", "X, W, Y"]),
    (lambda: cr.check(loss, {"W": "dW"}, X, W, Y), ["W", "array of numbers", "str"]),
    (lambda: cr.check(loss, {"W": object()}, X, W, Y), ["W", "array of numbers"]),
    (lambda: cr.check(lambda x: (x, x), {"x": W}, W), ["returns 2 arrays", "one of them"]),
    (lambda: cr.check(lambda x: "text", {"x": W}, W), ["returns str"]),
    (lambda: cr.check(layer, {"W": W}, X, W, upstream=np.ones(3)), ["(3,)", "(7, 3)"]),
    (lambda: cr.check(loss, W, X, W, Y, argnums=5), ["argnums", "5", "3 arguments"]),
    (lambda: cr.check(lambda n: n * 2, 2, 3), ["no real argument"]),
    (lambda: cr.check(loss, None, X, W, Y, steps={"dq": W}), ["'dq'", "no such variable"]),
    (lambda: cr.check(loss, None, X, W, Y, steps=[W]), ["mapping", "list"]),
]


@pytest.mark.parametrize(("provoke", "says"), MESSAGES)
def test_messages(provoke: Callable[[], Any], says: list[str]) -> None:
    provoked.says(provoke, errors.ClaimError, says, longest=400)


def test_what_the_function_raises_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        cr.check(lambda x: 1 / 0, {"x": W}, W)


def changing(x: Any) -> Any:
    x *= 2
    return np.sum(x)


def restless() -> Callable[[Any], Any]:
    random = np.random.default_rng(0)
    return lambda x: np.sum(x * random.normal(size=x.shape))


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (changing, "changes its argument x"),
        (restless(), "another result each time"),
        (lambda x: np.sum(np.log(x - x)), "not finite"),
    ],
    ids=["changes", "random", "infinite"],
)
def test_a_function_that_cannot_be_checked(function: Any, says: str) -> None:
    x = np.ones(3)
    report = cr.check(function, {"x": np.ones(3)}, x)
    assert [finding.verdict for finding in report.findings] == ["undecidable"]
    assert says in report.findings[0].message
    assert not report.ok
    assert not report.wrong


# -- verdicts ----------------------------------------------------------------------------------------------------------


def test_nan_in_a_claim_says_where() -> None:
    claimed = RIGHT["W"].copy()
    claimed[2, 1] = np.nan
    (finding,) = cr.check(loss, {"W": claimed}, X, W, Y).findings
    assert finding.verdict == "wrong"
    assert "1 of its 15 entries are NaN" in finding.message
    assert "[2, 1]" in finding.message


def test_the_right_value_in_the_wrong_shape() -> None:
    (finding,) = cr.check(lambda x, b: np.sum(x + b), {"b": np.array([7.0])}, np.ones(7), 1.0).findings
    assert (finding.verdict, finding.mistake) == ("right value, wrong shape", "shape")
    (finding,) = cr.check(loss, {"W": RIGHT["W"].T}, X, W, Y).findings
    assert (finding.verdict, finding.mistake, finding.fix) == ("right value, wrong shape", "transposed", "dW.T")


def test_rounding_is_allowed_and_a_small_mistake_is_not() -> None:
    single = [array.astype(np.float32) for array in (X, W, Y)]
    assert cr.check(loss, {"W": gradients(*single)["W"]}, *single).ok
    assert not cr.check(loss, {"W": 1.001 * gradients(*single)["W"]}, *single).ok
    assert not cr.check(loss, {"W": RIGHT["W"] * (1 + 1e-6)}, X, W, Y).ok


def test_a_gradient_that_is_nothing_but_rounding() -> None:
    def shifted(z: Any, c: Any) -> Any:
        p = np.exp(z + c) / np.exp(z + c).sum()
        return np.sum(p**2)

    z = RANDOM.normal(size=5)
    assert cr.check(shifted, {"c": 0.0}, z, 0.3).ok
    assert cr.check(shifted, {"c": 1e-17}, z, 0.3).ok
    assert not cr.check(shifted, {"c": 1e-3}, z, 0.3).ok


def test_a_constant_that_only_keeps_a_logarithm_finite() -> None:
    p = RANDOM.uniform(0.2, 0.8, size=6)
    report = cr.check(lambda p: -np.sum(np.log(p + 1e-9)), {"p": -1 / p}, p)
    assert report.findings[0].verdict == "right up to rounding"
    assert "tiny constant" in report.findings[0].message
    assert not cr.check(lambda p: -np.sum(np.log(p + 1e-3)), {"p": -1 / p}, p).ok


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0, 0.3])
def test_any_slope_between_those_of_the_sides_is_as_good_as_another(slope: float) -> None:
    x = np.array([0.0, 1.5, -2.0])
    (finding,) = cr.check(lambda x: np.sum(np.maximum(x, 0)), {"x": np.array([slope, 1.0, 0.0])}, x).findings
    assert finding.verdict in {"right", "undecidable"}
    assert finding.verdict == "right" or "kink" in finding.message


def test_at_a_kink_a_slope_beyond_the_sides_is_wrong() -> None:
    x = np.array([0.0, 1.5, -2.0])
    for wrong in ([1.5, 1.0, 0.0], [0.0, 0.5, 0.0]):
        assert cr.check(lambda x: np.sum(np.maximum(x, 0)), {"x": np.array(wrong)}, x).wrong


def test_complex_arguments() -> None:
    a, z = RANDOM.normal(size=4) + 1j * RANDOM.normal(size=4), RANDOM.normal(size=4) + 1j * RANDOM.normal(size=4)
    right = cr.check(lambda a, z: a * z, lambda a, z, upstream: {"z": upstream * np.conj(a)}, a, z)
    wrong = cr.check(lambda a, z: a * z, lambda a, z, upstream: {"z": upstream * a}, a, z)
    assert right.ok
    assert [finding.mistake for finding in wrong.wrong] == ["conjugate"]


def test_the_same_question_has_the_same_answer() -> None:
    first, second = (cr.check(loss, lambda X, W, Y: {"W": X.T @ (X @ W - Y)}, X, W, Y, seed=5) for _ in range(2))
    assert str(first) == str(second)


@pytest.mark.parametrize("rows", [3, 16])
def test_a_tiny_constant_in_the_function_blurs_no_mistake(rows: int) -> None:
    random = np.random.default_rng(0)
    x, W, t = random.normal(size=(rows, 5)), random.normal(size=(5, 4)) / 9, random.integers(0, 4, rows)

    def loss(W: Any) -> Any:
        e = np.exp(x @ W)
        return -np.mean(np.log((e / e.sum(axis=1, keepdims=True))[np.arange(rows), t] + 1e-7))

    e = np.exp(x @ W)
    p = e / e.sum(axis=1, keepdims=True) - np.eye(4)[t]
    assert cr.check(loss, {"W": x.T @ p / rows}, W).ok
    finding = cr.check(loss, {"W": x.T @ p}, W).findings[0]
    assert finding.mistake == "factor"
    assert finding.message.startswith(f"dW is the gradient times {'len(e)' if rows == 16 else rows}")


def test_an_index_of_a_loop_that_is_off_by_one() -> None:
    random = np.random.default_rng(0)
    W, x = random.normal(size=(4, 4)) / 2, random.normal(size=(6, 4))

    def loss(W: Any) -> Any:
        h = np.zeros(4)
        for row in x:
            h = np.tanh(W @ h + row)
        return np.sum(h**2)

    def backward(W: Any, late: int) -> Any:
        hs = [np.zeros(4)]
        for row in x:
            hs.append(np.tanh(W @ hs[-1] + row))
        dW, dh = np.zeros((4, 4)), 2 * hs[-1]
        for t in reversed(range(1, 7)):
            da = dh * (1 - hs[t] ** 2)
            dW += np.outer(da, hs[t - 1 + late])
            dh = W.T @ da
        return dW

    assert cr.check(loss, lambda W: backward(W, 0), W).ok
    finding = cr.check(loss, lambda W: backward(W, 1), W).findings[0]
    assert finding.mistake == "wrong-tensor"
    assert "h of the step after" in finding.message
