"""What every function for solvers has: its parameters in one vector, further arguments, the last point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.optimize import Bounds

from chainrule.interop.scipy.layout import Layout
from chainrule.interop.scipy.memo import LastPoint

__all__ = ["ForSolvers", "Parameters"]


class ForSolvers:
    """A function of ``(*before, parameters, *args)``, the parameters laid out in one vector.

    Args:
        function: the function as it was given.
        before: the arguments that stand before the parameters, at the start.
        parameters: the parameters at the start.
        args: further arguments at the start.
        form: of the matrix of derivatives.
        name: what messages call the parameters.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        before: tuple[Any, ...],
        parameters: Any,
        args: Sequence[Any],
        form: str,
        name: str,
    ) -> None:
        self.layout = Layout(parameters, name)
        self._args = tuple(args)
        self._made = (function, *before, parameters, self._args, form)
        self._start = (*before, self.layout.vector.copy(), *self._args)
        self._memo = LastPoint()

    def __reduce__(self) -> Any:
        return (type(self), self._made)

    def tree(self, x: Any) -> Any:
        """The parameters that a solver's vector holds, in the containers and shapes that they were given in."""
        return self.layout.tree(self.layout.checked(x))

    def vector(self, parameters: Any) -> Any:
        """The vector of parameters in these containers and shapes."""
        return self.layout.flat(parameters)


class Parameters(ForSolvers):
    """A function of parameters that start at ``x0`` and may have bounds."""

    @property
    def x0(self) -> Any:
        """The starting point as a vector."""
        return self.layout.vector.copy()

    def bounds(self, lower: Any = -np.inf, upper: Any = np.inf) -> Bounds:
        """Bounds on the parameters, for ``bounds=``: numbers, or for each array of ``x0`` a number or an array."""
        return Bounds(self.layout.bound(lower, "lower"), self.layout.bound(upper, "upper"))
