"""Programs of random draws that chainrule and PyTorch can both run, to be compared bit by bit."""

from __future__ import annotations

import hashlib
import random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from chainrule.torch import distributions, initial
from chainrule.torch import random as draws

Step = list[Any]  # the kind of draw, a shape, a dtype, and what else the draw needs

SHORT_SHAPES = [[], [0], [2, 3], [4, 4], [3, 1, 5], [2, 3, 4, 5], [100], [1000], *([size] for size in range(1, 41))]
FLOATS = ["float32", "float32", "float64", "float16", "complex64", "complex128"]
REALS = ["float32", "float64", "float16"]
WHOLE = {"int64": 63, "int32": 31, "int16": 15, "int8": 7, "uint8": 8, "bool": 1}


def real_torch() -> Any:
    """PyTorch itself, not the stand-in that a test may have installed; skips the test where there is none."""
    torch = pytest.importorskip("torch")
    if "chainrule" in (getattr(torch, "__file__", None) or "chainrule"):
        pytest.skip("`torch` is chainrule's stand-in here")
    return torch


def of_this_machine(torch: Any) -> set[str]:
    """The kinds of draws in which PyTorch itself differs here from the machines whose bits chainrule gives."""
    kinds: set[str] = set()
    if torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"):
        kinds |= set(OURS) - {"rand", "randint", "random", "randperm", "bernoulli", "state"}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        torch.empty(4).bernoulli_(0.5)
        words = int(torch.get_rng_state()[16])  # one word only: it seeded MKL's own generator
    return kinds | ({"bernoulli_number", "exponential", "multinomial"} if words == 1 else set())


def program(choice: random.Random) -> tuple[int, list[Step]]:
    """A seed and up to twelve draws."""
    seeds = [0, 1, 42, choice.randrange(2**32), choice.randrange(2**63), -choice.randrange(1, 2**63)]
    return choice.choice(seeds), [_step(choice) for _ in range(choice.randrange(1, 13))]


def _step(choice: random.Random) -> Step:
    kind = choice.choice([*OURS, "randn", "randn", "normal"])
    shape, low, size = choice.choice(SHORT_SHAPES), round(choice.uniform(-3, 3), 3), round(choice.uniform(0.1, 4), 3)
    if kind in ("rand", "randn"):
        return [kind, shape, choice.choice(FLOATS)]
    if kind in ("uniform", "normal"):
        return [kind, shape, choice.choice(FLOATS), low, size]
    if kind in ("strided_normal", "strided_uniform"):
        axes = choice.randrange(1, 4)
        order = choice.sample(range(axes), axes)
        shape = [choice.randrange(1, 7) for _ in range(axes)]
        return [kind, shape, choice.choice(FLOATS), order, choice.randrange(1, 3), low, size]
    if kind == "randint":
        dtype = choice.choice(list(WHOLE))
        highest = choice.randrange(1, 2 ** choice.randrange(1, WHOLE[dtype] + 1))
        lowest = 0 if dtype in ("uint8", "bool") else -choice.randrange(2 ** choice.randrange(1, WHOLE[dtype] + 1))
        return [kind, shape, dtype, lowest, highest]
    if kind == "random":
        return [kind, shape, choice.choice([*WHOLE, *REALS])]
    if kind == "randperm":
        return [kind, [choice.randrange(200)], "int64"]
    if kind in ("bernoulli_number", "geometric"):
        return [kind, shape, choice.choice(REALS), round(choice.uniform(0.05, 0.95), 3)]
    if kind in ("exponential", "cauchy", "log_normal"):
        return [kind, shape, choice.choice(REALS), low, size]
    if kind == "multinomial":
        rows, columns = choice.randrange(1, 6), choice.randrange(1, 9)
        return [
            kind,
            [rows, columns],
            choice.choice(REALS[:2]),
            choice.randrange(1, columns + 1),
            choice.random() < 0.5,
        ]
    if kind in ("linear", "kaiming_normal", "xavier_uniform", "xavier_normal"):
        return [kind, [choice.randrange(1, 20), choice.randrange(1, 20)], "float32"]
    return [kind, shape, choice.choice(REALS)]


def strided(shape: list[int], dtype: str, order: list[int], step: int) -> NDArray[Any]:
    """An array whose elements do not all lie side by side in the order of its indices."""
    return np.zeros(shape, dtype).transpose(order)[::step]


def weights(shape: list[int], dtype: str) -> NDArray[Any]:
    """Unequal numbers between 0 and 1."""
    size = int(np.prod(shape))
    return ((np.arange(1, size + 1) * 0.618) % 1.0).astype(dtype).reshape(shape)


def _layer(shape: list[int], dtype: str) -> NDArray[Any]:
    weight, bias = initial.linear(shape[0], shape[1], dtype=dtype)
    assert bias is not None
    return np.concatenate([weight.ravel(), bias])


OURS: dict[str, Any] = {
    "rand": draws.rand,
    "randn": draws.randn,
    "uniform": lambda shape, dtype, low, size: draws.uniform(shape, low, low + size, dtype),
    "normal": lambda shape, dtype, mean, deviation: draws.normal(shape, mean, deviation, dtype),
    "strided_uniform": lambda shape, dtype, order, step, low, size: draws.fill_uniform(
        strided(shape, dtype, order, step), low, low + size
    ),
    "strided_normal": lambda shape, dtype, order, step, mean, deviation: draws.fill_normal(
        strided(shape, dtype, order, step), mean, deviation
    ),
    "randint": lambda shape, dtype, low, high: draws.randint(low, high, shape, dtype),
    "random": draws.random,
    "randperm": lambda shape, dtype: draws.randperm(shape[0], dtype),
    "bernoulli": lambda shape, dtype: distributions.bernoulli(weights(shape, dtype)),
    "bernoulli_number": lambda shape, dtype, p: distributions.bernoulli_number(p, shape, dtype),
    "exponential": lambda shape, dtype, _, rate: distributions.exponential(shape, rate, dtype),
    "geometric": lambda shape, dtype, p: distributions.geometric(shape, p, dtype),
    "cauchy": lambda shape, dtype, median, width: distributions.cauchy(shape, median, width, dtype),
    "log_normal": lambda shape, dtype, mean, deviation: distributions.log_normal(shape, mean, deviation, dtype),
    "multinomial": lambda shape, dtype, count, again: distributions.multinomial(weights(shape, dtype), count, again),
    "linear": _layer,
    "kaiming_normal": lambda shape, dtype: initial.kaiming_normal(shape, 0.2, "fan_out", dtype=dtype),
    "xavier_uniform": lambda shape, dtype: initial.xavier_uniform(shape, 1.5, dtype),
    "xavier_normal": lambda shape, dtype: initial.xavier_normal(shape, 1.5, dtype),
    "state": lambda shape, dtype: draws.get_rng_state(),
}


def theirs(torch: Any) -> dict[str, Any]:
    """The same draws by PyTorch."""

    def empty(shape: list[int], dtype: str) -> Any:
        return torch.empty(shape, dtype=getattr(torch, dtype))

    def layer(shape: list[int], dtype: str) -> Any:
        made = torch.nn.Linear(shape[0], shape[1])
        return torch.cat([made.weight.detach().reshape(-1), made.bias.detach()])

    def view(shape: list[int], dtype: str, order: list[int], step: int) -> Any:
        return torch.zeros(shape, dtype=getattr(torch, dtype)).permute(order)[::step]

    def given(shape: list[int], dtype: str) -> Any:
        return torch.from_numpy(np.asarray(weights(shape, dtype)))

    start = torch.nn.init
    return {
        "rand": lambda shape, dtype: torch.rand(shape, dtype=getattr(torch, dtype)),
        "randn": lambda shape, dtype: torch.randn(shape, dtype=getattr(torch, dtype)),
        "uniform": lambda shape, dtype, low, size: empty(shape, dtype).uniform_(low, low + size),
        "normal": lambda shape, dtype, mean, deviation: empty(shape, dtype).normal_(mean, deviation),
        "strided_uniform": lambda shape, dtype, order, step, low, size: view(shape, dtype, order, step).uniform_(
            low, low + size
        ),
        "strided_normal": lambda shape, dtype, order, step, mean, deviation: view(shape, dtype, order, step).normal_(
            mean, deviation
        ),
        "randint": lambda shape, dtype, low, high: torch.randint(low, high, shape, dtype=getattr(torch, dtype)),
        "random": lambda shape, dtype: empty(shape, dtype).random_(),
        "randperm": lambda shape, dtype: torch.randperm(shape[0]),
        "bernoulli": lambda shape, dtype: torch.bernoulli(given(shape, dtype)),
        "bernoulli_number": lambda shape, dtype, p: empty(shape, dtype).bernoulli_(p),
        "exponential": lambda shape, dtype, _, rate: empty(shape, dtype).exponential_(rate),
        "geometric": lambda shape, dtype, p: empty(shape, dtype).geometric_(p),
        "cauchy": lambda shape, dtype, median, width: empty(shape, dtype).cauchy_(median, width),
        "log_normal": lambda shape, dtype, mean, deviation: empty(shape, dtype).log_normal_(mean, deviation),
        "multinomial": lambda shape, dtype, count, again: torch.multinomial(given(shape, dtype), count, again),
        "linear": layer,
        "kaiming_normal": lambda shape, dtype: start.kaiming_normal_(empty(shape, dtype), 0.2, "fan_out"),
        "xavier_uniform": lambda shape, dtype: start.xavier_uniform_(empty(shape, dtype), 1.5),
        "xavier_normal": lambda shape, dtype: start.xavier_normal_(empty(shape, dtype), 1.5),
        "state": lambda shape, dtype: torch.get_rng_state(),
    }


def run_ours(seed: int, steps: list[Step]) -> list[NDArray[Any]]:
    """The arrays that chainrule draws, and its generator's last state."""
    draws.manual_seed(seed)
    return [*(OURS[kind](shape, dtype, *rest) for kind, shape, dtype, *rest in steps), draws.get_rng_state()]


def run_theirs(torch: Any, seed: int, steps: list[Step]) -> list[NDArray[Any]]:
    """The arrays that PyTorch draws, and its generator's last state."""
    functions = theirs(torch)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        drawn = [functions[kind](shape, dtype, *rest).numpy() for kind, shape, dtype, *rest in steps]
        return [*drawn, torch.get_rng_state().numpy()]


def fingerprint(array: NDArray[Any]) -> str:
    """Shape and dtype, the first bits, and a digest of all bits."""
    content = np.ascontiguousarray(array).tobytes()
    return (
        f"{list(array.shape)} {array.dtype} {content[:16].hex()} {hashlib.blake2b(content, digest_size=8).hexdigest()}"
    )
