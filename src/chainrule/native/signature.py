"""The C function that an export offers: what each argument is called there, its type, and where it lies."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.native.entry import Call
from chainrule.native.functions import VECTORS
from chainrule.native.recorded import NUMBERS
from chainrule.native.scalar import Source

__all__ = [
    "Parameter",
    "Signature",
    "free_name",
    "is_data",
    "is_identifier",
    "leaves_of",
    "names_of_c",
    "parameter_names",
    "signature_of",
]

_TYPES = {"f8": "double", "f4": "float", "b1": "uint8_t"}
_KEYWORDS = frozenset(
    "auto break case char const continue default do double else enum extern float for goto if inline int long register "
    "restrict return short signed sizeof static struct switch typedef union unsigned void volatile while main "
    "and or not in is as def class del from lambda pass raise try with yield None True False np bool new this delete "
    "scratch status printf at template private public protected using namespace operator "
    "int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t".split()
)


class Parameter(NamedTuple):
    """An argument of the C function: a number, or where an array begins."""

    name: str
    source: Source
    is_number: bool = False
    said: str = ""  # what it is in Python

    @property
    def kind(self) -> str:
        """The type of one number."""
        dtype = self.source.dtype
        return _TYPES.get(dtype.str[1:], f"{'u' * (dtype.kind == 'u')}int{8 * dtype.itemsize}_t")

    @property
    def size(self) -> int:
        """How many numbers it is."""
        return prod(self.source.shape)


class Signature(NamedTuple):
    """The arguments, the results, and what was fixed."""

    inputs: list[Parameter]
    outputs: list[Parameter]
    fixed: list[str]  # arguments that are no data, with their values


def is_identifier(name: str) -> bool:
    """Whether a name can be that of a function in C and of a module in Python."""
    return bool(re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII)) and name not in _KEYWORDS


@cache
def names_of_c() -> frozenset[str]:
    """Functions of the C library that an object file may call: it cannot offer another one of the same name."""
    of_memory = ("memcpy", "memmove", "memset", "memcmp")
    return frozenset([*VECTORS, *[f"{name}f" for name in VECTORS], "sqrt", "fabs", *of_memory])


def signature_of(function: Callable[..., Any], name: str, arguments: Sequence[Any], call: Call) -> Signature:
    """Names for everything that a call hands over: those of the function's arguments, and ``out`` for results."""
    taken = {name}
    inputs, fixed = [], []
    memories = iter(call.memories)
    for parameter, value in zip(parameter_names(function, len(arguments)), arguments, strict=True):
        for path, said, leaf in leaves_of(value, parameter, parameter):
            if is_data(leaf):
                is_number = type(leaf) is not np.ndarray
                inputs.append(Parameter(free_name(path, taken), next(memories), is_number, said))
            else:
                fixed.append(f"{said} = {leaf!r}")
    outputs = [
        Parameter(free_name(path, taken), call.results[place], said=said)
        for path, said, place in _structure(call.structure, "out", "the result")
    ]
    return Signature(inputs, outputs, fixed)


def parameter_names(function: Callable[..., Any], count: int) -> list[str]:
    """What a function calls its arguments."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [named[k] if k < len(named) else f"x{k}" for k in range(count)]


def is_data(leaf: Any) -> bool:
    """Whether an argument is data, which may be other numbers at each call."""
    return type(leaf) is np.ndarray or type(leaf) in NUMBERS


def free_name(path: str, taken: set[str]) -> str:
    """A name in C that is like a path, and no other's."""
    name = re.sub(r"\W", "_", path, flags=re.ASCII)
    name = f"{name}_" if name in _KEYWORDS or not is_identifier(name) else name
    found = next(made for made in [name, *[f"{name}_{k}" for k in range(2, len(taken) + 3)]] if made not in taken)
    taken.add(found)
    return found


def leaves_of(value: Any, path: str, said: str) -> Iterator[tuple[str, str, Any]]:
    """What containers hold: a path for a name, where it is in Python, and itself."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves_of(inner, f"{path}_{key}", f"{said}[{key!r}]")
    elif isinstance(value, tuple | list):
        for key, inner in enumerate(value):
            yield from leaves_of(inner, f"{path}{key}", f"{said}[{key}]")
    else:
        yield path, said, value


def _structure(structure: Any, path: str, said: str) -> Iterator[tuple[str, str, int]]:
    if isinstance(structure, int):
        yield path, said, structure
    elif structure is not None:
        kind, children = structure
        pairs = children if kind is dict else enumerate(children)
        for key, child in pairs:
            yield from _structure(child, f"{path}_{key}" if kind is dict else f"{path}{key}", f"{said}[{key!r}]")
