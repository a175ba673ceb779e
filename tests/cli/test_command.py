"""The command as a user meets it: output, JSON, exit status, and what cannot be run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from chainrule.cli.main import app

ROOT = Path(__file__).parents[2]
CLAIM = """# %%
import torch
x = torch.tensor([1.0, 2.0], requires_grad=True)
(x**2).sum().backward()
# %%
print(x.grad, "<>", {factor} * x.detach())
"""


def chainrule(*arguments: str | Path) -> Any:
    """The command, in this process; the notebook runs in another all the same."""
    return CliRunner().invoke(app, list(map(str, arguments)), env={"NO_COLOR": "1"})


def shell(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command as a program of its own."""
    command = [sys.executable, "-m", "chainrule.cli.main", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "NO_COLOR": "1"}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=120, check=False)


def notebook(folder: Path, text: str, name: str = "notebook.py") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def report(path: Path, *arguments: str) -> tuple[int, Any]:
    done = chainrule("check", path, "--json", *arguments)
    assert done.stderr == ""
    return done.exit_code, json.loads(done.stdout)


def test_all_right(tmp_path: Path) -> None:
    done = chainrule("check", notebook(tmp_path, CLAIM.format(factor=2)))
    assert done.exit_code == 0, done.stdout + done.stderr
    assert "1 claim in 2 cells: 1 right" in done.stdout
    assert done.stderr == ""


def test_something_wrong(tmp_path: Path) -> None:
    path = notebook(tmp_path, CLAIM.format(factor=3))
    done = shell("check", path)
    assert done.returncode == 1
    row = next(line for line in done.stdout.splitlines() if "x.grad" in line)
    assert row.split()[:4] == ["2", "6", "x.grad", "wrong"]
    assert "1.5 times the true one" in done.stdout
    status, content = report(path)
    assert status == content["status"] == 1
    assert content["file"] == str(path)
    (finding,) = content["findings"]
    assert {key: finding[key] for key in ("name", "cell", "line", "verdict", "mistake")} == {
        "name": "x.grad",
        "cell": 2,
        "line": 6,
        "verdict": "wrong",
        "mistake": "factor",
    }
    assert "worst at" in finding["message"]


def test_quiet_says_only_what_is_wrong(tmp_path: Path) -> None:
    assert chainrule("check", "-q", notebook(tmp_path, CLAIM.format(factor=2))).stdout == ""
    assert "x.grad" in chainrule("check", "-q", notebook(tmp_path, CLAIM.format(factor=3))).stdout


def test_no_claim(tmp_path: Path) -> None:
    done = chainrule("check", notebook(tmp_path, "x = 1"))
    assert done.exit_code == 0
    assert done.stdout.strip() == "no claim about a gradient found in 1 cell"


def test_a_cell_that_raises_is_reported_and_the_rest_runs(tmp_path: Path) -> None:
    text = CLAIM.format(factor=2).replace("import torch", "import os; os.chdir('/no/such/folder')\nimport torch")
    status, content = report(notebook(tmp_path, text + "# %%\nundefined\n# %%\nprint('end')"))
    assert status == 0
    assert [error["cell"] for error in content["errors"]] == [1, 3]
    assert content["errors"][1]["message"] == "NameError: name 'undefined' is not defined"
    assert content["errors"][1]["line"] == 9
    assert len(content["findings"]) == 1


def test_a_notebook_in_which_nothing_runs(tmp_path: Path) -> None:
    assert chainrule("check", notebook(tmp_path, "import a_package_that_is_not_there")).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("missing.ipynb",), "missing.ipynb does not exist"),
        (("https://example.org/a.ipynb",), "only files on this machine"),
        (("folder",), "is a folder without a notebook"),
        (("broken.ipynb",), "broken JSON"),
        (("empty.md",), "is empty"),
        (("notebook.txt",), "ends in '.txt'"),
    ],
)
def test_what_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.ipynb").write_text('{"cells": [}')
    (tmp_path / "empty.md").write_text("")
    (tmp_path / "notebook.txt").write_text("x")
    (tmp_path / "folder").mkdir()
    done = chainrule("check", *arguments)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.startswith("chainrule: ")
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    as_json = chainrule("check", *arguments, "--json")
    assert as_json.exit_code == 2
    assert words in json.loads(as_json.stdout)["failure"]


@pytest.mark.parametrize(
    "arguments",
    [("check",), ("check", "a.py", "--hint=4"), ("check", "a.py", "--torch=jax"), ("check", "a.py", "--timeout=-1"),
     ("check", "a.py", "--timeout=soon"), ("check", "a.py", "--seed=x"), ("check", "a.py", "--no-such"), ("chek",)],
)  # fmt: skip
def test_what_is_not_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    monkeypatch.chdir(tmp_path)
    notebook(tmp_path, "x = 1", "a.py")
    done = chainrule(*arguments)
    assert done.exit_code == 2
    assert "Usage: " in done.stderr
    assert "Traceback" not in done.stderr


def test_help_and_version() -> None:
    text = chainrule("check", "--help").stdout
    for word in ("--torch", "--hint", "--timeout", "--seed", "--json", "--quiet", "exit status"):
        assert word in text
    assert "check" in chainrule("--help").stdout
    assert chainrule("--version").stdout.startswith("chainrule 0.")
    assert chainrule("--version").exit_code == 0


ENDLESS = "# %%\nbefore = 1\n# %%\n{loop}\n# %%\nprint('after')\nraise ValueError('the last cell ran')\n"


def test_a_cell_that_never_ends_is_interrupted_and_the_rest_runs(tmp_path: Path) -> None:
    path = notebook(
        tmp_path, ENDLESS.format(loop="while True:\n    try:\n        pass\n    except Exception:\n        pass")
    )
    status, content = report(path, "--timeout=1")
    assert status == 2
    messages = {error["cell"]: error["message"] for error in content["errors"]}
    assert messages[2] == "the cell did not end within 1 seconds; --timeout allows more"
    assert messages[3] == "ValueError: the last cell ran"


@pytest.mark.parametrize(
    "loop",
    [
        "import time\nwhile True:\n    try:\n        time.sleep(0.1)\n    except BaseException:\n        pass",
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
        "sum(range(10**12))",
    ],
)
def test_a_cell_that_heeds_nothing_is_ended(tmp_path: Path, loop: str) -> None:
    start = time.monotonic()
    status, content = report(notebook(tmp_path, ENDLESS.format(loop=loop)), "--timeout=1")
    assert status == 2
    assert "could not be interrupted" in content["errors"][0]["message"]
    assert content["failure"] == "cell 2 had to be ended; cell 3 was not run"
    assert time.monotonic() - start < 30


def test_a_cell_may_sleep_and_be_interrupted(tmp_path: Path) -> None:
    status, content = report(notebook(tmp_path, "import time\ntime.sleep(60)"), "--timeout=0.5")
    assert status == 2
    assert "within 0.5 seconds" in content["errors"][0]["message"]


def test_a_cell_that_ends_the_process(tmp_path: Path) -> None:
    text = CLAIM.format(factor=2) + "# %%\nimport os\nos._exit(7)\n# %%\n1\n# %%\n2\n"
    status, content = report(notebook(tmp_path, text))
    assert status == 2
    assert content["failure"] == "cell 3 ended the process; cells 4 to 5 were not run"
    assert "exit status 7" in content["errors"][0]["message"]
    assert [finding["verdict"] for finding in content["findings"]] == ["right"]


def test_what_is_wrong_counts_also_when_a_later_cell_is_ended(tmp_path: Path) -> None:
    status, _ = report(notebook(tmp_path, CLAIM.format(factor=3) + "# %%\nimport os\nos._exit(0)\n"))
    assert status == 1


def test_the_notebook_is_cut_off_from_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("here = 5")
    text = """# %%
import os, sys
print("printed"); os.write(1, b"written"); sys.__stdout__.write("also"); os.system("echo shell")
# %%
answer = input()
# %%
import beside
assert beside.here == 5 and os.path.exists("beside.py") and __name__ == "__main__" and "__file__" not in globals()
"""
    done = shell("check", notebook(tmp_path, text), cwd=ROOT)
    assert "written" not in done.stdout
    assert "shell" not in done.stdout
    assert "cell 2, line 5 raised EOFError: EOF when reading a line" in done.stdout
    assert "cell 3" not in done.stdout


def test_runs_repeat(tmp_path: Path) -> None:
    text = """import random, torch, numpy as np
x = torch.rand(3, requires_grad=True)
(x**2).sum().backward()
print(x.grad, "<>", np.random.rand(3) + random.random())
"""
    path = notebook(tmp_path, text)
    (_, first), (_, second), (_, other) = report(path), report(path), report(path, "--seed=1")
    assert first == second
    assert first["findings"][0]["message"] != other["findings"][0]["message"]


def test_processes_of_the_notebook_end_with_it(tmp_path: Path) -> None:
    text = "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n1"
    start = time.monotonic()
    assert chainrule("check", notebook(tmp_path, text)).exit_code == 0
    assert time.monotonic() - start < 30


NOTEBOOKS = sorted(path.name for path in (ROOT / "examples").glob("*.*") if path.suffix in (".md", ".ipynb"))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_examples_hold_a_wrong_gradient_and_right_ones(name: str) -> None:
    status, content = report(ROOT / "examples" / name)
    verdicts = [finding["verdict"] for finding in content["findings"]]
    assert status == 1
    assert "wrong" in verdicts
    assert sum(verdict.startswith("right") for verdict in verdicts) >= 3
    assert content["errors"] == []


@pytest.mark.oracle
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_pytorch_itself_gives_the_same_verdicts(name: str) -> None:
    (_, ours), (_, theirs) = report(ROOT / "examples" / name), report(ROOT / "examples" / name, "--torch=torch")

    def verdicts(content: Any) -> list[tuple[Any, ...]]:
        return [
            (found["name"], found["cell"], found["verdict"].replace("right up to rounding", "right"))
            for found in content["findings"]
        ]

    assert verdicts(ours) == verdicts(theirs)


WITHOUT_TORCH = """import importlib.util as util
find = util.find_spec
util.find_spec = lambda name, package=None: None if name == "torch" else find(name, package)
from chainrule.cli.main import app
app(["check", "a.py", "--torch=torch"])
"""


def test_pytorch_that_is_not_there_is_asked_for(tmp_path: Path) -> None:
    notebook(tmp_path, "x = 1", "a.py")
    command = [sys.executable, "-c", WITHOUT_TORCH]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 2
    assert "--torch=torch asks for PyTorch, which is not installed here; pip install torch" in done.stderr
