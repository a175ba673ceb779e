"""Notebooks that mean no good, or go wrong in strange ways: each gets a clear message, and nothing gets through."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from typer.testing import CliRunner

from chainrule.cli.main import app
from chainrule.cli.visible import visible

X = "import torch\nx = torch.tensor([1.0, 2.0], requires_grad=True)\n(x**2).sum().backward()\n"


def check(path: Path, *arguments: str) -> Any:
    return CliRunner().invoke(app, ["check", str(path), *arguments], env={"NO_COLOR": "1"})


def notebook(folder: Path, text: str) -> Path:
    path = folder / "notebook.py"
    path.write_text(text, encoding="utf-8")
    return path


def report(path: Path) -> Any:
    return json.loads(check(path, "--json").stdout)


HOSTILE = r"\x1b]0;owned\x07\x1b[2J[red]<script>alert(1)</script>[/red]\u202e"


def test_what_is_printed_cannot_control_the_terminal(tmp_path: Path) -> None:
    text = X + f'grads = {{"{HOSTILE}": x.grad * 2}}\nprint(x.grad, "<>", grads["{HOSTILE}"])\n'
    text += f'raise ValueError("{HOSTILE}")\n'
    done = check(notebook(tmp_path, text))
    words = "".join(done.stdout.split())
    assert "\x1b" not in done.stdout
    assert "\x07" not in done.stdout
    assert "\u202e" not in done.stdout
    assert r"\x1b]0;owned\x07" in words
    assert "[red]<script>alert(1)</script>[/red]" in words


def test_names_in_the_report_are_only_text(tmp_path: Path) -> None:
    text = X + f'grads = {{"{HOSTILE}": 3 * x.detach()}}\nx.grad == grads["{HOSTILE}"]\n'
    text += "d\u1d42 = 1\n"
    page = tmp_path / "out.html"
    done = check(notebook(tmp_path, text), "--report", str(page))
    assert done.exit_code == 1
    html = page.read_text(encoding="utf-8")
    assert "<script>alert" not in html
    assert "x.grad" in html


def test_a_stored_output_cannot_control_the_terminal(tmp_path: Path) -> None:
    stored = nbformat.v4.new_output("stream", name="stdout", text="\x1b]0;owned\x07[red]old\n")
    cell = nbformat.v4.new_code_cell("print('new')", outputs=[stored], execution_count=1)
    path = tmp_path / "a.ipynb"
    path.write_text(nbformat.writes(nbformat.v4.new_notebook(cells=[cell])))
    text = check(path).stdout
    assert "\x1b" not in text
    assert "[red]old" in text
    assert "is now new" in text


@pytest.mark.parametrize(
    ("claim", "verdict", "words"),
    [
        ("torch.tensor([float('nan'), 4.0])", "wrong", "NaN at [0], true 2"),
        ("torch.tensor([float('inf'), 4.0])", "wrong", "inf, true 2"),
        ("torch.zeros(0)", "undecidable", "there is nothing to compare"),
        ("torch.ones(3)", "wrong", "the shapes do not fit"),
        ("torch.ones(2, 3, 4)", "wrong", "the shapes do not fit"),
        ("torch.tensor([2, 4])", "right", "equal"),
    ],
)
def test_strange_claims(tmp_path: Path, claim: str, verdict: str, words: str) -> None:
    content = report(
        notebook(tmp_path, X + f"dx = {claim}\ntorch.equal(dx, x.grad) if False else print(x.grad, '==', dx)")
    )
    assert content["notes"] == []
    (finding,) = content["findings"]
    assert finding["verdict"] == verdict
    assert words in finding["message"]


def test_a_true_gradient_that_is_nan(tmp_path: Path) -> None:
    text = (
        "import torch\nx = torch.tensor([0.0], requires_grad=True)\n(x / x).sum().backward()\ntorch.allclose(x.grad, x)"
    )
    (finding,) = report(notebook(tmp_path, text))["findings"]
    assert finding["verdict"] == "undecidable"
    assert "the true gradient is NaN" in finding["message"]


def test_a_random_forward_under_finite_differences(tmp_path: Path) -> None:
    text = """
import numpy as np
def loss(w):
    return np.sum((w * (np.random.rand(4) > 0.5)) ** 2)
def numerical_gradient(f, w, h=1e-6):
    return np.array([(f(w + h * e) - f(w - h * e)) / (2 * h) for e in np.eye(4)])
w = np.ones(4)
grad = 2 * w
print(np.allclose(grad, numerical_gradient(loss, w)))
"""
    (finding,) = report(notebook(tmp_path, text))["findings"]
    assert finding["verdict"] == "undecidable"
    assert "the function may be random" in finding["message"]


def test_objects_that_lie(tmp_path: Path) -> None:
    text = (
        X
        + """
class Liar:
    shape = property(lambda self: 1 / 0)
    dtype = "nonsense"
    def __eq__(self, other): raise RuntimeError("no")
    def __getattr__(self, name): raise KeyError(name)
    def __repr__(self): raise ValueError("not shown")
liar = Liar()
dx = liar
grads = {"x": liar}
x.grad is liar
print(x.grad, "<>", 3 * x.detach())
"""
    )
    content = report(notebook(tmp_path, text))
    assert [finding["verdict"] for finding in content["findings"]] == ["wrong"]
    assert content["notes"] == []


def test_what_is_seen_is_shown() -> None:
    assert visible("∂L/∂W = Xᵀ(ŷ − y)\n\tW₁") == "∂L/∂W = Xᵀ(ŷ − y)\n\tW₁"
    assert visible("a\u200bb\x7f\x9b\ud800") == r"a\u200bb\x7f\x9b\ud800"
