"""Products summed over shared labels: matmul and its relatives, all by one rule.

    out[o] = Σ Π_k operand_k[l_k]        ∂out[o]/∂operand_k[l_k] = Π_{m≠k} operand_m[l_m]

The row has the labels of the output, the column those of the operand, and the other operands are the factors. So an
operation is given by its labels alone, as in einsum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ShapeError
from chainrule.linear.term import Pattern, pattern
from chainrule.op import OPERATIONS, REGISTRY, Call, Operation, Part, Product, Sample, define, implements
from chainrule.ops.options import is_complex, refuse_out, shape_of

__all__ = [
    "Contraction",
    "Labels",
    "batched",
    "contraction",
    "dot",
    "inner",
    "label_sizes",
    "matmul",
    "outer",
    "tensordot",
]

Shapes = Sequence[tuple[int, ...]]
Names = tuple[Sequence[Sequence[int]], Sequence[int]]
Labels = Callable[[Shapes, Mapping[str, Any]], Names]
"""From shapes and parameters to the labels of each operand's axes and of the output's axes."""


def label_sizes(operands: Sequence[Sequence[int]], shapes: Shapes) -> list[int]:
    """The size of each label; an axis of size 1 is stretched to the others with its label."""
    sizes = [1] * (1 + max([label for labels in operands for label in labels], default=-1))
    for labels, shape in zip(operands, shapes, strict=True):
        for label, size in zip(labels, shape, strict=True):
            if size != 1:
                sizes[label] = size
    return sizes


class Contraction(Product):
    """∂out[o]/∂operand[l] = the product of the other operands.

    ``labels`` names the axes (see `Labels`); ``others`` are the positions of the other operands.
    """

    def __init__(self, labels: Labels, others: Sequence[int]) -> None:
        self.labels = labels
        self.needs = tuple(others)
        self.known = {}

    def make(self, call: Call, position: int) -> tuple[Pattern, Sequence[Part]]:
        """The pattern, and for each factor its operand and the shape without stretched axes."""
        operands, output = self.labels(call.shapes, call.params)
        sizes = label_sizes(operands, call.shapes)
        factors = []
        parts: list[Part] = []
        for k, (labels, shape) in enumerate(zip(operands, call.shapes, strict=True)):
            if k == position:
                continue
            kept = [label for label, size in zip(labels, shape, strict=True) if size == sizes[label]]
            factors.append(kept)
            parts.append(Part(None, (k,), None if len(kept) == len(shape) else tuple([sizes[label] for label in kept])))
        column = [
            label if size == sizes[label] else None
            for label, size in zip(operands[position], call.shapes[position], strict=True)
        ]
        return pattern(sizes, output, column, factors)[0], parts


def contraction(
    name: str,
    forward: Callable[..., Any],
    labels: Labels,
    *,
    numpy: Any = None,
    samples: Sequence[Sample] = (),
    label: str | None = None,
    notation: Sequence[str] = (),
    takes_complex: bool = True,
) -> Operation:
    """Define a product of two operands by its labels."""
    rules = [Contraction(labels, [1 - position]) for position in (0, 1)]
    return define(
        name,
        forward,
        *rules,
        arguments=("a", "b"),
        numpy=numpy,
        samples=samples,
        label=label,
        notation=notation,
        takes_complex=takes_complex,
    )


def batched(a: int, b: int, left: int, right: int) -> tuple[list[int], list[int], list[int]]:
    """The labels of the batch axes of two operands and of the result, where the last axes are apart."""
    rank = max(a - left, b - right, 0)
    batch = list(range(rank))
    return batch[rank - max(a - left, 0) :], batch[rank - max(b - right, 0) :], batch


# --- matrix products --------------------------------------------------------------------------------------------------


def matmul_labels(shapes: Shapes, params: Mapping[str, Any]) -> Names:
    """out[…ik] = Σ_j a[…ij] b[…jk]; an operand of one axis has only j."""
    a, b = len(shapes[0]), len(shapes[1])
    left, right, batch = batched(a, b, 2, 2)
    i, j, k = len(batch), len(batch) + 1, len(batch) + 2
    return (
        ([*left, i, j] if a > 1 else [j], [*right, j, k] if b > 1 else [j]),
        batch + [i] * (a > 1) + [k] * (b > 1),
    )


matmul = contraction(
    "matmul",
    np.matmul,
    matmul_labels,
    numpy=np.matmul,
    samples=[
        Sample(((2, 3), (3, 4))),
        Sample(((3,), (3, 4))),
        Sample(((2, 3), (3,))),
        Sample(((3,), (3,))),
        Sample(((5, 1, 2, 3), (4, 3, 2))),
        Sample(((4, 3), (5, 3, 1))),
        Sample(((2, 1, 3), (3,))),
        Sample(((2, 0), (0, 3))),
    ],
    label="Mm",
    notation=("{0} {1}", "{0} {1}", "{0} @ {1}"),
)
REGISTRY[np.linalg.matmul] = matmul


def vecdot_labels(shapes: Shapes, params: Mapping[str, Any]) -> Names:
    """out[…] = Σ_i a[…i] b[…i]."""
    left, right, batch = batched(len(shapes[0]), len(shapes[1]), 1, 1)
    return ([*left, len(batch)], [*right, len(batch)]), batch


def matvec_labels(shapes: Shapes, params: Mapping[str, Any]) -> Names:
    """out[…i] = Σ_j a[…ij] b[…j]."""
    left, right, batch = batched(len(shapes[0]), len(shapes[1]), 2, 1)
    i, j = len(batch), len(batch) + 1
    return ([*left, i, j], [*right, j]), [*batch, i]


def vecmat_labels(shapes: Shapes, params: Mapping[str, Any]) -> Names:
    """out[…j] = Σ_i a[…i] b[…ij]."""
    left, right, batch = batched(len(shapes[0]), len(shapes[1]), 1, 2)
    i, j = len(batch), len(batch) + 1
    return ([*left, i], [*right, i, j]), [*batch, j]


BRACKETS = ("⟨{0}, {1}⟩", r"\left\langle {0}, {1} \right\rangle")
vecdot = contraction(
    "vecdot",
    np.vecdot,
    vecdot_labels,
    samples=[Sample(((2, 3), (3,))), Sample(((4, 1, 3), (2, 3))), Sample(((3,), (3,)))],
    notation=BRACKETS,
    takes_complex=False,  # it conjugates the first
)
for _name, _labels, _shapes, _notation in (
    ("matvec", matvec_labels, [((2, 3, 4), (4,)), ((3, 4), (2, 4))], ("{0} {1}", "{0} {1}")),
    ("vecmat", vecmat_labels, [((3,), (2, 3, 4)), ((2, 3), (3, 4))], ("{0}ᵀ {1}", r"{{{0}}}^{{\top}} {1}")),
):
    if (_function := getattr(np, _name, None)) is not None:  # since NumPy 2.2
        contraction(
            _name,
            _function,
            _labels,
            numpy=_function,
            samples=[Sample(pair) for pair in _shapes],
            notation=_notation,
            takes_complex=_name == "matvec",  # the other conjugates the vector
        )


@implements(np.vecdot)
def vecdot_of(x1: Any, x2: Any, /) -> Any:
    """np.vecdot: the first vector conjugated, if it is complex."""
    return np.sum(np.conjugate(x1) * x2, -1) if is_complex(x1) else vecdot(x1, x2)


def vecmat_of(x1: Any, x2: Any, /) -> Any:
    """np.vecmat: the vector conjugated, if it is complex."""
    return matmul(np.conjugate(x1)[..., None, :], x2)[..., 0, :] if is_complex(x1) else OPERATIONS["vecmat"](x1, x2)


if hasattr(np, "vecmat"):
    REGISTRY[np.vecmat] = vecmat_of


@implements(np.linalg.vecdot)
def vecdot_along(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """np.linalg.vecdot."""
    return vecdot_of(*[x if axis == -1 else np.moveaxis(x, axis, -1) for x in (x1, x2)])


# --- NumPy's older products -------------------------------------------------------------------------------------------


def dot_labels(shapes: Shapes, params: Mapping[str, Any]) -> Names:
    """out[a…, b…k] = Σ_j a[a…j] b[b…jk]: the last axis of ``a`` with the last but one (or only) of ``b``."""
    a, b = len(shapes[0]), len(shapes[1])
    if not a or not b:
        return (range(a), range(b)), range(a + b)
    left, right = list(range(a - 1)), list(range(a, a + b - 1))
    summed = a + b
    place = max(b - 2, 0)
    return ([*left, summed], [*right[:place], summed, *right[place:]]), left + right


dot = contraction(
    "dot",
    np.dot,
    dot_labels,
    samples=[
        Sample(((3,), (3,))),
        Sample(((2, 3), (3, 4))),
        Sample(((2, 3), (3,))),
        Sample(((2, 3), (4, 3, 2))),
        Sample(((), (2, 3))),
        Sample(((2,), ())),
    ],
    notation=("{0} · {1}", r"{0} \cdot {1}"),
)


@implements(np.dot)
def dot_of(a: Any, b: Any, out: Any = None) -> Any:
    """np.dot."""
    refuse_out("np.dot", out)
    return dot(a, b)


@implements(np.vdot)
def vdot(a: Any, b: Any, /) -> Any:
    """np.vdot: the sum of the products of all entries."""
    return dot(np.conjugate(np.reshape(a, -1)), np.reshape(b, -1))


def inner_labels(shapes: Shapes, params: Mapping[str, Any]) -> Names:
    """out[a…, b…] = Σ_j a[a…j] b[b…j]."""
    a, b = len(shapes[0]), len(shapes[1])
    if not a or not b:
        return (range(a), range(b)), range(a + b)
    left, right = list(range(a - 1)), list(range(a, a + b - 1))
    return ([*left, a + b], [*right, a + b]), left + right


inner = contraction(
    "inner",
    np.inner,
    inner_labels,
    numpy=np.inner,
    samples=[Sample(((3,), (3,))), Sample(((2, 3), (4, 3))), Sample(((2, 3), (3,))), Sample(((), (2, 3)))],
    notation=BRACKETS,
)

outer = contraction(
    "outer",
    np.outer,
    lambda shapes, params: (([0], [1]), [0, 1]),
    samples=[Sample(((2,), (3,))), Sample(((1,), (3,))), Sample(((0,), (3,)))],
    notation=("{0} ⊗ {1}", r"{0} \otimes {1}"),
)


@implements(np.outer)
def outer_of(a: Any, b: Any, out: Any = None) -> Any:
    """np.outer: both arguments are flattened."""
    refuse_out("np.outer", out)
    flat = [x if len(shape_of(x)) == 1 else np.reshape(x, -1) for x in (a, b)]
    return outer(*flat)


@implements(np.linalg.outer)
def outer_of_vectors(x1: Any, x2: Any, /) -> Any:
    """np.linalg.outer: vectors only."""
    if len(shape_of(x1)) != 1 or len(shape_of(x2)) != 1:
        raise ShapeError(
            f"np.linalg.outer: shapes {shape_of(x1)} and {shape_of(x2)}, expected two vectors. np.outer flattens "
            "arrays of more axes; np.einsum or x[..., None] * y[..., None, :] make a batch of outer products."
        )
    return outer(x1, x2)


def tensordot_labels(shapes: Shapes, params: Mapping[str, Any]) -> Names:
    """The axes listed for ``a`` and ``b`` are summed in pairs; the others of ``a``, then of ``b``, stay."""
    first, second = params["axes"]
    rank = len(shapes[0])
    left = list(range(rank))
    right = [rank + k for k in range(len(shapes[1]))]
    for i, j in zip(first, second, strict=True):
        right[j] = left[i]
    stay = [k for k in left if k not in first] + [label for k, label in enumerate(right) if k not in second]
    return (left, right), stay


tensordot = contraction(
    "tensordot",
    lambda a, b, axes: np.tensordot(a, b, axes),
    tensordot_labels,
    samples=[
        Sample(((2, 3, 4), (4, 3, 5)), {"axes": ((1, 2), (1, 0))}),
        Sample(((2, 3), (2, 3)), {"axes": ((0, 1), (0, 1))}),
        Sample(((2,), (3, 1)), {"axes": ((), ())}),
    ],
)


@implements(np.tensordot, np.linalg.tensordot)
def tensordot_of(a: Any, b: Any, axes: Any = 2) -> Any:
    """np.tensordot."""
    rank_a, rank_b = len(shape_of(a)), len(shape_of(b))
    if isinstance(axes, int | np.integer):
        pair: Sequence[tuple[int, ...]] = (tuple(range(rank_a - int(axes), rank_a)), tuple(range(int(axes))))
    else:
        pair = tuple([(int(k),) if isinstance(k, int | np.integer) else tuple([int(m) for m in k]) for k in axes])
    first, second = pair[0], pair[1]
    in_range = all([-rank_a <= k < rank_a for k in first]) and all([-rank_b <= k < rank_b for k in second])
    if len(first) != len(second) or not in_range or min(first, default=0) < -rank_a:
        raise ShapeError(
            f"np.tensordot: axes={axes!r} for shapes {shape_of(a)} and {shape_of(b)}: give as many axes of the first "
            "as of the second, each of which it has."
        )
    return tensordot(a, b, axes=(tuple([k % rank_a for k in first]), tuple([k % rank_b for k in second])))
