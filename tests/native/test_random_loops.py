"""Random loops give in machine code what they give in Python, and so do their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from tests.native.agreement import agree
from tests.random_loops import is_sensitive, program, text

X = np.random.default_rng(3).uniform(0.1, 0.5, 8)


@pytest.mark.parametrize("first", range(0, 120, 4))
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::chainrule.native.compiled.CompileWarning")
def test_loops_are_what_they_are_in_python(first: int) -> None:
    compared = 0
    for seed in range(first, first + 4):
        function = program(seed)
        gradient: Any = cr.grad(function)
        if is_sensitive(function, X) or is_sensitive(gradient, X):
            continue
        for each in (function, gradient):
            compiled = cr.compile(each)
            try:
                agree(compiled(X.copy()), each(X.copy()), 10.0)
                agree(compiled(X.copy()), each(X.copy()), 10.0)
            except AssertionError as problem:
                raise AssertionError(f"seed {seed}:\n{text(seed)}") from problem
        compared += 1
    assert compared
