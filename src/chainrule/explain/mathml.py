"""MathML for formulas, by way of latex2mathml, which is loaded when a formula is first shown."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module

__all__ = ["mathml"]


@lru_cache(maxsize=4096)
def mathml(latex: str) -> str:
    """The MathML element of a formula in LaTeX.

    >>> mathml("x")
    '<math xmlns="http://www.w3.org/1998/Math/MathML" display="inline"><mrow><mi>x</mi></mrow></math>'
    """
    # what stands in a \\text is not escaped on the way, and names may be hostile
    safe = latex.replace("<", r"\lt ").replace(">", r"\gt ")
    found: str = import_module("latex2mathml.converter").convert(safe)
    return found
