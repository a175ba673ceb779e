"""The report of a check: as text, as a table that is safe to show, and as an exception."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import errors
from chainrule.check.verdicts.finding import Finding

X = np.random.default_rng(3).normal(size=(4, 2))


def loss(X: Any, w: Any) -> Any:
    return np.sum((X @ w) ** 2)


RIGHT = cr.check(loss, {"w": 2 * X.T @ X @ np.ones(2)}, X, np.ones(2))
WRONG = cr.check(loss, {"w": X.T @ X @ np.ones(2)}, X, np.ones(2))


def test_the_text_says_all() -> None:
    assert str(WRONG).splitlines()[0] == "✗ w  wrong: factor at w"
    assert "dw is the gradient times 1/2." in str(WRONG)
    assert "Fix: dw * 2" in str(WRONG)
    assert f"{WRONG.caught} of {WRONG.tried} mistakes" in str(WRONG)
    assert repr(WRONG) == str(WRONG)
    assert str(RIGHT).startswith("✓ w  right")


def test_strength_is_a_share() -> None:
    assert 0 < RIGHT.strength <= 1
    assert RIGHT.strength == RIGHT.caught / RIGHT.tried
    assert cr.Report([]).strength == 0


def test_what_is_wrong_is_raised() -> None:
    RIGHT.raise_if_wrong()
    with pytest.raises(errors.WrongGradientError, match=r"times 1/2"):
        WRONG.raise_if_wrong()
    assert issubclass(errors.WrongGradientError, AssertionError)


def test_the_table_escapes_what_the_user_wrote() -> None:
    hostile = "<script>alert('x')</script>"
    finding = Finding(hostile, 0, 0, "wrong", f"{hostile} & more", "sign", step=hostile, fix=hostile)
    html = cr.Report([finding], [hostile])._repr_html_()
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 5
    assert "&amp; more" in html


def test_the_table_has_a_row_for_each_claim() -> None:
    html = WRONG._repr_html_()
    assert html.startswith("<table>")
    assert html.count("<tr>") == 2
    assert "would catch" in html


def test_a_name_may_be_anything() -> None:
    """Arguments of a function with ** may have names that no variable has."""

    def forward(**values: Any) -> Any:
        return np.sum(values["<b>"] ** 2)

    arguments: dict[str, Any] = {"<b>": np.ones(2)}
    report = cr.check(forward, {"<b>": np.ones(2)}, **arguments)
    assert report.wrong
    assert "<b>" not in report._repr_html_()
