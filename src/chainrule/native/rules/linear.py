"""Linear equations, inverses, determinants and Cholesky factors, by LAPACK.

LAPACK counts by columns: a matrix in C order is its transpose to it, which is said in a letter instead of moved. Where
it cannot do something, such as at a singular matrix, the kernel has no answer, and Python raises as NumPy does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.native.lowering import Lowering, NotLowerableError, Value, places
from chainrule.native.registry import rule
from chainrule.native.rules.lying import lying
from chainrule.native.rules.triangles import positions, triangle
from chainrule.native.rules.views import diagonal
from chainrule.native.scalar import (
    BetweenError,
    Expression,
    Index,
    Label,
    Number,
    Place,
    Read,
    Source,
    reads,
)
from chainrule.native.value import Matrix
from chainrule.native.work import Kept, Routine
from chainrule.program.deferred import Deferred

_BLOCK = 64  # columns at a time for which LAPACK gets memory to work in
_WHOLE = np.dtype(np.int32)


class _Factors(NamedTuple):
    """L and U as LAPACK leaves them of the transpose of a matrix in C order, and which rows it swapped."""

    both: Value
    swaps: Value


class _Stored(NamedTuple):
    """Matrices in memory as LAPACK takes them: from column to column; ``transposed`` if those are our columns."""

    value: Value
    step: int
    transposed: bool


def _require(low: Lowering, step: Deferred, matrix: Any, dtype: np.dtype[Any]) -> None:
    if not low.blas:
        raise NotLowerableError(f"{step.function.__name__} has no native form without LAPACK")
    if dtype.kind != "f" or 0 in matrix.shape:
        raise NotLowerableError(f"{step.function.__name__} of {dtype}, or of an empty matrix, has no native form")


def _call(low: Lowering, name: str, batch: Sequence[int], targets: Sequence[Value], arguments: Sequence[Any]) -> None:
    """Call a routine for each matrix of a stack; arrays have the axes of the stack, or some of them, and their own."""
    labels = [Label(size) for size in batch]
    with low.in_a_turn() as turn:
        handed = [_begin(argument, labels) if isinstance(argument, Value) else argument for argument in arguments]
    kept = [target.source for target in targets]
    assert all([isinstance(source, Kept) for source in kept])
    letter = "d" if targets[0].dtype.itemsize == 8 else "s"
    low.do(Routine(letter + name, kept, handed, [*turn, *labels], low.turns))  # type: ignore[arg-type]


def _begin(value: Value, labels: Sequence[Label]) -> tuple[Source, Place]:
    """The first element of a matrix of a stack."""
    own = 1 if value.dtype == _WHOLE else 2
    place = (*places(labels), *[Index()] * own)[-len(value.shape) :]
    first = value.broadcast_at(place)
    assert type(first) is Read
    return first.source, first.place


def _new(low: Lowering, shape: tuple[int, ...], dtype: Any) -> Value:
    return low.memory(low.new(shape, dtype))


def _written(low: Lowering, value: Value, dtype: Any) -> Value:
    """A copy that LAPACK may overwrite."""
    return low.kept_copy(value, dtype)


def _finished(low: Lowering, value: Value) -> Value:
    """What LAPACK has written, to be read when all of it is there."""
    assert value.source is not None
    return low.in_shape(value.source, value.shape)


# --- factors ----------------------------------------------------------------------------------------------------------


def _factors(low: Lowering, value: Value, dtype: np.dtype[Any]) -> _Factors:
    """The factors of a matrix, which are made once; before a loop if it is the same matrix in all turns."""
    turns = low.turns
    if turns is not None and _is_the_same(low, value):
        own, low.statements, low.turns = low.statements, low.ahead, None
        try:
            return _factors(low, value, dtype)
        finally:
            low.statements, low.turns = own, turns
    for known, when, earlier in low.decomposed:
        if known is value and when is turns and earlier.both.dtype == dtype:
            return earlier  # type: ignore[no-any-return]
    both, swaps = _written(low, value, dtype), _new(low, value.shape[:-1], _WHOLE)
    n = value.shape[-1]
    _call(low, "getrf", value.shape[:-2], (both, swaps), (n, n, both, n, swaps))
    found = _Factors(_finished(low, both), _finished(low, swaps))
    low.decomposed.append((value, turns, found))
    return found


def _is_the_same(low: Lowering, value: Value) -> bool:
    """Whether a value does not depend on the turn of the loop that is being lowered."""
    try:
        with low.in_a_turn() as turn:
            element = value.at(places([Label(size) for size in value.shape]))
    except BetweenError:
        return False
    indices = [index for read in reads(element) for index in read.place]
    return not any([label in turn for index in indices for label, _ in index.steps])


def _stored(low: Lowering, value: Value, dtype: Any) -> _Stored:
    """Matrices as they lie in memory, or a copy."""
    n = value.shape[-1]
    found = lying(low, value) if value.dtype == dtype and n > 1 else None
    if found is not None:
        down, across = found[-2:]
        if across == 1 and down >= n:
            return _Stored(value, down, True)
        if down == 1 and across >= n:
            return _Stored(value, across, False)
    return _Stored(low.kept_copy(value, dtype), n, True)


# --- equations --------------------------------------------------------------------------------------------------------


@rule(np.linalg.solve)
def _solve(low: Lowering, step: Deferred, a: Any, b: Any) -> Value:
    _require(low, step, a, step.dtype)
    given, right = low.value(a), low.value(b)
    is_vector = len(b.shape) == 1
    *batch, n, columns = (*step.shape, 1) if is_vector else step.shape

    def make(place: Place) -> tuple[Place, Expression]:
        where = (place[-1],) if is_vector else (*place[:-2], place[-1], place[-2])
        return place, low.pool.cast(right.broadcast_at(where), step.dtype)

    target = low.new((*batch, columns, n), step.dtype)
    solution = low.memory(target)
    _solved(low, given.as_matrix, solution, make)
    solved = _finished(low, solution)

    def read(place: Place) -> Expression:
        return solved.at((*place[:-1], Index(), place[-1]) if is_vector else (*place[:-2], place[-1], place[-2]))

    return solved.like(read, step.shape)


def _solved(low: Lowering, matrix: Matrix, solution: Value, make: Any) -> None:
    """Fill an array with right sides, and overwrite them with solutions."""
    *batch, columns, n = solution.shape
    target = solution.source
    assert isinstance(target, Kept)
    if matrix.lower is None:
        factors = _factors(low, matrix.of, solution.dtype)
        low.fill(target, solution.shape, make)
        letter = "N" if matrix.transposed else "T"
        arguments = (letter, n, columns, factors.both, n, factors.swaps, solution, n)
        _call(low, "getrs", batch, (solution,), arguments)
        return
    stored = _stored(low, matrix.of, solution.dtype)
    low.fill(target, solution.shape, make)
    upper, letter = "UL"[matrix.lower != stored.transposed], "NT"[matrix.transposed != stored.transposed]
    _call(
        low,
        "trtrs",
        batch,
        (solution,),
        (upper, letter, "N", n, columns, stored.value, stored.step, solution, n),
    )


@rule(np.linalg.inv)
def _inv(low: Lowering, step: Deferred, a: Any) -> Value:
    _require(low, step, a, step.dtype)
    given, n, batch = low.value(a), step.shape[-1], step.shape[:-2]
    matrix = given.as_matrix
    if matrix.lower is not None:
        inverse = _written(low, given, step.dtype)
        is_lower = matrix.lower != matrix.transposed
        _call(low, "trtri", batch, (inverse,), ("LU"[is_lower], "N", n, inverse, n))
        found = _finished(low, inverse)
        found.matrix = Matrix(found, lower=is_lower)
        return found
    factors = _factors(low, matrix.of, step.dtype)
    inverse = _written(low, factors.both, step.dtype)
    work = low.memory(Kept((n * _BLOCK,), step.dtype))  # the same in all turns
    _call(low, "getri", batch, (inverse, work), (n, inverse, n, factors.swaps, work, n * _BLOCK))
    found = _finished(low, inverse)
    if not matrix.transposed:
        return found
    return found.like(lambda place: found.at((*place[:-2], place[-1], place[-2])), step.shape)


@rule(np.linalg.cholesky)
def _cholesky(low: Lowering, step: Deferred, a: Any, **options: Any) -> Value:
    _require(low, step, a, step.dtype)
    if options:
        raise NotLowerableError("another triangle of a Cholesky factor")
    n = step.shape[-1]
    factor = _written(low, triangle(low, low.value(a), 0, lower=True), step.dtype)
    _call(low, "potrf", step.shape[:-2], (factor,), ("U", n, factor, n))
    found = _finished(low, factor)
    found.matrix = Matrix(found, lower=True)
    return found


# --- determinants -----------------------------------------------------------------------------------------------------


def _sign_and_logarithm(low: Lowering, step: Deferred, a: Any, dtype: np.dtype[Any]) -> list[Value]:
    """The sign of a determinant, and the logarithm of its size: NumPy computes these."""
    _require(low, step, a, dtype)
    given = low.value(a)
    batch, n = given.shape[:-2], given.shape[-1]
    factors = _factors(low, given.as_matrix.of, dtype)
    entries, sizes = diagonal(factors.both, 0, -2, -1), (*batch, n)
    one, minus = Number(dtype.type(1), dtype), Number(dtype.type(-1), dtype)
    counted = low.capture(positions(1, n))  # as LAPACK does

    def sign(place: Place) -> Expression:
        swap = low.pool.cast(factors.swaps.at(place), np.int64)
        stays = low.pool.apply(np.equal, (swap, counted.at(place[-1:])), bool)
        own = low.pool.apply(np.sign, (entries.at(place),), dtype)
        return low.pool.apply(np.multiply, (own, low.pool.apply(np.where, (stays, one, minus), dtype)), dtype)

    def logarithm(place: Place) -> Expression:
        return low.pool.apply(np.log, (low.pool.apply(np.absolute, (entries.at(place),), dtype),), dtype)

    return [
        low.reduced(combine, dtype, sizes, [len(batch)], read, batch)
        for combine, read in ((np.multiply, sign), (np.add, logarithm))
    ]


@rule(np.linalg.slogdet)
def _slogdet(low: Lowering, step: Deferred, a: Any) -> Value:
    dtype = np.dtype(np.float32 if a.dtype == np.float32 else np.float64)
    return low.several(_sign_and_logarithm(low, step, a, dtype))


@rule(np.linalg.det)
def _det(low: Lowering, step: Deferred, a: Any) -> Value:
    sign, logarithm = _sign_and_logarithm(low, step, a, step.dtype)

    def read(place: Place) -> Expression:
        size = low.pool.apply(np.exp, (logarithm.at(place),), step.dtype)
        return low.pool.apply(np.multiply, (sign.at(place), size), step.dtype)

    return Value(step.shape, step.dtype, read, 14.0)
