"""The stored embeddings: made once for each text, kept in the table `embeddings`, read into one index in memory.

Rows are numbered in the order in which they were written; `remembered` holds the last number. So whoever has read up
to a number reads only what was written since, and knows from one small look that nothing was.
"""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from sqlalchemy import text
from sqlalchemy.orm import Session

from workingpapers.daily.database import Database
from workingpapers.daily.search.encoders import Encoder, Index

Progress = Callable[[int, int], None]
"""Told how many papers are done, of how many."""

_PENDING = text(
    """
    SELECT p.id, e.text_hash FROM papers p LEFT JOIN embeddings e ON e.paper_id = p.id AND e.model = :model
    WHERE e.paper_id IS NULL OR p.changed >= :since ORDER BY p.id DESC
    """
)
_TEXTS = text(
    """
    SELECT rowid, title, summary, topics, claims FROM paper_text
    WHERE rowid IN (SELECT value FROM json_each(:ids)) ORDER BY rowid DESC
    """
)
_DELETE = text("DELETE FROM embeddings WHERE paper_id = :paper AND model = :model")
_INSERT = text(
    """
    INSERT INTO embeddings (rowid, paper_id, model, text_hash, vector)
    SELECT :number, id, :model, :hash, :vector FROM papers WHERE id = :paper
    """
)
_REMEMBER = text(
    "INSERT INTO remembered (name, value) VALUES (:name, :value) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
_LAST = text("SELECT value FROM remembered WHERE name = :name")
_NEWER = text(
    "SELECT rowid, paper_id, vector FROM embeddings WHERE rowid > :last AND model = :model ORDER BY rowid LIMIT :most"
)
_READ_AT_ONCE = 10_000
_NAME = "last embedding"


@dataclass(frozen=True)
class _Text:
    paper: int
    text: str
    hash: str


class Vectors:
    """Embeddings of one database by one encoder; any number of threads may ask.

    Args:
        database: Where papers and embeddings are.
        encoder: Makes and compares them.
    """

    def __init__(self, database: Database, encoder: Encoder) -> None:
        self.encoder = encoder
        self._database = database
        self._index = encoder.index(None, [], [])
        self._read_to = 0
        self._reading = threading.Lock()
        self._making = threading.Lock()
        self._since = ""

    def index(self, session: Session) -> Index:
        """Everything that is stored; while another thread reads what is new, what was there before."""
        if self._last(session) > self._read_to and self._reading.acquire(blocking=not len(self._index)):
            try:
                self._read_newer(session)
            finally:
                self._reading.release()
        return self._index

    def ensure(self, progress: Progress | None = None) -> int:
        """Embed every paper that has no embedding or another text than when it was embedded.

        Each chunk of papers is stored as soon as it is done, so what was done before an interruption stays.

        Args:
            progress: Called after each chunk.

        Returns:
            How many papers were embedded.
        """
        with self._making:
            with self._database.read() as session:
                newest = session.scalar(text("SELECT max(changed) FROM papers")) or ""
                pending = session.execute(_PENDING, {"model": self.encoder.model, "since": self._since}).all()
            made = 0
            for start in range(0, len(pending), self.encoder.chunk):
                chunk = {row.id: row.text_hash for row in pending[start : start + self.encoder.chunk]}
                with self._database.read() as session:
                    texts = [one for one in _texts(session, list(chunk)) if one.hash != chunk[one.paper]]
                if texts:
                    stored = self.encoder.encode([one.text for one in texts])
                    with self._database.write() as session:
                        self._write(session, texts, stored)
                    made += len(texts)
                if progress is not None:
                    progress(min(start + self.encoder.chunk, len(pending)), len(pending))
            self._since = newest
        return made

    def _write(self, session: Session, texts: Sequence[_Text], stored: Sequence[bytes]) -> None:
        last = self._last(session)
        model = self.encoder.model
        session.execute(_DELETE, [{"paper": one.paper, "model": model} for one in texts])
        session.execute(
            _INSERT,
            [
                {"number": last + number, "paper": one.paper, "model": model, "hash": one.hash, "vector": vector}
                for number, (one, vector) in enumerate(zip(texts, stored, strict=True), 1)
            ],
        )
        session.execute(_REMEMBER, {"name": _NAME, "value": str(last + len(texts))})

    def _read_newer(self, session: Session) -> None:
        last = self._last(session)
        ids: list[int] = []
        stored: list[bytes] = []
        while rows := session.execute(
            _NEWER, {"last": self._read_to, "model": self.encoder.model, "most": _READ_AT_ONCE}
        ).all():
            self._read_to = rows[-1].rowid
            ids += [row.paper_id for row in rows]
            stored += [row.vector for row in rows]
        if ids:
            self._index = self.encoder.index(self._index, ids, stored)
        self._read_to = max(self._read_to, last)

    def _last(self, session: Session) -> int:
        return int(session.scalar(_LAST, {"name": _NAME}) or 0)


def text_of(title: str, summary: str, topics: str, claims: str) -> str:
    """What of a paper is embedded, the most telling part first, because a long text is not read to its end."""
    return "\n".join(part for part in (title, summary, topics, claims) if part)


def _texts(session: Session, ids: Sequence[int]) -> list[_Text]:
    found = []
    for row in session.execute(_TEXTS, {"ids": json.dumps(ids)}):
        whole = text_of(row.title, row.summary, row.topics, row.claims)
        found.append(_Text(row.rowid, whole, blake2b(whole.encode(), digest_size=16).hexdigest()))
    return found
