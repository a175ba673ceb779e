"""Judges comparisons: a value read as a gradient beside another value, in whichever way the two are compared."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule.check.notebook.beside import Item, Pair, pairs
from chainrule.check.notebook.differences import SLACK_OF_DIFFERENCES, Differences, is_numerical
from chainrule.check.notebook.evidence import Pass, scope_of
from chainrule.check.notebook.scene import PLACE, Scene, contracted, is_named
from chainrule.check.rewriting.site import Site, is_derivative_name
from chainrule.check.verdicts.compare import EXACT, WRONG, Judgement, Truth, Value, judge, unguarded
from chainrule.check.watching.backend import Backend
from chainrule.check.watching.provenance import DIRECT, NONE, REARRANGED, SCALED, Provenance

__all__ = ["Comparisons"]

ROUNDS = 200
SINGLE = 2.0**-23  # the spacing at 1 of numbers in single precision
KEPT_LOSSES = 64
NEAR = 3  # cells between a displayed gradient and what is displayed for comparison


@dataclass(frozen=True)
class _Gradient:
    """The side of a comparison that is taken as true."""

    provenance: Provenance
    text: str
    value: Value


@dataclass(frozen=True)
class _Claim:
    """The other side."""

    hand: Any
    text: str
    value: Value


class Comparisons:
    """The judge of comparisons in one notebook."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.differences = Differences(scene)
        self._latest: tuple[Site, list[Item]] | None = None
        self._displayed: tuple[int, Item] | None = None
        self._visits: Counter[int] = Counter()
        self._losses: dict[tuple[int, int, int], tuple[Any, Any]] = {}  # with what the identities belong to

    def enter(self) -> None:
        """A cell begins: what the one before printed last is no neighbour."""
        self._latest = None

    def compare(self, index: int, left: Any, right: Any) -> None:
        """Judge `left == right` and its like, if one side is a gradient and the other a claim about it."""
        site, known = self.scene.sites[index], self.scene.known
        sides = [(known.of(side), side, number) for number, side in enumerate((left, right))]
        sides.sort(key=lambda side: -side[0].rank)
        (truth, gradient, at), (claim, hand, place) = sides
        by_hand = [self._is_by_hand(provenance, value) for provenance, value, _ in sides]
        if truth.rank == NONE or by_hand[0]:
            self.differences.compare(index, left, right, (site.texts[0], site.texts[1]))
        if by_hand[0]:  # it is no truth, but may be a claim
            (truth, gradient, at), (claim, hand, place) = reversed(sides)
        if truth.rank < SCALED or all(by_hand) or (not any(by_hand) and self._same_gradient(truth, claim, hand)):
            return
        if claim.rank == truth.rank and claim.rank != DIRECT and not any(by_hand):
            return
        literal = site.literals[place]
        value, true = self.scene.value(hand, literal), self.scene.value(gradient)
        if value is None or true is None:
            return
        counting = site.kind == "compare" and not site.context & {"assert", "all"} and literal is not None
        if counting and not value.shaped and true.array.size > 1:
            return  # `(W.grad == 0).sum()` counts; it claims nothing
        question = counting and truth.rank < DIRECT  # `if W.grad.sum() == 0` asks
        sides_ = _Gradient(truth, site.texts[at], true), _Claim(hand, site.texts[place], value)
        self._judge(index, *sides_, require=not question)

    def show(self, index: int, parts: Sequence[tuple[int, Any]]) -> None:
        """Judge what is printed side by side, or just after each other."""
        site = self.scene.sites[index]
        items = [item for item in (self._item(site, *part) for part in parts) if item is not None]
        neighbours = self._neighbours(site)
        self._latest = (site, items)
        if not items:
            return
        if site.kind == "display" and len(items) == 1 and self._answers(index, items[0]):
            return
        kinds = {item.gradient for item in items}
        if kinds == {False}:
            self.differences.show(index, [(item.text, item.value) for item in items])
        if len(kinds) == 1:
            if not neighbours or kinds == {item.gradient for item in neighbours}:
                return
            if any(item.size != items[0].size for item in neighbours):
                return
            items = [*neighbours, replace(items[0], label=items[0].label or ""), *items[1:]]
            self._latest = None
        for pair in pairs(items, is_named):
            self._judge_pair(index, pair)

    def _is_by_hand(self, provenance: Provenance, value: Any) -> bool:
        """Whether a gradient came through a derivative that the user wrote, as that of a `torch.autograd.Function`."""
        passes = self._passes(provenance)
        if not any(each.backend.is_by_hand(each.root) for each in passes):
            return False
        found = self.scene.value(value)
        for each in passes:  # `.grad` may be of any of them
            truth = each.backend.derivative(each.root, each.target)
            if found is not None and truth is not None:
                truth = contracted(each.backend, truth, each.cotangent)
                if judge(found, truth).ok:
                    return each.backend.is_by_hand(each.root)
        return True

    def _same_gradient(self, truth: Provenance, claim: Provenance, hand: Any) -> bool:
        """Whether the other side is no claim: it is itself taken from this gradient, or is the variable."""
        if any(origin.target is hand for origin in truth.origins) and truth.rank < DIRECT:
            return True
        if claim.rank == DIRECT and truth.rank == DIRECT:
            return True
        return bool(claim.targets & truth.targets)

    def _judge(self, index: int, gradient: _Gradient, claim: _Claim, *, require: bool) -> bool:
        """Judge and record; without ``require`` only if the claim is right. Says whether it was recorded."""
        self._visits[index] += 1
        if self._visits[index] > ROUNDS and self._visits[index].bit_count() > 1:
            return True  # a loop that compares without end is looked at ever more rarely
        true, value, provenance = gradient.value, claim.value, gradient.provenance
        if is_numerical(claim.text):
            slack = SLACK_OF_DIFFERENCES * float(np.max(np.abs(true.array), initial=0.0))
            value = replace(value, slack=slack, reason="as near as finite differences come")
        truth = Truth(true)
        judgement = judge(value, truth)
        if judgement.verdict != EXACT and provenance.rank == DIRECT:
            loss = self._loss(provenance, true.shape)
            if loss is not None:
                judgement = judge(value, replace(truth, loss=loss))
        guard = self._guard(provenance) if judgement.verdict == WRONG and provenance.rank == DIRECT else 0.0
        if guard:
            judgement = judge(unguarded(value, truth, guard), truth)
        if judgement.verdict == WRONG and self._is_single(provenance):
            value = replace(value, eps=max(value.eps, SINGLE))
            judgement = judge(value, truth)
        if not judgement.ok and not require:
            return False
        if judgement.verdict == WRONG and provenance.rank == DIRECT:
            judgement = self._explain_accumulation(value, provenance) or judgement
        name = self._name(claim.hand, claim.text, self._gradient_text(gradient))
        details = judgement.details | {"claim": claim.text, "gradient": gradient.text}
        targets = list(provenance.targets)
        target = targets[0] if len(targets) == 1 else None
        judgement = replace(judgement, details=details)
        evidence = self.scene.gather(judgement, value, truth, self._passes(provenance), claim.hand)
        self.scene.record(index, name, judgement, claim.hand, target, explicit=True, evidence=evidence)
        return True

    @staticmethod
    def _passes(provenance: Provenance) -> list[Pass]:
        """The backward passes that a gradient may be from, the latest first."""
        if provenance.rank != DIRECT or len(provenance.origins) != 1:
            return []
        (origin,) = provenance.origins
        if origin.backend is None:
            return []
        return [Pass(origin.backend, root, cotangent, origin.target) for root, cotangent in reversed(origin.roots)]

    def _is_single(self, provenance: Provenance) -> bool:
        """Whether a gradient in double precision is taken at numbers that were rounded to single precision before."""
        roots = [(each.backend, each.root) for each in self._passes(provenance)]
        leaves = [backend.array(leaf)[0] for backend, root in roots for leaf in backend.leaves(root)]
        return any(
            bool(np.all(leaf == leaf.astype(np.float32))) and bool(np.any(leaf != leaf.astype(np.float16)))
            for leaf in leaves
            if leaf.dtype == np.float64
        )

    @staticmethod
    def _guard(provenance: Provenance) -> float:
        """The largest of the tiny constants in what the gradient is of."""
        return max(
            (origin.backend.guard(root) for origin in provenance.origins if origin.backend for root, _ in origin.roots),
            default=0.0,
        )

    def _loss(self, provenance: Provenance, shape: tuple[int, ...]) -> Any:
        """What computing the gradient can lose, over all backward passes that may be in it."""
        total = None
        for origin in provenance.origins:
            for root, cotangent in reversed(origin.roots):
                loss = None if origin.backend is None else self._lost(origin.backend, root, cotangent, origin.target)
                if loss is not None and loss.shape == shape:
                    total = loss if total is None else total + loss
        return total

    def _lost(self, backend: Backend, root: Any, cotangent: Any, target: Any) -> Any:
        """What one backward pass can lose; a gradient is often compared in more than one way."""
        key = (id(root), id(cotangent), id(target))
        if key not in self._losses:
            while len(self._losses) >= KEPT_LOSSES:
                self._losses.pop(next(iter(self._losses)))
            self._losses[key] = ((root, cotangent, target), backend.loss(root, cotangent, target))
        return self._losses[key][1]

    def _explain_accumulation(self, value: Value, provenance: Provenance) -> Judgement | None:
        """Recognise the gradient of the last `backward` alone, where `.grad` holds those of several."""
        for origin in provenance.origins:
            if origin.backend is None or len(origin.roots) < 2 or origin.returned:
                continue
            root, cotangent = origin.roots[-1]
            truth = origin.backend.derivative(root, origin.target)
            if truth is not None and judge(value, contracted(origin.backend, truth, cotangent)).ok:
                told = "right for the last backward() alone; .grad still holds earlier ones: set it to None in between"
                return Judgement(WRONG, told, "stale")
        return None

    @staticmethod
    def _gradient_text(gradient: _Gradient) -> str:
        """The gradient's source; where that is only what a function calls its argument, by the variable's name."""
        origins = gradient.provenance.origins
        if gradient.text.isidentifier() and gradient.provenance.rank == DIRECT and len(origins) == 1:
            target = next(iter(origins)).target
            for name, value in list(_namespace().items()):
                if value is target and not name.startswith("_"):
                    return f"{name}.grad"
        return gradient.text

    def _name(self, hand: Any, text: str, gradient_text: str) -> str:
        """What to call a claim: a derivative's name if one side has it, else the gradient's."""
        namespace = _namespace()
        if is_named(text) and (namespace.get(text) is hand or "." in text):
            return text
        if not isinstance(hand, int | float):
            # inside a function the argument has another name than what was handed in
            for name, value in [*namespace.items(), *scope_of(sys._getframe(1)).items()]:
                if value is hand and is_derivative_name(name):
                    return name
        if is_named(text) or (PLACE.fullmatch(text) and not gradient_text.endswith(".grad")):
            return text
        if gradient_text.endswith(".grad"):
            return gradient_text
        inner = re.search(r"\b(?!autograd|func)[A-Za-z_]\w*\.grad\b(?!\()", gradient_text)
        return inner.group() if inner else gradient_text

    # -- printed side by side -----------------------------------------------------------------------------------------

    def _item(self, site: Site, position: int, value: Any) -> Item | None:
        found = self.scene.value(value)
        if found is None:
            return None
        label = site.labels[position - 1] if 0 < position <= len(site.labels) else None
        text = site.texts[position] if position < len(site.texts) else ""
        literal = site.literals[position] if position < len(site.literals) else None
        return Item(value, text, literal, self.scene.known.of(value).rank >= REARRANGED, label, found.array.size)

    def _neighbours(self, site: Site) -> list[Item]:
        """What the statement just before printed, if it only printed."""
        if self._latest is None:
            return []
        before, items = self._latest
        near = before.key[0] == site.key[0] and site.key[1] - before.key[1] == 1
        return items if near and len({item.gradient for item in items}) == 1 else []

    def _answers(self, index: int, item: Item) -> bool:
        """Whether a displayed value is right for the gradient that was displayed by one of the cells before.

        Only if it is: what differs may be anything.
        """
        cell = self.scene.cell_of_site[index]
        if item.gradient:
            self._displayed = (cell, item)
            return False
        if self._displayed is None or not 0 < cell - self._displayed[0] <= NEAR:
            return False
        gradient, value = self._displayed[1], self.scene.value(item.value, item.literal)
        true = self.scene.value(gradient.value)
        if value is None or true is None or value.shape != true.shape or not np.any(true.array):
            return False
        provenance = self.scene.known.of(gradient.value)
        if self._same_gradient(provenance, self.scene.known.of(item.value), item.value):
            return False
        claim = _Claim(item.value, item.text, value)
        return self._judge(index, _Gradient(provenance, gradient.text, true), claim, require=False)

    def _judge_pair(self, index: int, pair: Pair) -> None:
        provenance = self.scene.known.of(pair.gradient.value)
        true = self.scene.value(pair.gradient.value)
        if true is None:
            return
        gradient = _Gradient(provenance, pair.gradient.text, true)
        claims = []
        for item in pair.claims:
            value = self.scene.value(item.value, item.literal)
            if value is not None and not self._same_gradient(provenance, self.scene.known.of(item.value), item.value):
                claims.append(_Claim(item.value, item.text, value))
        if len(claims) > 1 and self._judge_together(index, gradient, claims):
            return
        for claim in claims:
            value = claim.value
            fits = value.array.size == true.array.size or (value.shaped and true.shaped and value.array.size > 1)
            meant = pair.evidence and (fits or is_named(claim.text))
            require = meant and not self._is_variable_or_result(value, provenance)
            if not require and value.array.size < true.array.size and not np.any(true.array):
                continue
            self._judge(index, gradient, claim, require=require)

    def _is_variable_or_result(self, value: Value, provenance: Provenance) -> bool:
        """Whether a value is the variable itself, or what was differentiated, printed beside the gradient."""
        others = [origin.target for origin in provenance.origins] + [root for root, _ in self.scene.roots]
        known = [self.scene.value(other) for other in others]
        return any(other is not None and np.array_equal(other.array.ravel(), value.array.ravel()) for other in known)

    def _judge_together(self, index: int, gradient: _Gradient, claims: Sequence[_Claim]) -> bool:
        """Several numbers beside one gradient may be its entries, given once where they repeat."""
        true, first = gradient.value, claims[0].value
        if any(claim.value.shape != first.shape for claim in claims) or first.array.ndim >= true.array.ndim:
            return False
        stacked = np.stack([claim.value.array for claim in claims])
        if stacked.shape != true.shape[true.array.ndim - stacked.ndim :]:
            return False
        eps = max(claim.value.eps for claim in claims)
        whole = Value(np.broadcast_to(stacked, true.shape), eps, first.dtype)
        text = ", ".join(claim.text for claim in claims)
        return self._judge(index, gradient, _Claim(None, text, whole), require=False)


def _namespace() -> dict[str, Any]:
    """The variables of the notebook."""
    return getattr(sys.modules.get("__main__"), "__dict__", {})
