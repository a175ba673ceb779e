"""Functions of SciPy's that compute what is tracked in another way, by the module that has them.

SciPy's functions in Python turn what they are given into plain arrays. While code runs as it stands, these take their
place: for plain arrays they are SciPy's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.as_written.distances import of_distance
from chainrule.as_written.distributions import apply_where, of_stats
from chainrule.as_written.eigenproblems import EIGENPROBLEMS
from chainrule.as_written.linear_maps import LINEAR, of_grids
from chainrule.as_written.making import instead, plainly, stacked, within
from chainrule.as_written.matrices import MATRICES
from chainrule.as_written.numbers import of_statistics
from chainrule.as_written.polynomials import VALUES, of_polynomials
from chainrule.as_written.samples import of_clusters, of_distributions, of_kernels, of_trees
from chainrule.as_written.shuffling import of_random
from chainrule.as_written.signals import of_peaks, of_spectra
from chainrule.as_written.sparse_arrays import put_back
from chainrule.as_written.sparse_products import of_sparse
from chainrule.as_written.sparse_solvers import IN_C, of_sparse_linalg
from chainrule.as_written.special import functions_of_special
from chainrule.as_written.splines import of_bsplines, of_fitpack, of_polynomial_pieces
from chainrule.as_written.strided import of_strides

__all__ = ["INSTEAD", "IN_C", "LINEAR", "SOLVERS", "instead", "put_back"]

Places = list[tuple[Any, Mapping[str, Any]]]


def _of_linalg(module: Any) -> Places:
    return [
        (module, {name: instead(getattr(module, name), made) for name, made in {**MATRICES, **EIGENPROBLEMS}.items()})
    ]


def _of_special(module: Any) -> Places:
    return [(module, {name: instead(*pair) for name, pair in functions_of_special(module).items()})]


def _of_extra(module: Any) -> Places:
    return [(module, {"apply_where": instead(module.apply_where, apply_where)})]


def _of_compat(module: Any) -> Places:
    """The functions under NumPy's names that are not NumPy's own."""
    solve = instead(module.linalg.solve, lambda a, b: np.linalg.solve(stacked(a), b))
    return [(module, {"clip": instead(module.clip, np.clip)}), (module.linalg, {"solve": solve})]


def _for_any_arrays(name: str, attribute: str) -> Callable[[Any], Places]:
    """SciPy's own code for the arrays of other libraries, in the place of that in C."""

    def places(module: Any) -> Places:
        plain = getattr(module, name)

        def chosen(*arguments: Any, **options: Any) -> Any:
            return getattr(module, attribute) if within.depth else plain(*arguments, **options)

        return [(module, {name: chosen})]

    return places


def _of_interpolate(module: Any) -> Places:
    grids = of_grids(module.RegularGridInterpolator)
    linear = _linear("scipy.interpolate")(module)
    return [*linear, grids, *of_fitpack(module), *of_bsplines(module), *of_polynomial_pieces(module)]


def _linear(name: str) -> Callable[[Any], Places]:
    def places(module: Any) -> Places:
        made = {each: (getattr(module, each), maker) for each, maker in LINEAR[name].items()}
        return [(module, {each: instead(plain, maker(plainly(plain))) for each, (plain, maker) in made.items()})]

    return places


SOLVERS: set[str] = set(VALUES)
"""Names of functions that call back from other languages, or that would take tensors for something else: where code has
one, plain numbers are not even tried.
"""

INSTEAD: dict[str, Callable[[Any], Places]] = {
    "numpy.lib.stride_tricks": of_strides,
    "numpy.polynomial": of_polynomials,
    "numpy.random._generator": of_random,
    "numpy.random.mtrand": of_random,
    "statistics": of_statistics,
    "scipy.linalg": _of_linalg,
    "scipy._lib.array_api_compat.numpy": _of_compat,
    "scipy._lib.array_api_extra": _of_extra,
    "scipy.signal._peak_finding": of_peaks,
    "scipy.signal._spectral_py": of_spectra,
    "scipy.cluster.vq": of_clusters,
    "scipy.sparse": of_sparse,
    "scipy.sparse.linalg": of_sparse_linalg,
    "scipy.spatial": of_trees,
    "scipy.spatial.distance": of_distance,
    "scipy.special": _of_special,
    "scipy.stats": of_stats,
    "scipy.stats._kde": of_kernels,
    "scipy.stats._stats_py": of_distributions,
    **{name: _linear(name) for name in LINEAR if name != "scipy.integrate"},
    "scipy.interpolate": _of_interpolate,
    "scipy.interpolate._rbfinterp": _for_any_arrays("_get_backend", "_rbfinterp_xp"),
    "scipy.spatial.transform._rotation": _for_any_arrays("select_backend", "xp_backend"),
}
"""By module, what makes the functions that take the place of its own, each with where that is: a module or a class.

Layers above add to it.
"""
