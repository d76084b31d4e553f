"""What the routes of one server share, and how they reach it."""

from threading import Lock
from typing import TYPE_CHECKING

from fastapi import Request
from jinja2 import Environment

from workingpapers.daily.database import Database
from workingpapers.web.letters_out import LettersOut
from workingpapers.web.settings import WebSettings

if TYPE_CHECKING:
    from workingpapers.daily.mail import Mailer, OutboxMailer
    from workingpapers.daily.run_queue import RunQueue
    from workingpapers.daily.search.engine import SearchEngine


class PageState:
    """One server's parts.

    Args:
        settings: What it was started with.
        database: Where everything is kept.
        templates: The pages' templates.
        queue: The runs that people asked for.
        mailer: Sends mail; without SMTP settings it writes into a folder beside the database.
        secret: Signs what addresses in mails carry.
    """

    def __init__(
        self,
        settings: WebSettings,
        database: Database,
        templates: Environment,
        queue: "RunQueue",
        mailer: "Mailer | OutboxMailer",
        secret: bytes,
    ) -> None:
        self.settings = settings
        self.database = database
        self.templates = templates
        self.queue = queue
        self.mailer = mailer
        self.letters = LettersOut(mailer)
        self.secret = secret
        self._search: SearchEngine | None = None
        self._making = Lock()

    @property
    def search(self) -> "SearchEngine":
        """The search engine; made when it is first asked for, because loading it takes longer than the rest."""
        with self._making:
            if self._search is None:
                from workingpapers.daily.search.engine import SearchEngine

                self._search = SearchEngine(self.database)
            return self._search


def state_of(request: Request) -> PageState:
    """The parts of the server that got this request."""
    state: PageState = request.app.state.page
    return state
