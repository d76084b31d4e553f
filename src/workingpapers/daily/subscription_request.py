"""What can be subscribed to, checked, and how a subscription is told in words."""

import difflib
import functools
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from workingpapers.daily.addresses import mail_address
from workingpapers.daily.tables import SubscriptionRow, TopicRow
from workingpapers.errors import InvalidParameterError, UnknownNameError

FREQUENCIES = ("daily", "weekly")
SELECTIONS = ("trending", "all")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MAX_QUERY = 300
FIRST_LOOK_BACK = {"daily": timedelta(days=1), "weekly": timedelta(days=7)}
"""How far back a first issue reaches."""


@dataclass(frozen=True)
class SubscriptionRequest:
    """What somebody asks for.

    Args:
        email: Where the mails go.
        frequency: `daily` or `weekly`.
        selection: `trending`: what people read now; `all`: everything new.
        topics: Slugs; empty for every topic.
        query: A saved search; empty for no search.
        time_zone: An IANA name such as `Europe/Berlin`.
        hour: Local hour from which on a mail is sent, 0 to 23.
        weekday: For `weekly`: 0 is Monday.
    """

    email: str
    frequency: str = "weekly"
    selection: str = "trending"
    topics: tuple[str, ...] = ()
    query: str = ""
    time_zone: str = "UTC"
    hour: int = 7
    weekday: int = 0


@dataclass(frozen=True)
class Subscription:
    """A subscription as it stands. `covered_until`: papers added later have not been in a mail yet."""

    id: int
    email: str
    frequency: str
    selection: str
    topics: tuple[str, ...]
    topic_names: tuple[str, ...]
    query: str
    time_zone: str
    hour: int
    weekday: int
    status: str
    bounces: int
    created: datetime
    confirmed: datetime | None
    covered_until: datetime | None
    unsubscribe_key: str

    @classmethod
    def of(cls, row: SubscriptionRow, topic_names: Mapping[str, str]) -> "Subscription":
        """The row, with the names of its topics."""
        return cls(
            id=row.id,
            email=row.email,
            frequency=row.frequency,
            selection=row.selection,
            topics=tuple(row.topics),
            topic_names=tuple(topic_names.get(slug, slug) for slug in row.topics),
            query=row.query,
            time_zone=row.time_zone,
            hour=row.hour,
            weekday=row.weekday,
            status=row.status,
            bounces=row.bounces,
            created=row.created,
            confirmed=row.confirmed,
            covered_until=row.covered_until,
            unsubscribe_key=row.unsubscribe_key,
        )

    @property
    def what(self) -> str:
        """For example `trending papers on Vision or Speech that match “order invariance”`."""
        return self._what(f"“{self.query}”")

    @property
    def what_without_search(self) -> str:
        """The same, without the words of the search."""
        return self._what("a saved search")

    def _what(self, search: str) -> str:
        words = "trending papers" if self.selection == "trending" else "all new papers"
        if self.topic_names:
            words += f" on {' or '.join(self.topic_names)}"
        return f"{words} that match {search}" if self.query else words

    @property
    def when(self) -> str:
        """For example `every Monday from 07:00 (Europe/Berlin)`."""
        day = "day" if self.frequency == "daily" else WEEKDAYS[self.weekday]
        return f"every {day} from {self.hour:02}:00 ({self.time_zone})"


@functools.cache
def time_zones() -> tuple[str, ...]:
    """All names of time zones, in order."""
    return tuple(sorted(zoneinfo.available_timezones()))


def checked(session: Session, request: SubscriptionRequest) -> SubscriptionRequest:
    """The request in the one form that is stored.

    Raises:
        InvalidParameterError: a value is not allowed.
        UnknownNameError: a topic or time zone is unknown.
    """
    _one_of("frequency", request.frequency, FREQUENCIES)
    _one_of("selection", request.selection, SELECTIONS)
    _within("hour", request.hour, 23, "")
    _within("weekday", request.weekday, 6, ", where 0 is Monday")
    if request.time_zone not in time_zones():
        raise UnknownNameError(
            f"time zone {request.time_zone[:60]!r} is unknown; {_near(request.time_zone, time_zones())}"
        )
    return replace(
        request,
        email=mail_address(request.email),
        topics=_topics(session, request.topics),
        query=_query(request.query),
    )


def _topics(session: Session, slugs: tuple[str, ...]) -> tuple[str, ...]:
    wanted = tuple(sorted(set(slugs)))
    if not wanted:
        return ()
    known = session.scalars(select(TopicRow.slug).order_by(TopicRow.slug)).all()
    for slug in wanted:
        if slug not in known:
            raise UnknownNameError(f"topic {slug[:60]!r} is unknown; {_near(slug, tuple(known))}")
    return wanted


def _query(text: str) -> str:
    query = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    if len(query) > MAX_QUERY:
        raise InvalidParameterError(f"the search has {len(query)} characters; at most {MAX_QUERY} are allowed")
    if query and not any(each.isalnum() for each in query):
        raise InvalidParameterError(f"search {query!r} holds no word; give one or more words, or leave it empty")
    return query


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InvalidParameterError(f"{name} {value[:60]!r} is unknown; allowed are {', '.join(allowed)}")


def _within(name: str, value: int, largest: int, meaning: str) -> None:
    if not 0 <= value <= largest:
        raise InvalidParameterError(f"{name} {value} is out of range; allowed are 0 to {largest}{meaning}")


def _near(wanted: str, known: tuple[str, ...]) -> str:
    folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(wanted[:60].casefold(), folded, n=3, cutoff=0.4) or list(folded)[:3]
    return f"near it are {', '.join(folded[name] for name in near)}" if near else "there are none yet"
