"""What formulas are made of: named values, results of operations, deltas, and one-hot choices; and their numbers.

Equal atoms are the same object, so that formulas can be compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from chainrule.explain.computation import Step
from chainrule.explain.form import ONE, Axes, Delta, Form, Group, Label, Monomial
from chainrule.explain.ties import Tie
from chainrule.op import Operation

__all__ = [
    "Adjoint",
    "Array",
    "Choice",
    "Point",
    "Result",
    "Value",
    "atoms_in",
    "intern",
    "result_of",
    "scaled_identity",
]

Array = np.ndarray[Any, np.dtype[Any]]
_orders = count(1 << 40)
_known: WeakValueDictionary[Any, Any] = WeakValueDictionary()


def intern(kind: type, key: Any, *arguments: Any) -> Any:
    """The atom of this kind and key: the one there is, or a new one."""
    found = _known.get((kind, key))
    if found is None:
        found = _known[kind, key] = kind(*arguments)
        found.order = next(_orders)
    return found


class Value:
    """A named value of the computation: an input, a captured array, a variable."""

    order: int

    def __init__(self, step: Step) -> None:
        self.step = step

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        return self.step.shape


class Adjoint:
    """The derivative of the output with respect to a step, as a name of its own."""

    order: int

    def __init__(self, step: Step, prefix: tuple[int, ...] = ()) -> None:
        self.step = step
        self.prefix = prefix

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the output, if it is no number, and of the step."""
        return (*self.prefix, *self.step.shape)


class Result:
    """The result of an operation on formulas.

    If it is ``elementwise``, the arguments have the axes of the result, ``axes``; else each has axes of its own.
    """

    order: int

    def __init__(self, step: Step, arguments: tuple[Form, ...], axes: Axes | None) -> None:
        assert step.operation is not None
        self.step = step
        self.operation: Operation = step.operation
        self.params = step.params
        self.arguments = arguments
        self.axes = axes

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        return self.step.shape


def result_of(step: Step, arguments: tuple[Form, ...], axes: Axes | None) -> Result:
    """The atom of the operation of a step on formulas."""
    assert step.operation is not None
    told = step.operation.name, repr(sorted(step.params.items())), step.shape
    found: Result = intern(Result, (*told, tuple([a.key() for a in arguments])), step, arguments, axes)
    return found


class Choice:
    """One where the last index is the entry of a table at the other indices, else zero: one-hot rows."""

    order: int

    def __init__(self, table: Step, size: int) -> None:
        self.table = table
        self.size = size

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the table, and the number of choices."""
        return (*self.table.shape, self.size)


def scaled_identity(array: Array) -> float | None:
    """c, if an array is c times the identity matrix."""
    if array.ndim != 2 or array.shape[0] != array.shape[1] or array.shape[0] < 2 or array.dtype.kind != "f":
        return None
    scale = float(array[0, 0])
    return scale if scale and np.array_equal(array, scale * np.eye(array.shape[0])) else None


class Point:
    """The numbers of formulas at one point, where ``values`` are those of the recorded steps.

    A step that was recorded later, in working out the derivative, is computed from them.
    """

    def __init__(self, values: Mapping[Step, Any]) -> None:
        self.values = dict(values)
        self._atoms: dict[Any, Array] = {}

    def step(self, step: Step) -> Any:
        """The value of a step."""
        found = self.values.get(step)
        if found is None:
            if step.operation is None:
                found = step.given
            else:
                found = step.forward([self.step(argument) for argument in step.arguments])
            self.values[step] = found
        return found

    def atom(self, atom: Any) -> Array:
        """The numbers of an atom."""
        found = self._atoms.get(atom)
        if found is None:
            with np.errstate(all="ignore"):
                found = self._atoms[atom] = np.asarray(self._of(atom))
        return found

    def _of(self, atom: Any) -> Any:
        if isinstance(atom, Value):
            return self.step(atom.step)
        if isinstance(atom, Adjoint):
            raise KeyError(atom)  # it is given, and not computed from the steps
        if isinstance(atom, Group):
            return self.form(atom.form)
        if isinstance(atom, Delta):
            return np.eye(atom.size)
        if isinstance(atom, Tie):
            return atom.dense()
        if isinstance(atom, Choice):
            return np.eye(atom.size)[np.asarray(self.step(atom.table))]
        arguments = [self.form(argument) for argument in atom.arguments]
        return atom.operation.forward(*arguments, **atom.params)

    def form(self, form: Form) -> Array:
        """The numbers of a formula, in the shape of its axes."""
        if len(form.monomials) == 1 and len(form.monomials[0].factors) == 1:
            (factor,) = form.monomials[0].factors
            is_plain = factor.labels == form.axes and factor.exponent == 1
            if is_plain and form.monomials[0].coefficient == ONE:
                return self.atom(factor.atom)  # as it is: it may be integers
        sums: Array = np.zeros(form.shape)
        with np.errstate(all="ignore"):
            for monomial in form.monomials:
                sums = sums + self.monomial(monomial, form.axes)
        return sums

    def monomial(self, monomial: Monomial, axes: Axes) -> Array:
        """The numbers of one summand."""
        names: dict[Label, int] = {}
        operands: list[Any] = []
        for atom, labels, exponent in monomial.factors:
            array = self.atom(atom)
            array = array.astype(float) if array.dtype == bool else array  # sums of truth values count
            kept = [k for k, label in enumerate(labels) if label is not None]
            array = np.reshape(array, [np.shape(array)[k] for k in kept])
            power = float(exponent)
            operands += [array if power == 1 else array ** (int(power) if power.is_integer() else power)]
            operands += [[names.setdefault(labels[k], len(names)) for k in kept]]  # type: ignore[arg-type]
        free = [label for label in axes if label is not None]
        distinct = list(dict.fromkeys(free))
        for label in distinct:  # along which the summand is constant
            if label not in names:
                operands += [np.ones(label.size), [names.setdefault(label, len(names))]]
        sums = len(names) > len(distinct)  # else there is no order of products to be looked for
        result = np.einsum(*operands, [names[l] for l in distinct], optimize=sums) if operands else np.ones(())
        result = np.asarray(result * monomial.coefficient.value)
        if len(distinct) < len(free):
            result = _spread(result, distinct, free)
        return result.reshape([1 if label is None else label.size for label in axes])


def atoms_in(form: Form) -> Iterator[Any]:
    """Every atom of a formula once, also those inside parentheses and arguments."""
    seen: set[Any] = set()
    pending = [form]
    while pending:
        for monomial in pending.pop().monomials:
            for atom, *_ in monomial.factors:
                if atom in seen:
                    continue
                seen.add(atom)
                yield atom
                if isinstance(atom, Group):
                    pending.append(atom.form)
                elif isinstance(atom, Result):
                    pending += atom.arguments[::-1]


def _spread(array: Array, distinct: Sequence[Label], free: Sequence[Label]) -> Array:
    """An array with deltas between its axes of the same label."""
    result = np.zeros([label.size for label in free])
    index = np.indices([label.size for label in distinct])
    result[tuple(index[distinct.index(label)] for label in free)] = array
    return result
