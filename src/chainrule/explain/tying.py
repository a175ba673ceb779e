"""Puts ties into a product of pieces, as far as arrays can say them: several axes as one, windows, convolutions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chainrule.explain.form import Factor, Label
from chainrule.explain.piece import Piece, squeezed
from chainrule.explain.placing import convolved, matrix_of, merged, windowed
from chainrule.explain.ties import group_of, place_of

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
        for k, tie in enumerate(ties):
            others = {l for other in ties[k + 1 :] for l in other.labels if l is not None}
            made = self._grouped(pieces, tie, others) or self._windows(pieces, tie, others)
            pieces = made or [*pieces, matrix_of(tie)]
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

    def _windows(self, pieces: list[Piece], tie: Factor, others: set[Label]) -> list[Piece] | None:
        """A summed index as the difference of two others: windows of an array with zeros around it."""
        for label in sorted([l for l in tie.labels if l is not None], key=lambda l: -l.size):
            place = place_of(label, tie) if label not in self.free and label not in others else None
            carriers = [piece for piece in pieces if label in piece.labels]
            if place is None or len(place.strides) != 2 or not carriers:
                continue
            whole = self.combined(carriers, self.free)
            assert whole is not None
            return [*[piece for piece in pieces if piece not in carriers], windowed(squeezed(whole), label, place)]
        return None
