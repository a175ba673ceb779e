"""Writes formulas with all their indices: ∂z[i,k]/∂W[j,m] = X[i,j] δ_km."""

from __future__ import annotations

from collections.abc import Iterator

from chainrule.explain.arrange import Arranger
from chainrule.explain.form import Axes, Delta, Form, Label, Monomial
from chainrule.explain.piece import Binding, on_paper
from chainrule.linear.notation import label_names

__all__ = ["entry", "jacobian_entry"]


def jacobian_entry(form: Form, rank: int, out: str, arg: str, arranger: Arranger) -> str:
    """A Jacobian in index notation; the first ``rank`` axes of the form are those of the output."""
    letters, axes, deltas = _letters(form.axes)
    row, column = axes[:rank], axes[rank:]
    left = f"∂{out}{_brackets(row)}/∂{arg}{_brackets(column)}"
    return f"{left} = {entry(form, letters, deltas, arranger)}"


def _brackets(indices: list[str]) -> str:
    return f"[{','.join(indices)}]" if indices else ""


def _letters(axes: Axes) -> tuple[dict[Label, str], list[str], list[str]]:
    """A letter for each label, an index for each axis, and the deltas between axes of the same label."""
    fresh = label_names()
    letters: dict[Label, str] = {}
    indices: list[str] = []
    deltas: list[str] = []
    for label in axes:
        if label is None:
            indices.append("0")
            continue
        letter = next(fresh)
        indices.append(letter)
        if label in letters:
            deltas.append(f"δ_{letters[label]}{letter}")
        letters.setdefault(label, letter)
    return letters, indices, deltas


def entry(form: Form, letters: dict[Label, str], deltas: list[str], arranger: Arranger) -> str:
    """The sum of products that one entry is."""
    if form.is_zero:
        return "0"
    told = ""
    for place, monomial in enumerate(form.monomials):
        sign = "−" if monomial.coefficient.number < 0 else "" if not place else "+"
        body = " ".join(_monomial(monomial, dict(letters), deltas, arranger)) or "1"
        told += f" {sign} {body}" if place else f"{sign}{body}"
    return told


def _monomial(monomial: Monomial, letters: dict[Label, str], deltas: list[str], arranger: Arranger) -> Iterator[str]:
    number = arranger.naming.number(monomial.coefficient)[0]
    if number:
        yield number
    used = set(letters.values())
    fresh = (letter for letter in label_names() if letter not in used)
    summed: list[str] = []
    parts: list[str] = []
    for factor in monomial.factors:
        for label in factor.labels:
            if label is not None and label not in letters:
                letters[label] = next(fresh)
                summed.append(letters[label])
        index = [letters[label] for label in factor.labels if label is not None]
        if isinstance(factor.atom, Delta):
            parts.append(f"δ_{''.join(index)}")
            continue
        piece = arranger.atom(factor.atom, factor.labels)
        text = on_paper(piece, Binding.ATOM)[0] + _brackets(index)
        exponent = str(factor.exponent)
        parts.append(text if exponent == "1" else f"{text}^{exponent}")
    if summed:
        yield f"Σ_{''.join(summed)}"
    yield from parts
    yield from deltas
