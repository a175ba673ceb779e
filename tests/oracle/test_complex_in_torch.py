"""Gradients of complex programs here and in PyTorch: the same convention, at zeros too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import chainrule as cr

pytestmark = pytest.mark.oracle
RNG = np.random.default_rng(11)
Z = RNG.normal(size=(3, 3)) + 1j * RNG.normal(size=(3, 3))
X = RNG.normal(size=(3, 3))
ZERO = np.array([[0, 1j, -1], [2, 0, 0], [1 - 1j, 3, 0]], complex)


class Pair(NamedTuple):
    """A real function, in NumPy's names and in PyTorch's, and where it is tried."""

    here: Callable[[Any], Any]
    there: Callable[[Any, Any], Any]
    points: tuple[Any, ...] = (Z, X)


ELEMENTWISE = "exp log sqrt sin cos tan sinh cosh tanh arcsin arccos arctan arcsinh arccosh arctanh"
TRANSFORMS = "fft ifft rfft irfft hfft fft2 ifft2 rfft2 irfft2 fftn irfftn"


def elementwise(name: str) -> Pair:
    return Pair(
        lambda z: np.sum(getattr(np, name)(z) * (1 + 2j)).real,
        lambda t, z: (getattr(t, name)(z) * (1 + 2j)).sum().real,
        (Z,),
    )


def transform(name: str) -> Pair:
    return Pair(
        lambda z: np.sum(np.abs(getattr(np.fft, name)(z) + 1j) ** 3),
        lambda t, z: ((getattr(t.fft, name)(z) + 1j).abs() ** 3).sum(),
        (X,) if name[0] == "r" else (Z, X),
    )


PAIRS = {
    "squared modulus": Pair(lambda z: np.sum(np.abs(z) ** 2), lambda t, z: (z.abs() ** 2).sum(), (Z, X, ZERO)),
    "modulus": Pair(lambda z: np.sum(np.abs(z)), lambda t, z: z.abs().sum(), (Z, X, ZERO)),
    "angle": Pair(lambda z: np.sum(np.angle(z) ** 2), lambda t, z: (z.angle() ** 2).sum(), (Z, ZERO)),
    "sign": Pair(lambda z: np.sum(np.sign(z) * 1j).real, lambda t, z: (z.sgn() * 1j).sum().real, (Z, ZERO)),
    "parts": Pair(lambda z: np.sum(z.real * z.imag**2), lambda t, z: (z.real * z.imag**2).sum(), (Z,)),
    "conj": Pair(lambda z: np.sum(np.conj(z) * z**2).imag, lambda t, z: (z.conj() * z**2).sum().imag, (Z,)),
    "of real numbers": Pair(
        lambda x: np.sum(np.abs(np.exp(1j * x) * x + 2)), lambda t, x: (t.exp(1j * x) * x + 2).abs().sum()
    ),
    "power": Pair(lambda z: np.sum(z ** (1 + 2j)).real, lambda t, z: (z ** (1 + 2j)).sum().real, (Z,)),
    "power of two": Pair(lambda z: np.sum(2.0**z).real, lambda t, z: (2.0**z).sum().real, (Z,)),
    **{name: elementwise(name) for name in ELEMENTWISE.split()},
    "matmul": Pair(lambda z: np.sum(np.abs(z @ z + np.conj(z).T)), lambda t, z: (z @ z + z.conj().T).abs().sum()),
    "vdot": Pair(lambda z: np.vdot(z[0], z[1] * z[2]).imag, lambda t, z: t.vdot(z[0], z[1] * z[2]).imag, (Z,)),
    "einsum": Pair(
        lambda z: np.abs(np.einsum("ij,kj,ki", z, z, z)), lambda t, z: t.einsum("ij,kj,ki->", z, z, z).abs(), (Z,)
    ),
    "prod": Pair(lambda z: np.sum(np.prod(z, 0)).real, lambda t, z: z.prod(0).sum().real, (Z, ZERO)),
    "cumsum": Pair(lambda z: np.sum(np.abs(np.cumsum(z, 0))), lambda t, z: z.cumsum(0).abs().sum(), (Z, X)),
    "var": Pair(np.var, lambda t, z: t.var(z, correction=0), (Z, X)),
    "norm": Pair(np.linalg.norm, lambda t, z: t.linalg.norm(z), (Z, X, 0 * Z)),
    "3-norm": Pair(
        lambda z: np.sum(np.linalg.norm(z, 3, axis=1)), lambda t, z: t.linalg.vector_norm(z, 3, dim=1).sum(), (Z, X)
    ),
    "det": Pair(lambda z: np.linalg.det(z).real, lambda t, z: t.linalg.det(z).real, (Z,)),
    "slogdet": Pair(
        lambda z: (np.linalg.slogdet(z)[0] * (1 + 2j)).real + np.linalg.slogdet(z)[1],
        lambda t, z: (t.linalg.slogdet(z)[0] * (1 + 2j)).real + t.linalg.slogdet(z)[1],
        (Z,),
    ),
    "inv": Pair(lambda z: np.sum(np.abs(np.linalg.inv(z))), lambda t, z: t.linalg.inv(z).abs().sum()),
    "solve": Pair(lambda z: np.sum(np.abs(np.linalg.solve(z, z[0]))), lambda t, z: t.linalg.solve(z, z[0]).abs().sum()),
    **{name: transform(name) for name in TRANSFORMS.split()},
    "written parts": Pair(lambda z: written(z, np.abs), lambda t, z: written(z, t.abs), (Z,)),
}


def written(z: Any, size: Callable[[Any], Any]) -> Any:
    w = z * 1
    w.real[0] = z.imag[1] ** 2
    w.imag[2] *= 3
    return (size(w) ** 2).sum()


@pytest.mark.parametrize("name", PAIRS)
def test_a_gradient(name: str) -> None:
    torch = pytest.importorskip("torch")
    here, there, points = PAIRS[name]
    for point in points:
        leaf = torch.tensor(point, requires_grad=True)
        value = there(torch, leaf)
        value.backward()
        expected = leaf.grad.resolve_conj().numpy()
        found, gradient = cr.value_and_grad(here)(point)
        np.testing.assert_allclose(found, value.item(), rtol=1e-11)
        np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-11)
        assert gradient.dtype == expected.dtype
        tensor = cr.tensor(point, requires_grad=True)
        here(tensor).backward()
        np.testing.assert_allclose(tensor.grad.value, gradient, rtol=1e-13)
