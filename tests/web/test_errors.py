"""Every error looks the same, and none shows the inside."""

import logging

import pytest
from starlette.testclient import TestClient

from workingpapers.errors import InvalidParameterError, NoResultError, StoreError
from workingpapers.web.people import PermissionRefusedError

JSON_ERRORS = [
    ("GET", "/nothing.json", 404, "UnknownNameError"),
    ("GET", "/papers/nobody-knows.json", 404, "UnknownNameError"),
    ("GET", "/topics/nobody-knows.json", 404, "UnknownNameError"),
    ("GET", "/day/yesterday.json", 400, "InvalidParameterError"),
    ("GET", "/week/2026-W54.json", 400, "InvalidParameterError"),
    ("GET", "/month/2026-13.json", 400, "InvalidParameterError"),
    ("GET", "/index.json?page=0", 400, "InvalidParameterError"),
    ("GET", "/index.json?page=99999999999999999999999", 400, "InvalidParameterError"),
    ("GET", "/api/daily_papers?limit=1000", 400, "InvalidParameterError"),
    ("GET", "/api/daily_papers?date=x", 400, "InvalidParameterError"),
    ("GET", "/api/daily_papers?date=2026-11-20&week=2026-W48", 400, "InvalidParameterError"),
    ("GET", "/api/daily_papers?sort=best", 400, "InvalidParameterError"),
    ("GET", "/api/papers/2611.99999", 404, "UnknownNameError"),
    ("POST", "/api/daily_papers", 405, "MethodNotAllowed"),
    ("POST", "/papers/nobody-knows/run", 404, "UnknownNameError"),
    ("GET", "/runs/999999.json", 404, "UnknownNameError"),
]


@pytest.mark.parametrize(("method", "path", "status", "kind"), JSON_ERRORS)
def test_one_shape(read_page: TestClient, method: str, path: str, status: int, kind: str) -> None:
    answer = read_page.request(method, path, headers={"accept": "application/json"})
    assert (answer.status_code, list(answer.json())) == (status, ["error"])
    assert answer.json()["error"]["type"] == kind
    assert set(answer.json()["error"]) == {"type", "message"}
    assert answer.headers["cache-control"] == "no-store"


def test_the_message_says_what_was_wrong_and_what_is_allowed(read_page: TestClient) -> None:
    message = read_page.get("/api/daily_papers?limit=1000").json()["error"]["message"]
    assert message == "limit '1000': Input should be less than or equal to 100; see /openapi.json for what is allowed"
    message = read_page.get("/week/2026-W54.json").json()["error"]["message"]
    assert message == "week '2026-W54' is none; give an ISO week such as 2026-W48"


def test_a_reader_gets_a_page_and_a_feed_reader_a_line(read_page: TestClient) -> None:
    answer = read_page.get("/papers/nobody-knows", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "nobody-knows" in answer.text
    assert "<h1" in answer.text
    answer = read_page.get("/topics/nobody-knows.atom")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/plain; charset=utf-8")


@pytest.mark.parametrize(
    ("error", "status", "shown"),
    [
        (InvalidParameterError("seeds 0 is too few"), 400, "seeds 0 is too few"),
        (NoResultError("afno was not measured"), 404, "afno was not measured"),
        (PermissionRefusedError("not you"), 403, "not you"),
        (StoreError("the disk is full"), 503, "the disk is full"),
        (KeyError("a secret of the inside"), 500, "the page failed at this; its log says where"),
    ],
)
def test_what_a_route_raises(
    page: TestClient, error: Exception, status: int, shown: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise error

    page.app.add_api_route("/fails.json", fail)  # type: ignore[attr-defined]
    with caplog.at_level(logging.ERROR, logger="workingpapers.web"):
        answer = page.get("/fails.json")
    assert (answer.status_code, answer.json()["error"]["message"]) == (status, shown)
    assert "content-security-policy" in answer.headers
    assert ("secret of the inside" in caplog.text) == (status == 500)
    assert any("/fails.json" in record.getMessage() for record in caplog.records) == (status >= 500)


def test_an_error_page_that_fails_does_not_hide_the_error(page: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_name: str) -> None:
        raise RuntimeError("broken template")

    monkeypatch.setattr(page.app.state.page.templates, "get_template", broken)  # type: ignore[attr-defined]
    answer = page.get("/papers/nobody-knows")
    assert answer.status_code == 404
    assert "nobody-knows" in answer.text
