"""Complex numbers: which rules hold for them, and the functions that are linear for real numbers only.

Of y = f(z) with a complex derivative, dy = f′(z) dz is the rule of real numbers, read again. Where a result is real and
the argument complex, what a rule says is dy = Re(Σ J dz), and the sweeps take the real part:

    y = Re z        dy = Re(dz)                y = |z|        dy = Re(conj(z)/|z| dz)
    y = Im z        dy = Re(−i dz)             y = arg z      dy = Re(−i/z dz)

So the only function that needs a rule of its own kind is the conjugate, dy = conj(dz).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.linear.term import Term, identity
from chainrule.op import OPERATIONS, Call, Constant, Rule, Sample, define, elementwise, implements
from chainrule.ops.elementwise import absolute, conjugate, sign
from chainrule.ops.kinks import nonzero
from chainrule.ops.like import zeros_like
from chainrule.ops.options import is_complex, plain

__all__: list[str] = []


class Conjugation(Rule):
    """∂out[i] = conj(∂x[i]): linear for real numbers only, so that it is no term. Who applies terms conjugates."""

    conjugates = True

    def terms(self, call: Call, position: int, out: Any, arguments: Sequence[Any]) -> Sequence[Term]:
        return (Term(identity(call.shape)),)


# of the elementwise functions of real numbers, those whose rules hold for complex ones
HOLOMORPHIC = """
add subtract multiply divide power float_power negative positive identity clone copied reciprocal square
exp exp2 expm1 log log2 log10 log1p sqrt sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh
sinc sigmoid absolute root_of_square
"""
for _name in HOLOMORPHIC.split():
    OPERATIONS[_name].takes_complex = True

Z = [Sample((np.array([0.3 + 0.4j, -1.2 + 0.5j, 0.7 - 2.0j]),))]
real_part = elementwise(lambda z: np.real(z), 1, name="real", samples=Z, takes_complex=True)
imaginary_part = elementwise(lambda z: np.imag(z), -1j, name="imag", samples=Z, takes_complex=True)
argument = elementwise(
    lambda z: np.angle(z),
    lambda x: np.where(x == 0, np.zeros((), plain(x).dtype), -1j / nonzero(x)),
    name="argument",
    notation=("arg {0}", r"\arg {0}", "np.angle({0})"),
    samples=Z,
    takes_complex=True,
)
conjugate_complex = define(
    "conjugate_complex",
    np.conjugate,
    Conjugation(),
    samples=Z,
    takes_complex=True,
    notation=("", r"\overline{{{0}}}", "np.conj({0})"),
)
angle_of_real = define("angle", lambda x: np.angle(x), Constant(), samples=[Sample(((2, 3),))])


@implements(np.conjugate)
def conjugate_of(x: Any) -> Any:
    """np.conjugate: of real numbers themselves."""
    return conjugate_complex(x) if is_complex(x) else conjugate(x)


@implements(np.real)
def real_of(val: Any) -> Any:
    """np.real."""
    return real_part(val) if is_complex(val) else val[...]


@implements(np.imag)
def imag_of(val: Any) -> Any:
    """np.imag: of real numbers zeros."""
    return imaginary_part(val) if is_complex(val) else zeros_like(val)


@implements(np.angle)
def angle_of(z: Any, deg: bool = False) -> Any:
    """np.angle: of real numbers 0 or π, which is constant; of 0 the derivative is 0."""
    angle = argument(z) if is_complex(z) else angle_of_real(z)
    return np.degrees(angle) if deg else angle


@implements(np.sign)
def sign_of(x: Any) -> Any:
    """np.sign: of complex numbers z/|z|, and 0 at 0."""
    if not is_complex(x):
        return sign(x)
    return np.where(x == 0, np.zeros((), plain(x).dtype), x / nonzero(absolute(x)))


@implements(np.real_if_close)
def real_if_close(a: Any, tol: float = 100) -> Any:
    """np.real_if_close: the real part, where all imaginary parts are some rounding errors or less."""
    return np.real(a) if np.isrealobj(np.real_if_close(plain(a), tol)) else a


@implements(np.sort_complex)
def sort_complex(a: Any) -> Any:
    """np.sort_complex: by the real parts, then by the imaginary ones."""
    found = np.sort(a)
    return found if is_complex(found) else found.astype(complex)
