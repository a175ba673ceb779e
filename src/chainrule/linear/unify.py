"""Solve the equations between the axes of two terms exactly: positions that meet are named by the same labels.

Composing z ← y with y ← x asks, for every axis of y, that the position which the outer term reads is the position
which the inner term writes. Between affine axes that is a linear equation in bounded integers; it is solved by
elimination, and each eliminated label is replaced everywhere. What elimination cannot do is done by joining tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import gcd, prod
from typing import Any

import numpy as np

from chainrule.linear.substitute import Equation, Joint
from chainrule.linear.term import Axis

__all__ = ["NeedsTablesError", "injective", "solve"]

_ENUMERATED = 16  # a label of at most this many values may be written out, a term for each (the width of a stencil)
_Solution = tuple[dict[int, Axis], list[Equation]]  # labels to replace, and equations that remain


class _NoEntriesError(Exception):
    """No position satisfies the equations: the composition has no entries."""


class NeedsTablesError(Exception):
    """The structure depends on the values of index tables, which were not given."""


def injective(strides: Iterable[tuple[int, int]]) -> bool:
    """Whether ``Σ stride·label`` is different for different labels, given (stride, size) pairs (sufficient test)."""
    reach = 0
    for stride, size in sorted([(abs(stride), size) for stride, size in strides if size > 1]):
        if stride <= reach:
            return False
        reach += stride * (size - 1)
    return True


def _balanced(coefficients: Mapping[int, int], target: int) -> Equation:
    """The equation ``Σ coefficient·label = target`` as two axes (their size, unknown and unused, is -1)."""
    sides = []
    for sign in (1, -1):
        part = {label: sign * c for label, c in coefficients.items() if sign * c > 0}
        sides.append(Axis(-1, tuple(part), tuple(part.values()), max(0, -sign * target)))
    return sides[0], sides[1]


def _reduced(joint: Joint, left: Axis, right: Axis) -> _Solution | None:
    """What one equation says: labels to replace and equations that remain; None if it must wait."""
    if left.table < 0 and right.table < 0:
        coefficients = dict[int, int]()
        for axis, sign in ((left, 1), (right, -1)):
            for label, stride in zip(axis.labels, axis.strides, strict=True):
                if joint.sizes[label] > 1:
                    coefficients[label] = coefficients.get(label, 0) + sign * stride
        return _linear(joint, {label: c for label, c in coefficients.items() if c}, right.offset - left.offset)
    if left.size == 1 or (left.table == right.table and left.labels == right.labels):
        return {}, []
    for one, other in ((left, right), (right, left)):
        if one.table >= 0 or len(one.labels) != 1 or abs(one.strides[0]) != 1:
            continue
        label = one.labels[0]
        whole = joint.sizes[label] == one.size and label not in other.labels
        if whole and (len(other.labels) == 1 or label not in joint.protected()):
            place = other if one.offset == 0 else joint.summed(Axis(one.size, (), (), one.offset), [(-1, other)])
            return {label: place}, []
    return None


def _linear(joint: Joint, coefficients: dict[int, int], target: int) -> _Solution | None:
    if not coefficients:
        if target:
            raise _NoEntriesError
        return {}, []
    divisor = gcd(*coefficients.values())
    if target % divisor:
        raise _NoEntriesError
    target //= divisor
    coefficients = {label: c // divisor for label, c in coefficients.items()}
    low, high = _range(joint, coefficients)
    if not low <= target <= high:
        raise _NoEntriesError
    if target in (low, high):  # only an extreme combination reaches it: every label is at an end
        sign = 1 if target == low else -1
        ends = {label: 0 if sign * c > 0 else joint.sizes[label] - 1 for label, c in coefficients.items()}
        return {label: Axis(joint.sizes[label], (), (), end) for label, end in ends.items()}, []
    if len(coefficients) == 1:
        ((label, c),) = coefficients.items()
        return {label: Axis(joint.sizes[label], (), (), target * c)}, []
    if len(coefficients) == 2:
        return _progression(joint, coefficients, target), []
    return _covered(joint, coefficients, target) or _split(joint, coefficients, target)


def _range(joint: Joint, coefficients: Mapping[int, int]) -> tuple[int, int]:
    reach = [c * (joint.sizes[label] - 1) for label, c in coefficients.items()]
    return sum([min(0, r) for r in reach]), sum([max(0, r) for r in reach])


def _progression(joint: Joint, coefficients: dict[int, int], target: int) -> dict[int, Axis]:
    """``a·x + b·y = target`` with coprime a and b: both run through arithmetic progressions over one label."""
    kept = joint.protected()
    (x, a), (y, b) = sorted(coefficients.items(), key=lambda item: item[0] not in kept)
    step = abs(b)
    first = target * pow(a, -1, step) % step if step > 1 else 0
    start, slope = (target - a * first) // b, -a if b > 0 else a
    # x = first + step·t and y = start + slope·t, both within their sizes
    bounds = [(0, (joint.sizes[x] - 1 - first) // step)]
    last = joint.sizes[y] - 1
    if slope > 0:
        bounds.append((-(start // slope), (last - start) // slope))
    else:
        bounds.append((-((last - start) // -slope), start // -slope))
    low, high = max(bounds[0][0], bounds[1][0]), min(bounds[0][1], bounds[1][1])
    if low > high:
        raise _NoEntriesError
    count = high - low + 1
    first, start = first + step * low, start + slope * low
    if count == 1:
        return {x: Axis(joint.sizes[x], (), (), first), y: Axis(joint.sizes[y], (), (), start)}
    if (first, step, count) == (0, 1, joint.sizes[x]):
        return {y: Axis(joint.sizes[y], (x,), (slope,), start)}
    if slope == -1 and count == joint.sizes[y]:
        first, step, start, slope = first + step * (count - 1), -step, 0, 1
    if (start, slope, count) == (0, 1, joint.sizes[y]):
        return {x: Axis(joint.sizes[x], (y,), (step,), first)}
    label = joint.new_label(count)
    return {
        x: Axis(joint.sizes[x], (label,), (step,), first),
        y: Axis(joint.sizes[y], (label,), (slope,), start),
    }


def _covered(joint: Joint, coefficients: dict[int, int], target: int) -> _Solution | None:
    """A label that the others determine, always within its range: a reshape or a sliding window."""
    kept = joint.protected()
    for label, c in coefficients.items():
        if abs(c) != 1 or label in kept:
            continue
        rest = {other: -c * d for other, d in coefficients.items() if other != label}
        low, high = _range(joint, rest)
        if low + c * target >= 0 and high + c * target < joint.sizes[label]:
            order = sorted(rest, key=lambda other: -abs(rest[other]))
            strides = tuple([rest[other] for other in order])
            return {label: Axis(joint.sizes[label], tuple(order), strides, c * target)}, []
    return None


def _split(joint: Joint, coefficients: dict[int, int], target: int) -> _Solution | None:
    """Compare digits: the multiples of a modulus on one hand, the small rest on the other."""
    for modulus in sorted({abs(c) for c in coefficients.values()} - {1}):
        rest = {label: c for label, c in coefficients.items() if c % modulus}
        multiples = {label: c for label, c in coefficients.items() if not c % modulus}
        (low, high), (least, most) = _range(joint, rest), _range(joint, multiples)
        low, high = max(low, target - most), min(high, target - least)
        first = low + (target - low) % modulus
        if first > high:
            raise _NoEntriesError
        if first + modulus > high:
            return {}, [_balanced(rest, first), _balanced(multiples, target - first)]
    # the lowest digits have different sizes, of which one divides the other: write the larger as two digits
    for x, a in coefficients.items():
        for y, b in coefficients.items():
            small, large = joint.sizes[x], joint.sizes[y]
            others = [c for label, c in coefficients.items() if label not in (x, y)]
            divides = a == -b and large > small and large % small == 0
            if divides and not any([c % (a * small) for c in others]) and y not in joint.protected():
                high_digit, low_digit = joint.new_label(large // small), joint.new_label(small)
                split = Axis(large, (high_digit, low_digit), (small, 1))
                rest = {label: c for label, c in coefficients.items() if label != y}
                return {y: split}, [_balanced(rest | {high_digit: b * small, low_digit: b}, target)]
    return None


def _advance(joint: Joint) -> list[Joint] | None:
    """Solve what can be solved: None when nothing is left, else what replaces this one."""
    if any([joint.sizes[label] == 0 for label in joint.alive]):
        raise _NoEntriesError
    while joint.equations:
        for k, (left, right) in enumerate(joint.equations):
            found = _reduced(joint, left, right)
            if found is not None:
                del joint.equations[k]
                mapping, remaining = found
                joint.equations += remaining
                joint.substitute(mapping)
                break
        else:
            label = _enumerable(joint)
            if label is not None:
                return [_fixed(joint, label, value) for value in range(joint.sizes[label])]
            _join(joint)
    return None


def _enumerable(joint: Joint) -> int | None:
    """A short label whose values are better written out, a term each: the width of a stencil at an edge."""
    for sides in joint.equations:
        if any([side.table >= 0 for side in sides]):
            continue
        for side in sides:
            if not injective([(s, joint.sizes[k]) for k, s in zip(side.labels, side.strides, strict=True)]):
                label = min(side.labels, key=lambda label: joint.sizes[label])
                if joint.sizes[label] <= _ENUMERATED:
                    return label
    return None


def _fixed(joint: Joint, label: int, value: int) -> Joint:
    other = joint.copy()
    other.substitute({label: Axis(joint.sizes[label], (), (), value)})
    return other


def _join(joint: Joint) -> None:
    """Name the solutions of a stuck equation, and of all that share labels with it, by one new label."""
    chosen, labels = [joint.equations.pop(0)], set[int]()
    grown = True
    while grown:
        labels = {label for sides in chosen for side in sides for label in side.labels}
        more = [e for e in joint.equations if labels & {label for side in e for label in side.labels}]
        joint.equations = [e for e in joint.equations if e not in more]
        chosen += more
        grown = bool(more)
    found = _solutions(joint, chosen)
    count = len(next(iter(found.values())))
    if not count:
        raise _NoEntriesError
    found = _ordered(joint, found, count)
    solution = joint.new_label(count)
    joint.substitute(
        {
            label: joint.simplest(joint.sizes[label], joint.recipe.constant(positions), (solution,))
            for label, positions in found.items()
        }
    )


def _solutions(joint: Joint, equations: Sequence[Equation]) -> dict[int, Any]:
    """All values of the labels that satisfy ``equations``, by sorting and merging the two sides."""
    grids, keys = [], []
    left, right = ({label: None for e in equations for label in e[k].labels} for k in (0, 1))
    shared = [label for label in left if label in right]
    for labels, k in ((tuple(left), 0), (tuple(right), 1)):
        shape = tuple([joint.sizes[label] for label in labels])
        grids.append(dict(zip(labels, np.indices(shape).reshape(len(labels), prod(shape)), strict=True)))
        sides = [e[k] for e in equations] + [joint.bare(label) for label in shared]
        keys.append([np.broadcast_to(_positions(joint, side, labels), shape).ravel() for side in sides])
    flat = [np.zeros(len(keys[k][0]), np.int64) for k in (0, 1)]
    for one, other in zip(*keys, strict=True):
        if not (one.size and other.size):
            continue
        low = min(one.min(), other.min())
        span = int(max(one.max(), other.max()) - low) + 1
        flat = [flat[0] * span + (one - low), flat[1] * span + (other - low)]
    order = np.argsort(flat[1], kind="stable")
    ordered = flat[1][order]
    start = np.searchsorted(ordered, flat[0], "left")
    counts = np.searchsorted(ordered, flat[0], "right") - start
    at_left = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(at_left)) - np.repeat(np.cumsum(counts) - counts, counts)
    at_right = order[np.repeat(start, counts) + within]
    found = {label: grid[at_right] for label, grid in grids[1].items()}
    return found | {label: grid[at_left] for label, grid in grids[0].items()}


def _positions(joint: Joint, axis: Axis, labels: tuple[int, ...]) -> Any:
    if axis.table < 0:
        return joint.grid(axis, labels)
    if axis.table not in joint.recipe.constants:
        raise NeedsTablesError
    return joint.recipe.constants[joint.expanded(axis.table, axis.labels, labels)]


def _ordered(joint: Joint, found: dict[int, Any], count: int) -> dict[int, Any]:
    """The solutions in an order in which, if possible, some label runs through its range and need not change."""
    kept = joint.protected()
    carried = dict.fromkeys(found, 0)
    for held in joint.factors:
        for label in carried.keys() & set(held.labels):
            carried[label] += prod([joint.sizes[other] for other in held.labels])
    for label in sorted(found, key=lambda label: (label not in kept, -carried[label])):
        positions = found[label]
        if count == joint.sizes[label]:
            order = np.argsort(positions, kind="stable")
            if np.array_equal(positions[order], np.arange(count)):
                return {other: values[order] for other, values in found.items()}
    return found


def solve(joint: Joint) -> list[Joint]:
    """The solutions, without equations, whose terms together are the term that ``joint`` asks for."""
    pending, solved = [joint], []
    while pending:
        current = pending.pop()
        try:
            branches = _advance(current)
        except _NoEntriesError:
            continue
        if branches is None:
            solved.append(current)
        else:
            pending += reversed(branches)
    return solved
