"""Arrays of all kinds to be printed, and options to print them with."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

DTYPES = [*["float32"] * 3, "float64", "float16", "complex64", "complex128", "int64", "int32", "uint8", "int8", "bool"]


def array(choice: random.Random, most: int) -> NDArray[Any]:
    """An array of at most that many elements."""
    axes = choice.choice([0, 1, 1, 2, 2, 3, 4])
    lengths = [0, 1, 2, 5, 9, 20, 100, 1000, 1001] if axes == 1 else [0, 1, 2, 3, 5, 7, 8, 13, 33]
    shape = tuple(choice.choice(lengths) for _ in range(axes))
    if np.prod(shape) > most:
        return array(choice, most)
    dtype, size = np.dtype(choice.choice(DTYPES)), int(np.prod(shape))
    numbers = np.random.default_rng(choice.randrange(2**32))
    with np.errstate(all="ignore"):
        if dtype.kind in "biu":
            bound = choice.choice([1, 10, 100])
            values: NDArray[Any] = numbers.integers(0 if dtype.kind in "bu" else -bound, bound + 1, size)
            values = values * 10 ** choice.choice([0, 0, 3, 15]) if dtype == np.int64 else values
        elif dtype.kind == "c":
            values = np.empty(size, np.complex128)
            values.real, values.imag = _floats(choice, numbers, size), _floats(choice, numbers, size)
        else:
            values = _floats(choice, numbers, size)
        return values.astype(dtype).reshape(shape)


def _floats(choice: random.Random, numbers: np.random.Generator, size: int) -> NDArray[Any]:
    """Small and large, whole and broken, alike and unlike, sometimes with zeros, infinities and nan."""
    unit = numbers.normal(size=size)
    values = choice.choice(
        [
            unit,
            np.abs(unit),
            np.round(unit, 1),
            np.round(unit * choice.choice([1, 10, 100, 1e5])),
            np.round(unit * 3) * 10.0 ** choice.randrange(12),
            unit * 10.0 ** choice.randrange(-12, 12),
            unit * 10.0 ** numbers.integers(-choice.randrange(1, 10), choice.randrange(1, 10), size),
            np.copysign(np.zeros(size), unit),
        ]
    )
    for special in choice.sample([np.nan, np.inf, -np.inf, 0.0, -0.0], choice.choice([0, 0, 0, 1, 2])):
        if size:
            values[numbers.integers(0, size, max(1, size // 5))] = special
    return values


def options(choice: random.Random) -> dict[str, Any]:
    """Arguments of ``set_printoptions``, mostly none."""
    possible: dict[str, list[Any]] = {
        "precision": list(range(9)),
        "threshold": [0, 5, 50, 10**9],
        "edgeitems": list(range(5)),
        "linewidth": [10, 40, 120, 200],
        "sci_mode": [True, False],
        "profile": ["short", "full", "default"],
    }
    chosen = choice.sample(sorted(possible), choice.choice([0, 0, 0, 1, 2, 3]))
    return {name: choice.choice(possible[name]) for name in chosen}


def history(choice: random.Random, dtype: np.dtype[Any]) -> str | None:
    """Nothing, "requires_grad", or the name of a node."""
    return choice.choice([None, None, "requires_grad", "CloneBackward0"]) if dtype.kind in "fc" else None


def by_torch(torch: Any, values: NDArray[Any], chosen: dict[str, Any], past: str | None, default: str) -> str:
    """What PyTorch prints."""
    torch.set_printoptions(profile="default")
    torch.set_printoptions(**chosen)
    torch.set_default_dtype(getattr(torch, default))
    try:
        tensor = torch.from_numpy(np.array(values))
        if past:
            tensor.requires_grad_()
        return repr(tensor.clone() if past == "CloneBackward0" else tensor)
    finally:
        torch.set_printoptions(profile="default")
        torch.set_default_dtype(torch.float32)
