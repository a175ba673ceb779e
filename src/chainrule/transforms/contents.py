"""The contents of an array as they were, compared with what they are, bit by bit."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Contents"]


class Contents:
    """A copy of the numbers of an array, to be held against the array later.

    >>> array = np.array([1.0, np.nan])
    >>> contents = Contents(array)
    >>> contents.unchanged()
    True
    >>> array[0] = -1.0
    >>> contents.unchanged()
    False
    """

    __slots__ = ("array", "layout", "numbers", "order")

    def __init__(self, array: Any) -> None:
        self.array = array
        self.layout = array.shape, array.strides, array.dtype
        flags = array.flags
        self.order = "C" if flags.c_contiguous else "F" if flags.f_contiguous else "copy"
        self.numbers = bytearray(self._straight().tobytes())

    def _straight(self) -> Any:
        """The array's memory as one piece, copied only where it is not one."""
        if self.order == "C":
            return self.array
        return self.array.T if self.order == "F" else np.ascontiguousarray(self.array)

    def unchanged(self, numbers: bool = True) -> bool:
        """Whether the array has the shape, the dtype and, bit by bit, the numbers that it had.

        Without ``numbers``, those are not looked at.
        """
        array = self.array
        if (array.shape, array.strides, array.dtype) != self.layout:
            return False
        if not numbers:
            return True
        same: bool = self.numbers == self._straight()  # bytes are compared as such: faster than any ufunc
        return same
