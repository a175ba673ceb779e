"""What ``least_squares``, ``root`` and nonlinear constraints ask of a function of many values: these and a Jacobian."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import OptionError, ShapeError
from chainrule.interop.scipy.layout import plain, require_finite, vectorised
from chainrule.interop.scipy.matrix import Matrix
from chainrule.interop.scipy.memo import LastPoint, once
from chainrule.interop.scipy.parameters import Parameters
from chainrule.transforms.curvature import hessian
from chainrule.transforms.gradient import grad
from chainrule.transforms.jacobian import jacobian
from chainrule.transforms.products import linearize

__all__ = ["Residual", "residual"]

_SPARSE = "trf dogbox".split()
_DENSE = "hybr lm".split()
_NOTHING = "broyden1 broyden2 anderson linearmixing diagbroyden excitingmixing krylov df-sane".split()


def residual(function: Callable[..., Any], x0: Any, *, args: Sequence[Any] = (), form: str = "auto") -> Residual:
    """A function of many values as ``least_squares``, ``root`` and ``fsolve`` want it.

    Args:
        function: takes the parameters, in the shapes of ``x0``, and ``args``; returns an array of any shape, or a
            list, tuple or dict of arrays and numbers, which are put into one vector in order.
        x0: where to start: an array, a number, or nested tuples, lists and dicts of arrays.
        args: further arguments at the start, not differentiated; as SciPy's ``args``, others may come with each call.
        form: of the Jacobian: "dense", "csr", "csc", "operator", or "auto", which looks at its structure.

    Raises:
        DtypeError: ``x0`` is of integers, complex, or of no numbers, or so are the values.
        StartError: a value is infinite or not a number at ``x0``.
        OptionError: there is no such form.

    >>> from scipy.optimize import least_squares
    >>> t = np.linspace(0.0, 1.0, 20)
    >>> fit = residual(lambda p: p["scale"] * np.exp(p["rate"] * t) - 3.0 * np.exp(-t), {"scale": 1.0, "rate": 0.0})
    >>> found = least_squares(fit, fit.x0, jac=fit.jacobian)
    >>> round(float(fit.tree(found.x)["rate"]), 6)
    -1.0
    """
    return Residual(function, x0, args, form)


class Residual(Parameters):
    """The values at a point as one vector when called; ``jacobian`` beside it (see `Matrix`).

    ``least_squares(residual, residual.x0, jac=residual.jacobian)``, ``root(residual, residual.x0,
    jac=residual.jacobian.dense)``; `derivatives` has the keyword for each method.
    """

    def __init__(self, function: Callable[..., Any], x0: Any, args: Sequence[Any], form: str) -> None:
        super().__init__(function, (), x0, args, form, "x0")
        #: The function from vector to vector: differentiable like the function of the parameters.
        self.flat = flat = vectorised(self.layout.flattened(function))
        self.size: int | None = None  # how many values there are
        #: The Jacobian as a function of the point: see `Matrix`.
        self.jacobian = Matrix("Jacobian", jacobian(flat), self.layout, self._memo, form, self._start)
        values = self(self.x0)
        require_finite(values, "the function", lambda k: f", in value {k}")
        self.size = len(values)

        def weighted(x: Any, weights: Any, *others: Any) -> Any:
            return np.sum(weights * flat(x, *others))

        slope = grad(weighted)
        #: Σ vᵢ ∂²fᵢ/∂x² as a function of the point and ``v``: what a Lagrangian's Hessian is made of.
        self.weighted_hessian = Matrix(
            "weighted Hessian",
            hessian(weighted),
            self.layout,
            LastPoint(),
            form,
            (self.x0, np.ones(self.size), *self._args),
            recorded=lambda x, *others: linearize(lambda point: slope(point, *others), x)[1],
        )

    def __call__(self, x: Any, *args: Any) -> Any:
        """The values at a point as one vector.

        Raises:
            ShapeError: there are more or fewer than at the start.
        """
        x, args = self.layout.checked(x), tuple(args) or self._args
        # The function gets a copy: it may write to its argument, and the point is kept.
        found = once(
            self._memo.at(x, *args, wanted="values"), "values", lambda: np.array(plain(self.flat(x.copy(), *args)))
        )
        if self.size is not None and len(found) != self.size:
            raise ShapeError(
                f"the function returned {len(found)} values, and {self.size} at the starting point: a solver needs the "
                "same number everywhere."
            )
        return found.copy()

    def value_and_jacobian(self, x: Any, *args: Any) -> tuple[Any, Any]:
        """Both, the Jacobian dense, for ``root(residual.value_and_jacobian, residual.x0, jac=True)``."""
        args = tuple(args) or self._args
        return self(x, *args), self.jacobian.dense(x, *args)

    def derivatives(self, method: str) -> dict[str, Any]:
        """The keyword of ``least_squares`` or ``root`` that gives a method what it can use.

        >>> list(residual(lambda x: x**2, np.ones(2)).derivatives("trf"))
        ['jac']

        Raises:
            OptionError: neither has such a method.
        """
        if method in _SPARSE:
            return {"jac": self.jacobian}
        if method in _DENSE:
            return {"jac": self.jacobian.dense}
        if method in _NOTHING:
            return {}
        known = ", ".join([*_SPARSE, *_DENSE, *_NOTHING])
        raise OptionError(f"least_squares and root have no method {method!r}; they have {known}")
