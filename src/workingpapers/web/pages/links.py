"""Addresses with a query: what is at its usual value is left out, so that one list has one address."""

from collections.abc import Mapping
from urllib.parse import urlencode

from fastapi import Request

from workingpapers.daily.feed import Page
from workingpapers.daily.search.results import SearchPage


def address(path: str, /, **query: object) -> str:
    """`path` with those of `query` that are neither None nor empty; `True` is written 1 and `False` 0."""
    given = {name: int(value) if isinstance(value, bool) else value for name, value in query.items()}
    text = urlencode({name: value for name, value in given.items() if value is not None and value != ""})
    return f"{path}?{text}" if text else path


def pages(request: Request, page: Page | SearchPage) -> Mapping[str, str | None]:
    """Addresses of the pages before and after `page` with the rest of the query as it is."""
    return {"previous": _at(request, page.previous), "next": _at(request, page.next)}


def _at(request: Request, number: int | None) -> str | None:
    if number is None:
        return None
    query = {name: value for name, value in request.query_params.items() if name != "page"}
    return address(request.url.path, **query, page=None if number == 1 else number)
