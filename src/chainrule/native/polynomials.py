"""Functions of numbers as polynomials: instructions without a branch, which loops of vectors take in as they are.

A sine and a cosine of the same number share what they have in common. Coefficients are the best in the sense of the
largest relative error; what the arithmetic adds to it stays below 2 units in the last place. Numbers for which this
does not hold, and those that are not finite, are left to the C library: see `far_of_vectors`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.native.text import Body, literal

__all__ = [
    "NEEDED",
    "Form",
    "Writer",
    "far_name",
    "far_of_numbers",
    "far_of_vectors",
    "near_name",
    "power",
    "symbol_of",
    "tangent",
    "wave",
    "written_out",
]


class _Format(NamedTuple):
    """What depends on the format of numbers: constants and coefficients, those of low powers first."""

    dtype: np.dtype[Any]
    rounding: float  # a number to which an integer is added in its last digits
    places: int  # of a number's digits after the first
    quarter: tuple[float, ...]  # π/2 in parts, of which none is negative, so that -0.0 keeps its sign
    sine: tuple[float, ...]  # (sin r - r) / r³, in r²
    cosine: tuple[float, ...]  # (cos r - 1 + r²/2) / r⁴, in r²
    octave: tuple[float, ...]  # log 2 in parts
    exponential: tuple[float, ...]  # (exp r - 1 - r) / r²
    growth: tuple[float, ...]  # the same, so that exp r - 1 has as many digits as r


_FORMATS = {
    "double": _Format(
        np.dtype(np.float64),
        1.5 * 2.0**52,
        52,
        (1.5707963267948966, 6.123233995736765e-17, 1.0828566739219139e-32),
        (
            -0.16666666666666632,
            0.00833333333332241,
            -0.00019841269829805065,
            2.7557313690933425e-06,
            -2.5050757956018952e-08,
            1.5896786135624376e-10,
        ),
        (
            0.041666666666666595,
            -0.0013888888888873036,
            2.4801587288838266e-05,
            -2.755731417530668e-07,
            2.0875700285648656e-09,
            -1.1358507027888411e-11,
        ),
        (0.6931471805599453, 2.3190468138462996e-17),
        (
            0.5000000000000011,
            0.16666666666666696,
            0.041666666666526,
            0.008333333333307989,
            0.0013888888944790885,
            0.00019841269916094227,
            2.4801491839973946e-05,
            2.755721719177822e-06,
            2.7630714044401374e-07,
            2.51176411957546e-08,
        ),
        (
            0.5,
            0.16666666666666677,
            0.0416666666666667,
            0.008333333333321596,
            0.0013888888888866726,
            0.00019841269886311633,
            2.480158736090242e-05,
            2.7557243942907893e-06,
            2.7557242401645455e-07,
            2.510915383663718e-08,
            2.0924566115359934e-09,
        ),
    ),
    "float": _Format(
        np.dtype(np.float32),
        1.5 * 2.0**23,
        23,
        (1.570796251296997, 7.549789415861596e-08, 5.390302529957765e-15),
        (-0.1666665452725468, 0.008332150981443732, -0.00019513521627898575),
        (0.04166664492086587, -0.0013887278559183737, 2.4428787658248853e-05),
        (0.6931471228599548, 5.769998878690785e-08),
        (0.5000000093515196, 0.1666651915873778, 0.04166620802112509, 0.008368891093565473, 0.001395044014464412),
        (),
    ),
}


class Writer:
    """Writes the instructions of one function of ``%x``."""

    def __init__(self, kind: str) -> None:
        self.kind, self.format, self.body = kind, _FORMATS[kind], Body()
        self.bits = 8 * self.format.dtype.itemsize
        self.whole = f"i{self.bits}"
        self.size = self.call(f"llvm.fabs.f{self.bits}", "%x")

    def number(self, value: float) -> str:
        return literal(value, self.format.dtype)

    def put(self, operation: str, *parts: str) -> str:
        return self.body.put(f"{operation} {self.kind} {', '.join(parts)}")

    def integer(self, operation: str, *parts: Any) -> str:
        return self.body.put(f"{operation} {self.whole} {', '.join(map(str, parts))}")

    def bits_of(self, value: str) -> str:
        return self.body.put(f"bitcast {self.kind} {value} to {self.whole}")

    def call(self, name: str, *parts: str) -> str:
        return self.body.put(f"call {self.kind} @{name}({', '.join([f'{self.kind} {part}' for part in parts])})")

    def fused(self, a: str, b: str, c: str) -> str:
        return self.call(f"llvm.fma.f{self.bits}", a, b, c)

    def of_bits(self, value: str) -> str:
        return self.body.put(f"bitcast {self.whole} {value} to {self.kind}")

    def reduced(self, value: str, scale: float, parts: Sequence[float]) -> tuple[str, str]:
        """The nearest multiple of a number, as the last bits of an integer; and what is left."""
        rounding = self.number(self.format.rounding)
        turned = self.fused(value, self.number(scale), rounding)
        back = self.put("fneg", self.put("fsub", turned, rounding))
        for part in parts:
            value = self.fused(back, self.number(part), value)
        return self.bits_of(turned), value

    def polynomial(self, coefficients: Sequence[float], at: str) -> str:
        *rest, total = [self.number(value) for value in coefficients]
        for value in reversed(rest):
            total = self.fused(total, at, value)
        return total


def wave(writer: Writer, moved: int) -> str:
    """The sine of x + ``moved`` · π/2: x less a multiple of π/2 goes into two polynomials, of which one is taken."""
    form, kind = writer.format, writer.kind
    quarters, rest = writer.reduced(writer.size, 2 / np.pi, form.quarter)
    square = writer.put("fmul", rest, rest)
    sine = writer.fused(writer.put("fmul", rest, square), writer.polynomial(form.sine, square), rest)
    inner = writer.fused(square, writer.polynomial(form.cosine, square), writer.number(-0.5))
    cosine = writer.fused(square, inner, writer.number(1))
    odd = writer.body.put(f"trunc {writer.whole} {quarters} to i1")
    even_one, odd_one = (cosine, sine) if moved else (sine, cosine)
    found = writer.body.put(f"select i1 {odd}, {kind} {odd_one}, {kind} {even_one}")
    turn = writer.integer("shl", writer.integer("add", quarters, moved) if moved else quarters, writer.bits - 2)
    if not moved:
        turn = writer.integer("xor", turn, writer.bits_of("%x"))
    sign = writer.integer("and", turn, -(1 << (writer.bits - 1)))
    return writer.of_bits(writer.integer("xor", writer.bits_of(found), sign))


def power(writer: Writer) -> str:
    """The exponential: x less a multiple of log 2 goes into a polynomial, the multiple into the exponent."""
    form = writer.format
    octaves, rest = writer.reduced("%x", 1 / np.log(2), form.octave)
    inner = writer.fused(writer.put("fmul", rest, rest), writer.polynomial(form.exponential, rest), rest)
    found = writer.bits_of(writer.put("fadd", inner, writer.number(1)))
    return writer.of_bits(writer.integer("add", found, writer.integer("shl", octaves, form.places)))


def tangent(writer: Writer) -> str:
    """The hyperbolic tangent t / (t + 2), where t = exp 2|x| - 1; it is 1 long before that is too large."""
    form, kind = writer.format, writer.kind
    last = writer.number(0.4 * form.places)
    above = writer.put("fcmp ogt", writer.size, last)
    size = writer.body.put(f"select i1 {above}, {kind} {last}, {kind} {writer.size}")
    octaves, rest = writer.reduced(writer.put("fadd", size, size), 1 / np.log(2), form.octave)
    inner = writer.fused(writer.put("fmul", rest, rest), writer.polynomial(form.growth, rest), rest)
    one = writer.bits_of(writer.number(1))
    scale = writer.of_bits(writer.integer("add", one, writer.integer("shl", octaves, form.places)))
    grown = writer.fused(scale, inner, writer.put("fsub", scale, writer.number(1)))
    return writer.call(f"llvm.copysign.f{writer.bits}", _over_two_more(writer, grown), "%x")


def _over_two_more(writer: Writer, value: str) -> str:
    """t / (t + 2); up to 2 once more with what was rounded away, over t + 2, which is 2 / (1 - result)."""
    two = writer.number(2)
    total = writer.put("fadd", value, two)
    rest = writer.put("fsub", value, writer.put("fsub", total, two))
    found = writer.put("fdiv", value, total)
    back = writer.put("fneg", found)
    missing = writer.fused(back, rest, writer.fused(back, total, value))
    share = writer.fused(found, writer.number(-0.5), writer.number(0.5))
    is_large = writer.put("fcmp ogt", value, two)
    share = writer.body.put(f"select i1 {is_large}, {writer.kind} {writer.number(0)}, {writer.kind} {share}")
    return writer.fused(missing, share, found)


NEEDED = (("fma", 3), ("fabs", 1), ("copysign", 2))
"""The intrinsics that polynomials are made of, with the number of arguments."""


class Form(NamedTuple):
    """Writes a function's value, which is right up to some size of x, for each format that it is made for."""

    write: Callable[[Writer], str]
    largest: dict[str, float]


def symbol_of(name: str, kind: str) -> str:
    """The C library's function of numbers of a format."""
    return f"{name}f" if kind == "float" else name


def near_name(name: str, kind: str) -> str:
    """The function that is written out."""
    return f"near.{name}.{kind}"


def far_name(name: str, kind: str) -> str:
    """What it calls for numbers that its polynomial is not for; for vectors, the number of lanes comes after it."""
    return f"far.{name}.{kind}"


def written_out(name: str, kind: str, form: Form) -> str:
    """The function that is put where it is called."""
    writer = Writer(kind)
    near = writer.put("fcmp ole", writer.size, writer.number(form.largest[kind]))
    far = writer.call(far_name(name, kind), "%x")
    found = writer.body.put(f"select i1 {near}, {kind} {form.write(writer)}, {kind} {far}")
    writer.body.do(f"ret {kind} {found}")
    return f"define internal {kind} @{near_name(name, kind)}({kind} %x) alwaysinline {{\n{writer.body.text()}\n}}"


def far_of_numbers(name: str, kind: str, form: Form) -> str:
    """What the C library gives for a number that is not near; what for one that is, nobody looks at."""
    writer = Writer(kind)
    near = writer.put("fcmp ole", writer.size, writer.number(form.largest[kind]))
    return f"""define internal {kind} @{far_name(name, kind)}({kind} %x) noinline #1 {{
{writer.body.text()}
  br i1 {near}, label %near, label %far, !prof !0
near:
  ret {kind} %x
far:
  %found = call {kind} @{symbol_of(name, kind)}({kind} %x)
  ret {kind} %found
}}"""


def far_of_vectors(name: str, kind: str, form: Form, lanes: int, library: str) -> list[str]:
    """The same for a vector, which is near if all its numbers are, or else left to ``library``; and what it needs."""
    number = literal(form.largest[kind], _FORMATS[kind].dtype)
    suffix, vector = f"v{lanes}f{32 if kind == 'float' else 64}", f"<{lanes} x {kind}>"
    largest = ", ".join([f"{kind} {number}"] * lanes)
    return [
        f"declare {vector} @{library}({vector}) #1",
        f"declare {vector} @llvm.fabs.{suffix}({vector})",
        f"declare i1 @llvm.vector.reduce.or.v{lanes}i1(<{lanes} x i1>)",
        f"""define internal {vector} @{far_name(name, kind)}.{lanes}({vector} %x) alwaysinline #1 {{
start:
  %size = call {vector} @llvm.fabs.{suffix}({vector} %x)
  %is_far = fcmp ugt {vector} %size, <{largest}>
  %any = call i1 @llvm.vector.reduce.or.v{lanes}i1(<{lanes} x i1> %is_far)
  br i1 %any, label %far, label %end, !prof !1
far:
  %found = call {vector} @{library}({vector} %x)
  br label %end
end:
  %result = phi {vector} [%x, %start], [%found, %far]
  ret {vector} %result
}}""",
    ]
