"""The Daily Papers API, as the client of Hugging Face reads it."""

from datetime import UTC, datetime

import pytest
from huggingface_hub import HfApi, constants
from huggingface_hub.errors import HfHubHTTPError
from starlette.testclient import TestClient

from workingpapers.daily.papers import PaperEntry, add_papers


@pytest.fixture(autouse=True)
def _online(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client may reach our own server, and no other is named."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


def test_the_newest_papers(real_page: str) -> None:
    papers = list(HfApi(endpoint=real_page).list_daily_papers())
    assert len(papers) == 50
    first, third = papers[0], papers[2]
    assert (first.id, first.upvotes) == ("2611.00002", 7)
    assert first.submitted_at == datetime(2026, 11, 23, tzinfo=UTC)
    assert third.submitted_at == datetime(2026, 10, 23, tzinfo=UTC)
    assert [author.name for author in third.authors or []] == ["Ada Example", f"Bob {third.upvotes}"]
    assert third.summary == f"Abstract {third.upvotes}."
    assert [paper.submitted_at for paper in papers] == sorted((p.submitted_at for p in papers), reverse=True)


def test_pages_hold_each_paper_once(real_page: str) -> None:
    api = HfApi(endpoint=real_page)
    seen = [paper.id for number in range(4) for paper in api.list_daily_papers(p=number, limit=17)]
    assert len(seen) == len(set(seen)) == 62
    assert list(api.list_daily_papers(p=9, limit=17)) == []


def test_a_day_a_week_a_month(real_page: str) -> None:
    api = HfApi(endpoint=real_page)
    day = list(api.list_daily_papers(date="2026-10-22", limit=100))
    assert {paper.id for paper in day} == {f"2610.{number:05}" for number in range(20, 40)}
    assert len(list(api.list_daily_papers(week="2026-W43", limit=100))) == 60
    assert len(list(api.list_daily_papers(week="2026-W48", limit=100))) == 1
    assert len(list(api.list_daily_papers(month="2026-10", limit=100))) == 60
    assert list(api.list_daily_papers(month="2026-09")) == []


def test_what_trends_comes_first_where_that_is_asked(real_page: str) -> None:
    papers = list(HfApi(endpoint=real_page).list_daily_papers(date="2026-10-22", sort="trending"))
    assert [paper.upvotes for paper in papers] == sorted((p.upvotes or 0 for p in papers), reverse=True)


def test_search(real_page: str) -> None:
    papers = list(HfApi(endpoint=real_page).list_papers(query="whales", limit=3))
    assert {paper.id for paper in papers} == {"2610.00003", "2610.00023", "2610.00043"}
    assert len(list(HfApi(endpoint=real_page).list_papers())) == 20


@pytest.mark.parametrize("id_", ["2610.00003", "2610.00003v2"])
def test_one_paper(real_page: str, id_: str) -> None:
    paper = HfApi(endpoint=real_page).paper_info(id_)
    assert (paper.id, paper.title, paper.upvotes) == ("2610.00003", "Paper 3 about whales", 3)
    assert paper.published_at == datetime(2026, 10, 21, tzinfo=UTC)
    assert paper.github_repo == "https://github.com/example/whales"
    assert paper.project_page == f"{real_page}/papers/2610.00003"
    assert paper.workingPapers["built"] is False  # type: ignore[attr-defined]


def test_a_paper_as_markdown(real_page: str) -> None:
    text = HfApi(endpoint=real_page).read_paper("2610.00003")
    assert text.startswith("# Paper 3 about whales\n\nAda Example, Bob 3\narXiv: 2610.00003\n")
    assert "Abstract 3." in text


def test_an_unknown_paper_is_the_clients_own_error(real_page: str) -> None:
    with pytest.raises(HfHubHTTPError) as caught:
        HfApi(endpoint=real_page).paper_info("2610.99999")
    assert caught.value.response.status_code == 404


def test_who_submitted_is_not_told(read_page: TestClient) -> None:
    answer = read_page.get("/api/daily_papers", params={"submitter": "ada"})
    assert answer.status_code == 400
    assert "does not show who submitted" in answer.json()["error"]["message"]


def test_an_id_of_the_old_style_keeps_its_slash(page: TestClient) -> None:
    with page.app.state.page.database.write() as session:  # type: ignore[attr-defined]
        add_papers(session, [PaperEntry("An old paper", arxiv="cs/0112017", source="arxiv")])
    assert page.get("/api/papers/cs/0112017").json()["id"] == "cs/0112017"
    assert page.get("/papers/cs/0112017.md").text.startswith("# An old paper")
    assert page.get("/api/papers/cs/9999999").status_code == 404
