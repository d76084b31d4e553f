"""A server on this machine that answers as arXiv and the Hugging Face Hub do, or as they do on a bad day."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.sax.saxutils import escape

import pytest

from workingpapers.daily.database import Database
from workingpapers.daily.importers.client import Client, Patience


@dataclass(frozen=True)
class Answer:
    """One answer.

    Args:
        body: What is sent.
        status: With which status.
        headers: Further headers.
        announced: The length that is announced; None is that of the body.
        drip_s: Seconds between two bytes of the body.
        wait_s: Seconds before anything is sent.
    """

    body: bytes | str = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    announced: int | None = None
    drip_s: float = 0.0
    wait_s: float = 0.0


@dataclass(frozen=True)
class Asked:
    """One request that came."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    at: float


class OtherServer:
    """Answers from a list, the last of it again and again, or by a function of the request."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answers: list[Answer] | Callable[[Asked], Answer] = [Answer()]
        self._stopped = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                asked = Asked(parts.path, dict(parse_qsl(parts.query)), dict(self.headers), time.monotonic())
                outer.asked.append(asked)
                answer = outer.answers(asked) if callable(outer.answers) else outer.answers[0]
                if not callable(outer.answers) and len(outer.answers) > 1:
                    outer.answers.pop(0)
                self._send(answer)

            def _send(self, answer: Answer) -> None:
                body = answer.body.encode() if isinstance(answer.body, str) else answer.body
                if outer._stopped.wait(answer.wait_s):
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if answer.status != 304:
                    self.send_header("Content-Length", str(len(body) if answer.announced is None else answer.announced))
                self.end_headers()
                try:
                    if not answer.drip_s:
                        self.wfile.write(body)
                    for byte in body if answer.drip_s else b"":
                        self.wfile.write(bytes([byte]))
                        if outer._stopped.wait(answer.drip_s):
                            break
                except OSError:  # whoever asked has gone
                    pass
                self.close_connection = answer.announced is not None or bool(answer.drip_s)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Those who ask hang up where an answer is too slow or too long: that is what is tested."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        """Answer no more."""
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def other_server() -> Iterator[OtherServer]:
    """A server whose answers the test says."""
    server = OtherServer()
    yield server
    server.stop()


@pytest.fixture
def client(other_server: OtherServer, database: Database) -> Iterator[Client]:
    """A client of that server, for which a second of waiting takes no time."""
    with Client(
        database,
        arxiv=f"{other_server.address}/api/query",
        hugging_face=other_server.address,
        patience=Patience(attempts=4, answer_s=5.0, total_s=60.0),
        sleep=lambda seconds: None,
    ) as client:
        yield client


@pytest.fixture
def answer() -> type[Answer]:
    """Makes answers."""
    return Answer


def _entry(number: int) -> str:
    return f"""  <entry>
    <id>http://arxiv.org/abs/{_identifier(number)}v2</id>
    <updated>2024-07-01T10:00:00Z</updated>
    <published>2024-06-{1 + number % 28:02}T17:59:59Z</published>
    <title>Paper number {number} on
  things that are &lt;b&gt;bold&lt;/b&gt;</title>
    <summary>  We study the number {number} and find
that it is {number}.
    </summary>
    <author>
      <name>Ada Nummer{number}</name>
      <arxiv:affiliation xmlns:arxiv="http://arxiv.org/schemas/atom">Example University</arxiv:affiliation>
    </author>
    <author>
      <name>José Núñez</name>
    </author>
    <arxiv:comment xmlns:arxiv="http://arxiv.org/schemas/atom">12 pages</arxiv:comment>
    <link href="http://arxiv.org/abs/{_identifier(number)}v2" rel="alternate" type="text/html"/>
    <link title="pdf" href="http://arxiv.org/pdf/{_identifier(number)}v2" rel="related" type="application/pdf"/>
    <arxiv:primary_category xmlns:arxiv="http://arxiv.org/schemas/atom" term="cs.LG"
      scheme="http://arxiv.org/schemas/atom"/>
    <category term="cs.LG" scheme="http://arxiv.org/schemas/atom"/>
    <category term="stat.ML" scheme="http://arxiv.org/schemas/atom"/>
    <category term="quant-ph" scheme="http://arxiv.org/schemas/atom"/>
    <category term="68T07" scheme="http://arxiv.org/schemas/atom"/>
    <category term="I.2.6; I.2.7" scheme="http://arxiv.org/schemas/atom"/>
  </entry>
"""


def _identifier(number: int) -> str:
    return f"2406.{number:05}"


def _feed(entries: str, total: int, start: int, size: int, query: str = "") -> str:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
  <link href="http://arxiv.org/api/query?{escape(query)}" rel="self" type="application/atom+xml"/>
  <title type="html">ArXiv Query: {escape(query)}</title>
  <id>http://arxiv.org/api/cHxbiOdZaP56ODnBPIenZhzg5f8</id>
  <updated>2026-11-23T00:00:00-05:00</updated>
  <opensearch:totalResults xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">{total}</opensearch:totalResults>
  <opensearch:startIndex xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">{start}</opensearch:startIndex>
  <opensearch:itemsPerPage xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">{size}</opensearch:itemsPerPage>
{entries}</feed>
"""


ERROR_FEED = _feed(
    """  <entry>
    <id>http://arxiv.org/api/errors#incorrect_id_format_for_2406.1</id>
    <title>Error</title>
    <summary>incorrect id format for 2406.1</summary>
    <updated>2026-11-23T00:00:00-05:00</updated>
    <link href="http://arxiv.org/api/errors#incorrect_id_format_for_2406.1" rel="alternate" type="text/html"/>
    <author>
      <name>arXiv api core</name>
    </author>
  </entry>
""",
    1,
    0,
    1,
)

BOMB = """<?xml version="1.0"?>
<!DOCTYPE feed [
  <!ENTITY a "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa">
  <!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
  <!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">
  <!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">
  <!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;">
]>
<feed xmlns="http://www.w3.org/2005/Atom"><title>&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;</title></feed>
"""


@dataclass(frozen=True)
class Arxiv:
    """arXiv with so many papers; number n has the id `2406.n`."""

    papers: int

    def __call__(self, asked: Asked) -> Answer:
        size = int(asked.query["max_results"])
        if "id_list" in asked.query:
            wanted = [int(one.partition(".")[2]) for one in asked.query["id_list"].split(",")]
            numbers = [number for number in wanted if number < self.papers]
            total, start = len(numbers), 0
        else:
            start, total = int(asked.query["start"]), self.papers
            numbers = list(range(start, min(start + size, total)))
        body = _feed("".join(map(_entry, numbers)), total, start, size, asked.query.get("search_query", ""))
        return Answer(body, headers={"Content-Type": "application/atom+xml; charset=utf-8"})


@pytest.fixture
def arxiv() -> type[Arxiv]:
    """Makes an arXiv."""
    return Arxiv


@pytest.fixture
def error_feed() -> str:
    """What arXiv answers, with status 200, to an id that is none."""
    return ERROR_FEED


@pytest.fixture
def bomb() -> str:
    """A feed whose entities unfold to a hundred thousand times their size."""
    return BOMB
