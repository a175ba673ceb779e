"""Terms that grow too many are folded into bands or lists, and stay the same sum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.linear import Axis, Jacobian, Term
from chainrule.linear.fold import fold
from tests.linear.reference import Recorded, shapes, terms, total, whole

random = np.random.default_rng(17)


@given(st.data())
def test_folding_keeps_the_sum(data: st.DataObject) -> None:
    y, x = data.draw(st.tuples(shapes, shapes))
    several = [t for t in data.draw(st.lists(terms(y, x), min_size=1, max_size=5)) if 0 not in t.pattern.sizes]
    once = fold(several, 1)
    np.testing.assert_allclose(total(once, y + x), total(several, y + x), atol=1e-12)
    twice = fold([*once, *several], 1)
    np.testing.assert_allclose(total(twice, y + x), 2 * total(several, y + x), atol=1e-12)


def shifts(size: int, count: int) -> list[Term]:
    """Many ranges of few shifts, in two dimensions, those of a range of one position without a label."""
    found = []
    for _ in range(count):
        row, column, sizes = [], [], []
        for axis in range(2):
            step, extent = int(random.integers(-1, 2)), int(random.integers(1, size))
            start = int(
                random.integers(max(0, -step), size - extent + 1 - max(0, step)) if extent < size - 1 else max(0, -step)
            )
            extent = min(extent, size - start, size - start - step)
            sizes.append(extent)
            labels, strides = ((axis,), (1,)) if extent > 1 else ((), ())
            row.append(Axis(size, labels, strides, start))
            column.append(Axis(size, labels, strides, start + step))
        kept = tuple(sorted({k for a in row for k in a.labels}))
        names = {k: place for place, k in enumerate(kept)}
        row, column = ([a._replace(labels=tuple(names[k] for k in a.labels)) for a in side] for side in (row, column))
        p = whole([sizes[k] for k in kept], row, column, [(0,)] if kept and random.random() < 0.5 else [])
        found.append(Term(p, tuple([random.standard_normal([p.sizes[k] for k in f.labels]) for f in p.factors])))
    return found


@pytest.mark.parametrize("tracked", [False, True])
def test_ranges_of_a_shift_become_one_band(tracked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrule.linear.fold._ENTRIES_PER_TERM", -1)  # so that nothing is listed
    size, calls = 7, list[str]()
    several = shifts(size, 90)
    made = several
    if tracked:
        made = [Term(t.pattern, tuple([Recorded(f, calls) for f in t.factors]), t.tables) for t in several]
    found = fold(made)
    assert len(found) == 9
    assert not any(t.tables for t in found)
    assert any(isinstance(f, Recorded) for t in found for f in t.factors) == tracked
    np.testing.assert_allclose(total(found, (size,) * 4), total(several, (size,) * 4), atol=1e-12)


@pytest.mark.parametrize("tracked", [False, True])
def test_small_terms_become_one_list(tracked: bool) -> None:
    size, calls = 5, list[str]()
    several = shifts(size, 90)
    made = several
    if tracked:
        made = [Term(t.pattern, tuple([Recorded(f, calls) for f in t.factors]), t.tables) for t in several]
    (found,) = fold(made)
    assert isinstance(found.factors[0], Recorded) == tracked
    np.testing.assert_allclose(total([found], (size,) * 4), total(several, (size,) * 4), atol=1e-12)


def test_few_terms_are_left_alone() -> None:
    several = shifts(5, 60)
    found = fold(several)
    assert len(found) == 60
    assert all(a is b for a, b in zip(found, several, strict=True))


@pytest.mark.parametrize("n", [2, 3, 30, 1500])
def test_a_recurrence_keeps_few_terms(n: int) -> None:
    def part(first: int, count: int) -> Jacobian:
        return Jacobian([Term(whole([count], [0], [Axis(n, (0,), (1,), first)]))], (count,), (n,))

    middle = part(2, n - 2) - 2 * part(1, n - 2) + part(0, n - 2)
    step = Jacobian.identity((n,)) + 0.1 * (part(1, n - 2).T @ middle)
    expected: Any = step.sparse()
    found, matrix = step, expected
    for _ in range(12):
        found, matrix = found @ step, matrix @ expected
    assert len(found.terms) <= 64
    np.testing.assert_allclose(found.sparse().toarray(), matrix.toarray(), atol=1e-12)
