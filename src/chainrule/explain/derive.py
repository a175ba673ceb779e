"""derive: the derivation of a function's gradient, in the user's own names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from chainrule.errors import DtypeError, GradientError, NotScalarError
from chainrule.explain.computation import Computation, Step
from chainrule.explain.derivation import Derivation
from chainrule.explain.deriver import Deriver
from chainrule.explain.formula import Formula
from chainrule.explain.record import record
from chainrule.transforms.made import made_by
from chainrule.transforms.trees import flatten

__all__ = ["derivation_of", "derive"]


def derive(
    function: Callable[..., Any], argnums: int | Sequence[int] | None = None, order: int = 1
) -> Callable[..., Derivation]:
    """A function that returns the derivation of the gradient at its arguments.

    ``argnums`` says which arguments to differentiate by (all real ones by default). If the function returns an array,
    the gradient is that of ⟨v, f⟩, where v = ∂L/∂f is what arrives from further on, and the Jacobian is given as well.
    With ``order=2``, or for the function that ``cr.grad`` returns, so is the Hessian: in ``hessians``, a formula for
    each pair of arguments. Raises :class:`~chainrule.errors.GradientError` if the result does not depend on the
    arguments, and :class:`~chainrule.errors.NotScalarError` if there are several results, or if a Hessian is wanted of
    what is not one number.

    >>> def mse(X, W, Y):
    ...     r = X @ W - Y
    ...     return np.mean(r**2)
    >>> derivation = derive(mse, 1)(np.ones((7, 5)), np.ones((5, 3)), np.zeros((7, 3)))
    >>> print(derivation.gradients["W"])
    ∂mse/∂W = 2/(N K) Xᵀ r
    >>> print(derivation.source)
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def gradient(X, W, Y):
        N = X.shape[0]
        K = W.shape[1]
        r = X @ W - Y
        dW = 2 / (N * K) * (X.T @ r)
        return dW
    <BLANKLINE>
    """

    inner, wanted, levels = function, argnums, order
    marked = getattr(function, "gradient_of", None)
    if marked is not None:
        inner, wanted = marked[0], marked[1] if argnums is None else argnums
        levels += 1
    if levels not in (1, 2):
        raise GradientError(f"derive: first and second derivatives are derived, not those of order {levels}.")

    @made_by(derive, function, argnums=argnums, order=order)
    def derived(*arguments: Any, **options: Any) -> Derivation:
        call = _Call(inner, arguments, options, wanted)
        deriver = Deriver(call.computation, call.wanted, call.title, call.name)
        if levels == 2 and deriver.output.value.size != 1:
            raise NotScalarError(
                f"derive: a Hessian is of one number, and the function returned an array of shape "
                f"{deriver.output.shape}. Reduce it (np.sum, np.mean)."
            )
        found = deriver.derivation()
        return replace(found, hessians=_hessians(deriver, found)) if levels == 2 else found

    return derived


def derivation_of(computation: Computation, wanted: Sequence[Step], title: str) -> Derivation:
    """The derivation of the output of a computation that was recorded elsewhere, by some of its inputs.

    Raises what `derive` raises.
    """
    return Deriver(computation, wanted, title).derivation()


def _hessians(first: Deriver, derivation: Derivation) -> dict[str, Formula]:
    """The second derivatives, derived from the source of the first, which is short already."""
    gradient = derivation.function()
    returned = first.returned()
    found: dict[str, Formula] = {}
    for k, row in enumerate(first.wanted):
        for column in first.wanted[k:]:

            def block(*values: Any, k: int = returned.index(first.computation.leaf(row))) -> Any:
                return flatten(gradient(*values))[0][k]

            block.__signature__ = inspect.signature(gradient)  # type: ignore[attr-defined]
            key = row.called if row is column else f"{row.called}, {column.called}"
            left = first.naming.second_derivative(row, column)
            position = list(first.computation.inputs.values()).index(column)
            call = _Call(block, derivation.arguments, {}, None)
            try:
                integers = first.computation.journal.names.integers
                second = Deriver(call.computation, [call.wanted[position]], call.title, "", integers)
            except GradientError:  # the gradient does not depend on this argument
                found[key] = Formula(f"{left[0]} = 0", f"{left[1]} = 0", f"{left[2]} = 0.0")
                continue
            second.naming.output = f"({first.naming.derivative_text(row)})"
            formula = second.jacobian(left, None, partial(_entry, first, row, column))
            where = "".join([f", {name} = {text}" for name, text in second.arranger.diagonals.items()])
            found[key] = replace(formula, text=formula.text + where.replace(", ", "   where ", 1))
    return found


def _entry(first: Deriver, row: Step, column: Step, *indices: Sequence[str]) -> tuple[str, str]:
    return first.naming.second_derivative(row, column, indices)[:2]


class _Call:
    """A call of a function: what it computed, and by which of its arguments to differentiate."""

    def __init__(
        self,
        function: Callable[..., Any],
        arguments: Sequence[Any],
        options: Mapping[str, Any],
        argnums: int | Sequence[int] | None,
    ) -> None:
        self.function = function
        self.arguments = arguments
        self.options = options
        self.name = getattr(function, "__name__", "")
        self.computation = record(function, arguments, options)
        self.wanted = self._wanted(argnums)

    @property
    def title(self) -> str:
        """The function with its arguments."""
        names = [step.called for step in self.computation.inputs.values()]
        return f"{(self.name or 'f').replace('<lambda>', 'f')}({', '.join(names)})"

    def _wanted(self, argnums: int | Sequence[int] | None) -> list[Step]:
        inputs = self.computation.inputs
        if argnums is None:
            if not inputs:
                raise DtypeError("derive: no argument is a real number or an array of real numbers (1.0, not 1 or 1j).")
            return list(inputs.values())
        positions = [argnums] if isinstance(argnums, int | np.integer) else list(argnums)
        found: list[Step] = []
        for position in positions:
            if not -len(self.arguments) <= position < len(self.arguments):
                raise GradientError(
                    f"derive: argnums={argnums!r} names argument {position}, but the function was called with "
                    f"{len(self.arguments)} arguments."
                )
            argument = self.computation.parameters[position]
            leaves = [inputs[name] for name in argument.leaves if name in inputs]
            if not leaves:
                kind = type(self.arguments[position]).__name__
                raise DtypeError(
                    f"derive: cannot differentiate with respect to {argument.name}, which is {kind}: a derivative "
                    "needs real numbers (1.0, not 1)."
                )
            found += leaves
        return found
