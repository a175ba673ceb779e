"""That the bank is sound: what it calls right is right, what it calls wrong is wrong, at points that can tell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from tests.bank.all import ALL, BEYOND, LISTED, RIGHT, STEPWISE
from tests.bank.case import MISTAKES, Arrays, Case, Entry, Right, Stepwise
from tests.bank.walk import inside

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


def difference(found: Any, expected: Any, floor: float = 1e-12) -> float:
    """The largest difference, as a part of the largest number; infinite where the shapes do not agree."""
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        return np.inf
    return float(np.max(np.abs(found - expected), initial=0) / max(np.max(np.abs(expected), initial=0), floor))


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


def looks(found: Any, expected: Any) -> set[str]:
    """The names that the two arrays alone would suggest to anybody: a constant ratio, a transpose."""
    found, expected = np.asarray(found), np.asarray(expected)
    names: set[str] = set()
    if expected.size > 1 and found.shape == expected.shape:
        ratio = np.vdot(expected, found) / np.vdot(expected, expected)
        if difference(found, ratio * expected) < 1e-9:
            names |= {"factor", "averaged"} if ratio.real > 0 else {"factor", "sign"}
    if expected.ndim == 2 and difference(found, expected.T) < 1e-9:
        names.add("transposed")
    return names


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.identity)
def test_what_the_arrays_alone_suggest_is_accepted(case: Case) -> None:
    arguments, upstream = case.draw(0)
    claimed, right = case.claimed(**arguments, **upstream), case.right(**arguments, **upstream)
    wrong = [name for name in case.about if difference(claimed[name], right[name]) > 1e-9]
    suggested = set.intersection(*(looks(claimed[name], right[name]) for name in wrong))
    assert not suggested or suggested & set(case.accepted)


def in_full(arguments: Arrays) -> Arrays:
    """The arguments in float64."""
    return {name: np.asarray(value, float) for name, value in arguments.items()}


@pytest.mark.parametrize("right", [entry for entry in RIGHT if not entry.kink], ids=lambda right: right.identity)
def test_a_right_derivation_is_right(right: Right) -> None:
    for seed in SEEDS:
        arguments, upstream = right.draw(seed)
        claimed = right.right(**arguments, **upstream)
        assert tuple(claimed) == right.about
        found = automatic(right, in_full(arguments), upstream, right.about)
        in_single = any(value.dtype == np.float32 for value in arguments.values())
        # What comes to nothing is compared with 1, the size of what cancels.
        for name in right.about:
            assert np.shape(claimed[name]) == arguments[name].shape
            assert difference(claimed[name], found[name], floor=1e-3) < (1e-3 if in_single else 1e-7), name
        if not in_single:
            directions = directions_of(claimed, np.random.default_rng(5))
            expected = sum(np.sum(claimed[name] * directions[name]) for name in right.about)
            scale = max(sum(np.sum(np.abs(claimed[name] * directions[name])) for name in right.about), 1e-2)
            assert abs(along(right, arguments, upstream, directions, STEP) - expected) < 1e-6 * scale


@pytest.mark.parametrize("right", [entry for entry in RIGHT if entry.kink], ids=lambda right: right.identity)
def test_at_a_kink_a_slope_lies_between_those_of_the_sides(right: Right) -> None:
    arguments, _ = right.draw(0)
    value, step, kinks = scalar(right, arguments, {}), 1e-7, 0
    for name, slopes in right.right(**arguments).items():
        for place in np.ndindex(slopes.shape):
            sides = []
            for side in (step, -step):
                moved = {**arguments, name: arguments[name].copy()}
                moved[name][place] += side
                sides.append((scalar(right, moved, {}) - value) / side)
            assert min(sides) - 1e-5 < slopes[place] < max(sides) + 1e-5
            kinks += abs(sides[0] - sides[1]) > 1e-2
    assert kinks


def adjoints(entry: Entry, arguments: Arrays) -> Arrays:
    """The adjoint of each variable of the forward function and of each argument, by the library's tape."""
    tensors = {name: cr.tensor(value, requires_grad=True) for name, value in arguments.items()}
    loss, variables = inside(entry.forward, tensors)
    named = {name: value for name, value in variables.items() if isinstance(value, cr.Tensor) and value.requires_grad}
    for value in named.values():
        value.retain_grad()
    loss.backward()
    return {
        f"d{name}": np.zeros(value.shape) if value.grad is None else value.grad.value for name, value in named.items()
    }


@pytest.mark.parametrize("right", [entry for entry in RIGHT if entry.steps], ids=lambda right: right.identity)
def test_each_right_step_is_right(right: Right) -> None:
    arguments, _ = right.draw(0)
    assert right.steps is not None
    steps, found = right.steps(**arguments), adjoints(right, arguments)
    assert len(steps) >= 6
    for name, value in steps.items():
        assert difference(value, found[name], floor=1e-3) < 1e-9, name


@pytest.mark.parametrize("wrong", STEPWISE, ids=lambda wrong: wrong.identity)
def test_a_pass_goes_wrong_at_the_culprit_and_not_before(wrong: Stepwise) -> None:
    for seed in SEEDS:
        arguments, _ = wrong.draw(seed)
        steps, truth, found = wrong.steps(**arguments), wrong.truth(**arguments), adjoints(wrong, arguments)
        assert list(steps) == list(truth)
        assert all(difference(truth[name], found[name], floor=1e-3) < 1e-9 for name in truth)
        before = list(steps)[: list(steps).index(wrong.culprit)]
        assert all(np.array_equal(steps[name], truth[name]) for name in before)
        assert difference(steps[wrong.culprit], truth[wrong.culprit]) > 1e-3


def test_identities_are_unique() -> None:
    identities = [entry.identity for entry in (*ALL, *RIGHT, *STEPWISE)]
    assert len(identities) == len(set(identities))


@pytest.mark.parametrize("case", [*ALL, *STEPWISE], ids=lambda case: case.identity)
def test_the_accepted_names_are_names(case: Case | Stepwise) -> None:
    assert 1 <= len(case.accepted) <= 3
    assert set(case.accepted) <= MISTAKES


def test_the_bank_is_as_large_as_it_says() -> None:
    assert len(LISTED) == 61
    assert len(BEYOND) >= 130
    assert len(RIGHT) >= 60
    assert len(STEPWISE) >= 15
