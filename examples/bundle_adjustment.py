"""Bundle adjustment: where eight cameras stood, and where 400 points are, from the pictures alone."""

import numpy as np
from scipy.optimize import least_squares

from chainrule.interop import scipy as solvers

CAMERAS, POINTS = 8, 400
random = np.random.default_rng(1)


def rotate(axis_times_angle, points):
    """Rodrigues' formula: each point turned around an axis by the length of the axis."""
    angle = np.sqrt(np.sum(axis_times_angle**2, axis=1, keepdims=True))
    axis = axis_times_angle / angle
    along = np.sum(axis * points, axis=1, keepdims=True)
    return points * np.cos(angle) + np.cross(axis, points) * np.sin(angle) + axis * along * (1.0 - np.cos(angle))


def project(cameras, points):
    """Pixels of points seen by cameras: turned, moved, divided by the depth, scaled by the focal length."""
    seen = rotate(cameras[:, 0:3], points) + cameras[:, 3:6]
    return cameras[:, 6:7] * seen[:, :2] / seen[:, 2:3]


# A scene, and the pictures of it: every point is seen by four cameras.
truth = {
    "cameras": np.hstack(
        [random.normal(0, 0.1, (CAMERAS, 3)), random.normal(0, 1, (CAMERAS, 3)), np.full((CAMERAS, 1), 800.0)]
    ),
    "points": random.normal(0, 1, (POINTS, 3)) + [0, 0, 10],
}
which_camera, which_point = np.nonzero(random.random((CAMERAS, POINTS)).argsort(axis=0) < 4)
pixels = project(truth["cameras"][which_camera], truth["points"][which_point])

# A rig holds the first two cameras: without them, the scene could be turned, moved and scaled with all pictures equal.
rig = truth["cameras"][:2]


def misses(scene):
    cameras = np.concatenate([rig, scene["cameras"]])
    return project(cameras[which_camera], scene["points"][which_point]) - pixels


guess = {
    "cameras": truth["cameras"][2:] * (1 + 0.02 * random.normal(size=(CAMERAS - 2, 7))),
    "points": truth["points"] + 0.2 * random.normal(size=(POINTS, 3)),
}
scene = solvers.residual(misses, guess)
found = least_squares(scene, scene.x0, jac=scene.jacobian, method="trf", tr_solver="lsmr", x_scale="jac", xtol=1e-12)
result = scene.tree(found.x)

if __name__ == "__main__":
    matrix = scene.jacobian(found.x)
    print(
        f"Jacobian:   {matrix.shape[0]:,} × {matrix.shape[1]:,}, {matrix.nnz:,} entries, handed over as {scene.jacobian.form}"
    )
    print(
        f"misses:     {np.sqrt(np.mean(scene(scene.x0) ** 2)):.1f} pixels at first, {np.sqrt(np.mean(found.fun**2)):.1e} in the end"
    )
    print(f"points:     {np.abs(result['points'] - truth['points']).max():.1e} from where they are, at most")
    print(f"asked for:  {found.nfev} evaluations, {found.njev} Jacobians")
