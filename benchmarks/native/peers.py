"""Other libraries: each makes of a row a call that returns its value and gradients, finished."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.native.limit import compiler
from benchmarks.native.row import Row

Call = Callable[[], list[Any]]


class AbsentError(Exception):
    """A library is not installed, or cannot do what a row asks."""


def chainrule(row: Row, threads: int = 1) -> Call:
    """What is measured."""
    cr = importlib.import_module("chainrule")
    if row.entries:
        return _entries(cr, row)
    both = cr.compile(cr.value_and_grad(_with_numpy(row), tuple(range(row.count))), threads=threads)
    arguments = row.arguments

    def call() -> list[Any]:
        value, gradients = both(*arguments)
        return [value, *gradients]

    call()
    problem = next((one for one in both.recordings if one != "machine code"), None)
    if problem:
        raise AbsentError(f"runs in Python: {problem}")
    return call


def _with_numpy(row: Row) -> Callable[..., Any]:
    """The function of the arrays alone. It does not read the row, whose attributes would be looked at in each call."""
    function = row.function
    return lambda *arrays: function(np, *arrays)


def _entries(cr: Any, row: Row) -> Call:
    """Jacobians as sparse matrices, whose numbers are the entries."""
    slopes = cr.compile(cr.jacobian(_with_numpy(row), tuple(range(row.count))), form="sparse")

    def call() -> list[Any]:
        return [one.data for one in slopes(*row.arguments)]

    return call


def value(row: Row) -> Call:
    """The value alone, compiled, for how much more a gradient costs."""
    compiled = importlib.import_module("chainrule").compile(_with_numpy(row))

    def call() -> list[Any]:
        return [compiled(*row.arguments)]

    call()
    return call


def jax(row: Row) -> Call:
    """`jit` of `value_and_grad`; arrays are handed over beforehand, and results are waited for."""
    library = importlib.import_module("jax")
    function = row.peers.get("jax")
    names, function = (library, function) if function else (library.numpy, row.function)
    arguments = [library.numpy.asarray(argument) for argument in row.arguments]
    if row.entries:
        slopes = library.jit(lambda *arrays: function(names, *arrays))
        return lambda: library.block_until_ready(slopes(*arguments))
    both = library.jit(library.value_and_grad(lambda *arrays: function(names, *arrays), tuple(range(row.count))))

    def call() -> list[Any]:
        value, gradients = library.block_until_ready(both(*arguments))
        return [value, *gradients]

    return call


class _TorchNames:
    """PyTorch under NumPy's names, where it has others."""

    def __init__(self, torch: Any) -> None:
        self.torch, self.nn = torch, torch.nn
        self.max = lambda x, axis=None, keepdims=False: torch.amax(x, () if axis is None else axis, keepdims)
        self.maximum = torch.clamp_min
        self.concatenate = torch.cat
        self.asarray = torch.as_tensor

    def __getattr__(self, name: str) -> Any:
        return getattr(self.torch, name)


def torch(row: Row) -> Call:
    """A forward pass and `autograd.grad`."""
    library = importlib.import_module("torch")
    library.set_num_threads(1)
    function = row.peers.get("torch") or row.function
    names = _TorchNames(library)
    arguments = [library.as_tensor(np.array(argument)) for argument in row.arguments]
    if row.entries:
        return lambda: function(library, *arguments)
    leaves = [argument.requires_grad_() for argument in arguments[: row.count]]

    def call() -> list[Any]:
        value = function(names, *arguments)
        return [value, *library.autograd.grad(value, leaves)]

    return call


def autograd(row: Row) -> Call:
    """`value_and_grad` under autograd's NumPy."""
    library, names = importlib.import_module("autograd"), importlib.import_module("autograd.numpy")
    function = row.peers.get("autograd") or row.function
    if row.entries:
        return lambda: function(library, *row.arguments)
    both = library.value_and_grad(lambda *arrays: function(names, *arrays), tuple(range(row.count)))

    def call() -> list[Any]:
        value, gradients = both(*row.arguments)
        return [value, *gradients]

    return call


class _CasadiNames:
    """CasADi under NumPy's names; its vectors are columns."""

    def __init__(self, library: Any) -> None:
        self.exp, self.tanh, self.cos, self.sin = library.exp, library.tanh, library.cos, library.sin
        self.maximum, self.sum, self.split = library.fmax, library.sum1, library.vertsplit
        self.mean = lambda x: library.sum1(x) / x.numel()


def casadi(row: Row) -> Call:
    """A scalar program, as C if there is a compiler, called through buffers: the cheapest call that CasADi has."""
    library = importlib.import_module("casadi")
    if row.entries:
        own = row.peers.get("casadi") or row.function
        return lambda: own(library, *row.arguments)
    arrays = [np.asarray(argument, float) for argument in row.arguments]
    symbols = [library.SX.sym(f"x{i}", *(*array.shape, 1)[: 2 if array.ndim else 1]) for i, array in enumerate(arrays)]
    function = row.peers.get("casadi") or row.function
    value = library.densify(function(_CasadiNames(library), *symbols))
    results = [value, *(library.densify(library.gradient(value, one)) for one in symbols[: row.count])]
    command = compiler()
    flags = {"compiler": command, "flags": ["-O3", "-march=native", "-ffast-math"], "linker_flags": ["-lmvec", "-lm"]}
    options = {"jit": True, "compiler": "shell", "jit_options": flags} if command else {}
    made = library.Function("both", symbols, results, options)
    buffer, trigger = made.buffer()
    inputs = [np.ascontiguousarray(array.ravel(order="F")) for array in arrays]
    outputs = [np.empty(made.nnz_out(i)) for i in range(made.n_out())]
    for i, array in enumerate(inputs):
        buffer.set_arg(i, array.data)
    for i, array in enumerate(outputs):
        buffer.set_res(i, array.data)
    shaped = [
        outputs[0][0:1].reshape(()),
        *(o.reshape(a.shape, order="F") for o, a in zip(outputs[1:], arrays, strict=False)),
    ]

    def call(_alive: Any = (made, buffer, inputs)) -> list[Any]:
        trigger()
        return shaped

    return call


SYSTEMS: dict[str, Callable[[Row], Call]] = {
    "chainrule": chainrule,
    "casadi": casadi,
    "jax": jax,
    "torch": torch,
    "autograd": autograd,
}


def prepared(name: str, row: Row) -> Call:
    """The call of a system, or the reason why there is none."""
    if name in row.peers and row.peers[name] is None:
        raise AbsentError("has no way to say it")
    try:
        return SYSTEMS[name](row)
    except ImportError as problem:
        raise AbsentError(f"not installed ({problem})") from problem


def shown(row: Row, answer: list[Any]) -> list[Any]:
    """An answer as NumPy's arrays; of Jacobians what is not zero, since not all leave out the same zeros."""
    arrays = [np.asarray(one.detach() if hasattr(one, "detach") else one) for one in answer]
    return [array[array != 0] for array in arrays] if row.entries else arrays
