"""What stands for the arrays of a notebook that differentiates plain NumPy code by hand, and what is derived there.

Nothing in such a notebook knows the true gradients. Its parameters are tensors that behave like arrays; what is derived
by hand stays plain arrays, so that writing into it cannot spoil the record. A derivative is then taken of the loss that
is at hand, or of the value `out` whose gradient `dout` is given.
"""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.check.rewriting.site import is_derivative_name
from chainrule.check.watching.containers import entries
from chainrule.tensor import Tensor, no_grad

__all__ = ["Assumed", "apart", "assumed_passes", "blank", "dot", "plain", "stepped", "tracked"]

TOGETHER = 4  # results of one function that have gradients of their own, as the two of an LSTM's step
LOSS = re.compile(r"loss|cost|^(mse|ce|bce|nll|obj|objective|[lje])$", re.IGNORECASE)


class Shadow(Tensor):
    """A tensor that code written for arrays may change in place, which arrays on a tape may not.

    A parameter is stepped unrecorded: that is no part of what is differentiated. Any other value is replaced by a new
    one, so that the old one is there when a derivative needs it.
    """

    @property
    def _is_parameter(self) -> bool:
        return self.tracked and self.node is None

    def _change(self, in_place: str, anew: str, other: Any) -> Any:
        if not self._is_parameter:
            return getattr(self, anew)(other)
        with no_grad():
            return getattr(super(), in_place)(other)

    def __iadd__(self, other: Any) -> Any:
        return self._change("__iadd__", "__add__", other)

    def __isub__(self, other: Any) -> Any:
        return self._change("__isub__", "__sub__", other)

    def __imul__(self, other: Any) -> Any:
        return self._change("__imul__", "__mul__", other)

    def __itruediv__(self, other: Any) -> Any:
        return self._change("__itruediv__", "__truediv__", other)

    def __setitem__(self, index: Any, value: Any) -> None:
        if self._is_parameter:
            with no_grad():
                super().__setitem__(index, value)
            return
        if self.root is None:
            self.value = np.array(self.value)
        super().__setitem__(index, value)

    def copy(self, order: str = "C") -> Any:
        """A copy, recorded."""
        return np.copy(self)

    def __getattr__(self, name: str) -> Any:
        """What only arrays have, of the array: nothing differentiable."""
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(np.array(self.value), name)


def tracked(value: Any) -> Any:
    """A real array or number as a parameter; what is tracked already, or is no real number, as it is."""
    if isinstance(value, Tensor) and not value.tracked:
        value = value.value
    if isinstance(value, np.ndarray | np.floating | float) and np.asarray(value).dtype.kind == "f":
        return Shadow(np.array(value), None, True)
    return value


def stepped(value: Any) -> Any:
    """The value of an update as a new parameter, so that the record of one step does not grow into the next."""
    return tracked(plain(value))


def plain(value: Any) -> Any:
    """A tensor as an array of its own; everything else as it is."""
    return np.array(value.value) if isinstance(value, Tensor) else value


def blank(value: Any) -> Any:
    """An array that is to be filled, so that it may be filled with what is tracked."""
    return Shadow(value) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value


def apart(function: Callable[..., Any], arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """What a function of arrays returns that calls others many times, for differences: no part of the record."""
    with no_grad():
        return function(*[plain(argument) for argument in arguments], **options)


def dot(left: Any, right: Any) -> Any:
    """`left.dot(right)`, also where only the right one is a tensor."""
    return np.dot(left, right) if type(left) is np.ndarray and isinstance(right, Tensor) else left.dot(right)


@dataclass(frozen=True, eq=False)
class Assumed:
    """What a hand-derived gradient may be the gradient of: a result, and the cotangent that is given for it.

    ``strict`` says that a multiple of the gradient is a mistake.
    """

    result: Any
    cotangent: Any = None
    strict: bool = True


def assumed_passes(
    scope: Mapping[str, Any],
    name_of: Callable[[Any], str],
    number: Callable[[Any], Any],
    is_derived: Callable[[Any], bool],
    converted: Sequence[tuple[float, Any]],
) -> Iterator[Assumed]:
    """The losses at hand, then the results `out` of which a gradient `dout` is at hand, and those all together.

    ``name_of`` tells what functions called a tensor, ``number`` gives the array of an array or a number,
    ``is_derived`` says whether one was itself derived by hand: then it may leave a constant to the last step.
    ``converted`` are the latest tensors that became Python numbers, `cost = float(cost)`.
    """
    numbers = dict(converted)
    variables = [
        (name, numbers.get(value, value) if isinstance(value, float) else value)
        for name, value in [*entries(scope), ("_", scope.get("_"))]
    ]
    results = [(name, value) for name, value in variables if isinstance(value, Tensor) and value.node is not None]
    losses = [(name, value) for name, value in results if value.size == 1 and LOSS.search(name)]
    losses.sort(key=lambda pair: not re.search("loss|cost", pair[0], re.IGNORECASE))
    for _, value in losses:
        yield Assumed(value)
    arrays = {name: value for name, value in variables if is_derivative_name(name) and not isinstance(value, Tensor)}
    given: dict[int, Assumed] = {}
    for name, value in results:
        for called in dict.fromkeys((name, name_of(value))):
            for written in (f"d{called}", f"d_{called}", f"grad_{called}"):
                cotangent = number(arrays.get(written))
                if cotangent is not None and cotangent.shape == value.shape:
                    assumed = Assumed(value, Tensor(cotangent), not is_derived(arrays[written]))
                    given.setdefault(id(value), assumed)
                    yield assumed
    upstream = [assumed for assumed in given.values() if assumed.strict]
    if 1 < len(upstream) <= TOGETHER:
        yield Assumed(functools.reduce(operator.add, [np.sum(each.result * each.cotangent) for each in upstream]))
