"""The page in this process, with papers whose words are hostile."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
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


@pytest.fixture
def public_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A page that people sign in to, with the same papers."""
    monkeypatch.setenv("WORKINGPAPERS_SECRET", "s" * 43)
    settings = WebSettings(database=tmp_path / "daily.sqlite", store=tmp_path / "runs", public=True, base_url=PUBLIC)
    yield from _client(settings, PUBLIC)


def _client(settings: WebSettings, address: str) -> Iterator[TestClient]:
    """Without the threads that a server starts: nothing happens but what the test does."""
    app = create_app(settings)
    with app.state.page.database.write() as session:
        add_papers(session, [HOSTILE, PLAIN])
    yield TestClient(app, base_url=address, follow_redirects=False)
    app.state.page.database.close()
