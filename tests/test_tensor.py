"""PyTorch's semantics of tensors: leaves, accumulation, freed graphs, hooks, in-place writes and views, threads."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import weakref
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import FreedGraphError, GradientError, ModifiedError


def leaf(*numbers: float) -> Any:
    return cr.tensor(list(numbers), requires_grad=True)


def test_leaf_and_grad_fn() -> None:
    x = leaf(1.0, 2.0)
    y = np.exp(x)
    assert x.is_leaf
    assert x.grad_fn is None
    assert not y.is_leaf
    assert y.requires_grad
    assert y.grad_fn.name == "ExpBackward0"
    assert cr.tensor([1.0]).is_leaf
    assert not (cr.tensor([1.0]) * 2).requires_grad


def test_gradients_accumulate_in_place() -> None:
    x = leaf(1.0, 2.0)
    (x * 3).sum().backward()
    first = x.grad
    (x * 4).sum().backward()
    assert x.grad is first
    assert first.tolist() == [7.0, 7.0]


def test_one_value_used_twice() -> None:
    x = leaf(2.0)
    y = x * x
    (y + y * x).sum().backward()
    assert x.grad.tolist() == [2 * 2.0 + 3 * 4.0]


def test_cotangent() -> None:
    x = leaf(1.0, 2.0)
    (x**2).backward(np.array([1.0, 10.0]))
    assert x.grad.tolist() == [2.0, 40.0]


def test_the_cotangent_given_is_not_changed_and_not_shared() -> None:
    x = leaf(1.0, 2.0)
    v = np.array([1.0, 10.0])
    y = x + 0.0
    y.backward(v)
    x.grad.value[0] = 99.0
    assert v.tolist() == [1.0, 10.0]
    big = cr.tensor(np.ones(10_000), requires_grad=True)
    v = np.full(10_000, 2.0)
    y = big * np.cos(big)
    y.backward(v)
    assert (v == 2.0).all()


def test_large_buffers_that_are_reused_are_nobody_elses() -> None:
    rng = np.random.default_rng(0)
    n = 10_000
    given = rng.normal(size=n)

    def f(x: Any) -> Any:
        s, c = np.sin(x), np.cos(x)
        shared = s * c + np.exp(s)
        return (shared * shared + c * shared - s**2 + np.where(x > 0, shared, c)).sum()

    x = cr.tensor(given, requires_grad=True)
    y = f(x)
    y.backward(retain_graph=True)
    first = x.grad.value.copy()
    assert (x.value == given).all()
    x.grad = None
    y.backward()
    assert (x.grad.value == first).all()
    step = 1e-6 * rng.normal(size=n)
    numeric = (float(f(cr.tensor(given + step))) - float(f(cr.tensor(given - step)))) / 2
    assert np.isclose(numeric, first @ step, rtol=1e-6)


def test_second_backward_needs_retain_graph() -> None:
    x = leaf(1.0)
    y = np.exp(x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert np.allclose(x.grad.value, 2 * np.exp(1.0))
    with pytest.raises(FreedGraphError, match="retain_graph=True"):
        y.backward()


def test_a_step_that_keeps_nothing_can_be_repeated() -> None:
    x = leaf(1.0)
    y = (x + 1.0).sum()
    y.backward()
    y.backward()
    assert x.grad.tolist() == [2.0]


def test_create_graph_gives_higher_derivatives() -> None:
    x = leaf(2.0)
    (x**4).sum().backward(create_graph=True)
    first = x.grad
    assert first.requires_grad
    x.grad = None
    first.sum().backward()
    assert x.grad.tolist() == [12 * 4.0]


def test_retain_grad_and_hooks() -> None:
    x = leaf(1.0, 2.0)
    y = x * 2
    y.retain_grad()
    seen: list[Any] = []

    def tenfold(g: Any) -> Any:
        seen.append(g.tolist())
        return g * 10

    handle = y.register_hook(tenfold)
    (y * y).sum().backward()
    assert seen == [[4.0, 8.0]]
    assert y.grad.tolist() == [40.0, 80.0]
    assert x.grad.tolist() == [80.0, 160.0]
    handle.remove()
    x.grad = None
    (x * 2).sum().backward()
    assert len(seen) == 1


def test_hooks_of_a_leaf() -> None:
    x = leaf(1.0)
    x.register_hook(lambda g: g * 5)
    after: list[Any] = []
    x.register_post_accumulate_grad_hook(lambda t: after.append(t.grad.tolist()))
    (x * 3).sum().backward()
    assert x.grad.tolist() == [15.0]
    assert after == [[15.0]]


def test_hooks_run_once_even_beside_an_infinite_derivative() -> None:
    x = leaf(0.0, 4.0)
    calls: list[int] = []
    y = np.sqrt(x)
    y.register_hook(lambda g: calls.append(1))
    np.where(x > 0, y, 0.0).sum().backward()
    assert calls == [1]
    assert x.grad.tolist() == [0.0, 0.25]


def test_grad_of_a_non_leaf_warns() -> None:
    y = leaf(1.0) * 2
    with pytest.warns(UserWarning, match="retain_grad"):
        assert y.grad is None


def test_detach_and_no_grad() -> None:
    x = leaf(1.0, 2.0)
    assert not x.detach().requires_grad
    with cr.no_grad():
        assert not (x * 2).requires_grad
        with cr.enable_grad():
            assert (x * 2).requires_grad
    assert (x * 2).requires_grad

    @cr.no_grad()
    def inner() -> Any:
        return x * 2

    assert not inner().requires_grad
    with pytest.raises(GradientError, match="detach"):
        (x * 2).requires_grad_(False)


def test_update_under_no_grad_keeps_the_leaf() -> None:
    w = leaf(1.0, 2.0)
    (w * w).sum().backward()
    with cr.no_grad():
        w -= 0.5 * w.grad
    assert w.is_leaf
    assert w.requires_grad
    assert w.tolist() == [0.0, 0.0]


def test_a_million_steps() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(1_000_000):
        y = y + 1.0
    y.sum().backward()
    assert x.grad.tolist() == [1.0]


def test_memory_is_freed_without_the_collector() -> None:
    gc.disable()
    try:
        x = leaf(1.0, 2.0)
        y = np.exp(x)
        y.retain_grad()
        z = np.tanh(y)[0:1] * y[1:]
        z.sum().backward(create_graph=True)
        x.grad = None
        weak = [weakref.ref(tensor) for tensor in (x, y, z)] + [weakref.ref(z.grad_fn)]
        del x, y, z
        assert [reference() for reference in weak] == [None] * 4
    finally:
        gc.enable()


def test_threads_do_not_share_the_mode() -> None:
    found: list[bool] = []
    x = leaf(1.0)
    with cr.no_grad():
        thread = threading.Thread(target=lambda: found.append((x * 2).requires_grad))
        thread.start()
        thread.join()
    assert found == [True]


def test_threads_differentiate_side_by_side() -> None:
    results: dict[int, Any] = {}

    def work(seed: int) -> None:
        x = np.random.default_rng(seed).normal(size=50)
        for _ in range(30):
            results[seed] = cr.grad(lambda x: np.sum(np.sin(x) * x))(x)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, result in results.items():
        x = np.random.default_rng(seed).normal(size=50)
        np.testing.assert_allclose(result, np.cos(x) * x + np.sin(x))


# --- in-place writes and views ---


def test_writing_to_a_part() -> None:
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1.0
    y[1] = x[0] * 10
    assert y.tolist() == [1.0, 10.0, 3.0]
    (y * cr.tensor([1.0, 2.0, 4.0])).sum().backward()
    assert x.grad.tolist() == [21.0, 0.0, 4.0]


def test_a_loop_that_fills() -> None:
    x = leaf(2.0, 3.0)
    out = cr.zeros((2, 2))
    for i in range(2):
        for j in range(2):
            out[i, j] = x[i] * x[j]
    assert out.requires_grad
    out.sum().backward()
    assert x.grad.tolist() == [10.0, 10.0]


def test_a_time_loop_in_place() -> None:
    u = cr.tensor(np.linspace(0.0, 1.0, 6) ** 2, requires_grad=True)
    v = u.clone()
    for _ in range(3):
        v[1:-1] += 0.1 * (v[2:] - 2 * v[1:-1] + v[:-2])
    v.sum().backward()
    step = np.eye(6)
    second = np.zeros((6, 6))
    for k in range(1, 5):
        second[k, k - 1 : k + 2] = [1, -2, 1]
    expected = np.ones(6) @ np.linalg.matrix_power(step + 0.1 * second, 3)
    np.testing.assert_allclose(u.grad.value, expected)


def test_adding_to_a_part_writes_it_once() -> None:
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1.0
    y[1:] += x[:2]
    assert y._version == 1
    assert y.tolist() == [1.0, 3.0, 5.0]
    (y * y).sum().backward()
    assert x.grad.tolist() == [2.0 + 6.0, 6.0 + 10.0, 10.0]
    with pytest.raises(IndexError, match="overwrite of shape"):
        y[7] = y[0:1]


def test_write_through_a_view_is_seen_by_the_base() -> None:
    x = leaf(1.0, 2.0, 3.0)
    base = x * 1.0
    part = base[1:]
    part *= 10
    assert base.tolist() == [1.0, 20.0, 30.0]
    base.sum().backward()
    assert x.grad.tolist() == [1.0, 10.0, 10.0]


def test_write_to_the_base_is_seen_by_a_view() -> None:
    x = leaf(1.0, 2.0, 3.0)
    base = x * 1.0
    part = base[1:]
    base *= 10
    assert part.tolist() == [20.0, 30.0]
    part.sum().backward()
    assert x.grad.tolist() == [0.0, 10.0, 10.0]


def test_views_of_views_and_of_untracked_buffers() -> None:
    x = leaf(5.0, 7.0)
    buffer = cr.zeros((2, 3))
    row = buffer[1]
    row.reshape((3,))[1:] = x
    assert buffer.requires_grad
    (buffer.T * 2.0).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_in_place_on_a_leaf_is_refused() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(GradientError, match="a leaf Variable that requires grad"):
        x += 1.0
    with pytest.raises(GradientError, match="a leaf Variable"):
        x[0] = 3.0
    with pytest.raises(GradientError, match="a view of a leaf Variable"):
        x[0:1] += 1.0


def test_overwriting_a_needed_value_is_noticed() -> None:
    x = leaf(1.0, 2.0)
    y = np.exp(x)
    y += 1.0
    with pytest.raises(ModifiedError, match="overwritten"):
        y.sum().backward()
    a = x * 1.0
    b = a * a
    a[0] = 0.0
    with pytest.raises(ModifiedError, match="multiply"):
        b.sum().backward()


def test_overwriting_a_value_that_is_not_needed_is_fine() -> None:
    x = leaf(1.0, 2.0)
    a = x * 3.0
    b = a + 1.0
    a *= 2.0
    (b.sum() + a.sum()).backward()
    assert x.grad.tolist() == [9.0, 9.0]


def test_ufunc_with_out() -> None:
    x = leaf(0.0, 1.0)
    target = cr.zeros(2)
    np.exp(x, out=target)  # type: ignore[call-overload]
    target.sum().backward()
    np.testing.assert_allclose(x.grad.value, np.exp([0.0, 1.0]))


def test_copies() -> None:
    x = leaf(1.0, 2.0)
    (x * x).sum().backward()
    twin = copy.deepcopy(x)
    assert twin.requires_grad
    assert twin.grad.tolist() == x.grad.tolist()
    assert twin is not x
    back = pickle.loads(pickle.dumps(x))
    assert back.requires_grad
    assert back.tolist() == x.tolist()
    with pytest.raises(GradientError, match="deepcopy"):
        copy.deepcopy(x * 2)


def test_repr() -> None:
    x = leaf(1.0, 2.5)
    assert repr(x) == "tensor([1. , 2.5], requires_grad=True)"
    assert repr(x * 2) == "tensor([2., 5.], grad_fn=<MulBackward>)"
    assert repr(cr.tensor([1], dtype=np.int32)) == "tensor([1], dtype=int32)"
    assert f"{cr.tensor(2.5):.2f}" == "2.50"
