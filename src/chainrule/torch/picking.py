"""Functions that pick elements by their positions, write to positions, and take triangles and diagonals."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import StandInIndexError, StandInRuntimeError
from chainrule.op import OPERATIONS, REGISTRY
from chainrule.torch.graph import shown_as
from chainrule.torch.joining import narrow
from chainrule.torch.messages import listed
from chainrule.torch.operators import cast, in_place
from chainrule.torch.recording import apply, position_of
from chainrule.torch.shaping import FULL, expand, reshape, unsqueeze
from chainrule.torch.tensors import Tensor, methods
from chainrule.torch.through import through

__all__ = ["FUNCTIONS", "gather"]

getitem, overwriting, scattering = (OPERATIONS[name] for name in ("getitem", "overwrite", "scatter_add"))
take_along_axis = OPERATIONS["take_along_axis"]


def _positions(index: Any, function: str) -> Any:
    if not isinstance(index, Tensor) or index.value.dtype.kind not in "iu":
        found = index.dtype.scalar_name if isinstance(index, Tensor) else type(index).__name__
        raise StandInRuntimeError(
            f"{function}(): Expected dtype int32/int64 for index\nGiven {found}: x.long() makes whole numbers."
        )
    return index.value


def gather(input: Any, dim: int, index: Any) -> Any:
    """``out[i, j] = input[index[i, j], j]`` (for dimension 0)."""
    at = position_of(dim, input.value.ndim)
    positions = _positions(index, "gather")
    size = input.value.shape[at] if input.value.ndim else 1
    if positions.ndim != input.value.ndim:
        raise StandInRuntimeError("Index tensor must have the same number of dimensions as input tensor")
    for axis, (many, have) in enumerate(zip(positions.shape, input.value.shape, strict=True)):
        if axis != at and many > have:
            raise StandInRuntimeError(
                f"Size does not match at dimension {axis} expected index {listed(positions.shape)} to be no larger "
                "than self "
                f"{listed(input.value.shape)} apart from dimension {at}"
            )
    for worst in (positions.max(initial=0), positions.min(initial=0)):
        if not 0 <= worst < size and positions.size:
            raise StandInRuntimeError(f"index {worst} is out of bounds for dimension {at} with size {size}")
    trimmed = input
    for axis, many in enumerate(positions.shape):
        if axis != at and many != input.value.shape[axis]:
            trimmed = narrow(trimmed, axis, 0, many)
    return apply(take_along_axis, (trimmed, positions), {"axis": at})


def take(input: Any, index: Any) -> Any:
    """The elements at positions counted in order over all dimensions."""
    return apply(getitem, (reshape(input, (-1,)), _positions(index, "take")), {"index": (("array",),)})


@shown_as("IndexSelectBackward0")
def index_select(input: Any, dim: int, index: Any) -> Any:
    """The items at these positions along a dimension."""
    at = position_of(dim, input.value.ndim)
    positions = _positions(index, "index_select").reshape(-1)
    size = input.value.shape[at]
    if positions.size and not 0 <= positions.min() <= positions.max() < size:
        raise StandInIndexError(f"index out of range in self\nThe positions go from 0 to {size - 1}.")
    return apply(getitem, (input, positions), {"index": (*[FULL] * at, ("array",))})


@shown_as("MaskedSelectBackward0")
def masked_select(input: Any, mask: Any) -> Any:
    """The elements where the mask is true, in one dimension."""
    shape = np.broadcast_shapes(input.value.shape, mask.value.shape)
    return apply(getitem, (expand(input, shape), np.broadcast_to(mask.value, shape)), {"index": (("array",),)})


def _grid(index: Any, at: int, size: int) -> tuple[Any, ...]:
    """The positions that a scatter writes to: the index along ``at``, counting along the others."""
    for worst in (index.max(initial=0), index.min(initial=0)):
        if not 0 <= worst < size:
            raise StandInRuntimeError(f"index {worst} is out of bounds for dimension {at} with size {size}")
    places = list(np.ogrid[tuple([slice(size) for size in index.shape])]) if index.ndim else []
    places[at] = index
    return tuple(places)


def _source(input: Any, src: Any, index: Any) -> Any:
    """What a scatter writes, in the index's shape and the tensor's dtype."""
    if not isinstance(src, Tensor):
        return np.full(index.shape, src, input.value.dtype)
    for axis, size in enumerate(index.shape):
        if src.value.shape[axis] != size:
            src = narrow(src, axis, 0, size)
    return cast(src, input.dtype)


def scatter(input: Any, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: str | None = None) -> Any:
    """``out = input; out[index[i, j], j] = src[i, j]`` (for dimension 0)."""
    at = position_of(dim, input.value.ndim)
    positions = _positions(index, "scatter")
    source = _source(input, value if src is None else src, positions)
    if reduce == "add":
        return scatter_add_to(input, _grid(positions, at, input.value.shape[at]), source)
    if reduce is not None:
        raise StandInRuntimeError(f"scatter: reduce={reduce!r} is not offered\nThere is None and 'add'.")
    places = _grid(positions, at, input.value.shape[at])
    return apply(overwriting, (input, source, *places), {"index": (("array",),) * len(places)})


def scatter_add(input: Any, dim: int, index: Any, src: Any) -> Any:
    """``out = input; out[index[i, j], j] += src[i, j]`` (for dimension 0)."""
    at = position_of(dim, input.value.ndim)
    positions = _positions(index, "scatter_add")
    return scatter_add_to(input, _grid(positions, at, input.value.shape[at]), _source(input, src, positions))


def scatter_add_to(input: Any, places: tuple[Any, ...], source: Any) -> Any:
    """``input`` with ``source`` added at places, as often as each occurs."""
    if not isinstance(source, Tensor):
        source = Tensor(source, None)
    template = (("array",),) * len(places)
    added = apply(scattering, (source, *places), {"shape": input.value.shape, "index": template})
    return input + added


def index_add(input: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Any:
    """The tensor with items added at positions along a dimension."""
    at = position_of(dim, input.value.ndim)
    positions = _positions(index, "index_add")
    moved = source if alpha == 1 else source * alpha
    added = apply(scattering, (moved, positions), {"shape": input.value.shape, "index": (*[FULL] * at, ("array",))})
    return input + added


def index_copy(input: Any, dim: int, index: Any, source: Any) -> Any:
    """The tensor with items overwritten at positions along a dimension."""
    at = position_of(dim, input.value.ndim)
    positions = _positions(index, "index_copy")
    return apply(overwriting, (input, source, positions), {"index": (*[FULL] * at, ("array",))})


def index_fill(input: Any, dim: int, index: Any, value: Any) -> Any:
    """The tensor with one number at positions along a dimension."""
    at = position_of(dim, input.value.ndim)
    filling = np.asarray(getattr(value, "value", value), input.value.dtype)
    return apply(overwriting, (input, filling, _positions(index, "index_fill")), {"index": (*[FULL] * at, ("array",))})


def index_put(input: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    """The tensor with ``values`` at the places that index tensors name, written or added."""
    places = tuple([index.value for index in indices])
    if accumulate:
        return scatter_add_to(input, places, values)
    return apply(overwriting, (input, values, *places), {"index": (("array",),) * len(places)})


def tril(input: Any, diagonal: int = 0) -> Any:
    """The elements on and below a diagonal, 0 above."""
    return through("tril", np.tril, input, diagonal)


def triu(input: Any, diagonal: int = 0) -> Any:
    """The elements on and above a diagonal, 0 below."""
    return through("triu", np.triu, input, diagonal)


def diag(input: Any, diagonal: int = 0) -> Any:
    """The diagonal of a matrix, or the matrix with a vector on its diagonal."""
    return through("diag", np.diag, input, diagonal)


def diagonal(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """The diagonal of two dimensions, as the last one."""
    return REGISTRY[np.diagonal](input, offset, dim1, dim2)


def diag_embed(input: Any) -> Any:
    """Matrices with the last dimension on their diagonals."""
    size = input.value.shape[-1]
    return unsqueeze(input, -1) * Tensor(np.eye(size, dtype=input.value.dtype), None)


def nonzero(input: Any, *, as_tuple: bool = False) -> Any:
    """The positions of the elements that are not 0."""
    places = np.nonzero(input.value)
    return tuple([Tensor(place, None) for place in places]) if as_tuple else Tensor(np.argwhere(input.value), None)


def argwhere(input: Any) -> Any:
    """The positions of the elements that are not 0, a row each."""
    return Tensor(np.argwhere(input.value), None)


_METHODS = {
    name: globals()[name]
    for name in (
        "argwhere diag diagonal diag_embed gather index_add index_copy index_fill index_put index_select "
        "masked_select nonzero "
        "scatter scatter_add take tril triu"
    ).split()
}
FUNCTIONS: dict[str, Any] = _METHODS
methods(**_METHODS)
methods(
    **{
        f"{name}_": in_place(globals()[name])
        for name in "index_add index_copy index_fill index_put scatter scatter_add tril triu".split()
    }
)
