"""A network of two layers, ReLU inside and a sigmoid at the end: backward is forward, with masks and transposes.

Read the steps from the end. The squared error sends 2(p − y)/N; the sigmoid multiplies by its slope p(1 − p), which it
knows from its output alone; the product with W2 sends it through W2 transposed; the ReLU lets through what belongs to
the hidden units that were on, and nothing else; the product with X sends it through X transposed. The slope p(1 − p) is
never more than 1/4, and near 0 where the unit is sure, right or wrong: a network that is sure and wrong learns nothing
from a squared error. Cross-entropy mends that (see softmax_cross_entropy.py).
"""

import numpy as np

import chainrule as cr


def forward(W1, b1, W2, b2, X, y):
    z = X @ W1 + b1
    h = np.maximum(z, 0)
    p = 1 / (1 + np.exp(-(h @ W2 + b2)))
    L = np.mean((p - y) ** 2)
    return L


def by_hand(W1, b1, W2, b2, X, y):
    z = X @ W1 + b1
    h = np.maximum(z, 0)
    p = 1 / (1 + np.exp(-(h @ W2 + b2)))
    da = 2 * (p - y) / len(y) * p * (1 - p)
    dz = np.outer(da, W2) * (z > 0)
    return {"W1": X.T @ dz, "b1": dz.sum(axis=0), "W2": h.T @ da, "b2": da.sum()}


random = np.random.default_rng(0)
arguments = (
    random.normal(size=(5, 4)),
    random.normal(size=4),
    random.normal(size=4),
    0.1,
    random.normal(size=(7, 5)),
    np.array([0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0]),
)


def main():
    print(cr.derive(forward, (0, 1, 2, 3))(*arguments))
    print(cr.check(forward, by_hand, *arguments))


if __name__ == "__main__":
    main()
