"""That mistakes in gradients get their names, right gradients are called right, and the one to blame is blamed."""

from __future__ import annotations

import pytest

import chainrule as cr
from chainrule.check.mistakes import diagnosis
from tests.bank.all import BEYOND, LISTED, RIGHT, STEPWISE
from tests.bank.case import Case, Right, Stepwise
from tests.check.naming import called, misnamed, steps_of

# Mistakes that get another name, or none. X70 is said to take a Jacobian for its diagonal, which is what it does.
MISSED = frozenset({"X70", "X71", "X185", "X353"})
# A single point cannot tell these from something else.
MISSED_AT_ONE_POINT = MISSED | {"X60", "X95"}
SOME = BEYOND[::6]


@pytest.fixture(autouse=True)
def _busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is named does not depend on what else the machine does meanwhile."""
    monkeypatch.setattr(diagnosis, "SECONDS", 4 * diagnosis.SECONDS)


def identity(entry: Case | Right | Stepwise) -> str:
    return entry.identity


@pytest.mark.parametrize("case", [case for case in (*LISTED, *BEYOND) if case.identity not in MISSED], ids=identity)
def test_a_mistake_is_named_at_two_points(case: Case) -> None:
    assert not misnamed(case, called(case, again=True))


@pytest.mark.parametrize(
    "case", [case for case in (*LISTED, *SOME) if case.identity not in MISSED_AT_ONE_POINT], ids=identity
)
def test_a_mistake_is_named_from_its_arrays(case: Case) -> None:
    assert not misnamed(case, called(case, again=False))


def test_nearly_all_are_named() -> None:
    assert not MISSED & {case.identity for case in LISTED}
    assert len(MISSED) <= 0.02 * len(BEYOND)


@pytest.mark.parametrize("right", RIGHT, ids=identity)
def test_no_right_derivation_is_called_wrong(right: Right) -> None:
    arguments, upstream = right.draw(0)
    report = cr.check(right.forward, right.right, *arguments.values(), **upstream)
    assert not report.wrong
    assert right.kink or report.ok


@pytest.mark.parametrize("right", [entry for entry in RIGHT if entry.steps is not None], ids=identity)
def test_no_right_step_is_called_wrong(right: Right) -> None:
    assert steps_of(right, again=False).ok


@pytest.mark.parametrize("again", [True, False], ids=["twice", "once"])
@pytest.mark.parametrize("entry", STEPWISE, ids=identity)
def test_one_wrong_step_is_one_finding(entry: Stepwise, again: bool) -> None:
    wrong = steps_of(entry, again=again).wrong
    assert [finding.name for finding in wrong] == [entry.culprit]
    assert wrong[0].mistake in entry.accepted


@pytest.mark.parametrize("entry", STEPWISE[4::4], ids=identity)
def test_a_wrong_step_is_named_from_the_gradients_of_the_arguments(entry: Stepwise) -> None:
    """Without the steps: whatever the step spoiled is explained by it."""
    arguments, _ = entry.draw(0)

    def claimed(**values: object) -> dict[str, object]:
        steps = entry.steps(**values)
        return {name: steps[f"d{name}"] for name in values if f"d{name}" in steps}

    wrong = cr.check(entry.forward, claimed, *arguments.values()).wrong
    assert wrong
    assert {finding.mistake for finding in wrong} <= set(entry.accepted)
