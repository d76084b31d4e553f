"""What a person does to a paper: a vote, a star, a read mark, a private note. Doing it twice is doing it once."""

from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from workingpapers.daily import trending
from workingpapers.daily.database import now
from workingpapers.daily.entries import paragraphs
from workingpapers.daily.tables import MarkRow, PaperRow, PersonRow, VoteRow
from workingpapers.errors import InvalidParameterError, InvalidTypeError, UnknownNameError

LONGEST_NOTE = 10_000


def vote(session: Session, person_id: int, paper_id: int, on: bool = True) -> int:
    """Vote for a paper, or take the vote back.

    Args:
        session: A writing session.
        person_id: Who votes; a person has one vote for each paper.
        paper_id: The paper's number.
        on: False takes the vote back.

    Returns:
        The votes that the paper has now.

    Raises:
        UnknownNameError: there is no such person or paper.
    """
    _check(session, person_id, paper_id)
    row = session.get(VoteRow, (paper_id, person_id))
    if on and row is None:
        session.add(VoteRow(paper_id=paper_id, person_id=person_id, at=now()))
    elif not on and row is not None:
        session.delete(row)
    session.flush()
    trending.refresh(session, [paper_id])
    return session.scalar(select(func.count()).where(VoteRow.paper_id == paper_id)) or 0


def star(session: Session, person_id: int, paper_id: int, on: bool = True) -> None:
    """Star a paper, or take the star away. A star that is there keeps its moment.

    Raises:
        UnknownNameError: there is no such person or paper.
    """
    _mark(session, person_id, paper_id, "starred", on)


def mark_read(session: Session, person_id: int, paper_id: int, on: bool = True) -> None:
    """Mark a paper as read, or as unread.

    Raises:
        UnknownNameError: there is no such person or paper.
    """
    _mark(session, person_id, paper_id, "read", on)


def set_note(session: Session, person_id: int, paper_id: int, text: str) -> None:
    """Keep a note on a paper in place of the one before; an empty text removes it.

    Args:
        session: A writing session.
        person_id: Whose note it is; nobody else sees it.
        paper_id: The paper's number.
        text: At most `LONGEST_NOTE` characters. Line ends stay; other control characters become spaces.

    Raises:
        InvalidParameterError: the text is too long.
        InvalidTypeError: it is no text.
        UnknownNameError: there is no such person or paper.
    """
    if not isinstance(text, str):
        raise InvalidTypeError(f"a note is text, not {type(text).__name__}")
    note = paragraphs(text)
    if len(note) > LONGEST_NOTE:
        raise InvalidParameterError(
            f"the note has {len(note):,} characters; at most {LONGEST_NOTE:,} are kept, so shorten it"
        )
    row = _row(session, person_id, paper_id)
    if row.note != note:
        row.note, row.note_changed = note, now()
    _settle(session, row)


def _mark(session: Session, person_id: int, paper_id: int, name: Literal["starred", "read"], on: bool) -> None:
    row = _row(session, person_id, paper_id)
    if (getattr(row, name) is not None) != on:
        setattr(row, name, now() if on else None)
    _settle(session, row)


def _row(session: Session, person_id: int, paper_id: int) -> MarkRow:
    _check(session, person_id, paper_id)
    row = session.get(MarkRow, (paper_id, person_id))
    if row is None:
        row = MarkRow(paper_id=paper_id, person_id=person_id, starred=None, read=None, note="", note_changed=None)
        session.add(row)
    return row


def _settle(session: Session, row: MarkRow) -> None:
    """Write the row; one that says nothing any more goes."""
    if row.starred is None and row.read is None and not row.note:
        session.flush()
        session.delete(row)
    session.flush()


def _check(session: Session, person_id: int, paper_id: int) -> None:
    if session.get(PersonRow, person_id) is None:
        raise UnknownNameError(f"there is no person with the number {person_id}; sign in first")
    if session.get(PaperRow, paper_id) is None:
        raise UnknownNameError(f"there is no paper with the number {paper_id}")
