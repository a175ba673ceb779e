"""A Jacobian, or a form of it, whose arrays are yet to be computed: a place for each array that a program will give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, NamedTuple

import numpy as np

from chainrule.linear.forms import FORMS, Planned, planned
from chainrule.linear.functions import frozen
from chainrule.linear.jacobian import Jacobian
from chainrule.linear.term import Opaque, Pattern, Term
from chainrule.program.deferred import Deferred, UnrecordableError

__all__ = ["Sketch", "sketched"]

Place = Callable[[Any], int]  # the number of a deferred array among the results; -1 for what is known


class _Hole(NamedTuple):
    """Where an array goes that is computed each time."""

    place: int

    def filled(self, arrays: Sequence[Any]) -> Any:
        return arrays[self.place]


class _Frame(NamedTuple):
    """An opaque map of which some attributes are computed each time."""

    model: Opaque
    holes: dict[str, Any]

    def filled(self, arrays: Sequence[Any]) -> Any:
        made = copy(self.model)
        for name, hole in self.holes.items():
            setattr(made, name, hole.filled(arrays))
        return made


def _sketched(value: Any, place: Place) -> Any:
    """A factor, or a hole where it will be; what will be computed is not held, for it has the first call's arrays."""
    if type(value) is Deferred:
        where = place(value)
        return value.number_for_good if where < 0 else _Hole(where)
    if isinstance(value, np.ndarray | np.generic | int | float):
        return value
    if isinstance(value, Opaque) and hasattr(value, "__dict__"):
        holes = {name: _attribute(name, part, place) for name, part in vars(value).items() if _is_varying(part)}
        if not holes:
            return value
        model = copy(value)
        for name in holes:
            delattr(model, name)
        return _Frame(model, holes)
    raise UnrecordableError(f"a factor of the Jacobian is a {type(value).__name__}")


def _kept(table: Any, known: dict[int, tuple[Any, Any]]) -> Any:
    """A table that nobody can write to: whoever plans with it need not look whether it has changed.

    ``known`` holds the tables met so far and what became of them: one stays one.
    """
    if not isinstance(table, np.ndarray) or frozen(table):
        return table
    if id(table) not in known:
        copy_ = table.copy()
        copy_.flags.writeable = False
        known[id(table)] = table, copy_
    return known[id(table)][1]


def _attribute(name: str, value: Any, place: Place) -> Any:
    made = _sketched(value, place)
    if not isinstance(made, _Hole | _Frame):
        raise UnrecordableError(f"{name} of a map that can only be applied is not an array")
    return made


def _is_varying(value: Any) -> bool:
    """Whether an attribute of an opaque map holds deferred arrays."""
    if isinstance(value, Opaque) and hasattr(value, "__dict__"):
        return any(map(_is_varying, vars(value).values()))
    if isinstance(value, tuple | list) and any(map(_is_varying, value)):
        raise UnrecordableError("a map that can only be applied holds a list of arrays")
    return type(value) is Deferred and value.number_for_good is None


class Sketch:
    """A Jacobian with holes; the Jacobians that it is filled in to share one cache of plans."""

    place = -1

    def __init__(self, made: Jacobian, place: Place) -> None:
        self.terms: list[Term] = []
        self.varying: list[tuple[int, Pattern, list[Any], list[Any]]] = []  # which term, its factors, its tables
        known: dict[int, tuple[Any, Any]] = {}
        for number, term in enumerate(made.terms):
            factors = [_sketched(value, place) for value in term.factors]
            tables = [_kept(_sketched(value, place), known) for value in term.tables]
            self.terms.append(Term(term.pattern, tuple(factors), tuple(tables)))
            if any([isinstance(part, _Hole | _Frame) for part in (*factors, *tables)]):
                self.varying.append((number, term.pattern, factors, tables))
        self.shapes = made.row_shape, made.column_shape
        self.dtype = made.dtype
        self.cache: dict[Any, Any] = dict(made.cache or {})

    def filled(self, arrays: Sequence[Any]) -> Jacobian:
        """The Jacobian, given the results of the program."""
        terms = self.terms.copy()
        for number, pattern, factors, tables in self.varying:
            terms[number] = Term(pattern, tuple(_filled(factors, arrays)), tuple(_filled(tables, arrays)))
        return Jacobian._of(tuple(terms), *self.shapes, self.dtype, self.cache)


def _filled(parts: Sequence[Any], arrays: Sequence[Any]) -> list[Any]:
    return [
        arrays[part.place] if type(part) is _Hole else part.filled(arrays) if type(part) is _Frame else part
        for part in parts
    ]


class _FormSketch:
    """A form of which one array is computed each time."""

    def __init__(self, plan: Planned, place: Place) -> None:
        self.finished = plan.finished
        self.hole = _sketched(plan.data, place)
        self.place = self.hole.place if isinstance(self.hole, _Hole) else -1  # of its only array

    def filled(self, arrays: Sequence[Any]) -> Any:
        """The form, given the results of the program."""
        if isinstance(self.hole, _Hole):
            return self.finished(self.hole.filled(arrays))
        return self.finished(self.hole.copy())


class _Converted:
    """A form that is made of the Jacobian when its arrays are there."""

    place = -1

    def __init__(self, sketch: Sketch, form: str) -> None:
        self.sketch, self.form = sketch, form

    def filled(self, arrays: Sequence[Any]) -> Any:
        """The form, given the results of the program."""
        return FORMS[self.form](self.sketch.filled(arrays))


def sketched(made: Jacobian, form: str | None) -> Callable[[Place], Any]:
    """How to sketch a Jacobian, or a form of it: what that needs besides the Jacobian's arrays is written down now."""
    if form is None:
        return lambda place: Sketch(made, place)
    plan = planned(made, form)
    if plan is None:
        return lambda place: _Converted(Sketch(made, place), form)
    return lambda place: _FormSketch(plan, place)
