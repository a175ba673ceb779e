"""Watches a notebook run, notices every claim about a gradient, and judges it on the spot.

Two kinds of claims are noticed, with nothing annotated. A *comparison*: a value read as a gradient is compared with,
subtracted from or printed beside another. And a *name*: a variable called like a derivative, whose truth is then taken
through the tape of the tensors that the name speaks of.
"""

from __future__ import annotations

import functools
import operator
import re
import sys
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import FrameType
from typing import Any

import numpy as np

from chainrule.check.backend import Backend
from chainrule.check.beside import Item, Pair, pairs
from chainrule.check.compare import EXACT, ROUNDED, SHAPE, WRONG, Judgement, Truth, Value, judge
from chainrule.check.finding import Finding
from chainrule.check.forms import judge_form
from chainrule.check.names import Reading, readings
from chainrule.check.provenance import DIRECT, MIXED, NOTHING, REARRANGED, SCALED, Origin, Provenance, Provenances
from chainrule.check.source import Site, is_derivative_name
from chainrule.check.values import as_value

__all__ = ["Watcher"]

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {"eq": operator.eq, "ne": operator.ne, "sub": operator.sub}
APPROXIMATE = re.compile(r"numer|finite|approx|(^|_)fd(_|$)|central", re.IGNORECASE)
SLACK_OF_DIFFERENCES = 2e-3  # relative: what a gradient by finite differences may be off
PLACE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
ROUNDS = 20  # how often one place in a loop is judged
KEPT_ROOTS = 4


class Watcher:
    """Holds the hooks that instrumented cells call, and collects the findings.

    ``backends`` are the libraries whose tensors are watched. `sites` are the look-outs of all cells so far; `enter`
    says which cell runs. `findings` are in the order of the notebook.
    """

    def __init__(self, backends: Sequence[Backend]) -> None:
        self.backends = tuple(backends)
        self.known = Provenances(backends)
        self.sites: list[Site] = []
        self.problems: list[str] = []
        self._cell_of_site: list[int] = []
        self._cell = 0
        self._found: dict[Any, Finding] = {}
        self._alive: list[Any] = []
        self._visits: dict[int, int] = {}
        self._roots: list[tuple[Any, Any]] = []
        self._parts: dict[int, list[tuple[int, Any]]] = {}
        self._latest: tuple[Site, list[Item]] | None = None
        self._unread: list[_Named] = []
        self._pending: list[_Named] = []
        self._busy = False

    @property
    def findings(self) -> list[Finding]:
        """Every claim with its verdict, in the order of the notebook."""
        return sorted(self._found.values(), key=lambda finding: (finding.cell, finding.line))

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Observe every operation of the libraries while inside."""
        with ExitStack() as stack:
            for backend in self.backends:
                stack.enter_context(backend.watch(functools.partial(self._observe, backend)))
            yield

    def enter(self, cell: int) -> None:
        """A cell begins to run; its sites have just been added."""
        self._cell = cell
        self._cell_of_site += [cell] * (len(self.sites) - len(self._cell_of_site))
        self._latest = None

    def leave(self, namespace: Mapping[str, Any]) -> None:
        """A cell has ended: names whose tensors were computed after them can be read now."""
        unread, self._unread = self._unread, []
        for named in unread:
            named.scope = ChainMap(dict(namespace), *named.scope.maps)
            self._guarded(named.site, self._read_name, named, False)

    def finish(self) -> None:
        """The notebook has ended: what waited for a later `backward` gets the verdict that it has."""
        for named in self._pending:
            if named.tentative is not None:
                self._record_name(named, *named.tentative)
        self._pending.clear()

    # -- the hooks ----------------------------------------------------------------------------------------------------

    def compared(self, index: int, kind: str, left: Any, right: Any) -> Any:
        """`left == right`, `left != right` or `left - right`."""
        result = OPERATORS[kind](left, right)
        self._guarded(index, self._compare, index, left, right)
        return result

    def calling(self, index: int, function: Any) -> Any:
        """`torch.equal(…)` and its like: the function, which notes its first two arguments."""
        site = self.sites[index]

        @functools.wraps(function, assigned=("__name__", "__doc__"), updated=())
        def called(*args: Any, **kwargs: Any) -> Any:
            operands = [*args, *kwargs.values()][:2]
            bound = getattr(function, "__self__", None)
            if len(site.texts) == 2 and len(operands) == 1 and self.known.owner(bound) is not None:
                operands.insert(0, bound)
            if len(operands) == 2:
                self._guarded(index, self._compare, index, *operands)
            return function(*args, **kwargs)

        return called

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
        parts = self._parts.pop(index, [])
        self._guarded(index, self._show, index, parts)
        return text

    def displayed(self, index: int, value: Any) -> Any:
        """The value of a cell's last expression."""
        texts = self.sites[index].texts
        alone = not (type(value) in {tuple, list} and len(texts) == len(value) and len(texts) > 1)
        parts = [(0, value)] if alone else list(enumerate(value))
        self._guarded(index, self._show, index, parts)
        return value

    def named(self, index: int, value: Any, owner: Any = None) -> None:
        """A variable, or an attribute of ``owner``, that is named after a derivative has its final value."""
        frame: FrameType = sys._getframe(1)
        self._guarded(index, self._name, index, value, owner, frame)

    def _guarded(self, index: int, function: Callable[..., None], *arguments: Any) -> None:
        """Judge without disturbing the notebook, and not without end in a loop."""
        if self._busy:
            return
        self._busy = True
        try:
            with np.errstate(all="ignore"):
                function(*arguments)
        except Exception as problem:  # noqa: BLE001 - a claim that cannot be judged must not stop the notebook
            site = self.sites[index]
            told = f"{type(problem).__name__}: {problem}"
            self.problems.append(f"cell {self._cell_of_site[index]}, line {site.line}: not judged ({told})")
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
                    self._take(result, Origin(arguments[0], tuple(self._roots), backend))
            elif name == "backward":
                self._roots = [*self._roots, (arguments[0], arguments[1])][-KEPT_ROOTS:]
                self._settle_pending(backend)
            elif name == "gradient":
                self._take_all(backend, *arguments[:3], result)
            elif name == "derivative":
                self._take(result, Origin(object()))
            else:
                self.known.propagate(name, arguments, result)
        finally:
            self._busy = False

    def _take(self, value: Any, origin: Origin) -> None:
        if isinstance(value, tuple | list):
            for item in value:
                self._take(item, origin)
        elif value is not None:
            self.known.set(value, Provenance(DIRECT, frozenset({origin})))

    def _take_all(self, backend: Backend, outputs: Any, inputs: Any, cotangents: Any, result: Any) -> None:
        many = [outputs] if backend.owns(outputs) else list(outputs)
        weights = [cotangents] * len(many) if cotangents is None or backend.owns(cotangents) else list(cotangents)
        roots = tuple(zip(many, weights, strict=True))
        targets = [inputs] if backend.owns(inputs) else list(inputs)
        for target, gradient in zip(targets, result, strict=False):
            self._take(gradient, Origin(target, roots, backend, returned=True))

    # -- comparisons --------------------------------------------------------------------------------------------------

    def _compare(self, index: int, left: Any, right: Any) -> None:
        site = self.sites[index]
        sides = [(self.known.of(side), side, number) for number, side in enumerate((left, right))]
        sides.sort(key=lambda side: -side[0].rank)
        (truth, gradient, at), (claim, hand, place) = sides
        if truth.rank < SCALED or self._same_gradient(truth, claim, hand):
            return
        if claim.rank == truth.rank and claim.rank != DIRECT:
            return
        text, literal = site.texts[place], site.literals[place]
        value = as_value(hand, self.backends, literal)
        true = as_value(gradient, self.backends)
        if value is None or true is None:
            return
        counting = site.kind == "compare" and not site.context & {"assert", "all"}
        if counting and literal is not None and not value.shaped and true.array.size > 1:
            return  # `(W.grad == 0).sum()` counts; it claims nothing
        question = counting and literal is not None and truth.rank < DIRECT  # `if W.grad.sum() == 0` asks
        true_side = (gradient, truth, site.texts[at], true)
        self._judge_comparison(index, true_side, (hand, text, value), require=not question)

    def _same_gradient(self, truth: Provenance, claim: Provenance, hand: Any) -> bool:
        """Whether the other side is no claim: it is itself taken from this gradient, or is the variable."""
        if any(origin.target is hand for origin in truth.origins) and truth.rank < DIRECT:
            return True
        if claim.rank == DIRECT and truth.rank == DIRECT:
            return True
        return bool(claim.targets & truth.targets)

    def _judge_comparison(
        self, index: int, true_side: tuple[Any, Provenance, str, Value], side: tuple[Any, str, Value], *, require: bool
    ) -> bool:
        """Judge and record a comparison; without ``require`` only if the claim is right. Says whether it was recorded."""
        (gradient, provenance, gradient_text, true), (hand, text, value) = true_side, side
        if APPROXIMATE.search(text):
            slack = SLACK_OF_DIFFERENCES * float(np.max(np.abs(true.array), initial=0.0))
            value = replace(value, slack=slack, reason="as near as finite differences come")
        truth = Truth(true)
        judgement = judge(value, truth)
        if judgement.verdict != EXACT and provenance.rank == DIRECT:
            loss = self._loss(provenance, true.shape)
            if loss is not None:
                judgement = judge(value, replace(truth, loss=loss))
        if not judgement.ok and not require:
            return False
        if judgement.verdict == WRONG and provenance.rank == DIRECT:
            judgement = self._explain_accumulation(value, provenance) or judgement
        name = self._claim_name(hand, text, gradient_text)
        details = {"claim": text, "gradient": gradient_text}
        judgement = replace(judgement, details=judgement.details | details)
        targets = provenance.targets
        self._record(index, name, judgement, hand, next(iter(targets)) if len(targets) == 1 else None, explicit=True)
        return True

    def _loss(self, provenance: Provenance, shape: tuple[int, ...]) -> Any:
        total = None
        for origin in provenance.origins:
            for root, cotangent in reversed(origin.roots):
                loss = origin.backend.loss(root, cotangent, origin.target) if origin.backend is not None else None
                if loss is not None and loss.shape == shape:
                    total = loss if total is None else total + loss
        return total

    def _explain_accumulation(self, value: Value, provenance: Provenance) -> Judgement | None:
        """Recognise the gradient of the last `backward` alone, where `.grad` holds those of several."""
        for origin in provenance.origins:
            if origin.backend is None or len(origin.roots) < 2 or origin.returned:
                continue
            root, cotangent = origin.roots[-1]
            truth = origin.backend.derivative(root, origin.target)
            if truth is not None and judge(value, self._contracted(origin.backend, truth, cotangent)).ok:
                told = "right for the last backward() alone; .grad still holds earlier ones: set it to None in between"
                return Judgement(WRONG, told, "stale")
        return None

    def _claim_name(self, hand: Any, text: str, gradient_text: str) -> str:
        """What to call a claim: a derivative's name if one side has it, else the gradient's."""
        namespace = getattr(sys.modules.get("__main__"), "__dict__", {})
        own = namespace.get(text) is hand
        if self._is_named(text) and (own or "." in text):
            return text
        if not isinstance(hand, int | float):
            # inside a function the argument has another name than what was handed in
            for name, value in list(namespace.items()):
                if value is hand and is_derivative_name(name):
                    return name
        if self._is_named(text):
            return text
        if gradient_text.endswith(".grad"):
            return gradient_text
        if PLACE.fullmatch(text):
            return text
        inner = re.search(r"\b(?!autograd|func)[A-Za-z_]\w*\.grad\b(?!\()", gradient_text)
        return inner.group() if inner else gradient_text

    # -- printed side by side -----------------------------------------------------------------------------------------

    def _show(self, index: int, parts: Sequence[tuple[int, Any]]) -> None:
        site = self.sites[index]
        items = [item for item in (self._item(site, position, value) for position, value in parts) if item is not None]
        neighbours = self._neighbours(site)
        self._latest = (site, items)
        if not any(item.gradient for item in items) or all(item.gradient for item in items):
            if not neighbours or {item.gradient for item in neighbours} & {item.gradient for item in items}:
                return
            first, *rest = items or [None]
            if first is None or any(item.size != first.size for item in neighbours):
                return
            items = [*neighbours, replace(first, label=first.label or ""), *rest]
            self._latest = None
        for pair in pairs(items, self._is_named):
            self._judge_pair(index, pair)

    def _item(self, site: Site, position: int, value: Any) -> Item | None:
        provenance = self.known.of(value)
        found = as_value(value, self.backends)
        if found is None:
            return None
        label = site.labels[position - 1] if 0 < position <= len(site.labels) else None
        text = site.texts[position] if position < len(site.texts) else ""
        literal = site.literals[position] if position < len(site.literals) else None
        return Item(value, text, literal, provenance.rank >= REARRANGED, label, found.array.size)

    def _neighbours(self, site: Site) -> list[Item]:
        """What the statement just before printed, if it only printed."""
        if self._latest is None:
            return []
        before, items = self._latest
        near = before.key[0] == site.key[0] and site.key[1] - before.key[1] == 1
        return items if near and len({item.gradient for item in items}) == 1 else []

    def _is_named(self, text: str) -> bool:
        return bool(PLACE.fullmatch(text)) and (is_derivative_name(text.split(".")[-1]) or text.endswith(".g"))

    def _judge_pair(self, index: int, pair: Pair) -> None:
        gradient = pair.gradient.value
        provenance = self.known.of(gradient)
        true = as_value(gradient, self.backends)
        if true is None:
            return
        values = [as_value(claim.value, self.backends, claim.literal) for claim in pair.claims]
        sides = [
            (claim, value)
            for claim, value in zip(pair.claims, values, strict=True)
            if value is not None and not self._same_gradient(provenance, self.known.of(claim.value), claim.value)
        ]
        true_side = (gradient, provenance, pair.gradient.text, true)
        if len(sides) > 1 and self._judge_together(index, true_side, sides):
            return
        for claim, value in sides:
            other = self._is_variable_or_result(value, provenance)
            fits = value.array.size == true.array.size or (value.shaped and true.shaped and value.array.size > 1)
            require = pair.evidence and not other and (fits or self._is_named(claim.text))
            if not require and value.array.size < true.array.size and not np.any(true.array):
                continue
            self._judge_comparison(index, true_side, (claim.value, claim.text, value), require=require)

    def _is_variable_or_result(self, value: Value, provenance: Provenance) -> bool:
        """Whether a value is the variable itself, or what was differentiated, printed beside the gradient."""
        others = [origin.target for origin in provenance.origins] + [root for root, _ in self._roots]
        known = [as_value(other, self.backends) for other in others]
        return any(other is not None and np.array_equal(other.array.ravel(), value.array.ravel()) for other in known)

    def _judge_together(self, index: int, true_side: Any, sides: Sequence[tuple[Item, Value]]) -> bool:
        """Several numbers beside one gradient may be its entries, given once where they repeat."""
        _, _, _, true = true_side
        if any(value.shape != sides[0][1].shape for _, value in sides) or sides[0][1].array.ndim >= true.array.ndim:
            return False
        stacked = np.stack([value.array for _, value in sides])
        if stacked.shape != true.shape[true.array.ndim - stacked.ndim :]:
            return False
        whole = Value(np.broadcast_to(stacked, true.shape), max(value.eps for _, value in sides), sides[0][1].dtype)
        text = ", ".join(claim.text for claim, _ in sides)
        return self._judge_comparison(index, true_side, (None, text, whole), require=False)

    # -- names --------------------------------------------------------------------------------------------------------

    def _name(self, index: int, value: Any, owner: Any, frame: FrameType) -> None:
        site = self.sites[index]
        if self._visits.get(index, 0) >= ROUNDS:
            return
        found = as_value(value, self.backends, site.literals[0])
        if found is None or isinstance(value, list | tuple):
            return
        scope: ChainMap[str, Any] = ChainMap(dict(frame.f_locals), frame.f_globals)
        if owner is not None and self.known.owner(owner) is None and hasattr(owner, "__dict__"):
            scope = scope.new_child(dict(vars(owner)))
        self._visits[index] = self._visits.get(index, 0) + 1
        self._read_name(_Named(index, value, found, owner, scope, self.known.of(value)), True)

    def _read_name(self, named: _Named, again: bool) -> None:
        """Find what a name speaks of and judge it; ``again`` says that another try follows at the end of the cell."""
        site = self.sites[named.index]
        attribute = site.texts[0].split(".")[-1]
        if named.owner is not None and self.known.owner(named.owner) is not None:
            owner_text = site.texts[0].rpartition(".")[0]
            options = [Reading(None, named.owner, f"∂/∂{owner_text}", False)]
        else:
            last = self._roots[-1][0] if self._roots else None
            owned = self._tracked_tensor
            options = list(readings(attribute, named.scope, owned, last))
        best: tuple[Judgement, Any] | None = None
        for reading in options:
            for judgement, target in self._judge_reading(named, reading):
                if best is None or (judgement.ok and not best[0].ok):
                    best = (judgement, target)
        if best is not None and (best[0].ok or all(reading.explicit for reading in options)):
            self._record_name(named, *best)
            return
        if best is not None:
            named.tentative = best
        if again and not options:
            self._unread.append(named)
        elif any(not reading.explicit and reading.output is None for reading in options):
            # The value may be meant for a backward() that is still to come.
            named.options = [reading for reading in options if reading.output is None]
            self._pending.append(named)
        elif best is not None:
            self._record_name(named, *best)
        elif again:
            self._unread.append(named)

    def _tracked_tensor(self, value: Any) -> bool:
        backend = self.known.owner(value)
        return backend is not None and backend.tracked(value)

    def _judge_reading(self, named: _Named, reading: Reading) -> Iterator[tuple[Judgement, Any]]:
        if reading.explicit:
            judgement = self._judge_derivative(named, reading.output, reading.argument, reading.text, explicit=True)
            if judgement is not None:
                yield judgement, reading.argument
        elif reading.output is not None:
            yield from self._judge_of_result(named, reading)
        else:
            for root, cotangent in reversed(self._roots):
                judgement = self._judge_derivative(named, root, reading.argument, reading.text, cotangent=cotangent)
                if judgement is not None:
                    yield judgement, reading.argument
                    return

    def _judge_of_result(self, named: _Named, reading: Reading) -> Iterator[tuple[Judgement, Any]]:
        """`grad_mse`: by whichever tensor of that shape it depends on."""
        backend = self.known.owner(reading.output)
        if backend is None or backend.leaf(reading.output):
            return
        rows = backend.array(reading.output)[0]
        if rows.size != 1:
            return
        inputs = {id(leaf): leaf for leaf in backend.leaves(reading.output)}
        inputs |= {id(value): value for value in named.scope.values() if self._tracked_tensor(value)}
        for argument in inputs.values():
            array = backend.array(argument)[0]
            if argument is reading.output or array.shape != named.found.shape:
                continue
            judgement = self._judge_derivative(named, reading.output, argument, reading.text, explicit=True)
            if judgement is not None:
                yield judgement, argument

    def _judge_derivative(
        self,
        named: _Named,
        output: Any,
        argument: Any,
        text: str,
        *,
        cotangent: Any = None,
        explicit: bool = False,
    ) -> Judgement | None:
        """Judge a named value against the derivative through the tape; None if it cannot be a claim about it."""
        backend = self.known.owner(argument)
        if backend is None or not backend.owns(output) or id(argument) in named.provenance.targets:
            return None
        truth = backend.derivative(output, argument)
        if truth is None:
            if explicit and not np.any(named.found.array):
                return Judgement(EXACT, f"{text} has no path on the tape, so it is zero")
            return None
        if not explicit:
            truth = self._contracted(backend, truth, cotangent)
            if not self._plausible(named.found, truth) or (named.provenance.random and not explicit):
                return None
        weigh = functools.partial(judge_form if explicit else judge, named.found)
        judgement = weigh(truth)
        if judgement.verdict != EXACT and int(np.prod(truth.rows, dtype=np.int64)) == 1:
            loss = backend.loss(output, cotangent, argument)
            if loss is not None:
                judgement = weigh(replace(truth, loss=loss.reshape(truth.value.shape)))
        return replace(judgement, details=judgement.details | {"derivative": text})

    def _contracted(self, backend: Backend, truth: Truth, cotangent: Any) -> Truth:
        """The gradient that `backward(cotangent)` gives: vᵀJ."""
        weights = np.ones(truth.rows) if cotangent is None else backend.array(cotangent)[0]
        array = np.tensordot(weights, truth.value.array, axes=len(truth.rows))
        return Truth(replace(truth.value, array=array), (), truth.columns)

    def _plausible(self, found: Value, truth: Truth) -> bool:
        """A bare name like `dx` is a claim only if its shape is the variable's, in some layout, or unsummed."""
        shape, columns = found.shape, truth.columns
        if not found.shaped:
            return False
        same = sorted(length for length in shape if length > 1) == sorted(length for length in columns if length > 1)
        unsummed = len(shape) == len(columns) + 1 and shape[1:] == columns
        return same or unsummed

    def _settle_pending(self, backend: Backend) -> None:
        """Another `backward` ran: a name that was computed before it may have been meant for this one."""
        root, cotangent = self._roots[-1]
        remaining = []
        for named in self._pending:
            if not any(self._settled(named, reading, root, cotangent) for reading in named.options):
                remaining.append(named)
        self._pending = remaining

    def _settled(self, named: _Named, reading: Reading, root: Any, cotangent: Any) -> bool:
        judgement = self._judge_derivative(named, root, reading.argument, reading.text, cotangent=cotangent)
        if judgement is None:
            return False
        best = (judgement, reading.argument)
        if not judgement.ok and named.tentative is not None and _distance(named.tentative[0]) <= _distance(judgement):
            best = named.tentative
        self._record_name(named, *best)
        return True

    def _record_name(self, named: _Named, judgement: Judgement, target: Any) -> None:
        site = self.sites[named.index]
        if site.accumulates:  # it goes on with a value that was judged too early
            for key, finding in list(self._found.items()):
                if finding.name == site.texts[0] and key[0] == "name" and key[1] != named.index:
                    if finding.cell != self._cell_of_site[named.index] or not finding.ok:
                        del self._found[key]
        self._record(named.index, site.texts[0], judgement, named.value, id(target), explicit=False)

    # -- findings -----------------------------------------------------------------------------------------------------

    def _record(
        self, index: int, name: str, judgement: Judgement, hand: Any, target: int | None, *, explicit: bool
    ) -> None:
        """Add a finding, or tell an earlier one about the same claim that it was made again."""
        site, cell = self.sites[index], self._cell_of_site[index]
        self._alive.append(hand)
        identity = None if hand is None or isinstance(hand, bool | int | float | complex) else id(hand)
        same = next(
            (
                (key, finding)
                for key, finding in self._found.items()
                if (identity is not None and target is not None and key[3:] == (identity, target))
                or key[1:3] == (index, name)
            ),
            None,
        )
        place = (cell, site.line)
        if same is None:
            key = ("claim" if explicit else "name", index, name, identity, target)
            self._found[key] = Finding(name, cell, site.line, *_fields(judgement))
            return
        key, finding = same
        if key[1] == index:
            finding.times += 1
            worse = Finding(name, cell, site.line, *_fields(judgement))
            if worse.severity > finding.severity:
                finding.take(judgement)
            return
        if explicit and key[0] == "name":
            del self._found[key]
            again = Finding(name, cell, site.line, *_fields(judgement))
            again.also = [(finding.cell, finding.line), *finding.also]
            self._found["claim", index, name, identity, target] = again
        elif place != (finding.cell, finding.line) and place not in finding.also:
            finding.also.append(place)


def _distance(judgement: Judgement) -> float:
    return float(judgement.details.get("difference", np.inf))


def _fields(judgement: Judgement) -> tuple[str, str, str | None, None, dict[str, Any]]:
    return judgement.verdict, judgement.message, judgement.mistake, None, judgement.details


class _Named:
    """A value that was given a derivative's name, as it was then."""

    def __init__(
        self, index: int, value: Any, found: Value, owner: Any, scope: ChainMap[str, Any], provenance: Provenance
    ) -> None:
        self.index = index
        self.site = index
        self.value = value
        self.found = found
        self.owner = owner
        self.scope = scope
        self.provenance = provenance
        self.options: list[Reading] = []
        self.tentative: tuple[Judgement, Any] | None = None
