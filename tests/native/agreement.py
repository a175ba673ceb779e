"""Whether two results are the same: their types, their structure, and their numbers up to rounding."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["agree"]


def agree(found: Any, expected: Any, rounding: float = 1.0) -> None:
    """Fail unless two results are the same; ``rounding`` widens what passes as that."""
    assert type(found) is type(expected), f"{type(found).__name__} instead of {type(expected).__name__}"
    if isinstance(expected, tuple | list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            agree(one, other, rounding)
        return
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for name in expected:
            agree(found[name], expected[name], rounding)
        return
    one, other = np.asarray(found), np.asarray(expected)
    assert (one.dtype, one.shape) == (other.dtype, other.shape)
    if other.dtype.kind not in "fc":
        np.testing.assert_array_equal(one, other)
        return
    size = float(np.max(np.abs(other), initial=1.0, where=np.isfinite(other)))
    tolerance = rounding * (2e-4 if np.finfo(other.dtype).eps > 1e-10 else 1e-9)
    np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * size)
