"""A function that reads an array from outside, as a function of that array.

People write `f = lambda W: net.loss(x, t)` where `net` holds the very array that is moved in place: what f is handed
does not matter to it. In a copy of the function the array is what is handed.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, Signature, signature
from typing import Any

import numpy as np

from chainrule.tape import Tracked
from chainrule.tensor import Tensor
from chainrule.transforms.guard import Reads
from chainrule.transforms.transplant import Transplant

__all__ = ["Fed"]

Array = np.ndarray[Any, np.dtype[Any]]


class Fed:
    """The function, called with the array that it shall read.

    >>> W = np.array([1.0, 2.0])
    >>> Fed(lambda _, held=[W]: np.sum(held[0] ** 2), W, "W")(np.array([3.0, 4.0]))
    np.float64(25.0)
    """

    __slots__ = (
        "__signature__",
        "_array",
        "_function",
        "_takes_it",
    )  # so that it is taken as it is where functions are copied

    def __init__(self, function: Callable[..., Any], array: Array, name: str) -> None:
        self._function, self._array = function, array
        self._takes_it = bool(signature(function).parameters)
        self.__signature__ = Signature([Parameter(name, Parameter.POSITIONAL_ONLY)])

    def __call__(self, given: Any) -> Any:
        def stand_in(array: Array) -> Any:
            if array is self._array:
                return given
            return Tensor(array) if isinstance(given, Tracked) else array

        function = Transplant(Reads(self._function), stand_in).of(self._function)
        return function(given) if self._takes_it else function()
