"""How large the contributions to a gradient are: rounding errors are relative to them, not to what they add up to.

The sizes of all paths, added up, bound what any way of computing the gradient can lose. On a long way that bound
grows past all measure, as if every rounding error conspired: |J₁|ᵀ|J₂|ᵀ… grows where J₁ᵀJ₂ᵀ… does not. What errors come
to that are made on the way and do not conspire is seen by making some: each step adds one, of the size of what it adds
up, of random signs. More than `FAR` times that is not allowed.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.linear.apply import pull, pull_batch
from chainrule.linear.term import Opaque, Term

__all__ = ["contributions"]

Array = np.ndarray[Any, np.dtype[Any]]
Edges = Iterable[tuple[Hashable, Sequence[Term]]]  # where each leads back to, and its local Jacobian
PROBES = 4
FAR = 32.0


class _Arrived(NamedTuple):
    """What has arrived at a step: |J₁|ᵀ|J₂|ᵀ…|v|, the cotangent, the errors in it, and the sizes that make it up."""

    paths: Any
    cotangent: Any
    errors: Any
    summands: Any


def contributions(
    target: Hashable, steps: Iterable[tuple[Hashable, Edges]], seeds: Mapping[Any, Any], given: Mapping[Any, Any]
) -> Array | None:
    """The size of what comes back to the target from the cotangents in ``seeds``; None if nothing does.

    ``steps`` come latest first, each with its edges; ``given`` are cotangents that are taken as they are said to be.
    """
    random = np.random.default_rng(5)
    arrived = {step: _start(seed) for step, seed in seeds.items()}
    for step, edges in steps:
        if step in given:
            arrived[step] = _start(given[step])
        if step is target:
            break
        here = arrived.pop(step, None)
        if here is None:
            continue
        for source, terms in edges:
            for term in terms:
                sent = _sent(here, term, random)
                before = arrived.get(source)
                both = sent if before is None else _Arrived(*[a + b for a, b in zip(before, sent, strict=True)])
                arrived[source] = both
    found = arrived.get(target)
    if found is None:
        return None
    made = FAR * (np.mean(np.abs(found.errors), axis=0) + found.summands)
    size: Array = np.minimum(found.paths, made)
    return size


def _start(cotangent: Any) -> _Arrived:
    exact = np.asarray(cotangent, dtype=np.float64)
    return _Arrived(np.abs(exact), exact, np.zeros((PROBES, *exact.shape)), np.abs(exact))


def _sent(here: _Arrived, term: Term, random: np.random.Generator) -> _Arrived:
    """What a term sends back of what arrived, with errors of its own."""
    pattern, tables = term.pattern, term.tables
    factors = tuple([f if isinstance(f, Opaque) else getattr(f, "value", f) for f in term.factors])
    # A map that can only be applied is taken as it is: the order of magnitude is what counts.
    sizes = tuple([f if isinstance(f, Opaque) else np.abs(f) for f in factors])
    with np.errstate(all="ignore"):
        paths = np.abs(pull(pattern, here.paths, sizes, tables))
        cotangent = pull(pattern, here.cotangent, factors, tables)
        summands = np.abs(pull(pattern, np.abs(here.cotangent), sizes, tables))
        errors = pull_batch(pattern, here.errors, factors, tables)
        errors = errors + summands * random.choice([-1.0, 1.0], (PROBES, *np.shape(summands)))
    return _Arrived(*map(np.nan_to_num, (paths, cotangent, errors, summands)))
