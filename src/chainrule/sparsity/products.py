"""Sparse Jacobians and Hessians from products alone: colour the pattern, multiply, read the entries off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.errors import ShapeError, SparsityError
from chainrule.linear._scipy import sparse
from chainrule.linear.compress import compress
from chainrule.linear.compression import Compression
from chainrule.linear.nonzeros import nonzeros
from chainrule.linear.probe import held_to_account
from chainrule.linear.symmetric import compress_symmetric

__all__ = ["color", "differences", "hessian_by_products", "jacobian_by_products"]

Product = Callable[[Any], Any]


def color(pattern: Any, method: str = "best", *, symmetric: bool = False, order: str = "best") -> Compression:
    """Find few vectors, the products with which hold every entry of a matrix with a known pattern.

    Args:
        pattern: a SciPy sparse array (every stored entry counts), or a two-dimensional array (what is not zero counts).
        method: for any matrix "columns" (one colour for columns that share no row: products with the matrix), "rows"
            (products with its transpose), "both" (some columns and some rows: for a full row beside a full column), or
            "best", the fewest of these. For a symmetric matrix "star" (which is then "best": each entry is read from a
            product) or "acyclic" (fewer products, but rounding adds up where entries follow by substitution).
        symmetric: whether the matrix is symmetric, like a Hessian; half of the pattern is then enough.
        order: of the columns while they are coloured: "natural", "largest first", or "best" of both, tried again a
            few times.

    Returns:
        What was found: ``count`` products; ``column_colours`` and ``row_colours`` (-1: none needed); ``seeds()``, the
        vectors; ``read(products)``, the entries in the order of a CSR array with sorted columns.

    Raises:
        SparsityError: the pattern cannot be read, or there is no such method or order.

    >>> arrow = np.eye(6)
    >>> arrow[0] = arrow[:, 0] = 1
    >>> color(arrow, "columns").count, color(arrow).count, color(arrow, symmetric=True).count
    (6, 3, 2)
    >>> color(arrow, symmetric=True).column_colours
    array([0, 1, 1, 1, 1, 1])
    """
    if symmetric:
        return compress_symmetric(nonzeros(pattern), "star" if method == "best" else method, order)
    return compress(nonzeros(pattern), method, order)


def jacobian_by_products(
    jvp: Product | None,
    pattern: Any,
    *,
    vjp: Product | None = None,
    batched: bool = False,
    check: bool = True,
    dtype: Any = np.float64,
) -> Any:
    """The Jacobian of a black box as a ``scipy.sparse.csr_array``, by few products.

    Args:
        jvp: v ↦ J v for a flat vector v, one number for each column; the result may have any shape. None if there is
            only ``vjp``.
        pattern: where entries can be, as for `color`; or what `color` returned, to colour once and multiply often.
        vjp: v ↦ Jᵀ v; with it, rows may be coloured too.
        batched: the products take many vectors, (count, columns), and return as many results.
        check: hold the result against one more product, with a random vector.
        dtype: that of the vectors and of the result.

    Raises:
        SparsityError: J has entries that the pattern leaves out; or the colouring needs a product that was not given.
        ShapeError: a product has another length than the pattern says.

    >>> A = np.diag([1.0, 2.0, 3.0])
    >>> A[2, 0] = 5.0
    >>> jacobian_by_products(lambda v: A @ v, A).toarray()
    array([[1., 0., 0.],
           [0., 2., 0.],
           [5., 0., 3.]])
    """
    if jvp is None and vjp is None:
        raise SparsityError("jacobian_by_products needs a product: give jvp (J·v) or vjp (Jᵀ·v), or both")
    if isinstance(pattern, Compression):
        found = pattern
    else:
        found = compress(nonzeros(pattern), "rows" if jvp is None else "columns" if vjp is None else "best")
    for given, count, name, what in (
        (jvp, found.column_count, "jvp", "the map"),
        (vjp, found.row_count, "vjp", "the transposed map"),
    ):
        if given is None and count:
            other = "columns" if name == "vjp" else "rows"
            raise SparsityError(
                f"this colouring needs {count} products with {what}, and no {name} was given: give {name}=…, or use "
                f"color(pattern, {other!r})"
            )
    rows, columns = found.pattern.shape
    push, pull = _many(jvp, rows, batched, "jvp"), _many(vjp, columns, batched, "vjp")
    entries = found.entries(push, pull, np.dtype(dtype))
    if check:
        _checked(found, entries, pull if jvp is None else push, transposed=jvp is None)
    return _matrix(found, entries)


def hessian_by_products(
    hvp: Product,
    pattern: Any,
    *,
    method: str = "star",
    batched: bool = False,
    check: bool = True,
    dtype: Any = np.float64,
) -> Any:
    """The Hessian of a black box as a ``scipy.sparse.csr_array``, by few products; both halves are filled.

    Args:
        hvp: v ↦ H v for a flat vector v.
        pattern: where entries can be (half of it is enough); or what ``color(…, symmetric=True)`` returned.
        method: "star" or "acyclic", see `color`.
        batched: the product takes many vectors, (count, size), and returns as many.
        check: hold the result against one more product, with a random vector.
        dtype: that of the vectors and of the result.

    Raises:
        SparsityError: H has entries that the pattern leaves out, or is not symmetric.
        ShapeError: the product has another length than the pattern says.

    >>> H = np.array([[2.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 2.0]])
    >>> bool(np.array_equal(hessian_by_products(lambda v: H @ v, H, method="acyclic").toarray(), H))
    True
    """
    found = pattern if isinstance(pattern, Compression) else compress_symmetric(nonzeros(pattern), method)
    product = _many(hvp, found.pattern.shape[0], batched, "hvp")
    entries = found.entries(product, product, np.dtype(dtype))
    if check:
        _checked(found, entries, product)
    return _matrix(found, entries)


def differences(function: Callable[[Any], Any], x: Any, step: float | None = None) -> Product:
    """The products J v of a function without a derivative, by central differences: two runs of it for each.

    They are good to about ten digits in double precision, and no better than the function is smooth.

    Args:
        function: takes an array like ``x`` and returns an array.
        x: the point.
        step: how far to go, for a vector of ones; by default the third root of the rounding error, times the size of
            ``x`` (at least 1).

    Returns:
        A function of a flat vector v that returns J v, flat: the ``jvp`` of `jacobian_by_products`, or, where
        ``function`` is a gradient, the ``hvp`` of `hessian_by_products`.

    >>> x = np.linspace(1.0, 2.0, 100)
    >>> J = jacobian_by_products(differences(lambda x: x[1:] * x[:-1], x), np.eye(99, 100) + np.eye(99, 100, 1))
    >>> bool(np.allclose(J.diagonal(), x[1:]))
    True
    """
    x = np.asarray(x)
    x = x if x.dtype.kind == "f" else x.astype(float)
    if step is None:
        step = float(np.finfo(x.dtype).eps) ** (1 / 3) * max(1.0, float(np.abs(x).max(initial=0.0)))

    def product(vector: Any) -> Any:
        moved = step * np.reshape(vector, x.shape)
        return (np.ravel(function(x + moved)) - np.ravel(function(x - moved))) / (2 * step)

    return product


def _many(product: Product | None, length: int, batched: bool, name: str) -> Product:
    """A product of many vectors at once, checked."""

    def multiply(vectors: Any) -> Any:
        assert product is not None, "no vector is given to a product that is not there"
        results = product(vectors) if batched else [np.ravel(product(vector)) for vector in vectors]
        found = np.reshape(results, (len(vectors), -1)) if len(vectors) else np.zeros((0, length))
        if found.shape[1] != length:
            raise ShapeError(
                f"{name} was given a vector of {vectors.shape[1]} numbers and returned {found.shape[1]}; the pattern "
                f"says {length}"
            )
        return found

    return multiply


def _checked(found: Compression, entries: Any, product: Product, transposed: bool = False) -> None:
    """One more product, of a random vector."""
    held_to_account(found.pattern, entries, lambda vector: product(vector[None])[0], "the derivative", transposed)


def _matrix(found: Compression, entries: Any) -> Any:
    places = found.pattern
    made = sparse.csr_array((entries, places.indices.copy(), places.indptr.copy()), shape=places.shape)
    made.has_sorted_indices = made.has_canonical_format = True
    return made
