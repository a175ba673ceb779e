"""Eager forward and backward of small teaching computations: chainrule beside PyTorch, autograd and NumPy by hand.

    python benchmarks/eager.py [--rounds 21] [--only WORD]

Every library computes the same values and gradients in float64; a difference stops the run. Leaves are made once, and
a call computes the result, goes backward, and hands the gradients over. autograd, which has no tensors, makes its
gradient function once. A library that is not installed is left out. Nothing here judges a time: it prints.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import measure  # isort: skip  (before NumPy: it limits the threads)

import numpy as np

from chainrule.ops.elementwise import relu, sigmoid

Call = Callable[[], Sequence[Any]]


class Computation(NamedTuple):
    """One row: its name, the leaves and the constants, and the same formula in each library's words."""

    name: str
    leaves: tuple[Any, ...]
    constants: tuple[Any, ...]
    tensors: Callable[..., Any]  # NumPy functions on chainrule's tensors
    torch: Callable[..., Any]  # PyTorch's names; the first argument is the module that offers them
    autograd: Callable[..., Any]  # the first argument is autograd's NumPy
    hand: Callable[..., Any] | None = None


def computations() -> list[Computation]:
    """The rows, with arrays drawn once."""
    draw = np.random.default_rng(0).normal
    wave = draw(size=1_000_000)
    return [
        Computation(
            "linear layer 3×3, mean square",
            (np.arange(1.0, 10.0).reshape(3, 3), np.array([[0.1], [0.2], [0.3]]), np.array(1.0)),
            (np.array([[5.0], [25.0], [50.0]]),),
            lambda X, W, b, Y: ((X @ W + b - Y) ** 2).mean(),
            lambda _, X, W, b, Y: (X @ W + b - Y).square().mean(),
            lambda xp, X, W, b, Y: xp.mean((xp.dot(X, W) + b - Y) ** 2),
        ),
        Computation(
            "wᵀx, length 5",
            (draw(size=(5, 1)), draw(size=(5, 1))),
            (),
            lambda w, x: np.matmul(w.T, x),
            lambda torch, w, x: torch.matmul(w.T, x),
            lambda xp, w, x: xp.sum(xp.matmul(w.T, x)),
        ),
        Computation(
            "Wx 20×5, mean square",
            (draw(size=(20, 5)),),
            (draw(size=(5, 1)), draw(size=(20, 1))),
            lambda W, x, y: np.mean((y - np.matmul(W, x)) ** 2),
            lambda torch, W, x, y: torch.mean((y - torch.matmul(W, x)) ** 2),
            lambda xp, W, x, y: xp.mean((y - xp.matmul(W, x)) ** 2),
        ),
        Computation(
            "two layers 9×5, 7×9",
            (draw(size=(9, 5)), draw(size=(7, 9))),
            (draw(size=(5, 1)), draw(size=(7, 1))),
            lambda V, W, x, y: np.mean((y - np.matmul(W, np.matmul(V, x))) ** 2),
            lambda torch, V, W, x, y: torch.mean((y - torch.matmul(W, torch.matmul(V, x))) ** 2),
            lambda xp, V, W, x, y: xp.mean((y - xp.matmul(W, xp.matmul(V, x))) ** 2),
        ),
        Computation(
            "relu, sigmoid, square error",
            (draw(size=(2, 3)), draw(size=3)),
            (np.array([1.0, 2.0]), np.array([1.0])),
            lambda W, v, x, t: (sigmoid(relu(x @ W) @ v) - t) ** 2,  # one operation each, as in PyTorch
            lambda torch, W, v, x, t: (torch.sigmoid(torch.relu(x @ W) @ v) - t) ** 2,
            lambda xp, W, v, x, t: xp.sum((1 / (1 + xp.exp(-xp.dot(xp.maximum(xp.dot(x, W), 0), v))) - t) ** 2),
        ),
        Computation(
            "tensordot 5×2, 2×3, bias, sum",
            (draw(size=(5, 2)), draw(size=(2, 3)), draw(size=(1, 3))),
            (),
            lambda X, W, B: np.sum(np.tensordot(X, W, axes=1) + B),
            lambda torch, X, W, B: torch.sum(torch.tensordot(X, W, dims=1) + B),
            lambda xp, X, W, B: xp.sum(xp.tensordot(X, W, axes=1) + B),
        ),
        Computation(
            "recurrence w(wh), scalars",
            (np.array(2.0), np.array(0.5)),
            (),
            lambda w, h: w * (w * h),
            lambda _, w, h: w * (w * h),
            lambda _, w, h: w * (w * h),
        ),
        Computation(
            "3cos x − sin²y, scalars",
            (np.array(2.0), np.array(3.0)),
            (),
            lambda x, y: 3 * np.cos(x) - np.sin(y) ** 2,
            lambda torch, x, y: 3 * torch.cos(x) - torch.sin(y) ** 2,
            lambda xp, x, y: 3 * xp.cos(x) - xp.sin(y) ** 2,
        ),
        Computation(
            "Σ(3cos x − sin²x), n = 10⁶",
            (wave,),
            (),
            lambda x: np.sum(3 * np.cos(x) - np.sin(x) ** 2),
            lambda torch, x: torch.sum(3 * torch.cos(x) - torch.sin(x) ** 2),
            lambda xp, x: xp.sum(3 * xp.cos(x) - xp.sin(x) ** 2),
            by_hand,
        ),
    ]


def by_hand(x: Any) -> tuple[Any, Any]:
    """Value and gradient of Σ(3cos x − sin²x) as somebody writes it who evaluates each sine and cosine once."""
    cosine, sine = np.cos(x), np.sin(x)
    return np.sum(3 * cosine - sine**2), -3 * sine - 2 * sine * cosine


# -- one adapter for each library: from a computation to a call that returns its value and its gradients ---------------


def with_tensors(cr: ModuleType, row: Computation) -> Call:
    """Chainrule's tensors under NumPy's functions."""
    leaves = [cr.tensor(array, requires_grad=True) for array in row.leaves]
    return _backward_call(leaves, lambda: row.tensors(*leaves, *row.constants))


def with_torch(torch: ModuleType, row: Computation) -> Call:
    """PyTorch, or what offers its names."""
    leaves = [torch.tensor(array, dtype=torch.float64, requires_grad=True) for array in row.leaves]
    constants = [torch.tensor(array, dtype=torch.float64) for array in row.constants]
    return _backward_call(leaves, lambda: row.torch(torch, *leaves, *constants))


def _backward_call(leaves: list[Any], forward: Callable[[], Any]) -> Call:
    def call() -> list[Any]:
        for leaf in leaves:
            leaf.grad = None
        out = forward()
        out.backward()
        return [out, *(leaf.grad for leaf in leaves)]

    return call


def with_autograd(autograd: ModuleType, row: Computation) -> Call:
    """The value and the gradient of a function, by autograd."""
    xp, count = importlib.import_module("autograd.numpy"), len(row.leaves)
    both = autograd.value_and_grad(lambda *arguments: row.autograd(xp, *arguments), tuple(range(count)))

    def call() -> list[Any]:
        value, gradients = both(*row.leaves, *row.constants)
        return [value, *gradients]

    return call


LIBRARIES: dict[str, tuple[str, Callable[[ModuleType, Computation], Call]]] = {
    "chainrule": ("chainrule", with_tensors),
    "façade": ("chainrule.torch", with_torch),
    "PyTorch": ("torch", with_torch),
    "autograd": ("autograd", with_autograd),
}


def agree(name: str, answers: dict[str, Sequence[Any]]) -> None:
    """Stop if two libraries differ: a time for another computation is worth nothing."""
    expected = [np.asarray(getattr(one, "detach", lambda one=one: one)()) for one in answers["chainrule"]]
    for library, answer in answers.items():
        for ours, theirs in zip(expected, answer, strict=True):
            array = np.asarray(getattr(theirs, "detach", lambda theirs=theirs: theirs)())
            if not np.allclose(ours.ravel(), array.ravel(), rtol=1e-10, atol=1e-12):
                raise SystemExit(f"{name}: {library} and chainrule differ")


def main() -> None:
    """Measure every row and print it."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--rounds", type=int, default=21, help="samples of each library (default 21)")
    parser.add_argument("--only", default="", help="rows whose name contains this")
    options = parser.parse_args()

    modules = {}
    for library, (package, _) in LIBRARIES.items():
        try:
            modules[library] = importlib.import_module(package)
        except ImportError as problem:
            if package.startswith("chainrule"):  # what is measured; only its peers may be missing
                raise
            print(f"without {library}: {problem}")
        else:
            print(f"{library} {getattr(modules[library], '__version__', '')}")
    if "PyTorch" in modules:
        modules["PyTorch"].set_num_threads(1)

    head = [
        "µs, forward + backward",
        *LIBRARIES,
        "by hand",
        "chainrule/PyTorch",
        "façade/PyTorch",
        "autograd/chainrule",
    ]
    rows = [[*head, "chainrule/hand"]]
    for row in computations():
        if options.only not in row.name:
            continue
        calls: dict[str, Call] = {name: LIBRARIES[name][1](module, row) for name, module in modules.items()}
        if row.hand is not None:
            calls["by hand"] = lambda row=row: row.hand(*row.leaves, *row.constants)
        agree(row.name, {name: call() for name, call in calls.items()})
        times = measure.interleaved(calls, options.rounds)
        columns = [measure.microseconds(times.get(name)) for name in (*LIBRARIES, "by hand")]
        ratios = [("chainrule", "PyTorch"), ("façade", "PyTorch"), ("autograd", "chainrule"), ("chainrule", "by hand")]
        rows.append([row.name, *columns, *(measure.ratio(times.get(over), times.get(by)) for over, by in ratios)])
    print(f"\nmedian of {options.rounds} samples each, interleaved, one thread, float64\n\n{measure.table(rows)}")


if __name__ == "__main__":
    main()
