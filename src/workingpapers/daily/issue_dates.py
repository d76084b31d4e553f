"""When an issue of a subscription is due, in the subscriber's own time zone."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from workingpapers.daily.subscription_request import Subscription


@dataclass(frozen=True)
class IssueDate:
    """One issue.

    Args:
        name: `2026-11-23` for a day, `2026-W48` for a week: at most one issue of a subscription bears it.
        day: The subscriber's day.
        due: The moment, in UTC, from which on it is sent.
    """

    name: str
    day: date
    due: datetime

    @property
    def words(self) -> str:
        """The name as a reader knows it."""
        if "W" in self.name:
            year, week, _ = self.day.isocalendar()
            return f"week {week} of {year}"
        return f"{self.day:%A} {self.day.day} {self.day:%B %Y}"


def newest_issue(subscription: Subscription, at: datetime) -> IssueDate:
    """The newest issue that is due at a moment.

    An hour that the clocks skip is due when they have skipped it; one that they repeat is due the first time.
    """
    zone = _zone(subscription.time_zone)
    step = 1 if subscription.frequency == "daily" else 7
    day = at.astimezone(zone).date()
    if step == 7:
        day -= timedelta(days=(day.weekday() - subscription.weekday) % 7)
    while (due := _due(day, subscription.hour, zone)) > at:
        day -= timedelta(days=step)
    year, week, _ = day.isocalendar()
    return IssueDate(day.isoformat() if step == 1 else f"{year}-W{week:02}", day, due)


def next_issue(subscription: Subscription, at: datetime) -> IssueDate:
    """The first issue that is due after a moment."""
    ahead = timedelta(days=1 if subscription.frequency == "daily" else 7)
    found = newest_issue(subscription, at + ahead)
    # a change of the clocks can put two issues less than a whole step apart
    earlier = newest_issue(subscription, found.due - timedelta(seconds=1))
    return earlier if earlier.due > at else found


def _due(day: date, hour: int, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(hour), zone).astimezone(UTC)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a name that this machine does not know any more
        return ZoneInfo("UTC")
