"""PyTorch's tensor: chainrule's own, with PyTorch's dtypes, promotion, messages and printed form.

>>> x = Tensor([[1, 2], [3, 4]]).requires_grad_()
>>> (x * x).sum().backward()
>>> x.grad
tensor([[2., 4.],
        [6., 8.]])

Most methods are functions of the package as well; they are given to the class where those are defined (`methods`).
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import numpy as np

from chainrule.backward import backward as core_backward
from chainrule.errors import ChainruleError, DtypeError, StandInRuntimeError, StandInTypeError, StandInValueError
from chainrule.op import OPERATIONS, REGISTRY
from chainrule.ops import elementwise as e
from chainrule.program.node import meets
from chainrule.tape import notify
from chainrule.tensor import Tensor as CoreTensor
from chainrule.torch import dtypes
from chainrule.torch.device import CPU, STRIDED, device
from chainrule.torch.from_data import DTYPES, from_user
from chainrule.torch.graph import GraphNode, graph_node
from chainrule.torch.indexing import get_item, set_item
from chainrule.torch.messages import absent, listed, reworded, wrong_gradient
from chainrule.torch.operators import OPERATORS
from chainrule.torch.printing import format_item, format_tensor
from chainrule.torch.recording import apply, position_of
from chainrule.torch.size import Size

__all__ = ["Tensor", "methods"]

_USER: Any = object()  # stands for an argument that only a user's call of Tensor(…) leaves out


class Tensor(CoreTensor):
    """An array with PyTorch's methods.

    ``Tensor([[1, 2], [3, 4]])`` makes one of the default dtype from numbers, ``Tensor(2, 3)`` one of that shape.
    """

    __module__ = "torch"

    def __init__(self, value: Any = _USER, node: Any = _USER, tracked: Any = False, *more: Any) -> None:
        if node is _USER or type(node) is int:
            sizes = [each for each in (value, node, tracked, *more) if each is not _USER and each is not False]
            self.value = from_user(sizes, dtypes.get_default_dtype())
            return
        self.value = value
        if tracked:
            self.node = node
            self.tracked = True
            if node is None:
                meets(value.dtype)

    def __getattr__(self, name: str) -> Any:
        raise absent(f"'Tensor' object has no attribute {name!r}", name, dir(type(self)))

    # --- what it is ---

    @property
    def dtype(self) -> Any:
        """The type of its elements."""
        return DTYPES[self.value.dtype]

    @property  # type: ignore[misc]  # which cannot be assigned here either
    def shape(self) -> Any:
        """Its shape, a ``torch.Size``."""
        return Size(self.value.shape)

    def size(self, dim: int | None = None) -> Any:
        """Its shape, or the length of one dimension."""
        return Size(self.value.shape) if dim is None else self.value.shape[position_of(dim, self.value.ndim)]

    def dim(self) -> int:
        """The number of dimensions."""
        return int(self.value.ndim)

    ndimension = dim

    def numel(self) -> int:
        """The number of elements."""
        return int(self.value.size)

    nelement = numel

    def element_size(self) -> int:
        """The bytes of one element."""
        return int(self.value.itemsize)

    def stride(self, dim: int | None = None) -> Any:
        """The distances in memory, in elements, between neighbours along each dimension."""
        steps = tuple([int(step) // self.value.itemsize for step in self.value.strides])
        return steps if dim is None else steps[position_of(dim, self.value.ndim)]

    def storage_offset(self) -> int:
        """Where its first element lies in the memory that it shares."""
        base = self.value
        while isinstance(base.base, np.ndarray):
            base = base.base
        start, own_start = base.__array_interface__["data"][0], self.value.__array_interface__["data"][0]
        return int((own_start - start) // self.value.itemsize)

    def data_ptr(self) -> int:
        """The address of its first element."""
        return int(self.value.__array_interface__["data"][0])

    def is_contiguous(self) -> bool:
        """Whether its elements lie side by side in order."""
        return bool(self.value.flags.c_contiguous)

    def contiguous(self) -> Any:
        """The tensor, copied if its elements do not lie side by side in order."""
        return self if self.value.flags.c_contiguous else apply(e.clone, (self,))

    @property
    def device(self) -> device:
        """Where it is: the processor."""
        return CPU

    @property
    def layout(self) -> Any:
        """How it lies in memory: strided."""
        return STRIDED

    @property
    def is_cuda(self) -> bool:
        """Whether it is on a graphics card: never."""
        return False

    is_mps = is_quantized = is_sparse = is_cuda

    def is_floating_point(self) -> bool:
        """Whether its elements are real floating-point numbers."""
        return bool(self.value.dtype.kind == "f")

    def is_complex(self) -> bool:
        """Whether its elements are complex numbers."""
        return bool(self.value.dtype.kind == "c")

    @property
    def T(self) -> Any:
        """The tensor with its dimensions reversed."""
        return apply(OPERATIONS["transpose"], (self,))

    @property
    def mT(self) -> Any:
        """The tensor with its last two dimensions exchanged."""
        if self.value.ndim == 0:
            return self
        if self.value.ndim == 1:
            raise StandInRuntimeError(
                "tensor.mT is only supported on matrices or batches of matrices. Got 1-D tensor.\n"
                "A vector has one dimension; x[:, None] makes it a column."
            )
        return REGISTRY[np.swapaxes](self, -1, -2)

    @property
    def H(self) -> Any:
        """The conjugate of the tensor with its dimensions reversed."""
        return REGISTRY[np.conjugate](self.T) if self.is_complex() else self.T

    @property
    def mH(self) -> Any:
        """The conjugate of the tensor with its last two dimensions exchanged."""
        return REGISTRY[np.conjugate](self.mT) if self.is_complex() else self.mT

    def __round__(self, ndigits: int | None = None) -> Any:
        raise TypeError("type Tensor doesn't define __round__ method")

    def __reduce__(self) -> Any:
        return (_restored, (self.value, self.requires_grad))

    # --- how it looks ---

    def __repr__(self) -> str:
        node = self.grad_fn
        return format_tensor(self.value, self.dtype, self.requires_grad, None if node is None else node.name())

    def __format__(self, spec: str) -> str:
        notify("item", (self,), None)
        try:
            return format_item(self.value, spec, repr(self))
        except DtypeError as problem:
            raise StandInTypeError(str(problem)) from None

    # --- as numbers ---

    def item(self) -> Any:
        """The one element as a Python number."""
        if self.value.size != 1:
            raise StandInRuntimeError(
                f"a Tensor with {self.value.size} elements cannot be converted to Scalar\nUse tolist() for all of "
                "them, or "
                "sum(), mean(), x[0] for one."
            )
        result = self.value.item()
        notify("item", (self,), result)
        return result

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        result = self.value.tolist()
        notify("tolist", (self,), result)
        return result

    def numpy(self, *, force: bool = False) -> Any:
        """The elements as a NumPy array that shares memory; an error if it requires grad, unless ``force``."""
        self._refuse_tracked(force)
        result = self.value.view()
        notify("numpy", (self,), result)
        return result

    def _refuse_tracked(self, force: bool = False) -> None:
        if not force and self.requires_grad:
            raise StandInRuntimeError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.\n"
                "A NumPy array forgets how it was computed, so a gradient would stop here."
            )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        self._refuse_tracked()
        result = np.array(self.value, dtype=dtype, copy=copy)
        notify("numpy", (self,), result)
        return result

    def __bool__(self) -> bool:
        if self.value.size != 1:
            many = "more than one value" if self.value.size else "no values"
            raise StandInRuntimeError(
                f"Boolean value of Tensor with {many} is ambiguous\nSay which is meant: x.all(), x.any(), or x.item()."
            )
        return bool(self.value.item())

    def _number(self) -> Any:
        if self.value.size != 1:
            raise StandInValueError(
                "only one element tensors can be converted to Python scalars\n"
                f"This one has {self.value.size}: use tolist(), or reduce it first."
            )
        result = self.value.item()
        notify("item", (self,), result)
        return result

    def __float__(self) -> float:
        return float(self._number())

    def __int__(self) -> int:
        return int(self._number())

    def __complex__(self) -> complex:
        return complex(self._number())

    def __index__(self) -> int:
        if self.value.dtype.kind not in "iub" or self.value.size != 1:
            raise StandInTypeError(
                "only integer tensors of a single element can be converted to an index\n"
                f"This one is {self.dtype} of shape {listed(self.value.shape)}."
            )
        return int(self.value.item())

    def __len__(self) -> int:
        if not self.value.ndim:
            raise StandInTypeError("len() of a 0-d tensor\nIt has one element: x.item().")
        return len(self.value)

    def __iter__(self) -> Iterator[Any]:
        if not self.value.ndim:
            raise StandInTypeError("iteration over a 0-d tensor\nIt has one element: x.item().")
        return iter([self[position] for position in builtins.range(len(self.value))])

    # --- PyTorch's view of differentiation ---

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Ask for gradients with respect to this leaf (or no longer); returns the tensor itself."""
        if not isinstance(requires_grad, bool):
            raise StandInTypeError(
                "requires_grad_(): argument 'requires_grad' (position 1) must be bool, not "
                f"{builtins.type(requires_grad).__name__}\nWrite True or False."
            )
        try:
            return super().requires_grad_(requires_grad)
        except ChainruleError as problem:
            raise StandInRuntimeError(str(problem)) from None

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded and gradients flow to it."""
        return self.vertex is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value and self.value.dtype.kind not in "fc":
            raise StandInRuntimeError(
                "only Tensors of floating point and complex dtype can require gradients\n"
                f"This one is {self.dtype}: make it a float tensor first, x.float()."
            )
        self.requires_grad_(bool(value))

    @property
    def grad_fn(self) -> GraphNode | None:
        """The step of the computation that made this tensor, or None for a leaf."""
        return graph_node(self.node) if self.requires_grad and self.node is not None else None

    @property
    def grad(self) -> Any:
        """The gradient that `backward` has accumulated, or None."""
        return CoreTensor.grad.fget(self)  # type: ignore[attr-defined]

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None and not isinstance(value, Tensor):
            kind = builtins.type(value).__name__
            raise StandInTypeError(
                f"assigned grad expected to be a Tensor or None but got grad of type {kind}\nMake a tensor of it."
            )
        if value is not None and value.value.shape != self.value.shape:
            raise StandInRuntimeError(
                f"attempting to assign a gradient of size '{listed(value.value.shape)}' to a tensor of size "
                f"'{listed(self.value.shape)}'. Please ensure that the gradient and the tensor are the same size"
            )
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    def backward(
        self,
        gradient: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Add the gradient of this tensor to ``.grad`` of the leaves that it depends on (or of ``inputs``).

        ``gradient`` is the cotangent v, of this tensor's shape, where it has more than one element.
        """
        if gradient is not None and not isinstance(gradient, Tensor):
            raise wrong_gradient(gradient)
        try:
            core_backward((self,), (gradient,), retain_graph, create_graph, inputs)
        except ChainruleError as problem:
            raise reworded(problem) from None
        notify("backward", (self, gradient), None)

    def retain_grad(self) -> None:
        """Keep the gradient of this tensor although it is not a leaf."""
        try:
            super().retain_grad()
        except ChainruleError as problem:
            raise reworded(problem) from None

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made this tensor."""
        return not self.requires_grad or self.node is None

    @property
    def data(self) -> Any:
        """The value as a tensor that is not tracked and shares memory."""
        result = Tensor(self.value, None)
        notify("data", (self,), result)
        return result

    @data.setter
    def data(self, value: Any) -> None:
        self.value = getattr(value, "value", value)

    __getitem__, __setitem__ = get_item, set_item

    __hash__ = object.__hash__

    @staticmethod
    def __chainrule_record__(operation: Any, arguments: Sequence[Any], params: Any) -> Any:
        return apply(operation, arguments, params)


def _restored(value: Any, requires_grad: bool) -> Tensor:
    return Tensor(value, None, requires_grad)


def methods(**given: Callable[..., Any]) -> None:
    """Give functions to the class as methods."""
    for name, function in given.items():
        setattr(Tensor, name, function)


methods(**OPERATORS)
