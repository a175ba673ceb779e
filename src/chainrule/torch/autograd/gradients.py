"""``torch.autograd.grad`` and ``backward``, and the switches that say whether operations are recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.backward import backward as backward_from
from chainrule.backward import cotangents_of
from chainrule.errors import ChainruleError, StandInRuntimeError
from chainrule.op import REGISTRY
from chainrule.tape import enabled, notify
from chainrule.tensor import Tensor as CoreTensor
from chainrule.tensor import enable_grad as core_enable_grad
from chainrule.tensor import no_grad as core_no_grad
from chainrule.tensor import set_grad_enabled
from chainrule.torch.messages import reworded, wrong_gradient
from chainrule.torch.tensors import Tensor

__all__ = [
    "backward",
    "enable_grad",
    "grad",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]


class no_grad(core_no_grad):
    """Do not record operations, in ``with no_grad():`` or in a function decorated with it."""

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        """With a function: that function, not recorded."""
        made = super().__new__(cls)
        if function is None:
            return made
        made.__init__()  # type: ignore[misc]
        return made(function)


class enable_grad(core_enable_grad):
    """Record operations again, inside a `no_grad`."""

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        """With a function: that function, recorded."""
        made = super().__new__(cls)
        if function is None:
            return made
        made.__init__()  # type: ignore[misc]
        return made(function)


def inference_mode(mode: Any = True) -> Any:
    """As `no_grad`; nothing where ``mode`` is False."""
    if callable(mode):
        return no_grad(mode)
    return no_grad() if mode else enable_grad()


def is_grad_enabled() -> bool:
    """Whether operations are being recorded."""
    return enabled()


class set_detect_anomaly:
    """Accepted, and without effect: chainrule's errors name the operation in any case."""

    def __init__(self, mode: bool = True, check_nan: bool = True) -> None:
        self.mode = mode

    def __enter__(self) -> None:
        pass

    def __exit__(self, *problem: object) -> None:
        pass


def several(value: Any) -> list[Any]:
    """One tensor, or a sequence of them, as a list."""
    return [value] if isinstance(value, Tensor) or value is None else list(value)


def full(found: Any, like: Any) -> Any:
    """A cotangent as one of the façade's tensors, in the shape of ``like`` and in memory of its own."""
    shape = like.value.shape
    if isinstance(found, CoreTensor):
        if found.value.shape != shape:
            found = REGISTRY[np.broadcast_to](found, shape)
        vertex = found.vertex
        return Tensor(found.value, vertex, vertex is not None)
    return Tensor(np.array(np.broadcast_to(found, shape)), None)


def checked_cotangents(gradients: Any, count: int) -> list[Any]:
    """One cotangent (or None) for each output."""
    given = [None] * count if gradients is None else several(gradients)
    for gradient in given:
        if gradient is not None and not isinstance(gradient, Tensor):
            raise wrong_gradient(gradient)
    if len(given) != count:
        raise StandInRuntimeError(
            f"got {count} tensors and {len(given)} gradients\nGive one gradient (or None) for each tensor."
        )
    return given


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of the sum of ``outputs`` (or vᵀJ for the cotangents v given) with respect to ``inputs``.

    >>> x = Tensor([1.0, 2.0]).requires_grad_()
    >>> grad((x * x).sum(), x)
    (tensor([2., 4.]),)
    """
    roots, sources = several(outputs), several(inputs)
    if is_grads_batched:
        return batched(
            roots, sources, several(grad_outputs), retain_graph, create_graph, allow_unused, materialize_grads
        )
    given = checked_cotangents(grad_outputs, len(roots))
    for root, source in ((roots[0], source) for source in sources):
        if not source.requires_grad and root.requires_grad:
            raise StandInRuntimeError(
                "One of the differentiated Tensors does not require grad\n"
                "Make it with requires_grad=True before computing with it."
            )
    try:
        arrived = cotangents_of(roots, given, [source.vertex for source in sources], retain_graph, create_graph)
    except ChainruleError as problem:
        raise reworded(problem) from None
    results = []
    for number, source in enumerate(sources):
        found = arrived.get(source.vertex)
        if found is not None:
            results.append(full(found, source))
        elif materialize_grads:
            results.append(Tensor(np.zeros_like(source.value), None))
        elif allow_unused:
            results.append(None)
        else:
            raise StandInRuntimeError(
                f"The differentiated Tensor at index {number} appears to not have been used in the graph. Set "
                "allow_unused=True if this is the desired behavior.\nThe output was not computed from this tensor (a "
                "copy of "
                "it, or its value, may have been used instead)."
            )
    notify("gradient", (outputs, inputs, grad_outputs), tuple(results))
    return tuple(results)


def batched(
    roots: Sequence[Any],
    sources: Sequence[Any],
    cotangents: Sequence[Any],
    retain_graph: bool | None,
    create_graph: bool,
    allow_unused: bool | None,
    materialize_grads: bool,
) -> tuple[Any, ...]:
    """Gradients for several cotangents at once, which lie along a first dimension."""
    rows = []
    count = len(cotangents[0])
    for row in range(count):
        keep = True if row < count - 1 else retain_graph
        given = [cotangent[row] for cotangent in cotangents]
        rows.append(
            grad(roots, sources, given, keep, create_graph, True, allow_unused, materialize_grads=materialize_grads)
        )
    return tuple(
        [None if column[0] is None else REGISTRY[np.stack](list(column)) for column in zip(*rows, strict=True)]
    )


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Add the gradients of ``tensors`` to ``.grad`` of the leaves (or of ``inputs``)."""
    roots = several(tensors)
    given = checked_cotangents(grad_tensors, len(roots))
    try:
        backward_from(roots, given, retain_graph, create_graph, inputs)
    except ChainruleError as problem:
        raise reworded(problem) from None
    for root, gradient in zip(roots, given, strict=True):
        notify("backward", (root, gradient), None)
