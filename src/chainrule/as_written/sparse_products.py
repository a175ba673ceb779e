"""Products of SciPy's sparse matrices, as constants, with tracked arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import numpy as np

from chainrule.as_written.making import follows, settled, stacked
from chainrule.tensor import Tensor

__all__ = ["of_sparse"]


def _product(matrix: Any, array: Any) -> Any:
    """``matrix @ array``: the entries times what their columns meet, added up in their rows."""
    entries = matrix.tocoo()
    rows, columns = entries.coords if hasattr(entries, "coords") else (entries.row, entries.col)
    weights = entries.data.reshape((-1,) + (1,) * (array.ndim - 1))
    result: Any = Tensor(np.zeros((matrix.shape[0], *array.shape[1:])))
    np.add.at(result, rows, weights * array[columns])
    return result


def _method(plain: Any, turned: bool) -> Callable[..., Any]:
    @wraps(plain)
    def multiply(self: Any, other: Any) -> Any:
        if not follows(other):
            return plain(self, settled(other))
        array = stacked(other)
        if not turned:
            return _product(self, array)
        return np.transpose(_product(self.T, np.transpose(array)))

    return multiply


def of_sparse(module: Any) -> list[tuple[Any, Mapping[str, Any]]]:
    """What takes the place of products in `scipy.sparse`."""
    base = next(kind for kind in module.csr_array.__mro__ if "__matmul__" in vars(kind))
    made = {name: _method(getattr(base, name), name == "__rmatmul__") for name in ("__matmul__", "__rmatmul__", "dot")}
    return [(base, {name: method for name, method in made.items() if name in vars(base)})]
