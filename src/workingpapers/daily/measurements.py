"""What was measured: the finished runs of the shipped store and of the user's, brought into the database.

A run is taken as it was published: its verdicts are those of its report.json. Runs that are damaged are passed over
and reported. A run whose folder is gone stays in the history; its `folder` is then empty.
"""

import hashlib
import json
import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

import workingpapers
from workingpapers.bench import registry, results
from workingpapers.bench.protocols import VERDICTS, Paper
from workingpapers.bench.results import Origin
from workingpapers.bench.store import RunManifest, Store
from workingpapers.daily.changes import CHANGED_SETTINGS, decides, renew_events
from workingpapers.daily.database import Database
from workingpapers.daily.tables import NoteRow, PaperRow, RunRow, VerdictRow
from workingpapers.daily.verdict_texts import verdicts_of
from workingpapers.errors import DamagedRecordError, WorkingPapersError

REPORT = "report.json"
_VERDICT = ("verdict", "value", "low", "high", "n", "control", "reason")
_WRITING_S = 120.0
_REMEMBERED = "measurements"
_busy = threading.Lock()

log = logging.getLogger("workingpapers.runs")


@dataclass(frozen=True)
class SyncReport:
    """What a look at the stores brought.

    Args:
        added: Ids of runs that are new.
        gone: Ids of runs whose folder is not there any more.
        problems: Runs that are passed over because they cannot be read, one line each.
        looked: Whether anything had changed since the last time.
    """

    added: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    looked: bool = True


@dataclass(frozen=True)
class _Found:
    """One finished run in a store."""

    paper: Paper
    manifest: RunManifest
    report: Mapping[str, Any]
    folder: Path
    origin: Origin
    marks: tuple[str, ...]


def sync_measurements(database: Database, store_root: str | Path) -> SyncReport:
    """Bring `runs`, `verdicts` and `events` to what the stores hold; does nothing where no file changed.

    Args:
        database: Whose papers of the catalogue have rows already.
        store_root: The user's store; the shipped one is read besides.

    Raises:
        StoreError: the database cannot be written.
    """
    with _busy:
        places = _places(Path(store_root))
        with database.read() as session:
            papers = _papers(session)
            remembered = session.get(NoteRow, _REMEMBERED)
            before = {} if remembered is None else json.loads(remembered.value)
            files = _fingerprint(places, papers)  # before they are read: what changes meanwhile is seen the next time
            unchanged = files + _state(session) == before.get("fingerprint")
        if unchanged:
            return SyncReport(problems=tuple(before["problems"]), looked=False)
        problems: list[str] = []
        found: dict[str, _Found] = {}
        for store, origin in places:  # the user's own first: a run that is in both is theirs
            for paper in papers.values():
                for run in _runs_of(paper, store, origin, problems):
                    found.setdefault(run.manifest.id, run)
        with database.write() as session:
            added, gone = _write(session, papers, _with_changed_settings(found))
            fingerprint = files + _state(session)
            value = json.dumps({"fingerprint": fingerprint, "problems": problems}, ensure_ascii=False)
            session.merge(NoteRow(name=_REMEMBERED, value=value))
        for problem in problems:
            log.warning("%s", problem)
        return SyncReport(added, gone, tuple(problems))


def read_report(folder: Path, run_id: str) -> dict[str, Any]:
    """The report.json of a run.

    Raises:
        DamagedRecordError: it is missing, damaged, or of another run.
    """
    path = folder / REPORT
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        if report["run"] != run_id:
            raise DamagedRecordError(f"{path}: is the report of run {report['run']}")
        names = [verdict.name for verdict in verdicts_of(report)]
        if report["counts"] != {name: names.count(name) for name in VERDICTS}:
            raise DamagedRecordError(f"{path}: its counts are not those of its verdicts")
    except OSError as error:
        raise DamagedRecordError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, DamagedRecordError):
            raise
        raise DamagedRecordError(f"{path}: not a report of this package: {type(error).__name__}: {error}") from error
    return report


def _papers(session: Session) -> dict[int, Paper]:
    """The papers that have both a row and a usable room."""
    rows = {row.slug: row.id for row in session.execute(select(PaperRow.slug, PaperRow.id))}
    return {rows[paper.slug]: paper for paper in registry.papers() if paper.slug in rows}


def _places(store_root: Path) -> list[tuple[Store, Origin]]:
    shipped = results.shipped_store()
    if store_root.resolve() == shipped.root.resolve():
        return [(shipped, "shipped")]
    return [(Store(store_root), "store"), (shipped, "shipped")]


def _fingerprint(places: Sequence[tuple[Store, Origin]], papers: Mapping[int, Paper]) -> str:
    """Of every file that the rows depend on: the runs' files, the rooms and the code that they share."""
    digest = hashlib.sha256()
    package = Path(workingpapers.__file__).parent
    files = [path for name in ("parts", "data") for path in (package / name).rglob("*.py")]
    for id_, paper in papers.items():
        digest.update(f"{id_} {paper.slug}\n".encode())
        files += [*paper.folder.glob("*.py"), paper.folder / "paper.toml"]
        for store, origin in places:
            digest.update(f"{origin} {store.root}\n".encode())
            for folder in (store.root / paper.slug).glob("run-*"):
                files += [folder / "run.json", folder / REPORT]
    for path in sorted(files):
        try:
            about = path.stat()
        except OSError:
            continue
        digest.update(f"{path} {about.st_mtime_ns} {about.st_size}\n".encode())
    return digest.hexdigest()


def _state(session: Session) -> str:
    """Of the rows themselves: others may bring runs too, as an import does."""
    rows = session.execute(select(RunRow.id, RunRow.folder, RunRow.newest).order_by(RunRow.id))
    return hashlib.sha256(repr([tuple(row) for row in rows]).encode()).hexdigest()


def _runs_of(paper: Paper, store: Store, origin: Origin, problems: list[str]) -> Iterator[_Found]:
    problems += [f"{path}: does not match its checksum; passed over" for path in store.damaged_runs(paper.slug)]
    for manifest in store.runs(paper.slug):
        if manifest.status != "complete":
            continue
        folder = store.run_folder(paper.slug, manifest.id)
        if _being_written(folder):
            continue
        try:
            loaded = results.load_run(paper, store, manifest, origin)
            yield _Found(paper, manifest, read_report(folder, manifest.id), folder.resolve(), origin, loaded.marks)
        except WorkingPapersError as error:
            problems.append(f"{error}; run {manifest.id} of {paper.slug} is passed over")


def _being_written(folder: Path) -> bool:
    """Whether a run was completed a moment ago and its report is on its way."""
    try:
        return not (folder / REPORT).exists() and time.time() - (folder / "run.json").stat().st_mtime < _WRITING_S
    except OSError:
        return False


def _with_changed_settings(found: Mapping[str, _Found]) -> list[_Found]:
    """The runs, those marked that used other settings than the shipped run of the same code at the same scale."""
    shipped = {(run.paper.slug, run.manifest.scale, run.manifest.code): run for run in found.values() if _ships(run)}
    marked = []
    for run in found.values():
        reference = shipped.get((run.paper.slug, run.manifest.scale, run.manifest.code), run).manifest.settings
        own = run.manifest.settings
        changed = sorted(name for name in own if own[name] != reference.get(name))
        if changed:
            values = ", ".join(f"{name} {own[name]!r}" for name in changed)
            run = replace(run, marks=(*run.marks, f"{CHANGED_SETTINGS}: measured with {values}"))
        marked.append(run)
    return marked


def _ships(run: _Found) -> bool:
    return run.origin == "shipped"


def _write(session: Session, papers: Mapping[int, Paper], found: Sequence[_Found]) -> tuple[tuple[str, ...], ...]:
    """Bring the rows up to date; the ids of runs that are new and of those that are gone."""
    ids = {paper.slug: id_ for id_, paper in papers.items()}
    rows = {row.id: row for row in session.scalars(select(RunRow))}
    added = []
    for run in found:
        row = rows.get(run.manifest.id)
        if row is None:
            row = RunRow(id=run.manifest.id)
            session.add(row)
            added.append(row.id)
        _fill(row, run, ids[run.paper.slug])
        session.flush()
        _renew_verdicts(session, run)
    here = {run.manifest.id: run.manifest.started for run in found}
    gone = [row for row in rows.values() if row.id not in here and row.folder]
    for row in gone:
        row.folder, row.newest = "", False
    session.flush()
    needed = {id_: max((claim.seeds for claim in paper.claims), default=1) for id_, paper in papers.items()}
    _choose_newest(session, here, needed)
    renew_events(session, needed)
    return tuple(added), tuple(row.id for row in gone)


def _fill(row: RunRow, run: _Found, paper_id: int) -> None:
    environment = run.report["environment"]
    row.paper_id = paper_id
    row.scale = run.manifest.scale
    row.origin = run.origin
    row.finished = datetime.fromisoformat(run.manifest.finished or run.manifest.started)
    row.code = run.manifest.code
    row.seconds = environment.get("trial_seconds", environment.get("seconds"))
    row.seeds = len(run.manifest.seeds)
    row.folder = str(run.folder)
    row.counts = dict(run.report["counts"])
    row.marks = list(run.marks)
    row.newest = bool(row.newest)


def _renew_verdicts(session: Session, run: _Found) -> None:
    wanted = {claim["id"]: _verdict_values(claim) for claim in run.report["claims"]}
    there = {row.claim: row for row in session.scalars(select(VerdictRow).where(VerdictRow.run_id == run.manifest.id))}
    if {claim: tuple(getattr(row, name) for name in _VERDICT) for claim, row in there.items()} == wanted:
        return
    session.execute(delete(VerdictRow).where(VerdictRow.run_id == run.manifest.id))
    values = [
        {"run_id": run.manifest.id, "claim": claim, **dict(zip(_VERDICT, each, strict=True))}
        for claim, each in wanted.items()
    ]
    session.execute(insert(VerdictRow), values)


def _verdict_values(claim: Mapping[str, Any]) -> tuple[Any, ...]:
    control = claim["control"]
    low, high = claim["interval"] or (None, None)
    value = None if control is None else control["value"]
    return claim["verdict"], claim["value"], low, high, claim["n"], value, claim["reason"]


def _choose_newest(session: Session, started: Mapping[str, str], needed: Mapping[int, int]) -> None:
    """Of each paper the newest run that decides, else the newest above smoke, else the newest."""
    best: dict[int, RunRow] = {}
    rows = list(session.scalars(select(RunRow)))

    def rank(row: RunRow) -> tuple[bool, bool, str]:
        return decides(row, needed.get(row.paper_id)), row.scale != "smoke", started[row.id]

    for row in rows:
        if row.id in started and (row.paper_id not in best or rank(row) > rank(best[row.paper_id])):
            best[row.paper_id] = row
    for row in rows:
        row.newest = best.get(row.paper_id) is row
    session.flush()
