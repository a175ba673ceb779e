"""The same claims at other random points, where they can be made again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.check.function.draws import another, jittered, upstream_like
from chainrule.check.function.foreign import is_foreign, like
from chainrule.check.function.reading import claims_by_name, reads_upstream, takes_names_only
from chainrule.check.function.subject import Run, Subject

__all__ = ["Again", "called_with"]

MOST = 8  # points
TRIES = 3  # draws for one point


def called_with(claimed: Callable[..., Any], subject: Subject, run: Run) -> Any:
    """What a function claims at a run: it is given the arguments, and the upstream if it takes one."""
    positional, named = subject.put(run.leaves)
    upstream = run.upstream
    if upstream is not None and is_foreign(subject.out_template):
        upstream = like(subject.out_template, upstream)
    how = reads_upstream(claimed, subject.count + len(named)) if run.upstream is not None else ""
    if how == "keyword":
        named = named | {"upstream": upstream}
    elif how == "last":
        positional = [*positional, *named.values(), upstream]
        named = {}
    if takes_names_only(claimed):
        named = dict(zip(subject.arguments, positional, strict=False)) | named
        positional = []
    return claimed(*positional, **named)


class Again:
    """Further points of a check, drawn when they are asked for and then kept."""

    def __init__(self, subject: Subject, first: Run, claimed: Callable[..., Any], names: list[str], seed: int) -> None:
        self.subject, self.first, self.claimed, self.names = subject, first, claimed, names
        self.random = np.random.default_rng(seed + 1)
        self._points: list[tuple[Run, Mapping[str, Any]] | None] = []

    def point(self, number: int) -> tuple[Run, Mapping[str, Any]] | None:
        """A run at another point with what is claimed there; None if there is no such point."""
        while len(self._points) <= number < MOST:
            self._points.append(self._drawn())
        return self._points[number] if number < MOST else None

    def _drawn(self) -> tuple[Run, Mapping[str, Any]] | None:
        for draw in range(TRIES):
            make = another if draw < TRIES - 1 else jittered
            leaves = [make(leaf, self.random) if isinstance(leaf, np.ndarray) else leaf for leaf in self.first.leaves]
            try:
                upstream = None if self.first.upstream is None else upstream_like(self.first.out, self.random)
                run = self.subject.run(leaves, upstream)
                found = claims_by_name(called_with(self.claimed, self.subject, run), self.names, self.subject.arguments)
            except Exception:  # the user's code may raise anything at a point that it was not written for
                continue
            if np.isfinite(run.out).all() and run.out.shape == self.first.out.shape:
                return run, found
        return None
