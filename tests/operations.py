"""What every operation is checked against, with nothing to remember: numbers from its own forward function."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.linear.apply import pull, push
from chainrule.op import OPERATIONS, Constant, Diagonal, Operation, Sample, Undefined
from chainrule.program.node import Node
from chainrule.tape import make_node
from chainrule.tensor import Tensor

SHAPES: dict[int, list[Any]] = {
    1: [((3,),), ((2, 3),), ((),), ((1,),), ((0, 2),)],
    2: [
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (2, 3)),
        ((2, 1), (1, 3)),
        ((), (2,)),
        ((2, 2), ()),
        ((0, 2), (2,)),
        ((1,), (3,)),
    ],
    3: [((2, 3), (2, 3), (2, 3)), ((2, 1), (3,), ()), ((3,), (), (2, 1))],
}


def draw(operation: Operation, shapes: Sequence[Any], seed: int, dtype: Any = float) -> list[Any]:
    """Arguments for an operation: random numbers from its domain for shapes, arrays and numbers as they are."""
    rng = np.random.default_rng(seed)
    arguments: list[Any] = []
    for position, given in enumerate(shapes):
        if not isinstance(given, tuple):
            is_real = isinstance(given, np.ndarray) and given.dtype.kind == "f"
            arguments.append(given.astype(dtype) if is_real else given)
            continue
        interval = operation.domain[position] if position < len(operation.domain) else None
        numbers = rng.normal(size=given) if interval is None else rng.uniform(*interval, size=given)
        if operation.arguments and operation.arguments[position] == "condition":
            arguments.append(np.asarray(numbers > 0))
        else:
            arguments.append(np.asarray(numbers, dtype))
    return arguments


def is_undefined(operation: Operation) -> bool:
    """Whether it has no derivative with respect to anything."""
    if operation.arguments is None:
        return False
    rules = [operation.rule(position) for position in range(len(operation.arguments))]
    return all(isinstance(rule, Undefined | Constant) for rule in rules)


def is_elementwise(operation: Operation) -> bool:
    """Whether its rules are all elementwise."""
    if operation.arguments is None:
        return False
    rules = [operation.rule(position) for position in range(len(operation.arguments))]
    return all(isinstance(rule, Diagonal | Constant) for rule in rules)


def samples_of(operation: Operation) -> list[Sample]:
    """The samples it gives, or broadcasting shapes if it is elementwise."""
    if operation.samples:
        return list(operation.samples)
    if is_elementwise(operation):
        return [Sample(shapes) for shapes in SHAPES[len(operation.arguments or ())]]
    return []


def is_number(operation: Operation, position: int, argument: Any) -> bool:
    """Whether an argument is a real number with respect to which the operation may be differentiated."""
    return np.asarray(argument).dtype.kind == "f" and not isinstance(operation.rule(position), Undefined)


def is_of_complex(operation: Operation) -> bool:
    """Whether its arguments or results are complex: these are tested by themselves (`tests/ops/test_complex.py`)."""
    if not operation.samples or not operation.takes_complex:
        return False
    first = operation.samples[0]
    arguments = draw(operation, first.arguments, 0)
    return any(map(np.iscomplexobj, (*arguments, operation.forward(*arguments, **first.params))))


def differentiable_operations() -> Iterator[Operation]:
    """The operations of real numbers that have a derivative."""
    return (
        operation
        for operation in OPERATIONS.values()
        if operation.differentiable and not is_undefined(operation) and not is_of_complex(operation)
    )


def call(operation: Operation, arguments: Sequence[Any], params: Mapping[str, Any]) -> tuple[Any, Node, list[int]]:
    """The result, its node with every differentiable argument tracked, and their positions."""
    out = np.asarray(operation.forward(*arguments, **params))
    positions = [
        position
        for position, argument in enumerate(arguments)
        if is_number(operation, position, argument) and not isinstance(operation.rule(position), Constant)
    ]
    parents = tuple(Tensor(np.asarray(a)) if position in positions else None for position, a in enumerate(arguments))
    shapes = tuple(np.shape(argument) for argument in arguments)
    return out, make_node(operation, parents, arguments, out, shapes, params), positions


def local_dense(node: Node, position: int, out: Any, arguments: Sequence[Any]) -> np.ndarray[Any, Any]:
    """The local Jacobian as a dense matrix, one pull for each entry of the result."""
    values = arguments
    terms = node.operation.rule(position).terms(node, position, out, values)
    rows = np.zeros((out.size, int(np.prod(node.shapes[position]))))
    for row in range(out.size):
        cotangent = np.zeros(out.shape)
        cotangent.flat[row] = 1.0
        for term in terms:
            part = pull(term.pattern, cotangent, term.factors, term.tables)
            rows[row] += np.broadcast_to(part, node.shapes[position]).ravel()
    return rows


def pushed(node: Node, position: int, out: Any, arguments: Sequence[Any], tangent: Any) -> Any:
    """The local Jacobian applied to a tangent."""
    total = np.zeros(out.shape)
    for term in node.operation.rule(position).terms(node, position, out, arguments):
        total = total + push(term.pattern, tangent, term.factors, term.tables)
    return total


def pulled(node: Node, position: int, out: Any, arguments: Sequence[Any], cotangent: Any) -> Any:
    """The transposed local Jacobian applied to a cotangent."""
    total = np.zeros(node.shapes[position])
    for term in node.operation.rule(position).terms(node, position, out, arguments):
        total = total + pull(term.pattern, cotangent, term.factors, term.tables)
    return total


def numeric(function: Any, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The Jacobian by differences of high order, replaced by complex steps where they confirm it to 1e-12."""
    base = np.asarray(function(x))
    columns = np.zeros((base.size, x.size))
    for column in range(x.size):
        step = np.zeros(x.shape)
        step.flat[column] = 1.0

        def central(h: float, step: Any = step) -> Any:
            return (np.asarray(function(x + h * step)) - np.asarray(function(x - h * step))) / (2 * h)

        coarse, fine, finer = central(4e-3), central(2e-3), central(1e-3)
        first, second = (4 * fine - coarse) / 3, (4 * finer - fine) / 3
        columns[:, column] = ((16 * second - first) / 15).ravel()
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("error", np.exceptions.ComplexWarning)  # the imaginary part was dropped
                exact = np.asarray(function(x + 1e-30j * step)).imag / 1e-30
        except (TypeError, ValueError, np.linalg.LinAlgError, np.exceptions.ComplexWarning):
            continue
        if exact.shape == base.shape and np.allclose(exact.ravel(), columns[:, column], rtol=1e-7, atol=1e-8):
            columns[:, column] = exact.ravel()
    return columns


def wrong_local_jacobian(operation: Operation, sample: Sample, seed: int = 0) -> str | None:
    """What is wrong with the rules of an operation at one sample; None if nothing is."""
    arguments = draw(operation, sample.arguments, seed)
    out, node, positions = call(operation, arguments, sample.params)
    rng = np.random.default_rng(seed + 1)
    for position in positions:

        def only(x: Any, position: int = position) -> Any:
            changed = list(arguments)
            changed[position] = x
            return operation.forward(*changed, **sample.params)

        expected = numeric(only, np.asarray(arguments[position]))
        found = local_dense(node, position, out, arguments)
        if not np.allclose(found, expected, rtol=1e-6, atol=1e-7):
            return f"argument {position}: {found} instead of {expected}"
        tangent = rng.normal(size=node.shapes[position])
        cotangent = rng.normal(size=out.shape)
        forwards = np.sum(pushed(node, position, out, arguments, tangent) * cotangent)
        backwards = np.sum(pulled(node, position, out, arguments, cotangent) * tangent)
        if not np.allclose(forwards, backwards, rtol=1e-9, atol=1e-9):
            return f"argument {position}: <Ju, v> = {forwards}, <u, JTv> = {backwards}"
    return None
