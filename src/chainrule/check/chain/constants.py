"""Names a number that turned up as a constant factor: a size, a root of one, a scalar of the computation, a norm."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

__all__ = ["Expression", "Quantity", "named"]

SMALL = (2, 3, 4, 6, 8)
FAMOUS = (
    (math.log(2), "ln 2"),
    (math.log(10), "ln 10"),
    (math.sqrt(2), "√2"),
    (math.pi, "π"),
    (2 * math.pi, "2π"),
    (math.sqrt(2 * math.pi), "√(2π)"),
)


class Quantity(NamedTuple):
    """A number that is at hand: its value, how it is written, and what it is.

    ``kind`` is "size" (a whole number that is the length of an axis), "number" (written in the code) or "value" (one
    that the computation came to, which another point changes).
    """

    value: float
    text: str
    what: str
    kind: str


class Expression(NamedTuple):
    """A number made of quantities: how it is written, what it means, and how far-fetched it is."""

    value: float
    text: str
    what: str
    cost: float
    kind: str


def named(numbers: Sequence[float], quantities: Sequence[Sequence[Quantity]], tolerance: float) -> Expression | None:
    """The simplest expression that gives ``numbers[k]`` of ``quantities[k]``, at every point k; None if there is none.

    >>> batch = [Quantity(7, "len(X)", "the 7 rows of X", "size")]
    >>> named([-2 / 7], [batch], 1e-9).text
    '-2/len(X)'
    >>> named([0.1234567, 0.2], [batch, batch], 1e-9) is None
    True
    """
    best: Expression | None = None
    for candidates in zip(
        *[_expressions(known, abs(number)) for number, known in zip(numbers, quantities, strict=True)], strict=False
    ):
        fits = all(
            abs(found.value - abs(number)) <= tolerance * abs(number)
            for found, number in zip(candidates, numbers, strict=True)
        )
        if fits and (best is None or candidates[0].cost < best.cost):
            best = candidates[0]
    if best is None:
        return None
    if all(number < 0 for number in numbers):
        return best._replace(value=-best.value, text=f"-{best.text}", cost=best.cost + 0.2)
    return best if all(number > 0 for number in numbers) else None


def _expressions(known: Sequence[Quantity], wanted: float) -> Iterator[Expression]:
    """Positive numbers in a fixed order, one for each way of making one; ``wanted`` only serves to read decimals."""
    for small in SMALL:
        yield Expression(small, f"{small}", "", 0.1, "small")
        yield Expression(1 / small, f"1/{small}", "", 0.1, "small")
    yield from (Expression(a / b, f"{a}/{b}", "", 0.4, "small") for a, b in ((3, 2), (2, 3), (3, 4), (4, 3)))
    sizes = [quantity for quantity in known if quantity.kind == "size"]
    for quantity in known:
        yield from _powers(quantity)
    for quantity in sizes:
        yield from _of_size(quantity)
    for place, one in enumerate(sizes):
        for other in sizes[place + 1 :]:
            yield from _of_two(one, other)
    for value, text in FAMOUS:
        yield Expression(value, text, "", 0.3, "famous")
        yield Expression(1 / value, f"1/{text}", "", 0.3, "famous")
    near = float(f"{wanted:.2g}")
    yield Expression(near, f"{near:.6g}", "", 0.8, "decimal")


def _powers(quantity: Quantity) -> Iterator[Expression]:
    value, text, what, kind = quantity
    value, base = abs(value), {"size": 0.2, "number": 0.3, "value": 0.5}[kind]
    inverse = 1 / value if value else math.inf
    yield Expression(value, text, what, base, kind)
    yield Expression(inverse, f"1/{text}", what, base, kind)
    for number in (2, 4):
        yield Expression(number * value, f"{number}*{text}", what, base + 0.2, kind)
        yield Expression(value / number, f"{text}/{number}", what, base + 0.2, kind)
        yield Expression(number * inverse, f"{number}/{text}", what, base + 0.2, kind)
        yield Expression(inverse / number, f"1/({number}*{text})", what, base + 0.2, kind)
    if kind != "size":
        yield Expression(value**2, f"{text}**2", what, base + 0.2, kind)
        yield Expression(inverse**2, f"1/{text}**2", what, base + 0.2, kind)
    if kind != "number":
        yield Expression(math.sqrt(value), f"sqrt({text})", what, base + 0.2, kind)
        yield Expression(math.sqrt(inverse), f"1/sqrt({text})", what, base + 0.2, kind)


def _of_size(quantity: Quantity) -> Iterator[Expression]:
    n, text, what, kind = quantity
    less = f"({text} - 1)"
    yield Expression(n - 1, less, what, 0.4, kind)
    yield Expression(1 / (n - 1) if n > 1 else math.inf, f"1/{less}", what, 0.4, kind)
    yield Expression((n - 1) / n, f"{less}/{text}", what, 0.4, kind)
    yield Expression(n / (n - 1) if n > 1 else math.inf, f"{text}/{less}", what, 0.4, kind)


def _of_two(one: Quantity, other: Quantity) -> Iterator[Expression]:
    a, b, what = one.value, other.value, " and ".join(filter(None, (one.what, other.what)))
    product = f"({one.text} * {other.text})"
    yield Expression(a * b, product, what, 0.5, "size")
    yield Expression(1 / (a * b), f"1/{product}", what, 0.5, "size")
    yield Expression(a / b, f"{one.text}/{other.text}", what, 0.5, "size")
    yield Expression(b / a, f"{other.text}/{one.text}", what, 0.5, "size")
    yield Expression(2 * a * b, f"2*{product}", what, 0.6, "size")
    yield Expression(2 / (a * b), f"2/{product}", what, 0.6, "size")
