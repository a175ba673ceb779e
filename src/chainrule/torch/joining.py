"""Functions that put tensors together and cut them into pieces."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import StandInIndexError, StandInRuntimeError, StandInTypeError, StandInValueError
from chainrule.op import OPERATIONS
from chainrule.torch import dtypes
from chainrule.torch.messages import listed
from chainrule.torch.operators import cast
from chainrule.torch.recording import apply, position_of
from chainrule.torch.shaping import FULL, expand, reshape, transpose
from chainrule.torch.tensors import Tensor, methods
from chainrule.torch.through import through

__all__ = ["FUNCTIONS", "cat", "chunk", "narrow", "select", "stack"]

concatenation, getitem, stacking = (OPERATIONS[name] for name in ("concatenate", "getitem", "stack"))


def _tensors(tensors: Any, function: str) -> list[Any]:
    if isinstance(tensors, Tensor):
        name = function.removeprefix("torch.")
        raise StandInTypeError(
            f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor\n"
            f"Give a list: torch.{name}([a, b]); a tensor's own items: list(x)."
        )
    listed_ = list(tensors)
    if not listed_:
        if function == "stack":
            raise StandInRuntimeError("stack expects a non-empty TensorList\nGive one or more.")
        raise StandInValueError(f"{function}(): expected a non-empty list of Tensors\nGive one or more.")
    for position, tensor in enumerate(listed_):
        if not isinstance(tensor, Tensor):
            raise StandInTypeError(
                f"expected Tensor as element {position} in argument 0, but got {type(tensor).__name__}\n"
                "Make tensors of numbers first: torch.tensor(...)."
            )
    kind = listed_[0].dtype
    for tensor in listed_[1:]:
        kind = dtypes.promote_types(kind, tensor.dtype)
    return [cast(tensor, kind) for tensor in listed_]


def cat(tensors: Any, dim: int = 0, *, out: Any = None) -> Any:
    """Tensors one after the other along a dimension that they have."""
    parts = [part for part in _tensors(tensors, "torch.cat") if part.value.shape != (0,)] or _tensors(
        tensors, "torch.cat"
    )
    first = parts[0].value.shape
    if not first:
        raise StandInRuntimeError("zero-dimensional tensor (at position 0) cannot be concatenated\nUse torch.stack.")
    at = position_of(dim, len(first))
    for number, part in enumerate(parts[1:], 1):
        shape = part.value.shape
        if len(shape) != len(first):
            raise StandInRuntimeError(
                f"Tensors must have same number of dimensions: got {len(first)} and {len(shape)}\n"
                f"Shapes {listed(first)} and {listed(shape)}."
            )
        for axis, (size, other) in enumerate(zip(first, shape, strict=True)):
            if size != other and axis != at:
                raise StandInRuntimeError(
                    f"Sizes of tensors must match except in dimension {at}. Expected size {size} but got size "
                    f"{other} for "
                    f"tensor number {number} in the list.\nShapes {listed(first)} and {listed(shape)}."
                )
    return apply(concatenation, tuple(parts), {"axis": at})


def stack(tensors: Any, dim: int = 0, *, out: Any = None) -> Any:
    """Tensors of one shape one after the other along a new dimension."""
    parts = _tensors(tensors, "stack")
    first = parts[0].value.shape
    for number, part in enumerate(parts):
        if part.value.shape != first:
            raise StandInRuntimeError(
                f"stack expects each tensor to be equal size, but got {listed(first)} at entry 0 and "
                f"{listed(part.value.shape)} at entry {number}"
            )
    return apply(stacking, tuple(parts), {"axis": position_of(dim, len(first) + 1)})


def hstack(tensors: Any) -> Any:
    """Tensors side by side: along dimension 1, vectors along 0."""
    parts = [atleast_1d(part) for part in tensors]
    return cat(parts, 0 if parts[0].value.ndim == 1 else 1)


def vstack(tensors: Any) -> Any:
    """Tensors below each other, vectors as rows."""
    return cat([atleast_2d(part) for part in tensors], 0)


def dstack(tensors: Any) -> Any:
    """Tensors along dimension 2."""
    return through("dstack", np.dstack, list(tensors))


def column_stack(tensors: Any) -> Any:
    """Tensors side by side, vectors as columns."""
    return through("column_stack", np.column_stack, list(tensors))


def atleast_1d(input: Any) -> Any:
    """The tensor with at least one dimension."""
    return reshape(input, (1,)) if not input.value.ndim else input


def atleast_2d(input: Any) -> Any:
    """The tensor with at least two dimensions."""
    shape = input.value.shape
    return input if len(shape) > 1 else reshape(input, (1, shape[0] if shape else 1))


def narrow(input: Any, dim: int, start: int, length: int) -> Any:
    """``length`` items along a dimension, from ``start`` on."""
    if not input.value.ndim:
        raise StandInRuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    at = position_of(dim, input.value.ndim)
    index = (*[FULL] * at, ("slice", int(start), int(start) + int(length), None))
    return apply(getitem, (input,), {"index": index})


def split(input: Any, split_size_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """Pieces of one size (the last may be smaller), or of the sizes given."""
    if not input.value.ndim:
        raise StandInRuntimeError("split expects at least a 1-dimensional tensor")
    total = input.value.shape[position_of(dim, input.value.ndim)]
    if isinstance(split_size_or_sections, int):
        step = split_size_or_sections
        sizes = [min(step, total - start) for start in range(0, total, step)] if total else [0]
    else:
        sizes = [int(size) for size in split_size_or_sections]
        if sum(sizes) != total:
            raise StandInRuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {total} (input tensor's size at dimension "
                f"{dim}), "
                f"but got split_sizes={listed(sizes)}"
            )
    starts = np.cumsum([0, *sizes])
    return tuple([narrow(input, dim, int(start), size) for start, size in zip(starts, sizes, strict=False)])


def chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """So many pieces, or fewer, of equal size but the last."""
    if not input.value.ndim:
        raise StandInRuntimeError("chunk expects at least a 1-dimensional tensor")
    total = input.value.shape[position_of(dim, input.value.ndim)]
    return split(input, max(1, -(-total // chunks)), dim)


def tensor_split(input: Any, indices_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """So many pieces, the first ones larger by one where it does not go up; or cut at these positions."""
    pieces: tuple[Any, ...] = through("tensor_split", np.array_split, input, indices_or_sections, axis=dim)
    return pieces


def select(input: Any, dim: int, index: int) -> Any:
    """One item along a dimension."""
    if not input.value.ndim:
        raise StandInIndexError("select() cannot be applied to a 0-dim tensor.")
    at = position_of(dim, input.value.ndim)
    return apply(getitem, (input,), {"index": (*[FULL] * at, ("int", int(index)), ("ellipsis",))})


def unbind(input: Any, dim: int = 0) -> tuple[Any, ...]:
    """All items along a dimension."""
    if not input.value.ndim:
        raise StandInIndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return tuple(
        [select(input, dim, number) for number in range(input.value.shape[position_of(dim, input.value.ndim)])]
    )


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Any, ...]:
    """Each vector along a dimension of its own, expanded to the common shape."""
    parts = list(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], tuple | list) else list(tensors)
    shape = tuple([part.value.size for part in parts])
    made = []
    for at, part in enumerate(parts):
        made.append(expand(reshape(part, (1,) * at + (-1,) + (1,) * (len(parts) - at - 1)), shape))
    return tuple([transpose(part, 0, 1) for part in made] if indexing == "xy" and len(parts) > 1 else made)


def cartesian_prod(*tensors: Any) -> Any:
    """All combinations of elements, a row each."""
    return stack([reshape(part, (-1,)) for part in meshgrid(*tensors)], 1)


_METHODS = {name: globals()[name] for name in "chunk narrow select split tensor_split unbind".split()}
FUNCTIONS: dict[str, Any] = _METHODS | {
    name: globals()[name]
    for name in "atleast_1d atleast_2d cartesian_prod cat column_stack dstack hstack meshgrid stack vstack".split()
}
FUNCTIONS |= {"concat": cat, "concatenate": cat}
methods(**_METHODS)
