"""An import is all or nothing, also when its process is killed."""

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from workingpapers.daily.database import Database
from workingpapers.daily.entries import PaperEntry
from workingpapers.daily.importers.adding import import_papers
from workingpapers.errors import InvalidParameterError

COUNT = 500
_CHILD = """
import os, signal, sys
from sqlalchemy import event
from workingpapers.daily.database import Database
from workingpapers.daily.entries import PaperEntry
from workingpapers.daily.importers.adding import import_papers

database, last, written = Database(sys.argv[1]), int(sys.argv[2]), 0

@event.listens_for(database.engine, "before_cursor_execute")
def count(connection, cursor, statement, parameters, context, executemany):
    global written
    if statement.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE")):
        written += 1
        if written == last:
            os.kill(os.getpid(), signal.SIGKILL)

import_papers(database, [PaperEntry(title=f"Paper {number}", topics=("a", f"t{number % 7}")) for number in range(500)])
print(written, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def _run(path: Path, last: int) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(path), str(last)], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    return done.stdout


def _state(path: Path) -> tuple[int, int, int]:
    """How many papers, how many of them in the text index, how many topics of papers."""
    with sqlite3.connect(path) as connection:
        tables = ("papers", "paper_text", "paper_topics")
        counts = tuple(connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return counts


def test_a_kill_at_any_moment_leaves_all_or_nothing(tmp_path: Path) -> None:
    whole = tmp_path / "whole.sqlite"
    statements = int(_run(whole, 0))  # killed right after the import came back
    assert _state(whole) == (COUNT, COUNT, 2 * COUNT)
    assert statements >= 3
    for last in {2, statements // 2, statements}:
        path = tmp_path / f"killed-{last}.sqlite"
        assert _run(path, last) == ""
        assert _state(path) == (0, 0, 0)
    _run(path, 0)  # the same import again, now to its end
    assert _state(path) == (COUNT, COUNT, 2 * COUNT)


def test_one_wrong_entry_keeps_all_out(database: Database) -> None:
    entries = [PaperEntry(title="Good"), PaperEntry(title=" "), PaperEntry(title="Good too")]
    with pytest.raises(InvalidParameterError, match="entry 2: the title is empty"):
        import_papers(database, entries)
    with database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM papers")) == 0
