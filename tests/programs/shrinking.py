"""A program made shorter, line by line, as long as something stays true of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.programs.program import Program

__all__ = ["shrunk"]

FACTOR = re.compile(r" \* \(1\.0 \+ 0\.1 \* np\.sum\((\w+)\)\)")
MADE = re.compile(r"^(v\d+) = ")


def shrunk(program: Program, holds: Callable[[Program], bool], most: int = 400) -> Program:
    """The shortest program found in ``most`` trials of which ``holds`` is still true."""
    while True:
        for shorter in _shorter(program):
            most -= 1
            if most < 0:
                return program
            if _runs(shorter) and holds(shorter):
                program = shorter
                break
        else:
            return program


def _runs(program: Program) -> bool:
    try:
        program.function()(*program.arguments)
    except Exception:
        return False
    return True


def _shorter(program: Program) -> Iterator[Program]:
    """Programs with a factor of the result, an input or a line less; what a line made is replaced by something else."""
    for match in FACTOR.finditer(program.result):
        yield replace(program, result=program.result.replace(match[0], "", 1))
        yield replace(program, result=match[1])
    for k in reversed(range(len(program.lines))):
        rest = [
            replace(program, lines=program.lines[:k] + program.lines[k + 1 :], torch_lines=_without(program, k)),
        ]
        made = MADE.match(program.lines[k])
        names = [*program.inputs, *[found[1] for found in map(MADE.match, program.lines[:k]) if found]]
        yield rest[0]
        for name in names if made else []:
            assert made is not None
            yield _renamed(rest[0], made[1], name)
    for name in list(program.inputs)[1:]:
        k = list(program.inputs).index(name)
        inputs = {other: value for other, value in program.inputs.items() if other != name}
        yield replace(program, inputs=inputs, phases=program.phases[:k] + program.phases[k + 1 :])


def _without(program: Program, k: int) -> list[str]:
    return program.torch_lines[:k] + program.torch_lines[k + 1 :]


def _renamed(program: Program, old: str, new: str) -> Program:
    def put(text: str) -> str:
        return re.sub(rf"\b{old}\b", new, text)

    lines, torch_lines = list(map(put, program.lines)), list(map(put, program.torch_lines))
    return replace(program, lines=lines, torch_lines=torch_lines, result=put(program.result))
