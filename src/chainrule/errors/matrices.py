"""Jacobians and matrices that are not as somebody needs them: structure, solvers, starting points."""

from __future__ import annotations

import numpy as np

from chainrule.errors.basis import ChainruleError

__all__ = ["ConvergenceError", "DegreeError", "MatrixError", "SparsityError", "StartError", "StructureError"]


class MatrixError(ChainruleError, np.linalg.LinAlgError):
    """A matrix that does not have what was asked for: an inverse, a Cholesky factor, a converged decomposition.

    Wrong: ``np.linalg.inv(cr.tensor([[1.0, 2.0], [2.0, 4.0]]))``: the second row is twice the first.
    Right: ``np.linalg.pinv``, or a matrix with a small multiple of the identity added.
    """


class SparsityError(ChainruleError, ValueError):
    """A sparsity that cannot be read, does not fit the shapes, or leaves out entries that the map has.

    Wrong: ``cr.external(step, jvp=…, sparsity="diagonal")`` for a function whose outputs depend on their neighbours.
    Right: ``sparsity=("banded", 1, 1)``; a place too many costs a little, a place too few would give wrong numbers.
    """


class StartError(ChainruleError, ValueError):
    """A function that is infinite or not a number where a solver is to start.

    Wrong: ``chainrule.interop.scipy.objective(lambda x: np.sum(np.log(x)), np.zeros(3))``.
    Right: ``… , np.ones(3))``.
    """


class DegreeError(ChainruleError, ValueError):
    """A function that is not linear, or not quadratic, given to a solver that takes no other.

    Wrong: ``chainrule.interop.scipy.linear(lambda x: x**2, np.ones(3))``.
    Right: ``chainrule.interop.scipy.residual(lambda x: x**2, np.ones(3))``.
    """


class ConvergenceError(MatrixError):
    """An iterative solution of J x = b that did not come near enough in its number of steps.

    Wrong: ``J.solve(b)`` of a large, badly conditioned map that is known by its products only.
    Right: a preconditioned method of ``scipy.sparse.linalg`` on ``J.operator()``, or ``np.linalg.solve`` on the dense
    array.
    """


class StructureError(ChainruleError, ValueError):
    """A Jacobian that does not have the structure that was asked for.

    Wrong: ``cr.jacobian(np.cumsum)(x).banded()``: its entries fill a triangle.
    Right: look at ``J.structure``, and ask for ``J.sparse()`` or ``J.dense()``.
    """
