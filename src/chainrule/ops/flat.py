"""What ``x.flat`` is: the elements of a tensor in order, to be read, gone through and written to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.ops.pick import take
from chainrule.ops.shape import ravel

__all__ = ["Flat"]


class Flat:
    """The elements in C order; what is read is a copy, what is written is written to the tensor."""

    def __init__(self, tensor: Any) -> None:
        self.tensor = tensor
        self._rest: Iterator[Any] | None = None

    def _positions(self, index: Any) -> Any:
        return np.arange(self.tensor.value.size)[index]

    def __len__(self) -> int:
        return int(self.tensor.value.size)

    def __iter__(self) -> Iterator[Any]:
        return iter(ravel(self.tensor))

    def __next__(self) -> Any:
        if self._rest is None:
            self._rest = iter(self)
        return next(self._rest)

    def __getitem__(self, index: Any) -> Any:
        return take(ravel(self.tensor), self._positions(index), axis=0)

    def __setitem__(self, index: Any, values: Any) -> None:
        np.put(self.tensor, np.ravel(self._positions(index)), values)
