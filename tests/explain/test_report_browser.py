"""Reports in a real browser: clicking, walking, folding, zooming; without script, in the dark, on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from chainrule.explain.report.fragment import fragment
from chainrule.explain.report.page import report_page
from tests.explain.browser import Browser, Page, browser, executable
from tests.explain.reports import claims, hostile, hostile_claim, joining, network, recurrence, softmax, untrusted

pytestmark = pytest.mark.skipif(executable() is None, reason="no Chromium on this machine")

PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as running:
        yield running


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    # What a notebook may do to what it shows: everything hidden stays hidden, cells are coloured, letters are large
    notebook = (
        "<!DOCTYPE html><meta charset='utf-8'><style>[hidden] { display: none !important } "
        "tbody tr:nth-child(odd) td { background: rgb(255, 255, 0); text-align: left } "
        "p { color: rgb(0, 0, 255) }</style>"
        f"<body data-jp-theme-light='false'><p id='mine'>Mine</p>{fragment(softmax())}"
        f"<table id='table'><tbody><tr><td>1</td></tr></tbody></table>{fragment(softmax())}"
    )
    contents = {
        "network": report_page(network(), claims(), "Homework 3"),
        "recurrence": report_page(recurrence()),
        "joining": report_page(joining()),
        "hostile": report_page(hostile(), [hostile_claim()]),
        "notebook": notebook,
        "untrusted": f"<!DOCTYPE html><meta charset='utf-8'>{untrusted(fragment(network(), claims()))}",
    }
    for name, content in contents.items():
        (folder / f"{name}.html").write_text(content, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in contents}


@pytest.fixture
def visit(chromium: Browser, pages: dict[str, Path]) -> Iterator[Any]:
    """Opens pages, and holds it against them if the console complained."""
    opened: list[Page] = []

    def visited(name: str, **looks: Any) -> Page:
        opened.append(chromium.open(pages[name], **looks))
        return opened[-1]

    yield visited
    complaints = [complaint for page in opened for complaint in page.complaints()]
    for page in opened:
        page.close()
    assert complaints == []


def is_shown(page: Page, selector: str) -> bool:
    return bool(page(f"document.querySelector({selector!r}).checkVisibility()"))


def text(page: Page, selector: str) -> str:
    return str(page(f"document.querySelector({selector!r}).innerText"))


# -- choosing ----------------------------------------------------------------------------------------------------------


def test_a_node_shows_its_step(visit: Any) -> None:
    page = visit("network")
    page.click('[data-step="5"] .card')
    told = text(page, ".panel")
    for part in ("FORWARD", "BACKWARD", "h = np.tanh(z1)", "∂h[i,j]/∂z1[k,l]", "diagonal", "weighted by W2"):
        assert part in told
    assert page("document.querySelectorAll('.panel .jacobian svg').length") == 1
    assert page("document.querySelector('[data-step=\"5\"]').getAttribute('aria-current')") == "step"
    assert page("document.querySelectorAll('.wire.lit').length") == 2
    assert page("document.querySelectorAll('.panel [id]').length") == 0


def test_a_node_is_reached_and_chosen_by_keyboard(visit: Any) -> None:
    page = visit("network")
    page("document.querySelector('.canvas').focus()")
    page.press("Tab")
    first = page("document.activeElement.dataset.step")
    assert first is not None
    page.press("Enter")
    assert page("document.activeElement.className") == "panel"
    assert text(page, ".panel .title .name") == network().explained[int(first)].name


def test_from_the_panel_a_link_leads_into_the_list(visit: Any) -> None:
    page = visit("network")
    page.click('[data-step="5"] .card')
    assert not is_shown(page, "#report-0-step-5")
    page.click(".panel .title a")
    assert is_shown(page, "#report-0-step-5")


# -- walking -----------------------------------------------------------------------------------------------------------


def test_the_walk_goes_forward_and_back(visit: Any) -> None:
    page = visit("network")
    lines = []
    for _ in range(15):
        page.click('[data-walk="next"]')
        lines.append(text(page, ".where"))
    assert lines[0] == "given: W1, b1, W2, b2"
    assert lines[1:6] == [
        "forward 1 of 5: z1 = X W1 + b1",
        "forward 2 of 5: h = tanh(z1)",
        "forward 3 of 5: P = h W2 + b2",
        "forward 4 of 5: R = P − Y",
        "forward 5 of 5: net = mean(R²)",
    ]
    assert lines[6] == "backward 1 of 9: ∂net/∂net = 1"
    assert lines[9] == "backward 4 of 9: " + network().explained[5].adjoint.text
    assert lines[14].startswith("backward 9 of 9: ∂net/∂W1 = ")
    page.click('[data-walk="next"]')
    assert text(page, ".where") == lines[14]  # the end is the end


def test_values_appear_on_the_way_forward_and_adjoints_on_the_way_back(visit: Any) -> None:
    page = visit("network")

    def visible(hue: str) -> list[str]:
        found: list[str] = page(
            "[...document.querySelectorAll('a.node')].filter(node => getComputedStyle(node.querySelector("
            f"'.seen.{hue}')).visibility === 'visible').map(node => node.querySelector('.name').textContent).sort()"
        )
        return found

    given = ["W1", "W2", "b1", "b2"]
    page.click('[data-walk="first"]')
    assert visible("value") == given and visible("adjoint") == []
    page.click('[data-walk="next"]')
    page.click('[data-walk="next"]')
    assert visible("value") == sorted([*given, "z1", "h"]) and visible("adjoint") == []
    for _ in range(5):
        page.click('[data-walk="next"]')
    assert len(visible("value")) == 9 and visible("adjoint") == ["R", "net"]
    page("document.querySelector('.walk').focus()")
    page.press("Escape")
    assert len(visible("value")) == len(visible("adjoint")) == 9


def test_the_walk_listens_to_keys_only_while_it_has_the_focus(visit: Any) -> None:
    page = visit("network")
    page("document.querySelector('.walk').focus()")
    for key, told in [("ArrowRight", "given"), ("ArrowRight", "forward 1"), ("End", "backward 9"),
                      ("ArrowLeft", "backward 8"), ("Home", "given")]:  # fmt: skip
        page.press(key)
        assert text(page, ".where").startswith(told)
    page("document.querySelector('.canvas').focus()")
    page.press("ArrowRight")
    assert text(page, ".where").startswith("given")


def test_on_the_way_back_the_local_jacobian_and_the_sum_are_beside_the_adjoint(visit: Any) -> None:
    page = visit("joining")
    page("document.querySelector('.walk').focus()")
    page.press("End")
    while "∂gated/∂h =" not in text(page, ".where"):
        page.press("ArrowLeft")
    told = text(page, ".panel")
    assert "3 paths join" in told and "sum so far" in told
    assert page("document.querySelectorAll('.panel .paths tbody tr').length") == 3
    assert page("document.querySelectorAll('.panel .jacobian').length") == 3
    assert page("document.querySelectorAll('.wire.lit.back').length") > 3
    assert "FORWARD" not in told


# -- folding and zooming -----------------------------------------------------------------------------------------------


def test_groups_fold_by_mouse_and_by_key(visit: Any) -> None:
    page = visit("recurrence")
    closed = "document.querySelectorAll('.group.closed').length"
    height = "Number(document.querySelector('.graph').getAttribute('height'))"
    assert page(closed) == 18
    before = page(height)
    page.click(".group.closed .bar .title")
    assert page(closed) == 17 and page(height) > before
    page("document.querySelector('.group.closed .bar').focus()")
    page.press("Enter")
    page("document.querySelector('.group.closed .bar').focus()")
    page.press("Space")
    assert page(closed) == 15
    page.click('[data-do="open-all"]')
    assert page(closed) == 0
    page.click('[data-do="close-all"]')
    assert page(closed) == 20 and page(height) < before


def test_unfolded_nothing_lies_upon_anything_else(visit: Any) -> None:
    page = visit("recurrence")
    page.click('[data-do="open-all"]')
    assert (
        page("""(() => {
        const boxes = [...document.querySelectorAll('.graph .card')].map(card => card.getBoundingClientRect());
        return boxes.some((a, k) => boxes.slice(k + 1).some(b =>
            a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom));
    })()""")
        is False
    )


def test_every_wire_still_ends_at_its_node_when_groups_were_folded(visit: Any) -> None:
    page = visit("recurrence")
    drawn = "[...document.querySelectorAll('.wire[data-xs]')].map(wire => wire.getAttribute('d')).join()"
    as_written = page(drawn)
    page.click('[data-do="open-all"]')
    unfolded = page(drawn)
    assert unfolded != as_written
    page.click('[data-do="close-all"]')
    for place in (0, 19):
        page(f"document.querySelectorAll('.group')[{place}].querySelector('.bar').dispatchEvent(new Event('click'))")
    page.settle()
    assert page(drawn) == as_written  # the script draws what the program drew


def test_the_walk_opens_the_group_that_it_is_in(visit: Any) -> None:
    page = visit("recurrence")
    page("document.querySelector('.walk').focus()")
    for _ in range(12):
        page.press("ArrowRight")
    assert page("document.querySelector('.node.now').closest('.group').classList.contains('closed')") is False
    assert page("document.querySelectorAll('.group.closed').length") == 17
    page.press("ArrowRight")
    page.press("ArrowRight")
    assert page("document.querySelectorAll('.group.closed').length") == 17
    frame, node = page("""['.canvas', '.node.now'].map(name => {
        const box = document.querySelector(name).getBoundingClientRect(); return [box.top, box.bottom]})""")
    assert frame[0] <= node[0] and node[1] <= frame[1]


def test_zooming(visit: Any) -> None:
    page = visit("network")
    width = "Number(document.querySelector('.graph').getAttribute('width'))"
    start = page(width)
    page.click('[data-do="zoom-in"]')
    assert page(width) > start
    page.click('[data-do="zoom-out"]')
    assert page(width) == start
    page("document.querySelector('.canvas').focus()")
    page.press("-")
    assert page(width) < start
    page.press("+")
    page.press("+")
    page.press("0")
    fits = page("(c => c.scrollWidth <= c.clientWidth && c.scrollHeight <= c.clientHeight + 1)"
                "(document.querySelector('.canvas'))")  # fmt: skip
    assert fits is True


def test_the_graph_is_dragged_with_the_mouse(visit: Any) -> None:
    page = visit("recurrence")
    page("document.querySelector('.canvas').scrollIntoView({block: 'center'})")
    x, y = page("(b => [b.x + 8, b.y + 300])(document.querySelector('.canvas').getBoundingClientRect())")
    for kind, at in [("mousePressed", y), ("mouseMoved", y - 120), ("mouseReleased", y - 120)]:
        page.send("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": at, "button": "left", "buttons": 1})
    page.settle()
    assert page("document.querySelector('.canvas').scrollTop") == 120


# -- other readers -----------------------------------------------------------------------------------------------------


def test_without_script_everything_is_there_but_the_buttons(visit: Any) -> None:
    page = visit("network", script=False)
    assert is_shown(page, ".graph") and is_shown(page, ".gradients math")
    for selector in (".walk", ".tools", ".panel", ".copy"):
        assert not is_shown(page, selector)
    assert not is_shown(page, "#report-0-step-5")
    page.click('[data-step="5"] .card')  # a link, which unfolds what it leads to
    assert is_shown(page, "#report-0-step-5")
    assert "weighted by W2" in text(page, "#report-0-step-5")


def test_what_is_not_trusted_reads_in_order(visit: Any) -> None:
    page = visit("untrusted")
    told = text(page, "body")
    places = [
        told.index(part)
        for part in ("dW2", "The derivative of tanh is missing.", "The gradient", "As NumPy", "= X W1 + b1")
    ]
    assert places == sorted(places)
    assert "Zoom in" not in told and "Walk" not in told


@pytest.mark.parametrize("name", ["network", "recurrence", "joining"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_on_a_phone_nothing_is_wider_than_the_screen(visit: Any, name: str, dark: bool) -> None:
    page = visit(name, dark=dark, **PHONE)
    page("document.querySelectorAll('details').forEach(details => { details.open = true })")
    page.click('[data-walk="next"]')
    page.settle()
    assert page("document.documentElement.scrollWidth") == PHONE["width"]


def test_light_and_dark_are_different(visit: Any) -> None:
    seen = [visit("network", dark=dark)(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    ) for dark in (False, True)]  # fmt: skip
    assert seen[0][0] == seen[1][0].replace("18, 21, 25", "246, 246, 243")
    assert seen[0][1] != seen[1][1]


def test_motion_is_only_for_those_who_like_it(visit: Any) -> None:
    for calm, told in ((True, "none"), (False, "chainrule-upward")):
        page = visit("network", calm=calm)
        page("document.querySelector('[data-walk=last]').click()")
        assert page("getComputedStyle(document.querySelector('.wire.lit.back')).animationName") == told


def test_a_reader_finds_landmarks_headings_and_names(visit: Any) -> None:
    page = visit("network")
    nodes = page.send("Accessibility.getFullAXTree")["nodes"]
    found = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]]
    roles = {role for role, _ in found}
    assert {"main", "navigation", "banner", "contentinfo", "heading", "link", "button", "status"} <= roles
    nameless = [
        role for role, name in found if role in {"button", "link", "img", "region", "table"} and not name.strip()
    ]
    assert nameless == []
    levels = page("[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map(heading => Number(heading.tagName[1]))")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert any(role == "link" and name.startswith("h, shape 7 by 4, equals tanh(z1)") for role, name in found)


def test_what_is_hostile_does_nothing(visit: Any) -> None:
    page = visit("hostile")
    page("document.querySelectorAll('details').forEach(details => { details.open = true })")
    for _ in range(15):
        page.click('[data-walk="next"]')
    page.click('[data-step="5"] .card')
    assert page("document.title") != "hacked"
    assert page("document.querySelectorAll('img').length") == 0


def test_several_fragments_in_a_notebook_mind_their_own(visit: Any) -> None:
    page = visit("notebook")
    assert page("document.querySelectorAll('.walk').length") == 2
    page("document.querySelectorAll('[data-walk=next]')[1].click()")
    page("document.querySelectorAll('[data-walk=next]')[1].click()")
    where = page("[...document.querySelectorAll('.where')].map(line => line.textContent)")
    assert where[0] == "4 steps forward, 5 back" and where[1].startswith("forward 1 of 4: m = ")
    mine = page("getComputedStyle(document.getElementById('mine')).color")
    cell = page("getComputedStyle(document.querySelector('#table td')).backgroundColor")
    assert (mine, cell) == ("rgb(0, 0, 255)", "rgb(255, 255, 0)")
    page("document.querySelectorAll('details').forEach(details => { details.open = true })")
    inside = page("(c => [c.backgroundColor, c.textAlign])(getComputedStyle(document.querySelector('.numbers td')))")
    assert inside[0] != "rgb(255, 255, 0)" and inside[1] == "end"
    ink = page("getComputedStyle(document.querySelector('.chainrule-report')).color")
    assert ink == "rgb(232, 234, 237)"  # the notebook's theme is dark, though the system's is light
    identities = page("[...document.querySelectorAll('[id]')].map(element => element.id)")
    assert len(set(identities)) == len(identities)


def test_the_source_is_copied(visit: Any) -> None:
    page = visit("network")
    page("document.querySelectorAll('.whole details').forEach(details => { details.open = true })")
    page.click(".copy")
    page.settle()
    assert text(page, ".copy") in {"Copied", "Selected"}
