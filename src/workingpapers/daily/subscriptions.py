"""Who gets which papers by mail: asking for it, confirming it from the mail, changing it, ending it.

Nothing is mailed to an address until somebody who reads its mail has confirmed. Whoever asks a second time, or asks
for somebody else, changes nothing that is confirmed.
"""

import hmac
import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete as delete_rows
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from workingpapers.daily.accounts import Person, hash_of
from workingpapers.daily.addresses import mail_address
from workingpapers.daily.database import now
from workingpapers.daily.secrets import signature
from workingpapers.daily.subscription_request import FIRST_LOOK_BACK, Subscription, SubscriptionRequest, checked
from workingpapers.daily.tables import LOCAL_PERSON, NoteRow, SubscriptionRow, TopicRow
from workingpapers.errors import InvalidParameterError, UnknownNameError

MAX_PER_ADDRESS = 20
CONFIRM_WITHIN = timedelta(days=14)
MAX_OPEN_MAILS = 5
"""Links to confirm that are mailed to one address within `MAILS_COUNT_FOR`: nobody can fill another's inbox."""
MAILS_COUNT_FOR = timedelta(minutes=15)

_NOTE = "links to confirm: "


def subscribe(
    session: Session, request: SubscriptionRequest, *, person_id: int | None = None, at: datetime | None = None
) -> tuple[int, str]:
    """Note what somebody wants, until it is confirmed.

    Asked for again, it gets a new token for the confirmation, and what is confirmed already stays as it is: another
    hour, weekday or time zone for the same papers counts from its own confirmation on.

    Returns:
        The subscription's id, and the token of the link that is mailed for confirmation.

    Raises:
        InvalidParameterError: a value is not allowed, or the address has as many subscriptions or was mailed as many
            links lately as are allowed. Nothing is to be written then.
        UnknownNameError: a topic or time zone is unknown.
    """
    at = at or now()
    clear_unconfirmed(session, at=at)
    wanted = checked(session, request)
    _count_mail(session, wanted.email, at)
    row = _same(session, wanted)
    token = secrets.token_urlsafe(32)
    if row is None:
        _check_number(session, wanted.email)
        row = SubscriptionRow(unsubscribe_key=secrets.token_urlsafe(16), status="pending", email=wanted.email)
        session.add(row)
    elif row.status != "active":
        row.status = "pending"
    if row.status == "pending":
        row.created = at
        _set(row, wanted)
        row.person_id = person_id if person_id is not None else row.person_id
    row.confirm_token = hash_of(token)
    session.flush()
    return row.id, token


def confirm(session: Session, token: str, *, at: datetime | None = None) -> Subscription:
    """Begin a subscription with the token from the mail. Doing it again changes nothing.

    Raises:
        InvalidParameterError: the token is unknown, replaced by a newer one, too old, or the subscription has ended.
    """
    at = at or now()
    row = _to_confirm(session, token, at)
    if row.status == "pending":
        row = _in_place_of_the_older(session, row)
        row.status, row.confirmed, row.bounces = "active", at, 0
        look_back = at - FIRST_LOOK_BACK[row.frequency]
        row.covered_until = look_back if row.covered_until is None else max(row.covered_until, look_back)
        session.execute(delete_rows(NoteRow).where(NoteRow.name == _note_of(row.email)))
        session.flush()
    return _view(session, [row])[0]


def to_confirm(session: Session, token: str, *, at: datetime | None = None) -> Subscription:
    """What a token would confirm, for the page that asks.

    Raises:
        InvalidParameterError: as `confirm` does.
    """
    return _view(session, [_to_confirm(session, token, at or now())])[0]


def unsubscribe_token(secret: bytes, row: SubscriptionRow | Subscription) -> str:
    """The part of the address that ends a subscription; only this page can make it."""
    return f"{row.unsubscribe_key}.{signature(secret, 'unsubscribe', row.unsubscribe_key)}"


def to_unsubscribe(session: Session, secret: bytes, token: str) -> Subscription | None:
    """What a token would end; None where that is gone already.

    Raises:
        InvalidParameterError: this page did not make the token.
    """
    row = _of_unsubscribe_token(session, secret, token)
    return None if row is None else _view(session, [row])[0]


def unsubscribe(session: Session, secret: bytes, token: str) -> Subscription | None:
    """End a subscription with the token from a mail; None where it is gone already. Doing it again changes nothing.

    Raises:
        InvalidParameterError: this page did not make the token.
    """
    row = _of_unsubscribe_token(session, secret, token)
    if row is None:
        return None
    row.status = "unsubscribed"
    session.flush()
    return _view(session, [row])[0]


def subscriptions_of(session: Session, who: Person | str) -> list[Subscription]:
    """The subscriptions of a person or an address that have not ended, oldest first.

    A person's are those to their address, whoever asked for them; the one person of a page that is not public has all.
    """
    query = select(SubscriptionRow).where(SubscriptionRow.status.in_(("pending", "active", "bounced")))
    if isinstance(who, str):
        query = query.where(SubscriptionRow.email == mail_address(who))
    elif who.id != LOCAL_PERSON:
        query = query.where(SubscriptionRow.email == who.email)
    return _view(session, list(session.scalars(query.order_by(SubscriptionRow.id))))


def all_active(session: Session) -> list[Subscription]:
    """Everything that is mailed, oldest first."""
    rows = session.scalars(select(SubscriptionRow).where(SubscriptionRow.status == "active"))
    return _view(session, sorted(rows, key=lambda row: row.id))


def change(session: Session, subscription_id: int, request: SubscriptionRequest, *, person: Person) -> Subscription:
    """Change what is mailed and when; it stays confirmed.

    Raises:
        InvalidParameterError: a value is not allowed, or the address is another one, which has to confirm by itself.
        UnknownNameError: this person has no such subscription, or a topic or time zone is unknown.
    """
    row = _owned(session, subscription_id, person)
    wanted = checked(session, request)
    if wanted.email != row.email:
        raise InvalidParameterError(
            f"subscription {subscription_id} goes to {row.email}; for mail to {wanted.email}, subscribe that address"
        )
    _set(row, wanted)
    session.flush()
    return _view(session, [row])[0]


def delete(session: Session, subscription_id: int, *, person: Person) -> None:
    """End a subscription and forget it.

    Raises:
        UnknownNameError: this person has no such subscription.
    """
    session.delete(_owned(session, subscription_id, person))
    session.flush()


def clear_unconfirmed(session: Session, *, at: datetime) -> None:
    """Forget what nobody confirmed in time."""
    session.execute(
        delete_rows(SubscriptionRow).where(
            SubscriptionRow.status == "pending", SubscriptionRow.created <= at - CONFIRM_WITHIN
        )
    )


def _same(session: Session, wanted: SubscriptionRequest) -> SubscriptionRow | None:
    """The row that a request is about: the confirmed one for the same papers at the same times, else one that waits
    for its confirmation, else one that has ended."""
    rows = [row for row in _of_address(session, wanted.email) if _what(row) == _what(wanted)]
    exact = [row for row in rows if row.status == "active" and _when(row) == _when(wanted)]
    asked = [row for row in rows if row.status == "pending"]
    ended = [row for row in rows if row.status in ("unsubscribed", "bounced")]
    running = any(row.status == "active" for row in rows)
    return next(iter(exact + asked + ([] if running else ended)), None)


def _in_place_of_the_older(session: Session, row: SubscriptionRow) -> SubscriptionRow:
    """Where the same papers are mailed already, the older row goes on at the new times: it knows what was mailed."""
    for older in _of_address(session, row.email):
        if older.id != row.id and older.status == "active" and _what(older) == _what(row):
            token, times = row.confirm_token, _when(row)
            session.delete(row)
            session.flush()
            older.confirm_token = token
            older.time_zone, older.hour, older.weekday = times
            return older
    return row


def _to_confirm(session: Session, token: str, at: datetime) -> SubscriptionRow:
    row = session.scalar(select(SubscriptionRow).where(SubscriptionRow.confirm_token == hash_of(token)))
    if row is None or (row.status == "pending" and row.created <= at - CONFIRM_WITHIN):
        raise InvalidParameterError(
            f"this confirmation link is unknown, replaced by a newer one or older than {CONFIRM_WITHIN.days} days; "
            "use the link of the newest mail, or subscribe again"
        )
    if row.status in ("unsubscribed", "bounced"):
        raise InvalidParameterError("this subscription has ended; subscribe again for a new confirmation link")
    return row


def _of_unsubscribe_token(session: Session, secret: bytes, token: str) -> SubscriptionRow | None:
    key, _, signed = token.rpartition(".")
    expected = signature(secret, "unsubscribe", key)
    if not hmac.compare_digest(expected.encode(), signed.encode("utf-8", "surrogatepass")):
        raise InvalidParameterError(
            "this link to unsubscribe is not one that this page made; open the one in the newest mail, whole"
        )
    return session.scalar(select(SubscriptionRow).where(SubscriptionRow.unsubscribe_key == key))


def _owned(session: Session, subscription_id: int, person: Person) -> SubscriptionRow:
    if any(mine.id == subscription_id for mine in subscriptions_of(session, person)):
        return session.get_one(SubscriptionRow, subscription_id)
    raise UnknownNameError(f"subscription {subscription_id} is unknown; look at the list of your subscriptions")


def _of_address(session: Session, email: str) -> list[SubscriptionRow]:
    return list(
        session.scalars(select(SubscriptionRow).where(SubscriptionRow.email == email).order_by(SubscriptionRow.id))
    )


def _what(one: SubscriptionRow | SubscriptionRequest) -> tuple[str, str, tuple[str, ...], str]:
    return one.frequency, one.selection, tuple(one.topics), one.query


def _when(one: SubscriptionRow | SubscriptionRequest) -> tuple[str, int, int]:
    return one.time_zone, one.hour, one.weekday


def _set(row: SubscriptionRow, wanted: SubscriptionRequest) -> None:
    row.frequency, row.selection = wanted.frequency, wanted.selection
    row.topics, row.query = list(wanted.topics), wanted.query
    row.time_zone, row.hour, row.weekday = _when(wanted)


def _check_number(session: Session, email: str) -> None:
    number = session.scalar(
        select(func.count())
        .select_from(SubscriptionRow)
        .where(SubscriptionRow.email == email, SubscriptionRow.status.in_(("pending", "active")))
    )
    if number is not None and number >= MAX_PER_ADDRESS:
        raise InvalidParameterError(
            f"{email} has {number} subscriptions, which is the most allowed; end one that is not read any more"
        )


def _count_mail(session: Session, email: str, at: datetime) -> None:
    """Count one more link to confirm. A note holds the moments of those that were mailed, the newest first, so that
    it sorts by that; it is forgotten with the next confirmation of the address."""
    since = (at - MAILS_COUNT_FOR).astimezone(UTC).isoformat(timespec="seconds")
    session.execute(delete_rows(NoteRow).where(NoteRow.name.startswith(_NOTE), NoteRow.value <= since))
    note = session.get(NoteRow, _note_of(email))
    recent = [] if note is None else [moment for moment in note.value.split() if moment > since]
    if len(recent) >= MAX_OPEN_MAILS:
        minutes = int(MAILS_COUNT_FOR.total_seconds() // 60)
        raise InvalidParameterError(
            f"{MAX_OPEN_MAILS} links to confirm were mailed to {email} in the last {minutes} minutes, which is the "
            "most allowed; use the newest of them, or subscribe again later"
        )
    moments = [at.astimezone(UTC).isoformat(timespec="seconds"), *recent]
    session.merge(NoteRow(name=_note_of(email), value=" ".join(moments)))


def _note_of(email: str) -> str:
    return _NOTE + hash_of(email)


def _view(session: Session, rows: list[SubscriptionRow]) -> list[Subscription]:
    slugs = {slug for row in rows for slug in row.topics}
    found = session.scalars(select(TopicRow).where(TopicRow.slug.in_(slugs))) if slugs else ()
    names = {topic.slug: topic.name for topic in found}
    return [Subscription.of(row, names) for row in rows]
