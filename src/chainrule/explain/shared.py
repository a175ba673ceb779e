"""Gives a name to what the lines of a source compute twice: P = np.linalg.inv(S), and not the inverse again."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from operator import is_
from typing import Any, TypeVar, cast

__all__ = ["with_names"]

_Node = TypeVar("_Node", bound=ast.AST)

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
    known = _Expressions()
    made: dict[str, str] = {}
    while (found := _repeated(statements, known)) is not None:
        first, node = found
        name = known.target(statements[first], node)
        if name:  # the first line is its name already
            rest = [known.replaced(statement, node, name) for statement in statements[first + 1 :]]
            statements = [*statements[: first + 1], *rest]
            continue
        name = f"_shared_{len(made)}"
        made[name] = _name_for(node)
        text = ast.unparse(node)
        statements = [known.replaced(statement, node, name) for statement in statements]
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


def _repeated(statements: Sequence[ast.stmt], known: _Expressions) -> tuple[int, ast.expr] | None:
    """The largest expression that is computed twice: the line where it is first, and the expression."""
    places: dict[int, list[int]] = {}
    nodes: dict[int, ast.expr] = {}
    for number, statement in enumerate(statements):
        for node in known.heavy(statement):
            places.setdefault(known.number(node), []).append(number)
            nodes.setdefault(known.number(node), node)
    changed = [known.set_by(statement) for statement in statements]
    repeated = [nodes[key] for key, where in places.items() if len(where) > 1]
    repeated = [node for node in repeated if known.stays(node, places[known.number(node)], statements, changed)]
    if not repeated:
        return None
    found = max(repeated, key=lambda node: (known.work(node), len(known.text(node))))
    return places[known.number(found)][0], found


class _Expressions:
    """What there is to know of expressions, once for each that is different; no expression is changed in its place."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._number_of: dict[ast.AST, int] = {}
        self._works: dict[int, float] = {}
        self._texts: dict[int, str] = {}
        self._read: dict[int, set[str]] = {}
        self._heavy: dict[ast.stmt, list[ast.expr]] = {}
        self._changed: dict[ast.stmt, set[str]] = {}

    def number(self, node: ast.AST) -> int:
        """A number that equal expressions have in common."""
        found = self._number_of.get(node)
        if found is None:
            parts = tuple([self._part(value) for _, value in ast.iter_fields(node)])
            found = self._number_of[node] = self._numbers.setdefault((type(node), parts), len(self._numbers))
        return found

    def _part(self, value: Any) -> Any:
        if isinstance(value, ast.AST):
            return self.number(value)
        return tuple(map(self._part, value)) if isinstance(value, list) else (type(value), repr(value))

    def work(self, node: ast.AST) -> float:
        """The work that an expression is."""
        key = self.number(node)
        if key not in self._works:
            self._works[key] = _own_work(node) + sum(map(self.work, ast.iter_child_nodes(node)))
        return self._works[key]

    def text(self, node: ast.expr) -> str:
        """An expression as it is written."""
        key = self.number(node)
        if key not in self._texts:
            self._texts[key] = ast.unparse(node)
        return self._texts[key]

    def heavy(self, statement: ast.stmt) -> list[ast.expr]:
        """The expressions whose value a line uses and that are not to be computed twice."""
        if statement not in self._heavy:
            value = getattr(statement, "value", None)
            inside = [node for node in (ast.walk(value) if value is not None else ()) if self.work(node) >= _WORTH]
            self._heavy[statement] = [node for node in inside if isinstance(node, ast.Call | ast.BinOp)]
        return self._heavy[statement]

    def read(self, node: ast.expr) -> set[str]:
        """The variables that an expression reads."""
        key = self.number(node)
        if key not in self._read:
            self._read[key] = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        return self._read[key]

    def set_by(self, statement: ast.stmt) -> set[str]:
        """The variables that a line sets, or changes."""
        if statement not in self._changed:
            self._changed[statement] = _set_by(statement)
        return self._changed[statement]

    def target(self, statement: ast.stmt, node: ast.expr) -> str:
        """The variable that a line sets to just this expression; empty if it does something else."""
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            return statement.targets[0].id if self.number(statement.value) == self.number(node) else ""
        return ""

    def stays(
        self, node: ast.expr, where: Sequence[int], statements: Sequence[ast.stmt], changed: Sequence[set[str]]
    ) -> bool:
        """Whether nothing that an expression reads is set between its first and its last use."""
        read = self.read(node)
        name = self.target(statements[where[0]], node)
        between = changed[where[0] : where[-1]]
        return not any(read & names for names in between) and not any(name in names for names in between[1:])

    def replaced(self, node: _Node, gone: ast.expr, name: str) -> _Node:
        """An expression or a line with a name in the place of an expression."""
        if isinstance(node, ast.expr) and self.number(node) == self.number(gone):
            return cast(_Node, ast.Name(name, ast.Load()))
        if self.work(node) < self.work(gone):  # it is not in there
            return node
        fields = {key: self._with(value, gone, name) for key, value in ast.iter_fields(node)}
        if all(value is fields[key] for key, value in ast.iter_fields(node)):
            return node
        return ast.copy_location(type(node)(**fields), node)

    def _with(self, value: Any, gone: ast.expr, name: str) -> Any:
        if isinstance(value, ast.AST):
            return self.replaced(value, gone, name)
        if isinstance(value, list):
            made = [self._with(part, gone, name) for part in value]
            return value if all(map(is_, made, value)) else made
        return value


def _set_by(statement: ast.stmt) -> set[str]:
    targets = list(getattr(statement, "targets", [getattr(statement, "target", None)]))
    call = getattr(statement, "value", None)
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "append":
        targets.append(call.func.value)
    names = [node for target in targets if target is not None for node in ast.walk(target)]
    return {node.id for node in names if isinstance(node, ast.Name)}


def _own_work(node: ast.AST) -> float:
    """The work of an expression without that of its parts."""
    if isinstance(node, ast.BinOp):
        return _WORK.get(type(node.op), 0.5)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr not in _LIGHT:
        return 3.0 if ast.unparse(node.func).startswith(("np.linalg.", "scipy.")) else 1.0
    return 0.0


def _name_for(node: ast.expr) -> str:
    """The inverse of S is S_inv; what is no inverse of a value with a name has no name of its own."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "np.linalg.inv":
        inverted = node.args[0]
        base = inverted.value if isinstance(inverted, ast.Subscript) else inverted
        if isinstance(base, ast.Name):
            return f"{base.id.removesuffix('s') if base is not inverted else base.id}_inv"
    return ""
