"""What the page does beside answering: it takes in what was measured or imported meanwhile, and embeds new papers."""

import logging
import threading
from typing import TYPE_CHECKING

from workingpapers.daily.measurements import sync_measurements

if TYPE_CHECKING:
    from workingpapers.web.state import PageState

log = logging.getLogger("workingpapers.web")

EVERY_S = 10.0


class Upkeep:
    """A thread that looks every few seconds; each look is cheap where nothing changed.

    Args:
        state: The server's parts.
    """

    def __init__(self, state: "PageState") -> None:
        self._state = state
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="upkeep", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Have it end; it is not waited for long, because what it does can be done again."""
        self._over.set()
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
