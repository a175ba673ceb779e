"""``torch.autograd.gradcheck``: the gradients against differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.errors import StandInRuntimeError
from chainrule.torch.autograd.functional import as_tuple, evaluated, pulled
from chainrule.torch.autograd.gradients import no_grad
from chainrule.torch.tensors import Tensor

__all__ = ["gradcheck", "gradgradcheck"]


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    **options: Any,
) -> bool:
    """Whether the gradients agree with central differences; inputs should be float64.

    >>> gradcheck(lambda x: x * x, Tensor([1.0, 2.0]).double().requires_grad_())
    True
    """
    given = tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)
    tracked = [place for place, x in enumerate(given) if isinstance(x, Tensor) and x.requires_grad]
    if not tracked:
        raise StandInRuntimeError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have "
            "requires_grad=True."
        )
    points = [
        Tensor(x.value.copy(), None, place in tracked) if isinstance(x, Tensor) else x for place, x in enumerate(given)
    ]
    outputs, _ = evaluated(func, points, "gradcheck")
    if any([isinstance(x, Tensor) and x.is_complex() for x in (*points, *outputs)]):
        raise StandInRuntimeError(
            "gradcheck: complex numbers are not checked here.\nCheck a function of their parts: "
            "torch.complex(x, y) inside, torch.view_as_real(...) of the result."
        )
    for number, output in enumerate(outputs):
        if output.value.dtype.kind != "f":
            continue
        for place in tracked:
            numeric = differences(func, points, place, number, eps)
            analytic = np.zeros_like(numeric)
            for row in range(output.value.size):
                seed = np.zeros(output.value.size, output.value.dtype)
                seed[row] = 1
                cotangent = Tensor(seed.reshape(output.value.shape), None)
                (found,) = pulled([output], [points[place]], [cotangent], False)
                analytic[:, row] = found.value.ravel()
            if not np.allclose(analytic, numeric, rtol, atol):
                if not raise_exception:
                    return False
                raise StandInRuntimeError(
                    f"Jacobian mismatch for output {number} with respect to input "
                    f"{place},\nnumerical:{Tensor(numeric, None)}\n"
                    f"analytical:{Tensor(analytic, None)}\n"
                )
    return True


def differences(func: Callable[..., Any], points: list[Any], place: int, number: int, eps: float) -> Any:
    """The transposed Jacobian of one output with respect to one input, by central differences."""
    array = points[place].value
    flat = array.reshape(-1)
    rows = []
    for position in range(flat.size):
        sides = []
        before = flat[position]
        for step in (eps, -eps):
            flat[position] = before + step
            with no_grad():
                sides.append(np.array(as_tuple(func(*points), "outputs", "gradcheck")[0][number].value))
        flat[position] = before
        rows.append(((sides[0] - sides[1]) / (2 * eps)).ravel())
    return np.array(rows)


def gradgradcheck(func: Callable[..., Any], inputs: Any, grad_outputs: Any = None, **options: Any) -> bool:
    """Whether the gradients of the gradients agree with central differences."""
    given = tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)

    def gradients(*points: Any) -> Any:
        outputs, _ = evaluated(func, points, "gradgradcheck")
        weights = [Tensor(np.ones_like(output.value), None) for output in outputs]
        tracked = [x for x in points if isinstance(x, Tensor) and x.requires_grad]
        return tuple(pulled(outputs, tracked, weights, True))

    return gradcheck(gradients, given, **options)
