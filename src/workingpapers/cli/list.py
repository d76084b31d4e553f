"""`workingpapers list`: the papers, with a verdict strip each."""

import difflib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workingpapers.cli.options import DEFAULT_STORE, DebugOption, FormatOption, StoreOption, examples, output
from workingpapers.cli.output import Output
from workingpapers.cli.rooms import counts, newest_or_none, origin, warn_of_broken
from workingpapers.errors import UnknownNameError

if TYPE_CHECKING:
    from rich.text import Text

    from workingpapers.bench.protocols import Paper, VerdictName
    from workingpapers.bench.results import LoadedRun

Row = tuple["Paper", "LoadedRun | None"]


def add_to(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command(
        "list",
        epilog=examples(
            "workingpapers list",
            'workingpapers list --topic "time series"',
            "workingpapers list --format json",
        ),
    )(list_papers)


def list_papers(
    context: typer.Context,
    topic: Annotated[
        str | None, typer.Option("--topic", metavar="TOPIC", help="Only papers on this.", show_default="all topics")
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    format_: FormatOption = None,
    debug: DebugOption = False,
) -> int:
    """List the papers and how many of their claims hold."""
    out = output(context, format_)
    from workingpapers.bench import registry

    warn_of_broken(out)
    rows = [(paper, newest_or_none(paper, store, out)) for paper in _on(topic, registry.papers())]
    out.deliver(
        data=lambda: [_json(*row) for row in rows],
        values=lambda: (paper.slug for paper, _ in rows),
        view=lambda: _view(rows, out),
    )
    out.hint(f"workingpapers show {rows[0][0].slug}" if rows else "workingpapers new SLUG")
    return 0


def strip(verdicts: "Mapping[VerdictName, int]") -> "Text":
    """The counts of the verdicts with their symbols, for example `✓3 ✗1`."""
    from rich.text import Text

    from workingpapers.bench.report.words import SYMBOLS

    styles = {"holds": "green", "does not hold": "red", "undecided": "yellow", "not tested": "dim"}
    parts = [(f"{SYMBOLS[name]}{count} ", styles[name]) for name, count in verdicts.items() if count]
    text = Text.assemble(*parts)
    text.rstrip()
    return text


def _on(topic: str | None, papers: "Sequence[Paper]") -> "list[Paper]":
    """The papers on a topic; capitals do not matter, and a part of the topic's name is enough."""
    if topic is None:
        return list(papers)
    wanted = topic.strip().lower()
    found = [paper for paper in papers if any(wanted in known.lower() for known in paper.topics)]
    if not found or not wanted:
        known = sorted({name for paper in papers for name in paper.topics})
        near = difflib.get_close_matches(wanted, known, n=3, cutoff=0.0)
        raise UnknownNameError(
            f"--topic {topic!r}: no paper is on that; the nearest topics are {', '.join(map(repr, near))}. "
            "`workingpapers list` shows all papers"
        )
    return found


def _json(paper: "Paper", run: "LoadedRun | None") -> dict[str, Any]:
    return {
        "slug": paper.slug,
        "title": paper.title,
        "arxiv": paper.arxiv,
        "published": paper.published,
        "authors": list(paper.authors),
        "topics": list(paper.topics),
        "claims": len(paper.claims),
        "verdicts": counts(paper, run),
    }


def _view(rows: Sequence[Row], out: Output) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("Paper", no_wrap=True, style="bold")
    table.add_column("Title and topic", ratio=3)
    table.add_column("Verdicts", no_wrap=True)
    table.add_column("Measured", ratio=1, min_width=11)
    for paper, run in rows:
        title = Text.assemble(paper.title, ("\n" + ", ".join(paper.topics), "dim"))
        table.add_row(paper.slug, title, strip(counts(paper, run)), origin(run))
    out.show(table, "", Text("✓ holds   ✗ does not hold   ? undecided   – not tested", style="dim"))
