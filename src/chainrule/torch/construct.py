"""Making tensors: from numbers, filled, counted, and drawn at random."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import StandInRuntimeError, StandInTypeError
from chainrule.tape import notify
from chainrule.torch import dtypes
from chainrule.torch.device import refuse_other
from chainrule.torch.from_data import array_of, from_user
from chainrule.torch.operators import cast
from chainrule.torch.pointwise import tensor_of
from chainrule.torch.recording import overwrite
from chainrule.torch.size import Size
from chainrule.torch.tensors import Tensor, methods

__all__ = ["FUNCTIONS", "tensor"]


def finished(array: Any, requires_grad: bool = False) -> Any:
    """A new leaf."""
    if requires_grad and array.dtype.kind not in "fc":
        raise StandInRuntimeError(
            "Only Tensors of floating point and complex dtype can require gradients\n"
            f"Got {dtypes.from_numpy(array.dtype)}: write 1.0 for 1, or pass dtype=torch.float32."
        )
    return Tensor(array, None, bool(requires_grad))


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Any:
    """A tensor with a copy of ``data``: numbers, nested lists, arrays, tensors.

    Python's floats have the default dtype (float32), ints int64; NumPy's arrays keep theirs.

    >>> tensor([1.0, 2.0]), tensor([1, 2]).dtype
    (tensor([1., 2.]), torch.int64)
    """
    refuse_other(device)
    array = array_of(data)
    if dtype is not None:
        array = array.astype(dtypes.as_dtype(dtype, "tensor").numpy, copy=False)
    return finished(array, requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Any:
    """A tensor of the data, which it shares if that is a tensor or an array."""
    refuse_other(device)
    if isinstance(data, Tensor):
        return data if dtype is None else cast(data, dtypes.as_dtype(dtype, "as_tensor"))
    if isinstance(data, np.ndarray):
        dtypes.from_numpy(data.dtype)
        made = Tensor(data, None)
        return made if dtype is None else cast(made, dtypes.as_dtype(dtype, "as_tensor"))
    return tensor(data, dtype=dtype)


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Any:
    """A tensor of the data, shared where possible."""
    made = tensor(obj, dtype=dtype) if copy else as_tensor(obj, dtype, device)
    return made.requires_grad_() if requires_grad else made


def from_numpy(ndarray: Any) -> Any:
    """A tensor that shares the memory of an array."""
    if not isinstance(ndarray, np.ndarray):
        raise StandInTypeError(f"expected np.ndarray (got {type(ndarray).__name__})\nUse torch.tensor for other data.")
    dtypes.from_numpy(ndarray.dtype)
    result = Tensor(ndarray, None)
    notify("from_numpy", (ndarray,), result)
    return result


# --- filled ---


def sizes(given: Sequence[Any], function: str) -> tuple[int, ...]:
    """The sizes of a new tensor, given one by one or as one sequence."""
    if len(given) == 1 and isinstance(given[0], tuple | list):
        given = given[0]
    for place, size in enumerate(given):
        if isinstance(size, float | str) or not hasattr(size, "__index__"):
            if place == 0:
                raise StandInTypeError(
                    f"{function}(): argument 'size' (position 1) must be tuple of ints, not {type(size).__name__}\n"
                    f"Give whole numbers: torch.{function}(2, 3)."
                )
            raise StandInTypeError(
                f"{function}(): argument 'size' failed to unpack the object at pos {place + 1} with error \"type "
                "must be tuple of "
                f'ints,but got {type(size).__name__}"'
            )
    found = tuple([int(size) for size in given])
    if any([size < 0 for size in found]):
        if function in ("zeros", "ones", "full"):
            raise StandInRuntimeError(f"{function}: Dimension size must be non-negative.\nGiven {list(found)}.")
        raise StandInRuntimeError(f"Trying to create tensor with negative dimension {min(found)}: {list(found)}")
    return found


def chosen(dtype: Any, function: str) -> np.dtype[Any]:
    """The NumPy dtype of a new tensor."""
    return (dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype, function)).numpy


def filled(name: str, make: Callable[[tuple[int, ...], Any], Any]) -> Callable[..., Any]:
    """A function that makes a tensor of a shape."""

    def function(
        *size: Any,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        out: Any = None,
        layout: Any = None,
        pin_memory: bool = False,
        generator: Any = None,
        **named: Any,
    ) -> Any:
        refuse_other(device)
        if "size" in named:
            size = (named.pop("size"),)
        if not size:
            raise StandInTypeError(
                f'{name}() missing 1 required positional arguments: "size"\nOne number: torch.{name}(()).'
            )
        shape = sizes(size, name)
        kind = chosen(dtype, name)
        array = make(shape, kind) if generator is None else make(shape, kind, generator)  # type: ignore[call-arg]
        if out is not None:
            return overwrite(out, array)
        result = finished(array, requires_grad)
        notify(name, (), result)
        return result

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"A tensor of a shape, made by {name}."
    return function


zeros, ones, empty = filled("zeros", np.zeros), filled("ones", np.ones), filled("empty", np.zeros)


def full(
    size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **other: Any
) -> Any:
    """A tensor of a shape with one number in it; its dtype is that of the number."""
    refuse_other(device)
    number = getattr(fill_value, "value", fill_value)
    kind = array_of(number).dtype if dtype is None else chosen(dtype, "full")
    return finished(np.full(sizes((size,), "full"), number, kind), requires_grad)


def like(name: str, make: Callable[[tuple[int, ...], Any], Any]) -> Callable[..., Any]:
    """A function that makes a tensor of the shape and dtype of another."""

    def function(
        input: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **other: Any
    ) -> Any:
        refuse_other(device)
        source = tensor_of(input, name)
        kind = source.value.dtype if dtype is None else chosen(dtype, name)
        result = finished(make(source.value.shape, kind), requires_grad)
        notify(name, (), result)
        return result

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"A tensor of the shape and dtype of another, made by {name.removesuffix('_like')}."
    return function


zeros_like, ones_like = like("zeros_like", np.zeros), like("ones_like", np.ones)
empty_like = like("empty_like", np.zeros)


def full_like(input: Any, fill_value: Any, *, dtype: Any = None, requires_grad: bool = False, **other: Any) -> Any:
    """A tensor of the shape and dtype of another with one number in it."""
    kind = input.value.dtype if dtype is None else chosen(dtype, "full_like")
    return finished(np.full(input.value.shape, getattr(fill_value, "value", fill_value), kind), requires_grad)


def eye(n: int, m: int | None = None, *, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> Any:
    """Ones on the diagonal, zeros elsewhere."""
    refuse_other(device)
    if n < 0:
        raise StandInRuntimeError(f"n must be greater or equal to 0, got {n}")
    return finished(np.eye(n, m, dtype=chosen(dtype, "eye")), requires_grad)


def arange(
    start: Any, end: Any = None, step: Any = 1, *, dtype: Any = None, requires_grad: bool = False, device: Any = None
) -> Any:
    """The numbers from ``start`` (0) up to but not including ``end``."""
    refuse_other(device)
    if end is None:
        start, end = 0, start
    first, last, stride = [getattr(value, "value", value) for value in (start, end, step)]
    first, last, stride = [value.item() if hasattr(value, "item") else value for value in (first, last, stride)]
    if stride == 0:
        raise StandInRuntimeError("step must be nonzero")
    if (last - first) * stride < 0:
        raise StandInRuntimeError(
            "upper bound and lower bound inconsistent with step sign\nNo number lies between them."
        )
    whole = all([isinstance(value, int) for value in (first, last, stride)])
    kind = (np.dtype(np.int64) if whole else chosen(None, "arange")) if dtype is None else chosen(dtype, "arange")
    count = math.ceil((last - first) / stride)
    return finished((first + np.arange(count) * stride).astype(kind), requires_grad)


def linspace(
    start: Any, end: Any, steps: int, *, dtype: Any = None, requires_grad: bool = False, device: Any = None
) -> Any:
    """``steps`` numbers at equal distances from ``start`` to ``end``, both included."""
    refuse_other(device)
    first, last = [float(getattr(value, "value", value)) for value in (start, end)]
    kind = chosen(dtype, "linspace")
    if steps < 0:
        raise StandInRuntimeError("number of steps must be non-negative")
    if kind.kind != "f" or steps < 2:
        return finished(np.linspace(first, last, steps).astype(kind), requires_grad)
    # From both ends to the middle, in the dtype of the result: as PyTorch rounds.
    first, last = kind.type(first), kind.type(last)
    step = (last - first) / kind.type(steps - 1)
    count = np.arange(steps).astype(kind)
    upwards, downwards = first + step * count, last - step * count[::-1]
    return finished(np.where(np.arange(steps) < steps // 2, upwards, downwards).astype(kind), requires_grad)


def logspace(
    start: Any, end: Any, steps: int, base: float = 10.0, *, dtype: Any = None, requires_grad: bool = False
) -> Any:
    """``base`` to the powers of ``linspace(start, end, steps)``."""
    kind = chosen(dtype, "logspace")
    return finished(np.logspace(float(start), float(end), steps, base=base).astype(kind), requires_grad)


def tril_indices(row: int, col: int, offset: int = 0) -> Any:
    """The positions on and below a diagonal."""
    return Tensor(np.stack(np.tril_indices(row, offset, col)), None)


def triu_indices(row: int, col: int, offset: int = 0) -> Any:
    """The positions on and above a diagonal."""
    return Tensor(np.stack(np.triu_indices(row, offset, col)), None)


def fill_(self: Any, value: Any) -> Any:
    """One number in all places."""
    source = value if isinstance(value, Tensor) else np.asarray(value).astype(self.value.dtype)
    return overwrite(self, cast(source, self.dtype) if isinstance(source, Tensor) else source)


def zero_(self: Any) -> Any:
    """Zero in all places."""
    return overwrite(self, np.zeros((), self.value.dtype))


def copy_(self: Any, src: Any, non_blocking: bool = False) -> Any:
    """The elements of another tensor."""
    return overwrite(self, cast(src, self.dtype))


def fill_diagonal_(self: Any, fill_value: Any, wrap: bool = False) -> Any:
    """One number on the diagonal."""
    changed = self.value.copy()
    np.fill_diagonal(changed, fill_value, wrap)
    return overwrite(self, changed)


def apply_(self: Any, function: Callable[[Any], Any]) -> Any:
    """The function's result for each element."""
    changed = [function(number) for number in self.value.ravel().tolist()]
    return overwrite(self, np.array(changed).astype(self.value.dtype).reshape(self.value.shape))


def _new(make: Callable[[tuple[int, ...], Any], Any], name: str) -> Callable[..., Any]:
    def method(self: Any, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
        kind = self.value.dtype if dtype is None else chosen(dtype, name)
        return finished(make(sizes(size, name), kind), requires_grad)

    method.__doc__ = f"A tensor of this one's dtype and another shape: {name}."
    return method


def new_tensor(self: Any, data: Any, *, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> Any:
    """A tensor of this one's dtype with a copy of ``data``."""
    return tensor(data, dtype=self.dtype if dtype is None else dtype, requires_grad=requires_grad)


def new_full(self: Any, size: Any, fill_value: Any, *, dtype: Any = None, requires_grad: bool = False) -> Any:
    """A tensor of this one's dtype and another shape with one number in it."""
    return full(size, fill_value, dtype=self.dtype if dtype is None else dtype, requires_grad=requires_grad)


methods(
    apply_=apply_,
    copy_=copy_,
    fill_=fill_,
    fill_diagonal_=fill_diagonal_,
    new_empty=_new(np.zeros, "new_empty"),
    new_full=new_full,
    new_ones=_new(np.ones, "new_ones"),
    new_tensor=new_tensor,
    new_zeros=_new(np.zeros, "new_zeros"),
    zero_=zero_,
)


def typed(kind: dtypes.dtype, name: str) -> Any:
    """The old constructor of one dtype, ``FloatTensor``."""

    class Constructor(type):
        def __instancecheck__(cls, value: Any) -> bool:
            return isinstance(value, Tensor) and value.value.dtype == kind.numpy

        def __call__(cls, *data: Any) -> Any:
            return Tensor(from_user(data, kind), None)

    return Constructor(name, (), {"dtype": kind, "__module__": "torch", "__doc__": f"Makes tensors of {kind!r}."})


TYPED = {
    f"{kind.scalar_name}Tensor": typed(kind, f"{kind.scalar_name}Tensor")
    for kind in dtypes.ALL
    if kind.numpy.kind != "c"
}

FUNCTIONS: dict[str, Any] = {
    name: globals()[name]
    for name in (
        "arange as_tensor asarray empty empty_like eye from_numpy full full_like linspace logspace ones "
        "ones_like tensor "
        "tril_indices triu_indices zeros zeros_like"
    ).split()
} | TYPED
FUNCTIONS["scalar_tensor"] = lambda value, *, dtype=None: tensor(value, dtype=dtype or dtypes.get_default_dtype())
FUNCTIONS["empty_strided"] = lambda size, stride, **options: empty(size, **options)
FUNCTIONS["Size"] = Size
