"""The mails that readers wait for, with a mail server that takes them, says nothing or is not set."""

import queue
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.testclient import TestClient

from workingpapers.daily.letters import sign_in_letter
from workingpapers.daily.mail import Mailer, OutboxMailer
from workingpapers.daily.mail_settings import mail_settings, sender_address
from workingpapers.errors import StoreError
from workingpapers.web.app import create_app
from workingpapers.web.letters_out import MAX_WAITING, LettersOut, LettersWaitError
from workingpapers.web.settings import WebSettings

SENDER = "Working Papers <papers@example.org>"
JSON = {"accept": "application/json"}
LETTER = sign_in_letter(sender_address(SENDER), "ada@example.org", "TOKEN", "https://papers.example.org")


class _Keep:
    def __init__(self) -> None:
        self.addresses: queue.Queue[str] = queue.Queue()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if envelope.rcpt_tos[0].startswith("nobody"):
            return "554 5.7.1 not wanted"
        self.addresses.put(envelope.rcpt_tos[0])
        return "250 OK"


class _AnyPort(Controller):
    def _trigger_server(self) -> None:
        server: Any = self.server
        self.port = server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def server() -> Iterator[Controller]:
    """A mail server."""
    controller = _AnyPort(_Keep(), hostname="127.0.0.1", port=0)
    controller.start()
    yield controller
    controller.stop()


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a mail server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        yield listener.getsockname()[1]


def _mailer(port: int) -> Mailer:
    return Mailer(mail_settings(f"smtp://127.0.0.1:{port}", SENDER))


def _page(folder: Path, port: int, monkeypatch: pytest.MonkeyPatch, *, public: bool = False) -> TestClient:
    monkeypatch.setenv("WORKINGPAPERS_SMTP_URL", f"smtp://127.0.0.1:{port}")
    monkeypatch.setenv("WORKINGPAPERS_MAIL_FROM", SENDER)
    base_url = "https://papers.example.org" if public else "http://127.0.0.1:8000"
    settings = WebSettings(database=folder / "daily.sqlite", store=folder / "runs", public=public, base_url=base_url)
    return TestClient(create_app(settings), base_url=base_url, follow_redirects=False)


def test_a_silent_mail_server_holds_up_nobody(tmp_path: Path, silent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    page = _page(tmp_path, silent, monkeypatch)
    letters: LettersOut = page.app.state.page.letters  # type: ignore[attr-defined]
    letters.start()
    began = time.monotonic()
    found = [
        page.post("/subscriptions", data={"email": f"a{number}@example.org"}, headers=JSON)
        for number in range(MAX_WAITING + 3)
    ]
    assert page.get("/").status_code == 200
    assert time.monotonic() - began < 8.0
    assert {answer.status_code for answer in found[:MAX_WAITING]} == {202}
    refused = found[-1]
    assert refused.status_code == 503
    assert refused.json()["error"]["type"] == "LettersWaitError"
    assert "try again in a few minutes" in refused.json()["error"]["message"]
    shown = page.post("/subscriptions", data={"email": "last@example.org"}, headers={"accept": "text/html"})
    assert shown.status_code == 503
    assert "last@example.org" in shown.text
    assert "try again in a few minutes" in shown.text
    kept = [one["email"] for one in page.get("/subscriptions.json").json()["subscriptions"]]
    assert "last@example.org" not in kept
    letters.stop(wait_s=0.01)
    page.app.state.page.database.close()  # type: ignore[attr-defined]


def test_a_sign_in_link_is_refused_where_too_many_wait(
    tmp_path: Path, silent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = _page(tmp_path, silent, monkeypatch, public=True)
    letters: LettersOut = page.app.state.page.letters  # type: ignore[attr-defined]
    assert page.post("/sign-in", data={"email": "ada@example.org"}).status_code == 200
    for _ in range(MAX_WAITING - 1):
        letters.send(LETTER, "a letter")
    refused = page.post("/sign-in", data={"email": "ada@example.org"}, headers=JSON)
    assert refused.status_code == 503
    assert "no link was mailed" in refused.json()["error"]["message"]
    page.app.state.page.database.close()  # type: ignore[attr-defined]


def test_the_app_mails_what_readers_ask_for(
    tmp_path: Path, server: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _page(tmp_path, server.port, monkeypatch, public=True) as page:
        assert page.post("/sign-in", data={"email": "ada@example.org"}).status_code == 200
        asked = page.post("/subscriptions", data={"email": "eve@example.org"}, headers={"accept": "text/html"})
        assert asked.status_code == 202
        assert "on its way" in asked.text
        assert [server.handler.addresses.get(timeout=10) for _ in range(2)] == ["ada@example.org", "eve@example.org"]


def test_one_that_fails_is_logged_and_the_next_goes_on(server: Controller, caplog: pytest.LogCaptureFixture) -> None:
    letters = LettersOut(_mailer(server.port))
    for address in ("nobody@example.org", "eve@example.org"):
        message = sign_in_letter(letters.sender, address, "TOKEN", "https://papers.example.org")
        letters.send(message, "a sign-in link")
    letters.start()
    letters.stop(wait_s=10)
    assert server.handler.addresses.get_nowait() == "eve@example.org"
    assert any("a sign-in link was not mailed" in text and "554" in text for text in caplog.messages)


def test_a_silent_server_is_given_up_soon_and_the_end_does_not_wait(
    silent: int, caplog: pytest.LogCaptureFixture
) -> None:
    letters = LettersOut(_mailer(silent), most=2, step_s=0.2)
    letters.send(LETTER, "a letter")
    letters.start()
    letters.stop(wait_s=10)
    assert "a letter was not mailed" in caplog.text
    slow = LettersOut(_mailer(silent), most=2, step_s=5)
    slow.send(LETTER, "a letter")
    slow.send(LETTER, "a letter")
    with pytest.raises(LettersWaitError, match="2 mails wait"):
        slow.send(LETTER, "a letter")
    slow.start()
    began = time.monotonic()
    slow.stop(wait_s=0.1)
    assert time.monotonic() - began < 2.0
    assert "before all mails were handed over" in caplog.text


def test_without_a_mail_server_a_mail_is_in_the_outbox_at_once(tmp_path: Path) -> None:
    letters = LettersOut(OutboxMailer(tmp_path / "outbox"))
    letters.start()
    for _ in range(MAX_WAITING + 5):
        letters.check_room()
        letters.send(LETTER, "a letter")
    assert letters.outbox == f"the folder {tmp_path / 'outbox'}"
    assert len(list((tmp_path / "outbox").glob("*.eml"))) == 1
    letters.stop()
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write mails"):
        LettersOut(OutboxMailer(tmp_path / "file")).send(LETTER, "a letter")
