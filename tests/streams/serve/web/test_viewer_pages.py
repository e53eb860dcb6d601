"""The page as HTML: what is on it, what its buttons do, and that nothing of a viewer is taken for markup."""

import re
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from msgspec import structs

from schemas import Tags, Title, topics
from schemas.codec import decode_event, encode
from schemas.events import Event, Impression, MyList, Play, Rate, Search, Select, Skip, Stop
from schemas.pages import Category
from streams.config.settings import ServeSettings
from streams.serve.web.page_events import ACTIONS, event_of
from streams.serve.web.posters import draw
from tests.streams.serve.conftest import served
from tests.streams.serve.stand import Stand, page


@pytest.fixture(scope="module")
def shared(shared_stand: Stand) -> Iterator[TestClient]:
    """Give a client of one server: Bob has categories, Cy artwork, draws and a trailer."""
    home = page("bob", 1, "engine", "tide")
    named = (("genre:Comedy", "Comedies"), ("mood:tender", "Tender <titles>"))
    chips = tuple(Category(tag=tag, title=title, score=0.5) for tag, title in named)
    shared_stand.put(topics.HOME, "bob", encode(structs.replace(home, categories=chips)))

    home = page("cy", 1, "engine", "tide", "coast")
    sure, artwork, drawn = home.rows[0].items
    items = (
        sure,
        structs.replace(artwork, artwork="a", propensity=0.25),
        structs.replace(drawn, propensity=1e-5, trailer="cut 2"),
    )
    rows = (structs.replace(home.rows[0], items=items),)
    shared_stand.put(topics.HOME, "cy", encode(structs.replace(home, rows=rows)))
    with served(shared_stand) as client:
        yield client


def _events(stand: Stand, viewer: str) -> list[Event]:
    """Return the events of a viewer."""
    return [decode_event(one.value()) for one in stand.events() if one.key() == viewer.encode()]


def test_a_viewers_page_has_its_rows_in_order(reader: TestClient) -> None:
    """Headings, names and places; each button says where the title stood."""
    text = reader.get("/watch/ada").text
    assert re.findall(r'<h2 id="row-\d+">(.*?)</h2>', text) == ["Top picks for you"]
    rows = text[text.index('id="rows"') :]
    assert re.findall(r'<span class="name">(.*?)</span>', rows) == ["Copper Engine", "Paper Tide"]
    assert "<h1>Copper Engine</h1>" in text
    assert 'name="list_id" value="0-1-1"' in rows
    assert reader.get("/watch/ada/rows").text.strip() in text


def test_categories_are_links_in_the_order_of_the_page(shared: TestClient) -> None:
    """Each leads to what a search for it finds; a page without them has no such list."""
    assert 'aria-label="Categories"' not in shared.get("/watch/ada").text
    text = shared.get("/watch/bob").text
    links = re.findall(r'<li><a href="(.*?)">(.*?)</a></li>', text[text.index('aria-label="Categories"') :])
    assert links == [
        ("/watch/bob?q=Comedy", "Comedies"),
        ("/watch/bob?q=tender", "Tender &lt;titles&gt;"),
    ]
    assert "1 for “Comedy”" in shared.get(links[0][0]).text


def test_a_cold_start_page_has_a_note(reader: TestClient) -> None:
    """The rows are what is trending; one click makes the page their own."""
    text = reader.get("/watch/nobody").text
    assert "New here" in text
    assert "Trending now" in text
    assert "New here" not in reader.get("/watch/ada").text


@pytest.mark.parametrize("viewer", ["<script>alert(1)</script>", '"><img src=x>', "a/b", "観る人"])
def test_an_id_is_text_and_an_address_whatever_it_holds(reader: TestClient, viewer: str) -> None:
    """Nothing of it becomes markup, and links lead back to it."""
    answer = reader.get("/watch", params={"id": viewer}, follow_redirects=False)
    assert answer.status_code == 303
    page = reader.get(answer.headers["location"])
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "<img src=x" not in page.text
    assert f'hx-get="{answer.headers["location"]}/rows"' in page.text


@pytest.mark.parametrize(
    ("action", "kind", "fields"),
    [
        ("select", Select, {"list_id": "0-1-1", "row": 0, "slot": 1}),
        ("play", Play, {"list_id": "0-1-1", "row": 0, "slot": 1}),
        ("finish", Stop, {"watched_s": 5_400.0, "cause": "ended"}),
        ("skip", Skip, {"list_id": "0-1-1", "slot": 1}),
        ("up", Rate, {"thumb": "up"}),
        ("down", Rate, {"thumb": "down"}),
        ("list", MyList, {"action": "add"}),
    ],
)
def test_a_button_is_the_event_that_a_player_would_send(
    action: str, kind: type, fields: dict[str, object]
) -> None:
    """With the place where the title stood, if it is one that an event can carry."""
    place = {"list_id": "0-1-1", "row": "0", "slot": "1"}
    event = event_of(action, "ada", Title(title_id="tide"), 1_700_000_000_000, place)
    assert type(event) is kind
    assert {name: getattr(event, name) for name in fields} == fields
    assert decode_event(encode(event)) == event
    assert set(ACTIONS) == {"select", "play", "finish", "skip", "up", "down", "list"}


def test_a_pressed_button_is_on_the_topic(shared: TestClient, shared_stand: Stand) -> None:
    """With htmx it answers with a word, without it with the page; nonsense is a problem and no event."""
    form = {"title_id": "tide", "action": "up"}
    answer = shared.post("/watch/ada/act", data=form, headers={"HX-Request": "true"})
    assert (answer.status_code, "You like Paper Tide" in answer.text) == (200, True)
    answer = shared.post("/watch/ada/act", data=form, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/watch/ada")
    opened = shared.post("/watch/ada/titles/tide?v=art-1&list_id=0-1-1&row=0&slot=1")
    assert "<h2>Paper Tide</h2>" in opened.text
    assert shared.post("/watch/ada/titles/tide?row=-1").status_code == 422
    searched = form | {"query": "papr", "found": "1"}
    assert shared.post("/watch/ada/act", data=searched).status_code == 200
    for wrong in (
        {},
        form | {"action": "x"},
        form | {"title_id": "x" * 65},
        form | {"list_id": "l", "row": "x"},
        form | {"query": "tide"},
    ):
        assert shared.post("/watch/ada/act", data=wrong).status_code == 422
    assert (
        shared.post("/watch/ada/act", data=form, headers={"Origin": "http://evil.example"}).status_code == 403
    )
    found = _events(shared_stand, "ada")
    assert [(type(event), event.viewer_id) for event in found] == [
        (Rate, "ada"),
        (Rate, "ada"),
        (Select, "ada"),
        (Search, "ada"),
        (Rate, "ada"),
    ]


def test_what_was_seen_is_on_the_topic_once(shared: TestClient, shared_stand: Stand) -> None:
    """Each with its place; repeated it has the same id, and what the contract refuses is no event."""
    one = {
        "list_id": "0-1-1",
        "row": 0,
        "slot": 1,
        "title_id": "tide",
        "artwork": "a",
        "artwork_propensity": 0.5,
    }
    other = {"list_id": "0-1-1", "row": 0, "slot": 0, "title_id": "engine", "arm": "x/y", "propensity": 0.01}
    for _ in range(2):
        assert shared.post("/watch/eve/seen", json=[one, other]).status_code == 204
    for wrong in (
        {},
        [one | {"row": -1}],
        [one | {"artwork_propensity": 2}],
        [one | {"title_id": "\n"}],
        [{}],
        [one] * 41,
    ):
        assert shared.post("/watch/eve/seen", json=wrong).status_code == 422
    assert shared.post("/watch/eve/seen", content=b"\xff").status_code == 422
    found = _events(shared_stand, "eve")
    assert len(found) == 4
    assert len({event.event_id for event in found}) == 2
    seen = [event for event in found if isinstance(event, Impression)]
    assert {(one.slot, one.arm, one.propensity, one.artwork_propensity) for one in seen} == {
        (1, None, None, 0.5),
        (0, "x/y", 0.01, None),
    }


def test_a_page_has_the_propensities_and_trailers_of_its_items(shared: TestClient) -> None:
    """What `seen.js` reads: the item's propensity, as the page has it; nothing where it is sure.

    Where the page names a trailer, the address of the title's details has it.
    """
    text = shared.get("/watch/cy").text
    cards = re.findall(r'<article class="card".*?>', text)
    details = re.findall(r'"(/watch/cy/titles/.*?)"', text[text.index('id="rows"') :])
    assert [re.findall(r"&t=(.*?)&", address) for address in details] == [[], [], ["cut%202"]]
    chances = [re.findall(r'data-chance="(.*?)"', card) for card in cards]
    assert [[float(one) for one in found] for found in chances] == [[], [0.25], [1e-5]]


def test_a_page_for_staff_reports_no_impressions(stand: Stand) -> None:
    """If it is switched off, there is no script and no address for it."""
    settings = stand.settings.model_copy(update={"serve": ServeSettings(impressions=False)})
    stand.settings = settings
    with served(stand) as client:
        text = client.get("/watch/ada").text
    assert "Copper Engine" in text
    assert "seen.js" not in text
    assert "data-impressions" not in text


def test_search_shows_cards_and_something_else_where_nothing_matches(reader: TestClient) -> None:
    """With and without a script: the whole page can be asked for, too."""
    assert "1 for “tide”" in reader.get("/watch/ada/search?q=tide").text
    assert "1 for “tide”" in reader.get("/watch/ada?q=tide").text
    nothing = reader.get("/watch/ada/search?q=zzzz").text
    assert "Nothing for “zzzz”" in nothing
    assert "Copper Engine" in nothing
    assert "Did you mean" not in nothing
    assert "<section" not in reader.get("/watch/ada/search?q=").text
    asked_back = reader.get("/watch/ada/search?q=enginnnes").text
    assert 'Did you mean <a href="/watch/ada?q=engine">engine</a>?' in asked_back


def test_a_title_says_what_is_known_of_it(reader: TestClient) -> None:
    """Its name, tags, and the titles that are watched with it."""
    text = reader.get("/watch/ada/titles/tide?row=0&slot=1&list_id=0-1-1").text
    assert "<h2>Paper Tide</h2>" in text
    assert "Drama" in text
    assert "Watched by the same people" in text
    assert "Copper Engine" in text
    assert "<h2>unheard-of</h2>" in reader.get("/watch/ada/titles/unheard-of").text


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("cut-tender", ["Trailer: tender", "90 s", "fits this viewer best of 2"]),
        ("", ["Trailer: Drama", "90 s"]),
        ("gone", ["Trailer: Drama", "90 s"]),
    ],
)
def test_a_title_says_which_trailer_the_page_names(reader: TestClient, named: str, said: list[str]) -> None:
    """What it shows, how long it is, and that it was selected for the viewer; else the title's first one."""
    text = reader.get(f"/watch/ada/titles/tide?t={named}").text
    (line,) = re.findall(r'<p class="meta">(.*Trailer.*)</p>', text)
    assert re.findall(r"<span>(.*?)</span>", line) == said
    assert "Trailer" not in reader.get("/watch/ada/titles/engine").text


def test_posters_are_drawn_from_id_and_tags(reader: TestClient) -> None:
    """The same every time, another for each variant, and served to be kept."""
    answer = reader.get("/art/tide.svg?v=a")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert "max-age" in answer.headers["cache-control"]
    tags = Tags(genre=("Drama",), mood=("tender",))
    assert answer.text == draw("tide", tags, "a") != draw("tide", tags, "b")
    assert reader.get("/face/ada.svg").text.startswith("<svg")


@pytest.mark.parametrize(
    "genre", ["Action", "Comedy", "Drama", "Science Fiction", "Documentary", "no such genre"]
)
def test_every_poster_is_well_formed(genre: str) -> None:
    """Whatever the id."""
    import xml.etree.ElementTree as ET  # noqa: PLC0415 - our own text is parsed

    for number in range(40):
        root = ET.fromstring(draw(f"<&{number}", Tags(genre=(genre,), mood=("dark", "bleak"))))  # noqa: S314
        assert root.tag.endswith("svg")


def test_everything_comes_from_here(reader: TestClient) -> None:
    """No script, style or image from elsewhere, nothing inline: the policy that is sent holds."""
    for path in ("/", "/watch/ada", "/watch/nobody"):
        text = reader.get(path).text
        addresses = re.findall(r'(?:src|href|action)="([^"]*)"', text)
        assert addresses
        assert [one for one in addresses if not one.startswith(("/", "#"))] == []
        assert re.search(r"<script(?![^>]*src=)|<style|\son[a-z]+=|\sstyle=", text) is None
        for asset in {one for one in addresses if one.startswith("/static/")}:
            assert reader.get(asset.partition("#")[0]).status_code == 200


def test_with_an_empty_cluster_the_page_says_what_to_do(stand: Stand) -> None:
    """No viewer, no catalog, no list: still a page."""
    from streams.serve.web.views import page_of  # noqa: PLC0415

    mirror = stand.mirror()
    page = page_of(mirror, "ada")
    assert (page.shelves, page.hero, page.note) == ([], None, "")
    assert topics.HOME in str(mirror.waiting())
