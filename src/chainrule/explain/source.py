"""Prints a derivation as a NumPy function that a person could have written: forward, then backward, few lines."""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.explain.arguments import Argument
from chainrule.explain.arrange import Arranger
from chainrule.explain.atoms import Value, atoms_in, scaled_identity
from chainrule.explain.computation import Step
from chainrule.explain.form import Form
from chainrule.explain.naming import Naming
from chainrule.explain.reader import Reader
from chainrule.explain.shared import with_names
from chainrule.explain.story import Story
from chainrule.explain.symbols import helpers_in

__all__ = ["function_of", "gradient_source", "literal", "needed_values", "straight"]

_LINES = 80  # of a source in which what is computed twice is looked for
_INLINE = 12  # numbers of a captured array that are written out
_READABLE = 100  # characters of it up to which it is written out


def gradient_source(
    body: Sequence[str],
    reader: Reader,
    arranger: Arranger,
    wanted: Sequence[Step],
    made: Mapping[str, str] | None = None,
) -> tuple[str, tuple[Any, ...]]:
    """The source of ``gradient(…)`` with these lines, and the values of its parameters.

    In go the arguments of the function, large arrays that it captured, and the upstream derivative if its result is an
    array; out come the gradients, each in the structure of its argument. ``made`` are those put together already.
    """
    naming, output = arranger.naming, reader.computation.output
    upstream = output.value.size != 1
    body = with_names(body, naming.unused) if len(body) <= _LINES else body
    arguments, captured = _parameters(reader, body, naming)
    names = [naming.parameter(argument) for argument in arguments] + [naming.python(step) for step in captured]
    given = [naming.derivative_python(output)] if upstream else []
    unpacked = [f"{name} = {path}" for name, path in naming.unpacked() if _mentions(body, name)]
    constants = list(_constants(reader, body, naming))
    sizes = list(_sizes(arranger, body, arguments, captured))
    told = [
        (made or {}).get(argument.name) or _returned(argument, wanted, reader, naming)
        for argument in reader.computation.arguments_of(wanted)
    ]
    lines = [*unpacked, *constants, *sizes, *body, f"return {', '.join(told)}"]
    text = "\n".join(lines)
    imports = ["import numpy as np"] + [f"import {name}" for name in ("scipy.special", "scipy.linalg") if name in text]
    helpers = helpers_in(text)
    head = "\n".join(imports) + "\n\n\n" + (helpers + "\n\n\n" if helpers else "")
    inside = "\n".join([f"    {line}" for line in lines])
    values = [argument.value for argument in arguments] + [step.given for step in captured]
    values += [np.ones(output.shape)] if upstream else []
    return f"{head}def gradient({', '.join([*names, *given])}):\n{inside}\n", tuple(values)


def function_of(source: str, title: str = "") -> Callable[..., Any]:
    """The function that a source defines; its lines can be looked up if it has a ``title``."""
    namespace: dict[str, Any] = {"__name__": "derivation"}
    file = f"<gradient of {title}>"
    if title:
        file = f"<gradient of {title}, {abs(hash(source)):x}>"
        linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
    exec(compile(source, file, "exec"), namespace)
    made: Callable[..., Any] = namespace["gradient"]
    return made


def straight(story: Story, wanted: Sequence[Step]) -> list[str]:
    """Forward and backward, a line for each value."""
    sweep, reader, arranger, naming = story.sweep, story.reader, story.arranger, story.naming
    backward = sweep.needed(sweep.found[step].chosen for step in wanted)
    forms = {step: sweep.found[step].chosen for step in [*backward, *wanted]}
    return [
        *[
            f"{naming.python(step)} = {arranger.exact(reader.define(step)).python}"
            for step in needed_values(list(forms.values()), reader)
        ],
        *[story.equation_of(step, form).python for step, form in forms.items()],
    ]


def _returned(argument: Argument, wanted: Sequence[Step], reader: Reader, naming: Naming) -> str:
    """The gradient of an argument, in its structure."""
    derivatives = {reader.computation.leaf(step): naming.derivative_python(step) for step in wanted}

    def leaf(name: str) -> str:
        if name in derivatives:
            return derivatives[name]
        return f"np.zeros_like({naming.path(name)})" if name in reader.computation.inputs else "None"

    return _written(argument.tree, naming.parameter(argument), leaf)


def _written(tree: Any, path: str, leaf: Callable[[str], str]) -> str:
    """Containers written out."""
    if isinstance(tree, str):
        return leaf(tree)
    if isinstance(tree, dict):
        inside = ", ".join(
            [f"{_quoted(key)}: {_written(v, f'{path}[{_quoted(key)}]', leaf)}" for key, v in tree.items()]
        )
        return f"{{{inside}}}"
    if not isinstance(tree, tuple | list):
        return "None"
    fields = getattr(tree, "_fields", None)
    places = [f".{field}" for field in fields] if fields else [f"[{k}]" for k in range(len(tree))]
    parts = [_written(child, path + place, leaf) for place, child in zip(places, tree, strict=True)]
    inside = ", ".join(parts)
    if fields:
        return f"type({path})({inside})"
    return f"[{inside}]" if isinstance(tree, list) else f"({inside}{',' if len(parts) == 1 else ''})"


def _quoted(key: Any) -> str:
    return f'"{key}"' if isinstance(key, str) and key.isidentifier() else repr(key)


def needed_values(forms: Sequence[Form], reader: Reader) -> list[Step]:
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


def _parameters(reader: Reader, body: Sequence[str], naming: Naming) -> tuple[list[Argument], list[Step]]:
    """The arguments that are real or mentioned, and the large captured arrays that the source mentions."""
    computation = reader.computation
    others = [step for step in computation.steps if step.is_constant and _mentions(body, naming.python(step))]
    used = {computation.leaf(step) for step in others} | set(computation.inputs)
    arguments = [
        argument
        for argument in computation.parameters
        if used & set(argument.leaves) or (type(argument.value) is int and _mentions(body, naming.parameter(argument)))
    ]
    return arguments, [s for s in others if not computation.leaf(s) and literal(s.value) is None]


def literal(array: np.ndarray[Any, np.dtype[Any]]) -> str | None:
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
                side = f"np.{name}(np.ones({shape}){f', {offset}' if offset else ''})"
                rest = array - triangle(np.ones(shape), offset)
                if not rest.any():
                    return side
                scale = scaled_identity(rest) if offset else None
                if scale is not None:
                    return f"{side} + {scale!r} * np.eye({shape[0]})"
    text = f"np.array({array.tolist()})"
    return text if array.size <= _INLINE and len(text) <= _READABLE else None


def _length(shape: tuple[int, ...]) -> str:
    return str(shape[0]) if len(shape) == 1 else str(shape)


def _constants(reader: Reader, body: Sequence[str], naming: Naming) -> Iterator[str]:
    """Small constant arrays, written out."""
    computation = reader.computation
    for step in [*computation.steps, *reader.journal.steps[len(computation.steps) :]]:
        told = literal(step.value) if step.is_constant and not computation.leaf(step) else None
        if told is None and step.is_constant and not computation.leaf(step) and step.number >= len(computation.steps):
            told = f"np.array({step.value.tolist()})"
        if told is not None and (step.shape or step.name) and _mentions(body, naming.python(step)):
            yield f"{naming.python(step)} = {told}"


def _sizes(
    arranger: Arranger, body: Sequence[str], arguments: Sequence[Argument], captured: Sequence[Step]
) -> Iterator[str]:
    """What the letters for sizes are: the length of an axis of an argument, if it is one."""
    naming = arranger.naming
    leaves = {leaf for argument in arguments for leaf in argument.leaves}
    computation = naming.computation
    known = [s for s in computation.steps if s.operation is None and (computation.leaf(s) in leaves or s in captured)]
    known.sort(key=lambda step: "[" in naming.place(step))  # an array by itself before one in a list
    for size, letter in naming.sizes.items():
        if not _mentions(body, letter):
            continue
        step = next((step for step in known if size in step.shape), None)
        told = size if step is None else f"{naming.place(step)}.shape[{step.shape.index(size)}]"
        yield f"{letter} = {told}"
