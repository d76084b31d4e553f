"""What the browser tests hold: a page that is being served, and the inbox of its mail server."""

import queue
import subprocess
import sys
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@dataclass
class Inbox:
    """What the mail server took."""

    mails: "queue.Queue[EmailMessage]"
    port: int

    def next(self, timeout_s: float = 30.0) -> EmailMessage:
        """The oldest mail that nobody has looked at."""
        return self.mails.get(timeout=timeout_s)


@dataclass(frozen=True)
class Served:
    """A page that is being served."""

    address: str
    environment: dict[str, str]
    database: Path

    def workingpapers(self, *words: str) -> str:
        """Run a command beside the server and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "workingpapers", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def violations(page: Page, options: dict[str, object], part: str | None = None) -> list[str]:
    """What axe finds wrong on a page, or on a part of it."""
    found = Axe().run(page, context=part, options=options).response["violations"]
    return [
        f"{page.url} {each['id']}: {node['target']} {node.get('failureSummary', '')}"
        for each in found
        for node in each["nodes"][:3]
    ]
