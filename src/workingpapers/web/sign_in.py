"""Signing in by a mailed link, and out. On a page that is not public there is nobody to sign in."""

import logging
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from workingpapers.daily.accounts import SESSION_LIFE, redeem_login, request_login, sign_out
from workingpapers.daily.addresses import mail_address
from workingpapers.daily.letters import sign_in_letter
from workingpapers.errors import StoreError
from workingpapers.web.errors import error_response
from workingpapers.web.letters_out import LettersWaitError
from workingpapers.web.people import cookie_name
from workingpapers.web.respond import respond, wants_json
from workingpapers.web.state import PageState, state_of

router = APIRouter(include_in_schema=False)
log = logging.getLogger("workingpapers.web")


@router.get("/sign-in")
def form(request: Request) -> Response:
    """Where an address is given."""
    if not state_of(request).settings.public or request.state.person.signed_in:
        return RedirectResponse("/", 303)
    return _unkept(respond(request, "sign_in.html", {"step": "address", "address": None}))


@router.post("/sign-in")
def ask(request: Request, email: Annotated[str, Form(max_length=254)]) -> Response:
    """Mail the link. The answer is the same for every address, and comes before the mail is sent."""
    state = state_of(request)
    if not state.settings.public:
        return RedirectResponse("/", 303)
    address = mail_address(email)
    try:
        state.letters.check_room()
        with state.database.write() as session:
            token = request_login(session, address)
        _mail(state, address, token)
    except LettersWaitError as error:
        return error_response(request, 503, type(error).__name__, f"no link was mailed: {error}")
    return _unkept(respond(request, "sign_in.html", {"step": "mailed", "address": address}))


@router.get("/sign-in/{token}")
def confirm(request: Request, token: str) -> Response:
    """A button: programs that look at links in mails must not use the link up."""
    if not state_of(request).settings.public:
        return RedirectResponse("/", 303)
    return _unkept(respond(request, "sign_in.html", {"step": "confirm", "address": None}))


@router.post("/sign-in/{token}")
def redeem(request: Request, token: str) -> Response:
    """Use the link up, and set the cookie."""
    state = state_of(request)
    if not state.settings.public:
        return RedirectResponse("/", 303)
    with state.database.write() as session:
        _, cookie = redeem_login(session, token)
    answer = RedirectResponse("/", 303)
    answer.set_cookie(
        cookie_name(secure=state.settings.secure),
        cookie,
        max_age=int(SESSION_LIFE.total_seconds()),
        path="/",
        secure=state.settings.secure,
        httponly=True,
        samesite="lax",
    )
    return answer


@router.post("/sign-out")
def leave(request: Request) -> Response:
    """End the session."""
    state = state_of(request)
    name = cookie_name(secure=state.settings.secure)
    if (token := request.cookies.get(name)) is not None:
        with state.database.write() as session:
            sign_out(session, token)
    answer = respond(request, "", {"signed_in": False}) if wants_json(request) else RedirectResponse("/", 303)
    answer.delete_cookie(name, path="/", secure=state.settings.secure, httponly=True, samesite="lax")
    return answer


def _mail(state: PageState, address: str, token: str) -> None:
    letter = sign_in_letter(state.letters.sender, address, token, state.settings.base_url)
    try:
        state.letters.send(letter, "a sign-in link")
    except StoreError as error:
        log.error("a sign-in link was not mailed: %s", error)


def _unkept(response: Response) -> Response:
    response.headers["cache-control"] = "no-store"
    return response
