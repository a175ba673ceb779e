"""All rows of the benchmark, by name."""

from __future__ import annotations

from benchmarks.structured import (
    brusselator,
    bundle,
    elementwise,
    factorisation,
    linear_in_weights,
    logistic,
    network_hessian,
    newton_step,
    per_sample,
    rosenbrock,
)
from benchmarks.structured.problem import Family

FAMILIES: dict[str, Family] = {
    **elementwise.FAMILIES,
    **linear_in_weights.FAMILIES,
    **logistic.FAMILIES,
    **factorisation.FAMILIES,
    **brusselator.FAMILIES,
    **rosenbrock.FAMILIES,
    **bundle.FAMILIES,
    **per_sample.FAMILIES,
    **network_hessian.FAMILIES,
    **newton_step.FAMILIES,
}
