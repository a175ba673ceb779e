"""That the bank is sound: what it calls right is right, what it calls wrong is wrong, at points that can tell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from tests.bank.all import ALL, LISTED, RIGHT, STEPWISE
from tests.bank.case import MISTAKES, Arrays, Case, Entry, Stepwise

STEP = 1e-4
SEEDS = (0, 1, 2)


def scalar(entry: Entry, arguments: Arrays, upstream: Arrays) -> float:
    """⟨upstream, forward⟩, a real number."""
    out = np.asarray(entry.forward(**arguments))
    return float(np.sum(np.conj(upstream["upstream"]) * out).real if upstream else out)


def along(entry: Entry, arguments: Arrays, upstream: Arrays, directions: Arrays, step: float) -> float:
    """The slope along directions by symmetric differences of two widths, combined so that the cubic error cancels."""
    slopes = []
    for width in (step, step / 2):
        above = {name: value + width * directions.get(name, 0) for name, value in arguments.items()}
        below = {name: value - width * directions.get(name, 0) for name, value in arguments.items()}
        slopes.append((scalar(entry, above, upstream) - scalar(entry, below, upstream)) / (2 * width))
    return (4 * slopes[1] - slopes[0]) / 3


def automatic(entry: Entry, arguments: Arrays, upstream: Arrays, about: tuple[str, ...]) -> Arrays:
    """The gradients of some arguments, by the library."""
    positions = tuple(list(arguments).index(name) for name in about)
    values = tuple(arguments.values())
    if not upstream:
        gradients = cr.grad(entry.forward, argnums=positions)(*values)
    else:

        def chosen(*some: Any) -> Any:
            return entry.forward(**{**arguments, **dict(zip(about, some, strict=True))})

        gradients = cr.vjp(chosen, *(arguments[name] for name in about))[1](upstream["upstream"])
    return dict(zip(about, gradients, strict=True))


def directions_of(gradients: Arrays, rng: np.random.Generator) -> Arrays:
    """A random direction for each gradient, complex where it is."""
    found = {}
    for name, value in gradients.items():
        value = np.asarray(value)
        found[name] = rng.normal(size=value.shape)
        if value.dtype.kind == "c":
            found[name] = found[name] + 1j * rng.normal(size=value.shape)
    return found


def difference(found: Any, expected: Any) -> float:
    """The largest difference, as a part of the largest number; infinite where the shapes do not agree."""
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        return np.inf
    return float(np.max(np.abs(found - expected), initial=0) / max(np.max(np.abs(expected), initial=0), 1e-12))


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.identity)
def test_the_right_derivation_is_right(case: Case) -> None:
    arguments, upstream = case.draw(0)
    right = case.right(**arguments, **upstream)
    assert tuple(right) == case.about
    assert {name: np.shape(value) for name, value in right.items()} == {n: arguments[n].shape for n in case.about}
    if all(arguments[name].dtype.kind == "f" for name in case.about):  # complex numbers have no derivative here
        found = automatic(case, arguments, upstream, case.about)
        assert max(difference(right[name], found[name]) for name in case.about) < 1e-7
    directions = directions_of(right, np.random.default_rng(5))
    expected = sum(np.sum(np.conj(right[name]) * directions[name]).real for name in case.about)
    scale = sum(np.sum(np.abs(right[name] * directions[name])) for name in case.about)
    assert abs(along(case, arguments, upstream, directions, STEP) - expected) < 1e-7 * scale


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.identity)
def test_the_wrong_derivation_shows(case: Case) -> None:
    for seed in SEEDS:
        arguments, upstream = case.draw(seed)
        before = {name: np.copy(value) for name, value in arguments.items()}
        claimed, right = case.claimed(**arguments, **upstream), case.right(**arguments, **upstream)
        assert tuple(claimed) == case.about
        worst = max(difference(claimed[name], right[name]) for name in case.about)
        if case.accepted[0] == "rounding":
            assert 1e-9 < worst < 1e-5
        else:
            assert worst > 1e-3
        assert all(np.array_equal(arguments[name], before[name]) for name in before)


def test_identities_are_unique() -> None:
    identities = [entry.identity for entry in (*ALL, *RIGHT, *STEPWISE)]
    assert len(identities) == len(set(identities))


@pytest.mark.parametrize("case", [*ALL, *STEPWISE], ids=lambda case: case.identity)
def test_the_accepted_names_are_names(case: Case | Stepwise) -> None:
    assert 1 <= len(case.accepted) <= 3
    assert set(case.accepted) <= MISTAKES


def test_the_bank_is_as_large_as_it_says() -> None:
    assert len(LISTED) == 61
