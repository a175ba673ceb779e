"""The other libraries: how each makes the derivative of a problem, takes its points, and shows what it found.

A peer is given more than it is due. Its points are converted beforehand, it is warmed up on a toy problem (compilers
that a library loads once, not the compilation of the problem), SparseJac is handed the pattern, and where only a
person's rewriting makes a library fast, that is a row of its own.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import scipy.sparse

from benchmarks.structured.problem import Problem, unchanged

LARGEST = 3e9  # bytes: a dense array beyond this is not asked for


class SkippedError(Exception):
    """A peer is not run, for the reason that the message gives."""


@dataclass(frozen=True)
class Peer:
    """One way to use a library.

    Args:
        packages: what it needs installed.
        build: from a problem and a converted point to ``derivative(*converted)``, tracing and planning included.
        convert: an array in the library's own kind.
        show: the result as an array with two axes or a SciPy matrix.
        finish: waits for a result that is computed in the background.
        warm: what is done once in a process, not measured.
    """

    packages: tuple[str, ...]
    build: Callable[[Problem, Any], Callable[..., Any]]
    convert: Callable[[Any], Any]
    show: Callable[[Problem, Any], Any]
    finish: Callable[[Any], Any]
    warm: Callable[[], None]

    def missing(self) -> str | None:
        """The first package that cannot be imported; None if all can."""
        for package in self.packages:
            try:
                importlib.import_module(package)
            except ImportError:
                return package
        return None


def nothing() -> None:
    return None


def matrix_shape(problem: Problem) -> tuple[int, int]:
    """Rows and columns of the derivative, axes flattened."""
    if problem.order == "hessian":
        return problem.unknowns, problem.unknowns
    return prod(problem.in_numpy(*problem.points[0]).shape), problem.unknowns


def refuse_if_large(problem: Problem, batched: bool = True) -> None:
    """Stop a dense library from taking the machine down: a batched Hessian repeats its intermediates as well."""
    rows, columns = matrix_shape(problem)
    if (needed := 8 * columns * max(rows, problem.widest * batched)) > LARGEST:
        raise SkippedError(f"dense: {needed / 1e9:,.1f} GB")


def dense_shown(problem: Problem, result: Any) -> Any:
    """A dense result with its axes flattened to two."""
    array = np.asarray(result)
    return array.reshape(matrix_shape(problem))


# -- JAX and what is built on it ---------------------------------------------------------------------------------------


def jax_array(array: Any) -> Any:
    return importlib.import_module("jax.numpy").asarray(array)


def wait(result: Any) -> Any:
    return importlib.import_module("jax").block_until_ready(result)


def warm_jax() -> None:
    jax, jnp = importlib.import_module("jax"), importlib.import_module("jax.numpy")
    wait(jax.jit(lambda x: jnp.sin(x) + 1)(jnp.zeros(3)))


def in_jax(problem: Problem) -> Callable[..., Any]:
    """The function of a flat first argument, with a flat result if it has several entries."""
    jnp = importlib.import_module("jax.numpy")

    def flat(x: Any, *others: Any) -> Any:
        result = problem.function(jnp, x.reshape(problem.shape), *others)
        return result.reshape(-1) if problem.order == "jacobian" else result

    return flat


def flattened(derivative: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, *others: derivative(x.reshape(-1), *others)


def build_jax(problem: Problem, point: Any) -> Callable[..., Any]:
    refuse_if_large(problem)
    jax = importlib.import_module("jax")
    if problem.order == "hessian":
        transform = jax.hessian
    else:
        transform = jax.jacfwd if problem.dense == "forward" else jax.jacrev
    return flattened(jax.jit(transform(in_jax(problem))))


def build_asdex(problem: Problem, point: Any) -> Callable[..., Any]:
    asdex, jax = importlib.import_module("asdex"), importlib.import_module("jax")
    f, (x, *others) = in_jax(problem), point
    x = x.reshape(-1)
    if problem.order == "hessian":
        colours = asdex.hessian_coloring_from_sparsity(asdex.hessian_sparsity(f, x, *others))
        made = asdex.hessian_from_coloring(f, colours, output_format="bcoo")
    else:
        colours = asdex.jacobian_coloring_from_sparsity(asdex.jacobian_sparsity(f, x, *others))
        made = asdex.jacobian_from_coloring(f, colours, output_format="bcoo")
    return flattened(jax.jit(made))


def warm_asdex() -> None:
    asdex, jnp = importlib.import_module("asdex"), importlib.import_module("jax.numpy")
    warm_jax()
    asdex.jacobian_coloring(lambda x: (x[1:] - x[:-1]) ** 2, jnp.zeros(8))
    asdex.hessian_coloring(lambda x: ((x[1:] - x[:-1]) ** 4).sum(), jnp.zeros(8))


def build_sparsejac(problem: Problem, point: Any) -> Callable[..., Any]:
    sparsejac, jax = importlib.import_module("sparsejac"), importlib.import_module("jax")
    sparse, jnp = importlib.import_module("jax.experimental.sparse"), importlib.import_module("jax.numpy")
    assert problem.reference is not None
    known = problem.reference(*problem.points[0]).tocoo()
    places = jnp.asarray(np.stack([known.row, known.col], 1))
    pattern = sparse.BCOO((jnp.ones(known.nnz), places), shape=known.shape)
    f = in_jax(problem)
    return flattened(jax.jit(sparsejac.jacfwd(jax.grad(f) if problem.order == "hessian" else f, sparsity=pattern)))


def coordinates_shown(problem: Problem, result: Any) -> Any:
    places = np.asarray(result.indices)
    entries = (np.asarray(result.data), (places[:, 0], places[:, 1]))
    return scipy.sparse.coo_array(entries, shape=result.shape).tocsr()


# -- PyTorch -----------------------------------------------------------------------------------------------------------


def torch_tensor(array: Any) -> Any:
    return importlib.import_module("torch").tensor(array)


def warm_torch() -> None:
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)
    torch.func.jacrev(torch.sin)(torch.zeros(3))


def build_torch_func(problem: Problem, point: Any) -> Callable[..., Any]:
    refuse_if_large(problem)
    torch = importlib.import_module("torch")

    def f(*arguments: Any) -> Any:
        return problem.function(torch, *arguments)

    if problem.order == "hessian":
        return torch.func.hessian(f)  # type: ignore[no-any-return]
    return (torch.func.jacfwd if problem.dense == "forward" else torch.func.jacrev)(f)  # type: ignore[no-any-return]


def build_torch_autograd(problem: Problem, point: Any) -> Callable[..., Any]:
    refuse_if_large(problem, batched=False)
    torch = importlib.import_module("torch")
    functional = torch.autograd.functional
    transform = functional.hessian if problem.order == "hessian" else functional.jacobian
    return lambda x, *others: transform(lambda x: problem.function(torch, x, *others), x)


# -- autograd and CasADi -----------------------------------------------------------------------------------------------


def build_autograd(problem: Problem, point: Any) -> Callable[..., Any]:
    refuse_if_large(problem)
    autograd, xp = importlib.import_module("autograd"), importlib.import_module("autograd.numpy")
    transform = autograd.hessian if problem.order == "hessian" else autograd.jacobian
    return transform(lambda *arguments: problem.function(xp, *arguments))  # type: ignore[no-any-return]


def casadi_matrix(array: Any) -> Any:
    """Flat, in the order of NumPy's rows: CasADi's matrices lie column by column."""
    return importlib.import_module("casadi").DM(np.ravel(array))


def build_casadi(problem: Problem, point: Any) -> Callable[..., Any]:
    ca = importlib.import_module("casadi")
    symbols, arguments = [], []
    for place, array in enumerate(problem.points[0]):
        symbol = ca.SX.sym(f"x{place}", array.size)
        symbols.append(symbol)
        arguments.append(ca.reshape(symbol, *array.shape[::-1]).T if array.ndim == 2 else symbol)
    value = (problem.casadi or problem.function)(ca, *arguments)
    if problem.order == "hessian":
        derivative = ca.hessian(value, symbols[0])[0]
    else:
        derivative = ca.jacobian(value, symbols[0])
    return ca.Function("derivative", symbols, [derivative])  # type: ignore[no-any-return]


def casadi_shown(problem: Problem, result: Any) -> Any:
    return result.sparse()


JAX = (jax_array, dense_shown, wait, warm_jax)
TORCH = (torch_tensor, dense_shown, unchanged, warm_torch)
PEERS = {
    "jax": Peer(("jax",), build_jax, *JAX),
    "asdex": Peer(("asdex", "jax"), build_asdex, jax_array, coordinates_shown, wait, warm_asdex),
    "sparsejac": Peer(("sparsejac", "jax"), build_sparsejac, jax_array, coordinates_shown, wait, warm_jax),
    "casadi": Peer(("casadi",), build_casadi, casadi_matrix, casadi_shown, unchanged, nothing),
    "torch.func": Peer(("torch",), build_torch_func, *TORCH),
    "torch.autograd": Peer(("torch",), build_torch_autograd, *TORCH),
    "autograd": Peer(("autograd",), build_autograd, unchanged, dense_shown, unchanged, nothing),
}


def find(name: str, problem: Problem) -> Peer:
    """The adapter of a library for a problem; one that a problem brings itself is named after the library it uses."""
    if name not in problem.custom:
        return PEERS[name]
    build, show = problem.custom[name]
    library = name.split(",")[0]
    general = PEERS["torch.func" if library == "torch" else library]
    return Peer(
        general.packages,
        build,
        unchanged if library == "casadi" else general.convert,
        lambda problem, result: show(result),
        general.finish,
        general.warm,
    )
