"""Functions of functions: gradients, products with Jacobians, and the Jacobians themselves."""

from chainrule.transforms import integrals, solvers

__all__ = ["integrals", "solvers"]  # SciPy's, which are found under SciPy's names
