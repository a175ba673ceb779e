"""All wrong local rules for a link, made from the right one.

Nothing here knows an operation. The local Jacobian is a sum of terms, each a pattern with factors; a wrong rule drops a
factor, turns it, takes another array for it, takes it at another value, treats the cotangent in a wrong way, or lays
the result out wrongly.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from chainrule.check.chain.links import Link
from chainrule.check.chain.point import Point
from chainrule.check.rules.variation import Variation
from chainrule.check.rules.wrong_ends import wrong_cotangents, wrong_results
from chainrule.check.rules.wrong_factors import own_factors, wrong_factors
from chainrule.check.rules.wrong_values import wrong_values

__all__ = ["plain_variations", "variations"]

# What everybody does sooner or later.
_PLAIN = {("factor", "dropped"), ("factor", "turned"), ("rule", "to all"), ("rule", "last wins")}


def variations(point: Point, link: Link) -> Iterator[Variation]:
    """All wrong rules for one link, at this point; they can be applied to the same link at another."""
    yield from wrong_factors(point, link)
    yield from wrong_values(point, link)
    yield from wrong_cotangents(point, link)
    yield from wrong_results(point, link)


def plain_variations(point: Point, link: Link) -> Iterator[Variation]:
    """The commonest wrong rules for a link: something left out, not transposed, not multiplied."""
    reach = point.sure_reach
    chooses = any(term.tables or any(map(np.ndim, term.factors)) for term in link.terms(reach))
    if link.head in reach.seeds and reach.value(link.head).size > 1:
        yield next(wrong_cotangents(point, link))  # ones for the upstream
    for variation in (*own_factors(point, link), *wrong_results(point, link)):
        if (variation.where, variation.how) in _PLAIN and (variation.how != "to all" or chooses):
            yield variation
