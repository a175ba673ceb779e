"""What to multiply out after two terms have met, decided from labels and sizes alone: never store more than before.

* A summed label is contracted when the result holds no more numbers than the factors it replaces; otherwise the
  factors stay apart, so that a low-rank map stays low-rank.
* Factors with the same labels become one; a factor whose labels are only part of another's stays beside it, because
  the larger one is, as a rule, an array that exists anyway (a parameter, the data).
* The sandwich A'DA, the same array on both sides of a diagonal, is left alone: it costs nothing to hand over, it is
  symmetric, and whoever needs its entries gets them with half the multiplications.
* Numbers (factors without labels, and labels that nothing carries: a factor n) become one number.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from chainrule.linear.contract import plan_contraction
from chainrule.linear.recipe import Recipe
from chainrule.linear.substitute import Joint
from chainrule.linear.term import Axis, Factor, Pattern, pattern

__all__ = ["Product", "multiplied", "simplified", "slotted"]


class Product(NamedTuple):
    """A factor to be: the registers that are multiplied, with their labels, and the labels that stay."""

    operands: tuple[tuple[int, tuple[int, ...]], ...]
    labels: frozenset[int]
    opaque: bool = False

    @property
    def single(self) -> int:
        """The register, if this is one array as it stands; -1 otherwise."""
        unchanged = len(self.operands) == 1 and len(self.operands[0][1]) == len(self.labels)
        return self.operands[0][0] if unchanged else -1


def _numbers(products: Sequence[Product], sizes: Sequence[int]) -> int:
    """The numbers that products hold; an array used twice is counted once."""
    kept: dict[object, int] = {}
    for place, product in enumerate(products):
        kept[product.single if product.single >= 0 else (place,)] = prod([sizes[label] for label in product.labels])
    return sum(kept.values())


def _joined(products: Sequence[Product], labels: frozenset[int]) -> Product:
    return Product(tuple([operand for product in products for operand in product.operands]), labels)


def _sandwich(touched: Sequence[Product], outer: set[int]) -> bool:
    """Whether ``touched`` is A'DA: one array twice, with different outer labels, and diagonals between."""
    ends = [
        (a, b)
        for k, a in enumerate(touched)
        for b in touched[:k]
        if a.single == b.single >= 0 and a.labels != b.labels and not a.opaque
    ]
    if len(ends) != 1 or len(touched) < 3:
        return False
    (first, second), pairs = ends[0], zip(ends[0][0].operands[0][1], ends[0][1].operands[0][1], strict=True)
    shared = first.labels & second.labels
    between = [product for product in touched if product is not first and product is not second]
    in_place = all([a == b or (a not in shared and b not in shared) for a, b in pairs])
    free = (first.labels | second.labels) - shared
    return in_place and free <= outer and all([product.labels <= shared for product in between])


def multiplied(products: list[Product], outer: set[int], sizes: Sequence[int]) -> list[Product]:
    """The products after every contraction that saves storage, best first."""
    # diagonals that will meet a larger factor are multiplied with each other first
    for labels in {product.labels for product in products}:
        same = [product for product in products if product.labels == labels and not product.opaque]
        if len(same) > 1 and any([labels < product.labels for product in products]):
            products = [product for product in products if product not in same] + [_joined(same, labels)]
    while True:
        best, choice = 1, None
        inner = sorted({label for product in products for label in product.labels} - outer)
        clusters = [[product for product in products if label in product.labels] for label in inner]
        clusters += [_component(products, label, outer) for label in inner]
        for touched in clusters:
            if any([product.opaque for product in touched]):
                continue
            others = [product for product in products if not any([product is t for t in touched])]
            union = frozenset().union(*[product.labels for product in touched])
            needed = outer.union(*[product.labels for product in others])
            if len(union & needed) == len(union) or _sandwich(touched, outer):
                continue
            after = [*others, _joined(touched, union & needed)]
            gain = _numbers(after[-1:], sizes) - _numbers(touched, sizes)
            if gain < best:
                best, choice = gain, after
        if choice is None:
            break
        products = choice
    for labels in {product.labels for product in products}:
        same = [product for product in products if product.labels == labels and not product.opaque]
        if len(same) > 1 and labels:
            products = [product for product in products if product not in same] + [_joined(same, labels)]
    return products


def _component(products: Sequence[Product], label: int, outer: set[int]) -> list[Product]:
    """All products that summed labels connect with ``label``."""
    labels, found = {label}, list[Product]()
    grown = True
    while grown:
        found = [product for product in products if product.labels & labels]
        more = set().union(*[product.labels for product in found]) - outer
        grown = not more <= labels
        labels |= more
    return found


def _evaluated(product: Product, order: dict[int, int], sizes: Sequence[int], recipe: Recipe) -> tuple[int, Factor]:
    """The register and the labels of a product that was decided upon."""
    if product.single >= 0:
        return product.single, Factor(product.operands[0][1], product.opaque)
    output = tuple(sorted(product.labels, key=order.__getitem__))
    names = {label: k for k, label in enumerate(dict.fromkeys(label for _, ls in product.operands for label in ls))}
    factors = tuple([Factor(tuple([names[label] for label in labels])) for _, labels in product.operands])
    key = (factors, tuple([names[label] for label in output]), tuple([sizes[label] for label in names]))
    return recipe.add(key, plan_contraction(*key), [register for register, _ in product.operands]), Factor(output)


def _scale(numbers: Sequence[int], count: int, recipe: Recipe) -> list[int]:
    """One register for the product of numbers; none for a bare 1."""
    if count != 1:
        numbers = [*numbers, recipe.constant(float(count))]
    if not numbers:
        return []
    total = numbers[0]
    for number in numbers[1:]:
        total = recipe.add("times", lambda a, b: a * b, [total, number])
    return [total]


def simplified(joint: Joint) -> tuple[Pattern, list[int], list[int]]:
    """The term of a solved joint: its pattern, and the registers of its factors and of its tables."""
    sizes, recipe = joint.sizes, joint.recipe
    appearance = [label for axis in joint.row + joint.column for label in axis.labels]
    outer = set(appearance)
    carried = outer.union(*[held.labels for held in joint.factors])
    count = prod([sizes[label] for label in joint.alive - carried])
    products = [Product(((held.register, held.labels),), frozenset(held.labels), held.opaque) for held in joint.factors]
    products = multiplied(products, outer, sizes)
    appearance += [label for product in products for label in sorted(product.labels)]
    order = {label: k for k, label in enumerate(dict.fromkeys(appearance))}
    done = [_evaluated(product, order, sizes, recipe) for product in products]
    numbers = _scale([register for register, factor in done if not factor.labels], count, recipe)
    fresh = {register for (register, _), product in zip(done, products, strict=True) if product.single < 0}
    done = [entry for entry in done if entry[1].labels]
    new = [k for k, (register, _) in enumerate(done) if register in fresh]
    if numbers and new:  # the number joins an array that is new anyway
        place = min(new, key=lambda k: prod([sizes[label] for label in done[k][1].labels]))
        register, factor = done[place]
        done[place] = recipe.add("times", lambda a, b: a * b, [register, *numbers]), factor
        numbers = []
    done.sort(key=lambda entry: [order[label] for label in entry[1].labels])
    registers = numbers + [register for register, _ in done]
    factors = [Factor(())] * len(numbers) + [factor for _, factor in done]
    row, column, tables = slotted(joint)
    made, _ = pattern(sizes, row, column, factors, [labels for _, labels in tables])
    return made, registers, [register for register, _ in tables]


def slotted(joint: Joint) -> tuple[list[Axis], list[Axis], list[tuple[int, tuple[int, ...]]]]:
    """The axes of a joint with its tables numbered, and for each the register that holds it and its labels."""
    slots: dict[tuple[int, tuple[int, ...]], int] = {}

    def placed(axis: Axis) -> Axis:
        if axis.table < 0:
            return axis
        return axis._replace(table=slots.setdefault((axis.table, axis.labels), len(slots)))

    row, column = ([placed(axis) for axis in axes] for axes in (joint.row, joint.column))
    return row, column, list(slots)
