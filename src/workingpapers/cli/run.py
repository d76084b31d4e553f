"""`workingpapers run`: measure papers, judge their claims, write their reports."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from workingpapers.cli.options import (
    DEFAULT_STORE,
    DebugOption,
    FormatOption,
    StoreOption,
    examples,
    output,
    whole_number,
)
from workingpapers.cli.output import Output
from workingpapers.cli.rooms import warn_of_broken
from workingpapers.errors import InvalidPaperError, InvalidParameterError, WorkingPapersError

if TYPE_CHECKING:
    from workingpapers.bench.backends import Backend
    from workingpapers.bench.planning import Options, Plan
    from workingpapers.bench.protocols import Paper
    from workingpapers.bench.store import Store
    from workingpapers.cli.outcomes import Outcomes


def add_to(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command(
        "run",
        epilog=examples(
            "workingpapers run arnet",
            "workingpapers run arnet afno --scale smoke --jobs 2",
            "workingpapers run arnet --seeds 10 --set epochs=20",
            "workingpapers run --all --ray local --format json",
        ),
    )(run)


def run(
    context: typer.Context,
    slugs: Annotated[list[str] | None, typer.Argument(metavar="SLUG...", show_default=False, help="Papers.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every paper there is.")] = False,
    scale: Annotated[str, typer.Option("--scale", metavar="smoke|laptop|paper", help="How big.")] = "laptop",
    seeds: Annotated[
        str | None, typer.Option("--seeds", metavar="N", help="Trials.", show_default="the paper's own number")
    ] = None,
    jobs: Annotated[
        str | None,
        typer.Option("--jobs", metavar="N", help="Worker processes; 0 runs all in this one.", show_default="cores"),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option("--ray", metavar="ADDRESS|local", help="Run on a Ray cluster instead.", show_default=False),
    ] = None,
    device: Annotated[str, typer.Option("--device", metavar="auto|cpu|cuda|mps", help="Where to compute.")] = "auto",
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting; may be given often.", show_default=False),
    ] = None,
    base_seed: Annotated[
        str, typer.Option("--base-seed", metavar="N", help="The number that all seeds derive from.")
    ] = "0",
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure again what is stored already.")] = False,
    events: Annotated[
        str | None,
        typer.Option(
            "--events", metavar="PATH", help="Append progress and verdicts as JSON lines.", show_default=False
        ),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    format_: FormatOption = None,
    debug: DebugOption = False,
) -> int:
    """Measure one paper, several or all, and judge their claims.

    What was measured before with the same settings, seeds and code is taken from the store.

    Stop it at any moment: the same command resumes.
    """
    out = output(context, format_)
    if jobs is not None and ray is not None:
        raise InvalidParameterError(f"--jobs {jobs} and --ray {ray} exclude each other; give one of them")
    from workingpapers.bench.event_file import EventFile
    from workingpapers.bench.planning import Options
    from workingpapers.bench.settings import check_scale
    from workingpapers.bench.store import Store
    from workingpapers.cli.outcomes import Outcomes

    with EventFile(events) as file:
        options = Options(
            scale=check_scale(scale),
            seeds=None if seeds is None else whole_number("--seeds", seeds),
            jobs=None if jobs is None else whole_number("--jobs", jobs),
            device=device,
            base_seed=whole_number("--base-seed", base_seed),
            changes=tuple(changes or ()),
            fresh=fresh,
            cluster=ray is not None,
        )
        papers = _chosen(slugs or [], all_, out)
        outcomes = Outcomes(Store(store), out, papers=papers, debug=debug, events=file)
        file.code = _measure(papers, options, Store(store), ray, outcomes)
        return file.code


def _chosen(slugs: Sequence[str], all_: bool, out: Output) -> "list[Paper]":
    """The papers that the command line names, each once."""
    from workingpapers.bench import registry

    if all_ == bool(slugs):
        said = "both were given" if all_ else "neither was given"
        raise InvalidParameterError(f"give the papers to run or --all; {said}. `workingpapers list` shows the papers")
    if not all_:
        found = {paper.slug: paper for paper in map(registry.find, slugs)}
        return list(found.values())
    warn_of_broken(out)
    if not registry.papers():
        raise InvalidPaperError("there is no paper to run; `workingpapers new SLUG` makes one")
    return list(registry.papers())


def _measure(
    papers: "Sequence[Paper]", options: "Options", store: "Store", ray: str | None, outcomes: "Outcomes"
) -> int:
    """Run the papers whose experiments can be imported; the exit code."""
    from workingpapers.bench import planning, runner
    from workingpapers.bench.progress import Watchers

    usable = []
    for paper in papers:
        try:
            _check_experiment(paper)
            usable.append(paper)
        except WorkingPapersError as error:
            if len(papers) == 1:
                raise
            outcomes.unusable(paper, error)
    if usable:
        plans = planning.plan(usable, options, store)
        watcher = Watchers(outcomes.watcher, outcomes.events)
        runner.run(plans, store, _backend(plans, store, ray), watcher, outcomes.add)
    return outcomes.conclude()


def _check_experiment(paper: "Paper") -> None:
    """Import the experiment; whatever its code does wrong is an error of the room."""
    from workingpapers.bench import registry

    try:
        registry.experiment(paper)
    except WorkingPapersError:
        raise
    except Exception as error:
        raise InvalidPaperError(
            f"the experiment of {paper.slug} cannot be imported: {type(error).__name__}: {error} "
            f"(in {paper.folder}; --debug shows where)"
        ) from error


def _backend(plans: "Sequence[Plan]", store: "Store", ray: str | None) -> "Backend":
    if ray is not None:
        from workingpapers.bench.ray_backend import RayBackend

        return RayBackend(store, ray)
    from workingpapers.bench.local import LocalBackend

    return LocalBackend(store, plans[0].specs[0].jobs)
