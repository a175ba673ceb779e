"""A square matrix in the form in which it is solved: dense, banded or sparse; each solves and gives its determinant."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import MatrixError
from chainrule.linear._scipy import csgraph, lapack, linalg, sparse, sparse_linalg

__all__ = [
    "Banded",
    "Dense",
    "Inverse",
    "LogDeterminant",
    "SparseLU",
    "array_sign",
    "matrices_slogdet",
    "matrices_solve",
    "permutation_sign",
]

_CHOLESKY_FROM = 48  # rows from which it pays to look whether a matrix is symmetric


class LogDeterminant(NamedTuple):
    """det = sign · exp(value); (0, -inf) for a singular map."""

    sign: Any
    value: Any

    def times(self, count: int) -> LogDeterminant:
        """That of ``count`` equal diagonal blocks."""
        return LogDeterminant(self.sign**count, self.value * count) if count else LogDeterminant(1.0, 0.0)

    def plus(self, other: LogDeterminant) -> LogDeterminant:
        """That of a product."""
        return LogDeterminant(self.sign * other.sign, self.value + other.value)


class Inverse:
    """A square map that can be solved: right-hand sides and solutions are the columns of a matrix.

    ``fragile`` says that the way may fail, or lose digits, where the map itself is neither singular nor badly
    conditioned.
    """

    fragile = False

    def solve(self, right: Any) -> Any:
        """X of shape (rows, columns) with map · X = ``right``; MatrixError if the map is singular."""
        raise NotImplementedError

    def slogdet(self) -> LogDeterminant:
        """The sign and the logarithm of the determinant."""
        raise NotImplementedError


# --------------------------------------------------------------------------------------------------------------- dense
def matrices_solve(matrices: Any, right: Any, what: str) -> Any:
    """Solve a stack of matrices (count, n, n) with right-hand sides (count, n, columns).

    By Cholesky where one real matrix is symmetric and positive definite, else by LU. ``what`` names the matrix in the
    message of the MatrixError that is raised if it is singular.
    """
    if matrices.shape[-1] == 1:
        if not matrices.all():
            at = "" if len(matrices) == 1 else f" at position {int(np.flatnonzero(matrices == 0)[0])}"
            raise MatrixError(f"{what} is zero{at}: the map is singular, J x = b has no single solution")
        return right / matrices
    if len(matrices) == 1 and matrices.shape[-1] >= _CHOLESKY_FROM and _symmetric(matrices[0]):
        posv = lapack.get_lapack_funcs(("posv",), (matrices, right))[0]
        _, found, info = posv(matrices[0], right[0], lower=True)
        if info == 0:
            return found[None]
    try:
        return np.linalg.solve(matrices, right)
    except np.linalg.LinAlgError as error:
        size = matrices.shape[-1]
        raise MatrixError(f"{what}, {size} × {size}, is singular: J x = b has no single solution") from error


def _symmetric(matrix: Any) -> bool:
    """Whether a real matrix is symmetric up to rounding, with a positive diagonal."""
    if np.iscomplexobj(matrix) or not (matrix.diagonal() > 0).all():
        return False
    return bool(np.abs(matrix - matrix.T).max() <= 4 * np.finfo(matrix.dtype).eps * np.abs(matrix).max())


def matrices_slogdet(matrices: Any) -> LogDeterminant:
    """That of the block-diagonal matrix of a stack."""
    if matrices.shape[-1] == 1:
        with np.errstate(divide="ignore"):
            return LogDeterminant(np.prod(np.sign(matrices)), np.log(np.abs(matrices)).sum())
    signs, logarithms = np.linalg.slogdet(matrices)
    return LogDeterminant(np.prod(signs), np.sum(logarithms))


class Dense(Inverse):
    """A matrix without a structure that helps."""

    def __init__(self, matrix: Any) -> None:
        self.matrix = matrix

    def solve(self, right: Any) -> Any:
        return matrices_solve(self.matrix[None], right[None], "the matrix")[0]

    def slogdet(self) -> LogDeterminant:
        return matrices_slogdet(self.matrix[None])


# -------------------------------------------------------------------------------------------------------------- banded
class Banded(Inverse):
    """A band in LAPACK's storage: ``band[above + i - j, j]`` is the entry (i, j)."""

    def __init__(self, below: int, above: int, band: Any) -> None:
        self.below, self.above, self.band = below, above, band

    def _lower(self) -> Any:
        """The lower half of the band if the matrix is symmetric with a positive diagonal, or None."""
        band, reach = self.band, self.above
        if self.below != reach or np.iscomplexobj(band) or not (band[reach] > 0).all():
            return None
        for step in range(1, reach + 1):
            if not np.array_equal(band[reach - step, step:], band[reach + step, : band.shape[1] - step]):
                return None
        return band[reach:]

    def solve(self, right: Any) -> Any:
        lower = self._lower()
        if lower is not None:
            try:
                return linalg.solveh_banded(lower, right, lower=True, check_finite=False)
            except np.linalg.LinAlgError:
                pass  # not positive definite
        try:
            return linalg.solve_banded((self.below, self.above), self.band, right, check_finite=False)
        except np.linalg.LinAlgError as error:
            raise MatrixError(
                f"the band of {self.below} below and {self.above} above the diagonal is singular: J x = b has no "
                f"single solution"
            ) from error

    def slogdet(self) -> LogDeterminant:
        lower = self._lower()
        if lower is not None and len(lower) == 2:
            pttrf = lapack.get_lapack_funcs(("pttrf",), (lower,))[0]
            pivots, _, info = pttrf(lower[0], lower[1, :-1])
            if info == 0:
                return LogDeterminant(1.0, np.log(pivots).sum())
        elif lower is not None:
            try:
                factor = linalg.cholesky_banded(lower, lower=True, check_finite=False)
                return LogDeterminant(1.0, 2 * np.log(factor[0]).sum())
            except np.linalg.LinAlgError:
                pass
        gbtrf = lapack.get_lapack_funcs(("gbtrf",), (self.band,))[0]
        padded = np.vstack([np.zeros((self.below, self.band.shape[1]), self.band.dtype), self.band])
        factor, pivots, _ = gbtrf(padded, self.below, self.above)
        diagonal = factor[self.below + self.above]
        swaps = np.count_nonzero(pivots != np.arange(len(pivots)))
        found = matrices_slogdet(diagonal[:, None, None])
        return LogDeterminant(found.sign * (-1.0) ** swaps, found.value)


# -------------------------------------------------------------------------------------------------------------- sparse
class SparseLU(Inverse):
    """A sparse matrix, given by its CSR array."""

    def __init__(self, matrix: Any) -> None:
        # The rows of a matrix are the columns of its transpose: nothing is converted.
        transposed = sparse.csc_array((matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape)
        try:
            self.factors = sparse_linalg.splu(transposed)
        except RuntimeError:  # exactly singular
            self.factors = None

    def solve(self, right: Any) -> Any:
        if self.factors is None:
            raise MatrixError("the sparse matrix of the map is singular: J x = b has no single solution")
        return self.factors.solve(np.ascontiguousarray(right), trans="T")

    def slogdet(self) -> LogDeterminant:
        if self.factors is None:
            return LogDeterminant(0.0, -np.inf)
        found = matrices_slogdet(self.factors.U.diagonal()[:, None, None])
        sign = found.sign * array_sign(self.factors.perm_r) * array_sign(self.factors.perm_c)
        return LogDeterminant(sign, found.value)


# -------------------------------------------------------------------------------------------------------- permutations
def array_sign(permutation: Any) -> int:
    """The sign of a permutation.

    >>> array_sign(np.array([1, 0, 2])), array_sign(np.array([1, 2, 0]))
    (-1, 1)
    """
    count = len(permutation)
    if not count:
        return 1
    graph = sparse.csr_array((np.ones(count, np.int8), permutation, np.arange(count + 1)), shape=(count, count))
    cycles = csgraph.connected_components(graph, directed=True, connection="weak", return_labels=False)
    return 1 - 2 * int((count - cycles) % 2)


def permutation_sign(sizes: Sequence[int], order: Sequence[int]) -> int:
    """The sign of the permutation of the entries of an array of shape ``sizes`` by transposing its axes to ``order``.

    >>> permutation_sign((2, 2), (1, 0)), permutation_sign((3, 4), (1, 0))
    (-1, 1)
    """
    axes, odd = list(order), 0
    for _ in axes:
        for k in range(len(axes) - 1):
            if axes[k] > axes[k + 1]:  # swap neighbours: each block is turned, in every outer position
                a, b = sizes[axes[k]], sizes[axes[k + 1]]
                around = prod([sizes[axis] for m, axis in enumerate(axes) if m not in (k, k + 1)])
                odd += (a * (a - 1) // 2) * (b * (b - 1) // 2) * around
                axes[k], axes[k + 1] = axes[k + 1], axes[k]
    return 1 - 2 * (odd % 2)
