"""Logistic regression by Newton's method: the Hessian stays Xᵀ D X + λ I, as on paper, until it is solved with."""

import numpy as np

import chainrule as cr

random = np.random.default_rng(0)
X = random.normal(size=(4000, 100))
weights = random.normal(size=100) / 5
label = np.where(random.random(4000) < 1.0 / (1.0 + np.exp(-X @ weights)), 1.0, -1.0)
PENALTY = 1.0


def loss(w):
    return np.sum(np.logaddexp(0.0, -label * (X @ w))) + 0.5 * PENALTY * np.sum(w**2)


value_and_gradient, hessian = cr.value_and_grad(loss), cr.hessian(loss)
w, steps = np.zeros(100), []
while not steps or steps[-1] > 1e-10:
    value, gradient = value_and_gradient(w)
    H = hessian(w)
    step = H.solve(gradient)
    w = w - step
    steps.append(float(np.abs(step).max()))

if __name__ == "__main__":
    print(f"Hessian:    {H!r}")
    print(f"steps:      {', '.join([f'{step:.0e}' for step in steps])}")
    print(f"right:      {np.mean(np.sign(X @ w) == label):.1%} of the labels, loss {value:.4f}")
