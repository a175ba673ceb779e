"""NumPy's functions at odd points: the same backward and forward as run directly, with the slopes of neighbours.

``CHAINRULE_FUZZING=20`` tries twenty points of each kind for each function; without it, some kinds for each.
"""

from __future__ import annotations

import io
import os
import warnings
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from tests.ops.fuzzing import POINTS, Finding, findings
from tests.ops.test_numpy_uses import EVERY, numbers, outcome

ROUNDS = int(os.environ.get("CHAINRULE_FUZZING", "0"))
KINDS = list(POINTS)
KNOWN = {
    ("polydiv", "single"): "a remainder that is 0 up to rounding is cut off",
    ("polydiv", "tiny"): "the same",
    **{("emath.power", kind): "0 ** 0 by its exponent is 0 here" for kind in ("zero", "some zero", "whole")},
    ("linalg.eigvals", "equal"): "an eigenvalue that occurs twice has no derivative",
}


def used(name: str) -> Any:
    function = eval(f"lambda x: {EVERY[name]}", {"np": np, "file": io.BytesIO, "nowhere": os.devnull})
    return lambda x: np.real(numbers(function(x))) * 1.0


def rounds_of(name: str) -> list[tuple[int, str]]:
    """Seeds and kinds of points: for a short run two kinds, others for each name."""
    if ROUNDS:
        return [(seed, kind) for seed in range(ROUNDS) for kind in KINDS]
    place = sorted(EVERY).index(name)
    return [(0, KINDS[(place * step + step) % len(KINDS)]) for step in (1, 4)]


def found_in(name: str, rounds: Any = None) -> list[tuple[str, int, Finding]]:
    found = []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for seed, kind in rounds or rounds_of(name):
            if (name, kind) in KNOWN:
                continue
            rng = np.random.default_rng([seed, KINDS.index(kind), *name.encode()])
            found += [(kind, seed, finding) for finding in findings(used(name), POINTS[kind](rng), rng)]
    return found


@pytest.mark.parametrize("name", sorted(EVERY))
def test_a_function_at_odd_points(name: str) -> None:
    if outcome(name).problem is None:  # else it is an error anywhere, which the page says
        assert found_in(name) == []


FOUND = [
    ("asarray_chkfinite", "not finite"),  # its error was lost
    ("linalg.lstsq", "not finite"),
    ("linalg.det", "with a NaN"),  # an error forward only
    ("linalg.eigvalsh", "not finite"),
    ("modf", "not finite"),
    ("polynomial.legendre.legpow", "whole"),  # half of the slope: series of zeros were cut
    ("polynomial.laguerre.lagmul", "whole"),
]
"""What this has found, tried each time."""


@pytest.mark.parametrize(("name", "kind"), FOUND)
def test_what_was_found_once(name: str, kind: str) -> None:
    assert found_in(name, [(seed, kind) for seed in range(5)]) == []


def test_planted_mistakes_are_found() -> None:
    rng = np.random.default_rng(0)
    point, zero = POINTS["positive"](rng), np.zeros((3, 3))
    double = cr.define(lambda x: 2 * x, 2.1, name="double")
    kinked = cr.define(abs, lambda x: np.sign(x) + 1.5 * (x == 0), name="kinked")

    def whats(function: Any, x: Any) -> list[str]:
        return [each.what for each in findings(lambda x: np.sum(function(x))[None], x, rng)]

    assert whats(double, point) == whats(kinked, zero) == ["neighbours have other slopes"]
    assert whats(np.abs, zero) == whats(np.sin, point) == []
