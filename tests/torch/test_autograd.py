"""Gradients, steps of one's own, hooks and switches of the stand-in, beyond what the stored expressions show."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import chainrule.torch as torch
from chainrule.errors import StandInRuntimeError
from chainrule.tape import observe


class Cube(torch.autograd.Function):
    """x³, which counts its backwards."""

    calls = 0

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        Cube.calls += 1
        (x,) = ctx.saved_tensors
        return gradient * 3 * x**2


class Pair(torch.autograd.Function):
    """(x·y, x + y, the place of the largest x), with a number in between."""

    @staticmethod
    def forward(ctx: Any, x: Any, scale: float, y: Any) -> Any:
        ctx.save_for_backward(x, y)
        ctx.scale = scale
        place = x.argmax()
        ctx.mark_non_differentiable(place)
        return scale * x * y, x + y, place

    @staticmethod
    def backward(ctx: Any, product: Any, total: Any, place: Any) -> Any:
        x, y = ctx.saved_tensors
        assert place is None
        return ctx.scale * product * y + total, None, ctx.scale * product * x + total


def test_a_function_runs_its_backward_once() -> None:
    Cube.calls = 0
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    Cube.apply(x).sum().backward()
    assert x.grad.tolist() == [3.0, 12.0]
    assert Cube.calls == 1


def test_a_function_of_several_arguments_and_results() -> None:
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    y = torch.tensor([[5.0, 6.0], [7.0, 8.0]], requires_grad=True)
    product, total, place = Pair.apply(x, 2.0, y)
    (product.sum() + (total**2).sum()).backward()
    np.testing.assert_array_equal(x.grad.numpy(), 2 * y.detach().numpy() + 2 * total.detach().numpy())
    np.testing.assert_array_equal(y.grad.numpy(), 2 * x.detach().numpy() + 2 * total.detach().numpy())
    assert place.item() == 3
    assert not place.requires_grad
    assert product.grad_fn.name() == "PairBackward"


def test_a_function_is_differentiated_twice() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (first,) = torch.autograd.grad(Cube.apply(x).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    assert second.tolist() == [6.0, 12.0]
    assert torch.autograd.functional.jacobian(Cube.apply, x).tolist() == [[3.0, 0.0], [0.0, 12.0]]


def test_a_function_that_is_wrong_fails_its_check() -> None:
    class Wrong(Cube):
        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            (x,) = ctx.saved_tensors
            return gradient * 2 * x**2

    x = torch.rand(3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(Cube.apply, x)
    with pytest.raises(RuntimeError, match="Jacobian mismatch for output 0 with respect to input 0"):
        torch.autograd.gradcheck(Wrong.apply, x)


def test_results_of_a_function_free_their_memory() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = Cube.apply(x)
    gone = weakref.ref(y)
    gc.disable()
    try:
        del y
        assert gone() is None
    finally:
        gc.enable()


def test_parameters_are_tensors_and_what_is_computed_from_them_is_not_a_parameter() -> None:
    p = torch.nn.Parameter(torch.ones(2))
    assert isinstance(p, torch.Tensor)
    assert type(p * 2) is torch.Tensor
    assert type(p.detach()) is torch.Tensor
    assert p.requires_grad and p.is_leaf
    (p * 2).sum().backward()
    assert type(p.grad) is torch.Tensor


def test_views_share_memory_and_gradients_flow_through_writes() -> None:
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 1
    y.view(3, 1)[1:].mul_(10)
    y[0] = x[2] * 2
    y.sum().backward()
    assert y.tolist() == [6.0, 20.0, 30.0]
    assert x.grad.tolist() == [0.0, 10.0, 12.0]


def test_the_observer_sees_the_users_own_tensors() -> None:
    seen: list[tuple[str, tuple[Any, ...], Any]] = []
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    with observe(lambda name, arguments, result: seen.append((name, arguments, result))):
        y = (x * 2).std()
        y.backward()
        torch.equal(x.grad, x)
        (given,) = torch.autograd.grad((x * x).sum(), x)
    names = [name for name, _, _ in seen]
    assert {"multiply", "std", "backward", "grad", "equal", "gradient"} <= set(names)
    backward = next(arguments for name, arguments, _ in seen if name == "backward")
    assert backward[0] is y
    assert next(result for name, _, result in seen if name == "gradient")[0] is given
    assert next(arguments for name, arguments, _ in seen if name == "multiply")[0] is x


@pytest.mark.parametrize(
    ("provoke", "first", "way_out"),
    [
        (lambda: torch.ones(2, 3) @ torch.ones(4, 2), "mat1 and mat2 shapes", "must equal"),
        (lambda: torch.ones(3) + torch.ones(4), "The size of tensor a (3)", "must be equal, or one of them 1"),
        (lambda: torch.ones(2, requires_grad=True).backward(), "grad can be implicitly created", "jacobian"),
        (lambda: torch.ones(2).sum().backward(), "element 0 of tensors does not require grad", "requires_grad=True"),
        (lambda: torch.tensor([1], requires_grad=True), "Only Tensors of floating point", "1.0"),
        (lambda: torch.ones(2, requires_grad=True).add_(1), "a leaf Variable", "no_grad()"),
        (lambda: torch.ones(3).item(), "a Tensor with 3 elements", "tolist()"),
        (lambda: bool(torch.ones(3)), "Boolean value of Tensor", "x.all()"),
        (lambda: torch.ones(3).reshape(2, 2), "shape '[2, 2]' is invalid", "3 elements"),
        (lambda: torch.ones(3).sum(dim=1), "Dimension out of range", "1 dimension."),
        (lambda: torch.ones(3)[5], "index 5 is out of bounds", "-3 to 2"),
        (lambda: torch.exp(2), "exp(): argument 'input' (position 1) must be Tensor", "torch.tensor(2)"),
        (lambda: torch.linalg.inv(torch.zeros(2, 2)), "linalg.inv: The diagonal element 1 is zero", "determinant is 0"),
    ],
)
def test_the_second_line_says_what_to_do(provoke: Any, first: str, way_out: str) -> None:
    with pytest.raises((RuntimeError, TypeError, IndexError)) as caught:
        provoke()
    line, _, more = str(caught.value).partition("\n")
    assert line.startswith(first), line
    assert way_out in more, more


def test_an_error_shows_pytorchs_name_and_is_chainrules() -> None:
    with pytest.raises(StandInRuntimeError) as caught:
        torch.ones(2) + torch.ones(3)
    assert repr(type(caught.value)) == "<class 'RuntimeError'>"
