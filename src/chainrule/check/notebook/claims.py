"""Watches a notebook run, notices every claim about a gradient, and has it judged on the spot.

Two kinds of claims are noticed, with nothing annotated. A *comparison*: a value read as a gradient is compared with,
subtracted from or printed beside another. And a *name*: a variable called like a derivative, whose truth is then taken
through the tape of the tensors that the name speaks of.
"""

from __future__ import annotations

import functools
import operator
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from chainrule.check.notebook.causes import Causes
from chainrule.check.notebook.comparisons import Comparisons
from chainrule.check.notebook.evidence import Evidence
from chainrule.check.notebook.handed import Handed, sources_of
from chainrule.check.notebook.named import Names
from chainrule.check.notebook.scene import Scene
from chainrule.check.rewriting.shadowing import Shadows
from chainrule.check.rewriting.site import Site
from chainrule.check.verdicts.finding import Finding
from chainrule.check.watching.backend import Backend
from chainrule.check.watching.provenance import DIRECT, Origin, Provenance
from chainrule.check.watching.shadow import apart, blank, dot, plain, stepped, tracked

__all__ = ["Watcher"]

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {"eq": operator.eq, "ne": operator.ne, "sub": operator.sub}

PLAIN = frozenset({int, float, bool, str, list, tuple, dict, type(None), np.ndarray, np.float64})


class Watcher:
    """Holds the hooks that instrumented cells call, and collects the findings.

    ``backends`` are the libraries whose tensors are watched. `sites` are the look-outs of all cells so far; `enter`
    says which cell runs. `problems` are claims that could not be judged.
    """

    def __init__(self, backends: Sequence[Backend], shadows: Shadows | None = None) -> None:
        self.scene = Scene(backends, shadows)
        self.problems: list[str] = []
        self._comparisons = Comparisons(self.scene)
        self._names = Names(self.scene)
        self._causes = Causes(self.scene)
        self._handed = Handed(self.scene)
        self._parts: dict[int, list[tuple[int, Any]]] = {}
        self._busy = False

    @property
    def backends(self) -> tuple[Backend, ...]:
        """The libraries whose tensors are watched."""
        return self.scene.backends

    @property
    def sites(self) -> list[Site]:
        """Where claims may be made, in all cells so far; `instrument` adds to it."""
        return self.scene.sites

    @property
    def findings(self) -> list[Finding]:
        """Every claim with its verdict, in the order of the notebook."""
        return sorted(self.scene.found.values(), key=lambda finding: (finding.cell, finding.line))

    def evidence_of(self, finding: Finding) -> Evidence | None:
        """The numbers behind a finding; of what is right only if ``scene.keeps_all`` was set."""
        return self.scene.evidence.get(id(finding))

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Observe every operation of the libraries while inside."""
        with ExitStack() as stack:
            for backend in self.backends:
                stack.enter_context(backend.watch(functools.partial(self._observe, backend)))
            yield

    @contextmanager
    def watching_also(self, backend: Backend) -> Iterator[None]:
        """Observe one more library while inside."""
        self.scene.add(backend)
        with backend.watch(functools.partial(self._observe, backend)):
            yield

    def enter(self, cell: int) -> None:
        """A cell begins to run; its sites have just been added."""
        places = self.scene.cell_of_site
        places += [cell] * (len(self.sites) - len(places))
        self._comparisons.enter()
        self._parts.clear()

    def leave(self, namespace: Mapping[str, Any]) -> None:
        """A cell has ended."""
        for index, read in self._names.leave(namespace):
            self._guarded(index, read)
        self._explain()

    def finish(self) -> None:
        """The notebook has ended; to be called while still watching."""
        self._names.finish()
        self._explain()

    def _explain(self) -> None:
        """Look for the causes of what is wrong; what goes wrong with that must not hide the verdict."""
        self._busy = True
        try:
            with np.errstate(all="ignore"):
                self._causes.look()
        except Exception as problem:
            self.problems.append(f"no cause could be looked for ({type(problem).__name__}: {problem})")
        finally:
            self._busy = False

    # -- the hooks ----------------------------------------------------------------------------------------------------

    def compared(self, index: int, kind: str, left: Any, right: Any) -> Any:
        """`left == right`, `left != right` or `left - right`."""
        result = OPERATORS[kind](left, right)
        self._guarded(index, self._comparisons.compare, index, left, right)
        return result

    def calling(self, index: int, function: Any) -> Any:
        """`torch.equal(…)` and its like: the function, which notes its first two arguments."""
        site = self.sites[index]

        def called(*args: Any, **kwargs: Any) -> Any:
            operands = [*args, *kwargs.values()][:2]
            bound = getattr(function, "__self__", None)
            if len(site.texts) == 2 and len(operands) == 1 and self.scene.known.owner(bound) is not None:
                operands.insert(0, bound)
            if len(operands) == 2:
                self._guarded(index, self._comparisons.compare, index, *operands)
            return function(*args, **kwargs)

        return called

    def handing(self, index: int, function: Any) -> Any:
        """`check_grad(f, g, x)` and its like: the function; what it is handed, functions or arrays, is judged first."""

        def called(*args: Any, **kwargs: Any) -> Any:
            operands = [*args, *kwargs.values()]
            differences, before = self._comparisons.differences, self._comparisons.differences.paused
            if any(map(callable, operands)):
                differences.paused = self._guarded(index, self._handed.judge, index, args, kwargs) or before
            elif len(operands) > 1:
                self._guarded(index, self._comparisons.compare, index, *operands[:2])
            try:
                return function(*args, **kwargs)
            finally:
                differences.paused = before

        return called

    def approximating(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`numerical_gradient(…)` and its like: the function, whose results are known to be finite differences."""

        def called(*args: Any, **kwargs: Any) -> Any:
            if self.scene.shadows is not None:
                return apart(function, args, kwargs)
            sources = sources_of(args, kwargs)
            result = function(*args, **kwargs)
            self._comparisons.differences.approximate(result, sources)
            return result

        return called

    def side(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function whose result is one side of a difference."""

        def called(*args: Any, **kwargs: Any) -> Any:
            if not self._busy:
                self._comparisons.differences.sides.called(function, args, kwargs)
            return function(*args, **kwargs)

        return called

    def moved(self, array: Any) -> None:
        """An array is about to be written into, beside a difference."""
        if not self._busy:
            self._comparisons.differences.sides.moved(array)

    def quotient(self, value: Any, step: Any, *filled: Any) -> Any:
        """A difference, divided by a small step: it is numerical, and so is the array that it is put into."""
        self._comparisons.differences.divided(value, step, filled)
        return value

    def part(self, index: int, position: int, value: Any) -> Any:
        """A value that is about to be printed."""
        self._parts.setdefault(index, []).append((position, value))
        return value

    def showing(self, index: int, function: Callable[..., Any]) -> Callable[..., Any]:
        """`print`: what it printed side by side is judged afterwards."""

        def shown(*args: Any, **kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            self.said(index, None)
            return result

        return shown

    def said(self, index: int, text: Any) -> Any:
        """A text with values in it is complete."""
        self._guarded(index, self._comparisons.show, index, self._parts.pop(index, []))
        return text

    def displayed(self, index: int, value: Any) -> Any:
        """The value of a cell's last expression."""
        texts = self.sites[index].texts
        several = type(value) in {tuple, list} and len(texts) == len(value) and len(texts) > 1
        parts = list(enumerate(value)) if several else [(0, value)]
        self._guarded(index, self._comparisons.show, index, parts)
        return value

    def named(self, index: int, value: Any, owner: Any = None) -> None:
        """A variable, or an attribute of ``owner``, that is named after a derivative has its final value."""
        self._guarded(index, self._names.name, index, value, owner, sys._getframe(1))

    def before(self, name: str, value: Any) -> None:
        """A variable that is named after a derivative is about to be masked in place."""
        if not self._busy:
            self._names.before(name, value, sys._getframe(1))

    def tracked(self, value: Any) -> Any:
        """A value for a variable that has a derivative, where plain arrays are differentiated by hand."""
        return tracked(value)

    def blank(self, value: Any) -> Any:
        """An array that is about to be filled, there or where a function is followed on tensors."""
        return blank(value) if self.scene.shadows is not None or self.scene.follows else value

    def dot(self, left: Any, right: Any) -> Any:
        """`left.dot(right)`, also where only the right one is a tensor."""
        return dot(left, right)

    def stepped(self, value: Any) -> Any:
        """A value for such a variable after a step of gradient descent."""
        return stepped(value)

    def plain(self, value: Any) -> Any:
        """A gradient that was derived by hand there."""
        array = plain(value)
        if array is not value:
            self.scene.known.set(array, Provenance(derived=True))
        return array

    def derived(self, value: Any) -> Any:
        """The same, from another gradient."""
        array = plain(value)
        if isinstance(array, np.ndarray | np.floating):
            self.scene.known.set(array, Provenance(derived=True))
        return array

    def bound(self, name: str, value: Any) -> None:
        """A local variable, or one in a loop, got a value."""
        if type(value) in PLAIN:
            return
        for backend in self.backends:
            backend.bind(name, value)

    def passed(self, name: str, value: Any) -> None:
        """A loop hands a value to its variable, which may have a better name."""
        if type(value) in PLAIN:
            return
        for backend in self.backends:
            backend.bind(name, value, lent=True)

    def _guarded(self, index: int, function: Callable[..., object], *arguments: Any) -> Any:
        """Judge without disturbing the notebook, and without watching ourselves."""
        if self._busy:
            return None
        self._busy = True
        try:
            with np.errstate(all="ignore"):
                return function(*arguments)
        except Exception as problem:  # a claim that cannot be judged must not stop the notebook
            place = f"cell {self.scene.cell_of_site[index]}, line {self.sites[index].line}"
            self.problems.append(f"{place}: not judged ({type(problem).__name__}: {problem})")
            return None
        finally:
            self._busy = False

    # -- what operations do -------------------------------------------------------------------------------------------

    def _observe(self, backend: Backend, name: str, arguments: tuple[Any, ...], result: Any) -> None:
        if self._busy:
            return
        self._busy = True
        try:
            if name == "grad" and len(arguments) == 1:
                if result is not None:
                    self._take(result, Origin(arguments[0], tuple(self.scene.roots), backend))
            elif name == "backward":
                self.scene.ran_backward(*arguments[:2])
                self._names.ran_backward()
            elif name == "gradient":
                self._take_all(backend, *arguments[:3], gradients=result)
            elif name == "derivative":
                self._take(result, Origin(object()))
            else:
                if name in {"float", "item"} and isinstance(result, float):
                    self.scene.converted.append((result, arguments[0]))
                self.scene.known.propagate(name, arguments, result)
        finally:
            self._busy = False

    def _take(self, value: Any, origin: Origin) -> None:
        """Note a gradient, or a structure of them."""
        if isinstance(value, tuple | list):
            for item in value:
                self._take(item, origin)
        elif value is not None:
            self.scene.known.set(value, Provenance(DIRECT, frozenset({origin})))

    def _take_all(self, backend: Backend, outputs: Any, inputs: Any, cotangents: Any, *, gradients: Any) -> None:
        """Note what `autograd.grad(outputs, inputs, cotangents)` returned."""
        many = [outputs] if backend.owns(outputs) else list(outputs)
        weights = [cotangents] * len(many) if cotangents is None or backend.owns(cotangents) else list(cotangents)
        roots = tuple(zip(many, weights, strict=True))
        targets = [inputs] if backend.owns(inputs) else list(inputs)
        for target, gradient in zip(targets, gradients, strict=False):
            self._take(gradient, Origin(target, roots, backend, returned=True))
