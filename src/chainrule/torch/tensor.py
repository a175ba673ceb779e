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


from chainrule.errors import (
    ChainruleError,
    DtypeError,
    StandInIndexError,
    StandInNotImplementedError,
    StandInRuntimeError,
    StandInTypeError,
    StandInValueError,
)
from chainrule.ops import elementwise as e
from chainrule.ops.contract import matmul as matmul_operation
from chainrule.ops.index import getitem
from chainrule.ops.region import parse_index

from chainrule.op import OPERATIONS, REGISTRY
from chainrule.program.node import NO_PARAMS
from chainrule.tape import Tracked, notify, record
from chainrule.tape import write as core_write
from chainrule.tape import write_at
from chainrule.tensor import Tensor as CoreTensor
from chainrule.tensor import backward as core_backward
from chainrule.torch import dtypes
from chainrule.torch.device import CPU, STRIDED, device, refuse_other
from chainrule.torch.graph import GraphNode, graph_node
from chainrule.torch.messages import absent, broadcast_message, listed, reworded, wrong_gradient
from chainrule.torch.printing import format_item, format_tensor
from chainrule.torch.size import Size

__all__ = ["Tensor", "apply", "as_operand", "cast", "in_place", "method", "overwrite", "through", "twin"]

DTYPES = {kind.numpy: kind for kind in dtypes.ALL}
_USER: Any = object()  # stands for an argument that only a user's call of Tensor(…) leaves out


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
            f"{listed(np.broadcast_shapes(shape, target.value.shape))}\nWhat is written in place cannot change its shape."
        )
    try:
        return core_write(target, result)
    except ChainruleError as problem:
        raise reworded(problem) from None


def twin(value: Any) -> Any:
    """The same tensor for NumPy's functions: chainrule's own class. Lists and tuples are searched."""
    if isinstance(value, Tensor):
        vertex = value.vertex
        return CoreTensor(value.value, vertex, vertex is not None)
    if isinstance(value, list | tuple):
        return [twin(item) for item in value] if type(value) is list else tuple([twin(item) for item in value])
    return value


def own(result: Any) -> Any:
    """What a NumPy function returned, as the façade's tensors."""
    if isinstance(result, CoreTensor):
        vertex = result.vertex
        return result if isinstance(result, Tensor) else Tensor(result.value, vertex, vertex is not None)
    if isinstance(result, list | tuple):
        return tuple([own(item) for item in result])
    return Tensor(np.asarray(result), None) if isinstance(result, np.ndarray | np.generic) else result


def through(name: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call one of NumPy's functions on the tensors, as chainrule differentiates it."""
    try:
        result = own(function(*[twin(argument) for argument in arguments], **options))
    except (ChainruleError, IndexError) as problem:
        raise reworded(problem, arguments) from None
    notify(name, arguments, result)
    return result


# --- operators: in the usual case, one dtype or a Python number, nothing stands between them and the tape ---


def cast(tensor: Any, kind: dtypes.dtype) -> Any:
    """The tensor in another dtype; itself if it has that one."""
    if tensor.value.dtype == kind.numpy:
        return tensor
    return record(e.astype, (tensor,), {"dtype": kind.numpy})


def as_operand(value: Any) -> Any:
    """The other operand of an operator: a tensor or Python number, or NotImplemented."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, bool | int | float | complex):
        return value if type(value) in (bool, int, float, complex) else value.item()  # type: ignore[union-attr]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray) and value.dtype in DTYPES:
        return Tensor(value, None)
    return NotImplemented


def common(first: Any, second: Any, floating: bool = False) -> tuple[Any, Any]:
    """Two operands in the dtype of their result; with ``floating``, whole numbers become the default float."""
    kind = dtypes.result_type(first, second)
    if floating and not (kind.is_floating_point or kind.is_complex):
        kind = dtypes.get_default_dtype()
    pair = []
    for value in (first, second):
        if isinstance(value, Tensor):
            pair.append(cast(value, kind))
        elif kind.is_floating_point:
            pair.append(float(value))
        else:
            pair.append(value if kind.is_complex else np.asarray(value).astype(kind.numpy)[()])
    return pair[0], pair[1]


def _slow(operation: Any, name: str, first: Any, second: Any, floating: bool) -> Any:
    """An operator with operands of different types."""
    first, second = as_operand(first), as_operand(second)
    if first is NotImplemented or second is NotImplemented:
        return NotImplemented
    check = _CHECKS.get(name)
    if check is not None:
        check(first, second)
    return apply(operation, common(first, second, floating))


def _check_subtract(first: Any, second: Any) -> None:
    if all([isinstance(value, bool) or getattr(value, "dtype", None) is dtypes.bool_ for value in (first, second)]):
        raise StandInRuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator "
            "instead."
        )


def _check_power(base: Any, exponent: Any) -> None:
    if (
        isinstance(exponent, int)
        and exponent < 0
        and not dtypes.result_type(base).is_floating_point
        and isinstance(base, Tensor)
    ):
        raise StandInRuntimeError(
            "Integers to negative integer powers are not allowed.\nMake the base a float: x.float() ** -1."
        )


_CHECKS: dict[str, Callable[[Any, Any], None]] = {"subtract": _check_subtract, "power": _check_power}


def _operator(operation: Any, floating: bool = False) -> Callable[[Any, Any], Any]:
    """An operator of PyTorch's: the operation on operands of one type."""

    def method(self: Any, other: Any) -> Any:
        kind = type(other)
        dtype = self.value.dtype
        if kind is Tensor:
            same = other.value.dtype is dtype and dtype.kind == "f"
        else:
            same = (kind is float or kind is int) and dtype.kind == "f"
        if not same:
            return _slow(operation, operation.name, self, other, floating)
        try:
            return record(operation, (self, other))
        except ChainruleError as problem:
            raise reworded(problem, (self, other)) from None

    return method


def _reflected(operation: Any, floating: bool = False) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        kind = type(other)
        if (kind is float or kind is int) and self.value.dtype.kind == "f":
            return record(operation, (other, self))
        return _slow(operation, operation.name, other, self, floating)

    return method


def _comparison(operation: Any) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        operand = as_operand(other)
        if operand is NotImplemented:
            return NotImplemented
        if isinstance(operand, Tensor) and operand.value.dtype != self.value.dtype:
            return apply(operation, common(self, operand))
        return apply(operation, (self, operand))

    return method


def _bitwise(operation: Any) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        operand = as_operand(other)
        if operand is NotImplemented:
            return NotImplemented
        if dtypes.result_type(self, operand).is_floating_point:
            name = dtypes.result_type(self, operand).scalar_name
            raise StandInNotImplementedError(
                f"\"{operation.name}_cpu\" not implemented for '{name}'\nBitwise operators take whole numbers and booleans."
            )
        return apply(operation, common(self, operand))

    return method


def in_place(function: Callable[..., Any]) -> Callable[..., Any]:
    """The method with an underscore: the tensor gets the result's value, and its history."""

    def method(self: Any, *arguments: Any, **options: Any) -> Any:
        result = function(self, *arguments, **options)
        return NotImplemented if result is NotImplemented else overwrite(self, result)

    method.__doc__ = function.__doc__
    return method


def methods(**given: Callable[..., Any]) -> None:
    """Give functions to the class as methods."""
    for name, function in given.items():
        setattr(Tensor, name, function)


def method(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function to the class as a method of the same name."""
    setattr(Tensor, function.__name__, function)
    return function


def _add(a: Any, b: Any) -> Any:
    return a + b


_add_method, _sub_method = _operator(e.add), _operator(e.subtract)
_mul_method, _div_method = _operator(e.multiply), _operator(e.divide, floating=True)
_power_method, _floor_method = _operator(e.power), _operator(e.floor_divide)
_mod_method = _operator(e.remainder)


def power(base: Any, exponent: Any) -> Any:
    """``base ** exponent``: the square is one operation, without a second factor to keep."""
    if (type(exponent) is int or type(exponent) is float) and exponent == 2 and base.value.dtype.kind == "f":
        return record(e.square, (base,))
    return _power_method(base, exponent)


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

    def __getattr__(self, name: str) -> Any:
        raise absent(f"'Tensor' object has no attribute {name!r}", name, dir(type(self)))

    # --- what it is ---

    @property
    def dtype(self) -> Any:
        """The type of its elements."""
        return DTYPES[self.value.dtype]

    @property
    def shape(self) -> Any:
        """Its shape, a ``torch.Size``."""
        return Size(self.value.shape)

    def size(self, dim: int | None = None) -> Any:  # type: ignore[override]
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
        return int(own_start - start) // self.value.itemsize

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
        return REGISTRY[np.swapaxes](self, -1, -2)

    H, mH = T, mT

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

    def item(self) -> Any:  # type: ignore[override]
        """The one element as a Python number."""
        if self.value.size != 1:
            raise StandInRuntimeError(
                f"a Tensor with {self.value.size} elements cannot be converted to Scalar\nUse tolist() for all of them, or "
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

    # --- conversion ---

    def to(self, *arguments: Any, **options: Any) -> Any:
        """The tensor in another dtype: ``to(torch.float64)``, ``to("cpu")``, ``to(other)``; itself if it is so already."""
        kind = options.get("dtype")
        refuse_other(options.get("device"))
        for argument in arguments:
            if isinstance(argument, Tensor):
                kind = argument.dtype
            elif isinstance(argument, device | str):
                refuse_other(argument)
            elif isinstance(argument, dtypes.dtype) or argument in (float, int, bool, complex):
                kind = argument
        target = self.dtype if kind is None else dtypes.as_dtype(kind, "to")
        if target is self.dtype:
            return apply(e.clone, (self,)) if options.get("copy") else self
        return cast(self, target)

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """The name of its type, ``torch.FloatTensor``; or the tensor in another dtype."""
        if dtype is None:
            return f"torch.{self.dtype.scalar_name}Tensor"
        if isinstance(dtype, str):
            names = {f"torch.{kind.scalar_name}Tensor": kind for kind in dtypes.ALL}
            if dtype not in names:
                raise StandInValueError(f"invalid type: {dtype!r}\nGive a dtype, for instance torch.float64.")
            dtype = names[dtype]
        return cast(self, dtypes.as_dtype(getattr(dtype, "dtype", dtype), "type"))

    def type_as(self, other: Any) -> Any:
        """The tensor in the dtype of another."""
        return cast(self, other.dtype)

    def cpu(self) -> Any:
        """The tensor itself: it is on the processor."""
        return self

    def cuda(self, *arguments: Any, **options: Any) -> Any:
        """Not possible: there is no graphics card here."""
        refuse_other("cuda")

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
    def grad_fn(self) -> GraphNode | None:
        """The step of the computation that made this tensor, or None for a leaf."""
        return graph_node(self.node) if self.requires_grad and self.node is not None else None

    @property
    def grad(self) -> Any:
        """The gradient that `backward` has accumulated, or None."""
        return CoreTensor.grad.fget(self)  # type: ignore[attr-defined]

    @grad.setter
    def grad(self, value: Any) -> None:
        try:
            CoreTensor.grad.fset(self, value)  # type: ignore[attr-defined]
        except DtypeError as problem:
            raise StandInTypeError(str(problem)) from None
        except ChainruleError as problem:
            raise reworded(problem) from None

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

    def register_hook(self, hook: Callable[[Any], Any]) -> Any:
        """Call ``hook(gradient)`` when the gradient is known; what it returns (if not None) replaces it."""
        try:
            return super().register_hook(lambda gradient: hook(own(gradient)))
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

    # --- items ---

    def __getitem__(self, index: Any) -> Any:
        if type(index) is int:  # one item of many is a view; a single number as well, so that it can be written to
            template: Any = (("int", index),)
            arrays: Any = ()
        else:
            template, arrays = parse_index(checked_index(index))
        if not self.value.ndim and template and template[0][0] == "int":
            raise StandInIndexError(
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a "
                "0-dim tensor to a number"
            )
        if len(template) == self.value.ndim and not arrays:
            template = (*template, ("ellipsis",)) if ("ellipsis",) not in template else template
        return apply(getitem, (self, *arrays), {"index": template})

    def __setitem__(self, index: Any, value: Any) -> None:
        index = checked_index(index)
        try:
            if isinstance(value, Tensor) and value.value.dtype.kind == "f" != self.value.dtype.kind:
                value = value.detach()
            write_at(self, index, value)
        except ChainruleError as problem:
            raise self._unfit(index, value, problem) from None
        except IndexError as problem:
            raise reworded(problem) from None

    def _unfit(self, index: Any, value: Any, problem: Exception) -> Exception:
        """Why a value cannot be assigned to ``self[index]``."""
        given = np.shape(getattr(value, "value", value))
        with_index = parse_index(index)
        place = getitem.forward(self.value, *with_index[1], index=with_index[0]).shape
        if np.size(getattr(value, "value", value)) and given != place:
            if with_index[1]:
                return StandInRuntimeError(
                    f"shape mismatch: value tensor of shape {listed(given)} cannot be broadcast to indexing result of shape "
                    f"{listed(place)}"
                )
            for axis in reversed(builtins.range(min(len(given), len(place)))):
                have, want = given[len(given) - len(place) + axis] if len(given) >= len(place) else 1, place[axis]
                if have not in (1, want):
                    return StandInRuntimeError(
                        f"The expanded size of the tensor ({want}) must match the existing size ({have}) at non-singleton "
                        f"dimension {axis}.  Target sizes: {listed(place)}.  Tensor sizes: {listed(given)}"
                    )
        return reworded(problem)

    # --- operators ---

    __hash__ = object.__hash__
    __add__, __radd__, __iadd__ = _add_method, _reflected(e.add), in_place(_add_method)
    __sub__, __rsub__, __isub__ = _sub_method, _reflected(e.subtract), in_place(_sub_method)
    __mul__, __rmul__, __imul__ = _mul_method, _reflected(e.multiply), in_place(_mul_method)
    __truediv__, __rtruediv__ = _div_method, _reflected(e.divide, floating=True)
    __itruediv__ = in_place(_div_method)
    __floordiv__, __rfloordiv__, __ifloordiv__ = _floor_method, _reflected(e.floor_divide), in_place(_floor_method)
    __mod__, __rmod__, __imod__ = _mod_method, _reflected(e.remainder), in_place(_mod_method)
    __pow__, __rpow__, __ipow__ = power, _reflected(e.power), in_place(power)
    __eq__ = _comparison(REGISTRY[np.equal])  # type: ignore[assignment]
    __ne__ = _comparison(REGISTRY[np.not_equal])  # type: ignore[assignment]
    __lt__, __le__ = _comparison(REGISTRY[np.less]), _comparison(REGISTRY[np.less_equal])
    __gt__, __ge__ = _comparison(REGISTRY[np.greater]), _comparison(REGISTRY[np.greater_equal])
    __and__ = __rand__ = _bitwise(REGISTRY[np.bitwise_and])
    __or__ = __ror__ = _bitwise(REGISTRY[np.bitwise_or])
    __xor__ = __rxor__ = _bitwise(REGISTRY[np.bitwise_xor])
    __lshift__, __rshift__ = _bitwise(REGISTRY[np.left_shift]), _bitwise(REGISTRY[np.right_shift])
    __iand__, __ior__, __ixor__ = in_place(__and__), in_place(__or__), in_place(__xor__)

    def __matmul__(self, other: Any) -> Any:
        if type(other) is not Tensor:
            other = as_operand(other)
            if not isinstance(other, Tensor):
                return NotImplemented
        return product(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        other = as_operand(other)
        return product(other, self) if isinstance(other, Tensor) else NotImplemented

    def __divmod__(self, other: Any) -> Any:
        return NotImplemented

    __rdivmod__ = __divmod__

    def __neg__(self) -> Any:
        if self.value.dtype.kind == "b":
            raise StandInRuntimeError(
                "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the "
                "`~` or `logical_not()` operator instead."
            )
        return record(e.negative, (self,))

    def __pos__(self) -> Any:
        return self

    # --- under NumPy's functions a tensor is an array; it becomes a tensor again where PyTorch makes it one ---

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method == "__call__" and len(inputs) == 2 and isinstance(inputs[0], np.generic) and function in REFLECTED:
            return getattr(self, REFLECTED[function])(inputs[0].item())  # np.float64(2) * x
        result = getattr(function, method)(*[plain(value) for value in inputs], **options)
        return own(result)

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        return function(*plain(arguments), **{name: plain(value) for name, value in options.items()})

    @staticmethod
    def __chainrule_record__(operation: Any, arguments: Sequence[Any], params: Any) -> Any:
        return apply(operation, arguments, params)


REFLECTED = {
    np.add: "__radd__",
    np.subtract: "__rsub__",
    np.multiply: "__rmul__",
    np.true_divide: "__rtruediv__",
    np.floor_divide: "__rfloordiv__",
    np.power: "__rpow__",
    np.remainder: "__rmod__",
}


def plain(value: Any) -> Any:
    """An argument of a NumPy function as an array; an error if it requires grad."""
    if isinstance(value, Tensor):
        return value.__array__()
    return builtins.type(value)([plain(item) for item in value]) if isinstance(value, list | tuple) else value


def position_of(dim: Any, rank: int) -> int:
    """A dimension counted from the front, checked."""
    dim = dim if builtins.type(dim) is int else int(dim)
    limit = rank or 1
    if not -limit <= dim < limit:
        raise StandInIndexError(
            f"Dimension out of range (expected to be in range of [{-limit}, {limit - 1}], but got {dim})\n"
            f"The tensor has {rank} dimension{'s' * (rank != 1)}."
        )
    return dim % limit


def checked_index(index: Any) -> Any:
    """An index, with what PyTorch refuses refused."""
    for entry in index if builtins.type(index) is tuple else (index,):
        if isinstance(entry, float):
            raise StandInIndexError(
                "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got float)"
                f"\nGiven {entry}: write a whole number."
            )
        if isinstance(entry, slice) and entry.step is not None and int(entry.step) <= 0:
            raise StandInValueError("step must be greater than zero\nTo reverse a tensor: x.flip(0).")
        if isinstance(entry, Tensor) and entry.value.dtype.kind == "f":
            raise StandInIndexError(
                "tensors used as indices must be long, int, byte or bool tensors\n"
                f"This one is {entry.dtype}: use x.long()."
            )
        if isinstance(entry, str):
            raise StandInTypeError("new(): invalid data type 'str'\nAn index is made of whole numbers, slices, masks.")
    return index


def product(first: Any, second: Any) -> Any:
    """The matrix product, of tensors with one or more dimensions each."""
    a, b = first.value, second.value
    rank = b.ndim
    if a.dtype is not b.dtype or not a.ndim or rank != 2 or a.shape[-1] != b.shape[0]:
        check_product(a, b)
    return apply(matmul_operation, (first, second))


_C_NAMES = {"float32": "float", "float64": "double", "int64": "long int", "int32": "int", "bool": "bool", "uint8": "unsigned char"}


def check_product(a: Any, b: Any) -> None:
    """Raise what PyTorch raises for arrays that cannot be multiplied."""
    if not a.ndim or not b.ndim:
        raise StandInRuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {a.ndim}D and {b.ndim}D\n"
            "Multiply by a number with *."
        )
    inner = b.shape[-2 if b.ndim > 1 else 0]
    shapes = f"Shapes {listed(a.shape)} and {listed(b.shape)}: the last dimension of the first, {a.shape[-1]}, must equal "
    shapes += f"the {'last but one' if b.ndim > 1 else 'only'} of the second, {inner}."
    if a.shape[-1] != inner:
        if a.ndim <= 2 and b.ndim == 1:
            if a.ndim == 1:
                message = (
                    f"inconsistent tensor size, expected tensor [{a.size}] and src [{b.size}] to have the same number of "
                    f"elements, but got {a.size} and {b.size} elements respectively"
                )
            else:
                message = f"size mismatch, got input ({a.shape[0]}), mat ({a.shape[0]}x{a.shape[1]}), vec ({b.size})"
        elif a.ndim <= 2 and b.ndim == 2 or b.ndim == 2:
            rows = int(np.prod(a.shape[:-1]))
            message = (
                f"mat1 and mat2 shapes cannot be multiplied ({rows}x{a.shape[-1]} and {b.shape[0]}x{b.shape[1]})"
            )
        else:
            batch = int(np.prod(b.shape[:-2]))
            message = (
                f"Expected size for first two dimensions of batch2 tensor to be: [{batch}, {a.shape[-1]}] but got: "
                f"[{batch}, {inner}]."
            )
        raise StandInRuntimeError(f"{message}\n{shapes}")
    rank = max(a.ndim, b.ndim) - 2
    batches = [(1,) * (rank - x.ndim + 2) + x.shape[:-2] for x in (a, b)] if min(a.ndim, b.ndim) > 1 else []
    if len(batches) == 2:
        message = broadcast_message(batches)
        if message:
            raise StandInRuntimeError(message)
    if a.dtype != b.dtype:
        first, second = DTYPES[a.dtype], DTYPES[b.dtype]
        if a.ndim == b.ndim == 1:
            message = (
                f"dot : expected both vectors to have same dtype, but found {first.scalar_name} and {second.scalar_name}"
            )
        else:
            names = [_C_NAMES.get(kind.name, kind.name) for kind in (first, second)]
            message = f"expected m1 and m2 to have the same dtype, but got: {names[0]} != {names[1]}"
        raise StandInRuntimeError(f"{message}\nConvert one of them: x.to({first}).")


def from_user(given: Sequence[Any], kind: dtypes.dtype) -> Any:
    """The array that ``Tensor(…)`` or ``FloatTensor(…)`` makes: of these sizes, or with these numbers."""
    if all([builtins.type(size) is int for size in given]):
        return np.zeros(tuple(given) if given else (0,), kind.numpy)
    (data,) = given
    if isinstance(data, Size):
        return np.zeros(tuple(data), kind.numpy)
    if isinstance(data, float):
        raise StandInTypeError("new(): data must be a sequence (got float)\nWrite torch.tensor(2.0) for one number.")
    return array_of(data).astype(kind.numpy)


def array_of(data: Any) -> Any:
    """A fresh array of the numbers in nested sequences, an array or a tensor; Python floats have the default dtype."""
    if isinstance(data, Tensor):
        return data.value.copy()
    if isinstance(data, np.ndarray | np.generic):
        array = np.array(data)
    else:
        if isinstance(data, str):
            raise StandInTypeError("new(): invalid data type 'str'\nA tensor is made of numbers.")
        check_nested(data)
        nested = unwrapped(data)
        try:
            array = np.array(nested)
        except (ValueError, TypeError) as problem:
            raise StandInValueError(f"{problem}\nGive rows of one length.") from None
        if array.dtype.kind in "fc" and not holds_array(nested):
            default = dtypes.get_default_dtype()
            array = array.astype(default.numpy if array.dtype.kind == "f" else default.to_complex().numpy)
        elif array.size == 0 and array.dtype == np.float64:
            array = array.astype(dtypes.get_default_dtype().numpy)
    if array.dtype not in DTYPES:
        if array.dtype.kind == "O":
            raise StandInRuntimeError(f"Could not infer dtype of {builtins.type(data).__name__}\nA tensor is made of numbers.")
        raise StandInTypeError(
            f"can't convert np.ndarray of type numpy.{array.dtype}. The only supported types are: float64, float32, float16, "
            "complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool."
        )
    return array


def unwrapped(data: Any) -> Any:
    """Nested lists with the arrays of the tensors in them."""
    if isinstance(data, Tracked):
        return data.value
    return [unwrapped(item) for item in data] if isinstance(data, list | tuple | builtins.range) else data


def holds_array(data: Any) -> bool:
    """Whether an array stands in nested lists: it decides on the dtype."""
    if isinstance(data, list):
        return any([holds_array(item) for item in data[:1]])
    return isinstance(data, np.ndarray | np.generic)


def check_nested(data: Any, depth: int = 0) -> None:
    """Raise what PyTorch raises for sequences that are not regular."""
    if not isinstance(data, list | tuple) or not data:
        if data is None:
            raise StandInRuntimeError("Could not infer dtype of NoneType\nA tensor is made of numbers; None is none.")
        return
    lengths = [len(item) if isinstance(item, list | tuple) else None for item in data]
    if isinstance(data[0], str):
        raise StandInValueError("too many dimensions 'str'\nA tensor is made of numbers, not of text.")
    for length in lengths[1:]:
        if length != lengths[0]:
            if length is None or lengths[0] is None:
                culprit = builtins.type(data[lengths.index(length)]).__name__
                if lengths[0] is None:
                    if isinstance(data[0], Tracked):
                        return
                    raise StandInTypeError(
                        f"{culprit!r} object cannot be interpreted as an integer\nNumbers and lists stand side by side."
                    )
                raise StandInTypeError(f"expected sequence object but got {culprit}\nGive rows of one length.")
            raise StandInValueError(
                f"expected sequence of length {lengths[0]} at dim {depth + 1} (got {length})\nGive rows of one length."
            )
    for item in data:
        if isinstance(item, list | tuple):
            check_nested(item, depth + 1)


def _converter(kind: dtypes.dtype) -> Callable[[Any], Any]:
    def convert(self: Any) -> Any:
        return cast(self, kind)

    convert.__doc__ = f"The tensor as {kind!r}."
    return convert


methods(
    float=_converter(dtypes.float32),
    double=_converter(dtypes.float64),
    half=_converter(dtypes.float16),
    long=_converter(dtypes.int64),
    int=_converter(dtypes.int32),
    short=_converter(dtypes.int16),
    char=_converter(dtypes.int8),
    byte=_converter(dtypes.uint8),
    bool=_converter(dtypes.bool_),
    cfloat=_converter(dtypes.complex64),
    cdouble=_converter(dtypes.complex128),
)
