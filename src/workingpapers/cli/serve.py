"""`workingpapers serve`: the daily page."""

import errno
import ipaddress
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workingpapers.cli.options import DEFAULT_STORE, DebugOption, FormatOption, StoreOption, examples, output
from workingpapers.cli.output import Output
from workingpapers.errors import InvalidParameterError, MissingExtraError, StoreError

if TYPE_CHECKING:
    from workingpapers.web.settings import WebSettings

DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="PATH",
        envvar="WORKINGPAPERS_DATABASE",
        help="The page's database.",
        show_default="in your data folder",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command(
        "serve",
        epilog=examples(
            "workingpapers serve",
            "workingpapers serve --port 0 --open",
            "workingpapers serve --public --base-url https://papers.example.org",
        ),
    )(serve)


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="The address to bind.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="N", help="The port to bind; 0 takes a free one.")] = 8000,
    database: DatabaseOption = None,
    store: StoreOption = DEFAULT_STORE,
    public: Annotated[
        bool, typer.Option("--public", help="People sign in by mail; roles say who may do what.")
    ] = False,
    base_url: Annotated[
        str | None,
        typer.Option("--base-url", metavar="URL", help="How readers reach the page.", show_default="http://HOST:PORT"),
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    format_: FormatOption = None,
    debug: DebugOption = False,
) -> int:
    """Serve the daily page: the papers, their verdicts, search, subscriptions, and a button that runs each paper.

    It ends with Ctrl-C. Runs that are under way go on, and the next start finds them.
    """
    out = output(context, format_)
    with _bind(host, port) as listener:
        from workingpapers.web.server import run
        from workingpapers.web.settings import WebSettings

        real = listener.getsockname()[1]
        settings = WebSettings(
            database=Path(database) if database else None,
            store=Path(store),
            host=host,
            port=real,
            public=public,
            base_url=(base_url or f"http://{host}:{real}").rstrip("/"),
        )

        def ready() -> None:
            out.line("Working Papers: ", settings.base_url)

        run(settings, listener, ready)
    return 0


def _bind(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise StoreError(f"cannot bind {host}:{port}: {error.strerror}; give another --port") from error
    return listener
