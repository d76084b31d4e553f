"""Mail, from the form to the last link: subscribe, confirm, get an issue, stop it."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from urllib.request import Request, urlopen

import pytest
from browser_parts import Inbox, Served
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.xdist_group("browser")

Visit = Callable[..., Page]


def _text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def _link(mail: EmailMessage, path: str) -> str:
    found = re.search(rf"http://127\.0\.0\.1:\d+{path}/\S+", _text(mail))
    assert found, _text(mail)
    return found[0]


def _subscribe(page: Page, email: str, inbox: Inbox) -> None:
    page.get_by_label("Mail address").fill(email)
    page.get_by_role("button", name="Subscribe").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Look into your mail")
    page.goto(_link(inbox.next(), "/subscriptions/confirm"))
    expect(page.locator("main")).to_contain_text(email)
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Subscribed")


def test_from_the_form_to_the_digest_to_the_end(visit: Visit, inbox: Inbox, served: Served) -> None:
    page = visit("/topics/attention")
    page.get_by_role("link", name="By mail").click()
    expect(page.get_by_label("attention", exact=True)).to_be_checked()
    _subscribe(page, "reader@example.org", inbox)

    at = (datetime.now(UTC) + timedelta(days=8)).isoformat(timespec="minutes")
    served.workingpapers("digest", "--send", "--at", at, "--base-url", served.address)
    digest = inbox.next()
    assert digest["To"] == "reader@example.org"
    assert "/papers/" in _text(digest)
    assert "How Many Heads Make an SSM?" in _text(digest)
    served.workingpapers("digest", "--send", "--at", at, "--base-url", served.address)
    assert inbox.mails.empty()

    page.goto(_link(digest, "/unsubscribe"))
    page.get_by_role("button", name="Unsubscribe").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Unsubscribed")
    later = (datetime.now(UTC) + timedelta(days=16)).isoformat(timespec="minutes")
    served.workingpapers("digest", "--send", "--at", later, "--base-url", served.address)
    assert inbox.mails.empty()
    page.goto("/subscriptions")
    expect(page.locator("main")).not_to_contain_text("reader@example.org")


def test_mail_programs_unsubscribe_with_one_click(visit: Visit, inbox: Inbox, served: Served) -> None:
    page = visit("/subscriptions")
    _subscribe(page, "program@example.org", inbox)
    at = (datetime.now(UTC) + timedelta(days=8)).isoformat(timespec="minutes")
    served.workingpapers("digest", "--send", "--at", at, "--base-url", served.address)
    mail = inbox.next()
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    address = re.search(r"<(http[^>]+)>", mail["List-Unsubscribe"])
    assert address
    headers = {"Origin": "https://mail.example.net", "Sec-Fetch-Site": "cross-site"}
    with urlopen(Request(address[1], b"List-Unsubscribe=One-Click", headers)) as answer:
        assert answer.status == 200
    page.goto("/subscriptions")
    expect(page.locator("main")).not_to_contain_text("program@example.org")


def test_a_subscription_can_be_changed_and_ended_on_the_page(visit: Visit, inbox: Inbox) -> None:
    page = visit("/subscriptions", timezone_id="Europe/Berlin")
    expect(page.get_by_label("Time zone")).to_have_value("Europe/Berlin")
    _subscribe(page, "change@example.org", inbox)
    page.goto("/subscriptions")
    row = page.locator(".subscriptions li", has_text="change@example.org")
    row.get_by_role("link", name="Change").click()
    expect(page.get_by_label("Time zone")).to_have_value("Europe/Berlin")
    page.get_by_label("daily", exact=True).check()
    page.get_by_label("From").select_option("18:00")
    page.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("every day from 18:00 (Europe/Berlin)")
    row.get_by_role("button", name="End").click()
    expect(row).to_have_count(0)


def test_an_address_that_is_none_is_explained_and_nothing_typed_is_lost(visit: Visit, inbox: Inbox) -> None:
    page = visit("/subscriptions", expected=("400",))
    page.locator("#email").evaluate("field => { field.type = 'text'; field.value = 'no address at all'; }")
    page.get_by_label("Only what fits a search").fill("sparse attention")
    page.get_by_role("button", name="Subscribe").click()
    expect(page.get_by_role("alert")).to_contain_text("no address at all")
    expect(page.get_by_label("Only what fits a search")).to_have_value("sparse attention")
    assert inbox.mails.empty()
