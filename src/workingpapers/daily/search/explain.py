"""Why a paper was found: its own words that the query asked for, and those that come near to it in meaning."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import text
from sqlalchemy.orm import Session

from workingpapers.daily.search.encoders import Encoder
from workingpapers.daily.search.lexical import beginning, matching
from workingpapers.daily.search.results import Snippet
from workingpapers.daily.search.snippets import Words, snippet
from workingpapers.daily.search.words import fold, stem, words_of

MOST_WORDS = 6
"""Words that explain one hit."""
NEAR = 0.5
"""Least closeness in meaning of a word that explains; where there is no such word, the closest ones do."""

_FALL_BACK = 2
_OPEN, _CLOSE = "\ue000", "\ue001"  # private characters, which no text holds that a reader could see
_BETWEEN = re.compile(f"{_OPEN}(.*?){_CLOSE}", re.DOTALL)
_COLUMNS = ("title", "summary", "topics", "claims", "authors")
_TOLD = ("title", "summary", "topics", "claims")
_ORDER = ("title", "authors", "topics", "summary", "claims")  # as the index has them
_MATCHED = text(
    "SELECT rowid, "
    + ", ".join(f"highlight(paper_text, {_ORDER.index(name)}, '{_OPEN}', '{_CLOSE}') AS {name}" for name in _COLUMNS)
    + " FROM paper_text WHERE paper_text MATCH :match AND rowid IN (SELECT value FROM json_each(:ids))"
)
_PLAIN = text(f"SELECT rowid, {', '.join(_COLUMNS)} FROM paper_text WHERE rowid IN (SELECT value FROM json_each(:ids))")


def explained(
    session: Session, query: str, ids: Sequence[int], encoder: Encoder | None
) -> dict[int, tuple[tuple[str, ...], Snippet]]:
    """For each paper the words that explain it and the part of it that fits best.

    Args:
        session: Reads the text index.
        query: What was looked for.
        ids: Papers that were found.
        encoder: Finds the words that are near in meaning; None leaves them out.
    """
    rows = {}
    if match := matching(query):
        rows = {row.rowid: row for row in session.execute(_MATCHED, {"match": match, "ids": json.dumps(list(ids))})}
    others = [id_ for id_ in ids if id_ not in rows]
    if others:
        rows |= {row.rowid: row for row in session.execute(_PLAIN, {"ids": json.dumps(others)})}
    papers = {id_: _Told.of(dict(row._mapping)) for id_, row in rows.items()}
    close: dict[str, float] = {}
    if encoder is not None:
        close = encoder.explain(query, set().union(*(paper.words for paper in papers.values())))
    begun = beginning(query)
    return {id_: _explained(paper, begun and fold(begun), close) for id_, paper in papers.items()}


@dataclass(frozen=True)
class _Told:
    """What the index holds of one paper.

    Args:
        matched: Words that match the query, as written.
        words: All words that may explain, folded, each with how it was written first.
        summary: The summary, else the title.
        claims: The claims.
    """

    matched: list[str]
    words: dict[str, str]
    summary: Words
    claims: Words

    @classmethod
    def of(cls, row: Mapping[str, str]) -> "_Told":
        """From a row, in which words that match stand between marks."""
        matched = [word for name in _COLUMNS for part in _BETWEEN.findall(row[name]) for word in words_of(part)]
        plain = {name: row[name].replace(_OPEN, "").replace(_CLOSE, "") for name in _COLUMNS}
        return cls(
            matched,
            _vocabulary(*(plain[name] for name in _TOLD)),
            _words(plain["summary"] or plain["title"]),
            _words(plain["claims"]),
        )


@lru_cache(maxsize=4_000)
def _words(text: str) -> Words:
    return Words.of(text)


@lru_cache(maxsize=4_000)
def _vocabulary(*texts: str) -> dict[str, str]:
    """The different words of some texts, folded, and how each was written first, in small letters."""
    written: dict[str, str] = {}
    for one in texts:
        if one.isascii():
            words = words_of(one.lower())
            written |= {word: word for word in words if word not in written}
        else:
            for word in words_of(one):
                written.setdefault(fold(word), word.lower())
    return written


def _explained(paper: _Told, begun: str | None, close: Mapping[str, float]) -> tuple[tuple[str, ...], Snippet]:
    chosen = {fold(word): word.lower() for word in paper.matched}
    if begun:
        chosen |= {word: written for word, written in paper.words.items() if word.startswith(begun)}
    near = sorted((word for word in paper.words if word in close), key=lambda word: -close[word])
    near = [word for word in near if close[word] >= NEAR] or (near[:_FALL_BACK] if not chosen else [])
    families = {stem(word) for word in chosen}
    for word in near:
        if len(chosen) < MOST_WORDS and stem(word) not in families:
            families.add(stem(word))
            chosen[word] = paper.words[word]
    in_claims = paper.claims.text and chosen.keys().isdisjoint(paper.summary.folded)
    return tuple(chosen.values())[:MOST_WORDS], snippet(paper.claims if in_claims else paper.summary, chosen)
