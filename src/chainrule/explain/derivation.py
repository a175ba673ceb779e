"""A derivation: each step with its local Jacobians, each adjoint with its reasons, and the gradient as a whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.explain.explained import Account, Explained, Local
from chainrule.explain.report.fragment import fragment
from chainrule.explain.report.page import report_page
from chainrule.explain.series import shortened
from chainrule.explain.source import function_of

__all__ = ["Derivation", "Explained", "Local"]


@dataclass(frozen=True, repr=False)
class Derivation(Account):
    """How the derivative of a function follows, step by step and as a whole.

    ``explained`` are the steps in the order of the computation, inputs included, each worked out when it is asked for;
    ``outline`` are those of them that the text tells, None where turns of a long loop are left out. ``gradients`` are
    the simplified formula of each argument's derivative, ``jacobians`` that of its Jacobian where the function returns
    an array and a matrix says it, ``hessians`` the second derivatives if these were asked for; ``notes`` what letters
    stand for; ``source`` a NumPy function that computes the gradients, and ``arguments`` the values of its parameters.
    """

    @property
    def text(self) -> str:
        """The whole derivation as text."""
        forward = [f"  {e.forward}    {_shape(e.step.shape)}" if e else "⋮" for e in self.outline]
        locals_ = [line for e in self.outline for line in (_locals(e) if e else ["⋮"])]
        backward = [_backward(e) if e else "⋮" for e in reversed(self.outline)]
        lines = [self.title, "=" * len(self.title), "", "Forward", *shortened(forward), *shortened(locals_)]
        lines += ["", "Backward", *shortened(backward)]
        lines += ["", "Altogether"]
        lines += [
            f"  {formula}" for formula in [*self.gradients.values(), *self.jacobians.values(), *self.hessians.values()]
        ]
        lines += [f"  {note}" for note in self.notes]
        return "\n".join(lines)

    @property
    def latex(self) -> str:
        """The gradients as one block of LaTeX."""
        formulas = [*self.gradients.values(), *self.jacobians.values(), *self.hessians.values()]
        rows = [formula.latex.replace(" = ", " &= ", 1) for formula in formulas]
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

    def function(self) -> Callable[..., Any]:
        """The function that ``source`` defines."""
        return function_of(self.source, self.title)

    def to_html(self, path: str | Path) -> None:
        """Write the derivation as one HTML file, with the graph to walk through; it needs no network.

        Raises :class:`OSError` if the file cannot be written.
        """
        Path(path).write_text(report_page(self), encoding="utf-8")

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return fragment(self)

    def _repr_latex_(self) -> str:
        return f"$$\n{self.latex}\n$$"


def _locals(entry: Explained) -> list[str]:
    return [f"    {local.index}    {local.structure}" for local in entry.locals]


def _backward(entry: Explained) -> str:
    reasons = [f"    · {reason}" for reason in entry.reasons]
    return "\n".join([f"  {entry.adjoint}    {_shape(entry.step.shape)}", *reasons])


def _shape(shape: tuple[int, ...]) -> str:
    return f"shape {'×'.join(map(str, shape))}" if shape else "a number"
