"""Functions of windows: convolutions, pooling, unfolding, padding; and the axes of channels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.oracle.opinfo.shapes import padded

__all__ = ["WINDOWS", "channels", "windows"]

Function = Callable[..., Any]
windows = np.lib.stride_tricks.sliding_window_view


def channels(x: Any) -> tuple[int, ...]:
    return (1, -1) + (1,) * (x.ndim - 2) if x.ndim > 1 else (-1,)


def tupled(value: Any, count: int) -> Any:
    value = tuple(value) if np.ndim(value) else (value,)
    return value * count if len(value) == 1 else value


def of_batches(rank: int) -> Callable[[Function], Function]:
    """A function of arrays with so many axes, of which the first may be left out where there is one example."""

    def made(function: Function) -> Function:
        def call(x: Any, *arguments: Any, **options: Any) -> Any:
            if x.ndim < rank:
                return function(x[None], *arguments, **options)[0]
            return function(x, *arguments, **options)

        return call

    return made


def conv(count: int) -> Function:
    """The convolution of ``count`` axes: a sum over the places of the kernel."""

    @of_batches(count + 2)
    def call(
        x: Any,
        kernel: Any,
        bias: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Any:
        stride, dilation, sizes = tupled(stride, count), tupled(dilation, count), kernel.shape[2:]
        if isinstance(padding, str):
            reach = [d * (n - 1) if padding == "same" else 0 for d, n in zip(dilation, sizes, strict=True)]
            pairs = [(r // 2, r - r // 2) for r in reach]
        else:
            pairs = [(p, p) for p in tupled(padding, count)]
        x = np.pad(x, [(0, 0), (0, 0), *pairs])
        x = np.reshape(x, (x.shape[0], groups, x.shape[1] // groups, *x.shape[2:]))
        kernels = np.reshape(kernel, (groups, kernel.shape[0] // groups, *kernel.shape[1:]))
        ends = [n - d * (k - 1) for n, d, k in zip(x.shape[3:], dilation, sizes, strict=True)]
        y: Any = 0
        for tap in np.ndindex(*sizes):
            steps = zip(tap, dilation, stride, ends, strict=True)
            seen = x[(..., *(slice(t * d, t * d + end, s) for t, d, s, end in steps))]
            y = y + np.einsum("bgc...,goc->bgo...", seen, kernels[(..., *tap)])
        y = np.reshape(y, (y.shape[0], -1, *y.shape[3:]))
        return y if bias is None else y + np.reshape(bias, channels(y))

    return call


def conv_transposed(count: int) -> Function:
    """The transposed convolution: zeros between the entries, then a convolution with the kernel turned round."""

    @of_batches(count + 2)
    def call(
        x: Any,
        kernel: Any,
        bias: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        dilation: Any = 1,
    ) -> Any:
        stride, dilation, padding = tupled(stride, count), tupled(dilation, count), tupled(padding, count)
        more, sizes = tupled(output_padding, count), kernel.shape[2:]
        wide = [(n - 1) * s + 1 for n, s in zip(x.shape[2:], stride, strict=True)]
        apart = np.zeros((*x.shape[:2], *wide), x.dtype)
        apart[(slice(None), slice(None), *(slice(None, None, s) for s in stride))] = x
        edges = [d * (n - 1) - p for d, n, p in zip(dilation, sizes, padding, strict=True)]
        apart = padded(apart, [w for e, m in [*zip(edges, more, strict=True)][::-1] for w in (e, e + m)])
        turned = np.flip(kernel, tuple(range(2, 2 + count)))
        parts = np.reshape(turned, (groups, kernel.shape[0] // groups, *kernel.shape[1:]))
        turned = np.reshape(np.swapaxes(parts, 1, 2), (-1, kernel.shape[0] // groups, *sizes))
        return conv(count)(apart, turned, bias, 1, 0, dilation, groups)

    return call


def pooled(count: int, function: Function, outside: float) -> Function:
    """Windows of ``count`` axes, and one number of each."""

    def call(
        x: Any,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        sizes, padding, dilation = tupled(kernel_size, count), tupled(padding, count), tupled(dilation, count)
        stride = sizes if stride is None or stride == () else tupled(stride, count)
        spans = [d * (n - 1) + 1 for d, n in zip(dilation, sizes, strict=True)]
        pairs = []
        for n, p, span, s in zip(x.shape[-count:], padding, spans, stride, strict=True):
            free = n + 2 * p - span
            steps = -(-free // s) if ceil_mode else free // s
            steps -= ceil_mode and steps * s >= n + p  # a window that would begin behind the end is left out
            pairs.append((p, max(p, steps * s + span - n - p)))
        around = np.pad(x, [*[(0, 0)] * (x.ndim - count), *pairs], constant_values=outside)
        seen: Any = windows(around, spans, axis=tuple(range(x.ndim - count, x.ndim)))
        seen = seen[(..., *(slice(None, None, s) for s in (*stride, *dilation)))]
        return function(seen, tuple(range(-count, 0)))

    return call


def avg_pool(count: int) -> Function:
    """Means of windows; what is divided by may leave out the padding, or be given."""

    def call(
        x: Any,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: Any = None,
    ) -> Any:
        options = {"stride": stride, "padding": padding, "ceil_mode": ceil_mode}
        total = pooled(count, np.sum, 0.0)(x, kernel_size, **options)
        if divisor_override is not None:
            return total / divisor_override
        ones = np.ones(x.shape[-count:])
        if count_include_pad:
            ones, options["padding"] = np.pad(ones, [(p, p) for p in tupled(padding, count)], constant_values=1), 0
        return total / pooled(count, np.sum, 0.0)(ones, kernel_size, **options)

    return call


def adaptive(count: int, function: Function) -> Function:
    """Windows of the lengths that give as many as were asked for."""

    def call(x: Any, output_size: Any, return_indices: bool = False) -> Any:
        asked = tupled(output_size, count)
        for k, (n, parts) in enumerate(zip(x.shape[-count:], asked, strict=True)):
            axis, parts = x.ndim - count + k, n if parts is None else int(parts)
            ends = [(i * n // parts, -(-(i + 1) * n // parts)) for i in range(parts)]
            slices = [function(np.take(x, np.arange(a, b), axis), axis) for a, b in ends]
            x = np.stack(slices, axis)
        return x

    return call


@of_batches(4)
def unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    sizes, dilation, padding, stride = (tupled(each, 2) for each in (kernel_size, dilation, padding, stride))
    around = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    spans = [d * (n - 1) + 1 for d, n in zip(dilation, sizes, strict=True)]
    seen = windows(around, spans, axis=(2, 3))[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]
    count = x.shape[1] * sizes[0] * sizes[1]
    return np.reshape(np.transpose(seen, (0, 1, 4, 5, 2, 3)), (len(x), count, seen.shape[2] * seen.shape[3]))


def shuffled(x: Any, upscale_factor: int) -> Any:
    factor = upscale_factor
    *lead, c, h, w = x.shape
    y = np.reshape(x, (*lead, c // factor**2, factor, factor, h, w))
    n = len(lead)
    y = np.transpose(y, (*range(n), n, n + 3, n + 1, n + 4, n + 2))
    return np.reshape(y, (*lead, c // factor**2, h * factor, w * factor))


def unshuffled(x: Any, downscale_factor: int) -> Any:
    factor = downscale_factor
    *lead, c, h, w = x.shape
    y = np.reshape(x, (*lead, c, h // factor, factor, w // factor, factor))
    n = len(lead)
    y = np.transpose(y, (*range(n), n, n + 2, n + 4, n + 1, n + 3))
    return np.reshape(y, (*lead, c * factor**2, h // factor, w // factor))


def channels_shuffled(x: Any, groups: int) -> Any:
    y = np.reshape(x, (x.shape[0], groups, x.shape[1] // groups, *x.shape[2:]))
    return np.reshape(np.swapaxes(y, 1, 2), x.shape)


def filled(mode: str) -> Function:
    return lambda x, pad, how=mode, value=None: padded(x, pad, how, value)


WINDOWS = {
    **{f"nn.functional.conv{n}d": conv(n) for n in (1, 2, 3)},
    **{f"nn.functional.conv_transpose{n}d": conv_transposed(n) for n in (1, 2, 3)},
    **{f"nn.functional.avg_pool{n}d": avg_pool(n) for n in (1, 2, 3)},
    **{f"nn.functional.max_pool{n}d": pooled(n, np.max, -np.inf) for n in (1, 2, 3)},
    **{f"nn.functional.adaptive_avg_pool{n}d": adaptive(n, np.mean) for n in (1, 2, 3)},
    **{f"nn.functional.adaptive_max_pool{n}d": adaptive(n, np.max) for n in (1, 2, 3)},
    "nn.functional.unfold": unfold,
    "nn.functional.pixel_shuffle": shuffled,
    "nn.functional.pixel_unshuffle": unshuffled,
    "nn.functional.channel_shuffle": channels_shuffled,
    **{f"nn.functional.pad/{mode}": filled(mode) for mode in ("constant", "reflect", "replicate", "circular")},
    "nn.functional.pad/replicate_negative": filled("replicate"),
}
