"""Signing in by a mailed link, sessions, roles, and which addresses are taken."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from workingpapers.daily.accounts import (
    LINK_LIFE,
    MAX_OPEN_LINKS,
    SESSION_LIFE,
    clear_expired,
    local_person,
    people,
    person_of_session,
    redeem_login,
    request_login,
    set_role,
    sign_out,
    sign_out_everywhere,
    stranger,
)
from workingpapers.daily.addresses import mail_address
from workingpapers.daily.database import Database, now
from workingpapers.daily.tables import LoginTokenRow, PersonRow, SessionRow
from workingpapers.errors import InvalidParameterError, UnknownNameError


def test_a_mailed_link_signs_in_and_the_cookie_names_the_person(database: Database) -> None:
    with database.write() as session:
        token = request_login(session, "Ada@Example.org")
    with database.write() as session:
        person_id, cookie = redeem_login(session, token)
    with database.read() as session:
        person = person_of_session(session, cookie)
    assert person is not None
    assert (person.id, person.email, person.role) == (person_id, "ada@example.org", "reader")
    assert person.signed_in
    assert not person.can_submit
    assert not person.can_run


def test_a_link_works_once(database: Database) -> None:
    with database.write() as session:
        token = request_login(session, "ada@example.org")
    outcomes: list[str] = []

    def redeem() -> None:
        try:
            with database.write() as session:
                redeem_login(session, token)
            outcomes.append("in")
        except InvalidParameterError as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=redeem) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("in") == 1
    assert sum("used before" in outcome for outcome in outcomes) == 5
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(SessionRow)) == 1


def test_a_link_works_for_15_minutes(database: Database) -> None:
    start = now()
    with database.write() as session:
        late = request_login(session, "ada@example.org", at=start)
        right = request_login(session, "ada@example.org", at=start)
    with database.write() as session:
        redeem_login(session, right, at=start + timedelta(minutes=14, seconds=59))
    with pytest.raises(InvalidParameterError, match="ask for a new one"), database.write() as session:
        redeem_login(session, late, at=start + LINK_LIFE)


@pytest.mark.parametrize("token", ["", "x", "\udcff", "a" * 10_000, "' OR 1=1 --"])
def test_a_made_up_link_is_refused(database: Database, token: str) -> None:
    with database.write() as session:
        request_login(session, "ada@example.org")
    with pytest.raises(InvalidParameterError, match="unknown"), database.write() as session:
        redeem_login(session, token)
    with database.read() as session:
        assert person_of_session(session, token) is None


def test_neither_link_nor_cookie_can_be_read_from_the_database(database: Database) -> None:
    with database.write() as session:
        token = request_login(session, "ada@example.org")
        _, cookie = redeem_login(session, token)
    with database.read() as session:
        stored = session.scalars(text("SELECT token FROM sessions UNION SELECT token FROM login_tokens")).all()
    assert len(stored) == 2
    assert not {token, cookie} & set(stored)
    with database.write() as session:
        assert person_of_session(session, stored[0]) is None
        with pytest.raises(InvalidParameterError):
            redeem_login(session, stored[1])


def test_an_address_has_few_open_links_at_a_time(database: Database) -> None:
    with database.write() as session:
        for _ in range(MAX_OPEN_LINKS):
            request_login(session, "ada@example.org")
        with pytest.raises(InvalidParameterError, match=r"5 sign-in links were mailed to ada@example\.org"):
            request_login(session, "ADA@example.org")
        request_login(session, "grace@example.org")
        request_login(session, "ada@example.org", at=now() + LINK_LIFE)


def test_a_session_ends_by_signing_out_and_by_its_age(database: Database) -> None:
    with database.write() as session:
        cookies = [redeem_login(session, request_login(session, "ada@example.org"))[1] for _ in range(4)]
        sign_out(session, cookies[0])
        sign_out(session, "unknown")
        sign_out(session, None)
    with database.write() as session:
        assert person_of_session(session, cookies[0]) is None
        person = person_of_session(session, cookies[1])
        assert person is not None
        assert person_of_session(session, cookies[1], at=now() + SESSION_LIFE) is None
        assert person_of_session(session, None) is None
        assert sign_out_everywhere(session, person.id) == 3
        assert person_of_session(session, cookies[1]) is None


def test_what_is_expired_is_cleared(database: Database) -> None:
    with database.write() as session:
        redeem_login(session, request_login(session, "ada@example.org"))
        request_login(session, "ada@example.org")
        clear_expired(session, at=now() + LINK_LIFE)
        assert session.scalar(select(func.count()).select_from(LoginTokenRow)) == 0
        assert session.scalar(select(func.count()).select_from(SessionRow)) == 1
        clear_expired(session, at=now() + SESSION_LIFE)
        assert session.scalar(select(func.count()).select_from(SessionRow)) == 0


def test_roles_are_given_before_or_after_the_first_sign_in(database: Database) -> None:
    with database.write() as session:
        set_role(session, "Boss@example.org", "admin")
        _, boss = redeem_login(session, request_login(session, "boss@example.org"))
        _, helper = redeem_login(session, request_login(session, "helper@example.org"))
        set_role(session, "helper@example.org", "curator")
        admin, curator = person_of_session(session, boss), person_of_session(session, helper)
        assert admin is not None
        assert admin.can_run
        assert curator is not None
        assert curator.can_submit
        assert not curator.can_run
        assert [person.email for person in people(session)] == ["boss@example.org", "helper@example.org"]
        set_role(session, "boss@example.org", "reader")
        demoted = person_of_session(session, boss)
        assert demoted is not None
        assert not demoted.can_submit
        with pytest.raises(UnknownNameError, match="'root' is unknown; allowed are reader, curator, admin"):
            set_role(session, "helper@example.org", "root")


def test_the_local_person_may_do_everything_and_a_stranger_nothing(database: Database) -> None:
    with database.read() as session:
        row = session.get_one(PersonRow, local_person().id)
        assert (row.email, row.role) == (None, local_person().role)
    assert local_person().can_submit
    assert local_person().can_run
    assert local_person().signed_in
    assert not stranger().signed_in
    assert not stranger().can_submit
    assert not stranger().can_run


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Ada@Example.ORG", "ada@example.org"),
        (" a.b+tag@x.example ", "a.b+tag@x.example"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
    ],
)
def test_an_address_has_one_spelling(text: str, kept: str) -> None:
    assert mail_address(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "ada@",
        "@example.org",
        "ada@example",
        "ada@[127.0.0.1]",
        "ada@example.org\nBcc: all@example.org",
        "ada@example.org\r\nSubject: x",
        "ada@example.org\n",
        "ada\x00@example.org",
        "ada@example.org, eve@example.org",
        "Ada <ada@example.org>",
        '"a\\r\\nb"@example.org',
        "ada lovelace@example.org",
        "ädä@example.org",
        "a" * 250 + "@example.org",
    ],
)
def test_what_is_no_address_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        mail_address(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
