"""Rows like NPBench's that step in time or repeat: grids in two and three dimensions, bodies, an iteration."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.native.row import Row

draw = np.random.default_rng(5).normal
GOAL = 1.5


def spread(steps: int) -> Any:
    """Heat in three dimensions: two arrays take turns."""

    def function(xp: Any, A: Any) -> Any:
        A, B = A.copy(), A.copy()
        for _ in range(steps):
            inner = A[1:-1, 1:-1, 1:-1]
            B[1:-1, 1:-1, 1:-1] = (
                0.125 * (A[2:, 1:-1, 1:-1] - 2.0 * inner + A[:-2, 1:-1, 1:-1])
                + 0.125 * (A[1:-1, 2:, 1:-1] - 2.0 * inner + A[1:-1, :-2, 1:-1])
                + 0.125 * (A[1:-1, 1:-1, 2:] - 2.0 * inner + A[1:-1, 1:-1, :-2])
                + inner
            )
            A, B = B, A
        return xp.sum(A * A)

    return function


def spread_anew(steps: int) -> Any:
    """The same in the words of others: written into a copy, or joined to the border."""

    def step(A: Any) -> Any:
        inner = A[1:-1, 1:-1, 1:-1]
        across = A[2:, 1:-1, 1:-1] + A[:-2, 1:-1, 1:-1] + A[1:-1, 2:, 1:-1] + A[1:-1, :-2, 1:-1]
        return 0.125 * (across + A[1:-1, 1:-1, 2:] + A[1:-1, 1:-1, :-2] - 6.0 * inner) + inner

    def in_jax(jax: Any, A: Any) -> Any:
        def once(A: Any, _: Any) -> Any:
            return A.at[1:-1, 1:-1, 1:-1].set(step(A)), None

        return jax.numpy.sum(jax.lax.scan(once, A, None, length=steps)[0] ** 2)

    def in_torch(torch: Any, A: Any) -> Any:
        for _ in range(steps):
            new = A.clone()
            new[1:-1, 1:-1, 1:-1] = step(A)
            A = new
        return torch.sum(A * A)

    def in_autograd(np: Any, A: Any) -> Any:
        for _ in range(steps):
            rows = np.concatenate([A[1:-1, 1:-1, :1], step(A), A[1:-1, 1:-1, -1:]], 2)
            planes = np.concatenate([A[1:-1, :1], rows, A[1:-1, -1:]], 1)
            A = np.concatenate([A[:1], planes, A[-1:]], 0)
        return np.sum(A * A)

    return {"jax": in_jax, "torch": in_torch, "autograd": in_autograd, "casadi": None}


def heat_3d(size: int, steps: int) -> Row:
    title = f"heat_3d, {steps} steps × {size}³"
    arguments = (draw(size=(size, size, size)),)
    return Row(title, spread(steps), arguments, 1, "heat_3d", (size, steps), GOAL, spread_anew(steps))


def fields(xp: Any, ex: Any, ey: Any, hz: Any, pulse: Any) -> Any:
    """Maxwell's equations in two dimensions, three fields that are written in place."""
    ex, ey, hz = ex.copy(), ey.copy(), hz.copy()
    for t in range(len(pulse)):
        ey[0, :] = pulse[t]
        ey[1:, :] -= 0.5 * (hz[1:, :] - hz[:-1, :])
        ex[:, 1:] -= 0.5 * (hz[:, 1:] - hz[:, :-1])
        hz[:-1, :-1] -= 0.7 * (ex[:-1, 1:] - ex[:-1, :-1] + ey[1:, :-1] - ey[:-1, :-1])
    return xp.sum(hz * hz)


def fields_in_jax(jax: Any, ex: Any, ey: Any, hz: Any, pulse: Any) -> Any:
    def step(now: Any, here: Any) -> Any:
        ex, ey, hz = now
        ey = ey.at[0, :].set(here)
        ey = ey.at[1:, :].add(-0.5 * (hz[1:, :] - hz[:-1, :]))
        ex = ex.at[:, 1:].add(-0.5 * (hz[:, 1:] - hz[:, :-1]))
        hz = hz.at[:-1, :-1].add(-0.7 * (ex[:-1, 1:] - ex[:-1, :-1] + ey[1:, :-1] - ey[:-1, :-1]))
        return (ex, ey, hz), None

    (_, _, hz), _ = jax.lax.scan(step, (ex, ey, hz), pulse)
    return jax.numpy.sum(hz * hz)


def fields_in_torch(torch: Any, ex: Any, ey: Any, hz: Any, pulse: Any) -> Any:
    ex, ey, hz = ex.clone(), ey.clone(), hz.clone()
    for here in pulse:
        ey[0, :] = here
        ey[1:, :] -= 0.5 * (hz[1:, :] - hz[:-1, :])
        ex[:, 1:] -= 0.5 * (hz[:, 1:] - hz[:, :-1])
        hz[:-1, :-1] -= 0.7 * (ex[:-1, 1:] - ex[:-1, :-1] + ey[1:, :-1] - ey[:-1, :-1])
    return torch.sum(hz * hz)


def fields_in_autograd(np: Any, ex: Any, ey: Any, hz: Any, pulse: Any) -> Any:
    for here in pulse:
        ey = np.concatenate([np.ones((1, ey.shape[1])) * here, ey[1:] - 0.5 * (hz[1:] - hz[:-1])])
        ex = np.concatenate([ex[:, :1], ex[:, 1:] - 0.5 * (hz[:, 1:] - hz[:, :-1])], 1)
        inner = hz[:-1, :-1] - 0.7 * (ex[:-1, 1:] - ex[:-1, :-1] + ey[1:, :-1] - ey[:-1, :-1])
        hz = np.concatenate([np.concatenate([inner, hz[:-1, -1:]], 1), hz[-1:]])
    return np.sum(hz * hz)


def fdtd_2d(rows: int, columns: int, steps: int) -> Row:
    own = {"jax": fields_in_jax, "torch": fields_in_torch, "autograd": fields_in_autograd, "casadi": None}
    arguments = (*draw(size=(3, rows, columns)), draw(size=steps))
    title = f"fdtd_2d, {steps} steps × {rows}×{columns}"
    return Row(title, fields, arguments, 4, "fdtd_2d", (rows, columns, steps), GOAL, own)


def pulled(xp: Any, place: Any, mass: Any) -> Any:
    """The acceleration of every body by all others."""
    x, y, z = place[:, 0:1], place[:, 1:2], place[:, 2:3]
    dx, dy, dz = x.T - x, y.T - y, z.T - z
    weight = (dx**2 + dy**2 + dz**2 + 0.01) ** -1.5
    return xp.hstack(((dx * weight) @ mass, (dy * weight) @ mass, (dz * weight) @ mass))


def orbits(steps: int) -> Any:
    """Kick, drift, kick; the energy of motion at the end."""

    def function(xp: Any, place: Any, speed: Any, mass: Any) -> Any:
        place, speed = place.copy(), speed.copy()
        pull = pulled(xp, place, mass)
        for _ in range(steps):
            speed += pull * 0.025
            place += speed * 0.05
            pull = pulled(xp, place, mass)
            speed += pull * 0.025
        return 0.5 * xp.sum(mass * speed**2)

    return function


def orbits_anew(steps: int) -> Any:
    def function(xp: Any, place: Any, speed: Any, mass: Any) -> Any:
        pull = pulled(xp, place, mass)
        for _ in range(steps):
            speed = speed + pull * 0.025
            place = place + speed * 0.05
            pull = pulled(xp, place, mass)
            speed = speed + pull * 0.025
        return 0.5 * xp.sum(mass * speed**2)

    return function


def orbits_in_jax(steps: int) -> Any:
    def function(jax: Any, place: Any, speed: Any, mass: Any) -> Any:
        def step(now: Any, _: Any) -> Any:
            place, speed, pull = now
            speed = speed + pull * 0.025
            place = place + speed * 0.05
            pull = pulled(jax.numpy, place, mass)
            return (place, speed + pull * 0.025, pull), None

        start = place, speed, pulled(jax.numpy, place, mass)
        (_, speed, _), _ = jax.lax.scan(step, start, None, length=steps)
        return 0.5 * jax.numpy.sum(mass * speed**2)

    return function


def nbody(bodies: int, steps: int) -> Row:
    own = {"jax": orbits_in_jax(steps), "torch": orbits_anew(steps), "autograd": orbits_anew(steps), "casadi": None}
    arguments = (*draw(size=(2, bodies, 3)), np.abs(draw(size=(bodies, 1))) / bodies)
    title = f"nbody, {bodies} bodies, {steps} steps"
    return Row(title, orbits(steps), arguments, 3, "nbody", (bodies, steps), GOAL, own, 1e-8)


def escaping(turns: int) -> Any:
    """How long points stay near: z² + c, where |z| < 2, each turn counted as smoothly as exp(−|z|²) says."""

    def function(xp: Any, across: Any, up: Any) -> Any:
        x, y, near = xp.zeros_like(across), xp.zeros_like(up), xp.zeros_like(up)
        for _ in range(turns):
            inside = x * x + y * y < 4
            x, y = xp.where(inside, x * x - y * y + across, x), xp.where(inside, 2 * x * y + up, y)
            near = near + xp.exp(-(x * x + y * y))
        return xp.sum(near)

    return function


def escaping_in_jax(turns: int) -> Any:
    def function(jax: Any, across: Any, up: Any) -> Any:
        def turn(now: Any, _: Any) -> Any:
            x, y, near = now
            inside = x * x + y * y < 4
            x, y = jax.numpy.where(inside, x * x - y * y + across, x), jax.numpy.where(inside, 2 * x * y + up, y)
            return (x, y, near + jax.numpy.exp(-(x * x + y * y))), None

        none = jax.numpy.zeros_like(across)
        (_, _, near), _ = jax.lax.scan(turn, (none, none, none), None, length=turns)
        return jax.numpy.sum(near)

    return function


def mandelbrot(size: int, turns: int) -> Row:
    """Tolerance: at points that stay for long, a difference in the last place doubles with every turn."""
    across, up = np.meshgrid(np.linspace(-2.0, 0.5, size), np.linspace(-1.2, 1.21, size))
    own = {"jax": escaping_in_jax(turns), "casadi": None}
    title = f"mandelbrot, {turns} turns × {size}²"
    return Row(title, escaping(turns), (across, up), 2, "mandelbrot", (size, turns), GOAL, own, 1e-6)
