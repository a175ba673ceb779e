"""Element types, their promotion and their limits are PyTorch's; shapes stay shapes."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.errors import DtypeError, NotProvidedError, PromotionError
from chainrule.torch import dtypes
from chainrule.torch.size import Size

STORED = json.loads((Path(__file__).parents[1] / "golden" / "torch_dtypes.json").read_text(encoding="utf-8"))
KINDS = [next(kind for kind in dtypes.ALL if kind.name == name) for name in STORED["names"]]
OPERANDS: dict[str, Any] = {
    name: {"True": True, "2": 2, "2.5": 2.5, "1j": 1j}[name]
    if "[" not in name
    else np.ones((2,) * int(name[-2]), name[:-3])
    for name in STORED["operands"]
}


@pytest.fixture(autouse=True)
def _default() -> Iterator[None]:
    yield
    dtypes.set_default_dtype(dtypes.float32)


def outcome(function: Any, *operands: Any) -> str:
    """The result as text, or the first line of the error, as stored."""
    try:
        return str(function(*operands))
    except PromotionError as error:
        return str(error).splitlines()[0]


@pytest.mark.parametrize("row", range(len(KINDS)), ids=STORED["names"])
def test_promotion_and_casts(row: int) -> None:
    first, count = KINDS[row], len(KINDS)
    promoted = [outcome(dtypes.promote_types, first, second) for second in KINDS]
    assert promoted == STORED["promote"][row * count : (row + 1) * count]
    assert [dtypes.can_cast(first, second) for second in KINDS] == STORED["cast"][row * count : (row + 1) * count]


@pytest.mark.parametrize("row", range(len(OPERANDS)), ids=list(OPERANDS))
def test_the_type_of_a_result(row: int) -> None:
    names, count = list(OPERANDS), len(OPERANDS)
    expected = STORED["result"][row * count : (row + 1) * count]
    for name, result in zip(names, expected, strict=True):
        mine = outcome(dtypes.result_type, OPERANDS[names[row]], OPERANDS[name])
        if result == "torch.complex32":  # NumPy has none
            assert mine == "Unknown Complex ScalarType for Half", name
        else:
            assert mine == result, name


def test_numpy_numbers_count_as_python_numbers() -> None:
    whole = np.ones(2, np.int32)
    assert dtypes.result_type(whole, np.int64(2)) is dtypes.int32
    assert dtypes.result_type(whole, np.float64(2)) is dtypes.float32
    assert dtypes.result_type(whole, np.bool_(True)) is dtypes.int32
    assert dtypes.result_type(np.ones(2, np.float32), np.complex128(1j)) is dtypes.complex64
    dtypes.set_default_dtype(dtypes.float64)
    assert dtypes.result_type(whole, 2.0) is dtypes.float64
    assert dtypes.result_type(whole, 1j) is dtypes.complex128


@pytest.mark.parametrize("name", STORED["finfo"])
def test_limits_of_floats(name: str) -> None:
    limits = dtypes.finfo(getattr(dtypes, name))
    shown, *values = STORED["finfo"][name]
    assert repr(limits) == shown
    names = ["bits", "max", "min", "dtype", "resolution", "tiny", "eps"]
    assert [getattr(limits, each) for each in names] == values
    assert limits.smallest_normal == limits.tiny


@pytest.mark.parametrize("name", STORED["iinfo"])
def test_limits_of_whole_numbers(name: str) -> None:
    limits = dtypes.iinfo(getattr(dtypes, name))
    assert [repr(limits), limits.bits, limits.max, limits.min, limits.dtype] == STORED["iinfo"][name]


def test_limits_of_pythons_types() -> None:
    assert dtypes.finfo().dtype == "float32"
    assert dtypes.finfo(float).bits == 64
    assert dtypes.iinfo(int).bits == 64


@pytest.mark.parametrize("kind", KINDS, ids=repr)
def test_an_element_type_tells_what_it_is(kind: dtypes.dtype) -> None:
    assert [kind.is_floating_point, kind.is_complex, kind.is_signed, kind.itemsize] == STORED["flags"][kind.name]
    assert repr(kind) == str(kind) == f"torch.{kind.name}"
    assert dtypes.from_numpy(kind.numpy) is kind
    assert dtypes.from_numpy(kind.numpy.newbyteorder(">")) is kind
    assert dtypes.to_numpy(kind) == kind.numpy
    assert pickle.loads(pickle.dumps(kind)) is copy.deepcopy(kind) is copy.copy(kind) is kind


def test_other_names_of_the_same_types() -> None:
    assert dtypes.half is dtypes.float16
    assert dtypes.double is dtypes.float64
    assert dtypes.short is dtypes.int16
    assert dtypes.long is dtypes.int64
    assert dtypes.cfloat is dtypes.complex64
    assert dtypes.cdouble is dtypes.complex128
    assert (dtypes.float_, dtypes.int_) == (dtypes.float32, dtypes.int32)


def test_pythons_types_name_element_types() -> None:
    assert [dtypes.as_dtype(each) for each in (float, int, bool, complex, dtypes.int8)] == [
        dtypes.float64,
        dtypes.int64,
        dtypes.bool_,
        dtypes.complex128,
        dtypes.int8,
    ]
    assert dtypes.to_numpy(float) == np.float64
    assert dtypes.to_numpy(np.float32) == np.float32


def test_real_and_complex_types_belong_together() -> None:
    assert dtypes.float32.to_complex() is dtypes.complex64
    assert dtypes.complex128.to_complex() is dtypes.complex128
    assert dtypes.complex128.to_real() is dtypes.float64
    assert dtypes.int8.to_real() is dtypes.int8


def test_the_default_type_can_be_chosen() -> None:
    assert dtypes.get_default_dtype() is dtypes.float32
    dtypes.set_default_dtype(dtypes.float16)
    assert dtypes.get_default_dtype() is dtypes.float16


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dtypes.as_dtype(np.float32, "zeros"), r"zeros\(\): argument 'dtype' must be torch.dtype, not type"),
        (lambda: dtypes.as_dtype("float32"), r"argument 'dtype' must be torch.dtype, not str"),
        (lambda: dtypes.from_numpy("U3"), "can't convert np.ndarray of type <U3"),
        (lambda: dtypes.set_default_dtype(dtypes.int32), "^only floating-point types are supported as the default"),
        (lambda: dtypes.set_default_dtype(float), "^invalid dtype object: only floating-point types"),
        (lambda: dtypes.finfo(dtypes.int32), r"torch.finfo\(\) requires a floating point input type"),
        (lambda: dtypes.finfo(3), r"finfo\(\): argument 'type' \(position 1\) must be torch.dtype, not int"),
        (lambda: dtypes.iinfo(dtypes.float32), r"torch.iinfo\(\) requires an integer input type"),
        (lambda: dtypes.iinfo(dtypes.bool_), "torch.bool is not supported by torch.iinfo"),
        (lambda: dtypes.result_type("a", 1), r"result_type\(\) takes tensors and numbers, but was given str"),
        (dtypes.result_type, r"result_type\(\) needs at least one"),
        (lambda: Size([2.5]), r"torch.Size\(\) takes an iterable of 'int' \(item 0 is 'float'\)"),  # type: ignore[list-item]
        (lambda: Size([1]) + [2], r"can only concatenate tuple \(not 'list'\) to torch.Size"),
    ],
)
def test_wrong_types_are_type_errors_that_say_so(call: Any, message: str) -> None:
    with pytest.raises(DtypeError, match=message) as caught:
        call()
    assert isinstance(caught.value, TypeError)


def test_types_without_a_common_one_are_runtime_errors() -> None:
    with pytest.raises(RuntimeError, match="Unknown Complex ScalarType for Int"):
        dtypes.int32.to_complex()


@pytest.mark.parametrize("name", ["bfloat16", "complex32", "chalf"])
def test_absent_types_say_what_to_use(name: str) -> None:
    with pytest.raises(NotProvidedError, match=rf"torch.{name} is not provided: .* use torch\."):
        getattr(dtypes, name)
    assert not hasattr(dtypes, name)
    with pytest.raises(AttributeError, match="has no attribute 'float31'"):
        _ = dtypes.float31


def test_a_shape_is_a_tuple_that_stays_a_shape() -> None:
    shape = Size([2, np.int64(3), True])
    assert repr(shape) == str(shape) == f"{shape}" == "torch.Size([2, 3, 1])"
    assert (shape.numel(), Size().numel()) == (6, 1)
    assert hash(shape) == hash((2, 3, 1))
    assert shape[0] == 2
    for part, expected in [
        (shape[1:], (3, 1)),
        (shape + (4,), (2, 3, 1, 4)),
        ((4,) + shape, (4, 2, 3, 1)),
        (shape + Size([5]), (2, 3, 1, 5)),
        (Size([2]) * 2, (2, 2)),
        (2 * Size([2]), (2, 2)),
        (pickle.loads(pickle.dumps(shape)), (2, 3, 1)),
        (copy.deepcopy(shape), (2, 3, 1)),
        (shape, (2, 3, 1)),
    ]:
        assert type(part) is Size
        assert part == expected
    first, *rest = shape
    assert (first, rest) == (2, [3, 1])
