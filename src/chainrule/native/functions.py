"""What functions of numbers are in LLVM: an instruction, an intrinsic, or a call of the C library's.

The names are NumPy's ufuncs, because recordings are made of them. What stands here is how to compute; derivatives are
steps of a recording like any others.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from chainrule.native.polynomials import Form, power, tangent, wave

__all__ = [
    "ARITHMETIC",
    "COMPARISONS",
    "INTRINSICS",
    "LIBRARY",
    "POLYNOMIALS",
    "TRUTH",
    "VECTORS",
    "WHOLE",
    "cost_of",
    "is_known",
]

ARITHMETIC = {np.add: "add", np.subtract: "sub", np.multiply: "mul", np.divide: "div"}
COMPARISONS = {  # for floating point, for integers
    np.less: ("olt", "slt"),
    np.less_equal: ("ole", "sle"),
    np.greater: ("ogt", "sgt"),
    np.greater_equal: ("oge", "sge"),
    np.equal: ("oeq", "eq"),
    np.not_equal: ("une", "ne"),
}
INTRINSICS = {
    np.sqrt: "sqrt",
    np.absolute: "fabs",
    np.fabs: "fabs",
    np.floor: "floor",
    np.ceil: "ceil",
    np.trunc: "trunc",
    np.rint: "rint",
    np.maximum: "maximum",
    np.minimum: "minimum",
    np.fmax: "maxnum",
    np.fmin: "minnum",
    np.copysign: "copysign",
}
LIBRARY = {
    np.exp: "exp",
    np.exp2: "exp2",
    np.expm1: "expm1",
    np.log: "log",
    np.log2: "log2",
    np.log10: "log10",
    np.log1p: "log1p",
    np.sin: "sin",
    np.cos: "cos",
    np.tan: "tan",
    np.arcsin: "asin",
    np.arccos: "acos",
    np.arctan: "atan",
    np.arctan2: "atan2",
    np.sinh: "sinh",
    np.cosh: "cosh",
    np.tanh: "tanh",
    np.arcsinh: "asinh",
    np.arccosh: "acosh",
    np.arctanh: "atanh",
    np.cbrt: "cbrt",
    np.hypot: "hypot",
    np.power: "pow",
    np.float_power: "pow",
}
VECTORS = {**dict.fromkeys(LIBRARY.values(), 1), "atan2": 2, "hypot": 2, "pow": 2}
"""How many arguments the functions of the vector library have."""

POLYNOMIALS: dict[str, Form] = {
    "sin": Form(partial(wave, moved=0), {"double": 2.0**30, "float": 2.0**15}),
    "cos": Form(partial(wave, moved=1), {"double": 2.0**30, "float": 2.0**15}),
    "exp": Form(power, {"double": 708.0, "float": 87.0}),
    "tanh": Form(tangent, {"double": np.inf}),
}
"""What is a polynomial in long loops, where that is faster than the vector library: up to which size, by format."""

_COMPOSED = {
    np.negative: 1,
    np.positive: 0,
    np.square: 1,
    np.reciprocal: 4,
    np.sign: 2,
    np.logaddexp: 30,
}
WHOLE = {np.add: "add", np.subtract: "sub", np.multiply: "mul", np.negative: "", np.positive: "", np.square: ""}
"""What there is for integers; what has no name is composed."""

TRUTH = {
    np.logical_and: "and",
    np.bitwise_and: "and",
    np.multiply: "and",
    np.logical_or: "or",
    np.bitwise_or: "or",
    np.add: "or",
    np.maximum: "or",
    np.minimum: "and",
    np.logical_xor: "xor",
    np.bitwise_xor: "xor",
    np.logical_not: "",
    np.invert: "",
}
TESTS = (np.isnan, np.isfinite, np.isinf)


def is_known(function: Any, arguments: tuple[np.dtype[Any], ...], result: np.dtype[Any]) -> bool:
    """Whether a ufunc has a form in LLVM, for numbers of these types."""
    if len(set(arguments)) > 1:
        return False
    if result.kind == "b":
        is_truth = arguments[0].kind == "b" or function.__name__.startswith("logical")
        return function in COMPARISONS or function in TESTS or (function in TRUTH and is_truth)
    if arguments[0] != result:
        return False
    if result.kind == "f":
        return any([function in table for table in (ARITHMETIC, INTRINSICS, LIBRARY, _COMPOSED)])
    return function in WHOLE


def cost_of(function: Any) -> float:
    """Roughly the price of one element, in multiplications."""
    if function in LIBRARY or not isinstance(function, np.ufunc):
        return 12.0
    if function in (np.divide, np.sqrt):
        return 4.0
    return float(_COMPOSED.get(function, 1))
