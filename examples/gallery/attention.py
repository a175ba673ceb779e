"""Attention: two products of matrices with a softmax between them.

The values V are in a product like any other: their gradient is Pᵀ dO. The queries and keys stand before the softmax,
whose Jacobian sends dP to P ⊙ (dP − row sums of dP ⊙ P). With dP = dO Vᵀ these row sums are those of dO ⊙ O, and the
output O is small where P has as many entries as the sequence has pairs. That identity is what lets fused kernels compute
the gradient without keeping P. Q and K are then the two sides of one product: dS K and dSᵀ Q, both with the 1/√d of the
scores.
"""

import numpy as np

import chainrule as cr


def forward(Q, K, V):
    S = Q @ K.T / np.sqrt(Q.shape[1])
    E = np.exp(S)
    P = E / E.sum(axis=1, keepdims=True)
    O = P @ V
    return O


def by_hand(Q, K, V, dO):
    scale = 1 / np.sqrt(Q.shape[1])
    E = np.exp(Q @ K.T * scale)
    P = E / E.sum(axis=1, keepdims=True)
    dP = dO @ V.T
    dS = P * (dP - (dP * P).sum(axis=1, keepdims=True)) * scale
    return {"Q": dS @ K, "K": dS.T @ Q, "V": P.T @ dO}


random = np.random.default_rng(0)
arguments = random.normal(size=(7, 5)), random.normal(size=(6, 5)), random.normal(size=(6, 3))
upstream = random.normal(size=(7, 3))


def main():
    print(cr.derive(forward)(*arguments))
    print(cr.check(forward, by_hand, *arguments, upstream=upstream))


if __name__ == "__main__":
    main()
