"""What is written beside an object file: its header, a program in C that calls it, and the computation as Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.native.entry import Call
from chainrule.native.recorded import Recorded
from chainrule.native.signature import Parameter, Signature
from chainrule.program.listing import Listing, array_text

__all__ = ["Made", "results_text", "write_example", "write_header", "write_python"]

_WRITTEN = 1000  # numbers of an argument up to which the example has those that were given
_SHOWN = 20  # numbers of a result that the example prints


class Made(NamedTuple):
    """An exported function, as far as its sources say something of it."""

    name: str
    signature: Signature
    call: Call
    scratch: int  # bytes
    platform: str
    libraries: tuple[str, ...]


def write_header(made: Made) -> str:
    """The declaration, with what has to be known to call it."""
    name, guard = made.name, f"{made.name.upper()}_H"
    inputs, outputs, fixed = made.signature
    lines = [
        f"/* {name}: made by chainrule for {made.platform}.",
        "",
        f"   cc main.c {name}.o {' '.join(made.libraries)}",
        "",
    ]
    lines += [f"   {'in ' if p in inputs else 'out'}  {_declared(p)}: {_about(p)}" for p in [*inputs, *outputs]]
    lines += [f"   fixed: {_comment(text)}" for text in fixed]
    for memory, _ in made.call.captured:
        lines.append(
            f"   inside: an array of {memory.dtype} {list(memory.shape)}, with the numbers that it had at the export"
        )
    lines += [
        "",
        "   Arrays are in C order: the last index runs fastest. They must not overlap.",
        "   Returns 0; 1 if a position that was computed is not in its array (results are of no use then);",
        "   2 if a result is infinite or not a number. Nothing is kept between calls: threads may call it at once.",
        "*/",
        f"#ifndef {guard}",
        f"#define {guard}",
        "",
        "#include <stdint.h>",
        "",
    ]
    lines += [f"#define {name.upper()}_SIZE_{p.name} {p.size}" for p in [*inputs, *outputs] if not p.is_number]
    arguments = [_declared(p, const=p in inputs) for p in [*inputs, *outputs]]
    if made.scratch:
        lines.append(f"#define {name.upper()}_SCRATCH {made.scratch} /* bytes of memory that a call works in */")
        arguments.append("void *scratch")
    lines += ["", "#ifdef __cplusplus", 'extern "C" {', "#endif", ""]
    lines += [f"int {name}({', '.join(arguments) or 'void'});"]
    lines += ["", "#ifdef __cplusplus", "}", "#endif", "", "#endif"]
    return "\n".join(lines) + "\n"


def _declared(parameter: Parameter, const: bool = False) -> str:
    if parameter.is_number:
        return f"{parameter.kind} {parameter.name}"
    return f"{'const ' if const else ''}{parameter.kind} *{parameter.name}"


def _about(parameter: Parameter) -> str:
    shape = "".join([f"[{size}]" for size in parameter.source.shape])
    what = "a number" if not parameter.source.shape else f"numbers {shape}"
    return f"{what}, in Python {_comment(parameter.said)}"


def _comment(text: str) -> str:
    """Text that does not end a comment."""
    return text.replace("*/", "* /").replace("\n", " ")


def write_example(made: Made, leaves: Sequence[Any]) -> str:
    """A program that calls the function with the arguments of the export, and prints the results."""
    name, (inputs, outputs, _) = made.name, made.signature
    lines = [f"/* Calls {name}: cc {name}.c {name}.o {' '.join(made.libraries)} -o {name} */"]
    lines += ["#include <stdio.h>", f'#include "{name}.h"', ""]
    filled = []
    for parameter, leaf in zip(inputs, leaves, strict=True):
        numbers = np.asarray(leaf).ravel()
        if parameter.is_number:
            lines.append(f"static const {parameter.kind} {parameter.name} = {_number(numbers[0])};")
        elif numbers.size <= _WRITTEN:
            values = ", ".join([_number(value) for value in numbers])
            lines.append(f"static {parameter.kind} {parameter.name}[{parameter.size}] = {{{values}}};")
        else:
            lines.append(f"static {parameter.kind} {parameter.name}[{parameter.size}];")
            what = "0.5 + at % 7 / 8.0" if parameter.source.dtype.kind == "f" else "0"
            filled.append(f"    for (long at = 0; at < {parameter.size}; at++) {parameter.name}[at] = {what};")
    lines += [f"static {parameter.kind} {parameter.name}[{max(parameter.size, 1)}];" for parameter in outputs]
    arguments = [parameter.name for parameter in [*inputs, *outputs]]
    if made.scratch:
        lines.append(f"static double scratch[{-(-made.scratch // 8)}];")
        arguments.append("scratch")
    lines += ["", "int main(void)", "{", *filled, f"    int status = {name}({', '.join(arguments)});"]
    lines.append('    printf("status %d\\n", status);')
    for parameter in outputs:
        lines.append(f'    printf("{parameter.name}");')
        count = min(parameter.size, _SHOWN)
        lines.append(f'    for (int at = 0; at < {count}; at++) printf(" %.17g", (double){parameter.name}[at]);')
        lines.append(f'    printf("{" ..." if count < parameter.size else ""}\\n");')
    return "\n".join([*lines, "    return status;", "}"]) + "\n"


def _number(value: Any) -> str:
    """A number in C, to the last bit; what is no number C computes."""
    if value.dtype.kind != "f":
        return str(int(value))
    if np.isfinite(value):
        return float(value).hex()
    return "0.0 / 0.0" if np.isnan(value) else f"{'-' if value < 0 else ''}1.0 / 0.0"


def write_python(made: Made, recording: Recorded) -> str:
    """The computation as a module in Python."""
    inputs = made.signature.inputs
    names = {step.number: parameter.name for step, parameter in zip(recording.inputs, inputs, strict=True)}
    listing = Listing(names, recording.wanted)
    lines = [f'"""What {made.name} computes: the recorded program, for arrays of these shapes."""', ""]
    lines += [*sorted(listing.imports), ""]
    lines += [f"{name} = {array_text(array)}" for name, array in listing.arrays.items()]
    lines += ["", f"def {made.name}({', '.join([parameter.name for parameter in inputs])}):"]
    lines += [f"    # {p.name}: {', '.join(map(str, p.source.shape)) or 'a number'}" for p in inputs]
    lines += [f"    {line}" for line in listing.lines]
    lines += [f"    return {results_text(made.call.structure, listing.results)}"]
    return "\n".join(lines) + "\n"


def results_text(structure: Any, results: Sequence[str]) -> str:
    """The containers of a result, as Python."""
    if structure is None:
        return "None"
    if isinstance(structure, int):
        return results[structure]
    kind, children = structure
    if kind is dict:
        return "{" + ", ".join([f"{key!r}: {results_text(child, results)}" for key, child in children]) + "}"
    inner = ", ".join([results_text(child, results) for child in children])
    return f"[{inner}]" if kind is list else f"({inner}{',' if len(children) == 1 else ''})"
