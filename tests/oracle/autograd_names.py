"""autograd's names for what chainrule does, as modules: code that imports autograd runs on chainrule, NumPy and SciPy.

A plugin for pytest: ``-p tests.oracle.autograd_names``.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np
import scipy
import scipy.integrate
import scipy.linalg
import scipy.signal
import scipy.special
import scipy.stats

import chainrule as cr
from chainrule.transforms.trees import flatten, unflatten
from tests.oracle import autograd_checks
from tests.oracle.autograd_operators import OF_FUNCTIONS, OPERATORS, is_tensor, make_vjp, name_of, unary_to_nary

__all__: list[str] = []

Function = Callable[..., Any]


class Primitive:
    """A function with derivatives of its own, given one argument at a time."""

    def __init__(self, function: Function) -> None:
        self.function, self.__name__ = function, name_of(function)
        self.names = list(inspect.signature(function).parameters)
        self.pulls: list[Function | None] = [None] * len(self.names)

    def __call__(self, *arguments: Any) -> Any:
        if not any(is_tensor(x) for x in arguments):
            return self.function(*arguments)
        if not any(self.pulls):
            raise NotImplementedError(f"VJP of {self.__name__} not defined")
        pulls = self.pulls if len(self.pulls) > 1 else self.pulls[0]
        return cr.external(self.function, vjp=pulls, differentiable=True, name=self.__name__)(*arguments)

    def defvjp(self, maker: Function, argnum: int = 0) -> None:
        self.pulls[argnum] = lambda *given: maker(given[-1], self(*given[:-1]), None, None, *given[:-1])

    def defgrad(self, maker: Function, argnum: int = 0) -> None:
        self.pulls[argnum] = lambda *given: maker(self(*given[:-1]), *given[:-1])(given[-1])

    def defvjp_is_zero(self, argnums: Sequence[int] = (0,)) -> None:
        for argnum in argnums:
            self.pulls[argnum] = lambda *given, argnum=argnum: np.zeros_like(given[argnum])


def defvjp(primitive: Primitive, *makers: Function) -> None:
    for argnum, maker in enumerate(makers):
        primitive.defgrad(maker, argnum)


# --------------------------------------------------------------------------------- functions that are autograd's own
def flatten_to_vector(tree: Any) -> tuple[Any, Function]:
    """The numbers of nested containers, dictionaries in the order of their keys, and the way back."""

    def in_order(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: in_order(node[key]) for key in sorted(node)}
        return type(node)(in_order(child) for child in node) if isinstance(node, list | tuple) else node

    leaves, structure = flatten(in_order(tree))
    shapes = [np.shape(leaf) for leaf in leaves]
    ends = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)])

    def back(vector: Any) -> Any:
        parts = [vector[i:j] for i, j in pairwise(ends)]
        return unflatten(structure, [np.reshape(p, s) if s else p[0] for p, s in zip(parts, shapes, strict=True)])

    return (np.concatenate([np.ravel(leaf) for leaf in leaves]) if leaves else np.array([])), back


def convolve(A: Any, B: Any, axes: Any = None, dot_axes: Any = ((), ()), mode: str = "full") -> Any:
    """SciPy's convolution; or one along pairs of axes only, summed along others."""
    if axes is None:
        return scipy.signal.convolve(A, B, mode)
    left, right = list(range(A.ndim)), list(range(A.ndim, A.ndim + B.ndim))
    for a, b in zip(*dot_axes, strict=True):
        right[b] = left[a]
    widths = [(0, 0)] * A.ndim
    for a, b in zip(*axes, strict=True):
        widths[a] = (B.shape[b] - 1, B.shape[b] - 1)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(A, widths), [B.shape[b] for b in axes[1]], tuple(axes[0]))
    kept = [left[a] for a in range(A.ndim) if a not in (*axes[0], *dot_axes[0])]
    kept += [right[b] for b in range(B.ndim) if b not in (*axes[1], *dot_axes[1])]
    along = [left[a] for a in axes[0]]
    whole = np.einsum(
        windows, [*left, *(right[b] for b in axes[1])], np.flip(B, tuple(axes[1])), right, [*kept, *along]
    )
    return whole[(..., *(cut(A.shape[a], B.shape[b], mode) for a, b in zip(*axes, strict=True)))]


def cut(size: int, other: int, mode: str) -> slice:
    """What is left of a full convolution."""
    if mode == "valid":
        return slice(min(size, other) - 1, max(size, other))
    return slice(None) if mode == "full" else slice((other - 1) // 2, (other - 1) // 2 + size)


# ---------------------------------------------------------------------------------------------------------- modules
def is_instance(value: Any, kind: Any) -> bool:
    return isinstance(value, kind)


def make_diagonal(D: Any, offset: int = 0, axis1: int = -1, axis2: int = -2) -> Any:
    return D[..., None] * np.eye(D.shape[-1])


def const_graph(*_: Any, **__: Any) -> Any:
    raise NotImplementedError("nothing here is run again without its constant parts")


class Beside(ModuleType):
    """A module of NumPy's with names beside its own; what NumPy's names mean is asked each time."""

    def __init__(self, plain: ModuleType, **names: Any) -> None:
        super().__init__(f"autograd.{plain.__name__}")
        self.__dict__.update(names, __path__=[], __getattr__=lambda name: getattr(plain, name))
        sys.modules[self.__name__] = self


def module(name: str, **names: Any) -> ModuleType:
    made = ModuleType(name)
    made.__dict__.update(names)
    sys.modules[name] = made
    return made


def install() -> None:
    """Let ``import autograd`` find these names."""
    operators = {name: unary_to_nary(operator) for name, operator in OPERATORS.items()} | OF_FUNCTIONS
    containers = {"dict": dict, "list": list, "tuple": tuple, "isinstance": is_instance, "type": type}
    linalg = Beside(np.linalg, _dot=np.matmul, T=np.matrix_transpose)
    numpy = Beside(np, make_diagonal=make_diagonal, linalg=linalg)
    signal = module("autograd.scipy.signal", convolve=convolve)
    parts = {part: getattr(scipy, part) for part in ("integrate", "linalg", "special", "stats")}
    science = module("autograd.scipy", **parts, signal=signal)
    module("autograd", **operators, **containers, numpy=numpy, scipy=science, __path__=[])
    module("autograd.builtins", **containers)
    module("autograd.extend", primitive=Primitive, defvjp=defvjp)
    module("autograd.core", primitive=Primitive, make_vjp=make_vjp, primitive_vjps={})
    module("autograd.tracer", primitive=Primitive, isbox=is_tensor)
    module("autograd.misc", flatten=flatten_to_vector, const_graph=const_graph)
    module("autograd.util", quick_grad_check=autograd_checks.quick_grad_check)
    module("autograd.wrap_util", unary_to_nary=unary_to_nary)
    module(
        "autograd.test_util",
        check_grads=unary_to_nary(autograd_checks.check_grads),
        combo_check=autograd_checks.combo_check,
        check_equivalent=autograd_checks.check_equivalent,
        scalar_close=autograd_checks.close,
    )
    for name in ("fft", "random"):
        sys.modules[f"autograd.numpy.{name}"] = sys.modules[f"numpy.{name}"]
    for name, found in parts.items():
        sys.modules[f"autograd.scipy.{name}"] = found
    sys.modules["autograd.scipy.stats.multivariate_normal"] = scipy.stats.multivariate_normal


install()
