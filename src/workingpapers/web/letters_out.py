"""The mails that a reader waits for: the page answers at once, and a thread of its own hands them over."""

import logging
import queue
import threading
from email.headerregistry import Address
from email.message import EmailMessage

from workingpapers.daily.mail import Mailer, MailError, OutboxMailer
from workingpapers.errors import WorkingPapersError

MAX_WAITING = 50
"""Mails that may wait; with a server that says nothing the last one is given up before a sign-in link expires."""
STEP_S = 10.0
ANSWER_S = 30.0

log = logging.getLogger("workingpapers.web")


class LettersWaitError(MailError):
    """So many mails wait for the mail server that no more are taken."""


class LettersOut:
    """Takes mails and hands them over one after the other; one that fails is logged.

    Where no mail server is set, a mail is written into the outbox at once.

    Args:
        mailer: Names the server, or is the outbox.
        most: How many mails may wait.
        step_s: How long one answer of the server may take.
        answer_s: How long its answer to a whole mail may take.
    """

    def __init__(
        self,
        mailer: Mailer | OutboxMailer,
        *,
        most: int = MAX_WAITING,
        step_s: float = STEP_S,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._mailer = (
            Mailer(mailer.settings, step_s=step_s, answer_s=answer_s) if isinstance(mailer, Mailer) else mailer
        )
        self._waiting: queue.Queue[tuple[EmailMessage, str] | None] = queue.Queue(most)
        self._thread: threading.Thread | None = None

    @property
    def sender(self) -> Address:
        """Whom mails come from."""
        return self._mailer.sender

    @property
    def outbox(self) -> str | None:
        """The folder that mails are written into, in words; None where a mail server is set."""
        return self._mailer.place if isinstance(self._mailer, OutboxMailer) else None

    def start(self) -> None:
        """Start the thread; without a mail server there is none."""
        if self._thread is None and isinstance(self._mailer, Mailer):
            self._thread = threading.Thread(target=self._work, name="letters", daemon=True)
            self._thread.start()

    def stop(self, wait_s: float = 2.0) -> None:
        """Hand over what waits, as far as the time allows."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        try:
            self._waiting.put(None, timeout=wait_s)
            thread.join(wait_s)
        except queue.Full:
            pass
        if thread.is_alive():
            log.error("the page ended before all mails were handed over; about %d were not", self._waiting.qsize())

    def check_room(self) -> None:
        """See whether another mail would be taken, before anything is noted for it.

        Raises:
            LettersWaitError: too many wait.
        """
        if self._waiting.full():
            raise LettersWaitError(
                f"{self._waiting.maxsize} mails wait for the mail server, which is slow or does not answer; "
                "try again in a few minutes"
            )

    def send(self, message: EmailMessage, what: str) -> None:
        """Take a mail; it is not waited for.

        Args:
            message: The mail.
            what: What it is, for the log.

        Raises:
            LettersWaitError: too many wait.
            StoreError: the outbox cannot be written to.
        """
        if isinstance(self._mailer, OutboxMailer):
            self._mailer.send(message)
            return
        try:
            self._waiting.put_nowait((message, what))
        except queue.Full:
            self.check_room()
            self.send(message, what)  # there is room by now

    def _work(self) -> None:
        while (one := self._waiting.get()) is not None:
            message, what = one
            try:
                self._mailer.send(message)
            except WorkingPapersError as error:
                log.error("%s was not mailed: %s", what, error)
            except Exception:  # the next mail may go out
                log.exception("%s was not mailed", what)
