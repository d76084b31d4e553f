"""Search by words: SQLite's full-text index, ranked by BM25 with a weight for each column.

Only the words of a query reach the index, each as a quoted string, so nothing a reader types is syntax. The last word
counts as the beginning of one, as in a search box, where no paper holds it as it stands.

Ranking reads every paper that matches, and a word such as `model` stands in most of them. So that a search among
100 000 papers takes no longer than a reader notices, at most `BOUND` papers are ranked: those that hold a rare word of
the query, those that hold all of its words, and of these the newest where they are still too many.
"""

import math
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from workingpapers.daily.search.words import fold, telling, words_of

WEIGHTS = {"title": 4.0, "authors": 3.0, "topics": 3.0, "summary": 2.0, "claims": 1.0}
"""How much a word counts in each column of the index, in the order of its columns."""
BOUND = 3000
"""Most papers that are ranked for one query."""
MOST = 500
"""Of these, the best that are hits."""
MOST_WORDS = 12
"""Words of a long query that are looked up; the rarest of its first `_CONSIDERED`."""

_CONSIDERED = 32
_SHORTEST_PREFIX = 3
_FEW = 50  # papers; where fewer fit, a wider expression is asked
_SATURATED = 2.2  # what a word counts at most, times its IDF: k1 + 1
_SUFFIXES = (
    "able",
    "ably",
    "ance",
    "ation",
    "ative",
    "edly",
    "ence",
    "ing",
    "ities",
    "ization",
    "ized",
    "ment",
    "ness",
)
_BM25 = f"bm25(paper_text, {', '.join(map(str, WEIGHTS.values()))})"
_RANK = text(
    f"SELECT paper, score FROM (SELECT rowid AS paper, {_BM25} AS score FROM paper_text WHERE paper_text MATCH :match "
    "ORDER BY rowid DESC LIMIT :bound) ORDER BY score, paper DESC LIMIT :most"
)
_PAPERS = text("SELECT max(id) FROM papers")  # near enough to their number, and quick
_COUNT = text("SELECT count(*) FROM paper_text WHERE paper_text MATCH :match")


@dataclass(frozen=True)
class _Term:
    """One word of the query as the index is asked for it, and how many papers hold it."""

    match: str
    count: int


def rank(session: Session, query: str) -> list[tuple[int, float]]:
    """The papers that hold a word of the query with their scores, best first, equal ones newest first.

    A score is BM25 as a share of the most that a paper could get, which holds every word of the query often.

    Args:
        session: Reads the index.
        query: What a reader typed.
    """
    every = _terms(session, query)
    terms = sorted((term for term in every if term.count), key=lambda term: term.count)[:MOST_WORDS]
    if not terms:
        return []
    papers = int(session.scalar(_PAPERS) or 0)
    most = _SATURATED * sum(_rarity(papers, term.count) for term in every)
    rows = session.execute(_RANK, {"match": _bounded(session, terms), "bound": BOUND, "most": MOST})
    return [(int(paper), min(1.0, -float(score) / most)) for paper, score in rows]


def matching(query: str) -> str:
    """Papers that hold any of the query's words, as the index takes it. Empty where it holds no word."""
    return " OR ".join(_is(word) for word in telling(words_of(query))[:_CONSIDERED])


def beginning(query: str) -> str | None:
    """The word that a reader may still be typing: the last one, where it is long enough and nothing follows it."""
    words = words_of(query)
    return words[-1] if words and len(words[-1]) >= _SHORTEST_PREFIX and query.endswith(words[-1]) else None


def _terms(session: Session, query: str) -> list[_Term]:
    words = telling(words_of(query))[:_CONSIDERED]
    terms = {word: _Term(_is(word), _count(session, _is(word))) for word in words}
    typed = beginning(query)
    if typed is not None and typed in terms and not terms[typed].count:
        for match in (_begins(typed), *_without_suffix(typed)):
            if count := _count(session, match):
                terms[typed] = _Term(match, count)
                break
    return list(terms.values())


def _rarity(papers: int, holding: int) -> float:
    """BM25's IDF as SQLite computes it: of a word that half of the papers hold, next to nothing."""
    return max(1e-6, math.log((papers - holding + 0.5) / (holding + 0.5))) if papers > holding else 1e-6


def _bounded(session: Session, terms: list[_Term]) -> str:
    """An expression that not many more than `BOUND` papers match, and that the best ones do."""
    rare: list[str] = []
    room = BOUND
    for term in terms:
        room -= term.count
        if room < 0:
            break
        rare.append(term.match)
    if len(rare) == len(terms):
        return " OR ".join(rare)
    if len(terms) == 1:
        in_title = f"title : ({terms[0].match})"
        return in_title if _count(session, in_title) >= _FEW else terms[0].match
    every = " AND ".join(f"({term.match})" for term in terms)
    if rare or _count(session, every) >= _FEW:
        return " OR ".join([f"({every})", *rare])
    return " OR ".join([f"({every})", *(f"title : ({term.match})" for term in terms), terms[0].match])


def _count(session: Session, match: str) -> int:
    return int(session.scalar(_COUNT, {"match": match}) or 0)


def _is(word: str) -> str:
    return f'"{word}"'


def _begins(word: str) -> str:
    return f'"{word}"*'


def _without_suffix(word: str) -> list[str]:
    """The word without a suffix that is half typed: the index holds `learn`, which `learni` does not begin."""
    cuts = range(1, min(6, len(word) - _SHORTEST_PREFIX))
    return [_begins(word[:-cut]) for cut in cuts if any(suffix.startswith(fold(word[-cut:])) for suffix in _SUFFIXES)]
