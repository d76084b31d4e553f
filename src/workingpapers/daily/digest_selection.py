"""Which papers stand in an issue.

`all` is everything that was added since the issue before, `trending` is what stands highest now and was not mailed
before. What stood in an issue that failed, or of which nobody knows whether it arrived, stands in the next one.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from workingpapers.daily.database import Database, now
from workingpapers.daily.identity import arxiv_of_key
from workingpapers.daily.subscription_request import FIRST_LOOK_BACK, Subscription
from workingpapers.daily.tables import IssueRow
from workingpapers.daily.trending import score_of

if TYPE_CHECKING:
    from workingpapers.daily.search.engine import SearchEngine

MAX_TRENDING = {"daily": 10, "weekly": 20}
MAX_ALL = 50
"""Of more, the highest stand in the mail, and a line says how many more there are."""
TRENDING_FLOOR = 0.1
"""A lower score is not trending. Only a first issue, which shows what the page is like, has such papers too."""
MAX_CHANGES = 20

NEAR = {"MiniLM": 0.35, "TF-IDF": 0.2}
"""How alike a saved search and a paper have to be, where the paper does not hold all words of the search."""


@dataclass(frozen=True)
class Change:
    """A claim whose verdict changed."""

    paper_id: int
    claim: str
    says: str
    scale: str
    before: str
    after: str


@dataclass(frozen=True)
class Selection:
    """What stands in an issue.

    Args:
        papers: Ids, the first one first.
        more: How many more fit that are not in `papers`.
        changes: Claims whose verdict changed since the issue before.
    """

    papers: tuple[int, ...]
    more: int
    changes: tuple[Change, ...]


def papers_near(engine: "SearchEngine", query: str) -> frozenset[int]:
    """The papers that are about what a saved search is about, though they may not hold its words."""
    least = NEAR.get(engine.engine, max(NEAR.values()))
    return frozenset(paper for paper, cosine in engine.rank(query, mode="meaning") if cosine >= least)


def settled_until(database: Database, at: datetime) -> datetime:
    """The newest moment, at most `at`, of which all papers are there: what is being written now is dated later."""
    with database.write():
        return min(at, now()) - timedelta(seconds=1)


def select_papers(
    session: Session, subscription: Subscription, until: datetime, near: frozenset[int] = frozenset()
) -> Selection:
    """The papers of the issue that a subscriber would get now.

    Args:
        session: Where to read.
        subscription: Whose issue.
        until: What was added later stands in the next issue.
        near: What `papers_near` gave for its search.
    """
    since = subscription.covered_until or until - FIRST_LOOK_BACK[subscription.frequency]
    names = {
        "since": _text(since),
        "until": _text(until),
        "topics": json.dumps(subscription.topics),
        "near": json.dumps(sorted(near)),
        "words": _all_words(subscription.query),
    }
    mailed, open_, first = _earlier(session, subscription.id)
    if subscription.selection == "all":
        rows = session.execute(text(_query(subscription, "p.added > :since AND p.added <= :until")), names)
        found = [row.id for row in rows]
        found = [*(paper for paper in open_ if paper not in set(found)), *found]
        papers, more = found[:MAX_ALL], max(0, len(found) - MAX_ALL)
    else:
        most = MAX_TRENDING[subscription.frequency]
        papers, more = list(open_)[:most], 0
        rows = session.execute(text(_query(subscription, "true")).execution_options(yield_per=200), names)
        for row in rows:
            if len(papers) >= most or not (first or score_of(row.heat, until) >= TRENDING_FLOOR):
                break
            if row.id not in mailed and row.id not in open_:
                papers.append(row.id)
        rows.close()
    return Selection(tuple(papers), more, _changes(session, subscription, names))


def papers_of_keys(session: Session, keys: Iterable[str]) -> list[int]:
    """The ids of papers by their names in addresses, in order; names that mean no paper any more are passed over."""
    wanted = list(dict.fromkeys(keys))
    arxiv = {number: key for key in wanted if (number := arxiv_of_key(key)) is not None}
    numbers = [int(key[1:]) for key in wanted if key[:1] == "p" and key[1:].isdecimal()]
    rows = session.execute(
        text(
            "SELECT id, slug, arxiv FROM papers WHERE slug IN (SELECT value FROM json_each(:keys)) "
            "OR arxiv IN (SELECT value FROM json_each(:arxiv)) OR id IN (SELECT value FROM json_each(:numbers))"
        ),
        {"keys": json.dumps(wanted), "arxiv": json.dumps(list(arxiv)), "numbers": json.dumps(numbers)},
    )
    ids: dict[str, int] = {}
    for row in rows:
        for key in (row.slug, arxiv.get(row.arxiv), f"p{row.id}"):
            if key is not None:
                ids.setdefault(key, row.id)
    return list(dict.fromkeys(ids[key] for key in wanted if key in ids))


def _earlier(session: Session, subscription_id: int) -> tuple[set[int], dict[int, None], bool]:
    """What was mailed, what was to be mailed since and may not have arrived, and whether nothing was mailed yet."""
    mailed: list[str] = []
    open_: list[str] = []
    first = True
    rows = select(IssueRow.status, IssueRow.papers).where(IssueRow.subscription_id == subscription_id)
    for status, papers in session.execute(rows.order_by(IssueRow.created, IssueRow.id)):
        if status == "sent":
            mailed, open_, first = [*mailed, *papers], [], False
        elif status in ("failed", "unknown"):
            open_ = [*open_, *papers]
    arrived = set(papers_of_keys(session, mailed))
    return arrived, dict.fromkeys(paper for paper in papers_of_keys(session, open_) if paper not in arrived), first


def _query(subscription: Subscription, condition: str) -> str:
    return f"SELECT p.id, p.heat FROM papers p WHERE {condition} {_fits(subscription)} ORDER BY p.heat DESC, p.id DESC"


def _fits(subscription: Subscription) -> str:
    """The condition that a paper `p` is about the topics and the search of a subscription; without values."""
    conditions = ""
    if subscription.topics:
        conditions += (
            " AND p.id IN (SELECT pt.paper_id FROM paper_topics pt JOIN topics t ON t.id = pt.topic_id "
            "WHERE t.slug IN (SELECT value FROM json_each(:topics)))"
        )
    if subscription.query:
        conditions += (
            " AND (p.id IN (SELECT value FROM json_each(:near)) "
            "OR p.id IN (SELECT rowid FROM paper_text WHERE paper_text MATCH :words))"
        )
    return conditions


def _all_words(query: str) -> str:
    """The search as the text index takes it: all of its words, none of them as syntax."""
    from workingpapers.daily.search.words import telling, words_of

    return " AND ".join(f'"{word}"' for word in telling(words_of(query)))


def _changes(session: Session, subscription: Subscription, names: dict[str, Any]) -> tuple[Change, ...]:
    rows = session.execute(
        text(
            "SELECT p.id, e.claim, coalesce(c.says, e.claim) AS says, e.scale, e.before, e.after FROM events e "
            "JOIN papers p ON p.id = e.paper_id LEFT JOIN claims c ON c.paper_id = p.id AND c.claim = e.claim "
            f"WHERE e.before IS NOT NULL AND e.at > :since AND e.at <= :until {_fits(subscription)} "
            f"ORDER BY e.at DESC, e.id LIMIT {MAX_CHANGES}"
        ),
        names,
    )
    return tuple(Change(row.id, row.claim, row.says, row.scale, row.before, row.after) for row in rows)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
