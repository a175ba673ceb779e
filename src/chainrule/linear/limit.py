"""How much is written out without being asked for by name, and what is said instead of writing more."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.errors import TooLargeError
from chainrule.linear.describe import describe
from chainrule.linear.term import Term

__all__ = ["LIMIT", "affordable", "too_large"]

LIMIT = 1 << 26  # numbers in an array that is made unasked: half a gigabyte in double precision


def affordable(terms: Sequence[Term], what: str) -> Sequence[Term]:
    """The terms, if ``what`` needs no large map that is known by its products only to be written out.

    Raises:
        TooLargeError: it would.
    """
    for term in terms:
        for labels, factor in zip(term.pattern.factors, term.factors, strict=True):
            if labels.opaque and factor.size > LIMIT:
                raise TooLargeError(
                    f"{what} would write out a map of shape {factor.shape} that is known by its products only, more "
                    f"than the {LIMIT:,} numbers that are made unasked. Use products with J.operator(), or say where "
                    f"its entries are (sparsity=…) when the operation is defined"
                )
    return terms


def too_large(what: str, terms: Sequence[Term], count: int, instead: str) -> TooLargeError:
    """The error that says what would have been written out, and what to call instead."""
    return TooLargeError(
        f"{what} of this map would need a dense matrix of {count:,} × {count:,} numbers, more than the {LIMIT:,} that "
        f"are made unasked. It is: {describe(terms)}. Use {instead}; or J.dense(), if the memory is there, and NumPy"
    )
