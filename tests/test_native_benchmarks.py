"""The benchmark of machine code at tiny sizes: the limit by hand is right, and the report says what was measured."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from benchmarks.native import calls, goals, keeping, limit, measuring, peers, plots, report, threads
from benchmarks.native.__main__ import main, parsed, spawn
from benchmarks.native.reasons import REASONS
from benchmarks.native.row import Row, difference
from benchmarks.native.rows import ROWS, named
from chainrule.native.compiled import CompileWarning

needs_compiler = pytest.mark.skipif(limit.compiler() is None, reason="there is no C compiler")
IN_C = [name for name in ROWS if isinstance(named(name, tiny=True).limit, str) and not named(name, tiny=True).entries]


def eager(row: Row) -> list[Any]:
    """Value and gradients in Python, or Jacobians."""
    if row.entries:
        slopes = cr.jacobian(lambda *arrays: row.function(np, *arrays), tuple(range(row.count)))(*row.arguments)
        return peers.shown(row, [one.sparse().data for one in slopes])
    both = cr.value_and_grad(lambda *arrays: row.function(np, *arrays), tuple(range(row.count)))
    value, gradients = both(*row.arguments)
    return [value, *gradients]


@pytest.mark.parametrize("name", ROWS)
def test_the_limit_by_hand_is_the_derivative(name: str) -> None:
    row = named(name, tiny=True)
    hand = limit.by_hand(row)
    if hand is None:
        pytest.skip("there is no C compiler")
    assert difference(peers.shown(row, hand()), eager(row)) <= row.tolerance
    assert (
        difference(peers.shown(row, hand()), eager(row)) <= row.tolerance
    )  # again: nothing is left from the call before


@pytest.mark.parametrize("name", ROWS)
def test_ours_is_machine_code_and_right(name: str) -> None:
    row = named(name, tiny=True)
    call = peers.prepared("chainrule", row)
    assert difference(peers.shown(row, call()), eager(row)) <= row.tolerance


@needs_compiler
@pytest.mark.parametrize("name", [name for name in IN_C if name != "convolution"])  # which is float32
def test_a_kernel_agrees_with_differences(name: str) -> None:
    row = named(name, tiny=True)
    gradients = limit.by_hand(row)()[1:]  # type: ignore[misc]
    rng = np.random.default_rng(5)
    directions = [rng.normal(size=np.shape(array)) for array in row.given]

    def along(step: float) -> Any:
        moved = [array + step * way for array, way in zip(row.given, directions, strict=True)]
        return row.function(np, *moved, *row.arguments[row.count :])

    slope = (along(1e-6) - along(-1e-6)) / 2e-6
    assert np.isclose(sum(np.vdot(g, way) for g, way in zip(gradients, directions, strict=True)), slope, rtol=1e-6)


@needs_compiler
@pytest.mark.parametrize("name", ["hand", "hand_on_triangles"])
def test_a_jacobian_by_hand_agrees_with_differences(name: str) -> None:
    row = named(name, tiny=True)
    by_pose, *others = limit.by_hand(row)()  # type: ignore[misc]
    way = np.random.default_rng(5).normal(size=26)
    ahead, back = (row.function(np, row.arguments[0] + step * way, *row.arguments[1:]) for step in (1e-6, -1e-6))
    assert np.allclose(by_pose @ way, (ahead - back) / 2e-6, atol=1e-7)
    for by_place in others:
        ahead, back = (
            row.function(np, row.arguments[0], row.arguments[1] + s, *row.arguments[2:]) for s in (0.5, -0.5)
        )
        assert np.allclose(by_place.sum(2), ahead - back)  # it is linear in the places


def test_a_measurement_has_every_column(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(peers.SYSTEMS, "wrong", lambda row: lambda: [0.0, *row.given])
    record = measuring.measured(named("net", tiny=True), ["chainrule", "wrong", "casadi"], 1, 1, 0.01)
    assert json.loads(json.dumps(record)) == record
    systems = record["systems"]
    assert systems["chainrule"]["error"] <= 1e-9 and systems["chainrule"]["again"] > 0
    assert "differs" in systems["wrong"]["failed"]
    assert {"again", "first", "error"} <= systems["casadi"].keys() or "skipped" in systems["casadi"]


def test_a_function_that_runs_in_python_is_left_out_with_the_reason() -> None:
    row = Row("", lambda xp, x: x * int(x), (2.0,), 1, "cubic")
    with pytest.warns(CompileWarning), pytest.raises(peers.AbsentError, match="runs in Python"):
        peers.prepared("chainrule", row)


def test_a_library_that_is_absent_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(peers.AbsentError, match="not installed"):
        peers.prepared("jax", named("net", tiny=True))
    with pytest.raises(peers.AbsentError, match="no way"):
        peers.prepared("casadi", named("mlp", tiny=True))


def test_without_a_compiler_there_is_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limit, "kernels", lambda: None)
    assert limit.by_hand(named("net", tiny=True)) is None
    record = measuring.measured(named("net", tiny=True), ["chainrule"], 1, 1, 0.01)
    assert "limit" not in record["systems"] and record["systems"]["chainrule"]["again"] > 0


def test_reasons_are_given_for_rows_that_there_are() -> None:
    assert REASONS.keys() <= ROWS.keys()
    assert named("lu", tiny=True).reason == REASONS["lu"]


def test_programs_have_the_operations_that_they_say_and_stay_finite() -> None:
    x = np.linspace(0.1, 1, 16)
    for count in (5, 30, 300):
        function = calls.program(count, seed=0)
        graph = cr.value_and_grad(lambda x, function=function: function(np, x))
        assert np.isfinite(graph(x)[1]).all()
    assert calls.program(30, 1)(np, x) != calls.program(30, 2)(np, x)
    assert set(calls.compiling(5, 1)) >= {"chainrule"}


def test_every_kind_of_call_is_timed() -> None:
    assert all(spent > 0 for spent in calls.costs(1, 0.01).values())


def test_one_thread_is_timed_beside_two() -> None:
    found = threads.times(1, 1, 0.01, tiny=True)
    assert len(found) == len(threads.NAMES)
    lines = report.markdown({"threads": {title: {"1": 3e-6, "2": 2e-6} for title in found}}).splitlines()
    assert f"| {next(iter(found))} | 3.00 µs | 2.00 µs | 1.50 |" in lines


def test_the_memory_of_a_long_loop_is_within_its_bound() -> None:
    found = keeping.costs(1, 0.01, tiny=True)
    assert len(found) == len(keeping.STATES)
    for ways in found.values():
        of = {name: record["bytes"] for name, record in ways.items()}
        assert of["chainrule, checkpoint=True"] <= of["the bound of checkpoint=True"] < of["chainrule"]
    lines = report.markdown(
        {"keeping": {"a loop": {"a way": {"bytes": 4096, "again": 2e-6, "first": 3.0}}}}
    ).splitlines()
    assert "| a loop | a way | 4,096 | 2.00 µs | 3.00 s |" in lines


def test_shapes_and_numbers_that_differ_are_seen() -> None:
    assert difference([np.zeros(2)], [np.zeros(3)]) == np.inf
    assert difference([1.0], [1.0, 2.0]) == np.inf
    assert difference([np.nan], [1.0]) == np.inf
    assert difference([1.0, np.array([1.0, 4.0])], [1.0, np.array([2.0, 4.0])]) == 0.25


FOUND: dict[str, Any] = {
    f"wave{place}": {
        "title": f"row {place}",
        "goal": goal,
        "systems": {
            "limit": {"again": 2e-6},
            "chainrule": {"again": 3e-6, "first": 0.1, "error": 0.0},
            "value": {"again": 1e-6},
            "jax": {"again": 2.4e-6, "first": 0.2, "error": 0.0},
            "torch": {"skipped": "not installed"},
        },
    }
    for place, goal in ((1, 1.2), (2, 2.0))
}


def test_the_tables_say_what_was_measured_and_what_was_missed(tmp_path: Path) -> None:
    lines = report.markdown(FOUND).splitlines()
    assert "| row 1 | 2.00 µs | 3.00 µs | 1.50 | ≤ 1.2 **missed** | 3.00 | – | 0.80 | – | – |" in lines
    assert "| row 2 | 2.00 µs | 3.00 µs | 1.50 | ≤ 2 | 3.00 | – | 0.80 | – | – |" in lines
    assert "- Missed: row 1: 1.50 × by hand, goal 1.2." in lines
    assert "- Behind jax: row 1: 1.25 × its time." in lines
    assert "- Left out: torch: not installed (every row)." in lines
    assert "- Value and gradient over the value alone: 3.00 in the median." in lines
    late = {name: {"failed": "more than 1 s"} for name in ("mlp", "calls", "compiling", "keeping", "threads")}
    written = report.save({**FOUND, **late}, tmp_path)
    assert all(path.exists() for path in written)
    assert "Not measured: mlp: more than 1 s." in (tmp_path / "native.html").read_text(encoding="utf-8")
    assert {path.suffix for path in written} == ({".md", ".html", ".png"} if plots.CAN_DRAW else {".md", ".html"})


def test_every_kind_of_goal_can_be_missed() -> None:
    systems = FOUND["wave1"]["systems"]
    record = {"title": "row", "goal": 1.2, "ahead": {"jax": 25, "torch": 100}, "first": 0.04, "systems": systems}
    assert goals.wanted(record) == "≤ 1.2, 25 × jax, 100 × torch, first ≤ 40.0 ms"
    assert goals.missed(record) == [
        "1.50 × by hand, goal 1.2",
        "jax takes 0.80 × our time, goal 25",
        "the first call takes 100 ms, goal 40.0 ms",
    ]
    assert not goals.missed({**record, "goal": 1.5, "ahead": {"jax": 0.5}, "first": None})
    assert goals.missed({**record, "systems": {"chainrule": {"skipped": "runs in Python"}}}) == ["runs in Python"]
    slow = {**FOUND, "calls": {"eight arrays: chainrule": 1e-6}, "compiling": {"30": {"chainrule": 1.0}}}
    assert goals.apart_from_rows(slow) == [
        "eight arrays: chainrule: 1.00 µs, goal 500 ns",
        "compiling 30 operations: 1.00 s, goal 40.0 ms",
        "gradient / value: 3.00 in the median, goal 2.2",
    ]
    assert "- Missed: row: the first call takes 100 ms, goal 40.0 ms. Why." in report.markdown(
        {"row": {**record, "goal": None, "ahead": {}, "reason": "Why"}}
    )


@pytest.mark.skipif(not plots.CAN_DRAW, reason="matplotlib is not installed")
def test_plots_draw_what_was_found_and_stand_in_the_page(tmp_path: Path) -> None:
    pictures, written = plots.drawn({**FOUND, "compiling": {"30": {"chainrule": 1.0, "jax": 2.0}}}, tmp_path)
    assert [path.name for path in written] == [f"{picture.name}.png" for picture in plots.PICTURES]
    assert all(picture.drawn.startswith("<svg") for picture in pictures)
    assert report.page(FOUND, pictures).count("<svg") == len(pictures) == 4
    axes = plots.limits(FOUND).axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["row 2", "row 1"]
    marks = {(line.get_marker(), *line.get_xdata()) for line in axes.lines if len(line.get_xdata()) == 1}
    assert {("o", 1.5), ("|", 1.2), ("|", 2.0), ("^", 1.2)} <= {(mark, round(x, 9)) for mark, x in marks}


def test_without_matplotlib_there_are_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "CAN_DRAW", False)
    written = report.save(FOUND, tmp_path)
    assert [path.name for path in written] == ["native.md", "native.html"]
    assert "There are no plots: matplotlib is not installed." in written[1].read_text(encoding="utf-8")


def test_the_report_is_written_from_results_that_are_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored = {**FOUND, "machine": {"text": "another machine"}}
    (tmp_path / "native.json").write_text(json.dumps(stored), encoding="utf-8")
    main(["--report", "--out", str(tmp_path)])
    assert "another machine" in capsys.readouterr().out
    assert "another machine" in (tmp_path / "native.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "native.json").read_text(encoding="utf-8")) == stored


def test_the_command_measures_a_row_in_a_process_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--only", "cubic", "--no-peers", "--tiny", "--passes", "1", "--rounds", "1", "--out", str(tmp_path)])
    assert "3x³ − y²" in capsys.readouterr().out
    found = json.loads((tmp_path / "native.json").read_text(encoding="utf-8"))
    assert found["cubic"]["systems"]["chainrule"]["again"] > 0
    (tmp_path / "native.json").write_text(json.dumps({**found, **FOUND}), encoding="utf-8")
    main(
        ["--only", "cubic", "--no-peers", "--tiny", "--passes", "1", "--rounds", "1", "--out", str(tmp_path), "--keep"]
    )
    assert [*json.loads((tmp_path / "native.json").read_text(encoding="utf-8"))] == [
        "cubic",
        "wave1",
        "wave2",
        "machine",
    ]
    late = spawn("cubic", ["chainrule"], parsed(["--tiny", "--timeout", "0.01"]))
    assert late == {"failed": "more than 0.01 s"}
    assert "stopped" in spawn("no such row", ["chainrule"], parsed(["--tiny"]))["failed"]
