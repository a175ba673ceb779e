"""Every order of elimination gives the same Jacobian, and a replay that of a run: random programs, small and large."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given

import chainrule as cr
from chainrule.linear.jacobian import Jacobian
from chainrule.program.accumulate import _eliminated, _Graph, _reverse, jacobian_terms
from chainrule.program.sweep import dependents, schedule
from chainrule.transforms.trace import Trace
from tests.programs.differences import directional
from tests.random_programs import Program, programs, weights
from tests.test_random_programs import close, functions, many


def dense(tree: Any) -> list[Any]:
    """The dense arrays of a tree of Jacobians, in order."""
    return [tree.dense()] if isinstance(tree, cr.Jacobian) else [array for entry in tree for array in dense(entry)]


@many
@given(programs(10))
def test_orders_of_elimination_agree(program: Program) -> None:
    function, _, at, _ = functions(program)
    trace = Trace(function, at, {}, tuple(range(len(at))), False, "jacobian")
    assume(getattr(trace.outputs[0], "vertex", None) is not None)
    root, targets = trace.outputs[0].vertex, [tensor.vertex for tensor in trace.inputs]
    assume(not any(root is target for target in targets))
    nodes, _ = schedule([root])
    needed = dependents(nodes, targets)
    inner = [node for node in nodes if node in needed and node is not root]
    graph = _Graph(root, targets, nodes, needed, None)
    random = np.random.default_rng(0).permutation(len(inner))
    place = {node: int(random[k]) for k, node in enumerate(inner)}
    orders: list[Callable[[], dict[Any, Any]]] = [
        lambda: _reverse(graph),
        lambda: _eliminated(graph.copy(), inner),
        lambda: _eliminated(graph.copy(), inner, lambda node: node.sequence),
        lambda: _eliminated(graph.copy(), inner, lambda node: -node.sequence),
        lambda: _eliminated(graph.copy(), inner, lambda node: place[node]),
        lambda: jacobian_terms(root, targets),
    ]
    value, pullback = cr.vjp(function, *at)
    for target, tensor, k in zip(targets, trace.inputs, range(len(at)), strict=True):
        shape, column_shape = tuple(np.shape(value)), tuple(tensor.value.shape)
        rows = np.zeros((int(np.prod(shape)), *column_shape))
        for number, unit in enumerate(np.eye(len(rows))):
            rows[number] = pullback(unit.reshape(shape))[k]
        for order in orders:
            found = Jacobian(order().get(target, []), shape, column_shape).dense()
            close(found, rows.reshape(shape + column_shape))


def moved(at: list[Any], seed: int, by: float) -> list[Any]:
    """Another point near the first."""
    generator = np.random.default_rng(seed)
    return [x + by * generator.normal(size=x.shape) for x in at]


@many
@given(programs(10))
def test_a_replay_is_what_a_run_gives(program: Program) -> None:
    function, scalar, at, _ = functions(program)
    positions = tuple(range(len(at)))
    transforms: list[Any] = [
        cr.jacobian(function, positions),
        cr.hessian(scalar, positions),
        cr.hessian(function, positions, weights=weights(np.shape(function(*at)), 0.9)),
        cr.gauss_newton(function, positions),
    ]
    for transform in transforms:
        kept = []
        for point in (at, moved(at, 0, 0.2), moved(at, 1, 1.0), at):
            expected = dense(transform.recorded.transform(*point))
            made = transform(*point)
            kept.append((made, dense(made)))
            for a, b in zip(kept[-1][1], expected, strict=True):
                assert a.dtype == b.dtype
                if np.all(np.isfinite(b)):
                    close(a, b)
        for made, before in kept:  # and none of them has changed since
            for a, b in zip(dense(made), before, strict=True):
                np.testing.assert_array_equal(a, b)


@many
@given(programs(8))
def test_second_derivatives_against_first(program: Program) -> None:
    function, scalar, at, _ = functions(program)
    positions = tuple(range(len(at)))
    value = function(*at)
    shape, rows = tuple(np.shape(value)), int(np.size(value))
    maps = [J.dense().reshape(rows, x.size) for J, x in zip(cr.jacobian(function, positions)(*at), at, strict=True)]
    weight = np.abs(weights(shape, 1.3)) + 0.5
    plain, weighted = cr.gauss_newton(function, positions), cr.gauss_newton(function, positions, weights=weight)
    of_loss = cr.gauss_newton(function, positions, loss=lambda y: np.sum(weight * np.square(y)) / 2)
    blocks = cr.hessian(scalar, positions)(*at)
    gradient = cr.grad(scalar, argnums=positions)
    for i, j in np.ndindex(len(at), len(at)):
        sizes = at[i].shape + at[j].shape
        close(plain(*at)[i][j].dense(), (maps[i].T @ maps[j]).reshape(sizes))
        expected = (maps[i].T @ (np.ravel(weight)[:, None] * maps[j])).reshape(sizes)
        for transform in (weighted, of_loss):
            for _ in range(2):
                close(transform(*at)[i][j].dense(), expected)
        turned = blocks[j][i].dense().reshape(at[j].size, at[i].size).T
        close(blocks[i][j].dense(), turned.reshape(sizes))
    directions = [weights(x.shape, 4.0 + k) for k, x in enumerate(at)]
    for i, x in enumerate(at):
        numeric = directional(lambda *given, i=i: gradient(*given)[i], at, directions)
        assume(numeric is not None)
        pushed = sum([blocks[i][j] @ direction for j, direction in enumerate(directions)], np.zeros(x.shape))
        close(pushed, numeric, 2e-6)


# --- whole numbers ----------------------------------------------------------------------------------------------------

MANY, FEW = np.array([200, 100, 50], np.uint8), np.array([100, 100, 100], np.uint8)
LINKED = np.ones((3, 3), bool)
WHOLE: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "truth values added": (lambda x: x * (x > 0) + x * (x > -1), lambda x: np.diag((x > 0) * 1.0 + (x > -1))),
    "truth values multiplied": (lambda x: LINKED @ (LINKED @ x), lambda x: np.full((3, 3), 3.0)),
    "bytes added": (lambda x: x * MANY + x * FEW, lambda x: np.diag([300.0, 200.0, 150.0])),
    "bytes multiplied": (lambda x: x * MANY * FEW, lambda x: np.diag([20000.0, 10000.0, 5000.0])),
    "a truth value taken away": (lambda x: -(x * (x > 0)), lambda x: -np.diag((x > 0) * 1.0)),
    "counts": (lambda x: x * np.sum(x > 0) * np.sum(x > -1), lambda x: np.eye(3) * np.sum(x > 0) * np.sum(x > -1)),
    "a sum over truth values": (lambda x: np.sum(LINKED * x[:, None]) * x, lambda x: 3 * x.sum() * np.eye(3)
                                + 3 * np.outer(x, np.ones(3))),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_counts_and_truth_values_become_numbers(name: str) -> None:
    function, expected = WHOLE[name]
    transform: Any = cr.jacobian(function)
    for point in ([1.0, 2.0, -0.5], [1.0, -2.0, 0.5], [-3.0, 2.0, 0.25]):
        x = np.array(point)
        for J in (transform(x), transform.recorded.transform(x)):
            assert J.dtype == float
            np.testing.assert_allclose(J.dense(), expected(x))
            np.testing.assert_allclose(J.sparse().toarray(), expected(x))
            np.testing.assert_allclose(J.gram(), expected(x) @ expected(x).T)
            np.testing.assert_allclose(J.slogdet(), np.linalg.slogdet(expected(x)), atol=1e-12)


# --- arrays large enough to lend their memory -------------------------------------------------------------------------

ROWS, COLUMNS = 64, 80
MIXING = np.random.default_rng(0).normal(size=(COLUMNS, COLUMNS)) / 9
CHOICE = np.random.default_rng(1).normal(size=(ROWS, COLUMNS))
STEPS = [
    *("np.sin({a})", "np.exp(0.1 * {a})", "{a} * {b}", "{a} + {b}", "{a} - 0.5 * {b}", "{a} / (1.5 + {b}**2)", "-{a}"),
    *("2 * {a}", "{a}**2 * 0.3", "np.sqrt({a}**2 + 1)", "np.roll({a}, 3, axis=0)", "{a}[::-1]", "np.maximum({a}, {b})"),
    *("{a}.reshape(COLUMNS, ROWS).T", "{a}.T.reshape(ROWS, COLUMNS)", "{a} * np.sum({b}) * 1e-3", "{a} * CHOICE"),
    *(
        "{a} - np.mean({b}, axis=1, keepdims=True)",
        "np.where(CHOICE > 0, {a}, {b})",
        "np.where({a} > {b}, {a}, 0.5 * {b})",
    ),
    *(
        "{a} @ MIXING",
        "np.abs({a})",
        "np.concatenate([{a}[:32], {b}[32:]])",
        "np.broadcast_to({a}[:1], {a}.shape) * {b}",
    ),
    *("np.swapaxes(np.swapaxes({a}, 0, 1) * 1.5, 0, 1)", "{a}[:, ::-1] * {b}", "np.arctan2({a}, {b}**2 + 0.5)"),
    *("np.reshape(np.ravel({a}), {a}.shape)", "np.exp(-({a}**2))", "1 / ({a}**2 + 1)", "np.tanh({a})", "{a} * 1"),
]


def large_program(seed: int) -> tuple[Callable[..., Any], str]:
    """A random function of two arrays, and its text."""
    generator = np.random.default_rng(seed)
    names, lines = ["x", "y"], []
    for number in range(int(generator.integers(3, 13))):
        a, b = (names[-1 - min(int(generator.exponential(1.5)), len(names) - 1)] for _ in range(2))
        lines.append(f"    v{number} = " + STEPS[int(generator.integers(len(STEPS)))].format(a=a, b=b))
        names.append(f"v{number}")
    text = "def program(x, y):\n" + "\n".join(lines) + f"\n    return {names[-1]} + {generator.choice(names)}\n"
    space = {"np": np, "MIXING": MIXING, "CHOICE": CHOICE, "ROWS": ROWS, "COLUMNS": COLUMNS}
    exec(text, space)
    made: Any = space["program"]
    return made, text


@pytest.mark.parametrize("seed", range(40))
def test_memory_is_lent_only_when_nobody_needs_it(seed: int) -> None:
    function, text = large_program(seed)
    transform: Any = cr.jacobian(function, (0, 1))
    generator = np.random.default_rng(seed)
    right, left = generator.normal(size=(2, ROWS, COLUMNS))
    kept = []
    for _ in range(4):
        point = generator.normal(size=(2, ROWS, COLUMNS))
        for J, other in zip(transform(*point), transform.recorded.transform(*point), strict=True):
            found = J @ right, J.T @ left
            for a, b in zip(found, (other @ right, other.T @ left), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-8 * max(1.0, np.abs(b).max()), err_msg=text)
            kept.append((J, found))
        point[:] = np.nan  # the caller's to overwrite
    for J, (pushed, pulled) in kept:
        np.testing.assert_array_equal(J @ right, pushed, err_msg=text)
        np.testing.assert_array_equal(J.T @ left, pulled, err_msg=text)


@pytest.mark.parametrize("seed", range(40, 50))
def test_memory_is_lent_in_second_derivatives(seed: int) -> None:
    function, text = large_program(seed)
    transform: Any = cr.hessian(lambda x, y: np.sum(function(x, y) * CHOICE))
    generator = np.random.default_rng(seed)
    right = generator.normal(size=(ROWS, COLUMNS))
    for _ in range(3):
        point = generator.normal(size=(2, ROWS, COLUMNS))
        expected = transform.recorded.transform(*point) @ right
        scale = max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(transform(*point) @ right, expected, rtol=1e-8, atol=1e-8 * scale, err_msg=text)


def test_many_paths_through_maps_that_are_applied_only() -> None:
    """Each turn meets a cumulative sum again: what stays small is listed, or terms would double from turn to turn."""

    def function(x: Any) -> Any:
        a = x
        for k in range(1, 12):
            a = a.copy()
            a[k % 4 : k % 4 + 2] *= np.sin(np.sum(np.hypot(0.3 * k, a[::-1]) - 0.1 * np.cumsum(a + x)))
        return np.hypot(a, a[::-1])

    x = np.linspace(0.1, 0.5, 8)
    J = cr.jacobian(function)(x)
    assert len(J.terms) <= 64
    columns = [cr.jvp(function, (x,), (unit,))[1] for unit in np.eye(8)]
    np.testing.assert_allclose(J.dense(), np.stack(columns, -1), rtol=1e-9, atol=1e-12)
