"""For as long as code runs: other functions under NumPy's names, in NumPy and where the code has them by name.

Others who use NumPy meanwhile, in this thread or another, get what they always get: the functions that take the place
of NumPy's do the same unless something tracked is given to them, or the code itself makes an array.
"""

from __future__ import annotations

import cmath
import math
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager, suppress
from functools import cache, lru_cache, partial
from importlib.machinery import ExtensionFileLoader
from types import BuiltinMethodType, CellType, FunctionType, MethodType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import numpy as np

from chainrule.as_written.libraries import IN_C, INSTEAD, SOLVERS, put_back
from chainrule.as_written.making import MAKERS, VIEWERS, ListedUfunc, holds, is_library, is_own, listed
from chainrule.as_written.making import within as running_within
from chainrule.as_written.numbers import BUILTINS, CMATH, MATH, NUMBERS, is_scalar
from chainrule.as_written.reached import IS, reached
from chainrule.as_written.vectorized import CALLS, ONE_BY_ONE
from chainrule.errors import AssignmentError, ChainruleError, LeafError, NoRuleError
from chainrule.op import REGISTRY
from chainrule.tape import refusals

__all__ = ["Functions", "as_written", "instead_of", "is_as_written", "tried"]


class _Here(threading.local):
    """Whether this thread runs code as it stands."""

    depth = 0


_here = _Here()
_lock = threading.RLock()
_OWN = __package__.removesuffix("as_written")
_LOOKED_INTO = ("numpy", "scipy", "math", "cmath")  # the libraries whose functions may be handed over themselves
_replaced: dict[int, tuple[Any, dict[str, Any], list[int]]] = {}  # namespace, what was there, users


def is_as_written() -> bool:
    """Whether NumPy's ways of making arrays make tensors in this thread."""
    return _here.depth > 0


_LISTED = (
    *("sum", "mean", "prod", "max", "min", "amax", "amin", "std", "var", "median", "average", "ptp", "cumsum"),
    *("cumprod", "unwrap", "interp", "stack", "concatenate", "allclose", "meshgrid"),
    *("dot", "inner", "diff", "trapezoid", "sort", "nansum", "nanmean", "nanmax", "nanmin", "norm", "quantile", "clip"),
    *("det", "inv", "solve", "cross", "polyval", "kron", "convolve", "trace", "vdot", "tensordot", "cov", "corrcoef"),
    *("reshape", "ravel", "transpose", "squeeze", "atleast_1d", "atleast_2d", "diag", "outer", "where", "percentile"),
)  # NumPy's functions that people give lists to


@cache
def _in_numpy() -> list[tuple[Any, Mapping[str, Any]]]:
    """NumPy's modules and `math`, with the functions that take the place of others under their names."""
    found: list[tuple[Any, Mapping[str, Any]]] = [(math, MATH), (cmath, CMATH), (np.vectorize, CALLS)]
    for module in (np, np.linalg, np.fft):
        plain = vars(module)
        made: dict[str, Any] = {**MAKERS, **VIEWERS, **ONE_BY_ONE, "isscalar": is_scalar} if module is np else {}
        made |= {name: listed(plain[name]) for name in _LISTED if name in plain and name not in made}
        for name, other in made.items():
            if callable(plain[name]) and plain[name] in REGISTRY:  # whoever asks by NumPy's name finds the same
                REGISTRY[other] = REGISTRY[plain[name]]
        found.append((module, made))
    return _noted(found)


@cache
def _taking_lists() -> list[tuple[Any, Mapping[str, Any]]]:
    """NumPy's other functions that have a rule, with those that take lists of tensors too."""
    found: list[tuple[Any, Mapping[str, Any]]] = []
    for module in (np, np.linalg, np.fft):
        made: dict[str, Any] = {}
        for name, value in vars(module).items():
            if id(value) not in _by_function and callable(value) and not isinstance(value, type) and value in REGISTRY:
                made[name] = ListedUfunc(value) if isinstance(value, np.ufunc) else listed(value)
                REGISTRY[made[name]] = REGISTRY[value]
        found.append((module, made))
    return _noted(found)


def _named(names: Set[str]) -> list[tuple[Any, Mapping[str, Any]]]:
    """Those of them that code names; to replace all of them for all code would take longer than most of it.

    So with NumPy's classes of numbers, but where code asks which class something *is*: that would be another.
    """
    places = _taking_lists() if IS in names else [*_taking_lists(), (np, NUMBERS)]
    return [(module, {name: made[name] for name in names & made.keys()}) for module, made in places]


@cache
def _untouched() -> ModuleType:
    """NumPy as it is before anything is replaced."""
    module = ModuleType("numpy")
    vars(module).update(vars(np))
    return module


@lru_cache(maxsize=1)
def _shield(modules: int) -> None:
    """Give some (of so many modules) NumPy as it was, for good: what they call would take them for code.

    Compiled ones have no frames, and take what `np.empty` gives them for an array, without a look. Our own compare
    functions with NumPy's.
    """
    for name, module in sys.modules.copy().items():
        is_compiled = isinstance(getattr(getattr(module, "__spec__", None), "loader", None), ExtensionFileLoader)
        if is_compiled or (name.startswith(_OWN) and not name.startswith(__package__)):
            names = [name for name, value in vars(module).copy().items() if value is np]
            vars(module).update(dict.fromkeys(names, _untouched()))


@cache
def _in_library(name: str) -> list[tuple[Any, Mapping[str, Any]]]:
    """A module of SciPy's and its classes, with the functions that take the place of some of theirs."""
    return _noted(INSTEAD[name](sys.modules[name]))


_by_function: dict[int, Any] = {}
"""What takes the place of a function, by that function's id: for names that code gave to functions itself.

Where another thread has put it in place already it stands for itself, so that it stays while either is running.
"""
_originals: list[Any] = []  # so that their ids stay theirs


def _noted(places: list[tuple[Any, Mapping[str, Any]]]) -> list[tuple[Any, Mapping[str, Any]]]:
    """The same; what is there now, before anything was replaced, is noted."""
    for place, made in places:
        if isinstance(place, ModuleType | type):
            for name, other in made.items():
                if name not in vars(place):
                    continue  # inherited, so that there is no function of that name to know again
                _originals.append(vars(place)[name])
                _by_function[id(vars(place)[name])] = _by_function[id(other)] = other
    return places


@lru_cache(maxsize=1)
def _imported(modules: int) -> list[tuple[Any, Mapping[str, Any]]]:
    """The modules of SciPy's (of so many modules), with what takes the place of functions that they have by name."""
    spaces = [vars(module) for name, module in sys.modules.copy().items() if name.startswith("scipy.")]
    classes = {name: BUILTINS[name] for name in ("float", "complex")}
    return [
        (space, {**{name: made for name, made in classes.items() if name not in space}, **_others(space)})
        for space in spaces
    ]


class Functions:
    """Functions to remember for as long as they live; those to which there are no weak references are forgotten."""

    def __init__(self) -> None:
        self._known: WeakSet[Any] = WeakSet()

    def add(self, function: Any) -> None:
        """Remember a function, if that can be."""
        with suppress(TypeError):
            self._known.add(function)

    def __contains__(self, function: Any) -> bool:
        try:
            return bool(self._known) and function in self._known
        except TypeError:
            return False


def _replacing() -> list[tuple[Any, Mapping[str, Any]]]:
    with _lock:
        libraries = [_in_library(name) for name in INSTEAD if name in sys.modules]
        _taking_lists()  # while NumPy's functions are under their names
        _shield(len(sys.modules))
        return [*_in_numpy(), *[place for places in libraries for place in places]]


def instead_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """What takes the place of a library's function that is handed over itself; any other function as it is.

    >>> import scipy.special
    >>> instead_of(scipy.special.softmax) is scipy.special.softmax, instead_of(len) is len
    (False, True)
    """
    if type(function) is partial:
        inner = instead_of(function.func)
        return function if inner is function.func else partial(inner, *function.args, **function.keywords)
    if type(function) is MethodType:
        inner = instead_of(function.__func__)
        return function if inner is function.__func__ else MethodType(inner, function.__self__)
    if type(function) in IN_C:
        made: Callable[..., Any] = IN_C[type(function)](function)
        return made
    if type(function) is BuiltinMethodType and type(function.__self__) in IN_C:
        method: Callable[..., Any] = getattr(IN_C[type(function.__self__)](function.__self__), function.__name__)
        return method
    known: Callable[..., Any] | None = _by_function.get(id(function))
    if known is None and str(getattr(function, "__module__", "")).partition(".")[0] in _LOOKED_INTO:
        _replacing()  # its module may have been loaded only now
        known = _by_function.get(id(function))
    return function if known is None else known


def _may_be_replaced(value: Any) -> bool:
    kind = type(value)
    if kind is BuiltinMethodType:
        return type(value.__self__) in IN_C or id(value) in _by_function
    return id(value) in _by_function or kind in (partial, MethodType) or kind in IN_C


def _others(space: dict[Any, Any]) -> dict[Any, Any]:
    """What takes the place of functions in a dictionary. Other threads may write into it: it is listed at once."""
    return {name: instead_of(value) for name, value in space.copy().items() if _may_be_replaced(value)}


@contextmanager
def as_written(function: Callable[..., Any], within: bool = False) -> Iterator[None]:
    """Within the block arrays that code makes can hold tracked numbers; ``function`` is the code that will run.

    ``within`` says that SciPy's own code is run with other functions too, where it has NumPy's by name.

    >>> from chainrule.tensor import tensor
    >>> def squares(x):
    ...     y = np.zeros(len(x))
    ...     for i in range(len(x)):
    ...         y[i] = x[i] ** 2
    ...     return y
    >>> x = tensor([1.0, 2.0], requires_grad=True)
    >>> with as_written(squares):
    ...     y = squares(x)
    >>> y.sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """
    namespaces, holders, cells, names = reached(function)
    places = [*_replacing(), *_named(names)]
    spaces = [(vars(place) if isinstance(place, ModuleType) else place, made) for place, made in places]
    spaces += _imported(len(sys.modules)) if within else []
    for cell in cells:
        if _may_be_replaced(cell.cell_contents):
            spaces.append((cell, {"cell_contents": instead_of(cell.cell_contents)}))
    for space in namespaces:
        spaces.append(
            (space, {**{name: made for name, made in BUILTINS.items() if name not in space}, **_others(space)})
        )
    spaces += [(space, _others(space)) for space in holders]
    for space, others in spaces:
        _enter(space, others)
    _here.depth += 1
    running_within.depth += within
    try:
        yield
    finally:
        _here.depth -= 1
        running_within.depth -= within
        for space, _ in reversed(spaces):
            _leave(space)
        if not _here.depth:
            put_back()


def tried(function: Callable[..., Any], run: Callable[[], Any]) -> Any:
    """``run()``; and again within `as_written`, if it fails because code makes plain arrays of what is tracked.

    Libraries in C may raise errors of their own where a plain number was refused, and type errors where they are given
    no arrays: those count as well.
    """
    before = refusals()
    try:
        if not (function in _known or _needs_it(function)):
            return run()
    except Exception as problem:
        is_refused = isinstance(problem, _RETRIED) or refusals() > before
        is_refused = is_refused or _wants_arrays(problem) or _mistook(problem)
        if is_as_written() or not (is_refused or (type(problem) is TypeError and _library_that_failed(problem))):
            raise
    within = function in _within
    while True:
        with as_written(function, within):
            try:
                result = run()
                _known.add(function)
                if within:
                    _within.add(function)
                return result
            except (ChainruleError, AttributeError, BufferError, TypeError, ValueError) as problem:
                culprit = _library_that_failed(problem) or ("a function in C" if _wants_arrays(problem) else None)
                if culprit is None or (within and isinstance(problem, ChainruleError)):
                    raise
                if within:
                    raise NoRuleError(
                        f"{culprit} does not take tracked values ({type(problem).__name__}: {problem}). Write it with "
                        "NumPy's functions, give its derivative with chainrule.define, or take x.detach() where no "
                        "gradient is wanted."
                    ) from problem
        within = True  # once more, and SciPy's own code too


_known = Functions()  # those that were run as they stand: they will need it again
_within = Functions()  # those that need it within SciPy's own code


def _wants_arrays(problem: Exception) -> bool:
    """Whether a function in C, which leaves no trace of itself, was given a tensor for an array."""
    return type(problem) is TypeError and str(problem).endswith("must be numpy.ndarray, not Tensor")


def _mistook(problem: Exception) -> bool:
    """Whether code of SciPy's, which knows no tensors, took one for something else: a number for a list, say."""
    trace = problem.__traceback__ if type(problem) is ValueError else None
    while trace is not None:
        frame = trace.tb_frame
        if str(frame.f_globals.get("__name__", "")).startswith("scipy.") and any(map(holds, frame.f_locals.values())):
            return True
        trace = trace.tb_next
    return False


_COMPILED = ("numpy.", "scipy.")  # modules of which some are not Python, and say other names of files


_STANDARD = sysconfig.get_path("stdlib")


def _library_that_failed(problem: Exception) -> str | None:
    """The function of a library that code called, if it was there that something went wrong.

    Python's own count where they were given something that they do not take.
    """
    trace, found = problem.__traceback__, None
    while trace is not None:
        code, module = trace.tb_frame.f_code, str(trace.tb_frame.f_globals.get("__name__", ""))
        is_standard = code.co_filename.startswith(_STANDARD) and "site-packages" not in code.co_filename
        if not (
            is_library(code.co_filename)
            or module.startswith(_COMPILED)
            or (is_standard and isinstance(problem, TypeError))
        ):
            found = None
        elif found is None and not is_own(code.co_filename):
            found = f"{module}.{code.co_qualname}"
        trace = trace.tb_next
    return found


def _needs_it(function: Any) -> bool:
    """Whether a function, or one that it names, asks of what kind an array is, or calls a solver.

    Tensors are not NumPy's arrays, and the errors of solvers in other languages would be printed on the way.
    """
    return isinstance(function, FunctionType) and not is_as_written() and _names_such(function, set())


_ASKING = {"isinstance", "type", "isscalar", "shuffle"}
_known_to_name: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()  # by code, for functions that close over nothing


def _names_such(function: FunctionType, seen: set[Any]) -> bool:
    code, cells = function.__code__, function.__closure__ or ()
    known = None if cells else _known_to_name.get(code)
    if known is not None or code in seen or is_library(code.co_filename):
        return bool(known)
    seen.add(code)
    found = not (_ASKING.isdisjoint(code.co_names) and SOLVERS.isdisjoint(code.co_names))
    if not found:
        named = [function.__globals__.get(name) for name in code.co_names]
        with suppress(ValueError):  # a cell that is not filled yet
            named += [cell.cell_contents for cell in cells]
        found = any([type(other) is FunctionType and _names_such(other, seen) for other in named])
    if not cells:
        _known_to_name[code] = found
    return found


_RETRIED = (AssignmentError, LeafError, NoRuleError)
"""What is raised when code as it stands keeps tracked numbers in plain arrays, or overwrites its arguments."""


def _enter(space: Any, others: Mapping[str, Any]) -> None:
    with _lock:
        _, before, users = _replaced.setdefault(id(space), (space, {}, [0]))
        users[0] += 1
        others = {name: value for name, value in others.items() if name not in before}
        before.update({name: _found(space, name) for name in others})
        _put(space, others)


def _leave(space: Any) -> None:
    with _lock:
        _, before, users = _replaced[id(space)]
        users[0] -= 1
        if not users[0]:
            del _replaced[id(space)]
            _put(space, before)


def _found(space: Any, name: str) -> Any:
    """What a name means in a dictionary, a class or a cell."""
    if isinstance(space, CellType):
        return space.cell_contents
    return (space if isinstance(space, dict) else vars(space)).get(name, _ABSENT)


def _put(space: Any, others: Mapping[str, Any]) -> None:
    """Let names mean something else, in a dictionary, a class or a cell; or nothing, where there was nothing."""
    for name, value in others.items():
        if not isinstance(space, dict):
            delattr(space, name) if value is _ABSENT else setattr(space, name, value)
        elif value is _ABSENT:
            space.pop(name, None)
        else:
            space[name] = value


_ABSENT = object()
