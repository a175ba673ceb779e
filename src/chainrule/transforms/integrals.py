"""SciPy's integrals and initial value problems as they are called, where something in them is tracked.

The library finds from plain numbers where to evaluate: intervals for `quad`, steps for `solve_ivp`. There the same sums
are formed of tracked values, so that what is differentiated is the approximation that is returned.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache, wraps
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule.as_written import libraries
from chainrule.as_written.making import follows, numbers_of, plain_function, stacked
from chainrule.errors import NoRuleError
from chainrule.transforms.solvers import as_tuple, quiet

__all__: list[str] = []

Interval = tuple[float, float]
_AGREES, _FINEST, _MOST = 1e-9, 60, 2000  # of the size of an integral; halvings of an interval; intervals


@cache
def _rule() -> tuple[Any, Any]:
    """Gauss's rule of 21 points on the unit interval."""
    nodes, weights = np.polynomial.legendre.leggauss(21)
    return 0.5 * (nodes + 1), 0.5 * weights


def _quad(plain: Any) -> Any:
    @wraps(plain)
    def integrated(func: Any, a: Any, b: Any, args: Any = (), full_output: Any = 0, *rest: Any, **options: Any) -> Any:
        watched, given = quiet(func), as_tuple(args)
        found = plain(watched, *numbers_of((a, b)), numbers_of(given), 1, *rest, **options)
        if not (watched.is_tracked or follows((a, b, *given))):
            return found if full_output else found[:2]
        if len(found) > 3 or options.get("weight") is not None or options.get("complex_func"):
            raise NoRuleError(
                "scipy.integrate.quad of tracked values has no rule where it warns, nor with weight= or "
                "complex_func=True"
            )
        intervals = [(found[2]["alist"][k], found[2]["blist"][k]) for k in range(found[2]["last"])]
        sign, low, high = (1.0, a, b) if numbers_of(a) <= numbers_of(b) else (-1.0, b, a)
        plainly, _ = _mapped(lambda x: watched(x, *numbers_of(given)), *numbers_of((low, high)))
        fine = _refined(plainly, _shares(intervals, *numbers_of((low, high))), _AGREES * (abs(found[0]) + 1e-3))
        f, factor = _mapped(lambda x: func(x, *given), low, high)
        value = sign * _on(f, fine) * factor
        missing = found[0] - numbers_of(value)
        if abs(missing) > 1e-7 * (abs(found[0]) + 1e-3) + 10 * found[1]:
            raise NoRuleError(
                "scipy.integrate.quad of tracked values: sums over intervals do not reach the value that it "
                "extrapolates to; split the range where the function is singular, or substitute"
            )
        return (value + missing, *found[1:]) if full_output else (value + missing, found[1])

    return integrated


def _mapped(f: Callable[[Any], Any], low: Any, high: Any) -> tuple[Callable[[float], Any], Any]:
    """The function on (0, 1] whose integral, times a factor, is that of f; infinite ranges as QUADPACK maps them."""
    is_open = [bool(np.isinf(numbers_of(end))) for end in (low, high)]
    if all(is_open):
        return (lambda t: (f((1 - t) / t) + f(-(1 - t) / t)) / t**2), 1.0
    if any(is_open):
        end, sign = (high, -1.0) if is_open[0] else (low, 1.0)
        return (lambda t: f(end + sign * (1 - t) / t) / t**2), 1.0
    return (lambda t: f(low + t * (high - low))), high - low


def _shares(intervals: list[Interval], low: float, high: float) -> list[Interval]:
    """Intervals of a finite range as shares of it; those of an infinite one are that already."""
    if np.isinf(low) or np.isinf(high):
        return intervals
    return [((start - low) / (high - low), (stop - low) / (high - low)) for start, stop in intervals if low < high]


def _on(f: Callable[[float], Any], intervals: list[Interval]) -> Any:
    """The integral by Gauss's rule on each interval."""
    total: Any = 0.0 if intervals else f(1.0)  # of a range that is a point: its factor is 0
    for start, stop in intervals:
        for node, weight in zip(*_rule(), strict=True):
            total = total + (stop - start) * weight * f(float(start + node * (stop - start)))
    return total


def _refined(f: Callable[[float], Any], intervals: list[Interval], tolerance: float) -> list[Interval]:
    """Intervals halved until their halves say the same: where a function has a kink or a singularity, many times."""
    found: list[Interval] = []
    pending = [(interval, _on(f, [interval]), 0) for interval in intervals]
    while pending:
        (start, stop), whole, depth = pending.pop()
        middle = 0.5 * (start + stop)
        halves = [(start, middle), (middle, stop)]
        parts = [_on(f, [half]) for half in halves]
        if abs(sum(parts) - whole) <= tolerance or depth >= _FINEST or len(found) + len(pending) >= _MOST:
            found.append((start, stop))
        else:
            pending += [(half, part, depth + 1) for half, part in zip(halves, parts, strict=True)]
    return found


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
        found = plain(watched, *call, numbers_of(t_eval), *rest, **named)
        if not (watched.is_tracked or follows((t_span, y0, t_eval, *given))):
            return found
        if method not in _EXPLICIT or options.get("events") is not None or options.get("dense_output"):
            raise NoRuleError(
                "scipy.integrate.solve_ivp of tracked values has a rule for method='RK45' and 'RK23', without events "
                f"and dense_output; here method={method!r}"
            )
        times = plain(watched, *call, None, *rest, **named).t
        if follows(t_span):
            times, _ = _between(times, stacked(t_span))
        found.t = times if t_eval is None else stacked(t_eval)
        found.y = _stepped(lambda t, y: fun(t, y, *given), times, y0, method, t_eval)
        return found

    return solved


def _between(times: Any, t: Any) -> tuple[Any, Any]:
    """Steps that move with the moments ``t``: ``times`` and these, and where among the steps these are."""
    numbers = numbers_of(t)
    every = np.union1d(times, numbers)
    sign = 1 if numbers[-1] >= numbers[0] else -1
    every = every[::sign]
    place = np.clip(np.searchsorted(sign * numbers, sign * every, side="right") - 1, 0, len(numbers) - 2)
    widths = numbers[place + 1] - numbers[place]
    share = np.where(widths == 0, 0.0, (every - numbers[place]) / np.where(widths == 0, 1.0, widths))
    return t[place] + share * (t[place + 1] - t[place]), np.searchsorted(sign * every, sign * numbers)


def _stepped(f: Callable[[Any, Any], Any], times: Any, y: Any, method: str, wanted: Any) -> Any:
    """The solution at ``times``, or at ``wanted`` ones between, by the method's own steps; one column for each."""
    rule = getattr(sys.modules["scipy.integrate"], method)
    y = np.reshape(stacked(y), -1)
    columns = [y] if wanted is None else []
    left = [] if wanted is None else list(wanted)
    forwards = times[-1] >= times[0]

    def derivative(t: Any, y: Any) -> Any:
        found = f(t, y)
        return np.reshape(stacked(found), -1)

    def weighted(weights: Any, stages: Sequence[Any]) -> Any:
        pairs = zip(weights, stages, strict=False)
        return sum([weight * stage for weight, stage in pairs if type(weight) is not float or weight])

    first = derivative(times[0], y)
    for t, after in pairwise(times):
        h = after - t
        stages = [first]
        for row, moment in zip(rule.A[1:], rule.C[1:], strict=True):
            stages.append(derivative(t + float(moment) * h, y + h * weighted(row.tolist(), stages)))
        new = y + h * weighted(rule.B.tolist(), stages)
        first = derivative(after, new)
        while left and (left[0] <= after if forwards else left[0] >= after):
            part = (left.pop(0) - t) / h
            share = sum([column * part ** (k + 1) for k, column in enumerate(rule.P.T)])
            columns.append(y + h * weighted(share, [*stages, first]))
        y = new
        if wanted is None:
            columns.append(y)
    return np.stack(columns, 1)


def _odeint(plain: Any) -> Any:
    @wraps(plain)
    def solved(func: Any, y0: Any, t: Any, args: Any = (), *rest: Any, tfirst: bool = False, **options: Any) -> Any:
        watched, given = quiet(func), as_tuple(args)
        found = plain(watched, numbers_of(y0), numbers_of(t), numbers_of(given), *rest, tfirst=tfirst, **options)
        if not (watched.is_tracked or follows((y0, t, *given))):
            return found

        def rate(moment: Any, y: Any) -> Any:
            return func(moment, y, *given) if tfirst else func(y, moment, *given)

        start = np.reshape(stacked(y0), -1)
        steps = plain_function("scipy.integrate", "solve_ivp")
        ends = (numbers_of(t[0]), numbers_of(t[-1]))
        numeric = steps(quiet(rate), ends, np.atleast_1d(numbers_of(start)), rtol=1e-9, atol=1e-9)
        if follows(t):
            times, wanted = _between(numeric.t, stacked(t))
            tracked = np.transpose(_stepped(rate, times, start, "RK45", None))[wanted]
        else:
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
