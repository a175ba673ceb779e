"""ADBench's hand tracking (arXiv 1807.10129): the Jacobian of how far a posed mesh is from points, at drawn data."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.native.row import Row

FINGERS, BONES, POSE = 5, 22, 26
PARENTS = [-1, *(0 if bone % 4 == 1 else bone - 1 for bone in range(1, 21)), 0]  # wrist, fingers of four, forearm
# Of each finger the last three bones bend, and the first of these goes to the side too: four numbers of the pose.
BENDING = np.array([2 + 4 * finger + joint for finger in range(FINGERS) for joint in range(3)])
SIDEWAYS = BENDING[::3]
BENDS = np.array([6 + 4 * finger + place for finger in range(FINGERS) for place in (0, 2, 3)])
SIDES = BENDS[::3] + 1


def _spread(bones: Any, columns: Any) -> Any:
    """The matrix that puts numbers of the pose at their bones."""
    matrix = np.zeros((BONES, POSE))
    matrix[bones, columns] = 1.0
    return matrix


BY_BEND, BY_SIDE = _spread(BENDING, BENDS), _spread(SIDEWAYS, SIDES)


def joints(xp: Any, bend: Any, side: Any) -> Any:
    """A rotation for each bone: about x, then about z."""
    s, c, t, d, none = xp.sin(bend), xp.cos(bend), xp.sin(side), xp.cos(side), xp.zeros_like(bend)
    rows = [xp.stack([d, -t * c, t * s], 1), xp.stack([t, d * c, -d * s], 1), xp.stack([none, s, c], 1)]
    return xp.stack(rows, 1)


def about(xp: Any, axis: Any) -> Any:
    """The rotation about an axis by its length."""
    angle = xp.sqrt(xp.sum(axis * axis))
    x, y, z = axis[0] / angle, axis[1] / angle, axis[2] / angle
    s, c = xp.sin(angle), xp.cos(angle)
    rows = [
        xp.stack([x * x + (1 - x * x) * c, x * y * (1 - c) - z * s, x * z * (1 - c) + y * s]),
        xp.stack([x * y * (1 - c) + z * s, y * y + (1 - y * y) * c, y * z * (1 - c) - x * s]),
        xp.stack([x * z * (1 - c) - y * s, z * y * (1 - c) + x * s, z * z + (1 - z * z) * c]),
    ]
    return xp.stack(rows)


def posed(xp: Any, theta: Any, relative: Any, inverse: Any, mesh: Any, weights: Any) -> Any:
    """Where the vertices of the mesh are: each a mean of where the bones would take it."""
    turned = joints(xp, xp.asarray(BY_BEND) @ theta, xp.asarray(BY_SIDE) @ theta)
    own = xp.concatenate([xp.matmul(relative[:, :, :3], turned), relative[:, :, 3:]], 2)
    bones: tuple[Any, ...] = (own[0],)
    for bone in range(1, BONES):
        bones = (*bones, bones[PARENTS[bone]] @ own[bone])
    moved = xp.matmul(xp.stack(bones), inverse)[:, :3]
    return xp.einsum("vb,bij,vj->vi", weights, moved, mesh) @ about(xp, theta[:3]).T + theta[3:6]


def apart(xp: Any, theta: Any, relative: Any, inverse: Any, mesh: Any, weights: Any, points: Any, chosen: Any) -> Any:
    """Points beside the vertices that they belong to."""
    return points - posed(xp, theta, relative, inverse, mesh, weights)[chosen]


def apart_on_triangles(xp: Any, theta: Any, u: Any, *others: Any) -> Any:
    """Points beside places on the triangles that they belong to; where on them is unknown too."""
    *model, points, corners = others
    vertices, a, b = posed(xp, theta, *model), u[:, :1], u[:, 1:]
    places = a * vertices[corners[:, 0]] + b * vertices[corners[:, 1]] + (1 - a - b) * vertices[corners[:, 2]]
    return points - places


def in_words_of(function: Any, names: Any, forward: Any, push: Any) -> Any:
    """Forward in the pose; in the places on triangles, of which each concerns its own point only, in two directions."""

    def slopes(library: Any, theta: Any, *others: Any) -> Any:
        xp = names(library)
        found = [forward(library)(lambda theta: function(xp, theta, *others))(theta)]
        if others[0].shape[1:] == (2,):
            ways = [xp.zeros_like(others[0]) + xp.asarray([1.0 * (k == 0), 1.0 * (k == 1)]) for k in range(2)]
            moved = [push(library)(lambda u: function(xp, theta, u, *others[1:]), (others[0],), (w,))[1] for w in ways]
            found.append(xp.stack(moved, 2))
        return found

    return slopes


class _TorchNames:
    """PyTorch under NumPy's names, where it has others; its arrays are float64."""

    def __init__(self, torch: Any) -> None:
        self.torch, self.concatenate = torch, torch.cat
        self.asarray = lambda array: torch.as_tensor(array, dtype=torch.float64)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.torch, name)


def peers(function: Any) -> dict[str, Any]:
    return {
        "jax": in_words_of(function, lambda jax: jax.numpy, lambda jax: jax.jacfwd, lambda jax: jax.jvp),
        "torch": in_words_of(function, _TorchNames, lambda torch: torch.func.jacfwd, lambda torch: torch.func.jvp),
        "autograd": None,
        "casadi": None,
    }


def scene(vertices: int, count: int) -> tuple[Any, ...]:
    """A skeleton with a mesh around it, and points: drawn at random, of ADBench's shapes."""
    random = np.random.default_rng(vertices + count)
    relative = np.tile(np.eye(4), (BONES, 1, 1))
    relative[:, :3, :3] = np.linalg.qr(random.normal(size=(BONES, 3, 3)))[0]
    relative[:, :3, 3] = random.normal(size=(BONES, 3))
    bones = [relative[0]]
    for bone in range(1, BONES):
        bones.append(bones[PARENTS[bone]] @ relative[bone])
    mesh = np.concatenate([random.normal(size=(vertices, 3)), np.ones((vertices, 1))], 1)
    weights = random.random((vertices, BONES))
    weights /= weights.sum(1, keepdims=True)
    theta, points = 0.3 * random.normal(size=POSE), random.normal(size=(count, 3))
    return theta, relative, np.linalg.inv(np.stack(bones)), mesh, weights, points


def hand(vertices: int, count: int) -> Row:
    """The simple form: the pose is what is unknown."""
    arguments = (*scene(vertices, count), np.random.default_rng(7).integers(0, vertices, count))
    title = f"hand tracking of ADBench, {count} points"
    return Row(title, apart, arguments, 1, "hand", (count,), None, peers(apart), 1e-8, ((count, 3, POSE),))


def hand_on_triangles(vertices: int, count: int) -> Row:
    """The complicated form."""
    theta, *others = scene(vertices, count)
    random = np.random.default_rng(8)
    arguments = (theta, random.random((count, 2)) / 2, *others, random.integers(0, vertices, (count, 3)))
    title = f"hand tracking of ADBench, {count} points on triangles"
    own, shapes = peers(apart_on_triangles), ((count, 3, POSE), (count, 3, 2))
    return Row(title, apart_on_triangles, arguments, 2, "hand_on_triangles", (count,), None, own, 1e-8, shapes)
