"""`run`: measures, resumes, reports, and says what went wrong."""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workingpapers.bench.store import Store

SMOKE = ("run", "sample-room", "--scale", "smoke", "--jobs", 0)

WORKS = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Settings:
    size: int = 1

SCALES = {scale: Settings() for scale in ("smoke", "laptop", "paper")}

def measure(settings, trial):
    trial.claim("works", value=True)

def figures(results):
    return []
"""


def _only_run(root: Path, slug: str = "sample-room") -> Path:
    (folder,) = (root / slug).glob("run-*")
    return folder


def test_what_a_human_sees(cli, tmp_path: Path) -> None:
    ran = cli("run", "sample-room", "--jobs", 0)
    assert ran.code == 0
    assert ran.err == ""  # progress is for terminals
    assert ran.out.startswith("Shrinking a Mean\nsample-room · laptop · 4 trials\n")
    for text in ("✓ holds", "✗ does not hold", "– not tested", "n 4", "needs > 2", "published four times"):
        assert text.replace(" ", "") in ran.out.replace("\xa0", "").replace(" ", "")
    folder = _only_run(tmp_path / "runs")
    assert f"figures  {folder / 'figures'}\n" in ran.out
    assert f"report   {folder / 'report.html'}\n" in ran.out
    assert ran.out.splitlines()[-1] == "next: workingpapers check sample-room --strict"
    assert {"report.html", "report.json", "report.md", "run.json"} <= {path.name for path in folder.iterdir()}
    assert "errors.png" in os.listdir(folder / "figures")
    assert "data:image/png;base64," in (folder / "report.html").read_text()
    assert json.loads((folder / "report.json").read_text())["run"] == folder.name.removeprefix("run-")
    assert "figures/errors.png" in (folder / "report.md").read_text()


def test_json_ends_with_the_same_object_as_check(cli) -> None:
    ran = cli(*SMOKE, "--format", "json")
    assert ran.code == 0
    assert ran.json == cli("check", "sample-room", "--format", "json").json
    assert ran.json["scale"] == "smoke"


def test_a_second_run_measures_nothing_again_and_fresh_does(cli, tmp_path: Path) -> None:
    note = tmp_path / "note"
    command = (*SMOKE, "--seeds", 2, "--set", f"note={note}")
    assert "2 trials\n" in cli(*command).out
    assert note.read_text() == "0\n1\n"
    assert "2 trials, 2 of them measured before" in cli(*command).out
    assert note.read_text() == "0\n1\n"
    assert cli(*command, "--fresh").code == 0
    assert note.read_text() == "0\n1\n0\n1\n"


def test_options_reach_the_engine(cli, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    arguments = ("--store", elsewhere, "--seeds", 2, "--base-seed", 7, "--device", "cpu", "--set", "draws=5")
    assert cli(*SMOKE, *arguments, "--set", "sizes=3,4", "--format", "quiet").code == 0
    (manifest,) = Store(elsewhere).runs("sample-room")
    assert manifest.base_seed == 7
    assert len(manifest.seeds) == 2
    assert manifest.settings["draws"] == 5
    assert manifest.settings["sizes"] == [3, 4]


def test_an_arxiv_id_names_a_paper_and_naming_it_twice_runs_it_once(cli) -> None:
    ran = cli("run", "2601.00001", "sample-room", "--scale", "smoke", "--jobs", 0, "--format", "quiet")
    assert ran.code == 0
    assert ran.out.count("report.html") == 1


def test_a_failed_trial_gives_1_and_says_where_the_traceback_is(cli, tmp_path: Path) -> None:
    ran = cli(*SMOKE, "--seeds", 3, "--set", "fail_on=1")
    assert ran.code == 1
    assert "error: sample-room: trial 2 failed: RuntimeError: this trial was told to fail; the whole" in ran.err
    path = Path(ran.err.rstrip().rpartition(" is in ")[2])
    assert "Traceback" in json.loads(path.read_text())["traceback"]
    assert "Traceback" not in ran.err
    assert "incomplete: 1 of 3 trials failed" in " ".join(ran.out.split())
    assert "RuntimeError: this trial was told to fail" in (_only_run(tmp_path / "runs") / "report.html").read_text()
    assert "Traceback" in cli(*SMOKE, "--seeds", 3, "--set", "fail_on=1", "--debug").err
    assert cli("check", "sample-room").code == 1  # a failed run is no result


def test_a_claim_without_a_number_is_an_error(cli) -> None:
    ran = cli(*SMOKE, "--set", "ignore_a_claim=true")
    assert ran.code == 1
    assert "the trial reported nothing for higher-error" in ran.err


def test_a_damaged_record_is_told_and_measured_again(cli, tmp_path: Path) -> None:
    assert cli(*SMOKE).code == 0
    (record,) = (tmp_path / "runs" / "sample-room").glob("*/trial.jsonl")
    record.write_text(record.read_text().replace('"value": ', '"value": 1'))
    ran = cli(*SMOKE)
    assert ran.code == 0
    assert ran.err.startswith("warning: sample-room: damaged record, measured again: ")


def test_figures_that_fail_are_an_error_and_the_verdicts_stay(cli, add_room) -> None:
    add_room("no-figures", WORKS.replace("return []", 'raise ValueError("no ink")'))
    ran = cli("run", "no-figures", "--jobs", 0)
    assert ran.code == 1
    assert "✓ holds" in ran.out
    assert "drawing the figures failed: ValueError: no ink; run again with --debug to see the traceback" in ran.err
    assert "in figures" in cli("run", "no-figures", "--jobs", 0, "--debug").err


def test_several_papers_give_a_list(cli, add_room) -> None:
    add_room("other-room", WORKS)
    assert cli("run", "other-room", "--scale", "smoke", "--jobs", 0).code == 0  # so that it is finished first
    ran = cli("run", "sample-room", "other-room", "--scale", "smoke", "--jobs", 0, "--format", "json")
    assert ran.code == 0
    assert [each["slug"] for each in ran.json] == ["sample-room", "other-room"]


def test_all_goes_on_past_a_paper_that_cannot_be_imported(cli, add_room) -> None:
    add_room("aaa-broken", "import nothing_of_that_name")
    add_room("bbb-broken", "1 / 0")
    add_room("other-room", WORKS)
    ran = cli("run", "--all", "--scale", "smoke", "--jobs", 0)
    assert ran.code == 1
    assert "other-room · smoke" in ran.out
    assert "sample-room · smoke" in ran.out
    assert "error: aaa-broken was left out: the experiment of aaa-broken needs the package" in ran.err
    assert "error: bbb-broken was left out: the experiment of bbb-broken cannot be imported: ZeroDiv" in ran.err
    objects = cli("run", "--all", "--scale", "smoke", "--jobs", 0, "--format", "json").json
    assert {each["slug"]: "error" in each for each in objects} == {
        "aaa-broken": True,
        "bbb-broken": True,
        "other-room": False,
        "sample-room": False,
    }
    ran = cli("run", "bbb-broken")
    assert ran.code == 1
    assert ran.err.startswith("error: the experiment of bbb-broken cannot be imported: ZeroDivisionError")
    assert ran.err.count("\n") == 1


def test_ray_is_asked_for_by_name(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    original = importlib.import_module

    def without_ray(name: str, package: str | None = None) -> object:
        if name == "ray":
            raise ModuleNotFoundError("No module named 'ray'", name="ray")
        return original(name, package)

    monkeypatch.setattr(importlib, "import_module", without_ray)
    ran = cli("run", "sample-room", "--scale", "smoke", "--ray", "local")
    assert ran.code == 1
    assert "pip install 'workingpapers[ray]'" in ran.err


def test_an_interrupted_run_in_the_pool_resumes(cli, tmp_path: Path) -> None:
    note = tmp_path / "note"
    words = ("run", "sample-room", "--scale", "smoke", "--seeds", "4", "--jobs", "1")
    command = (*words, "--set", "sleep_s=0.6", "--set", f"note={note}")
    with subprocess.Popen(
        [sys.executable, "-m", "workingpapers", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        until = time.monotonic() + 60
        while not note.exists() and time.monotonic() < until:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)  # what Ctrl-C does: the workers get it too
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130, (out, err)
    assert err == "error: interrupted; what is finished is kept, and the same command resumes\n"
    before = len(note.read_text().split())
    assert 1 <= before < 4
    (manifest,) = Store(tmp_path / "runs").runs("sample-room")
    assert manifest.status == "interrupted"
    ran = cli(*words[:-1], 0, *command[len(words) :])
    assert ran.code == 0
    measured_again = len(note.read_text().split()) - before
    assert measured_again <= 4 - (before - 1)  # at most the one in flight is lost
