"""Papers going into the database and being found there: no paper twice, its text index in the same transaction."""

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from workingpapers.daily.entries import ClaimEntry, PaperEntry, check_entry, topic_slug
from workingpapers.daily.identity import arxiv_id, arxiv_of_key, paper_key, title_key
from workingpapers.daily.merging import Merge
from workingpapers.daily.tables import PaperRow
from workingpapers.errors import UnknownNameError

__all__ = [
    "ClaimEntry",
    "ImportReport",
    "PaperEntry",
    "add_papers",
    "arxiv_id",
    "find_paper",
    "index_text",
    "paper_key",
    "title_key",
    "topic_slug",
]

_NUMBER_KEY = re.compile(r"p([1-9][0-9]{0,17})", re.ASCII)


@dataclass(frozen=True)
class ImportReport:
    """What an import did, by ids of papers; each stands in one of the three."""

    added: tuple[int, ...]
    updated: tuple[int, ...]
    unchanged: tuple[int, ...]


def add_papers(session: Session, entries: Iterable[PaperEntry], *, submitted_by: int | None = None) -> ImportReport:
    """Put papers in, each once, and bring those that are there up to date.

    An entry is the same paper as a row with its slug, else with its arXiv id, else with its title where one of the two
    has no arXiv id. The more trusted source wins (`entries.RANK`); a lesser one only fills what is missing. A summary
    in our own words is never replaced by an abstract. A paper stays in the feed of the day on which it was first
    listed unless a more trusted source lists it on another, or one as trusted on an earlier; arXiv, which has no feed,
    never moves it, and no day is later than today. Votes elsewhere are those that the Hub gave last, and without the
    Hub those that were given first. What is already there stays as it is: a second import of the same entries changes
    nothing.

    Args:
        session: A writing session; its transaction is the import's.
        entries: What a source gave.
        submitted_by: The person who asked for them; kept with those that are new.

    Raises:
        InvalidParameterError, InvalidTypeError: an entry cannot be used; the message says which. Nothing was written.
    """
    checked = [check_entry(entry, position) for position, entry in enumerate(entries, 1)]
    session.flush()
    merge = Merge(session, checked, submitted_by)
    merge.take(checked)
    added, updated, unchanged = merge.write()
    index_text(session, merge.texts())
    for row in session.identity_map.values():
        if isinstance(row, PaperRow):
            session.expire(row)
    return ImportReport(added, updated, unchanged)


def index_text(session: Session, paper_ids: Iterable[int]) -> None:
    """Make the full-text index of papers anew from the tables; papers that are gone leave it."""
    ids = json.dumps(sorted(set(paper_ids)))
    session.flush()
    session.execute(text("DELETE FROM paper_text WHERE rowid IN (SELECT value FROM json_each(:ids))"), {"ids": ids})
    session.execute(_INDEX, {"ids": ids})


def find_paper(session: Session, key: str) -> PaperRow:
    """The paper of a name in an address: a slug, an arXiv id (`cs-0112017` for the old style) or `p` and its number.

    Raises:
        UnknownNameError: there is none.
    """
    wanted = key.strip().encode("utf-8", "replace").decode()
    row = session.scalar(select(PaperRow).where(PaperRow.slug == wanted.lower().replace("_", "-")))
    if row is None and (match := _NUMBER_KEY.fullmatch(wanted)):
        row = session.get(PaperRow, int(match[1]))
    if row is None and (arxiv := arxiv_of_key(wanted)) is not None:
        row = session.scalar(select(PaperRow).where(PaperRow.arxiv == arxiv))
    if row is not None:
        return row
    slugs = session.scalars(select(PaperRow.slug).where(PaperRow.slug.is_not(None))).all()
    near = difflib.get_close_matches(wanted[:100].lower(), [slug for slug in slugs if slug is not None], n=3)
    hint = (
        f"did you mean {', '.join(near)}?" if near else "give a slug of the catalogue or the arXiv id of a paper here"
    )
    shown = wanted if len(wanted) <= 80 else f"{wanted[:80]}…"
    raise UnknownNameError(f"no paper is called {shown!r}; {hint}")


_INDEX = text(
    """
    INSERT INTO paper_text (rowid, title, authors, topics, summary, claims)
    SELECT p.id, p.title,
        (SELECT coalesce(group_concat(value, '; '), '') FROM json_each(p.authors)),
        (SELECT coalesce(group_concat(t.name, '; '), '') FROM paper_topics pt JOIN topics t ON t.id = pt.topic_id
         WHERE pt.paper_id = p.id),
        p.summary,
        (SELECT coalesce(group_concat(c.says, ' '), '')
         FROM (SELECT says FROM claims WHERE paper_id = p.id ORDER BY position) c)
    FROM papers p WHERE p.id IN (SELECT value FROM json_each(:ids))
    """
)
