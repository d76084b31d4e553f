"""`workingpapers search`: papers by words."""

from typing import TYPE_CHECKING, Annotated

import typer

from workingpapers.cli.options import DebugOption, FormatOption, examples, output
from workingpapers.cli.output import Output
from workingpapers.cli.rooms import warn_of_broken
from workingpapers.errors import InvalidParameterError

if TYPE_CHECKING:
    from workingpapers.bench.search import Hit


def add_to(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command(
        "search",
        epilog=examples(
            "workingpapers search autoregression",
            'workingpapers search "order invariance"',
            "workingpapers search fourier mixing --format json",
        ),
    )(search)


def search(
    context: typer.Context,
    query: Annotated[list[str], typer.Argument(metavar="QUERY", help="Words to look for.", show_default=False)],
    format_: FormatOption = None,
    debug: DebugOption = False,
) -> int:
    """Search titles, authors, topics, summaries and claims; the best hit comes first."""
    out = output(context, format_)
    from workingpapers.bench import registry
    from workingpapers.bench.search import search as find

    text = " ".join(query)
    if not any(character.isalnum() for character in text):
        raise InvalidParameterError(f"query {text!r} holds no word; give one or more words, such as `time series`")
    warn_of_broken(out)
    hits = find(registry.papers(), text)
    out.deliver(
        data=lambda: [
            {
                "slug": hit.paper.slug,
                "title": hit.paper.title,
                "score": round(hit.score, 4),
                "matched": list(hit.matched),
            }
            for hit in hits
        ],
        values=lambda: (hit.paper.slug for hit in hits),
        view=lambda: _view(text, hits, out),
    )
    out.hint(f"workingpapers show {hits[0].paper.slug}" if hits else "workingpapers list")
    return 0


def _view(text: str, hits: "list[Hit]", out: Output) -> None:
    if not hits:
        out.line("", f"no paper holds a word of {text!r}")
        return
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("Paper", no_wrap=True, style="bold")
    table.add_column("Title", ratio=2)
    table.add_column("Score", justify="right", no_wrap=True)
    table.add_column("Matched", ratio=1, style="green")
    for hit in hits:
        table.add_row(hit.paper.slug, hit.paper.title, f"{hit.score:.2f}", ", ".join(hit.matched))
    out.show(table)
