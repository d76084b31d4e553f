"""The Daily Papers API, as the client of Hugging Face reads it."""

import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
import uvicorn
from huggingface_hub import HfApi, constants
from huggingface_hub.errors import HfHubHTTPError
from starlette.testclient import TestClient

from workingpapers.daily.papers import PaperEntry, add_papers
from workingpapers.web.app import create_app
from workingpapers.web.settings import WebSettings


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page on a real port, with papers of three days."""
    folder = tmp_path_factory.mktemp("api")
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = create_app(WebSettings(database=folder / "daily.sqlite", store=folder / "runs", base_url=address))
    with app.state.page.database.write() as session:
        add_papers(session, [_entry(number) for number in range(60)])
    running = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=running.run, args=([listener],))
    thread.start()
    while not running.started:
        time.sleep(0.01)
    yield address
    running.should_exit = True
    thread.join()


@pytest.fixture(autouse=True)
def _online(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client may reach our own server, and no other is named."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


def _entry(number: int) -> PaperEntry:
    day = date(2026, 11, 21 + number // 20)
    return PaperEntry(
        title=f"Paper {number} about {'whales' if number % 20 == 3 else 'trees'}",
        summary=f"Abstract {number}.",
        authors=("Ada Example", f"Bob {number}"),
        published=day,
        listed=day,
        arxiv=f"2611.{number:05}",
        source="arxiv",
        upvotes=number,
        code_url="https://github.com/example/whales" if number == 3 else None,
    )


def test_the_newest_papers(server: str) -> None:
    papers = list(HfApi(endpoint=server).list_daily_papers())
    assert len(papers) == 50
    first = papers[0]
    assert first.submitted_at == datetime(2026, 11, 23, tzinfo=UTC)
    assert next(author.name for author in first.authors or []) == "Ada Example"
    assert first.summary == f"Abstract {int(first.id[5:])}."
    assert first.upvotes == int(first.id[5:])
    assert [paper.submitted_at for paper in papers] == sorted((p.submitted_at for p in papers), reverse=True)


def test_pages_hold_each_paper_once(server: str) -> None:
    api = HfApi(endpoint=server)
    seen = [paper.id for number in range(4) for paper in api.list_daily_papers(p=number, limit=17)]
    assert len(seen) == len(set(seen)) == 60
    assert list(api.list_daily_papers(p=9, limit=17)) == []


def test_a_day_a_week_a_month(server: str) -> None:
    api = HfApi(endpoint=server)
    day = list(api.list_daily_papers(date="2026-11-22", limit=100))
    assert {paper.id for paper in day} == {f"2611.{number:05}" for number in range(20, 40)}
    assert len(list(api.list_daily_papers(week="2026-W47", limit=100))) == 40
    assert len(list(api.list_daily_papers(week="2026-W48", limit=100))) == 20
    assert len(list(api.list_daily_papers(month="2026-11", limit=100))) == 60
    assert list(api.list_daily_papers(month="2026-10")) == []


def test_what_trends_comes_first_where_that_is_asked(server: str) -> None:
    papers = list(HfApi(endpoint=server).list_daily_papers(date="2026-11-22", sort="trending"))
    assert [paper.upvotes for paper in papers] == sorted((p.upvotes or 0 for p in papers), reverse=True)


def test_search(server: str) -> None:
    papers = list(HfApi(endpoint=server).list_papers(query="whales", limit=3))
    assert {paper.id for paper in papers} == {"2611.00003", "2611.00023", "2611.00043"}
    assert len(list(HfApi(endpoint=server).list_papers())) == 20


@pytest.mark.parametrize("id_", ["2611.00003", "2611.00003v2"])
def test_one_paper(server: str, id_: str) -> None:
    paper = HfApi(endpoint=server).paper_info(id_)
    assert (paper.id, paper.title, paper.upvotes) == ("2611.00003", "Paper 3 about whales", 3)
    assert paper.published_at == datetime(2026, 11, 21, tzinfo=UTC)
    assert paper.github_repo == "https://github.com/example/whales"
    assert paper.project_page == f"{server}/papers/2611.00003"
    assert paper.workingPapers["built"] is False  # type: ignore[attr-defined]


def test_a_paper_as_markdown(server: str) -> None:
    text = HfApi(endpoint=server).read_paper("2611.00003")
    assert text.startswith("# Paper 3 about whales\n\nAda Example, Bob 3\narXiv: 2611.00003\n")
    assert "Abstract 3." in text


def test_an_unknown_paper_is_the_clients_own_error(server: str) -> None:
    with pytest.raises(HfHubHTTPError) as caught:
        HfApi(endpoint=server).paper_info("2611.99999")
    assert caught.value.response.status_code == 404


def test_who_submitted_is_not_told(page: TestClient) -> None:
    answer = page.get("/api/daily_papers", params={"submitter": "ada"})
    assert answer.status_code == 400
    assert "does not show who submitted" in answer.json()["error"]["message"]
