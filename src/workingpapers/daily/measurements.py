"""What was measured: the finished runs of the shipped store and of the user's, brought into the database.

A run is taken as it was published: its verdicts are those of its report.json. Runs that are damaged are passed over
and reported. A run whose folder is gone stays in the history; its `folder` is then empty.
"""

import hashlib
import json
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from workingpapers.bench import registry
from workingpapers.bench.protocols import Paper
from workingpapers.daily.changes import decides, renew_events
from workingpapers.daily.database import Database
from workingpapers.daily.stored_runs import StoredRun, StoredRuns
from workingpapers.daily.tables import NoteRow, PaperRow, RunRow, VerdictRow

_VERDICT = ("verdict", "value", "low", "high", "n", "control", "reason")
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
        looked: Slugs of the papers of which something had changed since the last time.
    """

    added: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    looked: tuple[str, ...] = ()


def sync_measurements(database: Database, store_root: str | Path) -> SyncReport:
    """Bring `runs`, `verdicts` and `events` to what the stores hold.

    Only papers of which a file changed are read again; where none did, nothing is read and nothing is written.

    Args:
        database: Whose papers of the catalogue have rows already.
        store_root: The user's store; the shipped one is read besides.

    Raises:
        StoreError: the database cannot be written.
    """
    with _busy:
        stores = StoredRuns(Path(store_root))
        with database.read() as session:
            papers = _papers(session)
            note = session.get(NoteRow, _REMEMBERED)
            remembered: dict[str, Any] = {} if note is None else json.loads(note.value)
            states = _states(session)
        # taken before the files are read, so that what changes meanwhile is seen the next time
        files = {id_: stores.fingerprint(paper) for id_, paper in papers.items()}
        changed = {
            id_: paper
            for id_, paper in papers.items()
            if remembered.get(paper.slug, {}).get("seen") != [id_, files[id_], states.get(id_)]
        }
        if not changed:
            return SyncReport(problems=_problems(remembered, papers))
        found: list[StoredRun] = []
        problems: dict[str, list[str]] = {}
        for paper in changed.values():
            runs, problems[paper.slug] = stores.of(paper)
            found += runs
        with database.write() as session:
            added, gone = _write(session, changed, found)
            states = _states(session)
            for id_, paper in changed.items():
                seen = [id_, files[id_], states.get(id_)]
                remembered[paper.slug] = {"seen": seen, "problems": problems[paper.slug]}
            session.merge(NoteRow(name=_REMEMBERED, value=json.dumps(remembered, ensure_ascii=False)))
        for problem in (line for lines in problems.values() for line in lines):
            log.warning("%s", problem)
        looked = tuple(paper.slug for paper in changed.values())
        return SyncReport(added, gone, _problems(remembered, papers), looked)


def _papers(session: Session) -> dict[int, Paper]:
    """The papers that have both a row and a usable room."""
    rows = {row.slug: row.id for row in session.execute(select(PaperRow.slug, PaperRow.id))}
    return {rows[paper.slug]: paper for paper in registry.papers() if paper.slug in rows}


def _problems(remembered: Mapping[str, Any], papers: Mapping[int, Paper]) -> tuple[str, ...]:
    return tuple(line for paper in papers.values() for line in remembered.get(paper.slug, {}).get("problems", ()))


def _states(session: Session) -> dict[int, str]:
    """Of each paper's rows: others may bring runs too, as an import does."""
    texts: dict[int, str] = {}
    for row in session.execute(select(RunRow.paper_id, RunRow.id, RunRow.folder, RunRow.newest).order_by(RunRow.id)):
        texts[row.paper_id] = texts.get(row.paper_id, "") + f"{row.id} {row.folder} {row.newest}\n"
    return {id_: hashlib.sha256(text.encode()).hexdigest() for id_, text in texts.items()}


def _write(
    session: Session, papers: Mapping[int, Paper], found: Sequence[StoredRun]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Bring these papers' rows up to date; the ids of runs that are new and of those that are gone."""
    ids = {paper.slug: id_ for id_, paper in papers.items()}
    rows = {row.id: row for row in session.scalars(select(RunRow).where(RunRow.paper_id.in_(papers)))}
    added = []
    for run in found:
        row = rows.get(run.manifest.id) or session.get(RunRow, run.manifest.id)
        if row is None:
            row = RunRow(id=run.manifest.id, newest=False)
            session.add(row)
            added.append(row.id)
        rows[row.id] = row
        _fill(row, run, ids[run.paper.slug])
        session.flush()
        _renew_verdicts(session, run)
    started = {run.manifest.id: run.manifest.started for run in found}
    gone = [row for row in rows.values() if row.id not in started and row.folder]
    for row in gone:
        row.folder = ""
    needed = {id_: max((claim.seeds for claim in paper.claims), default=1) for id_, paper in papers.items()}
    _choose_newest(list(rows.values()), started, needed)
    session.flush()
    renew_events(session, needed)
    return tuple(added), tuple(row.id for row in gone)


def _fill(row: RunRow, run: StoredRun, paper_id: int) -> None:
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


def _renew_verdicts(session: Session, run: StoredRun) -> None:
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


def _choose_newest(rows: Sequence[RunRow], started: Mapping[str, str], needed: Mapping[int, int]) -> None:
    """Of each paper the newest run that decides, else the newest above smoke, else the newest."""
    best: dict[int, RunRow] = {}

    def rank(row: RunRow) -> tuple[bool, bool, str]:
        return decides(row, needed[row.paper_id]), row.scale != "smoke", started[row.id]

    for row in rows:
        if row.id in started and (row.paper_id not in best or rank(row) > rank(best[row.paper_id])):
            best[row.paper_id] = row
    for row in rows:
        row.newest = best.get(row.paper_id) is row
