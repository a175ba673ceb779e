"""Runs the cells of a notebook as Jupyter would, statement by statement, in one namespace.

Two things differ from Jupyter, so that one failing line does not hide the rest of a notebook. When a statement raises,
the statements after it in its cell still run, except those that use a name which a failed statement would have set.
And lines for the shell or for IPython are not run: magics that only tell IPython how to show things are dropped, the
others are reported.
"""

from __future__ import annotations

import ast
import contextlib
import io
import linecache
import re
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pprint import pformat
from typing import Any, TypeGuard

from chainrule.check.rewriting.site import file_of_cell

__all__ = ["Outcome", "run_cell"]

# Magics that change how things are shown, timed or reloaded, and nothing that a gradient could depend on.
HARMLESS = frozenset(
    "matplotlib config autoreload load_ext reload_ext time timeit prun precision pylab pdb xmode capture".split()
)
# Cell magics whose cell is still Python in this namespace.
TRANSPARENT = frozenset({"time", "timeit", "capture", "prun", "memit"})


@dataclass
class Outcome:
    """What became of a cell: its printed text, what it displayed, its errors as (line, message), and more."""

    printed: str = ""
    displayed: str | None = None
    errors: list[tuple[int, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    stopped: bool = False
    seconds: float = 0.0


def plain_python(source: str) -> tuple[str, list[str]]:
    """The cell without lines that are not Python, and notes on what was left out; lines keep their numbers.

    >>> plain_python("%matplotlib inline\\nx = 1")
    ('pass\\nx = 1', [])
    >>> plain_python("!pip install torch\\nx = 1")
    ('pass\\nx = 1', ['not run: !pip install torch'])
    """
    lines = source.splitlines()
    first = next((number for number, line in enumerate(lines) if line.strip()), None)
    if first is not None and lines[first].lstrip().startswith("%%"):
        word = lines[first].lstrip()[2:].split()[0] if lines[first].lstrip()[2:].split() else ""
        if word not in TRANSPARENT:
            return "", [f"not run: a cell for %%{word}"]
        lines[first] = ""
        source = "\n".join(lines)
    try:
        ast.parse(source)
    except SyntaxError:
        pass
    else:
        return source, []
    notes: list[str] = []
    return "\n".join(_plain_line(line, notes) for line in source.splitlines()), notes


def _plain_line(line: str, notes: list[str]) -> str:
    indent, text = re.match(r"(\s*)(.*)", line, re.DOTALL).groups()  # type: ignore[union-attr]
    if text.startswith("!"):
        notes.append(f"not run: {text}")
        return f"{indent}pass"
    magic = re.match(r"%(\w+)\s*(.*)", text)
    if magic:
        if magic[1] in {"time", "prun"} and magic[2]:
            return indent + magic[2]
        if magic[1] not in HARMLESS:
            notes.append(f"not run: {text}")
        return f"{indent}pass"
    assigned = re.match(r"([A-Za-z_][\w, ]*)=\s*([!%].*)", text)
    if assigned:
        notes.append(f"not run: {assigned[2]}")
        return f"{indent}{assigned[1].strip()} = []"
    if re.fullmatch(r"\??\??[\w.]+\?\??|\?\??[\w.]+", text) and "?" in text:
        return f"{indent}pass"
    return line


def run_cell(
    number: int,
    source: str,
    namespace: dict[str, Any],
    prepare: Callable[[ast.Module], ast.Module] = lambda tree: tree,
    stop: tuple[type[BaseException], ...] = (),
) -> Outcome:
    """Run one cell in ``namespace`` and say what came of it.

    ``prepare`` may rewrite the parsed cell. An exception of a type in ``stop`` is not caught here.

    >>> outcome = run_cell(1, "x = missing\\ny = x + 1\\nimport math\\nprint(math.tau)\\n2 + 2", {})
    >>> outcome.errors, outcome.skipped, outcome.printed, outcome.displayed
    ([(1, "NameError: name 'missing' is not defined")], [2], '6.283185307179586\\n', '4')
    """
    outcome = Outcome()
    source, outcome.notes = plain_python(source)
    file = file_of_cell(number)
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    start = time.perf_counter()
    text = io.StringIO()
    try:
        tree = ast.parse(source, file)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
        line = getattr(problem, "lineno", None) or 1
        outcome.errors.append((line, _last_line(problem)))
        return outcome
    quiet = source.rstrip().endswith(";")
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(io.StringIO()):
        try:
            _run_statements(file, tree, namespace, prepare, outcome, stop, quiet)
        finally:
            outcome.printed = text.getvalue()
            outcome.seconds = time.perf_counter() - start
    return outcome


def _run_statements(
    file: str,
    tree: ast.Module,
    namespace: dict[str, Any],
    prepare: Callable[[ast.Module], ast.Module],
    outcome: Outcome,
    stop: tuple[type[BaseException], ...],
    quiet: bool,
) -> None:
    tainted: set[str] = set()
    uses = [(_reads(statement), _sets(statement), statement.lineno) for statement in tree.body]
    shown = tree.body[-1] if tree.body and isinstance(tree.body[-1], ast.Expr) and not quiet else None
    marks = {id(statement): number for number, statement in enumerate(tree.body)}
    prepared = prepare(tree)
    current = -1
    failed: set[int] = set()
    for statement in prepared.body:
        current = marks.get(id(statement), current)  # a hook belongs to the statement that it follows
        reads, sets, line = uses[current]
        if current in failed:
            continue
        if tainted & reads:
            tainted |= sets
            failed.add(current)
            outcome.skipped.append(line)
            continue
        try:
            value = _run(file, statement, namespace, display=statement is shown)
            if statement is shown and value is not None:
                namespace["_"] = value
                outcome.displayed = _displayed(value)
        except stop:
            raise
        except SystemExit as problem:
            outcome.errors.append((line, f"SystemExit: {problem.code}" if problem.code else "SystemExit"))
            return
        except BaseException as problem:
            outcome.errors.append((_line_of(problem, file, line), _last_line(problem)))
            tainted |= sets
            failed.add(current)
            continue
        tainted -= sets


def _run(file: str, statement: ast.stmt, namespace: dict[str, Any], *, display: bool) -> Any:
    if display and isinstance(statement, ast.Expr):
        return eval(compile(ast.Expression(statement.value), file, "eval", dont_inherit=True), namespace)
    exec(compile(ast.Module([statement], []), file, "exec", dont_inherit=True), namespace)
    return None


def _displayed(value: Any) -> str:
    """What Jupyter shows of a value: lists and dictionaries broken over lines, everything else as it says itself."""
    return pformat(value, width=79, compact=True) if type(value) in {list, dict, set} else repr(value)


def _reads(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        # what its body reads matters only when it is called
        return {
            node.id
            for part in (*statement.decorator_list, statement.args)
            for node in ast.walk(part)
            if isinstance(node, ast.Name)
        }
    added = {
        node.target.id for node in ast.walk(statement) if isinstance(node, ast.AugAssign) and _is_name(node.target)
    }
    return added | {
        node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


def _is_name(node: ast.AST) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name)


def _sets(statement: ast.stmt) -> set[str]:
    """The names that a statement binds or writes to."""
    found: set[str] = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
            inner: ast.AST = node
            while isinstance(inner, ast.Attribute | ast.Subscript):
                inner = inner.value
            if isinstance(inner, ast.Name):
                found.add(inner.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return found


def _last_line(problem: BaseException) -> str:
    """The last line of the traceback, one line even for long messages."""
    text = traceback.format_exception_only(type(problem), problem)
    said = [line for line in "".join(text).strip().splitlines() if line.strip()]
    last = next((line for line in said if re.match(r"^[\w.]+(:|$)", line)), said[-1] if said else "")
    return last.strip()[:500]


def _line_of(problem: BaseException, file: str, default: int) -> int:
    """The line of the cell in which an exception arose, or from which it was called last."""
    lines = [number for frame, number in traceback.walk_tb(problem.__traceback__) if frame.f_code.co_filename == file]
    return lines[-1] if lines else default
