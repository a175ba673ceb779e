"""The array that a new tensor holds: from numbers, nested lists, arrays, with PyTorch's dtypes and errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import StandInRuntimeError, StandInTypeError, StandInValueError
from chainrule.tape import Tracked
from chainrule.torch import dtypes
from chainrule.torch.size import Size

__all__ = ["DTYPES", "array_of", "from_user"]

DTYPES = {kind.numpy: kind for kind in dtypes.ALL}


def from_user(given: Sequence[Any], kind: dtypes.dtype) -> Any:
    """The array that ``Tensor(…)`` or ``FloatTensor(…)`` makes: of these sizes, or with these numbers."""
    if all([type(size) is int for size in given]):
        return np.zeros(tuple(given) if given else (0,), kind.numpy)
    (data,) = given
    if isinstance(data, Size):
        return np.zeros(tuple(data), kind.numpy)
    if isinstance(data, float):
        raise StandInTypeError("new(): data must be a sequence (got float)\nWrite torch.tensor(2.0) for one number.")
    return array_of(data).astype(kind.numpy)


def array_of(data: Any) -> Any:
    """A fresh array of the numbers in nested sequences, an array or a tensor; Python floats have the default dtype."""
    if isinstance(data, Tracked):
        return data.value.copy()
    if isinstance(data, np.ndarray | np.generic):
        array = np.array(data)
    else:
        if isinstance(data, str):
            raise StandInTypeError("new(): invalid data type 'str'\nA tensor is made of numbers.")
        check_nested(data)
        refuse_others(data, top=True)
        nested = unwrapped(data)
        try:
            array = np.array(nested)
            if holds_array(nested):
                array = array.astype(inferred(data).numpy)
        except (ValueError, TypeError) as problem:
            raise StandInValueError(f"{problem}\nGive rows of one length.") from None
        if array.dtype.kind in "fc" and not holds_array(nested):
            default = dtypes.get_default_dtype()
            array = array.astype(default.numpy if array.dtype.kind == "f" else default.to_complex().numpy)
        elif array.size == 0 and array.dtype == np.float64:
            array = array.astype(dtypes.get_default_dtype().numpy)
    if array.dtype not in DTYPES:
        if array.dtype.kind == "O":
            raise StandInRuntimeError(f"Could not infer dtype of {type(data).__name__}\nA tensor is made of numbers.")
        raise StandInTypeError(
            f"can't convert np.ndarray of type numpy.{array.dtype}. The only supported types are: float64, float32, "
            "float16, "
            "complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool."
        )
    return array


def unwrapped(data: Any) -> Any:
    """Nested lists with the arrays of the tensors in them."""
    if isinstance(data, Tracked):
        return data.value
    return [unwrapped(item) for item in data] if isinstance(data, list | tuple | range) else data


def refuse_others(data: Any, top: bool = False) -> None:
    """Raise what PyTorch raises for what is no number, somewhere in nested lists."""
    if isinstance(data, list | tuple):
        for item in data:
            refuse_others(item)
    elif isinstance(data, str) and not top:
        raise StandInTypeError("new(): invalid data type 'str'\nA tensor is made of numbers, not of text.")
    elif not isinstance(data, bool | int | float | complex | np.ndarray | np.generic | Tracked | range):
        raise StandInRuntimeError(f"Could not infer dtype of {type(data).__name__}\nA tensor is made of numbers.")


def holds_array(data: Any) -> bool:
    """Whether arrays or NumPy's numbers stand in nested lists: they have dtypes of their own."""
    if isinstance(data, list):
        return any([holds_array(item) for item in data])
    return isinstance(data, np.ndarray | np.generic)


def inferred(data: Any) -> dtypes.dtype:
    """The common dtype of what stands in nested lists; Python's floats have the default one."""
    if isinstance(data, list | tuple) and data:
        kind = inferred(data[0])
        for item in data[1:]:
            kind = dtypes.promote_types(kind, inferred(item))
        return kind
    if isinstance(data, Tracked):
        data = data.value
    if isinstance(data, np.ndarray | np.generic):
        return dtypes.from_numpy(data.dtype)
    return dtypes.result_type(data) if isinstance(data, bool | int | float | complex) else dtypes.get_default_dtype()


def check_nested(data: Any, depth: int = 0) -> None:
    """Raise what PyTorch raises for sequences that are not regular."""
    if not isinstance(data, list | tuple) or not data:
        if data is None:
            raise StandInRuntimeError("Could not infer dtype of NoneType\nA tensor is made of numbers; None is none.")
        return
    lengths = [len(item) if isinstance(item, list | tuple) else None for item in data]
    if isinstance(data[0], str):
        raise StandInValueError("too many dimensions 'str'\nA tensor is made of numbers, not of text.")
    for length in lengths[1:]:
        if length != lengths[0]:
            if length is None or lengths[0] is None:
                culprit = type(data[lengths.index(length)]).__name__
                if lengths[0] is None:
                    if isinstance(data[0], Tracked):
                        return
                    raise StandInTypeError(
                        f"{culprit!r} object cannot be interpreted as an integer\nNumbers and lists stand side by side."
                    )
                raise StandInTypeError(f"expected sequence object but got {culprit}\nGive rows of one length.")
            raise StandInValueError(
                f"expected sequence of length {lengths[0]} at dim {depth + 1} (got {length})\nGive rows of one length."
            )
    for item in data:
        if isinstance(item, list | tuple):
            check_nested(item, depth + 1)
