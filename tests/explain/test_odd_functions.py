"""What people hand to derive besides plain functions: each is derived, or a clear error says why not."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import DtypeError, GradientError
from chainrule.explain.derive import derive

RNG = np.random.default_rng(0)
A, B, X = RNG.normal(size=(3, 3)), RNG.normal(size=3), RNG.normal(size=3)


class Layer:
    def __init__(self) -> None:
        self.W, self.b = A, B

    def loss(self, v: Any) -> Any:
        return np.sum((self.W @ v + self.b) ** 2)

    def __call__(self, v: Any) -> Any:
        return self.loss(v)


def made_by(text: str) -> Callable[..., Any]:
    names: dict[str, Any] = {"np": np}
    exec(text, names)
    made: Callable[..., Any] = names["f"]
    return made


def several(*vectors: Any, **options: Any) -> Any:
    return np.sum(vectors[0] * vectors[1]) + np.sum(options["c"] ** 2)


def talking(x: Any) -> Any:
    z = 2 * x
    print(z)
    return np.sum(z**2)


def recursive(x: Any, depth: int = 3) -> Any:
    return np.sum(x) if depth == 0 else recursive(np.sin(x), depth - 1)


ODD: list[tuple[Callable[..., Any], tuple[Any, ...], str]] = [
    (lambda x: np.sum(np.tanh(A @ x)), (X,), "∂f/∂x = Aᵀ (1 − tanh(A x)²)"),
    (Layer().loss, (X,), "∂loss/∂v = 2 Wᵀ (W v + b)"),
    (Layer(), (X,), "∂f/∂v = 2 Wᵀ (W v + b)"),
    (functools.partial(lambda a, b: np.sum(a @ b), A), (X,), "∂f/∂b = 1ᵀ a"),
    (made_by("def f(größe):\n    höhe = 2 * größe\n    return np.sum(höhe ** 2)"), (X,), "∂f/∂größe = 8 größe"),
    (made_by("def f(变量):\n    return np.exp(变量).sum()"), (X,), "∂f/∂变量 = exp(变量)"),
    (talking, (X,), "∂talking/∂x = 4 z"),
    (recursive, (X,), "∂recursive/∂x = cos(x) ⊙ ∂recursive/∂x₁"),
    (lambda x: np.float32(0.1) * np.sum(x**2), (X.astype("f4"),), "∂f/∂x = 0.2 x"),
    (np.sum, (X,), "∂sum/∂a = 1"),
    (lambda lambda_, def_: lambda_ * def_, (2.0, 3.0), "∂f/∂lambda_ = def_"),
]


@pytest.mark.parametrize(("function", "arguments", "told"), ODD, ids=[told for *_, told in ODD])
def test_odd_functions_are_derived(function: Callable[..., Any], arguments: tuple[Any, ...], told: str) -> None:
    derivation = derive(function)(*arguments)
    assert str(next(iter(derivation.gradients.values()))) == told
    found = derivation.function()(*derivation.arguments)
    expected = cr.grad(function)(*arguments)
    np.testing.assert_allclose(found[0] if len(derivation.gradients) > 1 else found, expected, rtol=1e-6)


def test_more_arguments_than_parameters_have_names() -> None:
    derivation = derive(several)(X, B, c=X)
    assert [str(formula).partition(" = ")[2] for formula in derivation.gradients.values()] == [
        "vectors[1]", "vectors[0]", "2 c",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "key", ["<script>alert(1)</script>", 'a"] ; import os; x["', "\\frac{}$$%&_^~#", "W\n1", 3, ("a", "b")]
)
def test_hostile_keys_stay_text(key: Any) -> None:
    derivation = derive(lambda p: np.sum(np.tanh(p[key]) ** 2))({key: X})
    found = derivation.function()(*derivation.arguments)[key]
    np.testing.assert_allclose(found, 2 * np.tanh(X) * (1 - np.tanh(X) ** 2))
    assert "<script>alert" not in derivation._repr_html_()


def generated(x: Any) -> Iterator[Any]:
    yield np.sum(x)


@pytest.mark.parametrize(
    ("function", "error", "told"),
    [
        (lambda x: None, DtypeError, "the function returned None"),
        (lambda x: "a", DtypeError, "the function returned str 'a'"),
        (generated, DtypeError, "the function returned generator"),
        (lambda x: 3.0, GradientError, "the result does not depend on x"),
    ],
)
def test_what_cannot_be_derived_says_so(function: Callable[..., Any], error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        derive(function)(X)


FACTORS = " * ".join([f"x[{k}]" for k in range(1, 15)])


@pytest.mark.parametrize(
    ("text", "x"),
    [
        ("    for k in range(60):\n        x = np.tanh(x * x.sum() + k)\n    return np.sum(x)", X),
        ("    for k in range(30):\n        x = 0.7 * x * x + x / (1 + x)\n    return np.sum(x)", 0.1 * abs(X)),
        (f"    return np.sin(x[0]) * {FACTORS} + np.cos(x[0]) * {FACTORS}", RNG.uniform(0.5, 1.5, 15)),
    ],
    ids=["deep", "wide", "factors"],
)
def test_what_has_no_names_and_is_endless_written_out_is_derived(text: str, x: Any) -> None:
    function = made_by(f"def f(x):\n{text}")
    found = derive(function)(x)
    np.testing.assert_allclose(found.function()(*found.arguments), cr.grad(function)(x), rtol=1e-10)


def filled(x: Any) -> Any:
    y = np.zeros(4)
    for i in range(4):
        y[i] = x[i] ** 2
    return np.sum(y**2)


def test_a_buffer_is_told_as_it_was_before_it_was_written_into() -> None:
    x = RNG.normal(size=4)
    found = derive(filled)(x)
    zeros = next(step for step in found.computation.steps if step.is_constant and step.shape == (4,))
    assert zeros.called == "y[0]"
    assert not zeros.value.any()
    np.testing.assert_allclose(found.function()(*found.arguments), 4 * x**3)


def normalised(X: Any, gamma: Any) -> Any:
    mu = X.mean(axis=0)
    var = ((X - mu) ** 2).mean(axis=0)
    return np.sum(gamma * (X - mu) / np.sqrt(var + 1e-5))


def swung(a: Any, w: Any, g: Any) -> Any:
    dt = 0.25
    w = w - dt * g * np.sin(a)
    return a + dt * w


def priced(b: Any, y: Any, C: Any) -> Any:
    m = 1 - y * b
    return C * np.sum(np.maximum(0, m))


@pytest.mark.parametrize(
    ("function", "arguments", "told"),
    [
        (normalised, (RNG.normal(size=(7, 3)), RNG.normal(size=3)), ("where N = 7", "√(var + 10⁻⁵)")),
        (swung, (0.3, 0.2, 9.81), ("∂swung/∂a = 1 − dt² g cos(a)", "∂swung/∂w = dt", "∂swung/∂g = −dt² sin(a)")),
        (priced, (0.2, X, 2.0), ("∂priced/∂b = −C (yᵀ [m > 0])",)),
    ],
)
def test_numbers_are_said_as_people_write_them(
    function: Callable[..., Any], arguments: tuple[Any, ...], told: tuple[str, ...]
) -> None:
    derivation = derive(function)(*arguments)
    text = str(derivation)
    assert [line for line in told if line not in text] == [], text[-600:]
