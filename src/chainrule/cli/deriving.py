"""Derives a function of a file, in a process of its own: finds the function, and the point to derive it at."""

from __future__ import annotations

import inspect
import os
import sys
import time
import traceback
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import torch as facade
from chainrule.cli.process import cut_off, running
from chainrule.errors import ChainruleError, DeriveError
from chainrule.explain.derive import derive
from chainrule.explain.report.page import report_page

__all__ = ["Derived", "Place", "derive_in_file", "place_of"]

EXAMPLE = "example"


@dataclass(frozen=True)
class Place:
    """A function of a file, and how to derive it.

    ``at`` has an expression for each argument that is given by hand; ``by`` are the arguments to differentiate by, all
    if empty; ``paged`` says that an HTML page is wanted.
    """

    file: Path
    function: str
    at: Mapping[str, str]
    by: Sequence[str] = ()
    paged: bool = False


@dataclass(frozen=True)
class Derived:
    """What is shown of a derivation."""

    text: str
    latex: str
    source: str
    page: str


def place_of(target: str, at: Sequence[str], by: Sequence[str] = (), *, paged: bool = False) -> Place:
    """The place that ``FILE.py:FUNCTION`` and ``name=expression`` name.

    >>> place_of("losses:mse", ["X=np.ones((3, 2))"])
    Traceback (most recent call last):
    ...
    chainrule.errors.DeriveError: losses is no Python file here; expected FILE.py:FUNCTION (in ...)

    Raises :class:`~chainrule.errors.DeriveError` if there is no such file, or if a text is of another form.
    """
    file, colon, function = target.rpartition(":")
    if not colon or not function.isidentifier():
        raise DeriveError(f"{target!r} names no function in a file; expected FILE.py:FUNCTION")
    path = Path(file)
    if path.suffix != ".py" or not path.is_file():
        raise DeriveError(f"{file} is no Python file here; expected FILE.py:FUNCTION (in {Path.cwd()})")
    given: dict[str, str] = {}
    for text in at:
        name, equals, expression = text.partition("=")
        if not equals or not name.strip().isidentifier() or not expression.strip():
            raise DeriveError(f"--at {text!r} gives no argument a value; expected --at 'name=expression'")
        given[name.strip()] = expression.strip()
    return Place(path, function, given, by, paged)


def derive_in_file(place: Place, timeout: float | None) -> Derived:
    """Run the file, and derive the function in it.

    Raises :class:`~chainrule.errors.DeriveError`: the function is not there, its arguments have no values, it cannot be
    derived, the file fails or takes too long.
    """
    with running(_work, place) as (connection, process):
        deadline = None if timeout is None else time.monotonic() + timeout
        while not connection.poll(0.05):
            if deadline is not None and time.monotonic() > deadline:
                raise DeriveError(f"{place.file} did not end within {timeout:g} seconds; --timeout allows more")
            if not process.is_alive() and not connection.poll():
                break
        try:
            answer = connection.recv()
        except EOFError:
            process.join()
            raise DeriveError(f"{place.file} ended the process (exit status {process.exitcode})") from None
    if isinstance(answer, Derived):
        return answer
    raise DeriveError(answer)


def _work(connection: Connection, place: Place) -> None:
    """What the process does: send a `Derived`, or the text of an error."""
    cut_off()
    try:
        connection.send(_derive(place))
    except ChainruleError as problem:
        connection.send(str(problem))
    except BaseException as problem:
        said = "".join(traceback.format_exception_only(problem)).strip().splitlines()[-1]
        connection.send(f"{place.file}{_line(problem, place.file)} raised {said}")
    finally:
        connection.close()
        os._exit(0)


def _line(problem: BaseException, file: Path) -> str:
    """The last line of the file on the way to an exception."""
    lines = [
        number for frame, number in traceback.walk_tb(problem.__traceback__) if frame.f_code.co_filename == str(file)
    ]
    return f", line {lines[-1]}," if lines else ""


def _derive(place: Place) -> Derived:
    facade.install()
    sys.path.insert(0, str(place.file.absolute().parent))
    namespace = _namespace(place.file)
    function = namespace.get(place.function)
    if not callable(function):
        raise DeriveError(_none_such(place, namespace))
    arguments, options = _arguments(function, place, namespace)
    names = list(inspect.signature(function).parameters)
    unknown = [name for name in place.by if name not in names]
    if unknown:
        raise DeriveError(f"--by {unknown[0]}: {place.function} has no such parameter, but {', '.join(names)}")
    argnums = [names.index(name) for name in place.by] or None
    derivation = derive(function, argnums)(*arguments, **options)
    page = report_page(derivation) if place.paged else ""
    return Derived(derivation.text, derivation.latex, derivation.source, page)


def _namespace(file: Path) -> dict[str, Any]:
    """What the file defines, imported under its own name."""
    module = types.ModuleType(file.stem)
    module.__file__ = str(file)
    sys.modules[file.stem] = module
    exec(compile(file.read_text(encoding="utf-8-sig"), str(file), "exec", dont_inherit=True), module.__dict__)
    return module.__dict__


def _none_such(place: Place, namespace: Mapping[str, Any]) -> str:
    functions = [
        name for name, value in namespace.items() if inspect.isfunction(value) and value.__module__ == place.file.stem
    ]
    there = f"it defines {', '.join(functions)}" if functions else "it defines no function"
    return f"{place.file} defines no function {place.function}; {there}"


def _arguments(
    function: Callable[..., Any], place: Place, namespace: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """A value for each parameter: from --at, from ``example`` in the file, or its default."""
    parameters = inspect.signature(function).parameters
    example = _example(list(parameters), namespace)
    unknown = [name for name in place.at if name not in parameters]
    if unknown:
        raise DeriveError(f"--at {unknown[0]}=…: {place.function} has no such parameter, but {', '.join(parameters)}")
    found: dict[str, Any] = {}
    missing: list[str] = []
    for name, parameter in parameters.items():
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
            continue
        if name in place.at:
            found[name] = _value(place.at[name], name, namespace)
        elif name in example:
            found[name] = example[name]
        elif parameter.default is not parameter.empty:
            found[name] = parameter.default
        else:
            missing.append(name)
    if missing:
        options = " ".join(f"--at '{name}=np.ones((3, 2))'" for name in missing[:2])
        written = ", ".join(f"{name}=…" for name in missing)
        raise DeriveError(
            f"{place.function} needs values for {', '.join(missing)}: give them as {options} …, or define "
            f"`{EXAMPLE} = dict({written})` in {place.file.name}"
        )
    keywords = {name: value for name, value in found.items() if parameters[name].kind is inspect.Parameter.KEYWORD_ONLY}
    return [value for name, value in found.items() if name not in keywords], keywords


def _example(names: Sequence[str], namespace: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments that the file gives as its example: a mapping, a sequence, or a function that returns one."""
    example = namespace.get(EXAMPLE, {})
    if callable(example):
        example = example()
    if isinstance(example, Mapping):
        return example
    return dict(zip(names, example, strict=False)) if isinstance(example, list | tuple) else {}


def _value(expression: str, name: str, namespace: Mapping[str, Any]) -> Any:
    try:
        value = eval(expression, {"np": np} | dict(namespace))
    except Exception as problem:
        told = f"--at '{name}={expression}' raised {type(problem).__name__}: {problem}"
        raise DeriveError(told) from None
    return np.asarray(value, dtype=float) if isinstance(value, list) else value
