"""How often a loop of the user's code runs, as its first line says it: so often always, or as often as this time."""

from __future__ import annotations

import ast
import linecache

from chainrule.explain.computation import Step

__all__ = ["says_turns"]


def says_turns(step: Step, turns: int) -> str | None:
    """What the innermost ``for`` around the line of a step loops over, if that says how many turns there are.

    The number itself where it is written there, else a name; None where the code is not known, or says it otherwise.
    """
    if not step.line:
        return None
    try:
        tree = ast.parse("".join(linecache.getlines(step.file)))
    except SyntaxError:
        return None
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.For) and _holds(node, step.line)]
    if not loops:
        return None
    header = max(loops, key=lambda node: node.lineno).iter
    if not isinstance(header, ast.Call) or ast.unparse(header.func) != "range" or len(header.args) != 1:
        return None
    (count,) = header.args
    if isinstance(count, ast.Constant):
        return str(turns) if count.value == turns else None
    return count.id if isinstance(count, ast.Name) else None


def _holds(loop: ast.For, line: int) -> bool:
    return loop.lineno <= line <= (loop.end_lineno or loop.lineno)
