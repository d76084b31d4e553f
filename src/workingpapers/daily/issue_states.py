"""How an issue moves from one state to the next; each step is on disk when its method returns."""

from datetime import datetime, timedelta

from sqlalchemy import select

from workingpapers.daily.database import Database
from workingpapers.daily.subscriptions import clear_unconfirmed
from workingpapers.daily.tables import IssueRow, SubscriptionRow
from workingpapers.errors import WorkingPapersError

MAX_ATTEMPTS = 12
FIRST_WAIT = timedelta(minutes=5)
LONGEST_WAIT = timedelta(hours=4)
MAX_BOUNCES = 3
"""Issues in a row that an address refuses until its subscription ends."""


class NotDueError(WorkingPapersError):
    """The issue was sent by another process, or its subscription ended, while the server was asked."""


class IssueStates:
    """Moves issues.

    Args:
        database: Where they are.
        at: The moment that counts as now.
    """

    def __init__(self, database: Database, at: datetime) -> None:
        self._database = database
        self._at = at

    def settle(self) -> int:
        """Begin a round as the only sender: what is being handed over was left by a process that died.

        Returns:
            How many such issues there were. They are `unknown` now.
        """
        with self._database.write() as session:
            clear_unconfirmed(session, at=self._at)
            left = session.scalars(select(IssueRow).where(IssueRow.status == "handing over")).all()
            for row in left:
                row.status, row.finished = "unknown", self._at
                row.problem = "the sending process ended before the mail server's answer was noted"
            return len(left)

    def begin_handing_over(self, issue_id: int) -> None:
        """From now on the mail server may have the mail.

        Raises:
            NotDueError: it must not be sent any more.
        """
        with self._database.write() as session:
            row = session.get(IssueRow, issue_id)
            is_due = row is not None and row.status == "due"
            owner = None if row is None else session.get(SubscriptionRow, row.subscription_id)
            is_wanted = owner is not None and owner.status == "active"
            if row is not None and is_due:
                row.status = "handing over" if is_wanted else "failed"
                row.problem = None if is_wanted else "the subscription ended"
        if not (is_due and is_wanted):
            raise NotDueError(f"issue {issue_id} is not due any more")

    def done(self, issue_id: int, status: str) -> None:
        """Note that everything up to the issue's moment is dealt with."""
        with self._database.write() as session:
            row = session.get(IssueRow, issue_id)
            if row is None:  # forgotten with its subscription, meanwhile
                return
            row.status, row.problem, row.finished, row.next_attempt = status, None, self._at, None
            owner = session.get_one(SubscriptionRow, row.subscription_id)
            owner.covered_until = max(filter(None, (owner.covered_until, row.covers_until)))
            if status == "sent":
                owner.bounces = 0

    def put_back(self, issue_id: int, attempts: int, problem: str, wait: timedelta) -> str:
        """The mail server does not have the mail: try again after a while, unless that was tried often enough.

        Returns:
            `delayed` or `failed`.
        """
        if attempts >= MAX_ATTEMPTS:
            self.end(issue_id, "failed", problem)
            return "failed"
        with self._database.write() as session:
            row = session.get(IssueRow, issue_id)
            if row is not None:
                row.status, row.attempts, row.problem, row.next_attempt = "due", attempts, problem, self._at + wait
        return "delayed"

    def end(self, issue_id: int, status: str, problem: str, *, bounced: bool = False) -> None:
        """Give the issue up as `failed` or `unknown`; its papers stand in the next one.

        Args:
            issue_id: Which one.
            status: What it is now.
            problem: Why.
            bounced: Whether the address was refused; after `MAX_BOUNCES` of them the subscription ends.
        """
        with self._database.write() as session:
            row = session.get(IssueRow, issue_id)
            if row is None:
                return
            row.status, row.problem, row.finished, row.next_attempt = status, problem, self._at, None
            owner = session.get_one(SubscriptionRow, row.subscription_id)
            owner.bounces += bounced
            if owner.bounces >= MAX_BOUNCES and owner.status == "active":
                owner.status = "bounced"


def wait_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts."""
    return min(FIRST_WAIT * 2 ** (attempts - 1), LONGEST_WAIT)
