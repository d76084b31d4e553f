"""Rows of the database as plain JSON objects and back: which tables and columns move, and what may stand there."""

import math
import types
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from sqlalchemy import Column, Table
from sqlalchemy.orm import Mapped

from workingpapers.daily.entries import OWN, RANK, PaperEntry, check_entry, one_line, showable
from workingpapers.daily.identity import title_key
from workingpapers.daily.tables import Base
from workingpapers.errors import DamagedRecordError, InvalidParameterError

MOVED = (
    "people", "topics", "papers", "other_titles", "paper_topics", "claims", "runs", "verdicts", "events", "votes",
    "marks", "subscriptions", "issues", "jobs",
)  # fmt: skip
"""Tables in the order in which they are written: a row stands after those that it refers to."""

LEFT = {
    "login_tokens": "open only once, for a quarter of an hour",
    "sessions": "people sign in again",
    "embeddings": "computed anew",
    "fetched": "asked anew",
    "remembered": "what one database knows about itself",
}
"""Tables that stay, and why."""

LEFT_COLUMNS = {("papers", "heat"), ("jobs", "process"), ("jobs", "process_started")}
"""Columns that stay: computed anew, or about one machine."""

_ON_ONE_LINE = {("people", "name"), ("topics", "name")}
_CHECKED = (
    "title", "summary", "summary_kind", "authors", "author_count", "published", "listed", "arxiv", "slug", "url",
    "code_url", "upvotes",
)  # fmt: skip
"""Columns of a paper that an importer gives too."""
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
_ENDLESS = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def table(name: str) -> Table:
    """A table by its name."""
    return Base.metadata.tables[name]


@cache
def columns(name: str) -> tuple[Column[Any], ...]:
    """The columns of a table that move."""
    return tuple(column for column in table(name).columns if (name, column.name) not in LEFT_COLUMNS)


@cache
def references(name: str) -> Mapping[str, str]:
    """The columns that refer to the number of a row elsewhere, with that row's table."""
    return {
        column.name: key.column.table.name
        for column in columns(name)
        for key in column.foreign_keys
        if key.column.name == "id" and _kind(name, column.name) is int
    }


def to_plain(name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as JSON has it."""
    return {"table": name} | {column.name: _plain(row[column.name]) for column in columns(name)}


def from_plain(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a row from JSON, without characters that no page can show. Columns that an older export lacks get
    what they start with.

    Raises:
        DamagedRecordError: a value is missing, of a wrong kind, or nothing that this version knows.
    """
    known = {column.name for column in columns(name)}
    if unknown := sorted(set(given) - known - {"table"}):
        raise DamagedRecordError(f"{name} has no {unknown[0]!r}; the file may be from a newer version of workingpapers")
    values = {column.name: _value(name, column, given) for column in columns(name)}
    if (name, "name") in _ON_ONE_LINE:
        values["name"] = one_line(values["name"])
    return _checked(values) if name == "papers" else values


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    """The values of a paper, cleaned and checked as those that an importer gives."""
    if values["source"] not in RANK:
        raise DamagedRecordError(f"papers: 'source' is {_short(values['source'])}, none of {', '.join(RANK)}")
    given = {name: values[name] for name in _CHECKED}
    try:
        entry = check_entry(PaperEntry(**given, source=OWN[0]), values["id"])  # which may give a slug
    except InvalidParameterError as error:
        raise DamagedRecordError(f"papers: {error}") from error
    found = {name: getattr(entry, name) for name in _CHECKED}
    return values | found | {"authors": list(entry.authors), "title_key": title_key(entry.title)}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _value(name: str, column: Column[Any], given: Mapping[str, Any]) -> Any:
    value = given.get(column.name)
    if column.name not in given and column.default is not None:
        start: Any = getattr(column.default, "arg", None)
        return start(None) if callable(start) else start
    if value is None:
        if column.nullable:
            return None
        raise DamagedRecordError(f"{name}: {column.name!r} is missing")
    kind = _kind(name, column.name)
    found = _READ[kind](value)
    if found is None:
        raise DamagedRecordError(f"{name}: {column.name!r} is {_short(value)}, where {_WORDS[kind]} should stand")
    return found


def _short(value: object) -> str:
    return repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "..."


@cache
def _kind(name: str, column: str) -> Any:
    """The type in Python of a column's values: `str`, `int`, `dict`, … without `None`."""
    mapped = next(mapper.class_ for mapper in Base.registry.mappers if mapper.local_table is table(name))
    hint = get_type_hints(mapped)[column]
    inner = get_args(hint)[0] if get_origin(hint) is Mapped else hint
    if isinstance(inner, types.UnionType):
        (inner,) = (kind for kind in get_args(inner) if kind is not type(None))
    return get_origin(inner) or inner


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return None
    return showable(value)


def _whole(value: object) -> int | None:
    fits = isinstance(value, int) and not isinstance(value, bool) and _SMALLEST <= value <= _LARGEST
    return value if isinstance(value, int) and fits else None


def _number(value: object) -> float | None:
    if isinstance(value, str):
        return _ENDLESS.get(value)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _moment(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _names(value: object) -> list[str] | None:
    texts = [_text(one) for one in value] if isinstance(value, list) else [None]
    found = [one for one in texts if one is not None]
    return found if len(found) == len(texts) else None


def _object(value: object) -> dict[str, Any] | None:
    return _showable_parts(value) if isinstance(value, dict) else None


def _showable_parts(value: Any) -> Any:
    """A plain value whose texts, however deep, a page can show."""
    if isinstance(value, str):
        return showable(value)
    if isinstance(value, list):
        return [_showable_parts(one) for one in value]
    if isinstance(value, dict):
        return {showable(key): _showable_parts(one) for key, one in value.items()}
    return value


_READ: Mapping[Any, Any] = {
    str: _text,
    int: _whole,
    float: _number,
    bool: lambda value: value if isinstance(value, bool) else None,
    datetime: _moment,
    date: _day,
    list: _names,
    dict: _object,
}
_WORDS: Mapping[Any, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    datetime: "a moment such as 2026-11-23T15:44:08+00:00",
    date: "a day such as 2026-11-23",
    list: "a list of text",
    dict: "an object",
}
