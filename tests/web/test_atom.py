"""Feeds that every reader takes: valid Atom 1.0, the same ids everywhere, every word escaped."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import feedparser
import pytest
from starlette.testclient import TestClient

from workingpapers.daily.database import now
from workingpapers.daily.papers import PaperEntry, add_papers
from workingpapers.daily.tables import EventRow, RunRow
from workingpapers.web.app import create_app
from workingpapers.web.settings import WebSettings

ATOM = "{http://www.w3.org/2005/Atom}"
FEEDS = (
    "/atom.xml",
    "/trending.atom",
    "/topics/sets.atom",
    "/search.atom?q=order",
    "/search.atom?q=order&mode=words",
    "/day/2026-11-23.atom",
    "/week/2026-W48.atom",
    "/month/2026-11.atom",
    "/starred.atom",
    "/changes.atom",
)


def _read(page: TestClient, path: str) -> Any:
    """The feed, after checking it against what RFC 4287 demands."""
    answer = page.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    root = ElementTree.fromstring(answer.content)
    assert root.tag == f"{ATOM}feed"
    ids = []
    for node in [root, *root.findall(f"{ATOM}entry")]:
        for name in ("id", "title", "updated"):
            assert len(node.findall(f"{ATOM}{name}")) == 1, (name, path)
        ids.append(node.findtext(f"{ATOM}id"))
        assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", ids[-1] or "")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", node.findtext(f"{ATOM}updated") or "")
        alternates = [link for link in node.findall(f"{ATOM}link") if link.get("rel") == "alternate"]
        assert len(alternates) == 1
        assert (alternates[0].get("href") or "").startswith("http://127.0.0.1:8000/")
    assert len(set(ids)) == len(ids)
    assert root.find(f"{ATOM}author/{ATOM}name") is not None
    parsed = feedparser.parse(answer.content)
    assert not parsed.bozo, parsed.get("bozo_exception")
    assert parsed.version == "atom10"
    return parsed


@pytest.mark.parametrize("path", FEEDS)
def test_every_list_and_search_is_a_feed(read_page: TestClient, path: str) -> None:
    feed = _read(read_page, path)
    (own,) = [link.href for link in feed.feed.links if link.rel == "self"]
    assert own == f"http://127.0.0.1:8000{path}"
    assert [entry.title for entry in feed.entries if "Order" in entry.title] or path in (
        "/starred.atom",
        "/changes.atom",
    )


def test_words_with_markup_arrive_as_they_are(read_page: TestClient) -> None:
    (entry,) = [entry for entry in _read(read_page, "/atom.xml").entries if "alert" in entry.title]
    assert entry.title_detail.type == "text/plain"
    node = next(
        node
        for node in ElementTree.fromstring(read_page.get("/atom.xml").content).findall(f"{ATOM}entry")
        if "alert" in (node.findtext(f"{ATOM}title") or "")
    )
    assert (node.findtext(f"{ATOM}title") or "").startswith('<script>alert("title")</script> & ')
    assert "]]> and {{ 7 * 7 }}" in (node.findtext(f"{ATOM}summary") or "")
    assert [name.text for name in node.iter(f"{ATOM}name")] == ["<b>Eve</b>", "O'Neill & Sons"]
    category = node.find(f"{ATOM}category")
    assert category is not None
    assert category.get("label") == "<i>Topic</i>"


def test_what_xml_cannot_hold_is_left_out(read_page: TestClient) -> None:
    assert _read(read_page, "/search.atom?q=a%00b%0b%ef%bf%bfc").feed.title == "Working Papers: search for a b  c"


def test_newest_first_with_pages_that_lead_on(page: TestClient) -> None:
    with page.app.state.page.database.write() as session:  # type: ignore[attr-defined]
        add_papers(session, [PaperEntry(title=f"Filler {number}", arxiv=f"2610.{number:05}") for number in range(90)])
    path, seen = "/atom.xml", []
    while path:
        feed = _read(page, path)
        seen += [entry.id for entry in feed.entries]
        path = next(
            (link.href.removeprefix("http://127.0.0.1:8000") for link in feed.feed.links if link.rel == "next"), ""
        )
    assert len(seen) == len(set(seen)) == 92


def test_ids_are_the_same_in_every_copy_and_under_every_address(page: TestClient, tmp_path: Path) -> None:
    entry = PaperEntry(title="Order-invariant sets for patient readers", arxiv="2611.00002")
    other = create_app(WebSettings(database=tmp_path / "b.sqlite", base_url="http://localhost:9999"))
    with other.state.page.database.write() as session:
        add_papers(session, [PaperEntry(title="Another first"), entry])
    elsewhere = feedparser.parse(TestClient(other, base_url="http://localhost:9999").get("/atom.xml").content)
    (there,) = [one for one in elsewhere.entries if "Order" in one.title]
    (here,) = [one for one in _read(page, "/atom.xml").entries if "Order" in one.title]
    assert there.id == here.id
    assert there.link == "http://localhost:9999/papers/2611.00002"
    other.state.page.database.close()


def test_a_claim_that_changed_is_told(page: TestClient) -> None:
    at = now()
    with page.app.state.page.database.write() as session:  # type: ignore[attr-defined]
        (paper_id,) = add_papers(session, [PaperEntry(title="Measured", arxiv="2611.00009")]).added
        for number, (before, after) in enumerate([(None, "undecided"), ("undecided", "holds")]):
            run = f"run-{number}"
            session.add(
                RunRow(
                    id=run,
                    paper_id=paper_id,
                    scale="laptop",
                    origin="store",
                    finished=at,
                    code="c",
                    seeds=3,
                    seconds=1.0,
                    folder="",
                    counts={after: 1},
                    marks=[],
                    newest=number == 1,
                )
            )
            session.flush()
            session.add(
                EventRow(
                    paper_id=paper_id,
                    run_id=run,
                    at=at + timedelta(seconds=number),
                    scale="laptop",
                    claim="fast",
                    before=before,
                    after=after,
                )
            )
    (entry,) = _read(page, "/changes.atom").entries  # what was measured for the first time has not changed
    assert entry.title == "Measured: fast, undecided → holds at laptop scale"
    assert entry.link == "http://127.0.0.1:8000/papers/2611.00009"


def test_unknown_topics_and_days_are_errors(read_page: TestClient) -> None:
    assert read_page.get("/topics/nobody-knows.atom").status_code == 404
    assert read_page.get("/day/2026-02-30.atom").status_code == 400
    assert read_page.get("/atom.xml?page=0").status_code == 400
