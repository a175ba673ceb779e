"""Imports go one way, stand at the top of their file, and name no package that their layer may not use."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "chainrule"
# Lower comes first. What shares a level does not import its neighbour. The public names (__init__) are below what is
# built on them, so `import chainrule` loads neither PyTorch's names nor the command line.
LEVELS = (
    {"errors"}, {"linear", "choices"}, {"op"}, {"ops", "program"}, {"tape"}, {"overwriting"},
    {"modes", "backward", "protocol"}, {"differentiable"}, {"tensor"}, {"as_written"},
    {"transforms"}, {"sparsity", "explain", "native"}, {"portable"}, {"check"}, {"__init__"},
    {"torch", "interop"}, {"cli"},
)  # fmt: skip
LEVEL = {layer: height for height, level in enumerate(LEVELS) for layer in level}
# The same within a layer that has folders.
INNER_LEVELS = {
    "check": (
        {"verdicts", "chain", "rewriting", "extension"}, {"rules", "watching"}, {"mistakes"}, {"function"},
        {"notebook"},
    ),
}  # fmt: skip
INNER_LEVEL = {
    layer: {folder: height for height, level in enumerate(levels) for folder in level}
    for layer, levels in INNER_LEVELS.items()
}
# Packages beyond the standard library. SciPy is absent: `import chainrule` must not pay for it (see LAZY).
PACKAGES = {"numpy", "opt_einsum"}
LAYER_PACKAGES = {
    "cli": {"typer", "rich", "nbformat", "jupytext"},
    "interop": {"scipy", "torch", "jax", "cyipopt"},
    "explain": {"latex2mathml"},
}
HIDDEN_IMPORTS = ("interop/", "explain/picture.py")  # extras that may be absent
LAZY = (
    "interop/",
    "linear/_scipy.py",
    "native/libraries.py",
    "portable/namespaces.py",
    "portable/helpers.py",
    "linear/spy.py",
    "explain/mathml.py",
    "cli/later.py",
    "check/function/twin.py",
    "__init__.py",
)  # may call importlib.import_module: the one way to a package used at need


def for_types(tree: ast.Module) -> list[ast.stmt]:
    """What stands under ``if TYPE_CHECKING`` at the top level: it is never run."""
    blocks = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    return [statement for block in blocks for statement in block.body]


def upward(layer: str, folder: str, target: str, target_folder: str) -> str:
    """What is wrong with an import from one place by another, if anything."""
    if target != layer:
        below = LEVEL.get(target, len(LEVELS)) < LEVEL[layer]
        return "" if below else f"{layer} imports {target}, which is not below it"
    if layer not in INNER_LEVEL or folder == target_folder:
        return ""
    below = INNER_LEVEL[layer].get(target_folder, len(LEVELS)) < INNER_LEVEL[layer][folder]
    return "" if below else f"{layer}/{folder} imports {layer}/{target_folder}, which is not below it"


def faults(file: str, text: str) -> list[str]:
    """What is wrong with the imports of a file, given as its path below the package and its text."""
    layer, folder, *_ = [*file.removesuffix(".py").split("/"), "__init__"]
    found, tree = [], ast.parse(text)
    if layer not in LEVEL:
        return [f"{file}: {layer} has no place in the order of layers"]
    if layer in INNER_LEVEL and folder not in INNER_LEVEL[layer] and folder != "__init__":
        return [f"{file}: {folder} has no place in the order of the folders of {layer}"]
    for node in ast.walk(tree):
        at = f"{file}:{getattr(node, 'lineno', 0)}: "
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            found += [] if file.startswith(LAZY) else [at + "an import by call"]
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        if node not in [*tree.body, *for_types(tree)] and not file.startswith(HIDDEN_IMPORTS):
            found.append(at + "an import that is not at the top level of its file")
        if isinstance(node, ast.ImportFrom) and node.level:
            found.append(at + "a relative import")
            continue
        source = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        if source == ["chainrule"] and isinstance(node, ast.ImportFrom):
            source = [f"chainrule.{alias.name}" if alias.name in LEVEL else "chainrule" for alias in node.names]
        for package, _, rest in (name.partition(".") for name in source):
            target, target_folder, *_ = [*(rest or "__init__").split("."), "__init__"]
            if package == "chainrule":
                found += [at + fault for fault in [upward(layer, folder, target, target_folder)] if fault]
            elif package not in sys.stdlib_module_names | PACKAGES | LAYER_PACKAGES.get(layer, set()):
                found.append(at + f"{layer} imports the package {package}")
    return found


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_imports(path: Path) -> None:
    assert faults(path.relative_to(SOURCE).as_posix(), path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("linear/term.py", "from chainrule.tensor import Tensor", "linear imports tensor, which is not below it"),
        ("program/node.py", "from chainrule import ops", "program imports ops, which is not below it"),
        ("ops/shape.py", "import chainrule.program.node", "ops imports program, which is not below it"),
        ("tensor.py", "import chainrule as cr", "tensor imports __init__, which is not below it"),
        ("tensor.py", "from chainrule import grad", "tensor imports __init__, which is not below it"),
        ("tensor.py", "from chainrule.somewhere import f", "tensor imports somewhere, which is not below it"),
        ("op.py", "def f():\n    import math", "an import that is not at the top level of its file"),
        ("op.py", "try:\n    import numpy\nexcept ImportError: ...", "an import that is not at the top level"),
        ("op.py", "import importlib\nimportlib.import_module('scipy')", "an import by call"),
        ("ops/special.py", "import scipy.special", "ops imports the package scipy"),
        ("check/function/checking.py", "import torch", "check imports the package torch"),
        ("op.py", "from .linear import term", "a relative import"),
        ("extra/thing.py", "", "extra has no place in the order of layers"),
        ("check/extra/thing.py", "", "extra has no place in the order of the folders of check"),
        (
            "check/chain/links.py",
            "from chainrule.check.rules.forms import f",
            "check/chain imports check/rules, which is not below it",
        ),
        (
            "check/function/checking.py",
            "import chainrule.check.notebook.claims",
            "check/function imports check/notebook, which is not below it",
        ),
    ],
)  # fmt: skip
def test_a_planted_fault_is_caught(file: str, text: str, fault: str) -> None:
    assert len(faults(file, text)) == 1
    assert fault in faults(file, text)[0]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("ops/shape.py", "import numpy as np\nfrom chainrule.linear.term import Term\nfrom chainrule.op import define"),
        ("cli/main.py", "import typer\nfrom chainrule import grad, torch"),
        ("check/rules/forms.py", "import chainrule.tensor\nfrom chainrule.check.chain.links import Link"),
        ("interop/torch.py", "def f():\n    import torch"),
        ("linear/_scipy.py", "from importlib import import_module\nsparse = import_module('scipy.sparse')"),
        ("__init__.py", "from chainrule.tensor import Tensor"),
    ],
)
def test_what_is_allowed_passes(file: str, text: str) -> None:
    assert faults(file, text) == []
