"""Gives a name to what the lines of a source compute twice: P = np.linalg.inv(S), and not the inverse again."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from typing import cast

__all__ = ["with_names"]

_WORTH = 2.0  # the work that is not done twice
_WORK = {ast.MatMult: 2.0, ast.Pow: 0.5}
_LIGHT = (
    "zeros",
    "zeros_like",
    "ones",
    "eye",
    "arange",
    "reshape",
    "broadcast_to",
    "transpose",
    "outer",
    "range",
    "len",
)


def with_names(lines: Sequence[str], unused: Callable[[str], str]) -> list[str]:
    """The lines with a name for each larger expression that stands in them twice and is the same both times.

    >>> with_names(["dA = np.linalg.inv(S) @ y", "dy = 2 * np.linalg.inv(S)"], lambda name: name)
    ['S_inv = np.linalg.inv(S)', 'dA = S_inv @ y', 'dy = 2 * S_inv']
    """
    told: list[str] = []
    for block in _blocks(lines):
        told += [_indent(block[0]) + line for line in _named([line.strip() for line in block], unused)]
    return told


def _blocks(lines: Sequence[str]) -> Iterator[list[str]]:
    """Lines one after the other that are indented alike; those that begin a block of others are alone."""
    block: list[str] = []
    for line in lines:
        if block and (_indent(line) != _indent(block[0]) or _is_header(line) or _is_header(block[0])):
            yield block
            block = []
        block.append(line)
    if block:
        yield block


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _is_header(line: str) -> bool:
    return line.lstrip().startswith("for ")


def _named(lines: list[str], unused: Callable[[str], str]) -> list[str]:
    if _is_header(lines[0]):
        return lines
    statements = [ast.parse(line).body[0] for line in lines]
    made: dict[str, str] = {}
    while (found := _repeated(statements)) is not None:
        first, text = found
        known = _target(statements[first], text)
        if known:  # the first line is its name already
            rest = [cast(ast.stmt, _Replaced(text, known).visit(line)) for line in statements[first + 1 :]]
            statements = [*statements[: first + 1], *rest]
            continue
        name = f"_shared_{len(made)}"
        made[name] = _name_for(ast.parse(text, mode="eval").body)
        statements = [cast(ast.stmt, _Replaced(text, name).visit(statement)) for statement in statements]
        statements.insert(first, ast.parse(f"{name} = {text}").body[0])
        lines = [*lines[:first], "", *lines[first:]]
    told = [
        line if line and ast.dump(ast.parse(line).body[0]) == ast.dump(statement) else _written(statement)
        for line, statement in zip(lines, statements, strict=True)
    ]
    set_here = [line.partition(" = ")[0] for line in told]
    names = {name: unused(made[name]) for name in set_here if name in made}  # in the order of the lines
    return [re.sub(r"_shared_\d+", lambda match: names[match[0]], line) for line in told]


def _written(statement: ast.stmt) -> str:
    """A line; several values that it sets are in no parentheses."""
    text = ast.unparse(statement)
    value = getattr(statement, "value", None)
    if isinstance(value, ast.Tuple):
        text = text.removesuffix(ast.unparse(value)) + ", ".join([ast.unparse(part) for part in value.elts])
    return text


def _repeated(statements: Sequence[ast.stmt]) -> tuple[int, str] | None:
    """The largest expression that is computed twice: the line where it is first, and the expression."""
    places: dict[str, list[int]] = {}
    work: dict[str, float] = {}
    for number, statement in enumerate(statements):
        for node in _values(statement):
            text = ast.unparse(node)
            work[text] = _work(node)
            if work[text] >= _WORTH:
                places.setdefault(text, []).append(number)
    repeated = [text for text, where in places.items() if len(where) > 1 and _stays(text, where, statements)]
    if not repeated:
        return None
    text = max(repeated, key=lambda text: (work[text], len(text)))
    return places[text][0], text


def _values(statement: ast.stmt) -> Iterator[ast.expr]:
    """The expressions whose value a line uses."""
    value = getattr(statement, "value", None)
    for node in ast.walk(value) if value is not None else ():
        if isinstance(node, ast.Call | ast.BinOp):
            yield node


def _stays(text: str, where: Sequence[int], statements: Sequence[ast.stmt]) -> bool:
    """Whether nothing that an expression reads is set between its first and its last use."""
    read = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    known = _target(statements[where[0]], text)
    between = [_set_by(statement) for statement in statements[where[0] : where[-1]]]
    return not any(read & names for names in between) and not any({known} & names for names in between[1:])


def _target(statement: ast.stmt, text: str) -> str:
    """The variable that a line sets to just this expression; empty if it does something else."""
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id if ast.unparse(statement.value) == text else ""
    return ""


def _set_by(statement: ast.stmt) -> set[str]:
    """The variables that a line sets, or changes."""
    targets = list(getattr(statement, "targets", [getattr(statement, "target", None)]))
    call = getattr(statement, "value", None)
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "append":
        targets.append(call.func.value)
    names = [node for target in targets if target is not None for node in ast.walk(target)]
    return {node.id for node in names if isinstance(node, ast.Name)}


def _work(node: ast.AST) -> float:
    total = 0.0
    for part in ast.walk(node):
        if isinstance(part, ast.BinOp):
            total += _WORK.get(type(part.op), 0.5)
        elif isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr not in _LIGHT:
            total += 3.0 if ast.unparse(part.func).startswith(("np.linalg.", "scipy.")) else 1.0
    return total


def _name_for(node: ast.expr) -> str:
    """The inverse of S is S_inv; what is no inverse of a value with a name has no name of its own."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "np.linalg.inv":
        inverted = node.args[0]
        base = inverted.value if isinstance(inverted, ast.Subscript) else inverted
        if isinstance(base, ast.Name):
            return f"{base.id.removesuffix('s') if base is not inverted else base.id}_inv"
    return ""


class _Replaced(ast.NodeTransformer):
    """A statement with a name in the place of an expression."""

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.expr) and ast.unparse(node) == self.text:
            return ast.Name(self.name, ast.Load())
        return super().generic_visit(node)
