"""External functions: a black box with products for a derivative, whose entries are found where it says they can be."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Hashable, Sequence
from math import prod
from typing import Any

import numpy as np

from chainrule.errors import RuleError, ShapeError, SparsityError
from chainrule.linear.nonzeros import Nonzeros, band, nonzeros
from chainrule.linear.probe import ProbedWarning, multiply, opaque_entries
from chainrule.linear.term import Axis, Factor, Opaque, Pattern, Term, pattern
from chainrule.op import Call, Constant, Operation, Rule, Undefined, cached_by_call
from chainrule.op import define as define_operation
from chainrule.ops.options import is_tracked

__all__ = ["Layout", "external", "layout"]

_NAMED = {"lower": (None, 0), "upper": (0, None), "diagonal": (0, 0)}
_UNTOLD = 16  # products with a box without a sparsity up to which nobody is warned


def external(
    function: Callable[..., Any],
    *,
    jvp: Any = None,
    vjp: Any = None,
    sparsity: Any = None,
    batched: bool = False,
    linear: bool = False,
    differentiable: bool = False,
    name: str | None = None,
) -> Operation:
    """Make a function that chainrule cannot look into differentiable: a compiled routine, a solver, another library.

    Gradients and products use ``jvp`` and ``vjp``; either is enough. A Jacobian that contains the function stays
    structured around it, and its entries (`.sparse()`, `.dense()`) are found by few products, where ``sparsity`` says
    that they can be; one product more shows whether it is right.

    Args:
        function: takes arrays and returns one array of real numbers.
        jvp: ``jvp(*arguments, tangent)`` is J·tangent, of the shape of the result. With several arguments, a sequence:
            one function for each argument, None where nothing flows.
        vjp: ``vjp(*arguments, cotangent)`` is Jᵀ·cotangent, of the shape of the argument. The same for several.
        sparsity: where the Jacobian can be non-zero, outputs and inputs counted flat: ``"diagonal"``, ``"lower"``,
            ``"upper"``, ``("banded", below, above)``, a SciPy sparse array, an array of truth values, index arrays
            ``(rows, columns)``; ``"bi, bj"``: blocks, one for each position along the axes that both sides share;
            ``("bi, bj", …)``: such blocks, each with a sparsity; or a function of the two shapes (of result and
            argument) that returns one of these. For several arguments a list, one for each. None: anywhere.
        batched: ``jvp`` and ``vjp`` take many tangents at once, along a leading axis; with ``linear``, so does the
            function itself.
        linear: the function is linear in its only argument: ``jvp`` is the function itself, ``vjp(cotangent)`` takes
            nothing else, and there are derivatives of any order.
        differentiable: ``jvp`` and ``vjp`` are themselves written with NumPy functions, so that they can be
            differentiated. Otherwise a second derivative is refused.
        name: what to call it.

    Raises:
        RuleError: neither ``jvp`` nor ``vjp`` is given, or not as many as there are arguments.
        SparsityError: later, when entries are needed: the sparsity is wrong or does not fit.
        NoDerivativeError: later, when a second derivative is asked for.

    >>> import chainrule as cr
    >>> def diffuse(x):  # imagine a compiled routine
    ...     padded = np.pad(np.asarray(x) ** 2, 1)
    ...     return padded[2:] - 2 * padded[1:-1] + padded[:-2]
    >>> def push(x, t):
    ...     padded = np.pad(2 * x * t, 1)
    ...     return padded[2:] - 2 * padded[1:-1] + padded[:-2]
    >>> step = cr.external(diffuse, jvp=push, sparsity=("banded", 1, 1))
    >>> J = cr.jacobian(lambda x: 0.1 * step(np.sin(x)))(np.ones(1000))
    >>> J.sparse().nnz
    2998
    """
    label = name or getattr(function, "__name__", None) or "external"
    names = _arguments(function, label)
    several = len(names) > 1
    if linear and (several or jvp is not None):
        raise RuleError(f"{label}: a linear function has one argument and is its own jvp; give vjp only")
    options = [list(part) if several and isinstance(part, list | tuple) else [part] * len(names) for part in (jvp, vjp)]
    options.append(list(sparsity) if several and isinstance(sparsity, list) else [sparsity] * len(names))
    for given, part, kind in zip((jvp, vjp, sparsity), options, ("jvp", "vjp", "sparsity"), strict=True):
        if len(part) != len(names) or (several and callable(given) and kind != "sparsity"):
            raise RuleError(
                f"{label}: {len(names)} arguments ({', '.join(names)}) need a sequence of as many {kind}, with None "
                f"where nothing flows"
            )
    if not linear and all([one is None and other is None for one, other in zip(*options[:2], strict=True)]):
        raise RuleError(f"{label}: nothing is known of its derivative; give jvp=… or vjp=…, or both")

    def forward(*arguments: Any) -> Any:
        return np.asarray(function(*arguments))

    rules = [
        _Rule(label, forward if linear else push, pull, places, batched, 0 if linear else len(names), differentiable)
        if linear or push is not None or pull is not None
        else Constant()
        for push, pull, places in zip(*options, strict=True)
    ]
    label = label if label.isidentifier() else "external"
    return define_operation(label, forward, *rules, arguments=names, listed=False)


def _arguments(function: Callable[..., Any], label: str) -> list[str]:
    """The names of the arguments that have no default: those the function is called with."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    named = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty]
    if not named or any([p.kind == p.VAR_POSITIONAL for p in parameters]):
        raise RuleError(
            f"{label}: the arguments of this function have no names, so their number is not known; give a function "
            f"such as lambda x: {label}(x)"
        )
    return [p.name for p in named]


# ------------------------------------------------------------------------------------------------------------- layout
class Layout:
    """How the axes of result and argument are the (batch…, output, input) of one opaque factor.

    Attributes:
        pattern: the term's structure, one opaque factor in it.
        tables: its index tables.
        batch: sizes of the axes that result and argument share.
        places: where entries of each block can be; None for anywhere.
    """

    def __init__(
        self,
        row: Sequence[Hashable],
        column: Sequence[Hashable],
        shapes: tuple[tuple[int, ...], tuple[int, ...]],
        inner: Any,
    ) -> None:
        sizes = dict(zip([*row, *column], shapes[0] + shapes[1], strict=True))
        shared = [letter for letter in row if letter in column]
        self.shapes = shapes
        self.own = [[letter for letter in side if letter not in shared] for side in (row, column)]
        self.batch = tuple([sizes[letter] for letter in shared])
        self.flat = [prod([sizes[letter] for letter in own]) for own in self.own]
        self.orders = [
            [(shared + own).index(letter) for letter in side] for side, own in zip((row, column), self.own, strict=True)
        ]
        self.split = [tuple([sizes[letter] for letter in own]) for own in self.own]
        self.places = None if inner is None else _places(inner, self.flat[0], self.flat[1])
        self.pattern, self.tables = self._structure(row, column, shared)

    def _structure(
        self, row: Sequence[Hashable], column: Sequence[Hashable], shared: list[Hashable]
    ) -> tuple[Pattern, tuple[Any, ...]]:
        count = len(shared)
        tables: list[Any] = []
        labels: list[tuple[int, ...]] = []
        sides = []
        for place, (side, own) in enumerate(zip((row, column), self.own, strict=True)):
            axes: list[Axis | int] = []
            for letter, size in zip(side, self.shapes[place], strict=True):
                if letter in shared:
                    axes.append(shared.index(letter))
                elif len(own) == 1:
                    axes.append(count + place)
                else:
                    position = np.unravel_index(np.arange(self.flat[place]), self.split[place])[own.index(letter)]
                    axes.append(Axis(size, (count + place,), (), 0, len(tables)))
                    tables.append(position)
                    labels.append((count + place,))
            sides.append(axes)
        factor = Factor((*range(count), count, count + 1), True)
        made, _ = pattern([*self.batch, *self.flat], sides[0], sides[1], [factor], labels)
        return made, tuple(tables)

    def arrays(self, vectors: Any, side: int) -> Any:
        """Vectors (batch…, flat, columns) as (columns, axes of the result (side 0) or of the argument (1))."""
        spread = np.reshape(vectors, (*self.batch, *self.split[side], vectors.shape[-1]))
        return np.transpose(spread, [spread.ndim - 1, *self.orders[side]])

    def vectors(self, arrays: Any, side: int) -> Any:
        """The other way: from (columns, axes of the result or argument) to (batch…, flat, columns)."""
        order = [1 + place for place in np.argsort(self.orders[side])]
        return np.reshape(np.transpose(arrays, [*order, 0]), (*self.batch, self.flat[side], arrays.shape[0]))


def layout(sparsity: Any, result: tuple[int, ...], argument: tuple[int, ...], name: str = "it") -> Layout:
    """The layout that a declared sparsity stands for, at these shapes.

    Raises:
        SparsityError: it cannot be read or does not fit.

    >>> layout("bi, bj", (4, 2), (4, 3)).batch
    (4,)
    >>> layout(("banded", 1, 0), (5,), (5,)).places
    <9 of 25 places of a 5 × 5 map>
    """
    if callable(sparsity) and not hasattr(sparsity, "tocoo"):
        sparsity = sparsity(result, argument)
    notation, inner = None, sparsity
    if isinstance(sparsity, str) and "," in sparsity:
        notation, inner = sparsity, "full"
    elif isinstance(sparsity, tuple) and sparsity and isinstance(sparsity[0], str) and "," in sparsity[0]:
        if len(sparsity) != 2:
            raise SparsityError(
                f'{name}: expected ("row labels, column labels", sparsity of a block), got {sparsity!r}'
            )
        notation, inner = sparsity
    try:
        if notation is None:
            axes = range(len(result) + len(argument))  # every axis has a label of its own
            return Layout(axes[: len(result)], axes[len(result) :], (result, argument), inner)
        row, column = (part.strip() for part in notation.split(","))
        for side, shape, what in ((row, result, "result"), (column, argument, "argument")):
            if len(side) != len(shape) or len(set(side)) != len(side):
                raise SparsityError(f"{notation!r} names {len(side)} axes of the {what}, which has shape {shape}")
        sizes = dict(zip(row, result, strict=True))
        for letter, size in zip(column, argument, strict=True):
            if sizes.get(letter, size) != size:
                raise SparsityError(f"in {notation!r} axis {letter!r} is {sizes[letter]} and {size}")
        return Layout(row, column, (result, argument), inner)
    except SparsityError as problem:
        raise SparsityError(f"{name}: {problem}") from None


def _places(sparsity: Any, rows: int, columns: int) -> Nonzeros:
    """The places of a block."""
    if isinstance(sparsity, str) and sparsity == "full":
        return band(rows, columns, rows, columns)
    if isinstance(sparsity, str) and sparsity in _NAMED:
        below, above = _NAMED[sparsity]
        return band(rows, columns, rows if below is None else below, columns if above is None else above)
    if isinstance(sparsity, tuple) and len(sparsity) == 3 and sparsity[0] == "banded":
        return band(rows, columns, int(sparsity[1]), int(sparsity[2]))
    if isinstance(sparsity, str) or (isinstance(sparsity, tuple) and len(sparsity) != 2):
        raise SparsityError(
            f"there is no sparsity {sparsity!r}; expected {', '.join(map(repr, _NAMED))}, ('banded', below, above), "
            f"labels such as 'bi, bj', a sparse array, an array of truth values, or (rows, columns)"
        )
    return nonzeros(sparsity, (rows, columns))


# ---------------------------------------------------------------------------------------------------------- derivative


class _Rule(Rule):
    """The local Jacobian of an external function with respect to one argument: a box in its layout.

    ``count`` says how many arguments the products take before the tangent; a function that is linear in its last
    argument, its own tangent, has one argument more.
    """

    def __init__(
        self, name: str, push: Any, pull: Any, sparsity: Any, batched: bool, count: int, differentiable: bool = False
    ) -> None:
        self.name, self.push, self.pull, self.sparsity = name, push, pull, sparsity
        self.batched, self.differentiable, self.count = batched, differentiable, count
        self.needs = tuple(range(count))
        self.known: dict[Any, Layout] = {}
        self.warned = False
        self.operations: dict[bool, Operation] = {}

    def terms(self, call: Call, position: int, out: Any, arguments: Sequence[Any]) -> Sequence[Term]:
        shapes = call.shape, call.shapes[position]
        found = cached_by_call(self.known, call, position, lambda: layout(self.sparsity, *shapes, self.name))
        dtype = getattr(call, "dtype", np.dtype(float))
        return (Term(found.pattern, (Box(self, found, tuple(arguments[: self.count]), dtype),), found.tables),)

    def product(self, transposed: bool) -> Operation:
        """The product as an operation of the arguments and of the vector, in which it is linear."""
        found = self.operations.get(transposed)
        if found is None:
            functions = (self.pull, self.push) if transposed else (self.push, self.pull)
            forward, other = (_one_by_one(each) for each in functions) if self.batched else functions
            unknown = Undefined(
                f"{self.name}: the second derivative of an external function is not known. Give differentiable=True if "
                f"its jvp and vjp are written with NumPy functions, linear=True if the function is linear"
            )
            rules = [unknown] * self.count + [_Rule(self.name, forward, other, None, False, self.count)]
            names = [f"argument_{k}" for k in range(self.count)] + ["vector"]
            found = define_operation(
                self.name if self.name.isidentifier() else "external",
                lambda *arguments: np.asarray(forward(*arguments)),
                *rules,
                arguments=names,
                listed=False,
            )
            self.operations[transposed] = found
        return found


class Box(Opaque):
    """The derivative of an external function at one point: its products, and its entries by products."""

    by_products = True

    def __init__(self, rule: _Rule, found: Layout, arguments: tuple[Any, ...], dtype: Any) -> None:
        self.rule, self.layout, self.arguments, self.dtype = rule, found, arguments, dtype
        self.shape = (*found.batch, *found.flat)
        # Entries that are themselves to be differentiated are found the plain way: a product for each input.
        self.tracked = any([is_tracked(argument) for argument in arguments])
        self.sparsity = None if self.tracked else found.places
        self.claimed, self.name = self.sparsity is not None, rule.name
        self.method = "columns" if rule.pull is None else "rows" if rule.push is None else "best"

    @property
    def stored(self) -> int:
        """The entries of the arguments, which are kept."""
        return sum([int(np.size(argument)) for argument in self.arguments])

    def apply(self, vectors: Any) -> Any:
        if self.rule.push is None:
            return self._by_entries(vectors, transposed=False)
        return self._by_function(self.rule.push, vectors, 1)

    def apply_transposed(self, vectors: Any) -> Any:
        if self.rule.pull is None:
            return self._by_entries(vectors, transposed=True)
        return self._by_function(self.rule.pull, vectors, 0)

    def _by_function(self, function: Any, vectors: Any, side: int) -> Any:
        """Each of the vectors through the user's function, recorded if they or the arguments are."""
        arrays, shape = self.layout.arrays(vectors, side), self.layout.shapes[1 - side]
        batched = self.rule.batched
        if not self.rule.differentiable and any([is_tracked(value) for value in (vectors, *self.arguments)]):
            function, batched = self.rule.product(transposed=side == 0), False
        count = arrays.shape[0]
        if batched:
            products = self._checked(function(*self.arguments, arrays), 1 - side, count)
        elif count:
            products = np.stack([self._checked(function(*self.arguments, arrays[k]), 1 - side) for k in range(count)])
        else:
            products = np.zeros((0, *shape), self.dtype)
        return self.layout.vectors(products, 1 - side)

    def _checked(self, product: Any, side: int, count: int | None = None) -> Any:
        product = product if is_tracked(product) else np.asarray(product)
        expected = self.layout.shapes[side] if count is None else (count, *self.layout.shapes[side])
        if tuple(product.shape) != expected:
            given = self.layout.shapes[1 - side] if count is None else (count, *self.layout.shapes[1 - side])
            raise ShapeError(
                f"{self.name}: its {'jvp' if side == 0 else 'vjp'} was given an array of shape {given} and returned "
                f"one of shape {tuple(product.shape)}; expected {expected}, the shape of the "
                f"{'result' if side == 0 else 'argument'}"
            )
        return product if is_tracked(product) or product.dtype == self.dtype else product.astype(self.dtype)

    def _by_entries(self, vectors: Any, transposed: bool) -> Any:
        """The products in the direction that was not given."""
        if self.sparsity is None or is_tracked(vectors):
            dense = self.dense()
            return (np.swapaxes(dense, -1, -2) if transposed else dense) @ vectors
        places, entries = opaque_entries(self)
        if transposed:
            places, entries = places.transposed, entries[..., places.transposed.plans["order"]]
        return multiply(places, entries, vectors)

    def dense(self) -> Any:
        """All entries: those at the declared places, or one product for each input or output."""
        if self.sparsity is not None:
            places, entries = opaque_entries(self)
            full = np.zeros(self.shape, self.dtype)
            full[..., places.rows, places.indices] = entries
            return full
        rows, columns = self.shape[-2:]
        forwards = self.method == "columns" or (self.method == "best" and columns <= rows)
        size = columns if forwards else rows
        if size > _UNTOLD and not self.rule.warned:
            self.rule.warned = True
            warnings.warn(
                f"{self.name}: no sparsity is declared, so all {rows} × {columns} entries of its Jacobian are found, "
                f"by {size} products; give sparsity=… if most of them are zero",
                ProbedWarning,
                stacklevel=2,
            )
        known = self.__dict__.get("_dense")
        if known is None:
            known = self.__dict__["_dense"] = self.by_units(forwards)
        return known


def _one_by_one(function: Any) -> Any:
    """A function of many vectors at once as one of a single vector."""
    if function is None:
        return None
    return lambda *arguments: function(*arguments[:-1], np.asarray(arguments[-1])[None])[0]
