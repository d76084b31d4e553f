"""`workingpapers check`: the verdicts of a paper's newest run."""

from typing import Annotated

import typer

from workingpapers.cli.options import (
    DEFAULT_STORE,
    DebugOption,
    FormatOption,
    ScaleFilter,
    SlugArgument,
    StoreOption,
    examples,
    output,
)
from workingpapers.cli.rooms import newest, warn_of_broken

DOES_NOT_HOLD = 3


def add_to(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command(
        "check",
        epilog=examples(
            "workingpapers check arnet",
            "workingpapers check arnet --strict && echo every tested claim holds",
            "workingpapers check arnet --scale laptop --format json",
        ),
    )(check)


def check(
    context: typer.Context,
    slug: SlugArgument,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 3 where a claim does not hold.")] = False,
    scale: ScaleFilter = None,
    store: StoreOption = DEFAULT_STORE,
    format_: FormatOption = None,
    debug: DebugOption = False,
) -> int:
    """Show the verdicts of the newest complete run, yours or the one that is shipped.

    A claim that is undecided or not tested does not make `--strict` fail.
    """
    out = output(context, format_)
    from workingpapers.bench import publish, registry
    from workingpapers.bench.report import verdict_json
    from workingpapers.bench.report.table import verdict_table
    from workingpapers.bench.settings import check_scale

    wanted = None if scale is None else check_scale(scale)
    warn_of_broken(out)
    paper = registry.find(slug)
    run = newest(paper, store, wanted)
    title = f"{paper.title}\n{paper.slug} · {run.scale} · run {run.manifest.id}"
    out.deliver(
        data=lambda: verdict_json(publish.content_of(run)),
        values=lambda: (f"{verdict.claim.id}\t{verdict.name}" for verdict in run.verdicts),
        view=lambda: out.show(verdict_table(run.verdicts, title=title, marks=run.marks)),
    )
    if out.mode == "json":
        for mark in run.marks:
            out.warn(mark)
    renew = run.origin == "shipped" or any(mark.startswith("older code") for mark in run.marks)
    out.hint(f"workingpapers run {paper.slug}" if renew else f"workingpapers report {paper.slug}")
    violated = any(verdict.name == "does not hold" for verdict in run.verdicts)
    return DOES_NOT_HOLD if strict and violated else 0
