"""`workingpapers report`: a paper's newest run as one file to read or to pass on."""

from pathlib import Path
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
from workingpapers.errors import InvalidParameterError


def add_to(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command(
        "report",
        epilog=examples(
            "workingpapers report arnet",
            "workingpapers report arnet --output arnet.html",
            "workingpapers report arnet --scale laptop --output arnet.md",
        ),
    )(report)


def report(
    context: typer.Context,
    slug: SlugArgument,
    target: Annotated[
        str | None,
        typer.Option(
            "--output",
            metavar="FILE",
            help="Write this file; .html, .json or .md says what.",
            show_default="report.html, .json and .md beside the run",
        ),
    ] = None,
    scale: ScaleFilter = None,
    store: StoreOption = DEFAULT_STORE,
    format_: FormatOption = None,
    debug: DebugOption = False,
) -> int:
    """Write the report of the newest complete run, and say where it lies.

    The HTML is one file that needs no network: claims, forest plot, figures, environment, how to use the method.
    """
    out = output(context, format_)
    from workingpapers.bench import publish, registry
    from workingpapers.bench.settings import check_scale

    wanted = None if scale is None else check_scale(scale)
    path = None if target is None else _checked(target)
    warn_of_broken(out)
    paper = registry.find(slug)
    run = newest(paper, store, wanted)
    for mark in run.marks:
        out.note(mark)
    if path is not None:
        content, remedy = publish.content_of(run), "choose another place with --output"
        publish.write_report(content, path, figures=run.folder / "figures", remedy=remedy)
        written = [path]
    else:
        # the shipped results are not ours to write into
        folder = run.folder if run.origin == "store" else Path(store) / paper.slug / "shipped"
        html = publish.publish(run, folder)
        written = [html.with_suffix(suffix) for suffix in publish.FORMATS]
    out.deliver(
        data=lambda: {
            "slug": paper.slug,
            "scale": run.scale,
            "run": run.manifest.id,
            "files": [str(file) for file in written],
        },
        values=lambda: map(str, written),
        view=lambda: out.lines("report  ", written),
    )
    out.hint(f"workingpapers check {paper.slug} --strict")
    return 0


def _checked(target: str) -> Path:
    """The file to write, if it can be one."""
    from workingpapers.bench import publish

    path = Path(target)
    if path.suffix not in publish.FORMATS:
        raise InvalidParameterError(
            f"--output {target!r}: the ending {path.suffix!r} is unknown; allowed are {', '.join(publish.FORMATS)}"
        )
    if path.is_dir():
        raise InvalidParameterError(f"--output {target!r} is a folder; name a file, such as {path.name}/report.html")
    if not path.parent.is_dir():
        raise InvalidParameterError(f"--output {target!r}: there is no folder {str(path.parent)!r}; make it first")
    return path
