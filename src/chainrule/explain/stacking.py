"""Writes the blocks of a formula one after the other: [a; b], and [0; g; 0] for what has zeros around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chainrule.explain.blocks import Block, Stack
from chainrule.explain.form import ONE, Axes, Coefficient, Form
from chainrule.explain.piece import Binding, Piece, numeric, on_paper
from chainrule.explain.placing import padded, scattered, stacked
from chainrule.explain.typeset import with_number

__all__ = ["Stacker"]


@dataclass(frozen=True)
class Stacker:
    """Writes stacks; ``form`` writes a formula, ``exact`` one with exactly its axes, ``number`` a coefficient."""

    form: Callable[[Form], Piece]
    exact: Callable[[Form], Piece]
    number: Callable[[Coefficient], tuple[str, str, str]]

    def pieces(self, stacks: Sequence[Stack], axes: Axes) -> list[tuple[int, Piece]]:
        """Blocks put together along an axis, with their signs; −[0; a] for [0; −a] where a was met before."""
        told: list[tuple[int, Piece]] = []
        met = set[Any]()
        for stack in stacks:
            minus = all(m.coefficient.number < 0 for block in stack.blocks for m in block.form.monomials)
            if len(stack.blocks) > 1:
                turned = [block._replace(form=-block.form) if minus else block for block in stack.blocks]
                told.append((-1 if minus else 1, self._stacked(stack._replace(blocks=tuple(turned)), axes)))
                continue
            (block,) = stack.blocks
            minus = minus or (-block.form).key() in met
            form = -block.form if minus else block.form
            met.add(form.key())
            told.append((-1 if minus else 1, self._padded(stack, block._replace(form=form), axes)))
        return told

    def _stacked(self, stack: Stack, axes: Axes) -> Piece:
        parts: list[tuple[Piece, bool] | int] = []
        end = 0
        for block in stack.blocks:
            parts += [block.start - end] if block.start > end else []
            parts.append(self._filling(block, stack.axis))
            end = block.start + block.length
        return stacked([*parts, stack.size - end] if end < stack.size else parts, axes, stack.axis)

    def _filling(self, block: Block, axis: int) -> tuple[Piece, bool]:
        """What fills a block; and whether it lacks the axis, being one entry long."""
        form, lacks = block.form, block.form.axes[axis] is None
        if lacks:
            form = replace(form, axes=(*form.axes[:axis], *form.axes[axis + 1 :]))
        plain, piece = self.form(form), self.exact(form)
        if not lacks and form.axes[axis] not in plain.labels:  # the same entry all along
            text, latex = on_paper(piece, Binding.CHAIN)
            one = (text, latex) == ("1", "1")
            paper = ("1", r"\mathbf{1}") if one else (f"{text} 1", rf"{latex} \mathbf{{1}}")
            piece = replace(piece, text=paper[0], latex=paper[1], binding=Binding.ATOM if one else Binding.CHAIN)
        return numeric(piece), lacks

    def _padded(self, stack: Stack, block: Block, axes: Axes) -> Piece:
        """One block with zeros around it, and its number before it."""
        number = ONE
        if len(block.form.monomials) == 1:
            number = block.form.monomials[0].coefficient
            block = block._replace(form=block.form.scaled(number.inverse()))
        piece, lacks = self._filling(block, stack.axis)
        if lacks:
            piece = replace(stacked([(piece, True)], axes, stack.axis), text=piece.text, latex=piece.latex)
        if block.step != 1:
            made = scattered(piece, axes, stack.axis, block.start, block.step)
        else:
            after = stack.size - block.start - block.length
            made = replace(padded(piece, stack.axis, block.start, after), axes=axes)
        return made if number == ONE else with_number(made, self.number(number))
