"""Structured linear maps: terms, their composition and application, and the Jacobian that users hold."""

from __future__ import annotations

from chainrule.linear.apply import pull, pull_batch, push, push_batch
from chainrule.linear.compose import compose, merge, simplify
from chainrule.linear.contract import plan_contraction
from chainrule.linear.functions import gather, scatter
from chainrule.linear.jacobian import Jacobian
from chainrule.linear.term import Axis, Factor, Opaque, Pattern, Term, affine, constant, diagonal, identity, pattern

__all__ = [
    "Axis",
    "Factor",
    "Jacobian",
    "Opaque",
    "Pattern",
    "Term",
    "affine",
    "compose",
    "constant",
    "diagonal",
    "gather",
    "identity",
    "merge",
    "pattern",
    "plan_contraction",
    "pull",
    "pull_batch",
    "push",
    "push_batch",
    "scatter",
    "simplify",
]
