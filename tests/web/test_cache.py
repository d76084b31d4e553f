"""Answers that are kept are the right ones: never stale, never somebody else's."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse
from starlette.testclient import TestClient

from workingpapers.daily.accounts import Person
from workingpapers.daily.database import Database
from workingpapers.daily.tables import NoteRow
from workingpapers.web import cache
from workingpapers.web.cache import CacheMiddleware


class Counting:
    """A small app behind the cache, which counts how often a page is made."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.made = 0
        self.person = 1
        app = FastAPI()

        @app.get("/page")
        def page(request: Request, q: str = "") -> Response:
            self.made += 1
            with database.read() as session:
                note = session.get(NoteRow, "colour")
            return PlainTextResponse(f"{note.value if note else 'none'} for {request.state.person.id}: {q}")

        @app.get("/stream")
        def stream() -> Response:
            self.made += 1
            return StreamingResponse(iter(["a", "b"]))

        @app.get("/private")
        def private() -> Response:
            self.made += 1
            return PlainTextResponse("x", headers={"cache-control": "no-store"})

        @app.get("/cookie")
        def cookie() -> Response:
            self.made += 1
            return PlainTextResponse("x", headers={"set-cookie": "a=b"})

        @app.get("/fails")
        def fails() -> Response:
            self.made += 1
            return PlainTextResponse("x", 404)

        @app.post("/page")
        def change(value: str) -> Response:
            self.write(value)
            return PlainTextResponse("done")

        self.cached = CacheMiddleware(app, state=self)  # type: ignore[arg-type]

        async def with_person(scope, receive, send) -> None:  # type: ignore[no-untyped-def]
            scope.setdefault("state", {})["person"] = Person(self.person, None, "", "reader")
            await self.cached(scope, receive, send)

        self.client = TestClient(with_person)

    def write(self, value: str) -> None:
        with self.database.write() as session:
            session.merge(NoteRow(name="colour", value=value))


@pytest.fixture
def counting(tmp_path: Path) -> Iterator[Counting]:
    database = Database(tmp_path / "daily.sqlite")
    yield Counting(database)
    database.close()


def test_the_same_page_is_made_once_until_something_is_written(counting: Counting) -> None:
    assert [counting.client.get("/page").text for _ in range(3)] == ["none for 1: "] * 3
    assert counting.made == 1
    counting.client.post("/page", params={"value": "green"})
    assert counting.client.get("/page").text == "green for 1: "
    assert counting.made == 2


def test_what_another_process_writes_is_seen(counting: Counting, tmp_path: Path) -> None:
    counting.client.get("/page")
    other = Database(tmp_path / "daily.sqlite")
    with other.write() as session:
        session.add(NoteRow(name="colour", value="blue"))
    other.close()
    assert counting.client.get("/page").text == "blue for 1: "


def test_path_query_person_form_and_cookies_are_told_apart(counting: Counting) -> None:
    texts = {
        counting.client.get("/page").text,
        counting.client.get("/page?q=a").text,
        counting.client.get("/page?q=b").text,
    }
    counting.person = 2
    texts.add(counting.client.get("/page").text)
    assert len(texts) == counting.made == 4
    counting.client.get("/page", headers={"accept": "application/json"})
    counting.client.get("/page", headers={"cookie": "theme=dark"})
    assert counting.made == 6


@pytest.mark.parametrize("path", ["/stream", "/private", "/cookie", "/fails"])
def test_what_may_not_be_kept_is_made_anew(counting: Counting, path: str) -> None:
    first, second = counting.client.get(path), counting.client.get(path)
    assert counting.made == 2
    assert first.text == second.text != ""


def test_a_browser_that_has_it_gets_304(counting: Counting) -> None:
    first = counting.client.get("/page")
    etag = first.headers["etag"]
    again = counting.client.get("/page", headers={"if-none-match": f'"other", W/{etag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    counting.write("green")
    changed = counting.client.get("/page", headers={"if-none-match": etag})
    assert (changed.status_code, changed.text) == (200, "green for 1: ")
    counting.write("none")
    assert counting.client.get("/page", headers={"if-none-match": etag}).status_code == 304  # the same words again


def test_head_is_get_without_its_body(counting: Counting) -> None:
    head, get = counting.client.head("/page"), counting.client.get("/page")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"] == str(len(get.content))
    assert counting.made == 1
    assert counting.client.head("/fails").content == b""


def test_it_holds_a_bounded_number_of_answers(counting: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_MOST_ANSWERS", 5)
    for number in range(20):
        counting.client.get(f"/page?q={number}")
    assert len(counting.cached._kept) == 5
    counting.client.get("/page?q=19")
    assert counting.made == 20
    monkeypatch.setattr(cache, "_MOST_BYTES", 20)
    counting.client.get("/page?q=last")
    assert counting.cached._bytes <= 20
    assert counting.cached._bytes == sum(len(kept.body) for kept in counting.cached._kept.values())


def test_it_forgets_after_a_minute(counting: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_KEEP_S", 0.0)
    counting.client.get("/page")
    counting.client.get("/page")
    assert counting.made == 2


def test_readers_beside_a_writer_never_see_an_older_value_than_was_acknowledged(counting: Counting) -> None:
    wrong: list[str] = []
    over = threading.Event()
    acknowledged = [0]

    def read() -> None:
        while not over.is_set():
            least = acknowledged[0]
            seen = counting.client.get("/page").text.split()[0]
            if (int(seen) if seen != "none" else 0) < least:
                wrong.append(f"{seen} after {least}")

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(1, 31):
        counting.write(str(number))
        acknowledged[0] = number
    over.set()
    for reader in readers:
        reader.join()
    assert wrong == []
