"""Signing in to a public page, and what each role may do."""

import email
import re
from email import policy
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from workingpapers.daily.accounts import set_role

ADA = "ada@example.org"


def _mailed(page: TestClient) -> list[str]:
    """The links in the mails that were written, the oldest first."""
    folder = Path(page.app.state.page.mailer.folder)  # type: ignore[attr-defined]
    files = sorted(folder.glob("*.eml"), key=lambda path: path.stat().st_mtime_ns) if folder.exists() else []
    links = []
    for file in files:
        message = email.message_from_bytes(file.read_bytes(), policy=policy.default)
        body = message.get_body(("plain",))
        assert message["To"] == ADA
        assert body is not None
        links += re.findall(r"https://papers\.example\.org(/sign-in/\S+)", body.get_content())
    return links


def _sign_in(page: TestClient) -> None:
    assert page.post("/sign-in", data={"email": ADA}).status_code == 200
    link = _mailed(page)[-1]
    assert page.post(link).status_code == 303


def _role(page: TestClient, role: str) -> None:
    with page.app.state.page.database.write() as session:  # type: ignore[attr-defined]
        set_role(session, ADA, role)


def _vote(page: TestClient) -> int:
    return page.post("/papers/2611.00002/vote", headers={"accept": "application/json"}).status_code


def test_a_page_for_one_person_knows_no_sign_in(page: TestClient) -> None:
    for method, path in (("GET", "/sign-in"), ("POST", "/sign-in"), ("GET", "/sign-in/x"), ("POST", "/sign-in/x")):
        answer = page.request(method, path, data={"email": ADA} if method == "POST" else None)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert _vote(page) == 200


def test_a_stranger_reads_and_changes_nothing(public_page: TestClient) -> None:
    assert public_page.get("/atom.xml").status_code == 200
    assert _vote(public_page) == 403
    for path in ("/papers/2611.00002/note", "/papers/2611.00002/star", "/papers/2611.00002/run", "/submit"):
        answer = public_page.post(path, data={"text": "x", "scale": "smoke"}, headers={"accept": "application/json"})
        assert answer.status_code == 403, path
        assert answer.json()["error"]["type"] == "PermissionRefusedError"
    assert "2611.00002" not in public_page.get("/starred.json").text


def test_signing_in_by_a_link_that_works_once(public_page: TestClient) -> None:
    assert "Mail me a link" in public_page.get("/sign-in").text
    answer = public_page.post("/sign-in", data={"email": "Ada@Example.org"})
    assert ADA in answer.text.lower()
    (link,) = _mailed(public_page)
    for _ in range(2):  # programs that look at links in mails do not use it up
        seen = public_page.get(link)
        assert (seen.status_code, seen.headers["cache-control"]) == (200, "no-store")
    assert "set-cookie" not in seen.headers
    assert _vote(public_page) == 403

    entered = public_page.post(link)
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    cookie = entered.headers["set-cookie"]
    assert cookie.startswith("__Host-workingpapers=")
    for attribute in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert attribute in cookie
    assert _vote(public_page) == 200
    assert ADA in public_page.get("/").text

    public_page.cookies.clear()
    again = public_page.post(link)
    assert again.status_code == 400
    assert "used before" in again.text
    assert _vote(public_page) == 403


def test_signing_out_ends_the_session_for_good(public_page: TestClient) -> None:
    _sign_in(public_page)
    assert _vote(public_page) == 200
    kept = dict(public_page.cookies)
    assert public_page.post("/sign-out").status_code == 303
    assert not dict(public_page.cookies)
    public_page.cookies.update(kept)  # whoever copied the cookie
    assert _vote(public_page) == 403


@pytest.mark.parametrize("cookie", ["x", "x" * 5000, "..", "0", "%00"])
def test_a_made_up_cookie_is_a_stranger(public_page: TestClient, cookie: str) -> None:
    answer = public_page.post(
        "/papers/2611.00002/vote",
        headers={"accept": "application/json", "cookie": f"__Host-workingpapers={cookie}"},
    )
    assert answer.status_code == 403


def test_roles_rise_from_reader_to_admin(public_page: TestClient) -> None:
    def run() -> int:
        data = {"scale": "smoke"}
        return public_page.post("/papers/nobody/run", data=data, headers={"accept": "application/json"}).status_code

    def submit() -> int:
        return public_page.post("/submit", data={"paper": "x"}, headers={"accept": "application/json"}).status_code

    _sign_in(public_page)
    assert (submit(), run()) == (403, 403)
    _role(public_page, "curator")
    assert (submit(), run()) == (400, 403)  # 400: allowed now, and `x` is no arXiv id
    _role(public_page, "admin")
    assert (submit(), run()) == (400, 404)  # 404: allowed now, and there is no such paper
    _role(public_page, "reader")
    assert (submit(), run()) == (403, 403)


def test_the_answer_does_not_tell_who_is_known(public_page: TestClient) -> None:
    _sign_in(public_page)
    public_page.post("/sign-out")
    known = public_page.post("/sign-in", data={"email": ADA}).text
    unknown = public_page.post("/sign-in", data={"email": "eve@example.org"}).text
    assert known.replace(ADA, "*") == unknown.replace("eve@example.org", "*")


@pytest.mark.parametrize(
    "address", ["", "ada", "ada@", "ada@example.org\nBcc: eve@example.org", "ada@example.org\r\n", "a" * 300 + "@x.org"]
)
def test_an_address_that_is_none_mails_nothing(public_page: TestClient, address: str) -> None:
    answer = public_page.post("/sign-in", data={"email": address}, headers={"accept": "application/json"})
    if address.strip() == ADA:
        assert answer.status_code in (200, 400)
        return
    assert answer.status_code == 400
    assert _mailed(public_page) == []


def test_what_one_person_keeps_is_not_shown_to_another(public_page: TestClient) -> None:
    """The cache must not mix people up."""
    _sign_in(public_page)
    public_page.post("/papers/2611.00002/note", data={"text": "my private thought"})
    assert "my private thought" in public_page.get("/papers/2611.00002").text
    kept = dict(public_page.cookies)
    public_page.cookies.clear()
    for path in ("/papers/2611.00002", "/papers/2611.00002.json", "/", "/index.json", "/starred.json"):
        assert "my private thought" not in public_page.get(path).text, path
    public_page.cookies.update(kept)
    assert "my private thought" in public_page.get("/papers/2611.00002").text
