"""Puts ties into a product of pieces, as far as arrays can say them: several axes as one, windows, convolutions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chainrule.explain.form import Factor, Label
from chainrule.explain.piece import Piece, squeezed
from chainrule.explain.placing import convolved, matrix_of, merged, windowed
from chainrule.explain.ties import Place, group_of, is_window, place_of

__all__ = ["Tying"]


@dataclass(frozen=True)
class Tying:
    """``contracted`` sums a product over all labels but some (None where it takes more than matrix products);
    ``combined`` multiplies pieces elementwise; ``free`` are the axes of the result.
    """

    contracted: Callable[[Sequence[Piece], Sequence[Label]], list[Piece] | None]
    combined: Callable[[Sequence[Piece], Sequence[Label]], Piece | None]
    free: Sequence[Label]

    def __call__(self, pieces: list[Piece], ties: Sequence[Factor]) -> list[Piece]:
        """The pieces with the ties; where nothing else says one, it is a matrix of its own."""
        if len(ties) == 1:
            found = convolved(pieces, ties[0], set(self.free))
            if found is not None:
                return found
        pieces, ties = self._windows(pieces, ties)
        for k, tie in enumerate(ties):
            others = {l for other in ties[k + 1 :] for l in other.labels if l is not None}
            pieces = self._grouped(pieces, tie, others) or [*pieces, matrix_of(tie)]
        return pieces

    def _grouped(self, pieces: list[Piece], tie: Factor, others: set[Label]) -> list[Piece] | None:
        """Axes that are summed over as one."""
        group = group_of(tie)
        if group is None or set(group[1]) & {*self.free, *others}:
            return None
        found = self.contracted(pieces, [*self.free, group[0], *group[1], *others]) or pieces
        carriers = [piece for piece in found if set(piece.labels) & set(group[1])]
        whole = self.combined(carriers, [*group[1], *self.free]) if carriers else None
        made = merged(whole, group[1], group[0]) if whole is not None else None
        return [*[piece for piece in found if piece not in carriers], made] if made is not None else None

    def _windows(self, pieces: list[Piece], ties: Sequence[Factor]) -> tuple[list[Piece], list[Factor]]:
        """Summed indices as differences of two others: windows of an array with zeros around it."""
        left: list[Factor] = []
        found: dict[Label, Place] = {}
        for tie in ties:
            solved = self._solved(tie, ties, pieces) if is_window(tie) else None
            if solved is None:
                left.append(tie)
            else:
                found[solved[0]] = solved[1]
        while found:
            label = next(iter(found))
            carriers = [piece for piece in pieces if label in piece.labels]
            whole = self.combined(carriers, self.free)
            assert whole is not None
            chosen = {l: place for l, place in found.items() if l in whole.labels}
            found = {l: place for l, place in found.items() if l not in chosen}
            pieces = [*[piece for piece in pieces if piece not in carriers], windowed(squeezed(whole), chosen)]
        return pieces, left

    def _solved(self, tie: Factor, ties: Sequence[Factor], pieces: Sequence[Piece]) -> tuple[Label, Place] | None:
        """The longest index that the tie says in terms of two others, of which no other tie speaks."""
        taken = {l for other in ties if other is not tie for l in other.labels} | set(self.free)
        for label in sorted([l for l in tie.labels if l is not None and l not in taken], key=lambda l: -l.size):
            place = place_of(label, tie)
            if place is not None and len(place.strides) == 2 and any(label in piece.labels for piece in pieces):
                return label, place
        return None
