"""Expressions of PyTorch's, evaluated with PyTorch or with its stand-in, and what they print or raise."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np

SETUP = """
torch.manual_seed(0)
x = torch.tensor([1.0, 2.0, 3.0])
xr = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
s = torch.tensor(2.0, requires_grad=True)
M = torch.arange(6.0).view(2, 3)
Mr = torch.tensor([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]], requires_grad=True)
B3 = torch.arange(24.0).reshape(2, 3, 4)
I = torch.tensor([[3, 1, 2], [6, 5, 4]])
b = torch.tensor([True, False, True])
xd = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
xi = torch.tensor([1, 2, 3])
S = torch.tensor([[2.0, 1.0], [1.0, 3.0]], requires_grad=True)
a = np.zeros(3)

def grads(f, *given):
    leaves = [t.detach().clone().requires_grad_() for t in given]
    y = f(*leaves)
    y.backward(torch.ones_like(y))
    return y, [t.grad for t in leaves]

def seta(i, v):
    a[i] = v
    return a

def twice(y):
    y.backward(retain_graph=False)
    y.backward()

def do(code):
    names = dict(EVERYTHING)
    exec(code, names)
    return names.get("r")
"""


def scope(torch: Any) -> dict[str, Any]:
    """The names that an expression may use."""
    names: dict[str, Any] = {"torch": torch, "np": np, "nn": torch.nn, "F": torch.nn.functional}
    exec(SETUP, names)
    names["EVERYTHING"] = names
    return names


def outcome(torch: Any, expression: str) -> str:
    """What an expression prints as, or the type and first line of what it raises; names in ``grad_fn=<…>`` left out."""
    names = scope(torch)
    torch.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            text = repr(eval(expression, names))
        except Exception as problem:
            text = f"{type(problem).__name__}: {str(problem).partition(chr(10))[0]}"
        finally:
            torch.set_printoptions(profile="default")
            torch.set_grad_enabled(True)
    text = re.sub(r" at 0x[0-9a-f]+", "", text)
    return re.sub(r",\s*grad_fn=<\w+>", ", grad_fn=<>", text)
