"""The entries of a sum of terms as SciPy's sparse arrays; the structure is worked out once and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from operator import is_
from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import TooLargeError
from chainrule.linear import limit
from chainrule.linear._scipy import sparse
from chainrule.linear.blocks import block_size, block_structure
from chainrule.linear.contract import plan_contraction
from chainrule.linear.convert import fills, ordered_values
from chainrule.linear.csr import Structure, structure_of
from chainrule.linear.flat import place_of
from chainrule.linear.functions import frozen
from chainrule.linear.slots import cut
from chainrule.linear.term import Pattern, Term
from chainrule.linear.uncollected import uncollected
from chainrule.linear.unrolled import Sum, Unrolled, unrolled, write_sums

__all__ = ["Plan", "entries", "plan_of", "to_csr"]


class _Write(NamedTuple):
    """How one term's values get into the data: ``views`` are (shape, byte offset, byte strides, part of the values)."""

    term: int
    values: Callable[..., Any]
    views: tuple[tuple[Any, Any, Any, Any], ...]
    index: Any
    shape: tuple[int, ...]
    adds: bool
    repeats: bool
    into: Callable[..., Any] | None  # writes a product of two arrays straight into the view


class _Group(NamedTuple):
    """Terms that are added up before they are written to one view, its narrow axes first and the long one last."""

    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    adds: bool
    members: list[tuple[int, Unrolled]]

    def sum(self, terms: Sequence[Term], data: Any) -> Sum:
        """What is to be written where."""
        members = [(way, way.arrays(terms[k].factors)) for k, way in self.members]
        return Sum(np.ndarray(self.shape, data.dtype, data, self.offset, self.strides), members, self.adds)


class _Writers(NamedTuple):
    """What to write: numbers, into a template; arrays, term by term; narrow products, in bundles."""

    constant: list[_Write]
    varying: list[_Write]
    bundles: list[list[_Group]]


class Plan:
    """The structure of a sparse matrix and how the values of terms of given patterns become its data."""

    def __init__(self, terms: Sequence[Term], row_count: int, column_count: int, in_blocks: bool = False) -> None:
        self.patterns = [term.pattern for term in terms]
        kept = _Kept()
        terms = [
            Term(term.pattern, term.factors, tuple([kept.equal(table) for table in term.tables])) for term in terms
        ]
        self.tables = [table for term in terms for table in term.tables]
        # What does not change from point to point is written first, into a template that is kept.
        self.order = sorted(range(len(terms)), key=lambda k: _rank(terms[k].pattern))
        self.constants = [k for k in self.order if _is_number(terms[k].pattern)]
        memo: dict[Any, Any] = {}
        places = [place_of(terms[k], memo) for k in self.order]
        self.shapes = [place.shape for place in places]
        self.block = block_size(places) if in_blocks else (1, 1)
        self.structure: Structure
        if prod(self.block) > 1:
            self.structure = block_structure(places, row_count, column_count, self.block)
        else:
            self.structure = structure_of(places, row_count, column_count)
        self.size = len(self.structure.indices) * prod(self.block)
        self.writers: dict[Any, _Writers] = {}
        self.templates: dict[Any, tuple[list[Any], list[Any], Any]] = {}
        self.matrices: dict[Any, Any] = {}

    def fits(self, terms: Sequence[Term]) -> bool:
        """Whether this is the plan for these terms: the same patterns, the same positions in the tables."""
        if len(terms) != len(self.patterns):
            return False
        for term, known in zip(terms, self.patterns, strict=True):
            if term.pattern is not known and term.pattern != known:
                return False
        if self.tables:
            tables = [table for term in terms for table in term.tables]
            for table, kept in zip(tables, self.tables, strict=True):
                if table is not kept and not np.array_equal(table, kept):
                    return False
        return True

    def data(self, terms: Sequence[Term], dtype: np.dtype[Any], into: Any = None) -> Any:
        """The data of the matrix, in a new array or ``into`` one that is there."""
        found = self.writers.get(dtype)
        if found is None:
            found = self.writers[dtype] = self._writers(dtype)
        if found.constant:
            template = self._template(found.constant, [terms[k] for k in self.constants], terms, dtype)
            if into is None:
                into = template.copy()
            else:
                into[...] = template
        elif into is None:
            into = (np.zeros if self.structure.needs_zeros else np.empty)(self.size, dtype)
        elif self.structure.needs_zeros:
            into[...] = 0
        for bundle in found.bundles:
            write_sums([group.sum(terms, into) for group in bundle])
        _run(found.varying, terms, into)
        return into

    def _template(self, writes: Any, constants: list[Term], terms: Sequence[Term], dtype: np.dtype[Any]) -> Any:
        """The data with the constant terms in place, kept while their numbers are the same."""
        kept = self.templates.get(dtype)
        if kept is not None and all(map(is_, kept[0], constants)):
            return kept[2]
        numbers = [_value(factor) for term in constants for factor in term.factors]
        if kept is None or kept[1] != numbers:
            template = np.zeros(self.size, dtype)
            _run(writes, terms, template)
        else:
            template = kept[2]
        # A replay hands out the same terms; numbers in arrays could be overwritten, so such terms are not relied upon.
        known = constants if not any([isinstance(f, np.ndarray) for t in constants for f in t.factors]) else [None]
        self.templates[dtype] = (known, numbers, template)
        return template

    def _writers(self, dtype: np.dtype[Any]) -> _Writers:
        size, made = dtype.itemsize, []
        for k, shape, write in zip(self.order, self.shapes, self.structure.writes, strict=True):
            p, views = self.patterns[k], []
            carried = {label for factor in p.factors for label in factor.labels}
            thin = [n if label in carried else 1 for label, n in zip(p.outer, shape, strict=True)]
            for piece in write.pieces:
                strides = tuple([stride * size for stride in piece.strides])
                part = None if piece.part is None or not carried else cut(piece.part, thin)
                views.append((piece.shape, piece.offset * size, strides, part))
            whole = len(views) == 1 and views[0][3] is None and not write.adds
            into = _product(p) if whole else None
            made.append(_Write(k, _values(p), tuple(views), write.index, shape, write.adds, write.repeats, into))
        numbers, narrow = len(self.constants), sum([_rank(p) < 2 for p in self.patterns])
        groups = self._groups(self.order[numbers:narrow], made[numbers:narrow])
        if groups is None:
            return _Writers(made[:numbers], made[numbers:], [])
        return _Writers(made[:numbers], made[narrow:], groups)

    def _groups(self, order: Sequence[int], writes: Sequence[_Write]) -> list[list[_Group]] | None:
        """The writes that are to be unrolled, those to the same places together; None if one of them cannot be."""
        groups: dict[Any, _Group] = {}
        for k, write in zip(order, writes, strict=True):
            way = unrolled(self.patterns[k])
            if way is None or len(write.views) != 1 or write.views[0][3] is not None:
                return None
            shape, offset, strides, _ = write.views[0]
            axes = (*way.narrow, way.long)
            key = (offset, tuple([shape[axis] for axis in axes]), tuple([strides[axis] for axis in axes]))
            groups.setdefault(key, _Group(*key, write.adds, [])).members.append((k, way))
        found = list(groups.values())
        if len({(group.shape[-1], group.strides[-1]) for group in found}) == 1 and _aligned(found):
            return [found]
        return [[group] for group in found]

    def matrix(self, terms: Sequence[Term], shape: tuple[int, int], dtype: np.dtype[Any], kind: str = "csr") -> Any:
        """A new ``csr_array``; or, for the plan of the transposed terms, a ``csc_array``."""
        return self.holding(self.data(terms, dtype), shape, kind)

    def holding(self, data: Any, shape: tuple[int, int], kind: str = "csr") -> Any:
        """A new matrix with ``data``, which becomes its own."""
        template = self.matrices.get(kind)
        if template is None:
            make = sparse.csr_array if kind == "csr" else sparse.csc_array
            template = make(shape, dtype=bool)  # without entries: SciPy need not look through them
            template.has_sorted_indices = self.structure.is_sorted
            template.has_canonical_format = self.structure.is_sorted
            self.matrices[kind] = template
        # The structure is kept for the next call; what is handed out may be changed by its owner.
        result = object.__new__(type(template))  # what copy.copy does, in a fifth of the time
        vars(result).update(vars(template))
        result.indices, result.indptr = self.structure.indices.copy(), self.structure.indptr.copy()
        result.data = data
        return result


class _Kept:
    """Index tables that nobody changes: of several that are equal, the first or a copy of it."""

    def __init__(self) -> None:
        self.known: dict[Any, list[Any]] = {}

    def equal(self, table: Any) -> Any:
        """An array with the numbers of ``table``, the same one for equal tables."""
        table = np.asarray(table)
        ends = (int(table.flat[0]), int(table.flat[-1])) if table.size else ()
        like = self.known.setdefault((table.shape, table.dtype, ends), [])
        for other in like:
            if other is table or np.array_equal(other, table):
                return other
        like.append(table if frozen(table) else table.copy())
        return like[-1]


def _aligned(groups: Sequence[_Group]) -> bool:
    """Whether groups with one long stride touch, at each position along it, a range of places of their own."""
    ends = []
    for group in groups:
        reach = [stride * (size - 1) for stride, size in zip(group.strides[:-1], group.shape[:-1], strict=True)]
        ends += [group.offset + sum([min(0, r) for r in reach]), group.offset + sum([max(0, r) for r in reach])]
    return max(ends) - min(ends) < abs(groups[0].strides[-1])


def _rank(p: Pattern) -> int:
    """0 for a term that is one number, 1 for a narrow product that is to be unrolled, 2 for all others."""
    if _is_number(p):
        return 0
    return 2 if unrolled(p) is None or len(p.outer) < 2 else 1


def _value(factor: Any) -> Any:
    """A number that stays what it is."""
    return factor.copy() if isinstance(factor, np.ndarray) else factor


def _is_number(p: Pattern) -> bool:
    """Whether all entries of a term have one value, known before any array is."""
    return all([not factor.labels and not factor.opaque for factor in p.factors])


def _values(p: Pattern) -> Callable[..., Any]:
    """The function of the factors that gives the values on the grid of the outer labels."""
    key = "values of factors"
    if key not in p.plans:
        if len(p.factors) == 1 and not p.inner and p.factors[0].labels in ((), p.outer) and not p.factors[0].opaque:
            p.plans[key] = np.asarray
        elif sum([len(factor.labels) == 2 for factor in p.factors]) == 2 and p.inner:
            p.plans[key] = lambda *factors: ordered_values(Term(p, factors), p.outer)  # it may be symmetric
        else:
            p.plans[key] = plan_contraction(p.factors, p.outer, p.sizes)
    found: Callable[..., Any] = p.plans[key]
    return found


def _product(p: Pattern) -> Callable[..., Any] | None:
    """The function that multiplies two arrays (and a number) into a view of the grid; None for other terms."""
    arrays = [k for k, factor in enumerate(p.factors) if factor.labels]
    plain = not any([factor.opaque or len(set(factor.labels)) < len(factor.labels) for factor in p.factors])
    if p.inner or len(arrays) != 2 or len(p.factors) > 3 or not plain:
        return None
    layouts = []
    for k in arrays:
        labels = p.factors[k].labels
        order = tuple([labels.index(label) for label in p.outer if label in labels])
        shape = tuple([p.sizes[label] if label in labels else 1 for label in p.outer])
        layouts.append((order, shape))
    (first, second), (left, right) = arrays, layouts
    numbers = [k for k, factor in enumerate(p.factors) if not factor.labels]

    def write(view: Any, *factors: Any) -> None:
        a, b = factors[first].transpose(left[0]), factors[second].transpose(right[0])
        if numbers:
            a, b = (a * factors[numbers[0]], b) if a.size < b.size else (a, b * factors[numbers[0]])
        np.multiply(a.reshape(left[1]), b.reshape(right[1]), out=view)

    return write


def _run(writes: Sequence[_Write], terms: Sequence[Term], data: Any) -> None:
    dtype = data.dtype
    for term, values, views, index, shape, adds, repeats, into in writes:
        if into is not None:
            extent, offset, strides, _ = views[0]
            into(np.ndarray(extent, dtype, data, offset, strides), *terms[term].factors)
            continue
        found = values(*terms[term].factors)
        for extent, offset, strides, part in views:
            view = np.ndarray(extent, dtype, data, offset, strides)
            if adds:
                view += found if part is None else found[part]
            else:
                view[...] = found if part is None else found[part]
        if index is not None:
            flat = found.reshape(-1) if found.shape == shape else np.broadcast_to(found, shape).reshape(-1)
            if repeats:
                np.add.at(data, index, flat)
            elif adds:
                data[index] += flat
            else:
                data[index] = flat


class Turned(Plan):
    """The columns of a matrix whose rows are planned: its data in another order, for terms with index tables."""

    def __init__(self, base: Plan, row_count: int, column_count: int) -> None:
        rows = base.structure
        numbered = np.arange(base.size, dtype=rows.indices.dtype)
        turned = sparse.csr_array((numbered, *rows[:2]), shape=(row_count, column_count)).tocsc()
        self.base, self.order, self.size, self.matrices = base, turned.data, base.size, {}
        self.structure = rows._replace(indices=turned.indices, indptr=turned.indptr, is_sorted=True)

    def fits(self, terms: Sequence[Term]) -> bool:
        return self.base.fits(terms)

    def data(self, terms: Sequence[Term], dtype: np.dtype[Any], into: Any = None) -> Any:
        found = self.base.data(terms, dtype).take(self.order)
        if into is None:
            return found
        into[...] = found
        return into


def _check_size(terms: Sequence[Term], row_count: int, column_count: int) -> None:
    limit.affordable(terms, "sparse()")
    count = sum([term.pattern.entries for term in terms])
    if count > limit.LIMIT and count * 2 > row_count * column_count:
        raise TooLargeError(
            f"sparse() would list {count:,} entries of a map with {row_count:,} rows and {column_count:,} columns: it "
            f"is not sparse. Use operator() for products, solve() and norm() for what its structure gives, or dense()"
        )


def plan_of(
    terms: Sequence[Term], row_count: int, column_count: int, cache: dict[Any, Any] | None = None, key: str = "csr"
) -> Plan:
    """The plan for these terms: that of the last ones of equal structure, if their tables are equal too."""
    if cache is not None:
        found: Plan | None = cache.get(key)
        if found is not None and found.fits(terms):
            return found
    plans = terms[0].pattern.plans
    name = (key, tuple([term.pattern for term in terms]))
    plan: Plan | None = plans.get(name)
    if plan is None or not plan.fits(terms):
        _check_size(terms, row_count, column_count)
        with uncollected():
            if key == "turned":
                plan = Turned(plan_of(terms, row_count, column_count, cache), row_count, column_count)
            else:
                plan = Plan(terms, row_count, column_count, key == "bsr")
        plans[name] = plan
    if cache is not None:
        cache[key] = plan
    return plan


def entries(terms: Sequence[Term], row_count: int, column_count: int, cache: dict[Any, Any] | None = None) -> int:
    """How many different positions the terms name."""
    terms = [term for term in terms if 0 not in term.pattern.sizes]
    if not terms:
        return 0
    counts = [t.pattern.entries if fills(t.pattern) else 0 for t in terms]
    if row_count * column_count in counts:
        return row_count * column_count
    if len(terms) == 1 and counts[0]:
        return counts[0]
    return len(plan_of(terms, row_count, column_count, cache).structure.indices)


def to_csr(
    terms: Sequence[Term],
    row_shape: tuple[int, ...],
    column_shape: tuple[int, ...],
    dtype: Any,
    cache: dict[Any, Any] | None = None,
) -> Any:
    """The sum of ``terms`` as a ``scipy.sparse.csr_array``: rows and columns flattened, duplicates summed.

    Indices are 32-bit where they fit. The columns within a row may be out of order; ``has_sorted_indices`` says so.
    """
    shape = prod(row_shape), prod(column_shape)
    terms = [term for term in terms if 0 not in term.pattern.sizes]
    if not terms:
        return sparse.csr_array(shape, dtype=dtype)
    return plan_of(terms, *shape, cache).matrix(terms, shape, np.dtype(dtype))
