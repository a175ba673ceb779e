"""One sample of PyTorch's database, run by PyTorch and by NumPy's function: value, gradient, forward, second order."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

import chainrule as cr
from tests.oracle.opinfo.matrices import COMPARED

__all__ = ["Outcome", "outcomes"]

PLACING = {"device", "requires_grad", "layout", "pin_memory", "memory_format", "generator"}


class Outcome(NamedTuple):
    """What came of one sample: ``faults`` maps a part to what is wrong there; nothing is wrong without any."""

    sample: str
    faults: dict[str, str]


@dataclass
class Sample:
    """A call of a function on both sides: the leaves to differentiate by, and the calls as functions of them."""

    leaves: list[Any]
    there: Callable[..., list[Any]]
    here: Callable[..., list[Any]]
    points: list[Any]


def outcomes(torch: Any, op: Any, entry: str, function: Callable[..., Any]) -> Iterator[Outcome]:
    """Each sample of an entry of the database, in real and in complex numbers, always the same ones."""
    for dtype in (torch.float64, torch.complex128):
        if dtype not in op.dtypes:
            continue
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002
        random.seed(0)
        for sample in op.sample_inputs("cpu", dtype, requires_grad=op.supports_autograd):
            arguments = (sample.input, *sample.args), dict(sample.kwargs)
            shape = f"{str(dtype).removeprefix('torch.')} {shown(torch, arguments)}"
            yield outcome(torch, op, shape, prepared(torch, op, entry, function, *arguments))


def prepared(torch: Any, op: Any, entry: str, function: Callable[..., Any], arguments: Any, options: Any) -> Sample:
    def chosen(results: list[Any]) -> list[Any]:
        return list(COMPARED[entry](*results)) if entry in COMPARED else results

    leaves = list(tensors_in(torch, (arguments, options)))
    plain = {key: value for key, value in options.items() if key not in PLACING}

    def there(*values: Any) -> list[Any]:
        args, kwargs = replaced((arguments, options), dict(zip(map(id, leaves), values, strict=True)), lambda x: x)
        return chosen(flat(op.gradcheck_wrapper(op.get_op(), *args, **kwargs)))

    places = {id(leaf): Place(k) for k, leaf in enumerate(leaves)}
    given = replaced((arguments, plain), places, lambda x: in_numpy(torch, x))

    def here(*values: Any) -> list[Any]:
        args, kwargs = filled(given, values)
        results = [np.asarray(part) if np.isscalar(part) else part for part in flat(function(*args, **kwargs))]
        return chosen(results)

    # A few samples hold numbers in single precision too; all are compared in double.
    wide = [leaf.double().detach().requires_grad_() if leaf.dtype == torch.float32 else leaf for leaf in leaves]
    return Sample(wide, there, here, [in_numpy(torch, leaf) for leaf in wide])


def outcome(torch: Any, op: Any, name: str, sample: Sample) -> Outcome:
    """Compare part after part; a part that PyTorch does not have is not compared."""
    faults: dict[str, str] = {}
    rng = np.random.default_rng(zlib.crc32(f"{op.name} {name}".encode()))
    results = sample.there(*sample.leaves)
    kept = [k for k, result in enumerate(results) if not is_whole(torch, result)]
    kept = kept or list(range(len(results)))
    led = [k for k in kept if isinstance(results[k], torch.Tensor) and results[k].requires_grad]

    whole = len(kept) == len(results)

    def alike(found: list[Any]) -> list[Any]:
        """Of results that hold places beside numbers the numbers."""
        return found if whole else [each for each in found if np.asarray(each).dtype.kind in "fc"]

    def compare(part: str, expected: Callable[[], list[Any] | None], found: Callable[[], list[Any]]) -> None:
        """What is missing in PyTorch (it says so by an error) is not compared."""
        try:
            right = expected()
        except (RuntimeError, NotImplementedError):
            return
        if right is None:
            return
        try:
            fault = difference(right, found())
        except Exception as error:
            fault = f"{type(error).__name__}: {error}".replace("\n", " ")
        if fault:
            faults[part] = fault

    compare("value", lambda: [in_numpy(torch, results[k]) for k in kept], lambda: alike(sample.here(*sample.points)))
    if not led:
        return Outcome(name, faults)

    here = sample.here

    def smooth(*values: Any) -> list[Any]:
        found = [value for value in here(*values) if value.dtype.kind in "fc"]
        return [found[kept.index(k)] for k in led]

    cotangents = [drawn(rng, in_numpy(torch, results[k])) for k in led]
    directions = [drawn(rng, point) for point in sample.points]
    tensors = [torch.tensor(each) for each in directions]

    def gradients() -> list[Any]:
        return list(
            torch.autograd.grad(
                [results[k] for k in led],
                sample.leaves,
                [torch.tensor(each) for each in cotangents],
                create_graph=op.supports_gradgrad,
                allow_unused=True,
                materialize_grads=True,
            )
        )

    def pulled(*values: Any) -> list[Any]:
        return list(cr.vjp(smooth, *values)[1](cotangents))

    def twice() -> list[Any] | None:
        if not op.supports_gradgrad:
            return None
        firsts = gradients()
        again = [k for k, first in enumerate(firsts) if first.requires_grad]
        if not again:
            return [np.zeros_like(point) for point in sample.points]
        chosen, along = [firsts[k] for k in again], [tensors[k] for k in again]
        seconds = torch.autograd.grad(chosen, sample.leaves, along, allow_unused=True, materialize_grads=True)
        return [in_numpy(torch, second) for second in seconds]

    def pushed() -> list[Any] | None:
        if not op.supports_forward_ad:
            return None
        forward = torch.autograd.forward_ad
        with forward.dual_level():
            duals = map(forward.make_dual, [leaf.detach() for leaf in sample.leaves], tensors)
            changed = sample.there(*duals)
            changes = [forward.unpack_dual(changed[k]) for k in led]
            return [
                in_numpy(torch, torch.zeros_like(each.primal) if each.tangent is None else each.tangent)
                for each in changes
            ]

    compare("gradient", lambda: [in_numpy(torch, each) for each in gradients()], lambda: pulled(*sample.points))
    compare("forward", pushed, lambda: cr.jvp(smooth, sample.points, directions)[1])
    compare("second order", twice, lambda: list(cr.vjp(pulled, *sample.points)[1](directions)))
    return Outcome(name, faults)


def difference(expected: list[Any], found: list[Any]) -> str:
    """What differs, or nothing. Numbers agree up to the rounding of a few hundred operations on the largest."""
    if len(expected) != len(found):
        return f"{len(found)} results for {len(expected)}"
    for right, value in zip(expected, found, strict=True):
        if np.shape(value) != np.shape(right):
            return f"shape {np.shape(value)} for {np.shape(right)}"
        if not isinstance(right, np.ndarray) or not right.size:
            if not isinstance(right, np.ndarray) and value != right:
                return f"{value} for {right}"
            continue
        size = np.max(np.abs(right[np.isfinite(right)]), initial=1.0)
        close = np.isclose(np.asarray(value), right, rtol=1e-7, atol=1e-9 * size, equal_nan=True)
        if not close.all():
            at = np.unravel_index(np.argmin(close), np.shape(close))
            return f"{np.asarray(value)[at]} for {right[at]} at {tuple(map(int, at))}"
        if right.dtype.kind in "fc" and np.asarray(value).dtype.kind != right.dtype.kind:
            return f"dtype {np.asarray(value).dtype} for {right.dtype}"
    return ""


def drawn(rng: np.random.Generator, like: Any) -> Any:
    """Random numbers of the shape and the kind of others."""
    real = rng.normal(size=np.shape(like))
    return real + 1j * rng.normal(size=np.shape(like)) if np.iscomplexobj(like) else np.asarray(real)


def tensors_in(torch: Any, value: Any) -> Iterator[Any]:
    """The tensors in an argument that ask for a gradient, each once."""
    seen: set[int] = set()

    def walk(each: Any) -> Iterator[Any]:
        if isinstance(each, torch.Tensor) and each.requires_grad and id(each) not in seen:
            seen.add(id(each))
            yield each
        elif isinstance(each, dict | tuple | list):
            for part in each.values() if isinstance(each, dict) else each:
                yield from walk(part)

    yield from walk(value)


def replaced(value: Any, by_id: dict[int, Any], other: Callable[[Any], Any]) -> Any:
    """The same containers with the tensors in the dictionary replaced, and all else handed to ``other``."""
    if id(value) in by_id:
        return by_id[id(value)]
    if isinstance(value, dict):
        return {key: replaced(part, by_id, other) for key, part in value.items()}
    if type(value) in (tuple, list):
        return type(value)(replaced(part, by_id, other) for part in value)
    return other(value)


@dataclass(frozen=True)
class Place:
    """Where a leaf goes in the arguments of a call."""

    number: int


def filled(value: Any, leaves: Any) -> Any:
    """The same containers with leaves at their places."""
    if isinstance(value, dict):
        return {key: filled(part, leaves) for key, part in value.items()}
    if type(value) in (tuple, list):
        return type(value)(filled(part, leaves) for part in value)
    return leaves[value.number] if type(value) is Place else value


def in_numpy(torch: Any, value: Any) -> Any:
    """An array for a tensor, a NumPy dtype for a dtype, and what is neither as it is."""
    if isinstance(value, torch.Tensor):
        return value.detach().resolve_conj().resolve_neg().numpy().copy()
    if isinstance(value, torch.dtype):
        return np.dtype(str(value).removeprefix("torch."))
    return value


def is_whole(torch: Any, value: Any) -> bool:
    """Whether a result consists of integers or truth values: places, counts, answers."""
    if isinstance(value, torch.Tensor):
        return not (value.is_floating_point() or value.is_complex())
    return not isinstance(value, float | complex)


def flat(value: Any) -> list[Any]:
    """The results of a function in one list."""
    if isinstance(value, tuple | list):
        return [part for each in value for part in flat(each)]
    return [value]


def shown(torch: Any, value: Any) -> str:
    """Arguments in few letters: tensors by their shape, with a star if they ask for a gradient."""
    if isinstance(value, torch.Tensor):
        return f"{str(value.dtype)[6]}{list(value.shape)}{'*' * value.requires_grad}"
    if isinstance(value, dict):
        return ", ".join(f"{key}={shown(torch, part)}" for key, part in value.items() if key not in PLACING)
    if isinstance(value, tuple | list):
        return f"({', '.join(shown(torch, part) for part in value)})"
    return f"{value!r:.40}"
