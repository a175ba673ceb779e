"""Tensors in other dtypes: ``x.to(torch.float64)``, ``x.long()``, ``x.type(...)``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.errors import StandInValueError
from chainrule.ops import elementwise as e
from chainrule.torch import dtypes
from chainrule.torch.device import device, refuse_other
from chainrule.torch.operators import cast
from chainrule.torch.recording import apply
from chainrule.torch.tensors import Tensor, methods

__all__ = ["to"]


def to(self: Any, *arguments: Any, **options: Any) -> Any:
    """The tensor in another dtype: ``to(torch.float64)``, ``to("cpu")``, ``to(other)``; itself if it is so already."""
    kind = options.get("dtype")
    refuse_other(options.get("device"))
    for argument in arguments:
        if isinstance(argument, Tensor):
            kind = argument.dtype
        elif isinstance(argument, device | str):
            refuse_other(argument)
        elif isinstance(argument, dtypes.dtype) or argument in (float, int, bool, complex):
            kind = argument
    target = self.dtype if kind is None else dtypes.as_dtype(kind, "to")
    if target is self.dtype:
        return apply(e.clone, (self,)) if options.get("copy") else self
    return cast(self, target)


def converted(self: Any, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The name of its type, ``torch.FloatTensor``; or the tensor in another dtype."""
    if dtype is None:
        return f"torch.{self.dtype.scalar_name}Tensor"
    if isinstance(dtype, str):
        names = {f"torch.{kind.scalar_name}Tensor": kind for kind in dtypes.ALL}
        if dtype not in names:
            raise StandInValueError(f"invalid type: {dtype!r}\nGive a dtype, for instance torch.float64.")
        dtype = names[dtype]
    return cast(self, dtypes.as_dtype(getattr(dtype, "dtype", dtype), "type"))


def type_as(self: Any, other: Any) -> Any:
    """The tensor in the dtype of another."""
    return cast(self, other.dtype)


def cpu(self: Any) -> Any:
    """The tensor itself: it is on the processor."""
    return self


def cuda(self: Any, *arguments: Any, **options: Any) -> Any:
    """Not possible: there is no graphics card here."""
    refuse_other("cuda")


def _converter(kind: dtypes.dtype) -> Callable[[Any], Any]:
    def convert(self: Any) -> Any:
        return cast(self, kind)

    convert.__doc__ = f"The tensor as {kind!r}."
    return convert


methods(
    to=to,
    type=converted,
    type_as=type_as,
    cpu=cpu,
    cuda=cuda,
    float=_converter(dtypes.float32),
    double=_converter(dtypes.float64),
    half=_converter(dtypes.float16),
    long=_converter(dtypes.int64),
    int=_converter(dtypes.int32),
    short=_converter(dtypes.int16),
    char=_converter(dtypes.int8),
    byte=_converter(dtypes.uint8),
    bool=_converter(dtypes.bool_),
    cfloat=_converter(dtypes.complex64),
    cdouble=_converter(dtypes.complex128),
)
