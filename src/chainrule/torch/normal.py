"""From uniform to normal numbers with the same roundings as PyTorch's processor kernels, hence the same bits.

Both kernels use Box and Muller's transform: two uniform numbers u, v in [0, 1) give the two normal numbers
``sqrt(-2 log(1 - u))`` times the cosine and the sine of ``2πv``. In blocks of 16 the first eight uniform numbers are
the u, the last eight the v. In float64 the C library's functions are used. In float32 PyTorch has its own polynomials
for log, sine and cosine (from the Cephes library) on x86 processors with AVX2, compiled with fused multiply-adds; they
are evaluated here in that order.
"""

from __future__ import annotations

import math

import numpy as np

from chainrule.torch.fused import Floats32, Floats64, fused_multiply_add_32, fused_multiply_add_64

BLOCK = 16
_CHUNK = 2048 * BLOCK  # blocks are transformed in portions that stay in the cache


def _constants(*values: float) -> tuple[np.float32, ...]:
    return tuple(np.float32(value) for value in values)


# Minimax polynomial of (log(1+t) - t + t²/2) / t³, highest power first, and log 2 in two parts (the larger is short).
_LOG = _constants(
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
)
_LOG_2_SMALL, _LOG_2_LARGE = _constants(-2.12194440e-4, 0.693359375)
# Polynomials of sine and cosine on [-π/4, π/4], and -π/4 in three parts.
_SINE = _constants(-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
_COSINE = _constants(2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
_MINUS_QUARTER_PI = _constants(-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8)
_FOUR_OVER_PI, _TWO_PI, _HALF_ROOT, _HALF, _ONE = _constants(4 / math.pi, 2 * math.pi, math.sqrt(0.5), 0.5, 1.0)


def normal_blocks_32(uniform: Floats32, mean: float, deviation: float) -> Floats32:
    """Normal numbers from uniform ones, both (n,) float32 with n a multiple of 16.

    >>> normal_blocks_32(np.full(16, 0.125, np.float32), 0.0, 1.0)[[0, 8]].tolist()
    [0.36542, 0.36542]
    """
    out = np.empty_like(uniform)
    for start in range(0, uniform.size, _CHUNK):
        pairs = uniform[start : start + _CHUNK].reshape(-1, 2, BLOCK // 2)
        radius = np.sqrt(np.float32(-2) * _log(_ONE - pairs[:, 0]))
        sine, cosine = _sine_and_cosine(_TWO_PI * pairs[:, 1])
        unit = np.stack([radius * cosine, radius * sine], axis=1).ravel()
        out[start : start + _CHUNK] = fused_multiply_add_32(unit, np.float32(deviation), np.float32(mean))
    return out


def normal_blocks_64(uniform: Floats64, mean: float, deviation: float) -> Floats64:
    """Normal numbers from uniform ones, both (n,) float64 with n a multiple of 16."""
    pairs = uniform.reshape(-1, 2, BLOCK // 2)
    first, second = pairs[:, 0].ravel(), pairs[:, 1].ravel()
    # Not np.log and np.cos: their vectorised versions may differ from the C library's in the last bit.
    logs = np.fromiter(map(math.log, (1.0 - first).tolist()), np.float64, first.size)
    angles = (2 * math.pi * second).tolist()
    radius = np.sqrt(-2.0 * logs)
    cosine = np.fromiter(map(math.cos, angles), np.float64, first.size)
    sine = np.fromiter(map(math.sin, angles), np.float64, first.size)
    shape = (-1, BLOCK // 2)
    unit = np.stack([(radius * cosine).reshape(shape), (radius * sine).reshape(shape)], axis=1).ravel()
    return scale_and_shift_64(unit, mean, deviation)


def normal_pair(first: float, second: float) -> tuple[float, float]:
    """Two unit normal numbers from two uniform ones, as PyTorch draws them one at a time (always in float64).

    >>> normal_pair(0.0, 0.5)
    (1.1774100225154747, 0.0)
    """
    radius = math.sqrt(-2.0 * math.log1p(-second))
    angle = 2.0 * math.pi * first
    return radius * math.cos(angle), radius * math.sin(angle)


def scale_and_shift_64(unit: Floats64, mean: float, deviation: float) -> Floats64:
    """``unit * deviation + mean`` with one rounding."""
    if mean == 0.0 or deviation == 1.0:  # one of the two roundings cannot happen
        return unit * deviation + mean
    return fused_multiply_add_64(unit, deviation, mean)


def _log(x: Floats32) -> Floats32:
    """The natural logarithm of positive normal numbers."""
    fraction, power = np.frexp(x)
    exponent = power.astype(np.float32)
    small = fraction < _HALF_ROOT
    exponent = exponent - small.astype(np.float32)
    offset = (fraction - _ONE) + np.where(small, fraction, np.float32(0))
    square = offset * offset
    series = np.full_like(offset, _LOG[0])
    for coefficient in _LOG[1:]:
        series = fused_multiply_add_32(series, offset, coefficient)
    series = fused_multiply_add_32(series * offset, square, exponent * _LOG_2_SMALL)
    series = series - square * _HALF
    return (offset + series) + exponent * _LOG_2_LARGE


def _sine_and_cosine(x: Floats32) -> tuple[Floats32, Floats32]:
    """Sine and cosine of angles in [0, 2π]."""
    octant = ((x * _FOUR_OVER_PI).astype(np.int32) + 1) & ~1
    turns = octant.astype(np.float32)
    for part in _MINUS_QUARTER_PI:
        x = fused_multiply_add_32(turns, part, x)
    square = x * x
    cosine = fused_multiply_add_32(_COSINE[0], square, _COSINE[1])
    cosine = fused_multiply_add_32(cosine, square, _COSINE[2])
    cosine = fused_multiply_add_32(cosine * square, square, square * -_HALF) + _ONE
    sine = fused_multiply_add_32(_SINE[0], square, _SINE[1])
    sine = fused_multiply_add_32(sine, square, _SINE[2])
    sine = fused_multiply_add_32(sine * square, x, x)
    straight = (octant & 2) == 0
    sine, cosine = np.where(straight, sine, cosine), np.where(straight, cosine, sine)
    sine = np.where((octant & 4) != 0, -sine, sine)
    return sine, np.where(((octant + 2) & 4) != 0, -cosine, cosine)
