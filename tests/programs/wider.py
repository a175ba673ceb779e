"""More steps: matrices, loops and buffers, choices, functions of NumPy that are made of others, the whole registry."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.op import OPERATIONS
from tests.operations import samples_of
from tests.programs.draws import Draw
from tests.programs.program import GAP, MOST, Step, Values, apart, pick
from tests.programs.registered import SPECIAL, USUAL, operands
from tests.programs.steps import axes_of

__all__ = ["WIDER", "registry"]

OF_SQUARES = [
    "np.linalg.inv(np.eye({n}) * 3.0 + 0.5 * np.tanh({0}))",
    "np.linalg.det(np.eye({n}) + 0.3 * np.tanh({0}))",
    "np.linalg.slogdet(np.eye({n}) * 2.0 + 0.3 * np.tanh({0}))[1]",
    "np.linalg.cholesky(np.eye({n}) + 0.2 * ({0} @ {0}.T))",
    "np.linalg.matrix_power(0.3 * {0}, 3)",
    "np.linalg.pinv(np.eye({n}) * 2.0 + 0.3 * np.tanh({0}))",
    "np.linalg.eigvalsh(np.diag(np.arange({n}) * 3.0) + np.tanh({0}) + np.tanh({0}).T)",
    "np.linalg.svd(np.diag(np.arange({n}) * 3.0 + 4.0) + np.tanh({0}))[1]",
    "np.linalg.qr(np.eye({n}) * 3.0 + np.tanh({0}))[1]",
    "np.linalg.solve(np.eye({n}) * 3.0 + np.tanh({0}), {0}[0])",
    "np.linalg.norm({0}, 'fro')",
    "np.trace(np.linalg.inv(np.eye({n}) * 4.0 + np.tanh({0})) @ {0})",
]
OF_MATRICES = [
    "np.linalg.lstsq(np.vstack([{0} * 0.2, np.eye({m}) * 2.0]), np.ones({n} + {m}))[0]",
    "np.linalg.norm({0}, ord=1)",
    "np.linalg.multi_dot([{0} * 0.5, {0}.T * 0.5, {0}])",
    "np.cov({0}, ddof=0)",
    "np.rot90({0})",
    "np.block([[{0}], [2.0 * {0}]])",
    "np.einsum('ij,kj,ik->j', {0}, {0} * 0.3, {0} @ {0}.T * 0.2)",
    "np.tensordot({0}, {0}, axes=([0], [0])) * 0.3",
    "np.fliplr({0}) + np.flipud({0})",
    "np.meshgrid({0}[0], {0}[:, 0])[0]",
    "np.apply_along_axis(lambda row: row * np.sum(row), 1, {0}) * 0.3",
]
OF_VECTORS = [
    "np.convolve({0}, weights((2,)))",
    "np.convolve({0}, {0}, 'same') * 0.3",
    "np.correlate({0}, weights((2,)), 'full')",
    "np.outer({0}, {0}) * 0.3",
    "np.kron({0}[:2], weights((2,)))",
    "np.polyval({0} * 0.3, 0.7)",
    "np.polyval(weights((3,)), {0} * 0.5)",
    "np.interp(np.linspace(0.3, 1.7, 3), np.arange(3.0), np.resize({0}, 3))",
    "np.trapezoid({0})",
    "np.gradient(np.resize({0}, 4))",
    "np.vander({0} * 0.4, 3)",
    "np.cross(np.resize({0}, 3), weights((3,)))",
    "np.abs(np.fft.rfft({0} * 0.3) + 2.0)",
    "np.real(np.fft.ifft(np.fft.fft({0}) * 1.5))",
    "np.fft.irfft(np.fft.rfft({0}), {n})",
    "np.ediff1d({0})",
    "np.average({0}, weights=np.abs(weights({0}.shape)) + 0.1)",
    "np.add.reduceat({0}, [0, {n} // 2])",
    "np.multiply.outer({0}, weights((2,)))",
    "np.vectorize(lambda t: t * t + np.sin(t))({0}) * 0.3",
    "np.array([{0}[0], {0}[-1] * 2.0, 0.3])",
    "np.cumsum({0}[::-1])[::-1] * 0.5",
    "np.searchsorted(np.array([-0.5, 0.5]), 0.1) * {0}",
    "np.bincount([0, 1, 1, 0, 2, 1], np.resize({0}, 6))",
]
OF_ALL = [
    "np.logaddexp.reduce({0}, axis=0)",
    "np.average({0}, axis=0)",
    "np.nansum({0}, axis=-1)",
    "np.nanmean({0})",
    "np.resize({0}, (2, 3))",
    "np.ravel({0}, order='F')",
    "np.tanh({0}) ** 3",
    "(0.5 + {0} ** 2) ** 1.3 * 0.3",
    "np.sinc({0} * 0.3 + 2.5)",
    "np.float_power(1.0 + {0} ** 2, 0.4)",
    "np.atleast_3d({0})",
    "np.take({0}, [0, 0], axis=-1)",
    "np.delete({0}, 0, axis=-1)",
    "np.append({0}, 0.5)",
    "np.insert({0}, 0, 0.5, axis=0)",
    "np.nan_to_num({0})",
    "np.exp({0} * 0.3 - np.max({0} * 0.3, axis=-1, keepdims=True))",
    "np.rollaxis({0}, -1)",
    "np.array_split({0}, 2)[0]",
    "np.copysign(1.0 + {0} ** 2, weights({0}.shape))",
    "np.remainder(0.1 * np.tanh({0}) + 2.6, 1.0)",
]
NEEDS_GAPS = [  # no two of the numbers may be nearly equal
    "np.median({0})",
    "np.quantile({0}, 0.3)",
    "np.percentile({0}, [20.0, 70.0], axis=0)",
    "np.ptp({0})",
    "np.partition({0}, 0, axis=-1)",
    "np.maximum.accumulate({0}, axis=0)",
    "np.take_along_axis({0}, np.argsort({0}, axis=0), axis=0)",
    "np.nanmax({0}, axis=-1)",
    "np.fmin({0}, np.mean({0}) + 0.011)",
    "np.sort({0}, axis=None)",
]
CHOICES: list[tuple[str, Any]] = [  # these numbers must keep away from the second
    ("np.where({0} > 0.1, {0} ** 2, np.sin({0}))", 0.1),
    ("np.select([{0} > 0.8, {0} > 0.1], [{0}, {0} ** 2], -{0})", (0.8, 0.1)),
    ("np.piecewise({0}, [{0} < 0.1, {0} >= 0.1], [lambda t: t * 2.0, lambda t: t ** 2])", 0.1),
    ("np.choose(({0} > 0.1).astype(int), [{0} * 0.5, np.cos({0})])", 0.1),
    ("{0}[{0} > 0.1]", 0.1),
    ("np.sum({0} * 0.5, where={0} > 0.1)", 0.1),
    ("np.prod({0}, where={0} > 0.1) * 0.3", 0.1),
    ("np.heaviside({0} - 0.1, 0.5) * {0}", 0.1),
    ("np.compress(np.ravel({0}) > 0.1, {0})", 0.1),
    ("({0} if np.sum({0}) > 0.1 else -{0})", None),
]
LOOPS = [
    "{new} = {0}\nfor k in range(3): {new} = np.tanh({new} * 0.5 + {0})",
    "{new} = {0} * 0.0\nfor k in range(4): {new} = {new} * 0.5 + np.sin({0} * (k + 1))",
    "{new} = {0}\nwhile np.max(np.abs({new}), initial=0.0) > 1.0: {new} = {new} * 0.5",
    "{new} = sum([{0} * float(k) for k in range(3)])",
]
BUFFERS = [
    "{new} = np.zeros({n})\nfor k in range({n}): {new}[k] = np.sin({0}[k]) + 0.5 * {new}[k - 1]",
    "{new} = np.ones(({n}, 2))\n{new}[:, 0] = {0}\n{new}[:, 1] = {0} ** 2 * 0.3",
    "{new} = np.ones({n} + 1)\n{new}[1:] *= {0}\n{new}[0] += {0}[0]",
    "{new} = {0} * 1.0\nfor k in range(1, {n}): {new}[k] += 0.3 * {new}[k - 1]",
    "{new} = np.asarray({0} * 1.0)\n{new}[0], {new}[-1] = {new}[-1] * 2.0, {new}[0]",
    "{new} = np.full({n}, 0.5)\nnp.add.at({new}, [0, 0, {n} - 1], {0}[[0, {n} - 1, 0]])",
    "{new} = np.zeros(({n}, {n}))\nnp.fill_diagonal({new}, {0})",
    "{new} = {0} * 1.0\n{new}[{new} > 0.1] *= 2.0",
    "{new} = np.zeros({n})\nnp.put({new}, [0], {0}[-1])",
    "{new} = np.zeros({n})\nnp.copyto({new}, {0} * 0.7)",
    "{new} = np.ones({n})\nnp.multiply({0}, 0.5, out={new})",
]


def filled(text: str, name: str, value: Any) -> str:
    """A template with a value, and with the sizes of its first and last axis as n and m."""
    sizes = [*value.shape, 1]
    return text.replace("{0}", name).replace("{n}", str(sizes[0])).replace("{m}", str(sizes[max(value.ndim - 1, 0)]))


def one_of(draw: Draw, values: Values, texts: list[str], fits: Any, starts: bool = True) -> Step | None:
    """A step from a list of templates on a value that fits."""
    name = pick(draw, values, fits)
    if name is None:
        return None
    text = filled(draw.one_of(texts), name, values[name])
    return Step("{new} = " + text if starts else text)


def matrix(draw: Draw, values: Values) -> Step | None:
    """A function of a square matrix, or of any."""
    if draw.flag():
        return one_of(draw, values, OF_SQUARES, lambda a: a.ndim == 2 and 0 < a.shape[0] == a.shape[1])
    return one_of(draw, values, OF_MATRICES, lambda a: a.ndim == 2 and 0 < a.size <= MOST // 2)


def vector(draw: Draw, values: Values) -> Step | None:
    """A function of a vector."""
    return one_of(draw, values, OF_VECTORS, lambda a: a.ndim == 1 and a.size > 1)


def anything(draw: Draw, values: Values) -> Step | None:
    """A function of arrays of any rank but 0."""
    return one_of(draw, values, OF_ALL, lambda a: a.ndim >= 1 and a.size > 0)


def ordered(draw: Draw, values: Values) -> Step | None:
    """What depends on the order of numbers."""
    return one_of(draw, values, NEEDS_GAPS, lambda a: a.ndim >= 1 and a.size > 1 and apart(a))


def choice(draw: Draw, values: Values) -> Step | None:
    """A choice by a condition."""
    text, edges = draw.one_of(CHOICES)

    def fits(value: Any) -> bool:
        if edges is None:
            return bool(abs(np.sum(value) - 0.1) > GAP)
        return all([np.all(np.abs(value - edge) > GAP) for edge in np.atleast_1d(edges)])

    name = pick(draw, values, lambda value: value.ndim >= 1 and value.size > 0 and fits(value))
    return None if name is None else Step("{new} = " + text.replace("{0}", name))


def loop(draw: Draw, values: Values) -> Step | None:
    """A loop over numbers."""
    return one_of(draw, values, LOOPS, lambda a: True, starts=False)


def buffer(draw: Draw, values: Values) -> Step | None:
    """An array that is made first and filled then."""
    return one_of(
        draw, values, BUFFERS, lambda a: a.ndim == 1 and 1 < a.size <= 5 and bool(np.all(abs(a - 0.1) > GAP)), False
    )


def logarithms(draw: Draw, values: Values) -> Step | None:
    """Logarithms of sums of exponentials, softmax, standardised numbers: along an axis."""
    name = pick(draw, values, lambda a: a.ndim >= 1 and a.size > 1)
    if name is None:
        return None
    axis = axes_of(draw, values[name])
    text = draw.one_of(
        [
            "np.log(np.sum(np.exp({0} - 1.0), axis={a}))",
            "np.exp({0} * 0.3) / np.sum(np.exp({0} * 0.3), axis={a}, keepdims=True)",
            "({0} - np.mean({0}, axis={a}, keepdims=True)) / np.sqrt(np.var({0}, axis={a}, keepdims=True) + 0.1)",
        ]
    )
    return Step("{new} = " + text.replace("{0}", name).replace("{a}", str(axis)))


def registry(draw: Draw, values: Values) -> Step | None:
    """Any operation that has a derivative; one in eight times, of those of scipy.special."""
    name = draw.one_of(SPECIAL if draw.integer(0, 7) == 7 else USUAL)
    number = draw.integer(0, len(samples_of(OPERATIONS[name])) - 1)
    count = operands(name, number)
    chosen = [pick(draw, values, lambda value: value.size > 0) for _ in range(count)]
    if None in chosen or not count:
        return None
    return Step(f"{{new}} = registered({', '.join([repr(name), str(number), *map(str, chosen)])})")


WIDER = [matrix, matrix, vector, vector, anything, anything, ordered, choice, loop, buffer, logarithms]
