"""What stands for a `numpy.matrix` of tracked numbers, which dense results of SciPy's sparse matrices are."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.as_written.making import Holding, follows, numbers_of
from chainrule.errors import NoRuleError

__all__ = ["DenseMatrix"]

_RAVEL = np.ravel  # as NumPy has it, which makes arrays of matrices as well


def _refuse(*_: Any) -> Any:
    raise NoRuleError(
        "this is a np.matrix of tracked values, as dense results of a sparse matrix are: its operators mean matrix "
        "products, and have no rule. Write np.asarray(…) of it, or A.toarray(), or csr_array in the place of csr_matrix"
    )


class DenseMatrix(Holding):
    """A dense result of a sparse matrix: ``np.asarray`` and ``np.ravel`` of it are tensors, all else an error."""

    __array_priority__ = 1001  # before tensors, so that their operators do not take it for an array

    def __init__(self, array: Any) -> None:
        self.array = array

    def as_array(self) -> Any:
        """What `np.asarray` makes of it."""
        return self.array

    @property
    def is_followed(self) -> bool:
        """Whether anything in it is tracked."""
        return follows(self.array)

    def of_numbers(self) -> Any:
        """The same of plain numbers."""
        return np.asmatrix(numbers_of(self.array))

    @property
    def shape(self) -> Any:
        """The lengths of both axes."""
        return self.array.shape

    @property
    def A(self) -> Any:  # noqa: N802 (NumPy's name)
        """The same as an array."""
        return self.array

    @property
    def A1(self) -> Any:  # noqa: N802
        """The same as an array of one axis."""
        return self.array.reshape(-1)

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        if function is not _RAVEL:
            return _refuse()
        return function(self.array, *arguments[1:], **options)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _refuse()

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __matmul__ = __rmatmul__ = __pow__ = __rpow__ = __neg__ = __abs__ = __getitem__ = __len__ = __iter__ = _refuse
