"""The forms in which people keep a Jacobian: entries on its deltas, a diagonal, a transposed layout, sums of rows.

A Jacobian ∂h/∂W has the shape of h followed by the shape of W, mostly zeros and repetitions. By hand one keeps less:
for ``h = x @ W``, where ∂h_i/∂W_jk = x_j δ_ik, the matrix of the entries with i = k, or ``x`` alone. `judge_form` finds
the form that a claim is in, judges the claim in that form, and says which form it is.

A *delta pattern* pairs axes of the rows with axes of the columns; the Jacobian is zero wherever two paired indices
differ. Each pair becomes one label, and every axis without a partner is a label of its own. A claim is in compact form
when its axes are some of the labels and the Jacobian, on the pattern, does not depend on the others. Entries on the
pattern that happen to be zero are compared like all others, so a forgotten mask is not overlooked.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule.check.verdicts.compare import SHAPE, WRONG, Judgement, Truth, Value, judge

__all__ = ["judge_form"]

Array = np.ndarray[Any, np.dtype[Any]]
LARGEST_RANK = 6  # of the Jacobian; beyond it only its own layouts are tried


@dataclass(frozen=True)
class Pattern:
    """A delta pattern: ``labels[axis]`` numbers the label of each axis of the Jacobian, rows first."""

    labels: tuple[int, ...]
    lengths: tuple[int, ...]  # of each label

    @property
    def entries(self) -> int:
        """How many entries lie on the pattern."""
        return int(np.prod(self.lengths, dtype=np.int64))


def judge_form(claimed: Value, truth: Truth) -> Judgement:
    """Judge a claim against a Jacobian, or a gradient, in whichever of the usual forms it is written.

    The transposed layout of a gradient that is not square is one of them: some people write derivatives as rows. Axes
    of length 1 in the rows are dropped: a loss of shape (1,) is a number.

    >>> x = np.array([1.0, 2.0])
    >>> jacobian = np.einsum("j,ik->ijk", x, np.eye(3))
    >>> truth = Truth(Value(jacobian, 2.0**-52, "float64"), rows=(3,), columns=(2, 3))
    >>> kept = Value(np.array([[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]), 2.0**-52, "float64")
    >>> judge_form(kept, truth).message
    'the entries on the delta, 6 of 18: equal to the last bit'
    >>> judge_form(replace(kept, array=x), truth).message
    'the 2 different entries on the delta, 6 of 18: equal to the last bit'
    """
    whole = judge(claimed, truth)
    if whole.ok or truth.value.array.size == 0 or np.isnan(truth.value.array).any():
        return whole
    if not claimed.shaped and truth.value.array.size == 1:
        return whole
    found: list[Judgement] = []
    for form, candidate, expected in _forms(claimed, truth):
        judgement = judge(candidate, expected)
        if judgement.ok:
            return _name(judgement, form)
        if judgement.verdict == WRONG and candidate.shape == expected.value.shape and candidate.shaped:
            found.append(_name(judgement, form))
    if int(np.prod(truth.rows, dtype=np.int64)) == 1:
        return judge(claimed, _reshape(truth, truth.columns, (), truth.columns))
    if whole.verdict == SHAPE:
        return _accept_layout(whole)
    return _diagonal_only(claimed, truth) or (found[0] if found else whole)


def _diagonal_only(claimed: Value, truth: Truth) -> Judgement | None:
    """Recognise the diagonal of a Jacobian that has more than a diagonal."""
    count = int(np.prod(truth.rows, dtype=np.int64))
    if truth.rows != truth.columns or claimed.shape != truth.rows:
        return None
    square = _reshape(truth, (count, count), (count,), (count,))
    diagonal = replace(square.value, array=np.diagonal(square.value.array))
    if not judge(replace(claimed, array=claimed.array.reshape(-1)), Truth(diagonal)).ok:
        return None
    others = int(np.count_nonzero(square.value.array)) - int(np.count_nonzero(diagonal.array))
    told = f"only the diagonal of the Jacobian; {others} entries off it are not zero"
    return Judgement(WRONG, told, "diagonal-for-full", {"form": "the diagonal"})


def _name(judgement: Judgement, form: str) -> Judgement:
    if not form:
        return judgement
    told = f"{form}: {judgement.message}"
    return replace(judgement, message=told, details=judgement.details | {"form": form})


def _accept_layout(judgement: Judgement) -> Judgement:
    return replace(judgement, message=f"as a Jacobian, {judgement.message}")


def _forms(claimed: Value, truth: Truth) -> Iterator[tuple[str, Value, Truth]]:
    """Each form, as its name, the claim brought into it, and what it should then be; likely forms first."""
    rows, columns = truth.rows, truth.columns
    count_rows, count_columns = (int(np.prod(shape, dtype=np.int64)) for shape in (rows, columns))
    if count_rows == 1:
        gradient = _reshape(truth, columns, (), columns)
        yield "", claimed, gradient
        if len(columns) == 2 and columns[0] != columns[1] and claimed.shape == columns[::-1]:
            yield "in the transposed layout", replace(claimed, array=claimed.array.T), gradient
        if len(columns) == 1 and claimed.shape == (1, *columns):
            yield "as a row", replace(claimed, array=claimed.array[0]), gradient
        return
    flat = _reshape(truth, (count_rows, count_columns), (count_rows,), (count_columns,))
    if claimed.shaped and claimed.shape == flat.value.shape:
        yield "the Jacobian as a matrix", claimed, flat
    if claimed.shaped and claimed.shape == (*columns, *rows):
        order = (*range(len(columns), len(columns) + len(rows)), *range(len(columns)))
        yield "in the transposed layout", replace(claimed, array=claimed.array.transpose(order)), truth
    yield from _compact(claimed, truth)
    yield from _sums(claimed, truth)


def _reshape(truth: Truth, shape: tuple[int, ...], rows: tuple[int, ...], columns: tuple[int, ...]) -> Truth:
    loss = None
    if truth.loss is not None:
        loss = np.broadcast_to(truth.loss, truth.value.shape).reshape(shape)
    value = replace(truth.value, array=truth.value.array.reshape(shape))
    return Truth(value, rows, columns, loss, truth.structure)


def _compact(claimed: Value, truth: Truth) -> Iterator[tuple[str, Value, Truth]]:
    """Compact forms on the finest delta patterns of the Jacobian."""
    total = truth.value.array.size
    for pattern in _patterns(truth):
        kept = _on_pattern(truth, pattern)
        own = tuple(pattern.labels[len(truth.rows) :])
        where = "on the delta" if pattern.entries < total else "of the full Jacobian"
        diagonal = len(pattern.lengths) == len(truth.rows) == len(truth.columns)
        for order in itertools.permutations(range(len(pattern.lengths)), claimed.array.ndim):
            if tuple(pattern.lengths[label] for label in order) != claimed.shape and claimed.shape != ():
                continue
            shape = [1] * len(pattern.lengths)
            for label in order:
                shape[label] = pattern.lengths[label]
            sorted_axes = sorted(range(len(order)), key=order.__getitem__)
            laid = claimed.array.transpose(sorted_axes).reshape(shape)
            stretched = np.broadcast_to(laid, pattern.lengths)
            numbers = f"{pattern.entries} of {total}"
            if len(order) < len(pattern.lengths):
                plural = "the one number that all entries" if claimed.array.size == 1 else ""
                form = f"the {claimed.array.size} different entries {where}, {numbers}"
                if plural:
                    form = f"{plural} {where} have, {numbers}"
            elif diagonal and pattern.entries < total:
                form = f"the diagonal, {numbers}"
            else:
                form = f"the entries {where}, {numbers}"
                form += "" if order == own or len(own) != len(order) else ", transposed"
            yield form, Value(stretched, claimed.eps, claimed.dtype, slack=claimed.slack), kept


def _patterns(truth: Truth) -> Iterator[Pattern]:
    """The delta patterns that the Jacobian has, those with most deltas first."""
    rows, columns = truth.rows, truth.columns
    if len(rows) + len(columns) > LARGEST_RANK:
        return
    matchings: list[tuple[tuple[int, int], ...]] = [()]
    for row, length in enumerate(rows):
        if length > 1:
            matchings += [
                (*matching, (row, column))
                for matching in list(matchings)
                for column, other in enumerate(columns)
                if other == length and all(column != taken for _, taken in matching)
            ]
    matchings.sort(key=len, reverse=True)
    for matching in matchings:
        partner = {len(rows) + column: row for row, column in matching}
        labels: list[int] = []
        lengths: list[int] = []
        for axis, length in enumerate((*rows, *columns)):
            if axis in partner:
                labels.append(labels[partner[axis]])
            else:
                labels.append(len(lengths))
                lengths.append(length)
        pattern = Pattern(tuple(labels), tuple(lengths))
        if _is_zero_off(truth.value.array, pattern):
            yield pattern


def _is_zero_off(array: Array, pattern: Pattern) -> bool:
    indices = np.ogrid[tuple(slice(length) for length in array.shape)]
    off = np.zeros(array.shape, dtype=bool)
    first: dict[int, int] = {}
    for axis, label in enumerate(pattern.labels):
        if label in first:
            off |= indices[first[label]] != indices[axis]
        else:
            first[label] = axis
    return not np.any(array[off])


def _on_pattern(truth: Truth, pattern: Pattern) -> Truth:
    """The entries on the pattern, one axis for each label."""
    letters = "".join("abcdefgh"[label] for label in pattern.labels)
    subscripts = f"{letters}->{''.join('abcdefgh'[label] for label in range(len(pattern.lengths)))}"
    value = replace(truth.value, array=np.einsum(subscripts, truth.value.array))
    loss = None
    if truth.loss is not None:
        loss = np.einsum(subscripts, np.broadcast_to(truth.loss, truth.value.shape))
    return Truth(value, truth.rows, truth.columns, loss, truth.structure)


def _sums(claimed: Value, truth: Truth) -> Iterator[tuple[str, Value, Truth]]:
    """The rows summed, which is what `backward(ones)` gives, and a row of entries where each row has only one."""
    axes = tuple(range(len(truth.rows)))
    array = truth.value.array
    if claimed.shape == truth.columns:
        single = bool(np.all(np.sum(array != 0, axis=axes) <= 1))
        entries = int(np.count_nonzero(array))
        form = "the rows summed (v = 1)"
        if single:
            form = f"the non-zero entries, {entries} of {array.size}, each where its column is"
        yield form, claimed, _summed(truth, axes)
    rest = tuple(range(len(truth.rows), array.ndim))
    if claimed.shape == truth.rows and bool(np.all(np.sum(array != 0, axis=rest) <= 1)):
        entries = int(np.count_nonzero(array))
        form = f"the non-zero entries, {entries} of {array.size}, each where its row is"
        yield form, claimed, _summed(truth, rest)


def _summed(truth: Truth, axes: tuple[int, ...]) -> Truth:
    value = replace(truth.value, array=truth.value.array.sum(axis=axes))
    parts = np.abs(truth.value.array) if truth.loss is None else np.broadcast_to(truth.loss, truth.value.shape)
    return Truth(value, loss=np.sum(parts, axis=axes))
