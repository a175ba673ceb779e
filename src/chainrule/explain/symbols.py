"""How the result of an operation is written: by its notation, or as a call of its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.explain.form import Axes
from chainrule.explain.typeset import Binding, Piece, in_python, on_paper
from chainrule.op import Operation

__all__ = ["call"]

# Names that LaTeX has commands for; the others are set in upright letters.
_LATEX = frozenset("sin cos tan sinh cosh tanh exp log arcsin arccos arctan max min det".split())


def call(operation: Operation, arguments: Sequence[Piece], params: Mapping[str, Any], axes: Axes) -> Piece:
    """The result of an operation on pieces."""
    notation = operation.notation
    papers = [on_paper(piece, Binding.SUM) for piece in arguments]
    options = [f"{name}={value!r}" for name, value in params.items() if value is not None and value is not False]
    if notation.text:
        text = _filled(notation.text, arguments, 0)
    else:
        text = f"{operation.name}({', '.join([text for text, _ in papers] + options)})"
    if notation.latex:
        latex = _filled(notation.latex, arguments, 1)
    else:
        name = f"\\{operation.name}" if operation.name in _LATEX else rf"\operatorname{{{_plain(operation.name)}}}"
        inner = ", ".join([latex for _, latex in papers] + [rf"\mathtt{{{_plain(option)}}}" for option in options])
        latex = rf"{name}\left({inner}\right)"
    if notation.python:
        python = _filled(notation.python, arguments, 2)
    else:
        inside = ", ".join([piece.python for piece in arguments] + options)
        python = f"{_home(operation)}({inside})"
    return Piece(text, latex, python, axes, Binding.ATOM, _binding_of(python))


def _binding_of(python: str) -> Binding:
    """A template may end in an operator; then it stands in parentheses."""
    depth = 0
    for k, letter in enumerate(python):
        depth += letter in "(["
        depth -= letter in ")]"
        if not depth and letter in "+-*/@<>=" and k:
            return Binding.SUM
    return Binding.ATOM


def _filled(template: Any, arguments: Sequence[Piece], notation: int) -> str:
    """A template with the arguments in their places, in parentheses unless the template has brackets there."""
    told = []
    for k, piece in enumerate(arguments):
        bracketed = any(f"{opening}{{{k}}}" in template for opening in "([|") and any(
            f"{{{k}}}{closing}" in template for closing in ")]|,"
        )
        loose = bracketed or f"{{{{{{{k}}}" in template or ", " in template
        least = Binding.SUM if loose else Binding.ATOM
        told.append((*on_paper(piece, least), in_python(piece, least))[notation])
    return str(template).format(*told)


def _plain(text: str) -> str:
    return text.replace("_", r"\_").replace("{", r"\{").replace("}", r"\}")


def _home(operation: Operation) -> str:
    """Where NumPy or SciPy has a function of this name."""
    for module, prefix in ((np, "np"), (np.linalg, "np.linalg")):
        if hasattr(module, operation.name):
            return f"{prefix}.{operation.name}"
    return operation.name


def helpers_in(source: str) -> str:
    """The definitions of the helpers that a piece of source calls."""
    return ""
