"""A tensor's printed form, character for character that of PyTorch 2.13.

>>> format_tensor(np.array([[1.0, 2.5], [3.0, -4.0]], np.float32), requires_grad=True)
'tensor([[ 1.0000,  2.5000],\\n        [ 3.0000, -4.0000]], requires_grad=True)'

All numbers of a tensor share one format: whole numbers end in a point, others have four decimals, and all are written
with an exponent where the largest is more than 1000 times the smallest or either is far from 1. The width is that of
the longest finite number other than zero. A large tensor shows its first and last three items along each axis.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import StandInTypeError
from chainrule.torch import dtypes

__all__ = ["format_item", "format_tensor", "get_printoptions", "printoptions", "set_printoptions"]


@dataclasses.dataclass
class _Options:
    """What ``set_printoptions`` sets."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_options = _Options()
_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Choose decimals, the size above which a tensor is abridged, how many items then stay, and the width of a line.

    What is None stays as it was, but ``sci_mode=None`` lets each tensor decide again whether it needs exponents.
    ``profile`` is "default", "short" or "full"; the other arguments go before it.
    """
    chosen = dict(_PROFILES.get(profile, {})) if profile is not None else {}
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    chosen |= {name: value for name, value in given.items() if value is not None}
    for name, value in chosen.items():
        setattr(_options, name, value)
    _options.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """The present options, as keyword arguments of ``set_printoptions``."""
    return dataclasses.asdict(_options)


@contextmanager
def printoptions(**changes: Any) -> Iterator[None]:
    """Other options for the statements of a ``with`` block; takes the arguments of ``set_printoptions``."""
    before = get_printoptions()
    set_printoptions(**changes)
    try:
        yield
    finally:
        set_printoptions(**before)


def format_tensor(
    array: NDArray[Any],
    dtype: dtypes.dtype | None = None,
    requires_grad: bool = False,
    grad_fn_name: str | None = None,
    prefix: str = "tensor(",
) -> str:
    """What ``repr`` and ``str`` of a tensor give: of its values, its dtype (by default the array's), and its history.

    >>> format_tensor(np.zeros((0, 3), np.float32)), format_tensor(np.float64(0.5))
    ('tensor([], size=(0, 3))', 'tensor(0.5000, dtype=torch.float64)')
    >>> format_tensor(np.array(2.0, np.float32), grad_fn_name="MulBackward0")
    'tensor(2., grad_fn=<MulBackward0>)'
    """
    array = np.asarray(array)
    kind = dtypes.from_numpy(array.dtype) if dtype is None else dtype
    indent = len(prefix)
    notes = []
    if array.size == 0:
        body = "[]"
        if array.ndim != 1:
            notes.append(f"size={array.shape}")
        if kind is not dtypes.get_default_dtype():
            notes.append(f"dtype={kind}")
    else:
        body = _body(array, indent)
        if not _options.edgeitems:
            notes.append(f"size={array.shape}")
        if kind not in _unspoken():
            notes.append(f"dtype={kind}")
    if grad_fn_name is not None:
        notes.append(f"grad_fn=<{grad_fn_name}>")
    elif requires_grad:
        notes.append("requires_grad=True")
    return _with_notes(prefix + body, notes, indent)


def format_item(array: NDArray[Any], specification: str, otherwise: str) -> str:
    """What ``format(tensor, specification)`` gives: the number of a tensor without axes, else the text ``otherwise``.

    >>> format_item(np.array(0.125, np.float32), ".1e", ""), format_item(np.ones(1), "", "tensor([1.])")
    ('1.2e-01', 'tensor([1.])')
    """
    if array.ndim == 0:
        return format(array.item(), specification)
    if specification:
        raise StandInTypeError(
            "unsupported format string passed to Tensor.__format__\n"
            f"Given {specification!r} for a tensor of shape {array.shape}; format its numbers one by one."
        )
    return otherwise


def _unspoken() -> set[dtypes.dtype]:
    """The dtypes that a reader expects and that are therefore not printed."""
    default = dtypes.get_default_dtype()
    default_complex = dtypes.complex128 if default is dtypes.float64 else dtypes.complex64
    return {default, default_complex, dtypes.int64, dtypes.bool_}


def _with_notes(text: str, notes: list[str], indent: int) -> str:
    """The text with its notes, each on the last line if that does not become too long, and the closing parenthesis."""
    length = len(text) - text.rfind("\n") + 1
    for note in notes:
        if length + len(note) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + note
            length = indent + len(note)
        else:
            text += ", " + note
            length += len(note) + 2
    return text + ")"


def _body(array: NDArray[Any], indent: int) -> str:
    """The numbers of a tensor that has some."""
    abridged = array.size > _options.threshold
    shown = _shown(array) if abridged else array
    if array.dtype.kind == "c":
        real, imaginary = _number_format(shown.real), _number_format(shown.imag)
        width = real.width + imaginary.width + 1

        def write(number: complex) -> str:
            text = imaginary.write(number.imag).lstrip()
            return real.write(number.real) + ("" if text[0] in "+-" else "+") + text + "j"
    else:
        plain = _number_format(shown)
        width, write = plain.width, plain.write
    return _nested(array, indent, abridged, width, write)


def _shown(array: NDArray[Any]) -> NDArray[Any]:
    """The items that an abridged tensor shows; they decide on the format."""
    edge = _options.edgeitems
    if array.ndim > 1 and not edge:
        return array[:0]
    for axis in range(array.ndim):
        length = array.shape[axis]
        if length > 2 * edge:
            ends = [*range(edge), *range(length - edge if edge else 0, length)]
            array = array.take(ends, axis=axis)
    return array


def _nested(array: NDArray[Any], indent: int, abridged: bool, width: int, write: Callable[[Any], str]) -> str:
    """Numbers, rows of numbers, blocks of rows and so on, each level in brackets and one place further in."""
    edge = _options.edgeitems
    if array.ndim == 0:
        return write(array.item())
    if array.ndim == 1:
        return _row(array, indent, abridged, width, write)
    if abridged and len(array) > 2 * edge:
        ends: list[Any] = [*array[:edge], None, *(array[-edge:] if edge else ())]
    else:
        ends = list(array)
    items = ["..." if item is None else _nested(item, indent + 1, abridged, width, write) for item in ends]
    return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(items) + "]"


def _row(array: NDArray[Any], indent: int, abridged: bool, width: int, write: Callable[[Any], str]) -> str:
    """One row, broken into lines of as many numbers as fit."""
    edge = _options.edgeitems
    if abridged and not edge:
        items = ["..."]
    elif abridged and len(array) > 2 * edge:
        items = [*map(write, array[:edge].tolist()), " ...", *map(write, array[-edge:].tolist())]
    else:
        items = list(map(write, array.tolist()))
    fitting = max(1, (_options.linewidth - indent) // (width + 2))
    lines = [", ".join(items[start : start + fitting]) for start in range(0, len(items), fitting)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


@dataclasses.dataclass(frozen=True)
class _NumberFormat:
    """How the numbers of one tensor are written: padded on the left to ``width``."""

    width: int
    plain: Callable[[Any], str]

    def write(self, number: Any) -> str:
        return self.plain(number).rjust(self.width)


def _number_format(numbers: NDArray[Any]) -> _NumberFormat:
    """The common format of real numbers."""
    if numbers.dtype.kind != "f":
        return _NumberFormat(max((len(str(number)) for number in numbers.ravel().tolist()), default=1), str)
    deciding = numbers[np.isfinite(numbers) & (numbers != 0)]
    if deciding.size == 0:
        return _NumberFormat(1, _whole)
    whole = bool(np.all(deciding == np.ceil(deciding)))
    if _needs_exponents(deciding) if _options.sci_mode is None else _options.sci_mode:
        plain: Callable[[Any], str] = f"{{:.{_options.precision}e}}".format
    elif whole:
        plain = _whole
    else:
        plain = f"{{:.{_options.precision}f}}".format
    return _NumberFormat(max(len(plain(number)) for number in deciding.tolist()), plain)


def _needs_exponents(numbers: NDArray[Any]) -> bool:
    """Whether finite numbers other than zero are too large, too small or too different for plain decimals."""
    sizes = np.abs(numbers).astype(np.float64)
    smallest, largest = float(sizes.min()), float(sizes.max())
    return largest / smallest > 1000.0 or largest > 1.0e8 or smallest < 1.0e-4


def _whole(number: float) -> str:
    """A whole number with the point that shows it as a float; infinity and nan without."""
    return f"{number:.0f}" + ("." if math.isfinite(number) else "")
