"""Every message a user can meet, with what provokes it and what it must say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest

import chainrule as cr
from chainrule import errors
from tests.interop import provoked


def leaf(shape: Any = 3) -> Any:
    return cr.tensor(np.ones(shape), requires_grad=True)


def assign_to_array() -> None:
    out = np.zeros(3)
    out[0] = leaf()[0] * 2


def assign_slice_to_array() -> None:
    out = np.zeros(3)
    out[1:] = leaf()[1:]


def twice() -> None:
    y = np.exp(leaf()).sum()
    y.backward()
    y.backward()


def overwrite() -> None:
    x = leaf()
    y = np.exp(x)
    y *= 2
    y.sum().backward()


CASES: list[tuple[Callable[[], Any], type[Exception], list[str]]] = [
    (
        lambda: leaf((2, 3)) @ np.ones((4, 2)),
        errors.ShapeError,
        ["matmul", "(2, 3)", "(4, 2)", "axis 1", "3", "axis 0", "4"],
    ),
    (lambda: leaf((2, 3)) + np.ones((2, 4)), errors.ShapeError, ["add", "(2, 3)", "(2, 4)", "axis 1"]),
    (lambda: leaf().backward(), errors.NotScalarError, ["scalar outputs", "(3,)", "jacobian", "cotangent"]),
    (lambda: leaf().backward(np.ones(2)), errors.ShapeError, ["Mismatch in shape", "[2]", "[3]"]),
    (lambda: leaf().backward(np.array(["a"] * 3)), errors.DtypeError, ["cotangent"]),
    (lambda: cr.tensor([1, 2], requires_grad=True), errors.DtypeError, ["floating point", "int", "1.0"]),
    (lambda: cr.grad(np.exp)(1j), errors.HolomorphicError, ["grad", "holomorphic=True", "z.real, z.imag"]),
    (lambda: cr.tensor(["a", "b"]), errors.DtypeError, ["expected numbers"]),
    (lambda: cr.tensor([[1.0], [1.0, 2.0]]), errors.DtypeError, ["ragged"]),
    (lambda: cr.tensor([None]), errors.DtypeError, ["expected numbers"]),
    (lambda: cr.grad(lambda x: x * x)(3), errors.DtypeError, ["integers", "2.0"]),
    (lambda: cr.grad(np.sum)(np.array([1, 2])), errors.DtypeError, ["integers", "int64"]),
    (lambda: cr.grad(np.sum)("text"), errors.DtypeError, ["str"]),
    (lambda: cr.grad(lambda x: x * 2)(np.ones(3)), errors.NotScalarError, ["(3,)", "cr.jacobian"]),
    (lambda: cr.grad(lambda x: (x, x))(1.0), errors.NotScalarError, ["2 values"]),
    (lambda: cr.grad(lambda x: x > 0)(1.0), errors.DtypeError, ["truth value"]),
    (lambda: cr.grad(lambda x: x, argnums=2)(1.0), errors.GradientError, ["argnums=2", "1 positional"]),
    (lambda: cr.grad(lambda x: x, has_aux=True)(1.0), errors.GradientError, ["has_aux", "(value, aux)"]),
    (
        lambda: cr.tensor([1.0]).sum().backward(),
        errors.NotTrackedError,
        ["does not require grad", "requires_grad=True"],
    ),
    (twice, errors.FreedGraphError, ["exp", "retain_graph=True"]),
    (overwrite, errors.ModifiedError, ["exp", "overwritten", "result"]),
    (lambda: np.frompyfunc(abs, 1, 1)(leaf()), errors.NoRuleError, ["abs (vectorized)", "chainrule.define", "detach"]),
    (lambda: np.maximum(leaf(), 1j), errors.DtypeError, ["maximum", "complex128", "z.real, z.imag"]),
    (
        lambda: cr.grad(lambda x: np.sum(np.longdouble(x[0])))(np.ones(3)),
        errors.AssignmentError,
        ["plain NumPy array", "cr.zeros", "np.stack"],
    ),
    (assign_slice_to_array, errors.AssignmentError, ["plain NumPy array"]),
    (lambda: np.asarray(leaf()), errors.AssignmentError, ["detach"]),
    (lambda: np.array([leaf()[0], leaf()[1]]), errors.AssignmentError, ["np.stack"]),
    (lambda: leaf().numpy(), errors.GradientError, ["Can't call numpy()", "detach"]),
    (lambda: leaf() * "text", errors.DtypeError, ["multiply", "str"]),
    (lambda: leaf() + np.array(["a", "b", "c"]), errors.DtypeError, ["add", "numbers"]),
    (lambda: leaf() + None, errors.DtypeError, ["add"]),
    (lambda: leaf()[7], IndexError, ["getitem", "(3,)", "7"]),
    (lambda: cr.jvp(lambda x: x, (np.ones(2),), (np.ones(3),)), errors.ShapeError, ["(2,)", "(3,)"]),
    (lambda: cr.jvp(lambda x: x, cast(Any, 1.0), cast(Any, 1.0)), errors.ShapeError, ["two tuples"]),
    (lambda: cr.vjp(lambda x: x, np.ones(2))[1](np.ones(3)), errors.ShapeError, ["(2,)", "(3,)"]),
    (lambda: cr.vjp(lambda x: (x, x), np.ones(2))[1](np.ones(2)), errors.ShapeError, ["(*, *)"]),
    (cr.linearize(lambda x: x, np.ones(2))[1], errors.ShapeError, ["1 arguments"]),
    (lambda: cr.tape_jacobian(leaf() * 2, cr.tensor([1.0])), errors.NotTrackedError, ["source"]),
    (lambda: cr.tape_jacobian(leaf() * 2, leaf()), errors.GradientError, ["does not depend"]),
    (lambda: setattr(leaf(), "grad", np.ones(3)), errors.DtypeError, ["Tensor or None"]),
    (lambda: setattr(leaf(), "grad", cr.tensor([1.0])), errors.ShapeError, ["different size"]),
    (lambda: cr.tensor([1.0]).retain_grad(), errors.GradientError, ["requires_grad=False"]),
    (lambda: cr.tensor([1.0]).register_hook(print), errors.GradientError, ["doesn't require gradient"]),
    (lambda: (leaf() * 2).register_post_accumulate_grad_hook(print), errors.GradientError, ["non-leaf"]),
    (lambda: cr.define(lambda x: x, "i <- x:i"), errors.RuleError, ["row labels, column labels"]),
    (lambda: cr.define(lambda x: x, "i, i <- y:i"), errors.RuleError, ["'y'"]),
    (lambda: cr.define(lambda x: x, "i, i <- x"), errors.RuleError, ["name:labels"]),
    (lambda: cr.define(lambda x: x, "1, 1"), errors.RuleError, ["letters"]),
    (lambda: cr.define(lambda x, y: x, 1.0), errors.RuleError, ["2 arguments"]),
    (lambda: cr.define(lambda x: x, lambda z: z), errors.RuleError, ["'z'"]),
    (lambda: cr.define(lambda x: x + 0.0, np.cos), errors.RuleError, ["parameters have names", "cos"]),
    (lambda: cr.define(np.matmul, "ik, ij <- b:jk", "ik, jk <- a:ij"), errors.RuleError, ["ufunc"]),
    (
        lambda: cr.grad(lambda a: np.sum(cr.define(lambda a: a.T, "ij, ij")(a)))(np.ones((2, 3))),
        errors.RuleError,
        ["label 'i'", "2", "3"],
    ),
    (
        lambda: cr.grad(lambda a: np.sum(cr.define(lambda a: a.T, "i, i")(a)))(np.ones((2, 3))),
        errors.RuleError,
        ["names 1 axes"],
    ),
]


@pytest.mark.parametrize(("provoke", "kind", "says"), CASES)
def test_message(provoke: Callable[[], Any], kind: type[Exception], says: list[str]) -> None:
    provoked.says(provoke, kind, says, longest=900)


def test_assignment_outside_a_transform_names_the_cause() -> None:
    """NumPy reports the failed conversion in its own words; ours are the direct cause, shown above them."""
    with pytest.raises(ValueError, match="setting an array element") as caught:
        assign_to_array()
    assert isinstance(caught.value.__cause__, errors.AssignmentError)


def test_every_error_has_a_manual_page_and_a_place_in_the_tree() -> None:
    for name in errors.__all__:
        kind = getattr(errors, name)
        assert issubclass(kind, errors.ChainruleError)
        assert kind.__doc__
        assert name in (errors.__doc__ or "")
