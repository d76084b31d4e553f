"""The part of a text that explains a hit best, with the words that do marked."""

from collections.abc import Collection
from dataclasses import dataclass

from workingpapers.daily.search.results import Snippet
from workingpapers.daily.search.words import fold, spans_of

LENGTH = 36
"""Words of a snippet."""
_BEFORE = 6  # words that stand before the first marked one, for the context


@dataclass(frozen=True)
class Words:
    """The words of a text: each folded, and where it stands."""

    text: str
    folded: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, text: str) -> "Words":
        """Find them."""
        spans = spans_of(text)
        if text.isascii():
            lower = text.lower()
            return cls(text, tuple(lower[start:end] for start, end in spans), spans)
        return cls(text, tuple(fold(text[start:end]) for start, end in spans), spans)


def snippet(words: Words, marked: Collection[str]) -> Snippet:
    """The window of a text with most different marked words, the first of equal ones.

    Args:
        words: What is cut.
        marked: Words to mark, folded.
    """
    text = words.text
    places = [place for place, word in enumerate(words.folded) if word in marked]
    first = _first(words.folded, places)
    last = min(first + LENGTH, len(words.spans))
    start = words.spans[first][0] if first else 0
    end = words.spans[last - 1][1] if last < len(words.spans) else len(text)
    pieces: list[tuple[str, bool]] = [("… ", False)] if first else []
    for place in places:
        if first <= place < last:
            begins, ends = words.spans[place]
            if begins > start:
                pieces.append((text[start:begins], False))
            pieces.append((text[begins:ends], True))
            start = ends
    if end > start:
        pieces.append((text[start:end], False))
    if end < len(text):
        pieces.append((" …", False))
    return tuple(pieces)


def _first(folded: tuple[str, ...], places: list[int]) -> int:
    """Where the best window begins."""
    best, first = 0, 0
    for number, place in enumerate(places):
        inside = {folded[other] for other in places[number:] if other < place + LENGTH - _BEFORE}
        if len(inside) > best:
            best, first = len(inside), place
    return max(0, min(first - _BEFORE, len(folded) - LENGTH))
