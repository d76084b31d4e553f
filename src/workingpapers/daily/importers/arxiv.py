"""Papers from arXiv's API: by id, or by a query in arXiv's own syntax.

The API answers in Atom. It has habits that a reader must know: a refused request is answered 200 with one entry
called `Error`; too many requests may be answered by a line of plain text; a page in the middle of a result is
sometimes empty and whole the next time; titles and abstracts are broken into lines.
"""

import functools
import re
import tomllib
from collections.abc import Callable, Iterable, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Literal

from workingpapers.daily.entries import PaperEntry
from workingpapers.daily.identity import arxiv_id
from workingpapers.daily.importers import cleaning
from workingpapers.daily.importers.client import Client, DamagedAnswerError
from workingpapers.errors import FetchError, InvalidParameterError, UnknownNameError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

Order = Literal["newest", "relevance"]
ORDERS: dict[Order, str] = {"newest": "submittedDate", "relevance": "relevance"}
MOST = 30_000
"""The API gives no more than this of one query."""

_IDS_AT_ONCE = 100
_PAGE = 500
_ATOM = "{http://www.w3.org/2005/Atom}"
_ARXIV = "{http://arxiv.org/schemas/atom}"
_SEARCH = "{http://a9.com/-/spec/opensearch/1.1/}"
_CATEGORY = re.compile(r"([a-z-]+)(?:\.([A-Za-z-]+))?")
_ABSTRACT_PAGE = re.compile(r"https?://(?:www\.|export\.)?arxiv\.org/abs/(.+)")


def by_ids(
    client: Client, ids: Sequence[str], progress: Callable[[int, int], object] = lambda done, total: None
) -> list[PaperEntry]:
    """The papers with these ids, in their order, each once.

    Args:
        client: Asks arXiv.
        ids: Ids or addresses of arXiv, with or without a version.
        progress: Is told how many of how many are done.

    Raises:
        InvalidParameterError: one is no id of arXiv.
        UnknownNameError: arXiv has no paper with one of these ids; the message names them.
        FetchError: arXiv did not answer.
    """
    wanted = list(dict.fromkeys(arxiv_id(text) for text in ids))
    found: dict[str, PaperEntry] = {}
    for start in range(0, len(wanted), _IDS_AT_ONCE):
        some = wanted[start : start + _IDS_AT_ONCE]
        _, entries = client.get(client.arxiv, {"id_list": ",".join(some), "max_results": len(some)}, _read)
        found.update((entry.arxiv, entry) for entry in entries if entry.arxiv)
        progress(min(start + _IDS_AT_ONCE, len(wanted)), len(wanted))
    if missing := [one for one in wanted if one not in found]:
        rest = f" and {len(missing) - 8} more" if len(missing) > 8 else ""
        raise UnknownNameError(f"arXiv has no paper {', '.join(missing[:8])}{rest}; check the number, or leave it out")
    return [found[one] for one in wanted]


def by_query(
    client: Client,
    query: str,
    *,
    most: int = 50,
    order: Order = "newest",
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> list[PaperEntry]:
    """The papers that a query finds.

    Args:
        client: Asks arXiv.
        query: In arXiv's syntax, such as `ti:attention AND cat:cs.LG`.
        most: So many papers at most.
        order: Which come first.
        progress: Is told how many of how many are there.

    Raises:
        InvalidParameterError: the query is empty, or `most` is not allowed.
        FetchError: arXiv did not answer, or refuses the query.
    """
    if not any(character.isalnum() for character in query):
        raise InvalidParameterError(f"query {query!r} holds no word; give one such as 'ti:attention AND cat:cs.LG'")
    cleaning.checked_count(most, MOST)
    found: dict[str, PaperEntry] = {}
    start, total = 0, most
    while start < total:
        size = min(_PAGE, total - start)
        parameters: dict[str, str | int] = {
            "search_query": query,
            "start": start,
            "max_results": size,
            "sortBy": ORDERS[order],
            "sortOrder": "descending",
        }
        there, entries = client.get(client.arxiv, parameters, functools.partial(_read_page, start=start))
        total = min(most, there)
        found.update((entry.arxiv, entry) for entry in entries if entry.arxiv)
        start += size
        progress(min(start, total), total)
    return list(found.values())[:most]


def checked_order(name: str) -> Order:
    """The order that somebody named; raises `InvalidParameterError` where there is none such."""
    for order in ORDERS:
        if order == name:
            return order
    raise InvalidParameterError(f"order {name!r} is unknown; allowed are {', '.join(ORDERS)}")


def _read_page(body: bytes, start: int) -> tuple[int, list[PaperEntry]]:
    """As `_read`; an empty page where there is more is damaged."""
    total, entries = _read(body)
    if not entries and start < total:
        raise DamagedAnswerError(f"the page from {start} on is empty, though there are {total} papers")
    return total, entries


def _read(body: bytes) -> tuple[int, list[PaperEntry]]:
    """How many papers there are altogether, and those of this answer.

    Raises:
        DamagedAnswerError: it is no whole feed.
        FetchError: it holds what no feed of arXiv holds, or says that the request was wrong.
    """
    feed = _parsed(body)
    if feed.tag != f"{_ATOM}feed":
        raise DamagedAnswerError(f"the answer is no Atom feed but <{feed.tag.rpartition('}')[2]}>")
    entries = []
    for element in feed.iterfind(f"{_ATOM}entry"):
        if "/api/errors" in (element.findtext(f"{_ATOM}id") or ""):
            reason = cleaning.plain(element.findtext(f"{_ATOM}summary") or "no reason given", 300)
            raise FetchError(f"arXiv refuses the request: {reason}; correct the ids or the query")
        if (entry := _entry(element)) is not None:
            entries.append(entry)
    text = (feed.findtext(f"{_SEARCH}totalResults") or "").strip()
    return (int(text) if text.isdecimal() else len(entries)), entries


def _parsed(body: bytes) -> "Element":
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except DefusedXmlException as error:
        raise FetchError(
            f"arXiv's answer declares a document type or entities ({type(error).__name__}), which no feed needs; "
            "it is refused unread, check $WORKINGPAPERS_ARXIV_API"
        ) from error
    except (ParseError, ValueError, LookupError) as error:  # the last two: an encoding that does not fit or exist
        words = body[:60].decode("utf-8", "replace")
        said = "" if "<" in words else f" ({' '.join(words.split())!r})"
        raise DamagedAnswerError(f"the answer is no whole XML document: {error}{said}") from error
    return root


def _entry(element: "Element") -> PaperEntry | None:
    """One paper; None for an entry without title or without an id of arXiv."""
    place = _ABSTRACT_PAGE.fullmatch((element.findtext(f"{_ATOM}id") or "").strip())
    title = cleaning.plain(element.findtext(f"{_ATOM}title") or "", cleaning.LONGEST_TITLE)
    if place is None or not title:
        return None
    try:
        identifier = arxiv_id(place.group(1))
    except InvalidParameterError:
        return None
    published = cleaning.day(element.findtext(f"{_ATOM}published"))
    authors = cleaning.names(
        (name.text or "" for name in element.iterfind(f"{_ATOM}author/{_ATOM}name")), cleaning.MOST_AUTHORS
    )
    return PaperEntry(
        title=title,
        summary=cleaning.plain(element.findtext(f"{_ATOM}summary") or "", cleaning.LONGEST_SUMMARY),
        authors=authors,
        author_count=len(authors),
        published=published,
        listed=published,
        arxiv=identifier,
        topics=_topics(element),
        source="arxiv",
        url=f"https://arxiv.org/abs/{identifier}",
    )


def _topics(element: "Element") -> tuple[str, ...]:
    """Names of the categories, the primary one first; classes of MSC and ACM stand among them and are left out."""
    primary = [one.get("term") or "" for one in element.iterfind(f"{_ARXIV}primary_category")]
    others = [one.get("term") or "" for one in element.iterfind(f"{_ATOM}category")]
    return cleaning.names(_called([*primary, *others]), cleaning.MOST_TOPICS)


def _called(codes: Iterable[str]) -> Iterable[str]:
    known = _categories()
    for code in codes:
        if found := _CATEGORY.fullmatch(code):
            archive, kind = found.groups()
            yield known.get(archive if kind else "whole", {}).get(kind or archive, code)


@functools.cache
def _categories() -> dict[str, dict[str, str]]:
    text = resources.files(__package__).joinpath("arxiv_categories.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
