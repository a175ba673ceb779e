"""What ``solve_ivp`` and ``solve_bvp`` ask of a differential equation: its Jacobian, sparse or point by point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import OptionError, ShapeError
from chainrule.interop.scipy.layout import Layout, plain, require_finite, vectorised
from chainrule.interop.scipy.matrix import Matrix
from chainrule.interop.scipy.parameters import ForSolvers
from chainrule.linear.jacobian import Jacobian
from chainrule.transforms.jacobian import jacobian

__all__ = ["BoundaryProblem", "InitialProblem", "boundary_problem", "initial_problem"]

_IMPLICIT = "BDF Radau".split()
_EXPLICIT = "RK45 RK23 DOP853".split()


def initial_problem(
    function: Callable[..., Any], t0: float, y0: Any, *, args: Sequence[Any] = (), form: str = "auto"
) -> InitialProblem:
    """dy/dt = function(t, y) as ``solve_ivp`` wants it.

    Args:
        function: takes the time, the state in the shapes of ``y0``, and ``args``; returns as many numbers as the
            state has, in arrays of any shape, or a list, tuple or dict of them in the order of the state.
        t0: the time at the start.
        y0: the state at the start: an array of any shape, or nested tuples, lists and dicts of arrays.
        args: further arguments at the start; as ``solve_ivp``'s ``args``, others may come with each call.
        form: of the Jacobian: "dense", "csc", or "auto", which looks at its structure.

    Raises:
        ShapeError: the function returns more or fewer numbers than the state has.
        DtypeError: ``y0`` is of integers, complex, or of no numbers, or so is what the function returns.
        StartError: dy/dt is infinite or not a number at the start.
        OptionError: there is no such form.

    >>> from scipy.integrate import solve_ivp
    >>> decay = initial_problem(lambda t, y: [-y[0], y[0] - 100.0 * y[1]], 0.0, [1.0, 0.0])
    >>> found = solve_ivp(decay, (0.0, 1.0), decay.y0, method="BDF", jac=decay.jacobian, rtol=1e-6)
    >>> round(float(found.y[0, -1]), 4)
    0.3679
    """
    return InitialProblem(function, t0, y0, args, form)


class InitialProblem(ForSolvers):
    """dy/dt when called with the time and the state as a vector; ``jacobian`` beside it (see `Matrix`)."""

    def __init__(self, function: Callable[..., Any], t0: float, y0: Any, args: Sequence[Any], form: str) -> None:
        super().__init__(function, (t0,), y0, args, form, "y0")
        #: dy/dt as a vector: differentiable like the function of the state in its own shapes.
        self.flat = vectorised(self.layout.flattened(function, 1))
        #: ∂(dy/dt)/∂y as a function of the time and the state: see `Matrix`.
        self.jacobian = Matrix(
            "Jacobian", jacobian(self.flat, 1), self.layout, self._memo, form, self._start, leading=1
        )
        values = self(t0, self.y0)
        if len(values) != self.layout.size:
            raise ShapeError(
                f"the function returned {len(values)} numbers, and the state y0 has {self.layout.size}: dy/dt has one "
                "for each."
            )
        require_finite(values, "dy/dt", lambda k: f", in entry {self.layout.place(k)}")

    @property
    def y0(self) -> Any:
        """The state at the start as a vector."""
        return self.layout.vector.copy()

    def __call__(self, t: float, y: Any, *args: Any) -> Any:
        """dy/dt at a time and a state, as a vector."""
        y, args = self.layout.checked(y), tuple(args) or self._args
        return np.array(plain(self.flat(t, y, *args)))

    def _dense_jacobian(self, t: float, y: Any, *args: Any) -> Any:
        # Before SciPy 1.17, LSODA looks at a function's signature to learn how many arguments it takes.
        return self.jacobian.dense(t, y, *args)

    def derivatives(self, method: str) -> dict[str, Any]:
        """The keyword of ``solve_ivp`` that gives a method what it can use.

        Raises:
            OptionError: ``solve_ivp`` has no such method.
        """
        if method in _EXPLICIT:
            return {}
        if method in _IMPLICIT:
            return {"jac": self.jacobian.dense if self.jacobian.form == "operator" else self.jacobian}
        if method == "LSODA":
            return {"jac": self._dense_jacobian}
        raise OptionError(f"solve_ivp has no method {method!r}; it has {', '.join([*_EXPLICIT, *_IMPLICIT, 'LSODA'])}")


def boundary_problem(
    function: Callable[..., Any], conditions: Callable[..., Any], x: Any, y: Any, p: Any = None
) -> BoundaryProblem:
    """dy/dx = function(x, y) with conditions(ya, yb) = 0, as ``solve_bvp`` wants it.

    Args:
        function: takes points (m,) and values (n, m), and parameters (k,) if there are any; returns (n, m).
        conditions: takes the values (n,) at both ends, and the parameters; returns (n + k,).
        x: the first mesh, (m,).
        y: the values there, (n, m).
        p: the parameters at the start, (k,), if there are any.

    Raises:
        ShapeError: shapes are others than these, or one column of dy/dx depends on other columns of y.
        DtypeError: y or p are integers, complex, or no numbers.

    >>> from scipy.integrate import solve_bvp
    >>> x = np.linspace(0.0, 1.0, 5)
    >>> hanging = boundary_problem(
    ...     lambda x, y: np.stack([y[1], -np.exp(y[0])]), lambda ya, yb: np.stack([ya[0], yb[0]]), x, np.zeros((2, 5))
    ... )
    >>> found = solve_bvp(hanging.fun, hanging.bc, x, np.zeros((2, 5)), **hanging.derivatives())
    >>> round(float(found.sol(0.5)[0]), 4)
    0.1405
    """
    return BoundaryProblem(function, conditions, x, y, p)


class BoundaryProblem:
    """``fun``, ``bc``, ``fun_jac`` and ``bc_jac`` for ``solve_bvp``."""

    def __init__(
        self, function: Callable[..., Any], conditions: Callable[..., Any], x: Any, y: Any, p: Any = None
    ) -> None:
        layout = Layout(y, "y")
        values = layout.tree(layout.vector)
        self._with_parameters = p is not None
        parameters = () if p is None else (Layout(p, "p").vector,)
        if np.ndim(values) != 2 or np.shape(x) != np.shape(values)[1:]:
            raise ShapeError(
                f"solve_bvp wants points x of shape (m,) and values y of shape (n, m); got {np.shape(x)} and "
                f"{np.shape(values)}"
            )
        total = np.shape(values)[0] + sum([len(each) for each in parameters])
        self._slope: Callable[..., Any] = lambda x, y, *p: _shaped(
            function(x, y, *p), np.shape(plain(y)), "the function", "(n, m)"
        )
        self._missed: Callable[..., Any] = lambda a, b, *p: _shaped(
            conditions(a, b, *p), (total,), "the conditions", "(n + k,)"
        )
        self._slope_jacobian = jacobian(self._slope, (1, 2) if self._with_parameters else (1,))
        self._missed_jacobian = jacobian(self._missed, (0, 1, 2) if self._with_parameters else (0, 1))
        self.fun(x, values, *parameters)
        self.bc(values[:, 0], values[:, -1], *parameters)

    def fun(self, x: Any, y: Any, *p: Any) -> Any:
        """dy/dx, (n, m)."""
        return np.array(plain(self._slope(x, np.array(y), *p)), np.float64)

    def bc(self, ya: Any, yb: Any, *p: Any) -> Any:
        """What the conditions miss by, (n + k,)."""
        return np.array(plain(self._missed(np.array(ya), np.array(yb), *p)), np.float64)

    def fun_jac(self, x: Any, y: Any, *p: Any) -> Any:
        """∂fun/∂y as (n, n, m); with parameters also ∂fun/∂p as (n, k, m)."""
        found = self._slope_jacobian(x, np.array(y, np.float64), *[np.array(each, np.float64) for each in p])
        by_value = self._columns(found[0])
        return (by_value, np.moveaxis(np.asarray(found[1].dense()), 1, 2)) if self._with_parameters else by_value

    def _columns(self, matrix: Jacobian) -> Any:
        """The blocks (n, n, m) of a Jacobian (n, m, n, m) that has entries within columns only."""
        count, width = matrix.row_shape
        entries = matrix.sparse("coo")
        if np.any(entries.row % width != entries.col % width):
            raise ShapeError(
                "boundary_problem: a column of dy/dx depends on other columns of y. solve_bvp calls the function for "
                "all points at once, one in each column: use elementwise functions and rows, y[0], y[1]."
            )
        blocks = np.zeros((count, count, width))
        np.add.at(blocks, (entries.row // width, entries.col // width, entries.row % width), entries.data)
        return blocks

    def bc_jac(self, ya: Any, yb: Any, *p: Any) -> Any:
        """∂bc/∂ya, ∂bc/∂yb as (n + k, n), and with parameters ∂bc/∂p as (n + k, k)."""
        points = [np.array(each, np.float64) for each in (ya, yb, *p)]
        return tuple([np.array(each.dense(), np.float64) for each in self._missed_jacobian(*points)])

    def derivatives(self) -> dict[str, Any]:
        """The keywords of ``solve_bvp``."""
        return {"fun_jac": self.fun_jac, "bc_jac": self.bc_jac}


def _shaped(result: Any, expected: tuple[int, ...], what: str, words: str) -> Any:
    """What a function of a boundary problem returned, if it has the expected shape."""
    # A list of rows, as is common, is stacked.
    found = np.stack(result) if isinstance(result, list | tuple) else result
    if np.shape(plain(found)) != expected:
        raise ShapeError(
            f"{what} of a boundary problem returned shape {np.shape(plain(found))}; expected {words} = {expected}"
        )
    return found
