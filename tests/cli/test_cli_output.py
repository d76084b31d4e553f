"""Colour, pipes and formats."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

READERS = [("list",), ("show", "sample-room"), ("check", "sample-room"), ("search", "mean")]
WP = [sys.executable, "-m", "workingpapers"]


def _piped(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*WP, *arguments], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


def _on_terminal(*arguments: str, **environment: str) -> str:
    """What a command writes to a terminal of 80 columns."""
    leader, follower = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", **environment}
    with subprocess.Popen([*WP, *arguments], stdout=follower, stderr=follower, stdin=follower, env=env):
        os.close(follower)
        written = b""
        while True:
            try:
                piece = os.read(leader, 65536)
            except OSError:  # Linux's way of saying that the other side is closed
                break
            if not piece:
                break
            written += piece
    os.close(leader)
    return written.decode()


def test_a_pipe_gets_plain_text(store: Path) -> None:
    done = _piped("check", "sample-room")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr
    assert "✓ holds" in done.stdout


def test_a_terminal_gets_colour(store: Path) -> None:
    assert "\x1b[" in _on_terminal("check", "sample-room")


def test_no_color_is_respected(store: Path) -> None:
    assert "\x1b" not in _on_terminal("check", "sample-room", NO_COLOR="1")


def test_force_color_colours_a_pipe_and_no_color_beats_it(store: Path) -> None:
    assert "\x1b[" in _piped("list", FORCE_COLOR="1").stdout
    assert "\x1b" not in _piped("list", FORCE_COLOR="1", NO_COLOR="1").stdout


def test_a_closed_pipe_is_silent(store: Path) -> None:
    code = 'workingpapers() { "$PY" -m workingpapers "$@"; }; workingpapers show sample-room | head -n 1'
    done = subprocess.run(
        ["bash", "-c", code], capture_output=True, text=True, check=True, env={**os.environ, "PY": sys.executable}
    )
    assert done.stdout == "Shrinking a Mean\n"
    assert done.stderr == ""


def test_a_stdout_that_is_closed_from_the_start_is_silent(store: Path) -> None:
    for arguments in (["list", "--format", "json"], ["list"], ["show", "nobody", "--format", "json"]):
        with subprocess.Popen([*WP, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            assert process.stderr.read() == ""


@pytest.mark.parametrize("arguments", READERS, ids=" ".join)
def test_everything_fits_80_columns(cli, store: Path, arguments: tuple[str, ...]) -> None:
    ran = cli(*arguments)
    assert max(len(line) for line in ran.out.splitlines() if not line.startswith("page ")) <= 80


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("list",), "next: workingpapers show sample-room"),
        (("show", "sample-room"), "next: workingpapers check sample-room"),
        (("check", "sample-room"), "next: workingpapers report sample-room"),
        (("search", "mean"), "next: workingpapers show sample-room"),
        (("report", "sample-room"), "next: workingpapers check sample-room --strict"),
    ],
)
def test_the_last_line_suggests_what_is_next_for_humans_only(
    cli, store: Path, arguments: tuple[str, ...], hint: str
) -> None:
    assert cli(*arguments).out.splitlines()[-1] == hint
    for mode in ("json", "quiet"):
        assert "next:" not in cli(*arguments, "--format", mode).out


def test_the_format_goes_before_or_after_the_verb(cli, store: Path) -> None:
    after = cli("list", "--format", "json")
    assert cli("--format", "json", "list").out == after.out == cli("list", "--format=json").out
    assert cli("--format", "quiet", "list", "--format", "json").out == after.out


def test_quiet_gives_bare_values(cli, store: Path) -> None:
    assert cli("list", "--format", "quiet").out == "sample-room\n"
    assert cli("check", "sample-room", "--format", "quiet").out.splitlines() == [
        "lower-error\tholds",
        "higher-error\tdoes not hold",
        "always-smaller\tholds",
        "needs-data\tnot tested",
    ]


def test_text_in_brackets_is_text_and_no_markup(cli, add_room) -> None:
    folder = add_room("with-brackets", "")
    path = folder / "paper.toml"
    path.write_text(path.read_text().replace("Another Paper", "[bold]Means[/bold] :smile:"))
    assert "[bold]Means[/bold] :smile:" in cli("show", "with-brackets").out


def test_a_terminal_without_the_symbols_gets_something_readable(store: Path) -> None:
    done = _piped("list", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "\\u2713" in done.stdout
    assert _piped("list", "--format", "json", PYTHONIOENCODING="ascii").stdout.isascii()
