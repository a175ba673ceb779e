"""Shapes: entries of the Jacobians against differences, and NumPy's functions on tensors against NumPy."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import AssignmentError, NoRuleError, OptionError, ShapeError
from chainrule.ops import join, pad, pick, repeat, shape
from tests.ops.dense import by_definition, check_samples, local_terms
from tests.ops.follow import follow

RNG = np.random.default_rng(11)
VECTOR, MATRIX, CUBE = RNG.normal(size=5), RNG.normal(size=(3, 4)), RNG.normal(size=(2, 3, 4))
OTHER = RNG.normal(size=(3, 4))

Case = tuple[Callable[[Any], Any], Any]

CASES: dict[str, Case] = {
    "reshape": (lambda x: np.reshape(x, (4, -1)), MATRIX),
    "reshape F": (lambda x: np.reshape(x, (2, 6), order="F"), MATRIX),
    "reshape A": (lambda x: np.reshape(x.T, -1, order="A"), MATRIX),
    "reshape copy": (lambda x: np.reshape(x, 12, copy=True), MATRIX),
    "method": (lambda x: x.reshape(2, 6).ravel().reshape((6, 2)), MATRIX),
    "ravel": (np.ravel, CUBE),
    "ravel F": (lambda x: np.ravel(x, "F"), CUBE),
    "transpose": (lambda x: np.transpose(x, (2, 0, 1)), CUBE),
    "permute_dims": (lambda x: np.permute_dims(x, (1, 0)), MATRIX),
    "T": (lambda x: x.T, CUBE),
    "matrix_transpose": (np.matrix_transpose, CUBE),
    "moveaxis": (lambda x: np.moveaxis(x, [0, 1], [-1, 0]), CUBE),
    "swapaxes": (lambda x: np.swapaxes(x, 0, -1), CUBE),
    "rollaxis": (lambda x: (np.rollaxis(x, 2), np.rollaxis(x, 0, 3), np.rollaxis(x, -1, 1)), CUBE),
    "squeeze": (lambda x: (np.squeeze(x[:, None]), np.squeeze(x[None, :, None], 0)), VECTOR),
    "expand_dims": (lambda x: (np.expand_dims(x, 1), np.expand_dims(x, (0, -1))), MATRIX),
    "atleast": (lambda x: (np.atleast_1d(x[0]), np.atleast_2d(x), *np.atleast_3d(x, x[0], x[None])), VECTOR),
    "broadcast_to": (lambda x: np.broadcast_to(x[:, None], (2, 5, 3)), VECTOR),
    "broadcast_arrays": (lambda x: np.broadcast_arrays(x, OTHER[0], 2.0), MATRIX),
    "tile": (lambda x: (np.tile(x, 2), np.tile(x, (2, 1, 3))), MATRIX),
    "repeat": (lambda x: (np.repeat(x, 2), np.repeat(x, 3, axis=1), np.repeat(x, [1, 0, 2], axis=0)), MATRIX),
    "flip": (lambda x: (np.flip(x), np.flip(x, 1), np.fliplr(x), np.flipud(x)), MATRIX),
    "rot90": (lambda x: [np.rot90(x, k) for k in range(4)] + [np.rot90(x, -1, (1, 0))], MATRIX),
    "roll": (lambda x: (np.roll(x, 2), np.roll(x, -1, axis=1), np.roll(x, (1, 2), axis=(0, 1))), MATRIX),
    "roll twice": (lambda x: np.roll(x, 1, axis=(0, 0)), MATRIX),
    "full_like": (lambda x: (np.full_like(MATRIX, 2.0), np.broadcast_to(x[0], (3,))), VECTOR),
    "copy": (lambda x: (np.copy(x), np.real(x), np.positive(x)), MATRIX),
    "nan_to_num": (np.nan_to_num, np.array([1.0, np.nan, np.inf, -np.inf])[:1]),
    "concatenate": (lambda x: np.concatenate([x, OTHER, x], axis=1), MATRIX),
    "concatenate flat": (lambda x: np.concatenate((x, [1.0, 2.0]), axis=None), MATRIX),
    "concatenate rows": (np.concatenate, CUBE),
    "stack": (lambda x: (np.stack([x, OTHER]), np.stack([x, OTHER, x], axis=-1)), MATRIX),
    "stacks": (lambda x: (np.vstack([x, x]), np.hstack([x, x]), np.dstack([x, x]), np.column_stack([x, x])), VECTOR),
    "stacks of matrices": (lambda x: (np.vstack([x, x]), np.hstack([x, x]), np.column_stack([x, x[:, 0]])), MATRIX),
    "block": (lambda x: np.block([[x, np.ones((3, 1))], [np.zeros((1, 4)), 2.0]]), MATRIX),
    "append": (lambda x: (np.append(x, [1.0]), np.append(x, OTHER, axis=0)), MATRIX),
    "insert": (
        lambda x: (
            np.insert(x, 1, 7.0),
            np.insert(x, 1, x[0, 0], axis=1),
            np.insert(x, [0, 2], OTHER[:2], axis=0),
            np.insert(x, 3, OTHER[0], axis=0),
            np.insert(x, slice(0, 3, 2), 1.0, axis=0),
            np.insert(x, [1], OTHER[:, :2], axis=1),
        ),
        MATRIX,
    ),
    "delete": (lambda x: (np.delete(x, 1), np.delete(x, [0, -1], axis=1), np.delete(x, slice(1), axis=0)), MATRIX),
    "split": (lambda x: (np.split(x, 2, axis=1), np.split(x, [1, 2]), np.array_split(x, 3, axis=1)), MATRIX),
    "splits": (lambda x: (np.hsplit(x, 3), np.vsplit(x, [1]), np.dsplit(x, 2)), CUBE),
    "unstack": (lambda x: (np.unstack(x), np.unstack(x, axis=-1)), MATRIX),
    "pad": (lambda x: (np.pad(x, 1), np.pad(x, ((1, 2), (0, 3)), constant_values=5.0), np.pad(x, {1: (1, 2)})), MATRIX),
    "pad modes": (
        lambda x: [np.pad(x, ((2, 1), (1, 3)), mode=mode) for mode in ("edge", "reflect", "symmetric", "wrap")],
        MATRIX,
    ),
    "pad long": (lambda x: [np.pad(x, 8, mode=mode) for mode in ("reflect", "symmetric", "wrap")], VECTOR[:3]),
    "pad odd": (lambda x: [np.pad(x, 2, mode=mode, reflect_type="odd") for mode in ("reflect", "symmetric")], MATRIX),
    "pad statistics": (
        lambda x: [np.pad(x, ((1, 2), (0, 1)), mode=mode) for mode in ("mean", "maximum", "minimum", "median")],
        MATRIX,
    ),
    "pad statistics of some": (lambda x: np.pad(x, 1, mode="mean", stat_length=2), MATRIX),
    "pad ramp": (
        lambda x: np.pad(x, ((2, 1), (0, 3)), mode="linear_ramp", end_values=((1.0, 2.0), (3.0, 4.0))),
        MATRIX,
    ),
    "resize": (lambda x: (np.resize(x, (5, 4)), np.resize(x, (2, 2))), MATRIX),
    "take": (
        lambda x: (
            np.take(x, [1, -1]),
            np.take(x, 2, axis=1),
            np.take(x, [[0, 2], [2, 2]], axis=0),
            np.take(x, [5, -7], axis=1, mode="wrap"),
            np.take(x, [5, -7], axis=1, mode="clip"),
        ),
        MATRIX,
    ),
    "take_along_axis": (
        lambda x: (np.take_along_axis(x, np.array([[2, 0, 1, 1]]), 0), np.take_along_axis(x, np.array([3, 3]), None)),
        MATRIX,
    ),
    "compress": (lambda x: (np.compress([True, False, True], x, axis=0), np.extract(MATRIX > 0, x)), MATRIX),
    "choose": (lambda x: np.choose([[0, 1, 2, 1]] * 3, [x, OTHER, 2.0]), MATRIX),
    "select": (lambda x: np.select([MATRIX > 1, MATRIX > 0], [x, x**2], default=3.0), MATRIX),
    "piecewise": (lambda x: np.piecewise(x, [MATRIX < 0, MATRIX >= 1], [lambda v: v**2, 3.0, lambda v: -v]), MATRIX),
    "diagonal": (lambda x: (np.diagonal(x, 1), np.diagonal(x[None], -1, 1, 2), np.diag(x)), MATRIX),
    "diag": (lambda x: (np.diag(x), np.diag(x, -2), np.diagflat(x, 1), np.diagflat(x[:4].reshape(2, 2))), VECTOR),
    "linalg.diagonal": (lambda x: np.linalg.diagonal(x, offset=1), CUBE),
    "triangles": (lambda x: (np.tril(x), np.triu(x, 1), np.tril(x[0], -1)), CUBE),
    "triangle of a vector": (np.tril, VECTOR),
    "apply_along_axis": (lambda x: (np.apply_along_axis(np.sum, 1, x), np.apply_along_axis(np.diff, 1, x)), CUBE),
}


@pytest.mark.parametrize(("function", "x"), CASES.values(), ids=CASES.keys())
def test_numpy_function(function: Callable[[Any], Any], x: Any) -> None:
    follow(function, x)


@pytest.mark.parametrize("module", [shape, repeat, join, pick])
def test_every_sample(module: Any) -> None:
    assert len(check_samples(module.__name__)) > 6


def test_views_stay_views() -> None:
    x = cr.tensor(MATRIX, requires_grad=True)
    viewers: list[Callable[[Any], Any]] = [
        lambda x: np.reshape(x, (4, 3)),
        np.transpose,
        np.ravel,
        np.flip,
        lambda x: np.squeeze(x[None]),
        lambda x: np.expand_dims(x, 1),
        np.diagonal,
        lambda x: np.split(x, 3)[1],
        lambda x: np.moveaxis(x, 0, 1),
    ]
    for viewer in viewers:
        assert np.shares_memory(viewer(x).value, x.value)


@pytest.mark.parametrize(
    ("new", "old"),
    [((6, 4), (4, 6)), ((2, 3, 4), (6, 4)), ((24,), (2, 3, 4)), ((4, 1, 6), (2, 2, 3, 2)), ((8, 9), (6, 12))],
)
def test_a_reshape_stores_nothing_where_the_splits_nest(new: tuple[int, ...], old: tuple[int, ...]) -> None:
    _, terms = local_terms(shape.reshape, (np.zeros(old),), {"shape": new}, 0)
    entries = by_definition(terms, new, old)
    np.testing.assert_array_equal(entries, np.eye(len(entries)))
    nests = all(a % b == 0 or b % a == 0 for a in np.cumprod(new[::-1]) for b in np.cumprod(old[::-1]))
    assert (terms[0].tables == ()) == nests


def test_slices_shifts_and_joins_store_nothing() -> None:
    cases: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = [
        (repeat.roll, (MATRIX,), {"shift": (1, -1), "axis": (0, 1)}),
        (repeat.tile, (MATRIX,), {"reps": (2, 3)}),
        (repeat.repeat, (MATRIX,), {"repeats": 3, "axis": 0}),
        (join.concatenate, (MATRIX, OTHER), {"axis": 1}),
        (join.stack, (MATRIX, OTHER), {"axis": 1}),
        (pad.pad_constant, (MATRIX,), {"widths": ((1, 2), (3, 0))}),
        (pick.diagonal, (MATRIX,), {"offset": 1, "axis1": 0, "axis2": 1}),
    ]
    for operation, arguments, params in cases:
        _, terms = local_terms(operation, arguments, params, 0)
        assert terms and all(term.tables == () and term.factors == () for term in terms)


def test_an_array_like_a_tensor_can_be_filled_with_tracked_entries() -> None:
    x = cr.tensor(VECTOR, requires_grad=True)
    out: Any = np.zeros_like(x)
    assert not out.requires_grad
    for k in range(5):
        out[k] = x[k] * (k + 1)
    np.sum(out).backward()
    np.testing.assert_array_equal(x.grad.value, np.arange(1.0, 6.0))
    assert np.ones_like(x, dtype=np.float32, shape=(2,)).dtype == np.float32
    assert np.empty_like(x).shape == (5,)
    full = np.full_like(np.zeros_like(x), x[0])
    np.sum(full).backward()
    assert x.grad.value[0] == 6.0


def test_writes_by_numpys_names() -> None:
    writes: list[Callable[[Any, Any], None]] = [
        lambda a, v: np.copyto(a, v[0], where=MATRIX > 0),
        lambda a, v: np.put(a, [1, -1, 5], v),
        lambda a, v: np.putmask(a, MATRIX > 0, v),
        lambda a, v: np.place(a, MATRIX > 0, v),
        lambda a, v: np.put_along_axis(a, np.array([[1, 0, 2, 2]]), v[:4][None], 0),
        lambda a, v: np.put_along_axis(a, np.array([1, 5]), v[:2], None),
        lambda a, v: np.fill_diagonal(a, v[:3]),
    ]
    for write in writes:
        plain = MATRIX.copy()
        write(plain, VECTOR)
        a, v = cr.tensor(MATRIX, requires_grad=True), cr.tensor(VECTOR, requires_grad=True)
        target = a * 1.0
        write(target, v)
        np.testing.assert_array_equal(target.value, plain)
        weight = RNG.normal(size=MATRIX.shape)
        np.sum(target * weight).backward()
        moved, step = VECTOR.copy(), 1e-6
        slopes = []
        for k in range(5):
            ends = []
            for sign in (1, -1):
                moved = VECTOR.copy()
                moved[k] += sign * step
                plain = MATRIX.copy()
                write(plain, moved)
                ends.append(np.sum(plain * weight))
            slopes.append((ends[0] - ends[1]) / (2 * step))
        found = np.zeros(5) if v.grad is None else v.grad.value
        np.testing.assert_allclose(found, slopes, atol=1e-8)


def test_replaced_entries_pass_nothing() -> None:
    x = cr.tensor([1.0, np.nan, np.inf], requires_grad=True)
    np.sum(np.nan_to_num(x, posinf=2.0)).backward()
    np.testing.assert_array_equal(x.grad.value, [1.0, 0.0, 0.0])


def test_what_is_refused() -> None:
    x = cr.tensor(MATRIX, requires_grad=True)
    unknown: Any = "cubic"
    with pytest.raises(NoRuleError, match="no rule for mode='cubic'"):
        np.pad(x, 1, mode=unknown)
    with pytest.raises(NoRuleError, match="reflect_type='odd' with a width of 7"):
        np.pad(x, 7, mode="reflect", reflect_type="odd")
    with pytest.raises(NoRuleError, match="plain array: the values of a tensor would be forgotten"):
        np.copyto(MATRIX.copy(), x)
    with pytest.raises(AssignmentError, match="cannot become part of a plain NumPy array"):
        np.concatenate([x, x], out=np.zeros((6, 4)))


REFUSED: list[tuple[type[Exception], str, Callable[[Any], Any]]] = [
    (ShapeError, "axis 1 has 4 entries, which 3 does not divide", lambda x: np.split(x, 3, axis=1)),
    (OptionError, "0 sections; expected at least 1", lambda x: np.array_split(x, 0)),
    (ShapeError, "np.hsplit needs an array of 1 or more axes", lambda x: np.hsplit(x[0, 0], 1)),
    (ShapeError, "np.vsplit needs an array of 2 or more axes", lambda x: np.vsplit(x[0], 1)),
    (ShapeError, "np.dsplit needs an array of 3 or more axes", lambda x: np.dsplit(x, 1)),
    (ShapeError, "only axes of size 1 can be dropped", lambda x: np.squeeze(x, 0)),
    (ShapeError, "at depth 1 of the lists and others at 2", lambda x: np.block([[x], x])),
    (ShapeError, "at least two axes", lambda x: np.matrix_transpose(x[0])),
    (OptionError, "2 axes to move and 1 places", lambda x: np.moveaxis(x, [0, 1], [0])),
    (ShapeError, "np.diag needs one axis or two", lambda x: np.diag(x[None])),
    (ShapeError, "more than two axes must be of equal length", lambda x: np.fill_diagonal(x[None], 1.0)),
    (OptionError, "none of the choices 0 … 1", lambda x: np.choose(np.full((3, 4), 2), [x, x])),
    (OptionError, "1 conditions and 2 choices", lambda x: np.select([MATRIX > 0], [x, x])),
    (OptionError, "3 functions for 1 conditions", lambda x: np.piecewise(x, [MATRIX > 0], [1, 2, 3])),
    (ShapeError, "has no line along axis 1", lambda x: np.apply_along_axis(np.sum, 1, x[:0])),
]


@pytest.mark.parametrize(("error", "message", "function"), REFUSED)
def test_options_and_shapes_that_have_no_meaning(
    error: type[Exception], message: str, function: Callable[[Any], Any]
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        function(cr.tensor(MATRIX, requires_grad=True) * 1.0)
