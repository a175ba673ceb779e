"""Prints a derivation as a NumPy function that a person could have written: forward, then backward, few lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.explain.arrange import Arranger
from chainrule.explain.atoms import Value, atoms_in, scaled_identity
from chainrule.explain.computation import Step
from chainrule.explain.cotangents import Sweep
from chainrule.explain.form import Form
from chainrule.explain.reader import Reader
from chainrule.explain.symbols import helpers_in

__all__ = ["gradient_source"]

_INLINE = 12  # numbers of a captured array that are written out


def gradient_source(
    sweep: Sweep, reader: Reader, arranger: Arranger, wanted: Sequence[Step], upstream: bool
) -> tuple[str, list[Step]]:
    """The source of ``gradient(…)``, and the steps that its parameters are.

    In go the arguments of the function, large arrays that it captured, and the upstream derivative if its result is an
    array; out come the gradients.
    """
    naming = arranger.naming
    output = sweep.steps[-1]
    backward = sweep.needed(sweep.found[step].chosen for step in wanted)
    forms = {step: sweep.found[step].chosen for step in [*backward, *wanted]}
    values = _needed_values(list(forms.values()), reader)
    lines: list[str] = []
    for step in values:
        lines.append(f"{naming.python(step)} = {arranger.exact(reader.define(step)).python}")
    back: list[str] = []
    for step in dict.fromkeys([*backward, *wanted]):
        back.append(f"{naming.derivative_python(step)} = {arranger.exact(forms[step]).python}")
    body = [*lines, *back]
    parameters = _parameters(reader, body, naming.python)
    names = [naming.python(step) for step in parameters]
    given = [naming.derivative_python(output)] if upstream else []
    constants = list(_constants(reader, body, naming.python))
    sizes = list(_sizes(arranger, body, names))
    result = ", ".join([naming.derivative_python(step) for step in wanted])
    text = "\n".join([*constants, *sizes, *body])
    imports = ["import numpy as np"] + [f"import {name}" for name in ("scipy.special", "scipy.linalg") if name in text]
    helpers = helpers_in(text)
    head = "\n".join(imports) + "\n\n\n" + (helpers + "\n\n\n" if helpers else "")
    inside = "\n".join([f"    {line}" for line in [*constants, *sizes, *body]])
    signature = ", ".join([*names, *given])
    return f"{head}def gradient({signature}):\n{inside}\n    return {result}\n", parameters


def _needed_values(forms: Sequence[Form], reader: Reader) -> list[Step]:
    """The named results that formulas refer to, earliest first."""
    found: set[Step] = set()
    pending = [step for form in forms for step in _values_in(form)]
    while pending:
        step = pending.pop()
        if step not in found and step.operation is not None:
            found.add(step)
            pending += list(_values_in(reader.define(step)))
    return sorted(found, key=lambda step: step.number)


def _values_in(form: Form) -> Iterator[Step]:
    """The values that a formula refers to."""
    for atom in atoms_in(form):
        if isinstance(atom, Value):
            yield atom.step


def _mentions(body: Sequence[str], name: str) -> bool:
    return any(re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", line) for line in body)


def _parameters(reader: Reader, body: Sequence[str], naming_of: Callable[[Step], str]) -> list[Step]:
    """The inputs, and the large arrays that the function captured and the source mentions."""
    computation = reader.computation
    others = [step for step in computation.steps if step.is_constant and _mentions(body, naming_of(step))]
    arguments = [step for step in others if step.name in computation.parameters]
    captured = [step for step in others if step not in arguments and _literal(step.value) is None]
    order = list(computation.parameters)
    given = [*computation.inputs.values(), *arguments]
    given.sort(key=lambda step: order.index(step.name) if step.name in order else len(order))
    return [*given, *captured]


def _literal(array: np.ndarray[Any, np.dtype[Any]]) -> str | None:
    """A constant array written out, if that is short."""
    shape = array.shape
    if array.size and (array == array.flat[0]).all():
        number = array.flat[0].item()
        if number in (0, 1):
            return f"np.{'ones' if number else 'zeros'}({_length(shape)})"
        return f"np.full({_length(shape)}, {number!r})" if shape else repr(number)
    scale = scaled_identity(array)
    if scale is not None:
        return f"np.eye({shape[0]})" if scale == 1 else f"{scale!r} * np.eye({shape[0]})"
    if len(shape) == 1 and array.dtype.kind in "iu" and np.array_equal(array, np.arange(shape[0])):
        return f"np.arange({shape[0]})"
    if len(shape) == 2 and array.dtype.kind == "f":
        for name, triangle in (("tril", np.tril), ("triu", np.triu)):
            for offset in (0, -1 if name == "tril" else 1):
                if np.array_equal(array, triangle(np.ones(shape), offset)):
                    return f"np.{name}(np.ones({shape}){f', {offset}' if offset else ''})"
    return f"np.array({array.tolist()})" if array.size <= _INLINE else None


def _length(shape: tuple[int, ...]) -> str:
    return str(shape[0]) if len(shape) == 1 else str(shape)


def _constants(reader: Reader, body: Sequence[str], naming_of: Callable[[Step], str]) -> Iterator[str]:
    """Small constant arrays, written out."""
    for step in [*reader.computation.steps, *reader.journal.steps[len(reader.computation.steps) :]]:
        if step.name in reader.computation.parameters:
            continue
        literal = _literal(step.value) if step.is_constant else None
        if literal is None and step.is_constant and step.number >= len(reader.computation.steps):
            literal = f"np.array({step.value.tolist()})"
        if literal is not None and (step.shape or step.name) and _mentions(body, naming_of(step)):
            yield f"{naming_of(step)} = {literal}"


def _sizes(arranger: Arranger, body: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    """What the letters for sizes are: the length of an axis of an argument, if it is one."""
    computation = arranger.naming.computation
    for size, letter in arranger.naming.sizes.items():
        if not _mentions(body, letter):
            continue
        for step in computation.steps:
            name = arranger.naming.python(step) if step.is_input or step.is_constant else ""
            if name in names and size in step.shape:
                yield f"{letter} = {name}.shape[{step.shape.index(size)}]"
                break
        else:
            yield f"{letter} = {size}"
