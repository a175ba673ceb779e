"""What a function reads besides its arguments, and whether that is still what it was.

A recording of a function may stand in for the function only if running it again would do the same. That is known when
the function is Python that reads numbers, arrays, containers and objects of them, NumPy, SciPy's ufuncs, and other such
functions, and when all of these are the same objects with the same contents as before. Anything else (random numbers,
the clock, files, printing, assignment to names outside, objects that make up their attributes) and the function is
simply run again each time.
"""

from __future__ import annotations

import builtins
import dis
import operator
from collections.abc import Container, Iterator
from functools import _lru_cache_wrapper, partial
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FunctionType,
    MappingProxyType,
    MethodType,
    ModuleType,
    SimpleNamespace,
)
from typing import Any

import numpy as np

from chainrule.as_written.libraries import IN_C
from chainrule.op import Operation, Rule
from chainrule.tensor import Tensor
from chainrule.transforms.contents import Contents
from chainrule.transforms.made import Made

__all__ = ["Reads", "is_plain_object"]

_TRUSTED = {"numpy", "scipy", "math", "cmath", "operator", "itertools", "functools", "chainrule", "typing"}
_UNTRUSTED = ("numpy.random", "numpy.testing", "scipy.stats", "scipy.io", "chainrule.torch")
_BUILTINS = {
    *("abs", "all", "any", "bool", "callable", "complex", "dict", "divmod", "enumerate", "filter", "float"),
    *(
        "frozenset",
        "getattr",
        "hasattr",
        "hash",
        "int",
        "isinstance",
        "issubclass",
        "iter",
        "len",
        "list",
        "map",
        "max",
        "min",
    ),
    *("next", "pow", "range", "reversed", "round", "set", "slice", "sorted", "str", "sum", "tuple", "type", "zip"),
}
_BY_NAME = (getattr, hasattr, operator.attrgetter, operator.methodcaller)  # they reach attributes that no code names
_ASKING = (isinstance, issubclass, type, callable, hasattr, getattr, np.isscalar)
_FILES = {
    *("load", "loadtxt", "genfromtxt", "fromfile", "fromregex", "memmap", "open_memmap", "load_npz"),
    *("save", "savez", "savetxt", "save_npz"),
}
_STATE = {"random", "random_array", "rand", "seterr", "rvs", "default_rng"}
_ASSIGNS = {"STORE_GLOBAL", "DELETE_GLOBAL", "STORE_ATTR", "DELETE_ATTR"}
_ATOMS = (
    *(int, float, complex, str, bytes, bool, type(None), type(...), type(NotImplemented), slice, range),
    *(np.number, np.bool_, np.dtype),
)
_ATTRIBUTES_MADE_UP = ("__getattr__", "__getattribute__", "__array_ufunc__", "__array_function__", "__array__")
_CHANGES: dict[type, frozenset[str]] = {  # methods that write, by what they write into
    list: frozenset({"append", "extend", "insert", "remove", "pop", "clear", "reverse"}),
    dict: frozenset({"update", "setdefault", "pop", "popitem", "clear"}),
    set: frozenset({"add", "update", "discard", "remove", "pop", "clear"}),
}
_NOT_CALLED = {
    *("__init__", "__new__", "__post_init__", "__repr__", "__str__", "__del__", "__init_subclass__", "__set_name__"),
    *("__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__replace__", "__setattr__", "__delattr__"),
}
_HEAP_TYPE = 1 << 9  # the flag of classes that are made while Python runs
_MISSING = object()


class Reads:
    """The things outside that a function reads: found once, compared before each use of a recording.

    ``problem`` is None, or says why a recording cannot stand in for the function. ``asks_kinds`` says that the function
    may ask what kind of object an argument is. What is compared is what there is when this is made: make it before the
    function runs.

    >>> scale = 2.0
    >>> reads = Reads(lambda x: scale * np.sin(x))
    >>> reads.problem is None, reads.unchanged()
    (True, True)
    >>> Reads(print).problem
    'it calls print()'
    """

    missing = _MISSING  # what stands for the value of a name that is not there

    def __init__(self, function: Any) -> None:
        self.problem: str | None = None
        self.asks_kinds = False
        self.names: list[tuple[dict[str, Any], str, Any]] = []
        self.cells: list[tuple[CellType, Any]] = []
        self.codes: list[tuple[Any, CodeType, Any, Any]] = []
        self.classes: list[tuple[type, str, Any]] = []
        self.objects: list[tuple[Any, type, Any]] = []
        self.containers: list[tuple[Any, tuple[Any, ...]]] = []
        self.arrays: dict[int, Contents] = {}  # by id of the array
        self._seen: set[int] = set()
        self._modules: list[Any] = []
        self._attributes: set[str] = set()
        self._by_name = False
        self._consider(function, "the function")
        done: set[tuple[int, str]] = set()
        while self.problem is None:  # what the code of a class reads may name more attributes
            open_ = [pair for pair in self._reached() if (id(pair[0]), pair[1]) not in done]
            if not open_:
                break
            for instance, name in open_:
                done.add((id(instance), name))
                self._attribute(instance, name)
        for container, _ in self.containers:
            changes = _CHANGES.get(type(container), frozenset()) & self._attributes
            if changes:  # of a local one, perhaps; but who can tell
                self._refuse(f"it reads a {type(container).__name__}, and calls {min(changes)}()")
        self.asks_kinds = self.asks_kinds or any([_tells_kind(name) for name in self._attributes])

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
        if any([value is asking for asking in _ASKING]):
            self.asks_kinds = True
        if any([value is reaching or kind is reaching for reaching in _BY_NAME]):
            self._by_name = True
        if kind is np.ndarray:
            if value.dtype.kind not in "fciub":
                self._refuse(f"it reads {name}, an array of {value.dtype}")
            else:
                self.arrays[id(value)] = Contents(value)
        elif kind in (tuple, list, dict, set, frozenset, MappingProxyType):
            self._container(value, name)
        elif kind is partial:
            for part in (value.func, value.args, value.keywords):
                self._consider(part, name)
        elif kind is FunctionType:
            self._function(value)
        elif kind is ModuleType:
            if _is_trusted(value.__name__):
                self._modules.append(value)
            else:
                self._object(value)
        elif kind is BuiltinFunctionType or isinstance(value, type):
            self._builtin(value)
        elif kind is MethodType:
            self._consider(value.__func__, name)
            self._consider(value.__self__, name)
        elif kind is np.ufunc:
            if all([types.endswith("->O") for types in value.types]):
                self._refuse(f"it calls {value.__name__}(), a ufunc of a Python function")
        elif kind is _lru_cache_wrapper:
            self._refuse("it calls a function that keeps its results")
        elif hasattr(value, "tocoo") and _is_trusted(kind.__module__):
            self._container(vars(value), name)
        elif kind in IN_C:
            return  # which nobody can change
        elif callable(value) and _is_trusted(kind.__module__):
            self._callable(value, name)
        elif is_plain_object(value):
            self._object(value)
        else:
            self._refuse(f"it reads {name}, a {kind.__name__}")

    def _container(self, value: Any, name: str) -> None:
        entries = tuple(_entries(value))
        if type(value) not in (tuple, frozenset):  # which stay what they are
            self.containers.append((value, entries))
        for entry in entries:
            self._consider(entry, name)

    def _builtin(self, value: Any) -> None:
        """A function or a class that is not written in Python, or not by the user."""
        module = value.__module__ or ""
        known = value.__name__ in _BUILTINS and getattr(builtins, value.__name__, None) is value
        exception = isinstance(value, type) and issubclass(value, BaseException)
        trusted = module != "builtins" and _is_trusted(module) and value.__name__ not in _FILES
        if not (known or exception or trusted):
            self._refuse(f"it calls {value.__name__}()")

    def _callable(self, value: Any, name: str) -> None:
        """An object of NumPy, SciPy or this library that is called: what it calls in turn, what it holds."""
        if value.__class__.__module__.partition(".")[0] == "chainrule":
            if isinstance(value, Operation):
                if not _is_trusted(getattr(value.forward, "__module__", None) or ""):
                    self._consider(value.forward, name)
                    self._rule(list(value.rules.values()), name)
            elif hasattr(value, "__reads__"):
                self._consider(value.__reads__, name)
            else:
                self._refuse(f"it calls {name}, a {type(value).__name__}")
        elif type(value).__flags__ & _HEAP_TYPE and hasattr(value, "__dict__"):
            if any([vars(kind).get("__slots__") for kind in type(value).__mro__]):
                self._refuse(f"it calls {name}, a {type(value).__name__}")  # which is more than its dictionary
            self._container(vars(value), name)

    def _rule(self, value: Any, name: str) -> None:
        """The functions that a rule of an operation calls."""
        if isinstance(value, Rule):
            value = list(vars(value).values())
        if isinstance(value, tuple | list):
            for entry in value:
                self._rule(entry, name)
        elif callable(value):
            self._consider(value, name)

    def _object(self, value: Any) -> None:
        """An object with attributes: of these, those that code names; all methods that Python calls without a name."""
        self.objects.append((value, type(value), vars(value)))
        if isinstance(value, ModuleType | FunctionType):
            return
        for kind in type(value).__mro__[:-1]:
            for name, method in vars(kind).items():
                if name.startswith("__") and name.endswith("__") and name not in _NOT_CALLED:
                    self._member(kind, name, method, only_functions=True)

    def _reached(self) -> Iterator[tuple[Any, str]]:
        """Pairs of an object and the name of an attribute that the code may ask it for."""
        for module in self._modules:
            yield from [(module, name) for name in self._attributes if name in vars(module)]
        for instance, kind, own in self.objects:
            yield from [(instance, name) for name in self._attributes]
            if self._by_name:
                spaces = (own, *[vars(k) for k in kind.__mro__[:-1]])
                yield from [(instance, name) for space in spaces for name in space if not name.startswith("__")]

    def _attribute(self, instance: Any, name: str) -> None:
        """What an attribute of an object is: its own, or by its class a method, a property, a value for all."""
        own = vars(instance)
        value = own.get(name, _MISSING)
        self.names.append((own, name, value))
        if value is not _MISSING:
            self._consider(value, name)
        if isinstance(instance, ModuleType):
            return
        for kind in type(instance).__mro__[:-1]:
            found = vars(kind).get(name, _MISSING)
            self._member(kind, name, found)
            if found is not _MISSING:
                break

    def _member(self, kind: type, name: str, value: Any, only_functions: bool = False) -> None:
        """What a class holds under a name, or that it holds nothing."""
        if isinstance(value, property | staticmethod | classmethod):
            inner = value.fget if isinstance(value, property) else value.__func__
        elif only_functions and type(value) is not FunctionType:
            return
        elif hasattr(type(value), "__get__") and type(value) not in (FunctionType, Made):
            self._refuse(f"it reads {kind.__name__}.{name}, a {type(value).__name__}")
            return
        else:
            inner = value
        self.classes.append((kind, name, value))
        if inner is not _MISSING:
            self._consider(inner, f"{kind.__name__}.{name}")

    def _function(self, function: FunctionType) -> None:
        """A Python function: what its code names, its closure, its defaults, its attributes."""
        space = function.__globals__
        trusted = _is_trusted(space.get("__name__", ""))
        if trusted and function.__name__ in _FILES:
            self._refuse(f"it calls {function.__name__}()")
        if trusted and not function.__closure__:
            return
        self.codes.append((function, function.__code__, function.__defaults__, function.__kwdefaults__))
        for cell in function.__closure__ or ():
            try:
                value = cell.cell_contents
            except ValueError:
                self._refuse("it reads a name outside that has no value yet")
                continue
            self.cells.append((cell, value))
            self._consider(value, f"{function.__name__}'s surroundings")
        for defaults in (function.__defaults__, function.__kwdefaults__):
            self._consider(defaults, f"a default of {function.__name__}")
        if trusted:
            return
        if vars(function):
            self._object(function)
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
            elif step.opname.startswith("MATCH_"):
                self.asks_kinds = True
            elif step.opname == "IMPORT_NAME" and not _is_trusted(step.argval):
                self._refuse(f"it imports {step.argval}")
            elif step.opname in ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM"):
                self._attributes.add(step.argval)
                if step.argval in _STATE or (step.opname == "IMPORT_FROM" and step.argval in _FILES):
                    self._refuse(f"it uses {step.argval}")
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                yield from self._code(constant)
            elif isinstance(constant, str) and constant.isidentifier() and {"getattr", "hasattr"} & set(code.co_names):
                self._attributes.add(constant)

    # --- comparing ---

    def unchanged(self, except_for: Container[int] = ()) -> bool:
        """Whether everything that was read is what it was; of arrays with these ids, the numbers may be others."""
        try:
            return self._unchanged(except_for)
        except (ValueError, RuntimeError, TypeError, AttributeError):
            return False  # a name is gone, or something changed while it was looked at

    def _unchanged(self, except_for: Container[int]) -> bool:
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
        for instance, kind, own in self.objects:
            if type(instance) is not kind or vars(instance) is not own:
                return False
        for function, code, defaults, named in self.codes:
            if (
                function.__code__ is not code
                or function.__defaults__ is not defaults
                or function.__kwdefaults__ is not named
            ):
                return False
        for container, entries in self.containers:
            found = tuple(_entries(container))
            if len(found) != len(entries):
                return False
            for a, b in zip(found, entries, strict=True):
                if a is not b and not _equal(a, b):
                    return False
        return all([contents.unchanged(key not in except_for) for key, contents in self.arrays.items()])


def is_plain_object(value: Any) -> bool:
    """Whether an object is its attributes: an instance of classes in Python that do not meddle with them."""
    kind = type(value)
    if not hasattr(value, "__dict__") or _is_trusted(kind.__module__) or hasattr(kind, "__get__"):
        return False
    if kind is SimpleNamespace:
        return True
    if not all([k.__flags__ & _HEAP_TYPE and k.__module__ != "builtins" for k in kind.__mro__[:-1]]):
        return False
    return not any([name in vars(k) for k in kind.__mro__[:-1] for name in _ATTRIBUTES_MADE_UP])


def _tells_kind(name: str) -> bool:
    """Whether plain arrays or numbers have an attribute that tensors have not: code may try and see."""
    return not hasattr(Tensor, name) and (hasattr(np.ndarray, name) or hasattr(float, name))


def _is_trusted(module: str) -> bool:
    return module.partition(".")[0] in _TRUSTED and not module.startswith(_UNTRUSTED)


def _entries(container: Any) -> Iterator[Any]:
    if isinstance(container, dict | MappingProxyType):
        for key, value in container.items():
            yield key
            yield value
    else:
        yield from container


def _equal(a: Any, b: Any) -> bool:
    """Whether two numbers or strings are the same, 0.0 not being -0.0; other objects have to be one object."""
    if type(a) is not type(b) or not isinstance(a, _ATOMS) or not bool(a == b):
        return False
    return bool(a) or repr(a) == repr(b)
