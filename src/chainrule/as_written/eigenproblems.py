"""SciPy's eigenvalue problems of tracked matrices: general ones, with a second matrix, a few of the values, of bands.

Which eigenvalues are wanted, and which way vectors point, is what SciPy says of the numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

import numpy as np

from chainrule.as_written.making import numbers_of, plain_function, refusing, stacked
from chainrule.as_written.matrices import adjoint, hermitian, of_bands, solve_discrete_lyapunov, solve_sylvester
from chainrule.errors import NoRuleError
from chainrule.ops.options import conjugated

__all__ = ["EIGENPROBLEMS", "WITHOUT"]


def _as_found(found: Any, matrix: Any, factor: Any = None) -> Any:
    """The eigenvalues that are ``found`` in numbers, and vectors as they are there; of a Hermitian matrix."""
    numbers = found[0] if isinstance(found, tuple) else found
    every = np.linalg.eigvalsh(numbers_of(matrix))
    start = int(np.argmin(np.abs(every - numbers[0]))) if len(numbers) else 0
    chosen = slice(start, start + len(numbers))
    if not isinstance(found, tuple):
        return np.linalg.eigvalsh(matrix)[chosen]
    values, vectors = np.linalg.eigh(matrix)
    vectors = vectors[:, chosen]
    vectors = vectors if factor is None else np.linalg.solve(adjoint(factor), vectors)
    turns = np.sum(np.conj(numbers_of(vectors)) * found[1], axis=0)
    return values[chosen], vectors * (turns / np.abs(turns))


def _told(name: str, arguments: Any, options: Any) -> tuple[Any, dict[str, Any]]:
    """What SciPy finds for plain numbers, and the arguments by name."""
    plain = plain_function("scipy.linalg", name)
    told = signature(plain).bind(*arguments, **options)
    told.apply_defaults()
    named = {**told.arguments, **told.arguments.pop("kwargs", {})}
    given, plainly = numbers_of(tuple(arguments)), {each: numbers_of(value) for each, value in options.items()}
    return plain(*given, **plainly), named


def eigh(*arguments: Any, **options: Any) -> Any:
    found, named = _told("eigh", arguments, options)
    if named["type"] != 1:
        raise NoRuleError("scipy.linalg.eigh of tracked values has a rule for type=1 alone: A v = w B v")
    a = hermitian(stacked(named["a"]), named["lower"])
    if named["b"] is None:
        return _as_found(found, a)
    factor = np.linalg.cholesky(hermitian(stacked(named["b"]), named["lower"]))
    half = np.linalg.solve(factor, a)
    return _as_found(found, adjoint(np.linalg.solve(factor, adjoint(half))), factor)


def eigvalsh(a: Any, b: Any = None, *rest: Any, **options: Any) -> Any:
    named = signature(plain_function("scipy.linalg", "eigvalsh")).bind(a, b, *rest, **options).arguments
    return eigh(**named, eigvals_only=True)


def eigh_tridiagonal(*arguments: Any, **options: Any) -> Any:
    found, named = _told("eigh_tridiagonal", arguments, options)
    d, e = stacked(named["d"]), stacked(named["e"])
    return _as_found(found, np.diag(d) + np.diag(e, 1) + np.diag(conjugated(e), -1))


def eigvalsh_tridiagonal(d: Any, e: Any, *rest: Any, **options: Any) -> Any:
    return eigh_tridiagonal(d, e, True, *rest, **options)


def eig_banded(*arguments: Any, **options: Any) -> Any:
    found, named = _told("eig_banded", arguments, options)
    bands = stacked(named["a_band"])
    return _as_found(found, hermitian(of_bands(0 if named["lower"] else len(bands) - 1, bands), named["lower"]))


def eigvals_banded(a_band: Any, lower: Any = False, **options: Any) -> Any:
    return eig_banded(a_band, lower=lower, eigvals_only=True, **options)


def eig(a: Any, b: Any = None, left: bool = False, right: bool = True, **options: Any) -> Any:
    if left or (right and b is not None) or options.get("homogeneous_eigvals"):
        raise NoRuleError(
            "scipy.linalg.eig of tracked values has a rule for eigenvalues, and for right vectors of one matrix. For "
            "left ones, take those of the conjugate transpose"
        )
    a = stacked(a) if b is None else np.linalg.solve(stacked(b), stacked(a))
    if not right:
        return np.linalg.eigvals(a) + 0j
    values, vectors = np.linalg.eig(a)
    return values + 0j, vectors


def eigvals(a: Any, b: Any = None, **_: Any) -> Any:
    return eig(a, b, right=False)


def solve_continuous_are(a: Any, b: Any, q: Any, r: Any, e: Any = None, s: Any = None, balanced: bool = True) -> Any:
    """Two steps of Newton's method from the solution in numbers: derivatives up to the third are the solution's."""
    a, b, q, r = map(stacked, (a, b, q, r))
    x = _numeric("solve_continuous_are", a, b, q, r, e, s, balanced)
    spread = b @ np.linalg.solve(r, adjoint(b))
    for _ in range(2):
        closed = a - spread @ x
        left = adjoint(a) @ x + x @ a - x @ spread @ x + q
        x = x - solve_sylvester(adjoint(closed), closed, left)
    return x


def solve_discrete_are(a: Any, b: Any, q: Any, r: Any, e: Any = None, s: Any = None, balanced: bool = True) -> Any:
    """The same for the equation in steps of time."""
    a, b, q, r = map(stacked, (a, b, q, r))
    x = _numeric("solve_discrete_are", a, b, q, r, e, s, balanced)
    for _ in range(2):
        closed = a - b @ np.linalg.solve(r + adjoint(b) @ x @ b, adjoint(b) @ x @ a)
        left = adjoint(a) @ x @ closed - x + q
        x = x + solve_discrete_lyapunov(adjoint(closed), left)
    return x


def _numeric(name: str, a: Any, b: Any, q: Any, r: Any, e: Any, s: Any, balanced: bool) -> Any:
    if e is not None or s is not None:
        raise NoRuleError(f"scipy.linalg.{name} of tracked values has no rule with e= and s=")
    return plain_function("scipy.linalg", name)(*numbers_of((a, b, q, r)), balanced=balanced)


WITHOUT = {
    "schur": "take np.linalg.eigvals, or np.linalg.eigh of a symmetric matrix",
    "hessenberg": "its factors are a step on the way to eigenvalues; take np.linalg.eigvals",
    "qz": "take scipy.linalg.eigvals(a, b)",
    "ordqz": "take scipy.linalg.eigvals(a, b)",
    "cossin": "take np.linalg.svd of the blocks",
    "ldl": "take np.linalg.cholesky of a definite matrix, or np.linalg.solve",
    "funm": "take expm, logm, sqrtm, or the function of np.linalg.eigh's values",
}
"""Functions that are refused, with what to take in their place."""

EIGENPROBLEMS: dict[str, Callable[..., Any]] = {
    **{
        made.__name__: made
        for made in (
            *(eigh, eigvalsh, eigh_tridiagonal, eigvalsh_tridiagonal, eig_banded, eigvals_banded, eig, eigvals),
            *(solve_continuous_are, solve_discrete_are),
        )
    },
    **{
        name: refusing(f"scipy.linalg.{name} has no rule for tracked values: {other}, or take x.detach()")
        for name, other in WITHOUT.items()
    },
}
"""By SciPy's names, what takes the place of functions in `scipy.linalg` where a matrix is tracked."""
