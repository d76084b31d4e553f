"""Runs through the page: asked for, watched to their verdicts, cancelled, refused."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from workingpapers.daily.accounts import redeem_login, request_login, set_role
from workingpapers.daily.database import now
from workingpapers.daily.run_queue import RunQueue
from workingpapers.daily.tables import JobRow, PaperRow, RunRow
from workingpapers.web import runs
from workingpapers.web.app import fill

JSON = {"accept": "application/json"}
HERE = {"origin": "https://papers.example.org"}


def read_stream(text: str) -> list[tuple[str, str, Any]]:
    """The events of a stream as (name, id, data)."""
    events = []
    for block in text.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        if "event" in lines:
            events.append((lines["event"], lines["id"], json.loads(lines["data"])))
    return events


def left_running(page: TestClient, slug: str = "arnet") -> int:
    """A job whose row says that it runs, on a page whose queue does not work."""
    with page.app.state.page.database.write() as session:  # type: ignore[attr-defined]
        row = JobRow(slug=slug, scale="smoke", status="running", requested=now(), started=now())
        session.add(row)
        session.flush()
        return row.id


@pytest.fixture
def still_page(page: TestClient) -> TestClient:
    """A page whose queue takes requests and works none off."""
    return page


@pytest.fixture
def working_page(page: TestClient) -> Iterator[TestClient]:
    """A page whose queue works."""
    page.app.state.page.queue.start()  # type: ignore[attr-defined]
    yield page
    page.app.state.page.queue.stop()  # type: ignore[attr-defined]


def test_from_the_form_to_the_verdicts(working_page: TestClient) -> None:
    page = working_page
    state = page.app.state.page  # type: ignore[attr-defined]
    fill(state)
    asked = page.post("/papers/sample-room/run", data={"scale": "smoke", "seeds": "2"})
    assert (asked.status_code, asked.headers["location"]) == (303, "/runs/1")
    stream = page.get("/runs/1/events")
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert stream.headers["cache-control"] == "no-store"
    assert stream.text.startswith("retry: ")
    events = read_stream(stream.text)
    assert [name for name, _, _ in events] == ["progress"] * (len(events) - 1) + ["end"]
    assert events[-1][2] == {"status": "done"}
    stages = [data for _, _, data in events[:-1]]
    assert {data["status"] for data in stages} <= {"queued", "running", "done"}
    assert stages[-1] == page.get("/runs/1.json").json() == page.get("/runs.json").json()["runs"][0]
    last = stages[-1]
    assert (last["trials_done"], last["trials_total"], last["problem"]) == (2, 2, None)
    assert {each["claim"]: each["verdict"] for each in last["verdicts"]} == dict.fromkeys(
        ("lower-error", "higher-error", "always-smaller", "needs-data"), "not tested"
    )
    assert all(each["scale"] == "smoke" for each in last["verdicts"])
    assert any("trial 1 started" in line for line in last["log"])
    with state.database.read() as session:  # the paper's page shows the run as soon as the stream says so
        shown = session.scalar(select(RunRow).join(PaperRow).where(PaperRow.slug == "sample-room", RunRow.newest))
        assert (shown.id, shown.origin) == (last["run"], "store")
    again = read_stream(page.get("/runs/1/events", headers={"last-event-id": events[-1][1]}).text)
    assert [name for name, _, _ in again] == ["progress", "end"]


def test_a_program_gets_json(still_page: TestClient) -> None:
    asked = still_page.post("/papers/sample-room/run", json={"scale": "smoke", "seeds": 3}, headers=JSON)
    assert asked.status_code == 202
    assert asked.headers["location"] == "/runs/1"
    found = asked.json()
    assert (found["slug"], found["scale"], found["seeds"], found["status"]) == ("sample-room", "smoke", 3, "queued")
    assert found["position"] == 1
    cancelled = still_page.post("/runs/1/cancel", headers=JSON)
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert still_page.post("/runs/1/cancel").headers["location"] == "/runs/1"


def test_an_empty_field_is_the_paper_s_own_number(still_page: TestClient) -> None:
    still_page.post("/papers/arnet/run", data={"seeds": ""})
    found = still_page.get("/runs/1.json").json()
    assert (found["scale"], found["seeds"]) == ("laptop", None)


@pytest.mark.parametrize(
    ("slug", "sent", "status", "said"),
    [
        ("no-such", {"json": {"scale": "smoke"}}, 404, "no paper is called 'no-such'"),
        ("2611.00001", {"json": {"scale": "smoke"}}, 404, "no paper is called"),
        ("..%2F..%2Fetc", {"json": {}}, 404, ""),
        ("%00", {"json": {}}, 404, "no paper is called"),
        ("arnet", {"json": {"scale": "huge"}}, 400, "scale 'huge' is unknown; allowed are smoke, laptop, paper"),
        ("arnet", {"json": {"scale": ["smoke"]}}, 400, "is no text"),
        ("arnet", {"json": {"seeds": 0}}, 400, "seeds 0 is not allowed; give a number from 1 to 100"),
        ("arnet", {"json": {"seeds": 2.5}}, 400, "seeds 2.5 is not a whole number"),
        ("arnet", {"json": {"seeds": True}}, 400, "seeds True is not a whole number"),
        ("arnet", {"data": {"seeds": "many"}}, 400, "seeds 'many' is not a whole number"),
        ("arnet", {"data": {"seeds": "9" * 400}}, 400, "is not a whole number"),
        ("arnet", {"data": {"seeds": "101"}}, 400, "seeds 101 is not allowed"),
        ("arnet", {"json": [1]}, 400, "the body is no JSON object"),
        ("arnet", {"content": b"{", "headers": {"content-type": "application/json"}}, 400, "the body is no JSON"),
        ("arnet", {"content": b"\xff", "headers": {"content-type": "application/json"}}, 400, "the body is no JSON"),
        ("arnet", {"content": b"[" * 99_999, "headers": {"content-type": "application/json"}}, 400, "is no JSON"),
        ("arnet", {"files": {"scale": b"smoke"}}, 400, "is no text"),
    ],
)
def test_what_cannot_be_asked_for(
    still_page: TestClient, slug: str, sent: dict[str, Any], status: int, said: str
) -> None:
    headers = sent.pop("headers", {}) | JSON
    answer = still_page.post(f"/papers/{slug}/run", headers=headers, **sent)
    assert answer.status_code == status
    assert said in answer.json()["error"]["message"]
    assert still_page.get("/runs.json").json() == {"runs": []}


@pytest.mark.parametrize("number", ["0", "7", "-1", str(10**30)])
def test_a_run_that_is_not_there(still_page: TestClient, number: str) -> None:
    answers = [still_page.get(f"/runs/{number}{end}", headers=JSON) for end in (".json", "/events")]
    answers.append(still_page.post(f"/runs/{number}/cancel", headers=JSON))
    for answer in answers:
        assert answer.status_code == 404
        assert answer.json()["error"]["message"].startswith(f"there is no run {number}")


def test_what_is_over_cannot_be_cancelled(still_page: TestClient) -> None:
    job_id = left_running(still_page)
    with still_page.app.state.page.database.write() as session:  # type: ignore[attr-defined]
        row = session.get_one(JobRow, job_id)
        row.status, row.finished = "done", now()
    answer = still_page.post(f"/runs/{job_id}/cancel", headers=JSON)
    assert answer.status_code == 400
    assert f"run {job_id} is done" in answer.json()["error"]["message"]


def test_in_public_only_admins_start_and_cancel_runs_and_everybody_sees_them(public_page: TestClient) -> None:
    state = public_page.app.state.page  # type: ignore[attr-defined]
    state.queue.stop()
    job_id = left_running(public_page)

    def statuses() -> list[int]:
        asked = public_page.post("/papers/arnet/run", json={"scale": "smoke"}, headers=HERE | JSON)
        return [asked.status_code, public_page.post(f"/runs/{job_id}/cancel", headers=HERE | JSON).status_code]

    assert statuses() == [403, 403]
    for role, expected in (("reader", [403, 403]), ("curator", [403, 403]), ("admin", [202, 200])):
        with state.database.write() as session:
            set_role(session, "ada@example.org", role)
            _, token = redeem_login(session, request_login(session, "ada@example.org"))
        public_page.cookies.clear()
        public_page.cookies.set("__Host-workingpapers", token)
        assert public_page.get(f"/runs/{job_id}.json").status_code == 200
        assert statuses() == expected, role
    assert public_page.get(f"/runs/{job_id}.json").json()["status"] == "cancelled"


def test_a_stream_in_which_nothing_happens_says_that_it_is_alive(
    still_page: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(runs, "_HEARTBEAT_S", 0.05)
    state = still_page.app.state.page  # type: ignore[attr-defined]
    state.queue = RunQueue(state.database, tmp_path / "runs")  # it takes requests and is never started
    job_id = state.queue.submit(1, "sample-room", "smoke")
    threading.Timer(0.6, state.queue.cancel, (job_id,)).start()
    text = still_page.get(f"/runs/{job_id}/events").text
    assert text.count(": still here\n\n") >= 3
    assert [name for name, _, _ in read_stream(text)] == ["progress", "progress", "end"]


def test_a_stream_ends_when_the_server_stops(page: TestClient, tmp_path: Path) -> None:
    state = page.app.state.page  # type: ignore[attr-defined]
    state.queue.stop()
    job_id = state.queue.submit(1, "sample-room", "smoke")
    state.queue.end_following()
    began = time.monotonic()
    events = read_stream(page.get(f"/runs/{job_id}/events").text)
    assert [name for name, _, _ in events] == ["progress"], "no `end`: the reader comes back"
    assert time.monotonic() - began < 5
