"""Functions of SciPy's that compute what is tracked in another way, by the module that has them.

SciPy's functions in Python turn what they are given into plain arrays. While code runs as it stands, these take their
place: for plain arrays they are SciPy's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from chainrule.as_written.distributions import of_stats
from chainrule.as_written.making import holds
from chainrule.as_written.matrices import MATRICES

__all__ = ["INSTEAD", "instead"]

Places = list[tuple[Any, Mapping[str, Any]]]


def instead(plain: Any, made: Callable[..., Any]) -> Any:
    """``made`` where something tracked is given, and ``plain`` otherwise."""

    @wraps(plain)
    def call(*arguments: Any, **options: Any) -> Any:
        if any(map(holds, (*arguments, *options.values()))):
            return made(*arguments, **options)
        return plain(*arguments, **options)

    call.__wrapped__ = plain
    return call


def _of_linalg(module: Any) -> Places:
    return [(module, {name: instead(getattr(module, name), made) for name, made in MATRICES.items()})]


INSTEAD: dict[str, Callable[[Any], Places]] = {"scipy.linalg": _of_linalg, "scipy.stats": of_stats}
"""By module, what makes the functions that take the place of its own, each with where that is: a module or a class.

Layers above add to it.
"""
