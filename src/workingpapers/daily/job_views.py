"""Jobs as the page shows them: their rows in the database together with what their processes told so far."""

import threading
from collections import OrderedDict
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from workingpapers.daily.database import Database
from workingpapers.daily.run_progress import LOG_LINES, EventLog, JobProgress
from workingpapers.daily.stored_runs import read_report
from workingpapers.daily.tables import JobRow, PaperRow, RunRow
from workingpapers.daily.verdict_texts import VerdictTexts, texts_of, verdicts_of
from workingpapers.errors import DamagedRecordError, UnknownNameError

OUTPUT = "output.txt"

_KEPT = 64
_LARGEST = 2**63 - 1  # that SQLite takes
_OUTPUT_BYTES = 16_384


def events_path(folder: Path, job_id: int, attempt: int) -> Path:
    """Where the process of a job's attempt tells its events."""
    return folder / str(job_id) / f"events-{attempt}.jsonl"


def job_row(session: Session, job_id: int) -> JobRow:
    """The row of a job; raises `UnknownNameError` where there is none of that number."""
    row = session.get(JobRow, job_id) if 0 < job_id <= _LARGEST else None
    if row is None:
        raise UnknownNameError(f"there is no run {job_id}; /runs lists those that there are")
    return row


class JobViews:
    """Reads jobs; what was read of an event file is kept and only its new lines are read again.

    Args:
        database: Where the jobs are.
        folder: Where their event files are.
    """

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.folder = folder
        self._logs: OrderedDict[Path, EventLog] = OrderedDict()
        self._lock = threading.Lock()

    def one(self, job_id: int) -> JobProgress:
        """One job; raises `UnknownNameError` where there is none of that number."""
        with self.database.read() as session:
            return self._view(session, job_row(session, job_id))

    def newest(self, limit: int) -> list[JobProgress]:
        """The newest jobs, newest first."""
        with self.database.read() as session:
            rows = session.scalars(select(JobRow).order_by(JobRow.id.desc()).limit(limit)).all()
            return [self._view(session, row) for row in rows]

    def output(self, job_id: int) -> list[str]:
        """The newest lines that a job's process printed."""
        try:
            with (self.folder / str(job_id) / OUTPUT).open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - _OUTPUT_BYTES))
                lines = file.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return []
        return lines[-LOG_LINES:]

    def _view(self, session: Session, row: JobRow) -> JobProgress:
        running = row.status == "running"
        until = row.finished or datetime.now(UTC)
        at, position = until.timestamp(), _position(session, row)
        trial_s = _trial_seconds(session, row) if running else None
        with self._lock:
            events = self._events(row)
            left = events.left(trial_s, at) if running else None
            return JobProgress(
                id=row.id,
                slug=row.slug,
                scale=row.scale,
                seeds=row.seeds,
                status=row.status,
                finished=row.finished is not None,
                position=position,
                trials_done=events.cached + events.done,
                trials_total=events.trials,
                trials=events.trials_at(at) if running else (),
                seconds=None if row.started is None else float(int((until - row.started).total_seconds())),
                seconds_left=None if left is None else round(left, 1),
                log=self._log(row, events),
                verdicts=events.verdicts or _stored_verdicts(session, row),
                run=row.run_id or events.run,
                problem=row.problem,
                requested=row.requested,
                version=f"{row.attempts}.{events.offset}.{row.status}.{int(row.finished is not None)}.{position or 0}",
            )

    def _events(self, row: JobRow) -> EventLog:
        """What the newest attempt told so far; while none has a process, a file there is of another job."""
        path = events_path(self.folder, row.id, row.attempts)
        if row.status == "queued" or (row.status == "running" and row.process is None):
            return EventLog(path)
        events = self._logs.pop(path, None) or EventLog(path)
        self._logs[path] = events
        while len(self._logs) > _KEPT:
            self._logs.popitem(last=False)
        events.read()
        return events

    def _log(self, row: JobRow, events: EventLog) -> tuple[str, ...]:
        """What happened; where the run failed, what its process printed too."""
        lines = list(events.lines)
        if row.status == "failed":
            lines += self.output(row.id)
        return tuple(lines[-LOG_LINES:])


def _position(session: Session, row: JobRow) -> int | None:
    if row.status != "queued":
        return None
    return session.scalar(select(func.count(JobRow.id)).where(JobRow.status == "queued", JobRow.id <= row.id))


def _trial_seconds(session: Session, row: JobRow) -> float | None:
    """What one trial took in the newest run of the paper at this scale."""
    newest = session.execute(
        select(RunRow.seconds, RunRow.seeds)
        .join(PaperRow, PaperRow.id == RunRow.paper_id)
        .where(PaperRow.slug == row.slug, RunRow.scale == row.scale, RunRow.seconds.is_not(None))
        .order_by(RunRow.finished.desc())
        .limit(1)
    ).first()
    return None if newest is None or not newest.seconds else newest.seconds / max(1, newest.seeds)


def _stored_verdicts(session: Session, row: JobRow) -> tuple[VerdictTexts, ...] | None:
    """The verdicts of a job whose events were cleared away."""
    run = None if row.run_id is None else session.get(RunRow, row.run_id)
    if run is None or not run.folder:
        return None
    try:
        return tuple(map(texts_of, verdicts_of(read_report(Path(run.folder), run.id))))
    except DamagedRecordError:
        return None
