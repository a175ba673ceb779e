"""Functions of order along dimensions: extremes, sorting, medians, with the positions of what they pick."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.errors import StandInIndexError, StandInRuntimeError
from chainrule.op import OPERATIONS
from chainrule.ops import elementwise as e
from chainrule.torch.graph import name_step
from chainrule.torch.pointwise import PAIRS, tensor_of
from chainrule.torch.recording import apply, position_of
from chainrule.torch.reducing import axes_of, options_of, renamed
from chainrule.torch.shaping import reshape
from chainrule.torch.tensors import Tensor, methods
from chainrule.torch.through import through

__all__ = ["FUNCTIONS", "RETURN_TYPES"]

max_operation, min_operation, take_along_axis = (OPERATIONS[name] for name in ("max", "min", "take_along_axis"))


def _pairs(name: str) -> Any:
    """The type of what ``max(dim=…)`` and the like return: values and indices, printed as PyTorch prints them."""

    class Pair(tuple[Any, ...]):
        __slots__ = ()
        _fields = ("values", "indices")

        def __new__(cls, *parts: Any) -> Any:
            return super().__new__(cls, parts[0] if len(parts) == 1 else parts)

        def __getnewargs__(self) -> tuple[Any, ...]:
            return (tuple(self),)

        @property
        def values(self) -> Any:
            """The values."""
            return self[0]

        @property
        def indices(self) -> Any:
            """Where they were."""
            return self[1]

        def __repr__(self) -> str:
            return f"torch.return_types.{name}(\nvalues={self[0]!r},\nindices={self[1]!r})"

    Pair.__name__ = Pair.__qualname__ = name
    Pair.__module__ = "torch.return_types"
    return Pair


RETURN_TYPES = {
    name: _pairs(name) for name in ("max", "min", "sort", "topk", "median", "kthvalue", "mode", "cummax", "cummin")
}


def _empty(name: str) -> StandInRuntimeError:
    return StandInRuntimeError(
        f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with "
        "the 'dim' "
        "argument."
    )


def _picked(tensor: Any, positions: Any, at: int, keepdim: bool, name: str) -> Any:
    """The values at positions along a dimension, and the positions."""
    if not tensor.value.ndim:
        values, places = apply(e.clone, (tensor,)), np.zeros((), np.int64)
    else:
        kept = np.expand_dims(positions, at)
        values = apply(take_along_axis, (tensor, kept), {"axis": at})
        if not keepdim:
            values = reshape(values, positions.shape)
        places = kept if keepdim else positions
    name_step(values, f"{name.capitalize()}Backward{1 if name == 'median' else 0}")
    return RETURN_TYPES[name](values, Tensor(np.asarray(places, np.int64), None))


def _extreme(name: str, operation: Any, arg: Any, pairwise: Any) -> Callable[..., Any]:
    @renamed
    def extreme(input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
        tensor = tensor_of(input, name)
        if isinstance(dim, Tensor) or other is not None:
            return pairwise(tensor, dim if other is None else other)
        if dim is None:
            if not tensor.value.size:
                raise _empty(name)
            return apply(operation, (tensor,))
        at = position_of(dim, tensor.value.ndim)
        positions = arg(tensor.value, axis=at) if tensor.value.ndim else np.zeros((), np.int64)
        return _picked(tensor, positions, at, keepdim, name)

    extreme.__name__ = extreme.__qualname__ = name
    extreme.__doc__ = f"The {name}imum: of all elements, along a dimension (with the indices), or of two tensors."
    return extreme


max = _extreme("max", max_operation, np.argmax, PAIRS["maximum"])


min = _extreme("min", min_operation, np.argmin, PAIRS["minimum"])


@renamed
def amax(input: Any, dim: Any = (), keepdim: bool = False) -> Any:
    """The maximum along dimensions; ties share the gradient."""
    return apply(max_operation, (input,), options_of(input, dim if dim != () else None, keepdim))


@renamed
def amin(input: Any, dim: Any = (), keepdim: bool = False) -> Any:
    """The minimum along dimensions; ties share the gradient."""
    return apply(min_operation, (input,), options_of(input, dim if dim != () else None, keepdim))


def aminmax(input: Any, *, dim: Any = None, keepdim: bool = False) -> tuple[Any, Any]:
    """The minimum and the maximum."""
    return amin(input, dim or (), keepdim), amax(input, dim or (), keepdim)


def _position(name: str, function: Any) -> Callable[..., Any]:
    @renamed
    def position(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
        tensor = tensor_of(input, name)
        if not tensor.value.size:
            raise StandInIndexError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
        axes = axes_of(tensor, dim)
        return through(name, function, tensor.detach(), axis=axes, keepdims=bool(keepdim))

    position.__name__ = position.__qualname__ = name
    position.__doc__ = f"Where the {name[3:]}imum is: counted over all elements, or along a dimension."
    return position


argmax, argmin = _position("argmax", np.argmax), _position("argmin", np.argmin)


def _order(values: Any, at: int, descending: bool) -> Any:
    """The positions of the sorted elements; equal ones stay in order."""
    if not values.ndim:
        return np.zeros((), np.int64)
    if not descending:
        return np.argsort(values, axis=at, kind="stable")
    backwards = np.flip(values, at)
    return values.shape[at] - 1 - np.flip(np.argsort(backwards, axis=at, kind="stable"), at)


def sort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """The elements in order along a dimension, and where they were."""
    tensor = tensor_of(input, "sort")
    at = position_of(dim, tensor.value.ndim)
    if not tensor.value.ndim:
        return RETURN_TYPES["sort"](apply(e.clone, (tensor,)), Tensor(np.zeros((), np.int64), None))
    order = _order(tensor.value, at, descending)
    return RETURN_TYPES["sort"](apply(take_along_axis, (tensor, order), {"axis": at}), Tensor(order, None))


def argsort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """Where the elements are that stand in order along a dimension."""
    return sort(input.detach(), dim, descending)[1]


def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The k largest (or smallest) elements along a dimension, and where they were."""
    tensor = tensor_of(input, "topk")
    at = position_of(dim, tensor.value.ndim)
    if k > (tensor.value.shape[at] if tensor.value.ndim else 1):
        raise StandInRuntimeError(
            f"selected index k out of range\nk is {k}, and the dimension has {tensor.value.shape[at]}."
        )
    if not tensor.value.ndim:
        return RETURN_TYPES["topk"](apply(e.clone, (tensor,)), Tensor(np.zeros((), np.int64), None))
    order = np.take(_order(tensor.value, at, largest), range(k), axis=at)
    return RETURN_TYPES["topk"](apply(take_along_axis, (tensor, order), {"axis": at}), Tensor(order, None))


def _taken(values: Any, at: int, place: int) -> Any:
    """Where the element is that stands at one place in the order along a dimension."""
    return np.take(_order(values, at, False), place, axis=at) if values.ndim else np.zeros((), np.int64)


def kthvalue(input: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The k-th smallest element along a dimension, and where it was."""
    at = position_of(dim, input.value.ndim)
    return _picked(input, _taken(input.value, at, k - 1), at, keepdim, "kthvalue")


def median(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The median, the lower of two: of all elements, or along a dimension with where it was."""
    tensor = tensor_of(input, "median")
    if dim is None:
        flat = reshape(tensor, (-1,))
        return kthvalue(flat, (flat.value.size + 1) // 2)[0]
    at = position_of(dim, tensor.value.ndim)
    middle = (tensor.value.shape[at] - 1) // 2 if tensor.value.ndim else 0
    return _picked(tensor, _taken(tensor.value, at, middle), at, keepdim, "median")


def quantile(input: Any, q: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Quantiles, interpolated."""
    return through("quantile", np.quantile, input, getattr(q, "value", q), axis=axes_of(input, dim), keepdims=keepdim)


def unique(
    input: Any,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: Any = None,
) -> Any:
    """The different elements, in order."""
    found: Any = np.unique(  # type: ignore[call-overload]
        input.value, return_inverse=return_inverse, return_counts=return_counts, axis=dim
    )
    return tuple([Tensor(part, None) for part in found]) if isinstance(found, tuple) else Tensor(found, None)


def bincount(input: Any, weights: Any = None, minlength: int = 0) -> Any:
    """How often each whole number occurs."""
    return Tensor(np.bincount(input.value, None if weights is None else weights.value, minlength), None)


def _running(name: str, accumulate: Any) -> Callable[..., Any]:
    def running(input: Any, dim: int) -> Any:
        at = position_of(dim, input.value.ndim)
        best = accumulate(input.value, axis=at)
        steps = np.arange(input.value.shape[at]).reshape([-1 if k == at else 1 for k in range(input.value.ndim)])
        positions = np.maximum.accumulate(np.where(input.value == best, steps, 0), axis=at)
        values = apply(take_along_axis, (input, positions), {"axis": at})
        return RETURN_TYPES[name](values, Tensor(positions, None))

    running.__name__ = running.__qualname__ = name
    running.__doc__ = f"The running {name[3:]}imum along a dimension, and where it was."
    return running


cummax, cummin = _running("cummax", np.maximum.accumulate), _running("cummin", np.minimum.accumulate)


_METHODS: dict[str, Any] = {
    name: globals()[name]
    for name in (
        "amax amin aminmax argmax argmin argsort bincount cummax cummin kthvalue max median min quantile sort topk "
        "unique"
    ).split()
}
FUNCTIONS: dict[str, Any] = _METHODS
methods(**_METHODS)
