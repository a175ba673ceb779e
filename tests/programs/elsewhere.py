"""A program in PyTorch and in JAX: its value and its gradients, where these libraries have all of it."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.oracle.numpy_in_torch import numpy_in_torch
from tests.programs.program import Program, weights

__all__ = ["UnsharedError", "in_jax", "in_torch"]

REFUSED = ("in-place operation", "modified by an inplace", "step must be greater than zero")
# PyTorch copies where NumPy has a view, or lays an array out otherwise, so that a reshape of it is none
LAID_OUT_OTHERWISE = ("np.flip(", "np.at(", ", [")


class UnsharedError(Exception):
    """The library has no such function, or refuses to overwrite arrays."""


class Weights:
    """The constants of a program as PyTorch tensors."""

    def __init__(self, torch: Any) -> None:
        self.torch = torch

    def __call__(self, shape: Any, phase: float = 0.3) -> Any:
        return self.torch.tensor(weights(tuple(shape), phase))


def in_torch(program: Program) -> tuple[Any, list[Any]]:
    """The value and the gradients in PyTorch.

    Raises:
        UnsharedError: PyTorch refuses to write in place, or our names for its functions have not all of the program.
    """
    torch = import_module("torch")
    if any("registered(" in line for line in program.lines):
        raise UnsharedError("an operation of the registry")
    if program.writes and any(text in line for line in program.torch_lines for text in LAID_OUT_OTHERWISE):
        raise UnsharedError("what is written to through a view is laid out otherwise")
    function = program.function(numpy_in_torch(torch), Weights(torch))
    leaves = [torch.tensor(x, requires_grad=True) for x in program.arguments]
    try:
        out = function(*leaves)
        if out.requires_grad:
            (out * torch.tensor(weights(tuple(out.shape), 0.9))).sum().backward()
    except (AttributeError, TypeError) as problem:
        raise UnsharedError(type(problem).__name__) from problem
    except (RuntimeError, ValueError, IndexError) as problem:
        if any(text in str(problem) for text in REFUSED):
            raise UnsharedError("it refuses to overwrite") from problem
        raise
    gradient = [np.zeros(x.shape) if x.grad is None else x.grad.numpy() for x in leaves]
    return out.detach().numpy(), gradient


@cache
def _jax() -> Any:
    jax = import_module("jax")
    jax.config.update("jax_enable_x64", True)
    numpy = import_module("jax.numpy")
    # these take what NumPy takes: lists of arrays, indices with lists
    return jax, SimpleNamespace(**{**vars(numpy), "at": lambda x, index: x[_arrays(index)], "s_": np.s_})


def _arrays(index: Any) -> Any:
    parts = index if isinstance(index, tuple) else (index,)
    return tuple([np.array(part) if isinstance(part, list) else part for part in parts])


def in_jax(program: Program) -> tuple[Any, list[Any]]:
    """The value and the gradients in JAX.

    Raises:
        UnsharedError: the program overwrites arrays, or JAX has not all of NumPy that it uses.
    """
    if program.writes or any("registered(" in line or "] = " in line for line in program.lines):
        raise UnsharedError("it overwrites arrays, or has an operation of the registry")
    if any("np.partition(" in line for line in program.lines):
        raise UnsharedError("a partition has no order but that of its algorithm")
    jax, numpy = _jax()
    function = program.function(numpy)
    arguments = [numpy.asarray(x) for x in program.arguments]

    def scalar(*given: Any) -> Any:
        out = function(*given)
        return numpy.sum(out * weights(out.shape, 0.9))

    try:
        value = function(*arguments)
        gradient = jax.grad(scalar, argnums=tuple(range(len(arguments))))(*arguments)
    except (AttributeError, TypeError, NotImplementedError, ValueError, IndexError, jax.errors.JAXTypeError) as problem:
        raise UnsharedError(type(problem).__name__) from problem
    return np.asarray(value), [np.asarray(part) for part in gradient]
