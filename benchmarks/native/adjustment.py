"""ADBench's bundle adjustment: the values of its Jacobian, by what the benchmark of structured Jacobians has."""

from __future__ import annotations

from functools import cache

from benchmarks.native import limit
from benchmarks.native.row import Row
from benchmarks.structured import bundle


def adjustment(cameras: int, points: int, observations: int) -> Row:
    """The 31 entries of each observation. Peers differentiate blocks that a person found; the limit is in C."""
    scene = bundle.Scene(cameras, points, observations)
    by_torch, by_casadi = cache(bundle.blocks_in_torch), cache(bundle.blocks_in_casadi)
    own = {
        "jax": lambda jax, *given: [bundle.blocks_in_jax(scene)(*given)],
        "torch": lambda torch, *given: [by_torch(scene)(*given)],
        "casadi": lambda casadi, *given: [by_casadi(scene)(*given)],
        "autograd": None,
    }
    title = f"BA of ADBench, {observations:,} observations"
    arguments = (scene.draw(0), scene.seen)
    entries = ((31 * observations,),)
    by_hand = scene.in_c if limit.compiler() else scene.values
    return Row(title, scene.residual, arguments, 1, lambda *given: [by_hand(*given)], (), 1.2, own, 1e-8, entries)
