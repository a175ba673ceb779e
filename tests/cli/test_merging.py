"""A second run in another way: what it adds, and what is left as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from chainrule.check.verdicts.finding import Finding
from chainrule.cli.main import app
from chainrule.cli.merging import add_claims, add_explanations


def finding(name: str, verdict: str, mistake: str | None = None, **details: str) -> Finding:
    return Finding(name, 1, 1, verdict, f"told of {name}", mistake, details=dict(details))


def explained(name: str, **details: str) -> Finding:
    return Finding(name, 1, 1, "wrong", "the mask", "mask-missing", "h", dict(details), fix="mask it", hint="look")


def test_explanations_are_taken_over() -> None:
    ours = [finding("dW", "wrong", "unknown"), finding("db", "right"), finding("dx", "wrong", "sign")]
    add_explanations(ours, [explained("dW"), explained("db"), finding("dx", "wrong", "unknown")])
    assert [(one.mistake, one.step, one.fix, one.hint) for one in ours] == [
        ("mask-missing", "h", "mask it", "look"),
        (None, None, "", ""),
        ("sign", None, "", ""),
    ]


def test_what_follows_is_taken_over() -> None:
    ours = [finding("dW", "wrong", "unknown")]
    add_explanations(ours, [finding("dW", "wrong", follows="dz")])
    assert ours[0].follows


def test_claims_are_added_in_order() -> None:
    late = Finding("dV", 2, 1, "right", "equal")
    ours = [late, finding("grads", "wrong", "unknown", truth="finite differences")]
    add_claims(ours, [explained("grads"), explained("dz"), finding("dq", "right", truth="finite differences")])
    assert [(one.name, one.mistake) for one in ours] == [
        ("grads", "mask-missing"),
        ("dz", "mask-missing"),
        ("dV", None),
    ]


def check(path: Path, text: str, *arguments: str) -> Any:
    path.write_text(text)
    return json.loads(CliRunner().invoke(app, ["check", str(path), "--json", *arguments]).stdout)["findings"]


NET = """
X, Y = {random}(7, 5), {random}(7, 3)
W1, W2 = {random}(5, 11), {random}(11, 3)
{track}
z = X @ W1
h = {tanh}(z)
out = h @ W2
loss = ((out - Y) ** 2).mean()
{backward}
dout = 2 * (out - Y) / 21
dW2 = h.T @ dout
dz = (dout @ W2.T) * (1 - z ** 2)
dW1 = X.T @ dz
"""


def test_plain_numpy(tmp_path: Path) -> None:
    text = "import numpy as np\n" + NET.format(random="np.random.randn", track="", tanh="np.tanh", backward="")
    found = check(tmp_path / "net.py", text)
    assert [one["name"] for one in found] == ["dout", "dW2", "dz", "dW1"]
    assert [one["verdict"].startswith("right") for one in found] == [True, True, False, False]
    assert found[2]["step"] == "h"
    assert found[3]["details"]["follows"] == "dz"


@pytest.mark.oracle
def test_pytorch_itself_is_explained_by_the_stand_in(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    track = "W1.requires_grad_(); W2.requires_grad_()"
    options = {"random": "torch.randn", "tanh": "torch.tanh", "track": track, "backward": "loss.backward()"}
    text = "import torch\n" + NET.format(**options) + "print(torch.allclose(dW1, W1.grad))\n"
    ours, theirs = (check(tmp_path / "net.py", text, f"--torch={name}") for name in ("chainrule", "torch"))
    assert [one["mistake"] for one in theirs if one["verdict"] == "wrong"] == [
        one["mistake"] for one in ours if one["verdict"] == "wrong"
    ]
    assert next(one for one in theirs if one["name"] == "dz")["step"] == "h"
