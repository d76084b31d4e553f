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
    day = at.astimezone(_zone(subscription.time_zone)).date()
    if subscription.frequency == "weekly":
        day -= timedelta(days=(day.weekday() - subscription.weekday) % 7)
    found = _issue(subscription, day)
    return found if found.due <= at else _issue(subscription, day - _step(subscription))


def next_issue(subscription: Subscription, at: datetime) -> IssueDate:
    """The first issue that is due after a moment."""
    return _issue(subscription, newest_issue(subscription, at).day + _step(subscription))


def _issue(subscription: Subscription, day: date) -> IssueDate:
    due = datetime.combine(day, time(subscription.hour), _zone(subscription.time_zone)).astimezone(UTC)
    year, week, _ = day.isocalendar()
    return IssueDate(day.isoformat() if subscription.frequency == "daily" else f"{year}-W{week:02}", day, due)


def _step(subscription: Subscription) -> timedelta:
    return timedelta(days=1 if subscription.frequency == "daily" else 7)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a name that this machine does not know any more
        return ZoneInfo("UTC")
