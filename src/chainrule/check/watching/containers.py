"""The values that variables hold, and those inside short containers and the notebook's own objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["entries"]

INSIDE = 64  # entries of a container that are looked at


def entries(scope: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The variables, then what short containers and the notebook's own objects hold: ``W1`` of ``params["W1"]``."""
    inner: list[tuple[str, Any]] = []
    for name, value in list(scope.items()):
        if name.startswith("_"):
            continue
        yield name, value
        if type(value) is dict and len(value) <= INSIDE:
            named = [(key, item) for key, item in value.items() if isinstance(key, str)]
            inner += [(key if key.isidentifier() else f"{name}[{key!r}]", item) for key, item in named]
        elif type(value) in (list, tuple) and len(value) <= INSIDE:
            inner += [(f"{name}[{place}]", item) for place, item in enumerate(value)]
        elif type(value).__module__ == "__main__" and hasattr(value, "__dict__"):
            inner += [(key, item) for key, item in vars(value).items() if not key.startswith("_")]
    yield from inner
