"""Programs for any number of rows: what they say, that they are right at every number, and what is refused."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from scipy.special import erf, gammaln

import chainrule as cr
from chainrule.portable import namespaces
from chainrule.portable.forms import UnsaidError
from chainrule.portable.standard import Standard
from chainrule.program.recording import Recording
from chainrule.transforms.trees import flatten, unflatten
from tests.portable.test_every_op_written import agree
from tests.random_programs import Program, programs

rng = np.random.default_rng(0)
X, x, w = rng.normal(size=(20, 3)), rng.normal(size=20), np.array([0.5, -1.0, 2.0])
table = rng.normal(size=(4, 5))
labels = rng.integers(0, 4, size=20)


def residual(w: Any, X: Any, y: Any) -> Any:
    return np.tanh(X @ w) - y


def loss(w: Any, X: Any, y: Any) -> Any:
    return np.mean(residual(w, X, y) ** 2)


def gauss_newton_product(w: Any, v: Any, X: Any, y: Any) -> Any:
    _, tangent = cr.jvp(lambda w: residual(w, X, y), (w,), (v,))
    _, pullback = cr.vjp(lambda w: residual(w, X, y), w)
    return pullback(tangent)[0]


def standardised(X: Any) -> Any:
    return np.sum(np.tanh((X - X.mean(axis=0)) / X.std(axis=0, ddof=1)) ** 2)


def ridge(w: Any, X: Any, y: Any) -> Any:
    solution = np.linalg.solve(X.T @ X / len(X) + 0.1 * np.eye(3), X.T @ y / len(X))
    return np.sum((solution - w) ** 2)


def mixture(means: Any, X: Any) -> Any:
    q = -0.5 * np.sum((X[:, None, :] - means) ** 2, axis=2)
    top = q.max(axis=1, keepdims=True)
    return np.sum(np.log(np.sum(np.exp(q - top), axis=1)) + top[:, 0])


def classified(W: Any, X: Any, labels: Any) -> Any:
    Z = X @ W
    Z = Z - np.log(np.sum(np.exp(Z), axis=1, keepdims=True))
    return -np.mean(np.sum(np.where(labels[:, None] == np.arange(4), Z, 0.0), axis=1))


def picked(W: Any, X: Any, labels: Any) -> Any:
    P = np.exp(X @ W) / np.exp(X @ W).sum(axis=1, keepdims=True)
    return -np.log(P[np.arange(len(labels)), labels]).mean()


def whitened(X: Any) -> Any:
    centred = X - np.mean(X, axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred / (len(X) - 1))
    return np.sum(np.tanh(centred @ vectors / np.sqrt(values)) ** 2)


def body(made: Any) -> list[str]:
    """The lines that compute."""
    text: str = made.text.partition("    raise ")[2].partition("\n")[2].partition("\n\n")[0]
    return [line.strip() for line in text.splitlines()]


@pytest.mark.parametrize(
    ("function", "rows", "arguments", "lines"),
    [
        (
            cr.value_and_grad(loss),
            (1, 2),
            (w, X, x),
            [
                "v0 = xp.tanh(X @ w)",
                "v1 = v0 - y",
                "return (xp.sum(v1 ** 2) / n, (((1.0 / n) * (v1 * 2)) * (1 - (v0 ** 2))) @ X)",
            ],
        ),
        (
            gauss_newton_product,
            (2, 3),
            (w, w, X, x),
            ["v0 = 1 - (xp.tanh(X @ w) ** 2)", "return (((X @ v) * v0) * v0) @ X"],
        ),
        (cr.grad(lambda x: np.sum(x * np.arange(len(x)))), 0, (x,), ["return xp.arange(0, n, 1, dtype=xp.float64)"]),
        (cr.grad(np.sum), 0, (X,), ["return xp.full((n, 3), 1.0, dtype=xp.float64)"]),
        (lambda x: x[::-1] * np.sqrt(1 / len(x)), 0, (x,), ["return xp.flip(x, axis=(0,)) * (1.0 / n**0.5)"]),
        (
            lambda x: np.concatenate([x[: len(x) - 1], x[:5]]) ** -2,
            0,
            (x,),
            ["return xp.concat((x[:n - 1], x[:5]), axis=0) ** -2"],
        ),
        (lambda x, n: x / n + n, 0, (x, 2.0), ["return (x / n) + n"]),
    ],
)  # fmt: skip
def test_lines(function: Any, rows: Any, arguments: Any, lines: list[str]) -> None:
    assert body(cr.source(function, rows)(*arguments)) == lines


GENERAL: list[tuple[Callable[..., Any], Any, Any]] = [
    (cr.value_and_grad(loss), (1, 2), (w, X, x)),
    (cr.grad(loss, argnums=(0, 1, 2)), (1, 2), (w, X, x)),
    (lambda w, v, X, x: cr.jvp(lambda w: loss(w, X, x), (w,), (v,)), (2, 3), (w, w[::-1].copy(), X, x)),
    (lambda w, v, X, x: cr.hvp(lambda w: loss(w, X, x), w, v), (2, 3), (w, w[::-1].copy(), X, x)),
    (gauss_newton_product, (2, 3), (w, w[::-1].copy(), X, x)),
    (cr.grad(lambda x: np.var(x) + np.std(x, ddof=1)), 0, (x,)),
    (cr.grad(lambda x: np.sum(x[:10] ** 2)), 0, (x,)),
    (cr.grad(lambda x: np.sum((x[1:] - x[:-1]) ** 2)), 0, (x,)),
    (cr.grad(lambda x: np.sum(np.cumsum(x) ** 2)), 0, (x,)),
    (cr.grad(lambda x: np.sum(np.where(x > 0, x, 0.1 * x))), 0, (x,)),
    (cr.grad(lambda X: np.sum(X.max(axis=0))), 0, (X,)),
    (lambda x: np.sort(np.outer(x, x), axis=0), 0, (x,)),
    (cr.grad(standardised), 0, (X,)),
    (cr.value_and_grad(ridge, argnums=(0, 1)), (1, 2), (w, X, x)),
    (cr.value_and_grad(mixture), 1, (rng.normal(size=(5, 3)), X)),
    (cr.value_and_grad(classified), (1, 2), (table[:3, :4].copy(), X, labels)),
    (cr.grad(lambda p, X: np.mean(np.tanh(X @ p["W"] + p["b"]) ** 2)), 1, ({"W": table[:3], "b": np.ones(5)}, X)),
    (cr.grad(lambda x, rate, how: rate * np.sum(x**how)), 0, (x, 0.5, 3)),
    (lambda X: (np.linalg.cholesky(X.T @ X + np.eye(3)), [X.mean(axis=1)]), 0, (X,)),
    (cr.grad(lambda batch: np.sum(batch["X"] @ table[:3]) * np.mean(batch["x"])), 0, ({"X": X, "x": x},)),
    (lambda x: np.sum(x) * 2 if len(x) > 5_000_000 else np.sum(x), 0, (x,)),
]  # fmt: skip


BEYOND_THE_STANDARD: list[tuple[Callable[..., Any], Any, Any]] = [
    (cr.value_and_grad(picked), (1, 2), (table[:3, :4].copy(), X, labels)),
    (cr.grad(lambda table, i: np.sum(np.tanh(table[i]) ** 2)), 1, (table, labels)),
    (cr.value_and_grad(lambda x: np.sum(gammaln(x**2 + 1) + erf(x))), 0, (x,)),
    (cr.grad(lambda table, i: np.sum(np.take(table, i, axis=0) ** 3)), 1, (table, labels - 4)),
]


def resized(tree: Any, length: int) -> Any:
    """Arrays with another number of rows."""
    leaves, structure = flatten(tree)
    made = [np.resize(leaf, (length, *leaf.shape[1:])) for leaf in leaves]
    return unflatten(structure, made)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("function", "rows", "arguments"), [*GENERAL, *BEYOND_THE_STANDARD])
def test_right_at_every_number_of_rows(function: Callable[..., Any], rows: Any, arguments: Any) -> None:
    made = cr.source(function, rows)(*arguments)
    for length in (1, 2, 3, 4, 5, 7, 11, 20, 100, 5000):
        places = (rows,) if isinstance(rows, int) else rows
        given = [resized(value, length) if place in places else value for place, value in enumerate(arguments)]
        with np.errstate(all="ignore"):
            agree(made(*given), function(*given))


def test_a_function_that_does_something_else_with_millions_of_rows() -> None:
    function = GENERAL[-1][0]
    many = np.ones(5_000_001)
    assert cr.source(function, rows=0)(x)(many) == function(many) == 2 * many.size


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=30, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(program=programs())
def test_random_programs(program: Program) -> None:
    function = program.function()
    try:
        made = cr.source(function)(*program.arguments)
    except cr.errors.SourceError as problem:
        assert "written: " in str(problem)  # noqa: PT017 (what is looked at decides, or a step has no form)
        return
    agree(made(*program.arguments), function(*program.arguments))


captured, large = np.arange(20.0) ** 2, rng.normal(size=(20, 60))


def by_turns(x: Any) -> Any:
    total = 0.0
    for value in x:
        total = total + value**2
    return total


@pytest.mark.parametrize(
    ("function", "arguments", "problem"),
    [
        (lambda x: np.sum(x) * (2 if len(x) > 1000 else 1), (x,), "other calls are made at 1000003 rows than at 11"),
        (lambda x: np.sum(x) * (2 if len(x) % 2 else 1), (x,), "other calls are made at 14 rows than at 11"),
        (by_turns, (x,), "other calls are made at 14 rows"),
        (lambda x: np.sum(x[: len(x) // 2]), (x,), "in a way that is not known: 5 at 11, 7 at 14, 8 at 17 rows"),
        (lambda x: np.sum(x) / np.log(len(x)), (x,), "a number goes with the number of rows in a way that is not"),
        (lambda x: np.sum(x * np.linspace(0, 1, len(x))), (x,), "an array made inside goes with the rows"),
        (lambda x: np.sum(x * captured), (x,), r"shapes \(11,\).*\(20,\).* has to be an argument"),
        (lambda x: np.sum(x[x > 0]), (x,), "it cannot be recorded at 11 rows: a value was taken as a plain array"),
        (lambda x: x if x[0] > 0 else -x, (x,), "it cannot be recorded at 11 rows: the truth of a value"),
        (lambda x: {len(x): x}, (x,), "the result at 14 rows is in other containers than at 11"),
        (cr.grad(whitened), (X,), "it cannot be recorded at 11 rows: the truth of a value was asked for"),
        (cr.jacobian(np.sin), (x,), "a Jacobian is no array. Write its products, with cr.jvp and cr.vjp"),
    ],
)
def test_what_is_not_for_any_number_of_rows(function: Any, arguments: Any, problem: str) -> None:
    with pytest.raises(cr.errors.SourceError, match=problem):
        cr.source(function, rows=0)(*arguments)


@pytest.mark.parametrize(
    ("make", "error", "problem"),
    [
        (lambda: cr.source(3), cr.errors.OptionError, "source wants a function; got int"),  # type: ignore[arg-type]
        (lambda: cr.source(np.sin, rows=1)(x), cr.errors.OptionError, "there is no argument 1 among 1"),
        (lambda: cr.source(np.sin, rows=0)(2.0), cr.errors.OptionError, r"has the shape \(\), which has no rows"),
        (lambda: cr.source(np.sin, rows=0)(x[:0]), cr.errors.OptionError, r"has the shape \(0,\), which has no rows"),
        (
            lambda: cr.source(np.add, rows=(0, 1))(x, x[:4]),
            cr.errors.OptionError,
            "there are 4 and 20 rows in the exam",
        ),
        (lambda: cr.source(np.multiply)(x, 2.0)(x, x), ValueError, r"not of the shapes \(20,\), \(\)"),
        (lambda: cr.source(lambda x: x * rng.random())(x), cr.errors.SourceError, "cannot be written"),
        (lambda: cr.source(np.sin)(object()), cr.errors.SourceError, "sin cannot be written: an argument is a object"),
        (
            lambda: cr.source(lambda a: a @ np.ones((20, 60)).cumsum(0))(x),
            cr.errors.SourceError,
            r"\(20, 60\) from out",
        ),
        (lambda: cr.source(np.sin, rows=0)(x)(x[:0]), cr.errors.ShapeError, "there are no rows"),
        (lambda: cr.source(np.sin)(x)(x[:2]), ValueError, r"not of the shape \(20,\)"),
        (lambda: cr.source(np.multiply)(x, 3)(x, 4), ValueError, "not of the shape"),
        (lambda: cr.source(loss, (1, 2))(w, X, x)(w, X, x[:5]), ValueError, r"shapes \(3,\), \(n, 3\), \(n,\)"),
    ],
)
def test_errors(make: Callable[[], Any], error: type[Exception], problem: str) -> None:
    with pytest.raises(error, match=problem):
        make()


class Foreign:
    """An array of a namespace that lacks what most have."""

    shape = (20,)

    def __array_namespace__(self) -> Any:
        return SimpleNamespace(__name__="small", asarray=np.asarray)


class Other(Foreign):
    """An array of another one."""

    def __array_namespace__(self) -> Any:
        return SimpleNamespace(__name__="tiny")


def test_a_function_that_a_library_lacks_is_named() -> None:
    with pytest.raises(cr.errors.SourceError, match=r"small has no linalg.outer, no sinc, which program needs"):
        cr.source(lambda x: np.sinc(np.outer(x, x)))(x)(Foreign())


def test_an_order_in_memory_has_no_words() -> None:
    given = Recording().input(X)
    with pytest.raises(UnsaidError, match="an order of entries in memory is not part of the standard"):
        Standard({given.number: "X"}, [given.ravel("F")])


def test_arrays_of_two_libraries_are_refused() -> None:
    with pytest.raises(cr.errors.SourceError, match="arrays of several libraries were given: small, tiny"):
        cr.source(np.add)(x, x)(Foreign(), Other())


def test_the_library_that_knows_the_namespaces_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "array_api_compat", None)
    array = type("Tensor", (), {"__module__": "torch", "shape": (20,)})()
    with pytest.raises(cr.errors.LibraryMissingError, match=r"for arrays of torch .*: pip install array-api-compat"):
        namespaces.namespace_of([array])


def test_an_array_of_no_namespace_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Any) -> Any:
        raise TypeError

    monkeypatch.setitem(sys.modules, "array_api_compat", SimpleNamespace(array_namespace=fails))
    with pytest.raises(cr.errors.SourceError, match="Strange is no array of a namespace"):
        namespaces.namespace_of([type("Strange", (), {"shape": (2,)})()])


def test_the_text_stands_for_itself() -> None:
    made = cr.source(cr.grad(lambda x: np.sum((x[1:] - x[:-1]) ** 2)), rows=0)(x)
    space: dict[str, Any] = {}
    exec(str(made), space)
    agree(space["program"](np, x[:6]), made(x[:6]))
    assert "chainrule" not in made.text
    assert repr(made) == f"<source of program, {len(made.text.splitlines())} lines>"
    assert made.function(np, x).shape == x.shape
