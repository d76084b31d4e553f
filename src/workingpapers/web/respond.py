"""One answer for two kinds of readers: HTML from a template, or the same data as JSON at a path with `.json`."""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from workingpapers.web.state import state_of


def page(router: APIRouter, path: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Route a GET to a function at `path` and at `path.json` (`/` is `/index.json`).

    The function answers with `respond(request, template, data)`.
    """

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        as_json = "/index.json" if path == "/" else f"{path}.json"
        router.add_api_route(
            as_json, function, methods=["GET"], name=f"{function.__name__}_json"
        )  # before the wider path
        router.add_api_route(
            path,
            function,
            methods=["GET"],
            name=function.__name__,
            response_class=HTMLResponse,
            include_in_schema=False,
        )
        return function

    return add


def wants_json(request: Request) -> bool:
    """Whether the path ends in `.json` or is of the API, or the reader accepts JSON and not HTML."""
    path, accepted = request.scope["path"], request.headers.get("accept", "")
    return (
        path.endswith(".json")
        or path.startswith("/api/")
        or ("application/json" in accepted and "text/html" not in accepted)
    )


def respond(request: Request, template: str, data: Mapping[str, Any], *, status: int = 200) -> Response:
    """Render `data`.

    Args:
        request: Whose path says in which form.
        template: Name of the template, which sees `data`, and besides `request`, `person`, `settings` and `path`.
        data: What the page shows; dataclasses become objects in JSON.
        status: HTTP status.
    """
    if wants_json(request):
        return json_response(data, status=status)
    state = state_of(request)
    context = {"request": request, "person": request.state.person, "settings": state.settings, "path": request.url.path}
    return HTMLResponse(state.templates.get_template(template).render(context | dict(data)), status)


def json_response(data: Any, *, status: int = 200) -> Response:
    """Data as compact JSON."""
    try:
        text = _dump(data, default=_plain)
    except (TypeError, ValueError):  # a number that is not finite, or keys that are no text
        text = _dump(to_json(data))
    return Response(text.encode(), status, media_type="application/json")


_dump = partial(json.dumps, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _plain(value: Any) -> Any:
    """The outermost shell of what the encoder does not know; it comes back with what is inside."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: getattr(value, name) for name in _names(type(value))}
    if isinstance(value, Mapping):
        return dict(value)
    return to_json(value)


@cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def to_json(value: Any) -> Any:
    """Plain JSON values of dataclasses, dates, paths and containers; a number that is not finite is None."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if value - value == 0.0 else None
    if isinstance(value, datetime | date):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, Path):
        return str(value)
    return [to_json(item) for item in value]
