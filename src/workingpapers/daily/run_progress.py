"""How far a run is, read from the events that its process appends to a file."""

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workingpapers.daily.verdict_texts import VerdictTexts, texts_of, verdicts_of

LOG_LINES = 40


@dataclass(frozen=True)
class TrialProgress:
    """A trial that runs: its number from 1, the stage it is in, and how far that stage is (`total` 0 is unknown)."""

    number: int
    text: str
    done: int
    total: int
    seconds: float


@dataclass(frozen=True)
class JobProgress:
    """A run that was asked for, as it stands now.

    Args:
        id: Number of the job.
        slug: The paper.
        scale: Scale of the run.
        seeds: Trials that were asked for; None is the paper's own number.
        status: `queued`, `running`, `done`, `failed` or `cancelled`.
        finished: Whether nothing changes any more: a cancelled job is finished when its processes are gone.
        position: Place in the queue from 1, None where it does not wait.
        trials_done: Trials that are in the store, those measured earlier included.
        trials_total: Trials of the run; None until it is known.
        trials: The trials that run now.
        seconds: Since the run started; None before.
        seconds_left: Estimate from trials that are finished, here or in an earlier run at this scale; else None.
        log: The newest lines of what happened and what the process printed.
        verdicts: One for each claim, None until there are any.
        run: Id of the engine's run, as soon as it is known.
        problem: Why it failed.
        requested: When it was asked for.
        version: Changes whenever there is something new to show.
    """

    id: int
    slug: str
    scale: str
    seeds: int | None
    status: str
    finished: bool
    position: int | None
    trials_done: int
    trials_total: int | None
    trials: tuple[TrialProgress, ...]
    seconds: float | None
    seconds_left: float | None
    log: tuple[str, ...]
    verdicts: tuple[VerdictTexts, ...] | None
    run: str | None
    problem: str | None
    requested: datetime
    version: str


@dataclass
class _Running:
    began: float
    text: str = ""
    done: int = 0
    total: int = 0


@dataclass
class EventLog:
    """What the events of one process add up to so far; reads only what was appended since the last time."""

    path: Path
    offset: int = 0
    run: str | None = None
    jobs: int = 1
    trials: int | None = None
    cached: int = 0
    done: int = 0
    failed: int = 0
    running: dict[int, _Running] = field(default_factory=dict)
    durations: list[float] = field(default_factory=list)
    verdicts: tuple[VerdictTexts, ...] | None = None
    ended: bool = False
    code: int | None = None
    error: str | None = None
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LOG_LINES))

    def read(self) -> None:
        """Take in what was appended."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                new = file.read()
        except OSError:
            return
        whole = new[: new.rfind(b"\n") + 1]
        self.offset += len(whole)
        for line in whole.splitlines():
            try:
                event = json.loads(line)
                self._take(event["event"], event, datetime.fromisoformat(event["at"]).timestamp())
            except (ValueError, KeyError, TypeError, AttributeError):  # a torn line costs itself only
                continue

    def trials_at(self, at: float) -> tuple[TrialProgress, ...]:
        """The trials that run at a moment, in seconds since the epoch."""
        return tuple(
            TrialProgress(number, each.text, each.done, each.total, round(max(0.0, at - each.began), 1))
            for number, each in sorted(self.running.items())
        )

    def left(self, trial_s: float | None, at: float) -> float | None:
        """Seconds to the end at a moment.

        Args:
            trial_s: Seconds of one trial in an earlier run, used until one of this run is finished.
            at: The moment, in seconds since the epoch.
        """
        if self.durations:
            trial_s = sum(self.durations) / len(self.durations)
        if trial_s is None or self.trials is None or self.ended:
            return None
        waiting = self.trials - self.cached - self.done - self.failed - len(self.running)
        under_way = sum(max(0.0, trial_s - (at - each.began)) for each in self.running.values())
        return (max(0, waiting) * trial_s + under_way) / max(1, self.jobs)

    def _take(self, kind: str, event: Mapping[str, Any], at: float) -> None:
        trial = int(event.get("trial", 0))
        match kind:
            case "start":
                (paper,) = event["papers"]
                self.run, self.jobs = paper["run"], paper["jobs"]
                self.trials, self.cached = paper["trials"], paper["cached"]
                known = f", {self.cached} of them measured before" if self.cached else ""
                self._say(at, f"run {self.run}: {_count(paper['trials'], 'trial')}{known}")
            case "started":
                self.running[trial] = _Running(at)
                self._say(at, f"trial {trial} started")
            case "progress":
                running = self.running.setdefault(trial, _Running(at))
                if running.text != event["text"]:
                    self._say(at, f"trial {trial}: {event['text']}")
                running.text, running.done, running.total = event["text"], event["done"], event["total"]
            case "done" | "failed":
                seconds = at - self.running.pop(trial, _Running(at)).began
                if kind == "done":
                    self.done += 1
                    self.durations.append(seconds)
                    self._say(at, f"trial {trial} done in {seconds:.1f} s")
                else:
                    self.failed += 1
                    self.error = f"trial {trial} failed: {event['error']}"
                    self._say(at, self.error)
            case "verdicts":
                self.run, report = event["report"]["run"], event["report"]
                self.verdicts = tuple(map(texts_of, verdicts_of(report)))
                for each in self.verdicts:
                    self._say(at, f"{each.symbol} {each.verdict}: {each.claim}")
            case "left out":
                self.error = str(event["error"])
            case "end":
                self.ended, self.code = True, event["code"]
                if event["error"]:
                    self.error = event["error"]["message"]

    def _say(self, at: float, text: str) -> None:
        self.lines.append(f"{datetime.fromtimestamp(at, UTC):%H:%M:%S} {text}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
