"""An operation: its forward function and, for each argument, its local Jacobian; and the only registry of them.

A rule says how one entry of ∂out/∂argument is named and valued; reverse mode, forward mode, structured Jacobians,
formulas and code are all derived from it. A rule's functions name what they need: a parameter called ``out`` is the
result, the others are the operation's arguments by name. What no rule names is not kept after the forward run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import CO_VARARGS
from pickle import PicklingError
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from chainrule.errors import NoDerivativeError
from chainrule.linear.term import Pattern, Term, diagonal, pattern

__all__ = [
    "OUT", "REGISTRY", "Call", "Constant", "Diagonal", "General", "Notation", "Operation", "Part", "Product",
    "Rule", "Sample", "Structural", "Undefined", "broadcast", "constant", "define", "elementwise", "implements",
    "undefined",
]  # fmt: skip

OUT = -1  # the position that stands for the result among what a rule needs


class Call(Protocol):
    """One application of an operation, as a rule sees it: shapes and parameters, no values."""

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]: ...  # of the arguments
    @property
    def shape(self) -> tuple[int, ...]: ...  # of the result
    @property
    def params(self) -> Mapping[str, Any]: ...


class Sample(NamedTuple):
    """Arguments to test an operation with: shapes (filled with random numbers) or arrays, and parameters."""

    arguments: tuple[Any, ...]
    params: Mapping[str, Any] = MappingProxyType({})


class Notation(NamedTuple):
    """How an operation is written: templates with {0}, {1}, … for its arguments; where empty, as a call of its name.

    A template may be a function of these and the parameters. The Python may call ``helper``, the source of a function.
    """

    text: str | Callable[..., str] = ""
    latex: str | Callable[..., str] = ""
    python: str | Callable[..., str] = ""
    helper: str = ""
    applied: str = ""  # the Python of a product with a matrix, if that is not written with @


class Rule:
    """The local Jacobian with respect to one argument: which values it needs, and its terms.

    ``position`` is the place of the argument. `terms` is given the call, the position, the result and the arguments
    (None where not needed) and returns a sequence of :class:`~chainrule.linear.term.Term`.
    """

    needs: tuple[int, ...] = ()
    by_hand = False  # whether a user wrote it, so that it may be wrong
    indexed = False  # whether its structure is that of an index, which a loop may change at each step
    conjugates = False  # whether its terms are applied to the conjugate, which no factor can say

    def terms(self, call: Call, position: int, out: Any, arguments: Sequence[Any]) -> Sequence[Term]:
        """The local Jacobian at these values."""
        raise NotImplementedError

    def written(self, call: Call, position: int, out: Any, arguments: Sequence[Any]) -> Sequence[Term]:
        """The same for a formula: functions of the values where `terms` has positions that follow from them."""
        return self.terms(call, position, out, arguments)


def needs_of(function: Callable[..., Any], arguments: Sequence[str]) -> tuple[int, ...]:
    """The positions that a rule's function names by its parameters (``out`` is OUT); for ``*values`` alone, all."""
    code = getattr(function, "__code__", None)
    if code is None:
        raise TypeError(f"a rule is written as a function or lambda whose parameters have names, got {function!r}")
    names = code.co_varnames[: code.co_argcount] or (tuple(arguments) if code.co_flags & CO_VARARGS else ())
    unknown = [name for name in names if name != "out" and name not in arguments]
    if unknown:
        raise TypeError(f"a rule may need 'out' and {', '.join(map(repr, arguments))}; not {unknown}")
    return tuple([OUT if name == "out" else list(arguments).index(name) for name in names])


def select(needs: Sequence[int], out: Any, arguments: Sequence[Any]) -> list[Any]:
    """The values at positions ``needs``."""
    return [out if position == OUT else arguments[position] for position in needs]


class Diagonal(Rule):
    """Elementwise with broadcasting: ∂out[i]/∂x[i] = derivative[i].

    The derivative is a function of ``out`` and the arguments that it names, or a number. ``choice`` says that its zeros
    mark a path that is not taken, through which nothing passes, not even an infinity.
    """

    def __init__(
        self, derivative: Callable[..., Any] | complex, arguments: Sequence[str], choice: bool = False
    ) -> None:
        self.choice = choice
        self.number = None if callable(derivative) else derivative
        self.function = derivative if callable(derivative) else None
        self.needs = needs_of(derivative, arguments) if callable(derivative) else ()

    def value(self, out: Any, arguments: Sequence[Any]) -> Any:
        """The derivative: an array that broadcasts to the result, or a number."""
        if self.function is None:
            return self.number
        return self.function(*[out if need < 0 else arguments[need] for need in self.needs])

    def terms(self, call: Call, position: int, out: Any, arguments: Sequence[Any]) -> Sequence[Term]:
        value = self.value(out, arguments)
        if type(value) in (int, float) and value == 0:
            return ()
        shape = getattr(value, "shape", ())
        made, reshaped = diagonal(call.shape, call.shapes[position], shape)
        if reshaped is not None:
            value = value.reshape(reshaped)
        if not shape and getattr(value, "number_for_good", None) is not None:
            value = value.number_for_good
        elif type(value) is np.ndarray and not value.shape:
            value = value.item()  # a number has no dtype to impose, and 1 is no factor
        if type(value) in (int, float) and value == 1:
            return (Term(_without_factors(made)),)
        return (Term(made, (value,)),)


def broadcast(call: Call, position: int) -> Pattern:
    """The pattern of an elementwise operation without its derivative: how the argument is spread over the result."""
    return _without_factors(diagonal(call.shape, call.shapes[position], ())[0])


def _without_factors(made: Pattern) -> Pattern:
    found: Pattern | None = made.plans.get("without factors")
    if found is None:
        found = made.plans["without factors"] = pattern(made.sizes, made.row, made.column)[0]
    return found


class Structural(Rule):
    """A Jacobian of zeros and ones (or fixed numbers) that depends on shapes and parameters alone.

    ``structure(call, position)`` returns terms; it is called once for each (shapes, parameters).
    """

    def __init__(self, structure: Callable[[Call, int], Iterable[Term]]) -> None:
        self.structure = structure
        self.known: dict[Any, Sequence[Term]] = {}

    def terms(self, call: Call, position: int, out: Any, arguments: Sequence[Any]) -> Sequence[Term]:
        return cached_by_call(self.known, call, position, lambda: tuple(self.structure(call, position)))


_KNOWN_LIMIT = 1 << 14  # structures that a rule remembers before it starts afresh
Made = TypeVar("Made")


def cached_by_call(known: dict[Any, Any], call: Call, position: int, make: Callable[[], Made]) -> Made:
    """``make()``, once for each shapes, parameters and position."""
    params = call.params
    key = (call.shapes, position, *params.values()) if params else (call.shapes, position)
    found: Made | None = known.get(key)
    if found is None:
        if len(known) > _KNOWN_LIMIT:
            known.clear()
        found = known[key] = make()
    return found


class Part(NamedTuple):
    """A factor of a product: a function (None: the value itself) of what it needs, and the shape to give it, if any."""

    function: Callable[..., Any] | None
    needs: tuple[int, ...]
    shape: tuple[int, ...] | None = None


class Product(Rule):
    """One term whose pattern depends on shapes and parameters and whose factors are functions of values.

    ``structure(call, position)`` returns the :class:`Pattern`, with one factor for each function of ``factors``.
    """

    def __init__(
        self,
        structure: Callable[[Call, int], Pattern],
        factors: Sequence[Callable[..., Any]],
        arguments: Sequence[str],
    ) -> None:
        self.structure = structure
        self.factors = [Part(function, needs_of(function, arguments)) for function in factors]
        self.needs = tuple(dict.fromkeys(need for part in self.factors for need in part.needs))
        self.known: dict[Any, tuple[Pattern, Sequence[Part]]] = {}

    def make(self, call: Call, position: int) -> tuple[Pattern, Sequence[Part]]:
        """The pattern and the factors of a call."""
        return self.structure(call, position), self.factors

    def parts(self, call: Call, position: int) -> tuple[Pattern, Sequence[Part]]:
        """The pattern and the factors; made once for each shapes and parameters."""
        return cached_by_call(self.known, call, position, lambda: self.make(call, position))

    def terms(self, call: Call, position: int, out: Any, arguments: Sequence[Any]) -> Sequence[Term]:
        made, parts = self.parts(call, position)
        factors = []
        for function, needs, shape in parts:
            values = select(needs, out, arguments)
            value = values[0] if function is None else function(*values)
            factors.append(value if shape is None else value.reshape(shape))
        return (Term(made, tuple(factors)),)


class General(Rule):
    """Any Jacobian: ``function(call, position, **needed values)`` returns terms, structure and numbers together."""

    def __init__(self, function: Callable[..., Iterable[Term]], needs: Sequence[str], arguments: Sequence[str]) -> None:
        self.function = function
        self.needs = tuple([OUT if name == "out" else list(arguments).index(name) for name in needs])

    def terms(self, call: Call, position: int, out: Any, arguments: Sequence[Any]) -> Sequence[Term]:
        return tuple(self.function(call, position, *select(self.needs, out, arguments)))


class Constant(Rule):
    """Nothing flows to this argument: the derivative is zero wherever it exists, or the argument is no number."""

    def terms(self, call: Call, position: int, out: Any, arguments: Sequence[Any]) -> Sequence[Term]:
        return ()


class Undefined(Rule):
    """There is no derivative with respect to this argument; asking for it is an error that says why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def terms(self, call: Call, position: int, out: Any, arguments: Sequence[Any]) -> Sequence[Term]:
        raise NoDerivativeError(self.reason)


class Operation:
    """A function on arrays with one rule for each argument.

    ``rules`` has one rule for each argument name, or is a function of the position where their number varies
    (``arguments`` is then None). ``differentiable`` is False where every rule is :class:`Constant`: the result is never
    tracked. ``algebra`` is None or what it does in terms of + - * / and **, which formulas have too (NotImplemented:
    nothing that they could say); ``generic`` None or what every element is unless arguments happen to agree.
    ``takes_complex`` says that its rules hold for complex numbers too. Called on tracked tensors it is recorded; on
    arrays it computes.
    """

    __slots__ = tuple(
        """_rule_of algebra arguments companion differentiable domain forward generic indexed keeps label name notation
        plans reuses rules samples takes_complex""".split()
    )

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any],
        arguments: Sequence[str] | None,
        rules: Sequence[Rule] | Callable[[int], Rule],
        *,
        samples: Sequence[Sample] = (),
        domain: Sequence[tuple[float, float]] = (),
        label: str | None = None,
    ) -> None:
        self.name = name
        self.forward = forward
        self.arguments = None if arguments is None else tuple(arguments)
        self.samples = tuple(samples)
        self.domain = tuple(domain)
        self.label = label or "".join(part[:1].upper() + part[1:] for part in name.split("_"))
        self.companion: Any = None
        self.algebra: Callable[..., Any] | None = None
        self.generic: float | None = None
        self.notation = Notation()
        self._rule_of = rules if callable(rules) else None
        self.rules: dict[int, Rule] = {} if callable(rules) else dict(enumerate(rules))
        self.differentiable = callable(rules) or any(not isinstance(rule, Constant) for rule in rules)
        first = [self.rule(0)] if callable(rules) else rules
        self.takes_complex = all([isinstance(rule, Structural | Constant) for rule in first])
        self.indexed = (callable(rules) or len(rules) > 0) and self.rule(0).indexed
        self.keeps: dict[int, tuple[bool, tuple[int, ...] | None]] = {}
        self.plans: dict[Any, Any] = {}  # of pullbacks, by shapes
        self.reuses = any(isinstance(rule, Diagonal) and rule.function is not None for rule in self.rules.values())

    def rule(self, position: int) -> Rule:
        """The rule for the argument at ``position``."""
        found = self.rules.get(position)
        if found is None:
            assert self._rule_of is not None, f"{self.name} has no argument {position}"
            found = self.rules[position] = self._rule_of(position)
        return found

    def needed(self, mask: int) -> tuple[bool, tuple[int, ...] | None]:
        """Whether differentiating the tracked arguments needs the result, and which arguments' values can be dropped.

        The positions to drop are a tuple; None means all of them.

        Bit k of ``mask`` says that argument k is tracked, and its highest bit says how many arguments there are; the
        answer is kept in ``keeps``.
        """
        arity = mask.bit_length() - 1
        needs: set[int] = set()
        for position in range(arity):
            if mask >> position & 1:
                needs.update(self.rule(position).needs)
        dropped = tuple([position for position in range(arity) if position not in needs])
        answer = (OUT in needs, None if len(dropped) == arity else dropped)
        if len(self.keeps) < _KNOWN_LIMIT:
            self.keeps[mask] = answer
        return answer

    def __call__(self, *arguments: Any, **params: Any) -> Any:
        for argument in arguments:
            record = getattr(type(argument), "__chainrule_record__", None)
            if record is not None:
                return record(self, arguments, params)
        return self.forward(*arguments, **params)

    def __repr__(self) -> str:
        return f"<operation {self.name}>"

    def __reduce__(self) -> Any:
        if OPERATIONS.get(self.name) is not self:
            raise PicklingError(f"{self.name} is an operation of your own, found by no name: define it again")
        return (_named, (self.name,))

    def __deepcopy__(self, memo: Any = None) -> Operation:
        return self  # as of any function

    __copy__ = __deepcopy__


def _named(name: str) -> Operation:
    return OPERATIONS[name]


OPERATIONS: dict[str, Operation] = {}  # by name, in order of definition
REGISTRY: dict[Any, Callable[..., Any]] = {}  # a NumPy function -> the operation, or the adapter that calls some


def define(
    name: str,
    forward: Callable[..., Any],
    *rules: Rule,
    arguments: Sequence[str] | None = ("x",),
    variadic: Callable[[int], Rule] | None = None,
    numpy: Any = None,
    samples: Sequence[Sample] = (),
    domain: Sequence[tuple[float, float]] = (),
    label: str | None = None,
    listed: bool = True,
    algebra: Callable[..., Any] | None = None,
    generic: float | None = None,
    notation: Sequence[Any] = (),
    takes_complex: bool = False,
) -> Operation:
    """Define an operation and register it (under ``numpy``, a NumPy function of the same signature, when given).

    Give one rule for each argument, or ``variadic``, a function of the position, where their number varies.
    ``samples`` are arguments to test it with, ``domain`` the interval that each argument is drawn from. The name of an
    operation is its own; one that is not ``listed`` may bear any. Complex numbers are an error unless it
    ``takes_complex``, or depends on nothing but shapes.
    """
    if variadic is None and arguments is not None and len(rules) != len(arguments):
        raise TypeError(f"{name} has {len(arguments)} arguments and {len(rules)} rules: one rule each")
    made = Operation(
        name, forward, None if variadic else arguments, variadic or rules, samples=samples, domain=domain, label=label
    )
    made.algebra, made.generic, made.notation = algebra, generic, Notation(*notation)
    made.takes_complex = made.takes_complex or takes_complex
    if listed:
        if name in OPERATIONS:
            raise TypeError(f"there is an operation {name} already")
        OPERATIONS[name] = made
    if numpy is not None:
        REGISTRY[numpy] = made
    return made


_NAMES = {1: ("x",), 2: ("a", "b"), 3: ("a", "b", "c")}


def elementwise(
    function: Any,
    *derivatives: Callable[..., Any] | complex,
    name: str | None = None,
    domain: Sequence[tuple[float, float]] | tuple[float, float] = (),
    label: str | None = None,
    companion: Any = None,
    choice: bool = False,
    **more: Any,
) -> Operation:
    """Define an elementwise operation by its derivatives, one for each argument: functions or numbers.

    ``domain`` is the interval to draw test arguments from: one for all, or one for each. With a ``name`` of its own the
    operation does not stand for ``function`` on tracked tensors. ``more`` is handed to `define`.

    >>> elementwise(lambda x: x * x * x, lambda x: 3 * x * x, name="cube")  # ∂out[i]/∂x[i] = 3 x[i]²
    <operation cube>
    """
    arguments = _NAMES[len(derivatives)]
    intervals: Any = (domain,) * len(arguments) if domain and not isinstance(domain[0], tuple) else domain
    rules = [Diagonal(derivative, arguments, choice) for derivative in derivatives]
    made = define(
        name or function.__name__,
        function,
        *rules,
        arguments=arguments,
        numpy=None if name else function,
        domain=intervals,
        label=label,
        **more,
    )
    made.companion = companion
    return made


def constant(function: Any, arity: int, **more: Any) -> Operation:
    """Define an elementwise operation whose results (truth values, integers) have no derivative."""
    rules = [Constant()] * arity
    return define(function.__name__, function, *rules, arguments=_NAMES[arity], numpy=function, **more)


def undefined(function: Any, arity: int, reason: str) -> Operation:
    """Define an elementwise operation that cannot be differentiated: trying to is an error that says why."""
    rules = [Undefined(f"{function.__name__}: {reason}")] * arity
    return define(function.__name__, function, *rules, arguments=_NAMES[arity], numpy=function)


def implements(*functions: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function as the meaning of NumPy functions on tracked tensors: it takes their arguments."""

    def register(adapter: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            REGISTRY[function] = adapter
        return adapter

    return register
