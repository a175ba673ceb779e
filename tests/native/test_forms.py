"""Jacobians and Hessians that machine code writes in one form: equal to that form of what Python computes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy.linalg import solve_banded

import chainrule as cr
from chainrule.errors import DtypeError, OptionError, ShapeError, StructureError
from chainrule.linear import Jacobian, Term
from chainrule.linear.forms import FORMS, planned
from chainrule.linear.pieces import Piece
from chainrule.linear.writing import writing, written
from chainrule.native import abi, build
from chainrule.native.build import Program, program
from chainrule.op import Operation
from chainrule.program.deferred import Deferred
from chainrule.program.recording import Recording
from chainrule.transforms.trees import flatten, map_tree
from tests.linear.reference import shapes, terms
from tests.native.test_every_op_compiled import CASES as OPERATIONS
from tests.native.test_every_op_compiled import functions_of
from tests.native.test_structured import CASES, W, X, rosenbrock, stencil
from tests.random_programs import Program as Random
from tests.random_programs import programs


def same(found: Any, expected: Any, rounding: float = 1e-11) -> None:
    """Fail unless a form is what it should be: pattern, order, types, flags, and numbers up to rounding."""
    assert type(found) is type(expected)
    if isinstance(expected, int):
        assert found == expected
        return
    if not isinstance(expected, np.ndarray):
        for name in ("indices", "indptr"):
            assert getattr(found, name).dtype == getattr(expected, name).dtype
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        assert found.shape == expected.shape
        assert found.has_canonical_format == expected.has_canonical_format
        found, expected = found.data, expected.data
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    size = float(np.max(np.abs(expected), initial=1.0, where=np.isfinite(expected)))
    np.testing.assert_allclose(found, expected, rtol=rounding, atol=rounding * size)


def forms_of(made: Any) -> dict[str, Any]:
    """The forms that a Jacobian, or all of several, can be given in."""
    found = {}
    for name, form in FORMS.items():
        with suppress(ShapeError, StructureError):
            found[name] = map_tree(form, made)
    return found


def runs(compiled: Any) -> list[Any]:
    """What answers the calls of a compiled Jacobian."""
    return [getattr(found, "run", found) for found in compiled.recorded.known.values()]


def compare(function: Callable[..., Any], *points: Any, rounding: float = 1e-11, native: bool = True) -> None:
    """Every form of a Jacobian at some points, compiled at the first."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in forms_of(function(*points[0])):
            compiled = cr.compile(function, form=name)
            for point in points:
                found, expected = compiled(*point), map_tree(FORMS[name], function(*point))
                for one, other in zip(flatten(found)[0], flatten(expected)[0], strict=True):
                    same(one, other, rounding)
            if native:
                assert all([type(run) is Program for run in runs(compiled)]), (name, runs(compiled))


@pytest.mark.parametrize("case", range(len(CASES)))
def test_the_forms_of_structures(case: int) -> None:
    function, arguments = CASES[case]
    compare(function, *[tuple([value * factor for value in arguments]) for factor in (1.0, 0.5, -1.25)])


# ------------------------------------------------------------------------------------------------- structures at random
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_terms_of_every_kind(data: st.DataObject) -> None:
    y, x = data.draw(st.tuples(shapes, shapes))
    several = data.draw(st.lists(terms(y, x, opaque=False), min_size=1, max_size=4))
    expected = Jacobian(several, y, x)
    for name, wanted in forms_of(expected).items():
        recording = Recording()
        with recording:
            inputs: list[Any] = []
            deferred = []
            for term in several:
                factors = [recording.input(np.asarray(factor, float)) for factor in term.factors]
                inputs += factors
                deferred.append(Term(term.pattern, tuple(factors), term.tables))
            plan = planned(Jacobian(deferred, y, x), name)
        plain = planned(expected, name)
        if plan is None or plain is None:
            continue
        made = [plain.finished(plain.data)]
        if type(plan.data) is Deferred:
            arrays = program(inputs, [plan.data])(*[step.known for step in inputs])
            assert arrays is not None
            made.append(plan.finished(arrays[0]))
        for found in made:
            for one, other in zip(flatten(found)[0], flatten(wanted)[0], strict=True):
                same(one, other)


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(programs())
def test_random_programs(program: Random) -> None:
    function, places = program.function(), tuple(range(len(program.arguments)))
    out = np.asarray(function(*program.arguments))
    assume(out.dtype.kind == "f")
    compare(cr.jacobian(function, places), tuple(program.arguments), rounding=1e-9, native=False)


@pytest.mark.parametrize(("operation", "number"), OPERATIONS)
def test_the_jacobian_of_every_operation(operation: Operation, number: int) -> None:
    functions, arguments = functions_of(operation, number, np.float64)
    if "gradient" not in functions:
        pytest.skip("it has no derivative")
    made = cr.jacobian(functions["value"], tuple(range(len(arguments))))
    try:
        made(*arguments)
    except DtypeError:
        pytest.skip("it is complex")
    compare(made, tuple(arguments), rounding=1e-9, native=False)


# --------------------------------------------------------------------------------------------------------- what happens
def test_boxes_that_meet_are_cut() -> None:
    pieces = [[Piece(0, (4, 6), (12, 2))], [Piece(14, (2, 3), (12, 2))], [Piece(6, (4,), (12,))]]
    grids = [(4, 6), (2, 3), (4,)]
    how = writing([48], np.float64, grids, pieces)
    assert not how.adds
    assert how.gaps
    values = [np.random.default_rng(k).normal(size=grid) for k, grid in enumerate(grids)]
    expected = np.zeros((4, 12))
    expected[:, ::2] += values[0]
    expected[1:3, 2:8:2] += values[1]
    expected[:, 6] += values[2]
    np.testing.assert_allclose(written(how, *values), expected.ravel())


def test_places_that_are_listed_are_filled_whatever_memory_held(monkeypatch: pytest.MonkeyPatch) -> None:
    places = np.array([[0, 2], [4, 1]]), np.array([3, 5])
    how = writing([6], np.float64, [(2, 2), (2,)], places)
    assert not how.adds
    assert not how.gaps
    monkeypatch.setattr(np, "empty", lambda shape, dtype: np.full(shape, 7, dtype))
    np.testing.assert_array_equal(written(how, np.array([[1.0, 2.0], [3.0, 4.0]]), 5.0), [1, 4, 2, 5, 3, 5])


def test_arrays_are_fresh_at_each_call() -> None:
    compiled = cr.compile(cr.jacobian(stencil), form="sparse")
    first = compiled(np.linspace(0.1, 1.0, 7))
    kept = first.copy()
    second = compiled(np.linspace(0.2, 2.0, 7))
    second.data[:] = 0.0
    second.indices[:] = 0
    assert (first != kept).nnz == 0
    same(compiled(np.linspace(0.1, 1.0, 7)), kept)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("usable", [True, False])
def test_numbers_are_written_into_what_is_there(name: str, usable: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not usable:
        monkeypatch.setattr(abi, "usable", lambda: False)
    compiled, function = cr.compile(cr.hessian(rosenbrock), form=name), cr.hessian(rosenbrock)
    there = compiled(np.linspace(-1.0, 1.0, 8))
    data = flatten(there)[0][-1]
    points = [np.linspace(1.0, 2.0, 8), np.linspace(-1.0, 1.0, 16)[::2]]
    for point in points:
        with np.errstate(all="ignore"):
            expected = flatten(FORMS[name](function(point)))[0]
            assert compiled(point, out=there) is there
        for one, other in zip(flatten(there)[0], expected, strict=True):
            same(one, other)
    assert flatten(there)[0][-1] is data
    fresh = cr.compile(function, form=name)  # nothing is recorded yet
    assert fresh(points[0], out=there) is there
    same(flatten(there)[0][-1], flatten(fresh(points[0]))[0][-1])


def test_several_results_are_written_into_what_is_there() -> None:
    def both(a: Any, b: Any) -> Any:
        return {"p": a * b, "s": np.sin(a)[1:]}

    made = cr.jacobian(both, (0, 1))
    for name in ("sparse", "dense"):
        compiled = cr.compile(made, form=name)
        there = compiled(np.ones(3), np.ones(3))
        assert compiled(np.arange(3.0), 2 * np.ones(3), out=there) is there
        expected = map_tree(FORMS[name], made(np.arange(3.0), 2 * np.ones(3)))
        for one, other in zip(flatten(there)[0], flatten(expected)[0], strict=True):
            same(one, other)


def test_what_results_do_not_fit_into_is_an_error() -> None:
    point = np.linspace(0.1, 1.0, 7)
    function = cr.jacobian(stencil)
    matrix, dense = (cr.compile(function, form=name) for name in ("sparse", "dense"))
    band = cr.compile(cr.hessian(rosenbrock), form="banded")
    for _ in range(2):  # before and after there is machine code
        with pytest.raises(StructureError, match="entries at other places"):
            matrix(point, out=cr.jacobian(lambda x: x[1:] * x[0])(point).sparse())
        with pytest.raises(StructureError, match="object of type ndarray"):
            matrix(point, out=np.zeros((6, 7)))
        with pytest.raises(OptionError, match=r"shape \(12,\), float32"):
            matrix(point, out=matrix(point).astype(np.float32))
        with pytest.raises(OptionError, match=r"array of shape \(6, 6\), float64: the result is an array of shape"):
            dense(point, out=np.zeros((6, 6)))
        with pytest.raises(OptionError, match="given a float"):
            dense(point, out=0.0)
        with pytest.raises(OptionError, match="not in C order"):
            dense(point, out=np.zeros((7, 6)).T)
        with pytest.raises(OptionError, match="2 diagonals on a side where the result has 1"):
            band(point, out=((2, 1), np.zeros((4, 7))))
        with pytest.raises(OptionError, match="has the structure"):
            band(point, out=np.zeros((4, 7)))
        matrix(point), dense(point), band(point)


def test_a_newton_step_along_the_band() -> None:
    point = np.linspace(-1.0, 1.0, 8)
    widths, band = cr.compile(cr.hessian(rosenbrock), form="banded")(point)
    step = solve_banded(widths, band, cr.grad(rosenbrock)(point))
    np.testing.assert_allclose(step, cr.hessian(rosenbrock)(point).solve(cr.grad(rosenbrock)(point)))


def test_several_arguments_and_containers() -> None:
    def layer(p: Any) -> Any:
        return {"h": np.tanh(X @ p["W"]), "n": np.sum(p["W"] ** 2)}

    compare(cr.jacobian(layer), ({"W": W},), ({"W": 2 * W},))
    found = cr.compile(cr.jacobian(layer), form="dense")({"W": W})
    assert found["h"]["W"].shape == (6, 2, 3, 2)
    assert found["n"]["W"].shape == (3, 2)
    blocks = cr.compile(cr.hessian(lambda a, b: np.sum(a * b) ** 2, (0, 1)), form="sparse")(np.ones(3), np.ones(3))
    assert blocks[0][1].shape == (3, 3)


def test_single_precision_empty_arrays_and_numbers() -> None:
    point = np.linspace(0.1, 1.0, 7)
    compare(cr.jacobian(stencil), (point.astype(np.float32),), rounding=1e-5)
    compare(cr.jacobian(lambda x: x * np.ones((0, 1))), (np.ones(3),), native=False)
    compare(cr.jacobian(lambda x: x[:0]), (np.ones(3),), native=False)
    compare(cr.jacobian(np.sin), (np.array(0.5),), (np.array(1.5),))
    compare(cr.jacobian(lambda x: 3.0 * x[::-1]), (np.ones(3),), native=False)


def test_an_array_that_the_function_reads_may_change() -> None:
    scale = np.array([1.0, 2.0, 3.0])
    compiled = cr.compile(cr.jacobian(lambda x: scale * x**2), form="sparse")
    np.testing.assert_allclose(compiled(np.ones(3)).data, [2.0, 4.0, 6.0])
    scale[0] = 10.0
    np.testing.assert_allclose(compiled(np.ones(3)).data, [20.0, 4.0, 6.0])
    where = np.array([0, 2, 1])
    moved = cr.compile(cr.jacobian(lambda x: x[where] ** 2), form="dense")
    moved(np.ones(3))
    where[:] = [2, 2, 0]
    np.testing.assert_allclose(moved(np.ones(3)), 2 * np.eye(3)[where])


def test_positions_that_are_arguments() -> None:
    made = cr.jacobian(lambda x, where: np.sin(x[where]) * x[where[::-1]])
    point = np.linspace(0.1, 1.0, 5)
    compare(made, (point, np.array([0, 3, 3])), (point, np.array([4, 1, 1])), (2 * point, np.array([4, 1, 1])))


def test_what_is_not_finite_is_left_to_python() -> None:
    function = cr.jacobian(lambda x: np.where(x > 0, np.sqrt(np.abs(x)), 0.0))
    compare(function, (np.array([1.0, 4.0]),), (np.array([0.0, 4.0]),), (np.array([np.inf, np.nan]),))


def test_a_function_that_looks_at_numbers_runs_in_python() -> None:
    made = cr.jacobian(lambda x: x * (2.0 if x[0] > 0 else 3.0))
    compare(made, (np.ones(2),), (-np.ones(2),), native=False)


def test_maps_that_are_only_applied() -> None:
    matrix = np.eye(4) + np.arange(16.0).reshape(4, 4) / 20
    for function in (lambda x: np.cumsum(np.sin(x)), lambda x: np.sin(np.linalg.solve(matrix, x**2))):
        compare(cr.jacobian(function), (np.arange(4.0),), (np.arange(1.0, 5.0),), native=False)


@pytest.mark.parametrize("how", ["entry", "llvm"])
def test_without_machine_code(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if how == "entry":
        monkeypatch.setattr(abi, "usable", lambda: False)
    else:
        monkeypatch.setattr(build, "llvm", None)
    compare(cr.hessian(rosenbrock), (np.linspace(-1.0, 1.0, 8),), (np.linspace(1.0, 2.0, 8),), native=False)


def test_a_form_may_be_asked_for_afterwards_and_stays() -> None:
    point = np.linspace(0.1, 1.0, 7)
    compiled = cr.compile(cr.jacobian(stencil))
    dense = cr.compile(compiled, form="dense")
    assert isinstance(compiled(point), Jacobian)
    assert isinstance(dense(point), np.ndarray)
    assert isinstance(cr.compile(dense)(point), np.ndarray)


def test_inside_a_function_that_is_compiled_itself() -> None:
    inner = cr.compile(cr.jacobian(np.sin), form="dense")
    outer = cr.compile(lambda x: np.sum(inner(x) ** 2))
    np.testing.assert_allclose(outer(np.arange(3.0)), np.sum(np.cos(np.arange(3.0)) ** 2))


def test_another_form_or_another_function_is_an_error() -> None:
    with pytest.raises(OptionError, match="a form is one of 'sparse', 'dense', 'banded'"):
        cr.compile(cr.jacobian(stencil), form="csc")
    for function in (stencil, cr.grad(rosenbrock), cr.compile(stencil), cr.jacobian(stencil, has_aux=True)):
        with pytest.raises(OptionError, match="gives no Jacobian"):
            cr.compile(function, form="sparse")
    with pytest.raises(ShapeError, match="needs a square Jacobian"):
        cr.compile(cr.jacobian(stencil), form="banded")(np.ones(7))
    with pytest.raises(StructureError, match="not banded"):
        cr.compile(cr.jacobian(lambda x: x[::-1] * x), form="banded")(np.ones(50))
