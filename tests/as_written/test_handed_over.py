"""A library's own function is differentiated when it is handed over itself, as when code calls it."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.fft
import scipy.linalg
import scipy.ndimage
import scipy.signal
import scipy.special
import scipy.stats

import chainrule as cr

x = np.array([0.4, 1.3, 0.7, 2.1])
A = np.array([[2.0, 0.3, 0.1], [0.2, 3.0, 0.4], [0.5, 0.1, 2.5]])

HANDED_OVER: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (np.linalg.norm, (x,)),
    (np.array, (x,)),
    (scipy.special.logsumexp, (x,)),
    (scipy.special.softmax, (x,)),
    (scipy.special.gammaln, (x,)),
    (partial(scipy.special.log_softmax, axis=0), (A,)),
    (scipy.linalg.expm, (A,)),
    (scipy.linalg.det, (A,)),
    (scipy.linalg.sqrtm, (A,)),
    (scipy.linalg.norm, (A,)),
    (scipy.linalg.solve_triangular, (A, x[:3])),
    (scipy.linalg.toeplitz, (x,)),
    (scipy.fft.dct, (x,)),
    (scipy.fft.irfft, (x,)),
    (scipy.ndimage.convolve1d, (x, x[:3])),
    (scipy.signal.convolve, (x, x)),
    (scipy.stats.gamma.logpdf, (x, 2.0)),
    (partial(scipy.stats.norm.cdf, scale=2.0), (x,)),
    (scipy.stats.norm(0.5).ppf, (0.2 * x,)),
    (scipy.stats.multivariate_normal.logpdf, (x,)),
    (math.hypot, (0.3, 0.4)),
]


@pytest.mark.parametrize(("function", "arguments"), HANDED_OVER, ids=lambda value: getattr(value, "__name__", ""))
def test_a_function_handed_over_is_as_one_that_code_calls(
    function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    first, *rest = arguments
    called = cr.jacobian(lambda first: function(first, *rest))(first)
    np.testing.assert_array_equal(cr.jacobian(function)(*arguments).dense(), called.dense())


def test_it_is_compiled_as_it_is() -> None:
    compiled = cr.compile(scipy.special.logsumexp)
    np.testing.assert_allclose(compiled(x), scipy.special.logsumexp(x))
    assert compiled.recordings == ["machine code"]
