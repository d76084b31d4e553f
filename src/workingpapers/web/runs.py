"""Asking for runs, watching them as server-sent events, cancelling them. The pages that show them are in `pages`."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from workingpapers.bench.protocols import SCALES
from workingpapers.daily.run_queue import MOST_SEEDS
from workingpapers.errors import InvalidParameterError
from workingpapers.web.people import require
from workingpapers.web.respond import json_response, to_json, wants_json
from workingpapers.web.state import state_of

router = APIRouter()

_HEARTBEAT_S = 15.0
_LISTED = 50

_ASKED = {
    "type": "object",
    "properties": {
        "scale": {"type": "string", "enum": list(SCALES), "default": "laptop"},
        "seeds": {"type": "integer", "minimum": 1, "maximum": MOST_SEEDS},
    },
}
_BODY = {
    "requestBody": {
        "content": {kind: {"schema": _ASKED} for kind in ("application/json", "application/x-www-form-urlencoded")}
    }
}
_TO_ITS_PAGE: dict[int | str, dict[str, Any]] = {303: {"description": "For a browser: to the run's page."}}


@router.post("/papers/{slug}/run", status_code=202, responses=_TO_ITS_PAGE, openapi_extra=_BODY)
async def ask_for_run(slug: str, request: Request) -> Response:
    """Queue a run of a paper: `scale` (smoke, laptop or paper) and `seeds` (1 to 100, or left out), form or JSON."""
    person = require(request, "admin", "starting a run")
    asked, queue = await _body(request), state_of(request).queue
    scale, seeds = asked.get("scale", "laptop"), _seeds(asked.get("seeds"))
    job_id = await asyncio.to_thread(queue.submit, person.id, slug, scale, seeds)
    return await _answer(request, job_id, 202)


@router.post("/runs/{job_id}/cancel", responses=_TO_ITS_PAGE)
async def cancel_run(job_id: int, request: Request) -> Response:
    """Cancel a run; what was measured stays in the store."""
    require(request, "admin", "cancelling a run")
    await asyncio.to_thread(state_of(request).queue.cancel, job_id)
    return await _answer(request, job_id, 200)


@router.get("/runs.json")
def list_runs(request: Request) -> Response:
    """The newest runs that were asked for, newest first."""
    return _fresh(json_response({"runs": state_of(request).queue.jobs(_LISTED)}))


@router.get("/runs/{job_id}.json")
def show_run(job_id: int, request: Request) -> Response:
    """How far one run is."""
    return _fresh(json_response(state_of(request).queue.progress_of(job_id)))


@router.get("/runs/{job_id}/events", response_class=StreamingResponse)
async def follow_run(
    job_id: int, request: Request, last_event_id: Annotated[str | None, Header()] = None
) -> StreamingResponse:
    """The run as server-sent events: `progress` with the object of `/runs/{id}.json` at each change, then `end`."""
    first = await asyncio.to_thread(state_of(request).queue.progress_of, job_id)  # an unknown run is 404
    stream = _events(request, job_id, skipped=last_event_id if not first.finished else None)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


async def _events(request: Request, job_id: int, *, skipped: str | None) -> AsyncIterator[str]:
    """The stream; between changes a comment now and then, so that a connection that is gone is noticed.

    Args:
        request: The reader.
        job_id: The run.
        skipped: Version that the reader has already.
    """
    yield "retry: 1000\n\n"
    following = state_of(request).queue.follow(job_id)
    waiting = asyncio.ensure_future(anext(following, None))
    try:
        while True:
            await asyncio.wait({waiting}, timeout=_HEARTBEAT_S)
            if not waiting.done():
                yield ": still here\n\n"
                continue
            progress = waiting.result()
            if progress is None:
                return
            if progress.version != skipped:
                yield _event("progress", progress.version, to_json(progress))
            skipped = None
            if progress.finished:
                yield _event("end", progress.version, {"status": progress.status})
                return
            waiting = asyncio.ensure_future(anext(following, None))
    finally:
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
        await following.aclose()


def _event(name: str, version: str, data: Any) -> str:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return f"event: {name}\nid: {version}\ndata: {text}\n\n"


async def _body(request: Request) -> dict[str, Any]:
    """What a form or a JSON object asks for."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        async with request.form() as form:
            return dict(form)
    try:
        found = json.loads(await request.body() or b"{}")
    except (ValueError, RecursionError) as error:
        raise InvalidParameterError(f'the body is no JSON: {error}; send for example {{"scale": "smoke"}}') from error
    if not isinstance(found, dict):
        raise InvalidParameterError('the body is no JSON object; send for example {"scale": "smoke"}')
    return found


def _seeds(value: Any) -> Any:
    """A form's text as a number, empty as none; what JSON brings is checked by the queue."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text and not (text.isascii() and text.lstrip("-").isdecimal() and len(text) < 10):
        raise InvalidParameterError(f"seeds {text[:40]!r} is not a whole number; give one from 1 to 100, or none")
    return int(text) if text else None


async def _answer(request: Request, job_id: int, status: int) -> Response:
    """The run as JSON for a program, its page for a browser."""
    if wants_json(request):
        progress = await asyncio.to_thread(state_of(request).queue.progress_of, job_id)
        response = json_response(progress, status=status)
        response.headers["location"] = f"/runs/{job_id}"
        return response
    return RedirectResponse(f"/runs/{job_id}", status_code=303)


def _fresh(response: Response) -> Response:
    response.headers["cache-control"] = "no-store"
    return response
