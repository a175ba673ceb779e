"""How parameters are written in the notation of operations: literals, options of a call, indices.

A notation is a template, or a function of the argument strings and the parameters; those made here are functions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

__all__ = ["as_latex", "as_python", "as_text", "calling", "index_in_latex", "index_of", "literal", "options"]

Writer = Callable[..., str]

# Names that LaTeX has commands for; the others are set in upright letters.
_COMMANDS = frozenset("sin cos tan sinh cosh tanh exp log arcsin arccos arctan max min det".split())
_SPECIAL = re.compile(r"[_#%&${}]")
_LAYOUT = ("keepdims", "dtype")  # of interest to NumPy, and not to a reader


def literal(value: Any) -> str:
    """A parameter as Python source that needs NumPy alone.

    >>> literal((1, None)), literal(float("inf")), literal(np.dtype("float32")), literal(np.float64(0.5))
    ('(1, None)', 'np.inf', 'np.float32', '0.5')
    """
    if isinstance(value, tuple):
        inside = ", ".join([literal(entry) for entry in value])
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, np.dtype):
        return {"float64": "float", "bool": "bool"}.get(value.name, f"np.{value.name}")
    if isinstance(value, np.generic):
        return literal(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return "np.nan" if value != value else "np.inf" if value > 0 else "-np.inf"
    return repr(value)


def options(params: Mapping[str, Any], defaults: Mapping[str, Any] = MappingProxyType({})) -> list[str]:
    """The parameters that say something, as keywords of a call: neither None, nor False, nor their default.

    >>> options({"axis": 1, "keepdims": False, "offset": 0}, {"offset": 0})
    ['axis=1']
    """
    return [
        f"{name}={literal(value)}"
        for name, value in params.items()
        if value is not None and value is not False and not (name in defaults and defaults[name] == value)
    ]


def as_text(name: str, arguments: Sequence[str], told: Sequence[str] = ()) -> str:
    """A call in text; ``told`` are its options.

    >>> as_text("max", ["z"], ["axis=1", "keepdims=True"])
    'max(z, axis=1)'
    """
    return f"{name}({', '.join([*arguments, *_of_interest(told)])})"


def as_latex(name: str, arguments: Sequence[str], told: Sequence[str] = ()) -> str:
    r"""A call in LaTeX.

    >>> print(as_latex("max", ["z"], ["axis=1"]))
    \max\left(z, \mathtt{axis=1}\right)
    """
    head = f"\\{name}" if name in _COMMANDS else rf"\operatorname{{{escaped(name)}}}"
    return rf"{head}\left({', '.join([*arguments, *map(upright, _of_interest(told))])}\right)"


def as_python(name: str, arguments: Sequence[str], told: Sequence[str] = ()) -> str:
    """A call in Python."""
    return f"{name}({', '.join([*arguments, *told])})"


def _of_interest(told: Sequence[str]) -> list[str]:
    return [option for option in told if option.partition("=")[0] not in _LAYOUT]


def escaped(text: str) -> str:
    """Text with a backslash before the characters that LaTeX reserves."""
    return _SPECIAL.sub(r"\\\g<0>", text)


def upright(text: str) -> str:
    """A part of a program in LaTeX."""
    return rf"\mathtt{{{escaped(text)}}}"


def calling(
    python: str, name: str = "", first: str = "", defaults: Mapping[str, Any] = MappingProxyType({})
) -> tuple[Writer, Writer, Writer]:
    """The notation of a call: of ``python`` in source, of ``name`` (its last part by default) on paper.

    The parameter ``first`` is given without its name, one number for a tuple of one; ``defaults`` go without saying.

    >>> [write("x", reps=(2,)) for write in calling("np.tile", first="reps")]
    ['tile(x, 2)', '\\\\operatorname{tile}\\\\left(x, \\\\mathtt{2}\\\\right)', 'np.tile(x, 2)']
    """

    def told(params: Mapping[str, Any]) -> list[str]:
        ahead = [literal(alone(params[first]))] if first and params.get(first) is not None else []
        rest = {key: alone(value) if first else value for key, value in params.items() if key != first}
        return ahead + options(rest, defaults)

    name = name or python.rpartition(".")[2]
    return (
        lambda *arguments, **params: as_text(name, arguments, told(params)),
        lambda *arguments, **params: as_latex(name, arguments, told(params)),
        lambda *arguments, **params: as_python(python, arguments, told(params)),
    )


def alone(value: Any) -> Any:
    """The entry of a tuple of one; anything else as it is."""
    return value[0] if isinstance(value, tuple) and len(value) == 1 else value


def index_of(template: Sequence[tuple[Any, ...]], arrays: Sequence[str]) -> str:
    """What stands between the brackets of an index.

    >>> index_of((("slice", 1, -1, None), ("new",), ("array",)), ["y"]), index_of((("ellipsis",), ("int", 0)), [])
    ('1:-1, None, y', '..., 0')
    """
    following = iter(arrays)
    told = []
    for entry in template:
        if entry[0] == "array":
            told.append(next(following))
        elif entry[0] == "slice":
            start, stop, step = ["" if bound is None else str(bound) for bound in entry[1:]]
            told.append(f"{start}:{stop}" + (f":{step}" if step else ""))
        else:
            told.append({"int": str(entry[-1]), "new": "None", "ellipsis": "..."}[entry[0]])
    return ", ".join(told) or "()"


def index_in_latex(template: Sequence[tuple[Any, ...]], arrays: Sequence[str]) -> str:
    r"""The same in LaTeX.

    >>> print(index_in_latex((("slice", 1, -1, None), ("ellipsis",)), []))
    1{:}-1, \ldots
    """
    marked = index_of(template, ["@"] * len(arrays))
    told = marked.replace(":", "{:}").replace("...", r"\ldots").replace("None", r"\mathtt{None}")
    following = iter(arrays)
    return re.sub("@", lambda _: next(following), told)
