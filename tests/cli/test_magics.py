"""`%load_ext chainrule`, `%%check` and `%derive` in a real IPython shell."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest

LAYER = """
import numpy as np
import chainrule as cr
X, Y = np.arange(6.0).reshape(3, 2), np.ones((3, 1))
W = cr.tensor([[0.5], [-0.25]], requires_grad=True)
loss = np.mean((X @ W - Y) ** 2)
loss.backward()
"""


class Shell:
    """A shell, what it displays, and what it prints."""

    def __init__(self, shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
        self.shell = shell
        self.capsys = capsys
        self.published: list[dict[str, str]] = []
        shell.display_pub.publish = self._publish

    def _publish(self, data: dict[str, str], **_: Any) -> None:
        self.published.append(data)

    def run(self, cell: str) -> tuple[Any, str]:
        """Run a cell; returns its value and what it printed."""
        result = self.shell.run_cell(cell)
        return result.result, self.capsys.readouterr().out

    def check(self, cell: str) -> str:
        """Run a cell under `%%check`; returns what is said of its claims."""
        self.run(f"%%check\n{cell}")
        return self.published[-1]["text/plain"]


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Iterator[Shell]:
    made = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell()
    made.run_line_magic("load_ext", "chainrule")
    yield Shell(made, capsys)
    made.run_line_magic("unload_ext", "chainrule")


def test_a_right_and_a_wrong_claim(shell: Shell) -> None:
    shell.run(LAYER)
    told = shell.check("dW = 2 / 3 * X.T @ (X @ W - Y)\nnp.allclose(dW, W.grad)")
    assert told.startswith("✓ dW: right")
    told = shell.check("dW = 2 * X.T @ (X @ W - Y)\nprint('ran')")
    assert told.startswith("✗ dW: wrong, ")
    assert "→ " in told
    html = shell.published[-1]["text/html"]
    assert "dW" in html
    assert "http" not in html.replace("http://www.w3.org", "")


def test_the_cell_runs_as_it_would_without(shell: Shell) -> None:
    _, printed = shell.run("%%check\ny = 2\nprint('said')\ny + 1")
    assert "said" in printed
    assert "Out" in printed and "3" in printed
    assert shell.run("y")[0] == 2
    assert shell.published[-1]["text/plain"] == "no claim about a gradient in this cell"


def test_a_cell_that_raises_shows_its_traceback(shell: Shell) -> None:
    _, printed = shell.run("%%check\nx = 1\nx / 0\nz = 2")
    assert "ZeroDivisionError" in printed
    assert "NameError" in shell.run("z")[1]
    assert "SyntaxError" in shell.run("%%check\nx = = 1")[1]


def test_one_mistake_is_one_cause(shell: Shell) -> None:
    shell.run(LAYER.replace("np.mean((X @ W - Y) ** 2)", "np.mean((out := X @ W - Y) ** 2)"))
    told = shell.check("dout = 2 * out\ndW = X.T @ dout")
    assert "✗ dout: wrong" in told
    assert "✗ dW: wrong, right, given your dout, which is wrong" in told


def test_pytorch_is_watched_once_it_is_imported(shell: Shell) -> None:
    pytest.importorskip("torch")
    shell.run("import torch\nx = torch.tensor([1.0, 2.0], requires_grad=True)\n")
    shell.run("(x ** 2).sum().backward()")
    assert shell.check("print(x.grad, '<>', 3 * x.detach())").startswith("✗ x.grad: wrong")


def test_derive(shell: Shell) -> None:
    shell.run(
        "import numpy as np\ndef mse(X, W):\n    return np.mean((X @ W) ** 2)\nX, W = np.ones((7, 5)), np.ones((5, 3))"
    )
    derivation, printed = shell.run("%derive mse(X, W=W)")
    assert "∂mse/∂W" in derivation.text
    assert "∂mse/∂W" in printed
    assert derivation._repr_html_()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%derive", "%derive takes a call"),
        ("%derive x +", "%derive takes a call"),
        ("%derive np.sign", "%derive takes a call"),
        ("%derive (lambda x: 'text')(1.0)", "expected an array, a number"),
        ("%derive undefined(1.0)", "NameError"),
    ],
)
def test_what_cannot_be_derived(shell: Shell, line: str, words: str) -> None:
    shell.run("import numpy as np")
    result = shell.shell.run_cell(line)
    captured = shell.capsys.readouterr()
    assert words in captured.out + captured.err
    assert result.result is None


def test_after_unloading_nothing_is_watched(shell: Shell) -> None:
    from_ours = importlib.import_module("chainrule.tape")
    assert from_ours._observer is not None
    shell.shell.run_line_magic("unload_ext", "chainrule")
    assert from_ours._observer is None
    shell.shell.run_line_magic("load_ext", "chainrule")
