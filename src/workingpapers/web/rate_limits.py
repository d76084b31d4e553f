"""How often one reader may ask, on a public page. On a page for one person nothing is counted."""

import ipaddress
import math
import time

from fastapi import Request
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.types import ASGIApp, Receive, Scope, Send

from workingpapers.web.errors import error_response

MAILS = parse("10 per 15 minutes")
"""Requests that make the page send a mail."""
RUNS = parse("20 per hour")
SEARCHES = parse("120 per minute")
CHANGES = parse("120 per minute")
READS = parse("600 per minute")


class RateLimitMiddleware:
    """Answers 429 to whoever asks too often.

    Args:
        app: What comes behind.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the request, then pass it on or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = limit_of(scope["method"], scope["path"])
        reader = reader_of((scope.get("client") or ("", 0))[0])
        if limit is None or self._limiter.hit(limit, limit_name(limit), reader):
            await self.app(scope, receive, send)
            return
        wait_s = max(
            1, math.ceil(self._limiter.get_window_stats(limit, limit_name(limit), reader).reset_time - time.time())
        )
        answer = error_response(
            Request(scope),
            429,
            "TooManyRequests",
            f"more than {limit.amount} such requests came from your address within {limit.multiples} "
            f"{limit.GRANULARITY.name}s; try again in {wait_s} s",
            headers={"retry-after": str(wait_s)},
        )
        await answer(scope, receive, send)


def limit_of(method: str, path: str) -> RateLimitItem | None:
    """The limit that a request counts against; static files are free."""
    if path.startswith("/static/"):
        return None
    if method in ("GET", "HEAD", "OPTIONS"):
        return SEARCHES if path.startswith(("/search", "/api/papers/search")) else READS
    if path in ("/sign-in", "/subscriptions"):
        return MAILS
    return RUNS if path.endswith("/run") else CHANGES


def limit_name(limit: RateLimitItem) -> str:
    """What keeps the counts of limits apart that happen to be of the same size."""
    return next(name for name, value in globals().items() if value is limit)


def reader_of(address: str) -> str:
    """Whom an address stands for: with IPv6 a whole network of /64, because one reader has that many addresses."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address
