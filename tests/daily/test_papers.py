"""Papers going in: cleaned, each once however it is spelled, findable in the text index, nothing of ours lost."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime
from xml.etree import ElementTree

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.orm import Session

from workingpapers.daily import marks, trending
from workingpapers.daily.database import Database, now
from workingpapers.daily.papers import (
    ClaimEntry,
    PaperEntry,
    add_papers,
    arxiv_id,
    find_paper,
    index_text,
    paper_key,
    title_key,
    topic_slug,
)
from workingpapers.daily.tables import LOCAL_PERSON, ClaimRow, MarkRow, PaperRow, PersonRow, VoteRow
from workingpapers.errors import InvalidParameterError, InvalidTypeError, UnknownNameError

NOON = datetime(2026, 1, 20, 12, tzinfo=UTC)
ATTENTION = PaperEntry("Attention Is All You Need", arxiv="1706.03762", source="arxiv", published=date(2017, 6, 12))


def _rows(session: Session) -> list[PaperRow]:
    return list(session.scalars(select(PaperRow).order_by(PaperRow.id)))


def _add(database: Database, *entries: PaperEntry) -> tuple[int, int, int]:
    with database.write() as session:
        report = add_papers(session, entries)
    return len(report.added), len(report.updated), len(report.unchanged)


# names


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("2406.06581", "2406.06581"),
        (" 2406.06581v3\n", "2406.06581"),
        ("arXiv:2406.06581v12", "2406.06581"),
        ("1010.4517", "1010.4517"),
        ("0704.0001", "0704.0001"),
        ("cs/0112017", "cs/0112017"),
        ("arxiv:cond-mat/0112017v2", "cond-mat/0112017"),
        ("math.GT/0309136", "math/0309136"),
        ("https://arxiv.org/abs/2406.06581v2", "2406.06581"),
        ("http://www.arxiv.org/pdf/2406.06581.pdf", "2406.06581"),
        ("https://export.arxiv.org/pdf/2406.06581v1", "2406.06581"),
        ("https://arxiv.org/abs/cs/0112017?context=cs.LG#top", "cs/0112017"),
        ("arxiv.org/html/2406.06581", "2406.06581"),
        ("https://huggingface.co/papers/2406.06581", "2406.06581"),
        ("https://doi.org/10.48550/arXiv.2406.06581", "2406.06581"),
        ("10.48550/arxiv.2406.06581", "2406.06581"),
    ],
)
def test_an_arxiv_id_is_read_from_ids_and_addresses(given: str, wanted: str) -> None:
    assert arxiv_id(given) == wanted


@pytest.mark.parametrize(
    "given",
    [
        "",
        "attention",
        "2406.0658",
        "1010.45170",
        "2413.06581",
        "0703.0001",
        "2406.06581v0",
        "2406.06581; DROP TABLE papers",
        "٢٤٠٦.٠٦٥٨١",
        "https://example.org/abs/2406.06581",
        "https://arxiv.org.example.org/abs/2406.06581",
        "https://evil.example/?https://arxiv.org/abs/2406.06581",
        "https://arxiv.org/list/cs.LG/recent",
        "ftp://arxiv.org/abs/2406.06581",
        "https://[arxiv.org/abs/2406.06581",
        "https://arxiv.org/abs/../../2406.06581",
        "1" * 100_000,
    ],
)
def test_what_holds_no_arxiv_id_is_refused_with_what_is_allowed(given: str) -> None:
    with pytest.raises(InvalidParameterError, match=r"is no arXiv id; give one such as 2406\.06581") as refused:
        arxiv_id(given)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    "spelling",
    [
        "DeepONet: Learning Nonlinear Operators",
        "deeponet – learning  nonlinear operators.",
        "DÉEPONET Learning nonlinear ope\u0301rators",
    ],
)
def test_spellings_of_a_title_share_their_key(spelling: str) -> None:
    assert title_key(spelling) == "deeponetlearningnonlinearoperators"


def test_plain_letters_and_accented_ones_are_folded_alike() -> None:
    letters = "".join(map(chr, range(32, 127)))
    assert title_key(f"{letters} ") + "e" == title_key(f"{letters} é")


def test_titles_that_differ_in_a_letter_or_a_number_have_different_keys() -> None:
    titles = ["GPT-3", "GPT-4", "学习", "学問", "αβ", "αγ", "की", "का", "∞", "∅"]
    assert len({title_key(title) for title in titles}) == len(titles)


def test_a_topic_is_called_by_its_words() -> None:
    assert [topic_slug(name) for name in ("Learning Dynamics", "cs.LG", "état-of-the-art", "∞", "../../etc")] == [
        "learning-dynamics",
        "cs-lg",
        "etat-of-the-art",
        "",
        "etc",
    ]


# what an entry may hold


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (PaperEntry(" \n "), "entry 1: the title is empty"),
        (PaperEntry("x" * 3000), "title has 3,000 characters; at most 2,000"),
        (PaperEntry("A", arxiv="nonsense"), r"entry 1 \(A\): arxiv: 'nonsense' is no arXiv id"),
        (PaperEntry("A", source="rumour"), "source 'rumour' is none of room, catalogue, arxiv"),
        (PaperEntry("A", upvotes=-1), "upvotes is -1; give a number from 0"),
        (PaperEntry("A", upvotes=2**60), "upvotes is 1152921504606846976; give a number from 0"),
        (PaperEntry("A", summary_kind="theirs"), "summary_kind 'theirs' is neither ours nor abstract"),
        (PaperEntry("A", slug="afno"), "source json gives slug, built, usage or claims"),
        (PaperEntry("A", built=True), "source json gives slug, built, usage or claims"),
        (PaperEntry("A", slug="../etc", source="room"), r"slug '\.\./etc'; give small letters"),
    ],
)
def test_a_wrong_value_names_the_entry_and_what_is_allowed(database: Database, entry: PaperEntry, said: str) -> None:
    with pytest.raises(InvalidParameterError, match=said):
        _add(database, entry)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (PaperEntry(None), "title is None, of type NoneType; give text"),  # type: ignore[arg-type] # wrong on purpose
        (PaperEntry("A", authors="Ann"), "authors is 'Ann', of type str; give a tuple"),  # type: ignore[arg-type]
        (PaperEntry("A", published="2026"), "published is '2026', of type str; give a date"),  # type: ignore[arg-type]
        (PaperEntry("A", upvotes=True), "upvotes is True, of type bool; give a whole number"),
    ],
)
def test_a_wrong_type_names_the_entry_and_what_is_allowed(database: Database, entry: PaperEntry, said: str) -> None:
    with pytest.raises(InvalidTypeError, match=said):
        _add(database, entry)


def test_one_bad_entry_among_many_leaves_nothing(database: Database) -> None:
    with pytest.raises(InvalidParameterError, match="entry 3: the title is empty"):
        _add(database, PaperEntry("A"), PaperEntry("B"), PaperEntry(""))
    with database.read() as session:
        assert _rows(session) == []
        assert session.scalar(text("SELECT count(*) FROM paper_text")) == 0


def test_control_characters_and_unsafe_addresses_do_not_get_in(database: Database) -> None:
    _add(
        database,
        PaperEntry(
            "One\x00 \x1b[31mtitle\r\n\ud800",
            summary="First\r\nsecond\x07\nthird  ",
            authors=(" Ann\tB. ", "", "\x00"),
            url="javascript:alert(1)",
            code_url="github.com/a/b",
            published=datetime(2026, 1, 2, 3),  # a moment is taken for its day
        ),
    )
    with database.read() as session:
        (row,) = _rows(session)
        assert (row.title, row.summary, row.authors) == ("One [31mtitle", "First\nsecond\nthird", ["Ann B."])
        assert (row.url, row.code_url, row.published) == (None, "https://github.com/a/b", date(2026, 1, 2))


@pytest.mark.parametrize(
    "address",
    [
        "data:text/html,x",
        "//example.org",
        "http://",
        "https://a b.org",
        "x",
        "http://[",
        "file:///etc/passwd",
        "java\nscript:alert(1)",
    ],
)
def test_an_address_that_is_none_is_left_out(database: Database, address: str) -> None:
    _add(database, PaperEntry("A", url=address))
    with database.read() as session:
        assert _rows(session)[0].url is None


# each paper once


def test_versions_of_an_arxiv_paper_are_one_paper(database: Database) -> None:
    assert _add(database, ATTENTION) == (1, 0, 0)
    assert _add(database, replace(ATTENTION, arxiv="https://arxiv.org/abs/1706.03762v7")) == (0, 0, 1)
    assert _add(database, replace(ATTENTION, title="Attention Isn't All You Need")) == (0, 1, 0)
    with database.read() as session:
        assert [row.title for row in _rows(session)] == ["Attention Isn't All You Need"]


def test_one_title_in_other_spelling_is_one_paper_where_an_arxiv_id_is_missing(database: Database) -> None:
    bare = PaperEntry("ATTENTION is all you néed!", source="bibtex", authors=("A. Vaswani",))
    assert _add(database, bare, ATTENTION, replace(bare, title="Attention: is all you need?")) == (1, 0, 0)
    with database.read() as session:
        (row,) = _rows(session)
        assert (row.title, row.arxiv, row.source, row.authors) == (
            ATTENTION.title,
            "1706.03762",
            "arxiv",
            ["A. Vaswani"],
        )


def test_two_papers_of_one_title_and_different_arxiv_ids_stay_two(database: Database) -> None:
    other = replace(ATTENTION, arxiv="2101.00001")
    assert _add(database, ATTENTION, other) == (2, 0, 0)
    assert _add(database, PaperEntry(ATTENTION.title), other) == (0, 0, 2)


def test_a_paper_that_changed_its_title_is_still_known_by_the_old_one(database: Database) -> None:
    old = PaperEntry("First title", source="bibtex")
    assert _add(database, old, replace(ATTENTION, title="First title"), ATTENTION) == (1, 0, 0)
    assert _add(database, old) == (0, 0, 1)


def test_two_rows_that_turn_out_to_be_one_paper_become_one_with_all_that_people_did(database: Database) -> None:
    _add(database, PaperEntry("Known by name", source="bibtex", code_url="https://a.org/x"), ATTENTION)
    with database.write() as session:
        session.add(PersonRow(id=2, email="b@example.org", created=now()))
        session.flush()
        named, numbered = _rows(session)
        for person, paper in ((1, named.id), (2, named.id), (2, numbered.id)):
            marks.vote(session, person, paper)
        marks.set_note(session, 1, named.id, "from the name")
        marks.set_note(session, 1, numbered.id, "from the number")
        marks.star(session, 1, named.id)
    assert _add(database, replace(ATTENTION, title="Known by name")) == (0, 1, 0)
    with database.read() as session:
        (row,) = _rows(session)
        assert (row.arxiv, row.code_url) == ("1706.03762", "https://a.org/x")
        assert session.scalar(select(func.count()).select_from(VoteRow)) == 2
        (mark,) = session.scalars(select(MarkRow))
        assert (mark.note, mark.starred is not None) == ("from the number\nfrom the name", True)
        assert session.scalars(text("SELECT rowid FROM paper_text")).all() == [row.id]
        assert trending.scores(session, NOON)[row.id] == pytest.approx(trending.explain(session, row.id, NOON).score)


def test_an_import_of_a_thousand_papers_takes_as_many_statements_as_one_of_ten(database: Database) -> None:
    def statements(first: int, last: int) -> int:
        seen: list[str] = []
        event.listen(database.engine, "before_cursor_execute", watch := lambda *args: seen.append(args[2]))
        entries = [PaperEntry(f"Paper {n}", authors=("A",), topics=(f"t{n % 5}",)) for n in range(first, last)]
        _add(database, *entries)
        event.remove(database.engine, "before_cursor_execute", watch)
        return len(seen)

    assert statements(0, 10) >= statements(10, 1010)


# who is believed


def test_a_lesser_source_only_fills_what_is_missing(database: Database) -> None:
    first = replace(ATTENTION, summary="The abstract.", authors=("Ashish Vaswani",), author_count=8)
    _add(database, first)
    poor = PaperEntry(
        "Attention?", summary="No.", authors=("X",), arxiv=first.arxiv, url="https://b.org", source="json"
    )
    assert _add(database, poor) == (0, 1, 0)
    with database.read() as session:
        (row,) = _rows(session)
        assert (row.title, row.summary, row.authors, row.author_count) == (
            first.title,
            "The abstract.",
            ["Ashish Vaswani"],
            8,
        )
        assert (row.url, row.source) == ("https://b.org", "arxiv")
    assert _add(database, poor) == (0, 0, 1)


def test_our_own_summary_topics_and_day_are_never_replaced_by_an_import(database: Database) -> None:
    ours = replace(
        ATTENTION, summary="Ours.", summary_kind="ours", slug="attention", source="room", built=True, topics=("layers",)
    )
    _add(database, replace(ours, claims=(ClaimEntry("c", "It says so."),)))
    theirs = replace(ATTENTION, summary="Theirs.", topics=("cs.CL",), listed=date(2026, 1, 1), upvotes=9)
    assert _add(database, theirs) == (0, 1, 0)
    with database.read() as session:
        (row,) = _rows(session)
        assert (row.summary, row.summary_kind, row.listed, row.built) == ("Ours.", "ours", date(2017, 6, 12), True)
        assert row.upvotes == 9
        assert session.scalars(text("SELECT slug FROM topics")).all() == ["layers"]
        assert session.scalar(select(ClaimRow.says)) == "It says so."


def test_an_abstract_gives_way_to_our_own_words(database: Database) -> None:
    _add(database, replace(ATTENTION, summary="Theirs."))
    _add(database, replace(ATTENTION, summary="Ours.", summary_kind="ours", slug="attention", source="catalogue"))
    with database.read() as session:
        (row,) = _rows(session)
        assert (row.summary, row.summary_kind, row.slug, row.source) == ("Ours.", "ours", "attention", "catalogue")


def test_our_own_words_stay_also_where_the_abstract_comes_from_a_better_source(database: Database) -> None:
    _add(database, replace(ATTENTION, summary="Ours.", summary_kind="ours", source="json"))
    _add(database, replace(ATTENTION, summary="Theirs."))
    with database.read() as session:
        (row,) = _rows(session)
        assert (row.summary, row.summary_kind, row.source) == ("Ours.", "ours", "arxiv")


def test_the_day_of_the_feed_is_the_one_given_else_the_published_one_else_today(database: Database) -> None:
    day, published = date(2026, 5, 6), date(2026, 5, 1)
    _add(
        database,
        PaperEntry("A", listed=day, published=published),
        PaperEntry("B", published=published),
        PaperEntry("C"),
    )
    with database.read() as session:
        assert [row.listed for row in _rows(session)] == [day, published, now().date()]


def _day_of(database: Database, arxiv: str | None = ATTENTION.arxiv) -> date:
    with database.read() as session:
        return session.scalars(select(PaperRow.listed).where(PaperRow.arxiv == arxiv)).one()


def test_a_less_trusted_source_and_arxiv_do_not_move_a_paper_to_another_day(database: Database) -> None:
    file = replace(ATTENTION, source="json", listed=date(2026, 3, 3))
    hub = replace(ATTENTION, source="hugging-face", listed=date(2026, 2, 2))
    days = []
    for entry in (file, hub, file, replace(ATTENTION, listed=ATTENTION.published), hub, file):
        _add(database, entry)
        days.append(_day_of(database))
    assert days == [date(2026, 3, 3), *[date(2026, 2, 2)] * 5]


def test_of_two_rows_that_become_one_the_more_trusted_says_the_day(database: Database) -> None:
    hub = PaperEntry("Called so", source="hugging-face", listed=date(2026, 2, 2))
    file = PaperEntry("Called otherwise", source="json", arxiv="2601.00001", listed=date(2026, 3, 3))
    _add(database, hub, file)
    for entry in (replace(file, title=hub.title), hub, file):
        _add(database, entry)
        assert _day_of(database, file.arxiv) == date(2026, 2, 2)


def test_only_the_hub_replaces_votes_that_are_known(database: Database) -> None:
    hub = replace(ATTENTION, source="hugging-face")
    seen = []
    for entry in (ATTENTION, replace(ATTENTION, upvotes=4), replace(ATTENTION, source="json", upvotes=9)):
        _add(database, entry)
    for upvotes in (7, 5, 0):
        _add(database, replace(hub, upvotes=upvotes), replace(ATTENTION, source="json", upvotes=9))
        with database.read() as session:
            seen.append(_rows(session)[0].upvotes)
    assert seen == [7, 5, 5]


def test_a_source_that_is_not_the_hub_only_fills_votes_in(database: Database) -> None:
    for upvotes in (0, 4, 9):
        _add(database, replace(ATTENTION, upvotes=upvotes))
    with database.read() as session:
        assert _rows(session)[0].upvotes == 4


@pytest.mark.parametrize("source", ["json", "hugging-face", "arxiv"])
def test_no_paper_is_listed_in_the_future(database: Database, source: str) -> None:
    today, never = now().date(), date(9999, 1, 1)
    _add(database, replace(ATTENTION, source="bibtex", listed=date(2026, 1, 1)))
    _add(database, replace(ATTENTION, source=source, listed=never))
    _add(database, PaperEntry("B", source=source, published=never, arxiv="2601.00001"))
    _add(database, PaperEntry("B", slug="b", source="room", published=never, arxiv="2601.00001"))
    assert _day_of(database) <= today
    assert _day_of(database, "2601.00001") == today


def test_the_number_of_a_paper_that_is_gone_is_not_given_again(database: Database) -> None:
    _add(database, ATTENTION, PaperEntry("Known by name", source="bibtex"))
    _add(database, replace(ATTENTION, title="Known by name"))
    _add(database, PaperEntry("Another"))
    with database.read() as session:
        assert [row.id for row in _rows(session)] == [1, 3]


@pytest.mark.parametrize("seed", range(12))
def test_imports_in_turn_settle_after_one_round(database: Database, seed: int) -> None:
    chance = random.Random(seed)
    day = date(2026, 1, 1)

    def entry() -> PaperEntry:
        number = chance.randrange(3)
        return PaperEntry(
            f"Paper {number}",
            arxiv=f"2601.{number:05}",
            published=chance.choice([None, day.replace(day=1 + chance.randrange(9))]),
            listed=chance.choice([None, date(9999, 1, 1), day.replace(day=1 + chance.randrange(9))]),
            upvotes=chance.choice([0, 3, 8]),
            source=chance.choice(_SOURCES),
        )

    files = [[entry() for _ in range(4)] for _ in range(4)]
    votes = {number: one.upvotes for file in files for number, one in enumerate(file) if one.source == _SOURCES[2]}
    seen = []
    for _ in range(3):
        for file in files:
            _add(database, *file)
            with database.read() as session:
                rows = _rows(session)
                seen.append([(row.arxiv, row.listed, None if votes else row.upvotes) for row in rows])
    assert seen[3:] == [seen[3]] * 9


def test_what_xml_cannot_hold_does_not_get_in(database: Database) -> None:
    nothing = "\ufffe\uffff\ufdd0\ufdef\U0001fffe\U0010ffff"
    _add(database, PaperEntry(f"A{nothing}title", summary=f"B{nothing}c\nd", authors=(f"E{nothing}f",)))
    with database.read() as session:
        (row,) = _rows(session)
        assert (row.title, row.summary.split(), row.authors) == ("A title", ["B", "c", "d"], ["E f"])
        assert ElementTree.fromstring(f"<t>{row.title} {row.summary}</t>").text


def test_a_room_for_a_paper_that_another_room_has_keeps_its_own_card(database: Database) -> None:
    room = replace(ATTENTION, slug="attention", source="room", built=True)
    second = replace(room, slug="attention-again")
    assert _add(database, room, second) == (2, 0, 0)
    assert _add(database, room, second) == (0, 0, 2)
    with database.read() as session:
        assert [(row.slug, row.arxiv) for row in _rows(session)] == [
            ("attention", "1706.03762"),
            ("attention-again", None),
        ]


def test_who_submitted_a_paper_is_kept_with_it(database: Database) -> None:
    with database.write() as session:
        add_papers(session, [ATTENTION], submitted_by=LOCAL_PERSON)
    with database.read() as session:
        assert _rows(session)[0].submitted_by == LOCAL_PERSON


def test_a_row_that_the_session_holds_shows_what_the_import_wrote(database: Database) -> None:
    _add(database, ATTENTION)
    with database.write() as session:
        (row,) = _rows(session)
        add_papers(session, [replace(ATTENTION, title="Another")])
        assert row.title == "Another"


# any sequence of imports

_SOURCES = ("arxiv", "submitted", "hugging-face", "bibtex", "json")


def _spell(chance: random.Random, title: str) -> str:
    return chance.choice([title, title.upper(), title.replace(" ", " – "), title.replace("e", "é"), f"{title}."])


def _random_entry(chance: random.Random) -> PaperEntry:
    paper = chance.randrange(12)
    titles = [f"Paper {paper} on deep things", f"Paper {paper} retitled", "A title that several share"]
    return PaperEntry(
        title=_spell(chance, chance.choice(titles)),
        arxiv=f"2601.{paper:05}" if chance.random() < 0.5 else None,
        summary=chance.choice(["", "", f"About {chance.randrange(5)}"]),
        authors=chance.choice([(), ("Zoë",), ("Ann", "Bob")]),
        topics=tuple(chance.sample(["red", "green", "blue"], chance.randrange(3))),
        listed=chance.choice([None, date(2026, 1, 1 + paper)]),
        upvotes=chance.choice([0, 0, 7]),
        source=chance.choice(_SOURCES),
    )


def _text_of(session: Session) -> dict[int, tuple[str, ...]]:
    found = session.execute(text("SELECT rowid, title, authors, topics, summary, claims FROM paper_text"))
    return {row[0]: (*row[1:3], " ".join(sorted(row[3].split("; "))), *row[4:]) for row in found}


def _texts_wanted(session: Session) -> dict[int, tuple[str, ...]]:
    topics: dict[int, list[str]] = {}
    for paper, name in session.execute(
        text("SELECT paper_id, name FROM paper_topics JOIN topics ON topics.id = topic_id ORDER BY name")
    ):
        topics.setdefault(paper, []).append(name)
    return {
        row.id: (row.title, "; ".join(row.authors), " ".join(topics.get(row.id, [])), row.summary, "")
        for row in _rows(session)
    }


def _check(session: Session) -> None:
    """No paper twice, the text index and the heat as they would be made anew."""
    rows = _rows(session)
    known = {row.arxiv for row in rows if row.arxiv is not None}
    assert len(known) == sum(row.arxiv is not None for row in rows)
    keys = [row.title_key for row in rows]
    for row in rows:
        assert row.title_key == title_key(row.title)
        assert row.arxiv is not None or keys.count(row.title_key) == 1, row.title
    assert _text_of(session) == _texts_wanted(session)
    scores = trending.scores(session, NOON)
    for row in rows:
        assert scores[row.id] == pytest.approx(trending.explain(session, row.id, NOON).score)


def _state(session: Session) -> list[tuple[object, ...]]:
    names = ", ".join(name for name in PaperRow.__table__.columns.keys() if name != "changed")  # noqa: SIM118
    tables = (
        f"SELECT {names} FROM papers",
        "SELECT * FROM paper_topics",
        "SELECT * FROM other_titles",
        "SELECT * FROM topics",
    )
    return [tuple(row) for table in tables for row in session.execute(text(f"{table} ORDER BY 1, 2"))]


@pytest.mark.parametrize("seed", range(12))
def test_any_sequence_of_imports_keeps_every_paper_once_and_the_index_true(database: Database, seed: int) -> None:
    chance = random.Random(seed)
    batches = [[_random_entry(chance) for _ in range(chance.randrange(1, 9))] for _ in range(6)]
    for batch in batches:
        _add(database, *batch)
        with database.read() as session:
            _check(session)
            before = _state(session)
        assert _add(database, *batch) == (0, 0, len({*_ids_of(database, batch)}))
        with database.read() as session:
            assert _state(session) == before
    with database.read() as session:
        papers = len(_rows(session))
    for batch in batches:
        assert _add(database, *batch)[0] == 0
    with database.read() as session:
        _check(session)
        assert len(_rows(session)) <= papers


def _ids_of(database: Database, batch: list[PaperEntry]) -> set[int]:
    with database.write() as session:
        report = add_papers(session, batch)
    return {*report.added, *report.updated, *report.unchanged}


def test_the_index_finds_words_without_accents_and_forgets_papers_that_are_gone(database: Database) -> None:
    _add(database, PaperEntry("Über Modelle", authors=("Zoë Müller",), topics=("Sprache",)))

    def found(word: str) -> int:
        with database.read() as session:
            return (
                session.scalar(text("SELECT count(*) FROM paper_text WHERE paper_text MATCH :word"), {"word": word})
                or 0
            )

    assert [found(word) for word in ("uber", "muller", "sprache", "gone")] == [1, 1, 1, 0]
    with database.write() as session:
        (row,) = _rows(session)
        paper = row.id
        session.delete(row)
        index_text(session, [paper, 999])
    assert found("uber") == 0


# finding by the name in an address


def test_a_paper_is_found_by_the_name_that_its_address_has(database: Database) -> None:
    _add(
        database,
        ATTENTION,
        PaperEntry("Old", arxiv="cond-mat/0112017"),
        PaperEntry("Bare"),
        PaperEntry("Ours", slug="self-reference", source="catalogue", arxiv="2604.12128"),
    )
    with database.read() as session:
        keys = [paper_key(row) for row in _rows(session)]
        assert keys == ["1706.03762", "cond-mat-0112017", "p3", "self-reference"]
        assert [find_paper(session, key).id for key in keys] == [1, 2, 3, 4]
        other = ["arxiv:1706.03762v5", "https://arxiv.org/abs/cond-mat/0112017", "Self_Reference", "2604.12128v1"]
        assert [find_paper(session, key).id for key in other] == [1, 2, 4, 4]


@pytest.mark.parametrize(
    "key", ["", "p0", "p99", "p" + "9" * 30, "../../etc/passwd", "%", "2401.00001", "\ud800", "x" * 9000]
)
def test_an_unknown_name_is_told_without_a_crash(database: Database, key: str) -> None:
    with database.read() as session, pytest.raises(UnknownNameError, match="no paper is called") as refused:
        find_paper(session, key)
    assert len(str(refused.value)) < 300


def test_a_misspelled_slug_is_told_the_nearest(database: Database) -> None:
    _add(database, PaperEntry("Ours", slug="self-reference", source="catalogue", arxiv="2604.12128"))
    with database.read() as session, pytest.raises(UnknownNameError, match=r"did you mean self-reference\?"):
        find_paper(session, "self-refrence")
