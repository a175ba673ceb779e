"""PyTorch's first lines: what chainrule has to say about shapes, dtypes and gradients, said as PyTorch says it.

>>> print(broadcast_message([(2, 3), (2,)]))
The size of tensor a (3) must match the size of tensor b (2) at non-singleton dimension 1
Shapes [2, 3] and [2] are aligned at the last dimension; sizes must be equal, or one of them 1.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable, Sequence
from dis import opmap
from typing import Any

import numpy as np

from chainrule.errors import (
    ChainruleError,
    DtypeError,
    FreedGraphError,
    GradientError,
    MissingNameError,
    ModifiedError,
    NotProvidedError,
    ShapeError,
    StandInError,
    StandInIndexError,
    StandInRuntimeError,
    StandInTypeError,
)
from chainrule.torch import dtypes

__all__ = ["absent", "broadcast_message", "listed", "not_a_tensor", "reworded", "wrong_dimension", "wrong_gradient"]

IMPORT_FROM = opmap["IMPORT_FROM"]
SECOND_TIME = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
    "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
    "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
    "after calling backward."
)
OVERWRITTEN = "one of the variables needed for gradient computation has been modified by an inplace operation"
HINT = (
    "Hint: enable anomaly detection to find the operation that failed to compute its gradient, with "
    "torch.autograd.set_detect_anomaly(True, check_nan=False)."
)


def listed(shape: Iterable[int]) -> str:
    """A shape in brackets, as PyTorch's messages have it."""
    return f"[{', '.join(str(size) for size in shape)}]"


def shapes_of(arguments: Iterable[Any]) -> list[tuple[int, ...]]:
    """The shapes of the tensors and arrays among the arguments."""
    return [
        tuple(np.shape(getattr(argument, "value", argument)))
        for argument in arguments
        if isinstance(argument, np.ndarray) or hasattr(argument, "value")
    ]


def broadcast_message(shapes: Sequence[tuple[int, ...]]) -> str:
    """What is wrong with shapes that do not broadcast."""
    a = shapes[0] if shapes else ()
    for b in shapes[1:]:
        rank = max(len(a), len(b))
        left, right = (1,) * (rank - len(a)) + tuple(a), (1,) * (rank - len(b)) + tuple(b)
        for axis in reversed(range(rank)):
            if left[axis] != right[axis] and 1 not in (left[axis], right[axis]):
                return (
                    f"The size of tensor a ({left[axis]}) must match the size of tensor b ({right[axis]}) at "
                    "non-singleton "
                    f"dimension {axis}\nShapes {listed(a)} and {listed(b)} are aligned at the last dimension; sizes "
                    "must be "
                    "equal, or one of them 1."
                )
        a = np.broadcast_shapes(left, right)
    return ""


def indexed(problem: Exception, arguments: Sequence[Any] = ()) -> StandInIndexError:
    """An index that does not fit."""
    text = str(problem)
    beyond = re.search(r"index (-?\d+) is out of bounds for axis (\d+) with size (\d+)", text)
    if beyond:
        position, axis, size = beyond.groups()
        last = f"; they go from -{size} to {int(size) - 1}" if int(size) else ""
        return StandInIndexError(
            f"index {position} is out of bounds for dimension {axis} with size {size}\nPositions start at 0{last}."
        )
    many = re.search(r"too many indices for array: array is (\d+)-dimensional, but (\d+)", text)
    if many:
        return StandInIndexError(
            f"too many indices for tensor of dimension {many[1]}\n{many[2]} were given: at most one for each dimension."
        )
    mask = re.search(
        r"boolean index did not match indexed array along (?:axis|dimension) (\d+); size of axis is (\d+) but size of "
        r"corresponding boolean axis is (\d+)",
        text,
    )
    if mask:
        axis, size, given = mask.groups()
        of = listed(np.shape(arguments[0].value)) if arguments else f"[{size}]"
        masks = [listed(each.shape) for each in arguments[1:] if isinstance(each, np.ndarray) and each.dtype == bool]
        return StandInIndexError(
            f"The shape of the mask {masks[0] if masks else f'[{given}]'} at index {axis} does not match the shape of "
            f"the indexed tensor {of} at index {axis}\nA mask has the shape of the dimensions that it chooses from."
        )
    return StandInIndexError(text)


def reworded(problem: Exception, arguments: Sequence[Any] = ()) -> Exception:
    """The exception that PyTorch would raise, with what chainrule has to say on the lines after the first."""
    if isinstance(problem, StandInError):
        return problem
    if isinstance(problem, FreedGraphError):
        return StandInRuntimeError(f"{SECOND_TIME}\n{problem}")
    if isinstance(problem, ModifiedError):
        return StandInRuntimeError(f"{OVERWRITTEN}: {overwritten(problem)}{HINT}\n{problem}")
    if isinstance(problem, GradientError):
        return StandInRuntimeError(str(problem))
    if isinstance(problem, IndexError):
        return indexed(problem, arguments)
    if isinstance(problem, ShapeError):
        return StandInRuntimeError(broadcast_message(shapes_of(arguments)) or str(problem))
    if isinstance(problem, DtypeError):
        kind = (
            StandInRuntimeError
            if "can't be cast" in str(problem) or "require grad" in str(problem)
            else StandInTypeError
        )
        return kind(numpy_names_replaced(str(problem)))
    return problem if isinstance(problem, ChainruleError) else StandInRuntimeError(str(problem))


def overwritten(problem: ModifiedError) -> str:
    """Which value it was: its type, its shape, and the step that made it."""
    array: Any = problem.value
    kind = dtypes.from_numpy(array.dtype).scalar_name
    whose = f", which is output 0 of {problem.whose}," if problem.whose else ""
    version = f"is at version {problem.writes}; expected version {problem.writes - 1} instead"
    return f"[torch.{kind}Tensor {listed(array.shape)}]{whose} {version}. "


def numpy_names_replaced(text: str) -> str:
    """NumPy's names of dtypes as PyTorch's messages have them: Float for float32, Long for int64."""
    for kind in dtypes.ALL:
        text = re.sub(rf"\btype {kind.name}\b", f"type {kind.scalar_name}", text)
    return text


def not_a_tensor(function: str, argument: str, position: int, given: Any) -> StandInTypeError:
    """An argument that should have been a tensor."""
    kind = (
        type(given).__name__
        if type(given).__module__ == "builtins"
        else f"{type(given).__module__}.{type(given).__name__}"
    )
    return StandInTypeError(
        f"{function}(): argument '{argument}' (position {position}) must be Tensor, not {kind}\n"
        f"Make a tensor of it first: torch.tensor({given!r:.40})."
    )


def wrong_gradient(given: Any) -> StandInTypeError:
    """A cotangent that is not a tensor."""
    first = given[0] if isinstance(given, tuple | list | np.ndarray) and np.ndim(given) and len(given) else given
    return StandInTypeError(
        f"gradients can be either Tensors or None, but got {type(first).__name__}\nMake a tensor of it: "
        "torch.tensor(...)."
    )


def wrong_dimension(dimension: int, rank: int) -> StandInIndexError:
    """A dimension that is not there."""
    limit = max(rank, 1)
    return StandInIndexError(
        f"Dimension out of range (expected to be in range of [{-limit}, {limit - 1}], but got {dimension})\n"
        f"The tensor has {rank} dimension{'s' * (rank != 1)}."
    )


def absent(first: str, name: str, known: Iterable[str]) -> Exception:
    """A name that is not there, with those that are near, or all if there are few."""
    names = sorted({each for each in known if not each.startswith("_")})
    near = (
        difflib.get_close_matches(name, names, 6, 0.7) or [each for each in names if name.lower() in each.lower()][:6]
    )
    more = f"chainrule.torch stands in for PyTorch and has no {name!r}. There is: {', '.join(near or names)}."
    caller = sys._getframe(2)
    if (
        caller.f_code.co_code[caller.f_lasti] == IMPORT_FROM
    ):  # `from torch.nn import Foo`, which hides an AttributeError
        place = re.search(r"module ('[^']*')", first)
        return MissingNameError(f"cannot import name {name!r} from {place[1] if place else 'torch'}\n{more}")
    return NotProvidedError(f"{first}\n{more}")
