"""What stands in an issue, and how it is told."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from daily_mail_house import (
    BASE_URL,
    MONDAY,
    SECRET,
    TUESDAY,
    add_paper,
    mailer_to,
    subscribed,
    subscription,
    texts,
)
from daily_mail_server import Inbox

from workingpapers.daily.database import Database
from workingpapers.daily.digest import Digest, compose, digest_letter, message_id
from workingpapers.daily.digest_selection import (
    MAX_ALL,
    MAX_TRENDING,
    Selection,
    papers_near,
    papers_of_keys,
    select_papers,
)
from workingpapers.daily.issue_dates import newest_issue
from workingpapers.daily.mail_bytes import ascii_address
from workingpapers.daily.mail_settings import sender_address
from workingpapers.daily.search.engine import SearchEngine
from workingpapers.daily.search.tfidf import TfIdfEncoder
from workingpapers.daily.subscriptions import unsubscribe_token
from workingpapers.daily.tables import ClaimRow, EventRow, IssueRow, PaperRow, RunRow, VoteRow
from workingpapers.daily.trending import refresh

SENDER = sender_address("Working Papers <papers@example.org>")


def _selected(database: Database, number: int, at: datetime = TUESDAY, near: frozenset[int] = frozenset()) -> list[str]:
    with database.read() as session:
        found = select_papers(session, subscription(database, number), at, near)
        return [session.get_one(PaperRow, paper).title for paper in found.papers]


def _digest(database: Database, number: int, at: datetime = TUESDAY) -> Digest:
    wanted = subscription(database, number)
    with database.read() as session:
        selection = select_papers(session, wanted, at)
        issue = newest_issue(wanted, at)
        return compose(session, wanted, issue, selection, base_url=BASE_URL, secret=SECRET, at=at)


def _mailed(database: Database, number: int, status: str, papers: list[str], at: datetime) -> None:
    with database.write() as session:
        session.add(
            IssueRow(
                subscription_id=number, issue=at.isoformat(), status=status, message_id="x", papers=papers,
                attempts=1, covers_until=at, created=at,
            )
        )  # fmt: skip


def test_all_is_what_came_since_and_nothing_else(database: Database) -> None:
    with database.write() as session:
        for hours in (-30, -20, 5, 23, 24, 30):
            add_paper(session, f"Paper at {hours}", MONDAY + timedelta(hours=hours))
    number = subscribed(database)
    assert set(_selected(database, number)) == {"Paper at -20", "Paper at 5", "Paper at 23", "Paper at 24"}


def test_only_wanted_topics(database: Database) -> None:
    with database.write() as session:
        for title, topic in (("Seen", "vision"), ("Heard", "speech"), ("Read", "language"), ("Other", None)):
            add_paper(session, title, MONDAY, topic=topic)
    assert set(_selected(database, subscribed(database, topics=("vision", "speech")))) == {"Seen", "Heard"}
    assert set(_selected(database, subscribed(database))) == {"Seen", "Heard", "Read", "Other"}


def test_a_saved_search_takes_what_holds_all_its_words_or_is_near_in_meaning(database: Database) -> None:
    with database.write() as session:
        held = add_paper(session, "Order invariance of sets", MONDAY)
        near = add_paper(session, "Permutations do not matter", MONDAY)
        add_paper(session, "Order of a matrix", MONDAY)
    number = subscribed(database, query="invariance order")
    assert _selected(database, number) == ["Order invariance of sets"]
    assert set(_selected(database, number, near=frozenset([near]))) == {
        "Order invariance of sets",
        "Permutations do not matter",
    }
    odd = subscribed(database, query='matrix" OR NEAR(title : * -"')
    assert _selected(database, odd) == []
    found = papers_near(SearchEngine(database, TfIdfEncoder()), "order invariance of sets")
    assert held in found


def test_trending_is_the_highest_that_were_not_mailed(database: Database) -> None:
    most = MAX_TRENDING["daily"]
    with database.write() as session:
        ids = [add_paper(session, f"P{place:02}", MONDAY - timedelta(days=place)) for place in range(most + 3)]
        session.add(VoteRow(paper_id=ids[-1], person_id=1, at=MONDAY))
        refresh(session, ids)
    number = subscribed(database, selection="trending")
    first = _selected(database, number)
    assert first == [f"P{most + 2:02}", *(f"P{place:02}" for place in range(most - 1))]
    _mailed(database, number, "sent", [title.lower() for title in first], TUESDAY)
    assert _selected(database, number) == [f"P{place:02}" for place in range(most - 1, most + 2)]


def test_what_stopped_trending_is_in_a_first_issue_only(database: Database) -> None:
    with database.write() as session:
        add_paper(session, "Old One", MONDAY - timedelta(days=60))
        add_paper(session, "Old Two", MONDAY - timedelta(days=61))
    number = subscribed(database, selection="trending")
    assert _selected(database, number) == ["Old One", "Old Two"]
    _mailed(database, number, "sent", ["old-one"], TUESDAY)
    assert _selected(database, number) == []
    with database.write() as session:
        paper = session.get_one(PaperRow, 2)
        session.add(VoteRow(paper_id=paper.id, person_id=1, at=TUESDAY))
        refresh(session, [paper.id])
    assert _selected(database, number) == ["Old Two"]


@pytest.mark.parametrize("status", ["failed", "unknown"])
def test_trending_papers_that_may_not_have_arrived_come_first_in_the_next_issue(
    database: Database, status: str
) -> None:
    with database.write() as session:
        add_paper(session, "Faded", MONDAY - timedelta(days=90))
        add_paper(session, "Fresh", MONDAY)
    number = subscribed(database, selection="trending")
    _mailed(database, number, "sent", [], MONDAY - timedelta(hours=1))
    assert _selected(database, number) == ["Fresh"]
    _mailed(database, number, status, ["faded", "gone"], MONDAY)
    assert _selected(database, number) == ["Faded", "Fresh"]
    _mailed(database, number, "sent", ["faded", "fresh"], TUESDAY)
    assert _selected(database, number) == []


def test_of_very_many_the_mail_shows_the_highest_and_says_how_many_more(database: Database) -> None:
    with database.write() as session:
        session.add_all(
            PaperRow(
                title=f"Paper {number}", title_key=f"paper{number}", arxiv=f"2501.{number:05}", listed=MONDAY.date(),
                source="json", added=MONDAY, changed=MONDAY, heat=float(number),
            )
            for number in range(MAX_ALL + 17)
        )  # fmt: skip
    digest = _digest(database, subscribed(database))
    assert [card.title for card in digest.papers] == [f"Paper {MAX_ALL + 16 - place}" for place in range(MAX_ALL)]
    assert digest.subject.startswith(f"{MAX_ALL + 17} new papers")
    assert "And 17 more: https://papers.example.org/" in digest.text
    assert "And 17 more" in digest.html
    assert f"{BASE_URL}/papers/2501.00066" in digest.text


def _judged(session: Any, paper: int, before: str | None, after: str, at: datetime, claim: str) -> None:
    session.add(
        RunRow(
            id=f"run-{claim}", paper_id=paper, scale="laptop", origin="store", finished=at, code="c", seconds=1.0,
            seeds=5, folder="f", counts={"holds": 3, "does not hold": 1}, marks=[], newest=claim == "linear",
        )
    )  # fmt: skip
    session.add(
        ClaimRow(
            paper_id=paper, claim=claim, position=0, says=f"The {claim} cost <grows>", metric="m", predicate="p",
            source="s", details={},
        )
    )  # fmt: skip
    session.flush()
    event = {"paper_id": paper, "run_id": f"run-{claim}", "scale": "laptop", "claim": claim}
    session.add(EventRow(at=at, before=before, after=after, **event))


def test_verdicts_and_what_changed_are_told_with_their_scale(database: Database) -> None:
    with database.write() as session:
        paper = add_paper(session, "Old Paper", MONDAY - timedelta(days=50), built=True)
        _judged(session, paper, "undecided", "does not hold", MONDAY, "linear")
        _judged(session, paper, None, "holds", MONDAY, "first")
        _judged(session, paper, "holds", "undecided", MONDAY - timedelta(days=9), "earlier")
        add_paper(session, "Measured Never", MONDAY, built=True)
        add_paper(session, "Built Never", MONDAY)
    digest = _digest(database, subscribed(database))
    assert [one.card.title for one in digest.changes] == ["Old Paper"]
    assert [change.claim for change in digest.changes[0].changes] == ["linear"]
    assert "was ? undecided, now ✗ does not hold (laptop scale)" in digest.text
    assert "The linear cost &lt;grows&gt;" in digest.html
    assert "runs here, not measured yet" in digest.text
    assert "not built yet" in digest.text
    with database.write() as session:
        session.get_one(PaperRow, paper).added = MONDAY
    assert "Claims at laptop scale: ✓ 3 hold · ✗ 1 does not hold" in _digest(database, 1).text


def test_an_issue_may_tell_of_changes_alone(database: Database) -> None:
    with database.write() as session:
        paper = add_paper(session, "Old Paper", MONDAY - timedelta(days=50), built=True)
        _judged(session, paper, "undecided", "holds", MONDAY, "linear")
    digest = _digest(database, subscribed(database))
    assert not digest.empty
    assert digest.subject == "1 changed verdict · Tuesday 25 November 2025"


def test_what_others_wrote_is_neither_markup_nor_a_header(database: Database) -> None:
    title = '<script>alert(1)</script> & "quotes"\r\nBcc: eve@example.org'
    with database.write() as session:
        add_paper(
            session, title, MONDAY, slug="odd", summary="<img src=x onerror=alert(1)>\n.\nQUIT", authors=["A <b>B</b>"],
            author_count=3, topic="vision", published=date(2025, 11, 1),
        )  # fmt: skip
    number = subscribed(database, query="alert", topics=("vision",))
    digest = _digest(database, number)
    assert "<script" not in digest.html
    assert "<img" not in digest.html
    assert "<b>" not in digest.html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#34;quotes&#34; Bcc: eve@example.org" in digest.html
    assert "A <b>B</b> and 2 more · 2025-11-01" in digest.text
    message = digest_letter(SENDER, subscription(database, number), digest, "<1@example.org>")
    assert message["Bcc"] is None
    assert all(len(line) <= 998 for line in message.as_bytes().splitlines())


@pytest.mark.parametrize(
    "base_url",
    ["http://p", BASE_URL, "https://" + ".".join(["d" * 60] * 4), f"https://papers.example.org/{'p' * 800}"],
)
def test_the_links_of_a_mail_arrive_whole_however_long(database: Database, inbox: Inbox, base_url: str) -> None:
    with database.write() as session:
        add_paper(session, "One", MONDAY)
    wanted = subscription(database, subscribed(database))
    with database.read() as session:
        selection = select_papers(session, wanted, TUESDAY)
        issue = newest_issue(wanted, TUESDAY)
        digest = compose(session, wanted, issue, selection, base_url=base_url, secret=SECRET, at=TUESDAY)
    sender = sender_address(f"Working Papers <papers@{'d' * 60}.{'e' * 60}.example.org>")
    mailer_to(inbox).send(digest_letter(sender, wanted, digest, message_id(sender, wanted, issue)))
    head, _, _ = inbox.raw[0].decode("ascii").partition("\r\n\r\n")
    url = f"{base_url}/unsubscribe/{unsubscribe_token(SECRET, wanted)}"
    assert re.search(rf"(?m)^List-Unsubscribe: <{re.escape(url)}>\r$", head)
    assert re.search(r"(?m)^List-Unsubscribe-Post: List-Unsubscribe=One-Click\r$", head)
    assert re.search(rf"(?m)^List-Id: Working Papers digest(?: |\r\n )<digest\.{sender.domain}>\r$", head)
    assert re.search(rf"(?m)^Message-ID: {re.escape(message_id(sender, wanted, issue))}\r$", head)
    assert max(map(len, inbox.raw[0].split(b"\r\n"))) <= 998
    (text,) = texts(inbox)
    assert f"\n   {base_url}/papers/one\n" in text
    assert f"\nEnd it:    {url}\n" in text


def test_a_link_in_a_header_is_ascii() -> None:
    assert ascii_address("https://bücher.example:8443/ä/unsubscribe/a.b-c?q=ü") == (
        "https://xn--bcher-kva.example:8443/%C3%A4/unsubscribe/a.b-c?q=%C3%BC"
    )


def test_lines_of_the_plain_text_fit(database: Database) -> None:
    with database.write() as session:
        add_paper(session, "A title of many words " * 8, MONDAY, slug="long", summary="words and words " * 100)
    text = _digest(database, subscribed(database)).text
    assert max(len(line) for line in text.splitlines() if "http" not in line) <= 72
    assert "words …" in " ".join(text.split())


def test_weekly_issues_are_named_by_their_week_and_topics(database: Database) -> None:
    with database.write() as session:
        for title in ("One", "Two"):
            add_paper(session, title, MONDAY, topic="vision")
    number = subscribed(database, frequency="weekly", topics=("vision",))
    digest = _digest(database, number, MONDAY + timedelta(days=7))
    assert digest.subject == "2 new papers on vision · week 49 of 2025"
    assert "You get this every Monday from 07:00 (UTC): all new papers on" in digest.text


def test_names_of_papers_lead_to_them_and_gone_ones_nowhere(database: Database) -> None:
    with database.write() as session:
        slugged = add_paper(session, "One", MONDAY, slug="one", arxiv="2501.00001")
        new = add_paper(session, "Two", MONDAY, slug=None, arxiv="2501.00002")
        old = add_paper(session, "Three", MONDAY, slug=None, arxiv="cs/0112017")
        bare = add_paper(session, "Four", MONDAY, slug=None)
    with database.read() as session:
        keys = ["cs-0112017", f"p{bare}", "one", "2501.00001", "2501.00002", "p999", "gone", "one", "p1x", ""]
        assert papers_of_keys(session, keys) == [old, bare, slugged, new]


def test_nothing_selected_is_nothing_to_say(database: Database) -> None:
    wanted = subscription(database, subscribed(database))
    with database.read() as session:
        digest = compose(
            session,
            wanted,
            newest_issue(wanted, datetime(2025, 11, 25, 8, tzinfo=UTC)),
            Selection((), 0, ()),
            base_url=BASE_URL,
            secret=SECRET,
            at=TUESDAY,
        )
    assert digest.empty
