"""What a user gets wrong gives one line: what was wrong, the value, what is allowed, what to do."""

import errno
import os
from pathlib import Path

import pytest

from workingpapers.bench import registry


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "sampel-room"), "no paper is called 'sampel-room'; the nearest are sample-room"),
        (("run", "sample-room", "--scale", "huge"), "scale 'huge' is unknown; allowed are smoke, laptop, paper"),
        (("check", "sample-room", "--scale", "huge"), "scale 'huge' is unknown; allowed are smoke, laptop, paper"),
        (("report", "sample-room", "--scale", "huge"), "scale 'huge' is unknown; allowed are smoke, laptop, paper"),
        (("run", "sample-room", "--set", "draws=abc"), "--set draws=abc: setting 'draws' is of type int, and 'abc'"),
        (
            ("run", "sample-room", "--set", "drwas=3"),
            "--set drwas=3: no setting is called 'drwas'; the nearest are draws",
        ),
        (("run", "sample-room", "--set", "draws"), "--set 'draws' is not of the form key=value"),
        (("run", "sample-room", "--seeds", "0"), "--seeds 0: give at least 1"),
        (("run", "sample-room", "--seeds", "many"), "--seeds 'many' is not a whole number; give one, such as 5"),
        (("run", "sample-room", "--base-seed", "1.5"), "--base-seed '1.5' is not a whole number"),
        (("run", "sample-room", "--jobs", "-1"), "--jobs -1: give a number of worker processes"),
        (("run", "sample-room", "--jobs", "2", "--ray", "local"), "--jobs 2 and --ray local exclude each other"),
        (("run", "sample-room", "--device", "toaster"), "device 'toaster' is unknown; use auto, cpu, cuda"),
        (("run",), "give the papers to run or --all; neither was given"),
        (("run", "sample-room", "--all"), "give the papers to run or --all; both were given"),
        (("list", "--format", "xml"), "--format 'xml' is unknown; allowed are auto, human, json, quiet"),
        (("--format", "xml", "list"), "--format 'xml' is unknown; allowed are auto, human, json, quiet"),
        (
            ("list", "--topic", "estimatoin"),
            "--topic 'estimatoin': no paper is on that; the nearest topics are 'estimation'",
        ),
        (("search", "?!"), "query '?!' holds no word; give one or more words"),
        (("lst",), "no such command 'lst'"),
        (("lst",), "no such command 'lst'. Did you mean 'list'? Verbs are list, show, run,"),
        (("check",), "missing argument 'SLUG'"),
        (("check",), "(see `workingpapers check --help`)"),
        (("check", "sample-room", "--strickt"), "no such option: --strickt"),
        (("list", "extra"), "extra"),
        (("report", "sample-room", "--output", "a.pdf"), "the ending '.pdf' is unknown; allowed are .html, .json, .md"),
        (("report", "sample-room", "--output", "no/a.md"), "there is no folder 'no'; make it first"),
    ],
)
def test_bad_input_gives_one_line_and_2(cli, store: Path, arguments: tuple[str, ...], message: str) -> None:
    ran = cli(*arguments)
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.startswith("error: ")
    assert message in ran.err
    assert ran.err.count("\n") == 1


def test_an_unknown_paper_gives_the_three_nearest(cli, add_room) -> None:
    for slug in ("trees-ssm", "trees-slm", "tails", "zebra"):
        add_room(slug, "")
    line = cli("show", "trees-sm").err
    near = line.partition("the nearest are ")[2].partition(".")[0].split(", ")
    assert len(near) == 3
    assert set(near[:2]) == {"trees-ssm", "trees-slm"}
    assert "`workingpapers list` shows all" in line


def test_json_errors_have_one_shape(cli, store: Path) -> None:
    for arguments, kind in (
        (("show", "nobody"), "UnknownNameError"),
        (("run", "sample-room", "--seeds", "0"), "InvalidParameterError"),
        (("check",), "MissingParameter"),
        (("lst",), "UsageError"),
    ):
        ran = cli("--format", "json", *arguments)
        assert ran.code == 2
        assert list(ran.json) == ["error"]
        assert list(ran.json["error"]) == ["type", "message"]
        assert ran.json["error"]["type"] == kind
        assert ran.err == ""


def test_no_traceback_but_with_debug(cli) -> None:
    assert "Traceback" not in cli("show", "nobody").err
    for arguments in (("show", "nobody", "--debug"), ("--debug", "show", "nobody")):
        ran = cli(*arguments)
        assert "Traceback (most recent call last)" in ran.err
        assert ran.err.splitlines()[-1].startswith("error: no paper is called 'nobody'")


def test_an_unforeseen_error_is_called_a_bug(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down() -> None:
        raise ZeroDivisionError("division by\nzero")

    monkeypatch.setattr(registry, "papers", break_down)
    ran = cli("list")
    assert ran.code == 1
    assert ran.err == (
        "error: ZeroDivisionError: division by zero; this is a bug in workingpapers or in the paper's room; "
        "run again with --debug\n"
    )
    assert cli("list", "--format", "json").json["error"]["type"] == "ZeroDivisionError"
    assert "in break_down" in cli("list", "--debug").err


def test_an_interrupt_gives_130_and_says_that_it_resumes(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(registry, "papers", interrupt)
    ran = cli("list")
    assert ran.code == 130
    assert ran.err == "error: interrupted; what is finished is kept, and the same command resumes\n"


def test_a_store_that_is_no_folder(cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = cli("run", "sample-room", "--scale", "smoke", "--jobs", 0, "--store", tmp_path / "file")
    assert ran.code == 1
    assert ran.err.startswith(f"error: cannot write to {tmp_path / 'file'}: ")
    assert ran.err.endswith("choose another folder with --store\n")
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "the disk is full; free some space and run the same command again"),
        (errno.EROFS, "no permission; choose another folder with --store"),
    ],
)
def test_a_disk_that_fails(cli, monkeypatch: pytest.MonkeyPatch, number: int, message: str) -> None:
    def fail(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    ran = cli("run", "sample-room", "--scale", "smoke", "--jobs", 0)
    assert ran.code == 1
    assert message in ran.err
    assert ran.err.count("\n") == 1


def test_a_report_that_cannot_be_written(cli, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    ran = cli("report", "sample-room", "--output", store / "a.html")
    assert ran.code == 1
    assert "the disk is full" in ran.err
    assert not (store / "a.html").exists()


def test_a_broken_room_is_a_warning_and_the_rest_works(cli, add_room) -> None:
    add_room("broken-room", "", toml='slug = "broken-room"\n')
    for arguments in (("list",), ("show", "sample-room"), ("search", "mean")):
        ran = cli(*arguments)
        assert ran.code == 0
        assert "sample-room" in ran.out
        assert ran.err.startswith("warning: the room 'broken-room' cannot be used and is left out: entry point")
        assert "key `title`: missing" in ran.err
        assert ran.err.count("\n") == 1
    assert cli("list", "--format", "json").json[0]["slug"] == "sample-room"
    assert cli("list", "--format", "quiet").err == ""
    ran = cli("show", "broken-room")
    assert ran.code == 1
    assert "error: the room of 'broken-room' cannot be used" in ran.err
