"""A mail as bytes: addresses, identifiers and links in its headers stay as they are, however long.

The email package writes every word that is longer than a line as an encoded word. Where a header holds an address,
mail programs do not decode it (RFC 2047, 5), so such headers are folded at their spaces only.
"""

from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from typing import Any
from urllib.parse import quote, urlsplit

_WHOLE = frozenset({"list-id", "list-unsubscribe", "list-unsubscribe-post", "message-id"})
_ADDRESSES = frozenset({"from", "to", "reply-to", "sender"})
_LINE = 78
_LONGEST = 998
_MARKS = set('()<>[]:;@\\,."')


def message_bytes(message: EmailMessage) -> bytes:
    """The mail with CRLF at the ends of its lines."""
    return message.as_bytes(policy=_AS_MAILED)


def ascii_address(url: str) -> str:
    """An address of the web in ASCII, as headers need it."""
    if url.isascii():
        return url
    parts = urlsplit(url)
    try:
        host = parts.netloc.encode("idna").decode()
    except UnicodeError:
        host = quote(parts.netloc, safe="@:[]")
    return parts._replace(
        netloc=host, path=quote(parts.path, safe="/%:@"), query=quote(parts.query, safe="/%?&=")
    ).geturl()


class _AsMailed(EmailPolicy):
    def fold(self, name: str, value: Any) -> str:
        kind = name.lower()
        if kind in _WHOLE and str(value).isascii():
            return _folded(name, str(value).split())
        if kind in _ADDRESSES and hasattr(value, "addresses"):
            return _folded(name, [word for one in _with_commas(value.addresses) for word in one])
        if kind == "subject":
            return _folded(name, _words_of_text(name, str(value)))
        return super().fold(name, value)

    def fold_binary(self, name: str, value: Any) -> bytes:
        if name.lower() in _WHOLE | _ADDRESSES | {"subject"}:
            return self.fold(name, value).encode("ascii")
        return super().fold_binary(name, value)


_AS_MAILED = _AsMailed(linesep="\r\n")


def _folded(name: str, words: list[str]) -> str:
    """A header whose words stay whole; the first one is on the first line, where some programs look for it."""
    lines = [f"{name}:"]
    for place, word in enumerate(words):
        if len(lines[-1]) + 1 + len(word) > (_LINE if place else _LONGEST):
            lines.append("")
        lines[-1] += f" {word}"
    return "\r\n".join(lines) + "\r\n"


def _words_of_text(name: str, text: str) -> list[str]:
    """Of a header that is read by people: in encoded words where it has other letters or words longer than a line."""
    if text.isascii() and "=?" not in text and all(len(word) < _LINE for word in text.split()):
        return text.split()
    return Header(text, "utf-8", maxlinelen=75, header_name=name).encode().split()


def _with_commas(addresses: tuple[Address, ...]) -> list[list[str]]:
    found = [_words_of(one) for one in addresses]
    for one in found[:-1]:
        one[-1] += ","
    return found


def _words_of(address: Address) -> list[str]:
    name, spec = address.display_name, address.addr_spec
    if not name:
        return [spec]
    if not name.isascii():
        return [*Header(name, "utf-8", maxlinelen=75).encode().split(), f"<{spec}>"]
    if _MARKS & set(name):
        name = '"' + name.replace("\\", r"\\").replace('"', r"\"") + '"'
    return [*name.split(" "), f"<{spec}>"]
