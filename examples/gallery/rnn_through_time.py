"""A recurrent network through time: a sum over the steps for every parameter that is used at every step.

The loss sees the last state only; what reaches step t has passed tanh' and Wₕᵀ at every later step. The three parameters
are the same at each step, so their gradients are sums over t of what a single layer would have: xₜᵀ daₜ, hₜ₋₁ᵀ daₜ, daₜ.
Note hₜ₋₁, not hₜ: Wₕ multiplied the state before the step. And note that tanh' is 1 − hₜ², from the output of the step.
"""

import numpy as np

import chainrule as cr


def forward(Wx, Wh, b, X, h, y):
    for x in X:
        a = x @ Wx + h @ Wh + b
        h = np.tanh(a)
    L = 0.5 * np.sum((h - y) ** 2)
    return L


def by_hand(Wx, Wh, b, X, h, y):
    states = [h]
    for x in X:
        states.append(np.tanh(x @ Wx + states[-1] @ Wh + b))
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
    dh = states[-1] - y
    for t in reversed(range(len(X))):
        da = dh * (1 - states[t + 1] ** 2)
        dWx += np.outer(X[t], da)
        dWh += np.outer(states[t], da)
        db += da
        dh = Wh @ da
    return {"Wx": dWx, "Wh": dWh, "b": db}


random = np.random.default_rng(0)
arguments = (
    random.normal(size=(3, 4)),
    random.normal(size=(4, 4)) / 2,
    random.normal(size=4),
    random.normal(size=(5, 3)),
    np.zeros(4),
    random.normal(size=4),
)


def main():
    print(cr.derive(forward, (0, 1, 2))(*arguments))
    print(cr.check(forward, by_hand, *arguments))


if __name__ == "__main__":
    main()
