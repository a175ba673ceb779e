"""The page on scipy.special says of every public name what happens, and what it says of functions in Python is so."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ChainruleError
from tests.special_page import CALLS, HEAD, PAGE, POINT, outcome, rows, tracked_by

DIFFERENTIATED = [name for name in CALLS if outcome(name) == "yes"]


def test_no_name_is_missing_and_every_row_is_so() -> None:
    written = PAGE.read_text(encoding="utf-8")
    missing = [row for row in rows() if row not in written]
    assert missing == [], "python -m tests.special_page writes the page anew"
    assert written.startswith(HEAD)


@pytest.mark.parametrize("name", DIFFERENTIATED)
def test_the_gradient_of_a_function_in_python(name: str) -> None:
    f = tracked_by(CALLS[name])
    steps = 1e-6 * np.eye(len(POINT))
    expected = [(f(POINT + step) - f(POINT - step)) / 2e-6 for step in steps]
    np.testing.assert_allclose(cr.grad(f)(POINT), expected, rtol=1e-6, atol=1e-7)
    assert np.isclose(f(POINT), cr.value_and_grad(f)(POINT)[0], rtol=1e-14)


@pytest.mark.parametrize("name", ["h1vp", "lqmn", "factorial2", "ellip_harm", "legendre_p"])
def test_what_has_no_rule_is_refused_by_its_full_name(name: str) -> None:
    with pytest.raises(ChainruleError, match=rf"scipy\.special\.{name} has no derivative rule[^$]*detach"):
        cr.grad(tracked_by(CALLS[name]))(POINT)
