"""grad and value_and_grad: the gradient of a function that returns one number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.backward import one
from chainrule.errors import DtypeError, NotScalarError
from chainrule.transforms.made import made_by
from chainrule.transforms.trace import Trace

__all__ = ["grad", "value_and_grad"]


def value_and_grad(
    function: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False, holomorphic: bool = False
) -> Callable[..., Any]:
    """A function that returns ``(function(*args), gradient)``.

    The gradient has the shape, dtype and containers of the argument (a tuple of gradients if ``argnums`` is one).
    With ``has_aux`` the function returns ``(value, aux)`` and the result is ``((value, aux), gradient)``.
    With respect to a complex z the gradient is ∂L/∂Re z + i ∂L/∂Im z, as in PyTorch; with ``holomorphic`` the function
    returns a complex number, and the result is its complex derivative f′(z).
    Raises :class:`~chainrule.errors.NotScalarError` unless the value is one number,
    :class:`~chainrule.errors.DtypeError` for integer arguments and for truth values, and
    :class:`~chainrule.errors.HolomorphicError` for a complex value without ``holomorphic``, or where a step has no
    complex derivative.

    >>> import numpy as np
    >>> value_and_grad(lambda x: np.sum(x**3))(np.array([1.0, 2.0]))
    (np.float64(9.0), array([ 3., 12.]))
    >>> value_and_grad(lambda z: abs(z) ** 2)(3 + 4j)
    (np.float64(25.0), np.complex128(6+8j))
    >>> value_and_grad(lambda z: z**2, holomorphic=True)(3 + 4j)
    (np.complex128(-7+24j), np.complex128(6+8j))
    """

    @made_by(value_and_grad, function, argnums=argnums, has_aux=has_aux, holomorphic=holomorphic)
    def differentiated(*arguments: Any, **options: Any) -> Any:
        trace = Trace(function, arguments, options, argnums, has_aux, "grad")
        output = scalar_output(trace)
        if holomorphic or output.dtype.kind == "c":
            trace.check_holomorphic(holomorphic)
        gradients = trace.pull([one(output.shape, output.dtype)])
        if holomorphic:
            gradients = [np.conjugate(gradient) for gradient in gradients]
        value = trace.value
        return ((value, trace.aux) if has_aux else value), trace.regroup(gradients)

    return differentiated


def scalar_output(trace: Trace) -> Any:
    """The array of the one number that the function returned."""
    if len(trace.outputs) != 1:
        raise NotScalarError(
            f"grad: the function returned {len(trace.outputs)} values; a gradient is of one number. Use "
            "cr.jacobian or cr.vjp for several, or has_aux=True if the others are not to be differentiated."
        )
    output = getattr(trace.outputs[0], "value", trace.outputs[0])
    output = output if hasattr(output, "shape") else np.asarray(output)
    if output.dtype.kind == "b":
        raise DtypeError("grad: the function returned a truth value, which has no gradient; return a number.")
    if output.size != 1:
        raise NotScalarError(
            f"grad: the function returned an array of shape {output.shape}; a gradient is of one number. Reduce it "
            "(np.sum, np.mean), or use cr.jacobian(f)(x) for all rows, or cr.vjp for vᵀJ."
        )
    return output


def grad(
    function: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False, holomorphic: bool = False
) -> Callable[..., Any]:
    """A function that returns the gradient of ``function``, in the shape of its argument. Any order: ``grad(grad(f))``.

    With ``has_aux`` the result is ``(gradient, aux)``. Complex numbers and errors as for `value_and_grad`.

    >>> import numpy as np
    >>> grad(lambda x: np.sum(np.sin(x)))(np.array([0.0, np.pi]))
    array([ 1., -1.])
    >>> float(grad(grad(lambda x: x**3))(2.0))
    12.0
    """
    both = value_and_grad(function, argnums, has_aux, holomorphic)

    @made_by(grad, function, argnums=argnums, has_aux=has_aux, holomorphic=holomorphic)
    def gradient(*arguments: Any, **options: Any) -> Any:
        value, result = both(*arguments, **options)
        return (result, value[1]) if has_aux else result

    gradient.gradient_of = (function, argnums)  # type: ignore[attr-defined]
    return gradient
