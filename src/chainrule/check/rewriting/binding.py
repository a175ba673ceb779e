"""Rewrites functions and loops so that it is seen which variable a value is given to.

On the level of a cell the namespace tells that. Inside a function or a loop a variable holds many values one after the
other, and nobody can ask for them later::

    h = np.tanh(h @ W)          the same, then __chainrule__.bound("h", h)
    for x in xs: ...            for x in xs: __chainrule__.passed("x", x); ...

Only what may be a new value is looked at: not numbers written out, and not another name for a value.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

__all__ = ["hook_bindings"]

DULL = (ast.Constant, ast.Name, ast.Lambda, ast.JoinedStr, ast.Dict, ast.DictComp, ast.Set, ast.Compare)


def hook_bindings(tree: ast.Module, hook: str) -> None:
    """Insert the hooks into the blocks inside the statements of a cell.

    >>> tree = ast.parse("def f(x):\\n    y = x * 2\\n    return y")
    >>> hook_bindings(tree, "hook")
    >>> print(ast.unparse(tree))
    def f(x):
        y = x * 2
        hook.bound('y', y)
        return y
    """
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and node is not tree and not isinstance(node, ast.ClassDef):
                block[:] = [part for statement in block for part in (statement, *_after(statement, hook))]
        if isinstance(node, ast.For):
            node.body[:0] = [_call(hook, name, node, "passed") for name in _names(node.target)]


def _after(statement: ast.stmt, hook: str) -> Iterator[ast.stmt]:
    if isinstance(statement, ast.Assign):
        targets, dull = statement.targets, isinstance(statement.value, DULL)
    elif isinstance(statement, ast.AnnAssign):
        targets, dull = [statement.target], statement.value is None or isinstance(statement.value, DULL)
    elif isinstance(statement, ast.AugAssign):
        targets, dull = [statement.target], False
    else:
        return
    if not dull:
        for target in targets:
            for name in _names(target):
                yield _call(hook, name, statement)


def _names(target: ast.expr) -> Iterator[str]:
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, ast.Tuple | ast.List):
        for item in target.elts:
            yield from _names(item)


def _call(hook: str, name: str, place: ast.stmt, method: str = "bound") -> ast.stmt:
    function = ast.Attribute(ast.Name(hook, ast.Load()), method, ast.Load())
    call = ast.Expr(ast.Call(function, [ast.Constant(name), ast.Name(name, ast.Load())], []))
    return ast.fix_missing_locations(ast.copy_location(call, place))
