"""Finding papers by words: TF-IDF over weighted fields, in plain Python.

Each field of a paper counts with a weight. A word counts more the rarer it is among the papers (IDF) and less the
longer the field it stands in; a second occurrence adds less than the first (as in BM25F, Robertson and Zaragoza
2009). Accents and capitals do not matter, nor do plural endings; the beginning of a word finds the word.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from workingpapers.bench.protocols import Paper

WEIGHTS: Mapping[str, float] = {"slug": 4.0, "title": 4.0, "topics": 3.0, "authors": 3.0, "summary": 2.0, "claims": 1.0}

_SATURATION = 1.2  # BM25's k1
_LENGTH = 0.5  # BM25's b, halved: our fields are short and alike
_PREFIX = 0.6  # worth of a word of which only the beginning was given
_SHORTEST_PREFIX = 4
_STOP_WORDS = frozenset(
    """
    a an and are as at be been but by can do does for from has have how in into is it its no not of on or our so such
    than that the their there these they this those to too was we were what when where which while who why will with
    """.split()  # noqa: SIM905 - a list of these would be longer than the rest of the file's head
)
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Hit:
    """A paper that was found.

    Args:
        paper: The paper.
        score: How well it fits; comparable within one search only.
        matched: The paper's own words that the query found, in the order of the query.
    """

    paper: Paper
    score: float
    matched: tuple[str, ...]


@dataclass(frozen=True)
class _Field:
    """The stems of one field of one paper with their counts, and how each was written first."""

    counts: Counter[str]
    written: Mapping[str, str]
    length: int


def search(papers: Sequence[Paper], query: str) -> list[Hit]:
    """The papers that hold a word of the query, best first.

    A paper that holds more of the query's words comes before one that holds fewer of the same kind: the score is
    multiplied by the share of the words that were found.

    Args:
        papers: Where to look.
        query: Words; those that say nothing (`the`, `of`) are passed over unless there are no others.
    """
    words = list(dict.fromkeys(stem for _, stem in _words(query))) or list(
        dict.fromkeys(stem for _, stem in _words(query, everything=True))
    )
    index = [{name: _field(text) for name, text in _texts(paper).items()} for paper in papers]
    mean_length = {name: sum(fields[name].length for fields in index) / len(index) for name in WEIGHTS} if index else {}
    hits = []
    found = [{word: _found(fields, word) for word in words} for fields in index]
    rarity = {word: _rarity(len(index), sum(bool(by_word[word]) for by_word in found)) for word in words}
    for paper, fields, by_word in zip(papers, index, found, strict=True):
        total = sum(rarity[word] * _weight(fields, word, by_word[word], mean_length) for word in words)
        covered = sum(bool(by_word[word]) for word in words)
        if covered:
            matched = dict.fromkeys(written for word in words for written in by_word[word].values())
            hits.append(Hit(paper, total * covered / len(words), tuple(matched)))
    return sorted(hits, key=lambda hit: (-hit.score, hit.paper.slug))


def fold(text: str) -> str:
    """Text without accents and capitals: `Müller` and `muller` are alike."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(part for part in parts if not unicodedata.combining(part))


def stem(word: str) -> str:
    """A folded word without its plural ending: `series` stays, `queries` is `query`, `losses` is `loss`."""
    if len(word) <= 3 or not word.endswith("s") or word.endswith(("ss", "us", "is", "series")):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes", "zes")):
        return word[:-2]
    return word[:-1]


def _texts(paper: Paper) -> dict[str, str]:
    return {
        "slug": f"{paper.slug} {paper.arxiv}",
        "title": paper.title,
        "topics": " ".join(paper.topics),
        "authors": " ".join(paper.authors),
        "summary": paper.summary,
        "claims": " ".join(f"{claim.id} {claim.says}" for claim in paper.claims),
    }


def _words(text: str, *, everything: bool = False) -> Iterator[tuple[str, str]]:
    """The words as written, each with its stem."""
    for match in _WORD.finditer(text):
        folded = fold(match[0])
        if everything or folded not in _STOP_WORDS:
            yield match[0].lower(), stem(folded)


def _field(text: str) -> _Field:
    words = list(_words(text, everything=True))
    written: dict[str, str] = {}
    for word, stemmed in words:
        written.setdefault(stemmed, word)
    return _Field(Counter(stemmed for _, stemmed in words), written, len(words))


def _found(fields: Mapping[str, _Field], word: str) -> dict[str, str]:
    """The stems of a paper that a word of the query finds, each with how the paper writes it."""
    found: dict[str, str] = {}
    for field in fields.values():
        for stemmed, written in field.written.items():
            if stemmed == word or (len(word) >= _SHORTEST_PREFIX and stemmed.startswith(word)):
                found.setdefault(stemmed, written)
    if word in found:  # the word itself is there: what merely begins alike adds nothing
        return {word: found[word]}
    return found


def _rarity(papers: int, holding: int) -> float:
    """IDF, smoothed so that it stays above zero."""
    return math.log(1.0 + (papers - holding + 0.5) / (holding + 0.5))


def _weight(
    fields: Mapping[str, _Field], word: str, stems: Mapping[str, str], mean_length: Mapping[str, float]
) -> float:
    """Saturated, weighted frequency of the best of the stems over all fields of a paper."""
    best = 0.0
    for stemmed in stems:
        total = 0.0
        for name, field in fields.items():
            if count := field.counts[stemmed]:
                total += WEIGHTS[name] * count / (1.0 - _LENGTH + _LENGTH * field.length / mean_length[name])
        best = max(best, total / (_SATURATION + total))
    return best * (1.0 if word in stems else _PREFIX)
