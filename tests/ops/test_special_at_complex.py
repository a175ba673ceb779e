"""scipy.special at complex numbers: each function that takes or makes them is right, or says that it has no rule.

Signatures of the ufuncs say which do. Each argument is moved by itself, a complex one along a direction in the plane.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import chainrule as cr
from chainrule.errors import DtypeError, NoRuleError
from tests.complex_points import along

POINTS: dict[str, complex] = {"D": 0.6 + 0.4j, "d": 0.45}
POINT = 0.37


def is_of_complex(function: Any, signature: str) -> bool:
    return isinstance(function, np.ufunc) and "D" in signature and not set(signature) - set("Dd->")


SIGNATURES = [
    (name, signature, position)
    for name in special.__all__
    for signature in getattr(getattr(special, name), "types", ())
    if is_of_complex(getattr(special, name), signature)
    for position in range(signature.index("-"))
]


def moved(name: str, signature: str, position: int) -> Callable[[Any], Any]:
    """A real number of a real one that moves an argument of the function."""
    kinds = signature[: signature.index("-")]
    given = [POINTS[kind] + 0.11 * k for k, kind in enumerate(kinds)]
    direction = 0.7 - 0.3j if kinds[position] == "D" else 1.0

    def along_it(t: Any) -> Any:
        arguments: list[Any] = list(given)
        arguments[position] = given[position] + (t - POINT) * direction
        found = getattr(special, name)(*arguments)
        parts = found if isinstance(found, tuple) else (found,)
        return sum([(k + 1) * (np.real(part) + 1.7 * np.imag(part)) for k, part in enumerate(parts)])

    return along_it


@pytest.mark.parametrize(("name", "signature", "position"), SIGNATURES)
def test_it_is_right_or_an_error(name: str, signature: str, position: int) -> None:
    function = moved(name, signature, position)
    try:
        found = cr.grad(function)(POINT)
    except (DtypeError, NoRuleError) as error:
        assert "complex" in str(error) or f"special.{name}" in str(error)  # noqa: PT017  # either is right
        return
    np.testing.assert_allclose(found, along(function, np.array(POINT), 1.0), rtol=1e-6, atol=1e-8)


def test_some_have_derivatives() -> None:
    for name in ("erf", "erfc", "erfcx", "erfi", "dawsn", "expm1", "log1p"):
        function = moved(name, "D->D", 0)
        np.testing.assert_allclose(cr.grad(function)(POINT), along(function, np.array(POINT), 1.0), rtol=1e-6)
