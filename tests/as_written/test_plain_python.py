"""Python's own functions and its standard library in code as it stands, and what asks of what kind a value is."""

from __future__ import annotations

import cmath
import copy
import math
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import AssignmentError
from tests.as_written.test_code import by_differences

v = np.array([0.3, 1.2, 0.7, 2.1, 0.9])


def reported(x: Any) -> Any:
    text = "%.3f of %d" % (x[0], x[1])  # noqa: UP031  # this is what is tried
    text += "%g"
    text %= x[2]
    assert text == f"{v[0]:.3f} of {int(v[1])}{v[2]:g}" or not np.array_equal(x, v)
    return x * x[0]


def waits_for_an_error(x: Any) -> Any:
    try:
        return x * math.log(x[0] - 5)
    except ValueError:
        return x**2


def looks_at_the_type(x: Any) -> Any:
    class Meta(type):
        label = 2.0

    kind = Meta("kind", (), {})
    assert type(kind) is Meta
    assert (isinstance(kind, type), issubclass(Meta, type)) == (True, True)
    assert type(len("text")) is int
    assert type.__name__ == "type" and {type: 1}[type]
    scalar = type(x[0]).__name__ == "float64" and np.isscalar(x[0]) and np.isscalar(2) and not np.isscalar(x)
    return x * kind.label if type(x) is np.ndarray and scalar else x * 5


def copies(x: Any) -> Any:
    kept = copy.deepcopy({"a": [x]})
    return kept["a"][0] ** 2 * copy.copy(x)


def indexed_by_wholes(x: Any) -> Any:
    return x[math.floor(x[0] * 4)] * x[math.ceil(x[2])] + math.trunc(x[3]) * x


def of_math(x: Any) -> Any:
    far = math.dist(x[:2], x[2:4]) + math.hypot(*x) + math.hypot(x[0]) + math.remainder(x[3], 0.8)
    return far * (math.ldexp(x[0], 2) + math.frexp(x[1])[0] + math.modf(x[3])[0] + math.fsum(t * t for t in x)) * x


def of_complex_numbers(x: Any) -> Any:
    z = complex(x[0], x[1]) + complex(x[2]) + complex("1j") + complex(2, 3) + complex(1.5)
    assert isinstance(1j, complex) and not isinstance(1.0, complex)
    r, phi = cmath.polar(z)
    return abs(cmath.sqrt(z) * cmath.exp(1j * x[3]) + cmath.log(z) + cmath.log(x[0], 2)) * r * x + cmath.phase(
        cmath.rect(x[0], phi)
    )


def of_statistics(x: Any) -> Any:
    middle = statistics.mean(x) + statistics.fmean([x[0], 2.0]) + statistics.median(x)
    spread = statistics.stdev(x) * statistics.pstdev(x) + statistics.variance(x) * statistics.pvariance(x)
    return middle * spread * x


def listed(x: Any) -> Any:
    y = np.zeros((2, 5))
    y[0] = [t * t for t in x]
    y[1, :2] = (x[0], 3.0)
    y.put([7, 8], [x[3], 2.0])
    return y * np.logaddexp.reduce([x[0], x[1], 2.0]) * np.percentile([x[0], x[1], 1], 30) + np.full_like(v, x[1])


def into_an_array(x: Any) -> Any:
    out = np.zeros(2)
    np.outer(x[:2], x).mean(axis=1, out=out)
    return out.reshape((1, 2), copy=True)


def of_objects(x: Any) -> Any:
    several = np.array([x, x**2], dtype=object)
    return several.sum(axis=0)[1] + several[0, 2] * x


def iterated(x: Any) -> Any:
    total: Any = 0
    pairs: Any = np.nditer([x, np.outer(x, x)])
    for a, b in pairs:
        total = total + a * b
    with np.nditer(x.reshape(5, 1).T, flags=["multi_index", "c_index"]) as places:
        for entry in places:
            total = total + entry * (places.multi_index[1] + places.index)
    y = x.copy()
    written: Any = np.nditer(y, op_flags=["readwrite"])
    for entry in written:
        entry[...] = entry * 2
    return total * y


def shuffled(x: Any) -> Any:
    y = x.copy()
    np.random.default_rng(3).shuffle(y)
    return y * x


def keeps_old_numbers(x: Any) -> Any:
    total, seen = 0.0, []
    for entry in x:
        total += entry
        seen.append(total)
    best = largest = np.max(x)
    best -= 1
    other = largest
    other *= x
    other **= 2
    return np.array(seen) * best * largest + other


def overwrites_arrays_of_one(x: Any) -> Any:
    total = np.zeros(())
    alias = total
    total += x[0]
    made = np.array(x[1])
    same = np.asarray(made)
    same *= 2
    number = x[2]
    apart = np.asarray(number)
    apart += 1
    y = x.copy()
    place = y[3, ...]
    place -= 1
    return y * alias * made * number * apart


def overwritten_by_remainders(x: Any) -> Any:
    y = np.outer(x, x) + 1
    for row in y:
        row %= 0.8
    alias = y
    y @= np.diag(x)
    whole = 3 * x
    rounded = whole
    whole //= 1
    return alias * rounded + divmod(5, x)[1]


def writes_through_einsum(x: Any) -> Any:
    y = np.outer(x, x)
    diagonal = np.einsum("ii->i", y)
    diagonal += x
    turned = np.einsum("ij->ji", y)
    turned[0] = 2 * x
    return y


FUNCTIONS: list[Callable[[Any], Any]] = [
    reported, waits_for_an_error, looks_at_the_type, copies, indexed_by_wholes, of_math, of_complex_numbers,
    of_statistics, listed, into_an_array, of_objects, iterated, shuffled,
    writes_through_einsum, keeps_old_numbers, overwrites_arrays_of_one, overwritten_by_remainders,
]  # fmt: skip


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_derivatives_are_those_of_differences(f: Any) -> None:
    truth = by_differences(f, v)
    weights = np.cos(np.arange(truth[..., 0].size)).reshape(truth.shape[:-1])
    value, gradient = cr.value_and_grad(lambda x: np.sum(f(x) * weights))(v)
    np.testing.assert_allclose(value, np.sum(f(v) * weights))
    np.testing.assert_allclose(gradient, np.tensordot(weights, truth, truth.ndim - 1), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(cr.jacobian(f)(v).dense(), truth, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(cr.jvp(f, (v,), (np.ones(5),))[1], truth.sum(-1), rtol=1e-6, atol=1e-7)


def test_an_array_of_one_number_that_is_given_is_overwritten() -> None:
    def squared(x: Any) -> Any:
        alias = x
        x += 1
        return alias * x

    for transform in (cr.grad, cr.jacobian):
        assert np.asarray(transform(squared)(np.array(2.0))) == 6
        assert np.asarray(transform(squared)(2.0)) == 5


def test_a_copy_outside_of_a_function_is_a_tensor_of_its_own() -> None:
    x = cr.tensor(v, requires_grad=True)
    copy.deepcopy(x).sum().backward()
    assert x.grad is None


def test_rows_that_are_views_are_not_swapped() -> None:
    def rows(x: Any) -> Any:
        y = np.outer(x, x)
        np.random.default_rng(3).shuffle(y)
        return np.sum(y * x)

    with pytest.raises(AssignmentError, match=r"shuffle of a tensor of shape \(5, 5\).*x = x\[generator.permutation"):
        cr.grad(rows)(v)


def test_iterators_that_copy_are_an_error() -> None:
    with pytest.raises(AssignmentError, match=r"flags=\['external_loop'\].*Loop over np.ndindex"):
        cr.grad(lambda x: sum(np.sum(part) for part in np.nditer(x, flags=["external_loop"])))(v)


def test_a_shape_is_not_assigned() -> None:
    def reshaped(x: Any) -> Any:
        y = x.copy()
        y.shape = (5, 1)
        return np.sum(y)

    with pytest.raises(AssignmentError, match=r"x = x.reshape\(\(5, 1\)\)"):
        cr.grad(reshaped)(v)
