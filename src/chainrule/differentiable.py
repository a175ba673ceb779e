"""PyTorch's view of a tensor: requires_grad, leaves, grad, backward, hooks, detaching and copying."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Self
from weakref import ref

import numpy as np

from chainrule.backward import backward, check_differentiable, owned
from chainrule.errors import AssignmentError, DtypeError, GradientError, ShapeError
from chainrule.op import REGISTRY
from chainrule.ops.elementwise import clone
from chainrule.ops.like import copy
from chainrule.program.node import Node, write_count
from chainrule.tape import Tracked, is_traced, notify, record, refused

__all__ = ["Differentiable", "RemovableHandle"]


class RemovableHandle:
    """What `Tensor.register_hook` returns: ``remove()`` takes the hook away."""

    def __init__(self, hooks: list[Any], hook: Any) -> None:
        self.hooks = hooks
        self.hook = hook

    def remove(self) -> None:
        """Take the hook away; a second time does nothing."""
        self.hooks[:] = [hook for hook in self.hooks if hook is not self.hook]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.remove()


class Differentiable(Tracked):
    """A tracked value that can be asked for gradients; leaves collect them in `grad`."""

    _grad: Any = None
    _hooks: list[Any] | None = None
    _after: list[Any] | None = None
    _retains: bool = False

    @property
    def shape(self) -> Any:
        """The shape of the value."""
        return self.value.shape

    @shape.setter
    def shape(self, shape: Any) -> None:
        raise AssignmentError(f"x.shape = {shape}: the shape of a tensor stays; write x = x.reshape({shape}).")

    def setflags(self, write: bool | None = None) -> None:
        """Let the array be written to, or not."""
        self.value.setflags(write)

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded and gradients flow to it."""
        return self.vertex is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Ask for gradients with respect to this leaf (or no longer); returns the tensor itself."""
        if not self.is_leaf:
            if not requires_grad:
                raise GradientError(
                    "you can only change requires_grad flags of leaf variables. If you want to use a computed variable "
                    "in a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
                )
            return self
        if requires_grad:
            check_differentiable(self.value.dtype)
        self.tracked = bool(requires_grad)
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made this tensor."""
        return not self.requires_grad or self.node is None

    @property
    def grad_fn(self) -> Any:
        """The node of the operation that made this tensor, or None for a leaf."""
        return self.node if self.requires_grad and type(self.node) is Node else None

    @property
    def grad(self) -> Any:
        """The gradient that `backward` has accumulated, or None."""
        if self._grad is None and not self._retains and not self.is_leaf:
            warnings.warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute "
                "won't be populated during autograd.backward(). If you indeed want the .grad field to be populated "
                "for a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor.",
                stacklevel=2,
            )
        notify("grad", (self,), self._grad)
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            if not isinstance(value, Tracked):
                raise DtypeError(f"assigned grad expected to be a Tensor or None but got {type(value).__name__}")
            if value.value.shape != self.value.shape:
                raise ShapeError(
                    f"assigned grad has data of a different size\nThe tensor has shape {tuple(self.value.shape)}, the "
                    f"gradient {tuple(value.value.shape)}."
                )
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    def retain_grad(self) -> None:
        """Keep the gradient of this tensor although it is not a leaf."""
        if not self.requires_grad:
            raise GradientError("can't retain_grad on Tensor that has requires_grad=False")
        if self.is_leaf or self._retains:
            return
        self._retains = True
        weak = ref(self)

        def keep(cotangent: Any) -> None:
            tensor_ = weak()
            if tensor_ is not None:
                tensor_._grad = None
                tensor_.accumulate(cotangent, run_hooks=False)

        keep.last = True  # type: ignore[attr-defined]
        self._node_hooks().append(keep)

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was asked for."""
        return self._retains

    def _node_hooks(self) -> list[Any]:
        node = self.vertex
        Node.hooked = True
        if node.hooks is None:
            node.hooks = []
        hooks: list[Any] = node.hooks
        return hooks

    def register_hook(self, hook: Callable[[Any], Any]) -> RemovableHandle:
        """Call ``hook(gradient)`` when this tensor's gradient is known; what it returns, if not None, replaces it."""
        if not self.requires_grad:
            raise GradientError("cannot register a hook on a tensor that doesn't require gradient")
        if self.is_leaf:
            if self._hooks is None:
                self._hooks = []
            self._hooks.append(hook)
            return RemovableHandle(self._hooks, hook)
        hooks = self._node_hooks()
        kind, shape = type(self), self.value.shape

        def run(cotangent: Any) -> Any:
            if not isinstance(cotangent, Tracked):
                cotangent = kind(owned(cotangent, shape), None)
            result = hook(cotangent)
            if result is None:
                return None
            check_hooked(hook, result, shape)
            return result if result.requires_grad else result.value

        position = next((k for k, known in enumerate(hooks) if getattr(known, "last", False)), len(hooks))
        hooks.insert(position, run)
        return RemovableHandle(hooks, run)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Any], None]) -> RemovableHandle:
        """Call ``hook(tensor)`` after a gradient was added to this leaf."""
        if not self.is_leaf:
            raise GradientError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        if self._after is None:
            self._after = []
        self._after.append(hook)
        return RemovableHandle(self._after, hook)

    def accumulate(self, cotangent: Any, run_hooks: bool = True) -> None:
        """Add a cotangent (possibly thin) to `grad`."""
        kind, shape = type(self), self.value.shape
        if isinstance(cotangent, Tracked) and cotangent.vertex is not None:
            if cotangent.value.shape != shape:
                cotangent = REGISTRY[np.broadcast_to](cotangent, shape)
            cotangent = record(clone, (cotangent,))
            gradient = kind(cotangent.value, cotangent.node, True)
        else:
            gradient = kind(owned(getattr(cotangent, "value", cotangent), shape), None)
        if run_hooks and self._hooks:
            for hook in tuple(self._hooks):
                changed = hook(gradient)
                if changed is not None:
                    check_hooked(hook, changed, shape)
                    gradient = changed.clone()
        if self._grad is None:
            self._grad = gradient
        elif self._grad.requires_grad or gradient.requires_grad:
            self._grad = self._grad + gradient
        else:
            self._grad.value += gradient.value
        for after in self._after or ():
            after(self)

    def backward(
        self,
        gradient: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Add the gradient of this tensor to ``.grad`` of the leaves that it depends on.

        ``gradient`` is the cotangent v, of this tensor's shape, for an array with more than one element: vᵀJ is
        computed. ``retain_graph`` keeps what a second backward needs, ``create_graph`` records the backward itself so
        that it can be differentiated again, ``inputs`` limits the leaves.
        """
        backward((self,), (gradient,), retain_graph, create_graph, inputs)

    def detach(self) -> Self:
        """The same value (sharing memory), not tracked."""
        result = type(self)(self.value, None)
        notify("detach", (self,), result)
        return result

    def detach_(self) -> Self:
        """Forget how this tensor was computed."""
        self.node, self.tracked, self.root, self.recipe = None, False, None, None
        return self

    @property
    def data(self) -> Self:
        """The value as a tensor that is not tracked and shares memory; an error in the function of a transform.

        What code for NumPy means by it there is the array of something that holds one.
        """
        if self.tracked and is_traced():
            refused()
            raise AssignmentError(
                "x.data of a tracked value would forget where it came from, and its gradient would silently be "
                "missing. Leave .data out to go on with the value (an array times an xarray.DataArray is one here: "
                "write DataArray * x for a DataArray), or write x.detach() where no gradient is wanted."
            )
        result = type(self)(self.value, None)
        notify("data", (self,), result)
        return result

    @data.setter
    def data(self, value: Any) -> None:
        self.value = getattr(value, "value", np.asarray(value))

    @property
    def _version(self) -> int:
        return write_count(self.value)

    def clone(self) -> Any:
        """A copy through which gradients flow."""
        return record(clone, (self,))

    def copy(self, order: str = "C") -> Any:
        """A copy through which gradients flow."""
        return copy(self, order)

    def __copy__(self) -> Any:
        return self.detach() if self.is_leaf and not self.requires_grad else record(clone, (self,))

    def __deepcopy__(self, memo: Any) -> Any:
        if is_traced():  # in the place of an array, whose copy is one
            return record(clone, (self,))
        if not self.is_leaf:
            raise GradientError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment"
            )
        result = type(self)(self.value.copy(), None, self.tracked)
        result._grad = None if self._grad is None else type(self._grad)(self._grad.value.copy(), None)
        memo[id(self)] = result
        return result

    def __reduce__(self) -> Any:
        return (_rebuilt, (type(self), self.value, self.requires_grad))


def check_hooked(hook: Any, gradient: Any, shape: tuple[int, ...]) -> None:
    """Raise unless what a hook returned can take the place of a gradient of ``shape``."""
    if not isinstance(gradient, Tracked):
        raise DtypeError(
            f"expected Variable, but hook returned '{type(gradient).__name__}'\n"
            "A hook returns the tensor that takes the place of the gradient, or None to leave it as it is."
        )
    if gradient.value.shape != shape:
        raise ShapeError(
            f"hook '{getattr(hook, '__name__', hook)}' has changed the size of value\n"
            f"The gradient has shape {tuple(shape)}, the hook returned {tuple(gradient.value.shape)}."
        )


def _rebuilt(kind: Any, value: Any, requires_grad: bool) -> Any:
    return kind(value, None, requires_grad)
