"""What the routes of one server share, and how they reach it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import Request
from jinja2 import Environment

from workingpapers.daily.database import Database
from workingpapers.web.settings import WebSettings

if TYPE_CHECKING:
    from workingpapers.daily.mail import Mailer, OutboxMailer
    from workingpapers.daily.run_queue import RunQueue
    from workingpapers.daily.search.engine import SearchEngine


@dataclass
class PageState:
    """One server's parts.

    Args:
        settings: What it was started with.
        database: Where everything is kept.
        templates: The pages' templates.
        search: The search engine.
        queue: The runs that people asked for.
        mailer: Sends mail; without SMTP settings it writes into a folder beside the database.
        secret: Signs what addresses in mails carry.
    """

    settings: WebSettings
    database: Database
    templates: Environment
    search: "SearchEngine"
    queue: "RunQueue"
    mailer: "Mailer | OutboxMailer"
    secret: bytes


def state_of(request: Request) -> PageState:
    """The parts of the server that got this request."""
    state: PageState = request.app.state.page
    return state
