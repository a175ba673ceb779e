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
from chainrule.as_written.making import follows, numbers_of, plain_function, plainly, stacked
from chainrule.as_written.picks import PICKS, PICKS_OF_SIGNAL
from chainrule.as_written.places import affine_transform, checked, griddata, map_coordinates, on_grid, shift
from chainrule.as_written.signals import FILTERS
from chainrule.as_written.splines import fitted, univariate
from chainrule.errors import NoRuleError
from chainrule.ops.options import conjugated

__all__ = ["LINEAR", "of_grids"]

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


class _OnGrid:
    """A `RegularGridInterpolator` of tracked values, which is linear in them; a linear one at tracked places too."""

    def __init__(self, plain: Any, points: Any, values: Any, *arguments: Any, **options: Any) -> None:
        self.values, self.plain = stacked(values), plain
        self.made: Callable[[Any], Any] = lambda value: plain(points, value, *arguments, **options)
        self.numeric = self.made(numbers_of(self.values))

    def __call__(self, xi: Any, method: Any = None, **options: Any) -> Any:
        if not follows(xi):
            return linearly(lambda value: self.made(value)(xi, method, **options), self.values)
        return _at_places(self.numeric, np.flip(self.values, self.numeric._descending_dimensions), xi, method)


def _at_places(numeric: Any, values: Any, xi: Any, method: Any) -> Any:
    expected = numeric(numbers_of(xi), method)
    if (method or numeric.method) != "linear":
        raise NoRuleError("scipy.interpolate.RegularGridInterpolator at tracked places has a rule for method='linear'")
    found = on_grid(numeric.grid, values, xi)
    if numeric.fill_value is not None:
        numbers = np.stack(np.broadcast_arrays(*numbers_of(xi)), -1) if isinstance(xi, tuple) else numbers_of(xi)
        low, high = [np.array([ticks[end] for ticks in numeric.grid]) for end in (0, -1)]
        is_outside = np.any((numbers < low) | (numbers > high), axis=-1)
        is_outside = np.reshape(is_outside, is_outside.shape + (1,) * (expected.ndim - is_outside.ndim))
        found = np.where(is_outside, numeric.fill_value, found)
    return checked(found, expected, "scipy.interpolate.RegularGridInterpolator")


def of_grids(kind: Any) -> tuple[Any, Mapping[str, Any]]:
    """What takes the place of a method of `RegularGridInterpolator`, of plain values."""
    plain = kind.__call__

    def call(self: Any, xi: Any, method: Any = None, **options: Any) -> Any:
        if follows(xi):
            return _at_places(self, self.values, xi, method)
        return plainly(plain)(self, numbers_of(xi), method, **options)

    return kind, {"__call__": call}


def _interpn(plain: Any) -> Callable[..., Any]:
    def call(points: Any, values: Any, xi: Any, method: str = "linear", *rest: Any, **options: Any) -> Any:
        if not follows(xi):
            return _linear({"values": 1}, plain)(points, values, xi, method, *rest, **options)
        grid = plain_function("scipy.interpolate", "RegularGridInterpolator")
        return _OnGrid(plainly(grid), points, values, method, *rest, **options)(xi)

    return call


def _mapped(plain: Any) -> Callable[..., Any]:
    return map_coordinates(linearly, _linear({"input": 0}, plain))


def _moved(way: Callable[..., Any], plain: Any) -> Callable[..., Any]:
    mapped = _mapped(plainly(plain_function("scipy.ndimage", "map_coordinates")))
    return way(_linear({"input": 0}, plain), mapped)  # type: ignore[no-any-return]


Maker = Callable[[Any], Callable[..., Any]]


def _each(position: int, name: str, *names: str) -> dict[str, Maker]:
    return _of_either({name: position}, *names)


def _of_either(places: Mapping[str, int], *names: str) -> dict[str, Maker]:
    return {each: partial(_linear, places) for each in names}


_FILTERS = (
    *("gaussian_filter", "gaussian_filter1d", "uniform_filter", "uniform_filter1d", "laplace", "gaussian_laplace"),
    *("sobel", "prewitt", "zoom", "rotate", "spline_filter", "spline_filter1d"),
)
LINEAR: Mapping[str, Mapping[str, Maker]] = {
    "scipy.integrate": _each(0, "y", "simpson", "cumulative_trapezoid", "cumulative_simpson", "romb", "trapezoid"),
    "scipy.ndimage": {
        **PICKS,
        "map_coordinates": _mapped,
        "shift": partial(_moved, shift),
        "affine_transform": partial(_moved, affine_transform),
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
        "RegularGridInterpolator": lambda plain: partial(_OnGrid, plain),
        "interpn": _interpn,
        "griddata": partial(griddata, linearly),
        **dict.fromkeys(("make_interp_spline", "make_lsq_spline", "make_smoothing_spline"), partial(fitted, linearly)),
        **dict.fromkeys(
            ("UnivariateSpline", "InterpolatedUnivariateSpline", "LSQUnivariateSpline", "splrep"),
            partial(univariate, linearly),
        ),
    },
}
"""By module, what makes the function for tracked arrays of SciPy's own."""
