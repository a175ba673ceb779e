"""How calls of NumPy's functions are lowered, a file for each family; importing this registers them."""

from chainrule.native.lowering import Lowering
from chainrule.native.rules import (
    adding,
    contraction,
    joining,
    linear,
    moving,
    parts,
    reduction,
    running,
    selection,
    triangles,
    views,
    writing,
)

__all__ = [
    "Lowering",
    "adding",
    "contraction",
    "joining",
    "linear",
    "moving",
    "parts",
    "reduction",
    "running",
    "selection",
    "triangles",
    "views",
    "writing",
]
