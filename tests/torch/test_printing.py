"""Tensors print as in PyTorch 2.13: as stored everywhere, as PyTorch itself prints where it is installed."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.errors import DtypeError
from chainrule.torch import dtypes
from chainrule.torch.printing import (
    format_item,
    format_tensor,
    get_printoptions,
    printoptions,
    set_printoptions,
)
from tests.torch import draws, printed

STORED = json.loads((Path(__file__).parents[1] / "golden" / "torch_printing.json").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def _defaults() -> Iterator[None]:
    set_printoptions(profile="default")
    yield
    set_printoptions(profile="default")
    dtypes.set_default_dtype(dtypes.float32)


def ours(values: Any, chosen: dict[str, Any], past: str | None, default: str) -> str:
    """What chainrule prints for the arguments of ``printed.by_torch``."""
    dtypes.set_default_dtype(getattr(dtypes, default))
    with printoptions(**chosen):
        node = past if past == "CloneBackward0" else None
        return format_tensor(values, requires_grad=past is not None, grad_fn_name=node)


@pytest.mark.parametrize("number", range(len(STORED)))
def test_the_printed_form_is_the_stored_one(number: int) -> None:
    case = STORED[number]
    values = np.frombuffer(base64.b64decode(case["bytes"]), case["dtype"]).reshape(case["shape"])
    assert ours(values, case["options"], case["past"], case["default"]) == case["text"]


@pytest.mark.oracle
@pytest.mark.parametrize("start", range(1000, 2000, 100))
def test_the_printed_form_is_that_of_pytorch(start: int) -> None:
    torch = draws.real_torch()
    for number in range(start, start + 100):
        choice = random.Random(number)
        values, chosen = printed.array(choice, 5000), printed.options(choice)
        past = printed.history(choice, values.dtype)
        assert ours(values, chosen, past, "float32") == printed.by_torch(torch, values, chosen, past, "float32")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (np.float32(1.0), "tensor(1.)"),
        (np.array(True), "tensor(True)"),
        (np.array(3, np.int32), "tensor(3, dtype=torch.int32)"),
        (np.zeros(0, np.float32), "tensor([])"),
        (np.zeros((0, 3), np.int64), "tensor([], size=(0, 3), dtype=torch.int64)"),
        (np.array([1.0, np.nan, -np.inf], np.float32), "tensor([1., nan, -inf])"),
        (np.array([1e-5, 1.0], np.float32), "tensor([1.0000e-05, 1.0000e+00])"),
        (np.array([-0.0, 0.5], np.float32), "tensor([-0.0000, 0.5000])"),
        (np.array([1 + 2j, -0.5 - 1j], np.complex64), "tensor([ 1.0000+2.j, -0.5000-1.j])"),
        (np.arange(1001), "tensor([   0,    1,    2,  ...,  998,  999, 1000])"),
    ],
)
def test_examples_of_each_kind(values: Any, text: str) -> None:
    assert format_tensor(values) == text


def test_a_note_that_does_not_fit_goes_on_a_new_line() -> None:
    text = format_tensor(np.full(8, 0.5, np.float32), grad_fn_name="AddmmBackward0")
    assert text == (
        "tensor([0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000],\n       grad_fn=<AddmmBackward0>)"
    )


def test_the_prefix_sets_the_indentation() -> None:
    text = format_tensor(np.ones((2, 1), np.float32), prefix="Parameter(")
    assert text == "Parameter([[1.],\n           [1.]])"


def test_options_are_set_kept_and_restored() -> None:
    set_printoptions(precision=2, sci_mode=True)
    assert format_tensor(np.array([1.5], np.float32)) == "tensor([1.50e+00])"
    set_printoptions(linewidth=100)
    assert get_printoptions() == {
        "precision": 2,
        "threshold": 1000,
        "edgeitems": 3,
        "linewidth": 100,
        "sci_mode": None,
    }
    with printoptions(profile="short"):
        assert get_printoptions()["edgeitems"] == 2
    assert get_printoptions()["edgeitems"] == 3
    assert get_printoptions()["linewidth"] == 100


def test_a_number_formats_as_python_formats_it() -> None:
    assert format_item(np.array(0.1, np.float32), "", "") == "0.10000000149011612"
    assert format_item(np.array(0.1, np.float32), ".3f", "") == "0.100"
    assert format_item(np.array(3), "5d", "") == "    3"
    assert format_item(np.array(True), "", "") == "True"
    assert format_item(np.ones(2), "", "tensor([1., 1.])") == "tensor([1., 1.])"


def test_an_array_takes_no_format() -> None:
    with pytest.raises(DtypeError, match=r"unsupported format string passed to Tensor\.__format__") as caught:
        format_item(np.ones(2), ".2f", "")
    assert isinstance(caught.value, TypeError)
