"""The real page in a real browser: `workingpapers serve` as a process of its own, Chromium, and a mail server."""

import os
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parent))

from browser_parts import Inbox, Served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_READY_S = 60.0
_STEP_MS = 60_000
expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def inbox() -> Iterator[Inbox]:
    """A real SMTP server that keeps what it gets."""

    class Keep:
        async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
            assert envelope.original_content is not None
            mails.put(message_from_bytes(envelope.original_content, policy=policy.default))  # type: ignore[arg-type]
            return "250 OK"

    mails: queue.Queue[Any] = queue.Queue()
    controller = _AnyPort(Keep(), hostname="127.0.0.1", port=0)
    controller.start()
    yield Inbox(mails, controller.port)
    controller.stop()


class _AnyPort(Controller):
    """A controller that takes a free port; its own way greets itself at the port it was given."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, inbox: Inbox) -> Iterator[Served]:
    """The page with a database and a store of its own."""
    folder = tmp_path_factory.mktemp("page")
    environment = {
        **os.environ,
        "WORKINGPAPERS_SMTP_URL": f"smtp://127.0.0.1:{inbox.port}",
        "WORKINGPAPERS_MAIL_FROM": "Working Papers <papers@example.org>",
        "WORKINGPAPERS_DATABASE": str(folder / "daily.sqlite"),
        "WORKINGPAPERS_RUNS": str(folder / "runs"),
    }
    words = [sys.executable, "-m", "workingpapers", "serve", "--port", "0"]
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            yield Served(_address(process, folder / "log.txt"), environment, folder / "daily.sqlite")
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            assert process.stdout is not None
            process.stdout.close()


def _address(process: "subprocess.Popen[str]", log: Path) -> str:
    """The address that the server prints when it is ready."""
    lines: queue.Queue[str] = queue.Queue()
    stdout = process.stdout
    assert stdout is not None
    threading.Thread(target=lambda: lines.put(stdout.readline()), daemon=True).start()
    try:
        line = lines.get(timeout=_READY_S)
    except queue.Empty:
        line = ""
    found = [word for word in line.split() if word.startswith("http://127.0.0.1:")]
    assert found, f"the server did not say where it is; it printed {line!r} and {log.read_text()!r}"
    return found[0].rstrip("/")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for the tests of a file; its event loop must not outlive them."""
    if CHROMIUM is None:
        reason = "no chromium on the PATH: nobody has looked at the page in a browser; `apt-get install chromium`"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser, served: Served) -> Iterator[Callable[..., Page]]:
    """Opens the page as a new reader would; whatever the browser complains about fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_(path: str = "/", *, expected: tuple[str, ...] = (), **options: Any) -> Page:
        options = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"} | options
        context = chromium.new_context(base_url=served.address, **options)
        contexts.append(context)
        context.set_default_timeout(_STEP_MS)
        page = context.new_page()

        def complain(text: str) -> None:
            if not any(each in text for each in expected):
                complaints.append(text)

        page.on("console", lambda said: complain(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complain(str(error)))
        page.on(
            "request",
            lambda asked: (
                None if asked.url.startswith((served.address, "data:")) else complain(f"asks for {asked.url}")
            ),
        )
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []
