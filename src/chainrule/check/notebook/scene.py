"""What all judges of claims share: the libraries, where values come from, the backward passes, and the findings."""

from __future__ import annotations

import io
import random
import re
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Any

import numpy as np

from chainrule.check.notebook.evidence import Evidence, Pass, pool_of, scope_of
from chainrule.check.rewriting.shadowing import Shadows
from chainrule.check.rewriting.site import Site, cell_of_file, is_derivative_name
from chainrule.check.verdicts.compare import SHAPE, WRONG, Judgement, Truth, Value
from chainrule.check.verdicts.finding import Finding
from chainrule.check.watching.backend import Backend
from chainrule.check.watching.containers import entries
from chainrule.check.watching.provenance import Provenances
from chainrule.check.watching.shadow import Assumed, assumed_passes
from chainrule.check.watching.values import as_value

__all__ = ["PLACE", "Scene", "contracted", "is_named"]

PLACE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
IDENTIFIER = re.compile(r"(?<![.\w])[A-Za-z_]\w*")
KEPT_ROOTS = 4
KEPT_NUMBERS = 16
Array = np.ndarray[Any, np.dtype[Any]]
Key = tuple[str, int, str, int | None, int | None]  # kind, site, name, identities of the claimed value and the variable


class Scene:
    """The state of a check: `sites` are the look-outs of all cells so far, `roots` the latest backward passes."""

    def __init__(self, backends: Sequence[Backend], shadows: Shadows | None = None) -> None:
        self.shadows = shadows
        self.converted: deque[tuple[float, Any]] = deque(maxlen=KEPT_NUMBERS)  # tensors that became numbers
        self.backends = tuple(backends)
        self.known = Provenances(backends)
        self.sites: list[Site] = []
        self.cell_of_site: list[int] = []
        self.roots: list[tuple[Any, Any]] = []  # what `backward` was called on, and with which cotangent
        self.found: dict[Key, Finding] = {}
        self.evidence: dict[int, Evidence] = {}  # by the identity of a finding, where it is not right
        self.keeps_all = False  # also the evidence of what is right, for a report
        self.follows = False  # whether functions of the notebook are run on tensors just now
        self._alive: list[Any] = []  # so that an identity is never used again

    def add(self, backend: Backend) -> None:
        """One more library is watched."""
        self.backends = (*self.backends, backend)
        self.known.backends = self.backends

    def value(self, value: Any, literal: str | None = None) -> Value | None:
        """The numbers of a value of the notebook; None if it is not numeric."""
        return as_value(value, self.backends, literal)

    def tracked(self, value: Any) -> bool:
        """Whether a value is a tensor that requires grad."""
        backend = self.known.owner(value)
        return backend is not None and backend.tracked(value)

    def passes(self, scope: Mapping[str, Any]) -> Iterator[Assumed]:
        """What a gradient may be the gradient of, likely ones first."""
        for root, cotangent in reversed(self.roots):
            yield Assumed(root, cotangent)
        if self.shadows is not None:
            yield from assumed_passes(scope, self._name_of, self._given, self._is_derived, self.converted)

    def _is_derived(self, value: Any) -> bool:
        return self.known.of(value).derived

    def _name_of(self, tensor: Any) -> str:
        backend = self.known.owner(tensor)
        return "" if backend is None else backend.name_of(tensor)

    def _given(self, value: Any) -> Array | None:
        found = self.value(value) if value is not None else None
        return None if found is None else found.array

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Follow functions of the notebook without a trace: nothing is printed, no random numbers are used up."""
        state, numbers = random.getstate(), np.random.get_state()  # noqa: NPY002 - the notebook's generator
        before, self.follows = self.follows, True
        try:
            with redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
                yield
        finally:
            self.follows = before
            random.setstate(state)
            np.random.set_state(numbers)  # noqa: NPY002

    def ran_backward(self, root: Any, cotangent: Any) -> None:
        """Remember a backward pass; only the latest few are asked for again."""
        self.roots = [*self.roots, (root, cotangent)][-KEPT_ROOTS:]

    def gather(
        self,
        judgement: Judgement,
        claimed: Value,
        truth: Truth,
        passes: Sequence[Pass],
        hand: Any = None,
        scope: Mapping[str, Any] | None = None,
    ) -> Evidence | None:
        """What may tell the cause of a verdict, or show it; nothing if there is no need."""
        wrong = judgement.verdict in {WRONG, SHAPE}
        if not wrong and not self.keeps_all:
            return None
        scope = scope_of(sys._getframe(1)) if scope is None else scope
        known = [value for _, value in entries(scope) if self.known.of(value).numerical] if wrong else []
        pool = pool_of(scope, self.value, [hand, *known]) if wrong else {}
        return Evidence(claimed, truth, tuple(passes), scope, pool)

    def record(
        self,
        index: int,
        name: str,
        judgement: Judgement,
        hand: Any,
        target: int | None,
        *,
        explicit: bool,
        evidence: Evidence | None = None,
    ) -> Finding | None:
        """Add a finding, or tell an earlier one about the same claim that it was made again.

        Returns the finding that has this judgement now; None if it was known.

        A claim is the same if the same value is claimed for the same variable, or if it is made at the same place. What
        was found by its name is replaced when the value is compared ``explicit``\\ ly.
        """
        cell, line = self._place(index, explicit, hand)
        self._alive.append(hand)
        identity = None if hand is None or isinstance(hand, bool | int | float | complex) else id(hand)
        key: Key = ("claim" if explicit else "name", index, name, identity, target)
        finding = Finding(
            name, cell, line, judgement.verdict, judgement.message, judgement.mistake, None, judgement.details
        )
        same = self._same(key) or self._again(name, cell, line)
        if same is None:
            self._add(key, finding, evidence)
            return finding
        earlier = self.found[same]
        if same[1] == index or (cell, line) in earlier.also:
            earlier.times += 1
            if finding.severity > earlier.severity:
                earlier.take(judgement)
                self._add(same, earlier, evidence)
                return earlier
        elif explicit and same[0] == "name":
            finding.also = [(earlier.cell, earlier.line), *earlier.also]
            self._drop(same)
            self._add(key, finding, evidence)
            return finding
        elif (cell, line) not in [(earlier.cell, earlier.line), *earlier.also]:
            earlier.also.append((cell, line))
        return None

    def _add(self, key: Key, finding: Finding, evidence: Evidence | None) -> None:
        self.found[key] = finding
        if evidence is not None:
            self.evidence[id(finding)] = evidence

    def _drop(self, key: Key) -> None:
        self.evidence.pop(id(self.found.pop(key)), None)

    def _place(self, index: int, explicit: bool, hand: Any) -> tuple[int, int]:
        """Where a claim is made: a comparison of what a function was handed is the claim of who called it."""
        frame = sys._getframe(2) if explicit else None
        place = self.cell_of_site[index], self.sites[index].line
        names = {name for text in self.sites[index].texts for name in IDENTIFIER.findall(text)} - {"self"}
        while frame is not None:
            cell, code = cell_of_file(frame.f_code.co_filename), frame.f_code
            if cell is not None:
                place = cell, frame.f_lineno
                handed = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
                passes_on = any(name in names or frame.f_locals.get(name) is hand for name in handed)
                if code.co_name == "<module>" or not (passes_on or code.co_name.startswith("<")):
                    break
                names = set()  # those of who called are others
            frame = frame.f_back
        return place

    def _same(self, key: Key) -> Key | None:
        _, index, name, identity, target = key
        for other in self.found:
            if identity is not None and target is not None and other[3:] == (identity, target):
                return other
            if other[1:3] == (index, name):
                return other
        return None

    def _again(self, name: str, cell: int, line: int) -> Key | None:
        """A claim of that name which was made in this place too, when the place was reached before."""
        for key, finding in self.found.items():
            if finding.name == name and (cell, line) in finding.also:
                return key
        return None

    def forget_unfinished(self, index: int) -> None:
        """Drop what was said of a variable before a statement went on to fill it."""
        name, cell = self.sites[index].texts[0], self.cell_of_site[index]
        for key, finding in list(self.found.items()):
            unfinished = finding.cell != cell or not finding.ok
            if key[0] == "name" and finding.name == name and key[1] != index and unfinished:
                self._drop(key)


def is_named(text: str) -> bool:
    """Whether a source is a variable or an attribute that is named after a derivative."""
    return bool(PLACE.fullmatch(text)) and (is_derivative_name(text.split(".")[-1]) or text.endswith(".g"))


def contracted(backend: Backend, truth: Truth, cotangent: Any) -> Truth:
    """The gradient that `backward(cotangent)` gives, vᵀJ, from the Jacobian."""
    weights = np.ones(truth.rows) if cotangent is None else backend.array(cotangent)[0]
    array = np.tensordot(weights, truth.value.array, axes=len(truth.rows))
    value = Value(array, truth.value.eps, truth.value.dtype)
    return Truth(value, (), truth.columns)
