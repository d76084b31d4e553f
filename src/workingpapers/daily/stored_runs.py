"""The finished runs in the shipped store and the user's, as they were published, with their marks."""

import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import workingpapers
from workingpapers.bench import results
from workingpapers.bench.protocols import VERDICTS, Paper
from workingpapers.bench.results import Origin
from workingpapers.bench.store import RunManifest, Store
from workingpapers.daily.changes import CHANGED_SETTINGS
from workingpapers.daily.verdict_texts import verdicts_of
from workingpapers.errors import DamagedRecordError, WorkingPapersError

REPORT = "report.json"

_WRITING_S = 120.0
_NEEDED = ("environment", "settings", "data", "seeds", "created")


@dataclass(frozen=True)
class StoredRun:
    """One finished run in a store.

    Args:
        paper: Whose run it is.
        manifest: The engine's note of it.
        report: Its report.json.
        folder: Where it lies.
        origin: `shipped` or `store`.
        marks: What a reader must know before trusting the numbers.
    """

    paper: Paper
    manifest: RunManifest
    report: Mapping[str, Any]
    folder: Path
    origin: Origin
    marks: tuple[str, ...]


class StoredRuns:
    """Reads both stores.

    Args:
        root: The user's store.
    """

    def __init__(self, root: Path) -> None:
        shipped = results.shipped_store()
        own: tuple[Store, Origin] = Store(root), "store"
        same = root.resolve() == shipped.root.resolve()
        # the user's own first: a run that is in both is theirs
        self.places: list[tuple[Store, Origin]] = [*([] if same else [own]), (shipped, "shipped")]
        package = Path(workingpapers.__file__).parent
        self._shared = _about(path for name in ("parts", "data") for path in (package / name).rglob("*.py"))

    def fingerprint(self, paper: Paper) -> str:
        """Of every file that a paper's rows depend on: its runs, its room and the code that rooms share."""
        files = [*paper.folder.glob("*.py"), paper.folder / "paper.toml"]
        text = self._shared
        for store, origin in self.places:
            text += f"{origin} {store.root}\n"
            for folder in (store.root / paper.slug).glob("run-*"):
                files += [folder / "run.json", folder / REPORT]
        return hashlib.sha256((text + _about(files)).encode()).hexdigest()

    def of(self, paper: Paper) -> tuple[list[StoredRun], list[str]]:
        """The runs of a paper, and what could not be read, one line each."""
        found: dict[str, StoredRun] = {}
        problems: list[str] = []
        for store, origin in self.places:
            problems += [f"{path}: does not match its checksum; passed over" for path in store.damaged_runs(paper.slug)]
            for manifest in store.runs(paper.slug):
                folder = store.run_folder(paper.slug, manifest.id)
                if manifest.status != "complete" or manifest.id in found or _being_written(folder):
                    continue
                try:
                    marks = results.load_run(paper, store, manifest, origin).marks
                    report = read_report(folder, manifest.id)
                except WorkingPapersError as error:
                    problems.append(f"{error}; run {manifest.id} of {paper.slug} is passed over")
                else:
                    found[manifest.id] = StoredRun(paper, manifest, report, folder.resolve(), origin, marks)
        return _with_changed_settings(list(found.values())), problems


def read_report(folder: Path, run_id: str) -> dict[str, Any]:
    """The report.json of a run.

    Raises:
        DamagedRecordError: it is missing, damaged, or of another run.
    """
    path = folder / REPORT
    try:
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if report["run"] != run_id:
            raise DamagedRecordError(f"{path}: is the report of run {report['run']}")
        names = [verdict.name for verdict in verdicts_of(report)]
        if report["counts"] != {name: names.count(name) for name in VERDICTS}:
            raise DamagedRecordError(f"{path}: its counts are not those of its verdicts")
        for name in _NEEDED:
            report[name].__len__()
    except OSError as error:
        raise DamagedRecordError(f"{path}: cannot be read: {error.strerror}") from error
    except DamagedRecordError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedRecordError(f"{path}: not a report of this package: {type(error).__name__}: {error}") from error
    return report


def _about(files: Iterable[Path]) -> str:
    """Name, time and size of each file that is there."""
    lines = []
    for path in sorted(files):
        try:
            about = path.stat()
        except OSError:
            continue
        lines.append(f"{path} {about.st_mtime_ns} {about.st_size}\n")
    return "".join(lines)


def _being_written(folder: Path) -> bool:
    """Whether a run was completed a moment ago and its report is on its way."""
    try:
        return not (folder / REPORT).exists() and time.time() - (folder / "run.json").stat().st_mtime < _WRITING_S
    except OSError:
        return False


def _with_changed_settings(runs: Sequence[StoredRun]) -> list[StoredRun]:
    """The runs, those marked that used other settings than the shipped run of the same code at the same scale."""
    shipped = {(run.manifest.scale, run.manifest.code): run for run in runs if run.origin == "shipped"}
    marked = []
    for run in runs:
        reference = shipped.get((run.manifest.scale, run.manifest.code), run).manifest.settings
        own = run.manifest.settings
        changed = sorted(name for name in own if own[name] != reference.get(name))
        if changed:
            values = ", ".join(f"{name} {own[name]!r}" for name in changed)
            run = replace(run, marks=(*run.marks, f"{CHANGED_SETTINGS}: measured with {values}"))
        marked.append(run)
    return marked
