"""`chainrule derive`: the function, the point to derive it at, what is printed, and what cannot be derived."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from chainrule.cli.deriving import derive_in_file, place_of
from chainrule.cli.main import app
from chainrule.errors import DeriveError

LOSSES = """
import os
import numpy as np
import helper

def mse(X, W, Y):
    r = X @ W - Y
    return np.mean(r**2)

def scaled(x, *, scale=2.0):
    return helper.double(np.sum(scale * x**2))

def torchy(x):
    import torch
    return torch.exp(x).sum()

def raises(x):
    raise ZeroDivisionError("on purpose")

def ends(x):
    os._exit(3)

def loops(x):
    while True:
        pass

value = 3
example = dict(X=np.ones((7, 5)), W=np.ones((5, 3)), Y=np.zeros((7, 3)))
"""


@pytest.fixture
def losses(tmp_path: Path) -> Path:
    (tmp_path / "helper.py").write_text("def double(x):\n    return 2 * x\n")
    (tmp_path / "losses.py").write_text(LOSSES)
    return tmp_path / "losses.py"


def chainrule(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["derive", *arguments], env={"NO_COLOR": "1"})


def test_the_point_is_taken_from_the_file(losses: Path) -> None:
    done = chainrule(f"{losses}:mse", "--by", "W")
    assert done.exit_code == 0, done.stderr
    assert "∂mse/∂W = 2/(N K) Xᵀ r" in done.stdout
    assert "∂mse/∂X =" not in done.stdout


def test_the_point_is_given(losses: Path) -> None:
    done = chainrule(f"{losses}:scaled", "--at", "x=np.arange(3.0)", "--source")
    assert done.exit_code == 0, done.stderr
    namespace: dict[str, Any] = {}
    exec(done.stdout, namespace)
    dx, _ = namespace["gradient"](np.arange(3.0), 2.0)
    assert np.allclose(dx, 8 * np.arange(3.0))


def test_values_given_win_over_the_example(losses: Path) -> None:
    derived = derive_in_file(place_of(f"{losses}:mse", ["X=[[1.0, 2.0]]", "W=np.eye(2)", "Y=[[0, 0]]"]), 60)
    assert "X    shape 1×2" in derived.text
    assert derived.page == ""


def test_latex(losses: Path) -> None:
    done = chainrule(f"{losses}:mse", "--latex")
    assert done.stdout.startswith("\\begin{aligned}")


def test_a_report(losses: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.html"
    done = chainrule(f"{losses}:mse", "--report", str(path))
    assert done.exit_code == 0, done.stderr
    assert "wrote" in done.stdout
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    failed = chainrule(f"{losses}:mse", "--report", str(tmp_path / "missing" / "out.html"))
    assert failed.exit_code == 2
    assert "the report could not be written to" in " ".join(failed.stderr.split())


def test_an_error_of_the_library_is_told(losses: Path) -> None:
    with pytest.raises(DeriveError, match="must be Tensor"):
        derive_in_file(place_of(f"{losses}:torchy", ["x=np.ones(3)"]), 60)


@pytest.mark.parametrize(
    ("target", "at", "words"),
    [
        ("losses.py", (), "names no function in a file; expected FILE.py:FUNCTION"),
        ("losses.py:", (), "names no function in a file"),
        ("missing.py:f", (), "missing.py is no Python file here"),
        ("losses.py:nothing", (), "defines no function nothing; it defines mse, scaled, torchy"),
        ("losses.py:value", (), "defines no function value"),
        ("losses.py:scaled", (), "scaled needs values for x: give them as --at 'x=np.ones((3, 2))'"),
        ("losses.py:scaled", (), "define `example = dict(x=…)` in losses.py"),
        ("losses.py:scaled", ("x",), "--at 'x' gives no argument a value"),
        ("losses.py:scaled", ("y=1.0",), "--at y=…: scaled has no such parameter, but x, scale"),
        ("losses.py:scaled", ("x=undefined",), "--at 'x=undefined' raised NameError"),
        ("losses.py:raises", ("x=1.0",), "losses.py, line 18, raised ZeroDivisionError: on purpose"),
        ("losses.py:ends", ("x=1.0",), "ended the process (exit status 3)"),
        ("losses.py:loops", ("x=1.0",), "did not end within 1 seconds; --timeout allows more"),
        ("broken.py:f", (), "raised SyntaxError"),
    ],
)
def test_what_cannot_be_derived(
    losses: Path, monkeypatch: pytest.MonkeyPatch, target: str, at: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(losses.parent)
    (losses.parent / "broken.py").write_text("def f(:\n")
    options = [part for text in at for part in ("--at", text)]
    done = chainrule(target, *options, "--timeout=1" if "loops" in target else "--timeout=60")
    assert done.exit_code == 2
    assert done.stdout == ""
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_an_unknown_argument_to_differentiate_by(losses: Path) -> None:
    with pytest.raises(DeriveError, match="--by V: mse has no such parameter, but X, W, Y"):
        derive_in_file(place_of(f"{losses}:mse", [], ["V"]), 60)
