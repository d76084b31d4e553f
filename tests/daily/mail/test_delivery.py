"""Sending what is due: never twice, nobody and nothing lost, whatever the mail server or the system does."""

import json
import os
import signal
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from daily_mail_house import (
    BASE_URL,
    MONDAY,
    SECRET,
    TUESDAY,
    WEDNESDAY,
    add_paper,
    issues,
    mailer_to,
    send,
    start_sending,
    subscribed,
    subscription,
    texts,
    titles_in,
)
from daily_mail_server import Inbox, mail_server
from sqlalchemy import func, select, text

from workingpapers.daily.database import Database, now
from workingpapers.daily.delivery import deliver_due
from workingpapers.daily.digest_clock import DigestClock
from workingpapers.daily.issue_states import FIRST_WAIT, MAX_ATTEMPTS, MAX_BOUNCES
from workingpapers.daily.mail import OutboxMailer
from workingpapers.daily.subscriptions import CONFIRM_WITHIN, SubscriptionRequest, subscribe, unsubscribe_token
from workingpapers.daily.subscriptions import unsubscribe as end
from workingpapers.daily.tables import IssueRow, SubscriptionRow
from workingpapers.errors import InvalidParameterError

TITLES = ("Alpha Paper", "Beta Paper", "Gamma Paper")
HOUR = timedelta(hours=1)


@pytest.fixture
def papers(database: Database) -> Database:
    """One paper came on Monday evening, one on Tuesday evening, one on Wednesday evening."""
    with database.write() as session:
        for days, title in enumerate(TITLES):
            add_paper(session, title, MONDAY + timedelta(days=days, hours=6))
    return database


def test_each_paper_is_mailed_once_in_the_issue_after_it_came(papers: Database, inbox: Inbox) -> None:
    subscribed(papers)
    for at in (MONDAY, MONDAY + 2 * HOUR, TUESDAY, TUESDAY, TUESDAY + HOUR, WEDNESDAY, WEDNESDAY + timedelta(days=1)):
        send(papers, mailer_to(inbox), at)
    assert [titles_in(text, TITLES) for text in texts(inbox)] == [[title] for title in TITLES]
    assert issues(papers) == [
        (f"2025-11-{day}", "sent", [title.lower().replace(" ", "-")])
        for day, title in zip((25, 26, 27), TITLES, strict=True)
    ]


def test_the_mail_can_be_ended_by_one_click_and_is_marked_as_automatic(papers: Database, inbox: Inbox) -> None:
    number = subscribed(papers)
    send(papers, mailer_to(inbox))
    ((address, message),) = inbox.arrived
    token = unsubscribe_token(SECRET, subscription(papers, number))
    assert address == "ada@example.org"
    assert message["List-Unsubscribe"] == f"<{BASE_URL}/unsubscribe/{token}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Id"] == "Working Papers digest <digest.example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Subject"] == "1 new paper · Tuesday 25 November 2025"
    with papers.read() as session:
        assert message["Message-ID"] == session.scalar(select(IssueRow.message_id))
    assert f"{BASE_URL}/unsubscribe/{token}" in texts(inbox)[0]
    with papers.write() as session:
        end(session, SECRET, token)
    send(papers, mailer_to(inbox), WEDNESDAY)
    assert len(inbox.arrived) == 1


def test_a_dry_run_changes_nothing_and_may_write_the_mails(papers: Database, tmp_path: Path) -> None:
    subscribed(papers)
    before = papers.path.read_bytes(), subscription(papers, 1)
    for mailer in (None, OutboxMailer(tmp_path / "out")):
        report = deliver_due(papers, mailer, TUESDAY, BASE_URL, secret=SECRET)
        assert [(one.status, one.papers) for one in report.outcomes] == [("would be sent", 1)]
    assert [path.name[:16] for path in (tmp_path / "out").iterdir()] == ["issue.2025-11-25"]
    assert (papers.path.read_bytes(), subscription(papers, 1)) == before
    assert issues(papers) == []


def test_what_nobody_confirmed_is_not_mailed_and_forgotten_in_time(papers: Database, inbox: Inbox) -> None:
    with papers.write() as session:
        subscribe(session, SubscriptionRequest("eve@example.org", frequency="daily", selection="all"), at=MONDAY)
    send(papers, mailer_to(inbox))
    send(papers, mailer_to(inbox), MONDAY + CONFIRM_WITHIN)
    assert inbox.arrived == []
    with papers.read() as session:
        assert session.scalar(select(func.count(SubscriptionRow.id))) == 0


def test_an_issue_with_nothing_to_say_is_not_mailed(database: Database, inbox: Inbox) -> None:
    number = subscribed(database)
    report = send(database, mailer_to(inbox))
    assert (report.count("empty"), inbox.arrived) == (1, [])
    covered = subscription(database, number).covered_until
    assert covered is not None
    assert covered > MONDAY
    with database.write() as session:
        add_paper(session, "Late Paper", TUESDAY + HOUR)
    send(database, mailer_to(inbox), WEDNESDAY)
    assert len(inbox.arrived) == 1


def test_days_without_a_sender_are_made_up_for_by_one_issue(papers: Database, inbox: Inbox) -> None:
    subscribed(papers)
    send(papers, mailer_to(inbox), MONDAY + timedelta(days=10))
    assert titles_in(texts(inbox)[0], TITLES) == list(TITLES)
    assert [name for name, _, _ in issues(papers)] == ["2025-12-04"]


def test_changing_the_hour_or_subscribing_anew_brings_no_second_issue_of_a_day(papers: Database, inbox: Inbox) -> None:
    number = subscribed(papers)
    send(papers, mailer_to(inbox), TUESDAY)
    with papers.write() as session:
        session.get_one(SubscriptionRow, number).hour = 13
    send(papers, mailer_to(inbox), TUESDAY + 2 * HOUR)
    with papers.write() as session:
        end(session, SECRET, unsubscribe_token(SECRET, subscription(papers, number)))
    subscribed(papers, at=TUESDAY, hour=15)
    send(papers, mailer_to(inbox), TUESDAY + 4 * HOUR)
    assert len(inbox.arrived) == 1


@pytest.mark.parametrize("where", ["rcpt", "data"])
def test_a_server_that_is_busy_is_asked_again_later(papers: Database, inbox: Inbox, where: str) -> None:
    subscribed(papers)
    setattr(inbox, where, lambda _: "451 4.3.0 busy")
    assert [one.status for one in send(papers, mailer_to(inbox)).outcomes] == ["delayed"]
    setattr(inbox, where, lambda _: None)
    assert send(papers, mailer_to(inbox), TUESDAY + FIRST_WAIT / 2).outcomes == []
    assert send(papers, mailer_to(inbox), TUESDAY + FIRST_WAIT).count("sent") == 1
    assert send(papers, mailer_to(inbox), TUESDAY + HOUR).outcomes == []
    assert len(inbox.arrived) == 1


def test_the_waits_grow_and_end_and_the_papers_come_with_the_next_issue(papers: Database, inbox: Inbox) -> None:
    subscribed(papers, frequency="weekly", weekday=1)
    inbox.rcpt = lambda _: "450 4.2.0 greylisted"
    at, waits = TUESDAY, []
    while True:
        (outcome,) = send(papers, mailer_to(inbox), at).outcomes
        if outcome.status == "failed":
            break
        with papers.read() as session:
            again = session.scalar(select(IssueRow.next_attempt))
        assert again is not None
        waits.append(again - at)
        at = again
    assert len(waits) == MAX_ATTEMPTS - 1
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (FIRST_WAIT, 4 * HOUR)
    assert subscription(papers, 1).status == "active"
    inbox.rcpt = lambda _: None
    assert send(papers, mailer_to(inbox), at + HOUR).outcomes == []
    send(papers, mailer_to(inbox), TUESDAY + timedelta(days=7))
    assert titles_in(texts(inbox)[0], TITLES) == list(TITLES)


def test_an_issue_that_waits_makes_room_for_the_next_one(papers: Database, inbox: Inbox) -> None:
    subscribed(papers)
    inbox.rcpt = lambda _: "450 4.2.0 greylisted"
    send(papers, mailer_to(inbox))
    inbox.rcpt = lambda _: None
    send(papers, mailer_to(inbox), WEDNESDAY)
    assert [(name, status) for name, status, _ in issues(papers)] == [("2025-11-25", "failed"), ("2025-11-26", "sent")]
    assert [titles_in(text, TITLES) for text in texts(inbox)] == [list(TITLES[:2])]


def test_an_address_that_is_refused_three_times_gets_no_more(papers: Database, inbox: Inbox) -> None:
    number = subscribed(papers)
    other = subscribed(papers, "eve@example.org")
    inbox.rcpt = lambda address: "550 5.1.1 no such user" if address.startswith("ada") else None
    for days in range(MAX_BOUNCES):
        assert subscription(papers, number).status == "active"
        report = send(papers, mailer_to(inbox), TUESDAY + timedelta(days=days))
        assert Counter(one.status for one in report.outcomes) == {"failed": 1, "sent": 1}
    assert subscription(papers, number).status == "bounced"
    assert subscription(papers, other).status == "active"
    assert len(send(papers, mailer_to(inbox), TUESDAY + timedelta(days=MAX_BOUNCES)).outcomes) == 1
    assert inbox.addresses == ["eve@example.org"] * MAX_BOUNCES


def test_a_mail_that_arrives_in_between_begins_the_count_anew(papers: Database, inbox: Inbox) -> None:
    number = subscribed(papers)
    for days, refused in enumerate((True, True, False, True, True)):
        inbox.rcpt = lambda _, refused=refused: "550 no" if refused else None
        with papers.write() as session:
            add_paper(session, f"Paper {days}", TUESDAY + timedelta(days=days - 1, hours=1))
        send(papers, mailer_to(inbox), TUESDAY + timedelta(days=days))
    assert (subscription(papers, number).status, subscription(papers, number).bounces) == ("active", 2)


def test_a_refusal_of_the_mail_itself_does_not_count_against_the_address(papers: Database, inbox: Inbox) -> None:
    number = subscribed(papers)
    inbox.data = lambda _: "554 5.7.1 spam"
    assert send(papers, mailer_to(inbox)).count("failed") == 1
    assert subscription(papers, number).bounces == 0
    inbox.data = lambda _: None
    send(papers, mailer_to(inbox), WEDNESDAY)
    assert titles_in(texts(inbox)[0], TITLES) == list(TITLES[:2])


@pytest.mark.parametrize(("place", "arrived"), [("before", 0), ("after", 1)])
def test_where_nobody_knows_whether_a_mail_arrived_it_is_not_sent_again_and_no_paper_is_lost(
    papers: Database, inbox: Inbox, place: str, arrived: int
) -> None:
    subscribed(papers)
    inbox.drop_at = place
    assert send(papers, mailer_to(inbox)).count("unknown") == 1
    inbox.drop_at = None
    for minutes in (1, 60, 600):
        assert send(papers, mailer_to(inbox), TUESDAY + timedelta(minutes=minutes)).outcomes == []
    assert len(inbox.arrived) == arrived
    send(papers, mailer_to(inbox), WEDNESDAY)
    assert titles_in(texts(inbox)[-1], TITLES) == list(TITLES[:2])
    assert len({message["Message-ID"] for _, message in inbox.arrived}) == len(inbox.arrived)


@pytest.mark.parametrize("answer", ["354 go on", "what?"])
def test_an_answer_that_nobody_understands_does_not_have_the_mail_sent_again(
    papers: Database, inbox: Inbox, answer: str
) -> None:
    subscribed(papers)
    inbox.data = lambda _: answer
    assert send(papers, mailer_to(inbox)).count("unknown") == 1
    inbox.data = lambda _: None
    assert send(papers, mailer_to(inbox), TUESDAY + HOUR).outcomes == []
    send(papers, mailer_to(inbox), WEDNESDAY)
    assert titles_in(texts(inbox)[0], TITLES) == list(TITLES[:2])
    assert len(inbox.arrived) == 1


def test_a_connection_that_ends_before_the_mail_left_is_tried_again(papers: Database, inbox: Inbox) -> None:
    subscribed(papers)
    inbox.drop_at = "DATA"
    assert send(papers, mailer_to(inbox)).count("delayed") == 1
    inbox.drop_at = None
    assert send(papers, mailer_to(inbox), TUESDAY + FIRST_WAIT).count("sent") == 1


def test_a_server_that_is_slow_to_answer_does_not_get_the_mail_twice(papers: Database, inbox: Inbox) -> None:
    subscribed(papers)
    inbox.slow_s = 1.0
    assert send(papers, mailer_to(inbox, answer_s=0.2)).count("unknown") == 1
    inbox.slow_s = 0.3
    send(papers, mailer_to(inbox), TUESDAY + HOUR)
    assert send(papers, mailer_to(inbox), WEDNESDAY).count("sent") == 1
    assert len(inbox.arrived) == 2


def test_a_server_that_is_away_costs_no_attempt_and_ends_the_round(papers: Database) -> None:
    subscribed(papers, "a@example.org")
    with mail_server() as gone:
        mailer = mailer_to(gone)
    for hours in range(MAX_ATTEMPTS + 3):
        report = send(papers, mailer, TUESDAY + hours * HOUR)
        assert report.problem is not None
        assert "cannot use the mail server" in report.problem
        assert report.outcomes == []
    subscribed(papers, "b@example.org")
    assert send(papers, mailer, TUESDAY + 20 * HOUR).outcomes == []
    with mail_server() as back:
        report = send(papers, mailer_to(back), TUESDAY + 21 * HOUR)
        assert report.count("sent") == 2
        assert sorted(back.addresses) == ["a@example.org", "b@example.org"]


def test_who_unsubscribes_while_the_server_is_asked_gets_no_mail(papers: Database, inbox: Inbox) -> None:
    number = subscribed(papers)

    def unsubscribes(_: str) -> None:
        with papers.write() as session:
            session.get_one(SubscriptionRow, number).status = "unsubscribed"

    inbox.rcpt = unsubscribes
    assert send(papers, mailer_to(inbox)).outcomes == []
    assert inbox.arrived == []


def test_an_issue_that_another_sender_took_over_is_left_to_it(papers: Database, inbox: Inbox) -> None:
    subscribed(papers)

    def takes_over(_: str) -> None:
        with papers.write() as session:
            session.scalars(select(IssueRow)).one().status = "handing over"

    inbox.rcpt = takes_over
    assert send(papers, mailer_to(inbox)).outcomes == []
    assert inbox.arrived == []


def test_a_round_that_is_stopped_goes_on_later(papers: Database, inbox: Inbox) -> None:
    for number in range(4):
        subscribed(papers, f"a{number}@example.org")
    answers = iter([False, False, True])
    deliver_due(papers, mailer_to(inbox), TUESDAY, BASE_URL, False, secret=SECRET, stop=lambda: next(answers))
    assert len(inbox.arrived) == 2
    send(papers, mailer_to(inbox))
    assert sorted(inbox.addresses) == [f"a{number}@example.org" for number in range(4)]


@pytest.mark.parametrize("when", ["asked", "handed over"])
def test_a_sender_that_is_killed_sends_nothing_twice_and_loses_no_paper(
    papers: Database, inbox: Inbox, when: str
) -> None:
    for name in "abc":
        subscribed(papers, f"{name}@example.org")
    killed = threading.Event()

    def kill(address: str) -> None:
        if address == "b@example.org" and not killed.is_set():
            killed.set()
            os.kill(sender.process.pid, signal.SIGKILL)
            sender.process.wait(10)

    setattr(inbox, "rcpt" if when == "asked" else "data", kill)
    sender = start_sending(papers, inbox)
    code, _ = sender.finish()
    assert killed.is_set()
    assert code == -signal.SIGKILL
    after = [status for _, status, _ in issues(papers)]
    assert after == (["sent", "due"] if when == "asked" else ["sent", "handing over"])
    assert send(papers, mailer_to(inbox)).unknown == (0 if when == "asked" else 1)
    assert Counter(inbox.addresses) == {f"{name}@example.org": 1 for name in "abc"}
    send(papers, mailer_to(inbox), WEDNESDAY)
    received: dict[str, list[str]] = {}
    for (address, _), said in zip(inbox.arrived, texts(inbox), strict=True):
        received[address] = received.get(address, []) + titles_in(said, TITLES)
    for name in "abc":
        assert set(received[f"{name}@example.org"]) == set(TITLES[:2])


def test_senders_at_the_same_time_mail_each_once(papers: Database, inbox: Inbox) -> None:
    addresses = {f"a{number}@example.org" for number in range(20)}
    for address in addresses:
        subscribed(papers, address)
    inbox.slow_s = 0.1
    senders = [start_sending(papers, inbox) for _ in range(2)]
    ended = [sender.finish() for sender in senders]
    assert [code for code, _ in ended] == [0, 0]
    assert Counter(inbox.addresses) == dict.fromkeys(addresses, 1)
    reports = [json.loads(said[: said.rindex("}") + 1]) for _, said in ended]
    assert sum(len(report["issues"]) for report in reports) == 20


def test_the_clock_sends_what_is_due_now_once(database: Database, inbox: Inbox) -> None:
    with database.write() as session:
        add_paper(session, "Alpha Paper", now() - HOUR)
    subscribed(database, at=now() - timedelta(days=3))
    clock = DigestClock(database, mailer_to(inbox), BASE_URL, secret=SECRET, every_s=0.02)
    clock.start()
    clock.start()
    assert clock.running
    for _ in range(100):
        if inbox.arrived:
            break
        threading.Event().wait(0.05)
    threading.Event().wait(0.1)
    clock.stop()
    assert not clock.running
    assert len(inbox.arrived) == 1


def test_a_round_that_fails_does_not_end_the_clock(
    database: Database, inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    with database.write() as session:
        session.execute(text("ALTER TABLE issues RENAME TO issues_away"))
    clock = DigestClock(database, mailer_to(inbox), BASE_URL, secret=SECRET, every_s=0.02)
    clock.start()
    for _ in range(100):
        if len(caplog.records) >= 2:
            break
        threading.Event().wait(0.05)
    assert clock.running
    clock.stop()
    assert "the digest could not be sent; it is tried again" in caplog.text


def test_a_sender_with_another_secret_sends_no_links_that_do_not_work(papers: Database, inbox: Inbox) -> None:
    subscribed(papers)
    send(papers, mailer_to(inbox))
    with pytest.raises(InvalidParameterError, match="the page's secret is another one here"):
        deliver_due(papers, mailer_to(inbox), WEDNESDAY, BASE_URL, False, secret=b"t" * 32)
    assert len(inbox.arrived) == 1


def test_while_one_process_sends_another_does_nothing(papers: Database, inbox: Inbox) -> None:
    subscribed(papers)
    meanwhile: list[bool] = []
    inbox.rcpt = lambda _: meanwhile.append(send(papers, mailer_to(inbox)).busy)
    assert send(papers, mailer_to(inbox)).busy is False
    assert meanwhile == [True]
    assert len(inbox.arrived) == 1


def test_without_a_mail_server_the_clock_stays_still(papers: Database, tmp_path: Path) -> None:
    subscribed(papers)
    clock = DigestClock(papers, OutboxMailer(tmp_path / "out"), BASE_URL, every_s=0.01)
    clock.start()
    assert not clock.running
    clock.stop()
    assert not (tmp_path / "out").exists()


def test_a_folder_may_take_the_place_of_a_server(papers: Database, tmp_path: Path) -> None:
    subscribed(papers)
    outbox = OutboxMailer(tmp_path / "out")
    assert send(papers, outbox).count("sent") == 1
    assert send(papers, outbox).outcomes == []
    assert len(list((tmp_path / "out").iterdir())) == 1
