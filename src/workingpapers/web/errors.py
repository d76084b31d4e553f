"""Errors as answers: one shape in JSON, one page in HTML, one line for feeds and pictures."""

import logging
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException

from workingpapers.errors import (
    FetchError,
    InvalidParameterError,
    InvalidTypeError,
    NoResultError,
    StoreError,
    UnknownNameError,
    WorkingPapersError,
)
from workingpapers.web.people import PermissionRefusedError, person_of
from workingpapers.web.respond import json_response, wants_json
from workingpapers.web.state import state_of

log = logging.getLogger("workingpapers.web")

STATUSES: tuple[tuple[type[WorkingPapersError], int], ...] = (
    (PermissionRefusedError, 403),
    (UnknownNameError, 404),
    (NoResultError, 404),
    (InvalidParameterError, 400),
    (InvalidTypeError, 400),
    (FetchError, 502),
    (StoreError, 503),
)
"""The first that fits says with which status an error is answered; all others are 500."""

_PLAIN = (".atom", ".xml", ".svg", ".png")
_TITLES = {
    400: "That does not work",
    403: "Not allowed",
    404: "Nothing here",
    405: "Not allowed",
    413: "Too big",
    429: "Too many requests",
    500: "Something broke",
    502: "Another server did not answer",
    503: "Not available now",
}


def status_of(error: Exception) -> int:
    """With which status one of our own errors is answered."""
    return next((status for kind, status in STATUSES if isinstance(error, kind)), 500)


def add_error_handlers(app: FastAPI) -> None:
    """Have every error that a route raises answered in the same shape."""

    async def ours(request: Request, error: Exception) -> Response:
        status = status_of(error)
        if status >= 500:
            log.error("%s %s: %s", request.method, request.url.path, error, exc_info=error)
        return error_response(request, status, type(error).__name__, " ".join(str(error).split()))

    async def of_routing(request: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 500)
        if status == 404:
            return error_response(request, 404, "UnknownNameError", f"there is no page {request.url.path}; start at /")
        if status == 405:
            text = f"{request.method} is not possible at {request.url.path}"
            return error_response(request, 405, "MethodNotAllowed", text, headers=getattr(error, "headers", None))
        return error_response(request, status, "HTTPException", str(getattr(error, "detail", "")))

    async def of_validation(request: Request, error: Exception) -> Response:
        return error_response(request, 400, "InvalidParameterError", _in_words(error))

    app.add_exception_handler(WorkingPapersError, ours)
    app.add_exception_handler(HTTPException, of_routing)
    app.add_exception_handler(RequestValidationError, of_validation)


def error_response(
    request: Request, status: int, kind: str, message: str, *, headers: Mapping[str, str] | None = None
) -> Response:
    """Say what went wrong in the form that the reader asked for.

    Args:
        request: Whose path and `Accept` say in which form.
        status: HTTP status.
        kind: Name of the error's class, for programs.
        message: What was wrong, the value, what is allowed, what to do.
        headers: Further headers.
    """
    response = _rendered(request, status, kind, message)
    response.headers["cache-control"] = "no-store"
    response.headers.update(headers or {})
    return response


def internal_error(request: Request) -> Response:
    """What is said of an error that nobody foresaw: nothing about its inside."""
    return error_response(request, 500, "InternalError", "the page failed at this; its log says where")


def _rendered(request: Request, status: int, kind: str, message: str) -> Response:
    path = request.url.path
    if wants_json(request):
        return json_response({"error": {"type": kind, "message": message}}, status=status)
    if path.endswith(_PLAIN):
        return PlainTextResponse(message + "\n", status)
    state = state_of(request)
    context = {
        "request": request,
        "person": person_of(request),
        "settings": state.settings,
        "path": path,
        "status": status,
        "title": _TITLES.get(status, "Something went wrong"),
        "kind": kind,
        "message": message,
    }
    try:
        return HTMLResponse(state.templates.get_template("error.html").render(context), status)
    except Exception:  # the page that shows errors must not hide the error behind its own
        log.exception("the error page cannot be shown")
        return PlainTextResponse(f"{status} {message}\n", status)


def _in_words(error: Exception) -> str:
    """The first thing that a request's parameters have wrong."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = [str(part) for part in first.get("loc", ())]
    name = ".".join(place[1:]) or (place[0] if place else "request")
    given = "" if first.get("type") == "missing" else f" {str(first.get('input'))[:100]!r}"
    return f"{name}{given}: {first.get('msg', 'not valid')}; see /openapi.json for what is allowed"
