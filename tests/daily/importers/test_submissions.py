"""A paper that a reader names comes into today's feed, once, from where the reader said."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from workingpapers.daily.database import Database
from workingpapers.daily.importers.cleaning import today
from workingpapers.daily.submissions import submit
from workingpapers.daily.tables import LOCAL_PERSON, PaperRow
from workingpapers.errors import FetchError, InvalidParameterError, UnknownNameError


def test_by_id_and_by_address(other_server, client, database: Database, arxiv) -> None:
    other_server.answers = arxiv(20)
    for text, key in [
        ("2406.00001", "2406.00001"),
        (" arXiv:2406.00002v3 ", "2406.00002"),
        ("https://arxiv.org/pdf/2406.00003v1.pdf", "2406.00003"),
        ("arxiv.org/abs/2406.00004", "2406.00004"),
        ("10.48550/arXiv.2406.00005", "2406.00005"),
    ]:
        assert submit(database, LOCAL_PERSON, text, client) == key
    with database.read() as session:
        row = session.scalars(select(PaperRow).where(PaperRow.arxiv == "2406.00001")).one()
        assert (row.source, row.submitted_by, row.listed) == ("submitted", LOCAL_PERSON, today())
        assert row.authors == ["Ada Nummer1", "José Núñez"]


def test_from_hugging_face(other_server, client, database: Database, answer) -> None:
    paper = {"id": "2611.00007", "title": "From the Hub", "upvotes": 9, "githubRepo": "https://github.com/a/b"}
    other_server.answers = [answer(json.dumps(paper))]
    assert submit(database, LOCAL_PERSON, "https://huggingface.co/papers/2611.00007", client) == "2611.00007"
    assert other_server.asked[0].path == "/api/papers/2611.00007"
    with database.read() as session:
        row = session.scalars(select(PaperRow)).one()
        assert (row.title, row.upvotes, row.code_url) == ("From the Hub", 9, "https://github.com/a/b")


def test_a_paper_that_is_here_is_not_asked_for(other_server, client, database: Database, arxiv) -> None:
    other_server.answers = arxiv(3)
    submit(database, LOCAL_PERSON, "2406.00001", client)
    assert submit(database, LOCAL_PERSON, "https://huggingface.co/papers/2406.00001", client) == "2406.00001"
    assert len(other_server.asked) == 1


def test_two_who_name_the_same_paper_at_once(other_server, client, database: Database, arxiv) -> None:
    other_server.answers = arxiv(3)
    with ThreadPoolExecutor(4) as pool:
        keys = list(pool.map(lambda _: submit(database, LOCAL_PERSON, "2406.00001", client), range(4)))
    assert keys == ["2406.00001"] * 4
    with database.read() as session:
        assert len(session.scalars(select(PaperRow.id)).all()) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "attention is all you need",
        "https://example.org/abs/2406.00001",
        "https://arxiv.org.example.org/abs/2406.00001",
        "https://example.org/arxiv.org/abs/2406.00001",
        "https://huggingface.co/models/2406.00001",
        "https://arxiv.org/list/cs.LG/recent",
        "javascript:2406.00001",
        "2406.00001/../../etc/passwd",
        "2406.00001\r\nHost: example.org",
        "http://[::1",
        "9" * 5000,
    ],
)
def test_anything_else_is_an_error_and_nobody_is_asked(text: str, other_server, client, database: Database) -> None:
    with pytest.raises(InvalidParameterError, match=r"is no arXiv id; give one such as 2406\.06581"):
        submit(database, LOCAL_PERSON, text, client)
    assert other_server.asked == []


def test_a_paper_that_does_not_exist(other_server, client, database: Database, arxiv) -> None:
    other_server.answers = arxiv(3)
    with pytest.raises(UnknownNameError, match=r"arXiv has no paper 2406\.00009"):
        submit(database, LOCAL_PERSON, "2406.00009", client)


def test_a_reader_does_not_wait_for_long(
    other_server, database: Database, answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKINGPAPERS_ARXIV_API", other_server.address)
    other_server.answers = [answer("busy", 503, {"Retry-After": "60"})]
    with pytest.raises(FetchError, match="it asks to wait 60 s: try again then"):
        submit(database, LOCAL_PERSON, "2406.00001")
    assert len(other_server.asked) == 1
