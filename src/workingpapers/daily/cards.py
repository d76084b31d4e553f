"""What a list of papers shows of each: one card, made with two statements for any number of them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from workingpapers.bench.protocols import VERDICTS
from workingpapers.daily.database import now
from workingpapers.daily.entries import safe_address
from workingpapers.daily.identity import paper_key
from workingpapers.daily.trending import score_of


@dataclass(frozen=True)
class Topic:
    """A topic; `slug` is its name in an address."""

    slug: str
    name: str


@dataclass(frozen=True)
class PaperCard:
    """A paper in a list, as one person sees it.

    Args:
        id: Its number.
        key: Its name in an address.
        slug: Its name in the catalogue, if it is one of ours.
        arxiv: Its arXiv id, without version.
        title: Its title.
        summary: The abstract, or our own words.
        summary_kind: `ours` or `abstract`.
        authors: Names, as far as they are known.
        author_count: How many authors there are.
        published: The day it first appeared.
        listed: The day in whose feed it stands.
        topics: What it is about.
        source: Where its description is from.
        url: Where it can be read.
        built: Whether it can be run here.
        counts: Number of claims by verdict in the run that is shown; None where nothing was measured.
        scale: The scale of that run.
        marks: What is to be said beside its verdicts, such as `older code`.
        run_id: That run.
        votes: Votes here.
        upvotes: Votes elsewhere.
        trending: The score at the moment the card was made.
        voted: Whether this person voted for it.
        starred: Whether this person starred it.
        read: Whether this person read it.
        note: This person's note on it.
    """

    id: int
    key: str
    slug: str | None
    arxiv: str | None
    title: str
    summary: str
    summary_kind: str
    authors: tuple[str, ...]
    author_count: int
    published: date | None
    listed: date
    topics: tuple[Topic, ...]
    source: str
    url: str | None
    built: bool
    counts: dict[str, int] | None
    scale: str | None
    marks: tuple[str, ...]
    run_id: str | None
    votes: int
    upvotes: int
    trending: float
    voted: bool
    starred: bool
    read: bool
    note: str


def cards(session: Session, ids: Iterable[int], person_id: int, at: datetime | None = None) -> list[PaperCard]:
    """The cards of papers, in the order of the ids; ids that are not there are passed over.

    Args:
        session: Where to read.
        ids: Numbers of papers.
        person_id: Whose votes, stars and notes to show; 0 for a stranger, who has none.
        at: The moment of the trending score; now where it is None.
    """
    names = {"ids": json.dumps(list(dict.fromkeys(ids))), "person": person_id}
    topics: dict[int, list[Topic]] = {}
    for paper, slug, name in session.execute(_TOPICS, {"ids": names["ids"]}):
        topics.setdefault(paper, []).append(Topic(slug, name))
    moment = at or now()
    found = {row.id: row for row in session.execute(_CARDS, names)}
    return [_card(row, tuple(topics.get(paper, ())), moment) for paper, row in found.items()]


def _card(row: Row[Any], topics: tuple[Topic, ...], moment: datetime) -> PaperCard:
    counts = None if row.counts is None else json.loads(row.counts)
    return PaperCard(
        id=row.id,
        key=paper_key(row),
        slug=row.slug,
        arxiv=row.arxiv,
        title=row.title,
        summary=row.summary,
        summary_kind=row.summary_kind,
        authors=tuple(json.loads(row.authors)),
        author_count=row.author_count,
        published=None if row.published is None else date.fromisoformat(row.published),
        listed=date.fromisoformat(row.listed),
        topics=topics,
        source=row.source,
        url=safe_address(row.url),
        built=bool(row.built),
        counts=None if counts is None else {name: int(counts.get(name, 0)) for name in VERDICTS},
        scale=row.scale,
        marks=() if row.marks is None else tuple(json.loads(row.marks)),
        run_id=row.run_id,
        votes=row.votes,
        upvotes=row.upvotes,
        trending=score_of(row.heat, moment),
        voted=bool(row.voted),
        starred=row.starred is not None,
        read=row.read is not None,
        note=row.note or "",
    )


_CARDS = text(
    """
    SELECT p.id, p.slug, p.arxiv, p.title, p.summary, p.summary_kind, p.authors, p.author_count, p.published, p.listed,
        p.source, p.url, p.built, p.upvotes, p.heat, r.id AS run_id, r.counts, r.scale, r.marks,
        (SELECT count(*) FROM votes WHERE paper_id = p.id) AS votes,
        EXISTS (SELECT 1 FROM votes WHERE paper_id = p.id AND person_id = :person) AS voted,
        m.starred, m.read, m.note
    FROM json_each(:ids) wanted
    CROSS JOIN papers p ON p.id = wanted.value
    LEFT JOIN runs r ON r.paper_id = p.id AND r.newest
    LEFT JOIN marks m ON m.paper_id = p.id AND m.person_id = :person
    ORDER BY wanted.key
    """
)
_TOPICS = text(
    """
    SELECT pt.paper_id, t.slug, t.name
    FROM json_each(:ids) wanted
    CROSS JOIN paper_topics pt ON pt.paper_id = wanted.value
    JOIN topics t ON t.id = pt.topic_id
    ORDER BY t.id
    """
)
