"""Local Jacobians on a page: index notation, structure in words, and a drawing of where entries are."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from chainrule.explain.explained import Local
from chainrule.explain.report.detail import Detail
from chainrule.explain.report.formulas import formula
from chainrule.explain.report.markup import Markup, element
from chainrule.explain.report.numbers import sides
from chainrule.linear.html import svg
from chainrule.linear.picture import cells_of, extent, group

__all__ = ["jacobian"]

_BLOCKS = 12  # blocks up to which lines part them


def jacobian(local: Local, out: str, argument: str, detail: Detail, identity: str) -> Markup:
    """The local Jacobian ∂out/∂argument as a figure."""
    name = f"∂{out}/∂{argument}"
    caption = [
        element("div", formula(local.index)),
        element("div", local.structure, class_="structure"),
    ]
    shown = Markup()
    if local.jacobian.size > 1 and detail.jacobian:
        shown, told = _drawing(local, name, detail)
        caption.append(element("div", told, class_="note"))
    return element("figure", shown, element("figcaption", *caption), class_="jacobian", id=identity)


def _drawing(local: Local, name: str, detail: Detail) -> tuple[Markup, str]:
    """The picture, and what it shows."""
    found = local.jacobian
    rows, columns = prod(found.row_shape), prod(found.column_shape)
    cells = cells_of(found.terms, rows, columns, *extent(rows, columns, detail.jacobian))
    # The drawing escapes its title itself, and holds nothing else that anybody named
    runs = _run(found.row_shape), _run(found.column_shape)
    drawn = Markup(svg(cells, f"{name}, {local.structure}", *runs, ""))
    is_flat = len(found.row_shape) < 2 and len(found.column_shape) < 2
    size = "" if is_flat else f"{sides(found.row_shape) or '1'} by {sides(found.column_shape) or '1'}, drawn as "
    return element("span", drawn, class_="drawn", hidden=True), size + cells.caption


def _run(shape: Sequence[int]) -> int:
    """The length of the blocks that lines part; all, where the lines would be more to see than the entries."""
    length = group(shape)
    return length if prod(shape) <= length * _BLOCKS else prod(shape)
