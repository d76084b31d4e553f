"""`workingpapers subscribe` and `workingpapers digest`, as somebody types them."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from daily_mail_house import IN_ENVIRONMENT, MONDAY, SENDER, add_paper, issues, subscribed, texts
from daily_mail_server import Inbox

from workingpapers.cli.main import main
from workingpapers.daily.accounts import person_of_session, redeem_login, request_login
from workingpapers.daily.database import Database, now

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command line on a database of this test."""
    monkeypatch.setenv("WORKINGPAPERS_DATABASE", str(tmp_path / "daily.sqlite"))
    monkeypatch.setenv("WORKINGPAPERS_SECRET", IN_ENVIRONMENT)
    monkeypatch.delenv("WORKINGPAPERS_BASE_URL", raising=False)
    monkeypatch.setenv("COLUMNS", "120")

    def call(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main(arguments)
        out, err = capfd.readouterr()
        return code, out, err

    return call


@pytest.fixture
def served(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> Inbox:
    """A mail server that the environment names."""
    monkeypatch.setenv("WORKINGPAPERS_SMTP_URL", f"smtp://127.0.0.1:{inbox.port}")
    monkeypatch.setenv("WORKINGPAPERS_MAIL_FROM", SENDER)
    return inbox


def test_from_subscribing_to_the_digest_and_its_end(run: Run, served: Inbox) -> None:
    code, out, _ = run(
        "subscribe", "ada@example.org", "--daily", "--topic", "attention", "--base-url", "https://p.example"
    )
    assert code == 0
    assert "trending papers on attention, every day from 07:00 (UTC)" in out
    assert "was mailed to ada@example.org" in out
    link = re.search(r"https://p\.example/subscriptions/confirm/\S+", texts(served)[0])
    assert link is not None
    assert link[0].rpartition("/")[2] not in out
    tomorrow = (now() + timedelta(days=2)).isoformat()
    assert "no mail is due" in run("digest", "--at", tomorrow)[1]
    assert run("subscribe", "--confirm", link[0])[0] == 0
    code, out, _ = run("subscribe", "--list", "--format", "json")
    assert [(one["email"], one["status"], one["topics"]) for one in json.loads(out)] == [
        ("ada@example.org", "active", ["attention"])
    ]
    _, out, _ = run("digest", "--at", tomorrow)
    assert "would be sent" in out
    assert len(served.arrived) == 1
    _, out, _ = run("digest", "--send", "--at", tomorrow, "--format", "quiet")
    assert out.split("\t")[::2] == ["ada@example.org", "sent\n"]
    assert "no mail is due" in run("digest", "--send", "--at", tomorrow)[1]
    assert len(served.arrived) == 2
    assert "https" not in texts(served)[1].replace("http://127.0.0.1:8000", "")
    assert run("subscribe", "--end", "1")[0] == 0
    assert "there are no subscriptions" in run("subscribe", "--list")[1]


def test_without_a_mail_server_the_link_is_printed(run: Run) -> None:
    code, out, _ = run("subscribe", "ada@example.org", "--format", "quiet")
    assert (code, out.count("\n")) == (0, 1)
    token = out.strip().rpartition("/")[2]
    _, out, _ = run("subscribe", "--confirm", token)
    assert "confirmed: trending papers to ada@example.org, every Monday from 07:00 (UTC)" in out
    assert "next issue: " in out


def test_a_dry_run_writes_the_mails_into_a_folder(run: Run, database: Database, tmp_path: Path) -> None:
    with database.write() as session:
        add_paper(session, "Alpha Paper", MONDAY + timedelta(hours=5))
    subscribed(database)
    code, out, _ = run(
        "digest", "--at", "2025-11-25T09:00+01:00", "--outbox", str(tmp_path / "out"), "--format", "json"
    )
    (issue,) = json.loads(out)["issues"]
    assert (code, issue["status"], issue["papers"]) == (0, "would be sent", 1)
    assert b"Alpha Paper" in Path(issue["file"]).read_bytes()
    assert issues(database) == []


def test_what_cannot_be_sent_is_a_failure(run: Run, database: Database, served: Inbox) -> None:
    with database.write() as session:
        add_paper(session, "Alpha Paper", MONDAY + timedelta(hours=5))
    subscribed(database)
    served.rcpt = lambda _: "550 5.1.1 no such user"
    code, out, _ = run("digest", "--send", "--at", "2025-11-25T12:00")
    assert code == 1
    assert "no such user" in " ".join(out.split())


def test_a_server_that_is_away_is_one_line(
    run: Run, database: Database, monkeypatch: pytest.MonkeyPatch, inbox: Inbox
) -> None:
    with database.write() as session:
        add_paper(session, "Alpha Paper", MONDAY + timedelta(hours=5))
    subscribed(database)
    monkeypatch.setenv("WORKINGPAPERS_SMTP_URL", "smtp://127.0.0.1:1")
    monkeypatch.setenv("WORKINGPAPERS_MAIL_FROM", SENDER)
    code, _, err = run("digest", "--send", "--at", "2025-11-25T12:00")
    assert code == 1
    assert "error: cannot use the mail server 127.0.0.1:1: Connection refused" in err
    assert run("subscribe", "eve@example.org")[0] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["subscribe"], "EMAIL is missing"),
        (["subscribe", "ada"], "'ada' is no e-mail address"),
        (["subscribe", "a@x.example", "--topic", "visoin"], "topic 'visoin' is unknown; near it are"),
        (["subscribe", "a@x.example", "--daily", "--weekly"], "--daily and --weekly do not go together"),
        (["subscribe", "a@x.example", "--all", "--trending"], "--all and --trending do not go together"),
        (["subscribe", "a@x.example", "--hour", "noon"], "--hour 'noon' is not a whole number"),
        (["subscribe", "a@x.example", "--hour", "24"], "hour 24 is out of range; allowed are 0 to 23"),
        (["subscribe", "a@x.example", "--weekday", "s"], "--weekday 's' is unknown; allowed are monday"),
        (["subscribe", "a@x.example", "--time-zone", "Berlin"], "time zone 'Berlin' is unknown; near it are"),
        (["subscribe", "a@x.example", "--base-url", "p.example"], "--base-url 'p.example' is no address"),
        (["subscribe", "--list", "--end", "1"], "--list and --end do not go together"),
        (["subscribe", "--confirm", "x"], "confirmation link is unknown"),
        (["subscribe", "--end", "7"], "subscription 7 is unknown"),
        (["digest", "--send"], "--send needs a mail server, and WORKINGPAPERS_SMTP_URL is not set"),
        (["digest", "--at", "tomorrow"], "--at 'tomorrow' is no moment; give one such as"),
    ],
)
def test_wrong_input_is_one_line_and_code_2(run: Run, database: Database, arguments: list[str], message: str) -> None:
    code, _, err = run(*arguments)
    assert (code, err.count("\n")) == (2, 1)
    assert f"error: {message}" in err or message in err


def test_without_a_database_nothing_is_made(run: Run, tmp_path: Path) -> None:
    for arguments in (["digest"], ["subscribe", "--list"]):
        code, _, err = run(*arguments)
        assert code == 1
        assert "there is no database at" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("day", ["monday", "Mon", "mo"])
def test_a_weekday_may_be_shortened(run: Run, day: str) -> None:
    _, out, _ = run("subscribe", "a@x.example", "--weekday", day, "--format", "json")
    assert json.loads(out)["weekday"] == 0


def test_an_admin_is_made_before_anybody_signed_in(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("people", "Boss@example.org", "admin")
    assert (code, out) == (0, "boss@example.org: admin (starts runs too)\n")
    run("people", "eve@example.org", "curator")
    database = Database(tmp_path / "daily.sqlite")
    with database.write() as session:
        _, cookie = redeem_login(session, request_login(session, "boss@example.org"))
        found = person_of_session(session, cookie)
    assert found is not None
    assert found.can_run
    assert run("people", "boss@example.org", "reader", "--sign-out")[0] == 0
    with database.read() as session:
        assert person_of_session(session, cookie) is None
    _, out, _ = run("people", "--format", "json")
    assert [(one["email"], one["role"]) for one in json.loads(out)] == [
        ("boss@example.org", "reader"),
        ("eve@example.org", "curator"),
    ]
    for arguments, message in (
        (["boss@example.org"], "the role of 'boss@example.org' is missing"),
        (["boss@example.org", "root"], "role 'root' is unknown; allowed are reader, curator, admin"),
        (["boss", "admin"], "'boss' is no e-mail address"),
        (["zoe@example.org", "--sign-out"], "nobody with the address zoe@example.org"),
    ):
        code, _, err = run("people", *arguments)
        assert code == 2
        assert message in err
