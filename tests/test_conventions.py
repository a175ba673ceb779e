"""Derivatives where there is none: the table of docs/conventions.md, and the choices of `cr.conventions`."""

from __future__ import annotations

import importlib.util
import threading
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import OptionError
from tests.conventions_page import LIBRARIES, PAGE, golden, key, measured, ours, page
from tests.conventions_rows import ROWS, Row

MODULES = {"PyTorch": "torch", "JAX": "jax", "autograd": "autograd"}


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ValueError:  # something else has taken its name in this process
        return False


def test_the_page_is_as_it_would_be_written_now() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.conventions_page writes the page anew"


@pytest.mark.parametrize("row", ROWS, ids=key)
def test_a_row_is_so(row: Row) -> None:
    told = f"| `{row.text}` | "
    cells = [line.split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(told)]
    assert ours(row) in [cell[2] for cell in cells]


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("row", ROWS, ids=key)
def test_what_others_give(row: Row, library: str) -> None:
    if not _is_installed(MODULES[library]):
        pytest.skip(f"{library} is not installed")
    assert measured(library, row) == golden()[key(row)][library]


# --- choices ----------------------------------------------------------------------------------------------------------

x0 = np.array([2.0, 2.0, 1.0])
zeros = np.zeros(2)
# what is chosen, a function, the point, its gradient
CHOSEN: list[tuple[dict[str, Any], Any, Any, Any]] = [
    ({"ties": "first"}, np.max, x0, [1, 0, 0]),
    ({"ties": "last"}, np.max, x0, [0, 1, 0]),
    ({"ties": "last"}, lambda x: np.min(-x), x0, [0, -1, 0]),
    ({"ties": "first"}, np.nanmax, x0, [1, 0, 0]),
    ({"ties": "last"}, np.ptp, np.array([1.0, 1.0, 3.0, 3.0]), [0, -1, 0, 1]),
    ({"ties": "first"}, lambda x: np.sum(np.max(x, axis=0) * [1, 10, 100]), np.ones((2, 3)), [[1, 10, 100], [0, 0, 0]]),
    ({"ties": "last"}, lambda x: np.sum(np.max(x, axis=1)), np.ones((2, 3)), [[0, 0, 1], [0, 0, 1]]),
    ({"ties": "last"}, lambda x: np.max(x, axis=(0, 2), keepdims=True).sum(), np.ones((2, 1, 2)), [[[0, 0]], [[0, 1]]]),
    ({"ties": "first"}, lambda x: np.maximum(x[0], x[1]), x0, [1, 0, 0]),
    ({"ties": "last"}, lambda x: np.minimum(x[0], x[1]), x0, [0, 1, 0]),
    ({"ties": "first"}, lambda x: np.fmax(x[0], x[1]), x0, [1, 0, 0]),
    ({"ties": "last"}, lambda x: np.fmin(x[0], x[1]), x0, [0, 1, 0]),
    ({"ties": "last"}, lambda x: np.sum(np.maximum(x, 0.0)), zeros, [0, 0]),
    ({"ties": "first"}, lambda x: np.linalg.norm(x, ord=np.inf), -x0, [-1, 0, 0]),
    ({"clip": 0.5}, lambda x: np.sum(np.clip(x, 0.0, 2.0)), np.array([0.0, 1.0, 2.0]), [0.5, 1, 0.5]),
    ({"clip": 0}, lambda x: np.sum(np.clip(x, 0.0, 2.0)), np.array([0.0, 1.0, 2.0]), [0, 1, 0]),
    ({"clip": 0.25}, lambda x: np.clip(x[0], x[1], 3.0), x0, [0.25, 0.75, 0]),
    ({"abs": 1}, lambda x: np.sum(np.abs(x)), zeros, [1, 1]),
    ({"abs": -0.5}, lambda x: np.sum(np.fabs(x)), np.array([0.0, -3.0]), [-0.5, -1]),
    ({"norm": "nan"}, np.linalg.norm, zeros, [np.nan, np.nan]),
    ({"norm": "nan"}, lambda x: np.linalg.norm(x, ord=3), zeros, [np.nan, np.nan]),
    ({"norm": "nan"}, lambda x: np.hypot(x[0], x[1]), zeros, [np.nan, np.nan]),
    ({"norm": "nan"}, np.std, np.ones(2), [np.nan, np.nan]),
    ({"roots": "zero"}, lambda x: np.sum(np.sqrt(x)), np.array([0.0, 4.0]), [0, 0.25]),
    ({"roots": "zero"}, lambda x: np.sum(np.cbrt(x)), np.array([0.0, 8.0]), [0, 1 / 12]),
    ({"roots": "zero"}, lambda x: np.sum(x**0.5), np.array([0.0, 4.0]), [0, 0.25]),
    ({"roots": "zero"}, lambda x: np.sum(x ** np.array([0.5, 2.0])), np.array([0.0, 4.0]), [0, 8]),
    ({"roots": "zero"}, lambda x: np.sqrt(np.sum(x**2)), zeros, [0, 0]),
    ({"roots": "zero"}, lambda x: 1 / x[0], np.zeros(1), [-np.inf]),
]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("choices", "f", "x", "expected"), CHOSEN)
def test_what_is_chosen(choices: dict[str, Any], f: Any, x: Any, expected: Any) -> None:
    usual = cr.grad(f)(x)
    direction = 1.0 + np.arange(x.size).reshape(x.shape)
    compiled, structured = cr.compile(cr.grad(f)), cr.jacobian(f)
    with np.errstate(all="ignore"):
        for _ in range(2):  # what was recorded by other choices does not stand in for these
            np.testing.assert_array_equal(compiled(x), usual)
            np.testing.assert_array_equal(structured(x).dense(), usual)
            with cr.conventions(**choices):
                np.testing.assert_allclose(cr.grad(f)(x), expected)
                np.testing.assert_allclose(compiled(x), expected)
                np.testing.assert_allclose(structured(x).dense(), expected)
                np.testing.assert_allclose(cr.jvp(f, (x,), (direction,))[1], np.sum(expected * direction))
                leaf = cr.tensor(x, requires_grad=True)
                f(leaf).backward()
                np.testing.assert_allclose(leaf.grad.value, expected)
            np.testing.assert_array_equal(cr.grad(f)(x), usual)


def test_a_spread_of_chosen_entries() -> None:
    def f(x: Any) -> Any:
        return np.std(x, where=[True, True, False])

    assert cr.grad(f)(np.ones(3)).tolist() == [0.0, 0.0, 0.0]
    with cr.conventions(norm="nan"), np.errstate(all="ignore"):
        np.testing.assert_array_equal(cr.grad(f)(np.ones(3)), [np.nan, np.nan, 0.0])


def test_a_choice_holds_at_second_order() -> None:
    def f(x: Any) -> Any:
        return np.sum(np.maximum(x, 1.0) ** 3)

    with cr.conventions(ties="first"):
        np.testing.assert_allclose(cr.hessian(f)(np.array([1.0, 2.0])).dense(), np.diag([6.0, 12.0]))
        np.testing.assert_allclose(cr.hvp(f, np.array([1.0, 2.0]), np.ones(2)), [6.0, 12.0])
    with cr.conventions(ties="last"):
        np.testing.assert_allclose(cr.hessian(f)(np.array([1.0, 2.0])).dense(), np.diag([0.0, 12.0]))


def with_an_error(slope: Any) -> None:
    with cr.conventions(abs=-1):
        assert slope(0.0) == -1.0
        assert cr.grad(np.max)(x0).tolist() == [0.0, 1.0, 0.0]  # what is not named stays
        raise KeyError("mine")


def test_choices_are_nested_and_end_with_the_block() -> None:
    slope = cr.grad(np.abs)
    with cr.conventions(abs=1, ties="last"):
        with pytest.raises(KeyError, match="mine"):
            with_an_error(slope)
        assert slope(0.0) == 1.0
    assert slope(0.0) == 0.0


def test_one_object_may_be_entered_again_and_decorate() -> None:
    first = cr.conventions(ties="first")
    with first, cr.conventions(ties="last"), first:
        assert cr.grad(np.max)(x0).tolist() == [1.0, 0.0, 0.0]

    @cr.conventions(ties="last")
    def gradient(x: Any) -> Any:
        return cr.grad(np.max)(x)

    assert gradient(x0).tolist() == [0.0, 1.0, 0.0]
    assert cr.grad(np.max)(x0).tolist() == [0.5, 0.5, 0.0]


def test_it_counts_where_the_derivative_is_taken() -> None:
    def f(x: Any) -> Any:
        with cr.conventions(ties="last"):
            return np.max(x)

    assert cr.grad(f)(x0).tolist() == [0.5, 0.5, 0.0]
    _, pullback = cr.vjp(np.max, x0)
    with cr.conventions(ties="last"):
        assert pullback(np.ones(()))[0].tolist() == [0.0, 1.0, 0.0]


def test_threads_have_choices_of_their_own() -> None:
    """A compiled function too: while one thread chooses, another gets what is usual."""
    gradient, compiled = cr.grad(np.max), cr.compile(cr.grad(np.max))
    compiled(x0)
    chosen, looked = threading.Event(), threading.Event()
    found: list[Any] = []

    def other() -> None:
        chosen.wait(60)
        found.extend([gradient(x0).tolist(), compiled(x0).tolist()])
        looked.set()

    thread = threading.Thread(target=other)
    thread.start()
    with cr.conventions(ties="first"):
        chosen.set()
        assert looked.wait(60)
        assert compiled(x0).tolist() == gradient(x0).tolist() == [1.0, 0.0, 0.0]
    thread.join()
    assert found == [[0.5, 0.5, 0.0]] * 2
    assert compiled(x0).tolist() == [0.5, 0.5, 0.0]


def test_what_knows_no_choices_is_compiled_once() -> None:
    compiled = cr.compile(cr.grad(lambda x: np.sum(np.sin(x))))
    with cr.conventions(ties="first"):
        np.testing.assert_allclose(compiled(x0), np.cos(x0))
    np.testing.assert_allclose(compiled(x0), np.cos(x0))
    assert compiled.recordings == ["machine code"]


def test_a_derivation_tells_what_is_chosen() -> None:
    with cr.conventions(ties="first"):
        derivation = cr.derive(np.max)(x0)
    scope: dict[str, Any] = {}
    exec(derivation.source, scope)
    (name,) = [name for name in scope if name not in ("np", "__builtins__")]
    assert scope[name](x0).tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ({"tie": "first"}, "there is no such convention. There are ties: 'share' or 'first' or 'last'; clip: a number"),
        ({"ties": "both"}, "expected 'share' or 'first' or 'last'"),
        ({"clip": 2}, "expected a number from 0 to 1"),
        ({"clip": "0"}, "expected a number from 0 to 1"),
        ({"abs": np.nan}, "expected a number from -1 to 1"),
        ({"norm": 0}, "expected 'zero' or 'nan'"),
        ({"roots": None}, "expected 'infinite' or 'zero'"),
    ],
)
def test_choices_that_there_are_not(choices: dict[str, Any], says: str) -> None:
    with pytest.raises(OptionError, match=says):
        cr.conventions(**choices)
