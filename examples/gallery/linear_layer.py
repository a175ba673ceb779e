"""A linear layer: three gradients from one product and one sum.

Z = XW + b meets its gradient dZ from further on. Every entry of W is used once for each of the N rows, weighted by an
entry of X, and its gradient adds these N uses up: that sum is the matrix product Xᵀ dZ. The transpose is not a rule to
be learnt; it is the only way to write "for each pair of input and output, sum over the rows" as a product of matrices.
The bias was copied to N rows, so its gradient is the sum of N rows. The Jacobians say how little has to be kept: of the
entries of ∂Z/∂W, only X is stored, and of those of ∂Z/∂b nothing at all.
"""

import numpy as np

import chainrule as cr


def forward(X, W, b):
    Z = X @ W + b
    return Z


def by_hand(X, W, b, dZ):
    return {"X": dZ @ W.T, "W": X.T @ dZ, "b": dZ.sum(axis=0)}


random = np.random.default_rng(0)
arguments = random.normal(size=(7, 5)), random.normal(size=(5, 3)), random.normal(size=3)
upstream = random.normal(size=(7, 3))


def main():
    print(cr.derive(forward)(*arguments))
    print(cr.check(forward, by_hand, *arguments, upstream=upstream))


if __name__ == "__main__":
    main()
