"""A paper on its way into the database: what importers and the catalogue give, and how it is checked and cleaned."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from workingpapers.daily.identity import arxiv_id, title_key
from workingpapers.errors import InvalidParameterError, InvalidTypeError

Source = Literal["catalogue", "room", "arxiv", "hugging-face", "bibtex", "json", "submitted"]
RANK: Mapping[str, int] = {
    "room": 5,
    "catalogue": 5,
    "arxiv": 3,
    "submitted": 3,
    "hugging-face": 2,
    "bibtex": 1,
    "json": 1,
}
"""Of two sources that disagree, the higher one is believed."""
OWN = ("catalogue", "room")
"""Sources that are ours: only they give slugs, claims and summaries in our words."""

_TITLE = 2_000
_SUMMARY = 100_000
_NAME = 1_000
_AUTHORS = 20_000
_TOPICS = 100
_ADDRESS = 2_000
_LARGEST = 2**31
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
_NO_CHARACTERS = "\ud800-\udfff\ufdd0-\ufdef" + "".join(
    chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF)
)
_UNSHOWABLE = re.compile(f"[\x00-\x1f\x7f-\x9f{_NO_CHARACTERS}]")
_BARE_ADDRESS = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}(/\S*)?", re.ASCII)


@dataclass(frozen=True)
class ClaimEntry:
    """A claim of a paper that has a room.

    Args:
        claim: Its id within the paper.
        says: The statement in our words.
        metric: What number a trial reports for it.
        predicate: The condition on that number.
        source: Where the paper says so.
        details: Everything else, as plain JSON values.
    """

    claim: str
    says: str
    metric: str = ""
    predicate: str = ""
    source: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PaperEntry:
    """A paper as one source describes it.

    Args:
        title: Its title.
        summary: The authors' abstract, or our own words.
        summary_kind: `ours` or `abstract`.
        authors: Names in order, as far as they are known.
        author_count: How many authors there are; at least `len(authors)` counts.
        published: The day it first appeared.
        listed: The day in whose feed it stands; where it is None, `published`, and without that the day it is added.
        arxiv: Its arXiv id or address, with or without version.
        slug: Its name in the catalogue.
        topics: Names of topics.
        source: Where this description is from.
        url: Where the paper can be read.
        code_url: Where its authors' code is.
        upvotes: Votes elsewhere.
        built: Whether there is a room for it.
        usage: A few lines that use its method.
        claims: What its room judges.
    """

    title: str
    summary: str = ""
    summary_kind: str = "abstract"
    authors: tuple[str, ...] = ()
    author_count: int = 0
    published: date | None = None
    listed: date | None = None
    arxiv: str | None = None
    slug: str | None = None
    topics: tuple[str, ...] = ()
    source: str = "json"
    url: str | None = None
    code_url: str | None = None
    upvotes: int = 0
    built: bool = False
    usage: str = ""
    claims: tuple[ClaimEntry, ...] = ()


def check_entry(entry: PaperEntry, position: int) -> PaperEntry:
    """The entry in clean form: white space and control characters folded, arXiv id bare, addresses safe or None.

    Args:
        entry: What a source gave.
        position: Its number among the entries, from 1, for the message.

    Raises:
        InvalidParameterError: a value is outside what is allowed.
        InvalidTypeError: a value is of a wrong type.
    """
    where = f"entry {position}"
    title = one_line(_text(entry.title, f"{where}: title", _TITLE))
    if not title:
        raise InvalidParameterError(f"{where}: the title is empty; every paper needs one")
    where = f"{where} ({title if len(title) <= 60 else title[:60] + '…'})"
    if entry.source not in RANK:
        raise InvalidParameterError(f"{where}: source {entry.source!r} is none of {', '.join(RANK)}")
    if entry.summary_kind not in ("ours", "abstract"):
        raise InvalidParameterError(f"{where}: summary_kind {entry.summary_kind!r} is neither ours nor abstract")
    if entry.slug is not None and not _SLUG.fullmatch(_text(entry.slug, f"{where}: slug", _NAME)):
        raise InvalidParameterError(f"{where}: slug {entry.slug!r}; give small letters and digits joined by single -")
    if entry.source not in OWN and (entry.slug is not None or entry.built or entry.claims or entry.usage):
        raise InvalidParameterError(
            f"{where}: source {entry.source} gives slug, built, usage or claims, which only rooms and the catalogue do"
        )
    authors = _lines(entry.authors, f"{where}: authors", _AUTHORS)
    return replace(
        entry,
        title=title,
        summary=paragraphs(_text(entry.summary, f"{where}: summary", _SUMMARY)),
        authors=authors,
        author_count=max(len(authors), _count(entry.author_count, f"{where}: author_count")),
        published=_day(entry.published, f"{where}: published"),
        listed=_day(entry.listed, f"{where}: listed"),
        arxiv=None if entry.arxiv is None else _arxiv(entry.arxiv, where),
        topics=_lines(entry.topics, f"{where}: topics", _TOPICS),
        url=safe_address(entry.url),
        code_url=safe_address(entry.code_url),
        upvotes=_count(entry.upvotes, f"{where}: upvotes"),
    )


def topic_slug(name: str) -> str:
    """A topic's name in an address: `Learning Dynamics` is `learning-dynamics`; empty where it has no letter."""
    words = re.split(r"[\W_]+", name)
    return "-".join(key for word in words if word and (key := title_key(word)))


def one_line(value: str) -> str:
    """Text on one line: control characters and line ends become spaces, runs of white space one."""
    return " ".join(printable(value).split())


def paragraphs(value: str) -> str:
    """Text with its line ends and without other control characters."""
    lines = value.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(printable(line).rstrip() for line in lines).strip()


def printable(value: str) -> str:
    """Text in which what no page can show (control characters, halves of surrogate pairs, what Unicode keeps free of
    characters for good, such as U+FFFE) is a space."""
    return value if value.isprintable() else _UNSHOWABLE.sub(" ", value)


def showable(value: str) -> str:
    """Text as `printable` gives it, with its line ends and tabs."""
    return value if value.isprintable() else _UNSHOWABLE.sub(lambda part: part[0] if part[0] in "\n\t" else " ", value)


def safe_address(value: str | None) -> str | None:
    """An http(s) address that can stand in a link, or None; `github.com/…` gets its scheme."""
    if not isinstance(value, str):
        return None
    address = value.strip()
    if not address or len(address) > _ADDRESS or not address.isprintable() or " " in address:
        return None
    if _BARE_ADDRESS.fullmatch(address):
        address = f"https://{address}"
    try:
        parts = urlsplit(address)
        return address if parts.scheme in ("http", "https") and parts.hostname else None
    except ValueError:
        return None


def _text(value: object, where: str, longest: int) -> str:
    if not isinstance(value, str):
        raise InvalidTypeError(f"{where} is {value!r}, of type {type(value).__name__}; give text")
    if len(value) > longest:
        raise InvalidParameterError(f"{where} has {len(value):,} characters; at most {longest:,} are allowed")
    return value


def _lines(values: Iterable[str], where: str, most: int) -> tuple[str, ...]:
    if isinstance(values, str) or not isinstance(values, tuple | list):
        raise InvalidTypeError(f"{where} is {values!r}, of type {type(values).__name__}; give a tuple of text")
    if len(values) > most:
        raise InvalidParameterError(f"{where} has {len(values):,} names; at most {most:,} are allowed")
    return tuple(name for value in values if (name := one_line(_text(value, where, _NAME))))


def _count(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidTypeError(f"{where} is {value!r}, of type {type(value).__name__}; give a whole number")
    if not 0 <= value < _LARGEST:
        raise InvalidParameterError(f"{where} is {value}; give a number from 0 to {_LARGEST - 1}")
    return value


def _day(value: object, where: str) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if value is None or isinstance(value, date):
        return value
    raise InvalidTypeError(f"{where} is {value!r}, of type {type(value).__name__}; give a date or None")


def _arxiv(value: object, where: str) -> str:
    try:
        return arxiv_id(_text(value, f"{where}: arxiv", _NAME))
    except InvalidParameterError as error:
        raise InvalidParameterError(f"{where}: arxiv: {error}") from None
