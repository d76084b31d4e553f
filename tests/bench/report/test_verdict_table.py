"""The verdict table of the terminal."""

import pytest
from rich.console import Console

from workingpapers.bench.report import ReportContent
from workingpapers.bench.report.table import verdict_table


def shown(content: ReportContent, width: int, **options: object) -> str:
    console = Console(width=width, highlight=False, **options)  # type: ignore[arg-type]  # passed on as they are
    with console.capture() as capture:
        console.print(verdict_table(content.verdicts, title="Sample, laptop scale", marks=content.marks))
    return capture.get()


@pytest.mark.parametrize("width", [60, 80, 100, 124, 132, 140, 160, 220])
def test_says_everything_within_the_width(content: ReportContent, width: int) -> None:
    text = shown(content, width, no_color=True)
    assert all(len(line) <= width for line in text.splitlines())
    assert "…" not in text
    words = " ".join(text.split())
    for piece in ("✓ holds", "✗ does not hold", "? undecided", "– not tested", "1.05", "[1.01, 1.09]", "< 1.25"):
        assert piece in words.replace("\u00a0", " ")
    assert "measured with older code" in words
    assert "\x1b" not in text


def test_markup_is_not_interpreted(content: ReportContent, verdict) -> None:  # type: ignore[no-untyped-def]  # a factory
    console = Console(width=80)
    with console.capture() as capture:
        console.print(verdict_table([verdict(says="In [bold]brackets[/bold] [0, 1].", reason="[/]")]))
    assert "[bold]brackets[/bold] [0, 1]" in capture.get()
    assert "[/]" in capture.get()


def test_colour_where_there_is_colour(content: ReportContent) -> None:
    assert "\x1b[1;32m✓ holds" in shown(content, 80, force_terminal=True, color_system="standard", no_color=False)


def test_a_control_that_passes_is_called_out(content: ReportContent, verdict) -> None:  # type: ignore[no-untyped-def]  # a factory
    console = Console(width=80)
    with console.capture() as capture:
        console.print(verdict_table([verdict("undecided", control=(1.0, 0.9, 1.1))]))
    assert "passes too" in capture.get()
