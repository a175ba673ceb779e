"""Reported of programs: writes in place, indices that repeat, derivatives within derivatives, solvers."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import integrate, optimize

import chainrule as cr
from tests.reported.case import Reported

__all__ = ["PROGRAMS"]

W = np.array([[1.0, -2.0], [0.5, 3.0]])


def written_twice(x: Any) -> Any:
    y = np.zeros(3)
    y[[0, 0, 1]] = x
    return np.sum(y * np.array([1.0, 2.0, 3.0]))


def multiplied_twice(x: Any) -> Any:
    y = np.ones(3)
    np.multiply.at(y, [0, 0, 1], x)
    return np.sum(y)


def written_nowhere(x: Any) -> Any:
    y = np.ones(3)
    y[np.array([], int)] = x[:0]
    return np.sum(y)


def written_where_it_says(x: Any) -> Any:
    y = np.zeros(3)
    y[np.array(x - 1, np.int32)] = x
    return np.sum(y)


def reduced_in_a_buffer(x: Any) -> Any:
    t = np.zeros(5)
    t[0], t[1], t[3] = x
    t[2] = t[0] * t[1]
    t[4] = t[2] * t[3]
    return t[4]


def added_twice(x: Any) -> Any:
    y = np.zeros_like(x)
    y[:, 0] += np.abs(x[:, 2])
    y[:, 0] += np.abs(x[:, 2])
    return np.sum(y)


def view_of_a_view(x: Any) -> Any:
    a = 1 * x
    c = a.reshape(2, 2)[0][:]
    c *= 2
    return np.sum(a)


def turned_view(x: Any) -> Any:
    base = np.array(W)
    view = base.T
    view *= x
    view *= 2
    return np.sum(base * np.arange(4.0).reshape(2, 2))


def overwritten_after_a_product(x: Any) -> Any:
    z = x.copy()
    y = z @ W
    z += 1
    return np.sum(y) + np.sum(z)


def root_by_parameters(p: Any) -> Any:
    return optimize.brentq(lambda x: (p[0] * x**2 + p[1] * x) / (p[0] + p[1]) - 0.5, 0.0, 1.0)


def solved(p: Any) -> Any:
    return (-p[1] + np.sqrt(p[1] ** 2 + 2 * p[0] * (p[0] + p[1]))) / (2 * p[0])


def by_complex_step(f: Any, x: Any) -> Any:
    return np.array([np.imag(f(x + 1e-30j * unit)) / 1e-30 for unit in np.eye(len(x))])


PARAMETERS = np.array([1.3, 0.7])

WRITTEN = [
    Reported(
        "an index that repeats: the last is kept",
        "pytorch/pytorch#146299",
        written_twice,
        np.array([1.0, 2.0, 3.0]),
        np.array([0.0, 1.0, 2.0]),
        np.zeros((3, 3)),
    ),
    Reported(
        "an index that repeats: factors",
        "jax-ml/jax#12469",
        multiplied_twice,
        np.array([2.0, 3.0, 5.0]),
        np.array([3.0, 2.0, 1.0]),
    ),
    Reported("no index at all", "pytorch/pytorch#94336", written_nowhere, np.array([1.0, 2.0]), np.zeros(2)),
    Reported(
        "indices that are computed", "jax-ml/jax#1104", written_where_it_says, np.array([1.0, 2.0, 3.0]), np.ones(3)
    ),
    Reported(
        "a buffer that is read and written",
        "pytorch/pytorch#74874",
        reduced_in_a_buffer,
        np.array([2.0, 3.0, 5.0]),
        np.array([15.0, 10.0, 6.0]),
        np.array([[0.0, 5.0, 3.0], [5.0, 0.0, 2.0], [3.0, 2.0, 0.0]]),
    ),
    Reported(
        "the same sum added twice",
        "pytorch/pytorch#136662",
        added_twice,
        np.array([[1.0, 1.0, -1.0], [1.0, 1.0, 2.0]]),
        np.array([[0.0, 0.0, -2.0], [0.0, 0.0, 2.0]]),
    ),
    Reported("a view of a view", "pytorch/pytorch#49824", view_of_a_view, np.ones(4), np.array([2.0, 2.0, 1.0, 1.0])),
    Reported(
        "a view with other strides",
        "pytorch/pytorch#67800",
        turned_view,
        np.array([[1.0, 2.0], [3.0, 4.0]]),
        2 * (W * np.arange(4.0).reshape(2, 2)).T,
    ),
    Reported(
        "an operand that is overwritten afterwards",
        "pytorch/pytorch#197887",
        overwritten_after_a_product,
        np.ones((3, 2)),
        np.broadcast_to(W.sum(1) + 1, (3, 2)),
    ),
]

NESTED = [
    Reported(
        "where the inner derivative is taken moves",
        "pytorch/pytorch#32576",
        lambda x: cr.grad(lambda y: y * (x - y))(x),
        1.0,
        -1.0,
        0.0,
    ),
    Reported(
        "the inner function closes over the outer argument",
        "JuliaDiff/ForwardDiff.jl#83",
        lambda x: x * cr.grad(lambda y: x + y)(1.0),
        1.0,
        1.0,
        0.0,
    ),
    Reported(
        "the same, of a product",
        "JuliaDiff/ReverseDiff.jl#45",
        lambda x: x * cr.grad(lambda y: x * y)(1.0),
        4.0,
        8.0,
        2.0,
    ),
    Reported(
        "the same, forwards within",
        "denizyuret/AutoGrad.jl#75",
        lambda x: x * cr.jvp(lambda y: x * y, (x,), (1.0,))[1],
        4.0,
        8.0,
        2.0,
    ),
    Reported(
        "a Lagrangian's mixed derivatives",
        "JuliaDiff/ForwardDiff.jl#238",
        lambda q: np.sum(cr.grad(lambda v: np.sum(v**2) * q[0] + v[1] * q[1])(np.array([3.0, 4.0]))),
        np.array([1.0, 2.0]),
        np.array([14.0, 1.0]),
        np.zeros((2, 2)),
    ),
]

SOLVED = [
    Reported(
        "a root by the parameters of its equation",
        "google/jaxopt#141",
        root_by_parameters,
        PARAMETERS,
        by_complex_step(solved, PARAMETERS),
    ),
    Reported(
        "a solution of a differential equation by its rate",
        "jax-ml/jax#2345",
        lambda k: integrate.odeint(lambda y, t: -k * y, 2.0, [0.0, 1.5])[-1, 0],
        0.8,
        -3.0 * np.exp(-1.2),
        4.5 * np.exp(-1.2),
    ),
]

PROGRAMS = [*WRITTEN, *NESTED, *SOLVED]
