"""A report as one HTML file, which needs no network, and no script for what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chainrule.explain.explained import Account
from chainrule.explain.report.assets import checksum, script, style
from chainrule.explain.report.cards import ClaimCard
from chainrule.explain.report.contents import Contents
from chainrule.explain.report.markup import Markup, element, joined, shape

__all__ = ["Section", "report_page"]

_LINKED = 6  # derivations up to which each has a link at the top
_BUDGET = 1_900_000  # bytes; beyond, less of each array is shown


@dataclass(frozen=True)
class Section:
    """A further section of a report: a title, and paragraphs of plain text."""

    title: str
    paragraphs: Sequence[str]


def report_page(
    derivation: Account | None,
    claims: Sequence[ClaimCard] = (),
    title: str = "",
    sections: Sequence[Section] = (),
) -> str:
    """A whole HTML file: the claims with their verdicts, the derivations behind them, then further sections.

    The more there is, the less is shown of each array, so that the file stays below two megabytes.

    >>> page = report_page(None, [ClaimCard("dW", "right")], "Homework <3")
    >>> "<title>Homework &lt;3</title>" in page, "http" in page.replace("http-equiv", "")
    (True, False)
    """
    page = ""
    for level in Contents.levels(derivation, claims):
        page = _page(derivation, claims, title or _title(derivation), sections, level)
        if len(page.encode("utf-8")) <= _BUDGET:
            break
    return page


def _title(derivation: Account | None) -> str:
    return f"The gradient of {derivation.title}" if derivation is not None else "Gradients checked"


def _page(
    derivation: Account | None,
    claims: Sequence[ClaimCard],
    title: str,
    sections: Sequence[Section],
    level: int,
) -> str:
    contents = Contents(derivation, claims, "report", level)
    parts = contents.parts(level=2)
    extra = [_section(k, given) for k, given in enumerate(sections)]
    header = element("header", element("h1", title))
    footer = element("footer", element("p", "Made by chainrule. This file needs no network."))
    skip = element("a", "Skip to the content", href="#content", class_="skip")
    main = element("main", *parts, *extra, id="content")
    body = element("body", skip, header, _navigation(contents, sections), main, footer, element("script", script()),
                   class_="chainrule-report chainrule-page")  # fmt: skip
    return f'<!DOCTYPE html>\n<html lang="en">{_head(title)}{body}</html>\n'


def _head(title: str) -> Markup:
    sheet = Markup(f"{style('page.css')}\n{style()}")
    policy = (
        f"default-src 'none'; style-src {checksum(sheet)}; script-src {checksum(script())}; "
        "base-uri 'none'; form-action 'none'"
    )
    return element(
        "head",
        shape("meta", charset="utf-8"),
        shape("meta", http_equiv="Content-Security-Policy", content=policy),
        shape("meta", name="viewport", content="width=device-width, initial-scale=1"),
        shape("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", sheet),
    )


def _navigation(contents: Contents, sections: Sequence[Section]) -> Markup:
    links = [("#report-claims", "Claims")] if contents.claims else []
    derivations = [(f"#report-derivation-{k}", f"Derivation of {a.title}") for k, a in enumerate(contents.accounts)]
    links += derivations if len(derivations) <= _LINKED else [("#report-derivation-0", "Derivations")]
    links += [(f"#section-{k}", given.title) for k, given in enumerate(sections)]
    if len(links) < 2:
        return Markup()
    entries = [element("li", element("a", text, href=address)) for address, text in links]
    return element("nav", element("ul", *entries), aria_label="On this page")


def _section(number: int, given: Section) -> Markup:
    identity = f"section-{number}"
    paragraphs = joined([element("p", paragraph) for paragraph in given.paragraphs])
    return element(
        "section", element("h2", given.title, id=identity), paragraphs, aria_labelledby=identity, class_="further"
    )
