"""An objective handed to SciPy's minimisers: each gets what it can use, at the cost of one evaluation a point."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import scipy
from scipy.optimize import basinhopping, differential_evolution, minimize
from scipy.sparse import issparse
from scipy.sparse.linalg import LinearOperator, eigsh

from chainrule.errors import DtypeError, NotScalarError, OptionError, ShapeError, StartError
from chainrule.interop import scipy as solvers
from tests.interop import provoked

SCIPY = tuple([int(part) for part in scipy.__version__.split(".")[:2]])
COBYQA = ["COBYQA"] if SCIPY >= (1, 14) else []


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def rosenbrock_hessian(x: Any) -> Any:
    """By hand."""
    diagonal = np.zeros(len(x))
    diagonal[:-1] = 1200.0 * x[:-1] ** 2 - 400.0 * x[1:] + 2.0
    diagonal[1:] += 200.0
    return np.diag(diagonal) + np.diag(-400.0 * x[:-1], 1) + np.diag(-400.0 * x[:-1], -1)


class Counted:
    """A function that counts how often it runs."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.calls = function, 0

    def __call__(self, *arguments: Any) -> Any:
        self.calls += 1
        return self.function(*arguments)


@pytest.mark.parametrize(
    "method",
    "CG BFGS L-BFGS-B TNC SLSQP Newton-CG trust-ncg trust-krylov trust-exact dogleg trust-constr".split(),
)
@pytest.mark.parametrize("form", ["auto", "dense", "csr", "operator"])
def test_every_method_that_takes_derivatives_finds_the_minimum(method: str, form: str) -> None:
    start = np.full(6, 1.02) if method == "dogleg" else np.linspace(0.5, 1.5, 6)
    valley = solvers.objective(rosenbrock, start, form=form)
    found = minimize(valley, valley.x0, method=method, tol=1e-10, **valley.derivatives(method))
    assert np.allclose(found.x, 1.0, atol=1e-4)


@pytest.mark.parametrize("method", ["Nelder-Mead", "Powell", "COBYLA", *COBYQA])
def test_a_method_without_derivatives_is_given_none(method: str) -> None:
    bowl = solvers.objective(lambda x: np.sum((x - 1.0) ** 2), np.zeros(2))
    assert bowl.derivatives(method) == {}
    assert np.allclose(minimize(bowl, bowl.x0, method=method, **bowl.derivatives(method)).x, 1.0, atol=1e-2)


@pytest.mark.parametrize("method", ["Newton-CG", "trust-ncg", "trust-krylov", "trust-constr"])
def test_a_large_sparse_hessian_is_not_made_dense(method: str) -> None:
    valley = solvers.objective(rosenbrock, np.linspace(0.9, 1.1, 3000))
    assert valley.hessian.form == "csr"
    given = valley.derivatives(method)
    assert issparse(given["hess"](valley.x0)) if "hess" in given else given["hessp"] == valley.hessian_product
    assert np.allclose(minimize(valley, valley.x0, method=method, tol=1e-8, **given).x, 1.0, atol=1e-3)


def test_value_and_gradient_come_from_one_evaluation() -> None:
    function = Counted(rosenbrock)
    valley = solvers.objective(function, np.zeros(4))
    assert function.calls == 1
    for k in range(1, 4):
        x = np.full(4, float(k))
        value, gradient = valley(x), valley.gradient(x)
        assert function.calls == 2 * k
        at_once = valley.value_and_gradient(x)  # asked for again: computed again
        assert at_once[0] == value and np.array_equal(at_once[1], gradient)
        assert function.calls == 2 * k + 1
    found = minimize(valley, valley.x0, method="L-BFGS-B", jac=valley.gradient)
    assert function.calls <= 7 + found.nfev


@pytest.mark.parametrize("method", ["L-BFGS-B", "Newton-CG", "trust-ncg", "trust-exact", "trust-constr"])
def test_a_solve_that_begins_where_another_ended_sees_other_data(method: str) -> None:
    goal = 1.0

    def distance(x: Any) -> Any:
        return np.sum((x - goal) ** 2 + 0.1 * (x - goal) ** 4)

    objective = solvers.objective(distance, np.zeros(60))
    goal = 2.0  # after the look at the start
    x = objective.x0
    for goal in (2.0, 3.0, 4.0):
        x = minimize(objective, x, method=method, tol=1e-9, **objective.derivatives(method)).x
        assert np.allclose(x, goal, atol=1e-3)


def test_both_at_once() -> None:
    valley = solvers.objective(rosenbrock, np.zeros(4))
    assert np.allclose(minimize(valley.value_and_gradient, valley.x0, jac=True).x, 1.0, atol=1e-4)


def test_products_at_one_point_share_one_evaluation() -> None:
    function = Counted(lambda x: np.sum(np.exp(x)) ** 2)
    objective = solvers.objective(function, np.zeros(60))
    assert objective.hessian.form == "dense"
    x = np.linspace(0.0, 1.0, 60)
    before = function.calls
    products = [objective.hessian_product(x, row) for row in np.eye(60)]
    assert function.calls == before + 1
    e = np.exp(x)
    assert np.allclose(products, 2 * np.outer(e, e) + np.diag(2 * e.sum() * e))


def test_a_solver_may_overwrite_its_vector() -> None:
    objective = solvers.objective(lambda x: np.sum(x**3), np.zeros(3))
    x = np.ones(3)
    assert (objective(x), list(objective.gradient(x))) == (3.0, [3.0, 3.0, 3.0])
    product = objective.hessian_product(x, np.ones(3))
    x *= 2.0
    assert (objective(x), list(objective.gradient(x))) == (24.0, [12.0, 12.0, 12.0])
    assert list(objective.hessian_product(x, np.ones(3))) == list(2.0 * product)
    assert np.array_equal(objective.hessian(x), np.diag([12.0] * 3))


def test_a_solver_may_overwrite_what_it_is_given() -> None:
    matrix = np.array([[2.0, 1.0], [1.0, 3.0]])
    objective = solvers.objective(lambda x: 0.5 * x @ matrix @ x, np.ones(2))
    x = np.ones(2)
    computations: list[Callable[[Any], Any]] = [
        objective.gradient,
        objective.hessian.dense,
        lambda x: objective.hessian.csr(x).data,
    ]
    for compute in computations:
        given = compute(x)
        before = given.copy()
        given *= 0.0
        assert np.array_equal(compute(x), before)
    assert matrix[0, 0] == 2.0


def test_arguments_are_part_of_the_point() -> None:
    weights = np.array([1.0, 2.0])
    objective = solvers.objective(lambda x, w, power: np.sum(w * x**power), np.ones(2), args=(weights, 2))
    x = np.full(2, 3.0)
    assert objective(x) == 27.0
    assert objective(x, np.array([1.0, 1.0]), 2) == 18.0
    assert objective(x, np.array([1.0, 1.0]), 3) == 54.0
    assert list(objective.gradient(x, np.array([1.0, 1.0]), 3)) == [27.0, 27.0]
    assert np.array_equal(objective.hessian(x, weights, 3), np.diag([18.0, 36.0]))
    assert list(objective.hessian_product(x, np.ones(2), weights, 3)) == [18.0, 36.0]
    assert objective(x) == 27.0
    weights[:] = 5.0  # the same array with other numbers is another point
    assert objective(x) == 90.0
    assert list(objective.gradient(x)) == [30.0, 30.0]


def test_arguments_come_through_minimize() -> None:
    objective = solvers.objective(
        lambda x, target: np.sum((x - target) ** 4 + (x - target) ** 2), np.zeros(3), args=(1.0,)
    )
    for method in ("L-BFGS-B", "Newton-CG", "trust-ncg", "trust-exact"):
        given = objective.derivatives(method)
        found = minimize(objective, objective.x0, args=(5.0,), method=method, **given)
        assert np.allclose(found.x, 5.0, atol=1e-4)


PARAMETERS: list[Any] = [
    2.0,
    np.float64(2.0),
    [1.0, 2.0],
    np.ones((2, 3)),
    (np.ones(2), np.ones((2, 2)), 3.0),
    {"W": np.ones((3, 2)), "b": [np.zeros(2), 1.0]},
    {"deep": ({"a": np.ones((2, 1, 2))}, np.ones(1))},
]


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_parameters_of_any_shape(parameters: Any) -> None:
    target = solvers.objective(lambda p: 0.0 * total(p), parameters)
    wanted = np.linspace(1.0, 2.0, len(target.x0))
    goal = target.tree(wanted)

    def distance(p: Any) -> Any:
        return total(p, goal)

    objective = solvers.objective(distance, parameters)
    found = minimize(objective, objective.x0, method="trust-constr", **objective.derivatives("trust-constr"))
    assert np.allclose(found.x, wanted, atol=1e-5)
    assert np.array_equal(objective.vector(objective.tree(wanted)), wanted)
    assert np.allclose(objective.hessian.dense(wanted), 2.0 * np.eye(len(wanted)))


def total(p: Any, goal: Any = None) -> Any:
    """Σ (p - goal)² over all arrays of a tree."""
    if isinstance(p, dict):
        return sum([total(p[key], None if goal is None else goal[key]) for key in p])
    if isinstance(p, tuple | list):
        return sum([total(each, None if goal is None else goal[k]) for k, each in enumerate(p)])
    return np.sum((p - (0.0 if goal is None else goal)) ** 2)


def test_the_columns_are_in_the_order_of_the_vector() -> None:
    start = {"b": np.array([1.0, 2.0]), "W": np.array([[3.0, 4.0], [5.0, 6.0]])}
    objective = solvers.objective(lambda p: np.sum(p["W"] @ p["b"]) ** 2, start)
    assert list(objective.x0) == [1, 2, 3, 4, 5, 6]
    s = 1 * 3 + 2 * 4 + 1 * 5 + 2 * 6
    inner = np.array([8.0, 10.0, 1.0, 2.0, 1.0, 2.0])
    assert np.array_equal(objective.gradient(objective.x0), 2 * s * inner)
    cross = np.zeros((6, 6))
    cross[0, [2, 4]] = cross[1, [3, 5]] = 1.0
    for form in ("dense", "csr", "csc"):
        found = getattr(objective.hessian, form)(objective.x0)
        found = found.toarray() if issparse(found) else found
        assert np.allclose(found, 2 * np.outer(inner, inner) + 2 * s * (cross + cross.T))


def test_parameters_keep_their_dtype() -> None:
    seen = []

    def function(p: Any) -> Any:
        seen.append((p["a"].dtype, p["b"].dtype))
        return np.sum(p["a"] ** 2) + np.sum(p["b"] ** 2)

    objective = solvers.objective(function, {"a": np.ones(2, np.float32), "b": np.ones(2)})
    assert set(seen) == {(np.dtype(np.float32), np.dtype(np.float64))}
    assert objective.gradient(objective.x0).dtype == np.float64
    assert objective.tree(objective.x0)["a"].dtype == np.float32
    assert objective.hessian(objective.x0).dtype == np.float64


def test_bounds_on_parameters_of_any_shape() -> None:
    start = {"W": np.ones((2, 2)), "b": np.ones(2)}
    objective = solvers.objective(lambda p: np.sum((p["W"] - 5.0) ** 2) + np.sum((p["b"] + 5.0) ** 2), start)
    bounds = objective.bounds({"W": -np.inf, "b": np.array([0.0, -1.0])}, {"W": 3, "b": np.inf})
    found = minimize(objective, objective.x0, bounds=bounds, jac=objective.gradient)
    assert np.allclose(found.x, [3.0, 3.0, 3.0, 3.0, 0.0, -1.0])
    assert np.array_equal(objective.bounds(upper=2.0).ub, np.full(6, 2.0))
    assert np.array_equal(solvers.objective(np.sum, np.ones(2)).bounds([0.0, 1.0]).lb, [0.0, 1.0])
    assert np.array_equal(solvers.objective(np.sum, 1.0).bounds(-2.0).lb, [-2.0])


def test_the_start_is_kept() -> None:
    given = np.ones(2)
    objective = solvers.objective(np.sum, given)
    objective.x0[:] = 7.0
    given[:] = 8.0
    assert list(objective.x0) == [1.0, 1.0]


def test_the_hessian_is_derived_once_and_replayed() -> None:
    plain = solvers.objective(rosenbrock, np.ones(100))
    in_a_tree = solvers.objective(lambda p: np.sum(np.exp(p["a"] * p["b"])), {"a": np.ones((2, 3)), "b": 2.0})
    for objective in (plain, in_a_tree):
        for k in range(3):
            objective.hessian(objective.x0 + k)
        assert objective.hessian.recordings == ["replayed"]


def test_the_hessian_in_each_form() -> None:
    start = np.linspace(0.5, 1.5, 80)
    valley = solvers.objective(rosenbrock, start)
    by_hand = rosenbrock_hessian(start)
    assert np.allclose(valley.hessian.dense(start), by_hand, atol=1e-9)
    assert np.allclose(valley.hessian.csr(start).toarray(), by_hand, atol=1e-9)
    assert valley.hessian.csc(start).format == "csc"
    assert np.allclose(valley.hessian.csc(start).toarray(), by_hand, atol=1e-9)
    operator = valley.hessian.operator(start)
    assert isinstance(operator, LinearOperator)
    assert np.allclose(operator @ np.ones(80), by_hand.sum(1), atol=1e-9)
    assert np.array_equal(valley.hessian.sparsity.toarray(), by_hand != 0)
    assert valley.hessian.structured(start).shape == (80, 80)
    assert np.allclose(valley.hessian_product(start, np.ones(80)), by_hand.sum(1), atol=1e-9)


def test_the_operator_goes_to_the_eigenvalues() -> None:
    start = np.ones(200)
    valley = solvers.objective(rosenbrock, start)
    largest = eigsh(valley.hessian.operator(start), k=1, return_eigenvectors=False, v0=np.ones(200))
    assert np.isclose(largest[0], np.linalg.eigvalsh(rosenbrock_hessian(start))[-1])


def test_what_was_computed_stands_when_another_point_is_asked_for() -> None:
    valley = solvers.objective(rosenbrock, np.linspace(0.5, 1.5, 80))
    x, v = valley.x0, np.ones(80)
    for form in ("dense", "csr", "csc", "operator"):
        compute = getattr(valley.hessian, form)
        there = compute(x)
        product = there @ v
        compute(2.0 * x)
        compute(3.0 * x)
        assert np.array_equal(there @ v, product)
        assert np.allclose(product, rosenbrock_hessian(x) @ v)


def network(p: Any) -> Any:
    z = np.tanh(np.linspace(-1.0, 1.0, 400).reshape(10, 40) @ p["W"] + p["b"])
    return np.sum(z @ p["w"]) ** 2


def test_a_large_dense_hessian_is_only_multiplied_with() -> None:
    random = np.random.default_rng(0)
    start = {"W": random.normal(size=(40, 50)), "b": np.zeros(50), "w": random.normal(size=50)}
    objective = solvers.objective(network, start)
    assert objective.hessian.form == "operator"
    assert list(objective.derivatives("trust-ncg")) == ["jac", "hessp"]
    x, v = objective.x0, random.normal(size=2100)
    expected = (objective.gradient(x + 1e-5 * v) - objective.gradient(x - 1e-5 * v)) / 2e-5
    size = np.abs(expected).max()
    assert np.allclose(objective.hessian_product(x, v), expected, atol=1e-6 * size)
    operator = objective.hessian(x)
    assert np.allclose(operator @ v, expected, atol=1e-6 * size)
    assert np.allclose(operator.T @ v, expected, atol=1e-6 * size)
    assert np.allclose((operator @ np.stack([v, 2 * v], 1))[:, 1], 2 * expected, atol=1e-5 * size)
    assert np.allclose(objective.hessian.structured(x) @ v, expected, atol=1e-6 * size)


def test_the_form_follows_the_structure() -> None:
    random = np.random.default_rng(0)
    X = random.normal(size=(20, 2000))
    low_rank = solvers.objective(lambda w: np.sum(np.tanh(X @ w) ** 2), np.zeros(2000))
    assert low_rank.hessian.form == "operator"
    assert solvers.objective(lambda x: np.sum(x) ** 2, np.ones(100)).hessian.form == "dense"
    assert solvers.objective(lambda x: np.sum(x**4), np.ones(100)).hessian.form == "csr"
    assert solvers.objective(lambda x: np.sum(x**4), np.ones(10)).hessian.form == "dense"
    assert solvers.objective(lambda x: np.sum(x**4), np.ones(10), form="csc").hessian.form == "csc"


def test_polishing() -> None:
    def hilly(x: Any) -> Any:
        return np.sum(x**2 - 10.0 * np.cos(2 * np.pi * (x - 0.3)) + 10.0)

    objective = solvers.objective(hilly, np.ones(3))
    bounds = [(-4.0, 4.0)] * 3
    if SCIPY >= (1, 17):
        found = differential_evolution(objective, bounds, polish=objective.polish, seed=1, maxiter=60, tol=1e-3)
        assert np.abs(objective.gradient(found.x)).max() < 1e-4
    rough = differential_evolution(objective, bounds, polish=False, seed=1, maxiter=60, tol=1e-3)
    fine = objective.polish(objective, rough.x, bounds=bounds)
    assert fine.fun < rough.fun
    assert np.abs(objective.gradient(fine.x)).max() < 1e-4
    circle = solvers.constraint(lambda x: np.sum(x**2), 4.0, 4.0, np.ones(3))
    there = objective.polish(objective, np.array([2.0, 0.1, 0.1]), bounds=bounds, constraints=(circle,))
    assert np.isclose(np.sum(there.x**2), 4.0)
    with pytest.raises(OptionError, match="polish: the function to polish is"):
        objective.polish(lambda x: 1.0 + hilly(x), rough.x)


def test_other_global_methods_take_the_derivatives() -> None:
    objective = solvers.objective(lambda x: np.sum(np.cos(14.5 * x - 0.3) + (x + 0.2) * x), np.ones(1))
    step = {"method": "L-BFGS-B", **objective.derivatives("L-BFGS-B")}
    found = basinhopping(objective, objective.x0, minimizer_kwargs=step, niter=50, seed=0)
    assert np.isclose(found.fun, -1.0008761844426555)


def test_an_objective_goes_to_other_processes() -> None:
    valley = solvers.objective(rosenbrock, np.zeros(3), form="csr")
    valley.hessian_product(valley.x0, valley.x0)
    copy = pickle.loads(pickle.dumps(valley))
    assert copy(np.ones(3)) == 0.0
    assert copy.hessian.form == "csr"


def test_threads_do_not_mix_their_points() -> None:
    valley = solvers.objective(rosenbrock, np.ones(30))
    points = [np.random.default_rng(k % 5).normal(size=30) for k in range(100)]

    def right(x: Any) -> bool:
        value, gradient, by_hand = valley(x), valley.gradient(x), rosenbrock_hessian(x)
        matrix, product = valley.hessian(x), valley.hessian_product(x, x)
        derivative = scipy.optimize.rosen_der(x)
        return bool(
            np.isclose(value, rosenbrock(x))
            and np.allclose(gradient, derivative)
            and np.allclose(matrix, by_hand)
            and np.allclose(product, by_hand @ x)
        )

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(right, points))


def test_the_value_may_be_an_array_of_one_number() -> None:
    objective = solvers.objective(lambda x: np.sum(x**2, keepdims=True), np.ones(3))
    assert objective(np.ones(3)) == 3.0
    assert type(objective(np.ones(3))) is float
    assert list(objective.gradient(np.ones(3))) == [2.0, 2.0, 2.0]


MESSAGES: list[tuple[Callable[[], Any], type[Exception], list[str]]] = [
    (lambda: solvers.objective(np.sum, np.array([1, 2])), DtypeError, ["integers (int64)", "x0.astype(float)"]),
    (lambda: solvers.objective(np.sum, [1, 2]), DtypeError, ["x0 holds integers"]),
    (lambda: solvers.objective(np.sum, np.array([1j])), DtypeError, ["x0 is complex", "(z.real, z.imag)"]),
    (lambda: solvers.objective(np.sum, {"a": "text"}), DtypeError, ["x0 holds str 'text'"]),
    (lambda: solvers.objective(np.sum, np.ones(0)), ShapeError, ["x0 holds no numbers"]),
    (lambda: solvers.objective(np.sum, ()), ShapeError, ["x0 holds no numbers"]),
    (lambda: solvers.objective(np.cos, np.ones(3)), NotScalarError, ["shape (3,)", "np.sum", "residual(f, x0)"]),
    (lambda: solvers.objective(lambda x: [x[0], x[1]], np.ones(3)), NotScalarError, ["a list of 2", "residual(f, x0)"]),
    (lambda: solvers.objective(lambda x: {"loss": x[0]}, np.ones(3)), NotScalarError, ["a dict of 1"]),
    (lambda: solvers.objective(lambda x: None, np.ones(3)), DtypeError, ["NoneType"]),
    (lambda: solvers.objective(lambda x: "x", np.ones(3)), DtypeError, ["str"]),
    (
        lambda: solvers.objective(lambda x: np.sum(1.0 / x), np.zeros(3)),
        StartError,
        ["the objective is inf at the starting point"],
    ),
    (
        lambda: solvers.objective(lambda x: np.sum(x) * np.nan, np.ones(3)),
        StartError,
        ["the objective is nan at the starting point"],
    ),
    (
        lambda: solvers.objective(lambda p: np.sum(np.sqrt(p["a"])), {"b": np.ones(2), "a": np.zeros((1, 2))}),
        StartError,
        ["the gradient is inf", "in entry [0, 0] of array 1", "and in 1 more"],
    ),
    (lambda: solvers.objective(np.sum, np.ones(2), form="sparse"), OptionError, ["form='sparse'", "'operator'"]),
    (lambda: solvers.objective(np.sum, np.ones(2)).derivatives("newton"), OptionError, ["'newton'", "trust-constr"]),
    (lambda: solvers.objective(np.sum, np.ones(2))(np.ones(3)), ShapeError, ["(3,)", "expected (2,)", ".vector("]),
    (lambda: solvers.objective(np.sum, np.ones((2, 2)))(np.ones((2, 2))), ShapeError, ["(2, 2)", "expected (4,)"]),
    (lambda: solvers.objective(np.sum, np.ones(2))(np.ones(2) * 1j), DtypeError, ["complex", "jac='cs'"]),
    (lambda: solvers.objective(np.sum, np.ones(2)).hessian_product(np.ones(2), np.ones(3)), ShapeError, ["(3,)"]),
    (lambda: solvers.objective(np.sum, np.ones(2)).vector(np.ones(3)), ShapeError, ["[(3,)]", "[(2,)]"]),
    (lambda: solvers.objective(np.sum, np.ones(2)).vector((np.ones(2),)), ShapeError, ["(*)", "x0 is *"]),
    (lambda: solvers.objective(np.sum, np.ones(2)).bounds({"a": 1.0}), ShapeError, ["the lower bound is {a: *}"]),
    (lambda: solvers.objective(np.sum, np.ones(2)).bounds(upper=np.ones(3)), ShapeError, ["upper", "(3,)", "(2,)"]),
    (lambda: solvers.objective(np.sum, np.ones(2)).bounds("low"), DtypeError, ["lower bound holds str 'low'"]),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize(("provoke", "kind", "says"), MESSAGES)
def test_message(provoke: Callable[[], Any], kind: type[Exception], says: list[str]) -> None:
    provoked.says(provoke, kind, says)
