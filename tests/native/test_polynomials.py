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

FUNCTIONS: dict[str, Any] = {name: getattr(np, name) for name in POLYNOMIALS}
LARGEST = {np.float64: 2.0**30, np.float32: 2.0**15}  # from there on the library is asked
every = pytest.mark.parametrize("name", [*FUNCTIONS])
both = pytest.mark.parametrize("dtype", [np.float64, np.float32])
needs_vectors = pytest.mark.skipif("d" not in machine.vector_sets(), reason="a processor without fused arithmetic")


def compiled(function: Any, x: Any) -> Any:
    """The result of machine code."""
    made = cr.compile(function)
    with np.errstate(all="ignore"):
        found = made(x)
    assert made.recordings == ["machine code"]
    return found


def points(dtype: Any) -> Any:
    """Numbers of every size, many of them near multiples of a quarter turn, where few digits are left."""
    random = np.random.default_rng(5)
    largest = LARGEST[dtype]
    with mpmath.workdps(40):
        turns = [float(mpmath.pi * int(k) / 4) for k in random.integers(-int(largest * 1.27), int(largest * 1.27), 900)]
    limits = np.finfo(dtype)
    sizes = np.exp(random.uniform(np.log(limits.tiny), 0, 300))
    far = largest * np.exp(random.uniform(0, 40, 100))
    return np.concatenate(
        [
            random.normal(size=600),
            random.uniform(-largest, largest, 600),
            turns,
            np.array(turns[:300]) / largest,
            sizes,
            far,
        ]
    ).astype(dtype)


@both
@every
def test_digits(name: str, dtype: Any) -> None:
    x = points(dtype)
    found = compiled(FUNCTIONS[name], x)
    assert found.dtype == dtype
    with mpmath.workdps(60):
        for number, value in zip(x.tolist(), found.tolist(), strict=True):
            true = getattr(mpmath, name)(mpmath.mpf(number))
            unit = float(np.spacing(dtype(abs(float(true)))))
            bound = 2 if abs(number) <= LARGEST[dtype] else 4
            assert abs(mpmath.mpf(value) - true) <= bound * mpmath.mpf(unit), (number, value)


@both
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
        found = compiled(FUNCTIONS[name], x)
        with np.errstate(invalid="ignore"):
            expected = FUNCTIONS[name](x)
        np.testing.assert_allclose(found, expected, rtol=8 * limits.eps, atol=0)
        np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


@every
@pytest.mark.parametrize("size", [63, 64, 67, 100])
def test_arrays_of_every_length_and_stride(name: str, size: int) -> None:
    x = np.linspace(-50, 50, 2 * size)
    for given in (x[:size], x[::2], x[::-2]):
        np.testing.assert_allclose(compiled(FUNCTIONS[name], given), FUNCTIONS[name](given), rtol=1e-15, atol=1e-16)


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
