"""What a report holds, whether it is a page or a fragment: the claims, then the derivations that they refer to."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.explain.explained import Account
from chainrule.explain.report.cards import ClaimCard, badge, card, tally, tone_of
from chainrule.explain.report.detail import LEVELS
from chainrule.explain.report.markup import Markup, element
from chainrule.explain.report.section import section

__all__ = ["Contents"]

_MOST = 40  # derivations on a page; those behind claims that are right are left out first
_NAMED = 3  # claims that are named beside their derivation
_LISTED = 2  # claims from which there is a table of them


class Contents:
    """The parts of a report; ``prefix`` begins the identities of its elements.

    ``level`` is the place in `LEVELS` of how much is shown; of derivations behind claims that are right, less is.
    """

    def __init__(self, derivation: Account | None, claims: Sequence[ClaimCard], prefix: str, level: int) -> None:
        self.claims = claims
        self.prefix = prefix
        self.level = level
        self.detail = LEVELS[level]
        self.main = derivation
        ordered = sorted(claims, key=lambda claim: tone_of(claim.verdict).name == "right")
        found = [derivation, *[claim.derivation for claim in ordered]]
        self.accounts = list({id(account): account for account in found if account is not None}.values())
        self.left_out = len(self.accounts[_MOST:])
        del self.accounts[_MOST:]

    @staticmethod
    def levels(derivation: Account | None, claims: Sequence[ClaimCard]) -> range:
        """The levels of detail worth trying: with many derivations, the first ones are not."""
        count = len({id(claim.derivation) for claim in claims} | {id(derivation)}) - 1
        return range(min(count.bit_length() // 2, len(LEVELS) - 1), len(LEVELS))

    def parts(self, level: int) -> list[Markup]:
        """Everything, with headings from ``level`` on."""
        parts = [self._claims(level)] if self.claims else []
        parts += [self._derivation(k, level) for k in range(len(self.accounts))]
        if self.left_out:
            parts.append(element("p", f"{self.left_out:,} more derivations are left out.", class_="note"))
        return parts

    # -- claims -------------------------------------------------------------------------------------------------------

    def _claims(self, level: int) -> Markup:
        title = f"{self.prefix}-claims"
        told = element("p", tally(self.claims), class_="tally")
        cards = [
            card(claim, f"{self.prefix}-claim-{k}", self._address(claim), level + 1, self.detail)
            for k, claim in enumerate(self.claims)
        ]
        table = [self._table()] if len(self.claims) >= _LISTED else []
        heading = element(f"h{level}", "Claims" if len(self.claims) > 1 else "The claim", id=title)
        return element("section", heading, told, *table, *cards, class_="claims", aria_labelledby=title)

    def _table(self) -> Markup:
        """All claims at a glance, with links."""
        rows = []
        for k, claim in enumerate(self.claims):
            link = element("a", element("code", claim.name), href=f"#{self.prefix}-claim-{k}")
            cells = [element("td", text) for text in (badge(claim.verdict), claim.place, claim.mistake or "")]
            rows.append(element("tr", element("th", link, scope="row"), *cells))
        head = element("tr", *[element("th", text, scope="col") for text in ("claim", "verdict", "place", "mistake")])
        table = element(
            "table", element("thead", head), element("tbody", *rows), class_="overview", aria_label="All claims"
        )
        return element(
            "div", table, class_="scroll", tabindex=0, role="region", aria_label="All claims, can be scrolled"
        )

    def _address(self, claim: ClaimCard) -> str:
        account = claim.derivation or self.main
        numbers = [k for k, known in enumerate(self.accounts) if known is account]
        return f"#{self.prefix}-derivation-{numbers[0]}" if numbers else ""

    # -- derivations --------------------------------------------------------------------------------------------------

    def _derivation(self, number: int, level: int) -> Markup:
        account = self.accounts[number]
        prefix = f"{self.prefix}-{number}"
        about = [claim for claim in self.claims if (claim.derivation or self.main) is account]
        is_asked_for = len(self.accounts) == 1 or account is self.main
        is_wrong = any([tone_of(claim.verdict).name == "wrong" for claim in about])
        is_open = is_asked_for or (number == 0 and is_wrong)
        detail = self.detail if is_asked_for or is_wrong else LEVELS[min(self.level + 1, len(LEVELS) - 1)]
        heading = element(f"h{level}", "Derivation of ", element("code", account.title))
        names = ", ".join([f"{claim.name} ({claim.place})" if claim.place else claim.name for claim in about[:_NAMED]])
        more = ", …" if len(about) > _NAMED else ""
        behind = element("span", f"for {names}{more}", class_="note") if about else Markup()
        body = element(
            "div", section(account, prefix, about, level + 1, detail), id=f"{self.prefix}-derivation-{number}"
        )
        return element("details", element("summary", heading, " ", behind), body, class_="account", open=is_open)
