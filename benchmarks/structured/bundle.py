"""The Jacobian of bundle adjustment: 31 entries for each observation of a point by a camera."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from benchmarks.native import limit
from benchmarks.structured.problem import Family, Form, Goal, Problem, generator, to_sparse

try:
    from numba import njit
except ImportError:
    njit = None

CAMERA = 11  # rotation vector 3, centre 3, focal length, principal point 2, radial distortion 2


def project(xp: Any, camera: Any, point: Any, weight: Any, seen: Any) -> Any:
    """The weighted errors of observations, one a row."""
    rotation, offset = camera[:, :3], point - camera[:, 3:6]
    angle = xp.sqrt(xp.sum(rotation * rotation, 1))
    axis = rotation / angle[:, None]
    cosine, sine = xp.cos(angle)[:, None], xp.sin(angle)[:, None]
    a0, a1, a2 = axis[:, 0], axis[:, 1], axis[:, 2]
    b0, b1, b2 = offset[:, 0], offset[:, 1], offset[:, 2]
    across = xp.stack([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0], 1)
    turned = offset * cosine + across * sine + axis * (xp.sum(axis * offset, 1)[:, None] * (1 - cosine))
    flat = turned[:, :2] / turned[:, 2:]
    square = xp.sum(flat * flat, 1)
    scale = camera[:, 6] * (1 + camera[:, 9] * square + camera[:, 10] * square * square)
    return weight[:, None] * (flat * scale[:, None] + camera[:, 7:9] - seen)


class Scene:
    """Cameras, points and observations drawn at random, and the derivative by hand."""

    def __init__(self, cameras: int, points: int, observations: int) -> None:
        draw = generator(observations)
        self.cameras, self.points, self.observations = cameras, points, observations
        self.of_camera = draw.integers(0, cameras, observations)
        self.of_point = draw.integers(0, points, observations)
        self.seen = draw.normal(0, 100, (observations, 2))
        self.weights_start = CAMERA * cameras + 3 * points
        self.unknowns = self.weights_start + observations
        self.columns, self.starts = self.pattern()

    def draw(self, seed: int) -> Any:
        """All parameters in one vector: cameras, points, weights."""
        draw, n = generator(seed), self.cameras
        cameras = np.column_stack(
            [
                draw.normal(0, 0.3, (n, 3)),
                draw.normal(0, 1, (n, 3)),
                draw.uniform(500, 1500, n),
                draw.normal(0, 5, (n, 2)),
                draw.normal(0, 0.01, (n, 2)),
            ]
        )
        points = draw.normal(0, 1, (self.points, 3)) + [0, 0, 8]
        return np.concatenate([cameras.ravel(), points.ravel(), draw.uniform(0.5, 1, self.observations)])

    def split(self, z: Any) -> tuple[Any, Any, Any]:
        """Cameras, points and weights."""
        end = CAMERA * self.cameras
        cameras, points = z[:end].reshape(self.cameras, CAMERA), z[end : self.weights_start].reshape(self.points, 3)
        return cameras, points, z[self.weights_start :]

    def residual(self, xp: Any, z: Any, seen: Any) -> Any:
        """Two errors for each observation, then one for each weight."""
        cameras, points, weights = self.split(z)
        errors = project(xp, cameras[self.of_camera], points[self.of_point], weights, seen)
        return xp.concatenate([errors.reshape(-1), 1 - weights * weights])

    def pattern(self) -> tuple[Any, Any]:
        """Columns and row starts: 15 entries in each row of an error, one in each row of a weight."""
        count = self.observations
        weight = self.weights_start + np.arange(count)
        columns = np.column_stack(
            [
                CAMERA * self.of_camera[:, None] + np.arange(CAMERA),
                CAMERA * self.cameras + 3 * self.of_point[:, None] + np.arange(3),
                weight,
            ]
        )
        starts = np.concatenate([15 * np.arange(2 * count), 30 * count + np.arange(count + 1)])
        return np.concatenate([np.repeat(columns, 2, axis=0).ravel(), weight]).astype(np.int32), starts.astype(np.int32)

    def values(self, z: Any, seen: Any) -> Any:
        """The entries by hand, row by row."""
        cameras, points, weights = self.split(z)
        turns, slopes = rotations(cameras[:, :3])
        out = np.empty(31 * self.observations)
        arguments = (cameras, turns, slopes, points, weights, seen, self.of_camera, self.of_point)
        (compiled or vectorised)(*arguments, out[: 30 * self.observations].reshape(-1, 2, 15))
        np.multiply(weights, -2, out=out[30 * self.observations :])
        return out

    def in_c(self, z: Any, seen: Any) -> Any:
        """The same by one loop in C."""
        out = np.empty(31 * self.observations)
        limit.called("bundle", [*self.split(z), self.of_camera, self.of_point, seen], [out], (self.observations,))()
        return out

    def matrix(self, z: Any, seen: Any) -> Any:
        """The same as a matrix."""
        shape = (3 * self.observations, self.unknowns)
        return csr_array((self.values(z, seen), self.columns, self.starts), shape=shape)


def rotations(vectors: Any) -> tuple[Any, Any]:
    """The rotation matrix of each camera, and its derivative with respect to the rotation vector (axis 1).

    R = cos θ I + a [r]ₓ + b r rᵀ with a = sin θ / θ and b = (1 − cos θ) / θ², and d(θ)/dr = r / θ.
    """
    angle = np.sqrt((vectors * vectors).sum(1))
    cosine, a = np.cos(angle), np.sin(angle) / angle
    b = (1 - cosine) / angle**2
    slope_a, slope_b = (cosine - a) / angle**2, (a - 2 * b) / angle**2
    eye = np.eye(3)
    turn = np.zeros((3, 3, 3))  # turn[k] x = e_k × x
    turn[0, 2, 1] = turn[1, 0, 2] = turn[2, 1, 0] = 1
    turn[0, 1, 2] = turn[1, 2, 0] = turn[2, 0, 1] = -1
    crosses = np.einsum("ck,kij->cij", vectors, turn)
    outer = vectors[:, :, None] * vectors[:, None, :]
    R = cosine[:, None, None] * eye + a[:, None, None] * crosses + b[:, None, None] * outer
    along = -a[:, None, None] * eye + slope_a[:, None, None] * crosses + slope_b[:, None, None] * outer
    both = eye[:, :, None] * vectors[:, None, None, :] + eye[:, None, :] * vectors[:, None, :, None]
    dR = vectors[:, :, None, None] * along[:, None] + a[:, None, None, None] * turn + b[:, None, None, None] * both
    return R, dR


def vectorised(
    cameras: Any, turns: Any, slopes: Any, points: Any, weights: Any, seen: Any, at: Any, of: Any, out: Any
) -> None:
    """By hand with NumPy: the chain rule through the rotation, the division by depth and the distortion."""
    camera = cameras[at]
    offset = points[of] - camera[:, 3:6]
    R = turns[at]
    x, y, depth = np.einsum("oij,oj->io", R, offset)
    p = np.stack([x / depth, y / depth], 1)
    square = (p * p).sum(1)
    f, k1, k2 = camera[:, 6], camera[:, 9], camera[:, 10]
    distortion = 1 + square * (k1 + square * k2)
    bend = 2 * (k1 + 2 * k2 * square)
    B = np.empty((len(at), 2, 3))  # ∂error/∂turned
    B[:, :, :2] = bend[:, None, None] * p[:, :, None] * p[:, None, :]
    B[:, 0, 0] += distortion
    B[:, 1, 1] += distortion
    B[:, :, 2] = -(B[:, :, :2] @ p[:, :, None])[:, :, 0]
    B *= (weights * f / depth)[:, None, None]
    turning = np.einsum("okij,oj->oik", slopes[at], offset)
    np.matmul(B, turning, out=out[:, :, :3])
    np.matmul(B, R, out=out[:, :, 11:14])
    np.negative(out[:, :, 11:14], out=out[:, :, 3:6])
    out[:, :, 6] = (weights * distortion)[:, None] * p
    out[:, :, 7:9] = weights[:, None, None] * np.eye(2)
    out[:, :, 9] = (weights * f * square)[:, None] * p
    out[:, :, 10] = square[:, None] * out[:, :, 9]
    out[:, :, 14] = (f * distortion)[:, None] * p + camera[:, 7:9] - seen


def one_pass(
    cameras: Any, turns: Any, slopes: Any, points: Any, weights: Any, seen: Any, at: Any, of: Any, out: Any
) -> None:
    """The same in one loop over the observations, to be compiled."""
    for o in range(len(at)):
        c, R, dR = cameras[at[o]], turns[at[o]], slopes[at[o]]
        d0, d1, d2 = points[of[o], 0] - c[3], points[of[o], 1] - c[4], points[of[o], 2] - c[5]
        inverse = 1 / (R[2, 0] * d0 + R[2, 1] * d1 + R[2, 2] * d2)
        p0 = (R[0, 0] * d0 + R[0, 1] * d1 + R[0, 2] * d2) * inverse
        p1 = (R[1, 0] * d0 + R[1, 1] * d1 + R[1, 2] * d2) * inverse
        square = p0 * p0 + p1 * p1
        distortion = 1 + square * (c[9] + square * c[10])
        bend = 2 * (c[9] + 2 * c[10] * square)
        weight, factor = weights[o], weights[o] * c[6] * inverse
        for e in range(2):
            p = p0 if e == 0 else p1
            b0 = factor * (bend * p * p0 + (distortion if e == 0 else 0.0))
            b1 = factor * (bend * p * p1 + (distortion if e == 1 else 0.0))
            b2 = -(b0 * p0 + b1 * p1)
            for k in range(3):
                turned0 = dR[k, 0, 0] * d0 + dR[k, 0, 1] * d1 + dR[k, 0, 2] * d2
                turned1 = dR[k, 1, 0] * d0 + dR[k, 1, 1] * d1 + dR[k, 1, 2] * d2
                turned2 = dR[k, 2, 0] * d0 + dR[k, 2, 1] * d1 + dR[k, 2, 2] * d2
                out[o, e, k] = b0 * turned0 + b1 * turned1 + b2 * turned2
                moved = b0 * R[0, k] + b1 * R[1, k] + b2 * R[2, k]
                out[o, e, 3 + k] = -moved
                out[o, e, 11 + k] = moved
            out[o, e, 6] = weight * distortion * p
            out[o, e, 7] = weight if e == 0 else 0.0
            out[o, e, 8] = weight if e == 1 else 0.0
            out[o, e, 9] = weight * c[6] * square * p
            out[o, e, 10] = square * out[o, e, 9]
            out[o, e, 14] = c[6] * distortion * p + c[7 + e] - seen[o, e]


compiled = njit(one_pass) if njit is not None else None


def blocks_in_jax(scene: Scene) -> Any:
    """JAX when the user finds the structure: a 2×15 block for each observation, written out as one array."""
    import jax  # noqa: PLC0415
    import jax.numpy as jnp  # noqa: PLC0415

    def one(z: Any, seen: Any) -> Any:
        return project(jnp, z[None, :CAMERA], z[None, CAMERA:14], z[None, 14], seen[None])[0]

    def blocks(z: Any, seen: Any) -> Any:
        cameras, points, weights = scene.split(z)
        local = jnp.concatenate([cameras[scene.of_camera], points[scene.of_point], weights[:, None]], 1)
        return jnp.concatenate([jax.vmap(jax.jacfwd(one))(local, seen).reshape(-1), -2 * weights])

    return jax.jit(blocks)


def blocks_in_torch(scene: Scene) -> Any:
    """The same with PyTorch's vmap."""
    import torch  # noqa: PLC0415

    at, of = torch.tensor(scene.of_camera), torch.tensor(scene.of_point)

    def one(z: Any, seen: Any) -> Any:
        return project(torch, z[None, :CAMERA], z[None, CAMERA:14], z[None, 14], seen[None])[0]

    mapped = torch.func.vmap(torch.func.jacfwd(one))

    def blocks(z: Any, seen: Any) -> Any:
        cameras, points, weights = scene.split(z)
        local = torch.cat([cameras[at], points[of], weights[:, None]], 1)
        return torch.cat([mapped(local, seen).reshape(-1), -2 * weights])

    return blocks


def blocks_in_casadi(scene: Scene) -> Any:
    """The same with CasADi: the block of one observation as a function, mapped over them all."""
    import casadi as ca  # noqa: PLC0415

    z, seen = ca.SX.sym("z", 15), ca.SX.sym("seen", 2)
    rotation, offset = z[:3], z[11:14] - z[3:6]
    angle = ca.norm_2(rotation)
    axis = rotation / angle
    turned = offset * ca.cos(angle) + ca.cross(axis, offset) * ca.sin(angle)
    turned += axis * (ca.dot(axis, offset) * (1 - ca.cos(angle)))
    flat = turned[:2] / turned[2]
    square = ca.sumsqr(flat)
    error = z[14] * (flat * z[6] * (1 + z[9] * square + z[10] * square * square) + z[7:9] - seen)
    block = ca.densify(ca.jacobian(error, z))
    mapped = ca.Function("blocks", [z, seen], [block]).map(scene.observations)

    def blocks(z: Any, seen: Any) -> Any:
        cameras, points, weights = scene.split(z)
        local = np.column_stack([cameras[scene.of_camera], points[scene.of_point], weights])
        found = mapped(local.T, seen.T).full().reshape(2, scene.observations, 15)
        return np.concatenate([found.transpose(1, 0, 2).ravel(), -2 * weights])

    return blocks


def make(observations: int) -> Problem:
    """49 cameras and about a fourth as many points as observations."""
    cameras, points = min(49, max(observations // 10, 2)), max(round(observations * 7776 / 31843), 2)
    scene = Scene(cameras, points, observations)

    def blocks_to_matrix(values: Any) -> Any:
        shape = (3 * observations, scene.unknowns)
        return csr_array((np.asarray(values), scene.columns, scene.starts), shape=shape)

    at_size = observations == 31_843
    return Problem(
        row="bundle adjustment Jacobian",
        size=f"{observations:,} observations, {31 * observations:,} entries",
        function=scene.residual,
        order="jacobian",
        points=[(scene.draw(k), scene.seen) for k in range(3)],
        forms={
            "csr": Form(
                scene.matrix,
                to_sparse,
                also={"values": scene.values, **({"values in C": scene.in_c} if limit.compiler() else {})},
                goal=Goal(replay=40e-3, first=80e-3) if at_size else Goal(),
            )
        },
        reference=scene.matrix,
        peers=("asdex", "jax, blocks by hand", "torch, blocks by hand", "casadi, blocks by hand"),
        custom={
            "jax, blocks by hand": (lambda *_: blocks_in_jax(scene), blocks_to_matrix),
            "torch, blocks by hand": (lambda *_: blocks_in_torch(scene), blocks_to_matrix),
            "casadi, blocks by hand": (lambda *_: blocks_in_casadi(scene), blocks_to_matrix),
        },
    )


FAMILIES = {"bundle": Family(make, (3_184, 31_843), (100, 1_000, 10_000, 100_000), 12)}
