"""Shapes and dtypes that are worked out are those of NumPy's result, for all that the tables name."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from chainrule.linear.functions import scatter
from chainrule.program.deferred import run_step
from chainrule.program.extent import UNKNOWN, extent_of

SHAPES = [(), (0,), (1,), (3,), (2, 3), (3, 1), (2, 0), (2, 2, 3), (3, 3)]
DTYPES = [np.float64, np.float32, np.float16, np.int64, np.bool_, np.complex128]
ARRAYS: list[Any] = [np.ones(shape, dtype) for shape in SHAPES for dtype in DTYPES]
OTHERS = [np.ones((3,)), np.ones((3, 3), np.float32), np.ones(()), np.ones((2, 3), np.int64), np.ones((2, 3, 2))]
NUMBERS = [2, 2.5, True, np.float64(2), np.float32(2), np.int64(2), 1j]
AXES: list[Any] = [None, 0, 1, -1, -3, (0,), (0, 1), (-1, 0), (0, 0), (), 5, True, 1.0, np.int64(0)]
METHODS = np.ndarray

Calls = Iterator[tuple[Any, tuple[Any, ...], dict[str, Any]]]


def ufuncs() -> Calls:
    two = ("add", "subtract", "divide", "power", "maximum", "less", "logical_and", "floor_divide", "bitwise_and")
    for function in [getattr(np, name) for name in (*two, "matmul", "copysign", "arctan2")]:
        for a in ARRAYS:
            for b in (*OTHERS, *NUMBERS):
                yield from ((function, (a, b), {}), (function, (b, a), {}))
    for function in (np.sin, np.sqrt, np.negative, np.absolute, np.isnan, np.logical_not, np.conjugate, np.sign):
        yield from ((function, (a,), {}) for a in (*ARRAYS, *NUMBERS))


def reductions() -> Calls:
    for name in ("sum", "prod", "max", "min", "mean", "var", "std", "argmax", "argmin", "argsort", "sort"):
        for function in {getattr(np, name), getattr(METHODS, name)} - {METHODS.sort}:
            for a in ARRAYS:
                yield function, (a,), {}
                for axis in AXES:
                    yield from ((function, (a, axis), {}), (function, (a,), {"axis": axis, "keepdims": True}))
    for ufunc in (np.add, np.multiply, np.maximum, np.minimum):
        for a in ARRAYS:
            for axis in AXES:
                yield ufunc.reduce, (a, axis), {}
                yield ufunc.reduce, (a,), {"axis": axis, "keepdims": True}
                yield ufunc.reduce, (a, axis, np.float32), {}


def shapes() -> Calls:
    for a in ARRAYS:
        for size in ((-1,), -1, (2, 3), (1, -1), (0,), (), 6, (3, -1), (-1, -1)):
            yield from ((function, (a, size), {}) for function in (np.reshape, METHODS.reshape, np.broadcast_to))
        for axes in (None, (0,), (1, 0), (2, 0, 1), (-1, 0), (0, 0)):
            yield from ((np.transpose, (a, axes), {}), (METHODS.transpose, (a, axes), {}))
        for pair in ((0, 1), (0, -1), (1, 2), (0, 5)):
            yield from ((function, (a, *pair), {}) for function in (np.swapaxes, METHODS.swapaxes, np.moveaxis))
        for axis in (0, -1, (0, 1), 5, (0, 0)):
            alone = (np.expand_dims, np.squeeze, METHODS.squeeze, np.flip)
            yield from ((function, (a, axis), {}) for function in alone)
            yield from ((np.roll, (a, 1, axis), {}), (np.roll, (a, (1, 2)), {"axis": axis}))
        whole = (np.squeeze, np.flip, np.ravel, METHODS.ravel, METHODS.flatten, np.copy, METHODS.copy, np.rot90)
        more = (np.transpose, METHODS.transpose, np.ascontiguousarray, np.matrix_transpose, np.permute_dims)
        yield from ((function, (a,), {}) for function in (*whole, *more, np.diagonal, METHODS.diagonal))
        yield from ((METHODS.astype, (a, dtype), {}) for dtype in (*DTYPES, float, "f4"))
        yield from ((np.zeros_like, (a,), {}), (np.ones_like, (a, np.float32), {}), (np.ones_like, (a, None), {}))
        yield from ((np.zeros_like, (a,), {"shape": (2,)}), (np.sort, (a, None), {}), (np.roll, (a, 1), {}))


def products() -> Calls:
    for a in ARRAYS:
        for b in (*OTHERS, 2.0):
            yield from ((np.dot, (a, b), {}), (METHODS.dot, (a, b), {}), (np.where, (a, b, b), {}))
            yield from ((np.where, (a, b, 1.0), {}), (np.where, (a, True, np.float32(2)), {}), (np.where, (a,), {}))
            for axes in (0, 1, 2, ([0], [0]), ([1], [0]), (0, 0), ([-1], [-1]), ([0, 1], [0, 1]), ([5], [0])):
                yield np.tensordot, (a, b, axes), {}
            for axis in (0, 1, -1, None, 4):
                yield from ((np.concatenate, ([a, b], axis), {}), (np.concatenate, ((a, a),), {"axis": axis}))
                yield from ((np.stack, ([a, b], axis), {}), (np.stack, ((a, a, a),), {"axis": axis}))
        third = np.ones((3, 3), np.float32)
        for text, operands in (
            *((text, (a,)) for text in ("i->", "ij->ji", "ii->i", "ii->", "...i->i...", "ij", "i j -> j i", "i->ii")),
            *((text, (a, third)) for text in ("ij,jk->ik", "ij,ij->j", "i,ij->j")),
            *(("i,i->i", (a, np.ones(size))) for size in (1, 3)),
            *((("i,i->i", (np.ones(3), a))), ("i,j->ij", (a, a)), ("i->j", (a,))),
        ):
            yield from ((np.einsum, (text, *operands), {}), (np.einsum, (text, *operands), {"optimize": True}))


def places() -> Calls:
    indices = [0, -1, 5, [0, 0], *map(np.array, ([0, 1], [[0], [0]], 1, [7], [True, False])), np.array([], int)]
    for a in ARRAYS:
        for index in indices:
            for axis in (None, 0, 1, -1, 3):
                yield from ((np.take, (a, index, axis), {}), (METHODS.take, (a, index, axis), {}))
                yield np.take, (a, index, axis), {"mode": "clip"}
            for entry in (index, (index, index), (slice(None), index), (..., index, None), (index, slice(1), index)):
                yield METHODS.__getitem__, (a, entry), {}
        for entry in (slice(None), slice(1, None), slice(None, None, -1), ..., None, (), (0, 0), (slice(2), 0), a != 0):
            yield METHODS.__getitem__, (a, entry), {}
        yield scatter, (a, (4, *a.shape), (0,)), {}


@pytest.mark.parametrize("calls", [ufuncs, reductions, shapes, products, places])
def test_a_shape_that_is_worked_out_is_the_real_one(calls: Any) -> None:
    known = 0
    for function, arguments, options in calls():
        given = f"{getattr(function, '__name__', function)} of {arguments} with {options}"
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                expected = np.asarray(run_step(function, list(arguments), options))
            except Exception:  # then nothing may be said, so that the call is made and fails in its own words
                expected = None
        try:
            found = extent_of(function, arguments, options)
        except (ValueError, TypeError):
            assert expected is None, given
            continue
        if found is not UNKNOWN:
            known += 1
            assert expected is not None, f"{given} fails, and was said to be {found}"
            assert (tuple(found[0]), found[1]) == (expected.shape, expected.dtype), given
    assert known > 500
