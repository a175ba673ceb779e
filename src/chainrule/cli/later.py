"""Loads what explains at its first use, because most checks do without, and it takes as long as a check."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from chainrule.check.notebook.claims import Watcher
from chainrule.cli.hints import Degree

if TYPE_CHECKING:
    from chainrule.cli.deriving import Derived, Place

__all__ = ["derive_in_file", "page_of", "place_of"]


def page_of(watcher: Watcher, title: str, degree: Degree) -> str:
    """The report of a notebook as one HTML file: see `chainrule.cli.cards`."""
    return cast(str, _module("cards").page_of(watcher, title, degree))


def place_of(target: str, at: list[str], by: list[str], *, paged: bool) -> Place:
    """The function that is to be derived: see `chainrule.cli.deriving`."""
    return cast("Place", _module("deriving").place_of(target, at, by, paged=paged))


def derive_in_file(place: Place, timeout: float | None) -> Derived:
    """Its derivation: see `chainrule.cli.deriving`."""
    return cast("Derived", _module("deriving").derive_in_file(place, timeout))


def _module(name: str) -> Any:
    return import_module(f"chainrule.cli.{name}")
