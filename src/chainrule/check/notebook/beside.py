"""Which of the values that are printed side by side are meant as the same gradient.

A gradient and what stands beside it make a pair when the value is right, or when there is evidence that it is meant as
the gradient: a word or sign before it (`<>`, `vs`, `our grad`), or its name (`dW`). Without evidence a value that
differs is only another value: people also print `x`, its gradient and the loss in one line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Item", "Pair", "pairs"]

EVIDENCE = re.compile(
    r"<>|==|!=|≈|≟|\b(vs\.?|versus|ours?|mine|my|manual\w*|hand\w*|analytic\w*|expect\w*|formula|derived|calculated"
    r"|comput\w+|should|compare\w*|py ?torch|torch|auto\w*|numpy|true|correct|theor\w+)\b",
    re.IGNORECASE,
)
SIGN = re.compile(r"<>|==|!=|≈|≟|\b(vs\.?|versus|compare\w*)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Item:
    """A printed value with its source, the words before it, and how many numbers it has."""

    value: Any
    text: str
    literal: str | None
    gradient: bool
    label: str | None
    size: int = 1


@dataclass(frozen=True)
class Pair:
    """A gradient and the value, or the values that together are claimed to be it."""

    gradient: Item
    claims: tuple[Item, ...]
    evidence: bool


@dataclass
class _Group:
    """Items without words between them, all gradients or none."""

    gradient: bool
    items: list[Item] = field(default_factory=list)
    label: str = ""


def pairs(items: Sequence[Item], named: Any) -> Iterator[Pair]:
    """Pair gradients with claims, in the order in which they are printed.

    ``named(text)`` says whether a source looks like a derivative's name.

    >>> def item(text, label=None):
    ...     return Item(0, text, None, text.endswith("grad"), label)
    >>> def show(items):
    ...     return [
    ...         (p.gradient.text, *(c.text for c in p.claims), p.evidence) for p in pairs(items, lambda text: False)
    ...     ]
    >>> show([item("W.grad"), item("B.grad"), item("x", "<>"), item("1")])
    [('W.grad', 'x', True), ('B.grad', '1', True)]
    >>> show([item("loss", "loss:"), item("x.grad", "torch"), item("dx", "ours")])
    [('x.grad', 'dx', True)]
    >>> show([item("X.grad"), item("a", "<>"), item("b")])
    [('X.grad', 'a', 'b', True)]
    """
    groups = _groups(items)
    gradients: _Group | None = None
    before: list[_Group] = []
    answered = False
    for group in groups:
        if group.gradient:
            if gradients is not None and not answered:
                for earlier in before:
                    yield from _match(gradients, earlier, named, first=True)
                before = []
            gradients, answered = group, False
        elif gradients is None:
            before.append(group)
        else:
            yield from _match(gradients, group, named, first=False)
            answered = True
    if gradients is not None and not answered:
        for earlier in before:
            yield from _match(gradients, earlier, named, first=True)


def _groups(items: Sequence[Item]) -> list[_Group]:
    groups: list[_Group] = []
    for item in items:
        if not groups or item.label is not None or groups[-1].gradient != item.gradient:
            groups.append(_Group(item.gradient, label=item.label or ""))
        groups[-1].items.append(item)
    # Gradients that follow each other with names between them, "dW", W.grad, "db", b.grad, each stand for themselves.
    return groups


def _match(gradients: _Group, claims: _Group, named: Any, *, first: bool) -> Iterator[Pair]:
    """Pair two groups item by item, or all claims with the one gradient."""
    evidence = EVIDENCE.search(claims.label) is not None or (first and SIGN.search(gradients.label) is not None)
    if len(gradients.items) == len(claims.items):
        for gradient, claim in zip(gradients.items, claims.items, strict=True):
            yield Pair(gradient, (claim,), evidence or named(claim.text))
    elif len(gradients.items) == 1:
        yield Pair(gradients.items[0], tuple(claims.items), evidence)
    else:
        nearest = gradients.items[0] if first else gradients.items[-1]
        for claim in claims.items:
            yield Pair(nearest, (claim,), named(claim.text))
