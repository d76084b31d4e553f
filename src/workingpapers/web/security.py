"""What every request must pass before a route sees it, and what every answer carries.

A page on loopback is reached by every web site that its user opens. So a foreign name in `Host` (DNS rebinding) is
refused, and so is whatever another site makes the browser send (cross-site request forgery).
"""

import asyncio
import logging
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

        async def send_with_headers(message: Message) -> None:
            nonlocal started
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
            await self.app(scope, _limited(receive), send_with_headers)
        except _BodyError as error:
            if not started:
                answer = error_response(request, error.status, type(error).__name__, str(error))
                await answer(scope, receive, send_with_headers)
        except Exception:
            log.exception("%s %s", scope["method"], scope["path"])
            if started:
                raise  # the connection is closed, so that nobody takes half an answer for whole
            await internal_error(request)(scope, receive, send_with_headers)

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
    status = 400


class BodyTooLargeError(_BodyError):
    """A body is larger than `LARGEST_BODY`."""

    status = 413


class BodyTooSlowError(_BodyError):
    """A body did not arrive within its time."""

    status = 408


def _limited(receive: Receive) -> Receive:
    """`receive` that stops at bodies that are too large or too slow."""
    seen = 0
    complete = False
    deadline: float | None = None

    async def limited() -> Message:
        nonlocal seen, complete, deadline
        if complete:  # what is awaited now is the reader's leaving, however late
            return await receive()
        loop = asyncio.get_running_loop()
        deadline = deadline if deadline is not None else loop.time() + _BODY_S
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise BodyTooSlowError(f"the body did not arrive within {_BODY_S:.0f} s; send it again") from None
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if seen > LARGEST_BODY:
                raise BodyTooLargeError(_too_large())
        return message

    return limited


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
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()
