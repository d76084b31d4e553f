"""Who somebody is: sign-in by a mailed link that works once, sessions, roles.

Of link and cookie only a hash is stored: who reads the database cannot sign in with what is there.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from workingpapers.daily.addresses import mail_address
from workingpapers.daily.database import now
from workingpapers.daily.tables import LOCAL_PERSON, ROLES, LoginTokenRow, PersonRow, SessionRow
from workingpapers.errors import InvalidParameterError, UnknownNameError

LINK_LIFE = timedelta(minutes=15)
SESSION_LIFE = timedelta(days=30)
MAX_OPEN_LINKS = 5
"""Links that one address may have open: nobody can fill another's inbox."""

STRANGER = "stranger"


@dataclass(frozen=True)
class Person:
    """Who asks. `id` 0 is somebody who is not signed in: reads everything and changes nothing."""

    id: int
    email: str | None
    name: str
    role: str

    @property
    def signed_in(self) -> bool:
        """Whether this is somebody who can vote and keep notes."""
        return self.id != 0

    @property
    def can_submit(self) -> bool:
        """Whether this person may add papers."""
        return self.role in ("curator", "admin")

    @property
    def can_run(self) -> bool:
        """Whether this person may start and cancel runs."""
        return self.role == "admin"


def local_person() -> Person:
    """The one person of a page that is not public, who may do everything."""
    return Person(LOCAL_PERSON, None, "", "admin")


def stranger() -> Person:
    """Somebody who is not signed in."""
    return Person(0, None, "", STRANGER)


def request_login(session: Session, email: str, *, at: datetime | None = None) -> str:
    """A token for the link that is mailed to an address, whether it is known or not. It works once, for 15 minutes.

    Raises:
        InvalidParameterError: this is no address, or it has too many open links already.
    """
    address, at = mail_address(email), at or now()
    clear_expired(session, at=at)
    still_open = session.scalar(
        select(func.count())
        .select_from(LoginTokenRow)
        .where(LoginTokenRow.email == address, LoginTokenRow.used.is_(None))
    )
    if still_open is not None and still_open >= MAX_OPEN_LINKS:
        minutes = int(LINK_LIFE.total_seconds() // 60)
        raise InvalidParameterError(
            f"{MAX_OPEN_LINKS} sign-in links were mailed to {address} in the last {minutes} minutes, which is the most "
            "allowed; use the newest of them, or ask again later"
        )
    token = secrets.token_urlsafe(32)
    session.add(LoginTokenRow(token=hash_of(token), email=address, created=at, expires=at + LINK_LIFE))
    session.flush()
    return token


def redeem_login(session: Session, token: str, *, at: datetime | None = None) -> tuple[int, str]:
    """Sign in with a mailed token; an address that is new becomes a reader.

    Returns:
        The person's id, and the session's token for the cookie.

    Raises:
        InvalidParameterError: the token is unknown, used or expired.
    """
    at = at or now()
    link = session.get(LoginTokenRow, hash_of(token))
    if link is None or link.used is not None or link.expires <= at:
        raise InvalidParameterError(
            "this sign-in link is unknown, was used before or is older than 15 minutes; ask for a new one"
        )
    link.used = at
    person = _person_at(session, link.email, at)
    cookie = secrets.token_urlsafe(32)
    session.add(SessionRow(token=hash_of(cookie), person_id=person.id, created=at, expires=at + SESSION_LIFE))
    session.flush()
    clear_expired(session, at=at)
    return person.id, cookie


def person_of_session(session: Session, token: str | None, *, at: datetime | None = None) -> Person | None:
    """Who is signed in under a cookie; None where nobody is."""
    if not token:
        return None
    found = session.execute(
        select(PersonRow, SessionRow.expires)
        .join(SessionRow, SessionRow.person_id == PersonRow.id)
        .where(SessionRow.token == hash_of(token))
    ).one_or_none()
    if found is None or found.expires <= (at or now()):
        return None
    return _person(found.PersonRow)


def sign_out(session: Session, token: str | None) -> None:
    """End the session of a cookie; an unknown one is passed over."""
    if token:
        session.execute(delete(SessionRow).where(SessionRow.token == hash_of(token)))


def sign_out_everywhere(session: Session, person_id: int) -> int:
    """End all sessions of a person; returns how many there were."""
    tokens = session.scalars(select(SessionRow.token).where(SessionRow.person_id == person_id)).all()
    session.execute(delete(SessionRow).where(SessionRow.person_id == person_id))
    return len(tokens)


def set_role(session: Session, email: str, role: str, *, at: datetime | None = None) -> Person:
    """Give an address a role; one that never signed in has it from its first sign-in on.

    Raises:
        InvalidParameterError: this is no address.
        UnknownNameError: there is no such role.
    """
    if role not in ROLES:
        raise UnknownNameError(f"role {role!r} is unknown; allowed are {', '.join(ROLES)}")
    person = _person_at(session, mail_address(email), at or now())
    person.role = role
    session.flush()
    return _person(person)


def person_at(session: Session, email: str) -> Person:
    """The person with an address.

    Raises:
        InvalidParameterError: this is no address.
        UnknownNameError: nobody with it has signed in or been given a role.
    """
    address = mail_address(email)
    row = session.scalar(select(PersonRow).where(PersonRow.email == address))
    if row is None:
        raise UnknownNameError(f"nobody with the address {address} has signed in or been given a role")
    return _person(row)


def people(session: Session) -> list[Person]:
    """Everybody with an address, in its order."""
    rows = session.scalars(select(PersonRow).where(PersonRow.email.is_not(None)).order_by(PersonRow.email))
    return [_person(row) for row in rows]


def clear_expired(session: Session, *, at: datetime | None = None) -> None:
    """Delete links and sessions whose time is over."""
    at = at or now()
    session.execute(delete(LoginTokenRow).where(LoginTokenRow.expires <= at))
    session.execute(delete(SessionRow).where(SessionRow.expires <= at))


def hash_of(token: str) -> str:
    """What is stored of a random token. It is long, so that a fast hash without salt is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _person_at(session: Session, address: str, at: datetime) -> PersonRow:
    person = session.scalar(select(PersonRow).where(PersonRow.email == address))
    if person is None:
        person = PersonRow(email=address, role="reader", created=at)
        session.add(person)
        session.flush()
    return person


def _person(row: PersonRow) -> Person:
    return Person(row.id, row.email, row.name, row.role)
