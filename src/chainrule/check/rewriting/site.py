"""A place in a cell where something is looked at, and the call that looks."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

__all__ = [
    "GRADIENTS",
    "HOOK",
    "Site",
    "base_of",
    "cell_of_file",
    "file_of_cell",
    "hook",
    "is_derivative_name",
    "literal_of",
]

HOOK = "__chainrule__"
DERIVATIVE = re.compile(
    r"^d_?[A-Za-z]\w*$|^(grad|gradient|partial|nabla|jac|jacobian)(_\w+|[A-Z]\w*|\d*)$|^\w+_(grad|gradient)$"
)
# What people call a dictionary of gradients.
GRADIENTS = re.compile(r"^(d|grads?|gradients?|d_?grads?)$", re.IGNORECASE)


@dataclass
class Site:
    """A place in a cell where something is looked at: ``texts`` are the source of its operands, in order."""

    kind: str
    line: int
    texts: list[str]
    literals: list[str | None] = field(default_factory=list)
    context: frozenset[str] = frozenset()
    labels: list[str | None] = field(default_factory=list)
    key: tuple[int, int] = (0, 0)  # of the statement: (block, position), so that neighbours can be known
    accumulates: bool = False


def file_of_cell(number: int) -> str:
    """The file name that a cell's code is compiled under."""
    return f"<cell {number}>"


def cell_of_file(name: str) -> int | None:
    """The cell that a file name belongs to; None for code of a library."""
    found = re.fullmatch(r"<cell (\d+)>", name)
    return int(found.group(1)) if found else None


def is_derivative_name(name: str) -> bool:
    """Whether a variable's name looks like that of a derivative: ``dL_dW``, ``grad_mse``, ``dlogits``, ``x_grad``.

    >>> [name for name in ("dloss_dW", "grad_mse", "d", "W", "W_grad", "model") if is_derivative_name(name)]
    ['dloss_dW', 'grad_mse', 'W_grad']
    """
    return DERIVATIVE.match(name) is not None


def hook(method: str, *arguments: ast.expr) -> ast.Call:
    """The call of one of the hooks."""
    function = ast.Attribute(ast.Name(HOOK, ast.Load()), method, ast.Load())
    return ast.Call(function, list(arguments), [])


def base_of(node: ast.expr) -> str:
    """The name of the variable or the attribute that something is a part of; empty if there is none.

    >>> [base_of(ast.parse(text, mode="eval").body) for text in ("dW[0]", "self.dW", "f(x)[0]")]
    ['dW', 'dW', '']
    """
    while isinstance(node, ast.Subscript | ast.Starred):
        node = node.value
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def literal_of(node: ast.expr) -> str | None:
    """The digits of a number that is written out, as `-0.25` or `[1.5, 2]`; None for anything computed."""
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    return ast.unparse(node)
