"""The examples that hand derivatives to solvers: each runs, and its answer is compared with one found otherwise."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_bvp, solve_ivp
from scipy.sparse import block_array, csc_array, diags_array, eye_array, kron

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name: str) -> dict[str, Any]:
    """The names that a script leaves, run as a user runs it."""
    return runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")


def test_rosenbrock(capsys: pytest.CaptureFixture[str]) -> None:
    found = run("rosenbrock")["found"]
    assert found.success
    assert np.abs(found.x - 1.0).max() < 1e-6
    assert "tridiagonal" in capsys.readouterr().out


def test_brusselator(capsys: pytest.CaptureFixture[str]) -> None:
    """The same equations with a Jacobian written down by hand."""
    example = run("brusselator")
    count, diffusion = example["N"], example["DIFFUSION"]
    a, b = example["REACTION"]
    ring = (
        eye_array(count, k=1) + eye_array(count, k=-1) + eye_array(count, k=count - 1) + eye_array(count, k=1 - count)
    )
    spread = kron(ring, eye_array(count)) + kron(eye_array(count), ring) - 4.0 * eye_array(count**2)
    spread = csc_array(spread * (diffusion * count**2))

    def slope(t: float, y: Any) -> Any:
        u, v = y.reshape(2, -1)
        poured = example["SPOT"].reshape(-1) * np.exp(-t)
        return np.concatenate([a + u**2 * v - (b + 1.0) * u + spread @ u + poured, b * u - u**2 * v + spread @ v])

    def jacobian(t: float, y: Any) -> Any:
        u, v = y.reshape(2, -1)
        return block_array(
            [
                [diags_array(2 * u * v - b - 1.0) + spread, diags_array(u**2)],
                [diags_array(b - 2 * u * v), spread - diags_array(u**2)],
            ],
            format="csc",
        )

    plane, found = example["plane"], example["found"]
    assert np.abs(plane.jacobian.csc(0.3, plane.y0) - jacobian(0.3, plane.y0)).max() < 1e-9
    by_hand = solve_ivp(slope, (0.0, 2.0), plane.y0, method="BDF", jac=jacobian, rtol=1e-5, atol=1e-7)
    assert len(by_hand.t) == len(found.t)
    assert np.allclose(by_hand.y[:, -1], found.y[:, -1], atol=1e-6)
    assert "49,152 entries" in capsys.readouterr().out


def test_bundle_adjustment(capsys: pytest.CaptureFixture[str]) -> None:
    example = run("bundle_adjustment")
    assert np.abs(example["result"]["points"] - example["truth"]["points"]).max() < 1e-8
    assert np.abs(example["result"]["cameras"] - example["truth"]["cameras"][2:]).max() < 1e-6
    assert "csr" in capsys.readouterr().out


def test_logistic_regression(capsys: pytest.CaptureFixture[str]) -> None:
    """Iteratively reweighted least squares, as in a textbook."""
    example = run("logistic_regression")
    X, target = example["X"], (example["label"] + 1.0) / 2.0
    w = np.zeros(X.shape[1])
    for _ in range(30):
        p = 1.0 / (1.0 + np.exp(-X @ w))
        curvature = X.T @ (X * (p * (1.0 - p))[:, None]) + example["PENALTY"] * np.eye(len(w))
        w -= np.linalg.solve(curvature, X.T @ (p - target) + example["PENALTY"] * w)
    assert np.allclose(example["w"], w, atol=1e-10)
    assert len(example["steps"]) < 12
    assert "of the labels" in capsys.readouterr().out


def test_pendulum(capsys: pytest.CaptureFixture[str]) -> None:
    """Pontryagin's conditions, solved as a boundary problem: torque = -p/2 where p' = -q and q' = p cos(angle)."""
    example = run("pendulum")
    time, guess, path = example["time"], example["guess"], example["path"]

    def slope(t: Any, y: Any) -> Any:
        angle, speed, q, p = y
        return np.vstack([speed, -p / 2.0 - np.sin(angle), p * np.cos(angle), -q])

    first = np.vstack([guess["angle"], guess["speed"], 0.0 * time, 0.0 * time])
    exact = solve_bvp(slope, lambda a, b: np.array([a[0], a[1], b[0] - np.pi, b[1]]), time, first, tol=1e-8)
    assert exact.success
    assert example["found"].constr_violation < 1e-9
    assert np.abs(path["angle"] - exact.sol(time)[0]).max() < 1e-3
    # The trapezoidal rule is of second order, at the two ends of the torque of first.
    assert np.abs(path["torque"] + exact.sol(time)[3] / 2.0)[1:-1].max() < 1e-3
    fine = np.linspace(0.0, time[-1], 20001)
    assert np.isclose(example["found"].fun, np.trapezoid((exact.sol(fine)[3] / 2.0) ** 2, fine), rtol=1e-3)
    assert "NonlinearConstraint, LinearConstraint" in capsys.readouterr().out
