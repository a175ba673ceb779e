"""How diagonals are written: that of a matrix, a vector as one, matrices with scaled rows or columns, the trace."""

from __future__ import annotations

from chainrule.explain.form import Label
from chainrule.explain.piece import Binding, Piece, in_python, numeric, on_paper, squeezed
from chainrule.explain.typeset import hadamard, transposed

__all__ = ["column_scaled", "diagonal_matrix", "diagonal_of", "diagonally_scaled", "trace"]


def column_scaled(matrix: Piece, vector: Piece, label: Label, diagonal: tuple[str, str]) -> Piece:
    """A D, the matrix with ``label`` as its last axis, where ``diagonal`` is how D = diag(d) is written."""
    matrix = squeezed(matrix)
    if matrix.axes[1] is not label:
        matrix = transposed(matrix)
    vector = squeezed(vector)
    matrix, vector = numeric(matrix), numeric(vector)
    text, latex = on_paper(matrix, Binding.CHAIN)
    python = f"{in_python(matrix, Binding.CHAIN)} * {in_python(vector, Binding.SIGN)}"
    paper = f"{text} {diagonal[0]}", f"{latex} {diagonal[1]}"
    return Piece(*paper, python, matrix.axes, Binding.CHAIN, Binding.CHAIN)


def diagonally_scaled(matrix: Piece, vector: Piece) -> Piece:
    """A matrix whose rows or columns are scaled by a vector: diag(v) A, or A diag(v)."""
    text, latex = on_paper(matrix, Binding.CHAIN)
    diagonal, made = diagonal_matrix(vector), hadamard(matrix, vector)
    texts, latexes = [diagonal.text, text], [diagonal.latex, latex]
    if matrix.labels[0] is not vector.labels[0]:
        texts, latexes = texts[::-1], latexes[::-1]
    return Piece(" ".join(texts), " ".join(latexes), made.python, made.axes, Binding.CHAIN, Binding.CHAIN)


def diagonal_of(piece: Piece, label: Label) -> Piece:
    """The vector on the diagonal of a matrix."""
    return Piece(
        f"diag({piece.text})", rf"\operatorname{{diag}}\left({piece.latex}\right)", f"np.diag({piece.python})", (label,)
    )


def diagonal_matrix(piece: Piece) -> Piece:
    """The matrix with a vector on its diagonal."""
    piece = squeezed(piece)
    paper = f"diag({piece.text})", rf"\operatorname{{diag}}\left({piece.latex}\right)"
    return Piece(*paper, f"np.diag({piece.python})", (*piece.axes, *piece.axes))


def trace(piece: Piece) -> Piece:
    """The sum of the diagonal of a matrix."""
    paper = f"tr({piece.text})", rf"\operatorname{{tr}}\left({piece.latex}\right)"
    return Piece(*paper, f"np.trace({piece.python})", ())
