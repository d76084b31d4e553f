"""Asking other servers on their bad days: what passes is tried again, what does not is said, nothing runs away."""

import gzip
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from sqlalchemy import select

from workingpapers.daily.database import Database
from workingpapers.daily.importers.client import Client, DamagedAnswerError, Patience, RefusedError
from workingpapers.daily.importers.pace import Pace
from workingpapers.daily.tables import FetchedRow, NoteRow
from workingpapers.errors import FetchError, InvalidParameterError


def _whole(body: bytes) -> str:
    if not body.endswith(b"."):
        raise DamagedAnswerError("no full stop")
    return body.decode()


def _impatient(other_server, **others) -> Client:
    others = {"patience": Patience(attempts=2, answer_s=0.3, total_s=5.0, first_wait_s=0.01), **others}
    return Client(arxiv=other_server.address, **others)


def test_faults_that_pass_are_tried_again_and_told(other_server, answer) -> None:
    other_server.answers = [
        answer("broken", 500),
        answer("busy", 503),
        answer("whole.", announced=40),
        answer("half"),
        answer("whole."),
    ]
    told, waits = [], []
    patience = Patience(attempts=5, answer_s=2.0, total_s=600.0)
    with Client(arxiv=other_server.address, patience=patience, tell=told.append, sleep=waits.append) as client:
        assert client.get(client.arxiv, {}, _whole) == "whole."
    assert [text.partition(";")[0].partition(": ")[2] for text in told] == [
        "500 Internal Server Error",
        "503 Service Unavailable",
        "peer closed connection without sending complete message body (received 6 bytes, expected 40)",
        "no full stop",
    ]
    assert len(other_server.asked) == 5
    assert len(waits) == 4
    assert all(0 <= wait <= 2**number for number, wait in enumerate(waits))


def test_faults_that_stay_end_in_one_clear_error(other_server, client, answer) -> None:
    other_server.answers = [answer("broken", 500)]
    with pytest.raises(FetchError, match=r"asked 127\.0\.0\.1 4 times for /x\?a=1 .*: 500 Internal.* try again later"):
        client.get(f"{other_server.address}/x", {"a": 1}, _whole)
    assert len(other_server.asked) == 4


def test_what_the_server_refuses_is_not_asked_again(other_server, client, answer) -> None:
    other_server.answers = [answer('{"error":"no such day"}', 400)]
    with pytest.raises(RefusedError, match=r'answers 400 Bad Request to /api: \{"error":"no such day"\}') as caught:
        client.get(f"{other_server.address}/api", {}, _whole)
    assert caught.value.status == 400
    assert len(other_server.asked) == 1


@pytest.mark.parametrize("in_words", [False, True])
def test_the_wait_that_a_server_asks_for(in_words: bool, other_server, answer) -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    other_server.answers = [answer("slowly", 429, {"Retry-After": until if in_words else "40"}), answer("whole.")]
    waits: list[float] = []
    with Client(arxiv=other_server.address, sleep=waits.append) as client:
        assert client.get(client.arxiv, {}, _whole) == "whole."
    (wait,) = waits
    assert 35 <= wait <= 41


def test_a_wait_that_is_too_long_is_said_instead_of_waited(other_server, answer) -> None:
    other_server.answers = [answer("slowly", 429, {"Retry-After": "3600"})]
    waits: list[float] = []
    with (
        Client(arxiv=other_server.address, sleep=waits.append) as client,
        pytest.raises(FetchError, match=r"once .*429 Too Many Requests; it asks to wait 3600 s: try again then"),
    ):
        client.get(client.arxiv, {}, _whole)
    assert waits == []


@pytest.mark.parametrize("fault", [{"wait_s": 30.0}, {"drip_s": 0.05}], ids=["silent", "dripping"])
def test_a_slow_server_is_left_in_time(fault: dict[str, float], other_server, answer) -> None:
    other_server.answers = [answer("x" * 200, **fault)]
    start = time.monotonic()
    with _impatient(other_server) as client, pytest.raises(FetchError, match=r"2 times .*: no answer within 0\.3 s"):
        client.get(client.arxiv, {}, _whole)
    assert time.monotonic() - start < 4.0


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        client = Client(
            arxiv=f"http://127.0.0.1:{taken.getsockname()[1]}", patience=Patience(attempts=2, first_wait_s=0.01)
        )
        with client, pytest.raises(FetchError, match=r"Connection refused; check the connection"):
            client.get(client.arxiv, {}, _whole)


@pytest.mark.parametrize("packed", [False, True])
def test_too_much_is_refused_without_being_kept_in_memory(packed: bool, other_server, answer) -> None:
    body = gzip.compress(b"0" * (60 << 20)) if packed else b"0" * (3 << 20)
    other_server.answers = [answer(body, headers={"Content-Encoding": "gzip"} if packed else {})]
    with (
        Client(arxiv=other_server.address, largest=2 << 20) as client,
        pytest.raises(FetchError, match=r"with more than 2 MiB; ask for less at once"),
    ):
        client.get(client.arxiv, {}, _whole)
    assert len(other_server.asked) == 1


def test_an_answer_that_did_not_change_is_not_sent_again(other_server, client, database: Database, answer) -> None:
    other_server.answers = [
        answer("first.", headers={"ETag": '"1"', "Last-Modified": "Mon, 23 Nov 2026 10:00:00 GMT"}),
        answer(status=304),
        answer("second.", headers={"ETag": '"2"'}),
        answer(status=304),
    ]
    assert client.get(client.arxiv, {"page": 1}, _whole) == "first."
    with Client(database, arxiv=client.arxiv) as later:  # as another process would
        assert later.get(client.arxiv, {"page": 1}, _whole) == "first."
        assert later.get(client.arxiv, {"page": 1}, _whole) == "second."
        assert later.get(client.arxiv, {"page": 1}, _whole) == "second."
    conditions = [
        (one.headers.get("If-None-Match"), one.headers.get("If-Modified-Since")) for one in other_server.asked
    ]
    date = "Mon, 23 Nov 2026 10:00:00 GMT"
    assert conditions == [(None, None), ('"1"', date), ('"1"', date), ('"2"', None)]


def test_another_address_is_another_answer(other_server, client, answer) -> None:
    other_server.answers = [answer("first.", headers={"ETag": '"1"'}), answer("other.")]
    client.get(client.arxiv, {"page": 1}, _whole)
    assert client.get(client.arxiv, {"page": 2}, _whole) == "other."
    assert "If-None-Match" not in other_server.asked[1].headers


def test_an_unreadable_answer_is_not_kept(other_server, client, database: Database, answer) -> None:
    other_server.answers = [answer("half", headers={"ETag": '"1"'}), answer("whole.")]
    assert client.get(client.arxiv, {}, _whole) == "whole."
    with database.read() as session:
        assert session.scalars(select(FetchedRow)).all() == []


@pytest.mark.parametrize("damage", [b"", b"no zlib"])
def test_a_kept_answer_that_got_damaged_is_asked_for_anew(damage, other_server, client, database, answer) -> None:
    other_server.answers = [answer("first.", headers={"ETag": '"1"'})]
    client.get(client.arxiv, {}, _whole)
    with database.write() as session:
        session.scalars(select(FetchedRow)).one().body = damage
    assert client.get(client.arxiv, {}, _whole) == "first."
    assert "If-None-Match" not in other_server.asked[-1].headers


def test_a_kept_answer_that_the_reader_refuses_is_asked_for_anew(other_server, client, answer) -> None:
    other_server.answers = [answer("first", headers={"ETag": '"1"'}), answer(status=304), answer("first.")]
    assert client.get(client.arxiv, {}, bytes.decode) == "first"
    assert client.get(client.arxiv, {}, _whole) == "first."
    assert ["If-None-Match" in one.headers for one in other_server.asked] == [False, True, False]


def test_not_all_answers_are_kept_for_ever(other_server, client, database: Database, answer, monkeypatch) -> None:
    monkeypatch.setattr("workingpapers.daily.importers.kept_answers.KEPT", 3)
    other_server.answers = [answer("first.", headers={"ETag": '"1"'})]
    for page in range(5):
        client.get(client.arxiv, {"page": page}, _whole)
    with database.read() as session:
        assert len(session.scalars(select(FetchedRow.address)).all()) == 3


def test_a_redirect_is_followed_on_the_same_server_only(other_server, client, answer) -> None:
    other_server.answers = [answer(status=301, headers={"Location": "/new?a=2"}), answer("whole.")]
    assert client.get(f"{other_server.address}/old", {}, _whole) == "whole."
    assert (other_server.asked[1].path, other_server.asked[1].query) == ("/new", {"a": "2"})
    for place in ("http://127.0.0.2:1/x", "http://127.0.0.1:1/x", "file:///etc/passwd", "//localhost/"):
        other_server.answers = [answer(status=302, headers={"Location": place}), answer("whole.")]
        with pytest.raises(FetchError, match=r"sends /old on to .*, which is not followed"):
            client.get(f"{other_server.address}/old", {}, _whole)


def test_a_circle_of_redirects_ends(other_server, client, answer) -> None:
    other_server.answers = [answer(status=302, headers={"Location": "/round"})]
    with pytest.raises(FetchError, match="in circles"):
        client.get(f"{other_server.address}/round", {}, _whole)
    assert len(other_server.asked) == 5


@pytest.mark.parametrize("shared", [True, False])
def test_all_who_share_a_database_ask_in_turn(shared: bool, database: Database) -> None:
    waits: list[float] = []

    def ask() -> None:
        pace = Pace(database if shared else None, {"example": 5.0}, waits.append)
        for _ in range(2):
            pace.wait("papers.example", 60.0)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    start = time.time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    passed = time.time() - start
    # the six turns are 5 s apart, however late each thread came to ask for its own
    assert (0 + 1 + 2 + 3 + 4 + 5) * 5.0 - 6 * passed <= sum(waits) <= 75.0


def test_a_turn_that_comes_too_late_is_not_taken(database: Database) -> None:
    waits: list[float] = []
    pace = Pace(database, {"example": 60.0}, waits.append)
    pace.wait("example", 15.0)
    for _ in range(2):
        with pytest.raises(FetchError, match=r"others wait for example already; try again in (60|5\d) s"):
            pace.wait("example", 15.0)
    pace.wait("example", 120.0)
    assert waits == [pytest.approx(60.0, abs=10.0)]


def test_a_turn_in_the_far_future_is_a_wrong_clock(other_server, database: Database, answer) -> None:
    other_server.answers = [answer("whole.")]
    with database.write() as session:
        session.add(NoteRow(name="next request to 127.0.0.1", value=str(time.time() + 1e6)))
    waits: list[float] = []
    with Client(database, arxiv=other_server.address, intervals_s={"127.0.0.1": 3.0}, sleep=waits.append) as client:
        client.get(client.arxiv, {}, _whole)
    assert waits == [pytest.approx(3.0, abs=0.1)]


def test_arxiv_is_asked_once_in_three_seconds(database: Database) -> None:
    waits: list[float] = []
    pace = Pace(database, sleep=waits.append)
    for host in ("export.arxiv.org", "export.arxiv.org", "export.arxiv.org", "notarxiv.org", "notarxiv.org"):
        pace.wait(host, 60.0)
    assert waits == [pytest.approx(3.0, abs=0.5), pytest.approx(6.0, abs=0.5)]


def test_addresses_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Client().arxiv == "https://export.arxiv.org/api/query"
    assert Client().hugging_face == "https://huggingface.co"
    monkeypatch.setenv("WORKINGPAPERS_ARXIV_API", "http://mirror.example/api/query")
    monkeypatch.setenv("WORKINGPAPERS_HF_ENDPOINT", "http://mirror.example/")
    assert Client().arxiv == "http://mirror.example/api/query"
    assert Client().hugging_face == "http://mirror.example"
    for wrong in ("mirror.example", "file:///etc/passwd", "http://"):
        monkeypatch.setenv("WORKINGPAPERS_ARXIV_API", wrong)
        with pytest.raises(
            InvalidParameterError, match=r"\$WORKINGPAPERS_ARXIV_API .* is no address; give one with http"
        ):
            Client()
