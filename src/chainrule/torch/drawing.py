"""Tensors of random numbers, and random numbers into tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.tape import notify
from chainrule.torch import distributions, random
from chainrule.torch.construct import chosen, filled, finished, like, sizes
from chainrule.torch.recording import overwrite
from chainrule.torch.tensors import Tensor, methods

__all__ = ["FUNCTIONS"]

rand, randn = filled("rand", random.rand), filled("randn", random.randn)
rand_like, randn_like = like("rand_like", random.rand), like("randn_like", random.randn)


def randint(
    low: int,
    high: Any = None,
    size: Any = None,
    *,
    dtype: Any = None,
    generator: Any = None,
    requires_grad: bool = False,
    **other: Any,
) -> Any:
    """Whole numbers from ``low`` (0) up to but not including ``high``."""
    if size is None and not isinstance(high, int):
        low, high, size = 0, low, high if high is not None else other.pop("size")
    elif high is None:
        low, high = 0, low
    kind = np.dtype(np.int64) if dtype is None else chosen(dtype, "randint")
    result = finished(random.randint(int(low), int(high), sizes((size,), "randint"), kind, generator), requires_grad)
    notify("randint", (), result)
    return result


def randint_like(input: Any, low: int, high: Any = None, *, dtype: Any = None) -> Any:
    """Whole numbers at random, in the shape and dtype of another tensor."""
    low, high = (0, low) if high is None else (low, high)
    kind = input.value.dtype if dtype is None else chosen(dtype, "randint_like")
    return Tensor(random.randint(low, high, input.value.shape, kind), None)


def randperm(
    n: int, *, dtype: Any = None, generator: Any = None, requires_grad: bool = False, device: Any = None
) -> Any:
    """The numbers 0 … n-1 in random order."""
    kind = np.dtype(np.int64) if dtype is None else chosen(dtype, "randperm")
    result = finished(random.randperm(n, kind, generator), requires_grad)
    notify("randperm", (), result)
    return result


def normal(
    mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Any = None, dtype: Any = None, **other: Any
) -> Any:
    """Normal numbers of a mean and a deviation: numbers with a size, or tensors."""
    if size is not None:
        drawn = random.normal(sizes((size,), "normal"), float(mean), float(std), chosen(dtype, "normal"), generator)
        return Tensor(drawn, None)
    centre, spread = getattr(mean, "value", mean), getattr(std, "value", std)
    shape = np.broadcast_shapes(np.shape(centre), np.shape(spread))
    kind = mean.value.dtype if isinstance(mean, Tensor) else std.value.dtype
    return Tensor((random.normal(shape, 0.0, 1.0, kind, generator) * spread + centre).astype(kind), None)


def bernoulli(input: Any, *, generator: Any = None) -> Any:
    """1 with the probability given, else 0."""
    return Tensor(distributions.bernoulli(input.value, generator), None)


def multinomial(input: Any, num_samples: int, replacement: bool = False, *, generator: Any = None) -> Any:
    """Positions drawn with the weights given."""
    return Tensor(distributions.multinomial(input.value, num_samples, replacement, generator), None)


def _refilled(name: str, draw: Callable[..., Any]) -> Callable[..., Any]:
    """A method that draws new numbers into a tensor."""

    def method(self: Any, *arguments: Any, generator: Any = None, **options: Any) -> Any:
        overwrite(self, self.value)  # refuses a leaf that requires grad, and notes the write
        draw(self.value, *arguments, generator=generator, **options)
        notify(name, (), self)
        return self

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"Draw new numbers into the tensor: {name.strip('_')}."
    return method


def _draw_uniform(array: Any, from_: float = 0.0, to: float = 1.0, *, generator: Any = None, **bounds: Any) -> None:
    random.fill_uniform(array, bounds.get("from", from_), to, generator)


def _draw_normal(array: Any, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> None:
    random.fill_normal(array, mean, std, generator)


def _draw_whole(array: Any, low: Any = None, high: Any = None, *, generator: Any = None) -> None:
    if low is None:
        random.fill(array, random.random((array.size,), array.dtype, generator))
        return
    low, high = (0, low) if high is None else (low, high)
    random.fill(array, random.randint(low, high, (array.size,), array.dtype, generator))


def _draw_bernoulli(array: Any, p: float = 0.5, *, generator: Any = None) -> None:
    random.fill(array, distributions.bernoulli_number(p, (array.size,), array.dtype, generator))


def _draw_exponential(array: Any, lambd: float = 1.0, *, generator: Any = None) -> None:
    random.fill(array, distributions.exponential((array.size,), lambd, array.dtype, generator))


methods(
    bernoulli=bernoulli,
    bernoulli_=_refilled("bernoulli_", _draw_bernoulli),
    exponential_=_refilled("exponential_", _draw_exponential),
    multinomial=multinomial,
    normal_=_refilled("normal_", _draw_normal),
    random_=_refilled("random_", _draw_whole),
    uniform_=_refilled("uniform_", _draw_uniform),
)

FUNCTIONS: dict[str, Any] = {
    name: globals()[name]
    for name in "bernoulli multinomial normal rand rand_like randint randint_like randn randn_like randperm".split()
}
