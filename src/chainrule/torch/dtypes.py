"""PyTorch's element types: objects that print as ``torch.float32``, and the rules by which two of them meet.

>>> float64, long, float64.is_floating_point, long.itemsize
(torch.float64, torch.int64, True, 8)
>>> promote_types(int32, float16)
torch.float16
>>> as_dtype(float), from_numpy(np.float32), to_numpy(half)
(torch.float64, torch.float32, dtype('float16'))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from chainrule.errors import NotProvidedError, PromotionError, StandInTypeError

_ABSENT = {
    "bfloat16": "NumPy has no such numbers; use torch.float32, or torch.float16 for two bytes",
    "complex32": "NumPy has no such numbers; use torch.complex64",
    "chalf": "NumPy has no such numbers; use torch.complex64",
}


class dtype:
    """The type of a tensor's elements. There is one object of each kind; they are compared by identity.

    ``numpy`` is the same type in NumPy, ``scalar_name`` the name used in PyTorch's messages ("Float", "Long").
    """

    __module__ = "torch"
    __slots__ = ("name", "numpy", "scalar_name")

    name: str
    numpy: np.dtype[Any]
    scalar_name: str

    def __init__(self, name: str, scalar_name: str) -> None:
        self.name = name
        self.numpy = np.dtype(name)
        self.scalar_name = scalar_name

    @property
    def is_floating_point(self) -> bool:
        """True of real floating-point numbers (not of complex ones)."""
        return self.numpy.kind == "f"

    @property
    def is_complex(self) -> bool:
        """True of complex numbers."""
        return self.numpy.kind == "c"

    @property
    def is_signed(self) -> bool:
        """True if there are negative numbers of this type."""
        return self.numpy.kind in "ifc"

    @property
    def itemsize(self) -> int:
        """Bytes per element."""
        return self.numpy.itemsize

    def to_real(self) -> dtype:
        """The type of the real part."""
        return {complex64: float32, complex128: float64}.get(self, self)

    def to_complex(self) -> dtype:
        """The complex type with parts of this type; ``PromotionError`` where there is none."""
        complex_type = {float32: complex64, float64: complex128, complex64: complex64, complex128: complex128}.get(self)
        if complex_type is None:
            reason = f"\n{_ABSENT['complex32']}." if self is float16 else "\nConvert to torch.float32 first."
            raise PromotionError(f"Unknown Complex ScalarType for {self.scalar_name}{reason}")
        return complex_type

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.name,)

    def __copy__(self) -> dtype:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> dtype:
        return self


# torch.float, torch.int and torch.bool would hide Python's types here: the package gives them these names.
float16 = half = dtype("float16", "Half")
float32 = float_ = dtype("float32", "Float")
float64 = double = dtype("float64", "Double")
complex64 = cfloat = dtype("complex64", "ComplexFloat")
complex128 = cdouble = dtype("complex128", "ComplexDouble")
uint8 = dtype("uint8", "Byte")
int8 = dtype("int8", "Char")
int16 = short = dtype("int16", "Short")
int32 = int_ = dtype("int32", "Int")
int64 = long = dtype("int64", "Long")
uint16 = dtype("uint16", "UInt16")
uint32 = dtype("uint32", "UInt32")
uint64 = dtype("uint64", "UInt64")
bool_ = dtype("bool", "Bool")

ALL = (
    float16,
    float32,
    float64,
    complex64,
    complex128,
    uint8,
    int8,
    int16,
    int32,
    int64,
    uint16,
    uint32,
    uint64,
    bool_,
)
_BY_NAME = {each.name: each for each in ALL}
_BY_NUMPY = {each.numpy: each for each in ALL}
_BY_PYTHON: dict[Any, dtype] = {bool: bool_, int: int64, float: float64, complex: complex128}


def __getattr__(name: str) -> dtype:
    if name in _ABSENT:
        raise NotProvidedError(f"torch.{name} is not provided: {_ABSENT[name]}.")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _restored(name: str) -> dtype:
    return _BY_NAME[name]


def as_dtype(given: Any, caller: str = "tensor") -> dtype:
    """The dtype that a ``dtype=`` argument means: a torch dtype, or Python's float (float64), int, bool, complex.

    Raises ``DtypeError`` (a ``TypeError``) for anything else, in the name of ``caller``.
    """
    if isinstance(given, dtype):
        return given
    try:
        return _BY_PYTHON[given]
    except (KeyError, TypeError):
        message = f"{caller}(): argument 'dtype' must be torch.dtype, not {type(given).__name__}"
        raise StandInTypeError(f"{message}\nGiven {given!r}; write for instance torch.float32 or float.") from None


def from_numpy(given: DTypeLike) -> dtype:
    """The torch dtype of a NumPy dtype; ``DtypeError`` (a ``TypeError``) if PyTorch has no such elements."""
    numpy_dtype = np.dtype(given)
    found = _BY_NUMPY.get(numpy_dtype.newbyteorder("="))
    if found is None:
        names = ", ".join(each.name for each in ALL)
        raise StandInTypeError(
            f"can't convert np.ndarray of type {numpy_dtype}.\nThe only supported types are: {names}."
        )
    return found


def to_numpy(given: Any) -> np.dtype[Any]:
    """The NumPy dtype of a torch dtype, of Python's float, int, bool, complex, or of a NumPy dtype."""
    if isinstance(given, dtype):
        return given.numpy
    return as_dtype(given).numpy if given in _BY_PYTHON else np.dtype(given)


_default = float32


def get_default_dtype() -> dtype:
    """The type of tensors made from Python floats; float32 unless ``set_default_dtype`` changed it."""
    return _default


def set_default_dtype(new: Any) -> None:
    """Choose the type of tensors made from Python floats: float16, float32 or float64."""
    global _default
    if not (isinstance(new, dtype) and new.is_floating_point):
        invalid = "" if isinstance(new, dtype) else "invalid dtype object: "
        raise StandInTypeError(
            f"{invalid}only floating-point types are supported as the default type\n"
            f"Given {new!r}; use torch.float32 or torch.float64."
        )
    _default = new


def promote_types(first: Any, second: Any) -> dtype:
    """The smallest type that holds both, where numbers of a higher kind (bool < int < float < complex) decide.

    >>> promote_types(uint8, int8), promote_types(int64, float16), promote_types(float64, complex64)
    (torch.int16, torch.float16, torch.complex128)
    """
    a, b = as_dtype(first, "promote_types"), as_dtype(second, "promote_types")
    if a is b:
        return a
    kinds = {a.numpy.kind, b.numpy.kind}
    wide_unsigned = {uint16, uint32, uint64} & {a, b}
    if wide_unsigned and "f" not in kinds:
        raise PromotionError(
            "Promotion for uint16, uint32, uint64 types is not supported, "
            f"attempted to promote {a.scalar_name} and {b.scalar_name}\n"
            "Convert one of them first, for instance to torch.int64."
        )
    if bool_ in (a, b):
        return a if b is bool_ else b
    low, high = sorted((a, b), key=_rank)
    if "c" in kinds:
        return complex128 if float64 in (a, b) or complex128 in (a, b) else complex64
    if low is uint8 and high is int8:
        return int16
    return high


def _rank(kind: dtype) -> tuple[int, int, bool]:
    return {"u": 0, "i": 0, "f": 1, "c": 2}[kind.numpy.kind], kind.itemsize, kind.is_signed


def can_cast(given: Any, target: Any) -> bool:
    """Whether a value may be stored in a place of type ``target``: never from a higher kind to a lower one.

    >>> can_cast(float64, float16), can_cast(float64, int64), can_cast(int64, bool_)
    (True, False, False)
    """
    source, place = as_dtype(given, "can_cast"), as_dtype(target, "can_cast")
    if source.is_complex and not place.is_complex:
        return False
    if source.is_floating_point and not (place.is_floating_point or place.is_complex):
        return False
    return source is bool_ or place is not bool_


def result_type(*operands: Any) -> dtype:
    """The type of an arithmetic result of tensors (anything with ``dtype`` and ``ndim``) and Python or NumPy numbers.

    Tensors with axes decide; tensors without axes matter only if their kind is higher, Python numbers only if theirs
    is higher still.

    >>> result_type(np.ones(2, np.int32), 2.0), result_type(np.ones(2, np.float32), np.array(1.0))
    (torch.float32, torch.float32)
    """
    with_axes: dtype | None = None
    without_axes: dtype | None = None
    numbers: dtype | None = None
    for operand in operands:
        kind = _operand_type(operand)
        if isinstance(operand, (bool, int, float, complex, np.generic)):
            numbers = kind if numbers is None else promote_types(numbers, kind)
        elif operand.ndim:
            with_axes = kind if with_axes is None else promote_types(with_axes, kind)
        else:
            without_axes = kind if without_axes is None else promote_types(without_axes, kind)
    result = _decide(with_axes, _decide(without_axes, numbers))
    if result is None:
        raise StandInTypeError("result_type() needs at least one tensor or number, but was given none.")
    return result


def _operand_type(operand: Any) -> dtype:
    """A number's type is that of a tensor made from it; a float's, the default type."""
    if isinstance(operand, (bool, np.bool_)):
        return bool_
    if isinstance(operand, (int, np.integer)):
        return int64
    if isinstance(operand, (float, np.floating)):
        return _default
    if isinstance(operand, (complex, np.complexfloating)):
        return _default.to_complex()
    kind = getattr(operand, "dtype", None)
    if kind is None or not hasattr(operand, "ndim"):
        raise StandInTypeError(f"result_type() takes tensors and numbers, but was given {type(operand).__name__}.")
    return kind if isinstance(kind, dtype) else from_numpy(kind)


def _decide(higher: dtype | None, lower: dtype | None) -> dtype | None:
    """The stronger operand's type, unless the weaker one is of a higher kind."""
    if higher is None or lower is None:
        return higher or lower
    if higher.is_complex:
        return higher
    if higher.is_floating_point:
        return higher.to_complex() if lower.is_complex else higher
    if lower.is_floating_point or lower.is_complex:
        return lower
    return promote_types(higher, lower) if higher is bool_ else higher


@dataclass(frozen=True, repr=False)
class finfo:
    """Limits of a floating-point type: bits, eps, max, min, tiny, smallest_normal, resolution, dtype (its name).

    >>> finfo(float32).eps, finfo(float32).max
    (1.1920928955078125e-07, 3.4028234663852886e+38)
    """

    bits: int
    eps: float
    max: float
    min: float
    resolution: float
    smallest_normal: float
    tiny: float
    dtype: str

    def __init__(self, type: Any = None) -> None:
        kind = _default if type is None else _limits_argument(type, "finfo").to_real()
        if not kind.is_floating_point:
            raise StandInTypeError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo'\n"
                f"Given {kind!r}."
            )
        limits = np.finfo(kind.numpy)
        values = {
            "bits": limits.bits,
            "eps": float(limits.eps),
            "max": float(limits.max),
            "min": float(limits.min),
            "resolution": 10.0**-limits.precision,
            "smallest_normal": float(limits.tiny),
            "tiny": float(limits.tiny),
            "dtype": kind.name,
        }
        self.__dict__.update(values)

    def __repr__(self) -> str:
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        shown = ", ".join(f"{name}={getattr(self, name):g}" for name in names)
        return f"finfo({shown}, dtype={self.dtype})"


@dataclass(frozen=True, repr=False)
class iinfo:
    """Limits of a whole-number type: bits, max, min, dtype (its name).

    >>> iinfo(int8).min, iinfo(int8).max
    (-128, 127)
    """

    bits: int
    max: int
    min: int
    dtype: str

    def __init__(self, type: Any) -> None:
        kind = _limits_argument(type, "iinfo")
        if kind is bool_:
            raise StandInTypeError("torch.bool is not supported by torch.iinfo\nIts values are False and True.")
        if kind.is_floating_point or kind.is_complex:
            raise StandInTypeError(
                "torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo'\n"
                f"Given {kind!r}."
            )
        limits = np.iinfo(kind.numpy)
        values = {"bits": limits.bits, "max": limits.max, "min": limits.min, "dtype": kind.name}
        self.__dict__.update(values)

    def __repr__(self) -> str:
        return f"iinfo(min={float(self.min):g}, max={float(self.max):g}, dtype={self.dtype})"


def _limits_argument(given: Any, caller: str) -> dtype:
    if not isinstance(given, dtype) and given not in _BY_PYTHON:
        name = type(given).__name__
        raise StandInTypeError(
            f"{caller}(): argument 'type' (position 1) must be torch.dtype, not {name}\nGiven {given!r}."
        )
    return as_dtype(given, caller)
