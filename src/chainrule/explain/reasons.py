"""Why an adjoint looks as it does: one plain sentence for each sum, transpose, mask or factor on the way back.

The sentences follow from the structure of local Jacobians; which operation it was is never asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod

import numpy as np

from chainrule.explain.arrange import Arranger
from chainrule.explain.computation import Step
from chainrule.explain.form import ONE, Form, Monomial, as_number, fresh_axes, total
from chainrule.explain.length import cost
from chainrule.explain.reader import NotExpressibleError, Reader, is_elementwise
from chainrule.explain.series import shortened
from chainrule.linear.term import Pattern
from chainrule.op import Diagonal

__all__ = ["Reasons", "reasons_for"]

_LONG = 20.0  # length of a formula that is not written for its length
_NAMED = 8  # uses that are all named
_AXES = ("rows", "columns")


class Reasons:
    """Writes the sentences, with the names of one computation."""

    def __init__(self, reader: Reader, arranger: Arranger) -> None:
        self.reader = reader
        self.arranger = arranger

    def called(self, step: Step) -> str:
        """A step by its name, or written out if that is short."""
        if self.reader.is_name(step):
            return self.arranger.naming.text(step)
        form = self.reader.refer(step)
        if cost(form) > _LONG:
            return "the result"
        text = self.arranger.form(form).text
        return text if len(text) <= 36 else "the result"

    def edge(self, step: Step, position: int) -> list[str]:
        """Why the cotangent of one argument follows as it does from that of the step."""
        operation = step.operation
        assert operation is not None
        argument = step.arguments[position]
        if is_elementwise(operation):
            return self._elementwise(step, position)
        try:
            terms = self.reader.local(step, position)
        except NotExpressibleError:
            return []
        if len(terms) != 1:
            return self._several(step, argument, len(terms))
        made, factors, tables = terms[0]
        return self._single(step, position, made, factors, bool(tables))

    def _elementwise(self, step: Step, position: int) -> list[str]:
        argument = step.arguments[position]
        name, told = self.called(argument), list[str]()
        stretched = _stretched(step.shape, argument.shape)
        if stretched:
            told.append(
                f"{name} was stretched over {_axes_in_words(step.shape, stretched)}, so its gradient is summed over "
                "them"
            )
        assert step.operation is not None
        rule = step.operation.rule(position)
        terms = self.reader.local(step, position)
        if len(terms) == 1 and len(terms[0][1]) == 1:
            (factor,) = terms[0][1]
            number = as_number(factor)
            written = self.arranger.form(factor).text
            if isinstance(rule, Diagonal) and rule.choice:
                told.append(f"a choice passes its gradient only to what was chosen: the mask {written}")
            elif number == Fraction(-1):
                how = "is subtracted" if len(step.arguments) > 1 else "has a minus"
                told.append(f"{name} {how}, so its gradient changes sign")
            elif number is not None:
                told.append(f"{name} has the factor {written}, which its gradient keeps")
            elif self._is_factor(step, position, written):
                told.append(f"{name} is multiplied by {written}, and so is its gradient")
            elif not step.shape:
                told.append(f"the derivative of {self.called(step)} with respect to {name} is {written}")
            elif len(step.arguments) == 1:
                told.append(
                    f"each element of {self.called(step)} depends on the same element of {name} alone: the Jacobian is "
                    f"diagonal, and the gradient is multiplied elementwise by {written}"
                )
            else:
                told.append(f"the derivative of {self.called(step)} with respect to {name} is {written}, elementwise")
        return told

    def _is_factor(self, step: Step, position: int, written: str) -> bool:
        """Whether the derivative with respect to one of two arguments is the other."""
        others = [argument for k, argument in enumerate(step.arguments) if k != position]
        return len(others) == 1 and self.called(others[0]) == written

    def _several(self, step: Step, argument: Step, count: int) -> list[str]:
        if count == 0:
            return []
        return [f"{self.called(argument)} enters {self.called(step)} in {count} ways, whose gradients add up"]

    def _single(self, step: Step, position: int, made: Pattern, factors: Sequence[Form], tabled: bool) -> list[str]:
        argument = step.arguments[position]
        name, out = self.called(argument), self.called(step)
        row = {l for axis in made.row for l in axis.labels}
        column = {l for axis in made.column for l in axis.labels}
        labelled = [(form, f.labels) for form, f in zip(factors, made.factors, strict=True) if f.labels]
        if prod(step.shape) == 1 and labelled:
            return self._of_a_number(step, argument)
        if tabled or any(not made.is_bare(axis) and axis.size > 1 for axis in made.row + made.column):
            if not tabled and row == column and not labelled and prod(made.row_shape) == prod(made.column_shape):
                return [f"only the arrangement of {name} changed, so its gradient is arranged back"]
            if not tabled and row == column and not labelled and prod(made.row_shape) > prod(made.column_shape):
                return [f"an entry of {name} is seen in several places of {out}, so its gradient adds up theirs"]
            return self._picked(step, position)
        summed, spread = row - column, column - row
        if not labelled:
            return self._unweighted(name, out, made, factors, summed, spread)
        told = []
        for form, labels in labelled:
            text = self.arranger.form(form).text
            if set(labels) & summed and set(labels) & spread:
                axes = [k for k, axis in enumerate(made.row) if set(axis.labels) & summed & set(labels)]
                told.append(
                    f"every entry of {name} was used for {_axes_in_words(step.shape, axes)} of {out}, weighted by "
                    f"{text}; its gradient adds these uses up, so {text} is applied to it transposed"
                )
            elif set(labels) <= spread:
                told.append(
                    f"each entry of {name} was multiplied by one entry of {text} and went into one entry of {out}: "
                    f"the gradient is an outer product with {text}"
                )
            elif set(labels) & summed:
                told.append(f"the gradient of {name} adds up all uses of its entries, each weighted by {text}")
        return told

    def _of_a_number(self, step: Step, argument: Step) -> list[str]:
        """The derivative of one number, as a whole."""
        one, axes = Form(fresh_axes(step.shape), (Monomial(ONE, ()),)), fresh_axes(argument.shape)
        positions = [k for k, other in enumerate(step.arguments) if other is argument]
        try:
            parts = [self.reader.pulled(step, k, one, axes) for k in positions]
        except NotExpressibleError:
            return []
        text = self.arranger.exact(total(parts)).text
        return [f"the derivative of {self.called(step)} with respect to {self.called(argument)} is {text}"]

    def _picked(self, step: Step, position: int) -> list[str]:
        """Where entries were picked: what those get that were used, once or more often, and the others."""
        uses = step.pull(position, np.ones(step.shape))
        name, again = self.called(step.arguments[position]), bool((uses > 1).any())
        summed = ", added up where one was used more than once" if again else ""
        if (uses == 0).any():
            used = f"only some entries of {name} were used: they get the gradient of what they became{summed}"
            return [f"{used}; the others get 0"]
        return [f"each entry of {name} gets the gradient of what it became{summed}"]

    def _unweighted(
        self, name: str, out: str, made: Pattern, factors: Sequence[Form], summed: set[int], spread: set[int]
    ) -> list[str]:
        if spread and not summed:
            axes = [k for k, axis in enumerate(made.column) if set(axis.labels) & spread]
            every = not made.row_shape or set(made.row_shape) == {1}
            what = "all entries" if every else _axes_in_words(made.column_shape, axes)
            weight = self.arranger.form(factors[0]).text if factors else ""
            count = prod(made.column_shape[k] for k in axes)
            if factors and abs(self._number(factors[0]) * count - 1) < 1e-9:
                return [f"{what} of {name} were averaged, so each gets {weight} of the gradient of the mean"]
            share, again = (f" with weight {weight}", " times that weight") if weight else ("", "")
            return [f"{what} of {name} were added up{share}, so each gets the gradient of their sum{again}"]
        if summed and not spread:
            axes = [k for k, axis in enumerate(made.row) if set(axis.labels) & summed]
            words = _axes_in_words(made.row_shape, axes)
            return [f"{name} was repeated over {words} of {out}, so its gradient is summed over them"]
        if made.row != made.column and not spread:
            if len(made.row) == 2:
                return [f"{name} was transposed, so its gradient is transposed back"]
            return [f"only the order of the axes of {name} changed, so its gradient is turned back"]
        return []

    @staticmethod
    def _number(form: Form) -> float:
        """The number that a form is; 0 for others."""
        only = form.monomials[0] if len(form.monomials) == 1 and not form.monomials[0].factors else None
        return only.coefficient.value if only else 0.0


def reasons_for(
    reasons: Reasons, step: Step, edges: Sequence[tuple[Step, int]], uses: Sequence[Step]
) -> tuple[str, ...]:
    """The sentences for all ``edges`` (step, position) on the way back to ``step``; ``uses`` are its consumers."""
    told: dict[str, None] = {}
    if len(uses) > 1:
        names = _listed(list(dict.fromkeys([reasons.called(use) for use in uses])))
        often = "twice" if len(uses) == 2 else f"{len(uses)} times"
        told[f"{reasons.called(step)} is used {often}, in {names}: the gradients of these uses add up"] = None
    for consumer, position in sorted(edges, key=lambda edge: edge[0].number):
        told.update(dict.fromkeys(reasons.edge(consumer, position)))
    return tuple(shortened(list(told), 1))


def _listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``; of many the first ones and the last."""
    if len(names) > _NAMED:
        return ", ".join([*names[:2], "…", names[-1]])
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _stretched(wide: tuple[int, ...], narrow: tuple[int, ...]) -> list[int]:
    """The axes along which an array was stretched."""
    missing = len(wide) - len(narrow)
    return [k for k, size in enumerate(wide) if size != 1 and (k < missing or narrow[k - missing] == 1)]


def _axes_in_words(shape: tuple[int, ...], axes: Sequence[int]) -> str:
    """``the 7 rows``, ``the 3 columns``, ``all 21 entries``."""
    if len(axes) == len([size for size in shape if size != 1]) and len(axes) > 1:
        return f"all {prod(shape)} entries"
    told = []
    for axis in axes:
        kind = _AXES[axis] if len(shape) == 2 else "entries" if len(shape) == 1 else f"places of axis {axis}"
        told.append(f"the {shape[axis]} {kind}")
    return " and ".join(told) or "nothing"
