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
from chainrule.as_written.making import choosing, follows, numbers_of, stacked
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
        watched = told.arguments[first]  # a function; or a matrix, of equations that are linear
        self.is_tracked = follows([self.args, self.function, self.named.get("b")]) or getattr(
            watched, "is_tracked", False
        )

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


def _pairs(bounds: Any) -> Any:
    """Bounds that are a pair for each variable, or one pair, as two vectors, or numbers."""
    if not isinstance(bounds, list | tuple) or not np.ndim(np.array(bounds, object)) > 1:
        return bounds
    return list(zip(*bounds, strict=True))


def _minimize(call: _Call) -> Any:
    def value(x: Any) -> Any:
        return call(x)[0] if call.named.get("jac") is True else call(x)

    def exact(x: Any) -> Any:
        if call.named.get("constraints"):
            raise NoRuleError("scipy.optimize.minimize with constraints has no rule: bounds do, and a penalty does")
        return _least(value, x, _inside(x, *_ends(_pairs(call.named.get("bounds")))))

    found = call.answered(exact)
    if call.is_tracked:
        found.fun = value(found.x)
    return found


def _minimum(call: _Call) -> Any:
    """Of solvers that take nothing but a function, and bounds by one name or another."""
    low, high = _ends(_pairs(call.named.get("bounds")))

    def value(x: Any) -> Any:
        found = call(x)  # fmin_l_bfgs_b and fmin_tnc may be given a function that returns its slope too
        return found[0] if isinstance(found, tuple) else found

    def exact(x: Any) -> Any:
        if np.shape(x):
            return _least(value, x, _inside(x, low, high))
        return _least(lambda x: value(x[0]), np.reshape(x, 1), _inside(np.reshape(x, 1), low, high))[0]

    found = call.answered(exact)
    if call.is_tracked and hasattr(found, "fun"):
        found.fun = value(found.x)
    if call.is_tracked and isinstance(found, tuple) and isinstance(found[1], float):  # no count, and no way there
        found = (found[0], value(found[0]), *found[2:])
    return found


def _fminbound(call: _Call) -> Any:
    call.named["bounds"] = numbers_of((call.named["x1"], call.named["x2"]))
    return _minimum(call)


def _linear_squares(call: _Call, low: Any, high: Any) -> Any:
    """What is at no bound solves a smaller system, in which the other variables are what they are."""
    a, b = stacked(call.named["A"]), stacked(call.named["b"])
    return call.answered(lambda x: _least(lambda t: 0.5 * np.sum((a @ t - b) ** 2), x, _inside(x, low, high)))


def _nnls(call: _Call) -> Any:
    x, left = _linear_squares(call, 0.0, None)
    return (x, np.linalg.norm(call.named["A"] @ x - call.named["b"])) if call.is_tracked else (x, left)


def _lsq_linear(call: _Call) -> Any:
    found = _linear_squares(call, *_ends(call.named.get("bounds")))
    if call.is_tracked:
        found.fun = call.named["A"] @ found.x - call.named["b"]
        found.cost = 0.5 * np.sum(found.fun**2)
    return found


def _leastsq(call: _Call) -> Any:
    return call.answered(lambda x: _least(lambda t: 0.5 * np.sum(_vector(call(t)) ** 2), x, np.ones(len(x), bool)))


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


# --- answers that numbers choose, and that are solved for then ---


def _linprog(plain: Any) -> Any:
    form = signature(plain)

    def solved(*arguments: Any, **options: Any) -> Any:
        told = form.bind(*arguments, **options)
        told.apply_defaults()
        named = told.arguments
        found = plain(*numbers_of(told.args), **{name: numbers_of(value) for name, value in told.kwargs.items()})
        if found.x is None:
            return found
        low, high = [np.broadcast_to(found[side].residual, found.x.shape) for side in ("lower", "upper")]
        unit, rows, values = np.eye(len(found.x)), [], []
        for a, b, left in ((named["A_ub"], named["b_ub"], found.slack), (named["A_eq"], named["b_eq"], found.con * 0)):
            active = np.flatnonzero(np.abs(left if a is not None else []) <= _AT_REST)
            rows += [stacked(a)[k] for k in active]
            values += [np.reshape(stacked(b), -1)[k] for k in active]
        at_bound = np.flatnonzero((low <= _AT_REST) | (high <= _AT_REST))
        rows, values = [*rows, *unit[at_bound]], [*values, *found.x[at_bound]]
        if follows(named["bounds"]) or len(rows) != len(unit) or np.linalg.matrix_rank(numbers_of(rows)) < len(unit):
            raise NoRuleError(
                "scipy.optimize.linprog of tracked values has a rule where its answer is a corner with as many active "
                "constraints as there are variables, and bounds= is plain"
            )
        found.x = np.linalg.solve(stacked(rows), stacked(values))
        found.fun = stacked(named["c"]) @ found.x
        return found

    return libraries.instead(plain, solved)


def _isotonic(plain: Any) -> Any:
    def solved(y: Any, *, weights: Any = None, increasing: bool = True) -> Any:
        y, weights = stacked(y), np.ones(len(y)) if weights is None else stacked(weights)
        found = plain(numbers_of(y), weights=numbers_of(weights), increasing=increasing)
        sizes = np.diff(found.blocks)
        block = np.repeat(np.arange(len(sizes)), sizes)
        sums = [np.bincount(block, weights=each) for each in (y * weights, weights * np.ones(len(y)))]
        found.x, found.weights = (sums[0] / sums[1])[block], sums[1]
        return found

    return libraries.instead(plain, solved)


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
    **dict.fromkeys(("broyden1", "broyden2", "anderson", "newton_krylov", "excitingmixing"), _root),
    **dict.fromkeys(("linearmixing", "diagbroyden"), _root),
    "fixed_point": _fixed_point,
    **dict.fromkeys(("minimize_scalar", "brent", "golden", "fmin", "fmin_powell", "fmin_bfgs", "fmin_cg"), _minimum),
    **dict.fromkeys(("fmin_ncg", "fmin_l_bfgs_b", "fmin_tnc", "differential_evolution", "basinhopping"), _minimum),
    **dict.fromkeys(("shgo", "dual_annealing", "direct"), _minimum),
    "fminbound": _fminbound,
    "nnls": _nnls,
    "lsq_linear": _lsq_linear,
    "leastsq": _leastsq,
    "minimize": _minimize,
    "least_squares": _least_squares,
    "curve_fit": _curve_fit,
}


def _of_optimize(module: Any) -> list[tuple[Any, Mapping[str, Any]]]:
    made = {name: _solving(getattr(module, name), answer) for name, answer in _ANSWERS.items()}
    others: Mapping[str, Callable[[Any], Any]] = {
        "linprog": _linprog,
        "isotonic_regression": _isotonic,
        "linear_sum_assignment": lambda plain: libraries.instead(plain, choosing(plain)),
    }
    return [(module, {**made, **{name: other(getattr(module, name)) for name, other in others.items()}})]


libraries.INSTEAD["scipy.optimize"] = _of_optimize
# Some are Python, which would run on tensors and give where it stopped as a constant. Newton's does not, and takes
# complex numbers.
libraries.SOLVERS.update(_ANSWERS.keys() - {"newton"})
