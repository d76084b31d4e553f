"""Subscribing, confirming from the mail, changing and ending a subscription."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from workingpapers.daily.accounts import Person, local_person
from workingpapers.daily.database import Database
from workingpapers.daily.subscription_request import SubscriptionRequest
from workingpapers.daily.subscriptions import (
    CONFIRM_WITHIN,
    MAILS_COUNT_FOR,
    MAX_OPEN_MAILS,
    MAX_PER_ADDRESS,
    change,
    confirm,
    delete,
    subscribe,
    subscriptions_of,
    to_confirm,
    to_unsubscribe,
    unsubscribe,
    unsubscribe_token,
)
from workingpapers.daily.tables import NoteRow, SubscriptionRow, TopicRow
from workingpapers.errors import InvalidParameterError, UnknownNameError

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
WANTED = SubscriptionRequest("ada@example.org", frequency="daily", time_zone="Europe/Berlin")
SECRET = b"s" * 32
ADA = Person(7, "ada@example.org", "", "reader")
EVE = Person(8, "eve@example.org", "", "reader")


@pytest.fixture(autouse=True)
def _topics(database: Database) -> None:
    with database.write() as session:
        session.add_all([TopicRow(slug="vision", name="Vision"), TopicRow(slug="time-series", name="Time series")])


def _number(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count(SubscriptionRow.id))) or 0


def _confirmed(database: Database, request: SubscriptionRequest = WANTED, at: datetime = AT) -> int:
    with database.write() as session:
        return confirm(session, subscribe(session, request, at=at)[1], at=at).id


def test_nothing_is_active_until_it_is_confirmed_from_the_mail(database: Database) -> None:
    with database.write() as session:
        id_, token = subscribe(session, WANTED, at=AT)
        (asked,) = subscriptions_of(session, "Ada@example.org")
        assert (asked.id, asked.status, asked.confirmed, asked.covered_until) == (id_, "pending", None, None)
        assert to_confirm(session, token, at=AT).status == "pending"
        began = confirm(session, token, at=AT)
    assert (began.id, began.status, began.confirmed) == (id_, "active", AT)
    assert began.covered_until == AT - timedelta(days=1)


def test_confirming_again_changes_nothing(database: Database) -> None:
    with database.write() as session:
        _, token = subscribe(session, WANTED, at=AT)
        first = confirm(session, token, at=AT)
        assert confirm(session, token, at=AT + timedelta(days=40)) == first


@pytest.mark.parametrize("token", ["", "x", "\udcff", "a" * 10_000])
def test_a_made_up_confirmation_is_refused(database: Database, token: str) -> None:
    with database.write() as session:
        subscribe(session, WANTED, at=AT)
        with pytest.raises(InvalidParameterError, match="confirmation link is unknown"):
            confirm(session, token, at=AT)


def test_what_is_stored_confirms_nothing(database: Database) -> None:
    with database.write() as session:
        id_, token = subscribe(session, WANTED, at=AT)
        stored = session.get_one(SubscriptionRow, id_).confirm_token
        assert stored != token
        with pytest.raises(InvalidParameterError):
            confirm(session, stored, at=AT)


def test_an_old_confirmation_is_refused_and_forgotten(database: Database) -> None:
    with database.write() as session:
        _, token = subscribe(session, WANTED, at=AT)
        with pytest.raises(InvalidParameterError, match="older than 14 days"):
            confirm(session, token, at=AT + CONFIRM_WITHIN)
        subscribe(session, replace(WANTED, email="eve@example.org"), at=AT + CONFIRM_WITHIN)
    assert _number(database) == 1


def test_asking_twice_makes_one_subscription_and_a_new_link(database: Database) -> None:
    with database.write() as session:
        first = subscribe(session, replace(WANTED, topics=("vision", "time-series")), at=AT)
        second = subscribe(
            session, replace(WANTED, email="ADA@example.org", topics=("time-series", "vision", "vision")), at=AT
        )
        assert first[0] == second[0]
        with pytest.raises(InvalidParameterError, match="replaced by a newer one"):
            confirm(session, first[1], at=AT)
        began = confirm(session, second[1], at=AT)
        third = subscribe(session, replace(WANTED, topics=("vision", "time-series")), at=AT + timedelta(hours=1))
        assert subscriptions_of(session, "ada@example.org") == [began]
        assert confirm(session, third[1], at=AT + timedelta(hours=2)) == began
    assert _number(database) == 1


def test_another_hour_counts_from_its_own_confirmation_on(database: Database) -> None:
    id_ = _confirmed(database)
    with database.write() as session:
        _, token = subscribe(session, replace(WANTED, hour=20, time_zone="Asia/Tokyo"), at=AT)
        assert session.get_one(SubscriptionRow, id_).hour == 7
        changed = confirm(session, token, at=AT + timedelta(hours=1))
        assert (changed.id, changed.hour, changed.time_zone) == (id_, 20, "Asia/Tokyo")
        assert confirm(session, token, at=AT + timedelta(hours=2)) == changed
    assert _number(database) == 1


def test_other_papers_are_another_subscription(database: Database) -> None:
    ids = {
        _confirmed(database, request)
        for request in (
            WANTED,
            replace(WANTED, frequency="weekly"),
            replace(WANTED, selection="all"),
            replace(WANTED, topics=("vision",)),
            replace(WANTED, query="order invariance"),
            replace(WANTED, email="eve@example.org"),
        )
    }
    assert len(ids) == _number(database) == 6


def test_one_click_ends_it_and_a_second_changes_nothing(database: Database) -> None:
    id_ = _confirmed(database)
    with database.write() as session:
        token = unsubscribe_token(SECRET, session.get_one(SubscriptionRow, id_))
        assert re.fullmatch(r"[\w.-]+", token)
        asked = to_unsubscribe(session, SECRET, token)
        assert asked is not None
        assert asked.status == "active"
        for _ in range(2):
            ended = unsubscribe(session, SECRET, token)
            assert ended is not None
            assert ended.status == "unsubscribed"
        assert subscriptions_of(session, "ada@example.org") == []
        delete_row = session.get_one(SubscriptionRow, id_)
        session.delete(delete_row)
        session.flush()
        assert unsubscribe(session, SECRET, token) is None


def test_a_forged_link_to_unsubscribe_is_refused(database: Database) -> None:
    id_ = _confirmed(database)
    with database.write() as session:
        row = session.get_one(SubscriptionRow, id_)
        real = unsubscribe_token(SECRET, row)
        forged = [
            "",
            ".",
            row.unsubscribe_key,
            f"{row.unsubscribe_key}.",
            unsubscribe_token(b"t" * 32, row),
            real[:-1],
            real + "A",
            "x" + real,
            real.replace(".", ""),
            real.rpartition(".")[2],
            real.upper(),
            f"{real}\udcff",
        ]
        for token in forged:
            with pytest.raises(InvalidParameterError, match="not one that this page made"):
                unsubscribe(session, SECRET, token)
        assert row.status == "active"


def test_an_old_confirmation_does_not_bring_an_ended_one_back(database: Database) -> None:
    with database.write() as session:
        id_, token = subscribe(session, WANTED, at=AT)
        confirm(session, token, at=AT)
        unsubscribe(session, SECRET, unsubscribe_token(SECRET, session.get_one(SubscriptionRow, id_)))
        with pytest.raises(InvalidParameterError, match="has ended; subscribe again"):
            confirm(session, token, at=AT)
        again, newer = subscribe(session, WANTED, at=AT + timedelta(days=90))
        began = confirm(session, newer, at=AT + timedelta(days=90))
    assert again == id_
    assert began.covered_until == AT + timedelta(days=89)  # nobody is mailed three months of papers


def test_a_bounced_one_begins_anew(database: Database) -> None:
    id_ = _confirmed(database)
    with database.write() as session:
        row = session.get_one(SubscriptionRow, id_)
        row.status, row.bounces = "bounced", 3
    assert _confirmed(database) == id_
    with database.read() as session:
        row = session.get_one(SubscriptionRow, id_)
        assert (row.status, row.bounces) == ("active", 0)


def test_people_see_and_change_their_own_only(database: Database) -> None:
    id_ = _confirmed(database)
    other = _confirmed(database, replace(WANTED, email="eve@example.org"))
    with database.write() as session:
        assert [one.id for one in subscriptions_of(session, ADA)] == [id_]
        assert [one.id for one in subscriptions_of(session, local_person())] == [id_, other]
        assert subscriptions_of(session, Person(0, None, "", "stranger")) == []
        for attempt in (lambda: change(session, id_, WANTED, person=EVE), lambda: delete(session, id_, person=EVE)):
            with pytest.raises(UnknownNameError, match=f"subscription {id_} is unknown"):
                attempt()
        changed = change(session, id_, replace(WANTED, frequency="weekly", weekday=4, topics=("vision",)), person=ADA)
        assert (changed.status, changed.frequency, changed.topics) == ("active", "weekly", ("vision",))
        assert (changed.what, changed.when) == (
            "trending papers on Vision",
            "every Friday from 07:00 (Europe/Berlin)",
        )
        with pytest.raises(InvalidParameterError, match="subscribe that address"):
            change(session, id_, replace(WANTED, email="eve@example.org"), person=ADA)
        delete(session, id_, person=ADA)
    assert _number(database) == 1


def test_an_address_has_a_bounded_number(database: Database) -> None:
    for number in range(MAX_PER_ADDRESS):
        _confirmed(database, replace(WANTED, query=f"attention {number}"))
    with (
        pytest.raises(InvalidParameterError, match=r"ada@example\.org has 20 subscriptions"),
        database.write() as session,
    ):
        subscribe(session, WANTED, at=AT)


def test_an_address_gets_few_links_to_confirm(database: Database) -> None:
    id_ = _confirmed(database)
    with database.read() as session:
        (before,) = subscriptions_of(session, WANTED.email)
    requests = [WANTED, *(replace(WANTED, query=f"attention {number}") for number in range(MAX_OPEN_MAILS - 1))]
    for second, request in enumerate(requests):
        with database.write() as session:
            newest = subscribe(session, request, at=AT + timedelta(seconds=second))[1]
    late = AT + MAILS_COUNT_FOR - timedelta(seconds=1)
    for request in (WANTED, requests[-1], replace(WANTED, query="new", email="ADA@example.org")):
        with (
            pytest.raises(
                InvalidParameterError, match=r"5 links to confirm were mailed to ada@example\.org in the last"
            ),
            database.write() as session,
        ):
            subscribe(session, request, at=late)
    assert _number(database) == MAX_OPEN_MAILS
    with database.write() as session:
        subscribe(session, replace(WANTED, email="eve@example.org"), at=late)
        assert subscriptions_of(session, WANTED.email)[0] == before
        assert to_confirm(session, newest, at=late).query == requests[-1].query
        subscribe(session, WANTED, at=AT + MAILS_COUNT_FOR)  # the oldest does not count any more
        assert before.id == id_
    with (
        pytest.raises(InvalidParameterError, match="subscribe again later"),
        database.write() as session,
    ):
        subscribe(session, WANTED, at=AT + MAILS_COUNT_FOR)
    with database.write() as session:
        confirm(session, newest, at=late)  # whoever confirms wants these mails
        subscribe(session, WANTED, at=late)


def test_what_was_counted_of_an_address_is_forgotten(database: Database) -> None:
    with database.write() as session:
        subscribe(session, WANTED, at=AT)
        subscribe(session, replace(WANTED, email="eve@example.org"), at=AT + MAILS_COUNT_FOR)
        notes = session.scalars(select(NoteRow.name + NoteRow.value)).all()
    assert len([note for note in notes if note.startswith("links to confirm")]) == 1
    assert "example.org" not in "".join(notes)


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"email": "ada"}, InvalidParameterError, "'ada' is no e-mail address"),
        ({"frequency": "hourly"}, InvalidParameterError, "'hourly' is unknown; allowed are daily, weekly"),
        ({"selection": "some"}, InvalidParameterError, "'some' is unknown; allowed are trending, all"),
        ({"topics": ("visoin",)}, UnknownNameError, "topic 'visoin' is unknown; near it are vision"),
        ({"time_zone": "Europe/Berln"}, UnknownNameError, "near it are Europe/Berlin"),
        ({"time_zone": "europe/berlin"}, UnknownNameError, "near it are Europe/Berlin"),
        ({"time_zone": "../../etc/passwd"}, UnknownNameError, "is unknown"),
        ({"time_zone": ""}, UnknownNameError, "time zone '' is unknown"),
        ({"hour": 24}, InvalidParameterError, "hour 24 is out of range; allowed are 0 to 23"),
        ({"weekday": -1}, InvalidParameterError, "weekday -1 is out of range; allowed are 0 to 6"),
        ({"query": "x" * 301}, InvalidParameterError, "the search has 301 characters"),
        ({"query": "?!"}, InvalidParameterError, "holds no word"),
    ],
)
def test_wrong_wishes_are_refused(
    database: Database, values: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)), database.write() as session:
        subscribe(session, replace(WANTED, **values), at=AT)  # type: ignore[arg-type]
    assert _number(database) == 0


def test_a_search_is_kept_without_control_characters(database: Database) -> None:
    id_ = _confirmed(database, replace(WANTED, query=" order\r\nBcc: eve@example.org\x00  invariance "))
    with database.read() as session:
        assert session.get_one(SubscriptionRow, id_).query == "order Bcc: eve@example.org invariance"
