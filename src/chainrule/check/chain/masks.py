"""Which local derivatives only let through or stop."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainrule.linear.term import Term

__all__ = ["masking"]


def masking(terms: Sequence[Term]) -> bool:
    """Whether the entries of a local derivative are 0 and one other number."""
    factors = [factor for term in terms for factor in term.factors if isinstance(factor, np.ndarray) and factor.ndim]
    if len(factors) != 1:
        return False
    values = np.unique(factors[0])
    return len(values) == 2 and 0 in values
