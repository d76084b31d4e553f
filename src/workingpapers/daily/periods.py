"""Days, ISO weeks and months of the feed: their first and last day, and how they are called in addresses."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from workingpapers.errors import InvalidParameterError

PeriodKind = Literal["day", "week", "month"]
KINDS: tuple[PeriodKind, ...] = ("day", "week", "month")


@dataclass(frozen=True)
class Period:
    """Some days in a row.

    Args:
        kind: `day`, `week` (from Monday, as ISO 8601 counts them) or `month`.
        first: Its first day.
        last: Its last day.
        name: `2026-11-23`, `2026-W48` or `2026-11`.
    """

    kind: PeriodKind
    first: date
    last: date
    name: str


def day_of(day: date) -> Period:
    """One day."""
    return Period("day", day, day, day.isoformat())


def week_of(year: int, week: int) -> Period:
    """An ISO week.

    Args:
        year: The ISO year, which may differ from the calendar's around the new year.
        week: From 1 to 52, in some years 53.

    Raises:
        InvalidParameterError: the year has no such week.
    """
    _check_year(year)
    weeks = _weeks(year)
    if not 1 <= week <= weeks:
        raise InvalidParameterError(f"week {week} of {year}: that year has the weeks 1 to {weeks}; give one of them")
    first = date.fromisocalendar(year, week, 1)
    last = date.max if date.max - first < timedelta(6) else first + timedelta(6)
    return Period("week", first, last, f"{year:04}-W{week:02}")


def month_of(year: int, month: int) -> Period:
    """A month of the calendar.

    Raises:
        InvalidParameterError: the year has no such month.
    """
    _check_year(year)
    if not 1 <= month <= 12:
        raise InvalidParameterError(f"month {month} of {year}: give a month from 1 to 12")
    first = date(year, month, 1)
    return Period("month", first, date(year, month, monthrange(year, month)[1]), f"{year:04}-{month:02}")


def period_of(kind: str, day: date) -> Period:
    """The period of a kind in which a day lies.

    Raises:
        InvalidParameterError: the kind is unknown.
    """
    if kind == "day":
        return day_of(day)
    if kind == "week":
        year, week, _ = day.isocalendar()
        return week_of(year, week)
    if kind == "month":
        return month_of(day.year, day.month)
    raise InvalidParameterError(f"period {kind!r} is none of {', '.join(KINDS)}")


def _weeks(year: int) -> int:
    """28 December always lies in the last week of its ISO year."""
    return date(year, 12, 28).isocalendar().week


def _check_year(year: int) -> None:
    if not 1 <= year <= 9999:
        raise InvalidParameterError(f"year {year}: give a year from 1 to 9999")
