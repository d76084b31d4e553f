"""A real mail server for tests, that can be told to misbehave."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

Step = Callable[[str], str | None]


@dataclass
class Inbox:
    """What arrived, and how the server behaves.

    Args:
        rcpt: The answer to a recipient; None takes it.
        data: The answer to a whole mail; None takes it, and only then it has arrived.
        drop_at: `DATA` ends the connection instead of asking for the mail; `before` does it after taking a mail that
            is then thrown away; `after` keeps the mail and ends the connection without an answer.
        slow_s: How long an answer to a whole mail takes.
    """

    rcpt: Step = lambda _: None
    data: Step = lambda _: None
    drop_at: str | None = None
    slow_s: float = 0.0
    arrived: list[tuple[str, EmailMessage]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    @property
    def addresses(self) -> list[str]:
        return [address for address, _ in self.arrived]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if (answer := self.rcpt(address)) is not None:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        address = envelope.rcpt_tos[0]
        if self.drop_at == "before":
            _cut(server)
            return "250 nobody hears this"
        if (answer := self.data(address)) is not None:
            return answer
        content = envelope.original_content or b""
        self.raw.append(content)
        self.arrived.append((address, message_from_bytes(content, policy=policy.default)))  # type: ignore[arg-type]
        if self.drop_at == "after":
            _cut(server)
        await asyncio.sleep(self.slow_s)
        return "250 2.0.0 queued"


class _Server(SMTP):
    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        if self.event_handler.drop_at == "DATA":
            _cut(self)
            return
        await super().smtp_DATA(arg)

    def connection_made(self, transport: Any) -> None:
        self.event_handler.connections += 1
        super().connection_made(transport)


class _Controller(Controller):
    def factory(self) -> SMTP:
        return _Server(self.handler, **self.SMTP_kwargs)

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]  # it was 0: any free one
        super()._trigger_server()


def _cut(server: SMTP) -> None:
    transport: Any = server.transport
    transport.abort()


@contextmanager
def mail_server(**options: Any) -> Iterator[Inbox]:
    """A server on a free port of this machine; `options` are aiosmtpd's."""
    inbox = Inbox()
    controller = _Controller(inbox, hostname="127.0.0.1", port=0, **options)
    controller.start()
    inbox.port, inbox.connections = controller.port, 0
    try:
        yield inbox
    finally:
        controller.stop()
