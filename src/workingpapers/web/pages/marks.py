"""What a person does to a paper: vote, star, mark as read, keep a note."""

from collections.abc import Callable
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from workingpapers.daily import feed, marks
from workingpapers.daily.papers import find_paper
from workingpapers.errors import InvalidParameterError
from workingpapers.web.people import require
from workingpapers.web.respond import json_response, wants_json
from workingpapers.web.state import state_of

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def _understood(request: Request) -> None:
    """Refuse a body that is no form: what is not understood must not count as a field that was left out."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    empty = request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers
    if kind not in _FORMS and not empty:
        raise InvalidParameterError(
            f"the body of type {kind[:80]!r} is no form; send one of type {_FORMS[0]}, such as `on=1` or `text=...`"
        )


def _not_empty(request: Request) -> None:
    """Refuse a note without a body: an empty one is removed, and nobody should do that by mistake."""
    if request.headers.get("content-length") in (None, "0") and "transfer-encoding" not in request.headers:
        raise InvalidParameterError("no note was sent; send the field `text`, or `text=` to remove the note")


router = APIRouter(dependencies=[Depends(_understood)])

On = Annotated[bool, Form(description="False takes the mark back.")]
_SHOWN = ("key", "votes", "voted", "starred", "read", "note")


@router.post("/papers/{key}/vote", summary="Vote for a paper")
def vote(request: Request, key: str, on: On = True) -> Response:
    """One vote per person; twice is once."""
    return _change(request, key, "voting", lambda session, person, paper: marks.vote(session, person, paper, on))


@router.post("/papers/{key}/star", summary="Star a paper")
def star(request: Request, key: str, on: On = True) -> Response:
    """Put a paper on one's own list."""
    return _change(request, key, "starring", lambda session, person, paper: marks.star(session, person, paper, on))


@router.post("/papers/{key}/read", summary="Mark a paper as read")
def read(request: Request, key: str, on: On = True) -> Response:
    """Its title is quieter in lists from then on."""
    return _change(
        request, key, "marking as read", lambda session, person, paper: marks.mark_read(session, person, paper, on)
    )


@router.post("/papers/{key}/note", summary="Keep a note on a paper", dependencies=[Depends(_not_empty)])
def note(
    request: Request, key: str, text: Annotated[str, Form(description="Empty removes the note.")] = ""
) -> Response:
    """A note that only its writer sees."""
    lines = text.replace("\r\n", "\n")  # a form sends both
    return _change(
        request, key, "keeping a note", lambda session, person, paper: marks.set_note(session, person, paper, lines)
    )


def _change(request: Request, key: str, what: str, change: Callable[[Session, int, int], object]) -> Response:
    person = require(request, "reader", what)
    with state_of(request).database.write() as session:
        paper = find_paper(session, key)
        change(session, person.id, paper.id)
        session.flush()
        (card,) = feed.cards(session, [paper.id], person.id)
    if wants_json(request):
        return json_response({name: getattr(card, name) for name in _SHOWN})
    return RedirectResponse(_back(request, card.key), status_code=303)


def _back(request: Request, key: str) -> str:
    """The page that the form was on, at the paper's place; the paper's own page where that is not known."""
    own = f"/papers/{quote(key, safe='')}"
    try:
        came_from = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return own
    foreign = came_from.netloc != request.headers.get("host") or came_from.path.startswith("//")
    if foreign or came_from.path == own:
        return own
    query = f"?{came_from.query}" if came_from.query else ""
    return f"{came_from.path or '/'}{query}#paper-{quote(key, safe='')}"
