"""SciPy's solvers as they are called, for equations in which something is tracked: the implicit function theorem.

The solver finds the solution from plain numbers. Steps of Newton's method from there change it by nothing but rounding,
and carry the derivatives: after one step they are the first derivatives of the solution in all that the equation
depends on, after two the second and third (each step doubles the order to which the solution is right).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import numpy as np

from chainrule.as_written import libraries
from chainrule.as_written.making import follows, numbers_of
from chainrule.errors import NoRuleError
from chainrule.tape import set_enabled
from chainrule.transforms.gradient import grad
from chainrule.transforms.trace import Trace

__all__ = ["as_tuple", "quiet"]

_STEPS = 2


class quiet:  # noqa: N801 (it is called like a function)
    """A function whose results are plain numbers, for solvers; ``is_tracked`` once one of them was tracked."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = self.__wrapped__ = function  # whoever asks for its arguments finds them
        self.is_tracked = False

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        before = set_enabled(not self.is_tracked)
        try:
            found = self.function(*arguments, **options)
        finally:
            set_enabled(before)
        self.is_tracked = self.is_tracked or follows(found)
        return numbers_of(found)


def as_tuple(value: Any) -> tuple[Any, ...]:
    """Further arguments as solvers take them: several, or one."""
    return value if isinstance(value, tuple) else (value,)


def _slopes(function: Callable[[Any], Any], x: Any) -> tuple[Any, Any]:
    """The Jacobian of a function of a vector, row by row, and its value; tracked in all that it depends on."""
    trace = Trace(function, (x,), {}, 0, False, "solver")
    value = trace.value
    rows = [trace.pull([unit])[0] for unit in np.eye(len(value))]
    return np.stack(rows), value


def _newton(function: Callable[[Any], Any], x: Any) -> Any:
    """The root of a function of as many numbers, from a root in plain numbers."""
    shape = np.shape(x)
    x = np.reshape(np.asarray(x, float), -1)

    def flat(x: Any) -> Any:
        found = function(np.reshape(x, shape) if shape else x[0])
        return np.reshape(np.stack(found) if isinstance(found, list | tuple) else found, -1)

    for _ in range(_STEPS):
        slopes, value = _slopes(flat, x)
        x = x - np.linalg.solve(slopes, value)
    return np.reshape(x, shape)


def _stationary(function: Callable[[Any], Any], x: Any, free: Any) -> Any:
    """Where a function has a minimum over the ``free`` of its variables, from that in plain numbers."""
    places = np.flatnonzero(free)
    fixed = np.asarray(x, float)

    def of_free(part: Any) -> Any:
        whole = np.copy(fixed) if not len(places) else np.zeros(len(fixed)) + _spread(part, places, fixed)
        found = function(whole)
        return np.reshape(found, ())

    part = fixed[places]
    for _ in range(_STEPS if len(places) else 0):
        curvature, slope = _slopes(grad(of_free), part)
        part = part - np.linalg.solve(curvature, slope)
    return _spread(part, places, fixed) if len(places) else fixed


def _spread(part: Any, places: Any, fixed: Any) -> Any:
    """All variables: those at ``places``, and the others as they are."""
    chosen = np.eye(len(fixed))[:, places]
    return chosen @ part + np.where(np.isin(np.arange(len(fixed)), places), 0.0, fixed)


# --- roots ---


def _scalar_root(plain: Any) -> Any:
    @wraps(plain)
    def solved(f: Any, *rest: Any, args: Any = (), **options: Any) -> Any:
        watched = quiet(f)
        rest = tuple([quiet(value) if callable(value) else numbers_of(value) for value in rest])
        options = {name: quiet(value) if callable(value) else numbers_of(value) for name, value in options.items()}
        found = plain(watched, *rest, args=numbers_of(as_tuple(args)), **options)
        if not (watched.is_tracked or follows(as_tuple(args))):
            return found
        root = found[0] if isinstance(found, tuple) else getattr(found, "root", found)
        exact = _newton(lambda x: f(x, *as_tuple(args)), root)
        if isinstance(found, tuple):
            return exact, *found[1:]
        if hasattr(found, "root"):
            found.root = exact
            return found
        return exact

    return solved


def _root(plain: Any) -> Any:
    @wraps(plain)
    def solved(fun: Any, x0: Any, args: Any = (), *rest: Any, **options: Any) -> Any:
        watched = quiet(fun)
        options = {name: quiet(value) if callable(value) else value for name, value in options.items()}
        found = plain(watched, numbers_of(x0), numbers_of(as_tuple(args)), *rest, **options)
        if not (watched.is_tracked or follows(as_tuple(args))):
            return found
        numbers = found.x if hasattr(found, "x") else found[0] if isinstance(found, tuple) else found
        exact = _newton(lambda x: fun(x, *as_tuple(args)), numbers)
        if hasattr(found, "x"):
            found.x = exact
            return found
        return (exact, *found[1:]) if isinstance(found, tuple) else exact

    return solved


def _fixed_point(plain: Any) -> Any:
    @wraps(plain)
    def solved(func: Any, x0: Any, args: Any = (), **options: Any) -> Any:
        watched = quiet(func)
        found = plain(watched, numbers_of(x0), numbers_of(as_tuple(args)), **options)
        if not (watched.is_tracked or follows(as_tuple(args))):
            return found
        return _newton(lambda x: x - func(x, *as_tuple(args)), found)

    return solved


# --- minima ---


def _inside(x: Any, bounds: Any) -> Any:
    """Which variables are at none of their bounds."""
    if bounds is None:
        return np.ones(len(x), bool)
    pairs = zip(*bounds, strict=True) if isinstance(bounds, tuple) and len(bounds) == 2 else bounds
    if hasattr(bounds, "lb"):
        pairs = np.broadcast_arrays(bounds.lb, bounds.ub, x)
        pairs = zip(pairs[0], pairs[1], strict=True)
    free = []
    for value, (low, high) in zip(x, pairs, strict=True):
        near = 1e-6 * (1 + abs(value))
        free.append(not ((low is not None and value - low <= near) or (high is not None and high - value <= near)))
    return np.array(free)


def _minimize(plain: Any) -> Any:
    @wraps(plain)
    def solved(fun: Any, x0: Any, args: Any = (), *rest: Any, **options: Any) -> Any:
        watched = quiet(fun)
        gives_both = options.get("jac") is True
        others = {name: quiet(value) if callable(value) else value for name, value in options.items()}
        found = plain(watched, numbers_of(x0), numbers_of(as_tuple(args)), *rest, **others)
        if not (watched.is_tracked or follows(as_tuple(args))):
            return found
        if options.get("constraints"):
            raise NoRuleError("scipy.optimize.minimize with constraints has no rule: bounds do, and a penalty does")

        def value(x: Any) -> Any:
            result = fun(x, *as_tuple(args))
            return result[0] if gives_both else result

        found.x = _stationary(value, found.x, _inside(found.x, options.get("bounds")))
        found.fun = value(found.x)
        return found

    return solved


def _least_squares(plain: Any) -> Any:
    @wraps(plain)
    def solved(fun: Any, x0: Any, *rest: Any, args: Any = (), **options: Any) -> Any:
        watched = quiet(fun)
        others = {name: quiet(value) if callable(value) else value for name, value in options.items()}
        found = plain(watched, numbers_of(x0), *rest, args=numbers_of(as_tuple(args)), **others)
        if not (watched.is_tracked or follows(as_tuple(args))):
            return found
        if options.get("loss", "linear") != "linear":
            raise NoRuleError("scipy.optimize.least_squares with another loss than 'linear' has no rule")

        def half(x: Any) -> Any:
            return 0.5 * np.sum(fun(x, *as_tuple(args)) ** 2)

        found.x = _stationary(half, found.x, _inside(found.x, options.get("bounds")))
        found.fun, found.cost = fun(found.x, *as_tuple(args)), half(found.x)
        return found

    return solved


def _curve_fit(plain: Any) -> Any:
    @wraps(plain)
    def solved(f: Any, xdata: Any, ydata: Any, p0: Any = None, sigma: Any = None, *rest: Any, **options: Any) -> Any:
        watched = quiet(f)
        plain_data = [numbers_of(value) for value in (xdata, ydata, p0, sigma)]
        found, covariance = plain(watched, *plain_data, *rest, **options)[:2]
        if not (watched.is_tracked or follows((xdata, ydata, sigma))):
            return found, covariance
        if np.ndim(numbers_of(sigma)) > 1:
            raise NoRuleError("scipy.optimize.curve_fit with a matrix for sigma has no rule")
        weights: Any = 1.0 if sigma is None else 1 / sigma

        def residual(p: Any) -> Any:
            return (f(xdata, *[p[k] for k in range(len(found))]) - ydata) * weights

        exact = _stationary(lambda p: 0.5 * np.sum(residual(p) ** 2), found, np.ones(len(found), bool))
        slopes, _ = _slopes(residual, exact)
        spread = np.linalg.inv(np.transpose(slopes) @ slopes)
        if not options.get("absolute_sigma"):
            spread = spread * (np.sum(residual(exact) ** 2) / (slopes.shape[0] - len(found)))
        return exact, spread

    return solved


_ROOTS = ("brentq", "brenth", "bisect", "ridder", "toms748", "newton", "root_scalar")


def _of_optimize(module: Any) -> list[tuple[Any, Mapping[str, Any]]]:
    made = {name: _scalar_root(getattr(module, name)) for name in _ROOTS}
    made |= {name: _root(getattr(module, name)) for name in ("root", "fsolve")}
    made["fixed_point"] = _fixed_point(module.fixed_point)
    made["minimize"] = _minimize(module.minimize)
    made["least_squares"] = _least_squares(module.least_squares)
    made["curve_fit"] = _curve_fit(module.curve_fit)
    return [(module, made)]


libraries.INSTEAD["scipy.optimize"] = _of_optimize
libraries.SOLVERS.update(("fsolve", "root", "leastsq", "curve_fit", "odeint", "quad"))
