"""A residual of bundle adjustment: where a turned and moved camera sees a point, and where it was seen.

The point is turned by R, moved by t, divided by its depth and scaled by the focal length. The division is where the
depth comes in with a minus sign: a step towards the camera makes everything larger. The chain of Jacobians is short: by
the point it is one product, the 2 × 3 matrix of the projection times R. The gradient by R is an outer product with the
point, because each entry of R meets one coordinate of it. In examples/bundle_adjustment.py there are thousands of such
residuals, and each knows one camera and one point only; that is all the sparsity there is.
"""

import numpy as np

import chainrule as cr


def forward(R, t, f, point, seen):
    q = R @ point + t
    u = q[:2] / q[2]
    r = f * u - seen
    return r


def by_hand(R, t, f, point, seen, dr):
    q = R @ point + t
    u = q[:2] / q[2]
    dq = np.append(f * dr, -f * (dr @ u)) / q[2]
    return {"R": np.outer(dq, point), "t": dq, "f": dr @ u, "point": R.T @ dq}


angle = 0.3
arguments = (
    np.array([[np.cos(angle), 0.0, np.sin(angle)], [0.0, 1.0, 0.0], [-np.sin(angle), 0.0, np.cos(angle)]]),
    np.array([0.1, -0.2, 4.0]),
    1.5,
    np.array([0.5, -0.4, 0.8]),
    np.array([0.3, -0.2]),
)
upstream = np.array([0.7, -1.2])


def main():
    print(cr.derive(forward, (0, 1, 2, 3))(*arguments))
    print(cr.check(forward, by_hand, *arguments, upstream=upstream))


if __name__ == "__main__":
    main()
