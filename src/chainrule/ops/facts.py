"""What NumPy says about arrays without differentiating: positions, counts, orders, shapes. The answers are plain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.op import REGISTRY, Constant, Sample, define, implements
from chainrule.ops.options import plain, refuse_out

__all__ = ["unwrapped"]


def unwrapped(value: Any) -> Any:
    """The same with every tensor, also in lists, replaced by its array."""
    if isinstance(value, list | tuple):
        entries = [unwrapped(entry) for entry in value]
        return entries if isinstance(value, list) else tuple(entries)
    return plain(value)


def _stated(function: Callable[..., Any]) -> Callable[..., Any]:
    def ask(*arguments: Any, **options: Any) -> Any:
        named = {name: unwrapped(value) for name, value in options.items()}
        return function(*[unwrapped(argument) for argument in arguments], **named)

    return ask


POSITIONS = (
    np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.argsort, np.argpartition, np.lexsort, np.searchsorted,
    np.digitize, np.nonzero, np.flatnonzero, np.argwhere, np.ix_, np.ravel_multi_index, np.unravel_index,
    np.diag_indices_from, np.tril_indices_from, np.triu_indices_from,
)  # fmt: skip
FACTS = (
    np.shape, np.ndim, np.size, np.iscomplex, np.iscomplexobj, np.isreal, np.isrealobj, np.isneginf, np.isposinf,
    np.isin, np.result_type, np.can_cast, np.min_scalar_type, np.common_type, np.shares_memory, np.may_share_memory,
    np.array2string, np.array_repr, np.array_str, np.save, np.savetxt, np.savez, np.savez_compressed,
)  # fmt: skip

for _function in (*POSITIONS, *FACTS):
    REGISTRY.setdefault(_function, _stated(_function))


rounded = define(
    "round",
    lambda x, decimals=0: np.round(x, decimals),
    Constant(),
    samples=[Sample(((2, 3),)), Sample(((3,),), {"decimals": 1})],
)
fix = define("fix", np.fix, Constant(), numpy=np.fix, samples=[Sample(((2, 3),))])


@implements(np.round)
def round_of(a: Any, decimals: int = 0, out: Any = None) -> Any:
    """np.round: constant between its steps."""
    refuse_out("np.round", out)
    return rounded(a, decimals=int(decimals))


REGISTRY[np.around] = round_of


@implements(np.astype)
def astype_of(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    """np.astype."""
    return x.astype(np.dtype(dtype), copy=copy)
