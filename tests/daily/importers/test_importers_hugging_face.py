"""Daily papers from the Hugging Face Hub, in the shapes that it answers."""

import json
from datetime import date, timedelta
from typing import Any

import pytest

from workingpapers.daily.entries import PaperEntry
from workingpapers.daily.importers import hugging_face
from workingpapers.daily.importers.cleaning import today
from workingpapers.errors import FetchError, InvalidParameterError, UnknownNameError


def _paper(number: int, **others: Any) -> dict[str, Any]:
    return {
        "id": f"2611.{number:05}",
        "authors": [
            {"_id": "6921", "name": "Ada Nummer", "hidden": False, "status": "claimed_verified"},
            {"_id": "6922", "name": "Mis Parsed", "hidden": True},
            {"_id": "6923", "user": {"_id": "1", "fullname": "J", "user": "jn"}, "name": "José Núñez", "hidden": False},
        ],
        "publishedAt": "2026-11-19T00:00:00.000Z",
        "submittedOnDailyAt": "2026-11-20T00:00:00.000Z",
        "title": f"Paper {number}",
        "submittedOnDailyBy": {"_id": "1", "fullname": "A Curator", "user": "curator", "type": "user"},
        "summary": f"We study\nthe number {number}.",
        "upvotes": 12 + number,
        "discussionId": "6921ffff",
        "githubRepo": "https://github.com/example/paper",
        "githubStars": 3,
        "ai_summary": "A machine says so.",
        "ai_keywords": ["number", "study"],
        **others,
    }


def _daily(number: int, **others: Any) -> dict[str, Any]:
    return {
        "paper": _paper(number, **others),
        "publishedAt": "2026-11-20T01:02:03.000Z",
        "title": f"Paper {number}",
        "summary": f"We study\nthe number {number}.",
        "thumbnail": "https://thumbnails.example/2611.png",
        "numComments": 2,
        "submittedBy": {"_id": "1", "fullname": "A Curator", "name": "curator", "type": "user"},
        "isAuthorParticipating": False,
    }


def _entry(number: int) -> PaperEntry:
    return PaperEntry(
        title=f"Paper {number}",
        summary=f"We study the number {number}.",
        authors=("Ada Nummer", "José Núñez"),
        author_count=2,
        published=date(2026, 11, 19),
        listed=date(2026, 11, 20),
        arxiv=f"2611.{number:05}",
        source="hugging-face",
        url=f"https://arxiv.org/abs/2611.{number:05}",
        code_url="https://github.com/example/paper",
        upvotes=12 + number,
    )


@pytest.fixture
def hub(other_server, answer):
    """Makes the server a Hub with so many daily papers, of which a page may hold fewer than asked for."""

    def make(papers: int, short_by: int = 0) -> None:
        def answers(asked):
            size = int(asked.query["limit"]) - short_by
            start = int(asked.query.get("p", 0)) * size
            return answer(json.dumps([_daily(number) for number in range(start, min(start + size, papers))]))

        other_server.answers = answers

    return make


def test_the_daily_papers_of_a_day(other_server, client, hub) -> None:
    hub(2)
    assert hugging_face.daily(client, day="2026-11-20") == [_entry(0), _entry(1)]
    assert other_server.asked[0].path == "/api/daily_papers"
    assert other_server.asked[0].query == {"date": "2026-11-20", "p": "0", "limit": "100"}


def test_weeks_months_and_the_newest(other_server, client, hub) -> None:
    hub(1)
    hugging_face.daily(client, week="2026-W47")
    hugging_face.daily(client, month="2026-10")
    hugging_face.daily(client)
    asked = [{name: one.query[name] for name in one.query if name not in ("p", "limit")} for one in other_server.asked]
    assert [query for query in asked if query] == [{"week": "2026-W47"}] * 2 + [{"month": "2026-10"}] * 2
    assert {} in asked


@pytest.mark.parametrize("short_by", [0, 3])
def test_pages_are_read_to_the_end(short_by: int, other_server, client, hub) -> None:
    hub(250, short_by)
    assert hugging_face.daily(client) == [_entry(number) for number in range(250)]
    assert [entry.arxiv for entry in hugging_face.daily(client, most=120)] == [
        f"2611.{number:05}" for number in range(120)
    ]


def test_a_server_that_knows_no_pages_is_asked_twice(other_server, client, answer) -> None:
    other_server.answers = [answer(json.dumps([_daily(number) for number in range(5)]))]
    assert len(hugging_face.daily(client)) == 5
    assert len(other_server.asked) == 2


def test_the_hubs_search(other_server, client, answer) -> None:
    other_server.answers = [answer(json.dumps([{"paper": _paper(1)}, {"paper": _paper(2)}, {"paper": _paper(3)}]))]
    assert hugging_face.by_query(client, "state space", most=2) == [_entry(1), _entry(2)]
    assert other_server.asked[0].path == "/api/papers/search"
    assert other_server.asked[0].query == {"q": "state space", "limit": "2"}


def test_one_paper(other_server, client, answer) -> None:
    other_server.answers = [answer(json.dumps(_paper(7)))]
    assert hugging_face.by_id(client, "https://huggingface.co/papers/2611.00007") == _entry(7)
    assert other_server.asked[0].path == "/api/papers/2611.00007"


def test_a_paper_that_the_hub_lacks(other_server, client, answer) -> None:
    other_server.answers = [answer('{"error":"Paper not found"}', 404)]
    with pytest.raises(UnknownNameError, match=r"Hugging Face has no paper 2611\.00009; check the number"):
        hugging_face.by_id(client, "2611.00009")
    other_server.answers = [answer('{"error":"Not allowed"}', 403)]
    with pytest.raises(FetchError, match=r"403 Forbidden .*Not allowed"):
        hugging_face.by_id(client, "2611.00009")


def test_a_paper_that_is_on_the_hub_only() -> None:
    entry = hugging_face.entry_of(_daily(1, id="6921ab/cd"))
    assert entry is not None
    assert entry.arxiv is None
    assert entry.url == "https://huggingface.co/papers/6921ab%2Fcd"


def test_values_of_the_wrong_kind_do_not_harm() -> None:
    entry = hugging_face.entry_of(
        _daily(1, upvotes="many", authors=[None, "x", {"name": 3}], publishedAt="soon", githubRepo=7, summary=None)
    )
    assert entry is not None
    assert (entry.upvotes, entry.authors, entry.published, entry.code_url) == (0, (), None, None)
    assert entry.summary == "We study the number 1."
    assert hugging_face.entry_of(_daily(1, upvotes=-3)).upvotes == 0  # type: ignore[union-attr]
    assert hugging_face.entry_of({"paper": {"id": "2611.00001"}}) is None
    assert hugging_face.entry_of({"paper": {"title": "x"}}) is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"papers": []}', "the answer is no list of papers but a JSON object"),
        ('[{"paper": {"id": "2611.00001", "ti', "no whole JSON document"),
        ("<html>", "no whole JSON document"),
        ("[" * 100_000, "no whole JSON document"),
        (b"\xff", "no whole JSON document"),
    ],
)
def test_what_is_no_list_is_asked_for_again(body: str | bytes, reason: str, other_server, client, answer) -> None:
    other_server.answers = [answer(body), answer(json.dumps([_daily(1)])), answer("[]")]
    assert hugging_face.daily(client) == [_entry(1)]
    other_server.answers = [answer(body)]
    with pytest.raises(FetchError, match=reason):
        hugging_face.daily(client)


def test_periods_that_do_not_exist(other_server, client) -> None:
    later = (today() + timedelta(days=3)).isoformat()
    for wrong, reason in [
        ({"day": "yesterday"}, r"'yesterday' is no day; give one such as \d{4}-\d\d-\d\d$"),
        ({"day": "2026-02-30"}, "'2026-02-30' is no day"),
        ({"day": later}, f"the day {later} has not come yet; give one up to"),
        ({"week": "2026-48"}, r"'2026-48' is no week; give one such as \d{4}-W\d\d$"),
        ({"week": "2026-W54"}, "'2026-W54' is no week"),
        ({"month": "2026-13"}, r"'2026-13' is no month; give one such as \d{4}-\d\d$"),
        ({"month": "2026-11", "day": "2026-11-20"}, "exclude each other; give one of them"),
        ({"most": 0}, "0 papers cannot be asked for; give a number from 1 to 10000"),
    ]:
        with pytest.raises(InvalidParameterError, match=reason):
            hugging_face.daily(client, **wrong)
    assert other_server.asked == []
