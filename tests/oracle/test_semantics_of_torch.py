"""What a tensor does, step by step, here and in PyTorch: each scenario is written once and run in both."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import chainrule as cr

pytestmark = pytest.mark.oracle
Scenario = Callable[[Any], Any]
SCENARIOS: list[Scenario] = []


def scenario(function: Scenario) -> Scenario:
    SCENARIOS.append(function)
    return function


def here() -> Any:
    """The names that scenarios use, from chainrule."""
    return SimpleNamespace(
        leaf=lambda *numbers: cr.tensor(numbers, requires_grad=True),
        tensor=lambda data: cr.tensor(data, dtype=float),
        zeros=cr.zeros,
        no_grad=cr.no_grad,
        enable_grad=cr.enable_grad,
        set_grad_enabled=cr.set_grad_enabled,
        exp=np.exp,
        sqrt=np.sqrt,
        where=np.where,
        stack=np.stack,
    )


def there() -> Any:
    """The same names from PyTorch."""
    torch = pytest.importorskip("torch", exc_type=ImportError)
    return SimpleNamespace(
        leaf=lambda *numbers: torch.tensor(numbers, dtype=torch.float64, requires_grad=True),
        tensor=lambda data: torch.tensor(data, dtype=torch.float64),
        zeros=lambda shape: torch.zeros(shape, dtype=torch.float64),
        no_grad=torch.no_grad,
        enable_grad=torch.enable_grad,
        set_grad_enabled=torch.set_grad_enabled,
        exp=torch.exp,
        sqrt=torch.sqrt,
        where=lambda condition, x, y: torch.where(condition, x, torch.tensor(y, dtype=torch.float64)),
        stack=torch.stack,
    )


def plain(value: Any) -> Any:
    """A result that can be compared: numbers, texts, lists."""
    if hasattr(value, "tolist"):
        return ("tensor", value.tolist(), value.requires_grad)
    if isinstance(value, list | tuple):
        return [plain(element) for element in value]
    return value


def outcome(run: Scenario, names: Any) -> Any:
    """What a scenario returns, or that it is refused (chainrule has messages of its own)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # .grad of a tensor that is no leaf
        try:
            return plain(run(names))
        except (RuntimeError, ValueError) as problem:
            return f"refused{'' if str(problem) else ' without a word'}"


def same(a: Any, b: Any) -> bool:
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, float) and isinstance(b, float):
        return bool(np.isclose(a, b, rtol=1e-12, equal_nan=True))
    return bool(a == b)


# --- accumulation ---


@scenario
def accumulates(t: Any) -> Any:
    x = t.leaf(1.0, 2.0)
    (x * 3).sum().backward()
    first = x.grad
    (x * 4).sum().backward()
    return first, x.grad, first is x.grad


@scenario
def a_gradient_is_not_shared_with_what_was_given(t: Any) -> Any:
    x, v = t.leaf(1.0, 2.0), t.tensor([5.0, 6.0])
    (x + 0.0).backward(v)
    (x + 0.0).backward(v)
    return x.grad, v


@scenario
def two_leaves_of_one_cotangent(t: Any) -> Any:
    x, y = t.leaf(1.0, 2.0), t.leaf(3.0, 4.0)
    (x + y).backward(t.tensor([1.0, 1.0]))
    with t.no_grad():
        x.grad *= 10
    return x.grad, y.grad


@scenario
def unreached_leaves_have_none(t: Any) -> Any:
    x, y = t.leaf(1.0), t.leaf(2.0)
    (x * 2).sum().backward()
    return x.grad, y.grad is None


@scenario
def a_number_without_axes(t: Any) -> Any:
    x = t.leaf(2.0)[0].detach().requires_grad_()
    (x * x).backward()
    with t.no_grad():
        x.grad *= 2
    (x * x).backward()
    return x.grad


@scenario
def accumulates_onto_a_recorded_gradient(t: Any) -> Any:
    x = t.leaf(2.0)
    (x**3).sum().backward(create_graph=True)
    (x**3).sum().backward()
    return x.grad


@scenario
def a_recorded_gradient_of_a_sum(t: Any) -> Any:
    x, v = t.leaf(1.0, 2.0), t.tensor([5.0, 6.0])
    (x + 0.0).backward(v, create_graph=True)
    with t.no_grad():
        x.grad *= 0
    return v, x.grad


# --- hooks ---


@scenario
def hooks_run_in_order_and_see_what_the_earlier_returned(t: Any) -> Any:
    x = t.leaf(1.0, 2.0)
    y = x * 2
    seen: list[Any] = []

    def note(change: Any) -> Any:
        def hook(gradient: Any) -> Any:
            seen.append(gradient.tolist())
            return change(gradient)

        return hook

    y.register_hook(note(lambda g: g * 2))
    y.register_hook(note(lambda g: g + 1))
    (y * 3).sum().backward()
    return seen, x.grad


@scenario
def retain_grad_sees_the_last_hook(t: Any) -> Any:
    x = t.leaf(1.0, 2.0)
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: g * 10)
    (y * 3).sum().backward()
    return y.grad, x.grad


@scenario
def hooks_of_leaf_run_once_for_the_sum(t: Any) -> Any:
    x = t.leaf(1.0)
    seen: list[Any] = []
    x.register_hook(lambda g: seen.append(g.tolist()))
    (x * x + x).sum().backward()
    return seen, x.grad


@scenario
def a_removed_hook(t: Any) -> Any:
    x = t.leaf(1.0)
    handle = x.register_hook(lambda g: g * 100)
    handle.remove()
    handle.remove()
    (x * 2).sum().backward()
    return x.grad


@scenario
def a_hook_of_another_shape(t: Any) -> Any:
    x = t.leaf(1.0, 2.0)
    x.register_hook(lambda g: g.sum())
    (x * 2).sum().backward()
    return x.grad


@scenario
def what_a_hook_returns_is_not_added_to(t: Any) -> Any:
    x, c = t.leaf(1.0), t.tensor([7.0])
    x.register_hook(lambda g: c)
    (x * 2).sum().backward()
    (x * 2).sum().backward()
    return x.grad, c


@scenario
def after_accumulation(t: Any) -> Any:
    x = t.leaf(1.0)
    seen: list[Any] = []
    x.register_post_accumulate_grad_hook(lambda leaf: seen.append(leaf.grad.tolist()))
    (x * 2).sum().backward()
    (x * 2).sum().backward()
    return seen


@scenario
def an_error_in_a_hook_leaves_no_gradient(t: Any) -> Any:
    x = t.leaf(1.0)
    y = x * 2

    def fail(gradient: Any) -> Any:
        raise KeyError("mine")

    y.register_hook(fail)
    try:
        (y * x).sum().backward()
    except KeyError:
        return x.grad is None
    return "no error"


@scenario
def retain_grad_of_a_leaf_and_twice(t: Any) -> Any:
    x = t.leaf(1.0)
    x.retain_grad()
    y = x * 2
    y.retain_grad()
    y.retain_grad()
    (y * y).sum().backward()
    return x.grad, y.grad, x.retains_grad, y.retains_grad


# --- graphs ---


@scenario
def freed(t: Any) -> Any:
    y = t.exp(t.leaf(1.0)).sum()
    y.backward()
    y.backward()
    return "no error"


@scenario
def retained(t: Any) -> Any:
    x = t.leaf(1.0)
    y = t.exp(x).sum()
    y.backward(retain_graph=True)
    y.backward()
    return x.grad


@scenario
def a_shared_part_is_freed(t: Any) -> Any:
    h = t.exp(t.leaf(1.0))
    (h * 2).sum().backward()
    (h * 3).sum().backward()
    return "no error"


@scenario
def higher_orders(t: Any) -> Any:
    x = t.leaf(2.0)
    (x**4).sum().backward(create_graph=True)
    g = x.grad
    x.grad = None
    g.sum().backward(create_graph=True)
    h = x.grad
    x.grad = None
    h.sum().backward()
    return g, h, x.grad


@scenario
def limited_to_inputs(t: Any) -> Any:
    x, y = t.leaf(1.0), t.leaf(2.0)
    h = x * y
    (h * h).sum().backward(inputs=[x, h])
    return x.grad, y.grad is None, h.grad


@scenario
def inputs_named_twice(t: Any) -> Any:
    x = t.leaf(1.0)
    (x * 2).sum().backward(inputs=[x, x])
    return x.grad


@scenario
def inputs_that_are_not_tracked(t: Any) -> Any:
    x = t.leaf(1.0)
    (x * 2).sum().backward(inputs=[t.tensor([1.0])])
    return "no error"


@scenario
def no_inputs(t: Any) -> Any:
    (t.leaf(1.0) * 2).sum().backward(inputs=[])
    return "no error"


@scenario
def not_a_number(t: Any) -> Any:
    (t.leaf(1.0, 2.0) * 2).backward()
    return "no error"


@scenario
def a_cotangent_of_another_shape(t: Any) -> Any:
    (t.leaf(1.0, 2.0) * 2).backward(t.tensor([1.0, 2.0, 3.0]))
    return "no error"


@scenario
def one_number_in_a_row(t: Any) -> Any:
    x = t.leaf(3.0)
    (x * x).backward()
    return x.grad


@scenario
def nothing_tracked(t: Any) -> Any:
    t.tensor([1.0]).sum().backward()
    return "no error"


@scenario
def backward_of_a_leaf(t: Any) -> Any:
    x = t.leaf(3.0)
    x.backward()
    return x.grad


@scenario
def backward_without_recording(t: Any) -> Any:
    x = t.leaf(3.0)
    y = (x * x).sum()
    with t.no_grad():
        y.backward()
    return x.grad


# --- what is tracked ---


@scenario
def flags(t: Any) -> Any:
    x, c = t.leaf(1.0), t.tensor([2.0])
    y = x * c
    z = c * c
    return [(u.requires_grad, u.is_leaf, u.grad_fn is None) for u in (x, c, y, z, y.detach(), x.detach(), x > 0)]


@scenario
def switched(t: Any) -> Any:
    x = t.leaf(1.0)
    found = []
    with t.no_grad():
        found.append((x * 2).requires_grad)
        with t.enable_grad():
            found.append((x * 2).requires_grad)
        with t.set_grad_enabled(True):
            found.append((x * 2).requires_grad)
        found.append((x * 2).requires_grad)
    try:
        with t.no_grad():
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        found.append((x * 2).requires_grad)
    return found


@scenario
def changing_the_flag_of_a_result(t: Any) -> Any:
    (t.leaf(1.0) * 2).requires_grad_(False)
    return "no error"


@scenario
def detached_memory_is_shared(t: Any) -> Any:
    x = t.leaf(1.0, 2.0)
    d = x.detach()
    d[0] = 9.0
    return x, d.requires_grad


@scenario
def writing_to_a_detached_value_is_noticed(t: Any) -> Any:
    x = t.leaf(1.0, 2.0)
    y = t.exp(x)
    y.detach()[0] = 0.0
    y.sum().backward()
    return x.grad


@scenario
def writing_to_data_in_a_step(t: Any) -> Any:
    x = t.leaf(1.0, 2.0)
    (x * x).sum().backward()
    with t.no_grad():
        x -= 0.1 * x.grad
    x.grad = None
    (x * x).sum().backward()
    return x, x.grad


@scenario
def a_leaf_becomes_tracked_later(t: Any) -> Any:
    x = t.tensor([1.0, 2.0])
    y = x * 2
    x.requires_grad_()
    z = x * 3
    z.sum().backward()
    return y.requires_grad, x.grad


# --- in-place writes and views ---


@scenario
def views_of_views(t: Any) -> Any:
    x = t.leaf(1.0, 2.0, 3.0, 4.0)
    base = x * 1.0
    part = base[1:]
    small = part[1:]
    small *= 10
    part += 1
    base *= 2
    (small.sum() * part.sum() + base.sum()).backward()
    return base, part, small, x.grad


@scenario
def a_write_to_the_base_between_two_uses_of_a_view(t: Any) -> Any:
    x = t.leaf(1.0, 2.0, 3.0)
    base = x * 1.0
    part = base[:2]
    first = part.sum()
    base += 5
    second = (part * 2).sum()
    (first + second).backward()
    return first, second, x.grad


@scenario
def a_transposed_view(t: Any) -> Any:
    x = t.leaf(1.0, 2.0, 3.0, 4.0)
    square = x.reshape(2, 2) * 1.0
    turned = square.T
    turned[0] *= 3
    row = square.reshape(4)
    row[3:] = 7.0
    (square * square).sum().backward()
    return square, x.grad


@scenario
def an_untracked_buffer_is_filled(t: Any) -> Any:
    x = t.leaf(2.0, 3.0)
    out = t.zeros((2, 2))
    before = out[0]
    out[0] = x
    out[1, 0] = x[0] * x[1]
    out.sum().backward()
    return before, out, x.grad


@scenario
def a_needed_value_is_overwritten(t: Any) -> Any:
    x = t.leaf(1.0, 2.0)
    y = t.exp(x)
    y += 1
    y.sum().backward()
    return "no error"


@scenario
def a_needed_value_is_overwritten_through_a_view(t: Any) -> Any:
    x = t.leaf(1.0, 2.0)
    a = x * 1.0
    b = a * a
    a[:1] += 1
    b.sum().backward()
    return "no error"


@scenario
def what_an_in_place_operation_needs_is_kept(t: Any) -> Any:
    x = t.leaf(2.0, 3.0)
    y = x * 1.0
    y *= x
    y[1:] *= y[:-1] + x[1:]
    y /= x
    y.sum().backward()
    return y, x.grad


@scenario
def a_quotient_is_overwritten(t: Any) -> Any:
    x, y = t.leaf(2.0, 3.0), t.leaf(5.0, 7.0)
    z = x / y
    z -= 1.0
    z.sum().backward()
    return x.grad, y.grad


@scenario
def a_value_nobody_needs_is_overwritten(t: Any) -> Any:
    x = t.leaf(1.0, 2.0)
    a = x * 1.0
    b = a + 1
    a *= 2
    (a + b).sum().backward()
    return x.grad


@scenario
def a_leaf_is_overwritten(t: Any) -> Any:
    x = t.leaf(1.0, 2.0)
    x += 1
    return "no error"


@scenario
def a_view_of_a_leaf_is_overwritten(t: Any) -> Any:
    x = t.leaf(1.0, 2.0)
    x[:1] += 1
    return "no error"


@scenario
def versions(t: Any) -> Any:
    a = t.leaf(1.0, 2.0) * 1.0
    found = [a._version]
    a += 1
    found.append(a._version)
    part = a[:1]
    part *= 2
    found += [a._version, part._version, a.detach()._version]
    return found


@scenario
def written_without_recording(t: Any) -> Any:
    x = t.leaf(1.0, 2.0)
    a = x * 3
    with t.no_grad():
        a += 100
    a.sum().backward()
    return a, x.grad


@scenario
def a_write_that_needs_another_shape(t: Any) -> Any:
    a = t.leaf(1.0, 2.0) * 1.0
    a += t.tensor([[1.0, 1.0], [1.0, 1.0]])
    return "no error"


@scenario
def an_overwritten_tensor_is_no_longer_tracked_there(t: Any) -> Any:
    x = t.leaf(1.0, 2.0, 3.0)
    a = x * 2
    a[1] = 0.0
    a[1:] = t.tensor([5.0, 5.0])
    a.sum().backward()
    return a, x.grad


# --- conventions at kinks ---


@scenario
def conventions(t: Any) -> Any:
    found = []
    for function in (abs, lambda x: x.max(), lambda x: x.min(), lambda x: x.prod(), lambda x: x**0.0,
                     lambda x: x.clip(0.0, 1.0), lambda x: x**2):  # fmt: skip
        x = t.leaf(0.0, 0.0)
        function(x).sum().backward()
        found.append(x.grad)
    return found


@pytest.mark.parametrize("run", SCENARIOS, ids=lambda run: run.__name__)
def test_as_in_pytorch(run: Scenario) -> None:
    expected, found = outcome(run, there()), outcome(run, here())
    assert same(found, expected), f"{found} instead of {expected}"
