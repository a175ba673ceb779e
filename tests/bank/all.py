"""Every mistake of the bank, every right derivation and every backward pass with one wrong step."""

from __future__ import annotations

from tests.bank import (
    beyond_activations,
    beyond_attention,
    beyond_convolution,
    beyond_indexing,
    beyond_losses,
    beyond_matrices,
    beyond_models,
    beyond_networks,
    beyond_normalisation,
    beyond_recurrence,
    beyond_state,
    broadcasting,
    classification,
    elementwise,
    indexing,
    linear_maps,
    matrix_functions,
    normalisation,
    paths,
    recurrence,
    right,
    right_at_edges,
    scale,
    stepwise,
    timing,
)
from tests.bank.case import Case, Right, Stepwise

__all__ = ["ALL", "BEYOND", "LISTED", "RIGHT", "STEPWISE"]

FAMILIES = (
    linear_maps,
    scale,
    elementwise,
    broadcasting,
    paths,
    normalisation,
    classification,
    indexing,
    recurrence,
    timing,
    matrix_functions,
)

LISTED: tuple[Case, ...] = tuple(case for family in FAMILIES for case in family.LISTED)
"""The mistakes that the project wrote down before it had a checker."""

FURTHER = (
    beyond_networks,
    beyond_activations,
    beyond_losses,
    beyond_normalisation,
    beyond_attention,
    beyond_convolution,
    beyond_recurrence,
    beyond_matrices,
    beyond_indexing,
    beyond_models,
    beyond_state,
)

BEYOND: tuple[Case, ...] = tuple(case for family in FURTHER for case in family.BEYOND)
"""Mistakes that are on no list: what people do in notebooks, homework and kernels."""

ALL = LISTED + BEYOND

RIGHT: tuple[Right, ...] = right.RIGHT + right_at_edges.DELICATE
"""Right derivations, fused and step by step: none may be called wrong."""

STEPWISE: tuple[Stepwise, ...] = stepwise.STEPWISE
"""Backward passes in which one step is wrong."""
