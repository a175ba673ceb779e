"""Reading and writing ``x[index]``, with what PyTorch refuses refused."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import (
    ChainruleError,
    GradientError,
    StandInIndexError,
    StandInRuntimeError,
    StandInTypeError,
    StandInValueError,
)
from chainrule.ops.index import getitem
from chainrule.ops.region import parse_index
from chainrule.overwriting import write_at
from chainrule.tensor import Tensor as CoreTensor
from chainrule.torch.messages import listed, reworded
from chainrule.torch.recording import apply

__all__ = ["get_item", "set_item"]


def checked_index(index: Any) -> Any:
    """An index, with what PyTorch refuses refused."""
    for entry in index if type(index) is tuple else (index,):
        if isinstance(entry, float):
            raise StandInIndexError(
                "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
                "(got float)"
                f"\nGiven {entry}: write a whole number."
            )
        if isinstance(entry, slice) and entry.step is not None and int(entry.step) <= 0:
            raise StandInValueError("step must be greater than zero\nTo reverse a tensor: x.flip(0).")
        if isinstance(entry, CoreTensor) and entry.value.dtype.kind == "f":
            raise StandInIndexError(
                "tensors used as indices must be long, int, byte or bool tensors\n"
                f"This one is {entry.dtype}: use x.long()."
            )
        if isinstance(entry, str):
            raise StandInTypeError("new(): invalid data type 'str'\nAn index is made of whole numbers, slices, masks.")
    return index


def get_item(self: Any, index: Any) -> Any:
    """``self[index]``: a view of the same memory where there is one, also of a single number."""
    if type(index) is int:  # one item of many is a view; a single number as well, so that it can be written to
        template: Any = (("int", index),)
        arrays: Any = ()
    else:
        template, arrays = parse_index(checked_index(index))
    if not self.value.ndim and template and template[0][0] == "int":
        raise StandInIndexError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a "
            "0-dim tensor to a number"
        )
    if len(template) == self.value.ndim and not arrays:
        template = (*template, ("ellipsis",)) if ("ellipsis",) not in template else template
    return apply(getitem, (self, *arrays), {"index": template})


def set_item(self: Any, index: Any, value: Any) -> None:
    """``self[index] = value``, recorded."""
    index = checked_index(index)
    try:
        if isinstance(value, CoreTensor) and value.value.dtype.kind == "f" != self.value.dtype.kind:
            value = value.detach()
        write_at(self, index, value)
    except GradientError as problem:
        text = str(problem)
        raise StandInRuntimeError(f"a view of {text}" if text.startswith("a leaf") else text) from None
    except ChainruleError as problem:
        raise unfit(self, index, value, problem) from None
    except IndexError as problem:
        raise reworded(problem) from None


def unfit(self: Any, index: Any, value: Any, problem: Exception) -> Exception:
    """Why a value cannot be assigned to ``self[index]``."""
    given = np.shape(getattr(value, "value", value))
    with_index = parse_index(index)
    place = getitem.forward(self.value, *with_index[1], index=with_index[0]).shape
    if np.size(getattr(value, "value", value)) and given != place:
        if with_index[1]:
            return StandInRuntimeError(
                f"shape mismatch: value tensor of shape {listed(given)} cannot be broadcast to indexing result of "
                "shape "
                f"{listed(place)}"
            )
        for axis in reversed(range(min(len(given), len(place)))):
            have, want = given[len(given) - len(place) + axis] if len(given) >= len(place) else 1, place[axis]
            if have not in (1, want):
                return StandInRuntimeError(
                    f"The expanded size of the tensor ({want}) must match the existing size ({have}) at non-singleton "
                    f"dimension {axis}.  Target sizes: {listed(place)}.  Tensor sizes: {listed(given)}"
                )
    return reworded(problem)
