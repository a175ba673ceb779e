"""Operations on PyTorch's tensors, recorded, with what goes wrong said in PyTorch's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import ChainruleError, StandInRuntimeError
from chainrule.overwriting import write as core_write
from chainrule.program.node import NO_PARAMS, Node, owner, written
from chainrule.tape import record
from chainrule.torch.messages import listed, reworded, wrong_dimension

__all__ = ["apply", "overwrite", "position_of"]


def apply(operation: Any, arguments: Sequence[Any], params: Any = NO_PARAMS) -> Any:
    """Record an operation; what goes wrong is said in PyTorch's words."""
    try:
        return record(operation, arguments, params)
    except (ChainruleError, IndexError) as problem:
        raise reworded(problem, arguments) from None


def overwrite(target: Any, result: Any) -> Any:
    """Give ``target`` the value (and history) of ``result`` in place."""
    shape = np.shape(getattr(result, "value", result))
    if shape != target.value.shape and np.broadcast_shapes(shape, target.value.shape) != target.value.shape:
        raise StandInRuntimeError(
            f"output with shape {listed(target.value.shape)} doesn't match the broadcast shape "
            f"{listed(np.broadcast_shapes(shape, target.value.shape))}\nWhat is written in place cannot change its "
            "shape."
        )
    node = getattr(result, "node", None)
    try:
        core_write(target, result)
    except ChainruleError as problem:
        raise reworded(problem) from None
    if node is not None:  # a later message can say what wrote there
        entry = written.get(id(owner(target.value)))
        if entry is not None:
            entry[3:] = [node.operation.label] if isinstance(node, Node) else []
    return target


def position_of(dim: Any, rank: int) -> int:
    """A dimension counted from the front, checked."""
    dim = dim if type(dim) is int else int(dim)
    limit = rank or 1
    if not -limit <= dim < limit:
        raise wrong_dimension(dim, rank)
    return int(dim) % limit
