"""One derivation as a section: the gradient as a whole, the graph to walk through, the steps one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from chainrule.explain.explained import Account
from chainrule.explain.report.cards import ClaimCard
from chainrule.explain.report.detail import Detail
from chainrule.explain.report.formulas import formula
from chainrule.explain.report.graph import graph_of
from chainrule.explain.report.markup import Markup, element, joined
from chainrule.explain.report.steps import Steps
from chainrule.explain.report.svg import drawing

__all__ = ["section"]

_DRAWN = 600  # nodes up to which a graph can be taken in


def section(account: Account, prefix: str, claims: Sequence[ClaimCard], level: int, detail: Detail) -> Markup:
    """A derivation; ``claims`` that name one of its steps are marked there. The section's identity is ``prefix``."""
    marks = _marks(account, claims)
    heading = f"h{level}"
    explorer = _explorer(account, prefix, marks, detail)
    parts = [
        element(heading, "The gradient", class_="part"),
        _whole(account),
        element("div", element(heading, "The computation", class_="part"), explorer, class_="drawn", hidden=True),
        element(heading, "Step by step", class_="part"),
        Steps(account, prefix, marks, detail, level + 1).all(),
    ]
    return element("div", *parts, class_="derivation", data_prefix=prefix)


def _marks(account: Account, claims: Sequence[ClaimCard]) -> Mapping[int, Sequence[ClaimCard]]:
    """The claims by the number of the explained step that they name: where they went wrong, or whose gradient it is."""
    places: dict[str, int] = {}
    for number, entry in enumerate(account.explained):
        for name in (entry.step.name, entry.step.called, entry.name):  # the plainer name is the last one of its kind
            if name:
                places[name] = number
    found: dict[int, list[ClaimCard]] = {}
    for claim in claims:
        number = places.get(claim.step or claim.subject, places.get(claim.subject, -1))
        if number >= 0:
            found.setdefault(number, []).append(claim)
    return found


def _whole(account: Account) -> Markup:
    """The simplified gradients, and how to get at them."""
    formulas = [*account.gradients.values(), *account.jacobians.values()]
    lines = [element("li", formula(given, display=True)) for given in formulas]
    parts = [element("ul", *lines, class_="gradients")]
    parts += [element("p", note, class_="note") for note in account.notes]
    if account.source:
        parts.append(_code("As NumPy source", account.source, "python"))
    if formulas:
        parts.append(_code("As LaTeX", "\n".join([given.latex for given in formulas]), "latex"))
    return element("div", *parts, class_="whole")


def _code(title: str, source: str, language: str) -> Markup:
    copy = element("button", "Copy", type="button", class_="copy", hidden=True)
    code = element("pre", element("code", source, class_=language), tabindex=0, aria_label=title)
    return element("details", element("summary", title), element("div", copy, code, class_="code"), class_="reveal")


# -- the graph and the walk --------------------------------------------------------------------------------------------


def _explorer(account: Account, prefix: str, marks: Mapping[int, Sequence[ClaimCard]], detail: Detail) -> Markup:
    """The graph beside a panel, with the buttons of the walk; of these, the graph alone needs no script."""
    graph = graph_of(account)
    if len(graph.nodes) > _DRAWN:
        return element("p", f"{len(graph.nodes):,} values are too many for a drawing; the steps follow.", class_="note")
    label = f"Graph of {account.title}: {len(graph.nodes)} values; each is a link to its step"
    picture = drawing(graph, prefix, marks, detail, label)
    canvas = element("div", picture, class_="canvas", tabindex=0, role="region", aria_label="Graph of the computation")
    figure = element("figure", element("div", *_tools(), class_="tools", hidden=True), canvas, _legend(), class_="plan")
    panel = element(
        "div", *_invitation(), class_="panel", tabindex=-1,
        role="region", aria_label="The value or step that is chosen", hidden=True,
    )  # fmt: skip
    stage = element("div", figure, panel, class_="stage")
    return element("div", _walk(), stage, class_="explorer")


def _invitation() -> Iterator[Markup]:
    """What the panel says before anything is chosen."""
    yield element("p", "Choose a value in the graph: its formula, local Jacobians, value and adjoint show here.")
    yield element("p", "Or walk the chain rule with the buttons: forward to the output, and back from it.")


def _tools() -> Iterator[Markup]:
    tools = [
        ("zoom-in", "+", "Zoom in"),
        ("zoom-out", "−", "Zoom out"),
        ("zoom-fit", "Fit", "Fit the graph into the frame"),
        ("open-all", "Open all", "Open all groups"),
        ("close-all", "Fold all", "Fold all groups"),
    ]
    for action, text, label in tools:
        yield element("button", text, type="button", data_do=action, aria_label=label, title=label)


def _walk() -> Markup:
    """The controls that walk the chain rule."""
    buttons = [
        ("first", "Start", "Back to the start"),
        ("previous", "← Previous", "Previous step"),
        ("next", "Next →", "Next step"),
        ("last", "End", "To the end"),
    ]
    made = [
        element("button", text, type="button", data_walk=action, aria_label=label, title=label)
        for action, text, label in buttons
    ]
    where = element("p", class_="where", role="status")
    bar = element("div", element("div", class_="done"), class_="bar", aria_hidden="true")
    keys = element("p", "Keys: ← and → while this bar has the focus.", class_="note")
    return element(
        "div", element("div", *made, class_="buttons"), where, bar, keys, class_="walk", role="group", tabindex=0,
        aria_label="Walk the chain rule", hidden=True,
    )  # fmt: skip


def _legend() -> Markup:
    entries = [
        ("value", "↓", "value, on the way forward"),
        ("adjoint", "↑", "adjoint, on the way back"),
        ("plain", "■", "positive"),
        ("plain", "□", "negative; the area is the magnitude"),
    ]
    told = [
        element("span", element("span", sign, class_=f"sign {hue}", aria_hidden="true"), " ", text, class_="entry")
        for hue, sign, text in entries
    ]
    return element("figcaption", joined(told, " "), class_="legend")
