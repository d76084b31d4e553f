"""`workingpapers show`: what a paper says, how its claims fare, how to use it."""

from textwrap import indent
from typing import TYPE_CHECKING, Any

import typer

from workingpapers.cli.options import (
    DEFAULT_STORE,
    DebugOption,
    FormatOption,
    SlugArgument,
    StoreOption,
    examples,
    output,
)
from workingpapers.cli.output import Output
from workingpapers.cli.rooms import newest_or_none, origin, warn_of_broken

if TYPE_CHECKING:
    from workingpapers.bench.protocols import Paper, VerdictName
    from workingpapers.bench.results import LoadedRun


def add_to(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command(
        "show",
        epilog=examples(
            "workingpapers show arnet",
            "workingpapers show 1911.12436",
            "workingpapers show arnet --format json",
        ),
    )(show)


def show(
    context: typer.Context,
    slug: SlugArgument,
    store: StoreOption = DEFAULT_STORE,
    format_: FormatOption = None,
    debug: DebugOption = False,
) -> int:
    """Show a paper: its summary, its claims with verdicts, and how to use it."""
    out = output(context, format_)
    from workingpapers.bench import registry

    warn_of_broken(out)
    paper = registry.find(slug)
    run = newest_or_none(paper, store, out)
    out.deliver(
        data=lambda: _json(paper, run),
        values=lambda: (f"{claim.id}\t{_verdict(run, claim.id)}" for claim in paper.claims),
        view=lambda: _view(paper, run, out),
    )
    out.hint(f"workingpapers {'check' if run else 'run'} {paper.slug}")
    return 0


def _verdict(run: "LoadedRun | None", claim_id: str) -> "VerdictName":
    if run is None:
        return "not tested"
    return next(verdict.name for verdict in run.verdicts if verdict.claim.id == claim_id)


def _json(paper: "Paper", run: "LoadedRun | None") -> dict[str, Any]:
    return {
        "slug": paper.slug,
        "title": paper.title,
        "arxiv": paper.arxiv,
        "published": paper.published,
        "authors": list(paper.authors),
        "topics": list(paper.topics),
        "summary": paper.summary,
        "code": paper.code,
        "licence": paper.licence,
        "usage": paper.usage,
        "page": str(paper.folder / "page.md"),
        "claims": [
            {
                "id": claim.id,
                "says": claim.says,
                "kind": claim.kind,
                "predicate": claim.predicate,
                "published": claim.published,
                "verdict": _verdict(run, claim.id),
            }
            for claim in paper.claims
        ],
        "result": None
        if run is None
        else {"run": run.manifest.id, "scale": run.scale, "origin": run.origin, "marks": list(run.marks)},
    }


def _view(paper: "Paper", run: "LoadedRun | None", out: Output) -> None:
    from rich.syntax import Syntax
    from rich.table import Table
    from rich.text import Text

    from workingpapers.bench.report.words import SYMBOLS

    styles = {"holds": "bold green", "does not hold": "bold red", "undecided": "bold yellow", "not tested": "dim"}
    claims = Table.grid(padding=(0, 2, 0, 0))
    claims.add_column(no_wrap=True)
    claims.add_column(ratio=1)
    for claim in paper.claims:
        name = _verdict(run, claim.id)
        says = Text.assemble(claim.says, ("  ", ""), (claim.predicate.replace(" ", "\u00a0"), "dim"))
        claims.add_row(Text(f"{SYMBOLS[name]} {name}", style=styles[name]), says)
    out.show(Text(paper.title, style="bold"), Text(", ".join(paper.authors)))
    out.show(Text(f"arXiv {paper.arxiv} · {paper.published} · {', '.join(paper.topics)}", style="dim"), "")
    out.show(Text(paper.summary), "")
    out.show(Text.assemble(("Claims", "bold"), f" ({origin(run)})"), claims)
    for mark in run.marks if run else ():
        out.show(Text.assemble(("note: ", "bold yellow"), mark))
    out.show("", Text("Use it", style="bold"))
    code = Syntax("", "python", theme="ansi_dark", background_color="default")
    out.show(code.highlight(indent(paper.usage, "  ")), broken=False)
    out.line("page  ", str(paper.folder / "page.md"))
    if paper.code:
        out.line("code  ", paper.code + (f" ({paper.licence})" if paper.licence else ""))
