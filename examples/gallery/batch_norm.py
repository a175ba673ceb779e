"""Batch normalisation: three terms, because each value moves the mean and the variance of its column.

A change of one entry of X reaches the result by three ways: directly, through the mean, and through the variance. The
formula has a term for each: dxhat, minus its mean over the column, minus xhat times the mean of dxhat ⊙ xhat. The last two
take away from dxhat just what the normalisation takes away from X: its mean, and its part along xhat. So the gradient of a
column sums to 0, and is orthogonal to xhat but for the tiny eps: shifting or stretching a column does not change the
result, and a gradient is orthogonal to whatever changes nothing. The variance also depends on the mean, and that fourth
way is not in the formula: the deviations sum to 0, so a small change of the mean does not move the variance.
"""

import numpy as np

import chainrule as cr


def forward(X, gamma, beta):
    mu = X.mean(axis=0)
    var = ((X - mu) ** 2).mean(axis=0)
    istd = 1 / np.sqrt(var + 1e-5)
    xhat = (X - mu) * istd
    out = gamma * xhat + beta
    return out


def by_hand(X, gamma, beta, dout):
    N = len(X)
    istd = 1 / np.sqrt(X.var(axis=0) + 1e-5)
    xhat = (X - X.mean(axis=0)) * istd
    dbeta = dout.sum(axis=0)
    dgamma = (dout * xhat).sum(axis=0)
    dX = gamma * istd / N * (N * dout - dbeta - xhat * dgamma)
    return {"X": dX, "gamma": dgamma, "beta": dbeta}


random = np.random.default_rng(0)
arguments = random.normal(size=(7, 3)), random.normal(size=3), random.normal(size=3)
upstream = random.normal(size=(7, 3))


def main():
    print(cr.derive(forward)(*arguments))
    print(cr.check(forward, by_hand, *arguments, upstream=upstream))


if __name__ == "__main__":
    main()
