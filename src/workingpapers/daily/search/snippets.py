"""The part of a text that explains a hit best, with the words that do marked."""

import re
from collections.abc import Collection

from workingpapers.daily.search.results import Snippet
from workingpapers.daily.search.words import fold

LENGTH = 36
"""Words of a snippet."""

_WORD = re.compile(r"[^\W_]+")


def snippet(text: str, marked: Collection[str]) -> Snippet:
    """The window of a text with most different marked words, the first of equal ones.

    Args:
        text: What is cut.
        marked: Words to mark, folded.
    """
    words = [(match.start(), match.end(), fold(match[0])) for match in _WORD.finditer(text)]
    if not words:
        return ((text, False),) if text else ()
    first = _best_window([word if word in marked else "" for _, _, word in words])
    shown = words[first : first + LENGTH]
    start = shown[0][0] if first else 0
    end = shown[-1][1] if first + LENGTH < len(words) else len(text)
    pieces: list[tuple[str, bool]] = [("… ", False)] if first else []
    for begins, ends, word in shown:
        if word in marked:
            if begins > start:
                pieces.append((text[start:begins], False))
            pieces.append((text[begins:ends], True))
            start = ends
    if rest := text[start:end]:
        pieces.append((rest, False))
    if end < len(text):
        pieces.append((" …", False))
    return tuple(pieces)


def _best_window(words: list[str]) -> int:
    """Where the window begins; a few words before its first marked one, for the context."""
    counts: dict[str, int] = {}
    best, best_start = 0, 0
    for end, word in enumerate(words):
        if word:
            counts[word] = counts.get(word, 0) + 1
        if end >= LENGTH and (gone := words[end - LENGTH]):
            counts[gone] -= 1
            if not counts[gone]:
                del counts[gone]
        if len(counts) > best:
            best, best_start = len(counts), max(0, end - LENGTH + 1)
    if not best_start:
        return 0
    last = len(words) - LENGTH
    first_marked = next(number for number in range(best_start, len(words)) if words[number])
    return min(last, max(best_start, first_marked - 6))
