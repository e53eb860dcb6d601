"""The page in a real Chromium: follows its viewer, works by keyboard, fits a phone, complains of nothing."""

import urllib.request
from pathlib import Path

import msgspec
import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from schemas import topics
from schemas.codec import decode_event, decode_home, encode
from schemas.events import Event, Impression, Play
from schemas.pages import Home, RowKind, Source
from streams.ops.runs.worker_process import WorkerProcess
from streams.stages.experiments.definitions import read_experiments
from tests.streams.serve.api.test_insights import fill
from tests.streams.serve.conftest import listening_server
from tests.streams.serve.stand import Stand, page
from tests.streams.serve.web.browsers import NEEDS_BROWSER, until
from tests.waiting import PATIENCE_S
from tests.waiting import until as wait_until

TOKEN = "a-token-of-" + "sixteen"
NAMES = "return [...document.querySelectorAll('#rows .name')].map(one => one.textContent)"

pytestmark = [pytest.mark.slow, NEEDS_BROWSER]


def _read(address: str) -> bytes:
    """Return the body of an answer."""
    with urllib.request.urlopen(address, timeout=PATIENCE_S) as answer:  # noqa: S310 - http, ours
        return bytes(answer.read())


def _open(browser: webdriver.Chrome, site: tuple[str, Stand], home: Home) -> None:
    """Publish the first page of a viewer whom no other test looks at, and open it."""
    address, stand = site
    stand.put(topics.HOME, home.viewer_id, encode(home))
    wait_until(lambda: home.list_id.encode() in _read(f"{address}/v1/viewers/{home.viewer_id}/home"))
    browser.get(f"{address}/watch/{home.viewer_id}")


def test_the_page_follows_its_viewer(site: tuple[str, Stand], browser: webdriver.Chrome) -> None:
    """A button becomes an event; a new page is shown without a reload, unless it is held still."""
    stand = site[1]
    elsewhere = Source(topic=topics.EVENTS, partition=7, offset=0)
    _open(browser, site, msgspec.structs.replace(page("fay", 1, "engine", "tide"), source=elsewhere))
    browser.execute_script("window.same = true")
    assert browser.execute_script(NAMES) == ["Copper Engine", "Paper Tide"]
    card = browser.find_elements(By.CSS_SELECTOR, "#rows .card")[1]
    ActionChains(browser).move_to_element(card).perform()
    card.find_element(By.CSS_SELECTOR, "button[value=play]").click()
    until(browser, lambda b: b.find_element(By.ID, "toasts").text == "Playing Paper Tide")
    (sent,) = (
        one for one in stand.events() if one.key() == b"fay" and isinstance(decode_event(one.value()), Play)
    )
    event = decode_event(sent.value())
    assert isinstance(event, Play)
    assert (event.title_id, event.list_id, event.row, event.slot) == ("tide", "0-1-1", 0, 1)

    cause = Source(topic=topics.EVENTS, partition=sent.partition(), offset=sent.offset())
    other = msgspec.structs.replace(cause, partition=sent.partition() + 1)
    made = msgspec.structs.replace(page("fay", 2, "coast", "tide"), source=other)
    stand.put(topics.HOME, "fay", encode(made))
    until(browser, lambda b: b.execute_script(NAMES) == ["Salt Coast", "Paper Tide"])
    assert browser.execute_script("return window.same")
    assert browser.find_element(By.ID, "live-button").text == "live"  # another event caused that page

    made = msgspec.structs.replace(page("fay", 3, "tide", "coast"), source=cause)
    stand.put(topics.HOME, "fay", encode(made))
    until(browser, lambda b: "page changed in" in b.find_element(By.ID, "live-button").text)
    (record,) = (
        one for one in stand.records(topics.HOME) if one.key() == b"fay" and decode_home(one.value()).seq == 3
    )
    took = record.timestamp()[1] - sent.timestamp()[1]
    assert browser.find_element(By.ID, "live-button").text == f"page changed in {took} ms"

    browser.find_element(By.ID, "live-button").click()
    stand.put(topics.HOME, "fay", encode(page("fay", 4, "engine")))
    until(browser, lambda b: b.find_element(By.ID, "live-button").text == "on hold")
    assert browser.execute_script(NAMES) == ["Paper Tide", "Salt Coast"]
    browser.find_element(By.ID, "live-button").click()
    until(browser, lambda b: b.execute_script(NAMES) == ["Copper Engine"])


@pytest.mark.nightly
def test_the_badge_agrees_with_the_workers_metric(
    listening: tuple[str, Stand], browser: webdriver.Chrome, tmp_path: Path
) -> None:
    """A person presses a button, a worker makes the page: the badge is the metric without the commit."""
    address, stand = listening
    settings = stand.settings.model_copy(update={"check_crcs": False})
    with WorkerProcess(settings, tmp_path / "worker") as worker:
        worker.wait_ready()
        browser.get(f"{address}/watch/cy")
        card = browser.find_elements(By.CSS_SELECTOR, "#rows .card")[0]
        ActionChains(browser).move_to_element(card).perform()
        card.find_element(By.CSS_SELECTOR, "button[value=play]").click()
        until(browser, lambda b: "page changed in" in b.find_element(By.ID, "live-button").text)
        badge_ms = int(browser.find_element(By.ID, "live-button").text.split()[3])
        seen = worker.exposition()
    assert seen.value("nearline_freshness_seconds_count") == 1
    whole_ms = 1000 * seen.value("nearline_freshness_seconds_sum", throttled="false")
    commit_ms = 1000 * seen.value("nearline_freshness_part_seconds_sum", part="transaction")
    assert whole_ms - commit_ms - 2 <= badge_ms <= whole_ms + 2  # times of records are whole milliseconds


def test_a_toast_where_there_is_no_page(address: str, browser: webdriver.Chrome) -> None:
    """The console has toasts, too: nothing is looked up on a page that is not there."""
    browser.get(f"{address}/console")
    swapped = "{detail: {ctx: {target: document.getElementById('toasts')}}, bubbles: true}"
    browser.execute_script(f"document.body.dispatchEvent(new CustomEvent('htmx:after:swap', {swapped}))")


IN_VIEW = """return [...document.querySelectorAll('#rows .card')].filter(card => {
    const at = card.getBoundingClientRect();
    return Math.min(at.bottom, innerHeight) - Math.max(at.top, 0) >= at.height / 2;
}).map(card => card.dataset.row)"""
TOPS = (
    "return [...document.querySelectorAll('.hero, .row, .strip')].map(one => one.getBoundingClientRect().top)"
)
SHIFT = 0.01
"""A tenth of what the Web Vitals call good: text on the artwork may move, nothing below it."""
WATCH_SHIFTS = """window.shifted = 0;
    new PerformanceObserver(list => list.getEntries().forEach(one => { window.shifted += one.value; }))
        .observe({type: "layout-shift"})"""


def _tall(seq: int, first: str) -> Home:
    """Return a page of Gil's with six rows."""
    rows = page("gil", seq, first, "tide").rows * 6
    shown, drawn = rows[0].items
    shown = msgspec.structs.replace(shown, artwork="art-1", arm="art/best", propensity=0.25)
    picked = (shown, msgspec.structs.replace(drawn, propensity=0.01))
    rows = (msgspec.structs.replace(rows[0], items=picked), *rows[1:])
    return msgspec.structs.replace(page("gil", seq, first), rows=rows)


def _seen(stand: Stand, list_id: str) -> dict[tuple[int, int], Impression]:
    """Return Gil's impressions of a list by place."""
    seen = [one for one in _events(stand) if isinstance(one, Impression) and one.list_id == list_id]
    return {(one.row, one.slot): one for one in seen}


def _events(stand: Stand) -> list[Event]:
    """Return Gil's events."""
    return [decode_event(one.value()) for one in stand.events() if one.key() == b"gil"]


def test_the_page_reports_what_was_seen(site: tuple[str, Stand], browser: webdriver.Chrome) -> None:
    """What was in view, with place, artwork, arm and propensity; no more, and once a list."""
    stand = site[1]
    _open(browser, site, _tall(2, "coast"))
    rows = {int(row) for row in browser.execute_script(IN_VIEW)}
    assert 0 < len(rows) < 6
    until(browser, lambda _: {row for row, _ in _seen(stand, "0-2-2")} >= rows | {0})
    first = _seen(stand, "0-2-2")
    assert {row for row, _ in first} == rows | {0}
    assert (first[0, 0].title_id, first[0, 0].artwork, first[0, 0].arm) == ("coast", "art-1", "art/best")
    assert (first[0, 1].title_id, first[0, 1].artwork, first[0, 1].arm) == ("tide", None, None)
    assert {one.row_kind for one in first.values()} == {RowKind.TOP_PICKS}
    assert (first[0, 0].propensity, first[0, 0].artwork_propensity) == (None, 0.25)
    assert (first[0, 1].propensity, first[0, 1].artwork_propensity) == (0.01, None)

    browser.refresh()
    browser.execute_script("document.querySelector('#rows .row:last-child').scrollIntoView()")
    until(browser, lambda _: 5 in {row for row, _ in _seen(stand, "0-2-2")})
    assert len({one.event_id for one in _events(stand)}) == len(_seen(stand, "0-2-2"))

    browser.execute_script("scrollTo(0, 0)")
    browser.execute_script(WATCH_SHIFTS)
    tops = browser.execute_script(TOPS)
    stand.put(topics.HOME, "gil", encode(_tall(3, "engine")))
    until(browser, lambda b: b.find_element(By.CSS_SELECTOR, ".hero h1").text == "Copper Engine")
    until(browser, lambda _: (0, 0) in _seen(stand, "0-3-3"))
    assert browser.execute_script(TOPS) == tops
    assert browser.execute_script("return window.shifted") < SHIFT


def test_it_works_without_a_mouse(address: str, browser: webdriver.Chrome) -> None:
    """Arrows go along a row, Enter opens a title, Escape closes it and gives the place back; typing finds."""
    browser.get(f"{address}/watch/ada")
    covers = browser.find_elements(By.CSS_SELECTOR, "#rows .cover")
    browser.execute_script("arguments[0].focus()", covers[0])
    covers[0].send_keys(Keys.ARROW_RIGHT)
    assert browser.switch_to.active_element == covers[1]
    covers[1].send_keys(Keys.ENTER)
    dialog = browser.find_element(By.ID, "dialog")
    until(browser, lambda _: dialog.text.startswith("Paper Tide"))
    ActionChains(browser).send_keys(Keys.ESCAPE).perform()
    until(browser, lambda _: not dialog.get_attribute("open"))
    assert browser.switch_to.active_element == covers[1]
    browser.find_element(By.CSS_SELECTOR, "input[type=search]").send_keys("papr")
    found = until(browser, lambda b: b.find_elements(By.CSS_SELECTOR, "#found .name"))
    assert [one.text for one in found] == ["Paper Tide"]


def test_a_browser_signs_in_and_out(tmp_path: Path, browser: webdriver.Chrome) -> None:
    """The form leads back to the page, which works as ever; scripts see no cookie; out is out."""
    with listening_server(tmp_path, token=TOKEN) as (address, stand):
        browser.get(f"{address}/watch/ada")
        assert browser.switch_to.active_element.get_attribute("id") == "token"
        browser.switch_to.active_element.send_keys(TOKEN, Keys.ENTER)
        until(browser, lambda b: b.execute_script(NAMES) == ["Copper Engine", "Paper Tide"])
        assert browser.current_url == f"{address}/watch/ada"
        assert browser.execute_script("return document.cookie") == ""
        (cookie,) = browser.get_cookies()
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        browser.find_element(By.CSS_SELECTOR, ".hero button[value=play]").click()
        until(browser, lambda b: b.find_element(By.ID, "toasts").text == "Playing Copper Engine")
        stand.put(topics.HOME, "ada", encode(page("ada", 2, "coast")))
        until(browser, lambda b: b.execute_script(NAMES) == ["Salt Coast"])
        browser.find_element(By.CSS_SELECTOR, "[aria-label='Sign out']").click()
        until(browser, lambda b: b.current_url == f"{address}/login")
        browser.get(f"{address}/console")
        assert browser.current_url.startswith(f"{address}/login")
        browser.get("about:blank")


@pytest.mark.parametrize("path", ["/", "/watch/ada", "/watch/nobody"])
def test_it_fits_a_phone_and_names_everything(address: str, browser: webdriver.Chrome, path: str) -> None:
    """Nothing is wider than 360 points; whatever can be pressed has a name for screen readers; one h1."""
    size = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        browser.get(f"{address}{path}")
        assert browser.execute_script("return document.documentElement.scrollWidth") == 360
        tree = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    pressable = [
        node
        for node in tree
        if not node["ignored"] and node["role"]["value"] in {"button", "link", "textbox", "searchbox"}
    ]
    assert len(pressable) >= 4
    assert [node for node in pressable if not node["name"]["value"].strip()] == []
    assert len(browser.find_elements(By.TAG_NAME, "h1")) == 1
    assert len(browser.find_elements(By.TAG_NAME, "main")) == 1


@pytest.mark.parametrize(
    "path", ["", "/viewers", "/titles?id=tide", "/trending", "/insights", "/rules", "/dead-letters", "/model"]
)
def test_the_console_fits_a_phone_too(address: str, browser: webdriver.Chrome, path: str) -> None:
    """Tables scroll in their frames, the page does not."""
    size = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        browser.get(f"{address}/console{path}")
        assert browser.execute_script("return document.documentElement.scrollWidth") == 360
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert len(browser.find_elements(By.TAG_NAME, "h1")) == 1


def test_insights_fit_a_phone(site: tuple[str, Stand], browser: webdriver.Chrome) -> None:
    """The curve is drawn, its steepest step marked and described; nothing is wider than the screen."""
    address, stand = site
    fill(stand)
    size = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        for path in ("/titles?id=tide", "/insights"):
            until(browser, lambda b, at=path: _holds_insights(b, f"{address}/console{at}"))
            assert browser.execute_script("return document.documentElement.scrollWidth") == 360
            texts = browser.find_elements(By.CSS_SELECTOR, ".panel > p")
            assert all(text.size["width"] < 360 for text in texts)
            if path != "/insights":
                band = browser.find_element(By.CSS_SELECTOR, ".curve .steep").rect
                line = browser.find_element(By.CSS_SELECTOR, ".curve polyline:not(.area)").rect
                assert 0 < band["width"] < line["width"] / 5
                assert line["x"] < band["x"] < line["x"] + line["width"]
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def _holds_insights(browser: webdriver.Chrome, address: str) -> bool:
    """Load a page; return whether it has insights."""
    browser.get(address)
    return "worker runs" not in browser.find_element(By.TAG_NAME, "main").text


def test_an_operator_acts_in_the_browser(site: tuple[str, Stand], browser: webdriver.Chrome) -> None:
    """By keyboard: an experiment is created, started, and not rolled out before its name is typed."""
    address, stand = site
    browser.get(f"{address}/console/experiments")
    browser.find_element(By.CSS_SELECTOR, "details.panel > summary").send_keys(Keys.ENTER)
    name = until(browser, lambda b: b.find_element(By.ID, "experiment_id"))
    until(browser, lambda _: name.is_displayed())
    name.send_keys("trial")
    browser.find_element(By.ID, "arm-1").send_keys("popular")
    browser.find_element(By.ID, "ranking-1").send_keys("popularity")
    name.send_keys(Keys.ENTER)
    until(browser, lambda b: b.current_url.endswith("#trial"))
    browser.find_element(By.CSS_SELECTOR, "#trial [aria-label='Start: trial']").click()
    until(browser, lambda b: "running" in b.find_element(By.ID, "trial").text)
    for typed, state in (("", "running"), ("trial", "rolled out")):
        browser.find_element(By.CSS_SELECTOR, "#trial .steps summary").click()
        confirm = browser.find_element(By.CSS_SELECTOR, "#trial [name=confirm]")
        until(browser, lambda _, field=confirm: field.is_displayed())
        confirm.send_keys(typed, Keys.ENTER)
        until(browser, lambda b, old=confirm: not _is_there(old) and b.find_elements(By.ID, "trial"))
        until(browser, lambda b, so=state: so in b.find_element(By.CSS_SELECTOR, "#trial .state").text)
    assert read_experiments(stand.settings)["trial"].winner == "popular"
    browser.get_log("browser")  # Chromium logs the 409 of the refusal


def _is_there(element: WebElement) -> bool:
    """Return whether an element is still of the page that is shown."""
    try:
        return element.is_enabled() or True
    except StaleElementReferenceException:
        return False


def test_an_endpoint_is_tried_in_the_docs(address: str, browser: webdriver.Chrome) -> None:
    """With the fields of the page; the answer is text, and the page stays."""
    browser.get(f"{address}/docs")
    form = browser.find_element(By.CSS_SELECTOR, "form.try[data-path='/v1/viewers/{viewer_id}/home']")
    field = form.find_element(By.NAME, "viewer_id")
    viewer = field.get_attribute("value")
    assert viewer
    field.send_keys(Keys.ENTER)
    until(browser, lambda _: "200" in form.find_element(By.TAG_NAME, "output").text)
    assert f'"viewer_id": "{viewer}"' in form.find_element(By.TAG_NAME, "pre").text
    assert "`" not in browser.find_element(By.TAG_NAME, "main").text
