"""Random loops give in machine code what they give in Python, and so do their gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from tests.native.agreement import agree
from tests.random_loops import SIZE, grid, is_fragile, is_sensitive, program, text

RANDOM = np.random.default_rng(3)
X, SQUARE = RANDOM.uniform(0.1, 0.5, SIZE), RANDOM.uniform(0.1, 0.5, (SIZE, SIZE))

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::chainrule.native.compiled.CompileWarning")


def compare(written: Callable[[int], str], x: Any, seeds: range) -> None:
    compared = 0
    for seed in seeds:
        function = program(written(seed))
        gradient: Any = cr.grad(function)
        if is_fragile(function, x) or is_sensitive(function, x) or is_sensitive(gradient, x):
            continue
        for each in (function, gradient):
            compiled = cr.compile(each)
            try:
                agree(compiled(x.copy()), each(x.copy()), 10.0)
                agree(compiled(x.copy()), each(x.copy()), 10.0)
            except AssertionError as problem:
                raise AssertionError(f"seed {seed}:\n{written(seed)}") from problem
        compared += 1
    assert compared


@pytest.mark.parametrize("first", range(0, 80, 4))
def test_loops_are_what_they_are_in_python(first: int) -> None:
    compare(text, X, range(first, first + 4))


@pytest.mark.parametrize("first", range(0, 60, 4))
def test_grids_are_what_they_are_in_python(first: int) -> None:
    compare(grid, SQUARE, range(first, first + 4))


@pytest.mark.parametrize("first", range(200, 232, 4))
def test_loops_in_single_precision(first: int) -> None:
    compared, x = 0, X.astype(np.float32)
    for seed in range(first, first + 4):
        function = program(text(seed))
        if is_fragile(function, X) or is_sensitive(function, X, 1e-8):
            continue
        compiled, expected = cr.compile(function), function(x.copy())
        for _ in range(2):
            found = compiled(x.copy())
            assert np.asarray(found).dtype == np.asarray(expected).dtype, text(seed)
            np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3, err_msg=text(seed))
        assert not any(["raised" in line for line in compiled.recordings]), compiled.recordings
        compared += 1
    assert compared
