"""Runs the application on a socket that is bound already."""

import gc
import logging
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from workingpapers.web.app import create_app, fill
from workingpapers.web.settings import WebSettings

_LAST_ANSWERS_S = 2


class _Server(uvicorn.Server):
    """Says when it answers, and when it is about to end."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self._ending = ending

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        gc.freeze()  # what was loaded until now stays: collections need not look at it, and so are short
        gc.enable()
        if self.started:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Say that it is about to end, so that open streams do not hold the end up; then end."""
        self._ending()
        super().handle_exit(sig, frame)


def run(settings: WebSettings, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        settings: What the page is started with.
        listener: A bound socket.
        ready: Called once, when the page answers.

    Raises:
        StoreError: the database or the page's secret cannot be opened.
        KeyboardInterrupt: it was ended by Ctrl-C, after everything was closed.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    app = create_app(settings)
    fill(app.state.page)
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=settings.public,
        timeout_graceful_shutdown=_LAST_ANSWERS_S,
    )
    _Server(config, ready, app.state.page.queue.end_following).run([listener])
