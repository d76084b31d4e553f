"""Everything that matters works where JavaScript does not."""

from collections.abc import Callable

import pytest
from browser_parts import Inbox
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.xdist_group("browser")

Visit = Callable[..., Page]
RUN_MS = 240_000


@pytest.fixture
def plain(visit: Visit) -> Visit:
    """Opens pages in a browser that runs no script."""
    return lambda path="/", **options: visit(path, java_script_enabled=False, **options)


def test_reading_searching_and_marking(plain: Visit) -> None:
    page = plain("/?order=new")
    expect(page.locator(".card")).to_have_count(40)
    card = page.locator("[data-key=influence]")
    card.get_by_role("button", name="Vote for").click()
    expect(page).to_have_url("/?order=new#paper-influence")
    expect(card.locator(".vote .number")).to_have_text("1")
    card.get_by_role("button", name="Star").click()
    page.get_by_role("link", name="Starred").click()
    expect(page.locator("[data-key=influence]")).to_be_visible()
    page.get_by_label("Search papers and claims").fill("influence functions")
    page.get_by_label("Search papers and claims").press("Enter")
    page.get_by_role("link", name="Studying Large Language Model Generalization").click()
    page.get_by_label("Private note on this paper").fill("a note\nwithout script")
    page.get_by_role("button", name="Save").click()
    expect(page).to_have_url("/papers/influence")
    expect(page.get_by_label("Private note on this paper")).to_have_value("a note\nwithout script")
    for verb in ("Vote for", "Star"):
        button = page.get_by_role("button", name=f"{verb} this paper")
        expect(button).to_have_attribute("aria-pressed", "true")
        button.click()
        expect(button).to_have_attribute("aria-pressed", "false")


def test_nothing_is_offered_that_needs_javascript(plain: Visit) -> None:
    page = plain("/papers/arnet")
    for name in ("Dark theme", "Keyboard ?", "Copy"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    page.locator(".claim summary").first.click()
    expect(page.locator(".claim dl").first).to_be_visible()


def test_a_run_reaches_its_verdicts(plain: Visit) -> None:
    page = plain("/papers/sample-room")
    page.get_by_role("radio", name="smoke").check()
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url("**/runs/*")
    expect(page.locator("#verdicts")).to_be_visible(timeout=RUN_MS)
    expect(page.locator(".status")).to_have_text("done")


def test_subscribing(plain: Visit, inbox: Inbox) -> None:
    page = plain("/subscriptions")
    page.get_by_label("Mail address").fill("plain@example.org")
    page.get_by_role("button", name="Subscribe").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Look into your mail")
    assert inbox.next()["To"] == "plain@example.org"
    page.goto("/subscriptions")
    row = page.locator(".subscriptions li", has_text="plain@example.org")
    expect(row).to_contain_text("Not confirmed yet")
    row.get_by_role("button", name="End").click()
    expect(row).to_have_count(0)
