"""SciPy's solvers as they are called, for equations in which something is tracked: the implicit function theorem.

The solver finds the solution from plain numbers. Steps of Newton's method from there change it by nothing but rounding,
and carry the derivatives: after one step they are the first derivatives of the solution in all that the equation
depends on, after two the second and third (each step doubles the order to which the solution is right).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from inspect import signature
from typing import Any

import numpy as np

from chainrule.as_written import libraries
from chainrule.as_written.making import follows, numbers_of, stacked
from chainrule.errors import NoDerivativeError, NoRuleError
from chainrule.tape import set_enabled
from chainrule.transforms.gradient import grad
from chainrule.transforms.trace import Trace

__all__ = ["as_tuple", "quiet"]

_STEPS = 2
_AT_REST = 1e-7  # of a number, that the last of Newton's steps may change it by


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
    """The root of a function from vectors to vectors of the same length, from a root in plain numbers.

    Raises:
        NoDerivativeError: it is none: steps from there do not come to rest.
    """
    step: Any = 0.0
    for _ in range(_STEPS):
        slopes, value = _slopes(function, x)
        step = np.linalg.solve(slopes, value)
        x = x - step
    if not np.all(np.abs(numbers_of(step)) <= _AT_REST * (1 + np.abs(numbers_of(x)))):
        raise NoDerivativeError(
            "a solver of SciPy's gave an answer that is no solution to many digits, or one that others touch: what is "
            "no root, or no minimum, has no derivative by the implicit function theorem. Ask for a smaller tolerance."
        )
    return x


def _vector(value: Any) -> Any:
    return np.reshape(stacked(value), -1)


def _root_of(function: Callable[[Any], Any], x: Any) -> Any:
    """The root of a function as people write it, of a number or an array, from a root in plain numbers."""
    shape = np.shape(x)

    def flat(x: Any) -> Any:
        return _vector(function(np.reshape(x, shape) if shape else x[0]))

    return np.reshape(_newton(flat, np.reshape(np.asarray(x, float), -1)), shape)


def _least(function: Callable[[Any], Any], x: Any, free: Any) -> Any:
    """Where a function is least over the ``free`` of its variables, from that in plain numbers."""
    fixed = np.where(free, 0.0, x)
    chosen = np.eye(len(fixed))[:, np.flatnonzero(free)]
    if not chosen.size:
        return fixed
    slope = grad(lambda part: np.reshape(function(chosen @ part + fixed), ()))
    return chosen @ _newton(slope, x[np.flatnonzero(free)]) + fixed


class _Call:
    """One call of a solver, by the names of its arguments: what it is told is plain, what is differentiated is not."""

    def __init__(self, plain: Callable[..., Any], arguments: Any, options: Any) -> None:
        told = signature(plain).bind(*arguments, **options)
        self.named = dict(told.arguments)
        first = next(iter(self.named))
        self.function = self.named[first]
        self.args = as_tuple(self.named.get("args", ()))
        for name, value in self.named.items():
            told.arguments[name] = quiet(value) if callable(value) else numbers_of(value)
        self.found = plain(*told.args, **told.kwargs)
        self.is_tracked = follows(self.args) or told.arguments[first].is_tracked

    def __call__(self, x: Any) -> Any:
        """What the function gives, tracked."""
        return self.function(x, *self.args)

    def answered(self, exact: Callable[[Any], Any]) -> Any:
        """What the solver found; with the ``exact`` answer in the place of its own, if something tracked decides it."""
        found = self.found
        if not self.is_tracked:
            return found
        for name in ("x", "root"):
            if hasattr(found, name):
                setattr(found, name, exact(getattr(found, name)))
                return found
        return (exact(found[0]), *found[1:]) if isinstance(found, tuple) else exact(found)


# --- roots ---


def _root(call: _Call) -> Any:
    return call.answered(lambda x: _root_of(call, x))


def _fixed_point(call: _Call) -> Any:
    return call.answered(lambda x: _root_of(lambda x: x - call(x), x))


# --- minima ---


def _inside(x: Any, low: Any, high: Any) -> Any:
    """Which variables are at none of their bounds; one that is None is no bound."""
    ends = [np.broadcast_to(np.array(end, object), x.shape) for end in (low, high)]
    low, high = [np.array([np.nan if end is None else end for end in each], float) for each in ends]
    near = 1e-6 * (1 + np.abs(x))
    return ~((x - low <= near) | (high - x <= near))


def _ends(bounds: Any) -> Any:
    """Lower and upper bounds, as solvers take them: None, a pair of them, or an object that has both."""
    if bounds is None:
        return None, None
    return (bounds.lb, bounds.ub) if hasattr(bounds, "lb") else bounds


def _minimize(call: _Call) -> Any:
    def value(x: Any) -> Any:
        return call(x)[0] if call.named.get("jac") is True else call(x)

    def exact(x: Any) -> Any:
        if call.named.get("constraints"):
            raise NoRuleError("scipy.optimize.minimize with constraints has no rule: bounds do, and a penalty does")
        bounds = call.named.get("bounds")
        if isinstance(bounds, list | tuple):  # a pair for each variable
            bounds = list(zip(*bounds, strict=True))
        return _least(value, x, _inside(x, *_ends(bounds)))

    found = call.answered(exact)
    if call.is_tracked:
        found.fun = value(found.x)
    return found


def _least_squares(call: _Call) -> Any:
    def residual(x: Any) -> Any:
        return call.function(x, *call.args, **(call.named.get("kwargs") or {}))

    def half(x: Any) -> Any:
        return 0.5 * np.sum(_vector(residual(x)) ** 2)

    def exact(x: Any) -> Any:
        if call.named.get("loss", "linear") != "linear":
            raise NoRuleError("scipy.optimize.least_squares with another loss than 'linear' has no rule")
        return _least(half, x, _inside(x, *_ends(call.named.get("bounds"))))

    found = call.answered(exact)
    if call.is_tracked:
        found.fun, found.cost = residual(found.x), half(found.x)
    return found


def _curve_fit(call: _Call) -> Any:
    xdata, ydata, sigma = [call.named.get(name) for name in ("xdata", "ydata", "sigma")]
    if not (call.is_tracked or follows((xdata, ydata, sigma))):
        return call.found
    if np.ndim(numbers_of(sigma)) > 1:
        raise NoRuleError("scipy.optimize.curve_fit with a matrix for sigma has no rule")
    weights: Any = 1.0 if sigma is None else 1 / sigma

    def residual(p: Any) -> Any:
        return (call.function(xdata, *[p[k] for k in range(len(p))]) - ydata) * weights

    found = call.found[0]
    exact = _least(lambda p: 0.5 * np.sum(residual(p) ** 2), found, _inside(found, *_ends(call.named.get("bounds"))))
    slopes, left = _slopes(residual, exact)
    spread = np.linalg.inv(np.transpose(slopes) @ slopes)
    if not call.named.get("absolute_sigma"):
        spread = spread * (np.sum(left**2) / (slopes.shape[0] - len(found)))
    return exact, spread


def _solving(plain: Any, answer: Callable[[_Call], Any]) -> Any:
    """A solver whose answer is tracked, if the function that it is given is."""

    @wraps(plain)
    def solved(*arguments: Any, **options: Any) -> Any:
        return answer(_Call(plain, arguments, options))

    return solved


_ANSWERS: Mapping[str, Callable[[_Call], Any]] = {
    **dict.fromkeys(
        ("brentq", "brenth", "bisect", "ridder", "toms748", "newton", "root_scalar", "root", "fsolve"), _root
    ),
    "fixed_point": _fixed_point,
    "minimize": _minimize,
    "least_squares": _least_squares,
    "curve_fit": _curve_fit,
}


def _of_optimize(module: Any) -> list[tuple[Any, Mapping[str, Any]]]:
    return [(module, {name: _solving(getattr(module, name), answer) for name, answer in _ANSWERS.items()})]


libraries.INSTEAD["scipy.optimize"] = _of_optimize
libraries.SOLVERS.update(("fsolve", "root", "leastsq", "curve_fit"))
