"""The Fourier transforms of `scipy.fft`, by NumPy's of the same names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.as_written.making import stacked

__all__ = ["FOURIER"]

OTHER_WAY: dict[str | None, Any] = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}


def _by(transform: Any, axes: Any) -> Callable[..., Any]:
    """NumPy's transform with SciPy's arguments: how long, which axes, which norm; others decide the speed alone."""

    def call(x: Any, n: Any = None, axis: Any = axes, norm: str | None = None, *_: Any, **options: Any) -> Any:
        return transform(stacked(x), options.get("s", n), options.get("axes", axis), norm)

    return call


def _hermitian(x: Any, s: Any, axes: Any, norm: str | None) -> Any:
    return np.fft.irfftn(np.conjugate(x), s, axes, OTHER_WAY[norm])


def _half(x: Any, s: Any, axes: Any, norm: str | None) -> Any:
    return np.conjugate(np.fft.rfftn(x, s, axes, OTHER_WAY[norm]))


_AXES = {"": -1, "2": (-2, -1), "n": None}
_FUNCTIONS = {
    **{
        f"{name}{several}": _by(getattr(np.fft, f"{name}{several}"), axes)
        for name in ("fft", "ifft", "rfft", "irfft")
        for several, axes in _AXES.items()
    },
    **{name: _by(getattr(np.fft, name), -1) for name in ("hfft", "ihfft")},
    **{
        f"{name}{several}": _by(transform, _AXES[several])
        for name, transform in (("hfft", _hermitian), ("ihfft", _half))
        for several in ("2", "n")
    },
}


def _always(function: Callable[..., Any]) -> Callable[[Any], Callable[..., Any]]:
    return lambda plain: function


FOURIER: Mapping[str, Callable[[Any], Callable[..., Any]]] = {
    name: _always(function) for name, function in _FUNCTIONS.items()
}
"""By name, what makes the function for tracked arrays of SciPy's own."""
