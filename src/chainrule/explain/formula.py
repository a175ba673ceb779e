"""A formula in the forms in which people read it: text, LaTeX, MathML, and NumPy source."""

from __future__ import annotations

from dataclasses import dataclass

from chainrule.explain.mathml import mathml

__all__ = ["Formula"]


@dataclass(frozen=True)
class Formula:
    """A formula: ``text`` in Unicode, ``latex`` without dollar signs, ``python`` over NumPy (empty if there is none).

    >>> formula = Formula("dW = Xᵀ dz", "dW = X^{\\\\top} dz", "dW = X.T @ dz")
    >>> print(formula)
    dW = Xᵀ dz
    """

    text: str
    latex: str
    python: str = ""

    @property
    def mathml(self) -> str:
        """The formula as a MathML element, which browsers show without a script."""
        return mathml(self.latex)

    def __str__(self) -> str:
        return self.text

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex}$"
