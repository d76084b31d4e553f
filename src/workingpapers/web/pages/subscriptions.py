"""Mail: asking for it, confirming it from the mail, changing it, ending it."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict

from workingpapers.daily import feed, subscriptions
from workingpapers.daily.letters import confirmation_letter
from workingpapers.daily.subscription_request import WEEKDAYS, Subscription, SubscriptionRequest, time_zones
from workingpapers.errors import InvalidParameterError, UnknownNameError
from workingpapers.web.errors import error_response
from workingpapers.web.letters_out import LettersWaitError
from workingpapers.web.people import person_of, require
from workingpapers.web.respond import page as route
from workingpapers.web.respond import respond, wants_json
from workingpapers.web.state import state_of

router = APIRouter()

_OFFERED_TOPICS = 200
"""The largest topics; imports bring thousands, and nobody reads so many boxes."""


class SubscriptionForm(BaseModel):
    """The fields of the form; what they may hold is checked where subscriptions are made."""

    model_config = ConfigDict(extra="forbid")

    email: str
    frequency: Literal["daily", "weekly"] = "weekly"
    selection: Literal["trending", "all"] = "trending"
    topics: list[str] = []
    query: str = ""
    time_zone: str = "UTC"
    hour: int = 7
    weekday: int = 0

    def request(self) -> SubscriptionRequest:
        """As the domain takes it."""
        return SubscriptionRequest(**(self.model_dump() | {"topics": tuple(self.topics)}))


Wanted = Annotated[SubscriptionForm, Form()]


@route(router, "/subscriptions")
def show(
    request: Request,
    topic: Annotated[str | None, Query(description="Slug that the form begins with.")] = None,
    query: Annotated[str, Query(description="Saved search that the form begins with.")] = "",
    edit: Annotated[int | None, Query(description="Number of the reader's subscription that the form changes.")] = None,
) -> Response:
    """The form, and the reader's own subscriptions."""
    person = person_of(request)
    mine = _own(request)
    changed = next((one for one in mine if one.id == edit), None)
    if edit is not None and changed is None:
        raise UnknownNameError(f"you have no subscription {edit}; /subscriptions lists those that you have")
    if changed is not None:
        asked = SubscriptionForm(**{name: getattr(changed, name) for name in SubscriptionForm.model_fields})
    else:
        asked = SubscriptionForm(email=person.email or "", topics=[topic] if topic else [], query=query[:300])
    return _form(request, asked, changed=changed, mine=mine)


@router.post("/subscriptions", summary="Subscribe to mail", status_code=202)
def subscribe(request: Request, asked: Wanted) -> Response:
    """Note what is wanted and mail a link; nothing else is mailed until that link is used.

    The answer does not wait for the mail server.
    """
    state, person = state_of(request), person_of(request)
    try:
        state.letters.check_room()
        with state.database.write() as session:
            _, token = subscriptions.subscribe(session, asked.request(), person_id=person.id or None)
            found = subscriptions.to_confirm(session, token)
        letter = confirmation_letter(state.letters.sender, found, token, state.settings.base_url)
        state.letters.send(letter, "a link to confirm a subscription")
    except (InvalidParameterError, UnknownNameError) as error:
        if wants_json(request):
            raise
        return _form(request, asked, problem=str(error), mine=_own(request), status=400)
    except LettersWaitError as error:
        text = f"no link to confirm was mailed: {error}"
        if wants_json(request):
            return error_response(request, 503, type(error).__name__, text)
        return _form(request, asked, problem=text, mine=_own(request), status=503)
    place = None if state.settings.public else state.letters.outbox
    return _answer(request, "mailed", None, 202, email=found.email, what=found.what, when=found.when, place=place)


@router.get("/subscriptions/confirm/{token}", include_in_schema=False)
def ask_to_confirm(request: Request, token: str) -> Response:
    """A button: programs that open links in mails must not confirm for anybody."""
    with state_of(request).database.read() as session:
        found = subscriptions.to_confirm(session, token)
    return _answer(request, "confirm", found)


@router.post("/subscriptions/confirm/{token}", summary="Confirm a subscription")
def confirm(request: Request, token: str) -> Response:
    """Begin a subscription with the token from the mail."""
    with state_of(request).database.write() as session:
        found = subscriptions.confirm(session, token)
    return _answer(request, "confirmed", found)


@router.post("/subscriptions/{number}", summary="Change a subscription", status_code=303)
def change(request: Request, number: int, asked: Wanted) -> Response:
    """Change what is mailed, and when."""
    person = require(request, "reader", "changing a subscription")
    try:
        with state_of(request).database.write() as session:
            found = subscriptions.change(session, number, asked.request(), person=person)
    except InvalidParameterError as error:
        if wants_json(request):
            raise
        mine = _own(request)
        changed = next((one for one in mine if one.id == number), None)
        return _form(request, asked, problem=str(error), mine=mine, changed=changed, status=400)
    return _answer(request, "changed", found) if wants_json(request) else RedirectResponse("/subscriptions", 303)


@router.post("/subscriptions/{number}/end", summary="End a subscription", status_code=303)
def end(request: Request, number: int) -> Response:
    """End one of the reader's subscriptions and forget it."""
    person = require(request, "reader", "ending a subscription")
    with state_of(request).database.write() as session:
        subscriptions.delete(session, number, person=person)
    return _answer(request, "ended", None) if wants_json(request) else RedirectResponse("/subscriptions", 303)


@router.get("/unsubscribe/{token}", include_in_schema=False)
def ask_to_unsubscribe(request: Request, token: str) -> Response:
    """A button, for whoever follows the link of a mail."""
    state = state_of(request)
    with state.database.read() as session:
        found = subscriptions.to_unsubscribe(session, state.secret, token)
    return _answer(request, "unsubscribe" if found is not None and found.status != "unsubscribed" else "ended", found)


@router.post("/unsubscribe/{token}", summary="Unsubscribe")
def unsubscribe(request: Request, token: str) -> Response:
    """End a subscription; mail programs do it with one click (RFC 8058), without cookies."""
    state = state_of(request)
    with state.database.write() as session:
        found = subscriptions.unsubscribe(session, state.secret, token)
    return _answer(request, "ended", found)


def _form(
    request: Request,
    asked: SubscriptionForm,
    *,
    mine: list[Subscription],
    changed: Subscription | None = None,
    problem: str | None = None,
    status: int = 200,
) -> Response:
    with state_of(request).database.read() as session:
        known = feed.topics(session)
    offered = [topic for place, (topic, _) in enumerate(known) if place < _OFFERED_TOPICS or topic.slug in asked.topics]
    topics = [{"slug": topic.slug, "name": topic.name} for topic in offered]
    data: dict[str, Any] = {"subscriptions": [_plain(one) for one in mine], "topics": topics}
    shown = {
        "asked": asked,
        "changed": None if changed is None else changed.id,
        "problem": problem,
        "weekdays": WEEKDAYS,
        "time_zones": time_zones(),
    }
    return respond(request, "subscriptions.html", data if wants_json(request) else data | shown, status=status)


def _own(request: Request) -> list[Subscription]:
    person = person_of(request)
    if not person.signed_in:
        return []
    with state_of(request).database.read() as session:
        return subscriptions.subscriptions_of(session, person)


def _answer(request: Request, step: str, found: Subscription | None, status: int = 200, **words: Any) -> Response:
    known = {} if found is None else {"email": found.email, "what": found.what, "when": found.when}
    data = {"step": step, "email": None, "what": None, "when": None, "place": None} | known | words
    response = respond(request, "subscription_answer.html", data, status=status)
    response.headers["cache-control"] = "no-store"
    return response


def _plain(one: Subscription) -> Mapping[str, Any]:
    """Without the part that is in the address of unsubscribing."""
    known = {name: value for name, value in asdict(one).items() if name != "unsubscribe_key"}
    return known | {"what": one.what, "when": one.when}
