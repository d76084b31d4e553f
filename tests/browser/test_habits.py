"""Habits: marks without a reload, the keyboard, dark and light."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.xdist_group("browser")

Visit = Callable[..., Page]


def test_a_vote_counts_once_without_a_reload_and_stays(visit: Visit) -> None:
    page = visit("/?per_page=100")
    page.evaluate("window.same = true")
    key = [one["key"] for one in page.request.get("/index.json?per_page=100").json()["page"]["cards"]][-1]
    card = page.locator(f"[data-key={key}]")
    vote = card.get_by_role("button", name="Vote for")
    vote.click()
    expect(vote).to_have_attribute("aria-pressed", "true")
    expect(card.locator(".vote .number")).to_have_text("1")
    assert page.evaluate("window.same")
    page.reload()
    expect(card.locator(".vote .number")).to_have_text("1")
    cards = page.request.get("/index.json?per_page=100").json()["page"]["cards"]
    assert [one["key"] for one in cards].index(key) < len(cards) // 2  # it rose from the last place
    vote.click()
    expect(card.locator(".vote .number")).to_have_text("0")


def test_the_keyboard_moves_stars_and_notes(visit: Visit) -> None:
    page = visit("/?order=new")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("j")
    at = page.locator(".card.is-at")
    expect(at).to_have_count(1)
    key = at.get_attribute("data-key")
    assert key == page.locator(".card").nth(1).get_attribute("data-key")
    page.keyboard.press("s")
    expect(at.get_by_role("button", name="Star")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("r")
    expect(page.locator(f".is-read[data-key='{key}']")).to_be_visible()
    page.keyboard.press("n")
    text = "try <b>this</b> & that,\nin two lines"
    page.get_by_label("Private note").fill(text)
    page.get_by_role("button", name="Save").click()
    expect(at.locator(".noted span")).to_have_text(text, use_inner_text=True)
    page.goto("/starred")
    expect(page.locator(".card")).to_have_count(1)
    expect(page.locator(".noted span")).to_have_text(text, use_inner_text=True)
    page.keyboard.press("j")
    page.keyboard.press("o")
    expect(page).to_have_url(f"/papers/{key}")
    expect(page.get_by_label("Private note on this paper")).to_have_value(text)
    page.keyboard.press("n")
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".toast")).to_have_text("Note removed.")
    page.keyboard.press("Tab")
    page.keyboard.press("s")
    expect(page.get_by_role("button", name="Star this paper")).to_have_attribute("aria-pressed", "false")


def test_keys_are_explained_and_do_nothing_while_one_types(visit: Visit) -> None:
    page = visit("/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    page.keyboard.press("j")
    expect(page.locator(".card.is-at")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_hidden()
    page.keyboard.press("/")
    page.keyboard.type("jvsn?")
    expect(page.locator("#q")).to_have_value("jvsn?")
    expect(page.locator(".card.is-at")).to_have_count(0)
    expect(page.locator(".card .vote [aria-pressed=true]")).to_have_count(0)


def test_what_cannot_be_saved_says_so(visit: Visit) -> None:
    page = visit("/", expected=("ERR_INTERNET_DISCONNECTED", "Failed to load"))
    page.context.set_offline(True)
    vote = page.locator("[data-key=sna]").get_by_role("button", name="Vote for")
    vote.click()
    expect(page.locator(".toast")).to_contain_text("Not saved")
    expect(vote).to_have_attribute("aria-pressed", "false")


def test_dark_and_light_follow_the_system_until_somebody_chooses(visit: Visit) -> None:
    page = visit("/", color_scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    page.get_by_role("button", name="Dark theme").click()
    light = page.evaluate(background)
    assert dark != light
    page.goto("/about")
    assert page.evaluate(background) == light
    expect(page.get_by_role("button", name="Dark theme")).to_have_attribute("aria-pressed", "false")
    page.get_by_role("button", name="Dark theme").click()
    page.reload()
    assert page.evaluate(background) == dark
