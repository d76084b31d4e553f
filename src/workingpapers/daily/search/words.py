"""The words of a text: what counts as one, which say nothing, how two spellings of one are told to be the same."""

import re
import unicodedata

STOP_WORDS = frozenset(
    """
    a about also an and are as at be been but by can do does for from had has have how if in into is it its may more
    most no not of on one or other our over so some such than that the their them then there these they this those to
    too under up us using via was we were what when where which while who why will with within without you your
    """.split()  # noqa: SIM905 - a list of these would be longer than the rest of the file
)
"""Words that nearly every paper holds and that no reader looks for."""

STEM = 6
"""Letters by which two words are told to be of one family."""

_WORD = re.compile(r"[^\W_]+")


def words_of(text: str) -> list[str]:
    """The words of a text as written: runs of letters and digits in any script."""
    return _WORD.findall(text)


def spans_of(text: str) -> tuple[tuple[int, int], ...]:
    """Where each word of a text begins and ends."""
    return tuple(match.span() for match in _WORD.finditer(text))


def telling(words: list[str]) -> list[str]:
    """The words that say something, each once, in order; all of them where none does."""
    once: dict[str, str] = {}
    for word in words:
        once.setdefault(fold(word), word)
    return [word for folded, word in once.items() if folded not in STOP_WORDS] or list(once.values())


def fold(text: str) -> str:
    """Text without accents and capitals: `Müller` and `muller` are alike."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(part for part in parts if not unicodedata.combining(part))


def stem(word: str) -> str:
    """The first letters of a word, which `invariance` shares with `invariant`."""
    return fold(word)[:STEM]
