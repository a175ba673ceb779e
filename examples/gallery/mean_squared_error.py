"""The mean squared error of a linear model: the residual, weighted by the inputs.

The gradient of a weight adds up its input times what the model still gets wrong, over all rows; where these products
cancel, nothing is left to learn for that weight. A mean divides by the number of entries that it averages over, which is
N K and not N. The second derivative, 2/(N K) XᵀX for each column of W, knows neither Y nor W: the loss is a bowl of the
same form everywhere, which is why Newton's method is done after one step.
"""

import numpy as np

import chainrule as cr


def forward(X, W, b, Y):
    r = X @ W + b - Y
    L = np.mean(r**2)
    return L


def by_hand(X, W, b, Y):
    r = X @ W + b - Y
    dr = 2 / r.size * r
    return {"W": X.T @ dr, "b": dr.sum(axis=0)}


random = np.random.default_rng(0)
arguments = random.normal(size=(7, 5)), random.normal(size=(5, 3)), random.normal(size=3), random.normal(size=(7, 3))


def main():
    print(cr.derive(forward, (1, 2))(*arguments))
    print(cr.check(forward, by_hand, *arguments))


if __name__ == "__main__":
    main()
