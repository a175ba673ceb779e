"""Writes a sum of products with its indices, and as NumPy's einsum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chainrule.explain.form import Label
from chainrule.explain.piece import Binding, Piece, in_python, on_paper, squeezed
from chainrule.linear.notation import label_names

__all__ = ["einsum"]


def einsum(pieces: Sequence[Piece], free: Sequence[Label]) -> Piece:
    """Σ of a product with its indices written out."""
    letters = dict[Label, str]()
    names = label_names()
    for label in [*free, *[l for piece in pieces for l in piece.labels]]:
        if label not in letters:
            letters[label] = next(names)
    plain = [squeezed(piece) for piece in pieces]
    subscripts = ",".join(["".join([letters[l] for l in piece.labels]) for piece in plain])
    out = "".join([letters[label] for label in free])
    summed_labels = [letter for label, letter in letters.items() if label not in free]
    text = " ".join([f"{on_paper(p, Binding.ATOM)[0]}{_index(p, letters)}" for p in plain])
    latex = " ".join([f"{on_paper(p, Binding.ATOM)[1]}{_below(p, letters)}" for p in plain])
    if summed_labels:
        text = f"Σ_{''.join(summed_labels)} {text}"
        latex = rf"\sum_{{{' '.join(summed_labels)}}} {latex}"
    operands = ", ".join([p.python for p in plain])
    python = f'np.einsum("{subscripts}->{out}", {operands})'
    if (
        len(plain) == 1
        and [l for l in plain[0].labels if l in free] == list(free)
        and len(set(subscripts)) == len(subscripts)
    ):
        gone = [k for k, label in enumerate(plain[0].labels) if label not in free]
        python = f"{in_python(plain[0], Binding.ATOM)}.sum(axis={gone[0] if len(gone) == 1 else tuple(gone)})"
    return Piece(text, latex, python, tuple(free), Binding.CHAIN)


def _index(piece: Piece, letters: Mapping[Label, str]) -> str:
    return f"[{','.join([letters[l] for l in piece.labels])}]" if piece.labels else ""


def _below(piece: Piece, letters: Mapping[Label, str]) -> str:
    return f"_{{{' '.join([letters[l] for l in piece.labels])}}}" if piece.labels else ""
