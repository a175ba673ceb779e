"""The shape of a tensor as PyTorch gives it: a tuple that prints as ``torch.Size`` and stays one when cut or joined.

>>> shape = Size([2, 3])
>>> shape, shape[1:], shape + (4,), shape.numel()
(torch.Size([2, 3]), torch.Size([3]), torch.Size([2, 3, 4]), 6)
>>> shape == (2, 3)
True
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import Any, SupportsIndex, overload

from chainrule.errors import StandInTypeError

__all__ = ["Size"]


class Size(tuple[int, ...]):
    """An immutable sequence of whole numbers, from any iterable of them; equal to the tuple of the same numbers.

    Raises ``DtypeError`` (a ``TypeError``) for an item that is not a whole number.
    """

    __module__ = "torch"
    __slots__ = ()

    def __new__(cls, lengths: Iterable[SupportsIndex] = ()) -> Size:
        return super().__new__(cls, [_whole_number(length, place) for place, length in enumerate(lengths)])

    def numel(self) -> int:
        """How many elements an array of this shape has."""
        return math.prod(self)

    @overload
    def __getitem__(self, key: SupportsIndex) -> int: ...
    @overload
    def __getitem__(self, key: slice) -> Size: ...
    def __getitem__(self, key: SupportsIndex | slice) -> int | Size:
        return Size(super().__getitem__(key)) if isinstance(key, slice) else super().__getitem__(key)

    def __add__(self, other: Any) -> Size:
        if not isinstance(other, tuple):
            raise StandInTypeError(
                f"can only concatenate tuple (not {type(other).__name__!r}) to torch.Size\n"
                "Make it a tuple first: size + tuple(other)."
            )
        return Size((*self, *other))

    def __radd__(self, other: Any) -> Size:
        return Size((*other, *self)) if isinstance(other, tuple) else NotImplemented

    def __mul__(self, times: SupportsIndex) -> Size:
        return Size(super().__mul__(times))

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (tuple(self),)


def _restored(lengths: tuple[int, ...]) -> Size:
    return Size(lengths)


def _whole_number(length: SupportsIndex, place: int) -> int:
    try:
        return operator.index(length)
    except TypeError:
        raise StandInTypeError(
            f"torch.Size() takes an iterable of 'int' (item {place} is {type(length).__name__!r})\n"
            "Give whole numbers, for instance torch.Size([2, 3])."
        ) from None
