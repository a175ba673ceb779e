"""Reported of functions of numbers: edges, ties, zeros, what overflows, branches that are not taken."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

import chainrule as cr
from tests.reported.case import Reported

__all__ = ["ELEMENTWISE"]

PI, INF, NAN = np.pi, np.inf, np.nan
LOG2 = np.log(2.0)


def right_of_zero(x: Any) -> Any:
    return np.where(x < 0, 0.0, np.exp(-1 / np.maximum(x, 1e-2)))


def smooth_step(x: Any) -> Any:
    return right_of_zero(x) / (right_of_zero(x) + right_of_zero(1 - x))


def bell_twice(x: Any) -> Any:
    """The second derivative of exp(−x²)."""
    return cr.grad(cr.grad(lambda x: np.exp(-(x**2))))(x)


def morse(x: Any) -> Any:
    return (1 - np.exp(-(x - 1))) ** 2


POWERS = [
    Reported(
        "the last of the powers from 0", "jax-ml/jax#14397", lambda z: np.sum(z ** np.arange(0, 2)), 1.0, 1.0, 0.0
    ),
    Reported("powers from 0 at 0", "jax-ml/jax#14397", lambda z: np.sum(z ** np.arange(0.0, 3.0)), 0.0, 1.0, 2.0),
    Reported(
        "powers 0 and 1 of a vector with a 0",
        "jax-ml/jax#20574",
        lambda x: np.sum(x ** np.array([0, 1])),
        np.array([10.0, 0.0]),
        np.array([0.0, 1.0]),
        np.zeros((2, 2)),
    ),
    Reported("a power of 0 at 0", "jax-ml/jax#18450", lambda x: x**0, 0.0, 0.0, 0.0),
    Reported("a power of 0.0 at 0", "Theano/Theano#2995", lambda x: x**0.0, 0.0, 0.0, 0.0),
    Reported("(x - floor x)⁰", "jax-ml/jax#12409", lambda x: np.sum((x - np.floor(x)) ** np.array([0.0])), 1.0, 0.0),
    Reported(
        "a power whose base is 0 and moves with the exponent",
        "ml-explore/mlx#628",
        lambda x: (x[0] - x[1]) ** x[1],
        np.array([1.0, 1.0]),
        np.array([1.0, -1.0]),
    ),
    Reported(
        "the exponent beside a base that is NaN",
        "jax-ml/jax#4900",
        lambda t: np.sum((np.array([1.0, 2.0, NAN]) ** t)[:2]),
        1.0,
        2 * LOG2,
        2 * LOG2**2,
    ),
    Reported("the cube at 0", "torch/DEPRECEATED-torch7-distro#60", lambda x: x**3, 0.0, 0.0, 0.0),
    Reported("third and fourth derivative at 0", "HIPS/autograd#116", bell_twice, 0.0, 0.0, 12.0),
    Reported("a Morse potential at its minimum", "tensorflow/tensorflow#41125", morse, 1.0, 0.0, 2.0),
    Reported("its third derivative", "tensorflow/tensorflow#41125", cr.grad(cr.grad(morse)), 1.0, -6.0, 14.0),
    Reported(
        "Rosenbrock's function where squares are of 0",
        "autodiff/autodiff#178",
        lambda x: (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2,
        np.zeros(2),
        np.array([-2.0, 0.0]),
        np.diag([2.0, 200.0]),
    ),
]

BRANCHES = [
    Reported("a step where it is 0", "jax-ml/jax#15588", smooth_step, -0.5, 0.0, 0.0),
    Reported("a step where it is 1", "jax-ml/jax#15588", smooth_step, 1.5, 0.0, 0.0),
    Reported(
        "a branch that overflows", "tensorflow/tensorflow#2540", lambda x: np.where(x > 0, 0.0, np.exp(x)), 1e10, 0.0
    ),
    Reported(
        "entries outside the domain that are not used",
        "tensorflow/tensorflow#57786",
        lambda x: np.arccos(x)[0],
        np.array([-0.5, 0.5, 2.0]),
        np.array([-1 / np.sqrt(0.75), 0.0, 0.0]),
    ),
    Reported(
        "roots of 0 that are not chosen",
        "jax-ml/jax#347",
        lambda x: np.sum(np.where((r := np.sqrt(np.sum(x**2, axis=1))) > 0.5, r, 1.0)),
        np.array([[3.0, 4.0], [0.0, 0.0]]),
        np.array([[0.6, 0.8], [0.0, 0.0]]),
    ),
    Reported(
        "a mean of squares without a NaN",
        "jax-ml/jax#9040",
        lambda x: np.nanmean(x**2),
        np.array([NAN, 1.0, 2.0, 3.0, 4.0]),
        np.array([0.0, 0.5, 1.0, 1.5, 2.0]),
    ),
    Reported(
        "a variance without a NaN",
        "jax-ml/jax#8128",
        np.nanvar,
        np.array([NAN, 1.0, 2.0, 3.0]),
        np.array([0.0, -2 / 3, 0.0, 2 / 3]),
    ),
    Reported(
        "one of several results, another of which is NaN",
        "jax-ml/jax#14149",
        lambda x: np.stack([np.mean(x), np.mean(x**2), np.mean(np.sqrt(x))])[0],
        np.array([-1.0, -2.0, -3.0]),
        np.full(3, 1 / 3),
    ),
]

SATURATED = [
    Reported("log σ at 0", "jax-ml/jax#2140", lambda x: -np.logaddexp(0.0, -x), 0.0, 0.5, -0.25),
    Reported(
        "log σ far to the left",
        "jax-ml/jax#40383",
        special.log_expit,
        -37.42994775023705,
        1.0,
        -special.expit(-37.42994775023705),
    ),
    Reported("log(1 + eˣ) far to the right", "tracel-ai/burn#5373", lambda x: np.logaddexp(0.0, x), 1e3, 1.0, 0.0),
    Reported("σ far to the left", "jeshraghian/snntorch#427", lambda x: special.expit(25 * x), -40.0, 0.0, 0.0),
    Reported("tanh far to the right", "jax-ml/jax#764", np.tanh, 1e3, 0.0, 0.0),
    Reported("tanh near 0", "jax-ml/jax#764", np.tanh, 1e-200, 1.0),
    Reported(
        "logaddexp of equal numbers",
        "tensorflow/tensorflow#127232",
        lambda x: np.logaddexp(x[0], x[1]),
        np.array([0.7, 0.7]),
        np.array([0.5, 0.5]),
        np.array([[0.25, -0.25], [-0.25, 0.25]]),
    ),
    Reported(
        "logaddexp of two −∞ within another",
        "pytorch/pytorch#49724",
        lambda x: np.logaddexp(np.logaddexp(x[0] - INF, -INF), x[1]),
        np.array([0.0, 2.0]),
        np.array([0.0, 1.0]),
    ),
    Reported("logsumexp of −∞", "jax-ml/jax#6811", lambda x: special.logsumexp(np.stack([-INF, x - INF])), 1.0, 0.0),
    Reported(
        "logsumexp with a weight of 0",
        "jax-ml/jax#5370",
        lambda x: special.logsumexp(x, b=np.array([1.0, 0.0])),
        np.array([1.0, 900.0]),
        np.array([1.0, 0.0]),
    ),
]

AT_ZERO = [
    Reported("sinc at 0", "jax-ml/jax#5054", np.sinc, 0.0, 0.0, -(PI**2) / 3),
    Reported(
        "sinc of a line at 0", "tensorflow/tensorflow#127226", lambda t: np.sinc(2 * t + 1), -0.5, 0.0, -4 * PI**2 / 3
    ),
    Reported("sinc near 0", "jax-ml/jax#34139", np.sinc, 1e-6, -(PI**2) * 1e-6 / 3, -(PI**2) / 3),
    Reported("exprel at 0", "chaobrain/saiunit#114", special.exprel, 0.0, 0.5, 1 / 3),
    Reported("x log 2 at 0", "pytorch/pytorch#80770", lambda x: special.xlogy(x, 2.0), 0.0, LOG2, 0.0),
    Reported(
        "x log y where x is 0",
        "tensorflow/tensorflow#127240",
        lambda x: special.xlogy(x[0], x[1]),
        np.array([0.0, 2.0]),
        np.array([LOG2, 0.0]),
        np.array([[0.0, 0.5], [0.5, 0.0]]),
    ),
    Reported(
        "ldexp at 0",
        "tensorflow/tensorflow#127244",
        lambda t: np.sum(np.ldexp(np.stack([t, 2 * t, t - 1]), np.array([1, 2, 3]))),
        0.0,
        18.0,
        0.0,
    ),
    Reported(
        "fabs twice",
        "tensorflow/tensorflow#60071",
        lambda x: np.sum(np.fabs(x)),
        np.array([1.0, -2.0]),
        np.array([1.0, -1.0]),
        np.zeros((2, 2)),
    ),
    Reported(
        "arctan2 by the wrong argument",
        "ml-explore/mlx#2451",
        lambda x: np.arctan2(x[0], x[1]),
        np.array([1.0, 2.0]),
        np.array([0.4, -0.2]),
        np.array([[-0.16, -0.12], [-0.12, 0.16]]),
    ),
    Reported(
        "arctan2(0, 1)",
        "coin-or/CppAD#120",
        lambda x: np.arctan2(x[0], x[1]),
        np.array([0.0, 1.0]),
        np.array([1.0, 0.0]),
    ),
    Reported("arctan2(0, 0)", "pytorch/pytorch#165427", lambda x: np.arctan2(x[0], x[1]), np.zeros(2), np.zeros(2)),
    Reported(
        "arctan2 of small numbers",
        "jax-ml/jax#18605",
        lambda x: np.arctan2(x[0], x[1]),
        np.array([1e-10, 1e-10]),
        np.array([5e9, -5e9]),
    ),
    Reported(
        "the angle of a small complex number",
        "pytorch/pytorch#98276",
        np.angle,
        5.6843e-14 + 1e-13j,
        (-1e-13 + 5.6843e-14j) / abs(5.6843e-14 + 1e-13j) ** 2,
    ),
    Reported("minimum of a number and itself", "Theano/Theano#6470", lambda x: np.minimum(x, x), 0.3, 1.0, 0.0),
    Reported("clip by itself", "Theano/Theano#633", lambda x: np.clip(x, 0.0, x), 5.0, 1.0, 0.0),
    Reported(
        "ties of max beside ties of min",
        "HIPS/autograd#49",
        lambda x: np.log(np.max(x) / np.min(x)),
        np.ones(2),
        np.zeros(2),
    ),
]

OF_TWO = [
    Reported(
        "fmod, broadcast",
        "Oneflow-Inc/oneflow#8769",
        lambda x: np.sum(np.fmod(x[:1], x[1:, None])),
        np.array([5.0, 2.0, 2.0]),
        np.array([2.0, -2.0, -2.0]),
    ),
    Reported(
        "remainder by the divisor",
        "pytorch/pytorch#69908",
        lambda x: np.remainder(x[0], x[1]),
        np.array([-5.0, 3.0]),
        np.array([1.0, 2.0]),
    ),
    Reported(
        "trigamma at a negative half",
        "jax-ml/jax#37635",
        special.digamma,
        -16.5,
        PI**2 - float(special.polygamma(1, 17.5)),
        float(special.polygamma(2, 17.5)),
    ),
    Reported(
        "the incomplete beta integral by its shape",
        "jax-ml/jax#38610",
        lambda b: special.betainc(1.0, b, 0.5),
        2.0,
        0.25 * LOG2,
        -0.25 * LOG2**2,
    ),
]

ELEMENTWISE = [*POWERS, *BRANCHES, *SATURATED, *AT_ZERO, *OF_TWO]
