"""Papers and their newest results, as several verbs look them up."""

from typing import TYPE_CHECKING

from workingpapers.cli.output import Output
from workingpapers.errors import DamagedRecordError, NoResultError, StoreError

if TYPE_CHECKING:
    from workingpapers.bench.protocols import Paper, Scale, VerdictName
    from workingpapers.bench.results import LoadedRun


def warn_of_broken(out: Output) -> None:
    """Name the rooms that cannot be used; the others work."""
    from workingpapers.bench import registry

    for room in registry.broken():
        out.warn(f"the room {room.name!r} cannot be used and is left out: {room.problem}")


def newest(paper: "Paper", root: str, scale: "Scale | None" = None) -> "LoadedRun":
    """The newest complete run of a paper, the user's own or the shipped one.

    Raises:
        NoResultError: there is none.
        DamagedRecordError: there are some, and all are damaged.
    """
    from workingpapers.bench import results
    from workingpapers.bench.store import Store

    run = results.latest(paper, Store(root), scale)
    if run is None:
        at, option = ("", "") if scale is None else (f" at the {scale} scale", f" --scale {scale}")
        raise NoResultError(
            f"there is no complete run of {paper.slug}{at} in {root!r}, and none is shipped; "
            f"`workingpapers run {paper.slug}{option}` makes one"
        )
    return run


def newest_or_none(paper: "Paper", root: str, out: Output) -> "LoadedRun | None":
    """As `newest`, for overviews: None where there is none, a warning where it cannot be read."""
    try:
        return newest(paper, root)
    except NoResultError:
        return None
    except (StoreError, DamagedRecordError) as error:
        out.warn(str(error))
        return None


def counts(paper: "Paper", run: "LoadedRun | None") -> "dict[VerdictName, int]":
    """How many claims got each verdict; without a run all are not tested."""
    from workingpapers.bench.protocols import VERDICTS

    if run is None:
        return {name: len(paper.claims) if name == "not tested" else 0 for name in VERDICTS}
    names = [verdict.name for verdict in run.verdicts]
    return {name: names.count(name) for name in VERDICTS}


def origin(run: "LoadedRun | None") -> str:
    """Where a result comes from, in few words: its scale, and what a reader must know before trusting it."""
    if run is None:
        return "not run yet"
    labels: list[str] = [run.scale]
    labels += [mark.partition(":")[0].removesuffix(" result") for mark in run.marks]
    return ", ".join(dict.fromkeys(labels))
