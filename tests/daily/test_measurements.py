"""What the stores hold comes into the database: whole, once, marked, and never on trust."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from workingpapers.bench import planning, publish, registry, results, runner
from workingpapers.bench.local import LocalBackend
from workingpapers.bench.progress import SilentWatcher
from workingpapers.bench.store import Store
from workingpapers.daily import stored_runs
from workingpapers.daily.database import Database, now
from workingpapers.daily.measurements import sync_measurements
from workingpapers.daily.reports import history
from workingpapers.daily.stored_runs import read_report
from workingpapers.daily.tables import EventRow, PaperRow, RunRow, VerdictRow
from workingpapers.daily.verdict_texts import verdicts_of

Measure = Callable[..., Path]
SHIPPED = results.shipped_store()


@pytest.fixture
def catalogued(database: Database) -> Database:
    """A database in which every paper that has a room has a row."""
    with database.write() as session:
        for paper in registry.papers():
            row = PaperRow(slug=paper.slug, title=paper.title, title_key=paper.slug, listed=date(2026, 1, 1))
            row.source, row.built, row.added, row.changed = "room", True, now(), now()
            session.add(row)
    return database


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of the user's; nothing is shipped."""
    monkeypatch.setattr(results, "shipped_store", lambda: Store(tmp_path / "shipped"))
    return tmp_path / "runs"


@pytest.fixture
def measure(root: Path) -> Measure:
    """Runs the sample room with the real engine and publishes its report; the run's folder.

    No two runs end in the same second, so that it is plain which is the newer one.
    """
    ended = [datetime.min]

    def run(*changes: str, scale: str = "laptop", into: Path = root, **options: object) -> Path:
        while ended[-1] == datetime.now().replace(microsecond=0):
            time.sleep(0.02)
        store = Store(into)
        asked = planning.Options(**{"scale": scale, "jobs": 0, "changes": ("draws=20", *changes), **options})
        plans = planning.plan([registry.find("sample-room")], asked, store)
        (outcome,) = runner.run(plans, store, LocalBackend(store, 0), SilentWatcher(), lambda outcome: None)
        ended.append(datetime.now().replace(microsecond=0))
        return publish.publish(outcome.run, errors=outcome.errors).parent

    return run


def events(database: Database) -> list[tuple[str, str | None, str]]:
    with database.read() as session:
        rows = session.scalars(select(EventRow).order_by(EventRow.id)).all()
        return [(row.claim, row.before, row.after) for row in rows]


def newest(database: Database) -> str | None:
    with database.read() as session:
        return session.scalar(select(RunRow.id).where(RunRow.newest))


def test_the_shipped_results_are_there_as_they_were_published(catalogued: Database, tmp_path: Path) -> None:
    report = sync_measurements(catalogued, tmp_path / "runs")
    assert report.problems == ()
    with catalogued.read() as session:
        rows = {row.id: row for row in session.scalars(select(RunRow))}
        assert set(rows) == set(report.added)
        assert len(rows) >= 6
        for row in rows.values():
            published = json.loads((Path(row.folder) / "report.json").read_text())
            verdicts = session.scalars(select(VerdictRow).where(VerdictRow.run_id == row.id)).all()
            names = [verdict.verdict for verdict in verdicts]
            assert row.counts == published["counts"] == {name: names.count(name) for name in row.counts}
            assert {(each.claim, each.value, each.n) for each in verdicts} == {
                (claim["id"], claim["value"], claim["n"]) for claim in published["claims"]
            }
            assert row.newest
            assert row.origin == "shipped"
            assert row.marks[0].startswith("shipped result: ")
        told = session.scalar(select(func.count(EventRow.id)))
        assert told == sum(row.counts[name] for row in rows.values() for name in row.counts if name != "not tested")


@pytest.mark.parametrize("slug", [path.parents[1].name for path in SHIPPED.root.glob("*/run-*/report.json")])
def test_a_verdict_read_from_a_report_is_the_one_that_the_engine_judges(slug: str) -> None:
    paper = registry.find(slug)
    for manifest in SHIPPED.runs(slug):
        judged = results.load_run(paper, SHIPPED, manifest, "shipped").verdicts
        read = verdicts_of(read_report(SHIPPED.run_folder(slug, manifest.id), manifest.id))
        for one, other in zip(read, judged, strict=True):
            assert (one.name, one.n, one.seeds, one.reason) == (other.name, other.n, other.seeds, other.reason)
            for mine, its in ((one.measured, other.measured), (one.control, other.control)):
                assert (mine is None) == (its is None)
                if mine is not None and its is not None:
                    assert (mine.value, mine.per_seed) == (its.value, its.per_seed)
                    assert (mine.passes, mine.fails, mine.interval.method) == (
                        its.passes,
                        its.fails,
                        its.interval.method,
                    )
                    ends = mine.interval.low, mine.interval.high
                    assert ends == pytest.approx((its.interval.low, its.interval.high), rel=1e-12)


def test_nothing_is_written_where_nothing_changed(catalogued: Database, measure: Measure, root: Path) -> None:
    measure()
    assert "sample-room" in sync_measurements(catalogued, root).looked
    version = catalogued.version()
    again = sync_measurements(catalogued, root)
    assert (again.looked, again.added) == ((), ())
    assert catalogued.version() == version
    (root / "sample-room" / "run-of-somebody").mkdir()
    assert sync_measurements(catalogued, root).looked == ()
    measure(base_seed=1)
    assert sync_measurements(catalogued, root).looked == ("sample-room",), "the others are not read again"


def test_first_verdicts_and_changed_ones_are_events(catalogued: Database, measure: Measure, root: Path) -> None:
    measure()
    sync_measurements(catalogued, root)
    first = [("always-smaller", None, "holds"), ("higher-error", None, "does not hold"), ("lower-error", None, "holds")]
    assert events(catalogued) == first
    measure("factor=1.0")  # shrinks nothing, so no error falls
    sync_measurements(catalogued, root)
    changed = [("always-smaller", "holds", "does not hold"), ("lower-error", "holds", "does not hold")]
    assert [event for event in events(catalogued) if event[1]] == changed
    measure("factor=1.0", base_seed=1)  # says the same again
    sync_measurements(catalogued, root)
    assert [event for event in events(catalogued) if event[1]] == changed
    with catalogued.read() as session:
        runs = history(session, session.scalar(select(PaperRow.id).where(PaperRow.slug == "sample-room")) or 0)
    assert [verdicts["lower-error"] for _, verdicts in runs] == ["does not hold", "does not hold", "holds"]
    assert [facts.newest for facts, _ in runs] == [True, False, False]


def test_what_decides_nothing_makes_no_event_and_is_not_what_a_card_shows(
    catalogued: Database, measure: Measure, root: Path
) -> None:
    smoke = measure(scale="smoke")
    sync_measurements(catalogued, root)
    assert newest(catalogued) == smoke.name.removeprefix("run-")  # better than nothing
    full = measure()
    told = sync_measurements(catalogued, root) and events(catalogued)
    for again in (measure("factor=1.0", scale="smoke"), measure("factor=1.0", seeds=2)):
        assert again.is_dir()
        sync_measurements(catalogued, root)
        assert events(catalogued) == told
        assert newest(catalogued) == full.name.removeprefix("run-")


def test_other_settings_than_those_of_the_shipped_run_are_marked_and_decide_nothing(
    catalogued: Database, measure: Measure, root: Path, tmp_path: Path
) -> None:
    shipped = measure(into=tmp_path / "shipped")
    measure("factor=1.0")
    sync_measurements(catalogued, root)
    assert newest(catalogued) == shipped.name.removeprefix("run-")
    assert all(before is None for _, before, _ in events(catalogued))
    with catalogued.read() as session:
        marks = {row.origin: row.marks for row in session.scalars(select(RunRow))}
    assert marks["store"] == ["changed settings: measured with factor 1.0"]


def test_a_run_that_is_shipped_and_in_the_store_is_one(
    catalogued: Database, measure: Measure, root: Path, tmp_path: Path
) -> None:
    measure()
    shutil.copytree(root, tmp_path / "shipped")
    assert len(sync_measurements(catalogued, root).added) == 1
    with catalogued.read() as session:
        assert session.scalars(select(RunRow.origin)).all() == ["store"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda run: (run / "run.json").write_text("{}"), "does not match its checksum"),
        (lambda run: (run / "report.json").write_text("[1, 2"), "not a report of this package"),
        (lambda run: (run / "report.json").unlink(), "cannot be read"),
        (lambda run: _edit(run / "report.json", "holds", "undecided"), "its counts are not those of its verdicts"),
        (lambda run: _edit(run / "report.json", run.name.removeprefix("run-"), "x"), "is the report of run x"),
        (lambda run: _edit(_trial(run), "0", "1"), "trial.jsonl"),
        (lambda run: shutil.rmtree(_trial(run).parent), "missing"),
    ],
)
def test_a_damaged_run_is_passed_over_and_told_again_each_time(
    catalogued: Database,
    measure: Measure,
    root: Path,
    spoil: Callable[[Path], object],
    said: str,
) -> None:
    sound = measure(base_seed=1)
    spoiled = measure()
    spoil(spoiled)
    os.utime(spoiled / "run.json", (0, 0))
    report = sync_measurements(catalogued, root)
    assert len(report.problems) == 1
    assert re.search(said, report.problems[0]), report.problems
    assert report.added == (sound.name.removeprefix("run-"),)
    assert sync_measurements(catalogued, root).problems == report.problems


def test_a_run_whose_folder_is_gone_stays_in_the_history(catalogued: Database, measure: Measure, root: Path) -> None:
    first, second = measure(), measure("factor=1.0")
    sync_measurements(catalogued, root)
    told = events(catalogued)
    shutil.rmtree(second)
    report = sync_measurements(catalogued, root)
    assert report.gone == (second.name.removeprefix("run-"),)
    assert newest(catalogued) == first.name.removeprefix("run-")
    assert events(catalogued) == told
    with catalogued.read() as session:
        assert session.get_one(RunRow, second.name.removeprefix("run-")).folder == ""


def test_a_report_that_is_written_while_its_run_is_read_is_found_the_next_time(
    catalogued: Database, measure: Measure, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = measure() / "report.json"
    aside = report.rename(root / "aside")

    def read_too_early(folder: Path, run_id: str) -> dict[str, object]:
        try:
            return read_report(folder, run_id)
        finally:
            if aside.exists():
                aside.rename(report)

    assert sync_measurements(catalogued, root).problems == ()  # it was completed a moment ago
    os.utime(report.parent / "run.json", (0, 0))
    monkeypatch.setattr(stored_runs, "read_report", read_too_early)
    assert len(sync_measurements(catalogued, root).problems) == 1
    assert report.exists()
    assert sync_measurements(catalogued, root).added == (report.parent.name.removeprefix("run-"),)


def test_rows_that_others_brought_are_looked_at(catalogued: Database, measure: Measure, root: Path) -> None:
    run = measure()
    sync_measurements(catalogued, root)
    with catalogued.write() as session:  # as an import of another machine's rows leaves it
        session.get_one(RunRow, run.name.removeprefix("run-")).folder = "/elsewhere"
    assert sync_measurements(catalogued, root).looked == ("sample-room",)
    with catalogued.read() as session:
        assert session.get_one(RunRow, run.name.removeprefix("run-")).folder == str(run.resolve())


def test_neither_reading_runs_nor_showing_them_imports_what_is_heavy(tmp_path: Path) -> None:
    code = """
import sys
from datetime import date, datetime
from sqlalchemy import select
from workingpapers.bench import registry
from workingpapers.daily import measurements, reports, run_queue
from workingpapers.daily import stored_runs
from workingpapers.daily.database import Database, now
from workingpapers.daily.tables import PaperRow

database = Database(sys.argv[1] + "/daily.sqlite")
with database.write() as session:
    for paper in registry.papers():
        row = PaperRow(slug=paper.slug, title=paper.title, title_key=paper.slug, listed=date(2026, 1, 1))
        row.source, row.added, row.changed = "room", now(), now()
        session.add(row)
measurements.sync_measurements(database, sys.argv[1] + "/runs")
with database.read() as session:
    shown = [reports.report_of(session, paper) for paper in session.scalars(select(PaperRow))]
assert sum(report is not None for report in shown) >= 6
queue = run_queue.RunQueue(database, sys.argv[1] + "/runs")
queue.progress_of(queue.submit(1, "arnet", "smoke"))
heavy = {"torch", "scipy", "numpy", "pandas", "sklearn", "matplotlib"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def _trial(run: Path) -> Path:
    """The file of a run's first trial."""
    key = json.loads((run / "run.json").read_text())["keys"][0]
    return run.parent / key / "trial.jsonl"


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
