"""The magics of Jupyter and IPython: `%%check` judges the claims of a cell, `%derive f(x, y)` shows a derivation.

After `%load_ext chainrule` the operations of all cells are watched, so that a `%%check` cell may speak of what cells
before it computed. `%unload_ext chainrule` ends that. IPython is not imported: it hands over its shell.
"""

from __future__ import annotations

import ast
import builtins
import linecache
import sys
from contextlib import ExitStack
from typing import Any

from chainrule.check.notebook.claims import Watcher
from chainrule.check.rewriting.site import HOOK, file_of_cell
from chainrule.check.rewriting.source import instrument
from chainrule.check.verdicts.finding import Finding
from chainrule.cli.cards import cards_of
from chainrule.cli.standin import StandIn
from chainrule.errors import ChainruleError
from chainrule.explain.derivation import Derivation
from chainrule.explain.derive import derive
from chainrule.explain.report.fragment import fragment
from chainrule.interop.pytorch import PyTorch

__all__ = ["load_ipython_extension", "unload_ipython_extension"]

DERIVE = "__derive__"
_session: Session | None = None


def load_ipython_extension(shell: Any) -> None:
    """Begin to watch, and offer the magics: what `%load_ext chainrule` calls."""
    global _session
    unload_ipython_extension(shell)
    _session = Session(shell)
    shell.register_magic_function(_session.check, "cell", "check")
    shell.register_magic_function(_session.derive, "line", "derive")


def unload_ipython_extension(shell: Any) -> None:
    """Watch no longer: what `%unload_ext chainrule` calls."""
    global _session
    if _session is not None:
        _session.close()
        _session = None


class Session:
    """One shell that is watched; the claims of its `%%check` cells are judged by one watcher."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.watcher = Watcher([StandIn()])
        self.watcher.scene.keeps_all = True
        self._undo = ExitStack()
        self._undo.enter_context(self.watcher.watching())
        self._cells = 0
        setattr(builtins, HOOK, self.watcher)  # it stays: functions of checked cells call it for ever
        shell.events.register("pre_run_cell", self._look_for_torch)
        self._undo.callback(shell.events.unregister, "pre_run_cell", self._look_for_torch)
        self._look_for_torch()

    def close(self) -> None:
        """Leave everything as it was."""
        self._undo.close()

    def _look_for_torch(self, *_: Any) -> None:
        """Watch PyTorch too, once the notebook has imported it."""
        module = sys.modules.get("torch")
        real = module is not None and not module.__name__.startswith("chainrule")
        if real and len(self.watcher.backends) == 1:
            self._undo.enter_context(self.watcher.watching_also(PyTorch()))

    def check(self, line: str, cell: str) -> None:
        """Run the cell, and show under it what its claims are worth: ``%%check``."""
        self._look_for_torch()
        self._cells += 1
        if self._run(self.shell.transform_cell(cell)):
            self.watcher.leave(self.shell.user_ns)
            self.watcher.finish()
            self._show([finding for finding in self.watcher.findings if self._cells in _cells(finding)])

    def _run(self, source: str) -> bool:
        """Run the cell's code, rewritten; says whether there is anything to judge."""
        shell, file = self.shell, file_of_cell(self._cells)
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        try:
            tree = ast.parse(source, file)
        except SyntaxError:
            shell.showsyntaxerror()
            return False
        quiet = source.rstrip().endswith(";")
        shown = bool(tree.body) and isinstance(tree.body[-1], ast.Expr) and not quiet
        last = tree.body[-1] if shown else None
        instrument(tree, self.watcher.sites)
        self.watcher.enter(self._cells)
        try:
            for statement in tree.body:
                block: Any = ast.Interactive([statement]) if statement is last else ast.Module([statement], [])
                mode = "single" if statement is last else "exec"  # which shows what the expression gives
                exec(compile(block, file, mode, dont_inherit=True), shell.user_global_ns, shell.user_ns)
        except BaseException as problem:
            shell.showtraceback((type(problem), problem, problem.__traceback__), tb_offset=1)
        return True

    def _show(self, findings: list[Finding]) -> None:
        told = "\n".join([_line(finding) for finding in findings]) or "no claim about a gradient in this cell"
        for problem in self.watcher.problems:
            told += f"\n{problem}"
        self.watcher.problems.clear()
        data = {"text/plain": told}
        if findings:
            data["text/html"] = fragment(None, cards_of(self.watcher, findings))
        self.shell.display_pub.publish(data=data, metadata={})

    def derive(self, line: str) -> Derivation | None:
        """Derive the function of a call, at its arguments: ``%derive f(x, y)``."""
        try:
            call = ast.parse(line.strip(), mode="eval").body
        except SyntaxError:
            call = None
        if not isinstance(call, ast.Call):
            self.shell.show_usage_error("%derive takes a call, as in %derive loss(X, W, Y)")
            return None
        call.func = ast.Call(ast.Name(DERIVE, ast.Load()), [call.func], [])
        code = compile(ast.fix_missing_locations(ast.Expression(call)), "<derive>", "eval", dont_inherit=True)
        try:
            derivation: Derivation = eval(code, self.shell.user_global_ns, {**self.shell.user_ns, DERIVE: derive})
            return derivation
        except ChainruleError as problem:
            self.shell.show_usage_error(str(problem))
            return None


def _cells(finding: Finding) -> set[int]:
    return {finding.cell, *(cell for cell, _ in finding.also)}


def _line(finding: Finding) -> str:
    """A finding as one line of text, and its fix as another."""
    told = f"{'✓' if finding.ok else '✗'} {finding.name}: {finding.verdict}, {finding.message}"
    return f"{told}\n  → {finding.fix}" if finding.fix else told
