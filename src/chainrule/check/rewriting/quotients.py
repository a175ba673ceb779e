"""Recognises a difference quotient in the source: `(f(x + h) - f(x - h)) / (2 * h)`, `(loss2 - loss1) / eps`.

The calls that give its two sides, there or where `loss2` and `loss1` are assigned, can be told too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from chainrule.check.rewriting.site import base_of, hook

__all__ = ["hook_moves", "is_side", "side_calls", "steps_of"]

TWO_SIDES = re.compile(
    r"(?i)plus|minus|pos|neg|left|right|forward|backward|up|down|high|low|hi|lo|new|old|perturb|after|before"
    r"|(^|_|[a-z])([12]|[pm]h?|[lr])$"
)


def steps_of(value: ast.expr) -> str | None:
    """The source of what a difference is divided by, if an expression looks like a difference quotient; else None.

    What it is divided by must be a small number, which only shows when it runs.

    >>> [steps_of(ast.parse(text, mode="eval").body) for text in ("(f(a) - f(b)) / (2 * h)", "(lp - lm) / 2 / h")]
    ['2 * h', '2 * h']
    >>> [steps_of(ast.parse(text, mode="eval").body) for text in ("(p - y) / n", "(f(a) + f(b)) / h", "(x - mu) / var")]
    [None, None, None]
    """
    found = _quotient(value)
    if found is None:
        return None
    difference, divisors = found
    while isinstance(difference, ast.Call) and len(difference.args) == 1 and not difference.keywords:
        difference = difference.args[0]  # np.sum((pos - neg) * dout), float(a - b)
    if isinstance(difference, ast.BinOp) and isinstance(difference.op, ast.Mult):
        difference = difference.left if _is_difference(difference.left) else difference.right
    if not _is_difference(difference):
        return None
    return " * ".join(f"({divisor})" if " " in divisor and len(divisors) > 1 else divisor for divisor in divisors)


def is_side(name: str) -> bool:
    """Whether a variable is called like one of the two sides.

    >>> [name for name in ("loss_plus", "J1", "fxmh", "x", "P") if is_side(name)]
    ['loss_plus', 'J1', 'fxmh']
    """
    return len(name) > 1 and TWO_SIDES.search(name) is not None


def side_calls(value: ast.expr) -> Iterator[ast.Call]:
    """The calls of which a value is a result, or the difference of two.

    >>> [ast.unparse(call) for call in side_calls(ast.parse("(f(a)[0] - f(b)[0]) / h", mode="eval").body)]
    ['f(a)', 'f(b)']
    """
    if isinstance(value, ast.BinOp):
        yield from side_calls(value.left)
        if isinstance(value.op, ast.Sub):
            yield from side_calls(value.right)
        return
    while isinstance(value, ast.Subscript | ast.Attribute):
        value = value.value
    if isinstance(value, ast.Call):
        inner = value.func.value if isinstance(value.func, ast.Attribute) else None
        while isinstance(inner, ast.Subscript | ast.Attribute):
            inner = inner.value
        if isinstance(inner, ast.Call):
            yield from side_calls(inner)
        elif not isinstance(value.func, ast.Attribute) or value.func.attr != "dot":  # which is rewritten itself
            yield value


def hook_moves(tree: ast.Module) -> None:
    """Have the arrays told that are written into beside a difference quotient, before they are.

    >>> tree = ast.parse("for i in r:\\n    x[i] += h\\n    g[i] = hook.quotient((f(x) - y) / h, h, g)")
    >>> hook_moves(tree)
    >>> print(ast.unparse(tree).replace("__chainrule__", "hook"))
    for i in r:
        hook.moved(x)
        x[i] += h
        g[i] = hook.quotient((f(x) - y) / h, h, g)
    """
    for node in ast.walk(tree):
        block = getattr(node, "body", None)
        if isinstance(block, list) and any(map(_is_quotient, block)):
            block[:] = [part for statement in block for part in (*_moves(statement), statement)]


def _is_quotient(statement: ast.stmt) -> bool:
    value = statement.value if isinstance(statement, ast.Assign) else None
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "quotient"


def _moves(statement: ast.stmt) -> Iterator[ast.stmt]:
    """What tells of the array that a statement writes into."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    if not isinstance(statement, ast.Assign | ast.AugAssign) or _is_quotient(statement) or len(targets) != 1:
        return
    (target,) = targets
    if isinstance(target, ast.Subscript):
        while isinstance(target, ast.Subscript) and not isinstance(target.slice, ast.Constant):
            target = target.value
        array = ast.parse(ast.unparse(target), mode="eval").body
        yield ast.copy_location(ast.Expr(hook("moved", array)), statement)


def _quotient(value: ast.expr) -> tuple[ast.expr, list[str]] | None:
    """What is divided, and by what, one after the other."""
    divisors: list[str] = []
    while isinstance(value, ast.BinOp) and isinstance(value.op, ast.Div):
        divisors.insert(0, ast.unparse(value.right))
        value = value.left
    return (value, divisors) if divisors else None


def _is_difference(node: ast.expr) -> bool:
    """Whether something is the difference of two values of one function, or of two variables named like that."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Sub):
        return False
    left, right = _function_of(node.left), _function_of(node.right)
    if left or right:
        return left == right
    names = [base_of(side) for side in (node.left, node.right)]
    return all(names) and names[0] != names[1] and all(TWO_SIDES.search(name) for name in names)


def _function_of(node: ast.expr) -> str:
    """The function that is called: `f` of `f(x)[0]`, of `f(x).copy()`."""
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    if not isinstance(node, ast.Call):
        return ""
    if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Call):
        return _function_of(node.func.value)
    return ast.unparse(node.func)
