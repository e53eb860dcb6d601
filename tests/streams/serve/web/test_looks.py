"""How pages look: contrast by pixels, and pictures of every page in both modes on a phone and a desk.

To look at the pictures, say where they go: ``NEARLINE_NIGHTLY=1 PICTURES_FOLDER=pictures pytest …``.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from schemas import Tags, Title, topics
from schemas.codec import encode
from schemas.fields import ItemReason, RowKind
from schemas.pages import Item, Row
from schemas.rules import BusinessRule, PinRow, RuleKind
from tests.streams.serve.api.test_experiments import fill as fill_experiments
from tests.streams.serve.api.test_insights import fill as fill_insights
from tests.streams.serve.conftest import listening_server
from tests.streams.serve.stand import Stand, page
from tests.streams.serve.web.browsers import NEEDS_BROWSER, until
from tests.streams.serve.web.looks import contrasts, emulated, screenshot
from tests.streams.serve.web.test_console import live, reject

LEAST, LEAST_LARGE = 4.5, 3.0
"""Contrast of text, and of large text (WCAG 2.2, AA)."""
WIDTHS = (390, 1_280)
SCHEMES = ("light", "dark")
PAGES = {
    "viewers": "/", "home": "/watch/ada", "stranger": "/watch/nobody", "search": "/watch/ada?q=tide",
    "console": "/console", "viewer": "/console/viewers?id=ada", "some-viewers": "/console/viewers",
    "title": "/console/titles?id=tide", "trending": "/console/trending", "insights": "/console/insights",
    "experiments": "/console/experiments", "rules": "/console/rules",
    "preview": "/console/preview?viewer=ada&rule=launch", "dead-letters": "/console/dead-letters",
    "topics": "/console/topics", "model": "/console/model", "access": "/console/access", "docs": "/docs",
    "nothing": "/nothing", "detail": "/watch/ada",
}  # fmt: skip
DETAIL = "detail"
"""The page on which a title is opened."""
OPENED = "document.querySelectorAll('details').forEach(one => { one.open = true; })"
BLACK, WHITE = (
    f"document.querySelectorAll('.hero > img, .cover img').forEach(one => {{ one.style.filter = '{paint}' }})"
    for paint in ("brightness(0)", "brightness(100)")
)
"""Paint all artwork: what no artwork can exceed."""

LOADED = """return [...document.images].every(one => {
    const at = one.getBoundingClientRect();
    return one.complete || at.left > innerWidth || at.top > innerHeight;
})"""
"""Whether all artwork in view is there; what is not in view is loaded when it comes."""

CUT = """return [...document.querySelectorAll('h1')]
    .filter(one => one.scrollHeight > one.clientHeight + 1).map(one => one.textContent)"""
"""Headings that do not fit."""

ENDLESS = """return document.getAnimations()
    .filter(one => one.effect.getComputedTiming().endTime === Infinity).map(one => one.animationName)"""
"""Movements that do not end: each keeps the viewer's processor busy for as long as the page is open."""

pytestmark = [pytest.mark.slow, NEEDS_BROWSER]


def _rich(stand: Stand) -> None:
    """Write titles of many genres, a page of several rows, insights, experiments, rules, a dead letter."""
    live(stand)
    reject(stand, b'{"type":"play","viewer_id":"ada"}')
    fill_insights(stand)
    fill_experiments(stand)
    for genre in ("Crime", "Family", "Horror", "Romance", "Science Fiction", "Documentary"):
        about = Title(
            title_id=genre, name=f"The {genre} of a Sunday Afternoon",
            tags=Tags(genre=(genre,), mood=("warm",)),
            release_ms=10**12, duration_s=5_400.0, maturity=12,
        )  # fmt: skip
        stand.put(topics.CATALOG, genre, encode(about))
    rule = BusinessRule(
        rule_id="launch", kind=RuleKind.PIN, titles=("tide",), row=PinRow.FEATURED, note="premiere"
    )
    stand.put(topics.RULES, "launch", encode(rule))
    items = tuple(
        Item(title_id=title, score=-float(n), reason=ItemReason.TASTE, progress=0.4 if n == 1 else None)
        for n, title in enumerate(("Crime", "Horror", "tide", "Family", "engine", "Romance", "Documentary"))
    )
    kinds = (RowKind.TOP_PICKS, RowKind.TRENDING_NOW, RowKind.CONTINUE_WATCHING)
    rows = tuple(Row(kind=kind, reason=ItemReason.TASTE, items=items) for kind in kinds)
    stand.put(topics.HOME, "ada", encode(msgspec.structs.replace(page("ada", 7, "Crime"), rows=rows)))


@pytest.fixture(scope="module")
def rich(site: tuple[str, Stand]) -> str:
    """Give the address of the server once there is something on every page."""
    _rich(site[1])
    return site[0]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_texts_over_artwork_have_contrast(
    rich: str, browser: webdriver.Chrome, scheme: str, width: int
) -> None:
    """Over white and over black, which bound every artwork; on the first pick and on the cards."""
    with emulated(browser, width, 1_400, scheme):
        until(browser, lambda b: _shows_riches(b, rich))
        found = contrasts(browser, ".hero-text, .cover", BLACK, WHITE)
    assert len(found) > 6
    weak = [one for one in found if one[2] < (LEAST_LARGE if one[1] else LEAST)]
    assert weak == []


def _shows_riches(browser: webdriver.Chrome, address: str) -> bool:
    """Load a viewer's page; return whether the server has what was written."""
    browser.get(f"{address.removesuffix('/')}/watch/ada")
    return "Crime" in browser.find_element(By.CSS_SELECTOR, "h1").text


def test_buttons_of_a_phone_can_be_pressed(rich: str, browser: webdriver.Chrome) -> None:
    """Like, dislike and skip are there, on the first pick and on cards, 44 points in size."""
    with emulated(browser, 390, 844, "light"):
        until(browser, lambda b: _shows_riches(b, rich))
        for within in (".hero", "#rows .card"):
            for action in ("up", "down", "skip"):
                button = browser.find_element(By.CSS_SELECTOR, f"{within} button[value={action}]")
                assert button.is_displayed(), (within, action)
                assert min(button.size["width"], button.size["height"]) >= 44
        small = [
            one.text
            for one in browser.find_elements(By.CSS_SELECTOR, ".hero button")
            if one.size["height"] < 44
        ]
        assert small == []


@pytest.fixture(scope="module")
def pages(rich: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Give the address of each page; the form to sign in is that of a server with a token."""
    with listening_server(tmp_path_factory.mktemp("token"), token="a-token-of-" + "sixteen") as (guarded, _):
        yield {name: f"{rich}{path}" for name, path in PAGES.items()} | {"sign-in": f"{guarded}/login"}


@pytest.mark.nightly
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_page_looks_right(
    pages: dict[str, str], browser: webdriver.Chrome, tmp_path: Path, scheme: str, width: int
) -> None:
    """Nothing is wider than the screen or moves for ever, every text has its contrast; pictures are kept."""
    folder = Path(os.environ.get("PICTURES_FOLDER") or tmp_path)
    folder.mkdir(exist_ok=True)
    bad = []
    with emulated(browser, width, 2_400, scheme):
        until(browser, lambda b: _shows_riches(b, pages["viewers"]))
        for name, address in pages.items():
            browser.get(address)
            browser.execute_script(OPENED)
            if name == DETAIL:
                browser.find_element(By.CSS_SELECTOR, "#rows .cover").click()
                until(browser, lambda b: b.find_elements(By.CSS_SELECTOR, "#dialog h2"))
            until(browser, lambda b: b.execute_script(LOADED))
            (folder / f"{name}-{scheme}-{width}.png").write_bytes(screenshot(browser, whole=True))
            if browser.execute_script("return document.documentElement.scrollWidth") > width:
                bad.append((name, "wider than the screen"))
            bad += [(name, "cut", text) for text in browser.execute_script(CUT)]
            bad += [(name, "moves for ever", one) for one in browser.execute_script(ENDLESS)]
            within = "#dialog" if name == DETAIL else "body"
            weak = [one for one in contrasts(browser, within) if one[2] < (LEAST_LARGE if one[1] else LEAST)]
            bad += [(name, *one) for one in weak]
    browser.get_log("browser")  # Chromium logs the 404 of the page that is not there
    assert bad == []
