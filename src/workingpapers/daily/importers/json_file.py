"""Papers from a JSON file: a list of plain objects, lines of them, or what a page of this kind answers.

    [{"title": "…", "arxiv": "2406.06581", "authors": ["…"], "published": "2024-06-04", "topics": ["…"]}]

Only `title` is needed. The other keys are `summary` (or `abstract`), `authors`, `author_count`, `published`, `listed`,
`arxiv`, `topics`, `url`, `code_url` and `upvotes`. Objects as the Hugging Face Hub gives them are understood too.
"""

import json
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from workingpapers.daily.entries import PaperEntry
from workingpapers.daily.importers import cleaning, hugging_face
from workingpapers.daily.importers.files import read_text
from workingpapers.errors import InvalidParameterError

_KEYS = (
    "title", "summary", "abstract", "authors", "author_count", "published", "listed", "arxiv", "topics", "url",
    "code_url", "upvotes",
)  # fmt: skip
_LISTS = ("papers", "cards")


def read_file(path: Path, tell: Callable[[str], object] = lambda text: None) -> list[PaperEntry]:
    """The papers of a file.

    Args:
        path: A file in UTF-8.
        tell: Is told, in one line, which keys are not understood.

    Raises:
        InvalidParameterError: the file cannot be read, is no JSON, or has a paper wrong; the message says where.
    """
    return read(read_text(path), str(path), tell)


def read(text: str, name: str, tell: Callable[[str], object] = lambda text: None) -> list[PaperEntry]:
    """As `read_file`, of a text that is called `name`."""
    rows = _rows(text, name)
    entries, unknown = [], dict[str, None]()
    for number, row in enumerate(rows, 1):
        where = f"{name!r}, paper {number}"
        if not isinstance(row, Mapping):
            raise InvalidParameterError(f"{where} is {_short(row)}; give an object with a title")
        if "paper" in row or ("publishedAt" in row and "id" in row):
            entry = hugging_face.entry_of(row)
            if entry is None:
                raise InvalidParameterError(f"{where}: it looks like one of the Hugging Face Hub without title or id")
            entries.append(entry)
            continue
        unknown |= {key: None for key in row if key not in _KEYS}
        entries.append(_entry(row, where))
    if not entries:
        raise InvalidParameterError(f"{name!r} holds no paper; give a list of objects, each with a title")
    if unknown:
        tell(f"{name}: not used are {', '.join(list(unknown)[:12])}; understood are {', '.join(_KEYS)}")
    return entries


def _rows(text: str, name: str) -> list[Any]:
    """The objects of a list, of an object that holds a list, or one on each line."""
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise InvalidParameterError(f"{name!r} is nested too deeply; give a list of objects") from error
    except ValueError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) > 1 and lines[0].lstrip().startswith("{") and lines[0].rstrip().endswith("}"):
            return [_line(line, name, number) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
        raise InvalidParameterError(
            f"{name!r} is no JSON: {error}; give a list of objects, each with a title"
        ) from error
    if isinstance(found, Mapping):
        for candidate in (found, found.get("page")):
            if isinstance(candidate, Mapping):
                for key in _LISTS:
                    if isinstance(candidate.get(key), list):
                        return list(candidate[key])
        return [found]
    if not isinstance(found, list):
        raise InvalidParameterError(f"{name!r} is {_short(found)}; give a list of objects, each with a title")
    return found


def _line(line: str, name: str, number: int) -> Any:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidParameterError(f"{name!r}, line {number}: no JSON: {error}") from error
    if isinstance(row, Mapping) and row.get("workingpapers") is not None:
        raise InvalidParameterError(f"{name!r} is a whole database; `workingpapers import` reads it")
    return row


def _entry(row: Mapping[str, Any], where: str) -> PaperEntry:
    summary = row.get("summary") or row.get("abstract")
    given = {key: row[key] for key in ("author_count", "upvotes", "url", "code_url") if row.get(key) is not None}
    for key in ("url", "code_url"):
        _text(given.get(key, ""), f"{where}: {key}")
    identifier = row.get("arxiv")
    return PaperEntry(
        title=cleaning.plain(_text(row.get("title"), f"{where}: title"), cleaning.LONGEST_TITLE),
        summary=cleaning.paragraphs(
            "" if summary is None else _text(summary, f"{where}: summary"), cleaning.LONGEST_SUMMARY
        ),
        authors=cleaning.names(_names(row.get("authors"), f"{where}: authors"), cleaning.MOST_AUTHORS),
        published=_day(row.get("published"), f"{where}: published"),
        listed=_day(row.get("listed"), f"{where}: listed"),
        arxiv=None if identifier in (None, "") else _text(identifier, f"{where}: arxiv"),
        topics=cleaning.names(_names(row.get("topics"), f"{where}: topics"), cleaning.MOST_TOPICS),
        source="json",
        **given,
    )


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise InvalidParameterError(f"{where} is {_short(value)}; give text")
    return value


def _names(value: object, where: str) -> list[str]:
    """Names as a list of text, or of objects with a name."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidParameterError(f"{where} is {_short(value)}; give a list of names")
    return [_text(one.get("name") if isinstance(one, Mapping) else one, where) for one in value]


def _day(value: object, where: str) -> date | None:
    if value in (None, ""):
        return None
    found = cleaning.day(value) if isinstance(value, str) else None
    if found is None:
        raise InvalidParameterError(f"{where} is {_short(value)}; give a day such as 2024-06-04")
    return found


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
