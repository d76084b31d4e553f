"""When issues are due: time zones, the change of the clocks, weeks."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from workingpapers.daily.issue_dates import newest_issue, next_issue
from workingpapers.daily.subscription_request import Subscription
from workingpapers.daily.tables import SubscriptionRow


def _subscription(frequency: str, time_zone: str, hour: int, weekday: int = 0) -> Subscription:
    row = SubscriptionRow(
        id=1, email="ada@example.org", frequency=frequency, selection="all", topics=[], query="", time_zone=time_zone,
        hour=hour, weekday=weekday, status="active", bounces=0, created=datetime.now(UTC), unsubscribe_key="k",
    )  # fmt: skip
    return Subscription.of(row, {})


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("time_zone", "hour", "at", "name", "due"),
    [
        ("UTC", 7, "2025-11-24T06:59:59", "2025-11-23", "2025-11-23T07:00"),
        ("UTC", 7, "2025-11-24T07:00", "2025-11-24", "2025-11-24T07:00"),
        ("Asia/Tokyo", 7, "2025-11-23T22:00", "2025-11-24", "2025-11-23T22:00"),
        ("America/Los_Angeles", 20, "2025-11-24T03:59", "2025-11-22", "2025-11-23T04:00"),
        ("Pacific/Kiritimati", 0, "2025-11-23T10:00", "2025-11-24", "2025-11-23T10:00"),
        ("Asia/Kathmandu", 7, "2025-11-24T01:15", "2025-11-24", "2025-11-24T01:15"),
        # the clocks of Berlin go forward on 2025-03-30 at 02:00 and back on 2025-10-26 at 03:00
        ("Europe/Berlin", 7, "2025-03-29T23:00", "2025-03-29", "2025-03-29T06:00"),
        ("Europe/Berlin", 7, "2025-03-30T05:00", "2025-03-30", "2025-03-30T05:00"),
        ("Europe/Berlin", 2, "2025-03-30T00:59", "2025-03-29", "2025-03-29T01:00"),
        ("Europe/Berlin", 2, "2025-03-30T01:00", "2025-03-30", "2025-03-30T01:00"),
        ("Europe/Berlin", 2, "2025-10-26T00:00", "2025-10-26", "2025-10-26T00:00"),
        ("Europe/Berlin", 2, "2025-10-26T01:30", "2025-10-26", "2025-10-26T00:00"),
        ("No/Such_Zone", 7, "2025-11-24T07:00", "2025-11-24", "2025-11-24T07:00"),
    ],
)
def test_a_daily_issue(time_zone: str, hour: int, at: str, name: str, due: str) -> None:
    found = newest_issue(_subscription("daily", time_zone, hour), _utc(at))
    assert (found.name, found.due) == (name, _utc(due))


@pytest.mark.parametrize(
    ("weekday", "at", "name", "due"),
    [
        (0, "2025-11-24T06:59", "2025-W47", "2025-11-17T07:00"),
        (0, "2025-11-24T07:00", "2025-W48", "2025-11-24T07:00"),
        (6, "2025-11-24T07:00", "2025-W47", "2025-11-23T07:00"),
        (3, "2026-01-01T08:00", "2026-W01", "2026-01-01T07:00"),
        (0, "2024-12-30T08:00", "2025-W01", "2024-12-30T07:00"),
    ],
)
def test_a_weekly_issue(weekday: int, at: str, name: str, due: str) -> None:
    found = newest_issue(_subscription("weekly", "UTC", 7, weekday), _utc(at))
    assert (found.name, found.due) == (name, _utc(due))


@pytest.mark.parametrize("frequency", ["daily", "weekly"])
@pytest.mark.parametrize("time_zone", ["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Tokyo"])
@pytest.mark.parametrize("hour", [0, 1, 2, 3, 23])
def test_over_a_year_every_day_or_week_has_one_issue_in_order(frequency: str, time_zone: str, hour: int) -> None:
    subscription = _subscription(frequency, time_zone, hour, weekday=6)
    at, end = _utc("2025-01-01T00:00"), _utc("2026-01-01T00:00")
    found = []
    while (issue := next_issue(subscription, at)).due < end:
        assert issue.due > at
        assert newest_issue(subscription, issue.due) == issue
        assert newest_issue(subscription, issue.due - timedelta(seconds=1)) != issue
        found.append(issue)
        at = issue.due
    step = 1 if frequency == "daily" else 7
    assert all(later.day - earlier.day == timedelta(step) for earlier, later in pairwise(found))
    assert len({issue.name for issue in found}) == len(found) >= (364 if step == 1 else 51)


def test_words() -> None:
    assert newest_issue(_subscription("daily", "UTC", 7), _utc("2025-11-24T08:00")).words == "Monday 24 November 2025"
    weekly = newest_issue(_subscription("weekly", "UTC", 7), _utc("2025-11-25T08:00"))
    assert (weekly.words, weekly.day) == ("week 48 of 2025", date(2025, 11, 24))
