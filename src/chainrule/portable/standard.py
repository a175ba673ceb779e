"""A recording written as calls of the array API standard, on a namespace ``xp`` that is an argument.

An operation that says in its notation how it is written in Python is written so; a function of NumPy's by the shortest
of the names that NumPy has for it, which is the standard's (``asin``, ``concat``). What the standard calls in another
way is in `chainrule.portable.forms`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from chainrule.linear.functions import steps_of
from chainrule.op import OPERATIONS, Operation
from chainrule.ops.special import public_name
from chainrule.portable import helpers
from chainrule.portable.forms import FORMS, Said, UnsaidError
from chainrule.program.deferred import METHOD, Deferred
from chainrule.program.listing import Listing

__all__ = ["Standard"]

_WRITTEN = 8  # numbers of an array that are written where it is used
_MODULES = ((np, "xp"), (np.linalg, "xp.linalg"), (np.fft, "xp.fft"))


@cache
def _names() -> dict[int, str]:
    """What a function of NumPy's is called in the standard, by its id."""
    found: dict[int, str] = {}
    for module, prefix in _MODULES:
        for name in sorted(vars(module), key=lambda name: (len(name), name)):
            if callable(vars(module)[name]) and not name.startswith("_"):
                found.setdefault(id(vars(module)[name]), f"{prefix}.{name}")
    return found


def _special_name(function: Any) -> str | None:
    """What a function of scipy.special is called there; the longest name is the one that other libraries have too."""
    special: Any = sys.modules.get("scipy.special")  # who has a function of it has loaded it
    if special is None:
        return None
    names = [name for name, value in vars(special).items() if value is function and not name.startswith("_")]
    private = getattr(function, "__name__", "")
    if not names and vars(special._ufuncs).get(private) is function:
        names = [public_name(private)]
    return max(names, key=len, default=None)


@cache
def _templates() -> dict[Any, str]:
    """How an operation is written, by its function, where it says so in words of NumPy's alone."""
    return {made.forward: made.notation.python for made in OPERATIONS.values() if _is_said(made)}  # type: ignore[misc]


def _is_said(operation: Operation) -> bool:
    python, helper = operation.notation.python, operation.notation.helper
    return isinstance(python, str) and python != "" and not helper and "scipy" not in python and ")." not in python


class Standard(Listing):
    """The lines that compute ``wanted`` on a namespace ``xp``, in which places of numbers are marked.

    ``numbers`` are those numbers, in order: ``⟨k⟩`` stands for the k-th where any expression may, ``⟦k⟧`` where only a
    number or something in parentheses may. ``helpers`` are functions that the lines call.

    >>> from chainrule.program.recording import Recording
    >>> x = Recording().input(np.array([1.0, 2.0]))
    >>> listing = Standard({x.number: "x"}, [np.arcsin(x) * 3 + x.reshape((2, 1))])
    >>> listing.results, listing.numbers
    (['(xp.asin(x) * ⟦0⟧) + xp.reshape(x, (⟨1⟩, ⟨2⟩))'], [3, 2, 1])
    """

    def __init__(self, names: Mapping[int, str], wanted: Sequence[Deferred]) -> None:
        self.numbers: list[Any] = []
        self.helpers: dict[str, Callable[..., Any]] = {}
        super().__init__(names, wanted)
        self._number_in_order()

    def _number_in_order(self) -> None:
        """Number the marks as they follow each other in the text: steps may have been taken in another order."""
        order: list[Any] = []

        def mark(match: re.Match[str]) -> str:
            order.append(self.numbers[int(match[2])])
            return f"{match[1]}{len(order) - 1}{match[3]}"

        self.lines, self.results = (
            [re.sub(r"([⟨⟦])(\d+)([⟩⟧])", mark, line) for line in lines] for lines in (self.lines, self.results)
        )
        self.numbers = order

    # --- values ---

    def text(self, value: Any) -> str:
        """An argument of a step."""
        if type(value) in (np.float64, np.bool_):
            value = value.item()
        if type(value) is int or (type(value) is float and np.isfinite(value)):
            self.numbers.append(value)
            return f"⟨{len(self.numbers) - 1}⟩"
        if type(value) in (tuple, list):
            inner = ", ".join(map(self.inside, value))
            return f"[{inner}]" if type(value) is list else f"({inner}{',' if len(value) == 1 else ''})"
        return super().text(value)

    def operand(self, value: Any) -> str:
        """An argument where only what holds together by itself can stand."""
        text = self.text(value)
        return text.replace("⟨", "⟦").replace("⟩", "⟧") if type(value) in (int, float, np.float64) else text

    def inside(self, value: Any) -> str:
        """An argument where parentheses are around it anyway."""
        return self._bare.get(getattr(value, "number", -1)) or self.text(value)

    def index(self, value: Any) -> str:
        """What stands between brackets."""
        return self._index(value)

    def constant(self, value: Any) -> str:
        """What is no array of the recording."""
        if isinstance(value, np.dtype):
            return f"xp.{value.name}"
        if isinstance(value, np.generic):
            return self._array(np.asarray(value))
        if type(value) is slice:
            return f"slice({self.text(value.start)}, {self.text(value.stop)}, {self.text(value.step)})"
        if type(value) is float:  # not a finite one
            return "xp.nan" if value != value else "xp.inf" if value > 0 else "(-xp.inf)"
        return super().constant(value)

    def _function(self, value: Callable[..., Any]) -> str:
        if isinstance(value, type) and issubclass(value, np.generic):
            return f"xp.{np.dtype(value).name}"
        name = _names().get(id(value))
        special = _special_name(value) if name is None else None
        if special is not None:
            return f"{self.helped(helpers.special, 'xp')[0]}.{special}"
        if name is None:
            raise UnsaidError(f"{getattr(value, '__name__', value)} is no function of the array API standard or NumPy")
        return name

    def _array(self, value: Any) -> str:
        """An array that is read from outside."""
        dtype = f"dtype=xp.{value.dtype.name}"
        if not value.size:
            return f"xp.zeros({self.text(value.shape)}, {dtype})"
        if value.size <= _WRITTEN:
            return f"xp.asarray({self._entries(value.tolist())}, {dtype})"
        steps = _steps(value)
        if steps is not None and not any(steps[1]):
            return f"xp.full({self.text(value.shape)}, {self.text(value.flat[0].item())}, {dtype})"
        if steps is not None:
            first, (step,) = steps
            return f"xp.arange({', '.join(map(self.text, (first, first + step * len(value), step)))}, {dtype})"
        return self._read(value, "array")

    def _entries(self, value: Any) -> str:
        return f"[{', '.join(map(self._entries, value))}]" if isinstance(value, list) else self.text(value)

    # --- steps ---

    def _expression(self, step: Deferred) -> Said:
        said = self._said(step)
        return self.helped(helpers.shaped, said[0], self.text(step.shape)) if step.is_measured else said

    def _said(self, step: Deferred) -> Said:
        function = step.function
        form = FORMS.get(function)
        if form is None and type(function) is METHOD:
            function = getattr(np, function.__name__, function)
            form = FORMS.get(function)
        if form is not None:
            return form(self, step)
        template = _templates().get(function)
        if template is not None and not step.options:
            return self._from_template(template, step)
        return self.called(self._function(function), step.arguments, step.options)

    def _from_template(self, template: str, step: Deferred) -> Said:
        """An operation as its notation says."""
        values = list(step.arguments)
        if len(values) == 2:
            values = [_plain(values[0], values[1], step), _plain(values[1], values[0], step)]
            if step.function is np.multiply and type(values[0]) is float and values[0] == 1.0:
                text = self.inside(values[1])
                return text, self.names[values[1].number] == text
        words = template.replace("np.", "xp.")
        is_call = re.fullmatch(r"xp\.\w+\(.*\)", words) is not None
        return words.format(*map(self.inside if is_call else self.operand, values)), is_call or words == "{0}"

    def called(self, name: str, arguments: Sequence[Any], options: Mapping[str, Any]) -> Said:
        """A call of a function."""
        parts = [self.inside(value) for value in arguments]
        parts += [f"{key}={self.text(value)}" for key, value in options.items() if value is not None]
        return f"{name}({', '.join(parts)})", True

    def helped(self, function: Callable[..., Any], *parts: str) -> Said:
        """A call of a function that is written beside the program."""
        self.helpers[function.__name__] = function
        return f"{function.__name__}({', '.join(parts)})", True


def _plain(value: Any, other: Any, step: Deferred) -> Any:
    """An operand: an array of one number as that number, where this changes neither shape nor dtype."""
    array = value.known if type(value) is Deferred and value.is_captured else value
    if not isinstance(array, np.ndarray) or array.size != 1 or array.dtype.kind != "f" or type(other) is not Deferred:
        return value
    is_same = not other.is_captured and (other.shape, other.dtype) == (step.shape, step.dtype)
    return float(array.reshape(())) if is_same else value


def _steps(value: Any) -> tuple[Any, list[int]] | None:
    """Where an array of numbers in even steps begins, and the steps: of equal numbers, or of whole ones in a row."""
    if (value == value.flat[0]).all():
        return value.flat[0], [0] * value.ndim
    is_whole = value.dtype.kind in "iu" or (value.dtype.kind == "f" and (value == np.rint(value)).all())
    return steps_of(value.astype(np.int64)) if is_whole and value.ndim == 1 and abs(value).max() < 2**53 else None
