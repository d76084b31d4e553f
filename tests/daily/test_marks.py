"""Votes, stars, read marks and notes: once is enough, everybody's own, kept at once."""

import signal
import subprocess
import sys
import threading

import pytest
from sqlalchemy import func, select, text

from workingpapers.daily import feed, marks, trending
from workingpapers.daily.database import Database, now
from workingpapers.daily.papers import PaperEntry, add_papers
from workingpapers.daily.tables import MarkRow, PersonRow, VoteRow
from workingpapers.errors import InvalidParameterError, InvalidTypeError, UnknownNameError


@pytest.fixture
def paper(database: Database) -> int:
    """One paper, and twelve people besides the local one."""
    with database.write() as session:
        session.add_all([PersonRow(email=f"{n}@example.org", created=now()) for n in range(12)])
        return add_papers(session, [PaperEntry("A paper")]).added[0]


def _card(database: Database, paper: int, person: int) -> feed.PaperCard:
    with database.read() as session:
        return feed.cards(session, [paper], person)[0]


def test_a_vote_counts_once_and_can_be_taken_back(database: Database, paper: int) -> None:
    steps = [(1, True, 1), (1, True, 1), (2, True, 2), (1, False, 1), (1, False, 1), (3, False, 1), (2, False, 0)]
    for person, on, votes in steps:
        with database.write() as session:
            assert marks.vote(session, person, paper, on) == votes
        card = _card(database, paper, person)
        assert (card.votes, card.voted) == (votes, on)


def test_a_vote_moves_the_score_and_taking_it_back_moves_it_back(database: Database, paper: int) -> None:
    moment = now()

    def score() -> float:
        with database.read() as session:
            return trending.scores(session, moment)[paper]

    before = score()
    with database.write() as session:
        marks.vote(session, 1, paper)
    assert score() == pytest.approx(before + 1, rel=1e-4)
    with database.write() as session:
        marks.vote(session, 1, paper, on=False)
    assert score() == before


def test_people_who_vote_at_once_lose_no_vote(database: Database, paper: int) -> None:
    def vote(person: int) -> None:
        for _ in range(3):
            with database.write() as session:
                marks.vote(session, person, paper)

    threads = [threading.Thread(target=vote, args=(person,)) for person in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(VoteRow)) == 8


_VOTER = """
import sys
from pathlib import Path
from workingpapers.daily import marks
from workingpapers.daily.database import Database

database = Database(Path(sys.argv[1]))
for paper in range(1, 100_000):
    with database.write() as session:
        marks.vote(session, 1 + paper % 12, 1 + paper // 12)
    print(1 + paper % 12, 1 + paper // 12, flush=True)
"""


def test_a_vote_that_was_acknowledged_outlives_kill_9(database: Database, paper: int) -> None:
    with database.write() as session:
        add_papers(session, [PaperEntry(f"Paper {number}") for number in range(200)])
    voter = subprocess.Popen(
        [sys.executable, "-c", _VOTER, str(database.path)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert voter.stdout is not None
    acknowledged = [voter.stdout.readline() for _ in range(25)]
    voter.kill()
    acknowledged += [line for line in voter.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    assert voter.wait() == -signal.SIGKILL
    voter.stdout.close()
    with database.read() as session:
        assert session.scalar(text("PRAGMA integrity_check")) == "ok"
        votes = {(vote.person_id, vote.paper_id) for vote in session.scalars(select(VoteRow))}
        assert {tuple(map(int, line.split())) for line in acknowledged} <= votes
        moment = now()
        scores = trending.scores(session, moment)
        for voted in {paper for _, paper in votes}:
            assert scores[voted] == pytest.approx(trending.explain(session, voted, moment).score)


def test_stars_and_read_marks_go_on_and_off_and_keep_their_moment(database: Database, paper: int) -> None:
    for _ in range(2):
        with database.write() as session:
            marks.star(session, 1, paper)
            marks.mark_read(session, 1, paper)
    with database.write() as session:
        row = session.get_one(MarkRow, (paper, 1))
        starred = row.starred = now().replace(year=2020)
    with database.write() as session:
        marks.star(session, 1, paper)
        assert session.get_one(MarkRow, (paper, 1)).starred == starred
    card = _card(database, paper, 1)
    assert (card.starred, card.read) == (True, True)
    with database.write() as session:
        marks.star(session, 1, paper, on=False)
    card = _card(database, paper, 1)
    assert (card.starred, card.read) == (False, True)


def test_a_note_is_replaced_and_an_empty_one_removes_it(database: Database, paper: int) -> None:
    for given, kept in [("First\r\nline", "First\nline"), ("<b>\x00bold\x1b</b>", "<b> bold </b>"), (" \n ", "")]:
        with database.write() as session:
            marks.set_note(session, 1, paper, given)
        assert _card(database, paper, 1).note == kept
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(MarkRow)) == 0


def test_a_note_that_says_the_same_keeps_its_moment(database: Database, paper: int) -> None:
    early = now().replace(year=2020)
    with database.write() as session:
        marks.set_note(session, 1, paper, "same")
        session.get_one(MarkRow, (paper, 1)).note_changed = early
    with database.write() as session:
        marks.set_note(session, 1, paper, "same\r\n")
    with database.read() as session:
        assert session.get_one(MarkRow, (paper, 1)).note_changed == early


def test_a_note_has_a_longest_length(database: Database, paper: int) -> None:
    with database.write() as session:
        marks.set_note(session, 1, paper, "ä" * 10_000)
    too_long = pytest.raises(InvalidParameterError, match="the note has 10,001 characters; at most 10,000")
    with too_long, database.write() as session:
        marks.set_note(session, 1, paper, "ä" * 10_001)
    assert _card(database, paper, 1).note == "ä" * 10_000
    with pytest.raises(InvalidTypeError, match="a note is text, not bytes"), database.write() as session:
        marks.set_note(session, 1, paper, b"x")  # type: ignore[arg-type] # wrong on purpose


def test_what_one_person_marks_no_other_sees(database: Database, paper: int) -> None:
    with database.write() as session:
        marks.vote(session, 1, paper)
        marks.star(session, 1, paper)
        marks.mark_read(session, 1, paper)
        marks.set_note(session, 1, paper, "private")
    for person in (0, 2):
        card = _card(database, paper, person)
        assert (card.votes, card.voted, card.starred, card.read, card.note) == (1, False, False, False, "")
    with database.read() as session:
        assert feed.starred(session, 2).total == 0
        assert [card.note for card in feed.starred(session, 1).cards] == ["private"]


@pytest.mark.parametrize("act", [marks.vote, marks.star, marks.mark_read])
def test_strangers_and_unknown_papers_are_told(database: Database, paper: int, act: object) -> None:
    assert callable(act)
    with pytest.raises(UnknownNameError, match="no person with the number 0; sign in"), database.write() as session:
        act(session, 0, paper)
    with pytest.raises(UnknownNameError, match="no paper with the number 99"), database.write() as session:
        act(session, 1, 99)
    with pytest.raises(UnknownNameError, match="no paper with the number 99"), database.write() as session:
        marks.set_note(session, 1, 99, "x")
