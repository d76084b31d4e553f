"""How the page works: what a verdict is, how papers are ranked and found, and what programs can read."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from workingpapers.daily import trending
from workingpapers.web.respond import page as route
from workingpapers.web.respond import respond
from workingpapers.web.state import state_of

router = APIRouter()


@route(router, "/about")
def about(request: Request) -> Response:
    """The rules of the page."""
    search = state_of(request).search
    data = {
        "formula": trending.FORMULA,
        "half_life_days": trending.HALF_LIFE_DAYS,
        "weights": {
            "being listed": trending.LISTED,
            "each vote here": trending.VOTE,
            "log2(1 + votes elsewhere)": trending.ELSEWHERE,
            "each run that measured claims for the first time at its scale": trending.MEASURED,
            "each claim whose verdict changed": trending.CHANGED,
        },
        "engine": search.engine,
        "search": search.description,
    }
    return respond(request, "about.html", data)
