"""What the page does beside answering: it takes in what was measured or imported meanwhile, embeds new papers, and
sends the mails that are due."""

import logging
import threading
from typing import TYPE_CHECKING

from workingpapers.daily.digest_clock import DigestClock
from workingpapers.daily.measurements import sync_measurements
from workingpapers.daily.secrets import remember_secret

if TYPE_CHECKING:
    from workingpapers.web.state import PageState

log = logging.getLogger("workingpapers.web")

EVERY_S = 10.0


class Upkeep:
    """A thread that looks every few seconds, each look cheap where nothing changed, and one that mails where a mail
    server is set.

    Args:
        state: The server's parts.
    """

    def __init__(self, state: "PageState") -> None:
        self._state = state
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="upkeep", daemon=True)
        self._clock = DigestClock(
            state.database,
            state.mailer,
            state.settings.base_url,
            secret=state.secret,
            search=lambda: state.search,
        )

    def start(self) -> None:
        """Start the threads."""
        remember_secret(self._state.database, self._state.secret)
        self._thread.start()
        self._clock.start()

    def stop(self) -> None:
        """Have them end; upkeep is not waited for long, because what it does can be done again."""
        self._over.set()
        self._clock.stop()
        self._thread.join(timeout=1.0)

    def _work(self) -> None:
        seen = -1
        while not self._over.is_set():
            try:
                sync_measurements(self._state.database, self._state.settings.store)
                if (version := self._state.database.version()) != seen:
                    self._state.search.ensure()
                    seen = version
            except Exception:  # a full disk, say: the page goes on, and the next look may succeed
                if not self._over.is_set():
                    log.exception("upkeep failed; it is tried again in %.0f s", EVERY_S)
            self._over.wait(EVERY_S)
