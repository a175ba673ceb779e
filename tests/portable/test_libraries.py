"""Programs on other libraries' arrays: their own derivatives agree, and so do rows on several devices or in chunks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.transforms.trees import flatten, map_tree
from tests.portable.test_every_op_written import agree
from tests.portable.test_source import (
    BEYOND_THE_STANDARD,
    GENERAL,
    X,
    classified,
    gauss_newton_product,
    labels,
    loss,
    picked,
    resized,
    table,
    w,
    x,
)

ROOT = Path(__file__).parents[2]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("function", "rows", "arguments"), GENERAL)
def test_no_more_than_the_standard(function: Any, rows: Any, arguments: Any) -> None:
    strict = pytest.importorskip("array_api_strict")
    given = map_tree(lambda leaf: strict.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf, list(arguments))
    agree(cr.source(function, rows)(*arguments)(*given), function(*arguments))


@pytest.mark.oracle
def test_torch() -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("array_api_compat")
    W, X_there, y_there = (torch.asarray(array, requires_grad=k == 0) for k, array in enumerate((w, X, x)))
    value = cr.source(loss, rows=(1, 2))(w, X, x)(W, X_there, y_there)
    value.backward()
    found = cr.source(cr.value_and_grad(loss), rows=(1, 2))(w, X, x)(W.detach(), X_there, y_there)
    agree(found, (value.detach().numpy(), W.grad.numpy()))
    assert all(isinstance(part, torch.Tensor) for part in found)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("library", ["torch", "jax.numpy", "dask.array"])
def test_special_functions(library: str) -> None:
    module = pytest.importorskip(library)
    pytest.importorskip("array_api_compat")
    function, rows, arguments = next(case for case in BEYOND_THE_STANDARD if case[2][0] is x)
    found = cr.source(function, rows)(*arguments)(module.asarray(x))
    for a, b in zip(found, function(x), strict=True):
        np.testing.assert_allclose(np.asarray(a), b, rtol=1e-4)


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype")  # JAX has single precision here
@pytest.mark.parametrize("library", ["torch", "jax.numpy"])
def test_positions_that_are_arguments(library: str) -> None:
    module = pytest.importorskip(library)
    pytest.importorskip("array_api_compat")
    made = cr.source(cr.value_and_grad(picked), rows=(1, 2))(table[:3, :4].copy(), X, labels)
    found = made(*[module.asarray(value) for value in (table[:3, :4].astype(np.float32), X.astype(np.float32), labels)])
    for a, b in zip(found, made(table[:3, :4], X, labels), strict=True):
        np.testing.assert_allclose(np.asarray(a), b, rtol=1e-3, atol=1e-5)


def test_precision_is_that_of_the_arguments() -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("array_api_compat")
    made = cr.source(cr.value_and_grad(loss), rows=(1, 2))(w, X, x)
    value, gradient = made(*[torch.asarray(array, dtype=torch.float32) for array in (w, X, x)])
    assert (value.dtype, gradient.dtype) == (torch.float32, torch.float32)


def test_jax_on_several_devices() -> None:
    pytest.importorskip("jax")
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    done = subprocess.run(
        [sys.executable, "-m", "tests.portable.sharded"],
        env={**os.environ, **flags, "PYTHONPATH": path}, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:3] == ["[4, 4]", "[4]", "[4]"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A Dask cluster of two processes."""
    distributed = pytest.importorskip("distributed")
    pytest.importorskip("dask.array")
    pytest.importorskip("array_api_compat")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as made,
        distributed.Client(made) as client,
    ):
        yield client


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("function", "rows", "arguments"),
    [
        (cr.value_and_grad(loss), (1, 2), (w, X, x)),
        (gauss_newton_product, (2, 3), (w, w[::-1].copy(), X, x)),
        (cr.value_and_grad(classified), (1, 2), (table[:3, :4].copy(), X, labels)),
    ],
)
def test_dask(cluster: Any, function: Any, rows: tuple[int, ...], arguments: Any) -> None:
    dask, arrays = import_module("dask"), import_module("dask.array")
    data = [resized(value, 50_000) if place in rows else value for place, value in enumerate(arguments)]
    lazy = [
        arrays.from_array(value, chunks=(7_000, *value.shape[1:])) if place in rows else value
        for place, value in enumerate(data)
    ]
    found = cr.source(function, rows)(*arguments)(*lazy)
    assert all(isinstance(part, arrays.Array) for part in flatten(found)[0])
    agree(dask.compute(found)[0], function(*data))


def test_dask_without_a_number_of_rows() -> None:
    arrays = pytest.importorskip("dask.array")
    pytest.importorskip("array_api_compat")
    data = arrays.from_array(x, chunks=5)
    with pytest.raises(cr.errors.ShapeError, match="the number of rows is not known"):
        cr.source(np.sum, rows=0)(x)(data[data > 0])
