"""The application: its parts, its routes, and the layers that every request passes."""

import importlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI

import workingpapers
from workingpapers.daily.database import Database
from workingpapers.daily.mail import mailer_for
from workingpapers.daily.measurements import sync_measurements
from workingpapers.daily.run_queue import RunQueue
from workingpapers.daily.secrets import page_secret
from workingpapers.web.cache import CacheMiddleware
from workingpapers.web.documents import describe
from workingpapers.web.errors import add_error_handlers
from workingpapers.web.people import PeopleMiddleware
from workingpapers.web.security import SecurityMiddleware
from workingpapers.web.settings import WebSettings
from workingpapers.web.state import PageState
from workingpapers.web.static_files import PageFiles
from workingpapers.web.templating import make_templates
from workingpapers.web.upkeep import Upkeep

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
    """The page as an ASGI application; `app.state.page` holds its parts.

    Raises:
        StoreError: the database or the page's secret cannot be opened.
        InvalidParameterError: an environment variable is not usable.
    """
    state = open_parts(settings)
    app = FastAPI(
        title="Working Papers",
        version=workingpapers.__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.page = state
    describe(app)
    add_error_handlers(app)
    for name in _ROUTERS:
        try:
            app.include_router(importlib.import_module(f"workingpapers.web.{name}").router)
        except ImportError as error:
            log.warning("without %s: %s", name, error)
    app.mount("/static", PageFiles(), name="static")
    # the last one added is the first that a request meets
    app.add_middleware(CacheMiddleware, state=state)
    app.add_middleware(PeopleMiddleware, state=state)
    if settings.public:
        from workingpapers.web.rate_limits import RateLimitMiddleware

        app.add_middleware(RateLimitMiddleware)
    app.add_middleware(SecurityMiddleware, settings=settings)
    return app


def open_parts(settings: WebSettings) -> PageState:
    """Open the database and what works on it."""
    database = Database(settings.database)
    return PageState(
        settings=settings,
        database=database,
        templates=make_templates(),
        queue=RunQueue(database, settings.store),
        mailer=mailer_for(database.path),
        secret=page_secret(database.path),
    )


def fill(state: PageState) -> None:
    """Take in the papers and the measurements that are there; cheap where that was done before."""
    with suppress(ImportError):
        from workingpapers.daily.catalogue import sync_catalogue

        sync_catalogue(state.database)
    sync_measurements(state.database, state.settings.store)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state: PageState = app.state.page
    upkeep = Upkeep(state)
    state.queue.start()
    upkeep.start()
    try:
        yield
    finally:
        upkeep.stop()
        state.queue.stop()
        state.database.close()
