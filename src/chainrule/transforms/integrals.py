"""SciPy's integrals and initial value problems as they are called, where something in them is tracked.

The library finds from plain numbers where to evaluate: intervals for `quad`, steps for `solve_ivp`. There the same sums
are formed of tracked values, so that what is differentiated is the approximation that is returned.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import wraps
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule.as_written import libraries
from chainrule.as_written.making import follows, numbers_of, stacked
from chainrule.errors import NoRuleError
from chainrule.transforms.solvers import as_tuple, quiet

__all__: list[str] = []

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(21)
_NODES, _WEIGHTS = 0.5 * (_NODES + 1), 0.5 * _WEIGHTS  # on the unit interval


def _quad(plain: Any) -> Any:
    @wraps(plain)
    def integrated(func: Any, a: Any, b: Any, args: Any = (), full_output: Any = 0, **options: Any) -> Any:
        watched, given = quiet(func), as_tuple(args)
        found = plain(watched, numbers_of(a), numbers_of(b), numbers_of(given), full_output=1, **options)
        if not (watched.is_tracked or follows((a, b, *given))):
            return found if full_output else found[:2]
        if options.get("weight") is not None or options.get("complex_func"):
            raise NoRuleError("scipy.integrate.quad of tracked values with weight= or complex_func=True has no rule")
        info = found[2]
        intervals = [(info["alist"][k], info["blist"][k]) for k in range(info["last"])]
        value = _summed(lambda x: func(x, *given), a, b, intervals)
        return (value, *found[1:]) if full_output else (value, found[1])

    return integrated


def _summed(f: Callable[[Any], Any], a: Any, b: Any, intervals: list[tuple[float, float]]) -> Any:
    """∫ f from a to b by Gauss's rule on each interval; an infinite range is mapped to (0, 1] as QUADPACK does."""
    low, high = float(numbers_of(a)), float(numbers_of(b))
    if np.isinf(low) and np.isinf(high):
        return _summed(f, 0.0, b, intervals) + _summed(lambda x: f(-x), 0.0, b, intervals)
    if np.isinf(high) or np.isinf(low):
        end, sign = (a, 1.0) if np.isinf(high) else (b, -1.0)
        return _on(lambda t: f(end + sign * (1 - t) / t) / t**2, intervals)
    width = high - low
    if width == 0:
        return (b - a) * f(a)
    shares = [((start - low) / width, (stop - low) / width) for start, stop in intervals]
    return _on(lambda t: f(a + t * (b - a)), shares) * (b - a)


def _on(f: Callable[[float], Any], intervals: list[tuple[float, float]]) -> Any:
    total: Any = 0.0
    for start, stop in intervals:
        for node, weight in zip(_NODES, _WEIGHTS, strict=True):
            total = total + (stop - start) * weight * f(float(start + node * (stop - start)))
    return total


_EXPLICIT = ("RK45", "RK23")


def _solve_ivp(plain: Any) -> Any:
    @wraps(plain)
    def solved(
        fun: Any,
        t_span: Any,
        y0: Any,
        method: Any = "RK45",
        t_eval: Any = None,
        *rest: Any,
        args: Any = None,
        **options: Any,
    ) -> Any:
        watched, given = quiet(fun), as_tuple(args if args is not None else ())
        call = (numbers_of(t_span), numbers_of(y0), method)
        named = {**options, "args": numbers_of(given) if given else None}
        found = plain(watched, *call, t_eval, *rest, **named)
        if not (watched.is_tracked or follows((y0, *given))):
            return found
        if method not in _EXPLICIT or options.get("events") is not None or options.get("dense_output"):
            raise NoRuleError(
                "scipy.integrate.solve_ivp of tracked values has a rule for method='RK45' and 'RK23', without events "
                f"and dense_output; here method={method!r}"
            )
        times = plain(watched, *call, None, *rest, **named).t
        found.y = _stepped(lambda t, y: fun(t, y, *given), times, y0, method, t_eval)
        return found

    return solved


def _stepped(f: Callable[[Any, Any], Any], times: Any, y: Any, method: str, wanted: Any) -> Any:
    """The solution at ``times``, or at ``wanted`` ones between, by the method's own steps; one column for each."""
    rule = getattr(sys.modules["scipy.integrate"], method)
    y = np.reshape(stacked(y), -1)
    columns = [y] if wanted is None else []
    left = [] if wanted is None else [float(t) for t in wanted]
    forwards = times[-1] >= times[0]

    def derivative(t: float, y: Any) -> Any:
        found = f(t, y)
        return np.reshape(stacked(found), -1)

    first = derivative(float(times[0]), y)
    for t, after in pairwise(times):
        h = float(after - t)
        stages = [first]
        for row, moment in zip(rule.A[1:], rule.C[1:], strict=True):
            moved = sum([float(a) * stage for a, stage in zip(row, stages, strict=False) if a])
            stages.append(derivative(float(t) + float(moment) * h, y + h * moved))
        new = y + h * sum([float(b) * stage for b, stage in zip(rule.B, stages, strict=True) if b])
        first = derivative(float(after), new)
        while left and (left[0] <= after if forwards else left[0] >= after):
            powers = np.cumprod(np.full(rule.P.shape[1], (left.pop(0) - t) / h))
            share = rule.P @ powers
            columns.append(y + h * sum([float(s) * k for s, k in zip(share, [*stages, first], strict=True)]))
        y = new
        if wanted is None:
            columns.append(y)
    return np.stack(columns, 1)


def _odeint(plain: Any) -> Any:
    @wraps(plain)
    def solved(func: Any, y0: Any, t: Any, args: Any = (), *rest: Any, tfirst: bool = False, **options: Any) -> Any:
        watched, given = quiet(func), as_tuple(args)
        found = plain(watched, numbers_of(y0), t, numbers_of(given), *rest, tfirst=tfirst, **options)
        if not (watched.is_tracked or follows((y0, *given))):
            return found

        def rate(moment: Any, y: Any) -> Any:
            return func(moment, y, *given) if tfirst else func(y, moment, *given)

        start = np.reshape(stacked(y0), -1)
        steps = sys.modules["scipy.integrate"].solve_ivp.__wrapped__
        numeric = steps(quiet(rate), (t[0], t[-1]), np.atleast_1d(numbers_of(start)), rtol=1e-9, atol=1e-9)
        tracked = np.transpose(_stepped(rate, numeric.t, start, "RK45", t))
        return (tracked, *found[1:]) if isinstance(found, tuple) else tracked

    return solved


def _of_integrate(module: Any) -> list[tuple[Any, Mapping[str, Any]]]:
    made = {"quad": _quad(module.quad), "solve_ivp": _solve_ivp(module.solve_ivp), "odeint": _odeint(module.odeint)}
    for name, function in libraries.LINEAR["scipy.integrate"].items():
        made[name] = libraries.instead(getattr(module, name), function(getattr(module, name)))
    return [(module, made)]


libraries.INSTEAD["scipy.integrate"] = _of_integrate
libraries.SOLVERS.update(("odeint", "quad"))
