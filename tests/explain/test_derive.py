"""Derivations: in textbook form where there is one, and right wherever the source is run."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import DtypeError, GradientError, NotScalarError
from chainrule.explain.derive import derive
from tests.bank.all import ALL, RIGHT
from tests.explain import textbook

FUNCTIONS = {case.forward: case for case in [*ALL, *RIGHT] if case.identity != "T7"}  # that one is complex


def named(case: Any) -> str:
    return f"{case.identity} {case.forward.__name__}"


@pytest.mark.parametrize("case", FUNCTIONS.values(), ids=named)
def test_the_source_computes_the_gradients(case: Any) -> None:
    arguments, more = case.draw(0)
    derivation = derive(case.forward)(*arguments.values())
    given = list(derivation.arguments)
    out, pullback = cr.vjp(case.forward, *arguments.values())
    upstream = more.get("upstream", np.ones_like(out))
    if np.size(out) != 1:
        given[-1] = upstream
    found = derivation.function()(*given)
    names = list(derivation.gradients)
    found = dict(zip(names, found if len(names) > 1 else [found], strict=True))
    expected = dict(zip(arguments, pullback(upstream), strict=True))
    for name in names:
        assert np.shape(found[name]) == np.shape(expected[name]), name
        tolerance = 1e-4 if expected[name].dtype == np.float32 else 1e-6
        np.testing.assert_allclose(found[name], expected[name], rtol=tolerance, atol=tolerance / 1000, err_msg=name)


@pytest.mark.parametrize("function", textbook.GRADIENTS, ids=lambda function: function.__name__)
def test_a_gradient_is_in_textbook_form(function: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    arguments = [textbook.argument(name, rng) for name in inspect.signature(function).parameters]
    derivation = derive(function)(*arguments)
    expected = [line.strip() for line in (inspect.getdoc(function) or "").splitlines() if line.strip()]
    found = [formula.text for formula in derivation.gradients.values()]
    assert [line for line in expected if line not in found] == [], found


@pytest.mark.parametrize("function", textbook.HESSIANS, ids=lambda function: function.__name__)
def test_a_hessian_is_in_textbook_form_and_right(function: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    names = list(inspect.signature(function).parameters)
    arguments = [textbook.argument(name, rng) for name in names]
    derivation = derive(function, 0, order=2)(*arguments)
    (formula,) = derivation.hessians.values()
    assert formula.text == (inspect.getdoc(function) or "").strip()
    namespace: dict[str, Any] = {"np": np}
    exec(derivation.source.replace("return ", "globals().update(locals()); return "), namespace)
    namespace["gradient"](*derivation.arguments)
    found = eval(formula.python.removeprefix("H = "), namespace)
    np.testing.assert_allclose(found, cr.hessian(function)(*arguments).dense(), rtol=1e-9, atol=1e-12)


def test_the_function_that_grad_returns_has_a_hessian() -> None:
    def quadratic(x: Any, A: Any) -> Any:
        return x @ A @ x

    arguments = np.ones(3), np.arange(9.0).reshape(3, 3)
    assert str(derive(cr.grad(quadratic))(*arguments).hessians["x"]) == "∂²quadratic/∂x² = A + Aᵀ"


def test_the_jacobian_of_a_vector_is_a_matrix() -> None:
    def softmax(z: Any) -> Any:
        e = np.exp(z)
        p = e / e.sum()
        return p

    derivation = derive(softmax)(np.arange(4.0))
    assert str(derivation.jacobians["z"]) == "∂p/∂z = diag(p) − p pᵀ"


def test_a_layer_says_what_a_person_keeps() -> None:
    def layer(x: Any, W: Any) -> Any:
        h = x @ W
        return h

    derivation = derive(layer, 1)(np.ones(2), np.ones((2, 3)))
    (local,) = derivation.explained[-1].locals
    assert str(local.index) == "∂h[i]/∂W[j,k] = x[j] δ_ik"
    assert str(local.matrix) == "x (∂L/∂h)ᵀ"
    assert local.jacobian.stored == 2


def test_reasons_speak_of_sums_and_transposes() -> None:
    def net(X: Any, W: Any, b: Any) -> Any:
        z = X @ W + b
        h = np.maximum(z, 0)
        L = h.sum()
        return L

    derivation = derive(net, (1, 2))(np.ones((7, 5)), np.ones((5, 3)), np.ones(3))
    reasons = {explained.name: " ".join(explained.reasons) for explained in derivation.explained}
    assert "stretched over the 7 rows" in reasons["b"]
    assert "transposed" in reasons["W"]
    assert "chosen" in reasons["z"]
    assert "added up" in reasons["h"]


def test_steps_without_names_are_told_one_by_one() -> None:
    derivation = derive(lambda W, x: np.sum(np.tanh(W @ x)))(np.ones((2, 3)), np.ones(3))
    assert [str(explained.forward) for explained in derivation.explained][2:] == [
        "v₂ = W x",
        "v₃ = tanh(v₂)",
        "f = Σ v₃",
    ]


def test_a_derivation_shows_itself() -> None:
    derivation = derive(lambda x: np.sum(x**2))(np.ones(3))
    assert "Backward" in str(derivation)
    assert "∂f/∂x = 2 x" in repr(derivation)
    assert derivation.latex == "\\begin{aligned}\n\\frac{\\partial f}{\\partial x} &= 2 x\n\\end{aligned}"
    assert derivation._repr_latex_().startswith("$$")


def test_loops_become_sums_over_time() -> None:
    def recurrence(W: Any, h: Any, xs: Any) -> Any:
        for x in xs:
            a = h @ W + x
            h = np.tanh(a)
        return np.sum(h)

    rng = np.random.default_rng(0)
    derivation = derive(recurrence, 0)(rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=(6, 3)))
    expected = "∂recurrence/∂W = h (∂recurrence/∂a₁)ᵀ + Σₜ₌₂⁶ hₜ₋₁ (∂recurrence/∂aₜ)ᵀ"
    assert str(derivation.gradients["W"]) == expected


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: derive(lambda x: (x, x))(1.0), NotScalarError, "returned 2 values"),
        (lambda: derive(lambda x, y: x * 1.0, 1)(1.0, 2.0), GradientError, "does not depend on y"),
        (lambda: derive(lambda x: x * 2, 3)(1.0), GradientError, "argument 3"),
        (lambda: derive(lambda n: n * 2.0)(3), DtypeError, "no argument is a real number"),
        (lambda: derive(lambda x, n: x * n, 1)(3.0, 2), DtypeError, "respect to n, which is int"),
        (lambda: derive(lambda x: x * 2, order=2)(np.ones(3)), NotScalarError, "Hessian is of one number"),
        (lambda: derive(lambda x: x, order=3), GradientError, "order 3"),
    ],
)
def test_what_cannot_be_derived_is_said(call: Callable[[], Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        call()


def test_what_holds_almost_everywhere_is_said_not_to_hold_everywhere() -> None:
    derivation = derive(lambda x: np.sum(np.maximum(x, 0)))(np.array([1.0, -2.0]))
    assert derivation.gradients["x"].text == "∂f/∂x = [x > 0]"
    assert "this does not hold where x = 0, which is nowhere here" in derivation.notes
    at_a_tie = derive(lambda x: np.sum(np.maximum(x, 0)))(np.array([1.0, 0.0]))
    assert "[x = 0]" in at_a_tie.gradients["x"].text
    np.testing.assert_array_equal(at_a_tie.function()(*at_a_tie.arguments), [1.0, 0.5])


def test_an_equation_that_holds_somewhere_stays_in_the_formula() -> None:
    labels = np.array([1.0, 0.0, 1.0])

    def loss(p: Any) -> Any:
        return -np.sum(np.where(labels == 1, np.log(p), np.log(1 - p)))

    derivation = derive(loss)(np.array([0.2, 0.3, 0.6]))
    found = derivation.function()(*derivation.arguments)
    np.testing.assert_allclose(found, cr.grad(loss)(np.array([0.2, 0.3, 0.6])))
    assert not any("does not hold" in note for note in derivation.notes)


def test_what_rests_on_the_data_is_said() -> None:
    target = np.eye(3)[[0, 2]]

    def loss(z: Any) -> Any:
        e = np.exp(z)
        p = e / e.sum(axis=1, keepdims=True)
        return -np.sum(target * np.log(p))

    derivation = derive(loss)(np.arange(6.0).reshape(2, 3))
    assert derivation.gradients["z"].text == "∂loss/∂z = p − target"
    assert "this rests on the data: target 1 = 1" in derivation.notes


def test_what_is_computed_from_arrays_outside_is_written_out() -> None:
    A, y = np.arange(6.0).reshape(2, 3), np.array([1.0, 2.0])
    derivation = derive(lambda x: (A.T @ y) @ x)(np.ones(3))
    assert derivation.gradients["x"].text == "∂f/∂x = Aᵀ y"


def test_a_matrix_that_is_given_is_not_taken_for_symmetric() -> None:
    derivation = derive(lambda x, A: x @ A @ x, 0)(np.ones(3), np.eye(3))
    assert derivation.gradients["x"].text == "∂f/∂x = (A + Aᵀ) x"


def test_layers_in_a_list_are_numbered() -> None:
    rng = np.random.default_rng(0)
    layers = [{"W": rng.normal(size=(3, 4)), "b": rng.normal(size=4)}, {"W": rng.normal(size=(4, 2))}]

    def loss(layers: Any, X: Any) -> Any:
        h = np.tanh(X @ layers[0]["W"] + layers[0]["b"])
        return np.sum(h @ layers[1]["W"])

    derivation = derive(loss)(layers, rng.normal(size=(5, 3)))
    assert list(derivation.gradients) == ["W[1]", "b", "W[2]", "X"]
    assert derivation.title == "loss(W[1], b, W[2], X)"
    found, _ = derivation.function()(*derivation.arguments)
    expected = cr.grad(loss)(layers, derivation.computation.inputs["X"].value)
    np.testing.assert_allclose(found[0]["W"], expected[0]["W"])
    np.testing.assert_allclose(found[1]["W"], expected[1]["W"])


def test_linear_equations_are_solved_in_the_source() -> None:
    def likelihood(A: Any, y: Any) -> Any:
        K = A @ A.T + np.eye(3)
        alpha = np.linalg.solve(K, y)
        return y @ alpha + np.linalg.slogdet(K)[1]

    rng = np.random.default_rng(0)
    source = derive(likelihood)(rng.normal(size=(3, 3)), rng.normal(size=3)).source
    assert "alpha = np.linalg.solve(K, y)" in source
    assert "dA = 2 * ((np.linalg.inv(K) - np.outer(alpha, alpha)) @ A)" in source
    assert "dy = 2 * alpha" in source


def test_what_is_true_or_false_is_never_negated_in_the_source() -> None:
    derivation = derive(lambda x, y: -np.sum(np.maximum(x, 0) / y))(np.array([1.0, -2.0]), 3.0)
    np.testing.assert_allclose(derivation.function()(*derivation.arguments)[0], [-1 / 3, 0])


def test_rows_that_are_scaled_are_told_from_columns() -> None:
    def scaled(x: Any, A: Any) -> Any:
        return A @ np.exp(x)

    derivation = derive(scaled, 0)(np.ones(3), np.ones((2, 3)))
    assert derivation.jacobians["x"].text == "∂scaled/∂x = A diag(exp(x))"


def test_what_rests_on_the_data_is_noted_and_what_cancelled_is_not() -> None:
    turned, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    length = derive(lambda x, Q: x @ (Q.T @ (Q @ x)), 0)(np.ones(3), turned)
    assert length.gradients["x"].text == "∂f/∂x = 2 x" and "this rests on the data: Qᵀ Q = I" in length.notes
    solved = derive(lambda x, A: np.sum((np.linalg.inv(A) @ (A @ x)) ** 2), 0)(np.ones(3), turned + np.eye(3))
    assert solved.gradients["x"].text == "∂f/∂x = 2 x" and solved.notes == ()

    def factored(S: Any, y: Any) -> Any:
        L = np.linalg.cholesky(S)
        a = np.linalg.solve(L, y)
        return a @ a / 2 + np.sum(np.log(np.diag(L)))

    notes = derive(factored)(turned + turned.T + 4 * np.eye(3), np.ones(3)).notes
    assert not any("rests on" in note for note in notes)  # another matrix has no such factor
    assert "v₁₇ = np.tril(np.ones((3, 3)))" in notes

    def cross_entropy(x: Any, w: Any) -> Any:
        z = x - x.max()
        return -np.sum(w * (z - np.log(np.sum(np.exp(z)))))

    assert derive(cross_entropy, 0)(np.array([1.0, 3.0, 2.0]), np.array([0.2, 0.5, 0.4])).notes == ()


def test_a_given_matrix_that_is_symmetric_is_noted() -> None:
    form = derive(lambda x, S: x @ S @ x, 0)(np.ones(3), np.diag([1.0, 2.0, 3.0]))
    assert form.gradients["x"].text == "∂f/∂x = (S + Sᵀ) x"
    assert form.notes == ("S is symmetric here, so S + Sᵀ is 2 S",)


def test_structures_have_the_names_of_the_values() -> None:
    rng = np.random.default_rng(0)
    told = derive(lambda X, W: np.sum(np.tanh(X @ W)))(rng.normal(size=(5, 3)), rng.normal(size=(3, 2)))
    structures = [local.structure for entry in told.explained for local in entry.locals]
    assert "X ⊗ I₂, 15 stored of 60 entries" in structures and "I₅ ⊗ Wᵀ, 6 stored of 150 entries" in structures


def test_reasons_say_the_whole_derivative_of_a_number() -> None:
    def reasons(function: Callable[..., Any], *arguments: Any) -> list[str]:
        return [reason for entry in derive(function)(*arguments).explained for reason in entry.reasons]

    matrix = np.array([[2.0, 1.0], [0.0, 3.0]])
    assert reasons(np.linalg.det, matrix) == ["the derivative of det(a) with respect to a is det(a) a⁻ᵀ"]
    assert "the derivative of xᵀ x with respect to x is 2 x" in reasons(lambda x: x @ x, np.ones(3))
    told = reasons(lambda x, w: np.mean(x[1:] * w) + np.linalg.norm(x), np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0]))
    assert "x is used twice, in v₂ and v₅: the gradients of these uses add up" in told
    assert "only some entries of x were used: they get the gradient of what they became; the others get 0" in told
    assert "v₂ is multiplied by w, and so is its gradient" in told
    assert any(reason.startswith("all entries of") and "were averaged" in reason for reason in told)


def test_where_the_largest_is_stays_a_question_in_the_source() -> None:
    def spread(x: Any) -> Any:
        return np.max(x) - np.min(x)

    derivation = derive(spread)(np.array([1.0, 3.0, 2.0]))
    assert derivation.gradients["x"].text == "∂spread/∂x = [x = max(x)] − [x = min(x)]"
    assert any("no ties" in note for note in derivation.notes)
    np.testing.assert_array_equal(derivation.function()(np.array([5.0, 3.0, 4.0])), [1, -1, 0])
    tied = derive(spread)(np.array([3.0, 3.0, 2.0]))
    np.testing.assert_array_equal(tied.function()(*tied.arguments), [0.5, 0.5, -1])
