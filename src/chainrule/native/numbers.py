"""Expressions as instructions: arithmetic, calls of intrinsics and of the C library, casts, choices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.native.functions import ARITHMETIC, COMPARISONS, INTRINSICS, LIBRARY, POLYNOMIALS, TRUTH, WHOLE
from chainrule.native.polynomials import NEEDED, near_name, symbol_of
from chainrule.native.scalar import Apply, Number
from chainrule.native.text import Body, literal, value_type

__all__ = ["Declarations", "write_apply", "write_combined"]

_INT64 = np.dtype(np.int64)
_POWERS = 8  # the largest exponent that is written as multiplications and a root


class Declarations:
    """The functions that a module calls, each declared once."""

    def __init__(self) -> None:
        self.lines: dict[str, str] = {}
        self.library: set[tuple[str, str]] = set()  # functions of the C library, with the type of their arguments
        self.written_out: set[tuple[str, str]] = set()  # those that are polynomials in vectors
        self.is_often = False  # whether what is written now is done so often that this pays

    def intrinsic(self, name: str, kind: str, arguments: int) -> str:
        """``llvm.name.f64`` and the like."""
        full = f"@llvm.{name}.{ {'double': 'f64', 'float': 'f32'}[kind] }"
        self.lines[full] = f"declare {kind} {full}({', '.join([kind] * arguments)})"
        return full

    def call(self, name: str, kind: str, arguments: int) -> str:
        """A function of the C library; that it has no effect is said, so that loops of it become vector calls."""
        full = f"@{symbol_of(name, kind)}"
        self.lines[full] = f"declare {kind} {full}({', '.join([kind] * arguments)}) #1"
        if self.is_often and name in POLYNOMIALS and kind in POLYNOMIALS[name].largest:
            for other, count in NEEDED:
                self.intrinsic(other, kind, count)
            self.written_out.add((name, kind))
            return f"@{near_name(name, kind)}"
        self.library.add((name, kind))
        return full


def write_apply(body: Body, declared: Declarations, made: Apply, parts: list[str], fail: Callable[[str], None]) -> str:
    """The instructions of one function of numbers; ``fail`` takes the condition under which a position is not there."""
    function, dtype = made.function, made.dtype
    kind = value_type(dtype)
    if function is None:
        return _cast(body, made.parts[0].dtype, dtype, parts[0], fail)
    if function == "within":
        return _within(body, parts, fail)
    if function is np.where:
        chosen, first, second = parts
        return body.put(f"select i1 {chosen}, {kind} {first}, {kind} {second}")
    whole = made.parts[0].dtype
    if function in COMPARISONS:
        of_floats, of_integers = COMPARISONS[function]
        test = f"fcmp {of_floats}" if whole.kind == "f" else f"icmp {_signed(of_integers, whole)}"
        return body.put(f"{test} {value_type(whole)} {parts[0]}, {parts[1]}")
    if dtype.kind == "b":
        return _truth(body, function, whole, parts)
    if dtype.kind != "f":
        return _integer(body, function, kind, parts)
    if function in ARITHMETIC:
        return body.put(f"f{ARITHMETIC[function]} contract {kind} {parts[0]}, {parts[1]}")
    if function in INTRINSICS:
        name = declared.intrinsic(INTRINSICS[function], kind, len(parts))
        return body.put(f"call {kind} {name}({', '.join([f'{kind} {part}' for part in parts])})")
    if function is np.power and type(made.parts[1]) is Number:
        found = _power(body, declared, kind, parts[0], float(made.parts[1].value))
        if found is not None:
            return found
    if function in LIBRARY:
        name = declared.call(LIBRARY[function], kind, len(parts))
        body.is_long = body.is_long or name.startswith("@near.")
        return body.put(f"call {kind} {name}({', '.join([f'{kind} {part}' for part in parts])})")
    return _composed(body, declared, function, kind, dtype, parts)


def write_combined(body: Body, declared: Declarations, combine: Any, kind: str, before: str, value: str) -> str:
    """A sum, or the like, of floating point with one more number; in which order does not matter."""
    if combine in (np.add, np.multiply):
        name = "fadd" if combine is np.add else "fmul"
        return body.put(f"{name} reassoc nsz contract {kind} {before}, {value}")
    name = declared.intrinsic("maximum" if combine is np.maximum else "minimum", kind, 2)
    return body.put(f"call {kind} {name}({kind} {before}, {kind} {value})")


def _composed(
    body: Body, declared: Declarations, function: Any, kind: str, dtype: np.dtype[Any], parts: list[str]
) -> str:
    """What is a few instructions of the others."""
    x = parts[0]
    if function is np.negative:
        return body.put(f"fneg {kind} {x}")
    if function is np.positive:
        return x
    if function is np.square:
        return body.put(f"fmul contract {kind} {x}, {x}")
    one, zero = literal(1, dtype), literal(0, dtype)
    if function is np.reciprocal:
        return body.put(f"fdiv {kind} {one}, {x}")
    if function is np.sign:
        above = body.put(f"fcmp ogt {kind} {x}, {zero}")
        below = body.put(f"fcmp olt {kind} {x}, {zero}")
        inner = body.put(f"select i1 {below}, {kind} {literal(-1, dtype)}, {kind} {x}")  # 0 and NaN stay what they are
        return body.put(f"select i1 {above}, {kind} {one}, {kind} {inner}")
    if function is np.logaddexp:
        y = parts[1]
        larger = body.put(f"call {kind} {declared.intrinsic('maximum', kind, 2)}({kind} {x}, {kind} {y})")
        apart = body.put(f"fsub {kind} {x}, {y}")
        size = body.put(f"call {kind} {declared.intrinsic('fabs', kind, 1)}({kind} {apart})")
        power = body.put(f"call {kind} {declared.call('exp', kind, 1)}({kind} {body.put(f'fneg {kind} {size}')})")
        more = body.put(f"call {kind} {declared.call('log1p', kind, 1)}({kind} {power})")
        return body.put(f"fadd {kind} {larger}, {more}")
    raise AssertionError(f"{function} has no form")


def _power(body: Body, declared: Declarations, kind: str, base: str, exponent: float) -> str | None:
    """A power with a small exponent that is a multiple of a half, without a call."""
    size = abs(exponent)
    if not 0 < size <= _POWERS or 2 * size != int(2 * size):
        return None
    times, result, square = int(size), "", base
    if size != times:
        result = body.put(f"call {kind} {declared.intrinsic('sqrt', kind, 1)}({kind} {base})")
    while times:
        if times & 1:
            result = body.put(f"fmul {kind} {result}, {square}") if result else square
        times >>= 1
        if times:
            square = body.put(f"fmul {kind} {square}, {square}")
    if exponent < 0:
        dtype = np.dtype(np.float64 if kind == "double" else np.float32)
        return body.put(f"fdiv {kind} {literal(1, dtype)}, {result}")
    return result


def _truth(body: Body, function: Any, whole: np.dtype[Any], parts: list[str]) -> str:
    kind = value_type(whole)
    if function in (np.isnan, np.isfinite, np.isinf):
        if whole.kind != "f":
            return literal(function is np.isfinite, np.dtype(bool))
        if function is np.isnan:
            return body.put(f"fcmp uno {kind} {parts[0]}, {parts[0]}")
        difference = body.put(f"fsub {kind} {parts[0]}, {parts[0]}")
        finite = body.put(f"fcmp ord {kind} {difference}, {difference}")
        if function is np.isfinite:
            return finite
        unequal = body.put(f"fcmp ord {kind} {parts[0]}, {parts[0]}")
        return body.put(f"and i1 {unequal}, {body.put(f'xor i1 {finite}, true')}")
    truths = [_as_truth(body, whole, part) for part in parts]
    if not TRUTH[function]:
        return body.put(f"xor i1 {truths[0]}, true")
    return body.put(f"{TRUTH[function]} i1 {truths[0]}, {truths[1]}")


def _integer(body: Body, function: Any, kind: str, parts: list[str]) -> str:
    if function is np.negative:
        return body.put(f"sub {kind} 0, {parts[0]}")
    if function is np.positive:
        return parts[0]
    if function is np.square:
        return body.put(f"mul {kind} {parts[0]}, {parts[0]}")
    return body.put(f"{WHOLE[function]} {kind} {parts[0]}, {parts[1]}")


def _signed(test: str, dtype: np.dtype[Any]) -> str:
    return test.replace("s", "u", 1) if dtype.kind in "ub" and test[0] == "s" else test


def _as_truth(body: Body, old: np.dtype[Any], value: str) -> str:
    """Whether a number is not zero."""
    if old.kind == "b":
        return value
    return body.put(f"{'fcmp une' if old.kind == 'f' else 'icmp ne'} {value_type(old)} {value}, {literal(0, old)}")


def _whole(body: Body, old: np.dtype[Any], new: np.dtype[Any], value: str, fail: Callable[[str], None]) -> str:
    """The integer part of a number; what does not fit, the processor decides, so that it is left to Python."""
    kind, limits = value_type(old), np.iinfo(new)
    above = body.put(f"fcmp oge {kind} {value}, {literal(float(limits.min), old)}")
    below = body.put(f"fcmp olt {kind} {value}, {literal(float(limits.max) + 1, old)}")
    fits = body.put(f"and i1 {above}, {below}")
    fail(body.put(f"xor i1 {fits}, true"))
    held = body.put(f"select i1 {fits}, {kind} {value}, {kind} {literal(0, old)}")
    return body.put(f"{'fptoui' if new.kind == 'u' else 'fptosi'} {kind} {held} to {value_type(new)}")


def _cast(body: Body, old: np.dtype[Any], new: np.dtype[Any], value: str, fail: Callable[[str], None]) -> str:
    a, b = value_type(old), value_type(new)
    if old.kind == new.kind == "f":
        return (
            body.put(f"{'fpext' if new.itemsize > old.itemsize else 'fptrunc'} {a} {value} to {b}") if a != b else value
        )
    if new.kind == "b":
        return _as_truth(body, old, value)
    if new.kind == "f":
        return body.put(f"{'uitofp' if old.kind in 'ub' else 'sitofp'} {a} {value} to {b}")
    if old.kind == "f":
        return _whole(body, old, new, value, fail)
    if a == b:
        return value
    if new.itemsize < old.itemsize and old.kind != "b":
        return body.put(f"trunc {a} {value} to {b}")
    return body.put(f"{'zext' if old.kind in 'ub' else 'sext'} {a} {value} to {b}")


def _within(body: Body, parts: list[str], fail: Callable[[str], None]) -> str:
    """A position along an axis; from the end if it is below zero."""
    entry, size = parts
    below = body.put(f"icmp slt i64 {entry}, 0")
    moved = body.put(f"select i1 {below}, i64 {body.put(f'add i64 {entry}, {size}')}, i64 {entry}")
    outside = body.put(f"icmp uge i64 {moved}, {size}")
    fail(outside)
    return body.put(f"select i1 {outside}, i64 0, i64 {moved}")
