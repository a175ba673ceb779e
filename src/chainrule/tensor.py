"""The tensor that users hold: an array under NumPy's protocols, operators and methods."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.backward import check_differentiable, cotangents_of, wrap
from chainrule.differentiable import Differentiable
from chainrule.errors import AssignmentError, DtypeError, GradientError, NoRuleError
from chainrule.modes import enable_grad, no_grad, set_grad_enabled
from chainrule.op import REGISTRY, Operation
from chainrule.ops import elementwise as e
from chainrule.ops.flat import Flat
from chainrule.ops.index import getitem, parse_index
from chainrule.overwriting import assigned, write, write_at
from chainrule.program.deferred import Deferred
from chainrule.protocol import ASSIGNED, as_array, into, refuse_number, ufunc_with_options, without_rule
from chainrule.tape import Tracked, is_traced, notify, observe, record, refused

__all__ = [
    "Tensor",
    "check_differentiable",
    "cotangents_of",
    "enable_grad",
    "no_grad",
    "observe",
    "ones",
    "set_grad_enabled",
    "tensor",
    "wrap",
    "zeros",
]


def _binary(operation: Any) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        try:
            return record(operation, (self, other))
        except DtypeError:
            if hasattr(other, "tocoo"):  # a sparse array, which has operators of its own
                return NotImplemented
            raise

    return method


def _reversed(operation: Any) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        return record(operation, (other, self))

    return method


def _in_place(operation: Any) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        return assigned(self, record(operation, (self, other)))

    return method


def _method(function: Any) -> Callable[..., Any]:
    """A method that is a NumPy function of the tensor."""

    def method(self: Any, *arguments: Any, **options: Any) -> Any:
        return into(options.pop("out", None), REGISTRY[function](self, *arguments, **options))

    method.__name__ = method.__qualname__ = function.__name__
    method.__doc__ = f"``np.{function.__name__}`` of the tensor."
    return method


class Tensor(Differentiable):
    """An array that remembers how it was computed.

    NumPy's functions and operators work on it and are differentiable; `backward` computes gradients as PyTorch does.

    >>> x = tensor([1.0, 2.0], requires_grad=True)
    >>> y = np.sum(x**2)
    >>> y.backward()
    >>> x.grad
    tensor([2., 4.])
    """

    __array_priority__ = 1000

    # --- what it is ---

    @property
    def dtype(self) -> Any:
        """The dtype of the value."""
        return self.value.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return int(self.value.ndim)

    @property
    def size(self) -> Any:
        """The number of elements."""
        return self.value.size

    @property
    def itemsize(self) -> int:
        """The bytes of one element."""
        return int(self.value.itemsize)

    @property
    def nbytes(self) -> int:
        """The bytes of all elements."""
        return int(self.value.nbytes)

    @property
    def T(self) -> Any:
        """The tensor with its axes reversed."""
        return REGISTRY[np.transpose](self)

    @property
    def mT(self) -> Any:
        """The tensor with its last two axes exchanged."""
        return REGISTRY[np.swapaxes](self, -1, -2)

    @property
    def strides(self) -> Any:
        """From element to element along each axis, in bytes."""
        return self.value.strides

    @property
    def flags(self) -> Any:
        """How the value lies in memory."""
        return self.value.flags

    @property
    def base(self) -> Any:
        """The array whose memory the value shares, if any."""
        return self.value.base

    @property
    def device(self) -> Any:
        """Where the value is, in the words of the array API standard."""
        return "cpu"

    def __array_namespace__(self, **_: Any) -> Any:
        return np

    @property
    def real(self) -> Any:
        """The real part."""
        return REGISTRY[np.real](self)

    @real.setter
    def real(self, value: Any) -> None:
        self.real[...] = value

    @property
    def flat(self) -> Any:
        """The elements in order."""
        return Flat(self)

    @flat.setter
    def flat(self, values: Any) -> None:
        Flat(self)[...] = values

    @property
    def imag(self) -> Any:
        """The imaginary part."""
        return REGISTRY[np.imag](self)

    @imag.setter
    def imag(self, value: Any) -> None:
        if self.value.dtype.kind != "c":
            raise DtypeError(f"an array of {self.value.dtype} does not have an imaginary part to set")
        self.imag[...] = value

    def __len__(self) -> int:
        if not self.value.ndim:
            raise TypeError("len() of a 0-d tensor")
        return len(self.value)

    def __iter__(self) -> Iterator[Any]:
        if not self.value.ndim:
            raise TypeError("iteration over a 0-d tensor")
        for position in range(len(self.value)):
            yield self[position]

    def __repr__(self) -> str:
        text = np.array2string(self.value, separator=", ", prefix="tensor(")
        if self.value.dtype not in (np.dtype(float), np.dtype(bool), np.dtype(int)):
            text += f", dtype={self.value.dtype}"
        if self.grad_fn is not None:
            text += f", grad_fn={self.grad_fn!r}"
        elif self.requires_grad:
            text += ", requires_grad=True"
        return f"tensor({text})"

    def __format__(self, spec: str) -> str:
        return format(self.value.item(), spec) if not self.value.ndim else format(repr(self), spec)

    # --- as a number ---

    def item(self, *position: Any) -> Any:
        """The one element as a Python number; in the function of a transform a tensor, if it is tracked."""
        if self.is_followed and is_traced():
            place = position[0] if len(position) == 1 and isinstance(position[0], tuple) else position
            return self.reshape(()) if not place else self[place] if len(place) > 1 else self.reshape(-1)[place[0]]
        result = self.value.item(*position)
        notify("item", (self,), result)
        return result

    def fill(self, value: Any) -> None:
        """Let every element be ``value``."""
        write_at(self, Ellipsis, value)

    def sort(self, axis: int = -1, kind: str | None = None) -> None:
        """Sort the elements in place; ``kind`` decides the speed alone."""
        write(self, REGISTRY[np.sort](self, axis))

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers; in the function of a transform of tensors, if tracked."""
        if self.is_followed and is_traced():
            return [entry.tolist() for entry in self] if self.value.ndim else self
        return self.value.tolist()

    def __bool__(self) -> bool:
        return bool(self.value)

    @property
    def is_followed(self) -> bool:
        """Whether a plain number would forget where it came from."""
        return self.requires_grad or (type(self.value) is Deferred and is_traced())

    def __float__(self) -> float:
        if self.is_followed:
            refuse_number(sys._getframe(1))
        result = float(self.value)
        notify("float", (self,), result)
        return result

    def __int__(self) -> int:
        return int(self.value)

    def __round__(self, ndigits: int | None = None) -> Any:
        if self.value.ndim or self.is_array:
            raise TypeError("type numpy.ndarray doesn't define __round__ method: write np.round")
        return int(self.round()) if ndigits is None else self.round(ndigits)

    def __complex__(self) -> complex:
        return complex(float(self)) if self.is_followed else complex(self.value)

    def __index__(self) -> int:
        if self.value.dtype.kind not in "iub":
            raise TypeError(f"only integer tensors can be used as an index; this one is {self.value.dtype}")
        return int(self.value)

    def __contains__(self, element: Any) -> bool:
        return bool((self.value == getattr(element, "value", element)).any())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if self.is_followed and (dtype is None or np.dtype(dtype).kind not in "iub"):  # integers have no derivative
            refused()
            raise AssignmentError(ASSIGNED)
        result = np.array(self.value, dtype=dtype, copy=copy)
        notify("array", (self,), result)
        return result

    def numpy(self, *, force: bool = False) -> Any:
        """The value as a NumPy array that shares memory; an error if it requires grad, unless ``force``."""
        if self.requires_grad and not force:
            raise GradientError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.\n"
                "A plain array forgets how it was computed, so a gradient would stop here."
            )
        result = self.value.view()
        notify("numpy", (self,), result)
        return result

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """The tensor in another dtype."""
        if not copy and np.dtype(dtype) == self.value.dtype:
            return self
        return record(e.astype, (self,), {"dtype": np.dtype(dtype)})

    def view(self, dtype: Any = None) -> Any:
        """The tensor as a view that shares its memory; its bytes as another dtype have no derivative."""
        if dtype in (None, np.ndarray) or np.dtype(dtype) == self.value.dtype:
            return self[...]
        raise NoRuleError(
            f"view: the bytes of {self.value.dtype} taken for {np.dtype(dtype)} have no derivative. Write "
            "x.astype(dtype) for the same numbers, x.real and x.imag for the parts of complex ones."
        )

    # --- items ---

    def __getitem__(self, index: Any) -> Any:
        template, arrays = parse_index(index)
        return record(getitem, (self, *arrays), {"index": template})

    def __setitem__(self, index: Any, value: Any) -> None:
        write_at(self, index, value)

    # --- operators ---

    __hash__ = object.__hash__
    __add__, __radd__, __iadd__ = _binary(e.add), _reversed(e.add), _in_place(e.add)
    __sub__, __rsub__, __isub__ = _binary(e.subtract), _reversed(e.subtract), _in_place(e.subtract)
    __mul__, __rmul__, __imul__ = _binary(e.multiply), _reversed(e.multiply), _in_place(e.multiply)
    __truediv__, __rtruediv__, __itruediv__ = _binary(e.divide), _reversed(e.divide), _in_place(e.divide)
    __floordiv__, __rfloordiv__ = _binary(e.floor_divide), _reversed(e.floor_divide)
    __mod__, __rmod__ = _binary(e.remainder), _reversed(e.remainder)
    __ifloordiv__, __imod__, __imatmul__ = (*map(_in_place, (e.floor_divide, e.remainder, ops.contract.matmul)),)
    __rpow__ = _reversed(e.power)
    __rmatmul__ = _reversed(ops.contract.matmul)
    __eq__ = _binary(REGISTRY[np.equal])
    __ne__ = _binary(REGISTRY[np.not_equal])
    __lt__, __le__ = _binary(REGISTRY[np.less]), _binary(REGISTRY[np.less_equal])
    __gt__, __ge__ = _binary(REGISTRY[np.greater]), _binary(REGISTRY[np.greater_equal])
    __and__, __rand__ = _binary(REGISTRY[np.bitwise_and]), _reversed(REGISTRY[np.bitwise_and])
    __or__, __ror__ = _binary(REGISTRY[np.bitwise_or]), _reversed(REGISTRY[np.bitwise_or])
    __xor__, __rxor__ = _binary(REGISTRY[np.bitwise_xor]), _reversed(REGISTRY[np.bitwise_xor])

    def __matmul__(self, other: Any) -> Any:
        return NotImplemented if hasattr(other, "tocoo") else record(ops.contract.matmul, (self, other))

    def __divmod__(self, other: Any) -> Any:
        return REGISTRY[np.divmod](self, other)

    def __rdivmod__(self, other: Any) -> Any:
        return REGISTRY[np.divmod](other, self)

    def __pow__(self, exponent: Any) -> Any:
        if type(exponent) in (int, float) and exponent == 2:
            return record(e.square, (self,))
        return record(e.power, (self, exponent))

    def __ipow__(self, exponent: Any) -> Any:
        return assigned(self, self**exponent)

    def __neg__(self) -> Any:
        return record(e.negative, (self,))

    def __pos__(self) -> Any:
        return record(e.positive, (self,))

    def __abs__(self) -> Any:
        return record(e.absolute, (self,))

    def __invert__(self) -> Any:
        return REGISTRY[np.invert](self)

    # --- NumPy's methods ---

    sum, mean, prod = _method(np.sum), _method(np.mean), _method(np.prod)
    var, std = _method(np.var), _method(np.std)
    max, min = _method(np.max), _method(np.min)
    cumsum, cumprod = _method(np.cumsum), _method(np.cumprod)
    dot, trace, diagonal = _method(np.dot), _method(np.trace), _method(np.diagonal)
    ravel, squeeze, swapaxes = _method(np.ravel), _method(np.squeeze), _method(np.swapaxes)
    take, repeat, clip = _method(np.take), _method(np.repeat), _method(np.clip)
    argmax, argmin, argsort = _method(np.argmax), _method(np.argmin), _method(np.argsort)
    argpartition, searchsorted = _method(np.argpartition), _method(np.searchsorted)
    choose, put, round = _method(np.choose), _method(np.put), _method(np.round)
    any, all, nonzero = _method(np.any), _method(np.all), _method(np.nonzero)

    def conj(self, out: Any = None) -> Any:
        """The complex conjugate; of real numbers the tensor itself, as in NumPy."""
        return self if out is None and self.value.dtype.kind != "c" else into(out, REGISTRY[np.conjugate](self))

    conjugate = conj

    def compress(self, condition: Any, axis: int | None = None) -> Any:
        """The entries, or slices along an axis, where the condition holds."""
        return REGISTRY[np.compress](condition, self, axis)

    def partition(self, kth: Any, axis: int = -1) -> None:
        """Put the entries in place around some of them in order."""
        write(self, REGISTRY[np.partition](self, kth, axis))

    def flatten(self, order: str = "C") -> Any:
        """A copy of the elements along one axis."""
        return e.copied(REGISTRY[np.ravel](self, order))

    def reshape(self, *shape: Any, order: str = "C", copy: bool | None = None) -> Any:
        """The elements in another shape."""
        return REGISTRY[np.reshape](self, shape[0] if len(shape) == 1 else shape, order=order, copy=copy)

    def transpose(self, *axes: Any) -> Any:
        """The axes in another order; reversed if none is given."""
        chosen = None if not axes or axes == (None,) else (axes[0] if not isinstance(axes[0], int) else axes)
        return REGISTRY[np.transpose](self, chosen)

    # --- NumPy's protocols ---

    @staticmethod
    def __chainrule_record__(operation: Any, arguments: Sequence[Any], params: Any) -> Any:
        return record(operation, arguments, params)

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method == "__call__" and not options:
            operation = REGISTRY.get(function)
            if type(operation) is Operation:
                return record(operation, inputs)
            if operation is not None:
                return operation(*inputs)
        return ufunc_with_options(function, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        adapter = REGISTRY.get(function)
        if adapter is None:
            return without_rule(function, arguments, options)
        return into(options.pop("out", None), adapter(*arguments, **options))


Tracked.plain = Tensor


def tensor(data: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor with a copy of ``data`` (numbers, nested lists, arrays, tensors).

    Raises :class:`DtypeError` for text, objects, ragged lists, and for integers that should require grad.

    >>> tensor([[1.0, 2.0]], requires_grad=True)
    tensor([[1., 2.]], requires_grad=True)
    """
    value = as_array(data, dtype)
    if requires_grad:
        check_differentiable(value.dtype)
    return Tensor(value, None, bool(requires_grad))


def zeros(shape: int | Sequence[int], dtype: Any = float) -> Tensor:
    """A tensor of zeros to be filled: ``out = zeros(3); out[0] = x[0] * 2`` keeps the gradient, np.zeros would not.

    >>> x = tensor([1.0, 2.0], requires_grad=True)
    >>> out = zeros(2)
    >>> out[0] = x[1] * 3
    >>> out.sum().backward()
    >>> x.grad
    tensor([0., 3.])
    """
    return Tensor(np.zeros(shape, dtype))


def ones(shape: int | Sequence[int], dtype: Any = float) -> Tensor:
    """A tensor of ones."""
    return Tensor(np.ones(shape, dtype))
