"""Days, weeks and months as they stand in addresses."""

import re
from datetime import date

from workingpapers.errors import InvalidParameterError

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_WEEK = re.compile(r"([0-9]{4})-W([0-9]{2})", re.ASCII)
_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})", re.ASCII)


def day_of(text: str) -> date:
    """`2026-11-23` as a day; raises `InvalidParameterError` where it is none."""
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise InvalidParameterError(f"day {text[:40]!r} is none; give one such as 2026-11-23")


def week_of(text: str) -> tuple[int, int]:
    """`2026-W48` as year and week; raises `InvalidParameterError` where it is none."""
    match = _WEEK.fullmatch(text)
    try:
        if match:
            date.fromisocalendar(int(match[1]), int(match[2]), 1)
            return int(match[1]), int(match[2])
    except ValueError:
        pass
    raise InvalidParameterError(f"week {text[:40]!r} is none; give an ISO week such as 2026-W48")


def month_of(text: str) -> tuple[int, int]:
    """`2026-11` as year and month; raises `InvalidParameterError` where it is none."""
    match = _MONTH.fullmatch(text)
    if match and int(match[1]) >= 1 and 1 <= int(match[2]) <= 12:
        return int(match[1]), int(match[2])
    raise InvalidParameterError(f"month {text[:40]!r} is none; give one such as 2026-11")
