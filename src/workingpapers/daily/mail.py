"""Handing mails over: to a mail server, or into a folder.

How a handing over ended decides whether the same mail may be tried again, so every way to fail has its own error.
"""

import contextlib
import os
import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path

from workingpapers.daily.mail_bytes import message_bytes
from workingpapers.daily.mail_settings import MailSettings, settings_from_environment
from workingpapers.errors import StoreError, WorkingPapersError

_STEP_S = 30.0
_ANSWER_S = 600.0  # what RFC 5321, 4.5.3.2.6 has a client wait once the mail is handed over
_OF_ADDRESS = re.compile(r"5\.[12]\.\d+\b")  # RFC 3463: address and mailbox, not policy or system
_ENHANCED = re.compile(r"[245]\.\d+\.\d+\b")


class MailError(WorkingPapersError, RuntimeError):
    """A mail was not handed over, or it is not known whether it was."""


class ServerUnavailableError(MailError):
    """There is no mail server to talk to; this says nothing about the mail."""


class AddressRefusedError(MailError):
    """The server takes nothing for this address, now or later."""


class MailRefusedError(MailError):
    """The server does not take this mail, now or later."""


class MailDelayedError(MailError):
    """The server did not take the mail, and may take it later."""


class MailUncertainError(MailError):
    """The mail was handed over, and no clear answer came: the server may have it."""


class Mailer:
    """Hands mails to a mail server, one after the other, over a connection that is opened when it is needed.

    Args:
        settings: The server, and in whose name.
        step_s: How long one answer of the server may take.
        answer_s: How long its answer to a whole mail may take.
    """

    def __init__(self, settings: MailSettings, *, step_s: float = _STEP_S, answer_s: float = _ANSWER_S) -> None:
        self.settings = settings
        self._step_s = step_s
        self._answer_s = answer_s

    @property
    def sender(self) -> Address:
        """Whom mails come from."""
        return self.settings.sender

    @property
    def place(self) -> str:
        """Where mails go, in words."""
        return f"the mail server {self.settings.place}"

    def send(self, message: EmailMessage) -> None:
        """Hand one mail over.

        Raises:
            MailError: which one says whether it may be tried again.
        """
        with self.connected() as line:
            line.send(message)

    @contextmanager
    def connected(self) -> "Iterator[MailLine]":
        """A line for several mails."""
        line = MailLine(self.settings, self._step_s, self._answer_s)
        try:
            yield line
        finally:
            line.close()


class MailLine:
    """A connection to a mail server; one that breaks is opened anew for the next mail."""

    def __init__(self, settings: MailSettings, step_s: float, answer_s: float) -> None:
        self._settings = settings
        self._step_s = step_s
        self._answer_s = answer_s
        self._smtp: smtplib.SMTP | None = None

    def send(self, message: EmailMessage, before_body: Callable[[], None] | None = None) -> None:
        """Hand one mail over.

        Args:
            message: With `To` and `From`.
            before_body: Called when the server has taken sender and recipient and waits for the mail itself, of which
                nothing was sent yet. What it raises ends the handing over and is passed on.

        Raises:
            MailError: which one says whether it may be tried again.
        """
        recipient = message["To"].addresses[0].addr_spec
        body = _dotted(message_bytes(message))
        smtp = self._ready()
        try:
            self._announce(smtp, recipient)
        except (smtplib.SMTPException, OSError) as error:
            self._drop()
            raise MailDelayedError(f"{self._settings.place} ended the connection: {_words(error)}") from error
        except MailError:
            self._reset()
            raise
        try:
            if before_body is not None:
                before_body()
        except BaseException:
            self._drop()  # the server waits for a mail that does not come
            raise
        self._hand_over(smtp, body)

    def close(self) -> None:
        """Say goodbye."""
        if self._smtp is not None:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                self._smtp.quit()
            self._drop()

    def _announce(self, smtp: smtplib.SMTP, recipient: str) -> None:
        code, answer = smtp.mail(self._settings.sender.addr_spec)
        if code // 100 != 2:
            raise self._refusal("the sender", code, answer)
        code, answer = smtp.rcpt(recipient)
        if code // 100 != 2:
            text = answer.decode("utf-8", "replace")
            enhanced = _ENHANCED.match(text)
            if code // 100 == 5 and code not in (503, 530) and (enhanced is None or _OF_ADDRESS.match(text)):
                raise AddressRefusedError(f"{self._settings.place} refuses {recipient}: {_answer(code, answer)}")
            raise self._refusal(recipient, code, answer)
        code, answer = smtp.docmd("DATA")
        if code != 354:
            raise self._refusal("the mail", code, answer)

    def _hand_over(self, smtp: smtplib.SMTP, body: bytes) -> None:
        try:
            smtp.send(body)
            assert smtp.sock is not None
            smtp.sock.settimeout(self._answer_s)
            code, answer = smtp.getreply()
            if smtp.sock is not None:
                smtp.sock.settimeout(self._step_s)
        except (smtplib.SMTPException, OSError) as error:
            self._drop()
            raise MailUncertainError(
                f"{self._settings.place} ended the connection before it said whether it has the mail: {_words(error)}"
            ) from error
        if code // 100 == 2:
            return
        if code // 100 not in (4, 5):
            self._drop()  # what comes next may belong to this answer
            raise MailUncertainError(
                f"{self._settings.place} did not say clearly whether it has the mail: {_answer(code, answer)}"
            )
        self._reset()
        if code // 100 == 5 and _OF_ADDRESS.match(answer.decode("utf-8", "replace")):
            raise AddressRefusedError(f"{self._settings.place} refuses the address: {_answer(code, answer)}")
        raise self._refusal("the mail", code, answer)

    def _refusal(self, what: str, code: int, answer: bytes) -> MailError:
        if code // 100 == 5:
            return MailRefusedError(f"{self._settings.place} refuses {what}: {_answer(code, answer)}")
        return MailDelayedError(f"{self._settings.place} does not take {what} now: {_answer(code, answer)}")

    def _ready(self) -> smtplib.SMTP:
        """A connection that answers."""
        if self._smtp is not None:
            try:
                if self._smtp.noop()[0] == 250:
                    return self._smtp
            except (smtplib.SMTPException, OSError):
                pass
            self._drop()
        try:
            self._smtp = self._open()
        except (smtplib.SMTPException, OSError) as error:  # a wrong certificate is an OSError too
            raise ServerUnavailableError(
                f"cannot use the mail server {self._settings.place}: {_words(error)}; look at WORKINGPAPERS_SMTP_URL"
            ) from error
        return self._smtp

    def _open(self) -> smtplib.SMTP:
        settings = self._settings
        if settings.security == "tls":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host,
                settings.port,
                local_hostname=_own_name(),
                timeout=self._step_s,
                context=ssl.create_default_context(),
            )
        else:
            smtp = smtplib.SMTP(settings.host, settings.port, local_hostname=_own_name(), timeout=self._step_s)
        try:
            smtp.ehlo_or_helo_if_needed()
            if settings.security == "starttls":
                smtp.starttls(context=ssl.create_default_context())
                smtp.ehlo()
            if settings.user is not None:
                smtp.login(settings.user, settings.password or "")
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _reset(self) -> None:
        """Make the connection ready for another mail; drop it where that fails."""
        try:
            if self._smtp is not None and self._smtp.rset()[0] == 250:
                return
        except (smtplib.SMTPException, OSError):
            pass
        self._drop()

    def _drop(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None


class OutboxMailer:
    """Writes mails into a folder, one file each, instead of sending them.

    Args:
        folder: Is made where it is missing; only its owner can read what is in it.
    """

    sender = Address("Working Papers", addr_spec="papers@workingpapers.invalid")

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def place(self) -> str:
        """Where mails go, in words."""
        return f"the folder {self.folder}"

    @contextmanager
    def connected(self) -> "Iterator[OutboxMailer]":
        """For several mails: itself."""
        yield self

    def send(self, message: EmailMessage, before_body: Callable[[], None] | None = None) -> Path:
        """Write one mail; the same Message-ID replaces its file.

        Args:
            message: With `Message-ID`.
            before_body: Called before anything is written; what it raises is passed on.

        Raises:
            StoreError: the folder cannot be written to.
        """
        if before_body is not None:
            before_body()
        name = re.sub(r"[^\w.-]+", "-", str(message["Message-ID"]).strip("<>").partition("@")[0]).strip("-.")
        path = self.folder / f"{name[:150]}.eml"
        temporary = path.with_name(f".{path.name}-{os.getpid()}")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(message_bytes(message))
            temporary.replace(path)
        except OSError as error:
            raise StoreError(
                f"cannot write mails to {self.folder}: {error.strerror or error}; name another folder"
            ) from error
        return path


def mailer_for(database: Path) -> Mailer | OutboxMailer:
    """The mailer that the environment sets, else one that writes into the folder `outbox` beside the database.

    Raises:
        InvalidParameterError: the environment's settings cannot be used.
    """
    settings = settings_from_environment()
    return OutboxMailer(database.with_name("outbox")) if settings is None else Mailer(settings)


def _dotted(message: bytes) -> bytes:
    """The mail as it travels: ends of line are CRLF, a leading dot is doubled, one dot ends it (RFC 5321, 4.5.2)."""
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", message)
    return re.sub(rb"(?m)^\.", b"..", lines if lines.endswith(b"\r\n") else lines + b"\r\n") + b".\r\n"


def _own_name() -> str:
    """What this machine calls itself; no name server is asked, which may take long."""
    name = socket.gethostname()
    return name if "." in name and name.isascii() else "[127.0.0.1]"


def _answer(code: int, answer: bytes) -> str:
    return f"{code} {' '.join(answer.decode('utf-8', 'replace').split())[:300]}"


def _words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        answer = error.smtp_error
        return _answer(error.smtp_code, answer if isinstance(answer, bytes) else str(answer).encode())
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(reason).split())[:300]
