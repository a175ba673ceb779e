"""Runs cells under a watcher in this process, with chainrule standing in for PyTorch, or with PyTorch itself."""

from __future__ import annotations

import builtins
import importlib
import sys
import textwrap
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from chainrule.check.notebook.claims import Watcher
from chainrule.check.rewriting.site import HOOK
from chainrule.check.rewriting.source import instrument
from chainrule.check.verdicts.finding import Finding
from chainrule.check.watching.backend import Backend
from chainrule.cli.cells import Outcome, run_cell
from chainrule.cli.standin import StandIn
from chainrule.interop.pytorch import PyTorch

SETUP = "import numpy as np, math"


@dataclass
class Audit:
    """What came of some cells."""

    findings: list[Finding]
    outcomes: list[Outcome]
    problems: list[str]
    namespace: dict[str, Any]
    backends: tuple[Backend, ...] = ()

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdict by the name of the claim; where a name is claimed twice, the last one."""
        return {finding.name: finding.verdict for finding in self.findings}

    def only(self, name: str) -> Finding:
        """The one finding of that name."""
        (found,) = [finding for finding in self.findings if finding.name == name]
        return found


Audits = Callable[..., Audit]


@pytest.fixture(params=["chainrule", pytest.param("torch", marks=pytest.mark.oracle)])
def audit(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Audits:
    """A function that runs cells (texts) and returns an `Audit`."""
    backend: Backend
    if request.param == "torch":
        backend, torch = PyTorch(), importlib.import_module("torch")
    else:
        backend, torch = StandIn(), importlib.import_module("chainrule.torch")
    watcher = Watcher([backend])
    module = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", module)
    monkeypatch.setattr(builtins, HOOK, watcher, raising=False)
    backend.seed(0)

    def run(*cells: str) -> Audit:
        namespace = module.__dict__
        namespace["torch"] = torch
        exec(SETUP, namespace)
        outcomes = []
        with watcher.watching():
            for number, cell in enumerate(cells, start=1):

                def prepare(tree: Any, number: int = number) -> Any:
                    tree = instrument(tree, watcher.sites)
                    watcher.enter(number)
                    return tree

                outcomes.append(run_cell(number, textwrap.dedent(cell), namespace, prepare))
                watcher.leave(namespace)
            watcher.finish()
        return Audit(watcher.findings, outcomes, watcher.problems, namespace, watcher.backends)

    return run
