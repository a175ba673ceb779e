"""Reported of functions of arrays: products with zeros, sums over labels, matrices, Fourier transforms, densities."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg, special, stats

from tests.reported.case import Reported

__all__ = ["ARRAYS"]

RNG = np.random.default_rng(7)
X4 = RNG.normal(size=(3, 2, 3, 2))
X, Y = RNG.normal(size=(1, 1, 5, 3)), RNG.normal(size=(1, 1, 3, 2))
Z = RNG.normal(size=8)
S = np.array([[2.0, 0.5], [0.5, 1.0]])
D = np.array([0.4, -1.1])
INVERSE = np.linalg.inv(S)
SOFTMAX = special.softmax(np.array([0.3, -0.5, 1.2]))
HALF = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0])
WEIGHTS = np.array([[[1.0, 2.0], [3.0, 4.0]], [[2.0, -1.0], [4.0, 3.0]]])
RIGHT = np.array([[1.0, 2.0], [-1.0, 3.0]])


def rows_of_polynomials(t: Any) -> Any:
    factors = np.reshape(np.stack([t, t + 1, 2 - t, t - 1, 2 * t + 1, t + 3]), (2, 3))
    return np.sum(np.cumprod(factors, axis=-1) * np.array([[1, 2, 3], [4, 5, 6]]))


def hessian_of_a_product(size: int, entries: dict[tuple[int, int], float]) -> Any:
    found = np.zeros((size, size))
    for (i, j), value in entries.items():
        found[i, j] = found[j, i] = value
    return found


def factored_inverse(t: Any) -> Any:
    factor = np.array([[t + 1, 0.0], [1.0, 2.0]])
    return np.sum(linalg.cho_solve((factor, True), np.eye(2)))


def factored_solutions(t: Any) -> Any:
    factors = [np.array([[2.0, 0.0], [t, 3.0]]), np.array([[3.0, 0.0], [2 * t + 1, 2.0]])]
    return sum(np.sum(linalg.cho_solve((L, True), RIGHT) * w) for L, w in zip(factors, WEIGHTS, strict=True))


def without_itself(x: Any) -> Any:
    """Σ 1/|xᵢ − xⱼ| over pairs of different points."""
    apart = np.sqrt(np.sum((x[:, None] - x) ** 2, axis=-1))
    return np.sum(np.where(np.eye(len(x)) > 0, 0.0, 1 / apart)) / 2


PRODUCTS = [
    Reported(
        "a product with two zeros",
        "pytorch/pytorch#106789",
        np.prod,
        np.array([2.0, 3.0, 0.0, 0.0]),
        np.zeros(4),
        hessian_of_a_product(4, {(2, 3): 6.0}),
    ),
    Reported(
        "a product with a zero",
        "pytorch/pytorch#773",
        np.prod,
        np.array([2.0, 0.0, 3.0]),
        np.array([0.0, 6.0, 0.0]),
        hessian_of_a_product(3, {(0, 1): 3.0, (1, 2): 2.0}),
    ),
    Reported(
        "a product of 0 and 1",
        "tensorflow/tensorflow#61117",
        np.prod,
        np.array([0.0, 1.0]),
        np.array([1.0, 0.0]),
        np.array([[0.0, 1.0], [1.0, 0.0]]),
    ),
    Reported(
        "a product along rows with a zero",
        "apache/mxnet#18078",
        lambda x: np.sum(np.prod(x, axis=1)),
        np.array([[4.0, 0.0]]),
        np.array([[0.0, 4.0]]),
    ),
    Reported(
        "a product with a small factor",
        "pytorch/pytorch#193012",
        lambda x: 4000 * np.prod(x),
        np.array([1e-300, 1.0, 1.0]),
        np.array([4000.0, 4e-297, 4e-297]),
        4000 * hessian_of_a_product(3, {(0, 1): 1.0, (0, 2): 1.0, (1, 2): 1e-300}),
    ),
    Reported(
        "cumprod from a zero",
        "tensorflow/tensorflow#119430",
        lambda x: np.sum(np.cumprod(x)),
        np.array([0.0, 2.0, 3.0]),
        np.array([9.0, 0.0, 0.0]),
        hessian_of_a_product(3, {(0, 1): 4.0, (0, 2): 2.0}),
    ),
    Reported(
        "cumprod to a zero",
        "tensorflow/tensorflow#119430",
        lambda x: np.sum(np.cumprod(x)),
        np.array([2.0, 3.0, 0.0]),
        np.array([4.0, 2.0, 6.0]),
    ),
    Reported(
        "cumprod with two zeros",
        "tensorflow/tensorflow#3862",
        lambda x: np.sum(np.cumprod(x)),
        np.array([2.0, 0.0, 0.0, 3.0]),
        np.array([1.0, 2.0, 0.0, 0.0]),
    ),
    Reported("cumprod of polynomials, one of them 0", "pytorch/pytorch#196701", rows_of_polynomials, 1.0, 101.0, 144.0),
    Reported(
        "powers in a Vandermonde matrix with a 0",
        "tensorflow/tensorflow#127227",
        lambda t: np.sum(np.vander(np.stack([t - 2, t]), 3) * np.array([[1, 2, 3], [4, 5, 6]])),
        2.0,
        23.0,
        10.0,
    ),
]

SUMS = [
    Reported(
        "einsum over labels on one side",
        "HIPS/autograd#242",
        lambda x: np.sum(np.einsum("abcd->bd", x) ** 2),
        X4,
        np.broadcast_to(2 * X4.sum((0, 2))[None, :, None], X4.shape),
    ),
    Reported(
        "einsum that broadcasts an axis of 1",
        "HIPS/autograd#376",
        lambda x: np.einsum("i,i", x, np.array([2.0])),
        np.array([2.0, 2.0]),
        np.array([2.0, 2.0]),
        np.zeros((2, 2)),
    ),
    Reported(
        "einsum with axes of 1",
        "apache/mxnet#18102",
        lambda x: np.sum(np.einsum("bnij,bnjc->bnic", x, Y)),
        X,
        np.broadcast_to(Y.sum(-1)[..., None, :], X.shape),
    ),
    Reported(
        "tensordot over chosen axes",
        "HIPS/autograd#466",
        lambda x: np.sum(np.tensordot(np.array([1.0, 0.0]), np.array([[0.0, -x], [x, 0.0]]), (0, 1))),
        1.0,
        1.0,
        0.0,
    ),
    Reported(
        "tensordot with a complex vector",
        "HIPS/autograd#360",
        lambda x: np.abs(np.tensordot(x, np.array([1.0, 1.0j]), axes=([0], [0]))) ** 2,
        np.ones(2),
        np.array([2.0, 2.0]),
        2 * np.eye(2),
    ),
    Reported(
        "broadcast_to", "HIPS/autograd#384", lambda x: np.sum(np.broadcast_to(x, (4, 3))), np.ones(3), np.full(3, 4.0)
    ),
    Reported(
        "an axis of 1 that is stretched",
        "pytorch/pytorch#913",
        lambda x: np.sum(np.ones((5, 2, 1)) + x),
        np.ones((2, 3)),
        np.full((2, 3), 5.0),
    ),
    Reported(
        "the method dot",
        "HIPS/autograd#608",
        lambda x: x.dot(np.array([0.2, 0.6, 0.1])),
        np.ones(3),
        np.array([0.2, 0.6, 0.1]),
    ),
    Reported(
        "the middle of what is not NaN",
        "PaddlePaddle/Paddle#42385",
        np.nanmedian,
        np.array([np.nan, 2.0, 5.0, 1.0, 4.0, np.nan]),
        np.array([0.0, 0.5, 0.0, 0.0, 0.5, 0.0]),
    ),
    Reported(
        "the cross-entropy of a softmax, twice",
        "tensorflow/tensorflow#7403",
        lambda z: special.logsumexp(z) - z[1],
        np.array([0.3, -0.5, 1.2]),
        SOFTMAX - np.array([0.0, 1.0, 0.0]),
        np.diag(SOFTMAX) - np.outer(SOFTMAX, SOFTMAX),
    ),
    Reported(
        "half of a spectrum",
        "HIPS/autograd#185",
        lambda x: np.sum(np.abs(HALF * np.fft.fft(x)) ** 2),
        Z,
        2 * 8 * np.real(np.fft.ifft(HALF * np.fft.fft(Z))),
    ),
    Reported(
        "the spectrum of imaginary numbers",
        "EnzymeAD/Enzyme-JAX#2071",
        lambda y: np.sum(np.abs(np.fft.fft(0.5 + 1j * y)) ** 2),
        Z,
        16 * Z,
        16 * np.eye(8),
    ),
]

NORMS = [
    Reported("a norm at 0", "pytorch/pytorch#2421", np.linalg.norm, np.zeros(3), np.zeros(3)),
    Reported(
        "the square of a norm at 0", "jax-ml/jax#21723", lambda x: np.linalg.norm(x) ** 2, np.zeros(2), np.zeros(2)
    ),
    Reported(
        "a function of a norm at 0",
        "HIPS/autograd#183",
        lambda x: np.exp(-(np.linalg.norm(x) ** 2)),
        np.zeros((2, 1)),
        np.zeros((2, 1)),
    ),
    Reported(
        "rows of which one has the norm 0",
        "jax-ml/jax#939",
        lambda x: np.sum(np.linalg.norm(x + np.array([[-1.5, 0.0], [0.0, 0.0]]), axis=-1)),
        np.zeros((2, 2)),
        np.array([[-1.0, 0.0], [0.0, 0.0]]),
    ),
    Reported(
        "the spread of equal numbers",
        "pytorch/pytorch#4320",
        lambda x: np.sum(np.std(x, axis=0)),
        np.ones((3, 2)),
        np.zeros((3, 2)),
    ),
    Reported(
        "pairs without the distance of a point to itself",
        "jax-ml/jax#654",
        without_itself,
        np.array([[0.0, 0.0], [3.0, 4.0]]),
        np.array([[3.0, 4.0], [-3.0, -4.0]]) / 125,
    ),
]

MATRICES = [
    Reported(
        "the upper factor reads the upper triangle",
        "jax-ml/jax#40421",
        lambda a: np.sum(linalg.cholesky(a)),
        np.array([[4.0, 1.0], [1.0, 3.0]]),
        np.array([[0.1875 + 0.03125 / np.sqrt(2.75), 0.5 - 0.25 / np.sqrt(2.75)], [0.0, 0.5 / np.sqrt(2.75)]]),
    ),
    Reported(
        "an inverse by Cholesky factors",
        "pytorch/pytorch#18825",
        lambda t: np.sum(np.linalg.inv(np.linalg.cholesky(S + t * np.array([[1.0, 2.0], [2.0, 3.0]]))) ** 2),
        0.0,
        -np.trace(INVERSE @ np.array([[1.0, 2.0], [2.0, 3.0]]) @ INVERSE),
    ),
    Reported(
        "an inverse by a Cholesky factor, forwards",
        "pytorch/pytorch#196682",
        factored_inverse,
        0.7,
        -2.5 / 1.7**3 + 0.5 / 1.7**2,
        7.5 / 1.7**4 - 1 / 1.7**3,
    ),
    Reported("solutions by Cholesky factors", "pytorch/pytorch#196694", factored_solutions, -7.0, -11 / 3),
    Reported(
        "the determinant of a singular matrix",
        "pytorch/pytorch#104675",
        np.linalg.det,
        np.array([[0.0, 1.0], [0.0, 1.0]]),
        np.array([[1.0, 0.0], [-1.0, 0.0]]),
    ),
    Reported(
        "the determinant, twice",
        "tensorflow/tensorflow#57430",
        lambda x: np.linalg.det(np.reshape(x, (2, 2))),
        np.array([0.41278124, 0.472762, 0.5486289, 0.8008381]),
        np.array([0.8008381, -0.5486289, -0.472762, 0.41278124]),
        np.fliplr(np.diag([1.0, -1.0, -1.0, 1.0])),
    ),
    Reported(
        "the determinant of a zero matrix, twice",
        "tensorflow/tensorflow#55230",
        lambda x: np.linalg.det(np.reshape(x, (2, 2))),
        np.zeros(4),
        np.zeros(4),
        np.fliplr(np.diag([1.0, -1.0, -1.0, 1.0])),
    ),
    Reported(
        "the largest singular value, the others equal",
        "jax-ml/jax#2311",
        lambda a: np.linalg.svd(a)[1][0],
        np.ones((5, 5)),
        np.full((5, 5), 0.2),
    ),
    Reported(
        "the exponential of t + a rotation, twice",
        "tensorflow/tensorflow#127224",
        lambda t: np.sum(linalg.expm(t * np.eye(2) + np.array([[0.0, -1.0], [1.0, 0.0]]))),
        0.7,
        2 * np.exp(0.7) * np.cos(1.0),
        2 * np.exp(0.7) * np.cos(1.0),
    ),
]

DENSITIES = [
    Reported(
        "a normal density by its covariance",
        "HIPS/autograd#401",
        lambda t: stats.multivariate_normal.logpdf(D, np.zeros(2), S + t * np.eye(2)),
        0.0,
        0.5 * (D @ INVERSE @ INVERSE @ D - np.trace(INVERSE)),
    ),
    Reported(
        "a beta density whose shapes are 1",
        "jax-ml/jax#15598",
        lambda k: stats.beta.logpdf(0.5, k[0], k[1]),
        np.ones(2),
        np.full(2, 1 - np.log(2.0)),
    ),
]

ARRAYS = [*PRODUCTS, *SUMS, *NORMS, *MATRICES, *DENSITIES]
