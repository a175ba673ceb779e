"""The likelihood of a Gaussian process: the parameters of the kernel, through the matrix K.

Everything goes through K: first ∂L/∂K = ½(K⁻¹ − α αᵀ) with α = K⁻¹ y, then the sum of its entries times ∂K/∂θ for each
parameter θ. The two terms are in balance when α αᵀ, what the data say, equals K⁻¹, what the model expects of them. The
determinant has a gradient, the inverse, with no determinant in it, and the quadratic form has one with no derivative of
an inverse in it; both need only what the likelihood has computed already.
"""

import numpy as np

import chainrule as cr

NOISE = 0.1


def forward(length, scale, x, y):
    d = x[:, None] - x[None, :]
    C = scale**2 * np.exp(-0.5 * d**2 / length**2)
    K = C + NOISE * np.eye(len(x))
    alpha = np.linalg.solve(K, y)
    L = 0.5 * y @ alpha + 0.5 * np.linalg.slogdet(K)[1]
    return L


def by_hand(length, scale, x, y):
    d = x[:, None] - x[None, :]
    C = scale**2 * np.exp(-0.5 * d**2 / length**2)
    inverse = np.linalg.inv(C + NOISE * np.eye(len(x)))
    alpha = inverse @ y
    dK = 0.5 * (inverse - np.outer(alpha, alpha))
    return {"length": np.sum(dK * C * d**2) / length**3, "scale": np.sum(dK * 2 * C / scale)}


x = np.linspace(0, 3, 8)
arguments = 0.7, 1.3, x, np.sin(2 * x)


def main():
    print(cr.derive(forward, (0, 1))(*arguments))
    print(cr.check(forward, by_hand, *arguments))


if __name__ == "__main__":
    main()
