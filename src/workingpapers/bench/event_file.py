"""A run's events as JSON lines in a file, for programs that watch a run from outside.

Each line is one object with `at` (UTC, ISO 8601 with milliseconds) and `event`:

    start     process (its id), papers: [{slug, scale, run, trials, cached, jobs}]
    started   slug, trial (from 1)
    progress  slug, trial, done, total, text; of each trial at most five a second
    done      slug, trial
    failed    slug, trial, error (last line of the traceback)
    verdicts  slug, report (the object of the run's report.json)
    left out  slug, error: the paper cannot be run
    stop      no trial runs any more
    end       code (exit code, or null where the command raised), error: {type, message} or null

The last line of a command that was not killed is `end`. A line is written at once and whole.
"""

import json
import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from workingpapers.bench.backends import Event
from workingpapers.bench.files import explained
from workingpapers.bench.planning import Plan
from workingpapers.bench.publish import last_line

_REMEDY = "name another file with --events"
_BETWEEN_S = 0.2


class EventFile:
    """Appends the events of one command to a file; a watcher and a context manager.

    Args:
        path: The file; None writes nothing.

    Raises:
        StoreError: the file cannot be written.
    """

    def __init__(self, path: str | Path | None) -> None:
        self.code: int | None = None
        """Exit code of the command, to be set before the context ends."""
        self._path = None if path is None else Path(path)
        self._handle: int | None = None
        self._trials: dict[str, tuple[str, int]] = {}
        self._told: dict[str, float] = {}
        if self._path is not None:
            with explained("write to", self._path, _REMEDY):
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Write the end, and close the file."""
        said = None if error is None else {"type": type(error).__name__, "message": " ".join(str(error).split())}
        try:
            self._write("end", code=self.code if error is None else None, error=said)
        finally:
            if self._handle is not None:
                os.close(self._handle)
                self._handle = None

    def start(self, plans: Sequence[Plan]) -> None:
        """The papers and how many trials each has."""
        for plan in plans:
            for spec in plan.specs:
                self._trials[spec.key] = plan.paper.slug, spec.repetition + 1
        papers = [
            {
                "slug": plan.paper.slug,
                "scale": plan.manifest.scale,
                "run": plan.manifest.id,
                "trials": len(plan.specs),
                "cached": len(plan.cached),
                "jobs": plan.specs[0].jobs,
            }
            for plan in plans
        ]
        self._write("start", process=os.getpid(), papers=papers)

    def event(self, event: Event) -> None:
        """What happened to a trial."""
        slug, trial = self._trials[event.key]
        if event.kind == "progress":
            moment = time.monotonic()
            if moment - self._told.get(event.key, -_BETWEEN_S) < _BETWEEN_S and event.done < event.total:
                return
            self._told[event.key] = moment
            self._write("progress", slug=slug, trial=trial, done=event.done, total=event.total, text=event.text)
        elif event.kind == "failed":
            self._write("failed", slug=slug, trial=trial, error=last_line(event.text))
        else:
            self._write(event.kind, slug=slug, trial=trial)

    def verdicts(self, slug: str, report: Mapping[str, Any]) -> None:
        """The verdicts of a finished paper, with all that its report.json holds."""
        self._write("verdicts", slug=slug, report=report)

    def left_out(self, slug: str, error: str) -> None:
        """A paper that cannot be run."""
        self._write("left out", slug=slug, error=error)

    def stop(self) -> None:
        """No trial runs any more."""
        self._write("stop")

    def _write(self, event: str, **about: Any) -> None:
        if self._handle is None or self._path is None:
            return
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"at": at, "event": event, **about}, ensure_ascii=False, allow_nan=False)
        with explained("write to", self._path, _REMEDY):
            os.write(self._handle, line.encode() + b"\n")
