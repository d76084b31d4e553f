"""`workingpapers import`: what `export` wrote, into this database."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

import typer

from workingpapers.cli.databases import opened, web_extra
from workingpapers.cli.options import DatabaseOption, DebugOption, FormatOption, examples, output
from workingpapers.cli.progress import bar
from workingpapers.errors import DamagedRecordError, InvalidParameterError


def add_to(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command(
        "import",
        epilog=examples(
            "workingpapers import house.jsonl",
            "workingpapers import house.jsonl --database new.sqlite",
            "zcat house.jsonl.gz | workingpapers import -",
        ),
    )(import_)


def import_(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="What was exported; - is stdin.", show_default=False)],
    database: DatabaseOption = None,
    format_: FormatOption = None,
    debug: DebugOption = False,
) -> int:
    """Bring in what `export` wrote: all of it, or after an error or a kill nothing.

    What is here already stays; what is missing is added. To import the same file again changes nothing.
    """
    out = output(context, format_)
    with web_extra("import"):
        from workingpapers.daily.transfer import import_lines

    with _stream(file) as stream, opened("import", database) as db, bar(out, "importing", "lines") as progress:
        try:
            report = import_lines(db, _decoded(stream), lambda done: progress(done, None))
        except DamagedRecordError as error:
            name = "stdin" if file == "-" else file
            raise DamagedRecordError(f"{name}, {error}; nothing was imported") from error
    added, present = sum(report.added.values()), sum(report.present.values())
    out.deliver(
        data=lambda: {"added": dict(report.added), "present": dict(report.present)},
        values=lambda: [str(added)],
        view=lambda: out.lines(
            "imported  ",
            [
                *(f"{count:,} {name}".replace("_", " ") for name, count in report.added.items() if count),
                f"{added:,} rows altogether; {present:,} were here already",
            ],
        ),
    )
    out.hint("workingpapers serve")
    return 0


@contextmanager
def _stream(file: str) -> Iterator[IO[bytes]]:
    if file == "-":
        yield sys.stdin.buffer
        return
    path = Path(file)
    if path.is_dir():
        raise InvalidParameterError(f"{file!r} is a folder; name the file that `workingpapers export` wrote")
    try:
        stream = path.open("rb")
    except OSError as error:
        raise InvalidParameterError(f"{file!r} cannot be read: {error.strerror}; name another file") from error
    with stream:
        yield stream


def _decoded(stream: IO[bytes]) -> Iterator[str]:
    for number, line in enumerate(stream, 1):
        try:
            yield line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DamagedRecordError(f"line {number}: not in UTF-8; the file is damaged or packed") from error
