"""Where the Jacobian of a black box may be non-zero, found by trying: halves of the inputs at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import SparsityError
from chainrule.linear.colouring import colour_columns
from chainrule.linear.nonzeros import Nonzeros

__all__ = ["Detection", "detect"]

Reaction = Callable[[Any], Any]  # which inputs are touched (a truth value each) -> which outputs react

_MISSED = {
    "change": "an output that an input changes by less than rounding, or that it changes elsewhere only (another "
    "branch of an if, the flat part of a clip)",
    "nan": "an output from which NaN is removed on the way (a comparison, np.where, np.nanmax, a rounding to "
    "integers), or a loop that ends early because of it; outputs may be listed that only touch an input (0 · x)",
    "jvp": "an entry that is zero at the given points and not elsewhere",
}


class Detection(NamedTuple):
    """What `detect` found.

    Attributes:
        pattern: a ``scipy.sparse.csr_array`` of truth values, outputs × inputs, both flat.
        calls: how often the function was run.
        caveat: what this way of looking can miss.
    """

    pattern: Any
    calls: int
    caveat: str


def detect(
    function: Callable[..., Any],
    x: Any,
    method: str = "change",
    *,
    points: int = 3,
    step: float = 1e-3,
    seed: int = 0,
) -> Detection:
    """Find by trying which outputs of a black box depend on which inputs.

    Inputs are tried in halves, quarters, …; parts that share no output are tried together. A band of width w among n
    inputs takes about 2·w + 4·log₂(n) runs at each point, not n. The result is what was seen, not what is so: read
    ``caveat``, and let the check of `jacobian_by_products` or of ``chainrule.external`` stand behind it.

    Args:
        function: takes an array like ``x`` and returns an array; with "jvp" it takes ``x`` and a tangent.
        x: a point, best without exact zeros and symmetries.
        method: "change" (inputs are moved a little; an output that is another number depends on them), "nan" (inputs
            are made NaN; an output that becomes NaN depends on them) or "jvp" (``function(x, tangent)`` is a product).
        points: at how many points to look: ``x``, and others at random around it.
        step: how far inputs are moved for "change", relative to their size.
        seed: of the random numbers.

    Raises:
        SparsityError: there is no such method, or the function is not finite at a point.

    >>> found = detect(np.diff, np.arange(1.0, 1001.0))
    >>> found.pattern.shape, found.pattern.nnz, found.calls < 200
    ((999, 1000), 1998, True)
    """
    if method not in _MISSED:
        raise SparsityError(f"there is no method {method!r} of detecting; choose among {', '.join(_MISSED)}")
    random = np.random.default_rng(seed)
    x = np.array(x, float if np.asarray(x).dtype.kind in "biu" else None)
    size = np.where(x == 0, (np.abs(x).sum() / max(x.size, 1)) or 1.0, np.abs(x))
    around = [x, *[x + 0.1 * size * random.uniform(-1, 1, x.shape) for _ in range(points - 1)]]
    tries = [_TRIES[method](function, point, step * size, random) for point in around]
    calls = 0

    def reaction(touched: Any) -> Any:
        nonlocal calls
        calls += len(tries)
        return np.any([one(touched.reshape(x.shape)) for one in tries], axis=0)

    places = _refined(reaction, x.size)
    pattern = places.matrix().astype(bool)
    return Detection(pattern, calls + (0 if method == "jvp" else len(tries)), f"It can miss {_MISSED[method]}.")


def _by_change(function: Callable[..., Any], x: Any, step: Any, random: Any) -> Reaction:
    before = _finite(function(x.copy()))
    moved = x + step * random.uniform(0.5, 1, x.shape) * random.choice([-1.0, 1.0], x.shape)
    moved = moved.astype(x.dtype)
    return lambda touched: _flat(function(np.where(touched, moved, x))) != before


def _by_nan(function: Callable[..., Any], x: Any, step: Any, random: Any) -> Reaction:
    del step, random
    _finite(function(x.copy()))
    gone = np.array(np.nan, x.dtype)

    def reaction(touched: Any) -> Any:
        with np.errstate(invalid="ignore"):
            return np.isnan(_flat(function(np.where(touched, gone, x))))

    return reaction


def _by_jvp(function: Callable[..., Any], x: Any, step: Any, random: Any) -> Reaction:
    del step
    tangent = random.uniform(0.5, 1.5, x.shape) * random.choice([-1.0, 1.0], x.shape)
    tangent = tangent.astype(x.dtype)
    return lambda touched: _flat(function(x.copy(), np.where(touched, tangent, 0 * tangent))) != 0


_TRIES = {"change": _by_change, "nan": _by_nan, "jvp": _by_jvp}


def _flat(result: Any) -> Any:
    return np.ravel(np.array(result))


def _finite(result: Any) -> Any:
    flat = _flat(result)
    if not np.isfinite(flat).all():
        place = int(np.flatnonzero(~np.isfinite(flat))[0])
        raise SparsityError(
            f"detect: output {place} is {flat[place]} before any input is touched; give a point x, and points=1 if the "
            f"function is not defined around it, where every output is a finite number"
        )
    return flat


def _refined(reaction: Reaction, count: int) -> Nonzeros:
    """The places, from one block of all inputs down to single ones."""
    reacts = reaction(np.ones(count, bool))
    outputs = len(reacts)
    rows = np.flatnonzero(reacts) if count else np.zeros(0, np.intp)
    blocks = np.zeros(len(rows), np.intp)
    edges = np.array([0, count])
    while np.diff(edges).max(initial=0) > 1:
        colours, needed = colour_columns(_places(rows, blocks, outputs, len(edges) - 1), "natural")
        middle = (edges[:-1] + edges[1:] + 1) // 2
        parts = np.ravel(np.stack([edges[:-1], middle], axis=1))
        owner = np.searchsorted(parts, np.arange(count), "right") - 1  # which half each input is in; empty ones never
        half = owner % 2
        seen = np.zeros((needed, 2, outputs), bool)
        for colour in range(needed):
            for side in (0, 1):
                touched = (colours[owner // 2] == colour) & (half == side)
                if touched.any():
                    seen[colour, side] = reaction(touched)
        hits = np.stack([seen[colours[blocks], side, rows] for side in (0, 1)], axis=1)
        place, chosen = np.nonzero(hits)
        rows, blocks = rows[place], 2 * blocks[place] + chosen
        edges = np.append(parts, count)
        kept = np.diff(edges) > 0
        blocks = (np.cumsum(kept) - 1)[blocks]
        edges = np.append(edges[:-1][kept], count)
    return _places(rows, blocks, outputs, count)


def _places(rows: Any, columns: Any, height: int, width: int) -> Nonzeros:
    """Places from positions that are each named once."""
    order = np.lexsort((columns, rows))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=height))])
    return Nonzeros((height, width), indptr.astype(np.int64), columns[order].astype(np.int64))
