"""``autograd.Function``: a step whose derivative the user writes, as one node of chainrule's graph.

The user's ``backward`` is the transposed Jacobian of the step, applied; the node keeps it as an opaque linear map. So
that several arguments and results are one such map, they are laid end to end.

>>> from chainrule.torch.tensors import Tensor
>>> class Cube(Function):
...     @staticmethod
...     def forward(ctx, x):
...         ctx.save_for_backward(x)
...         return x**3
...
...     @staticmethod
...     def backward(ctx, gradient):
...         (x,) = ctx.saved_tensors
...         return gradient * 3 * x**2
>>> x = Tensor([1.0, 2.0]).requires_grad_()
>>> Cube.apply(x).sum().backward()
>>> x.grad
tensor([ 3., 12.])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn
from weakref import ref

import numpy as np

from chainrule.errors import StandInRuntimeError, StandInTypeError
from chainrule.linear.term import Factor, Opaque, Term, pattern
from chainrule.op import OPERATIONS, Operation, Rule
from chainrule.program.node import Node
from chainrule.tape import enabled
from chainrule.tensor import Tensor as CoreTensor
from chainrule.torch.autograd.gradients import enable_grad, no_grad
from chainrule.torch.messages import listed
from chainrule.torch.recording import apply
from chainrule.torch.shaping import reshape
from chainrule.torch.tensors import Tensor
from chainrule.torch.through import own, twin

__all__ = ["Function", "FunctionCtx", "once_differentiable"]


class FunctionCtx:
    """What ``forward`` leaves for ``backward``: saved tensors, and any attributes."""

    def __init__(self) -> None:
        self.needs_input_grad: tuple[bool, ...] = ()
        self.materialize_grads = True
        self._saved: tuple[Any, ...] = ()
        self._undifferentiable: tuple[Any, ...] = ()
        self._results: dict[int, Callable[[], Any]] = {}

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors for ``backward``, which finds them in ``saved_tensors``."""
        self._saved = tensors

    save_for_forward = save_for_backward

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The tensors that were kept."""
        return tuple([self._results.get(id(tensor), lambda kept=tensor: kept)() for tensor in self._saved])

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Say that nothing flows back through these results."""
        self._undifferentiable = tensors

    def mark_dirty(self, *tensors: Any) -> None:
        """Say that these arguments were changed in place; accepted."""

    def set_materialize_grads(self, value: bool) -> None:
        """Whether missing gradients are given to ``backward`` as zeros."""
        self.materialize_grads = value


class Step:
    """One application: how to run the user's backward, once for each cotangent although every argument asks for it."""

    def __init__(self, kind: Any, ctx: FunctionCtx, arguments: Sequence[Any], positions: Sequence[int]) -> None:
        self.kind = kind
        self.ctx = ctx
        self.positions = tuple(positions)  # of the tracked tensors among the arguments
        self.count = len(arguments)
        self.shapes = [arguments[position].value.shape for position in positions]
        self.outputs: list[tuple[int, int, tuple[int, ...]] | None] = []  # start, end, shape; None: not differentiable
        self.single = True
        self.last: Any = None
        self.gradients: list[Any] = []
        self.served: set[int] = set()

    def pull(self, cotangent: Any, place: int, recorded: bool) -> Any:
        """The gradient for the tracked argument number ``place``, flat; ``cotangent`` holds all results end to end."""
        plain = getattr(cotangent, "value", cotangent)
        vertex = cotangent.vertex if isinstance(cotangent, CoreTensor) else None
        known = (
            self.last is not None
            and self.last[0] == (vertex, recorded)
            and np.array_equal(self.last[1], plain, equal_nan=True)
        )
        if not known or place in self.served:
            self.gradients = self.run(cotangent, recorded)
            self.last = ((vertex, recorded), np.array(plain))
            self.served = set()
        self.served.add(place)
        found = self.gradients[place]
        if len(self.served) == len(self.positions):
            self.last, self.gradients = None, []
        return found

    def run(self, cotangent: Any, recorded: bool) -> list[Any]:
        """The user's backward of one cotangent, itself recorded if that is to be differentiated."""
        given = own(cotangent)
        parts: list[Any] = []
        for output in self.outputs:
            parts.append(None if output is None else reshape(given[output[0] : output[1]], output[2]))
        with enable_grad() if recorded else no_grad():
            found = self.kind.backward(self.ctx, *parts)
        gradients = list(found) if isinstance(found, tuple | list) else [found]
        if len(gradients) > self.count and all([extra is None for extra in gradients[self.count :]]):
            gradients = gradients[: self.count]
        name = f"{self.kind.__name__}Backward"
        if len(gradients) != self.count:
            raise StandInRuntimeError(
                f"function {name} returned an incorrect number of gradients (expected {self.count}, got "
                f"{len(gradients)})\n"
                "backward returns one for each argument of forward after ctx, None where there is none."
            )
        flat = []
        for position, shape in zip(self.positions, self.shapes, strict=True):
            gradient = gradients[position]
            if gradient is None:
                flat.append(np.zeros(int(np.prod(shape)), given.value.dtype))
                continue
            if not isinstance(gradient, Tensor):
                raise StandInTypeError(f"expected Variable or None (got {type(gradient).__name__})\nReturn tensors.")
            flat.append(self.fitted(gradient, shape, position, name, recorded))
        return flat

    def fitted(self, gradient: Any, shape: tuple[int, ...], position: int, name: str, recorded: bool) -> Any:
        """A gradient in the shape of its argument, flat; summed over what was broadcast."""
        given = gradient.value.shape
        if given != shape:
            try:
                fits = np.broadcast_shapes(given, shape) == given
            except ValueError:
                fits = False
            if not fits:
                raise StandInRuntimeError(
                    f"Function {name} returned an invalid gradient at index {position} - got {listed(given)} but "
                    "expected shape "
                    f"compatible with {listed(shape)}\nA gradient has the shape of its argument."
                )
            ahead = len(given) - len(shape)
            axes = [*range(ahead), *[k + ahead for k, size in enumerate(shape) if size == 1 != given[k + ahead]]]
            gradient = gradient.sum(tuple(axes))
        gradient = reshape(gradient, (-1,))
        return twin(gradient) if recorded else gradient.value


class Pullback(Opaque):
    """The user's backward as a linear map of one argument."""

    def __init__(self, step: Step, place: int, shape: tuple[int, int], dtype: Any, recorded: bool) -> None:
        self.step = step
        self.recorded = recorded
        self.place = place
        self.shape = shape
        self.dtype = dtype

    def apply_transposed(self, vectors: Any) -> Any:
        """Each column through the user's backward."""
        columns = [self.step.pull(vectors[:, column], self.place, self.recorded) for column in range(vectors.shape[1])]
        return np.stack(columns, axis=1) if columns else np.zeros((self.shape[1], 0), self.dtype)

    def apply(self, vectors: Any) -> Any:
        """Forwards: the whole Jacobian, from one backward for each result, times the vectors."""
        return self.dense() @ vectors

    def dense(self) -> Any:
        """The whole Jacobian, a backward for each row."""
        rows = [self.step.pull(row, self.place, self.recorded) for row in np.eye(self.shape[0], dtype=self.dtype)]
        return np.stack(rows) if rows else np.zeros(self.shape, self.dtype)


class Written(Rule):
    """The local Jacobian that the user's backward stands for.

    It asks for its argument only to see, by what it is given, whether the sweep is itself recorded.
    """

    by_hand = True

    def __init__(self, step: Step, place: int) -> None:
        self.step = step
        self.place = place
        self.needs = (place,)

    def terms(self, call: Any, position: int, out: Any, arguments: Sequence[Any]) -> Sequence[Term]:
        sizes = (call.shape[0], call.shapes[position][0])
        recorded = isinstance(arguments[position], CoreTensor)
        made, _ = pattern(sizes, [0], [1], [Factor((0, 1), True)])
        return (Term(made, (Pullback(self.step, self.place, sizes, call.dtype, recorded),)),)


class Shown(Operation):
    """An operation that is shown under a name of its own."""

    __slots__ = ("shown",)

    shown: str


def shaped(name: str) -> Shown:
    """The last step of an application, a reshape, shown under the application's name."""
    made = Shown("reshape", OPERATIONS["reshape"].forward, ("x",), [OPERATIONS["reshape"].rule(0)], label=name)
    made.shown = f"{name}Backward"
    return made


class FunctionMeta(type):
    """Lets an instance-like call fail with PyTorch's words."""

    def __call__(cls, *arguments: Any, **options: Any) -> NoReturn:
        raise StandInRuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd "
            "function "
            f"with static forward method.\nCall {cls.__name__}.apply(...)."
        )


class Function(metaclass=FunctionMeta):
    """A step with a derivative of its own: a subclass has static ``forward`` and ``backward``; call ``apply``."""

    @staticmethod
    def forward(*arguments: Any, **options: Any) -> Any:
        """The step; the first argument is the context unless ``setup_context`` is defined."""
        raise StandInRuntimeError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Keep what ``backward`` needs, where ``forward`` has no context."""
        raise StandInRuntimeError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """One gradient for each argument, from one for each result."""
        raise StandInRuntimeError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward "
            "mode AD."
        )

    @classmethod
    def apply(cls, *arguments: Any) -> Any:
        """Run the step, recorded."""
        ctx = FunctionCtx()
        tensors = [isinstance(argument, Tensor) and argument.requires_grad for argument in arguments]
        ctx.needs_input_grad = tuple(tensors)
        with no_grad():
            if cls.setup_context is not Function.setup_context:
                result = cls.forward(*arguments)
                cls.setup_context(ctx, arguments, result)
            else:
                result = cls.forward(ctx, *arguments)
        if not enabled() or not any(tensors):
            return result
        return recorded_results(cls, ctx, arguments, result)


def recorded_results(kind: Any, ctx: FunctionCtx, arguments: Sequence[Any], result: Any) -> Any:
    """The results of a step, each connected to the step's node."""
    raw = list(result) if isinstance(result, tuple | list) else [result]
    positions = [place for place, needed in enumerate(ctx.needs_input_grad) if needed]
    step = Step(kind, ctx, arguments, positions)
    start = 0
    pieces = []
    for tensor in raw:
        if isinstance(tensor, Tensor) and tensor.value.dtype.kind == "f" and not among(tensor, ctx._undifferentiable):
            step.outputs.append((start, start + tensor.value.size, tensor.value.shape))
            start += tensor.value.size
            pieces.append(tensor.value.ravel())
        else:
            step.outputs.append(None)
    packed = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    operation = Operation(
        kind.__name__, lambda *flat: packed, None, lambda position: Written(step, position), label=kind.__name__
    )
    flat = [reshape(arguments[position], (-1,)) for position in positions]
    joined = apply(operation, flat)
    shape_of = shaped(kind.__name__)
    finished = []
    for tensor, output in zip(raw, step.outputs, strict=True):
        if output is None:
            finished.append(tensor)
            continue
        part = joined if len(pieces) == 1 else joined[output[0] : output[1]]
        made = apply(shape_of, (part,), {"shape": output[2]})
        made.value = tensor.value.astype(made.value.dtype, copy=False)
        made.root = made.recipe = None
        if among(tensor, ctx._saved):
            ctx._results[id(tensor)] = rebuilt(made)
        finished.append(made)
    return tuple(finished) if isinstance(result, tuple | list) else finished[0]


def among(tensor: Any, others: Sequence[Any]) -> bool:
    """Whether it is one of these objects."""
    return any([tensor is other for other in others])


def rebuilt(tensor: Any) -> Callable[[], Any]:
    """How to make a result again from its value and node, without keeping the node alive."""
    value, node = tensor.value, ref(tensor.node)

    def again() -> Any:
        vertex: Node | None = node()
        return Tensor(value, vertex, vertex is not None)

    return again


def once_differentiable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a backward that cannot itself be differentiated: accepted."""
    return function
