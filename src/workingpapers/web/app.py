"""The application: its parts, its routes, and the layers that every request passes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

import workingpapers
from workingpapers.daily.catalogue import sync_catalogue
from workingpapers.daily.database import Database
from workingpapers.daily.mail import mailer_for
from workingpapers.daily.measurements import sync_measurements
from workingpapers.daily.run_queue import RunQueue
from workingpapers.daily.secrets import page_secret
from workingpapers.web import api, atom, runs, share, sign_in
from workingpapers.web.cache import CacheMiddleware
from workingpapers.web.documents import describe
from workingpapers.web.errors import add_error_handlers
from workingpapers.web.pages import about, feed, marks, paper, search, submit, subscriptions, topics
from workingpapers.web.pages import runs as run_pages
from workingpapers.web.people import PeopleMiddleware
from workingpapers.web.security import SecurityMiddleware
from workingpapers.web.settings import WebSettings
from workingpapers.web.state import PageState
from workingpapers.web.static_files import PageFiles
from workingpapers.web.templating import make_templates
from workingpapers.web.upkeep import Upkeep

_ROUTERS = (
    api.router,  # those with longer paths come before the pages, whose paths would take theirs in
    atom.router,
    share.router,
    runs.router,
    sign_in.router,
    feed.router,
    paper.router,
    topics.router,
    search.router,
    marks.router,
    subscriptions.router,
    run_pages.router,
    about.router,
    submit.router,
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
    for router in _ROUTERS:
        app.include_router(router)
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
    sync_catalogue(state.database)
    sync_measurements(state.database, state.settings.store)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state: PageState = app.state.page
    upkeep = Upkeep(state)
    state.queue.start()
    upkeep.start()
    state.letters.start()
    try:
        yield
    finally:
        state.letters.stop()
        upkeep.stop()
        state.queue.stop()
        state.database.close()
