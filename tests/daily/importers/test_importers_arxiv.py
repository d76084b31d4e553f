"""Papers from arXiv's API, in the shapes that it answers, its bad habits among them."""

from datetime import date

import pytest
from sqlalchemy import func, select

from workingpapers.daily.database import Database
from workingpapers.daily.entries import PaperEntry
from workingpapers.daily.importers import arxiv as importer
from workingpapers.daily.importers.adding import import_papers
from workingpapers.daily.tables import PaperRow
from workingpapers.errors import FetchError, InvalidParameterError, UnknownNameError


def test_a_paper_by_its_id(other_server, client, arxiv) -> None:
    other_server.answers = arxiv(10)
    assert importer.by_ids(client, ["arXiv:2406.00007v1"]) == [
        PaperEntry(
            title="Paper number 7 on things that are <b>bold</b>",
            summary="We study the number 7 and find that it is 7.",
            authors=("Ada Nummer7", "José Núñez"),
            author_count=2,
            published=date(2024, 6, 8),
            listed=date(2024, 6, 8),
            arxiv="2406.00007",
            topics=("machine learning", "quantum physics"),
            source="arxiv",
            url="https://arxiv.org/abs/2406.00007",
        )
    ]
    (asked,) = other_server.asked
    assert (asked.path, asked.query) == ("/api/query", {"id_list": "2406.00007", "max_results": "1"})
    assert asked.headers["User-Agent"].startswith("workingpapers/")


def test_many_ids_keep_their_order_and_come_once(other_server, client, arxiv) -> None:
    other_server.answers = arxiv(500)
    wanted = [f"2406.{number:05}" for number in range(249, -1, -1)]
    told: list[tuple[int, int]] = []
    found = importer.by_ids(
        client, [*wanted, "https://arxiv.org/pdf/2406.00007v3"], lambda done, total: told.append((done, total))
    )
    assert [entry.arxiv for entry in found] == wanted
    assert told == [(100, 250), (200, 250), (250, 250)]


def test_ids_of_the_old_style(other_server, client, answer, arxiv) -> None:
    feed = arxiv(1)(type("Asked", (), {"query": {"id_list": "2406.00000", "max_results": "1"}})).body
    other_server.answers = [answer(feed.replace("2406.00000v2", "cs/0112017v1"))]
    (entry,) = importer.by_ids(client, ["cs.AI/0112017"])
    assert entry.arxiv == "cs/0112017"
    assert entry.url == "https://arxiv.org/abs/cs/0112017"


def test_ids_that_nobody_has_are_named(other_server, client, arxiv) -> None:
    other_server.answers = arxiv(3)
    with pytest.raises(UnknownNameError, match=r"arXiv has no paper 2406\.00005, 2406\.00099; check the number"):
        importer.by_ids(client, ["2406.00001", "2406.00005", "2406.00099"])
    with pytest.raises(InvalidParameterError, match=r"'2406\.1' is no arXiv id"):
        importer.by_ids(client, ["2406.1"])
    assert len(other_server.asked) == 1


def test_an_error_that_looks_like_a_paper_is_none(other_server, client, answer, error_feed: str) -> None:
    other_server.answers = [answer(error_feed)]
    with pytest.raises(FetchError, match=r"arXiv refuses the request: incorrect id format for 2406\.1; correct"):
        importer.by_query(client, "id:2406.1")
    assert len(other_server.asked) == 1


def test_a_query_is_read_page_by_page(other_server, client, arxiv) -> None:
    other_server.answers = arxiv(5000)
    found = importer.by_query(client, "ti:attention AND cat:cs.LG", most=1100)
    assert [entry.arxiv for entry in found] == [f"2406.{number:05}" for number in range(1100)]
    pages = [(one.query["start"], one.query["max_results"]) for one in other_server.asked]
    assert pages == [("0", "500"), ("500", "500"), ("1000", "100")]
    assert {one.query["search_query"] for one in other_server.asked} == {"ti:attention AND cat:cs.LG"}
    assert {(one.query["sortBy"], one.query["sortOrder"]) for one in other_server.asked} == {
        ("submittedDate", "descending")
    }


def test_a_query_that_finds_less_than_asked_for(other_server, client, arxiv) -> None:
    for there in (0, 1, 500, 501):
        other_server.answers = arxiv(there)
        assert len(importer.by_query(client, "all:electron", most=2000)) == there


def test_a_page_that_is_empty_by_mistake_is_asked_again(other_server, client, answer, arxiv) -> None:
    whole, faults = arxiv(700), [True]

    def moody(asked):
        page = whole(asked)
        if asked.query["start"] == "500" and faults:
            faults.pop()
            text = page.body
            return answer(text[: text.index("  <entry>")] + "</feed>")
        return page

    other_server.answers = moody
    assert len(importer.by_query(client, "all:electron", most=700)) == 700
    assert [one.query["start"] for one in other_server.asked] == ["0", "500", "500"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("Rate exceeded.", r"no whole XML document: .* \('Rate exceeded\.'\)"),
        ("<html><body>Service down</body></html>", "no Atom feed but <html>"),
        ("<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>http", "no whole XML document"),
        ("", "no whole XML document"),
        (b"<?xml version='1.0' encoding='no-such'?><feed/>", "no whole XML document"),
        (b"\xff\xfe\x00", "no whole XML document"),
    ],
)
def test_what_is_no_feed_is_asked_for_again(
    body: str | bytes, reason: str, other_server, client, answer, arxiv
) -> None:
    faults, whole = [True], arxiv(1)
    other_server.answers = lambda asked: answer(body) if faults and faults.pop() else whole(asked)
    assert len(importer.by_ids(client, ["2406.00000"])) == 1
    other_server.answers = [answer(body)]
    with pytest.raises(FetchError, match=reason):
        importer.by_ids(client, ["2406.00000"])


def test_a_bomb_is_refused_unread(other_server, client, answer, bomb: str) -> None:
    other_server.answers = [answer(bomb)]
    with pytest.raises(FetchError, match=r"declares a document type or entities .* refused unread"):
        importer.by_ids(client, ["2406.00000"])
    assert len(other_server.asked) == 1


def test_entries_without_title_or_with_a_foreign_id_are_no_papers(other_server, client, answer, arxiv) -> None:
    whole = arxiv(3)

    def odd(asked):
        body = whole(asked).body.replace(
            "http://arxiv.org/abs/2406.00001v2", "https://elsewhere.example/abs/2406.00001"
        )
        return answer(body.replace("Paper number 2 on\n  things that are &lt;b&gt;bold&lt;/b&gt;", " "))

    other_server.answers = odd
    assert [entry.arxiv for entry in importer.by_query(client, "all:electron")] == ["2406.00000"]


def test_text_that_would_mislead_is_made_plain(other_server, client, answer, arxiv) -> None:
    whole = arxiv(1)
    title = "Paper number 0 on\n  things that are &lt;b&gt;bold&lt;/b&gt;"
    long = "\u202eevil\u202c\u200b&#x85;title " + "x" * 3000
    other_server.answers = lambda asked: answer(whole(asked).body.replace(title, long))
    (entry,) = importer.by_ids(client, ["2406.00000"])
    assert entry.title.startswith("evil title xxx")
    assert entry.title.endswith("x…")
    assert len(entry.title) == 1000


def test_what_cannot_be_asked(client) -> None:
    with pytest.raises(InvalidParameterError, match=r"query '\(\)' holds no word; give one such as 'ti:attention"):
        importer.by_query(client, "()")
    with pytest.raises(InvalidParameterError, match=r"^0 papers cannot be asked for; give a number from 1 to 30000"):
        importer.by_query(client, "x", most=0)
    with pytest.raises(InvalidParameterError, match="order 'oldest' is unknown; allowed are newest, relevance"):
        importer.checked_order("oldest")


def test_ten_thousand_papers_come_in_once(other_server, client, database: Database, arxiv) -> None:
    other_server.answers = arxiv(10_000)
    entries = importer.by_query(client, "cat:cs.LG", most=10_000)
    first = import_papers(database, entries)
    again = import_papers(database, entries)
    assert (len(first.added), len(first.updated), len(first.unchanged)) == (10_000, 0, 0)
    assert (again.added, again.updated, len(again.unchanged)) == ((), (), 10_000)
    with database.read() as session:
        assert session.scalar(select(func.count(PaperRow.id))) == 10_000
