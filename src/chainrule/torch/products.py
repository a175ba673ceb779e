"""Products of vectors and matrices, under PyTorch's names and with its checks."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import StandInRuntimeError
from chainrule.torch.linalg import det, inv, matrix_power, pinv, slogdet
from chainrule.torch.messages import listed
from chainrule.torch.operators import in_place, product
from chainrule.torch.pointwise import tensor_of
from chainrule.torch.shaping import unsqueeze
from chainrule.torch.tensors import Tensor, methods
from chainrule.torch.through import through

__all__ = ["FUNCTIONS"]


def matmul(input: Any, other: Any, *, out: Any = None) -> Any:
    """The matrix product ``input @ other``."""
    return product(tensor_of(input, "matmul"), tensor_of(other, "matmul", "other", 2))


def _ranked(name: str, tensor: Any, rank: int, which: str) -> None:
    if tensor.value.ndim != rank:
        kind = {1: "a vector", 2: "a matrix", 3: "a 3D tensor"}[rank]
        raise StandInRuntimeError(
            f"{which} must be {kind}\n{name} got shape {listed(tensor.value.shape)}; torch.matmul takes all shapes."
        )


def mm(input: Any, mat2: Any) -> Any:
    """The product of two matrices."""
    _ranked("mm", tensor_of(input, "mm"), 2, "self")
    _ranked("mm", tensor_of(mat2, "mm", "mat2", 2), 2, "mat2")
    return product(input, mat2)


def mv(input: Any, vec: Any) -> Any:
    """The product of a matrix and a vector."""
    if input.value.ndim != 2 or vec.value.ndim != 1:
        raise StandInRuntimeError(
            f"vector + matrix @ vector expected, got 1, {input.value.ndim}, {vec.value.ndim}\n"
            f"mv got shapes {listed(input.value.shape)} and {listed(vec.value.shape)}."
        )
    return product(input, vec)


def bmm(input: Any, mat2: Any) -> Any:
    """The products of matrices in two batches."""
    _ranked("bmm", input, 3, "batch1")
    _ranked("bmm", mat2, 3, "batch2")
    first, second = input.value.shape, mat2.value.shape
    if first[0] != second[0] or first[2] != second[1]:
        raise StandInRuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{first[0]}, {first[2]}] but got: "
            f"[{second[0]}, {second[1]}]."
        )
    return product(input, mat2)


def dot(input: Any, tensor: Any) -> Any:
    """The sum of products of two vectors."""
    first, second = tensor_of(input, "dot"), tensor_of(tensor, "dot", "tensor", 2)
    if first.value.ndim != 1 or second.value.ndim != 1:
        raise StandInRuntimeError(
            f"1D tensors expected, but got {first.value.ndim}D and {second.value.ndim}D tensors\nUse torch.matmul, "
            "or flatten()."
        )
    return product(first, second)


def outer(input: Any, vec2: Any) -> Any:
    """All products of the elements of two vectors."""
    for number, tensor in enumerate((input, vec2)):
        if tensor.value.ndim != 1:
            raise StandInRuntimeError(
                f"outer: Expected 1-D argument {'self' if not number else 'vec2'}, but got {tensor.value.ndim}-D"
            )
    return unsqueeze(input, 1) * vec2


def inner(input: Any, other: Any) -> Any:
    """The sum of products over the last dimension of both."""
    return through("inner", np.inner, input, other)


def addmm(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """``beta * input + alpha * (mat1 @ mat2)``."""
    made = mm(mat1, mat2)
    return (input if beta == 1 else beta * input) + (made if alpha == 1 else alpha * made)


def addmv(input: Any, mat: Any, vec: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """``beta * input + alpha * (mat @ vec)``."""
    made = mv(mat, vec)
    return (input if beta == 1 else beta * input) + (made if alpha == 1 else alpha * made)


def baddbmm(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """``beta * input + alpha * (batch1 @ batch2)``."""
    made = bmm(batch1, batch2)
    return (input if beta == 1 else beta * input) + (made if alpha == 1 else alpha * made)


def addr(input: Any, vec1: Any, vec2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """``beta * input + alpha * outer(vec1, vec2)``."""
    made = outer(vec1, vec2)
    return (input if beta == 1 else beta * input) + (made if alpha == 1 else alpha * made)


def einsum(equation: str, *operands: Any) -> Any:
    """The sum of products that an equation names: ``einsum("ij,jk->ik", a, b)``."""
    given = list(operands[0]) if len(operands) == 1 and isinstance(operands[0], tuple | list) else list(operands)
    sizes: dict[str, int] = {}
    for number, (labels, operand) in enumerate(
        zip(equation.replace(" ", "").split("->")[0].split(","), given, strict=False)
    ):
        if "." in labels:
            continue
        if len(labels) != operand.value.ndim:
            raise StandInRuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(labels)}) does not match the number of "
                "dimensions "
                f"({operand.value.ndim}) for operand {number} and no ellipsis was given"
            )
        for label, size in zip(labels, operand.value.shape, strict=True):
            if 1 not in (size, sizes.get(label, 1)) and sizes[label] != size:
                raise StandInRuntimeError(
                    f"einsum(): subscript {label} has size {size} for operand {number} which does not broadcast with "
                    f"previously seen size {sizes[label]}"
                )
            sizes[label] = size if size != 1 else sizes.get(label, 1)
    return through("einsum", np.einsum, equation, *given)


def tensordot(a: Any, b: Any, dims: Any = 2) -> Any:
    """The sum of products over dimensions of both."""
    axes = (
        dims
        if isinstance(dims, int)
        else tuple([list(part) if isinstance(part, tuple | list) else part for part in dims])
    )
    return through("tensordot", np.tensordot, a, b, axes)


def kron(input: Any, other: Any) -> Any:
    """The Kronecker product."""
    return through("kron", np.kron, input, other)


def cross(input: Any, other: Any, dim: int = -1) -> Any:
    """The cross product of vectors of length 3."""
    return through("cross", np.cross, input, other, axis=dim)


def trace(input: Any) -> Any:
    """The sum of the diagonal of a matrix."""
    if input.value.ndim != 2:
        raise StandInRuntimeError(f"trace: expected a matrix, but got tensor with dim {input.value.ndim}")
    return through("trace", np.trace, input)


def chain_matmul(*matrices: Any) -> Any:
    """The product of several matrices."""
    result = matrices[0]
    for matrix in matrices[1:]:
        result = mm(result, matrix)
    return result


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """The matrix of powers of a vector's elements."""
    count = x.value.shape[0] if N is None else N
    powers = Tensor(np.arange(count, dtype=x.value.dtype)[:: 1 if increasing else -1], None)
    return unsqueeze(x, 1) ** powers


def logdet(input: Any) -> Any:
    """The logarithm of the determinant."""
    return slogdet(input)[1]


_METHODS = {
    name: globals()[name]
    for name in ("addmm addmv addr baddbmm bmm cross dot inner kron logdet matmul mm mv outer trace").split()
}
_METHODS |= {"ger": outer, "inverse": inv}
_METHODS |= {"det": det, "matrix_power": matrix_power, "pinverse": pinv, "slogdet": slogdet}
FUNCTIONS: dict[str, Any] = _METHODS | {
    "chain_matmul": chain_matmul,
    "einsum": einsum,
    "tensordot": tensordot,
    "vander": vander,
}
methods(**{name: function for name, function in _METHODS.items() if name != "kron"})
methods(addmm_=in_place(addmm), addmv_=in_place(addmv), addr_=in_place(addr))
