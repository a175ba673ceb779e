"""A program under `jax.jit` with its rows on several devices; run by itself, because JAX counts them when it starts."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

import chainrule as cr
from tests.portable.test_every_op_written import agree
from tests.portable.test_source import gauss_newton_product, loss, w

ROWS = 40_000


def main() -> None:
    """Compare value, gradient and Gauss-Newton product with what NumPy gives, and say on how many devices they are."""
    jax, sharding = import_module("jax"), import_module("jax.sharding")
    jax.config.update("jax_enable_x64", True)
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(ROWS, 3)), rng.normal(size=ROWS)
    rows = sharding.NamedSharding(sharding.Mesh(np.array(jax.devices()), ("rows",)), sharding.PartitionSpec("rows"))
    X_there, y_there = jax.device_put(X, rows), jax.device_put(y, rows)
    cases: list[tuple[Any, Any, Any]] = [
        (cr.value_and_grad(loss), (1, 2), (w,)),
        (cr.grad(loss, argnums=1), (1, 2), (w,)),
        (gauss_newton_product, (2, 3), (w, w[::-1].copy())),
    ]
    for function, places, arguments in cases:
        made = cr.source(function, rows=places)(*arguments, X[:20], y[:20])
        found = jax.jit(partial(made.function, jax.numpy))(*arguments, X_there, y_there)
        agree(found, function(*arguments, X, y))
        agree(jax.jit(made)(*arguments, X_there, y_there), function(*arguments, X, y))
        print([len(part.sharding.device_set) for part in jax.tree.leaves(found)])


if __name__ == "__main__":
    main()
