"""NumPy's names for PyTorch's functions, as far as random programs use them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

__all__ = ["numpy_in_torch"]


def numpy_in_torch(torch: Any) -> Any:
    """A namespace to stand for ``np`` in a program, so that it runs in PyTorch (double precision)."""

    def tensor(x: Any) -> Any:
        return x if isinstance(x, torch.Tensor) else torch.tensor(x, dtype=torch.float64)

    def positional(function: Any) -> Any:
        return lambda *arguments, axis: function(*arguments, axis)

    def reduced(function: Any) -> Any:
        def reduce(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
            axes = tuple(range(x.ndim)) if axis is None else axis
            return function(x, axes, keepdims) if x.ndim else function(x.reshape(1), (0,), False)

        return reduce

    def product(x: Any, axes: Any, keepdims: bool) -> Any:
        if isinstance(axes, int):
            return torch.prod(x, axes, keepdims)
        return torch.prod(x.reshape(-1)).reshape([1] * x.ndim if keepdims else [])

    def at(x: Any, index: Any) -> Any:
        positions = np.arange(x.numel()).reshape(tuple(x.shape))[index]
        return x.reshape(-1)[torch.tensor(np.array(positions))]

    def joined(function: Any) -> Any:
        return lambda parts, axis=0: function([tensor(part) for part in parts], axis)

    def pad(x: Any, width: Any, mode: str = "constant") -> Any:
        before, after = width if isinstance(width, tuple) else (width, width)
        if mode == "edge":
            for axis in range(x.ndim):
                first, last = x.narrow(axis, 0, 1), x.narrow(axis, x.shape[axis] - 1, 1)
                x = torch.cat([*[first] * before, x, *[last] * after], axis)
            return x
        return torch.nn.functional.pad(x, (before, after) * x.ndim)

    return SimpleNamespace(
        s_=np.s_,
        at=at,
        tanh=torch.tanh,
        sin=torch.sin,
        exp=torch.exp,
        sqrt=torch.sqrt,
        log=torch.log,
        arctan=torch.arctan,
        cosh=torch.cosh,
        square=torch.square,
        expm1=torch.expm1,
        abs=torch.abs,
        where=lambda condition, x, y: torch.where(torch.as_tensor(condition), tensor(x), tensor(y)),
        maximum=lambda x, y: torch.maximum(x, tensor(y)),
        clip=torch.clip,
        arctan2=torch.arctan2,
        logaddexp=torch.logaddexp,
        hypot=torch.hypot,
        matmul=torch.matmul,
        einsum=torch.einsum,
        sum=reduced(torch.sum),
        mean=reduced(torch.mean),
        max=reduced(torch.amax),
        min=reduced(torch.amin),
        var=reduced(lambda x, axes, keep: torch.var(x, axes, correction=0, keepdim=keep)),
        std=reduced(lambda x, axes, keep: torch.std(x, axes, correction=0, keepdim=keep)),
        prod=reduced(product),
        # these call the parameter `axis` by another name
        cumsum=positional(torch.cumsum),
        cumprod=positional(torch.cumprod),
        diff=lambda x, axis: torch.diff(x, dim=axis),
        sort=lambda x, axis: torch.sort(x, dim=axis).values,
        flip=lambda x, axis: torch.flip(x, (axis,)),
        roll=positional(torch.roll),
        linalg=SimpleNamespace(norm=lambda x, axis: torch.linalg.norm(x, dim=axis)),
        reshape=lambda x, shape: x.reshape(shape),
        expand_dims=torch.unsqueeze,
        swapaxes=torch.swapaxes,
        transpose=lambda x: x.permute(tuple(reversed(range(x.ndim)))),
        moveaxis=torch.moveaxis,
        squeeze=positional(torch.squeeze),
        tile=lambda x, count: x.repeat([1] * (x.ndim - 1) + [count]),
        repeat=positional(torch.repeat_interleave),
        broadcast_to=torch.broadcast_to,
        pad=pad,
        tril=torch.tril,
        triu=torch.triu,
        trace=torch.trace,
        diagonal=torch.diagonal,
        diag=torch.diag,
        stack=joined(torch.stack),
        concatenate=joined(torch.cat),
    )
