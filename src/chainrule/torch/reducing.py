"""Functions along dimensions: sums, spreads, extremes, order, running totals, norms."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.errors import StandInNotImplementedError, StandInRuntimeError
from chainrule.op import OPERATIONS
from chainrule.ops import elementwise as e
from chainrule.ops import reduce as r
from chainrule.ops.norms import euclidean_norm, power_norm
from chainrule.ops.softmax import log_softmax as log_softmax_operation
from chainrule.ops.softmax import logsumexp as logsumexp_operation
from chainrule.ops.softmax import softmax as softmax_operation
from chainrule.tape import record
from chainrule.torch import dtypes
from chainrule.torch.operators import cast
from chainrule.torch.pointwise import floats, tensor_of
from chainrule.torch.recording import apply, position_of
from chainrule.torch.tensors import Tensor, methods
from chainrule.torch.through import through

__all__ = ["FUNCTIONS"]

max_operation, min_operation = OPERATIONS["max"], OPERATIONS["min"]


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
    if dim is None and dtype is None and type(input) is Tensor and input.value.dtype.kind == "f":
        return record(r.sum, (input,))
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
    if dim is None and dtype is None and type(input) is Tensor and input.value.dtype.kind == "f":
        return record(r.mean, (input,))
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
        count = (
            tensor.value.size if axes is None else int(np.prod([tensor.value.shape[k] for k in np.atleast_1d(axes)]))
        )
        if count <= degrees:
            warnings.warn(
                f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor "
                "(input "
                "numel divided by output numel).",
                stacklevel=3,
            )
            shape = np.sum(tensor.value, axis=axes, keepdims=bool(keepdim)).shape
            return Tensor(np.full(shape, np.nan, tensor.value.dtype), None)
        return through(name, function, tensor, axis=axes, ddof=degrees, keepdims=bool(keepdim))

    spread.__name__ = spread.__qualname__ = name
    spread.__doc__ = (
        f"``np.{name}`` with the divisor n - 1 unless ``unbiased`` is False or ``correction`` says otherwise."
    )
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
    return log_softmax_operation(
        _float_only(tensor, "log_softmax"), axes_of(tensor, _chosen(dim, tensor, "log_softmax"))
    )


def _float_only(tensor: Any, name: str) -> Any:
    if tensor.value.dtype.kind != "f":
        raise StandInNotImplementedError(
            f"\"{name}_lastdim_kernel_impl\" not implemented for '{tensor.dtype.scalar_name}'\nConvert it first: "
            "x.float()."
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


_METHODS: dict[str, Any] = {
    name: globals()[name]
    for name in (
        "all any count_nonzero cumprod cumsum diff dist log_softmax logsumexp mean nanmean nansum norm prod softmax "
        "std sum var"
    ).split()
}
FUNCTIONS: dict[str, Any] = _METHODS | {"std_mean": std_mean, "var_mean": var_mean}
methods(**_METHODS)
