"""Functions as people write them for NumPy, with buffers, lists, plain numbers: derivatives as by differences."""

from __future__ import annotations

import math
from collections.abc import Callable
from math import exp
from typing import Any

import numpy as np
import pytest
from numpy import array, zeros

import chainrule as cr
from chainrule.as_written import as_written, is_as_written
from chainrule.errors import AssignmentError, NoRuleError
from tests.at_once import at_once

v = np.array([0.3, -1.2, 0.7, 2.1, 0.9])


def filled(x: Any) -> Any:
    y = np.zeros(5)
    for i in range(5):
        y[i] = x[i] ** 2
    return y


def in_rows(x: Any) -> Any:
    y = np.empty((3, 5))
    y[0] = x
    y[1, :] = 2 * x
    y[2] = np.ones(5)
    y[2] *= x**3
    return y


def by_name(x: Any) -> Any:
    y = zeros(3)
    y[1:] = x[:2] * x[2:4]
    return y + array([x[0], x[1], 2.0])


def swapped(x: Any) -> Any:
    y = np.copy(x)
    y[0], y[1] = y[1], y[0]
    return y * np.arange(5)


def chosen(x: Any) -> Any:
    y = np.full(5, 7.0)
    y[x > 0] = x[x > 0] ** 2
    y[np.array([1])] += x[:1]
    return y


def put(x: Any) -> Any:
    y = np.zeros(5)
    np.put(y, [1, 2], x[:2])
    z = np.zeros((5, 5))
    np.fill_diagonal(z, x)
    w = np.zeros(5)
    np.copyto(w, x**2)
    w.fill(x[0])
    return y + z @ x + w


def added(x: Any) -> Any:
    y = np.zeros(5)
    np.add.at(y, [0, 0, 3], x[:3])
    np.multiply(y, x, out=y)
    out = np.zeros(3)
    np.add(x[:3], x[2:], out=out)
    return np.concatenate([y, out])


def collected(x: Any) -> Any:
    y = []
    for t in x:
        y.append(t * t)
    return np.array(y) + np.asarray([x[k] for k in range(5)]) * np.fromiter((t for t in x), float)


def nested(x: Any) -> Any:
    return np.array([[x[0], 1.0], [x[1] * x[2], x[3]]]) @ np.asarray([2.0, 3.0])


def of_lists(x: Any) -> Any:
    return np.mean([x, x**2], axis=0) * np.sum([x[0], x[1]]) + np.max([x[0], x[1]]) + np.dot([x[0], 1.0], [2.0, x[1]])


def of_plain_numbers(x: Any) -> Any:
    a = float(x[0]) * 2
    return a * math.sin(x[1]) + exp(x[2]) + math.pow(x[3], 2) + math.log(x[4], 2) + x.item(1) + sum(x.tolist())


def full_of(x: Any) -> Any:
    return np.full(3, x[0]) * np.ones(3) + np.full_like(x[:3], 2.0)


def each(x: Any) -> Any:
    several = np.vectorize(lambda t, s: t**2 + np.sin(t) * s)
    return several(x, x[::-1]) + np.vectorize(lambda t: t)(2.0)


def in_columns(x: Any) -> Any:
    return np.c_[x, x**2].sum(1) + np.r_[x[:2], x[2:]] + np.r_[0:5]


def kept_types(x: Any) -> Any:
    y = np.zeros(5, float)
    assert isinstance(1.5, float)
    assert not isinstance("text", float)
    y[:] = x
    return y.astype(float) * np.array([1, 2, 3, 4, 5])


def overwrites(x: Any) -> Any:
    x[0] = x[1] * x[2]
    x += 1
    return x * x


class Model:
    def __init__(self) -> None:
        self.weights = np.array([1.0, 2.0, 3.0, 4.0, 5.0])

    def __call__(self, x: Any) -> Any:
        out = np.empty(5)
        for k in range(5):
            out[k] = self.weights[k] * x[k]
        return self.squashed(out)

    def squashed(self, x: Any) -> Any:
        y = np.zeros_like(self.weights)
        y[:] = np.tanh(x)
        return y


def with_helper(x: Any) -> Any:
    def helper(t: Any) -> Any:
        y = np.zeros(2)
        y[0] = t
        return y

    return helper(x[0]) * Model()(x)[:2]


def asks(x: Any) -> Any:
    if not isinstance(x, np.ndarray):
        return x * 7  # a tensor would come here
    y = x[0]
    return x * 2 if isinstance(y, float) and isinstance(y, np.generic) and not isinstance(x, list | tuple) else x * 5


def asks_elsewhere(x: Any) -> Any:
    return asks(x) ** 2


def of_more_lists(x: Any) -> Any:
    return (
        np.linalg.det([[x[0], 1.0], [2.0, x[1]]]) * np.cross([x[0], x[1], 1.0], [1.0, 2.0, x[2]])
        + np.polyval([x[0], x[1]], 2.0)
        + math.fsum([x[0], x[1] * 2])
    )


FUNCTIONS: list[Callable[[Any], Any]] = [
    filled, in_rows, by_name, swapped, chosen, put, added, collected, nested, of_lists, of_plain_numbers, full_of, each,
    in_columns, kept_types, overwrites, asks, asks_elsewhere, of_more_lists, Model(), Model().squashed, with_helper,
]  # fmt: skip


def by_differences(f: Callable[[Any], Any], x: Any) -> Any:
    columns = []
    for k in range(len(x)):
        step = np.zeros_like(x)
        step[k] = 1e-6
        columns.append((np.asarray(f(x + step)) - np.asarray(f(x - step))) / 2e-6)
    return np.stack(columns, -1)


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: getattr(f, "__qualname__", "Model"))
def test_derivatives_of_code_as_it_stands(f: Any) -> None:
    x = v.copy()
    truth = by_differences(f, x)
    weights = np.cos(np.arange(truth[..., 0].size)).reshape(truth.shape[:-1])
    expected = np.tensordot(weights, truth, truth.ndim - 1)
    found = cr.grad(lambda x: np.sum(f(x) * weights))(x)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(x, v)  # it is not the user's array that is overwritten
    np.testing.assert_allclose(cr.jacobian(f)(x).dense(), truth, rtol=1e-6, atol=1e-7)
    _, tangent = cr.jvp(f, (x,), (np.ones(5),))
    np.testing.assert_allclose(tangent, truth.sum(-1), rtol=1e-6, atol=1e-7)


def test_second_derivatives() -> None:
    np.testing.assert_allclose(cr.hessian(lambda x: np.sum(filled(x) ** 2))(v).dense(), np.diag(12 * v**2))


def test_names_are_what_they_were_afterwards() -> None:
    before = [np.zeros, np.array, np.mean, math.sin, zeros, np.r_, globals().get("float")]
    cr.grad(lambda x: np.sum(filled(x)) + math.sin(x[0]))(v)
    with as_written(filled):
        assert np.zeros is not before[0]
        assert zeros is not before[4]
        assert is_as_written()
    with pytest.raises(ZeroDivisionError):
        cr.grad(lambda x: np.sum(filled(x)) * (1 / (len(x) - 5)))(v)
    with pytest.raises(KeyError):
        cr.grad(lambda x: dict[Any, Any]()[float(filled(x)[0])])(v)
    assert [np.zeros, np.array, np.mean, math.sin, zeros, np.r_, globals().get("float")] == before
    assert not is_as_written()


def test_others_get_plain_arrays_meanwhile() -> None:
    with as_written(filled):
        assert type(np.linalg.inv([[2.0, 0.0], [0.0, 1.0]])) is np.ndarray
        assert type(np.zeros(2, int)) is np.ndarray
        assert np.array([1, 2]).dtype == int
        assert np.mean([1.0, 3.0]) == 2.0
        assert type(np.meshgrid([1.0], [2.0])[0]) is np.ndarray  # NumPy's own code makes arrays in it


def test_compiled_modules_get_plain_arrays() -> None:
    """What is written in Cython calls `np.empty`, has no frame that says so, and crashes if it gets no array."""

    def noisy(x: Any) -> Any:
        y = np.zeros(5)
        y[:] = x * np.random.RandomState(0).normal(size=5) + np.random.default_rng(0).normal(size=5)
        return np.sum(y)

    with as_written(filled):
        assert type(np.random.default_rng(0).normal(size=2)) is np.ndarray
    np.testing.assert_allclose(cr.grad(noisy)(v), by_differences(noisy, v))


def test_lists_of_what_is_tracked() -> None:
    def f(x: Any) -> Any:
        y = np.zeros(5)
        y[:3] = np.concatenate([[x[0], x[1]], [x[2] ** 2]])
        y[3:] = np.maximum([x[3], 0.0], np.append([x[4]], [[x[0]]]))
        with pytest.raises(ValueError, match="shape"):
            np.array([[x[0], x[1]], [x[2]]])
        return np.sum(y * np.arange(5)) + np.add.reduce(np.sin([x[0], x[1]])) + np.prod(np.hstack([[x[3]], [x[0], 2]]))

    np.testing.assert_allclose(cr.value_and_grad(f)(v)[0], f(v))
    np.testing.assert_allclose(cr.grad(f)(v), by_differences(f, v), rtol=1e-6)


def test_several_threads() -> None:
    """They take turns as often as can be: each finds NumPy's functions replaced by others, or not any more."""
    wrong: list[Any] = []

    def work(_: int) -> None:
        for _ in range(30):
            try:
                found = cr.grad(lambda x: np.sum(filled(x) * by_name(x)[0]))(v)
            except BaseException as problem:
                wrong.append(problem)
            else:
                if not np.allclose(found, expected):
                    wrong.append(found)

    expected = by_differences(lambda x: np.sum(filled(x) * by_name(x)[0]), v)
    at_once(6, work)
    assert wrong == []
    assert type(np.zeros(1)) is np.ndarray


class Layer:
    """Holds functions in an attribute, a list and a dictionary."""

    def __init__(self) -> None:
        self.inner, self.ufunc = np.asarray, np.multiply
        self.steps: Any = [filled, {"last": array}]

    def __call__(self, x: Any) -> Any:
        made, steps = self.inner([x[0], self.ufunc(x[1], x[1])]), self.steps
        return np.sum(steps[0](x)) + np.sum(steps[1]["last"]([made[0], made[1] * x[0]]))


def test_functions_in_containers_and_attributes() -> None:
    layer = Layer()
    np.testing.assert_allclose(cr.grad(lambda x: 2 * layer(x))(v) / 2, by_differences(layer, v), rtol=1e-6)
    twice = cr.grad(lambda x: np.sum(cr.grad(layer)(x) * x))(v)
    np.testing.assert_allclose(twice, by_differences(lambda x: np.sum(cr.grad(layer)(x) * x), v), rtol=1e-6)
    assert layer.inner is np.asarray and layer.steps[1]["last"] is array


store = np.zeros(5)


def test_a_buffer_outside_may_be_written_to() -> None:
    def outside(x: Any) -> Any:
        store[0] = x[0] ** 2
        return np.sum(store)

    np.testing.assert_allclose(cr.grad(outside)(v), 2 * v * (np.arange(len(v)) == 0))
    np.testing.assert_array_equal(store, v[0] ** 2 * (np.arange(5) == 0))


def test_what_stays_plain_is_an_error() -> None:
    with pytest.raises(AssignmentError, match=r"np\.r_\['r', …\]"):
        cr.grad(lambda x: np.sum(np.r_["r", x]))(v)
    with pytest.raises(AssignmentError, match="plain NumPy array"):
        cr.grad(lambda x: np.float64(x[0]) if x.dtype.type is np.float64 else 0 * x[1])(v)
    with pytest.raises(NoRuleError, match="bytes of float64 taken for float32"):
        cr.grad(lambda x: np.sum(x.view(np.float32)))(v)
    with pytest.raises(AssignmentError, match="a plain number was wanted"):
        cr.grad(lambda x: math.nextafter(x[0], 1.0))(v)
    with pytest.raises(NoRuleError, match="no derivative rule"):
        cr.grad(lambda x: np.sum(np.busday_count(x, x)))(v)


def writes_to_a_view(x: Any) -> Any:
    y = x.copy()
    seen = y.view()
    seen[0] = x[1] * x[2]
    return y


ONE_LINE: dict[str, Callable[[Any], Any]] = {
    "np.float64": lambda x: np.float64(x[0]) * x[1] + np.float64(2),
    "np.double of an array": lambda x: np.double(x) ** 2,
    "np.float64 of a list": lambda x: np.float64([x[0], x[1] * x[2]]),  # type: ignore[arg-type]
    "np.float64 as a dtype": lambda x: np.zeros(5, np.float64) + np.asarray(x, dtype=np.float64) * np.float64(x[0]),
    "np.float64 as a kind": lambda x: np.float64(x[0] * x[1]) if isinstance(x[0], np.float64) else x[2],
    "np.complex128": lambda x: np.abs(np.complex128(x[0] * x[1])),
    "round": lambda x: x * round(x[0], 1) + round(x[1]),
    "view": lambda x: x.view() ** 2 + x.view(float) + x.view(np.ndarray),
    "write to a view": writes_to_a_view,
    "nextafter": lambda x: np.nextafter(x, 1.0) ** 2 + x * np.nextafter(1.0, x),
}


@pytest.mark.parametrize("name", ONE_LINE)
def test_one_line_of_numpy(name: str) -> None:
    f = ONE_LINE[name]

    def total(x: Any) -> Any:
        return np.sum(np.cos(1.3 * f(x)))

    np.testing.assert_allclose(cr.grad(total)(v), by_differences(total, v), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(cr.jacobian(total)(v).dense(), cr.grad(total)(v), rtol=1e-12, atol=1e-12)


def test_rounding_is_of_numbers() -> None:
    with pytest.raises(TypeError, match=r"write np\.round"):
        cr.grad(lambda x: np.sum(round(x)))(v)


def test_data_of_what_is_no_container_is_an_error() -> None:
    with pytest.raises(AssignmentError, match=r"x\.data of a tracked value"):
        cr.grad(lambda x: np.sum((x * v).data))(v)
    with pytest.raises(AssignmentError, match=r"x\.detach\(\)"):
        cr.jacobian(lambda x: x.data)(v)
    x = cr.tensor(v, requires_grad=True)
    assert not x.data.requires_grad
