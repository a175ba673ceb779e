"""Complex tensors under PyTorch's names: parts, conjugates, and gradients as PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule.torch as here
from tests.complex_points import complex_gradient

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(3, 3)) + 1j * RNG.normal(size=(3, 3))
USES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "abs": (lambda z: (z.abs() ** 2).sum(), lambda z: np.sum(np.abs(z) ** 2)),
    "angle": (lambda z: (here.angle(z) ** 2).sum(), lambda z: np.sum(np.angle(z) ** 2)),
    "conj": (lambda z: (z.conj() * z * z).sum().imag, lambda z: np.sum(np.conj(z) * z * z).imag),
    "parts": (lambda z: (here.real(z) * here.imag(z) ** 2).sum(), lambda z: np.sum(z.real * z.imag**2)),
    "sgn": (lambda z: (z.sgn() * 1j).sum().real, lambda z: np.sum(np.sign(z) * 1j).real),
    "complex": (
        lambda z: here.complex(z.real, z.imag * z.real).abs().sum(),
        lambda z: np.sum(np.abs(z.real + 1j * z.imag * z.real)),
    ),
    "polar": (
        lambda z: here.polar(z.abs(), z.angle() + 1).real.sum(),
        lambda z: np.sum(np.abs(z) * np.cos(np.angle(z) + 1)),
    ),
    "view_as_real": (lambda z: (here.view_as_real(z) ** 3).sum(), lambda z: np.sum(z.real**3 + z.imag**3)),
    "vdot": (lambda z: here.vdot(z[0], z[1]).imag, lambda z: np.vdot(z[0], z[1]).imag),
    "H": (lambda z: (z.H @ z * 1j).sum().real, lambda z: np.sum(z.conj().T @ z * 1j).real),
    "adjoint": (lambda z: (here.adjoint(z) @ z @ z).sum().real, lambda z: np.sum(z.conj().T @ z @ z).real),
    "mH": (lambda z: (z.mH @ z @ z).sum().real, lambda z: np.sum(z.conj().T @ z @ z).real),
    "eigvalsh": (
        lambda z: (here.linalg.eigvalsh(z + z.mH) ** 2).sum(),
        lambda z: np.sum(np.linalg.eigvalsh(z + z.conj().T) ** 2),
    ),
}


@pytest.mark.parametrize("name", USES)
def test_a_use(name: str) -> None:
    function, plain = USES[name]
    z = here.tensor(Z, requires_grad=True)
    value = function(z)
    value.backward()
    np.testing.assert_allclose(value.item(), plain(Z), rtol=1e-12)
    np.testing.assert_allclose(z.grad.numpy(), complex_gradient(plain, Z), rtol=1e-7, atol=1e-8)


def test_real_tensors() -> None:
    x = here.tensor([1.0, -2.0])
    assert here.conj(x).tolist() == x.resolve_conj().tolist() == [1.0, -2.0]
    assert x.H.tolist() == [1.0, -2.0]
    with pytest.raises(RuntimeError, match="non-complex"):
        here.imag(x)
    with pytest.raises(RuntimeError, match="real scalar outputs"):
        here.tensor(1j, requires_grad=True).backward()


def test_jacobians_and_checks_are_of_parts() -> None:
    z = here.tensor(Z, requires_grad=True)
    with pytest.raises(RuntimeError, match="view_as_real"):
        here.autograd.functional.jacobian(lambda z: z * z, z)
    with pytest.raises(RuntimeError, match="view_as_real"):
        here.autograd.gradcheck(lambda z: z.abs(), z)
    parts = here.autograd.functional.jacobian(lambda x: here.view_as_real(x * (1 + 2j)), here.tensor([1.0, 2.0]))
    assert parts.tolist() == [[[1.0, 0.0], [2.0, 0.0]], [[0.0, 1.0], [0.0, 2.0]]]
