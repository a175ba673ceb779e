"""Writes what PyTorch prints for the programs and expressions of the tests (python -m tests.torch.write_programs)."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

from tests.torch.expressions import outcome
from tests.torch.notebook import transcript

GOLDEN = Path(__file__).parents[1] / "golden"

if __name__ == "__main__":
    torch = importlib.import_module("torch")  # needed to write, not to be collected with the tests
    notebook = transcript((GOLDEN / "torch_notebook.cells").read_text(encoding="utf-8"))
    (GOLDEN / "torch_notebook.txt").write_text(notebook, encoding="utf-8")
    stored = json.loads((GOLDEN / "torch_expressions.json").read_text(encoding="utf-8"))
    renewed = [[expression, outcome(torch, expression)] for expression, _ in stored]
    text = json.dumps(renewed, ensure_ascii=False, indent=0)
    (GOLDEN / "torch_expressions.json").write_text(text + "\n", encoding="utf-8")
