"""A local Jacobian as a dense array: from the definition of a term, and from differences of the forward function."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import Any

import numpy as np

from chainrule.linear.apply import pull, push
from chainrule.linear.term import Axis, Term
from chainrule.op import OPERATIONS, OUT, Constant, Operation

__all__ = ["by_definition", "by_differences", "check_operation", "check_samples", "local_terms", "numbers"]


class Applied:
    """One application of an operation, as rules see it."""

    def __init__(self, operation: Operation, arguments: Sequence[Any], params: dict[str, Any]) -> None:
        self.out = np.asarray(operation.forward(*arguments, **params))
        self.shapes = tuple([np.shape(argument) for argument in arguments])
        self.shape = self.out.shape
        self.dtype = self.out.dtype
        self.params = params


def local_terms(
    operation: Operation, arguments: Sequence[Any], params: dict[str, Any], position: int
) -> tuple[Applied, tuple[Term, ...]]:
    """The terms of ∂out/∂argument; the rule is given only what it says that it needs."""
    call = Applied(operation, arguments, params)
    rule = operation.rule(position)
    seen = [value if number in rule.needs else None for number, value in enumerate(arguments)]
    terms = rule.terms(call, position, call.out if OUT in rule.needs else None, seen)
    return call, tuple(terms)


def by_definition(terms: Iterable[Term], row_shape: tuple[int, ...], column_shape: tuple[int, ...]) -> Any:
    """The sum of terms, entry by entry: J[row(l), column(l)] += Π factors(l) for all values of the labels."""
    result = np.zeros((prod(row_shape), prod(column_shape)))
    for term in terms:
        assert term.pattern.row_shape == row_shape and term.pattern.column_shape == column_shape
        grid = np.indices(term.pattern.sizes)
        value = np.ones(term.pattern.sizes)
        for factor, array in zip(term.pattern.factors, term.factors, strict=True):
            dense = array.dense() if factor.opaque else np.asarray(array)
            assert dense.shape == tuple([term.pattern.sizes[label] for label in factor.labels])
            value = value * dense[tuple([grid[label] for label in factor.labels])]
        for labels, table in zip(term.pattern.tables, term.tables, strict=True):
            assert np.shape(table) == tuple([term.pattern.sizes[label] for label in labels])
        rows = flat(term, term.pattern.row, grid)
        columns = flat(term, term.pattern.column, grid)
        np.add.at(result, (np.broadcast_to(rows, value.shape), np.broadcast_to(columns, value.shape)), value)
    return result


def flat(term: Term, axes: Sequence[Axis], grid: Any) -> Any:
    """The position that every value of the labels names, counted through the array in C order."""
    total: Any = np.zeros((), int)
    for axis in axes:
        if axis.table >= 0:
            assert axis.labels == term.pattern.tables[axis.table]
            position = term.tables[axis.table][tuple([grid[label] for label in axis.labels])]
        else:
            position = axis.offset + sum(s * grid[label] for label, s in zip(axis.labels, axis.strides, strict=True))
        assert np.all((np.asarray(position) >= 0) & (np.asarray(position) < axis.size)), "a position outside its axis"
        total = total * axis.size + position
    return total


def by_differences(operation: Operation, arguments: Sequence[Any], params: dict[str, Any], position: int) -> Any:
    """Central differences of the forward function."""
    step = 1e-6
    columns = []
    x = np.asarray(arguments[position], dtype=float)
    for place in np.ndindex(x.shape):
        moved = []
        for sign in (1, -1):
            changed = x.copy()
            changed[place] += sign * step
            given = [changed if number == position else value for number, value in enumerate(arguments)]
            moved.append(np.asarray(operation.forward(*given, **params), dtype=float))
        columns.append((moved[0] - moved[1]).reshape(-1) / (2 * step))
    out = np.asarray(operation.forward(*arguments, **params))
    return np.stack(columns, axis=1) if columns else np.zeros((out.size, 0))


def check_operation(operation: Operation, arguments: Sequence[Any], params: dict[str, Any]) -> None:
    """Every rule of one application: its entries, its transposed and its forward product, and its dtype."""
    rng = np.random.default_rng(0)
    for position, argument in enumerate(arguments):
        if isinstance(operation.rule(position), Constant) or np.asarray(argument).dtype.kind != "f":
            continue
        call, terms = local_terms(operation, arguments, params, position)
        shape = np.shape(argument)
        expected = by_differences(operation, arguments, params, position)
        entries = by_definition(terms, call.shape, shape)
        np.testing.assert_allclose(entries, expected, atol=1e-6, err_msg=f"{operation.name} {params} {position}")
        cotangent, tangent = rng.normal(size=call.shape), rng.normal(size=shape)
        pulled: Any = np.zeros(shape)
        pushed: Any = np.zeros(call.shape)
        for term in terms:
            pulled = pulled + pull(term.pattern, cotangent, term.factors, term.tables)
            pushed = pushed + push(term.pattern, tangent, term.factors, term.tables)
        np.testing.assert_allclose(pulled.reshape(-1), entries.T @ cotangent.reshape(-1), atol=1e-12)
        np.testing.assert_allclose(pushed.reshape(-1), entries @ tangent.reshape(-1), atol=1e-12)
        single = [np.asarray(a, np.float32) if np.asarray(a).dtype.kind == "f" else a for a in arguments]
        call, terms = local_terms(operation, single, params, position)
        assert call.dtype == np.float32, f"{operation.name} made {call.dtype} of float32"
        for term in terms:
            part = pull(term.pattern, np.ones(call.shape, np.float32), term.factors, term.tables)
            assert part.dtype == np.float32, f"the pullback of {operation.name} made {part.dtype} of float32"


def numbers(argument: Any, seed: int = 1) -> Any:
    """The array that a sample's shape stands for; an array is itself."""
    return np.random.default_rng(seed).normal(size=argument) if isinstance(argument, tuple) else argument


def check_samples(module: str) -> list[str]:
    """Check all samples of the operations whose forward function was written in ``module``; their names."""
    checked = []
    for name, operation in OPERATIONS.items():
        if getattr(operation.forward, "__module__", None) == module:
            for sample in operation.samples:
                arguments = [numbers(argument, number) for number, argument in enumerate(sample.arguments)]
                check_operation(operation, arguments, dict(sample.params))
                checked.append(name)
    return checked
