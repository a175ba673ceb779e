"""Show a map in a notebook: a table of facts, its terms in index notation, and a drawing of its entries as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import prod
from typing import Any

import numpy as np

from chainrule.linear.footprint import counted, footprint
from chainrule.linear.notation import Names, Written, written
from chainrule.linear.picture import Cells, cells_of, extent, group
from chainrule.linear.term import Term

__all__ = ["html", "svg"]

_CELLS = 64  # cells along the longer side of the drawing
_PIXELS = 192  # length of that side on the screen
_THINNEST = 12  # length of the other side at least
_OPEN = 3  # terms that are shown without a click
_SHOWN = 64  # terms that are written out at all
_ARRAYS = 6  # arrays of a term whose shapes are told
# Nothing but inline styles, and no colour but the page's own: notebooks strip the rest, and themes differ
_CRISP = ' shape-rendering="crispEdges"'
_FRAME = "display:block;color:inherit;border:1px solid currentColor;box-sizing:border-box"
_CELL = "text-align:left;vertical-align:top;padding:2px 10px 2px 0;background:none"


def svg(found: Cells, name: str, row_run: int, column_run: int, style: str = _FRAME) -> str:
    """The drawing: the matrix framed, its marked cells filled in the colour of the text around it.

    Where a cell is one entry, lines part the blocks of ``row_run`` rows and ``column_run`` columns. A page with styles
    of its own leaves ``style`` empty.
    """
    height, width = found.marked.shape
    unit = min(_PIXELS / max(height, width), 12)
    gap = 0.12 if found.is_exact and unit > 5 else 0.0  # single entries can be counted
    path = "".join(
        [_run(row, start, stop, gap) for row, line in enumerate(found.marked) for start, stop in _runs(line, gap)]
    )
    borders = ""
    if found.is_exact:
        borders += "".join([f"M0 {at}H{width}" for at in range(row_run, height, row_run)])
        borders += "".join([f"M{at} 0V{height}" for at in range(column_run, width, column_run)])
    lines = (
        f'<path d="{borders}" stroke="currentColor" stroke-width="{1 / unit:.3g}" opacity="0.5"/>' if borders else ""
    )
    title = escape(f"{name}: {found.caption}")
    wide, high = (max(cells * unit, _THINNEST) + 2 for cells in (width, height))
    styled = f' style="{style}"' if style else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{title}" width="{wide:.0f}" '
        f'height="{high:.0f}" viewBox="0 0 {width} {height}" preserveAspectRatio="none"{styled}>'
        f'<title>{title}</title><path d="{path}" fill="currentColor"{_CRISP if not gap else ""}/>{lines}</svg>'
    )


def _runs(line: Any, gap: float) -> list[tuple[int, int]]:
    """Where the marked cells of a line begin and end: each for itself if there are gaps between them."""
    if gap:
        return [(at, at + 1) for at in np.flatnonzero(line).tolist()]
    edges = np.flatnonzero(np.diff(np.concatenate([[0], line.astype(np.int8), [0]])))
    return [(start, stop) for start, stop in edges.reshape(-1, 2).tolist()]


def _run(row: int, start: int, stop: int, gap: float) -> str:
    side = stop - start - 2 * gap
    return f"M{start + gap:g} {row + gap:g}h{side:g}v{1 - 2 * gap:g}h{-side:g}z"


def _fact(name: str, value: str) -> str:
    return (
        f'<tr><th scope="row" style="{_CELL};font-weight:600">{name}</th><td style="{_CELL}">{escape(value)}</td></tr>'
    )


def _line(told: Written) -> list[str]:
    """A term: its formula, for which labels it holds, the shapes of its arrays."""
    arrays = [*told.factors[:_ARRAYS], *(["…"] if len(told.factors) > _ARRAYS else [])]
    formula = f'<code style="white-space:nowrap;background:none;color:inherit">{escape(told.formula)}</code>'
    return [formula, escape(told.ranges), escape(", ".join(arrays))]


def _terms(terms: Sequence[Term]) -> str:
    """The terms, one in a line; folded away if they are many."""
    names = Names(terms)
    lines = [["entry", "for", "with"], *[_line(written(term, names)) for term in terms[:_SHOWN]]]
    used = [k for k in range(3) if any([line[k] for line in lines[1:]])]
    rows = [
        "".join([f'<{tag} style="{_CELL}">{line[k]}</{tag.split()[0]}>' for k in used])
        for line, tag in zip(lines, ['th scope="col"', *["td"] * len(lines)], strict=False)
    ]
    if len(terms) > _SHOWN:
        rows.append(f'<td style="{_CELL}">… and {len(terms) - _SHOWN} more</td>')
    table = (
        f'<table style="border-collapse:collapse;margin-top:6px">{"".join([f"<tr>{row}</tr>" for row in rows])}</table>'
    )
    table = f'<div style="overflow-x:auto">{table}</div>'  # a formula is not broken over lines
    if len(terms) <= _OPEN:
        return table
    return f"<details><summary>{len(terms)} terms, added</summary>{table}</details>"


def _shape(shape: Sequence[int]) -> str:
    told = ", ".join([f"{size:,}" for size in shape])
    return f"({told})" if len(shape) > 1 else told or "a number"


def html(
    terms: Sequence[Term],
    row_shape: Sequence[int],
    column_shape: Sequence[int],
    structure: str,
    stored: int,
    dtype: Any,
) -> str:
    """The map as HTML that needs no script and no network, in the colours of the page.

    >>> from chainrule.linear.term import identity
    >>> shown = html([Term(identity((3,)))], (3,), (3,), "identity", 0, "float64")
    >>> "3 of 9" in shown, "∂out[i]/∂arg[j] = δ_ij" in shown
    (True, True)
    """
    rows, columns = prod(row_shape), prod(column_shape)
    count = counted(footprint(terms), rows, columns)
    entries = f"{'' if count.is_exact else 'at most '}{count.entries:,} of {rows * columns:,}"
    facts = [
        _fact("shape", f"{_shape(row_shape)} by {_shape(column_shape)}"),
        _fact("structure", structure),
        _fact("entries", entries),
        _fact("stored", f"{stored:,} number{'' if stored == 1 else 's'}"),
        _fact("dtype", str(dtype)),
    ]
    found = cells_of(terms, rows, columns, *extent(rows, columns, _CELLS))
    name = f"Jacobian, {structure}"
    drawing = svg(found, name, group(row_shape), group(column_shape)) if found.marked.size else ""
    caption = f'<figcaption style="font-size:85%;width:{_PIXELS + 2}px">{escape(found.caption)}</figcaption>'
    return (
        '<div style="color:inherit">'
        '<div style="display:flex;gap:8px 24px;align-items:flex-start">'
        f'<figure style="margin:0;flex:none">{drawing}{caption}</figure>'
        f'<table style="border-collapse:collapse;flex:0 1 auto;min-width:0">{"".join(facts)}</table></div>'
        f"{_terms(terms) if terms else ''}</div>"
    )
