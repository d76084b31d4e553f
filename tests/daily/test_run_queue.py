"""The queue of runs, with the real engine: nothing accepted is lost, nothing runs twice at once or stays behind."""

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from workingpapers.bench import registry
from workingpapers.bench.store import Store
from workingpapers.daily.database import Database, now
from workingpapers.daily.run_process import RunProcess, launch
from workingpapers.daily.run_progress import EventLog, JobProgress
from workingpapers.daily.run_queue import MOST_WAITING, RunQueue
from workingpapers.daily.sole_holder import SoleHolder
from workingpapers.daily.tables import JobRow, PaperRow
from workingpapers.errors import InvalidParameterError, InvalidTypeError, UnknownNameError

Servers = Callable[[], "subprocess.Popen[bytes]"]

pytestmark = pytest.mark.skipif(os.name != "posix", reason="process groups")

SLOW = """
import os, time
from dataclasses import dataclass

@dataclass(frozen=True)
class Settings:
    steps: int = 5

SCALES = {scale: Settings() for scale in ("smoke", "laptop", "paper")}

def measure(settings, trial):
    with open(os.environ["SLOW_NOTE"], "a") as file:
        file.write(f"begin {trial.repetition}\\n")
    for _ in trial.steps(range(settings.steps), "slow steps"):
        time.sleep(0.1)
    with open(os.environ["SLOW_NOTE"], "a") as file:
        file.write(f"end {trial.repetition}\\n")
    trial.claim("works", value=True)

def figures(results):
    return []
"""
TOML = """
slug = "SLUG"
title = "A Paper that Takes its Time"
arxiv = "2601.0000N"
published = "2026-01-02"
authors = ["Ada Example"]
topics = ["patience"]
summary = "It sleeps."
usage = "pass"

[[claims]]
id = "works"
says = "It works."
kind = "exact"
metric = "whether"
predicate = "== true"
source = "section 1"
no_control = "nothing to remove"
"""
SERVER = """
import sys, time
from workingpapers.daily.database import Database
from workingpapers.daily.run_queue import RunQueue

queue = RunQueue(Database(sys.argv[1]), sys.argv[2])
queue.start()
time.sleep(600)
"""


@pytest.fixture
def note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Two more rooms, a slow one and a broken one, as a package brings them; where the slow one notes its trials."""
    site = tmp_path / "site"
    for number, (slug, experiment) in enumerate({"slow-room": SLOW, "no-room": "import nothing_of_that_name"}.items()):
        name = slug.replace("-", "_")
        folder, info = site / name, site / f"{name}-1.0.dist-info"
        folder.mkdir(parents=True)
        info.mkdir()
        for file, text in {
            "__init__.py": "",
            "page.md": "# Page\n",
            "experiment.py": experiment,
            "paper.toml": TOML.replace("SLUG", slug).replace("N", str(number + 5)),
        }.items():
            (folder / file).write_text(textwrap.dedent(text))
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {slug}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[workingpapers.papers]\n{slug} = {name}\n")
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ["PYTHONPATH"]]))
    monkeypatch.setenv("SLOW_NOTE", str(tmp_path / "note"))
    registry.refresh()
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {random.choice(sorted(cores))})  # one worker a run: each imports torch
    yield tmp_path / "note"
    os.sched_setaffinity(0, cores)
    registry.refresh()


@pytest.fixture
def queue(database: Database, tmp_path: Path) -> Iterator[RunQueue]:
    queue = RunQueue(database, tmp_path / "runs")
    yield queue
    queue.stop()


def wait_for(what: Callable[[], object], seconds: float = 200) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def begun(note: Path) -> list[str]:
    return [line for line in note.read_text().splitlines() if line.startswith("begin")] if note.exists() else []


def row_of(database: Database, job_id: int) -> JobRow:
    with database.read() as session:
        return session.get_one(JobRow, job_id)


def end_of(queue: RunQueue, job_id: int, seconds: float = 200) -> JobProgress:
    wait_for(lambda: queue.progress_of(job_id).finished, seconds)
    return queue.progress_of(job_id)


def family(process_id: int | None) -> list[psutil.Process]:
    """A process and all that it started."""
    if process_id is None:
        return []
    process = psutil.Process(process_id)
    return [process, *process.children(recursive=True)]


def gone(members: list[psutil.Process]) -> bool:
    return not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in members)


def complete_runs(tmp_path: Path, slug: str = "slow-room") -> list[str]:
    return [run.id for run in Store(tmp_path / "runs").runs(slug) if run.status == "complete"]


def measured(tmp_path: Path) -> list[Path]:
    """The trials of the slow room that are in the store."""
    return [path for path in (tmp_path / "runs" / "slow-room").glob("*/trial.jsonl") if len(path.parent.name) == 24]


@pytest.fixture
def start_server(database: Database, tmp_path: Path, note: Path) -> Iterator[Servers]:
    """Starts another process that works on the same queue."""
    started = []

    def start() -> "subprocess.Popen[bytes]":
        words = [sys.executable, "-c", SERVER, str(database.path), str(tmp_path / "runs")]
        started.append(subprocess.Popen(words))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_run_whose_server_is_killed_goes_on_and_is_done_once(
    database: Database, queue: RunQueue, note: Path, start_server: Servers, tmp_path: Path
) -> None:
    server = start_server()
    job_id = queue.submit(1, "slow-room", "smoke", seeds=4)
    wait_for(lambda: begun(note))
    queue.start()  # a second server on the same database waits until the first is gone
    time.sleep(0.5)
    process = row_of(database, job_id).process
    server.kill()
    server.wait()
    assert process is not None
    assert psutil.pid_exists(process)
    progress = end_of(queue, job_id)
    assert (progress.status, progress.trials_done, progress.trials_total) == ("done", 4, 4)
    assert sorted(begun(note)) == [f"begin {number}" for number in range(4)]
    assert complete_runs(tmp_path) == [progress.run]
    row = row_of(database, job_id)
    assert (row.process, row.attempts) == (process, 1), "it was followed, and none other was started"


def test_an_interrupted_run_and_one_that_died_with_its_server_are_resumed(
    database: Database, queue: RunQueue, note: Path, start_server: Servers, tmp_path: Path
) -> None:
    job_id = queue.submit(1, "slow-room", "smoke", seeds=4)
    queue.start()
    wait_for(lambda: len(family(row_of(database, job_id).process)) > 1)
    members = family(row_of(database, job_id).process)
    queue.stop()  # in an orderly way
    assert gone(members)
    row = row_of(database, job_id)
    assert (row.status, row.process, row.attempts) == ("queued", None, 1)

    server = start_server()
    wait_for(lambda: measured(tmp_path))
    process = row_of(database, job_id).process or 0
    members = family(process)
    for kill in (server.kill, lambda: os.killpg(process, signal.SIGKILL)):  # as when the machine goes down
        kill()
    psutil.wait_procs(members, timeout=10)
    assert row_of(database, job_id).status == "running"

    queue.start()
    progress = end_of(queue, job_id)
    assert (progress.status, progress.trials_done, row_of(database, job_id).attempts) == ("done", 4, 3)
    assert "measured before" in progress.log[0]
    assert set(begun(note)) == {f"begin {number}" for number in range(4)}
    assert len(begun(note)) <= 4 + 2, "at most the trials in flight are measured again"
    assert complete_runs(tmp_path) == [progress.run]


def test_cancelling_leaves_no_process_and_frees_the_queue(
    database: Database, queue: RunQueue, note: Path, tmp_path: Path
) -> None:
    with database.write() as session:  # as a server leaves it that is killed before it noted the process
        row = JobRow(slug="slow-room", scale="smoke", seeds=50, status="running", requested=now(), started=now())
        row.attempts = 1
        session.add(row)
        session.flush()
        job_id = row.id
    waiting = queue.submit(1, "no-room", "smoke")
    queue.start()
    wait_for(lambda: begun(note))
    assert queue.progress_of(job_id).status == "running"
    assert queue.progress_of(waiting).position == 1
    members = family(row_of(database, job_id).process)
    assert len(members) > 1, "the run and its workers"
    queue.cancel(job_id)
    queue.cancel(job_id)  # a second click
    progress = end_of(queue, job_id, 30)
    assert progress.status == "cancelled"
    assert gone(members)
    assert {run.status for run in Store(tmp_path / "runs").runs("slow-room")} == {"interrupted"}
    failed = end_of(queue, waiting)
    assert failed.status == "failed"
    assert failed.problem is not None
    assert "the experiment of no-room needs the package 'nothing_of_that_name'" in failed.problem
    assert any("nothing_of_that_name" in line for line in failed.log)


def test_a_run_that_the_system_kills_has_failed(database: Database, queue: RunQueue, note: Path) -> None:
    job_id = queue.submit(1, "slow-room", "smoke")
    queue.start()
    wait_for(lambda: row_of(database, job_id).process)
    os.killpg(row_of(database, job_id).process or 0, signal.SIGKILL)
    progress = end_of(queue, job_id)
    assert progress.status == "failed"
    assert progress.problem is not None
    assert progress.problem.startswith("its process was ended by signal 9")


def test_a_run_that_cannot_be_started_has_failed_and_the_next_one_is_begun(queue: RunQueue) -> None:
    first = queue.submit(1, "sample-room", "smoke", 1)
    second = queue.submit(1, "sample-room", "smoke", 2)
    queue.folder.mkdir()
    (queue.folder / str(first)).write_text("a file where the folder should be")
    queue.start()
    progress = end_of(queue, first)
    assert progress.status == "failed"
    assert progress.problem is not None
    assert progress.problem.startswith("it could not be started: ")
    wait_for(lambda: queue.progress_of(second).status == "running")
    queue.cancel(second)
    assert end_of(queue, second).status == "cancelled"


def test_what_waits_can_be_cancelled_and_what_is_over_cannot(database: Database, queue: RunQueue) -> None:
    job_id = queue.submit(1, "sample-room", "smoke")
    queue.cancel(job_id)
    progress = queue.progress_of(job_id)
    assert (progress.status, progress.finished, progress.position) == ("cancelled", True, None)
    with database.write() as session:
        session.get_one(JobRow, job_id).status = "done"
    with pytest.raises(InvalidParameterError, match=f"run {job_id} is done; only one that waits or runs"):
        queue.cancel(job_id)


def test_what_may_be_asked_for(database: Database, queue: RunQueue) -> None:
    with database.write() as session:
        row = PaperRow(slug="unbuilt", title="Unbuilt", title_key="unbuilt", listed=now().date(), source="catalogue")
        row.added, row.changed = now(), now()
        session.add(row)
    for slug in ("nothing", "../etc/passwd", "", "sample-room; rm -rf /", "--all"):
        with pytest.raises(UnknownNameError, match="no paper is called"):
            queue.submit(1, slug, "smoke")
    with pytest.raises(InvalidParameterError, match="'unbuilt' is not built yet, so there is nothing to run"):
        queue.submit(1, "unbuilt", "smoke")
    with pytest.raises(InvalidParameterError, match="scale 'huge' is unknown; allowed are smoke, laptop, paper"):
        queue.submit(1, "sample-room", "huge")
    for seeds in (0, -1, 101):
        with pytest.raises(InvalidParameterError, match=f"seeds {seeds} is not allowed; give a number from 1 to 100"):
            queue.submit(1, "sample-room", "smoke", seeds)
    for wrong in (True, 2.5, "3"):
        with pytest.raises(InvalidTypeError, match="is not a whole number; give one from 1 to 100"):
            queue.submit(1, "sample-room", "smoke", wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidTypeError, match="is no text"):
        queue.submit(1, "sample-room", 3)  # type: ignore[arg-type]
    assert queue.jobs() == []
    for job_id in (0, -1, 7, 10**30):
        with pytest.raises(UnknownNameError, match=f"there is no run {job_id}"):
            queue.progress_of(job_id)
        with pytest.raises(UnknownNameError, match=f"there is no run {job_id}"):
            queue.cancel(job_id)


def test_the_same_request_is_one_job_and_the_queue_has_an_end(queue: RunQueue) -> None:
    first = queue.submit(1, "sample-room", "smoke")
    assert queue.submit(1, "2601.00001", "smoke", None) == first
    numbers = [queue.submit(1, "sample-room", "smoke", seeds) for seeds in range(1, MOST_WAITING)]
    assert [queue.progress_of(job_id).position for job_id in (first, *numbers)] == list(range(1, MOST_WAITING + 1))
    with pytest.raises(InvalidParameterError, match=f"{MOST_WAITING} runs wait already"):
        queue.submit(1, "sample-room", "laptop")
    queue.cancel(first)
    assert queue.submit(1, "sample-room", "smoke") > numbers[-1]
    assert [job.id for job in queue.jobs(2)] == [numbers[-1] + 1, numbers[-1]]


def test_following_ends_when_the_server_stops(queue: RunQueue) -> None:
    job_id = queue.submit(1, "sample-room", "smoke")

    async def follow() -> list[str]:
        seen = []
        async for progress in queue.follow(job_id):
            seen.append(progress.status)
            await asyncio.to_thread(queue.stop)
        return seen

    assert asyncio.run(asyncio.wait_for(follow(), 10)) == ["queued"]


def test_a_process_that_was_never_noted_runs_nothing(tmp_path: Path) -> None:
    started: list[RunProcess] = []

    def refuse(process: RunProcess) -> None:
        started.append(process)
        raise RuntimeError("killed here")

    with pytest.raises(RuntimeError, match="killed here"):
        launch(["--version"], tmp_path / "output", refuse)
    assert started[0].code == 1
    assert (tmp_path / "output").read_text() == ""
    process = launch(["--version"], tmp_path / "output", started.append)
    wait_for(lambda: not process.alive)
    assert (tmp_path / "output").read_text().startswith("workingpapers ")


def test_a_run_sees_none_of_the_page_s_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKINGPAPERS_SECRET", "a secret")
    monkeypatch.setenv("WORKINGPAPERS_SMTP_URL", "smtp://user:password@example.org")
    seen: dict[str, str] = {}

    def look(process: RunProcess) -> None:
        wait_for(lambda: psutil.Process(process.id).environ())
        seen.update(psutil.Process(process.id).environ())

    process = launch(["--version"], tmp_path / "output", look)
    wait_for(lambda: not process.alive)
    assert "PATH" in seen
    assert not {"WORKINGPAPERS_SECRET", "WORKINGPAPERS_SMTP_URL"} & set(seen)


def test_a_later_process_of_the_same_id_is_another_one() -> None:
    own = psutil.Process()
    assert RunProcess(own.pid, own.create_time()).alive
    stranger = RunProcess(own.pid, own.create_time() - 60)
    assert not stranger.alive
    stranger.end()  # would end this test if it took the one for the other


def test_only_the_owner_may_read_what_runs_say(queue: RunQueue) -> None:
    before = os.umask(0)
    try:
        assert SoleHolder(queue.folder / "other").take()
        folder = queue._fresh_folder(1)
        assert [path.stat().st_mode & 0o777 for path in (queue.folder, folder)] == [0o700, 0o700]
        shutil.rmtree(queue.folder)
        queue._fresh_folder(1)
        assert queue.folder.stat().st_mode & 0o777 == 0o700
    finally:
        os.umask(before)


def test_only_one_holds(tmp_path: Path) -> None:
    first, second = SoleHolder(tmp_path / "holder"), SoleHolder(tmp_path / "holder")
    assert first.take()
    assert first.take()
    assert not second.take()
    first.give_back()
    assert second.take()
    second.give_back()


def test_time_left_is_told_from_the_trials_that_are_done(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events")
    at = "2026-11-23T10:00:{:02}.000+00:00"
    paper = '{"slug": "a", "scale": "smoke", "run": "r", "trials": 5, "cached": 1, "jobs": 2}'
    lines = [f'{{"at": "{at.format(0)}", "event": "start", "process": 1, "papers": [{paper}]}}']
    lines += [
        f'{{"at": "{at.format(second)}", "event": "started", "trial": {trial}}}' for trial, second in ((2, 0), (3, 2))
    ]
    (tmp_path / "events").write_text("\n".join(lines) + "\n")
    log.read()
    began = 1795428000.0
    assert log.left(None, began + 4) is None
    assert log.left(10.0, began + 4) == pytest.approx((2 * 10 + (10 - 4) + (10 - 2)) / 2)
    with (tmp_path / "events").open("a") as file:
        file.write(f'{{"at": "{at.format(6)}", "event": "done", "trial": 2}}\n{{"at": "torn')
    log.read()
    assert (log.cached + log.done, log.trials) == (2, 5)
    assert log.left(10.0, began + 6) == pytest.approx((2 * 6 + (6 - 4)) / 2)
    assert [trial.number for trial in log.trials_at(began + 6)] == [3]
