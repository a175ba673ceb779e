"""Functions that move elements: shapes, order of dimensions, joining, splitting, picking, scattering."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from chainrule.errors import StandInIndexError, StandInRuntimeError, StandInTypeError
from chainrule.op import OPERATIONS, REGISTRY
from chainrule.ops import elementwise as e
from chainrule.torch import dtypes
from chainrule.torch.graph import name_step, shown_as
from chainrule.torch.messages import listed, wrong_dimension
from chainrule.torch.pointwise import tensor_of
from chainrule.torch.recording import apply, position_of
from chainrule.torch.size import Size
from chainrule.torch.tensors import methods
from chainrule.torch.through import through

__all__ = ["FUNCTIONS", "sizes_of"]

FULL = ("slice", None, None, None)
getitem, overwrite, scattering = (OPERATIONS[name] for name in ("getitem", "overwrite", "scatter_add"))
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
    return (
        input if first == last else reshape(input, (*shape[:first], prod(shape[first : last + 1]), *shape[last + 1 :]))
    )


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
            f"unflatten: Provided sizes {listed(sizes)} don't multiply up to the size of dim {at} ({shape[at]}) in "
            "the input "
            "tensor"
        )
    return reshape(input, (*shape[:at], *sizes, *shape[at + 1 :]))


@shown_as("SqueezeBackward0")
def squeeze(input: Any, dim: Any = None) -> Any:
    """The tensor without its dimensions of size 1, or without those named that have it."""
    shape = tensor_of(input, "squeeze").value.shape
    chosen = range(len(shape)) if dim is None else [position_of(each, len(shape)) for each in _several(dim)]
    kept = tuple([size for at, size in enumerate(shape) if size != 1 or at not in chosen])
    return apply(reshaping, (input,), {"shape": kept})


@shown_as("UnsqueezeBackward0")
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
            f"expand({input.type()}{{{listed(shape)}}}, size={listed(target)}): the number of sizes provided "
            f"({len(target)}) "
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
                f"The expanded size of the tensor ({size}) must match the existing size ({have}) at non-singleton "
                "dimension "
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
            f"t() expects a tensor with <= 2 dimensions, but self is {input.value.ndim}D\nUse x.mT or x.transpose(0, "
            "1)."
        )
    return name_step(apply(permutation, (input,)), "TBackward0")


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
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            "ordering "
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
    """The last two dimensions exchanged, and complex elements conjugated."""
    found = transpose(input, -2, -1)
    return REGISTRY[np.conjugate](found) if found.is_complex() else found


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
    if not input.value.ndim and dims is not None:
        raise StandInIndexError(f"Dimension specified as {dims} but tensor has no dimensions")
    return through("roll", np.roll, input, shifts, axis=dims)


def flip(input: Any, *dims: Any) -> Any:
    """The elements in reverse along dimensions."""
    chosen = tuple([position_of(dim, input.value.ndim) for dim in sizes_of(dims)])
    return through("flip", np.flip, input, axis=chosen) if input.value.ndim else clone(input)


def fliplr(input: Any) -> Any:
    """The columns in reverse."""
    return flip(input, 1)


def flipud(input: Any) -> Any:
    """The rows in reverse."""
    return flip(input, 0)


def rot90(input: Any, k: int = 1, dims: Any = (0, 1)) -> Any:
    """The plane of two dimensions turned by right angles."""
    return through("rot90", np.rot90, input, k, tuple(dims))


def clone(input: Any, *, memory_format: Any = None) -> Any:
    """A copy through which gradients flow."""
    return apply(e.clone, (input,))


_METHODS = {
    name: globals()[name]
    for name in (
        "adjoint clone flatten flip fliplr flipud movedim permute ravel repeat_interleave reshape roll rot90 squeeze "
        "t tile "
        "transpose unflatten unsqueeze"
    ).split()
}
_METHODS |= {"broadcast_to": expand, "moveaxis": movedim, "swapaxes": transpose, "swapdims": transpose}
FUNCTIONS: dict[str, Any] = _METHODS | {"broadcast_shapes": broadcast_shapes, "broadcast_tensors": broadcast_tensors}


def _turned(function: Callable[..., Any]) -> Callable[..., Any]:
    """The method with an underscore: the tensor itself is seen in the other shape or order."""

    def method(self: Any, *arguments: Any) -> Any:
        if self.requires_grad and self.is_leaf:
            raise StandInRuntimeError(
                "a leaf Variable that requires grad is being used in an in-place operation.\n"
                "Compute a new tensor: the name without the underscore."
            )
        made = function(self, *arguments)
        for part in ("value", "node", "tracked", "root", "recipe", "seen"):
            setattr(self, part, getattr(made, part))
        return self

    method.__doc__ = function.__doc__
    return method


methods(**{f"{name}_": _turned(_METHODS[name]) for name in "squeeze t transpose unsqueeze".split()})
methods(
    **_METHODS, expand=expand, expand_as=expand_as, repeat=repeat, reshape_as=reshape_as, view=view, view_as=view_as
)
