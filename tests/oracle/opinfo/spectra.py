"""Fourier transforms, and arrays made from nothing: ranges, windows."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import fft, signal

from tests.oracle.opinfo.arguments import Function, view_as_real

__all__ = ["FOURIER", "MADE"]


def transformed(function: Function) -> Function:
    """A Fourier transform: NumPy asks for the axes where PyTorch takes the last ones."""

    def call(x: Any, n: Any = None, dim: Any = -1, norm: Any = None, s: Any = None) -> Any:
        return function(x, n, dim, norm)

    return call


def transformed_over(function: Function, two: bool = False) -> Function:
    def call(x: Any, s: Any = None, dim: Any = None, norm: Any = None) -> Any:
        dim = (-2, -1) if dim is None and two else dim
        axes = tuple(range(-len(s), 0)) if dim is None and s is not None else dim
        return function(x, s, axes if axes is None or np.ndim(axes) else (axes,), norm=norm)

    return call


def stft(
    x: Any,
    n_fft: int,
    hop_length: Any = None,
    window: Any = None,
    center: bool = True,
    onesided: bool = True,
    return_complex: bool = True,
) -> Any:
    """Windows of the signal, the Fourier transform of each."""
    onesided = onesided and not np.iscomplexobj(x)
    if center:
        x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(n_fft // 2, n_fft // 2)], "reflect")
    frames = np.lib.stride_tricks.sliding_window_view(x, n_fft, axis=-1)[..., :: hop_length or n_fft // 4, :]
    frames = frames if window is None else frames * window
    found = np.swapaxes(np.fft.rfft(frames) if onesided else np.fft.fft(frames), -1, -2)
    return found if return_complex else view_as_real(found)


def window(name: str, *parameters: str) -> Function:
    def call(count: int, sym: bool = True, dtype: Any = None, **options: Any) -> Any:
        if count == 0:  # SciPy has none of this length
            return np.zeros(0)
        return signal.get_window((name, *(options[each] for each in parameters)), count, fftbins=not sym)

    return call


FOURIER = {
    **{f"fft.{name}": transformed(getattr(np.fft, name)) for name in "fft ifft rfft irfft hfft ihfft".split()},
    **{
        f"fft.{name}": transformed_over(getattr(np.fft, name), name.endswith("2"))
        for name in "fft2 ifft2 rfft2 irfft2 fftn ifftn rfftn irfftn".split()
    },
    **{
        f"fft.{name}": transformed_over(getattr(fft, name), name.endswith("2"))
        for name in "hfft2 hfftn ihfft2 ihfftn".split()
    },
    "stft": stft,
    "fft.fftshift": lambda x, dim=None: np.fft.fftshift(x, dim),
    "fft.ifftshift": lambda x, dim=None: np.fft.ifftshift(x, dim),
}


MADE = {
    "arange": lambda *a, end=None, dtype=None: np.arange(*a, **({"stop": end} if end is not None else {}), dtype=dtype),
    "linspace": np.linspace,
    "logspace": lambda start, end, steps, base=10.0, dtype=None: np.logspace(start, end, steps, base=base, dtype=dtype),
    "eye": lambda *shape, dtype=None: np.eye(*shape, dtype=dtype),
    "ones": lambda *shape, dtype=None: np.ones(shape[0] if np.ndim(shape[0]) else shape, dtype=dtype),
    "zeros": lambda *shape, dtype=None: np.zeros(shape[0] if np.ndim(shape[0]) else shape, dtype=dtype),
    "new_zeros": lambda x, shape, dtype=None: np.zeros(shape, dtype or x.dtype),
    "new_ones": lambda x, shape, dtype=None: np.ones(shape, dtype or x.dtype),
    "new_full": lambda x, shape, value, dtype=None: np.full(shape, value, dtype or x.dtype),
    "full": lambda shape, value, dtype=None: np.full(shape, value, dtype=dtype),
    **{f"signal.windows.{name}": window(name) for name in "hamming hann bartlett blackman cosine nuttall".split()},
    "signal.windows.gaussian": window("gaussian", "std"),
    "signal.windows.kaiser": window("kaiser", "beta"),
    "signal.windows.general_cosine": window("general_cosine", "a"),
    "signal.windows.general_hamming": window("general_hamming", "alpha"),
}
