"""The search of one page: what the routes ask, from as many threads as there are."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from workingpapers.daily.database import Database
from workingpapers.daily.identity import arxiv_id
from workingpapers.daily.search import explain, lexical
from workingpapers.daily.search.encoders import Encoder, Index, best_encoder
from workingpapers.daily.search.hybrid import WEIGHT, combined
from workingpapers.daily.search.results import MODES, Mode, SearchHit, SearchPage
from workingpapers.daily.search.vectors import Progress, Vectors
from workingpapers.daily.search.words import words_of
from workingpapers.daily.tables import PaperRow
from workingpapers.errors import InvalidParameterError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from workingpapers.daily.feed import PaperCard

LONGEST_QUERY = 10_000
"""Characters."""
MOST_PER_PAGE = 100
DEPTH = 500
"""Most papers that are found by meaning."""
WORTH = 0.5
"""Least cosine of a hit by meaning, as a share of the best one's."""

DESCRIPTIONS = {
    "MiniLM": "all-MiniLM-L6-v2, a model of sentences, compares the query with every paper",
    "TF-IDF": "weighted words (TF-IDF) are compared with every paper, because the extra `search` is not installed",
}
"""What the page says about each engine."""
WORDS_DESCRIPTION = (
    f"SQLite's full-text index ranks by BM25 (title ×4, authors and topics ×3, summary ×2, claims ×1); where more than "
    f"{lexical.BOUND:,} papers hold a word of the query, those with its rarer words, with all of its words and the "
    f"newest are ranked. The score of both is {WEIGHT:g} × cosine + {1 - WEIGHT:g} × BM25 as a share of its most."
)
"""What the page says about the search by words and how both are joined."""


class SearchEngine:
    """Finds papers of one database.

    Args:
        database: Where the papers are.
        encoder: How papers are found by meaning; None is MiniLM where the extra `search` is installed, else TF-IDF.
    """

    def __init__(self, database: Database, encoder: Encoder | None = None) -> None:
        self.database = database
        self._encoder = encoder or best_encoder()
        self._vectors = Vectors(database, self._encoder)
        self._counted = -1, 0

    @property
    def engine(self) -> str:
        """What finds by meaning: `MiniLM`, or `TF-IDF` where the extra `search` is missing."""
        return self._encoder.name

    @property
    def description(self) -> str:
        """How this engine searches, in two or three sentences for readers."""
        return f"By meaning: {DESCRIPTIONS[self.engine]}. By words: {WORDS_DESCRIPTION}"

    def ensure(self, progress: Progress | None = None) -> int:
        """Make every paper ready to be found by meaning; quick where all are.

        Args:
            progress: Called with how many papers are done, of how many.

        Returns:
            How many papers were not ready.
        """
        made = self._vectors.ensure(progress)
        with self.database.read() as session:
            index = self._vectors.index(session)
        if len(index):
            self._encoder.explain("warm", {"up"})
        return made

    def search(
        self, query: str, *, person_id: int, page: int = 1, per_page: int = 20, mode: Mode = "hybrid"
    ) -> SearchPage:
        """One page of the papers that fit a query, best first; none where the query holds no word.

        A query that is a paper's slug or arXiv id gives that paper first.

        Args:
            query: What a reader typed.
            person_id: Whose stars and votes the cards show.
            page: From 1; beyond the last one it is empty.
            per_page: Hits on a page, at most 100.
            mode: `words`, `meaning`, or both as `hybrid`.

        Raises:
            InvalidParameterError: the query is too long, or a number or the mode is not allowed.
        """
        _check(query, page, per_page, mode)
        with self.database.read() as session:
            index = self._vectors.index(session)
            similarities = self._similarities(index, query, mode)
            ranked = self._ranked(session, query, mode, index, similarities)
            here = ranked[(page - 1) * per_page : page * per_page]
            hits = self._hits(session, query, mode, here, index, similarities, person_id)
            complete = mode == "words" or len(index) >= self._papers(session)
        pages = max(1, -(-len(ranked) // per_page))
        return SearchPage(
            query=query,
            mode=mode,
            hits=hits,
            total=len(ranked),
            page=page,
            pages=pages,
            per_page=per_page,
            previous=min(page - 1, pages) if page > 1 else None,
            next=page + 1 if page < pages else None,
            engine=self.engine,
            complete=complete,
        )

    def rank(self, query: str, *, mode: Mode = "hybrid") -> list[tuple[int, float]]:
        """The ids of all papers that fit a query with their scores, best first, without what a page shows of them.

        Raises:
            InvalidParameterError: the query is too long or the mode unknown.
        """
        _check(query, 1, 1, mode)
        with self.database.read() as session:
            index = self._vectors.index(session)
            return self._ranked(session, query, mode, index, self._similarities(index, query, mode))

    def similar(self, paper_id: int, *, person_id: int, count: int = 6) -> "list[tuple[PaperCard, float]]":
        """The papers most like one paper, each with the cosine of the two; none where it is not ready yet."""
        from workingpapers.daily.feed import cards

        with self.database.read() as session:
            index = self._vectors.index(session)
            similarities = index.similarities_of(paper_id)
            if similarities is None or count < 1:
                return []
            near = [one for one in _best(index, similarities, count + 1, self._encoder.floor) if one[0] != paper_id]
            found = {card.id: card for card in cards(session, [id_ for id_, _ in near], person_id)}
        return [(found[id_], _cosine(value)) for id_, value in near if id_ in found][:count]

    def _papers(self, session: Session) -> int:
        """How many papers there are; counted once for each state of the database."""
        version = self.database.version()
        if self._counted[0] != version:
            self._counted = version, session.scalar(select(func.count(PaperRow.id))) or 0
        return self._counted[1]

    def _similarities(self, index: Index, query: str, mode: Mode) -> "NDArray[np.float32] | None":
        if mode == "words" or not len(index) or not words_of(query):
            return None
        return index.similarities(query)

    def _ranked(
        self, session: Session, query: str, mode: Mode, index: Index, similarities: "NDArray[np.float32] | None"
    ) -> list[tuple[int, float]]:
        """All hits with their scores."""
        if not words_of(query):
            return []
        by_words = lexical.rank(session, query) if mode != "meaning" else []
        by_meaning = []
        if similarities is not None:
            floor = max(self._encoder.floor, WORTH * float(similarities.max()))
            by_meaning = _best(index, similarities, DEPTH, floor)
        named = _named(session, query)
        match mode:
            case "words":
                ranked = by_words
            case "meaning":
                ranked = by_meaning
            case "hybrid":
                ranked = combined(by_words, by_meaning, _cosines(index, similarities, [id_ for id_, _ in by_words]))
        best = max(1.0, ranked[0][1]) if ranked else 1.0
        return [(id_, best) for id_ in named] + [hit for hit in ranked if hit[0] not in named]

    def _hits(
        self,
        session: Session,
        query: str,
        mode: Mode,
        ranked: Sequence[tuple[int, float]],
        index: Index,
        similarities: "NDArray[np.float32] | None",
        person_id: int,
    ) -> tuple[SearchHit, ...]:
        from workingpapers.daily.feed import cards

        if not ranked:
            return ()
        ids = [id_ for id_, _ in ranked]
        found = {card.id: card for card in cards(session, ids, person_id)}
        cosines = _cosines(index, similarities, ids)
        explained = explain.explained(session, query, ids, None if mode == "words" else self._encoder)
        hits = []
        for id_, score in ranked:
            if id_ not in found:  # its embedding outlived it
                continue
            why, snippet = explained.get(id_, ((), ((found[id_].summary, False),)))
            hits.append(SearchHit(found[id_], score, why, cosines.get(id_), snippet))
        return tuple(hits)


def _best(index: Index, similarities: "NDArray[np.float32]", count: int, floor: float) -> list[tuple[int, float]]:
    """The papers with the largest cosines above the floor, best first, equal ones newest first."""
    import numpy as np

    least = floor
    if len(similarities) > count:  # all that equal the last one are sorted, so that the newest of them are taken
        least = max(least, float(np.partition(similarities, len(similarities) - count)[-count]))
    places = np.flatnonzero(similarities >= least)
    places = places[np.lexsort((-index.ids[places], -similarities[places]))][:count]
    return list(zip(index.ids[places].tolist(), similarities[places].tolist(), strict=True))


def _named(session: Session, query: str) -> list[int]:
    """The papers whose slug or arXiv id the query is, or is the address of."""
    wanted = query.strip()
    conditions = [PaperRow.slug == "-".join(words_of(wanted.lower()))]
    with suppress(InvalidParameterError):
        conditions.append(PaperRow.arxiv == arxiv_id(wanted))
    return list(session.scalars(select(PaperRow.id).where(or_(*conditions)).limit(2)))


def _cosines(index: Index, similarities: "NDArray[np.float32] | None", paper_ids: Sequence[int]) -> dict[int, float]:
    """The cosines of some papers, of those that are known."""
    if similarities is None:
        return {}
    places = {id_: place for id_ in paper_ids if (place := index.position(id_)) is not None}
    return dict(zip(places, map(_cosine, similarities[list(places.values())].tolist()), strict=True))


def _cosine(value: float) -> float:
    """A cosine, free of what rounding adds."""
    return max(-1.0, min(1.0, value))


def _check(query: str, page: int, per_page: int, mode: str) -> None:
    if len(query) > LONGEST_QUERY:
        raise InvalidParameterError(
            f"the query has {len(query):,} characters; at most {LONGEST_QUERY:,} are allowed: give fewer words"
        )
    if mode not in MODES:
        raise InvalidParameterError(f"mode {mode!r} is unknown; allowed are {', '.join(MODES)}")
    if not 1 <= page <= 1_000_000:
        raise InvalidParameterError(f"page {page} is not allowed; give 1 to 1000000")
    if not 1 <= per_page <= MOST_PER_PAGE:
        raise InvalidParameterError(f"per_page {per_page} is not allowed; give 1 to {MOST_PER_PAGE}")
