"""The lists of papers: the front page, and those of a day, a week, a month."""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from workingpapers.daily import feed
from workingpapers.daily.trending import FORMULA
from workingpapers.errors import InvalidParameterError
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
        return list_page(request, session, page, title="Papers", order=order, built=built, lead=_lead(page.total, built))


@route(router, "/day/{day}")
def of_day(
    request: Request, day: str, order: Order = "trending", number: PageNumber = 1, per_page: PerPage = 40
) -> Response:
    """The papers of one day, such as /day/2026-11-23."""
    return _period(request, "day", _day(day), order, number, per_page)


@route(router, "/week/{week}")
def of_week(
    request: Request, week: str, order: Order = "trending", number: PageNumber = 1, per_page: PerPage = 40
) -> Response:
    """The papers of one week, such as /week/2026-W48."""
    return _period(request, "week", _week(week), order, number, per_page)


@route(router, "/month/{month}")
def of_month(
    request: Request, month: str, order: Order = "trending", number: PageNumber = 1, per_page: PerPage = 40
) -> Response:
    """The papers of one month, such as /month/2026-11."""
    return _period(request, "month", _month(month), order, number, per_page)


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
    latest = "/trending.atom" if order == "trending" else "/atom.xml"
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
        "formula": FORMULA,
        "feed": f"/topics/{topic.slug}.atom" if topic else latest,
        "subscribe": links.address("/subscriptions", topic=topic.slug if topic else None),
        "empty": "No paper fits. Take a filter away.",
    }
    return respond(request, "feed.html", data | more)


_FRONT = ("/", "/index.json")


def _filters(request: Request, order: str | None, built: bool | None, *, with_built: bool) -> list[list[Mapping[str, Any]]]:
    path = "/" if request.url.path in _FRONT else request.url.path.removesuffix(".json")
    topic = request.query_params.get("topic")

    def tab(name: str, order: str | None, built: bool | None, current: bool) -> Mapping[str, Any]:
        shown = None if order == "trending" else order
        return {"name": name, "current": current, "address": links.address(path, order=shown, built=built, topic=topic)}

    groups = []
    if order is not None:
        groups.append([tab("Trending", "trending", built, order == "trending"), tab("New", "new", built, order == "new")])
    if with_built:
        choices = ((None, "All"), (True, "Runs here"), (False, "Not built yet"))
        groups.append([tab(name, order, choice, choice is built) for choice, name in choices])
    return groups


def _lead(total: int, built: bool | None) -> str:
    papers = "1 paper" if total == 1 else f"{total:,} papers".replace(",", " ")
    if built:
        return f"{papers} with a method to use and claims that are measured"
    return f"{papers} that nobody has built here yet" if built is False else papers


def _period(request: Request, kind: Kind, first: date, order: Order, number: int, per_page: int) -> Response:
    with state_of(request).database.read() as session:
        person, options = person_of(request).id, {"order": order, "page": number, "per_page": per_page}
        if kind == "day":
            page = feed.day(session, person, first, **options)
        elif kind == "week":
            year, week, _ = first.isocalendar()
            page = feed.week(session, person, year, week, **options)
        else:
            page = feed.month(session, person, first.year, first.month, **options)
        previous, following = feed.neighbours(session, kind, first)
        period = {
            "kind": kind,
            "name": name_of(kind, first),
            "previous": previous and f"/{kind}/{name_of(kind, previous)}",
            "previous_name": previous and name_of(kind, previous),
            "next": following and f"/{kind}/{name_of(kind, following)}",
            "next_name": following and name_of(kind, following),
            "kinds": [
                {"name": one.capitalize(), "address": f"/{one}/{name_of(one, first)}", "current": one == kind}
                for one in ("day", "week", "month")
            ],
        }
        lead = _lead(page.total, None)
        empty = f"No paper is listed in this {kind}."
        return list_page(
            request, session, page, title=_title(kind, first), lead=lead, order=order, period=period, empty=empty
        )


def name_of(kind: str, day: date) -> str:
    """How a period is written in an address: `2026-11-23`, `2026-W48`, `2026-11`."""
    if kind == "day":
        return day.isoformat()
    if kind == "month":
        return f"{day.year:04}-{day.month:02}"
    year, week, _ = day.isocalendar()
    return f"{year:04}-W{week:02}"


def _title(kind: Kind, first: date) -> str:
    if kind == "day":
        return f"{first.day} {first:%B} {first.year}"
    if kind == "month":
        return f"{first:%B} {first.year}"
    last = first + timedelta(days=6)
    return f"Week {first.isocalendar()[1]}, {first.day} {first:%b} to {last.day} {last:%b} {last.year}"


def _day(text: str) -> date:
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    raise InvalidParameterError(f"{text!r} is no day; write it as 2026-11-23")


def _week(text: str) -> date:
    if found := re.fullmatch(r"(\d{4})-W(\d\d)", text, re.ASCII):
        try:
            return date.fromisocalendar(int(found[1]), int(found[2]), 1)
        except ValueError:
            pass
    raise InvalidParameterError(f"{text!r} is no week; write it as 2026-W48")


def _month(text: str) -> date:
    if found := re.fullmatch(r"(\d{4})-(\d\d)", text, re.ASCII):
        try:
            return date(int(found[1]), int(found[2]), 1)
        except ValueError:
            pass
    raise InvalidParameterError(f"{text!r} is no month; write it as 2026-11")
