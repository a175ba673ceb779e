"""A report says what it should, escapes what it is given, stays small, and asks for no network."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from chainrule.explain.formula import Formula
from chainrule.explain.report.arrays import figure
from chainrule.explain.report.assets import checksum, script, style
from chainrule.explain.report.cards import ClaimCard, card
from chainrule.explain.report.detail import LEVELS, Detail
from chainrule.explain.report.formulas import formula
from chainrule.explain.report.fragment import fragment
from chainrule.explain.report.markup import Markup, element, escaped
from chainrule.explain.report.page import Section, report_page
from chainrule.explain.report.steps import Steps
from tests.explain.reports import HOSTILE, claims, hostile, hostile_claim, joining, network, recurrence, untrusted

VOID = {"meta"}


class Reader(HTMLParser):
    """Reads a page: its elements with their attributes, and its text; elements have to be closed in order.

    ``plain`` is the text outside of elements that are hidden, as it shows without styles.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.plain: list[str] = []
        self._open: list[tuple[str, bool]] = []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append((tag, "hidden" in dict(attrs)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if not any(hidden for _, hidden in self._open):
            self.plain.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of all elements of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    def of_class(self, name: str) -> list[dict[str, str | None]]:
        """The attributes of all elements of a class."""
        return [attributes for _, attributes in self.elements if name in (attributes.get("class") or "").split()]

    @property
    def identities(self) -> list[str]:
        """The identities of all elements."""
        return [attributes["id"] or "" for _, attributes in self.elements if "id" in attributes]


# -- what it says ------------------------------------------------------------------------------------------------------


def test_a_page_holds_the_steps_forward_and_backward() -> None:
    page = Reader(report_page(network()))
    text = " ".join(page.text)
    for entry in network().explained:
        assert entry.forward.text.partition(" = ")[2] in text
        assert entry.adjoint.text in text
        for reason in entry.reasons:
            assert reason in text
        for local in entry.locals:
            assert local.index.text in text and local.structure in text
    assert network().source in "".join(page.text)
    assert [a["data-step"] for a in page.of_class("step")] == [str(k) for k in range(9)]


def test_every_link_leads_somewhere_and_no_identity_comes_twice() -> None:
    page = Reader(report_page(network(), claims(), sections=[Section("On this check", ["Strong."])]))
    assert len(set(page.identities)) == len(page.identities)
    targets = [(attributes["href"] or "") for attributes in page.all("a")]
    assert len(targets) > 20
    assert {target.removeprefix("#") for target in targets} <= set(page.identities)


def test_nodes_are_links_with_names_and_claims_are_marked_at_their_step() -> None:
    page = Reader(report_page(network(), claims()))
    nodes = {attributes["data-step"]: attributes for attributes in page.of_class("node") if "data-step" in attributes}
    assert len(nodes) == 9
    assert (nodes["5"]["aria-label"] or "").startswith("h, shape 7 by 4, equals tanh(z1), value from ")
    assert "claim dz1 is wrong" in (nodes["5"]["aria-label"] or "")
    assert "wrong" in (nodes["5"]["class"] or "").split() and "right" in (nodes["2"]["class"] or "").split()
    assert len(page.of_class("mark")) == 4  # nobody knows where dq belongs


def test_what_is_wrong_is_unfolded_and_what_is_right_is_not() -> None:
    page = Reader(report_page(network(), claims()))
    assert ["open" in attributes for attributes in page.of_class("claim")] == [False, False, True, True, True]
    text = " ".join(page.text)
    assert "1 wrong · 1 right value, wrong shape · 1 undecidable · 1 right up to rounding · 1 right" in text
    for told in ("The derivative of tanh is missing.", "dz1 = dh * (1 - h**2)", "What is the derivative of tanh?"):
        assert told in text


def test_a_card_shows_which_entries_differ() -> None:
    true = np.arange(6.0).reshape(2, 3)
    claimed = true.copy()
    claimed[0, 2] = 7.0
    told = card(ClaimCard("dW", "wrong", claimed=claimed, true=true), "c", "", 3, Detail())
    assert told.count(' off"') + told.count('"off"') == 1
    assert "1 of 6 entries differ" in told and "claimed − true" in told


def test_arrays_of_different_shapes_are_not_subtracted() -> None:
    told = card(ClaimCard("dW", "wrong", claimed=np.ones((2, 3)), true=np.ones((3, 2))), "c", "", 3, Detail())
    assert "claimed, 2×3" in told and "true, 3×2" in told and "claimed − true" not in told


def test_paths_that_join_are_added_up() -> None:
    page = report_page(joining())
    body = page.partition("3 paths join; what arrives is added up.")[2]
    rows = re.findall(r'<tr class="path".*?</tr>', body.partition("</table>")[0])
    assert len(rows) == 3
    h = next(entry for entry in joining().explained if entry.name == "h")
    low, high = (f"{value:.4g}".replace("-", "−") for value in (h.cotangent.min(), h.cotangent.max()))
    assert f"from {low} to {high}" in rows[-1].rpartition("<td>")[2]  # the last sum is the adjoint


@pytest.mark.parametrize(
    "shape", [(), (1,), (0,), (2, 0), (3,), (20, 20), (21, 3), (2, 3, 4), (400, 300), (2, 2, 2, 50)]
)
def test_arrays_of_any_shape_are_shown(shape: tuple[int, ...]) -> None:
    told = figure(np.random.default_rng(0).normal(size=shape), "x", "value", Detail())
    Reader(told)
    assert ("<table" in told) == (np.prod(shape) > 1 and np.prod(shape[:-1]) <= 20 and shape[-1] <= 20)
    assert len(told) < 40_000


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1 + 2j, True, 3, 1e-300, 1e300])
def test_odd_numbers_are_shown(value: complex) -> None:
    for size in (1, 4, 900):
        Reader(figure(np.full(size, value), "x", "value", Detail()))


def test_entries_that_are_no_numbers_are_only_counted() -> None:
    told = figure(np.array([HOSTILE, object()], dtype=object), "x", "value", Detail())
    assert "no numbers" in told and "img" not in told


def test_many_paths_are_shortened() -> None:
    told = Steps(recurrence(), "p", {}, Detail(paths=4), 4).backward(0)
    assert "20 paths join" in told and "16 more paths" in told
    assert told.count('<tr class="path"') == 4


def test_a_long_formula_is_folded() -> None:
    given = Formula("y = " + "x + " * 200 + "x", "y", "")
    assert formula(given, display=True).startswith('<details class="long"><summary><code>y = …</code>')


def test_further_sections_and_titles() -> None:
    page = Reader(report_page(None, title="Homework", sections=[Section("Stale outputs", ["cell 3 <b>", "cell 4"])]))
    assert "Stale outputs" in page.text and "cell 3 <b>" in page.text


def test_a_derivation_writes_its_page_and_shows_itself(tmp_path: Path) -> None:
    network().to_html(tmp_path / "net.html")
    assert (tmp_path / "net.html").read_text(encoding="utf-8") == report_page(network())
    assert network()._repr_html_().startswith("<style>")


# -- what it lets through ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", [report_page(hostile(), [hostile_claim()], HOSTILE, [Section(HOSTILE, [HOSTILE])]),
                                  fragment(hostile(), [hostile_claim()])], ids=["page", "fragment"])  # fmt: skip
def test_what_is_hostile_stays_text(told: str) -> None:
    page = Reader(told)
    assert page.all("img") == []
    assert len(page.all("script")) == 1
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert HOSTILE in " ".join(page.text)


def test_markup_escapes_everything_but_itself() -> None:
    assert element("b", "<", Markup("<i></i>"), title='"') == '<b title="&quot;">&lt;<i></i></b>'
    assert escaped("a\x00b\u202ec\udc80") == "a\ufffdb\ufffdc?"


@pytest.mark.parametrize("latex", [r"\text{<img src=x onerror=y>}", r"\text{<math onclick=x>}"])
def test_markup_in_a_formula_is_none(latex: str) -> None:
    told = str(formula(Formula("<x>", latex)))
    assert "<img" not in told and "<math onclick" not in told
    assert '<code class="written">&lt;x&gt;</code>' in told


@pytest.mark.parametrize("latex", ["\\frac{", r"\begin{"])
def test_a_formula_that_is_none_is_only_text(latex: str) -> None:
    told = formula(Formula("<x>", latex))
    assert told == '<span class="formula"><code class="written">&lt;x&gt;</code></span>'


# -- what it needs -----------------------------------------------------------------------------------------------------


def test_a_page_asks_for_nothing_from_elsewhere() -> None:
    page = report_page(network(), claims())
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", page) == []
    assert re.findall(r"(?:src|srcset|data)=|url\(|@import|<link", page.replace(str(script()), "")) == []
    policy = Reader(page).all("meta")[1]["content"] or ""
    assert policy.startswith("default-src 'none'; ") and checksum(script()) in policy and "unsafe" not in policy
    assert ' style="' not in page


def test_a_page_is_the_same_each_time_and_a_fragment_has_identities_of_its_own() -> None:
    assert report_page(network(), claims()) == report_page(network(), claims())
    first, second = Reader(fragment(network())), Reader(fragment(network()))
    assert set(first.identities).isdisjoint(second.identities)


def test_the_styles_of_a_fragment_are_confined_to_it() -> None:
    sheet = re.sub(r"/\*.*?\*/", "", style(), flags=re.DOTALL)
    outermost, depth, start = [], 0, 0
    for k, letter in enumerate(sheet):
        if letter == "{" and (depth := depth + 1) == 1:
            outermost.append(sheet[start:k].strip())
        if letter == "}" and (depth := depth - 1) == 0:
            start = k + 1
    assert len(outermost) == 5
    assert all(".chainrule-report" in rule or rule == "@keyframes chainrule-upward" for rule in outermost)


def test_what_a_notebook_leaves_that_is_not_trusted_still_says_it_all() -> None:
    text = " ".join(Reader(untrusted(fragment(network(), claims()))).plain)
    for entry in network().explained:
        assert entry.adjoint.text in text
    assert "The derivative of tanh is missing." in text
    assert "Zoom" not in text and "Walk" not in text and "↓" not in text
    assert "{" not in re.sub(r"def gradient.*?return", "", text.partition("As LaTeX")[0])


def test_many_claims_stay_small() -> None:
    several = [
        ClaimCard(f"d{k}", "wrong" if k % 4 == 0 else "right", claimed=np.ones((20, 20)), true=np.zeros((20, 20)),
                  derivation=replace(network()), place=f"cell {k}, line 1")
        for k in range(45)
    ]  # fmt: skip
    page = report_page(None, several)
    assert len(page.encode()) < 2_000_000
    assert "5 more derivations are left out." in page
    wrong = [k for k in range(45) if k % 4 == 0]
    assert all(re.search(rf'id="report-claim-{k}".*?href="#report-derivation-\d+"', page) for k in wrong)


def test_levels_of_detail_only_get_smaller() -> None:
    for more, less in pairwise(LEVELS):
        assert all(
            getattr(more, name) >= getattr(less, name) for name in ("numbers", "cells", "thumb", "jacobian", "paths")
        )


# -- how it looks ------------------------------------------------------------------------------------------------------


def colours(mode: int) -> dict[str, tuple[float, ...]]:
    """The named colours of the style, light (0) or dark (1), in linear light."""
    found = {}
    for name, *pair in re.findall(r"--(\w+): light-dark\((#\w{6}), (#\w{6})\)", style()):
        raw = [int(pair[mode][k : k + 2], 16) / 255 for k in (1, 3, 5)]
        found[name] = tuple([value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in raw])
    return found


def luminance(colour: tuple[float, ...]) -> float:
    return float(np.dot(colour, (0.2126, 0.7152, 0.0722)))


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_every_colour_of_a_text_can_be_read(mode: int) -> None:
    known = colours(mode)
    for ground in ("paper", "sunk"):
        for name in ("ink", "muted", "link", "value", "adjoint", "right", "wrong", "nearly", "open"):
            light, dark = sorted([luminance(known[name]), luminance(known[ground])], reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (name, ground)


# How the three kinds of colour-blind eyes see linear light (Viénot, Brettel and Mollon 1999; Brettel 1997 for the last)
EYES = {
    "protanopia": [[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]],
    "deuteranopia": [[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]],
    "tritanopia": [[1.01277, 0.13548, -0.14826], [-0.01243, 0.86812, 0.14431], [0.07589, 0.80500, 0.11911]],
}


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_values_and_adjoints_differ_in_hue_for_every_eye(eyes: str, mode: int) -> None:
    known = colours(mode)
    seen = [np.clip(np.dot(EYES[eyes], known[name]), 0, 1) ** (1 / 2.2) for name in ("value", "adjoint")]
    assert np.linalg.norm(seen[0] - seen[1]) > 0.25
