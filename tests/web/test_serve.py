"""`workingpapers serve` as a process: it answers, refuses what it must, ends cleanly, and loses nothing when killed."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from workingpapers.cli.serve import _bind
from workingpapers.daily.catalogue import read_catalogue

SERVE = (sys.executable, "-m", "workingpapers", "serve")
STARTS_S = 60.0


class Server:
    """A page in a process of its own."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.process = subprocess.Popen(
            [*SERVE, "--port", "0", "--database", str(folder / "daily.sqlite"), "--store", str(folder / "runs"), *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline()
        found = re.search(r"http://\S+/", self.said)
        self.address = found[0].rstrip("/") if found else ""

    def end(self, number: int) -> tuple[int, str, str]:
        """Send a signal; exit code, and what was said since."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=STARTS_S)
        return self.process.returncode, out, err


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    one = Server(tmp_path)
    yield one
    if one.process.poll() is None:
        one.end(signal.SIGKILL)
    for stream in (one.process.stdout, one.process.stderr):
        assert stream is not None
        stream.close()


def _fails(*arguments: str, **environment: str) -> tuple[int, str]:
    ran = subprocess.run(
        [*SERVE, *arguments], capture_output=True, text=True, timeout=STARTS_S, env={**os.environ, **environment}
    )
    return ran.returncode, " ".join(ran.stderr.split())


def test_the_catalogue_is_there_and_ctrl_c_ends_it(server: Server) -> None:
    assert server.said == f"Working Papers is at {server.address}/ (Ctrl-C ends it)\n"
    first = httpx.get(f"{server.address}/index.json?per_page=100").json()
    listed = {card["slug"] for card in json.loads(json.dumps(first))["page"]["cards"]}
    assert {entry.slug for entry in read_catalogue()} <= listed
    assert "not built yet" in httpx.get(f"{server.address}/?per_page=100").text
    code, out, err = server.end(signal.SIGINT)
    assert (code, out) == (0, "")
    assert err == "note: the page is closed\n"


def test_killed_after_an_answer_it_has_what_it_acknowledged(server: Server, tmp_path: Path) -> None:
    key = next(entry.slug for entry in read_catalogue())
    json_ = {"accept": "application/json"}
    assert httpx.post(f"{server.address}/papers/{key}/vote", headers=json_).status_code == 200
    assert (
        httpx.post(f"{server.address}/papers/{key}/note", data={"text": "keep this"}, headers=json_).status_code == 200
    )
    server.end(signal.SIGKILL)
    again = Server(tmp_path)
    try:
        paper = httpx.get(f"{again.address}/papers/{key}.json").text
        assert '"voted":true' in paper
        assert "keep this" in paper
    finally:
        code, _, err = again.end(signal.SIGTERM)
    assert (code, err) == (-signal.SIGTERM, "")


def test_nothing_heavy_is_loaded_and_json_names_the_address(tmp_path: Path) -> None:
    """A page that was read and searched has loaded neither torch nor its companions."""
    program = f"""
import sys
from pathlib import Path
from starlette.testclient import TestClient
from workingpapers.web.app import create_app, fill
from workingpapers.web.settings import WebSettings
import workingpapers.cli.serve, workingpapers.web.server
app = create_app(WebSettings(database=Path({str(tmp_path / "d.sqlite")!r}), store=Path({str(tmp_path)!r})))
heavy = {{"torch", "scipy", "pandas", "sklearn", "matplotlib", "transformers"}}
early = sorted((heavy | {{"numpy", "PIL"}}) & set(sys.modules))
fill(app.state.page)
client = TestClient(app, base_url="http://127.0.0.1:8000")
key = client.get("/index.json").json()["page"]["cards"][0]["key"]
for path in ("/", "/search?q=order", f"/papers/{{key}}", "/papers/arnet", f"/papers/{{key}}/card.png", "/topics",
             "/about", "/runs", "/atom.xml", "/api/daily_papers", "/openapi.json", "/subscriptions", "/starred"):
    assert client.get(path).status_code == 200, path
late = sorted(heavy & set(sys.modules))
print(early, late)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=STARTS_S)
    assert (ran.stdout, ran.stderr) == ("[] []\n", "")


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, said = _fails("--port", port)
    assert code == 1
    assert said == (
        f"error: port {port} of 127.0.0.1 is in use, perhaps by another `workingpapers serve`; "
        "stop that, or give another with --port (0 takes a free one)"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--host", "0.0.0.0"), 2, "without --public everybody may run papers on this machine"),
        (("--host", "192.0.2.1"), 2, "leave it at 127.0.0.1 (such as behind a tunnel), or add --public"),
        (("--port", "70000"), 2, "--port 70000 is no port; give one from 1 to 65535, or 0 for a free one"),
        (("--base-url", "ftp://x"), 2, "--base-url 'ftp://x' is not the address of a whole site"),
        (("--base-url", "http://x.org/papers"), 2, "is not the address of a whole site"),
        (("--public",), 2, "--public needs a --base-url with https, not none"),
        (("--public", "--base-url", "http://x.org"), 2, "--public needs a --base-url with https, not http://x.org"),
        (("--public", "--base-url", "https://x.org"), 2, "needs WORKINGPAPERS_SECRET and WORKINGPAPERS_SMTP_URL and"),
        (("--database", "/proc/none/daily.sqlite", "--port", "0"), 1, "cannot make the folder /proc/none"),
    ],
)
def test_what_cannot_be_served_is_said(arguments: tuple[str, ...], code: int, words: str) -> None:
    found, said = _fails(*arguments)
    assert found == code
    assert words in said
    assert "Traceback" not in said


def test_a_secret_that_is_too_short_is_refused(tmp_path: Path) -> None:
    code, said = _fails("--port", "0", "--database", str(tmp_path / "d.sqlite"), WORKINGPAPERS_SECRET="short")
    assert code == 2
    assert "WORKINGPAPERS_SECRET has 5 characters" in said


def test_without_the_extra_one_line_names_it(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['fastapi'] = None\n"
        "from workingpapers.cli.main import main\n"
        f"sys.exit(main(['serve', '--port', '0', '--database', {str(tmp_path / 'd.sqlite')!r}]))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=STARTS_S)
    assert ran.returncode == 1
    assert " ".join(ran.stderr.split()).startswith("error: `serve` needs fastapi, which is not installed; `pip install")
    assert "workingpapers[web]" in ran.stderr


def test_what_is_no_http_is_survived(server: Server) -> None:
    host, port = server.address.removeprefix("http://").split(":")
    for nonsense in (
        b"\x16\x03\x01\x02\x00\x01",
        b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\n",
        b"\r\n" * 50,
    ):
        with socket.create_connection((host, int(port)), timeout=5) as line:
            line.sendall(nonsense)
            line.settimeout(5)
            with contextlib.suppress(TimeoutError, ConnectionResetError):
                assert b"200 OK" not in line.recv(1000)
    with socket.create_connection((host, int(port)), timeout=5) as line:  # half a request, and gone
        line.sendall(b"POST /papers/arnet/vote HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nhalf")
    assert httpx.get(f"{server.address}/atom.xml").status_code == 200


def test_a_short_answer_does_not_wait_for_the_readers_acknowledgement() -> None:
    """Nagle's algorithm holds the second part of an answer back for some 40 ms, every time, unless it is off."""
    with (
        contextlib.closing(_bind("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname(), timeout=5),
    ):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
