"""Papers and subscribers of the tests, and senders in processes of their own."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from daily_mail_server import Inbox
from sqlalchemy import select
from sqlalchemy.orm import Session

from workingpapers.daily.database import Database
from workingpapers.daily.delivery import DigestReport, deliver_due
from workingpapers.daily.mail import Mailer, OutboxMailer
from workingpapers.daily.mail_settings import mail_settings
from workingpapers.daily.papers import index_text
from workingpapers.daily.subscription_request import Subscription, SubscriptionRequest
from workingpapers.daily.subscriptions import confirm, subscribe
from workingpapers.daily.tables import IssueRow, PaperRow, PaperTopicRow, SubscriptionRow, TopicRow
from workingpapers.daily.trending import refresh

SENDER = "Working Papers <papers@example.org>"
BASE_URL = "https://papers.example.org"
IN_ENVIRONMENT = "s" * 40
SECRET = hashlib.sha256(IN_ENVIRONMENT.encode()).digest()
MONDAY = datetime(2025, 11, 24, 12, tzinfo=UTC)
"""When people subscribe: after the hour of that day's mails."""
TUESDAY, WEDNESDAY = (MONDAY + timedelta(days=days) for days in (1, 2))


def add_paper(session: Session, title: str, added: datetime, *, topic: str | None = None, **values: Any) -> int:
    """A paper that came at a moment; its key is its slug, the title in small letters."""
    row = PaperRow(
        title=title,
        title_key=title.casefold(),
        slug=values.pop("slug", title.casefold().replace(" ", "-")),
        listed=added.date(),
        source="json",
        added=added,
        changed=added,
        **values,
    )
    session.add(row)
    session.flush()
    if topic is not None:
        found = session.scalar(select(TopicRow).where(TopicRow.slug == topic))
        if found is None:
            found = TopicRow(slug=topic, name=topic.title())
            session.add(found)
            session.flush()
        session.add(PaperTopicRow(paper_id=row.id, topic_id=found.id))
        session.flush()
    index_text(session, [row.id])
    refresh(session, [row.id])
    return row.id


def subscribed(database: Database, email: str = "ada@example.org", at: datetime = MONDAY, **wanted: Any) -> int:
    """A confirmed subscription, daily to all papers unless it is wanted otherwise."""
    request = SubscriptionRequest(email, **{"frequency": "daily", "selection": "all", **wanted})
    with database.write() as session:
        return confirm(session, subscribe(session, request, at=at)[1], at=at).id


def mailer_to(inbox: Inbox, *, answer_s: float = 5.0) -> Mailer:
    """A mailer to a server of the tests."""
    return Mailer(mail_settings(f"smtp://127.0.0.1:{inbox.port}", SENDER), step_s=5.0, answer_s=answer_s)


def send(database: Database, mailer: Mailer | OutboxMailer, at: datetime = TUESDAY) -> DigestReport:
    """One round."""
    return deliver_due(database, mailer, at, BASE_URL, False, secret=SECRET)


def subscription(database: Database, number: int) -> Subscription:
    """A subscription as it stands."""
    with database.read() as session:
        return Subscription.of(session.get_one(SubscriptionRow, number), {})


def issues(database: Database) -> list[tuple[str, str, list[str]]]:
    """Name, status and papers of every issue, in order."""
    with database.read() as session:
        rows = session.scalars(select(IssueRow).order_by(IssueRow.subscription_id, IssueRow.created, IssueRow.id))
        return [(row.issue, row.status, list(row.papers)) for row in rows]


def texts(inbox: Inbox) -> list[str]:
    """The plain text of every mail that arrived."""
    found = []
    for _, message in inbox.arrived:
        part = message.get_body(("plain",))
        assert part is not None
        found.append(part.get_content().replace("\r\n", "\n"))
    return found


def titles_in(text: str, titles: Sequence[str]) -> list[str]:
    """Those titles that a mail holds."""
    return [title for title in titles if title in text]


@dataclass
class SendingProcess:
    """A process of its own that runs `workingpapers digest --send`."""

    process: "subprocess.Popen[str]"

    def finish(self) -> tuple[int, str]:
        """Its exit code and what it printed."""
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out + err


def start_sending(database: Database, inbox: Inbox, at: datetime = TUESDAY) -> SendingProcess:
    """Start one."""
    settings = {
        "WORKINGPAPERS_SMTP_URL": f"smtp://127.0.0.1:{inbox.port}",
        "WORKINGPAPERS_MAIL_FROM": SENDER,
        "WORKINGPAPERS_SECRET": IN_ENVIRONMENT,
    }
    command = [sys.executable, "-m", "workingpapers", "digest", "--send", "--format", "json"]
    options = ["--database", str(database.path), "--at", at.isoformat(), "--base-url", BASE_URL]
    return SendingProcess(
        subprocess.Popen(
            [*command, *options],
            env={**os.environ, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    )
