"""Random numbers have PyTorch's bits: against stored ones everywhere, against PyTorch itself where it is installed."""

from __future__ import annotations

import copy
import json
import math
import random
import statistics
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.errors import ChainruleError, DrawDtypeError, DrawError, DtypeError, InitialisationError, SeedError
from chainrule.torch import distributions, initial
from chainrule.torch import random as drawn
from chainrule.torch.fused import fused_multiply_add_32, fused_multiply_add_64
from tests.torch import draws

STORED = json.loads((Path(__file__).parents[1] / "golden" / "torch_random.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", STORED, ids=lambda case: f"{case['seed']}-{case['steps'][0][0]}-{len(case['steps'])}")
def test_draws_have_the_stored_bits(case: dict[str, Any]) -> None:
    arrays = draws.run_ours(case["seed"], case["steps"])
    for step, array, bits in zip([*case["steps"], "the last state"], arrays, case["bits"], strict=True):
        assert draws.fingerprint(array) == bits, step


@pytest.mark.oracle
@pytest.mark.parametrize("start", range(1000, 1200, 20))
def test_mixed_draws_have_the_bits_of_pytorch(start: int) -> None:
    torch = draws.real_torch()
    different = draws.of_this_machine(torch)
    for number in range(start, start + 20):
        seed, steps = draws.program(random.Random(number))
        steps = [step for step in steps if step[0] not in different]
        pairs = zip(draws.run_ours(seed, steps), draws.run_theirs(torch, seed, steps), strict=True)
        for step, (ours, theirs) in zip([*steps, "the last state"], pairs, strict=True):
            assert draws.fingerprint(ours) == draws.fingerprint(theirs), (seed, step)


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_long_draws_have_the_bits_of_pytorch(dtype: str) -> None:
    torch = draws.real_torch()
    if dtype == "float32" and "randn" in draws.of_this_machine(torch):
        pytest.skip("PyTorch has other float32 kernels on this processor")
    steps: list[draws.Step] = [["randn", [200_003], dtype], ["normal", [100_000], dtype, 0.25, 1.75]]
    for ours, theirs in zip(draws.run_ours(3, steps), draws.run_theirs(torch, 3, steps), strict=True):
        assert draws.fingerprint(ours) == draws.fingerprint(theirs)


@pytest.mark.oracle
def test_a_state_goes_to_pytorch_and_back() -> None:
    torch = draws.real_torch()
    drawn.manual_seed(-5)
    drawn.randn((3,))  # leaves a normal number for later
    theirs = torch.Generator()
    theirs.set_state(torch.from_numpy(drawn.get_rng_state()))
    assert theirs.initial_seed() == drawn.initial_seed()
    assert torch.randn(4, generator=theirs).tolist() == drawn.randn((4,)).tolist()
    drawn.set_rng_state(theirs.get_state().numpy())
    assert torch.rand(4, generator=theirs).tolist() == drawn.rand((4,)).tolist()
    assert theirs.get_state().tolist() == drawn.get_rng_state().tolist()


def test_the_documented_first_numbers_of_seed_0() -> None:
    drawn.manual_seed(0)
    assert [f"{number:.4f}" for number in drawn.randn((3,))] == ["1.5410", "-0.2934", "-2.1788"]


def test_a_generator_is_a_stream_of_its_own() -> None:
    drawn.manual_seed(1)
    before = drawn.get_rng_state()
    generator = drawn.Generator()
    assert generator.initial_seed() == 67280421310721
    generator.manual_seed(1)
    own = drawn.randn((5,), generator=generator)
    assert (drawn.get_rng_state() == before).all()
    assert (own == drawn.randn((5,))).all()


def test_a_clone_and_a_copy_continue_alike() -> None:
    generator = drawn.Generator().manual_seed(11)
    drawn.randn((3,), generator=generator)
    clone, duplicate = generator.clone_state(), copy.deepcopy(generator)
    numbers = [drawn.randn((4,), generator=each).tolist() for each in (generator, clone, duplicate)]
    assert numbers[0] == numbers[1] == numbers[2]


def test_seed_is_unpredictable_and_reported() -> None:
    first, second = drawn.seed(), drawn.seed()
    assert first != second
    assert drawn.initial_seed() == second
    numbers = drawn.rand((2,)).tolist()
    drawn.manual_seed(second)
    assert drawn.rand((2,)).tolist() == numbers


@pytest.mark.parametrize(("seed", "means"), [(-1, 2**64 - 1), (2**64 - 1, 2**64 - 1), (-(2**63), 2**63), (True, 1)])
def test_seeds_wrap_around(seed: int, means: int) -> None:
    assert drawn.manual_seed(seed).initial_seed() == means
    drawn.manual_seed("3")
    assert drawn.initial_seed() == 3


def test_draws_are_distributed_as_they_should_be() -> None:
    drawn.manual_seed(2)
    count = 20_000
    assert abs(drawn.randn((count,)).mean()) < 5 / math.sqrt(count)
    assert statistics.stdev(drawn.randn((count,), np.float64).tolist()) == pytest.approx(1, abs=0.03)
    assert distributions.exponential((count,), 4.0).mean() == pytest.approx(0.25, rel=0.05)
    assert distributions.geometric((count,), 0.25).mean() == pytest.approx(4, rel=0.05)
    assert np.median(distributions.cauchy((count,), 3.0, 1.0)) == pytest.approx(3, abs=0.1)
    assert np.median(distributions.log_normal((count,), 1.0, 0.5)) == pytest.approx(math.e, rel=0.05)
    assert sorted(drawn.randperm(500).tolist()) == list(range(500))
    assert np.bincount(drawn.randint(2, 5, (count,))).tolist()[:2] == [0, 0]
    chosen = np.bincount(distributions.multinomial(np.array([1.0, 3.0]), count, replacement=True))
    assert chosen[1] / count == pytest.approx(0.75, abs=0.02)


def test_drawing_without_replacement_gives_each_index_once() -> None:
    drawn.manual_seed(0)
    assert sorted(distributions.multinomial(np.ones(6), 6).tolist()) == [0, 1, 2, 3, 4, 5]


def test_a_layer_without_bias_draws_none() -> None:
    drawn.manual_seed(0)
    weight, bias = initial.linear(4, 3, bias=False)
    assert weight.shape == (3, 4)
    assert bias is None
    assert initial.kaiming_uniform((0, 3)).shape == (0, 3)
    assert initial.kaiming_normal((0, 3)).shape == (0, 3)


def test_gains() -> None:
    gains = [initial.calculate_gain(name) for name in ("linear", "conv_transpose2d", "sigmoid", "tanh", "relu", "selu")]
    assert gains == [1, 1, 1, 5 / 3, math.sqrt(2), 0.75]
    assert initial.calculate_gain("leaky_relu") == math.sqrt(2 / (1 + 0.01**2))


@pytest.mark.parametrize(
    ("draw", "error", "message"),
    [
        (lambda: drawn.manual_seed(2**64), SeedError, "Overflow when unpacking long long"),
        (lambda: drawn.Generator().manual_seed("1"), DrawError, "manual_seed expected a long, but got str"),  # type: ignore[arg-type]
        (lambda: drawn.set_rng_state(np.zeros(3, np.uint8)), DrawError, "of size 5056 but found .* to be 3"),
        (lambda: drawn.set_rng_state(np.zeros(5056)), DtypeError, "RNG state must be a torch.ByteTensor"),
        (lambda: drawn.randn((2,), np.int64), DrawDtypeError, "\"normal_kernel_cpu\" not implemented for 'Long'"),
        (lambda: drawn.rand((2,), bool), DrawDtypeError, "\"check_uniform_bounds\" not implemented for 'Bool'"),
        (lambda: drawn.normal((2,), 0, -1), DrawError, r"normal expects std >= 0.0, but found std -1"),
        (lambda: drawn.uniform((2,), 3, 1), DrawError, r"\[from, to\) range, but found from=3 > to=1"),
        (lambda: drawn.uniform((2,), 0, 1e39), DrawError, "to is out of bounds for float"),
        (lambda: drawn.uniform((2,), -3e38, 3e38), DrawError, "uniform_ expects to-from <="),
        (lambda: drawn.randint(5, 3, (2,)), DrawError, "'from' to be less than 'to', but got from=5 >= to=3"),
        (lambda: drawn.randint(0, 300, (2,), np.uint8), DrawError, "to - 1 is out of bounds for unsigned char"),
        (lambda: drawn.randint(-1, 3, (2,), np.uint8), DrawError, "from is out of bounds for unsigned char"),
        (lambda: drawn.randint(0, 2**63, (2,)), SeedError, "Overflow when unpacking long long"),
        (lambda: drawn.randint(0, 2, (2,), np.complex64), DrawError, "check_random_bounds handles only integral"),
        (lambda: drawn.random((2,), np.complex64), DrawDtypeError, "not implemented for 'ComplexFloat'"),
        (lambda: drawn.randperm(-1), DrawError, r"tensor with negative dimension -1: \[-1\]"),
        (lambda: drawn.randperm(3, bool), DrawDtypeError, "\"randperm\" not implemented for 'Bool'"),
        (lambda: drawn.randperm(300, np.uint8), DrawError, "uint8_t without overflow"),
        (lambda: distributions.bernoulli(np.array([1.5])), DrawError, "Expected p_in >= 0 && p_in <= 1"),
        (lambda: distributions.bernoulli(np.array([1])), DrawDtypeError, "bernoulli_tensor_cpu_p_.*'Long'"),
        (lambda: distributions.bernoulli_number(1.5, (2,)), DrawError, r"p to be in \[0, 1\], but got p=1.5"),
        (
            lambda: distributions.exponential((2,), 0),
            DrawError,
            "exponential_ expects lambda > 0.0, but found lambda=0",
        ),
        (lambda: distributions.geometric((2,), 1.5), DrawError, r"geometric_ expects p to be in \(0, 1\)"),
        (lambda: distributions.cauchy((2,), 0, -1), DrawError, "cauchy_ expects sigma > 0.0, but found sigma=-1"),
        (lambda: distributions.log_normal((2,), 0, -1), DrawError, "log_normal_ expects std > 0.0"),
        (lambda: distributions.multinomial(np.ones((2, 2, 2)), 1), DrawError, "prob_dist must be 1 or 2 dim"),
        (lambda: distributions.multinomial(np.ones(2, int), 1), DrawError, "only supports floating-point .* Long"),
        (lambda: distributions.multinomial(np.ones(2), 0), DrawError, "cannot sample n_sample <= 0 samples"),
        (lambda: distributions.multinomial(np.ones(2), 3), DrawError, "samples without replacement"),
        (lambda: distributions.multinomial(np.zeros(2), 1), DrawError, "sum of probabilities <= 0"),
        (lambda: distributions.multinomial(-np.ones(2), 1), DrawError, "either `inf`, `nan` or element < 0"),
        (lambda: distributions.multinomial(np.zeros(2), 2, True), DrawError, "sum of probabilities <= 0"),
        (lambda: distributions.multinomial(-np.ones(2), 2, True), DrawError, "encountering probability entry < 0"),
        (lambda: distributions.multinomial(np.full(2, np.inf), 2, True), DrawError, "entry = infinity or NaN"),
        (lambda: initial.xavier_normal((3,)), InitialisationError, "Fan in and fan out can not be computed"),
        (lambda: initial.calculate_gain("swish"), InitialisationError, "Unsupported nonlinearity swish"),
        (lambda: initial.calculate_gain("leaky_relu", True), InitialisationError, "negative_slope True not a valid"),
        (lambda: initial.kaiming_normal((3, 3), mode="fan"), InitialisationError, "Mode fan not supported"),
    ],
)
def test_what_cannot_be_drawn_says_why(draw: Callable[[], Any], error: type[ChainruleError], message: str) -> None:
    with pytest.raises(error, match=message):
        draw()


def test_errors_are_of_the_types_that_pytorch_raises() -> None:
    assert issubclass(DrawError, RuntimeError)
    assert issubclass(DrawDtypeError, NotImplementedError)
    assert issubclass(SeedError, ValueError)
    assert issubclass(InitialisationError, ValueError)


def test_fused_multiply_add_in_float64_rounds_once() -> None:
    numbers = np.random.default_rng(0)
    a, b = numbers.normal(size=(2, 3000))
    c = -a * b * (1 + numbers.integers(-3, 3, 3000) * numbers.choice([0, 1e-16, 1e-8, 1], 3000))
    exact = [float(Fraction(x) * Fraction(y) + Fraction(z)) for x, y, z in zip(a, b, c, strict=True)]
    assert fused_multiply_add_64(a, b, c).tolist() == exact
    assert (a * b + c).tolist() != exact


def test_fused_multiply_add_in_float32_rounds_once() -> None:
    # 4097 · 4095 = 2**24 - 1; doubled and shifted by one it lies halfway between two float32, and a little decides.
    a, b = np.float32(8193), np.float32(8191 + 0.5)
    product = float(a) * float(b)
    for little in (1e-20, -1e-20, 1e-3, -1e-3, 0.0, 2.0**-30):
        exact = Fraction(product) + Fraction(float(np.float32(little)))
        nearest = np.float32(product)
        around = [np.nextafter(nearest, np.float32(-np.inf)), nearest, np.nextafter(nearest, np.float32(np.inf))]
        distances = [abs(Fraction(float(each)) - exact) for each in around]
        least = [float(each) for each, far in zip(around, distances, strict=True) if far == min(distances)]
        assert float(fused_multiply_add_32(a, b, np.float32(little))) in least


def test_fused_multiply_add_in_float32_decides_ties_by_what_is_lost() -> None:
    a, b = np.float32(2**12 + 1), np.float32(2**12 + 1)  # a·b = 2**24 + 2**13 + 1: halfway between two float32
    assert float(fused_multiply_add_32(a, b, np.float32(1e-30))) == 2**24 + 2**13 + 2
    assert float(fused_multiply_add_32(a, b, np.float32(-1e-30))) == 2**24 + 2**13
    assert float(np.float32(float(a) * float(b) + 1e-30)) == 2**24 + 2**13  # two roundings lose it
