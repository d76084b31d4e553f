"""The pages: each also as JSON, marks by form and by program, mail forms, what a stranger sees."""

import re
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from workingpapers.daily.database import now
from workingpapers.daily.papers import find_paper
from workingpapers.daily.tables import EventRow, RunRow, VerdictRow

JSON = {"Accept": "application/json"}
HTML = {"Accept": "text/html"}
KEY = "2611.00002"
HOSTILE = "2611.00001"


def _marks(page: TestClient, key: str = KEY) -> dict[str, Any]:
    return {
        name: page.get(f"/papers/{key}.json").json()["paper"][name] for name in ("votes", "voted", "starred", "note")
    }


@pytest.mark.parametrize(
    "path",
    [
        "/index",
        "/day/2026-11-20",
        "/week/2026-W47",
        "/month/2026-11",
        "/topics",
        "/topics/sets",
        "/starred",
        "/search",
        f"/papers/{KEY}",
        "/subscriptions",
        "/runs",
        "/about",
    ],
)
def test_every_page_is_also_json(page: TestClient, path: str) -> None:
    html = page.get("/" if path == "/index" else path, headers=HTML)
    assert html.status_code == 200
    assert html.text.count("<h1") == 1
    assert "style=" not in re.sub(r"<code.*?</code>", "", html.text)
    answer = page.get(f"{path}.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert isinstance(answer.json(), dict)


def test_the_periods_lead_to_their_neighbours(page: TestClient) -> None:
    data = page.get("/day/2026-11-20.json").json()
    assert [card["key"] for card in data["page"]["cards"]] == [HOSTILE]
    assert data["period"]["next"] == "/day/2026-11-23"
    assert data["period"]["previous"] is None
    week = page.get("/week/2026-W47.json").json()["period"]
    assert week["name"] == "2026-W47"
    assert week["next"] == "/week/2026-W48"


@pytest.mark.parametrize(
    "path",
    [
        "/day/2026-02-30",
        "/day/tomorrow",
        "/week/2026-W54",
        "/week/2026-48",
        "/month/2026-13",
        "/?order=best",
        "/?page=0",
        "/?per_page=1000",
        "/?built=perhaps",
        "/search?mode=magic",
        "/search?q=" + "x" * 2000,
    ],
)
def test_what_makes_no_sense_is_400_and_says_why(page: TestClient, path: str) -> None:
    answer = page.get(path, headers=JSON)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "path", ["/day/0001-01-01", "/day/9999-12-31", "/week/9999-W52", "/week/0001-W01", "/month/9999-12"]
)
def test_the_ends_of_the_calendar_are_empty_pages(page: TestClient, path: str) -> None:
    assert "No paper is listed" in page.get(path, headers=HTML).text
    assert page.get(f"{path}.json").json()["page"]["total"] == 0


@pytest.mark.parametrize("path", ["/papers/nothing", "/topics/nothing", "/runs/77", "/papers/2611.00002/report.html"])
def test_what_is_not_there_is_404(page: TestClient, path: str) -> None:
    assert page.get(path, headers=HTML).status_code == 404


def test_a_verdict_that_changed_stands_beside_the_list(page: TestClient) -> None:
    app: Any = page.app
    with app.state.page.database.write() as session:
        paper = find_paper(session, KEY)
        run = RunRow(
            id="r1",
            paper_id=paper.id,
            scale="laptop",
            origin="store",
            finished=now(),
            code="c",
            seeds=5,
            folder="",
            counts={"holds": 1},
            marks=["older code: run it again"],
            newest=True,
        )
        session.add_all([run, VerdictRow(run_id="r1", claim="sum", verdict="holds", n=5)])
        session.flush()
        for claim, before in (("sum", "undecided"), ("first", None)):
            session.add(
                EventRow(
                    paper_id=paper.id, run_id="r1", at=now(), scale="laptop", claim=claim, before=before, after="holds"
                )
            )
    data = page.get("/index.json").json()
    assert [(one["key"], one["claim"], one["before"], one["after"]) for one in data["changes"]] == [
        (KEY, "sum", "undecided", "holds")
    ]
    assert data["judged"]["r1"] == [{"claim": "sum", "says": "sum", "verdict": "holds"}]
    html = page.get("/", headers=HTML).text
    assert "was undecided" in html
    assert "1 holds" in html
    assert "older code" in html


def test_pages_of_a_list_keep_its_filters(page: TestClient) -> None:
    data = page.get("/index.json?order=new&per_page=1").json()
    assert [card["key"] for card in data["page"]["cards"]] == [KEY]
    html = page.get("/?order=new&per_page=1", headers=HTML).text
    assert 'href="/?order=new&amp;per_page=1&amp;page=2"' in html


def test_a_mark_is_set_once_however_often_it_is_sent(page: TestClient) -> None:
    for _ in range(2):
        answer = page.post(f"/papers/{KEY}/vote", data={"on": "1"}, headers=JSON)
        assert (answer.json()["votes"], answer.json()["voted"]) == (1, True)
    page.post(f"/papers/{KEY}/star", headers=JSON)
    page.post(f"/papers/{KEY}/note", data={"text": "one\r\ntwo"}, headers=JSON)
    assert _marks(page) == {"votes": 1, "voted": True, "starred": True, "note": "one\ntwo"}
    page.post(f"/papers/{KEY}/vote", data={"on": "0"}, headers=JSON)
    page.post(f"/papers/{KEY}/note", data={"text": ""}, headers=JSON)
    assert _marks(page) == {"votes": 0, "voted": False, "starred": True, "note": ""}


def test_a_form_leads_back_to_where_it_was(page: TestClient) -> None:
    def back(referer: str | None) -> str:
        headers = HTML | ({} if referer is None else {"Referer": referer})
        answer = page.post(f"/papers/{KEY}/star", data={"on": "1"}, headers=headers)
        assert answer.status_code == 303
        return answer.headers["location"]

    assert back("http://127.0.0.1:8000/?order=new&page=2") == f"/?order=new&page=2#paper-{KEY}"
    assert back(f"http://127.0.0.1:8000/papers/{KEY}") == f"/papers/{KEY}"
    assert back(None) == f"/papers/{KEY}"
    for foreign in (
        "https://evil.example/x",
        "http://127.0.0.1:8000//evil.example",
        "javascript:alert(1)",
        "http://[x",
    ):
        assert back(foreign) == f"/papers/{KEY}"


def test_a_note_that_is_too_long_is_refused_and_the_old_one_stays(page: TestClient) -> None:
    page.post(f"/papers/{KEY}/note", data={"text": "short"}, headers=JSON)
    answer = page.post(f"/papers/{KEY}/note", data={"text": "x" * 10_001}, headers=JSON)
    assert answer.status_code == 400
    assert _marks(page)["note"] == "short"


def test_words_with_markup_are_shown_as_words(page: TestClient) -> None:
    page.post(f"/papers/{HOSTILE}/note", data={"text": "</textarea><script>alert(2)</script>"}, headers=JSON)
    for path in (
        f"/papers/{HOSTILE}",
        "/",
        "/search?q=<script>alert(3)</script>",
        "/topics",
        "/subscriptions?query=<b>",
    ):
        text = page.get(path, headers=HTML).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "<i>Topic" not in text
        assert "<b>Eve" not in text


def _mails(page: TestClient) -> list[Any]:
    app: Any = page.app
    folder: Path = app.state.page.mailer.folder
    return [message_from_bytes(path.read_bytes()) for path in sorted(folder.glob("*.eml"))]


def test_subscribing_mails_one_link_that_confirms(page: TestClient) -> None:
    asked = {"email": "reader@example.org", "frequency": "daily", "topics": ["sets"], "query": "order", "hour": "6"}
    answer = page.post("/subscriptions", data=asked, headers=JSON)
    assert answer.status_code == 202
    assert answer.json()["email"] == "reader@example.org"
    (mail,) = _mails(page)
    (link,) = set(re.findall(r"/subscriptions/confirm/[\w-]+", mail.get_payload(0).get_payload(decode=True).decode()))
    assert page.get(link, headers=HTML).status_code == 200
    (mine,) = page.get("/subscriptions.json").json()["subscriptions"]
    assert mine["status"] == "pending"  # looking is not confirming
    assert page.post(link, headers=HTML).status_code == 200
    (mine,) = page.get("/subscriptions.json").json()["subscriptions"]
    assert mine["status"] == "active"
    assert "unsubscribe_key" not in mine
    changed = page.post(f"/subscriptions/{mine['id']}", data=asked | {"hour": "22"}, headers=HTML)
    assert (changed.status_code, changed.headers["location"]) == (303, "/subscriptions")
    assert page.get("/subscriptions.json").json()["subscriptions"][0]["hour"] == 22
    assert page.post(f"/subscriptions/{mine['id']}/end", headers=HTML).status_code == 303
    assert page.get("/subscriptions.json").json()["subscriptions"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": "nobody"},
        {"email": "a@example.org\nBcc: b@example.org"},
        {"frequency": "hourly"},
        {"hour": "24"},
        {"hour": "noon"},
        {"weekday": "7"},
        {"time_zone": "Mars/Olympus"},
        {"topics": "unknown"},
        {"query": "x" * 301},
        {"status": "active"},
    ],
)
def test_a_subscription_that_cannot_be_is_refused(page: TestClient, wrong: dict[str, str]) -> None:
    answer = page.post("/subscriptions", data={"email": "reader@example.org"} | wrong, headers=JSON)
    assert answer.status_code in (400, 404)
    assert answer.json()["error"]["message"]
    assert _mails(page) == []
    assert page.get("/subscriptions.json").json()["subscriptions"] == []


@pytest.mark.parametrize("path", ["/unsubscribe/forged.token", "/unsubscribe/x", "/subscriptions/confirm/forged"])
def test_a_forged_link_is_refused(page: TestClient, path: str) -> None:
    assert page.get(path, headers=HTML).status_code == 400
    assert page.post(path, headers=HTML).status_code == 400


def test_what_names_no_paper_cannot_be_submitted(page: TestClient) -> None:
    answer = page.post("/submit", data={"paper": "https://example.org/2611.00002"}, headers=HTML)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert 'value="https://example.org/2611.00002"' in answer.text
    assert page.post("/submit", data={"paper": KEY}, headers=HTML).headers["location"] == f"/papers/{KEY}"


def test_a_stranger_reads_everything_and_changes_nothing(public_page: TestClient) -> None:
    for path in ("/", f"/papers/{KEY}", "/starred", "/search?q=order", "/subscriptions", "/runs", "/about"):
        text = public_page.get(path, headers=HTML).text
        assert 'href="/sign-in"' in text
        assert not re.search(r'action="/papers/[^"]+/(vote|star|read|note|run)"', text)
        assert 'href="/submit"' not in text
    for path in (
        f"/papers/{KEY}/vote",
        f"/papers/{KEY}/star",
        f"/papers/{KEY}/note",
        "/submit",
        "/subscriptions/1/end",
    ):
        answer = public_page.post(path, data={"text": "mine", "paper": KEY}, headers=JSON)
        assert answer.status_code == 403, path
    assert public_page.get("/submit", headers=JSON).status_code == 403
    assert public_page.get("/subscriptions.json").json()["subscriptions"] == []


@pytest.mark.parametrize(
    ("verb", "sent"),
    [
        ("note", {"json": {"text": "new"}}),
        ("note", {}),
        ("vote", {"json": {"on": False}}),
        ("star", {"content": "on=0", "headers": {"Content-Type": "text/plain"}}),
        ("read", {"content": iter([b"on=0"])}),  # in chunks, of no type
    ],
)
def test_a_body_that_is_not_understood_changes_nothing(page: TestClient, verb: str, sent: dict[str, Any]) -> None:
    page.post(f"/papers/{KEY}/note", data={"text": "old"})
    before = _marks(page)
    answer = page.post(f"/papers/{KEY}/{verb}", **(sent | {"headers": JSON | sent.get("headers", {})}))
    assert answer.status_code == 400
    assert "send" in answer.json()["error"]["message"]
    assert _marks(page) == before
    assert page.post(f"/papers/{KEY}/note", data={"text": ""}, headers=JSON).json()["note"] == ""


@pytest.mark.parametrize("path", ["/?per_page=1&path=x", "/?per_page=1&page=2&path=x"])
def test_parameters_that_nobody_knows_stay_in_the_links_and_do_no_harm(page: TestClient, path: str) -> None:
    answer = page.get(path, headers=HTML)
    assert answer.status_code == 200
    assert "path=x" in answer.text


@pytest.mark.parametrize(
    ("path", "feed"),
    [
        ("/day/2026-11-20", "/day/2026-11-20.atom"),
        ("/week/2026-W47?order=new", "/week/2026-W47.atom"),
        ("/month/2026-11", "/month/2026-11.atom"),
        ("/?built=0", "/trending.atom?built=0"),
        ("/?built=1&order=new", "/atom.xml?built=1"),
        ("/topics/sets", "/topics/sets.atom"),
    ],
)
def test_every_list_names_its_own_feed(page: TestClient, path: str, feed: str) -> None:
    assert f'type="application/atom+xml" href="{feed}"' in page.get(path, headers=HTML).text
    assert page.get(feed).headers["content-type"].startswith("application/atom+xml")


def test_a_card_follows_whatever_it_shows(page: TestClient) -> None:
    first = page.get("/", headers=HTML).text
    assert page.get("/?order=trending", headers=HTML).text == first  # made from the same pieces
    page.post(f"/papers/{KEY}/note", data={"text": "a note beside it"})
    assert "a note beside it" in page.get("/", headers=HTML).text
    page.post(f"/papers/{KEY}/note", data={"text": ""})
    assert page.get("/", headers=HTML).text == first
