"""Why a paper was found: its own words that the query asked for, and those that come near to it in meaning."""

import json
import re
from collections.abc import Mapping, Sequence
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
    return {id_: _explained(dict(row._mapping), query, encoder) for id_, row in rows.items()}


@lru_cache(maxsize=4_000)
def _words(text: str) -> Words:
    return Words.of(text)


@lru_cache(maxsize=4_000)
def _vocabulary(*texts: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """The different words of some texts, folded, and how each was written first."""
    written: dict[str, str] = {}
    for one in texts:
        words = _words(one)
        for word, (start, end) in zip(words.folded, words.spans, strict=True):
            if word not in written:
                written[word] = one[start:end].lower()
    return tuple(written), written


def _explained(row: Mapping[str, str], query: str, encoder: Encoder | None) -> tuple[tuple[str, ...], Snippet]:
    matched = [word for name in _COLUMNS for part in _BETWEEN.findall(row[name]) for word in words_of(part)]
    plain = {name: row[name].replace(_OPEN, "").replace(_CLOSE, "") for name in _COLUMNS}
    vocabulary, written = _vocabulary(*(plain[name] for name in _TOLD))
    chosen = {fold(word): word.lower() for word in matched}
    if begun := beginning(query):
        begun = fold(begun)
        chosen |= {word: written[word] for word in vocabulary if word.startswith(begun)}
    if encoder is not None:
        close = encoder.explain(query, vocabulary)
        close = [one for one in close if one[1] >= NEAR] or (close[:_FALL_BACK] if not chosen else [])
        families = {stem(word) for word in chosen}
        for word, _ in close:
            if len(chosen) < MOST_WORDS and stem(word) not in families:
                families.add(stem(word))
                chosen[word] = written[word]
    part = _words(plain["summary"])
    if plain["claims"] and chosen.keys().isdisjoint(part.folded):
        part = _words(plain["claims"])
    return tuple(chosen.values())[:MOST_WORDS], snippet(part if part.text else _words(plain["title"]), chosen)
