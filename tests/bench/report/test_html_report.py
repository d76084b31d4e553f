"""The HTML report: balanced, escaped, self-contained, legible."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from workingpapers.bench import report
from workingpapers.bench.report import ReportContent
from workingpapers.bench.report.html import headline, report_html

VOID = {"meta", "img", "br", "hr", "input", "link"}
LOADING = {"src", "srcset", "poster", "data", "action", "background", "xlink:href"}


class Reader(HTMLParser):
    """Checks the balance of tags and keeps what the tests ask for."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def page(content: ReportContent) -> str:
    return report_html(content)


def test_markup_from_outside_stays_text(page: str) -> None:
    reader = Reader(page)
    assert "script" not in {tag for tag, _ in reader.tags}
    assert all(not name.startswith("on") for _, attributes in reader.tags for name in attributes)
    for piece in ("<script>alert('title')</script>", "<b>only</b>", "<script>bad</script>", "<i>lower</i>"):
        assert piece in reader.text


def test_loads_nothing(page: str) -> None:
    for tag, attributes in Reader(page).tags:
        for name, value in attributes.items():
            if name in LOADING:
                assert value.startswith("data:image/png;base64,")
            if "://" in value:
                assert (tag, name) == ("a", "href") or name == "xmlns" or tag == "meta", (tag, name, value)
        assert tag not in {"link", "script", "iframe", "object", "embed", "base"}
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_links_are_plain_and_harmless(page: str) -> None:
    links = {attributes["href"] for tag, attributes in Reader(page).tags if tag == "a"}
    assert {"https://arxiv.org/abs/1911.12436", "https://github.com/owner/name", "https://good.example/"} <= links
    assert not any(link.lower().startswith("javascript:") for link in links)


def test_an_address_of_another_kind_is_no_link(content: ReportContent) -> None:
    changed = replace(content, paper=replace(content.paper, code="javascript://x%0Aalert(1)"))
    assert "javascript:" not in "".join(a.get("href", "") for _, a in Reader(report_html(changed)).tags)


def test_ids_are_unique_and_references_resolve(page: str) -> None:
    tags = Reader(page).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in tags:
        for reference in attributes.get("aria-labelledby", "").split():
            assert reference in ids
        if attributes.get("href", "").startswith("#"):
            assert attributes["href"][1:] in ids


def test_says_everything(page: str, content: ReportContent) -> None:
    text = Reader(page).text
    for verdict in content.verdicts:
        assert verdict.claim.id in text
        assert verdict.name in text
        assert verdict.claim.predicate in text
    for piece in (
        "measured with older code",
        "needs 2 more seeds: 1 of at least 3",
        "assert 1 < 2",
        "sunspots",
        "ab" * 32,
        "surprise",
        "11, 12, 13",
        "seed 14",
        "The control is the same network without the trick.",
    ):
        assert piece in text
    assert "<!--" not in text


def test_page_sections_come_in_their_order(page: str) -> None:
    headings = re.findall(r"<h2[^>]*>([^<]+)</h2>", page)
    assert headings.index("How it works") < headings.index("Cost")
    assert "When to use" not in headings
    assert "<td>2</td>" in page


def test_pictures_have_words(page: str) -> None:
    images = [attributes for tag, attributes in Reader(page).tags if tag == "img"]
    assert [image["alt"] for image in images] == ["Cost over order; <i>lower</i> is better."]
    assert page.count("<figcaption>") == 1


def test_headline_counts(content: ReportContent) -> None:
    assert headline(content) == "2 claims hold, 1 does not hold, 1 is undecided, 1 is not tested"
    assert headline(replace(content, verdicts=())) == "No claim was judged"
    assert headline(replace(content, verdicts=content.verdicts[1:2])) == "1 claim does not hold"


def test_a_bare_run_makes_a_page(content: ReportContent) -> None:
    bare = ReportContent(paper=content.paper, scale="smoke", run="x", verdicts=())
    Reader(report_html(bare))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "pair",
    [
        "ink paper",
        "muted paper",
        "link paper",
        "holds paper",
        "fails paper",
        "open paper",
        "holds holds-soft",
        "fails fails-soft",
        "open open-soft",
        "none none-soft",
        "ink open-soft",
        "ink soft",
        "muted soft",
    ],
)
def test_contrast_is_legible(scheme: str, pair: str) -> None:
    css = (Path(report.__file__).parent / "report.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", css, re.DOTALL)[:2]
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", light if scheme == "light" else dark))
    first, second = pair.split()
    assert contrast(colours[first], colours[second]) >= 4.5


def contrast(first: str, second: str) -> float:
    """The contrast ratio of WCAG 2.2."""
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
