"""What `run` does with each finished paper: publish its report, show its verdicts, remember what went wrong."""

import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workingpapers.bench import publish
from workingpapers.bench.event_file import EventFile
from workingpapers.bench.progress import RichWatcher, SilentWatcher
from workingpapers.bench.protocols import Paper
from workingpapers.bench.report import report_json, verdict_json
from workingpapers.bench.store import Store
from workingpapers.cli.output import Output
from workingpapers.errors import WorkingPapersError

if TYPE_CHECKING:
    from workingpapers.bench.runner import Outcome


class Outcomes:
    """Takes the outcomes of one command.

    Args:
        store: Where the runs lie.
        out: Where to print.
        papers: The papers of the command; for more than one JSON is a list, in their order.
        debug: Whether tracebacks are shown.
        events: Where the verdicts are told to programs.
    """

    def __init__(self, store: Store, out: Output, *, papers: Sequence[Paper], debug: bool, events: EventFile) -> None:
        self.store = store
        self.out = out
        self.papers = papers
        self.debug = debug
        self.events = events
        self.watcher = RichWatcher(out.stderr) if out.mode != "quiet" else SilentWatcher()
        self.failed = False
        self._shown: list[str] = []
        self._objects: dict[str, dict[str, Any]] = {}

    def unusable(self, paper: Paper, error: WorkingPapersError) -> None:
        """A paper that cannot be run; the others can."""
        self.failed = True
        self.out.error(f"{paper.slug} was left out: {error}")
        self.events.left_out(paper.slug, str(error))
        self._objects[paper.slug] = {
            "slug": paper.slug,
            "error": {"type": type(error).__name__, "message": str(error)},
        }

    def add(self, outcome: "Outcome") -> None:
        """A finished paper."""
        run = outcome.run
        report = self._publish(outcome)
        with self.watcher.paused():
            self.out.collect(lambda: self._show(outcome, report), lambda: [report] if report else [])
            for note in outcome.notes:
                self.out.warn(f"{run.paper.slug}: {note}")
            self._tell_errors(outcome)
        self._shown.append(run.paper.slug)
        content = publish.content_of(run, outcome.errors)
        self._objects[run.paper.slug] = verdict_json(content)
        self.events.verdicts(run.paper.slug, report_json(content))

    def conclude(self) -> int:
        """Print what is printed once, and return the exit code."""
        if self.out.mode == "json":
            objects = [self._objects[paper.slug] for paper in self.papers]
            self.out.json(objects if len(objects) > 1 else objects[0])
        elif self._shown:
            slug = self._shown[0]
            self.out.hint(f"workingpapers check {slug} --strict" if not self.failed else f"workingpapers show {slug}")
        return int(self.failed)

    def _publish(self, outcome: "Outcome") -> str:
        """Write the report and return where it lies, empty where a fault kept it from being written."""
        try:
            return str(publish.publish(outcome.run, errors=outcome.errors))
        except WorkingPapersError:
            raise
        except Exception as error:  # a page or a number that a report stumbles over must not cost the other papers
            self.failed = True
            self.out.error(f"{outcome.run.paper.slug}: writing the report failed: {type(error).__name__}: {error}")
            if self.debug:
                self.out.stderr.print(traceback.format_exc(), soft_wrap=True)
            return ""

    def _show(self, outcome: "Outcome", report: str) -> None:
        from workingpapers.bench.report.table import verdict_table

        run, out = outcome.run, self.out
        trials = len(run.manifest.keys)
        if self._shown:
            out.show("")
        title = f"{run.paper.slug} · {run.scale} · {trials} trial{'s' * (trials > 1)}"
        if outcome.reused:
            title += f", {outcome.reused} of them measured before"
        out.show(verdict_table(run.verdicts, title=f"{run.paper.title}\n{title}", marks=run.marks))
        figures = run.folder / "figures"
        if figures.is_dir():
            out.line("figures  ", str(figures))
        if report:
            out.line("report   ", report)

    def _tell_errors(self, outcome: "Outcome") -> None:
        slug = outcome.run.paper.slug
        repetitions = {key: number for number, key in enumerate(outcome.run.manifest.keys, start=1)}
        for key, text in outcome.errors.items():
            self.failed = True
            what = f"trial {repetitions[key]}" if key in repetitions else "drawing the figures"
            where = f"; the whole traceback is in {self.store.error_file(slug, key)}" if key in repetitions else ""
            if not where and not self.debug:
                where = "; run again with --debug to see the traceback"
            self.out.error(f"{slug}: {what} failed: {publish.last_line(text)}{where}")
            if self.debug:
                self.out.stderr.print(text, soft_wrap=True)
