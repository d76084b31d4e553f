"""What a search gives: hits with what explains them, and the page of hits they stand on."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from workingpapers.daily.feed import PaperCard

Mode = Literal["hybrid", "words", "meaning"]
MODES: tuple[Mode, ...] = ("hybrid", "words", "meaning")

Snippet = tuple[tuple[str, bool], ...]
"""Pieces of a text, each with whether it is to be marked."""


@dataclass(frozen=True)
class SearchHit:
    """A paper that was found.

    Args:
        card: The paper.
        score: How well it fits; comparable within one search only.
        why: The paper's own words that explain the hit, the closest first.
        similarity: Cosine between query and paper, where the search by meaning knows the paper.
        snippet: The part of the summary (else of the claims) that fits best, with the words of `why` marked.
    """

    card: "PaperCard"
    score: float
    why: tuple[str, ...]
    similarity: float | None
    snippet: Snippet


@dataclass(frozen=True)
class SearchPage:
    """One page of hits, best first.

    Args:
        query: What was looked for.
        mode: Which lists were asked.
        hits: Those on this page.
        total: How many there are on all pages; at most as many as are ranked.
        page: Number of this page, from 1.
        pages: How many pages there are, at least 1.
        per_page: Hits on a full page.
        previous: Number of the page before, where there is one.
        next: Number of the page after, where there is one.
        engine: `MiniLM` or `TF-IDF`: what found by meaning.
        complete: Whether every paper was ready to be found by meaning.
    """

    query: str
    mode: Mode
    hits: tuple[SearchHit, ...]
    total: int
    page: int
    pages: int
    per_page: int
    previous: int | None
    next: int | None
    engine: str
    complete: bool
