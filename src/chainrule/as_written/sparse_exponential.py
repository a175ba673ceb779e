"""exp(A) b for a sparse A, as one operation: its derivatives are products, so that no power of A is ever formed.

Taylor's series, in as many steps as the norm of A asks for; backwards through it for the cotangents of A's entries.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from chainrule.as_written.making import numbers_of
from chainrule.as_written.sparse_entries import Entries, added_at
from chainrule.ops.external import external
from chainrule.ops.options import is_complex

__all__ = ["exponential_times"]

_TERMS, _RADIUS = 30, 3.54  # Al-Mohy and Higham (2011), table 3.1: so many of Taylor's terms are enough up to there


def exponential_times(A: Entries, b: Any) -> Any:
    """exp(A) b; of complex numbers by the real matrix [[Re, −Im], [Im, Re]]."""
    if not (is_complex(A.data) or is_complex(b)):
        return _operation(_Places(A.shape[0], *A.coords))(A.data, b)
    size, (rows, columns) = A.shape[0], A.coords
    real, imaginary = np.real(A.data), np.imag(A.data)
    coords = [np.concatenate([rows, rows, rows + size, rows + size]), np.concatenate([columns, columns + size] * 2)]
    data = np.concatenate([real, -imaginary, imaginary, real])
    found = _operation(_Places(2 * size, *coords))(data, np.concatenate([np.real(b), np.imag(b)]))
    return found[:size] + 1j * found[size:]


class _Places:
    """Where the entries of a matrix are, to be compared and found again; what is done with entries there."""

    def __init__(self, size: int, rows: Any, columns: Any) -> None:
        self.size, self.rows, self.columns = size, rows, columns
        self.key = size, rows.tobytes(), columns.tobytes()

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Places) and self.key == other.key

    def steps(self, data: Any) -> int:
        """In how many steps the series is short."""
        sums = np.bincount(self.columns, np.abs(numbers_of(data)), self.size)
        return max(1, int(np.ceil(np.max(sums, initial=0.0) / _RADIUS)))

    def product(self, data: Any, array: Any, transposed: bool = False) -> Any:
        """The matrix, or its transpose, times an array."""
        rows, columns = (self.columns, self.rows) if transposed else (self.rows, self.columns)
        return added_at(np.reshape(data, (-1,) + (1,) * (array.ndim - 1)) * array[columns], (rows,), array.shape)

    def series(self, data: Any, b: Any) -> list[list[Any]]:
        """The terms of each step, the first of them what it starts from, and one step more that has only that."""
        steps, made = self.steps(data), [[b]]
        for _ in range(steps):
            for k in range(1, _TERMS + 1):
                made[-1].append(self.product(data, made[-1][-1]) / (steps * k))
            made.append([sum(made[-1][1:], made[-1][0])])
        return made

    def forward(self, data: Any, b: Any) -> Any:
        """exp(A) b."""
        return self.series(data, b)[-1][0]

    def push(self, data: Any, b: Any, tangent: Any) -> Any:
        """How it changes with the entries: what exp([[A, E], [0, A]]) makes of (0, b)."""
        more = self.size
        rows, columns = [
            np.concatenate(each)
            for each in (
                (self.rows, self.rows, self.rows + more),
                (self.columns, self.columns + more, self.columns + more),
            )
        ]
        twice = _operation(_Places(2 * more, rows, columns))
        return twice(np.concatenate([data, tangent, data]), np.concatenate([np.zeros_like(b), b]))[:more]

    def pull(self, data: Any, b: Any, cotangent: Any) -> Any:
        """The cotangents of the entries: the series backwards."""
        *series, _ = self.series(data, b)
        steps = len(series)
        found: Any = 0.0
        for terms in reversed(series):
            after: Any = 0.0
            for k in range(_TERMS, 0, -1):
                each = (cotangent + after) / (steps * k)
                met = np.reshape(each[self.rows] * terms[k - 1][self.columns], (len(self.rows), -1))
                found = found + np.sum(met, axis=1)
                after = self.product(data, each, transposed=True)
            cotangent = cotangent + after
        return found


@lru_cache(maxsize=32)
def _operation(places: _Places) -> Any:
    turned = _Places(places.size, places.columns, places.rows)
    return external(
        places.forward,
        jvp=(places.push, lambda data, b, tangent: _operation(places)(data, tangent)),
        vjp=(places.pull, lambda data, b, cotangent: _operation(turned)(data, cotangent)),
        sparsity=["full", "full"],
        differentiable=True,
        name="expm_multiply",
    )
