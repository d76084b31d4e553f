"""`workingpapers export`: everything that the daily page knows, as lines of JSON."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workingpapers.cli.databases import opened, web_extra
from workingpapers.cli.options import DatabaseOption, DebugOption, FormatOption, examples, output
from workingpapers.cli.output import ReaderGoneError
from workingpapers.cli.progress import bar
from workingpapers.errors import InvalidParameterError, StoreError

if TYPE_CHECKING:
    from workingpapers.daily.database import Database


def add_to(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command(
        "export",
        epilog=examples(
            "workingpapers export house.jsonl",
            "workingpapers export | gzip > house.jsonl.gz",
            "workingpapers export house.jsonl --database old.sqlite",
        ),
    )(export)


def export(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="[FILE|-]", help="The file to write; - is stdout.")] = "-",
    database: DatabaseOption = None,
    format_: FormatOption = None,
    debug: DebugOption = False,
) -> int:
    """Write everything as lines of JSON: papers, votes, stars, notes, people, subscriptions, what was sent, runs.

    Sign-ins stay behind. The file holds addresses and private notes: only you may read it.
    """
    out = output(context, format_)
    with opened("export", database, must_exist=True) as db:
        with web_extra("export"):
            from workingpapers.daily.transfer import export_lines

        if file == "-":
            _print(export_lines(db))
            return 0
        target = _checked(Path(file), db)
        with bar(out, "exporting", "rows") as progress:
            rows = _write(target, _counted(export_lines(db), progress))
    out.deliver(
        data=lambda: {"file": str(target), "rows": rows},
        values=lambda: [str(target)],
        view=lambda: out.line("exported  ", f"{rows:,} rows to {target}"),
    )
    out.hint(f"workingpapers import {target} --database NEW")
    return 0


def _print(lines: Iterator[str]) -> None:
    try:
        for line in lines:
            sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise ReaderGoneError from error


def _counted(lines: Iterator[str], progress: Callable[[int, int | None], None]) -> Iterator[str]:
    for number, line in enumerate(lines):
        if number % 1000 == 0:
            progress(number, None)
        yield line


def _checked(target: Path, database: "Database") -> Path:
    """The file to write, if it can be one."""
    if target.is_dir():
        raise InvalidParameterError(f"{str(target)!r} is a folder; name a file, such as {target.name}/house.jsonl")
    if not target.parent.is_dir():
        raise InvalidParameterError(f"there is no folder {str(target.parent)!r}; make it first")
    if target.resolve() == database.path.resolve():
        raise InvalidParameterError(f"{str(target)!r} is the database itself; name another file")
    return target


def _write(target: Path, lines: Iterator[str]) -> int:
    """Write a file that is whole or not there, and that only its owner may read; returns the number of rows."""
    rows = -2  # the first line and the last are no rows
    part = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)  # of mode 600
        part = Path(name)
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            for line in lines:
                stream.write(line + "\n")
                rows += 1
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(target)
    except OSError as error:
        raise StoreError(f"cannot write {target}: {error.strerror or error}; choose another place") from error
    finally:
        if part is not None:
            part.unlink(missing_ok=True)
    return rows
