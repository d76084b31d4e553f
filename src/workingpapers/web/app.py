"""The application: its parts, its routes."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined

import workingpapers
from workingpapers.daily.database import Database
from workingpapers.daily.run_queue import RunQueue
from workingpapers.daily.search.engine import SearchEngine
from workingpapers.web.settings import WebSettings
from workingpapers.web.state import PageState

_HERE = Path(__file__).parent


def create_app(settings: WebSettings) -> FastAPI:
    """The page as an ASGI application; `app.state.page` holds its parts."""
    app = FastAPI(title="Working Papers", version=workingpapers.__version__, docs_url=None, redoc_url=None)
    database = Database(settings.database)
    templates = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    app.state.page = PageState(
        settings, database, templates, SearchEngine(database), RunQueue(database, settings.store)
    )
    app.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")
    return app
