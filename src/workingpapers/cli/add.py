"""`workingpapers add`: papers from arXiv, the Hugging Face Hub, BibTeX or JSON into the daily page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workingpapers.cli.databases import opened, web_extra
from workingpapers.cli.options import (
    DatabaseOption,
    DebugOption,
    FormatOption,
    examples,
    output,
    whole_number,
)
from workingpapers.cli.output import Output, mode_of
from workingpapers.cli.progress import bar
from workingpapers.errors import InvalidParameterError

if TYPE_CHECKING:
    from workingpapers.daily.database import Database
    from workingpapers.daily.entries import PaperEntry
    from workingpapers.daily.papers import ImportReport

_SHOWN = 20

MostOption = Annotated[str, typer.Option("--max", metavar="N", help="So many papers at most.")]
FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="A file in UTF-8.", show_default=False)]

group = typer.Typer(rich_markup_mode="rich", context_settings={"help_option_names": ["--help", "-h"]})


def add_to(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.add_typer(
        group,
        name="add",
        epilog=examples(
            "workingpapers add arxiv 2406.06581",
            "workingpapers add hf --date 2026-11-20",
            "workingpapers add bibtex library.bib",
        ),
    )


@group.callback(invoke_without_command=True)
def top(context: typer.Context, format_: FormatOption = None, debug: DebugOption = False) -> None:
    """Add papers to the daily page: all that are asked for, or after an error none. No paper comes in twice."""
    if format_ is not None:
        mode_of(format_)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help().rstrip())
        raise typer.Exit


@group.command(
    "arxiv",
    epilog=examples(
        "workingpapers add arxiv 2406.06581 https://arxiv.org/abs/2111.13587",
        'workingpapers add arxiv --query "ti:attention AND cat:cs.LG" --max 20',
    ),
)
def arxiv(
    context: typer.Context,
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID...", help="arXiv ids or addresses of arXiv.", show_default=False),
    ] = None,
    query: Annotated[
        str | None,
        typer.Option("--query", metavar="TEXT", help="Papers that arXiv finds; in its own syntax.", show_default=False),
    ] = None,
    most: MostOption = "50",
    order: Annotated[
        str, typer.Option("--order", metavar="newest|relevance", help="Which of the papers found come first.")
    ] = "newest",
    database: DatabaseOption = None,
    format_: FormatOption = None,
    debug: DebugOption = False,
) -> int:
    """Add papers from arXiv, by id or by a query. arXiv is asked once in three seconds at most."""
    out = _output(context, format_)
    if bool(ids) == (query is not None):
        said = "both were given" if ids else "neither was given"
        raise InvalidParameterError(f"give ids or --query; {said}. An id is such as 2406.06581")
    count = whole_number("--max", most)
    with web_extra("add"):
        from workingpapers.daily.importers import arxiv as importer
        from workingpapers.daily.importers.client import Client

    with opened("add", database) as db, Client(db, tell=out.note) as client:
        with bar(out, "arXiv", "papers") as progress:
            if ids:
                entries = importer.by_ids(client, ids, progress)
            else:
                wanted = importer.checked_order(order)
                entries = importer.by_query(client, query or "", most=count, order=wanted, progress=progress)
        return _add(db, entries, out)


@group.command(
    "hf",
    epilog=examples(
        "workingpapers add hf --date 2026-11-20",
        "workingpapers add hf --month 2026-10 --max 500",
        'workingpapers add hf --search "state space models"',
    ),
)
def hf(
    context: typer.Context,
    date: Annotated[
        str | None, typer.Option("--date", metavar="DAY", help="Those of a day.", show_default="the newest")
    ] = None,
    week: Annotated[
        str | None, typer.Option("--week", metavar="WEEK", help="Those of a week: 2026-W47.", show_default=False)
    ] = None,
    month: Annotated[
        str | None, typer.Option("--month", metavar="MONTH", help="Those of a month: 2026-11.", show_default=False)
    ] = None,
    search: Annotated[
        str | None, typer.Option("--search", metavar="TEXT", help="Those that the Hub finds.", show_default=False)
    ] = None,
    most: MostOption = "100",
    database: DatabaseOption = None,
    format_: FormatOption = None,
    debug: DebugOption = False,
) -> int:
    """Add the daily papers of the Hugging Face Hub, with their upvotes, or those that its search finds."""
    out = _output(context, format_)
    given = {"--date": date, "--week": week, "--month": month, "--search": search}
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise InvalidParameterError(f"{' and '.join(named)} exclude each other; give one of them")
    count = whole_number("--max", most)
    with web_extra("add"):
        from workingpapers.daily.importers import hugging_face
        from workingpapers.daily.importers.client import Client

    with opened("add", database) as db, Client(db, tell=out.note) as client:
        with bar(out, "Hugging Face", "papers") as progress:
            if search is not None:
                entries = hugging_face.by_query(client, search, most=count)
            else:
                entries = hugging_face.daily(client, day=date, week=week, month=month, most=count, progress=progress)
        return _add(db, entries, out)


@group.command("bibtex", epilog=examples("workingpapers add bibtex library.bib"))
def bibtex(
    context: typer.Context,
    file: FileArgument,
    database: DatabaseOption = None,
    format_: FormatOption = None,
    debug: DebugOption = False,
) -> int:
    """Add the papers of a BibTeX file. Entries that cannot be read are passed over, with a warning that says which."""
    out = _output(context, format_)
    with web_extra("add"):
        from workingpapers.daily.importers import bibtex as importer

        passed: list[str] = []
        with bar(out, file, "papers"):
            entries = importer.read_file(Path(file), passed.append)
    return _add_file(entries, passed, database, out)


@group.command("json", epilog=examples("workingpapers add json papers.json"))
def json(
    context: typer.Context,
    file: FileArgument,
    database: DatabaseOption = None,
    format_: FormatOption = None,
    debug: DebugOption = False,
) -> int:
    """Add the papers of a JSON file: a list of objects with a title and what else is known, or one object a line.

    Keys: title, summary, authors, author_count, published, listed, arxiv, topics, url, code_url, upvotes.
    """
    out = _output(context, format_)
    with web_extra("add"):
        from workingpapers.daily.importers import json_file

        passed: list[str] = []
        with bar(out, file, "papers"):
            entries = json_file.read_file(Path(file), passed.append)
    return _add_file(entries, passed, database, out)


def _output(context: typer.Context, format_: str | None) -> Output:
    """The output in the format given after the source, else after the verb, else before it."""
    above = context.parent.params.get("format_") if context.parent is not None else None
    return output(context, format_ or above)


def _add_file(entries: "Sequence[PaperEntry]", passed: Sequence[str], path: str | None, out: Output) -> int:
    for text in passed:
        out.warn(text)
    with opened("add", path) as database:
        return _add(database, entries, out, passed)


def _add(database: "Database", entries: "Sequence[PaperEntry]", out: Output, passed: Sequence[str] = ()) -> int:
    """Bring the papers in and say what became of them."""
    from workingpapers.daily.importers.adding import import_papers

    report = import_papers(database, entries)
    titles = _titles(database, report)
    groups = {"added": report.added, "updated": report.updated, "unchanged": report.unchanged}
    out.deliver(
        data=lambda: {
            **{name: [titles[id_] for id_ in ids] for name, ids in groups.items()},
            "passed_over": list(passed),
        },
        values=lambda: (titles[id_]["key"] for id_ in (*report.added, *report.updated)),
        view=lambda: _view(groups, titles, out),
    )
    out.hint("workingpapers serve")
    return 0


def _titles(database: "Database", report: "ImportReport") -> dict[int, dict[str, str]]:
    """What the papers are called in an address, and their titles."""
    from sqlalchemy import select

    from workingpapers.daily.identity import paper_key
    from workingpapers.daily.tables import PaperRow

    ids = [*report.added, *report.updated, *report.unchanged]
    found = {}
    with database.read() as session:
        for start in range(0, len(ids), 1000):
            for row in session.scalars(select(PaperRow).where(PaperRow.id.in_(ids[start : start + 1000]))):
                found[row.id] = {"key": paper_key(row), "title": row.title}
    return found


def _view(groups: Mapping[str, Sequence[int]], titles: Mapping[int, Mapping[str, str]], out: Output) -> None:
    for name in ("added", "updated"):
        for id_ in groups[name][:_SHOWN]:
            out.line(f"{name:9} ", f"{titles[id_]['key']}  {titles[id_]['title']}")
        if len(groups[name]) > _SHOWN:
            out.line("", f"          and {len(groups[name]) - _SHOWN:,} more")
    out.line("", ", ".join(f"{len(ids):,} {name}" for name, ids in groups.items()))
