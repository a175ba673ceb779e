"""jacobian: the derivative as a structured map, in the form that a person would write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import GradientError, NotTrackedError
from chainrule.linear.jacobian import Jacobian
from chainrule.program.accumulate import jacobian_terms
from chainrule.tensor import Tensor
from chainrule.transforms.made import made_by
from chainrule.transforms.recorded import replaying
from chainrule.transforms.trace import Trace, with_own_points
from chainrule.transforms.trees import unflatten

__all__ = ["jacobian", "tape_jacobian"]


def jacobian(
    function: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False, holomorphic: bool = False
) -> Callable[..., Any]:
    """A function that returns the :class:`~chainrule.linear.jacobian.Jacobian` of ``function``.

    Its shape is out.shape + arg.shape; only the numbers that a person would write are kept (``.stored``). For nested
    results and arguments: the containers of the result, each leaf the containers of the argument.

    The second call with arguments of the same shapes replays the first on the new numbers. What is kept of the point is
    a copy; arrays that are only data to the function are kept as they are, not copied.

    Of real arguments the result may be complex. With respect to complex ones, ``holomorphic`` asks for the complex
    derivatives; it is an error (:class:`~chainrule.errors.HolomorphicError`) where a step has none.

    >>> import numpy as np
    >>> x, W = np.array([1.0, 2.0]), np.ones((2, 3))
    >>> J = jacobian(lambda W: x @ W)(W)  # ∂h_i/∂W_jk = x_j δ_ik
    >>> J.shape, J.stored, J.entries
    ((3, 2, 3), 2, 6)
    """

    def derived(*arguments: Any, **options: Any) -> Any:
        points = with_own_points(arguments, argnums, "jacobian")
        trace = Trace(function, points, options, argnums, has_aux, "jacobian")
        if holomorphic or trace.is_of_complex:
            trace.check_holomorphic(holomorphic)
        rows = [trace.regroup(trace.jacobians(output, trace.inputs)) for output in trace.outputs]
        result = unflatten(trace.result_structure, rows)
        return (result, trace.aux) if has_aux else result

    made = made_by(jacobian, function, argnums=argnums, has_aux=has_aux, holomorphic=holomorphic)
    if has_aux:  # what else the function returns, nothing is known of
        return made(derived)
    return replaying(made, derived, function, argnums)


def tape_jacobian(output: Tensor, source: Tensor) -> Jacobian:
    """The Jacobian of one tensor with respect to another that it was computed from, read off the tape.

    ``source`` may be a leaf or any intermediate tensor. Raises :class:`~chainrule.errors.NotTrackedError` if
    either is not tracked, and :class:`~chainrule.errors.GradientError` if there is no path between them.

    >>> x = Tensor(np.array([1.0, 2.0]), None, True)
    >>> h = x * x
    >>> tape_jacobian(np.sin(h), h).stored
    2
    """
    for tensor, role in ((output, "output"), (source, "source")):
        if getattr(tensor, "vertex", None) is None:
            raise NotTrackedError(
                f"tape_jacobian: the {role} is not tracked: nothing it was computed from requires grad"
            )
    with np.errstate(all="ignore"):
        found = jacobian_terms(output.vertex, [source.vertex])
    if source.vertex not in found:
        raise GradientError("tape_jacobian: the output does not depend on the source")
    dtype = np.result_type(output.value.dtype, source.value.dtype)
    return Jacobian(found[source.vertex], tuple(output.value.shape), tuple(source.value.shape), dtype)
