"""Backward from tensors: cotangents checked, pulled back through the tape, and added to the leaves."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from chainrule.errors import DtypeError, GradientError, NotScalarError, NotTrackedError, ShapeError
from chainrule.program.deferred import Deferred
from chainrule.program.node import meets
from chainrule.program.ownership import PASSED
from chainrule.program.sweep import pullback
from chainrule.tape import Tracked, set_enabled

__all__ = ["backward", "check_differentiable", "check_fits", "cotangents_of", "one", "owned", "seed", "wrap"]


def wrap(value: Any, vertex: Any) -> Any:
    """The tracked tensor of a value that came from ``vertex``: how a recorded sweep sees what nodes kept."""
    if vertex is None:
        return value
    return Tracked.plain(value, vertex, True)


def backward(
    roots: Sequence[Any],
    gradients: Sequence[Any],
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradients of ``roots`` to the leaves (or to ``inputs``, if given)."""
    targets = None
    if inputs is not None:
        chosen: list[Any] = [inputs] if isinstance(inputs, Tracked) else list(inputs)
        if not chosen:
            raise GradientError("`inputs` argument to `backward()` cannot be empty.")
        for leaf in chosen:
            if leaf.vertex is None:
                raise NotTrackedError(
                    f"One of the differentiated Tensors does not require grad\nIn `inputs`, one of shape "
                    f"{tuple(leaf.value.shape)} was not computed from anything that requires grad."
                )
        targets = [leaf.vertex for leaf in chosen]
    arrived = cotangents_of(roots, gradients, targets, retain_graph, create_graph)
    if inputs is None:
        for leaf in list(arrived):
            leaf.accumulate(arrived.pop(leaf))
    else:
        for leaf in chosen:
            vertex = leaf.vertex
            if vertex in arrived:
                leaf.accumulate(arrived.pop(vertex))  # once, however often it is named


def cotangents_of(
    roots: Sequence[Tracked],
    gradients: Sequence[Any],
    targets: Sequence[Any] | None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
) -> dict[Any, Any]:
    """The cotangents that arrive at the target vertices (or at all leaves), pulled back from ``roots``."""
    seeds = []
    for number, (root, gradient) in enumerate(zip(roots, gradients, strict=True)):
        vertex = root.vertex
        if vertex is None:
            raise NotTrackedError(
                f"element {number} of tensors does not require grad and does not have a grad_fn\n"
                "Nothing it was computed from requires grad. Create the inputs with requires_grad=True, and compute "
                "outside no_grad()."
            )
        seeds.append((vertex, seed(root, gradient, create_graph, number)))
    retain = create_graph if retain_graph is None else retain_graph
    with np.errstate(all="ignore"):
        if not create_graph:
            return pullback(seeds, targets, retain=retain)
        before = set_enabled(True)
        try:
            return pullback(seeds, targets, wrap=wrap, retain=retain)
        finally:
            set_enabled(before)


def seed(root: Tracked, gradient: Any, create_graph: bool, number: int = 0) -> Any:
    """The cotangent that a backward starts from, checked against the root."""
    shape = root.value.shape
    if gradient is None:
        if root.value.size != 1:
            raise NotScalarError(
                "grad can be implicitly created only for scalar outputs\n"
                f"This tensor has shape {tuple(shape)}: {root.value.size} numbers, each with a gradient of its own. "
                "Reduce it to one number (sum() or mean()), or choose a cotangent v of that shape: y.backward(v) "
                "computes vᵀJ (v = ones adds the rows of J), or ask for all rows: chainrule.jacobian(f)(x)."
            )
        if root.value.dtype.kind == "c":
            raise NotScalarError(
                f"grad can be implicitly created only for real scalar outputs but got {root.value.dtype}\n"
                "The gradient is that of a real number: take abs, .real or .imag of it, or choose a cotangent: "
                "y.backward(np.array(1.0 + 0j)) is conj(f'(z)) for a holomorphic y = f(z)."
            )
        value = one(shape, root.value.dtype)
        return Tracked.plain(value) if create_graph else value
    value = gradient.value if isinstance(gradient, Tracked) else np.asarray(gradient)
    if value.shape != shape:
        raise ShapeError(
            f"Mismatch in shape: grad_output[{number}] has a shape of torch.Size({list(value.shape)}) and "
            f"output[{number}] has a shape of torch.Size({list(shape)}).\n"
            "A cotangent has the shape of the tensor it belongs to."
        )
    check_fits(value.dtype, root.value.dtype)
    if value.dtype != root.value.dtype:
        value = value.astype(root.value.dtype)
    if not create_graph:
        return value
    if isinstance(gradient, Tracked) and gradient.vertex is not None:
        return Tracked.plain(value, gradient.vertex, True)
    return Tracked.plain(value)


def check_fits(given: Any, dtype: Any) -> None:
    """Raise :class:`DtypeError` unless ``given`` is a dtype for cotangents and tangents of numbers of ``dtype``."""
    if given.kind not in ("fiubc" if dtype.kind == "c" else "fiub"):
        raise DtypeError(f"a cotangent or tangent of real numbers is made of real numbers; got {given}")


@lru_cache(maxsize=256)
def one(shape: tuple[int, ...], dtype: Any) -> Any:
    """The cotangent that the gradient of one number starts from; shared, so read-only."""
    value = np.ones(shape, dtype)
    value.flags.writeable = False
    return value


def check_differentiable(dtype: Any) -> None:
    """Raise :class:`DtypeError` unless numbers of ``dtype`` can have gradients."""
    if dtype.kind == "f":
        return
    if dtype.kind != "c":
        raise DtypeError(
            "only Tensors of floating point dtype can require gradients\n"
            f"Got dtype {dtype}: write 1.0 for 1, or pass dtype=float."
        )
    meets(dtype)


def owned(cotangent: Any, shape: tuple[int, ...]) -> Any:
    """The cotangent in full, in memory of its own."""
    if (
        type(cotangent) is np.ndarray  # not the scalar that a sum returns, which nothing can be added to in place
        and cotangent.shape == shape
        and cotangent.base is None
        and sys.getrefcount(cotangent) == PASSED
    ):
        return cotangent
    if type(cotangent) is np.ndarray and cotangent.shape == shape:
        return cotangent.copy()
    if type(cotangent) is Deferred:  # nobody can write to it
        return cotangent if cotangent.shape == shape else np.broadcast_to(cotangent, shape)
    result = np.empty(shape, cotangent.dtype)
    result[...] = cotangent
    return result
