"""How often another server is asked: by all threads and processes that share a database together."""

import threading
import time
from collections.abc import Callable, Mapping

from workingpapers.daily.database import Database
from workingpapers.daily.tables import NoteRow
from workingpapers.errors import FetchError

INTERVALS_S: Mapping[str, float] = {"arxiv.org": 3.0, "huggingface.co": 0.5}
"""Seconds between two requests to a host or to one below it; arXiv asks for three. Others are asked without a wait."""

_QUEUE = 20  # a turn further away than so many intervals was written by a clock that went wrong

_turns: dict[str, float] = {}
_taking = threading.Lock()


class Pace:
    """Waits until it is this caller's turn.

    Args:
        database: Keeps the turns for all processes; None keeps them for this one.
        intervals_s: Seconds between two requests, by host.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        database: Database | None = None,
        intervals_s: Mapping[str, float] = INTERVALS_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._database = database
        self._intervals_s = intervals_s
        self._sleep = sleep

    def wait(self, host: str, longest_s: float) -> None:
        """Take the next turn at a host and wait for it.

        Raises:
            FetchError: it comes later than in `longest_s`; nothing was taken.
        """
        interval_s = self._interval_s(host)
        if interval_s <= 0:
            return
        wait_s = self._reserve(host, interval_s, longest_s)
        if wait_s > 0:
            self._sleep(wait_s)

    def _interval_s(self, host: str) -> float:
        fitting = [known for known in self._intervals_s if host == known or host.endswith("." + known)]
        return self._intervals_s[max(fitting, key=len)] if fitting else 0.0

    def _reserve(self, host: str, interval_s: float, longest_s: float) -> float:
        """Note when this host may be asked after us; the seconds until we may."""
        if self._database is None:
            with _taking:
                now = time.time()
                turn = _turn(_turns.get(host, 0.0), now, interval_s)
                _check_wait(host, turn - now, longest_s)
                _turns[host] = turn + interval_s
                return turn - now
        name = f"next request to {host}"
        with self._database.write() as session:
            row = session.get(NoteRow, name)
            now = time.time()
            turn = _turn(_number(row.value) if row else 0.0, now, interval_s)
            _check_wait(host, turn - now, longest_s)
            if row is None:
                session.add(row := NoteRow(name=name, value=""))
            row.value = f"{turn + interval_s:.3f}"
        return turn - now


def _turn(free: float, now: float, interval_s: float) -> float:
    """When it is our turn, if the host is free from a moment on."""
    return now + interval_s if free > now + _QUEUE * interval_s else max(free, now)


def _check_wait(host: str, wait_s: float, longest_s: float) -> None:
    if wait_s > longest_s:
        raise FetchError(f"others wait for {host} already; try again in {wait_s:.0f} s")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
