"""Transforms and compiled functions are pickled as what they were made of, and work where they are loaded."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import sys
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.transforms.made import Made

x = np.array([0.3, 0.8, 0.5])
slopes = np.array([1.0, 2.0, 4.0])


def scalar(x: Any) -> Any:
    return np.sum(np.sin(x) * x**2)


def scaled(x: Any, scale: Any) -> Any:
    return np.sum(scale * x**3)


def vector(x: Any) -> Any:
    return np.stack([np.sin(x[0]) * x[1], x[1] ** 2, x[2] + x[0]])


def with_more(x: Any) -> Any:
    return scalar(x), x + 1


def squared_slope(x: Any) -> Any:
    return np.sum(cr.grad(scalar)(x) ** 2)


def half(r: Any) -> Any:
    return 0.5 * np.sum(r**2)


@cr.grad
def decorated(x: Any) -> Any:
    return np.sum(x**3)


@cr.compile
@cr.value_and_grad
def decorated_twice(x: Any) -> Any:
    return np.sum(x**3)


class Model:
    def __init__(self, weights: Any) -> None:
        self.weights = weights

    def __call__(self, x: Any) -> Any:
        return np.sum(np.tanh(self.weights * x))

    def loss(self, x: Any) -> Any:
        return self(x) ** 2


MADE: dict[str, Callable[[], Any]] = {
    "grad": lambda: cr.grad(scalar),
    "grad of grad": lambda: cr.grad(squared_slope),
    "grad of a gradient's entry": lambda: cr.jacobian(cr.grad(scalar)),
    "value_and_grad, aux": lambda: cr.value_and_grad(with_more, has_aux=True),
    "jacobian": lambda: cr.jacobian(vector),
    "jacobian, aux": lambda: cr.jacobian(with_more, has_aux=True),
    "hessian": lambda: cr.hessian(scalar),
    "hessian, weights": lambda: cr.hessian(vector, weights=slopes),
    "gauss_newton": lambda: cr.gauss_newton(vector, loss=half),
    "compile": lambda: cr.compile(scalar),
    "compile, value_and_grad": lambda: cr.compile(cr.value_and_grad(scalar), threads=1),
    "compile, jacobian": lambda: cr.compile(cr.jacobian(vector), form="sparse"),
    "compile, hessian": lambda: cr.compile(cr.hessian(scalar)),
    "pullback": lambda: cr.vjp(vector, x)[1],
    "pushforward": lambda: cr.linearize(vector, x)[1],
    "a function with arguments given": lambda: cr.grad(partial(scaled, scale=2.0)),
    "an object that is called": lambda: cr.grad(Model(slopes)),
    "a method": lambda: cr.value_and_grad(Model(slopes).loss),
    "a decorated function": lambda: decorated,
    "a function decorated twice": lambda: decorated_twice,
}


def pickled(protocol: int) -> Callable[[Any], Any]:
    return lambda made: pickle.loads(pickle.dumps(made, protocol))


def numbers(result: Any) -> list[Any]:
    if isinstance(result, tuple | list):
        return [part for entry in result for part in numbers(entry)]
    return [np.asarray(result.toarray() if hasattr(result, "toarray") else result)]


def assert_same(a: Any, b: Any) -> None:
    for one, other in zip(numbers(a), numbers(b), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("through", [pickled(0), pickled(5), copy.copy, copy.deepcopy], ids=["0", "5", "copy", "deep"])
@pytest.mark.parametrize("name", MADE)
def test_the_same_function_comes_out(name: str, through: Any) -> None:
    made = MADE[name]()
    expected = made(x)
    assert_same(through(made)(x), expected)  # after it was called, so that it has recorded something
    assert_same(through(MADE[name]())(x), expected)


def test_no_recording_and_no_machine_code_is_in_a_pickle() -> None:
    for make in MADE.values():
        made = make()
        before = pickle.dumps(made)
        made(x)
        made(x)
        assert pickle.dumps(made) == before
        assert len(before) < 1000


def test_options_are_kept() -> None:
    twin = pickle.loads(pickle.dumps(cr.grad(scaled, argnums=(0, 1))))
    assert [part.shape for part in twin(x, slopes)] == [(3,), (3,)]
    assert pickle.loads(pickle.dumps(cr.derive(scalar, order=2)))(x).hessians
    assert "return x + 1" in pickle.loads(pickle.dumps(cr.source(increased)))(x).text
    assert complex(pickle.loads(pickle.dumps(cr.grad(np.sin, holomorphic=True)))(1j)) == pytest.approx(np.cos(1j))


def increased(x: Any) -> Any:
    return x + 1


def test_what_has_no_name_is_named_by_the_error() -> None:
    def local(x: Any) -> Any:
        return np.sum(x)

    for function, told in ((lambda x: np.sum(x) + 1, "<lambda>"), (local, "local")):
        for made in (cr.grad(function), cr.compile(cr.value_and_grad(function)), cr.jacobian(function)):
            with pytest.raises((pickle.PicklingError, AttributeError), match=told):
                pickle.dumps(made)
            assert_same(copy.deepcopy(made)(x), made(x))


def test_a_transform_is_a_function_in_other_ways_too() -> None:
    class Holder:
        slope = cr.grad(scaled, argnums=1)

    made = cr.grad(scaled)
    assert (made.__name__, made.__doc__, made.__module__) == ("scaled", None, __name__)
    assert "grad" in repr(made) and "scaled" in repr(made) and callable(made)
    assert isinstance(Holder.slope, Made)
    holder = Holder()
    bound: Any = holder.slope
    assert bound.__self__ is holder
    assert made.__get__(None, Holder) is made


def test_a_recording_sees_what_a_transform_inside_it_reads() -> None:
    space = ModuleType("space")
    space.scale = 2.0  # type: ignore[attr-defined]
    inner = cr.grad(lambda x: np.sum(space.scale * x**2))
    outer = cr.jacobian(lambda x: inner(x) + 1)
    assert outer(x).diagonal()[0] == 4.0
    space.scale = 3.0  # type: ignore[attr-defined]
    assert outer(x).diagonal()[0] == 6.0


def test_buffers_in_what_a_transform_transforms() -> None:
    def filled(x: Any) -> Any:
        y = np.zeros(3)
        for k in range(3):
            y[k] = x[k] ** 2
        return np.sum(y * slopes)

    inner = cr.grad(filled)
    np.testing.assert_allclose(cr.jacobian(lambda x: inner(x) * 2)(x).dense(), np.diag(4 * slopes))


OBJECTS: dict[str, Callable[[], Any]] = {
    "Jacobian": lambda: cr.jacobian(vector)(x),
    "Jacobian of a solution": lambda: cr.jacobian(lambda x: np.linalg.solve(np.diag(x) + 1, x))(x),
    "Hessian": lambda: cr.hessian(scalar)(x),
    "tensor": lambda: cr.tensor(x, requires_grad=True),
    "report": lambda: cr.check(scalar, cr.grad(scalar)(x), x),
    "derivation": lambda: cr.derive(scalar)(x),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_results_come_out_as_they_were(name: str) -> None:
    made = OBJECTS[name]()
    for twin in (pickle.loads(pickle.dumps(made)), copy.deepcopy(made)):
        assert type(twin) is type(made)
        assert repr(twin) == repr(made)
        if isinstance(made, cr.Jacobian):
            np.testing.assert_array_equal(twin.dense(), made.dense())
            assert twin.structure == made.structure


def test_other_processes_run_them() -> None:
    made = [cr.grad(scalar), cr.compile(cr.value_and_grad(scalar)), cr.jacobian(vector), decorated, decorated_twice]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        for function in made:
            assert_same(pool.map(function, [x, 2 * x]), [function(x), function(2 * x)])


def test_a_pickle_needs_the_module_alone(monkeypatch: Any) -> None:
    module = ModuleType("somewhere")
    exec("import numpy as np\ndef cube(x):\n    return np.sum(x**3)", module.__dict__)
    monkeypatch.setitem(sys.modules, "somewhere", module)
    made = pickle.dumps(cr.grad(module.cube))
    monkeypatch.delitem(sys.modules, "somewhere")
    with pytest.raises(ModuleNotFoundError, match="somewhere"):
        pickle.loads(made)
