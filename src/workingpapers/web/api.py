"""The part of the Hugging Face Daily Papers API that its clients use, under the same paths and field names.

`HfApi(endpoint="http://127.0.0.1:8000")` lists, searches and reads our papers. What only we know (verdicts) is under
`workingPapers`.
"""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import PlainTextResponse, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from workingpapers.daily import feed
from workingpapers.daily.entries import safe_address
from workingpapers.daily.feed import PaperCard
from workingpapers.daily.papers import find_paper
from workingpapers.daily.tables import ClaimRow, PaperRow
from workingpapers.errors import InvalidParameterError
from workingpapers.web.api_shapes import ApiDailyPaper, ApiError, ApiPaper
from workingpapers.web.periods import day_of, month_of, week_of
from workingpapers.web.respond import json_response
from workingpapers.web.share_content import counted
from workingpapers.web.state import state_of

router = APIRouter(responses={400: {"model": ApiError}, 404: {"model": ApiError}})

_ORDERS: dict[str, Literal["trending", "new"]] = {"publishedAt": "new", "trending": "trending"}


@router.get("/api/daily_papers", response_model=list[ApiDailyPaper], summary="Daily papers")
def daily_papers(
    request: Request,
    date: Annotated[str | None, Query(description="A day, such as 2026-11-23.")] = None,
    week: Annotated[str | None, Query(description="An ISO week, such as 2026-W48.")] = None,
    month: Annotated[str | None, Query(description="A month, such as 2026-11.")] = None,
    submitter: Annotated[str | None, Query(description="Not kept here: any value is refused.")] = None,
    sort: Annotated[Literal["publishedAt", "trending"], Query(description="What comes first.")] = "publishedAt",
    p: Annotated[int, Query(ge=0, le=100_000, description="Number of the page, from 0.")] = 0,
    limit: Annotated[int, Query(ge=1, le=100, description="Papers on a page.")] = 50,
) -> Response:
    """The papers of a day, a week or a month; without one of these, the newest."""
    periods = {"date": date, "week": week, "month": month}
    given = {name: value for name, value in periods.items() if value is not None}
    if len(given) > 1:
        raise InvalidParameterError(f"{' and '.join(given)} exclude each other; give one of them")
    if submitter is not None:
        raise InvalidParameterError(f"submitter {submitter[:100]!r}: this page does not show who submitted a paper")
    with state_of(request).database.read() as session:
        who: dict[str, Any] = {"order": _ORDERS[sort], "page": p + 1, "per_page": limit}
        person = request.state.person.id
        if date is not None:
            page = feed.day(session, person, day_of(date), **who)
        elif week is not None:
            page = feed.week(session, person, *week_of(week), **who)
        elif month is not None:
            page = feed.month(session, person, *month_of(month), **who)
        else:
            page = feed.latest(session, person, **who)
        return json_response([_daily(request, card) for card in page.cards])


@router.get("/api/papers/search", response_model=list[ApiDailyPaper], summary="Search")
def search(
    request: Request,
    q: Annotated[str, Query(max_length=1000, description="What to look for, in any words.")] = "",
    limit: Annotated[int, Query(ge=1, le=100, description="Papers at most.")] = 20,
) -> Response:
    """The papers that fit a query, best first; without one, the newest."""
    state, person = state_of(request), request.state.person.id
    if q.strip():
        found = state.search.search(q, person_id=person, per_page=limit)
        cards: Sequence[PaperCard] = [hit.card for hit in found.hits]
    else:
        with state.database.read() as session:
            cards = feed.latest(session, person, order="new", per_page=limit).cards
    return json_response([_daily(request, card) for card in cards])


@router.get("/api/papers/{id:path}", response_model=ApiPaper, summary="A paper")
def paper(request: Request, id: str) -> Response:
    """One paper by its arXiv id, its slug, or the id that a list gave."""
    with state_of(request).database.read() as session:
        row = find_paper(session, id)
        (card,) = feed.cards(session, [row.id], request.state.person.id)
        shown = _paper(request, card)
        if code := safe_address(row.code_url):
            shown["githubRepo"] = code
    return json_response(shown)


@router.get("/papers/{key:path}.md", response_class=PlainTextResponse, summary="A paper as Markdown")
def markdown(request: Request, key: str) -> Response:
    """What the page knows of a paper, as Markdown."""
    with state_of(request).database.read() as session:
        row = find_paper(session, key)
        (card,) = feed.cards(session, [row.id], request.state.person.id)
        text = _markdown(session, row, card, state_of(request).settings.base_url)
    return Response(text.encode(), media_type="text/markdown; charset=utf-8")


def _daily(request: Request, card: PaperCard) -> dict[str, Any]:
    base = state_of(request).settings.base_url
    return {
        "paper": _paper(request, card),
        "publishedAt": _moment(card.listed),
        "title": card.title,
        "summary": card.summary,
        "thumbnail": f"{base}/papers/{card.key}/card.png",
        "numComments": 0,
        "isAuthorParticipating": False,
    }


def _paper(request: Request, card: PaperCard) -> dict[str, Any]:
    base = state_of(request).settings.base_url
    return {
        "id": card.arxiv or card.key,
        "authors": [{"name": name, "hidden": False} for name in card.authors],
        "publishedAt": _moment(card.published or card.listed),
        "submittedOnDailyAt": _moment(card.listed),
        "title": card.title,
        "summary": card.summary,
        "upvotes": card.votes + card.upvotes,
        "source": "arxiv" if card.arxiv else card.source,
        "projectPage": f"{base}/papers/{card.key}",
        "workingPapers": {
            "key": card.key,
            "built": card.built,
            "verdicts": card.counts,
            "scale": card.scale,
            "topics": [topic.slug for topic in card.topics],
            "authorCount": card.author_count,
        },
    }


def _moment(day: date) -> str:
    return datetime.combine(day, time(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _markdown(session: Session, row: PaperRow, card: PaperCard, base: str) -> str:
    lines = [f"# {_plain(card.title)}", ""]
    known = ", ".join(card.authors)
    more = card.author_count - len(card.authors)
    if known or more > 0:
        lines += [
            _plain(known) + (f"{' and ' if known else ''}{more} {'more' if known else 'authors'}" if more > 0 else "")
        ]
    lines += [f"arXiv: {card.arxiv}"] if card.arxiv else []
    lines += [f"Published: {card.published.isoformat()}"] if card.published else []
    lines += [f"Page: {base}/papers/{card.key}", "", card.summary, ""]
    claims = session.scalars(select(ClaimRow).where(ClaimRow.paper_id == row.id).order_by(ClaimRow.position)).all()
    if claims:
        lines += ["## Claims", ""]
        lines += [f"- {_plain(claim.says)} (`{claim.claim}`: {claim.metric}, {claim.predicate})" for claim in claims]
        lines += [""]
    if card.counts is not None:
        told = ", ".join(counted(name, count) for name, count in card.counts.items() if count)
        lines += ["## Verdicts", "", f"{told} at {card.scale} scale.", ""]
    if row.usage:
        lines += ["## Use it", "", "```python", row.usage.rstrip(), "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
