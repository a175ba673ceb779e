"""``torch.func``: transforms of functions. Each makes fresh points, runs the function recorded, and pulls or pushes.

>>> from chainrule.torch.tensors import Tensor
>>> grad(lambda x: (x * x).sum())(Tensor([1.0, 2.0]))
tensor([2., 4.])
>>> jacrev(lambda x: x * x)(Tensor([1.0, 2.0]))
tensor([[2., 0.],
        [0., 4.]])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from chainrule.errors import StandInRuntimeError, StandInTypeError, StandInValueError
from chainrule.ops.elementwise import clone
from chainrule.tape import enabled, set_enabled
from chainrule.torch.autograd.functional import joined, pulled
from chainrule.torch.joining import stack
from chainrule.torch.messages import listed
from chainrule.torch.recording import apply
from chainrule.torch.shaping import movedim
from chainrule.torch.tensors import Tensor
from chainrule.transforms.trees import flatten, map_tree, unflatten

__all__ = ["functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "vjp", "vmap"]


class Run:
    """One recorded run of a function at fresh points, which stay connected to what they were made from."""

    def __init__(
        self, func: Callable[..., Any], args: Sequence[Any], argnums: Sequence[int], options: Any = None
    ) -> None:
        called = list(args)
        self.points: list[Any] = []
        self.structures: list[tuple[Any, int]] = []
        self.outer = False  # whether the result is itself differentiated
        for number in argnums:
            if not -len(args) <= number < len(args):
                raise StandInRuntimeError(
                    f"Got argnum={number}, but only {len(args)} positional inputs\nArguments are counted from 0."
                )
            leaves, structure = flatten(args[number])
            made = [self.fresh(leaf) for leaf in leaves]
            self.points += made
            self.structures.append((structure, len(made)))
            called[number] = unflatten(structure, made)
        before = set_enabled(True)
        try:
            self.result = func(*called, **(options or {}))
        finally:
            set_enabled(before)

    def fresh(self, leaf: Any) -> Any:
        """A point to differentiate at."""
        if not isinstance(leaf, Tensor):
            raise StandInTypeError(
                f"Expected a tensor to differentiate with respect to, but got {type(leaf).__name__}\nMake it a tensor."
            )
        if leaf.value.dtype.kind != "f":
            raise StandInRuntimeError(
                "only Tensors of floating point dtype can require gradients\nMake it a float tensor."
            )
        if leaf.requires_grad and enabled():
            self.outer = True
            return apply(clone, (leaf,))
        return Tensor(leaf.value, None, True)

    def pull(self, outputs: Sequence[Any], cotangents: Sequence[Any], record: bool) -> list[Any]:
        """The cotangents of the points."""
        return pulled(outputs, self.points, cotangents, record)

    def regrouped(self, leaves: Sequence[Any], single: bool) -> Any:
        """One object for each point, in the containers of the arguments."""
        trees, start = [], 0
        for structure, count in self.structures:
            trees.append(unflatten(structure, leaves[start : start + count]))
            start += count
        return trees[0] if single else tuple(trees)

    def shown(self, tensor: Any) -> Any:
        """A result: detached from this run's points unless it depends on something outside."""
        return tensor if self.outer or not isinstance(tensor, Tensor) else tensor.detach()


def numbers(argnums: Any) -> tuple[tuple[int, ...], bool]:
    """Positions as a tuple, and whether it was one."""
    return ((argnums,), True) if isinstance(argnums, int) else (tuple(argnums), False)


def grad_and_value(func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that returns the gradient and the value of ``func``."""
    positions, single = numbers(argnums)

    @wraps(func)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        run = Run(func, args, positions, kwargs)
        output, aux = run.result if has_aux else (run.result, None)
        if not isinstance(output, Tensor):
            raise StandInRuntimeError(
                f"grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got {type(output)}\nReturn one "
                "number."
            )
        if output.value.ndim:
            raise StandInRuntimeError(
                "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor with "
                f"{output.value.ndim} "
                "dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
            )
        found = run.regrouped([run.shown(part) for part in run.pull([output], [None], run.outer)], single)
        value = run.shown(output)
        return (found, (value, map_tree(run.shown, aux))) if has_aux else (found, value)

    return differentiated


def grad(func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that returns the gradient of ``func``, a function of one number."""
    both = grad_and_value(func, argnums, has_aux)

    @wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        found, value = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """``func(*primals)`` and a function that pulls a cotangent back: a tuple, one for each argument."""
    run = Run(func, primals, range(len(primals)))
    result, aux = run.result if has_aux else (run.result, None)
    outputs, structure = flatten(result)

    def pullback(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        given, _ = flatten(cotangents)
        for v, output in zip(given, outputs, strict=True):
            if v.value.shape != output.value.shape:
                raise StandInRuntimeError(
                    f"Expected cotangents of shape {listed(output.value.shape)}, got {listed(v.value.shape)}\n"
                    "A cotangent has the shape of the result."
                )
        record = run.outer or any([v.requires_grad for v in given])
        parts = run.pull(outputs, given, record)
        found = run.regrouped([part if record else part.detach() for part in parts], False)
        return found[0] if len(primals) == 1 and not isinstance(found, tuple) else found

    value = unflatten(structure, [run.shown(output) for output in outputs])
    return (value, pullback, map_tree(run.shown, aux)) if has_aux else (value, pullback)


def pushed(run: Run, outputs: Sequence[Any], tangents: Sequence[Any], record: bool) -> list[Any]:
    """Jv for each output, by differentiating vᵀJ, which is linear in v."""
    weights = [Tensor(np.zeros_like(output.value), None, True) for output in outputs]
    parts = pulled(outputs, run.points, weights, True)
    return pulled(parts, weights, tangents, record)


def jvp(func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> Any:
    """``func(*primals)`` and Jv."""
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple):
        raise StandInRuntimeError(
            "jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to call f(*primals)."
        )
    run = Run(func, primals, range(len(primals)))
    result, aux = run.result if has_aux else (run.result, None)
    outputs, structure = flatten(result)
    given, _ = flatten(tangents)
    record = run.outer or any([t.requires_grad for t in given])
    found = pushed(run, outputs, given, record)
    value = unflatten(structure, [run.shown(output) for output in outputs])
    tangent = unflatten(structure, [part if record else part.detach() for part in found])
    return (value, tangent, map_tree(run.shown, aux)) if has_aux else (value, tangent)


def jacrev(func: Callable[..., Any], argnums: Any = 0, *, has_aux: bool = False, **options: Any) -> Callable[..., Any]:
    """A function that returns the Jacobian of ``func``, of shape output.shape + argument.shape, row by row."""
    positions, single = numbers(argnums)

    @wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        run = Run(func, args, positions, kwargs)
        result, aux = run.result if has_aux else (run.result, None)
        outputs, structure = flatten(result)
        trees = []
        for output in outputs:
            columns: list[list[Any]] = [[] for _ in run.points]
            for place in range(output.value.size):
                seed = np.zeros(output.value.size, output.value.dtype)
                seed[place] = 1
                cotangent = Tensor(seed.reshape(output.value.shape), None)
                for column, part in zip(columns, run.pull([output], [cotangent], run.outer), strict=True):
                    column.append(part)
            parts = [joined(column, output, x) for column, x in zip(columns, run.points, strict=True)]
            trees.append(run.regrouped([run.shown(part) for part in parts], single))
        found = unflatten(structure, trees)
        return (found, map_tree(run.shown, aux)) if has_aux else found

    return jacobian


def jacfwd(
    func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Callable[..., Any]:
    """A function that returns the Jacobian of ``func``, column by column."""
    positions, single = numbers(argnums)

    @wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        run = Run(func, args, positions, kwargs)
        result, aux = run.result if has_aux else (run.result, None)
        outputs, structure = flatten(result)
        columns: list[list[list[Any]]] = [[[] for _ in run.points] for _ in outputs]
        for number, point in enumerate(run.points):
            for place in range(point.value.size):
                tangents = [Tensor(np.zeros_like(x.value), None) for x in run.points]
                tangents[number].value.reshape(-1)[place] = 1
                for column, part in zip(columns, pushed(run, outputs, tangents, run.outer), strict=True):
                    column[number].append(part)
        trees = []
        for output, of_points in zip(outputs, columns, strict=True):
            parts = []
            for point, column in zip(run.points, of_points, strict=True):
                ranks = output.value.ndim
                stacked = joined_columns(column, output, point, ranks)
                parts.append(run.shown(stacked))
            trees.append(run.regrouped(parts, single))
        found = unflatten(structure, trees)
        return (found, map_tree(run.shown, aux)) if has_aux else found

    return jacobian


def joined_columns(columns: Sequence[Any], output: Any, point: Any, rank: int) -> Any:
    """The columns of a Jacobian as one tensor of shape output.shape + point.shape."""
    shape = (*output.value.shape, *point.value.shape)
    if not columns:
        return Tensor(np.zeros(shape, output.value.dtype), None)
    return stack(list(columns), rank).reshape(shape)


def hessian(func: Callable[..., Any], argnums: Any = 0) -> Callable[..., Any]:
    """A function that returns the Hessian of ``func``: the Jacobian of its Jacobian."""
    return jacrev(jacrev(func, argnums), argnums)


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """A function that applies ``func`` to each item along a dimension, one after the other, and stacks the results."""

    @wraps(func)
    def batched(*args: Any, **kwargs: Any) -> Any:
        leaves, structure = flatten(args)
        dims = in_dims_of(in_dims, args)
        sizes = {leaf.value.shape[dim] for leaf, dim in zip(leaves, dims, strict=True) if dim is not None}
        if len(sizes) != 1:
            if not sizes:
                raise StandInValueError(
                    "vmap: at least one input must have a dimension to map over\nin_dims is None for all of them."
                )
            found = sorted(sizes)
            raise StandInValueError(
                "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
                f"{found} for the mapped dimension"
            )
        rows = []
        for position in range(sizes.pop()):
            chosen = [
                leaf if dim is None else leaf.select(dim, position) for leaf, dim in zip(leaves, dims, strict=True)
            ]
            rows.append(flatten(func(*unflatten(structure, chosen), **kwargs)))
        columns = [stack(list(column)) for column in zip(*[row[0] for row in rows], strict=True)]
        places = [out_dims] * len(columns) if isinstance(out_dims, int) else list(out_dims)
        moved = [
            column if place == 0 else movedim(column, 0, place) for column, place in zip(columns, places, strict=True)
        ]
        return unflatten(rows[0][1], moved)

    return batched


def in_dims_of(in_dims: Any, args: Sequence[Any]) -> list[Any]:
    """The mapped dimension of each leaf of the arguments."""
    if isinstance(in_dims, int):
        return [in_dims if isinstance(leaf, Tensor) else None for leaf in flatten(args)[0]]
    dims: list[Any] = []
    for dim, argument in zip(in_dims, args, strict=True):
        dims += [dim] * len(flatten(argument)[0])
    return dims


def functional_call(module: Any, parameters: Any, args: Any = (), kwargs: Any = None) -> Any:
    """Call a module with other tensors in the places of its parameters, by their names."""
    given = args if isinstance(args, tuple) else (args,)
    before = {}
    for name, tensor in parameters.items():
        owner, attribute = module.get_submodule(name.rpartition(".")[0]), name.rpartition(".")[2]
        before[name] = (owner, attribute, owner._parameters.pop(attribute, None), owner._buffers.pop(attribute, None))
        object.__setattr__(owner, attribute, tensor)
    try:
        return module(*given, **(kwargs or {}))
    finally:
        for owner, attribute, parameter, buffer in before.values():
            object.__delattr__(owner, attribute)
            if parameter is not None:
                owner._parameters[attribute] = parameter
            if buffer is not None:
                owner._buffers[attribute] = buffer
