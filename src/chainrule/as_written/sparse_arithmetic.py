"""Arithmetic of sparse arrays that hold tracked numbers: each number, operators, sums over axes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import reduce
from operator import index as whole
from operator import matmul
from typing import Any

import numpy as np

from chainrule.as_written.making import Holding, numbers_of, stacked
from chainrule.as_written.sparse_entries import Entries, entries_of, is_sparse
from chainrule.as_written.sparse_matrices import DenseMatrix
from chainrule.errors import NoRuleError
from chainrule.ops.options import conjugated

__all__ = ["Arithmetic", "multiplied"]


def _of_data(function: Callable[[Any], Any]) -> Callable[..., Any]:
    """A function that leaves zeros where they are, of each number."""

    def method(self: Any) -> Any:
        entries = self.entries.unique(self.order)
        return self.with_entries(entries._replace(data=function(entries.data)))

    return method


def _in_place(name: str) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        made = getattr(self, name)(other)
        return self.become(entries_of(made)) if is_sparse(made) else made

    return method


def _refuse(name: str, **options: Any) -> None:
    given = [option for option, value in options.items() if value is not None and value is not False]
    if given:
        raise NoRuleError(f"{name} of a sparse array of tracked values has no rule with {given[0]}=")


def multiplied(A: Any, times: Any) -> Any:
    """A @ A @ … of so many factors."""
    if whole(times) < 1:
        raise ValueError("exponent must be >= 0")  # as SciPy says
    return reduce(matmul, [A] * whole(times))


class Arithmetic(Holding):
    """What sparse arrays do with numbers; where these are, the class below this one says."""

    __slots__ = ()

    # --- each number ---

    conj, conjugate = _of_data(conjugated), _of_data(conjugated)
    real, imag = property(_of_data(np.real)), property(_of_data(np.imag))
    __neg__, __pos__, __abs__ = _of_data(np.negative), _of_data(np.positive), _of_data(np.abs)

    def getH(self: Any) -> Any:  # noqa: N802
        """The conjugate of the transposed array."""
        return self.transpose().conj()

    def power(self: Any, n: Any, dtype: Any = None) -> Any:
        """Each number to a power."""
        entries = self.entries.unique(self.order)
        return self.with_entries(entries._replace(data=entries.data**n))

    def multiply(self: Any, other: Any) -> Any:
        """The product place by place, with a sparse or dense array or a number."""
        if is_sparse(other):
            if other.shape == self.shape:
                return self._compressed(self.entries.matched(entries_of(other), self.order))
            other = other.toarray()
        return self._scaled(lambda data, factors: data * factors, other)

    def _scaled(self: Any, function: Callable[[Any, Any], Any], other: Any) -> Any:
        other = stacked(other)
        entries = self.entries.unique(self.order)
        if other.ndim == 0:
            return self.with_entries(entries._replace(data=function(entries.data, other)))
        shape = np.broadcast_shapes(self.shape, other.shape)
        if shape != self.shape:
            raise NoRuleError(
                f"a sparse array of tracked values, of shape {self.shape}, is not spread over one of {other.shape}: "
                "write A.toarray() * B"
            )
        met = np.broadcast_to(other, shape)[entries.coords]
        return self._compressed(entries._replace(data=function(entries.data, met)))

    def _compressed(self: Any, entries: Entries) -> Any:
        """A result in this format, if it is a compressed one; in rows, if not."""
        name = self.format if self.format in ("csr", "csc") else "csr" if len(self.shape) == 2 else "coo"
        return self.with_entries(entries, name)

    # --- operators ---

    def __add__(self: Any, other: Any) -> Any:
        if is_sparse(other):
            return self._compressed(self.entries.plus(entries_of(other), self.order))
        other = stacked(other)
        if other.ndim == 0:
            if numbers_of(other) == 0:
                return self.copy()
            raise NotImplementedError("adding a nonzero scalar to a sparse array is not supported")  # as SciPy says
        return self.dense_result(self.toarray() + other)

    __radd__ = __add__

    def __sub__(self: Any, other: Any) -> Any:
        return self + (-other if is_sparse(other) else -stacked(other))

    def __rsub__(self: Any, other: Any) -> Any:
        return -self + other

    def __mul__(self: Any, other: Any) -> Any:
        is_scalar = not is_sparse(other) and np.ndim(other) == 0
        return self @ other if self.is_matrix and not is_scalar else self.multiply(other)

    def __rmul__(self: Any, other: Any) -> Any:
        is_scalar = not is_sparse(other) and np.ndim(other) == 0
        return self.__rmatmul__(other) if self.is_matrix and not is_scalar else self.multiply(other)

    def __truediv__(self: Any, other: Any) -> Any:
        if is_sparse(other):
            raise NoRuleError("a sparse array divided by a sparse array has no rule: write A.toarray() / B.toarray()")
        return self._scaled(lambda data, factors: data / factors, other)

    def __pow__(self: Any, n: Any) -> Any:
        if not self.is_matrix:
            return self.power(n)
        return multiplied(self, n) if n else sys.modules["scipy.sparse"].eye(self.shape[0], format="csr")

    def __matmul__(self: Any, other: Any) -> Any:
        if is_sparse(other):
            return self._compressed(self.entries.times(entries_of(other), self.order))
        return self.entries.times_dense(other)

    dot = __matmul__

    def __rmatmul__(self: Any, other: Any) -> Any:
        if is_sparse(other):
            return self._compressed(entries_of(other).times(self.entries, self.order))
        return np.transpose(self.entries.transposed.times_dense(np.transpose(stacked(other))))

    __iadd__, __isub__, __imul__ = _in_place("__add__"), _in_place("__sub__"), _in_place("__mul__")
    __itruediv__ = _in_place("__truediv__")

    # --- over axes ---

    def dense_result(self: Any, array: Any) -> Any:
        """An array, or of a matrix what stands for a np.matrix."""
        return DenseMatrix(array) if self.is_matrix else array

    def sum(self: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        """The sum of all, or along an axis."""
        _refuse("sum", dtype=dtype, out=out)
        if axis is None or len(self.shape) == 1:
            return np.sum(self.entries.data)
        found = self.entries.times_dense(np.ones(self.shape[1])) if axis in (1, -1) else None
        if found is None:
            found = self.entries.transposed.times_dense(np.ones(self.shape[0]))
        return self.dense_result(np.expand_dims(found, axis) if self.is_matrix else found)

    def mean(self: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        """The mean of all, zeros too, or along an axis."""
        _refuse("mean", dtype=dtype, out=out)
        count = np.prod(self.shape) if axis is None else self.shape[axis]
        return self.with_entries(self.entries._replace(data=self.entries.data / count)).sum(axis)

    def trace(self: Any, offset: int = 0) -> Any:
        """The sum of a diagonal."""
        return np.sum(self.diagonal(offset))

    def max(self: Any, axis: Any = None, out: Any = None, **options: Any) -> Any:
        """The largest number, zeros too."""
        _refuse("max", out=out, **options)
        return self._extreme(np.max, axis)

    def min(self: Any, axis: Any = None, out: Any = None, **options: Any) -> Any:
        """The smallest number, zeros too."""
        _refuse("min", out=out, **options)
        return self._extreme(np.min, axis)

    def _extreme(self: Any, function: Callable[..., Any], axis: Any) -> Any:
        if axis is not None:
            raise NoRuleError("max and min of tracked values along an axis of a sparse array: write A.toarray().max(…)")
        data = self.entries.unique().data
        is_full = len(data) == np.prod(self.shape)
        return function(data if is_full else np.concatenate([data, np.zeros(1, data.dtype)]))


for _name in (
    *("sin", "tan", "arcsin", "arctan", "sinh", "tanh", "arcsinh", "arctanh", "expm1", "log1p", "sqrt"),
    *("deg2rad", "rad2deg", "sign", "floor", "ceil", "trunc", "rint"),
):
    setattr(Arithmetic, _name, _of_data(getattr(np, _name)))
