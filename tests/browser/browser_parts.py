"""What the browser tests hold: a page that is being served, and the inbox of its mail server."""

import queue
import subprocess
import sys
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path


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
