"""autograd's checks of derivatives: products with random vectors, in both directions, against differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np

from chainrule.transforms.trees import flatten, map_tree
from tests.oracle.autograd_operators import conjugate, make_jvp, make_vjp, name_of, real_numbers, unary_to_nary

__all__ = ["check_equivalent", "check_grads", "close", "combo_check", "quick_grad_check"]

Function = Callable[..., Any]
STEP, TOLERANCE = 1e-6, 1e-6


def close(a: Any, b: Any) -> bool:
    return bool(abs(a - b) < TOLERANCE or abs(a - b) / abs(a + b) < TOLERANCE)


def random_like(tree: Any) -> Any:
    def draw(x: Any) -> Any:
        shape, kind = np.shape(x), np.iscomplexobj(x)
        drawn = np.random.normal(size=shape) + (1j * np.random.normal(size=shape) if kind else 0)  # noqa: NPY002
        return np.asarray(drawn)[()]

    return map_tree(draw, tree)


def inner(a: Any, b: Any) -> Any:
    products = map_tree(lambda x, y: np.sum(np.real(np.conjugate(x) * y)), a, b)
    return sum(flatten(products)[0], np.float64(0))


def difference(function: Function, x: Any, tangent: Any) -> Any:
    def moved(by: float) -> Any:
        return function(map_tree(lambda p, t: p + by * t, x, tangent))

    return map_tree(lambda up, down: (up - down) / STEP, moved(STEP / 2), moved(-STEP / 2))


def check_equivalent(a: Any, b: Any) -> None:
    shapes = [map_tree(lambda x: (np.shape(x), np.iscomplexobj(x)).__repr__(), tree) for tree in (a, b)]
    assert shapes[0] == shapes[1], shapes
    direction = random_like(a)
    assert close(inner(direction, a), inner(direction, b)), f"{a} and {b}"


def check_grads(function: Function, x: Any, modes: Sequence[str] = ("fwd", "rev"), order: int = 2) -> None:
    x, label = real_numbers(x), name_of(function)
    tangent = random_like(x)
    numeric = difference(function, x, tangent)
    if "fwd" in modes:
        check_equivalent(make_jvp(function, x)(tangent)[1], numeric)
        again(lambda x, t: make_jvp(function, x)(t)[1], f"jvp_{label}", (x, tangent), modes, order)
    if "rev" in modes:
        pull, value = make_vjp(function, x)
        cotangent = random_like(value)
        pulled = conjugate(pull(conjugate(cotangent)))
        check_equivalent(map_tree(np.zeros_like, pulled), map_tree(np.zeros_like, x))
        exact, expected = inner(pulled, tangent), inner(cotangent, numeric)
        assert close(exact, expected), f"Derivative (VJP) check of {label} failed at {x}: {exact}, numeric {expected}"
        again(lambda x, v: make_vjp(function, x)[0](v), f"vjp_{label}", (x, cotangent), modes, order)


def again(product_with: Function, label: str, arguments: Any, modes: Sequence[str], order: int) -> None:
    """Check a derivative as a function of its own."""
    if order > 1:
        product_with.__name__ = label
        unary_to_nary(check_grads)(product_with, (0, 1), modes, order=order - 1)(*arguments)


def combo_check(function: Function, *check_arguments: Any, **check_options: Any) -> Function:
    def combinations(*arguments: Any, **options: Any) -> None:
        for given in product(*arguments):
            for values in product(*options.values()):
                checked = unary_to_nary(check_grads)(function, *check_arguments, **check_options)
                checked(*given, **dict(zip(options, values, strict=True)))

    return combinations


def quick_grad_check(function: Function, x: Any, extra_args: Any = (), **_: Any) -> None:
    check_grads(lambda x: function(x, *extra_args), x, ["rev"], 1)
