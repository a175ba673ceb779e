"""The valley of Rosenbrock in ten thousand dimensions, by a Newton method that sees the tridiagonal Hessian."""

import numpy as np
from scipy.optimize import minimize

from chainrule.interop import scipy as solvers


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


start = np.random.default_rng(0).uniform(0.0, 2.0, 10_000)
valley = solvers.objective(rosenbrock, start)

# The Hessian has 29,998 entries of 100,000,000, so it is handed over as a sparse array.
found = minimize(valley, valley.x0, method="trust-constr", jac=valley.gradient, hess=valley.hessian)

if __name__ == "__main__":
    print(f"Hessian:    {valley.hessian.structured(start)!r}")
    print(f"minimum:    {found.fun:.1e}, largest error {np.max(np.abs(found.x - 1.0)):.1e}")
    print(f"asked for:  {found.nfev} values, {found.njev} gradients, {found.nhev} Hessians")
