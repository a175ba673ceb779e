"""How the result of an operation is written: by its notation, or as a call of its name.

A notation says nothing of parentheses. Where an argument needs them, and how tightly the whole binds, is read off the
template: in Python from how it parses, on paper from the signs beside the argument's place.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from chainrule.explain.form import Axes
from chainrule.explain.piece import Binding, Piece, in_python, on_paper
from chainrule.op import OPERATIONS, Operation
from chainrule.ops.writing import as_latex, as_python, as_text, options

__all__ = ["call", "helper_names", "helpers_in", "written"]


def call(operation: Operation, arguments: Sequence[Piece], params: Mapping[str, Any], axes: Axes) -> Piece:
    """The result of an operation on pieces.

    >>> from chainrule.ops.linalg import inv
    >>> call(inv, [Piece("A + B", "A + B", "A + B", (), Binding.SUM, Binding.SUM)], {}, ()).text
    '(A + B)⁻¹'
    """
    text, latex, python = patterns(operation, len(arguments), params)
    texts, latexes = [
        [on_paper(piece, least_on_paper(pattern, k))[side] for k, piece in enumerate(arguments)]
        for side, pattern in enumerate((text, latex))
    ]
    sources = [_placed(piece, least_in_python(python, k)) for k, piece in enumerate(arguments)]
    binding, precedence = binding_on_paper(text), binding_in_python(python)
    if arguments and text == _mark(0):
        binding = arguments[0].binding
    if arguments and python == _mark(0):
        precedence = arguments[0].precedence
    source = _filled(python, sources)
    if precedence < Binding.SUM:
        source, precedence = f"({source})", Binding.ATOM
    applied = operation.notation.applied
    solver = (applied, in_python(arguments[0], Binding.ATOM)) if applied else None
    paper = _filled(text, texts), _filled(latex, latexes)
    return Piece(*paper, source, axes, binding, Binding(precedence), solver=solver)


def written(operation: Operation, sources: Sequence[str], params: Mapping[str, Any]) -> str:
    """The Python of an operation on arguments that are given as source; without axes.

    >>> from chainrule.op import OPERATIONS
    >>> written(OPERATIONS["square"], ["x + y"], {}), written(OPERATIONS["max"], ["x + y"], {"axis": 0})
    ('(x + y) ** 2', 'np.max(x + y, axis=0)')
    """
    pieces = []
    for source in sources:
        found = binding_in_python(source)
        if found < Binding.SUM:
            is_word = _parsed(source) is None and " " not in source  # such as …
            source, found = source if is_word else f"({source})", Binding.ATOM
        pieces.append(Piece(source, source, source, (), Binding.ATOM, Binding(found)))
    return call(operation, pieces, params, ()).python


# --- helpers ----------------------------------------------------------------------------------------------------------


def helper_names() -> dict[str, str]:
    """The functions that the Python of some operation calls, and their sources."""
    found = dict.fromkeys([operation.notation.helper for operation in OPERATIONS.values()])
    return {source.partition("(")[0].removeprefix("def "): source for source in found if source}


def helpers_in(source: str) -> str:
    """The definitions of the helpers that a piece of source calls; empty if it calls none.

    >>> print(helpers_in("y = partitioned(x, 2, axis=0)"))
    def partitioned(x, kth, axis):
        order = np.argpartition(x, kth, axis=axis)
        return np.take_along_axis(x, order, axis=axis)
    """
    called = set(re.findall(r"(?<![\w.])(\w+)\(", source))
    return "\n\n\n".join([text for name, text in helper_names().items() if name in called])


# --- templates --------------------------------------------------------------------------------------------------------

_MARK = re.compile(r"Ξ(\d+)Ξ")


def _mark(k: int) -> str:
    """What stands for argument k in a pattern: an identifier that nobody has."""
    return f"Ξ{k}Ξ"


def patterns(operation: Operation, count: int, params: Mapping[str, Any]) -> tuple[str, str, str]:
    """Text, LaTeX and Python of an operation on ``count`` arguments, with marks for these."""
    marks = [_mark(k) for k in range(count)]
    notation, told = operation.notation, options(params)
    text, latex, python = (
        template(*marks, **params) if callable(template) else template.format(*marks) for template in notation[:3]
    )
    return (
        text or as_text(operation.name, marks, told),
        latex or as_latex(operation.name, marks, told),
        python or as_python(_home(operation), marks, told),
    )


def _home(operation: Operation) -> str:
    """Where NumPy has a function of this name; a user's operation is a function of the user's."""
    if OPERATIONS.get(operation.name) is operation:
        for module, prefix in ((np, "np"), (np.linalg, "np.linalg")):
            if hasattr(module, operation.name):
                return f"{prefix}.{operation.name}"
    return operation.name


def _filled(pattern: str, told: Sequence[str]) -> str:
    return _MARK.sub(lambda found: told[int(found[1])], pattern)


# --- Python -----------------------------------------------------------------------------------------------------------

ANYTHING = 0  # binds less tightly than a sum: a comparison
_SAMPLES = (
    (Binding.POWER, "t ** t"),
    (Binding.SIGN, "-t"),
    (Binding.CHAIN, "t * t"),
    (Binding.SUM, "t + t"),
    (ANYTHING, "t == t"),
)
_PRODUCTS = (ast.Mult, ast.MatMult, ast.Div, ast.FloorDiv, ast.Mod)


@lru_cache(maxsize=4096)
def least_in_python(pattern: str, k: int) -> int:
    """How tightly an argument must bind to need no parentheses: it parses the same with and without."""
    least: int = Binding.ATOM
    for binding, sample in _SAMPLES:
        bare, wrapped = pattern.replace(_mark(k), sample), pattern.replace(_mark(k), f"({sample})")
        if not _same(bare, wrapped):
            break
        least = binding
    return least


@lru_cache(maxsize=4096)
def binding_in_python(source: str) -> int:
    """How tightly an expression binds; ANYTHING where it is looser than a sum, or no Python."""
    tree = _parsed(source)
    if tree is None:
        return ANYTHING
    if _same(f"{source}.T", f"({source}).T"):
        return Binding.ATOM
    if isinstance(tree, ast.UnaryOp) and not isinstance(tree.op, ast.Not):
        return Binding.SIGN
    if isinstance(tree, ast.BinOp):
        if isinstance(tree.op, ast.Pow):
            return Binding.POWER
        if isinstance(tree.op, ast.Add | ast.Sub):
            return Binding.SUM
        if isinstance(tree.op, _PRODUCTS):
            return Binding.CHAIN
    return Binding.ATOM if isinstance(tree, ast.Constant) else ANYTHING


def _placed(piece: Piece, least: int) -> str:
    """The Python of an argument; a comparison keeps its parentheses only where it needs them."""
    if least > ANYTHING:
        return in_python(piece, Binding(least))
    inner = piece.python[1:-1]
    if piece.python.startswith("(") and _same(inner, piece.python) and not isinstance(_parsed(inner), ast.Tuple):
        return inner
    return piece.python


def _parsed(source: str) -> ast.expr | None:
    try:
        return ast.parse(source, mode="eval").body
    except SyntaxError:
        return None


def _same(first: str, second: str) -> bool:
    """Whether two expressions parse, and to the same."""
    one, other = _parsed(first), _parsed(second)
    return one is not None and other is not None and ast.dump(one) == ast.dump(other)


# --- paper ------------------------------------------------------------------------------------------------------------

_LEFT, _RIGHT = "([{⟨⌊⌈", ")]}⟩⌋⌉"
_BARS = "|‖"
# Between these anything may stand, a sum too.
_RELATIONS = (
    *"=≠<>≤≥∧∨⊕←→,;",
    r"\ne",
    r"\le",
    r"\ge",
    r"\land",
    r"\lor",
    r"\oplus",
    r"\leftarrow",
    r"\to",
    r"\text{with}",
)
_OPENING = (*_LEFT, *_BARS, *_RELATIONS, "+", "with", r"\lfloor", r"\lceil", r"\langle")
_CLOSING = (*_RIGHT, *_BARS, *_RELATIONS, "+", "−", "-", "with", r"\right", r"\rfloor", r"\rceil", r"\rangle")
_ELEMENTWISE = ("⊙", "⊗", r"\odot", r"\otimes")
_DOTS = ("·", "∗", r"\cdot", "*")
_RAISED = "ᵀ⁺²¹"


@lru_cache(maxsize=4096)
def least_on_paper(pattern: str, k: int) -> Binding:
    """How tightly an argument must bind to need no parentheses, by the signs on both sides of it."""
    parts = pattern.split(_mark(k))
    sides = [_after(part) for part in parts[:-1]] + [_before(part) for part in parts[1:]]
    return max(sides, default=Binding.SUM)


def _after(before: str) -> Binding:
    """What the signs before an argument ask for."""
    near = before.rstrip()
    if not near or near.endswith(_OPENING):
        return Binding.SUM
    if near.endswith(("−", "-")):
        return Binding.QUOTIENT
    if near.endswith(_ELEMENTWISE):
        return Binding.POWER
    is_factor = near != before and (near.endswith(("Ξ", "}")) or near[-1] in _RAISED)
    return Binding.CHAIN if near.endswith(_DOTS) or is_factor else Binding.ATOM


def _before(after: str) -> Binding:
    """What the signs after an argument ask for."""
    near = after.lstrip()
    if near.startswith("}"):  # a group in LaTeX, which may be raised or bear an index as a whole
        return Binding.ATOM if near[1:].startswith(("^", "_")) else Binding.SUM
    if not near or near.startswith(_CLOSING):
        return Binding.SUM
    if near.startswith("/"):
        return Binding.QUOTIENT
    if near.startswith(_ELEMENTWISE):
        return Binding.POWER
    is_factor = near != after and near.startswith(("Ξ", "{Ξ"))
    return Binding.CHAIN if near.startswith(_DOTS) or is_factor else Binding.ATOM


@lru_cache(maxsize=4096)
def binding_on_paper(pattern: str) -> Binding:
    """How tightly a formula in text binds, by the signs outside of brackets."""
    outside = _outside(_MARK.sub("x", pattern))
    if any(sign in outside for sign in (" + ", " − ", *"=≠<>≤≥∧∨⊕←")):
        return Binding.SUM
    if any(sign in outside for sign in _ELEMENTWISE):
        return Binding.HADAMARD
    if "/" in outside:
        return Binding.QUOTIENT
    if " " in outside or outside.startswith("−"):
        return Binding.CHAIN
    if outside.endswith("⁻¹"):  # its transpose is written ⁻ᵀ, without parentheses
        return Binding.ATOM
    return Binding.POWER if any(sign in outside for sign in "^√∛¬" + _RAISED) else Binding.ATOM


def _outside(text: str) -> str:
    """The text without what stands in brackets or between bars."""
    depth, bars, kept = 0, "", []
    for letter in text:
        if letter in _RIGHT:
            depth -= 1
        if letter in _BARS and not depth:
            bars = "" if bars == letter else letter
        elif not depth and not bars:
            kept.append(letter)
        if letter in _LEFT:
            depth += 1
    return "".join(kept)
