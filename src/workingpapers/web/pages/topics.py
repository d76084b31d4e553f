"""The topics, and the papers of each."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from workingpapers.daily import feed
from workingpapers.web.pages.feed import Order, PageNumber, PerPage, list_page, papers_in_words
from workingpapers.web.people import person_of
from workingpapers.web.respond import page as route
from workingpapers.web.respond import respond
from workingpapers.web.state import state_of

router = APIRouter()


@route(router, "/topics")
def topics(request: Request) -> Response:
    """All topics with the number of their papers, the largest first."""
    with state_of(request).database.read() as session:
        found = [{"slug": topic.slug, "name": topic.name, "papers": count} for topic, count in feed.topics(session)]
    return respond(request, "topics.html", {"topics": found})


@route(router, "/topics/{slug}")
def topic(
    request: Request,
    slug: str,
    order: Order = "trending",
    built: bool | None = None,
    number: PageNumber = 1,
    per_page: PerPage = 40,
) -> Response:
    """The papers of one topic."""
    with state_of(request).database.read() as session:
        page = feed.latest(
            session, person_of(request).id, order=order, page=number, per_page=per_page, topic=slug, built=built
        )
        found = next(topic for topic, _ in feed.topics(session) if topic.slug == slug)
        lead = papers_in_words(page.total, built)
        return list_page(request, session, page, title=found.name, lead=lead, order=order, built=built, topic=found)
