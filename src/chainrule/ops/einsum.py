"""einsum, in all its forms: a product of any number of operands, by the rule of every product.

out[o] = Σ Π_k operand_k[l_k]        ∂out[o]/∂operand_k[l_k] = Π_{m≠k} operand_m[l_m]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from chainrule.errors import ShapeError
from chainrule.linear.contract import plan_contraction
from chainrule.linear.term import Factor
from chainrule.op import Sample, define, implements
from chainrule.ops.contract import Contraction, Names, Shapes, label_sizes
from chainrule.ops.options import plain, refuse_out, shape_of
from chainrule.ops.writing import as_python

__all__ = ["einsum", "explicit"]

OPERANDS = 64  # as many as np.einsum takes


@lru_cache(maxsize=4096)
def explicit(subscripts: str, ranks: tuple[int, ...]) -> str:
    """Subscripts with the output written out and letters in place of each ``...``.

    >>> explicit("...j, jk", (3, 2))
    'abj,jk->abk'
    """
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    parts = inputs.split(",")
    if len(parts) != len(ranks):
        raise ShapeError(f"np.einsum: {subscripts!r} names {len(parts)} operands, and {len(ranks)} are given.")
    widths = [
        rank - len(part.replace("...", "")) if "..." in part else 0 for part, rank in zip(parts, ranks, strict=True)
    ]
    width = max(widths)
    spare = [letter for letter in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" if letter not in subscripts]
    batch = "".join(spare[:width])
    for number, (part, rank, own) in enumerate(zip(parts, ranks, widths, strict=True)):
        named = len(part.replace("...", ""))
        if own < 0 or ("..." not in part and named != rank):
            raise ShapeError(
                f"np.einsum: {part!r} names {named} axes, and operand {number} has {rank}. Name every axis, or write "
                "... for those that are not named."
            )
    parts = [part.replace("...", batch[width - own :]) for part, own in zip(parts, widths, strict=True)]
    letters = "".join(parts)
    if not arrow:
        output = batch + "".join(sorted([c for c in set(letters) - set(batch) if letters.count(c) == 1]))
    elif "..." in output:
        output = output.replace("...", batch)
    elif width:
        raise ShapeError(
            f"np.einsum: {subscripts!r} has axes in ... that the output does not name: write ... in the output as "
            "well, and sum over them afterwards."
        )
    for letter in output:
        if letter not in letters or output.count(letter) > 1:
            raise ShapeError(
                f"np.einsum: {subscripts!r}: the output's {letter!r} is "
                f"{'given twice' if letter in letters else 'in no operand'}. Name axes of the operands, each once."
            )
    return f"{','.join(parts)}->{output}"


@lru_cache(maxsize=4096)
def parsed(subscripts: str) -> tuple[tuple[tuple[int, ...], ...], tuple[int, ...]]:
    """The labels of explicit subscripts, as numbers."""
    inputs, _, output = subscripts.partition("->")
    number = {letter: k for k, letter in enumerate(dict.fromkeys(inputs.replace(",", "")))}
    return (
        tuple([tuple([number[letter] for letter in part]) for part in inputs.split(",")]),
        tuple([number[letter] for letter in output]),
    )


def einsum_labels(shapes: Shapes, params: Mapping[str, Any]) -> Names:
    """What the subscripts say."""
    return parsed(params["subscripts"])


@lru_cache(maxsize=4096)
def einsum_plan(subscripts: str, shapes: tuple[tuple[int, ...], ...]) -> Callable[..., Any] | None:
    """The contraction by matrix products in a good order; None where einsum itself has to stretch an axis."""
    operands, output = parsed(subscripts)
    sizes = label_sizes(operands, shapes)
    if any([size != sizes[label] for labels, shape in zip(operands, shapes, strict=True)
            for label, size in zip(labels, shape, strict=True)]):  # fmt: skip
        return None
    return plan_contraction(tuple([Factor(labels) for labels in operands]), output, tuple(sizes))


def einsum_forward(*operands: Any, subscripts: str) -> Any:
    """np.einsum with explicit subscripts; several floating-point operands are multiplied by BLAS."""
    if len(operands) > 1 and all([type(x) is np.ndarray and x.dtype.kind in "fc" for x in operands]):
        plan = einsum_plan(subscripts, tuple([x.shape for x in operands]))
        if plan is not None:
            return plan(*operands)
    return np.einsum(subscripts, *operands, optimize=len(operands) > 2)


def sum_of_products(operands: Sequence[str], subscripts: str, sign: str, entry: str, between: str) -> str:
    """Σ_j a[i,j] b[j,k]: the sum sign over what the output lacks, and each operand with its labels."""
    parts, _, output = subscripts.partition("->")
    summed = "".join([letter for letter in dict.fromkeys(parts.replace(",", "")) if letter not in output])
    told = [
        entry.format(operand, between.join(part)) if part else operand
        for operand, part in zip(operands, parts.split(","), strict=True)
    ]
    return (sign.format(summed) if summed else "") + " ".join(told)


einsum = define(
    "einsum",
    einsum_forward,
    arguments=None,
    variadic=lambda position: Contraction(einsum_labels, [k for k in range(OPERANDS) if k != position]),
    samples=[
        Sample(((2, 3), (3, 4)), {"subscripts": "ij,jk->ik"}),
        Sample(((3, 3),), {"subscripts": "ii->i"}),
        Sample(((3, 3),), {"subscripts": "ii->"}),
        Sample(((2, 3),), {"subscripts": "ij->j"}),
        Sample(((2, 3, 4),), {"subscripts": "ijk->kij"}),
        Sample(((5, 2, 3), (5, 3, 4), (4,)), {"subscripts": "bij,bjk,k->bi"}),
        Sample(((2, 3), (4,)), {"subscripts": "ij,k->i"}),
        Sample(((3, 3), (3,)), {"subscripts": "ii,i->i"}),
        Sample(((1, 3), (2, 3)), {"subscripts": "ij,ij->ij"}),
    ],
    notation=(
        lambda *operands, subscripts: sum_of_products(operands, subscripts, "Σ_{0} ", "{0}[{1}]", ","),
        lambda *operands, subscripts: sum_of_products(operands, subscripts, r"\sum_{{{0}}} ", "{{{0}}}_{{{1}}}", " "),
        lambda *operands, subscripts: as_python("np.einsum", [f'"{subscripts}"', *operands]),
    ),
    takes_complex=True,
)


@implements(np.einsum)
def einsum_of(*arguments: Any, out: Any = None, optimize: Any = False, dtype: Any = None, **options: Any) -> Any:
    """np.einsum, with subscripts as a text or in the interleaved form ``einsum(x, [0, 1], y, [1, 2], [0, 2])``.

    ``optimize``, ``order`` and ``casting`` are accepted and make no difference to the result.
    """
    refuse_out("np.einsum", out)
    subscripts, operands = (arguments[0], arguments[1:]) if isinstance(arguments[0], str) else interleaved(arguments)
    if dtype is not None:
        operands = tuple([np.asarray(x, dtype) if isinstance(x, list | tuple) else x.astype(dtype) for x in operands])
    return einsum(*operands, subscripts=explicit(subscripts, tuple([len(shape_of(x)) for x in operands])))


def interleaved(arguments: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
    """Subscripts and operands from the form in which lists of numbers follow the operands."""

    def text(labels: Sequence[Any]) -> str:
        return "".join(["..." if k is Ellipsis else chr(65 + k if k < 26 else 71 + k) for k in labels])

    pairs = len(arguments) // 2
    subscripts = ",".join([text(arguments[2 * k + 1]) for k in range(pairs)])
    if len(arguments) % 2:
        subscripts += "->" + text(arguments[-1])
    return subscripts, tuple(arguments[: 2 * pairs : 2])


@implements(np.einsum_path)
def einsum_path(*arguments: Any, optimize: Any = "greedy", **options: Any) -> Any:
    """np.einsum_path: it looks at shapes only."""
    return np.einsum_path(*[plain(x) for x in arguments], optimize=optimize, **options)
