"""A derivation, or claims with theirs, as a fragment for notebooks: scoped, and as often on a page as one likes."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from chainrule.explain.explained import Account
from chainrule.explain.report.assets import script, style
from chainrule.explain.report.cards import ClaimCard
from chainrule.explain.report.contents import Contents
from chainrule.explain.report.markup import Markup, element

__all__ = ["fragment"]

_BUDGET = 1_000_000  # bytes: a notebook holds many outputs


def fragment(derivation: Account | None, claims: Sequence[ClaimCard] = ()) -> str:
    """The HTML of a derivation and of claims for `_repr_html_`.

    Styles are confined to the fragment, the script to what bears its class; identities are new each time, so that
    several on one page do not meet. Without script, or stripped of styles and drawings as in a notebook that is not
    trusted, the text and the numbers remain.
    """
    prefix = f"chainrule-{uuid.uuid4().hex[:10]}"
    made = Markup()
    for level in Contents.levels(derivation, claims):
        contents = Contents(derivation, claims, prefix, level)
        made = element("div", *contents.parts(level=3), class_="chainrule-report", lang="en")
        if len(made.encode("utf-8")) <= _BUDGET:
            break
    return element("style", style()) + made + element("script", script())
