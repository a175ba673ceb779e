"""Filters that pick an entry by its place in the order of a neighbourhood: medians, ranks, largest and smallest ones.

SciPy's own filter picks from the places in the order of all entries, and so says which entry it takes. Of equal ones
that is one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

import numpy as np

from chainrule.as_written.making import follows, numbers_of, stacked
from chainrule.errors import NoRuleError

__all__ = ["PICKS", "PICKS_OF_SIGNAL"]


def _places(numbers: Any, outside: float) -> tuple[Any, Any, int]:
    """The place of each number in their order, 0 being that of ``outside``; the order; how many are before 0."""
    order = np.argsort(numbers, kind="stable")
    below = int(np.sum(numbers < outside))
    ranks = np.arange(len(numbers)) - below
    places = np.empty(len(numbers))
    places[order] = np.where(ranks < 0, ranks, ranks + 1.0)
    return places, order, below


def _picking(plain: Callable[..., Any]) -> Callable[..., Any]:
    form = signature(plain)
    first = next(iter(form.parameters))

    def call(*arguments: Any, **options: Any) -> Any:
        given = form.bind(*arguments, **options).arguments
        array = stacked(given[first])
        if any([follows(value) for name, value in given.items() if name != first]):
            raise NoRuleError(f"scipy's {plain.__name__} has a rule for tracked {first} alone")
        outside = float(given.get("cval", 0.0))

        def picked(values: Any, cval: float) -> Any:
            told = form.bind(**{**given, first: values, **({"cval": cval} if "cval" in form.parameters else {})})
            return np.asarray(plain(*told.args, **told.kwargs))

        numbers = np.reshape(numbers_of(array), -1)
        places, order, below = _places(numbers, outside)
        taken = picked(np.reshape(places, array.shape), 0.0).astype(int)
        entry = np.clip(np.where(taken > 0, taken - 1, taken) + below, 0, len(order) - 1)
        made = np.where(taken == 0, outside, np.reshape(array, -1)[order[entry]])
        if not np.array_equal(numbers_of(made), picked(numbers_of(array), outside)):
            raise NoRuleError(
                f"scipy's {plain.__name__} of tracked values has a rule where each result is one of the entries; with "
                "these options it is not"
            )
        return made

    return call


_OF_IMAGES = (
    *("median_filter", "rank_filter", "percentile_filter", "maximum_filter", "minimum_filter", "maximum_filter1d"),
    *("minimum_filter1d", "grey_dilation", "grey_erosion", "grey_opening", "grey_closing"),
)
PICKS: Mapping[str, Callable[..., Any]] = dict.fromkeys(_OF_IMAGES, _picking)
PICKS_OF_SIGNAL: Mapping[str, Callable[..., Any]] = dict.fromkeys(("medfilt", "medfilt2d", "order_filter"), _picking)
"""By name, what makes the function for tracked arrays of SciPy's own."""
