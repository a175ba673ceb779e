"""A function that is said to be the gradient of another, as `check` takes them: whichever way the two go together.

Three ways are known. A function of its own gives the gradient, or the Jacobian, of another. One function gives a value
and its gradient, `return loss, dW`. And a function of tensors carries its derivative with it, as a
`torch.autograd.Function` or a `jax.custom_vjp` does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from inspect import signature
from typing import Any

import numpy as np

from chainrule.check.function.checking import Check
from chainrule.check.function.fed import Fed
from chainrule.check.function.foreign import is_foreign, plain
from chainrule.check.function.subject import Subject
from chainrule.check.verdicts.report import Report
from chainrule.explain.arguments import argument_names
from chainrule.tape import Tracked

__all__ = ["Call", "check_array", "check_attached", "check_joint", "check_pair", "check_value", "takes"]

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Call:
    """A call to which functions of one point are handed: ``more`` are their further arguments, ``rest`` all others."""

    functions: Sequence[Callable[..., Any]]
    point: Any
    more: Sequence[Any] = ()
    rest: Sequence[Any] = ()


def check_pair(function: Callable[..., Any], gradient: Callable[..., Any], point: Any, more: Sequence[Any]) -> Report:
    """Check a function that gives the gradient of another by its first argument, or its Jacobian.

    >>> check_pair(lambda x, a: a * np.sum(x**2), lambda x, a: a * x, np.array([1.0, 3.0]), [2.0]).findings[0].message
    'dx is the gradient times 1/2.'
    >>> check_pair(lambda x: x**2, lambda x: np.diag(2 * x), np.array([1.0, 3.0]), []).ok
    True
    """

    def claimed(*arguments: Any, upstream: Any = None) -> Any:
        return _shaped(gradient(*arguments), arguments[0], upstream)

    return _checked(_first(function), claimed, [_real(point), *more], argnums=0)


def check_joint(function: Callable[..., Any], point: Any, more: Sequence[Any]) -> Report:
    """Check a function that returns a value and its gradient.

    >>> check_joint(lambda x: (np.sum(x**2), 2 * x), np.array([1.0, 3.0]), []).ok
    True
    """

    def claimed(*arguments: Any) -> Any:
        return _shaped(function(*arguments)[1], arguments[0], None)

    return _checked(_first(function), claimed, [_real(point), *more], argnums=0)


def check_value(function: Callable[..., Any], claimed: Any, point: Any, more: Sequence[Any]) -> Report:
    """Check a gradient by the first argument of a function, given as an array.

    >>> check_value(lambda x: np.sum(x**2), np.array([1.0, 3.0]), np.array([1.0, 3.0]), []).findings[0].message
    'dx is the gradient times 1/2.'
    """
    return _checked(_first(function), np.asarray(claimed), [_real(point), *more], argnums=0)


def check_array(call: Call, held: Any, claimed: Array, approximate: Array, slack: float) -> Report | None:
    """Check a gradient that was computed somehow, where its function was called for finite differences.

    None if these are another function's. ``held`` is the array that the point is a copy of: where the function reads
    it from elsewhere, that is what the gradient is by.

    >>> x = np.array([1.0, 3.0])
    >>> check_array(Call([lambda x: np.sum(x**2)], x), x, x, 2 * x, 1e-6).findings[0].message
    'dx is the gradient times 1/2.'
    """
    function, point = _first(call.functions[0]), _real(call.point)
    name = argument_names(function, [point], {})[0]
    forms: list[tuple[Callable[..., Any], Sequence[Any]]] = [(Fed(function, held, name), ())]
    if takes(function, 1 + len(call.more)):
        forms.insert(0, (function, call.more))
    for form, more in forms:
        subject = Subject(form, [point, *more], {})
        out = subject.call(subject.leaves)
        shaped = [value for value in call.rest if out.ndim and np.shape(value) == out.shape]
        upstream = np.asarray(shaped[0], float) if shaped else None
        found = subject.run(subject.leaves, upstream).gradient(subject.real[0])[0]
        if found.shape == point.shape and np.allclose(found, approximate.reshape(found.shape), 0.0, slack):
            return _checked(form, claimed.reshape(point.shape), [point, *more], upstream, 0)
    return None


def check_attached(function: Callable[..., Any], inputs: Sequence[Any]) -> Report:
    """Check the derivative that a function of another library's tensors carries with it."""
    asked = [getattr(value, "requires_grad", is_foreign(value)) for value in inputs]

    def claimed(*arguments: Any, upstream: Any = None) -> Any:
        found = _pulled(function, arguments, upstream)
        return tuple([value if wanted else None for value, wanted in zip(found, asked, strict=True)])

    return _checked(function, claimed, inputs)


def takes(function: Callable[..., Any], count: int) -> bool:
    """Whether a function can be called with so many arguments by place.

    >>> takes(lambda x, y: x, 2), takes(lambda x, y: x, 1), takes(lambda *args: 0, 5)
    (True, False, True)
    """
    try:
        signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # a function in C says nothing
        return True
    return True


def _checked(
    function: Callable[..., Any],
    claimed: Any,
    arguments: Sequence[Any],
    upstream: Array | None = None,
    argnums: int | None = None,
) -> Report:
    with np.errstate(all="ignore"):
        return Check(function, claimed, arguments, {}, upstream, None, argnums, 0, {}, formulas=False).report()


def _first(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function without what it returns after its first result, and that as a number if it is only one."""

    @wraps(function)
    def first(*arguments: Any) -> Any:
        out = function(*arguments)
        out = out[0] if isinstance(out, tuple | list) else out
        return np.reshape(out, ()) if np.ndim(plain(out)) and np.size(plain(out)) == 1 else out

    return first


def _real(point: Any) -> Any:
    """A point of integers is meant as real numbers; that of a list as an array."""
    array = np.asarray(point)
    return array.astype(float) if array.dtype.kind in "iu" else array


def _shaped(found: Any, point: Any, upstream: Any) -> Any:
    """A gradient in the shape of the point; of a Jacobian, or of its diagonal, what the upstream makes of it."""
    array, shape = np.asarray(plain(found)), np.shape(plain(point))
    if upstream is not None and array.shape == np.shape(upstream) == shape:
        return upstream * array
    if upstream is not None:
        array = array.reshape((*np.shape(upstream), *shape))
        return np.tensordot(upstream, array, axes=np.ndim(upstream))
    return array.reshape(shape) if array.size == int(np.prod(shape)) else array


def _pulled(function: Callable[..., Any], arguments: Sequence[Any], upstream: Any) -> Sequence[Any]:
    """The gradients by all arguments that the function's own derivative gives."""
    if not any(hasattr(value, "detach") or isinstance(value, Tracked) for value in arguments):
        out, pull = sys.modules["jax"].vjp(function, *arguments)
        return list(pull(out * 0 + 1 if upstream is None else upstream))
    leaves = [_leaf(value) for value in arguments]
    out = function(*leaves)
    out.backward(*([] if upstream is None else [upstream]))
    return [getattr(leaf, "grad", None) for leaf in leaves]


def _leaf(value: Any) -> Any:
    if not hasattr(value, "detach"):
        return value
    copy = value.detach().clone()
    real = copy.is_floating_point() if hasattr(copy, "is_floating_point") else True
    return copy.requires_grad_() if real else copy
