"""The stand-in prints, and raises, what PyTorch does: as stored everywhere, as PyTorch itself where it is installed."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule.torch as facade
from tests.torch import draws
from tests.torch.expressions import outcome
from tests.torch.notebook import transcript

GOLDEN = Path(__file__).parents[1] / "golden"
STORED = json.loads((GOLDEN / "torch_expressions.json").read_text(encoding="utf-8"))
PROGRAM = """
import sys
import chainrule.torch
chainrule.torch.install()
from tests.torch.notebook import transcript
print(transcript(open(sys.argv[1], encoding="utf-8").read()), end="")
"""


@pytest.mark.parametrize("number", range(len(STORED)))
def test_an_expression_gives_what_is_stored(number: int) -> None:
    expression, expected = STORED[number]
    assert outcome(facade, expression) == expected, expression


@pytest.mark.oracle
def test_what_is_stored_is_what_pytorch_gives() -> None:
    torch = draws.real_torch()
    for expression, expected in STORED[::7]:
        assert outcome(torch, expression) == expected, expression


def test_a_notebook_prints_what_is_stored() -> None:
    """In a process of its own, where `import torch` finds the stand-in."""
    path = GOLDEN / "torch_notebook.cells"
    root = str(GOLDEN.parents[1])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout == (GOLDEN / "torch_notebook.txt").read_text(encoding="utf-8")


@pytest.mark.oracle
def test_the_notebook_prints_the_same_with_pytorch() -> None:
    draws.real_torch()
    expected = (GOLDEN / "torch_notebook.txt").read_text(encoding="utf-8")
    assert transcript((GOLDEN / "torch_notebook.cells").read_text(encoding="utf-8")) == expected


# --- random programs: chains of methods on a matrix, forwards and backwards ---

STEPS = [
    "t.sum({d})",
    "t.mean({d}, keepdim=True)",
    "t.cumsum({d})",
    "t.softmax({d})",
    "t.log_softmax({d})",
    "t.logsumexp({d})",
    "t.max({d})[0]",
    "t.min({d}).values",
    "t.amax({d}, True)",
    "t.std({d}, unbiased=False)",
    "t.var({d}, correction=0)",
    "t.norm(dim={d})",
    "t.sort({d}, descending=True)[0]",
    "t.flip({d})",
    "t.roll(1, {d})",
    "t.unsqueeze({d})",
    "t.transpose(0, {d})",
    "t.narrow({d}, 0, 1)",
    "t.select({d}, 0)",
    "t.repeat_interleave(2, dim={d})",
    "torch.stack([t, t * 2], {d})",
    "torch.cat([t, t.exp()], {d})",
    "t.chunk(2, {d})[0]",
    "t.unbind({d})[-1]",
    "t.reshape(-1)",
    "t.flatten()",
    "t.square()",
    "t.abs() + 0.5",
    "t.tanh() * t",
    "t.sigmoid()",
    "t.clamp(-1, 1)",
    "torch.relu(t) + t / 3",
    "t ** 2 - 2 * t",
    "1 / (t * t + 1)",
    "torch.where(t > 0, t, t.exp())",
    "t.masked_fill(t < 0, 0.1)",
    "t[..., :1] * t",
    "t[None] - 1",
    "t.double() * 1.5",
    "t.expand(2, *t.shape)",
    "t.prod()",
    "torch.atan2(t, t + 3)",
    "F.softplus(t)",
    "F.leaky_relu(t, 0.1)",
    "F.gelu(t)",
    "F.mse_loss(t, torch.zeros_like(t))",
    "t.tril() if t.ndim > 1 else t",
    "t.mT @ t if t.ndim > 1 else t @ t if t.ndim else t",
]


def chain(torch: Any, seed: int) -> list[Any]:
    """The results of a random chain of steps and of its backward; for what is raised its kind."""
    choice = random.Random(seed)
    torch.manual_seed(seed)
    start = torch.randn(3, 2, requires_grad=True)
    t = start
    results: list[Any] = []
    for _ in range(choice.randint(1, 6)):
        step = choice.choice(STEPS).format(d=choice.choice([0, 1, -1]))
        try:
            t = eval(step, {"torch": torch, "F": torch.nn.functional, "t": t})
        except (RuntimeError, IndexError) as problem:
            results.append((step, type(problem).__name__))
        if t.numel() > 500:
            break
    results.append((str(t.dtype), tuple(t.shape), t.detach().numpy()))
    t.backward(torch.ones_like(t))
    if start.grad is not None:
        results.append((str(start.grad.dtype), tuple(start.grad.shape), start.grad.numpy()))
    return results


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("start", range(0, 400, 50))
def test_random_programs_agree_with_pytorch(start: int) -> None:
    torch = draws.real_torch()
    for seed in range(start, start + 50):
        for ours, theirs in zip(chain(facade, seed), chain(torch, seed), strict=True):
            assert ours[:2] == theirs[:2], seed
            if len(ours) > 2:
                np.testing.assert_allclose(ours[2], theirs[2], rtol=2e-4, atol=2e-5, err_msg=str(seed))
