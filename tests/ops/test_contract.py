"""Products summed over shared labels: NumPy's signatures, shapes that stretch, what is stored, and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import AssignmentError, ShapeError
from chainrule.op import OPERATIONS
from chainrule.ops.contract import matmul
from chainrule.ops.einsum import explicit
from chainrule.ops.products import Toeplitz
from tests.ops.dense import by_definition, local_terms
from tests.ops.gradients import check_function, gradient, numbers

FREE: Any = np  # the types of NumPy know neither tensors nor wrong arguments
LINALG: Any = np.linalg

PAIRS: list[tuple[Callable[[Any, Any], Any], tuple[int, ...], tuple[int, ...]]] = [
    (np.matmul, (2, 3), (3, 4)),
    (np.matmul, (4, 1, 2, 3), (5, 3, 2)),
    (np.linalg.matmul, (2, 2), (2, 2)),
    (lambda a, b: a @ b, (3,), (3,)),
    (np.dot, (2, 3), (5, 3, 4)),
    (np.dot, (), (2, 3)),
    (np.vdot, (2, 3), (2, 3)),
    (np.inner, (2, 3), (4, 3)),
    (np.outer, (2, 2), (3,)),
    (np.linalg.outer, (2,), (3,)),
    (np.vecdot, (4, 3), (3,)),
    (lambda a, b: LINALG.vecdot(a, b, axis=0), (3, 2), (3, 2)),
    (np.tensordot, (2, 3, 4), (3, 4, 2)),
    (lambda a, b: np.tensordot(a, b, 1), (2, 3), (3, 2)),
    (lambda a, b: np.tensordot(a, b, 0), (2,), (3,)),
    (lambda a, b: np.tensordot(a, b, axes=([0, -1], [1, 0])), (2, 4, 3), (3, 2)),
    (lambda a, b: np.tensordot(a, b, axes=(1, 0)), (2, 3), (3, 2)),
    (lambda a, b: np.linalg.tensordot(a, b, axes=1), (2, 3), (3, 2)),
    (np.kron, (2, 3), (2, 2)),
    (np.kron, (3,), (2, 2)),
    (np.cross, (2, 3), (3,)),
    (lambda a, b: np.cross(a, b, axis=0), (3, 2), (3, 2)),
    (np.linalg.cross, (2, 3), (2, 3)),
    (lambda a, b: np.einsum("ij,jk", a, b), (2, 3), (3, 2)),
    (lambda a, b: np.einsum("...ij,...jk->...ik", a, b), (4, 2, 3), (3, 2)),
    (lambda a, b: np.einsum("ii,i->i", a, b), (3, 3), (3,)),
    (lambda a, b: np.einsum("ij,k->", a, b), (2, 3), (2,)),
    (lambda a, b: np.einsum("b i, b j -> b i j", a, b, optimize=True), (2, 3), (2, 3)),
    (lambda a, b: np.einsum(a, [0, 1], b, [1, 2], [2, 0]), (2, 3), (3, 2)),
    (lambda a, b: np.einsum(a, [Ellipsis, 1], b, [1]), (2, 3), (3,)),
    (lambda a, b: np.einsum("ij,ij->ij", a, b), (1, 3), (2, 3)),
    (np.polyval, (4,), (2, 3)),
    *[(lambda a, b, mode=mode: np.convolve(a, b, mode), (n,), (m,)) for mode in ("full", "same", "valid")
      for n, m in ((5, 3), (6, 3), (5, 2), (6, 4), (3, 5), (2, 5), (3, 3))],
    *[(lambda a, b, mode=mode: np.correlate(a, b, mode), (n,), (m,)) for mode in ("full", "same", "valid")
      for n, m in ((5, 3), (6, 3), (5, 2), (6, 4), (3, 3), (3, 5), (2, 5), (3, 6), (4, 6))],
]  # fmt: skip
if hasattr(np, "matvec"):
    PAIRS += [(np.matvec, (2, 3, 4), (4,)), (np.vecmat, (3,), (2, 3, 4))]


@pytest.mark.parametrize(("function", "first", "second"), PAIRS)
def test_products_of_two(function: Callable[[Any, Any], Any], first: tuple[int, ...], second: tuple[int, ...]) -> None:
    check_function(function, numbers(*first), numbers(*second, seed=1))


ONES: list[tuple[Callable[[Any], Any], tuple[int, ...]]] = [
    (np.trace, (3, 3)),
    (lambda x: np.trace(x, 1, 2, 0), (3, 2, 4)),
    (np.linalg.trace, (2, 3, 3)),
    (lambda x: np.linalg.trace(x, offset=-1), (2, 3, 3)),
    (lambda x: np.linalg.diagonal(x, offset=1), (2, 3, 3)),
    (lambda x: np.linalg.matrix_power(x, 3), (3, 3)),
    (lambda x: np.linalg.matrix_power(x, 6), (2, 2, 2)),
    (lambda x: np.linalg.matrix_power(x, -2), (2, 2)),
    (lambda x: np.einsum("ii->i", x), (3, 3)),
    (lambda x: np.einsum("ijj", x), (2, 3, 3)),
    (lambda x: np.einsum("ij->ji", x), (2, 3)),
    (lambda x: np.einsum("...->...", x), (2, 3)),
    (lambda x: np.einsum("ij,jk,kl->il", x, x, x), (2, 2)),
    (lambda x: x @ x, (3, 3)),
]


@pytest.mark.parametrize(("function", "shape"), ONES)
def test_products_of_one(function: Callable[[Any], Any], shape: tuple[int, ...]) -> None:
    check_function(function, numbers(*shape))


@pytest.mark.parametrize("shapes", [((2, 5), (5, 3), (3, 4)), ((5,), (5, 2), (2, 6), (6,)), ((2, 3), (3,))])
def test_multi_dot(shapes: Any) -> None:
    check_function(lambda *x: np.linalg.multi_dot(x), *[numbers(*shape, seed=k) for k, shape in enumerate(shapes)])


def test_power_zero_is_the_identity_with_gradient_zero() -> None:
    x = cr.tensor(numbers(2, 2), requires_grad=True)
    out = np.linalg.matrix_power(x, 0)
    assert np.array_equal(out, np.eye(2))
    np.sum(out).backward()
    assert np.array_equal(x.grad.value, np.zeros((2, 2)))


def test_the_other_operand_is_the_factor_itself() -> None:
    x, w = numbers(5), numbers(5, 7)
    _, (term,) = local_terms(matmul, [x, w], {}, 1)
    assert term.factors[0] is x
    assert term.pattern.entries == 5 * 7
    _, (term,) = local_terms(OPERATIONS["einsum"], [x, w, w], {"subscripts": "i,ij,ik->jk"}, 0)
    assert [factor.shape for factor in term.factors] == [w.shape, w.shape]


def test_structure_is_shared_by_calls_of_the_same_shapes() -> None:
    terms = [local_terms(matmul, [numbers(2, 3, seed=k), numbers(3, 4)], {}, 0)[1][0] for k in range(2)]
    assert terms[0].pattern is terms[1].pattern


def test_einsum_is_exact_for_integers_and_truth_values() -> None:
    mask = np.array([[True, True], [False, True]])
    assert np.array_equal(np.einsum("ij,jk->ik", cr.tensor(mask), cr.tensor(mask)), np.einsum("ij,jk->ik", mask, mask))
    whole = np.arange(4).reshape(2, 2)
    out = np.einsum("ij,jk->ik", cr.tensor(whole), cr.tensor(whole))
    assert np.array_equal(out, whole @ whole) and out.dtype == whole.dtype


def test_einsum_path_looks_at_shapes_only() -> None:
    x = numbers(2, 2)
    path = np.einsum_path("ij,jk->ik", cr.tensor(x, requires_grad=True), x)
    assert path == np.einsum_path("ij,jk->ik", x, x)


def test_einsum_in_another_dtype() -> None:
    x = cr.tensor(np.ones((2, 2), np.float32), requires_grad=True)
    out = np.einsum("ij,jk->ik", x, x, dtype=np.float64)
    assert out.dtype == np.float64
    np.sum(out).backward()
    assert x.grad.dtype == np.float32 and np.array_equal(x.grad.value, np.full((2, 2), 4.0))


@pytest.mark.parametrize("name", ["matmul", "dot", "inner", "outer", "tensordot", "einsum", "trace", "convolve"])
def test_float32_stays(name: str) -> None:
    x = np.ones((3, 3) if name not in ("outer", "convolve") else 3, np.float32)
    params: Any = {"tensordot": {"axes": ((1,), (0,))}, "einsum": {"subscripts": "ij,jk->ik"}}.get(name, {})
    if name == "trace":
        params, arrays = {"offset": 0, "axis1": 0, "axis2": 1, "dtype": None}, [x]
    else:
        arrays = [x, x]
    tensors = [cr.tensor(a, requires_grad=True) for a in arrays]
    out = OPERATIONS[name](*tensors, **params)
    assert out.dtype == np.float32
    np.sum(out).backward()
    assert all(tensor.grad.dtype == np.float32 for tensor in tensors)


def test_axes_of_size_0() -> None:
    for function, shapes in (
        (np.matmul, ((2, 0), (0, 3))),
        (lambda a, b: np.einsum("ij,jk->ik", a, b), ((2, 0), (0, 3))),
        (np.outer, ((0,), (3,))),
    ):
        a, b = (np.zeros(shape) for shape in shapes)
        out = np.asarray(function(a, b))
        found = gradient(function, np.ones(out.shape), [a, b])
        assert [g.shape for g in found] == list(shapes)


def test_local_jacobian_of_a_convolution_is_the_toeplitz_matrix() -> None:
    kernel = np.array([1.0, 2.0, 3.0])
    call, terms = local_terms(OPERATIONS["convolve"], [np.zeros(4), kernel], {}, 0)
    expected = np.stack([np.convolve(row, kernel) for row in np.eye(4)], axis=1)
    assert np.array_equal(by_definition(terms, call.shape, (4,)), expected)
    assert sum(factor.size for term in terms for factor in term.factors) == 3


def test_long_convolutions_are_applied_by_convolving(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = numbers(7), numbers(4, seed=1)
    small = [local_terms(OPERATIONS["convolve"], [a, b], {}, k) for k in (0, 1)]
    monkeypatch.setattr("chainrule.ops.products.APPLIED_FROM", 0)
    for (call, terms), k in zip(small, (0, 1), strict=True):
        _, (term,) = local_terms(OPERATIONS["convolve"], [a, b], {}, k)
        toeplitz = term.factors[0]
        assert isinstance(toeplitz, Toeplitz) and toeplitz.stored == (4, 7)[k]
        expected = by_definition(terms, call.shape, (7, 4)[k : k + 1])
        assert np.allclose(toeplitz.dense(), expected)
        cotangent = numbers(10, 2, seed=2)
        assert np.allclose(toeplitz.apply_transposed(cotangent), expected.T @ cotangent)
    for mode in ("full", "same", "valid"):
        check_function(lambda x, y, mode=mode: np.convolve(x, y, mode), a, b)


@pytest.mark.parametrize(
    ("subscripts", "ranks", "expected"),
    [
        ("ij,jk", (2, 2), "ij,jk->ik"),
        ("ba", (2,), "ba->ab"),
        ("...i->...", (3,), "abi->ab"),
        ("...i,...", (2, 3), "ci,abc->abci"),
        ("", (0,), "->"),
    ],
)
def test_explicit_subscripts(subscripts: str, ranks: tuple[int, ...], expected: str) -> None:
    assert explicit(subscripts, ranks) == expected


@pytest.mark.parametrize(
    ("call", "problem", "message"),
    [
        (lambda x: np.einsum("ij,jk->ik", x), ShapeError, "names 2 operands, and 1 are given"),
        (lambda x: np.einsum("i->i", x), ShapeError, "'i' names 1 axes, and operand 0 has 2"),
        (lambda x: np.einsum("ij->k", x), ShapeError, "the output's 'k' is in no operand"),
        (lambda x: np.einsum("ij->ii", x), ShapeError, "'i' is given twice"),
        (lambda x: np.einsum("...j->j", x), ShapeError, "write ... in the output"),
        (lambda x: np.einsum("ij,ij->ij", x, np.ones((4, 4))), ShapeError, "einsum"),
        (lambda x: np.dot(x, x, np.zeros((2, 2))), AssignmentError, "np.dot(..., out=...)"),
        (lambda x: np.tensordot(x, x, axes=([0], [0, 1])), ShapeError, "as many axes of the first as"),
        (lambda x: np.tensordot(x, x, axes=([5], [0])), ShapeError, "each of which it has"),
        (lambda x: np.linalg.outer(x, x), ShapeError, "expected two vectors"),
        (lambda x: np.trace(x, 0, 1, 1), ShapeError, "give two different axes"),
        (lambda x: np.cross(np.ones(4) * x[0, 0], x), ShapeError, "expected vectors of three entries"),
        (lambda x: np.linalg.multi_dot([x]), ShapeError, "at least two arrays"),
        (lambda x: np.linalg.matrix_power(x[:, :1], 2), ShapeError, "expected a square matrix"),
        (lambda x: FREE.convolve(x[0], x[0], "middle"), ShapeError, "expected 'full', 'same' or 'valid'"),
        (lambda x: x @ np.ones((3, 2)), ShapeError, "matmul"),
    ],
)
def test_errors_say_what_to_do(call: Callable[[Any], Any], problem: type[Exception], message: str) -> None:
    with pytest.raises(problem) as caught:
        call(cr.tensor(np.ones((2, 2)), requires_grad=True))
    assert message in str(caught.value)
