"""Whole answers to GET, kept for as long as nothing in the database changes.

An answer is taken for the same path, query, person and form only, and not for longer than a minute, because pages
say how long ago things were. It carries an ETag, so a browser that has it gets 304.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workingpapers.web.people import person_of
from workingpapers.web.respond import wants_json

if TYPE_CHECKING:
    from workingpapers.web.state import PageState

_KEEP_S = 60.0
_MOST_ANSWERS = 1024
_MOST_BYTES = 64 << 20
_LARGEST = 4 << 20
_LIVE = ("/runs", "/static/", "/sign-in")
"""Starts of the paths whose answers follow something else than the database."""

_Key = tuple[str, bytes, int, str, bool, str]


@dataclass(frozen=True)
class _Answer:
    version: int
    until: float
    headers: list[tuple[bytes, bytes]]
    body: bytes
    etag: str


class CacheMiddleware:
    """Keeps answers, adds ETags, answers HEAD.

    Args:
        app: What comes behind.
        state: The server's parts.
    """

    def __init__(self, app: ASGIApp, state: "PageState") -> None:
        self.app = app
        self.state = state
        self._kept: OrderedDict[_Key, _Answer] = OrderedDict()
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from what is kept, or pass on and keep."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or scope["path"].startswith(_LIVE):
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        person = person_of(request)
        headers = request.headers
        # a page may read a cookie, such as the chosen colours
        key = (
            scope["path"],
            scope["query_string"],
            person.id,
            person.role,
            wants_json(request),
            headers.get("cookie", ""),
        )
        version = self.state.database.version()  # before the page reads, so that it is never newer than what it reads
        kept = self._kept.get(key)
        if kept is not None and kept.version == version and kept.until > time.monotonic():
            self._kept.move_to_end(key)
            await _send(kept, headers, send, head=scope["method"] == "HEAD")
            return
        recorder = _Recorder(send, headers, head=scope["method"] == "HEAD")
        await self.app({**scope, "method": "GET"}, receive, recorder)
        if (answer := recorder.answer(version)) is not None:
            self._keep(key, answer)

    def _keep(self, key: _Key, answer: _Answer) -> None:
        self._drop(key)
        self._kept[key] = answer
        self._bytes += len(answer.body)
        while len(self._kept) > _MOST_ANSWERS or self._bytes > _MOST_BYTES:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: _Key) -> None:
        if (old := self._kept.pop(key, None)) is not None:
            self._bytes -= len(old.body)


class _Recorder:
    """Holds an answer back until it is complete; lets one through that cannot be kept, such as a stream."""

    def __init__(self, send: Send, asked: Headers, *, head: bool) -> None:
        self.send = send
        self.asked = asked
        self.head = head
        self.start: Message | None = None
        self.done: _Answer | None = None
        self.passing = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
            self.passing = not _may_be_kept(message)
            if self.passing:
                await self.send(message)
            return
        if message["type"] != "http.response.body" or self.start is None:
            await self.send(message)
            return
        if not self.passing and (message.get("more_body") or len(message.get("body", b"")) > _LARGEST):
            self.passing = True
            await self.send(self.start)
        if self.passing:
            await self.send({**message, "body": b""} if self.head else message)
            return
        body = message.get("body", b"")
        headers = MutableHeaders(scope=self.start)
        etag = headers.setdefault("etag", f'"{blake2b(body, digest_size=16).hexdigest()}"')
        headers.setdefault("cache-control", "private, no-cache")
        headers.setdefault("vary", "Accept, Cookie")
        self.done = _Answer(0, 0.0, list(self.start["headers"]), body, etag)
        await _send(self.done, self.asked, self.send, head=self.head)

    def answer(self, version: int) -> _Answer | None:
        """What may be kept."""
        if self.done is None:
            return None
        return _Answer(version, time.monotonic() + _KEEP_S, self.done.headers, self.done.body, self.done.etag)


def _may_be_kept(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    return (
        start["status"] == 200
        and "set-cookie" not in headers
        and "no-store" not in headers.get("cache-control", "")
        and not headers.get("content-type", "").startswith("text/event-stream")
    )


async def _send(answer: _Answer, asked: Headers, send: Send, *, head: bool) -> None:
    same = any(
        one.strip().removeprefix("W/") in (answer.etag, "*") for one in asked.get("if-none-match", "").split(",")
    )
    if same:
        headers = [(name, value) for name, value in answer.headers if name not in (b"content-length", b"content-type")]
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return
    await send({"type": "http.response.start", "status": 200, "headers": list(answer.headers)})
    await send({"type": "http.response.body", "body": b"" if head else answer.body})
