"""Sends what is due every few minutes, while a page is served.

It may run beside other pages and `workingpapers digest --send` on the same database: one of them sends, the others
see that and do nothing.
"""

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from workingpapers.daily.database import Database
from workingpapers.daily.delivery import DigestReport, deliver_due
from workingpapers.daily.mail import Mailer, OutboxMailer

if TYPE_CHECKING:
    from workingpapers.daily.search.engine import SearchEngine

EVERY_S = 300.0

log = logging.getLogger("workingpapers.digest")


class DigestClock:
    """A thread that sends what is due, once at its start and then at intervals.

    Args:
        database: Where the subscriptions are.
        mailer: Takes the mails; with one that writes into a folder, nothing is started.
        base_url: How readers reach the page.
        secret: The page's.
        search: Gives what finds the papers that saved searches mean; asked when there is one to send.
        every_s: Seconds between two rounds.
    """

    def __init__(
        self,
        database: Database,
        mailer: Mailer | OutboxMailer,
        base_url: str,
        *,
        secret: bytes | None = None,
        search: "Callable[[], SearchEngine] | None" = None,
        every_s: float = EVERY_S,
    ) -> None:
        self._database = database
        self._mailer = mailer
        self._base_url = base_url
        self._secret = secret
        self._search = search
        self._every_s = every_s
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether mails are sent."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin; does nothing where no mail server is set, or it runs already."""
        if self._thread is None and isinstance(self._mailer, Mailer):
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name="digest", daemon=True)
            self._thread.start()

    def stop(self, wait_s: float = 5.0) -> None:
        """End after the mail that is being sent; one that the server is slow to take is left as `unknown`."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(wait_s)
            self._thread = None

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                _tell(
                    deliver_due(
                        self._database,
                        self._mailer,
                        None,
                        self._base_url,
                        False,
                        secret=self._secret,
                        search=self._search,
                        stop=self._stopping.is_set,
                    )
                )
            except Exception:  # the page goes on, and the next round tries again
                log.exception("the digest could not be sent; it is tried again in %d s", self._every_s)
            self._stopping.wait(self._every_s)


def _tell(report: DigestReport) -> None:
    """Into the log: what an operator should know, and no address."""
    if report.problem is not None:
        log.warning("digest: %s", report.problem)
    if report.unknown:
        log.warning("digest: %d issues were left by a process that ended; they are not sent again", report.unknown)
    for outcome in report.outcomes:
        if outcome.status in ("failed", "unknown", "delayed"):
            log.warning(
                "digest: issue %s of subscription %d: %s", outcome.issue, outcome.subscription.id, outcome.status
            )
    if sent := report.count("sent"):
        log.info("digest: %d mails sent", sent)
