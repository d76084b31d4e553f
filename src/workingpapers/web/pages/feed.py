"""The lists of papers: the front page, and those of a day, a week, a month."""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from workingpapers.daily import feed
from workingpapers.daily.periods import period_of
from workingpapers.daily.trending import FORMULA
from workingpapers.web import periods
from workingpapers.web.pages import links
from workingpapers.web.pages.judged import judged_claims, latest_changes
from workingpapers.web.people import person_of
from workingpapers.web.respond import page as route
from workingpapers.web.respond import respond
from workingpapers.web.state import state_of

router = APIRouter()

Order = Literal["trending", "new"]
PageNumber = Annotated[int, Query(alias="page", ge=1, le=100_000)]
PerPage = Annotated[int, Query(ge=1, le=100)]
Kind = Literal["day", "week", "month"]


@route(router, "/")
def front(
    request: Request,
    order: Order = "trending",
    built: bool | None = None,
    topic: str | None = None,
    number: PageNumber = 1,
    per_page: PerPage = 40,
) -> Response:
    """All papers, those that trend first or the newest first."""
    with state_of(request).database.read() as session:
        page = feed.latest(
            session, person_of(request).id, order=order, page=number, per_page=per_page, topic=topic, built=built
        )
        return list_page(
            request, session, page, title="Papers", order=order, built=built, lead=papers_in_words(page.total, built)
        )


@route(router, "/day/{day}")
def of_day(
    request: Request, day: str, order: Order = "trending", number: PageNumber = 1, per_page: PerPage = 40
) -> Response:
    """The papers of one day, such as /day/2026-11-23."""
    return _period(request, "day", periods.day_of(day), order, number, per_page)


@route(router, "/week/{week}")
def of_week(
    request: Request, week: str, order: Order = "trending", number: PageNumber = 1, per_page: PerPage = 40
) -> Response:
    """The papers of one week, such as /week/2026-W48."""
    return _period(request, "week", date.fromisocalendar(*periods.week_of(week), 1), order, number, per_page)


@route(router, "/month/{month}")
def of_month(
    request: Request, month: str, order: Order = "trending", number: PageNumber = 1, per_page: PerPage = 40
) -> Response:
    """The papers of one month, such as /month/2026-11."""
    return _period(request, "month", date(*periods.month_of(month), 1), order, number, per_page)


@route(router, "/starred")
def starred(request: Request, number: PageNumber = 1, per_page: PerPage = 40) -> Response:
    """What the reader starred, the newest star first."""
    person = person_of(request)
    empty = (
        "Nothing yet. The star beside a paper puts it here."
        if person.signed_in
        else "Stars are yours alone, so they need a name: sign in first."
    )
    with state_of(request).database.read() as session:
        page = feed.starred(session, person.id, page=number, per_page=per_page)
        lead = papers_in_words(page.total)
        return list_page(
            request, session, page, title="Starred", lead=lead, order=None, feed="/starred.atom", empty=empty
        )


def list_page(
    request: Request, session: Session, page: feed.Page, *, title: str, lead: str, order: str | None, **more: Any
) -> Response:
    """A list of papers with its filters, and beside it topics, changes and how to follow it.

    Args:
        request: What was asked.
        session: Where the rest comes from.
        page: The cards.
        title: Heading.
        lead: What the list is, in a sentence.
        order: `trending`, `new`, or None where the list has only one order.
        more: `built`, `topic`, `period`, `feed`, `empty`; also seen by the template.
    """
    topic, built = more.get("topic"), more.get("built")
    latest = links.address("/trending.atom" if order == "trending" else "/atom.xml", built=built)
    data = {
        "title": title,
        "lead": lead,
        "order": order,
        "built": built,
        "topic": topic,
        "period": None,
        "page": page,
        "links": links.pages(request, page),
        "judged": judged_claims(session, page.cards),
        "changes": latest_changes(session),
        "topics": feed.topics(session),
        "filters": _filters(request, order, built, with_built=topic is not None or request.url.path in _FRONT),
        "calendar": _calendar(session) if request.url.path in _FRONT else [],
        "formula": _FORMULA_LINES,
        "feed": f"/topics/{topic.slug}.atom" if topic else latest,
        "subscribe": links.address("/subscriptions", topic=topic.slug if topic else None),
        "empty": "No paper fits. Take a filter away.",
    }
    return respond(request, "feed.html", data | more)


_FORMULA_LINES = re.sub(r" (\+ (?=[\d.]+ ·)|where )", r"\n\1", FORMULA)
"""One summand a line."""

_FRONT = ("/", "/index.json")


def _filters(
    request: Request, order: str | None, built: bool | None, *, with_built: bool
) -> list[list[Mapping[str, Any]]]:
    path = "/" if request.url.path in _FRONT else request.url.path.removesuffix(".json")
    topic = request.query_params.get("topic")

    def tab(name: str, order: str | None, built: bool | None, current: bool) -> Mapping[str, Any]:
        shown = None if order == "trending" else order
        return {"name": name, "current": current, "address": links.address(path, order=shown, built=built, topic=topic)}

    groups = []
    if order is not None:
        groups.append(
            [tab("Trending", "trending", built, order == "trending"), tab("New", "new", built, order == "new")]
        )
    if with_built:
        choices = ((None, "All"), (True, "Runs here"), (False, "Not built yet"))
        groups.append([tab(name, order, choice, choice is built) for choice, name in choices])
    return groups


def _calendar(session: Session) -> list[Mapping[str, str]]:
    """The newest day, week and month with papers."""
    newest, _ = feed.neighbours(session, "day", date.today() + timedelta(days=2))
    if newest is None:
        return []
    return [
        {"name": kind.capitalize(), "address": f"/{kind}/{_name(kind, newest)}"} for kind in ("day", "week", "month")
    ]


def papers_in_words(total: int, built: bool | None = None) -> str:
    """How many papers there are, and which."""
    papers = "1 paper" if total == 1 else f"{total:,} papers".replace(",", " ")
    if built:
        return f"{papers} with a method to use and claims that are measured"
    return f"{papers} that nobody has built here yet" if built is False else papers


def _period(request: Request, kind: Kind, first: date, order: Order, number: int, per_page: int) -> Response:
    with state_of(request).database.read() as session:
        person = person_of(request).id
        page = feed.within(session, person, period_of(kind, first), order=order, page=number, per_page=per_page)
        previous, following = feed.neighbours(session, kind, first)
        period = {
            "kind": kind,
            "name": _name(kind, first),
            "previous": previous and f"/{kind}/{_name(kind, previous)}",
            "previous_name": previous and _name(kind, previous),
            "next": following and f"/{kind}/{_name(kind, following)}",
            "next_name": following and _name(kind, following),
            "kinds": [
                {"name": one.capitalize(), "address": f"/{one}/{_name(one, first)}", "current": one == kind}
                for one in ("day", "week", "month")
            ],
        }
        lead = papers_in_words(page.total)
        empty = f"No paper is listed in this {kind}."
        return list_page(
            request,
            session,
            page,
            title=_title(kind, first),
            lead=lead,
            order=order,
            period=period,
            feed=f"/{kind}/{period['name']}.atom",
            empty=empty,
        )


def _name(kind: str, day: date) -> str:
    return period_of(kind, day).name


def _title(kind: Kind, first: date) -> str:
    if kind == "day":
        return f"{first.day} {first:%B} {first.year}"
    if kind == "month":
        return f"{first:%B} {first.year}"
    last = period_of(kind, first).last
    return f"Week {first.isocalendar()[1]}, {first.day} {first:%b} to {last.day} {last:%b} {last.year}"
