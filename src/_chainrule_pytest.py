"""A pytest plugin of chainrule's: the fixture `assert_gradient`, and a line on what was checked at the end.

It stands outside the package, so that a run of tests that checks no gradient does not import it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

CHECKED = pytest.StashKey[list[tuple[str, Any]]]()
WEAK = ("error", "warn", "ignore")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer ``--weak-gradients`` and the setting ``weak_gradients``."""
    told = "a test that would not notice many mistakes in a gradient: error (the default), warn or ignore"
    parser.getgroup("chainrule").addoption("--weak-gradients", choices=WEAK, default=None, help=told)
    parser.addini("weak_gradients", told, default="error")


def pytest_configure(config: pytest.Config) -> None:
    """Begin to keep what is checked."""
    config.stash[CHECKED] = []


@pytest.fixture
def assert_gradient(request: pytest.FixtureRequest) -> Callable[..., None]:
    """`chainrule.interop.testing.assert_gradient`, which takes part in the summary and obeys ``weak_gradients``."""
    testing = import_module("chainrule.interop.testing")
    config = request.config
    weak = config.getoption("weak_gradients") or config.getini("weak_gradients")
    if weak not in WEAK:
        raise pytest.UsageError(f"weak_gradients is {weak!r}, expected one of {', '.join(WEAK)}")

    def asserted(f: Callable[..., Any], claimed: Any, *args: Any, **options: Any) -> None:
        __tracebackhide__ = True
        strictness = options.pop("weak", weak)
        checked = testing.checked_gradient(f, claimed, *args, **options)
        config.stash[CHECKED].append((request.node.nodeid, checked))
        testing.assert_checked(checked, strictness)

    return asserted


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """One line: how many gradients, the largest relative error, and the weakest test."""
    checked = config.stash[CHECKED]
    if not checked:
        return
    claims = sum(one.count for _, one in checked)
    where, worst = max(checked, key=lambda pair: pair[1].error)
    line = f"{claims} gradient{'s' if claims != 1 else ''} checked"
    line += f"; largest error {worst.error:.2g} units in the last place, {where}"
    known = [(one.strength, where) for where, one in checked if one.strength is not None]
    if known:
        strength, where = min(known)
        line += f"; the weakest test would notice {strength:.0%} of mistakes, {where}"
    terminalreporter.write_sep("=", "gradients")
    terminalreporter.write_line(line)
