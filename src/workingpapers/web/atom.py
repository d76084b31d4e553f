"""Atom feeds (RFC 4287) of every list and search, and of the claims whose verdicts changed.

An entry's id is made from what the paper is, so that it stays the same under every address and in every copy of the
database.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import NAMESPACE_URL, uuid5
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from workingpapers.daily import feed
from workingpapers.daily.feed import Page, PaperCard
from workingpapers.daily.identity import title_key
from workingpapers.daily.papers import paper_key
from workingpapers.daily.tables import ClaimRow, EventRow, PaperRow
from workingpapers.web.pages.links import address
from workingpapers.web.people import require
from workingpapers.web.periods import day_of, month_of, week_of
from workingpapers.web.share_content import counted
from workingpapers.web.state import state_of

router = APIRouter(default_response_class=Response)

_NAMESPACE = uuid5(NAMESPACE_URL, "urn:workingpapers")
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""
_MOST_CHANGES = 200

PageNumber = Annotated[int, Query(ge=1, le=100_000, description="Number of the page, from 1.")]
Built = Annotated[bool | None, Query(description="Only papers that can be run here, or only the others.")]


@dataclass(frozen=True)
class Entry:
    """One entry of a feed.

    Args:
        id: What makes it this entry and no other.
        title: Plain text.
        link: Where it leads.
        updated: When it last changed in a way that readers should see.
        text: Plain text.
        published: When it appeared.
        authors: Names.
        topics: Slugs and names.
        paper: Where the paper itself is.
    """

    id: str
    title: str
    link: str
    updated: datetime
    text: str
    published: datetime | None = None
    authors: tuple[str, ...] = ()
    topics: tuple[tuple[str, str], ...] = ()
    paper: str | None = None


@router.get("/atom.xml", summary="Feed of the newest papers")
def newest(request: Request, page: PageNumber = 1, built: Built = None) -> Response:
    """The newest papers."""
    return _latest(request, "newest papers", "new", page, built)


@router.get("/trending.atom", summary="Feed of the trending papers")
def trending(request: Request, page: PageNumber = 1, built: Built = None) -> Response:
    """The trending papers."""
    return _latest(request, "trending papers", "trending", page, built)


@router.get("/topics/{slug}.atom", summary="Feed of a topic")
def topic(request: Request, slug: str, page: PageNumber = 1) -> Response:
    """The newest papers of a topic."""
    return _listed(
        request,
        f"topic {slug}",
        f"/topics/{slug}",
        lambda s, who: feed.latest(s, who, order="new", topic=slug, page=page),
    )


@router.get("/day/{day}.atom", summary="Feed of a day")
def of_day(request: Request, day: str, page: PageNumber = 1) -> Response:
    """The papers of a day."""
    wanted = day_of(day)
    return _listed(request, day, f"/day/{day}", lambda s, who: feed.day(s, who, wanted, page=page))


@router.get("/week/{week}.atom", summary="Feed of a week")
def of_week(request: Request, week: str, page: PageNumber = 1) -> Response:
    """The papers of an ISO week."""
    year, number = week_of(week)
    return _listed(request, week, f"/week/{week}", lambda s, who: feed.week(s, who, year, number, page=page))


@router.get("/month/{month}.atom", summary="Feed of a month")
def of_month(request: Request, month: str, page: PageNumber = 1) -> Response:
    """The papers of a month."""
    year, number = month_of(month)
    return _listed(request, month, f"/month/{month}", lambda s, who: feed.month(s, who, year, number, page=page))


@router.get("/starred.atom", summary="Feed of your starred papers")
def starred(request: Request, page: PageNumber = 1) -> Response:
    """The papers that you starred."""
    require(request, "reader", "a feed of your stars")
    return _listed(request, "starred papers", "/starred", lambda s, who: feed.starred(s, who, page=page))


@router.get("/search.atom", summary="Feed of a search")
def found(
    request: Request,
    q: Annotated[str, Query(max_length=1000, description="What to look for.")] = "",
    mode: Literal["hybrid", "words", "meaning"] = "hybrid",
    page: PageNumber = 1,
) -> Response:
    """What a search finds, best first."""
    state = state_of(request)
    base = state.settings.base_url
    result = state.search.search(q, person_id=request.state.person.id, page=page, mode=mode)
    with state.database.read() as session:
        entries = _entries(session, [hit.card for hit in result.hits], base)
    query = {"q": q} | ({"mode": mode} if mode != "hybrid" else {})
    return _feed(request, f"search for {q}", f"/search?{urlencode(query)}", entries, result.previous, result.next)


@router.get("/changes.atom", summary="Feed of claims whose verdicts changed")
def changes(request: Request) -> Response:
    """Claims whose verdict changed at the same scale, the newest change first."""
    state = state_of(request)
    base = state.settings.base_url
    with state.database.read() as session:
        rows = session.execute(
            select(EventRow, PaperRow, ClaimRow.says)
            .join(PaperRow, PaperRow.id == EventRow.paper_id)
            .outerjoin(ClaimRow, (ClaimRow.paper_id == EventRow.paper_id) & (ClaimRow.claim == EventRow.claim))
            .where(EventRow.before.is_not(None))
            .order_by(EventRow.at.desc(), EventRow.id.desc())
            .limit(_MOST_CHANGES)
        ).all()
        entries = [
            Entry(
                id=f"change:{event.run_id}:{event.claim}",
                title=f"{paper.title}: {event.claim}, {event.before} → {event.after} at {event.scale} scale",
                link=f"{base}/papers/{paper_key(paper)}",
                updated=event.at,
                published=event.at,
                text=f"{says or event.claim} Was: {event.before}. Now: {event.after}. Scale: {event.scale}.",
                authors=tuple(paper.authors),
            )
            for event, paper, says in rows
        ]
    return _feed(request, "claims that changed", "/", entries, None, None)


def _listed(request: Request, name: str, path: str, read: Callable[[Session, int], Page]) -> Response:
    state = state_of(request)
    with state.database.read() as session:
        page = read(session, request.state.person.id)
        entries = _entries(session, page.cards, state.settings.base_url)
    return _feed(request, name, path, entries, page.previous, page.next)


def _entries(session: Session, cards: Sequence[PaperCard], base: str) -> list[Entry]:
    measured = _measured(session, [card.id for card in cards])
    return [_entry(card, base, measured.get(card.id)) for card in cards]


def _measured(session: Session, ids: Sequence[int]) -> dict[int, datetime]:
    """When verdicts of papers last became known or changed."""
    rows = session.execute(select(EventRow.paper_id, EventRow.at).where(EventRow.paper_id.in_(ids)))
    newest: dict[int, datetime] = {}
    for paper_id, at in rows:
        newest[paper_id] = max(at, newest.get(paper_id, at))
    return newest


def _entry(card: PaperCard, base: str, measured: datetime | None) -> Entry:
    listed = _midnight(card.listed)
    verdicts = "Not built yet." if not card.built else "Not measured yet."
    if card.counts is not None:
        told = ", ".join(counted(name, count) for name, count in card.counts.items() if count)
        verdicts = f"Verdicts at {card.scale} scale: {told}."
    return Entry(
        id=f"paper:{card.arxiv or card.slug or title_key(card.title)}",
        title=card.title,
        link=f"{base}/papers/{card.key}",
        updated=max(listed, measured) if measured is not None else listed,
        published=_midnight(card.published or card.listed),
        text=f"{card.summary}\n\n{verdicts}".strip(),
        authors=tuple(card.authors),
        topics=tuple((topic.slug, topic.name) for topic in card.topics),
        paper=card.url,
    )


def _latest(request: Request, name: str, order: Literal["trending", "new"], page: int, built: bool | None) -> Response:
    named = name if built is None else f"{name} that {'run here' if built else 'nobody has built here yet'}"
    shown = {"order": None if order == "trending" else order, "built": built}
    list_of = address("/", **shown)
    return _listed(request, named, list_of, lambda s, who: feed.latest(s, who, order=order, page=page, built=built))


def _feed(
    request: Request, name: str, path: str, entries: Sequence[Entry], previous: int | None, following: int | None
) -> Response:
    """The document.

    Args:
        request: Whose address is the feed's own.
        name: What it lists.
        path: The page with the same list.
        entries: What it lists, in the page's order.
        previous: Number of the page before, where there is one.
        following: Number of the page after, where there is one.
    """
    base = state_of(request).settings.base_url
    query: Mapping[str, Any] = dict(request.query_params)
    own = request.url.path + (f"?{urlencode(query)}" if query else "")
    root = Element("feed", {"xmlns": "http://www.w3.org/2005/Atom", "xml:lang": "en"})
    _text(root, "id", _urn(f"feed:{own}"))
    _text(root, "title", f"Working Papers: {name}")
    _text(root, "updated", _stamp(max((entry.updated for entry in entries), default=_midnight(date.today()))))
    _link(root, "self", base + own, "application/atom+xml")
    _link(root, "alternate", base + path, "text/html")
    for relation, number in (("previous", previous), ("next", following)):
        if number is not None:
            address = f"{base}{request.url.path}?{urlencode({**query, 'page': number})}"
            _link(root, relation, address, "application/atom+xml")
    _text(SubElement(root, "author"), "name", "Working Papers")
    for entry in entries:
        _add(root, entry)
    body = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return Response(body, media_type="application/atom+xml; charset=utf-8")


def _add(root: Element, entry: Entry) -> None:
    node = SubElement(root, "entry")
    _text(node, "id", _urn(entry.id))
    _text(node, "title", entry.title)
    _text(node, "updated", _stamp(entry.updated))
    if entry.published is not None:
        _text(node, "published", _stamp(entry.published))
    _link(node, "alternate", entry.link, "text/html")
    if entry.paper is not None:
        _link(node, "related", entry.paper, None)
    for name in entry.authors:
        _text(SubElement(node, "author"), "name", name)
    for slug, label in entry.topics:
        SubElement(node, "category", {"term": _clean(slug), "label": _clean(label)})
    _text(node, "summary", entry.text)


def _text(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = _clean(text)


def _link(parent: Element, relation: str, address: str, kind: str | None) -> None:
    attributes = {"rel": relation, "href": _clean(address)} | ({"type": kind} if kind else {})
    SubElement(parent, "link", attributes)


def _clean(text: str) -> str:
    return _FORBIDDEN.sub(" ", text)


def _urn(name: str) -> str:
    return uuid5(_NAMESPACE, name).urn


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
