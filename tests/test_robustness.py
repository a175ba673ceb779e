"""What must hold whatever is thrown at it: odd inputs, errors on the way, aliasing, memory, time, threads, copies."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import time
import tracemalloc
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import DtypeError, NotTrackedError, ShapeError

x0 = np.array([0.5, 1.5])


def leaf(value: Any = x0) -> Any:
    return cr.tensor(value, requires_grad=True)


# --- results are nobody else's ---


def test_a_pullback_returns_arrays_of_its_own() -> None:
    v, x = np.ones(3), np.zeros(3)
    value, pullback = cr.vjp(lambda x, y: (x, x + y), x, x)
    by_x, by_y = pullback((v, v))
    (again, _) = pullback((np.zeros(3), v))
    arrays = [v, x, by_x, by_y, again, *value]
    assert not any(np.shares_memory(a, b) for k, a in enumerate(arrays) for b in arrays[:k])


def test_a_pushforward_returns_arrays_of_its_own() -> None:
    t, x = np.ones(3), np.zeros(3)
    value, (first, second) = cr.jvp(lambda x: (x, x), (x,), (t,))
    arrays = [t, x, first, second, value[0]]
    assert not any(np.shares_memory(a, b) for k, a in enumerate(arrays) for b in arrays[:k])


@pytest.mark.parametrize("size", [3, 5000])
def test_a_gradient_is_not_the_functions_constant(size: int) -> None:
    c = np.ones(size)
    functions: list[Any] = [lambda x: x @ c, lambda x: np.sum(x * c), lambda x: np.sum(c - x)]
    for f in functions:
        gradient = cr.grad(f)(np.zeros(size))
        gradient += 1.0
        x = leaf(np.zeros(size))
        f(x).backward()
        x.grad.value += 1.0
    assert (c == 1.0).all()


def test_a_pullback_stays_right_when_its_arrays_are_overwritten() -> None:
    x = np.zeros(2)
    value, pullback = cr.vjp(lambda x: np.exp(x) * x, x)
    value -= 7.0
    x += 9.0
    assert pullback(np.ones(2))[0].tolist() == [1.0, 1.0]
    y = np.zeros(2)
    value, pushforward = cr.linearize(np.exp, y)
    value += 1.0
    assert pushforward(np.ones(2)).tolist() == [1.0, 1.0]


def test_cotangents_given_are_left_alone() -> None:
    v = np.ones(5000)
    x = leaf(np.ones(5000))
    for options in ({}, {"create_graph": True}):
        for _ in range(2):
            (x + 0.0).backward(v, **options)
            (np.tanh(x) * x).backward(v, **options)
    assert (v == 1.0).all()


# --- large arrays: buffers are reused only where they fit ---


def test_large_thin_cotangents_of_different_axes() -> None:
    a, b = np.linspace(0, 1, 4100 * 3).reshape(4100, 3), np.linspace(1, 2, 4100).reshape(4100, 1)
    gradient = cr.grad(lambda a: np.sum(np.sum(a / b, axis=0) ** 2))(a)
    np.testing.assert_allclose(gradient, 2 * np.sum(a / b, axis=0) / b)
    gradient = cr.grad(lambda a: np.sum(np.sum(np.exp(a) / b, axis=1) ** 2) + np.sum(np.sum(a * 1.0, axis=0) ** 2))(a)
    expected = 2 * np.sum(np.exp(a) / b, axis=1, keepdims=True) * np.exp(a) / b + 2 * np.sum(a, axis=0)
    np.testing.assert_allclose(gradient, expected)


# --- inputs of every kind ---

KINDS = {
    "C": np.ones((3, 4)),
    "Fortran": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "steps": np.arange(48.0).reshape(6, 8)[::2, ::-2],
    "read-only": np.broadcast_to(np.arange(4.0), (3, 4)),
    "single": np.ones((3, 4), np.float32),
    "half": np.ones((3, 4), np.float16),
    "long": np.ones((3, 4), np.longdouble),
    "big-endian": np.arange(12.0).reshape(3, 4).astype(">f8"),
    "no rows": np.zeros((0, 4)),
    "no columns": np.zeros((3, 0)),
    "nothing": np.zeros((0, 0)),
}


@pytest.mark.parametrize("name", KINDS)
def test_layouts_and_dtypes(name: str) -> None:
    x = KINDS[name]

    def f(x: Any) -> Any:
        return np.sum(np.sin(x[:, ::-1]) * x) + np.sum(x.T @ x)

    flipped = x[:, ::-1]
    expected = np.cos(x) * flipped + np.sin(flipped) + 2 * np.sum(x, axis=1, keepdims=True)
    tolerance = {"half": 2e-2, "single": 1e-5}.get(name, 1e-12)
    gradient = cr.grad(f)(x)
    assert (gradient.shape, gradient.dtype) == (x.shape, x.dtype)
    assert gradient.flags.writeable
    np.testing.assert_allclose(gradient, expected, rtol=tolerance, atol=tolerance)
    tensor = leaf(x)
    f(tensor).backward()
    np.testing.assert_allclose(tensor.grad.value, expected, rtol=tolerance, atol=tolerance)
    J = cr.jacobian(lambda x: np.sin(x) * 2)(x)
    assert J.dense().shape == x.shape + x.shape
    assert J.dense().dtype == x.dtype.newbyteorder("=")


def test_numbers() -> None:
    assert cr.grad(lambda x: x * x)(3.0) == 6.0
    assert type(cr.grad(lambda x: x * x)(np.float32(3))) is np.float32
    assert cr.grad(lambda x: 2 * x * True - 1)(3.0) == 2.0
    assert cr.grad(lambda x: np.int64(2) * x ** np.int32(2))(3.0) == 12.0
    zero = cr.grad(lambda x: x * x)(np.array(3.0))
    assert type(zero) is np.ndarray
    assert zero.shape == ()


def test_the_gradient_of_a_number_is_an_array_that_can_be_changed() -> None:
    x = leaf(2.0)
    (x * x).backward()
    first = x.grad
    (x * x).backward()
    assert x.grad is first
    with cr.no_grad():
        first *= 0
    assert x.grad.tolist() == 0.0


REFUSED: list[tuple[str, Callable[[], Any], str]] = [
    ("masked", lambda: cr.grad(np.sum)(np.ma.masked_array([1.0, 2.0], [True, False])), "filled"),
    ("masked tensor", lambda: cr.tensor(np.ma.masked_array([1.0, 2.0], [True, False])), "filled"),
    ("masked operand", lambda: leaf() * np.ma.masked_array([1.0, 2.0], [True, False]), "filled"),
    ("matrix", lambda: cr.grad(np.sum)(np.ones((2, 2)).view(np.matrix)), "elementwise"),
    ("matrix operand", lambda: np.ones((2, 2)).view(np.matrix) * leaf(), "elementwise"),
    ("objects", lambda: cr.grad(np.sum)(np.array([1.0, 2.0], object)), "cannot differentiate"),
    ("objects operand", lambda: leaf() * np.array([1.0, 2.0], object), "not of objects"),
    ("text", lambda: leaf() * "a", "expected numbers"),
    ("integers", lambda: cr.grad(lambda x: x * x)(3), "Pass 2.0 instead of 2"),
    ("complex", lambda: cr.grad(lambda z: np.abs(np.maximum(z, 1j)))(1j), "no derivative at complex numbers"),
    ("generator", lambda: cr.grad(np.sum)(x for x in [1.0]), "generator"),
    ("generator out", lambda: cr.jacobian(lambda x: (x * k for k in range(2)))(x0), "returned generator"),
    ("set out", lambda: cr.grad(lambda x: {x[0]})(x0), "returned set"),
    ("complex cotangent", lambda: cr.vjp(np.sin, x0)[1](np.ones(2, complex)), "real numbers"),
    ("text cotangent", lambda: cr.vjp(np.sin, 1.0)[1]("a"), "real numbers"),
    ("hook", lambda: hooked(lambda g: 3.0), "expected Variable, but hook returned 'float'"),
]


def hooked(hook: Any) -> Any:
    x = leaf()
    y = x * 2
    y.register_hook(hook)
    y.sum().backward()


@pytest.mark.parametrize(("name", "run", "says"), REFUSED, ids=[case[0] for case in REFUSED])
def test_refused(name: str, run: Callable[[], Any], says: str) -> None:
    with pytest.raises(DtypeError, match=says):
        run()


def test_shapes_refused() -> None:
    with pytest.raises(ShapeError, match=r"hook '.*' has changed the size of value"):
        hooked(lambda g: g.sum())
    x = leaf()
    x.register_hook(lambda g: g.sum())
    with pytest.raises(ShapeError, match="has changed the size"):
        x.sum().backward()
    y = leaf() * 1.0
    with pytest.raises(ShapeError, match=r"output with shape \[2\] doesn't match the broadcast shape \[3, 2\]"):
        y += np.ones((3, 2))
    with pytest.raises(NotTrackedError, match="inputs"):
        y.sum().backward(inputs=[cr.tensor(1.0)])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_numbers_that_are_not_finite() -> None:
    x = np.array([np.inf, np.nan, 1.0, -np.inf])
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(x * x))(x), 2 * x)
    np.testing.assert_array_equal(cr.jvp(lambda x: x * x, (x,), (np.ones(4),))[1], 2 * x)
    gradient = cr.grad(lambda x: np.sum(np.where(x > 0, np.log(x), 0.0)))(np.array([0.0, -1.0, 2.0]))
    np.testing.assert_array_equal(gradient, [0.0, 0.0, 0.5])


def test_containers() -> None:
    made = cr.grad(lambda d: np.sum(d["a"] ** 2))(OrderedDict(a=x0))
    assert type(made) is OrderedDict
    assert made["a"].tolist() == [1.0, 3.0]
    other = cr.grad(lambda d: np.sum(d["a"] ** 2))(defaultdict(list, a=x0))
    assert type(other) is defaultdict
    assert other["a"].tolist() == [1.0, 3.0]


# --- errors on the way ---


def test_an_error_in_a_hook_leaves_no_gradient() -> None:
    x, y = leaf(), leaf()
    h = x * y

    def fail(gradient: Any) -> Any:
        raise KeyError("mine")

    handle = h.register_hook(fail)
    out = (h * x).sum()
    with pytest.raises(KeyError, match="mine"):
        out.backward()
    assert [x.grad, y.grad] == [None, None]
    handle.remove()
    out.backward()  # nothing was freed
    np.testing.assert_allclose(x.grad.value, 2 * x0 * x0)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit])
def test_an_interruption_leaves_the_mode_as_it_was(error: type[BaseException]) -> None:
    def interrupted(x: Any) -> Any:
        raise error("now")

    x = leaf()
    for transform in (
        cr.grad,
        cr.jacobian,
        lambda f: lambda x: cr.jvp(f, (x,), (x,)),
        lambda f: lambda x: cr.vjp(f, x),
    ):
        with pytest.raises(error), cr.no_grad():
            transform(interrupted)(x0)
        assert (x * 2).requires_grad
    with pytest.raises(error), cr.no_grad(), cr.enable_grad():
        interrupted(x)
    assert (x * 2).requires_grad


# --- transforms inside other things ---


def test_transforms_inside_a_hook() -> None:
    x = leaf()
    y = x * 2
    seen: list[Any] = []

    def hook(gradient: Any) -> Any:
        seen.append(cr.grad(lambda z: np.sum(z**3))(x0))
        seen.append(cr.jvp(np.sin, (x0,), (np.ones(2),))[1])
        seen.append(cr.jacobian(np.sin)(x0).diagonal())
        inner = leaf()
        (inner * inner).sum().backward()
        seen.append(inner.grad.value)
        return gradient * 10

    y.register_hook(hook)
    (y * y).sum().backward()
    for found, expected in zip(seen, [3 * x0**2, np.cos(x0), np.cos(x0), 2 * x0], strict=True):
        np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(x.grad.value, 80 * x0)


@pytest.mark.parametrize(
    "derivative",
    [
        lambda f: cr.grad(lambda y: np.sum(f(y)))(x0),
        lambda f: cr.jacobian(f)(x0).diagonal(),
        lambda f: cr.jvp(f, (x0,), (np.ones(2),))[1],
        lambda f: cr.vjp(f, x0)[1](np.ones(2))[0],
        lambda f: cr.linearize(f, x0)[1](np.ones(2)),
    ],
)
def test_closures_over_tracked_tensors(derivative: Any) -> None:
    x = leaf()
    found = derivative(lambda y: y * x * y)
    np.testing.assert_allclose(found.detach().value, 2 * x0 * x0)
    found.sum().backward()
    np.testing.assert_allclose(x.grad.value, 2 * x0)


def test_a_recursive_function() -> None:
    def deep(x: Any, n: int) -> Any:
        return x if n == 0 else np.sin(deep(x, n - 1))

    assert np.isclose(cr.grad(deep)(1.0, 200), cr.jvp(lambda x: deep(x, 200), (1.0,), (1.0,))[1])


# --- time and memory ---


def seconds(run: Callable[[], Any]) -> float:
    found = []
    for _ in range(3):
        start = time.process_time()
        run()
        found.append(time.process_time() - start)
    return min(found)


def test_ten_thousand_uses_of_one_tensor() -> None:
    def run(uses: int) -> Any:
        x = leaf()
        total: Any = 0.0
        for k in range(uses):
            total = total + x * float(k)
        total.sum().backward()
        return x.grad.tolist()

    assert run(10_000) == [49_995_000.0] * 2
    assert seconds(lambda: run(10_000)) < 20 * seconds(lambda: run(1_000)) + 0.1


def rows(count: int) -> Any:
    x = leaf(np.ones((count, 20)))
    total: Any = 0.0
    for k in range(count):
        total = total + (x[k] * x[k]).sum()
    return x, total


def test_reading_row_by_row_adds_into_one_buffer() -> None:
    x, total = rows(2_000)
    tracemalloc.start()
    total.backward(retain_graph=True)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (x.grad.value == 2.0).all()
    assert peak < 20 * x.value.nbytes
    total.backward()
    assert (x.grad.value == 4.0).all()


def test_parts_that_overlap_add_up_in_place() -> None:
    x = leaf(np.arange(6.0))
    y = x * 1.0
    (y[1:4] * 2 + y[::-2] * 3 + y[3] + y[2:5] * y[[0, 0, 5]]).sum().backward()
    z = np.arange(6.0)
    expected = np.zeros(6)
    expected[1:4] += 2
    expected[::-2] += 3
    expected[3] += 3
    expected[2:5] += z[[0, 0, 5]]
    np.add.at(expected, [0, 0, 5], z[2:5])
    np.testing.assert_allclose(x.grad.value, expected)


def test_a_part_is_not_added_into_somebody_elses_array() -> None:
    v = np.zeros(4)
    x = leaf(np.arange(4.0))
    y = x + 0.0
    y.retain_grad()
    kept: list[Any] = []
    out = y * 1.0
    out.register_hook(kept.append)
    total: Any = np.concatenate([out, out[1:3], out[1:3] * 2])
    total.backward(np.concatenate([v, np.ones(4)]))
    assert x.grad.tolist() == [0.0, 3.0, 3.0, 0.0]
    assert kept[0].tolist() == y.grad.tolist() == [0.0, 3.0, 3.0, 0.0]
    assert (v == 0).all()


def memory_kept(run: Callable[[], Any]) -> float:
    """The bytes that one more run leaves behind, the collector being switched off."""
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        run()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(4):
            run()
        return (tracemalloc.get_traced_memory()[0] - before) / 4
    finally:
        tracemalloc.stop()
        gc.enable()


big = np.ones(20_000)


def with_views() -> None:
    x = leaf(big)
    y = x * 1.0
    part = y[10:]
    part *= 2
    rest = part[3:]
    rest += 1
    (rest * part.sum() + y.sum()).sum().backward(create_graph=True)
    x.grad = None


@pytest.mark.parametrize(
    "run",
    [
        lambda: cr.grad(lambda x: np.sum(np.tanh(x) * x))(big),
        lambda: cr.jvp(np.tanh, (big,), (big,)),
        lambda: cr.vjp(np.tanh, big)[1](big),
        lambda: cr.jacobian(np.tanh)(big),
        lambda: cr.hvp(lambda x: np.sum(np.tanh(x)), big, big),
        lambda: cr.hessian(lambda x: np.sum(np.tanh(x)))(big),
        with_views,
    ],
    ids=["grad", "jvp", "vjp", "jacobian", "hvp", "hessian", "views"],
)
def test_nothing_is_left_for_the_collector(run: Callable[[], Any]) -> None:
    assert memory_kept(run) < big.nbytes / 4


# --- copies, threads ---


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda J: pickle.loads(pickle.dumps(J))])
def test_copies_of_a_jacobian(copied: Any) -> None:
    J = cr.jacobian(lambda x: np.sin(x)[::-1] * x[0])(x0)
    twin = copied(J)
    assert twin.structure == J.structure
    np.testing.assert_array_equal(twin.dense(), J.dense())


def test_threads_with_transforms_of_every_kind() -> None:
    problems: list[BaseException] = []

    def work(seed: int) -> None:
        x = np.random.default_rng(seed).normal(size=7)
        try:
            for _ in range(20):
                with cr.no_grad():
                    np.testing.assert_allclose(cr.jacobian(np.tanh)(x).diagonal(), 1 - np.tanh(x) ** 2)
                np.testing.assert_allclose(cr.hvp(lambda x: np.sum(x**3), x, x), 6 * x * x)
                y = leaf(x)
                z = y * 1.0
                z[1:] *= y[:-1]
                z.sum().backward()
                np.testing.assert_allclose(y.grad.value[0], 1 + x[1])
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems


def test_an_in_place_operation_may_need_what_it_overwrites() -> None:
    x = leaf([2.0, 3.0, 5.0])
    y = x * 1.0
    y *= x
    y[1:] /= y[:-1]
    y **= x
    y.sum().backward()
    other = cr.grad(lambda x: np.sum(np.concatenate([x[:1] ** 2, x[1:] ** 2 / x[:-1] ** 2]) ** x))(x.value)
    np.testing.assert_allclose(x.grad.value, other)


def test_a_function_may_overwrite_its_argument() -> None:
    def f(x: Any) -> Any:
        x[0] = 3.0
        return (x * x).sum()

    np.testing.assert_array_equal(cr.grad(f)(x0), [0.0, 3.0])
    assert x0.tolist() == [0.5, 1.5]
