"""SciPy's functions that are other formulas where something is tracked: values, both directions, second derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.fftpack as fp
import scipy.interpolate as si
import scipy.ndimage as nd
import scipy.signal as ss
from scipy import linalg
from scipy.spatial.transform import Rotation

import chainrule as cr

v = np.array([0.31, -1.2, 0.72, 2.1, 0.93])
places = np.arange(5.0)
between = np.array([0.4, 1.7, 1.0, 3.3, 4.0, 4.4])
knots = np.array([0.0, 0.0, 0.0, 0.0, 2.0, 4.0, 4.0, 4.0, 4.0])
long = np.cos(np.arange(20.0) ** 2)
kernel = np.array([0.2, 0.5, 0.3])


def stable(x: Any) -> Any:
    """The coefficients of a filter whose response dies away."""
    return np.concatenate([2 + 0.1 * x[:1], 0.3 * x[1:3]])


def square(x: Any) -> Any:
    """A matrix with real eigenvalues."""
    return np.outer(x[:3], [0.3, 0.2, -0.4]) + np.diag([1.0, 2.5, 4.0])


def positive(x: Any) -> Any:
    return square(x) @ square(x).T + np.eye(3)


grid, image = (places[:4], places[:3] ** 2), np.sin(np.arange(12.0)).reshape(4, 3)
points = np.stack([long[:9], long[9:18]], 1)


def at(x: Any) -> Any:
    """Three places on the grid."""
    return np.stack([x[:3] / 2 + 1, np.sin(x[2:]) + 2], 1)


bands = np.array([[0.0, 0.2, 0.3], [2.0, 3.0, 4.0]])


def peaks(x: Any) -> Any:
    found, properties = ss.find_peaks(np.concatenate([x, x[:3] ** 2]), height=0.2, prominence=0.1, width=0.1)
    assert len(found)
    names = ("peak_heights", "prominences", "widths", "width_heights", "left_ips")
    return np.concatenate([properties[name] for name in names])


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "lfilter, a": lambda x: ss.lfilter([1.0, 0.5], stable(x), long),
    "lfilter, everything": lambda x: ss.lfilter(x[:2], stable(x), long * x[3]),
    "lfilter, states": lambda x: np.concatenate(ss.lfilter(x[:2], stable(x), long, zi=x[3:])),
    "lfilter, longer b": lambda x: np.concatenate(ss.lfilter(x, [2.0, 0.5], v, zi=x[:4])),
    "lfilter, one moment": lambda x: ss.lfilter(x[:3], stable(x), x[4:]),
    "lfilter, axis": lambda x: ss.lfilter(kernel, stable(x), np.outer(x, long), axis=0),
    "lfiltic": lambda x: ss.lfiltic(x[:2], stable(x), v[:2], x[3:]),
    "filtfilt": lambda x: ss.filtfilt(x[:2], stable(x), long),
    "sosfilt": lambda x: ss.sosfilt(np.stack([np.array([x[0], x[1], x[2], 1.0, 0.2 * x[3], 0.1])] * 2), long),
    "sosfilt, states": lambda x: ss.sosfilt([[1.0, 0.5, 0.2, 1.0, 0.3, 0.1]], x, zi=np.outer([1.0], x[:2]))[1],
    "sosfiltfilt": lambda x: ss.sosfiltfilt(ss.butter(2, 0.3, output="sos"), np.outer(x, long)),
    "deconvolve": lambda x: ss.deconvolve(x, stable(x))[0],
    "decimate": lambda x: ss.decimate(np.tile(x, 8), 2),
    "upfirdn": lambda x: ss.upfirdn(x[:3], x, 3, 2),
    "freqz": lambda x: np.abs(ss.freqz(x[:2], stable(x), worN=5)[1]),
    "fftpack": lambda x: fp.diff(fp.rfft(fp.dct(x))) + np.abs(fp.ifft(fp.fft(x) * v)),
    "stft": lambda x: np.abs(ss.stft(np.tile(x, 4), nperseg=8)[2]),
    "istft": lambda x: ss.istft(ss.stft(np.tile(x, 4), nperseg=8)[2], nperseg=8)[1],
    "spectrogram": lambda x: ss.spectrogram(np.tile(x, 4), nperseg=8, mode="magnitude")[2],
    "csd": lambda x: np.real(ss.csd(np.tile(x, 4), long, nperseg=8)[1]),
    "find_peaks": peaks,
    "medfilt": lambda x: ss.medfilt(x, 3),
    "medfilt2d": lambda x: ss.medfilt2d(np.outer(x, long[2:7]), 3),
    "order_filter": lambda x: ss.order_filter(x, np.ones(3), 0),
    "median_filter": lambda x: nd.median_filter(np.outer(x, long[2:7]), 3, mode="wrap"),
    "percentile_filter": lambda x: nd.percentile_filter(x, 30, size=3),
    "rank_filter": lambda x: nd.rank_filter(x, 1, size=3, mode="constant", cval=0.8),
    "maximum_filter": lambda x: nd.maximum_filter(x, 3, mode="constant", cval=0.8),
    "minimum_filter1d": lambda x: nd.minimum_filter1d(np.outer(x, v), 3, axis=0),
    "grey_opening": lambda x: nd.grey_opening(x, 3),
    "morphological_gradient": lambda x: nd.morphological_gradient(x, 3),
    "eigh, subset": lambda x: linalg.eigh(positive(x), subset_by_index=[1, 2])[1],
    "eigh, two": lambda x: linalg.eigh(positive(x), positive(x[1:]))[1],
    "eigh, two, values": lambda x: linalg.eigh(positive(x), positive(x[1:]), eigvals_only=True),
    "eig": lambda x: np.abs(linalg.eig(square(x))[1]),
    "eigvals, two": lambda x: np.real(linalg.eigvals(square(x), positive(x[1:]))),
    "eigh_tridiagonal": lambda x: linalg.eigh_tridiagonal(x, x[1:] + 2)[1],
    "eigvalsh_tridiagonal": lambda x: linalg.eigvalsh_tridiagonal(x, x[1:] + 2),
    "eig_banded": lambda x: linalg.eig_banded(bands * x[3] + np.outer([0, 1], x[:3]))[1],
    "eigvals_banded": lambda x: linalg.eigvals_banded(bands[::-1, ::-1] * x[3], lower=True),
    "qr, pivoting": lambda x: linalg.qr(square(x), pivoting=True)[1],
    "rq": lambda x: np.concatenate(linalg.rq(square(x))),
    "cholesky_banded": lambda x: linalg.cholesky_banded(bands * x[3]),
    "cholesky_banded, lower": lambda x: linalg.cholesky_banded(bands[::-1, ::-1] * x[3], lower=True),
    "cho_solve_banded": lambda x: linalg.cho_solve_banded((linalg.cholesky_banded(bands * x[3]), False), x[:3]),
    "solve_toeplitz": lambda x: linalg.solve_toeplitz(x + np.array([5.0, 0, 0, 0, 0]), x),
    "solve_toeplitz, both": lambda x: linalg.solve_toeplitz((x[:3] + 3, x[2:]), v[:3]),
    "fractional_matrix_power": lambda x: linalg.fractional_matrix_power(positive(x), 0.3),
    "solve_continuous_are": lambda x: linalg.solve_continuous_are(square(x), np.eye(3), positive(v), np.eye(3) * x[3]),
    "solve_discrete_are": lambda x: linalg.solve_discrete_are(square(x) / 3, np.eye(3), positive(v), np.eye(3) * x[3]),
    "RegularGridInterpolator": lambda x: si.RegularGridInterpolator(grid, image)(at(x)),
    "RegularGridInterpolator, both": lambda x: si.RegularGridInterpolator(grid, np.outer(x[:4], x[:3]))(at(x)),
    "RegularGridInterpolator, down": lambda x: si.RegularGridInterpolator(
        (-grid[0], grid[1]), np.stack([np.outer(x[:4], x[:3])] * 2, 2), bounds_error=False, fill_value=0.3
    )(at(x) * [-1, 1] + [[0, 0], [0, 0], [9, 0]]),
    "interpn": lambda x: si.interpn(grid, np.outer(x[:4], v[:3]), [[0.5, 0.6], [1.2, 3.0]]),
    "interpn, at": lambda x: si.interpn(grid, image, (x[:3] / 2 + 1, np.array([0.3, 2.0, 3.0]))),
    "griddata": lambda x: si.griddata(points + 0.01 * np.outer(np.append(x, x[:4]), [1, 2]), points[:, 0], at(x) / 9),
    "griddata, values": lambda x: si.griddata(points, np.append(x, x[:4] ** 2), [[0.1, 0.1]]),
    "griddata, nearest": lambda x: si.griddata(points, np.append(x, x[:4] ** 2), at(x), method="nearest"),
    "griddata, cubic": lambda x: si.griddata(points, np.append(x, x[:4]), [[0.1, 0.1]], method="cubic"),
    "map_coordinates": lambda x: nd.map_coordinates(np.outer(x[:4], x[:4]), at(x).T),
    "map_coordinates, order 2": lambda x: nd.map_coordinates(image, at(x).T * 0.7, order=2, mode="mirror"),
    "map_coordinates, order 1": lambda x: nd.map_coordinates(image, at(x).T, order=1, cval=0.7),
    "map_coordinates, nearest": lambda x: nd.map_coordinates(image, at(x).T - 2, order=3, mode="nearest"),
    "shift": lambda x: nd.shift(np.outer(x, v), x[:2] / 3, mode="nearest"),
    "affine_transform": lambda x: nd.affine_transform(image, np.eye(2) * 0.7 + x[0] * 0.1, offset=x[2] / 9),
    "affine_transform, more": lambda x: nd.affine_transform(image, np.stack([[0.8, 0.1, x[0]], [0, 0.9, 0.2]])),
    "affine_transform, diagonal": lambda x: nd.affine_transform(image, x[2:4] / 4, output_shape=(2, 3), order=1),
    "Rotation": lambda x: Rotation.from_euler("xyz", x[:3]).apply(x[2:]),
    "Rotation, products": lambda x: (Rotation.from_rotvec(x[:3]) * Rotation.from_quat(x[1:])).as_matrix(),
    "RBFInterpolator": lambda x: si.RBFInterpolator(np.stack([x, v**2], 1), x, kernel="cubic")(x[None, :2]),
    "CubicSpline": lambda x: si.CubicSpline(places, x)(between),
    "CubicSpline, at": lambda x: si.CubicSpline(places, v, bc_type="natural")(2 * x),
    "CubicSpline, both": lambda x: si.CubicSpline(places, x)(x + 1, 1),
    "CubicSpline, places": lambda x: si.CubicSpline(places + 0.1 * x, v)(between[:4]),
    "CubicSpline, integral": lambda x: si.CubicSpline(places, x).integrate(0.3, x[3]),
    "CubicSpline, derivative": lambda x: si.CubicSpline(places, np.outer(x, v), axis=1).derivative()(x + 1),
    "CubicSpline, inside": lambda x: np.nan_to_num(si.CubicSpline(places, x, extrapolate=False)(between)),
    "PchipInterpolator": lambda x: si.PchipInterpolator(places, x)(between[:4] + 0.01 * x[0]),
    "Akima1DInterpolator": lambda x: si.Akima1DInterpolator(places, x)(between[:2]),
    "CubicHermiteSpline": lambda x: si.CubicHermiteSpline(places, x, x**2)(between),
    "PPoly": lambda x: si.PPoly(np.outer(x, v[:4]), places)(between + 0.01 * x[0]),
    "BSpline": lambda x: si.BSpline(knots, x, 3)(between[:5] + 0.01 * x[0]),
    "BSpline, derivatives": lambda x: si.BSpline(knots, np.outer(v, x), 3, axis=1).derivative()(x + 1.5, 1),
    "BSpline, periodic": lambda x: si.BSpline(knots, x, 3, extrapolate="periodic")(x),
    "BSpline, inside": lambda x: np.nan_to_num(si.BSpline(knots, x, 3, extrapolate=False)(x)),
    "BSpline, integral": lambda x: si.BSpline(knots, x, 3).integrate(x[0], 3.3),
    "BSpline, too high": lambda x: si.BSpline(knots, x, 3)(x, 4) + x,
    "make_interp_spline": lambda x: si.make_interp_spline(places, x)(x + 1.5),
    "make_lsq_spline": lambda x: si.make_lsq_spline(np.linspace(0, 4, 6), np.append(x, x[0] ** 2), knots)(between[:3]),
    "make_smoothing_spline": lambda x: si.make_smoothing_spline(places, x, lam=0.1)(between),
    "interp1d": lambda x: si.interp1d(places, x)(between[:5] - 0.1 * x[0] ** 2),
    "interp1d, cubic": lambda x: si.interp1d(places, x, kind="cubic", fill_value="extrapolate")(x),
    "UnivariateSpline": lambda x: si.UnivariateSpline(places, x, s=0)(x),
    "UnivariateSpline, at": lambda x: si.UnivariateSpline(places, v, s=0)(x + 1),
    "UnivariateSpline, derivative": lambda x: si.UnivariateSpline(places, x, s=0).derivative(2)(between, 1),
    "UnivariateSpline, integral": lambda x: si.InterpolatedUnivariateSpline(places, x).integral(0.2, x[3]),
    "LSQUnivariateSpline": lambda x: si.LSQUnivariateSpline(places, x, [2.0], k=2).get_coeffs(),
    "splev": lambda x: si.splev(x, si.splrep(places, x)),
    "splev, der": lambda x: si.splev(x, si.splrep(places, v), der=1),
    "splint": lambda x: si.splint(0.2, x[3], si.splrep(places, x)),
    "white_tophat": lambda x: nd.white_tophat(x, 3),
}


def by_differences(scalar: Callable[[Any], Any], x: Any) -> Any:
    steps = 1e-4 * np.eye(len(x))
    return np.array(
        [(8 * (scalar(x + s) - scalar(x - s)) - scalar(x + 2 * s) + scalar(x - 2 * s)) / 12e-4 for s in steps]
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_derivatives(name: str) -> None:
    f = FUNCTIONS[name]

    def scalar(x: Any) -> Any:
        found = f(x)
        return np.sum(np.cos(found) * (1 + np.arange(np.size(found)).reshape(np.shape(found)) / 7))

    value, gradient = cr.value_and_grad(scalar)(v)
    size = 1 + np.abs(gradient).max()
    np.testing.assert_allclose(value, scalar(v), rtol=1e-9)
    np.testing.assert_allclose(gradient, by_differences(scalar, v), rtol=1e-6, atol=1e-7 * size)
    along = np.array([0.4, -0.3, 0.8, 0.1, -0.6])
    np.testing.assert_allclose(cr.jvp(scalar, (v,), (along,))[1], gradient @ along, rtol=1e-9, atol=1e-9 * size)
    second = cr.hvp(scalar, v, along)
    expected = by_differences(lambda x: cr.grad(scalar)(x) @ along, v)
    np.testing.assert_allclose(second, expected, rtol=1e-5, atol=1e-6 * (1 + np.abs(second).max()))
