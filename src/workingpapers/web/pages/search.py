"""Search by meaning and by words, with what explains each hit."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from workingpapers.daily.search.results import MODES, Mode
from workingpapers.web.pages import links
from workingpapers.web.pages.feed import PageNumber
from workingpapers.web.pages.judged import judged_claims
from workingpapers.web.people import person_of
from workingpapers.web.respond import page as route
from workingpapers.web.respond import respond
from workingpapers.web.state import state_of

router = APIRouter()

LONGEST = 1000
_MODES = {"hybrid": "Meaning and words", "meaning": "Meaning", "words": "Words"}
_EXAMPLES = (
    "order invariance",
    "why networks learn suddenly",
    "make attention cheaper",
    "privacy of training data",
    "forecast a time series",
)


@route(router, "/search")
def search(
    request: Request,
    q: Annotated[str, Query(max_length=LONGEST, description="What to look for.")] = "",
    mode: Mode = "hybrid",
    number: PageNumber = 1,
    per_page: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Response:
    """The papers that fit a query, best first, each with its words that explain why."""
    state = state_of(request)
    query = " ".join(q.split())
    person = person_of(request)
    result = state.search.search(query, person_id=person.id, page=number, per_page=per_page, mode=mode)
    with state.database.read() as session:
        judged = judged_claims(session, [hit.card for hit in result.hits])
    data = {
        "query": query,
        "result": result,
        "engine": state.search.engine,
        "judged": judged,
        "modes": [
            {
                "name": _MODES[one],
                "address": links.address("/search", q=query, mode=None if one == "hybrid" else one),
                "current": one == mode,
            }
            for one in MODES
        ],
        "links": links.pages(request, result),
        "feed": links.address("/search.atom", q=query, mode=None if mode == "hybrid" else mode),
        "subscribe": links.address("/subscriptions", query=query),
        "examples": [{"query": one, "address": links.address("/search", q=one)} for one in _EXAMPLES],
    }
    return respond(request, "search.html", data)
