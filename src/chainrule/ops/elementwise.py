"""Elementwise operations: one line each, the derivative with respect to each argument.

∂out[i]/∂x[i] is written as a function of what it needs: ``out``, ``x`` (or ``a``, ``b``, ``c``). At points without a
derivative the value is the convention of the documentation: 0 for |x| at 0, an equal share for ties in maximum.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from chainrule.linear.term import Term
from chainrule.linear.term import identity as identity_map
from chainrule.op import (
    Constant,
    Diagonal,
    Sample,
    Structural,
    constant,
    define,
    elementwise,
    implements,
    undefined,
)
from chainrule.ops.kinks import (
    above,
    at_edge,
    first_of_two,
    indicator,
    length,
    modulus_derivative,
    root,
    second_of_two,
    share,
)
from chainrule.ops.options import refuse_out
from chainrule.ops.slopes import over_square, power_base, power_exponent, root_of, sinc_derivative, weight
from chainrule.ops.writing import literal

LN2 = float(np.log(2.0))
LN10 = float(np.log(10.0))
DEGREE = float(np.pi / 180.0)

POSITIVE = (0.3, 2.0)
UNIT = (-0.8, 0.8)


# arithmetic
SAME = ("{0}", "{0}", "{0}")
add = elementwise(np.add, 1, 1, algebra=operator.add, notation=("{0} + {1}", "{0} + {1}", "{0} + {1}"))
subtract = elementwise(
    np.subtract, 1, -1, label="Sub", algebra=operator.sub, notation=("{0} − {1}", "{0} - {1}", "{0} - {1}")
)
multiply = elementwise(
    np.multiply,
    lambda b: b,
    lambda a: a,
    label="Mul",
    algebra=operator.mul,
    notation=("{0} ⊙ {1}", r"{0} \odot {1}", "{0} * {1}"),
)
# ∂(a/b)/∂b needs no result, which may so be overwritten, as in `p = e / s; p -= y`
divide = elementwise(
    np.divide,
    lambda b: 1 / b,
    lambda a, b: -(a / b) / b,
    domain=POSITIVE,
    label="Div",
    algebra=operator.truediv,
    notation=("{0} / {1}", r"\frac{{{0}}}{{{1}}}", "{0} / {1}"),
)
POWER = ("{0}^{1}", "{{{0}}}^{{{1}}}", "{0} ** {1}")
power = elementwise(
    np.power,
    power_base,
    lambda out, a: power_exponent(out, a),
    domain=POSITIVE,
    label="Pow",
    algebra=operator.pow,
    notation=POWER,
)
float_power = elementwise(
    np.float_power,
    power_base,
    lambda out, a: power_exponent(out, a),
    domain=POSITIVE,
    algebra=operator.pow,
    notation=POWER[:2],
)
remainder = elementwise(
    np.remainder,
    1,
    lambda a, b: -np.floor(a / b),
    domain=POSITIVE,
    notation=("{0} mod {1}", r"{0} \bmod {1}", "{0} % {1}"),
)
fmod = elementwise(np.fmod, 1, lambda a, b: -np.trunc(a / b), domain=POSITIVE)
negative = elementwise(np.negative, -1, label="Neg", algebra=operator.neg, notation=("−{0}", "-{0}", "-{0}"))
positive = elementwise(np.positive, 1, algebra=lambda x: x, notation=SAME)
identity = elementwise(lambda x: x, 1, name="identity", label="Alias", algebra=lambda x: x, notation=SAME)
clone = elementwise(np.copy, 1, name="clone", algebra=lambda x: x, notation=SAME)  # laid out as the original
copied = elementwise(  # row by row
    lambda x: x.copy() if hasattr(x, "copy") else np.copy(x),
    1,
    name="copied",
    label="Clone",
    algebra=lambda x: x,
    notation=SAME,
)
reciprocal = elementwise(
    np.reciprocal,
    lambda out: -out * out,
    domain=POSITIVE,
    algebra=lambda x: x**-1,
    notation=("1 / {0}", r"\frac{{1}}{{{0}}}", "1 / {0}"),
)
square = elementwise(
    np.square, lambda x: 2 * x, label="Pow", algebra=lambda x: x**2, notation=("{0}²", "{{{0}}}^{{2}}", "{0} ** 2")
)
conjugate = elementwise(  # of real numbers
    np.conjugate, 1, name="conjugate", algebra=lambda x: x, notation=("", r"\overline{{{0}}}")
)

# exponentials, logarithms, roots
exp = elementwise(np.exp, lambda out: out)
exp2 = elementwise(np.exp2, lambda out: out * LN2, notation=("2^{0}", "2^{{{0}}}"))
expm1 = elementwise(np.expm1, lambda out: out + 1, notation=("exp({0}) − 1", r"\exp\left({0}\right) - 1"))
log = elementwise(np.log, lambda x: 1 / x, domain=POSITIVE)
log2 = elementwise(
    np.log2, lambda x: 1 / (LN2 * x), domain=POSITIVE, notation=("log₂({0})", r"\log_{{2}}\left({0}\right)")
)
log10 = elementwise(
    np.log10, lambda x: 1 / (LN10 * x), domain=POSITIVE, notation=("log₁₀({0})", r"\log_{{10}}\left({0}\right)")
)
log1p = elementwise(
    np.log1p, lambda x: 1 / (1 + x), domain=POSITIVE, notation=("log(1 + {0})", r"\log\left(1 + {0}\right)")
)
sqrt = elementwise(
    np.sqrt, lambda out: 0.5 / root(out), domain=POSITIVE, algebra=lambda x: x**0.5, notation=("√{0}", r"\sqrt{{{0}}}")
)
root_of_square = elementwise(  # whose slope at 0 is that of a length
    np.sqrt,
    lambda out: 0.5 / length(out),
    name="root_of_square",
    domain=POSITIVE,
    notation=("√{0}", r"\sqrt{{{0}}}", "np.sqrt({0})"),
)
cbrt = elementwise(
    np.cbrt, lambda out: 1 / (3 * root(out) * root(out)), domain=POSITIVE, notation=("∛{0}", r"\sqrt[3]{{{0}}}")
)
logaddexp = elementwise(
    np.logaddexp,
    lambda out, a: weight(np.exp, a, out),
    lambda out, b: weight(np.exp, b, out),
    notation=("log(exp({0}) + exp({1}))", r"\log\left(e^{{{0}}} + e^{{{1}}}\right)"),
)
logaddexp2 = elementwise(
    np.logaddexp2,
    lambda out, a: weight(np.exp2, a, out),
    lambda out, b: weight(np.exp2, b, out),
    notation=("log₂(2^{0} + 2^{1})", r"\log_{{2}}\left(2^{{{0}}} + 2^{{{1}}}\right)"),
)

# trigonometric and hyperbolic
sin = elementwise(np.sin, lambda x: np.cos(x), companion=np.cos)
cos = elementwise(np.cos, lambda x: -np.sin(x), companion=np.sin)
tan = elementwise(np.tan, lambda out: 1 + out * out, domain=UNIT)
arcsin = elementwise(np.arcsin, lambda x: 1 / root_of(1 - x * x, x, np.arcsin, np.cos), domain=UNIT, label="Asin")
arccos = elementwise(np.arccos, lambda x: -1 / root_of(1 - x * x, x, np.arccos, np.sin), domain=UNIT, label="Acos")
arctan = elementwise(np.arctan, lambda x: 1 / (1 + x * x), label="Atan")
arctan2 = elementwise(
    np.arctan2,
    lambda a, b: over_square(b, a, b),
    lambda a, b: over_square(-a, a, b),
    domain=POSITIVE,
    label="Atan2",
)
hypot = elementwise(
    np.hypot,
    lambda out, a: a / length(out),
    lambda out, b: b / length(out),
    domain=POSITIVE,
    notation=("√({0}² + {1}²)", r"\sqrt{{{{{0}}}^{{2}} + {{{1}}}^{{2}}}}"),
)
sinh = elementwise(np.sinh, lambda x: np.cosh(x), companion=np.cosh)
cosh = elementwise(np.cosh, lambda x: np.sinh(x), companion=np.sinh)
tanh = elementwise(np.tanh, lambda out: 1 - out * out)
arcsinh = elementwise(np.arcsinh, lambda x: 1 / root_of(1 + x * x, x, np.arcsinh, np.cosh), label="Asinh")
arccosh = elementwise(
    np.arccosh, lambda x: 1 / root_of(x * x - 1, x, np.arccosh, np.sinh), domain=(1.2, 3.0), label="Acosh"
)
arctanh = elementwise(np.arctanh, lambda x: 1 / (1 - x * x), domain=UNIT, label="Atanh")
degrees = elementwise(np.degrees, 1 / DEGREE)
radians = elementwise(np.radians, DEGREE)
rad2deg = elementwise(np.rad2deg, 1 / DEGREE)
deg2rad = elementwise(np.deg2rad, DEGREE)


sinc = elementwise(np.sinc, sinc_derivative, domain=(0.3, 0.9))

# kinks and choices
BARS = ("|{0}|", r"\left|{0}\right|", "np.abs({0})")
LARGER, SMALLER = ("max({0}, {1})", r"\max\left({0}, {1}\right)"), ("min({0}, {1})", r"\min\left({0}, {1}\right)")
absolute = elementwise(np.absolute, lambda x: modulus_derivative(x), domain=POSITIVE, label="Abs", notation=BARS)
fabs = elementwise(np.fabs, lambda x: modulus_derivative(x), domain=POSITIVE, notation=BARS)
maximum = elementwise(
    np.maximum,
    lambda a, b: above(a, b, first_of_two()),
    lambda a, b: above(b, a, second_of_two()),
    choice=True,
    notation=LARGER,
)
minimum = elementwise(
    np.minimum,
    lambda a, b: above(b, a, first_of_two()),
    lambda a, b: above(a, b, second_of_two()),
    choice=True,
    notation=SMALLER,
)
fmax = elementwise(
    np.fmax,
    lambda out, a, b: share(a, b, out, first_of_two()),
    lambda out, a, b: share(b, a, out, second_of_two()),
    choice=True,
    notation=LARGER,
)
fmin = elementwise(
    np.fmin,
    lambda out, a, b: share(a, b, out, first_of_two()),
    lambda out, a, b: share(b, a, out, second_of_two()),
    choice=True,
    notation=SMALLER,
)
copysign = elementwise(np.copysign, lambda out, a: np.sign(a) * np.sign(out), 0, domain=POSITIVE)
heaviside = elementwise(np.heaviside, 0, lambda out, a: indicator(a == 0, out))
nextafter = elementwise(np.nextafter, 1, 0)  # x and a rounding error; of the direction only the sign counts
ldexp = define(
    "ldexp",
    np.ldexp,
    Diagonal(lambda out, b: np.exp2(b).astype(out.dtype), ("a", "b")),
    Constant(),
    arguments=("a", "b"),
    numpy=np.ldexp,
    samples=[Sample(((3,), np.array([0, 2, -1]))), Sample(((2, 3), np.array(1)))],
    notation=("{0} 2^{1}", r"{0} \cdot 2^{{{1}}}"),
)
relu = elementwise(
    lambda x: np.maximum(x, 0),
    lambda out: indicator(out > 0, out),
    name="relu",
    domain=POSITIVE,
    choice=True,
    notation=("", r"\operatorname{{ReLU}}\left({0}\right)", "np.maximum({0}, 0)"),
)


def sigmoid_forward(x: Any) -> Any:
    """1/(1 + e⁻ˣ) without overflow on either side, in the dtype of ``x``."""
    x = np.asarray(x)
    if x.dtype.kind == "c":
        return 1 / (1 + np.exp(-x))
    if not x.ndim and x.dtype.char in "fd":  # one number: six calls of NumPy cost more than the arithmetic
        number = float(x)
        small = math.exp(-abs(number))
        return np.asarray((1.0 if number >= 0 else small) / (1.0 + small), x.dtype)
    small = np.exp(-abs(x))
    return np.where(x >= 0, 1, small) / (small + 1)


sigmoid = elementwise(
    sigmoid_forward,
    lambda out: out * (1 - out),
    name="sigmoid",
    notation=("σ({0})", r"\sigma\left({0}\right)", "1 / (1 + np.exp(-{0}))"),
)
softplus = elementwise(
    lambda x: np.logaddexp(x, 0), lambda x: sigmoid(x), name="softplus", notation=("", "", "np.logaddexp({0}, 0)")
)

# constant wherever they have a derivative: zero
floor = elementwise(np.floor, 0, domain=(0.1, 0.9), notation=("⌊{0}⌋", r"\left\lfloor {0} \right\rfloor"))
ceil = elementwise(np.ceil, 0, domain=(0.1, 0.9), notation=("⌈{0}⌉", r"\left\lceil {0} \right\rceil"))
trunc = elementwise(np.trunc, 0, domain=(0.1, 0.9))
rint = elementwise(np.rint, 0, domain=(0.1, 0.4), notation=("round({0})", r"\operatorname{{round}}\left({0}\right)"))
sign = elementwise(np.sign, 0, name="sign", domain=POSITIVE)
floor_divide = elementwise(
    np.floor_divide,
    0,
    0,
    domain=(0.4, 0.9),
    notation=("⌊{0} / {1}⌋", r"\left\lfloor \frac{{{0}}}{{{1}}} \right\rfloor", "{0} // {1}"),
)


def holds(condition: Any) -> Any:
    """1 where a condition holds and 0 elsewhere, in float32, which widens to whatever it multiplies."""
    return (condition if condition.dtype == bool else condition != 0).astype(np.float32)


def decided(condition: Any, a: Any, b: Any) -> Any:
    """The formula that is chosen, where the condition is known."""
    if condition.is_zero:
        return b
    return a if condition.is_one else NotImplemented


# a choice between two arrays: a path that is not taken passes nothing
where = define(
    "where",
    np.where,
    Constant(),
    Diagonal(lambda condition: holds(condition), ("condition", "a", "b"), choice=True),
    Diagonal(lambda condition: 1 - holds(condition), ("condition", "a", "b"), choice=True),
    arguments=("condition", "a", "b"),
    algebra=decided,
    takes_complex=True,
)

# conversion of the dtype
astype = define(
    "astype",
    lambda x, dtype: x.astype(dtype),
    Structural(lambda call, position: [Term(identity_map(call.shape))]),
    label="ToCopy",
    algebra=lambda x, dtype: x,
    notation=("{0}", "{0}", lambda x, dtype: f"{x}.astype({literal(dtype)})"),
    samples=[Sample(((2, 3),), {"dtype": np.dtype(float)})],
)


# true or false, or integers: there is nothing to differentiate
equal = constant(np.equal, 2, generic=0.0, notation=("[{0} = {1}]", "[{0} = {1}]", "{0} == {1}"))
not_equal = constant(np.not_equal, 2, generic=1.0, notation=("[{0} ≠ {1}]", r"[{0} \ne {1}]", "{0} != {1}"))
less = constant(np.less, 2, notation=("[{0} < {1}]", "[{0} < {1}]", "{0} < {1}"))
less_equal = constant(np.less_equal, 2, notation=("[{0} ≤ {1}]", r"[{0} \le {1}]", "{0} <= {1}"))
greater = constant(np.greater, 2, notation=("[{0} > {1}]", "[{0} > {1}]", "{0} > {1}"))
greater_equal = constant(np.greater_equal, 2, notation=("[{0} ≥ {1}]", r"[{0} \ge {1}]", "{0} >= {1}"))
logical_and = constant(np.logical_and, 2, notation=("({0} ∧ {1})", r"\left({0} \land {1}\right)"))
logical_or = constant(np.logical_or, 2, notation=("({0} ∨ {1})", r"\left({0} \lor {1}\right)"))
logical_xor = constant(np.logical_xor, 2, notation=("({0} ⊕ {1})", r"\left({0} \oplus {1}\right)"))
bitwise_and = constant(np.bitwise_and, 2, notation=("({0} ∧ {1})", r"\left({0} \land {1}\right)", "{0} & {1}"))
bitwise_or = constant(np.bitwise_or, 2, notation=("({0} ∨ {1})", r"\left({0} \lor {1}\right)", "{0} | {1}"))
bitwise_xor = constant(np.bitwise_xor, 2, notation=("({0} ⊕ {1})", r"\left({0} \oplus {1}\right)", "{0} ^ {1}"))
left_shift = constant(np.left_shift, 2, notation=("", "", "{0} << {1}"))
right_shift = constant(np.right_shift, 2, notation=("", "", "{0} >> {1}"))
gcd = constant(np.gcd, 2)
lcm = constant(np.lcm, 2)
logical_not = constant(np.logical_not, 1, notation=("¬{0}", r"\lnot {0}"))
isfinite = constant(np.isfinite, 1)
isinf = constant(np.isinf, 1)
isnan = constant(np.isnan, 1)
signbit = constant(np.signbit, 1)
invert = constant(np.invert, 1, notation=("¬{0}", r"\lnot {0}", "~{0}"))
bitwise_count = constant(np.bitwise_count, 1)
isnat = constant(np.isnat, 1)

undefined(np.spacing, 1, "it steps between neighbouring floating-point numbers and has no derivative")


# ufuncs of several results, and functions made of the above
@implements(np.modf)
def modf(x: Any) -> tuple[Any, Any]:
    """Fractional and integral part; an infinite number has the fraction 0."""
    whole = np.trunc(x)
    return np.where(np.isinf(x), np.copysign(0.0, x), x - whole), whole


@implements(np.frexp)
def mantissa_and_exponent(x: Any) -> tuple[Any, Any]:
    """Mantissa and exponent; the exponent is constant wherever the mantissa has a derivative."""
    exponent = np.frexp(x.value)[1]
    return ldexp(x, -exponent), exponent


@implements(np.divmod)
def divide_with_remainder(a: Any, b: Any) -> tuple[Any, Any]:
    """Floor quotient and remainder."""
    return np.floor_divide(a, b), np.remainder(a, b)


@implements(np.where)
def choose(condition: Any, *values: Any) -> Any:
    """np.where; with the condition alone, the positions where it holds."""
    if not values:
        return np.nonzero(condition)
    numbers = getattr(condition, "value", condition)
    if hasattr(type(numbers), "__chainrule_record__"):  # a deferred array: what it chooses may be else another time
        kind = next(type(value) for value in (condition, *values) if hasattr(value, "value"))
        return kind.__chainrule_record__(where, (condition, *values), {})
    return where(np.asarray(numbers), *values)


@implements(np.clip)
def clip_of(x: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """np.clip."""
    refuse_out("np.clip", out)
    return clip(x, a_min if min is None else min, a_max if max is None else max)


def clip(x: Any, low: Any, high: Any) -> Any:
    """Limit to [low, high]; the derivative with respect to ``x`` is 1 also at the edges."""
    if low is None and high is None:
        return clone(x)
    if low is None:
        return clip_above(x, high)
    if high is None:
        return clip_below(x, low)
    return clip_above(clip_below(x, low), high)


clip_below = elementwise(
    np.maximum,
    lambda a, b: above(a, b, at_edge()),
    lambda a, b: above(b, a, 1.0 - at_edge()),
    name="clip_below",
    choice=True,
    notation=("max({0}, {1})", r"\max\left({0}, {1}\right)", "np.maximum({0}, {1})"),
)
clip_above = elementwise(
    np.minimum,
    lambda a, b: above(b, a, at_edge()),
    lambda a, b: above(a, b, 1.0 - at_edge()),
    name="clip_above",
    choice=True,
    notation=("min({0}, {1})", r"\min\left({0}, {1}\right)", "np.minimum({0}, {1})"),
)
