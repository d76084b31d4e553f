"""Where mail is handed over and in whose name, from the environment. No message shows the password."""

import os
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.utils import getaddresses
from ipaddress import ip_address
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from workingpapers.daily.addresses import mail_address
from workingpapers.errors import InvalidParameterError

SERVER = "WORKINGPAPERS_SMTP_URL"
SENDER = "WORKINGPAPERS_MAIL_FROM"
Security = Literal["none", "starttls", "tls"]

_FORM = "give smtp://user:password@host:587?starttls=1, smtps://user:password@host or smtp://localhost"
_PORTS: dict[Security, int] = {"none": 25, "starttls": 587, "tls": 465}


@dataclass(frozen=True)
class MailSettings:
    """A mail server, and the address that mails come from.

    Args:
        host: The server.
        port: Its port.
        security: `tls` from the first byte, `starttls` or `none`.
        user: Name to log in with, or None.
        password: Goes with the name.
        sender: Name and address in `From`; the address is the envelope's sender too.
    """

    host: str
    port: int
    security: Security
    user: str | None
    password: str | None = field(repr=False)
    sender: Address

    @property
    def place(self) -> str:
        """The server as messages name it."""
        return f"{self.host}:{self.port}"


def settings_from_environment() -> MailSettings | None:
    """The settings that the environment gives; None where it names no server.

    Raises:
        InvalidParameterError: one of the two variables cannot be used.
    """
    text = os.environ.get(SERVER, "").strip()
    if not text:
        return None
    return mail_settings(text, os.environ.get(SENDER, ""))


def mail_settings(server: str, sender: str) -> MailSettings:
    """The settings in an address such as `smtp://user:password@mail.example.org:587?starttls=1`.

    Raises:
        InvalidParameterError: it or the sender cannot be used, or a password would travel unencrypted.
    """
    try:
        parts = urlsplit(server)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InvalidParameterError(f"{SERVER} is no address; {_FORM}") from None
    if parts.scheme not in ("smtp", "smtps") or not host or parts.path not in ("", "/"):
        raise InvalidParameterError(f"{SERVER} is not an address of a mail server; {_FORM}")
    security = _security(parts)
    user = unquote(parts.username) if parts.username else None
    if user is not None and security == "none" and not _is_loopback(host):
        raise InvalidParameterError(
            f"{SERVER} would send the password of {user} to {host} unencrypted; use smtps:// or add ?starttls=1"
        )
    password = unquote(parts.password or "") if user is not None else None
    return MailSettings(host, port or _PORTS[security], security, user, password, sender_address(sender))


def sender_address(text: str) -> Address:
    """Name and address from `Name <address>` or an address alone.

    Raises:
        InvalidParameterError: there is none, or it cannot be used.
    """
    if not text.strip():
        raise InvalidParameterError(
            f"{SENDER} is not set; give whom mails come from, such as 'Working Papers <papers@example.org>'"
        )
    if not text.isprintable():
        raise InvalidParameterError(f"{SENDER} holds control characters; give one line")
    found = getaddresses([text])
    if len(found) != 1:
        raise InvalidParameterError(f"{SENDER} holds {len(found)} addresses; give one")
    name, address = found[0]
    try:
        return Address(name or "Working Papers", addr_spec=mail_address(address or text))
    except InvalidParameterError as error:
        raise InvalidParameterError(f"{SENDER}: {error}") from None


def _security(parts: SplitResult) -> Security:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    starttls = options.pop("starttls", "0")
    if options or starttls not in ("0", "1"):
        name = next(iter(options), "starttls")
        raise InvalidParameterError(f"{SERVER}: option {name!r} cannot be used; allowed are starttls=1 and starttls=0")
    if parts.scheme == "smtps":
        return "tls"
    return "starttls" if starttls == "1" else "none"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
