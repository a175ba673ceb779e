"""A convolution in one dimension: the gradient of each side is a sum over the other, with the places shifted.

The signal is seen through windows, one for each place where the kernel fits: y_i = Σ_j k_j x_{i+j}. The kernel's
gradient is a correlation of the signal with dy. An entry x_i of the signal lies in up to three windows, at another
place of the kernel in each: it was met by k_j in the window i − j, and so its gradient is Σ_j k_j dy_{i−j}. That is a
full convolution: the kernel is turned round, and dy counts as 0 outside, so that the ends get fewer contributions.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import chainrule as cr


def forward(x, k):
    y = sliding_window_view(x, len(k)) @ k
    return y


def by_hand(x, k, dy):
    dk = np.array([dy @ x[j : j + len(dy)] for j in range(len(k))])
    return {"x": np.convolve(dy, k), "k": dk}


random = np.random.default_rng(0)
arguments = random.normal(size=9), random.normal(size=3)
upstream = random.normal(size=7)


def main():
    print(cr.derive(forward)(*arguments))
    print(cr.check(forward, by_hand, *arguments, upstream=upstream))


if __name__ == "__main__":
    main()
