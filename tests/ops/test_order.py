"""Order: entries of the Jacobians against differences, ties, and NumPy's functions on tensors against NumPy."""

from __future__ import annotations

import chainrule.ops.order
from tests.ops.dense import check_samples


def test_every_sample() -> None:
    assert len(check_samples(chainrule.ops.order.__name__)) > 30
