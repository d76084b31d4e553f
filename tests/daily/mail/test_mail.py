"""Handing mails to a real mail server that takes them, refuses them, is slow or hangs up; and into a folder."""

import re
import shutil
import smtplib
import socket
import ssl
import subprocess
from collections.abc import Callable
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword
from daily_mail_server import Inbox, mail_server

from workingpapers.daily.letters import confirmation_letter, letter, one_line, sign_in_letter
from workingpapers.daily.mail import (
    AddressRefusedError,
    MailDelayedError,
    Mailer,
    MailError,
    MailRefusedError,
    MailUncertainError,
    OutboxMailer,
    ServerUnavailableError,
    mailer_for,
)
from workingpapers.daily.mail_settings import mail_settings, sender_address, settings_from_environment
from workingpapers.daily.subscription_request import Subscription
from workingpapers.daily.tables import SubscriptionRow
from workingpapers.errors import InvalidParameterError, StoreError

SENDER = "Working Papers <papers@example.org>"


def _mailer(port: int, *, step_s: float = 5.0, answer_s: float = 5.0) -> Mailer:
    return Mailer(mail_settings(f"smtp://127.0.0.1:{port}", SENDER), step_s=step_s, answer_s=answer_s)


def _mail(address: str = "ada@example.org") -> EmailMessage:
    return sign_in_letter(sender_address(SENDER), address, "TOKEN", "https://papers.example.org")


def test_a_letter_arrives_with_both_parts(inbox: Inbox) -> None:
    _mailer(inbox.port).send(_mail())
    ((address, message),) = inbox.arrived
    assert address == "ada@example.org"
    assert message["From"] == SENDER
    assert message["Auto-Submitted"] == "auto-generated"
    for kind in ("plain", "html"):
        part = message.get_body((kind,))
        assert part is not None
        assert "https://papers.example.org/sign-in/TOKEN" in part.get_content()


def test_lines_with_dots_bare_returns_and_other_alphabets_arrive_as_they_were(inbox: Inbox) -> None:
    text = ".\n..\n. one\nFrom here\nÀ 数 𝔘\n" + "long " * 400 + "\n"
    message = _mail()
    message.clear_content()
    message.set_content(text)
    _mailer(inbox.port).send(message)
    assert inbox.arrived[0][1].get_content().replace("\r\n", "\n") == text


def test_many_mails_travel_over_one_connection(inbox: Inbox) -> None:
    with _mailer(inbox.port).connected() as line:
        for number in range(5):
            line.send(_mail(f"a{number}@example.org"))
    assert inbox.addresses == [f"a{number}@example.org" for number in range(5)]
    assert inbox.connections == 1


def _answers(code: str) -> Callable[[str], str]:
    return lambda _: code


@pytest.mark.parametrize(
    ("where", "answer", "error"),
    [
        ("rcpt", "550 5.1.1 no such user", AddressRefusedError),
        ("rcpt", "550 no such user", AddressRefusedError),
        ("rcpt", "552 5.2.2 mailbox full", AddressRefusedError),
        ("rcpt", "550 5.7.1 relaying denied", MailRefusedError),
        ("rcpt", "530 5.7.0 authentication required", MailRefusedError),
        ("rcpt", "450 4.2.1 try later", MailDelayedError),
        ("data", "554 5.7.1 looks like spam", MailRefusedError),
        ("data", "550 5.1.1 no such user", AddressRefusedError),
        ("data", "451 4.3.0 disk full", MailDelayedError),
    ],
)
def test_each_refusal_is_told_from_the_others_and_the_next_mail_goes_on(
    inbox: Inbox, where: str, answer: str, error: type[MailError]
) -> None:
    setattr(inbox, where, _answers(answer))
    with _mailer(inbox.port).connected() as line:
        with pytest.raises(error, match=answer.replace(".", r"\.")):
            line.send(_mail())
        setattr(inbox, where, lambda _: None)
        line.send(_mail("eve@example.org"))
    assert inbox.addresses == ["eve@example.org"]


@pytest.mark.parametrize(
    ("place", "error", "arrived"),
    [("DATA", MailDelayedError, 0), ("before", MailUncertainError, 0), ("after", MailUncertainError, 1)],
)
def test_a_connection_that_ends_tells_whether_the_mail_may_have_arrived(
    inbox: Inbox, place: str, error: type[MailError], arrived: int
) -> None:
    inbox.drop_at = place
    with _mailer(inbox.port).connected() as line:
        with pytest.raises(error, match=r"127\.0\.0\.1:\d+ ended the connection"):
            line.send(_mail())
        assert len(inbox.arrived) == arrived
        inbox.drop_at = None
        line.send(_mail("eve@example.org"))
    assert inbox.addresses[-1] == "eve@example.org"


def test_a_server_that_answers_too_late_leaves_it_uncertain(inbox: Inbox) -> None:
    inbox.slow_s = 2.0
    with pytest.raises(MailUncertainError):
        _mailer(inbox.port, answer_s=0.2).send(_mail())
    inbox.slow_s = 0.4
    _mailer(inbox.port, step_s=0.3, answer_s=5).send(_mail("eve@example.org"))
    assert "eve@example.org" in inbox.addresses


@pytest.mark.parametrize("answer", ["354 go on", "what?", "25 OK", "150 wait", "650 no"])
def test_an_answer_to_a_mail_that_is_no_clear_no_leaves_it_uncertain(inbox: Inbox, answer: str) -> None:
    inbox.data = _answers(answer)
    with _mailer(inbox.port).connected() as line:
        with pytest.raises(MailUncertainError, match="did not say clearly whether it has the mail"):
            line.send(_mail())
        inbox.data = lambda _: None
        line.send(_mail("eve@example.org"))
    assert inbox.addresses == ["eve@example.org"]


def test_nothing_is_sent_where_the_sender_stops_at_the_last_moment(inbox: Inbox) -> None:
    def stop() -> None:
        raise RuntimeError("not any more")

    with _mailer(inbox.port).connected() as line:
        with pytest.raises(RuntimeError, match="not any more"):
            line.send(_mail(), stop)
        line.send(_mail("eve@example.org"))
    assert inbox.addresses == ["eve@example.org"]


def test_no_server_is_one_line_that_names_it() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        with pytest.raises(ServerUnavailableError, match=rf"cannot use the mail server 127\.0\.0\.1:{port}: .*refused"):
            _mailer(port).send(_mail())


def test_a_server_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(ServerUnavailableError, match="timed out"):
        _mailer(silent.getsockname()[1], step_s=0.3).send(_mail())


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that this machine trusts only where it is told to."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl makes the certificate; install it to run the tests of encrypted mail")
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(
        f"{program} req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
        "-addext subjectAltName=DNS:localhost -keyout key.pem -out own.pem".split(),
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder


def _log_in(server: object, session: object, envelope: object, mechanism: str, data: LoginPassword) -> AuthResult:
    return AuthResult(success=data.login == b"ada@x" and data.password == b"p:w@d/ ", handled=False)


@pytest.mark.parametrize("scheme", ["smtps://{}?", "smtp://{}?starttls=1"])
def test_encrypted_mail_with_a_password(certificate: Path, monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate / "own.pem", certificate / "key.pem")
    from_the_start = {"ssl_context": context, "auth_require_tls": False}
    later = {"tls_context": context, "require_starttls": True, "auth_required": True}
    with mail_server(authenticator=_log_in, **(from_the_start if "smtps" in scheme else later)) as inbox:
        right = f"ada%40x:p%3Aw%40d%2F%20@localhost:{inbox.port}"
        mailer = Mailer(mail_settings(scheme.format(right), SENDER), step_s=5)
        with pytest.raises(ServerUnavailableError, match="certificate verify failed"):
            mailer.send(_mail())
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "own.pem"))
        mailer.send(_mail())
        assert inbox.addresses == ["ada@example.org"]
        wrong = Mailer(mail_settings(scheme.format(right.replace("p%3A", "secret")), SENDER), step_s=5)
        with pytest.raises(ServerUnavailableError, match="535") as caught:
            wrong.send(_mail())
        assert "secret" not in str(caught.value)


def test_a_server_without_encryption_is_refused_where_it_was_asked_for(inbox: Inbox) -> None:
    mailer = Mailer(mail_settings(f"smtp://127.0.0.1:{inbox.port}?starttls=1", SENDER))
    with pytest.raises(ServerUnavailableError, match="STARTTLS"):
        mailer.send(_mail())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("localhost", "is not an address of a mail server"),
        ("http://localhost", "is not an address of a mail server"),
        ("smtp://", "is not an address of a mail server"),
        ("smtp://localhost/inbox", "is not an address of a mail server"),
        ("smtp://localhost:70000", "is no address"),
        ("smtp://localhost?tls=1", "option 'tls' cannot be used"),
        ("smtp://localhost?starttls=yes", "option 'starttls' cannot be used"),
        ("smtp://ada:hunter2@mail.example.org", r"would send the password of ada to mail\.example\.org unencrypted"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_without_showing_a_password(text: str, message: str) -> None:
    with pytest.raises(InvalidParameterError, match=message) as caught:
        mail_settings(text, SENDER)
    assert "hunter2" not in str(caught.value)


def test_settings_have_the_usual_ports() -> None:
    assert [
        (found.port, found.security)
        for found in (
            mail_settings("smtp://localhost", SENDER),
            mail_settings("smtp://mail.example.org?starttls=1", SENDER),
            mail_settings("smtps://mail.example.org", SENDER),
            mail_settings("smtp://ada:pw@[::1]:2525", SENDER),
        )
    ] == [(25, "none"), (587, "starttls"), (465, "tls"), (2525, "none")]
    assert "pw" not in repr(mail_settings("smtp://ada:pw@localhost", SENDER))


@pytest.mark.parametrize(
    "text", ["", "Working Papers", "a@b", "A <a@example.org>\nBcc: eve@example.org", "a@x.example, b@x.example"]
)
def test_a_sender_that_cannot_be_used_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameterError, match="WORKINGPAPERS_MAIL_FROM"):
        sender_address(text)


def test_without_settings_mails_are_written_beside_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inbox: Inbox
) -> None:
    mailer = mailer_for(tmp_path / "daily.sqlite")
    assert isinstance(mailer, OutboxMailer)
    path = mailer.send(_mail())
    assert path.parent == tmp_path / "outbox"
    assert (path.parent.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)
    assert message_from_bytes(path.read_bytes(), policy=policy.default)["To"] == "ada@example.org"
    assert settings_from_environment() is None
    monkeypatch.setenv("WORKINGPAPERS_SMTP_URL", f"smtp://127.0.0.1:{inbox.port}")
    with pytest.raises(InvalidParameterError, match="WORKINGPAPERS_MAIL_FROM is not set"):
        mailer_for(tmp_path / "daily.sqlite")
    monkeypatch.setenv("WORKINGPAPERS_MAIL_FROM", "papers@example.org")
    mailer_for(tmp_path / "daily.sqlite").send(_mail())
    assert inbox.arrived[0][1]["From"] == SENDER


def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file")
    with pytest.raises(StoreError, match=r"cannot write mails to .*outbox: .*; name another folder"):
        OutboxMailer(tmp_path / "outbox").send(_mail())


def test_nothing_in_a_header_begins_a_new_one(inbox: Inbox) -> None:
    message = letter(
        sender_address(SENDER),
        "ada@example.org",
        "1\r\nBcc: eve@example.org\n\nBody\x00",
        "sign_in",
        {"link": "l", "base_url": "b"},
    )
    _mailer(inbox.port).send(message)
    found = inbox.arrived[0][1]
    assert found["Bcc"] is None
    assert found["Subject"] == "1 Bcc: eve@example.org Body"
    assert len(one_line("x" * 1000)) == 150


@pytest.mark.parametrize("host", ["example.org", ".".join(["d" * 60] * 3)])
@pytest.mark.parametrize(
    "name", ["Working Papers", 'Papers, "new" (daily)', "Ärzte-Blatt Übersicht", "long " * 30 + "name"]
)
@pytest.mark.parametrize(
    "subject", ["Short", "x" * 140, "über Maße " * 13 + "Ende", "数" * 140, "a" * 70 + " ü " + "b" * 60]
)
def test_headers_arrive_as_they_were_with_addresses_and_identifiers_verbatim(
    inbox: Inbox, host: str, name: str, subject: str
) -> None:
    sender = Address(name, addr_spec=f"papers@{host}")
    address = f"{'a' * 64}@{host}"
    message = letter(sender, address, subject, "sign_in", {"link": "l", "base_url": "b"})
    _mailer(inbox.port).send(message)
    head, _, _ = inbox.raw[0].partition(b"\r\n\r\n")
    assert f"<papers@{host}>" in head.decode("ascii")
    assert re.search(rf"(?m)^To: {address}\r$", head.decode())
    assert re.search(rf"(?m)^Message-ID: {re.escape(message['Message-ID'])}\r$", head.decode())
    assert all(len(line) <= 78 or line.strip().count(b" ") <= 1 for line in head.split(b"\r\n"))
    found = inbox.arrived[0][1]
    assert found["Subject"] == subject
    assert found["From"].addresses == (sender,)


def test_a_confirmation_repeats_nobodys_words(database_free_subscription: Subscription) -> None:
    message = confirmation_letter(
        sender_address(SENDER), database_free_subscription, "TOKEN", "https://papers.example.org"
    )
    for kind in ("plain", "html"):
        part = message.get_body((kind,))
        assert part is not None
        text = part.get_content()
        assert "https://papers.example.org/subscriptions/confirm/TOKEN" in text
        assert "that match a saved search" in text
        assert "cheap watches" not in text
        assert ("<b>Vision</b>" in text) == (kind == "plain")


@pytest.fixture
def database_free_subscription() -> Subscription:
    from datetime import UTC, datetime

    row = SubscriptionRow(
        id=1, email="ada@example.org", frequency="weekly", selection="all", topics=["vision"], query="cheap watches",
        time_zone="UTC", hour=7, weekday=0, status="pending", bounces=0, created=datetime.now(UTC), unsubscribe_key="k",
    )  # fmt: skip
    return Subscription.of(row, {"vision": "<b>Vision</b>"})


def test_the_server_of_these_tests_is_a_real_one(inbox: Inbox) -> None:
    with smtplib.SMTP("127.0.0.1", inbox.port) as smtp:
        assert smtp.ehlo()[0] == 250
