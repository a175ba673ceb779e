"""Softmax and cross-entropy: the long way round to p − y.

The softmax alone has a Jacobian with two terms, diag(p) − p pᵀ for each row: raising one score raises its probability
and lowers all others. The logarithm sends −y/p. The division by p cancels in both terms: the first leaves −y, and the
second leaves p, because the entries of y sum to 1. So the gradient does not vanish while the prediction is wrong, and
nobody has to divide by a small probability to compute it. Each row of it sums to 0, because adding a constant to all
scores of a row changes nothing; for the same reason the maximum that is subtracted before exp, lest it overflow, has no
gradient of its own.
"""

import numpy as np

import chainrule as cr


def forward(W, X, y):
    Z = X @ W
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    P = E / E.sum(axis=1, keepdims=True)
    L = -np.mean(np.log(P[np.arange(len(y)), y]))
    return L


def by_hand(W, X, y):
    E = np.exp(X @ W)
    dZ = E / E.sum(axis=1, keepdims=True)
    dZ[np.arange(len(y)), y] -= 1
    return {"W": X.T @ dZ / len(y)}


random = np.random.default_rng(0)
arguments = random.normal(size=(5, 3)), random.normal(size=(7, 5)), np.array([0, 2, 1, 1, 0, 2, 2])


def main():
    print(cr.derive(forward, 0)(*arguments))
    print(cr.check(forward, by_hand, *arguments))


if __name__ == "__main__":
    main()
