"""The feed: every list against a slow twin, pages, periods and their borders, cards, what is kept between reads."""

import itertools
import random
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.orm import Session

from workingpapers.daily import feed, marks, trending
from workingpapers.daily.database import Database, now
from workingpapers.daily.papers import PaperEntry, add_papers
from workingpapers.daily.periods import month_of, period_of, week_of
from workingpapers.daily.tables import PaperRow, RunRow
from workingpapers.errors import InvalidParameterError, UnknownNameError

ME = 1
PAPERS = 180


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Papers of three years around a year of 53 weeks, some built, some voted for; nobody writes to it."""
    database = Database(tmp_path_factory.mktemp("feed") / "daily.sqlite")
    chance = random.Random(7)
    entries = []
    for number in range(PAPERS):
        built = number % 9 == 0
        entries.append(
            PaperEntry(
                f"Paper {number}",
                listed=date(2019, 12, 1) + timedelta(days=chance.randrange(600) // 3 * 3),
                topics=tuple(chance.sample(["rare", *["wide"] * 12, *["common"] * 6], 2)),
                upvotes=chance.choice([0, 0, 30]),
                slug=f"paper-{number}" if built else None,
                built=built,
                source="room" if built else "json",
            )
        )
    with database.write() as session:
        ids = add_papers(session, entries).added
        for paper in chance.sample(ids, 20):
            marks.vote(session, ME, paper)
    return database


def _twin(session: Session, order: str, topic: str | None, built: bool | None, first: date, last: date) -> list[int]:
    """The list in plain words: all papers, filtered one by one, sorted by their score or day."""
    scores = trending.scores(session, now().replace(year=2021))
    topics: dict[int, set[str]] = {}
    for paper, slug in session.execute(
        text("SELECT paper_id, slug FROM paper_topics JOIN topics ON topics.id = topic_id")
    ):
        topics.setdefault(paper, set()).add(slug)
    wanted = [
        row
        for row in session.scalars(select(PaperRow))
        if first <= row.listed <= last
        and (built is None or row.built == built)
        and (topic is None or topic in topics.get(row.id, set()))
    ]
    key: Callable[[PaperRow], tuple[float, int]] = (
        (lambda row: (scores[row.id], row.id))
        if order == "trending"
        else (lambda row: (row.listed.toordinal(), row.id))
    )
    return [row.id for row in sorted(wanted, key=key, reverse=True)]


def _all_pages(read: Callable[[int], feed.Page]) -> list[int]:
    """The ids of all pages, one after the other; what each page says of itself is checked on the way."""
    ids: list[int] = []
    first = read(1)
    for number in range(1, first.pages + 1):
        page = read(number)
        assert (page.page, page.pages, page.total) == (number, first.pages, first.total)
        assert page.previous == (number - 1 or None)
        assert page.next == (number + 1 if number < first.pages else None)
        assert page.cards or first.total == 0
        ids += [card.id for card in page.cards]
    assert len(ids) == first.total
    return ids


@pytest.mark.parametrize("order", feed.ORDERS)
@pytest.mark.parametrize("topic", [None, "rare", "common", "wide"])
@pytest.mark.parametrize("built", [None, True, False])
def test_every_list_is_what_a_slow_reading_gives(
    filled: Database, order: str, topic: str | None, built: bool | None
) -> None:
    filters = {"order": order, "topic": topic, "built": built}
    with filled.read() as session:
        everything = _twin(session, order, topic, built, date.min, date.max)
        assert _all_pages(lambda n: feed.latest(session, ME, page=n, per_page=7, **filters)) == everything
        for kind, day in [("day", date(2020, 2, 29)), ("week", date(2021, 1, 2)), ("month", date(2020, 12, 31))]:
            period = period_of(kind, day)
            wanted = _twin(session, order, topic, built, period.first, period.last)

            def read(page: int, kind: str = kind, day: date = day) -> feed.Page:
                if kind == "day":
                    return feed.day(session, ME, day, page=page, per_page=2, **filters)
                if kind == "week":
                    return feed.week(session, ME, *day.isocalendar()[:2], page=page, per_page=2, **filters)
                return feed.month(session, ME, day.year, day.month, page=page, per_page=2, **filters)

            assert _all_pages(read) == wanted


def test_the_two_ways_through_a_topic_give_the_same_list(filled: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with filled.read() as session:
        for order, built in itertools.product(feed.ORDERS, (None, False)):
            lists = []
            for probe in (0.0, 1e9):
                monkeypatch.setattr(feed, "_PROBE", probe)
                page = feed.latest(session, ME, order=order, topic="common", built=built, per_page=50)
                lists.append([card.id for card in page.cards])
            assert lists[0] == lists[1] != []


def test_topics_are_counted(filled: Database) -> None:
    with filled.read() as session:
        counted = Counter(session.scalars(text("SELECT topic_id FROM paper_topics")))
        topics = feed.topics(session)
        assert sorted((count for _, count in topics), reverse=True) == [count for _, count in topics]
        assert {topic.slug: count for topic, count in topics} == {
            session.scalar(text(f"SELECT slug FROM topics WHERE id = {topic}")): count
            for topic, count in counted.items()
        }


# pages


def test_an_empty_database_has_one_empty_page(database: Database) -> None:
    with database.read() as session:
        for page in (feed.latest(session, ME), feed.day(session, ME, date(2026, 1, 1)), feed.starred(session, ME)):
            assert (page.cards, page.total, page.pages, page.previous, page.next) == ((), 0, 1, None, None)
        assert feed.topics(session) == []
        assert feed.neighbours(session, "day", date(2026, 1, 1)) == (None, None)


def test_a_page_after_the_last_is_empty_and_leads_back(filled: Database) -> None:
    with filled.read() as session:
        for number in (19, 10**30):
            page = feed.latest(session, ME, page=number, per_page=10)
            assert (page.cards, page.pages, page.previous, page.next) == ((), 18, 18, None)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"page": 0}, "page 0: pages are counted from 1"),
        ({"page": -(10**30)}, "pages are counted from 1"),
        ({"per_page": 0}, "0 papers per page; give 1 to 200"),
        ({"per_page": 201}, "201 papers per page; give 1 to 200"),
        ({"order": "hot; DROP TABLE papers"}, "is none of trending, new"),
    ],
)
def test_a_wrong_page_is_told(filled: Database, wrong: dict[str, object], said: str) -> None:
    with filled.read() as session, pytest.raises(InvalidParameterError, match=said):
        feed.latest(session, ME, **wrong)  # type: ignore[arg-type] # wrong on purpose


def test_an_unknown_topic_is_told_the_nearest(filled: Database) -> None:
    with filled.read() as session:
        with pytest.raises(UnknownNameError, match=r"no topic is called 'comon'; did you mean common\?"):
            feed.latest(session, ME, topic="comon")
        with pytest.raises(UnknownNameError, match=r"no topic is called '%'; the list of topics shows all"):
            feed.latest(session, ME, topic="%")


# periods


@pytest.mark.parametrize(
    ("year", "week", "first", "last"),
    [
        (2020, 53, date(2020, 12, 28), date(2021, 1, 3)),
        (2021, 1, date(2021, 1, 4), date(2021, 1, 10)),
        (2026, 1, date(2025, 12, 29), date(2026, 1, 4)),
        (2026, 53, date(2026, 12, 28), date(2027, 1, 3)),
        (1, 1, date(1, 1, 1), date(1, 1, 7)),
        (9999, 52, date(9999, 12, 27), date(9999, 12, 31)),
    ],
)
def test_iso_weeks_at_the_borders_of_years(year: int, week: int, first: date, last: date) -> None:
    period = week_of(year, week)
    assert (period.first, period.last, period.name) == (first, last, f"{year:04}-W{week:02}")
    assert period_of("week", first) == period_of("week", last) == period


def test_periods_of_a_kind_cover_every_day_once() -> None:
    days = [date(2019, 12, 20) + timedelta(days=number) for number in range(800)]
    for kind in ("day", "week", "month"):
        for day in days:
            period = period_of(kind, day)
            assert period.first <= day <= period.last
            assert period_of(kind, period.last + timedelta(1)).first == period.last + timedelta(1)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda session: feed.week(session, ME, 2021, 53), "week 53 of 2021: that year has the weeks 1 to 52"),
        (lambda session: feed.week(session, ME, 2020, 54), "week 54 of 2020: that year has the weeks 1 to 53"),
        (lambda session: feed.week(session, ME, 2020, 0), "week 0 of 2020"),
        (lambda session: feed.week(session, ME, 10_000, 1), "year 10000: give a year from 1 to 9999"),
        (lambda session: feed.month(session, ME, 2020, 13), "month 13 of 2020: give a month from 1 to 12"),
        (lambda session: feed.month(session, ME, 0, 1), "year 0: give a year from 1 to 9999"),
        (lambda session: feed.neighbours(session, "year", date(2020, 1, 1)), "period 'year' is none of day, week"),
    ],
)
def test_a_period_that_does_not_exist_is_told(filled: Database, ask: Callable[[Session], object], said: str) -> None:
    with filled.read() as session, pytest.raises(InvalidParameterError, match=said):
        ask(session)


@pytest.mark.parametrize("kind", ["day", "week", "month"])
def test_neighbours_are_the_nearest_periods_with_papers(filled: Database, kind: str) -> None:
    with filled.read() as session:
        firsts = sorted({period_of(kind, day).first for day in session.scalars(select(PaperRow.listed))})
        for day in (date(2019, 1, 1), date(2020, 2, 29), date(2020, 12, 30), date(2021, 1, 3), date(2030, 1, 1)):
            here = period_of(kind, day).first
            before = [first for first in firsts if first < here]
            after = [first for first in firsts if first > here]
            wanted = (before[-1] if before else None, after[0] if after else None)
            assert feed.neighbours(session, kind, day) == wanted


def test_the_ends_of_the_calendar_are_days_like_others(database: Database) -> None:
    with database.write() as session:
        _, last = add_papers(session, [PaperEntry("First", listed=date.min), PaperEntry("Last")]).added
        session.get_one(PaperRow, last).listed = date.max
    with database.read() as session:
        assert feed.day(session, ME, date.min).total == feed.month(session, ME, 9999, 12).total == 1
        assert feed.neighbours(session, "month", date(2026, 1, 1)) == (date.min, date(9999, 12, 1))
        assert feed.neighbours(session, "week", date.max) == (date.min, None)
        assert month_of(9999, 12).last == date.max


# cards


def _run(session: Session, paper: int, run: str, *, newest: bool, counts: dict[str, int]) -> None:
    session.add(
        RunRow(
            id=run, paper_id=paper, scale="laptop", origin="store", finished=now(), code="c", seconds=1.0, seeds=5,
            folder="f", counts=counts, marks=["older code"], newest=newest,
        )
    )  # fmt: skip


def test_a_card_shows_the_paper_its_verdicts_and_what_the_person_did(database: Database) -> None:
    entry = PaperEntry(
        "A <b>title</b>",
        summary="Ours.",
        summary_kind="ours",
        authors=("Ann",),
        author_count=3,
        published=date(2026, 1, 2),
        arxiv="2601.00001",
        slug="a-title",
        topics=("Layers", "cs.LG"),
        source="room",
        url="https://arxiv.org/abs/2601.00001",
        built=True,
        upvotes=5,
    )
    with database.write() as session:
        paper = add_papers(session, [entry]).added[0]
        _run(session, paper, "old", newest=False, counts={"holds": 9})
        _run(session, paper, "new", newest=True, counts={"holds": 2, "undecided": 1})
        _run(session, paper, "smoke", newest=False, counts={"not tested": 3})
        marks.vote(session, ME, paper)
        marks.set_note(session, ME, paper, "mine")
    with database.read() as session:
        (card,) = feed.cards(session, [paper, 99], ME)
    assert (card.key, card.slug, card.arxiv, card.title) == ("a-title", "a-title", "2601.00001", entry.title)
    assert (card.authors, card.author_count, card.published, card.listed) == (
        ("Ann",),
        3,
        entry.published,
        entry.published,
    )
    assert [(topic.slug, topic.name) for topic in card.topics] == [("layers", "Layers"), ("cs-lg", "cs.LG")]
    assert card.counts == {"holds": 2, "does not hold": 0, "undecided": 1, "not tested": 0}
    assert (card.scale, card.run_id, card.marks) == ("laptop", "new", ("older code",))
    assert (card.votes, card.voted, card.upvotes, card.note, card.starred) == (1, True, 5, "mine", False)
    assert card.trending == pytest.approx(1, rel=1e-3)  # one vote; the listing has long faded


def test_a_card_leads_nowhere_but_to_the_web(database: Database) -> None:
    with database.write() as session:
        paper = add_papers(session, [PaperEntry("A", url="https://a.org")]).added[0]
        session.execute(text("UPDATE papers SET url = 'javascript:alert(1)'"))  # as a forged export could bring it
    with database.read() as session:
        assert feed.cards(session, [paper], ME)[0].url is None


def test_a_paper_that_was_never_measured_has_no_counts(filled: Database) -> None:
    with filled.read() as session:
        card = feed.latest(session, ME, built=True).cards[0]
    assert (card.counts, card.scale, card.run_id, card.marks) == (None, None, None, ())


def test_cards_keep_the_order_that_is_asked_for_and_come_once(filled: Database) -> None:
    with filled.read() as session:
        assert [card.id for card in feed.cards(session, [5, 3, 99999, 3, 8], ME)] == [5, 3, 8]
        assert feed.cards(session, [], ME) == []


def test_starred_papers_come_newest_star_first_and_page_by_page(database: Database) -> None:
    with database.write() as session:
        ids = add_papers(session, [PaperEntry(f"Paper {number}") for number in range(5)]).added
        for paper in (ids[3], ids[0], ids[4]):
            marks.star(session, ME, paper)
        session.execute(text("UPDATE marks SET starred = '2026-01-0' || (paper_id % 9) || 'T00:00:00+00:00'"))
    with database.read() as session:
        assert _all_pages(lambda n: feed.starred(session, ME, page=n, per_page=2)) == [ids[4], ids[3], ids[0]]


@pytest.mark.parametrize("per_page", [5, 150])
def test_a_page_takes_the_same_few_statements_however_long_it_is(filled: Database, per_page: int) -> None:
    seen: list[str] = []
    event.listen(filled.engine, "before_cursor_execute", watch := lambda *args: seen.append(args[2]))
    try:
        with filled.read() as session:
            assert len(feed.latest(session, ME, topic="wide", per_page=per_page).cards) > 4
    finally:
        event.remove(filled.engine, "before_cursor_execute", watch)
    assert len(seen) <= 10, seen


@pytest.mark.parametrize("filters", [{}, {"built": True}, {"built": False}], ids=str)
@pytest.mark.parametrize("order", feed.ORDERS)
def test_the_long_lists_are_read_along_an_index(filled: Database, order: str, filters: dict[str, bool]) -> None:
    """Neither sorts all papers nor looks at those that are on no page; at 100 000 that is what makes it fast."""
    seen: list[tuple[str, object]] = []
    event.listen(filled.engine, "before_cursor_execute", watch := lambda *args: seen.append(args[2:4]))
    try:
        with filled.read() as session:
            feed.latest(session, ME, order=order, **filters)
    finally:
        event.remove(filled.engine, "before_cursor_execute", watch)
    (statement, parameters) = next((sql, values) for sql, values in seen if sql.startswith("SELECT p.id FROM papers"))
    with filled.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[arg-type]
        steps = [row[3] for row in plan]
    assert len(steps) == 1
    assert "USING COVERING INDEX" in steps[0]


# what is kept between reads


def _totals(database: Database) -> tuple[int, int, int]:
    with database.read() as session:
        topics = {topic.slug: count for topic, count in feed.topics(session)}
        built = feed.latest(session, ME, built=True).total
        return feed.latest(session, ME).total, built, topics.get("red", 0)


def test_counts_follow_every_write_of_this_and_of_another_connection(database: Database, tmp_path: Path) -> None:
    red = PaperEntry("A", topics=("red",))
    other = Database(database.path)
    assert _totals(database) == (0, 0, 0)
    for number, writer in enumerate([database, other, database, other], 1):
        with writer.write() as session:
            add_papers(session, [PaperEntry(f"Paper {number}", topics=red.topics)])
        assert _totals(database) == (number, 0, number)
        assert _totals(other) == (number, 0, number)
    other.close()


def test_counts_of_a_write_that_was_rolled_back_are_not_kept(database: Database) -> None:
    before = _totals(database)
    for _ in range(3):
        with pytest.raises(RuntimeError), database.write() as session:
            add_papers(session, [PaperEntry("A", topics=("red",))])
            assert feed.latest(session, ME).total == 1
            assert feed.topics(session)[0][1] == 1
            raise RuntimeError
        assert _totals(database) == before == (0, 0, 0)
