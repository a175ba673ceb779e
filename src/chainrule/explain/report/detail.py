"""How much of each array a page shows, so that a page with many claims stays small."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LEVELS", "Detail"]


@dataclass(frozen=True)
class Detail:
    """Bounds on what is shown of one array, of one Jacobian, and of one sum over many paths.

    ``numbers`` is the length of the sides up to which an array is a table of numbers, ``cells`` that of the picture of
    a larger one (0 for none), ``thumb`` that of the picture in a node of the graph, ``jacobian`` that of a drawing of a
    Jacobian (0 for none); ``paths`` is how many contributions to a gradient are shown one by one.
    """

    numbers: int = 20
    cells: int = 24
    thumb: int = 8
    jacobian: int = 128
    paths: int = 24


LEVELS = (Detail(), Detail(10, 16, 8, 48, 12), Detail(6, 12, 6, 24, 8), Detail(4, 8, 4, 12, 6), Detail(3, 0, 3, 0, 4))
