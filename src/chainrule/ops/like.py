"""New arrays like another: filled, copied, or with what is not a number replaced."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.op import Constant, Diagonal, Operation, Sample, define, implements
from chainrule.ops.elementwise import clone, copied
from chainrule.ops.options import plain
from chainrule.ops.shape import arrayed, broadcast_to, integers_of, is_fortran, transpose

__all__ = ["copy", "empty_like", "full_like", "ones_like", "zeros_like"]


def _like(function: Any) -> Operation:
    """An operation whose result does not depend on the entries; a tensor, so that tracked ones can fill it."""
    return define(
        function.__name__, lambda x, **options: function(x, **options), Constant(), samples=[Sample(((2, 3),))]
    )


zeros_like, ones_like, empty_like = _like(np.zeros_like), _like(np.ones_like), _like(np.empty_like)


def _implement_like(function: Any, operation: Operation) -> None:
    @implements(function)
    def adapter(
        a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *, device: Any = None
    ) -> Any:
        options: dict[str, Any] = {} if dtype is None else {"dtype": np.dtype(dtype)}
        return operation(a, **options, **({} if shape is None else {"shape": integers_of(shape)}))


for _function, _operation in ((np.zeros_like, zeros_like), (np.ones_like, ones_like), (np.empty_like, empty_like)):
    _implement_like(_function, _operation)


@implements(np.full_like)
def full_like(
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Any:
    """np.full_like; the value may be a tensor."""
    kind = np.dtype(plain(a).dtype if dtype is None else dtype)
    made = copied(broadcast_to(arrayed(fill_value), shape=a.shape if shape is None else integers_of(shape)))
    return made if made.dtype == kind else made.astype(kind)


@implements(np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    """np.copy; in which order the entries lie decides whether a later reshape is a view."""
    if order == "K":
        return clone(a)
    return transpose(copied(transpose(a))) if is_fortran(a, order) else copied(a)


nan_to_num = define(
    "nan_to_num",
    lambda x, nan=0.0, posinf=None, neginf=None: np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf),
    Diagonal(lambda x: np.isfinite(x).astype(x.dtype), ("x",)),
    samples=[Sample(((2, 3),)), Sample(((3,),), {"nan": 1.0, "posinf": 2.0, "neginf": None})],
)


@implements(np.nan_to_num)
def nan_to_num_of(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """np.nan_to_num: what is replaced passes no derivative; without a copy the tensor itself is overwritten."""
    made = nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)
    if copy:
        return made
    x[...] = made
    return x
