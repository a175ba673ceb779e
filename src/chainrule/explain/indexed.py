"""Writes formulas with all their indices: ∂z[i,k]/∂W[j,m] = X[i,j] δ_km, y[i] = Σ_k w[k] x[i+k]; in text and LaTeX.

A label that is summed and that a tie says in terms of others is not written: its place is, in the brackets of the
arrays. Entries outside of an array are 0.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from chainrule.explain.atoms import Result
from chainrule.explain.form import Axes, Coefficient, Delta, Factor, Form, Group, Label, Monomial
from chainrule.explain.formula import Formula
from chainrule.explain.piece import Binding, Piece, on_paper
from chainrule.explain.symbols import call
from chainrule.explain.ties import Place, equation, is_order, is_tie, place_of
from chainrule.explain.typeset import exponent_text
from chainrule.linear.notation import label_names

__all__ = ["Indexer", "below", "brackets", "jacobian_entry"]

Told = tuple[str, str]  # in text and LaTeX


def brackets(indices: Sequence[str]) -> str:
    """``[i,j]``; nothing for a number."""
    return f"[{','.join(indices)}]" if indices else ""


def below(latex: str, indices: Sequence[str]) -> str:
    r"""A symbol in LaTeX with indices below it.

    >>> print(below("X", ["i", "j"]), below("X", ["i+k", "j"]), below("W_{1}", ["i"]))
    X_{ij} X_{i+k,\,j} \left[W_{1}\right]_{i}
    """
    if not indices:
        return latex
    told = [_in_latex(index) for index in indices]
    joined = "".join(told) if all(len(index) == 1 for index in indices) else r",\,".join(told)
    bare = latex if "_" not in latex and "^" not in latex else rf"\left[{latex}\right]"
    return f"{bare}_{{{joined}}}"


_LOW = str.maketrans("₀₁₂₃₄₅₆₇₈₉−", "0123456789-")


def _in_latex(index: str) -> str:
    return index.translate(_LOW)


@dataclass
class Indexer:
    """Writes the entries of formulas; ``symbol`` says how a factor without its indices is written, ``number`` the
    magnitude of a coefficient, both in text and LaTeX; ``needs_indices`` whether what is inside of a factor has to say
    its own; ``taken`` are letters that mean something else.
    """

    symbol: Callable[[Factor], Told]
    needs_indices: Callable[[Factor], bool]
    number: Callable[[Coefficient], Told]
    taken: Container[str] = ()
    letters: dict[Label, str] = field(default_factory=dict)

    def _fresh(self) -> Iterator[str]:
        used = set(self.letters.values())
        return (letter for letter in label_names() if letter not in self.taken and letter not in used)

    def axes(self, axes: Axes) -> tuple[list[str], list[Told]]:
        """An index for each axis, and the deltas between axes of the same label."""
        indices: list[str] = []
        deltas: list[Told] = []
        for label in axes:
            if label is None:
                indices.append("0")
                continue
            (letter,) = islice((l for l in self._fresh() if l not in indices), 1)
            indices.append(letter)
            if label in self.letters:
                deltas.append(_delta([self.letters[label], letter]))
            self.letters.setdefault(label, letter)
        return indices, deltas

    def entry(self, form: Form, deltas: Sequence[Told] = ()) -> Told:
        """The sum of products that one entry is."""
        text = latex = ""
        ordered = sorted(form.monomials, key=lambda m: m.coefficient.number < 0)
        for place, monomial in enumerate(ordered):
            minus = monomial.coefficient.number < 0
            signs = ("−", "-") if minus else ("+", "+") if place else ("", "")
            body = self._monomial(monomial, form.axes, deltas) or [("1", "1")]
            one, other = (" ".join([told[side] for told in body]) for side in (0, 1))
            text += f" {signs[0]} {one}" if place else f"{signs[0]}{one}"
            latex += f" {signs[1]} {other}" if place else f"{signs[1]}{other}"
        return text or "0", latex or "0"

    def _monomial(self, monomial: Monomial, axes: Axes, deltas: Sequence[Told]) -> list[Told]:
        before = dict(self.letters)
        arrays = [factor for factor in monomial.factors if not is_tie(factor)]
        places, ties = _places(monomial, {label for label in axes if label is not None}, arrays)
        fresh, summed = self._fresh(), list[str]()
        parts = list[Told]()

        def letter(label: Label) -> str:
            if label not in self.letters:
                self.letters[label] = next(fresh)
                summed.append(self.letters[label])
            return self.letters[label]

        for factor in arrays:
            indices = [self._index(label, places, letter) for label in factor.labels if label is not None]
            is_whole = not any(label in places for label in factor.labels)  # outside of its axes a sum is 0
            power, opens = str(factor.exponent), is_whole and self.needs_indices(factor)
            if isinstance(factor.atom, Group) and is_whole and (len(indices) > 2 or opens):
                told = self._inside(factor, indices)
            elif isinstance(factor.atom, Result) and factor.atom.axes is not None and opens:
                told = self._applied(factor, indices)
            else:
                text, latex = self.symbol(factor)
                told = text + brackets(indices), below(latex, indices)
            parts.append(_raised(told, power))
        parts += [self._tie(tie, letter) for tie in ties]
        self.letters = before
        number = self.number(monomial.coefficient)
        ahead = [number] if number[0] else []
        sums = [(f"Σ_{''.join(summed)}", rf"\sum_{{{', '.join(map(_in_latex, summed))}}}")] if summed else []
        return [*ahead, *sums, *parts, *deltas]

    def _inside(self, factor: Factor, indices: Sequence[str]) -> Told:
        """A sum in parentheses with the indices inside of it, where they may stand in any order."""
        form = factor.atom.form
        piece = self._with_indices(form, form.axes, factor.labels, indices)
        sums = any([monomial.labels() - set(form.axes) for monomial in form.monomials])
        return on_paper(piece, Binding.CHAIN if factor.exponent == 1 and not sums else Binding.ATOM)

    def _applied(self, factor: Factor, indices: Sequence[str]) -> Told:
        """An elementwise function with the indices inside of its arguments."""
        atom = factor.atom
        arguments = [self._with_indices(form, atom.axes, factor.labels, indices) for form in atom.arguments]
        made = call(atom.operation, arguments, atom.params, ())
        return on_paper(made, Binding.CHAIN if factor.exponent == 1 else Binding.ATOM)

    def _with_indices(self, form: Form, axes: Axes, labels: Axes, indices: Sequence[str]) -> Piece:
        """An entry of a formula whose ``axes`` have the ``labels`` here."""
        kept = [axis for axis, label in zip(axes, labels, strict=True) if label is not None]
        before = self.letters
        self.letters = {**before, **dict(zip([l for l in kept if l is not None], indices, strict=True))}
        told = self.entry(form)
        self.letters = before
        is_product = len(form.monomials) == 1 and form.monomials[0].coefficient.number > 0
        return Piece(*told, "", (), Binding.CHAIN if is_product else Binding.SUM)

    def _index(self, label: Label, places: Mapping[Label, Place], letter: Callable[[Label], str]) -> str:
        place = places.get(label)
        return letter(label) if place is None else _expression(place, letter)

    def _tie(self, tie: Factor, letter: Callable[[Label], str]) -> Told:
        """δ between what the equation says is equal."""
        strides, offset = equation(tie)
        if is_order(tie):
            above = Place(offset, {l: s for l, s in strides.items() if s > 0})
            under = Place(0, {l: -s for l, s in strides.items() if s < 0})
            one, other = _expression(above, letter), _expression(under, letter)
            return f"1[{one}≥{other}]", rf"\mathbf{{1}}_{{{_in_latex(one)} \ge {_in_latex(other)}}}"
        if isinstance(tie.atom, Delta) or not strides:
            return _delta([letter(label) for label in tie.labels if label is not None])
        chosen = next((l for l in strides if (p := place_of(l, tie)) is not None and p.lies_in(l)), next(iter(strides)))
        place = place_of(chosen, tie)
        if place is None:
            rest = Place(-offset, {l: -s for l, s in strides.items() if l is not chosen})
            return _delta([f"{strides[chosen]}{letter(chosen)}", _expression(rest, letter)])
        return _delta([letter(chosen), _expression(place, letter)])


def jacobian_entry(
    form: Form, rank: int, left: Callable[[Sequence[str], Sequence[str]], Told], indexer: Indexer
) -> Formula:
    """A Jacobian in index notation; the first ``rank`` axes of the form are those of the output.

    ``left`` is the left-hand side with these indices of the output and of the argument.
    """
    indices, deltas = indexer.axes(form.axes)
    told = left(indices[:rank], indices[rank:])
    return Formula(*[f"{one} = {other}" for one, other in zip(told, indexer.entry(form, deltas), strict=True)])


def _raised(told: Told, power: str) -> Told:
    if power == "1/2":
        return f"√{told[0]}", rf"\sqrt{{{told[1]}}}"
    return told if power == "1" else (told[0] + exponent_text(power), f"{{{told[1]}}}^{{{power}}}")


def _delta(indices: Sequence[str]) -> Told:
    if all(len(index) == 1 for index in indices):
        joined = "".join(indices)
        return f"δ_{joined}", rf"\delta_{{{joined}}}"
    return f"δ[{','.join(indices)}]", below(r"\delta", indices)


def _places(monomial: Monomial, free: set[Label], arrays: Sequence[Factor]) -> tuple[dict[Label, Place], list[Factor]]:
    """What labels are in terms of others, by the ties; and the ties that say no such thing."""
    places: dict[Label, Place] = {}
    left: list[Factor] = []
    carried = {label for factor in arrays for label in factor.labels}
    for tie in (factor for factor in monomial.factors if is_tie(factor)):
        choices = [l for l in tie.labels if l is not None and l not in free and l in carried and l not in places]
        solved = [(l, p) for l in choices if (p := place_of(l, tie)) is not None]
        # an index that is always inside, else one of the longest axis: the sum runs over the shorter
        solved.sort(key=lambda pair: (not pair[1].lies_in(pair[0]), -pair[0].size))
        solved = [(l, p) for l, p in solved if not any(l in other.strides for other in places.values())]
        if not solved or isinstance(tie.atom, Delta):
            left.append(tie)
            continue
        label, place = solved[0]
        for other in [o for o in place.strides if o in places]:
            place = _composed(place, other, places[other])
        places[label] = place
    return places, left


def _composed(place: Place, label: Label, inner: Place) -> Place:
    """A place with another put in for one of its labels."""
    strides = dict(place.strides)
    factor = strides.pop(label)
    for other, stride in inner.strides.items():
        strides[other] = strides.get(other, 0) + factor * stride
    return Place(place.offset + factor * inner.offset, {l: s for l, s in strides.items() if s})


def _expression(place: Place, letter: Callable[[Label], str]) -> str:
    """i+2k−1."""
    told = ""
    letters = [(letter(label), stride) for label, stride in place.strides.items()]
    for name, stride in sorted(letters, key=lambda pair: (pair[1] < 0, pair[0])):
        size = "" if abs(stride) == 1 else str(abs(stride))
        told += ("−" if stride < 0 else "+" if told else "") + size + name
    if place.offset and told.startswith("−"):
        return f"{place.offset}{told}".replace("-", "−")
    if place.offset or not told:
        told += ("+" if told and place.offset >= 0 else "") + str(place.offset).replace("-", "−")
    return told
