"""What a paper's page shows of a run: everything that its report holds, and nothing that it does not."""

import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from workingpapers.bench import publish, registry, results
from workingpapers.bench.report.html import report_html
from workingpapers.bench.report.page_md import SECTIONS
from workingpapers.bench.store import Store
from workingpapers.daily.database import Database, now
from workingpapers.daily.measurements import sync_measurements
from workingpapers.daily.printed_report import printed_report
from workingpapers.daily.reports import history, picture_file, report_of, sections_of
from workingpapers.daily.tables import PaperRow, RunRow
from workingpapers.errors import NoResultError, UnknownNameError

SHIPPED = results.shipped_store().root


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what is shipped of one paper, to be spoiled."""
    shutil.copytree(SHIPPED / "arnet", tmp_path / "shipped" / "arnet")
    monkeypatch.setattr(results, "shipped_store", lambda: Store(tmp_path / "shipped"))
    return next((tmp_path / "shipped" / "arnet").glob("run-*"))


@pytest.fixture
def session(database: Database, shipped: Path, tmp_path: Path) -> Iterator[Session]:
    with database.write() as writing:
        for slug in ("arnet", "afno"):
            row = PaperRow(slug=slug, title=registry.find(slug).title, title_key=slug, listed=date(2026, 1, 1))
            row.source, row.added, row.changed = "room", now(), now()
            writing.add(row)
    sync_measurements(database, tmp_path / "runs")
    with database.read() as reading:
        yield reading


def paper(session: Session, slug: str = "arnet") -> PaperRow:
    return session.scalars(select(PaperRow).where(PaperRow.slug == slug)).one()


def test_the_report_is_that_of_the_run(session: Session, shipped: Path) -> None:
    published = json.loads((shipped / "report.json").read_text())
    report = report_of(session, paper(session))
    assert report is not None
    assert (report.run.id, report.run.scale, report.run.origin, report.run.newest) == (
        published["run"],
        "laptop",
        "shipped",
        True,
    )
    assert report.run.counts == published["counts"]
    assert [claim.claim for claim in report.claims] == [claim["id"] for claim in published["claims"]]
    for shown, claim in zip(report.claims, published["claims"], strict=True):
        assert (shown.verdict, shown.says, shown.n, shown.reason) == (
            claim["verdict"],
            claim["says"],
            claim["n"],
            claim["reason"],
        )
        assert (shown.predicate, shown.metric, shown.source) == (claim["predicate"], claim["metric"], claim["source"])
        assert len(shown.per_seed) == len(claim["per_seed"])
        assert shown.numbers == claim
    first = report.claims[0]
    assert (first.value, first.interval, first.control_outcome) == ("0.03603", "[0.02740, 0.04377]", "fails")
    assert first.interval_name == "range over seeds"
    assert dict(report.settings)["train_size"] == "20000"
    assert [title for title, _ in report.environment][:3] == ["Machine", "Run", "Software"]
    assert report.seeds == tuple(published["seeds"])
    assert [each["name"] for each in report.data] == [each["name"] for each in published["data"]]


def test_forest_plots_are_sound_svg_without_style_or_script(session: Session) -> None:
    report = report_of(session, paper(session))
    assert report is not None
    ids: list[str] = []
    for claim in report.claims:
        tree = ElementTree.fromstring(claim.forest)
        ids += [element.attrib["id"] for element in tree.iter() if "id" in element.attrib]
        assert not [element for element in tree.iter() if "style" in element.attrib or "script" in element.tag]
        assert any(element.attrib.get("class", "").startswith("wp-measured") for element in tree.iter())
    assert len(ids) == len(set(ids)) == 2 * len(report.claims)


def test_figures_have_their_size_and_only_they_are_given_out(session: Session, shipped: Path, tmp_path: Path) -> None:
    report = report_of(session, paper(session))
    assert report is not None
    captions = json.loads((shipped / "figures" / "captions.json").read_text())
    assert [(each.name, each.caption) for each in report.pictures] == list(captions.items())
    assert all(each.width > 100 and each.height > 100 for each in report.pictures)
    found = picture_file(session, report.run.id, report.pictures[0].name)
    assert found.read_bytes().startswith(b"\x89PNG")
    (tmp_path / "secret.png").write_bytes(found.read_bytes())
    for name in ("nothing", "../../../secret", "../report", "captions.json", "", "/etc/passwd"):
        with pytest.raises(UnknownNameError, match="has no figure"):
            picture_file(session, report.run.id, name)
    with pytest.raises(UnknownNameError, match="run 'none' has no figure"):
        picture_file(session, "none", report.pictures[0].name)


def test_a_caption_cannot_lead_out_of_the_folder(session: Session, shipped: Path, tmp_path: Path) -> None:
    shutil.copy(next((shipped / "figures").glob("*.png")), shipped / "outside.png")
    (shipped / "figures" / "fake.png").write_text("no picture")
    (shipped / "figures" / "captions.json").write_text(json.dumps({"../outside": "", "fake": "", "gone": ""}))
    with pytest.raises(UnknownNameError):
        picture_file(session, shipped.name.removeprefix("run-"), "../outside")
    with pytest.raises(UnknownNameError):
        picture_file(session, shipped.name.removeprefix("run-"), "fake")


def test_the_printed_report_is_the_one_that_the_engine_writes(session: Session, shipped: Path, tmp_path: Path) -> None:
    (shipped / "report.html").unlink(missing_ok=True)  # as in a fresh clone
    run = results.latest(registry.find("arnet"), Store(tmp_path / "runs"))
    assert run is not None
    written, made = report_html(publish.content_of(run)), printed_report(session, paper(session))
    assert len(made) > 100_000
    assert _undated(made) == _undated(written)


def _undated(html: str) -> str:
    """Without the moment at which the report was made."""
    return re.sub("<time>.*?</time>", "", html)


def test_where_there_is_no_report_there_is_none(session: Session, shipped: Path) -> None:
    assert report_of(session, paper(session, "afno")) is None
    with pytest.raises(NoResultError, match=r"there is no report of .*Fourier.* yet"):
        printed_report(session, paper(session, "afno"))
    with pytest.raises(UnknownNameError, match="has no run 'other'"):
        report_of(session, paper(session), "other")
    run_id = shipped.name.removeprefix("run-")
    with pytest.raises(UnknownNameError, match=f"has no run '{run_id}'"):  # it is another paper's
        report_of(session, paper(session, "afno"), run_id)
    (shipped / "report.json").write_text("{}")
    assert report_of(session, paper(session)) is None, "damaged since it was read"
    shutil.rmtree(shipped)
    assert report_of(session, paper(session)) is None
    with pytest.raises(NoResultError):
        printed_report(session, paper(session))
    ((facts, verdicts),) = history(session, paper(session).id)
    assert (facts.id, len(verdicts)) == (run_id, 14)


def test_what_was_read_once_is_kept_until_the_file_changes(session: Session, shipped: Path) -> None:
    first = report_of(session, paper(session))
    again = report_of(session, paper(session))
    assert first is not None
    assert again is not None
    assert again.claims is first.claims
    report = json.loads((shipped / "report.json").read_text())
    report["claims"][0]["says"] = "Something else."
    (shipped / "report.json").write_text(json.dumps(report))
    renewed = report_of(session, paper(session))
    assert renewed is not None
    assert renewed.claims[0].says == "Something else."


def test_a_run_that_lies_elsewhere_now_is_told_from_its_row(session: Session, database: Database) -> None:
    with database.write() as writing:
        writing.scalars(select(RunRow)).one().folder = ""
    with database.read() as reading:
        assert report_of(reading, paper(reading)) is None
        assert [facts.here for facts, _ in history(reading, paper(reading).id)] == [False]


def test_the_page_s_sections_are_html_by_heading() -> None:
    sections = sections_of("arnet")
    assert set(sections) <= set(SECTIONS)
    assert {"How it works", "Differences from the paper", "When not to"} <= set(sections)
    assert "<p>" in sections["How it works"]
    assert sections_of("no-such-paper") == {}
    assert sections_of("../../etc") == {}
