"""Reading: the lists, search, a paper's page, on a wide screen and a narrow one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from browser_parts import Served
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.xdist_group("browser")

Visit = Callable[..., Page]


def test_the_feed_shows_the_forty_papers_and_which_claims_hold(visit: Visit) -> None:
    page = visit("/")
    data = page.request.get("/index.json").json()["page"]
    expect(page.locator(".card")).to_have_count(len(data["cards"]))
    assert data["total"] >= 40
    arnet = page.locator("[data-key=arnet]")
    counts = next(card["counts"] for card in data["cards"] if card["key"] == "arnet")
    expect(arnet.locator(".count.holds")).to_have_text(f"✓{counts['holds']} hold")
    expect(arnet.locator(".scale")).to_have_text("laptop scale")
    claim = arnet.get_by_role("link", name="A linear network trained by SGD")
    expect(claim).to_be_hidden()
    arnet.locator("summary").click()
    expect(claim).to_be_visible()
    claim.click()
    expect(page).to_have_url("/papers/arnet#claim-same-coefficients")


def test_a_paper_that_is_not_built_says_so_and_cannot_be_run(visit: Visit) -> None:
    page = visit("/?built=0&per_page=100")
    cards = page.request.get("/index.json?built=0&per_page=100").json()["page"]["cards"]
    assert cards
    expect(page.locator(".card")).to_have_count(len(cards))
    expect(page.locator(".card").filter(has_text="not built yet")).to_have_count(len(cards))
    expect(page.locator(".card .run")).to_have_count(0)


def test_order_and_selection_are_links(visit: Visit) -> None:
    page = visit("/")
    page.get_by_role("link", name="New", exact=True).click()
    listed = [card["listed"] for card in page.request.get("/index.json?order=new").json()["page"]["cards"]]
    assert listed == sorted(listed, reverse=True)
    page.get_by_role("link", name="Runs here").click()
    expect(page).to_have_url("/?order=new&built=1")
    expect(page.locator(".card .run")).to_have_count(page.locator(".card").count())


def test_the_calendar_leads_through_days_weeks_and_months(visit: Visit) -> None:
    page = visit("/day/2023-10-12")
    expect(page.get_by_role("heading", level=1)).to_have_text("12 October 2023")
    expect(page.locator(".card")).to_have_count(2)
    page.get_by_role("link", name="Month").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("October 2023")
    page.locator(".period [rel=prev]").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("September 2023")
    page.get_by_role("link", name="Week").click()
    expect(page).to_have_url("/week/2023-W35")
    expect(page.locator(".empty")).to_have_text("No paper is listed in this week.")


def test_search_finds_by_meaning_and_says_why(visit: Visit) -> None:
    page = visit("/")
    page.keyboard.press("/")
    page.keyboard.type("answers must not change when the options are shuffled")
    page.keyboard.press("Enter")
    expect(page.locator("[data-key=set-prompting]")).to_be_visible()
    expect(page.locator("[data-key=set-prompting] .why")).to_contain_text("Found by")
    assert page.locator(".card mark").count() > 0
    page.get_by_role("link", name="Words", exact=True).click()
    expect(page.get_by_role("link", name="Words", exact=True)).to_have_attribute("aria-current", "true")


def test_a_search_without_an_answer_offers_others(visit: Visit) -> None:
    page = visit("/search?q=zzzzqqqq%25_&mode=words")
    page.locator(".empty").get_by_role("link", name="order invariance").click()
    expect(page.locator(".card").first).to_be_visible()


def test_a_paper_shows_its_evidence(visit: Visit) -> None:
    page = visit("/papers/arnet")
    data = page.request.get("/papers/arnet.json").json()
    claims = data["report"]["claims"]
    expect(page.locator(".claim")).to_have_count(len(claims))
    for claim in claims:
        row = page.locator(f"[id='claim-{claim['claim']}']")
        expect(row.locator(".badge")).to_have_text(f"{claim['symbol']}{claim['verdict']}")
        expect(row).to_contain_text(claim["value"])
        expect(row.locator("svg.wp-forest")).to_have_count(1)
    svg = page.locator(".claim svg.wp-forest").first
    assert svg.bounding_box()["width"] > 200  # type: ignore[index]
    drawn = svg.locator(".wp-region").first.evaluate("one => getComputedStyle(one).fill")
    assert drawn != "rgb(0, 0, 0)"
    page.locator("#figures").scroll_into_view_if_needed()
    pictures = page.locator(".pictures img")
    expect(pictures).to_have_count(len(data["report"]["pictures"]))
    expect(pictures.first).to_have_js_property("complete", True)
    assert pictures.first.evaluate("one => one.naturalWidth") > 100
    for heading in ("Use it", "Differences from the paper", "Cost", "How it was measured", "History"):
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()


def test_similar_papers_are_shown_when_all_have_been_read(visit: Visit) -> None:
    page = visit("/papers/arnet")
    for _ in range(60):  # the server embeds the papers beside its work
        if page.locator(".similar li").count():
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(page.locator(".similar li")).to_have_count(6)
    page.locator(".similar a").first.click()
    expect(page.get_by_role("heading", level=1)).not_to_contain_text("AR-Net")


def test_code_can_be_copied(visit: Visit) -> None:
    page = visit("/papers/arnet", permissions=["clipboard-read", "clipboard-write"])
    page.locator("#use ~ .prose .copyable").first.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert "from workingpapers.papers.arnet import" in page.evaluate("navigator.clipboard.readText()")


def test_the_report_of_a_run_can_be_printed(visit: Visit) -> None:
    page = visit("/papers/arnet")
    page.get_by_role("link", name="Printable report").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "AR-Net: A simple Auto-Regressive Neural Network for time-series"
    )
    assert (
        page.evaluate("getComputedStyle(document.querySelector('.badge')).fontWeight") == "600"
    )  # its style is let in
    page.emulate_media(media="print")
    assert page.pdf().startswith(b"%PDF")


def test_printed_pages_leave_out_what_paper_cannot_do(visit: Visit) -> None:
    page = visit("/papers/arnet")
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_hidden()
    expect(page.locator(".masthead")).to_be_hidden()
    expect(page.locator(".claim").first).to_be_visible()


@pytest.mark.parametrize("width", [320, 390, 768])
def test_nothing_reaches_beyond_a_narrow_screen(visit: Visit, width: int) -> None:
    page = visit("/", viewport={"width": width, "height": 844})
    for path in (
        "/",
        "/papers/arnet",
        "/papers/deeponet",
        "/topics",
        "/search?q=attention",
        "/subscriptions",
        "/runs",
        "/about",
        "/submit",
        "/month/2023-10",
    ):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_words_that_cannot_be_broken_stay_on_the_screen(visit: Visit, served: Served, tmp_path: Path) -> None:
    long = "Supercalifragilistic" * 6
    paper = {"title": f"{long} <script>alert(1)</script>", "summary": long, "authors": [long], "topics": [long]}
    (tmp_path / "odd.json").write_text(json.dumps([paper | {"published": "2009-05-05", "arxiv": "0905.0001"}]))
    served.workingpapers("add", "json", str(tmp_path / "odd.json"))
    page = visit("/papers/0905.0001", viewport={"width": 320, "height": 800})
    for path in ("/papers/0905.0001", "/month/2009-05", "/topics", f"/search?q={long}"):
        page.goto(path)
        expect(page.locator("main")).to_contain_text(long)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path


def test_an_unknown_paper_gets_a_page_that_helps(visit: Visit) -> None:
    page = visit("/papers/arnett", expected=("404",))
    expect(page.locator(".problem")).to_contain_text("did you mean arnet")
    page.get_by_role("link", name="To the papers").click()
    expect(page.locator(".card").first).to_be_visible()
