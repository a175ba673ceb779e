"""Values that lie in memory as they stand: what is read of them, and how far apart their elements are."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.native.lowering import Lowering, Value, places
from chainrule.native.scalar import Label, Read
from chainrule.native.work import stride_in_order

__all__ = ["lying", "read_of"]


def read_of(value: Value, labels: Sequence[Label]) -> Read | None:
    """The element at labels, if for all of them it is one of an array; None if it is computed, or its place is."""
    element = value.at(places(labels)) if value.parts == 1 else None
    return element if type(element) is Read and not any([index.looked_up for index in element.place]) else None


def lying(low: Lowering, value: Value) -> list[int] | None:
    """How far apart neighbours along each axis are, in whichever turn of a loop; None if they are not in memory."""
    labels = [Label(size) for size in value.shape]
    with low.in_a_turn():
        read = read_of(value, labels)
    return None if read is None else [stride_in_order(read.source, read.place, label) for label in labels]
