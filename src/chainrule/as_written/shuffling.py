"""`shuffle` of NumPy's random generators, which swaps what it takes for the rows of a list.

Rows of arrays are views: swapped like entries of a list, one would overwrite the other, and no error would say so. What
the generators ask first, whether they hold a sequence, is answered here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chainrule.errors import AssignmentError
from chainrule.tensor import Tensor

__all__ = ["of_random"]


class _Sequences:
    """The kind of what can be swapped entry by entry: sequences, and tensors along one axis."""

    def __instancecheck__(self, value: Any) -> bool:
        if isinstance(value, Tensor) and value.ndim > 1:
            raise AssignmentError(
                f"shuffle of a tensor of shape {value.shape}: its rows are views, and swapping them would overwrite "
                "some. Choose rows in another order: x = x[generator.permutation(len(x))]."
            )
        return isinstance(value, Sequence | Tensor)


def of_random(module: Any) -> list[tuple[Any, Mapping[str, Any]]]:
    """What generators of a module of NumPy's ask instead."""
    return [(vars(module), {"Sequence": _Sequences()})]
