"""What ``scipy.optimize.minimize`` and its kind ask of a function of one value: the value, gradient and Hessian."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from chainrule.errors import DtypeError, NotScalarError, OptionError, StartError
from chainrule.interop.scipy.layout import plain, require_finite
from chainrule.interop.scipy.matrix import Matrix
from chainrule.interop.scipy.parameters import Parameters
from chainrule.transforms.curvature import hessian
from chainrule.transforms.gradient import grad
from chainrule.transforms.products import linearize, vjp

__all__ = ["Objective", "objective"]

_NOTHING = "nelder-mead powell cobyla cobyqa".split()
_GRADIENT = "cg bfgs l-bfgs-b tnc slsqp".split()
_DENSE = "dogleg trust-exact".split()
_PRODUCT = "newton-cg trust-ncg trust-krylov".split()
_ANY = ["trust-constr"]


def objective(function: Callable[..., Any], x0: Any, *, args: Sequence[Any] = (), form: str = "auto") -> Objective:
    """A function of one value as SciPy's minimisers want it.

    Args:
        function: takes the parameters, in the shapes of ``x0``, and ``args``; returns one number.
        x0: where to start: an array, a number, or nested tuples, lists and dicts of arrays.
        args: further arguments at the start, not differentiated; as SciPy's ``args``, others may come with each call.
        form: of the Hessian: "dense", "csr", "csc", "operator", or "auto", which looks at its structure.

    Raises:
        NotScalarError: the function returns several values.
        DtypeError: ``x0`` is of integers, complex, or of no numbers; the value is no real number.
        StartError: value or gradient are infinite or not a number at ``x0``.
        OptionError: there is no such form.

    The value and then the gradient at one point come from one evaluation. Other data for the next solve may be given
    as ``args``, or be other values of the names that the function reads.

    >>> from scipy.optimize import minimize
    >>> bowl = objective(lambda p: np.sum((p["A"] - 2.0) ** 2) + p["b"] ** 4, {"A": np.zeros((2, 2)), "b": 1.0})
    >>> found = minimize(bowl, bowl.x0, method="trust-ncg", jac=bowl.gradient, hessp=bowl.hessian_product)
    >>> bowl.tree(found.x)["A"].round(6)
    array([[2., 2.],
           [2., 2.]])
    """
    return Objective(function, x0, args, form)


class Objective(Parameters):
    """The value at a point when called; the gradient, the Hessian, and its products beside it.

    ``minimize(objective, objective.x0, jac=objective.gradient, hess=objective.hessian)``; `derivatives` has these
    keywords for each method.
    """

    def __init__(self, function: Callable[..., Any], x0: Any, args: Sequence[Any], form: str) -> None:
        super().__init__(function, (), x0, args, form, "x0")
        #: The function of the vector: differentiable like the function of the parameters.
        self.flat = self.layout.flattened(function)
        derivative = grad(self.flat)
        #: The Hessian as a function of the point: see `Matrix`.
        self.hessian = Matrix(
            "Hessian",
            hessian(self.flat),
            self.layout,
            self._memo,
            form,
            self._start,
            recorded=lambda x, *args: linearize(lambda point: derivative(point, *args), x)[1],
        )
        value, gradient = self.value_and_gradient(self.x0)
        if not np.isfinite(value):
            raise StartError(
                f"the objective is {value} at the starting point: no solver can go on from there. Start where it is "
                "finite."
            )
        require_finite(gradient, "the gradient", lambda k: f", in entry {self.layout.place(k)}")

    def _at(self, x: Any, args: Sequence[Any], wanted: str) -> dict[str, Any]:
        """The results at a point, with the value and what the gradient is pulled back with."""
        x, args = self.layout.checked(x), tuple(args) or self._args
        results = self._memo.at(x, *args, wanted=wanted)
        if "value" not in results:
            value, results["pullback"] = vjp(lambda point: self.flat(point, *args), x)
            results["shape"] = np.shape(value)
            results["value"] = _one_number(value)
        return results

    def __call__(self, x: Any, *args: Any) -> float:
        """The value at a point; the gradient there is then a matter of going back, not of a second evaluation."""
        value: float = self._at(x, args, "value")["value"]
        return value

    def gradient(self, x: Any, *args: Any) -> Any:
        """The gradient at a point, as a vector."""
        results = self._at(x, args, "gradient")
        back = results["pullback"]
        if back is not None:
            results["gradient"] = back(np.ones(results["shape"]))[0]
            results["pullback"] = None  # and with it all that was recorded
        return results["gradient"].copy()

    def value_and_gradient(self, x: Any, *args: Any) -> tuple[float, Any]:
        """Both, for ``minimize(objective.value_and_gradient, objective.x0, jac=True)``."""
        return self(x, *args), self.gradient(x, *args)

    def hessian_product(self, x: Any, p: Any, *args: Any) -> Any:
        """The Hessian at ``x`` times a vector ``p``, for ``hessp=``.

        A sparse Hessian is written out once for each point; of any other, only the product is formed, by going
        forwards along the gradient that was recorded at the point.
        """
        return self.hessian.product(x, *args)(self.layout.checked(p))

    def derivatives(self, method: str) -> dict[str, Any]:
        """The keywords of ``minimize`` that give a method what it can use: ``jac``, and ``hess`` or ``hessp``.

        >>> sphere = objective(lambda x: np.sum(x**2), np.ones(3))
        >>> list(sphere.derivatives("BFGS")), list(sphere.derivatives("trust-constr"))
        (['jac'], ['jac', 'hess'])

        Raises:
            OptionError: ``minimize`` has no such method.
        """
        name = method.lower()
        if name in _NOTHING:
            return {}
        if name in _GRADIENT:
            return {"jac": self.gradient}
        if name in _DENSE:
            return {"jac": self.gradient, "hess": self.hessian.dense}
        if name in _ANY:
            return {"jac": self.gradient, "hess": self.hessian}
        if name in _PRODUCT:
            if self.hessian.form == "dense":
                return {"jac": self.gradient, "hess": self.hessian.dense}
            return {"jac": self.gradient, "hessp": self.hessian_product}
        known = [*_NOTHING, *_GRADIENT, *_PRODUCT, *_DENSE, *_ANY]
        raise OptionError(f"minimize has no method {method!r}; it has {', '.join(known)}")

    def polish(self, function: Callable[..., Any], x0: Any, **options: Any) -> OptimizeResult:
        """Go on from a point by derivatives: ``differential_evolution(objective, bounds, polish=objective.polish)``.

        Within bounds by L-BFGS-B, under constraints by trust-constr; ``options`` go to ``minimize``. A SciPy that
        knows only ``polish=True`` is asked for ``polish=False``, and this is called with its result:
        ``objective.polish(objective, found.x, bounds=bounds)``.

        Raises:
            OptionError: ``function`` is another function than this.
        """
        ours, theirs = self(x0), float(np.squeeze(function(x0)))
        if abs(ours - theirs) > 1e-8 * max(1.0, abs(ours)):
            raise OptionError(
                f"polish: the function to polish is {theirs} where this objective is {ours}: give the same objective "
                "to the solver, differential_evolution(objective, …, polish=objective.polish)."
            )
        options.setdefault("method", "trust-constr" if _some(options.get("constraints")) else "L-BFGS-B")
        return minimize(self, x0, **{**self.derivatives(options["method"]), **options})


def _some(constraints: Any) -> bool:
    return constraints is not None and not (isinstance(constraints, list | tuple | dict) and not constraints)


def _one_number(value: Any) -> float:
    """The value of an objective as a float."""
    if isinstance(value, list | tuple | dict):
        raise NotScalarError(
            f"the objective returned a {type(value).__name__} of {len(value)}; a solver minimises one number. Add them "
            "up (np.sum), or for a sum of squares give them to least_squares: residual(f, x0)."
        )
    array = np.asarray(plain(value))
    if array.dtype.kind not in "fiub":
        raise DtypeError(f"the objective returned {type(value).__name__} {value!r:.60}; expected one real number.")
    if array.size != 1:
        raise NotScalarError(
            f"the objective returned an array of shape {array.shape}; a solver minimises one number. Reduce it "
            "(np.sum, np.mean), or for a sum of squares give it to least_squares: residual(f, x0)."
        )
    return float(array.reshape(()))
