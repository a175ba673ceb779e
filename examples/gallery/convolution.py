"""A convolution in one dimension: the gradient of each side is a correlation with the other.

The signal is cut into windows, one for each place where the kernel fits, and y is the product of the matrix of windows
with the kernel. So the gradient of the kernel is that matrix transposed times dy: a correlation of the signal with dy.
An entry of the signal lies in up to three windows, at another place of the kernel in each. Going back, what the windows
get is added up at the places that they were cut from; whoever writes this as a convolution has to turn the kernel
round, and to pad dy, so that the ends get their smaller number of contributions.
"""

import numpy as np

import chainrule as cr


def forward(x, k):
    places = np.arange(len(x) - len(k) + 1)[:, None] + np.arange(len(k))
    windows = x[places]
    y = windows @ k
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
