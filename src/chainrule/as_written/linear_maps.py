"""SciPy's functions that are linear in an array: filters, rules of integration, transforms, splines.

Such a function is a matrix, which it writes itself: a column for each element of the array, by giving it that element
alone. What else they are given stays plain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import prod
from typing import Any

import numpy as np

from chainrule.as_written.fourier import FOURIER
from chainrule.as_written.making import follows, numbers_of, stacked
from chainrule.as_written.picks import PICKS, PICKS_OF_SIGNAL
from chainrule.as_written.signals import FILTERS
from chainrule.as_written.splines import fitted, univariate
from chainrule.errors import NoRuleError
from chainrule.ops.options import conjugated

__all__ = ["LINEAR"]

_MOST = 1 << 24  # numbers of a matrix


def linearly(function: Callable[[Any], Any], array: Any) -> Any:
    """What a linear function of SciPy's gives for a tracked array, by its matrix.

    Raises:
        NoRuleError: the matrix would be too large; or the function is not linear, which is tried at the array.
    """
    size = prod(array.shape)
    zero = np.asarray(function(np.zeros(array.shape)))
    if zero.size * size > _MOST:
        raise NoRuleError(
            f"a function of SciPy's from {size:,} to {zero.size:,} tracked numbers would be written as a matrix, "
            "which is too large: use smaller pieces, or NumPy's functions"
        )
    units = np.reshape(np.eye(size), (size, *array.shape))
    columns = np.reshape([np.asarray(function(unit)) - zero for unit in units], (size, -1))
    made = np.reshape(np.reshape(array, -1) @ columns, zero.shape) + zero
    expected = np.asarray(function(numbers_of(array)))
    if not np.allclose(numbers_of(made), expected, rtol=1e-6, atol=1e-9 * np.abs(expected).max(initial=1.0)):
        raise NoRuleError(
            "a function of SciPy's that is not linear, with these options, has no rule for tracked values"
        )
    return made


def _linear(places: Mapping[str, int], plain: Callable[..., Any]) -> Callable[..., Any]:
    """The function of what may be tracked under one of the names, or at its position."""

    def call(*arguments: Any, **options: Any) -> Any:
        keys: list[Any] = [name if name in options else place for name, place in places.items()]
        given: dict[Any, Any] = {**dict(enumerate(arguments)), **options}
        key = next((each for each in keys if follows(given.get(each))), keys[0])
        array = stacked(given.pop(key))
        if any(map(follows, given.values())):
            names = " alone, or ".join(places)
            raise NoRuleError(f"{plain.__module__}.{plain.__name__} has a rule for tracked {names} alone")

        def of_array(value: Any) -> Any:
            every = {**given, key: value}
            named = {each: every[each] for each in every if isinstance(each, str)}
            return plain(*[every[k] for k in range(len(arguments))], **named)

        found = of_array(numbers_of(array))
        if not isinstance(found, tuple):
            return linearly(of_array, array)
        sizes = np.cumsum([np.size(part) for part in found])[:-1]  # one matrix for all of the results
        whole = linearly(lambda value: np.concatenate([np.ravel(part) for part in of_array(value)]), array)
        return tuple([np.reshape(part, np.shape(f)) for part, f in zip(np.split(whole, sizes), found, strict=True)])

    return call


def _every_overlap(one: Any, other: Any) -> Any:
    """The full convolution of two arrays along all of their axes."""
    if one.ndim == 1:
        return np.convolve(one, other)
    widths = [(size - 1, size - 1) for size in other.shape]
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(one, widths), other.shape)
    return np.tensordot(windows, np.flip(other), axes=other.ndim)


def _convolve(turns: bool, plain: Callable[..., Any]) -> Callable[..., Any]:
    """Convolution, or correlation, of two arrays of which one or both are tracked."""

    def call(in1: Any, in2: Any, mode: str = "full", *rest: Any, **options: Any) -> Any:
        one, other = stacked(in1), stacked(in2)
        if not follows(other):
            return _linear({"in1": 0}, plain)(one, other, mode, *rest, **options)
        if not follows(one):
            return _linear({"in2": 1}, plain)(one, other, mode, *rest, **options)
        whole = _every_overlap(one, conjugated(np.flip(other)) if turns else other)
        if mode == "full":
            return whole
        sizes = one.shape if mode == "same" else np.abs(np.subtract(one.shape, other.shape)) + 1
        starts = (np.array(whole.shape) - sizes) // 2
        return whole[tuple([slice(start, start + size) for start, size in zip(starts, sizes, strict=True)])]

    return call


class _Interpolated:
    """An interpolation that is linear in tracked values, at plain places."""

    def __init__(self, plain: Any, x: Any, y: Any, *arguments: Any, **options: Any) -> None:
        self.values = stacked(y)
        self.made: Callable[[Any], Any] = lambda value: plain(x, value, *arguments, **options)

    def __call__(self, places: Any, *arguments: Any, **options: Any) -> Any:
        if follows(places):
            raise NoRuleError("an interpolation of tracked values has a rule at plain places alone")
        return linearly(lambda value: self.made(value)(places, *arguments, **options), self.values)


Maker = Callable[[Any], Callable[..., Any]]


def _each(position: int, name: str, *names: str) -> dict[str, Maker]:
    return _of_either({name: position}, *names)


def _of_either(places: Mapping[str, int], *names: str) -> dict[str, Maker]:
    return {each: partial(_linear, places) for each in names}


_FILTERS = (
    *("gaussian_filter", "gaussian_filter1d", "uniform_filter", "uniform_filter1d", "laplace", "gaussian_laplace"),
    *("sobel", "prewitt", "shift", "zoom", "rotate"),
    *("map_coordinates", "affine_transform", "spline_filter", "spline_filter1d"),
)
LINEAR: Mapping[str, Mapping[str, Maker]] = {
    "scipy.integrate": _each(0, "y", "simpson", "cumulative_trapezoid", "cumulative_simpson", "romb", "trapezoid"),
    "scipy.ndimage": {
        **PICKS,
        **_each(0, "input", *_FILTERS),
        **_of_either({"input": 0, "weights": 1}, "correlate1d", "convolve1d", "correlate", "convolve"),
    },
    "scipy.fft": {**_each(0, "x", "dct", "idct", "dst", "idst", "dctn", "idctn", "dstn", "idstn"), **FOURIER},
    "scipy.fftpack": {
        **{name: FOURIER[name] for name in ("fft", "ifft")},
        **_each(0, "x", "rfft", "irfft", "dct", "idct", "dst", "idst", "dctn", "idctn", "hilbert", "ihilbert", "diff"),
    },
    "scipy.signal": {
        **FILTERS,
        **PICKS_OF_SIGNAL,
        **_of_either({"in1": 0, "in2": 1}, "convolve2d", "correlate2d"),
        **_each(0, "data", "detrend"),
        **_each(0, "x", "savgol_filter", "resample", "decimate", "resample_poly"),
        **dict.fromkeys(("convolve", "fftconvolve", "oaconvolve"), partial(_convolve, False)),
        "correlate": partial(_convolve, True),
    },
    "scipy.interpolate": {
        "RegularGridInterpolator": lambda plain: partial(_Interpolated, plain),
        **dict.fromkeys(("make_interp_spline", "make_lsq_spline", "make_smoothing_spline"), partial(fitted, linearly)),
        **dict.fromkeys(
            ("UnivariateSpline", "InterpolatedUnivariateSpline", "LSQUnivariateSpline", "splrep"),
            partial(univariate, linearly),
        ),
    },
}
"""By module, what makes the function for tracked arrays of SciPy's own."""
