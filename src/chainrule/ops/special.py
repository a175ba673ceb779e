"""How the functions of scipy.special are defined, and how they are found among NumPy's ufuncs once SciPy is loaded.

SciPy takes time to load, so `import chainrule` does not: an operation calls its function by name, and the ufuncs enter
the registry when the first of them meets a tensor. A rule is written as a function of the arguments by SciPy's names;
where there is none, INTEGER says that the argument is an integer (or is rounded to one), and UNKNOWN that its
derivative is no expression in functions that SciPy has.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.linear._scipy import special
from chainrule.op import REGISTRY, Constant, Diagonal, Operation, Rule, Sample, Undefined, define

__all__ = [
    "INTEGER",
    "SPECIAL",
    "UNKNOWN",
    "Several",
    "complement",
    "entered",
    "full_name",
    "function",
    "inverse",
    "part",
    "public_name",
    "result",
    "same",
    "several",
]

INTEGER = Constant()
UNKNOWN = None
Derivative = Callable[..., Any] | float | Rule | None
At = tuple[float, float] | list[Any]  # what to draw a test argument from: an interval, or these numbers

SPECIAL: dict[str, Callable[..., Any]] = {}  # what a name of scipy.special means on tracked tensors

NOT_KNOWN = (
    "is not known in terms of functions that SciPy has.\nWhere it is fixed, pass a plain number or array (x.detach()); "
    "where you know the derivative, give it with chainrule.define."
)


def function(name: str, arguments: str, *derivatives: Derivative, **more: Any) -> Operation:
    """Define a ufunc of scipy.special by its derivatives, one for each of its ``arguments``; ``more`` as for `part`.

    >>> from scipy.special import gammaln, psi
    >>> gamma_again = function("gammaln", "x", lambda x: psi(x), key="gammaln again")
    >>> gamma_again(5.0)
    np.float64(3.178053830347946)
    """
    key = more.pop("key", name)
    public = public_name(name)
    operation = part(
        key, lambda *given: getattr(special, public)(*given), arguments, *derivatives, called=public, **more
    )
    SPECIAL.setdefault(name, operation)
    return operation


def _changed(slope: Derivative, names: Sequence[str], change: Callable[..., Any]) -> Derivative:
    """A derivative by the value of another one, and of what that is a function of; INTEGER and UNKNOWN stay."""
    return Diagonal(lambda *given: change(slope(*given), *given), names) if callable(slope) else slope


def complement(name: str, arguments: str, *slopes: Derivative, **more: Any) -> Operation:
    """Define 1 − F by the derivatives of F, which are functions of all of the arguments."""
    names = arguments.split()
    return function(name, arguments, *[_changed(slope, names, lambda value, *_: -value) for slope in slopes], **more)


def inverse(name: str, arguments: str, place: int, *slopes: Derivative, sign: int = 1, **more: Any) -> Operation:
    """Define what solves F = p for one argument, in the ``place`` of which p is given, by the derivatives of F.

    They are functions of all of the arguments of F. With ``sign`` −1 it is 1 − F that is p.
    """
    names = arguments.split()
    solved = [*names[:place], "out", *names[place + 1 :]]
    density: Any = slopes[place]
    rules = [_changed(slope, solved, lambda value, *given: -value / density(*given)) for slope in slopes]
    rules[place] = Diagonal(lambda *given: sign / density(*given), solved)
    return function(name, arguments, *rules, **more)


def result(name: str, place: int, key: str, arguments: str, *derivatives: Derivative, **more: Any) -> Operation:
    """Define one of several results of a ufunc of scipy.special as an operation of its own."""
    return part(
        key,
        lambda *given: getattr(special, name)(*given)[place],
        arguments,
        *derivatives,
        called=name,
        suffix=f"[{place}]",
        **more,
    )


def part(
    key: str,
    forward: Callable[..., Any],
    arguments: str,
    *derivatives: Derivative,
    called: str,
    at: Sequence[At] | At = (),
    text: str = "",
    latex: str = "",
    python: str = "",
    helper: str = "",
    suffix: str = "",
    takes_complex: bool = False,
) -> Operation:
    """Define an operation ``key`` that is computed by ``forward`` and is written as a call of scipy.special.``called``.

    ``at`` is the interval (or the list of numbers) that test arguments come from: one for all, or one for each.
    """
    names = arguments.split()
    places: list[Any] = list(at) if at and isinstance(at[0], tuple | list) else [at] * len(names)

    def rule(name: str, derivative: Derivative) -> Rule:
        if isinstance(derivative, Rule):
            return derivative
        if derivative is None:
            return Undefined(f"scipy.special.{called}: its derivative with respect to {name} {NOT_KNOWN}")
        return Diagonal(derivative, names)

    call = f"scipy.special.{called}({', '.join([f'{{{k}}}' for k in range(len(names))])}){suffix}"
    return define(
        key,
        forward,
        *[rule(name, derivative) for name, derivative in zip(names, derivatives, strict=True)],
        arguments=names,
        domain=[place if isinstance(place, tuple) else (0.0, 1.0) for place in places],
        samples=[_sample(places, False), _sample(places, True)],
        notation=(text, latex, python or call, helper),
        takes_complex=takes_complex,
    )


def _sample(places: Sequence[At], is_scalar: bool) -> Sample:
    """Test arguments: numbers, or arrays that are broadcast against each other."""
    arguments: list[Any] = []
    for number, place in enumerate(places):
        if isinstance(place, list):
            arguments.append(np.array(place[-1] if is_scalar else place))
        else:
            arguments.append(() if is_scalar else (2, 1) if number else (3,))
    return Sample(tuple(arguments))


class Several:
    """A function of several results, each of which is an operation."""

    def __init__(self, *parts: Operation) -> None:
        self.parts = parts

    def __call__(self, *arguments: Any) -> tuple[Any, ...]:
        return tuple([part(*arguments) for part in self.parts])


def same(name: str, meaning: Callable[..., Any]) -> None:
    """Say that a function of scipy.special is an operation that there is already, or calls some."""
    SPECIAL[name] = meaning


def several(name: str, *parts: Operation) -> None:
    """Say what the results of a function of scipy.special are."""
    SPECIAL[name] = Several(*parts)


_meanings: dict[Any, Callable[..., Any]] = {}  # of the ufuncs of scipy.special, once it is loaded


def entered(ufunc: Any) -> Any:
    """What a ufunc means on tracked tensors, or None: those of scipy.special are entered when one is asked for.

    >>> from scipy.special import erf
    >>> entered(erf)
    <operation erf>
    """
    if not _meanings and hasattr(sys.modules.get("scipy.special"), "__all__"):  # which is there when all else is
        named = {
            getattr(special._ufuncs if name.startswith("_") else special, name, None): meaning
            for name, meaning in SPECIAL.items()
        }
        named.pop(None, None)  # what an older SciPy has not
        REGISTRY.update(named)
        _meanings.update(named)
    return REGISTRY.get(ufunc)


def public_name(name: str) -> str:
    """The name by which users call a ufunc: zeta and some others are written in Python, and call ufuncs."""
    return name.removeprefix("_").removeprefix("riemann_")


def full_name(called: Any) -> str:
    """The name of a NumPy or SciPy function with the module that a user imports it from.

    >>> from scipy.special import lambertw, ndtr
    >>> full_name(np.sin), full_name(ndtr), full_name(np.linalg.det), full_name(lambertw)
    ('numpy.sin', 'scipy.special.ndtr', 'numpy.linalg.det', 'scipy.special.lambertw')
    """
    name = called.__name__
    if not isinstance(called, np.ufunc):
        module = getattr(called, "__module__", None) or "numpy"
        return f"{module.partition('._')[0]}.{name}"
    public = public_name(name)
    found = getattr(sys.modules.get("scipy.special"), public, None)
    if getattr(np, name, None) is called:
        return f"numpy.{name}"
    is_behind = found is not None and not isinstance(found, np.ufunc)  # the public function that calls this one
    return f"scipy.special.{public}" if found is called or is_behind else name
