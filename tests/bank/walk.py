"""Backward passes as lists of steps, each from the values of the forward pass and the adjoints so far."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import FrameType, SimpleNamespace
from typing import Any

from tests.bank.case import Arrays

__all__ = ["Rule", "inside", "only_about", "walk"]

Rule = Callable[[SimpleNamespace, SimpleNamespace], Any]


def inside(function: Callable[..., Any], arguments: Mapping[str, Any]) -> tuple[Any, Arrays]:
    """What a function returns, and its local variables when it did."""
    found: Arrays = {}

    def watch(frame: FrameType, event: str, _: Any) -> None:
        if event == "return" and frame.f_code is function.__code__:
            found.update(frame.f_locals)

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        result = function(**arguments)
    finally:
        sys.setprofile(before)
    return result, found


def walk(forward: Callable[..., Any], rules: Mapping[str, Rule], **slips: Rule) -> Callable[..., Arrays]:
    """A backward pass: the adjoint of each name by its rule, in order, or by the slip that stands in for it.

    A rule reads the values of the forward pass from its first argument and the adjoints so far from its second.
    """
    assert set(slips) <= set(rules)

    def steps(**arguments: Any) -> Arrays:
        values = SimpleNamespace(**inside(forward, arguments)[1])
        adjoints = SimpleNamespace()
        for name, rule in rules.items():
            setattr(adjoints, name, slips.get(name, rule)(values, adjoints))
        return dict(vars(adjoints))

    return steps


def only_about(steps: Callable[..., Arrays], about: tuple[str, ...]) -> Callable[..., Arrays]:
    """The gradients of arguments out of a backward pass, under the arguments' own names."""

    def derivation(**arguments: Any) -> Arrays:
        found = steps(**arguments)
        return {name: found[f"d{name}"] for name in about}

    return derivation
