"""The event file: one whole line for each thing that happens, for programs that watch from outside."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from workingpapers.bench import planning, runner
from workingpapers.bench.backends import Event
from workingpapers.bench.event_file import EventFile
from workingpapers.bench.local import LocalBackend
from workingpapers.bench.progress import Watchers
from workingpapers.bench.protocols import Paper
from workingpapers.bench.store import Store
from workingpapers.errors import StoreError


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def plans_for(sample: Paper, store: Store, *changes: str, seeds: int = 2) -> list[planning.Plan]:
    return planning.plan([sample], planning.Options("smoke", seeds=seeds, jobs=0, changes=changes), store)


def test_a_run_tells_its_trials_in_order(sample: Paper, store: Store, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "events.jsonl"
    plans = plans_for(sample, store, "fail_on=1")
    with EventFile(path) as file:
        runner.run(plans, store, LocalBackend(store, 0), Watchers(file), lambda outcome: None)
        file.code = 1
    events = read(path)
    assert [event["event"] for event in events] == ["start", "started", "done", "started", "failed", "stop", "end"]
    assert events[0]["process"] == os.getpid()
    assert events[0]["papers"] == [
        {"slug": "sample-room", "scale": "smoke", "run": plans[0].manifest.id, "trials": 2, "cached": 0, "jobs": 0}
    ]
    assert [event["trial"] for event in events[1:5]] == [1, 1, 2, 2]
    assert events[4]["error"] == "RuntimeError: this trial was told to fail"
    assert events[-1]["code"] == 1
    assert events[-1]["error"] is None
    moments = [event["at"] for event in events]
    assert moments == sorted(moments)
    assert all(moment.endswith("+00:00") for moment in moments)


def test_trials_of_an_earlier_run_are_told_as_cached(sample: Paper, store: Store, tmp_path: Path) -> None:
    for name in ("first", "second"):
        with EventFile(tmp_path / name) as file:
            plans = plans_for(sample, store)
            runner.run(plans, store, LocalBackend(store, 0), file, lambda outcome: None)
    assert [event["event"] for event in read(tmp_path / "second")] == ["start", "stop", "end"]
    assert read(tmp_path / "second")[0]["papers"][0]["cached"] == 2


def test_of_many_steps_few_are_told_and_the_last_one_always(sample: Paper, store: Store, tmp_path: Path) -> None:
    plans = plans_for(sample, store)
    key = plans[0].specs[0].key
    with EventFile(tmp_path / "events") as file:
        file.start(plans)
        for done in range(10_001):
            file.event(Event("progress", key, done, 10_000, "steps"))
    told = [event for event in read(tmp_path / "events") if event["event"] == "progress"]
    assert told[0]["done"] == 0
    assert told[-1] == {**told[-1], "slug": "sample-room", "trial": 1, "done": 10_000, "total": 10_000, "text": "steps"}
    assert len(told) < 100


def test_a_command_that_raises_ends_with_its_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), EventFile(tmp_path / "events") as file:
        file.code = 0
        raise ZeroDivisionError("by\nzero")
    (end,) = read(tmp_path / "events")
    assert end["code"] is None
    assert end["error"] == {"type": "ZeroDivisionError", "message": "by zero"}


def test_a_second_command_appends(tmp_path: Path) -> None:
    for _ in range(2):
        with EventFile(tmp_path / "events") as file:
            file.code = 0
    assert [event["event"] for event in read(tmp_path / "events")] == ["end", "end"]


def test_without_a_path_nothing_is_written(sample: Paper, store: Store, tmp_path: Path) -> None:
    before = set(tmp_path.rglob("*"))
    with EventFile(None) as file:
        file.start([])
        file.verdicts("sample-room", {})
    assert set(tmp_path.rglob("*")) == before


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot write to .*events.*; name another file with --events"):
        EventFile(tmp_path / "file" / "events")
