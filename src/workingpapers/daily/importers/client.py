"""Asks other servers: patient with their faults, polite in pace, bounded in time and size.

What passes (a broken connection, a time-out, a truncated or unreadable answer, 429, 5xx) is tried again after a wait
that grows, or that the server asked for. What does not pass is one clear `FetchError`.
"""

import math
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

import workingpapers
from workingpapers.daily.database import Database
from workingpapers.daily.importers.kept_answers import KeptAnswers
from workingpapers.daily.importers.pace import INTERVALS_S, Pace
from workingpapers.errors import FetchError, InvalidParameterError

if TYPE_CHECKING:
    import httpx
    from tenacity import RetryCallState

ARXIV = "https://export.arxiv.org/api/query"
HUGGING_FACE = "https://huggingface.co"

_REDIRECTS = 4
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Patience:
    """How often and how long another server is asked.

    Args:
        attempts: So often altogether.
        answer_s: The longest that one answer may take, from the question to its last byte.
        total_s: The longest for all attempts with the waits between them.
        first_wait_s: The wait after the first attempt; it doubles with each, and chance shortens it.
    """

    attempts: int = 5
    answer_s: float = 60.0
    total_s: float = 300.0
    first_wait_s: float = 1.0


BRIEF = Patience(attempts=2, answer_s=8.0, total_s=15.0)
"""For a reader who waits for the page."""


class DamagedAnswerError(FetchError):
    """An answer came that cannot be read; the next one may be whole."""


class RefusedError(FetchError):
    """The server answered that it will not answer this.

    Args:
        message: What is said to the user.
        status: The server's status code.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class _PassingError(Exception):
    """A fault that may be gone the next time."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class Client(AbstractContextManager["Client"]):
    """Asks other servers. May be used by several threads; never inside a write transaction of the same thread.

    Args:
        database: Keeps answers with an ETag or a date, and the turns of all processes; None keeps neither.
        arxiv: Address of arXiv's API; None is $WORKINGPAPERS_ARXIV_API, else arXiv's own.
        hugging_face: Address of the Hugging Face Hub; None is $WORKINGPAPERS_HF_ENDPOINT, else its own.
        patience: How often and how long.
        largest: Bytes; a longer answer is refused.
        intervals_s: Seconds between two requests, by host.
        tell: Is told, in one line, when an attempt failed and another follows.
        sleep: Waits so many seconds.

    Raises:
        InvalidParameterError: an address is none of http or https.
    """

    def __init__(
        self,
        database: Database | None = None,
        *,
        arxiv: str | None = None,
        hugging_face: str | None = None,
        patience: Patience = Patience(),
        largest: int = 32 << 20,
        intervals_s: Mapping[str, float] = INTERVALS_S,
        tell: Callable[[str], object] = lambda text: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.arxiv = _base(arxiv, "WORKINGPAPERS_ARXIV_API", ARXIV)
        self.hugging_face = _base(hugging_face, "WORKINGPAPERS_HF_ENDPOINT", HUGGING_FACE)
        self._patience = patience
        self._largest = largest
        self._tell = tell
        self._sleep = sleep
        self._pace = Pace(database, intervals_s, sleep)
        self._kept = KeptAnswers(database)
        self._http: httpx.Client | None = None
        self._opening = threading.Lock()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __enter__(self) -> Self:
        return self

    def close(self) -> None:
        """Give the connections back."""
        with self._opening:
            if self._http is not None:
                self._http.close()
                self._http = None

    def get(self, address: str, parameters: Mapping[str, str | int], read: Callable[[bytes], _Value]) -> _Value:
        """Ask one address.

        Args:
            address: Where, without parameters.
            parameters: What stands behind the question mark.
            read: Makes of an answer what the caller wants; raises `DamagedAnswerError` where it is not whole.

        Returns:
            What `read` returned.

        Raises:
            FetchError: there was no answer that can be used.
            RefusedError: of these, where the server said so.
        """
        import httpx
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_before_delay

        url = httpx.URL(address, params=dict(parameters))
        retrying = Retrying(
            retry=retry_if_exception_type(_PassingError),
            wait=self._wait_s,
            stop=stop_after_attempt(self._patience.attempts) | stop_before_delay(self._patience.total_s),
            before_sleep=self._tell_of_retry,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(self._ask, url, read)
        except _PassingError as error:
            often = retrying.statistics.get("attempt_number", 1)
            times = "once" if often == 1 else f"{often} times"
            raise FetchError(
                f"asked {url.host} {times} for {_shown(url)} and got no usable answer; the last one: {error}; "
                f"{_advice(error.wait_s)}"
            ) from error

    def _ask(self, url: "httpx.URL", read: Callable[[bytes], _Value]) -> _Value:
        """One attempt."""
        import httpx

        address = str(url)
        kept = self._kept.find(address)
        for _ in range(_REDIRECTS + 1):
            try:
                response, body = self._exchange(url, kept.conditions if kept else {})
            except httpx.TimeoutException as error:
                raise _PassingError(f"no answer within {self._patience.answer_s:g} s") from error
            except httpx.RequestError as error:
                raise _PassingError(" ".join(str(error).split()) or type(error).__name__) from error
            if response.status_code not in (301, 302, 303, 307, 308):
                break
            url = _redirected(url, response)
        else:
            raise FetchError(f"{url.host} sends {_shown(url)} in circles; its address may have changed")
        if response.status_code == 304 and kept is not None:
            try:
                return read(kept.body)
            except FetchError as error:
                self._kept.forget(address)
                raise _PassingError("what was kept of an earlier answer cannot be read") from error
        self._check_status(url, response, body)
        try:
            value = read(body)
        except DamagedAnswerError as error:
            raise _PassingError(str(error)) from error
        self._kept.keep(address, response.headers, body)
        return value

    def _exchange(self, url: "httpx.URL", headers: Mapping[str, str]) -> tuple["httpx.Response", bytes]:
        """One request; its answer is read under the limits of time and size."""
        import httpx

        self._pace.wait(url.host, self._patience.total_s)
        end = time.monotonic() + self._patience.answer_s
        body = bytearray()
        with self._connections().stream("GET", url, headers=dict(headers)) as response:
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > self._largest:
                    raise FetchError(
                        f"{url.host} answers {_shown(url)} with more than {self._largest >> 20} MiB; "
                        "ask for less at once"
                    )
                if time.monotonic() > end:
                    raise httpx.ReadTimeout("the whole answer takes too long")
        return response, bytes(body)

    def _connections(self) -> "httpx.Client":
        import httpx

        with self._opening:
            if self._http is None:
                self._http = httpx.Client(
                    timeout=httpx.Timeout(self._patience.answer_s, connect=min(10.0, self._patience.answer_s)),
                    headers={"User-Agent": f"workingpapers/{workingpapers.__version__}"},
                )
            return self._http

    def _check_status(self, url: "httpx.URL", response: "httpx.Response", body: bytes) -> None:
        status = response.status_code
        if status == 200:
            return
        said = f"{status} {response.reason_phrase}".strip()
        if status in _PASSING:
            raise _PassingError(said, _asked_wait_s(response.headers.get("retry-after")))
        words = " ".join(body[:200].decode("utf-8", "replace").split()) if b"<" not in body[:200] else ""
        raise RefusedError(
            f"{url.host} answers {said} to {_shown(url)}"
            + (f": {words}" if words else "")
            + "; ask for something else",
            status,
        )

    def _wait_s(self, state: "RetryCallState") -> float:
        from tenacity import wait_random_exponential

        error = state.outcome.exception() if state.outcome else None
        asked_s = error.wait_s if isinstance(error, _PassingError) else 0.0
        own_s = wait_random_exponential(multiplier=self._patience.first_wait_s, max=60.0)(state)
        return max(asked_s, own_s)

    def _tell_of_retry(self, state: "RetryCallState") -> None:
        reason = state.outcome.exception() if state.outcome else None
        self._tell(f"{state.args[0].host}: {reason}; trying again in {math.ceil(state.upcoming_sleep)} s")


def _base(given: str | None, variable: str, default: str) -> str:
    """The address to ask, without a slash at its end."""
    address = given or os.environ.get(variable) or default
    scheme, separator, rest = address.partition("://")
    if scheme not in ("http", "https") or not separator or not rest.strip("/"):
        name = "address" if given else f"${variable}"
        raise InvalidParameterError(f"{name} {address!r} is no address; give one with http or https, such as {default}")
    return address.rstrip("/")


def _redirected(url: "httpx.URL", response: "httpx.Response") -> "httpx.URL":
    """Where a server sends us: elsewhere on the same host only, so that nobody can send us into a private network."""
    target = url.join(response.headers.get("location", ""))
    safer = target.scheme == url.scheme or (url.scheme, target.scheme) == ("http", "https")
    if (target.host, target.port) != (url.host, url.port) or not safer:
        raise FetchError(f"{url.host} sends {_shown(url)} on to {target.scheme}://{target.host}, which is not followed")
    return target


def _asked_wait_s(text: str | None) -> float:
    """The seconds that `Retry-After` asks to wait; 0 where it says nothing that can be read."""
    if text is None:
        return 0.0
    if text.strip().isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _advice(wait_s: float) -> str:
    if wait_s > 1:
        return f"it asks to wait {wait_s:.0f} s: try again then"
    return "check the connection, or try again later"


def _shown(url: "httpx.URL") -> str:
    """An address short enough for a message."""
    text = url.raw_path.decode("ascii", "replace")
    return text if len(text) <= 120 else text[:117] + "..."
