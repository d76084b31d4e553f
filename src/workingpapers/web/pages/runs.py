"""The runs that people asked for, and one of them live. Their JSON and events are in `web.runs`."""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import select

from workingpapers.daily.tables import PaperRow
from workingpapers.web.respond import respond
from workingpapers.web.state import state_of

router = APIRouter(include_in_schema=False)

_LISTED = 50


@router.get("/runs")
def runs(request: Request) -> Response:
    """What runs, what waits, what is done."""
    state = state_of(request)
    jobs = state.queue.jobs(_LISTED)
    return _fresh(respond(request, "runs.html", {"runs": jobs, "titles": _titles(request, {job.slug for job in jobs})}))


@router.get("/runs/{job_id}")
def run(request: Request, job_id: int) -> Response:
    """One run: how far it is, and its verdicts as soon as there are any."""
    job = state_of(request).queue.progress_of(job_id)
    return _fresh(
        respond(request, "run.html", {"run": job, "title": _titles(request, {job.slug}).get(job.slug, job.slug)})
    )


def _titles(request: Request, slugs: set[str]) -> dict[str, str]:
    with state_of(request).database.read() as session:
        rows = session.execute(select(PaperRow.slug, PaperRow.title).where(PaperRow.slug.in_(slugs)))
        return {slug: title for slug, title in rows if slug is not None}


def _fresh(response: Response) -> Response:
    response.headers["cache-control"] = "no-store"
    return response
