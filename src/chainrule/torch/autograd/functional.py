"""``torch.autograd.functional``: Jacobians, Hessians and products with them, of a function at a point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import StandInRuntimeError, StandInTypeError
from chainrule.ops.elementwise import clone
from chainrule.torch.autograd.gradients import enable_grad, grad
from chainrule.torch.joining import stack
from chainrule.torch.messages import listed
from chainrule.torch.recording import apply
from chainrule.torch.shaping import reshape
from chainrule.torch.tensors import Tensor

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def as_tuple(value: Any, what: str, function: str) -> tuple[tuple[Any, ...], bool]:
    """Tensors as a tuple, and whether they were one."""
    many = isinstance(value, tuple)
    found = tuple(value) if many else (value,)
    for number, item in enumerate(found):
        if not isinstance(item, Tensor):
            if many:
                raise StandInTypeError(
                    f"The {what} given to {function} must be either a Tensor or a tuple of Tensors but the value at "
                    f"index {number} "
                    f"has type {type(item)}."
                )
            raise StandInTypeError(
                f"The {what} given to {function} must be either a Tensor or a tuple of Tensors but the given {what} "
                "has type "
                f"{type(item)}."
            )
    return found, many


def prepared(inputs: Sequence[Any], create_graph: bool) -> tuple[Any, ...]:
    """Fresh points to differentiate at; connected to the given ones if the result is to be differentiated."""
    if create_graph:
        return tuple([apply(clone, (x,)) if x.requires_grad else Tensor(x.value, None, True) for x in inputs])
    return tuple([Tensor(x.value, None, True) for x in inputs])


def shown(results: Sequence[Any], many: bool, create_graph: bool) -> Any:
    """Results, detached unless they are to be differentiated."""
    made = [result if create_graph else result.detach() for result in results]
    return tuple(made) if many else made[0]


def evaluated(func: Callable[..., Any], points: Sequence[Any], function: str) -> tuple[tuple[Any, ...], bool]:
    """The function's result at the points, recorded."""
    with enable_grad():
        return as_tuple(func(*points), "outputs of the user-provided function", function)


def pulled(roots: Sequence[Any], points: Sequence[Any], cotangents: Any, create_graph: bool) -> list[Any]:
    """Gradients, zeros where there is no path."""
    tracked = [(root, v) for root, v in zip(roots, cotangents, strict=True) if root.requires_grad]
    if not tracked:
        return [Tensor(np.zeros_like(x.value), None) for x in points]
    outputs, vectors = zip(*tracked, strict=True)
    with enable_grad():
        return list(grad(outputs, points, vectors, True, create_graph, materialize_grads=True))


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of ``func`` at ``inputs``, of shape output.shape + input.shape.

    A tuple for several inputs, a tuple of those for several outputs.

    >>> jacobian(lambda x: x * x, Tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    points, many_in = as_tuple(inputs, "inputs", "jacobian")
    leaves = prepared(points, create_graph)
    outputs, many_out = evaluated(func, leaves, "jacobian")
    rows: list[Any] = []
    for output in outputs:
        if output.is_complex():
            raise StandInRuntimeError(
                f"grad can be implicitly created only for real scalar outputs but got {output.dtype}\n"
                "Take torch.view_as_real of it: the Jacobian of the parts."
            )
        columns: list[list[Any]] = [[] for _ in leaves]
        for place in range(output.value.size):
            seed = np.zeros(output.value.size, output.value.dtype)
            seed[place] = 1
            cotangent = Tensor(seed.reshape(output.value.shape), None)
            for column, part in zip(columns, pulled([output], leaves, [cotangent], create_graph), strict=True):
                column.append(part)
        rows.append(
            shown([joined(column, output, x) for column, x in zip(columns, leaves, strict=True)], many_in, create_graph)
        )
    return tuple(rows) if many_out else rows[0]


def joined(rows: Sequence[Any], output: Any, point: Any) -> Any:
    """The rows of a Jacobian as one tensor of shape output.shape + point.shape."""
    shape = (*output.value.shape, *point.value.shape)
    if not rows:
        return Tensor(np.zeros(shape, output.value.dtype), None)
    return reshape(stack(list(rows)), shape)


def single_output(outputs: Sequence[Any], many: bool, function: str) -> Any:
    """The one number that a function returned."""
    if many:
        raise StandInRuntimeError(f"The function given to {function} should return a single Tensor")
    (output,) = outputs
    if output.value.size != 1:
        raise StandInRuntimeError(
            f"The Tensor returned by the function given to {function} should contain a single element\n"
            f"Its shape is {listed(output.value.shape)}."
        )
    return reshape(output, ())


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of a function of one number; for several inputs a tuple of tuples.

    >>> hessian(lambda x: (x * x * x).sum(), Tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    points, many = as_tuple(inputs, "inputs", "hessian")

    def gradient(*leaves: Any) -> Any:
        connected = tuple([apply(clone, (leaf,)) for leaf in leaves])
        outputs, several = evaluated(func, connected, "hessian")
        return tuple(pulled([single_output(outputs, several, "hessian")], connected, [None], True))

    result = jacobian(gradient, points, create_graph)
    return result if many else result[0][0]


def cotangents(v: Any, outputs: Sequence[Any], function: str, against: str = "output") -> tuple[Any, ...]:
    """The vectors of a product, checked; ones for a single number."""
    if v is None:
        if len(outputs) != 1 or outputs[0].value.size != 1:
            if against == "input":
                raise StandInRuntimeError(
                    "The vector v can only be None if the input to the user-provided function is a single Tensor "
                    "with a single "
                    "element."
                )
            raise StandInRuntimeError(
                "The vector v can only be None if the user-provided function returns a single Tensor with a single "
                "element."
            )
        return (Tensor(np.ones_like(outputs[0].value), None),)
    vectors, _ = as_tuple(v, "v", function)
    if len(vectors) != len(outputs):
        raise StandInRuntimeError(f"v is a tuple of invalid length: should be {len(outputs)} but got {len(vectors)}.")
    for vector, output in zip(vectors, outputs, strict=True):
        if vector.value.shape != output.value.shape:
            raise StandInRuntimeError(
                f"v has invalid size: should be torch.Size({listed(output.value.shape)}) but got "
                f"torch.Size({listed(vector.value.shape)})."
            )
    return vectors


def vjp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """``func(inputs)`` and vᵀJ."""
    points, many_in = as_tuple(inputs, "inputs", "vjp")
    leaves = prepared(points, create_graph)
    outputs, many_out = evaluated(func, leaves, "vjp")
    found = pulled(outputs, leaves, cotangents(v, outputs, "vjp"), create_graph)
    return shown(outputs, many_out, create_graph), shown(found, many_in, create_graph)


def jvp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """``func(inputs)`` and Jv, by differentiating vᵀJ with respect to v."""
    points, _ = as_tuple(inputs, "inputs", "jvp")
    vectors = cotangents(v, points, "jvp", "input")
    leaves = prepared(points, create_graph)
    outputs, many_out = evaluated(func, leaves, "jvp")
    weights = tuple([Tensor(np.zeros_like(output.value), None, True) for output in outputs])
    parts = pulled(outputs, leaves, weights, True)
    found = pulled(parts, weights, vectors, create_graph)
    return shown(outputs, many_out, create_graph), shown(found, many_out, create_graph)


def vhp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """The value of a function of one number and vᵀH."""
    points, many = as_tuple(inputs, "inputs", "vhp")
    vectors = cotangents(v, points, "vhp", "input")
    leaves = prepared(points, create_graph)
    outputs, several_out = evaluated(func, leaves, "vhp")
    root = single_output(outputs, several_out, "vhp")
    gradients = pulled([root], leaves, [None], True)
    found = pulled(gradients, leaves, vectors, create_graph)
    return shown(outputs, False, create_graph), shown(found, many, create_graph)


def hvp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """The value of a function of one number and Hv, which is vᵀH transposed: H is symmetric."""
    return vhp(func, inputs, v, create_graph, strict)
