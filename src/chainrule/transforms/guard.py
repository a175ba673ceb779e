"""What a function reads besides its arguments, and whether that is still what it was.

A recording of a function may stand in for the function only if running it again would do the same. That is known when
the function is Python that reads numbers, arrays, containers of them, NumPy, SciPy's ufuncs, and other such functions,
and when these are the same objects with the same contents as before. Anything else (an object with attributes, random
numbers, files, printing, assignment to names outside) and the function is simply run again each time.
"""

from __future__ import annotations

import builtins
import dis
from collections.abc import Iterator
from functools import partial
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any

import numpy as np

__all__ = ["Reads"]

_TRUSTED = {"numpy", "scipy", "math", "cmath", "operator", "itertools", "functools", "chainrule", "typing"}
_UNTRUSTED = ("numpy.random", "numpy.testing", "scipy.stats", "chainrule.torch", "scipy.sparse")
_BUILTINS = {
    *("abs", "all", "any", "bool", "callable", "complex", "dict", "divmod", "enumerate", "filter", "float"),
    *("frozenset", "getattr", "hasattr", "int", "isinstance", "issubclass", "iter", "len", "list", "map", "max", "min"),
    *("next", "pow", "range", "reversed", "round", "set", "slice", "sorted", "str", "sum", "tuple", "type", "zip"),
}
_ASSIGNS = {"STORE_GLOBAL", "DELETE_GLOBAL", "STORE_ATTR", "DELETE_ATTR"}
_ATOMS = (int, float, complex, str, bytes, bool, type(None), type(...), slice, np.generic, np.dtype, range)
_MISSING = object()


class Reads:
    """The things outside that a function reads: found once, compared before each use of a recording.

    ``problem`` is None, or says why a recording cannot stand in for the function.

    >>> scale = 2.0
    >>> reads = Reads(lambda x: scale * np.sin(x))
    >>> reads.problem is None, reads.unchanged()
    (True, True)
    >>> Reads(print).problem
    'it calls print()'
    """

    def __init__(self, function: Any) -> None:
        self.problem: str | None = None
        self.names: list[tuple[dict[str, Any], str, Any]] = []
        self.cells: list[tuple[CellType, Any]] = []
        self.codes: list[tuple[Any, CodeType]] = []
        self.classes: list[tuple[type, str, Any]] = []
        self.containers: list[tuple[Any, tuple[Any, ...]]] = []
        self.arrays: dict[int, Any] = {}  # by id of the array
        self.copies: list[tuple[Any, Any]] = []  # arrays whose contents matter, and what these were
        self.writes = False  # whether some code writes into an array or a container
        self._seen: set[int] = set()
        self._objects: list[Any] = []
        self._attributes: set[str] = set()
        self._consider(function, "the function")
        done: set[tuple[int, str]] = set()
        while True:  # what the code of a class reads may name more attributes
            open_ = [(o, name) for o in self._objects for name in self._attributes if (id(o), name) not in done]
            if not open_ or self.problem is not None:
                break
            for instance, name in open_:
                done.add((id(instance), name))
                self._attribute(instance, name)

    # --- finding ---

    def _refuse(self, why: str) -> None:
        if self.problem is None:
            self.problem = why

    def _consider(self, value: Any, name: str) -> None:
        """Take in one value that the function can reach."""
        if isinstance(value, _ATOMS) or id(value) in self._seen:
            return
        self._seen.add(id(value))
        kind = type(value)
        if kind is np.ndarray:
            if value.dtype.kind not in "fciub":
                self._refuse(f"it reads {name}, an array of {value.dtype}")
            self.arrays[id(value)] = value
        elif kind in (tuple, list, dict, set, frozenset, MappingProxyType):
            entries = tuple(_entries(value))
            self.containers.append((value, entries))
            for entry in entries:
                self._consider(entry, name)
        elif kind is partial:
            for part in (value.func, value.args, value.keywords):
                self._consider(part, name)
        elif kind is FunctionType:
            self._function(value)
        elif kind is ModuleType:
            if not _is_trusted(value.__name__):
                self._objects.append(value)
        elif kind is BuiltinFunctionType or isinstance(value, type):
            module = value.__module__ or ""
            known = value.__name__ in _BUILTINS and getattr(builtins, value.__name__, None) is value
            exception = isinstance(value, type) and issubclass(value, BaseException)
            if not (known or exception or (module != "builtins" and _is_trusted(module))):
                self._refuse(f"it calls {value.__name__}()")
        elif kind is MethodType:
            self._consider(value.__func__, name)
            self._consider(value.__self__, name)
        elif isinstance(value, np.ufunc) or (callable(value) and _is_trusted(kind.__module__)):
            pass
        elif _is_plain_object(value):
            self._objects.append(value)
        else:
            self._refuse(f"it reads {name}, a {kind.__name__}")

    def _attribute(self, instance: Any, name: str) -> None:
        """What an attribute of an object is: its own, or by its class a method, a property, a value for all."""
        own = vars(instance)
        value = own.get(name, _MISSING)
        self.names.append((own, name, value))
        if value is not _MISSING:
            self._consider(value, name)
            return
        kind = next((k for k in type(instance).__mro__ if name in vars(k)), None)
        if kind is None or kind is object:
            return
        value = vars(kind)[name]
        if isinstance(value, property | staticmethod | classmethod):
            value = value.fget if isinstance(value, property) else value.__func__
        self.classes.append((kind, name, vars(kind)[name]))
        self._consider(value, f"{type(instance).__name__}.{name}")

    def _function(self, function: FunctionType) -> None:
        """A Python function: what its code names, its closure, its defaults."""
        space = function.__globals__
        if _is_trusted(space.get("__name__", "")) and not function.__closure__:
            return
        self.codes.append((function, function.__code__))
        for cell in function.__closure__ or ():
            try:
                value = cell.cell_contents
            except ValueError:
                self._refuse("it reads a name outside that has no value yet")
                continue
            self.cells.append((cell, value))
            self._consider(value, f"{function.__name__}'s surroundings")
        for value in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self._consider(value, f"a default of {function.__name__}")
        if not _is_trusted(space.get("__name__", "")):
            for name in self._code(function.__code__):
                value = space.get(name, _MISSING)
                self.names.append((space, name, value))
                self._consider(getattr(builtins, name, None) if value is _MISSING else value, name)

    def _code(self, code: CodeType) -> Iterator[str]:
        """The global names that code reads; what else it does is noted."""
        for step in dis.get_instructions(code):
            if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                yield step.argval
            elif step.opname in _ASSIGNS or (step.opname == "STORE_DEREF" and step.argval in code.co_freevars):
                self._refuse(f"it assigns {step.argval}, which is outside")
            elif step.opname == "STORE_SUBSCR":
                self.writes = True
            elif step.opname == "IMPORT_NAME" and not _is_trusted(step.argval):
                self._refuse(f"it imports {step.argval}")
            elif step.opname in ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM"):
                self._attributes.add(step.argval)
                if step.argval in ("random", "seterr"):
                    self._refuse(f"it uses {step.argval}")
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                yield from self._code(constant)
            elif isinstance(constant, str) and {"getattr", "hasattr"} & set(code.co_names):
                self._attributes.add(constant)

    # --- comparing ---

    def keep_contents(self, *, every: bool) -> None:
        """Let the contents of arrays matter: of ``every`` one, or of those of integers and truth values only."""
        kept = [array for array in self.arrays.values() if every or array.dtype.kind in "iub"]
        self.copies = [(array, array.copy(order="K")) for array in kept]

    def unchanged(self) -> bool:
        """Whether everything that was read is what it was."""
        for space, name, value in self.names:
            now = space.get(name, _MISSING)
            if now is not value and not _equal(now, value):
                return False
        for cell, value in self.cells:
            now = cell.cell_contents
            if now is not value and not _equal(now, value):
                return False
        for kind, name, value in self.classes:
            if vars(kind).get(name, _MISSING) is not value:
                return False
        for function, code in self.codes:
            if function.__code__ is not code:
                return False
        for container, entries in self.containers:
            now = tuple(_entries(container))
            if len(now) != len(entries):
                return False
            for a, b in zip(now, entries, strict=True):
                if a is not b and not _equal(a, b):
                    return False
        return all([_same_bits(array, copy) for array, copy in self.copies])

    def owns(self, array: Any) -> bool:
        """Whether the memory of ``array`` is that of one of the arrays that are read: its contents are always new."""
        while array is not None:
            if id(array) in self.arrays:
                return True
            array = array.base if isinstance(array, np.ndarray) else None
        return False


def _is_plain_object(value: Any) -> bool:
    """Whether an object is its attributes: an instance of a class in Python that does not meddle with them."""
    kind = type(value)
    if not hasattr(value, "__dict__") or _is_trusted(kind.__module__) or kind.__module__ == "builtins":
        return False
    meddling = ("__getattr__", "__getattribute__", "__array_ufunc__", "__array_function__", "__array__")
    return not any([name in vars(k) for k in kind.__mro__[:-1] for name in meddling])


def _is_trusted(module: str) -> bool:
    return module.partition(".")[0] in _TRUSTED and not module.startswith(_UNTRUSTED)


def _same_bits(array: Any, copy: Any) -> bool:
    """Whether an array holds the same numbers, NaN included, as its copy did."""
    if array.shape != copy.shape or array.dtype != copy.dtype:
        return False
    if array.dtype.itemsize != 8:
        return np.array_equal(array, copy, equal_nan=array.dtype.kind == "f")
    if array.flags.c_contiguous and copy.flags.c_contiguous:
        array, copy = array.reshape(-1), copy.reshape(-1)
    return bool((array.view(np.int64) == copy.view(np.int64)).all())


def _entries(container: Any) -> Iterator[Any]:
    if isinstance(container, dict | MappingProxyType):
        for key, value in container.items():
            yield key
            yield value
    else:
        yield from container


def _equal(a: Any, b: Any) -> bool:
    """Whether two numbers or strings are the same; arrays and other objects have to be one object."""
    return type(a) is type(b) and isinstance(a, _ATOMS) and bool(a == b)
