"""The options that many of NumPy's functions share, brought to a form that can be a key; and those that are refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import AssignmentError

__all__ = [
    "UNSET",
    "Axes",
    "are_known",
    "conjugated",
    "is_complex",
    "is_deferred",
    "is_tracked",
    "plain",
    "plain_axis",
    "plain_keepdims",
    "refuse_out",
    "shape_of",
    "squared_modulus",
]

UNSET = np._NoValue  # what NumPy's own signatures have for an option that is not given
Axes = int | Sequence[int] | None


def plain(value: Any) -> Any:
    """The array of a tensor; anything else as it is."""
    return getattr(value, "value", value)


def is_tracked(value: Any) -> bool:
    """Whether operations on a value are recorded."""
    return hasattr(type(value), "__chainrule_record__")


def is_complex(value: Any) -> bool:
    """Whether an array, a tensor or a number is complex."""
    array = getattr(value, "value", value)
    return isinstance(array, complex) if not hasattr(array, "dtype") else bool(array.dtype.kind == "c")


def conjugated(value: Any) -> Any:
    """The conjugates of complex numbers; real ones as they are."""
    return np.conjugate(value) if is_complex(value) else value


def squared_modulus(value: Any) -> Any:
    """|z|², of real numbers the square."""
    return np.real(value * np.conjugate(value)) if is_complex(value) else np.square(value)


def is_deferred(array: Any) -> bool:
    """Whether the numbers of an array come later, in a recording that takes none for granted."""
    recording = getattr(array, "recording", None)
    return recording is not None and not recording.bakes and not array.is_measured


def are_known(array: Any) -> bool:
    """Whether the numbers of a plain array are there: not in a recording."""
    return isinstance(array, np.ndarray | np.generic)


def shape_of(value: Any) -> tuple[int, ...]:
    """The shape of an array, a tensor, a number or nested lists."""
    shape: tuple[int, ...] | None = getattr(value, "shape", None)
    return np.shape(value) if shape is None else tuple(shape)


def plain_axis(axis: Axes) -> int | tuple[int, ...] | None:
    """An axis or axes as NumPy takes them, in a form that can be a key."""
    if axis is None or type(axis) is int:
        return axis
    if isinstance(axis, tuple | list):
        return tuple([int(k) for k in axis])
    return int(axis)  # type: ignore[arg-type]  # an integer of NumPy's


def plain_keepdims(keepdims: Any) -> bool:
    """The option ``keepdims``, False where it is not given."""
    return keepdims is not UNSET and bool(keepdims)


def refuse_out(name: str, out: Any) -> None:
    """Refuse an array to write the result into."""
    if any([target is not None for target in (out if isinstance(out, tuple) else (out,))]):
        raise AssignmentError(
            f"{name}(..., out=...): a result that is tracked cannot be written into an array that already exists, "
            f"which would forget where it came from. Leave `out` out and use what {name} returns."
        )
