"""The forty papers and the installed rooms: complete, brought in once, up to date when rooms come and go."""

import re
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import event, func, select, text

from workingpapers.bench import registry
from workingpapers.bench.protocols import Paper
from workingpapers.daily import catalogue, feed, marks
from workingpapers.daily.catalogue import read_catalogue, sync_catalogue
from workingpapers.daily.database import Database
from workingpapers.daily.entries import check_entry
from workingpapers.daily.papers import PaperEntry, add_papers, find_paper
from workingpapers.daily.tables import ClaimRow, PaperRow


def _rooms(monkeypatch: pytest.MonkeyPatch, *papers: Paper) -> None:
    monkeypatch.setattr(catalogue.registry, "papers", lambda: papers)


@pytest.fixture
def afno() -> Paper:
    """A room of this package."""
    return registry.find("afno")


def test_the_catalogue_holds_forty_papers_each_once() -> None:
    entries = read_catalogue()
    assert len(entries) == 40
    for name in ("slug", "arxiv", "title", "summary"):
        assert len({getattr(entry, name) for entry in entries}) == 40, name


@pytest.mark.parametrize("entry", read_catalogue(), ids=lambda entry: entry.slug)
def test_every_entry_is_clean_and_complete(entry: PaperEntry) -> None:
    assert check_entry(entry, 1) == entry
    assert entry.author_count >= 1
    assert entry.topics
    assert entry.published is not None
    year, month = 2000 + int(entry.arxiv[:2]), int(entry.arxiv[2:4])  # type: ignore[index] # all have one
    assert abs((entry.published - date(year, month, 15)).days) < 32, "published in the month of its arXiv id"
    sentences = re.findall(r"[.?](?: |$)", entry.summary)
    assert 2 <= len(sentences) <= 3
    assert re.search(r"\b([Tt]he (paper|thesis)|It says)\b", entry.summary), "says whose statement it is"


@pytest.mark.parametrize("paper", [paper for paper in registry.papers() if paper.shipped], ids=lambda paper: paper.slug)
def test_rooms_agree_with_the_catalogue(paper: Paper) -> None:
    (entry,) = [entry for entry in read_catalogue() if entry.slug == paper.slug]
    assert (paper.title, paper.arxiv.partition("v")[0]) == (entry.title, entry.arxiv)
    assert paper.published == str(entry.published)
    assert len(paper.authors) == entry.author_count


def test_all_forty_are_listed_on_their_day_and_the_rooms_are_built(database: Database) -> None:
    sync_catalogue(database)
    with database.read() as session:
        cards = feed.latest(session, 0, order="new", per_page=100).cards
        assert {card.slug for card in cards if card.built} == {paper.slug for paper in registry.papers()}
        by_slug = {card.slug: card for card in cards}
        for entry in read_catalogue():
            card = by_slug[entry.slug]
            assert (card.listed, card.arxiv, card.author_count) == (entry.published, entry.arxiv, entry.author_count)
            assert card.summary_kind == "ours"
            assert entry.topics[0] in {topic.name for topic in card.topics}
        claims = session.scalar(select(func.count()).select_from(ClaimRow))
        assert claims == sum(len(paper.claims) for paper in registry.papers())


def test_a_room_brings_its_own_words_and_claims(
    database: Database, afno: Paper, monkeypatch: pytest.MonkeyPatch
) -> None:
    _rooms(monkeypatch, afno)
    sync_catalogue(database)
    with database.read() as session:
        row = find_paper(session, "afno")
        assert (row.summary, row.usage, row.authors) == (afno.summary, afno.usage, list(afno.authors))
        assert (row.source, row.code_url) == ("room", "https://github.com/NVlabs/AFNO-transformer")
        claims = session.scalars(select(ClaimRow).order_by(ClaimRow.position)).all()
        assert [(row.claim, row.says) for row in claims] == [(claim.id, claim.says) for claim in afno.claims]
        assert claims[0].details["published"] == afno.claims[0].published
        found = session.scalars(text("SELECT rowid FROM paper_text WHERE paper_text MATCH 'claims: quadratically'"))
        assert found.all() == [row.id]


def test_where_nothing_changed_nothing_is_written(database: Database) -> None:
    sync_catalogue(database)
    version = database.version()
    seen: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
    sync_catalogue(database)
    assert database.version() == version
    assert [statement for statement in seen if not statement.startswith(("BEGIN", "SELECT"))] == []
    assert len(seen) <= 2


def test_a_room_that_comes_is_built_and_one_that_goes_is_not_any_more(
    database: Database, afno: Paper, monkeypatch: pytest.MonkeyPatch
) -> None:
    _rooms(monkeypatch)
    sync_catalogue(database)
    with database.write() as session:
        paper = find_paper(session, "afno").id
        marks.vote(session, 1, paper)
    for present in (True, False, True):
        _rooms(monkeypatch, *([afno] if present else []))
        sync_catalogue(database)
        with database.read() as session:
            row = session.get_one(PaperRow, paper)
            claims = session.scalar(select(func.count()).select_from(ClaimRow))
            assert (row.built, bool(row.usage), claims) == (present, present, len(afno.claims) if present else 0)
            assert row.summary_kind == "ours"
            (card,) = feed.cards(session, [paper], 1)
            assert card.voted


def test_a_room_of_third_parties_has_its_card_and_keeps_it_without_the_room(
    database: Database, afno: Paper, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = replace(
        afno, slug="their-paper", title="Their paper", arxiv="2601.00001v2", published="early 2026", shipped=False
    )
    _rooms(monkeypatch, theirs)
    sync_catalogue(database)
    with database.read() as session:
        row = find_paper(session, "2601.00001")
        assert (row.slug, row.built, row.source, row.published) == ("their-paper", True, "room", None)
        assert feed.latest(session, 0).total == 41
    _rooms(monkeypatch)
    sync_catalogue(database)
    with database.read() as session:
        row = find_paper(session, "their-paper")
        assert (row.built, row.usage) == (False, "")
        assert session.scalar(select(func.count()).select_from(ClaimRow)) == 0
        assert session.scalar(text("SELECT claims FROM paper_text WHERE rowid = :id"), {"id": row.id}) == ""


def test_a_second_room_for_a_paper_of_the_catalogue_stands_beside_it(
    database: Database, afno: Paper, monkeypatch: pytest.MonkeyPatch
) -> None:
    _rooms(monkeypatch, afno, replace(afno, slug="afno-again", shipped=False))
    for _ in range(2):
        sync_catalogue(database)
        with database.read() as session:
            assert find_paper(session, afno.arxiv).slug == "afno"
            assert find_paper(session, "afno-again").built
            assert feed.latest(session, 0).total == 41


def test_a_paper_that_was_imported_before_becomes_the_catalogues_with_its_votes(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    _rooms(monkeypatch)
    title, arxiv = "Random teachers are GOOD teachers", "2302.12091"
    entry = PaperEntry(
        title, summary="Abstract.", authors=("A", "B"), arxiv=arxiv, source="arxiv", listed=date(2026, 1, 1)
    )
    with database.write() as session:
        paper = add_papers(session, [entry]).added[0]
        marks.vote(session, 1, paper)
    sync_catalogue(database)
    with database.read() as session:
        row = find_paper(session, "random-teachers")
        assert (row.id, row.title, row.summary_kind) == (paper, "Random Teachers are Good Teachers", "ours")
        assert (row.authors, row.author_count, row.listed) == (["A", "B"], 4, date(2023, 2, 23))
        assert feed.cards(session, [paper], 1)[0].votes == 1
    with database.write() as session:
        assert add_papers(session, [entry]).unchanged == (paper,)
