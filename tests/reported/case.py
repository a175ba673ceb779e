"""A wrong derivative that was reported of another library, in NumPy's terms, with the right one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Reported"]


class Reported(NamedTuple):
    """What is wrong somewhere (a name), where it was reported, a function of one argument and a point.

    ``slope`` is the gradient there in closed form, ``curvature`` the Hessian if that was reported or is as well known.
    """

    trap: str
    where: str
    function: Callable[[Any], Any]
    point: Any
    slope: Any
    curvature: Any = None
