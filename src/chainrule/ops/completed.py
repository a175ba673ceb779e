"""Vectors that complete a basis: those of the full `np.linalg.svd` and the complete `np.linalg.qr`.

    H N = 0, Nᴴ N = I           ∂N[i,b]/∂H[j,k] = −H⁺[i,j] N[k,b]

N may be multiplied from the right by any unitary matrix. The derivative is that which does not turn it, which is right
for all that such turns do not change, as N Nᴴ; a gradient of what they do change is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import NoDerivativeError
from chainrule.linear.term import Factor, Pattern, Term, pattern
from chainrule.op import Call, General, define
from chainrule.ops.decompose import CONVERGENCE, completed_qr, part, term_patterns
from chainrule.ops.hermitian import FreeOfChoice, transposed
from chainrule.ops.linalg import guarded
from chainrule.ops.options import plain, shape_of
from chainrule.ops.writing import calling

__all__ = ["completing"]

WAY_OUT = {
    "left": "np.linalg.svd with full_matrices=True: {} Pass full_matrices=False.",
    "right": "np.linalg.svd with full_matrices=True: {} Pass full_matrices=False.",
    "qr": "np.linalg.qr with mode='complete': {} Pass mode='reduced'.",
}


def completing_forward(h: Any, source: str) -> Any:
    """The vectors as NumPy makes them: from H itself if it is what was decomposed, from Hᴴ otherwise."""
    count = shape_of(h)[-2]
    if source == "right":
        return transposed(part(2, "full svd", np.linalg.svd, h)[..., count:, :])
    a = transposed(h)
    vectors = completed_qr(a)[0] if source == "qr" else part(0, "full svd", np.linalg.svd, a)
    return vectors[..., count:]


def completing_terms(call: Call, position: int, out: Any, h: Any) -> list[Term]:
    """∂N[i,b]/∂H[j,k] = −H⁺[i,j] N[k,b], if the rows of H are independent."""

    def make(batch: list[int], i: int, b: int, j: int, k: int) -> Sequence[Pattern]:
        rows, n = shape_of(h)[-2:]
        sizes = [*shape_of(h)[:-2], n, n - rows, rows, n]
        return [pattern(sizes, [*batch, i, b], [*batch, j, k], [[*batch, i, j], [*batch, k, b], []])[0]]

    (made,) = term_patterns(call, make, _patterns)
    source = call.params["source"]
    values = np.linalg.svd(plain(h), compute_uv=False)
    if np.any(np.min(values, -1, initial=np.inf) <= np.max(values, -1, initial=0.0) * 1e-14):
        raise NoDerivativeError(
            WAY_OUT[source].format(
                "the vectors that complete the basis are those of a matrix whose rank changes nearby, and have no "
                "derivative."
            )
        )
    return [Term(made, (np.linalg.pinv(h), out, -1.0))]


def unturned_terms(call: Call, position: int, out: Any) -> list[Term]:
    """The identity; see `FreeOfTurns`."""

    def make(batch: list[int], i: int, b: int, k: int, _: int) -> Sequence[Pattern]:
        sizes = [*call.shapes[0], call.shapes[0][-2]]
        whole: list[Any] = [Factor((*batch, b, i, k), opaque=True)]
        return [pattern(sizes, [*batch, i, b], [*batch, k, b], whole)[0]]

    (made,) = term_patterns(call, make, _unturned_patterns)
    return [Term(made, (FreeOfTurns(plain(out), call.params["source"]),))]


_patterns: dict[Any, Any] = {}
_unturned_patterns: dict[Any, Any] = {}


class FreeOfTurns(FreeOfChoice):
    """That of vectors N which may be multiplied by any unitary matrix: the changes are N Ω with Ω + Ωᴴ = 0."""

    def __init__(self, vectors: Any, source: str) -> None:
        super().__init__(vectors)
        self.problem = WAY_OUT[source].format(
            "the vectors that complete the basis are not unique, and what was computed of them depends "
            "on the choice: it has no derivative. Use what does not, as N Nᴴ."
        )

    def changes(self, numbers: Any) -> tuple[Any, Any]:
        """The part of Nᴴ cotangent that N Ω meets."""
        products = np.einsum("...ai,...bic->...abc", self.vectors, numbers)
        return np.abs(products - np.conjugate(np.swapaxes(products, -3, -2))), np.abs(numbers)


completing_vectors = define(
    "completing_vectors",
    guarded("np.linalg.svd", completing_forward, CONVERGENCE, square=False),
    General(completing_terms, ("out", "h"), ("h",)),
    arguments=("h",),
    notation=calling("completing_vectors"),
    listed=False,
    takes_complex=True,
)
unturned = define(
    "unturned",
    lambda vectors, source: vectors.copy(),
    General(unturned_terms, ("out",), ("vectors",)),
    arguments=("vectors",),
    notation=calling("unturned"),
    listed=False,
    takes_complex=True,
)


def completing(h: Any, source: str) -> Any:
    """Orthonormal vectors N with H N = 0, those of the decomposition that ``source`` names."""
    return unturned(completing_vectors(h, source=source), source=source)
