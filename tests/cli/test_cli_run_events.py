"""`run --events`: what a program that watches the command reads."""

import json
from pathlib import Path
from typing import Any


def _events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_verdicts_are_those_of_the_report(cli, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    ran = cli("run", "sample-room", "--seeds", 3, "--jobs", 0, "--events", path, "--format", "json")
    assert ran.code == 0
    events = _events(path)
    (told,) = [event["report"] for event in events if event["event"] == "verdicts"]
    (report,) = (tmp_path / "runs" / "sample-room").glob("run-*/report.json")
    written = json.loads(report.read_text())
    assert {**told, "created": ""} == {**written, "created": ""}
    assert [claim["verdict"] for claim in told["claims"]] == [claim["verdict"] for claim in ran.json["claims"]]
    assert events[-1] == {**events[-1], "event": "end", "code": 0, "error": None}


def test_what_goes_wrong_is_told(cli, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert cli("run", "no-such-paper", "--events", path).code == 2
    assert cli("run", "sample-room", "--scale", "smoke", "--jobs", 0, "--set", "fail_on=0", "--events", path).code == 1
    events = _events(path)
    assert events[0]["event"] == "end"
    assert events[0]["error"]["type"] == "UnknownNameError"
    assert "no paper is called 'no-such-paper'" in events[0]["error"]["message"]
    assert events[-1]["code"] == 1


def test_a_paper_that_is_left_out_is_told(cli, add_room, tmp_path: Path) -> None:
    add_room("aaa-broken", "import nothing_of_that_name")
    path = tmp_path / "events.jsonl"
    assert cli("run", "--all", "--scale", "smoke", "--jobs", 0, "--events", path).code == 1
    (left_out,) = [event for event in _events(path) if event["event"] == "left out"]
    assert left_out["slug"] == "aaa-broken"
    assert "needs the package 'nothing_of_that_name'" in left_out["error"]


def test_a_place_that_cannot_be_written_is_one_line(cli, tmp_path: Path) -> None:
    ran = cli("run", "sample-room", "--events", tmp_path)
    assert ran.code == 1
    assert ran.err.startswith(f"error: cannot write to {tmp_path}: ")
    assert ran.err.count("\n") == 1
