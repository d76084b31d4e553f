"""The runs that people asked for on the page: a queue in the database, worked off by processes of their own.

What was accepted is never lost and never runs twice at the same time. A run's process is noted in the database
before it does anything, so a server that was killed finds it again: one that still runs is followed, one that is
gone is started anew, and the engine takes what was finished from its store.
"""

import asyncio
import contextlib
import logging
import shutil
import threading
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from workingpapers.bench import registry
from workingpapers.bench.settings import check_scale
from workingpapers.daily.database import Database, now
from workingpapers.daily.job_views import OUTPUT, JobViews, events_path, job_row
from workingpapers.daily.measurements import sync_measurements
from workingpapers.daily.run_process import RunProcess, launch
from workingpapers.daily.run_progress import EventLog, JobProgress
from workingpapers.daily.sole_holder import SoleHolder
from workingpapers.daily.tables import JobRow, PaperRow
from workingpapers.errors import InvalidPaperError, InvalidParameterError, InvalidTypeError, UnknownNameError

MOST_SEEDS = 100
MOST_WAITING = 20
MOST_ATTEMPTS = 10

_WATCH_S = 0.2
_IDLE_S = 1.0
_TICK_S = 1.0
_KEPT_FOLDERS = 200

log = logging.getLogger("workingpapers.runs")


@dataclass
class _Job:
    """A job that is being worked on; `process` is None where none was noted before the server was killed."""

    slug: str
    process: RunProcess | None


class _TakenBackError(Exception):
    """The job was cancelled while its process was being started."""


class RunQueue:
    """Takes run requests, works them off one after the other, and tells how far they are.

    Several servers may share a database: one of them works, and another takes over when it ends.

    Args:
        database: Where the jobs are kept; their event files lie beside it.
        store_root: The engine's store.
        at_once: How many runs may work at the same time.
    """

    def __init__(self, database: Database, store_root: str | Path, *, at_once: int = 1) -> None:
        self.database = database
        self.store_root = Path(store_root)
        self.at_once = at_once
        self.folder = database.path.with_name(f"{database.path.stem}-runs")
        self._views = JobViews(database, self.folder)
        self._holder = SoleHolder(self.folder / "holder")
        self._working: dict[int, _Job] = {}
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._followed = True
        self._looks: dict[int, tuple[float, asyncio.Future[JobProgress]]] = {}

    def submit(self, person_id: int | None, slug: str, scale: str = "laptop", seeds: int | None = None) -> int:
        """Ask for a run.

        The same request, while it still waits or runs, is the same job.

        Args:
            person_id: Who asks.
            slug: A paper that is built.
            scale: `smoke`, `laptop` or `paper`.
            seeds: Trials; None is the paper's own number.

        Returns:
            The job's number. It is on disk: no kill loses it.

        Raises:
            UnknownNameError: no paper of that name.
            InvalidParameterError: the paper is not built yet, the scale or the number of seeds is not allowed, or too
                many runs wait already.
            InvalidTypeError: `slug` or `scale` is no text, or `seeds` no whole number.
        """
        known = self._runnable(slug)
        if not isinstance(scale, str):
            raise InvalidTypeError(f"scale {scale!r} is no text; give smoke, laptop or paper")
        wanted = check_scale(scale)
        if seeds is not None and (isinstance(seeds, bool) or not isinstance(seeds, int)):
            raise InvalidTypeError(f"seeds {seeds!r} is not a whole number; give one from 1 to {MOST_SEEDS}")
        if seeds is not None and not 1 <= seeds <= MOST_SEEDS:
            raise InvalidParameterError(f"seeds {seeds} is not allowed; give a number from 1 to {MOST_SEEDS}")
        with self.database.write() as session:
            same = session.scalar(
                select(JobRow.id).where(
                    JobRow.status.in_(("queued", "running")),
                    JobRow.slug == known,
                    JobRow.scale == wanted,
                    JobRow.seeds.is_not_distinct_from(seeds),
                )
            )
            if same is not None:
                return same
            waiting = session.scalar(select(func.count(JobRow.id)).where(JobRow.status == "queued")) or 0
            if waiting >= MOST_WAITING:
                raise InvalidParameterError(
                    f"{waiting} runs wait already, which is the most; wait until one is done, or cancel one"
                )
            row = JobRow(slug=known, scale=wanted, seeds=seeds, requested_by=person_id or None, requested=now())
            session.add(row)
            session.flush()
            job_id = row.id
        self._wake.set()
        return job_id

    def cancel(self, job_id: int) -> None:
        """Take a run back; its processes are ended. What was measured stays in the store.

        Raises:
            UnknownNameError: there is no such run.
            InvalidParameterError: it is over already.
        """
        with self.database.write() as session:
            row = job_row(session, job_id)
            if row.status in ("done", "failed"):
                raise InvalidParameterError(
                    f"run {job_id} is {row.status}; only one that waits or runs can be cancelled"
                )
            if row.status == "queued":
                row.finished = now()
            row.status = "cancelled"
        self._wake.set()

    def start(self) -> None:
        """Begin to work the queue off, in a thread."""
        if self._thread is None:
            self._stopping.clear()
            self._followed = True
            self._thread = threading.Thread(target=self._work, name="runs", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop working. A run in progress is interrupted and waits; the next start resumes it."""
        self.end_following()
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def progress_of(self, job_id: int) -> JobProgress:
        """How far a run is; raises `UnknownNameError` where there is none of that number."""
        return self._views.one(job_id)

    def jobs(self, limit: int = 50) -> list[JobProgress]:
        """The newest runs that were asked for, newest first."""
        return self._views.newest(limit)

    def end_following(self) -> None:
        """Have every `follow` end soon, because the server is about to stop; may be called by a signal handler."""
        self._followed = False

    async def follow(self, job_id: int) -> AsyncGenerator[JobProgress]:
        """How far a run is, again whenever that changes, and each second while it runs; ends with the run.

        Raises:
            UnknownNameError: there is no such run.
        """
        version, told = "", 0.0
        while True:
            progress = await self._seen(job_id)
            moment = time.monotonic()
            if progress.version != version or (progress.status == "running" and moment - told >= _TICK_S):
                version, told = progress.version, moment
                yield progress
            if progress.finished or not self._followed:
                self._looks.pop(job_id, None)
                return
            await asyncio.sleep(_WATCH_S)

    async def _seen(self, job_id: int) -> JobProgress:
        """How far a run is, looked at once for all who follow it."""
        kept = self._looks.get(job_id)
        if kept is None or time.monotonic() - kept[0] >= _WATCH_S / 2:
            kept = time.monotonic(), asyncio.ensure_future(asyncio.to_thread(self.progress_of, job_id))
            self._looks[job_id] = kept
        return await asyncio.shield(kept[1])  # who leaves does not end what the others wait for

    def _runnable(self, slug: str) -> str:
        """The slug of a paper that has a room."""
        if not isinstance(slug, str):
            raise InvalidTypeError(f"paper {slug!r} is no text; give a slug")
        try:
            return registry.find(slug).slug
        except InvalidPaperError as error:
            raise InvalidParameterError(f"{slug!r} cannot be run: {error}") from error
        except UnknownNameError:
            with self.database.read() as session:
                listed = session.scalar(select(PaperRow.slug).where(PaperRow.slug == slug))
            if listed is None:
                raise
            raise InvalidParameterError(
                f"{slug!r} is not built yet, so there is nothing to run; `workingpapers list` shows what can be run"
            ) from None

    def _work(self) -> None:
        try:
            adopted = False
            while not self._stopping.is_set():
                try:
                    if self._holder.take():
                        if not adopted:
                            self._adopt()
                            adopted = True
                        self._step()
                except Exception:  # a full disk or a locked database passes; the queue must outlive it
                    log.exception("the queue of runs stumbled; it goes on")
                    self._stopping.wait(_IDLE_S)
                self._wake.wait(_WATCH_S if self._working else _IDLE_S)
                self._wake.clear()
            for job_id, job in list(self._working.items()):
                with contextlib.suppress(Exception):
                    self._put_back(job_id, job)
        finally:
            self._holder.give_back()

    def _adopt(self) -> None:
        """Take over what an earlier server left."""
        with self.database.read() as session:
            left = (JobRow.status == "running") | ((JobRow.status == "cancelled") & JobRow.finished.is_(None))
            for row in session.scalars(select(JobRow).where(left)):
                noted = row.process is not None and row.process_started is not None
                process = RunProcess(row.process or 0, row.process_started or 0.0) if noted else None
                self._working[row.id] = _Job(row.slug, process)

    def _step(self) -> None:
        """See after each job that is being worked on, and begin the next where there is room."""
        for job_id, job in list(self._working.items()):
            with self.database.read() as session:
                cancelled = session.scalar(select(JobRow.status).where(JobRow.id == job_id)) == "cancelled"
            if cancelled:
                if job.process is not None:
                    job.process.end()
                self._close(job_id, "cancelled", None)
            elif job.process is None or not job.process.alive:
                self._conclude(job_id, job)
        while len(self._working) < self.at_once and not self._stopping.is_set() and self._begin():
            pass

    def _begin(self) -> bool:
        """Start the run that waits longest; whether there was one."""
        busy = [job.slug for job in self._working.values()]
        waits = select(JobRow).where(JobRow.status == "queued", JobRow.slug.not_in(busy)).order_by(JobRow.id).limit(1)
        with self.database.read() as session:  # most often there is none, and then nobody's writing is held up
            if session.scalar(waits) is None:
                return False
        with self.database.write() as session:
            row = session.scalar(waits)
            if row is None:
                return False
            row.status, row.started, row.finished, row.problem = "running", now(), None, None
            row.process, row.process_started, row.run_id = None, None, None
            row.attempts += 1
            job_id, slug, scale, seeds, attempt = row.id, row.slug, row.scale, row.seeds, row.attempts
        self._working[job_id] = _Job(slug, None)
        words = ["run", slug, "--scale", scale, "--store", str(self.store_root)]
        words += [] if seeds is None else ["--seeds", str(seeds)]
        words += ["--events", str(events_path(self.folder, job_id, attempt))]

        def note(process: RunProcess) -> None:
            with self.database.write() as session:
                row = job_row(session, job_id)
                if row.status != "running":
                    raise _TakenBackError
                row.process, row.process_started = process.id, process.began

        try:
            folder = self._fresh_folder(job_id)
            self._working[job_id].process = launch(words, folder / OUTPUT, note)
        except _TakenBackError:
            pass  # the next look closes it
        except OSError as error:
            self._close(job_id, "failed", f"it could not be started: {error}")
        return True

    def _conclude(self, job_id: int, job: _Job) -> None:
        """Note how a run ended whose process is gone; where nobody knows, it waits again."""
        with self.database.read() as session:
            row = job_row(session, job_id)
            events = EventLog(events_path(self.folder, job_id, row.attempts))
            attempts = row.attempts
        if job.process is not None:
            events.read()
        if events.ended and events.code == 0:
            self._sync()
            self._close(job_id, "done", None, events.run)
            return
        code = None if job.process is None else job.process.code
        if events.ended or code is not None:
            self._sync()
            self._close(job_id, "failed", self._problem(job_id, events, code), events.run)
        elif attempts >= MOST_ATTEMPTS:
            text = f"its process was ended {attempts} times before it was done; most often for want of memory"
            self._close(job_id, "failed", text, events.run)
        else:
            self._queue_again(job_id)

    def _problem(self, job_id: int, events: EventLog, code: int | None) -> str:
        if events.error:
            return events.error
        lines = self._views.output(job_id)
        if code is not None and code < 0:
            return f"its process was ended by signal {-code}; most often the system does that for want of memory"
        said = next((line for line in reversed(lines) if line.strip()), "it said nothing")
        return f"its process ended with exit code {code}: {said.strip()}"

    def _put_back(self, job_id: int, job: _Job) -> None:
        """Interrupt a run because the server stops."""
        if job.process is not None:
            if not job.process.alive:
                self._conclude(job_id, job)
                return
            job.process.end()
        with self.database.read() as session:
            cancelled = job_row(session, job_id).status == "cancelled"
        if cancelled:
            self._close(job_id, "cancelled", None)
        else:
            self._queue_again(job_id)

    def _queue_again(self, job_id: int) -> None:
        with self.database.write() as session:
            row = job_row(session, job_id)
            if row.status == "running":
                row.status, row.process, row.process_started = "queued", None, None
        self._working.pop(job_id, None)

    def _close(self, job_id: int, status: str, problem: str | None, run_id: str | None = None) -> None:
        with self.database.write() as session:
            row = job_row(session, job_id)
            if row.status == "running":
                row.status, row.problem = status, problem
            row.finished = now()
            row.run_id = run_id or row.run_id
        self._working.pop(job_id, None)

    def _sync(self) -> None:
        try:
            sync_measurements(self.database, self.store_root)
        except Exception:  # the run is in the store; the next look finds it
            log.exception("the measurements could not be brought into the database")

    def _fresh_folder(self, job_id: int) -> Path:
        """The job's empty folder; those of jobs long past are cleared away."""
        folder = self.folder / str(job_id)
        shutil.rmtree(folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        for other in self.folder.iterdir():
            if other.name.isdigit() and int(other.name) <= job_id - _KEPT_FOLDERS:
                shutil.rmtree(other, ignore_errors=True)
        return folder
