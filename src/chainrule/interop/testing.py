"""`assert_gradient`: a test of a gradient that was derived by hand, which says what is wrong with it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.check.function.checking import check
from chainrule.check.verdicts.report import Report
from chainrule.errors import WeakTestError

__all__ = ["Checked", "WeakTestWarning", "assert_checked", "assert_gradient", "checked_gradient", "drawn"]

# Primes of which no two are equal: a constant that has to do with one of them can be told from the others.
SIZES = (7, 5, 3, 11, 13, 2, 17, 19)
OTHER_SIZES = (5, 3, 7, 13, 2, 11, 19, 17)
ENOUGH = 0.9  # the share of mistakes that a test should notice


class WeakTestWarning(UserWarning):
    """A gradient passed a test that would not notice many mistakes."""


@dataclass(frozen=True)
class Checked:
    """What came of one test: the reports of its points."""

    reports: tuple[Report, ...]

    @property
    def count(self) -> int:
        """How many gradients were checked."""
        return len(self.reports[0].findings)

    @property
    def error(self) -> float:
        """The largest error, in units in the last place."""
        units = [finding.details.get("units", 0.0) for report in self.reports for finding in report.findings]
        return max([float(unit) for unit in units if isinstance(unit, int | float)], default=0.0)

    @property
    def strength(self) -> float | None:
        """The share of mistakes that the best of the points would notice; None where that is not known."""
        return max([report.strength for report in self.reports if report.tried], default=None)


def assert_gradient(
    f: Callable[..., Any],
    claimed: Any,
    *args: Any,
    upstream: Any = None,
    steps: Mapping[str, Any] | None = None,
    seeds: Sequence[int] = (0, 1),
    weak: str = "error",
) -> None:
    """Assert that a gradient derived by hand is right, and say what is wrong with it if it is not.

    ``claimed`` is a mapping from argument names to arrays, a tuple along the arguments, or a function of the arguments
    (and of ``upstream``, if f returns an array) that gives either. An argument may be given by its shape as a text,
    ``"N D"``: then normal numbers are drawn, at sizes that are primes, the same for the same letter, and others for
    each of ``seeds``. ``steps`` are named gradients on the way. ``weak`` says what to do when the test would not notice
    many mistakes: "error", "warn" or "ignore".

    Works on whatever returns and takes arrays: NumPy, PyTorch, JAX, a kernel's wrapper.

    >>> def layer(X, W):
    ...     return np.tanh(X @ W)
    >>> def backward(X, W, upstream):
    ...     d = upstream * (1 - np.tanh(X @ W) ** 2)
    ...     return {"X": d @ W.T, "W": X.T @ d}
    >>> assert_gradient(layer, backward, "N D", "D K")
    >>> assert_gradient(layer, lambda X, W, upstream: {"W": X.T @ upstream}, "N D", "D K")
    Traceback (most recent call last):
    ...
    chainrule.errors.WrongGradientError: ...

    Raises :class:`~chainrule.errors.WrongGradientError` with the report if a gradient is wrong,
    :class:`~chainrule.errors.WeakTestError` if the test is too weak (both are AssertionErrors), and
    :class:`~chainrule.errors.ClaimError` if a claim cannot be read.
    """
    __tracebackhide__ = True
    assert_checked(checked_gradient(f, claimed, *args, upstream=upstream, steps=steps, seeds=seeds), weak)


def assert_checked(checked: Checked, weak: str = "error") -> None:
    """Raise :class:`~chainrule.errors.WrongGradientError` or :class:`WeakTestError` of what was checked."""
    __tracebackhide__ = True  # pytest shows the line of the test
    for report in checked.reports:
        report.raise_if_wrong()
    strength = checked.strength
    if strength is None or strength >= ENOUGH or weak == "ignore":
        return
    advice = " ".join(checked.reports[0].notes) or "Give it other numbers, and more of them."
    told = f"the gradient is right here, but this test would notice only {strength:.0%} of mistakes. {advice}"
    if weak == "error":
        raise WeakTestError(told)
    warnings.warn(told, WeakTestWarning, stacklevel=3)


def checked_gradient(
    f: Callable[..., Any],
    claimed: Any,
    *args: Any,
    upstream: Any = None,
    steps: Mapping[str, Any] | None = None,
    seeds: Sequence[int] = (0, 1),
) -> Checked:
    """What `assert_gradient` asserts, as its reports: one for each point."""
    reports = [check(f, claimed, *point, upstream=upstream, steps=steps) for point in _points(args, seeds)]
    return Checked(tuple(reports))


def _points(args: Sequence[Any], seeds: Sequence[int]) -> Iterator[list[Any]]:
    if not any(isinstance(argument, str) for argument in args):
        yield list(args)
        return
    for number, seed in enumerate(seeds):
        yield drawn(args, seed, OTHER_SIZES if number % 2 else SIZES)


def drawn(args: Sequence[Any], seed: int, sizes: Sequence[int] = SIZES) -> list[Any]:
    """The arguments, with normal numbers for those that are given by their shape.

    >>> [np.shape(argument) for argument in drawn(["N D", "D", "", 2.0], 0)]
    [(7, 5), (5,), (), ()]
    """
    random = np.random.default_rng(seed)
    length: dict[str, int] = {}

    def size(letter: str) -> int:
        return int(letter) if letter.isdigit() else length.setdefault(letter, sizes[len(length) % len(sizes)])

    return [
        random.normal(size=tuple(map(size, argument.split()))) if isinstance(argument, str) else argument
        for argument in args
    ]
