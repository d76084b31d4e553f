"""The application: its parts, its routes, and the layers that every request passes."""

import importlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from threading import Thread
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined

import workingpapers
from workingpapers.daily.database import Database
from workingpapers.web.cache import CacheMiddleware
from workingpapers.web.errors import add_error_handlers
from workingpapers.web.people import PeopleMiddleware
from workingpapers.web.security import SecurityMiddleware
from workingpapers.web.settings import WebSettings
from workingpapers.web.state import PageState

_HERE = Path(__file__).parent
log = logging.getLogger("workingpapers.web")

_ROUTERS = (
    "api",
    "atom",
    "share",
    "runs",
    "sign_in",
    "pages.feed",
    "pages.paper",
    "pages.topics",
    "pages.search",
    "pages.marks",
    "pages.subscriptions",
    "pages.runs",
    "pages.about",
    "pages.submit",
)


def create_app(settings: WebSettings) -> FastAPI:
    """The page as an ASGI application; `app.state.page` holds its parts."""
    state = _open(settings)
    app = FastAPI(
        title="Working Papers", version=workingpapers.__version__, docs_url=None, redoc_url=None, lifespan=_lifespan
    )
    app.state.page = state
    add_error_handlers(app)
    for name in _ROUTERS:
        try:
            router: APIRouter = importlib.import_module(f"workingpapers.web.{name}").router
            app.include_router(router)
        except ImportError as error:
            log.warning("without %s: %s", name, error)
    app.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")
    # the last one added is the first that a request meets
    app.add_middleware(CacheMiddleware, state=state)
    app.add_middleware(PeopleMiddleware, state=state)
    app.add_middleware(SecurityMiddleware, settings=settings)
    return app


def _open(settings: WebSettings) -> PageState:
    database = Database(settings.database)
    search: Any = None
    queue: Any = None
    mailer: Any = None
    secret = b""
    with suppress(ImportError):
        from workingpapers.daily.search.engine import SearchEngine

        search = SearchEngine(database)
    with suppress(ImportError):
        from workingpapers.daily.run_queue import RunQueue

        queue = RunQueue(database, settings.store)
    return PageState(settings, database, _templates(), search, queue, mailer, secret)


def _templates() -> Environment:
    templates = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals["static"] = static_address
    return templates


def static_address(name: str) -> str:
    """The address of a static file; it changes with the file, so browsers may keep what they have."""
    content = (_HERE / "static" / name).read_bytes()
    return f"/static/{name}?v={blake2b(content, digest_size=6).hexdigest()}"


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state: PageState = app.state.page
    _fill(state)
    if state.queue is not None:
        state.queue.start()
    try:
        yield
    finally:
        if state.queue is not None:
            state.queue.stop()
        state.database.close()


def _fill(state: PageState) -> None:
    with suppress(ImportError):
        from workingpapers.daily.catalogue import sync_catalogue

        sync_catalogue(state.database)
    with suppress(ImportError):
        from workingpapers.daily.measurements import sync_measurements

        sync_measurements(state.database, state.settings.store)
    if state.search is not None:
        Thread(target=state.search.ensure, name="embeddings", daemon=True).start()
