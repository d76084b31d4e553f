"""Everybody can use it: axe finds nothing on any page, in light and dark."""

from collections.abc import Callable

import pytest
from browser_parts import RULES, violations
from playwright.sync_api import Page

pytestmark = pytest.mark.xdist_group("browser")

Visit = Callable[..., Page]
PATHS = (
    "/?per_page=10",
    "/papers/arnet",
    "/papers/deeponet",
    "/topics",
    "/search",
    "/search?q=attention",
    "/starred",
    "/subscriptions",
    "/runs",
    "/about",
    "/submit",
    "/papers/nothing-of-this-name",
)


@pytest.mark.parametrize("path", PATHS)
def test_axe_finds_nothing(visit: Visit, path: str) -> None:
    page = visit(path, expected=("404",))
    for details in page.locator("main details").all():
        details.evaluate("one => one.open = true")
    found = violations(page, RULES)
    page.emulate_media(color_scheme="dark")
    found += violations(page, {"runOnly": ["color-contrast", "link-in-text-block"]})
    assert found == []


def test_axe_finds_nothing_in_the_dialogs_and_on_a_phone(visit: Visit) -> None:
    page = visit("/?per_page=10", viewport={"width": 390, "height": 844})
    found = violations(page, RULES)
    for keys in ("?", "jn"):
        page.keyboard.type(keys)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            found += violations(page, RULES, "dialog[open]")
        page.keyboard.press("Escape")
    assert found == []
