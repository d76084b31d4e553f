"""kill -9 at any moment loses at most the trial in flight."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from workingpapers.bench import planning, registry, runner
from workingpapers.bench.local import LocalBackend
from workingpapers.bench.progress import SilentWatcher
from workingpapers.bench.store import Store

TRIALS = 40
KILLS = 10


def _run(root: Path, note: Path) -> None:
    store = Store(root)
    options = planning.Options("laptop", seeds=TRIALS, jobs=0, changes=("sleep_s=0.04", "draws=2", f"note={note}"))
    plans = planning.plan([registry.find("sample-room")], options, store)
    runner.run(plans, store, LocalBackend(store, 0), SilentWatcher(), lambda outcome: None)


def _sealed(store: Store) -> dict[str, bytes]:
    folders = [folder for folder in (store.root / "sample-room").glob("*") if len(folder.name) == 24]
    for folder in folders:
        assert store.read("sample-room", folder.name) is not None, "what is published is whole"
    return {folder.name: (folder / "trial.jsonl").read_bytes() for folder in folders}


def test_ten_kills_lose_at_most_the_trials_in_flight(tmp_path: Path) -> None:
    note, store = tmp_path / "note", Store(tmp_path / "runs")
    context = multiprocessing.get_context("fork")
    moments = random.Random(os.getpid())
    before: dict[str, bytes] = {}
    kills = 0
    while kills < KILLS:
        child = context.Process(target=_run, args=(store.root, note))
        child.start()
        child.join(moments.uniform(0.02, 0.35))
        if not child.is_alive():
            assert child.exitcode == 0
            break
        os.kill(child.pid or 0, signal.SIGKILL)
        child.join()
        kills += 1
        after = _sealed(store)
        assert before.items() <= after.items()
        before = after
    assert kills >= 3, "the run was over before it could be killed"
    _run(store.root, note)
    assert len(_sealed(store)) == TRIALS
    measured = note.read_text().splitlines()
    assert set(measured) == {str(number) for number in range(TRIALS)}
    assert len(measured) <= TRIALS + kills
    assert store.runs("sample-room")[0].status == "complete"


DRIVER = """
import sys
from pathlib import Path
from workingpapers.bench import planning, registry, runner
from workingpapers.bench.local import LocalBackend
from workingpapers.bench.progress import SilentWatcher
from workingpapers.bench.store import Store

if __name__ == "__main__":
    store = Store(sys.argv[1])
    options = planning.Options("laptop", seeds=4, jobs=2, changes=("sleep_s=30",))
    plans = planning.plan([registry.find("sample-room")], options, store)
    runner.run(plans, store, LocalBackend(store, 2), SilentWatcher(), lambda outcome: None)
"""


def test_a_killed_driver_leaves_no_workers_behind(tmp_path: Path) -> None:
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    driver = subprocess.Popen([sys.executable, str(script), str(tmp_path / "runs")])
    own = psutil.Process(driver.pid)
    workers: list[psutil.Process] = []
    deadline = time.monotonic() + 60
    while len(list((tmp_path / "runs" / "sample-room").glob(".partial-*"))) < 2:
        assert time.monotonic() < deadline, "the workers did not start"
        time.sleep(0.1)
    workers = own.children(recursive=True)
    assert len(workers) >= 2
    driver.kill()
    driver.wait()
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert alive == []


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_an_interrupted_run_is_marked_and_resumes(tmp_path: Path) -> None:
    script = tmp_path / "driver.py"
    script.write_text(DRIVER.replace("sleep_s=30", "sleep_s=1").replace("seeds=4", "seeds=8"))
    driver = subprocess.Popen([sys.executable, str(script), str(tmp_path / "runs")], stderr=subprocess.DEVNULL)
    store = Store(tmp_path / "runs")
    deadline = time.monotonic() + 60
    while not _sealed(store):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    driver.send_signal(signal.SIGINT)
    assert driver.wait(timeout=30) != 0
    assert store.runs("sample-room")[0].status == "interrupted"
    assert 1 <= len(_sealed(store)) < 8
