"""What comes from elsewhere is brought into form: plain text of bounded length, names, days, periods."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import date, timedelta

from workingpapers.daily.database import now
from workingpapers.daily.entries import printable
from workingpapers.errors import InvalidParameterError

LONGEST_TITLE = 1_000
LONGEST_SUMMARY = 20_000
LONGEST_NAME = 200
MOST_AUTHORS = 5_000
MOST_TOPICS = 16

_DIRECTION = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")  # invisible, and turns text around
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ].*)?$", re.DOTALL)


def plain(text: str, longest: int) -> str:
    """One line without control characters; longer text is cut and ends in an ellipsis. Markup stays text."""
    text = _DIRECTION.sub("", printable(text))
    text = unicodedata.normalize("NFC", " ".join(text.split()))
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def paragraphs(text: str, longest: int) -> str:
    """As `plain`, with line ends kept."""
    text = "\n".join(plain(line, longest) for line in text.splitlines()).strip()
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def names(texts: Iterable[str], most: int) -> tuple[str, ...]:
    """Names of people or topics, each once, none empty."""
    cleaned = (plain(text, LONGEST_NAME) for text in texts)
    return tuple(dict.fromkeys(name for name in cleaned if name))[:most]


def day(text: str | None) -> date | None:
    """The day of an ISO date or moment; None where there is none, or none that a calendar has."""
    found = _DAY.match(text.strip()) if text else None
    if found is None:
        return None
    try:
        return date(*map(int, found.groups()))
    except ValueError:
        return None


def today() -> date:
    """The day in UTC."""
    return now().date()


def checked_day(text: str) -> date:
    """A day that somebody named; raises `InvalidParameterError` where it is none or has not come yet."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise InvalidParameterError(f"{text!r} is no day; give one such as {today().isoformat()}") from None
    if found > today() + timedelta(days=1):  # somewhere it is tomorrow already
        raise InvalidParameterError(f"the day {text} has not come yet; give one up to {today().isoformat()}")
    return found


def checked_week(text: str) -> str:
    """A week such as `2026-W48`; raises `InvalidParameterError` where it is none."""
    year, week, _ = today().isocalendar()
    try:
        if not re.fullmatch(r"[0-9]{4}-W[0-9]{2}", text):
            raise ValueError
        date.fromisocalendar(int(text[:4]), int(text[-2:]), 1)
    except ValueError:
        raise InvalidParameterError(f"{text!r} is no week; give one such as {year}-W{week:02}") from None
    return text


def checked_month(text: str) -> str:
    """A month such as `2026-11`; raises `InvalidParameterError` where it is none."""
    try:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}", text):
            raise ValueError
        date(int(text[:4]), int(text[-2:]), 1)
    except ValueError:
        raise InvalidParameterError(f"{text!r} is no month; give one such as {today():%Y-%m}") from None
    return text


def checked_count(count: int, most: int) -> int:
    """How many papers are wanted; raises `InvalidParameterError` where it is less than 1 or more than `most`."""
    if not 1 <= count <= most:
        raise InvalidParameterError(f"{count} papers cannot be asked for; give a number from 1 to {most}")
    return count
