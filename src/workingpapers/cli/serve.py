"""`workingpapers serve`: the daily page."""

import errno
import gc
import ipaddress
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from workingpapers.cli.options import (
    DEFAULT_STORE,
    DatabaseOption,
    DebugOption,
    FormatOption,
    StoreOption,
    examples,
    output,
)
from workingpapers.cli.output import Output
from workingpapers.errors import InvalidParameterError, MissingExtraError, StoreError

if TYPE_CHECKING:
    from workingpapers.web.settings import WebSettings

_DEMANDED = ("WORKINGPAPERS_SECRET", "WORKINGPAPERS_SMTP_URL", "WORKINGPAPERS_MAIL_FROM")


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
        bool, typer.Option("--public", help="People sign in by mail, and roles say who may do what.")
    ] = False,
    base_url: Annotated[
        str | None,
        typer.Option("--base-url", metavar="URL", help="How readers reach the page.", show_default="http://HOST:PORT"),
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    format_: FormatOption = None,
    debug: DebugOption = False,
) -> int:
    """Serve the daily page: papers and their verdicts, search, subscriptions, and a button that runs each paper.

    End it with Ctrl-C. A run that is under way is interrupted, and the next start resumes it.
    """
    out = output(context, format_)
    _check(host, port, public=public, base_url=base_url)
    with _bind(host, port) as listener:
        gc.disable()  # nothing of what is imported now is ever garbage; the server switches it on again
        try:
            from workingpapers.web.server import run
            from workingpapers.web.settings import WebSettings
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("workingpapers"):
                raise
            raise MissingExtraError(
                f"`serve` needs {error.name}, which is not installed; `pip install 'workingpapers[web]'`"
            ) from error
        bound = listener.getsockname()[1]
        settings = WebSettings(
            database=Path(database) if database else None,
            store=Path(store),
            host=host,
            port=bound,
            public=public,
            base_url=(base_url or f"http://{_in_address(host)}:{bound}").rstrip("/"),
        )
        try:
            run(settings, listener, lambda: _say_ready(out, settings, open_=open_))
        except KeyboardInterrupt:
            out.note("the page is closed")
    return 0


def _check(host: str, port: int, *, public: bool, base_url: str | None) -> None:
    """Refuse what would serve the page to people who should not reach it, or not at all."""
    if not 0 <= port <= 65535:
        raise InvalidParameterError(f"--port {port} is no port; give one from 1 to 65535, or 0 for a free one")
    if base_url is not None:
        _check_base_url(base_url)
    if not public:
        if not _is_loopback(host):
            raise InvalidParameterError(
                f"--host {host} lets others on the network reach the page, and without --public everybody may run "
                "papers on this machine; leave it at 127.0.0.1 (such as behind a tunnel), or add --public"
            )
        return
    if base_url is None or not base_url.startswith("https://"):
        raise InvalidParameterError(
            f"--public needs a --base-url with https, not {base_url or 'none'}: cookies and mailed links must not "
            "travel in the open; have a proxy speak https and give its address, such as https://papers.example.org"
        )
    missing = [name for name in _DEMANDED if not os.environ.get(name)]
    if missing:
        raise InvalidParameterError(
            f"--public needs {' and '.join(missing)} in the environment: people sign in by a mailed link, "
            "and a page that others reach keeps its secret out of its files"
        )


def _check_base_url(base_url: str) -> None:
    try:
        parts = urlsplit(base_url)
        ok = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        ok = False
    if not ok or parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise InvalidParameterError(
            f"--base-url {base_url!r} is not the address of a whole site; give scheme and host, such as "
            "https://papers.example.org"
        )


def _bind(host: str, port: int) -> socket.socket:
    """A bound socket, before anything heavy is imported.

    Raises:
        InvalidParameterError: the address is none of this machine.
        StoreError: the port is taken or not allowed.
    """
    try:
        family, _, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise InvalidParameterError(f"--host {host!r} is no address: {error.strerror}; give 127.0.0.1") from error
    listener = socket.socket(family, socket.SOCK_STREAM, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # connections inherit this; without it a short answer waits up to 40 ms for the reader's acknowledgement
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind(address)
        listener.listen(1)  # two servers may bind one port while neither listens
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise StoreError(
                f"port {port} of {host} is in use, perhaps by another `workingpapers serve`; "
                "stop that, or give another with --port (0 takes a free one)"
            ) from error
        raise StoreError(
            f"cannot listen on port {port} of {host}: {error.strerror}; give another with --port"
        ) from error
    return listener


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _in_address(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _say_ready(out: Output, settings: "WebSettings", *, open_: bool) -> None:
    address = f"{settings.base_url}/"
    behind = f", served on {_in_address(settings.host)}:{settings.port}" if settings.public else ""
    out.deliver(
        data=lambda: {"address": address, "host": settings.host, "port": settings.port, "public": settings.public},
        values=lambda: [address],
        view=lambda: out.line("Working Papers is at ", f"{address}{behind} (Ctrl-C ends it)"),
    )
    if open_:
        import webbrowser

        webbrowser.open(address)
