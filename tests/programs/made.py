"""Random programs, made step by step.

A program is built on real numbers, so that shapes are known, values stay moderate and kinks (ties, zeros of a norm)
are kept away from: a step that would break this is left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.programs.draws import Draw, Seeded
from tests.programs.program import Program, Values, moderate, run, weights
from tests.programs.steps import STEPS, rewriting, writing
from tests.programs.wider import WIDER, registry

__all__ = ["made", "seeded"]

SHAPES = [(3,), (2, 3), (), (1,), (3, 1), (4,), (2, 2), (1, 3), (2, 1, 3), (0,), (2, 0)]
UNFIT = (ValueError, IndexError, ArithmeticError, RuntimeWarning, TypeError, np.linalg.LinAlgError)


def made(
    draw: Draw,
    most: int = 12,
    in_place: bool = False,
    wider: bool = False,
    registry_too: bool = False,
    phases: tuple[float, ...] = (0.0, 1.0, 2.0),
) -> Program:
    """A program of at most ``most`` steps; with ``in_place`` some overwrite tensors or parts of them.

    ``wider`` are steps that only transforms follow, and functions that few other libraries have; ``registry_too`` are
    the operations of the registry by themselves.
    """
    shapes = [draw.one_of(SHAPES) for _ in range(draw.integer(1, len(phases)))]
    inputs = {f"x{k}": weights(shape, phases[k]) for k, shape in enumerate(shapes)}
    program = Program(inputs, list(phases[: len(inputs)]))
    if in_place:  # the inputs themselves are leaves, which may not be overwritten
        program.lines += [f"{name} = {name} + 0.0" for name in inputs]
        program.torch_lines += program.lines
    values = run(program.lines, inputs)
    kinds: list[Any] = STEPS + ([writing, writing, rewriting] if in_place else [])
    kinds += (WIDER if wider else []) + ([registry] * 8 if registry_too else [])
    for number in range(draw.integer(1, most)):
        values = lengthened(program, draw, draw.one_of(kinds), f"v{number}", values, in_place)
    names = list(values)
    others = sorted({draw.one_of(names) for _ in range(6 if wider else 3)} - {names[-1]})
    program.result = " * ".join([names[-1], *[f"(1.0 + 0.1 * np.sum({other}))" for other in others]])
    return program


def lengthened(program: Program, draw: Draw, kind: Any, new: str, values: Values, in_place: bool) -> Values:
    """The values after one more step, which the program gets if all is well."""
    step = kind(draw, values)
    if step is None or not step.check(values):
        return values
    text = step.text.replace("{new}", new)
    try:
        trial = run([*program.lines, text], program.inputs) if in_place else run([text], values)
    except UNFIT:
        return values
    if new not in trial or trial[new].ndim > 4 or not all(moderate(value) for value in trial.values()):
        return values
    program.lines += text.split("\n")
    program.torch_lines += (step.torch or step.text).replace("{new}", new).split("\n")
    program.writes = program.writes or kind in (writing, rewriting)
    return trial


def seeded(seed: int, most: int = 16) -> Program:
    """The program of a number: half of them of functions that other libraries have, half of the whole registry."""
    draw = Seeded(seed)
    phases = tuple([draw.integer(0, 6000) / 1000 for _ in range(3)])
    return made(draw, most, draw.integer(0, 3) == 3, True, draw.flag(), phases)
