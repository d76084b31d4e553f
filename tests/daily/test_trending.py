"""The trending score: against its slow twin, its half-life, its order, what weighs more than what."""

import itertools
import math
import random
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from workingpapers.daily import feed, trending
from workingpapers.daily.changes import renew_events
from workingpapers.daily.database import Database
from workingpapers.daily.papers import PaperEntry, add_papers
from workingpapers.daily.tables import EventRow, PaperRow, PersonRow, RunRow, VerdictRow, VoteRow
from workingpapers.errors import UnknownNameError

MOMENT = datetime(2026, 11, 23, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
_numbers = itertools.count(1)


def _papers(session: Session, *listed: date, upvotes: int = 0) -> list[int]:
    """Papers, added long ago, so that only the day they were listed counts."""
    entries = [PaperEntry(f"Paper {next(_numbers)}", listed=day, upvotes=upvotes) for day in listed]
    report = add_papers(session, entries)
    session.execute(update(PaperRow).values(added=datetime(2026, 11, 23, 13, tzinfo=UTC)))
    return list(report.added)


def _vote(session: Session, paper: int, at: datetime) -> None:
    person = PersonRow(email=f"{next(_numbers)}@example.org", created=at)
    session.add(person)
    session.flush()
    session.add(VoteRow(paper_id=paper, person_id=person.id, at=at))


def _event(session: Session, paper: int, at: datetime, before: str | None, run: str, claims: int = 1) -> None:
    if session.get(RunRow, run) is None:
        session.add(
            RunRow(
                id=run, paper_id=paper, scale="laptop", origin="store", finished=at, code="c", seeds=5, folder="f",
                counts={}, marks=[],
            )
        )  # fmt: skip
        session.flush()
    for _ in range(claims):
        claim = f"claim-{next(_numbers)}"
        session.add(
            EventRow(paper_id=paper, run_id=run, at=at, scale="laptop", claim=claim, before=before, after="holds")
        )


def _slow_score(session: Session, paper: PaperRow, at: datetime) -> float:
    """The formula as it is printed, summed in plain words."""

    def f(moment: datetime) -> float:
        return 2.0 ** (-((at - moment).total_seconds() / 86400) / 7)

    listed = f(min(datetime(paper.listed.year, paper.listed.month, paper.listed.day, tzinfo=UTC), paper.added))
    score = 1.0 * listed + 0.5 * math.log2(1 + paper.upvotes) * listed
    for vote in session.scalars(select(VoteRow).where(VoteRow.paper_id == paper.id)):
        score += 1.0 * f(vote.at)
    runs = set()
    for event in session.scalars(select(EventRow).where(EventRow.paper_id == paper.id)):
        if event.before is not None:
            score += 4.0 * f(event.at)
        elif event.run_id not in runs:
            runs.add(event.run_id)
            score += 2.0 * f(event.at)
    return score


@pytest.mark.parametrize("seed", range(3))
def test_the_score_is_what_the_printed_formula_says(database: Database, seed: int) -> None:
    chance = random.Random(seed)

    def some_time() -> datetime:
        return MOMENT - timedelta(seconds=chance.randrange(90 * 86400))

    with database.write() as session:
        ids = [
            paper
            for _ in range(8)
            for paper in _papers(session, some_time().date(), upvotes=chance.choice([0, 1, 50, 4000]))
        ]
        for paper in chance.choices(ids, k=20):
            _vote(session, paper, some_time())
        for number, paper in enumerate(chance.choices(ids, k=8)):
            for before in (None, "undecided"):
                _event(session, paper, some_time(), before, f"run-{number}-{before}", claims=chance.randrange(1, 4))
        trending.refresh(session)
    for at in (MOMENT, MOMENT + timedelta(days=400), MOMENT - timedelta(days=3)):
        with database.read() as session:
            rows = session.scalars(select(PaperRow)).all()
            slow = {row.id: _slow_score(session, row, at) for row in rows}
            scores = trending.scores(session, at)
            assert scores == pytest.approx(slow, rel=1e-9)
            for row in rows:
                parts = trending.explain(session, row.id, at)
                assert parts.score == pytest.approx(slow[row.id], rel=1e-9)
                assert math.fsum(part.points for part in parts.parts) == parts.score
    with database.read() as session:
        order = [card.id for card in feed.latest(session, 0, order="trending").cards]
        assert order == sorted(slow, key=lambda paper: (-slow[paper], -paper))


def test_the_printed_formula_names_every_weight() -> None:
    for part in (
        "1 · f(listed)",
        "0.5 · log2(1 + votes elsewhere)",
        "1 · Σ f(vote)",
        "2 · Σ f(run",
        "4 · Σ f(claim whose verdict",
        "2^(−age / 7 days)",
    ):
        assert part in trending.FORMULA


def test_a_score_halves_in_a_week_and_the_order_stands_still(database: Database) -> None:
    with database.write() as session:
        first, second = _papers(session, date(2026, 11, 20), date(2026, 11, 1))
        for _ in range(3):
            _vote(session, second, MOMENT)
        trending.refresh(session, [second])
    with database.read() as session:
        now, later = trending.scores(session, MOMENT), trending.scores(session, MOMENT + WEEK)
        assert now[second] > now[first]
        for paper in (first, second):
            assert later[paper] == pytest.approx(now[paper] / 2)
        assert trending.scores(session, MOMENT + 1000 * WEEK)[second] < 1e-200


def test_a_changed_verdict_weighs_more_than_a_new_one_and_that_more_than_a_vote(database: Database) -> None:
    with database.write() as session:
        changed, measured, voted, quiet = _papers(session, *[date(2026, 11, 1)] * 4)
        _event(session, changed, MOMENT, "holds", "run-a")
        _event(session, measured, MOMENT, None, "run-b", claims=9)
        _vote(session, voted, MOMENT)
        trending.refresh(session)
    with database.read() as session:
        scores = trending.scores(session, MOMENT)
        assert scores[changed] > scores[measured] > scores[voted] > scores[quiet]
        counts = {part.name: part.count for part in trending.explain(session, measured, MOMENT).parts}
        assert counts == {
            "listed": 1,
            "votes elsewhere": 0,
            "votes": 0,
            "runs with new verdicts": 1,
            "changed verdicts": 0,
        }


def test_verdicts_that_come_or_change_move_the_order_by_themselves(database: Database) -> None:
    with database.write() as session:
        still, measured = _papers(session, date(2026, 11, 2), date(2026, 11, 1))
    for number, verdict, wanted in [(1, "holds", (1, 0)), (2, "holds", (1, 0)), (3, "undecided", (1, 1))]:
        with database.write() as session:
            run = f"run-{number}"
            session.add(
                RunRow(
                    id=run, paper_id=measured, scale="laptop", origin="store", finished=MOMENT + number * WEEK / 7,
                    code="c", seeds=5, folder="f", counts={}, marks=[],
                )
            )  # fmt: skip
            session.flush()
            session.add(VerdictRow(run_id=run, claim="c", verdict=verdict, n=5))
            session.flush()
            renew_events(session, {measured: 5})
        with database.read() as session:
            reasons = trending.explain(session, measured, MOMENT)
            counts = {part.name: part.count for part in reasons.parts}
            assert (counts["runs with new verdicts"], counts["changed verdicts"]) == wanted
            assert trending.scores(session, MOMENT)[measured] == pytest.approx(reasons.score)
            assert [card.id for card in feed.latest(session, 0).cards] == [measured, still]


def test_votes_elsewhere_are_damped(database: Database) -> None:
    with database.write() as session:
        few = _papers(session, date(2026, 11, 23), upvotes=7)[0]
        many = _papers(session, date(2026, 11, 23), upvotes=1023)[0]
    with database.read() as session:
        scores = trending.scores(session, datetime(2026, 11, 23, tzinfo=UTC))
        assert (scores[few], scores[many]) == pytest.approx((2.5, 6.0))


def test_a_paper_dated_into_the_future_does_not_stay_on_top(database: Database) -> None:
    with database.write() as session:
        report = add_papers(session, [PaperEntry("From the future", listed=date(9999, 12, 31))])
        row = session.get_one(PaperRow, report.added[0])
        assert row.listed == row.added.date()
        row.listed, moment = date(9999, 12, 31), row.added
        trending.refresh(session, report.added)
    with database.read() as session:
        assert trending.scores(session, moment)[report.added[0]] == pytest.approx(1.0)


def test_refresh_writes_only_what_changed_and_only_where_it_is_asked(database: Database) -> None:
    with database.write() as session:
        first, second = _papers(session, date(2026, 11, 1), date(2026, 11, 1))
        _vote(session, first, MOMENT)
        _vote(session, second, MOMENT)
        trending.refresh(session, [first, first, 999])
    with database.read() as session:
        scores = trending.scores(session, MOMENT)
        assert scores[first] > scores[second]
    with database.write() as session:
        before = session.scalar(text("SELECT total_changes()"))
        trending.refresh(session)
        after = session.scalar(text("SELECT total_changes()"))
        trending.refresh(session)
        assert (after - before, session.scalar(text("SELECT total_changes()"))) == (1, after)
    with database.read() as session:
        scores = trending.scores(session, MOMENT)
        assert scores[first] == scores[second]


def test_very_old_and_very_new_papers_have_an_order_without_overflow(database: Database) -> None:
    with database.write() as session:
        oldest, old, new = _papers(session, date(1, 1, 1), date(1900, 1, 1), date(2026, 11, 23))
    with database.read() as session:
        assert [card.id for card in feed.latest(session, 0).cards] == [new, old, oldest]
        scores = trending.scores(session, datetime(1, 1, 2, tzinfo=UTC))
        assert all(math.isfinite(score) for score in scores.values())


def test_an_unknown_paper_has_no_explanation(database: Database) -> None:
    with database.read() as session, pytest.raises(UnknownNameError, match="there is no paper with the number 7"):
        trending.explain(session, 7)
