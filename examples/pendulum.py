"""A pendulum swung up with the least effort: 603 unknowns, tied by sparse constraints, by trust-constr."""

import numpy as np
from scipy.optimize import minimize

from chainrule.interop import scipy as solvers

STEPS, DURATION = 200, 5.0
h = DURATION / STEPS
time = np.linspace(0.0, DURATION, STEPS + 1)


def effort(path):
    """The integral of the torque squared, by the trapezoidal rule."""
    u = path["torque"]
    return h * (np.sum(u[1:-1] ** 2) + 0.5 * (u[0] ** 2 + u[-1] ** 2))


def dynamics(path):
    """What each step misses of angle'' = torque - sin(angle), by the trapezoidal rule."""
    angle, speed = path["angle"], path["speed"]
    force = path["torque"] - np.sin(angle)
    return (
        angle[1:] - angle[:-1] - 0.5 * h * (speed[1:] + speed[:-1]),
        speed[1:] - speed[:-1] - 0.5 * h * (force[1:] + force[:-1]),
    )


def ends(path):
    """Hanging at rest in the beginning, upright at rest in the end."""
    return path["angle"][0], path["speed"][0], path["angle"][-1] - np.pi, path["speed"][-1]


guess = {"angle": np.pi * time / DURATION, "speed": np.full(STEPS + 1, np.pi / DURATION), "torque": np.zeros(STEPS + 1)}
total = solvers.objective(effort, guess)
constraints = [
    solvers.constraint(dynamics, 0.0, 0.0, guess, form="csr"),
    solvers.constraint(ends, 0.0, 0.0, guess, form="csr"),  # found to be linear
]
found = minimize(
    total,
    total.x0,
    method="trust-constr",
    jac=total.gradient,
    hess=total.hessian,
    constraints=constraints,
    options={"gtol": 1e-8, "xtol": 1e-12, "maxiter": 500},
)
path = total.tree(found.x)

if __name__ == "__main__":
    print(f"constraints: {', '.join([type(each).__name__ for each in constraints])}")
    print(f"Jacobian:    {constraints[0].jac(found.x).shape}, {constraints[0].jac(found.x).nnz} entries")
    print(
        f"effort:      {found.fun:.6f} after {found.nit} iterations, constraints missed by {found.constr_violation:.0e}"
    )
    print(f"torque:      {path['torque'][0]:+.4f} in the beginning, {path['torque'][-1]:+.4f} in the end")
