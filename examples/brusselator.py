"""The Brusselator, a reaction that spreads over a plane: 8,192 stiff equations with a sparse Jacobian."""

import numpy as np
from scipy.integrate import solve_ivp

from chainrule.interop import scipy as solvers

N = 64  # points along each side; the plane is periodic
REACTION, DIFFUSION = (1.0, 3.4), 10.0 / 100  # of two substances, A and B
points = np.arange(N) / N
x, y = np.meshgrid(points, points, indexing="ij")
SPOT = ((x - 0.3) ** 2 + (y - 0.6) ** 2 <= 0.1**2) * 5.0  # where more is poured in


def laplacian(u):
    around = np.roll(u, 1, 0) + np.roll(u, -1, 0) + np.roll(u, 1, 1) + np.roll(u, -1, 1)
    return (around - 4.0 * u) * N**2


def brusselator(t, state):
    u, v = state["u"], state["v"]
    a, b = REACTION
    return {
        "u": a + u**2 * v - (b + 1.0) * u + DIFFUSION * laplacian(u) + SPOT * np.exp(-t),
        "v": b * u - u**2 * v + DIFFUSION * laplacian(v),
    }


start = {"u": 22.0 * (y * (1.0 - y)) ** 1.5, "v": 27.0 * (x * (1.0 - x)) ** 1.5}
plane = solvers.initial_problem(brusselator, 0.0, start)
found = solve_ivp(plane, (0.0, 2.0), plane.y0, method="BDF", jac=plane.jacobian, rtol=1e-5, atol=1e-7)
end = plane.tree(found.y[:, -1])

if __name__ == "__main__":
    matrix = plane.jacobian(0.0, plane.y0)
    print(
        f"Jacobian:   {matrix.shape[0]:,} × {matrix.shape[1]:,}, {matrix.nnz:,} entries, handed over as {plane.jacobian.form}"
    )
    print(
        f"steps:      {len(found.t) - 1}, from {found.nfev} evaluations, {found.njev} Jacobians and {found.nlu} factorisations"
    )
    print(
        f"at t = 2:   u from {end['u'].min():.4f} to {end['u'].max():.4f}, v from {end['v'].min():.4f} to {end['v'].max():.4f}"
    )
