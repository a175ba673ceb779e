"""`import torch` finds the stand-in after `install`, and what is not there says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import chainrule.torch as torch
from chainrule.errors import AlreadyImportedError, MissingModuleError, NotProvidedError

ROOT = Path(__file__).parents[2]
START = "import chainrule.torch as stand_in\nstand_in.install()\n"


def run(program: str) -> str:
    """What a program prints, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT / "src", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_finds_it() -> None:
    program = """
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch import Tensor, autograd, nn, optim
from torch.autograd import Variable
from torch.autograd.functional import hessian, jacobian
from torch.func import grad, jacrev, vmap
from torch.nn.functional import relu
from torch.utils.data import DataLoader, TensorDataset
print(torch.tensor([1.0]), Tensor is torch.Tensor, nn is torch.nn, F.relu is relu, torch.__name__)
stand_in.uninstall()
import sys
print("torch" in sys.modules)
"""
    assert run(START + program) == "tensor([1.]) True True True torch\nFalse\n"


@pytest.mark.parametrize(
    ("statement", "kind", "parts"),
    [
        ("import torch.fft", "ModuleNotFoundError", ["No module named 'torch.fft'", "torch.nn"]),
        ("from torch import fft", "ModuleNotFoundError", ["'fft'", "torch.autograd"]),
        ("from torch.nn import Transformer", "ImportError", ["cannot import name 'Transformer'", "There is"]),
        ("from torch.nn.functional import leaky_rel", "ImportError", ["'leaky_rel'", "leaky_relu"]),
        ("import torch; torch.distributions", "AttributeError", ["no attribute 'distributions'", "There is: "]),
        ("import torch; torch.nn.Linea", "AttributeError", ["module 'torch.nn'", "There is: Linear."]),
        ("import torch; torch.ones(2).sigmoit()", "AttributeError", ["'Tensor' object", "sigmoid"]),
    ],
)
def test_what_is_not_there_says_so_and_what_is(statement: str, kind: str, parts: list[str]) -> None:
    program = f"""
try:
    {statement}
except Exception as problem:
    print(type(problem).__name__, problem)
"""
    said = run(START + program)
    assert said.startswith(f"{kind} ")
    assert all(part in said for part in parts), said


def test_install_refuses_when_pytorch_is_there() -> None:
    program = """
import sys, types
real = types.ModuleType("torch")
sys.modules["torch"] = real
import chainrule.torch as stand_in
try:
    stand_in.install()
except stand_in_error as problem:
    print(problem)
stand_in.install(force=True)
import torch
print(torch is not real, torch.ones(1))
stand_in.uninstall()
import torch
print(torch is real)
"""
    program = "from chainrule.errors import AlreadyImportedError as stand_in_error\n" + program
    said = run(program)
    assert "install(): PyTorch itself is already imported" in said
    assert "force=True" in said
    assert said.endswith("True tensor([1.])\nTrue\n")
    assert issubclass(AlreadyImportedError, ImportError)


def test_an_absent_name_is_an_attribute_error_to_hasattr() -> None:
    assert not hasattr(torch, "fft")
    assert not hasattr(torch.ones(1), "to_sparse_csr")
    with pytest.raises(NotProvidedError, match="module 'torch' has no attribute 'fft'"):
        _ = torch.fft
    assert issubclass(MissingModuleError, ModuleNotFoundError)


def test_a_graphics_card_is_refused_with_a_way_out() -> None:
    assert not torch.cuda.is_available()
    for ask in (torch.ones(1).cuda, lambda: torch.ones(1, device="cuda"), lambda: torch.ones(1).to("cuda:0")):
        with pytest.raises(AssertionError, match=r"Torch not compiled with CUDA enabled\n.*is_available"):
            ask()
