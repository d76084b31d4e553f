"""What other sites and strangers' programs may not do to the page."""

import asyncio
from html.parser import HTMLParser
from typing import Any

import pytest
from starlette.testclient import TestClient

from workingpapers.web import security
from workingpapers.web.security import CONTENT_SECURITY_POLICY, LARGEST_BODY

VOTE = "/papers/2611.00001/vote"


def _votes(page: TestClient) -> int:
    return page.get("/api/papers/2611.00001").json()["upvotes"]


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "evil.example:8000",
        "localhost@evil.example",
        "",
        "127.0.0.1:x",
        "[::1",
        "0.0.0.0",
    ],
)
def test_another_name_is_refused(read_page: TestClient, host: str) -> None:
    """A site whose name points to loopback (DNS rebinding) reads nothing."""
    answer = read_page.get("/atom.xml", headers={"host": host})
    assert answer.status_code == 400
    assert "it answers as 127.0.0.1, ::1, localhost" in answer.text
    assert "Order-invariant" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:9000", "LOCALHOST", "[::1]:8000", "127.0.0.1:8000"])
def test_loopback_is_answered_under_every_port(read_page: TestClient, host: str) -> None:
    assert read_page.get("/atom.xml", headers={"host": host}).status_code == 200


def test_a_public_page_answers_to_its_own_name_only(public_page: TestClient) -> None:
    assert public_page.get("/atom.xml").status_code == 200
    for host in ("localhost", "127.0.0.1", "example.org", "papers.example.org.evil.example"):
        assert public_page.get("/atom.xml", headers={"host": host}).status_code == 400, host


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:3000"},
        {"origin": "http://127.0.0.1:8000.evil.example"},
        {"origin": "file://127.0.0.1:8000"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:8000"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
    ],
)
def test_another_site_changes_nothing(read_page: TestClient, headers: dict[str, str]) -> None:
    answer = read_page.post(VOTE, headers={**headers, "accept": "application/json"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "CrossSiteRequestRefused")
    assert _votes(read_page) == 0


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "//", "null", "http://127.0.0.1:8000@evil.example"])
def test_an_origin_that_is_none_is_refused_like_a_foreign_one(read_page: TestClient, origin: str) -> None:
    answer = read_page.post(VOTE, headers={"origin": origin, "accept": "application/json"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "CrossSiteRequestRefused")
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://127.0.0.1:8000"},
        {"origin": "http://127.0.0.1:8000", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
    ],
)
def test_the_page_itself_and_programs_may_change_things(page: TestClient, headers: dict[str, str]) -> None:
    assert page.post(VOTE, headers={**headers, "accept": "application/json"}).status_code == 200
    assert _votes(page) == 1


def test_mail_programs_may_unsubscribe_from_their_own_sites(page: TestClient) -> None:
    """RFC 8058: the address holds the permission, there is neither cookie nor our own `Origin`."""
    answer = page.post(
        "/unsubscribe/made-up",
        data={"List-Unsubscribe": "One-Click"},
        headers={"origin": "https://mail.example", "sec-fetch-site": "cross-site", "accept": "application/json"},
    )
    assert answer.json().get("error", {}).get("type") != "CrossSiteRequestRefused"
    answer = page.post("/subscriptions", data={"email": "a@example.org"}, headers={"origin": "https://mail.example"})
    assert answer.status_code == 403


def test_another_site_loads_nothing_but_links_badges_and_feeds(read_page: TestClient) -> None:
    background = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    assert read_page.get("/api/daily_papers", headers=background).status_code == 403
    assert read_page.get("/api/daily_papers", headers=background | {"sec-fetch-mode": "navigate"}).status_code == 200
    for path in ("/papers/2611.00001/badge.svg", "/papers/2611.00001/card.png", "/atom.xml"):
        answer = read_page.get(path, headers=background)
        assert answer.status_code == 200
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"


@pytest.mark.parametrize("path", ["/", "/nothing-here", "/atom.xml", "/api/daily_papers", "/papers/../../etc/passwd"])
def test_every_answer_carries_the_headers(read_page: TestClient, path: str) -> None:
    headers = read_page.get(path).headers
    assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers
    assert "strict-transport-security" not in headers


def test_a_public_page_asks_for_https(public_page: TestClient) -> None:
    assert public_page.get("/atom.xml").headers["strict-transport-security"] == "max-age=31536000"


def test_the_policy_allows_no_inline_script_or_style() -> None:
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none';")


class _Elements(HTMLParser):
    """What a browser would make of a page: every element with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("path", ["/", "/papers/2611.00001", "/search?q=script", "/topics", "/day/2026-11-20"])
def test_markup_in_imported_words_is_text(read_page: TestClient, path: str) -> None:
    answer = read_page.get(path)
    assert answer.status_code == 200
    elements = _Elements(answer.text).found
    assert len(elements) > 20
    for tag, attributes in elements:
        assert tag != "script" or (attributes.get("src") or "").startswith("/static/")
        assert tag not in ("b", "i", "img") or attributes.get("src") != "x"
        assert not any(name.startswith("on") or name == "style" for name in attributes), (tag, attributes)
    assert "<b>Eve" not in answer.text
    assert "<i>Topic" not in answer.text
    assert "{{ 7" in answer.text or "49" not in answer.text


def test_what_was_asked_for_comes_back_as_text(read_page: TestClient) -> None:
    attack = '"><script>alert(1)</script>'
    for path in (
        f"/search?q={attack}",
        f"/papers/{attack}",
        f"/nothing/{attack}",
        f"/?page={attack}",
        f"/day/{attack}",
    ):
        assert "<script>alert" not in read_page.get(path).text, path


@pytest.mark.parametrize(
    "path",
    [
        "/papers/..%2f..%2fetc%2fpasswd",
        "/papers/%2e%2e/%2e%2e/etc/passwd",
        "/papers/..%5c..%5cwindows",
        "/papers/%00",
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/%2e%2e/daily/tables.py",
        "/static//etc/passwd",
        "/papers/x/figures/..%2f..%2frun.json",
    ],
)
def test_a_path_leads_nowhere_else(read_page: TestClient, path: str) -> None:
    answer = read_page.get(path)
    assert answer.status_code in (400, 404), answer.text
    assert "root:" not in answer.text
    assert "create_app" not in answer.text


@pytest.mark.parametrize("query", ["%", "_", "%%%%", "' OR 1=1 --", '"', "*", "title:x", "NEAR(", "a AND", "(" * 500])
def test_a_query_is_words_and_never_syntax(read_page: TestClient, query: str) -> None:
    answer = read_page.get("/api/papers/search", params={"q": query})
    assert answer.status_code == 200
    assert read_page.get("/search.atom", params={"q": query}).status_code == 200
    if query in ("%", "_", "*"):
        assert answer.json() == []  # a wildcard would give everything


def test_a_body_that_is_too_large_is_refused_before_it_is_read(page: TestClient) -> None:
    answer = page.post(VOTE, content=b"x" * (LARGEST_BODY + 1), headers={"accept": "application/json"})
    assert answer.status_code == 413
    assert answer.json()["error"]["type"] == "BodyTooLargeError"

    def pieces() -> Any:
        for _ in range(LARGEST_BODY // 65536 + 1):
            yield b"x" * 65536

    form = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    assert page.post("/papers/2611.00001/note", content=pieces(), headers=form).status_code == 413


def test_a_body_that_never_arrives_is_given_up(page: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "_BODY_S", 0.05)
    sent: list[Any] = []

    async def never() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/papers/2611.00001/note",
        "raw_path": b"/papers/2611.00001/note",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1:8000"), (b"content-type", b"application/x-www-form-urlencoded")],
        "scheme": "http",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 1),
        "http_version": "1.1",
        "root_path": "",
    }
    asyncio.run(page.app(scope, never, send))
    assert sent[0]["status"] == 408


@pytest.mark.parametrize("length", ["-1", "1e9", "0x10", "+5"])
def test_a_length_that_is_no_number_is_refused(read_page: TestClient, length: str) -> None:
    answer = read_page.post(VOTE, headers={"content-length": length})
    assert answer.status_code == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "CONNECT"])
def test_other_methods_do_nothing(page: TestClient, method: str) -> None:
    answer = page.request(method, VOTE)
    assert answer.status_code == 405
    assert _votes(page) == 0


def test_no_get_changes_anything(page: TestClient) -> None:
    """Other sites can have a browser GET whatever they like."""
    database = page.app.state.page.database
    before = database.version()
    for path in (
        "/",
        VOTE,
        "/papers/2611.00001",
        "/search?q=order",
        "/unsubscribe/x",
        "/subscriptions/confirm/x",
        "/sign-in/x",
        "/starred",
        "/runs",
    ):
        page.get(path)
    assert database.version() == before
