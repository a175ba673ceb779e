"""Rows on grids: convolution, steps in time with and without writing in place, and kernels like those of NPBench."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.native.row import Row

draw = np.random.default_rng(3).normal


def convolve(xp: Any, x: Any, w: Any, b: Any) -> Any:
    """Nine shifted products, as they are written without a function for it."""
    size = x.shape[2] - 2
    y = b[None, :, None, None]
    for i in range(3):
        for j in range(3):
            y = y + xp.einsum("nchw,kc->nkhw", x[:, :, i : i + size, j : j + size], w[:, :, i, j])
    y = xp.maximum(y, 0)
    return xp.mean(y * y)


def convolve_in_torch(torch: Any, x: Any, w: Any, b: Any) -> Any:
    return torch.relu(torch.nn.functional.conv2d(x, w, b)).square().mean()


def convolve_in_jax(jax: Any, x: Any, w: Any, b: Any) -> Any:
    y = jax.lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=("NCHW", "OIHW", "NCHW"))
    return jax.numpy.mean(jax.numpy.maximum(y + b[None, :, None, None], 0) ** 2)


def convolution(images: int, size: int) -> Row:
    """A layer of 3×3 convolution, float32, all of its inputs differentiated."""
    arrays = [draw(size=(images, 8, size, size)), draw(size=(16, 8, 3, 3)) / 8, 0.1 * draw(size=16)]
    arguments = tuple(array.astype(np.float32) for array in arrays)
    own = {"torch": convolve_in_torch, "jax": convolve_in_jax, "casadi": None}
    title = f"convolution {images}×8×{size}² to 16, float32"
    return Row(title, convolve, arguments, 3, "convolution", (images, size), 1.5, own, 2e-3)


def diffuse(steps: int) -> Any:
    """Heat flow in one dimension, with a new array at each step."""

    def function(xp: Any, u: Any, k: Any, goal: Any) -> Any:
        for _ in range(steps):
            inner = u[1:-1] + k * (u[2:] - 2 * u[1:-1] + u[:-2])
            u = xp.concatenate([u[:1], inner, u[-1:]])
        return 0.5 * xp.sum((u - goal) ** 2)

    return function


def diffuse_in_place(steps: int) -> Any:
    """The same as NumPy's users write it."""

    def function(xp: Any, u: Any, k: Any, goal: Any) -> Any:
        u = u.copy()
        for _ in range(steps):
            u[1:-1] += k * (u[2:] - 2 * u[1:-1] + u[:-2])
        return 0.5 * xp.sum((u - goal) ** 2)

    return function


def diffuse_in_jax(steps: int) -> Any:
    def function(jax: Any, u: Any, k: Any, goal: Any) -> Any:
        def step(u: Any, _: Any) -> Any:
            return u.at[1:-1].add(k * (u[2:] - 2 * u[1:-1] + u[:-2])), None

        u, _ = jax.lax.scan(step, u, None, length=steps)
        return 0.5 * jax.numpy.sum((u - goal) ** 2)

    return function


def heat(size: int, steps: int) -> list[Row]:
    """The heat equation in both forms; peers that cannot write in place are measured with the first."""
    place = np.linspace(0, 1, size)
    start = np.sin(3 * np.pi * place) + 0.1 * draw(size=size)
    arguments = (start, np.linspace(0.2, 0.4, size - 2), np.cos(2 * np.pi * place))
    own = {"jax": diffuse_in_jax(steps), "torch": diffuse(steps), "autograd": diffuse(steps), "casadi": None}
    return [
        Row(f"heat, {steps} steps × {size:,}, {name}", made(steps), arguments, 2, "heat", (size, steps), 1.5, own)
        for name, made in (("new arrays", diffuse), ("in place", diffuse_in_place))
    ]


def relax(steps: int) -> Any:
    """Jacobi's method on a square: two arrays take turns."""

    def function(xp: Any, A: Any) -> Any:
        A, B = A.copy(), A.copy()
        for _ in range(steps):
            B[1:-1, 1:-1] = 0.2 * (A[1:-1, 1:-1] + A[1:-1, :-2] + A[1:-1, 2:] + A[2:, 1:-1] + A[:-2, 1:-1])
            A, B = B, A
        return xp.sum(A * A)

    return function


def relax_in_jax(steps: int) -> Any:
    def function(jax: Any, A: Any) -> Any:
        def step(A: Any, _: Any) -> Any:
            new = 0.2 * (A[1:-1, 1:-1] + A[1:-1, :-2] + A[1:-1, 2:] + A[2:, 1:-1] + A[:-2, 1:-1])
            return A.at[1:-1, 1:-1].set(new), None

        A, _ = jax.lax.scan(step, A, None, length=steps)
        return jax.numpy.sum(A * A)

    return function


def jacobi(size: int, steps: int) -> Row:
    own = {"jax": relax_in_jax(steps), "torch": None, "autograd": None, "casadi": None}
    title = f"jacobi_2d, {steps} steps × {size}²"
    return Row(title, relax(steps), (draw(size=(size, size)),), 1, "jacobi", (size, steps), 1.5, own)


def sweep(steps: int) -> Any:
    """Gauss and Seidel's method, whose inner loop goes from number to number."""

    def function(xp: Any, A: Any) -> Any:
        A = A.copy()
        size = len(A)
        for _ in range(steps):
            for i in range(1, size - 1):
                A[i, 1:-1] += (
                    A[i - 1, :-2]
                    + A[i - 1, 1:-1]
                    + A[i - 1, 2:]
                    + A[i, 2:]
                    + A[i + 1, :-2]
                    + A[i + 1, 1:-1]
                    + A[i + 1, 2:]
                )
                for j in range(1, size - 1):
                    A[i, j] += A[i, j - 1]
                    A[i, j] /= 9.0
        return xp.sum(A)

    return function


def sweep_in_jax(steps: int) -> Any:
    def function(jax: Any, A: Any) -> Any:
        def along(last: Any, here: Any) -> Any:
            here = (here + last) / 9.0
            return here, here

        def row(A: Any, i: Any) -> Any:
            p, a, q = A[i - 1], A[i], A[i + 1]
            sums = a[1:-1] + p[:-2] + p[1:-1] + p[2:] + a[2:] + q[:-2] + q[1:-1] + q[2:]
            return A.at[i, 1:-1].set(jax.lax.scan(along, a[0], sums)[1]), None

        def step(A: Any, _: Any) -> Any:
            return jax.lax.scan(row, A, jax.numpy.arange(1, len(A) - 1))

        def once(A: Any, _: Any) -> Any:
            return step(A, _)[0], None

        return jax.numpy.sum(jax.lax.scan(once, A, None, length=steps)[0])

    return function


def seidel(size: int, steps: int) -> Row:
    own = {"jax": sweep_in_jax(steps), "torch": None, "autograd": None, "casadi": None}
    title = f"seidel_2d, {steps} steps × {size}²"
    return Row(title, sweep(steps), (draw(size=(size, size)),), 1, "seidel", (size, steps), 1.5, own)


def along_arc(xp: Any, p0: Any, t0: Any, p1: Any, t1: Any) -> Any:
    part = xp.sin((p1 - p0) / 2) ** 2 + xp.cos(p0) * xp.cos(p1) * xp.sin((t1 - t0) / 2) ** 2
    return xp.sum(2 * xp.arctan2(xp.sqrt(part), xp.sqrt(1 - part)))


def distance(n: int) -> Row:
    arguments = tuple(np.random.default_rng(4).uniform(-1.4, 1.4, size=(4, n)))
    return Row(f"arc_distance, n = {n:,}", along_arc, arguments, 4, "distance", (n,), 1.5, {"casadi": None})


def with_trace(xp: Any, a: Any) -> Any:
    trace = 0.0
    for i in range(len(a)):
        trace = trace + xp.tanh(a[i, i])
    return xp.sum((a + trace) ** 2)


def diagonal(size: int) -> Row:
    return Row(
        f"go_fast, {size}²", with_trace, (draw(size=(size, size)),), 1, "diagonal", (size,), 1.5, {"casadi": None}
    )


def twice(xp: Any, A: Any, x: Any) -> Any:
    return xp.sum(((A @ x) @ A) ** 2)


def normal(rows: int, columns: int) -> Row:
    arguments = (draw(size=(rows, columns)), draw(size=columns))
    return Row(f"atax, {rows}×{columns}", twice, arguments, 2, "normal", (rows, columns), 1.5, {"casadi": None})
