"""Random arrays that are like given ones: of their shape, range and symmetry, and of no other structure."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["another", "jittered", "upstream_like"]

Array = np.ndarray[Any, np.dtype[Any]]
FEW = 2  # different values up to which an array is a mask or a code, not something that is measured


def another(array: Any, random: np.random.Generator) -> Any:
    """Another array that could stand in the same place: integers, masks and one-hot codes stay as they are.

    >>> random = np.random.default_rng(0)
    >>> bool(np.all(another(np.array([0.2, 3.0, 1.0]), random) > 0)), another(np.array([0.0, 1.0, 0.0]), random)
    (True, array([0., 1., 0.]))
    """
    array = np.asarray(array)
    if array.dtype.kind == "c":
        return (_real(array.real, random) + 1j * _real(array.imag, random)).astype(array.dtype)
    if array.dtype.kind != "f" or array.size == 0 or not np.isfinite(array).all():
        return array
    return _real(array.astype(float), random).astype(array.dtype)


def _real(array: Array, random: np.random.Generator) -> Array:
    values = np.unique(array)
    if len(values) == 1:
        return _around(float(values[0]), array.shape, random)
    if len(values) <= FEW and array.size > FEW:
        return array
    if _is_square(array) and np.allclose(array, array.T):
        return _symmetric(array, random)
    low, high = float(values[0]), float(values[-1])
    if low >= 0 or high <= 0:
        made = np.asarray(random.uniform(low, high, array.shape))
        return _with_sums(made, array) if low >= 0 else made
    made = np.asarray(array.mean() + array.std() * random.normal(size=array.shape))
    if _is_square(array) and (not np.any(np.tril(array, -1)) or not np.any(np.triu(array, 1))):
        made = np.where(array != 0, made, 0.0)
        np.fill_diagonal(made, np.abs(np.diag(made)) + 0.5 if np.all(np.diag(array) > 0) else np.diag(made))
    if array.ndim == 1 and array.size > 3 and np.all(np.diff(array) > 0):
        made = np.sort(made)
    return np.asarray(made)


def _around(value: float, shape: tuple[int, ...], random: np.random.Generator) -> Array:
    """Numbers about one number: zeros become of either sign, others keep theirs."""
    if value == 0:
        return 0.5 * random.normal(size=shape)
    return value * random.uniform(0.6, 1.5, size=shape)


def _is_square(array: Array) -> bool:
    return array.ndim == 2 and array.shape[0] == array.shape[1] > 1


def _symmetric(array: Array, random: np.random.Generator) -> Array:
    """A symmetric matrix with the same eigenvalues, turned."""
    eigenvalues = np.linalg.eigvalsh(array)
    turned, _ = np.linalg.qr(random.normal(size=array.shape))
    made = (turned * (eigenvalues * random.uniform(0.8, 1.25, len(eigenvalues)))) @ turned.T
    return np.asarray((made + made.T) / 2)


def _with_sums(made: Array, array: Array) -> Array:
    """Rows, or columns, that add up to 1 where those of the array do: probabilities stay probabilities."""
    for axis in range(array.ndim - 1, -1, -1):
        if array.shape[axis] > 1 and np.allclose(array.sum(axis=axis), 1.0):
            return np.asarray(made / made.sum(axis=axis, keepdims=True))
    return made


def jittered(array: Any, random: np.random.Generator) -> Any:
    """An array near the given one, with the same signs and zeros."""
    array = np.asarray(array)
    if array.dtype.kind not in "fc":
        return array
    return (array * (1 + 0.1 * random.uniform(-1, 1, array.shape))).astype(array.dtype)


def upstream_like(out: Any, random: np.random.Generator) -> Array:
    """A random cotangent of a result."""
    out = np.asarray(out)
    made = random.normal(size=out.shape)
    if out.dtype.kind == "c":
        made = made + 1j * random.normal(size=out.shape)
    return np.asarray(made.astype(out.dtype if out.dtype.kind in "fc" else float))
