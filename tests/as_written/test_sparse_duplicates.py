"""Entries of sparse arrays at one place, as assembly makes them: they add up where SciPy adds them, and only there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

import chainrule as cr

x0 = np.array([0.3, 1.2, 0.7, 2.1])
rows, columns = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0])  # the numbers of the first two add up to the third's
indices, starts = np.array([1, 1, 0, 1]), np.array([0, 3, 4])


def coo(x: Any) -> Any:
    return sp.coo_matrix((x, (rows, columns)), shape=(2, 2))


def twice_in_a_row(x: Any) -> Any:
    return sp.csr_array((x, indices, starts), shape=(2, 2))


def written(x: Any) -> Any:
    A = sp.lil_array((2, 2))
    A[1, 1] = sp.coo_matrix((x[:2], ([0, 0], [0, 0])), shape=(1, 1))
    return A.toarray()


def with_data(x: Any) -> Any:
    A = sp.csr_matrix((x, (rows, columns)))
    A.data = A.data**2
    return A @ np.array([1.0, 3.0])


USES: dict[str, Callable[[Any], Any]] = {
    "CSR": lambda x: sp.csr_matrix((x, (rows, columns)), shape=(2, 2)).toarray(),
    "CSC": lambda x: sp.csc_array((x, (rows, columns)), shape=(2, 2)).toarray(),
    "CSR, shape from the places": lambda x: sp.csr_array((x, (rows, columns))) @ x[:2],
    "CSR, dtype": lambda x: sp.csr_array((x, (rows, columns)), dtype=complex).toarray().real,
    "BSR": lambda x: sp.bsr_matrix((x, (rows, columns)), shape=(2, 2)).toarray(),
    "data of CSR": lambda x: sp.csr_matrix((x, (rows, columns)), shape=(2, 2)).data,
    "data that are replaced": with_data,
    "CSR of COO": lambda x: sp.csr_matrix(coo(x)).toarray(),
    "LIL of COO": lambda x: sp.lil_array(coo(x)).toarray(),
    "DIA of COO": lambda x: sp.dia_matrix(coo(x)).toarray(),
    "COO of COO": lambda x: sp.coo_array(coo(x)).data,
    "converted": lambda x: coo(x).tocsr().toarray() + coo(x).tobsr().toarray() + coo(x).todia().toarray(),
    "transposed": lambda x: coo(x).T.data,
    "diagonal": lambda x: coo(x).diagonal(),
    "copied": lambda x: coo(x).copy().toarray(),
    "stacked, CSR": lambda x: sp.vstack([coo(x), coo(x)], format="csr").toarray(),
    "stacked, COO": lambda x: sp.hstack([coo(x), coo(x)]).data,
    "blocks": lambda x: sp.bmat([[coo(x), None], [sp.eye(2), coo(x)]], format="csr").toarray(),
    "triangle": lambda x: sp.tril(coo(x), format="csr").toarray(),
    "constant below, tracked above": lambda x: sp.vstack([coo(np.ones(4)), sp.diags(x[:2])], format="csr").toarray(),
    "twice in a row": lambda x: sp.csc_array(twice_in_a_row(x)).toarray(),
    "twice in a row, added": lambda x: (twice_in_a_row(x) + sp.eye_array(2)).toarray(),
    "twice in a row, one entry": lambda x: twice_in_a_row(x)[0, 1],
    "written": written,
}


@pytest.mark.parametrize("name", USES)
def test_what_stands_at_one_place(name: str) -> None:
    f = USES[name]
    expected = np.asarray(f(x0.copy()))
    np.testing.assert_allclose(np.asarray(cr.vjp(f, x0)[0]), expected, rtol=1e-14)
    differences = np.stack([(f(x0 + h) - f(x0 - h)) / 2e-6 for h in 1e-6 * np.eye(4)], -1)
    np.testing.assert_allclose(cr.jacobian(f)(x0).dense(), differences, rtol=1e-6, atol=1e-8)
    v = np.cos(np.arange(4.0))
    np.testing.assert_allclose(cr.jvp(f, (x0,), (v,))[1], differences @ v, rtol=1e-6, atol=1e-8)


def test_assembly_at_random() -> None:
    random = np.random.default_rng(0)
    for kind in (sp.csr_array, sp.csc_matrix, sp.bsr_array):
        for _ in range(5):
            i, j = random.integers(0, 6, (2, 40))
            x = random.normal(size=40)

            def f(x: Any, kind: Any = kind, i: Any = i, j: Any = j) -> Any:
                return kind((x, (i, j)), shape=(6, 6)).toarray()

            np.testing.assert_allclose(cr.vjp(f, x)[0], f(x), atol=1e-14)
            cotangent = random.normal(size=(6, 6))
            np.testing.assert_array_equal(cr.vjp(f, x)[1](cotangent)[0], cotangent[i, j])
