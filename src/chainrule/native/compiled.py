"""`compile`: a function recorded once for each kind of arguments, and called as machine code from then on."""

from __future__ import annotations

import inspect
import threading
import warnings
from collections.abc import Callable as AnyCallable
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from chainrule.choices import keyed
from chainrule.errors import OptionError
from chainrule.linear.forms import FORMS
from chainrule.linear.uncollected import uncollected
from chainrule.native import callables
from chainrule.native.build import WASTED, Built, build, program
from chainrule.native.into import fitting, put
from chainrule.native.libraries import llvm
from chainrule.native.options import Options, allowed, length
from chainrule.native.recorded import Recorded, UnsuitableError, key_of, recorded
from chainrule.program.recording import active
from chainrule.transforms.made import is_global, made_by
from chainrule.transforms.recorded import Recorded as Replaying
from chainrule.transforms.recorded import replaying
from chainrule.transforms.trees import flatten

__all__ = ["CompileWarning", "Compiled", "compile"]

_KEPT = 16  # recordings that one function keeps
_FRESH = object()  # what stands for out= where it is not given


class CompileWarning(UserWarning):
    """A function that was to be compiled runs in Python, and why."""


class _Shared:
    """What a compiled function is, before and after there is machine code."""

    function: AnyCallable[..., Any]
    options: Options
    known: dict[Any, Any]
    retired: list[Any]  # what was known before, and may still be running
    running: int

    def __repr__(self) -> str:
        name = getattr(self.function, "__qualname__", repr(self.function))
        native = sum([not isinstance(found, str) for found in self.known.copy().values()])
        return f"<compiled {name}: {native} kind{'s' * (native != 1)} of arguments in machine code>"

    def __reduce__(self) -> Any:
        if is_global(self):
            return self.__qualname__  # type: ignore[attr-defined]
        return Compiled, (self.function, self.options)  # which makes its machine code again

    def __deepcopy__(self, memo: Any = None) -> Any:
        return self  # as of any function

    __copy__ = __deepcopy__

    @property
    def recordings(self) -> list[str]:
        """One line for each kind of arguments met: whether calls run as machine code, and if not, why."""
        return [found if isinstance(found, str) else found.how for found in self.known.copy().values()]

    @property
    def memory(self) -> list[int | None]:
        """The bytes that calls work in, besides arguments and results; None for kinds that run in Python."""
        return [None if isinstance(found, str) else found.memory for found in self.known.copy().values()]

    def __get__(self, instance: Any, kind: Any = None) -> Any:
        return self if instance is None else _bound(self, instance)

    def in_python(self, arguments: Sequence[Any], out: Any = _FRESH) -> Any:
        """The call as the function itself answers it."""
        result = self.function(*arguments)
        return result if out is _FRESH else put(result, out, _arrays(arguments))

    def again(self, arguments: Sequence[Any], out: Any = _FRESH) -> Any:
        """A call that machine code has begun, and waits for."""
        self.running += 1
        try:
            return self.in_python(arguments, out)
        finally:
            self.running -= 1


def _arrays(arguments: Any) -> list[Any]:
    return [leaf for leaf in flatten(arguments)[0] if isinstance(leaf, np.ndarray)]


def _bound(function: Any, instance: Any) -> Any:
    def method(*arguments: Any, **options: Any) -> Any:
        return function(instance, *arguments, **options)

    return method


class Compiled(_Shared, callables.Callable):  # type: ignore[misc]
    """A function before its first call, or one that cannot be machine code: Python decides at each call."""

    def __init__(self, function: AnyCallable[..., Any], options: Options) -> None:
        self.function = function
        self.options = options
        self.known = {}
        self.wasted = 0
        self.retired = []
        self.running = 0
        self.takes_out = _takes_out(function)
        for name in ("__name__", "__qualname__", "__doc__", "__module__", "__wrapped__"):
            setattr(self, name, getattr(function, name, None))
        self.__wrapped__ = function
        self.__reads__ = function

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return _called(self, *arguments, **options)


class _Direct(_Shared, callables.Callable):  # type: ignore[misc]
    """A function with machine code, which Python calls directly."""


callables.direct(_Direct)


def _takes_out(function: AnyCallable[..., Any]) -> bool:
    """Whether ``out`` is an argument of the function itself."""
    try:
        return "out" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False


def compile(  # noqa: A001 (the name that users meet)
    function: AnyCallable[..., Any],
    *,
    form: str | None = None,
    checkpoint: bool | int = False,
    threads: int | None = None,
) -> Any:
    """The function as machine code, made at the first call for each kind of arguments.

    >>> import chainrule as cr
    >>> f = cr.compile(cr.value_and_grad(lambda x: np.sum(np.sin(x) ** 2)))
    >>> value, gradient = f(np.array([0.0, np.pi / 2]))
    >>> float(value), gradient.round(12).tolist()
    (1.0, [0.0, 0.0])

    With ``out=`` results are written into arrays that are there already, one for each result:

    >>> g = cr.compile(cr.grad(lambda x: np.sum(x**2)))
    >>> there = np.empty(2)
    >>> g(np.array([1.0, 2.0]), out=there) is there, there.tolist()
    (True, [2.0, 4.0])

    Of what `jacobian`, `hessian` and `gauss_newton` make, the result is a `Jacobian` as ever; or, with ``form``, what
    its method of that name gives, written by machine code in one pass:

    >>> J = cr.compile(cr.jacobian(lambda x: x[1:] * x[:-1]), form="sparse")
    >>> J(np.array([1.0, 2.0, 3.0])).data
    array([2., 1., 3., 2.])

    With ``checkpoint=k`` a loop whose turns a gradient needs again keeps every k-th of them, and the others are
    computed once more; with ``checkpoint=True`` k is about the square root of their number:

    >>> def decayed(x):
    ...     for _ in range(10000):
    ...         x = x - 0.001 * np.sin(x)
    ...     return np.sum(x)
    >>> h, less = [cr.compile(cr.grad(decayed), checkpoint=chosen) for chosen in (False, True)]
    >>> bool(np.allclose(h(np.ones(9)), less(np.ones(9)))), h.memory[0] > 20 * less.memory[0]
    (True, True)

    Loops over large arrays are shared by at most ``threads`` threads: as many as the environment variable
    CHAINRULE_THREADS says, or there are processors, unless it is given.

    >>> h = cr.compile(lambda x: np.sum(np.sin(x)), threads=2)
    >>> bool(np.isclose(h(np.linspace(0.0, np.pi, 1_000_001)) * np.pi / 1e6, 2.0))
    True

    Args:
        function: the function.
        form: "sparse", a SciPy ``csr_array``; "dense", an array; "banded", what ``scipy.linalg.solve_banded`` takes.
        checkpoint: how many turns of a loop lie between two that are kept, or True.
        threads: at most so many threads, 1 or more.

    Raises:
        OptionError: the form is another one, or the function is none that gives a Jacobian; ``checkpoint`` is neither
            a truth nor a number of turns, or ``threads`` no number of threads.
    """
    kept = getattr(function, "recorded", None)
    if form is not None:
        _check_form(function, kept, form)
    options = Options(allowed(threads), length(checkpoint))
    if isinstance(function, _Shared):
        return _with(function, options, threads is not None)
    if not callable(function):
        raise TypeError(f"compile wants a function; got {type(function).__name__}")
    if isinstance(kept, Replaying):  # a Jacobian: its entries are what machine code computes
        making = partial(program, options=options)
        made = made_by(compile, function, form=form, checkpoint=checkpoint, threads=threads)
        return replaying(made, kept.transform, kept.read, kept.argnums, making, form or kept.form)
    return Compiled(function, options)


def _with(function: _Shared, options: Options, has_threads: bool) -> _Shared:
    """A function that is compiled already, with what is asked for now."""
    checkpoint = function.options.checkpoint if options.checkpoint is None else options.checkpoint
    wanted = Options(options.threads if has_threads else function.options.threads, checkpoint)
    return function if wanted == function.options else Compiled(function.function, wanted)


def _check_form(function: Any, kept: Any, form: str) -> None:
    if form not in FORMS:
        raise OptionError(f"compile(…, form={form!r}): a form is one of {', '.join(map(repr, FORMS))}")
    if not isinstance(kept, Replaying):
        name = getattr(function, "__qualname__", repr(function))
        raise OptionError(
            f"compile({name}, form={form!r}): {name} gives no Jacobian. Hand over what jacobian, hessian or "
            f"gauss_newton makes (without has_aux), or leave form out"
        )


def _called(this: Any, *arguments: Any, **options: Any) -> Any:
    """A call that no machine code answers: record, or run."""
    out = options.pop("out", _FRESH) if not this.takes_out else _FRESH
    if active() or options:
        result = this.function(*arguments, **options)
        return result if out is _FRESH else put(result, out, _arrays((arguments, options)))
    leaves: list[Any] = []
    try:
        key = keyed(key_of(arguments, leaves))
    except UnsuitableError as unsuitable:
        return _explained(this, str(unsuitable), arguments, out)
    found = this.known.get(key)
    if found is not None and not isinstance(found, str):
        if not found.refuses() and found.is_current():
            return _answered(this, found, arguments, leaves, out)
        this.wasted += 1
        if this.wasted > WASTED:
            found = "something that it reads changes from call to call: make it an argument"
            _keep(this, key, found)
    if isinstance(found, str):
        return this.in_python(arguments, out)
    made = _record(this, key, arguments, leaves)
    if isinstance(made, str):
        return _explained(this, made, arguments, out, key)
    return _answered(this, made, arguments, leaves, out)


def _answered(this: Any, found: Any, arguments: Any, leaves: Sequence[Any], out: Any) -> Any:
    """A call of a kind that is known."""
    if out is _FRESH:
        return found.called(arguments, leaves, out, None)
    others = [leaf for leaf in leaves if isinstance(leaf, np.ndarray)] + found.captured
    try:
        arrays = fitting(found.structure, found.results, out, others)
    except OptionError:
        if found.has_ways:  # another may give what fits
            return this.in_python(arguments, out)
        raise
    if isinstance(found, Built) and found.into is None:
        with _changing:
            found.make_into()
            _link(this)
    return found.called(arguments, leaves, out, arrays)


def _explained(this: Any, problem: str, arguments: Any, out: Any, key: Any = None) -> Any:
    """A call in Python, with a warning that says why if it was not said before."""
    if problem not in this.known.copy().values():
        name = getattr(this.function, "__qualname__", repr(this.function))
        warnings.warn(f"{name} runs in Python, not as machine code: {problem}", CompileWarning, stacklevel=4)
    key = key if key is not None else problem
    if this.known.get(key) != problem:
        _keep(this, key, problem)
    return this.in_python(arguments, out)


def _record(this: Any, key: Any, arguments: Any, leaves: Sequence[Any]) -> Any:
    """Record the function and make machine code; or say why not."""
    if llvm is None:
        _say_once()
    with uncollected():
        made = recorded(this.function, arguments, leaves, guarded=True)
        built = made if isinstance(made, str) else build(this, _called, made, arguments, _otherwise)
    if not isinstance(built, str):
        _keep(this, key, built)
    return built


def _otherwise(this: Any, found: Built, arguments: Any, out: Any = _FRESH) -> Any:
    """A call that goes a way which is not known, or that machine code cannot answer: record the way, if it is new."""
    leaves: list[Any] = []
    key_of(arguments, leaves)
    ways = found.ways
    ways.wasted += 1
    this.running += 1
    try:
        with uncollected():
            made = recorded(this.function, arguments, leaves, guarded=True)
            if not isinstance(made, str) and made.way not in ways.taken:
                _add_way(this, found, made, build(this, _called, made, arguments))
        return this.in_python(arguments, out)
    finally:
        this.running -= 1


def _add_way(this: Any, found: Built, made: Recorded, built: Any) -> None:
    """Let machine code for one more way take calls; say it if there are to be no more."""
    if not isinstance(built, Built):
        return
    with _changing:
        if found.into is not None:
            built.make_into()
        found.ways.add(built, made)
        if found in this.known.values():
            _link(this)
    if not found.ways.are_open:
        name = getattr(this.function, "__qualname__", repr(this.function))
        which = f"numbers choose other ways than the {len(found.ways.taken)} that are machine code"
        warnings.warn(f"{name} runs in Python where {which}", CompileWarning, stacklevel=4)


_changing = threading.RLock()  # held while functions change what answers calls


def _keep(this: Any, key: Any, found: Any) -> None:
    """Note what answers calls of a kind. What did so before goes, but only when no call of it can be under way."""
    with _changing:
        if not this.running:
            this.retired.clear()
        if len(this.known) >= _KEPT:
            this.retired += this.known.values()
            this.known.clear()
        this.retired.append(this.known.pop(key, None))
        this.known[key] = found
        _link(this)


def _link(this: Any) -> None:
    """Let the newest machine code take calls first; each hands those that are not of its kind to the next."""
    found = [built for built in reversed(this.known.values()) if isinstance(built, Built)]
    entrances = [entrance for built in found for entrance in built.entrances]
    for entrance, following in zip(entrances, [*entrances[1:], None], strict=False):
        entrance.hand_on(following)
    this.__class__ = _Direct if entrances else Compiled
    if entrances:
        callables.point(this, entrances[0].address)


_said: list[str] = []  # what is said once in a process


def _say_once() -> None:
    message = "there is no LLVM: compiled functions run as NumPy programs (pip install llvmlite)"
    if message not in _said:
        _said.append(message)
        warnings.warn(message, CompileWarning, stacklevel=5)
