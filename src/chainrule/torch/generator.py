"""PyTorch's generator of random words on a processor, with its seeds and the bytes of its state.

It is the Mersenne Twister, which NumPy has too; the seed sets it up in the classical way. A uniform float32 takes 24
bits of one 32-bit word, a float64 takes 53 bits of two. Normal numbers that are drawn one by one come in pairs; the
second of a pair is kept for the next draw.
"""

from __future__ import annotations

import operator
import secrets
import struct
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import DrawError, DtypeError, SeedError
from chainrule.torch.fused import Floats32, Floats64
from chainrule.torch.normal import normal_pair

_WORDS = 624  # the Mersenne Twister's state
# PyTorch's layout of a state: seed, words left before the next refill, seeded or not, next word, the words; then a kept
# float64 normal number (x, y, ρ of an older method, of which only y is used) and a kept float32 one, each with a flag.
_STATE = struct.Struct(f"<QiiQ{_WORDS}Q3dixxxxf?xxx")


class Generator:
    """A stream of random numbers of its own, at first seeded with PyTorch's constant.

    >>> generator = Generator().manual_seed(7)
    >>> state = generator.get_state()
    >>> first = generator.unit_32(2)
    >>> generator.set_state(state).initial_seed(), bool((generator.unit_32(2) == first).all())
    (7, True)
    """

    def __init__(self, device: Any = "cpu") -> None:
        self.device = device
        self._words = np.random.MT19937(0)
        self._kept_float32: float | None = None
        self.kept_normal: float | None = None
        self.manual_seed(67280421310721)

    def manual_seed(self, seed: SupportsIndex) -> Generator:
        """Start anew from a seed in [-2**63, 2**64); a negative one means itself + 2**64. Returns the generator."""
        try:
            number = operator.index(seed)
        except TypeError:
            message = f"manual_seed expected a long, but got {type(seed).__name__}"
            raise DrawError(f"{message}\nGive a whole number, for instance 0.") from None
        if not -(2**63) <= number < 2**64:
            raise SeedError(f"Overflow when unpacking long long\nGiven {number}; a seed lies in [-2**63, 2**64).")
        self._seed = number % 2**64
        # NumPy's older generator sets up its words as PyTorch does, from the lower 32 bits of the seed.
        fresh = np.random.RandomState(self._seed & 0xFFFFFFFF).get_state(legacy=False)
        self._words.state = {"bit_generator": "MT19937", "state": dict(fresh)["state"]}
        self._fresh = True
        self.kept_normal = self._kept_float32 = None
        return self

    def seed(self) -> int:
        """Start anew from an unpredictable seed, and return it."""
        self.manual_seed(secrets.randbits(53))
        return self._seed

    def initial_seed(self) -> int:
        """The seed that this stream started from."""
        return self._seed

    def get_state(self) -> NDArray[np.uint8]:
        """The state as 5056 bytes (uint8), laid out as PyTorch does."""
        inner = self._words.state["state"]
        position = int(inner["pos"])
        kept, kept_float32 = self.kept_normal, self._kept_float32
        packed = _STATE.pack(
            self._seed,
            _WORDS + 1 - position,
            1,
            0 if self._fresh else position,
            *inner["key"].tolist(),
            0.0,
            kept or 0.0,
            0.0,
            kept is not None,
            kept_float32 or 0.0,
            kept_float32 is not None,
        )
        return np.frombuffer(packed, np.uint8).copy()

    def set_state(self, state: NDArray[Any]) -> Generator:
        """Continue from a state made by ``get_state``, here or in PyTorch. Returns the generator."""
        given = np.asarray(state)
        if given.dtype != np.uint8:
            raise DtypeError(f"RNG state must be a torch.ByteTensor\nGiven numbers of type {given.dtype}.")
        if given.size != _STATE.size:
            raise DrawError(
                f"Expected a CPUGeneratorImplState of size {_STATE.size} but found the input RNG state size to be "
                f"{given.size}\nGive what get_state() returned."
            )
        seed, left, _, following, *rest = _STATE.unpack(given.tobytes())
        words, (_, kept, _, is_kept, kept_float32, is_kept_float32) = rest[:_WORDS], rest[_WORDS:]
        self._words.state = {
            "bit_generator": "MT19937",
            "state": {"key": np.array(words, dtype=np.uint32), "pos": _WORDS + 1 - left},
        }
        self._seed, self._fresh = seed, following == 0
        self.kept_normal = kept if is_kept else None
        self._kept_float32 = kept_float32 if is_kept_float32 else None
        return self

    def clone_state(self) -> Generator:
        """Another generator that will give the same numbers."""
        return Generator(self.device).set_state(self.get_state())

    def words_32(self, count: int) -> NDArray[np.uint64]:
        """The next 32-bit words, held as uint64."""
        self._fresh = self._fresh and count == 0
        return self._words.random_raw(count)

    def words_64(self, count: int) -> NDArray[np.uint64]:
        """The next 64-bit words, each made of two 32-bit ones, the upper half first."""
        words = self.words_32(2 * count)
        return (words[0::2] << np.uint64(32)) | words[1::2]

    def unit_32(self, count: int) -> Floats32:
        """Uniform float32 in [0, 1), multiples of 2**-24."""
        return (self.words_32(count) & np.uint64(2**24 - 1)).astype(np.float32) * np.float32(2.0**-24)

    def unit_64(self, count: int) -> Floats64:
        """Uniform float64 in [0, 1), multiples of 2**-53."""
        return (self.words_64(count) & np.uint64(2**53 - 1)).astype(np.float64) * 2.0**-53

    def unit_normals(self, count: int) -> Floats64:
        """Standard normal numbers drawn one by one: the kept one first, then pairs; of an odd pair the rest is kept."""
        drawn: list[float] = []
        if self.kept_normal is not None and count:
            drawn.append(self.kept_normal)
            self.kept_normal = None
        uniform = self.unit_64(2 * ((count - len(drawn) + 1) // 2)).tolist()
        for first, second in zip(uniform[0::2], uniform[1::2], strict=True):
            drawn.extend(normal_pair(first, second))
        if len(drawn) > count:
            self.kept_normal = drawn.pop()
        return np.array(drawn, dtype=np.float64)


default_generator = Generator()
default_generator.seed()


def manual_seed(seed: Any) -> Generator:
    """Seed the default generator with ``int(seed)``, and return it."""
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Seed the default generator unpredictably, and return the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed that the default generator started from."""
    return default_generator.initial_seed()


def get_rng_state() -> NDArray[np.uint8]:
    """The default generator's state, 5056 bytes."""
    return default_generator.get_state()


def set_rng_state(state: NDArray[Any]) -> None:
    """Let the default generator continue from that state."""
    default_generator.set_state(state)
