"""Automatic differentiation for NumPy in which every Jacobian is kept in the form a person would write."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from chainrule import errors, sparsity
from chainrule.check.extension import load_ipython_extension, unload_ipython_extension
from chainrule.choices import conventions
from chainrule.linear.jacobian import Jacobian
from chainrule.linear.probe import ProbedWarning
from chainrule.modes import debug
from chainrule.ops.custom import define
from chainrule.ops.external import external
from chainrule.tensor import Tensor, enable_grad, no_grad, ones, set_grad_enabled, tensor, zeros
from chainrule.transforms.curvature import gauss_newton, hessian
from chainrule.transforms.gradient import grad, value_and_grad
from chainrule.transforms.jacobian import jacobian, tape_jacobian
from chainrule.transforms.products import hvp, jvp, linearize, vjp

if TYPE_CHECKING:
    from chainrule.check.function.checking import check
    from chainrule.check.verdicts.report import Report
    from chainrule.explain.derive import derive
    from chainrule.native.compiled import compile  # noqa: A004 (the name that users meet)
    from chainrule.native.export import export
    from chainrule.portable.source import source

__version__ = "0.1.0"

globals().pop("check", None)  # the package of that name, which imports find all the same: here it is the function

# What explains and checks is loaded at its first use: most programs only differentiate.
_LATER = {
    "Report": "chainrule.check.verdicts.report",
    "check": "chainrule.check.function.checking",
    "compile": "chainrule.native.compiled",
    "derive": "chainrule.explain.derive",
    "export": "chainrule.native.export",
    "source": "chainrule.portable.source",
}

__all__ = [
    "Jacobian",
    "ProbedWarning",
    "Report",
    "Tensor",
    "check",
    "compile",
    "conventions",
    "debug",
    "define",
    "derive",
    "enable_grad",
    "errors",
    "export",
    "external",
    "gauss_newton",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "linearize",
    "load_ipython_extension",
    "no_grad",
    "ones",
    "set_grad_enabled",
    "source",
    "sparsity",
    "tape_jacobian",
    "tensor",
    "unload_ipython_extension",
    "value_and_grad",
    "vjp",
    "zeros",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'chainrule' has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_LATER[name]), name)
    return found
