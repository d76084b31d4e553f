"""Adding a paper by its arXiv id or address."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from workingpapers.daily.submissions import submit as add_paper
from workingpapers.errors import FetchError, InvalidParameterError, UnknownNameError
from workingpapers.web.errors import error_response, status_of
from workingpapers.web.people import require
from workingpapers.web.respond import json_response, respond, wants_json
from workingpapers.web.state import state_of

router = APIRouter()


@router.get("/submit", include_in_schema=False)
def form(request: Request) -> Response:
    """Where a paper is named."""
    require(request, "curator", "submitting a paper")
    return respond(request, "submit.html", {"paper": "", "problem": None})


@router.post("/submit", summary="Submit a paper", status_code=303)
def submit(
    request: Request, paper: Annotated[str, Form(max_length=300, description="arXiv id, or address at arXiv.")] = ""
) -> Response:
    """Add a paper by its arXiv id, or by its address at arxiv.org or huggingface.co/papers."""
    person = require(request, "curator", "submitting a paper")
    try:
        key = add_paper(state_of(request).database, person.id, paper)
    except (InvalidParameterError, UnknownNameError, FetchError) as error:
        status = status_of(error)
        if wants_json(request):
            return error_response(request, status, type(error).__name__, str(error))
        return respond(request, "submit.html", {"paper": paper, "problem": str(error)}, status=status)
    address = f"/papers/{quote(key, safe='')}"
    if wants_json(request):
        return json_response({"key": key, "address": address}, status=201)
    return RedirectResponse(address, status_code=303)
