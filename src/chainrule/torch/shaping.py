"""Functions that move elements: shapes, order of dimensions, joining, splitting, picking, scattering."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from chainrule.errors import StandInIndexError, StandInRuntimeError, StandInTypeError
from chainrule.op import OPERATIONS, REGISTRY
from chainrule.ops import elementwise as e
from chainrule.torch import dtypes
from chainrule.torch.messages import listed, wrong_dimension
from chainrule.torch.pointwise import tensor_of
from chainrule.torch.size import Size
from chainrule.torch.tensor import Tensor, apply, cast, in_place, methods, position_of, through

__all__ = ["FUNCTIONS", "sizes_of"]

FULL = ("slice", None, None, None)
getitem, overwrite, scatter_add = (OPERATIONS[name] for name in ("getitem", "overwrite", "scatter_add"))
concatenation, stacking, repetition = (OPERATIONS[name] for name in ("concatenate", "stack", "tile"))
reshaping, permutation, expansion = (OPERATIONS[name] for name in ("reshape", "transpose", "broadcast_to"))
take_along_axis = OPERATIONS["take_along_axis"]


def sizes_of(given: Sequence[Any]) -> tuple[int, ...]:
    """Sizes given one by one, or as one sequence."""
    if len(given) == 1 and isinstance(given[0], tuple | list):
        given = given[0]
    return tuple([int(size) for size in given])


# --- shapes ---


def reshape(input: Any, *shape: Any) -> Any:
    """The elements in another shape; one size may be -1."""
    sizes = sizes_of(shape)
    count = input.value.size
    known = prod([size for size in sizes if size != -1])
    if sizes.count(-1) > 1:
        raise StandInRuntimeError("only one dimension can be inferred\nWrite -1 at most once.")
    if (count % known if known else count) if -1 in sizes else known != count:
        raise StandInRuntimeError(
            f"shape '{listed(sizes)}' is invalid for input of size {count}\n"
            f"The tensor has shape {listed(input.value.shape)}, so {count} elements."
        )
    return apply(reshaping, (input,), {"shape": sizes})


def view(input: Any, *shape: Any) -> Any:
    """The same memory in another shape; an error where that is not possible. ``view(dtype)`` is not offered."""
    if len(shape) == 1 and isinstance(shape[0], dtypes.dtype):
        raise StandInTypeError("view(dtype) is not offered\nTo convert numbers: x.to(dtype).")
    result = reshape(input, *shape)
    if input.value.size and not np.may_share_memory(result.value, input.value):
        raise StandInRuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            "contiguous subspaces). Use .reshape(...) instead."
        )
    return result


def view_as(input: Any, other: Any) -> Any:
    """The same memory in the shape of another tensor."""
    return view(input, other.value.shape)


def reshape_as(input: Any, other: Any) -> Any:
    """The elements in the shape of another tensor."""
    return reshape(input, other.value.shape)


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """The dimensions from ``start_dim`` to ``end_dim`` as one."""
    shape = tensor_of(input, "flatten").value.shape
    if not shape:
        return reshape(input, (1,))
    first, last = position_of(start_dim, len(shape)), position_of(end_dim, len(shape))
    if first > last:
        raise StandInRuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    return input if first == last else reshape(input, (*shape[:first], prod(shape[first : last + 1]), *shape[last + 1 :]))


def ravel(input: Any) -> Any:
    """All elements in one dimension."""
    return reshape(input, (-1,))


def unflatten(input: Any, dim: int, sizes: Any) -> Any:
    """One dimension as several."""
    shape = input.value.shape
    at = position_of(dim, len(shape))
    sizes = list(sizes)
    if -1 in sizes:
        rest = prod([size for size in sizes if size != -1])
        sizes[sizes.index(-1)] = shape[at] // rest if rest else 0
    if prod(sizes) != shape[at]:
        raise StandInRuntimeError(
            f"unflatten: Provided sizes {listed(sizes)} don't multiply up to the size of dim {at} ({shape[at]}) in the input "
            "tensor"
        )
    return reshape(input, (*shape[:at], *sizes, *shape[at + 1 :]))


def squeeze(input: Any, dim: Any = None) -> Any:
    """The tensor without its dimensions of size 1, or without those named that have it."""
    shape = tensor_of(input, "squeeze").value.shape
    chosen = range(len(shape)) if dim is None else [position_of(each, len(shape)) for each in _several(dim)]
    kept = tuple([size for at, size in enumerate(shape) if size != 1 or at not in chosen])
    return apply(reshaping, (input,), {"shape": kept})


def unsqueeze(input: Any, dim: int) -> Any:
    """The tensor with one more dimension of size 1."""
    shape = tensor_of(input, "unsqueeze").value.shape
    if not -len(shape) - 1 <= dim <= len(shape):
        raise wrong_dimension(dim, len(shape) + 1)
    at = dim % (len(shape) + 1)
    return apply(reshaping, (input,), {"shape": (*shape[:at], 1, *shape[at:])})


def _several(dim: Any) -> tuple[int, ...]:
    return tuple(dim) if isinstance(dim, tuple | list) else (dim,)


def expand(input: Any, *sizes: Any) -> Any:
    """The tensor repeated along dimensions of size 1, without copying; -1 leaves a size as it is."""
    shape = input.value.shape
    target = sizes_of(sizes)
    ahead = len(target) - len(shape)
    if ahead < 0:
        raise StandInRuntimeError(
            f"expand({input.type()}{{{listed(shape)}}}, size={listed(target)}): the number of sizes provided ({len(target)}) "
            f"must be greater or equal to the number of dimensions in the tensor ({len(shape)})"
        )
    full = list(target)
    for at in reversed(range(len(target))):
        size = target[at]
        have = shape[at - ahead] if at >= ahead else 1
        if size == -1:
            size = have
        elif have not in (1, size):
            raise StandInRuntimeError(
                f"The expanded size of the tensor ({size}) must match the existing size ({have}) at non-singleton dimension "
                f"{at}.  Target sizes: {listed(target)}.  Tensor sizes: {listed(shape)}"
            )
        full[at] = size
    return apply(expansion, (input,), {"shape": tuple(full)})


def expand_as(input: Any, other: Any) -> Any:
    """The tensor repeated to the shape of another."""
    return expand(input, other.value.shape)


def broadcast_tensors(*tensors: Any) -> tuple[Any, ...]:
    """The tensors, each expanded to their common shape."""
    shape = broadcast_shapes(*[tensor.value.shape for tensor in tensors])
    return tuple([expand(tensor, shape) for tensor in tensors])


def broadcast_shapes(*shapes: Any) -> Any:
    """The common shape that these broadcast to."""
    try:
        return Size(np.broadcast_shapes(*shapes))
    except ValueError:
        raise StandInRuntimeError(
            "Shape mismatch: objects cannot be broadcast to a single shape\n"
            f"Given {', '.join(listed(shape) for shape in shapes)}."
        ) from None


# --- order of dimensions ---


def t(input: Any) -> Any:
    """The transposed matrix; a vector stays as it is."""
    if input.value.ndim > 2:
        raise StandInRuntimeError(
            f"t() expects a tensor with <= 2 dimensions, but self is {input.value.ndim}D\nUse x.mT or x.transpose(0, 1)."
        )
    return apply(permutation, (input,))


def transpose(input: Any, dim0: int, dim1: int) -> Any:
    """Two dimensions exchanged."""
    rank = input.value.ndim
    order = list(range(rank))
    first, second = position_of(dim0, rank), position_of(dim1, rank)
    if rank:
        order[first], order[second] = order[second], order[first]
    return apply(permutation, (input,), {"axes": tuple(order)})


def permute(input: Any, *dims: Any) -> Any:
    """The dimensions in another order."""
    order = sizes_of(dims)
    rank = input.value.ndim
    if len(order) != rank:
        raise StandInRuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering "
            f"of dimensions i.e. input.dim() = {rank} is not equal to len(dims) = {len(order)}"
        )
    places = tuple([position_of(dim, rank) for dim in order])
    if len(set(places)) != rank:
        raise StandInRuntimeError("permute(): duplicate dims are not allowed.")
    return apply(permutation, (input,), {"axes": places})


def movedim(input: Any, source: Any, destination: Any) -> Any:
    """Dimensions moved to other places; the rest keep their order."""
    return REGISTRY[np.moveaxis](input, source, destination)


def adjoint(input: Any) -> Any:
    """The last two dimensions exchanged."""
    return transpose(input, -2, -1)


# --- repetition ---


def repeat(input: Any, *sizes: Any) -> Any:
    """The tensor so many times along each dimension."""
    counts = sizes_of(sizes)
    if len(counts) < input.value.ndim:
        raise StandInRuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor\n"
            f"Given {listed(counts)} for shape {listed(input.value.shape)}."
        )
    return apply(repetition, (input,), {"reps": counts})


def tile(input: Any, *dims: Any) -> Any:
    """The tensor so many times along its last dimensions."""
    return apply(repetition, (input,), {"reps": sizes_of(dims)})


def repeat_interleave(input: Any, repeats: Any, dim: int | None = None) -> Any:
    """Each element (or each item along ``dim``) so many times in a row."""
    return through("repeat_interleave", np.repeat, input, getattr(repeats, "value", repeats), axis=dim)


def roll(input: Any, shifts: Any, dims: Any = None) -> Any:
    """The elements shifted, those beyond the end coming in at the start."""
    return through("roll", np.roll, input, shifts, axis=dims)


def flip(input: Any, *dims: Any) -> Any:
    """The elements in reverse along dimensions."""
    return through("flip", np.flip, input, axis=sizes_of(dims))


def fliplr(input: Any) -> Any:
    """The columns in reverse."""
    return flip(input, 1)


def flipud(input: Any) -> Any:
    """The rows in reverse."""
    return flip(input, 0)


def rot90(input: Any, k: int = 1, dims: Any = (0, 1)) -> Any:
    """The plane of two dimensions turned by right angles."""
    return through("rot90", np.rot90, input, k, tuple(dims))


# --- joining and splitting ---


def _tensors(tensors: Any, function: str) -> list[Any]:
    if isinstance(tensors, Tensor):
        return list(tensors)
    listed_ = list(tensors)
    if not listed_:
        raise StandInRuntimeError(f"{function}(): expected a non-empty list of Tensors\nGive one or more.")
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
    parts = [part for part in _tensors(tensors, "torch.cat") if part.value.shape != (0,)] or _tensors(tensors, "torch.cat")
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
                    f"Sizes of tensors must match except in dimension {at}. Expected size {size} but got size {other} for "
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
    at = position_of(dim, input.value.ndim)
    index = (*[FULL] * at, ("slice", int(start), int(start) + int(length), None))
    return apply(getitem, (input,), {"index": index})


def split(input: Any, split_size_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """Pieces of one size (the last may be smaller), or of the sizes given."""
    total = input.value.shape[position_of(dim, input.value.ndim)]
    if isinstance(split_size_or_sections, int):
        step = split_size_or_sections
        sizes = [min(step, total - start) for start in range(0, total, step)] if total else [0]
    else:
        sizes = [int(size) for size in split_size_or_sections]
        if sum(sizes) != total:
            raise StandInRuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {total} (input tensor's size at dimension {dim}), "
                f"but got split_sizes={listed(sizes)}"
            )
    starts = np.cumsum([0, *sizes])
    return tuple([narrow(input, dim, int(start), size) for start, size in zip(starts, sizes, strict=False)])


def chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """So many pieces, or fewer, of equal size but the last."""
    total = input.value.shape[position_of(dim, input.value.ndim)]
    return split(input, max(1, -(-total // chunks)), dim)


def tensor_split(input: Any, indices_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """So many pieces, the first ones larger by one where it does not go up; or cut at these positions."""
    return through("tensor_split", np.array_split, input, indices_or_sections, axis=dim)


def select(input: Any, dim: int, index: int) -> Any:
    """One item along a dimension."""
    at = position_of(dim, input.value.ndim)
    return apply(getitem, (input,), {"index": (*[FULL] * at, ("int", int(index)), ("ellipsis",))})


def unbind(input: Any, dim: int = 0) -> tuple[Any, ...]:
    """All items along a dimension."""
    return tuple([select(input, dim, number) for number in range(input.value.shape[position_of(dim, input.value.ndim)])])


# --- picking and scattering ---


def _positions(index: Any, function: str) -> Any:
    if not isinstance(index, Tensor) or index.value.dtype.kind not in "iu":
        found = index.dtype.scalar_name if isinstance(index, Tensor) else type(index).__name__
        raise StandInRuntimeError(
            f"{function}(): Expected dtype int32/int64 for index, but got {found}\nWrite x.long(), or torch.tensor([0, 1])."
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
                f"Size does not match at dimension {axis} expected index {listed(positions.shape)} to be no larger than self "
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


def index_select(input: Any, dim: int, index: Any) -> Any:
    """The items at these positions along a dimension."""
    at = position_of(dim, input.value.ndim)
    positions = _positions(index, "index_select").reshape(-1)
    size = input.value.shape[at]
    if positions.size and not 0 <= positions.min() <= positions.max() < size:
        raise StandInIndexError("index out of range in self\n" f"The positions go from 0 to {size - 1}.")
    return apply(getitem, (input, positions), {"index": (*[FULL] * at, ("array",))})


def masked_select(input: Any, mask: Any) -> Any:
    """The elements where the mask is true, in one dimension."""
    shape = np.broadcast_shapes(input.value.shape, mask.value.shape)
    return apply(
        getitem, (expand(input, shape), np.broadcast_to(mask.value, shape)), {"index": (("array",),)}
    )


def _grid(index: Any, at: int) -> tuple[Any, ...]:
    """The positions that a scatter writes to: the index along ``at``, counting along the others."""
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
        return scatter_add_to(input, _grid(positions, at), source)
    if reduce is not None:
        raise StandInRuntimeError(f"scatter: reduce={reduce!r} is not offered\nThere is None and 'add'.")
    places = _grid(positions, at)
    return apply(overwrite, (input, source, *places), {"index": (("array",),) * len(places)})


def scatter_add(input: Any, dim: int, index: Any, src: Any) -> Any:
    """``out = input; out[index[i, j], j] += src[i, j]`` (for dimension 0)."""
    at = position_of(dim, input.value.ndim)
    positions = _positions(index, "scatter_add")
    return scatter_add_to(input, _grid(positions, at), _source(input, src, positions))


def scatter_add_to(input: Any, places: tuple[Any, ...], source: Any) -> Any:
    """``input`` with ``source`` added at places, as often as each occurs."""
    if not isinstance(source, Tensor):
        source = Tensor(source, None)
    template = (("array",),) * len(places)
    added = apply(scatter_add, (source, *places), {"shape": input.value.shape, "index": template})
    return input + added


def index_add(input: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Any:
    """The tensor with items added at positions along a dimension."""
    at = position_of(dim, input.value.ndim)
    positions = _positions(index, "index_add")
    moved = source if alpha == 1 else source * alpha
    added = apply(
        scatter_add, (moved, positions), {"shape": input.value.shape, "index": (*[FULL] * at, ("array",))}
    )
    return input + added


def index_copy(input: Any, dim: int, index: Any, source: Any) -> Any:
    """The tensor with items overwritten at positions along a dimension."""
    at = position_of(dim, input.value.ndim)
    positions = _positions(index, "index_copy")
    return apply(overwrite, (input, source, positions), {"index": (*[FULL] * at, ("array",))})


def index_fill(input: Any, dim: int, index: Any, value: Any) -> Any:
    """The tensor with one number at positions along a dimension."""
    at = position_of(dim, input.value.ndim)
    filling = np.asarray(getattr(value, "value", value), input.value.dtype)
    return apply(overwrite, (input, filling, _positions(index, "index_fill")), {"index": (*[FULL] * at, ("array",))})


def index_put(input: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    """The tensor with ``values`` at the places that index tensors name, written or added."""
    places = tuple([index.value for index in indices])
    if accumulate:
        return scatter_add_to(input, places, values)
    return apply(overwrite, (input, values, *places), {"index": (("array",),) * len(places)})


# --- triangles and diagonals ---


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


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Any, ...]:
    """Each vector along a dimension of its own, expanded to the common shape."""
    parts = list(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], tuple | list) else list(tensors)
    if indexing == "xy" and len(parts) > 1:
        parts[0], parts[1] = parts[1], parts[0]
    shape = tuple([part.value.size for part in parts])
    made = []
    for at, part in enumerate(parts):
        made.append(expand(reshape(part, (1,) * at + (-1,) + (1,) * (len(parts) - at - 1)), shape))
    if indexing == "xy" and len(parts) > 1:
        made = [transpose(part, 0, 1) for part in made]
        made[0], made[1] = made[1], made[0]
    return tuple(made)


def cartesian_prod(*tensors: Any) -> Any:
    """All combinations of elements, a row each."""
    return stack([reshape(part, (-1,)) for part in meshgrid(*tensors)], 1)


def clone(input: Any, *, memory_format: Any = None) -> Any:
    """A copy through which gradients flow."""
    return apply(e.clone, (input,))



_METHODS = {
    name: globals()[name]
    for name in (
        "adjoint argwhere chunk clone diag diagonal diag_embed expand expand_as flatten flip fliplr flipud gather index_add "
        "index_copy index_fill index_put index_select masked_select movedim narrow nonzero permute ravel "
        "repeat_interleave reshape roll rot90 scatter scatter_add select split squeeze t take tensor_split tile "
        "transpose tril triu unbind unflatten unsqueeze"
    ).split()
}
_METHODS |= {"moveaxis": movedim, "swapaxes": transpose, "swapdims": transpose}
FUNCTIONS: dict[str, Any] = _METHODS | {
    name: globals()[name]
    for name in (
        "atleast_1d atleast_2d broadcast_shapes broadcast_tensors cartesian_prod cat column_stack dstack hstack meshgrid "
        "stack vstack"
    ).split()
}
FUNCTIONS |= {"concat": cat, "concatenate": cat, "broadcast_to": expand}
del FUNCTIONS["expand"], FUNCTIONS["expand_as"]

methods(**_METHODS, repeat=repeat, view=view, view_as=view_as, reshape_as=reshape_as, broadcast_to=expand)
methods(
    **{
        f"{name}_": in_place(globals()[name])
        for name in "index_add index_copy index_fill index_put scatter scatter_add tril triu".split()
    }
)
