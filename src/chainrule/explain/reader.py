"""Reads steps as formulas: what a step is in terms of named values, and its local Jacobian with formulas for factors.

No operation is known here. One that says how it acts on formulas (its ``algebra``) is asked; the result of a linear one
is its Jacobian times its argument; the others are functions of their arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.errors import ChainruleError
from chainrule.explain.atoms import Adjoint, Choice, Value, intern, result_of, scaled_identity
from chainrule.explain.computation import Computation, Step
from chainrule.explain.form import (
    ONE,
    Axes,
    Coefficient,
    Form,
    Label,
    Monomial,
    NotAlgebraicError,
    constant,
    delta,
    fresh_axes,
    product,
    single,
    total,
)
from chainrule.explain.likeness import Continuation, NotAlikeError
from chainrule.explain.origins import Origins
from chainrule.explain.parts import without_deltas
from chainrule.explain.ties import is_tie, position, triangle, without_ties
from chainrule.explain.turns import Loop
from chainrule.linear.term import Axis, Opaque, Pattern, Term
from chainrule.op import OUT, Constant, Diagonal, Operation, Undefined

__all__ = ["NotExpressibleError", "Reader", "adjoint", "is_elementwise", "term_product"]


_OPERATIONS = 80  # in what is written out of a step without a name
_DEPTH = 16


class NotExpressibleError(Exception):
    """A local Jacobian that no formula can say: a factor whose axes are not those of a named value."""


class Reader:
    """The formulas of one computation. They refer to steps by name where these have one, or are among ``named``; what
    has none gets a name where a formula would not be read to its end otherwise.

    Of the turns of a ``loop`` that are alike, all but the first few are read as these go on. ``origins`` know which
    numbers are made of sizes.
    """

    def __init__(
        self,
        computation: Computation,
        named: Iterable[Step] | None = None,
        loop: Loop | None = None,
        origins: Origins | None = None,
    ) -> None:
        self.computation = computation
        self._named = {*(named or []), *_endless(computation, set(named or []))}
        self.journal = computation.journal
        self._own = set(computation.steps)
        self.assumed: list[Step] = []  # comparisons that come out as they do almost everywhere
        self._origins = origins
        self._likeness = None if loop is None else Continuation(loop, self.is_name)
        self._alike: dict[int, bool] = {}  # turns that are like those before them
        self._guessed: dict[int, bool] = {}  # for the places of a turn: whether what a step is was guessed right
        self._stand_ins: dict[Step, Step] = {}
        self._defined: dict[Step, Form] = {}
        self._locals: dict[tuple[Step, int], list[tuple[Pattern, list[Form], list[Any]]]] = {}

    def is_name(self, step: Step) -> bool:
        """Whether formulas call the step by its name instead of saying what it is."""
        if step.operation is None:
            return step.is_input or bool(step.shape) or bool(step.name)
        return (bool(step.name) and step in self._own) or step in self._named

    def refer(self, step: Step) -> Form:
        """The step as it stands in formulas: by its name, or written out."""
        if step in self._stand_ins:
            return adjoint(self._stand_ins[step])
        scale = scaled_identity(step.value) if step.is_constant and not step.name else None
        if scale is not None:
            return single(delta(step.shape[0]), fresh_axes(step.shape)) * constant(scale)
        if self.is_name(step):
            return single(intern(Value, id(step), step), fresh_axes(step.shape))
        if step.operation is None:
            number = step.value
            if not np.isfinite(number).all():
                return single(intern(Value, id(step), step), ())
            sized = self._by_sizes(step)
            return constant(number[()]) if sized is None else Form((), (Monomial(sized, ()),))
        return self.define(step).with_fresh_sums().with_axes(fresh_axes(step.shape))

    def _by_sizes(self, step: Step) -> Coefficient | None:
        """The number that a step is, if it is made of sizes."""
        is_number = step in self._own and step.is_constant and not step.name and not step.shape
        return self._origins.coefficient(step) if self._origins is not None and is_number else None

    def stand_in(self, step: Step, value: Any) -> Any:
        """A tensor that stands for the derivative of the output with respect to a step."""
        made, tensor = self.journal.placeholder(value)
        self._stand_ins[made] = step
        return tensor

    def define(self, step: Step) -> Form:
        """What the step is in terms of its arguments."""
        found = self._defined.get(step)
        if found is None:
            found = self._defined[step] = self._continued(step) or self._read(step)
        return found

    def _continued(self, step: Step) -> Form | None:
        """What the step is, as those at its place in the two turns before it go on."""
        turn, offset = self._likeness.loop.place.get(step, (0, 0)) if self._likeness else (0, 0)
        if turn < 3 or self._likeness is None:
            return None
        turns = self._likeness.loop.turns[turn - 2 : turn + 1]
        first, second = [self._defined.get(steps[offset]) for steps in turns[:2]]
        if turn not in self._alike:
            self._alike[turn] = all(map(self._likeness.follows, *turns))
        if first is None or second is None or not self._alike[turn]:
            return None
        try:
            guess = self._likeness.form(first, second)
        except NotAlikeError:
            return None
        if offset not in self._guessed:
            self._guessed[offset] = guess.key() == self._read(step).key()
        return guess if self._guessed[offset] else None

    def _read(self, step: Step) -> Form:
        operation = step.operation
        assert operation is not None
        if operation.generic is not None and self._is_generic(step):
            self.assumed.append(step)
            axes = fresh_axes(step.shape)
            return Form(axes, constant(operation.generic).monomials)
        if operation.algebra is not None:
            try:
                form: Any = operation.algebra(*[self.refer(argument) for argument in step.arguments], **step.params)
                if form is not NotImplemented and form.shape == step.shape:
                    return form  # type: ignore[no-any-return]
            except NotAlgebraicError:
                pass
        return self._linear(step) or self._result(step)

    def _is_generic(self, step: Step) -> bool:
        """Whether a comparison of computed real numbers comes out, everywhere here, as it does in general."""
        assert step.operation is not None
        return self._varies(step) and bool(np.all(step.value == step.operation.generic))

    def _varies(self, step: Step) -> bool:
        """Whether a step depends on inputs."""
        pending, seen = [step], {step}
        while pending:
            current = pending.pop()
            if current.is_input:
                return True
            pending += [argument for argument in current.arguments if argument not in seen]
            seen.update(current.arguments)
        return False

    def _linear(self, step: Step) -> Form | None:
        """The Jacobian times the argument, where that is the step."""
        operation = step.operation
        assert operation is not None
        candidates = [
            k
            for k, argument in enumerate(step.arguments)
            if np.asarray(argument.given).dtype.kind == "f"
            and not isinstance(operation.rule(k), Diagonal | Constant | Undefined)
            and not {k, OUT} & set(operation.rule(k).needs)
        ]
        together = [k for k in candidates if not set(candidates) & set(operation.rule(k).needs)]
        for positions in ([together] if together else []) + [[k] for k in candidates]:
            try:
                axes = fresh_axes(step.shape)
                parts = [self._applied(step, k, axes) for k in positions]
                numbers = sum(_push_value(step, k) for k in positions)
            except (NotExpressibleError, ChainruleError):
                return None
            if np.allclose(numbers, step.value, rtol=1e-5, atol=1e-12, equal_nan=True):
                return total(parts)
        return None

    def _applied(self, step: Step, position: int, axes: Axes) -> Form:
        """∂step/∂argument · argument."""
        argument = self.refer(step.arguments[position])
        parts = []
        for made, factors, tables in self.local(step, position):
            # a slice of a sum of slices is a sum of slices
            apart = not factors and any(is_tie(f) for m in argument.monomials for f in m.factors)
            summands = [Form(argument.axes, (m,)) for m in argument.monomials] if apart else [argument]
            parts += [term_product(made, factors, tables, axes, summand, forward=True) for summand in summands]
        if not parts:
            return Form(axes, ())
        return total([Form(axes, tuple(without_ties(without_deltas(m, axes), axes) for m in total(parts).monomials))])

    def _result(self, step: Step) -> Form:
        operation = step.operation
        assert operation is not None
        axes = fresh_axes(step.shape)
        elementwise = is_elementwise(operation) and np.broadcast_shapes(*step.shapes) == step.shape
        arguments = []
        for argument in step.arguments:
            form = self.refer(argument)
            if elementwise:
                padded = (None,) * (len(axes) - len(form.axes)) + form.axes
                names = {old: new for old, new in zip(padded, axes, strict=True) if old is not None}
                form = Form(axes, form.renamed(names).monomials)
            arguments.append(form)
        if len(arguments) == 1 and not elementwise and _is_transposed(arguments[0]) and _turns_along(step):
            made = result_of(step, (replace(arguments[0], axes=arguments[0].axes[::-1]),), None)
            return Form(axes, single(made, axes[::-1]).monomials)
        return single(result_of(step, tuple(arguments), axes if elementwise else None), axes)

    # -- local Jacobians ----------------------------------------------------------------------------------------------

    def local(self, step: Step, position: int) -> list[tuple[Pattern, list[Form], list[Any]]]:
        """The terms of ∂step/∂argument, with formulas for their factors (their axes are those of the factor)."""
        found = self._locals.get((step, position))
        if found is None:
            with self.journal.extended():
                out, arguments = self.journal.revived(step)
                terms = list(step.written(position, out, arguments))
                found = [self._symbolic(term, self._said_numbers(step)) for term in terms]
            self._locals[step, position] = found
        return found

    def _said_numbers(self, step: Step) -> dict[float, Form]:
        """What the numbers among the arguments of a step are called, where they are made of sizes or have names."""
        found: dict[float, Form] = {}
        for argument in step.arguments:
            sized = self._by_sizes(argument)
            if sized is not None:
                form = Form((), (Monomial(sized, ()),))
            elif argument.is_constant and argument.name and not argument.shape and abs(argument.value) not in (0, 1):
                form = self.refer(argument)
            else:
                continue
            found |= {float(argument.value): form, 1 / float(argument.value): form**-1}
        return {**{-number: -form for number, form in found.items()}, **found}

    def pulled(self, step: Step, position: int, form: Form, axes: Axes, prefix: Axes = ()) -> Form:
        """What a step hands on to an argument, with the ``axes`` given, of the cotangent ``form``.

        With a ``prefix`` the cotangent has these axes first: it is a Jacobian.
        """
        parts = [
            term_product(made, factors, tables, axes, form, forward=False, prefix=prefix)
            for made, factors, tables in self.local(step, position)
        ]
        return total(parts) if parts else Form((*prefix, *axes), ())

    def _symbolic(self, term: Term, said: Mapping[float, Form]) -> tuple[Pattern, list[Form], list[Any]]:
        factors = []
        for factor, array in zip(term.pattern.factors, term.factors, strict=True):
            if isinstance(array, Opaque):
                array = array.dense()
                if array.ndim == 2 and np.array_equal(array, np.tri(*array.shape)):
                    factors.append(triangle(array.shape[0]))
                    continue
            if isinstance(array, int | float) or (isinstance(array, np.generic) and not array.shape):
                factors.append(said[float(array)] if float(array) in said else _counted(term, array))
            else:
                step = self.journal.find(array)
                form = self.refer(step)
                if len(form.axes) != len(factor.labels):
                    raise NotExpressibleError
                factors.append(form)
        return term.pattern, factors, list(term.tables)


def _endless(computation: Computation, named: set[Step]) -> Iterator[Step]:
    """The steps without a name that would take too many operations, or too many parentheses, to be written out."""
    lengths: dict[Step, tuple[int, int]] = {}
    for step in computation.steps:
        if step.operation is None or step.name or step in named:
            continue
        inside = [lengths[argument] for argument in step.arguments if argument in lengths]
        count = 1 + sum([many for many, _ in inside])
        depth = 1 + max([deep for _, deep in inside], default=0)
        if count > _OPERATIONS or depth > _DEPTH:
            yield step
        else:
            lengths[step] = count, depth


def adjoint(step: Step, prefix: tuple[int, ...] = ()) -> Form:
    """The derivative of the output with respect to a step, by its name."""
    atom = intern(Adjoint, (id(step), prefix), step, prefix)
    return single(atom, fresh_axes((*prefix, *step.shape)))


def _counted(term: Term, number: Any) -> Form:
    """A number; 1/n where n is how many entries are added up, is said so."""
    row = {label for axis in term.pattern.row for label in axis.labels}
    sizes = [term.pattern.sizes[l] for l in {l for axis in term.pattern.column for l in axis.labels} - row]
    count = int(np.prod(sizes)) if sizes else 1
    if count > 1 and np.isfinite(number) and number != int(number):
        scaled = Fraction(float(number) * count).limit_denominator(1000)
        if float(scaled) and abs(float(scaled) / count / float(number) - 1) < 1e-15 and scaled.denominator == 1:
            result = Coefficient(scaled)
            for size in sizes:
                result = result.times(Coefficient(Fraction(1), ((size, -1),)) if size != 1 else ONE)
            return Form((), (Monomial(result, ()),))
    return constant(number)


def _is_transposed(form: Form) -> bool:
    """Whether a formula is a matrix the other way round, and nothing else."""
    factors = form.monomials[0].factors if len(form.monomials) == 1 else ()
    if len(form.axes) != 2 or len(factors) != 1 or form.monomials[0].coefficient != ONE:
        return False
    return factors[0].exponent == 1 and None not in form.axes and factors[0].labels == form.axes[::-1]


def _turns_along(step: Step) -> bool:
    """Whether an operation gives the transpose for the transpose, as the inverse does: looked at in numbers."""
    (argument,) = step.arguments
    size = argument.shape[0]
    if argument.shape != (size, size) or argument.dtype.kind != "f":
        return False
    matrix = np.random.default_rng(0).normal(size=argument.shape) + size * np.eye(size)
    try:
        one, other = np.asarray(step.forward([matrix])), np.asarray(step.forward([matrix.T]))
    except (ValueError, ChainruleError):
        return False
    return one.shape == step.shape and one.ndim in (0, 2) and np.allclose(one, other.T, rtol=1e-9)


def is_elementwise(operation: Operation) -> bool:
    """Whether every rule of the operation is that of one element from the same element of the arguments."""
    if operation.arguments is None:
        return False
    rules = [operation.rule(k) for k in range(len(operation.arguments))]
    return all(isinstance(rule, Diagonal | Constant | Undefined) for rule in rules)


def _push_value(step: Step, position: int) -> Any:
    return step.push(position, step.arguments[position].value)


def term_product(
    made: Pattern,
    factors: Sequence[Form],
    tables: Sequence[Any],
    axes: Axes,
    other: Form,
    *,
    forward: bool,
    prefix: Axes = (),
) -> Form:
    """A term, or its transpose, applied to a formula.

    ``axes`` are those of the result. Forward, ``other`` has the axes of the column; backward, ``prefix`` and then those
    of the row.
    """
    labels = [Label(size) if size != 1 else None for size in made.sizes]
    into, out_of = (made.column, made.row) if forward else (made.row, made.column)
    first, more = _places(made, into, labels, tables)
    placed = other.with_axes((*prefix, *first))
    last, further = _places(made, out_of, labels, tables)
    seen: set[Label] = set()
    deltas: list[Form] = []
    result: list[Label | None] = []
    for label in last:
        if label is not None and label in seen:
            twin = Label(label.size)
            deltas.append(single(delta(label.size), (label, twin)))
            label = twin
        if label is not None:
            seen.add(label)
        result.append(label)
    parts = [
        form.with_axes(tuple(labels[l] for l in factor.labels))
        for factor, form in zip(made.factors, factors, strict=True)
    ]
    parts = [placed, *more, *parts] if forward else [*parts, placed, *more]
    parts += [*further, *deltas]
    every = {l for l in labels if l is not None}
    missing = every - {l for part in parts for l in part.axes if l is not None} - set(result)
    found = product((*prefix, *result), parts)
    if missing:
        for label in missing:
            found = found.scaled(Coefficient(Fraction(1), ((label.size, 1),)))
    return found.with_axes((*prefix, *axes))


def _places(
    made: Pattern, side: Sequence[Axis], labels: Sequence[Label | None], tables: Sequence[Any]
) -> tuple[list[Label | None], list[Form]]:
    """A label for each axis of one side, and what ties it to the labels of the term where it is none of them."""
    found: list[Label | None] = []
    ties: list[Form] = []
    for axis in side:
        if axis.size == 1 and axis.table < 0:
            found.append(None)
        elif made.is_bare(axis):
            found.append(labels[axis.labels[0]])
        elif axis.table >= 0:
            label = Label(axis.size)
            table = tables[axis.table]
            places = tuple(labels[l] for l in axis.labels)
            ties.append(single(choice_of(table, axis.size), (*places, label)))
            found.append(label)
        else:
            label, tie = position(axis.size, [labels[l] for l in axis.labels], axis.strides, axis.offset)
            ties.append(tie)
            found.append(label)
    return found, ties


def choice_of(table: Any, size: int) -> Choice:
    """The one-hot atom of a table of positions."""
    content = np.asarray(table)
    key = (content.shape, content.tobytes(), size)
    found: Choice = intern(Choice, key, Step(-1, content), size)
    return found
