"""Every step of a derivation in full: formula, value, local Jacobians; then adjoint, reasons, and what paths bring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.explain.computation import Step
from chainrule.explain.explained import Account, Explained, Local
from chainrule.explain.report.arrays import brief, figure
from chainrule.explain.report.cards import ClaimCard, badge
from chainrule.explain.report.detail import Detail
from chainrule.explain.report.formulas import formula
from chainrule.explain.report.graph import right_side, shortened
from chainrule.explain.report.hinton import largest
from chainrule.explain.report.jacobians import jacobian
from chainrule.explain.report.markup import Markup, element, joined
from chainrule.explain.report.numbers import sides

__all__ = ["Steps"]

Array = np.ndarray[Any, np.dtype[Any]]
_LINE = 120  # letters of a formula where there is one line for it


@dataclass(frozen=True)
class _Path:
    """One use of a value: the step that used it, by number, the local Jacobian, and what comes back through it."""

    consumer: int
    local: Local
    part: Array


class Steps:
    """Writes the steps of one derivation; the identities of elements begin with ``prefix``."""

    def __init__(
        self,
        account: Account,
        prefix: str,
        marks: Mapping[int, Sequence[ClaimCard]],
        detail: Detail,
        level: int,
    ) -> None:
        self.explained = account.explained
        self.prefix = prefix
        self.marks = marks
        self.detail = detail
        self.heading = f"h{min(level, 6)}"
        self.names = {entry.step: entry.name for entry in account.explained}
        self._uses: dict[Step, list[tuple[int, Local]]] = {}
        for number, entry in enumerate(account.explained):
            for local in entry.locals:
                self._uses.setdefault(local.argument, []).append((number, local))

    def all(self) -> Markup:
        """The steps in the order of the computation."""
        return element("div", *[self.step(k) for k in range(len(self.explained))], class_="steps")

    def step(self, number: int) -> Markup:
        """One step, folded."""
        entry = self.explained[number]
        is_given = entry.step.operation is None
        told = element("code", entry.name, class_="name")
        equals = (
            element("code", f"= {shortened(right_side(entry.forward.text), _LINE)}", class_="rule")
            if not is_given
            else Markup()
        )
        size = element("span", sides(entry.step.shape) or "a number", class_="size")
        badges = joined([badge(claim.verdict) for claim in self.marks.get(number, ())], " ")
        summary = element("summary", joined([told, equals, size, badges], " "))
        body = element(
            "div", self.forward(number), self.backward(number), class_="body", id=f"{self.prefix}-step-{number}"
        )
        kind = "given" if is_given else "computed"
        line = f"{entry.name} = {right_side(entry.forward.text)}" if not is_given else f"{entry.name} is given"
        return element(
            "details", summary, body, class_=f"step {kind}", data_step=number,
            data_line=shortened(line, _LINE), data_adjoint=shortened(entry.adjoint.text, _LINE),
        )  # fmt: skip

    # -- forward ------------------------------------------------------------------------------------------------------

    def forward(self, number: int) -> Markup:
        """What the value is, and how it depends on what it was made from."""
        entry = self.explained[number]
        parts = [element(self.heading, "Forward", class_="phase")]
        if entry.step.operation is None:
            parts.append(element("p", element("code", entry.name), " is given."))
        else:
            parts.append(element("div", formula(entry.forward, display=True)))
        if entry.source:
            place = element("span", f"line {entry.step.line}", class_="place") if entry.step.line else Markup()
            parts.append(element("p", place, " ", element("code", entry.source), class_="source"))
        parts.append(figure(entry.value, entry.name, "value", self.detail))
        if entry.locals:
            title = "Local Jacobian" if len(entry.locals) == 1 else "Local Jacobians"
            drawings = [self._local(number, local) for local in entry.locals]
            parts.append(element("div", element("p", title, class_="label"), *drawings, class_="locals"))
        return element("div", *parts, class_="forward")

    def _local(self, number: int, local: Local) -> Markup:
        return jacobian(
            local, self.explained[number].name, self._called(local.argument), self.detail,
            self._identity(number, local),
        )  # fmt: skip

    def _identity(self, number: int, local: Local) -> str:
        return f"{self.prefix}-local-{number}-{local.position}"

    def _called(self, step: Step) -> str:
        return self.names.get(step, step.called)

    # -- backward -----------------------------------------------------------------------------------------------------

    def backward(self, number: int) -> Markup:
        """What the adjoint is, why, and over which paths it arrives."""
        entry = self.explained[number]
        parts = [
            element(self.heading, "Backward", class_="phase"),
            element("div", formula(entry.adjoint, display=True)),
        ]
        parts.append(figure(entry.cotangent, _left_side(entry.adjoint.text), "adjoint", self.detail))
        if number == len(self.explained) - 1:
            parts.append(element("p", "Here the way back begins.", class_="note"))
        if entry.reasons:
            parts.append(element("ul", *[element("li", reason) for reason in entry.reasons], class_="reasons"))
        paths = self._paths(entry)
        if len(paths) == 1:
            parts.append(self._single(paths[0]))
        elif paths:
            parts.append(self._sum(entry, paths))
        return element("div", *parts, class_="backward")

    def _paths(self, entry: Explained) -> list[_Path]:
        """The uses of a value, in the order in which the way back meets them."""
        found = []
        for number, local in reversed(self._uses.get(entry.step, [])):
            with np.errstate(all="ignore"):
                part = np.asarray(local.jacobian.T @ self.explained[number].cotangent)
            found.append(_Path(number, local, part))
        return found

    def _single(self, path: _Path) -> Markup:
        name = self.explained[path.consumer].name
        link = element("a", name, href=f"#{self.prefix}-step-{path.consumer}")
        told: list[object] = ["Arrives from ", link]
        if path.local.matrix.text:
            told += [" as ", formula(path.local.matrix)]
        identity = self._identity(path.consumer, path.local)
        return element("p", *told, ".", class_="path", data_local=identity, data_consumer=path.consumer)

    def _sum(self, entry: Explained, paths: Sequence[_Path]) -> Markup:
        """The contributions one below the other, with the sum so far."""
        rows, total = [], np.zeros(entry.step.shape)
        totals = []
        for path in paths:
            total = total + np.broadcast_to(path.part, total.shape)
            totals.append(total)
        scale = max([largest(array) for array in [*totals, *[path.part for path in paths]]], default=0.0)
        kept = set(_ends(len(paths), self.detail.paths))
        for k, (path, so_far) in enumerate(zip(paths, totals, strict=True)):
            if k in kept:
                rows.append(self._row(path, so_far, scale))
            elif k - 1 in kept:
                told = f"{len(paths) - len(kept):,} more paths"
                rows.append(element("tr", element("td", told, colspan=4, class_="note")))
        head = element(
            "tr", *[element("th", text, scope="col") for text in ("from", "what arrives", "its value", "sum so far")]
        )
        name = f"{len(paths)} paths join: their sum"
        table = element("table", element("thead", head), element("tbody", *rows), class_="paths", aria_label=name)
        title = element("p", f"{len(paths)} paths join; what arrives is added up.", class_="label")
        return joined([title, element("div", table, class_="scroll", tabindex=0, role="region", aria_label=name)])

    def _row(self, path: _Path, so_far: Array, scale: float) -> Markup:
        name = self.explained[path.consumer].name
        link = element("a", name, href=f"#{self.prefix}-step-{path.consumer}")
        arriving = formula(path.local.matrix) if path.local.matrix.text else Markup()
        return element(
            "tr",
            element("th", link, scope="row"),
            element("td", arriving),
            element("td", brief(path.part, "adjoint", scale, f"what arrives from {name}")),
            element("td", brief(so_far, "adjoint", scale, "sum so far")),
            class_="path", data_local=self._identity(path.consumer, path.local), data_consumer=path.consumer,
        )  # fmt: skip


def _left_side(text: str) -> str:
    return text.partition(" = ")[0]


def _ends(count: int, most: int) -> list[int]:
    """The first and the last of many.

    >>> _ends(5, 8), _ends(9, 4)
    ([0, 1, 2, 3, 4], [0, 1, 7, 8])
    """
    if count <= most:
        return list(range(count))
    half = most // 2
    return [*range(half), *range(count - half, count)]
