"""Shapes: entries of the Jacobians against differences, and NumPy's functions on tensors against NumPy."""

from __future__ import annotations

import chainrule.ops.join
import chainrule.ops.order
import chainrule.ops.pick
import chainrule.ops.shape
from tests.ops.dense import check_samples


def test_every_sample() -> None:
    assert len(check_samples("chainrule.ops.shape")) > 20


def test_every_sample_of_joins_and_picks() -> None:
    assert len(check_samples("chainrule.ops.join")) > 7
    assert len(check_samples("chainrule.ops.pick")) > 10
