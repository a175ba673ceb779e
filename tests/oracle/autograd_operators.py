"""autograd's differential operators: its conventions and its ways of naming arguments, in terms of chainrule's."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.transforms.trees import map_tree

__all__ = [
    "OF_FUNCTIONS",
    "OPERATORS",
    "conjugate",
    "is_tensor",
    "make_jvp",
    "make_vjp",
    "name_of",
    "real_numbers",
    "unary_to_nary",
]

Function = Callable[..., Any]


def unary_to_nary(operator: Function) -> Function:
    """An operator on functions of one argument, for functions of several: ``argnum`` names one, or some as a tuple."""

    def nary(function: Function, argnum: Any = 0, *more: Any, **options: Any) -> Function:
        def applied(*arguments: Any, **keywords: Any) -> Any:
            def unary(x: Any) -> Any:
                given = list(arguments)
                for position, value in [(argnum, x)] if isinstance(argnum, int) else zip(argnum, x, strict=True):
                    given[position] = value
                return function(*given, **keywords)

            unary.__name__ = name_of(function)
            x = arguments[argnum] if isinstance(argnum, int) else tuple(arguments[i] for i in argnum)
            return operator(unary, x, *more, **options)

        applied.__name__ = f"{name_of(operator)}_of_{name_of(function)}_wrt_argnum_{argnum}"
        applied.__doc__ = f"    {name_of(operator)} of function {name_of(function)} with respect to argument {argnum}."
        return applied

    return wraps(operator)(nary)


def name_of(function: Any) -> str:
    return getattr(function, "__name__", "[unknown name]")


def real_numbers(tree: Any) -> Any:
    """Integers as floats, which is what autograd takes them for."""
    return map_tree(lambda x: x if is_tensor(x) or np.asarray(x).dtype.kind in "fc" else np.asarray(x, float)[()], tree)


def is_tensor(x: Any) -> bool:
    return isinstance(x, cr.Tensor)


def conjugate(tree: Any) -> Any:
    """The other convention of complex gradients."""
    return map_tree(lambda x: np.conjugate(x) if np.iscomplexobj(x) else x, tree)


def of_type(tree: Any, kind: Function) -> Any:
    return map_tree(lambda x: kind(x) if is_tensor(x) else kind(np.asarray(x))[()], tree)


def as_type_error(function: Function) -> Function:
    """autograd says with a TypeError what is no gradient of one real number."""

    @wraps(function)
    def called(*arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except (cr.errors.NotScalarError, cr.errors.HolomorphicError, cr.errors.NotTrackedError) as problem:
            raise TypeError(str(problem)) from problem

    return called


# -------------------------------------------------------------------------------------------- differential operators
def make_vjp(function: Function, x: Any) -> tuple[Function, Any]:
    value, pull = cr.vjp(function, real_numbers(x))
    return (lambda cotangent: conjugate(pull(conjugate(cotangent))[0])), value


def make_jvp(function: Function, x: Any) -> Function:
    return lambda tangent: cr.jvp(function, (real_numbers(x),), (tangent,))


@as_type_error
def grad(function: Function, x: Any) -> Any:
    """Returns a function which is the gradient of `function`."""
    return conjugate(cr.grad(function)(real_numbers(x)))


grad.__doc__ = f"\n    {grad.__doc__}"


@as_type_error
def value_and_grad(function: Function, x: Any) -> Any:
    value, gradient = cr.value_and_grad(function)(real_numbers(x))
    return value, conjugate(gradient)


@as_type_error
def grad_and_aux(function: Function, x: Any) -> Any:
    return cr.grad(function, has_aux=True)(real_numbers(x))


def elementwise_grad(function: Function, x: Any) -> Any:
    pull, value = make_vjp(function, x)
    return pull(of_type(value, np.ones_like))


def deriv(function: Function, x: Any) -> Any:
    return make_jvp(function, x)(of_type(real_numbers(x), np.ones_like))[1]


def holomorphic_grad(function: Function, x: Any) -> Any:
    return cr.grad(function, holomorphic=True)(x)


def dense(function: Function, x: Any) -> Any:
    found = cr.jacobian(function)(real_numbers(x))
    return found if is_tensor(found) else found.dense()


def hessian(function: Function, x: Any) -> Any:
    return cr.hessian(function)(real_numbers(x)).dense()


def make_hvp(function: Function, x: Any) -> tuple[Function, Any]:
    return make_vjp(cr.grad(function), x)


def half_square(x: Any) -> Any:
    return np.sum(x**2, axis=-1) / 2


def make_ggnvp(f: Function, g: Function = half_square, f_argnum: int = 0) -> Function:
    def of_one(f: Function, x: Any) -> Function:
        value, push = cr.linearize(f, x)
        pull = cr.vjp(f, x)[1]
        return lambda v: pull(cr.hvp(g, value, push(v)))[0]

    made: Function = unary_to_nary(of_one)(f, f_argnum)
    return made


def tensor_jacobian_product(function: Function, argnum: int = 0) -> Function:
    def contracted(*arguments: Any, **options: Any) -> Any:
        vector = arguments[-1]
        return np.tensordot(vector, function(*arguments[:-1], **options), axes=np.ndim(vector))

    made: Function = unary_to_nary(dense)(contracted, argnum)
    return made


def hessian_tensor_product(function: Function, argnum: int = 0) -> Function:
    gradient = unary_to_nary(grad)(function, argnum)

    def contracted(*arguments: Any, **options: Any) -> Any:
        return np.tensordot(gradient(*arguments[:-1], **options), arguments[-1], np.ndim(arguments[-1]))

    made: Function = unary_to_nary(grad)(contracted, argnum)
    return made


OPERATORS: dict[str, Function] = {
    "grad": grad,
    "value_and_grad": value_and_grad,
    "grad_and_aux": grad_and_aux,
    "elementwise_grad": elementwise_grad,
    "deriv": deriv,
    "holomorphic_grad": holomorphic_grad,
    "jacobian": dense,
    "hessian": hessian,
    "make_vjp": make_vjp,
    "make_jvp": make_jvp,
    "make_hvp": make_hvp,
}

OF_FUNCTIONS: dict[str, Function] = {
    "make_ggnvp": make_ggnvp,
    "tensor_jacobian_product": tensor_jacobian_product,
    "vector_jacobian_product": tensor_jacobian_product,
    "hessian_tensor_product": hessian_tensor_product,
    "hessian_vector_product": hessian_tensor_product,
    "checkpoint": lambda function: function,
}
"""Those that are not made by `unary_to_nary`."""
