"""Live progress on stderr: papers, trials, the steps inside each running trial, time left."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from workingpapers.bench.backends import Event
from workingpapers.bench.planning import Plan
from workingpapers.bench.runner import Watcher

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID


class SilentWatcher:
    """Shows nothing."""

    def start(self, plans: Sequence[Plan]) -> None:
        """Nothing."""

    def event(self, event: Event) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nothing."""
        yield


class Watchers:
    """Several watchers that see the same."""

    def __init__(self, *watchers: Watcher) -> None:
        self._watchers = watchers

    def start(self, plans: Sequence[Plan]) -> None:
        """Tell all."""
        for watcher in self._watchers:
            watcher.start(plans)

    def event(self, event: Event) -> None:
        """Tell all."""
        for watcher in self._watchers:
            watcher.event(event)

    def stop(self) -> None:
        """Tell all."""
        for watcher in self._watchers:
            watcher.stop()


class RichWatcher:
    """One bar for each paper (trials) and one for each running trial (its steps). Off where stderr is no terminal."""

    def __init__(self, console: "Console") -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._papers: dict[str, TaskID] = {}
        self._trials: dict[str, TaskID] = {}
        self._owner: dict[str, tuple[str, int]] = {}

    def start(self, plans: Sequence[Plan]) -> None:
        """Show the papers."""
        self._progress.start()
        for plan in plans:
            total, done = len(plan.specs), len(plan.cached)
            self._papers[plan.paper.slug] = self._progress.add_task(
                f"[bold]{plan.paper.slug}[/] {plan.manifest.scale}", total=total, completed=done
            )
            for spec in plan.specs:
                self._owner[spec.key] = (plan.paper.slug, spec.repetition)

    def event(self, event: Event) -> None:
        """Move the bars."""
        slug, repetition = self._owner[event.key]
        if event.kind == "started":
            self._trials[event.key] = self._progress.add_task(f"  trial {repetition + 1}", total=None)
        elif event.kind == "progress" and event.key in self._trials:
            self._progress.update(
                self._trials[event.key],
                description=f"  trial {repetition + 1} {event.text}",
                total=event.total or None,
                completed=event.done,
            )
        elif event.kind in ("done", "failed"):
            if event.key in self._trials:
                self._progress.remove_task(self._trials.pop(event.key))
            self._progress.advance(self._papers[slug])

    def stop(self) -> None:
        """Take the bars away."""
        self._progress.stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Inside, the bars are away, so that a result can be printed where they were."""
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.start()
