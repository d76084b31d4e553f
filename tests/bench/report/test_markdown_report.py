"""The Markdown report and the table that fills a page."""

from dataclasses import replace

from markdown_it import MarkdownIt

from workingpapers.bench.report import ReportContent, page_markdown, report_markdown, verdict_table_markdown


def rendered(text: str) -> str:
    return MarkdownIt("commonmark", {"html": True}).enable("table").render(text)


def test_table_has_a_row_for_each_claim_and_every_column(content: ReportContent) -> None:
    html = rendered(verdict_table_markdown(content))
    assert html.count("<tr>") == 1 + len(content.verdicts)
    assert html.count("<td>") == 9 * len(content.verdicts)
    for piece in ("<code>&lt; 1.25</code>", "[1.01, 1.09]", "<strong>does not hold</strong>", "laptop", "1.9 [1.8, 2]"):
        assert piece in html


def test_markup_stays_text_even_where_html_is_allowed(content: ReportContent) -> None:
    html = rendered(report_markdown(replace(content, paper=replace(content.paper, usage="```\nx\n```"))))
    for piece in ("<script", "<b>only", "<i>lower", "<img src=x"):
        assert piece not in html
    assert "It says that *sums* are cheap &amp; good." in html
    assert "option | of all" in html


def test_marks_reasons_and_ranges_are_beside_the_table(content: ReportContent) -> None:
    text = verdict_table_markdown(content)
    assert "**Note:** measured with older code." in text
    assert "- `one-seed`: needs 2 more seeds" in text
    assert "ʳ the range over seeds" in text


def test_page_is_filled_in(content: ReportContent) -> None:
    page = page_markdown(content)
    assert "<!-- measured -->" not in page
    assert verdict_table_markdown(content) in page


def test_pictures_are_relative_links(content: ReportContent) -> None:
    assert "](figures/cost%20curve.png)" in report_markdown(content)
    assert "](elsewhere/cost%20curve.png)" in report_markdown(content, pictures="elsewhere")


def test_environment_is_whole(content: ReportContent) -> None:
    text = report_markdown(content)
    for piece in ("### Machine", "A processor", "| torch | 2.13.0 |", "| surprise | kept |", "- orders: 1, 3"):
        assert piece in text
