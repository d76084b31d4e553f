"""How often one address may ask a public page."""

import pytest
from starlette.testclient import TestClient

from workingpapers.web.rate_limits import CHANGES, MAILS, READS, RUNS, SEARCHES, limit_of, reader_of


def test_mails_are_few(public_page: TestClient) -> None:
    statuses = [
        public_page.post("/sign-in", data={"email": f"a{number}@example.org"}).status_code
        for number in range(MAILS.amount + 2)
    ]
    assert statuses == [200] * MAILS.amount + [429] * 2
    refused = public_page.post("/sign-in", data={"email": "a@example.org"}, headers={"accept": "application/json"})
    assert refused.json()["error"]["type"] == "TooManyRequests"
    assert 1 <= int(refused.headers["retry-after"]) <= 15 * 60
    assert "more than 10 such requests came from your address within 15 minutes" in refused.text
    assert refused.headers["content-security-policy"]
    assert public_page.get("/atom.xml").status_code == 200  # reading is counted apart


def test_a_page_for_one_person_counts_nothing(page: TestClient) -> None:
    for _ in range(MAILS.amount + 5):
        assert page.post("/sign-in", data={"email": "a@example.org"}).status_code == 303


@pytest.mark.parametrize(
    ("method", "path", "limit"),
    [
        ("GET", "/", READS),
        ("HEAD", "/papers/x", READS),
        ("GET", "/search", SEARCHES),
        ("GET", "/search.json", SEARCHES),
        ("GET", "/search.atom", SEARCHES),
        ("GET", "/api/papers/search", SEARCHES),
        ("POST", "/sign-in", MAILS),
        ("POST", "/subscriptions", MAILS),
        ("POST", "/papers/x/run", RUNS),
        ("POST", "/papers/x/vote", CHANGES),
        ("GET", "/static/page.css", None),
    ],
)
def test_which_limit_a_request_counts_against(method: str, path: str, limit: object) -> None:
    assert limit_of(method, path) is limit


def test_a_reader_is_an_address_or_a_network() -> None:
    assert reader_of("192.0.2.1") != reader_of("192.0.2.2")
    assert reader_of("2001:db8:1:2::1") == reader_of("2001:db8:1:2:ffff::9") != reader_of("2001:db8:1:3::1")
    assert reader_of("::ffff:192.0.2.1") == reader_of("192.0.2.1")
    assert reader_of("testclient") == "testclient"
