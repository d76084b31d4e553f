"""page.md as HTML, section by section, through markdown-it; raw HTML and images stay text."""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

MEASURED = "<!-- measured -->"

SECTIONS = (
    "What it claims",
    "What we measured",
    "Use it",
    "How it works",
    "Differences from the paper",
    "When to use",
    "When not to",
    "Cost",
    "Reference",
)


def page_sections(page: str) -> dict[str, str]:
    """The sections of a page as HTML.

    A section begins at a heading of the fixed list, whatever its level, and reaches to the next one. The line that
    stands for the verdict table is left out.

    Returns:
        Heading, as the fixed list spells it, to HTML; headings that the page lacks, or leaves empty, are missing.
    """
    markdown = _parser()
    tokens = markdown.parse(page.replace(MEASURED, ""))
    known = {heading.lower(): heading for heading in SECTIONS}
    starts: list[tuple[int, str]] = []
    for place, token in enumerate(tokens):
        if token.type == "heading_open" and token.level == 0:
            heading = known.get(tokens[place + 1].content.strip().lower())
            if heading:
                starts.append((place, heading))
    sections: dict[str, str] = {}
    for (start, heading), (end, _) in pairwise([*starts, (len(tokens), "")]):
        html = markdown.renderer.render(tokens[start + 3 : end], markdown.options, {}).strip()
        if html:
            sections[heading] = html
    return sections


def pick(sections: dict[str, str], headings: Sequence[str]) -> list[tuple[str, str]]:
    """The sections of these headings that exist, in the order asked for."""
    return [(heading, sections[heading]) for heading in headings if heading in sections]


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    # an image would be loaded from somewhere: a self-contained file shows its link instead
    return MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
