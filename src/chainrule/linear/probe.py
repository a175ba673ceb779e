"""The entries of maps that can only be applied: found by few products, and put in the place of the map."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from chainrule.errors import SparsityError
from chainrule.linear.compress import compress
from chainrule.linear.nonzeros import Nonzeros
from chainrule.linear.recipe import Recipe, Selected
from chainrule.linear.simplify import slotted
from chainrule.linear.substitute import Held, Joint
from chainrule.linear.term import Factor, Opaque, Pattern, Term, pattern

__all__ = [
    "ProbedWarning",
    "explicit",
    "has_places",
    "held_to_account",
    "multiply",
    "opaque_entries",
    "products_note",
    "verify",
]

_SHOWN = 3  # positions named in a message
_HALF = 2  # a map whose rows are filled to one part in this many is written out as a dense array, if it has one


class ProbedWarning(UserWarning):
    """Entries are found by products with a black box, one for each of its inputs or outputs: say where they can be.

    Given once for each operation. ``sparsity=`` of :func:`~chainrule.ops.external.external` is the way out;
    ``warnings.simplefilter("ignore", chainrule.ProbedWarning)`` accepts it.
    """


def opaque_entries(opaque: Opaque) -> tuple[Nonzeros, Any]:
    """Where the entries of an opaque map with a sparsity are, and the entries, of shape (batch…, places).

    They are found once and kept with the map. Blocks (batches) share their products.

    Raises:
        SparsityError: the sparsity is claimed, and a random product shows that the map has entries elsewhere.
    """
    places: Nonzeros = opaque.sparsity
    known = opaque.__dict__.get("_entries")
    if known is None:
        known = opaque.__dict__["_entries"] = _found(opaque, places)
    return places, known


def _found(opaque: Opaque, places: Nonzeros) -> Any:
    *batch, _, columns = opaque.shape
    if not opaque.by_products and places.widest * _HALF > columns:
        return opaque.dense()[..., places.rows, places.indices]

    def product(method: Any) -> Any:
        def multiply(vectors: Any) -> Any:
            given = np.broadcast_to(vectors.T, (*batch, *vectors.T.shape))
            return np.swapaxes(method(given), -1, -2)

        return multiply

    compression = compress(places, opaque.method)
    if isinstance(opaque, Selected) and compression.count > compress(opaque.base.sparsity, opaque.method).count:
        return opaque_entries(opaque.base)[1][..., places.plans["origin"]]
    push, pull = product(opaque.apply), product(opaque.apply_transposed)
    entries = compression.entries(push, pull, opaque.dtype, batch=tuple(batch))
    if opaque.claimed:
        transposed = opaque.method == "rows"
        method = opaque.apply_transposed if transposed else opaque.apply
        held_to_account(places, entries, lambda vector: method(vector[..., None])[..., 0], opaque.name, transposed)
    return entries


def held_to_account(
    places: Nonzeros, entries: Any, product: Callable[[Any], Any], name: str, transposed: bool = False
) -> None:
    """One more product, of a random vector that is another in every block: blocks may be claimed wrongly, too.

    Args:
        places: where the entries are.
        entries: their values, (batch…, places).
        product: multiplies a vector, (batch…, columns), by the map: (batch…, rows).
        name: what to call the map.
        transposed: ``product`` multiplies by the transposed map.

    Raises:
        SparsityError: the product is not that of the entries, see `verify`.
    """
    if transposed:
        places = places.transposed
        entries = entries[..., places.plans["order"]]
    shape = (*entries.shape[:-1], places.shape[1])
    random = np.random.default_rng(places.shape[1])
    vector = random.uniform(0.5, 1.5, shape) * random.choice([-1.0, 1.0], shape)
    vector = vector.astype(entries.dtype)
    verify(places, entries, vector, product(vector), name)


def multiply(places: Nonzeros, entries: Any, vectors: Any) -> Any:
    """The product of a map that is given by its entries, (batch…, places), with ``vectors``, (batch…, input, columns).

    >>> from chainrule.linear.nonzeros import band
    >>> multiply(band(2, 2, 1, 0), np.array([1.0, 2.0, 3.0]), np.array([[10.0], [1.0]]))
    array([[10.],
           [23.]])
    """
    filled = np.flatnonzero(np.diff(places.indptr))
    result = np.zeros((*vectors.shape[:-2], places.shape[0], vectors.shape[-1]), np.result_type(entries, vectors))
    if len(filled):
        parts = entries[..., None] * vectors[..., places.indices, :]
        result[..., filled, :] = np.add.reduceat(parts, places.indptr[filled], axis=-2)
    return result


def verify(places: Nonzeros, entries: Any, vector: Any, product: Any, name: str) -> None:
    """Hold entries against one more product of the map; entries outside the declared places make the two differ.

    Args:
        places: where the entries are.
        entries: their values, (batch…, places).
        vector: a random vector, (batch…, columns).
        product: the map times that vector, (batch…, rows).
        name: what to call the map.

    Raises:
        SparsityError: they differ by more than rounding.

    >>> from chainrule.linear.nonzeros import band
    >>> verify(band(2, 2, 0, 0), np.array([1.0, 3.0]), np.array([1.0, 10.0]), np.array([1.0, 30.0]), "it")
    """
    expected = multiply(places, entries, vector[..., None])[..., 0]
    scale = multiply(places, np.abs(entries), np.abs(vector)[..., None])[..., 0]
    # Products that are themselves approximate (differences) lose half of the digits.
    kind = np.result_type(product, np.float16)  # products may be whole numbers, which have no eps
    rounding = max(1e-6, 16 * float(np.finfo(kind).eps) ** (2 / 3))
    with np.errstate(invalid="ignore"):
        allowed = rounding * scale + rounding / 100 * np.maximum(np.abs(product), scale).max(initial=0.0)
        wrong = ~(np.abs(product - expected) <= allowed) & np.isfinite(product) & np.isfinite(scale)
    if wrong.any():
        outputs = np.flatnonzero(wrong.reshape(-1, places.shape[0]).any(axis=0))
        shown = ", ".join(map(str, outputs[:_SHOWN])) + (", …" if len(outputs) > _SHOWN else "")
        raise SparsityError(
            f"the sparsity given for {name} leaves out entries: {places!r}, but a product with a random vector differs "
            f"from the sum of the entries there in {len(outputs)} of {places.shape[0]} outputs ({shown}, counted flat)"
            f". Declare every place where the derivative can be non-zero (too many are allowed), or leave the sparsity "
            f"out. If the places are right, the products (jvp, vjp) do not belong to one linear map"
        )


# -------------------------------------------------------------------------------------------------------------- terms
def has_places(term: Term, boxes: bool = False) -> bool:
    """Whether a factor is opaque (with ``boxes``: a black box) and says where its entries are."""
    hidden = term.pattern.plans.get("hidden")
    if hidden is None:
        hidden = term.pattern.plans["hidden"] = tuple([k for k, f in enumerate(term.pattern.factors) if f.opaque])
    if not hidden:
        return False
    maps = [term.factors[k] for k in hidden]
    return any([opaque.sparsity is not None and (opaque.by_products or not boxes) for opaque in maps])


def _opaque(term: Term) -> list[tuple[Factor, Any]]:
    return [(f, g) for f, g in zip(term.pattern.factors, term.factors, strict=True) if f.opaque]


def explicit(terms: Sequence[Term], numbers: bool = True, boxes: bool = False) -> list[Term]:
    """The same sum of terms, opaque maps that say where their entries are replaced by these entries.

    A new label runs over the places; the labels of the output and of the input become tables of it. A map without a
    sparsity stays, and so does one that is multiplied by an array on its way: contracting applies it, which is cheaper.

    Args:
        terms: the terms.
        numbers: False if only the structure matters: no product is made, the entries are zeros.
        boxes: replace maps only that have no other way to their entries than products.

    >>> from chainrule.linear.nonzeros import band
    >>> class Double(Opaque):
    ...     shape, dtype, sparsity = (4, 4), np.dtype(float), band(4, 4, 0, 0)
    ...
    ...     def apply(self, vectors):
    ...         return 2 * vectors
    >>> p, _ = pattern([4, 4], [0], [1], [Factor((0, 1), True)])
    >>> explicit([Term(p, (Double(),))])
    [Term(pattern=Pattern((0) <- (0); factors (0,); sizes (4,)), factors=(array([2., 2., 2., 2.]),), tables=())]
    """
    return [_explicit(term, numbers) if has_places(term, boxes) else term for term in terms]


def _explicit(term: Term, numbers: bool) -> Term:
    found = term
    while True:
        chosen = _listable(found.pattern, found.factors)
        if not chosen:
            break
        found = _listed(found, chosen[-1], numbers)
    numbers_in_blocks = any([prod(g.shape[-2:]) == 1 for _, g in _opaque(term)])
    return found if numbers_in_blocks or found.pattern.entries < term.pattern.entries else term


def _listable(p: Pattern, factors: Sequence[Any]) -> list[int]:
    """The opaque factors to replace: what is summed over them must not fill the result beyond their places."""
    outer = set(p.outer)
    batch = {k for a in p.row for k in a.labels} & {k for a in p.column for k in a.labels}
    chosen = [
        k
        for k, (labels, opaque) in enumerate(p.factors)
        if opaque
        and len(set(labels)) == len(labels)
        and outer.issuperset(labels[:-2])
        and factors[k].sparsity is not None
    ]

    def stays_sparse(k: int) -> bool:
        for label in p.factors[k].labels[-2:]:
            if label in outer or p.sizes[label] == 1:
                continue
            others = [m for m, factor in enumerate(p.factors) if m != k and label in factor.labels]
            spread = [m for m in others if m not in chosen and not set(p.factors[m].labels) <= batch | {label}]
            if spread or not any([m in chosen for m in others]):
                return False
        return True

    while True:
        kept = [k for k in chosen if stays_sparse(k)]
        if len(kept) == len(chosen):
            return [k for k in kept if any([m in outer or p.sizes[m] == 1 for m in p.factors[k].labels[-2:]])]
        chosen = kept


def _listed(term: Term, place: int, numbers: bool) -> Term:
    """One opaque factor replaced by its entries: label e for output o and input i, which are tables of e."""
    p, opaque = term.pattern, term.factors[place]
    if numbers:
        places, values = opaque_entries(opaque)
    else:
        places = opaque.sparsity
        values = np.zeros((*opaque.shape[:-2], len(places)), opaque.dtype)
    inputs = [*term.factors, *term.tables, values, places.rows, places.indices]
    first = len(term.factors)
    recipe = Recipe(
        len(inputs), [None] * first + [np.asarray(table) for table in inputs[first:-3]] + [None, *inputs[-2:]]
    )
    slots = range(first, first + len(term.tables))
    row, column = ([axis.renamed(range(len(p.sizes)), slots) for axis in axes] for axes in (p.row, p.column))
    *batch, output, argument = p.factors[place].labels
    held = [Held(k, factor.labels, factor.opaque) for k, factor in enumerate(p.factors) if k != place]
    joint = Joint(p.sizes, row, column, [], held, recipe)
    listed = joint.new_label(len(places))
    joint.factors.append(Held(len(inputs) - 3, (*batch, listed)))
    joint.substitute(
        {
            label: joint.simplest(p.sizes[label], len(inputs) - back, (listed,))
            for label, back in ((output, 2), (argument, 1))
        }
    )
    return _finished(joint, inputs)


def _finished(joint: Joint, inputs: Sequence[Any]) -> Term:
    """The term of a joint without equations, its recipe run."""
    row, column, slots = slotted(joint)
    factors = [Factor(held.labels, held.opaque) for held in joint.factors]
    made, _ = pattern(joint.sizes, row, column, factors, [labels for _, labels in slots])
    arrays, tables = [held.register for held in joint.factors], [register for register, _ in slots]
    recipe, names = joint.recipe.compiled(len(inputs), [*arrays, *tables])
    registers = recipe.run(inputs)
    return Term(made, tuple([registers[names[k]] for k in arrays]), tuple([registers[names[k]] for k in tables]))


def products_note(term: Term) -> str:
    """What it takes to know the entries of a term with opaque factors, in words; "" if none is a black box.

    >>> products_note(Term(pattern([3], [0], [0])[0]))
    ''
    """
    boxes = [g for _, g in _opaque(term) if g.by_products]
    if not boxes:
        return ""
    p = term.pattern
    counts = [min(g.shape[-2:]) if g.sparsity is None else compress(g.sparsity, g.method).count for g in boxes]
    shared = {k for a in p.row for k in a.labels} & {k for a in p.column for k in a.labels}
    carried = {k for f, _ in _opaque(term) for k in f.labels[-2:]}
    blocks = prod([p.sizes[k] for k in shared - carried])
    count = sum(counts)
    return f"{count} product{'s' * (count != 1)}" + (f" in {blocks} blocks" if blocks > 1 else "")
