"""Linear algebra by LAPACK: equal to NumPy's, in values and gradients, without a call of Python."""

from __future__ import annotations

import subprocess
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.linalg

import chainrule as cr
from chainrule.errors import ExportError, MatrixError
from chainrule.native.lowering import Lowering
from tests.native.agreement import agree
from tests.native.test_own_forms import no_python

generator = np.random.default_rng(7)
square = generator.normal(size=(5, 5)) + 4 * np.eye(5)
definite = square @ square.T
stack = generator.normal(size=(2, 3, 4, 4)) + 4 * np.eye(4)
vector, columns = generator.normal(size=5), generator.normal(size=(5, 3))
implicit = np.eye(5) + 0.1 * definite / np.trace(definite)


def likelihood(a: Any, y: Any) -> Any:
    factor = np.linalg.cholesky(a)
    half = np.linalg.solve(factor, y)
    return half @ half / 2 + np.sum(np.log(np.diag(factor)))


def as_scipy_has_it(a: Any, y: Any) -> Any:
    factor = scipy.linalg.cholesky(a, lower=True)
    return y @ scipy.linalg.cho_solve((factor, True), y) + 2 * np.sum(np.log(np.diag(factor)))


def by_determinant(a: Any, y: Any) -> Any:
    return y @ np.linalg.solve(a, y) + np.linalg.slogdet(a)[1] + np.trace(np.linalg.inv(a) @ a.T)


def filtered(a: Any, y: Any) -> Any:
    state, spread, total = y, np.eye(5), 0.0
    for _ in range(12):
        spread = implicit @ spread @ implicit.T + 0.1 * a
        gain = np.linalg.solve(spread + np.eye(5), spread).T
        state = implicit @ state + gain @ (y - state)
        spread = spread - gain @ spread
        total = total + state @ np.linalg.solve(spread, state) + np.linalg.slogdet(spread)[1]
    return total


def stepped(a: Any, y: Any) -> Any:
    for _ in range(30):
        y = np.linalg.solve(implicit, np.linalg.solve(a.T, np.tanh(y)) + y)
    return y


def triangles_in_turn(a: Any, y: Any) -> Any:
    for _ in range(15):
        factor = np.linalg.cholesky(a + np.outer(y, y))
        y = np.tanh(np.linalg.solve(factor.T, np.linalg.solve(factor, y)))
    return y


CASES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "equations": (np.linalg.solve, (square, vector)),
    "of several right sides": (np.linalg.solve, (square, columns)),
    "transposed": (lambda a, b: np.linalg.solve(a.T, b) + np.linalg.solve(a, b), (square, columns)),
    "of integers": (lambda b: np.linalg.solve(np.array([[2, 1], [1, 3]]), b[:2]), (vector,)),
    "of an expression": (lambda a, b: np.linalg.solve(np.exp(a), np.sin(b)), (square, columns)),
    "of parts": (lambda a, b: np.linalg.solve(np.pad(a, (0, 1)) + np.eye(6), np.pad(b, 1)[:6]), (square, columns)),
    "of one number": (
        lambda a, b: np.linalg.solve(a[:1, :1], b[:1]) * np.linalg.slogdet(a[1:2, 1:2])[1],
        (square, vector),
    ),
    "of a stack": (np.linalg.solve, (stack, stack[..., :2] * 2)),
    "stretched": (lambda a, b: np.linalg.solve(a[0, 0], b) + np.linalg.solve(a, b[0, :1]), (stack, stack[..., 1:])),
    "a vector for a stack": (lambda a, b: np.linalg.solve(a, b[:4]), (stack, vector)),
    "of nothing": (lambda a, b: np.linalg.solve(a, b[:, :0]).sum() + a, (square, columns)),
    "no equations": (lambda a, b: np.linalg.solve(a[:0, :0], b[:0]).sum() + b, (square, columns)),
    "lower triangle": (lambda a, b: np.linalg.solve(np.tril(a), b), (square, columns)),
    "upper triangle": (
        lambda a, b: np.linalg.solve(np.triu(a.T), b) @ np.linalg.inv(np.triu(a))[:3],
        (square, columns),
    ),
    "triangles of a stack": (lambda a: np.linalg.solve(np.tril(a), a) + np.linalg.inv(np.triu(a)), (stack,)),
    "another diagonal": (
        lambda a, b: np.linalg.solve(np.tril(a, 1), b) + np.triu(np.tril(a, 2), 1) @ b,
        (square, columns),
    ),
    "below the diagonal": (lambda a, b: np.linalg.solve(np.tril(a, -1) + np.eye(5), b), (square, columns)),
    "only the diagonal": (lambda a, b: np.linalg.solve(np.triu(np.tril(a)), b), (square, vector)),
    "inverse": (lambda a: np.linalg.inv(a) @ np.linalg.inv(a.T), (square,)),
    "inverses": (np.linalg.inv, (stack,)),
    "determinant": (lambda a: np.linalg.slogdet(a)[1] * np.linalg.slogdet(-a)[0], (square,)),
    "determinants": (lambda a: np.linalg.slogdet(np.swapaxes(a, -1, -2))[1], (stack,)),
    "factor": (np.linalg.cholesky, (definite,)),
    "factors": (lambda a: np.linalg.cholesky(a @ np.swapaxes(a, -1, -2)), (stack,)),
    "one triangle is read": (lambda a: np.linalg.cholesky(a + np.triu(np.ones((5, 5)), 1)), (definite,)),
    "likelihood": (likelihood, (definite, vector)),
    "likelihood with SciPy": (as_scipy_has_it, (definite, vector)),
    "likelihood by a determinant": (by_determinant, (square, vector)),
    "a filter": (filtered, (definite, vector)),
    "one matrix in all turns": (stepped, (square, vector)),
    "triangles in turn": (triangles_in_turn, (definite, vector)),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equals_python(name: str, dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrule.native.lowering.callback", no_python)
    f, given = CASES[name]
    arguments = [argument.astype(dtype) for argument in given]
    gradient = cr.value_and_grad(lambda *given: np.sum(np.sin(f(*given))), tuple(range(len(arguments))))
    for function in (f, gradient):
        compiled = cr.compile(function)
        expected = function(*arguments)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for _ in range(2):
                agree(compiled(*arguments), expected, 20)
        assert compiled.recordings == ["machine code"]


@pytest.mark.parametrize("name", ["equations", "determinants", "likelihood", "lower triangle", "a filter"])
def test_in_any_memory_and_by_any_door(name: str, door: str) -> None:
    f, arguments = CASES[name]
    compiled = cr.compile(f)
    spread = [np.repeat(argument, 2, axis=-1)[..., ::2] for argument in arguments]
    turned = [np.ascontiguousarray(np.flip(argument, 0))[::-1] for argument in arguments]
    across = [np.ascontiguousarray(argument.T).T for argument in arguments]
    for given in (arguments, spread, turned, across):
        for _ in range(2):
            agree(compiled(*given), f(*given))
    assert set(compiled.recordings) == {door}


def test_large_matrices() -> None:
    large = generator.normal(size=(150, 150))
    for f in (likelihood, by_determinant):
        given = (large @ large.T + 150 * np.eye(150), large[0])
        gradient = cr.value_and_grad(f, (0, 1))
        compiled = cr.compile(gradient)
        for _ in range(2):
            agree(compiled(*given), gradient(*given), 10)


SINGULAR = [
    (lambda a: np.linalg.solve(a, np.ones(3)), np.eye(3), np.ones((3, 3))),
    (lambda a: np.linalg.solve(np.tril(a), np.ones(3)), np.eye(3), np.triu(np.ones((3, 3)), 1)),
    (np.linalg.inv, np.eye(3), np.zeros((3, 3))),
    (lambda a: np.linalg.inv(np.triu(a)), np.eye(3), np.zeros((3, 3))),
    (np.linalg.cholesky, np.eye(3), -np.eye(3)),
    (np.linalg.inv, np.stack([np.eye(3)] * 2), np.stack([np.eye(3), np.ones((3, 3))])),
]


@pytest.mark.parametrize(("f", "regular", "singular"), SINGULAR)
def test_singular_matrices_raise_as_ever(f: Any, regular: Any, singular: Any, door: str) -> None:
    compiled = cr.compile(f)
    for _ in range(2):
        agree(compiled(regular), f(regular))
        with pytest.raises(np.linalg.LinAlgError):
            compiled(singular)
    slope = cr.compile(cr.grad(lambda a: np.sum(f(a))))
    agree(slope(regular), cr.grad(lambda a: np.sum(f(a)))(regular))
    with pytest.raises(MatrixError):
        slope(singular)


def test_determinants_of_any_matrices() -> None:
    both = cr.compile(lambda a: (np.linalg.det(a), np.linalg.slogdet(a)[0], np.linalg.slogdet(a)[1]))
    by_turns: list[Any] = [stack, square, -square, square[::-1], np.ones((3, 3)), np.diag([1e-200, 1e-200, 1e300])]
    by_turns += [np.zeros((0, 0)), np.zeros((0, 2, 2)), np.eye(3, dtype=int), np.eye(2, dtype=np.float32)]
    for given in by_turns:
        expected = np.linalg.det(given), *np.linalg.slogdet(given)
        for _ in range(2):
            agree([np.asarray(part) for part in both(given)], [np.asarray(part) for part in expected])


def test_a_matrix_is_factorised_once(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def do(self: Any, made: Any, earlier: Any = Lowering.do) -> None:
        done.append(getattr(made, "name", ""))
        earlier(self, made)

    monkeypatch.setattr(Lowering, "do", do)
    for f, routine in ((by_determinant, "dgetrf"), (stepped, "dgetrf"), (likelihood, "dpotrf")):
        done.clear()
        gradient = cr.compile(cr.value_and_grad(lambda a, y, f=f: np.sum(f(a, y)), (0, 1)))
        gradient(definite, vector)
        assert done.count(routine) == 1 + (f is stepped)  # `stepped` has two matrices


def test_export_links_lapack(tmp_path: Path) -> None:
    gradient = cr.value_and_grad(likelihood, (0, 1))
    with pytest.raises(ExportError, match="cholesky has no native form without LAPACK"):
        cr.export(gradient, definite, vector, path=tmp_path / "fit")
    made = cr.export(gradient, definite, vector, path=tmp_path / "fit", blas=True, cpu="native", portable=True)
    assert made.libraries == ("-lm", "-llapack", "-lblas")
    # SciPy's LAPACK stands in for the one that a user would link.
    library = tmp_path / "libfit.so"
    subprocess.run(["cc", "-shared", made.object_file, "-lm", "-o", library], check=True)
    symbols = subprocess.run(
        ["nm", "-D", "--undefined-only", library], check=True, capture_output=True, text=True
    ).stdout
    assert {"dpotrf_", "dtrtrs_", "dtrtri_"} <= set(symbols.split())


@pytest.mark.parametrize(("size", "is_long"), [(10, False), (150, True)])
def test_other_threads_go_on_while_large_matrices_are_factorised(size: int, is_long: bool) -> None:
    def f(a: Any, b: Any) -> Any:
        return np.linalg.solve(a, b)

    compiled = cr.compile(f)
    a, b = generator.normal(size=(size, size)) + size * np.eye(size), generator.normal(size=size)
    agree(compiled(a, b), f(a, b))
    (built,) = compiled.known.values()
    assert built.kernel.is_long is is_long
    agree(compiled(a, b), f(a, b))
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        compiled(0 * a, b)
    agree(compiled(a, b), f(a, b))
