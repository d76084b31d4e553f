"""Papers from the Hugging Face Hub: the daily papers of a day, a week or a month, a search, or one paper."""

import json
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from urllib.parse import quote

from workingpapers.daily.entries import PaperEntry
from workingpapers.daily.identity import arxiv_id
from workingpapers.daily.importers import cleaning
from workingpapers.daily.importers.client import Client, DamagedAnswerError, RefusedError
from workingpapers.errors import InvalidParameterError, UnknownNameError

MOST = 10_000
_PAGE = 100  # the Hub gives no more at once


def daily(
    client: Client,
    *,
    day: str | None = None,
    week: str | None = None,
    month: str | None = None,
    most: int = MOST,
    progress: Callable[[int, None], object] = lambda done, total: None,
) -> list[PaperEntry]:
    """The daily papers of one period, or the newest.

    Args:
        client: Asks the Hub.
        day: A day such as `2026-11-20`.
        week: A week such as `2026-W47`.
        month: A month such as `2026-11`.
        most: So many papers at most.
        progress: Is told how many are there; the Hub does not say how many it has.

    Raises:
        InvalidParameterError: more than one period is given, or one that does not exist.
        FetchError: the Hub did not answer, or refuses the period.
    """
    if sum(period is not None for period in (day, week, month)) > 1:
        raise InvalidParameterError("a day, a week and a month exclude each other; give one of them")
    cleaning.checked_count(most, MOST)
    parameters: dict[str, str | int] = {}
    if day is not None:
        parameters["date"] = cleaning.checked_day(day).isoformat()
    elif week is not None:
        parameters["week"] = cleaning.checked_week(week)
    elif month is not None:
        parameters["month"] = cleaning.checked_month(month)
    found: dict[str, PaperEntry] = {}
    for page in range(1 + MOST // _PAGE):  # a page may hold fewer than asked for, so only an empty one is the last
        asked = {**parameters, "p": page, "limit": min(_PAGE, most)}
        entries = client.get(f"{client.hugging_face}/api/daily_papers", asked, _read_list)
        fresh = {_name(entry): entry for entry in entries if _name(entry) not in found}
        found.update(fresh)
        progress(min(len(found), most), None)
        if not fresh or len(found) >= most:
            break
    return list(found.values())[:most]


def by_query(client: Client, query: str, *, most: int = 50) -> list[PaperEntry]:
    """The papers that the Hub's own search finds, best first.

    Raises:
        InvalidParameterError: the query is empty or `most` is not allowed.
        FetchError: the Hub did not answer.
    """
    if not any(character.isalnum() for character in query):
        raise InvalidParameterError(f"query {query!r} holds no word; give one or more words, such as `time series`")
    cleaning.checked_count(most, 1_000)
    entries = client.get(f"{client.hugging_face}/api/papers/search", {"q": query, "limit": most}, _read_list)
    return entries[:most]


def by_id(client: Client, identifier: str) -> PaperEntry:
    """One paper by its arXiv id or its address.

    Raises:
        InvalidParameterError: it is no id of arXiv.
        UnknownNameError: the Hub has no such paper.
        FetchError: the Hub did not answer.
    """
    wanted = arxiv_id(identifier)
    try:
        return client.get(f"{client.hugging_face}/api/papers/{quote(wanted, safe='')}", {}, _read_one)
    except RefusedError as error:
        if error.status != 404:
            raise
        raise UnknownNameError(f"Hugging Face has no paper {wanted}; check the number, or add it from arXiv") from error


def entry_of(row: Mapping[str, Any]) -> PaperEntry | None:
    """A paper as the Hub describes it, alone or in a list of daily papers; None where it has no title or no id."""
    inner = row.get("paper")
    paper: Mapping[str, Any] = inner if isinstance(inner, Mapping) else row
    identifier = _text(paper, "id")
    title = cleaning.plain(_text(paper, "title") or _text(row, "title"), cleaning.LONGEST_TITLE)
    if not identifier or not title:
        return None
    try:
        arxiv: str | None = arxiv_id(identifier)
    except InvalidParameterError:  # a paper that is on the Hub only
        arxiv = None
    authors = paper.get("authors")
    names = cleaning.names(
        (
            _text(author, "name")
            for author in (authors if isinstance(authors, list) else [])
            if isinstance(author, Mapping) and author.get("hidden") is not True
        ),
        cleaning.MOST_AUTHORS,
    )
    upvotes = paper.get("upvotes")
    return PaperEntry(
        title=title,
        summary=cleaning.plain(_text(paper, "summary") or _text(row, "summary"), cleaning.LONGEST_SUMMARY),
        authors=names,
        author_count=len(names),
        published=_day(paper, "publishedAt"),
        listed=_day(paper, "submittedOnDailyAt") or _day(row, "submittedOnDailyAt") or _day(row, "publishedAt"),
        arxiv=arxiv,
        source="hugging-face",
        url=f"https://arxiv.org/abs/{arxiv}" if arxiv else f"{HUB_PAPERS}/{quote(identifier, safe='')}",
        code_url=_text(paper, "githubRepo") or _text(row, "githubRepo") or None,
        upvotes=min(upvotes, 10**9)
        if isinstance(upvotes, int) and not isinstance(upvotes, bool) and upvotes > 0
        else 0,
    )


HUB_PAPERS = "https://huggingface.co/papers"


def _read_list(body: bytes) -> list[PaperEntry]:
    rows = _parsed(body)
    if not isinstance(rows, list):
        raise DamagedAnswerError(f"the answer is no list of papers but a JSON {_kind(rows)}")
    entries = (entry_of(row) for row in rows if isinstance(row, Mapping))
    return [entry for entry in entries if entry is not None]


def _read_one(body: bytes) -> PaperEntry:
    row = _parsed(body)
    entry = entry_of(row) if isinstance(row, Mapping) else None
    if entry is None:
        raise DamagedAnswerError(f"the answer is no paper but a JSON {_kind(row)} without id and title")
    return entry


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise DamagedAnswerError(f"the answer is no whole JSON document: {error}") from error


def _name(entry: PaperEntry) -> str:
    return entry.url or entry.title


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    return value if isinstance(value, str) else ""


def _day(row: Mapping[str, Any], key: str) -> date | None:
    return cleaning.day(_text(row, key))


def _kind(value: object) -> str:
    kinds = {dict: "object", list: "list", str: "text", bool: "truth value", type(None): "null"}
    return kinds.get(type(value), "number")
