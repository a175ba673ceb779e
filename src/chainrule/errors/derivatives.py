"""Derivatives that cannot be taken as asked, and values that would lose theirs."""

from __future__ import annotations

from chainrule.errors.basis import ChainruleError

__all__ = [
    "AssignmentError",
    "FreedGraphError",
    "GradientError",
    "HolomorphicError",
    "LeafError",
    "ModifiedError",
    "NoDerivativeError",
    "NoRuleError",
    "NotFiniteError",
    "NotScalarError",
    "NotTrackedError",
    "RuleError",
]


class GradientError(ChainruleError, RuntimeError):
    """A derivative that cannot be taken as asked."""


class NotScalarError(GradientError):
    """``backward()`` of an array: there is no single gradient of several numbers.

    Wrong: ``(x ** 2).backward()`` for a vector ``x``.
    Right: ``(x ** 2).sum().backward()``, or give the cotangent ``(x ** 2).backward(v)`` which computes vᵀJ, or ask
    for the Jacobian itself: ``cr.jacobian(f)(x)``.
    """


class NotTrackedError(GradientError):
    """The result does not depend on anything that requires grad, so there is nothing to differentiate.

    Wrong: ``cr.tensor([1.0, 2.0]).sum().backward()``.
    Right: ``cr.tensor([1.0, 2.0], requires_grad=True).sum().backward()``.
    """


class FreedGraphError(GradientError):
    """A second ``backward()`` through a graph whose kept values were freed by the first.

    Right: ``y.backward(retain_graph=True)`` the first time, or compute ``y`` again.
    """


class ModifiedError(GradientError):
    """A value that the derivative needs was overwritten in place after it was used.

    Wrong: ``y = np.exp(x); y += 1; y.sum().backward()``: the derivative of exp is its old result.
    Right: ``y = y + 1``, or write to a copy.

    ``value`` is the value as it is now, ``whose`` the name of the step that made or last overwrote it (if known), and
    ``writes`` counts how often it was overwritten.
    """

    value: object = None
    whose: str = ""
    writes: int = 1


class LeafError(GradientError):
    """A tensor that requires grad and was computed from nothing is overwritten: its gradient would belong to nothing.

    Wrong: ``x = cr.tensor([1.0], requires_grad=True); x += 1``.
    Right: ``y = x + 1``, or write under ``with cr.no_grad():`` if the change is no part of the computation.
    """


class NotFiniteError(GradientError, ArithmeticError):
    """Inside ``cr.debug()``: the first number that is NaN or infinite, in a result or in a derivative.

    Wrong: ``with cr.debug(): cr.grad(np.sqrt)(0.0)``: the derivative of the root at 0 is infinite.
    Right: whatever the line that is named was meant to say.
    """


class NoDerivativeError(GradientError):
    """The derivative does not exist there, or the operation has none."""


class HolomorphicError(GradientError):
    """A complex derivative of a function that has none, or that was not asked for.

    Wrong: ``cr.jacobian(np.exp)(1j)``, and ``cr.jacobian(np.conjugate, holomorphic=True)(1j)``.
    Right: ``cr.jacobian(np.exp, holomorphic=True)(1j)``; of conj the Jacobian with respect to the real and the
    imaginary part, ``cr.jacobian(lambda x, y: np.conjugate(x + 1j * y), (0, 1))(0.0, 1.0)``.
    """


class NoRuleError(ChainruleError, TypeError):
    """A NumPy function was called on a tracked tensor and chainrule has no rule for it.

    Right: write it with functions that have rules, or give it one: ``cr.define``.
    """


class AssignmentError(ChainruleError, TypeError):
    """A tracked value was put into a plain NumPy array, which would forget where it came from.

    Wrong: ``out = np.zeros(3); out[0] = x[0] * 2``.
    Right: ``out = cr.zeros(3)``, or ``np.stack([...])``.
    """


class RuleError(ChainruleError, ValueError):
    """A local Jacobian given to ``cr.define`` that cannot be read, or does not fit the shapes.

    Wrong: ``cr.define(lambda a, b: a @ b, "ik, ij <- b:kj", …)``: b has shape (j, k).
    Right: name the axes in the order in which the array has them, ``b:jk``.
    """
