"""What a paper's page shows of a run, read from the run's report.json and the room's page.md."""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from workingpapers.bench import registry
from workingpapers.bench.protocols import Verdict
from workingpapers.bench.report import words
from workingpapers.bench.report.forest import forest_svg
from workingpapers.bench.report.numbers import format_number, is_boolean, typeset
from workingpapers.bench.report.page_md import page_sections
from workingpapers.daily.stored_runs import read_report
from workingpapers.daily.tables import PaperRow, RunRow, VerdictRow
from workingpapers.daily.verdict_texts import VerdictTexts, texts_of, verdicts_of
from workingpapers.errors import DamagedRecordError, UnknownNameError, WorkingPapersError


@dataclass(frozen=True)
class RunFacts:
    """A run as the database knows it.

    Args:
        id: The engine's id.
        scale: Scale of the run.
        origin: `shipped` with the package, or `store` for measured here.
        finished: When.
        code: Hash of the code that measured.
        seconds: What all trials took together, None where that is unknown.
        seeds: How many trials.
        counts: How many claims got each verdict.
        marks: What a reader must know before trusting the numbers.
        newest: Whether this is the run that cards show.
        here: Whether its records are still there; else only its verdicts are known.
    """

    id: str
    scale: str
    origin: str
    finished: datetime
    code: str
    seconds: float | None
    seeds: int
    counts: Mapping[str, int]
    marks: tuple[str, ...]
    newest: bool
    here: bool


@dataclass(frozen=True)
class ClaimReport(VerdictTexts):
    """One claim with its evidence.

    Args:
        kind: Kind of the claim.
        metric: What the number is.
        source: Where the paper says it.
        control_arm: The arm on which the predicate must fail, in words, or None.
        no_control: Why there is no control, or None.
        judged_from: Smallest scale at which it may be decided.
        timing: Whether the number is a measured time or memory.
        per_seed: The number of each seed.
        control_per_seed: The control's number of each seed.
        forest: The row of the forest plot as SVG; it needs the classes of the house's `forest.css`.
        numbers: The claim's object in report.json, for programs.
    """

    kind: str
    metric: str
    source: str
    control_arm: str | None
    no_control: str | None
    judged_from: str
    timing: bool
    per_seed: tuple[str, ...]
    control_per_seed: tuple[str, ...]
    forest: str
    numbers: Mapping[str, Any]


@dataclass(frozen=True)
class PictureFile:
    """A figure of a run: its name, what to see on it, its size in pixels, and its PNG file."""

    name: str
    caption: str
    width: int
    height: int
    path: Path


@dataclass(frozen=True)
class Report:
    """What one run's report.json holds, ready to be shown.

    Args:
        claims: One for each claim, in the order of the paper.
        shared_reason: The reason that all verdicts share, to be said once, or None.
        pictures: The figures that are there.
        environment: Titled groups of (label, text): machine, run, software.
        settings: Pairs of (setting, text).
        data: The data sets, each with `name`, `source` and `sha256`.
        seeds: Trial seeds.
        seconds: Wall-clock seconds of the command.
        peak_memory_mb: Largest resident memory of a trial, or None.
        created: When the report was made.
    """

    claims: tuple[ClaimReport, ...]
    shared_reason: str | None
    pictures: tuple[PictureFile, ...]
    environment: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    settings: tuple[tuple[str, str], ...]
    data: tuple[Mapping[str, str], ...]
    seeds: tuple[int, ...]
    seconds: float | None
    peak_memory_mb: float | None
    created: str


@dataclass(frozen=True)
class PaperReport(Report):
    """A run of a paper: what the database knows of it (`run`) and what its report holds."""

    run: RunFacts


def report_of(session: Session, paper: PaperRow, run_id: str | None = None) -> PaperReport | None:
    """The report of the run that a paper's card shows.

    Args:
        session: Any.
        paper: The paper.
        run_id: Another run of it.

    Returns:
        None where there is no run, or its records are gone or damaged.

    Raises:
        UnknownNameError: the paper has no such run.
    """
    row = run_row(session, paper, run_id)
    if row is None or not row.folder:
        return None
    folder = Path(row.folder)
    try:
        modified = (folder / "report.json").stat().st_mtime_ns
        report = _report(folder, row.id, modified, f"{paper.slug or 'forest'}")
    except (OSError, DamagedRecordError):
        return None
    return PaperReport(**vars(report), run=_facts(row))


def sections_of(slug: str) -> Mapping[str, str]:
    """The sections of a room's page.md as HTML by heading; empty where there is no such room.

    `bench.report.page_md.SECTIONS` are the headings. Markup in the page is escaped.
    """
    try:
        page = registry.find(slug).folder / "page.md"
        return _sections(page, page.stat().st_mtime_ns)
    except (WorkingPapersError, OSError):
        return {}


def history(session: Session, paper_id: int) -> list[tuple[RunFacts, dict[str, str]]]:
    """Every finished run of a paper with each claim's verdict, newest first."""
    runs = session.scalars(
        select(RunRow).where(RunRow.paper_id == paper_id).order_by(RunRow.finished.desc(), RunRow.id.desc())
    ).all()
    verdicts: dict[str, dict[str, str]] = {run.id: {} for run in runs}
    for row in session.scalars(select(VerdictRow).join(RunRow).where(RunRow.paper_id == paper_id)):
        verdicts[row.run_id][row.claim] = row.verdict
    return [(_facts(run), verdicts[run.id]) for run in runs]


def picture_file(session: Session, run_id: str, name: str) -> Path:
    """The PNG file of a run's figure.

    Raises:
        UnknownNameError: there is no such run, or it has no figure of that name.
    """
    row = session.get(RunRow, run_id)
    if row is not None and row.folder:
        for picture in pictures_in(Path(row.folder) / "figures"):
            if picture.name == name:
                return picture.path
    raise UnknownNameError(f"run {run_id!r} has no figure {name!r}; the paper's page shows those that there are")


def run_row(session: Session, paper: PaperRow, run_id: str | None) -> RunRow | None:
    """The run that a paper's card shows, or the named one; None where it has none.

    Raises:
        UnknownNameError: the paper has no such run.
    """
    if run_id is None:
        return session.scalar(select(RunRow).where(RunRow.paper_id == paper.id, RunRow.newest))
    row = session.get(RunRow, run_id)
    if row is None or row.paper_id != paper.id:
        raise UnknownNameError(f"{paper.title!r} has no run {run_id!r}; its page lists the runs that there are")
    return row


def _facts(row: RunRow) -> RunFacts:
    return RunFacts(
        id=row.id,
        scale=row.scale,
        origin=row.origin,
        finished=row.finished,
        code=row.code,
        seconds=row.seconds,
        seeds=row.seeds,
        counts=dict(row.counts),
        marks=tuple(row.marks),
        newest=row.newest,
        here=bool(row.folder),
    )


@functools.lru_cache(maxsize=256)
def _report(folder: Path, run_id: str, modified: int, prefix: str) -> Report:
    """`modified` only keys the cache."""
    report = read_report(folder, run_id)
    verdicts = verdicts_of(report)
    environment = report["environment"]
    return Report(
        claims=tuple(_claim(verdict, found, prefix) for verdict, found in zip(verdicts, report["claims"], strict=True)),
        shared_reason=words.shared_reason(verdicts),
        pictures=pictures_in(folder / "figures"),
        environment=tuple((title, tuple(rows)) for title, rows in words.environment_groups(environment)),
        settings=tuple((name, words.as_text(value)) for name, value in report["settings"].items()),
        data=tuple(report["data"]),
        seeds=tuple(report["seeds"]),
        seconds=environment.get("seconds"),
        peak_memory_mb=environment.get("peak_memory_mb"),
        created=report["created"],
    )


def _claim(verdict: Verdict, found: Mapping[str, Any], prefix: str) -> ClaimReport:
    claim = verdict.claim
    boolean = is_boolean(claim)
    measured, control = (
        tuple(typeset(format_number(number, boolean=boolean)) for number in side.per_seed) if side else ()
        for side in (verdict.measured, verdict.control)
    )
    return ClaimReport(
        **vars(texts_of(verdict)),
        kind=claim.kind,
        metric=claim.metric,
        source=claim.source,
        control_arm=claim.control,
        no_control=claim.no_control,
        judged_from=claim.judged_from,
        timing=claim.timing,
        per_seed=measured,
        control_per_seed=control,
        forest=forest_svg(verdict, prefix=prefix),
        numbers=found,
    )


def pictures_in(folder: Path) -> tuple[PictureFile, ...]:
    """The figures in the order in which they were drawn; a name that leads out of the folder is none."""
    try:
        captions = json.loads((folder / "captions.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ()
    found = []
    for name, caption in captions.items():
        path = folder / f"{name}.png"
        size = _png_size(path) if path.parent == folder else None
        if size is not None:
            found.append(PictureFile(name, str(caption), *size, path))
    return tuple(found)


def _png_size(path: Path) -> tuple[int, int] | None:
    """Width and height, which stand in the first chunk of a PNG file; None where it is none."""
    try:
        with path.open("rb") as file:
            head = file.read(24)
    except OSError:
        return None
    if not head.startswith(b"\x89PNG\r\n\x1a\n") or len(head) < 24:
        return None
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")


@functools.lru_cache(maxsize=256)
def _sections(page: Path, modified: int) -> Mapping[str, str]:
    """`modified` only keys the cache."""
    return page_sections(page.read_text(encoding="utf-8"))
