"""Operations that users define: a forward function and its local Jacobians in index notation."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.errors import RuleError
from chainrule.linear.term import Term, pattern
from chainrule.op import OUT, Call, Constant, Diagonal, Operation, Rule, needs_of, select
from chainrule.op import define as define_operation

__all__ = ["define"]

Factors = Mapping[str, Callable[..., Any]]


def define(
    forward: Callable[..., Any],
    *jacobians: str | Callable[..., Any] | float | tuple[str, Factors] | None,
    name: str | None = None,
) -> Operation:
    """Define a differentiable operation by its local Jacobian: one for each argument of ``forward``.

    ``forward`` takes arrays and returns one array. A local Jacobian is one of

    * ``"ik, ij <- b:jk"``: the entry ∂out[i,k]/∂a[i,j] = b[j,k]. Row labels, column labels, then factors, each the
      name of an argument (or ``out``) with the labels of its axes. A label shared by row and column is a delta. A sum
      of terms is separated by ``+`` or, for a subtracted one, ``-``.
    * ``("i, i <- d:i", {"d": lambda x: …})``: the same with factors computed from what their parameters name
      (arguments of ``forward``, or ``out``).
    * a function such as ``lambda x: np.cos(x)``, or a number: elementwise, with broadcasting.
    * ``None``: nothing flows to this argument.

    Rules are written with NumPy functions, so they are differentiated again for higher derivatives. Reverse and forward
    mode, structured Jacobians and Hessians follow. Raises :class:`~chainrule.errors.RuleError` for a notation that
    cannot be read or does not fit the shapes.

    >>> import chainrule as cr
    >>> product = cr.define(lambda a, b: a @ b, "ik, ij <- b:jk", "ik, jk <- a:ij", name="product")
    >>> cr.grad(lambda a: np.sum(product(a, np.ones((2, 2)))))(np.eye(2))
    array([[2., 2.],
           [2., 2.]])
    >>> softsign = cr.define(lambda x: x / (1 + abs(x)), lambda x: 1 / (1 + abs(x)) ** 2)
    >>> float(cr.grad(softsign)(1.0))
    0.25
    """
    label: str = name or getattr(forward, "__name__", None) or "operation"
    if isinstance(forward, np.ufunc):
        raise RuleError(f"{label}: the arguments of a ufunc have no names; give a function such as lambda a, b: ...")
    arguments = list(inspect.signature(forward).parameters)
    if len(arguments) != len(jacobians):
        raise RuleError(
            f"{label}: {len(arguments)} arguments ({', '.join(arguments)}) need as many local Jacobians, "
            f"got {len(jacobians)}"
        )
    rules = [rule_of(jacobian, arguments, label) for jacobian in jacobians]
    return define_operation(
        label if label != "<lambda>" else "custom", forward, *rules, arguments=arguments, listed=False
    )


def rule_of(jacobian: Any, arguments: Sequence[str], name: str) -> Rule:
    """The rule that one of the notations of `define` stands for."""
    try:
        if jacobian is None:
            return Constant()
        if callable(jacobian) or isinstance(jacobian, int | float):
            return Diagonal(jacobian, arguments)
        text, functions = (jacobian, {}) if isinstance(jacobian, str) else jacobian
        return Indexed(text, functions, arguments, name)
    except (TypeError, ValueError) as problem:
        raise RuleError(f"{name}: {problem}") from problem


class Indexed(Rule):
    """A local Jacobian written in index notation."""

    def __init__(self, text: str, functions: Factors, arguments: Sequence[str], name: str) -> None:
        self.text = text
        self.name = name
        self.parts = [parse(sign, part, functions, arguments) for sign, part in signed(text)]
        self.needs = tuple(
            dict.fromkeys(need for _, _, _, factors in self.parts for _, needs, _ in factors for need in needs)
        )

    def terms(self, call: Call, position: int, out: Any, arguments: Sequence[Any]) -> Sequence[Term]:
        result = []
        for sign, row, column, factors in self.parts:
            arrays = [
                select(needs, out, arguments)[0] if function is None else function(*select(needs, out, arguments))
                for function, needs, _ in factors
            ]
            sizes: dict[str, int] = {}
            self.fit(sizes, row, call.shape, "the result")
            self.fit(sizes, column, call.shapes[position], "the argument")
            for array, (_, _, labels) in zip(arrays, factors, strict=True):
                self.fit(sizes, labels, tuple(getattr(array, "shape", ())), f"the factor with labels {labels!r}")
            number = {label: place for place, label in enumerate(sizes)}
            all_labels = [[number[label] for label in labels] for _, _, labels in factors]
            if sign < 0:
                arrays.append(-1.0)
                all_labels.append([])
            made, _ = pattern(
                list(sizes.values()), [number[label] for label in row], [number[label] for label in column], all_labels
            )
            result.append(Term(made, tuple(arrays)))
        return result

    def fit(self, sizes: dict[str, int], labels: str, shape: tuple[int, ...], what: str) -> None:
        """Give the labels the sizes of a shape, or say which one does not fit."""
        if len(labels) != len(shape):
            raise RuleError(
                f"{self.name}: {what} has shape {shape}, but {self.text!r} names {len(labels)} axes ({labels!r})"
            )
        for label, size in zip(labels, shape, strict=True):
            if sizes.setdefault(label, size) != size:
                raise RuleError(
                    f"{self.name}: in {self.text!r} label {label!r} is {sizes[label]} and, in {what}, {size}"
                )


def signed(text: str) -> list[tuple[int, str]]:
    """The terms of a sum with their signs; the arrow ``<-`` is not a minus."""
    marked = text.replace("<-", "<=").strip()
    if not marked.startswith(("+", "-")):
        marked = "+" + marked
    pieces = marked.replace("-", "+-").split("+")[1:]
    return [(-1, piece[1:]) if piece.startswith("-") else (1, piece) for piece in pieces if piece.strip()]


def parse(
    sign: int, text: str, functions: Factors, arguments: Sequence[str]
) -> tuple[int, str, str, list[tuple[Callable[..., Any] | None, tuple[int, ...], str]]]:
    """One term: its sign, row labels, column labels, and factors as (function or None, needs, labels)."""
    places, arrow, listed = text.partition("<=")
    if "," not in places:
        raise ValueError(f"expected 'row labels, column labels <- factors', got {text.strip()!r}")
    row, column = (labels.strip() for labels in places.split(",", 1))
    factors: list[tuple[Callable[..., Any] | None, tuple[int, ...], str]] = []
    for item in listed.split() if arrow else ():
        known, colon, labels = item.partition(":")
        if not colon:
            raise ValueError(f"expected a factor as name:labels, got {item!r}")
        if known in functions:
            factors.append((functions[known], needs_of(functions[known], arguments), labels))
        elif known == "out" or known in arguments:
            factors.append((None, (OUT if known == "out" else list(arguments).index(known),), labels))
        else:
            raise ValueError(
                f"{known!r} is neither an argument ({', '.join(arguments)}), nor 'out', nor a given factor"
            )
    for labels in (row, column, *(labels for _, _, labels in factors)):
        if not all(letter.isalpha() for letter in labels):
            raise ValueError(f"labels are letters, got {labels!r}")
    return sign, row, column, factors
