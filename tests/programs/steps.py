"""The steps of random programs that tensors and PyTorch have too: each draws its operands, or gives up with None."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tests.programs.draws import Draw
from tests.programs.program import GAP, MOST, Step, Values, apart, pick, weights

__all__ = ["STEPS", "axes_of", "rewriting", "writing"]

UNARY = [
    "np.tanh({0})",
    "np.sin({0})",
    "-{0}",
    "{0} ** 2 * 0.3",
    "np.exp({0} * 0.2)",
    "np.sqrt({0} * {0} + 1.0)",
    "1.0 / ({0} ** 2 + 1.5)",
    "np.log({0} ** 2 + 1.0)",
    "np.arctan({0})",
    "np.cosh({0} * 0.1)",
    "np.square({0}) * 0.1",
    "2 * {0} - 1",
    "{0} / 3",
    "np.expm1({0} * 0.1)",
    "np.where(np.sin(3 * {0}) > 0.2, {0}, 0.0)",
    "np.maximum({0}, 0.05)",
    "np.abs({0})",
    "np.clip({0}, -0.7, 0.8)",
]
KINKS: dict[str, Callable[[Any], Any]] = {  # the values that must stay away from zero
    "np.where(np.sin": lambda x: np.sin(3 * x) - 0.2,
    "np.maximum": lambda x: x - 0.05,
    "np.abs": lambda x: x,
    "np.clip": lambda x: np.minimum(np.abs(x + 0.7), np.abs(x - 0.8)),
}
BINARY = [
    "{0} + {1}",
    "{0} * {1}",
    "{0} - 0.5 * {1}",
    "{0} / ({1} ** 2 + 1.0)",
    "np.arctan2({0}, {1} ** 2 + 0.5)",
    "np.logaddexp({0}, {1})",
    "np.hypot({0}, {1} * {1} + 0.5)",
    "(0.3 * {1} ** 2 + 1.1) ** ({0} * 0.2)",
    "np.maximum({0}, {1})",
    "np.where(weights({0}.shape) > 0, {0}, {1})",
]


def unary(draw: Draw, values: Values) -> Step | None:
    name = pick(draw, values)
    text = draw.one_of(UNARY)
    kink = next((function for start, function in KINKS.items() if text.startswith(start)), None)

    def check(values: Values) -> bool:
        return kink is None or bool(np.all(np.abs(kink(values[str(name)])) > GAP))

    return Step("{new} = " + text.replace("{0}", str(name)), None, check)


def broadcastable(a: Any, b: Any) -> bool:
    try:
        return int(np.prod(np.broadcast_shapes(a.shape, b.shape))) <= MOST
    except ValueError:
        return False


def binary(draw: Draw, values: Values) -> Step | None:
    first = pick(draw, values)
    second = pick(draw, values, lambda value: broadcastable(value, values[str(first)]))
    if second is None:
        return None
    text = draw.one_of(BINARY)

    def check(values: Values) -> bool:
        return "maximum" not in text or bool(np.all(np.abs(values[str(first)] - values[second]) > GAP))

    return Step("{new} = " + text.replace("{0}", str(first)).replace("{1}", second), None, check)


def constant(draw: Draw, values: Values) -> Step | None:
    name = pick(draw, values)
    shape = values[str(name)].shape
    text = draw.one_of(["{0} * weights({1})", "{0} + weights({1})", "weights({1}) / ({0} ** 2 + 1.0)"])
    return Step("{new} = " + text.replace("{0}", str(name)).replace("{1}", str(shape)))


def matrix_product(draw: Draw, values: Values) -> Step | None:
    first = pick(draw, values, lambda a: a.ndim >= 1)
    if first is None:
        return None
    a = values[first]

    def fits(b: Any) -> bool:
        try:
            return bool(b.ndim >= 1 and np.matmul(a, b).size <= MOST)
        except ValueError:
            return False

    texts = [f"{first} @ weights(({a.shape[-1]}, 2))"]
    if a.ndim == 2:
        texts.append(f"weights((2, {a.shape[0]})) @ {first}")
        if a.shape[0] ** 2 <= MOST:
            texts.append(f"{first} @ {first}.T")
    if a.ndim >= 2 and a.size // max(a.shape[-1], 1) * a.shape[-2] <= MOST:
        texts.append(f"{first} @ np.swapaxes({first}, -1, -2)")
    second = pick(draw, values, fits)
    if second is not None:
        texts.append(f"np.matmul({first}, {second})")
    return Step("{new} = " + draw.one_of(texts))


EINSUMS = ["i->", "i,i->i", "i,j->ij", "ij->ji", "ij,j->i", "ij,kj->ik", "ij,ij->j", "ii->i", "ii->", "ij,ij->",
           "ijk->ki", "ijk,k->ij", "ij,jk->ik", "i,ij,j->", "ij,j->ji"]  # fmt: skip


def einsum(draw: Draw, values: Values) -> Step | None:
    subscripts = draw.one_of(EINSUMS)
    sizes: dict[str, int] = {}
    names = []
    for part in subscripts.split("->")[0].split(","):

        def fits(value: Any, part: str = part) -> bool:
            known = dict(sizes)
            return value.ndim == len(part) and all(
                known.setdefault(label, size) == size for label, size in zip(part, value.shape, strict=True)
            )

        name = pick(draw, values, fits)
        if name is None:
            return None
        names.append(name)
        sizes.update(zip(part, values[name].shape, strict=True))
    if np.prod([sizes[label] for label in subscripts.split("->")[1]]) > MOST:
        return None
    return Step(f'{{new}} = np.einsum("{subscripts}", {", ".join(names)})')


def axes_of(draw: Draw, value: Any) -> Any:
    """None, one axis (perhaps from the end) or two."""
    choices: list[Any] = [None, *range(value.ndim), *([-1] if value.ndim else [])]
    if value.ndim >= 2:
        choices += [(0, 1), (-1, 0)]
    return draw.one_of(choices)


def reduction(draw: Draw, values: Values) -> Step | None:
    name = pick(draw, values, lambda value: value.size > 0)
    if name is None:
        return None
    function = draw.one_of(["sum", "mean", "max", "min", "var", "std", "prod"])
    axis, keep = axes_of(draw, values[name]), draw.flag()
    if function == "prod" and isinstance(axis, tuple):
        axis = axis[0]

    def check(values: Values) -> bool:
        x = values[name]
        if function in ("max", "min"):
            return apart(x)
        return function != "std" or bool(np.all(np.std(x, axis=axis) > 0.1))

    return Step(f"{{new}} = np.{function}({name}, axis={axis}, keepdims={keep})", None, check)


def other_reduction(draw: Draw, values: Values) -> Step | None:
    name = pick(draw, values, lambda value: value.ndim >= 1 and value.size > 0)
    if name is None:
        return None
    axis = draw.integer(-1, values[name].ndim - 1)
    text = draw.one_of(
        [
            f"np.cumsum({name}, axis={axis})",
            f"np.diff({name}, axis={axis})",
            f"np.sort({name}, axis={axis})",
            f"np.flip({name}, axis={axis})",
            f"np.roll({name}, 2, axis={axis})",
            f"np.roll({name}, -1, axis={axis})",
            f"np.linalg.norm({name}, axis={axis})",
            f"np.cumprod({name} * 0.5, axis={axis})",
        ]
    )

    def check(values: Values) -> bool:
        x = values[name]
        return apart(x) if "sort" in text else "norm" not in text or bool(np.all(np.sum(x * x, axis=axis) > 0.05))

    return Step("{new} = " + text, None, check)


def reshaping(draw: Draw, values: Values) -> Step | None:
    name = pick(draw, values)
    x = values[str(name)]
    if not x.ndim:  # NumPy's numbers have no views
        name = f"({name} * 1.0)"
    texts = [f"np.reshape({name}, -1)", f"{name}[None]", f"np.expand_dims({name}, -1)"]
    if x.size:
        shapes = [(x.size, 1)] + [(n, x.size // n) for n in (2, 3) if x.size % n == 0] + [(1, x.size, 1)]
        texts.append(f"np.reshape({name}, {draw.one_of(shapes)})")
    if x.ndim >= 2:
        texts += [f"np.transpose({name})", f"np.swapaxes({name}, 0, -1)", f"np.moveaxis({name}, 0, -1)"]
    if 1 in x.shape:
        texts.append(f"np.squeeze({name}, axis={x.shape.index(1)})")
    if 1 <= x.ndim <= 2 and x.size * 2 <= MOST:
        texts += [f"np.tile({name}, 2)", f"np.repeat({name}, 2, axis=0)", f"np.broadcast_to({name}, {(2, *x.shape)})"]
        texts += [
            f"np.pad({name}, (1, 2))",
            f"np.pad({name}, 1, mode='edge')" if x.size else f"np.flip({name}, axis=0)",
        ]
    if x.ndim == 2:
        texts += [f"np.tril({name})", f"np.triu({name}, 1)"]
        if x.shape[0] == x.shape[1]:
            texts += [f"np.trace({name})", f"np.diagonal({name})"]
    if x.ndim == 1 and x.size <= 5:
        texts.append(f"np.diag({name})")
    return Step("{new} = " + draw.one_of(texts))


def index_text(draw: Draw, shape: Sequence[int], arrays: bool = True) -> str:
    """An index of some axes, as text: at most one array, since several are drawn by `gathered`."""
    parts = []
    for size in shape[: draw.integer(1, len(shape))]:
        kind = draw.one_of(["slice", "int", "step", "array", "mask", "new", "all"])
        if kind == "slice":
            parts.append(draw.one_of(["1:", ":-1", ":2", "-2:", "1:-1"]))
        elif kind == "step":
            parts.append(draw.one_of(["::2", "1::2", "::-1", "::-2", "-1:0:-1"]))
        elif kind == "int" and size and not any(part.startswith("[") for part in parts):
            parts.append(str(draw.integer(-size, size - 1)))
        elif kind == "array" and size and arrays:
            parts.append(str([draw.integer(-size, size - 1) for _ in range(draw.integer(1, 4))]))
            arrays = False
        elif kind == "mask" and size and arrays:
            parts.append(str([bool(flag) for flag in weights((size,), 2.0) > 0]))
            arrays = False
        elif kind == "new":
            parts += ["None", ":"]
        else:
            parts.append(":")
    text = ", ".join(parts)
    return text if len(parts) < len(shape) or ":" in text or "[" in text else f"{text}, ..."  # a view, not a number


def indexing(draw: Draw, values: Values) -> Step | None:
    name = pick(draw, values, lambda value: value.ndim >= 1)
    if name is None:
        return None
    index = index_text(draw, values[name].shape)
    # PyTorch has no negative steps, and combines arrays with numbers in a way of its own.
    other = any(text in index for text in ("::-", "0:-1", "["))
    return Step(f"{{new}} = {name}[{index}]", f"{{new}} = np.at({name}, np.s_[{index}])" if other else None)


def gathered(draw: Draw, values: Values) -> Step | None:
    name = pick(draw, values, lambda value: value.ndim >= 2 and value.size > 0)
    if name is None:
        return None
    first, second = values[name].shape[:2]
    text = draw.one_of(
        [
            f"[{[0, first - 1, 0]}, {[second - 1, 0, second - 1]}]",
            f"[{[[0], [first - 1]]}, {[0, -1]}]",
            f"[:, {[0, 0, second - 1]}]",
            f"[..., {[-1, 0]}]",
        ]
    )
    return Step(f"{{new}} = {name}{text}")


def joining(draw: Draw, values: Values) -> Step | None:
    first = pick(draw, values, lambda value: value.ndim >= 1)
    if first is None:
        return None
    shape = values[first].shape
    second = pick(draw, values, lambda value: value.shape == shape)
    texts = []
    if 2 * values[first].size <= MOST:
        texts += [f"np.stack([{first}, {second}], axis={axis})" for axis in (0, -1)]
    third = pick(draw, values, lambda value: value.ndim == len(shape) and value.shape[1:] == shape[1:])
    if third is not None and values[third].size + values[first].size <= MOST:
        texts.append(f"np.concatenate([{first}, {third}])")
        texts.append(f"np.concatenate([{third}, weights({shape}), {first}], axis=0)")
    return Step("{new} = " + draw.one_of(texts)) if texts else None


def writing(draw: Draw, values: Values) -> Step | None:
    """A copy of a value, overwritten in part; the parts of it that are views may be used and written later."""
    name = pick(draw, values, lambda value: value.ndim >= 1)
    if name is None:
        return None
    numpy = index_text(draw, values[name].shape, arrays=False)
    try:
        region = values[name][eval(f"np.s_[{numpy}]", {"np": np})]
    except IndexError:
        return None
    other = pick(draw, values, lambda value: _fills(value, region))
    change = draw.one_of(
        [
            f"{{new}}[{numpy}] = 0.5",
            f"{{new}}[{numpy}] = {other}" if other else f"{{new}}[{numpy}] = 2.0",
            f"{{new}}[{numpy}] += {other}" if other else f"{{new}}[{numpy}] += 2.0",
            f"{{new}}[{numpy}] *= {other}" if other else f"{{new}}[{numpy}] *= 0.7",
            f"{{new}} /= {name} ** 2 + 1.0",
            "{new} += 1.0",
            "{new} *= 0.5",
            f"part = {{new}}[{numpy}]; part *= 1.5",
            f"part = {{new}}[{numpy}]; part[...] = 0.25; {{new}} = {{new}} * part.sum()",
            "part = {new}.reshape(-1); part[1:] *= 0.5",
            "part = np.transpose({new}); part += 1.0; {new} = part",
        ]
    )
    return Step(f"{{new}} = {name} * 1.0; {change}")


def _fills(value: Any, region: Any) -> bool:
    try:
        return bool(np.broadcast_shapes(value.shape, region.shape) == region.shape)
    except ValueError:
        return False


def rewriting(draw: Draw, values: Values) -> Step | None:
    """A value that others may already have used is overwritten: right, or noticed."""
    name = pick(draw, values, lambda value: value.ndim >= 1)
    if name is None:
        return None
    text = draw.one_of(["{0} *= 0.5", "{0} += 1.0", "{0}[...] = 0.5", "part = {0}.reshape(-1); part[:1] *= 2.0"])
    return Step(text.replace("{0}", name) + f"; {{new}} = {name} + 0.0")


STEPS = [unary, binary, binary, constant, matrix_product, einsum, reduction, other_reduction, reshaping, indexing,
         gathered, joining]  # fmt: skip
