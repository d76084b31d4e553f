"""Running a paper from its page, and watching it to its verdicts."""

from collections.abc import Callable

import pytest
from browser_parts import RULES, violations
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.xdist_group("browser")

Visit = Callable[..., Page]
RUN_MS = 240_000


def test_a_run_is_followed_on_the_papers_page_to_its_verdicts(visit: Visit) -> None:
    page = visit("/papers/arnet")
    page.evaluate("window.same = true")
    page.get_by_role("radio", name="smoke").check()
    page.get_by_role("button", name="Run", exact=True).click()
    here = page.locator("#job")
    here.locator(".log-box summary").click()
    expect(here.locator(".log")).to_contain_text("trial 1 started", timeout=RUN_MS)
    expect(here.locator(".status")).to_have_text("running")
    expect(here.locator("[data-part=running] li")).to_contain_text("Trial 1")
    assert violations(page, RULES) == []
    expect(page.locator(".measured")).to_contain_text("on this machine", timeout=RUN_MS)  # not the run that was shown
    expect(here.locator(".status")).to_have_text("done")
    expect(page.locator(".claim .badge.not-tested").first).to_be_visible()  # a smoke run decides nothing
    expect(page.get_by_role("button", name="Copy").first).to_be_visible()
    assert page.evaluate("window.same")
    assert "?run=" in page.url
    page.set_viewport_size({"width": 320, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.set_viewport_size({"width": 1280, "height": 900})

    page.get_by_role("link", name="Run", exact=False).filter(has_text="at smoke scale").click()
    page.wait_for_url("**/runs/*")
    expect(page.locator("#verdicts")).to_be_visible()
    claims = page.request.get("/papers/arnet.json").json()["report"]["claims"]
    expect(page.locator(".claim .badge")).to_have_count(len(claims))
    expect(page.locator(".claim .badge.not-tested")).to_have_count(len(claims))
    page.locator(".log-box summary").click()
    assert violations(page, RULES) == []
    printable = page.get_by_role("link", name="Printable report").get_attribute("href")
    assert "smoke scale" in page.request.get(str(printable)).text()
    page.get_by_role("link", name="See it with figures").click()
    expect(page.locator(".measured")).to_contain_text("on this machine")
    expect(page.locator(".measured")).to_contain_text("An older run")
    page.goto("/runs")
    expect(page.locator("table.runs tbody tr").last).to_contain_text("1 of 1")
    assert violations(page, RULES) == []
    page.set_viewport_size({"width": 320, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    expect(page.locator("table.runs .signs").last).to_be_in_viewport()
    page.goto("/papers/arnet")
    expect(page.locator(".count.holds").first).to_be_visible()  # and what a card shows stays as it was


def test_a_run_can_be_followed_on_a_page_of_its_own_and_cancelled(visit: Visit) -> None:
    page = visit("/")
    page.locator("[data-key=heads-ssm] .run").click()
    page.wait_for_url("**/runs/*")
    page.evaluate("window.same = true")
    expect(page.locator(".by")).to_contain_text("at laptop scale")
    expect(page.locator(".status")).to_have_text("running", timeout=RUN_MS)
    page.get_by_role("button", name="Cancel this run").click()
    expect(page.locator(".status")).to_have_text("cancelled")
    expect(page.get_by_role("button", name="Cancel this run")).to_have_count(0)
    expect(page.locator("#verdicts")).to_have_count(0)


def test_a_run_can_be_cancelled_on_the_papers_page(visit: Visit) -> None:
    page = visit("/papers/heads-ssm")
    page.get_by_role("button", name="Run", exact=True).click()
    page.locator("#job").get_by_role("button", name="Cancel this run").click()
    expect(page.locator("#job .status")).to_have_text("cancelled")
    expect(page.get_by_role("button", name="Cancel this run")).to_have_count(0)
    expect(page.locator(".measured")).to_contain_text("by the authors of this package")


def test_what_is_asked_for_wrongly_is_explained(visit: Visit) -> None:
    page = visit("/papers/arnet", expected=("400",))
    page.locator("#seeds").evaluate("field => { field.type = 'text'; field.value = '1000000'; }")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator(".run-box .problem")).to_contain_text("100")
