"""The page docs/scipy_special.md, made from the registry: what every public name of scipy.special does with gradients.

`python -m tests.special_page` writes it anew.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special

import chainrule as cr
from chainrule.errors import ChainruleError
from chainrule.op import Constant, Operation, Undefined
from chainrule.ops.special import SPECIAL, Several

PAGE = Path(__file__).parents[1] / "docs" / "scipy_special.md"

HEAD = """# scipy.special

Functions of `scipy.special` are called as they are: `scipy.special.jv(2, x)` has a gradient with respect to `x`, in
forward and reverse mode, of every order, and its Jacobian is diagonal. All of it is about real numbers.

```python
>>> import numpy as np
>>> from scipy import special
>>> import chainrule as cr
>>> cr.grad(lambda x: special.gammaln(x) + special.erf(x))(1.5)
np.float64(0.15542...)
>>> cr.grad(lambda v: special.jv(v, 1.0))(2.0)
Traceback (most recent call last):
...
chainrule.errors.NoDerivativeError: scipy.special.jv: its derivative with respect to v is not known in terms of ...

```

**Differentiated** are arguments with a derivative in terms of functions that SciPy has, or of the integrals under those
of incomplete gamma, beta and elliptic functions. **Constant** are arguments that are integers, or that SciPy rounds to
integers: nothing flows to them. Where the derivative exists but is not known in such terms, asking for it is an
**error**: pass such an argument as a plain number.

Where a derivative is a matter of choice: `xlogy(x, y)` and `xlog1py(x, y)` at x = 0 have the slope 0 in y, and in x
that of x log y for y > 0, otherwise 0, as in PyTorch; `entr` and `rel_entr` have an infinite slope in x at 0; `huber`
at its edge has the slope of either side; `i0e` and others with a factor exp(−|x|) have that of the other factor at 0;
beyond the ends of its distribution `tklmbda` is constant.

The table is made from the registry of operations.
"""


def tracked_by(function: Callable[..., Any]) -> Callable[[Any], Any]:
    """A function of one vector, with its results added up."""
    return lambda x: np.sum(function(x))


# Functions that are written in Python, of real numbers: how to call them.
CALLS: dict[str, Callable[[Any], Any]] = {
    "assoc_laguerre": lambda x: special.assoc_laguerre(x, 3, 1),
    "assoc_legendre_p": lambda x: special.assoc_legendre_p(2, 1, x),
    "assoc_legendre_p_all": lambda x: special.assoc_legendre_p_all(2, 1, x),
    "comb": lambda x: special.comb(x + 3, 2),
    "diric": lambda x: special.diric(x, 3),
    "ellip_harm": lambda x: special.ellip_harm(5.0, 8.0, 2, 2, x),
    "ellip_harm_2": lambda x: special.ellip_harm_2(5.0, 8.0, 2, 2, x + 10),
    "ellip_normal": lambda x: special.ellip_normal(5.0 + x, 8.0, 2, 2),
    "factorial": special.factorial,
    "factorial2": lambda x: special.factorial2(x, extend="complex"),
    "factorialk": lambda x: special.factorialk(x, 3, extend="complex"),
    "h1vp": lambda x: special.h1vp(1, x),
    "h2vp": lambda x: special.h2vp(1, x),
    "ivp": lambda x: special.ivp(1, x),
    "jvp": lambda x: special.jvp(1, x),
    "kvp": lambda x: special.kvp(1, x),
    "lambertw": lambda x: special.lambertw(x).real,
    "legendre_p": lambda x: special.legendre_p(2, x),
    "legendre_p_all": lambda x: special.legendre_p_all(2, x),
    "lmbda": lambda x: special.lmbda(2, x[0])[0],
    "log_softmax": special.log_softmax,
    "logsumexp": special.logsumexp,
    "lqmn": lambda x: special.lqmn(1, 2, x[0])[0],
    "lqn": lambda x: special.lqn(2, x[0])[0],
    "mathieu_even_coef": lambda x: special.mathieu_even_coef(2, x[0]),
    "mathieu_odd_coef": lambda x: special.mathieu_odd_coef(2, x[0]),
    "multigammaln": lambda x: special.multigammaln(x + 3, 2),
    "obl_cv_seq": lambda x: special.obl_cv_seq(1, 3, x[0]),
    "pbdn_seq": lambda x: special.pbdn_seq(2, x[0])[0],
    "pbdv_seq": lambda x: special.pbdv_seq(2.5, x[0])[0],
    "pbvv_seq": lambda x: special.pbvv_seq(2.5, x[0])[0],
    "perm": lambda x: special.perm(x + 3, 2),
    "polygamma": lambda x: special.polygamma(2, x),
    "pro_cv_seq": lambda x: special.pro_cv_seq(1, 3, x[0]),
    "riccati_jn": lambda x: special.riccati_jn(2, x[0])[0],
    "riccati_yn": lambda x: special.riccati_yn(2, x[0])[0],
    "sinc": special.sinc,
    "softmax": lambda x: special.softmax(x)[0],
    "softplus": special.softplus,
    "sph_harm_y": lambda x: special.sph_harm_y(2, 1, x, 0.3),
    "sph_harm_y_all": lambda x: special.sph_harm_y_all(2, 1, x, 0.3),
    "sph_legendre_p": lambda x: special.sph_legendre_p(2, 1, x),
    "sph_legendre_p_all": lambda x: special.sph_legendre_p_all(2, 1, x),
    "spherical_in": lambda x: special.spherical_in(2, x),
    "spherical_jn": lambda x: special.spherical_jn(2, x),
    "spherical_kn": lambda x: special.spherical_kn(2, x),
    "spherical_yn": lambda x: special.spherical_yn(2, x),
    "yvp": lambda x: special.yvp(1, x),
    "zeta": lambda x: special.zeta(2.5, x),
}
POINT = np.array([0.3, 0.7])

# Names that take integers and parameters of a family, or that are no functions of numbers: nothing to differentiate.
COUNTED = set(
    """bernoulli errstate euler geterr seterr stirling2 SpecialFunctionError SpecialFunctionWarning
    chebyc chebys chebyt chebyu gegenbauer genlaguerre hermite hermitenorm jacobi laguerre legendre sh_chebyt sh_chebyu
    sh_jacobi sh_legendre c_roots cg_roots h_roots he_roots j_roots js_roots l_roots la_roots p_roots ps_roots s_roots
    t_roots ts_roots u_roots us_roots""".split()
)


def is_counted(name: str) -> bool:
    """Whether a name is one of integers and parameters."""
    return name in COUNTED or name.startswith("roots_") or name.endswith("_zeros")


def outcome(name: str) -> str:
    """What happens if a function in Python is differentiated: "yes", or the error, which is one of chainrule's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            cr.grad(tracked_by(CALLS[name]))(POINT)
        except ChainruleError:
            return "error: no rule"
        except ValueError as problem:
            return f"error of SciPy's: {problem}"
    return "yes"


def row(name: str) -> tuple[str, str, str, str]:
    """The name with its arguments; those with a derivative; the constant ones; those that are errors."""
    function = getattr(special, name)
    if name in CALLS:
        found = outcome(name)
        return f"`{name}`", "yes" if found == "yes" else "", "", found.removeprefix("yes")
    if is_counted(name):
        return f"`{name}`", "", "of integers, or plain parameters", ""
    if is_complex(function):
        return f"`{name}`", "", "", "complex results: no rule"
    meaning = SPECIAL.get(name) or SPECIAL[function.__name__]
    return (f"`{name}({', '.join(arguments_of(meaning))})`", *sorted_arguments(meaning))


def is_complex(function: Any) -> bool:
    """Whether a ufunc has no real results."""
    return all(set(types.partition("->")[2]) <= set("FD") for types in function.types)


def parts_of(meaning: Any) -> tuple[Operation, ...]:
    """The operations of a function: one for each result."""
    return meaning.parts if isinstance(meaning, Several) else (meaning,)


def arguments_of(meaning: Any) -> tuple[str, ...]:
    """The names of its arguments."""
    return parts_of(meaning)[0].arguments or ()


def sorted_arguments(meaning: Any) -> tuple[str, str, str]:
    """The arguments with a derivative, the constant ones, and those that are errors."""
    found: dict[type, list[str]] = {Constant: [], Undefined: []}
    smooth: list[str] = []
    for position, argument in enumerate(arguments_of(meaning)):
        (kind,) = {type(part.rule(position)) for part in parts_of(meaning)}
        found.get(kind, smooth).append(argument)
    return ", ".join(smooth), ", ".join(found[Constant]), ", ".join(found[Undefined])


def rows() -> list[str]:
    """The rows of the table, one for each public name."""
    names = sorted(set(special.__all__), key=lambda name: (name.lower(), name))
    return ["| " + " | ".join(row(name)) + " |" for name in names]


def page() -> str:
    """The page."""
    return "\n".join(
        [HEAD, "| function | differentiated | constant | error |", "| --- | --- | --- | --- |", *rows(), ""]
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
