"""Every operation and its gradient, written in terms of the array API standard: on each library what NumPy gives."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.op import Operation
from chainrule.transforms.trees import flatten
from tests.native.test_every_op_compiled import CASES, functions_of

# Operations that have no form in the standard. (Gradients whose rules look at numbers need not have one either.)
UNWRITTEN = {
    *["accumulate_maximum", "accumulate_minimum", "cofactors", "overwrite_flat", "singular_parts"],
    *["sliding_window_view", "sparse_solve"],
}
# What becomes of their gradients: some have a form all the same, and one other has none.
UNWRITTEN_GRADIENTS = (UNWRITTEN - {"overwrite_flat", "singular_parts", "sliding_window_view"}) | {"voigt_profile"}
# What a library refuses itself: steps backwards, positions in an array for Dask, options that it does not have.
REFUSING = {
    "torch": {"angle", "leave_one_out", "overwrite_flat", "prod", "scatter_add"},
    "jax.numpy": {"partition"},
    "dask.array": {
        *["airye_3", "convolve", "nan_to_num", "pro_ang1_slope", "sliding_window_view", "sort", "take_along_axis"],
        "triangle",
    },
}

# Whose rules look at numbers, such as where ties are: what is recorded of them may be other code at another point.
LOOKS = {
    *["cofactors", "cumprod", "det", "sort", "partition", "accumulate_maximum", "accumulate_minimum"],
    *["eigenvalues", "eigenvectors", "general_eigenvalues", "general_eigenvectors"],
    *["singular_values", "singular_vectors"],
}


@pytest.fixture(params=["numpy", "torch", "jax.numpy", "dask.array"])
def library(request: pytest.FixtureRequest) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """The name of a library that is installed, and what makes its arrays."""
    name = request.param
    module = pytest.importorskip(name)
    if name in ("torch", "dask.array"):
        pytest.importorskip("array_api_compat")
    if name == "jax.numpy":
        config = import_module("jax").config
        before = config.jax_enable_x64
        config.update("jax_enable_x64", True)
        yield name, module.asarray
        config.update("jax_enable_x64", before)
    else:
        yield name, module.asarray


def agree(found: Any, expected: Any) -> None:
    """Whether results are those that are expected, in shape and up to rounding."""
    for a, b in zip(flatten(found)[0], flatten(expected)[0], strict=True):
        assert np.shape(np.asarray(a)) == np.shape(b)
        np.testing.assert_allclose(np.asarray(a), b, rtol=1e-9, atol=1e-9)


def found_by(made: Any, arguments: Any, is_allowed: bool) -> Any:
    """What a program gives; None if the library lacks a function that it needs or refuses something it may refuse."""
    try:
        return [np.asarray(value) for value in flatten(made(*arguments))[0]]
    except cr.errors.SourceError as problem:
        if re.search(r" has no \w+", str(problem)):
            return None
        raise
    except Exception:
        if is_allowed:
            return None
        raise


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("operation", "number"), CASES)
def test_as_numpy_does(operation: Operation, number: int, library: tuple[str, Callable[[Any], Any]]) -> None:
    name, array_of = library
    functions, arguments = functions_of(operation, number, np.float64)
    for what in ("value", "gradient"):
        if what not in functions:
            continue
        function = functions[what]
        if operation.name in (UNWRITTEN if what == "value" else UNWRITTEN_GRADIENTS):
            with pytest.raises(cr.errors.SourceError, match=r"cannot be written: "):
                cr.source(function)(*arguments)
            continue
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                made, expected = cr.source(function)(*arguments), function(*arguments)
            except cr.errors.SourceError:
                if what == "gradient" and operation.name in LOOKS:
                    continue
                raise
            given = [array_of(value) if isinstance(value, np.ndarray | np.generic) else value for value in arguments]
            found = found_by(made, given, operation.name in REFUSING.get(name, ()))
            assert found is not None or name != "numpy"
        if found is not None:
            agree(found, expected)
