"""A piece of a formula in three notations at once: text, LaTeX, and NumPy.

A piece knows the labels of its axes as NumPy has them (None for an axis of size 1), and how tightly its last operator
binds, so that parentheses stand where they must and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

from chainrule.explain.form import Axes, Label

__all__ = ["Binding", "Piece", "in_python", "numeric", "on_paper", "squeezed"]


class Binding(IntEnum):
    """How tightly an operator binds, loosest first."""

    SUM = 1
    QUOTIENT = 2
    HADAMARD = 3
    CHAIN = 4
    SIGN = 5
    POWER = 6
    ATOM = 7


@dataclass(frozen=True)
class Piece:
    """A part of a formula: ``text``, ``latex`` and ``python`` say the same.

    ``binding`` is that of the notation on paper, ``precedence`` that of Python (there, ``*`` and ``@`` bind alike).
    ``reduced`` is (call, axis) if Python sums over one axis, so that keeping it is an option. ``is_truth`` says that
    the entries are truth values in Python, whose sums are none; ``is_symmetric`` that it is its own transpose.
    ``column`` is the text and the LaTeX of a vector that is written as a row, as a column. ``solver`` is how a product
    with the piece is written in Python, if not with @: a template for an argument and the other factor, and the
    argument. ``index`` are the indices of the axes in a text that says what one entry is.
    """

    text: str
    latex: str
    python: str
    axes: Axes
    binding: Binding = Binding.ATOM
    precedence: Binding = Binding.ATOM
    reduced: tuple[str, int] | None = None
    is_truth: bool = False
    is_symmetric: bool = False
    column: tuple[str, str] | None = None
    solver: tuple[str, str] | None = None
    index: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[Label, ...]:
        """The labels of the axes that are longer than 1."""
        return tuple(label for label in self.axes if label is not None)

    @property
    def rank(self) -> int:
        """How many axes are longer than 1."""
        return len(self.labels)


def on_paper(piece: Piece, least: Binding) -> tuple[str, str]:
    """Text and LaTeX, in parentheses where the piece binds less tightly than ``least``."""
    if piece.index:
        told = rf"\left({piece.latex}\right)_{{{''.join(piece.index)}}}"
        return f"({piece.text})_{''.join(piece.index)}", told
    if piece.binding >= least:
        return piece.text, piece.latex
    return f"({piece.text})", rf"\left({piece.latex}\right)"


def in_python(piece: Piece, least: Binding) -> str:
    """The Python source, in parentheses where the piece binds less tightly than ``least``."""
    return piece.python if piece.precedence >= least else f"({piece.python})"


def numeric(piece: Piece) -> Piece:
    """The piece with numbers for truth values."""
    if not piece.is_truth:
        return piece
    source = f"1.0 * {in_python(piece, Binding.SIGN)}"
    return replace(piece, python=source, precedence=Binding.CHAIN, reduced=None, is_truth=False)


def squeezed(piece: Piece) -> Piece:
    """Without axes of size 1."""
    if None not in piece.axes:
        return piece
    if piece.rank == len(piece.axes):
        return piece
    if piece.reduced is not None and sum(label is None for label in piece.axes) == 1:
        inner, axis = piece.reduced
        return replace(piece, python=f"{inner}(axis={axis})", axes=piece.labels, reduced=piece.reduced)
    index = ", ".join(["0" if label is None else ":" for label in piece.axes])
    return replace(
        piece,
        python=f"{in_python(piece, Binding.ATOM)}[{index}]",
        axes=piece.labels,
        reduced=None,
        precedence=Binding.ATOM,
    )
