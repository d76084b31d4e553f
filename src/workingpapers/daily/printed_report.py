"""A run's report as one HTML file that can be kept and printed, made from its report.json.

Shipped runs come without the file that `workingpapers run` writes beside it; what is made here is the same document.
"""

from pathlib import Path

from sqlalchemy.orm import Session

from workingpapers.bench import registry
from workingpapers.bench.report import ReportContent
from workingpapers.daily.reports import pictures_in, run_row
from workingpapers.daily.stored_runs import read_report
from workingpapers.daily.tables import PaperRow
from workingpapers.daily.verdict_texts import verdicts_of
from workingpapers.errors import DamagedRecordError, NoResultError, WorkingPapersError


def printed_report(session: Session, paper: PaperRow, run_id: str | None = None) -> str:
    """The self-contained HTML report of the run that a paper's card shows, or of another run of it.

    Raises:
        NoResultError: the paper has no run whose report is there, or no room any more.
        UnknownNameError: the paper has no such run.
    """
    row = run_row(session, paper, run_id)
    if row is None or not row.folder or paper.slug is None:
        raise NoResultError(f"there is no report of {paper.title!r} yet; run it once, and there is")
    folder = Path(row.folder)
    try:
        report = read_report(folder, row.id)
        verdicts = verdicts_of(report)
        room = registry.find(paper.slug)
    except (OSError, DamagedRecordError) as error:
        raise NoResultError(f"the report of run {row.id} cannot be read: {error}; run the paper again") from error
    except WorkingPapersError as error:
        raise NoResultError(f"there is no room of {paper.title!r} any more: {error}") from error
    page = room.folder / "page.md"
    content = ReportContent(
        paper=room,
        scale=row.scale,
        run=row.id,
        verdicts=verdicts,
        pictures=tuple((one.name, one.caption, one.path.read_bytes()) for one in pictures_in(folder / "figures")),
        environment=report["environment"],
        settings=report["settings"],
        seeds=tuple(report["seeds"]),
        data=tuple(report["data"]),
        page=page.read_text(encoding="utf-8") if page.is_file() else "",
        marks=tuple(row.marks),
        errors=tuple(report["errors"]),
        created=report["created"],
    )
    from workingpapers.bench.report.html import report_html

    return report_html(content)
