"""Arranges formulas in index notation as people write them: matrix products, transposes, elementwise products, sums.

A monomial is a network of factors tied by labels. Labels that are summed are removed one at a time, each by the product
of matrices or vectors that it is; what is left is multiplied elementwise. Where no matrix notation fits, the sum is
written with indices, and as an einsum in Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.explain.atoms import Adjoint, Choice, Result, Value
from chainrule.explain.blocks import stacks_of
from chainrule.explain.diagonals import column_scaled, diagonal_matrix, diagonal_of, diagonally_scaled, trace
from chainrule.explain.form import ONE, Axes, Coefficient, Delta, Factor, Form, Group, Label, Monomial, grouped
from chainrule.explain.indexed import Indexer
from chainrule.explain.naming import Naming
from chainrule.explain.piece import Binding, Piece, in_python, on_paper
from chainrule.explain.placing import matrix_of, read
from chainrule.explain.products import (
    alone,
    batched,
    between,
    divided_early,
    in_order,
    leads,
    of_numbers,
    with_equals_merged,
    work,
)
from chainrule.explain.stacking import Stacker
from chainrule.explain.summing import einsum
from chainrule.explain.symbols import call
from chainrule.explain.symmetry import Symmetry
from chainrule.explain.ties import Tie, is_made_of_ties, is_order, is_window, spread
from chainrule.explain.tying import Tying
from chainrule.explain.typeset import (
    divide,
    hadamard,
    index_of,
    joined,
    layout_of,
    matmul,
    negated,
    outer,
    placed,
    raised,
    reshaped,
    scaled,
    squared_length,
    sum_over,
    turned,
    with_number,
)

__all__ = ["Arranger"]


class Arranger:
    """Writes forms down with the names of one computation."""

    def __init__(self, naming: Naming, symmetry: Symmetry) -> None:
        self.naming = naming
        self.symmetry = symmetry
        self.diagonals: dict[str, str] = {}
        self._sizes: dict[str, tuple[int, ...]] = {}  # of what has a name
        self._indexed: dict[Any, bool] = {}  # whether atoms have to say their indices
        self._keep = False  # whether sums over an axis keep it
        self._is_map = False  # whether a Jacobian is written
        self._rows: Axes = ()  # the axes of the matrix that is written, in their order
        self._told: dict[tuple[Result, bool, bool], list[Piece]] | None = None  # arguments in the formula at hand

    def exact(self, form: Form, *, is_map: bool = False) -> Piece:
        """The form as a piece whose Python has exactly the axes of the form; ``is_map`` if it is a Jacobian."""
        before = self._keep, self._is_map, self._rows
        outer, self._told = self._told, {} if self._told is None else self._told
        self._keep, self._is_map = len(form.axes) == 2 and None in form.axes, is_map
        self._rows = form.axes if len(set(form.axes) - {None}) == len(form.axes) == 2 else ()
        try:
            return reshaped(self.form(form), form.axes)
        finally:
            self._keep, self._is_map, self._rows = before
            self._told = outer

    def form(self, form: Form) -> Piece:
        """The form as a piece; its axes may lack those along which it is constant."""
        if form.is_zero:
            return Piece("0", "0", "0.0", ())
        form = replace(form, monomials=tuple(spread(m) for m in form.monomials))
        stacks, rest = stacks_of(form)
        apart, number = _with_number_apart(form, bool(stacks) and not rest)
        if number != ONE:
            stacks, rest = stacks_of(apart)
        told = [
            *Stacker(self.form, self.exact, self.naming.number).pieces(stacks, form.axes),
            *self._summands(rest, form.axes),
        ]
        told.sort(key=lambda pair: pair[0] < 0)  # what is added comes before what is subtracted
        sign, found = told[0]
        if len(told) > 1:
            sign, found = 1, joined(told, tuple(label for label in form.axes if label is not None))
        found = found if number == ONE else with_number(found, self.naming.number(number))
        found = found if sign > 0 else negated(found)
        found = turned(found, form.axes) if found.rank > 2 else found
        if found.rank > 2 and list(found.labels) != [label for label in form.axes if label in found.labels]:
            return self._with_indices(found, form)
        return self._with_indices(found, form) if found.index or any(piece.index for _, piece in told) else found

    def _summands(self, monomials: Sequence[Monomial], axes: Axes) -> list[tuple[int, Piece]]:
        """The summands with their signs; matrices all in the order of the first, so that no sum is transposed."""
        told = [self._signed(m, axes) for m in monomials]
        layouts = list(dict.fromkeys([piece.axes for _, piece in told if piece.rank == 2]))
        if self._rows or len(layouts) != 2 or layouts[0] != layouts[1][::-1] or set(layouts[0]) != set(axes):
            return told
        self._rows = layouts[0]
        told = [self._signed(m, self._rows) for m in monomials]
        self._rows = ()
        return told

    def indexer(self) -> Indexer:
        """Writes entries with the names of the computation."""

        def symbol(factor: Factor) -> tuple[str, str]:
            return on_paper(self.atom(factor.atom, factor.labels), Binding.ATOM)

        def needs_indices(factor: Factor) -> bool:
            if factor.atom not in self._indexed:
                self._indexed[factor.atom] = bool(self.atom(factor.atom, factor.labels).index)
            return self._indexed[factor.atom]

        return Indexer(symbol, needs_indices, lambda number: self.naming.number(number)[:2], self.naming.names)

    def _with_indices(self, piece: Piece, form: Form) -> Piece:
        """The same in Python, with the axes in their order; on paper what an entry is."""
        piece = reshaped(piece, tuple(label for label in form.axes if label in piece.labels))
        indexer = self.indexer()
        indices, deltas = indexer.axes(tuple(label for label in form.axes if label is not None))
        text, latex = indexer.entry(form, deltas)
        return replace(piece, text=text, latex=latex, binding=Binding.CHAIN, index=tuple(indices))

    def _signed(self, monomial: Monomial, axes: Axes) -> tuple[int, Piece]:
        """A monomial as a sign and the rest; −(a − b) is (b − a)."""
        sign = 1 if monomial.coefficient.number > 0 else -1
        if sign < 0:
            for k, factor in enumerate(monomial.factors):
                if isinstance(factor.atom, Group) and factor.exponent == 1:
                    inner = factor.atom.form
                    if any(m.coefficient.number < 0 for m in inner.monomials):
                        turned = self.atom(factor.atom, factor.labels, negative=True)
                        return 1, self._product(monomial, axes, {k: turned})
        return sign, self._product(monomial, axes, {})

    # -- products -----------------------------------------------------------------------------------------------------

    def _product(self, monomial: Monomial, axes: Axes, known: dict[int, Piece]) -> Piece:
        free = [label for label in axes if label is not None]
        factors = [(k, f) for k, f in enumerate(monomial.factors) if not isinstance(f.atom, Tie) or is_order(f)]
        ties = [f for f in monomial.factors if isinstance(f.atom, Tie) and not is_order(f)]
        bases, ties = read([known.get(k) or self.atom(f.atom, f.labels) for k, f in factors], ties, set(free))
        windows = any(is_window(f) for f in monomial.factors) or any(piece.index for piece in bases)
        outside = {l for tie in ties for l in tie.labels} | set(free)
        powers = [(f.exponent > 0, self._power(f, k, bases, outside)) for k, (_, f) in enumerate(factors)]
        above, below = (
            [piece for is_above, made in powers if is_above is side for piece in made] for side in (True, False)
        )
        number = Coefficient(abs(monomial.coefficient.number), monomial.coefficient.sizes)
        told = self.naming.number(number)
        mean = self._mean(above, number, free) if not below and not ties and not windows else None
        if mean is not None:
            return mean
        above, below = divided_early(between(above), below, set(free))
        above = Tying(self._contracted, self._combined, free)(above, ties)
        contracted = self._contracted(above, free)
        if contracted is None or _is_spread(contracted):
            windows, contracted = True, [einsum(above, [l for l in free if any(l in p.labels for p in above)])]
        whole = self._combined(contracted, free)
        for divisor in below:
            if told[0].startswith("1/") and whole is not None:  # a / (N b)
                divisor, told = with_number(divisor, self.naming.number(number.inverse())), ("", "", "")
            if whole is None and "/" not in told[0]:
                whole, told = with_number(None, told), ("", "", "")
            whole = divide(whole or Piece("1", "1", "1", ()), divisor)
        found = with_number(whole, told)
        return replace(found, index=("",)) if windows else found

    def _power(self, factor: Factor, place: int, bases: Sequence[Piece], outside: set[Any]) -> list[Piece]:
        """A power of one of the pieces, as pieces; ``outside`` are the labels that are not summed over the pieces."""
        piece = bases[place]
        tied = {l for k, other in enumerate(bases) if k != place for l in other.labels} | outside
        if not tied & set(piece.labels) and len(set(piece.axes)) == 1:
            if factor.exponent == 1 and len(piece.axes) == 2:
                return [trace(piece)]
            if factor.exponent == 2 and len(piece.axes) == 1 and isinstance(factor.atom, Value):
                return [piece, piece]
            if factor.exponent == 2 and len(piece.axes) == 1 and piece.binding <= Binding.CHAIN:
                return [squared_length(piece)]
        piece = _without_repeats(raised(piece, abs(factor.exponent)))
        return [turned(piece, self._rows) if set(piece.labels) == set(self._rows) else piece]

    def _mean(self, pieces: Sequence[Piece], number: Coefficient, free: Sequence[Label]) -> Piece | None:
        """The mean of everything, or along one axis, if that is what a product is."""
        if len(pieces) != 1:
            return None
        (piece,) = pieces
        gone = [label for label in piece.labels if label not in free]
        count = ONE
        for label in gone:
            count = count.times(Coefficient(Fraction(1), ((label.size, -1),)))
        rest = number.times(count.inverse())
        if not gone or rest.sizes:
            return None
        if len(gone) < piece.rank:
            if rest != ONE or len(gone) > 1:
                return None
            along = sum_over(piece, gone[0], keep=self._keep, mean=True)
            return replace(with_number(along, self.naming.number(number)), python=along.python, precedence=Binding.ATOM)
        text, latex = on_paper(piece, Binding.SUM)
        python = f"{in_python(piece, Binding.ATOM)}.mean()"
        found = Piece(f"mean({text})", rf"\operatorname{{mean}}\left({latex}\right)", python, ())
        return with_number(found, self.naming.number(rest))

    def _combined(self, pieces: Sequence[Piece], free: Sequence[Label]) -> Piece | None:
        """What is left, multiplied elementwise."""
        number = of_numbers(pieces)
        arrays = sorted([piece for piece in pieces if piece.rank], key=lambda p: (-p.rank, p.binding != Binding.CHAIN))
        whole: Piece | None = None
        for piece in arrays:
            if whole is None:
                whole = piece
            elif whole.text == "I" and piece.rank == 1 and piece.labels[0] in whole.labels:
                whole = replace(diagonal_matrix(piece), axes=whole.axes)
            elif whole.rank == 1 and piece.rank == 1 and whole.labels != piece.labels:
                first, second = sorted([whole, piece], key=lambda p: list(free).index(p.labels[0]))
                whole = outer(first, second)
            elif self._is_scaling(whole, piece):
                whole = diagonally_scaled(whole, piece)
            else:
                whole = hadamard(whole, piece)
        return whole if number is None else number if whole is None else scaled(whole, number)

    def _is_scaling(self, matrix: Piece, vector: Piece) -> bool:
        """Whether a product with a vector is to be written with diag: in a Jacobian, and where rows are scaled."""
        if len(matrix.axes) != 2 or matrix.rank != 2 or vector.rank != 1 or matrix.binding < Binding.CHAIN:
            return False
        is_turned = matrix.axes[0] is vector.labels[0] or matrix.text.endswith("ᵀ")
        return self._is_map or (is_turned and vector.binding == Binding.ATOM)

    def _contracted(self, pieces: Sequence[Piece], free: Sequence[Label]) -> list[Piece] | None:
        """The pieces with all other labels summed; None where that takes more than matrix products."""
        pending = [alone(piece, pieces, free) for piece in with_equals_merged(pieces, free)]
        while True:
            bound = {label for piece in pending for label in piece.labels} - set(free)
            if not bound:
                return pending
            label = min(bound, key=lambda l: (work(l, pending), leads(l, pending), l.number))
            touching = [piece for piece in pending if label in piece.labels]
            made = self._summed(touching, label, free, pending)
            if made is None:
                return None
            pending = with_equals_merged([piece for piece in pending if label not in piece.labels] + [made], free)

    def _summed(
        self, touching: Sequence[Piece], label: Label, free: Sequence[Label], pending: Sequence[Piece]
    ) -> Piece | None:
        """The product of these pieces, summed over one label."""
        pieces = list(touching)
        if len(pieces) > 2:
            vectors = [piece for piece in pieces if piece.rank == 1]
            matrices = [piece for piece in pieces if piece.rank == 2]
            if len(matrices) != 2 or len(vectors) + 2 != len(pieces) or matrices[0].labels == matrices[1].labels:
                return None
            vector = vectors[0]
            for other in vectors[1:]:
                vector = hadamard(vector, other)
            first, second = matrices
            first, second = in_order(first, second, label, _beside(first, second, label, pending) or free)
            pieces = [column_scaled(first, vector, label, self._diagonal(vector)), second]
        if len(pieces) == 1:
            whole = alone(pieces[0], pending, free)
            if whole.rank > 2:
                return None
            return sum_over(whole, label, keep=self._keep) if whole.rank else whole
        left, right = pieces
        if left.rank == right.rank == 1:
            left, right = sorted(pieces, key=lambda piece: piece.binding, reverse=True)  # rᵀ S r, not (S r)ᵀ r
        shared = set(left.labels) & set(right.labels)
        if shared == {label} and left.rank <= 2 and right.rank <= 2:
            first, second = in_order(left, right, label, _beside(left, right, label, pending) or free)
            return matmul(first, second, label)
        if left.rank <= 2 and right.rank <= 2:
            return sum_over(hadamard(left, right), label, keep=self._keep)
        return batched(left, right, label, free)

    def _diagonal(self, vector: Piece) -> tuple[str, str]:
        """How diag(d) is written: by a name, which is noted, unless d is a name itself."""
        told = f"diag({vector.text})", rf"\operatorname{{diag}}\left({vector.latex}\right)"
        if vector.binding == Binding.ATOM:
            return told
        name = self._noted(vector, told[0]).text
        return name, name

    # -- factors ------------------------------------------------------------------------------------------------------

    def atom(self, atom: Any, labels: Axes, *, negative: bool = False) -> Piece:
        """An atom with these labels."""
        piece = self._atom(atom, labels, negative)
        return replace(piece, is_symmetric=True) if self.symmetry.holds(atom) else piece

    def _atom(self, atom: Any, labels: Axes, negative: bool) -> Piece:
        naming = self.naming
        if isinstance(atom, Value):
            step = atom.step
            if step.operation is None and not step.shape and not step.name:
                number = repr(step.value.item())
                return Piece(number, number, number, labels)
            return Piece(naming.text(step), naming.latex(step), naming.python(step), labels)
        if isinstance(atom, Adjoint):
            return Piece(*naming.derivative(atom.step), labels, Binding.SIGN)
        if isinstance(atom, Delta):
            return Piece("I", "I", f"np.eye({naming.size_in_python(atom.size)})", labels, is_symmetric=True)
        if isinstance(atom, Choice):
            return self._choice(atom, labels)
        if isinstance(atom, Tie):
            made = matrix_of(Factor(atom, labels))
            told = f"{made.python.replace('np.', '')}, ones on and below the diagonal"
            return self._noted(made, told, "LTJ")
        if isinstance(atom, Group):
            if is_made_of_ties(atom) and not negative and len(labels) == 2:
                return self._noted(self._relabelled(self.form(atom.form), atom.form.axes, labels))
            form = -atom.form if negative else atom.form
            return self._relabelled(self._inside(form, labels), form.axes, labels)
        return self._result(atom, labels)

    def _noted(self, piece: Piece, told: str = "", letters: str = "DCEG") -> Piece:
        """A matrix of zeros and ones by a name on paper, which is noted."""
        told = told or piece.text
        sizes = tuple(label.size for label in piece.labels)
        if self._sizes.setdefault(told, sizes) != sizes:
            told += f" ({'×'.join(map(str, sizes))})"
        name = next((name for name, text in self.diagonals.items() if text == told), None)
        if name is None:
            name = self.naming.free_letter(letters, taken=self.diagonals)
            self.diagonals[name] = told
        return replace(piece, text=name, latex=name, binding=Binding.ATOM)

    def _inside(self, form: Form, labels: Axes) -> Piece:
        """A sum in parentheses; that of a matrix as it stands outside of them."""
        before, names = self._rows, dict(zip(labels, form.axes, strict=True))
        self._rows = tuple([names[label] for label in before]) if set(before) == set(labels) else ()
        try:
            return self.form(replace(form, axes=self._rows or form.axes))
        finally:
            self._rows = before

    def _choice(self, atom: Choice, labels: Axes) -> Piece:
        table = self._table(atom)
        return Piece(
            f"onehot({table[0]})",
            rf"\operatorname{{onehot}}\left({table[1]}\right)",
            f"np.eye({self.naming.size_in_python(atom.size)})[{table[2]}]",
            labels,
        )

    def _table(self, atom: Choice) -> tuple[str, str, str]:
        """The name of the array that a table came from, or the table itself."""
        content = np.asarray(atom.table.given)
        for step in self.naming.computation.steps:
            is_table = step.name and step.operation is None and step.value.dtype.kind in "iu"
            if is_table and step.shape == content.shape and np.array_equal(step.value, content):
                return self.naming.text(step), self.naming.latex(step), self.naming.python(step)
        told = repr(content.tolist())
        return told, rf"\mathtt{{{told}}}", told

    def _relabelled(self, piece: Piece, old: Axes, new: Axes) -> Piece:
        names = {a: b for a, b in zip(old, new, strict=True) if a is not None}
        return replace(piece, axes=tuple(None if l is None else names[l] for l in piece.axes))

    def _result(self, atom: Result, labels: Axes) -> Piece:
        arguments = self._arguments(atom)
        axes: Axes = labels
        index: tuple[str, ...] = ()
        if atom.axes is not None:
            present = {l for piece in arguments for l in piece.labels}
            layout = layout_of(arguments, [label for label in atom.axes if label is not None])
            names = dict(zip(atom.axes, labels, strict=True))
            index = index_of(arguments, layout)
            arguments = [placed(piece, layout) for piece in arguments]
            axes = tuple(None if l is None else names[l] for l in layout if l is None or l in present)
        found = call(atom.operation, arguments, atom.params, axes)
        return replace(found, is_truth=atom.step.value.dtype == bool, index=index)

    def _arguments(self, atom: Result) -> list[Piece]:
        """The arguments of an operation, each written once however often the formula has it."""
        known = {} if self._told is None else self._told
        key = atom, self._keep, self._is_map
        if key not in known:
            before, self._rows = self._rows, ()
            known[key] = [self.form(f) if atom.axes is not None else self.exact(f) for f in atom.arguments]
            self._rows = before
        return known[key]


def _is_spread(pieces: Sequence[Piece]) -> bool:
    """Whether more than two axes are spread over factors, so that no product of matrices or elements says it."""
    labels = {label for piece in pieces for label in piece.labels}
    return len(labels) > 2 and not any(set(piece.labels) == labels for piece in pieces)


def _without_repeats(piece: Piece) -> Piece:
    """The diagonal of a matrix both of whose axes have the same label."""
    if piece.rank == 2 and piece.labels[0] is piece.labels[1]:
        return diagonal_of(piece, piece.labels[0])
    return piece


def _beside(left: Piece, right: Piece, label: Label, pending: Sequence[Piece]) -> tuple[Label, ...] | None:
    """The axes of what a product will be multiplied with elementwise, if there is such a thing."""
    result = {l for piece in (left, right) for l in piece.labels if l is not label}
    return next((piece.labels for piece in pending if set(piece.labels) == result), None)


def _with_number_apart(form: Form, whole: bool) -> tuple[Form, Coefficient]:
    """A sum, and the number that all its summands have in common: 2/N a − 2/N b is 2/N (a − b).

    2 a − 2 b stays, unless ``whole`` numbers are to be set apart too; and a/2 − b, as most summands are not divided.
    """
    if len(form.monomials) < 2:
        return form, ONE
    found, _ = grouped(form)
    number = found.of_most([m.coefficient for m in form.monomials])
    if number == ONE or (not whole and not number.is_fraction):
        return form, ONE
    return form.scaled(number.inverse()), number
