"""The lists of papers: newest and trending, by day, week and month, by topic, starred; page by page.

Every list is one walk along an index and one look-up of its cards. What a whole table must be counted for (topics,
totals) is counted once per state of the database and connection.
"""

import difflib
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, TypedDict, TypeVar, Unpack, cast

from sqlalchemy import text
from sqlalchemy.orm import Session

from workingpapers.daily.cards import PaperCard, Topic, cards
from workingpapers.daily.periods import Period, day_of, month_of, period_of, week_of
from workingpapers.errors import InvalidParameterError, UnknownNameError

__all__ = [
    "ORDERS",
    "Choice",
    "Page",
    "PaperCard",
    "Topic",
    "cards",
    "day",
    "latest",
    "month",
    "neighbours",
    "starred",
    "topics",
    "week",
    "within",
]

ORDERS = ("trending", "new")
PER_PAGE = 40
MOST_PER_PAGE = 200

_BY = {"trending": "p.heat", "new": "p.listed"}
_PROBE = 0.5
"""Cost of asking whether a paper has a topic, against that of fetching a paper of a topic."""
_T = TypeVar("_T")


@dataclass(frozen=True)
class Page:
    """One page of a list.

    Args:
        cards: Its papers.
        total: How many papers the whole list has.
        page: Its number, from 1.
        pages: How many pages there are; at least 1.
        per_page: Papers per page.
        previous: The page before, or None. After the last page, the last one.
        next: The page after, or None.
    """

    cards: tuple[PaperCard, ...]
    total: int
    page: int
    pages: int
    per_page: int
    previous: int | None
    next: int | None


@dataclass(frozen=True)
class _List:
    """Which papers in which order."""

    order: str
    topic: int | None = None
    topic_total: int = 0
    built: bool | None = None
    period: Period | None = None


class Choice(TypedDict, total=False):
    """Which papers of a list in which order, and which page of it: the options that all lists share."""

    order: str
    page: int
    per_page: int
    topic: str | None
    built: bool | None


def latest(session: Session, person_id: int, **choice: Unpack[Choice]) -> Page:
    """All papers.

    Args:
        session: Where to read.
        person_id: Whose votes, stars and notes the cards show; 0 for a stranger.
        choice: `order` is `trending`, or `new` by the day they were listed. `page` counts from 1; one after the last
            is empty. `per_page` is 1 to `MOST_PER_PAGE`. `topic` is the slug of a topic that they must have. `built`
            is True for those that can be run here, False for the others.

    Raises:
        InvalidParameterError: order, page or per_page is outside what is allowed.
        UnknownNameError: there is no such topic.
    """
    return _page(session, person_id, None, **choice)


def within(session: Session, person_id: int, period: Period, **choice: Unpack[Choice]) -> Page:
    """The papers of a day, a week or a month; arguments and errors as for `latest`."""
    return _page(session, person_id, period, **choice)


def day(session: Session, person_id: int, day: date, **choice: Unpack[Choice]) -> Page:
    """The papers of one day; arguments and errors as for `latest`."""
    return _page(session, person_id, day_of(day), **choice)


def week(session: Session, person_id: int, year: int, week: int, **choice: Unpack[Choice]) -> Page:
    """The papers of one ISO week; arguments and errors as for `latest`, and a week that the year has not is one."""
    return _page(session, person_id, week_of(year, week), **choice)


def month(session: Session, person_id: int, year: int, month: int, **choice: Unpack[Choice]) -> Page:
    """The papers of one month; arguments and errors as for `latest`, and a month that does not exist is one."""
    return _page(session, person_id, month_of(year, month), **choice)


def starred(session: Session, person_id: int, *, page: int = 1, per_page: int = PER_PAGE) -> Page:
    """What one person starred, the newest star first.

    Raises:
        InvalidParameterError: page or per_page is outside what is allowed.
    """
    _check_paging(page, per_page)
    total = _number(session, "SELECT count(*) FROM marks WHERE person_id = :person AND starred IS NOT NULL", person_id)
    ids = text(
        "SELECT paper_id FROM marks WHERE person_id = :person AND starred IS NOT NULL "
        "ORDER BY starred DESC, paper_id DESC LIMIT :limit OFFSET :offset"
    )
    found: list[int] = []
    if (offset := (page - 1) * per_page) < total:
        found += session.scalars(ids, {"person": person_id, "limit": per_page, "offset": offset})
    return _pack(session, person_id, found, total, page, per_page)


def neighbours(session: Session, kind: str, day: date) -> tuple[date | None, date | None]:
    """The first days of the nearest periods before and after that have papers, None where there is none.

    Args:
        session: Where to read.
        kind: `day`, `week` or `month`.
        day: Any day of the period.

    Raises:
        InvalidParameterError: the kind is unknown.
    """
    period = period_of(kind, day)
    found = session.execute(
        text(
            "SELECT (SELECT max(listed) FROM papers WHERE listed < :first), "
            "(SELECT min(listed) FROM papers WHERE listed > :last)"
        ),
        {"first": period.first.isoformat(), "last": period.last.isoformat()},
    ).one()
    previous, next_ = (None if one is None else period_of(kind, date.fromisoformat(one)).first for one in found)
    return previous, next_


def topics(session: Session) -> list[tuple[Topic, int]]:
    """All topics with the number of their papers, the largest first."""
    return [(topic, count) for topic, _, count in _topics(session).values()]


def _page(
    session: Session,
    person_id: int,
    period: Period | None,
    *,
    order: str = "trending",
    page: int = 1,
    per_page: int = PER_PAGE,
    topic: str | None = None,
    built: bool | None = None,
) -> Page:
    _check_paging(page, per_page)
    if order not in ORDERS:
        raise InvalidParameterError(f"order {order!r} is none of {', '.join(ORDERS)}")
    wanted = _List(order, built=built, period=period)
    if topic is not None:
        known = _topics(session)
        if topic not in known:
            near = difflib.get_close_matches(topic[:100], list(known), n=3)
            hint = f"did you mean {', '.join(near)}?" if near else "the list of topics shows all"
            raise UnknownNameError(f"no topic is called {topic[:80]!r}; {hint}")
        _, topic_id, count = known[topic]
        wanted = _List(order, topic_id, count, built, period)
    total = _total(session, wanted)
    offset = (page - 1) * per_page
    found = _ids(session, wanted, per_page, offset, total) if offset < total else []
    return _pack(session, person_id, found, total, page, per_page)


def _pack(session: Session, person_id: int, ids: list[int], total: int, page: int, per_page: int) -> Page:
    pages = max(1, math.ceil(total / per_page))
    return Page(
        cards=tuple(cards(session, ids, person_id)),
        total=total,
        page=page,
        pages=pages,
        per_page=per_page,
        previous=min(page - 1, pages) if page > 1 else None,
        next=page + 1 if page < pages else None,
    )


def _check_paging(page: int, per_page: int) -> None:
    if page < 1:
        raise InvalidParameterError(f"page {page}: pages are counted from 1")
    if not 1 <= per_page <= MOST_PER_PAGE:
        raise InvalidParameterError(f"{per_page} papers per page; give 1 to {MOST_PER_PAGE}")


def _ids(session: Session, wanted: _List, limit: int, offset: int, total: int) -> list[int]:
    """The papers of one page.

    SQLite is told which way to go, since without statistics it guesses: a `+` keeps a column's index out of use, and
    a CROSS JOIN keeps its order.
    """
    by = _BY[wanted.order]
    source, conditions = "papers p", []
    if wanted.period is not None:
        conditions.append("p.listed BETWEEN :first AND :last")
        by = f"+{by}" if wanted.order == "trending" else by
    if wanted.topic is not None and _through_topic(session, wanted, limit, offset, total):
        source = "paper_topics pt CROSS JOIN papers p ON p.id = pt.paper_id"
        conditions.append("pt.topic_id = :topic")
        by = f"+{by}"
    elif wanted.topic is not None:
        conditions.append("EXISTS (SELECT 1 FROM paper_topics WHERE paper_id = p.id AND topic_id = :topic)")
    if wanted.built is not None:
        conditions.append("p.built = :built" if source == "papers p" and wanted.period is None else "+p.built = :built")
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    statement = text(f"SELECT p.id FROM {source} {where} ORDER BY {by} DESC, p.id DESC LIMIT :limit OFFSET :offset")
    return list(session.scalars(statement, {"limit": limit, "offset": offset, **_names(wanted)}))


def _through_topic(session: Session, wanted: _List, limit: int, offset: int, total: int) -> bool:
    """Whether fetching all papers of the topic costs less than walking along the list until the page is full."""
    if wanted.period is not None or wanted.built:
        return False
    papers = _all_papers(session)
    steps = papers * min(1.0, (offset + limit) / total)
    return wanted.topic_total < steps * _PROBE


def _total(session: Session, wanted: _List) -> int:
    if wanted.period is None:
        name = f"total {wanted.topic} {wanted.built}"
        return _kept(session, name, lambda: _count(session, wanted))
    return _count(session, wanted)


def _count(session: Session, wanted: _List) -> int:
    if wanted.period is None and wanted.built is None:
        return _all_papers(session) if wanted.topic is None else wanted.topic_total
    if wanted.period is None and not wanted.built:
        both = _List(wanted.order, wanted.topic, wanted.topic_total)
        ours = _List(wanted.order, wanted.topic, wanted.topic_total, built=True)
        return _total(session, both) - _total(session, ours)
    conditions = []
    if wanted.period is not None:
        conditions.append("p.listed BETWEEN :first AND :last")
    if wanted.built is not None:
        conditions.append("p.built = :built" if wanted.period is None else "+p.built = :built")
    if wanted.topic is not None:
        conditions.append("EXISTS (SELECT 1 FROM paper_topics WHERE paper_id = p.id AND topic_id = :topic)")
    statement = text(f"SELECT count(*) FROM papers p WHERE {' AND '.join(conditions)}")
    return cast(int, session.scalar(statement, _names(wanted)))


def _names(wanted: _List) -> dict[str, Any]:
    names: dict[str, Any] = {}
    if wanted.period is not None:
        names |= {"first": wanted.period.first.isoformat(), "last": wanted.period.last.isoformat()}
    if wanted.topic is not None:
        names["topic"] = wanted.topic
    if wanted.built is not None:
        names["built"] = wanted.built
    return names


def _all_papers(session: Session) -> int:
    return _kept(session, "papers", lambda: _number(session, "SELECT count(*) FROM papers", 0))


def _topics(session: Session) -> dict[str, tuple[Topic, int, int]]:
    """By slug: the topic, its number, how many papers it has."""
    return _kept(session, "topics", lambda: _read_topics(session))


def _read_topics(session: Session) -> dict[str, tuple[Topic, int, int]]:
    found = session.execute(
        text(
            "SELECT t.id, t.slug, t.name, c.papers FROM topics t JOIN "
            "(SELECT topic_id, count(*) AS papers FROM paper_topics GROUP BY topic_id) c ON c.topic_id = t.id "
            "ORDER BY c.papers DESC, t.name"
        )
    )
    return {row.slug: (Topic(row.slug, row.name), row.id, row.papers) for row in found}


def _number(session: Session, statement: str, person_id: int) -> int:
    return cast(int, session.scalar(text(statement), {"person": person_id} if ":person" in statement else {}))


def _kept(session: Session, name: str, make: Callable[[], _T]) -> _T:
    """What `make` gives, kept with the connection for as long as nobody writes to the database.

    `data_version` moves with the writes of other connections, `total_changes` with those of this one. A writer's own
    view, which may yet be rolled back, is not kept.
    """
    connection = session.connection()
    raw: Any = connection.connection.dbapi_connection
    if raw is None or connection.get_execution_options().get("writer"):
        return make()
    state = (connection.exec_driver_sql("PRAGMA data_version").scalar(), raw.total_changes)
    kept: dict[str, Any] = connection.info.setdefault("feed", {})
    if kept.get("state") != state:
        kept.clear()
        kept["state"] = state
    if name not in kept:
        kept[name] = make()
    return cast(_T, kept[name])
