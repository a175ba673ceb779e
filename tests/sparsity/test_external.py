"""Black boxes inside differentiated functions: products, entries by few products, and claims held to account."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import linalg, sparse

import chainrule as cr
from chainrule.errors import NoDerivativeError, RuleError, ShapeError, SparsityError
from chainrule.ops.external import layout


def plain(x: Any) -> Any:
    """What a compiled routine would see: an array, never a tensor."""
    assert type(x) is np.ndarray, type(x)
    return x


class Counter:
    """Counts the calls of functions."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, function: Any) -> Any:
        def counted(*arguments: Any) -> Any:
            self.calls += 1
            return function(*map(plain, arguments))

        return counted


def second_difference(v: Any) -> Any:
    padded = np.pad(v, 1)
    return padded[2:] - 2 * padded[1:-1] + padded[:-2]


def diffuse(x: Any) -> Any:
    """Second differences of the squares; symmetric up to the factor 2 x."""
    return second_difference(x**2)


def pushed(x: Any, t: Any) -> Any:
    return second_difference(2 * x * t)


def pulled(x: Any, v: Any) -> Any:
    return 2 * x * second_difference(v)


X = np.linspace(0.5, 1.5, 30)
DENSE = (np.eye(30, k=1) - 2 * np.eye(30) + np.eye(30, k=-1)) * (2 * X)
TRIDIAGONAL = ("banded", 1, 1)


def box(counter: Counter | None = None, **options: Any) -> Any:
    counter = counter or Counter()
    given: dict[str, Any] = {"jvp": counter(pushed), "vjp": counter(pulled), "sparsity": TRIDIAGONAL} | options
    return cr.external(lambda x: diffuse(plain(x)), name="diffuse", **given)


# ------------------------------------------------------------------------------------------------------------ products
@pytest.mark.parametrize("missing", [{}, {"jvp": None}, {"vjp": None}])
@pytest.mark.parametrize("sparsity", [TRIDIAGONAL, None])
@pytest.mark.filterwarnings("ignore::chainrule.ProbedWarning")
def test_products_in_both_directions(missing: Any, sparsity: Any) -> None:
    step = box(sparsity=sparsity, **missing)
    v = np.random.default_rng(0).random(30)
    assert np.allclose(cr.grad(lambda x: np.sum(step(x) * v))(X), DENSE.T @ v)
    value, pushforward = cr.linearize(step, X)
    assert np.allclose(value, diffuse(X))
    assert np.allclose(pushforward(v), DENSE @ v)
    J = cr.jacobian(step)(X)
    assert np.allclose(J @ v, DENSE @ v)
    assert np.allclose(J.T @ v, DENSE.T @ v)
    assert np.allclose(J.dense(), DENSE)
    assert np.allclose(J.sparse().toarray(), DENSE)


def test_plain_arrays_go_straight_through() -> None:
    assert np.allclose(box()(X), diffuse(X))


def test_entries_cost_three_products_and_one_to_check() -> None:
    counter = Counter()
    step = box(counter)
    J = cr.jacobian(lambda x: np.exp(-step(np.sin(x))))(X)
    assert counter.calls == 0
    assert "known by its products only: 3 products" in J.structure
    assert J.entries == 3 * 30 - 2
    assert counter.calls == 0
    matrix = J.sparse()
    assert counter.calls == 4
    assert matrix.nnz == 88
    expected = -np.exp(-diffuse(np.sin(X)))[:, None] * (DENSE / (2 * X) * 2 * np.sin(X)) * np.cos(X)
    assert np.allclose(matrix.toarray(), expected)
    J.sparse()
    J.diagonal()
    assert counter.calls == 4


@pytest.mark.parametrize("missing", ["jvp", "vjp"])
def test_one_direction_is_enough_for_the_entries(missing: str) -> None:
    counter = Counter()
    assert np.allclose(cr.jacobian(box(counter, **{missing: None}))(X).sparse().toarray(), DENSE)
    assert counter.calls == 4


def test_the_diagonal_and_the_trace_are_not_made_from_a_dense_array() -> None:
    size = 20_000
    x = np.ones(size)
    J = cr.jacobian(box())(x)
    assert np.allclose(J.diagonal(), -4)
    assert np.isclose(J.trace(), -4 * size)
    assert J.sparse().nnz == 3 * size - 2


def test_a_jacobian_at_another_point_is_another() -> None:
    """Functions are recorded once; entries that were kept belong to one point."""
    jacobian = cr.jacobian(lambda x: np.exp(-box()(np.sin(x))))
    for x in (X, X + 1, X):
        s = np.sin(x)
        expected = -np.exp(-diffuse(s))[:, None] * (DENSE / X * s) * np.cos(x)
        assert np.allclose(jacobian(x).sparse().toarray(), expected)
        assert np.allclose(jacobian(x).dense(), expected)


def test_a_newton_step_through_a_black_box() -> None:
    J = cr.jacobian(lambda x: x - 0.1 * box()(x))(X)
    right = np.ones(30)
    assert np.allclose(J.solve(right), np.linalg.solve(np.eye(30) - 0.1 * DENSE, right))


def test_two_steps_stay_sparse() -> None:
    step = box()
    J = cr.jacobian(lambda x: step(np.cos(step(x))))(X)
    found = J.sparse()
    middle = diffuse(X)
    expected = (DENSE / X * np.cos(middle)) @ np.diag(-np.sin(middle)) @ DENSE
    assert np.allclose(found.toarray(), expected)
    assert found.nnz == 5 * 30 - 6


def test_rows_that_are_not_used_cost_nothing() -> None:
    counter = Counter()
    J = cr.jacobian(lambda x: box(counter, sparsity=None)(x)[3:5])(X)
    assert np.allclose(J.dense(), DENSE[3:5])
    assert counter.calls == 2


# ------------------------------------------------------------------------------------------------------------- sparsity
@pytest.mark.parametrize(
    "sparsity",
    [
        TRIDIAGONAL,
        ("banded", 3, 2),
        sparse.csr_array(DENSE),
        sparse.coo_matrix(DENSE),
        DENSE != 0,
        np.nonzero(DENSE),
        lambda result, argument: ("banded", result[0] // 30, argument[0] // 30),
        "i, j",
        ("i, j", TRIDIAGONAL),
    ],
)
def test_ways_to_say_where_entries_are(sparsity: Any) -> None:
    assert np.allclose(cr.jacobian(box(sparsity=sparsity))(X).sparse().toarray(), DENSE)


@pytest.mark.parametrize(("sparsity", "k"), [("lower", -1), ("upper", 1), ("diagonal", 0)])
def test_triangles_and_diagonal(sparsity: str, k: int) -> None:
    matrix = np.random.default_rng(1).random((6, 6))
    matrix = np.tril(matrix) if k < 0 else np.triu(matrix) if k else np.diag(np.diag(matrix))
    step = cr.external(lambda x: matrix @ x, jvp=lambda x, t: matrix @ t, sparsity=sparsity)
    found = cr.jacobian(step)(np.ones(6)).sparse()
    assert np.allclose(found.toarray(), matrix)
    assert found.nnz == {"lower": 21, "upper": 21, "diagonal": 6}[sparsity]


ROWS = np.random.default_rng(2).random((5, 4))
WEIGHTS = np.random.default_rng(3).random((4, 3))


def test_blocks_share_products() -> None:
    """A function of each row: (b, i) ← (b, j), whatever the number of rows."""
    counter = Counter()
    rows = cr.external(
        lambda x: np.tanh(plain(x) @ WEIGHTS),
        jvp=counter(lambda x, t: (t @ WEIGHTS) / np.cosh(x @ WEIGHTS) ** 2),
        vjp=counter(lambda x, v: (v / np.cosh(x @ WEIGHTS) ** 2) @ WEIGHTS.T),
        sparsity="bi, bj",
        name="rows",
    )
    J = cr.jacobian(rows)(ROWS)
    expected = cr.jacobian(lambda x: np.tanh(x @ WEIGHTS))(ROWS).dense()
    assert J.structure.startswith("known by its products only: 3 products in 5 blocks")
    assert J.entries == 5 * 3 * 4
    assert counter.calls == 0
    assert np.allclose(J.dense(), expected)
    assert np.allclose(J.sparse().toarray(), expected.reshape(15, 20))
    assert counter.calls == 4
    assert np.allclose(cr.grad(lambda x: np.sum(rows(x) ** 2))(ROWS), 2 * np.einsum("biBj,bi", expected, rows(ROWS)))


def test_axes_in_another_order_and_of_their_own() -> None:
    """out[i, b, k] from x[j, l, b]: two axes of each side are flattened, one is shared."""
    matrix = np.random.default_rng(4).random((2, 3, 4, 5))  # i, k, j, l

    def forward(x: Any) -> Any:
        return np.einsum("ikjl,jlb->ibk", matrix, x)

    step = cr.external(
        forward,
        jvp=lambda x, t: forward(t),
        vjp=lambda x, v: np.einsum("ikjl,ibk->jlb", matrix, v),
        sparsity="ibk, jlb",
    )
    x = np.random.default_rng(5).random((4, 5, 7))
    J = cr.jacobian(step)(x)
    expected = np.einsum("ikjl,bc->ibkjlc", matrix, np.eye(7))
    assert np.allclose(J.dense(), expected)
    assert np.allclose(J.sparse().toarray(), expected.reshape(42, 140))
    assert J.entries == 7 * 6 * 20
    v = np.random.default_rng(6).random((2, 7, 3))
    assert np.allclose(v @ J, np.einsum("ibkjlc,ibk->jlc", expected, v))


@given(st.data())
def test_any_labels(data: st.DataObject) -> None:
    """Every way to share, order and size the axes of result and argument, against einsum with deltas written out."""
    letters = data.draw(st.lists(st.sampled_from("abcdef"), unique=True, max_size=5))
    sizes = {letter: data.draw(st.integers(1, 3)) for letter in letters}
    where = {letter: data.draw(st.sampled_from(["both", "row", "column"])) for letter in letters}
    sides = [[x for x in letters if where[x] in ("both", side)] for side in ("row", "column")]
    row, column = ("".join(data.draw(st.permutations(side))) for side in sides)
    labels = "".join(dict.fromkeys(row + column))
    factor = np.random.default_rng(0).uniform(1, 2, [sizes[x] for x in labels])
    given_ = data.draw(st.sampled_from(["jvp", "vjp", "both"]))
    step = cr.external(
        lambda x: np.einsum(f"{labels},{column}->{row}", factor, x),
        jvp=None if given_ == "vjp" else lambda x, t: np.einsum(f"{labels},{column}->{row}", factor, t),
        vjp=None if given_ == "jvp" else lambda x, v: np.einsum(f"{labels},{row}->{column}", factor, v),
        sparsity=f"{row}, {column}",
    )
    x, v = (np.random.default_rng(k).uniform(1, 2, [sizes[y] for y in side]) for k, side in enumerate((column, row)))
    units = np.eye(x.size).reshape(-1, *x.shape)
    expected = np.stack([step(unit).ravel() for unit in units], 1)
    J = cr.jacobian(step)(x)
    assert np.allclose(J.dense().reshape(expected.shape), expected)
    assert np.allclose(J.sparse().toarray(), expected)
    assert J.entries == J.sparse().nnz == np.prod([sizes[y] for y in labels], dtype=int)
    assert np.allclose(np.ravel(J @ x), expected @ x.ravel())
    assert np.allclose(np.ravel(J.T @ v), expected.T @ v.ravel())


def test_a_function_of_several_axes_without_a_claim() -> None:
    step = cr.external(lambda x: x.T.copy() ** 2, jvp=lambda x, t: (2 * x * t).T, name="turned")
    x = ROWS[:2, :3]
    assert np.allclose(cr.jacobian(step)(x).dense(), cr.jacobian(lambda x: x.T**2)(x).dense())


def test_several_arguments() -> None:
    step = cr.external(
        lambda x, p, n: np.asarray(x**2 * p),
        jvp=(lambda x, p, n, t: 2 * x * p * t, lambda x, p, n, t: x**2 * t, None),
        vjp=[lambda x, p, n, v: 2 * x * p * v, lambda x, p, n, v: np.sum(x**2 * v), None],
        sparsity=["i, i", None, None],
    )
    x = np.array([1.0, 2.0, 3.0])
    by_x, by_p = cr.jacobian(lambda x, p: step(x, p, 3), argnums=(0, 1))(x, np.array(2.0))
    assert np.allclose(by_x.dense(), np.diag(4 * x))
    assert by_x.sparse().nnz == 3
    assert np.allclose(by_p.dense(), x**2)
    gradient = cr.grad(lambda p: np.sum(step(x, p, 3)))(2.0)
    assert np.isclose(gradient, 14.0)


def test_numbers_and_empty_arrays() -> None:
    square = cr.external(lambda x: x**2, jvp=lambda x, t: 2 * x * t, sparsity="diagonal")
    assert cr.grad(square)(3.0) == 6
    assert cr.jacobian(square)(3.0).dense() == 6
    assert cr.jacobian(square)(3.0).sparse().toarray() == [[6]]
    assert cr.jacobian(square)(np.zeros(0)).sparse().shape == (0, 0)
    total = cr.external(lambda x: np.sum(x**2), vjp=lambda x, v: 2 * x * v)
    assert np.allclose(cr.jacobian(total)(X).dense(), 2 * X)
    assert np.allclose(cr.grad(total)(X), 2 * X)
    assert np.allclose(cr.jvp(total, (X,), (X,))[1], 2 * X @ X)


def test_options_with_a_default_are_no_arguments() -> None:
    step = cr.external(lambda x, power=2: x**power, jvp=lambda x, t: 2 * x * t, sparsity="i, i")
    assert np.allclose(cr.grad(lambda x: np.sum(step(x)))(X), 2 * X)


def test_many_tangents_at_once() -> None:
    shapes = []

    def push(x: Any, t: Any) -> Any:
        shapes.append(t.shape)
        return np.stack([pushed(x, each) for each in t])

    step = box(jvp=push, vjp=None, batched=True)
    assert np.allclose(cr.jacobian(step)(X).sparse().toarray(), DENSE)
    assert shapes == [(3, 30), (1, 30)]
    assert np.allclose(cr.jvp(step, (X,), (X,))[1], DENSE @ X)
    assert shapes[2:] == [(1, 30)]


def test_single_precision_stays() -> None:
    J = cr.jacobian(box())(X.astype(np.float32))
    assert J.sparse().dtype == np.float32
    assert cr.grad(lambda x: np.sum(box()(x)))(X.astype(np.float32)).dtype == np.float32


def test_a_compiled_solver() -> None:
    """Heat flow by LAPACK: T(k) for varying conductivity, its adjoint by one more solve."""
    size = 50

    def bands(k: Any) -> Any:
        found = np.zeros((3, size))
        found[0, 1:], found[1], found[2, :-1] = -k[1:size], k[:-1] + k[1:], -k[1:size]
        return found

    def forward(k: Any) -> Any:
        return linalg.solve_banded((1, 1), bands(plain(k)), np.ones(size))

    def pull(k: Any, v: Any) -> Any:
        adjoint, jumps = linalg.solve_banded((1, 1), bands(k), v), np.diff(np.pad(forward(k), 1))
        return -np.diff(np.pad(adjoint, 1)) * jumps

    heat = cr.external(forward, vjp=pull)
    k = np.linspace(1, 2, size + 1)
    gradient = cr.grad(lambda k: np.sum(heat(k) ** 2))(k)
    step = 1e-6 * np.eye(size + 1)
    numeric = [(np.sum(forward(k + h) ** 2) - np.sum(forward(k - h) ** 2)) / 2e-6 for h in step]
    assert np.allclose(gradient, numeric, rtol=1e-5, atol=1e-6 * np.abs(gradient).max())


# -------------------------------------------------------------------------------------------------------- higher orders
def test_the_second_derivative_of_a_box_is_refused() -> None:
    with pytest.raises(NoDerivativeError, match=r"diffuse: the second derivative.*differentiable=True"):
        cr.hessian(lambda x: np.sum(box()(x) ** 2))(X)


def test_products_written_with_numpy_are_differentiated_again() -> None:
    def function(x: Any) -> Any:
        return np.sin(x)

    step = cr.external(
        function, jvp=lambda x, t: np.cos(x) * t, vjp=lambda x, v: np.cos(x) * v, sparsity="i, i", differentiable=True
    )
    x = np.array([0.1, 0.2])
    found = cr.hvp(lambda x: np.sum(step(x) ** 2), x, np.array([1.0, 0.0]))
    assert np.allclose(found, [2 * np.cos(0.2), 0])


def test_entries_are_differentiated_again() -> None:
    """The gradient of a sum over a Jacobian's entries, through a box with a sparsity."""
    step = cr.external(
        lambda x: x[1:] * x[:-1],
        jvp=lambda x, t: x[1:] * t[:-1] + t[1:] * x[:-1],
        sparsity=("banded", 0, 1),
        differentiable=True,
    )
    x = np.array([1.0, 2.0, 3.0])
    found = cr.grad(lambda x: np.sum(cr.jacobian(step)(x).dense() ** 2))(x)
    assert np.allclose(found, 2 * x * [1, 2, 1])


def test_a_linear_box_has_derivatives_of_any_order() -> None:
    step = cr.external(lambda x: second_difference(plain(x)), vjp=lambda v: second_difference(plain(v)), linear=True)
    v = np.random.default_rng(0).random(6)
    x = np.random.default_rng(1).random(6)
    A = np.eye(6, k=1) - 2 * np.eye(6) + np.eye(6, k=-1)
    assert np.allclose(cr.hvp(lambda x: np.sum(step(x) ** 4), x, v), A.T @ (12 * (A @ x) ** 2 * (A @ v)))
    third = cr.grad(lambda x: np.sum(cr.grad(lambda x: np.sum(step(x) ** 3))(x) * v))
    assert np.allclose(third(x), A.T @ (6 * (A @ x) * (A @ v)))


def test_a_pullback_can_be_differentiated_by_its_cotangent() -> None:
    step = box()
    v = np.random.default_rng(0).random(30)
    found = cr.grad(lambda v: np.sum(cr.vjp(step, X)[1](v)[0] ** 2))(v)
    assert np.allclose(found, 2 * DENSE @ (DENSE.T @ v))
    for batched in (False, True):
        many = box(
            jvp=(lambda x, t: np.stack([pushed(x, e) for e in t])) if batched else pushed,
            vjp=(lambda x, v: np.stack([pulled(x, e) for e in v])) if batched else pulled,
            batched=batched,
        )
        assert np.allclose(cr.grad(lambda v, many=many: np.sum(cr.vjp(many, X)[1](v)[0] ** 2))(v), found)


# -------------------------------------------------------------------------------------------------------- what is said
@pytest.mark.parametrize("sparsity", ["diagonal", ("banded", 0, 1), "i, i", ("banded", 1, 0)])
@pytest.mark.parametrize("missing", [{}, {"jvp": None}, {"vjp": None}])
def test_a_wrong_claim_is_found(sparsity: Any, missing: Any) -> None:
    J = cr.jacobian(box(sparsity=sparsity, **missing))(X)
    with pytest.raises(SparsityError, match=r"given for diffuse leaves out entries.*Declare"):
        J.sparse()
    with pytest.raises(SparsityError, match="diffuse"):
        J.dense()


def test_blocks_that_are_none_are_found() -> None:
    mixed = cr.external(lambda x: x - x.mean(0), jvp=lambda x, t: t - t.mean(0), sparsity="bi, bi")
    with pytest.raises(SparsityError, match="leaves out"):
        cr.jacobian(mixed)(ROWS).sparse()


def test_one_note_where_every_entry_costs_a_product() -> None:
    step = box(sparsity=None)
    with pytest.warns(cr.ProbedWarning, match=r"diffuse: no sparsity is declared.*30 × 30.*30 products.*sparsity="):
        cr.jacobian(step)(X).sparse()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cr.jacobian(step)(X).sparse()
        cr.jacobian(box(sparsity=None))(X[:5]).sparse()


@pytest.mark.parametrize(
    ("make", "kind", "says"),
    [
        (lambda: cr.external(lambda x: x), RuleError, "give jvp"),
        (lambda: cr.external(max, jvp=lambda x, t: t), RuleError, r"max: .*have no names.*lambda x: max\(x\)"),
        (lambda: cr.external(lambda *xs: xs[0], jvp=lambda x, t: t, name="f"), RuleError, "f: .*have no names"),
        (lambda: cr.external(lambda x, y: x), RuleError, "give jvp"),
        (lambda: cr.external(lambda x, y: x, jvp=lambda x, y, t: t), RuleError, r"2 arguments \(x, y\)"),
        (lambda: cr.external(lambda x, y: x, jvp=(lambda x, y, t: t,)), RuleError, r"as many jvp"),
        (lambda: cr.external(lambda x: x, jvp=lambda t: t, linear=True), RuleError, "its own jvp"),
        (lambda: cr.jacobian(box(sparsity="few"))(X).sparse(), SparsityError, "diffuse: there is no sparsity 'few'"),
        (lambda: cr.jacobian(box(sparsity=np.eye(3)))(X).sparse(), SparsityError, "30 outputs and 30 inputs"),
        (lambda: cr.jacobian(box(sparsity="ab, ab"))(X), SparsityError, "names 2 axes of the result"),
        (lambda: cr.jacobian(box(sparsity=("i, j", None, 3)))(X), SparsityError, "row labels, column labels"),
        (lambda: layout("ab, cb", (2, 3), (2, 4)), SparsityError, "axis 'b' is 3 and 4"),
        (lambda: cr.jvp(box(jvp=lambda x, t: t[1:]), (X,), (X,)), ShapeError, r"its jvp.*\(29,\); expected \(30,\)"),
        (lambda: cr.grad(lambda x: np.sum(box(vjp=lambda x, v: 1.0)(x)))(X), ShapeError, "its vjp was given"),
    ],
)  # fmt: skip
def test_messages(make: Any, kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=says):
        make()
