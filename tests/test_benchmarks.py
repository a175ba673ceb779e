"""The structured benchmark at tiny sizes: what it compares with is right, and what it prints is what it measured."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from benchmarks.structured import growth, peers, report, system
from benchmarks.structured.__main__ import better, peers_of, spawn
from benchmarks.structured.families import FAMILIES
from benchmarks.structured.problem import Goal, Problem, relative_error

TOLERANCE = 1e-12
TINY = {name: family.make(family.tiny) for name, family in FAMILIES.items()}
FORMS = [(name, form) for name, problem in TINY.items() for form in problem.forms]


@pytest.mark.parametrize(("name", "form"), FORMS, ids=lambda text: text)
def test_our_derivative_is_the_one_by_hand(name: str, form: str) -> None:
    problem = TINY[name]
    description = problem.forms[form]
    derivative = system.ours(problem)  # made once, as the benchmark does, so the later points are replays
    native = system.compiled(problem, form)
    for point in problem.points:
        assert description.error(description.ours(derivative(*point)), point) <= TOLERANCE
        assert description.error(native(*point), point) <= TOLERANCE


@pytest.mark.parametrize("name", TINY)
def test_what_is_kept_applied_to_a_vector_agrees_with_differences(name: str) -> None:
    problem = TINY[name]
    point = problem.points[0]
    if isinstance(problem.argnums, tuple):
        pytest.skip("several arguments: the derivative by hand is compared entry by entry")
    direction, step = np.random.default_rng(1).normal(size=problem.shape), 1e-6
    derivative = system.ours(problem)

    def along(x: Any) -> Any:
        """The function, or for a Hessian its gradient."""
        if problem.order == "jacobian":
            return problem.in_numpy(x, *point[1:])
        return cr.grad(problem.in_numpy)(x, *point[1:])

    difference = (along(point[0] + step * direction) - along(point[0] - step * direction)) / (2 * step)
    assert relative_error(derivative(*point) @ direction, difference) <= 1e-5


@pytest.mark.parametrize("name", TINY)
def test_the_other_ways_by_hand_give_the_same(name: str) -> None:
    problem = TINY[name]
    for form in problem.forms.values():
        for other, way in form.also.items():
            found, point = way(*problem.points[0]), problem.points[0]
            if other.startswith("values"):
                assert relative_error(found, form.limit(*point).data) <= TOLERANCE
            elif other in ("dgemm", "dsyrk, mirrored", "SciPy splu", "dense Cholesky"):
                assert relative_error(found, (form.expected or form.limit)(*point)) <= TOLERANCE


def test_points_differ_and_take_turns() -> None:
    seen: list[int] = []
    call = system.in_turn(lambda x: seen.append(id(x)), TINY["elementwise"].points)
    for _ in range(4):
        call()
    assert len(set(seen)) == 3 and seen[0] == seen[3]
    for name, problem in TINY.items():
        first, second = problem.points[:2]
        assert not all(np.array_equal(a, b) for a, b in zip(first, second, strict=True)), name


@pytest.mark.parametrize("name", ["elementwise", "masked"])
def test_a_measurement_has_every_column(name: str) -> None:
    problem = TINY[name]
    record = system.measure_ours(problem, "kept", rounds=1, seconds=0.01)
    assert json.loads(json.dumps(record)) == record
    assert record["error"] <= TOLERANCE and record["stored"] > 0
    assert min([record[time] for time in ("first", "anew", "replay", "compiling", "compiled", "limit")]) > 0


def a_problem(function: Any, **changes: Any) -> Problem:
    """The elementwise row with another function."""
    known = TINY["elementwise"]
    fields = {name: getattr(known, name) for name in known.__dataclass_fields__}
    return Problem(**{**fields, "function": function, **changes})


def test_a_wrong_derivative_is_seen() -> None:
    wrong = a_problem(lambda xp, x: xp.sin(x))
    record = system.measure_ours(wrong, "csr", rounds=1, seconds=0.01)
    assert record["error"] > 1e-3


def test_a_library_that_is_absent_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    known = peers.PEERS["autograd"]
    absent = peers.Peer(("no_such_library",), known.build, known.convert, known.show, known.finish, known.warm)
    monkeypatch.setitem(peers.PEERS, "absent", absent)
    assert system.measure_peer(TINY["elementwise"], "absent") == {"skipped": "no_such_library is not installed"}


def test_a_dense_array_that_would_not_fit_is_not_asked_for() -> None:
    large = FAMILIES["brusselator"].make(128)
    with pytest.raises(peers.SkippedError, match=r"dense: 8\.6 GB"):
        peers.refuse_if_large(large)


def test_a_failure_is_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "measure_ours", lambda *_: 1 / 0)
    assert system.run("elementwise", 5, "chainrule", "kept") == {"failed": "ZeroDivisionError: division by zero"}


def test_a_system_is_measured_in_a_process_of_its_own_and_given_up_in_time() -> None:
    record = spawn(Namespace(memory=8, timeout=100), "elementwise", "7", "chainrule", "csr")
    assert record["error"] <= TOLERANCE and record["replay"] > 0
    late = spawn(Namespace(memory=8, timeout=0.01), "elementwise", "7", "chainrule", "csr")
    assert late == {"skipped": "more than 0.01 s"}
    assert "failed" in spawn(Namespace(memory=8, timeout=100), "no such family", "7", "chainrule", "csr")


def test_old_peers_are_taken_from_the_last_results(tmp_path: Path) -> None:
    known = {"family": "linear", "size": 3, "form": "", "replay": 1.0}
    records = [
        {**known, "system": "jax"},
        {**known, "system": "chainrule"},
        {**known, "family": "tanh", "system": "jax"},
    ]
    (tmp_path / "known.json").write_text(json.dumps(records), encoding="utf-8")
    assert peers_of(tmp_path / "known.json", ["linear"]) == {("linear", 3, "jax", ""): records[0]}


def test_two_passes_keep_the_smaller_time_and_the_larger_error() -> None:
    one = {"first": 3.0, "replay": 1.0, "limit": 0.5, "also": {"values": 2.0}, "error": 1e-16}
    two = {"first": 2.0, "replay": 4.0, "limit": 0.4, "also": {"values": 3.0}, "error": 1e-15}
    assert better(one, two) == {"first": 2.0, "replay": 1.0, "limit": 0.4, "also": {"values": 2.0}, "error": 1e-15}
    assert better(one, {"failed": "ValueError"}) == one
    assert better({"failed": "ValueError"}, two) == two


def test_the_tables_say_what_was_measured() -> None:
    ours = {
        "first": 2e-3,
        "anew": 1e-3,
        "replay": 3e-4,
        "compiled": 1e-4,
        "limit": 2e-4,
        "also": {"values": 1e-4},
        "error": 0.0,
        "stored": 10_000,
    }
    found: report.Found = {
        ("elementwise", 10_000, "chainrule", "csr"): ours,
        ("elementwise", 10_000, "asdex", ""): {"first": 0.2, "replay": 2e-4, "error": 1e-16},
        ("elementwise", 10_000, "jax", ""): {"skipped": "dense: 0.8 GB"},
    }
    text = report.text(found)
    assert "ratio ≤ 1.3: MISSED" in text and "dense: 0.8 GB" in text
    assert "asdex 200 µs, ours 300 µs (replay)" in text
    times = "200 µs | 2.00 ms | 300 µs | 1.50 | 100 µs | 0.50 | 200 ms (asdex) | 200 µs (asdex)"
    assert f"| elementwise | n = 10,000 | csr | {times} |" in report.markdown(found).splitlines()
    assert report.verdict(Goal(ratio=2, first=1e-3, stored=10_000), ours) == (
        "ratio ≤ 2: met, first ≤ 1.00 ms: MISSED, kept ≤ 10,000: met"
    )


def test_the_growth_of_a_row_is_measured_stated_and_drawn(tmp_path: Path) -> None:
    times = {1_000: 1.0, 10_000: 10.0, 100_000: 100.0, 1_000_000: 1000.0}

    def spawn(family: str, size: str, system: str, form: str) -> dict[str, Any]:
        return {"first": 5.0, "replay": times[int(size)], "limit": times[int(size)] ** 2}

    text = growth.run(["elementwise"], tmp_path, spawn)
    line = next(line for line in text.splitlines()[::-1] if line.startswith("elementwise"))
    assert line.split()[2:] == ["0.00", "1.00", "1.00", "2.00", "2.00"]
    assert (tmp_path / "growth.txt").read_text(encoding="utf-8").startswith("row")
    assert (tmp_path / "growth_elementwise.png").exists() == (growth.CAN_DRAW)


def test_shapes_that_differ_are_an_infinite_error() -> None:
    assert relative_error(np.zeros((2, 3)), np.zeros((3, 2))) == float("inf")
    assert relative_error([np.zeros(2)], [np.zeros(2), np.zeros(2)]) == float("inf")
