"""The page in this process, with papers whose words are hostile."""

import socket
import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import uvicorn
from starlette.testclient import TestClient

from workingpapers.daily.papers import PaperEntry, add_papers
from workingpapers.web.app import create_app
from workingpapers.web.settings import WebSettings

HERE = "http://127.0.0.1:8000"
PUBLIC = "https://papers.example.org"

HOSTILE = PaperEntry(
    title='<script>alert("title")</script> & \u2028 %_ "quoted"',
    summary="An abstract with <img src=x onerror=alert(1)> and ]]> and {{ 7 * 7 }}.",
    authors=("<b>Eve</b>", "O'Neill & Sons"),
    published=date(2026, 11, 20),
    listed=date(2026, 11, 20),
    arxiv="2611.00001",
    topics=("<i>Topic</i>",),
    source="arxiv",
    url="https://arxiv.org/abs/2611.00001",
)
PLAIN = PaperEntry(
    title="Order-invariant sets for patient readers",
    summary="We sum over elements and prove that order does not matter.",
    authors=("Ada Example",),
    published=date(2026, 11, 23),
    listed=date(2026, 11, 23),
    arxiv="2611.00002",
    topics=("Sets",),
    source="hugging-face",
    upvotes=7,
    code_url="https://github.com/example/sets",
)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[TestClient]:
    """A page for one person, with two papers."""
    yield from _client(WebSettings(database=tmp_path / "daily.sqlite", store=tmp_path / "runs"), HERE)


@pytest.fixture(scope="module")
def read_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The same for tests that only read: one for all of a file."""
    folder = tmp_path_factory.mktemp("read")
    yield from _client(WebSettings(database=folder / "daily.sqlite", store=folder / "runs"), HERE)


@pytest.fixture
def public_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A page that people sign in to, with the same papers."""
    monkeypatch.setenv("WORKINGPAPERS_SECRET", "s" * 43)
    settings = WebSettings(database=tmp_path / "daily.sqlite", store=tmp_path / "runs", public=True, base_url=PUBLIC)
    yield from _client(settings, PUBLIC)


@pytest.fixture(scope="module")
def real_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page on a real port, whose queue works nothing off and which reaches no other server."""
    folder = tmp_path_factory.mktemp("real")
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("WORKINGPAPERS_ARXIV_API", "WORKINGPAPERS_HF_ENDPOINT"):
            patch.setenv(name, "http://127.0.0.1:9")
        app = create_app(WebSettings(database=folder / "daily.sqlite", store=folder / "runs", base_url=address))
        with app.state.page.database.write() as session:
            add_papers(session, [HOSTILE, PLAIN, *(_of_three_days(number) for number in range(60))])
        config = uvicorn.Config(app, log_config=None, ws="none", lifespan="off", timeout_graceful_shutdown=1)
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, args=([listener],))
        thread.start()
        while not running.started:
            time.sleep(0.01)
        yield address
        running.should_exit = True
        thread.join()
        app.state.page.database.close()


def _of_three_days(number: int) -> PaperEntry:
    day = date(2026, 10, 21 + number // 20)
    return PaperEntry(
        title=f"Paper {number} about {'whales' if number % 20 == 3 else 'trees'}",
        summary=f"Abstract {number}.",
        authors=("Ada Example", f"Bob {number}"),
        published=day,
        listed=day,
        arxiv=f"2610.{number:05}",
        source="arxiv",
        upvotes=number,
        code_url="https://github.com/example/whales" if number == 3 else None,
    )


def _client(settings: WebSettings, address: str) -> Iterator[TestClient]:
    """Without the threads that a server starts: nothing happens but what the test does."""
    app = create_app(settings)
    with app.state.page.database.write() as session:
        add_papers(session, [HOSTILE, PLAIN])
    yield TestClient(app, base_url=address, follow_redirects=False)
    app.state.page.database.close()
