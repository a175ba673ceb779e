"""Products of SciPy's sparse matrices, as constants, with tracked arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.as_written.making import instead, stacked
from chainrule.tensor import Tensor

__all__ = ["of_sparse"]


def _product(matrix: Any, array: Any) -> Any:
    """``matrix @ array``: the entries times what their columns meet, added up in their rows."""
    entries, array = matrix.tocoo(), stacked(array)
    rows, columns = entries.coords if hasattr(entries, "coords") else (entries.row, entries.col)
    weights = entries.data.reshape((-1,) + (1,) * (array.ndim - 1))
    result: Any = Tensor(np.zeros((matrix.shape[0], *array.shape[1:])))
    np.add.at(result, rows, weights * array[columns])
    return result


def _turned(matrix: Any, array: Any) -> Any:
    """``array @ matrix``."""
    return np.transpose(_product(matrix.T, np.transpose(stacked(array))))


def of_sparse(module: Any) -> list[tuple[Any, Mapping[str, Any]]]:
    """What takes the place of products in `scipy.sparse`."""
    base = next(kind for kind in module.csr_array.__mro__ if "__matmul__" in vars(kind))
    made = {"__matmul__": _product, "__rmatmul__": _turned, "dot": _product}
    return [(base, {name: instead(vars(base)[name], method) for name, method in made.items() if name in vars(base)})]
