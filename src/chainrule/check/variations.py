"""All wrong local rules for a link, made from the right one.

Nothing here knows an operation. The local Jacobian is a sum of terms, each a pattern with factors; a wrong rule drops a
factor, turns it, takes another array for it, takes it at another value, treats the cotangent in a wrong way, or lays
the result out wrongly.
"""

from __future__ import annotations

from collections.abc import Iterator

from chainrule.check.links import Link
from chainrule.check.point import Point
from chainrule.check.variation import Variation
from chainrule.check.wrong_ends import wrong_cotangents, wrong_results
from chainrule.check.wrong_factors import wrong_factors
from chainrule.check.wrong_values import wrong_values

__all__ = ["variations"]


def variations(point: Point, link: Link) -> Iterator[Variation]:
    """All wrong rules for one link, at this point; they can be applied to the same link at another."""
    yield from wrong_factors(point, link)
    yield from wrong_values(point, link)
    yield from wrong_cotangents(point, link)
    yield from wrong_results(point, link)
