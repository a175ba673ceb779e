"""Functions that can only be called: of arrays of another library, or of NumPy functions without a rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy.special import zetac

import chainrule as cr
from chainrule.check.function.foreign import is_foreign, like, plain


class Other:
    """An array of a library that nobody knows: it has numbers, a shape, and a few operations of its own."""

    def __init__(self, numbers: Any) -> None:
        self.numbers = np.array(numbers, dtype=float)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.numbers.shape

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.numbers, dtype=dtype)

    __array_ufunc__ = None

    def times(self, other: Other) -> Other:
        return Other(self.numbers * other.numbers)

    def squashed(self) -> Other:
        return Other(np.tanh(self.numbers))

    def total(self) -> Other:
        return Other(self.numbers.sum())


RANDOM = np.random.default_rng(31)
X, S = Other(RANDOM.normal(size=(4, 3))), Other(RANDOM.normal(size=(4, 3)))


def kernel(x: Other, s: Other) -> Other:
    return x.squashed().times(s)


def backward(rule: Callable[..., Any]) -> Callable[..., Any]:
    def claimed(x: Other, s: Other, upstream: Other) -> Any:
        return {"x": Other(rule(np.tanh(x.numbers), s.numbers, upstream.numbers, x.numbers))}

    return claimed


def test_arrays_go_there_and_back() -> None:
    assert is_foreign(X)
    assert not any(is_foreign(value) for value in (1.0, np.ones(2), np.float32(1), cr.tensor([1.0]), "text", None))
    assert isinstance(like(X, np.ones(3)), Other)
    assert plain(X) is not X
    assert np.array_equal(plain(X), X.numbers)


def test_a_right_gradient_is_right_within_the_error_of_differences() -> None:
    report = cr.check(kernel, backward(lambda y, s, g, x: g * s * (1 - y**2)), X, S)
    assert report.ok
    assert "error of differences" in report.findings[0].message


@pytest.mark.parametrize(
    ("rule", "mistake"),
    [
        (lambda y, s, g, x: -g * s * (1 - y**2), "sign"),
        (lambda y, s, g, x: g * s * (1 - y**2) / 4, "factor"),
        (lambda y, s, g, x: s * (1 - y**2), "upstream-missing"),
        (lambda y, s, g, x: g, "local-factor"),
        (lambda y, s, g, x: (g * s * (1 - y**2)).T, "transposed"),
        (lambda y, s, g, x: (g * s * (1 - y**2)).sum(axis=0), "extra-sum"),
    ],
)
def test_a_wrong_one_is_explained_from_arrays_alone(rule: Any, mistake: str) -> None:
    (finding,) = cr.check(kernel, backward(rule), X, S).wrong
    assert finding.mistake == mistake


def test_a_large_argument_is_tried_in_some_directions() -> None:
    large = Other(RANDOM.normal(size=(60, 50)))

    def squares(x: Other) -> Other:
        return x.times(x).total()

    right = cr.check(squares, {"x": 2 * large.numbers}, large)
    assert right.ok
    assert "8 random directions" in right.findings[0].message
    wrong = cr.check(squares, {"x": large.numbers}, large)
    assert wrong.findings[0].mistake == "factor"


def test_a_numpy_function_without_a_rule() -> None:
    x = np.array([0.3, 1.2, 2.1])
    derivative = np.array([float(mpmath.zeta(each + 2, derivative=1)) for each in x])
    right = cr.check(lambda x: np.sum(zetac(x + 2)), {"x": derivative}, x)
    assert not right.wrong
    assert any("could only be called" in note for note in right.notes)
    assert cr.check(lambda x: np.sum(zetac(x + 2)), {"x": zetac(x + 2)}, x).wrong


@pytest.mark.oracle
def test_a_function_of_pytorch_with_a_backward_of_its_own() -> None:
    torch = pytest.importorskip("torch")

    class Swish(torch.autograd.Function):  # type: ignore[misc, name-defined]
        @staticmethod
        def forward(context: Any, x: Any) -> Any:
            context.save_for_backward(x)
            return x * torch.sigmoid(x)

        @staticmethod
        def backward(context: Any, gradient: Any) -> Any:
            (x,) = context.saved_tensors
            s = torch.sigmoid(x)
            return gradient * s if context.short else gradient * (s + x * s * (1 - s))

    def claimed(short: bool) -> Callable[..., Any]:
        def gradient(x: Any, upstream: Any) -> Any:
            leaf = x.clone().requires_grad_()
            y = Swish.apply(leaf)
            y.grad_fn.short = short
            return torch.autograd.grad(y, leaf, upstream)[0]

        return gradient

    x = torch.linspace(-2, 2, 11, dtype=torch.float64)
    assert cr.check(Swish.apply, claimed(False), x).ok
    (finding,) = cr.check(Swish.apply, claimed(True), x).wrong
    assert finding.mistake == "path-missing"
    assert cr.check(Swish.apply, claimed(False), x.float()).ok
