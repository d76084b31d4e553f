"""Sending the issues that are due: each at most once, and no paper lost.

An issue is `due`; when the mail server has taken sender and recipient it is `handing over`, which is on disk before the
mail itself leaves; when the server has answered it is `sent`. Where the process dies or the connection ends between
the last two, nobody knows whether the mail arrived: the issue is `unknown` and is never sent again, and its papers
stand in the next one. So a reader never gets an issue twice, and a paper is missed by nobody.

One process sends at a time; the system takes its lock back when it dies.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from workingpapers.daily.database import Database, now
from workingpapers.daily.digest import Digest, compose, digest_letter, message_id
from workingpapers.daily.digest_selection import Selection, papers_near, papers_of_keys, select_papers, settled_until
from workingpapers.daily.identity import paper_key
from workingpapers.daily.issue_dates import IssueDate, newest_issue
from workingpapers.daily.issue_states import FIRST_WAIT, IssueStates, NotDueError, wait_after
from workingpapers.daily.mail import (
    AddressRefusedError,
    MailDelayedError,
    Mailer,
    MailError,
    MailUncertainError,
    OutboxMailer,
    ServerUnavailableError,
)
from workingpapers.daily.secrets import check_secret, page_secret, remember_secret
from workingpapers.daily.sole_holder import SoleHolder
from workingpapers.daily.subscription_request import Subscription
from workingpapers.daily.subscriptions import all_active
from workingpapers.daily.tables import IssueRow, PaperRow, SubscriptionRow

if TYPE_CHECKING:
    from workingpapers.daily.search.engine import SearchEngine


class Line(Protocol):
    """What takes mails, one after the other."""

    def send(self, message: EmailMessage, before_body: Callable[[], None] | None = None) -> object:
        """Hand one mail over; `before_body` is called at the last moment before it leaves."""
        ...


@dataclass(frozen=True)
class Due:
    """An issue that is to be sent now."""

    subscription: Subscription
    issue: IssueDate


@dataclass(frozen=True)
class Outcome:
    """What became of one issue.

    Args:
        subscription: Whose.
        issue: Its name.
        status: `sent`, `empty`, `delayed`, `failed` or `unknown`; in a dry run `would be sent` or `empty`.
        papers: How many papers stand in it.
        subject: Of the mail; empty where none was made.
        problem: What went wrong, or None.
        file: The mail that a dry run wrote, or None.
    """

    subscription: Subscription
    issue: str
    status: str
    papers: int = 0
    subject: str = ""
    problem: str | None = None
    file: Path | None = None


@dataclass
class DigestReport:
    """What one round did.

    Args:
        at: The moment it was for.
        dry_run: Whether nothing was sent.
        outcomes: One for each issue that was due.
        unknown: How many issues an earlier process had left while handing them over.
        busy: Whether another process was sending, so that this one did nothing.
        problem: Why the round ended early, or None.
    """

    at: datetime
    dry_run: bool
    outcomes: list[Outcome] = field(default_factory=list)
    unknown: int = 0
    busy: bool = False
    problem: str | None = None

    def count(self, status: str) -> int:
        """How many issues ended so."""
        return sum(outcome.status == status for outcome in self.outcomes)


def due(session: Session, at: datetime) -> list[Due]:
    """The issues that are to be sent at a moment: the newest of each subscription, unless it had its turn."""
    active = all_active(session)
    newest = [Due(one, issue) for one in active if _begun(one, issue := newest_issue(one, at))]
    names = {one.issue.name for one in newest}
    turns = {
        (row.subscription_id, row.issue): row.status == "due" and (row.next_attempt is None or row.next_attempt <= at)
        for row in session.execute(
            select(IssueRow.subscription_id, IssueRow.issue, IssueRow.status, IssueRow.next_attempt).where(
                IssueRow.issue.in_(names)
            )
        )
    }
    return [one for one in newest if turns.get((one.subscription.id, one.issue.name), True)]


def deliver_due(
    database: Database,
    mailer: Mailer | OutboxMailer | None,
    at: datetime | None = None,
    base_url: str = "http://127.0.0.1:8000",
    dry_run: bool = True,
    *,
    secret: bytes | None = None,
    search: "Callable[[], SearchEngine] | None" = None,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> DigestReport:
    """Send every issue that is due.

    Args:
        database: Where the subscriptions are.
        mailer: Takes the mails. A dry run writes them into its folder if it has one, and else makes none.
        at: The moment that counts as now.
        base_url: How readers reach the page, without a slash at the end.
        dry_run: Whether to leave everything as it is, and only say what would be sent.
        secret: The page's; the one beside the database where it is None.
        search: Gives what finds the papers that saved searches mean; one is made where None is given and one is needed.
        stop: Asked between two mails whether to end.
        progress: Told how many of how many issues are done.

    Raises:
        InvalidParameterError: the secret is another one than the page's.
        StoreError: the database cannot be written. What was sent stays sent.
    """
    at = at or now()
    report = DigestReport(at, dry_run)
    secret = secret or page_secret(database.path)
    check_secret(database, secret)
    sender = _Round(database, mailer, at, base_url.rstrip("/"), secret, search)
    if dry_run or mailer is None:
        with database.read() as session:
            waiting = due(session, at)
        for done, one in enumerate(waiting):
            progress(done, len(waiting))
            report.outcomes.append(sender.rehearse(one))
        return report
    lock = SoleHolder(database.path.with_name(f"{database.path.name}.sending"))
    if not lock.take():
        report.busy = True
        return report
    try:
        remember_secret(database, secret)
        report.unknown = sender.states.settle()
        with database.read() as session:
            waiting = due(session, at)
        connected: AbstractContextManager[Line] = mailer.connected()
        with connected as line:
            for done, one in enumerate(waiting):
                if stop():
                    break
                progress(done, len(waiting))
                try:
                    outcome = sender.deliver(one, line)
                except ServerUnavailableError as error:
                    report.problem = str(error)
                    break
                if outcome is not None:
                    report.outcomes.append(outcome)
    finally:
        lock.give_back()
    return report


class _Round:
    """One round of sending."""

    def __init__(
        self,
        database: Database,
        mailer: Mailer | OutboxMailer | None,
        at: datetime,
        base_url: str,
        secret: bytes,
        search: "Callable[[], SearchEngine] | None",
    ) -> None:
        self._database = database
        self._mailer = mailer
        self._at = at
        self._base_url = base_url
        self._secret = secret
        self._search = search
        self.states = IssueStates(database, at)
        self._engine: SearchEngine | None = None
        self._near: dict[str, frozenset[int]] = {}
        self._until: datetime | None = None

    def rehearse(self, one: Due) -> Outcome:
        """Make the mail without sending it."""
        self._until = self._until or min(self._at, now())
        with self._database.read() as session:
            row = _row(session, one.subscription.id, one.issue.name)
            digest = self._compose(session, one, self._selection(session, one.subscription, row))
        if digest.empty:
            return Outcome(one.subscription, one.issue.name, "empty")
        file = None
        if isinstance(self._mailer, OutboxMailer):
            file = self._mailer.send(self._letter(one, digest, None))
        return Outcome(one.subscription, one.issue.name, "would be sent", len(digest.papers), digest.subject, file=file)

    def deliver(self, one: Due, line: Line) -> Outcome | None:
        """Send one issue; None where it turns out not to be due any more."""
        self._until = self._until or settled_until(self._database, self._at)
        self._near_to(one.subscription)  # before the transaction, because it may take a while
        with self._database.write() as session:
            row = self._claim(session, one)
        if row is None:
            return None
        issue_id, attempts, known_as = row.id, row.attempts, row.message_id
        with self._database.read() as session:
            digest = self._compose(session, one, self._selection(session, one.subscription, row))
        if digest.empty:
            self.states.done(issue_id, "empty")
            return self._outcome(one, digest, "empty", None)
        try:
            line.send(self._letter(one, digest, known_as), lambda: self.states.begin_handing_over(issue_id))
        except NotDueError:
            return None
        except ServerUnavailableError as error:
            self.states.put_back(issue_id, attempts - 1, str(error), FIRST_WAIT)
            raise
        except MailDelayedError as error:
            status = self.states.put_back(issue_id, attempts, str(error), wait_after(attempts))
            return self._outcome(one, digest, status, str(error))
        except MailUncertainError as error:
            self.states.end(issue_id, "unknown", str(error))
            return self._outcome(one, digest, "unknown", str(error))
        except MailError as error:
            self.states.end(issue_id, "failed", str(error), bounced=isinstance(error, AddressRefusedError))
            return self._outcome(one, digest, "failed", str(error))
        self.states.done(issue_id, "sent")
        return self._outcome(one, digest, "sent", None)

    def _claim(self, session: Session, one: Due) -> IssueRow | None:
        """The issue's row, with what stands in it and one attempt more; None where it is not due any more."""
        assert self._until is not None
        assert self._mailer is not None
        owner = session.get(SubscriptionRow, one.subscription.id)
        if owner is None or owner.status != "active":
            return None
        row = _row(session, owner.id, one.issue.name)
        if row is None:
            late = update(IssueRow).where(IssueRow.subscription_id == owner.id, IssueRow.status == "due")
            session.execute(late.values(status="failed", problem="the next issue came first", finished=self._at))
            selection = self._selection(session, one.subscription, None)
            rows = session.scalars(select(PaperRow).where(PaperRow.id.in_(selection.papers)))
            keys = {paper.id: paper_key(paper) for paper in rows}
            row = IssueRow(
                subscription_id=owner.id,
                issue=one.issue.name,
                status="due",
                message_id=message_id(self._mailer.sender, one.subscription, one.issue),
                papers=[keys[paper] for paper in selection.papers],
                attempts=0,
                covers_until=self._until,
                created=self._at,
            )
            session.add(row)
        elif row.status != "due":
            return None
        row.attempts += 1
        session.flush()
        return row

    def _selection(self, session: Session, subscription: Subscription, row: IssueRow | None) -> Selection:
        """What stands in an issue: chosen now, or as it was chosen when it was begun."""
        assert self._until is not None
        near = self._near_to(subscription)
        if row is None:
            return select_papers(session, subscription, self._until, near)
        chosen = tuple(papers_of_keys(session, row.papers))
        return replace(select_papers(session, subscription, row.covers_until, near), papers=chosen)

    def _near_to(self, subscription: Subscription) -> frozenset[int]:
        query = subscription.query
        if not query:
            return frozenset()
        if query not in self._near:
            if self._engine is None:
                self._engine = self._make_engine()
                self._engine.ensure()  # the newest papers too
            self._near[query] = papers_near(self._engine, query)
        return self._near[query]

    def _make_engine(self) -> "SearchEngine":
        if self._search is not None:
            return self._search()
        from workingpapers.daily.search.engine import SearchEngine

        return SearchEngine(self._database)

    def _compose(self, session: Session, one: Due, selection: Selection) -> Digest:
        return compose(
            session,
            one.subscription,
            one.issue,
            selection,
            base_url=self._base_url,
            secret=self._secret,
            at=self._at,
        )

    def _letter(self, one: Due, digest: Digest, known_as: str | None) -> EmailMessage:
        assert self._mailer is not None
        sender = self._mailer.sender
        return digest_letter(
            sender, one.subscription, digest, known_as or message_id(sender, one.subscription, one.issue)
        )

    def _outcome(self, one: Due, digest: Digest, status: str, problem: str | None) -> Outcome:
        return Outcome(one.subscription, one.issue.name, status, len(digest.papers), digest.subject, problem)


def _begun(subscription: Subscription, issue: IssueDate) -> bool:
    return subscription.confirmed is not None and issue.due >= subscription.confirmed


def _row(session: Session, subscription_id: int, issue: str) -> IssueRow | None:
    return session.scalar(select(IssueRow).where(IssueRow.subscription_id == subscription_id, IssueRow.issue == issue))
