"""A paper's own page, its figures, and the report of its run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from workingpapers.bench import registry
from workingpapers.bench import report as report_folder
from workingpapers.bench.protocols import SCALES
from workingpapers.daily import feed, reports, trending
from workingpapers.daily.papers import find_paper
from workingpapers.daily.printed_report import printed_report
from workingpapers.daily.reports import PaperReport, RunFacts
from workingpapers.daily.tables import ClaimRow, JobRow, PaperRow
from workingpapers.errors import WorkingPapersError
from workingpapers.web.people import person_of
from workingpapers.web.respond import page as route
from workingpapers.web.respond import respond, wants_json
from workingpapers.web.state import state_of

router = APIRouter()

_REPORT_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
"""The report is one file with its style inside; it may load nothing."""

_READING = ("How it works", "Differences from the paper", "When to use", "When not to", "Cost", "Reference")
_SHOWN_RUNS = 6


@dataclass(frozen=True)
class ScaleChoice:
    """One size at which a paper can be run.

    Args:
        name: `smoke`, `laptop` or `paper`.
        seeds: Trials unless somebody asks for another number.
        seconds: What all trials of the newest run at this scale took together, None where there is none.
    """

    name: str
    seeds: int
    seconds: float | None


@route(router, "/papers/{key}")
def paper(
    request: Request,
    key: Annotated[str, Path(description="Slug, arXiv id or number of the paper.")],
    run: Annotated[str | None, Query(description="Another run than the newest.")] = None,
) -> Response:
    """A paper: its claims with verdicts and evidence, how to use it, what it costs, how to run it."""
    state, person = state_of(request), person_of(request)
    with state.database.read() as session:
        row = find_paper(session, key)
        (card,) = feed.cards(session, [row.id], person.id)
        report = reports.report_of(session, row, run)
        history = reports.history(session, row.id)
        sections = reports.sections_of(row.slug) if row.slug and row.built else {}
        data = {
            "paper": card,
            "code_url": row.code_url,
            "usage": row.usage,
            "report": report and _report(card.key, report),
            "claims": _claims(session, row, report),
            "sections": sections,
            "scales": _scales(row, history),
            "jobs": (jobs := _jobs(session, row)),
            "history": [{"run": facts, "verdicts": verdicts} for facts, verdicts in history],
            "ranking": trending.explain(session, row.id),
        }
    data["similar"] = [
        {"paper": other, "similarity": similarity}
        for other, similarity in state.search.similar(card.id, person_id=person.id, count=6)
    ]
    texts = {name: html.replace("<pre>", '<pre tabindex="0">') for name, html in sections.items()}  # keys can scroll it
    shown = {
        "sections": texts,
        "reading": [(name, texts[name]) for name in _READING if name in texts],
        "shown_runs": _SHOWN_RUNS,
        "live": state.queue.progress_of(jobs[0]["id"]) if jobs and not wants_json(request) else None,
    }
    return respond(request, "paper.html", data if wants_json(request) else data | shown)


@router.get("/papers/{key}/report.html", summary="Report of a paper's run", response_class=HTMLResponse)
def report(request: Request, key: str, run: str | None = None) -> Response:
    """The report of the newest run, or of another one, as one HTML file that can be kept and printed."""
    with state_of(request).database.read() as session:
        text = printed_report(session, find_paper(session, key), run)
    return HTMLResponse(text, headers={"content-security-policy": _REPORT_POLICY})


@router.get("/papers/{key}/figures/{run}/{name}.png", summary="Figure of a run", response_class=FileResponse)
def figure(request: Request, key: str, run: str, name: str) -> Response:
    """A figure that a run drew."""
    with state_of(request).database.read() as session:
        find_paper(session, key)
        path = reports.picture_file(session, run, name)
    return FileResponse(path, media_type="image/png", headers={"cache-control": "private, max-age=86400"})


def _report(key: str, report: PaperReport) -> Mapping[str, Any]:
    """The report with addresses in place of paths."""
    pictures = [
        {
            "name": picture.name,
            "caption": picture.caption,
            "width": picture.width,
            "height": picture.height,
            "address": f"/papers/{key}/figures/{report.run.id}/{picture.name}.png",
        }
        for picture in report.pictures
    ]
    return vars(report) | {"pictures": pictures}


def _claims(session: Session, row: PaperRow, report: PaperReport | None) -> Sequence[Mapping[str, Any]]:
    """The claims of a paper whose evidence is not here; empty where the report has them."""
    if report is not None:
        return []
    rows = session.scalars(select(ClaimRow).where(ClaimRow.paper_id == row.id).order_by(ClaimRow.position))
    return [
        {"claim": one.claim, "says": one.says, "metric": one.metric, "predicate": one.predicate, "source": one.source}
        for one in rows
    ]


def _scales(row: PaperRow, history: Sequence[tuple[RunFacts, Mapping[str, str]]]) -> Sequence[ScaleChoice]:
    if not row.built or row.slug is None:
        return []
    try:
        seeds = registry.find(row.slug).seeds
    except WorkingPapersError:  # the room went away a moment ago
        return []
    newest = {facts.scale: facts.seconds for facts, _ in reversed(history)}
    return [ScaleChoice(scale, seeds[scale], newest.get(scale)) for scale in SCALES]


def _jobs(session: Session, row: PaperRow) -> Sequence[Mapping[str, Any]]:
    """The runs of a paper that wait or go on."""
    rows = session.scalars(
        select(JobRow).where(JobRow.slug == row.slug, JobRow.status.in_(("queued", "running"))).order_by(JobRow.id)
    )
    return [{"id": job.id, "scale": job.scale, "status": job.status} for job in rows]


@router.get("/forest.css", include_in_schema=False)
def forest_style() -> Response:
    """The look of the forest plot, the same file that a run's report carries."""
    path = FilePath(report_folder.__file__).parent / "forest.css"
    return FileResponse(path, media_type="text/css", headers={"cache-control": "private, max-age=3600"})
