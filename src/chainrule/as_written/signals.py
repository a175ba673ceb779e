"""SciPy's signal processing in terms of NumPy's functions: recursive filters, peaks, and pieces of signals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.as_written.making import choosing, instead, numbers_of, stacked
from chainrule.errors import NoRuleError
from chainrule.ops.options import is_complex
from chainrule.ops.recursion import delayed, recursive

__all__ = ["FILTERS", "of_peaks", "of_spectra"]


def _lfilter(b: Any, a: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    """Σ a[k] y[n-k] = Σ b[k] x[n-k] + zi[n]; what is left of the sums after the end is the state there."""
    b, a, signals = np.atleast_1d(stacked(b)), np.atleast_1d(stacked(a)), np.moveaxis(stacked(x), axis, -1)
    if is_complex(a):
        raise NoRuleError("scipy.signal.lfilter with complex coefficients a has no rule for tracked values")
    size, order = signals.shape[-1], max(len(a), len(b)) - 1
    given = sum([b[k] * delayed(signals, k, size + order) for k in range(len(b))])
    if zi is not None:
        given = given + a[0] * delayed(np.moveaxis(stacked(zi), axis, -1), 0, size + order)
    rows = np.reshape(given[..., :size], (-1, size))
    parts = recursive(a, np.real(rows)) + 1j * recursive(a, np.imag(rows)) if is_complex(rows) else recursive(a, rows)
    made = np.reshape(parts, signals.shape)
    if zi is None:
        return np.moveaxis(made, -1, axis)
    last = given[..., size:] - sum([a[k] * delayed(made, k, size + order)[..., size:] for k in range(1, len(a))])
    return np.moveaxis(made, -1, axis), np.moveaxis(last / a[0], -1, axis)


def _sosfilt(sos: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    """One filter after the other."""
    made, states = stacked(x), []
    for k, row in enumerate(np.atleast_2d(stacked(sos))):
        if zi is None:
            made = _lfilter(row[:3], row[3:], made, axis)
        else:
            made, state = _lfilter(row[:3], row[3:], made, axis, stacked(zi)[k])
            states.append(state)
    return made if zi is None else (made, np.stack(states))


def _upfirdn(h: Any, x: Any, up: int = 1, down: int = 1, axis: int = -1, mode: str = "constant", cval: Any = 0) -> Any:
    """Zeros between the numbers, a filter, and every few of what it gives."""
    if mode != "constant" or cval:
        raise NoRuleError("scipy.signal.upfirdn of tracked values has a rule with mode='constant' and cval=0 alone")
    h, x = stacked(h), np.moveaxis(stacked(x), axis, -1)
    size = (x.shape[-1] - 1) * up + len(h)
    wide = np.reshape(np.stack([x, *[np.zeros(x.shape)] * (up - 1)], -1), (*x.shape[:-1], -1))
    return np.moveaxis(sum([h[k] * delayed(wide, k, size) for k in range(len(h))])[..., ::down], -1, axis)


def _as_given(made: Callable[..., Any]) -> Callable[[Any], Callable[..., Any]]:
    return lambda plain: made


FILTERS: Mapping[str, Callable[[Any], Callable[..., Any]]] = {
    "lfilter": _as_given(_lfilter),
    "sosfilt": _as_given(_sosfilt),
    "upfirdn": _as_given(_upfirdn),
}
"""By name, what makes the function for tracked arrays of SciPy's own."""


# --- pieces of a signal ---


def _of_segments(
    x: Any, win: Any, detrend_func: Any, nperseg: int, noverlap: int, nfft: int, sides: str
) -> Any:  # SciPy's writes into a view of what may not be written to
    windows = np.lib.stride_tricks.sliding_window_view(x, nperseg, axis=-1)[..., :: nperseg - noverlap, :]
    pieces = win * detrend_func(windows)
    return np.fft.fft(pieces, n=nfft) if sides == "twosided" else np.fft.rfft(np.real(pieces), n=nfft)


def of_spectra(module: Any) -> list[tuple[Any, Mapping[str, Any]]]:
    """What takes the place of SciPy's own function for the spectra of pieces."""
    return [(module, {"_fft_helper": instead(module._fft_helper, _of_segments)})]


# --- peaks: which entries they are is decided by numbers ---


def _prominences(plain: Any) -> Callable[..., Any]:
    def call(x: Any, peaks: Any, wlen: Any) -> Any:
        _, left, right = plain(numbers_of(x), peaks, wlen)
        return x[peaks] - np.maximum(x[left], x[right]), left, right

    return call


def _crossing(x: Any, height: Any, peak: int, end: int) -> Any:
    """Where the line through the numbers between a peak and a base first comes down to a height."""
    step, numbers, at = (1 if end > peak else -1), numbers_of(x), peak
    while at != end and numbers_of(height) < numbers[at]:
        at += step
    if not numbers[at] < numbers_of(height):
        return float(at)
    return at - step * (height - x[at]) / (x[at - step] - x[at])


def _widths(x: Any, peaks: Any, rel_height: float, prominences: Any, left_bases: Any, right_bases: Any) -> Any:
    heights = x[peaks] - prominences * rel_height
    ends = [
        stacked([_crossing(x, heights[k], int(peak), int(bases[k])) for k, peak in enumerate(peaks)])
        for bases in (left_bases, right_bases)
    ]
    return ends[1] - ends[0], heights, *ends


def of_peaks(module: Any) -> list[tuple[Any, Mapping[str, Any]]]:
    """What takes the place of SciPy's own functions in C that look for peaks."""
    made = {
        "_local_maxima_1d": choosing(module._local_maxima_1d),
        "_select_by_peak_distance": choosing(module._select_by_peak_distance),
        "_peak_prominences": _prominences(module._peak_prominences),
        "_peak_widths": _widths,
    }
    return [(module, {name: instead(getattr(module, name), function) for name, function in made.items()})]
