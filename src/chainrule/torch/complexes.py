"""PyTorch's names for complex numbers, their parts and their conjugates."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import StandInRuntimeError
from chainrule.torch.operators import in_place
from chainrule.torch.pointwise import tensor_of
from chainrule.torch.products import dot
from chainrule.torch.tensors import methods
from chainrule.torch.through import through

__all__ = ["FUNCTIONS"]


def conj(input: Any) -> Any:
    """The conjugate of each element."""
    return through("conj", np.conjugate, tensor_of(input, "conj"))


def resolve_conj(input: Any) -> Any:
    """The tensor itself: conjugates are computed at once here."""
    return tensor_of(input, "resolve_conj")


def angle(input: Any) -> Any:
    """The argument of each element."""
    return through("angle", np.angle, tensor_of(input, "angle"))


def sgn(input: Any) -> Any:
    """The sign of each element: of complex ones z/|z|."""
    return through("sgn", np.sign, tensor_of(input, "sgn"))


def real(input: Any) -> Any:
    """The real parts."""
    return tensor_of(input, "real").real


def imag(input: Any) -> Any:
    """The imaginary parts of complex elements."""
    tensor = tensor_of(input, "imag")
    if not tensor.is_complex():
        raise StandInRuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return tensor.imag


def complex(real: Any, imag: Any) -> Any:
    """Complex numbers of two parts."""
    return through("complex", lambda x, y: x + 1j * y, tensor_of(real, "complex"), tensor_of(imag, "complex"))


def polar(abs: Any, angle: Any) -> Any:
    """Complex numbers of an absolute value and an argument."""
    return through("polar", lambda r, t: r * np.exp(1j * t), tensor_of(abs, "polar"), tensor_of(angle, "polar"))


def view_as_real(input: Any) -> Any:
    """The real and the imaginary parts along a last axis (a copy, not a view)."""
    return through("view_as_real", lambda z: np.stack([z.real, z.imag], -1), tensor_of(input, "view_as_real"))


def vdot(input: Any, other: Any) -> Any:
    """The sum of products of two vectors, the first conjugated."""
    return dot(conj(input), other)


_METHODS: dict[str, Any] = {
    "conj": conj,
    "conj_physical": conj,
    "resolve_conj": resolve_conj,
    "angle": angle,
    "sgn": sgn,
    "vdot": vdot,
}
FUNCTIONS: dict[str, Any] = {
    **_METHODS,
    "real": real,
    "imag": imag,
    "complex": complex,
    "polar": polar,
    "view_as_real": view_as_real,
}
methods(**_METHODS, conj_=in_place(conj), sgn_=in_place(sgn))
