"""The module that a program is written as: what it takes, the shapes that it checks, its lines, and its helpers."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import OptionError, SourceError
from chainrule.native.signature import free_name, is_data, is_identifier, leaves_of, parameter_names
from chainrule.native.sources import results_text
from chainrule.portable import helpers
from chainrule.portable.lengths import Growth
from chainrule.portable.standard import Standard
from chainrule.program.listing import numbers_text

__all__ = ["RESERVED", "Head", "module"]

RESERVED = (
    "xp",
    "slice",
    "tuple",
    "any",
    "getattr",
    "hasattr",
    "prod",
    "import_module",
    "Any",
    "annotations",
    *helpers.__all__,
)
_IMPORTS = ("from importlib import import_module", "from math import prod")  # what helpers use
_MOST = 1000  # numbers of an array that is written into the text


class Head:
    """The first lines of the function: its ``parameters``, what is unpacked, and the shapes that everything has.

    ``names`` are those of the data, ``goes`` says which of them have rows, ``length`` is what their number is called.
    """

    def __init__(self, function: Callable[..., Any], name: str, arguments: Any, places: Sequence[int]) -> None:
        wrong = [place for place in places if place not in range(len(arguments))]
        if wrong:
            raise OptionError(f"rows={places}: there is no argument {wrong[0]} among {len(arguments)}")
        taken = {name, *RESERVED, *[f"array_{k}" for k in range(100)]}
        self.places = places
        self.parameters = [free_name(parameter, taken) for parameter in parameter_names(function, len(arguments))]
        self.length = free_name("n", taken) if places else ""
        self.names: list[str] = []
        self.goes: list[bool] = []
        self.unpacked: list[str] = []
        self.shapes: list[tuple[int, ...]] = []
        self.fixed: list[str] = []
        for place, (parameter, value) in enumerate(zip(self.parameters, arguments, strict=True)):
            for path, said, leaf in leaves_of(value, parameter, parameter):
                if not is_data(leaf):
                    self.fixed.append(f"{said} != {leaf!r}")
                    continue
                self._take(said if said == parameter else free_name(path, taken), said, leaf, place in places)

    def _take(self, name: str, said: str, leaf: Any, goes: bool) -> None:
        """One array or number of the arguments."""
        shape = np.shape(leaf)
        if goes and (not shape or not shape[0]):
            raise OptionError(f"rows={self.places}: {said} has the shape {shape}, which has no rows")
        self.names.append(name)
        self.goes.append(goes)
        self.shapes.append(shape)
        others = {shape[0] for shape, goes in zip(self.shapes, self.goes, strict=True) if goes}
        if len(others) > 1:
            raise OptionError(
                f"rows={self.places}: there are {' and '.join(map(str, sorted(others)))} rows in the example"
            )
        if type(leaf) is not np.ndarray:
            self.unpacked.append(f"{name} = xp.asarray({said}, dtype=xp.{np.asarray(leaf).dtype.name})")
        elif name != said:
            self.unpacked.append(f"{name} = {said}")

    def lines(self, length: str) -> list[str]:
        """The lines before those that compute, where the number of rows is a name or, at one length, that number."""
        lines = list(self.unpacked)
        if is_identifier(length):
            lines.append(f"{length} = {self.names[self.goes.index(True)]}.shape[0]")
        found = [f"{name}.shape" for name in self.names]
        pairs = zip(self.shapes, self.goes, strict=True)
        wanted = [_shape((length, *shape[1:]) if goes else shape) for shape, goes in pairs]
        conditions = list(self.fixed)
        if found:
            sides = [side[0] if len(side) == 1 else f"({', '.join(side)})" for side in (found, wanted)]
            conditions.append(f"{sides[0]} != {sides[1]}")
        if conditions:
            said = f"not of the shape{'s' * (len(wanted) != 1)} {', '.join(wanted)}" if wanted else "of other values"
            lines += [f"if {' or '.join(conditions)}:", f'    raise ValueError("{said}")']
        return lines


def _shape(sizes: Sequence[Any]) -> str:
    return f"({', '.join(map(str, sizes))}{',' if len(sizes) == 1 else ''})"


def module(name: str, head: Head, listing: Standard, numbers: Sequence[Growth], structure: Any, length: str) -> str:
    """The text of a program."""
    body = [*listing.lines, f"return {results_text(structure, listing.results)}"]
    body = [*head.lines(length), *_arrays(listing), *[_filled(line, numbers, length) for line in body]]
    helped = [inspect.getsource(helper) for _, helper in sorted(listing.helpers.items())]
    lines = [f'"""{name} in terms of the array API standard, whose namespace is the first argument."""']
    if helped:
        lines += ["", "from __future__ import annotations", ""]
        lines += [line for line in _IMPORTS if any([f"{line.split()[-1]}(" in text for text in helped])]
        lines += ["from typing import Any"]
    lines += ["", "", f"def {name}({', '.join(['xp', *head.parameters])}):", *[f"    {line}" for line in body]]
    return "\n".join([*lines, *[f"\n\n{text.rstrip()}" for text in helped], ""])


def _arrays(listing: Standard) -> list[str]:
    """The arrays that are read, as lines."""
    for array in listing.arrays.values():
        if array.size > _MOST:
            raise SourceError(f"it reads an array of shape {array.shape} from outside: make that an argument")
    return [
        f"{name} = xp.asarray({numbers_text(array.tolist()).replace('np.', 'xp.')}, dtype=xp.{array.dtype.name})"
        for name, array in listing.arrays.items()
    ]


def _filled(line: str, numbers: Sequence[Growth], length: str) -> str:
    """A line with its numbers in their places."""

    def number(match: re.Match[str]) -> str:
        text = numbers[int(match[2])].text(length)
        is_raised = text.startswith("-") and line[match.end() :].startswith(" **")
        return f"({text})" if match[1] == "⟦" and (" " in text or is_raised) else text

    return re.sub(r"([⟨⟦])(\d+)[⟩⟧]", number, line)
