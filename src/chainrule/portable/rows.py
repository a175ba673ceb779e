"""A function recorded at several numbers of rows: the text that all the recordings have in common.

The first axis of some arguments is made longer and shorter. Where the recordings make the same calls, the numbers in
them that differ are matched with the number of rows (`chainrule.portable.lengths`). One recording is of a million rows,
to see whether the function does something else where there are many. It computes nothing: shapes that have to be
computed to be seen are foreseen from the other recordings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import SourceError
from chainrule.native.recorded import Recorded, rebuilt, recorded
from chainrule.portable.forms import UnsaidError
from chainrule.portable.lengths import Growth, growth_of
from chainrule.portable.standard import Standard
from chainrule.program.deferred import Deferred, UnrecordableError
from chainrule.program.recording import Recording, part_of_several
from chainrule.transforms.guard import Reads

__all__ = ["Rows", "Template", "written"]

_SMALL = range(11, 60, 3)  # odd and even ones, among which three are the size of no other axis
_LARGE = (1_000_003, 1_500_010, 2_000_030)
_REAL = 4096  # rows up to which a recording has numbers


class Foreseen(Recording):
    """A recording in which nothing is computed: ``extents`` are those of the steps that would have to be."""

    def __init__(self, extents: Iterator[Any]) -> None:
        super().__init__(bakes=False)
        self.extents = extents

    def computed(self, function: Any, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
        """The step with the extents that are foreseen."""
        parts, extents = next(self.extents, (None, None))
        if extents is None:
            raise UnrecordableError("with other numbers of rows other calls are made")
        if parts is None:
            return self.measured(function, arguments, options, extents[0])
        whole = self.several(function, arguments, options, extents)
        whole.parts = type(parts)(*whole.parts) if hasattr(parts, "_fields") else whole.parts
        return whole


class Template(NamedTuple):
    """What recordings at several ``lengths`` have in common: a listing, and how its numbers go with the length."""

    listing: Standard
    numbers: list[Growth]
    lengths: list[int]

    def difference(self, other: Standard, length: int) -> str | None:
        """How a recording at another length differs from this; None if it does not."""
        problem = _other_calls(self.listing, self.lengths[0], other, length)
        if problem is not None:
            return problem
        for growth, number in zip(self.numbers, other.numbers, strict=True):
            known = [*[growth.at(length) for length in self.lengths], number]
            if growth_of(known, [*self.lengths, length]) is None:
                return f"at {length} rows a number is {number!r}, where {growth.at(length)!r} was expected"
        return None


def _other_calls(one: Standard, length: int, other: Standard, there: int) -> str | None:
    """How two recordings differ, but for numbers."""
    mine, others = ([*listing.lines, *listing.results, ""] for listing in (one, other))
    for line, here in zip(mine, others, strict=False):
        if line != here:
            return f"other calls are made at {there} rows than at {length}: {_bare(here)} for {_bare(line)}"
    for name, array in one.arrays.items():
        if not np.array_equal(array, other.arrays[name], equal_nan=array.dtype.kind == "f"):
            return f"an array made inside goes with the rows: it has the shape {array.shape} at {length}"
    return None


def common(listings: Sequence[Standard], lengths: Sequence[int]) -> Template:
    """What listings at some lengths have in common; SourceError if that is not all but numbers."""
    first, numbers = listings[0], []
    for listing, length in zip(listings[1:], lengths[1:], strict=True):
        problem = _other_calls(first, lengths[0], listing, length)
        if problem is not None:
            raise SourceError(f"{problem}. For any number of rows the same calls have to be made.")
    for values in zip(*[listing.numbers for listing in listings], strict=True):
        found = growth_of(values, lengths)
        if found is None:
            shown = ", ".join([f"{value!r} at {length}" for value, length in zip(values, lengths, strict=True)])
            raise SourceError(f"a number goes with the number of rows in a way that is not known: {shown} rows")
        numbers.append(found)
    return Template(first, numbers, list(lengths))


class Rows:
    """What a function does at any number of rows; SourceError if that depends on the number.

    ``leaves`` are the data of an example, ``goes[k]`` says whether the first axis of the k-th is rows, ``names`` are
    what they are called. ``template`` is the program: that of few rows if it is that of many. Otherwise it is that of
    many, and whoever made this has to see whether it gives what the function does at few (`examples`): then only the
    way was chosen by size, by this library. ``difference`` says where they differ.
    """

    def __init__(
        self, function: Callable[..., Any], arguments: Any, leaves: Sequence[Any], goes: Sequence[bool], names: Any
    ) -> None:
        self.function, self.arguments, self.leaves, self.goes, self.names = function, arguments, leaves, goes, names
        taken = {size for leaf in leaves for size in np.shape(leaf)}
        self.lengths = [length for length in _SMALL if length not in taken][:3]
        recordings = [self._recorded(length) for length in self.lengths]
        self.structure = recordings[0].structure
        self.template = common(list(map(self._written, recordings, self.lengths)), self.lengths)
        self.seen = self._foreseeable(recordings)
        self.difference = self.template.difference(self.at(_LARGE[0]), _LARGE[0])
        if self.difference is not None:
            self.template = common([self.at(length) for length in _LARGE], _LARGE)

    def at(self, length: int) -> Standard:
        """The program at one length."""
        return self._written(self._recorded(length) if length < _REAL else self._foreseen(length), length)

    def _written(self, made: Recorded, length: int) -> Standard:
        if made.structure != self.structure:
            raise SourceError(f"the result at {length} rows is in other containers than at {self.lengths[0]}")
        return written(made, self.names)

    def examples(self) -> Iterator[Any]:
        """Arguments with few rows, in several numbers."""
        for length in self.lengths:
            yield tuple(rebuilt(self.arguments, iter(self._leaves_at(length, is_real=True))))

    def _leaves_at(self, length: int, is_real: bool) -> list[Any]:
        """The data of the example with so many rows: its own again and again, or none that takes memory."""
        made = []
        for leaf, goes in zip(self.leaves, self.goes, strict=True):
            if goes:
                rows = leaf[np.arange(length) % len(leaf)] if is_real else leaf[:1]
                leaf = rows if is_real else np.broadcast_to(rows, (length, *leaf.shape[1:]))
            made.append(leaf)
        return made

    def _recorded(self, length: int) -> Recorded:
        leaves = self._leaves_at(length, is_real=True)
        try:
            made = recorded(self.function, tuple(rebuilt(self.arguments, iter(leaves))), leaves)
        except Exception as problem:
            made = f"{type(problem).__name__}: {problem}"
        if isinstance(made, str):
            raise SourceError(f"it cannot be recorded at {length} rows: {made}. (What has rows has to be an argument.)")
        return made

    def _foreseeable(self, recordings: Sequence[Recorded]) -> list[Any]:
        """Of each step that had to be computed: the kind of its results if there are several, and their extents."""
        found = []
        if len({len(made.recording.seen) for made in recordings}) > 1:
            raise SourceError("other calls are made at other numbers of rows")
        for steps in zip(*[made.recording.seen for made in recordings], strict=True):
            sizes = [growth_of(sizes, self.lengths) for sizes in zip(*[step.shape for step in steps], strict=True)]
            if None in sizes:
                raise SourceError(f"the shape of what {_called(steps[0])} gives depends on numbers")
            found.append((steps[0], sizes))
        return found

    def _foreseen(self, length: int) -> Recorded:
        leaves = self._leaves_at(length, is_real=False)
        arguments = tuple(rebuilt(self.arguments, iter(leaves)))
        problem: Any = None
        for replacing in (True, False):
            recording = Foreseen(_extents(self.seen, length))
            try:
                made = Recorded(self.function, arguments, leaves, Reads(self.function), replacing, recording)
            except (UnrecordableError, Exception) as error:
                problem = problem or error
                continue
            if made.recording.looked is None:
                return made
            problem = problem or made.recording.looked
        raise SourceError(f"it cannot be recorded at {length} rows: {problem}")


def _extents(seen: Sequence[tuple[Deferred, list[Growth | None]]], length: int) -> Iterator[Any]:
    """The extents at a length; those of the parts of a step together."""
    pending: list[Any] = []
    for step, sizes in seen:
        extent = tuple([size.at(length) for size in sizes if size is not None]), step.dtype
        if step.function is not part_of_several:
            yield None, [extent]
            continue
        pending.append(extent)
        parts = step.arguments[0].parts
        if len(pending) == len(parts):
            yield parts, pending
            pending = []


def _called(step: Deferred) -> str:
    return str(getattr(step.function, "__name__", step.function))


def _bare(line: str) -> str:
    """A line without the marks of numbers."""
    return re.sub(r"[⟨⟦]\d+[⟩⟧]", "…", line)


def written(made: Recorded, names: Sequence[str]) -> Standard:
    """A recording in the words of the standard."""
    try:
        return Standard(dict(zip([step.number for step in made.inputs], names, strict=True)), made.wanted)
    except UnsaidError as problem:
        raise SourceError(str(problem)) from None
