"""Where a value comes from: read as a gradient, rearranged from one, computed from one, or made by hand.

A value that was read from ``.grad``, or returned by a function that differentiates, is *direct*. What only moves
its numbers about or adds them up (transpose, stack, sum, indexing, a change of dtype) gives a *rearranged* gradient.
With numbers multiplied in it is *scaled*; with other arrays it is *mixed*, as every gradient is that a person passes
on by hand, `dW = X.T @ out.grad`. The higher rank in a comparison is the truth, the lower is the claim.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import Any

import numpy as np

from chainrule.check.watching.backend import Backend

__all__ = ["DIRECT", "MIXED", "NONE", "NOTHING", "REARRANGED", "SCALED", "Origin", "Provenance", "Provenances"]

HELD = 1000
LATEST = 8  # gradients that a value computed from many still knows of
NONE, MIXED, SCALED, REARRANGED, DIRECT = range(5)

COPYING = frozenset(
    "detach clone numpy item cpu to float double half tolist data contiguous array alias requires_grad type astype copy"
    " asarray type_as detach_ real identity conjugate conj positive".split()
)
MOVING = frozenset(
    "t transpose mt h mh reshape view view_as reshape_as squeeze unsqueeze flatten ravel permute swapaxes swapdims"
    " movedim moveaxis getitem stack cat concat concatenate hstack vstack dstack sum mean unbind split chunk flip roll"
    " expand expand_as broadcast_to tile repeat select index_select take diag diagonal trace narrow unfold unflatten"
    " iter setitem rot90 fliplr flipud gather nansum column_stack row_stack atleast_1d atleast_2d broadcast as_strided"
    " repeat_interleave take_along_dim take_along_axis tril triu triangle diag_embed atleast_3d pad_constant".split()
)
ADDING = frozenset({"add", "iadd", "radd", "sub", "isub", "subtract"})
ZEROS = frozenset({"zeros", "zeros_like", "new_zeros"})
# Only the shape of a gradient is in what these return.
FRESH = frozenset(
    "zeros_like ones_like empty_like full_like new_zeros new_ones new_empty new_full new_tensor new eq ne lt le gt ge"
    " equal not_equal less less_equal greater greater_equal isnan isinf isfinite isclose argmax argmin argsort nonzero"
    " logical_not logical_and logical_or sign signbit size dim numel".split()
) | {"rand_like", "randn_like", "randint_like"}
RANDOM = frozenset(
    "rand randn rand_like randn_like normal uniform bernoulli randint randint_like randperm dropout poisson multinomial"
    " exponential cauchy log_normal geometric random".split()
)


@dataclass(frozen=True, eq=False)
class Origin:
    """One gradient that was taken: of which outputs (with which cotangents), with respect to which tensor.

    ``returned`` says that a function returned it; it was not read from ``.grad``, where gradients accumulate.
    """

    target: Any
    roots: tuple[tuple[Any, Any], ...] = ()
    backend: Backend | None = None
    returned: bool = False
    number: int = field(default_factory=count().__next__)

    @cached_property
    def light(self) -> Origin:
        """The same without what was differentiated, for values that are no gradients themselves."""
        return self if not self.roots else Origin(self.target)


@dataclass(frozen=True)
class Provenance:
    """How a value relates to gradients: its rank, and the origins of the gradients in it.

    ``random`` is noise that was drawn, ``zero`` an array of zeros to be filled, ``numerical`` what was computed by
    finite differences, of one of the ``sources``, ``derived`` a gradient that was derived by hand from what is
    tracked.
    """

    rank: int = NONE
    origins: frozenset[Origin] = frozenset()
    random: bool = False
    zero: bool = False
    numerical: bool = False
    derived: bool = False
    sources: tuple[Any, ...] = ()

    @property
    def targets(self) -> frozenset[int]:
        """The identities of what the gradients in it were taken with respect to."""
        return frozenset(id(origin.target) for origin in self.origins)


NOTHING = Provenance()


class Provenances:
    """Remembers the provenance of values by identity, for as long as they live."""

    def __init__(self, backends: Iterable[Backend]) -> None:
        self.backends = tuple(backends)
        self._known: dict[int, tuple[Any, Provenance]] = {}
        self._held: deque[int] = deque()  # numbers cannot be referred to weakly: the latest are held

    def owner(self, value: object) -> Backend | None:
        """The library that a tensor belongs to."""
        return next((backend for backend in self.backends if backend.owns(value)), None)

    def of(self, value: Any) -> Provenance:
        """What is known of a value; a view of a NumPy array knows what its base knows."""
        if type(value) is tuple and len(value) == 1:
            return self.of(value[0])
        found = self._look(value)
        if found is NOTHING and type(value) in {list, tuple} and 0 < len(value) <= 1024:
            parts = [self.of(item) for item in value]
            if all(part.rank >= REARRANGED for part in parts):
                return Provenance(REARRANGED, frozenset().union(*(part.origins for part in parts)))
        base = value
        while found is NOTHING and isinstance(base, np.ndarray) and base.base is not None:
            base = base.base
            inherited = self._look(base)
            if inherited.rank == DIRECT:
                found = Provenance(REARRANGED, inherited.origins)
            elif inherited is not NOTHING:
                found = inherited
        return found

    def set(self, value: Any, provenance: Provenance) -> None:
        """Remember a value's provenance; numbers are held, everything else is only referred to."""
        key = id(value)
        try:
            reference: Any = weakref.ref(value, lambda _: self._known.pop(key, None))
        except TypeError:
            if isinstance(value, bool | int | str | type(None)):
                return  # Python shares these objects: identity says nothing
            self._held.append(key)
            if len(self._held) > HELD:
                self._known.pop(self._held.popleft(), None)

            def reference(held: Any = value) -> Any:
                return held

        self._known[key] = (reference, provenance)

    def _look(self, value: Any) -> Provenance:
        found = self._known.get(id(value))
        if found is None or found[0]() is not value:
            return NOTHING
        return found[1]

    def propagate(self, name: str, arguments: tuple[Any, ...], result: Any) -> None:
        """Note what an operation's result is, from what its arguments are."""
        word = name.strip("_").lower()
        if word == "write":  # `target += value`: the target has the value's numbers now
            self._overwrite(*arguments[:2])
            return
        parts = list(_flatten(arguments))
        known = [(part, provenance) for part in parts if (provenance := self.of(part)) is not NOTHING]
        gradients = [provenance for _, provenance in known if provenance.rank > NONE]
        if not gradients or word in FRESH:
            if word in ZEROS and self._is_array(result):
                self.set(result, Provenance(zero=True))
            self._note_random(word, parts, result)
            return
        others = [part for part in parts if self.of(part).rank == NONE and self._is_array(part)]
        rank = self._rank(word, gradients, others, arguments)
        origins = self._joined(rank, gradients)
        targets = [arguments[0]] if word == "setitem" else list(_flatten((result,)))
        for target in targets:
            if isinstance(target, float | complex | np.ndarray | np.generic) or self.owner(target) is not None:
                if self._look(target).rank == DIRECT and word not in COPYING:
                    continue  # what was read from `.grad` stays that, also after an update in place
                self.set(target, Provenance(rank, origins))
                if isinstance(target, np.ndarray) and isinstance(target.base, np.ndarray):
                    self.set(_owner(target), Provenance(rank, origins))  # which is all that further views refer to

    @staticmethod
    def _joined(rank: int, gradients: list[Provenance]) -> frozenset[Origin]:
        """The origins of what is computed from several values.

        A parameter is stepped by gradient after gradient, and must not hold on to the graphs of them all.
        """
        origins: frozenset[Origin] = frozenset().union(*(provenance.origins for provenance in gradients))
        if rank == MIXED:
            origins = frozenset(origin.light for origin in origins)
        if len(origins) > LATEST:
            origins = frozenset(sorted(origins, key=lambda origin: origin.number)[-LATEST:])
        return origins

    def _overwrite(self, target: Any, value: Any) -> None:
        provenance = self.of(value)
        if self._look(target).rank != DIRECT and (provenance is not NOTHING or self._look(target) is not NOTHING):
            self.set(target, provenance)

    def _rank(self, word: str, gradients: list[Provenance], others: list[Any], arguments: tuple[Any, ...]) -> int:
        lowest = min(provenance.rank for provenance in gradients)
        if word in COPYING:
            return lowest
        if word in {"getitem", "index_select", "take", "gather", "take_along_dim"}:
            return min(self.of(arguments[0]).rank or MIXED, REARRANGED)
        if word == "setitem":
            value = self.of(arguments[-1])
            return min(value.rank or MIXED, REARRANGED)
        if word in MOVING:
            return min(lowest, REARRANGED) if not others else MIXED
        if word in ADDING and all(self._is_zero(other) for other in others):
            return min(lowest, REARRANGED)
        return min(lowest, SCALED) if not others else MIXED

    def _is_array(self, value: Any) -> bool:
        return isinstance(value, np.ndarray) or self.owner(value) is not None

    def _is_zero(self, value: Any) -> bool:
        if self.of(value).zero:
            return True  # it may no longer be: what was added in place is a gradient
        backend = self.owner(value)
        array = backend.array(value)[0] if backend is not None else value
        return not np.any(array)

    def _note_random(self, word: str, parts: list[Any], result: Any) -> None:
        """Noise is what was drawn, and such a draw scaled; a variable that was drawn to begin with is none."""
        arrays = [part for part in parts if self._is_array(part)]
        if word in RANDOM or (len(arrays) == 1 and self.of(arrays[0]).random):
            for item in _flatten((result,)):
                backend = self.owner(item)
                if self._is_array(item) and not (backend is not None and backend.tracked(item)):
                    self.set(item, Provenance(random=True))


def _owner(array: np.ndarray[Any, np.dtype[Any]]) -> Any:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _flatten(value: Any) -> Iterable[Any]:
    """The leaves of nested tuples, lists and dictionaries."""
    if isinstance(value, list | tuple):
        for item in value:
            yield from _flatten(item)
    elif isinstance(value, dict):
        yield from _flatten(list(value.values()))
    else:
        yield value
