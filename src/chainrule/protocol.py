"""NumPy's calls beyond the plain one: ufuncs with options or methods, functions that have no rule, and arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dis import get_instructions
from opcode import opmap
from types import FrameType
from typing import Any

import numpy as np

from chainrule.errors import AssignmentError, DtypeError, NoRuleError
from chainrule.op import REGISTRY
from chainrule.ops.fold import METHODS, along_axes
from chainrule.ops.options import are_known
from chainrule.ops.special import entered, full_name
from chainrule.overwriting import write
from chainrule.tape import Tracked, enabled, is_traced, plain_array, refused

__all__ = ["ASSIGNED", "as_array", "into", "refuse_number", "ufunc_with_options", "without_rule"]

ASSIGNED = (
    "a tracked tensor cannot become part of a plain NumPy array: the array would forget where the value came from, and "
    "its gradient would silently be missing.\nUse np.stack or np.concatenate to collect results, fill a tensor "
    "(cr.zeros(n)) instead of np.zeros(n), or take x.detach() where no gradient is wanted."
)

FLOATED = (
    "a plain number was wanted of a tracked tensor (float(x), or a function outside that calls it): it would forget "
    "where the value came from, and its gradient would silently be missing.\nLeave float() out, use NumPy's functions, "
    "or take x.detach() where no gradient is wanted."
)


def ufunc_with_options(function: Any, method: str, inputs: Sequence[Any], options: dict[str, Any]) -> Any:
    """A ufunc with ``out``, ``where`` or ``dtype``, or one of its methods."""
    out = options.pop("out", None)
    if method != "__call__":
        return into(out, METHODS[method](function, *inputs, **options))
    operation = entered(function)
    if operation is None:
        return without_rule(function, inputs, options if out is None else {**options, "out": out})
    mask = options.pop("where", True)
    dtype = options.pop("dtype", None)
    options = {name: value for name, value in options.items() if name not in ("casting", "order", "subok")}
    if options and function.signature and options.keys() <= {"axes", "axis", "keepdims"}:
        return into(out, along_axes(function, inputs, **options))
    if options:
        raise NoRuleError(f"{full_name(function)}: no rule with the options {sorted(options)}")
    if out is None and mask is not True:
        raise NoRuleError(f"{full_name(function)} with where= leaves the other elements undefined; give out= as well")
    if dtype is not None:
        inputs = [value.astype(dtype) if hasattr(value, "astype") else value for value in inputs]
    return into(out, operation(*inputs), mask)


def into(out: Any, result: Any, mask: Any = True) -> Any:
    """The result; where ``out`` was given (an array, or a tuple with one for each result) it is written there."""
    if isinstance(out, tuple):
        several = result if isinstance(result, tuple) else (result,)
        written = tuple([into(target, part, mask) for target, part in zip(out, several, strict=True)])
        return written if isinstance(result, tuple) else written[0]
    if out is None:
        return result
    if not isinstance(out, Tracked):
        numbers = result.value if isinstance(result, Tracked) else result
        if isinstance(result, Tracked) and (result.vertex is not None or not are_known(numbers)):
            raise AssignmentError(ASSIGNED)
        np.copyto(out, numbers, where=mask)
        return out
    return write(out, result if mask is True else REGISTRY[np.where](mask, result, out))


STORE_SUBSCRIPT = opmap["STORE_SUBSCR"]
REMAINDERS = {  # of these only the formatting of text asks the right side for a plain number
    (step.opcode, step.arg)
    for source in (lambda a, b: a % b, compile("a %= b", "", "exec"))
    for step in get_instructions(source)
    if "%" in step.argrepr
}


def refuse_number(frame: FrameType) -> None:
    """Refuse a plain number of a tracked value, where the code of a frame wants it for more than a text."""
    place, code = frame.f_lasti, frame.f_code.co_code
    if (code[place], code[place + 1]) in REMAINDERS:
        return
    refused()
    if code[place] == STORE_SUBSCRIPT:
        raise AssignmentError(ASSIGNED)
    if is_traced():
        raise AssignmentError(FLOATED)


def without_rule(function: Any, arguments: Any, options: Any) -> Any:
    """A NumPy function that has no rule: an error for tracked tensors, NumPy's own result for others."""
    found: list[Tracked] = []
    unwrapped, named = _unwrapped(arguments, found), _unwrapped(options, found)
    if any(value.vertex is not None for value in found) and enabled():
        raise NoRuleError(
            f"{full_name(function)} has no derivative rule, so its result would silently lose the gradient.\nWrite it "
            "with functions that have one, define an operation with chainrule.define, or pass x.detach() where no "
            "gradient is wanted."
        )
    return function(*unwrapped, **named)


def _unwrapped(value: Any, found: list[Tracked]) -> Any:
    """The value with plain arrays for its tensors, which are added to ``found``."""
    if isinstance(value, Tracked):
        found.append(value)
        return value.value
    if isinstance(value, list | tuple):
        return type(value)([_unwrapped(element, found) for element in value])
    return {key: _unwrapped(element, found) for key, element in value.items()} if isinstance(value, dict) else value


def as_array(data: Any, dtype: Any = None) -> Any:
    """A fresh array of numbers with the contents of ``data``."""
    if isinstance(data, Tracked):
        data = data.value
    elif isinstance(data, list | tuple):
        data = _plain(data)
    elif isinstance(data, np.ndarray):
        data = plain_array(data, "tensor")
    try:
        value = np.array(data, dtype=dtype)
    except (ValueError, TypeError) as problem:
        raise DtypeError(f"expected numbers in a regular (not ragged) array, got {data!r:.80}: {problem}") from problem
    if value.dtype.kind not in "fciub":
        raise DtypeError(f"expected numbers, got {value.dtype} from {data!r:.80}")
    return value if value.dtype.isnative else value.astype(value.dtype.newbyteorder("="))


def _plain(data: Any) -> Any:
    if isinstance(data, Tracked):
        return data.value
    return [_plain(element) for element in data] if isinstance(data, list | tuple) else data
