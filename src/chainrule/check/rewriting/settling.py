"""Rewrites a cell so that a variable named after a derivative is seen where its value is settled.

That is after the last statement of the block that writes to it, so that an array of zeros that a loop fills is not
judged before the loop, and a gradient computed anew in each round of a training loop is judged in each round, before
the step is taken. Where a part of a value is set to 0 afterwards, `dh[h <= 0] = 0`, that may be the next step back
under the same name: the value before is seen too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from chainrule.check.rewriting.site import GRADIENTS, HOOK, Site, hook, is_derivative_name, literal_of

__all__ = ["hook_names"]

BLANK = frozenset("zeros zeros_like empty empty_like new_zeros new_empty".split())
ATTRIBUTE = re.compile(r"^(g|gradient|my_?grad|grad_?(hand|manual|mine)|(hand|manual)_?grad|dgrad)$")


def hook_names(block: list[ast.stmt], sites: list[Site], *, inner: bool = False) -> None:
    """Insert hooks into a block, and into the blocks and function bodies inside it.

    In an inner block, a name is settled only if the block writes its whole value: what a loop adds to, or fills bit by
    bit, is settled after the loop.
    """
    settled: dict[int, list[tuple[str, bool]]] = {}
    last: dict[str, tuple[int, bool]] = {}  # where a name was written last, and whether its whole value was
    for position, statement in enumerate(block):
        for name, full in _whole_writes(statement).items():
            if full and name in last and not _is_blank(block[last[name][0]]):
                settled.setdefault(last[name][0], []).append((name, last[name][1]))
            if full or name in last or not inner:
                last[name] = (position, full or last.get(name, (0, False))[1])
    for name, (position, whole) in last.items():
        settled.setdefault(position, []).append((name, whole))
    for statement in list(block):
        scope = isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for nested in _blocks(statement):
            hook_names(nested, sites, inner=not scope)
    for position in sorted(settled, reverse=True):
        outside = [(name, whole) for name, whole in settled[position] if not _settles_inside(block[position], name)]
        block[position + 1 : position + 1] = [_named(name, whole, block[position], sites) for name, whole in outside]
        masked = _masked(block[position])
        if masked is not None:
            block.insert(position, _before(masked, block[position]))


def _is_blank(statement: ast.stmt) -> bool:
    """Whether a statement only makes room for a value that is computed later: `dW = np.zeros(W.shape)`."""
    value = statement.value if isinstance(statement, ast.Assign) else None
    while isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and _is_hook(value.func.value):
        value = value.args[0]
    if isinstance(value, ast.Constant):
        return value.value in {0, None} and not isinstance(value.value, bool)
    if not isinstance(value, ast.Call):
        return False
    name = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
    return name in BLANK


def _masked(statement: ast.stmt) -> str | None:
    """The derivative's name of which a statement sets a part to 0: `dh[h <= 0] = 0`."""
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return None
    target, value = statement.targets[0], statement.value
    is_zero = isinstance(value, ast.Constant) and value.value == 0 and not isinstance(value.value, bool)
    if not is_zero or not isinstance(target, ast.Subscript) or not isinstance(target.value, ast.Name):
        return None
    return target.value.id if is_derivative_name(target.value.id) else None


def _before(name: str, statement: ast.stmt) -> ast.stmt:
    arguments = [ast.Constant(name), ast.Name(name, ast.Load())]
    return ast.copy_location(ast.Expr(hook("before", *arguments)), statement)


def _is_hook(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == HOOK


def _whole_writes(statement: ast.stmt) -> dict[str, bool]:
    """Each name that a statement writes to, and whether it writes the whole value at least once."""
    found: dict[str, bool] = {}
    for name, full in _writes(statement):
        found[name] = found.get(name, False) or full
    return found


def _named(name: str, whole: bool, statement: ast.stmt, sites: list[Site]) -> ast.stmt:
    line = getattr(statement, "lineno", 0)
    sites.append(Site("name", line, [name], [_assigned_literal(statement)], accumulates=not whole))
    value = ast.parse(name, mode="eval").body
    owner = [value.value] if isinstance(value, ast.Attribute) else []
    arguments = [ast.Constant(len(sites) - 1), value, *owner]
    return ast.copy_location(ast.Expr(hook("named", *arguments)), statement)


def _assigned_literal(statement: ast.stmt) -> str | None:
    value = getattr(statement, "value", None)
    return literal_of(value) if isinstance(statement, ast.Assign) and value is not None else None


def _writes(statement: ast.stmt) -> Iterator[tuple[str, bool]]:
    """The derivative-like names that a statement writes to, with True where it writes the whole value."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    if isinstance(statement, ast.Assign):
        read = {ast.unparse(node) for node in ast.walk(statement.value) if isinstance(node, ast.Name | ast.Attribute)}
        for target in statement.targets:
            for name, full in _targets(target):
                yield name, full and name not in read
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        yield from _targets(statement.target)
    elif isinstance(statement, ast.AugAssign):
        for name, _ in _targets(statement.target):
            yield name, False
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        function = statement.value.func
        if isinstance(function, ast.Attribute) and function.attr.endswith("_") and not function.attr.endswith("__"):
            for name, _ in _targets(function.value):
                yield name, False
    for block in _blocks(statement):
        for inner in block:
            yield from _writes(inner)


def _targets(target: ast.expr) -> Iterator[tuple[str, bool]]:
    if isinstance(target, ast.Tuple | ast.List):
        for item in target.elts:
            yield from _targets(item)
        return
    if _is_entry(target):
        yield ast.unparse(target), True
        return
    full = True
    while isinstance(target, ast.Subscript | ast.Starred):
        target, full = target.value, False
    if isinstance(target, ast.Name) and is_derivative_name(target.id):
        yield target.id, full
    elif isinstance(target, ast.Attribute):
        if target.attr in {"data", "T", "mT"}:
            yield from ((name, False) for name, _ in _targets(target.value))
        elif ATTRIBUTE.match(target.attr) or (is_derivative_name(target.attr) and target.attr not in {"data", "dtype"}):
            path = ast.unparse(target)
            if re.fullmatch(r"[A-Za-z_][\w.]*", path):
                yield path, full


def _is_entry(target: ast.expr) -> bool:
    """Whether a target is a gradient by the name of its variable: `grads["W"]`."""
    if not isinstance(target, ast.Subscript) or not isinstance(target.slice, ast.Constant):
        return False
    base = target.value
    name = base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
    return isinstance(target.slice.value, str) and GRADIENTS.match(name) is not None


def _settles_inside(statement: ast.stmt, name: str) -> bool:
    """Whether a compound statement writes the whole value itself, so that it is settled within."""
    return bool(_blocks(statement)) and any(
        written == name and full for block in _blocks(statement) for inner in block for written, full in _writes(inner)
    )


def _blocks(statement: ast.stmt) -> list[list[ast.stmt]]:
    blocks = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
    blocks += [handler.body for handler in getattr(statement, "handlers", [])]
    blocks += [case.body for case in getattr(statement, "cases", [])]
    return [block for block in blocks if block]
