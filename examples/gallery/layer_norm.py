"""Layer normalisation: batch normalisation turned by a right angle.

The means are taken along each row, so no row knows of another and the three terms hold within a row. What differs is
where the scale gamma goes. In batch normalisation it is constant along the axis of the means and stands in front of the
bracket; here it varies along that axis and has to be multiplied in first, so that the means are those of dxhat =
gamma ⊙ dout, not of dout. That is the mistake to make when one formula is turned into the other.
"""

import numpy as np

import chainrule as cr


def forward(X, gamma, beta):
    centred = X - X.mean(axis=1, keepdims=True)
    istd = 1 / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
    xhat = centred * istd
    out = gamma * xhat + beta
    return out


def by_hand(X, gamma, beta, dout):
    centred = X - X.mean(axis=1, keepdims=True)
    istd = 1 / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
    xhat = centred * istd
    dxhat = dout * gamma
    mean, along = dxhat.mean(axis=1, keepdims=True), (dxhat * xhat).mean(axis=1, keepdims=True)
    return {"X": istd * (dxhat - mean - xhat * along), "gamma": (dout * xhat).sum(axis=0), "beta": dout.sum(axis=0)}


random = np.random.default_rng(0)
arguments = random.normal(size=(7, 5)), random.normal(size=5), random.normal(size=5)
upstream = random.normal(size=(7, 5))


def main():
    print(cr.derive(forward)(*arguments))
    print(cr.check(forward, by_hand, *arguments, upstream=upstream))


if __name__ == "__main__":
    main()
