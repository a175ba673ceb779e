"""SciPy's solvers, handed the derivatives of a function in the form that each of them wants.

One call looks at a function once, at the starting point, and gives an object with all that a solver may ask for:

===================================================  =============================================================
`objective` (f, x0)                                  ``minimize``, ``differential_evolution``, ``basinhopping``, …
`residual` (f, x0)                                   ``least_squares``, ``root``, ``fsolve``
`constraint` (g, lower, upper, x0)                   ``minimize(…, constraints=…)``
`linear` (g, x0), `quadratic` (f, x0),               ``linprog``, ``milp``, solvers for quadratic programs
`quadratic_program` (f, x0, constraints)
`initial_problem` (f, t0, y0)                        ``solve_ivp``
`boundary_problem` (f, bc, x, y)                     ``solve_bvp``
``residual.jacobian.operator`` (x)                   ``scipy.sparse.linalg``
===================================================  =============================================================

Parameters may be arrays of any shape, and nested tuples, lists and dicts of arrays; solvers get one vector
(``objective.x0``), and ``objective.tree(found.x)`` gives the parameters back.

>>> import numpy as np
>>> from scipy.optimize import minimize
>>> from chainrule.interop import scipy as solvers
>>> valley = solvers.objective(
...     lambda x: np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2), np.linspace(0.5, 1.5, 500)
... )
>>> valley.hessian.form
'csr'
>>> found = minimize(valley, valley.x0, method="trust-ncg", **valley.derivatives("trust-ncg"))
>>> bool(np.allclose(found.x, 1.0))
True
"""

from chainrule.interop.scipy.constraint import constraint
from chainrule.interop.scipy.degree import Linear, Quadratic, linear, quadratic
from chainrule.interop.scipy.equations import BoundaryProblem, InitialProblem, boundary_problem, initial_problem
from chainrule.interop.scipy.matrix import Matrix
from chainrule.interop.scipy.objective import Objective, objective
from chainrule.interop.scipy.program import QuadraticProgram, quadratic_program
from chainrule.interop.scipy.residual import Residual, residual

__all__ = [
    "BoundaryProblem",
    "InitialProblem",
    "Linear",
    "Matrix",
    "Objective",
    "Quadratic",
    "QuadraticProgram",
    "Residual",
    "boundary_problem",
    "constraint",
    "initial_problem",
    "linear",
    "objective",
    "quadratic",
    "quadratic_program",
    "residual",
]
