"""What every request must pass before a route sees it, and what every answer carries.

A page on loopback is reached by every web site that its user opens. So a foreign name in `Host` (DNS rebinding) is
refused, and so is whatever another site makes the browser send (cross-site request forgery).
"""

import asyncio
import logging
from typing import NoReturn
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workingpapers.web.errors import error_response, internal_error
from workingpapers.web.settings import WebSettings

log = logging.getLogger("workingpapers.web")

LARGEST_BODY = 1 << 20
_BODY_S = 30.0
"""How long a body may take to arrive in full."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_EMBEDDABLE = ("/badge.svg", "/card.png", ".atom", "/atom.xml")
"""Ends of the paths that other sites may show."""
_ONE_CLICK = "/unsubscribe/"
"""Mail programs post here from their own sites (RFC 8058); the address itself holds the permission."""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # `no-referrer` would make browsers send `Origin: null` with forms
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_HTTPS_ONLY = "max-age=31536000"


class SecurityMiddleware:
    """Refuses what no reader sends, limits bodies, and adds the headers; the outermost layer.

    Args:
        app: What comes behind.
        settings: The server's; says under which names it answers.
    """

    def __init__(self, app: ASGIApp, settings: WebSettings) -> None:
        self.app = app
        self.settings = settings
        self.origin = _origin(settings.base_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the request, then pass it on with a limited body and a watched answer."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        request = Request(scope)
        embeddable = scope["path"].endswith(_EMBEDDABLE)
        started = False
        body = _LimitedBody(receive)

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if body.error is not None and not started and not body.said:
                return  # what is said of a body that was cut off, by code that does not know why
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if embeddable:
                    headers["cross-origin-resource-policy"] = "cross-origin"
                if self.settings.public and self.settings.secure:
                    headers.setdefault("strict-transport-security", _HTTPS_ONLY)
            await send(message)

        refused = self._refusal(request, embeddable=embeddable)
        if refused is not None:
            await refused(scope, receive, send_with_headers)
            return
        try:
            await self.app(scope, body, send_with_headers)
        except Exception:
            if body.error is None:
                log.exception("%s %s", scope["method"], scope["path"])
            if started:
                raise  # the connection is closed, so that nobody takes half an answer for whole
            if body.error is None:
                await internal_error(request)(scope, receive, send_with_headers)
        if body.error is not None and not started:
            body.said = True
            status, kind, text = body.error
            await error_response(request, status, kind, text)(scope, receive, send_with_headers)

    def _refusal(self, request: Request, *, embeddable: bool) -> Response | None:
        host = request.headers.get("host", "")
        if _host_name(host) not in self.settings.host_names:
            allowed = ", ".join(sorted(self.settings.host_names))
            text = f"host {host[:100]!r} is not this page's; it answers as {allowed} (see --base-url)"
            return error_response(request, 400, "HostRefused", text)
        if not self._same_site(request.headers, request.method, request.url.path, embeddable=embeddable):
            text = "this request was sent by another site; open the page itself and do it there"
            return error_response(request, 403, "CrossSiteRequestRefused", text)
        length = request.headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            return error_response(request, 400, "InvalidParameterError", f"content-length {length[:50]!r} is no number")
        if int(length[:20]) > LARGEST_BODY:
            return error_response(request, 413, "BodyTooLargeError", _too_large())
        return None

    def _same_site(self, headers: Headers, method: str, path: str, *, embeddable: bool) -> bool:
        """Whether our own page or no page at all made the browser send this."""
        site = headers.get("sec-fetch-site")
        if method in _SAFE:
            # links from elsewhere may lead here; what other sites load in the background may not
            return site != "cross-site" or embeddable or headers.get("sec-fetch-mode") in ("navigate", None)
        if path.startswith(_ONE_CLICK):
            return True
        if site is not None and site not in ("same-origin", "none"):
            return False
        origin = headers.get("origin")
        return origin is None or origin == self.origin or _is_origin_of(origin, headers.get("host", ""))


class _BodyError(Exception):
    """A body was cut off; `_LimitedBody.error` says why."""


class _LimitedBody:
    """`receive` that stops at a body that is too large or too slow.

    Args:
        receive: Where the body comes from.
    """

    def __init__(self, receive: Receive) -> None:
        self.error: tuple[int, str, str] | None = None
        """Status, kind and text of what was wrong."""
        self.said = False
        """Whether the reader is being told."""
        self._receive = receive
        self._seen = 0
        self._complete = False
        self._deadline: float | None = None

    async def __call__(self) -> Message:
        """The next piece."""
        if self._complete:  # what is awaited now is the reader's leaving, however late
            return await self._receive()
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + _BODY_S
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            self._stop(408, "BodyTooSlowError", f"the body did not arrive within {_BODY_S:g} s; send it again")
        if message["type"] == "http.request":
            self._seen += len(message.get("body", b""))
            self._complete = not message.get("more_body", False)
            if self._seen > LARGEST_BODY:
                self._stop(413, "BodyTooLargeError", _too_large())
        return message

    def _stop(self, status: int, kind: str, text: str) -> NoReturn:
        self.error = (status, kind, text)
        raise _BodyError(text)


def _too_large() -> str:
    return f"the body is larger than {LARGEST_BODY} bytes; send less, or use `workingpapers add` or `import`"


def _host_name(host: str) -> str:
    """The name in a `Host` header, without port and brackets; empty where it is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        parts.port  # noqa: B018 - raises where it is no number
    except ValueError:
        return ""
    return (parts.hostname or "") if parts.netloc == host and "@" not in host else ""


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _is_origin_of(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:  # no browser sends such a one
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()
