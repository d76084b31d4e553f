"""The forty papers of the catalogue and the rooms that are installed, and how both come into the database."""

import functools
import hashlib
import tomllib
from dataclasses import asdict, replace
from datetime import date
from importlib import resources
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from workingpapers.bench import registry
from workingpapers.bench.protocols import Claim, Paper
from workingpapers.daily.database import Database
from workingpapers.daily.entries import ClaimEntry, PaperEntry
from workingpapers.daily.papers import add_papers, index_text
from workingpapers.daily.tables import ClaimRow, NoteRow, PaperRow

_REMEMBERED = "catalogue"
_VERSION = "1"
"""To be raised when what is written for the same papers changes."""


@functools.cache
def read_catalogue() -> tuple[PaperEntry, ...]:
    """The forty papers, in the order of the catalogue, whether or not there is a room for them."""
    text = resources.files("workingpapers.daily").joinpath("catalogue.toml").read_text(encoding="utf-8")
    return tuple(
        PaperEntry(
            title=table["title"],
            summary=table["summary"],
            summary_kind="ours",
            author_count=table["author_count"],
            published=table["published"],
            listed=table["published"],
            arxiv=table["arxiv"],
            slug=table["slug"],
            topics=tuple(table["topics"]),
            source="catalogue",
            url=f"https://arxiv.org/abs/{table['arxiv']}",
        )
        for table in tomllib.loads(text)["paper"]
    )


def sync_catalogue(database: Database) -> None:
    """Bring the papers of the catalogue and of the installed rooms up to date, in one transaction.

    A paper with a room is built; one without is not, also when its room has gone since. Where nothing changed since
    the last time, nothing is written.

    Raises:
        StoreError: the database cannot be written.
    """
    entries = _entries()
    fingerprint = hashlib.sha256(repr((_VERSION, entries)).encode()).hexdigest()
    with database.read() as session:
        if session.scalar(select(NoteRow.value).where(NoteRow.name == _REMEMBERED)) == fingerprint:
            return
    with database.write() as session:
        add_papers(session, entries)
        _close_rooms(session, {entry.slug for entry in entries if entry.built})
        session.merge(NoteRow(name=_REMEMBERED, value=fingerprint))


def _entries() -> tuple[PaperEntry, ...]:
    """The catalogue, with what the rooms say of their papers, and then the rooms that are in no catalogue."""
    rooms = {paper.slug: paper for paper in registry.papers()}
    listed = tuple(
        _with_room(entry, rooms.pop(entry.slug)) if entry.slug in rooms else entry for entry in read_catalogue()
    )
    return listed + tuple(_with_room(None, paper) for paper in rooms.values())


def _with_room(entry: PaperEntry | None, paper: Paper) -> PaperEntry:
    published = _day(paper.published)
    base = entry or PaperEntry(
        title=paper.title, slug=paper.slug, published=published, listed=published, arxiv=paper.arxiv
    )
    return replace(
        base,
        title=paper.title,
        summary=paper.summary,
        summary_kind="ours",
        authors=paper.authors,
        topics=tuple(dict.fromkeys((*base.topics, *paper.topics))),
        source="room",
        url=base.url or f"https://arxiv.org/abs/{paper.arxiv}",
        code_url=paper.code,
        built=True,
        usage=paper.usage,
        claims=tuple(_claim(claim) for claim in paper.claims),
    )


def _claim(claim: Claim) -> ClaimEntry:
    details: dict[str, Any] = asdict(claim)
    for name in ("id", "says", "metric", "predicate", "source"):
        del details[name]
    return ClaimEntry(claim.id, claim.says, claim.metric, claim.predicate, claim.source, details)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:  # a room may give it in words
        return None


def _close_rooms(session: Session, open_: set[str | None]) -> None:
    """Papers whose room has gone, a third party's that was uninstalled too, are not built any more."""
    for row in session.scalars(select(PaperRow).where(PaperRow.built)).all():
        if row.slug not in open_:
            row.built, row.usage = False, ""
            session.execute(delete(ClaimRow).where(ClaimRow.paper_id == row.id))
            index_text(session, [row.id])
