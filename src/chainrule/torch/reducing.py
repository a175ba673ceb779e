"""Functions along dimensions: sums, spreads, extremes, order, running totals, norms."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.errors import StandInIndexError, StandInRuntimeError

from chainrule.op import OPERATIONS
from chainrule.ops import elementwise as e
from chainrule.ops import reduce as r
from chainrule.ops.norms import euclidean_norm, power_norm
from chainrule.ops.softmax import log_softmax as log_softmax_operation
from chainrule.ops.softmax import logsumexp as logsumexp_operation
from chainrule.ops.softmax import softmax as softmax_operation
from chainrule.torch import dtypes
from chainrule.torch.pointwise import PAIRS, floats, tensor_of
from chainrule.torch.shaping import reshape
from chainrule.torch.tensor import Tensor, apply, cast, methods, position_of, through

__all__ = ["FUNCTIONS"]

max_operation, min_operation, take_along_axis = (OPERATIONS[name] for name in ("max", "min", "take_along_axis"))


def axes_of(tensor: Any, dim: Any) -> Any:
    """Dimensions as NumPy's axes: None, or counted from the front and checked."""
    if dim is None:
        return None
    rank = tensor.value.ndim
    if isinstance(dim, tuple | list):
        chosen = tuple([position_of(each, rank) for each in dim])
        return chosen if rank and chosen else None
    at = position_of(dim, rank)
    return at if rank else None


def options_of(tensor: Any, dim: Any, keepdim: bool) -> dict[str, Any]:
    """The parameters of a reduction."""
    return {"axis": axes_of(tensor, dim), "keepdims": bool(keepdim)}


def renamed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let NumPy's ``axis`` and ``keepdims`` stand for ``dim`` and ``keepdim``, as PyTorch does."""

    def accepting(*arguments: Any, **options: Any) -> Any:
        if options:
            if "axis" in options:
                options["dim"] = options.pop("axis")
            if "keepdims" in options:
                options["keepdim"] = options.pop("keepdims")
            return function(*arguments, **options)
        return function(*arguments)

    accepting.__name__ = accepting.__qualname__ = function.__name__
    accepting.__doc__ = function.__doc__
    return accepting


# --- sums ---


@renamed
def sum(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The sum, of all elements or along dimensions; of whole numbers and booleans an int64."""
    tensor = tensor_of(input, "sum")
    if dtype is not None:
        tensor = cast(tensor, dtypes.as_dtype(dtype, "sum"))
    elif tensor.value.dtype.kind in "iub":
        tensor = cast(tensor, dtypes.int64)
    if dim is None:
        return apply(r.sum, (tensor,))
    return apply(r.sum, (tensor,), options_of(tensor, dim, keepdim))


@renamed
def mean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The mean, of all elements or along dimensions."""
    tensor = tensor_of(input, "mean")
    if dtype is not None:
        tensor = cast(tensor, dtypes.as_dtype(dtype, "mean"))
    elif tensor.value.dtype.kind in "iub":
        raise StandInRuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: "
            f"{tensor.dtype.scalar_name}\nConvert it first: x.float().mean()."
        )
    if dim is None:
        return apply(r.mean, (tensor,))
    return apply(r.mean, (tensor,), options_of(tensor, dim, keepdim))


@renamed
def prod(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The product, of all elements or along a dimension."""
    tensor = tensor_of(input, "prod")
    if dtype is not None:
        tensor = cast(tensor, dtypes.as_dtype(dtype, "prod"))
    elif tensor.value.dtype.kind in "iub":
        tensor = cast(tensor, dtypes.int64)
    return through("prod", np.prod, tensor, axis=axes_of(tensor, dim), keepdims=bool(keepdim))


def _degrees(unbiased: Any, correction: Any) -> Any:
    """How much is taken from the number of elements before dividing by it."""
    if correction is not None:
        return correction
    return 1 if unbiased is None else int(unbiased)


def _spread(name: str, function: Any) -> Callable[..., Any]:
    @renamed
    def spread(
        input: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None
    ) -> Any:
        tensor = tensor_of(input, name)
        if isinstance(dim, bool):  # var(x, False): the flag stands where a dimension may
            dim, unbiased = None, dim
        if tensor.value.dtype.kind not in "fc":
            raise StandInRuntimeError(f"{name}: only support floating point and complex dtypes")
        degrees = _degrees(unbiased, correction)
        axes = axes_of(tensor, dim)
        count = tensor.value.size if axes is None else int(np.prod([tensor.value.shape[k] for k in np.atleast_1d(axes)]))
        if count <= degrees:
            warnings.warn(
                f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor (input "
                "numel divided by output numel).",
                stacklevel=3,
            )
            shape = np.sum(tensor.value, axis=axes, keepdims=bool(keepdim)).shape
            return Tensor(np.full(shape, np.nan, tensor.value.dtype), None)
        return through(name, function, tensor, axis=axes, ddof=degrees, keepdims=bool(keepdim))

    spread.__name__ = spread.__qualname__ = name
    spread.__doc__ = f"``np.{name}`` with the divisor n - 1 unless ``unbiased`` is False or ``correction`` says otherwise."
    return spread


var, std = _spread("var", np.var), _spread("std", np.std)


def var_mean(input: Any, dim: Any = None, **options: Any) -> tuple[Any, Any]:
    """The variance and the mean."""
    return var(input, dim, **options), mean(input, dim, options.get("keepdim", False))


def std_mean(input: Any, dim: Any = None, **options: Any) -> tuple[Any, Any]:
    """The standard deviation and the mean."""
    return std(input, dim, **options), mean(input, dim, options.get("keepdim", False))


@renamed
def nansum(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The sum of what is not nan."""
    return through("nansum", np.nansum, input, axis=axes_of(input, dim), keepdims=bool(keepdim))


@renamed
def nanmean(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The mean of what is not nan."""
    return through("nanmean", np.nanmean, input, axis=axes_of(input, dim), keepdims=bool(keepdim))


def _truth(name: str, function: Any) -> Callable[..., Any]:
    @renamed
    def truth(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
        return through(name, function, tensor_of(input, name), axis=axes_of(input, dim), keepdims=bool(keepdim))

    truth.__name__ = truth.__qualname__ = name
    truth.__doc__ = f"Whether {name} of the elements are true, of all of them or along a dimension."
    return truth


all, any = _truth("all", np.all), _truth("any", np.any)


def count_nonzero(input: Any, dim: Any = None) -> Any:
    """How many elements are not 0."""
    return Tensor(np.asarray(np.count_nonzero(input.value, axis=axes_of(input, dim))), None)


# --- extremes and order ---


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


RETURN_TYPES = {name: _pairs(name) for name in ("max", "min", "sort", "topk", "median", "kthvalue", "mode", "cummax", "cummin")}


def _empty(name: str) -> StandInRuntimeError:
    return StandInRuntimeError(
        f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' "
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
    order = np.take(_order(tensor.value, at, largest), range(k), axis=at)
    return RETURN_TYPES["topk"](apply(take_along_axis, (tensor, order), {"axis": at}), Tensor(order, None))


def kthvalue(input: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The k-th smallest element along a dimension, and where it was."""
    at = position_of(dim, input.value.ndim)
    return _picked(input, np.take(_order(input.value, at, False), k - 1, axis=at), at, keepdim, "kthvalue")


def median(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The median, the lower of two: of all elements, or along a dimension with where it was."""
    tensor = tensor_of(input, "median")
    if dim is None:
        flat = reshape(tensor, (-1,))
        return kthvalue(flat, (flat.value.size + 1) // 2)[0]
    at = position_of(dim, tensor.value.ndim)
    middle = (tensor.value.shape[at] - 1) // 2
    return _picked(tensor, np.take(_order(tensor.value, at, False), middle, axis=at), at, keepdim, "median")


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
    found = np.unique(input.value, return_inverse=return_inverse, return_counts=return_counts, axis=dim)
    return tuple([Tensor(part, None) for part in found]) if isinstance(found, tuple) else Tensor(found, None)


def bincount(input: Any, weights: Any = None, minlength: int = 0) -> Any:
    """How often each whole number occurs."""
    return Tensor(np.bincount(input.value, None if weights is None else weights.value, minlength), None)


# --- running totals, softmax, norms ---


def cumsum(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """The running sum along a dimension."""
    tensor = input if dtype is None else cast(input, dtypes.as_dtype(dtype, "cumsum"))
    if tensor.value.dtype.kind in "iub":
        tensor = cast(tensor, dtypes.int64)
    at = position_of(dim, tensor.value.ndim)
    return through("cumsum", np.cumsum, tensor, axis=at) if tensor.value.ndim else apply(e.clone, (tensor,))


def cumprod(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """The running product along a dimension."""
    tensor = input if dtype is None else cast(input, dtypes.as_dtype(dtype, "cumprod"))
    at = position_of(dim, tensor.value.ndim)
    return through("cumprod", np.cumprod, tensor, axis=at) if tensor.value.ndim else apply(e.clone, (tensor,))


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


def diff(input: Any, n: int = 1, dim: int = -1) -> Any:
    """The differences of neighbours along a dimension."""
    return through("diff", np.diff, input, n, axis=dim)


def softmax(input: Any, dim: int | None = None, *, dtype: Any = None) -> Any:
    """exp(x) / Σ exp(x) along a dimension."""
    tensor = tensor_of(input, "softmax")
    tensor = tensor if dtype is None else cast(tensor, dtypes.as_dtype(dtype, "softmax"))
    return softmax_operation(_float_only(tensor, "softmax"), axes_of(tensor, _chosen(dim, tensor, "softmax")))


def log_softmax(input: Any, dim: int | None = None, *, dtype: Any = None) -> Any:
    """x - log Σ exp(x) along a dimension."""
    tensor = tensor_of(input, "log_softmax")
    tensor = tensor if dtype is None else cast(tensor, dtypes.as_dtype(dtype, "log_softmax"))
    return log_softmax_operation(_float_only(tensor, "log_softmax"), axes_of(tensor, _chosen(dim, tensor, "log_softmax")))


def _float_only(tensor: Any, name: str) -> Any:
    if tensor.value.dtype.kind != "f":
        raise StandInRuntimeError(
            f"\"{name}_lastdim_kernel_impl\" not implemented for '{tensor.dtype.scalar_name}'\nConvert it first: x.float()."
        )
    return tensor


def _chosen(dim: int | None, tensor: Any, name: str) -> int:
    if dim is not None:
        return dim
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=4,
    )
    return 0 if tensor.value.ndim in (0, 1, 3) else 1


def logsumexp(input: Any, dim: Any, keepdim: bool = False) -> Any:
    """log Σ exp(x) along dimensions."""
    return logsumexp_operation(floats(input), axes_of(input, dim), keepdim)


def norm(input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """(Σ |x|ᵖ)^(1/p), of all elements or along dimensions; p is 2 unless said otherwise."""
    tensor = tensor_of(input, "norm")
    tensor = tensor if dtype is None else cast(tensor, dtypes.as_dtype(dtype, "norm"))
    if tensor.value.dtype.kind not in "fc":
        raise StandInRuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{tensor.dtype.scalar_name}\nConvert it first: x.float().norm()."
        )
    options = options_of(tensor, dim, keepdim)
    if p in ("fro", None, 2):
        return apply(euclidean_norm, (tensor,), options)
    if p == "nuc":
        return through("norm", np.linalg.norm, tensor, "nuc", keepdims=bool(keepdim))
    size = apply(e.absolute, (tensor,))
    if p == 1:
        return apply(r.sum, (size,), options)
    if p in (float("inf"), float("-inf")):
        return apply(max_operation if p > 0 else min_operation, (size,), options)
    if p == 0:
        return sum(cast(tensor != 0, tensor.dtype), dim, keepdim)
    return apply(power_norm, (tensor,), options | {"p": float(p)})


def dist(input: Any, other: Any, p: Any = 2) -> Any:
    """The norm of the difference."""
    return norm(input - other, p)


_OWN = (
    "all amax amin aminmax any argmax argmin argsort count_nonzero cummax cummin cumprod cumsum diff kthvalue log_softmax "
    "logsumexp max mean median min nanmean nansum norm prod quantile softmax sort std sum topk unique var"
).split()
FUNCTIONS: dict[str, object] = {name: globals()[name] for name in [*_OWN, "bincount", "dist", "std_mean", "var_mean"]}

methods(**{name: globals()[name] for name in [*_OWN, "bincount", "dist"]})
