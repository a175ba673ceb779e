"""Functions as polynomials: within 2 units in the last place of the true value, wherever they are used."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

import chainrule as cr
from chainrule.native import machine
from chainrule.native.functions import POLYNOMIALS
from chainrule.native.numbers import Declarations

CASES = [
    (name, {"double": np.float64, "float": np.float32}[kind])
    for name, form in POLYNOMIALS.items()
    for kind in form.largest
]
every = pytest.mark.parametrize(("name", "dtype"), CASES)
needs_vectors = pytest.mark.skipif("d" not in machine.vector_sets(), reason="a processor without fused arithmetic")


def compiled(function: Any, x: Any) -> Any:
    """The result of machine code."""
    made = cr.compile(function)
    with np.errstate(all="ignore"):
        found = made(x)
    assert made.recordings == ["machine code"]
    return found


def largest(name: str, dtype: Any) -> float:
    """Up to where it is a polynomial."""
    return POLYNOMIALS[name].largest["double" if dtype is np.float64 else "float"]


def points(name: str, dtype: Any) -> Any:
    """Numbers of every size, among them those of which few digits are left, and those that are left to the library."""
    random = np.random.default_rng(5)
    limits, limit = np.finfo(dtype), min(largest(name, dtype), 1e10)
    sizes = np.exp(random.uniform(np.log(limits.tiny), 0, 300))
    found = [random.normal(size=900), 5 * random.normal(size=600), random.uniform(-limit, limit, 600), sizes, -sizes]
    if name == "exp":
        found.append(random.uniform(-1.1, -1, 200) * limit)
    elif name != "tanh":
        with mpmath.workdps(40):
            quarters = random.integers(-int(limit * 1.27), int(limit * 1.27), 900)
            turns = np.array([float(mpmath.pi * int(k) / 4) for k in quarters])
        found += [turns, turns[:300] / limit, limit * np.exp(random.uniform(0, 40, 100))]
    return np.concatenate(found).astype(dtype)


@every
def test_digits(name: str, dtype: Any) -> None:
    x = points(name, dtype)
    found = compiled(getattr(np, name), x)
    assert found.dtype == dtype
    with mpmath.workdps(60):
        for number, value in zip(x.tolist(), found.tolist(), strict=True):
            true = getattr(mpmath, name)(mpmath.mpf(number))
            unit = float(np.spacing(dtype(abs(float(true)))))
            bound = 2 if abs(number) <= largest(name, dtype) else 4
            assert abs(mpmath.mpf(value) - true) <= bound * mpmath.mpf(unit), (number, value)


@every
@pytest.mark.parametrize("place", [0, 5, 77])
def test_numbers_of_every_kind_among_others(name: str, dtype: Any, place: int) -> None:
    limits = np.finfo(dtype)
    for special in (
        0.0,
        -0.0,
        np.nan,
        np.inf,
        -np.inf,
        limits.max,
        -limits.max,
        limits.smallest_subnormal,
        limits.tiny,
    ):
        x = np.linspace(-9, 9, 80).astype(dtype)
        x[place] = special
        found = compiled(getattr(np, name), x)
        with np.errstate(all="ignore"):
            expected = getattr(np, name)(x)
        np.testing.assert_allclose(found, expected, rtol=8 * limits.eps, atol=0)
        np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


@pytest.mark.parametrize("name", [*POLYNOMIALS])
@pytest.mark.parametrize("size", [63, 64, 67, 100])
def test_arrays_of_every_length_and_stride(name: str, size: int) -> None:
    x = np.linspace(-20, 20, 2 * size)
    for given in (x[:size], x[::2], x[::-2]):
        np.testing.assert_allclose(compiled(getattr(np, name), given), getattr(np, name)(given), rtol=1e-15, atol=1e-16)


@needs_vectors
def test_sine_and_cosine_share_what_they_have_in_common() -> None:
    def wave(x: Any) -> Any:
        return np.sum(3 * np.cos(x) - np.sin(x) ** 2)

    made = cr.compile(cr.value_and_grad(wave))
    made(np.linspace(0, 1, 1024))
    (built,) = made.known.values()
    assert built.code.optimised.count("double 0x3FE45F306DC9C883") == 1  # 2/π, by which the number is multiplied once


@needs_vectors
def test_short_loops_and_turns_call_the_library() -> None:
    def turning(x: Any) -> Any:
        y = x[0]
        for _ in range(100):
            y = np.sin(y) + 1
        return y + np.sum(np.cos(x))

    made = cr.compile(turning)
    np.testing.assert_allclose(made(np.ones(20)), turning(np.ones(20)))
    (built,) = made.known.values()
    assert "near." not in built.code.text


def test_processors_without_fused_arithmetic_call_the_library() -> None:
    declared = Declarations()
    declared.is_often = True
    name = declared.call("sin", "double", 1)
    text = f"define double @f(double %x) {{\n  %y = call double {name}(double %x)\n  ret double %y\n}}"
    assert "call double @near.sin.double" in text
    for sets in ("", "b"):
        assert "call double @sin(double %x)" in machine.module_text([text], declared, sets)
        assert "@near." not in machine.module_text([text], declared, sets)
